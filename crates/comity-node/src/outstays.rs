//! What a partner may hold of ours and would not get any more: after something narrowed, whoever did it, that is
//! what a recall is for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use comity_core::group::Exclusion;
use comity_core::policy::{
    self, Approval, Fact, Gate, Judgement, Lifecycle, Partner, Plan, PolicySnapshot, Recipient,
    Standing,
};
use comity_core::{EconomyId, RecordId, Timestamp};

use crate::engine::Alarm;
use crate::limits::{A_DAY, OUTSTAYS_PAUSE};
use crate::shell_word::word;
use crate::state::{Held, State};

/// What of a record a partner may hold and would not get any more.
pub(crate) struct Outstay {
    /// What would go to it now.
    pub(crate) plan: Plan,
    /// Which of the plan's parts those are.
    pub(crate) kept: Vec<comity_core::PartDigest>,
}

/// A way along the ledger to a partner.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    after: u64,
    seen: BTreeSet<RecordId>,
    /// Records that outstay, with their places here.
    pub(crate) found: BTreeMap<u64, RecordId>,
    pub(crate) ended: bool,
}

impl Walk {
    /// Looks at some more of what the partner may hold of ours.
    pub(crate) fn go_on(
        &mut self,
        state: &State,
        economy: &EconomyId,
        now: Timestamp,
        at_once: usize,
    ) {
        self.ended = true;
        let Some(partner) = state.partner(economy).filter(|partner| partner.is_paired()) else {
            return;
        };
        let resumed = (!partner.is_open()).then(|| as_if_resumed(state.policy(), economy));
        let policy = resumed.as_ref().unwrap_or_else(|| state.policy());
        let mut weighed = 0_usize;
        for (number, entry) in partner.out.entries_from(self.after.saturating_add(1)) {
            if weighed >= at_once {
                self.ended = false;
                return;
            }
            self.after = number;
            weighed = weighed.saturating_add(1);
            let Some(record) = entry.entry.as_ref().map(|line| line.record) else { continue };
            let held = state.record(&record).filter(|held| may_be_recalled(state, held));
            let Some(held) = held.filter(|_| self.seen.insert(record)) else { continue };
            weighed = weighed.saturating_add(held.parts.len());
            if outstay(state, policy, economy, (&record, held), now).is_some() {
                self.found.insert(held.seq, record);
            }
        }
    }
}

/// The policy by which a partner is looked at: of a suspended one, it is what it would not get if it were resumed.
pub(crate) fn policy_for(state: &State, economy: &EconomyId) -> PolicySnapshot {
    let open = state.partner(economy).is_none_or(|partner| partner.is_open());
    if open { state.policy().clone() } else { as_if_resumed(state.policy(), economy) }
}

/// What of a record of ours a partner may hold and would not get. What stays because of a time in its marking is
/// not among it: that was told with it.
pub(crate) fn outstay(
    state: &State,
    policy: &PolicySnapshot,
    economy: &EconomyId,
    (record, held): (&RecordId, &Held),
    now: Timestamp,
) -> Option<Outstay> {
    let went = state.partner(economy)?.out.possibly_held(record)?;
    if state.recalled_from(record).is_some_and(|from| from.contains_key(economy)) {
        return None;
    }
    let (mut facts, parts) = (state.facts_for(held, economy).into_owned(), state.as_if_clear(held));
    // What merely waits here, as for a second person after a restore, is no reason to have it destroyed there.
    facts.quarantined = false;
    if matches!(facts.approval, Approval::Awaited(_)) {
        facts.approval = Approval::NotNeeded;
    }
    let plan = policy::plan(policy, &facts, &parts, &Recipient::partner(*economy), now);
    let told_with_it =
        |gate: Gate| matches!(gate, Gate::Expiry | Gate::ReleaseTime | Gate::Embargo);
    let excused = |one: &Judgement| told_with_it(one.gate) || passes_by(&one.fact);
    let kept: Vec<_> = plan
        .withheld()
        .filter(|part| went.contains(&part.digest))
        .filter(|part| part.decision.deciding().is_none_or(|one| !excused(one)))
        .map(|part| part.digest)
        .collect();
    (!kept.is_empty()).then_some(Outstay { plan, kept })
}

/// What stops nothing for good: until somebody says again what he says daily, or a contradiction is settled.
fn passes_by(fact: &Fact) -> bool {
    if let Fact::OutsideGroup(why) | Fact::OutsideCommunity(why) = fact {
        return matches!(why, Exclusion::Frozen | Exclusion::Stale(_) | Exclusion::Unconfirmed(_));
    }
    matches!(
        fact,
        Fact::RecipientUnconfirmed(_)
            | Fact::KeyringUnconfirmed(_)
            | Fact::Stands(Standing::Frozen)
    )
}

fn may_be_recalled(state: &State, held: &Held) -> bool {
    let facts = &held.facts;
    let stands = facts.lifecycle == Lifecycle::Live;
    stands && facts.origin == state.us() && !facts.kind.is_control()
}

/// What is decided once a suspended partner is one like others again.
fn as_if_resumed(policy: &PolicySnapshot, economy: &EconomyId) -> PolicySnapshot {
    let builder = policy.to_builder();
    match policy.partner(economy) {
        Some(partner) => {
            let partner = Partner { standing: Standing::Paired, ..partner.clone() };
            builder.partner(*economy, partner).build()
        }
        None => builder.build(),
    }
}

/// Looks at the ledgers anew whenever what is allowed has changed, and once a day, for time narrows as well: a
/// few lines at a time.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// By which policy was looked last, after how much that was taken back, and when that began.
    looked: Option<((u64, usize), Timestamp)>,
    waiting: VecDeque<EconomyId>,
    walk: Option<(EconomyId, Walk)>,
    /// Records of each partner that outstay, as last found.
    found: BTreeMap<EconomyId, BTreeSet<RecordId>>,
}

impl Watch {
    /// Records of ours of which a partner may hold parts that it would not get now, as last counted.
    pub(crate) fn counted(&self, economy: &EconomyId) -> u64 {
        self.found.get(economy).map_or(0, |found| found.len() as u64)
    }

    /// Looks at so much more, and says where there are more than there were.
    pub(crate) fn go_on(&mut self, state: &State, now: Timestamp, at_once: usize) -> Option<Alarm> {
        // What was allowed is not all back yet.
        if state.recovery().is_some() {
            return None;
        }
        if self.walk.is_none() && self.waiting.is_empty() && self.is_due(state, now) {
            self.looked = Some((turns(state), now));
            let paired = state.partners().filter(|(_, partner)| partner.is_paired());
            self.waiting = paired.map(|(economy, _)| *economy).collect();
            let still = |economy: &EconomyId| self.waiting.contains(economy);
            self.found.retain(|economy, _| still(economy));
        }
        let next = || Some((self.waiting.pop_front()?, Walk::default()));
        let (economy, mut walk) = self.walk.take().or_else(next)?;
        walk.go_on(state, &economy, now, at_once);
        if !walk.ended {
            self.walk = Some((economy, walk));
            return None;
        }
        let found: BTreeSet<_> = walk.found.into_values().collect();
        let records = found.len() as u64;
        let before = self.found.insert(economy, found.clone()).unwrap_or_default();
        (!found.is_subset(&before)).then(|| alarm(state, economy, records))
    }

    /// Something has narrowed though nothing came.
    pub(crate) fn look_again(&mut self) {
        self.looked = None;
    }

    fn is_due(&self, state: &State, now: Timestamp) -> bool {
        self.looked.is_none_or(|(turned, at)| {
            let changed = turned != turns(state);
            let pause = if changed { OUTSTAYS_PAUSE } else { A_DAY };
            now < at || now.since(at) >= pause
        })
    }
}

/// Grows with whatever may change what outstays, but time.
fn turns(state: &State) -> (u64, usize) {
    (state.policy().version(), state.withdrawn().saturating_add(state.recalls()))
}

fn alarm(state: &State, economy: EconomyId, records: u64) -> Alarm {
    let name = state.name_of(&economy);
    let (records, them) = match records {
        1 => ("a record".to_owned(), "it"),
        many => (format!("{many} records"), "them"),
    };
    let text = format!(
        "the partner may hold parts of {records} of ours that it would not get now: comity recall due {} lists {them}, and comity recall asks for {them} back",
        word(&name)
    );
    Alarm { partner: Some(economy), code: "recall-offered", text }
}
