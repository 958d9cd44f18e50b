//! Records, keys, agreements and the decision of a comity node.
//!
//! Everything here is pure: the time, bytes and randomness are arguments, and what should happen is
//! the result. No socket, file, clock or runtime is known to this crate.

pub mod agreement;
pub mod assessment;
pub mod cbor;
pub mod ceremony;
pub mod consent;
pub mod control;
pub mod corroboration;
pub mod delivery;
pub mod digest;
pub mod entitlement;
pub mod entropy;
pub mod exit;
pub mod group;
pub mod identity;
pub mod intake;
pub mod journal;
pub mod keyring;
pub mod ledger;
pub mod limits;
pub mod marking;
pub mod partners;
pub mod policy;
pub mod receipt;
pub mod record;
pub mod sight;
pub mod sign;
pub mod staff;
#[cfg(any(test, feature = "test-util"))]
pub mod test_util;
pub mod time;
pub mod vocabulary;

pub use delivery::Delivery;
pub use digest::Digest;
pub use entropy::Entropy;
pub use identity::{EconomyId, EpochId, GroupId, KeyId, PartDigest, RecordId};
pub use marking::{Marking, Onward, Pap, Tlp};
pub use time::Timestamp;
pub use vocabulary::{
    Class, KeptBecause, Kind, Means, RecallReason, RefusalReason, Section, State, Urgency,
};
