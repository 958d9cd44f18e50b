//! One node on a bench: a real engine over a store in memory, its partners played by hand.
//!
//! Where the simulator asks whether invariants hold in a whole federation, the bench asks what one
//! node does when one thing is done to it: a [`Peer`] says on the wire whatever a test wants, hostile
//! or not, and the bench writes down what the node answers.

mod filling;
mod frames;
mod peer;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use comity_core::journal::PartnerChange;
use comity_core::policy::TrustLevel;
use comity_core::record::{Draft, Header, Part, VerifiedRecord};
use comity_core::test_util::SeededEntropy;
use comity_core::{Kind, Marking, PartDigest, RecordId, Section, Timestamp, Tlp};
use comity_node::config::{Approval, Limits, Retention};
use comity_node::engine::{
    Alarm, Command, CommandError, Effect, Engine, Input, Reply, Token, Unverified,
};
use comity_node::guard::Guard;
use comity_node::state::State;
use comity_proto::{CloseReason, ConnId, StreamId};
use comity_store::{MemoryStore, Store as _, Unsynced};

use crate::sim::economy::Economy;
use crate::sim::node::{Node, verify};
use crate::sim::wire::{Said, Tap};
use crate::sim::world::START;

pub use filling::{Make, fill, nobody, signed};
pub use peer::Peer;

/// One node, and what it said.
pub struct Bench {
    /// The node.
    pub node: Node,
    /// The instant.
    pub now: Timestamp,
    /// Whether writes wait until [`Bench::sync`].
    pub slow_disk: bool,
    /// Whether reads wait until [`Bench::read`].
    pub slow_reads: bool,
    /// Whether what the egress guard is to look at cannot be read.
    pub unreadable: bool,
    /// How what outlasts a restore is written down.
    pub list: ListDisk,
    /// What the configuration sets, from the next start on.
    pub limits: Option<Limits>,
    /// For how long what is published is held back, from the next start on.
    pub hold_back: Duration,
    /// For how long bodies are kept, from the next start on.
    pub retention: Option<Retention>,
    /// For how long bodies are to be kept where a person erases, from the next start on.
    pub overdue: Option<Retention>,
    /// Whether nobody says, from the next start on, that the clock is right.
    pub doubts_clock: bool,
    /// Bytes that the next start finds cut from the end of the journal, which does not say so.
    pub cut: Option<u64>,
    /// What takes a second person, from the next start on.
    pub approval: Approval,
    /// The egress guard, from the next start on.
    pub guard: Option<Arc<Guard>>,
    /// How often it was asked to look.
    pub examinations: usize,
    /// Every alarm, oldest first.
    pub alarms: Vec<Alarm>,
    /// Connections that the node closed.
    pub closed: BTreeMap<ConnId, CloseReason>,
    heard: BTreeMap<ConnId, Vec<Said>>,
    left: BTreeMap<ConnId, Vec<u8>>,
    taps: BTreeMap<ConnId, Tap>,
    replies: BTreeMap<Token, Result<Reply, CommandError>>,
    reads: Vec<Input>,
    listing: Vec<Token>,
    verified: HashMap<Bytes, VerifiedRecord>,
    conns: u64,
    seed: u64,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// A node that was just founded, started.
    #[must_use]
    pub fn new() -> Self {
        Self::of(1)
    }

    /// The node of the economy with this number, just founded and started.
    #[must_use]
    pub fn of(number: u8) -> Self {
        let node = Node::found(Economy::found(number), "KR".to_owned(), START, false);
        let mut bench = Self {
            node,
            now: START,
            slow_disk: false,
            slow_reads: false,
            unreadable: false,
            list: ListDisk::Quick,
            listing: Vec::new(),
            limits: None,
            hold_back: Duration::ZERO,
            retention: None,
            overdue: None,
            doubts_clock: false,
            cut: None,
            approval: Approval::default(),
            guard: None,
            examinations: 0,
            alarms: Vec::new(),
            closed: BTreeMap::new(),
            heard: BTreeMap::new(),
            left: BTreeMap::new(),
            taps: BTreeMap::new(),
            replies: BTreeMap::new(),
            reads: Vec::new(),
            verified: HashMap::new(),
            conns: 0,
            seed: 0,
        };
        bench.start();
        bench
    }

    fn start(&mut self) {
        self.seed += 1;
        self.node.start(self.seed, None).expect("the journal folds");
        if let Some(limits) = &self.limits {
            self.node.engine = self.node.engine.take().map(|engine| engine.within(limits));
        }
        let time = self.hold_back;
        self.node.engine = self.node.engine.take().map(|engine| engine.holding_back(time));
        let rules = self.approval.clone();
        self.node.engine = self.node.engine.take().map(|engine| engine.approving(rules));
        let guard = self.guard.clone();
        self.node.engine = self.node.engine.take().map(|engine| engine.guarded_by(guard));
        if let Some(own) = self.retention {
            self.node.engine = self.node.engine.take().map(|engine| engine.keeping_for(own));
        }
        if let Some(own) = self.overdue {
            self.node.engine = self.node.engine.take().map(|engine| engine.telling_of(own));
        }
        if !self.doubts_clock {
            self.engine().clock_is_confirmed();
        }
        let now = self.now;
        if let Some(bytes) = self.cut.take() {
            self.engine().tail_was_cut(bytes, now);
        }
        let unfinished = self.node.store.unfinished();
        self.input(Input::Unfinished(unfinished));
    }

    /// The process dies, what was not synced is lost, and it starts again over its journal.
    pub fn restart(&mut self) {
        let (store, _) = self.node.store.crash_with(Unsynced::Dropped, true);
        self.replace(store);
    }

    /// The node goes on over another store: a backup, say.
    pub fn replace(&mut self, store: MemoryStore) {
        self.node.engine = None;
        self.node.store = store;
        self.heard.clear();
        self.left.clear();
        self.taps.clear();
        self.closed.clear();
        self.start();
    }

    /// The engine.
    #[must_use]
    pub fn engine(&mut self) -> &mut Engine {
        self.node.engine.as_mut().expect("the node runs")
    }

    /// What the node knows.
    #[must_use]
    pub fn state(&self) -> &State {
        self.node.engine.as_ref().expect("the node runs").state()
    }

    /// Entries of the journal that are durable.
    #[must_use]
    pub fn journal(&self) -> usize {
        self.node.entries().len()
    }

    /// Pairs the node with an economy of this number, at the highest level.
    pub fn pair(&mut self, number: u8) -> Peer {
        self.try_to_pair(number).expect("a pairing")
    }

    /// The same where it may be refused.
    pub fn try_to_pair(&mut self, number: u8) -> Result<Peer, CommandError> {
        let economy = Economy::found(number);
        let change = self.pairing(&economy);
        self.command(Command::Partner { economy: economy.id, change })?;
        let change = PartnerChange::Level(u64::from(TrustLevel::Restricted.number()));
        self.command(Command::Partner { economy: economy.id, change })?;
        Ok(Peer::of(economy))
    }

    /// What pairing the node with an economy changes.
    #[must_use]
    pub fn pairing(&self, economy: &Economy) -> PartnerChange {
        self.node.pairing(economy, format!("N{}", economy.id.short()))
    }

    /// Carries a command out.
    pub fn command(&mut self, command: Command) -> Result<Reply, CommandError> {
        let token = self.give(command);
        self.replies.remove(&token).expect("an answer")
    }

    /// Gives a command whose answer may have to wait.
    pub fn give(&mut self, command: Command) -> Token {
        let token = self.node.token();
        self.input(Input::Command { token, command: Box::new(command) });
        token
    }

    /// The answer to a command, if it has come.
    pub fn reply(&mut self, token: Token) -> Option<Result<Reply, CommandError>> {
        self.replies.remove(&token)
    }

    /// Publishes a record that every partner may have.
    pub fn publish(&mut self, title: &str) -> Token {
        self.publish_marked(title, Marking::new(Tlp::Clear))
    }

    /// The same with a marking of its own.
    pub fn publish_marked(&mut self, title: &str, marking: Marking) -> Token {
        let by = self.node.economy.clone();
        let (record, parts) = sign(advisory_draft(title, marking), &by, self.now);
        let title = title.to_owned();
        let record = Box::new(record);
        self.give(Command::Publish { record, parts, title, draft: None })
    }

    /// Time passes.
    pub fn wait(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        self.input(Input::Timer);
    }

    /// What waits for the disk is written.
    pub fn sync(&mut self) {
        for (token, result) in self.node.sync() {
            self.input(Input::Appended { token, result });
        }
    }

    /// What waits to be read is read.
    pub fn read(&mut self) {
        for read in std::mem::take(&mut self.reads) {
            self.input(read);
        }
    }

    /// What waits to be written down beside the journal is.
    pub fn write_list(&mut self) {
        for token in std::mem::take(&mut self.listing) {
            self.input(Input::Remembered { token, result: Ok(()) });
        }
    }

    /// Gives the engine an input, and does what it asks for, until it asks for nothing more.
    pub fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = self.now;
            let effects = self.engine().handle(input, now);
            for effect in effects {
                inputs.extend(self.effect(effect));
            }
            if inputs.is_empty() && !self.slow_disk {
                let synced = self.node.sync();
                let appended = |(token, result)| Input::Appended { token, result };
                inputs.extend(synced.into_iter().map(appended));
            }
            if inputs.is_empty() && self.engine().has_more() {
                inputs.push_back(Input::Timer);
            }
        }
    }

    fn effect(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Append { token, first, entries } => {
                self.node.submit(token, Some(first), entries);
            }
            Effect::Load { token, seq, parts } => {
                let result = self.node.load(seq, &parts);
                let loaded = Input::Loaded { token, result };
                if !self.slow_reads {
                    return Some(loaded);
                }
                self.reads.push(loaded);
            }
            Effect::Verify { token, signed, parts } => {
                let parts = self.node.sources(parts);
                let result = parts.and_then(|parts| {
                    verify(&mut self.verified, &signed, &parts).map_err(Unverified::Record)
                });
                return Some(Input::Verified { token, result });
            }
            Effect::Examine { token, guard, parts, largest } => {
                let sizes =
                    parts.iter().filter_map(|part| self.node.store.blob(part).ok().flatten());
                assert_eq!(sizes.map(|body| body.len() as u64).max(), Some(largest));
                let look = |part: &PartDigest| {
                    let bytes = self.node.store.blob(part).map_err(|error| error.to_string())?;
                    Ok((*part, guard.part(bytes.ok_or("no such body")?)?))
                };
                let result = match self.unreadable {
                    false => parts.iter().map(look).collect(),
                    true => Err("the disk does not answer".to_owned()),
                };
                self.examinations += 1;
                let examined = Input::Examined { token, result };
                if !self.slow_reads {
                    return Some(examined);
                }
                self.reads.push(examined);
            }
            Effect::Keep { token, piece } => {
                let result = self.node.keep(piece);
                return Some(Input::Kept { token, result });
            }
            Effect::Discard { label, digest } => {
                self.node.store.discard(&label, &digest).expect("a store that lets go");
            }
            Effect::Remember { token, entries } => {
                if self.list != ListDisk::Full {
                    self.node.remembered.extend(entries);
                }
                match self.list {
                    ListDisk::Quick => return Some(Input::Remembered { token, result: Ok(()) }),
                    ListDisk::Slow => self.listing.push(token),
                    ListDisk::Full => {
                        let result = Err("no space left on device".to_owned());
                        return Some(Input::Remembered { token, result });
                    }
                }
            }
            Effect::Erase { bodies } => {
                self.node.store.erase(&bodies).expect("a store that erases");
            }
            Effect::Transmit(transmit) => {
                let (conn, stream, fin) = (transmit.conn(), transmit.stream(), transmit.fin());
                let tap = self.taps.entry(conn).or_default();
                let bytes = transmit.into_bytes();
                self.left.entry(conn).or_default().extend_from_slice(&bytes);
                let said = tap.hear(stream, &bytes, fin);
                self.heard.entry(conn).or_default().extend(said.expect("frames of our own"));
            }
            Effect::Close { conn, reason } => {
                self.closed.insert(conn, reason);
                return Some(Input::Closed { conn });
            }
            Effect::Reply { token, reply } => drop(self.replies.insert(token, reply)),
            Effect::Partners(partners) => self.node.partners = *partners,
            Effect::Pong { .. } => {}
            Effect::Alarm(alarm) => self.alarms.push(alarm),
        }
        None
    }

    /// A connection of a partner stands, and nothing was said on it yet but the node's greeting.
    pub fn open(&mut self, peer: &Peer) -> ConnId {
        self.conns += 1;
        let conn = ConnId(self.conns);
        let (economy, now) = (&peer.economy, self.now);
        let partners = &self.node.partners;
        let partner = partners.authenticate(economy.link.id(), &economy.evidence, now);
        let partner = partner.expect("a partner");
        self.input(Input::Opened { partner, conn, dialed: false });
        conn
    }

    /// A connection breaks.
    pub fn sever(&mut self, conn: ConnId) {
        self.input(Input::Closed { conn });
    }

    /// A partner connects, greets, and the link is up.
    pub fn connect(&mut self, peer: &mut Peer) -> ConnId {
        let conn = self.open(peer);
        peer.connected(conn);
        let hello = peer.hello();
        self.control(conn, hello);
        self.control(conn, frames::bare(1));
        conn
    }

    /// Bytes of a frame on the control stream.
    pub fn control(&mut self, conn: ConnId, frame: Vec<u8>) {
        let bytes = frames::framed(&frame);
        self.input(Input::Received { conn, stream: StreamId::CONTROL, bytes, fin: false });
    }

    /// Bytes of a frame on a stream of its own.
    pub fn apart(&mut self, conn: ConnId, stream: u64, frame: Vec<u8>) {
        let stream = StreamId(stream);
        self.input(Input::Received { conn, stream, bytes: frames::framed(&frame), fin: true });
    }

    /// A partner delivers a record under its next number; the number.
    pub fn deliver(&mut self, peer: &mut Peer, record: &VerifiedRecord, parts: &[Part]) -> u64 {
        let (number, frames) = peer.delivery(record, parts);
        for frame in frames {
            let stream = peer.stream();
            self.apart(peer.conn(), stream, frame);
        }
        number
    }

    /// What a partner knows of a node's own delivery: so much of a part is durable with it.
    pub fn want(&mut self, conn: ConnId, number: u64, part: PartDigest, leaves: &[u64]) {
        self.control(conn, frames::want(number, part, leaves));
    }

    /// A partner connects, greets, asks for chunks, and the link is up.
    pub fn connect_wanting(
        &mut self,
        peer: &mut Peer,
        wants: &[(u64, PartDigest, &[u64])],
    ) -> ConnId {
        let conn = self.open(peer);
        peer.connected(conn);
        let hello = peer.hello();
        self.control(conn, hello);
        for (number, part, leaves) in wants {
            self.want(conn, *number, *part, leaves);
        }
        self.control(conn, frames::bare(1));
        conn
    }

    /// What the node has said on a connection since it was last asked.
    pub fn heard(&mut self, conn: ConnId) -> Vec<Said> {
        self.heard.remove(&conn).unwrap_or_default()
    }

    /// The bytes that have left on a connection since this was last asked.
    pub fn left(&mut self, conn: ConnId) -> Vec<u8> {
        self.left.remove(&conn).unwrap_or_default()
    }

    /// Whether these bytes have left on a connection, in whatever frame, since [`Bench::left`] was asked.
    #[must_use]
    pub fn has_left(&self, conn: ConnId, bytes: &[u8]) -> bool {
        let left = self.left.get(&conn).map_or(&[][..], Vec::as_slice);
        left.windows(bytes.len()).any(|window| window == bytes)
    }

    /// Whether the node says of a number that it holds it, or has settled it for good.
    pub fn answer(&mut self, peer: &Peer, number: u64) -> Answer {
        let mut answer = Answer::Silence;
        for said in self.heard.get(&peer.conn()).into_iter().flatten() {
            match said {
                Said::Acked(held) if held.contains(number) => answer = Answer::Acked,
                Said::Rejected(rejected) if *rejected == number => answer = Answer::Rejected,
                Said::Deferred { returned: false, number: deferred } if *deferred == number => {
                    answer = Answer::Deferred;
                }
                _ => {}
            }
        }
        answer
    }

    /// Alarms with this code.
    #[must_use]
    pub fn alarms(&self, code: &str) -> Vec<&str> {
        let of_code = self.alarms.iter().filter(|alarm| alarm.code == code);
        of_code.map(|alarm| alarm.text.as_str()).collect()
    }

    /// Records that the node has delivered on a connection.
    #[must_use]
    pub fn delivered(&self, conn: ConnId) -> Vec<RecordId> {
        self.lanes(conn).into_iter().map(|(record, _)| record).collect()
    }

    /// The same, each with how soon it went: 0 urgent, 1 live, 2 what was missed.
    #[must_use]
    pub fn lanes(&self, conn: ConnId) -> Vec<(RecordId, u64)> {
        let said = self.heard.get(&conn).into_iter().flatten();
        let lines = said.filter_map(|said| match said {
            Said::Batch { lines, .. } => Some(lines),
            _ => None,
        });
        lines.flatten().map(|line| (line.entry.record, line.lane)).collect()
    }
}

/// The disk on which is written down what outlasts a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListDisk {
    /// It writes at once.
    Quick,
    /// It waits until [`Bench::write_list`].
    Slow,
    /// It takes nothing.
    Full,
}

/// What a node said of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    Silence,
    /// It is durable.
    Acked,
    /// It is refused for good.
    Rejected,
    /// There is no room.
    Deferred,
}

/// An advisory that everybody may have and pass on.
#[must_use]
pub fn advisory(by: &Economy, text: &str, now: Timestamp) -> (VerifiedRecord, Vec<Part>) {
    sign(advisory_draft(text, Marking::new(Tlp::Clear)), by, now)
}

fn advisory_draft(text: &str, marking: Marking) -> Draft {
    let mut draft = Draft::new(Kind::Advisory);
    let header = Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, text.as_bytes().to_vec()));
    draft
}

/// Signs a draft.
#[must_use]
pub fn sign(draft: Draft, by: &Economy, now: Timestamp) -> (VerifiedRecord, Vec<Part>) {
    let mut entropy = SeededEntropy::new(draft.parts.len() as u64);
    let composed = draft.sign(&by.author, by.id, now, &mut entropy).expect("a draft that signs");
    (composed.record, composed.parts)
}
