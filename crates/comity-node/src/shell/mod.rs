//! The tokio shell: runs the engine, carries out its effects, and feeds back what became of them.
//!
//! One task owns the engine. The journal's committer, the verification pool and the network answer
//! over channels; nothing else touches the state.

mod clock;
mod dial;
mod full;
mod handle;
pub(crate) mod met;
mod ping;
#[cfg(test)]
mod tests;
mod trouble;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use comity_core::journal::JournalEntry;
use comity_core::{EconomyId, PartDigest};
use comity_net::pairing::PairingEvent;
use comity_net::{Endpoint, NetEvent, Partners};
use comity_store::{NewEntry, Seq, Store};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::clock::NodeClock;
use crate::contested;
use crate::deadlines;
use crate::engine::{Alarm, CommandError, Effect, Engine, Input, Reply, Token};
use crate::error::ServiceError;
use crate::limits::{ALARMS, INPUTS_PER_TURN, OUTSTAYS_IN_A_TICK, REQUESTS};
use crate::state::State;
use dial::{Dialer, Pauses};
pub(crate) use full::free_on_disk;
pub(crate) use handle::{Handle, Happening, Seen};
use handle::{Question, Request};
pub(crate) use ping::{PATIENCE, Pong, Sign};
pub(crate) use trouble::Trouble;
pub(crate) use work::load;

/// How often room on the disk and dialing are looked at.
const TICK: Duration = Duration::from_millis(250);

/// What came back from somewhere else.
enum Done {
    Input(Input),
    /// Pieces were written, or let go.
    Written,
    /// These could not be written down beside the journal.
    Unlisted(Vec<JournalEntry>),
    /// The store could not erase these.
    Unerased(Vec<PartDigest>),
    Dialed(EconomyId, Result<(), Trouble>),
    Folded(Box<Result<State, ServiceError>>),
}

/// What the shell runs with.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) folder: std::path::PathBuf,
    /// Where is written down what must outlast a restore.
    pub(crate) outlasting: Option<std::path::PathBuf>,
    pub(crate) keep_free: u64,
    pub(crate) room: Room,
    pub(crate) clock: Arc<NodeClock>,
    pub(crate) net: Option<Net>,
}

/// Says how many bytes are free on the disk of a folder; `None` where that cannot be told.
pub(crate) type Room = Box<dyn Fn(&std::path::Path) -> Option<u64> + Send + Sync>;

/// The network, when there is one.
pub(crate) struct Net {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) partners: Partners,
    pub(crate) events: mpsc::Receiver<NetEvent>,
    pub(crate) pairing: mpsc::Sender<PairingEvent>,
    pub(crate) config: Arc<crate::config::Config>,
    /// Where partners have authenticated, as it is on the disk.
    pub(crate) met: Vec<met::Met>,
}

struct Shell {
    engine: Engine,
    store: Arc<dyn Store>,
    folder: std::path::PathBuf,
    keep_free: u64,
    room: Room,
    /// Batches that are with the store.
    unwritten: usize,
    /// After a full disk: not before then is it tried again.
    again: Option<Instant>,
    /// What is to be written down beside the journal and could not be: it is tried again.
    unlisted: Vec<JournalEntry>,
    /// The same of what is to be erased.
    unerased: Vec<PartDigest>,
    /// Not before then.
    erase_at: Option<Instant>,
    /// Whether the journal is being folded anew.
    folding: bool,
    /// The journal could not be folded anew: not before then is it tried again.
    unreadable: Option<Instant>,
    net: Option<Net>,
    dialer: Dialer,
    questions: ping::Questions,
    seen: Seen,
    requests: mpsc::Receiver<Request>,
    happenings: broadcast::Sender<Happening>,
    done: mpsc::UnboundedReceiver<Done>,
    done_sender: mpsc::UnboundedSender<Done>,
    replies: BTreeMap<Token, oneshot::Sender<Result<Reply, CommandError>>>,
    appending: BTreeMap<Token, Arc<Vec<JournalEntry>>>,
    /// Questions that wait for a batch to be durable.
    asking: VecDeque<(Token, Question)>,
    next_token: u64,
    work: work::Work,
    clock: Arc<NodeClock>,
    /// The trouble with the clock that was told.
    clock_said: Option<&'static str>,
    /// Ends and reviews of agreements that were told.
    deadlines: deadlines::Told,
    /// Agreements of which it was told that their texts contest each other.
    contested: contested::Told,
    next_tick: Instant,
    space_low: bool,
    /// Says whether every link has ended, once the engine drains.
    idle: watch::Sender<bool>,
    /// Grows while withdrawals of others wait for our answer: the engine has no key to sign it with.
    unanswered: watch::Sender<u64>,
    /// Grows while what went in an emergency has to be recalled: the engine has no key to sign that with.
    overdue: watch::Sender<u64>,
}

/// Starts the shell; the task ends at [`Handle::stop`].
pub(crate) fn start(
    parts: Parts,
) -> (Handle, watch::Receiver<bool>, tokio::task::JoinHandle<Arc<dyn Store>>) {
    let (requests_sender, requests) = mpsc::channel(REQUESTS);
    let (happenings, _) = broadcast::channel(REQUESTS);
    // Unbounded, because the committer's thread must not wait for us; what is under way is bounded by
    // the links' in-flight bounds and by REQUESTS.
    let (done_sender, done) = mpsc::unbounded_channel();
    let (idle, idle_seen) = watch::channel(false);
    let (unanswered, unanswered_seen) = watch::channel(0);
    let (overdue, overdue_seen) = watch::channel(0);
    let handle = Handle::new(requests_sender, &happenings, [unanswered_seen, overdue_seen]);
    let us = parts.engine.state().us();
    let pauses = parts.net.as_ref().map(|net| Pauses::of(&net.config)).unwrap_or_default();
    let shell = Shell {
        work: work::Work::new(parts.store.clone(), parts.outlasting, done_sender.clone()),
        engine: parts.engine,
        store: parts.store,
        folder: parts.folder,
        keep_free: parts.keep_free,
        room: parts.room,
        unwritten: 0,
        again: None,
        unlisted: Vec::new(),
        unerased: Vec::new(),
        erase_at: None,
        folding: false,
        unreadable: None,
        net: parts.net,
        dialer: Dialer::new(us, pauses),
        questions: ping::Questions::default(),
        seen: Seen::default(),
        requests,
        happenings,
        done,
        done_sender,
        replies: BTreeMap::new(),
        appending: BTreeMap::new(),
        asking: VecDeque::new(),
        next_token: 1,
        clock: parts.clock,
        clock_said: None,
        deadlines: deadlines::Told::default(),
        contested: contested::Told::default(),
        next_tick: Instant::now(),
        space_low: false,
        idle,
        unanswered,
        overdue,
    };
    (handle, idle_seen, tokio::spawn(shell.run()))
}

impl Shell {
    async fn run(mut self) -> Arc<dyn Store> {
        let tells_partners = self.engine.state().partner_set().clone();
        self.set_partners(tells_partners);
        self.input(Input::Unfinished(self.store.unfinished()));
        loop {
            let wake = self.wake();
            tokio::select! {
                biased;
                Some(done) = self.done.recv() => self.done(done),
                Some(event) = next_event(&mut self.net) => self.net_event(event).await,
                request = self.requests.recv() => match request {
                    Some(Request::Stop) | None => return self.store,
                    Some(request) => self.request(request),
                },
                () = tokio::time::sleep_until(wake) => self.input(Input::Timer),
            }
            for _ in 0..INPUTS_PER_TURN {
                if let Ok(done) = self.done.try_recv() {
                    self.done(done);
                } else if let Some(event) = ready_event(&mut self.net) {
                    self.net_event(event).await;
                } else if let Ok(request) = self.requests.try_recv() {
                    if matches!(request, Request::Stop) {
                        return self.store;
                    }
                    self.request(request);
                } else {
                    break;
                }
            }
            self.work.give_out();
            if Instant::now() >= self.next_tick {
                self.tick();
            }
            let over = !self.engine.has_links();
            self.idle.send_if_modified(|idle| std::mem::replace(idle, over) != over);
        }
    }

    /// When to look again at the latest.
    fn wake(&self) -> Instant {
        if self.engine.has_more() {
            return Instant::now();
        }
        let now = self.clock.now();
        let timer = self.engine.next_timer().map(|at| Instant::now() + at.since(now));
        timer.map_or(self.next_tick, |timer| timer.min(self.next_tick))
    }

    fn input(&mut self, input: Input) {
        let now = self.clock.now();
        for effect in self.engine.handle(input, now) {
            self.effect(effect);
        }
        self.note_links();
    }

    /// Answers whoever waited for this batch, or an earlier one.
    fn answer(&mut self, synced: Token) {
        if self.is_falling_back() {
            return;
        }
        while let Some((_, question)) = self.asking.pop_front_if(|(token, _)| *token <= synced) {
            question(&mut self.engine, &self.seen);
        }
    }

    fn done(&mut self, done: Done) {
        let mut synced = None;
        match done {
            Done::Input(input) => {
                if let Input::Appended { token, .. } = &input {
                    synced = Some(*token);
                    self.unwritten = self.unwritten.saturating_sub(1);
                }
                if let Input::Appended { token, result } = &input {
                    let entries = self.appending.remove(token);
                    if let (Some(entries), Ok(_)) = (entries, result) {
                        self.happened(Happening::Entries(entries));
                    }
                }
                self.input(input);
                if let Some(synced) = synced {
                    self.fall_back();
                    self.answer(synced);
                }
            }
            Done::Folded(folded) => self.folded(*folded),
            Done::Written => self.work.written(),
            Done::Unlisted(entries) => self.unlisted.extend(entries),
            Done::Unerased(bodies) => self.unerased.extend(bodies),
            Done::Dialed(partner, result) => {
                if let Err(why) = &result {
                    self.seen.trouble.insert(partner, why.clone());
                }
                self.dialer.ended(partner, result.is_ok());
            }
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Command(command, reply) => {
                let token = Token(self.next_token);
                self.next_token += 1;
                self.replies.insert(token, reply);
                self.input(Input::Command { token, command: Box::new(command) });
            }
            Request::Ping(partner, reply) => self.ping(partner, reply),
            // The state runs ahead of the disk; whoever looks sees what is durable.
            Request::Ask(question) => match self.engine.last_unsynced() {
                Some(token) => self.asking.push_back((token, question)),
                None if self.is_falling_back() => {
                    self.asking.push_back((full::EVERYBODY, question));
                }
                None => question(&mut self.engine, &self.seen),
            },
            Request::Stop => {}
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Append { token, first, entries } => self.append(token, first, entries),
            Effect::Load { token, seq, parts } => self.work.load(token, seq, parts),
            Effect::Verify { token, signed, parts } => self.work.verify(token, signed, parts),
            Effect::Keep { token, piece } => self.work.keep(token, piece),
            Effect::Examine { token, guard, parts, largest } => {
                self.work.examine(token, guard, parts, largest);
            }
            Effect::Discard { label, digest } => self.work.discard(label, digest),
            Effect::Remember { token, entries } => self.work.remember(Some(token), entries),
            Effect::Erase { bodies } => self.work.erase(bodies),
            Effect::Transmit(transmit) => {
                if let Some(net) = &self.net {
                    net.endpoint.transmit(transmit);
                }
            }
            Effect::Close { conn, reason } => {
                if let Some(net) = &self.net {
                    net.endpoint.close(conn, reason.code(), &reason.to_string());
                }
            }
            Effect::Reply { token, reply } => {
                if let Some(waiting) = self.replies.remove(&token) {
                    // Whoever asked may have gone away.
                    drop(waiting.send(reply));
                }
            }
            Effect::Partners(partners) => self.set_partners(*partners),
            Effect::Pong { partner, nonce, at } => self.questions.answered(partner, nonce, at),
            Effect::Alarm(alarm) => self.alarm(alarm),
        }
    }

    fn alarm(&mut self, alarm: Alarm) {
        let partner = alarm.partner.map(|partner| self.engine.state().name_of(&partner));
        tracing::warn!(code = alarm.code, partner, "{}", alarm.text);
        self.seen.alarms.push_front((self.clock.now(), alarm.clone()));
        self.seen.alarms.truncate(ALARMS);
        self.happened(Happening::Alarm(alarm));
    }

    fn watch_deadlines(&mut self) {
        let (state, now) = (self.engine.state(), self.clock.now());
        let contested = self.contested.alarms(state, now);
        for alarm in self.deadlines.alarms(state, now).into_iter().chain(contested) {
            // No word came that would say so: it is the day.
            if alarm.code == deadlines::ENDED {
                self.seen.outstays.look_again();
            }
            self.alarm(alarm);
        }
    }

    fn watch_outstays(&mut self) {
        // By a time that nobody vouches for, agreements may seem to have ended.
        if self.engine.unsure().is_some() {
            return;
        }
        let (state, now) = (self.engine.state(), self.clock.now());
        if let Some(alarm) = self.seen.outstays.go_on(state, now, OUTSTAYS_IN_A_TICK) {
            self.alarm(alarm);
        }
    }

    fn append(&mut self, token: Token, first: Seq, entries: Vec<NewEntry>) {
        self.unwritten = self.unwritten.saturating_add(1);
        if self.happenings.receiver_count() > 0 {
            let decoded = entries
                .iter()
                .filter_map(|entry| JournalEntry::decode(entry.kind, &entry.body).ok())
                .collect();
            self.appending.insert(token, Arc::new(decoded));
        }
        let done = self.done_sender.clone();
        self.store.submit_at(
            first,
            entries,
            Box::new(move |result| {
                let result = result.map(|appended| appended.head);
                // The shell is gone only when the node has stopped.
                drop(done.send(Done::Input(Input::Appended { token, result })));
            }),
        );
    }

    fn set_partners(&mut self, partners: comity_core::partners::PartnerSet) {
        if let Some(net) = &self.net {
            *net.partners.write().unwrap_or_else(std::sync::PoisonError::into_inner) = partners;
            net.endpoint.revalidate();
        }
    }

    async fn net_event(&mut self, event: NetEvent) {
        match event {
            NetEvent::Opened { partner, conn, dialed, remote } => {
                tracing::debug!(partner = %partner.economy().short(), %remote, dialed, "connected");
                self.input(Input::Opened { partner, conn, dialed });
                self.keep_met();
            }
            NetEvent::Received { conn, stream, bytes, fin } => {
                self.input(Input::Received { conn, stream, bytes, fin });
            }
            NetEvent::Closed { conn, cause } => {
                if let Some(partner) = self.engine.partner_of(conn) {
                    self.seen.trouble.insert(partner, Trouble::from(&cause));
                    self.dialer.lost(partner);
                }
                self.input(Input::Closed { conn });
            }
            NetEvent::Refused { remote, why } => {
                tracing::info!(%remote, "turned away: {why}");
            }
            NetEvent::Pairing(event) => {
                if let Some(net) = &self.net {
                    // The desk ends only with the node.
                    drop(net.pairing.send(event).await);
                }
            }
        }
    }

    fn note_links(&mut self) {
        let up: BTreeSet<_> = self.engine.links_up().collect();
        if up == self.seen.up {
            return;
        }
        let changed: Vec<_> = up.symmetric_difference(&self.seen.up).copied().collect();
        for partner in changed {
            let is_up = up.contains(&partner);
            if is_up {
                self.seen.trouble.remove(&partner);
                self.dialer.up(partner);
            } else {
                self.questions.down(partner);
            }
            let name = self.engine.state().name_of(&partner);
            tracing::info!(partner = name, up = is_up, "link");
            self.happened(Happening::Link(partner, is_up));
        }
        self.seen.up = up;
    }

    fn happened(&self, happening: Happening) {
        // Nobody watches: nothing is lost, the journal has it.
        drop(self.happenings.send(happening));
    }

    fn tick(&mut self) {
        self.next_tick = Instant::now() + TICK;
        self.questions.give_up();
        self.watch_clock();
        self.watch_deadlines();
        self.watch_outstays();
        let state = self.engine.state();
        // In recovery what we had answered may still be on its way back.
        if state.unanswered().len() > 0 && state.recovery().is_none() {
            self.unanswered.send_modify(|times| *times = times.wrapping_add(1));
        }
        if state.recovery().is_none() && !state.owed_recalls(self.clock.now()).is_empty() {
            self.overdue.send_modify(|times| *times = times.wrapping_add(1));
        }
        let low = (self.room)(&self.folder).is_some_and(|free| free < self.keep_free);
        if low != self.space_low {
            self.space_low = low;
            self.input(Input::Space { low });
        }
        self.fall_back();
        if !low {
            self.try_again();
            self.erase_again();
        }
        if let Some(net) = &self.net {
            // A grant ends, and a revocation begins, by the clock.
            net.endpoint.revalidate();
            self.dialer.dial(&self.engine, net, &self.done_sender);
        }
    }
}

async fn next_event(net: &mut Option<Net>) -> Option<NetEvent> {
    match net {
        Some(net) => net.events.recv().await,
        None => None,
    }
}

fn ready_event(net: &mut Option<Net>) -> Option<NetEvent> {
    net.as_mut().and_then(|net| net.events.try_recv().ok())
}
