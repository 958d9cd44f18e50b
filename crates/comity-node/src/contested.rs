//! Agreements under which nothing goes, for nobody can say which of their texts holds: what is told, and what
//! to do about it.

use std::collections::BTreeSet;

use comity_core::policy::Tree;
use comity_core::{EconomyId, RecordId, Timestamp};

use crate::api::ContestedLine;
use crate::engine::Alarm;
use crate::state::State;

/// Those that nobody has ended.
fn contested(state: &State, now: Timestamp) -> Vec<(EconomyId, Tree)> {
    let mut found = Vec::new();
    for (partner, _) in state.partners() {
        let trees = state.agreements().with(*partner);
        let open = trees.iter().filter(|tree| is_open(tree, now));
        found.extend(open.map(|tree| (*partner, tree.clone())));
    }
    found
}

/// Whether it is contested, and has not ended.
pub(crate) fn is_open(tree: &Tree, now: Timestamp) -> bool {
    tree.contested && tree.ends.is_none_or(|end| end > now)
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

fn line(state: &State, partner: &EconomyId, tree: &Tree) -> ContestedLine {
    let reference = state.called(&tree.first);
    let name = state.name_of(partner);
    let why = why(state, tree);
    ContestedLine {
        what: format!(
            "the agreement {reference} with {name} is contested: {why}; nothing goes under it, and all its texts bind"
        ),
        next: format!(
            "propose a text that settles it: comity agreement amend {reference} FILE; or end it: comity agreement terminate {reference}"
        ),
        reference,
        partner: name,
    }
}

/// As the local interface has them.
pub(crate) fn lines(state: &State, now: Timestamp) -> Vec<ContestedLine> {
    contested(state, now).iter().map(|(partner, tree)| line(state, partner, tree)).collect()
}

/// What was contested when a running node last looked: each is told once as it turns, and at the start.
#[derive(Debug, Default)]
pub(crate) struct Told {
    seen: BTreeSet<RecordId>,
    /// The version of the policy that was looked at.
    version: Option<u64>,
}

impl Told {
    /// What has to be told since the last look.
    pub(crate) fn alarms(&mut self, state: &State, now: Timestamp) -> Vec<Alarm> {
        let version = Some(state.policy().version());
        if std::mem::replace(&mut self.version, version) == version {
            return Vec::new();
        }
        let all = contested(state, now);
        let news = all.iter().filter(|(_, tree)| !self.seen.contains(&tree.first));
        let alarms = news
            .map(|(partner, tree)| {
                let line = line(state, partner, tree);
                let text = format!("{}: {}", line.what, line.next);
                Alarm { partner: Some(*partner), code: "agreement-contested", text }
            })
            .collect();
        self.seen = all.into_iter().map(|(_, tree)| tree.first).collect();
        alarms
    }
}
