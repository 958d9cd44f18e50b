//! What a partner makes us keep that is of no use yet, or never will be: counted for each, so that
//! nobody fills our memory or our journal.
//!
//! The counts are folded from the journal like everything else, and are the same after a restart.

use std::collections::BTreeMap;
use std::fmt;

use comity_core::control::{
    AcceptanceBody, ControlBody, IntroductionBody, TerminationBody, WithdrawalBody,
};
use comity_core::entitlement::Claim;
use comity_core::group::Says;
use comity_core::journal::Source;
use comity_core::record::Manifest;
use comity_core::{EconomyId, Kind, RecordId};

use super::records::Held;
use super::{Bond, State};
use crate::limits;

/// Something of which a partner can make us keep so much and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// Records that cannot be judged yet.
    Pending,
    /// The same of economies that nobody here knows.
    Unknown,
    /// Economies that nobody here knows, and of which not everything is kept.
    Strangers,
    /// Keyrings of one day, counted for whose they are.
    Keyrings,
    /// Words about agreements and groups that are not here.
    Early,
    /// Proposals of agreements that nobody has answered.
    Proposals,
    /// Words about groups that are here, on which no roster rests: counted for who said them.
    GroupWords,
    /// Rosters, counted for who signed them.
    Rosters,
    /// Withdrawn records that are not here.
    Tombstones,
    /// Replaced records that are not here.
    Superseded,
    /// Bytes of control records that this version does not read, and of introductions that nobody has
    /// confirmed.
    Unread,
}

impl Bound {
    /// The economy to whose account something goes that `by` brings of `origin`.
    pub(crate) const fn account(self, by: EconomyId, origin: EconomyId) -> EconomyId {
        match self {
            Self::Keyrings => origin,
            Self::Pending
            | Self::Unknown
            | Self::Strangers
            | Self::Early
            | Self::Proposals
            | Self::GroupWords
            | Self::Rosters
            | Self::Tombstones
            | Self::Superseded
            | Self::Unread => by,
        }
    }

    /// All of them.
    pub const COUNTED: [Self; 11] = [
        Self::Pending,
        Self::Unknown,
        Self::Strangers,
        Self::Keyrings,
        Self::Early,
        Self::Proposals,
        Self::GroupWords,
        Self::Rosters,
        Self::Tombstones,
        Self::Superseded,
        Self::Unread,
    ];

    /// How much is kept.
    #[must_use]
    pub const fn limit(self) -> u64 {
        match self {
            Self::Pending => limits::PENDING,
            Self::Unknown => limits::UNKNOWN,
            Self::Strangers => limits::STRANGERS,
            Self::Keyrings => limits::KEYRINGS,
            Self::Early => limits::EARLY,
            Self::Proposals => limits::PROPOSALS,
            Self::GroupWords => limits::GROUP_WORDS,
            Self::Rosters => limits::ROSTERS,
            Self::Tombstones => limits::TOMBSTONES,
            Self::Superseded => limits::SUPERSEDED,
            Self::Unread => limits::UNREAD_BYTES,
        }
    }
}

/// For screens: what there is too much of.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit();
        match self {
            Self::Pending => write!(f, "{limit} of its records wait for a key or for their time"),
            Self::Unknown => {
                write!(
                    f,
                    "{limit} records that it passes on wait for their origin to be known here"
                )
            }
            Self::Strangers => write!(
                f,
                "it passes on more than is kept of {limit} economies that nobody here knows"
            ),
            Self::Keyrings => write!(
                f,
                "{limit} keyrings of it came within a day (one that revokes a granted key, or comes from a later root, is taken all the same)"
            ),
            Self::Early => {
                write!(f, "{limit} of its records speak of agreements or groups that are not here")
            }
            Self::Proposals => write!(
                f,
                "{limit} of its proposals wait for an answer (`comity agreement list`, then `accept` or `terminate`)"
            ),
            Self::GroupWords => {
                write!(f, "{limit} of its words about groups have led to nothing")
            }
            Self::Rosters => write!(f, "it has signed {limit} rosters of groups"),
            Self::Tombstones => write!(f, "it has withdrawn {limit} records that are not here"),
            Self::Superseded => write!(f, "it has replaced {limit} records that are not here"),
            Self::Unread => {
                write!(
                    f,
                    "{limit} bytes of its records introduce economies that nobody has confirmed, or are of kinds that this version does not read"
                )
            }
        }
    }
}

/// So much of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept(BTreeMap<Bound, u64>);

impl Kept {
    /// How much of one thing.
    #[must_use]
    pub fn of(&self, bound: Bound) -> u64 {
        self.0.get(&bound).copied().unwrap_or(0)
    }

    fn with(mut self, bound: Bound, count: u64) -> Self {
        if count > 0 {
            self.add(bound, count);
        }
        self
    }

    pub(super) fn add(&mut self, bound: Bound, count: u64) {
        let kept = self.0.entry(bound).or_default();
        *kept = kept.saturating_add(count);
    }

    pub(super) fn take(&mut self, bound: Bound, count: u64) {
        if let Some(kept) = self.0.get_mut(&bound) {
            *kept = kept.saturating_sub(count);
        }
    }
}

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
            | ControlBody::Introduction(_),
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

/// The partner to whose account it goes, if to any.
pub(super) fn charged(source: &Source) -> Option<EconomyId> {
    match source {
        Source::Own => None,
        Source::Returned { by } => Some(*by),
        Source::Partner(delivered) => Some(delivered.from),
    }
}

/// The same for what somebody else than `us` proposes.
pub(super) fn proposed_by(held: &Held, us: EconomyId) -> Option<EconomyId> {
    let theirs = held.facts.kind == Kind::Agreement && held.facts.origin != us;
    charged(&held.source).filter(|_| theirs)
}

impl State {
    /// What this partner has made us keep.
    #[must_use]
    pub fn kept(&self, partner: &EconomyId) -> Kept {
        let kept = self.kept.get(partner).cloned().unwrap_or_default();
        kept.with(Bound::GroupWords, self.groups.idle(partner))
            .with(Bound::Rosters, self.groups.rosters(partner))
            .with(Bound::Keyrings, self.keyrings_in_a_day(partner, self.written))
    }

    /// The bounds that a partner has reached.
    pub fn reached(&self, partner: &EconomyId) -> impl Iterator<Item = Bound> + use<> {
        let kept = self.kept(partner);
        Bound::COUNTED.into_iter().filter(move |bound| kept.of(*bound) >= bound.limit())
    }

    /// The bound over which an accepted record is one word about groups too many, if any. It counts for
    /// its origin, whoever brings it: nobody can fill the account of who passes words on.
    #[must_use]
    pub(crate) fn says_too_much(&self, record: RecordId, manifest: &Manifest) -> Option<Bound> {
        let body = manifest.body.as_deref();
        self.speaks_too_much(&Claim::of(record, manifest), body, &BTreeMap::new())
    }

    /// The same where some words of the origins are about to count, and do not yet.
    pub(super) fn speaks_too_much(
        &self,
        claim: &Claim,
        body: Option<&[u8]>,
        about_to: &BTreeMap<EconomyId, u64>,
    ) -> Option<Bound> {
        if !says_of_group(claim.kind) {
            return None;
        }
        let more = about_to.get(&claim.origin).copied().unwrap_or(0);
        let (idle, rosters) = (self.groups.idle(&claim.origin), self.groups.rosters(&claim.origin));
        if claim.kind == Kind::Roster && rosters.saturating_add(more) >= Bound::Rosters.limit() {
            return Some(Bound::Rosters);
        }
        // Whoever keeps the roster goes on, however much it has said in vain.
        let rests = || {
            let says = body.and_then(|body| Says::decode(claim.kind, body))?.ok()?;
            Some(self.groups.rests(claim, &says))
        };
        let over = idle.saturating_add(more) >= Bound::GroupWords.limit();
        (over && rests() != Some(true)).then_some(Bound::GroupWords)
    }

    /// The bound over which a record of this partner would go, if any.
    #[must_use]
    pub(crate) fn over(
        &self,
        partner: &EconomyId,
        manifest: &Manifest,
        pending: bool,
    ) -> Option<Bound> {
        let pending = if pending { waits(manifest.kind) } else { 0 };
        self.lacks(partner, manifest, (Bound::Pending, pending), Bound::limit)
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
        let met = self.partners.get(partner).is_some_and(|one| one.unkept.contains_key(origin));
        let strangers = self.kept.get(partner).map_or(0, |kept| kept.of(Bound::Strangers));
        if met || strangers < Bound::Strangers.limit() {
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
        let needs = self
            .needs(manifest)
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
        let replaced = manifest.supersedes.iter();
        let superseded = replaced.filter(|id| self.is_superseded_anew(id, origin)).count();
        let (withdrawn, early) = match ControlBody::decode(manifest.kind, body) {
            Ok(ControlBody::Withdrawal(WithdrawalBody { records })) => {
                (records.iter().filter(|id| self.is_withdrawn_anew(id, origin)).count(), false)
            }
            Ok(
                ControlBody::Acceptance(AcceptanceBody { agreement })
                | ControlBody::Termination(TerminationBody { agreement, .. }),
            ) => (0, self.agreements.get(&agreement).is_none()),
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
                | ControlBody::Opaque(_),
            )
            | Err(_) => (0, false),
        };
        Kept::default()
            .with(Bound::Superseded, superseded as u64)
            .with(Bound::Tombstones, withdrawn as u64)
            .with(Bound::Early, u64::from(early))
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
        self.charge(charged(&held.source), Bound::Unread, bytes);
        let body =
            held.body.as_deref().filter(|_| manifest.kind == Kind::Introduction && bytes > 0);
        if let Some(Ok(body)) = body.map(IntroductionBody::decode) {
            let waiting = self.introductions.entry(body.economy).or_default();
            waiting.push((charged(&held.source), bytes));
        }
    }

    /// A record waits: to the account of whoever brought it goes that, and what it will need once it is
    /// believed.
    pub(super) fn charge_pending(&mut self, held: &Held, manifest: &Manifest) {
        let (from, origin) = (charged(&held.source), held.facts.origin);
        let wait = if self.knows(&origin) { Bound::Pending } else { Bound::Unknown };
        let needs = self.needs(manifest).with(wait, waits(held.facts.kind));
        self.charge_all(from, &needs);
        if let Some(from) = from.filter(|_| wait == Bound::Unknown) {
            let waiting = self.strangers.entry(from).or_default().entry(origin).or_default();
            *waiting = waiting.saturating_add(1);
        }
        self.pending.insert(held.facts.id, needs);
    }

    /// It waits no longer.
    pub(super) fn discharge_pending(&mut self, record: &RecordId) {
        let (Some(needs), Some(held)) = (self.pending.remove(record), self.records.get(record))
        else {
            return;
        };
        let (from, origin) = (charged(&held.source), held.facts.origin);
        self.discharge_all(from, &needs);
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
    pub(super) fn note_unkept(&mut self, from: EconomyId, origin: EconomyId, number: u64) {
        let Some(partner) = self.partners.get_mut(&from) else { return };
        let first = !partner.unkept.contains_key(&origin);
        partner.unkept.entry(origin).or_default().insert(number);
        if first && !self.knows(&origin) {
            self.charge(Some(from), Bound::Strangers, 1);
        }
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
        let unkept =
            self.partners.iter().filter(|(_, one)| new && one.unkept.contains_key(&economy));
        for partner in unkept.map(|(partner, _)| *partner).collect::<Vec<_>>() {
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

    /// The same for what replaces it.
    pub(super) fn is_superseded_anew(&self, target: &RecordId, origin: EconomyId) -> bool {
        !self.records.contains_key(target) && !self.superseded.contains_key(&(*target, origin))
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
