//! A second person's word about a record of their own economy.

use super::{fields, missing, set};
use crate::cbor::{Fault, Problem, Writer};
use crate::identity::{EconomyId, RecordId};
use crate::limits;

/// The number of an emergency. A vector says that 2 is no verdict, and it is none for good.
const EMERGENCY: u64 = 3;

/// Says yes or no to a record that waits for a second person, or lets one record go to one partner in an
/// emergency. It stays at home: partners see the author's key, and not how many people looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalBody {
    /// The record.
    pub record: RecordId,
    /// What is said of it.
    pub verdict: ApprovalVerdict,
    /// What the person says about it, one line; may be empty, but for an emergency.
    pub note: String,
}

/// What is said of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalVerdict {
    /// It may leave, as far as everything else lets it.
    Approve,
    /// It never leaves.
    Refuse,
    /// It goes to this partner though no agreement lets it, for a short while: the break of the glass.
    /// Nothing but an emergency key says so.
    Emergency {
        /// The partner.
        to: EconomyId,
    },
}

impl ApprovalVerdict {
    /// The number in the format.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Approve => 0,
            Self::Refuse => 1,
            Self::Emergency { .. } => EMERGENCY,
        }
    }

    const fn to(self) -> Option<EconomyId> {
        match self {
            Self::Approve | Self::Refuse => None,
            Self::Emergency { to } => Some(to),
        }
    }
}

impl ApprovalBody {
    /// Deterministic CBOR: a map of 0 record, 1 verdict, 2 note (absent when empty), 3 to (of an emergency
    /// alone, which has a note).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let to = self.verdict.to();
        writer.map(2 + usize::from(!self.note.is_empty()) + usize::from(to.is_some()));
        writer.key(0).bytes(self.record.as_bytes());
        writer.key(1).uint(self.verdict.code());
        if !self.note.is_empty() {
            writer.key(2).text(&self.note);
        }
        if let Some(to) = to {
            writer.key(3).bytes(to.as_bytes());
        }
        writer.into_bytes()
    }

    /// Reads what [`ApprovalBody::encode`] writes. A verdict of a later version is none that could be
    /// believed here.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let (mut record, mut code, mut note, mut to) = (None, None, None, None);
        fields(body, |key, reader| match key {
            0 => set(&mut record, reader.array_of().map(RecordId)),
            1 => {
                let unknown = reader.fault(Problem::OutOfRange);
                let read = reader.uint()?;
                set(
                    &mut code,
                    if matches!(read, 0 | 1 | EMERGENCY) { Ok(read) } else { Err(unknown) },
                )
            }
            2 => set(&mut note, reader.label(limits::ANSWER_BYTES).map(str::to_owned)),
            3 if code == Some(EMERGENCY) => set(&mut to, reader.array_of().map(EconomyId)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        let verdict = match code.ok_or(missing.clone())? {
            0 => ApprovalVerdict::Approve,
            1 => ApprovalVerdict::Refuse,
            // Whoever breaks the glass says whom it is for, and why.
            _emergency if note.is_none() => return Err(missing),
            _emergency => ApprovalVerdict::Emergency { to: to.ok_or(missing.clone())? },
        };
        let record = record.ok_or(missing)?;
        Ok(Self { record, verdict, note: note.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_written() {
        let emergency = ApprovalVerdict::Emergency { to: EconomyId([8; 32]) };
        for verdict in [ApprovalVerdict::Approve, ApprovalVerdict::Refuse, emergency] {
            for note in ["", "seen with the duty officer"] {
                if verdict == emergency && note.is_empty() {
                    continue;
                }
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

    #[test]
    fn an_emergency_says_for_whom_and_why_and_nothing_else_does() {
        let read = |code: u64, note: bool, to: bool| {
            let mut writer = Writer::new();
            writer.map(2 + usize::from(note) + usize::from(to)).key(0).bytes(&[7; 32]);
            writer.key(1).uint(code);
            if note {
                writer.key(2).text("a hospital is down");
            }
            if to {
                writer.key(3).bytes(&[8; 32]);
            }
            ApprovalBody::decode(&writer.into_bytes()).map(drop).map_err(|fault| fault.problem)
        };
        assert_eq!(read(3, true, true), Ok(()));
        assert_eq!(read(3, false, true), Err(Problem::MissingField));
        assert_eq!(read(3, true, false), Err(Problem::MissingField));
        assert_eq!(read(0, true, true), Err(Problem::UnknownField));
        assert_eq!(read(1, true, true), Err(Problem::UnknownField));
        assert_eq!(read(2, true, true), Err(Problem::OutOfRange));
        assert_eq!(read(4, true, true), Err(Problem::OutOfRange));
    }
}
