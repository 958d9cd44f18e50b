//! Key files that count once the keyring which says so is in the journal.
//!
//! They are written beside those whose places they are to take, and take them when the keyring has been
//! entered. Interrupted before, the files that are in force stay; interrupted after, the next start, or
//! the next command that changes the keyring, puts them in their places. Each is named after what the
//! keyring says of it, so that none takes a place by a keyring that it was not made for. One that nothing
//! came of stays where it is until another has taken the place: a copy too many harms nobody, and a key
//! too few is an economy lost.

use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};

use comity_core::keyring::{Role, VerifiedKeyring};
use comity_core::{Digest, KeyId, Timestamp};

use crate::error::{ErrorKind, ServiceError};
use crate::founding::{NEXT_ROOT_KEYS, ROOT_KEYS};
use crate::keyfile::{self, KeySet, Seal};
use crate::service::EMERGENCY_KEYS;

/// What stands between the name of the file and what the keyring says of it.
const STAGED: &str = ".staged-";
/// The code of the error that the keyring is in force, and a file not in its place.
pub(crate) const NOT_IN_PLACE: &str = "key-not-in-place";
/// Characters of a digest or of a key that tell two such files apart.
const TAG: usize = 32;

/// A file whose place another is to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The root keys.
    Root,
    /// Those that follow them.
    NextRoot,
    /// The key that breaks the glass.
    Emergency,
}

impl Place {
    const ALL: [Self; 3] = [Self::Root, Self::NextRoot, Self::Emergency];

    /// The file, in the data folder.
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::Root => ROOT_KEYS,
            Self::NextRoot => NEXT_ROOT_KEYS,
            Self::Emergency => EMERGENCY_KEYS,
        }
    }
}

/// What the keyring says of root keys that take a place: to what the new set commits.
pub(crate) fn root_tag(next: Digest) -> String {
    front(&next.to_string())
}

/// What the keyring says of a key: it grants it.
pub(crate) fn key_tag(key: KeyId) -> String {
    front(&key.to_string())
}

fn front(id: &str) -> String {
    id.chars().take(TAG).collect()
}

/// Writes keys beside the file whose place they are to take.
pub(crate) fn stage(
    folder: &Path,
    (place, tag): (Place, &str),
    keys: &KeySet,
    seal: Seal<'_>,
) -> Result<(), ServiceError> {
    // What is left of the same keys under the same tag is as good as what would be written.
    Ok(keyfile::replace(&path(folder, place, tag), keys, seal)?)
}

/// The keyring is in the journal: its files take their places, each whatever became of the others.
pub(crate) fn settle(folder: &Path, keyring: &VerifiedKeyring) -> Result<(), ServiceError> {
    let settled = Place::ALL.map(|place| settle_in(folder, keyring, place));
    settled.into_iter().collect()
}

/// The same of the root keys alone, without which no other keyring is signed.
pub(crate) fn settle_root(folder: &Path, keyring: &VerifiedKeyring) -> Result<(), ServiceError> {
    [Place::Root, Place::NextRoot]
        .map(|place| settle_in(folder, keyring, place))
        .into_iter()
        .collect()
}

fn settle_in(folder: &Path, keyring: &VerifiedKeyring, place: Place) -> Result<(), ServiceError> {
    for tag in waiting(folder, place)? {
        if belongs(keyring, place, &tag) {
            take_place(&path(folder, place, &tag), &folder.join(place.file()))?;
            // With that, whatever else wanted the place is of no use.
            discard_others(folder, place)?;
        }
    }
    Ok(())
}

/// The keyring was refused: its files go, but not before it is gone from the disk itself. A start that found
/// it again would enter it, and nobody would have the keys to which it commits.
pub(crate) fn discard(folder: &Path, keyring: &VerifiedKeyring) -> Result<(), ServiceError> {
    if let Some(keys) = folder.join(ROOT_KEYS).parent() {
        let synced = fs::File::open(keys).and_then(|keys| keys.sync_all());
        synced.map_err(|error| failed("sync", keys, &error))?;
    }
    for place in Place::ALL {
        for tag in waiting(folder, place)? {
            if belongs(keyring, place, &tag) {
                remove(&path(folder, place, &tag))?;
            }
        }
    }
    Ok(())
}

fn discard_others(folder: &Path, place: Place) -> Result<(), ServiceError> {
    waiting(folder, place)?.iter().try_for_each(|tag| remove(&path(folder, place, tag)))
}

/// Whether these keys are what the keyring has in this place.
fn belongs(keyring: &VerifiedKeyring, place: Place, tag: &str) -> bool {
    match place {
        Place::Root | Place::NextRoot => root_tag(keyring.chain().current().next()) == tag,
        Place::Emergency => keyring.grants().any(|grant| {
            grant.role == Role::Emergency
                && key_tag(grant.key) == tag
                && keyring.is_granted(grant.key, Role::Emergency, last_moment(grant.until))
        }),
    }
}

/// The last instant at which a grant that ends then is good.
fn last_moment(until: Timestamp) -> Timestamp {
    until.saturating_sub(std::time::Duration::from_millis(1))
}

fn path(folder: &Path, place: Place, tag: &str) -> PathBuf {
    folder.join(format!("{}{STAGED}{tag}", place.file()))
}

/// The tags of what waits to take a place.
fn waiting(folder: &Path, place: Place) -> Result<Vec<String>, ServiceError> {
    let file = folder.join(place.file());
    let (Some(keys), Some(name)) = (file.parent(), file.file_name()) else { return Ok(Vec::new()) };
    let front = format!("{}{STAGED}", name.to_string_lossy());
    let entries = match fs::read_dir(keys) {
        Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| failed("read", keys, &error))?,
    };
    let mut tags = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| failed("read", keys, &error))?.file_name();
        let tag = name.to_str().and_then(|name| name.strip_prefix(&front));
        tags.extend(tag.filter(|tag| tag.len() == TAG).map(str::to_owned));
    }
    Ok(tags)
}

fn take_place(from: &Path, to: &Path) -> Result<(), ServiceError> {
    let moved = fs::rename(from, to)
        .and_then(|()| to.parent().map_or(Ok(()), |keys| fs::File::open(keys)?.sync_all()));
    moved.map_err(|error| {
        let message = format!("cannot put keys in the place of `{}`: {error}", to.display());
        ServiceError::new(ErrorKind::Io, NOT_IN_PLACE, message).next(format!(
            "the keyring that they are of is in force, and they are in `{}`: mend the disk, and start the node, which puts them in their place",
            from.display()
        ))
    })
}

fn remove(path: &Path) -> Result<(), ServiceError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != IoErrorKind::NotFound => Err(failed("remove", path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn failed(action: &str, path: &Path, error: &std::io::Error) -> ServiceError {
    let message = format!("cannot {action} `{}`: {error}", path.display());
    ServiceError::new(ErrorKind::Io, "key-files", message)
}
