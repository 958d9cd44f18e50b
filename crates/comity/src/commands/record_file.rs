//! `comity show --out`: a record as a file that verifies offline.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_admin::{Failure, FailureKind};
use comity_node::api::{LeftOut, RecordFile, RecordFileRequest};
use comity_node::shell_word::word;
use serde::Serialize;

use crate::backend::Session;
use crate::folder;
use crate::screen::format::counted;
use crate::screen::printable;

/// A file that was made.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    reference: String,
    path: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    readers: Option<String>,
    parts: u64,
    left_out: Vec<LeftOut>,
}

/// Asks for the file, and makes it where nothing lies yet.
pub(super) fn write(
    session: &Session,
    record: &str,
    readers: Option<&str>,
    path: &Path,
) -> Result<Written, Failure> {
    let readers = readers.map(str::to_owned);
    let asked = RecordFileRequest { record: record.to_owned(), readers: readers.clone() };
    let RecordFile { reference, file, parts, left_out } = session.call("/record-file", &asked)?;
    let bytes = STANDARD.decode(file).map_err(|error| {
        let message = format!("the node answered with a file that is no base 64: {error}");
        Failure::new(FailureKind::Internal, "record-file", message)
    })?;
    folder::write_private(path, &bytes)?;
    Ok(Written { reference, path: path.to_owned(), readers, parts, left_out })
}

impl Written {
    pub(super) fn say(&self, comity: &str, out: &mut dyn Write) -> io::Result<()> {
        let Self { reference, path, readers, parts, left_out } = self;
        let shown = path.display().to_string();
        let parts = counted(*parts, "part", "parts");
        writeln!(
            out,
            "\nWritten to {shown}, with {parts}. Anybody verifies it: comity verify {}",
            word(&shown)
        )?;
        for one in left_out {
            writeln!(out, "  without {}: {}", one.section, printable(&one.why))?;
        }
        let about = format!("{comity} explain {reference}");
        match readers {
            Some(readers) => writeln!(out, "It is for {readers}: {about} --to {readers}"),
            None => writeln!(out, "It is for you; whom else its marking lets have it: {about}"),
        }
    }
}
