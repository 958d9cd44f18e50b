//! What a partner's deliveries weigh: reckoned from what their journal entries say, so that every start
//! comes to the same sums.

use comity_core::ledger::LedgerEntry;
use comity_core::marking::Marking;
use comity_core::record::Manifest;

use super::kept::is_read;

/// Bytes of memory that a record takes with its places in the indexes, beside what is weighed apart.
const RECORD: u64 = 2560;
/// The same for a part.
const PART: u64 = 768;
/// The same for a number of a ledger, whatever became of it.
const NUMBER: u64 = 192;
/// The same for the line of a number, where that is kept.
const LINE: u64 = 320;
/// The same for a digest, a category, or another short thing in a set.
const SMALL: u64 = 96;

/// Bytes that something takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Of memory.
    pub(crate) memory: u64,
    /// On the disk.
    pub(crate) disk: u64,
}

impl Weight {
    /// A number of a partner's ledger, and its line where that is kept.
    pub(crate) fn of_number(line: Option<&LedgerEntry>) -> Self {
        let line = line.map_or(0, |line| {
            let purposes = line.obligations.purposes.iter().map(|text| SMALL + text.len() as u64);
            LINE + 32 * line.parts.len() as u64 + purposes.sum::<u64>()
        });
        Self { memory: NUMBER + line, disk: NUMBER + line }
    }

    /// A record without its parts. `signed`: bytes of its signed form.
    pub(crate) fn of_record(manifest: &Manifest, signed: usize) -> Self {
        let body = manifest.body.as_deref().filter(|body| is_read(manifest.kind, body));
        // What is read of a body is held beside it.
        let body = body.map_or(0, |body| 2 * body.len() as u64);
        let replaced = SMALL * manifest.supersedes.len() as u64;
        Self { memory: RECORD + body + replaced + marking(&manifest.floor), disk: signed as u64 }
    }

    /// A part of a record with this floor, of which each part's marking is the stricter form. `header`:
    /// bytes of its header, which is in the journal, and in memory with what it says.
    pub(crate) fn of_part(floor: &Marking, header: usize, size: u64) -> Self {
        let header = header as u64;
        Self { memory: PART + 2 * header + marking(floor), disk: size.saturating_add(header) }
    }

    /// A receipt of so many bytes.
    pub(crate) fn of_receipt(bytes: usize) -> Self {
        Self { memory: SMALL, disk: bytes as u64 }
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            memory: self.memory.saturating_add(other.memory),
            disk: self.disk.saturating_add(other.disk),
        }
    }
}

fn marking(marking: &Marking) -> u64 {
    let categories = marking.categories.iter().map(|text| SMALL + text.len() as u64);
    categories.sum::<u64>() + marking.exercise.as_ref().map_or(0, |text| text.len() as u64)
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use comity_core::policy::PartFacts;
    use comity_core::{PartDigest, RecordId};

    use super::*;
    use crate::state::Held;

    /// A tree's node is at least half full.
    const SPARSE: usize = 2;

    #[test]
    fn nothing_weighs_less_than_it_takes() {
        let indexes = size_of::<(u64, RecordId)>() + 2 * size_of::<RecordId>() + size_of::<u64>();
        let record = size_of::<(RecordId, Held)>() + indexes;
        assert!((record * SPARSE) as u64 <= RECORD, "{record}");
        let part = size_of::<PartFacts>() + SPARSE * size_of::<(PartDigest, u64)>();
        assert!(part as u64 <= PART, "{part}");
        let line = SPARSE * size_of::<(u64, LedgerEntry)>();
        assert!(line as u64 <= LINE, "{line}");
        let number = size_of::<[PartDigest; 2]>() + SPARSE * size_of::<(u64, u64, u64)>();
        assert!(number as u64 <= NUMBER, "{number}");
    }
}
