//! What a partner makes us keep that is of no use yet, or never will be: counted for each, so that
//! nobody fills our memory or our journal.
//!
//! The counts are folded from the journal like everything else, and are the same after a restart.

use comity_core::control::{
    AcceptanceBody, ControlBody, IntroductionBody, TerminationBody, WithdrawalBody,
};
use comity_core::group::{RosterBody, Says};
use comity_core::journal::Standing;
use comity_core::keyring::{Advance, VerifiedKeyring};
use comity_core::record::Manifest;
use comity_core::{EconomyId, Kind, RecordId, Timestamp};

use super::agreements::Compact;
use super::bound::{Bound, Kept};
use super::records::Held;
use super::weight::Weight;
use super::{Bond, State};
use crate::limits::{self, A_DAY, TOMBSTONES, UNKEPT_LINES};

/// What becomes of a record whose origin nobody here knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It waits.
    Waits,
    /// Its number is settled, and it is asked for when the origin is known.
    Unkept {
        /// Whether it is the first of its origin.
        first: bool,
    },
    /// Not even that: it is put off.
    PutOff,
}

/// What a record that waits is reckoned with.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// To its origin's account, which is known to have signed it; otherwise to that of whoever brought it.
    verified: bool,
    /// What it takes, and will need once it is believed.
    needs: Kept,
}

/// Whether this version reads the body of a control record: no other body is held in memory.
pub(super) fn is_read(kind: Kind, body: &[u8]) -> bool {
    match ControlBody::decode(kind, body) {
        Ok(ControlBody::Opaque(_)) | Err(_) => false,
        Ok(
            ControlBody::Group(_)
            | ControlBody::Roster(_)
            | ControlBody::Keyring(_)
            | ControlBody::Agreement(_)
            | ControlBody::Acceptance(_)
            | ControlBody::Termination(_)
            | ControlBody::Withdrawal(_)
            | ControlBody::Acknowledgement(_)
            | ControlBody::Introduction(_)
            | ControlBody::Consent(_)
            | ControlBody::Approval(_),
        ) => true,
    }
}

/// For how many a record counts among those that cannot be judged yet.
pub(super) const fn waits(kind: Kind) -> u64 {
    if matches!(kind, Kind::Keyring) { limits::PENDING_KEYRING } else { 1 }
}

/// Whether it is a word about a group. It counts for who said it, once it is accepted: what waits may be
/// anybody's, and counts for whoever brought it.
pub(super) const fn says_of_group(kind: Kind) -> bool {
    matches!(kind, Kind::Group | Kind::Roster)
}

/// The partner to whose account goes what somebody else than `us` proposes.
pub(super) fn proposed_by(held: &Held, us: EconomyId) -> Option<EconomyId> {
    let theirs = held.facts.kind == Kind::Agreement && held.facts.origin != us;
    held.source.brought_by().filter(|_| theirs)
}

impl State {
    /// To whose account goes what a record weighs: once it is known to be its origin's, that one's, whoever brings
    /// it, so that nobody fills the account of who passes it on. Our own weighs on nobody. `verified`: where it
    /// waits, it is for its origin's head alone.
    pub(crate) fn weighed_to(
        &self,
        brought_by: Option<EconomyId>,
        origin: EconomyId,
        (standing, verified): (&Standing, bool),
    ) -> Option<EconomyId> {
        let by = brought_by?;
        let account = match standing {
            Standing::Accepted | Standing::InReview(_) => origin,
            Standing::Pending(_) if verified => origin,
            Standing::Pending(_) | Standing::Quarantined(_) | Standing::Dropped => by,
        };
        (origin != self.us).then_some(account)
    }

    /// What something weighs goes to an account.
    pub(super) fn charge_weight(&mut self, account: Option<EconomyId>, weight: Weight) {
        self.charge(account, Bound::Memory, weight.memory);
        self.charge(account, Bound::Disk, weight.disk);
    }

    /// What a record weighs that waits: it goes to its origin's account if it is believed.
    pub(super) fn weigh_pending(&mut self, record: &RecordId, weight: Weight) {
        if let Some(waiting) = self.pending.get_mut(record) {
            waiting.needs.add(Bound::Memory, weight.memory);
            waiting.needs.add(Bound::Disk, weight.disk);
        }
    }

    /// Whether a record waits to the account of its origin.
    pub(crate) fn waits_verified(&self, record: &RecordId) -> bool {
        self.pending.get(record).is_some_and(|waiting| waiting.verified)
    }

    /// How much of something a partner has made us keep.
    #[must_use]
    pub fn kept_of(&self, partner: &EconomyId, bound: Bound) -> u64 {
        match bound {
            Bound::GroupWords => self.groups.idle(partner),
            Bound::Rosters => self.groups.rosters(partner),
            Bound::Keyrings => self.keyrings_in_a_day(partner, self.written),
            Bound::Asks => self.asks_open(partner),
            Bound::Consents => self.consent_bytes(partner),
            Bound::Pending
            | Bound::Unknown
            | Bound::Strangers
            | Bound::Early
            | Bound::Proposals
            | Bound::Tombstones
            | Bound::Unread
            | Bound::Memory
            | Bound::Disk => self.kept.get(partner).map_or(0, |kept| kept.of(bound)),
        }
    }

    /// Whether a control record takes back something that stands: a withdrawal of what is not withdrawn, an
    /// end that comes sooner, a roster of whoever keeps it and its daily word, a keyring, of which there are few. So
    /// there are no more of them than of what was taken in, and no more than time allows: whoever signs says when it did.
    /// `carried`: the keyring in it, verified.
    pub(crate) fn is_taking_back(
        &self,
        manifest: &Manifest,
        carried: Option<&VerifiedKeyring>,
        now: Timestamp,
    ) -> bool {
        let body = manifest.body.as_deref().unwrap_or_default();
        match ControlBody::decode(manifest.kind, body) {
            // One that was taken in before takes nothing back again, however often it comes.
            Ok(ControlBody::Keyring(_)) => carried.is_some_and(|keyring| {
                let history = self.keyrings.get(&keyring.economy());
                let known = history.map(|history| history.clone().jump(keyring.clone()));
                !matches!(known, Some(Ok(Advance::Same | Advance::Earlier)))
            }),
            Ok(ControlBody::Withdrawal(body)) => {
                let stands = |target: &RecordId| {
                    let own = |held: &Held| held.facts.origin == manifest.origin;
                    self.records.get(target).is_none_or(own)
                        && !self.stands_whatever_is_withdrawn(target)
                        && !self.tombstones.contains_key(&(*target, manifest.origin))
                };
                // What others alone are to give up leaves nothing here that could not be said again.
                body.concerns(&self.us) && body.records.iter().any(stands)
            }
            // Whoever keeps the roster takes somebody from it, or the group with a head that grows old.
            Ok(ControlBody::Roster(body)) => {
                let word = matches!(body, RosterBody::Head(_));
                let group = Says::Roster(body).group().and_then(|id| self.groups.get(&id));
                group.is_some_and(|group| {
                    let lately = now.since(manifest.signed_at) < A_DAY;
                    let keeps = group.head().secretariat == manifest.origin;
                    let due = || self.groups.awaits_word(group.id(), manifest.origin, now);
                    keeps && (!word || lately && due())
                })
            }
            Ok(ControlBody::Termination(body)) => {
                let ends = self.agreements.get(&body.agreement).map(Compact::terminated);
                ends.is_some_and(|ends| {
                    // Each leaves at most half of what the one before left: there are not many.
                    ends.is_none_or(|before| {
                        let (left, leaves) = (before.since(now), body.effective.since(now));
                        before > now && leaves <= left / 2 && before.since(body.effective) >= A_DAY
                            || before > now && body.effective <= now
                    })
                })
            }
            Ok(
                ControlBody::Agreement(_)
                | ControlBody::Acceptance(_)
                | ControlBody::Introduction(_)
                | ControlBody::Group(_)
                | ControlBody::Consent(_)
                | ControlBody::Acknowledgement(_)
                | ControlBody::Approval(_)
                | ControlBody::Opaque(_),
            )
            | Err(_) => false,
        }
    }

    /// The bounds that a partner has reached, but those that the configuration sets.
    pub fn reached(&self, partner: &EconomyId) -> impl Iterator<Item = Bound> {
        let over = |bound: &Bound| self.kept_of(partner, *bound) >= bound.limit();
        Bound::COUNTED.into_iter().filter(over)
    }

    /// Whether a record is a daily word about a roster, and its author's last one is hardly older.
    #[must_use]
    pub(crate) fn says_again(&self, manifest: &Manifest) -> bool {
        let body = manifest.body.as_deref();
        let says = body.and_then(|body| Says::decode(manifest.kind, body)).and_then(Result::ok);
        says.is_some_and(|says| self.groups.said_lately(manifest.origin, manifest.signed_at, &says))
    }

    /// The bound over which a record of this partner would go, if any.
    #[must_use]
    pub(crate) fn over(
        &self,
        partner: &EconomyId,
        manifest: &Manifest,
        pending: bool,
    ) -> Option<Bound> {
        if pending {
            let waits = (Bound::Pending, waits(manifest.kind));
            return self.lacks(partner, manifest, waits, Bound::limit);
        }
        let over = self.lacks(partner, manifest, (Bound::Pending, 0), Bound::limit);
        over.or_else(|| self.withdraws_too_much(manifest))
    }

    /// The bound over which a withdrawal would go that is believed, if any. It counts for its origin,
    /// whoever brings it; and one that takes back something here never waits.
    fn withdraws_too_much(&self, manifest: &Manifest) -> Option<Bound> {
        let (origin, body) = (manifest.origin, manifest.body.as_deref()?);
        let Ok(ControlBody::Withdrawal(body)) = ControlBody::decode(manifest.kind, body) else {
            return None;
        };
        let here = |id: &RecordId| {
            let held = self.records.get(id).filter(|held| held.facts.origin == origin);
            held.is_some()
                && !self.stands_whatever_is_withdrawn(id)
                && !self.tombstones.contains_key(&(*id, origin))
        };
        if body.records.iter().any(here) {
            return None;
        }
        let new = body.records.iter().filter(|id| self.is_withdrawn_anew(id, origin)).count();
        let kept = self.kept_of(&origin, Bound::Tombstones).saturating_add(new as u64);
        (new > 0 && kept > TOMBSTONES).then_some(Bound::Tombstones)
    }

    /// Whether one more withdrawn record of an origin is remembered that is not here.
    pub(super) fn remembers_withdrawn(&self, origin: &EconomyId) -> bool {
        *origin == self.us || self.kept_of(origin, Bound::Tombstones) < TOMBSTONES
    }

    /// What becomes of a record of an origin that nobody here knows.
    pub(crate) fn room_for_stranger(&self, partner: &EconomyId, manifest: &Manifest) -> Stranger {
        let origin = &manifest.origin;
        let waiting = self.strangers.get(partner).and_then(|origins| origins.get(origin));
        // What somebody whom nobody knows says takes no more than half of the room of whoever passes it on.
        let half = |bound: Bound| bound.limit() / if bound == Bound::Unknown { 1 } else { 2 };
        let pending = (Bound::Unknown, waits(manifest.kind));
        let full = waiting.is_some_and(|count| *count >= limits::UNKNOWN_OF_ONE);
        if !full && self.lacks(partner, manifest, pending, half).is_none() {
            return Stranger::Waits;
        }
        let met = self.partners.get(partner).is_some_and(|one| one.strangers.contains(origin));
        if met || self.kept_of(partner, Bound::Strangers) < Bound::Strangers.limit() {
            Stranger::Unkept { first: !met }
        } else {
            Stranger::PutOff
        }
    }

    fn lacks(
        &self,
        partner: &EconomyId,
        manifest: &Manifest,
        (wait, pending): (Bound, u64),
        limit: impl Fn(Bound) -> u64,
    ) -> Option<Bound> {
        let mut needs = self.needs(manifest);
        if pending == 0 {
            // What is believed counts for its origin.
            needs.take(Bound::Tombstones, u64::MAX);
            needs.take(Bound::Consents, u64::MAX);
        }
        let needs = needs
            .with(Bound::Unread, self.unread(manifest))
            .with(Bound::Proposals, u64::from(manifest.kind == Kind::Agreement))
            .with(wait, pending);
        let kept = self.kept.get(partner);
        let over = |(bound, count): (&Bound, &u64)| {
            let kept = kept.map_or(0, |kept| kept.of(*bound));
            (kept.saturating_add(*count) > limit(*bound)).then_some(*bound)
        };
        needs.0.iter().find_map(over)
    }

    /// What a record would make us keep once it is believed, as far as it names what is not here.
    pub(super) fn needs(&self, manifest: &Manifest) -> Kept {
        let origin = manifest.origin;
        let body = manifest.body.as_deref().unwrap_or_default();
        let consents = manifest.kind == Kind::Consent;
        let (withdrawn, early) = match ControlBody::decode(manifest.kind, body) {
            Ok(ControlBody::Withdrawal(WithdrawalBody { records, .. })) => {
                (records.iter().filter(|id| self.is_withdrawn_anew(id, origin)).count(), false)
            }
            Ok(
                ControlBody::Acceptance(AcceptanceBody { agreement })
                | ControlBody::Termination(TerminationBody { agreement, .. }),
            ) => (0, self.agreements.get(&agreement).is_none()),
            Ok(ControlBody::Acknowledgement(body)) => {
                (0, origin != self.us && self.record(&body.withdrawal).is_none())
            }
            Ok(ControlBody::Group(body)) => {
                (0, self.groups.is_early(self.us, origin, &Says::Group(body)))
            }
            Ok(ControlBody::Roster(body)) => {
                (0, self.groups.is_early(self.us, origin, &Says::Roster(body)))
            }
            Ok(
                ControlBody::Keyring(_)
                | ControlBody::Agreement(_)
                | ControlBody::Introduction(_)
                | ControlBody::Consent(_)
                | ControlBody::Approval(_)
                | ControlBody::Opaque(_),
            )
            | Err(_) => (0, false),
        };
        Kept::default()
            .with(Bound::Tombstones, withdrawn as u64)
            .with(Bound::Early, u64::from(early))
            .with(Bound::Consents, if consents { body.len() as u64 } else { 0 })
    }

    /// Bytes of a body that has no effect: this version does not read it, or it introduces an economy that
    /// nobody has confirmed. Our own words are nobody's to answer for.
    fn unread(&self, manifest: &Manifest) -> u64 {
        let idle = |body: &&Vec<u8>| {
            if manifest.kind == Kind::Introduction {
                let body = IntroductionBody::decode(body);
                return body.map_or(true, |body| !self.knows(&body.economy));
            }
            !is_read(manifest.kind, body.as_slice())
        };
        let body = manifest.body.as_ref().filter(|_| manifest.origin != self.us).filter(idle);
        body.map_or(0, |body| body.len() as u64)
    }

    /// Charges whoever brought a record for a body without effect.
    pub(super) fn charge_unread(&mut self, held: &Held, manifest: &Manifest) {
        let bytes = self.unread(manifest);
        self.charge(held.source.brought_by(), Bound::Unread, bytes);
        let body =
            held.body.as_deref().filter(|_| manifest.kind == Kind::Introduction && bytes > 0);
        if let Some(Ok(body)) = body.map(IntroductionBody::decode) {
            let waiting = self.introductions.entry(body.economy).or_default();
            waiting.push((held.source.brought_by(), bytes));
        }
    }

    /// A record waits: to the account of whoever brought it goes that, and what it will need once it is
    /// believed; or to its origin's, where that is known to have signed it.
    pub(super) fn charge_pending(&mut self, held: &Held, manifest: &Manifest) {
        let (from, origin) = (held.source.brought_by(), held.facts.origin);
        let wait = if self.knows(&origin) { Bound::Pending } else { Bound::Unknown };
        let needs = self.needs(manifest).with(wait, waits(held.facts.kind));
        let verified = self.waits_for_head(&held.claim(), held.first_seen(), held.entered_at);
        self.charge_all(from.map(|from| if verified { origin } else { from }), &needs);
        if let Some(from) = from.filter(|_| wait == Bound::Unknown) {
            let waiting = self.strangers.entry(from).or_default().entry(origin).or_default();
            *waiting = waiting.saturating_add(1);
        }
        self.pending.insert(held.facts.id, Waiting { verified, needs });
    }

    /// It waits no longer.
    pub(super) fn discharge_pending(&mut self, record: &RecordId) {
        let (Some(waiting), Some(held)) = (self.pending.remove(record), self.records.get(record))
        else {
            return;
        };
        let Waiting { verified, needs } = waiting;
        let (from, origin) = (held.source.brought_by(), held.facts.origin);
        let account = self.weighed_to(from, origin, (&held.standing, verified));
        self.discharge_all(from.map(|from| if verified { origin } else { from }), &needs);
        let (memory, disk) = (needs.of(Bound::Memory), needs.of(Bound::Disk));
        self.charge_weight(account, Weight { memory, disk });
        let origins = from.filter(|_| needs.of(Bound::Unknown) > 0);
        let origins = origins.and_then(|from| self.strangers.get_mut(&from));
        if let Some(origins) = origins
            && let Some(waiting) = origins.get_mut(&origin)
        {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                origins.remove(&origin);
            }
        }
    }

    /// A partner brought more of an origin than is kept of one that nobody here knows.
    pub(super) fn note_unkept(
        &mut self,
        from: EconomyId,
        origin: EconomyId,
        number: u64,
        line: bool,
    ) {
        let known = self.knows(&origin);
        let Some(partner) = self.partners.get_mut(&from) else { return };
        if line {
            partner.unkept.entry(origin).or_default().insert(number);
            partner.unkept_lines = partner.unkept_lines.saturating_add(1);
        } else {
            partner.beyond_lines.insert(origin, number);
        }
        if !known && partner.strangers.insert(origin) {
            self.charge(Some(from), Bound::Strangers, 1);
        }
    }

    /// Whether the line of one more number that is refused for its origin is kept.
    pub(crate) fn keeps_unkept_line(&self, from: &EconomyId) -> bool {
        self.partners.get(from).is_some_and(|one| one.unkept_lines < UNKEPT_LINES)
    }

    /// What a partner is asked for of an origin that is known by now: the numbers whose records, or parts
    /// of them, are not here. Of more there is no line; any number stands for them.
    pub(crate) fn ask_anew_for(&mut self, from: &EconomyId, origin: &EconomyId) -> Vec<u64> {
        let mut lacking = self.lacking(from, origin);
        let known = self.knows(origin);
        let Some(partner) = self.partners.get_mut(from).filter(|_| known) else { return lacking };
        // What is here need not be looked for again.
        if let Some(unkept) = partner.unkept.get_mut(origin) {
            *unkept = lacking.iter().map(|number| (*number, *number)).collect();
        }
        if lacking.is_empty() {
            lacking.extend(partner.beyond_lines.get(origin));
        }
        lacking
    }

    /// Numbers of a partner's ledger that were refused because nobody here knew this origin, and what they
    /// would have brought is still not here.
    #[must_use]
    pub fn lacking(&self, from: &EconomyId, origin: &EconomyId) -> Vec<u64> {
        let Some(partner) = self.partners.get(from).filter(|_| self.knows(origin)) else {
            return Vec::new();
        };
        let numbers = partner.unkept.get(origin).map_or(&[][..], |unkept| unkept.as_slice());
        let numbers = numbers.iter().flat_map(|(first, last)| *first..=*last);
        let lacks = |number: &u64| {
            partner.inbound.entry(*number).is_some_and(|entry| {
                match self.records.get(&entry.record) {
                    // Somebody else brought the record, and not every part.
                    Some(held) => entry.parts.iter().any(|part| !held.has_part(part)),
                    None => !self.tombstones.contains_key(&(entry.record, *origin)),
                }
            })
        };
        numbers.filter(lacks).collect()
    }

    /// Whether anybody here has paired with an economy, or confirmed an introduction of it.
    #[must_use]
    pub fn knows(&self, economy: &EconomyId) -> bool {
        let known = self.partners.get(economy).is_some_and(|one| one.bond != Bond::Removed);
        known || *economy == self.us
    }

    /// An economy is known now: what introduced it had its effect, and what nobody kept of it is asked for.
    /// `new`: nobody knew it before.
    pub(super) fn introduced(&mut self, economy: EconomyId, new: bool) {
        let met = self.partners.iter_mut().filter(|_| new);
        let met = met.filter_map(|(id, one)| one.strangers.remove(&economy).then_some(*id));
        for partner in met.collect::<Vec<_>>() {
            self.discharge(Some(partner), Bound::Strangers, 1);
        }
        for (from, bytes) in self.introductions.remove(&economy).unwrap_or_default() {
            self.discharge(from, Bound::Unread, bytes);
        }
    }

    /// Whether a withdrawal of `target` by `origin` leaves something behind that nothing else bounds.
    pub(super) fn is_withdrawn_anew(&self, target: &RecordId, origin: EconomyId) -> bool {
        !self.records.contains_key(target) && !self.tombstones.contains_key(&(*target, origin))
    }

    /// Puts to a partner's account what one of its records makes us keep.
    pub(super) fn charge(&mut self, partner: Option<EconomyId>, bound: Bound, count: u64) {
        if let Some(partner) = partner.filter(|_| count > 0) {
            self.kept.entry(partner).or_default().add(bound, count);
        }
    }

    /// Takes from a partner's account what is kept no more.
    pub(super) fn discharge(&mut self, partner: Option<EconomyId>, bound: Bound, count: u64) {
        if let Some(kept) = partner.and_then(|partner| self.kept.get_mut(&partner)) {
            kept.take(bound, count);
        }
    }

    /// What a pending record will need is put aside until it is judged.
    pub(super) fn charge_all(&mut self, partner: Option<EconomyId>, needs: &Kept) {
        for (bound, count) in &needs.0 {
            self.charge(partner, *bound, *count);
        }
    }

    /// The opposite of [`State::charge_all`].
    pub(super) fn discharge_all(&mut self, partner: Option<EconomyId>, needs: &Kept) {
        for (bound, count) in &needs.0 {
            self.discharge(partner, *bound, *count);
        }
    }
}
