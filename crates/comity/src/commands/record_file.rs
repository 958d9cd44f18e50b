//! `comity show --out`: a record as a file that verifies offline.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_admin::{Failure, FailureKind};
use comity_node::api::{LeftOut, RecordFile, RecordFileRequest, TermsLine};
use comity_node::shell_word::word;
use serde::Serialize;

use super::files;
use crate::backend::Session;
use crate::folder::Reserved;
use crate::screen::format::counted;
use crate::screen::printable;

/// What the name of the file with the terms ends in, after that of the record's.
const TERMS: &str = ".terms";

/// A file that was made.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    reference: String,
    path: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    readers: Option<String>,
    parts: u64,
    left_out: Vec<LeftOut>,
    /// When it left, as the books have it.
    at: String,
    terms: TermsLine,
    /// The file that has the terms.
    terms_path: PathBuf,
}

/// Asks for the file, and makes it where nothing lies yet; and what its readers take on, beside it.
pub(super) fn write(
    session: &Session,
    asked: RecordFileRequest,
    path: &Path,
) -> Result<Written, Failure> {
    let mut terms_path = path.as_os_str().to_owned();
    terms_path.push(TERMS);
    let terms_path = PathBuf::from(terms_path);
    // What is answered is in the books as having left: what cannot be made is not asked for.
    let mut terms_place = Reserved::make(&terms_path)?;
    let mut place = Reserved::make(path)?;
    let answer: RecordFile = session.call("/record-file", &asked)?;
    let RecordFile { reference, file, parts, at, terms, terms_file, left_out } = answer;
    let bytes = STANDARD.decode(file).map_err(|error| {
        let message = format!("the node answered with a file that is no base 64: {error}");
        Failure::new(FailureKind::Internal, "record-file", message)
    })?;
    // A file whose terms could not be written is worse than terms without a file.
    terms_place.fill(terms_file.as_bytes())?;
    place.fill(&bytes).inspect_err(|_| terms_place.give_up())?;
    let (path, readers) = (path.to_owned(), asked.readers);
    Ok(Written { reference, path, readers, parts, left_out, at, terms, terms_path })
}

impl Written {
    pub(super) fn say(&self, comity: &str, out: &mut dyn Write) -> io::Result<()> {
        let Self { reference, path, readers, parts, left_out, terms, terms_path, .. } = self;
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
            Some(readers) => writeln!(out, "It is for {readers}: {about} --to {readers}")?,
            None => writeln!(out, "It is for you; whom else its marking lets have it: {about}")?,
        }
        writeln!(out, "Whoever has it keeps to this, as {} says:", terms_path.display())?;
        writeln!(out, "  {}", files::terms(terms))?;
        writeln!(out, "That it left is in the books: {comity} audit who {reference}")
    }
}
