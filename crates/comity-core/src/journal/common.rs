//! What is asked of every entry, of whatever kind.

use super::{
    Arrival, Assessed, AwaitsApproval, BackedUp, ContentRead, DeliveryDecided, DraftMade,
    EmergencyOpened, Erasure, Exported, Founded, Guarded, Invited, JournalEntry, Judged, LegalHold,
    PartnerChanged, PartsArrived, RecordEntered, Ruled, StaffChanged, StandingChanged, ToldOutside,
};
use crate::identity::PartDigest;
use crate::time::Timestamp;

impl JournalEntry {
    /// When it was entered.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Founded(Founded { at, .. })
            | Self::Record(RecordEntered { at, .. })
            | Self::Parts(PartsArrived { at, .. })
            | Self::Standing(StandingChanged { at, .. })
            | Self::Ruled(Ruled { at, .. })
            | Self::Judged(Judged { at, .. })
            | Self::Partner(PartnerChanged { at, .. })
            | Self::Delivery(DeliveryDecided { at, .. })
            | Self::Voided { at, .. }
            | Self::Arrival(Arrival { at, .. })
            | Self::Receipt { at, .. }
            | Self::Refused { at, .. }
            | Self::Epoch { at, .. }
            | Self::PartnerEpoch { at, .. }
            | Self::Restored { at }
            | Self::PolicyConfirmed { at }
            | Self::Returned { at, .. }
            | Self::Recovered { at }
            | Self::TailCut { at, .. }
            | Self::HeadAgreed { at, .. }
            | Self::Invited(Invited { at, .. })
            | Self::InvitationEnded { at, .. }
            | Self::HeldBack { at, .. }
            | Self::Unsent { at, .. }
            | Self::ToldOutside(ToldOutside { at, .. })
            | Self::ToldWrongly { at, .. }
            | Self::Draft(DraftMade { at, .. })
            | Self::DraftGone { at, .. }
            | Self::Staff(StaffChanged { at, .. })
            | Self::Read(ContentRead { at, .. })
            | Self::Erased(Erasure { at, .. })
            | Self::OnHold(LegalHold { at, .. })
            | Self::HoldLifted(LegalHold { at, .. })
            | Self::BackedUp(BackedUp { at, .. })
            | Self::AwaitsApproval(AwaitsApproval { at, .. })
            | Self::Emergency(EmergencyOpened { at, .. })
            | Self::Assessed(Assessed { at, .. })
            | Self::Headed { at, .. }
            | Self::Exported(Exported { at, .. })
            | Self::Guarded(Guarded { at, .. }) => *at,
        }
    }

    /// Whether it is written down beside the journal too, so that it counts after a restore from a copy
    /// that does not have it: what was erased stays so, what is kept on legal grounds is kept, and of what left
    /// as a file nobody says that nobody has it.
    #[must_use]
    pub const fn outlasts_restore(&self) -> bool {
        matches!(self, Self::Erased(_) | Self::OnHold(_) | Self::HoldLifted(_) | Self::Exported(_))
    }

    /// The bodies that lie beside the entry.
    #[must_use]
    pub fn part_bodies(&self) -> Vec<PartDigest> {
        match self {
            Self::Record(entered) => entered.parts.iter().map(|part| part.digest).collect(),
            Self::Parts(arrived) => arrived.parts.iter().map(|part| part.digest).collect(),
            Self::Draft(draft) => draft.parts.iter().map(|part| part.content).collect(),
            Self::Founded(_)
            | Self::Standing(_)
            | Self::Ruled(_)
            | Self::Judged(_)
            | Self::Partner(_)
            | Self::Delivery(_)
            | Self::Voided { .. }
            | Self::Arrival(_)
            | Self::Receipt { .. }
            | Self::Refused { .. }
            | Self::Epoch { .. }
            | Self::PartnerEpoch { .. }
            | Self::Restored { .. }
            | Self::PolicyConfirmed { .. }
            | Self::Returned { .. }
            | Self::Recovered { .. }
            | Self::TailCut { .. }
            | Self::HeadAgreed { .. }
            | Self::Invited(_)
            | Self::InvitationEnded { .. }
            | Self::HeldBack { .. }
            | Self::Unsent { .. }
            | Self::ToldOutside(_)
            | Self::ToldWrongly { .. }
            | Self::DraftGone { .. }
            | Self::Staff(_)
            | Self::Read(_)
            | Self::Erased(_)
            | Self::OnHold(_)
            | Self::HoldLifted(_)
            | Self::BackedUp(_)
            | Self::AwaitsApproval(_)
            | Self::Emergency(_)
            | Self::Assessed(_)
            | Self::Headed { .. }
            | Self::Exported(_)
            | Self::Guarded(_) => Vec::new(),
        }
    }
}
