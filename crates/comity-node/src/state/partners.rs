//! What is held of other economies.

use std::collections::BTreeSet;

use comity_core::policy::{self, TrustLevel};
use comity_core::{EconomyId, Timestamp};

use super::ledgers::{InLedger, OutLedger};

/// Another economy: paired, or known by a partner's introduction.
#[derive(Debug)]
pub struct Partner {
    /// What this node calls it. Display only.
    pub name: String,
    /// How it became known, and what stands of it.
    pub bond: Bond,
    /// How far we trust it. Local, never sent.
    pub level: TrustLevel,
    /// Where it can be reached.
    pub addresses: Vec<String>,
    /// When it was paired or introduced.
    pub since: Timestamp,
    /// What we handed to it.
    pub out: OutLedger,
    /// What it handed to us.
    pub inbound: InLedger,
    /// Origins of which it possibly holds a record: it needs their keyrings.
    pub origins: BTreeSet<EconomyId>,
    /// Whether it has given back everything since we were restored, and our ledger goes on.
    pub returned: bool,
}

/// How another economy became known, and what stands of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bond {
    /// Both operators compared the digits.
    Paired,
    /// Paired, and stopped by our operator for now.
    Suspended,
    /// The pairing is over.
    Removed,
    /// Known by this partner's word, which the operator confirmed.
    Introduced(EconomyId),
}

impl Partner {
    /// Whether there is a pairing, suspended or not.
    #[must_use]
    pub fn is_paired(&self) -> bool {
        matches!(self.bond, Bond::Paired | Bond::Suspended)
    }

    /// Whether a link may stand.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.bond == Bond::Paired
    }

    /// As the decision sees it; `None` when it is no partner.
    pub(super) fn standing(&self, frozen: bool) -> Option<policy::Standing> {
        match self.bond {
            Bond::Introduced(_) => None,
            Bond::Removed => Some(policy::Standing::Revoked),
            Bond::Paired | Bond::Suspended if frozen => Some(policy::Standing::Frozen),
            Bond::Suspended => Some(policy::Standing::Suspended),
            Bond::Paired => Some(policy::Standing::Paired),
        }
    }
}
