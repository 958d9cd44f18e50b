//! One partner's link, and what waits for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use comity_core::ledger::Ranges;
use comity_core::partners::AuthenticatedPartner;
use comity_core::sign::SecretKey;
use comity_core::{Delivery, EconomyId, KeyId, RecordId, Timestamp};
use comity_proto::{CloseReason, ConnId, Hello, Link, Load, Output, Unsent};

use super::heads::LinkHeads;
use super::recovery::{Given, Regaining, Returning};
use super::{Effect, Engine};

/// How long a delivery that the partner had no room for waits: twice as long each time, up to the last.
const DEFER_DELAYS: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
    Duration::from_secs(60),
];

/// Parts that come late and go in the urgent lane, of one partner and in a minute; more go as their record does.
const LATE_PARTS_A_MINUTE: u64 = 60;
const A_MINUTE: Duration = Duration::from_secs(60);

/// How often a partner has had no room for a delivery when the operator is told.
const PUT_OFF_TWICE: usize = 2;

/// One partner's link, and what waits for it. Lives from the first connection on.
pub(super) struct Session {
    pub(super) link: Link,
    /// The link key of the connection in use: receipts verify under it.
    pub(super) link_key: KeyId,
    /// The key that we showed on it: by no other one can the partner verify what we sign over it.
    pub(super) own_key: KeyId,
    /// What the partner said when it greeted, by connection.
    pub(super) greetings: BTreeMap<ConnId, Hello>,
    /// What we said when we greeted, by connection.
    pub(super) told: BTreeMap<ConnId, Told>,
    pub(super) up: bool,
    /// Whether the partner's node has said, when it greeted last, that it understands amendments.
    pub(super) takes_amendments: bool,
    /// Whether it has said that it takes back deliveries of which parts were erased since.
    pub(super) takes_gaps: bool,
    /// Whether an amendment stayed here, for it does not.
    pub(super) kept_amendments: bool,
    /// Place among the arrivals up to which this partner was considered; never moves back.
    pub(super) live: u64,
    /// Place of a second pass, after something widened what it may have.
    pub(super) backfill: Option<u64>,
    /// Whether that pass is to be made once more: something widened while it was under way.
    pub(super) backfill_again: bool,
    /// Numbers whose entries are durable and which wait for room on the link.
    pub(super) queue: VecDeque<u64>,
    /// Numbers queued, being loaded, or handed over on this connection.
    pub(super) under_way: BTreeSet<u64>,
    /// Numbers of which bytes may have left since this process began.
    pub(super) handed: Ranges,
    /// When time alone may turn a decision on something that waits in the link.
    pub(super) turns_at: Option<Timestamp>,
    /// Since when parts that came late went in the urgent lane, and how many.
    late: (Timestamp, u64),
    /// How often the partner asked anew for what it had refused of an origin.
    pub(super) asked: BTreeMap<EconomyId, u32>,
    /// Numbers that the partner had no room for, by when to try again.
    pub(super) deferred: BTreeMap<Timestamp, BTreeSet<u64>>,
    /// How often the partner had no room for each of these.
    pub(super) deferrals: BTreeMap<u64, usize>,
    /// Records that a release time holds back, by when to look again.
    pub(super) holds: BTreeMap<Timestamp, BTreeSet<RecordId>>,
    /// Records that go once the partner holds the consents by which they do, by these.
    pub(super) unconsented: BTreeMap<RecordId, BTreeSet<RecordId>>,
    /// Numbers of the partner that are being verified or made durable.
    pub(super) arriving: BTreeSet<u64>,
    pub(super) unreceipted: u64,
    /// The last number that a receipt of this process goes up to.
    pub(super) receipted: Option<u64>,
    /// The same when the link came up: what was signed since may be lost with the connection.
    pub(super) receipted_before: Option<u64>,
    pub(super) receipt_due: Option<Timestamp>,
    /// What we give back to a partner that was restored.
    pub(super) returning: Option<Returning>,
    /// What the partner gives back to us after we were restored.
    pub(super) regaining: Option<Regaining>,
    /// What was given back and waits for its turn, over whatever connection it came: the link hands
    /// nothing on twice.
    pub(super) given: BTreeMap<u64, Given>,
    /// Deliveries whose bodies are being read, and what they will weigh.
    pub(super) loading: BTreeMap<u64, Load>,
    /// Heads that it brought, and was told.
    pub(super) heads: LinkHeads,
    /// Whether the partner has yet to take in the new epoch of our ledger.
    pub(super) epoch_awaited: bool,
    /// Whether a new epoch of the partner's ledger was taken in over this connection.
    pub(super) epoch_taken: bool,
    /// Whether the partner was asked what its clock says, over this connection.
    pub(super) clock_asked: Option<Timestamp>,
}

/// What we said of both ledgers when a connection opened.
pub(super) struct Told {
    /// The last number of ours.
    pub(super) out: u64,
    /// What we hold of the partner's.
    pub(super) held: Ranges,
    /// Whether we said that we were restored.
    pub(super) recovering: bool,
}

impl Session {
    fn new(link: Link, link_key: KeyId, own_key: KeyId) -> Self {
        Self {
            link,
            link_key,
            own_key,
            greetings: BTreeMap::new(),
            told: BTreeMap::new(),
            up: false,
            takes_amendments: false,
            takes_gaps: false,
            kept_amendments: false,
            live: 0,
            backfill: None,
            backfill_again: false,
            queue: VecDeque::new(),
            under_way: BTreeSet::new(),
            handed: Ranges::new(),
            turns_at: None,
            late: (Timestamp::EPOCH, 0),
            asked: BTreeMap::new(),
            deferred: BTreeMap::new(),
            deferrals: BTreeMap::new(),
            holds: BTreeMap::new(),
            unconsented: BTreeMap::new(),
            arriving: BTreeSet::new(),
            unreceipted: 0,
            receipted: None,
            receipted_before: None,
            receipt_due: None,
            returning: None,
            regaining: None,
            given: BTreeMap::new(),
            loading: BTreeMap::new(),
            heads: LinkHeads::default(),
            epoch_awaited: false,
            epoch_taken: false,
            clock_asked: None,
        }
    }

    /// When something falls due. What waits for the partner waits for its return, not for a time.
    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        let waiting = [
            self.receipt_due,
            self.holds.keys().next().copied(),
            self.deferred.keys().next().copied(),
        ];
        let waiting = waiting.into_iter().flatten().filter(|_| self.up);
        waiting.chain(self.link.next_timer()).min()
    }

    /// Room on the link, less what is being read for it.
    pub(super) fn room(&self) -> Load {
        let mut room = self.link.room();
        for load in self.loading.values() {
            room.deliveries = room.deliveries.saturating_sub(load.deliveries);
            room.bytes = room.bytes.saturating_sub(load.bytes);
            room.large = room.large.saturating_sub(load.large);
        }
        room
    }

    /// Forgets what belonged to a connection.
    pub(super) fn reset(&mut self) {
        self.queue.clear();
        self.under_way.clear();
        self.deferred.clear();
        self.deferrals.clear();
        self.arriving.clear();
        self.loading.clear();
        self.heads.reset();
        self.returning = None;
        self.regaining = None;
        self.epoch_awaited = false;
        self.epoch_taken = false;
        self.clock_asked = None;
    }

    /// Whether one more part that comes late may go before everything else: where an agreement widens what
    /// goes, they are many, and what is urgent today must not wait for them.
    pub(super) fn hastens(&mut self, now: Timestamp) -> bool {
        if now.since(self.late.0) >= A_MINUTE {
            self.late = (now, 0);
        }
        let room = self.late.1 < LATE_PARTS_A_MINUTE;
        self.late.1 = self.late.1.saturating_add(u64::from(room));
        room
    }

    /// Considers everything once more, for something has widened what this partner may have.
    pub(super) fn look_again(&mut self) {
        // A pass that is under way ends first: whoever could make us begin anew again and again would keep
        // late records from everybody.
        self.backfill_again = self.backfill.is_some();
        self.backfill.get_or_insert(0);
    }

    /// Queues a number unless it is under way already.
    pub(super) fn queue(&mut self, number: u64) {
        if self.under_way.insert(number) {
            self.queue.push_back(number);
        }
    }
}

impl Engine {
    pub(super) fn opened(
        &mut self,
        partner: &AuthenticatedPartner,
        conn: ConnId,
        dialed: bool,
        now: Timestamp,
    ) {
        let economy = partner.economy();
        // A pairing that is still being written may be lost with this process.
        let unsynced =
            self.state.partner_set().contains(economy) && !self.admitted.contains(&economy);
        let Some(heads) = self.heads(&economy).filter(|_| !unsynced) else {
            self.effects.push(Effect::Close {
                conn,
                reason: CloseReason::Refused("not a partner".to_owned()),
            });
            return;
        };
        if self.epoch_unsynced(&economy) {
            // Neither the old epoch nor the new one can be spoken of now.
            let reason =
                CloseReason::Refused("a new ledger is being written; connect again".to_owned());
            self.effects.push(Effect::Close { conn, reason });
            return;
        }
        self.conns.insert(conn, economy);
        let (us, boot) = (self.state.us(), self.boot);
        let (theirs, ours) = (partner.link_key(), self.link_key.id());
        let session = self.sessions.entry(economy).or_insert_with(|| {
            let link = Link::new(us, economy, boot, self.link_config.clone());
            Session::new(link, theirs, ours)
        });
        (session.link_key, session.own_key) = (theirs, ours);
        let left = self.left.remove(&economy);
        let told = Told {
            out: heads.out.head.number,
            held: heads.inbound.held(),
            recovering: heads.recovering,
        };
        session.told.insert(conn, told);
        if let Some(left) = left {
            self.session_input(economy, comity_proto::Input::Resume(left), now);
        }
        self.session_input(economy, comity_proto::Input::Opened { conn, dialed, heads }, now);
    }

    pub(super) fn closed(&mut self, conn: ConnId, now: Timestamp) {
        let Some(partner) = self.conns.remove(&conn) else { return };
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.greetings.remove(&conn);
            session.told.remove(&conn);
        }
        self.session_input(partner, comity_proto::Input::Closed { conn }, now);
    }

    pub(super) fn link_input(&mut self, conn: ConnId, input: comity_proto::Input, now: Timestamp) {
        if let Some(partner) = self.conns.get(&conn).copied() {
            self.session_input(partner, input, now);
        }
    }

    pub(super) fn session_input(
        &mut self,
        partner: EconomyId,
        input: comity_proto::Input,
        now: Timestamp,
    ) {
        let Some(session) = self.sessions.get_mut(&partner) else { return };
        for output in session.link.handle(input, now) {
            self.output(partner, output, now);
        }
    }

    fn output(&mut self, partner: EconomyId, output: Output, now: Timestamp) {
        match output {
            Output::Transmit(transmit) => self.effects.push(Effect::Transmit(transmit)),
            Output::Close { conn, reason } => self.effects.push(Effect::Close { conn, reason }),
            Output::Greeted { conn, hello } => self.greeted(partner, conn, hello, now),
            Output::Up { conn } => self.up(partner, conn, now),
            Output::Down { .. } => self.down(partner),
            Output::Incoming(incoming) => self.incoming(partner, incoming, now),
            Output::Keep(fragment) => self.keep(partner, fragment, now),
            Output::Discard { number, entry, parts } => {
                self.discard(partner, number, entry, parts);
            }
            Output::Wanted { number, part } => self.wanted(partner, number, part, now),
            Output::Damaged { entry, part } => self.damaged(partner, entry, part, now),
            Output::Acked { upto, ranges } => {
                self.acked(partner, upto, &ranges);
                self.offer_consented(partner, now);
            }
            Output::PeerRejected { number, reason } => self.refused(partner, number, reason, now),
            Output::PeerDeferred { number } => self.deferred(partner, number, now),
            Output::OriginKnown { origin, numbers } => {
                self.origin_known(partner, origin, &numbers, now);
            }
            Output::PeerVoid { number, digest } => self.voided(partner, number, digest, now),
            Output::Receipt(signed) => self.receipt(partner, &signed, now),
            Output::KeyringHead(head) => self.head_came(partner, &head, now),
            Output::Pong { nonce, at } => {
                self.clock_is_witnessed(partner, at, now);
                self.effects.push(Effect::Pong { partner, nonce, at });
            }
            Output::Returned(incoming) => self.returned(partner, incoming, now),
            Output::ReturnedVoid { number, digest } => {
                self.returned_void(partner, number, digest, now);
            }
            Output::ReturnDeferred { number } => self.return_deferred(partner, number),
            Output::ReturnAcked { .. } => self.give_back_more(partner, now),
            Output::EpochAnnounced(opening) => self.epoch_announced(partner, opening, now),
            Output::EpochAccepted(_) => {
                if let Some(session) = self.sessions.get_mut(&partner) {
                    session.epoch_awaited = false;
                }
            }
            Output::Unsent { deliveries, why } => self.unsent(partner, deliveries, why),
            Output::Drained => {}
            Output::Misbehaved { what, .. } => {
                self.alarm(Some(partner), "misbehaved", what.to_string());
            }
            Output::Told { code, text } => {
                let text = format!("the partner says that we broke the protocol ({code}): {text}");
                self.alarm(Some(partner), "told", text);
            }
            Output::TwoNodes => {
                let text = "two nodes take turns with one key; one of them may be an impostor";
                self.alarm(Some(partner), "two-nodes", text.to_owned());
            }
        }
    }

    pub(super) fn down(&mut self, partner: EconomyId) {
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.up = false;
            session.reset();
        }
    }

    fn acked(&mut self, partner: EconomyId, upto: u64, ranges: &Ranges) {
        let run = (upto > 0).then_some((1, upto));
        if let Some(state) = self.state.partner_mut(&partner) {
            state.out.acknowledge(run.into_iter().chain(ranges.as_slice().iter().copied()));
            if let Some(session) = self.sessions.get_mut(&partner) {
                session.under_way.retain(|number| !state.out.acked().contains(*number));
                session.deferrals.retain(|number, _| !state.out.acked().contains(*number));
            }
        }
    }

    /// What the link gave back: it waits its turn again, or for the next connection.
    fn unsent(&mut self, partner: EconomyId, deliveries: Vec<Delivery>, why: Unsent) {
        let Some(session) = self.sessions.get_mut(&partner) else { return };
        let ledger = self.state.partner(&partner).map(|partner| &partner.out);
        for delivery in deliveries.into_iter().rev() {
            let number = delivery.entry().number;
            let line = ledger.and_then(|ledger| ledger.entry(number));
            if line.is_none_or(|line| line.digest != delivery.entry().digest()) {
                // It is the partner's own, which we were giving back.
                if let Some(returning) = session.returning.as_mut().filter(|_| session.up) {
                    returning.again(number);
                }
                continue;
            }
            match why {
                Unsent::NoRoom | Unsent::Reclaimed if session.up => {
                    session.queue.push_front(number);
                }
                Unsent::WrongEpoch => {
                    session.epoch_awaited = true;
                    session.queue.push_front(number);
                }
                Unsent::NotUp
                | Unsent::Down
                | Unsent::NoRoom
                | Unsent::Reclaimed
                | Unsent::TooLarge
                | Unsent::WrongPartner
                | Unsent::Again
                | Unsent::Draining => {}
            }
        }
    }

    fn deferred(&mut self, partner: EconomyId, number: u64, now: Timestamp) {
        if let Some(session) = self.sessions.get_mut(&partner) {
            let times = session.deferrals.entry(number).or_default();
            let delay = DEFER_DELAYS.get(*times).or(DEFER_DELAYS.last()).copied();
            *times = times.saturating_add(1);
            let when = now.saturating_add(delay.unwrap_or_default());
            let again = *times == PUT_OFF_TWICE;
            session.deferred.entry(when).or_default().insert(number);
            if again {
                self.tell_put_off(partner, number);
            }
        }
    }

    /// Once may be chance. Whoever has no room twice has reached a bound, and its operator may have to do
    /// something about it.
    fn tell_put_off(&mut self, partner: EconomyId, number: u64) {
        let out = self.state.partner(&partner).map(|one| &one.out);
        let entry = out.and_then(|out| out.entry(number)).and_then(|line| line.entry.as_ref());
        let held = entry.and_then(|entry| self.state.record(&entry.record));
        let what = held.map(|held| format!(" ({} {})", held.facts.kind, held.reference));
        let text = format!(
            "the partner has no room for delivery {number}{}: it is sent again until there is; its operator sees in `comity status` what there is too much of",
            what.unwrap_or_default()
        );
        self.alarm(Some(partner), "put-off", text);
    }

    /// Numbers of the partner are durable: it is told, and a receipt falls due.
    pub(super) fn arrivals_durable(
        &mut self,
        partner: EconomyId,
        numbers: Vec<u64>,
        now: Timestamp,
    ) {
        for number in &numbers {
            self.state.arrival_durable(&partner, *number);
        }
        if let Some(session) = self.sessions.get_mut(&partner) {
            for number in &numbers {
                session.arriving.remove(number);
            }
            session.unreceipted = session.unreceipted.saturating_add(numbers.len() as u64);
        }
        self.owe_receipt(partner, now);
        self.session_input(partner, comity_proto::Input::Stored { numbers }, now);
    }

    /// Everything that falls due at `now`.
    pub(super) fn timers(&mut self, now: Timestamp) {
        let due = |session: &Session| session.link.next_timer().is_some_and(|at| at <= now);
        let links: Vec<_> = self.sessions.iter().filter(|(_, s)| due(s)).map(|(p, _)| *p).collect();
        for partner in links {
            self.session_input(partner, comity_proto::Input::Timer, now);
        }
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            let Some(session) = self.sessions.get_mut(&partner) else { continue };
            let later = session.deferred.split_off(&now.saturating_add(Duration::from_millis(1)));
            for number in std::mem::replace(&mut session.deferred, later).into_values().flatten() {
                session.under_way.remove(&number);
                session.queue(number);
            }
            if session.up && session.receipt_due.is_some_and(|due| due <= now) {
                self.sign_receipt(partner, now);
            }
            self.release_holds(partner, now);
            self.pump(partner, now);
            self.give_back_more(partner, now);
        }
        self.note_room();
    }
}

impl Engine {
    /// Whether a connection with this partner stands, up or not.
    #[must_use]
    pub fn is_connected(&self, partner: &EconomyId) -> bool {
        self.conns.values().any(|economy| economy == partner)
    }

    /// Whether any connection stands.
    #[must_use]
    pub fn has_links(&self) -> bool {
        !self.conns.is_empty()
    }

    /// The connection over which the link with this partner is up.
    #[must_use]
    pub fn link_with(&self, partner: &EconomyId) -> Option<ConnId> {
        self.sessions.get(partner).filter(|session| session.up)?.link.up()
    }

    /// Those whose link is up.
    pub fn links_up(&self) -> impl Iterator<Item = EconomyId> + '_ {
        self.sessions.iter().filter(|(_, session)| session.up).map(|(economy, _)| *economy)
    }

    /// Whose connection this is.
    #[must_use]
    pub fn partner_of(&self, conn: ConnId) -> Option<EconomyId> {
        self.conns.get(&conn).copied()
    }

    /// The key that signs receipts and audits.
    #[must_use]
    pub fn link_key(&self) -> &SecretKey {
        &self.link_key
    }

    /// Signs with another link key from now on. Receipts over connections that were opened with the one before
    /// wait for the next connection.
    pub fn set_link_key(&mut self, key: SecretKey) {
        self.link_key = key;
    }
}
