//! Bodies of control records: one item of deterministic CBOR in the manifest.
//!
//! Maps are closed, but for a withdrawal's: a field of a later version may be a restriction, so a body
//! that has one is not understood, and its record stays stored without effect.

mod approval;
mod withdrawal;

use crate::cbor::{Fault, MapReader, Problem, Reader, Writer};
use crate::consent::ConsentBody;
use crate::group::{GroupBody, RosterBody};
use crate::identity::{EconomyId, RecordId};
use crate::keyring::{self, KeyringError, SignedKeyring};
use crate::limits;
use crate::time::Timestamp;
use crate::vocabulary::Kind;

pub use approval::{ApprovalBody, ApprovalVerdict};
pub use withdrawal::{AcknowledgementBody, Answer, WithdrawalBody};

/// A control record's body, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlBody {
    /// A version of the origin's keyring: an item of its own format.
    Keyring(SignedKeyring),
    /// A proposed agreement.
    Agreement(AgreementBody),
    /// The acceptance of one.
    Acceptance(AcceptanceBody),
    /// The end of one.
    Termination(TerminationBody),
    /// Records taken back.
    Withdrawal(WithdrawalBody),
    /// What was done with records taken back.
    Acknowledgement(AcknowledgementBody),
    /// A word for an economy that is not paired.
    Introduction(IntroductionBody),
    /// A group's charter, or what an economy says about its members.
    Group(GroupBody),
    /// A group's members in one epoch, or that they still are.
    Roster(RosterBody),
    /// What is asked of an origin, or what it says to that.
    Consent(ConsentBody),
    /// A second person's word about a record of the same economy.
    Approval(ApprovalBody),
    /// A kind whose body this version does not read: stored, without effect.
    Opaque(Kind),
}

/// Why a body has no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Not the deterministic CBOR of its kind.
    #[error("body is malformed: {0}")]
    Malformed(#[from] Fault),
    /// The keyring that it carries is malformed.
    #[error("{0}")]
    Keyring(#[from] KeyringError),
    /// A kind of record that has parts, not a body.
    #[error("records of kind {0} have no body")]
    NotControl(Kind),
}

impl ControlBody {
    /// Reads the body of a record of `kind`.
    pub fn decode(kind: Kind, body: &[u8]) -> Result<Self, ControlError> {
        match kind {
            Kind::Keyring => Ok(Self::Keyring(SignedKeyring::decode(body)?)),
            Kind::Agreement => Ok(Self::Agreement(AgreementBody::decode(body)?)),
            Kind::Acceptance => Ok(Self::Acceptance(AcceptanceBody::decode(body)?)),
            Kind::Termination => Ok(Self::Termination(TerminationBody::decode(body)?)),
            Kind::Withdrawal => Ok(Self::Withdrawal(WithdrawalBody::decode(body)?)),
            Kind::Acknowledgement => Ok(Self::Acknowledgement(AcknowledgementBody::decode(body)?)),
            Kind::Introduction => Ok(Self::Introduction(IntroductionBody::decode(body)?)),
            Kind::Group => Ok(Self::Group(GroupBody::decode(body)?)),
            Kind::Roster => Ok(Self::Roster(RosterBody::decode(body)?)),
            Kind::Consent => Ok(Self::Consent(ConsentBody::decode(body)?)),
            Kind::Approval => Ok(Self::Approval(ApprovalBody::decode(body)?)),
            Kind::Contact | Kind::Unknown(_) => Ok(Self::Opaque(kind)),
            Kind::Advisory
            | Kind::Incident
            | Kind::Sightings
            | Kind::Request
            | Kind::Response
            | Kind::Note => Err(ControlError::NotControl(kind)),
        }
    }
}

/// The exact text of a proposed agreement, and between whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementBody {
    /// TOML, as both sides read it.
    pub text: String,
    /// The two parties, ascending.
    pub parties: [EconomyId; 2],
    /// The texts whose place it takes once both have signed it, by the records that proposed them:
    /// ascending, at most [`limits::AMENDED_TEXTS`]. None: it is a first text.
    pub amends: Vec<RecordId>,
}

impl AgreementBody {
    /// `text` between two different economies, in either order; `None` when they are one.
    #[must_use]
    pub fn between(one: EconomyId, other: EconomyId, text: String) -> Option<Self> {
        let parties = [one.min(other), one.max(other)];
        (one != other).then_some(Self { text, parties, amends: Vec::new() })
    }

    /// The same, in the place of these texts.
    #[must_use]
    pub fn amending(mut self, texts: impl IntoIterator<Item = RecordId>) -> Self {
        self.amends = texts.into_iter().collect();
        self.amends.sort_unstable();
        self.amends.dedup();
        self
    }

    /// The party that is not `us`; `None` when we are none.
    #[must_use]
    pub fn other_party(&self, us: EconomyId) -> Option<EconomyId> {
        match self.parties {
            [one, other] if one == us => Some(other),
            [one, other] if other == us => Some(one),
            _ => None,
        }
    }

    /// Deterministic CBOR: a map of 0 text, 1 `[party, party]`, and, where it amends, 2 the texts whose
    /// place it takes. Whoever does not know the last does not understand the body, and proposes nothing by
    /// it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let fields = if self.amends.is_empty() { 2 } else { 3 };
        writer.map(fields).key(0).text(&self.text).key(1).array(2);
        for party in &self.parties {
            writer.bytes(party.as_bytes());
        }
        if !self.amends.is_empty() {
            writer.key(2).array(self.amends.len());
            for amended in &self.amends {
                writer.bytes(amended.as_bytes());
            }
        }
        writer.into_bytes()
    }

    /// Reads what [`AgreementBody::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let (mut text, mut parties, mut amends) = (None, None, None);
        fields(body, |key, reader| match key {
            0 => set(&mut text, reader.text(limits::AGREEMENT_BYTES).map(str::to_owned)),
            1 => set(&mut parties, two_parties(reader)),
            2 => set(&mut amends, amended_texts(reader)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        Ok(Self {
            text: text.ok_or(missing.clone())?,
            parties: parties.ok_or(missing)?,
            amends: amends.unwrap_or_default(),
        })
    }
}

fn two_parties(reader: &mut Reader<'_>) -> Result<[EconomyId; 2], Fault> {
    let unsorted = reader.fault(Problem::UnsortedKeys);
    keyring::tuple(reader, 2)?;
    let parties = [EconomyId(reader.array_of()?), EconomyId(reader.array_of()?)];
    reader.leave();
    if parties.is_sorted_by(|one, other| one < other) { Ok(parties) } else { Err(unsorted) }
}

/// One text at least, ascending.
fn amended_texts(reader: &mut Reader<'_>) -> Result<Vec<RecordId>, Fault> {
    let (none, unsorted) = (reader.fault(Problem::OutOfRange), reader.fault(Problem::UnsortedKeys));
    let texts = reader.list(limits::AMENDED_TEXTS, |reader| reader.array_of().map(RecordId))?;
    match texts.is_sorted_by(|one, other| one < other) {
        _ if texts.is_empty() => Err(none),
        true => Ok(texts),
        false => Err(unsorted),
    }
}

/// Says yes to a proposed agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptanceBody {
    /// The proposal's record.
    pub agreement: RecordId,
}

impl AcceptanceBody {
    /// Deterministic CBOR: a map of 0 agreement.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.map(1).key(0).bytes(self.agreement.as_bytes());
        writer.into_bytes()
    }

    /// Reads what [`AcceptanceBody::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let mut agreement = None;
        fields(body, |key, reader| match key {
            0 => set(&mut agreement, reader.array_of().map(RecordId)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        Ok(Self { agreement: agreement.ok_or(missing(body))? })
    }
}

/// Ends an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminationBody {
    /// The proposal's record.
    pub agreement: RecordId,
    /// From when: the agreement's notice allows no earlier.
    pub effective: Timestamp,
}

impl TerminationBody {
    /// Deterministic CBOR: a map of 0 agreement, 1 effective.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.map(2).key(0).bytes(self.agreement.as_bytes());
        writer.key(1).uint(self.effective.as_millis());
        writer.into_bytes()
    }

    /// Reads what [`TerminationBody::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let (mut agreement, mut effective) = (None, None);
        fields(body, |key, reader| match key {
            0 => set(&mut agreement, reader.array_of().map(RecordId)),
            1 => set(&mut effective, keyring::timestamp(reader)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        Ok(Self {
            agreement: agreement.ok_or(missing.clone())?,
            effective: effective.ok_or(missing)?,
        })
    }
}

/// A paired partner's word for an economy, for the operator of `to` to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntroductionBody {
    /// The economy that it is made to.
    pub to: EconomyId,
    /// The economy that is introduced.
    pub economy: EconomyId,
    /// What the introducer calls it: display only.
    pub name: String,
    /// Its keyring as the introducer holds it: the bytes of a [`SignedKeyring`].
    pub keyring: Vec<u8>,
}

impl IntroductionBody {
    /// Deterministic CBOR: a map of 0 to, 1 economy, 2 name, 3 keyring.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.map(4).key(0).bytes(self.to.as_bytes()).key(1).bytes(self.economy.as_bytes());
        writer.key(2).text(&self.name).key(3).bytes(&self.keyring);
        writer.into_bytes()
    }

    /// Reads what [`IntroductionBody::encode`] writes. The keyring is not verified.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let (mut to, mut economy, mut name, mut keyring) = (None, None, None, None);
        fields(body, |key, reader| match key {
            0 => set(&mut to, reader.array_of().map(EconomyId)),
            1 => set(&mut economy, reader.array_of().map(EconomyId)),
            2 => set(&mut name, reader.label(limits::TEXT_BYTES).map(str::to_owned)),
            3 => set(&mut keyring, reader.bytes(limits::KEYRING_BYTES).map(<[u8]>::to_vec)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        Ok(Self {
            to: to.ok_or(missing.clone())?,
            economy: economy.ok_or(missing.clone())?,
            name: name.ok_or(missing.clone())?,
            keyring: keyring.ok_or(missing)?,
        })
    }
}

/// Reads one map that is the whole of `body`, handing each key to `field`.
pub(crate) fn fields<'a>(
    body: &'a [u8],
    mut field: impl FnMut(u64, &mut Reader<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut reader = Reader::new(body);
    let mut map: MapReader = reader.map(limits::LIST)?;
    while let Some(key) = map.next_key(&mut reader)? {
        field(key, &mut reader)?;
    }
    reader.finish()
}

pub(crate) fn set<T>(field: &mut Option<T>, value: Result<T, Fault>) -> Result<(), Fault> {
    *field = Some(value?);
    Ok(())
}

pub(crate) fn missing(body: &[u8]) -> Fault {
    Fault { offset: body.len(), problem: Problem::MissingField }
}

#[cfg(test)]
mod tests {
    use crate::cbor::is_label;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::test_util::TestEconomy;

    fn ids() -> impl Strategy<Value = RecordId> {
        any::<[u8; 32]>().prop_map(RecordId)
    }

    fn problem(refused: Result<ControlBody, ControlError>) -> Problem {
        match refused {
            Err(ControlError::Malformed(fault)) => fault.problem,
            other => unreachable!("{other:?}"),
        }
    }

    /// A map of two parties, as given.
    fn agreement(parties: &[[u8; 32]]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.map(2).key(0).text("").key(1).array(parties.len());
        for party in parties {
            writer.bytes(party);
        }
        writer.into_bytes()
    }

    #[test]
    fn parties_are_two_and_ascend() {
        let read = |parties: &[[u8; 32]]| ControlBody::decode(Kind::Agreement, &agreement(parties));
        assert!(read(&[[1; 32], [2; 32]]).is_ok());
        assert_eq!(problem(read(&[[2; 32], [1; 32]])), Problem::UnsortedKeys);
        assert_eq!(problem(read(&[[1; 32], [1; 32]])), Problem::UnsortedKeys);
        assert_eq!(problem(read(&[[1; 32]])), Problem::MissingField);
        assert_eq!(problem(read(&[[1; 32], [2; 32], [3; 32]])), Problem::OverLimit);
        let one = EconomyId([1; 32]);
        assert_eq!(AgreementBody::between(one, one, String::new()), None);
        let other = EconomyId([0; 32]);
        let body = AgreementBody::between(one, other, String::new()).unwrap();
        assert_eq!(body.parties, [other, one]);
        assert_eq!(body.other_party(one), Some(other));
        assert_eq!(body.other_party(other), Some(one));
        assert_eq!(body.other_party(EconomyId([2; 32])), None);
    }

    #[test]
    fn an_introduction_cannot_steer_a_screen_with_its_name() {
        let read = |name: &str| {
            let (to, economy) = (EconomyId([1; 32]), EconomyId([2; 32]));
            let body = IntroductionBody { to, economy, name: name.to_owned(), keyring: vec![1] };
            ControlBody::decode(Kind::Introduction, &body.encode())
        };
        assert!(read("Fiji").is_ok());
        for name in ["Fiji\u{1b}[2J", "Fiji\n", "\u{202e}ijiF"] {
            assert_eq!(problem(read(name)), Problem::BadText, "{name:?}");
        }
        assert_eq!(problem(read("")), Problem::Empty);
    }

    #[test]
    fn a_field_of_a_later_version_is_not_passed_over() {
        let known = AcceptanceBody { agreement: RecordId([1; 32]) }.encode();
        let mut writer = Writer::new();
        writer.map(2).raw(&known[1..]).key(9).bool(true);
        let read = ControlBody::decode(Kind::Acceptance, &writer.into_bytes());
        assert_eq!(problem(read), Problem::UnknownField);
    }

    #[test]
    fn a_missing_field_and_a_trailing_byte_are_refused() {
        for kind in [
            Kind::Agreement,
            Kind::Acceptance,
            Kind::Termination,
            Kind::Withdrawal,
            Kind::Acknowledgement,
        ] {
            assert_eq!(problem(ControlBody::decode(kind, &[0xa0])), Problem::MissingField);
        }
        let mut body = AcceptanceBody { agreement: RecordId([1; 32]) }.encode();
        body.push(0);
        assert_eq!(problem(ControlBody::decode(Kind::Acceptance, &body)), Problem::TrailingBytes);
    }

    #[test]
    fn an_instant_no_clock_shows_is_refused() {
        let mut writer = Writer::new();
        writer.map(2).key(0).bytes(&[1; 32]).key(1).uint(u64::MAX);
        let read = ControlBody::decode(Kind::Termination, &writer.into_bytes());
        assert_eq!(problem(read), Problem::OutOfRange);
    }

    #[test]
    fn kinds_with_parts_have_no_body_and_unread_kinds_are_kept() {
        for kind in Kind::ALL {
            let read = ControlBody::decode(*kind, &[0xa0]);
            let not_control = read == Err(ControlError::NotControl(*kind));
            assert_eq!(not_control, !kind.is_control(), "{kind}");
        }
        assert_eq!(
            ControlBody::decode(Kind::Contact, &[0xa0]),
            Ok(ControlBody::Opaque(Kind::Contact))
        );
    }

    #[test]
    fn a_keyring_body_is_the_signed_keyring() {
        let economy = TestEconomy::found(1).unwrap();
        let read = ControlBody::decode(Kind::Keyring, economy.keyring.encoded()).unwrap();
        let ControlBody::Keyring(keyring) = read else { unreachable!("{read:?}") };
        assert_eq!(keyring.verify(Some(economy.id())), Ok(economy.keyring));
    }

    proptest! {
        #[test]
        fn bodies_are_read_as_written(
            text in ".{0,40}",
            parties in any::<([u8; 32], [u8; 32])>(),
            records in vec(ids(), 1..5),
            at in 0_u64..1 << 40,
            keyring in vec(any::<u8>(), 0..50),
        ) {
            let (one, other) = (EconomyId(parties.0), EconomyId(parties.1));
            if let Some(body) = AgreementBody::between(one, other, text.clone()) {
                for body in [body.clone(), body.amending(records.clone())] {
                    let read = ControlBody::decode(Kind::Agreement, &body.encode());
                    prop_assert_eq!(read, Ok(ControlBody::Agreement(body)));
                }
            }
            let agreement = records[0];
            let body = AcceptanceBody { agreement };
            prop_assert_eq!(AcceptanceBody::decode(&body.encode()), Ok(body));
            let body = TerminationBody { agreement, effective: Timestamp::from_millis(at) };
            prop_assert_eq!(TerminationBody::decode(&body.encode()), Ok(body));
            let fits = is_label(&text);
            let body = IntroductionBody { to: one, economy: other, name: text, keyring };
            let read = IntroductionBody::decode(&body.encode());
            prop_assert_eq!(read.ok(), fits.then_some(body));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(code in 0_u64..32, bytes in vec(any::<u8>(), 0..100)) {
            ControlBody::decode(Kind::from_code(code), &bytes).ok();
        }
    }
}
