//! Every bound of the link, in one place.

use std::time::Duration;

use comity_core::digest::LEAF_SIZE;
use comity_core::limits;

/// Deliveries that may be on their way to a partner, unanswered.
pub const IN_FLIGHT_DELIVERIES: usize = 1024;
/// Bytes of records and parts on their way, large parts not counted.
pub const IN_FLIGHT_BYTES: usize = limits::DELIVERY_BYTES;
/// Large parts on their way: those of more than one chunk.
pub const IN_FLIGHT_LARGE: usize = 2;

/// Bytes of a part that travels within its batch; others travel in chunks on streams of their own.
pub const INLINE_PART_BYTES: usize = limits::INLINE_PART_BYTES;
/// Bytes of all parts of one delivery that travel within its batch.
pub const INLINE_DELIVERY_BYTES: usize = 256 * 1024;
/// Large parts of which a receiver keeps chunks for a partner, arriving or left by a connection that
/// broke: those on their way, and as many that wait to be sent again.
pub const KEPT_PARTS: usize = 2 * IN_FLIGHT_LARGE;
/// Bytes of these parts, as long as they are to become: the largest that may be on their way, and one
/// more that waits.
pub const KEPT_BYTES: usize = (IN_FLIGHT_LARGE + 1) * limits::PART_BYTES;
/// Parts of which a sender remembers the chunks that its partner asked for. Of others it sends all.
/// As many the receiver remembers that it has asked for.
pub const WANTS: usize = 16 * KEPT_PARTS;
/// Bytes of one chunk: one leaf of the part's tree, so that each is verified alone.
pub const CHUNK_BYTES: usize = LEAF_SIZE;
/// Chunks of the largest part.
pub const CHUNKS: usize = limits::PART_BYTES / CHUNK_BYTES;

/// Bytes after which a batch leaves.
pub const BATCH_BYTES: usize = 64 * 1024;
/// Time after which a batch leaves.
pub const BATCH_DELAY: Duration = Duration::from_millis(20);

/// Bytes of a record's signed form.
pub const RECORD_BYTES: usize = limits::SIGNED_BYTES;
/// Bytes of a frame on the control stream.
pub const CONTROL_FRAME_BYTES: usize = 128 * 1024;
/// Bytes of a frame on any other stream: a chunk and its head, or a batch.
pub const FRAME_BYTES: usize = CHUNK_BYTES + 4 * 1024;
/// Bytes of a receipt.
pub const RECEIPT_BYTES: usize = 64 * 1024;
/// Bytes of a text that says what was wrong.
pub const TEXT_BYTES: usize = 256;
/// Ranges of numbers in one HELLO or ACK.
pub const RANGES: usize = 4096;
/// Numbers in one KNOWN.
pub const KNOWN_NUMBERS: u64 = 4096;
/// For how many a KNOWN counts that names fewer.
pub const KNOWN_LEAST: u64 = 256;
/// Numbers that all KNOWN of a connection may name, besides twice those that were used.
pub const KNOWN_ASKED: u64 = 64 * KNOWN_NUMBERS;
/// Versions in one HELLO.
pub const VERSIONS: usize = 16;
/// Features in one HELLO.
pub const FEATURES: usize = 64;
/// Keys of a HELLO, those of later versions included.
pub const HELLO_KEYS: usize = 64;

/// Streams, the control stream not counted, that a partner may have open at once. The transport
/// grants as many.
pub const STREAMS: usize = 2048;
/// Bytes of frames that have not arrived whole, of chunks whose delivery is not whole, and of those
/// that are being written: all that may be in flight, and as much again as overtakes its batch.
pub const HELD_BYTES: usize =
    IN_FLIGHT_BYTES + IN_FLIGHT_LARGE * limits::PART_BYTES + 48 * 1024 * 1024;
/// What a chunk that came before its batch counts at least: nearly what it takes to keep it.
pub const EARLY_CHUNK_BYTES: usize = 1024;
/// Gaps between the transfers of one connection that have ended.
pub const TRANSFER_GAPS: usize = 4096;
/// Connections to one partner at once, while it settles which is used.
pub const CONNECTIONS: usize = 4;
/// Faults of the partner on one connection before it is closed, unless a node is told otherwise.
pub const FAULTS: u32 = 32;
/// Boot ids of the partner that are remembered.
pub const BOOTS: usize = 16;

/// Time for a HELLO to come, and for both sides to agree that a connection is used.
pub const GREETING_TIMEOUT: Duration = Duration::from_secs(15);
/// Time for a drain to end before the connection is closed anyway.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection in use that was silent for this long yields to a new one.
pub const SILENCE: Duration = Duration::from_secs(5);
/// How often a partner may ask for a sign of life, for long: answers that it does not read are kept for it.
pub const PING_EVERY: Duration = Duration::from_millis(100);
/// How many questions for a sign of life may come at once.
pub const PINGS: u32 = 1024;
