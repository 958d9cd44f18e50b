//! The records that are published: every marking that has a gate, and now and then one that has none.

use std::time::Duration;

use comity_core::record::{AddresseeDraft, Draft, Header};
use comity_core::{
    Class, EconomyId, Kind, Marking, Onward, Section, State, Timestamp, Tlp, Urgency,
};

use super::dice::Dice;

/// Whom a node knows.
pub struct Neighbourhood {
    /// Its partners.
    pub partners: Vec<EconomyId>,
    /// Partners of its partners, each with one through whom it is reached.
    pub beyond: Vec<(EconomyId, EconomyId)>,
    /// How many parts in a hundred are large.
    pub large: usize,
}

/// A draft of any kind.
pub fn draft(around: &Neighbourhood, now: Timestamp, dice: &mut Dice) -> Draft {
    let mut draft = match dice.below(10) {
        0..=2 => advisory(Tlp::Clear, around, now, dice),
        3..=4 => advisory(Tlp::Green, around, now, dice),
        5..=7 => incident(around, now, dice),
        _ => sightings(around, dice),
    };
    if dice.percent(15) {
        draft.urgency = Urgency::Urgent;
    }
    if dice.percent(20) {
        draft.state = State::Interim;
    }
    draft
}

pub(super) fn part(
    section: Section,
    marking: Marking,
    large: usize,
    dice: &mut Dice,
) -> (Header, Vec<u8>) {
    let length = match dice.below(100) {
        of if of < large => 1_200_000 + dice.below(1_500_000),
        of if of < large + 5 => 9_000 + dice.below(40_000),
        _ => dice.below(1_500),
    };
    let header = Header { marking: Some(marking), ..Header::new(section, "text/plain") };
    (header, dice.bytes(length))
}

/// A marking with this label, and sometimes with times and limits on passing on.
pub(super) fn marking(tlp: Tlp, now: Timestamp, dice: &mut Dice) -> Marking {
    let mut marking = Marking::new(tlp);
    marking.onward = Onward::WithinMarking;
    let soon = |dice: &mut Dice| now.saturating_add(Duration::from_secs(dice.within(1..=60)));
    match dice.below(12) {
        0 => marking.release_at = Some(soon(dice)),
        1 => marking.embargo_until = Some(soon(dice)),
        2 => marking.expires = Some(soon(dice)),
        3 => marking.onward = Onward::Ask,
        4 => marking.onward = Onward::None,
        5 if dice.percent(30) => marking.exercise = Some("drill".to_owned()),
        _ => {}
    }
    marking
}

fn advisory(tlp: Tlp, around: &Neighbourhood, now: Timestamp, dice: &mut Dice) -> Draft {
    let mut draft = Draft::new(Kind::Advisory);
    let floor = marking(tlp, now, dice);
    for section in [Section::Summary, Section::Mitigation, Section::Detail, Section::Case] {
        if section == Section::Summary || dice.percent(50) {
            let mut own = floor.clone();
            if dice.percent(15) {
                own.tlp = Tlp::Green.max(tlp);
            }
            draft.parts.push(part(section, own, around.large, dice));
        }
    }
    draft
}

fn incident(around: &Neighbourhood, now: Timestamp, dice: &mut Dice) -> Draft {
    let mut draft = Draft::new(Kind::Incident);
    let floor = marking(Tlp::Amber, now, dice);
    let sections = [
        Section::Summary,
        Section::Mitigation,
        Section::Indicators,
        Section::Victim,
        Section::Evidence,
        Section::Case,
    ];
    for section in sections {
        if section != Section::Summary && dice.percent(40) {
            continue;
        }
        let mut own = floor.clone();
        if section == Section::Victim {
            own.tlp = if dice.percent(50) { Tlp::Red } else { Tlp::AmberStrict };
        }
        let (mut header, content) = part(section, own, around.large, dice);
        if section == Section::Evidence {
            header.classes = [Class::Evidence].into();
        } else if dice.percent(10) {
            header.classes = [Class::General, Class::Sensitive].into();
        }
        draft.parts.push((header, content));
    }
    let given = |dice: &mut Dice, count: usize| {
        let some: Vec<usize> = (0..count).filter(|at| *at == 0 || dice.percent(70)).collect();
        some
    };
    let count = draft.parts.len();
    for economy in &around.partners {
        if dice.percent(40) {
            let mut addressee = AddresseeDraft::new(*economy, given(dice, count));
            if dice.percent(50) {
                addressee.desk = Some("duty officer".to_owned());
            }
            draft.addressees.push(addressee);
        }
    }
    for (economy, through) in &around.beyond {
        if dice.percent(15) && draft.addressees.len() < 6 {
            let mut addressee = AddresseeDraft::new(*economy, given(dice, count));
            addressee.relays.push(*through);
            draft.addressees.push(addressee);
        }
    }
    draft
}

fn sightings(around: &Neighbourhood, dice: &mut Dice) -> Draft {
    let mut draft = Draft::new(Kind::Sightings);
    let mut marking = Marking::new(if dice.percent(50) { Tlp::Amber } else { Tlp::Green });
    marking.onward = Onward::WithinMarking;
    for economy in &around.partners {
        if dice.percent(60) {
            let (mut header, content) =
                part(Section::Sightings, marking.clone(), around.large, dice);
            header.destination = Some(*economy);
            draft.parts.push((header, content));
        }
    }
    if draft.parts.is_empty() {
        draft.parts.push(part(Section::Sightings, marking, around.large, dice));
    }
    draft
}
