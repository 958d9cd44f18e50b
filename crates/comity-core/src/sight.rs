//! What our own people are shown of a record's parts, on a screen or by the local interface.
//!
//! [`look_at`] is the only function that makes a [`Sight`], and asks the decision for one of our own roles;
//! only a `Sight` makes a [`ShownPart`], of the very part that it is for; and whatever puts what a part says
//! before people takes nothing else. Neither can be made by hand:
//!
//! ```compile_fail,E0451
//! fn forge(part: comity_core::PartDigest) -> comity_core::sight::Sight {
//!     comity_core::sight::Sight { part }
//! }
//! ```
//!
//! ```compile_fail,E0451
//! fn forge(part: comity_core::record::Part) -> comity_core::sight::ShownPart {
//!     comity_core::sight::ShownPart { part }
//! }
//! ```
//!
//! nor for another part than it was made for:
//!
//! ```compile_fail,E0616
//! fn turn(mut sight: comity_core::sight::Sight, other: comity_core::PartDigest) {
//!     sight.part = other;
//! }
//! ```
//!
//! nor can what is shown be changed for something else:
//!
//! ```compile_fail,E0616
//! fn swap(mut shown: comity_core::sight::ShownPart, other: comity_core::record::Part) {
//!     shown.part = other;
//! }
//! ```
//!
//! A `ShownPart` stays in the house: what leaves is decided for its readers, as a
//! [`Released`](crate::exit::Released) or a [`Delivery`](crate::Delivery).

use bytes::Bytes;

use crate::identity::PartDigest;
use crate::policy::{Decision, PartFacts, PolicySnapshot, Recipient, RecordFacts, decide};
use crate::record::{Part, RecordError};
use crate::time::Timestamp;

/// Leave to show one part to our own people, by the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    part: PartDigest,
}

/// Asks the decision for one of our own roles; the role without a name is everybody here.
///
/// # Errors
///
/// The decision, where it is not to show it.
pub fn look_at(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    part: &PartFacts,
    role: &str,
    now: Timestamp,
) -> Result<Sight, Box<Decision>> {
    let recipient = Recipient::LocalRole { role: role.to_owned() };
    let decision = decide(snapshot, record, part, &recipient, now);
    match decision.is_release() {
        true => Ok(Sight { part: part.digest }),
        false => Err(Box::new(decision)),
    }
}

impl Sight {
    /// The part that it is for.
    #[must_use]
    pub fn part(&self) -> PartDigest {
        self.part
    }

    /// Shows the part. The bytes are hashed, so that what is shown is what was decided about.
    ///
    /// # Errors
    ///
    /// [`NotShown`], where they are no part, or another one.
    pub fn show(&self, bytes: Bytes) -> Result<ShownPart, NotShown> {
        let part = Part::decode(bytes)?;
        match part.digest == self.part {
            true => Ok(ShownPart { part }),
            false => Err(NotShown::Other(self.part)),
        }
    }
}

/// Why bytes are not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    /// They are no part.
    #[error(transparent)]
    NoPart(#[from] RecordError),
    /// They are not those of the part that may be shown.
    #[error("the bytes are not those of part {}", .0.short())]
    Other(PartDigest),
}

/// A part that our own people may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownPart {
    part: Part,
}

impl ShownPart {
    /// What it is, and what it says.
    #[must_use]
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// What it says.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.part.content
    }
}
