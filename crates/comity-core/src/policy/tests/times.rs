//! Named cases of time: what begins, ends, waits and runs out.

use std::sync::Arc;
use std::time::Duration;

use super::facts::*;
use super::stories::{MOU, MOU_ID, NDA_ID, signed, why};
use crate::agreement::Terms;
use crate::agreement::Tier;
use crate::ledger::Obligations;
use crate::marking::{Marking, Tlp};
use crate::policy::{
    Agreement, Gate, Outcome, PartFacts, Partner, PolicySnapshot, Recipient, RecordFacts, Source,
    TrustLevel, decide, plan,
};
use crate::test_util::policy::snapshot;
use crate::time::Timestamp;
use crate::vocabulary::Section;

#[test]
fn an_agreement_ends_begins_and_is_waited_for() {
    let hour = std::time::Duration::from_secs(3600);
    let (soon, before) = (NOW.saturating_add(hour), NOW.saturating_sub(hour));
    let mut record = incident(Tlp::Clear);
    let green = part(&mut record, 1, Section::Summary, Tlp::Green);
    let clear = part(&mut record, 2, Section::Summary, Tlp::Clear);
    let with = |agreement| {
        let partner = Partner::new().at(TrustLevel::Confidential).with(agreement);
        PolicySnapshot::builder(US).partner(THEM, partner).build()
    };
    let agreement = || signed(MOU_ID, MOU);
    // The instant of the end is past it.
    let ended = with(agreement().terminated(NOW));
    assert_eq!(why(&ended, &record, &green, &them()), format!("MoU art. 9.2: ended at {NOW}"));
    let ending = with(agreement().terminated(soon));
    assert_eq!(why(&ending, &record, &green, &them()), "goes");
    assert_eq!(ending.next_change(NOW), Some(soon));
    // A termination that takes effect after the last day changes nothing.
    let late = agreement().terminated(Timestamp::MAX);
    assert_eq!(late.until(), agreement().until());
    // Not before it is accepted; and never when it was terminated first.
    let accepted = Agreement::new(MOU_ID, Arc::new(Terms::parse(MOU).unwrap()), soon);
    let waiting = with(accepted.clone());
    let decision = decide(&waiting, &record, &green, &them(), NOW);
    assert_eq!(decision.outcome(), &Outcome::HoldUntil(soon));
    assert_eq!(
        plan(&waiting, &record, std::slice::from_ref(&green), &them(), NOW).holds(),
        Some(soon)
    );
    let never = with(accepted.terminated(before));
    assert_eq!(decide(&never, &record, &green, &them(), NOW).outcome(), &Outcome::Withhold);
    for policy in [ended, waiting, never] {
        assert_eq!(why(&policy, &record, &clear, &them()), "goes");
    }
}

#[test]
fn an_end_without_notice_stops_what_goes_and_frees_nobody_from_duties() {
    let (notice, past) = (NOW.saturating_add(Duration::from_secs(1)), NOW);
    let mut record = incident(Tlp::Green);
    let green = part(&mut record, 1, Section::Summary, Tlp::Green);
    let strict = MOU.replace("sections = [\"attribution\"]", "sections = [\"summary\"]");
    assert_ne!(strict, MOU);
    let strict = signed(NDA_ID, &strict);
    let with = |first: Agreement| {
        let partner =
            Partner::new().at(TrustLevel::Confidential).with(signed(MOU_ID, MOU)).with(first);
        PolicySnapshot::builder(US).partner(THEM, partner).build()
    };
    let goes = |agreement: &Agreement, at| {
        decide(&with(agreement.clone()), &record, &green, &them(), at).is_release()
    };
    assert!(!goes(&strict, NOW));
    // By notice it is over, and so is what it prohibits.
    assert!(goes(&strict.clone().terminated(past), NOW));
    let broken = strict.clone().terminated_early(past, notice);
    assert!(broken.ended(NOW) && !broken.in_force(NOW) && broken.binds(NOW));
    assert!(!goes(&broken, NOW), "a breach of the notice lifts no prohibition");
    assert!(goes(&broken, notice));
    assert_eq!(with(broken).next_change(NOW), Some(notice));
    // An end that is later than the notice asks is an end like any other.
    let kept = strict.terminated_early(notice, past);
    assert_eq!(kept.until(), kept.bound_until());
    // What it permitted alone goes no longer.
    let alone = signed(MOU_ID, MOU).terminated_early(past, notice);
    let partner = Partner::new().at(TrustLevel::Confidential).with(alone);
    let alone = PolicySnapshot::builder(US).partner(THEM, partner).build();
    assert!(!decide(&alone, &record, &green, &them(), NOW).is_release());
}

#[test]
fn release_time_embargo_and_expiry_are_instants() {
    let policy = snapshot(US, &[(THEM, Tier::Nda, TrustLevel::Restricted)]);
    let soon = NOW.saturating_add(std::time::Duration::from_millis(1));
    let outcome = |mark: &dyn Fn(&mut Marking), source: Source, to: &Recipient, now| {
        let mut record = incident(Tlp::Clear);
        record.source = source;
        let mut part = part(&mut record, 1, Section::Summary, Tlp::Clear);
        mark(&mut part.marking);
        let decision = decide(&policy, &record, &part, to, now);
        (decision.is_release(), decision.deciding().map(|one| one.gate))
    };
    let foreign = || Source::From { economy: OTHER, obligations: Obligations::unbound() };
    let (them, public) = (them(), Recipient::Public);
    let release = |marking: &mut Marking| marking.release_at = Some(soon);
    assert_eq!(outcome(&release, Source::Own, &them, NOW), (false, Some(Gate::ReleaseTime)));
    assert_eq!(outcome(&release, Source::Own, &them, soon), (true, None));
    let embargo = |marking: &mut Marking| marking.embargo_until = Some(soon);
    assert_eq!(outcome(&embargo, Source::Own, &them, NOW), (true, None));
    assert_eq!(outcome(&embargo, Source::Own, &public, NOW), (false, Some(Gate::Embargo)));
    assert_eq!(outcome(&embargo, Source::Own, &public, soon), (true, None));
    assert_eq!(outcome(&embargo, foreign(), &public, NOW), (false, Some(Gate::Embargo)));
    let expiry = |marking: &mut Marking| marking.expires = Some(soon);
    assert_eq!(outcome(&expiry, Source::Own, &them, NOW), (true, None));
    assert_eq!(outcome(&expiry, Source::Own, &them, soon), (false, Some(Gate::Expiry)));
}

#[test]
fn what_can_be_unsent_goes_to_nobody_until_the_later_of_its_times() {
    let policy = snapshot(US, &[(THEM, Tier::Nda, TrustLevel::Restricted)]);
    let at = |millis| NOW.saturating_add(std::time::Duration::from_millis(millis));
    let mut record = incident(Tlp::Clear);
    let mut part = part(&mut record, 1, Section::Summary, Tlp::Clear);
    record.unsend_until = Some(at(1));
    let outcome = |record: &RecordFacts, part: &PartFacts, to: &Recipient, now| {
        let decision = decide(&policy, record, part, to, now);
        let until = match decision.outcome() {
            Outcome::HoldUntil(until) => Some(*until),
            Outcome::Release(_) | Outcome::Withhold => None,
        };
        (until, decision.deciding().map(|one| one.fact.to_string()))
    };
    let until = |instant: Timestamp| Some(format!("can be unsent until {instant}"));
    for to in [them(), Recipient::Public, Recipient::Constituent { name: "bank".into() }] {
        assert_eq!(outcome(&record, &part, &to, NOW), (Some(at(1)), until(at(1))));
        assert_eq!(outcome(&record, &part, &to, at(1)), (None, None));
    }
    let ours = Recipient::LocalRole { role: "duty".into() };
    assert!(decide(&policy, &record, &part, &ours, NOW).is_release());
    part.marking.release_at = Some(at(2));
    let release = Some(format!("release at {}", at(2)));
    assert_eq!(outcome(&record, &part, &them(), NOW), (Some(at(2)), release));
    record.unsend_until = Some(at(3));
    assert_eq!(outcome(&record, &part, &them(), NOW), (Some(at(3)), until(at(3))));
}
