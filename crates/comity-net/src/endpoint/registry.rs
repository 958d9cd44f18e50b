//! The connections that are open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use comity_core::EconomyId;
use comity_core::partners::AuthenticatedPartner;
use comity_proto::{ConnId, Transmit};
use quinn::VarInt;
use tokio::sync::mpsc;

use super::close_text;
use super::path::Path;
use super::stream::weight;
use crate::congestion::RateCap;
use crate::event::{CloseCause, code};
use crate::limits;

/// Every open connection of the endpoint.
#[derive(Default)]
pub(super) struct Registry {
    last: u64,
    open: BTreeMap<ConnId, Open>,
    closing: Option<(u32, String)>,
}

struct Open {
    partner: AuthenticatedPartner,
    connection: quinn::Connection,
    cap: RateCap,
    outbox: mpsc::UnboundedSender<Transmit>,
    queued: Arc<AtomicUsize>,
    closed: Option<(u32, String)>,
}

/// A connection's own end of its entry.
pub(super) struct Entry {
    pub(super) conn: ConnId,
    pub(super) outbox: mpsc::UnboundedReceiver<Transmit>,
    pub(super) queued: Arc<AtomicUsize>,
}

impl Registry {
    /// `None` when the partner has as many as it may.
    pub(super) fn insert(
        &mut self,
        partner: AuthenticatedPartner,
        connection: quinn::Connection,
        cap: RateCap,
    ) -> Option<Entry> {
        let economy = partner.economy();
        let held = self.open.values().filter(|open| open.partner.economy() == economy).count();
        if held >= limits::CONNECTIONS_PER_PARTNER {
            return None;
        }
        self.last = self.last.saturating_add(1);
        let conn = ConnId(self.last);
        // Bounded by `queued`, in which each piece has its weight.
        let (sender, outbox) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let open =
            Open { partner, connection, cap, outbox: sender, queued: queued.clone(), closed: None };
        self.open.insert(conn, open);
        Some(Entry { conn, outbox, queued })
    }

    pub(super) fn transmit(&mut self, transmit: Transmit) {
        let conn = transmit.conn();
        let Some(open) = self.open.get(&conn) else { return };
        let weight = weight(transmit.bytes());
        let queued = open.queued.fetch_add(weight, Ordering::Relaxed).saturating_add(weight);
        if queued > limits::QUEUED_BYTES {
            self.close(conn, code::TOO_SLOW, "too slow: reconnect and resume");
        } else if open.outbox.send(transmit).is_err() {
            tracing::trace!(?conn, "connection is ending: bytes dropped");
        }
    }

    pub(super) fn close(&mut self, conn: ConnId, code: u32, text: &str) {
        let Some(open) = self.open.get_mut(&conn) else { return };
        let text = close_text(text);
        open.connection.close(VarInt::from_u32(code), text.as_bytes());
        open.closed.get_or_insert((code, text));
    }

    pub(super) fn path(&self, conn: ConnId) -> Option<Path> {
        self.open.get(&conn).map(|open| Path::of(&open.connection))
    }

    /// Notes why all connections are about to be closed.
    pub(super) fn closing(&mut self, code: u32, text: &str) {
        self.closing.get_or_insert((code, close_text(text)));
    }

    /// Forgets a connection that is over, and says why it is.
    pub(super) fn remove(&mut self, conn: ConnId, error: quinn::ConnectionError) -> CloseCause {
        let closed = self.open.remove(&conn).and_then(|open| open.closed);
        match (error, closed.or_else(|| self.closing.clone())) {
            (quinn::ConnectionError::LocallyClosed, Some((code, text))) => {
                CloseCause::Ours { code, text }
            }
            (error, _) => error.into(),
        }
    }

    /// The connections of those partners that `chosen` names.
    pub(super) fn partners(&self, chosen: impl Fn(&AuthenticatedPartner) -> bool) -> Vec<ConnId> {
        self.open.iter().filter(|(_, open)| chosen(&open.partner)).map(|(conn, _)| *conn).collect()
    }

    pub(super) fn recap(&self, cap: impl Fn(EconomyId) -> Option<u64>) {
        for open in self.open.values() {
            open.cap.set(cap(open.partner.economy()));
        }
    }
}
