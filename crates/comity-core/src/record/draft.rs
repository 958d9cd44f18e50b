//! Composing a record: sealing its parts, padding its manifest, signing it.

use super::{Addressee, Header, Manifest, Part, PartEntry, RecordError, SizeClass, VerifiedRecord};
use crate::entropy::{Entropy, draw};
use crate::identity::{EconomyId, GroupId, PartDigest, RecordId};
use crate::limits;
use crate::marking::{Marking, Tlp};
use crate::sign::SecretKey;
use crate::time::Timestamp;
use crate::vocabulary::{Kind, Section, State, Urgency};

/// The media type of an addressee part, which has no content.
pub const ADDRESSEE_MEDIA_TYPE: &str = "application/vnd.comity.addressee";

/// Draws of a padding digest before the source of randomness is called broken.
const PADDING_DRAWS: usize = 8;

/// A record of a content kind before it is sealed and signed.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What the record is: a content kind.
    pub kind: Kind,
    /// Whether more is to come.
    pub state: State,
    /// How soon it should be read.
    pub urgency: Urgency,
    /// The marking of parts whose header has none.
    pub marking: Option<Marking>,
    /// Records of the same origin that this one replaces, in any order.
    pub supersedes: Vec<RecordId>,
    /// Headers and contents. Addressee parts are made from `addressees`.
    pub parts: Vec<(Header, Vec<u8>)>,
    /// Whom the record is for. Empty: it is not addressed, and goes as far as markings and agreements let it.
    pub addressees: Vec<AddresseeDraft>,
}

/// Whom a draft is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddresseeDraft {
    /// The economy. `None`: every member of the group.
    pub economy: Option<EconomyId>,
    /// The desk or person there; TLP:RED needs one.
    pub desk: Option<String>,
    /// A group and the epoch of its roster; not together with a desk.
    pub group: Option<(GroupId, u64)>,
    /// Economies through which it may come, in any order.
    pub relays: Vec<EconomyId>,
    /// The parts that it may have: indexes into [`Draft::parts`], in any order.
    pub parts: Vec<usize>,
}

impl AddresseeDraft {
    /// An economy and the parts that it may have, straight from the origin.
    #[must_use]
    pub fn new(economy: EconomyId, parts: Vec<usize>) -> Self {
        let economy = Some(economy);
        Self { economy, desk: None, group: None, relays: Vec::new(), parts }
    }

    /// Every member of a group, as its roster is at `epoch`, and the parts that they may have.
    #[must_use]
    pub fn group(group: GroupId, epoch: u64, parts: Vec<usize>) -> Self {
        let group = Some((group, epoch));
        Self { economy: None, desk: None, group, relays: Vec::new(), parts }
    }
}

/// A record as it was signed, with all its parts.
#[derive(Clone, Debug)]
pub struct Composed {
    /// The record.
    pub record: VerifiedRecord,
    /// The content parts in the draft's order, then one addressee part for each addressee in the draft's order.
    pub parts: Vec<Part>,
}

/// Why a draft cannot be signed. All of it is the caller's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// A kind that does not belong here: a control kind in a draft, a content kind in [`control`], or
    /// one that is not known.
    #[error("a record of kind `{0}` is not made this way")]
    Kind(Kind),
    /// A record without anything in it.
    #[error("record has no parts")]
    NoParts,
    /// A part without a marking, in a draft without one.
    #[error("part {0} has no marking")]
    Unmarked(usize),
    /// A value that this version could not read back.
    #[error("part {0} has a section, class or marking that is not known")]
    Unknown(usize),
    /// An addressee part among the content.
    #[error("part {0} is an addressee part; addressees are listed apart")]
    AddresseeAmongParts(usize),
    /// An addressee whose list names a part that the draft does not have.
    #[error("addressee {addressee} is given part {part}, which does not exist")]
    NoSuchPart {
        /// Index into [`Draft::addressees`].
        addressee: usize,
        /// Index into [`Draft::parts`].
        part: usize,
    },
    /// An addressee that may have nothing.
    #[error("addressee {0} is given no part")]
    NothingForAddressee(usize),
    /// An addressee is given a part that is destined to another economy.
    #[error("addressee {addressee} is given part {part}, which is destined to another economy")]
    DestinedElsewhere {
        /// Index into [`Draft::addressees`].
        addressee: usize,
        /// Index into [`Draft::parts`].
        part: usize,
    },
    /// The same random bytes came again and again.
    #[error("randomness repeats itself")]
    Entropy,
    /// What was composed breaks a rule of the format.
    #[error("draft cannot be signed: {0}")]
    Invalid(#[from] RecordError),
}

impl Draft {
    /// An empty final draft in the course of work, not addressed.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            state: State::Final,
            urgency: Urgency::Routine,
            marking: None,
            supersedes: Vec::new(),
            parts: Vec::new(),
            addressees: Vec::new(),
        }
    }

    /// Seals the parts with fresh salts, pads the manifest with random digests and signs it.
    ///
    /// The floor is the [`Marking::meet`] of the content parts' markings; a part keeps a marking of its
    /// own only where that is stricter.
    pub fn sign(
        self,
        key: &SecretKey,
        origin: EconomyId,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Composed, DraftError> {
        if !self.kind.is_known() || self.kind.is_control() {
            return Err(DraftError::Kind(self.kind));
        }
        let floor = self.floor()?;
        let mut parts = self.seal_content(&floor, entropy)?;
        for addressee in self.seal_addressees(&parts, entropy)? {
            parts.push(addressee);
        }
        let manifest = Manifest {
            kind: self.kind,
            state: self.state,
            origin,
            author: key.id(),
            signed_at: now,
            urgency: self.urgency,
            floor,
            addressed: !self.addressees.is_empty(),
            supersedes: sorted(self.supersedes),
            parts: padded(&parts, entropy)?,
            body: None,
            unknown: false,
        };
        let record = VerifiedRecord::sign(&manifest, key)?;
        parts.iter().try_for_each(|part| record.check(part))?;
        Ok(Composed { record, parts })
    }

    /// The markings' meet, once every part is known to have one.
    fn floor(&self) -> Result<Marking, DraftError> {
        let mut floor: Option<Marking> = None;
        for (index, (header, _)) in self.parts.iter().enumerate() {
            if header.section == Section::Addressee {
                return Err(DraftError::AddresseeAmongParts(index));
            }
            let marking = self.marking_of(header).ok_or(DraftError::Unmarked(index))?;
            if marking.unknown {
                return Err(DraftError::Unknown(index));
            }
            floor = Some(floor.map_or_else(|| marking.clone(), |floor| floor.meet(marking)));
        }
        floor.ok_or(DraftError::NoParts)
    }

    fn marking_of<'a>(&'a self, header: &'a Header) -> Option<&'a Marking> {
        header.marking.as_ref().or(self.marking.as_ref())
    }

    fn seal_content(
        &self,
        floor: &Marking,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Part>, DraftError> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for (index, (header, content)) in self.parts.iter().enumerate() {
            let marking = self.marking_of(header).filter(|marking| *marking != floor);
            let header = Header { marking: marking.cloned(), ..header.clone() };
            let part = Part::seal(&header, content, draw(entropy))?;
            if part.header.unknown {
                return Err(DraftError::Unknown(index));
            }
            parts.push(part);
        }
        Ok(parts)
    }

    fn seal_addressees(
        &self,
        content: &[Part],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Part>, DraftError> {
        let mut parts = Vec::with_capacity(self.addressees.len());
        for (index, addressee) in self.addressees.iter().enumerate() {
            let header = Header {
                addressee: Some(Addressee {
                    economy: addressee.economy,
                    desk: addressee.desk.clone(),
                    group: addressee.group,
                    relays: sorted(addressee.relays.clone()),
                    parts: addressee.digests(index, content)?,
                }),
                ..Header::new(Section::Addressee, ADDRESSEE_MEDIA_TYPE)
            };
            parts.push(Part::seal(&header, &[], draw(entropy))?);
        }
        Ok(parts)
    }
}

impl AddresseeDraft {
    fn digests(&self, addressee: usize, content: &[Part]) -> Result<Vec<PartDigest>, DraftError> {
        let mut digests = Vec::with_capacity(self.parts.len());
        for &part in &self.parts {
            let listed = content.get(part).ok_or(DraftError::NoSuchPart { addressee, part })?;
            if listed.header.destination.is_some_and(|economy| self.economy != Some(economy)) {
                return Err(DraftError::DestinedElsewhere { addressee, part });
            }
            digests.push(listed.digest);
        }
        if digests.is_empty() {
            return Err(DraftError::NothingForAddressee(addressee));
        }
        Ok(sorted(digests))
    }
}

/// Signs a record of a control kind: a body of deterministic CBOR, and no parts.
pub fn control(
    kind: Kind,
    body: Vec<u8>,
    floor: Tlp,
    key: &SecretKey,
    origin: EconomyId,
    now: Timestamp,
) -> Result<VerifiedRecord, DraftError> {
    if !kind.is_control() {
        return Err(DraftError::Kind(kind));
    }
    let manifest = Manifest {
        kind,
        state: State::Final,
        origin,
        author: key.id(),
        signed_at: now,
        urgency: Urgency::Routine,
        floor: Marking::new(floor),
        addressed: false,
        supersedes: Vec::new(),
        parts: Vec::new(),
        body: Some(body),
        unknown: false,
    };
    Ok(VerifiedRecord::sign(&manifest, key)?)
}

/// The manifest's lines for `parts`, filled up to a power of two with random digests.
///
/// A line of padding takes the size class of a part drawn at random: its size tells as little as its
/// digest does.
fn padded(parts: &[Part], entropy: &mut dyn Entropy) -> Result<Vec<PartEntry>, DraftError> {
    let mut entries = Vec::with_capacity(parts.len().next_power_of_two());
    for part in parts {
        let size = SizeClass::of(part.bytes.len()).ok_or(RecordError::PartTooLarge)?;
        entries.push(PartEntry { digest: part.digest, size });
    }
    if entries.len() > limits::PARTS {
        return Err(RecordError::TooManyParts.into());
    }
    entries.sort_unstable();
    for _ in parts.len()..parts.len().next_power_of_two() {
        let entry = padding(parts, &entries, entropy)?;
        let at = entries.partition_point(|other| *other < entry);
        entries.insert(at, entry);
    }
    Ok(entries)
}

fn padding(
    parts: &[Part],
    entries: &[PartEntry],
    entropy: &mut dyn Entropy,
) -> Result<PartEntry, DraftError> {
    // 64 random bits over at most 1,024 parts: the bias is below 2^-54.
    let choice = u64::from_be_bytes(draw(entropy)).checked_rem(parts.len() as u64).unwrap_or(0);
    let like = usize::try_from(choice).ok().and_then(|choice| parts.get(choice));
    let size = like.and_then(|part| SizeClass::of(part.bytes.len())).ok_or(DraftError::NoParts)?;
    for _ in 0..PADDING_DRAWS {
        let digest = PartDigest(draw(entropy));
        if entries.iter().all(|entry| entry.digest != digest) {
            return Ok(PartEntry { digest, size });
        }
    }
    Err(DraftError::Entropy)
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items.dedup();
    items
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::parse;
    use crate::test_util::{SeededEntropy, drafts, secret_keys};

    const ORIGIN: EconomyId = EconomyId([9; 32]);
    const NOW: Timestamp = Timestamp::from_secs(1_795_298_489);

    fn draft(markings: &[Option<Tlp>]) -> Draft {
        let part = |tlp: &Option<Tlp>| {
            let marking = tlp.map(Marking::new);
            (Header { marking, ..Header::new(Section::Summary, "text/plain") }, b"text".to_vec())
        };
        Draft { parts: markings.iter().map(part).collect(), ..Draft::new(Kind::Advisory) }
    }

    fn sign(draft: Draft) -> Result<Composed, DraftError> {
        let key = SecretKey::from_seed(&[1; 32]);
        draft.sign(&key, ORIGIN, NOW, &mut SeededEntropy::new(1))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_is_signed_is_accepted(draft in drafts(), key in secret_keys(), seed: u64) {
            let composed = draft.clone().sign(&key, ORIGIN, NOW, &mut SeededEntropy::new(seed));
            let Composed { record, parts } = composed.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let read = parse(record.signed()).and_then(|read| read.verify());
            let read = read.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(read.id(), record.id());
            prop_assert_eq!(read.manifest(), record.manifest());
            prop_assert!(record.manifest().parts.len().is_power_of_two());
            prop_assert_eq!(parts.len(), draft.parts.len() + draft.addressees.len());
            for (part, (header, content)) in parts.iter().zip(&draft.parts) {
                prop_assert_eq!(&read.check_part(part.bytes.clone()), &Ok(part.clone()));
                prop_assert_eq!(&part.content, content);
                let floor = &record.manifest().floor;
                prop_assert_eq!(part.header.marking.as_ref().unwrap_or(floor), header.marking.as_ref().unwrap_or(floor));
                prop_assert_eq!(Header::decode(&part.header.encode()), Ok(part.header.clone()));
            }
            let sizes: Vec<_> = parts.iter().map(|part| SizeClass::of(part.bytes.len())).collect();
            prop_assert!(read.manifest().parts.iter().all(|entry| sizes.contains(&Some(entry.size))));
        }

        #[test]
        fn a_changed_byte_never_verifies_as_the_same_record(draft in drafts(), at: prop::sample::Index, mask in 1_u8..) {
            let composed = sign(draft).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let mut bytes = composed.record.signed().to_vec();
            bytes[at.index(composed.record.signed().len())] ^= mask;
            prop_assert!(parse(&bytes).and_then(|read| read.verify()).is_err());
            let part = &composed.parts[0];
            let mut bytes = part.bytes.to_vec();
            bytes[at.index(part.bytes.len())] ^= mask;
            prop_assert!(composed.record.check_part(bytes.into()).is_err());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse(&bytes).is_err());
            prop_assert!(Part::decode(bytes.clone().into()).is_err());
            drop(Header::decode(&bytes));
        }
    }

    #[test]
    fn the_floor_is_the_loosest_marking_and_is_not_repeated() {
        let composed = sign(draft(&[Some(Tlp::Red), Some(Tlp::Amber)])).unwrap();
        assert_eq!(composed.record.manifest().floor, Marking::new(Tlp::Amber));
        assert_eq!(composed.parts[0].header.marking, Some(Marking::new(Tlp::Red)));
        assert_eq!(composed.parts[1].header.marking, None);
    }

    #[test]
    fn an_unmarked_part_takes_the_drafts_marking_or_is_refused() {
        let mut unmarked = draft(&[Some(Tlp::Amber), None]);
        assert_eq!(sign(unmarked.clone()).unwrap_err(), DraftError::Unmarked(1));
        unmarked.marking = Some(Marking::new(Tlp::Green));
        assert_eq!(sign(unmarked).unwrap().record.manifest().floor.tlp, Tlp::Green);
    }

    #[test]
    fn three_parts_are_padded_to_four() {
        let composed = sign(draft(&[Some(Tlp::Clear); 3])).unwrap();
        assert_eq!(composed.record.manifest().parts.len(), 4);
    }

    #[test]
    fn every_wrong_draft_is_refused_by_name() {
        let good = draft(&[Some(Tlp::Amber)]);
        let addressed = |addressee| Draft { addressees: vec![addressee], ..good.clone() };
        let destined = |economy| {
            let mut draft = addressed(AddresseeDraft::new(ORIGIN, vec![0]));
            draft.parts[0].0.destination = Some(economy);
            draft
        };
        let refused = |draft: Draft| sign(draft).unwrap_err();
        assert_eq!(refused(Draft::new(Kind::Note)), DraftError::NoParts);
        assert_eq!(
            refused(Draft { kind: Kind::Keyring, ..good.clone() }),
            DraftError::Kind(Kind::Keyring)
        );
        assert_eq!(
            refused(addressed(AddresseeDraft::new(ORIGIN, vec![1]))),
            DraftError::NoSuchPart { addressee: 0, part: 1 }
        );
        assert_eq!(
            refused(addressed(AddresseeDraft::new(ORIGIN, vec![]))),
            DraftError::NothingForAddressee(0)
        );
        assert_eq!(
            refused(addressed(AddresseeDraft {
                relays: vec![ORIGIN],
                ..AddresseeDraft::new(ORIGIN, vec![0])
            })),
            DraftError::Invalid(RecordError::RelayIsAddressee)
        );
        assert_eq!(
            refused(destined(EconomyId([1; 32]))),
            DraftError::DestinedElsewhere { addressee: 0, part: 0 }
        );
        assert!(sign(destined(ORIGIN)).is_ok());
        let mut addressee_among = good.clone();
        addressee_among.parts[0].0.section = Section::Addressee;
        assert_eq!(refused(addressee_among), DraftError::AddresseeAmongParts(0));
        let mut unknown = good.clone();
        unknown.parts[0].0.section = Section::Unknown(99);
        assert_eq!(refused(unknown), DraftError::Unknown(0));
    }

    #[test]
    fn a_broken_source_of_randomness_is_noticed() {
        struct Stuck;
        impl Entropy for Stuck {
            fn fill(&mut self, buffer: &mut [u8]) {
                buffer.fill(7);
            }
        }
        let mut five = draft(&[Some(Tlp::Clear); 5]);
        for (index, (_, content)) in five.parts.iter_mut().enumerate() {
            content.push(u8::try_from(index).unwrap());
        }
        let key = SecretKey::from_seed(&[1; 32]);
        assert_eq!(five.sign(&key, ORIGIN, NOW, &mut Stuck).unwrap_err(), DraftError::Entropy);
    }

    #[test]
    fn a_control_record_has_a_body_and_no_parts() {
        let key = SecretKey::from_seed(&[1; 32]);
        let record = control(Kind::Contact, vec![0xa0], Tlp::Green, &key, ORIGIN, NOW).unwrap();
        assert!(record.manifest().parts.is_empty());
        assert_eq!(record.manifest().body.as_deref(), Some(&[0xa0][..]));
        let refused = |kind, body: &[u8]| {
            control(kind, body.to_vec(), Tlp::Green, &key, ORIGIN, NOW).unwrap_err()
        };
        assert_eq!(refused(Kind::Note, &[0xa0]), DraftError::Kind(Kind::Note));
        assert!(matches!(
            refused(Kind::Contact, &[0xa0, 0]),
            DraftError::Invalid(RecordError::MalformedBody(_))
        ));
    }
}
