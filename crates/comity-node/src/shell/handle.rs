//! The way to a running shell: what may be asked of it, and what it tells.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use comity_core::journal::JournalEntry;
use comity_core::{EconomyId, Timestamp};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::ping::Sign;
use super::trouble::Trouble;
use crate::engine::{Alarm, Command, CommandError, Engine, Reply};
use crate::outstays;

/// What is asked of the shell.
pub(super) enum Request {
    /// Change something.
    Command(Command, oneshot::Sender<Result<Reply, CommandError>>),
    /// Ask a partner for a sign of life.
    Ping(EconomyId, oneshot::Sender<Sign>),
    /// Look at the engine, or swap its link key.
    Ask(Question),
    /// End.
    Stop,
}

/// A look at the engine.
pub(super) type Question = Box<dyn FnOnce(&mut Engine, &Seen) + Send>;

/// What the shell has seen of links and alarms: not in the journal.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The latest alarms, newest first.
    pub(crate) alarms: VecDeque<(Timestamp, Alarm)>,
    /// The last trouble with each partner's link.
    pub(crate) trouble: BTreeMap<EconomyId, Trouble>,
    /// Those whose link is up.
    pub(crate) up: BTreeSet<EconomyId>,
    /// What partners may hold and would not get any more.
    pub(crate) outstays: outstays::Watch,
}

/// Something that happened, for whoever watches.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// These entries are durable.
    Entries(Arc<Vec<JournalEntry>>),
    /// A link came up or went down.
    Link(EconomyId, bool),
    /// An alarm.
    Alarm(Alarm),
}

/// The way to a running shell.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(super) requests: mpsc::Sender<Request>,
    /// The shell's alone is strong, so that whoever watches hears of its end.
    happenings: broadcast::WeakSender<Happening>,
    /// Counts the moments at which withdrawals of others waited for our answer.
    unanswered: watch::Receiver<u64>,
    /// The same while what went in an emergency has to be recalled.
    overdue: watch::Receiver<u64>,
}

impl Handle {
    pub(super) fn new(
        requests: mpsc::Sender<Request>,
        happenings: &broadcast::Sender<Happening>,
        [unanswered, overdue]: [watch::Receiver<u64>; 2],
    ) -> Self {
        Self { requests, happenings: happenings.downgrade(), unanswered, overdue }
    }

    /// Carries a command out; returns when what it entered is durable.
    pub(crate) async fn command(&self, command: Command) -> Option<Result<Reply, CommandError>> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Command(command, reply)).await.ok()?;
        answer.await.ok()
    }

    /// Looks at the engine.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Engine, &Seen) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let question = Box::new(move |engine: &mut Engine, seen: &Seen| {
            // Whoever asked may have gone away; then nobody needs the answer.
            drop(reply.send(question(engine, seen)));
        });
        self.requests.send(Request::Ask(question)).await.ok()?;
        answer.await.ok()
    }

    /// Changes as long as withdrawals of others wait for our answer, until the shell ends.
    pub(crate) fn unanswered(&self) -> watch::Receiver<u64> {
        self.unanswered.clone()
    }

    /// Changes as long as what went in an emergency has to be recalled, until the shell ends.
    pub(crate) fn overdue(&self) -> watch::Receiver<u64> {
        self.overdue.clone()
    }

    /// Ends the shell, whoever still holds a handle.
    pub(crate) async fn stop(&self) {
        // It may have ended already.
        drop(self.requests.send(Request::Stop).await);
    }

    /// What happens from now on, until the shell ends; of one that has ended, that.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Happening> {
        match self.happenings.upgrade() {
            Some(happenings) => happenings.subscribe(),
            None => broadcast::channel(1).1,
        }
    }
}
