//! The clocks: the system's, and the time that a running node goes by.

mod steady;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use comity_core::Timestamp;

pub use steady::{Steady, TOLERANCE, Trouble};

/// What the system's clock says; 1970 when it is set before that.
#[must_use]
pub fn now() -> Timestamp {
    instant(since_1970())
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Counts on whatever the system's clock is set to, while the machine sleeps as well.
#[cfg(target_os = "linux")]
fn count() -> Duration {
    let counted = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(counted).unwrap_or_default()
}

/// Counts on whatever the system's clock is set to; stands still while the machine sleeps.
#[cfg(not(target_os = "linux"))]
fn count() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

fn instant(since_1970: Duration) -> Timestamp {
    Timestamp::EPOCH.saturating_add(since_1970)
}

/// The time that a node goes by, for everything here that asks for it.
pub(crate) struct NodeClock {
    sources: Sources,
    /// The newest that the journal has, where the system's clock was far before it at the start.
    written: Option<Timestamp>,
    steady: Mutex<Steady>,
}

/// What counts, and what the system's clock says.
pub(crate) struct Sources {
    pub(crate) count: Box<dyn Fn() -> Duration + Send + Sync>,
    pub(crate) wall: Box<dyn Fn() -> Duration + Send + Sync>,
}

/// How the clocks stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// The time that the node goes by.
    pub(crate) node: Timestamp,
    /// What the system's clock says.
    pub(crate) system: Timestamp,
    pub(crate) problem: Option<Problem>,
}

/// What is wrong with the system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    Running(Trouble),
    /// It is far before the newest entry of the journal, of this instant.
    BeforeJournal(Timestamp),
}

impl Look {
    /// Whether the system's clock waits for a person to confirm it.
    pub(crate) const fn is_held(&self) -> bool {
        matches!(self.problem, Some(Problem::Running(Trouble::Ahead(_))))
    }
}

impl NodeClock {
    /// By the machine's own clocks, over a journal whose newest entry is of `written`.
    pub(crate) fn new(written: Timestamp) -> Self {
        Self::over(Sources { count: Box::new(count), wall: Box::new(since_1970) }, written)
    }

    pub(crate) fn over(sources: Sources, written: Timestamp) -> Self {
        let (count, wall) = sources.read();
        let ahead = written.since(instant(wall)) > TOLERANCE;
        let newest = Duration::from_millis(written.as_millis());
        Self {
            written: ahead.then_some(written),
            steady: Mutex::new(Steady::start(count, wall, newest)),
            sources,
        }
    }

    /// The time that the node goes by.
    pub(crate) fn now(&self) -> Timestamp {
        self.look().node
    }

    /// The later of the node's time and the system's: what may only end by the clock goes by it.
    pub(crate) fn latest(&self) -> Timestamp {
        let look = self.look();
        look.node.max(look.system)
    }

    /// How the clocks stand.
    pub(crate) fn look(&self) -> Look {
        let mut steady = self.steady();
        let (count, wall) = self.sources.read();
        let node = instant(steady.read(count, wall));
        self.as_read(node, &steady)
    }

    /// A person says that the system's clock is right, having seen it say `seen`. If it says something
    /// else by now, that was not confirmed.
    pub(crate) fn confirm(&self, seen: Timestamp) -> Result<Look, Look> {
        let mut steady = self.steady();
        let (count, wall) = self.sources.read();
        let node = instant(steady.read(count, wall));
        let system = instant(wall);
        if system.since(seen).max(seen.since(system)) > TOLERANCE {
            return Err(self.as_read(node, &steady));
        }
        steady.confirm();
        Ok(self.as_read(node.max(system), &steady))
    }

    fn as_read(&self, node: Timestamp, steady: &Steady) -> Look {
        let system = instant(steady.wall());
        let before = self.written.filter(|written| written.since(system) > TOLERANCE);
        let running = steady.trouble().map(Problem::Running);
        Look { node, system, problem: running.or(before.map(Problem::BeforeJournal)) }
    }

    fn steady(&self) -> MutexGuard<'_, Steady> {
        self.steady.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sources {
    /// The system's clock first: whatever delays us between the two must not look like a gain of its.
    fn read(&self) -> (Duration, Duration) {
        let wall = (self.wall)();
        ((self.count)(), wall)
    }
}

impl Problem {
    /// A stable code for alarms.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Running(Trouble::Ahead(_)) => "clock-ahead",
            Self::Running(Trouble::Behind(_)) => "clock-behind",
            Self::BeforeJournal(_) => "clock-before-journal",
        }
    }

    /// The command that mends it.
    pub(crate) const fn next(self) -> &'static str {
        match self {
            Self::Running(Trouble::Ahead(_)) => {
                "compare it with another clock (timedatectl), then: comity clock confirm"
            }
            Self::Running(Trouble::Behind(_)) => "timedatectl set-ntp true",
            Self::BeforeJournal(_) => "timedatectl set-ntp true, then: comity clock confirm",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running(Trouble::Ahead(by)) => write!(
                f,
                "the system's clock has run ahead by {}: the node goes by its own count, and what waits for a time goes by that, until a person confirms the clock",
                Span(*by)
            ),
            Self::Running(Trouble::Behind(by)) => write!(
                f,
                "the system's clock was set back, and is {} behind: the node's time goes at half its pace until the clock has it again",
                Span(*by)
            ),
            Self::BeforeJournal(newest) => write!(
                f,
                "the system's clock is far before the newest entry of the journal, of {newest}: one of the two is wrong"
            ),
        }
    }
}

/// A time span as people say it.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() / 60 {
            minutes @ 0..120 => write!(f, "{minutes} min"),
            minutes @ 120..2880 => write!(f, "{} h", minutes / 60),
            minutes => write!(f, "{} days", minutes / 1440),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const START: u64 = 1_795_298_489;

    /// A clock over two that are set by hand, in seconds: what counts, and the system's.
    fn by_hand(written: u64) -> (NodeClock, Arc<AtomicU64>, Arc<AtomicU64>) {
        let (count, wall) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(START)));
        let source = |of: &Arc<AtomicU64>| {
            let of = of.clone();
            Box::new(move || Duration::from_secs(of.load(Ordering::Relaxed)))
        };
        let sources = Sources { count: source(&count), wall: source(&wall) };
        (NodeClock::over(sources, Timestamp::from_secs(written)), count, wall)
    }

    #[test]
    fn what_is_confirmed_is_what_was_seen() {
        let (clock, _, wall) = by_hand(0);
        let (first, second) = (START + 7200, START + 14_400);
        wall.store(first, Ordering::Relaxed);
        let seen = clock.look();
        assert_eq!(seen.node, Timestamp::from_secs(START));
        assert_eq!(seen.system, Timestamp::from_secs(first));
        assert_eq!(seen.problem.map(Problem::code), Some("clock-ahead"));
        wall.store(second, Ordering::Relaxed);
        assert!(clock.confirm(seen.system).is_err(), "it has moved since");
        assert_eq!(clock.now(), Timestamp::from_secs(START));
        let now = clock.confirm(Timestamp::from_secs(second)).unwrap();
        assert_eq!((now.node, now.problem), (Timestamp::from_secs(second), None));
    }

    #[test]
    fn a_clock_before_the_journal_is_told_until_it_is_set() {
        let (clock, _, wall) = by_hand(START + 86_400);
        let told = || clock.look().problem.map(Problem::code);
        assert_eq!(told(), Some("clock-before-journal"));
        wall.store(START + 86_400, Ordering::Relaxed);
        assert_eq!(told(), Some("clock-ahead"));
        clock.confirm(Timestamp::from_secs(START + 86_400)).unwrap();
        assert_eq!(told(), None);
        let (clock, ..) = by_hand(START - 86_400 * 365);
        assert!(clock.look().problem.is_none(), "a node that rested for long");
    }

    #[test]
    fn the_machine_counts_on() {
        let before = count();
        while count() == before {}
        assert!(count() > before);
    }
}
