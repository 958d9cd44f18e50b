//! Who else says what a record says: an aid for whoever judges, which nothing is decided by.
//!
//! The parts are read beside the engine, a few records at a time, and what they speak of is kept in memory: the
//! first question after a start takes as long as reading takes, and the next ones do not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use comity_core::corroboration::{Cve, Document, Origins, Statement};
use comity_core::journal::{Shown, Standing};
use comity_core::policy::{Lifecycle, RecordFacts};
use comity_core::{EconomyId, PartDigest, RecordId};
use comity_interop::Subject;

use super::assessing::{self, Told, imports};
use super::records::found;
use super::subjects::Speaks;
use super::{Service, local, words};
use crate::api::{
    AssessmentLine, CorroboratingLine, Corroboration, CorroborationLine, ImportLine, ImportedLine,
    LookedAt, OriginLine, RecordLine,
};
use crate::error::{ErrorKind, ServiceError};
use crate::limits::{CORROBORATING, CVES_NAMED, SEARCHED_AT_ONCE};
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
            let shown = |part: &PartDigest| sight.get(part).is_some_and(Option::is_none);
            let parts = held.parts.iter().filter(|part| shown(&part.digest));
            let speaks: Vec<_> = parts.filter_map(Speaks::of).collect();
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
        let Candidate { record, origin, does_not_count, .. } = candidate;
        let lines = imports(subject);
        if does_not_count.is_none() {
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
            self.others.push(Other { record, does_not_count, common, imports: lines });
        } else {
            self.more_others = self.more_others.saturating_add(1);
        }
    }

    async fn conclude(&mut self) -> Result<Corroboration, ServiceError> {
        let origins = Origins::of(&self.statements);
        let signers = origins.signers.clone();
        let others = std::mem::take(&mut self.others);
        let records = self.statements.len() as u64;
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
        // Many documents take long to name: not while the engine waits.
        answer.origins = origins.count() as u64;
        answer.counted = counted(&names, &origins, &documents);
        answer.signers = names.into_values().collect();
        answer.in_words = in_words(records, &answer.counted, &answer.signers);
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
        sight: impl Fn(&Held) -> BTreeMap<PartDigest, Option<String>>,
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
            let shown = |part: &PartDigest| sight.get(part).is_some_and(Option::is_none);
            let mut parts = Vec::new();
            for part in &held.parts {
                match Speaks::of(part) {
                    Some(speaks) if shown(&part.digest) => parts.push(speaks),
                    Some(_) => batch.hidden = batch.hidden.saturating_add(1),
                    None => {}
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

/// Who stands behind what was counted: economies first, each as it is called here.
fn counted(
    names: &BTreeMap<EconomyId, String>,
    origins: &Origins,
    documents: &BTreeMap<Document, ImportLine>,
) -> Vec<OriginLine> {
    let name = |economy: &EconomyId| names.get(economy).cloned().unwrap_or_default();
    let economies = origins
        .economies
        .keys()
        .map(|economy| OriginLine { economy: Some(name(economy)), ..OriginLine::default() });
    let publishers = origins.publishers.iter().map(|publishers| {
        let theirs = origins.documents.iter();
        let theirs: Vec<_> =
            theirs.filter(|(document, _)| publishers.contains(document.publisher())).collect();
        let more_documents = theirs.len().saturating_sub(CORROBORATING) as u64;
        let documents = theirs.into_iter().take(CORROBORATING).map(|(document, by)| ImportedLine {
            document: documents.get(document).cloned().unwrap_or_default(),
            imported_by: by.iter().map(name).collect(),
        });
        OriginLine {
            publishers: publishers.iter().map(|one| one.as_str().to_owned()).collect(),
            documents: documents.collect(),
            more_documents,
            ..OriginLine::default()
        }
    });
    let mut counted: Vec<_> = economies.collect();
    counted.sort_by(|one, other| one.economy.cmp(&other.economy));
    counted.extend(publishers);
    counted
}

/// Documents, and economies, that the words name of one list.
const NAMED: usize = 3;

/// `3 records, 2 origins: JP; the document CISA ICSA-24-030-02 imported by FJ and KR`.
fn in_words(records: u64, counted: &[OriginLine], signers: &[String]) -> String {
    let number = |many: u64, one: &str, more: &str| match many {
        1 => format!("1 {one}"),
        many => format!("{many} {more}"),
    };
    let origins = counted.len() as u64;
    let of = counted.iter().map(|origin| match &origin.economy {
        Some(economy) => economy.clone(),
        None => imported(&origin.documents, origin.more_documents),
    });
    let of = of.collect::<Vec<_>>().join("; ");
    let (records, origins_said) =
        (number(records, "record", "records"), number(origins, "origin", "origins"));
    if counted.is_empty() {
        return format!("{records}, {origins_said}");
    }
    // What publishers say is here by the word of whoever imported it.
    let word = if (signers.len() as u64) < origins {
        let alone = if signers.len() == 1 { " alone" } else { "" };
        format!(" (all by the word of {}{alone})", listed(signers))
    } else {
        String::new()
    };
    format!("{records}, {origins_said}: {of}{word}")
}

/// `the document CISA ICSA-24-030-02 imported by FJ and KR`.
fn imported(documents: &[ImportedLine], beyond: u64) -> String {
    let name = |one: &ImportedLine| {
        let ImportLine { publisher, namespace, id, .. } = &one.document;
        let by = if publisher.is_empty() { namespace } else { publisher };
        format!("{by} {id} imported by {}", listed(&one.imported_by))
    };
    let named: Vec<_> = documents.iter().take(NAMED).map(name).collect();
    let more = beyond.saturating_add(documents.len().saturating_sub(NAMED) as u64);
    let more = match more {
        0 => String::new(),
        more => format!(", and {more} more of the same publisher"),
    };
    let what = if documents.len() == 1 { "the document" } else { "the documents" };
    format!("{what} {}{more}", named.join(", "))
}

/// `FJ, JP and KR`.
fn listed(names: &[String]) -> String {
    let mut names: Vec<_> = names.to_vec();
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMED.saturating_add(1));
    if more > 0 {
        names.truncate(NAMED);
        names.push(format!("{} more", more.saturating_add(1)));
    }
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, front)) => format!("{} and {last}", front.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(publisher: &str, id: &str, by: &[&str]) -> ImportedLine {
        let (publisher, id) = (publisher.to_owned(), id.to_owned());
        ImportedLine {
            document: ImportLine { publisher, id, ..ImportLine::default() },
            imported_by: by.iter().map(|by| (*by).to_owned()).collect(),
        }
    }

    fn said(
        records: u64,
        economies: &[&str],
        documents: &[&[ImportedLine]],
        by: &[&str],
    ) -> String {
        let economies = economies
            .iter()
            .map(|one| OriginLine { economy: Some((*one).to_owned()), ..OriginLine::default() });
        let documents = documents
            .iter()
            .map(|some| OriginLine { documents: some.to_vec(), ..OriginLine::default() });
        let counted: Vec<_> = economies.chain(documents).collect();
        let by: Vec<_> = by.iter().map(|by| (*by).to_owned()).collect();
        in_words(records, &counted, &by)
    }

    #[test]
    fn the_words_say_how_it_was_counted() {
        let cisa = document("CISA", "ICSA-24-030-02", &["KR", "FJ"]);
        assert_eq!(
            said(3, &["JP"], &[std::slice::from_ref(&cisa)], &["JP", "KR", "FJ"]),
            "3 records, 2 origins: JP; the document CISA ICSA-24-030-02 imported by FJ and KR"
        );
        assert_eq!(said(1, &["JP"], &[], &["JP"]), "1 record, 1 origin: JP");
        assert_eq!(said(0, &[], &[], &[]), "0 records, 0 origins");
        let made_up = ["A", "B"].map(|name| document(name, "1", &["JP"]));
        let [one, other] = &made_up;
        assert_eq!(
            said(2, &[], &[std::slice::from_ref(one), std::slice::from_ref(other)], &["JP"]),
            "2 records, 2 origins: the document A 1 imported by JP; the document B 1 imported by JP (all by the word of JP alone)"
        );
        let many: Vec<_> = (0..5).map(|id| document("CISA", &id.to_string(), &["KR"])).collect();
        assert_eq!(
            said(5, &[], &[&many], &["KR"]),
            "5 records, 1 origin: the documents CISA 0 imported by KR, CISA 1 imported by KR, CISA 2 imported by KR, and 2 more of the same publisher"
        );
        let names = ["E", "D", "C", "B", "A"].map(str::to_owned);
        assert_eq!(listed(&names), "A, B, C and 2 more");
        assert_eq!(listed(&names[1..]), "A, B, C and D");
    }
}
