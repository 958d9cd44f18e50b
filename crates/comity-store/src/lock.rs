//! One process at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::StoreError;

/// The lock on a store's folder, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    /// The lock is the open file's; what the file says is for people.
    _file: File,
}

impl Lock {
    /// Takes the lock of `folder`, which is made if it is not there; [`StoreError::Locked`] where another
    /// process has it.
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(|error| StoreError::io("make", folder, error))?;
        let path = folder.join("lock");
        let failed = |error| StoreError::io("lock", &path, error);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let mut file = opened.map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let holder =
                    file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(StoreError::Locked { path, holder });
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        // A full disk must not keep anybody from reading: the number is a courtesy.
        let noted = file
            .rewind()
            .and_then(|()| file.set_len(0))
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = noted {
            tracing::warn!(%error, "the lock file does not say who holds it");
        }
        Ok(Self { _file: file })
    }
}
