//! The shell over a store whose free space is injected, on paused time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self as blocking, Receiver};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use comity_core::journal::{Founded, JournalEntry};
use comity_core::keyring::{Grant, KeyringBuilder};
use comity_core::ledger::Ranges;
use comity_core::record::{Draft, Header};
use comity_core::sign::SecretKey;
use comity_core::test_util::{SeededEntropy, TestEconomy};
use comity_core::{Kind, Marking, PartDigest, Section, Timestamp, Tlp};
use comity_store::{
    Appended, BlobState, Completion, Entry, Index, MemoryStore, NewEntry, Piece, StoreError,
    Syncing, Unfinished, Watermark,
};
use tokio::time::{advance, sleep};

use super::*;
use crate::clock::{self, Sources};
use crate::engine::Command;

const KEEP_FREE: u64 = 1 << 20;

struct World {
    author: SecretKey,
    id: EconomyId,
    store: Arc<MemoryStore>,
    free: Arc<AtomicU64>,
    /// Keeps the journal from being folded, and says how often that was begun.
    gate: Gate,
    folds: Arc<AtomicU64>,
    handle: Handle,
    clock: Arc<NodeClock>,
}

/// Whoever reads from the start waits until the other end is dropped.
type Gate = Arc<Mutex<Option<Receiver<()>>>>;

/// A store that counts how often it is read from its start, and lets the first reader wait.
struct Slow {
    store: Arc<MemoryStore>,
    folds: Arc<AtomicU64>,
    gate: Gate,
}

impl Store for Slow {
    fn append(&self, batch: Vec<NewEntry>) -> Result<Appended, StoreError> {
        self.store.append(batch)
    }
    fn submit(&self, batch: Vec<NewEntry>, done: Completion) {
        self.store.submit(batch, done);
    }
    fn submit_at(&self, first: Seq, batch: Vec<NewEntry>, done: Completion) {
        self.store.submit_at(first, batch, done);
    }
    fn durable(&self) -> Watermark {
        self.store.durable()
    }
    fn read(&self, from: Seq, max: usize) -> Result<Vec<Entry>, StoreError> {
        if from == 1 {
            self.folds.fetch_add(1, Ordering::SeqCst);
            let gate = self.gate.lock().unwrap().take();
            gate.map(|gate| gate.recv());
        }
        self.store.read(from, max)
    }
    fn blob(&self, digest: &PartDigest) -> Result<Option<Bytes>, StoreError> {
        self.store.blob(digest)
    }
    fn blob_state(&self, digest: &PartDigest) -> BlobState {
        self.store.blob_state(digest)
    }
    fn scan(
        &self,
        index: Index,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Seq)>, StoreError> {
        self.store.scan(index, prefix, after, limit)
    }
    fn cursor(&self, name: &str) -> Result<Option<u64>, StoreError> {
        self.store.cursor(name)
    }
    fn compare_and_set_cursor(
        &self,
        name: &str,
        expected: Option<u64>,
        new: Option<u64>,
    ) -> Result<bool, StoreError> {
        self.store.compare_and_set_cursor(name, expected, new)
    }
    fn erase(&self, digests: &[PartDigest]) -> Result<(), StoreError> {
        self.store.erase(digests)
    }
    fn keep(&self, pieces: &[Piece]) -> Result<(), StoreError> {
        self.store.keep(pieces)
    }
    fn unfinished(&self) -> Vec<(Unfinished, Ranges)> {
        self.store.unfinished()
    }
    fn gather(&self, body: &Unfinished) -> Result<Option<Bytes>, StoreError> {
        self.store.gather(body)
    }
    fn discard(&self, label: &[u8], digest: &PartDigest) -> Result<(), StoreError> {
        self.store.discard(label, digest)
    }
    fn subscribe(&self) -> Receiver<()> {
        self.store.subscribe()
    }
}

impl World {
    fn new() -> Self {
        Self::with(NodeClock::new)
    }

    fn with(clock: impl FnOnce(Timestamp) -> NodeClock) -> Self {
        let key = |seed: u8| SecretKey::from_seed(&[seed; 32]);
        let (root, next, link, author) = (key(1), key(2), key(3), key(4));
        let builder = KeyringBuilder::found(TestEconomy::genesis(&root, &next));
        let (id, now) = (builder.economy(), clock::now());
        let day = Duration::from_secs(86_400);
        let (from, until) = (now.saturating_sub(day), now.saturating_add(day));
        let kinds = Kind::ALL.iter().copied();
        let keyring = builder
            .grant(Grant::link(id, link.public(), from, until))
            .grant(Grant::author(id, author.public(), kinds, Tlp::Red, from, until))
            .sign(&[&root])
            .unwrap();
        let keyring = keyring.encoded().to_vec();
        let store = Arc::new(MemoryStore::new(|_| Vec::new(), Syncing::AtOnce));
        let founded =
            JournalEntry::Founded(Founded { economy: id, code: "KR".to_owned(), keyring, at: now });
        let body = founded.encode().into();
        store.append(vec![NewEntry { kind: founded.kind(), body, blobs: Vec::new() }]).unwrap();
        let mut state = crate::node::fold(&*store).unwrap();
        state.set_chain(store.durable().chain);
        let engine = Engine::new(state, link, Box::new(SeededEntropy::new(1)));
        let free = Arc::new(AtomicU64::new(u64::MAX));
        let clock = Arc::new(clock(now));
        let seen = free.clone();
        let (gate, folds) = (Gate::default(), Arc::new(AtomicU64::new(0)));
        let slow = Slow { store: store.clone(), folds: folds.clone(), gate: gate.clone() };
        let parts = Parts {
            engine,
            store: Arc::new(slow),
            folder: "nowhere".into(),
            outlasting: None,
            keep_free: KEEP_FREE,
            room: Box::new(move |_| Some(seen.load(Ordering::Relaxed))),
            clock: clock.clone(),
            net: None,
        };
        let (handle, _, _) = start(parts);
        Self { author, id, store, free, gate, folds, handle, clock }
    }

    async fn publish(&self, text: &str) -> Result<Reply, CommandError> {
        let mut draft = Draft::new(Kind::Advisory);
        let marking = Some(Marking::new(Tlp::Clear));
        let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
        draft.parts.push((header, text.as_bytes().to_vec()));
        let mut entropy = SeededEntropy::new(text.len() as u64);
        let composed = draft.sign(&self.author, self.id, clock::now(), &mut entropy).unwrap();
        let command = Command::Publish {
            record: Box::new(composed.record),
            parts: composed.parts,
            title: text.to_owned(),
            draft: None,
        };
        self.handle.command(command).await.unwrap()
    }

    /// Records that whoever asks now is shown.
    async fn records(&self) -> usize {
        self.handle.ask(|engine, _| engine.state().records().count()).await.unwrap()
    }

    async fn full(&self) -> bool {
        self.handle.ask(|engine, _| engine.is_full()).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_disk_was_full_goes_on_by_itself_when_there_is_room() {
    let world = World::new();
    assert!(world.publish("first").await.is_ok());
    let durable = world.store.durable();

    // The write meets a full disk before the reserve is seen to be gone.
    world.store.set_room(Some(16));
    assert_eq!(world.publish("second").await, Err(CommandError::DiskFull));
    world.free.store(0, Ordering::Relaxed);
    sleep(Duration::from_secs(600)).await;
    assert!(world.full().await);
    assert_eq!(world.publish("second").await, Err(CommandError::DiskFull));
    assert_eq!(world.store.durable(), durable);
    let why = world.handle.ask(|engine, _| engine.failed()).await.unwrap().unwrap();
    assert!(why.contains("goes on by itself"), "{why}");

    // Less than the reserve is no room yet.
    world.store.set_room(None);
    world.free.store(KEEP_FREE - 1, Ordering::Relaxed);
    sleep(Duration::from_secs(600)).await;
    assert!(world.full().await);

    world.free.store(KEEP_FREE, Ordering::Relaxed);
    sleep(Duration::from_secs(1)).await;
    assert!(!world.full().await);
    assert_eq!(world.records().await, 1, "what was refused is not there");
    assert!(world.publish("second").await.is_ok());
    assert!(crate::node::fold(&*world.store).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_shows_room_and_takes_nothing_is_not_tried_all_the_time() {
    let world = World::new();
    world.store.set_room(Some(16));
    let refused = Err(CommandError::DiskFull);
    assert_eq!(world.publish("a quota is used up").await, refused);
    sleep(Duration::from_secs(1)).await;
    assert!(!world.full().await, "there seems to be room");
    for _ in 0..3 {
        assert_eq!(world.publish("a quota is used up").await, refused);
        sleep(Duration::from_secs(15)).await;
        assert!(world.full().await);
        sleep(Duration::from_secs(20)).await;
        assert!(!world.full().await, "it is tried again after a while");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_stays_read_only_after_a_failed_sync() {
    let world = World::new();
    assert!(world.publish("first").await.is_ok());
    world.store.fail_next_sync();
    let refused = world.publish("second").await;
    assert!(matches!(refused, Err(CommandError::Store(_))), "{refused:?}");
    sleep(Duration::from_secs(3600)).await;
    let failed = world.handle.ask(|engine, _| engine.failed()).await.unwrap();
    assert!(failed.is_some() && !world.full().await);
    let refused = world.publish("third").await;
    assert!(matches!(refused, Err(CommandError::Store(_))), "{refused:?}");
    let why = world.handle.ask(|engine, _| engine.failed()).await.unwrap().unwrap();
    assert!(why.contains("until it is started again"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_clock_counts_only_once_a_person_has_confirmed_it() {
    let start = clock::now();
    let since = Instant::now();
    let ahead = Arc::new(AtomicU64::new(0));
    let stepped = ahead.clone();
    let world = World::with(|written| {
        let base = Duration::from_millis(start.as_millis());
        let wall =
            move || base + since.elapsed() + Duration::from_secs(stepped.load(Ordering::Relaxed));
        let count = Box::new(move || since.elapsed());
        NodeClock::over(Sources { count, wall: Box::new(wall) }, written)
    });
    let entered = async |text: &str| {
        assert!(world.publish(text).await.is_ok());
        let newest = world.handle.ask(|engine, _| engine.state().written());
        newest.await.unwrap().since(start)
    };
    let told = async || {
        let told = world.handle.ask(|_, seen| {
            let codes = seen.alarms.iter().map(|(_, alarm)| alarm.code);
            // The keys of this world end soon, and that is told as well.
            codes.filter(|code| *code != "key-ends").collect::<Vec<_>>()
        });
        told.await.unwrap()
    };
    let (hour, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
    sleep(minute).await;
    ahead.store(3 * 3600, Ordering::Relaxed);
    assert!(entered("first").await < 2 * minute, "the step is not followed");
    sleep(hour).await;
    assert!(entered("second").await < hour + 2 * minute, "nor later");
    assert_eq!(told().await, ["clock-ahead"], "said once");
    ahead.store(0, Ordering::Relaxed);
    sleep(minute).await;
    ahead.store(4 * 3600, Ordering::Relaxed);
    sleep(minute).await;
    assert_eq!(told().await, ["clock-ahead"; 2], "another step, another alarm");
    let seen = world.clock.look();
    assert!(seen.is_held() && world.clock.confirm(seen.system).is_ok());
    assert!(entered("third").await > 4 * hour);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_shown_what_was_never_written() {
    let full = World::new();
    assert!(full.publish("first").await.is_ok());
    full.store.set_room(Some(16));
    assert_eq!(full.publish("second").await, Err(CommandError::DiskFull));
    full.free.store(0, Ordering::Relaxed);
    assert_eq!(full.records().await, 1);
    assert!(full.full().await, "it is still full");

    let failed = World::new();
    assert!(failed.publish("first").await.is_ok());
    failed.store.fail_next_sync();
    assert!(failed.publish("second").await.is_err());
    assert_eq!(failed.records().await, 1);
    let why = failed.handle.ask(|engine, _| engine.failed()).await.unwrap();
    assert!(why.is_some(), "it stays read-only");
}

#[tokio::test(start_paused = true)]
async fn a_slow_journal_is_folded_once() {
    let world = World::new();
    assert!(world.publish("first").await.is_ok());
    let (closed, gate) = blocking::channel();
    *world.gate.lock().unwrap() = Some(gate);
    world.store.set_room(Some(16));
    assert_eq!(world.publish("second").await, Err(CommandError::DiskFull));
    world.store.set_room(None);
    // A minute for a journal that takes longer.
    for _ in 0..240 {
        advance(Duration::from_millis(250)).await;
        tokio::task::yield_now().await;
    }
    drop(closed);
    assert_eq!(world.records().await, 1);
    sleep(Duration::from_secs(60)).await;
    assert!(!world.full().await);
    assert_eq!(world.folds.load(Ordering::SeqCst), 1);
}
