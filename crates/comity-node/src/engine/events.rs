//! What happens to the engine, and what should happen.

use std::sync::Arc;

use bytes::Bytes;
use comity_core::journal::JournalEntry;
use comity_core::ledger::Ranges;
use comity_core::partners::{AuthenticatedPartner, PartnerSet};
use comity_core::{Digest, EconomyId, PartDigest, Timestamp};
use comity_proto::{CloseReason, ConnId, StreamId, Transmit};
use comity_store::{NewEntry, Piece, Seq, StoreError, Unfinished};

use super::command::{Command, CommandError, Reply};
use crate::guard::{Found, Guard};

use super::work::{Checked, Loaded, PartSource, Unverified};

/// Names a job that was given out, until its result comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What happens to the engine.
#[derive(Debug)]
pub enum Input {
    /// Somebody here wants something done.
    Command {
        /// Returned with the reply.
        token: Token,
        /// What.
        command: Box<Command>,
    },
    /// A connection to an authenticated partner stands.
    Opened {
        /// Who is there.
        partner: AuthenticatedPartner,
        /// The connection.
        conn: ConnId,
        /// Whether we dialed.
        dialed: bool,
    },
    /// Bytes of a stream, in order.
    Received {
        /// The connection.
        conn: ConnId,
        /// The stream.
        stream: StreamId,
        /// The bytes.
        bytes: Bytes,
        /// Whether the stream ends here.
        fin: bool,
    },
    /// A connection is gone.
    Closed {
        /// The connection.
        conn: ConnId,
    },
    /// A batch is durable, or the store failed.
    Appended {
        /// The batch.
        token: Token,
        /// The journal's chain after it, or why it is not durable.
        result: Result<Digest, StoreError>,
    },
    /// Bodies were read.
    Loaded {
        /// The job.
        token: Token,
        /// The signed form and the part bodies; `None` where one is not there.
        result: Result<Loaded, String>,
    },
    /// A record was verified.
    Verified {
        /// The job.
        token: Token,
        /// The record and its parts.
        result: Result<Box<Checked>, Unverified>,
    },
    /// A piece is durable, or could not be kept.
    Kept {
        /// The job.
        token: Token,
        /// Why it is not durable.
        result: Result<(), String>,
    },
    /// The egress guard looked at parts.
    Examined {
        /// The job.
        token: Token,
        /// What it found in each, or why one could not be read.
        result: Result<Vec<(PartDigest, Found)>, String>,
    },
    /// What was erased, or is not to be, is written down beside the journal, or could not be.
    Remembered {
        /// The job.
        token: Token,
        /// Why it is not durable there.
        result: Result<(), String>,
    },
    /// At the start: the bodies of which an earlier run of the process kept some pieces.
    Unfinished(Vec<(Unfinished, Ranges)>),
    /// The disk has little room left, or has room again.
    Space {
        /// Whether it is low.
        low: bool,
    },
    /// A partner whose link is up is asked for a sign of life.
    Ping {
        /// The partner.
        partner: EconomyId,
        /// Comes back with the answer.
        nonce: u64,
    },
    /// The time for which the engine asked has come.
    Timer,
}

/// What should happen.
#[derive(Debug)]
pub enum Effect {
    /// Make these entries durable, all or none; batches in the order in which they were given.
    Append {
        /// Returned with the result.
        token: Token,
        /// The place that the first of them must get: they build on what was given before.
        first: Seq,
        /// The entries.
        entries: Vec<NewEntry>,
    },
    /// Read a record's signed form and part bodies.
    Load {
        /// Returned with the result.
        token: Token,
        /// The entry that holds the signed form.
        seq: Seq,
        /// The parts.
        parts: Vec<PartDigest>,
    },
    /// Verify a record and the parts that came with it.
    Verify {
        /// Returned with the result.
        token: Token,
        /// The signed form.
        signed: Bytes,
        /// The parts.
        parts: Vec<(PartDigest, PartSource)>,
    },
    /// Make a piece durable of a body that has not come whole.
    Keep {
        /// Returned with the result.
        token: Token,
        /// The piece.
        piece: Piece,
    },
    /// Let go of what was kept of a body. In order with [`Effect::Keep`].
    Discard {
        /// What it is known by.
        label: Bytes,
        /// The part.
        digest: PartDigest,
    },
    /// Have the egress guard look at parts.
    Examine {
        /// Returned with the result.
        token: Token,
        /// With these lists.
        guard: Arc<Guard>,
        /// The parts, whose bodies are durable.
        parts: Vec<PartDigest>,
        /// Bytes of the largest of them.
        largest: u64,
    },
    /// Write down beside the journal, where a restore does not reach it, what was erased or is not to be.
    /// In order with [`Effect::Erase`].
    Remember {
        /// Returned with the result.
        token: Token,
        /// Durable in the journal.
        entries: Vec<JournalEntry>,
    },
    /// Overwrite bodies. The entry that says so is durable.
    Erase {
        /// Of parts, and of what lay beside.
        bodies: Vec<PartDigest>,
    },
    /// Send.
    Transmit(Transmit),
    /// Close a connection.
    Close {
        /// The connection.
        conn: ConnId,
        /// What the partner is told.
        reason: CloseReason,
    },
    /// Answer a command.
    Reply {
        /// The command.
        token: Token,
        /// The answer.
        reply: Result<Reply, CommandError>,
    },
    /// Those who may connect, or something that authenticates them, changed. Whoever is new among them
    /// stands in a durable entry; whoever is no longer there may already be out before its entry is.
    Partners(Box<PartnerSet>),
    /// A partner says that it has answered a question for a sign of life.
    Pong {
        /// The partner.
        partner: EconomyId,
        /// The question's, if it was asked.
        nonce: u64,
        /// What the partner's clock said.
        at: Timestamp,
    },
    /// Something that an operator must know.
    Alarm(Alarm),
}

/// Something that an operator must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The partner that it is about.
    pub partner: Option<EconomyId>,
    /// A stable code.
    pub code: &'static str,
    /// A sentence.
    pub text: String,
}
