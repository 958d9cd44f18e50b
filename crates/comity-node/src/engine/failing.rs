//! When the journal takes no more entries.
//!
//! The state runs ahead of the journal, and what was refused is in it: so it is folded anew at once, and
//! nobody is shown what was never written. A full disk refuses a batch before anything of it is left on the
//! disk: when there is room again, the node goes on; without it, after a batch that the store does not take
//! at all. After anything else, a failed sync above all, nobody knows what is on the disk, and the node
//! stays read-only until it is started again.

use std::fmt;

use comity_core::ledger::Ranges;
use comity_proto::CloseReason;
use comity_store::{Damage, StoreError, Unfinished};

use super::{CommandError, Effect, Engine, Input, Then};
use crate::entropy::OsEntropy;
use crate::state::State;

/// Why the journal takes no more entries.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    why: String,
    /// Nothing of what was refused is on the disk: it may go on when there is room.
    full: bool,
    /// The same, and no room was wanting: the store does not take such a batch at all.
    refused: bool,
    /// The state is what is on the disk.
    fallen_back: bool,
    /// The journal is not what was written: the state is what stands before that.
    damaged: bool,
}

impl Failure {
    /// What a command is told.
    pub(super) fn refusal(&self) -> CommandError {
        if self.damaged {
            CommandError::Damaged(self.why.clone())
        } else if self.full && !self.refused {
            CommandError::DiskFull
        } else {
            CommandError::Store(self.why.clone())
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = &self.why;
        if self.damaged {
            write!(f, "{why}; what can be read is shown, and nothing is written, signed or sent")
        } else if self.refused {
            write!(f, "{why}; nothing of it was written, and the node goes on without it")
        } else if self.full {
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

    /// Whether nothing of what was refused is on the disk, so that [`Engine::go_on`] may end it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.failed.as_ref().is_some_and(|failure| failure.full)
    }

    /// Over a damaged journal: what was folded is looked at, and every change is refused.
    #[must_use]
    pub fn of_damaged(mut self, damage: &Damage) -> Self {
        let why = damage.to_string();
        let (full, refused, fallen_back, damaged) = (false, false, true, true);
        self.failed = Some(Failure { why, full, refused, fallen_back, damaged });
        self
    }

    /// Whether that is why nothing is written.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.failed.as_ref().is_some_and(|failure| failure.damaged)
    }

    /// The store takes nothing any more. Connections close, so that partners keep what they have for us.
    pub(super) fn fail(&mut self, then: Vec<Then>, error: &StoreError) {
        let refused = error.is_refusal();
        let full = error.is_full() || refused;
        let why = error.to_string();
        let failure = Failure { why, full, refused, fallen_back: false, damaged: false };
        // Batches that are still with the store come back as failed too, or never; nobody waits.
        let given_up = std::mem::take(&mut self.commits);
        self.refuse_waiting(given_up.into_values().flatten().chain(then), &failure);
        self.refuse_examining(&failure.refusal());
        for conn in self.conns.keys() {
            self.effects.push(Effect::Close { conn: *conn, reason: CloseReason::ShuttingDown });
        }
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.down(partner);
        }
        self.say(&failure);
        self.failed = Some(failure);
    }

    /// After a failure nothing is decided, entered or said: whatever was would have no place in the
    /// journal, behind entries that are not there.
    pub(super) fn turn_away(&mut self, input: Input, refusal: CommandError) {
        match input {
            Input::Command { token, .. } => {
                self.effects.push(Effect::Reply { token, reply: Err(refusal) });
            }
            Input::Opened { conn, .. } => {
                self.effects.push(Effect::Close { conn, reason: CloseReason::ShuttingDown });
            }
            Input::Closed { conn } => drop(self.conns.remove(&conn)),
            Input::Appended { result: Err(error), .. } => self.fail_worse(&error),
            Input::Loaded { token, .. }
            | Input::Verified { token, .. }
            | Input::Kept { token, .. }
            | Input::Examined { token, .. } => {
                self.jobs.remove(&token);
            }
            // It was in the journal before that failed.
            Input::Remembered { token, result } => self.remembered(token, result),
            Input::Space { low } => self.space_low = low,
            Input::Appended { result: Ok(_), .. }
            | Input::Received { .. }
            | Input::Unfinished(_)
            | Input::Ping { .. }
            | Input::Timer => {}
        }
    }

    /// What was entered in the step that heard of the failure is not written either.
    pub(super) fn drop_batch(&mut self, failure: &Failure) {
        self.batch.clear();
        let then = std::mem::take(&mut self.then);
        self.refuse_waiting(then, failure);
    }

    fn refuse_waiting(&mut self, then: impl IntoIterator<Item = Then>, failure: &Failure) {
        for step in then {
            if let Then::Reply { token, .. } = step {
                self.effects.push(Effect::Reply { token, reply: Err(failure.refusal()) });
            }
        }
    }

    /// Something that was submitted before the failure came to a worse end than a full disk.
    pub(super) fn fail_worse(&mut self, error: &StoreError) {
        let harmless =
            error.is_full() || error.is_refusal() || matches!(error, StoreError::OutOfTurn { .. });
        if self.is_full() && !harmless {
            let fallen_back = !self.shows_unwritten();
            let why = error.to_string();
            let (full, refused, damaged) = (false, false, false);
            let failure = Failure { why, full, refused, fallen_back, damaged };
            self.say(&failure);
            self.failed = Some(failure);
        }
    }

    fn say(&mut self, failure: &Failure) {
        let code = match (failure.refused, failure.full) {
            (true, _) => "store-refused",
            (false, true) => "store-full",
            (false, false) => "store-failed",
        };
        self.alarm(None, code, failure.to_string());
    }

    /// Whether the state has what was refused, and was never written.
    #[must_use]
    pub fn shows_unwritten(&self) -> bool {
        self.failed.as_ref().is_some_and(|failure| !failure.fallen_back)
    }

    /// Goes back to what was folded anew from the journal, with the bodies of which the store has some
    /// pieces, as after a start: what was refused was never written, and nobody was told of it. The journal
    /// still takes nothing.
    ///
    /// Tokens are not given twice, so that what still comes back from before is of nobody's concern.
    pub fn fall_back(&mut self, state: State, unfinished: Vec<(Unfinished, Ranges)>) {
        let entropy = std::mem::replace(&mut self.entropy, Box::new(OsEntropy));
        let anew = Self::new(state, self.link_key.clone(), entropy)
            .guarded_by(self.state.guard().cloned());
        // All of it by name: what people configured is not forgotten because a field was added.
        let Self {
            state: unwritten,
            link_config,
            limits,
            unsend_for,
            approval,
            lapsed,
            watched,
            sweep,
            sure,
            witnesses,
            tail_cut,
            remembering,
            unlisted,
            next_token,
            space_low,
            now,
            failed,
            // What begins anew, as after a start.
            link_key: _,
            entropy: _,
            boot: _,
            sessions: _,
            conns: _,
            numbered_from: _,
            cut_unwritten: _,
            claimants: _,
            rosters_due: _,
            set_aside: _,
            admitted: _,
            jobs: _,
            examining: _,
            left: _,
            commits: _,
            batch: _,
            then: _,
            fresh: _,
            effects: _,
            full: _,
            certain: _,
            timeless: _,
            told: _,
        } = std::mem::replace(self, anew);
        self.link_config = link_config;
        self.limits = limits;
        self.unsend_for = unsend_for;
        self.approval = approval;
        self.lapsed = lapsed;
        self.watched = watched.of_another_state();
        self.sweep = sweep;
        self.sure = sure;
        self.witnesses = witnesses;
        self.tail_cut = tail_cut;
        self.cut_unwritten = !unwritten.doubted().is_subset(self.state.doubted());
        self.remembering = remembering;
        self.unlisted = unlisted;
        self.next_token = next_token;
        self.space_low = space_low;
        self.now = now;
        self.failed = failed.map(|failure| Failure { fallen_back: true, ..failure });
        self.take_unfinished(unfinished);
    }

    /// There is room again, or room was not what was wanting: goes on from where it fell back to.
    pub fn go_on(&mut self) {
        if self.is_full() && !self.shows_unwritten() {
            self.failed = None;
            self.doubt_anew();
        }
    }
}
