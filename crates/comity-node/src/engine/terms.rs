//! What has been here for as long as it may is let go, a few records at a time.
//!
//! When that is follows from the journal, so nothing has to be remembered over a restart. Nothing is erased
//! by a time that nobody vouches for.

use std::time::Duration;

use comity_core::journal::{Erasure, ErasureCause};
use comity_core::{PartDigest, RecordId, Timestamp};

use super::Engine;
use crate::config::Retention;
use crate::limits::{A_DAY, AN_HOUR, ERASED_IN_A_STEP, SWEPT_IN_A_STEP};
use crate::state::{Due, Held, Rule, State};

/// Where the search for what is due stands.
#[derive(Debug)]
pub(super) struct Sweep {
    own: Retention,
    /// When it goes on.
    next: Timestamp,
    /// The record that was looked at last.
    after: Option<RecordId>,
    /// The first that will be due, of those that were looked at.
    earliest: Option<Timestamp>,
    /// Where a person erases, and nothing goes by itself: what is over so far, and when that was said.
    tells: Option<Over>,
}

/// What has been here for longer than it may.
#[derive(Clone, Copy, Debug, Default)]
struct Over {
    parts: u64,
    /// Of those, parts whose term was agreed with somebody.
    agreed: u64,
    said: Option<Timestamp>,
}

impl Engine {
    /// The same, and lets go of what has been here for as long as it may.
    #[must_use]
    pub fn keeping_for(mut self, own: Retention) -> Self {
        let (next, after, earliest, tells) = (Timestamp::EPOCH, None, None, None);
        self.sweep = Some(Sweep { own, next, after, earliest, tells });
        self
    }

    /// The same, and says what has been here for longer than it may: nothing goes by itself.
    #[must_use]
    pub fn telling_of(mut self, own: Retention) -> Self {
        let (next, after, earliest) = (Timestamp::EPOCH, None, None);
        let tells = Some(Over::default());
        self.sweep = Some(Sweep { own, next, after, earliest, tells });
        self
    }

    /// When the search goes on.
    pub(super) fn next_sweep(&self) -> Option<Timestamp> {
        // No clock does harm by what is only said.
        let may = |sweep: &&Sweep| sweep.tells.is_some() || self.unsure().is_none();
        let sweep = self.sweep.as_ref().filter(may)?;
        self.state.recovery().is_none().then_some(sweep.next)
    }

    /// Whether it has not come to the end.
    pub(super) fn is_sweeping(&self) -> bool {
        let under_way = self.sweep.as_ref().is_some_and(|sweep| sweep.after.is_some());
        under_way && self.failed.is_none() && self.next_sweep().is_some()
    }

    /// Goes through some more records, and lets go of what is due.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        if self.next_sweep().is_none_or(|next| now < next) {
            return;
        }
        let Some(sweep) = &self.sweep else { return };
        let (own, mut after, mut earliest) = (sweep.own, sweep.after, sweep.earliest);
        let mut tells = sweep.tells;
        let (mut due, mut looked) = (Vec::new(), 0_usize);
        let mut ended = true;
        for (id, held) in self.state.records_after(after) {
            if looked >= SWEPT_IN_A_STEP || due.len() >= ERASED_IN_A_STEP {
                ended = false;
                break;
            }
            looked = looked.saturating_add(1).saturating_add(held.parts.len());
            after = Some(*id);
            let (parts, next) = due_parts(&self.state, held, &own, now);
            earliest = earliest.into_iter().chain(next).min();
            if parts.is_empty() || self.state.stays(id).is_some() {
                continue;
            }
            if let Some(over) = &mut tells {
                let agreed = parts.iter().filter(|(_, due)| matches!(due.rule, Rule::Lent { .. }));
                over.agreed = over.agreed.saturating_add(agreed.count() as u64);
                over.parts = over.parts.saturating_add(parts.len() as u64);
            } else if let Some((_, first)) = parts.first() {
                let reason = in_words(&self.state, first);
                let parts: Vec<_> = parts.iter().map(|(part, _)| *part).collect();
                due.push((*id, parts, reason));
            }
        }
        if let Some(sweep) = &mut self.sweep {
            let hour = now.saturating_add(AN_HOUR);
            (sweep.after, sweep.earliest, sweep.next) = match ended {
                true => (None, None, earliest.map_or(hour, |at| at.min(hour))),
                false => (after, earliest, now),
            };
        }
        self.say_over(tells, ended, now);
        for (record, parts, reason) in due {
            let Some(held) = self.state.record(&record) else { continue };
            if self.state.shared_with(&record, &parts.iter().copied().collect()).is_some() {
                continue;
            }
            let (beside, by) = (self.state.beside(held, &parts), String::new());
            let cause = ErasureCause::Term;
            self.enter_erasure(Erasure { record, parts, beside, cause, reason, by, at: now });
        }
    }
}

impl Engine {
    /// Once a day, that something is here for longer than it may be.
    fn say_over(&mut self, tells: Option<Over>, ended: bool, now: Timestamp) {
        let Some(mut over) = tells else { return };
        let due = over.said.is_none_or(|said| now.since(said) >= A_DAY);
        if ended && over.parts > 0 && due {
            over.said = Some(now);
            let (parts, of) = match over.parts {
                1 => ("1 part is".to_owned(), "it"),
                many => (format!("{many} parts are"), "them"),
            };
            let agreed = match over.agreed {
                0 => String::new(),
                many => format!(", {many} of {of} against what was agreed with a partner"),
            };
            let text = format!(
                "{parts} here for longer than the term{agreed}: comity retention due; `retention.automatic = true` erases by itself"
            );
            self.alarm(None, "retention-due", text);
        }
        if ended {
            (over.parts, over.agreed) = (0, 0);
        }
        if let Some(sweep) = &mut self.sweep {
            sweep.tells = Some(over);
        }
    }
}

/// The parts of a record that are due, the first first, and when the next will be.
fn due_parts(
    state: &State,
    held: &Held,
    own: &Retention,
    now: Timestamp,
) -> (Vec<(PartDigest, Due)>, Option<Timestamp>) {
    let parts = held.parts.iter();
    let due = parts.filter_map(|part| Some((part.digest, state.term_of(held, part, own)?)));
    let (mut over, later): (Vec<_>, Vec<_>) = due.partition(|(_, due)| due.at <= now);
    over.sort_by_key(|(_, due)| due.at);
    (over, later.iter().map(|(_, due)| due.at).min())
}

/// The rule, as it stands in the journal and in certificates.
pub(crate) fn in_words(state: &State, due: &Due) -> String {
    let days = |term: Duration| term.as_secs() / A_DAY.as_secs();
    match due.rule {
        Rule::AboveGreen(term) => format!("{} days, above TLP:GREEN", days(term)),
        Rule::PersonalData(term) => format!("{} days, personal data", days(term)),
        Rule::Lent { by, days } => format!("{days} days, agreed with {}", state.name_of(&by)),
    }
}
