//! What is printed. stdout is data: a screen for people, or one versioned object for programs. stderr is talk.

mod ask;
pub(crate) mod format;
mod progress;
mod table;
pub(crate) mod times;

use std::cell::OnceCell;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use comity_admin::{Failure, FailureKind};
use serde::Serialize;

pub(crate) use ask::{Asker, Passphrase as Typed};
pub(crate) use progress::Progress;
pub(crate) use table::{Table, printable, printable_lines};

/// The version of the envelope around every answer in JSON.
const ENVELOPE: u8 = 1;
/// The reader of our answer has gone away: nobody is left to be told.
const READER_GONE: &str = "reader-gone";

/// The answer that was given means no, and nothing is left to say.
const ANSWERED: &str = "answered";

/// What a command ends with whose answer has been printed, and is no.
pub(crate) fn the_answer_is_no() -> Failure {
    Failure::new(FailureKind::Negative, ANSWERED, "the answer is no")
}

/// Around every answer in JSON: `{"comity": 1, "ok": true, "data": ...}`.
#[derive(Serialize)]
struct Answer<'a, T> {
    comity: u8,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<&'a Damage>,
    data: &'a T,
}

/// What is wrong with the journal that an answer was read from: what came later is not in it.
#[derive(Debug, Serialize)]
pub(crate) struct Damage {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Entries that were read.
    pub(crate) entries: u64,
    pub(crate) next: String,
}

/// Around every refusal in JSON: `{"comity": 1, "ok": false, "error": {...}}`.
#[derive(Serialize)]
struct Refusal<'a> {
    comity: u8,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<&'a Damage>,
    error: Reason<'a>,
}

/// The same with what was found: `{"comity": 1, "ok": false, "error": {...}, "data": ...}`.
#[derive(Serialize)]
struct Found<'a, T> {
    #[serde(flatten)]
    refusal: Refusal<'a>,
    data: &'a T,
}

#[derive(Serialize)]
struct Reason<'a> {
    code: &'a str,
    message: &'a str,
    next: Option<&'a str>,
}

/// Where answers go.
#[derive(Debug)]
pub(crate) struct Screen {
    json: bool,
    damage: OnceCell<Damage>,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, damage: OnceCell::new() }
    }

    /// Whatever is answered from here on was read from a damaged journal: people are told at once, and
    /// programs with each answer.
    pub(crate) fn damaged(&self, damage: Damage) {
        let Damage { message, entries, next, .. } = &damage;
        self.warn(format_args!(
            "the journal is damaged: {message}\n  what follows is from the {} that can be read; what came later, such as a withdrawal, is not in it\n  next: {next}",
            format::counted(*entries, "entry", "entries")
        ));
        // Of one journal, once.
        self.damage.set(damage).ok();
    }

    /// Whether a program reads the answer.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The answer: `data` for programs, what `people` writes for people. `NO_COLOR` and pipes are heeded.
    pub(crate) fn answer<T: Serialize>(
        &mut self,
        data: &T,
        people: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let written = if self.json {
            write_json(&Answer { comity: ENVELOPE, ok: true, damage: self.damage.get(), data })
        } else {
            let mut out = anstream::stdout().lock();
            people(&mut out).and_then(|()| out.flush())
        };
        written.map_err(|error| unwritten(&error))
    }

    /// Talk for people on stderr; programs are not talked to.
    pub(crate) fn say(&self, text: impl std::fmt::Display) {
        if !self.json {
            writeln!(anstream::stderr(), "{text}").ok();
        }
    }

    /// What whoever reads the answer must not miss, on stderr; in JSON as well, where the answer is on stdout.
    pub(crate) fn warn(&self, text: impl std::fmt::Display) {
        writeln!(anstream::stderr(), "{text}").ok();
    }

    /// A screen that a person looks at before answering a question: talk, like the question itself.
    pub(crate) fn show(
        &self,
        people: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        let mut err = anstream::stderr().lock();
        people(&mut err).map_err(|error| unwritten(&error))
    }

    /// What was found is a refusal by itself: the answer says so, and the command ends with it.
    pub(crate) fn refuse<T: Serialize>(
        &mut self,
        data: &T,
        failure: &Failure,
        people: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        if self.json {
            let refusal = self.refusal(failure);
            write_json(&Found { refusal, data }).map_err(|error| unwritten(&error))?;
        } else {
            self.answer(data, people)?;
        }
        Err(Failure::new(failure.kind, ANSWERED, &failure.message))
    }

    /// A bar on stderr, where somebody watches.
    pub(crate) fn progress(&self, what: &'static str, total: Option<u64>) -> Progress {
        Progress::new(what, total, !self.json && io::stderr().is_terminal())
    }

    /// Says what is wrong, why, and the next command; the exit code follows from its kind.
    pub(crate) fn failed(&mut self, failure: &Failure) -> ExitCode {
        if failure.code == READER_GONE {
            return ExitCode::SUCCESS;
        }
        if failure.code == ANSWERED {
            return ExitCode::from(failure.kind.exit_code());
        }
        if self.json {
            write_json(&self.refusal(failure)).ok();
        } else {
            write_failure(failure, &mut anstream::stderr().lock()).ok();
        }
        ExitCode::from(failure.kind.exit_code())
    }

    fn refusal<'a>(&'a self, failure: &'a Failure) -> Refusal<'a> {
        let Failure { code, message, next, .. } = failure;
        let error = Reason { code, message, next: next.as_deref() };
        Refusal { comity: ENVELOPE, ok: false, damage: self.damage.get(), error }
    }
}

/// What failed may be told in the words of a partner or of a file.
fn write_failure(failure: &Failure, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\x1b[1;31mcomity:\x1b[0m {}", printable_lines(&failure.message))?;
    match &failure.next {
        Some(next) => writeln!(out, "\x1b[1mnext:\x1b[0m   {}", printable_lines(next)),
        None => Ok(()),
    }
}

fn write_json(envelope: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, envelope)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn unwritten(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::new(FailureKind::Io, READER_GONE, error);
    }
    Failure::new(FailureKind::Io, "output", format!("the answer cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_cannot_steer_the_terminal() {
        let failure = Failure::new(FailureKind::Data, "x", "line 1\n`\x1b]0;owned\x07`")
            .next("comity partner confirm \u{202e}PJ");
        let mut out = Vec::new();
        write_failure(&failure, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\x1b[1;31mcomity:\x1b[0m line 1\n`\u{fffd}]0;owned\u{fffd}`\n\
             \x1b[1mnext:\x1b[0m   comity partner confirm \u{fffd}PJ\n"
        );
    }
}
