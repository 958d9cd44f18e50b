//! A process that writes is killed, again and again. What it was told is durable is there, whole.
//!
//! The child is this test program itself, told by its environment what to do. It writes batches that
//! follow from their number, so that the parent knows every byte that must be there, and prints what was
//! acknowledged.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stand outside of test functions, where the linter looks for them"
)]

#[path = "support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use comity_core::PartDigest;
use comity_store::{
    BlobState, Entry, FileStore, Index, NewEntry, Options, Seq, Store, ViewsState, verify,
};
use support::{Draw, blob};

const FOLDER: &str = "COMITY_STORE_CRASH_FOLDER";
const NEXT: &str = "COMITY_STORE_CRASH_NEXT";
const ROUNDS: u64 = 50;
/// The most batches that one child writes.
const BATCHES: u64 = 60;

fn options() -> Options {
    support::options(96 << 10, None)
}

/// The batch of a number: one to four entries, each naming the batch, its place in it and the batch's size.
fn batch_of(number: u64) -> Vec<NewEntry> {
    let mut draw = Draw(number);
    let size = 1 + draw.below(4);
    let entries = (0..size).map(|place| {
        let mut body = format!("{number}.{place}.{size}.").into_bytes();
        let noise = draw.below(900) as usize;
        body.extend(draw.bytes(noise));
        let blobs = (0..draw.below(3)).map(|_| {
            let length = if draw.below(60) == 0 { 150_000 } else { draw.below(3_000) };
            blob(draw.bytes(length as usize))
        });
        NewEntry { kind: place as u8, blobs: blobs.collect(), body: body.into() }
    });
    entries.collect()
}

/// The batch, the place in it and the batch's size that an entry names.
fn named(entry: &Entry) -> (u64, usize, usize) {
    let mut fields = entry.body.split(|byte| *byte == b'.');
    let mut field = || {
        let text = std::str::from_utf8(fields.next().unwrap()).unwrap();
        text.parse::<u64>().unwrap()
    };
    (field(), field() as usize, field() as usize)
}

/// What the child does; it does nothing when the test program is run as such.
#[test]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let next: u64 = env::var(NEXT).unwrap().parse().unwrap();
    let (store, _) = FileStore::open(Path::new(&folder), options()).unwrap();
    let (sender, receiver) = channel();
    sender.send("\nopened\n".to_owned()).unwrap();
    let printer = thread::spawn(move || {
        let mut out = std::io::stdout();
        for line in receiver {
            let line: String = line;
            out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
        }
    });
    let mut draw = Draw(next);
    for number in next.. {
        let acknowledged = sender.clone();
        let batch = batch_of(number);
        let digests: Vec<PartDigest> =
            batch.iter().flat_map(|entry| &entry.blobs).map(|(digest, _)| *digest).collect();
        store.submit(
            batch,
            Box::new(move |result| {
                let done = result.unwrap();
                let line =
                    format!("\nstored {number} {} {} {}\n", done.first, done.last, done.head);
                acknowledged.send(line).unwrap();
            }),
        );
        if draw.below(16) == 0 && !digests.is_empty() {
            store.append(vec![]).unwrap();
            store.erase(&digests[..1]).unwrap();
            sender.send(format!("\nerased {}\n", digests[0])).unwrap();
        }
        // Enough for any moment to be hit, and little enough for every byte to be checked 50 times.
        if number >= next + BATCHES {
            thread::park();
        }
        if draw.below(8) == 0 {
            thread::sleep(Duration::from_micros(draw.below(2_000)));
        }
    }
    printer.join().unwrap();
}

/// What the children were told.
#[derive(Default)]
struct Told {
    /// Batch number -> first and last entry, head after it.
    stored: BTreeMap<u64, (Seq, Seq, String)>,
    erased: BTreeSet<PartDigest>,
}

impl Told {
    fn line(&mut self, line: &str) {
        let fields: Vec<&str> = line.split(' ').collect();
        match fields[..] {
            ["stored", number, first, last, head] => {
                let entries = (first.parse().unwrap(), last.parse().unwrap(), head.to_owned());
                self.stored.insert(number.parse().unwrap(), entries);
            }
            ["erased", digest] => {
                self.erased.insert(digest.parse().unwrap());
            }
            // What the test harness says.
            _ => {}
        }
    }
}

fn spawn_child(folder: &Path, next: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(NEXT, next.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs a child, kills it after a while, and notes what it was told.
fn run_and_kill(folder: &Path, next: u64, draw: &mut Draw, told: &mut Told) {
    let mut child = spawn_child(folder, next);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, opened) = channel();
    let reader = thread::spawn(move || {
        let lines = lines.map_while(Result::ok).inspect(|line| {
            if line == "opened" {
                sender.send(()).unwrap_or_default();
            }
        });
        lines.collect::<Vec<String>>()
    });
    // Most die while they write, some while they open or before.
    let wait = Duration::from_millis(draw.below(60));
    if draw.below(5) != 0 {
        opened.recv().unwrap();
    }
    thread::sleep(wait);
    assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    // The last line may be half written; a newline stands before and after each that counts.
    for line in reader.join().unwrap() {
        told.line(&line);
    }
}

/// Every entry with its blobs; returns the number of the batch that comes next.
fn check(store: &FileStore, told: &Told, written: &mut Vec<Vec<NewEntry>>) -> u64 {
    let mut entries = Vec::new();
    while let Some(found) =
        Some(store.read(entries.len() as u64 + 1, 4096).unwrap()).filter(|found| !found.is_empty())
    {
        entries.extend(found);
    }
    assert_eq!(entries.len() as u64, store.durable().seq);
    let mut at = 0;
    let mut number = 0;
    while at < entries.len() {
        assert_eq!(named(&entries[at]).0, number, "batches stand in order, none twice");
        if written.len() as u64 == number {
            written.push(batch_of(number));
        }
        let expected = &written[number as usize];
        let batch = entries.get(at..at + expected.len()).expect("a whole batch or nothing");
        for (place, (new, entry)) in expected.iter().zip(batch).enumerate() {
            assert_eq!(named(entry), (number, place, expected.len()));
            assert_eq!((entry.kind, &entry.body), (new.kind, &new.body));
            let digests: Vec<PartDigest> = new.blobs.iter().map(|(digest, _)| *digest).collect();
            assert_eq!(entry.blobs, digests);
            for (digest, content) in &new.blobs {
                match store.blob_state(digest) {
                    BlobState::Held => {
                        assert!(!told.erased.contains(digest));
                        assert_eq!(store.blob(digest).unwrap().as_ref(), Some(content));
                    }
                    BlobState::Erased => assert_eq!(store.blob(digest).unwrap(), None),
                    BlobState::Absent => panic!("a part of batch {number} is not there"),
                }
            }
        }
        if let Some((first, last, head)) = told.stored.get(&number) {
            assert_eq!((*first, *last), (batch[0].seq, batch[batch.len() - 1].seq));
            assert_eq!(*head, batch[batch.len() - 1].chain.to_string());
        }
        at += expected.len();
        number += 1;
    }
    let last_told = told.stored.last_key_value().map_or(0, |(number, _)| number + 1);
    assert!(
        number >= last_told,
        "batch {last_told} was acknowledged and {number} batches are there"
    );
    check_views(store, &entries);
    number
}

fn check_views(store: &FileStore, entries: &[Entry]) {
    let expected: BTreeMap<Vec<u8>, Seq> = entries
        .iter()
        .flat_map(|entry| support::indexer(entry).into_iter().map(|key| (key, entry.seq)))
        .filter(|(key, _)| key.index == Index::Id)
        .map(|(key, seq)| (key.key, seq))
        .collect();
    let mut found = Vec::new();
    loop {
        let after = found.last().map(|(key, _): &(Vec<u8>, Seq)| key.clone());
        let more = store.scan(Index::Id, &[], after.as_deref(), 1000).unwrap();
        if more.is_empty() {
            break;
        }
        found.extend(more);
    }
    assert_eq!(found, Vec::from_iter(expected));
}

/// Ruins the views: deleted, or overwritten with noise, whole or in a piece.
fn ruin(views: &Path, draw: &mut Draw) {
    let kind = draw.below(3);
    if kind == 0 {
        return fs::remove_dir_all(views).unwrap();
    }
    for file in files_under(views) {
        let mut bytes = fs::read(&file).unwrap();
        let from = if kind == 1 { 0 } else { draw.below(bytes.len() as u64 + 1) as usize };
        let length = if kind == 1 { bytes.len() } else { 64.min(bytes.len() - from) };
        let noise = draw.bytes(length);
        bytes[from..from + length].copy_from_slice(&noise);
        fs::write(&file, bytes).unwrap();
    }
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|found| found.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] }).collect()
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = support::folder();
    let mut draw = Draw(20_261_121);
    let mut told = Told::default();
    let mut next = 0;
    let mut rebuilt = 0;
    let mut written = Vec::new();
    for round in 0..ROUNDS {
        run_and_kill(folder.path(), next, &mut draw, &mut told);
        if round % 2 == 1 {
            ruin(&folder.path().join("views"), &mut draw);
        }
        if !folder.path().join("journal").exists() {
            continue;
        }
        let report = verify(folder.path(), &options()).unwrap();
        assert!(report.is_sound(), "round {round}: {:?}", report.damage);
        let (store, report) = FileStore::open(folder.path(), options()).unwrap();
        rebuilt += u64::from(matches!(report.views, ViewsState::Rebuilt { .. }));
        assert!(!matches!(report.views, ViewsState::InMemory { .. }), "{report:?}");
        next = check(&store, &told, &mut written);
        drop(store);
        if round % 5 == 4 {
            let report = verify(folder.path(), &options()).unwrap();
            let whole = report.is_sound() && report.tail.is_none() && report.views.is_none();
            assert!(whole, "{report:?}");
        }
    }
    assert!(told.stored.len() > 500, "only {} batches were acknowledged", told.stored.len());
    assert!(told.erased.len() > 5, "only {} blobs were erased", told.erased.len());
    assert!(rebuilt >= ROUNDS / 2 - 5, "the views were rebuilt only {rebuilt} times");
}
