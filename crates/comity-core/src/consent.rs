//! Bodies of records of kind `consent`: what is asked of an origin, and what it says to that.
//!
//! Key 0 says what the body is. Maps are closed, as those of other control records are. A grant names one
//! recipient and no other: nobody learns from it who else was asked for.

use crate::cbor::{Fault, Problem, Reader, Writer, is_label};
use crate::control::{fields, missing, set};
use crate::identity::{EconomyId, PartDigest, RecordId};
use crate::ledger::Obligations;
use crate::limits;
use crate::marking::Onward;
use crate::time::Timestamp;

/// What a record of kind `consent` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentBody {
    /// Somebody who holds parts of a record wants others to have them.
    Ask(ConsentAsk),
    /// The record's origin says yes, for one of them.
    Grant(ConsentGrant),
    /// The record's origin says no.
    Refusal(ConsentRefusal),
}

/// Asks the origin of a record that others may have parts of it. For the origin alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentAsk {
    /// The record.
    pub record: RecordId,
    /// The parts, ascending, at least one.
    pub parts: Vec<PartDigest>,
    /// The record's origin, which is asked.
    pub origin: EconomyId,
    /// Who is to have them: ascending, at least one.
    pub recipients: Vec<EconomyId>,
    /// What for.
    pub why: String,
    /// Until when it is wanted, if the asker says so.
    pub until: Option<Timestamp>,
}

/// Lets one economy have parts of a record from the one that asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentGrant {
    /// The record.
    pub record: RecordId,
    /// The parts, ascending, at least one.
    pub parts: Vec<PartDigest>,
    /// Who asked, and may pass them on.
    pub asker: EconomyId,
    /// Who may have them.
    pub grantee: EconomyId,
    /// What it answers.
    pub ask: RecordId,
    /// The first instant at which it no longer holds.
    pub until: Timestamp,
    /// What the grantee takes on besides everything else.
    pub terms: Obligations,
}

/// Says no to what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRefusal {
    /// The record.
    pub record: RecordId,
    /// Who asked.
    pub asker: EconomyId,
    /// What it answers.
    pub ask: RecordId,
    /// Why, for the asker.
    pub reason: String,
}

const ASK: u64 = 0;
const GRANT: u64 = 1;
const REFUSAL: u64 = 2;

impl ConsentBody {
    /// The record that it is about.
    #[must_use]
    pub const fn record(&self) -> RecordId {
        match self {
            Self::Ask(ask) => ask.record,
            Self::Grant(grant) => grant.record,
            Self::Refusal(refusal) => refusal.record,
        }
    }

    /// Deterministic CBOR: a map whose key 0 says what it is.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            Self::Ask(ask) => ask.write(&mut writer),
            Self::Grant(grant) => grant.write(&mut writer),
            Self::Refusal(refusal) => refusal.write(&mut writer),
        }
        writer.into_bytes()
    }

    /// Reads what [`ConsentBody::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        match says(body)? {
            ASK => ConsentAsk::read(body).map(Self::Ask),
            GRANT => ConsentGrant::read(body).map(Self::Grant),
            REFUSAL => ConsentRefusal::read(body).map(Self::Refusal),
            // Of a later version, which this one must not act on.
            _ => Err(Fault { offset: 0, problem: Problem::OutOfRange }),
        }
    }
}

impl ConsentAsk {
    fn write(&self, writer: &mut Writer) {
        writer.map(6 + usize::from(self.until.is_some()));
        writer.key(0).uint(ASK).key(1).bytes(self.record.as_bytes());
        write_parts(writer.key(2), &self.parts);
        writer.key(3).bytes(self.origin.as_bytes());
        writer.key(4).array(self.recipients.len());
        for recipient in &self.recipients {
            writer.bytes(recipient.as_bytes());
        }
        writer.key(5).text(&self.why);
        if let Some(until) = self.until {
            writer.key(6).uint(until.as_millis());
        }
    }

    fn read(body: &[u8]) -> Result<Self, Fault> {
        let (mut record, mut parts, mut origin) = (None, None, None);
        let (mut recipients, mut why, mut until) = (None, None, None);
        fields(body, |key, reader| match key {
            0 => reader.uint().map(drop),
            1 => set(&mut record, reader.array_of().map(RecordId)),
            2 => set(&mut parts, read_parts(reader)),
            3 => set(&mut origin, reader.array_of().map(EconomyId)),
            4 => set(&mut recipients, read_recipients(reader)),
            5 => set(&mut why, read_reason(reader)),
            6 => set(&mut until, reader.timestamp()),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        Ok(Self {
            record: record.ok_or(missing.clone())?,
            parts: parts.ok_or(missing.clone())?,
            origin: origin.ok_or(missing.clone())?,
            recipients: recipients.ok_or(missing.clone())?,
            why: why.ok_or(missing)?,
            until,
        })
    }
}

impl ConsentGrant {
    /// Whether it gives this part.
    #[must_use]
    pub fn gives(&self, part: &PartDigest) -> bool {
        #[cfg(any(test, feature = "test-util"))]
        crate::test_util::work::add(1);
        self.parts.binary_search(part).is_ok()
    }

    fn write(&self, writer: &mut Writer) {
        let bound = self.terms != Obligations::default();
        writer.map(7 + usize::from(bound));
        writer.key(0).uint(GRANT).key(1).bytes(self.record.as_bytes());
        write_parts(writer.key(2), &self.parts);
        writer.key(3).bytes(self.asker.as_bytes()).key(4).bytes(self.grantee.as_bytes());
        writer.key(5).bytes(self.ask.as_bytes()).key(6).uint(self.until.as_millis());
        if bound {
            self.terms.write(writer.key(7));
        }
    }

    fn read(body: &[u8]) -> Result<Self, Fault> {
        let (mut record, mut parts, mut asker, mut grantee) = (None, None, None, None);
        let (mut ask, mut until, mut terms) = (None, None, None);
        fields(body, |key, reader| match key {
            0 => reader.uint().map(drop),
            1 => set(&mut record, reader.array_of().map(RecordId)),
            2 => set(&mut parts, read_parts(reader)),
            3 => set(&mut asker, reader.array_of().map(EconomyId)),
            4 => set(&mut grantee, reader.array_of().map(EconomyId)),
            5 => set(&mut ask, reader.array_of().map(RecordId)),
            6 => set(&mut until, reader.timestamp()),
            7 => set(&mut terms, read_terms(reader)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        let grant = Self {
            record: record.ok_or(missing.clone())?,
            parts: parts.ok_or(missing.clone())?,
            asker: asker.ok_or(missing.clone())?,
            grantee: grantee.ok_or(missing.clone())?,
            ask: ask.ok_or(missing.clone())?,
            until: until.ok_or(missing)?,
            terms: terms.unwrap_or_default(),
        };
        // Whoever asked has it already.
        if grant.asker == grant.grantee {
            return Err(Fault { offset: 0, problem: Problem::OutOfRange });
        }
        Ok(grant)
    }
}

impl ConsentRefusal {
    fn write(&self, writer: &mut Writer) {
        writer.map(5).key(0).uint(REFUSAL).key(1).bytes(self.record.as_bytes());
        writer.key(3).bytes(self.asker.as_bytes()).key(5).bytes(self.ask.as_bytes());
        writer.key(6).text(&self.reason);
    }

    fn read(body: &[u8]) -> Result<Self, Fault> {
        let (mut record, mut asker, mut ask, mut reason) = (None, None, None, None);
        fields(body, |key, reader| match key {
            0 => reader.uint().map(drop),
            1 => set(&mut record, reader.array_of().map(RecordId)),
            3 => set(&mut asker, reader.array_of().map(EconomyId)),
            5 => set(&mut ask, reader.array_of().map(RecordId)),
            6 => set(&mut reason, read_reason(reader)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        Ok(Self {
            record: record.ok_or(missing.clone())?,
            asker: asker.ok_or(missing.clone())?,
            ask: ask.ok_or(missing.clone())?,
            reason: reason.ok_or(missing)?,
        })
    }
}

/// What a body says that it is: its first key, which must be 0.
fn says(body: &[u8]) -> Result<u64, Fault> {
    let mut reader = Reader::new(body);
    let mut map = reader.map(limits::LIST)?;
    match map.next_key(&mut reader)? {
        Some(0) => reader.uint(),
        Some(_) | None => Err(missing(body)),
    }
}

fn write_parts(writer: &mut Writer, parts: &[PartDigest]) {
    writer.array(parts.len());
    for part in parts {
        writer.bytes(part.as_bytes());
    }
}

fn read_parts(reader: &mut Reader<'_>) -> Result<Vec<PartDigest>, Fault> {
    reader.set(limits::PARTS, |item| item.array_of().map(PartDigest))
}

fn read_recipients(reader: &mut Reader<'_>) -> Result<Vec<EconomyId>, Fault> {
    reader.set(limits::CONSENT_RECIPIENTS, |item| item.array_of().map(EconomyId))
}

fn read_reason(reader: &mut Reader<'_>) -> Result<String, Fault> {
    reader.label(limits::ANSWER_BYTES).map(str::to_owned)
}

/// Nobody passes on what was consented for themselves without asking again, so there is no looser word
/// than that; and that word itself has one encoding, which is none.
fn read_terms(reader: &mut Reader<'_>) -> Result<Obligations, Fault> {
    let start = reader.offset();
    let terms = Obligations::read(reader)?;
    let problem = if terms.onward == Onward::WithinMarking {
        Problem::OutOfRange
    } else if !terms.purposes.iter().all(|purpose| is_label(purpose)) {
        Problem::BadText
    } else if terms == Obligations::default() {
        Problem::Redundant
    } else {
        return Ok(terms);
    };
    Err(Fault { offset: start, problem })
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn parts() -> impl Strategy<Value = Vec<PartDigest>> {
        btree_set(any::<[u8; 32]>().prop_map(PartDigest), 1..5)
            .prop_map(|parts| parts.into_iter().collect())
    }

    fn economies() -> impl Strategy<Value = Vec<EconomyId>> {
        btree_set(any::<[u8; 32]>().prop_map(EconomyId), 2..5)
            .prop_map(|economies| economies.into_iter().collect())
    }

    fn terms() -> impl Strategy<Value = Obligations> {
        let onward = select(vec![Onward::Ask, Onward::None]);
        let purposes = btree_set("[a-z]{1,9}", 0..3);
        (onward, proptest::option::of(1_u32..400), purposes).prop_map(
            |(onward, retention_days, purposes)| Obligations {
                onward,
                retention_days,
                purposes: purposes.into_iter().collect(),
            },
        )
    }

    proptest! {
        #[test]
        fn bodies_are_read_as_written(
            (record, ask) in any::<([u8; 32], [u8; 32])>(),
            parts in parts(),
            economies in economies(),
            words in ".{0,40}",
            until in 0_u64..1 << 40,
            wanted in any::<bool>(),
            terms in terms(),
        ) {
            let (record, ask) = (RecordId(record), RecordId(ask));
            let until = Timestamp::from_millis(until);
            let [asker, grantee, ..] = economies[..] else { unreachable!() };
            let fits = is_label(&words) && !words.is_empty();
            let body = ConsentBody::Ask(ConsentAsk {
                record,
                parts: parts.clone(),
                origin: asker,
                recipients: economies.clone(),
                why: words.clone(),
                until: wanted.then_some(until),
            });
            prop_assert_eq!(ConsentBody::decode(&body.encode()).ok(), fits.then_some(body));
            let body =
                ConsentBody::Grant(ConsentGrant { record, parts, asker, grantee, ask, until, terms });
            prop_assert_eq!(ConsentBody::decode(&body.encode()), Ok(body));
            let body = ConsentBody::Refusal(ConsentRefusal { record, asker, ask, reason: words });
            prop_assert_eq!(ConsentBody::decode(&body.encode()).ok(), fits.then_some(body));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..100)) {
            ConsentBody::decode(&bytes).ok();
        }
    }
}
