//! Every bound of this crate, in one place.

use std::time::Duration;

/// Bytes of a connection attempt that are kept until it is answered.
pub const INCOMING_BYTES: u64 = 64 * 1024;
/// Connection attempts that wait for an answer; more are dropped by the transport.
pub const INCOMING: usize = 256;
/// Answered handshakes that run at a time; a connection beyond them is refused, but for two of each partner:
/// one from an address at which it has authenticated, and one from the network of such an address.
pub const HANDSHAKES: usize = 64;
/// Of these, those of one network (/24 or /56): it takes many networks to keep others out.
pub const HANDSHAKES_OF_A_NETWORK: usize = 8;
/// Networks that are remembered of one partner, each with the latest address at which it has authenticated.
pub const MET_NETWORKS: usize = 8;
/// How long a dialed handshake may take.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(15);
/// How long an answered handshake may take, and a stranger to show its ticket: a second and a half on the
/// longest paths, three with a lost packet. Whoever does not go on keeps a place for so long.
pub const ANSWER_TIME: Duration = Duration::from_secs(5);
/// Connections that one partner may hold: one that works, one that replaces it, and as many again
/// that both ends have not yet noticed to be dead.
pub const CONNECTIONS_PER_PARTNER: usize = 4;
/// Silence after which a connection is dead.
pub const IDLE: Duration = Duration::from_secs(45);
/// How often the dialer breaks the silence: three attempts within [`IDLE`].
pub const KEEP_ALIVE: Duration = Duration::from_secs(12);
/// Unread bytes of one stream.
///
/// More than 1,024 gaps in one stream kill a connection, and at 1,200 bytes a packet this window
/// cannot have many more.
pub const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
/// Unread bytes of one connection.
///
/// The link protocol has at most 16 MiB of pushed bodies and two large parts (a stream window each)
/// under way. With room for all of it and the control stream, credit never runs out, and so bulk
/// that was written first never keeps something urgent waiting.
pub const CONNECTION_WINDOW: u32 = 32 * 1024 * 1024;
/// Unread bytes of a connection whose other end has not proved itself to be a partner.
pub const STRANGER_WINDOW: u32 = 64 * 1024;
/// Bytes of one connection that were written and are not yet acknowledged. They share their memory
/// with the bodies that they came from.
pub const SEND_WINDOW: u64 = 64 * 1024 * 1024;
/// Streams that a partner may have open towards us, the control stream not counted: as many as the
/// link protocol takes.
pub const INCOMING_STREAMS: usize = comity_proto::limits::STREAMS;
/// Bytes of one [`NetEvent::Received`](crate::NetEvent::Received).
pub const RECEIVED_BYTES: usize = 64 * 1024;
/// Bytes handed over for one connection and not yet written, with [`PIECE_BYTES`] for each piece: what the
/// link protocol may have under way, twice. A partner that falls further behind is disconnected and
/// resumes later.
pub const QUEUED_BYTES: usize = 2 * (16 + 2 * 64) * 1024 * 1024;
/// What a piece takes beside its bytes: an answer of a few bytes is an allocation of its own and a place
/// in a queue.
pub const PIECE_BYTES: usize = 128;
/// Bytes below which pieces are copied together before they are written.
pub const COALESCE_BELOW: usize = 4 * 1024;
/// Bytes of one coalesced write.
pub const COALESCED_BYTES: usize = 64 * 1024;
/// Pieces taken from a stream's queue for one write.
pub const PIECES_PER_WRITE: usize = 128;
/// Characters of a partner's reason for closing that are kept.
pub const REASON_CHARACTERS: usize = 200;

/// How long a pairing ticket is good for.
pub const TICKET_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Addresses in a ticket or an introduction.
pub const ADDRESSES: usize = 8;
/// Characters of a ticket's line.
pub const TICKET_CHARACTERS: usize = 8 * 1024;
/// Invitations open at a time.
pub const OPEN_INVITES: usize = 16;
/// Pairing ceremonies that run at a time.
pub const PAIRINGS: usize = 4;
/// Strangers who have not shown a ticket yet, at a time: each costs at most [`STRANGER_WINDOW`] of memory.
pub const STRANGERS: usize = 64;
/// Of these, those of one network.
pub const STRANGERS_OF_A_NETWORK: usize = 4;
/// How long a pairing ceremony may take: the operators talk to one another meanwhile.
pub const PAIRING_TIME: Duration = Duration::from_secs(15 * 60);
/// How long both ends of a completed ceremony wait for each other to hang up.
pub const FAREWELL_TIME: Duration = Duration::from_secs(10);
/// Bytes of the first message of the pairing ceremony, which comes from a stranger.
pub const PAIRING_CLAIM_BYTES: usize = 1024;
/// Bytes of a later message; a keyring is the largest thing in it.
pub const PAIRING_MESSAGE_BYTES: usize = comity_core::limits::KEYRING_BYTES + 8 * 1024;
