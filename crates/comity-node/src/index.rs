//! How the store's views find entries: a pure function of each entry.

use comity_core::journal::JournalEntry;
use comity_core::record;
use comity_store::{Entry, Index, IndexKey, NewEntry, Options};

use crate::clock;
use crate::config::Config;

/// Changes when [`keys`] does.
const VERSION: u32 = 1;

/// How this node's store is opened.
#[must_use]
pub fn options(config: &Config) -> Options {
    let mut options = plain_options();
    options.segment_bytes = config.store.segment;
    options
}

/// How any node's store is opened, with the default segment size.
#[must_use]
pub fn plain_options() -> Options {
    let mut options = Options::new(keys);
    options.index_version = VERSION;
    options.cut = Some(cut);
    options
}

/// Written down before anything else can fail: what was cut is not there to be seen at the next start.
fn cut(bytes: u64) -> NewEntry {
    let entry = JournalEntry::TailCut { bytes, at: clock::now() };
    NewEntry { kind: entry.kind(), body: entry.encode().into(), blobs: Vec::new() }
}

/// The keys of an entry. What cannot be read has none: the fold says what is wrong with it.
#[must_use]
pub fn keys(entry: &Entry) -> Vec<IndexKey> {
    let Ok(decoded) = JournalEntry::decode(entry.kind, &entry.body) else { return Vec::new() };
    let JournalEntry::Record(entered) = decoded else { return Vec::new() };
    let Ok(record) = record::parse(&entered.signed) else { return Vec::new() };
    let manifest = record.manifest();
    let by_time = [
        &manifest.kind.code().to_be_bytes()[..],
        &entered.at.as_millis().to_be_bytes(),
        &entry.seq.to_be_bytes(),
    ];
    let by_origin = [manifest.origin.as_bytes().as_slice(), &entry.seq.to_be_bytes()];
    vec![
        IndexKey { index: Index::Id, key: record.id().as_bytes().to_vec() },
        IndexKey { index: Index::KindTime, key: by_time.concat() },
        IndexKey { index: Index::Origin, key: by_origin.concat() },
        IndexKey { index: Index::Reference, key: entered.reference.into_bytes() },
    ]
}
