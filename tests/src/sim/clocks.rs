//! Clocks that are wrong for a while: the system's jumps, ahead and back, and a node's process goes by it, and by its
//! own count, as it does in a real one. What is published bears times that are worth lying about.

use std::collections::BTreeMap;
use std::time::Duration;

use comity_core::record::{self, AddresseeDraft, Draft, Part};
use comity_core::{Kind, Marking, Section, Timestamp, Tlp};
use comity_node::clock::{Steady, TOLERANCE};
use comity_node::engine::{Engine, Input};

use super::mutation::Mutation;
use super::records;
use super::truth::{Deed, Piece};
use super::watch::{Broken, broken};
use super::world::World;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// How far clocks are wrong, while a night is to come that is longer.
const FAR: u64 = 30 * HOUR;
/// How far they are wrong after the last.
const NEAR: u64 = 8 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A node's clocks.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// How many milliseconds the system's is ahead, or behind.
    offset: i64,
    /// The time that the process goes by.
    steady: Option<Steady>,
    /// When the process started, and by how much its time was ahead then.
    started: (Timestamp, Duration),
}

impl Clock {
    /// What the system's clock says.
    fn wall(&self, now: Timestamp) -> Duration {
        Duration::from_millis(now.as_millis().saturating_add_signed(self.offset))
    }

    /// The latest that a process may take the time to be: as far ahead as it was when it started, and what a
    /// running one follows the system's clock beyond its own count.
    fn latest(&self, now: Timestamp) -> Timestamp {
        let (started, ahead) = self.started;
        let days = now.since(started).as_millis().div_ceil(u128::from(DAY));
        let days = u32::try_from(days).unwrap_or(u32::MAX);
        now.saturating_add(ahead + TOLERANCE + TOLERANCE.saturating_mul(days))
    }
}

impl World {
    /// The time by which a node goes.
    pub(super) fn time_of(&mut self, node: usize) -> Timestamp {
        let now = self.now;
        // Nobody asks a process that does not run, but who signs in another's name.
        let runs = self.nodes[node].engine.is_some();
        let clock = &mut self.nodes[node].clock;
        let wall = clock.wall(now);
        if !runs {
            return now;
        }
        let Some(steady) = clock.steady.as_mut() else { return now };
        let time = steady.read(Duration::from_millis(now.as_millis()), wall);
        let follows = self.config.mutation == Some(Mutation::FollowClock);
        Timestamp::EPOCH.saturating_add(if follows { wall } else { time })
    }

    /// The latest that a node may take the time to be.
    pub(super) fn latest_of(&self, node: usize) -> Timestamp {
        if self.config.clocks { self.nodes[node].clock.latest(self.now) } else { self.now }
    }

    /// A process starts: by the system's clock, whatever that says, or the newest of its journal, where that is
    /// hardly later.
    pub(super) fn start_clock(&mut self, node: usize) {
        if !self.config.clocks {
            // All are right, and somebody looks at each start.
            self.nodes[node].engine.iter_mut().for_each(Engine::clock_is_confirmed);
            return;
        }
        let now = self.now;
        let written = Duration::from_millis(self.nodes[node].written.as_millis());
        let clock = &mut self.nodes[node].clock;
        let count = Duration::from_millis(now.as_millis());
        let wall = clock.wall(now);
        clock.steady = Some(Steady::start(count, wall, written));
        let time = self.time_of(node);
        self.nodes[node].clock.started = (now, time.since(now));
        self.note_doubt(node);
    }

    /// Something about a clock, or about a time.
    pub(super) fn mind_time(&mut self, node: usize) -> Result<(), Broken> {
        match self.dice.below(10) {
            0..=3 => self.publish_timed(node),
            4..=5 => self.lift_embargo(),
            _ => self.turn_clock(node),
        }
    }

    /// The system's clock jumps, or is right again; then somebody may say so.
    fn turn_clock(&mut self, node: usize) -> Result<(), Broken> {
        let most = if self.nights_left > 0 { FAR } else { NEAR };
        let by = self.dice.within(1..=most / 1000) * 1000;
        let offset = match self.dice.below(10) {
            0..=1 => self.dice.within(1..=9) * MINUTE,
            2..=4 => by,
            _ => by.min(most),
        };
        let offset = i64::try_from(offset).expect("a day or so");
        match self.dice.below(10) {
            0..=4 => self.set_clock(node, offset, false),
            5..=6 => self.set_clock(node, -offset, false),
            _ => {
                let confirms = self.dice.percent(50);
                self.set_clock(node, 0, confirms)
            }
        }
    }

    fn set_clock(&mut self, node: usize, offset: i64, confirms: bool) -> Result<(), Broken> {
        let before = std::mem::replace(&mut self.nodes[node].clock.offset, offset);
        self.report.jumps += u64::from(before != offset && offset != 0);
        let time = self.time_of(node);
        if confirms {
            let node = &mut self.nodes[node];
            node.clock.steady.iter_mut().for_each(Steady::confirm);
            node.engine.iter_mut().for_each(Engine::clock_is_confirmed);
        }
        if confirms {
            self.watch.vouched_for(node);
        }
        let (now, after) = (self.now, self.time_of(node));
        self.note(|| {
            format!(
                "node {node}'s clock is off by {offset} ms: it took {time} for {now}, now {after}"
            )
        });
        self.input(node, Input::Timer)
    }

    /// All clocks are right, and somebody looked.
    pub(super) fn set_clocks_right(&mut self) -> Result<(), Broken> {
        for node in 0..self.nodes.len() {
            if self.config.clocks {
                self.set_clock(node, 0, true)?;
            }
        }
        Ok(())
    }

    /// While all sleep, somebody sets what they sleep on.
    pub(super) fn set_clocks_at_night(&mut self) {
        for node in &mut self.nodes {
            node.clock.offset = 0;
        }
    }

    /// A record that nobody may have before a time, or that its recipients may not pass on before.
    fn publish_timed(&mut self, node: usize) -> Result<(), Broken> {
        let tlp = *self.dice.choose(&[Tlp::Clear, Tlp::Green, Tlp::Amber]).expect("three");
        let mut marking = records::marking(tlp, self.now, &mut self.dice);
        (marking.expires, marking.exercise) = (None, None);
        let later = if self.nights_left > 0 && self.dice.percent(50) {
            self.dice.within(HOUR..=FAR)
        } else {
            self.dice.within(11 * MINUTE..=20 * MINUTE)
        };
        let later = Some(self.now.saturating_add(Duration::from_millis(later)));
        match self.dice.percent(60) {
            true => marking.release_at = later,
            false => marking.embargo_until = later,
        }
        let mut draft = Draft::new(Kind::Advisory);
        draft.parts.push(records::part(
            Section::Summary,
            marking,
            self.config.large,
            &mut self.dice,
        ));
        let around = self.neighbourhood(node);
        if tlp == Tlp::Amber {
            for partner in &around.partners {
                draft.addressees.push(AddresseeDraft::new(*partner, vec![0]));
            }
            for (economy, through) in around.beyond.iter().take(2) {
                let mut addressee = AddresseeDraft::new(*economy, vec![0]);
                addressee.relays.push(*through);
                draft.addressees.push(addressee);
            }
        }
        let (key, origin) = (self.author(node), self.nodes[node].economy.id);
        let (record, parts) = self.sign(draft, &key, origin)?;
        self.watch.truth.note(&record, &parts, true, None);
        self.enter(node, record, parts)
    }

    /// An origin lifts an embargo of its own: it signs the same once more without it, in the place of what is here.
    fn lift_embargo(&mut self) -> Result<(), Broken> {
        let lifts = |deed: &&Deed| {
            let ahead = |piece: &Piece| piece.marking.embargo_until.is_some_and(|at| at > self.now);
            let replaced = |newer: &Deed| newer.supersedes.contains(&deed.id);
            let Some(node) = self.node_of(&deed.origin) else { return false };
            let shadow = &self.watch.shadows[node];
            self.nodes[node].engine.is_some()
                && !self.nodes[node].hostile
                && deed.honest
                && shadow.records.get(&deed.id).is_some_and(|entered| entered.accepted)
                && !shadow.withdrawn.contains(&deed.id)
                && deed.parts.values().any(ahead)
                && !deed.parts.keys().any(|part| shadow.erased.contains_key(part))
                && !self.watch.truth.deeds().any(replaced)
        };
        let all = self.watch.truth.deeds().filter(lifts).map(|deed| (deed.id, deed.origin));
        let all: Vec<_> = all.collect();
        let Some((before, us)) = self.dice.choose(&all).copied() else { return Ok(()) };
        let Some(node) = self.node_of(&us) else { return Ok(()) };
        let Some(draft) = self.watch.truth.deed(&before).and_then(without_embargo) else {
            return Err(broken(0, "a record that cannot be signed once more"));
        };
        self.note(|| format!("node {node} lifts the embargo on {}", before.short()));
        let key = self.author(node);
        let (record, parts) = self.sign(draft, &key, us)?;
        self.watch.truth.note(&record, &parts, true, None);
        self.enter(node, record, parts)
    }
}

/// The same once more, in its place, but for when it may be passed on.
fn without_embargo(deed: &Deed) -> Option<Draft> {
    let read = record::parse(&deed.signed).ok()?;
    let manifest = read.manifest();
    let open = |marking: &Marking| Marking { embargo_until: None, ..marking.clone() };
    let mut draft = Draft::new(manifest.kind);
    (draft.state, draft.urgency) = (manifest.state, manifest.urgency);
    draft.marking = Some(open(&manifest.floor));
    draft.supersedes = vec![deed.id];
    let mut places = BTreeMap::new();
    for (digest, piece) in deed.parts.iter().filter(|(_, piece)| piece.addressee.is_none()) {
        let part = Part::decode(piece.bytes.clone()).ok()?;
        let mut header = part.header;
        header.marking = header.marking.as_ref().map(open);
        places.insert(*digest, draft.parts.len());
        draft.parts.push((header, part.content.to_vec()));
    }
    for named in &deed.addressees {
        draft.addressees.push(AddresseeDraft {
            economy: named.economy,
            desk: named.desk.clone(),
            group: named.group,
            relays: named.relays.clone(),
            parts: named.parts.iter().filter_map(|part| places.get(part).copied()).collect(),
        });
    }
    Some(draft)
}
