//! When the journal takes no more entries.
//!
//! A full disk refuses a batch before anything of it is left on the disk: when there is room again, the
//! state is folded anew and the node goes on. After anything else, a failed sync above all, nobody knows
//! what is on the disk, and the node stays read-only until it is started again.

use std::fmt;

use comity_proto::CloseReason;
use comity_store::StoreError;

use super::{CommandError, Effect, Engine, Then};
use crate::entropy::OsEntropy;
use crate::state::State;

/// Why the journal takes no more entries.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    why: String,
    /// Nothing of what was refused is on the disk: it may go on when there is room.
    full: bool,
}

impl Failure {
    /// What a command is told.
    pub(super) fn refusal(&self) -> CommandError {
        if self.full { CommandError::DiskFull } else { CommandError::Store(self.why.clone()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = &self.why;
        if self.full {
            write!(f, "{why}; the node is read-only, and goes on by itself when there is room")
        } else {
            write!(f, "{why}; the node is read-only until it is started again")
        }
    }
}

impl Engine {
    /// Why the journal takes no more entries, if so.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        self.failed.as_ref().map(ToString::to_string)
    }

    /// Whether that is for want of room alone, so that [`Engine::start_anew`] may end it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.failed.as_ref().is_some_and(|failure| failure.full)
    }

    /// The store takes nothing any more. Connections close, so that partners keep what they have for us.
    pub(super) fn fail(&mut self, then: &[Then], error: &StoreError) {
        let failure = Failure { why: error.to_string(), full: error.is_full() };
        let waiting = self.commits.values().flatten().chain(then);
        let replies = waiting.filter_map(|step| match step {
            Then::Reply { token, .. } => Some(*token),
            Then::Admit(_)
            | Then::Numbered { .. }
            | Then::Stored { .. }
            | Then::Rejected { .. }
            | Then::HandOver { .. }
            | Then::Void { .. }
            | Then::ReturnStored { .. }
            | Then::Announce { .. }
            | Then::EpochStored { .. } => None,
        });
        for token in replies.collect::<Vec<_>>() {
            self.effects.push(Effect::Reply { token, reply: Err(failure.refusal()) });
        }
        // Batches that are still with the store come back as failed too, or never; nobody waits.
        self.commits.clear();
        for conn in self.conns.keys() {
            self.effects.push(Effect::Close { conn: *conn, reason: CloseReason::ShuttingDown });
        }
        self.say(&failure);
        self.failed = Some(failure);
    }

    /// Something that was submitted before the failure came to a worse end than a full disk.
    pub(super) fn fail_worse(&mut self, error: &StoreError) {
        let harmless = error.is_full() || matches!(error, StoreError::OutOfTurn { .. });
        if self.is_full() && !harmless {
            let failure = Failure { why: error.to_string(), full: false };
            self.say(&failure);
            self.failed = Some(failure);
        }
    }

    fn say(&mut self, failure: &Failure) {
        let code = if failure.full { "store-full" } else { "store-failed" };
        self.alarm(None, code, failure.to_string());
    }

    /// Goes on with what was folded anew from the journal, as after a start: what was refused was never
    /// written, and nobody was told of it.
    ///
    /// Tokens are not given twice, so that what still comes back from before is of nobody's concern.
    pub fn start_anew(&mut self, state: State) {
        let entropy = std::mem::replace(&mut self.entropy, Box::new(OsEntropy));
        let mut anew = Self::new(state, self.link_key.clone(), entropy);
        anew.link_config = self.link_config.clone();
        anew.most_partners = self.most_partners;
        anew.doubted = std::mem::take(&mut self.doubted);
        anew.next_token = self.next_token;
        anew.space_low = self.space_low;
        anew.now = self.now;
        *self = anew;
    }
}
