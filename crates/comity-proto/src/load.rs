//! What a link may have on its way, and in which queue it goes.

use std::time::Duration;

use comity_core::{Delivery, Urgency};

use crate::limits;

/// What differs between deployments and tests.
#[derive(Clone, Debug)]
pub struct Config {
    /// What may be on its way to us, unanswered; the partner's own bound applies the other way.
    pub in_flight: Load,
    /// How long a delivery may wait for others to share its batch.
    pub batch_delay: Duration,
    /// Faults of the partner on one connection before it is closed.
    pub faults: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { in_flight: Load::LIMIT, batch_delay: limits::BATCH_DELAY, faults: limits::FAULTS }
    }
}

/// How much deliveries weigh against the bound on what is on its way; also, how much room is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Deliveries.
    pub deliveries: usize,
    /// Bytes of records and of parts of one chunk at most.
    pub bytes: usize,
    /// Parts of more than one chunk.
    pub large: usize,
}

impl Load {
    /// The bound of the protocol.
    pub const LIMIT: Self = Self {
        deliveries: limits::IN_FLIGHT_DELIVERIES,
        bytes: limits::IN_FLIGHT_BYTES,
        large: limits::IN_FLIGHT_LARGE,
    };

    /// One delivery of a record of `record` bytes and parts of these lengths.
    ///
    /// One delivery weighs at most the bound; the parts of a heavier record go in several.
    #[must_use]
    pub fn of(record: usize, parts: impl IntoIterator<Item = usize>) -> Self {
        let mut load = Self { deliveries: 1, bytes: record, large: 0 };
        for length in parts {
            if length > limits::CHUNK_BYTES {
                load.large = load.large.saturating_add(1);
            } else {
                load.bytes = load.bytes.saturating_add(length);
            }
        }
        load
    }

    /// What this delivery weighs.
    #[must_use]
    pub fn of_delivery(delivery: &Delivery) -> Self {
        Self::of(delivery.record().len(), delivery.parts().iter().map(|(_, bytes)| bytes.len()))
    }

    /// Whether `load` fits in this room.
    #[must_use]
    pub fn fits(&self, load: Self) -> bool {
        load.deliveries <= self.deliveries && load.bytes <= self.bytes && load.large <= self.large
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            deliveries: self.deliveries.saturating_add(other.deliveries),
            bytes: self.bytes.saturating_add(other.bytes),
            large: self.large.saturating_add(other.large),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            deliveries: self.deliveries.saturating_sub(other.deliveries),
            bytes: self.bytes.saturating_sub(other.bytes),
            large: self.large.saturating_sub(other.large),
        }
    }

    pub(crate) fn min(self, other: Self) -> Self {
        Self {
            deliveries: self.deliveries.min(other.deliveries),
            bytes: self.bytes.min(other.bytes),
            large: self.large.min(other.large),
        }
    }
}

/// Which queue a delivery travels in. Numbers run across all lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// At once, before everything else.
    Urgent,
    /// As it happens: in batches of 64 KiB or 20 ms; at once while nothing is on its way.
    Live,
    /// What was missed or became releasable: in batches, after everything live.
    Backfill,
}

impl Lane {
    /// The lane of a delivery that happens now.
    #[must_use]
    pub const fn of(urgency: Urgency) -> Self {
        match urgency {
            Urgency::Urgent => Self::Urgent,
            Urgency::Priority | Urgency::Routine | Urgency::Unknown(_) => Self::Live,
        }
    }
}
