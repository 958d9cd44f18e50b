//! Records: a signed manifest and sealed parts.
//!
//! ```text
//! record   = manifest  signed by the author's key; small; travels whole
//!          + parts     each salted; the manifest holds only their digests; any subset may travel
//! ```
//!
//! The signature covers the manifest and the manifest covers every part by its digest, so whoever passes
//! a record on may hold parts back and the originator's signature stays valid. What is held back shows
//! as a digest and a size class, and padding looks the same.
//!
//! * [`Manifest`]: a map with unsigned keys. Its bytes under a domain string give the [`RecordId`]; bytes
//!   that were received are hashed as they are, never encoded again.
//! * [`Part`]: `[domain, salt, header, content]`. These bytes are hashed ([`PartDigest`]), sized
//!   ([`SizeClass`]) and sent. Whom an addressed record is for stands in parts of its own ([`Addressee`]).
//! * Records of a control kind carry a body in the manifest and have no parts: nothing can be held back.
//!
//! Reading goes [`parse`], [`UnverifiedRecord::verify`], [`VerifiedRecord::check_part`]; writing goes
//! [`Draft::sign`] or [`control`]. What a later version adds (kinds, sections, classes, markings, keys) is
//! read as unknown, kept, and never released. `docs/src/spec/records.md` has the format in CDDL.
//!
//! [`RecordId`]: crate::RecordId
//! [`PartDigest`]: crate::PartDigest

mod draft;
mod envelope;
mod error;
mod manifest;
mod manifest_codec;
mod part;
mod part_codec;
mod verify;

pub use draft::{ADDRESSEE_MEDIA_TYPE, AddresseeDraft, Composed, Draft, DraftError, control};
pub use error::RecordError;
pub use manifest::{Manifest, PartEntry, SizeClass};
pub use part::{Addressee, Header, Part};
pub use part_codec::SALT_BYTES;
pub use verify::{UnverifiedRecord, VerifiedRecord, parse};
