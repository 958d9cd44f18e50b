//! What was erased, and what is not to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use comity_core::journal::{Erasure, Exported, JournalEntry, LegalHold};
use comity_core::{Digest, PartDigest, RecordId, Section, Timestamp};

use super::records::Held;
use super::{State, titles};

/// What a record is called whose title was erased.
pub(crate) const NO_TITLE: &str = "erased";
/// What makes two words about erasure one.
const WORD: &str = "comity/word-about-erasure/1";

/// What was erased, and what is not to be.
#[derive(Debug, Default)]
pub struct Erasures {
    /// In the order in which they were made.
    of: BTreeMap<RecordId, Vec<Arc<Erasure>>>,
    bodies: BTreeMap<PartDigest, Arc<Erasure>>,
    holds: BTreeMap<RecordId, LegalHold>,
    /// Of each record the last word about a hold: when, and whether it is one. Words may be entered in
    /// another order than they were said, after a restore.
    said: BTreeMap<RecordId, (Timestamp, bool)>,
    /// The sections of the drafts that records were made from.
    drafted: BTreeMap<RecordId, Vec<PartDigest>>,
    /// Every entry that outlasts a restore, in order, and what tells them apart: those about any of it, and those
    /// about files that left.
    words: Vec<JournalEntry>,
    known: BTreeSet<Digest>,
    /// Which of them say that files of a record left.
    files: BTreeMap<RecordId, Vec<usize>>,
}

/// What tells two such entries apart.
#[must_use]
pub(crate) fn word_digest(entry: &JournalEntry) -> Digest {
    Digest::of_all(WORD, &[&[entry.kind()], &entry.encode()])
}

impl Erasures {
    /// What was erased of a record, in the order in which it was.
    #[must_use]
    pub fn of(&self, record: &RecordId) -> &[Arc<Erasure>] {
        self.of.get(record).map_or(&[], Vec::as_slice)
    }

    /// The erasure that took a body: of a part, or of what lay beside.
    #[must_use]
    pub fn took(&self, body: &PartDigest) -> Option<&Erasure> {
        self.bodies.get(body).map(|erasure| &**erasure)
    }

    /// Every body that was erased.
    pub fn bodies(&self) -> impl Iterator<Item = &PartDigest> {
        self.bodies.keys()
    }

    /// The hold that keeps a record.
    #[must_use]
    pub fn hold(&self, record: &RecordId) -> Option<&LegalHold> {
        self.holds.get(record)
    }

    /// Every hold.
    pub fn holds(&self) -> impl Iterator<Item = &LegalHold> {
        self.holds.values()
    }

    /// Every entry about erasures, holds and files that left, in order: what must outlast a restore.
    #[must_use]
    pub fn words(&self) -> &[JournalEntry] {
        &self.words
    }

    /// Whether what this entry says is among them.
    #[must_use]
    pub fn knows(&self, entry: &JournalEntry) -> bool {
        self.known.contains(&word_digest(entry))
            || matches!(entry, JournalEntry::Exported(exported) if self.says_of_file(exported))
    }

    /// Whether one of them says already that the same person has made a file of as much of a record on the same terms: how
    /// often, the journal alone says, or `erasures.list` would grow with every night.
    fn says_of_file(&self, exported: &Exported) -> bool {
        let places = self.files.get(&exported.record).into_iter().flatten();
        let mut before = places.filter_map(|place| match self.words.get(*place) {
            Some(JournalEntry::Exported(before)) => Some(before),
            Some(_) | None => None,
        });
        before.any(|before| {
            before.readers == exported.readers
                && before.by == exported.by
                && before.obligations == exported.obligations
                && exported.parts.iter().all(|part| before.parts.binary_search(part).is_ok())
        })
    }

    /// The sections of the draft that a record was made from.
    #[must_use]
    pub fn draft_of(&self, record: &RecordId) -> &[PartDigest] {
        self.drafted.get(record).map_or(&[], Vec::as_slice)
    }

    pub(super) fn made_from(&mut self, record: RecordId, contents: Vec<PartDigest>) {
        if !contents.is_empty() {
            self.drafted.insert(record, contents);
        }
    }

    pub(super) fn note(&mut self, entry: JournalEntry) {
        if self.knows(&entry) {
            return;
        }
        self.known.insert(word_digest(&entry));
        if let JournalEntry::Exported(exported) = &entry {
            self.files.entry(exported.record).or_default().push(self.words.len());
        }
        self.words.push(entry);
    }
}

impl State {
    /// What was erased, and what is not to be.
    #[must_use]
    pub fn erasures(&self) -> &Erasures {
        &self.erasures
    }

    /// Whether this body was erased: it is not kept again.
    #[must_use]
    pub fn is_erased(&self, body: &PartDigest) -> bool {
        self.erasures.bodies.contains_key(body)
    }

    /// Bodies that go with these parts: the title for screens, which is the first line of the summary, and
    /// the draft's own copy, unless another draft has the same.
    #[must_use]
    pub fn beside(&self, held: &Held, parts: &[PartDigest]) -> Vec<PartDigest> {
        let mut beside = Vec::new();
        if takes_title(held, parts) && !held.title.is_empty() {
            beside.extend(titles::of_record(&held.facts.id, &held.title).map(|(digest, _)| digest));
        }
        let waits = |content: &PartDigest| {
            let drafts = self.drafts.values();
            drafts.flat_map(|draft| &draft.parts).any(|part| part.content == *content)
        };
        let drafted = self.erasures.draft_of(&held.facts.id).iter();
        beside.extend(drafted.filter(|content| !waits(content) && !self.is_erased(content)));
        beside
    }

    /// Bodies were erased.
    pub(super) fn erased(&mut self, erasure: &Erasure) {
        let shared = Arc::new(erasure.clone());
        for body in erasure.parts.iter().chain(&erasure.beside) {
            self.erasures.bodies.entry(*body).or_insert_with(|| Arc::clone(&shared));
        }
        self.erasures.of.entry(erasure.record).or_default().push(shared);
        self.erasures.note(JournalEntry::Erased(erasure.clone()));
        if let Some(held) = self.records.get_mut(&erasure.record) {
            if takes_title(held, &erasure.parts) {
                NO_TITLE.clone_into(&mut held.title);
            }
            for part in &mut held.parts {
                part.erased |= erasure.parts.contains(&part.digest);
            }
        }
        self.owes_answer_anew(&erasure.record);
        // What is under way of it is decided again.
        self.turns = self.turns.saturating_add(1);
    }

    /// Nothing of a record is erased from now on; or it may be again. The latest word counts, in whatever order
    /// they come; of the same instant, the one that keeps.
    pub(super) fn held_or_lifted(&mut self, entry: &JournalEntry) {
        let (word, holds) = if let JournalEntry::OnHold(hold) = entry {
            (hold, true)
        } else if let JournalEntry::HoldLifted(lifted) = entry {
            (lifted, false)
        } else {
            return;
        };
        let (last, said) = (self.erasures.said.get(&word.record), (word.at, holds));
        if last.is_none_or(|last| said >= *last) {
            self.erasures.said.insert(word.record, said);
            if holds {
                self.erasures.holds.insert(word.record, word.clone());
            } else {
                self.erasures.holds.remove(&word.record);
            }
        }
        self.erasures.note(entry.clone());
    }

    /// When a word about a hold on a record is said now: after those before it, also where the clock was put
    /// back between two starts.
    pub(crate) fn after_words_about(&self, record: &RecordId, now: Timestamp) -> Timestamp {
        let last = self.erasures.said.get(record);
        last.map_or(now, |(at, _)| now.max(at.saturating_add(Duration::from_millis(1))))
    }

    /// Marks which parts of a record that has just come in were erased before.
    pub(super) fn mark_erased(&mut self, record: &RecordId) {
        let Some(held) = self.records.get_mut(record) else { return };
        let mut any = false;
        for part in &mut held.parts {
            part.erased = self.erasures.bodies.contains_key(&part.digest);
            any |= part.erased;
        }
        if any && titleless(held) {
            NO_TITLE.clone_into(&mut held.title);
        }
    }

    /// What screens call a record: it is no part of its entry.
    pub(crate) fn call(&mut self, record: &RecordId, title: String) {
        if let Some(held) = self.records.get_mut(record)
            && held.title.is_empty()
        {
            held.title = title;
        }
    }

    /// The same of a draft.
    pub(crate) fn call_draft(&mut self, draft: u64, title: String) {
        if let Some(draft) = self.drafts.get_mut(&draft)
            && draft.title.is_empty()
        {
            draft.title = title;
        }
    }
}

/// Whether the title goes with these parts: with the summary, from which it is taken, and with the last.
fn takes_title(held: &Held, parts: &[PartDigest]) -> bool {
    let goes = |part: &comity_core::policy::PartFacts| part.erased || parts.contains(&part.digest);
    held.parts.iter().any(|part| part.counts_as == Section::Summary && parts.contains(&part.digest))
        || (!held.parts.is_empty() && held.parts.iter().all(goes))
}

fn titleless(held: &Held) -> bool {
    let erased: Vec<_> =
        held.parts.iter().filter(|part| part.erased).map(|part| part.digest).collect();
    takes_title(held, &erased)
}
