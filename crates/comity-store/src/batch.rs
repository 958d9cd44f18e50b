//! What a batch must be before any of it is written.

use comity_core::PartDigest;

use crate::{NewEntry, StoreError, bounds};

/// Bytes of an entry on disk beside its body, rounded up: so that no number of empty ones is free.
const ENTRY_OVERHEAD: usize = 96;
/// Bytes of a blob on disk beside its content, the digest in its entry included, rounded up.
const BLOB_OVERHEAD: usize = 96;

/// Refuses a batch that is over a bound or brings back what was erased.
pub(crate) fn check(
    batch: &[NewEntry],
    is_erased: impl Fn(&PartDigest) -> bool,
) -> Result<(), StoreError> {
    let mut total = 0_usize;
    for entry in batch {
        within("an entry's bytes", entry.body.len(), bounds::ENTRY_BYTES)?;
        within("an entry's parts", entry.blobs.len(), bounds::ENTRY_BLOBS)?;
        total = total.saturating_add(entry.body.len() + ENTRY_OVERHEAD);
        for (digest, content) in &entry.blobs {
            within("a part's bytes", content.len(), bounds::BLOB_BYTES)?;
            total = total.saturating_add(content.len() + BLOB_OVERHEAD);
            if is_erased(digest) {
                return Err(StoreError::Erased(*digest));
            }
        }
    }
    within("a batch's bytes", total, bounds::BATCH_BYTES)
}

/// About the bytes that a batch takes on disk.
pub(crate) fn weight(batch: &[NewEntry]) -> usize {
    let entries = batch.iter().map(|entry| {
        let blobs = entry.blobs.iter().map(|(_, content)| content.len() + BLOB_OVERHEAD);
        entry.body.len() + ENTRY_OVERHEAD + blobs.sum::<usize>()
    });
    entries.sum()
}

/// Refuses what is over its bound.
pub(crate) const fn within(
    what: &'static str,
    found: usize,
    bound: usize,
) -> Result<(), StoreError> {
    if found > bound {
        return Err(StoreError::TooLarge { what, found, bound });
    }
    Ok(())
}
