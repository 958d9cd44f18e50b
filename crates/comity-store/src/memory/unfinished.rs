//! Bodies that have not come whole, in memory.

use std::collections::BTreeMap;

use bytes::Bytes;
use comity_core::PartDigest;
use comity_core::ledger::Ranges;

use crate::unfinished::{Name, Piece, Unfinished, join, numbers};

/// The pieces that are here.
#[derive(Default)]
pub(super) struct Bodies(BTreeMap<Name, (Unfinished, BTreeMap<u32, Bytes>)>);

impl Bodies {
    pub(super) fn keep(&mut self, pieces: &[Piece]) {
        for Piece { of, leaf, bytes } in pieces {
            let fresh = || (of.clone(), BTreeMap::new());
            let body = self.0.entry(of.name()).or_insert_with(fresh);
            if body.0 != *of {
                // Under another length it was another body.
                *body = fresh();
            }
            body.1.entry(*leaf).or_insert_with(|| bytes.clone());
        }
    }

    pub(super) fn list(&self) -> Vec<(Unfinished, Ranges)> {
        self.0.values().map(|(of, leaves)| (of.clone(), numbers(leaves.keys()))).collect()
    }

    pub(super) fn gather(&self, of: &Unfinished) -> Option<Bytes> {
        let (known, leaves) = self.0.get(&of.name())?;
        if known == of { join(of, leaves.clone()) } else { None }
    }

    pub(super) fn discard(&mut self, label: &[u8], digest: &PartDigest) {
        self.0.remove(&(Bytes::copy_from_slice(label), *digest));
    }

    pub(super) fn erase(&mut self, digests: &[PartDigest]) {
        self.0.retain(|(_, digest), _| !digests.contains(digest));
    }

    /// Bytes of all pieces.
    pub(super) fn bytes(&self) -> usize {
        self.0.values().flat_map(|(_, leaves)| leaves.values()).map(Bytes::len).sum()
    }
}
