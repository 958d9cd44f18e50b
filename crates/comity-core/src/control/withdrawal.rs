//! Taking records back, and what partners answer.

use super::{fields, missing, set};
use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::identity::{EconomyId, RecordId};
use crate::keyring;
use crate::limits;
use crate::time::Timestamp;
use crate::vocabulary::{KeptBecause, RecallReason, RefusalReason};

/// Takes records back: ids only, so that it says nothing of what they were. With a reason it is a recall,
/// which asks besides that what is here be destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawalBody {
    /// The records, ascending, at least one.
    pub records: Vec<RecordId>,
    /// Why they are to be destroyed, if they are.
    pub recall: Option<RecallReason>,
    /// The economies alone for which it is so, ascending; empty: for everybody. For others the records
    /// stand as before.
    pub from: Vec<EconomyId>,
}

impl WithdrawalBody {
    /// Takes back `records`, in any order; `None` when there are none or too many.
    #[must_use]
    pub fn of(mut records: Vec<RecordId>) -> Option<Self> {
        records.sort_unstable();
        records.dedup();
        let from = Vec::new();
        (1..=limits::LIST).contains(&records.len()).then_some(Self { records, recall: None, from })
    }

    /// The same, and asks that they be destroyed.
    #[must_use]
    pub fn recalling(self, reason: RecallReason) -> Self {
        Self { recall: Some(reason), ..self }
    }

    /// The same, from one economy alone.
    #[must_use]
    pub fn from_only(self, economy: EconomyId) -> Self {
        Self { from: vec![economy], ..self }
    }

    /// Whether it takes anything back from this economy.
    #[must_use]
    pub fn concerns(&self, economy: &EconomyId) -> bool {
        self.from.is_empty() || self.from.binary_search(economy).is_ok()
    }

    /// Deterministic CBOR: a map of 0 `[record, ...]`, 1 why they are to be destroyed (absent where that is
    /// not asked), 2 `[economy, ...]` from whom alone (absent where it is from everybody).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let (recall, from) = (self.recall.is_some(), !self.from.is_empty());
        writer.map(1 + usize::from(recall) + usize::from(from));
        writer.key(0).array(self.records.len());
        for record in &self.records {
            writer.bytes(record.as_bytes());
        }
        if let Some(reason) = self.recall {
            writer.key(1).uint(reason.code());
        }
        if from {
            writer.key(2).array(self.from.len());
            for economy in &self.from {
                writer.bytes(economy.as_bytes());
            }
        }
        writer.into_bytes()
    }

    /// Reads what [`WithdrawalBody::encode`] writes.
    ///
    /// Fields of a later version are passed over, in this body alone: to take back is the most that it can
    /// do here, so none of them can be a restriction that would be missed, and a node that does not know
    /// them must still stop what is withdrawn.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let (mut records, mut recall, mut from) = (None, None, None);
        fields(body, |key, reader| match key {
            0 => set(&mut records, some(reader, RecordId)),
            1 => set(&mut recall, reader.uint().map(RecallReason::from_code)),
            2 => set(&mut from, some(reader, EconomyId)),
            _later => reader.skip().map(drop),
        })?;
        let from = from.unwrap_or_default();
        Ok(Self { records: records.ok_or(missing(body))?, recall, from })
    }
}

/// Ids, ascending, at least one.
fn some<I: Ord>(reader: &mut Reader<'_>, id: fn([u8; 32]) -> I) -> Result<Vec<I>, Fault> {
    let start = reader.fault(Problem::UnsortedKeys);
    let ids = reader.list(limits::LIST, |reader| reader.array_of().map(id))?;
    if ids.is_empty() {
        return Err(Fault { problem: Problem::OutOfRange, ..start });
    }
    if ids.is_sorted_by(|one, next| one < next) { Ok(ids) } else { Err(start) }
}

/// What an economy did with what was withdrawn: for the origin of the withdrawal alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcknowledgementBody {
    /// The withdrawal.
    pub withdrawal: RecordId,
    /// Its origin.
    pub to: EconomyId,
    /// Since when it is so.
    pub at: Timestamp,
    /// What was done.
    pub answer: Answer,
}

/// What was done with what was withdrawn. Whatever it is, nobody gets it from there any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing of it is there.
    Gone,
    /// What is there stays, for a reason that lies in the node.
    Stopped {
        /// Parts that are there, at least one.
        parts: u64,
        /// Why.
        because: KeptBecause,
    },
    /// What is there stays, for somebody decided that it must.
    Refused {
        /// Parts that are there, at least one.
        parts: u64,
        /// Why.
        because: RefusalReason,
        /// The same in their own words, one line; may be empty.
        text: String,
    },
}

impl AcknowledgementBody {
    /// Deterministic CBOR: a map of 0 withdrawal, 1 to, 2 at, 3 what was done (0 gone, 1 stopped, 2
    /// refused); but for gone, 4 parts and 5 because; of a refusal, 6 text (absent when empty).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (code, kept, text) = match &self.answer {
            Answer::Gone => (0, None, ""),
            Answer::Stopped { parts, because } => (1, Some((*parts, because.code())), ""),
            Answer::Refused { parts, because, text } => {
                (2, Some((*parts, because.code())), text.as_str())
            }
        };
        let more = 2 * usize::from(kept.is_some()) + usize::from(!text.is_empty());
        let mut writer = Writer::new();
        writer.map(4 + more).key(0).bytes(self.withdrawal.as_bytes());
        writer.key(1).bytes(self.to.as_bytes()).key(2).uint(self.at.as_millis());
        writer.key(3).uint(code);
        if let Some((parts, because)) = kept {
            writer.key(4).uint(parts).key(5).uint(because);
        }
        if !text.is_empty() {
            writer.key(6).text(text);
        }
        writer.into_bytes()
    }

    /// Reads what [`AcknowledgementBody::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let (mut withdrawal, mut to, mut at) = (None, None, None);
        let (mut code, mut parts, mut because, mut text) = (None, None, None, None);
        fields(body, |key, reader| match key {
            0 => set(&mut withdrawal, reader.array_of().map(RecordId)),
            1 => set(&mut to, reader.array_of().map(EconomyId)),
            2 => set(&mut at, keyring::timestamp(reader)),
            3 => set(&mut code, within(reader, 0..=2)),
            4 if code >= Some(1) => set(&mut parts, within(reader, 1..=u64::MAX)),
            5 if code >= Some(1) => set(&mut because, reader.uint()),
            6 if code == Some(2) => {
                set(&mut text, reader.label(limits::ANSWER_BYTES).map(str::to_owned))
            }
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        let kept = || parts.zip(because).ok_or(missing.clone());
        let answer = match code.ok_or(missing.clone())? {
            0 => Answer::Gone,
            1 => {
                let (parts, because) = kept()?;
                Answer::Stopped { parts, because: KeptBecause::from_code(because) }
            }
            _refused => {
                let (parts, because) = kept()?;
                let because = RefusalReason::from_code(because);
                Answer::Refused { parts, because, text: text.unwrap_or_default() }
            }
        };
        Ok(Self {
            withdrawal: withdrawal.ok_or(missing.clone())?,
            to: to.ok_or(missing.clone())?,
            at: at.ok_or(missing)?,
            answer,
        })
    }
}

/// A number within bounds.
fn within(reader: &mut Reader<'_>, bounds: std::ops::RangeInclusive<u64>) -> Result<u64, Fault> {
    let fault = reader.fault(Problem::OutOfRange);
    let number = reader.uint()?;
    if bounds.contains(&number) { Ok(number) } else { Err(fault) }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn ids() -> impl Strategy<Value = RecordId> {
        any::<[u8; 32]>().prop_map(RecordId)
    }

    /// Lines of text; of the empty one nothing is written.
    fn answers() -> impl Strategy<Value = Answer> {
        let kept = || (1_u64.., 0_u64..9);
        prop_oneof![
            Just(Answer::Gone),
            kept().prop_map(|(parts, why)| {
                Answer::Stopped { parts, because: KeptBecause::from_code(why) }
            }),
            (kept(), "[a-z ]{0,40}").prop_map(|((parts, why), text)| {
                Answer::Refused { parts, because: RefusalReason::from_code(why), text }
            }),
        ]
    }

    fn problem<T: std::fmt::Debug>(read: Result<T, Fault>) -> Problem {
        read.unwrap_err().problem
    }

    /// An answer with these fields after the first three.
    fn answer(more: &[(u64, u64)]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.map(3 + more.len()).key(0).bytes(&[1; 32]).key(1).bytes(&[2; 32]).key(2).uint(7);
        for (key, value) in more {
            writer.key(*key).uint(*value);
        }
        writer.into_bytes()
    }

    #[test]
    fn a_withdrawal_names_some_records_once_each() {
        let body = |records: &[[u8; 32]]| {
            let mut writer = Writer::new();
            writer.map(1).key(0).array(records.len());
            for record in records {
                writer.bytes(record);
            }
            WithdrawalBody::decode(&writer.into_bytes())
        };
        assert!(body(&[[1; 32]]).is_ok());
        assert_eq!(problem(body(&[])), Problem::OutOfRange);
        assert_eq!(problem(body(&[[1; 32], [1; 32]])), Problem::UnsortedKeys);
        assert_eq!(problem(body(&[[2; 32], [1; 32]])), Problem::UnsortedKeys);
        assert_eq!(WithdrawalBody::of(Vec::new()), None);
    }

    #[test]
    fn what_a_later_version_adds_to_a_withdrawal_does_not_keep_it_from_taking_back() {
        let plain = WithdrawalBody::of(vec![RecordId([1; 32])]).unwrap();
        let known = plain.encode();
        let mut writer = Writer::new();
        writer.map(3).raw(&known[1..]).key(1).uint(77).key(9).array(1).bool(true);
        let read = WithdrawalBody::decode(&writer.into_bytes()).unwrap();
        assert_eq!(read, plain.recalling(RecallReason::Unknown(77)));
    }

    #[test]
    fn a_withdrawal_from_one_concerns_nobody_else() {
        let [one, other] = [1, 2].map(|byte| EconomyId([byte; 32]));
        let plain = WithdrawalBody::of(vec![RecordId([1; 32])]).unwrap();
        assert!(plain.concerns(&one) && plain.concerns(&other));
        let read = WithdrawalBody::decode(&plain.from_only(one).encode()).unwrap();
        assert!(read.concerns(&one) && !read.concerns(&other));
        let from = |economies: &[[u8; 32]]| {
            let mut writer = Writer::new();
            writer.map(2).key(0).array(1).bytes(&[1; 32]).key(2).array(economies.len());
            for economy in economies {
                writer.bytes(economy);
            }
            WithdrawalBody::decode(&writer.into_bytes())
        };
        assert_eq!(problem(from(&[])), Problem::OutOfRange);
        assert_eq!(problem(from(&[[2; 32], [1; 32]])), Problem::UnsortedKeys);
    }

    #[test]
    fn an_answer_says_neither_more_nor_less_than_it_must() {
        let read = |more: &[(u64, u64)]| AcknowledgementBody::decode(&answer(more));
        assert!(read(&[(3, 0)]).is_ok());
        assert!(read(&[(3, 1), (4, 2), (5, 0)]).is_ok());
        assert_eq!(problem(read(&[])), Problem::MissingField);
        assert_eq!(problem(read(&[(3, 3)])), Problem::OutOfRange);
        assert_eq!(problem(read(&[(3, 0), (4, 2)])), Problem::UnknownField);
        assert_eq!(problem(read(&[(3, 1)])), Problem::MissingField);
        assert_eq!(problem(read(&[(3, 1), (4, 0), (5, 0)])), Problem::OutOfRange);
        assert_eq!(problem(read(&[(3, 1), (4, 1)])), Problem::MissingField);
        assert_eq!(problem(read(&[(3, 1), (4, 1), (5, 0), (6, 0)])), Problem::UnknownField);
        assert_eq!(problem(read(&[(3, 2), (4, 1), (5, 0), (7, 0)])), Problem::UnknownField);
    }

    proptest! {
        #[test]
        fn bodies_are_read_as_written(
            records in vec(ids(), 1..5),
            reason in proptest::option::of(0_u64..9),
            from in proptest::option::of(any::<[u8; 32]>()),
            to in any::<[u8; 32]>(),
            at in 0_u64..1 << 40,
            answer in answers(),
        ) {
            let withdrawal = records[0];
            let recall = reason.map(RecallReason::from_code);
            let from = from.map(EconomyId).into_iter().collect();
            let body = WithdrawalBody { recall, from, ..WithdrawalBody::of(records).unwrap() };
            prop_assert_eq!(WithdrawalBody::decode(&body.encode()), Ok(body));
            let at = Timestamp::from_millis(at);
            let body = AcknowledgementBody { withdrawal, to: EconomyId(to), at, answer };
            prop_assert_eq!(AcknowledgementBody::decode(&body.encode()), Ok(body));
        }
    }
}
