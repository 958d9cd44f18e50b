//! An agreement that both sides have signed, as the decision reads it.

use std::sync::Arc;

use crate::agreement::Terms;
use crate::identity::RecordId;
use crate::time::Timestamp;

/// An agreement that both sides have signed: a proposal and its acceptance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    id: RecordId,
    terms: Arc<Terms>,
    from: Timestamp,
    until: Option<Timestamp>,
    bound_until: Option<Timestamp>,
    terminated: Option<Timestamp>,
    replaced: Option<Replaced>,
    /// When others hold in its place: it neither prohibits nor demands then. Ascending, none touching
    /// another.
    freed: Vec<Span>,
    contested: bool,
    doubted: bool,
}

/// What takes the place of an agreement's text, and from when: it permits nothing then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The record that proposed the text which amends it.
    pub by: RecordId,
    /// From when.
    pub at: Timestamp,
}

/// From the first instant to the one before the last; without a last one, for good.
pub(super) type Span = (Timestamp, Option<Timestamp>);

impl Agreement {
    /// The agreement proposed in the record `id`, accepted at `accepted`: in force from the later of
    /// that instant and its first day.
    #[must_use]
    pub fn new(id: RecordId, terms: Arc<Terms>, accepted: Timestamp) -> Self {
        let (from, until) = (terms.starts().max(accepted), terms.ends());
        Self {
            id,
            terms,
            from,
            until,
            bound_until: until,
            terminated: None,
            replaced: None,
            freed: Vec::new(),
            contested: false,
            doubted: false,
        }
    }

    /// The same agreement, on other terms.
    pub(super) fn on_terms(mut self, terms: Arc<Terms>) -> Self {
        self.terms = terms;
        self
    }

    /// Whether a party has said that it ends.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.terminated.is_some()
    }

    /// The same agreement, ending at `effective` unless it ends before.
    #[must_use]
    pub fn terminated(self, effective: Timestamp) -> Self {
        self.terminated_early(effective, effective)
    }

    /// The same agreement, of which a party says that it ends at `effective`, while its notice runs
    /// until `notice`.
    ///
    /// Nothing is permitted from the earlier of the two on: neither side gives what the other may no
    /// longer feel bound by. What it prohibits and demands holds until the later of them: a breach of
    /// the notice sets nobody free.
    #[must_use]
    pub fn terminated_early(mut self, effective: Timestamp, notice: Timestamp) -> Self {
        let sooner =
            |until: Option<Timestamp>, end| Some(until.map_or(end, |until| until.min(end)));
        self.until = sooner(self.until, effective);
        self.terminated = sooner(self.terminated, effective);
        self.bound_until = sooner(self.bound_until, effective.max(notice));
        self
    }

    /// The same agreement, of which it is in doubt whether both ever signed it: it permits nothing, and
    /// binds as before. Otherwise whoever signed could shed what it prohibits by revoking its own key.
    #[must_use]
    pub fn in_doubt(mut self) -> Self {
        self.doubted = true;
        self.silent()
    }

    /// The same agreement, which permits nothing, and binds as before.
    pub(super) fn silent(mut self) -> Self {
        self.until = Some(self.from);
        self
    }

    /// The same agreement, among whose texts none can be said to be the last: it permits nothing, and
    /// binds.
    pub(super) fn contested(mut self) -> Self {
        self.contested = true;
        self
    }

    /// The same agreement, which permits nothing from then on, for another text takes its place.
    pub(super) fn replaced_by(mut self, by: RecordId, at: Timestamp) -> Self {
        self.replaced = Some(Replaced { by, at });
        self
    }

    /// The same agreement, which neither prohibits nor demands while others hold in its place.
    pub(super) fn freed(mut self, mut spans: Vec<Span>) -> Self {
        spans.retain(|(from, until)| until.is_none_or(|until| until > *from));
        spans.sort_unstable_by_key(|(from, _)| *from);
        let mut joined: Vec<Span> = Vec::new();
        for (from, until) in spans {
            match joined.last_mut() {
                Some((_, last)) if last.is_none_or(|last| last >= from) => {
                    *last = last.and_then(|last| Some(last.max(until?)));
                }
                Some(_) | None => joined.push((from, until)),
            }
        }
        self.freed = joined;
        self
    }

    /// The same agreement, as if no other text had anything to do with it.
    #[must_use]
    pub fn alone(mut self) -> Self {
        (self.replaced, self.freed, self.contested) = (None, Vec::new(), false);
        self
    }

    /// The record that proposed it.
    #[must_use]
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// What was agreed.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The first instant of its force.
    #[must_use]
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// The first instant after its force.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        let replaced = self.replaced.map(|replaced| replaced.at);
        self.until.into_iter().chain(replaced).min()
    }

    /// What takes its place, and from when.
    #[must_use]
    pub fn replaced(&self) -> Option<Replaced> {
        self.replaced
    }

    /// Whether nothing goes under it at `now` for the reason that its texts contest each other.
    #[must_use]
    pub fn is_contested(&self, now: Timestamp) -> bool {
        self.contested && self.terminated.is_none_or(|end| end > now)
    }

    /// Whether nothing goes under it at `now` for the reason that it is in doubt whether both ever signed it.
    #[must_use]
    pub fn is_in_doubt(&self, now: Timestamp) -> bool {
        self.doubted
            && self.terminated.is_none_or(|end| end > now)
            && self.bound_until().is_none_or(|until| until > now)
    }

    /// Whether it is in force at `now`.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.from <= now && !self.contested && !self.ended(now)
    }

    /// Whether it comes into force, and when.
    pub(super) fn comes_after(&self, now: Timestamp) -> bool {
        self.from > now && !self.contested && !self.ended(self.from)
    }

    /// Whether what it prohibits and demands holds at `now`: it may do so longer than it permits.
    #[must_use]
    pub fn binds(&self, now: Timestamp) -> bool {
        let free = |(from, until): &Span| *from <= now && until.is_none_or(|until| until > now);
        self.from <= now
            && self.bound_until.is_none_or(|until| until > now)
            && !self.freed.iter().any(free)
    }

    /// The first instant from which it never binds again.
    #[must_use]
    pub fn bound_until(&self) -> Option<Timestamp> {
        let freed = self.freed.last().filter(|(_, until)| until.is_none());
        self.bound_until.into_iter().chain(freed.map(|(from, _)| *from)).min()
    }

    /// Whether it has ended by `now`.
    #[must_use]
    pub fn ended(&self, now: Timestamp) -> bool {
        self.until().is_some_and(|until| until <= now)
    }

    /// Whether another text has taken its place, so that nobody amends this one any more.
    pub(super) fn is_past(&self, now: Timestamp) -> bool {
        self.replaced.is_some_and(|replaced| replaced.at <= now)
    }

    /// The instants at which what it says may change.
    pub(super) fn changes(&self) -> impl Iterator<Item = Timestamp> {
        let freed = self.freed.iter().flat_map(|(from, until)| [Some(*from), *until]);
        let replaced = self.replaced.map(|replaced| replaced.at);
        let own = [Some(self.from), self.terms.overdue_from(), self.until, self.bound_until];
        own.into_iter().chain([self.terminated, replaced]).chain(freed).flatten()
    }
}
