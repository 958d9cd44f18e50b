//! Checking, rebuilding, copying and restoring a store that is not in use, and copying one that is.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use comity_core::PartDigest;

use super::indexing::Views;
use super::open::{missing, open_views};
use super::reader::Shared;
use super::summary::Summary;
use super::unfinished::Bodies;
use super::writer::overwrite_blob;
use super::{FileStore, Layout};
use crate::frame::Nonce;
use crate::lock::Lock;
use crate::report::{OpenReport, Torn};
use crate::scan::{Blob, Depth, Journal, Place, Tail, scan};
use crate::segment;
use crate::views::{self, DiskViews};
use crate::{Damage, Entry, NewEntry, Options, Store, StoreError, Watermark, bounds};

/// What a backup is called until it is whole.
const COPYING: &str = "journal.partial";

/// What checking every byte of a store found.
#[derive(Clone, Debug)]
pub struct VerifyReport {
    /// Segments.
    pub segments: usize,
    /// Entries that continue the chain.
    pub entries: u64,
    /// Blobs that are held.
    pub blobs: usize,
    /// Blobs that are erased.
    pub erased: usize,
    /// Bytes of whole batches.
    pub bytes: u64,
    /// The chain's head.
    pub head: Watermark,
    /// An unfinished batch at the end, which the next open cuts off.
    pub tail: Option<Torn>,
    /// What is not what was written: at most one place in the chain, and every spoiled blob before it.
    pub damage: Vec<Damage>,
    /// What is wrong with the views; they can be rebuilt.
    pub views: Option<String>,
    /// Bodies that have not come whole: no part of the journal.
    pub unfinished: usize,
    /// Bytes that are here of them.
    pub unfinished_bytes: u64,
}

impl VerifyReport {
    /// Whether the journal is what was written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Reads every byte of the store in `folder`: checksums, the chain, the digest of every blob, the blobs of
/// every entry, and the views against the journal. Nothing is changed.
pub fn verify(folder: &Path, options: &Options) -> Result<VerifyReport, StoreError> {
    let layout = existing(folder)?;
    let _lock = Lock::take(folder)?;
    let scanned = scan(&layout.journal, Depth::Everything)?;
    // What looks like an unfinished write is none where the views know of it.
    let known = scanned.tail.as_ref().and_then(|_| open_views(&layout, options).ok());
    let known = known.map(|(_, checkpoint)| checkpoint.at.seq);
    let found = scanned.damage.clone().or_else(|| missing(&scanned, known));
    let mut damage = scanned.spoiled;
    if let Some(found) = found.filter(|found| !damage.contains(found)) {
        damage.push(found);
    }
    let unfinished = Bodies::look(&layout.unfinished)?;
    let blobs = scanned.journal.blobs.values();
    let held = blobs.filter(|blob| matches!(blob, Blob::Held(_))).count();
    let mut report = VerifyReport {
        segments: scanned.journal.segments.len(),
        entries: scanned.journal.durable.seq,
        blobs: held,
        erased: scanned.journal.blobs.len() - held,
        bytes: scanned.bytes,
        head: scanned.journal.durable,
        tail: scanned.tail.map(|tail| tail.report(None)),
        damage,
        views: None,
        unfinished: unfinished.bodies,
        unfinished_bytes: unfinished.bytes,
    };
    if report.is_sound() {
        let memory = Views::memory();
        let shared = Shared::new(layout, options.indexer, scanned.journal, memory, None);
        report.views = compare_views(&shared, options).err();
    }
    Ok(report)
}

/// The first entry of the store in `folder`, a backup or not, in use or not. Nothing is changed or locked.
pub fn first_entry(folder: &Path, options: &Options) -> Result<Option<Entry>, StoreError> {
    let layout = existing(folder)?;
    let scanned = scan(&layout.journal, Depth::LastSegment)?;
    let shared = Shared::new(layout, options.indexer, scanned.journal, Views::memory(), None);
    Ok(shared.read(1, 1)?.into_iter().next())
}

/// Compares the views on disk with what the journal gives, up to their checkpoint.
fn compare_views(shared: &Shared, options: &Options) -> Result<(), String> {
    let (disk, checkpoint) =
        DiskViews::open(&shared.layout.views, options.index_version, options.view_cache_bytes)?;
    let until = checkpoint.at.seq;
    let mut expected = BTreeMap::new();
    let mut at = 0;
    while at < until {
        let entries =
            shared.read(at + 1, bounds::VIEW_ENTRIES).map_err(|error| error.to_string())?;
        at = entries.last().ok_or("they are ahead of the journal")?.seq;
        for entry in entries.iter().filter(|entry| entry.seq <= until) {
            for key in (options.indexer)(entry) {
                expected.insert(views::index_key(key.index, &key.key), entry.seq);
            }
        }
    }
    let mut expected = expected.into_iter();
    for found in disk.keys() {
        let found = found?;
        if expected.next() != Some(found) {
            return Err("they hold what the journal does not give".to_owned());
        }
    }
    expected.next().map_or(Ok(()), |_| Err("they lack what the journal gives".to_owned()))
}

/// Deletes the views of the store in `folder` and builds them anew. Cursors are gone with them: their
/// owners scan again.
pub fn rebuild(folder: &Path, options: Options) -> Result<OpenReport, StoreError> {
    let layout = existing(folder)?;
    {
        let _lock = Lock::take(folder)?;
        views::delete(&layout.views).map_err(|error| StoreError::Io {
            action: "delete",
            path: layout.views.clone(),
            error: std::sync::Arc::new(io::Error::other(error)),
        })?;
    }
    let (_store, report) = FileStore::open(folder, options)?;
    Ok(report)
}

/// Copies the journal of the store in `folder`, which is not in use, into `to`, an empty or new folder.
pub fn backup(folder: &Path, to: &Path, options: Options) -> Result<Watermark, StoreError> {
    existing(folder)?;
    let (store, _) = FileStore::open(folder, options)?;
    store.backup(to)
}

/// Makes a store in `to`, which must have none, from a backup, and appends `marker` to it, by which the
/// node knows that it was restored. Every byte of the backup is checked first, and that all of it is there.
///
/// The store appears whole, with its marker, or not at all.
pub fn restore(
    from: &Path,
    to: &Path,
    marker: NewEntry,
    options: Options,
) -> Result<Watermark, StoreError> {
    restore_with(from, to, marker, options, |_| Ok(()))
}

/// The same, and does with it what must be done before anybody can open it: a crash leaves no store where
/// that is missing.
pub fn restore_with<E: From<StoreError>>(
    from: &Path,
    to: &Path,
    marker: NewEntry,
    options: Options,
    before: impl FnOnce(&dyn Store) -> Result<(), E>,
) -> Result<Watermark, E> {
    let layout = Layout::of(to);
    let _lock = Lock::take(to)?;
    copy_beside(from, &layout)?;
    let (store, _) = FileStore::open(&layout.restoring, options)?;
    store.append(vec![marker])?;
    before(&store)?;
    let head = store.durable();
    drop(store);
    place(&layout)?;
    Ok(head)
}

/// Copies a backup, of which every byte is checked, to where it is no store yet.
fn copy_beside(from: &Path, layout: &Layout) -> Result<(), StoreError> {
    let source = existing(from)?;
    if layout.journal.exists() {
        let what = "there is a store here already: restore into an empty folder";
        return Err(StoreError::Folder { path: layout.journal.clone(), what });
    }
    // What an interrupted restore left.
    if layout.restoring.exists() {
        fs::remove_dir_all(&layout.restoring)
            .map_err(|error| StoreError::io("delete", &layout.restoring, error))?;
    }
    let scanned = scan(&source.journal, Depth::Everything)?;
    let refused = |what: String| StoreError::Backup { path: from.to_owned(), what };
    if let Some(damage) = scanned.damage {
        return Err(refused(damage.to_string()));
    }
    // It was copied whole: an end that looks like an unfinished write is none.
    if let Some(Tail { segment, offset, .. }) = scanned.tail {
        return Err(refused(format!("segment {segment} cannot be read from byte {offset} on")));
    }
    let lengths = scanned.journal.segments.iter().map(|segment| segment.length);
    let summary = Summary {
        segments: scanned.journal.segments.len(),
        bytes: lengths.sum(),
        head: scanned.journal.durable,
    };
    summary.check(from).map_err(refused)?;
    let partial = Layout::of(&layout.restoring);
    make_folder(&partial.journal)?;
    for segment in &scanned.journal.segments {
        copy_segment(&source.journal, &partial.journal, segment.header.number, segment.length)?;
    }
    segment::sync_folder(&partial.journal)
}

/// What was made beside becomes the store.
fn place(layout: &Layout) -> Result<(), StoreError> {
    // The views stay behind: they are built where the journal comes to lie. Those of a journal that was
    // here before go first: they may know of more entries than this one has, and beside a journal that has
    // its name that is damage.
    views::delete(&layout.views).map_err(StoreError::Views)?;
    let moved = fs::rename(&Layout::of(&layout.restoring).journal, &layout.journal);
    moved.map_err(|error| StoreError::io("name", &layout.journal, error))?;
    segment::sync_folder(&layout.folder)?;
    fs::remove_dir_all(&layout.restoring)
        .map_err(|error| StoreError::io("delete", &layout.restoring, error))
}

/// Copies what is durable, while more is written. A copy that was cut short is no journal.
///
/// An erasure beside the copy overwrites blobs that the copy may have met before, after or in between. Its
/// intent is in the journal before: so what has grown is copied too until no erasure began meanwhile, and
/// then the copy has the intent of every erasure that it may have met; and what the copy met before is
/// overwritten in it, or the copy would keep what the store has let go.
pub(super) fn copy_journal(shared: &Shared, to: &Path) -> Result<Watermark, StoreError> {
    let target = Layout::of(to);
    let taken = fs::read_dir(to).is_ok_and(|mut found| found.next().is_some());
    if taken {
        let what = "the folder is not empty: a backup goes into a new one";
        return Err(StoreError::Folder { path: target.folder, what });
    }
    // It gets the name by which it is taken for a journal when it is whole.
    let partial = to.join(COPYING);
    make_folder(&partial)?;
    let before: HashSet<PartDigest> = {
        let journal = shared.journal.read().unwrap_or_else(PoisonError::into_inner);
        erased(&journal).into_iter().map(|(digest, ..)| digest).collect()
    };
    loop {
        let erasures = shared.erasures.load(Ordering::SeqCst);
        // One look: of every blob that is erased here, the intent lies within these lengths.
        let (durable, lengths, gone) = {
            let journal = shared.journal.read().unwrap_or_else(PoisonError::into_inner);
            let lengths: Vec<(u32, u64)> = journal
                .segments
                .iter()
                .map(|segment| (segment.header.number, segment.length))
                .collect();
            (journal.durable, lengths, erased(&journal))
        };
        let summary = Summary {
            segments: lengths.len(),
            bytes: lengths.iter().map(|(_, length)| length).sum(),
            head: durable,
        };
        for (number, length) in lengths {
            copy_segment(&shared.layout.journal, &partial, number, length)?;
        }
        if shared.erasures.load(Ordering::SeqCst) == erasures {
            for (_, place, nonce) in gone.iter().filter(|(digest, ..)| !before.contains(digest)) {
                let path = segment::path_of(&partial, place.segment);
                let file = overwrite_blob(&path, nonce, *place)?;
                file.sync_data().map_err(|error| StoreError::sync(&path, error))?;
            }
            segment::sync_folder(&partial)?;
            summary.write(to)?;
            let named = fs::rename(&partial, &target.journal);
            named.map_err(|error| StoreError::io("name", &target.journal, error))?;
            segment::sync_folder(to)?;
            // The folder itself may be new.
            let above = to.parent().filter(|above| !above.as_os_str().is_empty());
            segment::sync_folder(above.unwrap_or(Path::new(".")))?;
            return Ok(durable);
        }
    }
}

/// The blobs that were here and are erased, with their places.
fn erased(journal: &Journal) -> Vec<(PartDigest, Place, Nonce)> {
    let erased = journal.blobs.iter().filter_map(|(digest, blob)| match blob {
        Blob::Erased(Some(place)) => {
            let segment = journal.segment(place.segment)?;
            Some((*digest, *place, segment.header.nonce))
        }
        Blob::Erased(None) | Blob::Held(_) => None,
    });
    erased.collect()
}

/// Copies the first `length` bytes of a segment, less those that were copied before.
fn copy_segment(from: &Path, to: &Path, number: u32, length: u64) -> Result<(), StoreError> {
    let (source, path) = (segment::path_of(from, number), segment::path_of(to, number));
    let mut options = OpenOptions::new();
    let opened = options.append(true).create(true).mode(0o600).open(&path);
    let mut target = opened.map_err(|error| StoreError::io("make", &path, error))?;
    let copied = segment::length_of(&target, &path)?;
    let mut file: File = segment::open(&source, false)?;
    file.seek(SeekFrom::Start(copied))
        .and_then(|_| io::copy(&mut file.take(length.saturating_sub(copied)), &mut target))
        .map_err(|error| StoreError::io("copy to", &path, error))?;
    target.sync_all().map_err(|error| StoreError::sync(&path, error))
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| StoreError::io("make", path, error))
}

/// The layout of a folder that has a journal.
fn existing(folder: &Path) -> Result<Layout, StoreError> {
    let layout = Layout::of(folder);
    if layout.journal.is_dir() {
        return Ok(layout);
    }
    Err(StoreError::Folder { path: layout.folder, what: "there is no store here" })
}
