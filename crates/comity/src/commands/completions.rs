//! `comity completions`.

use clap::CommandFactory as _;
use comity_admin::Failure;
use serde_json::json;

use crate::cli::Cli;
use crate::screen::Screen;

pub(super) fn run(shell: clap_complete::Shell, screen: &mut Screen) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "comity", &mut script);
    let script = String::from_utf8_lossy(&script);
    let data = json!({"shell": shell.to_string(), "script": script});
    screen.answer(&data, |out| out.write_all(script.as_bytes()))
}
