//! How far sources, and what they say, are to be believed, as people here said; and by whom each record came.
//! Nothing is decided by either.

use std::collections::{BTreeMap, VecDeque};

use comity_core::assessment::{Credibility, Reliability};
use comity_core::journal::{Assessed, AssessedSubject, Source};
use comity_core::{EconomyId, RecordId, Timestamp};

use super::State;
use crate::limits::ASSESSMENTS_HELD;

/// What was said of one source, or of one record.
#[derive(Clone, Debug, Default)]
pub struct Assessment {
    /// The last word about the source's reliability.
    pub reliability: Option<Reliability>,
    /// The last word about the record's credibility.
    pub credibility: Option<Credibility>,
    /// Every word, the first one first; of many, the last [`ASSESSMENTS_HELD`].
    pub said: VecDeque<Said>,
    /// How many came before those.
    pub earlier: u64,
}

/// One word. Why it was said stands in its journal entry.
#[derive(Clone, Debug)]
pub struct Said {
    /// How reliable the source is.
    pub reliability: Option<Reliability>,
    /// How credible the record is.
    pub credibility: Option<Credibility>,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The entry.
    pub seq: u64,
}

/// All of them, and by whom records came after they had come first.
#[derive(Debug, Default)]
pub(super) struct Assessments {
    of: BTreeMap<AssessedSubject, Assessment>,
    /// Each partner once, with the first time that it brought the record.
    came: BTreeMap<RecordId, Vec<(EconomyId, Timestamp)>>,
}

impl State {
    /// Somebody said how far something is to be believed.
    pub(super) fn assessed(&mut self, assessed: &Assessed) {
        let Assessed { subject, reliability, credibility, reason: _, by, at } = assessed;
        let known = self.assessments.of.entry(*subject).or_default();
        known.reliability = reliability.or(known.reliability);
        known.credibility = credibility.or(known.credibility);
        let (reliability, credibility) = (*reliability, *credibility);
        let (by, at, seq) = (by.clone(), *at, self.seq);
        known.said.push_back(Said { reliability, credibility, by, at, seq });
        if known.said.len() > ASSESSMENTS_HELD {
            known.said.pop_front();
            known.earlier = known.earlier.saturating_add(1);
        }
    }

    /// A record that is here came once more.
    pub(super) fn note_came(&mut self, record: &RecordId, source: &Source, at: Timestamp) {
        let Some(by) = source.brought_by() else { return };
        let Some(held) = self.records.get(record).filter(|held| !held.facts.kind.is_control())
        else {
            return;
        };
        if held.source.brought_by() == Some(by) {
            return;
        }
        let came = self.assessments.came.entry(*record).or_default();
        if !came.iter().any(|(known, _)| *known == by) {
            came.push((by, at));
        }
    }

    /// What was said of a source, or of a record.
    #[must_use]
    pub fn assessment(&self, subject: &AssessedSubject) -> Option<&Assessment> {
        self.assessments.of.get(subject)
    }

    /// How reliable an economy is, by the last word.
    #[must_use]
    pub fn reliability(&self, economy: &EconomyId) -> Option<Reliability> {
        self.assessment(&AssessedSubject::Source(*economy))?.reliability
    }

    /// How reliable the source of a record is, and how credible the record: `B2`. What was said of the source
    /// in this record goes before what is held of it otherwise. `None`: nobody said anything of either.
    #[must_use]
    pub fn rating(&self, record: &RecordId) -> Option<(Reliability, Credibility)> {
        let of = self.assessment(&AssessedSubject::Record(*record));
        let origin = self.records.get(record)?.facts.origin;
        let source = of.and_then(|of| of.reliability).or_else(|| self.reliability(&origin));
        let credibility = of.and_then(|of| of.credibility);
        (source.is_some() || credibility.is_some()).then(|| {
            (source.unwrap_or(Reliability::F), credibility.unwrap_or(Credibility::NotJudged))
        })
    }

    /// The partners that brought a record, each with the first time, in the order in which they did.
    #[must_use]
    pub fn came_by(&self, record: &RecordId) -> Vec<(EconomyId, Timestamp)> {
        let Some(held) = self.records.get(record) else { return Vec::new() };
        let first = held.source.brought_by().map(|by| (by, held.entered_at));
        let later = self.assessments.came.get(record).into_iter().flatten().copied();
        first.into_iter().chain(later).collect()
    }
}
