//! A record file: a CBOR sequence (RFC 8742) of the signed record and then any of its parts.

use std::io::{self, Write};

use bytes::Bytes;
use comity_admin::{Failure, FailureKind};
use comity_core::cbor::Reader;
use comity_core::record::{self, Part, RecordError, VerifiedRecord};
use serde::Serialize;

use crate::screen::Table;
use crate::screen::format::{counted, size};

/// A record whose author's signature holds, and the parts that belong to it.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    id: String,
    kind: String,
    origin: String,
    author: String,
    signed_at: String,
    tlp: String,
    addressed: bool,
    parts: Vec<PartLine>,
    /// Lines of the record for which the file has no part: withheld, or padding that looks the same.
    absent: usize,
}

#[derive(Debug, Serialize)]
struct PartLine {
    digest: String,
    section: String,
    tlp: String,
    bytes: usize,
}

pub(super) fn verify(file: &str, bytes: Bytes) -> Result<Record, Failure> {
    let mut items =
        split(&bytes).map_err(|error| refused(file, "what lies there", &error))?.into_iter();
    let signed = items.next().unwrap_or_default();
    let record = record::parse(&signed)
        .and_then(record::UnverifiedRecord::verify)
        .map_err(|error| refused(file, "the record", &error))?;
    let parts = items
        .enumerate()
        .map(|(index, bytes)| {
            let what = format!("part {} of the file", index + 1);
            record.check_part(bytes).map_err(|error| refused(file, &what, &error))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Record::new(&record, &parts))
}

/// The items of the sequence. Each is read strictly again as what it claims to be.
fn split(bytes: &Bytes) -> Result<Vec<Bytes>, RecordError> {
    let mut items = Vec::new();
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        let length = Reader::new(&rest).skip()?.len();
        items.push(rest.split_to(length));
    }
    Ok(items)
}

fn refused(file: &str, what: &str, error: &RecordError) -> Failure {
    let message = format!("`{file}`: {what} does not verify: {error}");
    let too_old = matches!(
        error,
        RecordError::UnsupportedForm(_)
            | RecordError::UnsupportedVersion(_)
            | RecordError::UnsupportedAlgorithm(_)
    );
    let next = if too_old {
        // Nothing is known against the file: it is this program that cannot tell.
        "this program is too old for the file: verify it with a newer comity"
    } else {
        "ask for the record again, from its origin if you can; do not use this file"
    };
    Failure::new(FailureKind::Data, error.code(), message).next(next)
}

impl Record {
    fn new(record: &VerifiedRecord, parts: &[Part]) -> Self {
        let manifest = record.manifest();
        let lines = parts
            .iter()
            .map(|part| PartLine {
                digest: part.digest.to_string(),
                section: part.header.section.to_string(),
                tlp: part.header.marking.as_ref().unwrap_or(&manifest.floor).tlp.to_string(),
                bytes: part.bytes.len(),
            })
            .collect();
        Self {
            id: record.id().to_string(),
            kind: manifest.kind.to_string(),
            origin: manifest.origin.to_string(),
            author: manifest.author.to_string(),
            signed_at: manifest.signed_at.to_string(),
            tlp: manifest.floor.tlp.to_string(),
            addressed: manifest.addressed,
            absent: manifest.parts.len().saturating_sub(parts.len()),
            parts: lines,
        }
    }

    pub(super) fn write(&self, file: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{file}: verified")?;
        let addressed = if self.addressed { ", addressed" } else { "" };
        writeln!(
            out,
            "  {}, {} or stricter, signed {}{addressed}",
            self.kind, self.tlp, self.signed_at
        )?;
        writeln!(out, "  id      {}", self.id)?;
        writeln!(out, "  origin  {}", self.origin)?;
        writeln!(out, "  key     {}", self.author)?;
        if !self.parts.is_empty() {
            let mut table = Table::new(&["", "part", "marking", "size"]).numbers(3);
            for part in &self.parts {
                table.row(["", &part.section, &part.tlp, &size(part.bytes as u64)]);
            }
            table.write(out)?;
        }
        if self.absent > 0 {
            let lines = counted(self.absent as u64, "line has", "lines have");
            writeln!(out, "  {lines} no part in this file: withheld, or padding")?;
        }
        writeln!(out, "  Whether this key may speak for that economy, a node says that knows it.")
    }
}
