//! The store as the engine sees it: one trait, and what passes through it.

use std::sync::mpsc::Receiver;

use bytes::Bytes;
use comity_core::digest::domains;
use comity_core::ledger::Ranges;
use comity_core::{Digest, PartDigest};

use crate::{Piece, StoreError, Unfinished};

/// The place of an entry in the journal: dense, from 1. It never leaves the node.
pub type Seq = u64;

/// What is to be written: opaque bytes, and the blobs that belong to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewEntry {
    /// What kind of entry the caller says it is; zero to 255, of no meaning here.
    pub kind: u8,
    /// Bytes that the chain covers.
    pub body: Bytes,
    /// Bytes beside the chain, which covers their digests only. One that is held already is not written again.
    pub blobs: Vec<(PartDigest, Bytes)>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub seq: Seq,
    /// The caller's kind.
    pub kind: u8,
    /// The bytes that the chain covers.
    pub body: Bytes,
    /// The chain's head after this entry.
    pub chain: Digest,
    /// The blobs that came with it, in the order they were given.
    pub blobs: Vec<PartDigest>,
}

/// The chain's head after an entry: a digest over the head before it and everything that it says.
#[must_use]
pub fn chain_next(
    before: Digest,
    seq: Seq,
    kind: u8,
    blobs: impl ExactSizeIterator<Item = PartDigest>,
    body: &[u8],
) -> Digest {
    let count = (blobs.len() as u64).to_be_bytes();
    let digests: Vec<u8> = blobs.flat_map(|digest| digest.0).collect();
    Digest::of_all(
        domains::JOURNAL_CHAIN,
        &[before.as_bytes(), &seq.to_be_bytes(), &[kind], &count, &digests, body],
    )
}

/// A batch that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its first entry. For an empty batch the entry that comes next.
    pub first: Seq,
    /// Its last entry. For an empty batch the last that is durable.
    pub last: Seq,
    /// The chain's head after its last entry.
    pub head: Digest,
}

/// How far the journal is durable. Readers see nothing beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The last durable entry; zero when there is none.
    pub seq: Seq,
    /// The chain's head after it.
    pub chain: Digest,
}

impl Watermark {
    /// Before the first entry.
    pub const START: Self = Self { seq: 0, chain: Digest::ZERO };
}

/// Whether a blob is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobState {
    /// Never seen.
    Absent,
    /// Held.
    Held,
    /// Erased, and refused when it comes again.
    Erased,
}

macro_rules! indexes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)+) => {
        /// A view of the journal: keys that the caller's [`Indexer`] gives, each with one entry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Index {
            $($(#[$doc])* $name,)+
        }

        impl Index {
            /// Every index.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The byte before its keys on disk.
            pub(crate) const fn code(self) -> u8 {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

indexes!(
    /// Records by id.
    Id = 16;
    /// Records by kind and time.
    KindTime = 17;
    /// Records by case.
    Case = 18;
    /// Records by origin.
    Origin = 19;
    /// Records by urgency.
    Urgency = 20;
    /// Records by their short local reference.
    Reference = 21;
    /// Deliveries and receipts by partner and number.
    Ledger = 22;
    /// Unsigned local drafts.
    Draft = 23;
    /// Parts by digest: the entries that they came with.
    Part = 24;
    /// What is not yet verified.
    Pending = 25;
    /// Deliveries by record: whom it was handed to.
    Recipient = 26;
);

/// A key under which an entry is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexKey {
    /// The index.
    pub index: Index,
    /// The key. When two entries give one key, the later has it: an index with several entries to
    /// one term puts what tells them apart (say the sequence number) at the key's end.
    pub key: Vec<u8>,
}

/// The keys of an entry. A pure function, for the views are rebuilt with it; when it changes, so must
/// [`crate::Options::index_version`].
pub type Indexer = fn(&Entry) -> Vec<IndexKey>;

/// What is called when a batch is durable, or is not.
///
/// It runs on the committer's thread, in the order of submission, so it must be short and must not
/// call [`Store::append`], [`Store::submit`] or [`Store::erase`], which may wait for that thread.
pub type Completion = Box<dyn FnOnce(Result<Appended, StoreError>) + Send>;

/// A journal with its views.
///
/// **Durability.** What was acknowledged survives a crash and a power cut, whole. A batch that was not
/// acknowledged is wholly there afterwards or not at all. **Order.** Batches get their numbers in the
/// order of submission. **Visibility.** `read`, `blob` and `scan` see everything that was acknowledged
/// before the call, and nothing that is not durable. **After a failed sync** nothing more is acknowledged
/// and reading goes on. **Full disk:** the batch is refused whole, reading goes on, and writing works
/// again when there is room.
pub trait Store: Send + Sync {
    /// Writes a batch and returns when it is durable: the whole batch or nothing.
    ///
    /// An empty batch is a barrier: it returns when everything submitted before is durable.
    fn append(&self, batch: Vec<NewEntry>) -> Result<Appended, StoreError>;

    /// Queues a batch, and calls `done` when it is durable. Waits only while the queue is full.
    fn submit(&self, batch: Vec<NewEntry>, done: Completion);

    /// [`Store::submit`] of a batch whose first entry is to get the place `first`: refused with
    /// [`StoreError::OutOfTurn`] when it would get another.
    ///
    /// Whoever reckons with its entries before they are durable submits all of them so: when one batch
    /// is refused, those that were submitted behind it are refused as well.
    fn submit_at(&self, first: Seq, batch: Vec<NewEntry>, done: Completion);

    /// How far the journal is durable.
    fn durable(&self) -> Watermark;

    /// Entries from `from` on, in order: at most `max`, and fewer when they are large
    /// ([`crate::bounds::READ_BYTES`]), but never none when there is one.
    fn read(&self, from: Seq, max: usize) -> Result<Vec<Entry>, StoreError>;

    /// A blob's bytes; `None` when it is absent or erased.
    fn blob(&self, digest: &PartDigest) -> Result<Option<Bytes>, StoreError>;

    /// Whether a blob is here.
    fn blob_state(&self, digest: &PartDigest) -> BlobState;

    /// Whether a blob is held.
    fn has_blob(&self, digest: &PartDigest) -> bool {
        self.blob_state(digest) == BlobState::Held
    }

    /// Keys of an index that begin with `prefix` and are greater than `after`, ascending, each with
    /// its entry. It proposes candidates only: nothing may be decided by a view.
    fn scan(
        &self,
        index: Index,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Seq)>, StoreError>;

    /// A cursor's value. After a crash it may be an older one, or none: the owner scans again.
    fn cursor(&self, name: &str) -> Result<Option<u64>, StoreError>;

    /// Sets a cursor when it is what the caller takes it to be. `None` as `new` removes it.
    fn compare_and_set_cursor(
        &self,
        name: &str,
        expected: Option<u64>,
        new: Option<u64>,
    ) -> Result<bool, StoreError>;

    /// Overwrites blobs in place and refuses them from then on, held or not. Returns when it is durable.
    ///
    /// The caller journals first why; a crash in between leaves the erasure to be asked for again.
    fn erase(&self, digests: &[PartDigest]) -> Result<(), StoreError>;

    /// Keeps pieces of bodies that have not come whole, and returns when they are durable. They are no
    /// blobs: nothing but [`Store::unfinished`] and [`Store::gather`] shows them. A piece that is here is
    /// not written again; what is here of a body under the same label and another length goes.
    ///
    /// Pieces are disposable. A crash loses none that was kept, but a copy of the store has none, and a
    /// file that cannot be read is deleted: whoever waits for a body asks for what is not listed.
    fn keep(&self, pieces: &[Piece]) -> Result<(), StoreError>;

    /// The bodies that have not come whole, each with the leaves that are here.
    fn unfinished(&self) -> Vec<(Unfinished, Ranges)>;

    /// A body of which every piece is here; `None` where one is missing, or they do not make it.
    fn gather(&self, body: &Unfinished) -> Result<Option<Bytes>, StoreError>;

    /// Lets go of what is here of a body, whole or not. What is not here is no error.
    fn discard(&self, label: &[u8], digest: &PartDigest) -> Result<(), StoreError>;

    /// A hint after every advance of the watermark. Hints that nobody has taken are merged into one.
    fn subscribe(&self) -> Receiver<()>;
}
