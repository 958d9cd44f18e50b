//! `comity demo`.

use comity_admin::{Failure, FailureKind};

use super::Context;
use crate::cli::Demo;

pub(super) fn run(_demo: &Demo, _context: &mut Context<'_>) -> Result<(), Failure> {
    Err(Failure::new(FailureKind::Unavailable, "not-built", "this command is not built yet"))
}
