//! Bodies of which pieces come one by one, before an entry brings them whole.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use comity_core::PartDigest;
use comity_core::digest::{LEAF_SIZE, leaf_hashes, tree_root};
use comity_core::ledger::Ranges;

use crate::batch::within;
use crate::{BlobState, StoreError, bounds};

/// A body that has not come whole. It stands outside of the journal, and is no blob.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unfinished {
    /// What its owner knows it by: of no meaning here, at most [`bounds::LABEL_BYTES`].
    pub label: Bytes,
    /// What it is to become.
    pub digest: PartDigest,
    /// The bytes that it is to have.
    pub length: u64,
}

/// One leaf of a body that has not come whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The body.
    pub of: Unfinished,
    /// The leaf's place, from 0: all but the last have [`LEAF_SIZE`] bytes.
    pub leaf: u32,
    /// Its bytes.
    pub bytes: Bytes,
}

/// By which a body is found.
pub(crate) type Name = (Bytes, PartDigest);

impl Unfinished {
    pub(crate) fn name(&self) -> Name {
        (self.label.clone(), self.digest)
    }

    /// Leaves that it is to have.
    pub(crate) fn leaves(&self) -> u64 {
        self.length.div_ceil(LEAF_SIZE as u64)
    }

    /// Bytes of one of its leaves; `None` where it has no such leaf.
    pub(crate) fn expects(&self, leaf: u32) -> Option<usize> {
        let start = u64::from(leaf).saturating_mul(LEAF_SIZE as u64);
        let left = usize::try_from(self.length.saturating_sub(start)).unwrap_or(usize::MAX);
        (left > 0).then_some(left.min(LEAF_SIZE))
    }

    /// Whether these are all of its leaves.
    pub(crate) fn is_whole(&self, leaves: &BTreeMap<u32, Bytes>) -> bool {
        leaves.len() as u64 == self.leaves()
    }
}

impl Piece {
    /// Refuses what is over a bound, or not of the size that its place asks for.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        within("a label", self.of.label.len(), bounds::LABEL_BYTES)?;
        let length = usize::try_from(self.of.length).unwrap_or(usize::MAX);
        within("an unfinished body", length, bounds::BLOB_BYTES)?;
        let (found, bound) = (self.bytes.len(), self.of.expects(self.leaf).unwrap_or(0));
        if found == 0 || found != bound {
            return Err(StoreError::TooLarge { what: "a piece", found, bound });
        }
        Ok(())
    }
}

/// A body that was erased is refused in pieces too.
pub(crate) fn refuse_erased(
    pieces: &[Piece],
    state: impl Fn(&PartDigest) -> BlobState,
) -> Result<(), StoreError> {
    let erased = pieces.iter().find(|piece| state(&piece.of.digest) == BlobState::Erased);
    erased.map_or(Ok(()), |piece| Err(StoreError::Erased(piece.of.digest)))
}

/// The numbers of the leaves that are here.
pub(crate) fn numbers<'a>(leaves: impl IntoIterator<Item = &'a u32>) -> Ranges {
    leaves.into_iter().map(|leaf| (u64::from(*leaf), u64::from(*leaf))).collect()
}

/// The body that these leaves make, if they do.
pub(crate) fn join(of: &Unfinished, leaves: BTreeMap<u32, Bytes>) -> Option<Bytes> {
    if !of.is_whole(&leaves) {
        return None;
    }
    let mut whole = BytesMut::with_capacity(leaves.values().map(Bytes::len).sum());
    for leaf in leaves.into_values() {
        whole.extend_from_slice(&leaf);
    }
    let made = tree_root(&leaf_hashes(&whole)).map(PartDigest::from);
    (made == Some(of.digest)).then(|| whole.freeze())
}
