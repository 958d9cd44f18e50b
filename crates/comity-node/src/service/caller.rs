//! Who asks. Where there is staff, a request names somebody and brings the passphrase of that person's
//! key: what opens the key shows who it is, and the key signs what the person signs.
//!
//! The operating system's word for who is at the other end of the socket would say less: behind it are
//! one user for the whole node, shells that several people share, and programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use comity_core::digest::Digest;
use comity_core::journal::Shown;
use comity_core::keyring::Role;
use comity_core::sign::SecretKey;
use comity_core::staff::{Right, Roles};
use comity_core::{KeyId, Kind, Timestamp, Tlp};

use super::Service;
use crate::api::{PartDetail, RecordLine, StaffPassphrase};
use crate::engine::Command;
use crate::entropy::OsEntropy;
use crate::error::{ErrorKind, ServiceError};
use crate::keyfile::{self, KeySet};
use crate::limits::STAFF_OPEN;
use crate::state::{Held, State};

/// The name of a person's key in its file.
pub(super) const OWN: &str = "own";
/// What a name and a passphrase are remembered by, while the key is open.
const UNLOCK: &str = "comity/staff-unlock/1";

/// As whom a service is used.
#[derive(Clone)]
pub(crate) enum Asks {
    /// By the node itself, or by whoever reaches it while there is no staff.
    Anybody,
    /// By somebody who says no name, though there is staff.
    Nameless,
    /// By somebody of the staff.
    Person(Arc<Caller>),
}

impl Asks {
    /// Whether whoever began to ask what takes `right` may still: people come and go while somebody watches.
    pub(super) fn may_still(&self, state: &State, right: Right, now: Timestamp) -> bool {
        match self {
            Self::Person(caller) => known(state, &caller.name, now)
                .is_ok_and(|(key, roles)| key == caller.key.id() && roles.may(right)),
            Self::Anybody | Self::Nameless => state.staff().is_empty() || right.needs_no_name(),
        }
    }
}

/// Somebody of the staff, with the key that was opened.
pub(crate) struct Caller {
    pub(super) name: String,
    pub(super) roles: Roles,
    key: SecretKey,
}

/// The keys of the staff that are open: opening a file takes a second of hard work on purpose.
pub(crate) struct OpenKeys {
    /// Of this process only: what is remembered of a passphrase says nothing elsewhere.
    salt: SecretKey,
    open: tokio::sync::Mutex<BTreeMap<String, OpenKey>>,
}

struct OpenKey {
    check: Digest,
    key: SecretKey,
    used: Instant,
}

impl Default for OpenKeys {
    fn default() -> Self {
        Self { salt: SecretKey::generate(&mut OsEntropy), open: tokio::sync::Mutex::default() }
    }
}

impl OpenKeys {
    /// The key of this person, which the passphrase opens. One file at a time is opened: each takes a
    /// quarter of a gigabyte.
    async fn open(
        &self,
        name: &str,
        passphrase: &StaffPassphrase,
        file: PathBuf,
    ) -> Result<SecretKey, ServiceError> {
        let said = [self.salt.seed().as_slice(), name.as_bytes(), &[0], passphrase.as_bytes()];
        let check = Digest::of_all(UNLOCK, &said);
        let mut open = self.open.lock().await;
        open.retain(|_, one| one.used.elapsed() < STAFF_OPEN);
        if let Some(found) = open.get_mut(name).filter(|one| one.check == check) {
            found.used = Instant::now();
            return Ok(found.key.clone());
        }
        let passphrase = passphrase.typed();
        let opening = tokio::task::spawn_blocking(move || {
            let mut keys = keyfile::open(&file, passphrase.as_ref())?;
            keys.remove(OWN).ok_or_else(|| {
                let message = format!("`{}` has no key `{OWN}`", file.display());
                ServiceError::new(ErrorKind::Data, "key-missing", message)
            })
        });
        let key = opening.await.unwrap_or_else(|error| {
            Err(ServiceError::new(ErrorKind::Io, "staff-key", error.to_string()))
        })?;
        let opened = OpenKey { check, key: key.clone(), used: Instant::now() };
        open.insert(name.to_owned(), opened);
        Ok(key)
    }

    /// The person is asked for the passphrase again.
    pub(super) async fn shut(&self, name: &str) {
        self.open.lock().await.remove(name);
    }
}

/// Where the key of somebody of the staff lies.
#[must_use]
pub fn staff_key_file(folder: &Path, name: &str) -> PathBuf {
    folder.join("keys").join(format!("staff-{name}.keys"))
}

/// A person's key as its file holds it.
pub(super) fn own_key(key: SecretKey) -> Result<KeySet, ServiceError> {
    let mut keys = KeySet::new();
    keys.insert(OWN, key)?;
    Ok(keys)
}

impl Service {
    /// The same node, as whoever asks may use it: the person is who it says, and may ask what takes
    /// `right`. While there is no staff, whoever reaches the node may ask anything.
    pub async fn asked_by(
        &self,
        person: Option<(String, StaffPassphrase)>,
        right: Right,
    ) -> Result<Self, ServiceError> {
        let Some((name, passphrase)) = person else {
            let asks = match self.look(|state, _, _| state.staff().is_empty()).await? {
                true => Asks::Anybody,
                false if right.needs_no_name() => Asks::Nameless,
                false => return Err(nobody()),
            };
            return Ok(Self { parts: self.parts.clone(), asks });
        };
        let (asked, now) = (name.clone(), self.now());
        let (key, roles) = self.look(move |state, _, _| known(state, &asked, now)).await??;
        let file = staff_key_file(&self.parts.config.folder, &name);
        let opened = self.parts.open_keys.open(&name, &passphrase, file).await?;
        if opened.id() != key {
            let message = format!("the key of `{name}` is not the one that the keyring grants");
            return Err(ServiceError::new(ErrorKind::NoPermission, "other-key", message)
                .next("bring the file back from where you keep the keys"));
        }
        if !roles.may(right) {
            return Err(not_in_role(&name, &roles, right));
        }
        let asks = Asks::Person(Arc::new(Caller { name, roles, key: opened }));
        Ok(Self { parts: self.parts.clone(), asks })
    }

    /// Whether whoever asks may do what takes this right too, which its command alone does not.
    pub(super) fn takes(&self, right: Right) -> Result<(), ServiceError> {
        match &self.asks {
            Asks::Person(caller) if !caller.roles.may(right) => {
                Err(not_in_role(&caller.name, &caller.roles, right))
            }
            Asks::Nameless if !right.needs_no_name() => Err(nobody()),
            Asks::Person(_) | Asks::Anybody | Asks::Nameless => Ok(()),
        }
    }

    /// Who asks, where somebody of the staff does.
    pub(super) fn caller(&self) -> Option<&Caller> {
        match &self.asks {
            Asks::Person(caller) => Some(caller),
            Asks::Anybody | Asks::Nameless => None,
        }
    }

    /// The name of who asks; empty where nobody is named.
    pub(super) fn caller_name(&self) -> String {
        self.caller().map_or_else(String::new, |caller| caller.name.clone())
    }

    /// What signs a record: the key of whoever asks, or else the node's own.
    pub(super) fn signer(&self) -> Result<SecretKey, ServiceError> {
        match self.caller() {
            Some(caller) => Ok(caller.key.clone()),
            None => Ok(self.keys()?.desk),
        }
    }

    /// The strictest label whose content whoever asks may see; none is a bound: everything that is shown
    /// here.
    pub(super) fn sees(&self) -> Option<Tlp> {
        match &self.asks {
            Asks::Anybody => None,
            Asks::Nameless => Some(Tlp::Green),
            Asks::Person(caller) => caller.roles.sees(),
        }
    }

    /// What somebody of the staff is shown of content above TLP:GREEN is in the journal before it is shown.
    pub(super) async fn note_read(&self, of: Shown) -> Result<(), ServiceError> {
        let Some(caller) = self.caller() else { return Ok(()) };
        let by = caller.name.clone();
        self.command(Command::Read { of, by }).await.map(drop)
    }

    /// A record in one line, without its title where that may tell more than whoever asks may see.
    pub(super) fn discreet(&self, line: RecordLine) -> RecordLine {
        let Some(most) = self.sees() else { return line };
        // What binds economies has no content, and its titles are of our own making.
        let binds = Kind::from_name(&line.kind).is_some_and(Kind::is_control);
        if binds || Tlp::from_name(&line.tlp).is_some_and(|label| label <= most) {
            return line;
        }
        RecordLine { title: above(most), ..line }
    }
}

/// Why something is not shown to whoever sees content up to a label only.
pub(super) fn above(most: Tlp) -> String {
    format!("not shown: it is marked above TLP:{most}, and so not for you")
}

/// The title of a record, where it does not tell more than whoever asks may see (`sees`).
pub(super) fn discreet_title(held: &Held, sees: Option<Tlp>, title: String) -> String {
    let strictest = held.parts.iter().map(|part| part.marking.tlp).max();
    match sees.filter(|most| strictest.is_some_and(|label| label > *most)) {
        Some(most) => above(most),
        None => title,
    }
}

/// Whether a part is shown that is marked above TLP:GREEN, or not at all.
pub(super) fn shows_above_green(parts: &[PartDetail]) -> bool {
    let above = |tlp: &str| Tlp::from_name(tlp).is_none_or(|label| label > Tlp::Green);
    parts.iter().any(|part| part.text.is_some() && above(&part.tlp))
}

/// The key and the roles of somebody of the staff whose key is granted now.
fn known(state: &State, name: &str, now: Timestamp) -> Result<(KeyId, Roles), ServiceError> {
    let refused = |code: &'static str, message: String| {
        Err(ServiceError::new(ErrorKind::NoPermission, code, message).next("comity staff list"))
    };
    let Some(member) = state.staff().member(name) else {
        return refused("no-staff", format!("`{name}` is not of the staff of this node"));
    };
    if let Some(left) = member.left {
        return refused("left", format!("`{name}` left the staff at {left}"));
    }
    let Some(keyring) = state.keyring(&state.us()) else {
        return refused("not-granted", "our own keyring is not here".to_owned());
    };
    if let Some(revoked) = keyring.revocation(member.key).filter(|one| one.at <= now) {
        return refused("revoked", format!("the key of `{name}` is revoked from {}", revoked.at));
    }
    if !keyring.is_granted(member.key, Role::Author, now) {
        return refused("not-granted", format!("the key of `{name}` is not granted now"));
    }
    Ok((member.key, member.roles.clone()))
}

fn nobody() -> ServiceError {
    let message = "this node has staff, and whoever asks says who they are";
    ServiceError::new(ErrorKind::NoPermission, "nobody-named", message)
        .next("the same command with --staff NAME, or with COMITY_STAFF=NAME in the environment")
}

fn not_in_role(name: &str, roles: &Roles, right: Right) -> ServiceError {
    let names =
        |roles: &mut dyn Iterator<Item = &'static str>| roles.collect::<Vec<_>>().join(", ");
    let is = names(&mut roles.iter().map(|role| role.name()));
    let takes = names(&mut right.roles().map(|role| role.name()));
    let message = format!("`{name}` is {is} here, and this takes one of: {takes}");
    ServiceError::new(ErrorKind::NoPermission, "not-in-role", message).next("comity staff list")
}
