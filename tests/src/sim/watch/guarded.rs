//! What leaves a house only when a second person has said so, when the guard's lists do not name it, or when the glass
//! is broken for it: read from the journal and from how things were signed, sharing no code with the decision.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::control::{ApprovalBody, ApprovalVerdict, WithdrawalBody};
use comity_core::journal::EmergencyOpened;
use comity_core::{EconomyId, KeyId, Kind, PartDigest, RecordId, Timestamp};

use super::shadow::Shadow;
use super::{Broken, Watch, broken};
use crate::sim::guarded::WORD;
use crate::sim::node::Node;
use crate::sim::truth::Deed;

/// What is so in a house.
pub struct House {
    /// The key of whoever approves there.
    pub approver: KeyId,
    /// Whether lists are in force.
    pub guard: bool,
}

/// What a journal says of what leaves only with somebody's word.
#[derive(Default)]
pub struct Kept {
    /// Records that take a second person.
    pub awaited: BTreeSet<RecordId>,
    /// Parts of which somebody said whether they pass, though the lists name them.
    pub passes: BTreeMap<(RecordId, PartDigest), bool>,
    /// The glass that was broken, by the word that says so.
    pub glasses: BTreeMap<RecordId, EmergencyOpened>,
    /// Records that were taken back from some alone.
    pub recalled: BTreeMap<RecordId, BTreeSet<EconomyId>>,
}

impl Deed {
    /// Whether the lists name what a part says.
    #[must_use]
    pub fn is_planted(&self, part: &PartDigest) -> bool {
        let bytes = self.parts.get(part).map(|piece| piece.bytes.as_ref());
        bytes.is_some_and(|bytes| bytes.windows(WORD.len()).any(|at| at == WORD))
    }
}

impl Watch {
    /// The first thing that whoever approves said of a record, or of a release.
    fn word_of(&self, shadow: &Shadow, of: &RecordId) -> Option<(bool, Timestamp)> {
        let us = shadow.us?;
        let approver = self.houses.get(&us)?.approver;
        let words = self.truth.deeds().filter(|word| {
            word.kind == Kind::Approval && word.origin == us && word.author == approver
        });
        let words = words.filter_map(|word| {
            let entered = shadow.records.get(&word.id).filter(|one| one.accepted && one.own)?;
            let body = ApprovalBody::decode(&word.body).ok().filter(|body| body.record == *of)?;
            match body.verdict {
                ApprovalVerdict::Approve => Some((entered.seq, true, entered.at)),
                ApprovalVerdict::Refuse => Some((entered.seq, false, entered.at)),
                ApprovalVerdict::Emergency { .. } => None,
            }
        });
        let first = words.min_by_key(|(seq, ..)| *seq)?;
        Some((first.1, first.2))
    }

    /// Whether the glass that this word broke still lets something go.
    fn is_open(
        &self,
        shadow: &Shadow,
        word: &RecordId,
        opened: &EmergencyOpened,
        now: Timestamp,
    ) -> bool {
        let taken_back = shadow.kept.recalled.get(&opened.record);
        if taken_back.is_some_and(|from| from.contains(&opened.to)) {
            return false;
        }
        match self.word_of(shadow, word).filter(|(_, at)| *at < opened.confirm_by) {
            Some((true, _)) => now < opened.until,
            Some((false, _)) => false,
            None => now < opened.confirm_by.min(opened.until),
        }
    }

    /// Whether these parts may leave the house; and whether the glass is broken for them.
    pub(super) fn out_of_house(
        &self,
        (node, to): (usize, EconomyId),
        deed: &Deed,
        parts: &[PartDigest],
        now: Timestamp,
    ) -> Result<bool, String> {
        let shadow = &self.shadows[node];
        let kept = &shadow.kept;
        if deed.kind == Kind::Approval {
            return Err("what two people of a house said to each other stays there".to_owned());
        }
        if deed.kind == Kind::Withdrawal {
            let body = WithdrawalBody::decode(&deed.body).map_err(|fault| fault.to_string())?;
            let others = !body.from.is_empty() && !body.from.contains(&to);
            return if others {
                Err("it is taken back from others alone".to_owned())
            } else {
                Ok(false)
            };
        }
        if kept.recalled.get(&deed.id).is_some_and(|from| from.contains(&to)) {
            return Err("it was taken back from the partner".to_owned());
        }
        let guarded = shadow.us.and_then(|us| self.houses.get(&us)).is_some_and(|one| one.guard);
        let passes = |part: &PartDigest| kept.passes.get(&(deed.id, *part)) == Some(&true);
        let mut planted = parts.iter().filter(|part| deed.is_planted(part));
        if let Some(part) = planted.find(|part| guarded && !passes(part)) {
            return Err(format!("the lists name what part {} says", part.short()));
        }
        let glass = kept.glasses.iter().any(|(word, opened)| {
            (opened.record, opened.to) == (deed.id, to) && self.is_open(shadow, word, opened, now)
        });
        if kept.awaited.contains(&deed.id) {
            match self.word_of(shadow, &deed.id) {
                Some((true, _)) => {}
                Some((false, _)) => return Err("a second person refused it".to_owned()),
                None if glass => {}
                None => return Err("no second person has said yes".to_owned()),
            }
        }
        Ok(glass)
    }

    /// Whether a second person has said neither yes nor no of a record.
    pub(super) fn is_unanswered(&self, shadow: &Shadow, of: &RecordId) -> bool {
        shadow.kept.awaited.contains(of) && self.word_of(shadow, of).is_none()
    }

    /// Whether a record waits, or was refused, or the lists name something of it.
    pub(super) fn stays_in_house(&self, node: usize, deed: &Deed) -> bool {
        let shadow = &self.shadows[node];
        let unsaid = shadow.kept.awaited.contains(&deed.id)
            && self.word_of(shadow, &deed.id).is_none_or(|(yes, _)| !yes);
        unsaid || deed.parts.keys().any(|part| deed.is_planted(part))
    }

    /// What went where the glass was broken, and nobody confirmed, is taken back from there.
    pub(super) fn glass_settled(&self, nodes: &[Node], now: Timestamp) -> Result<(), Broken> {
        for (node, of) in nodes.iter().enumerate().filter(|(_, of)| !of.hostile) {
            let shadow = &self.shadows[node];
            for (word, opened) in &shadow.kept.glasses {
                let said = self.word_of(shadow, word).filter(|(_, at)| *at < opened.confirm_by);
                let refused = self.word_of(shadow, &opened.record).is_some_and(|(yes, _)| !yes);
                let unwanted = match said {
                    Some((yes, _)) => !yes,
                    None => opened.confirm_by <= now || refused,
                };
                let went = shadow.out.iter().any(|((to, _, number), line)| {
                    *to == opened.to
                        && line.covering == Some(*word)
                        && !shadow.voided.contains_key(&(*to, *number))
                });
                if !unwanted || !went || self.withdrawn_by_recall(shadow, &opened.record) {
                    continue;
                }
                let short = opened.record.short();
                let from = shadow.kept.recalled.get(&opened.record);
                if from.is_none_or(|from| !from.contains(&opened.to)) {
                    let how =
                        format!("node {node} does not recall {short}, which nobody confirmed");
                    return Err(broken(10, how));
                }
                let other = nodes.iter().position(|one| one.economy.id == opened.to);
                let open = |one: usize, of: EconomyId| {
                    self.shadows[one].partners.get(&of).is_some_and(|bond| bond.open)
                };
                let to = other.filter(|other| {
                    !nodes[*other].hostile && open(node, opened.to) && open(*other, of.economy.id)
                });
                if let Some(to) = to
                    && !self.shadows[to].withdrawn.contains(&opened.record)
                {
                    let how = format!("node {to} does not know that {short} is recalled from it");
                    return Err(broken(10, how));
                }
            }
        }
        Ok(())
    }

    fn withdrawn_by_recall(&self, shadow: &Shadow, record: &RecordId) -> bool {
        self.truth.deeds().any(|deed| {
            deed.kind == Kind::Withdrawal
                && Some(deed.origin) == shadow.us
                && shadow.records.contains_key(&deed.id)
                && WithdrawalBody::decode(&deed.body).is_ok_and(|body| {
                    body.from.is_empty() && body.recall.is_some() && body.records.contains(record)
                })
        })
    }
}
