//! An economy's identity: root keys, the grants that they sign, and the versions of its keyring.
//!
//! An [`EconomyId`] is the digest of the economy's genesis [`RootSet`]. The root
//! signs [`Grant`]s and revocations; together they are a [`Keyring`]. Each version names its
//! predecessor by digest and carries the whole chain of root sets from the genesis on, so that one
//! version alone can be verified by whoever knows the id.
//!
//! Whoever steals a root set can sign keyrings, but cannot replace the set: it committed to its
//! successor beforehand. The successor alone can, and what it signs wins over everything that the
//! stolen set signed ([`KeyringHistory`]).

mod builder;
mod confirmed;
mod countersigned;
mod grant;
mod head;
mod history;
mod root;
#[cfg(test)]
mod tests;
mod version;

pub use builder::KeyringBuilder;
pub use confirmed::{Confirmation, Heard, Unconfirmed};
pub use countersigned::Countersigned;
pub(crate) use countersigned::tuple;
pub(crate) use grant::timestamp;
pub use grant::{Grant, Revocation, Role, SignedGrant};
pub use head::{DatedHead, HeadError, Place, SignedHead, signs_heads};
pub use history::{Advance, AdvanceError, Fork, KeyringHistory};
pub use root::{RootChain, RootKeys, RootSet, Rotation};
pub use version::{Keyring, SignedKeyring, VerifiedKeyring};

use crate::cbor::Fault;
use crate::identity::{EconomyId, KeyId};
use crate::limits;
use crate::sign::KeyFault;

/// Why a root set, a grant or a keyring is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// Not the deterministic CBOR of the format.
    #[error("keyring is malformed: {0}")]
    Malformed(#[from] Fault),
    /// A key that may not be enrolled.
    #[error("key {key} may not be enrolled: {fault}")]
    WeakKey {
        /// The key.
        key: KeyId,
        /// What is wrong with it.
        fault: KeyFault,
    },
    /// A root set without keys, or with too many.
    #[error("a root set has 1 to {limit} keys, not {0}", limit = limits::ROOT_KEYS)]
    KeyCount(usize),
    /// A key listed twice in one root set.
    #[error("root key {0} is listed twice")]
    DuplicateKey(KeyId),
    /// A threshold that no number of signatures, or none at all, would meet.
    #[error("threshold {threshold} of {keys} root keys cannot be met")]
    Threshold {
        /// The threshold.
        threshold: u64,
        /// How many keys there are.
        keys: usize,
    },
    /// Fewer root keys signed than the set demands.
    #[error("signed by {valid} of the {needed} root keys that it takes")]
    TooFewSignatures {
        /// Distinct keys of the set that signed.
        valid: u64,
        /// The set's threshold.
        needed: u64,
    },
    /// A signature by a root key that does not verify.
    #[error("signature of root key {0} does not verify")]
    BadSignature(KeyId),
    /// A root set that its predecessor did not commit to.
    #[error("root set {0} is not the one that its predecessor committed to")]
    NotCommitted(u64),
    /// A rotation out of its place in the chain.
    #[error("rotation {found} stands where rotation {expected} belongs")]
    RotationNumber {
        /// The place in the chain, from 1.
        expected: u64,
        /// The number that the rotation has.
        found: u64,
    },
    /// Of another economy than expected.
    #[error("belongs to economy {found}, not to {expected}")]
    OtherEconomy {
        /// The economy expected.
        expected: EconomyId,
        /// The economy found.
        found: EconomyId,
    },
    /// The first version names a predecessor, or a later one names none.
    #[error("keyring version {0} and its predecessor do not fit")]
    Predecessor(u64),
    /// A grant that ends before it begins.
    #[error("grant of key {0} ends before it begins")]
    EmptyGrant(KeyId),
    /// Larger than a record can carry.
    #[error("keyring of {0} bytes is over the limit of {limit}", limit = limits::KEYRING_BYTES)]
    TooLarge(usize),
    /// The holder's name is longer than a text may be.
    #[error("holder's name is longer than {limit} bytes", limit = limits::TEXT_BYTES)]
    HolderTooLong,
}
