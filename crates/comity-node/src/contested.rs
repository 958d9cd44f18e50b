//! Agreements of several texts under which nothing goes though they bind, for nobody can say which of their texts
//! holds, or none of them is in force: what is told, and what to do about it.

use std::collections::BTreeSet;

use comity_core::policy::{Agreement, Standstill, Tree};
use comity_core::{EconomyId, RecordId, Timestamp};

use crate::api::ContestedLine;
use crate::engine::Alarm;
use crate::state::State;

/// An agreement that stands still.
struct Still {
    partner: EconomyId,
    tree: Tree,
    why: Standstill,
    /// Whether the last day of its last text is over.
    over: bool,
}

/// Those that stand still, and that nobody has ended.
fn still(state: &State, now: Timestamp) -> Vec<Still> {
    let mut found = Vec::new();
    for (partner, _) in state.partners() {
        let trees = state.agreements().with(*partner);
        for tree in trees.iter() {
            let Some(why) = trees.standstill(tree, now) else { continue };
            let last = |one: &&Agreement| tree.heads.contains(&one.id());
            let over = trees.agreements().iter().find(last).is_some_and(|last| last.ended(now));
            found.push(Still { partner: *partner, tree: tree.clone(), why, over });
        }
    }
    found
}

/// Why it is contested, in words that name the texts.
pub(crate) fn why(state: &State, tree: &Tree) -> String {
    let named: Vec<String> = tree.heads.iter().map(|head| state.called(head)).collect();
    match &named[..] {
        [one] => {
            let text = tree.heads.first().and_then(|head| state.agreements().get(head));
            let taken_back = text.is_some_and(|text| text.text.is_ended());
            let unread = text.is_some_and(|text| text.terms().is_none());
            match (taken_back, unread) {
                (true, _) => format!("{one} was accepted and taken back"),
                (false, true) => format!("this version cannot read {one}"),
                (false, false) => {
                    format!("it is in doubt whether both have signed {one}")
                }
            }
        }
        several => {
            format!("both have signed {}, each in the place of the same", several.join(" and "))
        }
    }
}

/// The same, of one that stands still for either reason.
pub(crate) fn why_still(state: &State, tree: &Tree, standstill: Standstill) -> String {
    match standstill {
        Standstill::Contested => why(state, tree),
        Standstill::NoneInForce => "none of its texts is in force".to_owned(),
    }
}

fn line(state: &State, still: &Still) -> ContestedLine {
    let Still { partner, tree, why, over } = still;
    let reference = state.called(&tree.first);
    let name = state.name_of(partner);
    let said = why_still(state, tree, *why);
    let what = match why {
        Standstill::Contested => format!(
            "the agreement {reference} with {name} is contested: {said}; nothing goes under it, and all its texts bind"
        ),
        Standstill::NoneInForce => format!(
            "nothing goes under the agreement {reference} with {name}: {said}, and it binds"
        ),
    };
    let end = format!("comity agreement terminate {reference}");
    let next = match (why, over) {
        (Standstill::Contested, _) => format!(
            "propose a text that settles it: comity agreement amend {reference} FILE; or end it: {end}"
        ),
        (Standstill::NoneInForce, false) => format!(
            "propose a text that begins now: comity agreement amend {reference} FILE; or end it: {end}"
        ),
        (Standstill::NoneInForce, true) => {
            format!("propose anew: comity agreement propose FILE --to {name}; and end it: {end}")
        }
    };
    ContestedLine { what, next, reference, partner: name }
}

/// As the local interface has them.
pub(crate) fn lines(state: &State, now: Timestamp) -> Vec<ContestedLine> {
    still(state, now).iter().map(|one| line(state, one)).collect()
}

/// What stood still when a running node last looked: each is told once as it turns, and at the start.
#[derive(Debug, Default)]
pub(crate) struct Told {
    seen: BTreeSet<(RecordId, bool)>,
    /// The version of the policy that was looked at, and when its agreements say something else.
    looked: Option<(u64, Option<Timestamp>)>,
}

impl Told {
    /// What has to be told since the last look.
    pub(crate) fn alarms(&mut self, state: &State, now: Timestamp) -> Vec<Alarm> {
        let version = state.policy().version();
        let same = |(looked, until): (u64, Option<Timestamp>)| {
            looked == version && until.is_none_or(|until| until > now)
        };
        if self.looked.is_some_and(same) {
            return Vec::new();
        }
        self.looked = Some((version, state.policy().next_change(now)));
        let all = still(state, now);
        let told = |one: &Still| (one.tree.first, one.why == Standstill::Contested);
        let news = all.iter().filter(|one| !self.seen.contains(&told(one)));
        let alarms = news
            .map(|one| {
                let line = line(state, one);
                let text = format!("{}: {}", line.what, line.next);
                let code = match one.why {
                    Standstill::Contested => "agreement-contested",
                    Standstill::NoneInForce => "agreement-not-in-force",
                };
                Alarm { partner: Some(one.partner), code, text }
            })
            .collect();
        self.seen = all.iter().map(told).collect();
        alarms
    }
}
