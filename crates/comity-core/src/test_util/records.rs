//! Strategies for markings, headers and drafts.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::identity::{EconomyId, GroupId};
use crate::marking::{Marking, Onward, Pap, Tlp};
use crate::record::{
    AddresseeDraft, Draft, Header, Manifest, Part, PartEntry, RecordError, SizeClass,
    VerifiedRecord,
};
use crate::sign::SecretKey;
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section, State, Urgency};

/// An advisory with exactly these parts, a power of two of them, which no draft need have made.
pub fn listing(
    parts: &[Part],
    floor: Marking,
    key: &SecretKey,
    origin: EconomyId,
    signed_at: Timestamp,
) -> Result<VerifiedRecord, RecordError> {
    let line = |part: &Part| {
        let size = SizeClass::of(part.bytes.len()).ok_or(RecordError::PartTooLarge)?;
        Ok(PartEntry { digest: part.digest, size })
    };
    let mut lines = parts.iter().map(line).collect::<Result<Vec<_>, RecordError>>()?;
    lines.sort_unstable();
    let manifest = Manifest {
        kind: Kind::Advisory,
        state: State::Final,
        origin,
        author: key.id(),
        signed_at,
        urgency: Urgency::Routine,
        floor,
        addressed: parts.iter().any(|part| part.header.addressee.is_some()),
        supersedes: Vec::new(),
        parts: lines,
        body: None,
        unknown: false,
    };
    VerifiedRecord::sign(&manifest, key)
}

/// One of a few economies, so that two often meet.
pub fn economies() -> impl Strategy<Value = EconomyId> {
    (1_u8..=4).prop_map(|byte| EconomyId([byte; 32]))
}

/// Instants of a few days around one another, to the hour.
pub fn timestamps() -> impl Strategy<Value = Timestamp> {
    (0_u64..96).prop_map(|hour| Timestamp::from_secs(1_795_000_000 + hour * 3600))
}

/// Keys of their own seeds.
pub fn secret_keys() -> impl Strategy<Value = SecretKey> {
    any::<[u8; 32]>().prop_map(|seed| SecretKey::from_seed(&seed))
}

/// Markings of every known value.
pub fn markings() -> impl Strategy<Value = Marking> {
    let pap = option::of(select(vec![Pap::Clear, Pap::Green, Pap::Amber, Pap::Red]));
    let categories = subsequence(vec!["crime", "energy", "health"], 0..=3);
    let onward = select(vec![Onward::WithinMarking, Onward::Ask, Onward::None]);
    let instants = [0; 3].map(|_| option::weighted(0.2, timestamps()));
    (
        (select(Tlp::ALL.to_vec()), pap, categories, onward),
        (
            option::weighted(0.2, 1_u8..=2),
            option::weighted(0.1, select(vec!["drill-a", "drill-b"])),
        ),
        instants,
    )
        .prop_map(|((tlp, pap, categories, onward), (community, exercise), instants)| {
            let [release_at, embargo_until, expires] = instants;
            Marking {
                tlp,
                pap,
                categories: categories.into_iter().map(str::to_owned).collect(),
                community: community.map(|byte| GroupId([byte; 32])),
                release_at,
                embargo_until,
                expires,
                onward,
                exercise: exercise.map(str::to_owned),
                unknown: false,
            }
        })
}

/// Headers of content parts, each with a marking.
pub fn headers() -> impl Strategy<Value = Header> {
    let content = |section: &Section| !matches!(section, Section::Addressee | Section::Translation);
    let sections: Vec<Section> = Section::ALL.iter().copied().filter(content).collect();
    (
        select(sections),
        any::<bool>(),
        btree_set(select(Class::ALL.to_vec()), 1..=3),
        option::of(select(vec!["en", "ja", "fj"])),
        option::of("[a-z]{1,8}\\.(csv|json)"),
        option::weighted(0.2, economies()),
        markings(),
    )
        .prop_map(
            |(section, translated, classes, language, file_name, destination, marking)| Header {
                section: if translated { Section::Translation } else { section },
                translates: translated.then_some(section),
                classes: classes.into_iter().collect::<BTreeSet<_>>(),
                language: language.map(str::to_owned),
                file_name,
                destination,
                marking: Some(marking),
                ..Header::new(section, "text/plain")
            },
        )
}

/// Addressees of a draft whose `parts` may go anywhere.
pub fn addressee_drafts(parts: usize) -> impl Strategy<Value = AddresseeDraft> {
    let parts = subsequence((0..parts).collect::<Vec<_>>(), 1..=parts);
    (economies(), option::of(select(vec!["duty", "malware"])), btree_set(economies(), 0..2), parts)
        .prop_map(|(economy, desk, relays, parts)| AddresseeDraft {
            desk: desk.map(str::to_owned),
            relays: relays.into_iter().filter(|relay| *relay != economy).collect(),
            ..AddresseeDraft::new(economy, parts)
        })
}

/// Drafts that can be signed: one to six parts of up to 5,000 bytes, addressed or not.
pub fn drafts() -> impl Strategy<Value = Draft> {
    let parts = vec((headers(), vec(any::<u8>(), 0..5000)), 1..=6);
    let content = |kind: &Kind| !kind.is_control();
    let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(content).collect();
    let head = (select(kinds), select(State::ALL.to_vec()), select(Urgency::ALL.to_vec()));
    (head, parts, any::<bool>())
        .prop_flat_map(|(head, parts, addressed)| {
            let most = if addressed { 3 } else { 0 };
            let addressees = vec(addressee_drafts(parts.len()), most.min(1)..=most);
            (Just(head), Just(parts), addressees)
        })
        .prop_map(|((kind, state, urgency), parts, addressees)| {
            let mut draft = Draft { state, urgency, parts, addressees, ..Draft::new(kind) };
            if !draft.addressees.is_empty() {
                // A destined part goes to its economy only, whoever else is addressed.
                draft.parts.iter_mut().for_each(|(header, _)| header.destination = None);
            }
            draft
        })
}
