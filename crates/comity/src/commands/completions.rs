//! `comity completions`.

use std::io::Write as _;

use clap::CommandFactory as _;
use comity_admin::{Failure, FailureKind};

use crate::cli::Cli;

pub(super) fn run(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "comity", &mut script);
    std::io::stdout()
        .write_all(&script)
        .map_err(|error| Failure::new(FailureKind::Io, "output", error))
}
