//! What a partner can make us keep so much of and no more.

use std::collections::BTreeMap;
use std::fmt;

use comity_core::EconomyId;

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
    /// Words about agreements, groups and withdrawals that are not here.
    Early,
    /// Proposals of agreements that nobody has answered.
    Proposals,
    /// Words about groups that are here, on which no roster rests: counted for who said them.
    GroupWords,
    /// Rosters, counted for who signed them.
    Rosters,
    /// Asks for our consent that nobody has answered: counted for who asks.
    Asks,
    /// Bytes of words about consent, counted for who said them, and while they wait for who brought them;
    /// and how many are about one record.
    Consents,
    /// Withdrawn records that are not here.
    Tombstones,
    /// Bytes of control records that this version does not read, and of introductions that nobody has
    /// confirmed.
    Unread,
    /// Bytes of memory that its records are reckoned to take.
    Memory,
    /// Bytes of its records on the disk.
    Disk,
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
            | Self::Asks
            | Self::Consents
            | Self::Tombstones
            | Self::Unread
            | Self::Memory
            | Self::Disk => by,
        }
    }

    /// All of them but those that the configuration sets.
    pub const COUNTED: [Self; 12] = [
        Self::Pending,
        Self::Unknown,
        Self::Strangers,
        Self::Keyrings,
        Self::Early,
        Self::Proposals,
        Self::GroupWords,
        Self::Rosters,
        Self::Asks,
        Self::Consents,
        Self::Tombstones,
        Self::Unread,
    ];

    /// How much is kept, where the configuration says nothing else.
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
            Self::Asks => limits::ASKS,
            Self::Consents => limits::CONSENT_BYTES,
            Self::Tombstones => limits::TOMBSTONES,
            Self::Unread => limits::UNREAD_BYTES,
            Self::Memory => limits::PARTNER_MEMORY,
            Self::Disk => limits::PARTNER_DISK,
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
                write!(
                    f,
                    "{limit} of its records speak of agreements, groups or withdrawals that are not here"
                )
            }
            Self::Proposals => write!(
                f,
                "{limit} of its proposals wait for an answer (`comity agreement list`, then `accept` or `terminate`)"
            ),
            Self::GroupWords => {
                write!(f, "{limit} of its words about groups have led to nothing")
            }
            Self::Rosters => write!(f, "it has signed {limit} rosters of groups"),
            Self::Asks => write!(
                f,
                "{limit} of its requests for our consent wait for an answer (`comity consent list`, then `grant` or `refuse`)"
            ),
            Self::Consents => write!(
                f,
                "its words about consent, or those it brings that wait, take {limit} bytes, or more than {} are about one record, or {} such that nobody can believe yet",
                limits::CONSENTS_ABOUT_ONE,
                limits::CONSENTS_UNBELIEVED
            ),
            Self::Tombstones => write!(f, "it has withdrawn {limit} records that are not here"),
            Self::Unread => {
                write!(
                    f,
                    "{limit} bytes of its records introduce economies that nobody has confirmed, or are of kinds that this version does not read"
                )
            }
            Self::Memory => f.write_str("its records take as much memory here as they may"),
            Self::Disk => f.write_str("its records take as much of the disk here as they may"),
        }
    }
}

/// So much of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept(pub(super) BTreeMap<Bound, u64>);

impl Kept {
    /// How much of one thing.
    #[must_use]
    pub(super) fn of(&self, bound: Bound) -> u64 {
        self.0.get(&bound).copied().unwrap_or(0)
    }

    pub(super) fn with(mut self, bound: Bound, count: u64) -> Self {
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
