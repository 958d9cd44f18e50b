//! IntelMQ events, as JSON lines, to one draft of sightings cut by owner.
//!
//! Each row goes to the economy that looks after the country of its `source`: `source.geolocation.cc`,
//! or, when that is missing, the country of `source.ip` (else `source.network`) in a prefix table; and
//! from the country through the operator's own [`crate::Routes`]. A row that finds no economy is *unowned*:
//! it goes nowhere and is listed. Of its columns those go that are known to be harmless ([`columns::Allowed`]), byte for
//! byte (URLs without user and query); all others stay at home. A line that is no row is *bad*: counted and described, and the others go on.

pub mod columns;
mod nested;
mod people;
mod row;
mod split;
mod time;
mod url;

pub use split::{
    BadRow, MEDIA_TYPE, Options, Progress, SightingsPart, Split, SplitError, Splitter, UnownedRow,
    split,
};
