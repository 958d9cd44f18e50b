//! Receipts: what a partner says that it holds, signed with its link key.
//!
//! A receipt says *verified or pending, and durable*, up to a head, except the numbers that it
//! rejects, and those of which it knows the digest alone. It never says that anybody read or accepted
//! anything.

use std::fmt;

use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::digest::{Digest, domains};
use crate::entropy::{Entropy, draw};
use crate::identity::{EconomyId, EpochId, KeyId};
use crate::ledger::Head;
use crate::limits;
use crate::sign::{PublicKey, SecretKey, Signature};
use crate::time::Timestamp;

/// Why a delivery was refused for good. It keeps its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The record does not have the shape of one.
    Malformed,
    /// The signature does not verify.
    BadSignature,
    /// The author was not entitled, and waiting changes nothing.
    NotEntitled,
    /// A part is not what the manifest or the ledger entry says.
    BadPart,
    /// An addressed record without an addressee part for the receiver, or a part not listed for it.
    NotAddressed,
    /// A body that the receiver has erased.
    Erased,
    /// A signed form that the receiver does not support.
    UnsupportedForm,
    /// The sender took it back: the receiver has its digest and nothing more. In receipts only.
    Void,
    /// The receiver does not know the origin, and has kept as much of it as it keeps of such. It asks again
    /// when it knows it.
    UnknownOrigin,
    /// A reason of a later version.
    Unknown(u64),
}

impl RejectReason {
    /// The number in the format.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Malformed => 0,
            Self::BadSignature => 1,
            Self::NotEntitled => 2,
            Self::BadPart => 3,
            Self::NotAddressed => 4,
            Self::Erased => 5,
            Self::UnsupportedForm => 6,
            Self::Void => 7,
            Self::UnknownOrigin => 8,
            Self::Unknown(code) => code,
        }
    }

    /// The reason with this number.
    #[must_use]
    pub const fn from_code(code: u64) -> Self {
        match code {
            0 => Self::Malformed,
            1 => Self::BadSignature,
            2 => Self::NotEntitled,
            3 => Self::BadPart,
            4 => Self::NotAddressed,
            5 => Self::Erased,
            6 => Self::UnsupportedForm,
            7 => Self::Void,
            8 => Self::UnknownOrigin,
            code => Self::Unknown(code),
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a record",
            Self::BadSignature => "signature does not verify",
            Self::NotEntitled => "author was not entitled",
            Self::BadPart => "part is not the one that was signed",
            Self::NotAddressed => "not addressed to the receiver",
            Self::Erased => "erased by the receiver",
            Self::UnsupportedForm => "signed form not supported",
            Self::Void => "taken back by the sender",
            Self::UnknownOrigin => {
                "the receiver keeps no more of its origin for now, and asks for it again"
            }
            Self::Unknown(code) => return write!(f, "reason {code} of a later version"),
        })
    }
}

/// Rejects that one receipt lists, at most: the last of them.
pub const REJECTS: usize = limits::LIST;

/// A salted hash of the receiver's journal head: partners witness each other's journals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Sixteen random bytes, so that equal heads do not show.
    pub salt: [u8; 16],
    /// The hash over the salt and the head.
    pub hash: Digest,
}

impl Witness {
    /// Binds `journal_head` under a fresh salt.
    #[must_use]
    pub fn new(journal_head: Digest, entropy: &mut (impl Entropy + ?Sized)) -> Self {
        let salt = draw(entropy);
        Self { salt, hash: Self::hash(&salt, journal_head) }
    }

    /// Whether this is what `journal_head` gives.
    #[must_use]
    pub fn binds(&self, journal_head: Digest) -> bool {
        self.hash == Self::hash(&self.salt, journal_head)
    }

    fn hash(salt: &[u8; 16], journal_head: Digest) -> Digest {
        Digest::of_all(domains::WITNESS, &[salt, journal_head.as_bytes()])
    }
}

/// What one side of a link holds of what the other delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The receiver of the deliveries, who signs.
    pub from: EconomyId,
    /// The sender of the deliveries.
    pub to: EconomyId,
    /// The epoch of the sender's ledger.
    pub epoch: EpochId,
    /// Everything up to this head, from [`Receipt::first`] on, is durable at the receiver.
    pub upto: Head,
    /// Except these, by number, ascending: the last [`REJECTS`] of them.
    pub rejects: Vec<(u64, RejectReason)>,
    /// The receiver's journal head, salted.
    pub witness: Witness,
    /// When it was signed, by the receiver's clock.
    pub at: Timestamp,
}

impl Receipt {
    /// The first number of which it says anything. A full list of rejects may not be all of them: then
    /// what came before the first of them is for earlier receipts to say.
    #[must_use]
    pub fn first(&self) -> u64 {
        let full = self.rejects.len() >= REJECTS;
        self.rejects.first().filter(|_| full).map_or(1, |(first, _)| *first)
    }

    /// The payload that is signed: deterministic CBOR
    /// `[from, to, epoch, [number, chain], [[number, reason], ...], [salt, hash], at]`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(7).bytes(self.from.as_bytes()).bytes(self.to.as_bytes());
        writer.bytes(self.epoch.as_bytes());
        self.upto.write(&mut writer);
        writer.array(self.rejects.len());
        for (number, reason) in &self.rejects {
            writer.array(2).uint(*number).uint(reason.code());
        }
        writer.array(2).bytes(&self.witness.salt).bytes(self.witness.hash.as_bytes());
        writer.uint(self.at.as_millis());
        writer.into_bytes()
    }

    /// Signs with the receiver's link key: `[payload, key, signature]`, as it travels and is kept.
    #[must_use]
    pub fn sign(&self, key: &SecretKey) -> Vec<u8> {
        let payload = self.encode();
        let signature = key.sign(domains::SIGN_RECEIPT, &payload);
        let mut writer = Writer::new();
        writer.array(3).bytes(&payload).bytes(key.id().as_bytes()).bytes(&signature);
        writer.into_bytes()
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        expect_array(reader, 7)?;
        let receipt = Self {
            from: EconomyId(reader.array_of()?),
            to: EconomyId(reader.array_of()?),
            epoch: EpochId(reader.array_of()?),
            upto: Head::read(reader)?,
            rejects: reader.list(REJECTS, read_reject)?,
            witness: read_witness(reader)?,
            at: read_time(reader)?,
        };
        reader.leave();
        let ascending =
            |pair: &[(u64, RejectReason)]| matches!(pair, [one, next] if one.0 < next.0);
        if !receipt.rejects.windows(2).all(ascending) {
            return Err(reader.fault(Problem::UnsortedKeys));
        }
        Ok(receipt)
    }
}

/// A receipt as it arrived: what it says is not believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedReceipt {
    receipt: Receipt,
    payload: Vec<u8>,
    key: KeyId,
    signature: Signature,
}

impl UnverifiedReceipt {
    /// Reads what [`Receipt::sign`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let mut reader = Reader::new(bytes);
        expect_array(&mut reader, 3)?;
        let payload = reader.bytes(RECEIPT_BYTES)?.to_vec();
        let key = KeyId(reader.array_of()?);
        let signature = reader.array_of()?;
        reader.leave();
        reader.finish()?;
        let mut inner = Reader::new(&payload);
        let receipt = Receipt::read(&mut inner)?;
        inner.finish()?;
        Ok(Self { receipt, payload, key, signature })
    }

    /// The link key that it says it was signed with; whether it was granted is the caller's to know.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// What it says, for one's own journal, which keeps only receipts that were verified when they
    /// came: a start need not verify every receipt of the past again.
    #[must_use]
    pub fn verified_before(self) -> Receipt {
        self.receipt
    }

    /// Checks that `from` signed it for `to` with its key.
    ///
    /// The key is the receipt's own ([`UnverifiedReceipt::key`]), which the caller has found granted
    /// to `from` as a link key.
    pub fn verify(self, from: EconomyId, to: EconomyId) -> Result<Receipt, ReceiptError> {
        let key = PublicKey::from_id(self.key).map_err(|_unsound| ReceiptError::BadKey)?;
        key.verify(domains::SIGN_RECEIPT, &self.payload, &self.signature)
            .map_err(|_opaque| ReceiptError::BadSignature)?;
        if self.receipt.from != from || self.receipt.to != to {
            return Err(ReceiptError::OtherParties);
        }
        Ok(self.receipt)
    }
}

/// Bytes of a receipt's payload: a full list of rejects fits.
const RECEIPT_BYTES: usize = 32 * 1024;

/// Bytes are no receipt, or not the one that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not the encoding of a receipt.
    #[error("receipt is malformed: {0}")]
    Malformed(#[from] Fault),
    /// The key is none that may be believed.
    #[error("receipt is signed with an unsound key")]
    BadKey,
    /// The signature does not verify.
    #[error("signature of the receipt does not verify")]
    BadSignature,
    /// It is between two other economies, or in the other direction.
    #[error("receipt is for another link or another direction")]
    OtherParties,
}

fn expect_array(reader: &mut Reader<'_>, length: usize) -> Result<(), Fault> {
    match reader.array(length)? {
        read if read == length => Ok(()),
        _shorter => Err(reader.fault(Problem::MissingField)),
    }
}

fn read_reject(reader: &mut Reader<'_>) -> Result<(u64, RejectReason), Fault> {
    expect_array(reader, 2)?;
    let reject = (reader.uint()?, RejectReason::from_code(reader.uint()?));
    reader.leave();
    Ok(reject)
}

fn read_witness(reader: &mut Reader<'_>) -> Result<Witness, Fault> {
    expect_array(reader, 2)?;
    let witness = Witness { salt: reader.array_of()?, hash: Digest(reader.array_of()?) };
    reader.leave();
    Ok(witness)
}

fn read_time(reader: &mut Reader<'_>) -> Result<Timestamp, Fault> {
    let milliseconds = reader.uint()?;
    let instant = Timestamp::from_millis(milliseconds);
    if instant.as_millis() == milliseconds {
        Ok(instant)
    } else {
        Err(reader.fault(Problem::OutOfRange))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        let journal = Digest([9; 32]);
        let salt = [5; 16];
        Receipt {
            from: EconomyId([1; 32]),
            to: EconomyId([2; 32]),
            epoch: EpochId([3; 16]),
            upto: Head { number: 12, chain: Digest([4; 32]) },
            rejects: vec![(3, RejectReason::BadPart), (7, RejectReason::Unknown(99))],
            witness: Witness { salt, hash: Witness::hash(&salt, journal) },
            at: Timestamp::from_secs(1_795_298_489),
        }
    }

    fn verified(bytes: &[u8]) -> Result<Receipt, ReceiptError> {
        UnverifiedReceipt::parse(bytes)?.verify(EconomyId([1; 32]), EconomyId([2; 32]))
    }

    #[test]
    fn what_was_signed_verifies_between_its_parties_only() {
        let key = SecretKey::from_seed(&[7; 32]);
        let bytes = receipt().sign(&key);
        assert_eq!(verified(&bytes), Ok(receipt()));
        let parsed = UnverifiedReceipt::parse(&bytes).unwrap();
        assert_eq!(parsed.key(), key.id());
        assert_eq!(
            parsed.verify(EconomyId([2; 32]), EconomyId([1; 32])),
            Err(ReceiptError::OtherParties)
        );
    }

    #[test]
    fn any_changed_byte_is_refused() {
        let bytes = receipt().sign(&SecretKey::from_seed(&[7; 32]));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(verified(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn rejects_out_of_order_are_refused() {
        let mut unsorted = receipt();
        unsorted.rejects.reverse();
        let bytes = unsorted.sign(&SecretKey::from_seed(&[7; 32]));
        assert!(matches!(
            verified(&bytes),
            Err(ReceiptError::Malformed(Fault { problem: Problem::UnsortedKeys, .. }))
        ));
    }

    #[test]
    fn a_full_list_of_rejects_says_nothing_of_what_came_before_it() {
        let key = SecretKey::from_seed(&[7; 32]);
        let listing = |count: u64| {
            let rejects = (0..count).map(|place| (10 + place, RejectReason::Unknown(u64::MAX)));
            Receipt { rejects: rejects.collect(), ..receipt() }
        };
        let most = REJECTS as u64;
        assert_eq!(verified(&listing(most - 1).sign(&key)).unwrap().first(), 1);
        assert_eq!(verified(&listing(most).sign(&key)).unwrap().first(), 10);
        assert!(verified(&listing(most + 1).sign(&key)).is_err());
        assert_eq!(receipt().first(), 1);
    }

    #[test]
    fn a_witness_binds_one_head() {
        let witness = receipt().witness;
        assert!(witness.binds(Digest([9; 32])));
        assert!(!witness.binds(Digest([8; 32])));
    }
}
