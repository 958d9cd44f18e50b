//! For how long the body of each part is kept, and by which rule.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comity_core::journal::Source;
use comity_core::policy::{Approval, Lifecycle, PartFacts};
use comity_core::{Class, EconomyId, PartDigest, RecordId, Timestamp, Tlp};

use super::State;
use super::records::Held;
use crate::config::Retention;

const A_DAY: u64 = 24 * 60 * 60;

/// When parts came, and what was taken on with them.
#[derive(Debug, Default)]
pub(super) struct Since(BTreeMap<PartDigest, Came>);

/// Of one part.
#[derive(Debug, Default)]
struct Came {
    /// Where that was later than its record did.
    at: Option<Timestamp>,
    /// From each partner that brought it on condition that it goes after so many days: those, and when they
    /// are over. Of several such deliveries the first that ends.
    lent: BTreeMap<EconomyId, (u32, Timestamp)>,
}

/// The rule by which a body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Our own: it is above TLP:GREEN.
    AboveGreen(Duration),
    /// Our own: it is about persons.
    PersonalData(Duration),
    /// What was taken on with it: so many days.
    Lent {
        /// From whom.
        by: EconomyId,
        /// How many.
        days: u32,
    },
}

/// When a body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// From then on.
    pub at: Timestamp,
    /// The rule that ends first.
    pub rule: Rule,
}

/// Why a body stays though its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// It is kept on legal grounds.
    OnHold,
    /// Somebody has asked for our consent about it, and waits for an answer.
    Asked,
    /// A second person has not said yet whether it leaves.
    AwaitsApproval,
}

impl State {
    /// Parts came with a delivery, for the first time or again.
    pub(super) fn note_terms(
        &mut self,
        record: &RecordId,
        new: &BTreeSet<PartDigest>,
        source: &Source,
        at: Timestamp,
    ) {
        let Some(held) = self.records.get(record) else { return };
        for part in new.iter().filter(|_| at != held.entered_at) {
            self.since.0.entry(*part).or_default().at = Some(at);
        }
        let Source::Partner(delivered) = source else { return };
        // What its origin asks where we have it by its consent alone binds as well, whatever is said here.
        let came = |part: &PartDigest| delivered.entry.parts.contains(part);
        let consented = self.consented_terms(held, source, came);
        let consented = consented.and_then(|terms| terms.retention_days);
        let days =
            [delivered.entry.obligations.retention_days, consented].into_iter().flatten().min();
        let Some(days) = days.filter(|_| held.facts.origin != self.us) else { return };
        let parts = delivered.entry.parts.iter().filter(|part| held.has_part(part));
        let parts: Vec<_> = parts.copied().collect();
        self.lend(delivered.from, &parts, days, at);
    }

    /// Somebody lent us these parts for so many days, from `at` on.
    pub(super) fn lend(&mut self, by: EconomyId, parts: &[PartDigest], days: u32, at: Timestamp) {
        let ends = at.saturating_add(Duration::from_secs(u64::from(days) * A_DAY));
        for part in parts {
            let lent = &mut self.since.0.entry(*part).or_default().lent;
            let known = lent.entry(by).or_insert((days, ends));
            if ends < known.1 {
                *known = (days, ends);
            }
        }
    }

    /// When a part came here.
    pub(super) fn came_at(&self, held: &Held, part: &PartDigest) -> Timestamp {
        self.since.0.get(part).and_then(|came| came.at).unwrap_or(held.entered_at)
    }

    /// When the body of a part goes: by the first of our own rules, and of what was taken on with it. A copy
    /// of somebody else does not shorten what its origin itself gave us.
    #[must_use]
    pub fn term_of(&self, held: &Held, part: &PartFacts, own: &Retention) -> Option<Due> {
        if part.erased {
            return None;
        }
        let came = self.since.0.get(&part.digest);
        let since = came.and_then(|came| came.at).unwrap_or(held.entered_at);
        // Nobody has it before its time of release: of our own, the term is that of what was released.
        let release = part.marking.release_at.filter(|_| held.facts.origin == self.us);
        let since = release.map_or(since, |release| release.max(since));
        let ours = |term: Option<Duration>, rule: fn(Duration) -> Rule| {
            term.map(|term| Due { at: since.saturating_add(term), rule: rule(term) })
        };
        let above = own.above_green.filter(|_| part.marking.tlp > Tlp::Green);
        let personal = own.personal_data.filter(|_| part.classes.contains(Class::PersonalData));
        let lent = came.into_iter().flat_map(|came| &came.lent);
        let binds = |by: &EconomyId| !part.from_origin || *by == held.facts.origin;
        let lent = lent
            .filter(|(by, _)| binds(by))
            .map(|(by, (days, at))| Due { at: *at, rule: Rule::Lent { by: *by, days: *days } });
        let ours = [ours(above, Rule::AboveGreen), ours(personal, Rule::PersonalData)];
        ours.into_iter().flatten().chain(lent).min_by_key(|due| due.at)
    }

    /// Another record here that has one of these parts as well, and its bytes: whoever has a part can sign it
    /// into a record of their own, and what becomes of that must not take the bytes from this one. It goes
    /// through every record.
    #[must_use]
    pub fn shared_with(&self, record: &RecordId, parts: &BTreeSet<PartDigest>) -> Option<RecordId> {
        let has = |held: &Held| {
            held.parts.iter().any(|part| !part.erased && parts.contains(&part.digest))
        };
        let mut others = self.records.iter().filter(|(id, _)| *id != record);
        others.find(|(_, held)| has(held)).map(|(id, _)| *id)
    }

    /// What keeps a record though its time is over.
    #[must_use]
    pub fn stays(&self, record: &RecordId) -> Option<Stays> {
        if self.erasures.hold(record).is_some() {
            return Some(Stays::OnHold);
        }
        let mut asks = self.asks_of_us().filter_map(|ask| self.asks_about(&ask));
        if asks.any(|about| about == *record) {
            return Some(Stays::Asked);
        }
        let facts = &self.records.get(record)?.facts;
        let waits = matches!(facts.approval, Approval::Awaited(_));
        (waits && facts.lifecycle == Lifecycle::Live).then_some(Stays::AwaitsApproval)
    }

    /// The shortest term that binds anything here: a copy that is older has what should be gone.
    #[must_use]
    pub fn shortest_term(&self, own: &Retention) -> Option<Duration> {
        let lent = self.since.0.values().flat_map(|came| came.lent.values());
        let lent = lent.map(|(days, _)| Duration::from_secs(u64::from(*days) * A_DAY));
        own.above_green.into_iter().chain(own.personal_data).chain(lent).min()
    }

    /// The first records after this one, by id.
    pub(crate) fn records_after(
        &self,
        after: Option<RecordId>,
    ) -> impl Iterator<Item = (&RecordId, &Held)> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.records.range((after.map_or(Unbounded, Excluded), Unbounded))
    }
}
