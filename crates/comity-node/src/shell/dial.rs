//! When to dial whom: at once, and then with growing pauses, each cut by chance so that two nodes that
//! lost each other do not meet in step.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use comity_core::EconomyId;
use comity_core::entropy::draw;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Done, Net, Trouble};
use crate::config::Config;
use crate::engine::Engine;
use crate::entropy::OsEntropy;

/// The larger id waits this long before its first attempt: the other is probably dialing already.
const SECOND: Duration = Duration::from_millis(500);
/// Doublings of the pause.
const DOUBLINGS: u32 = 16;

/// When to dial whom.
pub(super) struct Dialer {
    us: EconomyId,
    pauses: Pauses,
    partners: BTreeMap<EconomyId, Attempt>,
}

struct Attempt {
    next: Instant,
    failures: u32,
    dialing: bool,
}

impl Dialer {
    pub(super) fn new(us: EconomyId, pauses: Pauses) -> Self {
        Self { us, pauses, partners: BTreeMap::new() }
    }

    /// Dials everybody who is due.
    pub(super) fn dial(&mut self, engine: &Engine, net: &Net, done: &mpsc::UnboundedSender<Done>) {
        let now = Instant::now();
        let open = engine.state().partners().filter(|(_, partner)| partner.is_open());
        for (economy, partner) in open {
            let first = if *economy < self.us { now + SECOND } else { now };
            let attempt = self.partners.entry(*economy).or_insert(Attempt {
                next: first,
                failures: 0,
                dialing: false,
            });
            if attempt.dialing || now < attempt.next || engine.is_connected(economy) {
                continue;
            }
            let configured = net.config.partners.get(economy).map(|one| one.addresses.as_slice());
            let addresses = match configured.unwrap_or_default() {
                [] => partner.addresses.clone(),
                ours => ours.iter().map(ToString::to_string).collect(),
            };
            if addresses.is_empty() {
                continue;
            }
            attempt.dialing = true;
            let (economy, endpoint, done) = (*economy, net.endpoint.clone(), done.clone());
            tokio::spawn(async move {
                let result = match resolve(&addresses).await {
                    found if found.is_empty() => Err(Trouble::no_address(&addresses)),
                    found => match endpoint.dial(economy, &found).await {
                        Ok(_) => Ok(()),
                        Err(error) => Err(Trouble::from(&error)),
                    },
                };
                // The shell is gone only when the node has stopped.
                drop(done.send(Done::Dialed(economy, result)));
            });
        }
    }

    /// An attempt ended.
    pub(super) fn ended(&mut self, partner: EconomyId, connected: bool) {
        if let Some(attempt) = self.partners.get_mut(&partner) {
            attempt.dialing = false;
            attempt.failures = attempt.failures.saturating_add(1).min(DOUBLINGS);
            attempt.next = Instant::now() + self.pauses.after(attempt.failures);
            if connected {
                // The partner may refuse us yet; when the link is up, `up` forgets the failures.
                attempt.failures = attempt.failures.saturating_sub(1);
            }
        }
    }

    /// The link stands.
    pub(super) fn up(&mut self, partner: EconomyId) {
        if let Some(attempt) = self.partners.get_mut(&partner) {
            attempt.failures = 0;
        }
    }

    /// A connection was lost.
    pub(super) fn lost(&mut self, partner: EconomyId) {
        if let Some(attempt) = self.partners.get_mut(&partner) {
            attempt.failures = attempt.failures.saturating_add(1).min(DOUBLINGS);
            attempt.next = Instant::now() + self.pauses.after(attempt.failures);
        }
    }
}

/// How long to wait between two attempts: `first`, doubled with each further failure up to `last`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pauses {
    first: Duration,
    last: Duration,
}

impl Pauses {
    pub(super) fn of(config: &Config) -> Self {
        Self { first: config.link.redial_first, last: config.link.redial_last }
    }

    fn after(self, failures: u32) -> Duration {
        let [chance] = draw::<1>(&mut OsEntropy);
        self.less(failures, chance)
    }

    /// Less up to half by chance.
    fn less(self, failures: u32, chance: u8) -> Duration {
        let doublings = failures.saturating_sub(1).min(DOUBLINGS);
        let full = self.first.saturating_mul(1 << doublings).min(self.last);
        full - full.mul_f64(f64::from(chance) / 512.0)
    }
}

async fn resolve(addresses: &[String]) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for address in addresses {
        if let Ok(resolved) = tokio::net::lookup_host(address).await {
            found.extend(resolved);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_the_first_to_the_last() {
        let pauses = Pauses { first: Duration::from_secs(2), last: Duration::from_secs(15) };
        let waited = |failures| pauses.less(failures, 0).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 100].map(waited), [2, 4, 8, 15, 15, 15]);
        let shortest = pauses.less(1, u8::MAX);
        assert!(shortest > Duration::from_secs(1) && shortest < Duration::from_secs(2));
    }
}
