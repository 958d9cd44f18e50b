//! What economies have said of their keyrings: the newest word of each, and whether the keyring that is here is
//! confirmed by it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use comity_core::entitlement::Scope;
use comity_core::keyring::{Confirmation, Heard, SignedHead, Unconfirmed};
use comity_core::policy::PolicyBuilder;
use comity_core::{EconomyId, RecordId, Timestamp};

use super::State;
use crate::limits::{A_DAY, HEADS_A_DAY};

/// What was heard of one economy.
#[derive(Debug)]
pub(super) struct Heads {
    heard: Heard,
    /// When its last ones were entered: no more of them than one day may see, whatever dates they have.
    came: VecDeque<Timestamp>,
}

impl State {
    /// The head that names the newest keyring of an economy, ours included.
    #[must_use]
    pub fn head_of(&self, economy: &EconomyId) -> Option<&SignedHead> {
        self.heads.get(economy).map(|heads| heads.heard.newest())
    }

    /// Every economy of which a head is here.
    pub(crate) fn headed_economies(&self) -> impl Iterator<Item = EconomyId> + use<> {
        self.heads.keys().copied().collect::<Vec<_>>().into_iter()
    }

    /// What an economy's heads come to. `None`: it never said anything of its keyring.
    #[must_use]
    pub fn confirmation(&self, economy: &EconomyId) -> Option<Confirmation> {
        let held = self.keyring(economy)?;
        self.heads.get(economy).map(|heads| heads.heard.confirmation(held))
    }

    /// Why nothing new may rest on what is held of an economy's keyring, if so. Our own we know.
    #[must_use]
    pub fn unconfirmed(&self, economy: &EconomyId, now: Timestamp) -> Option<Unconfirmed> {
        let foreign = self.confirmation(economy).filter(|_| *economy != self.us);
        foreign.and_then(|confirmation| confirmation.lacks(now))
    }

    /// Whether a head would be taken in if it verifies: somebody here knows its economy, and it says more than
    /// those before. Our own we say ourselves.
    #[must_use]
    pub(crate) fn would_hear(&self, head: &SignedHead, now: Timestamp) -> bool {
        let economy = head.head().economy;
        let Some(held) = self.keyring(&economy).filter(|_| self.knows(&economy)) else {
            return false;
        };
        self.heads.get(&economy).is_none_or(|heads| {
            let since = now.saturating_sub(A_DAY);
            let lately = heads.came.iter().filter(|at| **at > since).count();
            heads.heard.learns_from(head, held) && lately < HEADS_A_DAY
        })
    }

    /// A head entered, which was verified then.
    pub(super) fn headed(&mut self, signed: &[u8], at: Timestamp) {
        let Ok(head) = SignedHead::decode(signed) else { return };
        let economy = head.head().economy;
        let Some(held) = self.keyrings.get(&economy).map(|history| history.current().clone())
        else {
            return;
        };
        let before = self.unconfirmed(&economy, at);
        let heads = match self.heads.entry(economy) {
            std::collections::btree_map::Entry::Occupied(known) => {
                let known = known.into_mut();
                known.heard.hear(head, &held, at);
                known
            }
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(Heads { heard: Heard::first(head, at), came: VecDeque::new() })
            }
        };
        heads.came.push_back(at);
        while heads.came.len() > HEADS_A_DAY {
            heads.came.pop_front();
        }
        if before.is_some() != self.unconfirmed(&economy, at).is_some() {
            self.turns = self.turns.saturating_add(1);
        }
        self.renew_confirmation(economy);
        self.judge_waiting_of(economy);
    }

    fn renew_confirmation(&mut self, economy: EconomyId) {
        self.versions.0 = self.versions.0.saturating_add(1);
        if let Some(said) = self.confirmation(&economy).filter(|_| !self.reading) {
            let builder = self.policy.to_builder().version(self.versions.0);
            self.policy = builder.confirmed(economy, said).build();
        }
    }

    /// The policy that is made anew knows all of it.
    pub(super) fn with_confirmations(&self, builder: PolicyBuilder) -> PolicyBuilder {
        let said = self.heads.keys().filter_map(|of| Some((*of, self.confirmation(of)?)));
        said.fold(builder, |builder, (economy, said)| builder.confirmed(economy, said))
    }

    /// The keyring of an economy is one on which something may rest again: what waited for that is judged, and
    /// what was held goes to whoever may have it.
    pub(crate) fn confirmed_again(&mut self, economy: EconomyId) {
        self.turns = self.turns.saturating_add(1);
        self.widened.all = true;
        self.judge_waiting_of(economy);
    }

    /// What waits of an economy is to be judged again.
    pub(super) fn judge_waiting_of(&mut self, economy: EconomyId) {
        let theirs = |record: &&RecordId| {
            self.records.get(*record).is_some_and(|held| held.facts.origin == economy)
        };
        let records: BTreeSet<_> = self.pending.keys().filter(theirs).copied().collect();
        self.judge_anew(economy, Scope::Some { authors: BTreeSet::new(), records });
    }
}

/// By economy.
pub(super) type AllHeads = BTreeMap<EconomyId, Heads>;
