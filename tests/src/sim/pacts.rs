//! What neighbours agree on: they propose, accept, change and end it.

use comity_core::agreement::Tier;
use comity_core::control::{AcceptanceBody, AgreementBody, TerminationBody};
use comity_core::{Kind, Timestamp};

use super::watch::Broken;
use super::world::World;

/// The first day of agreements that come into force while the simulation runs.
pub(super) const MIDNIGHT: Timestamp = Timestamp::from_secs(1_795_305_600);

/// The day after, where clocks are wrong by more than minutes.
const NEXT_MIDNIGHT: (&str, Timestamp) = ("2026-11-23", Timestamp::from_secs(1_795_392_000));

impl World {
    pub(super) fn propose_somewhere(&mut self, node: usize) -> Result<(), Broken> {
        let around: Vec<_> = self.neighbourhood(node).partners;
        let Some(partner) = self.dice.choose(&around).copied() else { return Ok(()) };
        let Some(other) = self.node_of(&partner) else { return Ok(()) };
        self.propose(node, other)
    }

    pub(super) fn propose(&mut self, node: usize, other: usize) -> Result<(), Broken> {
        let tier = if self.dice.percent(60) { Tier::Nda } else { Tier::Mou };
        let name = if tier == Tier::Nda { "nda" } else { "mou" };
        let (starts, first) = if self.dice.percent(25) {
            if self.config.clocks { NEXT_MIDNIGHT } else { ("2026-11-22", MIDNIGHT) }
        } else {
            ("2026-01-01", Timestamp::EPOCH)
        };
        let onward = if self.dice.percent(70) { "within-marking" } else { "ask" };
        let term = self.term_of_text();
        let text = format!(
            "format = 1\ntitle = \"Agreement\"\ntier = \"{name}\"\nstarts = {starts}\nonward = \"{onward}\"\n{term}"
        );
        let (one, other) = (self.nodes[node].economy.id, self.nodes[other].economy.id);
        let Some(body) = AgreementBody::between(one, other, text) else { return Ok(()) };
        self.speak(node, Kind::Agreement, body.encode(), Some((tier, first))).map(drop)
    }

    /// A node changes what it has agreed on with somebody, or takes back that it would.
    pub(super) fn amend(&mut self, node: usize) -> Result<(), Broken> {
        let us = self.nodes[node].economy.id;
        let around: Vec<_> = self.neighbourhood(node).partners;
        let Some(partner) = self.dice.choose(&around).copied() else { return Ok(()) };
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let agreements = engine.state().agreements();
        let trees: Vec<_> = agreements.with(partner).iter().cloned().collect();
        let ours = agreements.iter().filter(|(_, one)| {
            one.is_open() && one.proposer == us && !one.text.amends().is_empty()
        });
        let ours: Vec<_> = ours.map(|(id, _)| *id).collect();
        if self.dice.percent(30)
            && let Some(agreement) = self.dice.choose(&ours).copied()
        {
            let body = TerminationBody { agreement, effective: self.now }.encode();
            return self.speak(node, Kind::Termination, body, None).map(drop);
        }
        let Some(tree) = self.dice.choose(&trees).cloned() else { return Ok(()) };
        let (tier, name) =
            if self.dice.percent(60) { (Tier::Nda, "nda") } else { (Tier::Mou, "mou") };
        let term = self.term_of_text();
        let notice = if self.dice.percent(30) { "notice = \"2 days\"\n" } else { "" };
        let text = format!(
            "format = 1\ntitle = \"Agreement\"\ntier = \"{name}\"\nstarts = 2026-01-01\n{notice}{term}"
        );
        let Some(body) = AgreementBody::between(us, partner, text) else { return Ok(()) };
        let body = body.amending(tree.heads).encode();
        self.speak(node, Kind::Agreement, body, Some((tier, Timestamp::EPOCH))).map(drop)
    }

    /// A node accepts what was proposed to it.
    pub(super) fn accept_all(&mut self, node: usize) -> Result<(), Broken> {
        let us = self.nodes[node].economy.id;
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let open = engine.state().agreements().iter().filter(|(_, compact)| {
            compact.proposer != us && compact.accepted.is_none() && compact.terminated().is_none()
        });
        let open: Vec<_> = open.map(|(id, _)| *id).collect();
        for agreement in open {
            self.speak(node, Kind::Acceptance, AcceptanceBody { agreement }.encode(), None)?;
        }
        Ok(())
    }

    pub(super) fn terminate(&mut self, node: usize) -> Result<(), Broken> {
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let live = engine.state().agreements().iter().filter(|(_, one)| one.terminated().is_none());
        let live: Vec<_> = live.map(|(id, _)| *id).collect();
        let Some(agreement) = self.dice.choose(&live).copied() else { return Ok(()) };
        let effective = self.now.saturating_add(self.dice.millis(0..=30_000));
        let body = TerminationBody { agreement, effective }.encode();
        self.speak(node, Kind::Termination, body, None).map(drop)
    }
}
