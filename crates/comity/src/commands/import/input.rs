//! Files to be read, also in gzip, and how far the reading is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use comity_admin::{Failure, FailureKind};
use flate2::read::MultiGzDecoder;

/// How a file in gzip begins (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;

/// An open file.
pub(super) struct Input {
    /// Its contents, unpacked if its name ends in `.gz`.
    pub(super) reader: Box<dyn BufRead>,
    /// Bytes on disk; of standard input nobody knows.
    pub(super) size: Option<u64>,
    /// Bytes on disk that have been read.
    pub(super) done: Arc<AtomicU64>,
}

impl Input {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if is_stdin(path) {
            return Self::stdin().map_err(|error| unreadable(path, &error));
        }
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let about = file.metadata().map_err(|error| unreadable(path, &error))?;
        if about.is_dir() {
            return Err(unreadable(path, &io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let done = Arc::new(AtomicU64::new(0));
        let counted = Counted { source: file, done: Arc::clone(&done) };
        let reader = if has_ending(path, "gz") { unpacked(counted) } else { buffered(counted) };
        Ok(Self { reader, size: Some(about.len()), done })
    }

    /// It has no name whose ending would say that it is packed: its first bytes do.
    fn stdin() -> io::Result<Self> {
        let done = Arc::new(AtomicU64::new(0));
        let mut counted = buffered(Counted { source: io::stdin(), done: Arc::clone(&done) });
        let packed = counted.fill_buf()?.starts_with(&GZIP);
        let reader = if packed { unpacked(counted) } else { counted };
        Ok(Self { reader, size: None, done })
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

/// Whether a file that was named is standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn buffered(source: impl Read + 'static) -> Box<dyn BufRead> {
    Box::new(BufReader::with_capacity(BUFFER, source))
}

fn unpacked(source: impl Read + 'static) -> Box<dyn BufRead> {
    buffered(MultiGzDecoder::new(BufReader::new(source)))
}

struct Counted<R> {
    source: R,
    done: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
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
