//! Deterministic CBOR (RFC 8949 section 4.2.1), strictly read.
//!
//! There is one encoding for each value; everything else is refused with an error that names the
//! offset and the way in which it was wrong. Floats, tags, and simple values other than booleans and
//! null do not occur in any format of comity.

mod fault;
mod reader;
mod writer;

pub use fault::{Fault, Problem};
pub use reader::{MapReader, Reader, is_invisible, is_label, is_unfit};
pub use writer::Writer;
