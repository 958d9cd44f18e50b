//! Who else says what a record says: an aid for whoever judges, which nothing is decided by.
//!
//! The parts are read beside the engine, a few records at a time, and what they speak of is kept in memory: the
//! first question after a start takes as long as reading takes, and the next ones do not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use comity_core::corroboration::{Cve, Document, Origins, Statement};
use comity_core::journal::{Shown, Standing};
use comity_core::policy::{Lifecycle, PartFacts, RecordFacts};
use comity_core::{EconomyId, RecordId};
use comity_interop::Subject;

use super::assessing::{self, Told, imports};
use super::corroboration_words::{counted, in_words};
use super::records::found;
use super::subjects::Speaks;
use super::{Service, local, words};
use crate::api::{
    AssessmentLine, CorroboratingLine, Corroboration, CorroborationLine, ImportLine, LookedAt,
    RecordLine,
};
use crate::error::{ErrorKind, ServiceError};
use crate::limits::{CORROBORATING, CVES_NAMED, SEARCHED_AT_ONCE, STATEMENTS_BYTES};
use crate::state::{Held, State};

/// A search for what speaks of the same, on its way through the records.
pub struct Corroborating {
    service: Service,
    /// What is asked about, and what it speaks of.
    about: Arc<About>,
    /// The place from which the next records are taken, the newest first.
    from: Option<u64>,
    done: u64,
    looked_at: LookedAt,
    statements: Vec<Statement>,
    /// Bytes of memory that they take, about, and how many found no room.
    weight: usize,
    beyond: u64,
    documents: BTreeMap<Document, ImportLine>,
    others: Vec<Other>,
    more_others: u64,
    ended: bool,
}

/// What is asked about.
struct About {
    record: RecordId,
    exercise: Option<String>,
    subject: Subject,
}

/// A record that speaks of the same.
struct Other {
    record: RecordId,
    above_green: bool,
    does_not_count: Option<String>,
    common: Common,
    imports: Vec<ImportLine>,
}

/// What two records have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Common {
    cves: Vec<Cve>,
    more_cves: u64,
    same_document: bool,
    refers: bool,
}

/// A record that is to be read.
struct Candidate {
    record: RecordId,
    origin: EconomyId,
    does_not_count: Option<String>,
    parts: Vec<Speaks>,
}

/// Some records, and where the next ones are.
struct Batch {
    candidates: Vec<Candidate>,
    from: Option<u64>,
    looked_at: u64,
    records: u64,
    hidden: u64,
    total: u64,
    last: bool,
}

impl Service {
    /// Begins to look for who else says what a record says.
    pub async fn corroborate(&self, record: &str) -> Result<Corroborating, ServiceError> {
        let text = record.to_owned();
        let (desks, now, sees) = (self.parts.config.local.desks.clone(), self.now(), self.sees());
        let asked = self.look(move |state, _, _| {
            let (id, held) = found(state, &text)?;
            assessing::has_content(held)?;
            let sight = local::sight(state, held, &desks, sees, now);
            let shown = |part: &PartFacts| sight.get(&part.digest)?.as_ref().ok();
            let parts = held.parts.iter().filter_map(|part| Some((part, shown(part)?)));
            let speaks: Vec<_> = parts.filter_map(|(part, seen)| Speaks::of(part, seen)).collect();
            let exercise = held.facts.floor.exercise.clone();
            let itself = Candidate {
                record: id,
                origin: held.facts.origin,
                does_not_count: does_not_count(&held.facts, &held.standing, &exercise),
                parts: speaks.clone(),
            };
            Ok::<_, ServiceError>((itself, exercise, speaks))
        });
        let (itself, exercise, speaks) = asked.await??;
        // What is shown of others is what they have in common with it.
        if speaks.iter().any(|part| part.above_green) {
            self.note_read(Shown::Record(itself.record)).await?;
        }
        let (store, subjects) = (Arc::clone(&self.parts.store), Arc::clone(&self.parts.subjects));
        let read = move || subjects.of_record(&*store, &speaks, &mut 0);
        let subject = tokio::task::spawn_blocking(read).await.map_err(|_stopped| interrupted())?;
        // Nothing that is looked at can speak of the same as what speaks of nothing.
        let mute = subject.cves.is_empty() && subject.documents.is_empty();
        let record = itself.record;
        let mut corroborating = Corroborating {
            service: self.clone(),
            about: Arc::new(About { record, exercise, subject }),
            from: mute.then_some(0),
            done: 0,
            looked_at: LookedAt::default(),
            statements: Vec::new(),
            weight: 0,
            beyond: 0,
            documents: BTreeMap::new(),
            others: Vec::new(),
            more_others: 0,
            ended: false,
        };
        let about = Arc::clone(&corroborating.about);
        corroborating.keep(itself, &about.subject, Common::default());
        Ok(corroborating)
    }
}

fn interrupted() -> ServiceError {
    ServiceError::new(ErrorKind::TryLater, "interrupted", "the search was interrupted")
}

impl Corroborating {
    /// The next line of the answer. `None`: all was said.
    pub async fn next(&mut self) -> Result<Option<CorroborationLine>, ServiceError> {
        if self.ended {
            return Ok(None);
        }
        let (from, about) = (self.from, Arc::clone(&self.about));
        let desks = self.service.parts.config.local.desks.clone();
        let (now, sees) = (self.service.now(), self.service.sees());
        let batch = self.service.look(move |state, _, _| {
            Batch::take(state, from, &about, |held| local::sight(state, held, &desks, sees, now))
        });
        let batch = batch.await?;
        let parts = &self.service.parts;
        let (store, subjects) = (Arc::clone(&parts.store), Arc::clone(&parts.subjects));
        let (about, candidates) = (Arc::clone(&self.about), batch.candidates);
        let read = move || {
            let mut unreadable = 0;
            let found = candidates.into_iter().filter_map(|candidate| {
                let subject = subjects.of_record(&*store, &candidate.parts, &mut unreadable);
                let common = Common::of(&about.subject, &subject);
                common.is_any().then_some((candidate, subject, common))
            });
            (found.collect::<Vec<_>>(), unreadable)
        };
        let (found, unreadable) =
            tokio::task::spawn_blocking(read).await.map_err(|_stopped| interrupted())?;
        self.from = batch.from;
        self.done = self.done.saturating_add(batch.looked_at);
        self.looked_at.records = self.looked_at.records.saturating_add(batch.records);
        self.looked_at.hidden = self.looked_at.hidden.saturating_add(batch.hidden);
        self.looked_at.unreadable = self.looked_at.unreadable.saturating_add(unreadable);
        for (candidate, subject, common) in found {
            self.keep(candidate, &subject, common);
        }
        if !batch.last {
            let (done, total) = (self.done, batch.total);
            return Ok(Some(CorroborationLine::Progress { done, total }));
        }
        self.ended = true;
        self.conclude().await.map(|answer| Some(CorroborationLine::Done(Box::new(answer))))
    }

    fn keep(&mut self, candidate: Candidate, subject: &Subject, common: Common) {
        let Candidate { record, origin, does_not_count, parts } = candidate;
        let lines = imports(subject);
        let above_green = parts.iter().any(|part| part.above_green);
        // Whoever sends many that name much makes nobody's memory end.
        let weight = self.weight.saturating_add(subject.weight());
        if does_not_count.is_none() && weight > STATEMENTS_BYTES {
            self.beyond = self.beyond.saturating_add(1);
        } else if does_not_count.is_none() {
            self.weight = weight;
            let named = subject.documents.keys().cloned().zip(lines.iter().cloned());
            for (document, line) in named {
                self.documents.entry(document).or_insert(line);
            }
            let imports = subject.documents.iter();
            let imports = imports.map(|(name, one)| (name.clone(), one.addresses.clone()));
            self.statements.push(Statement { record, origin, imports: imports.collect() });
        }
        if record == self.about.record {
            return;
        }
        if self.others.len() < CORROBORATING {
            self.others.push(Other { record, above_green, does_not_count, common, imports: lines });
        } else {
            self.more_others = self.more_others.saturating_add(1);
        }
    }

    async fn conclude(&mut self) -> Result<Corroboration, ServiceError> {
        let others = std::mem::take(&mut self.others);
        // What they say is shown with what they have in common.
        for other in others.iter().filter(|other| other.above_green) {
            self.service.note_read(Shown::Record(other.record)).await?;
        }
        let statements = std::mem::take(&mut self.statements);
        let (records, beyond) = (statements.len() as u64, self.beyond);
        let joining = tokio::task::spawn_blocking(move || Origins::of(&statements));
        let origins = joining.await.map_err(|_stopped| interrupted())?;
        let signers = origins.signers.clone();
        let (documents, about) = (std::mem::take(&mut self.documents), Arc::clone(&self.about));
        let (more_others, looked_at) = (self.more_others, self.looked_at);
        let (now, sees) = (self.service.now(), self.service.sees());
        let answer = self.service.look(move |state, _, _| {
            let gone = || ServiceError::no_input("no-record", "the record is gone");
            let held = state.record(&about.record).ok_or_else(gone)?;
            let line = |id: &RecordId| {
                state.record(id).map(|held| words::record_line(state, id, held, now))
            };
            let others = others.into_iter().filter_map(|other| {
                Some(CorroboratingLine {
                    record: line(&other.record)?,
                    does_not_count: other.does_not_count,
                    cves: other.common.cves.iter().map(ToString::to_string).collect(),
                    more_cves: other.common.more_cves,
                    same_document: other.common.same_document,
                    refers: other.common.refers,
                    imports: other.imports,
                })
            });
            let names: BTreeMap<_, _> =
                signers.into_iter().map(|one| (one, state.name_of(&one))).collect();
            let about_it = &about.subject;
            let mut provenance = assessing::provenance(state, &about.record, held);
            provenance.imports = imports(about_it);
            let told = Told::of_record(state, &about.record, held, sees);
            let named = about_it.cves.iter().take(CVES_NAMED);
            let answer = Corroboration {
                record: words::record_line(state, &about.record, held, now),
                assessment: AssessmentLine { of: held.reference.clone(), ..Default::default() },
                provenance,
                cves: named.map(ToString::to_string).collect(),
                more_cves: about_it.cves.len().saturating_sub(CVES_NAMED) as u64,
                in_words: String::new(),
                records,
                not_counted: beyond,
                origins: 0,
                counted: Vec::new(),
                signers: Vec::new(),
                does_not_count: does_not_count(&held.facts, &held.standing, &about.exercise),
                others: others.collect(),
                more_others,
                looked_at,
            };
            Ok::<_, ServiceError>((answer, told, names))
        });
        let (mut answer, told, names) = answer.await??;
        // Many documents take long to name: not while the engine, or anybody else, waits.
        answer.origins = origins.count() as u64;
        let naming = tokio::task::spawn_blocking(move || {
            (counted(&names, &origins, &documents), names.into_values().collect())
        });
        (answer.counted, answer.signers) = naming.await.map_err(|_stopped| interrupted())?;
        answer.in_words = in_words((records, beyond), &answer.counted, &answer.signers);
        if let Some(told) = told {
            answer.assessment = self.service.with_reasons(told)?;
        }
        answer.record = self.service.discreet(answer.record);
        for other in &mut answer.others {
            let line: RecordLine = other.record.clone();
            other.record = self.service.discreet(line);
        }
        Ok(answer)
    }
}

impl Batch {
    fn take(
        state: &State,
        from: Option<u64>,
        about: &About,
        sight: impl Fn(&Held) -> local::Sights,
    ) -> Self {
        let mut batch = Self {
            candidates: Vec::new(),
            from,
            looked_at: 0,
            records: 0,
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
            let held = state.record(&record).filter(|held| !held.facts.kind.is_control());
            let Some(held) = held else { continue };
            batch.records = batch.records.saturating_add(1);
            let sight = sight(held);
            weighed = weighed.saturating_add(sight.len());
            let mut parts = Vec::new();
            for part in held.parts.iter().filter(|part| Speaks::may(part)) {
                match sight.get(&part.digest) {
                    Some(Ok(seen)) => parts.extend(Speaks::of(part, seen)),
                    Some(Err(_)) | None => batch.hidden = batch.hidden.saturating_add(1),
                }
            }
            if parts.is_empty() || record == about.record {
                continue;
            }
            batch.candidates.push(Candidate {
                record,
                origin: held.facts.origin,
                does_not_count: does_not_count(&held.facts, &held.standing, &about.exercise),
                parts,
            });
        }
        batch
    }
}

/// Why a record stands for nobody here, if it does not.
fn does_not_count(
    facts: &RecordFacts,
    standing: &Standing,
    exercise: &Option<String>,
) -> Option<String> {
    let why = match (standing, facts.lifecycle) {
        (Standing::Dropped, _) => "it was dropped",
        (Standing::Quarantined(_) | Standing::InReview(_), _) => "it is in quarantine",
        (Standing::Pending(_), _) => "it cannot be judged yet",
        (Standing::Accepted, Lifecycle::Withdrawn) => "it was taken back",
        (Standing::Accepted, Lifecycle::Superseded) => "it was replaced",
        (Standing::Accepted, Lifecycle::Live) if facts.floor.exercise != *exercise => {
            match &facts.floor.exercise {
                Some(_) => "it is of an exercise",
                None => "it is of no exercise",
            }
        }
        (Standing::Accepted, Lifecycle::Live) => return None,
    };
    Some(why.to_owned())
}

impl Common {
    fn of(one: &Subject, other: &Subject) -> Self {
        let shared = || one.cves.intersection(&other.cves);
        let addresses = |of: &Subject| -> BTreeSet<_> {
            of.documents.values().flat_map(|one| one.addresses.iter().cloned()).collect()
        };
        let (ours, theirs) = (addresses(one), addresses(other));
        let same = one.documents.keys().any(|document| other.documents.contains_key(document));
        Self {
            cves: shared().take(CVES_NAMED).copied().collect(),
            more_cves: shared().count().saturating_sub(CVES_NAMED) as u64,
            same_document: same || !ours.is_disjoint(&theirs),
            refers: !one.references.is_disjoint(&theirs) || !other.references.is_disjoint(&ours),
        }
    }

    fn is_any(&self) -> bool {
        !self.cves.is_empty() || self.same_document || self.refers
    }
}
