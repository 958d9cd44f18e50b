//! Who may occupy us before it has proved itself: so many at a time, few from one network, and each partner
//! where it was met, whatever others do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    taken: Arc<Mutex<Taken>>,
}

/// How many places there are for anybody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// All of them.
    pub(crate) all: usize,
    /// Those that one network gets.
    pub(crate) network: usize,
}

/// A place that is kept for one partner, whoever has taken all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kept {
    pub(crate) partner: EconomyId,
    near: Nearness,
}

/// Where a partner's own place is for: it has one of each, so that its neighbours in a network of many,
/// at a hosting provider, cannot take both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    /// An address at which it has authenticated.
    Address,
    /// The network of one.
    Network,
}

#[derive(Debug, Default)]
struct Taken {
    anybody: BTreeMap<Network, usize>,
    kept: BTreeSet<Kept>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    of: PlaceOf,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Clone, Copy, Debug)]
enum PlaceOf {
    Anybody(Network),
    Partner(Kept),
}

impl Admission {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, taken: Arc::default() }
    }

    /// A place for a peer from this network, or one of those that are kept for whoever it may be.
    pub(crate) fn enter(
        &self,
        network: Network,
        kept: impl IntoIterator<Item = Kept>,
    ) -> Option<Place> {
        let mut taken = lock(&self.taken);
        let of = if taken.admit(network, self.bounds) {
            PlaceOf::Anybody(network)
        } else {
            PlaceOf::Partner(kept.into_iter().find(|kept| taken.kept.insert(*kept))?)
        };
        Some(Place { of, taken: self.taken.clone() })
    }
}

impl Taken {
    fn admit(&mut self, network: Network, bounds: Bounds) -> bool {
        let all: usize = self.anybody.values().sum();
        let own = self.anybody.get(&network).copied().unwrap_or(0);
        let admitted = all < bounds.all && own < bounds.network;
        if admitted {
            self.anybody.insert(network, own + 1);
        }
        admitted
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        match self.of {
            PlaceOf::Anybody(network) => {
                if let Some(own) = taken.anybody.get_mut(&network) {
                    *own = own.saturating_sub(1);
                }
                taken.anybody.retain(|_, own| *own > 0);
            }
            PlaceOf::Partner(kept) => {
                taken.kept.remove(&kept);
            }
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where partners have authenticated: nothing else that a partner says or announces counts.
#[derive(Debug, Default)]
pub(crate) struct Met(BTreeMap<EconomyId, VecDeque<IpAddr>>);

impl Met {
    /// The latest few networks of each partner count, each with the latest address in it.
    pub(crate) fn note(&mut self, partner: EconomyId, address: IpAddr) {
        let address = address.to_canonical();
        let addresses = self.0.entry(partner).or_default();
        addresses.retain(|known| Network::of(*known) != Network::of(address));
        addresses.push_back(address);
        while addresses.len() > limits::MET_NETWORKS {
            addresses.pop_front();
        }
    }

    /// The places that are kept for partners who may be the one at this address.
    pub(crate) fn kept(&self, address: IpAddr) -> Vec<Kept> {
        let (address, network) = (address.to_canonical(), Network::of(address));
        let mut kept = Vec::new();
        for (partner, addresses) in &self.0 {
            let mut keep = |near| kept.push(Kept { partner: *partner, near });
            if addresses.contains(&address) {
                keep(Nearness::Address);
            }
            if addresses.iter().any(|known| Network::of(*known) == network) {
                keep(Nearness::Network);
            }
        }
        kept
    }

    /// Each partner with its addresses, the latest last.
    pub(crate) fn all(&self) -> impl Iterator<Item = (EconomyId, IpAddr)> {
        self.0
            .iter()
            .flat_map(|(partner, addresses)| addresses.iter().map(|address| (*partner, *address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { all: 6, network: 3 };

    fn address(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    fn network(text: &str) -> Network {
        Network::of(address(text))
    }

    fn partner(number: u8) -> EconomyId {
        EconomyId([number; 32])
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
    fn one_network_never_shuts_out_another() {
        let admission = Admission::new(BOUNDS);
        let stranger = network("192.0.2.1");
        let held: Vec<_> = (0..9).filter_map(|_| admission.enter(stranger, [])).collect();
        assert_eq!(held.len(), 3);
        let other = |number: u8| network(&format!("198.51.{number}.1"));
        let others: Vec<_> = (0..9).filter_map(|at| admission.enter(other(at), [])).collect();
        assert_eq!(others.len(), 3);
        drop(held);
        assert!(admission.enter(stranger, []).is_some());
        drop(others);
        assert!(lock(&admission.taken).anybody.is_empty(), "nothing is kept of who has left");
    }

    /// As many peers as come from an address, until no more get in.
    fn crowd(admission: &Admission, met: &Met, from: &str) -> Vec<Place> {
        let enter = || admission.enter(network(from), met.kept(address(from)));
        std::iter::from_fn(enter).collect()
    }

    #[test]
    fn whatever_others_do_each_partner_has_its_own_places() {
        let (admission, mut met) = (Admission::new(BOUNDS), Met::default());
        // One partner has been in every network there is, and fills all that it can.
        let (hostile, honest, other) = (partner(1), partner(2), partner(3));
        for number in 0..limits::MET_NETWORKS {
            met.note(hostile, address(&format!("198.51.{number}.1")));
        }
        met.note(honest, address("203.0.113.7"));
        met.note(other, address("203.0.114.7"));
        let crowds = (0..limits::MET_NETWORKS)
            .map(|number| crowd(&admission, &met, &format!("198.51.{number}.1")));
        let taken: Vec<Place> = crowds.flatten().collect();
        assert_eq!(taken.len(), BOUNDS.all + 2, "everybody's places and its own two");
        assert_eq!(crowd(&admission, &met, "192.0.2.1").len(), 0);
        // Those of one partner are no other's.
        let of_one = crowd(&admission, &met, "203.0.113.7");
        let of_other = crowd(&admission, &met, "203.0.114.7");
        assert_eq!((of_one.len(), of_other.len()), (2, 2));
        drop((taken, of_one, of_other));
        assert!(lock(&admission.taken).kept.is_empty(), "nothing is kept of who has left");
    }

    #[test]
    fn neighbours_in_its_network_leave_a_partner_the_place_of_its_address() {
        let (admission, mut met) = (Admission::new(BOUNDS), Met::default());
        met.note(partner(1), address("203.0.113.7"));
        let neighbours = crowd(&admission, &met, "203.0.113.8");
        assert_eq!(neighbours.len(), BOUNDS.network + 1);
        assert_eq!(crowd(&admission, &met, "::ffff:203.0.113.7").len(), 1);
    }

    #[test]
    fn the_latest_networks_of_a_partner_count_each_with_its_latest_address() {
        let mut met = Met::default();
        let at = |network: usize, host: u8| address(&format!("198.51.{network}.{host}"));
        for network in 0..=limits::MET_NETWORKS {
            met.note(partner(1), at(network, 1));
            met.note(partner(1), at(network, 2));
        }
        let places = |address| met.kept(address).len();
        assert_eq!((places(at(0, 2)), places(at(1, 2)), places(at(1, 1))), (0, 2, 1));
        assert_eq!(places(at(limits::MET_NETWORKS, 2)), 2);
        assert_eq!(met.all().count(), limits::MET_NETWORKS);
    }
}
