//! Names that are digests or keys. What people call an economy is display only and is found nowhere here.

use std::fmt;
use std::str::FromStr;

use crate::digest::{self, Digest};

/// The text is no 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id: expected {1} hexadecimal digits")]
pub struct ParseIdError(pub String, pub usize);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// The first eight hexadecimal digits: for screens and logs, never for look-ups.
            #[must_use]
            pub fn short(&self) -> String {
                self.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                digest::write_hex(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                digest::read_hex(text).map(Self).ok_or_else(|| ParseIdError(text.to_owned(), $length * 2))
            }
        }
    };
}

id!(
    /// An economy: the digest of its genesis root set. A partner *is* its `EconomyId`.
    EconomyId, 32
);
id!(
    /// A record: the digest of its manifest's bytes, never of the signature.
    RecordId, 32
);
id!(
    /// A part: the RFC 6962 root over its bytes.
    PartDigest, 32
);
id!(
    /// An Ed25519 public key. Only [`crate::sign::PublicKey`] is known to be sound.
    KeyId, 32
);
id!(
    /// A group: the record id of its charter.
    GroupId, 32
);
id!(
    /// An epoch of a ledger: drawn at random when the ledger opens, and anew after a restore.
    EpochId, 16
);

impl From<Digest> for PartDigest {
    fn from(digest: Digest) -> Self {
        Self(digest.0)
    }
}

impl From<Digest> for RecordId {
    fn from(digest: Digest) -> Self {
        Self(digest.0)
    }
}
