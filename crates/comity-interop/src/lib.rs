//! Foreign formats to comity drafts: CSAF 2.0 advisories, and IntelMQ events as JSON lines.
//!
//! Everything here is pure: bytes or a [`std::io::BufRead`] in, unsigned drafts out. Nothing is
//! signed, released or written, and no file, socket, store or clock is known to this crate. What it
//! reads comes from strangers: every size has a bound in [`limits`], and every refusal names the place.

pub mod csaf;
pub mod draft;
pub mod intelmq;
pub mod json;
pub mod limits;
pub mod prefixes;
pub mod routes;
pub mod subject;

pub use draft::{ImportedDraft, Notice, Provenance};
pub use prefixes::PrefixTable;
pub use routes::{CountryCode, Routes};
pub use subject::{Publication, Subject};
