//! The world: virtual time, what happens in it, and who is told.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use comity_core::limits::CLOCK_TOLERANCE;
use comity_core::record::VerifiedRecord;
use comity_core::{EconomyId, Timestamp};
use comity_node::engine::{Command, Input, Unverified};
use comity_store::Store as _;

use super::config::{Config, Report};
use super::dice::Dice;
use super::economy::Economy;
use super::event::{Event, Queued};
use super::mutation::Mutation;
use super::net::Net;
use super::node::{Node, Promise, verify};
use super::terms::FAR_OFF;
use super::truth::Deed;
use super::watch::{Broken, Watch, broken};

/// When every simulation begins: two minutes before midnight, 2026-11-21T23:58:00Z.
pub const START: Timestamp = Timestamp::from_secs(1_795_305_480);
/// How long faults have ended before everything must have arrived.
pub(super) const CALM: Duration = Duration::from_secs(180);
/// When whatever still goes on goes on for ever.
const LONGEST: Duration = Duration::from_secs(3600);
/// How much is kept for the account of a failure.
const REMEMBERED: usize = 400;
/// Timers of one node in a row that had passed already.
const LATE: u32 = 200;
/// Steps of one node without time passing: more is a node that turns on the spot.
const SPIN: u32 = 20_000;

/// The simulation.
pub struct World {
    pub(super) config: Config,
    pub(super) now: Timestamp,
    pub(super) dice: Dice,
    pub(super) nodes: Vec<Node>,
    pub(super) net: Net,
    pub(super) watch: Watch,
    pub(super) edges: Vec<(usize, usize)>,
    pub(super) acts_left: usize,
    pub(super) report: Report,
    pub(super) mutated: bool,
    by_id: BTreeMap<EconomyId, usize>,
    verified: HashMap<Bytes, VerifiedRecord>,
    queue: BinaryHeap<Reverse<Queued>>,
    order: u64,
    pub(super) calm_since: Option<Timestamp>,
    /// When the last night ends, how long all of them were, and how many are to come.
    pub(super) dawn: Timestamp,
    pub(super) slept: Duration,
    pub(super) nights_left: usize,
    /// Second rosters of one number, which a hostile secretariat keeps for later.
    pub(super) contradictions: Vec<VerifiedRecord>,
    spins: (Timestamp, u32),
    account: VecDeque<String>,
    /// Prints everything as it happens.
    pub(super) loud: bool,
}

impl World {
    /// A federation that has just been paired.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let mut dice = Dice::new(config.seed ^ 0xc0_31_7e);
        let found = |number: usize| {
            let hostile = number >= config.nodes - config.hostile;
            let economy = Economy::found(u8::try_from(number + 1).expect("at most 255 nodes"));
            Node::found(economy, format!("N{number}"), START, hostile)
        };
        let nodes: Vec<Node> = (0..config.nodes).map(found).collect();
        let by_id = nodes.iter().enumerate().map(|(at, node)| (node.economy.id, at)).collect();
        let edges = edges(config.nodes, config.degree, &mut dice);
        let mut watch = Watch::default();
        watch.shadows.resize_with(config.nodes, Default::default);
        watch.economies = nodes.iter().map(|node| node.economy.id).collect();
        Self {
            now: START,
            dice,
            nodes,
            net: Net::default(),
            watch,
            edges,
            acts_left: config.acts,
            report: Report::default(),
            mutated: false,
            by_id,
            verified: HashMap::new(),
            queue: BinaryHeap::new(),
            order: 0,
            calm_since: None,
            dawn: START,
            slept: Duration::ZERO,
            nights_left: config.night_count,
            contradictions: Vec::new(),
            spins: (START, 0),
            account: VecDeque::new(),
            loud: std::env::var_os("COMITY_SIM_LOUD").is_some(),
            config,
        }
    }

    /// Runs to the end.
    pub fn run(&mut self) -> Result<Report, Broken> {
        self.furnish()?;
        self.set_terms();
        for node in 0..self.nodes.len() {
            self.start(node)?;
        }
        self.pair_all()?;
        self.move_in()?;
        self.net.faulty = self.config.faults;
        self.later(Duration::from_millis(500), Event::Act);
        while let Some(Reverse(Queued(at, _, event))) = self.queue.pop() {
            // What nobody waits for any more makes nobody wait.
            if !self.is_over(&event) {
                self.now = at.max(self.now);
            }
            // Where something has a time, the looks that a node has every hour are waited for.
            let longest = if self.config.terms { LONGEST * 2 } else { LONGEST };
            if self.now.since(START).saturating_sub(self.slept) > longest {
                return Err(broken(5, self.unquiet(&event)));
            }
            self.happen(event)?;
            if self.queue.is_empty() && self.calm_since.is_none() {
                self.calm()?;
            }
        }
        self.watch.settled(&self.nodes, self.now)?;
        self.links_settled()?;
        self.report.delivered = self.watch.delivered;
        self.report.unkept = self.watch.unkept();
        self.report.consented = self.watch.consented;
        self.report.doubted = self.watch.doubted();
        self.report.undone = self.watch.undone();
        self.report.amended = self.amended();
        self.report.timed = self.watch.timed;
        self.report.lifted = self.watch.lifted;
        self.report.by_glass = self.watch.by_glass;
        self.report.let_on = self.watch.let_on;
        let desks = self.watch.shadows.iter().map(|shadow| shadow.desk.not_taken());
        self.report.declined = desks.sum();
        self.report.lapsed = self.watch.lapsed;
        self.report.grouped = self.watch.circles.delivered;
        self.report.frozen = self.watch.frozen(&self.nodes);
        self.report.signed = self.watch.truth.deeds().count() as u64;
        Ok(self.report)
    }

    /// Texts that took the place of others, and agreements that are contested, at each node.
    fn amended(&self) -> (u64, u64) {
        let mut found = (0, 0);
        for engine in self.nodes.iter().filter_map(|node| node.engine.as_ref()) {
            let state = engine.state();
            for (partner, _) in state.partners() {
                for tree in state.agreements().with(*partner).iter() {
                    found.0 += tree.texts.len().saturating_sub(1) as u64;
                    found.1 += u64::from(tree.contested);
                }
            }
        }
        found
    }

    /// What led to a failure, and how to repeat it.
    #[must_use]
    pub fn account(&self, broken: &Broken) -> String {
        let lines: Vec<&str> = self.account.iter().map(String::as_str).collect();
        format!(
            "{}\n\nseed {}: {broken}\nat {}\nrepeat: COMITY_SIM_SEED={} cargo test -p comity-tests --test simulator one_seed -- --ignored --nocapture",
            lines.join("\n"),
            self.config.seed,
            self.now,
            self.config.seed,
        )
    }

    pub(super) fn later(&mut self, delay: Duration, event: Event) {
        self.at(self.now.saturating_add(delay), event);
    }

    pub(super) fn at(&mut self, at: Timestamp, event: Event) {
        self.order += 1;
        self.queue.push(Reverse(Queued(at, self.order, event)));
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let line = format!("{:>8} {}", self.now.since(START).as_millis(), line());
        for byte in line.bytes() {
            self.report.trace = (self.report.trace ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        if self.loud {
            println!("{line}");
        }
        if self.account.len() == REMEMBERED {
            self.account.pop_front();
        }
        self.account.push_back(line);
    }

    fn happen(&mut self, event: Event) -> Result<(), Broken> {
        match event {
            night @ (Event::Restart { .. } | Event::Act) if self.now < self.dawn => {
                self.wait_for_dawn(night);
            }
            Event::Dial { from, to } => self.dial(from, to),
            Event::Open { conn, end } => self.open(conn, end)?,
            Event::Bytes { conn, end, stream, bytes, fin } => {
                self.bytes(conn, end, stream, bytes, fin)?;
            }
            Event::Gone { conn, end } => self.gone(conn, end)?,
            Event::Sever { conn } => self.sever(conn),
            Event::Timer { node, life, at } => {
                if self.lives(node, life) && self.nodes[node].timer == Some(at) {
                    self.nodes[node].timer = None;
                    self.input(node, Input::Timer)?;
                }
            }
            Event::More { node, life } => {
                if self.lives(node, life) {
                    self.input(node, Input::Timer)?;
                }
            }
            Event::Sync { node, life } => {
                if self.lives(node, life) {
                    self.sync(node);
                }
            }
            Event::Appended { node, life, token, result } => {
                if self.lives(node, life) {
                    self.input(node, Input::Appended { token, result })?;
                }
            }
            Event::Verified { node, life, token, signed, parts } => {
                if self.lives(node, life) {
                    let parts = self.nodes[node].sources(parts);
                    let result = parts.and_then(|parts| {
                        verify(&mut self.verified, &signed, &parts).map_err(Unverified::Record)
                    });
                    self.input(node, Input::Verified { token, result })?;
                }
            }
            Event::Keep { node, life, token, piece } => {
                if self.lives(node, life) {
                    // Only while faults go on, or the part would never come whole.
                    let lost =
                        self.config.mutation == Some(Mutation::LosePieces) && self.net.faulty;
                    let result = if lost { Ok(()) } else { self.nodes[node].keep(piece) };
                    self.input(node, Input::Kept { token, result })?;
                }
            }
            Event::Discard { node, life, label, digest } => {
                if self.lives(node, life) {
                    // A store that has crashed has nothing to let go.
                    drop(self.nodes[node].store.discard(&label, &digest));
                }
            }
            Event::Remembered { node, life, token } => {
                if self.lives(node, life) {
                    self.input(node, Input::Remembered { token, result: Ok(()) })?;
                }
            }
            Event::Erase { node, life, bodies } => {
                if self.lives(node, life) {
                    // What a disk that fails leaves undone, the next start does.
                    drop(self.nodes[node].store.erase(&bodies));
                }
            }
            Event::Loaded { node, life, token, seq, parts } => {
                if self.lives(node, life) {
                    let result = self.nodes[node].load(seq, &parts);
                    self.input(node, Input::Loaded { token, result })?;
                }
            }
            Event::Restart { node } => {
                if self.nodes[node].engine.is_none() {
                    self.start(node)?;
                }
            }
            Event::Confirm { node } => {
                if self.nodes[node].engine.is_some() {
                    self.command(node, Command::ConfirmPolicy, Promise::Done)?;
                }
            }
            Event::Examine { node, life, token, guard, parts } => {
                if self.lives(node, life) {
                    self.examine(node, token, &guard, &parts)?;
                }
            }
            Event::Chore { node } => self.chore(node)?,
            Event::Act => self.act()?,
        }
        Ok(())
    }

    pub(super) fn lives(&self, node: usize, life: u64) -> bool {
        self.nodes[node].life == life && self.nodes[node].engine.is_some()
    }

    /// Whether a node had itself called at a time, and died since or asked for an earlier one.
    fn is_over(&self, event: &Event) -> bool {
        match event {
            Event::Timer { node, life, at } => {
                !self.lives(*node, *life) || self.nodes[*node].timer != Some(*at)
            }
            _ => false,
        }
    }

    /// Who is not done when the time is over, and what it waits for.
    fn unquiet(&self, event: &Event) -> String {
        let node = match event {
            Event::Timer { node, .. } => Some(*node),
            _ => None,
        };
        let engine = node.and_then(|node| self.nodes[node].engine.as_ref());
        let what = match (node, engine) {
            (Some(node), Some(engine)) => {
                let pending = engine.state().next_pending();
                let ahead = |deed: &&Deed| {
                    pending.is_some_and(|at| deed.signed_at.saturating_sub(CLOCK_TOLERANCE) == at)
                };
                let record = self.watch.truth.deeds().find(ahead);
                format!(
                    "node {node} waits for {:?}; {:?} is pending until {:?}",
                    engine.next_timer().map(|at| at.to_string()),
                    record.map(|deed| (deed.id.short(), deed.kind, self.node_of(&deed.origin))),
                    pending.map(|at| at.to_string()),
                )
            }
            (_, _) => "something is under way".to_owned(),
        };
        format!("its time has passed and it is not quiet: {what}")
    }

    /// Faults end, everybody is up, and everything must arrive.
    fn calm(&mut self) -> Result<(), Broken> {
        self.note(|| "faults end".to_owned());
        self.calm_since = Some(self.now);
        self.net.faulty = false;
        self.reconcile()?;
        self.chores()?;
        if self.config.keys {
            // What came back of ours and is set aside is looked at, and the recovery confirmed again.
            for (node, seconds) in
                (0..self.nodes.len()).flat_map(|node| [20, 40].map(|s| (node, s)))
            {
                self.later(Duration::from_secs(seconds), Event::Confirm { node });
            }
        }
        for (one, other) in self.edges.clone() {
            self.later(Duration::from_millis(10), Event::Dial { from: one, to: other });
        }
        Ok(())
    }

    /// Starts a node's process.
    pub(super) fn start(&mut self, node: usize) -> Result<(), Broken> {
        if !self.finish_links(node)? {
            return Ok(());
        }
        let seed = self.dice.number();
        let mutation = self.config.mutation;
        let started = self.nodes[node].start(seed, mutation);
        self.note(|| format!("node {node} starts"));
        if let Err(why) = started {
            return Err(broken(2, format!("node {node} does not start: {why}")));
        }
        self.start_clock(node);
        let replaced = self.nodes[node].life == 1;
        self.watch.reopened(node, &self.nodes[node], replaced)?;
        if self.nodes[node].life > 1 {
            for (one, other) in self.edges.clone() {
                if one == node || other == node {
                    let delay = self.dice.millis(1..=400);
                    let to = if one == node { other } else { one };
                    self.later(delay, Event::Dial { from: node, to });
                }
            }
        }
        let unfinished = self.nodes[node].store.unfinished();
        self.input(node, Input::Unfinished(unfinished))?;
        self.input(node, Input::Timer)
    }

    /// Gives a command.
    pub(super) fn command(
        &mut self,
        node: usize,
        command: Command,
        promise: Promise,
    ) -> Result<(), Broken> {
        let token = self.nodes[node].token();
        self.nodes[node].promises.insert(token, promise);
        self.input(node, Input::Command { token, command: Box::new(command) })
    }

    /// Gives an engine one input, and does what it asks for.
    pub(super) fn input(&mut self, node: usize, input: Input) -> Result<(), Broken> {
        self.report.steps += 1;
        if self.spins.0 != self.now {
            self.spins = (self.now, 0);
        }
        self.spins.1 += 1;
        if self.spins.1 > SPIN {
            return Err(broken(5, format!("node {node} turns on the spot")));
        }
        let now = self.time_of(node);
        self.look_at_doubt(node);
        let Some(engine) = self.nodes[node].engine.as_mut() else { return Ok(()) };
        let effects = engine.handle(input, now);
        for effect in effects {
            self.effect(node, effect)?;
        }
        if !self.nodes[node].hostile
            && let Some(engine) = &self.nodes[node].engine
        {
            self.watch.stepped(node, engine).map_err(|broken| at_node(node, broken))?;
            self.look_at_doors(node).map_err(|broken| at_node(node, broken))?;
        }
        self.schedule(node)
    }

    fn schedule(&mut self, node: usize) -> Result<(), Broken> {
        let here = self.time_of(node);
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let life = self.nodes[node].life;
        let more = engine.has_more();
        let next = engine.next_timer();
        let late = next.is_some_and(|at| at <= here);
        self.nodes[node].late = if late { self.nodes[node].late + 1 } else { 0 };
        if self.nodes[node].late > LATE {
            let how = format!("node {node} asks again and again for a time that has passed");
            return Err(broken(5, how));
        }
        if let Some(at) = next {
            let at = self.now.saturating_add(at.since(here).max(Duration::from_millis(1)));
            let far_off = self.config.terms || self.config.links;
            let waits = !far_off || at.since(self.now) <= FAR_OFF;
            if waits && self.nodes[node].timer.is_none_or(|before| at < before) {
                self.nodes[node].timer = Some(at);
                self.at(at, Event::Timer { node, life, at });
            }
        }
        if more {
            self.later(Duration::ZERO, Event::More { node, life });
        }
        Ok(())
    }

    /// The node of an economy.
    #[must_use]
    pub fn node_of(&self, economy: &EconomyId) -> Option<usize> {
        self.by_id.get(economy).copied()
    }
}

pub(super) fn at_node(node: usize, broken: Broken) -> Broken {
    Broken { how: format!("node {node}: {}", broken.how), ..broken }
}

/// A connected graph: a ring, and chords.
fn edges(nodes: usize, degree: usize, dice: &mut Dice) -> Vec<(usize, usize)> {
    let mut edges = Vec::new();
    for node in 1..nodes {
        let other = dice.below(node);
        edges.push((other, node));
    }
    let wanted = (nodes * degree / 2).min(nodes * nodes.saturating_sub(1) / 2);
    while edges.len() < wanted {
        let (one, other) = (dice.below(nodes), dice.below(nodes));
        let edge = (one.min(other), one.max(other));
        if one != other && !edges.contains(&edge) {
            edges.push(edge);
        }
    }
    edges
}
