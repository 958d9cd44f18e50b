//! When to dial whom: at once, and then with growing pauses, each cut by chance so that two nodes that
//! lost each other do not meet in step.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use comity_core::EconomyId;
use comity_core::entropy::draw;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Done, Net};
use crate::engine::Engine;
use crate::entropy::OsEntropy;

/// The larger id waits this long before its first attempt: the other is probably dialing already.
const SECOND: Duration = Duration::from_millis(500);
/// Doublings of the pause.
const DOUBLINGS: u32 = 16;

/// When to dial whom.
pub(super) struct Dialer {
    us: EconomyId,
    partners: BTreeMap<EconomyId, Attempt>,
}

struct Attempt {
    next: Instant,
    failures: u32,
    dialing: bool,
}

impl Dialer {
    pub(super) fn new(us: EconomyId) -> Self {
        Self { us, partners: BTreeMap::new() }
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
                    found if found.is_empty() => {
                        Err(format!("no address found for {}", addresses.join(", ")))
                    }
                    found => match endpoint.dial(economy, &found).await {
                        Ok(_) => Ok(()),
                        Err(error) => Err(error.to_string()),
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
            attempt.next = Instant::now() + pause(attempt.failures);
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
            attempt.next = Instant::now() + pause(attempt.failures);
        }
    }
}

/// 125 ms, doubled with each failure up to a minute, less up to half by chance.
fn pause(failures: u32) -> Duration {
    let full = Duration::from_millis(125).saturating_mul(1 << failures.min(DOUBLINGS));
    let full = full.min(Duration::from_secs(60));
    let [chance] = draw::<1>(&mut OsEntropy);
    full - full.mul_f64(f64::from(chance) / 512.0)
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
