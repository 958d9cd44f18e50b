//! Conformance vectors: bytes, and what must be said of them.

use std::io::{self, Write};

use bytes::Bytes;
use comity_admin::{Failure, FailureKind};
use comity_core::KeyId;
use comity_core::consent::ConsentBody;
use comity_core::control::{AcknowledgementBody, AgreementBody, ApprovalBody, WithdrawalBody};
use comity_core::group::{GroupBody, RosterBody};
use comity_core::keyring::SignedHead;
use comity_core::record::{self, Part, RecordError};
use comity_core::sign::PublicKey;
use serde::{Deserialize, Serialize};

use crate::screen::format::counted;

/// Bytes that one vector may describe.
const VECTOR_BYTES: usize = 128 * 1024 * 1024;
/// Disagreements that a message names.
const NAMED: usize = 10;

/// Vectors that were all judged as expected.
#[derive(Debug, Serialize)]
pub(super) struct Vectors {
    vectors: usize,
    accepted: usize,
    refused: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    #[serde(rename = "about")]
    _about: String,
    of: Of,
    bytes: Hex,
    #[serde(default)]
    parts: Vec<PartVector>,
    expect: String,
    id: Option<String>,
    digest: Option<String>,
    unknown: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Of {
    Record,
    Part,
    Key,
    GroupBody,
    RosterBody,
    ConsentBody,
    WithdrawalBody,
    AcknowledgementBody,
    ApprovalBody,
    AgreementBody,
    Head,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartVector {
    bytes: Hex,
    expect: String,
    digest: Option<String>,
    unknown: Option<bool>,
}

/// Hexadecimal, or pieces of it where a long run is described.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Hex {
    Text(String),
    Pieces(Vec<Piece>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Piece {
    Text(String),
    Run { repeat: String, times: usize },
}

/// What is said of bytes: `ok` or an error's code, and what they then are.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    verdict: String,
    name: Option<String>,
    unknown: Option<bool>,
}

pub(super) fn verify(file: &str, json: &[u8]) -> Result<Vectors, Failure> {
    let vectors: Vec<Vector> = serde_json::from_slice(json).map_err(|error| {
        let message = format!("`{file}` is no list of vectors: {error}");
        Failure::new(FailureKind::Data, "no-vectors", message)
    })?;
    let mut wrong = Vec::new();
    for vector in &vectors {
        let name = &vector.name;
        match vector.disagreements() {
            Some(found) => wrong.extend(found.into_iter().map(|what| format!("{name}: {what}"))),
            None => wrong.push(format!("{name}: its bytes are not hexadecimal")),
        }
    }
    if !wrong.is_empty() {
        let named = wrong.iter().take(NAMED).map(|line| format!("\n  {line}")).collect::<String>();
        let many = counted(wrong.len() as u64, "vector is", "vectors are");
        let message = format!("{many} not judged as `{file}` expects:{named}");
        return Err(Failure::new(FailureKind::Data, "vectors-disagree", message));
    }
    let accepted = vectors.iter().filter(|vector| vector.expect == "ok").count();
    Ok(Vectors { vectors: vectors.len(), accepted, refused: vectors.len() - accepted })
}

impl Vectors {
    pub(super) fn write(&self, file: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{file}: {} as expected ({} accepted, {} refused)",
            counted(self.vectors as u64, "vector", "vectors"),
            self.accepted,
            self.refused
        )
    }
}

impl Vector {
    /// Where the library says something else; `None` if the bytes cannot be read.
    fn disagreements(&self) -> Option<Vec<String>> {
        let bytes = self.bytes.read()?;
        let expected = self.id.as_ref().or(self.digest.as_ref());
        let mut found = Vec::new();
        let mut compare = |said: Said, verdict: &str, name: Option<&String>, unknown| {
            let expected = Said { verdict: verdict.to_owned(), name: name.cloned(), unknown };
            if said != expected {
                found.push(format!("{said:?}, expected {expected:?}"));
            }
        };
        match self.of {
            Of::Part => {
                compare(Said::of_part(Part::decode(bytes)), &self.expect, expected, self.unknown);
            }
            Of::Key => {
                let key = KeyId(<[u8; 32]>::try_from(bytes.as_ref()).ok()?);
                let verdict = PublicKey::from_id(key).map_or_else(|fault| fault.code(), |_| "ok");
                compare(Said::only(verdict), &self.expect, expected, self.unknown);
            }
            Of::GroupBody => {
                let read = GroupBody::decode(&bytes);
                let verdict = read.map_or_else(|fault| fault.problem.code(), |_| "ok");
                compare(Said::only(verdict), &self.expect, expected, self.unknown);
            }
            Of::ConsentBody => {
                let read = ConsentBody::decode(&bytes);
                let verdict = read.map_or_else(|fault| fault.problem.code(), |_| "ok");
                compare(Said::only(verdict), &self.expect, expected, self.unknown);
            }
            Of::RosterBody => {
                let read = RosterBody::decode(&bytes);
                let verdict = read.map_or_else(|fault| fault.problem.code(), |_| "ok");
                compare(Said::only(verdict), &self.expect, expected, self.unknown);
            }
            Of::ApprovalBody => {
                let read = ApprovalBody::decode(&bytes);
                let verdict = read.map_or_else(|fault| fault.problem.code(), |_| "ok");
                compare(Said::only(verdict), &self.expect, expected, self.unknown);
            }
            Of::AgreementBody => {
                let read = AgreementBody::decode(&bytes);
                let verdict = read.map_or_else(|fault| fault.problem.code(), |_| "ok");
                compare(Said::only(verdict), &self.expect, expected, self.unknown);
            }
            Of::Head => {
                let read = SignedHead::check(&bytes);
                let verdict = read.map_or_else(|fault| fault.code(), |_| "ok");
                compare(Said::only(verdict), &self.expect, expected, self.unknown);
            }
            Of::WithdrawalBody => {
                let read = WithdrawalBody::decode(&bytes);
                let verdict = read.map_or_else(|fault| fault.problem.code(), |_| "ok");
                compare(Said::only(verdict), &self.expect, expected, self.unknown);
            }
            Of::AcknowledgementBody => {
                let read = AcknowledgementBody::decode(&bytes);
                let verdict = read.map_or_else(|fault| fault.problem.code(), |_| "ok");
                compare(Said::only(verdict), &self.expect, expected, self.unknown);
            }
            Of::Record => match record::parse(&bytes).and_then(record::UnverifiedRecord::verify) {
                Err(error) => {
                    compare(Said::only(error.code()), &self.expect, expected, self.unknown);
                }
                Ok(record) => {
                    let said = Said {
                        verdict: "ok".to_owned(),
                        name: Some(record.id().to_string()),
                        unknown: Some(record.manifest().unknown),
                    };
                    compare(said, &self.expect, expected, self.unknown);
                    for part in &self.parts {
                        let said = Said::of_part(record.check_part(part.bytes.read()?));
                        compare(said, &part.expect, part.digest.as_ref(), part.unknown);
                    }
                }
            },
        }
        Some(found)
    }
}

impl Said {
    fn only(verdict: &str) -> Self {
        Self { verdict: verdict.to_owned(), name: None, unknown: None }
    }

    fn of_part(part: Result<Part, RecordError>) -> Self {
        match part {
            Err(error) => Self::only(error.code()),
            Ok(part) => Self {
                verdict: "ok".to_owned(),
                name: Some(part.digest.to_string()),
                unknown: Some(part.header.unknown),
            },
        }
    }
}

impl Hex {
    fn read(&self) -> Option<Bytes> {
        let mut bytes = Vec::new();
        match self {
            Self::Text(text) => append(&mut bytes, text, 1)?,
            Self::Pieces(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => append(&mut bytes, text, 1)?,
                        Piece::Run { repeat, times } => append(&mut bytes, repeat, *times)?,
                    }
                }
            }
        }
        Some(bytes.into())
    }
}

fn append(bytes: &mut Vec<u8>, text: &str, times: usize) -> Option<()> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let piece = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect::<Option<Vec<u8>>>()?;
    let length = piece.len().checked_mul(times)?.checked_add(bytes.len())?;
    if !odd.is_empty() || length > VECTOR_BYTES {
        return None;
    }
    bytes.extend(piece.repeat(times));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROZEN: &[u8] = include_bytes!("../../../../../tests/vectors/index.json");

    #[test]
    fn every_frozen_vector_is_judged_as_expected() {
        let vectors = verify("index.json", FROZEN).unwrap();
        assert!(vectors.refused >= 60 && vectors.accepted >= 20, "{vectors:?}");
    }

    #[test]
    fn a_vector_that_expects_something_else_is_named() {
        let text = String::from_utf8(FROZEN.to_vec()).unwrap();
        let turned = text.replacen("\"expect\":\"float\"", "\"expect\":\"ok\"", 1);
        let failure = verify("index.json", turned.as_bytes()).unwrap_err();
        assert_eq!(failure.code, "vectors-disagree");
        assert!(failure.message.contains("float"), "{failure}");
    }

    #[test]
    fn a_run_is_bounded() {
        let mut bytes = Vec::new();
        assert_eq!(append(&mut bytes, "0a", 3), Some(()));
        assert_eq!(bytes, [10, 10, 10]);
        assert_eq!(append(&mut bytes, "0a", usize::MAX), None);
        assert_eq!(append(&mut bytes, "0", 1), None);
        assert_eq!(append(&mut bytes, "zz", 1), None);
    }
}
