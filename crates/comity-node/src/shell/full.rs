//! A full disk: when there is room again, the node goes on by itself.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::{Done, Shell};
use crate::engine::Input;
use crate::error::ServiceError;
use crate::state::State;

/// How long after a full disk it is tried again at the earliest: a quota that is used up does not show
/// as a disk without room, and everything is folded anew each time.
const AGAIN: Duration = Duration::from_secs(30);

/// Bytes that are free on the disk of a folder.
pub(crate) fn free_on_disk(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

impl Shell {
    /// Where there is room, everything is folded anew from what is on the disk, as at a start, once
    /// nothing is with the store any more.
    pub(super) fn try_again(&mut self) {
        let now = Instant::now();
        let waits = self.again.is_some_and(|again| now < again);
        if !self.engine.is_full() || self.unwritten > 0 || waits {
            return;
        }
        self.again = Some(now + AGAIN);
        let (store, done) = (self.store.clone(), self.done_sender.clone());
        tokio::task::spawn_blocking(move || {
            // The shell is gone only when the node has stopped.
            drop(done.send(Done::Folded(Box::new(crate::node::fold(&*store)))));
        });
    }

    pub(super) fn folded(&mut self, folded: Result<State, ServiceError>) {
        // It may have come to a worse end meanwhile.
        if !self.engine.is_full() {
            return;
        }
        match folded {
            Ok(mut state) => {
                state.set_chain(self.store.durable().chain);
                let partners = state.partner_set().clone();
                self.engine.start_anew(state);
                self.set_partners(partners);
                tracing::info!("there is room on the disk again: the node goes on");
                self.input(Input::Timer);
            }
            Err(error) => tracing::error!("the journal cannot be read again: {error}"),
        }
    }
}
