//! Files that only their owner has access to: keys, and the egress guard's lists.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

/// Why such a file is not read.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// No such file.
    Missing,
    /// A folder, a device, a pipe.
    NotAFile,
    /// Others may read or write it: its permissions.
    OpenToOthers(u32),
    /// More bytes than it may have.
    TooLarge,
    /// What the system said.
    Io(io::Error),
}

/// Reads the file if it is a regular one that nobody else has access to: asked of the open file, so
/// that it is the one that is read.
pub(crate) fn read(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, NotRead> {
    // Without waiting for a writer, should it be a pipe.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(nonblocking).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(NotRead::Missing),
        Err(error) => return Err(NotRead::Io(error)),
    };
    let metadata = file.metadata().map_err(NotRead::Io)?;
    if !metadata.is_file() {
        return Err(NotRead::NotAFile);
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(NotRead::OpenToOthers(mode));
    }
    if metadata.len() > most {
        return Err(NotRead::TooLarge);
    }
    let room = usize::try_from(metadata.len()).unwrap_or_default().saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(most).read_to_end(&mut bytes).map_err(NotRead::Io)?;
    Ok(bytes)
}
