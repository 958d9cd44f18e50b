//! The open invitations and the ceremonies that run.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use comity_core::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::{Comparison, ConfirmError, Introduction, Paired, PairingError, Ticket, TicketId};
use crate::endpoint::DialError;
use crate::endpoint::admission::{Admission, Bounds};
use crate::limits;

/// A ceremony of this endpoint. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairingId(pub u64);

/// A ceremony went on.
#[derive(Debug)]
pub enum PairingEvent {
    /// The digits are there: show ours, ask the operator for those of the other screen, and call
    /// [`Endpoint::confirm_pairing`](crate::Endpoint::confirm_pairing).
    Compare {
        /// The ceremony.
        pairing: PairingId,
        /// Its ticket.
        ticket: TicketId,
        /// Where the other end is.
        remote: SocketAddr,
        /// What to show.
        comparison: Comparison,
    },
    /// Both have confirmed. To be written down before the partner is admitted.
    Paired {
        /// The ceremony.
        pairing: PairingId,
        /// Everything that is now known of the partner.
        paired: Box<Paired>,
    },
    /// The ceremony ended without a pairing.
    Failed {
        /// The ceremony.
        pairing: PairingId,
        /// Its ticket.
        ticket: TicketId,
        /// Whether the ticket is used up. Else it may be tried again.
        used_up: bool,
        /// Why.
        failure: PairingFailure,
    },
}

/// Why a ceremony ended without a pairing.
#[derive(Debug, thiserror::Error)]
pub enum PairingFailure {
    /// It was begun, and failed.
    #[error(transparent)]
    Ceremony(#[from] PairingError),
    /// The issuer of the ticket could not be reached.
    #[error("the issuer of the ticket cannot be reached: {0}")]
    Unreachable(#[from] DialError),
    /// None of the ticket's names has an address.
    #[error("the ticket's addresses cannot be resolved: {0}")]
    Unresolved(String),
    /// The issuer answers, but has no invitation open.
    #[error(
        "the other node answers, and has no invitation open for this ticket: it is used up, taken back, or in use"
    )]
    NoInvitation,
}

/// An invitation, or a ceremony, cannot be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum InviteError {
    /// As many as there may be.
    #[error("{most} invitations are open: withdraw one", most = limits::OPEN_INVITES)]
    TooManyInvites,
    /// As many as there may be.
    #[error("{most} pairing ceremonies are running: wait for one to end", most = limits::PAIRINGS)]
    TooManyPairings,
    /// The ticket has ended.
    #[error("the ticket ended at {0}: ask for a new invitation")]
    Expired(Timestamp),
}

/// What an operator does in a ceremony that runs.
pub(super) enum Command {
    Confirm(String, oneshot::Sender<Result<(), ConfirmError>>),
    Abort,
}

/// What everybody who pairs has to go by.
pub(crate) struct Desk {
    inner: Mutex<Inner>,
    /// A place for each connection that has shown no ticket yet.
    pub(super) strangers: Admission,
}

impl Default for Desk {
    fn default() -> Self {
        // Nobody who has no ticket is known.
        let bounds = Bounds { all: limits::STRANGERS, network: limits::STRANGERS_OF_A_NETWORK };
        Self { inner: Mutex::default(), strangers: Admission::new(bounds) }
    }
}

#[derive(Default)]
struct Inner {
    invites: BTreeMap<TicketId, Invite>,
    running: BTreeMap<PairingId, mpsc::Sender<Command>>,
    last: u64,
}

struct Invite {
    ticket: Ticket,
    introduction: Introduction,
    claimed: bool,
}

/// Commands of one ceremony that wait: an operator types slowly.
const COMMANDS: usize = 4;

impl Desk {
    pub(crate) fn open(
        &self,
        ticket: Ticket,
        introduction: Introduction,
        now: Timestamp,
    ) -> Result<(), InviteError> {
        if ticket.expires() <= now {
            return Err(InviteError::Expired(ticket.expires()));
        }
        let mut inner = self.lock();
        inner.invites.retain(|_, invite| now < invite.ticket.expires());
        if inner.invites.len() >= limits::OPEN_INVITES {
            return Err(InviteError::TooManyInvites);
        }
        inner.invites.insert(ticket.id(), Invite { ticket, introduction, claimed: false });
        Ok(())
    }

    pub(crate) fn withdraw(&self, ticket: TicketId) {
        self.lock().invites.remove(&ticket);
    }

    /// Whether strangers are let into the ceremony at all.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.lock().invites.values().any(|invite| !invite.claimed && now < invite.ticket.expires())
    }

    pub(crate) async fn confirm(
        &self,
        pairing: PairingId,
        typed: &str,
    ) -> Result<(), ConfirmError> {
        let running = self.lock().running.get(&pairing).cloned();
        let running = running.ok_or(ConfirmError::NotComparing)?;
        let (reply, answer) = oneshot::channel();
        let command = Command::Confirm(typed.to_owned(), reply);
        let over = |_gone| ConfirmError::NotComparing;
        running.send(command).await.map_err(|_gone| ConfirmError::NotComparing)?;
        answer.await.map_err(over)?
    }

    pub(crate) fn abort(&self, pairing: PairingId) {
        if let Some(running) = self.lock().running.get(&pairing)
            && running.try_send(Command::Abort).is_err()
        {
            tracing::debug!(?pairing, "ceremony is over already");
        }
    }

    /// Enters a ceremony, if there is room for one more.
    pub(super) fn begin(&self) -> Option<(PairingId, mpsc::Receiver<Command>)> {
        let mut inner = self.lock();
        if inner.running.len() >= limits::PAIRINGS {
            return None;
        }
        inner.last = inner.last.saturating_add(1);
        let pairing = PairingId(inner.last);
        let (sender, commands) = mpsc::channel(COMMANDS);
        inner.running.insert(pairing, sender);
        Some((pairing, commands))
    }

    pub(super) fn end(&self, pairing: PairingId) {
        self.lock().running.remove(&pairing);
    }

    /// Takes the ticket for one ceremony; nobody else gets it meanwhile.
    pub(super) fn claim(&self, ticket: TicketId) -> Option<(Ticket, Introduction)> {
        let mut inner = self.lock();
        let invite = inner.invites.get_mut(&ticket).filter(|invite| !invite.claimed)?;
        invite.claimed = true;
        Some((invite.ticket.clone(), invite.introduction.clone()))
    }

    /// Gives the ticket back, or away for ever.
    pub(super) fn release(&self, ticket: TicketId, used_up: bool) {
        let mut inner = self.lock();
        if used_up {
            inner.invites.remove(&ticket);
        } else if let Some(invite) = inner.invites.get_mut(&ticket) {
            invite.claimed = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
