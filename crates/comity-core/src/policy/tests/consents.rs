//! The gate of consent: what an origin's word opens, for whom and how long.

use std::time::Duration;

use proptest::prelude::*;

use super::facts::*;
use super::gates::{asked, constituent, green, nda, received, role};
use super::strategies::{consents, economies, obligations, recipients, signed, snapshots};
use crate::identity::RecordId;
use crate::ledger::Obligations;
use crate::marking::{Onward, Tlp};
use crate::policy::{
    Consent, Fact, Gate, Outcome, PartFacts, Recipient, RecordFacts, Shared, Source, Verdict,
    decide, plan,
};
use crate::time::Timestamp;
use crate::vocabulary::Section;

fn consent(parts: &[u8], until: Timestamp) -> Consent {
    Consent {
        id: RecordId([31; 32]),
        origin: OTHER,
        record: incident(Tlp::Clear).id,
        parts: parts.iter().copied().map(digest).collect(),
        asker: US,
        grantee: THEM,
        until,
        terms: Obligations::default(),
    }
}

/// OTHER's AMBER record, addressed to us only, and THEM, with whom we have an NDA.
#[test]
fn a_consent_opens_exactly_what_it_says() {
    let later = NOW.saturating_add(Duration::from_secs(1));
    let policy = nda(|_| {});
    let ask = Obligations { onward: Onward::Ask, ..Obligations::unbound() };
    let mut record = received(ask);
    let one = part(&mut record, 1, Section::Summary, Tlp::Amber);
    let two = part(&mut record, 2, Section::Summary, Tlp::Amber);
    let named = address(&mut record, 100, US, None, &[], &[1, 2]);
    let parts = [one.clone(), two.clone(), named];
    let goes = |consent: Option<Consent>, record: &RecordFacts, to: &Recipient, now| {
        let builder = policy.to_builder();
        let policy = consent.into_iter().fold(builder, |all, one| all.consent(one)).build();
        plan(&policy, record, &parts, to, now).releases().to_vec()
    };
    let both = || Some(consent(&[1, 2], later));
    assert!(goes(None, &record, &them(), NOW).is_empty());
    assert_eq!(goes(both(), &record, &them(), NOW), [digest(1), digest(2)]);
    assert_eq!(goes(Some(consent(&[2], later)), &record, &them(), NOW), [digest(2)]);
    // Neither an instant longer,
    assert!(goes(both(), &record, &them(), later).is_empty());
    // nor another grantee, another record, another's signature,
    for change in [
        |consent: &mut Consent| consent.grantee = OTHER,
        // nor what somebody else asked for,
        |consent: &mut Consent| consent.asker = OTHER,
        |consent: &mut Consent| consent.record = RecordId([77; 32]),
        |consent: &mut Consent| consent.origin = THEM,
        |consent: &mut Consent| consent.origin = US,
    ] {
        let mut other = consent(&[1, 2], later);
        change(&mut other);
        assert!(goes(Some(other), &record, &them(), NOW).is_empty());
    }
    // nor where passing on was excluded, nor what is RED, nor somebody else's rows.
    let mut never = record.clone();
    never.source = Source::From {
        economy: OTHER,
        obligations: Obligations { onward: Onward::None, ..Obligations::unbound() },
    };
    assert!(goes(both(), &never, &them(), NOW).is_empty());
    let open = policy.to_builder().consent(consent(&[1, 2, 100], later)).build();
    for (change, gate) in [
        ((|part| part.marking.tlp = Tlp::Red) as fn(&mut PartFacts), Gate::Tlp),
        (|part| part.destination = Some(US), Gate::Audience),
    ] {
        let mut part = one.clone();
        change(&mut part);
        let decision = decide(&open, &record, &part, &them(), NOW);
        assert_eq!(decision.deciding().map(|one| one.gate), Some(gate));
    }
    // The addressee part names us, and stays with us.
    assert!(!decide(&open, &record, &parts[2], &them(), NOW).is_release());
    // Neither our own people nor constituents, nor anybody else, get more by it.
    for to in [constituent(), Recipient::Public] {
        assert_eq!(goes(both(), &record, &to, NOW), goes(None, &record, &to, NOW), "{to:?}");
    }
}

#[test]
fn a_consent_that_ended_is_named() {
    let policy = nda(|_| {}).to_builder().consent(consent(&[1], NOW)).build();
    let mut record = received(Obligations { onward: Onward::Ask, ..Obligations::unbound() });
    let green = green(&mut record);
    let said = asked(&policy, &record, &green, &them(), Gate::Consent);
    assert_eq!((said.verdict, said.fact), (Verdict::Deny, Fact::ConsentEnded(NOW)));
    let earlier = NOW.saturating_sub(Duration::from_millis(1));
    assert_eq!(policy.next_change(earlier), Some(NOW));
    let decision = decide(&policy, &record, &green, &them(), earlier);
    let Outcome::Release(obligations) = decision.outcome() else { panic!("{decision:?}") };
    assert_eq!(obligations.onward, Onward::Ask, "no further than to the grantee");
}

/// The grantee's own node: the record is addressed to somebody else, and the consent names us.
#[test]
fn a_consent_counts_on_the_grantee_s_side() {
    let later = NOW.saturating_add(Duration::from_secs(1));
    let ours = Consent { asker: THEM, grantee: US, ..consent(&[1], later) };
    let policy = nda(|_| {}).to_builder().consent(ours).build();
    let mut record = received(Obligations { onward: Onward::Ask, ..Obligations::unbound() });
    record.source = Source::From {
        economy: THEM,
        obligations: Obligations { onward: Onward::Ask, ..Obligations::unbound() },
    };
    let one = part(&mut record, 1, Section::Summary, Tlp::Amber);
    let two = part(&mut record, 2, Section::Summary, Tlp::Amber);
    address(&mut record, 100, THEM, None, &[], &[1, 2]);
    let shown = |part, now| decide(&policy, &record, part, &role(), now).is_release();
    assert!(shown(&one, NOW));
    assert!(!shown(&two, NOW) && !shown(&one, later));
    // It is for us, and goes no further; also where whoever brought it did not say so.
    for obligations in [Obligations::default(), Obligations::unbound()] {
        record.source = Source::From { economy: THEM, obligations };
        for to in [constituent(), Recipient::partner(OTHER), Recipient::Public] {
            assert!(!decide(&policy, &record, &one, &to, NOW).is_release(), "{to:?}");
        }
    }
}

/// What we had by a consent alone names nobody that is here: when it ends, that is what is said.
#[test]
fn what_was_given_by_a_consent_that_ended_is_not_called_addressed_to_nobody() {
    let ours = Consent { asker: THEM, grantee: US, ..consent(&[1], NOW) };
    let policy = nda(|_| {}).to_builder().consent(ours).build();
    let mut record = received(Obligations { onward: Onward::Ask, ..Obligations::unbound() });
    let one = part(&mut record, 1, Section::Summary, Tlp::Amber);
    let two = part(&mut record, 2, Section::Summary, Tlp::Amber);
    record.addressed = true;
    let said = |part| asked(&policy, &record, part, &role(), Gate::Audience).fact;
    assert_eq!(said(&one), Fact::ConsentEnded(NOW));
    assert_eq!(said(&two), Fact::AddressedToNobody);
}

#[test]
fn where_nobody_has_to_be_asked_nobody_is() {
    for (onward, addressed, relays, fact) in [
        (Onward::WithinMarking, false, &[][..], Fact::NobodyToAsk),
        (Onward::Ask, false, &[], Fact::OnwardAsk),
        (Onward::None, false, &[], Fact::NotMeasured),
        (Onward::WithinMarking, true, &[], Fact::RelayNotNamed),
        (Onward::WithinMarking, true, &[US], Fact::RelayNamed),
        (Onward::Ask, true, &[US], Fact::RelayNamed),
        (Onward::None, true, &[US], Fact::NotMeasured),
    ] {
        let policy = nda(|_| {});
        let mut record = received(Obligations { onward, ..Obligations::unbound() });
        let part = green(&mut record);
        if addressed {
            address(&mut record, 100, THEM, None, relays, &[1]);
        }
        let said = asked(&policy, &record, &part, &them(), Gate::Consent);
        assert_eq!(said.fact, fact, "{onward} {addressed}");
        let goes = decide(&policy, &record, &part, &them(), NOW).is_release();
        assert_eq!(goes, matches!(fact, Fact::NobodyToAsk | Fact::RelayNamed));
    }
}

/// What an origin says besides yes binds where its yes is what lets the part go, and nowhere else.
#[test]
fn its_conditions_bind_whoever_has_it_by_the_consent() {
    let later = NOW.saturating_add(Duration::from_secs(1));
    let received_for = |purposes: &[&str]| {
        let purposes = purposes.iter().map(|one| (*one).to_owned()).collect();
        received(Obligations { onward: Onward::Ask, purposes, ..Obligations::unbound() })
    };
    let terms = |purposes: &[&str]| Obligations {
        onward: Onward::None,
        retention_days: Some(30),
        purposes: purposes.iter().map(|one| (*one).to_owned()).collect(),
    };
    let asked = |record: &RecordFacts, part: &PartFacts, terms: Obligations| {
        let given = Consent { terms, ..consent(&[1], later) };
        let policy = nda(|_| {}).to_builder().consent(given).build();
        decide(&policy, record, part, &them(), NOW)
    };
    let mut record = received_for(&[]);
    let one = part(&mut record, 1, Section::Summary, Tlp::Amber);
    address(&mut record, 100, US, None, &[], &[1]);
    let decision = asked(&record, &one, terms(&[]));
    assert!(decision.rests_on_consent());
    assert_eq!(decision.outcome(), &Outcome::Release(terms(&[])));
    // For purposes that exclude those for which we have it ourselves there is no use.
    let mut bound = received_for(&["defence"]);
    let two = part(&mut bound, 1, Section::Summary, Tlp::Amber);
    address(&mut bound, 100, US, None, &[], &[1]);
    let decision = asked(&bound, &two, terms(&["research"]));
    let said = decision.deciding().map(|one| (one.gate, one.fact));
    assert_eq!(said, Some((Gate::Purpose, Fact::NoCommonPurpose)));
    // What it may have without a consent, it has as if there were none.
    let mut open = received(Obligations::unbound());
    let three = green(&mut open);
    let Outcome::Release(taken) = asked(&open, &three, terms(&[])).outcome().clone() else {
        panic!("within its marking")
    };
    assert_eq!(taken.retention_days, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is signed, a consent lets nothing go but its parts, of its record, to its grantee, while
    /// it lasts, and loosens no terms; and taking it back never widens.
    #[test]
    fn a_consent_never_widens_beyond_its_words(
        snapshot in snapshots(),
        signed in signed(),
        recipient in recipients(),
        given in consents(),
        asker in economies(),
        terms in obligations(),
    ) {
        let given = Consent { asker, terms, ..given };
        let without = snapshot.to_builder().without_consents().build();
        let with = without.to_builder().consent(given.clone()).build();
        let mut shared = Shared::new(with.clone());
        let (record, parts) = signed.held(|_| true);
        for part in &parts {
            let before = decide(&without, &record, part, &recipient, NOW);
            let after = decide(&with, &record, part, &recipient, NOW);
            let classed = shared.classify(&record, part, NOW);
            prop_assert_eq!(&*shared.decide(&classed, &recipient), &after);
            if before.outcome() == after.outcome() {
                continue;
            }
            prop_assert!(matches!(before.outcome(), Outcome::Withhold), "nothing turns to less");
            prop_assert!(record.source != Source::Own);
            prop_assert_eq!((given.record, given.origin), (record.id, record.origin));
            prop_assert!(given.parts.contains(&part.digest) && NOW < given.until);
            let to = recipient.place(US).0;
            prop_assert_eq!(to, Some(given.grantee));
            prop_assert!([given.asker, given.grantee].contains(&US));
            if let Outcome::Release(taken) = after.outcome() {
                prop_assert!(taken.onward >= given.terms.onward);
                let days = given.terms.retention_days;
                prop_assert!(days.is_none_or(|days| taken.retention_days <= Some(days)));
            }
        }
    }
}
