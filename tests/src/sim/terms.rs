//! What is kept for a time only: houses with terms of their own, agreements with shorter ones, records about persons,
//! and people who keep something on legal grounds, and let it go again.

use std::time::Duration;

use comity_core::journal::LegalHold;
use comity_core::record::Draft;
use comity_core::{Class, Kind, RecordId, Section, Timestamp, Tlp};
use comity_node::config::Retention;
use comity_node::engine::Command;

use super::mutation::Mutation;
use super::node::Promise;
use super::records;
use super::watch::Broken;
use super::world::World;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Nobody waits in a simulation for the next of the looks that a node has every hour.
pub(super) const FAR_OFF: Duration = Duration::from_secs(30 * 60);

impl World {
    /// Before anybody starts: for how long each house keeps what, and whether what is over goes by itself.
    pub(super) fn set_terms(&mut self) {
        let nodes = if self.config.terms { self.nodes.len() } else { 0 };
        for node in 0..nodes {
            let own = match node % 3 {
                0 => Retention {
                    automatic: true,
                    above_green: Some(DAY * 4),
                    personal_data: Some(DAY * 2),
                },
                1 => Retention { automatic: true, above_green: None, personal_data: Some(DAY) },
                _ => Retention::default(),
            };
            self.watch.keeps.insert(node, own);
            self.nodes[node].keeps = Some(match self.config.mutation {
                Some(Mutation::EraseEarly) => {
                    Retention { above_green: own.above_green.map(|term| term / 4), ..own }
                }
                _ => own,
            });
        }
    }

    /// Something about what is kept for a time.
    pub(super) fn mind_terms(&mut self, node: usize) -> Result<(), Broken> {
        match self.dice.below(10) {
            0..=3 => self.publish_about_somebody(node),
            4..=7 => self.hold(node),
            _ => self.lift_hold(node),
        }
    }

    /// A record with a part about persons, which stays at home, and one that is for everybody.
    fn publish_about_somebody(&mut self, node: usize) -> Result<(), Broken> {
        let mut draft = Draft::new(Kind::Incident);
        for (section, tlp) in [(Section::Summary, Tlp::Green), (Section::Victim, Tlp::Amber)] {
            let floor = records::marking(tlp, self.now, &mut self.dice);
            let mut part = records::part(section, floor, self.config.large, &mut self.dice);
            if section == Section::Victim {
                part.0.classes = [Class::PersonalData].into();
            }
            draft.parts.push(part);
        }
        let (key, origin) = (self.author(node), self.nodes[node].economy.id);
        let (record, parts) = self.sign(draft, &key, origin)?;
        self.watch.truth.note(&record, &parts, true, None);
        self.enter(node, record, parts)
    }

    fn hold(&mut self, node: usize) -> Result<(), Broken> {
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let here = |held: &comity_node::state::Held| held.parts.iter().any(|part| !part.erased);
        let content = engine.state().records().filter(|(_, held)| here(held));
        let content: Vec<_> = content.map(|(id, _)| *id).collect();
        let Some(record) = self.dice.choose(&content).copied() else { return Ok(()) };
        self.note(|| format!("node {node} holds {}", record.short()));
        self.report.holds += 1;
        self.command(node, Command::Hold(order(record)), Promise::Done)
    }

    fn lift_hold(&mut self, node: usize) -> Result<(), Broken> {
        let held: Vec<_> = self.watch.shadows[node].terms.holds.iter().copied().collect();
        let Some(record) = self.dice.choose(&held).copied() else { return Ok(()) };
        self.note(|| format!("node {node} holds {} no more", record.short()));
        self.command(node, Command::LiftHold(order(record)), Promise::Done)
    }

    /// A line of a text by which what goes under it is kept for some days.
    pub(super) fn term_of_text(&mut self) -> String {
        if !self.config.terms || self.dice.percent(40) {
            return String::new();
        }
        format!("retention = \"{} days\"\n", self.dice.within(2..=8))
    }

    /// A node speaks to another: where their clocks agree, that may be enough to believe the other's.
    pub(super) fn bear_witness(&mut self, node: usize, to: usize) {
        if !self.watch.doubts.contains_key(&to) {
            return;
        }
        let (ours, theirs) = (self.time_of(node), self.time_of(to));
        let apart = ours.since(theirs).max(theirs.since(ours));
        if apart <= comity_core::limits::CLOCK_TOLERANCE + Duration::from_secs(30) {
            self.watch.vouched_for(to);
        }
    }

    /// A process has started: by a clock that says much more than its journal can, nobody vouches for it.
    pub(super) fn note_doubt(&mut self, node: usize) {
        let written = self.nodes[node].wrote;
        let doubt = super::watch::Doubt { written };
        let unsure = self.config.clocks && self.time_of(node).since(written) > DAY;
        self.watch.vouched_for(node);
        self.watch.doubts.extend(unsure.then_some((node, doubt)));
    }

    /// Before each step of a node: a clock that is back where its journal was needs nobody's word.
    pub(super) fn look_at_doubt(&mut self, node: usize) {
        let Some(doubt) = self.watch.doubts.get(&node).copied() else { return };
        if self.time_of(node).since(doubt.written) <= DAY {
            self.watch.vouched_for(node);
        }
    }
}

/// What a court says of a record; when it was heard, the engine writes down.
fn order(record: RecordId) -> LegalHold {
    let (reason, by) = ("order 12 of the court".to_owned(), String::new());
    LegalHold { record, reason, by, at: Timestamp::EPOCH }
}
