//! Work that takes processor or disk time: verifying records and reading bodies, off the engine's task.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use comity_core::PartDigest;
use comity_core::journal::JournalEntry;
use comity_core::record;
use comity_store::{Piece, Seq, Store, Unfinished};
use tokio::sync::mpsc;

use super::Done;
use crate::engine::{Checked, Input, Loaded, PartSource, Token, Unverified};
use crate::guard::{Found, Guard, room_for};
use crate::limits::{ERRANDS_PER_WRITE, JOBS_PER_WORKER};
use crate::outlasting;

enum Job {
    Verify { token: Token, signed: Bytes, parts: Vec<(PartDigest, PartSource)> },
    Load { token: Token, seq: Seq, parts: Vec<PartDigest> },
    Examine { token: Token, guard: Arc<Guard>, parts: Vec<PartDigest>, largest: u64 },
}

/// What is to be done with pieces of bodies that have not come whole.
enum Errand {
    Keep { token: Token, piece: Piece },
    Discard { label: Bytes, digest: PartDigest },
    Remember { token: Option<Token>, entries: Vec<JournalEntry> },
    Erase(Vec<PartDigest>),
}

/// Gathers jobs and gives them out.
pub(super) struct Work {
    store: Arc<dyn Store>,
    /// Where is written down what must outlast a restore.
    outlasting: Option<PathBuf>,
    done: mpsc::UnboundedSender<Done>,
    jobs: Vec<Job>,
    /// In order, one write after the other. How many wait is bounded by what each link may hold.
    errands: VecDeque<Errand>,
    writing: bool,
}

impl Work {
    pub(super) fn new(
        store: Arc<dyn Store>,
        outlasting: Option<PathBuf>,
        done: mpsc::UnboundedSender<Done>,
    ) -> Self {
        let (jobs, errands) = (Vec::new(), VecDeque::new());
        Self { store, outlasting, done, jobs, errands, writing: false }
    }

    pub(super) fn verify(
        &mut self,
        token: Token,
        signed: Bytes,
        parts: Vec<(PartDigest, PartSource)>,
    ) {
        self.jobs.push(Job::Verify { token, signed, parts });
    }

    pub(super) fn keep(&mut self, token: Token, piece: Piece) {
        self.errands.push_back(Errand::Keep { token, piece });
    }

    pub(super) fn discard(&mut self, label: Bytes, digest: PartDigest) {
        self.errands.push_back(Errand::Discard { label, digest });
    }

    /// Without a token nobody waits for it.
    pub(super) fn remember(&mut self, token: Option<Token>, entries: Vec<JournalEntry>) {
        self.errands.push_back(Errand::Remember { token, entries });
    }

    pub(super) fn erase(&mut self, bodies: Vec<PartDigest>) {
        self.errands.push_back(Errand::Erase(bodies));
    }

    /// The errands that were given out are done.
    pub(super) fn written(&mut self) {
        self.writing = false;
    }

    pub(super) fn load(&mut self, token: Token, seq: Seq, parts: Vec<PartDigest>) {
        self.jobs.push(Job::Load { token, seq, parts });
    }

    pub(super) fn examine(
        &mut self,
        token: Token,
        guard: Arc<Guard>,
        parts: Vec<PartDigest>,
        largest: u64,
    ) {
        self.jobs.push(Job::Examine { token, guard, parts, largest });
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
        if !self.writing && !self.errands.is_empty() {
            self.writing = true;
            let some = self.errands.len().min(ERRANDS_PER_WRITE);
            let errands: Vec<Errand> = self.errands.drain(..some).collect();
            let (store, done) = (self.store.clone(), self.done.clone());
            let outlasting = self.outlasting.clone();
            tokio::task::spawn_blocking(move || {
                run_errands(&*store, outlasting.as_deref(), errands, |result| {
                    drop(done.send(result));
                });
                drop(done.send(Done::Written));
            });
        }
    }
}

/// Does errands in their order; pieces of one body that follow each other are written and synced
/// together. Those of another body do not fail with them: it may be another partner's.
fn run_errands(
    store: &dyn Store,
    outlasting: Option<&Path>,
    errands: Vec<Errand>,
    mut done: impl FnMut(Done),
) {
    let (mut tokens, mut pieces): (Vec<Token>, Vec<Piece>) = (Vec::new(), Vec::new());
    let (mut unerased, mut unlisted, mut listed) = (Vec::new(), Vec::new(), Vec::new());
    let mut write = |tokens: &mut Vec<Token>, pieces: &mut Vec<Piece>| {
        if pieces.is_empty() {
            return;
        }
        let kept = store.keep(&std::mem::take(pieces)).map_err(|error| error.to_string());
        for token in tokens.drain(..) {
            done(Done::Input(Input::Kept { token, result: kept.clone() }));
        }
    };
    for errand in errands {
        match errand {
            Errand::Keep { token, piece } => {
                if pieces.last().is_some_and(|before| before.of != piece.of) {
                    write(&mut tokens, &mut pieces);
                }
                tokens.push(token);
                pieces.push(piece);
            }
            Errand::Discard { label, digest } => {
                write(&mut tokens, &mut pieces);
                if let Err(error) = store.discard(&label, &digest) {
                    // The next start lets go of it.
                    tracing::warn!(%error, "a body that is of no use could not be deleted");
                }
            }
            Errand::Remember { token, entries } => {
                // The journal has it, and the next start adds it at the latest.
                let added = outlasting.map_or(Ok(()), |path| outlasting::add(path, &entries));
                let result = added.map_err(|error| error.to_string());
                if result.is_err() {
                    unlisted.extend(entries);
                }
                listed.extend(token.map(|token| Input::Remembered { token, result }));
            }
            Errand::Erase(bodies) => {
                // Before: pieces of one of them may be about to be written.
                write(&mut tokens, &mut pieces);
                if let Err(error) = store.erase(&bodies) {
                    tracing::warn!(%error, "what is to be erased could not be, and is tried again");
                    unerased.extend(bodies);
                }
            }
        }
    }
    write(&mut tokens, &mut pieces);
    listed.into_iter().for_each(|input| done(Done::Input(input)));
    if !unlisted.is_empty() {
        done(Done::Unlisted(unlisted));
    }
    if !unerased.is_empty() {
        done(Done::Unerased(unerased));
    }
}

fn carry_out(store: &dyn Store, job: Job) -> Input {
    match job {
        Job::Verify { token, signed, parts } => {
            Input::Verified { token, result: verify(store, &signed, parts).map(Box::new) }
        }
        Job::Load { token, seq, parts } => {
            Input::Loaded { token, result: load(store, seq, &parts) }
        }
        Job::Examine { token, guard, parts, largest } => {
            // Before any of it is in memory.
            let _room = room_for(largest);
            Input::Examined { token, result: examine(store, &guard, &parts) }
        }
    }
}

/// Verifies a record and the parts that came with it.
fn verify(
    store: &dyn Store,
    signed: &[u8],
    parts: Vec<(PartDigest, PartSource)>,
) -> Result<Checked, Unverified> {
    let record = record::parse(signed)?.verify()?;
    let part = |(_, source)| {
        let bytes = match source {
            PartSource::Here(bytes) => bytes,
            PartSource::Unfinished(body) => gather(store, &body).map_err(Unverified::Spoiled)?,
        };
        Ok(record.check_part(bytes)?)
    };
    let parts = parts.into_iter().map(part).collect::<Result<_, Unverified>>()?;
    Ok(Checked::new(record, parts))
}

/// Reads a body of which every piece was kept.
fn gather(store: &dyn Store, body: &Unfinished) -> Result<Bytes, String> {
    let whole = store.gather(body).map_err(|error| error.to_string())?;
    whole.ok_or_else(|| format!("part {} is not whole", body.digest.short()))
}

/// Has the egress guard look at parts. One body is in memory at a time.
fn examine(
    store: &dyn Store,
    guard: &Guard,
    parts: &[PartDigest],
) -> Result<Vec<(PartDigest, Found)>, String> {
    let look = |part: &PartDigest| {
        let bytes = store.blob(part).map_err(|error| error.to_string())?;
        let bytes = bytes.ok_or_else(|| format!("part {} is not here", part.short()))?;
        Ok((*part, guard.part(bytes)?))
    };
    parts.iter().map(look).collect()
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
