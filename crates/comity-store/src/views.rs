//! The views: keys and cursors, on disk in sled or in memory.
//!
//! Nothing here is the truth. Every error is a string, because the only answer to any is to delete the
//! folder and build it anew.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use comity_core::Digest;

use crate::{Entry, Index, Indexer, Seq, Watermark};

/// Views in memory: all there is in a [`crate::MemoryStore`], and what a [`crate::FileStore`] falls back
/// on when its disk takes no views.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryViews {
    keys: BTreeMap<(Index, Vec<u8>), Seq>,
    cursors: BTreeMap<String, u64>,
}

impl MemoryViews {
    pub(crate) fn apply(&mut self, entry: &Entry, indexer: Indexer) {
        for found in indexer(entry) {
            self.keys.insert((found.index, found.key), entry.seq);
        }
    }

    pub(crate) fn scan(
        &self,
        index: Index,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Vec<(Vec<u8>, Seq)> {
        let from = (index, prefix.max(after.unwrap_or_default()).to_vec());
        self.keys
            .range(from..)
            .take_while(|((of, key), _)| *of == index && key.starts_with(prefix))
            .filter(|((_, key), _)| after != Some(key.as_slice()))
            .take(limit)
            .map(|((_, key), seq)| (key.clone(), *seq))
            .collect()
    }

    pub(crate) fn cursor(&self, name: &str) -> Option<u64> {
        self.cursors.get(name).copied()
    }

    pub(crate) fn compare_and_set(
        &mut self,
        name: &str,
        expected: Option<u64>,
        new: Option<u64>,
    ) -> bool {
        if self.cursor(name) != expected {
            return false;
        }
        match new {
            Some(value) => self.cursors.insert(name.to_owned(), value),
            None => self.cursors.remove(name),
        };
        true
    }

    /// The cursors of views that a crash left whole.
    pub(crate) fn take_cursors(&mut self, of: &Self) {
        self.cursors = of.cursors.clone();
    }
}

/// How far views on disk have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) at: Watermark,
    pub(crate) index_version: u32,
}

/// Views on disk.
#[derive(Debug)]
pub(crate) struct DiskViews {
    db: sled::Db,
    index_version: u32,
    generation: PathBuf,
}

/// What sled says when its file is locked, as text only.
const SLED_LOCKED: &str = "could not acquire lock";
/// How long sled may take to let go of its file.
const SLED_CLOSES_WITHIN: Duration = Duration::from_secs(10);

/// The key of the checkpoint. Cursors begin with 1, indexes with their code.
const CHECKPOINT: &[u8] = &[0];
const CURSORS: u8 = 1;
/// A file beside the views: they failed while they were in use.
const STALE: &str = "stale";

impl DiskViews {
    /// Opens the views in `folder`, with what they know of the journal.
    ///
    /// sled panics on some noise: that is an error like any other here.
    pub(crate) fn open(
        folder: &Path,
        index_version: u32,
        cache_bytes: u64,
    ) -> Result<(Self, Checkpoint), String> {
        if folder.join(STALE).exists() {
            return Err("they failed while they were in use".to_owned());
        }
        let generation = newest(folder).ok_or("there were none")?;
        let views = Self::open_generation(generation, index_version, cache_bytes)?;
        let checkpoint = views.checkpoint()?;
        Ok((views, checkpoint))
    }

    /// Deletes whatever is in `folder` and begins anew.
    ///
    /// The new views lie in a folder of a new name: threads that a panic left behind cannot write into it.
    pub(crate) fn recreate(
        folder: &Path,
        index_version: u32,
        cache_bytes: u64,
    ) -> Result<Self, String> {
        let next = newest(folder).and_then(|path| generation_of(&path)).unwrap_or(0) + 1;
        delete(folder)?;
        let generation = folder.join(next.to_string());
        fs::create_dir_all(&generation).map_err(|error| error.to_string())?;
        let views = Self::open_generation(generation, index_version, cache_bytes)?;
        let mut batch = sled::Batch::default();
        batch.insert(CHECKPOINT, views.checkpoint_at(Watermark::START));
        guarded(|| views.db.apply_batch(batch))?;
        Ok(views)
    }

    fn open_generation(
        generation: PathBuf,
        index_version: u32,
        cache_bytes: u64,
    ) -> Result<Self, String> {
        let open = || {
            // Flushed by whoever applies entries: a flusher thread would outlive a panic.
            sled::Config::new()
                .path(&generation)
                .cache_capacity(cache_bytes)
                .flush_every_ms(None)
                .open()
        };
        let began = Instant::now();
        let db = loop {
            match guarded(open) {
                // Threads of sled hold its file for a moment after it was closed in this process. No other
                // has it: the store's own lock is ours.
                Err(why) if why.contains(SLED_LOCKED) && began.elapsed() < SLED_CLOSES_WITHIN => {
                    thread::sleep(Duration::from_millis(5));
                }
                opened => break opened?,
            }
        };
        Ok(Self { db, index_version, generation })
    }

    fn checkpoint(&self) -> Result<Checkpoint, String> {
        let value = guarded(|| self.db.get(CHECKPOINT))?.ok_or("they have no checkpoint")?;
        let value: [u8; 44] =
            value.as_ref().try_into().map_err(|_size| "the checkpoint is malformed".to_owned())?;
        let (version, rest) = value.split_first_chunk::<4>().ok_or("the checkpoint is short")?;
        let (seq, chain) = rest.split_first_chunk::<8>().ok_or("the checkpoint is short")?;
        let chain = chain.try_into().map_err(|_size| "the checkpoint is short".to_owned())?;
        let at = Watermark { seq: u64::from_be_bytes(*seq), chain: Digest(chain) };
        Ok(Checkpoint { at, index_version: u32::from_be_bytes(*version) })
    }

    fn checkpoint_at(&self, at: Watermark) -> Vec<u8> {
        let mut value = self.index_version.to_be_bytes().to_vec();
        value.extend(at.seq.to_be_bytes());
        value.extend(at.chain.0);
        value
    }

    /// Adds the keys of consecutive entries and moves the checkpoint behind them, in one batch.
    pub(crate) fn apply(&self, entries: &[Entry], indexer: Indexer) -> Result<(), String> {
        let Some(last) = entries.last() else { return Ok(()) };
        let mut sorted: BTreeMap<Vec<u8>, Seq> = BTreeMap::new();
        for entry in entries {
            for found in indexer(entry) {
                sorted.insert(index_key(found.index, &found.key), entry.seq);
            }
        }
        let mut batch = sled::Batch::default();
        let at = Watermark { seq: last.seq, chain: last.chain };
        batch.insert(CHECKPOINT, self.checkpoint_at(at));
        for (key, seq) in sorted {
            batch.insert(key, &seq.to_be_bytes());
        }
        guarded(|| self.db.apply_batch(batch))
    }

    /// Gives what was applied to the system, so that a crash leaves less to replay.
    pub(crate) fn flush(&self) -> Result<(), String> {
        guarded(|| self.db.flush()).map(drop)
    }

    pub(crate) fn scan(
        &self,
        index: Index,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Seq)>, String> {
        let begins = index_key(index, prefix);
        let from = index_key(index, prefix.max(after.unwrap_or_default()));
        let after = after.map(|after| index_key(index, after));
        let mut found = Vec::new();
        let mut keys = self.db.range(from..);
        while found.len() < limit {
            let Some((key, value)) = guarded(|| keys.next().transpose())? else { break };
            if !key.starts_with(&begins) {
                break;
            }
            if after.as_deref() != Some(key.as_ref()) {
                let key = key.get(1..).unwrap_or_default().to_vec();
                found.push((key, number(&value)?));
            }
        }
        Ok(found)
    }

    /// Every key with its entry, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Result<(Vec<u8>, Seq), String>> {
        let mut all = self.db.range([CURSORS + 1].as_slice()..);
        std::iter::from_fn(move || {
            let next = guarded(|| all.next().transpose()).transpose()?;
            Some(next.and_then(|(key, value)| Ok((key.to_vec(), number(&value)?))))
        })
    }

    pub(crate) fn cursor(&self, name: &str) -> Result<Option<u64>, String> {
        let value = guarded(|| self.db.get(cursor_key(name)))?;
        value.map(|value| number(&value)).transpose()
    }

    pub(crate) fn compare_and_set(
        &self,
        name: &str,
        expected: Option<u64>,
        new: Option<u64>,
    ) -> Result<bool, String> {
        let [expected, new] =
            [expected, new].map(|value| value.map(|value| value.to_be_bytes().to_vec()));
        let swapped = guarded(|| self.db.compare_and_swap(cursor_key(name), expected, new))?;
        Ok(swapped.is_ok())
    }

    /// Sees to it that the next open builds these anew.
    pub(crate) fn condemn(&self) {
        let marked = self.generation.parent().map(|folder| fs::write(folder.join(STALE), []));
        if let Some(Err(error)) = marked {
            tracing::warn!(%error, "the views could not be marked as stale");
        }
    }
}

/// The bytes under which an index key lies.
pub(crate) fn index_key(index: Index, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + key.len());
    bytes.push(index.code());
    bytes.extend_from_slice(key);
    bytes
}

fn cursor_key(name: &str) -> Vec<u8> {
    let mut bytes = vec![CURSORS];
    bytes.extend_from_slice(name.as_bytes());
    bytes
}

fn number(value: &[u8]) -> Result<u64, String> {
    let bytes = value.try_into().map_err(|_size| "a value is malformed".to_owned())?;
    Ok(u64::from_be_bytes(bytes))
}

/// Deletes the views in `folder`.
pub(crate) fn delete(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn newest(folder: &Path) -> Option<PathBuf> {
    let found = fs::read_dir(folder).ok()?;
    let paths = found.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.filter(|path| generation_of(path).is_some()).max_by_key(|path| generation_of(path))
}

fn generation_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.parse().ok()
}

/// Calls sled, which answers noise with an error or with a panic.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(text.unwrap_or_else(|| "sled panicked".to_owned()))
        }
    }
}
