//! What goes wrong, for whoever asked: what, why, and what to do next.

use comity_store::StoreError;

use crate::engine::CommandError;
use crate::guard::GuardError;
use crate::keyfile::KeyFileError;
use crate::state::FoldError;

/// Whose fault it is, roughly: the command line maps it to an exit code of sysexits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request does not make sense.
    Usage,
    /// What was given, or what is stored, is wrong.
    Data,
    /// Something that was named is not here.
    NoInput,
    /// Something that is needed is not to be had.
    Unavailable,
    /// It is not allowed.
    NoPermission,
    /// A file or folder cannot be made.
    CannotCreate,
    /// Reading or writing failed.
    Io,
    /// It may work later.
    TryLater,
    /// The configuration is wrong.
    Config,
}

/// What to do about a damaged journal.
pub const DAMAGED: &str = "comity store verify names what is damaged; then bring back a backup: comity restore DIR. Until then comity list, show, status and audit who read what can be read";

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ServiceError {
    /// Whose fault it is.
    pub kind: ErrorKind,
    /// A stable code, in kebab case.
    pub code: &'static str,
    /// What and why.
    pub message: String,
    /// What to do: usually a command.
    pub next: Option<String>,
}

impl ServiceError {
    /// An error without advice.
    #[must_use]
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), next: None }
    }

    /// With what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    pub(crate) fn usage(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, code, message)
    }

    pub(crate) fn data(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, code, message)
    }

    pub(crate) fn no_input(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NoInput, code, message)
    }

    pub(crate) fn stopped() -> Self {
        Self::new(ErrorKind::TryLater, "node-stopped", "the node has stopped")
    }
}

impl From<CommandError> for ServiceError {
    fn from(error: CommandError) -> Self {
        let (kind, code, next) = match &error {
            CommandError::NotEntitled(_) => (
                ErrorKind::NoPermission,
                "not-entitled",
                Some("comity doctor, which names the command that mends it"),
            ),
            CommandError::NotOurs => (ErrorKind::NoPermission, "not-ours", None),
            CommandError::NoRecord(_) => (ErrorKind::NoInput, "no-record", Some("comity list")),
            CommandError::NoPartner(_) => {
                (ErrorKind::NoInput, "no-partner", Some("comity partner list"))
            }
            CommandError::TooManyPartners(_) => {
                (ErrorKind::Config, "too-many-partners", Some("comity partner list"))
            }
            CommandError::NoDraft(_) => {
                (ErrorKind::NoInput, "no-draft", Some("comity list --drafts"))
            }
            CommandError::Unfitting(_) => (ErrorKind::Data, "unfitting", None),
            CommandError::Known(_) => (ErrorKind::Data, "known", None),
            CommandError::MayHaveGone(_) => (
                ErrorKind::Data,
                "may-have-gone",
                Some(
                    "take it back with `comity withdraw` or `comity recall`: everyone who may hold a part is told",
                ),
            ),
            CommandError::KeyringMoved => {
                (ErrorKind::TryLater, "keyring-moved", Some("comity status"))
            }
            CommandError::OnHold { .. } => {
                (ErrorKind::Data, "on-hold", Some("comity hold list, or comity hold lift"))
            }
            CommandError::NotListed(_) => (
                ErrorKind::TryLater,
                "not-listed",
                Some("comity doctor; it is tried again by itself, and at the next start"),
            ),
            CommandError::Erased { .. } => (ErrorKind::Data, "erased", None),
            CommandError::Stays { .. } => (
                ErrorKind::TryLater,
                "changed-meanwhile",
                Some("the same command again: it leaves out what may not leave"),
            ),
            CommandError::DiskLow => (ErrorKind::TryLater, "disk-low", Some("comity doctor")),
            CommandError::DiskFull => (ErrorKind::TryLater, "disk-full", Some("comity doctor")),
            CommandError::Recovering(_) => {
                (ErrorKind::TryLater, "recovering", Some("comity recover confirm"))
            }
            CommandError::Doubted { .. } => {
                (ErrorKind::TryLater, "tail-doubted", Some("comity partner list"))
            }
            CommandError::NoFile { .. } => {
                (ErrorKind::TryLater, "tail-doubted", Some("comity partner list"))
            }
            CommandError::NoCommonPurpose(_) => (
                ErrorKind::Data,
                "no-common-purpose",
                Some("one file for each part: comity show REFERENCE --out FILE --part NUMBER"),
            ),
            CommandError::SetAside(_) => {
                (ErrorKind::TryLater, "set-aside", Some("comity quarantine list"))
            }
            CommandError::Damaged(_) => (ErrorKind::Data, "store-damaged", Some(DAMAGED)),
            CommandError::Store(_) => (ErrorKind::Io, "store-failed", Some("comity doctor")),
        };
        let failed = Self::new(kind, code, error.to_string());
        match next {
            Some(next) => failed.next(next),
            None => failed,
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        let (kind, code, next) = match &error {
            StoreError::Full(_) | StoreError::OutOfTurn { .. } => {
                (ErrorKind::TryLater, "disk-full", Some("comity doctor"))
            }
            StoreError::Newer { .. } => (
                ErrorKind::Config,
                "store-newer",
                Some("start the program that wrote it, or a newer one: comity --version"),
            ),
            StoreError::Older { .. } => (
                ErrorKind::Config,
                "store-older",
                Some("start the program that wrote it, or make the node anew: comity init"),
            ),
            StoreError::Damage(_) => (ErrorKind::Data, "store-damaged", Some(DAMAGED)),
            StoreError::Backup { .. } => (
                ErrorKind::Data,
                "backup-damaged",
                Some("copy it anew from where it was made, or restore another: comity restore DIR"),
            ),
            StoreError::Locked { .. } => {
                (ErrorKind::TryLater, "store-locked", Some("comity status"))
            }
            StoreError::SyncFailed { .. } => (ErrorKind::Io, "sync-failed", Some("comity doctor")),
            StoreError::Views(_) => (ErrorKind::Io, "views", Some("comity store rebuild")),
            StoreError::Folder { .. } => (ErrorKind::NoInput, "store-folder", Some("comity init")),
            StoreError::ReadOnly
            | StoreError::Erased(_)
            | StoreError::TooLarge { .. }
            | StoreError::Closed
            | StoreError::Io { .. } => (ErrorKind::Io, "store", None),
        };
        let failed = Self::new(kind, code, error.to_string());
        match (&error, next) {
            // A node that was told to stop finishes what is under way, and answers nobody meanwhile.
            (StoreError::Locked { holder: Some(process), .. }, _) => failed.next(format!(
                "run the command again when that has ended; a node that is stopping takes a while: ps -p {process}"
            )),
            (_, Some(next)) => failed.next(next),
            (_, None) => failed,
        }
    }
}

impl From<FoldError> for ServiceError {
    fn from(error: FoldError) -> Self {
        match &error {
            FoldError::NotFounded => {
                Self::new(ErrorKind::Config, "not-founded", error.to_string()).next("comity init")
            }
            FoldError::Entry { .. }
            | FoldError::Keyring(_)
            | FoldError::Record { .. }
            | FoldError::Ledger { .. } => Self::data("journal", error.to_string()),
        }
    }
}

impl From<GuardError> for ServiceError {
    fn from(error: GuardError) -> Self {
        let next = match &error {
            GuardError::Missing(path)
            | GuardError::NotAFile(path)
            | GuardError::TooLarge { path, .. }
            | GuardError::Unreadable { path, .. } => {
                format!("mend {}, or what `[egress]` in comity.toml says of it", path.display())
            }
            GuardError::OpenToOthers { path, .. } => format!("chmod 600 {}", path.display()),
            GuardError::Line(fault) => {
                format!("mend line {} of {}", fault.line, fault.path.display())
            }
        };
        Self::new(ErrorKind::Config, "guard-list", error.to_string()).next(next)
    }
}

impl From<KeyFileError> for ServiceError {
    fn from(error: KeyFileError) -> Self {
        let message = error.to_string();
        let failed = |kind, code| Self::new(kind, code, message.clone());
        match &error {
            KeyFileError::WrongPassphrase(_) => failed(ErrorKind::NoPermission, "wrong-passphrase")
                .next("run the command again with the right one; nothing was changed"),
            KeyFileError::PassphraseNeeded(_) => {
                failed(ErrorKind::NoPermission, "passphrase-needed")
                    .next("give it at the prompt, or with --passphrase-file FILE")
            }
            KeyFileError::OpenToOthers { path, .. } => {
                failed(ErrorKind::NoPermission, "key-open-to-others")
                    .next(format!("chmod 600 {}", path.display()))
            }
            KeyFileError::Missing(_) => failed(ErrorKind::NoInput, "key-missing")
                .next("bring the file back from where you keep the keys"),
            KeyFileError::Damaged { .. } => failed(ErrorKind::Data, "key-damaged")
                .next("bring the file back from where you keep the keys"),
            KeyFileError::NotAFile(_) => failed(ErrorKind::Data, "key-not-a-file"),
            KeyFileError::OtherVersion(_) => failed(ErrorKind::Data, "key-format")
                .next("use the version of comity that wrote it"),
            KeyFileError::TooMuchWork { .. } => failed(ErrorKind::Data, "key-too-much-work"),
            KeyFileError::Exists(_) => failed(ErrorKind::CannotCreate, "key-exists"),
            KeyFileError::Io { .. } => failed(ErrorKind::Io, "key-file-io"),
            KeyFileError::Name(_) | KeyFileError::TooManyKeys | KeyFileError::Encrypt(_) => {
                failed(ErrorKind::Data, "key-file")
            }
        }
    }
}
