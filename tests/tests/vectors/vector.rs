//! A vector as it stands in the index.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    pub name: String,
    /// What is right or wrong about it, in a few words.
    pub about: String,
    pub of: Of,
    pub bytes: Bytes,
    /// Parts to be checked against the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartVector>,
    /// `ok`, or the error's code.
    pub expect: String,
    /// Of a good record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of a good part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Of a good record or part: whether a later version made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<bool>,
}

/// What a vector's bytes claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    Record,
    Part,
    Key,
    GroupBody,
    RosterBody,
    ConsentBody,
    AgreementBody,
    WithdrawalBody,
    AcknowledgementBody,
    ApprovalBody,
    Head,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartVector {
    pub bytes: Bytes,
    pub expect: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<bool>,
}

/// Hexadecimal, or pieces of it where a long run of one piece is described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bytes {
    Hex(String),
    Pieces(Vec<Piece>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Piece {
    Hex(String),
    Run { repeat: String, times: usize },
}

impl Vector {
    /// Of something that must be refused, by `code`.
    pub fn bad(name: &str, of: Of, bytes: impl Into<Bytes>, code: &str, about: &str) -> Self {
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            of,
            bytes: bytes.into(),
            parts: Vec::new(),
            expect: code.to_owned(),
            id: None,
            digest: None,
            unknown: None,
        }
    }

    /// Whether it and all its parts must be accepted.
    pub fn is_good(&self) -> bool {
        self.expect == "ok" && self.parts.iter().all(|part| part.expect == "ok")
    }

    /// Everything but the bytes.
    pub fn verdict(&self) -> String {
        let parts: Vec<_> =
            self.parts.iter().map(|part| (&part.expect, &part.digest, &part.unknown)).collect();
        format!("{} {:?} {:?} {:?} {parts:?}", self.expect, self.id, self.digest, self.unknown)
    }
}

impl Bytes {
    pub fn to_vec(&self) -> Vec<u8> {
        match self {
            Self::Hex(text) => unhex(text),
            Self::Pieces(pieces) => pieces.iter().flat_map(Piece::to_vec).collect(),
        }
    }
}

impl Piece {
    fn to_vec(&self) -> Vec<u8> {
        match self {
            Self::Hex(text) => unhex(text),
            Self::Run { repeat, times } => unhex(repeat).repeat(*times),
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Hex(String::new())
    }
}

impl From<Vec<u8>> for Bytes {
    /// Runs of one byte are described, the rest stands in hexadecimal.
    fn from(bytes: Vec<u8>) -> Self {
        const WORTH_DESCRIBING: usize = 256;
        let mut pieces = Vec::new();
        let mut plain = String::new();
        for run in bytes.chunk_by(|one, next| one == next) {
            let byte = hex(&run[..1]);
            if run.len() < WORTH_DESCRIBING {
                plain.push_str(&byte.repeat(run.len()));
                continue;
            }
            if !plain.is_empty() {
                pieces.push(Piece::Hex(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Run { repeat: byte, times: run.len() });
        }
        if pieces.is_empty() {
            return Self::Hex(plain);
        }
        if !plain.is_empty() {
            pieces.push(Piece::Hex(plain));
        }
        Self::Pieces(pieces)
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}
