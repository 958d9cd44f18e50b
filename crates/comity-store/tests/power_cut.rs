//! What a power cut leaves of a write that was not synced.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stand outside of test functions, where the linter looks for them"
)]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use comity_store::{DiskFaults, FileStore, Options, Store, StoreError, verify};
use support::{blob, entry, entry_with};

/// A disk whose syncs wait.
#[derive(Default)]
struct Gate {
    /// Whether it is shut, and how many syncs wait at it.
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, shut: bool) {
        self.state.lock().unwrap().0 = shut;
        self.changed.notify_all();
    }

    fn until_somebody_waits(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |(_, waiting)| *waiting == 0).unwrap());
    }
}

impl DiskFaults for Gate {
    fn write(&self, _bytes: usize) -> Option<(usize, io::Error)> {
        None
    }

    fn sync(&self) -> Option<io::Error> {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.changed.notify_all();
        state = self.changed.wait_while(state, |(shut, _)| *shut).unwrap();
        state.1 -= 1;
        None
    }
}

/// A power cut during one sync over several batches: of its pages any have reached the disk, and nobody
/// was told of any of its batches.
#[test]
fn the_pages_of_one_write_reach_the_disk_in_any_order() {
    const PAGE: usize = 4096;
    let folder = support::folder();
    let gate = Arc::new(Gate::default());
    let options = || support::options(1 << 20, None);
    let gated = Options { faults: Some(Arc::clone(&gate) as Arc<dyn DiskFaults>), ..options() };
    let (store, _) = FileStore::open(folder.path(), gated).unwrap();
    store.append(vec![entry_with("first", &["some content"])]).unwrap();
    // While one group is synced, three batches wait: they become one group.
    gate.set(true);
    let (sender, receiver) = std::sync::mpsc::channel();
    let submit = |batch| {
        let sender = sender.clone();
        store.submit(batch, Box::new(move |result| sender.send(result.unwrap().last).unwrap()));
    };
    submit(vec![entry("before")]);
    gate.until_somebody_waits();
    let path = folder.path().join("journal/00000001.seg");
    let start = fs::read(&path).unwrap().len();
    let long = |text: &str| text.repeat(6_000 / text.len());
    submit(vec![entry_with("a", &[&long("of a")]), entry_with("b", &[&long("part of b")])]);
    submit(vec![entry_with("c", &[&long("what c has")])]);
    submit(vec![entry(&long("d itself"))]);
    gate.set(false);
    let last: Vec<u64> = receiver.iter().take(4).collect();
    assert_eq!(last, [2, 4, 5, 6]);
    let entries = store.read(1, usize::MAX).unwrap();
    drop(store);

    let whole = fs::read(&path).unwrap();
    let pages = whole.len().div_ceil(PAGE) - start / PAGE;
    assert!((5..10).contains(&pages), "{pages} pages");
    let mut found = BTreeMap::new();
    for written in 0_u32..1 << pages {
        let mut bytes = whole.clone();
        for at in (start..whole.len()).filter(|at| written >> (at / PAGE - start / PAGE) & 1 == 0) {
            bytes[at] = 0;
        }
        let copy = support::folder();
        fs::create_dir(copy.path().join("journal")).unwrap();
        fs::write(copy.path().join("journal/00000001.seg"), &bytes).unwrap();
        let sound = verify(copy.path(), &options()).unwrap();
        assert!(sound.is_sound(), "pages {written:b}: {:?}", sound.damage);
        let (store, report) = FileStore::open(copy.path(), options()).unwrap();
        let durable = store.durable().seq;
        assert!([2, 4, 5, 6].contains(&durable), "pages {written:b}: ends within a batch");
        assert_eq!(report.torn.is_none(), durable == 6, "pages {written:b}");
        assert_eq!(store.read(1, usize::MAX).unwrap(), entries[..durable as usize]);
        for digest in entries[..durable as usize].iter().flat_map(|entry| &entry.blobs) {
            assert_eq!(blob(store.blob(digest).unwrap().unwrap()).0, *digest);
        }
        *found.entry(durable).or_insert(0) += 1;
        store.append(vec![entry("after")]).unwrap();
        drop(store);
        let (store, report) = FileStore::open(copy.path(), options()).unwrap();
        assert_eq!((report.torn, store.durable().seq), (None, durable + 1));
    }
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [2, 4, 5, 6]);
    assert_eq!(found[&6], 1);

    // The same hole, with a write behind it that came later: what stood there was acknowledged.
    let (store, _) = FileStore::open(folder.path(), options()).unwrap();
    store.append(vec![entry("later")]).unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    for page in start / PAGE + 1..start / PAGE + pages - 1 {
        let mut bytes = whole.clone();
        bytes[page * PAGE..(page + 1) * PAGE].fill(0);
        let copy = support::folder();
        fs::create_dir(copy.path().join("journal")).unwrap();
        fs::write(copy.path().join("journal/00000001.seg"), &bytes).unwrap();
        let found = FileStore::open(copy.path(), options()).map(drop);
        assert!(matches!(found, Err(StoreError::Damage(_))), "page {page}: {found:?}");
    }
}
