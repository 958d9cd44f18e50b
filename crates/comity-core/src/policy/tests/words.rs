//! Words about agreements, put together in the order in which they come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::facts::{THEM, US};
use crate::agreement::{Terms, Tier};
use crate::identity::{EconomyId, RecordId};
use crate::policy::{Agreement, Ending, Text, Trees};
use crate::test_util::policy::terms;
use crate::time::Timestamp;

const DAY: u64 = 24 * 3600 * 1000;

pub(super) fn day(number: u64) -> Timestamp {
    Timestamp::from_millis((1000 + number) * DAY)
}

/// The record that proposes this text.
pub(super) fn id(text: u8) -> RecordId {
    RecordId([text; 32])
}

/// What a text says that matters here, in days.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Says {
    pub(super) starts: u64,
    pub(super) ends: Option<u64>,
    pub(super) notice: u32,
}

impl Says {
    fn terms(self) -> Terms {
        let mut terms = terms(Tier::Nda);
        (terms.starts, terms.ends) = (day(self.starts), self.ends.map(day));
        terms.notice_days = Some(self.notice);
        terms
    }
}

/// One record that one of the two signs.
#[derive(Clone, Debug)]
pub(super) enum Word {
    Proposes {
        text: u8,
        by: EconomyId,
        amends: Vec<u8>,
        says: Says,
    },
    Accepts {
        text: u8,
        by: EconomyId,
        record: u8,
        heard: u64,
    },
    Ends {
        text: u8,
        by: EconomyId,
        record: u8,
        given: u64,
        effective: u64,
    },
    /// The author of this record is in doubt.
    Doubts {
        record: u8,
    },
}

impl Word {
    /// The text of which it speaks.
    pub(super) fn text(&self) -> Option<u8> {
        match self {
            Self::Proposes { text, .. } | Self::Accepts { text, .. } | Self::Ends { text, .. } => {
                Some(*text)
            }
            Self::Doubts { .. } => None,
        }
    }
}

/// What was heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    pub(super) texts: BTreeMap<RecordId, Text>,
    early: BTreeMap<RecordId, Vec<Word>>,
    doubted: BTreeSet<RecordId>,
}

impl Heard {
    pub(super) fn of<'a>(words: impl IntoIterator<Item = &'a Word>) -> Self {
        let mut heard = Self::default();
        for word in words {
            heard.hear(word);
        }
        heard
    }

    fn hear(&mut self, word: &Word) {
        match word {
            Word::Doubts { record, .. } => drop(self.doubted.insert(id(*record))),
            Word::Proposes { text, by, amends, says } => {
                let amends: Vec<RecordId> = amends.iter().copied().map(id).collect();
                let other = if *by == US { THEM } else { US };
                let proposed = Text::new(*by, other, &amends, Some(Arc::new(says.terms())));
                self.texts.insert(id(*text), proposed);
                for word in self.early.remove(&id(*text)).unwrap_or_default() {
                    self.hear(&word);
                }
            }
            Word::Accepts { text, .. } | Word::Ends { text, .. } => {
                let Some(known) = self.texts.get_mut(&id(*text)) else {
                    self.early.entry(id(*text)).or_default().push(word.clone());
                    return;
                };
                match word {
                    Word::Accepts { by, record, heard, .. } => {
                        known.accept(*by, id(*record), day(*heard));
                    }
                    Word::Ends { by, record, given, effective, .. } => {
                        let (given, effective) = (day(*given), day(*effective));
                        known.end(Ending { by: *by, given, effective, record: id(*record) });
                    }
                    Word::Proposes { .. } | Word::Doubts { .. } => {}
                }
            }
        }
    }

    pub(super) fn stand(&self) -> Trees {
        Trees::of(self.texts.keys().copied(), |id| self.texts.get(id), &self.doubted)
    }

    /// Whether one text takes the place of another, directly or through others.
    pub(super) fn amends(&self, one: &RecordId, other: &RecordId) -> bool {
        let named = self.texts.get(one).map_or(&[][..], Text::amends);
        named.iter().any(|named| named == other || self.amends(named, other))
    }
}

fn texts(trees: &Trees, which: impl Fn(&Agreement) -> bool) -> Vec<u8> {
    let all = trees.agreements().iter().filter(|one| which(one));
    let mut texts: Vec<u8> = all.map(|one| one.id().0[0]).collect();
    texts.sort_unstable();
    texts
}

pub(super) fn permits(trees: &Trees, now: Timestamp) -> Vec<u8> {
    texts(trees, |one| one.in_force(now))
}

pub(super) fn binds(trees: &Trees, now: Timestamp) -> Vec<u8> {
    texts(trees, |one| one.binds(now))
}
