//! Who may occupy us before it has proved itself: so many at a time, and few from one network.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use comity_core::EconomyId;

use crate::limits;

/// What one subscriber of a provider has: /24 in IPv4, /56 in IPv6. Addresses within it cost nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network(u128);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().to_bits() & !u128::from(u8::MAX)),
            IpAddr::V6(address) => Self(address.to_bits() >> 72 << 72),
        }
    }
}

/// Places for peers that have not proved themselves.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    bounds: Bounds,
    taken: Arc<Mutex<BTreeMap<Network, usize>>>,
}

/// How many places there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// All of them.
    pub(crate) all: usize,
    /// Those that only networks of partners get.
    pub(crate) reserved: usize,
    /// Those that one network gets.
    pub(crate) network: usize,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    network: Network,
    taken: Arc<Mutex<BTreeMap<Network, usize>>>,
}

impl Admission {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, taken: Arc::default() }
    }

    /// A place, if there is one for this network; `known` is one where a partner was met.
    pub(crate) fn enter(&self, network: Network, known: bool) -> Option<Place> {
        let mut taken = lock(&self.taken);
        let reserved = if known { 0 } else { self.bounds.reserved };
        let all: usize = taken.values().sum();
        let own = taken.get(&network).copied().unwrap_or(0);
        if all >= self.bounds.all.saturating_sub(reserved) || own >= self.bounds.network {
            return None;
        }
        taken.insert(network, own + 1);
        Some(Place { network, taken: self.taken.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(own) = taken.get_mut(&self.network) {
            *own = own.saturating_sub(1);
        }
        taken.retain(|_, own| *own > 0);
    }
}

fn lock(taken: &Mutex<BTreeMap<Network, usize>>) -> MutexGuard<'_, BTreeMap<Network, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where partners were met: dialed there, or come from there and authenticated.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<EconomyId, VecDeque<Network>>);

impl Known {
    /// The latest few of each partner count.
    pub(crate) fn note(&mut self, partner: EconomyId, network: Network) {
        let networks = self.0.entry(partner).or_default();
        networks.retain(|known| *known != network);
        networks.push_back(network);
        while networks.len() > limits::KNOWN_NETWORKS {
            networks.pop_front();
        }
    }

    pub(crate) fn has(&self, network: Network) -> bool {
        self.0.values().any(|networks| networks.contains(&network))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    #[test]
    fn a_network_is_what_one_subscriber_has() {
        assert_eq!(network("192.0.2.1"), network("192.0.2.255"));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.9"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(network("2001:db8:0:1ff::1"), network("2001:db8:0:100:2::"));
        assert_ne!(network("2001:db8:0:1ff::1"), network("2001:db8:0:200::1"));
        assert_ne!(network("::1"), network("0.0.0.1"));
    }

    #[test]
    fn one_network_never_shuts_out_another_and_strangers_never_partners() {
        let admission = Admission::new(Bounds { all: 8, reserved: 2, network: 3 });
        let other = |number: u8| network(&format!("198.51.{number}.1"));
        let stranger = network("192.0.2.1");
        let held: Vec<_> = (0..9).filter_map(|_| admission.enter(stranger, false)).collect();
        assert_eq!(held.len(), 3);
        let others: Vec<_> = (0..9).filter_map(|at| admission.enter(other(at), false)).collect();
        assert_eq!(others.len(), 3, "strangers have six of the eight places");
        let partner = network("203.0.113.1");
        assert!(admission.enter(partner, false).is_none());
        let partners: Vec<_> = (0..9).filter_map(|_| admission.enter(partner, true)).collect();
        assert_eq!(partners.len(), 2);
        drop(held);
        assert!(admission.enter(stranger, false).is_some());
        drop((others, partners));
        assert!(lock(&admission.taken).is_empty(), "nothing is kept of who has left");
    }

    #[test]
    fn the_latest_networks_of_a_partner_are_known() {
        let mut known = Known::default();
        let partner = EconomyId([1; 32]);
        let at = |number: usize| network(&format!("198.51.{number}.1"));
        for number in 0..=limits::KNOWN_NETWORKS {
            known.note(partner, at(number));
            known.note(partner, at(number));
        }
        assert!(!known.has(at(0)) && known.has(at(1)) && known.has(at(limits::KNOWN_NETWORKS)));
    }
}
