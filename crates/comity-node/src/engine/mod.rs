//! The engine: one synchronous machine over links, policy and journal.
//!
//! It touches nothing: what should happen comes out as [`Effect`]s, and what became of them comes back
//! as [`Input`]s. The tokio shell and the simulator drive the same engine.
//!
//! Order is the whole point. An entry is folded into the [`State`] when it is made, so that every later
//! decision sees it; whatever tells anybody about it (a reply, an acknowledgement, a delivery's first
//! byte) waits in `Then` until the entry is durable.

mod alarms;
mod batches;
mod command;
mod doubt;
mod entering;
mod failing;
mod fresh;
mod greeting;
mod handing;
mod inbound;
mod judging;
mod keeping;
mod offering;
mod recovery;
mod room;
mod session;
mod taking_back;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use comity_core::entropy::draw;
use comity_core::ledger::{Head, Opening, Ranges};
use comity_core::partners::{AuthenticatedPartner, PartnerSet};
use comity_core::receipt::RejectReason;
use comity_core::sign::SecretKey;
use comity_core::{Digest, EconomyId, Entropy, EpochId, PartDigest, Timestamp};
use comity_proto::{CloseReason, ConnId, StreamId, Transmit};
use comity_store::{NewEntry, Piece, Seq, StoreError, Unfinished};

use crate::config::Limits;
use crate::state::{Bound, State};

pub use command::{Command, CommandError, Reply};
use failing::Failure;
use fresh::Fresh;
use session::Session;
pub use work::{Checked, Loaded, PartSource, Unverified};

/// Names a job that was given out, until its result comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What happens to the engine.
#[derive(Debug)]
pub enum Input {
    /// Somebody here wants something done.
    Command {
        /// Returned with the reply.
        token: Token,
        /// What.
        command: Box<Command>,
    },
    /// A connection to an authenticated partner stands.
    Opened {
        /// Who is there.
        partner: AuthenticatedPartner,
        /// The connection.
        conn: ConnId,
        /// Whether we dialed.
        dialed: bool,
    },
    /// Bytes of a stream, in order.
    Received {
        /// The connection.
        conn: ConnId,
        /// The stream.
        stream: StreamId,
        /// The bytes.
        bytes: Bytes,
        /// Whether the stream ends here.
        fin: bool,
    },
    /// A connection is gone.
    Closed {
        /// The connection.
        conn: ConnId,
    },
    /// A batch is durable, or the store failed.
    Appended {
        /// The batch.
        token: Token,
        /// The journal's chain after it, or why it is not durable.
        result: Result<Digest, StoreError>,
    },
    /// Bodies were read.
    Loaded {
        /// The job.
        token: Token,
        /// The signed form and the part bodies; `None` where one is not there.
        result: Result<Loaded, String>,
    },
    /// A record was verified.
    Verified {
        /// The job.
        token: Token,
        /// The record and its parts.
        result: Result<Box<Checked>, Unverified>,
    },
    /// A piece is durable, or could not be kept.
    Kept {
        /// The job.
        token: Token,
        /// Why it is not durable.
        result: Result<(), String>,
    },
    /// At the start: the bodies of which an earlier run of the process kept some pieces.
    Unfinished(Vec<(Unfinished, Ranges)>),
    /// The disk has little room left, or has room again.
    Space {
        /// Whether it is low.
        low: bool,
    },
    /// A partner whose link is up is asked for a sign of life.
    Ping {
        /// The partner.
        partner: EconomyId,
        /// Comes back with the answer.
        nonce: u64,
    },
    /// The time for which the engine asked has come.
    Timer,
}

/// What should happen.
#[derive(Debug)]
pub enum Effect {
    /// Make these entries durable, all or none; batches in the order in which they were given.
    Append {
        /// Returned with the result.
        token: Token,
        /// The place that the first of them must get: they build on what was given before.
        first: Seq,
        /// The entries.
        entries: Vec<NewEntry>,
    },
    /// Read a record's signed form and part bodies.
    Load {
        /// Returned with the result.
        token: Token,
        /// The entry that holds the signed form.
        seq: Seq,
        /// The parts.
        parts: Vec<PartDigest>,
    },
    /// Verify a record and the parts that came with it.
    Verify {
        /// Returned with the result.
        token: Token,
        /// The signed form.
        signed: Bytes,
        /// The parts.
        parts: Vec<(PartDigest, PartSource)>,
    },
    /// Make a piece durable of a body that has not come whole.
    Keep {
        /// Returned with the result.
        token: Token,
        /// The piece.
        piece: Piece,
    },
    /// Let go of what was kept of a body. In order with [`Effect::Keep`].
    Discard {
        /// What it is known by.
        label: Bytes,
        /// The part.
        digest: PartDigest,
    },
    /// Send.
    Transmit(Transmit),
    /// Close a connection.
    Close {
        /// The connection.
        conn: ConnId,
        /// What the partner is told.
        reason: CloseReason,
    },
    /// Answer a command.
    Reply {
        /// The command.
        token: Token,
        /// The answer.
        reply: Result<Reply, CommandError>,
    },
    /// Those who may connect, or something that authenticates them, changed. Whoever is new among them
    /// stands in a durable entry; whoever is no longer there may already be out before its entry is.
    Partners(Box<PartnerSet>),
    /// A partner says that it has answered a question for a sign of life.
    Pong {
        /// The partner.
        partner: EconomyId,
        /// The question's, if it was asked.
        nonce: u64,
        /// What the partner's clock said.
        at: Timestamp,
    },
    /// Something that an operator must know.
    Alarm(Alarm),
}

/// Something that an operator must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The partner that it is about.
    pub partner: Option<EconomyId>,
    /// A stable code.
    pub code: &'static str,
    /// A sentence.
    pub text: String,
}

/// What waits until the entries of a batch are durable.
#[derive(Debug)]
enum Then {
    Reply { token: Token, reply: Result<Reply, CommandError> },
    Admit(BTreeSet<EconomyId>),
    AskFor(EconomyId),
    Numbered { partner: EconomyId, epoch: EpochId, head: Head },
    Stored { partner: EconomyId, number: u64 },
    Rejected { partner: EconomyId, number: u64, reason: RejectReason },
    HandOver { partner: EconomyId, number: u64 },
    Void { partner: EconomyId, number: u64, digest: Digest },
    ReturnStored { partner: EconomyId, number: u64 },
    Announce { partner: EconomyId, opening: Opening },
    EpochStored { partner: EconomyId, opening: Opening },
}

/// What a job's result is for.
#[derive(Debug)]
enum Job {
    Incoming { partner: EconomyId, incoming: comity_proto::Incoming },
    Returned { partner: EconomyId, incoming: comity_proto::Incoming },
    HandOver { partner: EconomyId, number: u64 },
    Return { partner: EconomyId, number: u64 },
    Keep { partner: EconomyId, piece: comity_proto::Piece },
}

/// The machine. One for each node.
pub struct Engine {
    state: State,
    link_key: SecretKey,
    entropy: Box<dyn Entropy + Send>,
    boot: [u8; 16],
    link_config: comity_proto::Config,
    sessions: BTreeMap<EconomyId, Session>,
    conns: BTreeMap<ConnId, EconomyId>,
    /// For each partner, the first number that this process gave: what became of earlier ones before
    /// their acknowledgement, it cannot know.
    numbered_from: BTreeMap<EconomyId, u64>,
    /// Bytes that were cut from the end of the journal before this start.
    tail_cut: u64,
    /// Whether the entry that says so was refused for want of room.
    cut_unwritten: bool,
    /// Those who may connect: their pairing is durable.
    admitted: BTreeSet<EconomyId>,
    jobs: BTreeMap<Token, Job>,
    /// What an earlier run kept of parts that have not come whole.
    left: keeping::Left,
    commits: BTreeMap<Token, Vec<Then>>,
    batch: Vec<NewEntry>,
    then: Vec<Then>,
    fresh: Fresh,
    effects: Vec<Effect>,
    next_token: u64,
    /// The instant of this step.
    now: Timestamp,
    space_low: bool,
    /// Paired partners, at most.
    most_partners: u64,
    /// What there is no room for, and was said.
    full: BTreeMap<EconomyId, BTreeSet<Bound>>,
    failed: Option<Failure>,
    told: alarms::Told,
}

impl Engine {
    /// An engine over what was folded from the journal.
    #[must_use]
    pub fn new(state: State, link_key: SecretKey, mut entropy: Box<dyn Entropy + Send>) -> Self {
        let boot = draw(&mut *entropy);
        let numbered_from = state
            .partners()
            .map(|(economy, partner)| (*economy, partner.out.next_number()))
            .collect();
        let admitted = state.partner_set().economies().collect();
        Self {
            state,
            link_key,
            entropy,
            boot,
            link_config: comity_proto::Config::default(),
            sessions: BTreeMap::new(),
            conns: BTreeMap::new(),
            numbered_from,
            tail_cut: 0,
            cut_unwritten: false,
            admitted,
            jobs: BTreeMap::new(),
            left: keeping::Left::new(),
            commits: BTreeMap::new(),
            batch: Vec::new(),
            then: Vec::new(),
            fresh: Fresh::default(),
            effects: Vec::new(),
            next_token: 1,
            now: Timestamp::EPOCH,
            space_low: false,
            most_partners: u64::MAX,
            full: BTreeMap::new(),
            failed: None,
            told: alarms::Told::default(),
        }
    }

    /// The same within the bounds that the configuration sets, before anything has happened.
    #[must_use]
    pub fn within(mut self, limits: &Limits) -> Self {
        self.most_partners = limits.partners;
        self.link_config.faults = limits.faults;
        self
    }

    /// Whether one more partner may be paired.
    pub fn may_pair(&self) -> Result<(), CommandError> {
        let paired = self.state.partners().filter(|(_, partner)| partner.is_paired()).count();
        if paired as u64 >= self.most_partners {
            return Err(CommandError::TooManyPartners(self.most_partners));
        }
        Ok(())
    }

    /// What the node knows.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The last batch that is not durable yet.
    #[must_use]
    pub fn last_unsynced(&self) -> Option<Token> {
        self.commits.last_key_value().map(|(token, _)| *token)
    }

    /// Whether nothing is under way: no job, no unsynced entry.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.jobs.is_empty() && self.commits.is_empty()
    }

    /// Takes one input at `now` and returns what should happen.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        self.now = now;
        if let Some(refusal) = self.failed.as_ref().map(Failure::refusal) {
            self.turn_away(input, refusal);
            return std::mem::take(&mut self.effects);
        }
        // What time, or a keyring before the last restart, made due comes before anything is released.
        self.judge_anew();
        self.reclaim_turned(now);
        match input {
            Input::Command { token, command } => self.command(token, *command, now),
            Input::Opened { partner, conn, dialed } => self.opened(&partner, conn, dialed, now),
            Input::Received { conn, stream, bytes, fin } => {
                self.link_input(
                    conn,
                    comity_proto::Input::Received { conn, stream, bytes, fin },
                    now,
                );
            }
            Input::Closed { conn } => self.closed(conn, now),
            Input::Appended { token, result } => self.appended(token, result, now),
            Input::Loaded { token, result } => self.loaded(token, result, now),
            Input::Verified { token, result } => {
                self.verified(token, result.map(|checked| *checked), now);
            }
            Input::Kept { token, result } => self.kept(token, result, now),
            Input::Unfinished(bodies) => self.take_unfinished(bodies),
            Input::Space { low } => self.space_low = low,
            Input::Ping { partner, nonce } => {
                self.session_input(partner, comity_proto::Input::Ping { nonce }, now);
            }
            Input::Timer => {}
        }
        // Unless this step heard that the journal takes nothing more.
        if self.failed.is_none() {
            self.timers(now);
            self.finish_recovery(now);
            self.offer_all(now);
        }
        self.flush();
        std::mem::take(&mut self.effects)
    }

    /// When the engine wants [`Input::Timer`], if nothing happens before.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timestamp> {
        // After a failure nothing happens any more, whatever the time.
        if self.failed.is_some() {
            return None;
        }
        let sessions = self.sessions.values().filter_map(Session::next_timer);
        sessions.chain(self.state.next_pending()).min()
    }

    /// Gives out what this step entered.
    fn flush(&mut self) {
        if let Some(failure) = self.failed.clone() {
            return self.drop_batch(&failure);
        }
        if self.batch.is_empty() {
            // Nothing was entered, so what waits is about entries that are durable already.
            let then = std::mem::take(&mut self.then);
            debug_assert!(then.is_empty(), "a consequence without an entry");
            return;
        }
        let token = self.token();
        let entries = std::mem::take(&mut self.batch);
        self.commits.insert(token, std::mem::take(&mut self.then));
        let first = self.state.next_seq().saturating_sub(entries.len() as u64);
        self.effects.push(Effect::Append { token, first, entries });
    }

    fn token(&mut self) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        token
    }

    /// A batch is durable: now others may know.
    fn appended(&mut self, token: Token, result: Result<Digest, StoreError>, now: Timestamp) {
        match (self.commits.remove(&token), result) {
            (Some(then), Ok(chain)) => {
                self.state.set_chain(chain);
                self.carry_on(then, now);
            }
            (Some(then), Err(error)) => self.fail(then, &error),
            // It was given up before the node went on.
            (None, _) => {}
        }
    }

    /// A consequence of entries that are durable, are being written, or were made in this step: it
    /// waits for whichever is the last of them.
    fn when_synced(&mut self, step: Then, now: Timestamp) {
        if !self.batch.is_empty() {
            self.then.push(step);
        } else if let Some(mut last) = self.commits.last_entry() {
            last.get_mut().push(step);
        } else {
            self.carry_on(vec![step], now);
        }
    }

    /// Says what waited for its entries.
    fn carry_on(&mut self, then: Vec<Then>, now: Timestamp) {
        let mut stored: BTreeMap<EconomyId, Vec<u64>> = BTreeMap::new();
        for step in then {
            match step {
                Then::Reply { token, reply } => self.effects.push(Effect::Reply { token, reply }),
                Then::Admit(partners) => self.admit(partners),
                Then::AskFor(origin) => self.ask_for(origin, now),
                Then::Numbered { partner, epoch, head } => {
                    if let Some(state) = self.state.partner_mut(&partner) {
                        state.out.settle_head(epoch, head);
                    }
                }
                Then::Stored { partner, number } => stored.entry(partner).or_default().push(number),
                Then::Rejected { partner, number, reason } => {
                    self.state.arrival_durable(&partner, number);
                    self.session_input(
                        partner,
                        comity_proto::Input::Rejected { number, reason },
                        now,
                    );
                }
                Then::HandOver { partner, number } => self.ready(partner, number),
                Then::Void { partner, number, digest } => {
                    self.session_input(partner, comity_proto::Input::Void { number, digest }, now);
                }
                Then::ReturnStored { partner, number } => {
                    let numbers = vec![number];
                    let input = comity_proto::Input::ReturnStored { numbers };
                    self.session_input(partner, input, now);
                }
                Then::Announce { partner, opening } => {
                    self.session_input(partner, comity_proto::Input::Recovered(opening), now);
                }
                Then::EpochStored { partner, opening } => {
                    self.session_input(partner, comity_proto::Input::EpochStored(opening), now);
                }
            }
        }
        for (partner, numbers) in stored {
            self.arrivals_durable(partner, numbers, now);
        }
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.pump(partner, now);
        }
    }
}
