//! What must outlast a restore: which bodies were erased, what is kept on legal grounds, and what left as a file.
//!
//! Each such entry of the journal is written down a second time in a file beside `comity.toml`, where no
//! restore of the journal reaches it. At every start, and by every restore, the two are made one: what the
//! journal does not have is entered again, what the file does not have is added to it, and whatever should
//! be erased and is not is erased.

mod list;

use std::collections::BTreeSet;
use std::path::Path;

use comity_core::PartDigest;
use comity_core::digest::Digest;
use comity_core::journal::JournalEntry;
use comity_store::{BlobState, FileStore, NewEntry, Options, Store};

use crate::error::ServiceError;
use crate::limits::{ERASED_AT_ONCE, FOLD};
use crate::node::fold;
use crate::state::{State, word_digest};
pub use list::{FILE_NAME, Listed, add, path_in, read};

/// What came of making the journal and the file one.
#[derive(Debug)]
pub struct Settled {
    /// Whether the journal has entries now that the state did not know.
    pub entered: bool,
    /// What is wrong with the file, in a sentence for people.
    pub wrong: Option<String>,
}

/// Makes the journal and the file one, and erases what should be erased and is not.
///
/// A file that cannot be written stops no start: the journal has what belongs into it.
pub fn settle(path: &Path, store: &dyn Store, state: &State) -> Result<Settled, ServiceError> {
    let listed = read(path)?;
    let unlisted = unknown_to(&listed.entries, state.erasures().words());
    let wrong = complete(path, &listed, &unlisted).unwrap_or_else(|error| {
        Some(format!(
            "{error}: a restore would not know what was erased, held or left as a file since it was written"
        ))
    });
    let entered = enter_again(&listed.entries, store, state)?;
    Ok(Settled { entered, wrong })
}

/// Adds to the file what it does not have, and mends it where it is not whole; what was wrong with it.
fn complete(
    path: &Path,
    listed: &Listed,
    more: &[JournalEntry],
) -> Result<Option<String>, ServiceError> {
    if listed.is_whole() {
        return add(path, more).map(|()| None);
    }
    let entries: Vec<_> = listed.entries.iter().chain(more).cloned().collect();
    let aside = list::mend(path, &entries)?;
    let lines = match listed.unreadable {
        0 => "its first line is missing".to_owned(),
        1 => "1 line of it does not read".to_owned(),
        many => format!("{many} lines of it do not read"),
    };
    Ok(Some(format!(
        "`{}` was damaged: {lines} (a write that was cut short leaves one). Whatever else it says, and what the journal here knows, counts and is written anew; the damaged one lies in `{}`. After a restore from before, look whether something that was erased is here again",
        path.display(),
        aside.display()
    )))
}

/// What of these is not among those.
fn unknown_to(known: &[JournalEntry], words: &[JournalEntry]) -> Vec<JournalEntry> {
    let known: BTreeSet<Digest> = known.iter().map(word_digest).collect();
    words.iter().filter(|entry| !known.contains(&word_digest(entry))).cloned().collect()
}

/// Enters what the journal does not have of these, and erases what should be erased and is not. Whether the
/// journal has entries now that `state` does not know.
pub fn enter_again(
    listed: &[JournalEntry],
    store: &dyn Store,
    state: &State,
) -> Result<bool, ServiceError> {
    let knows = |entry: &JournalEntry| state.erasures().knows(entry);
    let missing: Vec<_> = listed.iter().filter(|entry| !knows(entry)).cloned().collect();
    if !missing.is_empty() {
        let entry = |entry: &JournalEntry| NewEntry {
            kind: entry.kind(),
            body: entry.encode().into(),
            blobs: Vec::new(),
        };
        // Each word stands by itself: what a crash leaves out the next start enters.
        for some in missing.chunks(FOLD) {
            store.append(some.iter().map(entry).collect())?;
        }
    }
    let bodies = missing.iter().flat_map(bodies_of).chain(state.erasures().bodies().copied());
    let due: Vec<PartDigest> =
        bodies.filter(|body| store.blob_state(body) != BlobState::Erased).collect();
    for some in due.chunks(ERASED_AT_ONCE) {
        store.erase(some)?;
    }
    Ok(!missing.is_empty())
}

/// What must be so in whatever is put back.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Everything that anybody here knows of erasures, holds and files; the list has it.
    pub entries: Vec<JournalEntry>,
    /// What could not be read, in sentences for people.
    pub wrong: Vec<String>,
}

/// Before a restore: what the list here, the one beside the backup and the journal that is here now know is
/// in the list, on the disk, before any data is put back. An entry of the journal may not have come into the
/// list when the process died.
pub fn before_restore(
    folder: &Path,
    beside: Option<&Path>,
    data: &Path,
    options: Options,
) -> Result<Gathered, ServiceError> {
    let path = path_in(folder);
    let here = read(&path)?;
    let mut wrong = Vec::new();
    let mut more = Vec::new();
    if let Some(beside) = beside {
        let copied = read(&path_in(beside))?;
        if !copied.is_whole() {
            let list = path_in(beside);
            wrong.push(format!("`{}` is damaged: what it says elsewhere counts", list.display()));
        }
        more.extend(copied.entries);
    }
    match words_in(data, options) {
        Ok(words) => more.extend(words),
        Err(why) => wrong.push(format!(
            "the journal that is here cannot be asked what was erased: {why}. What `{}` does not have of it is unknown",
            path.display()
        )),
    }
    // Of the same instant they stay as they are.
    more.sort_by_key(JournalEntry::at);
    let mut seen: BTreeSet<Digest> = here.entries.iter().map(word_digest).collect();
    more.retain(|entry| seen.insert(word_digest(entry)));
    wrong.extend(complete(&path, &here, &more)?);
    let mut entries: Vec<_> = here.entries.into_iter().chain(more).collect();
    entries.sort_by_key(JournalEntry::at);
    Ok(Gathered { entries, wrong })
}

/// What a journal says of erasures, holds and files, as far as it reads.
fn words_in(data: &Path, options: Options) -> Result<Vec<JournalEntry>, ServiceError> {
    if !data.join("journal").is_dir() {
        return Ok(Vec::new());
    }
    let (store, _) = FileStore::open_read_only(data, options)?;
    let (mut words, mut next) = (Vec::new(), 1);
    loop {
        let entries = store.read(next, FOLD)?;
        let Some(last) = entries.last() else { return Ok(words) };
        next = last.seq.saturating_add(1);
        let decoded =
            entries.iter().filter_map(|one| JournalEntry::decode(one.kind, &one.body).ok());
        words.extend(decoded.filter(JournalEntry::outlasts_restore));
    }
}

/// What was gathered is so in a store that is being put back, before anybody looks at it. How many of
/// them it did not have.
pub fn into_restored(store: &dyn Store, entries: &[JournalEntry]) -> Result<usize, ServiceError> {
    let state = fold(store)?;
    let missing = entries.iter().filter(|entry| !state.erasures().knows(entry)).count();
    enter_again(entries, store, &state)?;
    Ok(missing)
}

/// Puts the list beside a copy of the journal, for a machine on which nothing else is left.
pub fn copy(folder: &Path, to: &Path) -> Result<(), ServiceError> {
    add(&path_in(to), &read(&path_in(folder))?.entries)
}

fn bodies_of(entry: &JournalEntry) -> Vec<PartDigest> {
    if let JournalEntry::Erased(erasure) = entry {
        erasure.parts.iter().chain(&erasure.beside).copied().collect()
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use comity_core::journal::{Erasure, ErasureCause, LegalHold};
    use comity_core::{RecordId, Timestamp};

    use super::*;

    pub(super) fn erased(number: u8) -> JournalEntry {
        JournalEntry::Erased(Erasure {
            record: RecordId([number; 32]),
            parts: vec![PartDigest([number; 32])],
            beside: Vec::new(),
            cause: ErasureCause::Person,
            reason: "asked".to_owned(),
            by: String::new(),
            at: Timestamp::from_secs(1),
        })
    }

    pub(super) fn held() -> JournalEntry {
        JournalEntry::OnHold(LegalHold {
            record: RecordId([9; 32]),
            reason: "an order\nof a court".to_owned(),
            by: "kim".to_owned(),
            at: Timestamp::from_secs(2),
        })
    }

    fn options() -> Options {
        crate::index::plain_options()
    }

    /// What only the journal that is about to go knows is in the list before anything is put back.
    #[test]
    fn nothing_that_anybody_here_knows_is_forgotten_by_a_restore() {
        let node = tempfile::tempdir().unwrap();
        let backup = tempfile::tempdir().unwrap();
        let data = node.path().join("store");
        let (store, _) = FileStore::open(&data, options()).unwrap();
        let entry = erased(1);
        let new = NewEntry { kind: entry.kind(), body: entry.encode().into(), blobs: Vec::new() };
        store.append(vec![new]).unwrap();
        drop(store);
        add(&path_in(node.path()), &[erased(2)]).unwrap();
        add(&path_in(backup.path()), &[held(), erased(2)]).unwrap();
        let gather = || before_restore(node.path(), Some(backup.path()), &data, options()).unwrap();
        let gathered = gather();
        assert_eq!(gathered.entries, [erased(2), erased(1), held()]);
        assert!(gathered.wrong.is_empty(), "{:?}", gathered.wrong);
        assert_eq!(read(&path_in(node.path())).unwrap().entries, gathered.entries, "it is written");
        assert_eq!(gather().entries, gathered.entries);
        // Whatever becomes of one of the three, the others count.
        std::fs::write(path_in(node.path()), b"\xff\xff").unwrap();
        let without = gather();
        assert_eq!(without.entries, [erased(2), erased(1), held()]);
        assert_eq!(without.wrong.len(), 1);
        assert!(read(&path_in(node.path())).unwrap().is_whole());
    }
}
