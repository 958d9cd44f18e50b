//! Records: a signed manifest and sealed parts.

mod manifest;
mod part;

pub use manifest::{Manifest, PartEntry, SizeClass};
pub use part::{Addressee, Header, Part};
