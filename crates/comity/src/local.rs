//! This process as the node: for commands while no node runs.

use std::path::Path;
use std::time::Duration;

use comity_admin::{Failure, FailureKind};
use comity_node::founding::{NEXT_ROOT_KEYS, NODE_KEYS, ROOT_KEYS};
use comity_node::keyfile::{self, Form, KeyFileError, Passphrase};
use comity_node::{Mode, Node};

use crate::backend::Backend;
use crate::screen::Asker;

/// The files of keys in a data folder, and what each holds.
pub(crate) const KEY_FILES: [(&str, &str); 3] = [
    (NODE_KEYS, "link and desk: the node runs with them"),
    (ROOT_KEYS, "root: grants and revokes the others"),
    (NEXT_ROOT_KEYS, "next root: only after a theft of the root"),
];

/// The node over a folder, in this process, without a network.
pub(crate) struct LocalNode(Node);

impl LocalNode {
    /// Takes the folder's lock. Within the runtime that the node is to use.
    pub(crate) async fn start(
        backend: &Backend,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, Failure> {
        Ok(Self(Node::start(&backend.folder, passphrase, Mode::Offline)?))
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
    let file = folder.join(NODE_KEYS);
    match keyfile::inspect(&file).map_err(refused)? {
        Form::Plain => Ok(None),
        Form::Encrypted(_) => {
            let typed = asker.passphrase(&format!("the keys in {}", folder.display()))?;
            Passphrase::new(typed.to_string()).map(Some).ok_or_else(|| {
                let message = "the passphrase is empty";
                Failure::new(FailureKind::NotPermitted, "empty-passphrase", message)
            })
        }
    }
}

/// A key file that was refused, as a failure with what to do.
pub(crate) fn refused(error: KeyFileError) -> Failure {
    let failure = |kind, code| Failure::new(kind, code, &error);
    match &error {
        KeyFileError::Missing(_) => failure(FailureKind::NoInput, "key-missing")
            .next("bring the file back from where you keep the keys"),
        KeyFileError::Exists(_) => failure(FailureKind::CannotCreate, "key-exists"),
        KeyFileError::NotAFile(_) => failure(FailureKind::Data, "key-not-a-file"),
        KeyFileError::OpenToOthers { path, .. } => {
            failure(FailureKind::NotPermitted, "key-open-to-others")
                .next(format!("chmod 600 {}", path.display()))
        }
        KeyFileError::Damaged { .. } => failure(FailureKind::Data, "key-damaged")
            .next("bring the file back from where you keep the keys"),
        KeyFileError::OtherVersion(_) => {
            failure(FailureKind::Data, "key-format").next("use the version of comity that wrote it")
        }
        KeyFileError::PassphraseNeeded(_) => {
            failure(FailureKind::NotPermitted, "passphrase-needed")
                .next("use --passphrase-file FILE")
        }
        KeyFileError::WrongPassphrase(_) => {
            failure(FailureKind::NotPermitted, "wrong-passphrase").next("run the command again")
        }
        KeyFileError::TooMuchWork { .. } => failure(FailureKind::Data, "key-too-much-work"),
        KeyFileError::Name(_) | KeyFileError::TooManyKeys | KeyFileError::Encrypt(_) => {
            failure(FailureKind::Internal, "key-file")
        }
        KeyFileError::Io { .. } => failure(FailureKind::Io, "key-file-io"),
    }
}
