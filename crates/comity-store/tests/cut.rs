//! What is cut from the end of a journal is said in the journal, once, whatever comes between.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stand outside of test functions, where the linter looks for them"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use comity_store::{FileStore, OpenReport, Options, Store as _, rebuild};
use support::{Disk, entry};
use tempfile::TempDir;

fn options() -> Options {
    Options { cut: Some(|bytes| entry(&format!("cut {bytes}"))), ..support::options(1 << 20, None) }
}

/// A store of one entry, with so many bytes of an unfinished write behind it.
fn torn(bytes: usize) -> TempDir {
    let folder = support::folder();
    let (store, _) = FileStore::open(folder.path(), options()).unwrap();
    store.append(vec![entry("first")]).unwrap();
    drop(store);
    tear(folder.path(), bytes);
    folder
}

fn tear(folder: &Path, bytes: usize) {
    let path = folder.join("journal/00000001.seg");
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(&vec![7; bytes]).unwrap();
}

fn open(folder: &Path, options: Options) -> OpenReport {
    FileStore::open(folder, options).unwrap().1
}

/// The bodies of a journal.
fn bodies(folder: &Path) -> Vec<String> {
    let (store, _) = FileStore::open(folder, options()).unwrap();
    let entries = store.read(1, 100).unwrap().into_iter();
    entries.map(|entry| String::from_utf8(entry.body.to_vec()).unwrap()).collect()
}

fn kept(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder.join("torn")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn it_is_durable_when_the_store_is_open() {
    let folder = torn(40);
    let report = open(folder.path(), options());
    let torn = report.torn.unwrap();
    assert_eq!((torn.bytes, report.untold), (40, None));
    assert_eq!(kept(folder.path()), [torn.kept_in.unwrap()]);
    assert_eq!(bodies(folder.path()), ["first", "cut 40"], "and once");
    // Another at the same place takes nothing from what was kept.
    tear(folder.path(), 9);
    assert_eq!(bodies(folder.path()), ["first", "cut 40", "cut 9"]);
    assert_eq!(kept(folder.path()).len(), 2);
}

#[test]
fn an_opening_that_came_no_further_is_made_up_for() {
    let folder = torn(40);
    // It cuts, and says nothing.
    open(folder.path(), Options { cut: None, ..options() });
    let report = open(folder.path(), options());
    assert_eq!((report.torn, report.untold), (None, None));
    assert_eq!(bodies(folder.path()), ["first", "cut 40"]);
}

#[test]
fn a_rebuild_does_not_lose_it() {
    let folder = torn(40);
    rebuild(folder.path(), options()).unwrap();
    assert_eq!(bodies(folder.path()), ["first", "cut 40"]);
}

#[test]
fn a_full_disk_is_no_reason_not_to_open() {
    let folder = torn(40);
    let disk = Arc::new(Disk::default());
    disk.fill(0);
    let full = Options { faults: Some(disk), ..options() };
    let report = open(folder.path(), full);
    assert_eq!(report.untold, Some(40), "whoever opens it says it");
    assert_eq!(bodies(folder.path()), ["first", "cut 40"], "or the next opening");
}

#[test]
fn an_empty_journal_has_lost_nothing() {
    let folder = support::folder();
    drop(FileStore::open(folder.path(), options()).unwrap());
    tear(folder.path(), 40);
    assert_eq!(bodies(folder.path()), [""; 0]);
    let (store, _) = FileStore::open(folder.path(), options()).unwrap();
    store.append(vec![entry("first")]).unwrap();
    drop(store);
    assert_eq!(bodies(folder.path()), ["first"]);
}
