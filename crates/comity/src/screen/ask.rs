//! Questions: on a terminal they are asked, elsewhere the answers are lines of standard input.

use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use comity_admin::{Failure, FailureKind};
use zeroize::Zeroizing;

use super::printable;

/// A passphrase; erased from memory when dropped.
pub(crate) type Passphrase = Zeroizing<String>;

/// Asks.
#[derive(Debug)]
pub(crate) struct Asker {
    passphrase_file: Option<PathBuf>,
    /// For the passphrase of whoever of the staff asks.
    staff_file: Option<PathBuf>,
    json: bool,
    /// Every question has its answer.
    yes: bool,
}

impl Asker {
    pub(crate) fn new(passphrase_file: Option<PathBuf>, json: bool, yes: bool) -> Self {
        Self { passphrase_file, staff_file: None, json, yes }
    }

    /// The same, with a file for the passphrase of whoever of the staff asks.
    pub(crate) fn for_staff(self, staff_file: Option<PathBuf>) -> Self {
        Self { staff_file, ..self }
    }

    fn terminal(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// The passphrase of existing keys.
    pub(crate) fn passphrase(&self, what: &str) -> Result<Passphrase, Failure> {
        if let Some(file) = &self.passphrase_file {
            return from_file(file);
        }
        if let Some(credential) = credential() {
            return from_file(&credential);
        }
        if self.terminal() {
            return prompt_secret(&format!("Passphrase for {what}: "));
        }
        line("a passphrase is needed and standard input has none").map_err(|failure| {
            failure.next("use --passphrase-file FILE, or write the passphrase to standard input")
        })
    }

    /// The passphrase of somebody of the staff.
    pub(crate) fn staff(&self, name: &str) -> Result<Passphrase, Failure> {
        if let Some(file) = &self.staff_file {
            return from_file(file);
        }
        if self.terminal() {
            return prompt_secret(&format!("Passphrase of {}: ", printable(name)));
        }
        line("a person's passphrase is needed and standard input has none").map_err(|failure| {
            failure
                .next("use --staff-passphrase-file FILE, or write the passphrase to standard input")
        })
    }

    /// The passphrase that opens a key which is named in words, from a file if one is named.
    pub(crate) fn of_key(&self, name: &str, file: Option<&Path>) -> Result<Passphrase, Failure> {
        if let Some(file) = file {
            return from_file(file);
        }
        if self.terminal() {
            return prompt_secret(&format!("Passphrase of {name}: "));
        }
        line("the passphrase of a key is needed and standard input has none").map_err(|failure| {
            failure
                .next("use --key-passphrase-file FILE, or write the passphrase to standard input")
        })
    }

    /// A passphrase for the key of somebody who joins the staff, from a file if one is named.
    pub(crate) fn new_staff(&self, name: &str, file: Option<&Path>) -> Result<Passphrase, Failure> {
        let passphrase = match file {
            Some(file) => from_file(file)?,
            None if self.terminal() => {
                prompt_secret(&format!("New passphrase of {}: ", printable(name)))?
            }
            None => line("a new passphrase is needed and standard input has none").map_err(
                |failure| {
                    failure.next("use --new-passphrase-file FILE, or write it to standard input")
                },
            )?,
        };
        self.chosen(passphrase, file.is_some(), "--plain-key leaves the key unencrypted")
    }

    /// A passphrase for new keys: on a terminal it is asked for twice.
    pub(crate) fn new_passphrase(&self) -> Result<Passphrase, Failure> {
        let passphrase = self.passphrase("the new keys")?;
        let read = self.passphrase_file.is_some() || credential().is_some();
        self.chosen(passphrase, read, "--plain-keys leaves the keys unencrypted")
    }

    /// What is typed and not read from a file is typed twice, and an empty one protects nothing.
    fn chosen(
        &self,
        passphrase: Passphrase,
        read: bool,
        without: &str,
    ) -> Result<Passphrase, Failure> {
        if passphrase.is_empty() {
            return Err(Failure::new(
                FailureKind::Usage,
                "empty-passphrase",
                "the passphrase is empty",
            )
            .next(format!("give one; {without}")));
        }
        if !read && self.terminal() {
            let again = prompt_secret("The same again: ")?;
            if again != passphrase {
                return Err(Failure::new(
                    FailureKind::Usage,
                    "passphrases-differ",
                    "the two passphrases differ",
                )
                .next("run the command again"));
            }
        }
        Ok(passphrase)
    }

    /// One line that a person types: digits that somebody reads aloud, a ticket.
    pub(crate) fn typed(&self, question: &str) -> Result<String, Failure> {
        if self.terminal() {
            write!(io::stderr(), "{question} ").map_err(|error| unread(&error))?;
            io::stderr().flush().map_err(|error| unread(&error))?;
        }
        line("an answer is needed and standard input has none").map(|line| line.trim().to_owned())
    }

    /// Another line of what was pasted. `None`: there is none, or it is empty.
    pub(crate) fn more(&self, hint: &str) -> Result<Option<Passphrase>, Failure> {
        if self.terminal() {
            write!(io::stderr(), "{hint} ").map_err(|error| unread(&error))?;
            io::stderr().flush().map_err(|error| unread(&error))?;
        }
        Ok(next_line()?.filter(|line| !line.trim().is_empty()))
    }

    /// A yes: `--yes`, or typed on a terminal. Where nobody can be asked, `--yes` must be there.
    pub(crate) fn confirmed(&self, yes: bool, question: &str) -> Result<(), Failure> {
        if yes || self.yes {
            return Ok(());
        }
        if !self.terminal() {
            let message = format!("nobody is there to answer: {question}");
            return Err(Failure::new(FailureKind::Usage, "not-confirmed", message)
                .next("run the command again with --yes"));
        }
        let answer = self.typed(&format!("{question} [y/N]"))?;
        if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") {
            return Ok(());
        }
        Err(Failure::new(FailureKind::Negative, "not-confirmed", "nothing was done"))
    }
}

/// What systemd hands to a service as the credential `passphrase`.
fn credential() -> Option<PathBuf> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY")?;
    Some(PathBuf::from(folder).join("passphrase")).filter(|file| file.exists())
}

/// The first line of a file that nobody else may read, or of standard input for `-`.
fn from_file(path: &Path) -> Result<Passphrase, Failure> {
    if path == Path::new("-") {
        return line("standard input has no passphrase");
    }
    let shown = path.display();
    let unreadable = |error: io::Error| {
        let message = format!("the passphrase file `{shown}` cannot be read: {error}");
        Failure::new(FailureKind::NoInput, "passphrase-file", message)
            .next("name a file that is there, and that only this user may read")
    };
    let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode();
    // systemd gives a service its credentials through an access list, which shows in the group's bits.
    let credential =
        std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|dir| path.starts_with(dir));
    if mode & 0o077 != 0 && !credential {
        let message =
            format!("the passphrase file `{shown}` is open to others (mode {:04o})", mode & 0o7777);
        return Err(Failure::new(FailureKind::NotPermitted, "passphrase-file-open", message)
            .next(format!("chmod 600 {shown}")));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?);
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn prompt_secret(question: &str) -> Result<Passphrase, Failure> {
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(|error| unread(&error))
}

/// One line of standard input. Its buffer is shared, so that several questions read several lines.
fn line(missing: &str) -> Result<Passphrase, Failure> {
    next_line()?.ok_or_else(|| Failure::new(FailureKind::NoInput, "no-answer", missing))
}

/// `None`: it has ended.
fn next_line() -> Result<Option<Passphrase>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = io::stdin().lock().read_line(&mut text).map_err(|error| unread(&error))?;
    let line = || Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
    Ok((read > 0).then(line))
}

fn unread(error: &io::Error) -> Failure {
    Failure::new(FailureKind::Io, "standard-input", format!("the answer cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_file_is_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        std::fs::write(&path, "correct horse\nsecond line\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = from_file(&path).unwrap_err();
        assert_eq!(refused.code, "passphrase-file-open");
        assert!(refused.next.unwrap().starts_with("chmod 600 "));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(from_file(&path).unwrap().as_str(), "correct horse");
        assert_eq!(from_file(&folder.path().join("none")).unwrap_err().code, "passphrase-file");
    }

    #[test]
    fn without_a_person_yes_must_be_said() {
        let asker = Asker::new(None, true, false);
        assert!(asker.confirmed(true, "Withdraw KR-26-0001?").is_ok());
        assert_eq!(
            asker.confirmed(false, "Withdraw KR-26-0001?").unwrap_err().kind.exit_code(),
            64
        );
    }
}
