//! Records, parts and partners to decide about, without any cryptography.

use crate::identity::{EconomyId, KeyId, PartDigest, RecordId};
use crate::marking::{Marking, Tlp};
use crate::policy::{
    AddresseeFacts, Approval, Lifecycle, PartFacts, Recipient, RecordFacts, Source,
};
use crate::record::{Addressee, Header};
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section, State, Urgency};

pub(super) const US: EconomyId = EconomyId([1; 32]);
pub(super) const THEM: EconomyId = EconomyId([2; 32]);
pub(super) const OTHER: EconomyId = EconomyId([3; 32]);
pub(super) const THIRD: EconomyId = EconomyId([4; 32]);
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_795_300_000);

pub(super) fn digest(number: u8) -> PartDigest {
    PartDigest([number; 32])
}

/// Our own incident, with this floor, of which no part is held yet.
pub(super) fn incident(floor: Tlp) -> RecordFacts {
    RecordFacts {
        id: RecordId([9; 32]),
        origin: US,
        author: KeyId([8; 32]),
        kind: Kind::Incident,
        state: State::Final,
        urgency: Urgency::Routine,
        floor: Marking::new(floor),
        addressed: false,
        unknown: false,
        source: Source::Own,
        addressees: Vec::new(),
        orders: Vec::new(),
        control: None,
        unmarked: false,
        pending: false,
        released_before: false,
        binds_in_doubt: false,
        unsend_until: None,
        approval: Approval::NotNeeded,
        emergencies: Vec::new(),
        recalled_from: Vec::new(),
        quarantined: false,
        lifecycle: Lifecycle::Live,
    }
}

pub(super) fn header(section: Section, tlp: Tlp) -> Header {
    Header { marking: Some(Marking::new(tlp)), ..Header::new(section, "text/plain") }
}

pub(super) fn part(record: &mut RecordFacts, number: u8, section: Section, tlp: Tlp) -> PartFacts {
    record.hold(digest(number), &header(section, tlp))
}

pub(super) fn classed(
    record: &mut RecordFacts,
    number: u8,
    section: Section,
    tlp: Tlp,
    classes: &[Class],
) -> PartFacts {
    let classes = classes.iter().copied().collect();
    record.hold(digest(number), &Header { classes, ..header(section, tlp) })
}

/// Addresses the record to `to`, by the addressee part `number`, which lists `parts`.
pub(super) fn address(
    record: &mut RecordFacts,
    number: u8,
    to: EconomyId,
    desk: Option<&str>,
    relays: &[EconomyId],
    parts: &[u8],
) -> PartFacts {
    record.addressed = true;
    let addressee = Addressee {
        economy: Some(to),
        desk: desk.map(str::to_owned),
        group: None,
        relays: relays.to_vec(),
        parts: parts.iter().copied().map(digest).collect(),
    };
    record.addressees.push(AddresseeFacts { part: digest(number), addressee });
    let floor = record.floor.clone();
    PartFacts::new(
        digest(number),
        &Header {
            addressee: record.addressees.last().map(|held| held.addressee.clone()),
            ..Header::new(Section::Addressee, "application/cbor")
        },
        &floor,
    )
}

pub(super) fn them() -> Recipient {
    Recipient::partner(THEM)
}
