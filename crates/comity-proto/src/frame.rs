//! Frames of the control stream: four bytes of length, big-endian, then deterministic CBOR
//! `[type, map]`.

use bytes::Bytes;
use comity_core::Timestamp;
use comity_core::cbor::{Fault as Problems, MapReader, Problem, Reader, Writer};
use comity_core::digest::Digest;
use comity_core::identity::{EconomyId, PartDigest};
use comity_core::keyring::SignedHead;
use comity_core::ledger::{Opening, Ranges};
use comity_core::limits::SIGNED_HEAD_BYTES;
use comity_core::receipt::RejectReason;

use crate::fault::Fault;
use crate::hello::{Hello, HelloError};
use crate::limits;

/// Numbers of the frame types.
pub(crate) mod kind {
    pub(crate) const HELLO: u64 = 0;
    pub(crate) const USE: u64 = 1;
    pub(crate) const BATCH: u64 = 2;
    pub(crate) const CHUNK: u64 = 3;
    pub(crate) const ACK: u64 = 4;
    pub(crate) const REJECT: u64 = 5;
    pub(crate) const DEFER: u64 = 6;
    pub(crate) const VOID: u64 = 7;
    pub(crate) const RECEIPT: u64 = 8;
    pub(crate) const RETURN: u64 = 9;
    pub(crate) const EPOCH: u64 = 10;
    pub(crate) const DRAIN: u64 = 11;
    pub(crate) const BYE: u64 = 12;
    pub(crate) const FAULT: u64 = 13;
    pub(crate) const PING: u64 = 14;
    pub(crate) const PONG: u64 = 15;
    /// Reserved: cumulative credit.
    pub(crate) const CREDIT: u64 = 16;
    /// Reserved: bodies announced.
    pub(crate) const INV: u64 = 17;
    /// Reserved: bodies asked for.
    pub(crate) const WANT: u64 = 18;
    pub(crate) const CHUNK_WANT: u64 = 19;
    pub(crate) const KNOWN: u64 = 20;
    pub(crate) const KEYRING_HEAD: u64 = 21;
}

/// Whose ledger a number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Flow {
    /// The sender's: a delivery.
    Deliver,
    /// The receiver's own: a delivery given back in recovery.
    Return,
}

impl Flow {
    pub(crate) const fn code(self) -> u64 {
        match self {
            Self::Deliver => 0,
            Self::Return => 1,
        }
    }

    pub(crate) const fn from_code(code: u64) -> Option<Self> {
        match code {
            0 => Some(Self::Deliver),
            1 => Some(Self::Return),
            _ => None,
        }
    }
}

/// A delivery on this link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) flow: Flow,
    pub(crate) number: u64,
}

/// A frame of the control stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Hello(Box<Hello>),
    Use,
    Ack {
        flow: Flow,
        upto: u64,
        ranges: Ranges,
    },
    Reject {
        number: u64,
        reason: RejectReason,
    },
    Defer(Key),
    Void {
        key: Key,
        digest: Digest,
    },
    Receipt(Bytes),
    Epoch {
        opening: Opening,
        accepted: bool,
    },
    Drain,
    Bye,
    Fault {
        code: u64,
        text: String,
    },
    Ping {
        nonce: u64,
    },
    Pong {
        nonce: u64,
        at: Timestamp,
    },
    ChunkWant {
        number: u64,
        part: PartDigest,
        leaves: Ranges,
    },
    Known {
        origin: EconomyId,
        numbers: Ranges,
    },
    /// A signed head, of whomever.
    KeyringHead(Box<SignedHead>),
}

/// Why a control frame was not understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// A HELLO without a version in common.
    Version(Vec<u64>),
    Fault(Fault),
}

impl Frame {
    pub(crate) fn kind(&self) -> u64 {
        match self {
            Self::Hello(_) => kind::HELLO,
            Self::Use => kind::USE,
            Self::Ack { .. } => kind::ACK,
            Self::Reject { .. } => kind::REJECT,
            Self::Defer(_) => kind::DEFER,
            Self::Void { .. } => kind::VOID,
            Self::Receipt(_) => kind::RECEIPT,
            Self::Epoch { .. } => kind::EPOCH,
            Self::Drain => kind::DRAIN,
            Self::Bye => kind::BYE,
            Self::Fault { .. } => kind::FAULT,
            Self::Ping { .. } => kind::PING,
            Self::Pong { .. } => kind::PONG,
            Self::ChunkWant { .. } => kind::CHUNK_WANT,
            Self::Known { .. } => kind::KNOWN,
            Self::KeyringHead(_) => kind::KEYRING_HEAD,
        }
    }

    /// The frame with its length.
    pub(crate) fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        writer.array(2).uint(self.kind());
        match self {
            Self::Hello(hello) => hello.write(&mut writer),
            Self::Use | Self::Drain | Self::Bye => {
                writer.map(0);
            }
            Self::Ack { flow, upto, ranges } => {
                writer.map(3).key(0).uint(flow.code()).key(1).uint(*upto).key(2);
                ranges.write(&mut writer);
            }
            Self::Reject { number, reason } => {
                writer.map(2).key(0).uint(*number).key(1).uint(reason.code());
            }
            Self::Defer(key) => {
                writer.map(2).key(0).uint(key.flow.code()).key(1).uint(key.number);
            }
            Self::Void { key, digest } => {
                writer.map(3).key(0).uint(key.flow.code()).key(1).uint(key.number);
                writer.key(2).bytes(digest.as_bytes());
            }
            Self::KeyringHead(head) => {
                writer.map(1).key(0).bytes(&head.encode());
            }
            Self::Receipt(bytes) => {
                writer.map(1).key(0).bytes(bytes);
            }
            Self::Epoch { opening, accepted } => {
                writer.map(2).key(0);
                opening.write(&mut writer);
                writer.key(1).bool(*accepted);
            }
            Self::Fault { code, text } => {
                writer.map(2).key(0).uint(*code).key(1).text(text);
            }
            Self::Ping { nonce } => {
                writer.map(1).key(0).uint(*nonce);
            }
            Self::Pong { nonce, at } => {
                writer.map(2).key(0).uint(*nonce).key(1).uint(at.as_millis());
            }
            Self::ChunkWant { number, part, leaves } => {
                writer.map(3).key(0).uint(*number).key(1).bytes(part.as_bytes()).key(2);
                leaves.write(&mut writer);
            }
            Self::Known { origin, numbers } => {
                writer.map(2).key(0).bytes(origin.as_bytes()).key(1);
                numbers.write(&mut writer);
            }
        }
        framed(&writer.into_bytes())
    }

    /// Reads one frame without its length.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, FrameError> {
        let mut reader = Reader::new(bytes);
        let kind = read_kind(&mut reader).map_err(FrameError::Fault)?;
        let malformed = |fault| FrameError::Fault(Fault::Malformed { kind, fault });
        if kind == kind::HELLO {
            return match Hello::read(&mut reader).and_then(|hello| Ok((hello, reader.finish()?))) {
                Ok((hello, ())) => Ok(Self::Hello(Box::new(hello))),
                Err(HelloError::Version(theirs)) => Err(FrameError::Version(theirs)),
                Err(HelloError::Malformed(fault)) => Err(malformed(fault)),
            };
        }
        check_known(kind).map_err(FrameError::Fault)?;
        if matches!(kind, kind::BATCH | kind::RETURN | kind::CHUNK) {
            return Err(FrameError::Fault(Fault::WrongStream(kind)));
        }
        let frame = Self::read_body(kind, bytes, &mut reader).map_err(malformed)?;
        reader.finish().map_err(malformed)?;
        Ok(frame)
    }

    fn read_body(kind: u64, bytes: &Bytes, reader: &mut Reader<'_>) -> Result<Self, Problems> {
        let mut fields = Fields(reader.map(8)?);
        let frame = match kind {
            kind::USE => Self::Use,
            kind::DRAIN => Self::Drain,
            kind::BYE => Self::Bye,
            kind::ACK => Self::Ack {
                flow: fields.flow(reader, 0)?,
                upto: fields.at(reader, 1)?.uint()?,
                ranges: Ranges::read(fields.at(reader, 2)?, limits::RANGES)?,
            },
            kind::REJECT => Self::Reject {
                number: fields.at(reader, 0)?.uint()?,
                reason: RejectReason::from_code(fields.at(reader, 1)?.uint()?),
            },
            kind::DEFER => Self::Defer(fields.key(reader)?),
            kind::VOID => Self::Void {
                key: fields.key(reader)?,
                digest: Digest(fields.at(reader, 2)?.array_of()?),
            },
            kind::RECEIPT => {
                Self::Receipt(bytes.slice_ref(fields.at(reader, 0)?.bytes(limits::RECEIPT_BYTES)?))
            }
            kind::EPOCH => Self::Epoch {
                opening: Opening::read(fields.at(reader, 0)?)?,
                accepted: fields.at(reader, 1)?.bool()?,
            },
            kind::PING => Self::Ping { nonce: fields.at(reader, 0)?.uint()? },
            kind::PONG => Self::Pong {
                nonce: fields.at(reader, 0)?.uint()?,
                at: instant(fields.at(reader, 1)?)?,
            },
            kind::CHUNK_WANT => Self::ChunkWant {
                number: fields.at(reader, 0)?.uint()?,
                part: PartDigest(fields.at(reader, 1)?.array_of()?),
                leaves: Ranges::read(fields.at(reader, 2)?, limits::CHUNKS)?,
            },
            kind::KNOWN => Self::Known {
                origin: EconomyId(fields.at(reader, 0)?.array_of()?),
                numbers: few(fields.at(reader, 1)?)?,
            },
            kind::KEYRING_HEAD => {
                let signed = fields.at(reader, 0)?.bytes(SIGNED_HEAD_BYTES)?;
                Self::KeyringHead(Box::new(SignedHead::decode(signed)?))
            }
            _fault => Self::Fault {
                code: fields.at(reader, 0)?.uint()?,
                text: fields.at(reader, 1)?.text(limits::TEXT_BYTES)?.to_owned(),
            },
        };
        fields.end(reader)?;
        Ok(frame)
    }
}

/// Each of these is looked up, so there are not many.
fn few(reader: &mut Reader<'_>) -> Result<Ranges, Problems> {
    let numbers = Ranges::read(reader, limits::RANGES)?;
    let count = numbers.as_slice().iter().fold(0_u64, |sum, (first, last)| {
        sum.saturating_add(last.saturating_sub(*first)).saturating_add(1)
    });
    if count <= limits::KNOWN_NUMBERS {
        Ok(numbers)
    } else {
        Err(reader.fault(Problem::OutOfRange))
    }
}

/// An instant beyond the last one would be read as the last one, and have two encodings.
fn instant(reader: &mut Reader<'_>) -> Result<Timestamp, Problems> {
    let milliseconds = reader.uint()?;
    let instant = Timestamp::from_millis(milliseconds);
    if instant.as_millis() == milliseconds {
        Ok(instant)
    } else {
        Err(reader.fault(Problem::OutOfRange))
    }
}

/// Puts the length before a frame.
pub(crate) fn framed(frame: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(frame.len().saturating_add(4));
    bytes.extend_from_slice(&prefix(frame.len()));
    bytes.extend_from_slice(frame);
    bytes.into()
}

/// The length of a frame as it stands before it. Frames that we make are far below 4 GiB.
pub(crate) fn prefix(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// Reads the head of `[type, map]`.
pub(crate) fn read_kind(reader: &mut Reader<'_>) -> Result<u64, Fault> {
    match reader.array(2) {
        Ok(2) => reader.uint().map_err(Fault::NotAFrame),
        Ok(_shorter) => Err(Fault::NotAFrame(reader.fault(Problem::MissingField))),
        Err(fault) => Err(Fault::NotAFrame(fault)),
    }
}

/// Refuses the types that this version does not have.
pub(crate) fn check_known(kind: u64) -> Result<(), Fault> {
    match kind {
        kind::HELLO..=kind::PONG | kind::CHUNK_WANT | kind::KNOWN | kind::KEYRING_HEAD => Ok(()),
        kind::CREDIT | kind::INV | kind::WANT => Err(Fault::ReservedFrame(kind)),
        kind => Err(Fault::UnknownFrame(kind)),
    }
}

/// The keys of a closed map, 0, 1, 2 and so on, each of which must be there.
pub(crate) struct Fields(pub(crate) MapReader);

impl Fields {
    /// The reader at the value of `key`.
    pub(crate) fn at<'r, 'a>(
        &mut self,
        reader: &'r mut Reader<'a>,
        key: u64,
    ) -> Result<&'r mut Reader<'a>, Problems> {
        match self.0.next_key(reader)? {
            Some(found) if found == key => Ok(reader),
            Some(_later) => Err(reader.fault(Problem::UnknownField)),
            None => Err(reader.fault(Problem::MissingField)),
        }
    }

    /// No further key.
    pub(crate) fn end(mut self, reader: &mut Reader<'_>) -> Result<(), Problems> {
        match self.0.next_key(reader)? {
            None => Ok(()),
            Some(_unknown) => Err(reader.fault(Problem::UnknownField)),
        }
    }

    pub(crate) fn flow(&mut self, reader: &mut Reader<'_>, key: u64) -> Result<Flow, Problems> {
        let code = self.at(reader, key)?.uint()?;
        Flow::from_code(code).ok_or_else(|| reader.fault(Problem::OutOfRange))
    }

    pub(crate) fn key(&mut self, reader: &mut Reader<'_>) -> Result<Key, Problems> {
        Ok(Key { flow: self.flow(reader, 0)?, number: self.at(reader, 1)?.uint()? })
    }
}
