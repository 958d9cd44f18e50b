//! Opening a store: what a crash left is put right, and nothing else is touched.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

use comity_core::Digest;

use super::indexing::Views;
use super::reader::Shared;
use super::unfinished::Bodies;
use super::writer::{Writer, random_nonce};
use super::{FileStore, Layout, committer, indexing};
use crate::lock::Lock;
use crate::options::CutEntry;
use crate::report::{OpenReport, Torn, ViewsState};
use crate::scan::{Depth, Journal, Scanned, Tail, scan};
use crate::segment::{self, SegmentHeader};
use crate::views::{Checkpoint, DiskViews};
use crate::{Damage, Options, Seq, Store as _, StoreError, Watermark, bounds};

pub(super) fn open(folder: &Path, options: Options) -> Result<(FileStore, OpenReport), StoreError> {
    let layout = Layout::of(folder);
    let lock = Lock::take(folder)?;
    after_restore(&layout)?;
    let views = open_views(&layout, &options);
    let known = views.as_ref().ok().map(|(_, checkpoint)| checkpoint.at.seq);
    let created = create_if_new(&layout, known)?;

    let scanned = scan(&layout.journal, Depth::LastSegment)?;
    check(&scanned, known)?;
    let mut torn = scanned.tail.as_ref().map(|tail| cut(&layout, tail)).transpose()?;
    let journal = scanned.journal;
    sync_end(&layout, &journal)?;

    let bodies = Bodies::open(&layout.unfinished, options.faults.clone())?;
    let durable = journal.durable;
    let mut shared = Shared::new(layout, options.indexer, journal, Views::memory(), None);
    let views = bring_up(&mut shared, &options, views);
    let shared = Arc::new(shared);
    let mut writer = Writer::open(Arc::clone(&shared), &options)?;
    match writer.finish_erasures() {
        // They are refused already; their bytes go when there is room.
        Err(error) if error.is_full() => tracing::warn!(%error, "erasures are left to be finished"),
        other => other?,
    }
    let (queue, jobs) = sync_channel(bounds::QUEUE_BATCHES);
    let committer = spawn("journal", move || committer::run(writer, &jobs))?;
    let for_views = Arc::clone(&shared);
    let indexing = spawn("views", move || indexing::run(&for_views))?;
    let store = FileStore {
        queue: Some(queue),
        committer: Some(committer),
        indexing: Some(indexing),
        shared,
        bodies,
        _lock: lock,
    };
    if let Some(torn) = &torn {
        tracing::warn!(?torn, "an unfinished write was cut from the end of the journal");
    }
    let untold = options.cut.map(|entry| tell(&store, entry)).transpose()?.flatten();
    if let Some(Torn { kept_in: Some(path), .. }) = &mut torn
        && options.cut.is_some()
        && untold.is_none()
    {
        *path = path.with_added_extension(TOLD);
    }
    let report = OpenReport { created, durable, torn, untold, damage: None, views };
    Ok((store, report))
}

/// Says in the journal what was cut from it, now or by an opening that did not come so far. Whoever opens
/// the store may end in the next moment, and nothing is torn for whoever opens it then.
fn tell(store: &FileStore, entry: CutEntry) -> Result<Option<u64>, StoreError> {
    let folder = &store.shared.layout.torn;
    let files = untold(folder).map_err(|error| StoreError::io("read", folder, error))?;
    if files.is_empty() {
        return Ok(None);
    }
    let bytes = files.iter().map(|(_, bytes)| bytes).sum();
    // Of a journal in which nothing ever was, nothing is missing.
    if store.durable().seq > 0 {
        match store.append(vec![entry(bytes)]) {
            // The next opening says it, unless whoever opened it does.
            Err(error) if error.is_full() => return Ok(Some(bytes)),
            other => other?,
        };
    }
    for (path, _) in files {
        let told = path.with_added_extension(TOLD);
        fs::rename(&path, &told).map_err(|error| StoreError::io("rename", &path, error))?;
    }
    segment::sync_folder(folder)?;
    Ok(None)
}

/// What the name of a file in `torn/` ends with once the journal says that its bytes were cut.
const TOLD: &str = "told";

/// Files in `torn/` of which the journal does not speak yet, and how long they are.
fn untold(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        listed => listed?,
    };
    for file in listed {
        let (path, metadata) = file.and_then(|file| Ok((file.path(), file.metadata()?)))?;
        if metadata.is_file() && path.extension().is_none_or(|extension| extension != TOLD) {
            files.push((path, metadata.len()));
        }
    }
    Ok(files)
}

pub(super) fn open_read_only(
    folder: &Path,
    options: Options,
) -> Result<(FileStore, OpenReport), StoreError> {
    let layout = Layout::of(folder);
    if !layout.journal.is_dir() {
        return Err(StoreError::Folder { path: layout.folder, what: "there is no store here" });
    }
    let lock = Lock::take(folder)?;
    let scanned = scan(&layout.journal, Depth::LastSegment)?;
    let durable = scanned.journal.durable;
    let views = Views::memory();
    let shared =
        Shared::new(layout, options.indexer, scanned.journal, views, Some(StoreError::ReadOnly));
    replay(&shared, &shared.views, &options, 0).map_err(StoreError::Views)?;
    let torn = scanned.tail.map(|tail| tail.report(None));
    let report = OpenReport {
        created: false,
        durable,
        torn,
        untold: None,
        damage: scanned.damage,
        views: ViewsState::InMemory { why: "the store is open for reading only".to_owned() },
    };
    let shared = Arc::new(shared);
    let bodies = Bodies::none(&shared.layout.unfinished);
    let store =
        FileStore { queue: None, committer: None, indexing: None, shared, bodies, _lock: lock };
    Ok((store, report))
}

/// What a restore left here: nothing when it ended; a folder to be deleted when only its last step is
/// missing; else a store that is not whole.
fn after_restore(layout: &Layout) -> Result<(), StoreError> {
    if !layout.restoring.exists() {
        return Ok(());
    }
    if layout.journal.exists() {
        return fs::remove_dir_all(&layout.restoring)
            .map_err(|error| StoreError::io("delete", &layout.restoring, error));
    }
    let what = "a restore was interrupted here: run it again";
    Err(StoreError::Folder { path: layout.restoring.clone(), what })
}

pub(super) type OpenedViews = Result<(DiskViews, Checkpoint), String>;

pub(super) fn open_views(layout: &Layout, options: &Options) -> OpenedViews {
    DiskViews::open(&layout.views, options.index_version, options.view_cache_bytes)
}

fn spawn(
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    thread::Builder::new().name(format!("store-{name}")).spawn(work).map_err(|error| {
        StoreError::Io { action: "start the thread", path: name.into(), error: Arc::new(error) }
    })
}

/// Makes the first segment where there is no journal. Where views know of one, it has been lost.
fn create_if_new(layout: &Layout, known: Option<Seq>) -> Result<bool, StoreError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&layout.journal);
    made.map_err(|error| StoreError::io("make", &layout.journal, error))?;
    if !segment::list(&layout.journal)?.is_empty() {
        return Ok(false);
    }
    if let Some(known) = known {
        let what = format!("the segment is missing; entry {known} was acknowledged");
        return Err(Damage::new(1, 0, what).into());
    }
    let nonce = random_nonce()?;
    let header =
        SegmentHeader { number: 1, first: 1, chain: Digest::ZERO, previous_bytes: 0, nonce };
    segment::create(&layout.journal, &header)?;
    segment::sync_folder(&layout.folder)?;
    Ok(true)
}

/// Whether the journal may be written to, after what may be cut is cut.
fn check(scanned: &Scanned, known: Option<Seq>) -> Result<(), StoreError> {
    let damage = scanned.damage.clone().or_else(|| missing(scanned, known));
    damage.map_or(Ok(()), |damage| Err(damage.into()))
}

/// What the views know to have been acknowledged and the journal does not have.
pub(super) fn missing(scanned: &Scanned, known: Option<Seq>) -> Option<Damage> {
    let durable = scanned.journal.durable;
    let acknowledged = known.filter(|known| *known > durable.seq)?;
    let last = scanned.journal.segments.last();
    let (number, offset) = last.map_or((1, 0), |last| (last.header.number, last.length));
    let what =
        format!("entry {acknowledged} was acknowledged and the journal ends at {}", durable.seq);
    Some(Damage::new(number, offset, what))
}

/// Cuts the tail off. Its bytes are durable elsewhere before they are taken away here.
fn cut(layout: &Layout, tail: &Tail) -> Result<Torn, StoreError> {
    let path = segment::path_of(&layout.journal, tail.segment);
    let mut file = segment::open(&path, true)?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&layout.torn);
    made.map_err(|error| StoreError::io("make", &layout.torn, error))?;
    let (kept_in, mut kept) = new_file(&layout.torn, tail)?;
    let copied = file
        .seek(SeekFrom::Start(tail.offset))
        .and_then(|_| io::copy(&mut (&mut file).take(tail.bytes), &mut kept));
    copied.map_err(|error| StoreError::io("write", &kept_in, error))?;
    kept.sync_all().map_err(|error| StoreError::sync(&kept_in, error))?;
    segment::sync_folder(&layout.torn)?;
    segment::sync_folder(&layout.folder)?;
    file.set_len(tail.offset).map_err(|error| StoreError::io("cut", &path, error))?;
    file.sync_all().map_err(|error| StoreError::sync(&path, error))?;
    Ok(tail.report(Some(kept_in)))
}

fn new_file(folder: &Path, tail: &Tail) -> Result<(PathBuf, File), StoreError> {
    let mut attempt = 0;
    loop {
        let path = folder.join(format!("{:08}-{}.{attempt}", tail.segment, tail.offset));
        if path.with_added_extension(TOLD).exists() {
            attempt += 1;
            continue;
        }
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
            Err(error) => return Err(StoreError::io("make", &path, error)),
        }
    }
}

impl Tail {
    /// What is told of it.
    pub(super) fn report(&self, kept_in: Option<PathBuf>) -> Torn {
        let Self { segment, offset, bytes, entries } = *self;
        Torn { segment, offset, bytes, entries, kept_in }
    }
}

/// What the last process wrote and did not sync may be in the cache only: it counts as durable from here.
fn sync_end(layout: &Layout, journal: &Journal) -> Result<(), StoreError> {
    if let Some(last) = journal.segments.last() {
        let path = segment::path_of(&layout.journal, last.header.number);
        let file = segment::open(&path, true)?;
        file.sync_all().map_err(|error| StoreError::sync(&path, error))?;
    }
    segment::sync_folder(&layout.journal)
}

/// Brings the views up to the journal, or builds them anew, or keeps them in memory.
fn bring_up(shared: &mut Shared, options: &Options, opened: OpenedViews) -> ViewsState {
    let why = match kept(shared, options, opened) {
        Ok((views, replayed)) => {
            shared.views = views;
            return ViewsState::Kept { replayed };
        }
        Err(why) => why,
    };
    let folder = &shared.layout.views;
    let anew = DiskViews::recreate(folder, options.index_version, options.view_cache_bytes);
    let anew = anew.map(Views::Disk);
    match anew.and_then(|views| replay(shared, &views, options, 0).map(|_| views)) {
        Ok(views) => {
            shared.views = views;
            ViewsState::Rebuilt { why }
        }
        Err(why) => {
            tracing::warn!(%why, "the views are kept in memory: the disk takes none");
            // Reading the journal may fail too; whoever reads it next is told.
            let unread = replay(shared, &shared.views, options, 0).err();
            ViewsState::InMemory { why: unread.unwrap_or(why) }
        }
    }
}

/// The views that were there, when they belong to this journal, and the number of entries they lacked.
fn kept(shared: &Shared, options: &Options, opened: OpenedViews) -> Result<(Views, u64), String> {
    let (views, known) = opened?;
    if known.index_version != options.index_version {
        return Err("another version of the program made them".to_owned());
    }
    if head_at(shared, known.at.seq)? != known.at {
        return Err("they belong to another journal".to_owned());
    }
    let views = Views::Disk(views);
    let replayed = replay(shared, &views, options, known.at.seq)?;
    Ok((views, replayed))
}

fn head_at(shared: &Shared, seq: Seq) -> Result<Watermark, String> {
    if seq == 0 {
        return Ok(Watermark::START);
    }
    let found = shared.read(seq, 1).map_err(|error| error.to_string())?;
    let entry = found.first().ok_or("the journal is shorter")?;
    Ok(Watermark { seq: entry.seq, chain: entry.chain })
}

/// Applies every entry after `from`; returns how many there were.
fn replay(shared: &Shared, views: &Views, options: &Options, from: Seq) -> Result<u64, String> {
    let mut at = from;
    loop {
        let entries =
            shared.read(at + 1, bounds::VIEW_ENTRIES).map_err(|error| error.to_string())?;
        let Some(last) = entries.last() else { return Ok(at - from) };
        at = last.seq;
        views.apply(&entries, options.indexer)?;
    }
}
