//! What a batch must be before any of it is written.

use comity_core::PartDigest;

use crate::{NewEntry, StoreError, bounds};

/// Refuses a batch that is over a bound or brings back what was erased.
pub(crate) fn check(
    batch: &[NewEntry],
    is_erased: impl Fn(&PartDigest) -> bool,
) -> Result<(), StoreError> {
    let mut total = 0_usize;
    for entry in batch {
        within("an entry's bytes", entry.body.len(), bounds::ENTRY_BYTES)?;
        within("an entry's parts", entry.blobs.len(), bounds::ENTRY_BLOBS)?;
        total = total.saturating_add(entry.body.len());
        for (digest, content) in &entry.blobs {
            within("a part's bytes", content.len(), bounds::BLOB_BYTES)?;
            total = total.saturating_add(content.len());
            if is_erased(digest) {
                return Err(StoreError::Erased(*digest));
            }
        }
    }
    within("a batch's bytes", total, bounds::BATCH_BYTES)
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
