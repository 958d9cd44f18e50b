//! Work that takes processor or disk time: verifying records and reading bodies, off the engine's task.

use std::sync::Arc;

use bytes::Bytes;
use comity_core::PartDigest;
use comity_core::journal::JournalEntry;
use comity_core::record::{self, RecordError};
use comity_store::{Seq, Store};
use tokio::sync::mpsc;

use super::Done;
use crate::engine::{Checked, Input, Loaded, Token};
use crate::limits::JOBS_PER_WORKER;

enum Job {
    Verify { token: Token, signed: Bytes, parts: Vec<(PartDigest, Bytes)> },
    Load { token: Token, seq: Seq, parts: Vec<PartDigest> },
}

/// Gathers jobs and gives them out.
pub(super) struct Work {
    store: Arc<dyn Store>,
    done: mpsc::UnboundedSender<Done>,
    jobs: Vec<Job>,
}

impl Work {
    pub(super) fn new(store: Arc<dyn Store>, done: mpsc::UnboundedSender<Done>) -> Self {
        Self { store, done, jobs: Vec::new() }
    }

    pub(super) fn verify(&mut self, token: Token, signed: Bytes, parts: Vec<(PartDigest, Bytes)>) {
        self.jobs.push(Job::Verify { token, signed, parts });
    }

    pub(super) fn load(&mut self, token: Token, seq: Seq, parts: Vec<PartDigest>) {
        self.jobs.push(Job::Load { token, seq, parts });
    }

    /// Gives out what was gathered.
    pub(super) fn give_out(&mut self) {
        while !self.jobs.is_empty() {
            let rest = self.jobs.split_off(self.jobs.len().min(JOBS_PER_WORKER));
            let jobs = std::mem::replace(&mut self.jobs, rest);
            let (store, done) = (self.store.clone(), self.done.clone());
            tokio::task::spawn_blocking(move || {
                for job in jobs {
                    // The shell is gone only when the node has stopped.
                    drop(done.send(Done::Input(carry_out(&*store, job))));
                }
            });
        }
    }
}

fn carry_out(store: &dyn Store, job: Job) -> Input {
    match job {
        Job::Verify { token, signed, parts } => {
            Input::Verified { token, result: verify(&signed, parts).map(Box::new) }
        }
        Job::Load { token, seq, parts } => {
            Input::Loaded { token, result: load(store, seq, &parts) }
        }
    }
}

/// Verifies a record and the parts that came with it.
fn verify(signed: &[u8], parts: Vec<(PartDigest, Bytes)>) -> Result<Checked, RecordError> {
    let record = record::parse(signed)?.verify()?;
    let parts =
        parts.into_iter().map(|(_, bytes)| record.check_part(bytes)).collect::<Result<_, _>>()?;
    Ok(Checked::new(record, parts))
}

/// Reads a record's signed form and part bodies.
pub(crate) fn load(store: &dyn Store, seq: Seq, parts: &[PartDigest]) -> Result<Loaded, String> {
    let entries = store.read(seq, 1).map_err(|error| error.to_string())?;
    let entry = entries.first().ok_or("the journal has no such entry")?;
    let decoded =
        JournalEntry::decode(entry.kind, &entry.body).map_err(|error| error.to_string())?;
    let JournalEntry::Record(entered) = decoded else {
        return Err("the journal entry is no record".to_owned());
    };
    let body = |part: &PartDigest| -> Result<(PartDigest, Bytes), String> {
        let bytes = store.blob(part).map_err(|error| error.to_string())?;
        Ok((*part, bytes.ok_or_else(|| format!("part {} is not here", part.short()))?))
    };
    let parts = parts.iter().map(body).collect::<Result<_, _>>()?;
    Ok(Loaded { signed: entered.signed.into(), parts })
}
