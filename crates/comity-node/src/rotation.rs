//! Renewing keys of the node, so that an interruption at any point leaves one that counts.
//!
//! Order: the new keyring, signed, is written beside the keys; then the new key takes the place of the
//! old one; then the keyring enters the journal, and with it everybody hears of it. Interrupted before
//! the second step, nothing was renewed, and the next start throws the keyring away. Interrupted after
//! it, the next start enters the keyring: the root keys, which may be back in their safe, are not needed.
//!
//! Once it is in the journal, the keyring stays beside the keys that it grants, for a journal may be put back
//! to an earlier state and the keys not. Such a journal does not grant them, nobody would let the node in, and
//! no second keyring of the same version may be signed: the one that was kept is entered again.

use std::fs;
use std::io::{ErrorKind as IoErrorKind, Write as _};
use std::path::Path;

use comity_core::journal::{JournalEntry, RecordEntered, Source, Standing};
use comity_core::keyring::{
    Grant, KeyringBuilder, KeyringError, Revocation, Role, SignedKeyring, VerifiedKeyring,
};
use comity_core::record::control;
use comity_core::sign::SecretKey;
use comity_core::{EconomyId, KeyId, Kind, Timestamp, Tlp};
use comity_store::{NewEntry, Store};

use crate::entropy::OsEntropy;
use crate::error::{ErrorKind, ServiceError};
use crate::founding::{DESK, LINK, NODE_KEYS, ROOT_KEYS, grant_span};
use crate::keyfile::{self, Form, KeyFileError, Passphrase, Seal};
use crate::node::Keys;
use crate::staged;
use crate::state::State;

/// The keyring of a rotation that is under way. Nothing in it is secret.
const NEXT_KEYRING: &str = "keys/next-keyring";

/// The keyring that entered the journal last. Nothing in it is secret.
const LAST_KEYRING: &str = "keys/keyring";

/// The code of the error that another change was interrupted. Nothing was written.
pub(crate) const UNFINISHED: &str = "rotation-unfinished";

/// The first two steps: the keyring is written, and these keys take the places of those of their names.
pub(crate) fn begin(
    folder: &Path,
    passphrase: Option<&Passphrase>,
    keyring: &VerifiedKeyring,
    renewed: &[(&str, SecretKey)],
) -> Result<(), ServiceError> {
    leave_none_behind(folder, passphrase, keyring, renewed)?;
    write_keyring(folder, keyring)?;
    replace_keys(folder, passphrase, renewed)
}

/// Refuses a keyring that would take the place of one that an interrupted renewal left, and does not
/// grant the keys which that renewal put on the disk: the node could not connect or sign any more, and
/// what the other revoked would stay good.
fn leave_none_behind(
    folder: &Path,
    passphrase: Option<&Passphrase>,
    keyring: &VerifiedKeyring,
    renewed: &[(&str, SecretKey)],
) -> Result<(), ServiceError> {
    // A journal that was put back, and has not met the keyring beside the keys, would sign another of its version.
    if let Some(kept) = read(folder, LAST_KEYRING, keyring.economy())?
        && (kept.version() >= keyring.version() || !kept.chain().continued_by(keyring.chain()))
    {
        let message = "keys/keyring is newer than the journal";
        return Err(ServiceError::new(ErrorKind::TryLater, UNFINISHED, message)
            .next("start the node: it enters that first"));
    }
    let Some(waiting) = read(folder, NEXT_KEYRING, keyring.economy())? else { return Ok(()) };
    let mut keys = Keys::open(folder, passphrase)?;
    if waiting.version() < keyring.version() || !grants(&waiting, &keys) {
        return Ok(());
    }
    for (name, key) in renewed {
        match *name {
            DESK => keys.desk = key.clone(),
            LINK => keys.link = key.clone(),
            _ => {}
        }
    }
    if grants(keyring, &keys) && takes_over(keyring, &waiting) {
        return Ok(());
    }
    let message = "an earlier change of keys was interrupted, and has to be finished first";
    Err(ServiceError::new(ErrorKind::TryLater, UNFINISHED, message)
        .next("start the node, or start it anew: it finishes that first"))
}

/// Whether a keyring takes back what the one that waits takes back, and stands by what that stands by.
fn takes_over(keyring: &VerifiedKeyring, waiting: &VerifiedKeyring) -> bool {
    let revokes = |one: &Revocation| {
        let same = |other: &Revocation| other.compromised || !one.compromised;
        keyring.revocation(one.key).is_some_and(same)
    };
    // Of two successors of one root set the second would freeze the economy for good.
    let follows = waiting.chain().continued_by(keyring.chain());
    let waiting = waiting.keyring();
    follows
        && waiting.revocations.iter().all(revokes)
        && waiting.affirmed.iter().all(|record| keyring.affirms(record))
}

/// The keyring in one of the two files, if it is whole.
fn read(folder: &Path, file: &str, us: EconomyId) -> Result<Option<VerifiedKeyring>, ServiceError> {
    let path = folder.join(file);
    match fs::read(&path) {
        Ok(bytes) => Ok(SignedKeyring::decode(&bytes).and_then(|next| next.verify(Some(us))).ok()),
        Err(error) if error.kind() == IoErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", &path, &error)),
    }
}

/// A new link key, and its grant.
pub(crate) fn new_link(economy: EconomyId, now: Timestamp) -> (SecretKey, Grant) {
    let (link, (from, until)) = (SecretKey::generate(&mut OsEntropy), grant_span(now));
    let grant = Grant::link(economy, link.public(), from, until);
    (link, grant)
}

/// A new link key, and a keyring that grants it and ends every other. `stolen`: the last instant at which
/// the old one was certainly ours; it, and those that took its place since, are declared compromised.
pub(crate) fn next_link(
    current: &VerifiedKeyring,
    stolen: Option<Timestamp>,
    now: Timestamp,
) -> (SecretKey, KeyringBuilder) {
    let (link, grant) = new_link(current.economy(), now);
    let builder = KeyringBuilder::follow(current).grant(grant);
    let ended = |key: &KeyId, at: Timestamp| {
        current.revocation(*key).is_some_and(|revocation| revocation.at <= at)
    };
    let all = current.grants().filter(|grant| grant.role == Role::Link).map(|grant| grant.key);
    let builder = match stolen {
        None => links(current).fold(builder, |builder, key| {
            builder.revoke(Revocation { key, at: now, compromised: false })
        }),
        Some(at) => all.filter(|key| !ended(key, at)).fold(builder, |builder, key| {
            builder.revoke(Revocation { key, at, compromised: true })
        }),
    };
    (link, builder)
}

/// The next version of our keyring, signed with the root keys. `passphrase` is that of their file, given
/// for this one act: a node that runs with it would let whoever reaches its socket speak for the root.
pub(crate) fn signed_by_root(
    folder: &Path,
    passphrase: Option<&Passphrase>,
    builder: KeyringBuilder,
) -> Result<VerifiedKeyring, ServiceError> {
    let roots = root_keys(folder, passphrase)?;
    let keyring = builder.sign(&roots.iter().collect::<Vec<_>>());
    keyring.map_err(unsigned)
}

/// The root keys that are here.
pub(crate) fn root_keys(
    folder: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<Vec<SecretKey>, ServiceError> {
    let roots = keyfile::open(&folder.join(ROOT_KEYS), passphrase).map_err(|error| {
        if !matches!(error, KeyFileError::Missing(_)) {
            return ServiceError::from(error);
        }
        ServiceError::new(ErrorKind::NoPermission, "root-keys", error.to_string())
            .next("bring the root keys back to keys/root.keys, and take them away afterwards")
    })?;
    Ok(roots.iter().map(|(_, key)| key.clone()).collect())
}

/// The root keys that were there did not make a keyring.
pub(crate) fn unsigned(error: KeyringError) -> ServiceError {
    let failed = ServiceError::data("keyring", error.to_string());
    match error {
        KeyringError::TooFewSignatures { .. } => failed.next(
            "keys/root.keys does not hold enough of the root keys in force: bring those, whole; were they stolen or lost: comity key rotate root --stolen",
        ),
        KeyringError::TooLarge(_)
        | KeyringError::Malformed(_)
        | KeyringError::WeakKey { .. }
        | KeyringError::KeyCount(_)
        | KeyringError::DuplicateKey(_)
        | KeyringError::Threshold { .. }
        | KeyringError::BadSignature(_)
        | KeyringError::NotCommitted(_)
        | KeyringError::RotationNumber { .. }
        | KeyringError::OtherEconomy { .. }
        | KeyringError::Predecessor(_)
        | KeyringError::EmptyGrant(_)
        | KeyringError::HolderTooLong => failed,
    }
}

/// Link keys that are granted and not revoked.
fn links(keyring: &VerifiedKeyring) -> impl Iterator<Item = KeyId> + '_ {
    let links = keyring.grants().filter(|grant| grant.role == Role::Link);
    links.map(|grant| grant.key).filter(|key| keyring.revocation(*key).is_none())
}

/// Whether the node's keys, as they are on the disk, are those of this keyring.
fn grants(keyring: &VerifiedKeyring, keys: &Keys) -> bool {
    let desk = keys.desk.id();
    let signs = keyring.grants_of(desk).any(|grant| grant.role == Role::Author);
    let linked = links(keyring).any(|key| key == keys.link.id());
    linked && signs && keyring.revocation(desk).is_none()
}

fn write_keyring(folder: &Path, keyring: &VerifiedKeyring) -> Result<(), ServiceError> {
    forget(folder)?;
    let path = folder.join(NEXT_KEYRING);
    let written = fs::File::create_new(&path).and_then(|mut file| {
        file.write_all(keyring.encoded())?;
        file.sync_all()?;
        path.parent().map_or(Ok(()), |keys| fs::File::open(keys)?.sync_all())
    });
    written.map_err(|error| failed("write", &path, &error))
}

fn replace_keys(
    folder: &Path,
    passphrase: Option<&Passphrase>,
    renewed: &[(&str, SecretKey)],
) -> Result<(), ServiceError> {
    if renewed.is_empty() {
        return Ok(());
    }
    let path = folder.join(NODE_KEYS);
    let mut keys = keyfile::open(&path, passphrase)?;
    for (name, key) in renewed {
        keys.remove(name);
        keys.insert(name, key.clone())?;
    }
    let seal = match (keyfile::inspect(&path)?, passphrase) {
        (Form::Encrypted(work), Some(passphrase)) => Seal::Passphrase(passphrase, work),
        (Form::Encrypted(_) | Form::Plain, _) => Seal::Plain,
    };
    Ok(keyfile::replace(&path, &keys, seal)?)
}

/// The keys on the disk that have these names.
pub(crate) fn keys<'a>(
    folder: &Path,
    passphrase: Option<&Passphrase>,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<(&'a str, SecretKey)>, ServiceError> {
    let keys = keyfile::open(&folder.join(NODE_KEYS), passphrase)?;
    Ok(names.filter_map(|name| Some((name, keys.key(name)?.clone()))).collect())
}

/// The keyring was refused: the keys that were there before take their places again.
pub(crate) fn undo(
    folder: &Path,
    passphrase: Option<&Passphrase>,
    before: &[(&str, SecretKey)],
) -> Result<(), ServiceError> {
    // In this order: interrupted in between, the keyring grants no key that is here.
    replace_keys(folder, passphrase, before)?;
    forget(folder)
}

/// The keyring is in the journal: nothing is under way any more, and it stays beside the keys. That it
/// cannot be kept there undoes nothing.
pub(crate) fn keep(folder: &Path, keyring: &VerifiedKeyring) -> Result<(), ServiceError> {
    let path = folder.join(LAST_KEYRING);
    if fs::read(&path).is_ok_and(|kept| kept == keyring.encoded()) {
        return forget(folder);
    }
    let new = path.with_added_extension("new");
    let kept = fs::File::create(&new).and_then(|mut file| {
        file.write_all(keyring.encoded())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        path.parent().map_or(Ok(()), |keys| fs::File::open(keys)?.sync_all())
    });
    if let Err(error) = kept {
        let path = path.display();
        tracing::warn!(
            "the keyring is not kept in `{path}`, where a restore would want it: {error}"
        );
    }
    forget(folder)
}

/// Whether the keyring that was kept grants this link key: then a start enters it, where the journal has
/// lost it.
pub(crate) fn kept_grants(folder: &Path, us: EconomyId, link: KeyId) -> bool {
    let kept = read(folder, LAST_KEYRING, us);
    kept.is_ok_and(|kept| kept.is_some_and(|kept| links(&kept).any(|key| key == link)))
}

fn forget(folder: &Path) -> Result<(), ServiceError> {
    let path = folder.join(NEXT_KEYRING);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != IoErrorKind::NotFound => Err(failed("remove", &path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// At a start: finishes a renewal that was interrupted, or throws away what came to nothing.
pub(crate) fn finish(
    folder: &Path,
    keys: &Keys,
    store: &dyn Store,
    state: &mut State,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let (us, current) =
        (state.us(), state.keyring(&state.us()).map_or(0, VerifiedKeyring::version));
    // Not one that was half written, that is in the journal, or whose key never took its place.
    let next = read(folder, NEXT_KEYRING, us)?.filter(|next| next.version() > current);
    let last = read(folder, LAST_KEYRING, us)?.filter(|last| last.version() > current);
    let last = last.filter(|last| grants(last, keys));
    match next {
        Some(next) if grants(&next, keys) => {
            // Of what was kept the journal knew once; what was interrupted need not have been in it.
            enter(&next, keys, store, state, now, last.is_some())?;
            tracing::info!(version = next.version(), "an interrupted renewal of a key is done");
        }
        Some(next) => {
            let version = next.version();
            tracing::warn!(version, "a change of the keyring was interrupted: it was not made");
        }
        None => {}
    }
    let current = state.keyring(&us).map_or(0, VerifiedKeyring::version);
    if let Some(last) = last.filter(|last| last.version() > current) {
        enter(&last, keys, store, state, now, true)?;
        let version = last.version();
        tracing::warn!(
            version,
            "the journal is older than the keys: their keyring is entered again"
        );
    }
    let Some(keyring) = state.keyring(&us) else { return forget(folder) };
    keep(folder, keyring)?;
    if let Err(error) = staged::settle(folder, keyring) {
        // The keys that the node runs with are not among them.
        tracing::warn!(next = error.next, "{error}");
    }
    Ok(())
}

/// Enters a keyring that was signed before. `lost`: the journal had it once, so that it was put back to an
/// earlier state, whether or not it knows that; partners give back what else is missing.
fn enter(
    keyring: &VerifiedKeyring,
    keys: &Keys,
    store: &dyn Store,
    state: &mut State,
    now: Timestamp,
    lost: bool,
) -> Result<(), ServiceError> {
    let body = keyring.encoded().to_vec();
    let record = control(Kind::Keyring, body, Tlp::AmberStrict, &keys.desk, state.us(), now)
        .map_err(|error| ServiceError::data("control", error.to_string()))?;
    let entry = JournalEntry::Record(RecordEntered {
        signed: record.signed().to_vec(),
        parts: Vec::new(),
        source: Source::Own,
        standing: Standing::Accepted,
        reference: state.next_reference(Kind::Keyring, now),
        title: title(keyring),
        at: now,
    });
    let restored =
        (lost && state.recovery().is_none()).then_some(JournalEntry::Restored { at: now });
    let entries: Vec<_> = restored.into_iter().chain([entry]).collect();
    let new = entries.iter().map(|entry| NewEntry {
        kind: entry.kind(),
        body: entry.encode().into(),
        blobs: Vec::new(),
    });
    let appended = store.append(new.collect())?;
    for (seq, entry) in (appended.first..).zip(&entries) {
        state.replay(seq, entry.kind(), &entry.encode())?;
    }
    state.replayed();
    Ok(())
}

/// For local screens.
pub(crate) fn title(keyring: &VerifiedKeyring) -> String {
    format!("Keyring, version {}", keyring.version())
}

fn failed(action: &str, path: &Path, error: &std::io::Error) -> ServiceError {
    let message = format!("cannot {action} `{}`: {error}", path.display());
    ServiceError::new(ErrorKind::Io, "rotation", message)
}

#[cfg(test)]
mod tests {
    use comity_store::FileStore;

    use super::*;
    use crate::config::Config;
    use crate::founding::{Founding, found};
    use crate::{Mode, Node, index, node};

    struct World {
        folder: tempfile::TempDir,
        /// The key file as the founding made it.
        keys: Vec<u8>,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let founding = Founding {
                code: "KR".to_owned(),
                name: "Korea".to_owned(),
                timezone: "UTC".to_owned(),
                city: None,
                listen: "127.0.0.1:0".to_owned(),
                public: Vec::new(),
                root_keys: 1,
                threshold: 1,
            };
            found(&folder.path().join("node"), &founding, Seal::Plain).unwrap();
            let keys = fs::read(folder.path().join("node").join(NODE_KEYS)).unwrap();
            Self { folder, keys }
        }

        fn path(&self) -> std::path::PathBuf {
            self.folder.path().join("node")
        }

        fn link(&self) -> KeyId {
            keyfile::open(&self.path().join(NODE_KEYS), None).unwrap().remove(LINK).unwrap().id()
        }

        /// The keyring in the journal.
        fn keyring(&self) -> VerifiedKeyring {
            let config = Config::read(&self.path()).unwrap();
            let options = index::options(&config);
            let (store, _) = FileStore::open(&config.store.folder, options).unwrap();
            let state = node::fold(&store).unwrap();
            state.keyring(&state.us()).unwrap().clone()
        }

        fn valid(&self) -> Vec<KeyId> {
            links(&self.keyring()).collect()
        }

        fn prepare(&self) {
            let (path, now) = (self.path(), crate::clock::now());
            let (link, builder) = next_link(&self.keyring(), None, now);
            let keyring = signed_by_root(&path, None, builder).unwrap();
            begin(&path, None, &keyring, &[(LINK, link)]).unwrap();
        }

        /// The node starts, with its links, and ends.
        async fn start(&self) {
            let node = Node::start(&self.path(), None, Mode::Running).unwrap();
            node.stop(std::time::Duration::from_secs(5)).await;
            assert!(!self.path().join(NEXT_KEYRING).exists());
        }
    }

    #[tokio::test]
    async fn an_interrupted_rotation_finishes_at_the_next_start_and_leaves_no_old_key_valid() {
        let world = World::new();
        let old = world.link();
        world.prepare();
        // The process dies here: the key is new, and the journal does not know of it.
        assert_ne!(world.link(), old);
        assert_eq!(world.valid(), [old]);
        // The root keys are back in their safe.
        fs::remove_file(world.path().join(ROOT_KEYS)).unwrap();
        world.start().await;
        assert_eq!(world.valid(), [world.link()]);
        assert!(!world.valid().contains(&old));
        // It is done once.
        let version = world.keyring().version();
        world.start().await;
        assert_eq!(world.keyring().version(), version);
    }

    #[tokio::test]
    async fn a_rotation_that_is_begun_anew_ends_the_keys_of_the_interrupted_one_as_well() {
        let world = World::new();
        world.prepare();
        let stranded = world.link();
        world.prepare();
        assert_ne!(world.link(), stranded);
        world.start().await;
        assert_eq!(world.valid(), [world.link()]);
    }

    #[tokio::test]
    async fn no_other_change_takes_the_place_of_one_that_was_interrupted() {
        let world = World::new();
        world.prepare();
        let affirms = || {
            let builder = KeyringBuilder::follow(&world.keyring());
            let next = signed_by_root(&world.path(), None, builder).unwrap();
            begin(&world.path(), None, &next, &[])
        };
        assert_eq!(affirms().unwrap_err().code, "rotation-unfinished");
        world.start().await;
        assert_eq!(world.valid(), [world.link()]);
        affirms().unwrap();
    }

    #[tokio::test]
    async fn a_revocation_that_was_interrupted_is_not_lost_to_another_change() {
        let world = World::new();
        let path = world.path();
        let lost = SecretKey::generate(&mut OsEntropy).id();
        let revocation = Revocation { key: lost, at: crate::clock::now(), compromised: true };
        let builder = KeyringBuilder::follow(&world.keyring()).revoke(revocation);
        let keyring = signed_by_root(&path, None, builder).unwrap();
        begin(&path, None, &keyring, &[]).unwrap();
        let (link, builder) = next_link(&world.keyring(), None, crate::clock::now());
        let next = signed_by_root(&path, None, builder).unwrap();
        let refused = begin(&path, None, &next, &[(LINK, link)]).unwrap_err();
        assert_eq!(refused.code, "rotation-unfinished");
        world.start().await;
        assert!(world.keyring().revocation(lost).is_some());
        world.prepare();
        world.start().await;
        assert!(world.keyring().revocation(lost).is_some());
    }

    #[tokio::test]
    async fn a_rotation_that_never_reached_the_key_changes_nothing() {
        let world = World::new();
        let old = world.link();
        world.prepare();
        fs::write(world.path().join(NODE_KEYS), &world.keys).unwrap();
        world.start().await;
        assert_eq!((world.valid(), world.keyring().version()), (vec![old], 1));
        for half in [&b""[..], b"half of a keyring"] {
            fs::write(world.path().join(NEXT_KEYRING), half).unwrap();
            world.start().await;
            assert_eq!((world.valid(), world.keyring().version()), (vec![old], 1));
        }
    }

    #[tokio::test]
    async fn a_rotation_whose_end_was_not_noted_is_not_done_twice() {
        let world = World::new();
        world.prepare();
        let next = fs::read(world.path().join(NEXT_KEYRING)).unwrap();
        world.start().await;
        let version = world.keyring().version();
        fs::write(world.path().join(NEXT_KEYRING), next).unwrap();
        world.start().await;
        assert_eq!(world.keyring().version(), version);
        assert_eq!(world.valid(), [world.link()]);
    }

    /// The journal is put back to what it was before the link key was renewed twice, and the keys are not.
    #[tokio::test]
    async fn a_journal_older_than_the_keys_gets_the_keyring_that_was_kept_beside_them() {
        let world = World::new();
        world.start().await;
        let segment = world.path().join("store/journal/00000001.seg");
        let before = fs::read(&segment).unwrap();
        for _ in 0..2 {
            world.prepare();
            world.start().await;
        }
        let put_back = || {
            fs::remove_dir_all(world.path().join("store/views")).unwrap();
            fs::write(&segment, &before).unwrap();
        };
        put_back();
        assert_ne!(world.valid(), [world.link()]);
        world.start().await;
        assert_eq!((world.keyring().version(), world.valid()), (3, vec![world.link()]));
        let recovering = || {
            let config = Config::read(&world.path()).unwrap();
            let options = index::options(&config);
            let (store, _) = FileStore::open(&config.store.folder, options).unwrap();
            node::fold(&store).unwrap().recovery().is_some()
        };
        assert!(recovering(), "it had the keyring once, so it has lost something");
        // It is entered once.
        world.start().await;
        assert_eq!(world.keyring().version(), 3);
        // Without it nobody can say what grants the keys.
        put_back();
        fs::remove_file(world.path().join(LAST_KEYRING)).unwrap();
        let refused = Node::start(&world.path(), None, Mode::Running).map(drop).unwrap_err();
        assert_eq!(refused.code, "link-key");
    }

    /// Keys and journal of one time fit, whatever came later.
    #[tokio::test]
    async fn a_keyring_that_does_not_grant_the_keys_is_not_entered() {
        let world = World::new();
        let segment = world.path().join("store/journal/00000001.seg");
        let before = fs::read(&segment).unwrap();
        world.prepare();
        world.start().await;
        fs::remove_dir_all(world.path().join("store/views")).unwrap();
        fs::write(&segment, before).unwrap();
        fs::write(world.path().join(NODE_KEYS), &world.keys).unwrap();
        world.start().await;
        assert_eq!((world.keyring().version(), world.valid()), (1, vec![world.link()]));
    }

    #[tokio::test]
    async fn an_interrupted_replacement_of_the_desk_key_is_finished_only_with_the_new_one() {
        for replaced in [false, true] {
            let world = World::new();
            let (path, now, current) = (world.path(), crate::clock::now(), world.keyring());
            let old =
                keyfile::open(&path.join(NODE_KEYS), None).unwrap().remove(DESK).unwrap().id();
            let desk = SecretKey::generate(&mut OsEntropy);
            let author = current.grants_of(old).next().unwrap().clone();
            let revocation = Revocation { key: old, at: now, compromised: true };
            let builder = KeyringBuilder::follow(&current).revoke(revocation);
            let builder = builder.grant(Grant { key: desk.id(), ..author });
            let keyring = signed_by_root(&path, None, builder).unwrap();
            begin(&path, None, &keyring, &[(DESK, desk)]).unwrap();
            if !replaced {
                fs::write(path.join(NODE_KEYS), &world.keys).unwrap();
            }
            world.start().await;
            assert_eq!(world.keyring().revocation(old).is_some(), replaced);
        }
    }
}
