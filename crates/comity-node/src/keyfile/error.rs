//! Why keys are not read or written.

use std::io;
use std::path::PathBuf;

use super::WorkFactor;
use super::keys::KEYS;

/// Why keys are not read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// No such file.
    #[error("key file `{0}` does not exist")]
    Missing(PathBuf),
    /// There is one already.
    #[error("key file `{0}` exists: it is not overwritten")]
    Exists(PathBuf),
    /// A folder, a device, a pipe.
    #[error("`{0}` is not a regular file")]
    NotAFile(PathBuf),
    /// Others may read or write it.
    #[error(
        "key file `{path}` is open to others (mode {mode:04o}): run `chmod 600 {path}`, and replace the keys if others used this machine"
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Not a key file, or changed since it was written.
    #[error("key file `{path}` is damaged ({what}): restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In which way.
        what: &'static str,
    },
    /// Of another version of the format.
    #[error("key file `{0}` was written by another version of comity: use that version")]
    OtherVersion(PathBuf),
    /// Encrypted, and no passphrase was given.
    #[error("key file `{0}` is encrypted: a passphrase is needed")]
    PassphraseNeeded(PathBuf),
    /// Encrypted with another passphrase; the file itself is whole.
    #[error("wrong passphrase for key file `{0}`")]
    WrongPassphrase(PathBuf),
    /// It would take too long to open.
    #[error("key file `{path}` asks for work factor {log_n}, more than {highest}", highest = WorkFactor::HIGHEST.log_n())]
    TooMuchWork {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        log_n: u8,
    },
    /// Not the name of a key.
    #[error("`{0}` is not the name of a key: 1 to 32 lower-case letters, digits and hyphens")]
    Name(String),
    /// More keys than a file holds.
    #[error("a key file holds {KEYS} keys at most")]
    TooManyKeys,
    /// age refused.
    #[error("keys could not be encrypted: {0}")]
    Encrypt(#[from] age::EncryptError),
    /// The file system refused.
    #[error("key file `{path}` could not be {action}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: io::Error,
    },
}
