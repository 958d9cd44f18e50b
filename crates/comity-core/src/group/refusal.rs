//! Why a record changes nothing in a group.

use crate::identity::{EconomyId, RecordId};
use crate::limits;

/// Why a roster, or a statement about a group, counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is about another group.
    #[error("it is about another group")]
    OtherGroup,
    /// A second charter.
    #[error("a group has one charter")]
    SecondCharter,
    /// Its epoch has passed, and it is none of the group's rosters.
    #[error("roster {epoch} is out of date: the group is at roster {head}")]
    StaleEpoch {
        /// The roster's.
        epoch: u64,
        /// The group's.
        head: u64,
    },
    /// It does not follow the roster that the group has.
    #[error("the roster does not follow the one before it")]
    WrongPredecessor,
    /// Its signer does not have the role.
    #[error("signed by {}, which is not the secretariat", .0.short())]
    NotSecretariat(EconomyId),
    /// An economy brings itself in, or is its own sponsor.
    #[error("{} cannot admit itself", .0.short())]
    SelfAdmission(EconomyId),
    /// The roster leaves out who is to keep it.
    #[error("the secretariat stays: hand the role over first")]
    WithoutSecretariat,
    /// A member came or went, and nothing that is cited says why.
    #[error("the change of {} is not justified", .0.short())]
    Unjustified(EconomyId),
    /// Records are cited for an economy that neither came nor went.
    #[error("{} neither came nor went, yet records are cited for it", .0.short())]
    NoChange(EconomyId),
    /// An economy comes in that never applied.
    #[error("{} did not apply", .0.short())]
    NoApplication(EconomyId),
    /// The application does not answer to each criterion.
    #[error("the application of {} has {has} answers to {criteria} criteria", .economy.short())]
    Unanswered {
        /// The applicant.
        economy: EconomyId,
        /// Its answers.
        has: usize,
        /// The charter's criteria.
        criteria: usize,
    },
    /// Fewer sponsors than the charter asks for.
    #[error("{} has {has} of the {needed} sponsors that it needs", .economy.short())]
    MissingSponsor {
        /// The applicant.
        economy: EconomyId,
        /// Its sponsors.
        has: usize,
        /// What the charter asks for.
        needed: usize,
    },
    /// One economy sponsors twice: it counts once, and must stand there once.
    #[error("{} is cited twice: one economy counts once", .0.short())]
    Doubled(EconomyId),
    /// It is no member, or the charter does not name it among those who may sponsor.
    #[error("{} may not sponsor", .0.short())]
    NotASponsor(EconomyId),
    /// By the charter it has no say in removals, or it is no member.
    #[error("{} may not remove a member", .0.short())]
    MayNotRemove(EconomyId),
    /// Fewer than the charter asks for want it removed.
    #[error("{has} of the {needed} that it takes want {} removed", .economy.short())]
    TooFewVotes {
        /// The member.
        economy: EconomyId,
        /// Those who want it out.
        has: usize,
        /// What the charter asks for.
        needed: usize,
    },
    /// The record justified an earlier change.
    #[error("record {} has justified a change before", .0.short())]
    Spent(RecordId),
    /// The record was signed before the member last came or went, or after a roster that is not here.
    #[error("record {} speaks of another time", .0.short())]
    AnotherTime(RecordId),
    /// The record says something else than what it is cited for.
    #[error("record {} does not say what it is cited for", .0.short())]
    BesideThePoint(RecordId),
    /// A record that is cited is not here.
    #[error("record {} is not here", .0.short())]
    NotHere(RecordId),
    /// It is a member already.
    #[error("{} is a member already", .0.short())]
    AlreadyMember(EconomyId),
    /// It is no member.
    #[error("{} is no member", .0.short())]
    NotAMember(EconomyId),
    /// Two rosters of one epoch exist.
    #[error("the group is frozen: there are two rosters {0}")]
    Frozen(u64),
    /// Whoever signed it has handed the role on since: of two rosters of one number the one counts by
    /// which it did.
    #[error(
        "it contradicts roster {0}, and whoever signed both has handed the role on by that one"
    )]
    HandedOn(u64),
    /// The group has had as many rosters as one may have.
    #[error("a group has at most {} rosters: found it anew", limits::EPOCHS)]
    TooManyRosters,
    /// Who is to have the role has not said, with the last roster, that it would keep the next.
    #[error("{} has not said that it would keep the roster", .0.short())]
    NotReady(EconomyId),
    /// Its last member has left it.
    #[error("the group is closed: its last member has left it")]
    Closed,
    /// The word that the roster hands the role over by is of another time, or of no member.
    #[error("record {} is no member's word that it would keep this roster", .0.short())]
    UnfitHandover(RecordId),
}

impl Refusal {
    /// A stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherGroup => "other-group",
            Self::SecondCharter => "second-charter",
            Self::StaleEpoch { .. } => "stale-epoch",
            Self::WrongPredecessor => "wrong-predecessor",
            Self::NotSecretariat(_) => "not-secretariat",
            Self::SelfAdmission(_) => "self-admission",
            Self::WithoutSecretariat => "without-secretariat",
            Self::Unjustified(_) => "unjustified",
            Self::NoChange(_) => "no-change",
            Self::NoApplication(_) => "no-application",
            Self::Unanswered { .. } => "unanswered",
            Self::MissingSponsor { .. } => "missing-sponsor",
            Self::Doubled(_) => "doubled",
            Self::NotASponsor(_) => "not-a-sponsor",
            Self::MayNotRemove(_) => "may-not-remove",
            Self::TooFewVotes { .. } => "too-few-votes",
            Self::Spent(_) => "spent",
            Self::AnotherTime(_) => "another-time",
            Self::BesideThePoint(_) => "beside-the-point",
            Self::NotHere(_) => "not-here",
            Self::AlreadyMember(_) => "already-member",
            Self::NotAMember(_) => "not-a-member",
            Self::Frozen(_) => "frozen",
            Self::HandedOn(_) => "handed-on",
            Self::TooManyRosters => "too-many-rosters",
            Self::NotReady(_) => "not-ready",
            Self::Closed => "closed",
            Self::UnfitHandover(_) => "unfit-handover",
        }
    }
}
