//! How much was gone through: tests show with it that work stays linear, which no clock can.

use std::cell::Cell;

thread_local! {
    static DONE: Cell<u64> = const { Cell::new(0) };
    static PLANNED: Cell<u64> = const { Cell::new(0) };
}

/// What may go of a record was worked out for one recipient.
pub(crate) fn plan() {
    PLANNED.with(|planned| planned.set(planned.get().saturating_add(1)));
}

/// How often this thread worked that out since it was last asked.
pub fn planned() -> u64 {
    PLANNED.with(|planned| planned.replace(0))
}

/// So much more was gone through.
pub(crate) fn add(steps: usize) {
    DONE.with(|done| done.set(done.get().saturating_add(steps as u64)));
}

/// What this thread went through since it was last asked.
pub fn done() -> u64 {
    DONE.with(|done| done.replace(0))
}
