//! A journal that takes no more: the state falls back to what is on the disk. After a full disk the node
//! goes on by itself when there is room again.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::{Done, Shell};
use crate::engine::{Input, Token};
use crate::error::ServiceError;
use crate::state::State;

/// How long after a full disk it is tried again at the earliest: a quota that is used up does not show
/// as a disk without room, and everything is folded anew each time.
const AGAIN: Duration = Duration::from_secs(30);

/// Every token: whoever waits for a batch, or for the state to be what is on the disk.
pub(super) const EVERYBODY: Token = Token(u64::MAX);

/// Bytes that are free on the disk of a folder.
pub(crate) fn free_on_disk(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

impl Shell {
    /// Whether there is nothing to show: the state has what was never written, and is being folded anew.
    /// Where that cannot be read it is shown nevertheless, with what has failed.
    pub(super) fn is_falling_back(&self) -> bool {
        self.engine.shows_unwritten() && self.unreadable.is_none()
    }

    /// After a failure everything is folded anew from what is on the disk, as at a start, once nothing is
    /// with the store any more. One fold at a time: each takes the memory of a whole state.
    pub(super) fn fall_back(&mut self) {
        let waits = self.unreadable.is_some_and(|again| Instant::now() < again);
        if !self.engine.shows_unwritten() || self.unwritten > 0 || self.folding || waits {
            return;
        }
        self.folding = true;
        let (store, done) = (self.store.clone(), self.done_sender.clone());
        tokio::task::spawn_blocking(move || {
            // The shell is gone only when the node has stopped.
            drop(done.send(Done::Folded(Box::new(crate::node::fold(&*store)))));
        });
    }

    pub(super) fn folded(&mut self, folded: Result<State, ServiceError>) {
        self.folding = false;
        let durable = self.store.durable();
        match folded {
            Ok(mut state) if state.next_seq() == durable.seq.saturating_add(1) => {
                state.set_chain(durable.chain);
                let partners = state.partner_set().clone();
                self.engine.fall_back(state, self.store.unfinished());
                self.set_partners(partners);
                self.unreadable = None;
            }
            // It is not what is on the disk now: once more, at the next look.
            Ok(_) => return,
            Err(error) => {
                tracing::error!("the journal cannot be read again: {error}");
                self.unreadable = Some(Instant::now() + AGAIN);
            }
        }
        self.answer(EVERYBODY);
    }

    /// What could not be erased, or written down beside the journal, for want of room or for a failure of
    /// the disk, is tried again.
    pub(super) fn erase_again(&mut self) {
        let now = Instant::now();
        let nothing = self.unerased.is_empty() && self.unlisted.is_empty();
        if nothing || self.erase_at.is_some_and(|at| now < at) {
            return;
        }
        self.erase_at = Some(now + AGAIN);
        let entries = std::mem::take(&mut self.unlisted);
        self.work.remember(None, entries);
        let bodies = std::mem::take(&mut self.unerased);
        self.work.erase(bodies);
        self.work.give_out();
    }

    /// Goes on where there is room.
    pub(super) fn try_again(&mut self) {
        let now = Instant::now();
        let waits = self.again.is_some_and(|again| now < again);
        if !self.engine.is_full() || self.engine.shows_unwritten() || waits {
            return;
        }
        self.again = Some(now + AGAIN);
        self.engine.go_on();
        tracing::info!("there is room on the disk again: the node goes on");
        self.input(Input::Timer);
    }
}
