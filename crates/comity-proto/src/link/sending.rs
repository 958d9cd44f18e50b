//! What we send: lanes, batches, and what is on its way.

use std::collections::BTreeMap;
use std::time::Duration;

use comity_core::identity::EpochId;
use comity_core::ledger::{Opening, Ranges};
use comity_core::{Delivery, Timestamp};

use crate::batch::weight;
use crate::event::Unsent;
use crate::frame::{Flow, Key};
use crate::limits;
use crate::load::{Lane, Load};

/// A queue whose deliveries share batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Queue {
    pub(super) flow: Flow,
    pub(super) lane: Lane,
}

/// A queue with the deliveries of one batch.
pub(super) type Batch = (Queue, Vec<Delivery>);

#[derive(Debug, Default)]
struct Waiting {
    deliveries: Vec<Delivery>,
    bytes: usize,
    deadline: Option<Timestamp>,
}

/// A delivery that is not answered.
#[derive(Clone, Copy, Debug)]
struct Flight {
    load: Load,
    /// The queue in which it waits; none once it has left.
    waits: Option<Queue>,
}

/// The sending half of a link.
#[derive(Debug)]
pub(super) struct Sender {
    queues: BTreeMap<Queue, Waiting>,
    /// Everything unanswered, what waits in a queue included.
    in_flight: BTreeMap<Key, Flight>,
    load: Load,
    /// How many of them wait in a queue.
    queued: usize,
    /// What the partner takes; nothing while the link is down.
    limit: Load,
    /// Our ledger's epoch, from the heads.
    epoch: Option<EpochId>,
    /// The epoch in which the partner expects our numbers.
    accepted: Option<EpochId>,
    /// The greatest number that we have used in a flow.
    highest: BTreeMap<Flow, u64>,
}

impl Sender {
    pub(super) fn new() -> Self {
        Self {
            queues: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            load: Load::default(),
            queued: 0,
            limit: Load::default(),
            epoch: None,
            accepted: None,
            highest: BTreeMap::new(),
        }
    }

    /// Takes our ledger's head, which moves on between connections.
    pub(super) fn greet(&mut self, epoch: EpochId, number: u64) {
        self.epoch = Some(epoch);
        self.used(Key { flow: Flow::Deliver, number });
    }

    /// The link is up: the partner takes `limit`, and numbers of the epoch `accepted`; at the first contact
    /// of the one that we named.
    pub(super) fn up(&mut self, limit: Load, accepted: Option<EpochId>) {
        self.limit = limit;
        self.accepted = accepted.or(self.epoch);
    }

    /// The link is down: returns what had not left, forgets what had.
    pub(super) fn down(&mut self) -> Vec<Delivery> {
        self.limit = Load::default();
        let unsent = self.reclaim();
        self.in_flight.clear();
        self.load = Load::default();
        unsent
    }

    pub(super) fn open_epoch(&mut self, opening: &Opening) {
        self.epoch = Some(opening.epoch);
        self.used(Key { flow: Flow::Deliver, number: opening.first.saturating_sub(1) });
    }

    /// Whether the accepted epoch is the one that we are in.
    pub(super) fn epoch_accepted(&mut self, epoch: EpochId) -> bool {
        let ours = self.epoch == Some(epoch);
        if ours {
            self.accepted = Some(epoch);
        }
        ours
    }

    pub(super) fn room(&self) -> Load {
        if self.accepts_our_epoch() { self.limit.minus(self.load) } else { Load::default() }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// The last number that was used.
    pub(super) fn last_used(&self, flow: Flow) -> u64 {
        self.highest.get(&flow).copied().unwrap_or(0)
    }

    pub(super) fn has_used(&self, key: Key) -> bool {
        key.number > 0 && self.highest.get(&key.flow).is_some_and(|last| key.number <= *last)
    }

    /// Queues a delivery; gives back one that cannot go, with the reason.
    pub(super) fn enqueue(
        &mut self,
        queue: Queue,
        delivery: Delivery,
        due: Timestamp,
    ) -> Option<(Delivery, Unsent)> {
        let load = Load::of_delivery(&delivery);
        let entry = delivery.entry();
        let key = Key { flow: queue.flow, number: entry.number };
        let right_epoch = queue.flow == Flow::Return
            || (self.accepts_our_epoch() && self.epoch == Some(entry.epoch));
        let why = if !right_epoch {
            Some(Unsent::WrongEpoch)
        } else if self.in_flight.contains_key(&key) {
            Some(Unsent::Again)
        } else if !self.limit.fits(load) {
            Some(Unsent::TooLarge)
        } else if !self.limit.minus(self.load).fits(load) {
            Some(Unsent::NoRoom)
        } else {
            None
        };
        if let Some(why) = why {
            return Some((delivery, why));
        }
        self.note(key, Flight { load, waits: Some(queue) });
        self.queued = self.queued.saturating_add(1);
        let waiting = self.queues.entry(queue).or_default();
        waiting.bytes = waiting.bytes.saturating_add(weight(&delivery));
        waiting.deliveries.push(delivery);
        waiting.deadline.get_or_insert(due);
        None
    }

    /// A voided number: returns its delivery if it had not left.
    pub(super) fn void(&mut self, key: Key) -> Option<Delivery> {
        let unsent = self.answered(key);
        let load = Load { deliveries: 1, ..Load::default() };
        self.note(key, Flight { load, waits: None });
        unsent
    }

    /// Batches that leave now: whatever is urgent, full or due; and live ones while nothing is on
    /// its way, since nothing would come to share their batch.
    pub(super) fn ripe(&mut self, now: Timestamp) -> Vec<Batch> {
        let quiet = self.in_flight.len() == self.queued;
        self.take(|queue, waiting| {
            queue.lane == Lane::Urgent
                || waiting.bytes >= limits::BATCH_BYTES
                || waiting.deadline.is_some_and(|deadline| deadline <= now)
                || (quiet && queue.lane == Lane::Live)
        })
    }

    /// All batches, at once.
    pub(super) fn flush(&mut self) -> Vec<Batch> {
        self.take(|_, _| true)
    }

    /// Everything that has not left.
    pub(super) fn reclaim(&mut self) -> Vec<Delivery> {
        let waiting: Vec<Key> = self
            .in_flight
            .iter()
            .filter(|(_, flight)| flight.waits.is_some())
            .map(|(key, _)| *key)
            .collect();
        waiting.into_iter().filter_map(|key| self.answered(key)).collect()
    }

    /// A number that the partner puts off; whether it must be sent again, having left.
    pub(super) fn deferred(&mut self, key: Key) -> bool {
        let left = self.in_flight.get(&key).is_some_and(|flight| flight.waits.is_none());
        if left {
            self.answered(key);
        }
        left
    }

    /// An answer for one number. Where it still waited in a queue, it need not go, and is returned.
    pub(super) fn answered(&mut self, key: Key) -> Option<Delivery> {
        let flight = self.in_flight.remove(&key)?;
        self.load = self.load.minus(flight.load);
        let waiting = self.queues.get_mut(&flight.waits?)?;
        let at = waiting.deliveries.iter().position(|one| one.entry().number == key.number)?;
        let delivery = waiting.deliveries.remove(at);
        waiting.bytes = waiting.bytes.saturating_sub(weight(&delivery));
        self.queued = self.queued.saturating_sub(1);
        Some(delivery)
    }

    /// An acknowledgement of every number up to `upto`, and of `ranges`.
    pub(super) fn acknowledged(&mut self, flow: Flow, upto: u64, ranges: &Ranges) {
        let upto = [(0, upto)];
        let spans = upto.iter().chain(ranges.as_slice());
        let keys = spans.flat_map(|(first, last)| {
            let key = |number| Key { flow, number };
            self.in_flight.range(key(*first)..=key(*last)).map(|(key, _)| *key)
        });
        let acknowledged: Vec<Key> = keys.collect();
        for key in acknowledged {
            self.answered(key);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.queues.values().filter_map(|waiting| waiting.deadline).min()
    }

    fn accepts_our_epoch(&self) -> bool {
        self.accepted == self.epoch
    }

    fn note(&mut self, key: Key, flight: Flight) {
        self.load = self.load.plus(flight.load);
        self.in_flight.insert(key, flight);
        self.used(key);
    }

    fn used(&mut self, key: Key) {
        let highest = self.highest.entry(key.flow).or_default();
        *highest = key.number.max(*highest);
    }

    fn take(&mut self, ripe: impl Fn(&Queue, &Waiting) -> bool) -> Vec<Batch> {
        let batches: Vec<Batch> = self
            .queues
            .extract_if(.., |queue, waiting| ripe(queue, waiting))
            .map(|(queue, waiting)| (queue, waiting.deliveries))
            .filter(|(_, deliveries)| !deliveries.is_empty())
            .collect();
        for (queue, deliveries) in &batches {
            self.queued = self.queued.saturating_sub(deliveries.len());
            for delivery in deliveries {
                let key = Key { flow: queue.flow, number: delivery.entry().number };
                if let Some(flight) = self.in_flight.get_mut(&key) {
                    flight.waits = None;
                }
            }
        }
        batches
    }
}

/// When a delivery that is queued now must leave.
pub(super) fn due(now: Timestamp, delay: Duration) -> Timestamp {
    now.saturating_add(delay)
}
