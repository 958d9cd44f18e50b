//! The keyrings of others: what of them is taken in, what is kept, and what is learned.
//!
//! Whoever has the root of an economy can sign versions without end, and everybody who holds a record of
//! it gets them. So many a day are taken of one economy, whoever brings them; but what takes back
//! something that stands (a later root, a contradiction, a revocation) never waits.

use std::collections::{BTreeMap, VecDeque};

use comity_core::entitlement::Scope;
use comity_core::keyring::{
    Advance, AdvanceError, Fork, KeyringError, KeyringHistory, Revocation, SignedKeyring,
    VerifiedKeyring,
};
use comity_core::receipt::RejectReason;
use comity_core::{Digest, EconomyId, RecordId, Timestamp};

use super::State;
use super::bound::Bound;
use crate::limits::{A_DAY, EARLY_KEYRINGS, KEYRINGS};

/// What is kept of an economy's keyrings beside its history.
#[derive(Debug, Default)]
pub(super) struct Keyrings {
    /// Those that somebody else brought before the versions between, each version once.
    early: BTreeMap<(u64, Digest), Early>,
    /// When its last ones came: no more of them than one day may see.
    came: VecDeque<Timestamp>,
}

/// What turned about the root keys of an economy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RootTurn {
    /// Two keyrings of one version were seen: it is frozen.
    Froze(Fork),
    /// Its next root keys took the place of those before.
    Replaced {
        /// Without the consent of those before.
        seized: bool,
        /// It was frozen, and is not any more.
        thawed: bool,
    },
}

#[derive(Debug)]
struct Early {
    keyring: VerifiedKeyring,
    record: Option<RecordId>,
}

impl State {
    /// A keyring that was verified already, for the record that enters next.
    pub(crate) fn bring(&mut self, keyring: Option<VerifiedKeyring>) {
        self.brought = keyring;
    }

    /// A keyring of this economy, if it verifies. What stands in the journal was verified before it was
    /// entered, and the journal's chain binds its bytes.
    pub(super) fn believed(
        &mut self,
        economy: EconomyId,
        signed: &SignedKeyring,
    ) -> Result<VerifiedKeyring, KeyringError> {
        // The digest is over all that it says.
        let same =
            |one: &VerifiedKeyring| one.digest() == signed.digest() && one.economy() == economy;
        if let Some(brought) = self.brought.take().filter(same) {
            return Ok(brought);
        }
        if self.reading {
            return signed.verified_before(economy, self.keyring(&economy));
        }
        signed.verify(Some(economy))
    }

    /// Whether a keyring may be taken in.
    pub(crate) fn check_keyring(&self, keyring: &VerifiedKeyring) -> Result<(), RejectReason> {
        // An older one is refused, unless a later one has named it: it came late, and is passed on to whoever waits
        // for it. A contradiction is taken in: it freezes the economy, and the
        // operator is told why. One says it all: whoever stole the root could sign them without end.
        let Some(history) = self.keyrings.get(&keyring.economy()) else { return Ok(()) };
        let frozen = history.fork().is_some();
        match history.clone().jump(keyring.clone()) {
            Ok(_) => Ok(()),
            Err(AdvanceError::Fork(_)) if !frozen => Ok(()),
            Err(_) => Err(RejectReason::NotEntitled),
        }
    }

    /// A record with a keyring of somebody else entered.
    pub(super) fn note_keyring(&mut self, economy: EconomyId, record: RecordId, at: Timestamp) {
        self.keyring_records.entry(economy).or_default().push(record);
        if economy == self.us {
            return;
        }
        let came = &mut self.kept_keyrings.entry(economy).or_default().came;
        came.push_back(at);
        while came.len() as u64 > KEYRINGS {
            came.pop_front();
        }
    }

    /// How many keyrings of an economy came in the day before `now`: counted up to as many as it may see.
    pub(super) fn keyrings_in_a_day(&self, economy: &EconomyId, now: Timestamp) -> u64 {
        let since = now.saturating_sub(A_DAY);
        let came = self.kept_keyrings.get(economy).into_iter().flat_map(|kept| &kept.came);
        came.filter(|at| **at > since).count() as u64
    }

    /// The bound over which a keyring would go, if any.
    pub(crate) fn over_keyrings(&self, keyring: &VerifiedKeyring, now: Timestamp) -> Option<Bound> {
        let economy = keyring.economy();
        let over = self.keyrings_in_a_day(&economy, now) >= KEYRINGS;
        let passes = || self.takes_back(keyring) || self.leads_to_what_takes_back(keyring);
        (over && !passes()).then_some(Bound::Keyrings)
    }

    /// Whether a keyring takes back something that stands: by a later root, by a contradiction, or by
    /// revoking a key that is granted, or that has signed something here. What is revoked from an earlier
    /// instant on has to reach something here that it did not reach before; and what was taken in before takes nothing back
    /// again. So there are no more of them than of what was taken in.
    pub(crate) fn takes_back(&self, keyring: &VerifiedKeyring) -> bool {
        let Some(history) = self.keyrings.get(&keyring.economy()) else { return true };
        let held = history.current();
        let rooted = |one: &VerifiedKeyring| one.chain().rotations().len();
        match history.clone().jump(keyring.clone()) {
            Err(AdvanceError::Fork(_)) => return true,
            Ok(Advance::Same | Advance::Earlier) => return false,
            Ok(_) | Err(_) => {}
        }
        let signed = |key| self.signed_by(&keyring.economy(), &key);
        let stands = |key| held.grants_of(key).next().is_some() || !signed(key).is_empty();
        let reaches = |one: &Revocation| match held.revocation(one.key) {
            None => stands(one.key),
            Some(before) => {
                let between = one.at..before.at;
                let signed = signed(one.key);
                let mut records = signed.iter().filter_map(|id| self.records.get(id));
                // One that was announced, and holds from now on: once, for then it is past.
                let sooner = one.at <= self.written && self.written < before.at;
                one.compromised && !before.compromised && stands(one.key)
                    || sooner && held.grants_of(one.key).next().is_some()
                    || records.any(|held| {
                        let late = !held.from_origin && between.contains(&held.entered_at);
                        late || between.contains(&held.signed_at)
                    })
            }
        };
        rooted(keyring) > rooted(held) || keyring.keyring().revocations.iter().any(reaches)
    }

    /// Whether a keyring is the next, and one that takes something back came before it and waits.
    fn leads_to_what_takes_back(&self, keyring: &VerifiedKeyring) -> bool {
        let economy = keyring.economy();
        let next = self.keyring(&economy).map(|held| held.version().saturating_add(1));
        let kept = self.kept_keyrings.get(&economy).into_iter();
        let mut early = kept.flat_map(|kept| kept.early.values());
        next == Some(keyring.version()) && early.any(|early| self.takes_back(&early.keyring))
    }

    /// Whether a keyring that somebody else brings would only wait here, and as many do as may: for the
    /// versions before it, or to be believed (`set_aside`).
    pub(crate) fn waits_in_vain(&self, keyring: &VerifiedKeyring, set_aside: bool) -> bool {
        let economy = keyring.economy();
        let Some(history) = self.keyrings.get(&economy) else { return false };
        let early =
            || matches!(history.clone().advance(keyring.clone()), Err(AdvanceError::Gap { .. }));
        if !set_aside && !early() {
            return false;
        }
        let apart = self
            .keyring_records(&economy)
            .iter()
            .filter(|record| self.records.get(*record).is_some_and(|held| held.body.is_some()));
        let early = self.kept_keyrings.get(&economy).map_or(0, |kept| kept.early.len());
        early.saturating_add(apart.count()) >= EARLY_KEYRINGS
    }

    /// Takes a keyring in. `own_word`: its economy gave it itself.
    pub(super) fn learn_keyring(
        &mut self,
        keyring: VerifiedKeyring,
        own_word: bool,
        record: Option<RecordId>,
    ) {
        let economy = keyring.economy();
        match self.keyrings.get_mut(&economy) {
            Some(history) => {
                let (before, forked) = (history.current().clone(), history.fork());
                let early = &mut self.kept_keyrings.entry(economy).or_default().early;
                // An older version changes nothing here; a contradiction freezes the economy within, and
                // then the policy that is rebuilt below says so.
                let offered = keyring.clone();
                let learned =
                    if own_word { history.jump(offered) } else { history.advance(offered) };
                if let Err(AdvanceError::Gap { offered, .. }) = learned {
                    early.insert((offered, keyring.digest()), Early { keyring, record });
                }
                catch_up(history, early);
                if history.current().digest() == before.digest() && history.fork() == forked {
                    return;
                }
                let seized = history.current().chain().is_seized_since(before.chain());
                if seized {
                    self.seized.insert(economy);
                }
                let turn = match (forked, history.fork()) {
                    (None, Some(fork)) => Some(RootTurn::Froze(fork)),
                    (Some(_), None) => Some(RootTurn::Replaced { seized, thawed: true }),
                    (None, None) if seized => Some(RootTurn::Replaced { seized, thawed: false }),
                    (None, None) | (Some(_), Some(_)) => None,
                };
                self.root_turns.extend(turn.map(|turn| (economy, turn)));
                // Nothing goes to whoever is frozen.
                self.widened.all |= forked.is_some() && history.fork().is_none();
                let scope = Scope::between((&before, forked), history);
                self.judge_anew(economy, scope);
            }
            None => {
                self.keyrings.insert(economy, KeyringHistory::start(keyring));
                self.judge_anew(economy, Scope::Everything);
            }
        }
        self.rebuild_policy();
        if self.heads.contains_key(&economy) {
            // It may be the one that was awaited.
            self.judge_waiting_of(economy);
        }
    }

    /// What turned about root keys since this was asked last.
    pub(crate) fn take_root_turns(&mut self) -> Vec<(EconomyId, RootTurn)> {
        std::mem::take(&mut self.root_turns)
    }

    /// The economy itself has brought a record with a keyring that somebody else had brought too early: it
    /// may skip versions.
    pub(super) fn own_word_for(&mut self, economy: EconomyId, record: RecordId) {
        let Some(kept) = self.kept_keyrings.get_mut(&economy) else { return };
        let early = kept.early.iter().find(|(_, early)| early.record == Some(record));
        let Some(place) = early.map(|(place, _)| *place) else { return };
        if let Some(early) = kept.early.remove(&place) {
            self.learn_keyring(early.keyring, true, Some(record));
        }
    }
}

/// Takes in what waited and follows now. Whatever does not wait any longer has been taken, or is of no
/// use any more.
fn catch_up(history: &mut KeyringHistory, early: &mut BTreeMap<(u64, Digest), Early>) {
    // In the order of their versions: each may be what the next has waited for.
    early.retain(|_, early| {
        matches!(history.advance(early.keyring.clone()), Err(AdvanceError::Gap { .. }))
    });
}
