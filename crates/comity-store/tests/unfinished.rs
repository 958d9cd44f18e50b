//! Bodies that have not come whole: what a crash leaves of them, and that they are no part of the journal.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stand outside of test functions, where the linter looks for them"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use comity_core::digest::LEAF_SIZE;
use comity_store::{FileStore, Piece, Store as _, Unfinished, backup, rebuild, verify};
use support::{blob, entry, folder, options};

/// A body of three leaves, the last a short one, and its pieces.
fn body() -> (Unfinished, Bytes, Vec<Piece>) {
    let (digest, content) = blob(vec![7; 2 * LEAF_SIZE + 5]);
    let of = Unfinished { label: Bytes::from_static(b"who"), digest, length: content.len() as u64 };
    let leaves = content.chunks(LEAF_SIZE).enumerate();
    let pieces = leaves.map(|(leaf, bytes)| Piece {
        of: of.clone(),
        leaf: u32::try_from(leaf).unwrap(),
        bytes: Bytes::copy_from_slice(bytes),
    });
    (of.clone(), content.clone(), pieces.collect())
}

fn open(folder: &Path) -> FileStore {
    FileStore::open(folder, options(1 << 20, None)).unwrap().0
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder.join("unfinished"));
    found.into_iter().flatten().map(|file| file.unwrap().path()).collect()
}

/// The numbers of the leaves that are here of the only body.
fn here(store: &FileStore) -> Vec<(u64, u64)> {
    let bodies = store.unfinished();
    let [(_, leaves)] = &bodies[..] else { panic!("{bodies:?}") };
    leaves.as_slice().to_vec()
}

#[test]
fn wherever_a_write_was_cut_short_the_whole_pieces_before_it_are_here() {
    let at = folder();
    let (of, content, mut pieces) = body();
    // The short leaf is written first: so every cut of the file is one of few bytes, or of many.
    pieces.rotate_left(2);
    {
        let store = open(at.path());
        store.keep(&pieces[..1]).unwrap();
        store.keep(&pieces[1..2]).unwrap();
    }
    let [file] = &files(at.path())[..] else { panic!() };
    let bytes = fs::read(file).unwrap();
    let (first, second) = (bytes.len() - LEAF_SIZE - 12, bytes.len());
    let header = first - 5 - 12;
    let around = |at: usize| at.saturating_sub(3)..at + 3;
    let cuts = (0..first + 16).chain(around(first + LEAF_SIZE / 2)).chain(around(second - 2));
    for cut in cuts.filter(|cut| *cut < second) {
        fs::write(file, &bytes[..cut]).unwrap();
        let store = open(at.path());
        if cut < header {
            assert!(store.unfinished().is_empty(), "cut at {cut}");
            assert!(files(at.path()).is_empty(), "an unreadable beginning is deleted");
            continue;
        }
        let expected: &[(u64, u64)] = if cut < first { &[] } else { &[(2, 2)] };
        assert_eq!(here(&store), expected, "cut at {cut}");
    }
    // What was cut off comes again, after what is left.
    fs::write(file, &bytes[..second - 1]).unwrap();
    let store = open(at.path());
    store.keep(&pieces).unwrap();
    assert_eq!(store.gather(&of).unwrap(), Some(content));
}

#[test]
fn a_flipped_bit_loses_a_piece_and_nothing_else() {
    let at = folder();
    let (of, content, pieces) = body();
    {
        let store = open(at.path());
        store.append(vec![entry("a record")]).unwrap();
        store.keep(&pieces).unwrap();
    }
    let [file] = &files(at.path())[..] else { panic!() };
    let bytes = fs::read(file).unwrap();
    // In the last piece, which is the short one.
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(file, &flipped).unwrap();
    assert!(verify(at.path(), &options(1 << 20, None)).unwrap().is_sound());
    let store = open(at.path());
    assert_eq!(here(&store), [(0, 1)]);
    assert_eq!(store.gather(&of).unwrap(), None);
    // While it is in use: what does not read is not the body.
    store.keep(&pieces[2..]).unwrap();
    assert_eq!(store.gather(&of).unwrap(), Some(content));
    fs::write(file, &flipped).unwrap();
    assert_eq!(store.gather(&of).unwrap(), None);
    assert_eq!(store.read(1, 9).unwrap().len(), 1);
    // In the header: nothing of it is believed.
    let mut flipped = bytes;
    flipped[20] ^= 1;
    fs::write(file, &flipped).unwrap();
    drop(store);
    assert!(open(at.path()).unfinished().is_empty());
}

#[test]
fn checking_counts_them_and_copies_have_none() {
    let at = folder();
    let (of, _, pieces) = body();
    {
        let store = open(at.path());
        store.append(vec![entry("a record")]).unwrap();
        store.keep(&pieces[..2]).unwrap();
    }
    let report = verify(at.path(), &options(1 << 20, None)).unwrap();
    assert!(report.is_sound());
    assert_eq!((report.blobs, report.unfinished), (0, 1));
    assert_eq!(report.unfinished_bytes, 2 * LEAF_SIZE as u64);
    rebuild(at.path(), options(1 << 20, None)).unwrap();
    let copy = folder();
    backup(at.path(), copy.path(), options(1 << 20, None)).unwrap();
    assert!(open(copy.path()).unfinished().is_empty());
    // Reading alone leaves them where they are.
    {
        let (store, _) = FileStore::open_read_only(at.path(), options(1 << 20, None)).unwrap();
        assert!(store.keep(&pieces).is_err());
        assert!(store.unfinished().is_empty());
    }
    let store = open(at.path());
    assert_eq!(here(&store), [(0, 1)]);
    let [file] = &files(at.path())[..] else { panic!() };
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    store.discard(&of.label, &of.digest).unwrap();
    assert!(files(at.path()).is_empty());
}

#[test]
fn files_of_others_in_the_folder_are_left_alone() {
    let at = folder();
    let (_, _, pieces) = body();
    open(at.path()).keep(&pieces[..1]).unwrap();
    let other = at.path().join("unfinished").join("README");
    fs::write(&other, "not ours").unwrap();
    assert_eq!(open(at.path()).unfinished().len(), 1);
    assert!(other.exists());
}

/// All of it can be asked for again: whatever becomes of the files, the store opens and goes on.
#[test]
fn a_file_that_is_gone_or_unreadable_costs_its_body_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (of, whole, pieces) = body();
    let store = open(folder.path());
    store.keep(&pieces[..1]).unwrap();
    let [file] = &files(folder.path())[..] else { panic!("one file") };
    std::fs::remove_file(file).unwrap();
    assert_eq!(store.gather(&of).unwrap(), None);
    // What follows begins anew.
    store.keep(&pieces).unwrap();
    assert_eq!(store.gather(&of).unwrap(), Some(whole));
    let [file] = &files(folder.path())[..] else { panic!("one file") };
    std::fs::remove_file(file).unwrap();
    assert!(store.keep(&pieces[..1]).is_err());
    store.keep(&pieces[..1]).unwrap();
    drop(store);
    // A folder of that name reads as no file does.
    let [file] = &files(folder.path())[..] else { panic!("one file") };
    std::fs::remove_file(file).unwrap();
    std::fs::create_dir(file).unwrap();
    let store = open(folder.path());
    assert!(store.unfinished().is_empty());
}
