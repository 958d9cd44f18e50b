//! Titles for screens lie beside the entries of records and drafts, as the bodies of parts do: a title is
//! the first line of a summary, and goes when that is erased. What the chain covers stays for ever.

use bytes::Bytes;
use comity_core::digest::{leaf_hashes, tree_root};
use comity_core::journal::JournalEntry;
use comity_core::{PartDigest, RecordId, record};

/// What a title begins with, so that no two records or drafts have the same body.
enum Of<'a> {
    Record(&'a RecordId),
    Draft(u64),
}

/// The title of a record, as it lies beside its entry.
pub(crate) fn of_record(record: &RecordId, title: &str) -> Option<(PartDigest, Bytes)> {
    body(&Of::Record(record), title)
}

/// The same of a draft.
pub(crate) fn of_draft(number: u64, title: &str) -> Option<(PartDigest, Bytes)> {
    body(&Of::Draft(number), title)
}

fn body(of: &Of<'_>, title: &str) -> Option<(PartDigest, Bytes)> {
    let bytes: Bytes = [front(of).as_slice(), title.as_bytes()].concat().into();
    let digest = tree_root(&leaf_hashes(&bytes)).map(PartDigest::from)?;
    Some((digest, bytes))
}

/// A draft's is longer than a record's, so that neither is taken for the other.
fn front(of: &Of<'_>) -> Vec<u8> {
    match of {
        Of::Record(record) => record.as_bytes().to_vec(),
        Of::Draft(number) => [&[0; 32], number.to_be_bytes().as_slice()].concat(),
    }
}

/// Puts the title back into an entry that was read, if it lies beside it and was not erased.
pub fn put_back(
    entry: &mut JournalEntry,
    beside: &[PartDigest],
    read: impl Fn(&PartDigest) -> Option<Bytes>,
) {
    let parts = entry.part_bodies();
    let title = |of: &Of<'_>| {
        // Most often the last.
        let more = beside.iter().rev().find(|body| !parts.contains(body))?;
        let bytes = read(more)?;
        let text = bytes.strip_prefix(front(of).as_slice())?;
        String::from_utf8(text.to_vec()).ok()
    };
    if let JournalEntry::Record(entered) = entry {
        let id = record::parse(&entered.signed).map(|read| read.id());
        if let (true, Ok(id)) = (entered.title.is_empty(), id) {
            entered.title = title(&Of::Record(&id)).unwrap_or_default();
        }
    } else if let JournalEntry::Draft(draft) = entry
        && draft.title.is_empty()
    {
        draft.title = title(&Of::Draft(draft.number)).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use comity_core::journal::DraftMade;

    use super::*;

    #[test]
    fn a_title_is_read_where_it_was_put_and_nowhere_else() {
        let (number, other) = (7, 8);
        let (digest, bytes) = of_draft(number, "a flaw").unwrap();
        let draft = |number| {
            JournalEntry::Draft(DraftMade {
                number,
                title: String::new(),
                kind: 0,
                format: String::new(),
                provenance: String::new(),
                marking: None,
                parts: Vec::new(),
                at: comity_core::Timestamp::EPOCH,
            })
        };
        let read = |number: u64, found: Option<&Bytes>| {
            let mut entry = draft(number);
            put_back(&mut entry, &[digest], |_| found.cloned());
            let JournalEntry::Draft(draft) = entry else { unreachable!() };
            draft.title
        };
        assert_eq!(read(number, Some(&bytes)), "a flaw");
        assert_eq!(read(other, Some(&bytes)), "");
        assert_eq!(read(number, None), "", "it was erased");
        assert_ne!(of_draft(other, "a flaw").unwrap().0, digest);
    }
}
