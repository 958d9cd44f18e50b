//! A second person's word about a record of their own economy.

use super::{fields, missing, set};
use crate::cbor::{Fault, Problem, Writer};
use crate::identity::RecordId;
use crate::limits;

/// Says yes or no to a record that waits for a second person. It stays at home: partners see the
/// author's key, and not how many people looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalBody {
    /// The record.
    pub record: RecordId,
    /// Yes or no.
    pub verdict: ApprovalVerdict,
    /// What the person says about it, one line; may be empty.
    pub note: String,
}

/// What a second person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalVerdict {
    /// It may leave, as far as everything else lets it.
    Approve,
    /// It never leaves.
    Refuse,
}

impl ApprovalVerdict {
    /// Every verdict.
    pub const ALL: [Self; 2] = [Self::Approve, Self::Refuse];

    /// The number in the format.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Approve => 0,
            Self::Refuse => 1,
        }
    }

    /// The verdict with this number.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.code() == code)
    }
}

impl ApprovalBody {
    /// Deterministic CBOR: a map of 0 record, 1 verdict, 2 note (absent when empty).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.map(2 + usize::from(!self.note.is_empty()));
        writer.key(0).bytes(self.record.as_bytes());
        writer.key(1).uint(self.verdict.code());
        if !self.note.is_empty() {
            writer.key(2).text(&self.note);
        }
        writer.into_bytes()
    }

    /// Reads what [`ApprovalBody::encode`] writes. A verdict of a later version is none that could be
    /// believed here.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let (mut record, mut verdict, mut note) = (None, None, None);
        fields(body, |key, reader| match key {
            0 => set(&mut record, reader.array_of().map(RecordId)),
            1 => {
                let unknown = reader.fault(Problem::OutOfRange);
                let code = reader.uint()?;
                set(&mut verdict, ApprovalVerdict::from_code(code).ok_or(unknown))
            }
            2 => set(&mut note, reader.label(limits::ANSWER_BYTES).map(str::to_owned)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        Ok(Self {
            record: record.ok_or(missing.clone())?,
            verdict: verdict.ok_or(missing)?,
            note: note.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_written() {
        for verdict in ApprovalVerdict::ALL {
            for note in ["", "seen with the duty officer"] {
                let body =
                    ApprovalBody { record: RecordId([7; 32]), verdict, note: note.to_owned() };
                assert_eq!(ApprovalBody::decode(&body.encode()), Ok(body));
            }
        }
    }

    #[test]
    fn nothing_but_yes_and_no_is_believed() {
        let read = |write: fn(&mut Writer)| {
            let mut writer = Writer::new();
            write(&mut writer);
            ApprovalBody::decode(&writer.into_bytes()).map_err(|fault| fault.problem)
        };
        let maybe = |writer: &mut Writer| {
            writer.map(2).key(0).bytes(&[7; 32]).key(1).uint(9);
        };
        assert_eq!(read(maybe), Err(Problem::OutOfRange));
        let more = |writer: &mut Writer| {
            writer.map(3).key(0).bytes(&[7; 32]).key(1).uint(0).key(9).bool(true);
        };
        assert_eq!(read(more), Err(Problem::UnknownField));
        let empty = |writer: &mut Writer| {
            writer.map(3).key(0).bytes(&[7; 32]).key(1).uint(0).key(2).text("");
        };
        assert_eq!(read(empty), Err(Problem::Empty));
        let steering = |writer: &mut Writer| {
            writer.map(3).key(0).bytes(&[7; 32]).key(1).uint(0).key(2).text("a\u{1b}[2J");
        };
        assert_eq!(read(steering), Err(Problem::BadText));
        let half = |writer: &mut Writer| {
            writer.map(1).key(0).bytes(&[7; 32]);
        };
        assert_eq!(read(half), Err(Problem::MissingField));
    }
}
