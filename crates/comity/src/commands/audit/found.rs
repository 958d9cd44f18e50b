//! `comity audit who --value`, `--case`, `--file`: who was told something, in whatever record it stood.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use comity_admin::{Failure, FailureKind, ask};
use comity_node::api::{
    AuditFound, AuditWho, FileDigest, FoundPart, SearchDone, SearchLine, SearchRequest,
};
use flate2::read::MultiGzDecoder;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::partner::table;
use super::{consented, html, told as besides};
use crate::backend::Keys;
use crate::commands::{Context, files};
use crate::screen::format::counted;
use crate::screen::printable;
use crate::screen::times::Zones;

/// Bytes of a file that are read at once.
const BUFFER: usize = 1 << 16;
/// Bytes of an unpacked file at most: no part is larger.
const UNPACKED: u64 = 64 << 20;

/// Every record that has it.
#[derive(Serialize)]
struct Found {
    found: Vec<AuditFound>,
    looked_at: SearchDone,
}

/// A page to write as well, and whether what it is about, and the records, are named on it.
pub(super) type Page<'a> = Option<(&'a Path, bool)>;

pub(super) fn by_value(
    value: String,
    page: Page<'_>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let what = format!("`{}`", printable(&value));
    search(&SearchRequest::Value(value), &what, page, context)
}

pub(super) fn by_case(
    case: String,
    page: Page<'_>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let what = format!("the case `{}`", printable(&case));
    search(&SearchRequest::Case(case), &what, page, context)
}

pub(super) fn by_file(
    path: &Path,
    page: Page<'_>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let unreadable = |error: io::Error| {
        let message = format!("cannot read `{}`: {error}", path.display());
        Failure::new(FailureKind::NoInput, "unreadable", message)
    };
    let open = || File::open(path).map_err(unreadable);
    let mut files = vec![digest(open()?).map_err(unreadable)?];
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz")) {
        let unpacked = MultiGzDecoder::new(io::BufReader::new(open()?)).take(UNPACKED);
        files.push(digest(unpacked).map_err(unreadable)?);
    }
    search(&SearchRequest::File(files), &format!("`{}`", path.display()), page, context)
}

fn digest(mut source: impl Read) -> io::Result<FileDigest> {
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0_u64, vec![0_u8; BUFFER]);
    loop {
        let read = source.read(&mut buffer)?;
        let Some(some) = buffer.get(..read).filter(|some| !some.is_empty()) else { break };
        hash.update(some);
        bytes = bytes.saturating_add(some.len() as u64);
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(FileDigest { bytes, sha256 })
}

fn search(
    request: &SearchRequest,
    what: &str,
    page: Page<'_>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let mut lines = session.lines("/audit-search", request)?;
    let (mut found, mut bar) = (Vec::new(), None);
    let looked_at = loop {
        match session.next::<SearchLine>(&mut lines)? {
            Some(SearchLine::Progress { done, total }) => {
                let bar =
                    bar.get_or_insert_with(|| context.screen.progress("records", Some(total)));
                bar.at(done);
            }
            Some(SearchLine::Found(one)) => found.push(*one),
            Some(SearchLine::Done(done)) => break done,
            None => {
                let message = "the node stopped before it had looked at everything";
                return Err(Failure::new(FailureKind::TryAgain, "interrupted", message)
                    .next("run the command again"));
            }
        }
    };
    drop(bar);
    let answer = Found { found, looked_at };
    if let Some((path, titles)) = page {
        let mut all = Vec::new();
        for one in &answer.found {
            let asked = ask::Record { record: one.record.record.clone() };
            all.push(session.call::<_, AuditWho>("/audit-who", &asked)?);
        }
        let named = if titles { what } else { "something (not named here)" };
        let written = html::pages(named, &told(&answer), &all, titles, &zones);
        super::write_page(path, written)?;
    }
    context.screen.answer(&answer, |out| {
        write(&answer, what, &zones, out)?;
        match page {
            Some((path, _)) => writeln!(out, "A page to print: {}", path.display()),
            None => Ok(()),
        }
    })
}

/// Everybody who was told, each once, and files.
fn told(answer: &Found) -> Vec<String> {
    let partners = answer.found.iter().flat_map(|one| &one.sent).map(|sent| &sent.partner);
    let others = answer.found.iter().flat_map(|one| &one.told_outside).map(|said| &said.whom);
    let files = answer.found.iter().flat_map(|one| &one.files);
    let files = files.map(|file| format!("{} (a file)", files::whom(&file.readers)));
    let told: BTreeSet<_> =
        partners.chain(others).map(|name| printable(name).to_string()).chain(files).collect();
    told.into_iter().collect()
}

fn write(answer: &Found, what: &str, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let SearchDone { records, hidden, unreadable, .. } = answer.looked_at;
    match answer.found.len() as u64 {
        0 if hidden > 0 => {
            let records = counted(records, "record", "records");
            writeln!(out, "{what} is in nothing that may be shown here of {records}.")?;
        }
        0 => writeln!(out, "{what} is in none of {}.", counted(records, "record", "records"))?,
        found => {
            let records = counted(records, "record", "records");
            writeln!(out, "{what} is in {found} of {records}.")?;
        }
    }
    for one in &answer.found {
        let record = &one.record;
        let (reference, title) = (&record.reference, printable(&record.title));
        writeln!(out, "\n{reference}  {title}  {}", record.tlp)?;
        let from = match record.source.as_str() {
            "own" => "our own".to_owned(),
            partner => format!("from {}", printable(partner)),
        };
        writeln!(out, "in {}; {from}", places(&one.parts))?;
        let besides = !one.told_outside.is_empty() || !one.files.is_empty();
        match (one.sent.is_empty(), !besides) {
            (true, true) => writeln!(out, "Nobody was told.")?,
            (true, false) => {}
            (false, _) => table(&one.sent, true, zones).write(out)?,
        }
        consented::write(&one.consented, zones, out)?;
        besides::write(&one.told_outside, zones, out)?;
        files::write(&one.files, zones, out)?;
    }
    if !answer.found.is_empty() {
        let told = told(answer);
        let told = if told.is_empty() { "nobody".to_owned() } else { told.join(", ") };
        writeln!(out, "\nTold: {told}.")?;
        let consented = answer.found.iter().flat_map(|one| &one.consented);
        let consented: BTreeSet<_> = consented.map(|one| printable(&one.to)).collect();
        if !consented.is_empty() {
            let consented: Vec<_> = consented.into_iter().collect();
            writeln!(out, "By our consent, from others: {}.", consented.join(", "))?;
        }
    }
    if hidden > 0 {
        let parts = counted(hidden, "part", "parts");
        writeln!(out, "{parts} may not be shown here, and were not looked at.")?;
    }
    if unreadable > 0 {
        let parts = counted(unreadable, "part", "parts");
        writeln!(out, "{parts} could not be read: comity store verify")?;
    }
    Ok(())
}

/// `indicators AMBER, victim RED`.
fn places(parts: &[FoundPart]) -> String {
    let places: Vec<_> =
        parts.iter().map(|part| format!("{} {}", part.section, part.tlp)).collect();
    places.join(", ")
}
