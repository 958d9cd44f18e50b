//! Files to be read, also in gzip, and how far the reading is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use comity_admin::{Failure, FailureKind};
use flate2::read::MultiGzDecoder;

/// An open file.
pub(super) struct Input {
    /// Its contents, unpacked if its name ends in `.gz`.
    pub(super) reader: Box<dyn BufRead>,
    /// Bytes on disk.
    pub(super) size: u64,
    /// Bytes on disk that have been read.
    pub(super) done: Arc<AtomicU64>,
}

impl Input {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let about = file.metadata().map_err(|error| unreadable(path, &error))?;
        if about.is_dir() {
            return Err(unreadable(path, &io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let done = Arc::new(AtomicU64::new(0));
        let counted = Counted { file, done: Arc::clone(&done) };
        let reader: Box<dyn BufRead> = if has_ending(path, "gz") {
            Box::new(BufReader::with_capacity(
                1 << 16,
                MultiGzDecoder::new(BufReader::new(counted)),
            ))
        } else {
            Box::new(BufReader::with_capacity(1 << 16, counted))
        };
        Ok(Self { reader, size: about.len(), done })
    }

    /// Everything, at most `limit` bytes.
    pub(super) fn read_all(self, path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        // One more than may be, so that what is too large is not taken for what is cut off.
        let read = self.reader.take(limit as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(path, &error))?;
        if bytes.len() > limit {
            let message = format!("`{}` is larger than {} MiB", path.display(), limit >> 20);
            return Err(Failure::new(FailureKind::Data, "too-large", message));
        }
        Ok(bytes)
    }
}

struct Counted {
    file: File,
    done: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.done.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

pub(super) fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// A damaged gzip stream is damaged data; everything else is a file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    let damaged = [InvalidData, InvalidInput, UnexpectedEof].contains(&error.kind());
    if !damaged {
        return crate::folder::unreadable(path, error);
    }
    let message = format!("`{}` cannot be read: {error}", path.display());
    Failure::new(FailureKind::Data, "no-input", message)
        .next("fetch the file again: it is damaged, or was cut off")
}
