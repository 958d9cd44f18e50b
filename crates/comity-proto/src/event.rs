//! What goes into a link and what comes out of it.

use bytes::Bytes;
use comity_core::digest::Digest;
use comity_core::identity::{EpochId, PartDigest};
use comity_core::keyring::SignedHead;
use comity_core::ledger::{LedgerEntry, Opening, Ranges};
use comity_core::receipt::RejectReason;
use comity_core::{Delivery, EconomyId, Timestamp};

use crate::arrival::{Fragment, Incoming, Kept, Piece};
use crate::fault::{CloseReason, Fault};
use crate::hello::{Heads, Hello};
use crate::load::Lane;
use crate::transmit::{ConnId, StreamId, Transmit};

/// What a link is told. `now` comes beside it and never goes back.
#[derive(Debug)]
pub enum Input {
    /// The transport has a connection with the partner, authenticated.
    Opened {
        /// The connection.
        conn: ConnId,
        /// Whether we dialed.
        dialed: bool,
        /// Where our ledgers stand, durably, at this moment.
        heads: Heads,
    },
    /// Bytes arrived, in the order of their stream.
    Received {
        /// The connection.
        conn: ConnId,
        /// The stream; [`StreamId::CONTROL`] is the bidirectional one.
        stream: StreamId,
        /// The bytes; empty where only the end came.
        bytes: Bytes,
        /// Whether the stream ends here.
        fin: bool,
    },
    /// The transport lost the connection, or the partner closed it.
    Closed {
        /// The connection.
        conn: ConnId,
    },
    /// The engine answers [`Output::Greeted`]: the heads agree, or what differs will be mended over
    /// this connection.
    Admit {
        /// The connection.
        conn: ConnId,
    },
    /// The engine answers [`Output::Greeted`]: not with this partner, or not with these heads.
    Refuse {
        /// The connection.
        conn: ConnId,
        /// What the partner is told.
        reason: String,
    },
    /// A delivery that was decided Release just now, its ledger entry durable.
    Deliver {
        /// The delivery.
        delivery: Delivery,
        /// The lane it goes in.
        lane: Lane,
    },
    /// A number whose decision has turned: the partner chains the entry's digest, and discards what
    /// it has of it.
    Void {
        /// The number in our ledger.
        number: u64,
        /// The digest of its ledger entry.
        digest: Digest,
    },
    /// Recovery: gives a delivery back to the partner who sent it before it was restored. The entry
    /// is the partner's own.
    Return(Delivery),
    /// Recovery: a number of the partner's ledger of which only the digest is left here.
    ReturnVoid {
        /// The number in the partner's ledger.
        number: u64,
        /// The digest of its ledger entry.
        digest: Digest,
    },
    /// These numbers of the partner's ledger are durable here: verified or pending, or voided.
    Stored {
        /// The numbers.
        numbers: Vec<u64>,
    },
    /// This number is refused for good, and that is durable.
    Rejected {
        /// The number in the partner's ledger.
        number: u64,
        /// Why.
        reason: RejectReason,
    },
    /// There is no room for this number now: it is forgotten, and the partner sends it again later,
    /// but for what is kept of it.
    Deferred {
        /// The number in the partner's ledger.
        number: u64,
    },
    /// What is kept from before this process began.
    Resume(Vec<Kept>),
    /// The engine answers [`Output::Keep`]: the piece is durable here.
    Kept(Piece),
    /// The engine answers [`Output::Keep`]: the piece could not be kept. Its delivery is put off.
    NotKept(Piece),
    /// What was kept of this number cannot be read: it is discarded, and the partner sends all again.
    Spoiled {
        /// The number in the partner's ledger.
        number: u64,
    },
    /// The partner is to be one no longer: what is kept of its deliveries is of no use.
    LetGo,
    /// The engine's word on [`Output::Wanted`]: that delivery has no such part.
    NotOffered {
        /// The number in our ledger.
        number: u64,
        /// The part.
        part: PartDigest,
    },
    /// What we refused of this origin because nobody here knew it may come again
    /// ([`Output::OriginKnown`]). Sent only while the link is up, to whoever understands it.
    Known {
        /// The origin.
        origin: EconomyId,
        /// Numbers in the partner's ledger, at most 4,096.
        numbers: Ranges,
    },
    /// An economy's signed head, for the partner to know which of its keyrings is the newest. Sent only while the
    /// link is up, to whoever understands it.
    KeyringHead(Box<SignedHead>),
    /// Recovery: what was given back under this number is not taken. It may come again.
    ReturnDropped {
        /// The number in our ledger.
        number: u64,
    },
    /// Recovery: there is no room now for what was given back under this number. The partner is told, and
    /// sends it again later.
    ReturnPutOff {
        /// The number in our ledger.
        number: u64,
    },
    /// Recovery: these numbers of our own ledger, given back to us, are durable again.
    ReturnStored {
        /// The numbers in our ledger.
        numbers: Vec<u64>,
    },
    /// Asks the partner for a sign of life ([`Output::Pong`]). Sent only while the link is up.
    Ping {
        /// Told apart from other questions by this.
        nonce: u64,
    },
    /// A signed receipt for the partner. Sent only while the link is up.
    Receipt(Bytes),
    /// The engine does not believe an [`Output::Receipt`]: the partner is at fault.
    BadReceipt {
        /// What is wrong with it; the partner is told.
        why: String,
    },
    /// We were restored and open a new epoch of our ledger, journaled already. Nothing is delivered
    /// until the partner has accepted it; told again after each new connection until then.
    Recovered(Opening),
    /// The partner's new epoch is durable here ([`Output::EpochAnnounced`]).
    EpochStored(Opening),
    /// The policy has changed: give back what has not been handed to the transport.
    Reclaim,
    /// Finish what is on its way, take nothing new, say goodbye.
    Drain,
    /// The time of [`crate::Link::next_timer`] has come.
    Timer,
}

/// What a link wants done, in this order.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Transmit(Transmit),
    /// The partner has greeted: the engine compares heads and answers Admit or Refuse.
    Greeted {
        /// The connection.
        conn: ConnId,
        /// What the partner says of itself.
        hello: Hello,
    },
    /// Both sides use this connection. The engine sends again what is unanswered, in order.
    Up {
        /// The connection.
        conn: ConnId,
    },
    /// The link is no longer up; everything unanswered counts as possibly received.
    Down {
        /// The connection.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// A delivery arrived. The engine answers Stored, Rejected, Deferred or Spoiled, once.
    Incoming(Incoming),
    /// A leaf of a large part, verified against the ledger entry: to be kept until the delivery is
    /// settled. The engine answers Kept or NotKept, once.
    Keep(Fragment),
    /// Nothing that was kept of these parts is of use any more.
    Discard {
        /// The number in the partner's ledger.
        number: u64,
        /// The digest of the ledger entry.
        entry: Digest,
        /// The parts.
        parts: Vec<PartDigest>,
    },
    /// The partner asks for chunks of this part, to come with the next sending of this number. The
    /// engine answers NotOffered where that delivery has no such part.
    Wanted {
        /// The number in our ledger.
        number: u64,
        /// The part.
        part: PartDigest,
    },
    /// A delivery arrived with a part that is not the one its entry names. The engine journals that
    /// and answers Rejected.
    Damaged {
        /// The sender's ledger entry.
        entry: LedgerEntry,
        /// The part.
        part: PartDigest,
    },
    /// The partner holds these numbers of our ledger durably.
    Acked {
        /// Every number up to this one.
        upto: u64,
        /// And these, beyond it, newly.
        ranges: Ranges,
    },
    /// The partner refused this number for good.
    PeerRejected {
        /// The number in our ledger.
        number: u64,
        /// Why.
        reason: RejectReason,
    },
    /// The partner has no room for this number now: send it again later.
    PeerDeferred {
        /// The number in our ledger.
        number: u64,
    },
    /// The partner knows this origin by now: what it refused of it for that reason may go again.
    OriginKnown {
        /// The origin.
        origin: EconomyId,
        /// The numbers in our ledger that it refused, whether we heard of that or not.
        numbers: Ranges,
    },
    /// The partner voids this number: chain the digest, discard the rest, answer Stored.
    PeerVoid {
        /// The number in the partner's ledger.
        number: u64,
        /// The digest of its ledger entry.
        digest: Digest,
    },
    /// A receipt from the partner, unverified.
    Receipt(Bytes),
    /// A signed head from the partner, of whomever, unverified.
    KeyringHead(Box<SignedHead>),
    /// The partner answers a question for a sign of life.
    Pong {
        /// The question's; nothing says that it was asked.
        nonce: u64,
        /// What the partner's clock said.
        at: Timestamp,
    },
    /// Recovery: the partner gives back what we had sent. The engine answers ReturnStored.
    Returned(Incoming),
    /// Recovery: of this number of our ledger the partner has only the digest. The engine answers
    /// ReturnStored.
    ReturnedVoid {
        /// The number in our ledger.
        number: u64,
        /// The digest of its ledger entry.
        digest: Digest,
    },
    /// Recovery: the partner holds these given-back numbers of its ledger again.
    ReturnAcked {
        /// The numbers in the partner's ledger.
        numbers: Ranges,
    },
    /// Recovery: the partner has no room for this given-back number now.
    ReturnDeferred {
        /// The number in the partner's ledger.
        number: u64,
    },
    /// The partner was restored and opens a new epoch: the engine checks that it follows from its
    /// own head, journals it and answers EpochStored.
    EpochAnnounced(Opening),
    /// The partner has journaled our new epoch: deliveries may go.
    EpochAccepted(EpochId),
    /// These were not sent: not one byte of them has left.
    Unsent {
        /// In the order they were handed in.
        deliveries: Vec<Delivery>,
        /// Why.
        why: Unsent,
    },
    /// The drain that the engine asked for has ended.
    Drained,
    /// Close the connection with this code and text.
    Close {
        /// The connection.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// The partner broke the protocol; it was told, and is closed past a limit.
    Misbehaved {
        /// The connection.
        conn: ConnId,
        /// How.
        what: Fault,
    },
    /// The partner says that we broke the protocol.
    Told {
        /// The fault's number.
        code: u64,
        /// What it says, for the log.
        text: String,
    },
    /// An earlier boot id of the partner came back more than once: two nodes run with one key.
    TwoNodes,
}

/// Why a delivery was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The link is not up.
    NotUp,
    /// The link went down before the batch had left.
    Down,
    /// The engine asked for it back, or voided it.
    Reclaimed,
    /// More than [`crate::Link::room`].
    NoRoom,
    /// More than the bound of the link in one delivery.
    TooLarge,
    /// Decided for another partner.
    WrongPartner,
    /// Numbered in another epoch than the ledger's, or in one that the partner has not accepted.
    WrongEpoch,
    /// This number is on its way already.
    Again,
    /// The link is draining.
    Draining,
}
