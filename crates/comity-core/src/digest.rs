//! SHA-256, always under a versioned domain string, and the RFC 6962 tree.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest before the first: a chain starts from it.
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 over `domain`, a zero byte and `message`.
    ///
    /// Domains are the constants of [`domains`]; none contains a zero byte, so two domains never
    /// give one input.
    #[must_use]
    pub fn of(domain: &str, message: &[u8]) -> Self {
        Self::of_all(domain, &[message])
    }

    /// [`Digest::of`] over the concatenation of `pieces`, each of a length that the format fixes.
    #[must_use]
    pub fn of_all(domain: &str, pieces: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update(domain.as_bytes());
        hash.update([0]);
        for piece in pieces {
            hash.update(piece);
        }
        Self(hash.finalize().into())
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Lower-case hexadecimal.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// Writes `bytes` in lower-case hexadecimal.
pub fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads lower- or upper-case hexadecimal of exactly `N` bytes.
#[must_use]
pub fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        if pair.starts_with('+') {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

/// Domain strings: one for each use of a hash or a key. A new meaning gets a new string.
pub mod domains {
    /// A record's id, over its manifest's bytes.
    pub const RECORD_ID: &str = "comity/record-id/1";
    /// An economy's id, over its genesis root set's bytes.
    pub const ECONOMY_ID: &str = "comity/economy-id/1";
    /// The digest by which a root set commits to the next.
    pub const ROOT_SET: &str = "comity/root-set/1";
    /// A keyring version's digest, by which the next version names it.
    pub const KEYRING: &str = "comity/keyring/1";
    /// A roster's digest, by which the next epoch names it.
    pub const ROSTER: &str = "comity/roster/1";
    /// A ledger entry's digest.
    pub const LEDGER_ENTRY: &str = "comity/ledger-entry/2";
    /// A ledger's chain, over the previous head and an entry's digest.
    pub const LEDGER_CHAIN: &str = "comity/ledger-chain/1";
    /// A ledger's chain where a new epoch opens, over the last known head and both epochs.
    pub const LEDGER_EPOCH: &str = "comity/ledger-epoch/1";
    /// The journal's chain.
    pub const JOURNAL_CHAIN: &str = "comity/journal-chain/1";
    /// The name of the file that holds what has come of a body.
    pub const UNFINISHED: &str = "comity/unfinished/1";
    /// The salted hash of a journal head that a receipt carries.
    pub const WITNESS: &str = "comity/witness/1";
    /// The check over a key file's body.
    pub const KEY_FILE: &str = "comity/key-file/1";
    /// The first element of a part's bytes.
    pub const PART: &str = "comity/part/1";
    /// A signature over a manifest.
    pub const SIGN_RECORD: &str = "comity/sign/record/1";
    /// A signature over a tree of record ids.
    pub const SIGN_RECORD_TREE: &str = "comity/sign/record-tree/1";
    /// A root key's signature over a root set that follows it.
    pub const SIGN_ROOT_SET: &str = "comity/sign/root-set/1";
    /// A root key's signature over a keyring version.
    pub const SIGN_KEYRING: &str = "comity/sign/keyring/1";
    /// A link key's signature over a dated head: which keyring is the newest.
    pub const SIGN_HEAD: &str = "comity/sign/head/1";
    /// A root key's signature over one grant.
    pub const SIGN_GRANT: &str = "comity/sign/grant/1";
    /// One line of an audit file.
    pub const AUDIT_LINE: &str = "comity/audit-line/1";
    /// A link key's signature over the first line of an audit file.
    pub const SIGN_AUDIT: &str = "comity/sign/audit/1";
    /// A link key's signature over the first line of a certificate of erasure.
    pub const SIGN_ERASURE: &str = "comity/sign/erasure/1";
    /// What a ticket's secret is derived with, from a key of the node and a salt.
    pub const TICKET_SECRET: &str = "comity/ticket-secret/1";
    /// A link key's signature over a receipt.
    pub const SIGN_RECEIPT: &str = "comity/sign/receipt/1";
    /// A pairing ticket's id and checksum.
    pub const PAIRING_TICKET: &str = "comity/pairing-ticket/1";
    /// The proof, over a channel's exporter, that its end knows a ticket's secret.
    pub const PAIRING_PROOF: &str = "comity/pairing-proof/1";
    /// The commitment to a nonce of the pairing ceremony.
    pub const PAIRING_COMMITMENT: &str = "comity/pairing-commitment/1";
    /// The transcript of a pairing ceremony, from which its digits come.
    pub const PAIRING_TRANSCRIPT: &str = "comity/pairing-transcript/1";
    /// A link key's signature in the pairing ceremony.
    pub const SIGN_PAIRING: &str = "comity/sign/pairing/1";
}

/// Bytes in one leaf of a part's tree.
pub const LEAF_SIZE: usize = 1 << 20;

/// RFC 6962 section 2.1: the hash of a leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(leaf);
    Digest(hash.finalize().into())
}

/// RFC 6962 section 2.1: the hash of an inner node.
#[must_use]
pub fn node_hash(left: Digest, right: Digest) -> Digest {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left.0);
    hash.update(right.0);
    Digest(hash.finalize().into())
}

/// RFC 6962 section 2.1: the root over leaf hashes. `None` when there is no leaf.
#[must_use]
pub fn tree_root(leaves: &[Digest]) -> Option<Digest> {
    match leaves {
        [] => None,
        [leaf] => Some(*leaf),
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(split);
            Some(node_hash(tree_root(left)?, tree_root(right)?))
        }
    }
}

/// The leaf hashes of `bytes` cut into leaves of [`LEAF_SIZE`]; the empty input is one empty leaf.
#[must_use]
pub fn leaf_hashes(bytes: &[u8]) -> Vec<Digest> {
    if bytes.is_empty() {
        return vec![leaf_hash(&[])];
    }
    bytes.chunks(LEAF_SIZE).map(leaf_hash).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_rfc_6962_does() {
        let leaves: Vec<Digest> = (0_u8..3).map(|n| leaf_hash(&[n])).collect();
        let [a, b, c] = leaves[..] else { unreachable!() };
        assert_eq!(tree_root(&leaves), Some(node_hash(node_hash(a, b), c)));
    }

    #[test]
    fn hexadecimal_is_exact() {
        assert_eq!(read_hex::<2>("00fF"), Some([0, 255]));
        assert_eq!(read_hex::<2>("00f"), None);
        assert_eq!(read_hex::<1>("+1"), None);
    }
}
