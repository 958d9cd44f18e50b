//! `comity verify`: offline, without a node, keys or a network.

mod audit_file;
mod certificate;
mod keyrings;
mod record_file;
mod vectors;

use std::io::{self, Read as _, Write};
use std::path::Path;

use comity_admin::{Failure, FailureKind};
use comity_core::limits;
use serde::Serialize;

use super::Context;
use crate::cli::Verify;
use crate::folder;
use audit_file::Audit;
use certificate::Erasure;
use keyrings::Known;
use record_file::Record;
use vectors::Vectors;

/// Bytes of a file: a record whose parts are many and large.
const FILE_BYTES: u64 = 16 * limits::PART_BYTES as u64;

/// What a file turned out to be.
#[derive(Debug, Serialize)]
struct Verified {
    file: String,
    #[serde(flatten)]
    content: Content,
}

#[derive(Debug, Serialize)]
#[serde(tag = "content", rename_all = "kebab-case")]
enum Content {
    Audit(Audit),
    Erasure(Erasure),
    Record(Record),
    Vectors(Vectors),
}

pub(super) fn run(verify: &Verify, context: &mut Context<'_>) -> Result<(), Failure> {
    let known = Known::at_hand(verify, context)?;
    let verified = verify.files.iter().map(|file| one(file, &known));
    let verified = verified.collect::<Result<Vec<_>, _>>()?;
    context.screen.answer(&verified, |out| verified.iter().try_for_each(|file| file.write(out)))
}

fn one(path: &Path, known: &Known<'_>) -> Result<Verified, Failure> {
    let file = path.display().to_string();
    let bytes = read(path)?;
    let content = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => Content::Vectors(vectors::verify(&file, &bytes)?),
        Some(b'{') if audit_file::is_audit(&bytes) => {
            Content::Audit(audit_file::verify(&file, &bytes, known)?)
        }
        Some(b'{') if certificate::is_certificate(&bytes) => {
            Content::Erasure(certificate::verify(&file, &bytes, known)?)
        }
        // A record begins with an array in CBOR, which no text does.
        Some(_) if bytes.first().is_none_or(|byte| byte >> 5 != 4) => {
            let message = format!("`{file}` is no record, no file of an audit and no vectors");
            return Err(Failure::new(FailureKind::Data, "unknown-file", message)
                .next("name a record, or what `audit who --out` wrote"));
        }
        Some(_) => Content::Record(record_file::verify(&file, bytes.into())?),
        None => {
            let message = format!("`{file}` is empty");
            return Err(Failure::new(FailureKind::Data, "empty-file", message)
                .next("ask for it again from whoever sent it"));
        }
    };
    Ok(Verified { file, content })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let unreadable = |error: io::Error| folder::unreadable(path, &error);
    let source: Box<dyn io::Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(unreadable)?)
    };
    let mut bytes = Vec::new();
    let read = source.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if read as u64 > FILE_BYTES {
        let message = format!("`{shown}` is larger than any record");
        return Err(Failure::new(FailureKind::Data, "too-large", message));
    }
    Ok(bytes)
}

impl Verified {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.content {
            Content::Audit(audit) => audit.write(&self.file, out),
            Content::Erasure(erasure) => erasure.write(&self.file, out),
            Content::Record(record) => record.write(&self.file, out),
            Content::Vectors(vectors) => vectors.write(&self.file, out),
        }
    }
}
