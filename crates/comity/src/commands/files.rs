//! Files that left of records, in people's words: who reads them, and what they take on.

use std::io::{self, Write};

use comity_node::api::{FileLine, TermsLine};

use super::audit::people;
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

pub(super) const HEAD: [&str; 5] = ["a file for", "left", "parts", "by", "on these terms"];

/// Who reads a file.
pub(super) fn whom(readers: &str) -> &str {
    match readers {
        "own" => "our own people",
        "constituents" => "the constituents",
        "public" => "the public",
        other => other,
    }
}

/// What whoever has it takes on.
pub(super) fn terms(terms: &TermsLine) -> String {
    let onward = match terms.onward.as_str() {
        "within marking" => "passed on as far as its marking goes".to_owned(),
        "ask" => "passed on only if its origin says yes".to_owned(),
        "none" => "not passed on".to_owned(),
        other => printable(other),
    };
    let kept = terms.retention_days.map(|days| format!("kept {days} days at most"));
    let purposes = (!terms.purposes.is_empty())
        .then(|| format!("used only for {}", printable(&terms.purposes.join(", "))));
    [Some(onward), kept, purposes].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

pub(super) fn row(line: &FileLine, zones: &Zones) -> [String; 5] {
    let by = if line.by.is_empty() { "-".to_owned() } else { line.by.clone() };
    let (left, parts) = (zones.written(&line.at), people(&line.sections));
    [whom(&line.readers).to_owned(), left, parts, by, terms(&line.terms)]
}

/// The files that left of one record.
pub(super) fn write(files: &[FileLine], zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&HEAD);
    for line in files {
        table.row(row(line, zones));
    }
    table.write(out)
}

/// Who has a file of what is taken back: nobody but people can tell them.
pub(super) fn write_to_tell(
    files: &[FileLine],
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    for line in files {
        let (whom, at) = (whom(&line.readers), zones.written(&line.at));
        let by = if line.by.is_empty() { String::new() } else { format!(", by {}", line.by) };
        writeln!(
            out,
            "a file of {} went to {whom}, at {at}{}: comity cannot take it back; tell them",
            line.reference,
            printable(&by)
        )?;
    }
    Ok(())
}
