//! What is not what was written is never taken for it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stand outside of test functions, where the linter looks for them"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use comity_store::{
    BlobState, Damage, Entry, FileStore, OpenReport, Options, Store, StoreError, Torn, ViewsState,
    rebuild, verify,
};
use proptest::prelude::*;
use support::{Disk, Draw, blob, entry, entry_with};
use tempfile::TempDir;

/// A folder with a store that was closed, and what was in it.
struct Written {
    folder: TempDir,
    entries: Vec<Entry>,
    /// The numbers of the entries that end a batch.
    ends: Vec<u64>,
}

fn options() -> Options {
    support::options(850, None)
}

fn open(folder: &Path) -> Result<(FileStore, OpenReport), StoreError> {
    FileStore::open(folder, options())
}

/// Three segments, batches of one to three entries, blobs, an erasure.
fn write() -> Written {
    write_beginning("first")
}

fn write_beginning(first: &str) -> Written {
    let folder = support::folder();
    let (store, _) = open(folder.path()).unwrap();
    let batches = [
        vec![entry_with(first, &["some content", "and more"])],
        vec![entry("second"), entry_with("third", &["of the third"]), entry("fourth")],
        vec![entry_with("fifth", &["to be erased, and long enough to be seen"])],
        vec![entry(&"sixth ".repeat(100)), entry_with("seventh", &["some content", "last of all"])],
        vec![entry("between")],
        vec![entry_with("eighth", &["eight"]), entry("ninth")],
    ];
    let mut ends = Vec::new();
    for batch in batches {
        ends.push(store.append(batch).unwrap().last);
        if ends.len() == 3 {
            store.erase(&[blob("to be erased, and long enough to be seen").0]).unwrap();
        }
    }
    let entries = store.read(1, usize::MAX).unwrap();
    Written { entries, ends, folder }
}

impl Written {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn segment(&self, number: u32) -> PathBuf {
        self.path().join(format!("journal/{number:08}.seg"))
    }

    fn segments(&self) -> u32 {
        (1..).take_while(|number| self.segment(*number).exists()).last().unwrap()
    }

    /// A copy to be harmed, with its views or without.
    fn copy(&self, with_views: bool) -> TempDir {
        let to = support::folder();
        copy_tree(&self.path().join("journal"), &to.path().join("journal"));
        if with_views {
            copy_tree(&self.path().join("views"), &to.path().join("views"));
        }
        to
    }

    /// Whether what a store serves is a beginning of what was written, of whole batches.
    fn begins_with(&self, store: &dyn Store) {
        let last = store.durable().seq;
        assert!(last == 0 || self.ends.contains(&last), "ends within a batch: {last}");
        let entries = store.read(1, usize::MAX).unwrap();
        assert_eq!(entries, self.entries[..last as usize]);
        for digest in entries.iter().flat_map(|entry| &entry.blobs) {
            match store.blob_state(digest) {
                BlobState::Held => {
                    assert_eq!(blob(store.blob(digest).unwrap().unwrap()).0, *digest)
                }
                BlobState::Erased => {}
                BlobState::Absent => panic!("a part is not there"),
            }
        }
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for found in fs::read_dir(from).unwrap() {
        let found = found.unwrap();
        let target = to.join(found.file_name());
        if found.path().is_dir() {
            copy_tree(&found.path(), &target);
        } else {
            fs::copy(found.path(), target).unwrap();
        }
    }
}

fn flip(path: &Path, at: usize, mask: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= mask;
    fs::write(path, bytes).unwrap();
}

fn damage(result: Result<(FileStore, OpenReport), StoreError>) -> Damage {
    match result {
        Err(StoreError::Damage(damage)) => damage,
        other => panic!("expected damage, found {other:?}"),
    }
}

/// Everything but the bytes of the erased blob, which nobody reads again.
#[test]
fn a_flipped_byte_anywhere_is_never_silent() {
    let written = write();
    let copy = written.copy(false);
    let mut cut = 0;
    for number in 1..=written.segments() {
        let path = copy.path().join(format!("journal/{number:08}.seg"));
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for mask in [1, 0x80] {
                flip(&path, at, mask);
                let report = match verify(copy.path(), &options()) {
                    Ok(report) => report,
                    // A version from the future is told apart only when the rest of the header is sound.
                    Err(error) => panic!("byte {at} of segment {number}: {error}"),
                };
                let seen = !report.is_sound() || report.tail.is_some();
                assert!(seen, "byte {at} of segment {number} is wrong and nobody saw it");
                let (store, opened) = FileStore::open_read_only(copy.path(), options()).unwrap();
                written_or_damage(&written, &store, &opened);
                cut += u32::from(opened.damage.is_none() && opened.torn.is_some());
                drop(store);
                flip(&path, at, mask);
            }
        }
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
    assert!(verify(copy.path(), &options()).unwrap().is_sound());
    assert!(
        cut > 0,
        "a flip in the last batch looks like a torn tail when nothing else knows of it"
    );
}

/// A store that was opened for reading serves what was written, or names the damage.
fn written_or_damage(written: &Written, store: &FileStore, opened: &OpenReport) {
    let last = store.durable().seq;
    if opened.damage.is_none() && opened.torn.is_none() {
        assert_eq!(last as usize, written.entries.len());
    }
    // Cut is the last batch at most: before it stands a whole entry for everything else.
    if opened.damage.is_none() && opened.torn.is_some() {
        assert_eq!(last, written.ends[written.ends.len() - 2]);
    }
    for entry in written.entries.iter().take(last as usize) {
        assert_eq!(store.read(entry.seq, 1).unwrap(), std::slice::from_ref(entry));
        for digest in &entry.blobs {
            match store.blob(digest) {
                Ok(Some(content)) => assert_eq!(blob(content).0, *digest),
                Ok(None) => {}
                Err(StoreError::Damage(_)) => assert!(store.failure().is_some()),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// With views that know how far the journal went, nothing that was acknowledged is cut. Without them the
/// whole of the last batch may have been torn: nothing behind it says otherwise.
#[test]
fn a_flip_in_the_last_batch_is_damage_where_the_views_know_of_it() {
    let written = write();
    let last = written.segments();
    let length = fs::read(written.segment(last)).unwrap().len();
    for back in [1, 30, 72, 104, 200] {
        let copy = written.copy(true);
        flip(&copy.path().join(format!("journal/{last:08}.seg")), length - back, 4);
        let verified = verify(copy.path(), &options()).unwrap();
        let found = damage(open(copy.path()));
        assert_eq!(verified.damage, std::slice::from_ref(&found));
        assert_eq!(found.segment, last);
        assert!(found.what.contains("was acknowledged"), "{found}");
        assert!(!copy.path().join("torn").exists());
    }
}

#[test]
fn a_damaged_store_is_read_and_not_written() {
    let written = write();
    let copy = written.copy(true);
    flip(&copy.path().join("journal/00000002.seg"), 100, 4);
    let before = fs::read(copy.path().join("journal/00000002.seg")).unwrap();
    let found = damage(open(copy.path()));
    assert_eq!((found.segment, found.offset), (2, 84));
    let (store, report) = FileStore::open_read_only(copy.path(), options()).unwrap();
    assert_eq!(report.damage, Some(found));
    written.begins_with(&store);
    assert!(store.durable().seq > 0);
    assert!(!store.scan(comity_store::Index::Id, &[], None, 9).unwrap().is_empty());
    assert!(matches!(store.append(vec![entry("more")]), Err(StoreError::ReadOnly)));
    assert!(matches!(store.erase(&[]), Err(StoreError::ReadOnly)));
    assert_eq!(fs::read(copy.path().join("journal/00000002.seg")).unwrap(), before);
}

#[test]
fn damage_that_is_met_while_reading_ends_writing() {
    let written = write();
    let (store, _) = open(written.path()).unwrap();
    let bytes = fs::read(written.segment(1)).unwrap();
    let at = bytes.windows(12).position(|window| window == b"some content").unwrap();
    flip(&written.segment(1), at, 1);
    assert!(matches!(store.blob(&blob("some content").0), Err(StoreError::Damage(_))));
    assert!(matches!(store.append(vec![entry("more")]), Err(StoreError::Damage(_))));
    assert_eq!(store.read(1, 1).unwrap(), written.entries[..1]);
}

/// The last segment ends anywhere: what is whole stays, what was begun is cut, kept and reported.
#[test]
fn a_torn_tail_of_every_length() {
    let written = write();
    let number = written.segments();
    let whole = fs::read(written.segment(number)).unwrap();
    let mut torn_at = 0;
    for length in 84..=whole.len() {
        let copy = written.copy(false);
        let path = copy.path().join(format!("journal/{number:08}.seg"));
        OpenOptions::new().write(true).open(&path).unwrap().set_len(length as u64).unwrap();
        let (store, report) = open(copy.path()).unwrap();
        written.begins_with(&store);
        match &report.torn {
            None => assert_eq!(fs::metadata(&path).unwrap().len(), length as u64),
            Some(Torn { segment, offset, bytes, kept_in, .. }) => {
                torn_at += 1;
                assert_eq!((*segment, offset + bytes), (number, length as u64));
                let kept = fs::read(kept_in.as_ref().unwrap()).unwrap();
                assert_eq!(kept, whole[*offset as usize..length]);
            }
        }
        let before = store.durable().seq;
        store.append(vec![entry_with("after", &["after"])]).unwrap();
        drop(store);
        let (store, report) = open(copy.path()).unwrap();
        assert_eq!((report.torn, store.durable().seq), (None, before + 1));
    }
    assert!(torn_at > 100);
}

#[test]
fn a_header_that_is_cut_short_is_damage() {
    let written = write();
    let number = written.segments();
    for length in [0, 1, 83] {
        let copy = written.copy(false);
        let path = copy.path().join(format!("journal/{number:08}.seg"));
        OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
        assert_eq!(damage(open(copy.path())).segment, number);
    }
}

#[test]
fn every_segment_is_missed() {
    let written = write();
    for number in 1..=written.segments() {
        let copy = written.copy(true);
        fs::remove_file(copy.path().join(format!("journal/{number:08}.seg"))).unwrap();
        damage(open(copy.path()));
    }
    let copy = written.copy(true);
    fs::remove_dir_all(copy.path().join("journal")).unwrap();
    assert!(damage(open(copy.path())).what.contains("was acknowledged"));
}

#[test]
fn segments_of_another_journal_are_refused() {
    let (written, other) = (write(), write_beginning("other"));
    for number in 1..=written.segments() {
        let copy = written.copy(false);
        let path = copy.path().join(format!("journal/{number:08}.seg"));
        fs::copy(other.segment(number), &path).unwrap();
        damage(open(copy.path()));
    }
    let copy = written.copy(false);
    let [one, two] = [1, 2].map(|number| copy.path().join(format!("journal/{number:08}.seg")));
    fs::copy(&two, &one).unwrap();
    damage(open(copy.path()));
}

#[test]
fn a_newer_format_is_named() {
    let written = write();
    let of_version = |version: u8| {
        let mut bytes = fs::read(written.segment(1)).unwrap();
        bytes[8] = version;
        let checksum = crc32c::crc32c(&bytes[..80]);
        bytes[80..84].copy_from_slice(&checksum.to_le_bytes());
        fs::write(written.segment(1), bytes).unwrap();
        open(written.path()).unwrap_err()
    };
    let error = of_version(3);
    assert!(matches!(error, StoreError::Newer { found: 3, known: 2, .. }), "{error}");
    let error = of_version(1);
    assert!(matches!(error, StoreError::Older { found: 1, known: 2, .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever stands after the last batch is cut, unless it is an entry.
    #[test]
    fn noise_after_the_end_is_cut(noise in prop::collection::vec(any::<u8>(), 1..400), zeros: bool) {
        let written = write();
        let copy = written.copy(true);
        let number = written.segments();
        let path = copy.path().join(format!("journal/{number:08}.seg"));
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(if zeros { vec![0; noise.len()] } else { noise.clone() });
        fs::write(&path, &bytes).unwrap();
        let (store, report) = open(copy.path()).unwrap();
        prop_assert_eq!(report.torn.unwrap().bytes, noise.len() as u64);
        prop_assert_eq!(store.durable().seq, written.entries.len() as u64);
        written.begins_with(&store);
    }
}

#[test]
fn views_of_noise_are_built_anew() {
    let written = write();
    let mut draw = Draw(1);
    for round in 0..20 {
        let copy = written.copy(true);
        let generation = copy.path().join("views/1");
        for file in ["db", "conf"] {
            let length = fs::metadata(generation.join(file)).unwrap().len();
            fs::write(generation.join(file), draw.bytes(length as usize)).unwrap();
        }
        let (store, report) = open(copy.path()).unwrap();
        assert!(matches!(report.views, ViewsState::Rebuilt { .. }), "round {round}: {report:?}");
        assert_eq!(store.scan(comity_store::Index::Case, &[], None, 99).unwrap().len(), 10);
        drop(store);
        assert_eq!(verify(copy.path(), &options()).unwrap().views, None);
    }
}

#[test]
fn views_of_another_journal_or_indexer_are_built_anew() {
    let written = write();
    let other = support::folder();
    let (store, _) = open(other.path()).unwrap();
    store.append(vec![entry("other")]).unwrap();
    drop(store);
    fs::remove_dir_all(written.path().join("views")).unwrap();
    copy_tree(&other.path().join("views"), &written.path().join("views"));
    let (store, report) = open(written.path()).unwrap();
    let why = "they belong to another journal".to_owned();
    assert_eq!(report.views, ViewsState::Rebuilt { why });
    assert_eq!(store.scan(comity_store::Index::Id, b"other", None, 9).unwrap(), []);
    drop(store);

    let newer = Options { index_version: 2, ..options() };
    let (_, report) = FileStore::open(written.path(), newer).unwrap();
    let why = "another version of the program made them".to_owned();
    assert_eq!(report.views, ViewsState::Rebuilt { why });
}

#[test]
fn a_disk_that_takes_no_views_has_them_in_memory() {
    let written = write();
    fs::remove_dir_all(written.path().join("views")).unwrap();
    fs::write(written.path().join("views"), b"a file is in the way").unwrap();
    let (store, report) = open(written.path()).unwrap();
    assert!(matches!(report.views, ViewsState::InMemory { .. }), "{report:?}");
    store.append(vec![entry("tenth")]).unwrap();
    assert_eq!(store.scan(comity_store::Index::Case, &[], None, 99).unwrap().len(), 11);
    assert!(store.compare_and_set_cursor("kr", None, Some(1)).unwrap());
}

#[test]
fn rebuild_forgets_cursors_and_nothing_else() {
    let written = write();
    let (store, _) = open(written.path()).unwrap();
    assert!(store.compare_and_set_cursor("kr/live", None, Some(7)).unwrap());
    drop(store);
    rebuild(written.path(), options()).unwrap();
    let (store, report) = open(written.path()).unwrap();
    assert_eq!(report.views, ViewsState::Kept { replayed: 0 });
    assert_eq!(store.cursor("kr/live").unwrap(), None);
    written.begins_with(&store);
}

/// The intent is durable; the overwriting was cut short by a disk that failed.
#[test]
fn an_interrupted_erasure_is_finished_at_the_next_open() {
    let secret = "the name of a person, which must go";
    let folder = support::folder();
    let disk = Arc::new(Disk::default());
    let options = || support::options(1 << 20, Some(Arc::clone(&disk)));
    let (store, _) = FileStore::open(folder.path(), options()).unwrap();
    store.append(vec![entry_with("first", &[secret])]).unwrap();
    let path = folder.path().join("journal/00000001.seg");
    let holds = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
    };
    assert!(holds(&path));
    disk.fail_syncs_after(1);
    assert!(matches!(store.erase(&[blob(secret).0]), Err(StoreError::SyncFailed { .. })));
    drop(store);
    disk.heal();
    // As if the zeros had not reached the disk.
    let mut bytes = fs::read(&path).unwrap();
    let zeros = |window: &[u8]| window.iter().all(|byte| *byte == 0);
    let at = 84 + bytes[84..].windows(secret.len()).position(zeros).unwrap();
    bytes[at..at + 9].copy_from_slice(&secret.as_bytes()[..9]);
    fs::write(&path, &bytes).unwrap();
    assert!(verify(folder.path(), &options()).unwrap().is_sound());

    let (store, _) = FileStore::open(folder.path(), options()).unwrap();
    assert_eq!(store.blob_state(&blob(secret).0), BlobState::Erased);
    drop(store);
    assert!(!fs::read(&path).unwrap().windows(9).any(|window| window == &secret.as_bytes()[..9]));
    let report = verify(folder.path(), &options()).unwrap();
    assert!(report.is_sound() && report.erased == 1 && report.tail.is_none());
}

#[test]
fn what_was_erased_and_is_there_again_is_damage() {
    let secret = "the name of a person, which must go";
    let folder = support::folder();
    let (store, _) = open(folder.path()).unwrap();
    store.append(vec![entry_with("first", &[secret])]).unwrap();
    let path = folder.path().join("journal/00000001.seg");
    let before = fs::read(&path).unwrap();
    store.erase(&[blob(secret).0]).unwrap();
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    bytes[..before.len()].copy_from_slice(&before);
    fs::write(&path, bytes).unwrap();
    let report = verify(folder.path(), &options()).unwrap();
    assert!(report.damage[0].what.contains("was erased"), "{report:?}");
}
