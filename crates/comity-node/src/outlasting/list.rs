//! The file itself: a line for each entry, each of which says by itself whether it is whole.
//!
//! It outlasts the journal, and so it must outlast its own damage: a file whose head, tail or middle is not
//! what was written stops nobody. What reads still counts, and how many lines do not is said.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use comity_core::digest::{Digest, read_hex};
use comity_core::journal::JournalEntry;

use crate::clock;
use crate::error::{ErrorKind, ServiceError};

/// The file's name, beside `comity.toml`.
pub const FILE_NAME: &str = "erasures.list";
/// What the file begins with.
const HEAD: &str = "comity-erasures 1";
/// What every format of it begins with.
const FRONT: &[u8] = b"comity-erasures ";
/// What makes a line known to be whole.
const LINE: &str = "comity/erasures-line/1";

/// Where the file lies.
#[must_use]
pub fn path_in(folder: &Path) -> PathBuf {
    folder.join(FILE_NAME)
}

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// In order, what reads.
    pub entries: Vec<JournalEntry>,
    /// Lines that do not: a write that was cut short leaves one.
    pub unreadable: usize,
    /// Whether it begins as it must, or is not there at all.
    pub headed: bool,
}

impl Listed {
    /// Whether all of it reads.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.unreadable == 0 && self.headed
    }
}

/// What the file says. It is refused only where it is of a later format, which has lines of its own.
pub fn read(path: &Path) -> Result<Listed, ServiceError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Listed { headed: true, ..Listed::default() });
        }
        Err(error) => return Err(failed("read", path, &error)),
    };
    let listed = understood(&bytes);
    if listed.entries.is_empty() && is_of_a_later_format(&bytes) {
        let message = format!("`{}` was written by a later version of comity", path.display());
        return Err(ServiceError::data("erasures-list", message)
            .next("install that version: it says what is to be erased again"));
    }
    Ok(listed)
}

fn understood(bytes: &[u8]) -> Listed {
    let headed = bytes.split(|byte| *byte == b'\n').next() == Some(HEAD.as_bytes());
    let mut listed = Listed { headed, ..Listed::default() };
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.is_empty() || line == HEAD.as_bytes() {
            continue;
        }
        match read_line(line) {
            Some(entry) => listed.entries.push(entry),
            None => listed.unreadable = listed.unreadable.saturating_add(1),
        }
    }
    listed
}

fn is_of_a_later_format(bytes: &[u8]) -> bool {
    let head = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let number = head.strip_prefix(FRONT).and_then(|number| std::str::from_utf8(number).ok());
    number.and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number > 1)
}

/// `KIND BODY CHECK`, the latter two in hexadecimal.
fn read_line(line: &[u8]) -> Option<JournalEntry> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
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

/// Adds entries to the file; when this returns they are on the disk.
pub fn add(path: &Path, entries: &[JournalEntry]) -> Result<(), ServiceError> {
    if entries.is_empty() {
        return Ok(());
    }
    let file = match OpenOptions::new().append(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return put(path, entries),
        Err(error) => return Err(failed("write", path, &error)),
    };
    // Should the last write have been cut short, its line ends here.
    let mut text = "\n".to_owned();
    entries.iter().for_each(|entry| text.push_str(&line_of(entry)));
    append(&file, &text).map_err(|error| failed("write", path, &error))
}

fn append(mut file: &File, text: &str) -> io::Result<()> {
    let length = file.metadata()?.len();
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
    if written.is_err() {
        // Where this fails too, what is left of it is a line that does not read.
        drop(file.set_len(length));
    }
    written
}

/// Writes the file anew: whoever reads it finds the one before or this one, also after a power cut.
fn put(path: &Path, entries: &[JournalEntry]) -> Result<(), ServiceError> {
    let mut text = format!("{HEAD}\n");
    entries.iter().for_each(|entry| text.push_str(&line_of(entry)));
    let anew = path.with_extension("list.new");
    let written = || -> io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&anew)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&anew, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|error| failed("write", path, &error))
}

/// Makes a file whole that is not: what does not read is kept under another name, which is returned.
pub(super) fn mend(path: &Path, entries: &[JournalEntry]) -> Result<PathBuf, ServiceError> {
    let aside = path.with_extension(format!("list.damaged-{}", clock::now().as_millis()));
    std::fs::copy(path, &aside).map_err(|error| failed("keep a copy of", path, &error))?;
    put(path, entries)?;
    Ok(aside)
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
    use comity_core::Timestamp;

    use super::super::tests::{erased, held};
    use super::*;

    fn listed(path: &Path) -> Vec<JournalEntry> {
        read(path).unwrap().entries
    }

    #[test]
    fn the_list_is_read_as_written_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        assert_eq!(listed(&path), []);
        add(&path, &[erased(1)]).unwrap();
        add(&path, &[held(), erased(2)]).unwrap();
        assert_eq!(listed(&path), [erased(1), held(), erased(2)]);
        assert!(read(&path).unwrap().is_whole());
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "nothing is left of the writing");
    }

    #[test]
    fn a_line_that_was_cut_short_says_nothing_and_spoils_nothing_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        add(&path, &[erased(1), erased(2)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in [1, 2, 40, 70] {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let before = listed(&path);
            assert_eq!(before.first(), Some(&erased(1)), "{cut}");
            assert!(cut == 1 || before.len() == 1, "{cut}");
            add(&path, &[held()]).unwrap();
            assert_eq!(listed(&path).last(), Some(&held()), "{cut}");
        }
    }

    /// Wherever a byte is not what was written, or the front or the end is missing, every other line counts.
    #[test]
    fn damage_takes_the_line_it_is_in_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        let written = [erased(1), held(), erased(2)];
        add(&path, &written).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let last = whole.len() - line_of(&erased(2)).len();
        for at in 0..whole.len() {
            for wrong in [0xff, b'\n', 0] {
                let mut bytes = whole.clone();
                bytes[at] = wrong;
                std::fs::write(&path, &bytes).unwrap();
                let found = read(&path).unwrap();
                let lost = written.iter().filter(|entry| !found.entries.contains(entry)).count();
                assert!(lost <= 1 || whole[at] == b'\n' && lost == 2, "{at} {wrong}: {found:?}");
                assert!(bytes == whole || lost == 0 || !found.is_whole(), "{at} {wrong}");
            }
            std::fs::write(&path, &whole[at..]).unwrap();
            let found = read(&path).unwrap();
            assert!(at > last || found.entries.last() == written.last(), "{at}");
            assert!(at == 0 || at == whole.len() || !found.is_whole(), "{at}");
        }
    }

    #[test]
    fn a_file_of_something_else_says_nothing_and_one_of_a_later_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        std::fs::write(&path, b"something else\n\xff\xfe\n").unwrap();
        let found = read(&path).unwrap();
        assert_eq!((found.entries.len(), found.unreadable, found.headed), (0, 2, false));
        std::fs::write(&path, "comity-erasures 2\n77 ab cd\n").unwrap();
        assert_eq!(read(&path).unwrap_err().code, "erasures-list");
        std::fs::write(&path, "").unwrap();
        assert_eq!(listed(&path), []);
    }

    #[test]
    fn what_is_mended_is_whole_and_the_damage_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        std::fs::write(&path, b"\xff\n").unwrap();
        let aside = mend(&path, &[erased(3)]).unwrap();
        assert_eq!(std::fs::read(aside).unwrap(), b"\xff\n");
        assert!(read(&path).unwrap().is_whole());
        assert_eq!(listed(&path), [erased(3)]);
    }

    #[test]
    fn only_what_outlasts_a_restore_is_believed() {
        let restored = JournalEntry::Restored { at: Timestamp::from_secs(1) };
        assert_eq!(read_line(line_of(&restored).trim_end().as_bytes()), None);
        assert_eq!(read_line(line_of(&held()).trim_end().as_bytes()), Some(held()));
    }
}
