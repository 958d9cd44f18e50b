//! `comity audit export` and `comity audit verify`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use comity_admin::{Failure, FailureKind, ask};
use comity_core::Timestamp;
use comity_core::keyring::Role;
use comity_node::api::{BooksLine, BooksVerified, ExportLine, ExportRequest, KeyringFile};
use comity_node::audit_export::{self, Fault, Verified, Witnessed};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::keyring_file;
use crate::backend::{Keys, Session};
use crate::cli::{AuditExport, AuditVerify};
use crate::commands::Context;
use crate::folder;
use crate::screen::format::{count, counted};
use crate::screen::printable;
use crate::screen::times::{Place, Zones};

/// Bytes of a line at most.
const LINE_BYTES: u64 = 64 << 20;

/// What was written.
#[derive(Serialize)]
struct Exported {
    file: String,
    lines: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    keyring: Option<String>,
}

pub(super) fn export(asked: &AuditExport, context: &mut Context<'_>) -> Result<(), Failure> {
    // What is there stays: it is said before anything is read.
    for path in [Some(&asked.out), asked.keyring.as_ref()].into_iter().flatten() {
        if path.exists() {
            let message = format!("`{}` is there already", path.display());
            return Err(Failure::new(FailureKind::CannotCreate, "cannot-create", message)
                .next("name another file"));
        }
    }
    // The file is signed.
    let (session, _) = context.session(Keys::Signing)?;
    let request = ExportRequest {
        since: asked.since.map(Timestamp::precise),
        until: asked.until.map(Timestamp::precise),
        partner: asked.partner.clone(),
        titles: asked.titles,
    };
    let out = &asked.out;
    let lines = write_file(out, &session, &request, context).inspect_err(|failure| {
        // Half of a file is of no use to anybody. One that was there before is not ours.
        if failure.code != "cannot-create" {
            fs::remove_file(out).ok();
        }
    })?;
    let keyring = match &asked.keyring {
        Some(path) => {
            let own = ask::Named { name: String::new() };
            let own: KeyringFile = session.call("/keyring", &own)?;
            folder::write_private(path, format!("{}\n", own.keyring).as_bytes())?;
            Some(path.display().to_string())
        }
        None => None,
    };
    let exported = Exported { file: out.display().to_string(), lines, keyring };
    let comity = context.comity();
    context.screen.answer(&exported, |screen| {
        let events = exported.lines.saturating_sub(2);
        let (file, events) = (&exported.file, counted(events, "event", "events"));
        writeln!(screen, "Written to {file}: {events}, signed.")?;
        match &exported.keyring {
            Some(keyring) => writeln!(
                screen,
                "Whoever has it verifies it: comity audit verify --file {file} --keyring {keyring}"
            ),
            None => writeln!(
                screen,
                "Your partners verify it, and so do you: {comity} audit verify --file {file}"
            ),
        }
    })
}

/// Writes the lines as they come.
fn write_file(
    path: &Path,
    session: &Session,
    request: &ExportRequest,
    context: &mut Context<'_>,
) -> Result<u64, Failure> {
    let cannot = |error: io::Error| {
        let message = format!("`{}` cannot be made: {error}", path.display());
        Failure::new(FailureKind::CannotCreate, "cannot-create", message)
            .next("name another file with --out")
    };
    let mut lines = session.lines("/audit-export", request)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = BufWriter::new(file.map_err(cannot)?);
    let unwritten = |error: io::Error| {
        let message = format!("`{}` cannot be written: {error}", path.display());
        Failure::new(FailureKind::Io, "unwritten", message)
    };
    let (mut written, mut bar) = (0_u64, None);
    loop {
        match session.next::<ExportLine>(&mut lines)? {
            Some(ExportLine::Line(line)) => {
                file.write_all(line.as_bytes()).map_err(unwritten)?;
                file.write_all(b"\n").map_err(unwritten)?;
                written = written.saturating_add(1);
            }
            Some(ExportLine::Progress { done, total }) => {
                let bar = bar
                    .get_or_insert_with(|| context.screen.progress("journal entries", Some(total)));
                bar.at(done);
            }
            Some(ExportLine::Done) => break,
            None => return Err(interrupted()),
        }
    }
    let file = file.into_inner().map_err(|error| unwritten(error.into_error()))?;
    file.sync_all().map_err(unwritten)?;
    Ok(written)
}

fn interrupted() -> Failure {
    let message = "the node stopped before it had read everything";
    Failure::new(FailureKind::TryAgain, "interrupted", message).next("comity status")
}

pub(super) fn verify(asked: &AuditVerify, context: &mut Context<'_>) -> Result<(), Failure> {
    match &asked.file {
        Some(file) => file_of(file, asked, context),
        None => books(context),
    }
}

fn books(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Reading)?;
    let mut lines = session.lines("/audit-verify", &())?;
    let mut bar = None;
    let found = loop {
        match session.next::<BooksLine>(&mut lines)? {
            Some(BooksLine::Progress { done, total }) => {
                let bar = bar
                    .get_or_insert_with(|| context.screen.progress("journal entries", Some(total)));
                bar.at(done);
            }
            Some(BooksLine::Done(found)) => break *found,
            None => return Err(interrupted()),
        }
    };
    drop(bar);
    let people = |out: &mut dyn Write| write_books(&found, out);
    if found.faulty == 0 {
        return context.screen.answer(&found, people);
    }
    let damaged =
        Failure::new(FailureKind::Data, "books-damaged", "the books are not what was written")
            .next(format!("{} store verify", context.comity()));
    context.screen.refuse(&found, &damaged, people)
}

fn write_books(found: &BooksVerified, out: &mut dyn Write) -> io::Result<()> {
    if found.faulty == 0 {
        writeln!(out, "The books are what was written.")?;
    } else {
        writeln!(out, "The books are NOT what was written.")?;
    }
    let entries = counted(found.entries, "entry", "entries");
    writeln!(out, "  journal   {entries} in one chain, head {}", found.chain)?;
    writeln!(out, "  records   {}, each signed by its author", count(found.records))?;
    let receipts = count(found.receipts);
    writeln!(out, "  receipts  {receipts}, each signed by its partner, over this ledger")?;
    for fault in &found.faults {
        writeln!(out, "  entry {}: {}", fault.entry, printable(&fault.what))?;
    }
    let more = found.faulty.saturating_sub(found.faults.len() as u64);
    if more > 0 { writeln!(out, "  and {} more", count(more)) } else { Ok(()) }
}

/// An exported file that is what its economy wrote.
#[derive(Serialize)]
struct VerifiedFile {
    file: String,
    #[serde(flatten)]
    verified: Verified,
    /// What this node calls the economy, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Whether the last receipt's key is one of that partner's, by its keyring here.
    witness_checked: bool,
}

fn file_of(path: &Path, asked: &AuditVerify, context: &mut Context<'_>) -> Result<(), Failure> {
    let unreadable = |error: io::Error| folder::unreadable(path, &error);
    let shown = path.display().to_string();
    let open = || File::open(path).map(BufReader::new).map_err(unreadable);
    let first = lines(open()?).next().transpose().map_err(unreadable)?.unwrap_or_default();
    let economy = audit_export::economy(&first).map_err(|fault| refused(&shown, &fault))?;
    let (keyring, zones, session) = match &asked.keyring {
        Some(keyring) => {
            (keyring_file::read(keyring)?, Zones::ours(Place::new(TimeZone::UTC, None)), None)
        }
        None => {
            let (session, zones) = context.session(Keys::Reading)?;
            let name = asked.from.clone().unwrap_or_else(|| economy.to_string());
            let found: Result<KeyringFile, Failure> =
                session.call("/keyring", &ask::Named { name });
            let found = found.map_err(|failure| match failure.code.as_str() {
                "no-partner" if asked.from.is_none() => unknown(&economy.to_string()),
                _ => failure,
            })?;
            (keyring_file::decoded(&found.keyring, "the node")?, zones, Some(session))
        }
    };
    let verified = audit_export::verify(lines(open()?), &keyring);
    let verified = verified.map_err(|fault| refused(&shown, &fault))?;
    let name = asked.from.clone();
    let witness_checked = match (&session, &verified.witnessed) {
        (Some(session), Some(witnessed)) => is_theirs(session, witnessed),
        (None, _) | (_, None) => false,
    };
    let answer = VerifiedFile { file: shown, verified, name, witness_checked };
    context.screen.answer(&answer, |out| write_verified(&answer, &zones, out))
}

/// Whether a receipt's key is one that the partner's keyring, as it is here, grants for its links.
fn is_theirs(session: &Session, witnessed: &Witnessed) -> bool {
    let asked = ask::Named { name: witnessed.partner_id.clone() };
    // Of whom this node does not know, nothing is checked.
    let Ok(found) = session.call::<_, KeyringFile>("/keyring", &asked) else { return false };
    let Ok(keyring) = keyring_file::decoded(&found.keyring, "the node") else { return false };
    let (Ok(key), Ok(at)) = (witnessed.key.parse(), witnessed.at.parse()) else { return false };
    keyring.economy().to_string() == witnessed.partner_id && keyring.is_granted(key, Role::Link, at)
}

/// The lines without their ends, byte for byte; none is longer than one that is written.
fn lines(mut source: impl io::BufRead) -> impl Iterator<Item = io::Result<String>> {
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let mut bounded = io::Read::take(&mut source, LINE_BYTES);
        match bounded.read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(error)),
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        let text = String::from_utf8(line);
        Some(text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)))
    })
}

fn write_verified(answer: &VerifiedFile, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let head = &answer.verified.head;
    let events = counted(answer.verified.events, "event", "events");
    let file = printable(&answer.file);
    let named = answer.name.as_deref().unwrap_or(&head.code);
    writeln!(out, "{file}: {events}, signed by {}", printable(named))?;
    writeln!(out, "  economy  {}", printable(&head.economy))?;
    writeln!(out, "  written  {}", zones.written(&head.written))?;
    let time = |at: &Option<String>| at.as_deref().map(|at| zones.written(at));
    match (time(&head.since), time(&head.until)) {
        (None, None) => {}
        (since, until) => {
            let since = since.unwrap_or_else(|| "the beginning".to_owned());
            let until = until.unwrap_or_else(|| "when it was written".to_owned());
            writeln!(out, "  range    from {since} to {until}")?;
        }
    }
    if let Some(partner) = &head.partner {
        writeln!(out, "  only     what concerns {}", printable(partner))?;
    }
    let signed = &answer.verified.signed;
    writeln!(
        out,
        "  key      {}, of the node's links, granted from {} to {}",
        printable(&signed.key),
        zones.written(&signed.from),
        zones.written(&signed.until)
    )?;
    match &answer.verified.witnessed {
        Some(seen) => writeln!(
            out,
            "  not before {}, by a receipt with {}",
            zones.written(&seen.at),
            match answer.witness_checked {
                true => format!("the key of {}", printable(&seen.partner)),
                false => format!(
                    "a key that the file calls {}'s ({}), not checked here",
                    printable(&seen.partner),
                    printable(&seen.key)
                ),
            }
        )?,
        None => {
            writeln!(out, "  no partner's receipt in it says when it was written at the earliest")?
        }
    }
    if let Some(ahead) = &head.ahead {
        writeln!(
            out,
            "  ahead    lines are dated up to {}, after it was written: a clock was wrong, or the file is dated back",
            zones.written(ahead)
        )?;
    }
    let entries = counted(head.entries, "entry", "entries");
    writeln!(out, "  journal  {entries}, head {}", printable(&head.chain))
}

fn unknown(economy: &str) -> Failure {
    let message = format!("the file is of {economy}, which is no partner of this node");
    Failure::new(FailureKind::NoInput, "no-keyring", message)
        .next("ask them for their keyring, and name it: --keyring FILE")
}

fn refused(file: &str, fault: &Fault) -> Failure {
    let message = format!("`{file}`, line {}: {}", fault.line, fault.what);
    Failure::new(FailureKind::Data, fault.code, message)
        .next("ask for the file again from whoever sent it")
}
