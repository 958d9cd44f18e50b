//! The thread that writes to the journal: it takes what waits, and one sync serves all of it.

use std::sync::mpsc::{Receiver, SyncSender};

use comity_core::PartDigest;

use super::writer::Writer;
use crate::batch::weight;
use crate::{Completion, NewEntry, Seq, StoreError, bounds};

/// What the committer is asked to do.
pub(super) enum Job {
    Append(Submitted),
    Erase { digests: Vec<PartDigest>, done: SyncSender<Result<(), StoreError>> },
}

/// A batch, and who waits for it.
pub(super) struct Submitted {
    /// The place that its first entry must get.
    pub(super) first: Option<Seq>,
    pub(super) batch: Vec<NewEntry>,
    pub(super) done: Completion,
}

/// Works until the queue is closed and empty.
pub(super) fn run(mut writer: Writer, queue: &Receiver<Job>) {
    let mut held = None;
    while let Some(job) = held.take().or_else(|| queue.recv().ok()) {
        match job {
            Job::Append(submitted) => {
                let mut group = Group::new();
                group.add(submitted);
                held = group.fill(queue);
                let finished = writer.commit(group.batches);
                for (done, result) in finished {
                    done(result);
                }
            }
            // The caller may have gone.
            Job::Erase { digests, done } => drop(done.send(writer.erase(&digests))),
        }
    }
}

struct Group {
    batches: Vec<Submitted>,
    bytes: usize,
}

impl Group {
    const fn new() -> Self {
        Self { batches: Vec::new(), bytes: 0 }
    }

    fn add(&mut self, submitted: Submitted) {
        self.bytes = self.bytes.saturating_add(weight(&submitted.batch));
        self.batches.push(submitted);
    }

    /// Takes what waits already; returns a job that is no append, which comes next.
    fn fill(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        while self.bytes < bounds::GROUP_BYTES && self.batches.len() < bounds::GROUP_BATCHES {
            match queue.try_recv() {
                Ok(Job::Append(submitted)) => self.add(submitted),
                Ok(erase @ Job::Erase { .. }) => return Some(erase),
                Err(_) => break,
            }
        }
        None
    }
}
