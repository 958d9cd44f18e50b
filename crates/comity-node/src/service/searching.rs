//! Who did we tell, asked by what was told: a value, or a file.
//!
//! The parts are read beside the engine, a few records at a time; what whoever uses this node may not see
//! is not looked at, and counted.

use std::collections::VecDeque;
use std::sync::Arc;

use comity_core::journal::Shown;
use comity_core::policy::PartFacts;
use comity_core::sight::Sight;
use comity_core::{PartDigest, RecordId, Timestamp, Tlp};
use comity_store::Store;

use super::audit_partner::sent;
use super::needle::Needle;
use super::{Service, consented, files, local, outside, words};
use crate::api::{
    AuditFound, AuditOutside, AuditSent, FoundPart, SearchDone, SearchLine, SearchRequest,
};
use crate::error::{ErrorKind, ServiceError};
use crate::limits::SEARCHED_AT_ONCE;
use crate::state::State;

/// A search on its way through the records.
pub struct Searching {
    service: Service,
    needle: Arc<Needle>,
    /// The place from which the next records are taken, the newest first.
    from: Option<u64>,
    done: u64,
    tally: SearchDone,
    /// What is to be told before the search goes on.
    lines: VecDeque<SearchLine>,
    ended: bool,
}

/// A record that is to be read.
struct Candidate {
    record: RecordId,
    parts: Vec<Sight>,
}

/// Some records, and where the next ones are.
struct Batch {
    candidates: Vec<Candidate>,
    from: Option<u64>,
    records: u64,
    looked_at: u64,
    hidden: u64,
    total: u64,
    last: bool,
}

impl Service {
    /// Begins to look for what was told.
    pub fn search(&self, request: &SearchRequest) -> Result<Searching, ServiceError> {
        Ok(Searching {
            service: self.clone(),
            needle: Arc::new(Needle::read(request)?),
            from: None,
            done: 0,
            tally: SearchDone::default(),
            lines: VecDeque::new(),
            ended: false,
        })
    }
}

impl Searching {
    /// The next line of the answer. `None`: all was said.
    pub async fn next(&mut self) -> Result<Option<SearchLine>, ServiceError> {
        if self.lines.is_empty() && !self.ended {
            self.go_on().await?;
        }
        Ok(self.lines.pop_front())
    }

    async fn go_on(&mut self) -> Result<(), ServiceError> {
        let (from, desks) = (self.from, self.service.parts.config.local.desks.clone());
        let (now, sees) = (self.service.now(), self.service.sees());
        let looked_for = Arc::clone(&self.needle);
        let batch = self.service.look(move |state, _, _| {
            let sight = |id: &RecordId| {
                let held = state.record(id).filter(|held| !held.facts.kind.is_control())?;
                let mut sight = local::sight(state, held, &desks, sees, now);
                let parts = held.parts.iter();
                for other in parts.filter(|part| !looked_for.looks_at(part.counts_as)) {
                    sight.remove(&other.digest);
                }
                Some(sight)
            };
            Batch::take(state, from, sight)
        });
        let batch = batch.await?;
        let (store, needle) = (Arc::clone(&self.service.parts.store), Arc::clone(&self.needle));
        let candidates = batch.candidates;
        let read = tokio::task::spawn_blocking(move || read(&*store, &needle, &candidates)).await;
        let (hits, unreadable) = read.map_err(|_stopped| {
            ServiceError::new(ErrorKind::TryLater, "interrupted", "the search was interrupted")
        })?;
        self.from = batch.from;
        self.done = self.done.saturating_add(batch.looked_at);
        self.tally.records = self.tally.records.saturating_add(batch.records);
        self.tally.hidden = self.tally.hidden.saturating_add(batch.hidden);
        self.tally.unreadable = self.tally.unreadable.saturating_add(unreadable);
        let whole = self.needle.is_of_records();
        for (record, parts) in hits {
            let found = self.service.look(move |state, _, _| {
                let held = state.record(&record)?;
                let is_in = |part: &&PartFacts| parts.contains(&part.digest);
                let above_green =
                    held.parts.iter().filter(is_in).any(|part| part.marking.tlp > Tlp::Green);
                // Of a case, whoever has any part of its record was told.
                let told_of: Vec<_> = match whole {
                    true => held.parts.iter().map(|part| part.digest).collect(),
                    false => parts.clone(),
                };
                let found = AuditFound {
                    record: words::record_line(state, &record, held, now),
                    parts: held
                        .parts
                        .iter()
                        .filter(is_in)
                        .map(|part| FoundPart {
                            part: part.digest.to_string(),
                            section: part.counts_as.to_string(),
                            tlp: part.marking.tlp.to_string(),
                        })
                        .collect(),
                    sent: told(state, &record, &told_of, (now, sees)),
                    consented: consented::of_parts(state, &record, &told_of, now),
                    told_outside: told_outside(state, &record, &told_of),
                    files: files::with_parts(state, &record, &told_of),
                };
                Some((found, above_green))
            });
            if let Some((mut found, above_green)) = found.await? {
                // That a word stands in it is read from it.
                if above_green {
                    self.service.note_read(Shown::Record(record)).await?;
                }
                found.record = self.service.discreet(found.record);
                self.tally.found = self.tally.found.saturating_add(1);
                self.lines.push_back(SearchLine::Found(Box::new(found)));
            }
        }
        self.ended = batch.last;
        self.lines.push_back(if batch.last {
            SearchLine::Done(self.tally)
        } else {
            SearchLine::Progress { done: self.done, total: batch.total }
        });
        Ok(())
    }
}

impl Batch {
    fn take(
        state: &State,
        from: Option<u64>,
        sight: impl Fn(&RecordId) -> Option<local::Sights>,
    ) -> Self {
        let mut batch = Self {
            candidates: Vec::new(),
            from,
            records: 0,
            looked_at: 0,
            hidden: 0,
            total: state.records().len() as u64,
            last: true,
        };
        let mut weighed = 0_usize;
        for (place, record) in state.arrivals_before(from) {
            if weighed >= SEARCHED_AT_ONCE {
                batch.last = false;
                break;
            }
            weighed = weighed.saturating_add(1);
            batch.looked_at = batch.looked_at.saturating_add(1);
            batch.from = Some(place);
            let Some(sight) = sight(&record) else { continue };
            weighed = weighed.saturating_add(sight.len());
            batch.records = batch.records.saturating_add(1);
            let of = sight.len();
            let parts: Vec<_> = sight.into_values().filter_map(Result::ok).collect();
            batch.hidden = batch.hidden.saturating_add(of.saturating_sub(parts.len()) as u64);
            if !parts.is_empty() {
                batch.candidates.push(Candidate { record, parts });
            }
        }
        batch
    }
}

/// The parts that have it, and how many could not be read. One body is in memory at a time.
fn read(
    store: &dyn Store,
    needle: &Needle,
    candidates: &[Candidate],
) -> (Vec<(RecordId, Vec<PartDigest>)>, u64) {
    let (mut hits, mut unreadable) = (Vec::new(), 0_u64);
    for candidate in candidates {
        let mut found = Vec::new();
        for sight in &candidate.parts {
            let body = store.blob(&sight.part()).ok().flatten();
            match body.and_then(|bytes| sight.show(bytes).ok()) {
                Some(shown) if needle.is_in(shown.content()) => found.push(sight.part()),
                Some(_) => {}
                None => unreadable = unreadable.saturating_add(1),
            }
        }
        if !found.is_empty() {
            hits.push((candidate.record, found));
        }
    }
    (hits, unreadable)
}

/// Who was told at least one of these parts by other means, as far as that was not wrong.
fn told_outside(state: &State, record: &RecordId, parts: &[PartDigest]) -> Vec<AuditOutside> {
    let parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
    let mut said = outside::lines(state, record);
    said.retain(|one| one.wrong.is_none() && one.parts.iter().any(|part| parts.contains(part)));
    said
}

/// The deliveries of a record with at least one of these parts.
fn told(
    state: &State,
    record: &RecordId,
    parts: &[PartDigest],
    (now, sees): (Timestamp, Option<Tlp>),
) -> Vec<AuditSent> {
    let mut told = Vec::new();
    for (economy, partner) in state.partners() {
        for number in partner.out.numbers_of(record) {
            let line = partner.out.entry(*number);
            let has = line
                .and_then(|line| line.entry.as_ref())
                .is_some_and(|entry| entry.parts.iter().any(|part| parts.contains(part)));
            if let Some(line) = line.filter(|_| has) {
                let sent = sent(state, (economy, partner), line, (now, sees));
                told.extend(sent.map(|sent| (line.at, sent)));
            }
        }
    }
    told.sort_by_key(|(at, _)| *at);
    told.into_iter().map(|(_, sent)| sent).collect()
}
