//! What an endpoint is given.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use comity_core::entropy::draw;
use comity_core::{EconomyId, Entropy, Timestamp};
use zeroize::Zeroizing;

use crate::congestion::Congestion;
use crate::tls::Clock;

/// What differs between nodes.
#[derive(Clone)]
pub struct EndpointConfig {
    /// The UDP address to listen on, and to dial from. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// What the node keeps so that its partners notice a restart at once.
    pub secrets: EndpointSecrets,
    /// How links find their rate.
    pub congestion: Congestion,
    /// What differs for one partner.
    pub links: BTreeMap<EconomyId, LinkOptions>,
    /// The cap of the others, which have [`LinkOptions::default`] for the rest.
    pub rate_cap: Option<u64>,
    /// The clock by which grants begin and end.
    pub clock: Clock,
    /// Where partners have authenticated in an earlier run, the latest last: they get in there although
    /// strangers have taken all places. [`Endpoint::met`](crate::Endpoint::met) tells it.
    pub met: Vec<(EconomyId, IpAddr)>,
}

impl EndpointConfig {
    /// Listens on `listen`, with the system's clock and the defaults for everything else.
    #[must_use]
    pub fn new(listen: SocketAddr, secrets: EndpointSecrets) -> Self {
        Self {
            listen,
            secrets,
            congestion: Congestion::default(),
            links: BTreeMap::new(),
            rate_cap: None,
            clock: Arc::new(system_time),
            met: Vec::new(),
        }
    }
}

/// What an operator may set for one partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// Let the partner do without the post-quantum key exchange, where its software has none: what
    /// is recorded of such a link today may be read by whoever has a quantum computer one day.
    pub allow_x25519: bool,
    /// Send at most this many bytes a second; `None` is as fast as the path takes it.
    ///
    /// It holds on long paths, which are those that need it: from 10 ms of round trip for 10 Mbit/s,
    /// from 1 ms for 100 Mbit/s. On shorter ones the link may send faster.
    pub rate_cap: Option<u64>,
}

/// Keys that must outlive a restart.
///
/// With the reset key a restarted node can tell its partners that their connections are gone,
/// instead of leaving them to time out; with the connection-id key it can tell its own from others'.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointSecrets {
    pub(crate) reset_key: Zeroizing<[u8; 32]>,
    pub(crate) connection_id_key: u64,
}

impl EndpointSecrets {
    /// New ones: to be kept in a file that nobody else reads.
    #[must_use]
    pub fn generate(entropy: &mut (impl Entropy + ?Sized)) -> Self {
        Self::from_bytes(&draw(entropy))
    }

    /// As they were kept.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 40]) -> Self {
        let (id, key) = bytes.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let mut reset_key = Zeroizing::new([0; 32]);
        reset_key.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        Self { reset_key, connection_id_key: u64::from_be_bytes(*id) }
    }

    /// To be kept.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 40]> {
        let mut bytes = Zeroizing::new([0; 40]);
        let id = self.connection_id_key.to_be_bytes();
        let from = id.iter().chain(self.reset_key.iter());
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        bytes
    }
}

/// Never the keys.
impl std::fmt::Debug for EndpointSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EndpointSecrets")
    }
}

/// A clock before 1970 tells 1970.
fn system_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH.saturating_add(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_as_kept() {
        let bytes: [u8; 40] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(*EndpointSecrets::from_bytes(&bytes).to_bytes(), bytes);
    }
}
