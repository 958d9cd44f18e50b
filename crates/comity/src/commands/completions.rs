//! `comity completions`.

use clap::CommandFactory as _;
use comity_admin::Failure;

use crate::cli::Cli;
use crate::screen::Screen;

pub(super) fn run(shell: clap_complete::Shell, screen: &Screen) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "comity", &mut script);
    screen.script(&script)
}
