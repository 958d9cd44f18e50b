//! comity: trusted information sharing between national CSIRTs. The command line: parse, call, print.

mod backend;
mod cli;
mod commands;
mod folder;
mod local;
mod screen;

use std::process::ExitCode;

use clap::Parser as _;
use comity_admin::{Failure, FailureKind};

use crate::cli::Cli;
use crate::screen::Screen;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    let mut screen = Screen::new(cli.global.json);
    let data = cli.global.data.clone();
    match commands::run(cli, &mut screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(mut failure) => {
            failure.next = failure.next.map(|next| folder::hint(&next, data.as_deref()));
            screen.failed(&failure)
        }
    }
}

/// Help and versions are answers; anything else is a wrong command, also for programs that asked for JSON.
fn misused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader that has gone away wants no more of it.
        error.print().ok();
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let said: Vec<&str> = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
            .filter(|line| !line.is_empty())
            .collect();
        let message = said.join(" ").trim_start_matches("error: ").to_owned();
        let failure = Failure::new(FailureKind::Usage, "usage", message).next("comity --help");
        return Screen::new(true).failed(&failure);
    }
    error.print().ok();
    ExitCode::from(FailureKind::Usage.exit_code())
}
