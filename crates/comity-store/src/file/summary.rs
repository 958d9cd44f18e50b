//! What a backup says of itself: by this a restore knows that nothing of it was lost on the way.
//!
//! A journal alone cannot tell. It may end anywhere, as a node's does after a power cut: so damage at its
//! end, or the lack of its last segments, looks like a journal that was never longer.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::{StoreError, Watermark};

/// The file's name, beside the journal.
pub(super) const NAME: &str = "backup.txt";
/// Its first line: the format.
const FORMAT: &str = "comity-backup 1";

/// How much a journal holds, and its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) segments: usize,
    /// Bytes of all segments.
    pub(super) bytes: u64,
    pub(super) head: Watermark,
}

impl Summary {
    fn text(&self) -> String {
        let Self { segments, bytes, head: Watermark { seq, chain } } = self;
        format!("{FORMAT}\nsegments {segments}\nbytes {bytes}\nentries {seq}\nchain {chain}\n")
    }

    /// Writes it into `folder`, durably.
    pub(super) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let path = folder.join(NAME);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = made.map_err(|error| StoreError::io("make", &path, error))?;
        let written = file.write_all(self.text().as_bytes());
        written.map_err(|error| StoreError::io("write to", &path, error))?;
        file.sync_all().map_err(|error| StoreError::sync(&path, error))
    }

    /// Whether the backup in `folder` was this when it was made; otherwise what is wrong.
    pub(super) fn check(&self, folder: &Path) -> Result<(), String> {
        let path = folder.join(NAME);
        let said = fs::read(&path).map_err(|error| {
            format!("its `{NAME}` cannot be read ({error}), without which nobody knows whether it is whole")
        })?;
        let said = String::from_utf8_lossy(&said);
        if said == self.text() {
            return Ok(());
        }
        if said.lines().next() != Some(FORMAT) {
            return Err(format!("its `{NAME}` is not of the format that this program writes"));
        }
        let found = format!(
            "{} entries in {} segments of {} bytes",
            self.head.seq, self.segments, self.bytes
        );
        Err(format!("it has {found}, and its `{NAME}` says otherwise"))
    }
}
