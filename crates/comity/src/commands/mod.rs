//! What the commands do.

mod completions;
mod config;
mod verify;

use comity_admin::{Failure, FailureKind};

use crate::backend::Backend;
use crate::cli::{Cli, Command};
use crate::screen::{Asker, Screen};

/// Runs one command.
pub(crate) fn run(cli: Cli, screen: &mut Screen) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    let _asker = Asker::new(global.passphrase_file.clone(), global.json);
    let data = global.data.as_deref();
    match command {
        Command::Config(command) => config::run(&command, data, screen),
        Command::Verify(verify) => verify::run(&verify, screen),
        Command::Completions { shell } => completions::run(shell, screen),
        Command::Demo(_)
        | Command::Init(_)
        | Command::Run
        | Command::Status
        | Command::Doctor
        | Command::Partner(_)
        | Command::Agreement(_)
        | Command::Publish(_)
        | Command::Import(_)
        | Command::Withdraw(_)
        | Command::List(_)
        | Command::Show(_)
        | Command::Explain(_)
        | Command::Watch(_)
        | Command::Audit(_)
        | Command::Store(_)
        | Command::Backup { .. }
        | Command::Restore { .. }
        | Command::Key(_) => {
            Backend::open(data)?.node()?;
            Err(Failure::new(
                FailureKind::Unavailable,
                "not-built",
                "this command is not built yet",
            ))
        }
    }
}
