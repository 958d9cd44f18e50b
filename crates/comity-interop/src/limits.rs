//! Every bound on foreign input, in one place.

/// Bytes of a JSON document. CSAF 2.0 advises publishers to stay under 15 MB; the largest known are twice that.
pub const DOCUMENT_BYTES: usize = 32 * 1024 * 1024;
/// Nesting of a JSON document. A branch of a product tree takes two levels.
pub const DOCUMENT_DEPTH: usize = 96;
/// Values in a JSON document: what a small text may grow to in memory.
pub const DOCUMENT_VALUES: usize = 2_000_000;
/// Bytes of a readable text made from a document; the rest is in the original.
pub const TEXT_BYTES: usize = 1024 * 1024;
/// Names printed of one list of products; the rest is in the original.
pub const PRODUCTS_LISTED: usize = 100;
/// Names counted of one list of products: a small document may name a large group very often.
pub const PRODUCTS_COUNTED: usize = 10_000;
/// Characters of a draft's title.
pub const TITLE_CHARS: usize = 200;
/// Notices kept with a draft.
pub const NOTICES: usize = 100;
/// Bytes of one line of sightings.
pub const LINE_BYTES: usize = 1024 * 1024;
/// Columns of one row of sightings, nested ones included.
pub const ROW_COLUMNS: usize = 512;
/// Nesting inside a column of a row.
pub const ROW_DEPTH: usize = 16;
/// Names of columns remembered between rows; with more, the memory starts anew.
pub const COLUMN_NAMES: usize = 4096;
/// Bytes of the names of columns remembered between rows.
pub const COLUMN_NAME_BYTES: usize = 1024 * 1024;
/// Names of dropped columns reported one by one.
pub const DROPPED_NAMES: usize = 256;
/// Bad rows, and rows without an owner, that are described one by one; all are counted.
pub const ROWS_LISTED: usize = 100_000;
/// Bytes of sightings in one part, under the bound of a part with room for its header.
pub const PART_CONTENT_BYTES: usize = comity_core::limits::PART_BYTES - 64 * 1024;
/// Bytes of rows that one import keeps in memory until it knows that nothing is wrong with them: a small
/// compressed file may hold very many.
pub const IMPORT_BYTES: usize = 512 * 1024 * 1024;
/// Parts of sightings in one draft: half of what a record holds, so that others still fit.
pub const DRAFT_PARTS: usize = comity_core::limits::PARTS / 2;
/// Names of feeds kept for the title of a draft.
pub const FEEDS: usize = 16;
/// Lines of a prefix table.
pub const PREFIXES: usize = 4_000_000;
/// Vulnerabilities that are taken of what one record speaks of.
pub const SUBJECT_CVES: usize = 4096;
/// Addresses at which a document says that it is itself to be found, of which so many are taken.
pub const SUBJECT_ADDRESSES: usize = 16;
/// References that are taken of one document.
pub const SUBJECT_REFERENCES: usize = 64;
/// Bytes of a publisher's namespace, an id or an address by which a document is known; what is longer names
/// nothing.
pub const SUBJECT_NAME_BYTES: usize = 1024;
