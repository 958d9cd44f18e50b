//! The memory that looking at parts may take, of all workers together.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::limits::GUARD_MEMORY;

/// Copies of a body that one look makes at most: as it was read, without the brackets in addresses, and the
/// numbers that may be one.
const COPIES: usize = 3;

/// That of this process.
static ROOM: Room = Room::of(GUARD_MEMORY);

/// A number of bytes, of which whoever comes takes some; in the order in which they come, so that nobody
/// with a large body waits for ever.
pub(super) struct Room {
    lines: Mutex<Lines>,
    freed: Condvar,
}

struct Lines {
    most: usize,
    free: usize,
    /// Whoever comes next has this number.
    next: u64,
    /// Whose turn it is.
    turn: u64,
}

impl Room {
    pub(super) const fn of(most: usize) -> Self {
        let lines = Lines { most, free: most, next: 0, turn: 0 };
        Self { lines: Mutex::new(lines), freed: Condvar::new() }
    }

    /// Waits until there is room. What is larger than all of it has all of it, and is looked at alone.
    pub(super) fn take(&self, bytes: usize) -> Share<'_> {
        let mut lines = self.lines();
        let bytes = bytes.min(lines.most);
        let ours = lines.next;
        lines.next = lines.next.wrapping_add(1);
        while lines.turn != ours || lines.free < bytes {
            lines = self.freed.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
        lines.turn = lines.turn.wrapping_add(1);
        lines.free = lines.free.saturating_sub(bytes);
        drop(lines);
        // Whoever is next may have room as well.
        self.freed.notify_all();
        Share { room: self, bytes }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some of the room, until it is dropped.
pub(crate) struct Share<'a> {
    room: &'a Room,
    bytes: usize,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut lines = self.room.lines();
        lines.free = lines.free.saturating_add(self.bytes);
        drop(lines);
        self.room.freed.notify_all();
    }
}

/// Waits until a body of so many bytes may be read and looked at.
pub(crate) fn room_for(bytes: u64) -> Share<'static> {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    ROOM.take(bytes.saturating_mul(COPIES))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is_and_everybody_gets_some() {
        let (room, taken, most) = (Room::of(10), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for one in 0..16_usize {
                let (room, taken, most) = (&room, &taken, &most);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let bytes = one % 12 + 1;
                        let share = room.take(bytes);
                        let now = taken.fetch_add(bytes.min(10), Ordering::SeqCst) + bytes.min(10);
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        taken.fetch_sub(bytes.min(10), Ordering::SeqCst);
                        drop(share);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 10, "{most:?}");
        assert_eq!(room.lines().free, 10);
    }
}
