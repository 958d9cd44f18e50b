//! What every store does.

use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use comity_core::digest::LEAF_SIZE;
use comity_core::{Digest, PartDigest};
use comity_store::{
    Appended, BlobState, Index, NewEntry, Piece, Store, StoreError, Unfinished, Watermark, bounds,
    chain_next,
};

use super::World;
use super::support::{blob, entry, entry_with};

/// Every entry is where it should be and continues the chain, and its blobs are held or erased.
fn check(store: &dyn Store) {
    let durable = store.durable();
    let mut head = Watermark::START;
    loop {
        let entries = store.read(head.seq + 1, 7).unwrap();
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            assert_eq!(entry.seq, head.seq + 1);
            let blobs = entry.blobs.iter().copied();
            assert_eq!(
                entry.chain,
                chain_next(head.chain, entry.seq, entry.kind, blobs, &entry.body)
            );
            for digest in &entry.blobs {
                match store.blob_state(digest) {
                    BlobState::Held => {
                        let content = store.blob(digest).unwrap().unwrap();
                        assert_eq!(blob(content).0, *digest);
                    }
                    BlobState::Erased => assert_eq!(store.blob(digest).unwrap(), None),
                    BlobState::Absent => panic!("a blob of entry {} is absent", entry.seq),
                }
            }
            head = Watermark { seq: entry.seq, chain: entry.chain };
        }
    }
    assert_eq!(head, durable);
}

pub(crate) fn begins_empty<W: World>() {
    let world = W::new();
    assert_eq!(world.store().durable(), Watermark { seq: 0, chain: Digest::ZERO });
    assert_eq!(world.store().read(1, 10).unwrap(), []);
    assert_eq!(world.store().blob(&PartDigest([1; 32])).unwrap(), None);
    assert_eq!(world.store().scan(Index::Id, &[], None, 10).unwrap(), []);
}

pub(crate) fn numbers_are_dense_and_the_chain_links<W: World>() {
    let world = W::new();
    let store = world.store();
    let one = store.append(vec![entry("a"), entry_with("b", &["x", "y"])]).unwrap();
    assert_eq!((one.first, one.last), (1, 2));
    let two = store.append(vec![entry("c")]).unwrap();
    assert_eq!((two.first, two.last), (3, 3));
    assert_eq!(store.durable(), Watermark { seq: 3, chain: two.head });
    check(store);
}

pub(crate) fn both_stores_give_one_chain<W: World>() {
    let world = W::new();
    let head = world.store().append(vec![entry_with("a", &["x"]), entry("b")]).unwrap().head;
    let x = [blob("x").0].into_iter();
    let first = chain_next(Digest::ZERO, 1, 1, x, b"a");
    assert_eq!(head, chain_next(first, 2, 1, [].into_iter(), b"b"));
    // Frozen: a journal of today is read by every later version.
    assert_eq!(
        head.to_string(),
        "0e1d2fd1a812a6f6d132d98e6098fb92648073b26809818d3c597f6d88df36d8"
    );
}

pub(crate) fn reads_from_anywhere<W: World>() {
    let world = W::new();
    let store = world.store();
    for number in 0..20 {
        store.append(vec![entry(&format!("entry {number}, with some length to it"))]).unwrap();
    }
    for from in 0..22 {
        for max in [0, 1, 3, usize::MAX] {
            let seqs: Vec<u64> =
                store.read(from, max).unwrap().iter().map(|entry| entry.seq).collect();
            let expected: Vec<u64> = (from.max(1)..=20).take(max).collect();
            assert_eq!(seqs, expected, "{max} from {from}");
        }
    }
}

pub(crate) fn blobs_are_held_once<W: World>() {
    let mut world = W::new();
    let (x, _) = blob("x");
    assert!(!world.store().has_blob(&x));
    world.store().append(vec![entry_with("a", &["x", "x"]), entry_with("b", &["x"])]).unwrap();
    world.store().append(vec![entry_with("c", &["x", ""])]).unwrap();
    world.reopen();
    assert_eq!(world.store().blob(&x).unwrap().unwrap(), "x");
    assert_eq!(world.store().blob(&blob("").0).unwrap().unwrap(), "");
    assert_eq!(world.store().read(1, 1).unwrap()[0].blobs, [x, x]);
    check(world.store());
}

pub(crate) fn scans_in_order_after_a_key<W: World>() {
    let mut world = W::new();
    world.store().append(["b2", "a1", "b1", "c1", "b"].map(entry).to_vec()).unwrap();
    for _ in 0..2 {
        let store = world.store();
        let keys = |prefix: &[u8], after: Option<&[u8]>, limit| -> Vec<(String, u64)> {
            let found = store.scan(Index::Id, prefix, after, limit).unwrap();
            found.into_iter().map(|(key, seq)| (String::from_utf8(key).unwrap(), seq)).collect()
        };
        let [a1, b, b1, b2, c1] = [("a1", 2), ("b", 5), ("b1", 3), ("b2", 1), ("c1", 4)]
            .map(|(key, seq)| (key.to_owned(), seq));
        assert_eq!(keys(b"", None, 9), [a1, b.clone(), b1.clone(), b2.clone(), c1]);
        assert_eq!(keys(b"b", None, 9), [b.clone(), b1.clone(), b2.clone()]);
        assert_eq!(keys(b"b", None, 2), [b, b1.clone()]);
        assert_eq!(keys(b"b", Some(b"b"), 9), [b1, b2.clone()]);
        assert_eq!(keys(b"b", Some(b"b1"), 9), [b2]);
        assert_eq!(keys(b"b", Some(b"b2"), 9), []);
        assert_eq!(keys(b"b", Some(b"c"), 9), []);
        assert_eq!(keys(b"x", None, 9), []);
        assert_eq!(store.scan(Index::Case, b"b", None, 9).unwrap().len(), 3);
        assert_eq!(store.scan(Index::Ledger, b"", None, 9).unwrap(), []);
        world.reopen();
    }
}

pub(crate) fn a_later_entry_takes_a_key<W: World>() {
    let world = W::new();
    world.store().append(vec![entry("a"), entry("a")]).unwrap();
    assert_eq!(world.store().scan(Index::Id, b"a", None, 9).unwrap(), [(b"a".to_vec(), 2)]);
}

pub(crate) fn cursors_compare_and_set<W: World>() {
    let mut world = W::new();
    let store = world.store();
    assert_eq!(store.cursor("kr/live").unwrap(), None);
    assert!(!store.compare_and_set_cursor("kr/live", Some(1), Some(2)).unwrap());
    assert!(store.compare_and_set_cursor("kr/live", None, Some(5)).unwrap());
    assert!(!store.compare_and_set_cursor("kr/live", None, Some(6)).unwrap());
    assert!(store.compare_and_set_cursor("kr/live", Some(5), Some(7)).unwrap());
    assert!(store.compare_and_set_cursor("jp/live", None, Some(1)).unwrap());
    assert!(store.compare_and_set_cursor("jp/live", Some(1), None).unwrap());
    world.reopen();
    assert_eq!(world.store().cursor("kr/live").unwrap(), Some(7));
    assert_eq!(world.store().cursor("jp/live").unwrap(), None);
}

pub(crate) fn all_survives_a_reopen<W: World>() {
    let mut world = W::new();
    for round in 0..8 {
        let before = world.store().durable();
        world.reopen();
        assert_eq!(world.store().durable(), before);
        let text = format!("round {round}");
        world.store().append(vec![entry_with(&text, &[&text]), entry(&text)]).unwrap();
        check(world.store());
        let found = world.store().scan(Index::Id, b"round ", None, 99).unwrap();
        assert_eq!(found.len(), round + 1);
    }
}

pub(crate) fn an_empty_batch_is_a_barrier<W: World>() {
    let world = W::new();
    let store = world.store();
    assert_eq!(store.append(vec![]).unwrap().first, 1);
    let (sender, receiver) = channel();
    for _ in 0..10 {
        let sender = sender.clone();
        store.submit(vec![entry("a")], Box::new(move |result| sender.send(result).unwrap()));
    }
    let barrier = store.append(vec![]).unwrap();
    assert_eq!((barrier.first, barrier.last), (11, 10));
    assert_eq!(receiver.try_iter().count(), 10);
}

pub(crate) fn completions_come_in_order<W: World>() {
    let world = W::new();
    let (sender, receiver) = channel();
    for _ in 0..100 {
        let sender = sender.clone();
        let batch = vec![entry("a"), entry("b")];
        let done = move |result| sender.send(result).unwrap();
        world.store().submit(batch, Box::new(done));
    }
    let firsts: Vec<u64> = receiver
        .iter()
        .take(100)
        .map(|result: Result<_, StoreError>| result.unwrap().first)
        .collect();
    assert_eq!(firsts, (0..100).map(|batch| 2 * batch + 1).collect::<Vec<u64>>());
    check(world.store());
}

pub(crate) fn what_was_submitted_behind_a_refused_batch_is_refused<W: World>() {
    let mut world = W::new();
    world.store().append(vec![entry("a")]).unwrap();
    let submit = |world: &W, first: u64, text: &str| {
        let (sender, receiver) = channel();
        let done = move |result: Result<Appended, StoreError>| sender.send(result).unwrap();
        world.store().submit_at(first, vec![entry(text), entry(text)], Box::new(done));
        world.store().append(vec![]).unwrap();
        receiver.recv().unwrap()
    };
    assert_eq!(submit(&world, 2, "b").unwrap().last, 3);
    // The one at 4 never came.
    let refused = submit(&world, 6, "d").unwrap_err();
    assert!(matches!(refused, StoreError::OutOfTurn { wanted: 6, found: 4 }), "{refused}");
    assert_eq!(submit(&world, 4, "c").unwrap().first, 4);
    assert_eq!(submit(&world, 6, "d").unwrap().first, 6);
    check(world.store());
    world.reopen();
    assert_eq!(world.store().durable().seq, 7);
}

pub(crate) fn an_erased_blob_is_gone_and_refused<W: World>() {
    let mut world = W::new();
    let [x, y, never] = ["x", "y", "never"].map(|content| blob(content).0);
    world.store().append(vec![entry_with("a", &["x", "y"])]).unwrap();
    world.store().erase(&[x, x, never]).unwrap();
    world.store().erase(&[x]).unwrap();
    for _ in 0..2 {
        let store = world.store();
        assert_eq!(store.blob_state(&x), BlobState::Erased);
        assert_eq!(store.blob_state(&never), BlobState::Erased);
        assert_eq!(store.blob(&x).unwrap(), None);
        assert_eq!(store.blob(&y).unwrap().unwrap(), "y");
        let before = store.durable();
        for content in ["x", "never"] {
            let refused = store.append(vec![entry("b"), entry_with("c", &[content])]).unwrap_err();
            assert!(matches!(refused, StoreError::Erased(digest) if digest == blob(content).0));
        }
        assert_eq!(store.durable(), before);
        check(store);
        world.reopen();
    }
    world.store().append(vec![entry("d")]).unwrap();
    check(world.store());
}

pub(crate) fn an_oversized_batch_is_refused_whole<W: World>() {
    let world = W::new();
    let body = vec![0; bounds::ENTRY_BYTES + 1].into();
    let large = NewEntry { kind: 1, body, blobs: vec![] };
    let refused = world.store().append(vec![entry("a"), large]).unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge { bound: bounds::ENTRY_BYTES, .. }));
    assert_eq!(world.store().durable().seq, 0);
    let blobs = vec![(PartDigest([1; 32]), bytes::Bytes::new()); bounds::ENTRY_BLOBS + 1];
    let many = NewEntry { kind: 1, body: bytes::Bytes::new(), blobs };
    assert!(matches!(world.store().append(vec![many]), Err(StoreError::TooLarge { .. })));
    world.store().append(vec![entry("b")]).unwrap();
}

pub(crate) fn a_failed_sync_ends_writing_and_not_reading<W: World>() {
    let mut world = W::new();
    world.store().append(vec![entry_with("a", &["x"])]).unwrap();
    let before = world.store().durable();
    world.fail_next_sync();
    let failed = world.store().append(vec![entry_with("b", &["y"])]).unwrap_err();
    assert!(matches!(failed, StoreError::SyncFailed { .. }));
    world.free_disk();
    // The disk is well again; the store does not ask.
    assert!(matches!(world.store().append(vec![entry("c")]), Err(StoreError::SyncFailed { .. })));
    assert!(matches!(world.store().erase(&[blob("x").0]), Err(StoreError::SyncFailed { .. })));
    assert_eq!(world.store().durable(), before);
    assert_eq!(world.store().blob(&blob("x").0).unwrap().unwrap(), "x");
    assert_eq!(world.store().blob_state(&blob("y").0), BlobState::Absent);
    assert_eq!(world.store().scan(Index::Id, b"", None, 9).unwrap().len(), 1);
    world.reopen();
    assert_eq!(world.store().durable(), before);
    world.store().append(vec![entry_with("b", &["y"])]).unwrap();
    check(world.store());
}

pub(crate) fn a_full_disk_refuses_whole_and_recovers<W: World>() {
    let mut world = W::new();
    world.store().append(vec![entry_with("a", &["x"])]).unwrap();
    let before = world.store().durable();
    world.fill_disk();
    for _ in 0..3 {
        let refused = world.store().append(vec![entry("b"), entry_with("c", &["y"])]).unwrap_err();
        assert!(refused.is_full(), "{refused}");
        assert_eq!(world.store().durable(), before);
        assert_eq!(world.store().blob_state(&blob("y").0), BlobState::Absent);
        assert_eq!(world.store().read(1, 9).unwrap().len(), 1);
        assert_eq!(world.store().scan(Index::Id, b"", None, 9).unwrap().len(), 1);
    }
    world.free_disk();
    let appended = world.store().append(vec![entry("b"), entry_with("c", &["y"])]).unwrap();
    assert_eq!((appended.first, appended.last), (2, 3));
    world.reopen();
    assert_eq!(world.store().durable().chain, appended.head);
    check(world.store());
}

pub(crate) fn a_hint_follows_an_append<W: World>() {
    let world = W::new();
    let (one, two) = (world.store().subscribe(), world.store().subscribe());
    drop(two);
    for _ in 0..3 {
        world.store().append(vec![entry("a")]).unwrap();
    }
    one.recv_timeout(Duration::from_secs(10)).unwrap();
    world.store().append(vec![entry("b")]).unwrap();
    one.recv_timeout(Duration::from_secs(10)).unwrap();
}

pub(crate) fn writers_of_many_threads_share_one_chain<W: World>() {
    let world = W::new();
    let store = world.store();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            scope.spawn(move || {
                for number in 0..20 {
                    let text = format!("{writer}/{number}");
                    let batch = vec![entry_with(&text, &[&text]), entry(&text)];
                    let appended = store.append(batch).unwrap();
                    assert_eq!(appended.last, appended.first + 1);
                    assert!(store.durable().seq >= appended.last);
                    let key = store.scan(Index::Id, text.as_bytes(), None, 1).unwrap();
                    assert_eq!(key, [(text.into_bytes(), appended.last)]);
                }
            });
        }
    });
    assert_eq!(store.durable().seq, 8 * 20 * 2);
    check(store);
}

/// A body of three leaves, the last a short one, and its pieces.
fn unfinished() -> (Unfinished, Bytes, Vec<Piece>) {
    let content: Vec<u8> = (0..2 * LEAF_SIZE + 9).map(|at| (at % 251) as u8).collect();
    let (digest, content) = blob(content);
    let of = Unfinished { label: Bytes::from_static(b"who"), digest, length: content.len() as u64 };
    let leaves = content.chunks(LEAF_SIZE).enumerate();
    let pieces = leaves.map(|(leaf, bytes)| Piece {
        of: of.clone(),
        leaf: u32::try_from(leaf).unwrap(),
        bytes: Bytes::copy_from_slice(bytes),
    });
    (of.clone(), content.clone(), pieces.collect())
}

/// What is here of each body.
fn here(store: &dyn Store) -> Vec<Vec<(u64, u64)>> {
    store.unfinished().into_iter().map(|(_, leaves)| leaves.as_slice().to_vec()).collect()
}

pub(crate) fn pieces_make_a_body_and_are_no_blob<W: World>() {
    let world = W::new();
    let store = world.store();
    let (of, content, pieces) = unfinished();
    assert_eq!(store.gather(&of).unwrap(), None);
    store.keep(&pieces[..2]).unwrap();
    store.keep(&pieces[1..2]).unwrap();
    assert_eq!(here(store), [[(0, 1)]]);
    assert_eq!(store.gather(&of).unwrap(), None);
    store.keep(&pieces[2..]).unwrap();
    assert_eq!(store.gather(&of).unwrap().as_ref(), Some(&content));
    assert_eq!(store.blob_state(&of.digest), BlobState::Absent);
    assert_eq!(store.blob(&of.digest).unwrap(), None);
    let entry = NewEntry { blobs: vec![(of.digest, content)], ..entry("a") };
    store.append(vec![entry]).unwrap();
    store.discard(&of.label, &of.digest).unwrap();
    store.discard(&of.label, &of.digest).unwrap();
    assert!(here(store).is_empty());
    assert_eq!(store.gather(&of).unwrap(), None);
    assert!(store.has_blob(&of.digest));
    check(store);
}

pub(crate) fn pieces_survive_a_reopen_and_come_in_any_order<W: World>() {
    let mut world = W::new();
    let (of, content, mut pieces) = unfinished();
    pieces.reverse();
    world.store().keep(&pieces[..1]).unwrap();
    world.reopen();
    assert_eq!(here(world.store()), [[(2, 2)]]);
    world.store().keep(&pieces[1..]).unwrap();
    world.reopen();
    assert_eq!(world.store().unfinished()[0].0, of);
    assert_eq!(world.store().gather(&of).unwrap(), Some(content));
    // The same body under another label is another.
    let other = Unfinished { label: Bytes::from_static(b"somebody else"), ..of.clone() };
    let piece = Piece { of: other.clone(), ..pieces[0].clone() };
    world.store().keep(&[piece]).unwrap();
    assert_eq!(here(world.store()).len(), 2);
    world.store().discard(&of.label, &of.digest).unwrap();
    world.reopen();
    assert_eq!(world.store().unfinished()[0].0, other);
}

pub(crate) fn pieces_that_do_not_make_the_body_are_not_it<W: World>() {
    let world = W::new();
    let (of, _, mut pieces) = unfinished();
    let mut other = pieces[1].bytes.to_vec();
    other[5] ^= 1;
    pieces[1].bytes = other.into();
    world.store().keep(&pieces).unwrap();
    assert_eq!(world.store().gather(&of).unwrap(), None);
}

pub(crate) fn a_piece_of_another_size_is_refused<W: World>() {
    let world = W::new();
    let (_, _, pieces) = unfinished();
    let refused = |piece: Piece| {
        let refused = world.store().keep(&[pieces[0].clone(), piece]).unwrap_err();
        assert!(matches!(refused, StoreError::TooLarge { .. }), "{refused}");
        assert!(here(world.store()).is_empty(), "nothing of it is kept");
    };
    refused(Piece { bytes: pieces[1].bytes.slice(1..), ..pieces[1].clone() });
    refused(Piece { leaf: 2, ..pieces[1].clone() });
    refused(Piece { leaf: 3, ..pieces[2].clone() });
    refused(Piece { leaf: 3, bytes: Bytes::new(), ..pieces[2].clone() });
    let of = Unfinished { label: vec![0; bounds::LABEL_BYTES + 1].into(), ..pieces[0].of.clone() };
    refused(Piece { of, ..pieces[1].clone() });
    let of = Unfinished { length: u64::MAX, ..pieces[0].of.clone() };
    refused(Piece { of, ..pieces[1].clone() });
}

pub(crate) fn a_body_of_another_length_is_another_body<W: World>() {
    let world = W::new();
    let (of, _, pieces) = unfinished();
    world.store().keep(&pieces[..2]).unwrap();
    let longer = Unfinished { length: of.length + LEAF_SIZE as u64, ..of.clone() };
    world.store().keep(&[Piece { of: longer.clone(), ..pieces[0].clone() }]).unwrap();
    let bodies = world.store().unfinished();
    assert_eq!(bodies.len(), 1);
    assert_eq!((&bodies[0].0, bodies[0].1.as_slice()), (&longer, &[(0, 0)][..]));
    assert_eq!(world.store().gather(&of).unwrap(), None);
}

pub(crate) fn an_erased_body_is_refused_in_pieces<W: World>() {
    let mut world = W::new();
    let (of, _, pieces) = unfinished();
    world.store().keep(&pieces).unwrap();
    world.store().erase(&[of.digest]).unwrap();
    assert!(here(world.store()).is_empty());
    let refused = world.store().keep(&pieces[..1]).unwrap_err();
    assert!(matches!(refused, StoreError::Erased(_)), "{refused}");
    world.reopen();
    assert!(here(world.store()).is_empty());
}

pub(crate) fn a_full_disk_refuses_pieces_and_recovers<W: World>() {
    let mut world = W::new();
    let (of, content, pieces) = unfinished();
    world.store().keep(&pieces[..1]).unwrap();
    world.fill_disk();
    for _ in 0..2 {
        let refused = world.store().keep(&pieces[1..]).unwrap_err();
        assert!(refused.is_full(), "{refused}");
        assert_eq!(here(world.store()), [[(0, 0)]]);
    }
    world.free_disk();
    world.store().keep(&pieces[1..]).unwrap();
    world.reopen();
    assert_eq!(world.store().gather(&of).unwrap(), Some(content));
    world.store().append(vec![entry("a")]).unwrap();
    check(world.store());
}
