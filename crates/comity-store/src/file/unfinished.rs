//! Bodies that have not come whole: one file each, beside the journal.
//!
//! A file has a header and then pieces, each with a checksum, in the order in which they came. What a
//! crash cut short is not there; a file that does not begin as it should is deleted. All of it can be
//! deleted at any time: whoever waits for a body asks for its pieces again.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use comity_core::digest::domains;
use comity_core::ledger::Ranges;
use comity_core::{Digest, PartDigest};

use crate::frame::{Take, Unreadable};
use crate::segment::{self, sync_folder};
use crate::unfinished::{Name, Piece, Unfinished, join, numbers};
use crate::{DiskFaults, StoreError, bounds};

const MAGIC: [u8; 8] = *b"comity-u";
const VERSION: u32 = 1;
/// What stands before the content of a piece: leaf u32, length u32, checksum u32.
const PIECE_HEADER: usize = 12;

/// The bodies of a store.
pub(super) struct Bodies {
    folder: PathBuf,
    faults: Option<Arc<dyn DiskFaults>>,
    known: Mutex<BTreeMap<Name, Body>>,
}

/// A body's file, and where its pieces lie in it.
#[derive(Clone, Debug)]
struct Body {
    of: Unfinished,
    path: PathBuf,
    /// Bytes up to the end of the last whole piece.
    end: u64,
    pieces: BTreeMap<u32, Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    length: u32,
    checksum: u32,
}

/// How much lies in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) bodies: usize,
    pub(super) bytes: u64,
}

impl Bodies {
    /// Takes what lies in `folder`; what cannot be read is deleted.
    pub(super) fn open(
        folder: &Path,
        faults: Option<Arc<dyn DiskFaults>>,
    ) -> Result<Self, StoreError> {
        let mut known = BTreeMap::new();
        for path in files(folder)? {
            // All of it can be asked for again: nothing here keeps a node from starting.
            let why = match Body::read(&path) {
                Ok(Some(body)) => {
                    known.insert(body.of.name(), body);
                    continue;
                }
                Ok(None) => "its beginning is not readable".to_owned(),
                Err(error) => error.to_string(),
            };
            tracing::warn!(?path, why, "what had come of a body is given up");
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(?path, %error, "it could not be deleted");
            }
        }
        Ok(Self { folder: folder.to_owned(), faults, known: Mutex::new(known) })
    }

    /// Of a store that is not to be changed.
    pub(super) fn none(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), faults: None, known: Mutex::default() }
    }

    /// What lies in `folder`, which is not touched.
    pub(super) fn look(folder: &Path) -> Result<Held, StoreError> {
        let mut held = Held::default();
        for path in files(folder)? {
            if let Ok(Some(body)) = Body::read(&path) {
                held.bodies += 1;
                held.bytes += body.pieces.values().map(|one| u64::from(one.length)).sum::<u64>();
            }
        }
        Ok(held)
    }

    pub(super) fn keep(&self, pieces: &[Piece]) -> Result<(), StoreError> {
        pieces.iter().try_for_each(Piece::check)?;
        let mut known = self.known();
        let mut by_body: BTreeMap<&Unfinished, Vec<&Piece>> = BTreeMap::new();
        for piece in pieces {
            by_body.entry(&piece.of).or_default().push(piece);
        }
        for (of, pieces) in by_body {
            // Under another length it was another body.
            if known.get(&of.name()).is_some_and(|body| body.of != *of) {
                forget(&mut known, &of.name())?;
            }
            let body = match known.get(&of.name()) {
                Some(body) => body.clone(),
                None => self.begin(of)?,
            };
            match self.write(&body, &pieces) {
                Ok(written) => drop(known.insert(of.name(), written)),
                Err(error) => {
                    // Nothing is half written: an empty body goes, another is cut back when it is
                    // written to again.
                    if body.pieces.is_empty() {
                        drop(fs::remove_file(&body.path));
                    } else if !error.is_full() {
                        // Whatever became of its file, it would fail the same way each time.
                        drop(forget(&mut known, &of.name()));
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    pub(super) fn list(&self) -> Vec<(Unfinished, Ranges)> {
        let known = self.known();
        known.values().map(|body| (body.of.clone(), numbers(body.pieces.keys()))).collect()
    }

    pub(super) fn gather(&self, of: &Unfinished) -> Result<Option<Bytes>, StoreError> {
        // The lock is not held while the file is read.
        let Some(body) = self.known().get(&of.name()).filter(|body| body.of == *of).cloned() else {
            return Ok(None);
        };
        match read_pieces(&body) {
            Ok(Some(leaves)) => Ok(join(of, leaves)),
            Ok(None) => Ok(None),
            Err(error) => {
                // It is asked for again.
                tracing::warn!(%error, "what had come of a body is given up");
                drop(forget(&mut self.known(), &of.name()));
                Ok(None)
            }
        }
    }

    pub(super) fn discard(&self, label: &[u8], digest: &PartDigest) -> Result<(), StoreError> {
        let name = (Bytes::copy_from_slice(label), *digest);
        forget(&mut self.known(), &name)
    }

    /// Lets go of whatever has come of erased bodies.
    pub(super) fn erase(&self, digests: &[PartDigest]) -> Result<(), StoreError> {
        let mut known = self.known();
        let erased = |name: &&Name| digests.contains(&name.1);
        let names: Vec<Name> = known.keys().filter(erased).cloned().collect();
        names.iter().try_for_each(|name| forget(&mut known, name))
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Name, Body>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the file of a body.
    fn begin(&self, of: &Unfinished) -> Result<Body, StoreError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|error| StoreError::io("make", &self.folder, error))?;
        let name = Digest::of_all(domains::UNFINISHED, &[&of.digest.0, &of.label]);
        let path = self.folder.join(name.to_string());
        let header = header(of);
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = opened.map_err(|error| StoreError::io("make", &path, error))?;
        self.put(&file, &path, 0, &header)?;
        // The first piece's sync makes the content durable; this one its name.
        sync_folder(&self.folder)?;
        Ok(Body { of: of.clone(), path, end: header.len() as u64, pieces: BTreeMap::new() })
    }

    /// Appends pieces and syncs; the body with them.
    fn write(&self, body: &Body, pieces: &[&Piece]) -> Result<Body, StoreError> {
        let mut body = body.clone();
        let file = segment::open(&body.path, true)?;
        // What an earlier write left behind the last whole piece.
        file.set_len(body.end).map_err(|error| StoreError::io("cut", &body.path, error))?;
        for piece in pieces {
            if body.pieces.contains_key(&piece.leaf) {
                continue;
            }
            let length = u32::try_from(piece.bytes.len()).unwrap_or(u32::MAX);
            let checksum = checksum(piece.leaf, &piece.bytes);
            let mut head = Vec::with_capacity(PIECE_HEADER);
            head.extend(piece.leaf.to_le_bytes());
            head.extend(length.to_le_bytes());
            head.extend(checksum.to_le_bytes());
            let offset = body.end.saturating_add(PIECE_HEADER as u64);
            self.put(&file, &body.path, body.end, &head)?;
            self.put(&file, &body.path, offset, &piece.bytes)?;
            body.pieces.insert(piece.leaf, Place { offset, length, checksum });
            body.end = offset.saturating_add(u64::from(length));
        }
        let fault = self.faults.as_ref().and_then(|faults| faults.sync());
        let synced = fault.map_or_else(|| file.sync_data(), Err);
        // Unlike the journal, a body whose sync failed is just asked for again.
        synced.map_err(|error| StoreError::io("sync", &body.path, error))?;
        Ok(body)
    }

    fn put(&self, file: &File, path: &Path, at: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let fault = self.faults.as_ref().and_then(|faults| faults.write(bytes.len()));
        let (some, error) = match fault {
            Some((some, error)) => (bytes.get(..some).unwrap_or(bytes), Some(error)),
            None => (bytes, None),
        };
        let written = file.write_all_at(some, at);
        written
            .and_then(|()| error.map_or(Ok(()), Err))
            .map_err(|error| StoreError::io("write", path, error))
    }
}

impl Body {
    /// Reads a file: its header, and every piece up to the first that is not whole. `None` where the
    /// header is not readable.
    fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let failed = |error| StoreError::io("read", path, error);
        let bytes = fs::read(path).map_err(failed)?;
        let mut take = Take(&bytes);
        let Ok(of) = read_header(&bytes, &mut take) else { return Ok(None) };
        let at = |take: &Take<'_>| bytes.len().saturating_sub(take.0.len()) as u64;
        let (mut end, mut pieces) = (at(&take), BTreeMap::new());
        while let Ok((leaf, content, sum)) = read_piece(&mut take) {
            if checksum(leaf, content) != sum || of.expects(leaf) != Some(content.len()) {
                break;
            }
            let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
            let offset = at(&take).saturating_sub(u64::from(length));
            pieces.insert(leaf, Place { offset, length, checksum: sum });
            end = at(&take);
        }
        Ok(Some(Self { of, path: path.to_owned(), end, pieces }))
    }
}

/// Every piece of a body. `None` where one is not what was written.
fn read_pieces(body: &Body) -> Result<Option<BTreeMap<u32, Bytes>>, StoreError> {
    let file = segment::open(&body.path, false)?;
    let mut leaves = BTreeMap::new();
    for (leaf, place) in &body.pieces {
        let mut bytes = vec![0; place.length as usize];
        file.read_exact_at(&mut bytes, place.offset)
            .map_err(|error| StoreError::io("read", &body.path, error))?;
        if checksum(*leaf, &bytes) != place.checksum {
            return Ok(None);
        }
        leaves.insert(*leaf, Bytes::from(bytes));
    }
    Ok(Some(leaves))
}

fn forget(known: &mut BTreeMap<Name, Body>, name: &Name) -> Result<(), StoreError> {
    let Some(body) = known.remove(name) else { return Ok(()) };
    match fs::remove_file(&body.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("delete", &body.path, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// `magic 8 | version u32 | length u64 | digest 32 | label's length u32 | label | checksum u32`.
fn header(of: &Unfinished) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend(of.length.to_le_bytes());
    out.extend(of.digest.0);
    out.extend(u32::try_from(of.label.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(&of.label);
    let checksum = crc32c::crc32c(&out);
    out.extend(checksum.to_le_bytes());
    out
}

fn read_header(bytes: &[u8], take: &mut Take<'_>) -> Result<Unfinished, Unreadable> {
    let (magic, version) = (take.array()?, take.u32()?);
    let (length, digest) = (take.u64()?, PartDigest(take.digest()?));
    let label = take.u32()? as usize;
    if magic != MAGIC || version != VERSION || label > bounds::LABEL_BYTES {
        return Err(Unreadable::Short);
    }
    let label = Bytes::copy_from_slice(take.bytes(label)?);
    let covered = bytes.len().saturating_sub(take.0.len());
    let sum = crc32c::crc32c(bytes.get(..covered).unwrap_or_default());
    if take.u32()? != sum {
        return Err(Unreadable::Short);
    }
    Ok(Unfinished { label, digest, length })
}

fn read_piece<'a>(take: &mut Take<'a>) -> Result<(u32, &'a [u8], u32), Unreadable> {
    let (leaf, length, checksum) = (take.u32()?, take.u32()?, take.u32()?);
    Ok((leaf, take.bytes(length as usize)?, checksum))
}

fn checksum(leaf: u32, content: &[u8]) -> u32 {
    let sum = crc32c::crc32c(&leaf.to_le_bytes());
    let sum = crc32c::crc32c_append(sum, &(content.len() as u64).to_le_bytes());
    crc32c::crc32c_append(sum, content)
}

/// The files of a folder that may have none, by their names; others are somebody else's.
fn files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let failed = |error| StoreError::io("list", folder, error);
    let found = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for one in found {
        let path = one.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if comity_core::digest::read_hex::<32>(name).is_some() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
