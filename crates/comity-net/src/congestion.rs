//! How fast a link sends: BBR kept to its own pacing rate, or Cubic; and an operator's cap.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quinn::congestion::{BbrConfig, Controller, ControllerFactory, ControllerMetrics, CubicConfig};
use quinn_proto::RttEstimator;

/// How a link finds its rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Congestion {
    /// BBR with a window of its pacing rate times the shortest round trip.
    ///
    /// For long and lossy paths: at 300 ms and 1 % loss it filled three quarters of 100 Mbit/s where
    /// Cubic reached 0.7. The transport's own BBR ignores its pacing rate and floods shallow queues.
    #[default]
    Bbr,
    /// Cubic: yields to others on a path that loses nothing but by congestion.
    Cubic,
}

/// A cap on one link's rate in bytes a second, changed while the link runs; 0 is no cap.
///
/// It is kept through the window: on a path whose shortest round trip is below a millisecond it is
/// not exact, since a window has two packets at least.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateCap(Arc<AtomicU64>);

impl RateCap {
    pub(crate) fn set(&self, bytes_per_second: Option<u64>) {
        self.0.store(bytes_per_second.unwrap_or(0), Ordering::Relaxed);
    }

    fn window(&self, round_trip: Duration) -> Option<u64> {
        let rate = self.0.load(Ordering::Relaxed);
        (rate > 0).then(|| bytes_in(rate, round_trip))
    }
}

/// Acknowledged bytes before BBR's estimate of the rate is worth anything.
const WARM_UP_BYTES: u64 = 512 * 1024;
/// The window that BBR is never kept below, so that an estimate gone wrong can recover.
const LEAST_WINDOW: u64 = 64 * 1024;

/// Builds a [`Kept`] controller for each path of a connection.
pub(crate) struct Factory {
    pub(crate) congestion: Congestion,
    pub(crate) cap: RateCap,
}

impl ControllerFactory for Factory {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        let inner = match self.congestion {
            Congestion::Bbr => Arc::new(BbrConfig::default()).build(now, mtu),
            Congestion::Cubic => Arc::new(CubicConfig::default()).build(now, mtu),
        };
        Box::new(Kept { inner, cap: self.cap.clone(), mtu, shortest: None, acknowledged: 0 })
    }
}

/// A controller kept to its own pacing rate, where it has one, and to the operator's cap.
struct Kept {
    inner: Box<dyn Controller>,
    cap: RateCap,
    mtu: u16,
    shortest: Option<Duration>,
    acknowledged: u64,
}

impl Controller for Kept {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.shortest = Some(self.shortest.map_or(rtt.min(), |shortest| shortest.min(rtt.min())));
        self.acknowledged = self.acknowledged.saturating_add(bytes);
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        self.inner.on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.inner.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = new_mtu;
        self.inner.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        let window = self.inner.window();
        let Some(shortest) = self.shortest else { return window };
        let pacing_rate = self.inner.metrics().pacing_rate.filter(|rate| *rate > 0);
        let window = match pacing_rate {
            // The rate is in bits.
            Some(rate) if self.acknowledged > WARM_UP_BYTES => {
                window.min(bytes_in(rate / 8, shortest).max(LEAST_WINDOW))
            }
            Some(_) | None => window,
        };
        match self.cap.window(shortest) {
            Some(cap) => window.min(cap.max(2 * u64::from(self.mtu))),
            None => window,
        }
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = self.inner.metrics();
        metrics.congestion_window = self.window();
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            inner: self.inner.clone_box(),
            cap: self.cap.clone(),
            mtu: self.mtu,
            shortest: self.shortest,
            acknowledged: self.acknowledged,
        })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

fn bytes_in(bytes_per_second: u64, time: Duration) -> u64 {
    let bytes = u128::from(bytes_per_second).saturating_mul(time.as_micros()) / 1_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
