//! What is packed with gzip, unpacked: so much of it, one at a time in this process, and never more memory
//! than that takes.

use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::bufread::MultiGzDecoder;

use crate::limits::{GUARD_RATIO, GUARD_UNPACKED, GUARD_UNPACKED_FREELY};

/// Bytes that are unpacked at once while their number is found out.
const STEP: usize = 64 * 1024;

/// Two at once would take twice the memory.
static ONE: Mutex<()> = Mutex::new(());

/// What came out.
pub(super) struct Unpacked {
    pub(super) bytes: Vec<u8>,
    pub(super) end: End,
    _one: MutexGuard<'static, ()>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// That is all of it.
    Whole,
    /// There is more than is looked at, or more than so few bytes should become.
    TooMuch,
    /// It cannot be unpacked, from there on or at all.
    Broken,
}

/// Unpacks it twice: first to see how much it becomes, without keeping any of it.
pub(super) fn unpacked(packed: &[u8]) -> Unpacked {
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (length, end) = measured(packed);
    let mut bytes = Vec::with_capacity(length);
    let most = u64::try_from(length).unwrap_or(u64::MAX);
    let read = MultiGzDecoder::new(packed).take(most).read_to_end(&mut bytes);
    let end = if read.is_err() { End::Broken } else { end };
    Unpacked { bytes, end, _one: one }
}

/// To how many bytes it unpacks that are looked at, and how it ends.
fn measured(packed: &[u8]) -> (usize, End) {
    let most = packed.len().saturating_mul(GUARD_RATIO).max(GUARD_UNPACKED_FREELY);
    let most = most.min(GUARD_UNPACKED);
    let (mut decoder, mut step) = (MultiGzDecoder::new(packed), vec![0; STEP]);
    let mut length = 0_usize;
    loop {
        match decoder.read(&mut step) {
            Ok(0) => return (length, End::Whole),
            Ok(more) => length = length.saturating_add(more),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_what_is_wrong_with_it) => return (length, End::Broken),
        }
        if length > most {
            return (most, End::TooMuch);
        }
    }
}
