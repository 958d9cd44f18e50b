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
/// It is kept through the window, so that urgent streams still go first, and so it holds only where
/// the rate times the shortest round trip is more than [`LEAST_PACKETS`].
#[derive(Clone, Debug, Default)]
pub(crate) struct RateCap(Arc<AtomicU64>);

impl RateCap {
    pub(crate) fn set(&self, bytes_per_second: Option<u64>) {
        self.0.store(bytes_per_second.unwrap_or(0), Ordering::Relaxed);
    }

    fn bytes_per_second(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|rate| *rate > 0)
    }
}

/// Packets that a capped link may always have under way: with fewer, it would wait for every
/// delayed acknowledgement.
const LEAST_PACKETS: u64 = 10;
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
        // The transport tells the pacing rate in bits.
        let pacing = self.inner.metrics().pacing_rate.map(|bits| bits / 8);
        let pacing = pacing.filter(|_| self.acknowledged > WARM_UP_BYTES);
        kept(window, shortest, pacing, self.cap.bytes_per_second(), self.mtu)
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

/// `window`, but no more than the rates have under way in one round trip.
fn kept(window: u64, round_trip: Duration, pacing: Option<u64>, cap: Option<u64>, mtu: u16) -> u64 {
    let pacing = pacing
        .filter(|rate| *rate > 0)
        .map_or(u64::MAX, |rate| bytes_in(rate, round_trip).max(LEAST_WINDOW));
    let cap =
        cap.map_or(u64::MAX, |rate| bytes_in(rate, round_trip).max(LEAST_PACKETS * u64::from(mtu)));
    window.min(pacing).min(cap)
}

fn bytes_in(bytes_per_second: u64, time: Duration) -> u64 {
    let bytes = u128::from(bytes_per_second).saturating_mul(time.as_micros()) / 1_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_millis(300);

    #[test]
    fn a_window_is_what_is_under_way_in_one_round_trip() {
        // 100 Mbit/s over 300 ms.
        assert_eq!(kept(32_000_000, LONG, Some(12_500_000), None, 1200), 3_750_000);
        assert_eq!(kept(1_000_000, LONG, Some(12_500_000), None, 1200), 1_000_000);
        assert_eq!(kept(32_000_000, LONG, None, None, 1200), 32_000_000);
        assert_eq!(kept(32_000_000, LONG, Some(12_500_000), Some(1_250_000), 1200), 375_000);
    }

    #[test]
    fn an_estimate_gone_wrong_leaves_enough_to_recover() {
        assert_eq!(kept(32_000_000, LONG, Some(1), None, 1200), LEAST_WINDOW);
        assert_eq!(kept(32_000_000, LONG, Some(0), None, 1200), 32_000_000);
        assert_eq!(kept(32_000_000, LONG, None, Some(1), 1200), 12_000);
    }

    #[test]
    fn a_cap_is_taken_back_with_nothing_left_of_it() {
        let cap = RateCap::default();
        assert_eq!(cap.bytes_per_second(), None);
        cap.clone().set(Some(7));
        assert_eq!(cap.bytes_per_second(), Some(7));
        cap.set(None);
        assert_eq!(cap.bytes_per_second(), None);
    }
}
