//! Where the node's data lies.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use comity_admin::{Failure, FailureKind};
use comity_node::config::{Config, ConfigError, FILE_NAME};
use comity_node::shell_word::word;

use crate::cli::Cli;

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

/// The configuration is written last. Without it, keys are those of a founding that was interrupted; or
/// somebody has lost it, and then they are all that there is of an economy.
pub(crate) fn unfinished(folder: &Path, kind: FailureKind) -> Option<Failure> {
    if folder.join(FILE_NAME).exists() || !folder.join("keys").exists() {
        return None;
    }
    let named = folder.display().to_string();
    let message = format!(
        "`{named}` has keys and no comity.toml: an `init` was interrupted there, or the file is lost"
    );
    let aside = format!("{named}-unfinished");
    Some(Failure::new(kind, "init-unfinished", message).next(format!(
        "if no node ever ran from it, move it away and run init again: mv {} {}; if one did, put its comity.toml back from a copy, or write two lines into it, `format = 1` and `economy.code = \"KR\"` with your own code: all else has a default",
        word(&named),
        word(&aside)
    )))
}

/// A configuration that was refused, as a failure with what to do.
pub(crate) fn refused(path: &Path, error: &ConfigError) -> Failure {
    let folder = path.display();
    match error {
        ConfigError::Missing(_) => {
            if let Some(unfinished) = unfinished(path, FailureKind::Configuration) {
                return unfinished;
            }
            let message = format!("there is no node in `{folder}`");
            Failure::new(FailureKind::Configuration, "no-node", message).next(format!(
                "comity --data {} init --code CODE, or name another folder with --data",
                word(&folder.to_string())
            ))
        }
        ConfigError::Unreadable { path, source }
            if source.kind() == std::io::ErrorKind::InvalidData =>
        {
            let message = format!("`{}` is not text in UTF-8", path.display());
            Failure::new(FailureKind::Configuration, "config-invalid", message)
                .next(format!("write {} in UTF-8", path.display()))
        }
        ConfigError::Unreadable { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Failure::new(FailureKind::NotPermitted, "config-not-permitted", error)
                .next("run the command as the node's user, such as: sudo -u comity comity ...")
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

/// Refuses a place where a file lies already, before what it is for is done.
pub(crate) fn is_vacant(path: &Path) -> Result<(), Failure> {
    // A link that leads nowhere is in the way too.
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let message = format!("`{}` cannot be made: there is a file already", path.display());
    Err(Failure::new(FailureKind::CannotCreate, "cannot-create", message).next("name another file"))
}

/// A place for a file that its owner alone reads, made before what goes into it is asked for. Unless it is filled,
/// nothing stays there.
pub(crate) struct Reserved {
    path: PathBuf,
    file: File,
    filled: bool,
}

impl Reserved {
    /// Takes the place, where nothing lies yet.
    pub(crate) fn make(path: &Path) -> Result<Self, Failure> {
        is_vacant(path)?;
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = opened.map_err(|error| {
            let message = format!("`{}` cannot be made: {error}", path.display());
            Failure::new(FailureKind::CannotCreate, "cannot-create", message)
                .next("name a file in a folder that is there, and that you may write to")
        })?;
        Ok(Self { path: path.to_owned(), file, filled: false })
    }

    /// Fills it, and it stays.
    pub(crate) fn fill(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let filled = self.file.write_all(bytes).and_then(|()| self.file.sync_all());
        filled.map_err(|error| {
            let message = format!("`{}` cannot be written: {error}", self.path.display());
            Failure::new(FailureKind::CannotCreate, "cannot-create", message)
                .next("make room, or name a file elsewhere")
        })?;
        self.filled = true;
        Ok(())
    }

    /// It goes after all.
    pub(crate) fn give_up(&mut self) {
        self.filled = false;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.filled {
            remove_begun(&self.path);
        }
    }
}

/// Makes a file that its owner alone reads, where nothing lies yet.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    Reserved::make(path)?.fill(bytes)
}

/// What could not be written whole is not left in the way of another try.
fn remove_begun(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!("`{}` was not written whole, and stays: {error}", path.display());
    }
}

/// A file that somebody named and that cannot be read, as a failure with what to do.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    let shown = path.display();
    if error.kind() == ErrorKind::InvalidData {
        let message = format!("`{shown}` is not text in UTF-8");
        return Failure::new(FailureKind::Data, "not-text", message)
            .next("name a file of text, written in UTF-8");
    }
    let message = format!("`{shown}` cannot be read: {error}");
    if error.kind() == ErrorKind::PermissionDenied {
        return Failure::new(FailureKind::NotPermitted, "not-permitted", message)
            .next(format!("let this user read it: chmod u+r {}", word(&shown.to_string())));
    }
    Failure::new(FailureKind::NoInput, "no-input", message)
        .next("name a file that is there, and that this user may read")
}

/// A hint as it is to be typed: a command in it that names no folder gets the one that was named.
///
/// A node that was asked does not know by which folder it was found.
pub(crate) fn hint(text: &str, data: Option<&Path>) -> String {
    const NAME: &str = "comity ";
    let Some(data) = data else { return text.to_owned() };
    let commands = Cli::command();
    let mut said = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(NAME) {
        let (before, found) = rest.split_at(at);
        let after = found.trim_start_matches(NAME);
        let command = after.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
        said.push_str(before);
        said.push_str(NAME);
        // A path may end in the word, and a sentence may hold it.
        let begins = said.len() == NAME.len() || before.ends_with([' ', '`', '(', '\n']);
        if begins && commands.find_subcommand(command).is_some() {
            said.push_str(&format!("--data {} ", word(&data.display().to_string())));
        }
        rest = after;
    }
    said + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(hint(text, Some(Path::new("kr"))), expected);
        assert_eq!(hint(text, None), text);
    }

    #[test]
    fn a_hint_speaks_of_the_folder_that_was_named() {
        check("comity list", "comity --data kr list");
        check(
            "comity agreement show R; comity agreement accept R",
            "comity --data kr agreement show R; comity --data kr agreement accept R",
        );
        check("mend it, or `comity run`", "mend it, or `comity --data kr run`");
        assert_eq!(hint("comity list", Some(Path::new("a b"))), "comity --data 'a b' list");
        for same in [
            "comity --data jp run",
            "use the version of comity that wrote it",
            "mv /srv/comity run",
            "comity",
        ] {
            check(same, same);
        }
    }

    #[test]
    fn what_may_not_be_read_is_no_file_that_is_not_there() {
        use std::io::ErrorKind;
        let of = |kind: ErrorKind| unreadable(Path::new("a b.toml"), &kind.into());
        let denied = of(ErrorKind::PermissionDenied);
        assert_eq!(denied.kind.exit_code(), 77);
        assert_eq!(denied.next.as_deref(), Some("let this user read it: chmod u+r 'a b.toml'"));
        assert_eq!(of(ErrorKind::NotFound).kind.exit_code(), 66);
        let binary = of(ErrorKind::InvalidData);
        assert_eq!((binary.kind.exit_code(), binary.code.as_str()), (65, "not-text"));
        let path = PathBuf::from("kr/comity.toml");
        let source = ErrorKind::PermissionDenied.into();
        let refused = refused(Path::new("kr"), &ConfigError::Unreadable { path, source });
        assert_eq!(refused.kind.exit_code(), 77);
    }
}
