//! The thread that writes to the journal: it takes what waits, and one sync serves all of it.

use std::sync::mpsc::{Receiver, SyncSender};

use comity_core::PartDigest;

use super::writer::Writer;
use crate::batch::weight;
use crate::{Completion, NewEntry, StoreError, bounds};

/// What the committer is asked to do.
pub(super) enum Job {
    Append { batch: Vec<NewEntry>, done: Completion },
    Erase { digests: Vec<PartDigest>, done: SyncSender<Result<(), StoreError>> },
}

/// Works until the queue is closed and empty.
pub(super) fn run(mut writer: Writer, queue: &Receiver<Job>) {
    let mut held = None;
    while let Some(job) = held.take().or_else(|| queue.recv().ok()) {
        match job {
            Job::Append { batch, done } => {
                let mut group = Group::new();
                group.add(batch, done);
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
    batches: Vec<(Vec<NewEntry>, Completion)>,
    bytes: usize,
}

impl Group {
    const fn new() -> Self {
        Self { batches: Vec::new(), bytes: 0 }
    }

    fn add(&mut self, batch: Vec<NewEntry>, done: Completion) {
        self.bytes = self.bytes.saturating_add(weight(&batch));
        self.batches.push((batch, done));
    }

    /// Takes what waits already; returns a job that is no append, which comes next.
    fn fill(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        while self.bytes < bounds::GROUP_BYTES && self.batches.len() < bounds::GROUP_BATCHES {
            match queue.try_recv() {
                Ok(Job::Append { batch, done }) => self.add(batch, done),
                Ok(erase @ Job::Erase { .. }) => return Some(erase),
                Err(_) => break,
            }
        }
        None
    }
}
