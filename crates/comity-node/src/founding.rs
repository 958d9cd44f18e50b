//! Making a node: its keys, its configuration and the first entry of its journal.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use comity_core::journal::{Founded as FoundedEntry, JournalEntry};
use comity_core::keyring::{Grant, KeyringBuilder, RootKeys, RootSet};
use comity_core::sign::SecretKey;
use comity_core::{EconomyId, Kind, Timestamp, Tlp};
use comity_store::{FileStore, NewEntry, Options, Store as _};

use crate::config::{self, Config, ConfigError};
use crate::entropy::OsEntropy;
use crate::error::{ErrorKind, ServiceError};
use crate::index;
use crate::keyfile::{self, KeySet, Seal};
use crate::shell_word::word;

/// Keys that the running node uses: the link key, the desk's key, and what the endpoint keeps.
pub const NODE_KEYS: &str = "keys/node.keys";
/// The root keys: needed to grant and revoke only.
pub const ROOT_KEYS: &str = "keys/root.keys";
/// The next root keys: needed after the theft of the root only; they belong elsewhere.
pub const NEXT_ROOT_KEYS: &str = "keys/next-root.keys";

/// The name of the link key in [`NODE_KEYS`].
pub(crate) const LINK: &str = "link";
/// The name of the desk's key.
pub const DESK: &str = "desk";
/// The name of the seed of what the endpoint keeps over a restart.
pub(crate) const ENDPOINT: &str = "endpoint";

/// How long a grant of the first keyring lasts.
const GRANT_LIFE: Duration = Duration::from_secs(2 * 365 * 86_400);
/// Grants begin a little before now, for partners whose clocks are behind.
const GRANT_LEAD: Duration = Duration::from_secs(3600);

/// What a node is made of.
#[derive(Clone, Debug)]
pub struct Founding {
    /// The front of short references: `KR`.
    pub code: String,
    /// For screens.
    pub name: String,
    /// An IANA time zone: `Asia/Seoul`.
    pub timezone: String,
    /// What screens call that zone, if not by the city in its name.
    pub city: Option<String>,
    /// The UDP socket.
    pub listen: String,
    /// `host:port`s that invitations carry.
    pub public: Vec<String>,
    /// How many root keys.
    pub root_keys: u8,
    /// How many of them sign together.
    pub threshold: u8,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Founded {
    /// The economy's id.
    pub economy: EconomyId,
    /// The data folder.
    pub folder: PathBuf,
    /// The file that belongs on another machine, or on paper in a safe.
    pub next_root: PathBuf,
}

/// Whose journal lies in `store`, a node's or a backup: its first entry says.
pub fn founder(store: &Path, options: &Options) -> Result<FoundedEntry, ServiceError> {
    let first = comity_store::first_entry(store, options)?;
    let entry = first.map(|first| JournalEntry::decode(first.kind, &first.body));
    match entry {
        Some(Ok(JournalEntry::Founded(founded))) => Ok(founded),
        Some(Ok(_) | Err(_)) | None => {
            let message = format!("the journal in `{}` names no economy", store.display());
            Err(ServiceError::data("not-founded", message))
        }
    }
}

/// The file that the fault is in was not written: what is wrong is one of the options.
fn of_option(error: &ConfigError) -> ServiceError {
    let wrong = |message: String| ServiceError::new(ErrorKind::Usage, "config", message);
    let ConfigError::Wrong(fault) = error else { return wrong(error.to_string()) };
    let option = match fault.text.split('=').next().unwrap_or_default().trim() {
        "code" => "--code",
        "name" => "--name",
        "timezone" => "--timezone",
        "address" => "--listen",
        "public" => "--public",
        _ => return wrong(fault.message.clone()),
    };
    let refused = wrong(format!("{option}: {}", fault.message));
    match fault.valid.as_slice() {
        [] => refused.next(format!("give another {option}")),
        valid => refused.next(format!("valid: {}", valid.join(", "))),
    }
}

/// Makes a node in `folder`, which must not have one.
///
/// The journal's first entry is written last: what is left of a founding that was interrupted is no
/// node, and says so.
pub fn found(folder: &Path, founding: &Founding, seal: Seal<'_>) -> Result<Founded, ServiceError> {
    let entropy = &mut OsEntropy;
    let now = crate::clock::now();
    if folder.join(config::FILE_NAME).exists() {
        let message = format!("`{}` has a node already", folder.display());
        return Err(ServiceError::new(ErrorKind::CannotCreate, "node-exists", message)
            .next(format!("comity --data {} status", word(&folder.display().to_string()))));
    }
    // What was chosen is checked before any key is made; the id comes with the keys.
    let text = config::initial(founding, None);
    let config = Config::parse(&text, &folder.join(config::FILE_NAME), folder)
        .map_err(|error| of_option(&error))?;
    let count = usize::from(founding.root_keys);
    let mut keys =
        || -> Vec<SecretKey> { (0..count).map(|_| SecretKey::generate(entropy)).collect() };
    let (roots, next) = (keys(), keys());
    let set = |keys: &[SecretKey]| {
        RootKeys::new(keys.iter().map(SecretKey::id).collect(), u64::from(founding.threshold))
            .map_err(|error| ServiceError::usage("root-keys", error.to_string()))
    };
    let (link, desk) = (SecretKey::generate(&mut OsEntropy), SecretKey::generate(&mut OsEntropy));
    let builder = KeyringBuilder::found(RootSet::new(set(&roots)?, set(&next)?.commitment()));
    let economy = builder.economy();
    let (from, until) = (now.saturating_sub(GRANT_LEAD), now.saturating_add(GRANT_LIFE));
    let kinds = Kind::ALL.iter().copied();
    let keyring = builder
        .grant(Grant::link(economy, link.public(), from, until))
        .grant(Grant::author(economy, desk.public(), kinds, Tlp::Red, from, until))
        .sign(&roots.iter().collect::<Vec<_>>())
        .map_err(|error| ServiceError::data("keyring", error.to_string()))?;

    make_folder(folder)?;
    make_folder(&folder.join("keys"))?;
    let next_root = folder.join(NEXT_ROOT_KEYS);
    keyfile::create(&folder.join(ROOT_KEYS), &numbered("root", roots)?, seal)?;
    keyfile::create(&next_root, &numbered("next-root", next)?, seal)?;
    let mut node = KeySet::new();
    node.insert(LINK, link)?;
    node.insert(DESK, desk)?;
    node.insert(ENDPOINT, SecretKey::generate(&mut OsEntropy))?;
    keyfile::create(&folder.join(NODE_KEYS), &node, seal)?;

    let first = JournalEntry::Founded(FoundedEntry {
        economy,
        code: config.economy.code.clone(),
        keyring: keyring.encoded().to_vec(),
        at: now,
    });
    let (store, _) = FileStore::open(&config.store.folder, index::options(&config))?;
    if store.durable().seq > 0 {
        let message = format!("`{}` has a journal already", config.store.folder.display());
        return Err(ServiceError::new(ErrorKind::CannotCreate, "journal-exists", message));
    }
    let body = first.encode().into();
    store.append(vec![NewEntry { kind: first.kind(), body, blobs: Vec::new() }])?;
    drop(store);
    let text = config::initial(founding, Some(economy));
    write_new(&folder.join(config::FILE_NAME), &text)?;
    Ok(Founded { economy, folder: folder.to_owned(), next_root })
}

pub(crate) fn numbered(name: &str, keys: Vec<SecretKey>) -> Result<KeySet, ServiceError> {
    let mut set = KeySet::new();
    for (number, key) in keys.into_iter().enumerate() {
        set.insert(&format!("{name}-{}", number + 1), key)?;
    }
    Ok(set)
}

fn make_folder(folder: &Path) -> Result<(), ServiceError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        let message = format!("cannot make `{}`: {error}", folder.display());
        ServiceError::new(ErrorKind::CannotCreate, "folder", message)
    })
}

fn write_new(path: &Path, text: &str) -> Result<(), ServiceError> {
    let written = fs::File::create_new(path).and_then(|mut file| {
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()?;
        // Its name is durable with the folder only.
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    });
    written.map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        ServiceError::new(ErrorKind::CannotCreate, "file", message)
    })
}

/// The time of [`Timestamp`] at which a grant made now begins and ends.
pub(crate) fn grant_span(now: Timestamp) -> (Timestamp, Timestamp) {
    (now.saturating_sub(GRANT_LEAD), now.saturating_add(GRANT_LIFE))
}
