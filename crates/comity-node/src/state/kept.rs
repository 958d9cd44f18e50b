//! What a partner makes us keep that is of no use yet, or never will be: counted for each, so that
//! nobody fills our memory or our journal.
//!
//! The counts are folded from the journal like everything else, and are the same after a restart.

use std::collections::BTreeMap;
use std::fmt;

use comity_core::control::{AcceptanceBody, ControlBody, TerminationBody, WithdrawalBody};
use comity_core::journal::Source;
use comity_core::record::Manifest;
use comity_core::{EconomyId, Kind, RecordId};

use super::State;
use crate::limits;

/// Something of which a partner can make us keep so much and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// Records that cannot be judged yet.
    Pending,
    /// Words about agreements and groups that are not here.
    Early,
    /// Words about groups that are here, on which no roster rests: counted for who said them.
    GroupWords,
    /// Withdrawn records that are not here.
    Tombstones,
    /// Replaced records that are not here.
    Superseded,
    /// Bytes of control records that this version does not read.
    Unread,
}

impl Bound {
    /// All of them.
    pub const COUNTED: [Self; 6] = [
        Self::Pending,
        Self::Early,
        Self::GroupWords,
        Self::Tombstones,
        Self::Superseded,
        Self::Unread,
    ];

    /// How much is kept.
    #[must_use]
    pub const fn limit(self) -> u64 {
        match self {
            Self::Pending => limits::PENDING,
            Self::Early => limits::EARLY,
            Self::GroupWords => limits::GROUP_WORDS,
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
            Self::Early => {
                write!(f, "{limit} of its records speak of agreements or groups that are not here")
            }
            Self::GroupWords => {
                write!(f, "{limit} of its words about groups have led to nothing")
            }
            Self::Tombstones => write!(f, "it has withdrawn {limit} records that are not here"),
            Self::Superseded => write!(f, "it has replaced {limit} records that are not here"),
            Self::Unread => {
                write!(
                    f,
                    "{limit} bytes of its records are of kinds that this version does not read"
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

/// Bytes of a body that this version stores and does not read.
pub(super) fn unread(manifest: &Manifest) -> u64 {
    let body = manifest.body.as_ref().filter(|body| !is_read(manifest.kind, body));
    body.map_or(0, |body| body.len() as u64)
}

/// For how many a record counts among those that cannot be judged yet.
pub(super) const fn waits(kind: Kind) -> u64 {
    if matches!(kind, Kind::Keyring) { limits::PENDING_KEYRING } else { 1 }
}

/// The partner to whose account it goes, if to any.
pub(super) fn charged(source: &Source) -> Option<EconomyId> {
    match source {
        Source::Own => None,
        Source::Returned { by } => Some(*by),
        Source::Partner(delivered) => Some(delivered.from),
    }
}

impl State {
    /// What this partner has made us keep.
    #[must_use]
    pub fn kept(&self, partner: &EconomyId) -> Kept {
        let kept = self.kept.get(partner).cloned().unwrap_or_default();
        kept.with(Bound::GroupWords, self.groups.idle(*partner))
    }

    /// The bounds that a partner has reached.
    pub fn reached(&self, partner: &EconomyId) -> impl Iterator<Item = Bound> + use<> {
        let kept = self.kept(partner);
        Bound::COUNTED.into_iter().filter(move |bound| kept.of(*bound) >= bound.limit())
    }

    /// Whether `manifest` is one word about groups too many. It counts for its origin, whoever brings
    /// it: nobody can fill the account of who passes words on.
    #[must_use]
    pub(crate) fn says_too_much(&self, manifest: &Manifest) -> bool {
        matches!(manifest.kind, Kind::Group | Kind::Roster)
            && self.groups.idle(manifest.origin) >= Bound::GroupWords.limit()
    }

    /// The bound over which a record of this partner would go, if any.
    #[must_use]
    pub(crate) fn over(
        &self,
        partner: &EconomyId,
        manifest: &Manifest,
        pending: bool,
    ) -> Option<Bound> {
        let needs = self
            .needs(manifest)
            .with(Bound::Unread, unread(manifest))
            .with(Bound::Pending, if pending { waits(manifest.kind) } else { 0 });
        let kept = self.kept.get(partner);
        let over = |(bound, count): (&Bound, &u64)| {
            let kept = kept.map_or(0, |kept| kept.of(*bound));
            (kept.saturating_add(*count) > bound.limit()).then_some(*bound)
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
            Ok(ControlBody::Group(body)) => (0, self.groups.is_early(body.group())),
            Ok(ControlBody::Roster(body)) => (0, self.groups.is_early(Some(body.group()))),
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
