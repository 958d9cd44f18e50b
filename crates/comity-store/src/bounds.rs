//! Every bound of the store, in one place.

use comity_core::limits;

/// Batches that wait for the committer. A submitter waits for room when it is full.
pub const QUEUE_BATCHES: usize = 1024;
/// Batches that one sync serves.
pub const GROUP_BATCHES: usize = 1024;
/// Bytes after which a group takes no further batch.
pub const GROUP_BYTES: usize = 8 << 20;
/// Bytes of one batch, bodies and blobs together.
pub const BATCH_BYTES: usize = 512 << 20;
/// Bytes of one entry's body.
pub const ENTRY_BYTES: usize = limits::ENTRY_BYTES;
/// Blobs that one entry names: the parts of a record, and its title.
pub const ENTRY_BLOBS: usize = limits::PARTS + 1;
/// Bytes of one blob.
pub const BLOB_BYTES: usize = limits::PART_BYTES;
/// Bytes of bodies that one read returns, unless its first entry alone is larger.
pub const READ_BYTES: usize = 16 << 20;
/// Entries that one batch of the views covers.
pub const VIEW_ENTRIES: usize = 512;
/// Largest size at which a new segment may be asked to begin; offsets within a segment are 32 bits wide.
pub const SEGMENT_BYTES: u64 = 1 << 30;
/// Bytes by which the owner of an unfinished body knows it.
pub const LABEL_BYTES: usize = 256;
/// Bytes of a cursor's name.
pub const CURSOR_NAME_BYTES: usize = 1024;
