//! What economies have said of their keyrings: the newest word of each, and whether the keyring that is here is
//! confirmed by it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use comity_core::entitlement::Scope;
use comity_core::keyring::{Confirmation, DatedHead, Heard, SignedHead, Unconfirmed};
use comity_core::limits::CLOCK_TOLERANCE;
use comity_core::policy::PolicyBuilder;
use comity_core::{EconomyId, RecordId, Timestamp};

use super::State;
use crate::limits::{A_DAY, HEADS_A_DAY, OWN_HEAD_LATE};

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
        self.heads.get(economy).and_then(|heads| heads.heard.confirmation(held))
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
            // What came while our clock was ahead does not keep the rest away until then.
            let lately = heads.came.iter().filter(|at| **at > since && **at <= now).count();
            heads.heard.learns_from(head, held, now) && lately < HEADS_A_DAY
        })
    }

    /// Whether our own last word is a day old, of another keyring than the one in force, or dated ahead. One that
    /// was never said is due as well.
    #[must_use]
    pub(crate) fn own_head_is_due(&self, now: Timestamp) -> bool {
        let Some(keyring) = self.keyring(&self.us) else { return false };
        self.head_of(&self.us).is_none_or(|said| {
            let said = *said.head();
            said.at.saturating_add(A_DAY) <= now
                || said.at > now.saturating_add(CLOCK_TOLERANCE)
                || said != DatedHead::of(keyring, said.at)
        })
    }

    /// Since when nobody has heard a word of ours about our keyring, where we once said one and have not for too
    /// long: whoever goes by it will soon release nothing of ours.
    #[must_use]
    pub fn own_head_is_late(&self, now: Timestamp) -> Option<Timestamp> {
        let said = self.head_of(&self.us)?.head().at;
        let late =
            said.saturating_add(OWN_HEAD_LATE) <= now || said > now.saturating_add(CLOCK_TOLERANCE);
        late.then_some(said)
    }

    /// A head entered, which was verified then.
    pub(super) fn headed(&mut self, signed: &[u8], at: Timestamp) {
        let Ok(head) = SignedHead::decode(signed) else { return };
        let economy = head.head().economy;
        let Some(held) = self.keyrings.get(&economy).map(|history| history.current().clone())
        else {
            return;
        };
        let before = self.confirmation(&economy);
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
        // That one which is confirmed is confirmed again turns nothing. Anything else may, be it later on.
        let confirmed = |said: Option<Confirmation>| {
            said.is_some_and(|said| matches!(said, Confirmation::At(_)) && said.lacks(at).is_none())
        };
        if !confirmed(before) || !confirmed(self.confirmation(&economy)) {
            self.turns = self.turns.saturating_add(1);
        }
        self.renew_confirmation(economy);
        self.judge_waiting_of(economy);
    }

    fn renew_confirmation(&mut self, economy: EconomyId) {
        self.versions.0 = self.versions.0.saturating_add(1);
        if self.reading {
            return;
        }
        let builder = self.policy.to_builder().version(self.versions.0);
        let builder = match self.confirmation(&economy) {
            Some(said) => builder.confirmed(economy, said),
            None => builder.unheard(&economy),
        };
        self.policy = builder.build();
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
