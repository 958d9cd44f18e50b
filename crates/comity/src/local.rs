//! This process as the node: for commands while no node runs.

use std::path::Path;
use std::time::Duration;

use comity_admin::{Failure, FailureKind};
use comity_node::founding::{NEXT_ROOT_KEYS, NODE_KEYS, ROOT_KEYS};
use comity_node::keyfile::{self, Form, KeyFileError, Passphrase};
use comity_node::service::EMERGENCY_KEYS;
use comity_node::{Mode, Node, ServiceError};

use crate::backend::Backend;
use crate::screen::{Asker, Typed};

/// The files of keys in a data folder, and what each holds.
pub(crate) const KEY_FILES: [(&str, &str); 4] = [
    (NODE_KEYS, "link and desk: the node runs with them"),
    (ROOT_KEYS, "root: grants and revokes the others"),
    (NEXT_ROOT_KEYS, "next root: takes the place of the root, also after its theft"),
    (EMERGENCY_KEYS, "emergency: breaks the glass"),
];

/// The node over a folder, in this process, without a network.
pub(crate) struct LocalNode(Node);

impl LocalNode {
    /// Takes the folder's lock. Within the runtime that the node is to use.
    pub(crate) async fn start(
        backend: &Backend,
        passphrase: Option<&Passphrase>,
        mode: Mode,
    ) -> Result<Self, Failure> {
        Ok(Self(Node::start(&backend.folder, passphrase, mode)?))
    }

    /// What is wrong with its journal, and up to which entry it was read.
    pub(crate) fn damage(&self) -> Option<(String, u64)> {
        let report = self.0.report();
        report.damage.as_ref().map(|damage| (damage.to_string(), report.durable.seq))
    }

    /// Every command of it.
    pub(crate) fn router(&self) -> axum::Router {
        comity_admin::router(self.0.service())
    }

    /// Closes the journal and gives up the lock.
    pub(crate) async fn stop(self) {
        self.0.stop(Duration::ZERO).await;
    }
}

impl std::fmt::Debug for LocalNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalNode")
    }
}

/// The passphrase of the keys that the node runs with, asked for if they want one.
pub(crate) fn passphrase(folder: &Path, asker: &Asker) -> Result<Option<Passphrase>, Failure> {
    typed(folder, asker)?.map(|typed| understood(&typed)).transpose()
}

/// The same as it was typed.
pub(crate) fn typed(folder: &Path, asker: &Asker) -> Result<Option<Typed>, Failure> {
    let file = folder.join(NODE_KEYS);
    match keyfile::inspect(&file).map_err(refused)? {
        Form::Plain => Ok(None),
        Form::Encrypted(_) => {
            asker.passphrase(&format!("the keys in {}", folder.display())).map(Some)
        }
    }
}

/// What was typed, as a passphrase.
pub(crate) fn understood(typed: &Typed) -> Result<Passphrase, Failure> {
    Passphrase::new(typed.to_string()).ok_or_else(|| {
        let message = "the passphrase is empty";
        Failure::new(FailureKind::NotPermitted, "empty-passphrase", message)
            .next("run the command again, with the passphrase on the first line of what it reads")
    })
}

/// Whether this passphrase opens that file.
pub(crate) fn opens(file: &Path, typed: &str) -> bool {
    let passphrase = Passphrase::new(typed.to_owned());
    keyfile::open(file, passphrase.as_ref()).is_ok()
}

/// A key file that was refused, as a failure with what to do.
pub(crate) fn refused(error: KeyFileError) -> Failure {
    ServiceError::from(error).into()
}
