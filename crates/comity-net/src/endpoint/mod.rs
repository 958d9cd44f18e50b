//! The endpoint: one UDP socket, from which partners are dialed and on which they are answered.

pub(crate) mod admission;
mod answer;
mod connection;
mod dial;
mod path;
mod registry;
mod stream;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use comity_core::{EconomyId, Timestamp};
use comity_proto::{ConnId, Transmit};
use quinn::VarInt;
use rustls::sign::CertifiedKey;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::admission::{Kept, Met};
pub(crate) use self::answer::peer;
pub(crate) use self::dial::connect;
pub use self::dial::{DialError, DialFault};
pub use self::path::Path;
use self::registry::Registry;
use crate::config::{EndpointConfig, LinkOptions};
use crate::congestion::{Congestion, Factory, RateCap};
use crate::event::{NetEvent, code, printable};
use crate::pairing::{
    ConfirmError, Desk, Introduction, InviteError, PairingId, Ticket, TicketId, shell,
};
use crate::tls::{self, Clock, Expected, Gate, KeyExchange, LinkIdentity, Partners, TlsError};
use crate::transport;

/// A node's end of all its links. Clones are handles on the same endpoint.
///
/// Events come in the order in which they happened, for each connection and within it for each
/// stream. While nobody takes them, partners are kept waiting: nothing is dropped. The endpoint
/// lives until [`Endpoint::close_all`].
#[derive(Clone)]
pub struct Endpoint {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) quinn: quinn::Endpoint,
    pub(crate) partners: Partners,
    pub(crate) clock: Clock,
    pub(crate) events: mpsc::Sender<NetEvent>,
    pub(crate) desk: Desk,
    congestion: Congestion,
    identity: RwLock<Identity>,
    links: RwLock<BTreeMap<EconomyId, LinkOptions>>,
    rate_cap: Option<u64>,
    registry: Mutex<Registry>,
    met: Mutex<Met>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) link: Arc<LinkIdentity>,
    pub(crate) key: Arc<CertifiedKey>,
}

impl Identity {
    fn new(link: LinkIdentity) -> Result<Self, TlsError> {
        let key = tls::certified_key(&link)?;
        Ok(Self { link: Arc::new(link), key })
    }
}

/// An endpoint could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("port {} is in use at {}: stop the other process, or set another `listen` address", .0.port(), .0.ip())]
    InUse(SocketAddr),
    /// The system refuses the address.
    #[error("cannot listen on {address}: {error}")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The link identity is unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Endpoint {
    /// Listens, within a tokio runtime.
    ///
    /// `partners` is read in every handshake. After it has changed, call [`Endpoint::revalidate`].
    /// `events` bounds how much may wait for the node.
    pub fn bind(
        config: EndpointConfig,
        identity: LinkIdentity,
        partners: Partners,
        events: mpsc::Sender<NetEvent>,
    ) -> Result<Self, BindError> {
        let listen = config.listen;
        let refused = |error: io::Error| {
            if error.kind() == io::ErrorKind::AddrInUse {
                BindError::InUse(listen)
            } else {
                BindError::Refused { address: listen, error }
            }
        };
        let identity = Identity::new(identity)?;
        let mut met = Met::default();
        for (partner, address) in config.met {
            met.note(partner, address);
        }
        let socket = UdpSocket::bind(listen).map_err(refused)?;
        let quinn = quinn::Endpoint::new(
            transport::endpoint(&config.secrets),
            Some(closed_door(&identity, &partners, &config.clock)?),
            socket,
            Arc::new(quinn::TokioRuntime),
        )
        .map_err(refused)?;
        let shared = Arc::new(Shared {
            quinn,
            partners,
            clock: config.clock,
            events,
            desk: Desk::default(),
            congestion: config.congestion,
            identity: RwLock::new(identity),
            links: RwLock::new(config.links),
            rate_cap: config.rate_cap,
            registry: Mutex::new(Registry::default()),
            met: Mutex::new(met),
            tasks: Mutex::new(JoinSet::new()),
        });
        shared.spawn(answer::run(shared.clone()));
        Ok(Self { shared })
    }

    /// Where the endpoint listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.shared.quinn.local_addr()
    }

    /// Connects to `partner`, at the first of `addresses` that answers as the partner.
    ///
    /// [`NetEvent::Opened`] is sent before this returns.
    pub async fn dial(
        &self,
        partner: EconomyId,
        addresses: &[SocketAddr],
    ) -> Result<ConnId, DialError> {
        dial::dial(&self.shared, partner, addresses).await
    }

    /// Puts bytes on their way; on a connection that is over, they are dropped.
    ///
    /// Never waits: what the link protocol may have under way is bounded, and a partner that falls
    /// behind by more than [`limits::QUEUED_BYTES`](crate::limits::QUEUED_BYTES) is disconnected.
    pub fn transmit(&self, transmit: Transmit) {
        self.shared.registry().transmit(transmit);
    }

    /// Closes a connection at once: what was sent and has not arrived is lost. The last *receiver*
    /// closes. `code` is below 0x100, `text` is for the partner's operator.
    pub fn close(&self, conn: ConnId, code: u32, text: &str) {
        self.shared.registry().close(conn, code, text);
    }

    /// What the transport has measured of a connection. `None`: it is over.
    #[must_use]
    pub fn path(&self, conn: ConnId) -> Option<Path> {
        self.shared.registry().path(conn)
    }

    /// Where those who are partners now have authenticated, for [`EndpointConfig::met`] of the next run.
    #[must_use]
    pub fn met(&self) -> Vec<(EconomyId, IpAddr)> {
        let met: Vec<_> = self.shared.met().all().collect();
        let partners = self.shared.partners.read().unwrap_or_else(PoisonError::into_inner);
        met.into_iter().filter(|(partner, _)| partners.contains(*partner)).collect()
    }

    /// Closes the connections of partners that would not be let in any more, and returns them.
    pub fn revalidate(&self) -> Vec<ConnId> {
        let now = self.shared.now();
        let mut registry = self.shared.registry();
        let partners = self.shared.partners.read().unwrap_or_else(PoisonError::into_inner);
        let revoked = registry.partners(|partner| !partners.still_admits(partner, now));
        for conn in &revoked {
            registry.close(*conn, code::REVOKED, "link key or pairing has ended");
        }
        revoked
    }

    /// Takes another link key, for handshakes from now on. Open connections go on with the old.
    pub fn replace_identity(&self, identity: LinkIdentity) -> Result<(), TlsError> {
        let identity = Identity::new(identity)?;
        *self.shared.identity.write().unwrap_or_else(PoisonError::into_inner) = identity;
        Ok(())
    }

    /// Takes other options for all partners. Rate caps hold at once, the rest from the next
    /// handshake on.
    pub fn set_links(&self, links: BTreeMap<EconomyId, LinkOptions>) {
        *self.shared.links.write().unwrap_or_else(PoisonError::into_inner) = links;
        self.shared.registry().recap(|partner| self.shared.options(partner).rate_cap);
    }

    /// Opens the door for whoever holds `ticket`, once and until it expires; `introduction` is what
    /// they are told. The ceremony is reported by [`NetEvent::Pairing`].
    pub fn invite(&self, ticket: Ticket, introduction: Introduction) -> Result<(), InviteError> {
        self.shared.desk.open(ticket, introduction, self.shared.now())
    }

    /// Takes an invitation back. A ceremony that has begun goes on.
    pub fn withdraw_invite(&self, ticket: TicketId) {
        self.shared.desk.withdraw(ticket);
    }

    /// Goes to whoever issued `ticket`. The ceremony is reported by [`NetEvent::Pairing`].
    pub fn join(
        &self,
        ticket: Ticket,
        introduction: Introduction,
    ) -> Result<PairingId, InviteError> {
        shell::join(&self.shared, ticket, introduction)
    }

    /// Gives a ceremony the digits that the operator typed.
    pub async fn confirm_pairing(
        &self,
        pairing: PairingId,
        typed: &str,
    ) -> Result<(), ConfirmError> {
        self.shared.desk.confirm(pairing, typed).await
    }

    /// Gives a ceremony up.
    pub fn abort_pairing(&self, pairing: PairingId) {
        self.shared.desk.abort(pairing);
    }

    /// Closes every connection at once and accepts no more. [`Endpoint::wait_idle`] follows.
    pub fn close_all(&self, code: u32, text: &str) {
        self.shared.registry().closing(code, text);
        self.shared.quinn.close(VarInt::from_u32(code), text.as_bytes());
    }

    /// Waits, after [`Endpoint::close_all`], until partners have been told and every event has been
    /// sent. The caller goes on taking events meanwhile.
    pub async fn wait_idle(&self) {
        self.shared.quinn.wait_idle().await;
        // A task may start another before it ends, so one set is not the last.
        loop {
            let mut tasks = std::mem::take(&mut *self.shared.tasks());
            if tasks.is_empty() {
                return;
            }
            while let Some(ended) = tasks.join_next().await {
                propagate_panic(ended);
            }
        }
    }
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while let Some(ended) = tasks.try_join_next() {
            propagate_panic(ended);
        }
        tasks.spawn(task);
    }

    /// The options of one partner.
    fn options(&self, partner: EconomyId) -> LinkOptions {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        let others = LinkOptions { rate_cap: self.rate_cap, ..LinkOptions::default() };
        links.get(&partner).copied().unwrap_or(others)
    }

    /// The partners that may do without the post-quantum key exchange.
    fn classical(&self) -> BTreeSet<EconomyId> {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        links
            .iter()
            .filter(|(_, options)| options.allow_x25519)
            .map(|(partner, _)| *partner)
            .collect()
    }

    pub(crate) fn gate(&self, expected: Expected) -> Arc<Gate> {
        Arc::new(Gate::new(expected, self.partners.clone(), self.clock.clone()))
    }

    pub(crate) fn factory(&self, cap: &RateCap) -> Factory {
        Factory { congestion: self.congestion, cap: cap.clone() }
    }

    fn registry(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where partners have authenticated.
    fn met(&self) -> std::sync::MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The places that are kept for whoever is a partner still and may be the one at this address.
    fn places_kept(&self, address: IpAddr) -> Vec<Kept> {
        let mut kept = self.met().kept(address);
        let partners = self.partners.read().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|place| partners.contains(place.partner));
        kept
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports as far as there is room: strangers must not be able to fill the node's queue.
    pub(crate) fn report_refused(&self, remote: SocketAddr, why: crate::RefusedWhy) {
        tracing::debug!(%remote, %why, "refused");
        let event = NetEvent::Refused { remote, why };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            tracing::debug!(%remote, "refusal not reported: the node is busy");
        }
    }
}

/// A panic of a task is one of the node.
fn propagate_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// What the endpoint has where a configuration is demanded although each connection gets its own: it
/// offers nothing and lets nobody in.
fn closed_door(
    identity: &Identity,
    partners: &Partners,
    clock: &Clock,
) -> Result<quinn::ServerConfig, TlsError> {
    let nobody = Expected::Anybody {
        key: identity.key.clone(),
        pairing: false,
        exchange: KeyExchange::Hybrid,
        classical: Arc::default(),
    };
    let gate = Arc::new(Gate::new(nobody, partners.clone(), clock.clone()));
    let factory = Factory { congestion: Congestion::default(), cap: RateCap::default() };
    transport::server(gate, KeyExchange::Hybrid, factory)
}

/// The text of a close, bounded.
fn close_text(text: &str) -> String {
    printable(text)
}
