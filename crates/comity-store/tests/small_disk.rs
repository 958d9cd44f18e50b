//! A disk that is really full.
//!
//! `mount -t tmpfs -o size=3m tmpfs DIR`, then
//! `COMITY_STORE_SMALL_DISK=DIR cargo test -p comity-store --test small_disk -- --ignored`.

#[path = "support/mod.rs"]
mod support;

use std::env;
use std::fs;
use std::path::PathBuf;

use comity_store::{FileStore, Index, Store, verify};
use support::{Draw, blob, entry};

#[test]
#[ignore = "needs a small disk of its own"]
fn a_disk_that_is_really_full() {
    let disk = PathBuf::from(env::var_os("COMITY_STORE_SMALL_DISK").unwrap());
    let folder = disk.join("store");
    let options = || support::options(256 << 10, None);
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![1; 200 << 10]).unwrap();

    let (store, _) = FileStore::open(&folder, options()).unwrap();
    let mut draw = Draw(1);
    let mut batch = |number: u64| {
        let mut new = entry(&format!("{number}"));
        new.blobs.push(blob(draw.bytes(20_000)));
        vec![new]
    };
    let mut stored = 0;
    let refused = loop {
        match store.append(batch(stored)) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(refused.is_full(), "{refused}");
    assert!(stored > 20);
    fn check(store: &FileStore, stored: u64) {
        let entries = store.read(1, usize::MAX).unwrap();
        assert_eq!(entries.len() as u64, stored);
        for entry in &entries {
            assert_eq!(blob(store.blob(&entry.blobs[0]).unwrap().unwrap()).0, entry.blobs[0]);
        }
        assert_eq!(store.scan(Index::Case, &[], None, 9999).unwrap().len() as u64, stored);
    }
    check(&store, stored);
    assert!(store.append(batch(stored)).unwrap_err().is_full());
    assert!(store.failure().is_none());
    drop(store);

    // Nothing fits any more, not even the views.
    let mut rest = vec![];
    while fs::write(disk.join(format!("rest{}", rest.len())), [1; 1024]).is_ok() {
        rest.push(disk.join(format!("rest{}", rest.len())));
    }
    fs::remove_dir_all(folder.join("views")).unwrap();
    while fs::write(disk.join(format!("rest{}", rest.len())), [1; 1024]).is_ok() {
        rest.push(disk.join(format!("rest{}", rest.len())));
    }
    let (store, report) = FileStore::open(&folder, options()).unwrap();
    eprintln!("{report:?}");
    check(&store, stored);
    assert!(store.append(batch(stored)).unwrap_err().is_full());

    fs::remove_file(&ballast).unwrap();
    rest.iter().for_each(|path| fs::remove_file(path).unwrap());
    store.append(batch(stored)).unwrap();
    check(&store, stored + 1);
    drop(store);
    let (store, report) = FileStore::open(&folder, options()).unwrap();
    eprintln!("{report:?}");
    check(&store, stored + 1);
    drop(store);
    assert!(verify(&folder, &options()).unwrap().is_sound());
    fs::remove_dir_all(&folder).unwrap();
}
