//! What must outlast a restore: which bodies were erased, and what is kept on legal grounds.
//!
//! Each such entry of the journal is written down a second time in a file beside `comity.toml`, where no
//! restore of the journal reaches it. At every start, and by every restore, the two are made one: what the
//! journal does not have is entered again, what the file does not have is added to it, and whatever should
//! be erased and is not is erased.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use comity_core::PartDigest;
use comity_core::digest::{Digest, read_hex};
use comity_core::journal::JournalEntry;
use comity_store::{BlobState, FileStore, NewEntry, Options, Store};

use crate::error::{ErrorKind, ServiceError};
use crate::limits::ERASED_AT_ONCE;
use crate::node::fold;
use crate::state::{State, word_digest};

/// The file's name, beside `comity.toml`.
pub const FILE_NAME: &str = "erasures.list";
/// What the file begins with.
const HEAD: &str = "comity-erasures 1";
/// What makes a line known to be whole.
const LINE: &str = "comity/erasures-line/1";

/// Where the file lies.
#[must_use]
pub fn path_in(folder: &Path) -> PathBuf {
    folder.join(FILE_NAME)
}

/// What the file says, in order. A line that is not whole is an unfinished write and says nothing; the
/// journal has what it would have said.
pub fn read(path: &Path) -> Result<Vec<JournalEntry>, ServiceError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", path, &error)),
    };
    let mut lines = text.lines();
    match lines.next() {
        Some(HEAD) => {}
        // The first write was cut short.
        None => return Ok(Vec::new()),
        Some(_) => {
            let message = format!("`{}` is not a list of erasures", path.display());
            return Err(ServiceError::data("erasures-list", message)
                .next("bring it back from a backup: it says what is to be erased again"));
        }
    }
    Ok(lines.filter_map(read_line).collect())
}

/// `KIND BODY CHECK`, the latter two in hexadecimal.
fn read_line(line: &str) -> Option<JournalEntry> {
    let mut words = line.split(' ');
    let kind: u8 = words.next()?.parse().ok()?;
    let body = from_hex(words.next()?)?;
    let check = read_hex(words.next()?).map(Digest)?;
    let whole = check == Digest::of_all(LINE, &[&[kind], &body]) && words.next().is_none();
    let entry = JournalEntry::decode(kind, &body).ok().filter(|_| whole)?;
    entry.outlasts_restore().then_some(entry)
}

fn line_of(entry: &JournalEntry) -> String {
    let (kind, body) = (entry.kind(), entry.encode());
    let check = Digest::of_all(LINE, &[&[kind], &body]);
    format!("{kind} {} {check}\n", hex(&body))
}

/// Adds entries to the file and syncs it.
pub fn add(path: &Path, entries: &[JournalEntry]) -> Result<(), ServiceError> {
    if entries.is_empty() {
        return Ok(());
    }
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let mut text = match file.metadata()?.len() {
            0 => format!("{HEAD}\n"),
            // Should the last write have been cut short, its line ends here.
            _ => "\n".to_owned(),
        };
        entries.iter().for_each(|entry| text.push_str(&line_of(entry)));
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|error| failed("write", path, &error))
}

/// Makes the journal and the file one, and erases what should be erased and is not. Whether the journal has
/// entries now that `state` does not know.
pub fn settle(path: &Path, store: &dyn Store, state: &State) -> Result<bool, ServiceError> {
    let listed = read(path)?;
    let there: BTreeSet<Digest> = listed.iter().map(word_digest).collect();
    let unlisted = state.erasures().words().iter();
    let unlisted = unlisted.filter(|entry| !there.contains(&word_digest(entry)));
    add(path, &unlisted.cloned().collect::<Vec<_>>())?;
    enter_again(&listed, store, state)
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
        store.append(missing.iter().map(entry).collect())?;
    }
    let bodies = missing.iter().flat_map(bodies_of).chain(state.erasures().bodies().copied());
    let due: Vec<PartDigest> =
        bodies.filter(|body| store.blob_state(body) != BlobState::Erased).collect();
    for some in due.chunks(ERASED_AT_ONCE) {
        store.erase(some)?;
    }
    Ok(!missing.is_empty())
}

/// After a restore, before anybody looks: what was erased since the copy was made is erased again. How many
/// erasures and holds the copy did not have. `beside` may have a list of its own, such as the one that a later
/// backup brought along.
pub fn after_restore(
    folder: &Path,
    beside: Option<&Path>,
    data: &Path,
    options: Options,
) -> Result<usize, ServiceError> {
    let path = path_in(folder);
    if let Some(beside) = beside {
        let here: BTreeSet<Digest> = read(&path)?.iter().map(word_digest).collect();
        let mut more = read(&path_in(beside))?;
        more.retain(|entry| !here.contains(&word_digest(entry)));
        add(&path, &more)?;
    }
    let (store, _) = FileStore::open(data, options)?;
    let state = fold(&store)?;
    let before = state.erasures().words().len();
    settle(&path, &store, &state)?;
    Ok(read(&path)?.len().saturating_sub(before))
}

/// Puts the list beside a copy of the journal, for a machine on which nothing else is left.
pub fn copy(folder: &Path, to: &Path) -> Result<(), ServiceError> {
    let list = read(&path_in(folder))?;
    add(&path_in(to), &list)
}

fn bodies_of(entry: &JournalEntry) -> Vec<PartDigest> {
    if let JournalEntry::Erased(erasure) = entry {
        erasure.parts.iter().chain(&erasure.beside).copied().collect()
    } else {
        Vec::new()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

fn failed(what: &str, path: &Path, error: &io::Error) -> ServiceError {
    let message = format!("cannot {what} `{}`: {error}", path.display());
    ServiceError::new(ErrorKind::Io, "erasures-list", message)
        .next("look at the disk and at who owns the file")
}

#[cfg(test)]
mod tests {
    use comity_core::journal::{Erasure, ErasureCause, LegalHold};
    use comity_core::{RecordId, Timestamp};

    use super::*;

    fn erased(number: u8) -> JournalEntry {
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

    fn held() -> JournalEntry {
        JournalEntry::OnHold(LegalHold {
            record: RecordId([9; 32]),
            reason: "an order\nof a court".to_owned(),
            by: "kim".to_owned(),
            at: Timestamp::from_secs(2),
        })
    }

    #[test]
    fn the_list_is_read_as_written_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        assert_eq!(read(&path).unwrap(), []);
        add(&path, &[erased(1)]).unwrap();
        add(&path, &[held(), erased(2)]).unwrap();
        assert_eq!(read(&path).unwrap(), [erased(1), held(), erased(2)]);
    }

    #[test]
    fn a_line_that_was_cut_short_says_nothing_and_spoils_nothing_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        add(&path, &[erased(1), erased(2)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in [1, 2, 40, 70] {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let before = read(&path).unwrap();
            assert_eq!(before.first(), Some(&erased(1)), "{cut}");
            assert!(cut == 1 || before.len() == 1, "{cut}");
            add(&path, &[held()]).unwrap();
            assert_eq!(read(&path).unwrap().last(), Some(&held()), "{cut}");
        }
    }

    #[test]
    fn another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        std::fs::write(&path, "something else\n").unwrap();
        assert_eq!(read(&path).unwrap_err().code, "erasures-list");
        add(&path, &[erased(1)]).unwrap();
        std::fs::write(&path, "").unwrap();
        assert_eq!(read(&path).unwrap(), []);
    }

    #[test]
    fn only_what_outlasts_a_restore_is_believed() {
        let restored = JournalEntry::Restored { at: Timestamp::from_secs(1) };
        assert_eq!(read_line(line_of(&restored).trim_end()), None);
        assert_eq!(read_line(line_of(&held()).trim_end()), Some(held()));
    }
}
