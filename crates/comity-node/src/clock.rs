//! The system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use comity_core::Timestamp;

/// Now; 1970 when the clock is set before that.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::EPOCH
        .saturating_add(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
