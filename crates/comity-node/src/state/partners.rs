//! What is held of other economies.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use comity_core::intake::IntakeRules;
use comity_core::ledger::Ranges;
use comity_core::policy::{self, TrustLevel};
use comity_core::{EconomyId, Kind, RecordId, Timestamp};

use super::ledgers::{InLedger, OutLedger};
use crate::limits::MOST_EPOCHS;

/// Another economy: paired, or known by a partner's introduction.
#[derive(Debug)]
pub struct Partner {
    /// What this node calls it. Display only.
    pub name: String,
    /// How it became known, and what stands of it.
    pub bond: Bond,
    /// How far we trust it. Local, never sent.
    pub level: TrustLevel,
    /// What is taken in from it, or of it. Local, never sent.
    pub intake: IntakeRules,
    /// Deliveries that were not taken by such a rule, by kind.
    pub declined: BTreeMap<Kind, u64>,
    /// Where it can be reached.
    pub addresses: Vec<String>,
    /// When it was paired or introduced.
    pub since: Timestamp,
    /// What we handed to it.
    pub out: OutLedger,
    /// What it handed to us.
    pub inbound: InLedger,
    /// When its ledger to us went on in a new epoch: the last of such times.
    pub(super) epochs: VecDeque<Timestamp>,
    /// Origins of which it possibly holds something, and by how many deliveries: it needs their keyrings.
    pub(super) origins: BTreeMap<EconomyId, u64>,
    /// Records that it refused because it did not know their origin, by that.
    pub(super) refused: BTreeMap<EconomyId, BTreeSet<RecordId>>,
    /// Numbers of its ledger that were refused because nobody here knew the origin, by that, and of which
    /// the line is here.
    pub unkept: BTreeMap<EconomyId, Ranges>,
    /// How many lines of such are here.
    pub(super) unkept_lines: u64,
    /// Origins of which more was refused for that, without a line; and the last number.
    pub(super) beyond_lines: BTreeMap<EconomyId, u64>,
    /// Origins of which not everything was kept, and which nobody here has known since.
    pub(super) strangers: BTreeSet<EconomyId>,
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
    /// Its ledger to us goes on in a new epoch.
    pub(super) fn opened(&mut self, at: Timestamp) {
        self.epochs.push_back(at);
        while self.epochs.len() > MOST_EPOCHS {
            self.epochs.pop_front();
        }
    }

    /// How many epochs its ledger to us has begun since, counted up to as many as it may in a day.
    pub(crate) fn opened_since(&self, since: Timestamp) -> usize {
        self.epochs.iter().filter(|at| **at > since).count()
    }

    /// One of whom nothing else is known yet.
    pub(super) fn new(name: String, bond: Bond, out: OutLedger, since: Timestamp) -> Self {
        Self {
            name,
            bond,
            level: TrustLevel::default(),
            intake: IntakeRules::default(),
            declined: BTreeMap::new(),
            addresses: Vec::new(),
            since,
            out,
            inbound: InLedger::default(),
            origins: BTreeMap::new(),
            refused: BTreeMap::new(),
            unkept: BTreeMap::new(),
            unkept_lines: 0,
            beyond_lines: BTreeMap::new(),
            epochs: VecDeque::new(),
            strangers: BTreeSet::new(),
            returned: true,
        }
    }

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

    /// Whether it possibly holds something of this origin.
    #[must_use]
    pub fn may_know(&self, origin: &EconomyId) -> bool {
        self.origins.contains_key(origin)
    }

    /// Origins of which something was refused because nobody here knew them.
    pub(crate) fn refused_for_origin(&self) -> BTreeSet<EconomyId> {
        self.unkept.keys().chain(self.beyond_lines.keys()).copied().collect()
    }

    /// It knows this origin by now: what it refused of it for that may go again. Whether there is any.
    pub(crate) fn want(&mut self, origin: &EconomyId) -> bool {
        let records = self.refused.get(origin).into_iter().flatten();
        self.out.want(records.copied())
    }

    /// It possibly holds something of this origin by one more delivery, or by one less.
    pub(super) fn note_origin(&mut self, origin: Option<EconomyId>, held: bool) {
        let Some(origin) = origin else { return };
        let count = self.origins.get(&origin).copied().unwrap_or(0);
        match if held { count.saturating_add(1) } else { count.saturating_sub(1) } {
            0 => drop(self.origins.remove(&origin)),
            count => drop(self.origins.insert(origin, count)),
        }
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
