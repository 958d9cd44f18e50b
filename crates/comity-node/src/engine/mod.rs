//! The engine: one synchronous machine over links, policy and journal.
//!
//! It touches nothing: what should happen comes out as [`Effect`]s, and what became of them comes back
//! as [`Input`]s. The tokio shell and the simulator drive the same engine.
//!
//! Order is the whole point. An entry is folded into the [`State`] when it is made, so that every later
//! decision sees it; whatever tells anybody about it (a reply, an acknowledgement, a delivery's first
//! byte) waits in `Then` until the entry is durable.

mod alarms;
mod amending;
mod approving;
mod assessing;
mod batches;
mod breaking;
mod command;
mod consenting;
mod doubt;
mod durable;
mod entering;
mod epochs;
mod erasing;
mod events;
mod examining;
mod failing;
mod fresh;
mod greeting;
mod handing;
mod heads;
mod inbound;
mod judging;
mod keeping;
mod leaving;
mod offering;
mod outside;
mod receipts;
mod recovery;
mod room;
mod session;
mod set_aside;
mod surely;
mod taking_back;
mod terms;
mod unsending;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use comity_core::entropy::draw;
use comity_core::policy::PolicySnapshot;
use comity_core::sign::SecretKey;
use comity_core::{EconomyId, Entropy, PartDigest, RecordId, Timestamp};
use comity_proto::ConnId;
use comity_store::NewEntry;

use crate::config::Limits;
use crate::state::{Bound, State};

pub use command::{Command, CommandError, Reply};
use durable::Then;
pub use erasing::Erase;
pub use events::{Alarm, Effect, Input, Token};
use failing::Failure;
use fresh::Fresh;
pub use leaving::LetOut;
pub(crate) use offering::is_sent;
use session::Session;
pub(crate) use surely::Certainly;
pub(crate) use terms::in_words as term_in_words;
pub use work::{Checked, Loaded, PartSource, Unverified};

/// What a job's result is for.
#[derive(Debug)]
enum Job {
    Incoming {
        partner: EconomyId,
        incoming: comity_proto::Incoming,
    },
    Returned {
        partner: EconomyId,
        incoming: comity_proto::Incoming,
    },
    HandOver {
        partner: EconomyId,
        number: u64,
    },
    /// So many parts of it are read.
    Return {
        partner: EconomyId,
        number: u64,
        asked: usize,
    },
    Keep {
        partner: EconomyId,
        piece: comity_proto::Piece,
    },
    Examine {
        record: RecordId,
        parts: Vec<PartDigest>,
        revision: u64,
    },
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
    /// Partners that claim to hold more than the journal, whose end was cut, and have not shown it; since
    /// when.
    claimants: BTreeMap<EconomyId, Timestamp>,
    /// While a journal is in doubt whose end was cut: when the rosters that we keep are looked at next.
    rosters_due: Timestamp,
    /// Records of ours that came back and were set aside; whether the operator was told by name.
    set_aside: BTreeMap<RecordId, bool>,
    /// Those who may connect: their pairing is durable.
    admitted: BTreeSet<EconomyId>,
    jobs: BTreeMap<Token, Job>,
    /// What the egress guard is looking at, and who waits for it.
    examining: examining::Examining,
    /// What an earlier run kept of parts that have not come whole.
    left: keeping::Left,
    commits: BTreeMap<Token, Vec<Then>>,
    /// Answers that wait until what they say is written down beside the journal.
    remembering: erasing::Remembering,
    /// Whether something could not be written down there since this process began: a start writes it down.
    unlisted: bool,
    batch: Vec<NewEntry>,
    then: Vec<Then>,
    fresh: Fresh,
    effects: Vec<Effect>,
    next_token: u64,
    /// The instant of this step.
    now: Timestamp,
    space_low: bool,
    /// What the configuration allows.
    limits: Limits,
    /// For how long what is published here can be unsent.
    unsend_for: Duration,
    /// What published here takes a second person.
    approval: crate::config::Approval,
    /// Emergency releases that nobody confirmed, and of which was said so.
    lapsed: BTreeSet<RecordId>,
    /// What there is no room for, and was said.
    full: BTreeMap<EconomyId, BTreeSet<Bound>>,
    /// The search for what has been kept long enough; none where nothing goes by itself.
    sweep: Option<terms::Sweep>,
    /// Whether somebody besides this machine says what the time is; not known before the first step.
    sure: Option<bool>,
    /// What was vouched for when everything was looked at last, while nobody vouches for now.
    certain: Option<Timestamp>,
    /// By what is decided what would go at the time of which somebody is sure, while nobody is of now.
    timeless: Option<Arc<PolicySnapshot>>,
    /// Whether each partner's clock agreed when it last said the time, in this run.
    witnesses: BTreeMap<EconomyId, bool>,
    /// Whose keyring is not confirmed.
    watched: heads::Watched,
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
        let set_aside = set_aside::at_start(&state);
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
            claimants: BTreeMap::new(),
            rosters_due: Timestamp::default(),
            set_aside,
            admitted,
            jobs: BTreeMap::new(),
            examining: examining::Examining::new(),
            left: keeping::Left::new(),
            commits: BTreeMap::new(),
            remembering: erasing::Remembering::new(),
            unlisted: false,
            batch: Vec::new(),
            then: Vec::new(),
            fresh: Fresh::default(),
            effects: Vec::new(),
            next_token: 1,
            now: Timestamp::EPOCH,
            space_low: false,
            limits: Limits { partners: u64::MAX, ..Limits::default() },
            unsend_for: Duration::ZERO,
            approval: crate::config::Approval::default(),
            lapsed: BTreeSet::new(),
            full: BTreeMap::new(),
            sweep: None,
            sure: None,
            certain: None,
            timeless: None,
            witnesses: BTreeMap::new(),
            watched: heads::Watched::default(),
            failed: None,
            told: alarms::Told::default(),
        }
    }

    /// The same within the bounds that the configuration sets, before anything has happened.
    #[must_use]
    pub fn within(mut self, limits: &Limits) -> Self {
        self.link_config.faults = limits.faults;
        self.limits = limits.clone();
        self
    }

    /// The same, and holds back for so long what is published here and is not urgent, so that it can be
    /// unsent.
    #[must_use]
    pub fn holding_back(mut self, time: Duration) -> Self {
        self.unsend_for = time;
        self
    }

    /// Whether one more partner may be paired.
    pub fn may_pair(&self) -> Result<(), CommandError> {
        let paired = self.state.partners().filter(|(_, partner)| partner.is_paired()).count();
        if paired as u64 >= self.limits.partners {
            return Err(CommandError::TooManyPartners(self.limits.partners));
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

    /// Whether nothing is under way: no job, no unsynced entry, nothing that is written down beside them.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.jobs.is_empty() && self.commits.is_empty() && self.remembering.is_empty()
    }

    /// Takes one input at `now` and returns what should happen.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        self.now = now;
        if let Some(refusal) = self.failed.as_ref().map(Failure::refusal) {
            self.turn_away(input, refusal);
            return std::mem::take(&mut self.effects);
        }
        self.look_at_clock(now);
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
            Input::Examined { token, result } => self.examined(token, result, now),
            Input::Remembered { token, result } => self.remembered(token, result),
            Input::Unfinished(bodies) => self.take_unfinished(bodies),
            Input::Space { low } => self.space_low = low,
            Input::Ping { partner, nonce } => {
                self.session_input(partner, comity_proto::Input::Ping { nonce }, now);
            }
            Input::Timer => {}
        }
        // Unless this step heard that the journal takes nothing more.
        if self.failed.is_none() {
            self.ask_for_the_time(now);
            self.say_what_awaited_clock(now);
            self.timers(now);
            self.tell_unconfirmed(now);
            self.tell_lapsed(now);
            self.watch_keyrings(now);
            self.finish_recovery(now);
            self.sweep(now);
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
        sessions
            .chain(self.state.next_pending())
            .chain(self.state.next_emergency(self.now))
            .chain(self.looks_at_rosters())
            .chain(self.next_sweep())
            .chain(self.watched.due())
            .min()
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
}
