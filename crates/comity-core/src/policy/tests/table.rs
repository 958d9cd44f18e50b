//! The tables of the decision, each cell of them: what is expected is written out here by hand, so
//! that the presets are not tested against themselves.

use super::facts::*;
use crate::agreement::{Tier, tier_table};
use crate::identity::EconomyId;
use crate::ledger::Obligations;
use crate::marking::{Onward, Tlp};
use crate::policy::{
    Lifecycle, PartFacts, Recipient, RecordFacts, Source, Standing, TrustLevel, decide, trust_table,
};
use crate::test_util::policy::{LAW_ENFORCEMENT_DESK, snapshot};
use crate::vocabulary::{Class, Section};

/// How the origin speaks of the recipient.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Word {
    Nothing,
    Economy,
    Desk,
    AgreedDesk,
    Relay,
    Destination,
    Others,
}

const WORDS: [Word; 7] = [
    Word::Nothing,
    Word::Economy,
    Word::Desk,
    Word::AgreedDesk,
    Word::Relay,
    Word::Destination,
    Word::Others,
];

impl Word {
    fn speaks(self, record: &mut RecordFacts, part: &mut PartFacts) {
        match self {
            Self::Nothing => {}
            Self::Economy => drop(address(record, 200, THEM, None, &[], &[1])),
            Self::Desk => drop(address(record, 200, THEM, Some("duty"), &[], &[1])),
            Self::AgreedDesk => {
                drop(address(record, 200, THEM, Some(LAW_ENFORCEMENT_DESK), &[], &[1]));
            }
            Self::Relay => drop(address(record, 200, OTHER, Some("duty"), &[THEM], &[1])),
            Self::Destination => part.destination = Some(THEM),
            Self::Others => drop(address(record, 200, OTHER, None, &[], &[1])),
        }
    }

    fn is_addressed(self) -> bool {
        !matches!(self, Self::Nothing | Self::Others)
    }

    fn names_a_desk(self) -> bool {
        matches!(self, Self::Desk | Self::AgreedDesk)
    }
}

/// DESIGN's table of trust levels.
fn trusted(level: u8, tlp: Tlp) -> bool {
    match level {
        0 => false,
        1 => tlp == Tlp::Clear,
        2 => tlp <= Tlp::Green,
        3 => tlp <= Tlp::Amber,
        _ => true,
    }
}

/// The table of tiers, and pairing, which suffices for CLEAR whatever is signed.
fn covered(tier: Tier, tlp: Tlp, word: Word, section: Section, class: Class) -> bool {
    if tlp == Tlp::Clear && class == Class::General {
        return true;
    }
    match tier {
        Tier::Paired => false,
        Tier::Mou => {
            let amber = word.is_addressed()
                && match section {
                    Section::Summary | Section::Mitigation | Section::Case => true,
                    Section::Sightings => word == Word::Destination,
                    Section::Addressee => true,
                    Section::Detail
                    | Section::Indicators
                    | Section::Attribution
                    | Section::Victim
                    | Section::Evidence
                    | Section::Original
                    | Section::Translation
                    | Section::Unknown(_) => false,
                };
            class == Class::General && (tlp <= Tlp::Green || (tlp == Tlp::Amber && amber))
        }
        Tier::Nda => {
            matches!(class, Class::General | Class::Sensitive)
                && section != Section::Evidence
                && (tlp <= Tlp::Amber || word.is_addressed())
        }
        // A person's data or evidence needs a basis, of which neither agreement nor record says any.
        Tier::LawEnforcement => {
            !matches!(class, Class::PersonalData | Class::Evidence)
                && (tlp <= Tlp::Amber || word == Word::AgreedDesk)
        }
    }
}

fn expected(
    (tier, level): (Tier, u8),
    (tlp, word): (Tlp, Word),
    (section, class): (Section, Class),
) -> bool {
    let red = tlp != Tlp::Red || word.names_a_desk();
    word != Word::Others && red && trusted(level, tlp) && covered(tier, tlp, word, section, class)
}

#[test]
fn every_cell_of_the_tables_is_as_written() {
    let sections = Section::ALL
        .iter()
        .filter(|section| !matches!(section, Section::Addressee | Section::Translation));
    let mut released = 0_u32;
    let mut cells = 0_u32;
    for tier in Tier::ALL {
        for trust in TrustLevel::ALL {
            let policy = snapshot(US, &[(THEM, tier, trust)]);
            for (tlp, word) in Tlp::ALL.into_iter().flat_map(|tlp| WORDS.map(|word| (tlp, word))) {
                for section in sections.clone() {
                    for class in Class::ALL {
                        let mut record = incident(Tlp::Clear);
                        let mut part = classed(&mut record, 1, *section, tlp, &[*class]);
                        word.speaks(&mut record, &mut part);
                        let decision = decide(&policy, &record, &part, &them(), NOW);
                        let cell = ((tier, trust.number()), (tlp, word), (*section, *class));
                        let expected = expected(cell.0, cell.1, cell.2);
                        assert_eq!(decision.is_release(), expected, "{cell:?}: {decision:?}");
                        cells += 1;
                        released += u32::from(expected);
                    }
                }
            }
        }
    }
    assert_eq!(cells, 4 * 5 * 5 * 7 * 10 * 5);
    assert!(released > 1000, "{released}");
}

/// What was received goes on only as far as its origin and the agreement let it.
#[test]
fn every_cell_of_passing_on_is_as_written() {
    let policy = snapshot(
        US,
        &[(THEM, Tier::Nda, TrustLevel::Restricted), (OTHER, Tier::Nda, TrustLevel::Restricted)],
    );
    for tlp in Tlp::ALL {
        for (received, own) in onwards() {
            for relays in [&[][..], &[US]] {
                for addressed in [false, true] {
                    let mut record = incident(Tlp::Clear);
                    record.origin = OTHER;
                    record.source = Source::From {
                        economy: OTHER,
                        obligations: Obligations { onward: received, ..Obligations::unbound() },
                    };
                    let mut part = part(&mut record, 1, Section::Summary, tlp);
                    part.marking.onward = own;
                    if addressed {
                        address(&mut record, 200, THEM, Some("duty"), relays, &[1]);
                    }
                    let relay = addressed && !relays.is_empty();
                    let expected = match received.max(own) {
                        Onward::None => false,
                        Onward::Ask => relay,
                        Onward::WithinMarking => relay || (!addressed && tlp <= Tlp::Green),
                    };
                    let decision = decide(&policy, &record, &part, &them(), NOW);
                    let cell = (tlp, received, own, relays, addressed);
                    assert_eq!(decision.is_release(), expected, "{cell:?}: {decision:?}");
                }
            }
        }
    }
}

fn onwards() -> impl Iterator<Item = (Onward, Onward)> {
    let all = [Onward::WithinMarking, Onward::Ask, Onward::None];
    all.into_iter().flat_map(move |one| all.map(|other| (one, other)))
}

/// Recipients that are no partners: (our own record, one from abroad that may be passed on).
#[test]
fn every_exit_but_the_link_is_as_written() {
    let policy = snapshot(US, &[(OTHER, Tier::Nda, TrustLevel::Restricted)]);
    let constituent = Recipient::Constituent { name: "bank".into() };
    let role = Recipient::LocalRole { role: "duty".into() };
    for tlp in Tlp::ALL {
        for own in [true, false] {
            let mut record = incident(Tlp::Clear);
            if !own {
                record.origin = OTHER;
                let obligations = Obligations::unbound();
                record.source = Source::From { economy: OTHER, obligations };
            }
            let part = part(&mut record, 1, Section::Summary, tlp);
            let goes = |recipient| decide(&policy, &record, &part, recipient, NOW).is_release();
            assert_eq!(goes(&Recipient::Public), tlp == Tlp::Clear, "{tlp} {own}");
            assert_eq!(goes(&constituent), tlp <= Tlp::Amber, "{tlp} {own}");
            assert_eq!(goes(&role), own || tlp < Tlp::Red, "{tlp} {own}");
        }
    }
}

#[test]
fn red_from_abroad_is_shown_to_the_named_role_only() {
    let policy = snapshot(US, &[(OTHER, Tier::Nda, TrustLevel::Restricted)]);
    let mut record = incident(Tlp::Red);
    record.origin = OTHER;
    record.source = Source::From { economy: OTHER, obligations: Obligations::default() };
    let part = part(&mut record, 1, Section::Victim, Tlp::Red);
    address(&mut record, 200, US, Some("duty"), &[], &[1]);
    for (role, shown) in [("duty", true), ("press", false)] {
        let role = Recipient::LocalRole { role: role.into() };
        assert_eq!(decide(&policy, &record, &part, &role, NOW).is_release(), shown);
    }
}

/// Of any label: what its origin gave to one desk is for nobody else in the house.
#[test]
fn what_names_a_desk_of_ours_is_for_that_desk_only() {
    let policy = snapshot(US, &[(OTHER, Tier::Nda, TrustLevel::Restricted)]);
    let mut record = incident(Tlp::Clear);
    record.origin = OTHER;
    record.source = Source::From { economy: OTHER, obligations: Obligations::unbound() };
    let amber = part(&mut record, 1, Section::Detail, Tlp::Amber);
    let clear = part(&mut record, 2, Section::Detail, Tlp::Clear);
    let for_all = part(&mut record, 3, Section::Summary, Tlp::Amber);
    let carried = part(&mut record, 4, Section::Summary, Tlp::Green);
    let named = address(&mut record, 200, US, Some("duty"), &[], &[1, 2]);
    address(&mut record, 201, US, None, &[], &[3]);
    address(&mut record, 202, THEM, None, &[US], &[4]);
    let role = |role: &str| Recipient::LocalRole { role: role.into() };
    let constituent = Recipient::Constituent { name: "bank".into() };
    let duty = role("duty");
    for part in [&amber, &clear, &named] {
        let shown = |to: &Recipient| decide(&policy, &record, part, to, NOW).is_release();
        assert_eq!((shown(&duty), shown(&role("press"))), (true, false));
        assert_eq!((shown(&role("")), shown(&constituent)), (false, false));
    }
    for (part, goes) in [(&for_all, true), (&carried, false)] {
        for to in [&duty, &role("press"), &role(""), &constituent] {
            let decision = decide(&policy, &record, part, to, NOW);
            assert_eq!(decision.is_release(), goes, "{to:?}: {decision:?}");
        }
    }
    // TLP binds those whom the originator tells, not the originator's own house.
    record.source = Source::Own;
    assert!(decide(&policy, &record, &amber, &role("press"), NOW).is_release());
}

/// Whoever judges a record, or follows what was taken back, has to see it; nobody else gets it.
#[test]
fn what_was_set_aside_is_seen_at_home_only() {
    let policy = snapshot(US, &[(OTHER, Tier::Nda, TrustLevel::Restricted)]);
    let role = Recipient::LocalRole { role: "duty".into() };
    let set_aside: [fn(&mut RecordFacts); 4] = [
        |record| record.quarantined = true,
        |record| record.pending = true,
        |record| record.lifecycle = Lifecycle::Withdrawn,
        |record| record.lifecycle = Lifecycle::Superseded,
    ];
    for set_aside in set_aside {
        let mut record = incident(Tlp::Clear);
        record.origin = OTHER;
        record.source = Source::From { economy: OTHER, obligations: Obligations::unbound() };
        let part = part(&mut record, 1, Section::Summary, Tlp::Clear);
        set_aside(&mut record);
        assert!(decide(&policy, &record, &part, &role, NOW).is_release());
        assert!(!decide(&policy, &record, &part, &Recipient::Public, NOW).is_release());
        // And RED stays with the desk that it names.
        let red = self::part(&mut record, 2, Section::Victim, Tlp::Red);
        assert!(!decide(&policy, &record, &red, &role, NOW).is_release());
    }
}

#[test]
fn what_has_expired_stays_readable_to_its_author_only() {
    let policy = snapshot(US, &[(OTHER, Tier::Nda, TrustLevel::Restricted)]);
    let role = Recipient::LocalRole { role: "duty".into() };
    for own in [true, false] {
        let mut record = incident(Tlp::Clear);
        if !own {
            record.origin = OTHER;
            record.source = Source::From { economy: OTHER, obligations: Obligations::unbound() };
        }
        let mut part = part(&mut record, 1, Section::Summary, Tlp::Clear);
        part.marking.expires = Some(NOW);
        assert_eq!(decide(&policy, &record, &part, &role, NOW).is_release(), own);
    }
}

#[test]
fn only_a_paired_economy_in_good_standing_gets_content() {
    let good = snapshot(US, &[(THEM, Tier::Nda, TrustLevel::Restricted)]);
    let mut record = incident(Tlp::Clear);
    let part = part(&mut record, 1, Section::Summary, Tlp::Clear);
    for standing in [Standing::Paired, Standing::Suspended, Standing::Frozen, Standing::Revoked] {
        let partner = good.partner(&THEM).unwrap().clone().standing(standing);
        let policy = good.to_builder().partner(THEM, partner).build();
        let goes = decide(&policy, &record, &part, &them(), NOW).is_release();
        assert_eq!(goes, standing == Standing::Paired, "{standing}");
    }
    let strangers = [OTHER, US, EconomyId([77; 32])];
    for stranger in strangers {
        let stranger = Recipient::partner(stranger);
        assert!(!decide(&good, &record, &part, &stranger, NOW).is_release());
    }
}

#[test]
fn the_handbook_has_the_tables_that_the_decision_reads() {
    let page = include_str!("../../../../../docs/src/decision.md");
    for table in [tier_table(), trust_table()] {
        assert!(page.contains(&table), "docs/src/decision.md lacks this table:\n{table}");
    }
}
