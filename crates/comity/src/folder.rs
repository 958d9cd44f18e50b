//! Where the node's data lies.

use std::path::{Path, PathBuf};

use comity_admin::{Failure, FailureKind};
use comity_node::config::{Config, ConfigError};

/// `--data`, `COMITY_DATA`, or this user's own folder.
pub(crate) fn data_folder(given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let from =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    from("XDG_DATA_HOME")
        .or_else(|| from("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("comity"))
        .ok_or_else(|| {
            Failure::new(
                FailureKind::Usage,
                "no-data-folder",
                "no data folder is named and there is no home",
            )
            .next("comity --data DIR ...")
        })
}

/// The configuration in the data folder.
pub(crate) fn configuration(folder: &Path) -> Result<Config, Failure> {
    Config::read(folder).map_err(|error| refused(folder, &error))
}

/// A configuration that was refused, as a failure with what to do.
pub(crate) fn refused(folder: &Path, error: &ConfigError) -> Failure {
    let folder = folder.display();
    match error {
        ConfigError::Missing(_) => {
            let message = format!("there is no node in `{folder}`");
            Failure::new(FailureKind::Configuration, "no-node", message)
                .next(format!("comity --data {folder} init, or name another folder with --data"))
        }
        ConfigError::Unreadable { .. } => {
            Failure::new(FailureKind::NoInput, "config-unreadable", error)
                .next("run the command as the node's user")
        }
        ConfigError::Wrong(fault) => Failure::new(
            FailureKind::Configuration,
            "config-invalid",
            error,
        )
        .next(format!("mend line {} of {}", fault.line, fault.file.display())),
    }
}
