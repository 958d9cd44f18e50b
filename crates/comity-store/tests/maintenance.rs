//! Locking, checking, copying and restoring.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests stand outside of test functions, where the linter looks for them"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;

use comity_store::{
    BlobState, FileStore, Index, Options, Store, StoreError, ViewsState, backup, rebuild, restore,
    restore_with, verify,
};
use support::{blob, entry, entry_with};

/// Bytes of a segment's header.
const SEGMENT_HEADER: usize = 84;

fn options() -> Options {
    support::options(2_000, None)
}

fn open(folder: &Path) -> FileStore {
    FileStore::open(folder, options()).unwrap().0
}

/// A store of some segments.
fn filled(folder: &Path) -> FileStore {
    let store = open(folder);
    for number in 0..40 {
        let text = format!("entry {number}");
        store.append(vec![entry_with(&text, &[&text.repeat(9)]), entry("more")]).unwrap();
    }
    store
}

#[test]
fn one_process_at_a_time() {
    let folder = support::folder();
    let store = open(folder.path());
    let second = FileStore::open(folder.path(), options()).unwrap_err();
    let holder = std::process::id();
    assert!(matches!(&second, StoreError::Locked { holder: Some(pid), .. } if *pid == holder));
    assert!(second.to_string().contains(&holder.to_string()));
    assert!(matches!(verify(folder.path(), &options()), Err(StoreError::Locked { .. })));
    assert!(matches!(rebuild(folder.path(), options()), Err(StoreError::Locked { .. })));
    drop(store);
    drop(open(folder.path()));
}

#[test]
fn nobody_else_may_look() {
    let folder = support::folder();
    filled(folder.path());
    let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode();
    assert_eq!(mode("journal") & 0o777, 0o700);
    assert_eq!(mode("journal/00000001.seg") & 0o777, 0o600);
    assert_eq!(mode("lock") & 0o777, 0o600);
}

#[test]
fn verify_counts_and_finds_nothing_wrong() {
    let folder = support::folder();
    let store = filled(folder.path());
    store.erase(&[blob("entry 3".repeat(9)).0]).unwrap();
    let head = store.durable();
    drop(store);
    let report = verify(folder.path(), &options()).unwrap();
    assert!(report.is_sound() && report.tail.is_none());
    assert_eq!((report.entries, report.blobs, report.erased), (80, 39, 1));
    assert_eq!((report.head, report.views), (head, None));
    assert!(report.segments > 3);
}

#[test]
fn where_there_is_no_store_nothing_is_made() {
    let folder = support::folder();
    assert!(matches!(verify(folder.path(), &options()), Err(StoreError::Folder { .. })));
    assert!(matches!(rebuild(folder.path(), options()), Err(StoreError::Folder { .. })));
    let read_only = FileStore::open_read_only(folder.path(), options());
    assert!(matches!(read_only, Err(StoreError::Folder { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_restored_store_is_the_old_one_and_a_marker() {
    let [folder, copy, target] = [(); 3].map(|()| support::folder());
    let store = filled(folder.path());
    assert!(store.compare_and_set_cursor("kr", None, Some(1)).unwrap());
    let old = store.read(1, 999).unwrap();
    drop(store);
    let until = backup(folder.path(), copy.path(), options()).unwrap();
    assert_eq!(until.seq, 80);
    let again = backup(folder.path(), copy.path(), options()).unwrap_err();
    assert!(matches!(again, StoreError::Folder { .. }), "{again}");

    let marker = entry("restored");
    let head = restore(copy.path(), target.path(), marker, options()).unwrap();
    assert_eq!(head.seq, 81);
    let (store, report) = FileStore::open(target.path(), options()).unwrap();
    assert_eq!(report.views, ViewsState::Rebuilt { why: "there were none".to_owned() });
    assert_eq!(store.durable(), head);
    let restored = store.read(1, 999).unwrap();
    assert_eq!(restored[..80], old);
    assert_eq!(restored[80].body, "restored");
    assert_eq!(store.scan(Index::Id, b"restored", None, 1).unwrap().len(), 1);
    assert_eq!(store.cursor("kr").unwrap(), None);
    drop(store);
    assert!(verify(target.path(), &options()).unwrap().is_sound());

    let onto = restore(copy.path(), target.path(), entry("twice"), options()).unwrap_err();
    assert!(matches!(onto, StoreError::Folder { .. }), "{onto}");
}

/// What must be so in a restored store is so before anybody can open it; and where it cannot be, there is none.
#[test]
fn a_store_gets_its_name_when_everything_is_done_with_it() {
    let [folder, copy, target] = [(); 3].map(|()| support::folder());
    drop(filled(folder.path()));
    backup(folder.path(), copy.path(), options()).unwrap();
    let into = target.path().to_owned();
    let restored = |fails: bool| {
        restore_with(copy.path(), target.path(), entry("restored"), options(), |store| {
            assert_eq!(store.read(81, 1).unwrap()[0].body, "restored");
            assert!(!into.join("journal").exists(), "nobody can open it yet");
            store.append(vec![entry("erased again")])?;
            if fails { Err(StoreError::Closed) } else { Ok(()) }
        })
    };
    assert!(matches!(restored(true), Err(StoreError::Closed)));
    let refused = FileStore::open(target.path(), options()).unwrap_err();
    assert!(matches!(refused, StoreError::Folder { .. }), "{refused}");
    let head = restored(false).unwrap();
    let store = open(target.path());
    assert_eq!((store.durable(), head.seq), (head, 82));
    assert_eq!(store.read(82, 1).unwrap()[0].body, "erased again");
}

#[test]
fn an_interrupted_restore_is_not_taken_for_a_store() {
    let [folder, copy, target] = [(); 3].map(|()| support::folder());
    drop(filled(folder.path()));
    backup(folder.path(), copy.path(), options()).unwrap();
    let partial = target.path().join("restore.partial/journal");
    fs::create_dir_all(&partial).unwrap();
    fs::copy(copy.path().join("journal/00000001.seg"), partial.join("00000001.seg")).unwrap();
    let refused = FileStore::open(target.path(), options()).unwrap_err();
    assert!(matches!(refused, StoreError::Folder { .. }), "{refused}");
    assert!(!target.path().join("journal").exists());

    restore(copy.path(), target.path(), entry("restored"), options()).unwrap();
    // Its last step, the deletion, is missing.
    fs::create_dir_all(&partial).unwrap();
    assert_eq!(open(target.path()).durable().seq, 81);
    assert!(!target.path().join("restore.partial").exists());
}

/// The disk of the copy may fill up, and the machine may stop, at any moment.
#[test]
fn a_backup_that_was_cut_short_is_no_backup() {
    let [folder, copy, target] = [(); 3].map(|()| support::folder());
    let store = filled(folder.path());
    fs::rename(folder.path().join("journal/00000003.seg"), folder.path().join("journal/elsewhere"))
        .unwrap();
    assert!(matches!(store.backup(copy.path()), Err(StoreError::Io { .. })));
    assert!(copy.path().join("journal.partial/00000002.seg").exists(), "some of it was copied");
    let refused = restore(copy.path(), target.path(), entry("restored"), options()).unwrap_err();
    assert!(matches!(refused, StoreError::Folder { .. }), "{refused}");
    assert!(!target.path().join("journal").exists());
    let again = store.backup(copy.path()).unwrap_err();
    assert!(matches!(again, StoreError::Folder { .. }), "{again}");
}

/// Views that know of more entries than the backup has would make the restored journal look damaged.
#[test]
fn a_restore_gives_the_journal_its_name_when_old_views_are_gone() {
    let [folder, copy, target] = [(); 3].map(|()| support::folder());
    let store = filled(folder.path());
    store.backup(copy.path()).unwrap();
    for _ in 0..9 {
        store.append(vec![entry("after the backup")]).unwrap();
    }
    drop(store);
    // Views that cannot be deleted stand for a crash before their deletion.
    fs::write(target.path().join("views"), b"a file, and no folder").unwrap();
    let refused = restore(copy.path(), target.path(), entry("restored"), options()).unwrap_err();
    assert!(matches!(refused, StoreError::Views(_)), "{refused}");
    assert!(!target.path().join("journal").exists(), "the journal had its name already");

    fs::remove_file(target.path().join("views")).unwrap();
    fs::rename(folder.path().join("views"), target.path().join("views")).unwrap();
    restore(copy.path(), target.path(), entry("restored"), options()).unwrap();
    assert_eq!(open(target.path()).durable().seq, 81);
}

#[test]
fn a_damaged_backup_is_refused_whole() {
    let [folder, copy, target] = [(); 3].map(|()| support::folder());
    drop(filled(folder.path()));
    backup(folder.path(), copy.path(), options()).unwrap();
    let path = copy.path().join("journal/00000002.seg");
    let mut bytes = fs::read(&path).unwrap();
    let content = b"entry 1";
    let at = bytes.windows(content.len()).position(|window| window == content).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
    let refused = restore(copy.path(), target.path(), entry("restored"), options()).unwrap_err();
    assert!(matches!(refused, StoreError::Backup { .. }), "{refused}");
    assert!(!target.path().join("journal").exists());
}

/// A journal may end anywhere: what is missing at the end of a copy must show all the same.
#[test]
fn a_backup_without_its_end_is_refused() {
    let [folder, copy] = [(); 2].map(|()| support::folder());
    drop(filled(folder.path()));
    backup(folder.path(), copy.path(), options()).unwrap();
    let files = fs::read_dir(copy.path().join("journal")).unwrap();
    let mut segments: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    segments.sort();
    let last = segments.pop().unwrap();
    let bytes = fs::read(&last).unwrap();
    let refused = |what: &str| {
        let target = support::folder();
        let refused = restore(copy.path(), target.path(), entry("restored"), options());
        let refused = refused.expect_err(what);
        assert!(matches!(refused, StoreError::Backup { .. }), "{what}: {refused}");
        assert!(!target.path().join("journal").exists(), "{what}");
    };
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&last, flipped).unwrap();
    refused("a flipped bit in the last group");
    for length in [SEGMENT_HEADER, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&last, &bytes[..length]).unwrap();
        refused(&format!("cut to {length} bytes"));
    }
    fs::remove_file(&last).unwrap();
    refused("no last segment");
    fs::write(&last, &bytes).unwrap();

    let summary = copy.path().join("backup.txt");
    let said = fs::read_to_string(&summary).unwrap();
    fs::remove_file(&summary).unwrap();
    refused("no word of what was copied");
    fs::write(&summary, said.replace("comity-backup 1", "comity-backup 2")).unwrap();
    refused("the word of another program");
    fs::write(&summary, said).unwrap();
    let target = support::folder();
    restore(copy.path(), target.path(), entry("restored"), options()).unwrap();
}

/// Copies are whole, whatever is written and erased meanwhile.
#[test]
fn a_backup_while_the_store_is_in_use() {
    for _ in 0..8 {
        let folder = support::folder();
        let store = open(folder.path());
        let contents: Vec<String> =
            (0..30).map(|number| format!("part {number} ").repeat(6_000)).collect();
        for content in &contents {
            store.append(vec![entry_with("entry", &[content])]).unwrap();
        }
        thread::scope(|scope| {
            scope.spawn(|| {
                // The last first: the copy comes to them later.
                for content in contents.iter().rev() {
                    store.erase(&[blob(content.as_str()).0]).unwrap();
                    store.append(vec![entry("later")]).unwrap();
                }
            });
            for _ in 0..2 {
                let copy = support::folder();
                let until = store.backup(copy.path()).unwrap();
                let report = verify(copy.path(), &options()).unwrap();
                assert!(report.is_sound(), "{:?}", report.damage);
                assert!(report.tail.is_none(), "{report:?}");
                assert_eq!(report.head, until);
            }
        });
    }
}

/// A part that is erased while others read it is read whole or not at all.
#[test]
fn an_erasure_beside_readers() {
    let folder = support::folder();
    let store = open(folder.path());
    let contents: Vec<String> =
        (0..30).map(|number| format!("part {number} ").repeat(500)).collect();
    for content in &contents {
        store.append(vec![entry_with("entry", &[content])]).unwrap();
    }
    let digests: Vec<_> = contents.iter().map(|content| blob(content.as_str()).0).collect();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while digests.iter().any(|digest| store.has_blob(digest)) {
                    for (digest, content) in digests.iter().zip(&contents) {
                        if let Some(found) = store.blob(digest).unwrap() {
                            assert_eq!(found, content.as_bytes());
                        }
                    }
                }
            });
        }
        for digest in &digests {
            store.erase(&[*digest]).unwrap();
        }
    });
    assert!(store.failure().is_none());
    assert!(digests.iter().all(|digest| store.blob_state(digest) == BlobState::Erased));
}
