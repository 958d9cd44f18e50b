//! What people ask of origins, what those answer and take back, and what is to be destroyed.

use std::time::Duration;

use comity_core::consent::{ConsentAsk, ConsentBody, ConsentGrant, ConsentRefusal};
use comity_core::control::WithdrawalBody;
use comity_core::ledger::Obligations;
use comity_core::{Kind, Onward, RecallReason, RecordId, Section, Tlp};

use super::watch::Broken;
use super::world::World;

impl World {
    /// Somebody asks, answers, takes an answer back, or has something destroyed.
    pub(super) fn deal(&mut self, node: usize) -> Result<(), Broken> {
        match self.dice.below(10) {
            0..=4 => self.ask_for_another(node),
            5..=7 => {
                let nodes = self.nodes.len();
                let asked = |node: &usize| {
                    let engine = self.nodes[*node].engine.as_ref();
                    engine.is_some_and(|engine| engine.state().asks_of_us().next().is_some())
                };
                let node = (0..nodes).map(|step| (node + step) % nodes).find(asked);
                node.map_or(Ok(()), |node| self.answer(node))
            }
            8 => self.take_answer_back(node),
            _ => self.recall(node),
        }
    }

    /// A partner's record is wanted for another partner; of what is another's, the node asks in vain.
    fn ask_for_another(&mut self, node: usize) -> Result<(), Broken> {
        let around = self.neighbourhood(node);
        let Some(engine) = self.nodes[node].engine.as_ref() else { return Ok(()) };
        let us = self.nodes[node].economy.id;
        let foreign = engine.state().records().filter(|(_, held)| {
            let floor = &held.facts.floor;
            let wants = floor.tlp >= Tlp::Amber || floor.onward == Onward::Ask;
            held.facts.origin != us && wants && !held.facts.kind.is_control()
        });
        let foreign: Vec<_> = foreign
            .map(|(id, held)| {
                let content = held.parts.iter().filter(|part| part.section != Section::Addressee);
                let mut parts: Vec<_> = content.map(|part| part.digest).collect();
                parts.sort_unstable();
                (*id, held.facts.origin, parts)
            })
            .filter(|(_, _, parts)| !parts.is_empty())
            .collect();
        let Some((record, origin, mut parts)) = self.dice.choose(&foreign).cloned() else {
            return Ok(());
        };
        if self.dice.percent(40) {
            parts.truncate(1);
        }
        let mut recipients: Vec<_> =
            around.partners.into_iter().filter(|one| *one != origin).collect();
        recipients.sort_unstable();
        recipients.truncate(2);
        if recipients.is_empty() {
            return Ok(());
        }
        let why = "the same flaw".to_owned();
        let ask = ConsentAsk { record, parts, origin, recipients, why, until: None };
        self.say(node, &ConsentBody::Ask(ask))
    }

    /// An origin answers what it was asked, some of it twice.
    fn answer(&mut self, node: usize) -> Result<(), Broken> {
        let Some(engine) = self.nodes[node].engine.as_ref() else { return Ok(()) };
        let asked: Vec<_> = engine.state().asks_of_us().collect();
        let asks = asked.into_iter().filter_map(|id| {
            let deed = self.watch.truth.deed(&id)?;
            match ConsentBody::decode(&deed.body) {
                Ok(ConsentBody::Ask(ask)) => Some((id, deed.origin, ask)),
                Ok(ConsentBody::Grant(_) | ConsentBody::Refusal(_)) | Err(_) => None,
            }
        });
        let asks: Vec<_> = asks.collect();
        let Some((id, asker, ask)) = self.dice.choose(&asks).cloned() else { return Ok(()) };
        if self.dice.percent(20) {
            let reason = "not yet".to_owned();
            let refusal = ConsentRefusal { record: ask.record, asker, ask: id, reason };
            return self.say(node, &ConsentBody::Refusal(refusal));
        }
        let Some(grantee) = self.dice.choose(&ask.recipients).copied() else { return Ok(()) };
        let mut parts = ask.parts;
        if self.dice.percent(30) {
            parts.truncate(1);
        }
        // Some end while the simulation runs, some do not.
        let seconds = if self.dice.percent(50) { self.dice.within(1..=60) } else { 86_400 };
        let until = self.now.saturating_add(Duration::from_secs(seconds));
        let onward = if self.dice.percent(50) { Onward::Ask } else { Onward::WithinMarking };
        let terms = Obligations { onward, ..Obligations::unbound() };
        let record = ask.record;
        let grant = ConsentGrant { record, parts, asker, grantee, ask: id, until, terms };
        self.say(node, &ConsentBody::Grant(grant))
    }

    fn take_answer_back(&mut self, node: usize) -> Result<(), Broken> {
        let us = self.nodes[node].economy.id;
        let shadow = &self.watch.shadows[node];
        let ours = self.watch.truth.deeds().filter(|deed| {
            deed.kind == Kind::Consent
                && deed.origin == us
                && shadow.records.contains_key(&deed.id)
                && !shadow.withdrawn.contains(&deed.id)
        });
        let ours: Vec<_> = ours.map(|deed| deed.id).collect();
        match self.dice.choose(&ours).copied() {
            Some(consent) => self.take_back(node, consent, None),
            None => Ok(()),
        }
    }

    fn recall(&mut self, node: usize) -> Result<(), Broken> {
        match self.own_content(node) {
            Some(record) => self.take_back(node, record, Some(RecallReason::Law)),
            None => Ok(()),
        }
    }

    fn take_back(
        &mut self,
        node: usize,
        record: RecordId,
        recall: Option<RecallReason>,
    ) -> Result<(), Broken> {
        let body =
            WithdrawalBody { recall, ..WithdrawalBody::of(vec![record]).expect("one record") };
        self.speak(node, Kind::Withdrawal, body.encode(), None).map(drop)
    }

    fn say(&mut self, node: usize, body: &ConsentBody) -> Result<(), Broken> {
        let what = match body {
            ConsentBody::Ask(_) => "asks",
            ConsentBody::Grant(_) => "grants",
            ConsentBody::Refusal(_) => "refuses",
        };
        let record = body.record();
        self.note(|| format!("node {node} {what} about {}", record.short()));
        self.speak(node, Kind::Consent, body.encode(), None).map(drop)
    }
}
