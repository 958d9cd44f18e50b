//! What people take in from whom, and what they say of what waits for them.

use comity_core::intake::Intake;
use comity_core::journal::{PartnerChange, Standing};
use comity_core::{EconomyId, Kind, RecordId};
use comity_node::engine::Command;

use super::node::Promise;
use super::watch::Broken;
use super::world::{World, at_node};

/// The kinds of content that are published.
const CONTENT: [Kind; 3] = [Kind::Advisory, Kind::Incident, Kind::Sightings];

impl World {
    /// Something about what others bring.
    pub(super) fn mind_desk(&mut self, node: usize) -> Result<(), Broken> {
        match self.dice.below(10) {
            0..=2 => self.change_intake(node)?,
            _ => self.rule_on_something(node)?,
        }
        if let Some(engine) = self.nodes[node].engine.as_ref().filter(|_| !self.nodes[node].hostile)
        {
            let looked = self.watch.no_exit(node, engine.state(), self.now);
            looked.map_err(|broken| at_node(node, broken))?;
        }
        Ok(())
    }

    /// Another rule, for a partner or for whoever is beyond one, for all that it signs and brings or for some kinds.
    fn change_intake(&mut self, node: usize) -> Result<(), Broken> {
        let around = self.neighbourhood(node);
        let beyond = around.beyond.iter().map(|(economy, _)| *economy);
        let mut whose: Vec<EconomyId> = around.partners.clone();
        if self.dice.percent(30) {
            whose = beyond.collect();
        }
        let Some(economy) = self.dice.choose(&whose).copied() else { return Ok(()) };
        let kinds = match self.dice.percent(50) {
            true => Vec::new(),
            false => vec![*self.dice.choose(&CONTENT).expect("three")],
        };
        let rule = match self.dice.below(10) {
            0..=2 => Intake::Accept,
            3..=8 => Intake::Review,
            _ => Intake::Refuse,
        };
        self.note(|| format!("node {node} of {}: {rule} {kinds:?}", economy.short()));
        self.report.rules += 1;
        let change = PartnerChange::Intake { kinds, rule };
        self.command(node, Command::Partner { economy, change }, Promise::Done)
    }

    /// Somebody looks at what waits, and says that it counts, or that it does not; or puts aside what counted.
    fn rule_on_something(&mut self, node: usize) -> Result<(), Broken> {
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let (state, shadow) = (engine.state(), &self.watch.shadows[node]);
        let waits = |id: &RecordId| state.record(id).is_some_and(|held| held.standing.is_aside());
        let kept: Vec<_> = shadow.desk.kept().filter(waits).collect();
        let counts = state.records().filter(|(_, held)| {
            held.standing == Standing::Accepted && !held.facts.kind.is_control()
        });
        let counts: Vec<_> = counts.map(|(id, _)| *id).collect();
        let (looks, all) = if self.dice.percent(80) { (true, kept) } else { (false, counts) };
        let Some(record) = self.dice.choose(&all).copied() else { return Ok(()) };
        let believable = self.believable(node, &record);
        let dropped = self.nodes[node].engine.as_ref().is_some_and(|engine| {
            engine.state().record(&record).is_some_and(|held| held.standing == Standing::Dropped)
        });
        let standing = match self.dice.below(10) {
            // People do not let through what is not what it says.
            0..=5 if looks && believable => Standing::Accepted,
            6..=7 if !looks => Standing::Quarantined("held by a person here".to_owned()),
            _ if dropped => return Ok(()),
            _ => Standing::Dropped,
        };
        let said = match standing {
            Standing::Accepted => &mut self.report.let_in,
            _ => &mut self.report.put_aside,
        };
        *said += 1;
        self.note(|| format!("node {node} says of {}: {standing:?}", record.short()));
        let (by, reason) = ("kim".to_owned(), "looked at".to_owned());
        self.command(node, Command::Rule { record, standing, by, reason }, Promise::Done)
    }

    /// Whether nothing but a rule keeps a record: whoever signed it was entitled, as far as is known here too.
    fn believable(&self, node: usize, record: &RecordId) -> bool {
        let shadow = &self.watch.shadows[node];
        let (Some(deed), Some(entered)) =
            (self.watch.truth.deed(record), shadow.records.get(record))
        else {
            return false;
        };
        deed.honest && !deed.stolen && shadow.doubt(deed, entered).is_none()
    }
}
