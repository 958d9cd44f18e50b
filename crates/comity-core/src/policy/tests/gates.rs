//! The gates one by one: what each says in every case that it knows, written out by hand.

use std::sync::Arc;
use std::time::Duration;

use super::facts::*;
use crate::agreement::{ReviewOverdue, Terms, Tier};
use crate::identity::RecordId;
use crate::ledger::Obligations;
use crate::marking::{Pap, Tlp};
use crate::policy::{
    Agreement, Approval, Contradiction, Examination, Fact, Gate, Judgement, PartFacts, Partner,
    PolicySnapshot, Recipient, RecordFacts, Source, TrustLevel, Verdict, Word, decide, plan,
};
use crate::test_util::policy::terms;
use crate::time::Timestamp;
use crate::vocabulary::{Class, Section};

pub(super) const FIRST: RecordId = RecordId([21; 32]);
const SECOND: RecordId = RecordId([22; 32]);

pub(super) fn signed(id: RecordId, tier: Tier, change: impl FnOnce(&mut Terms)) -> Agreement {
    let mut terms = terms(tier);
    change(&mut terms);
    Agreement::new(id, Arc::new(terms), Timestamp::EPOCH)
}

pub(super) fn under(agreements: impl IntoIterator<Item = Agreement>) -> PolicySnapshot {
    let partner = Partner::new().at(TrustLevel::Restricted);
    let partner = agreements.into_iter().fold(partner, Partner::with);
    PolicySnapshot::builder(US).partner(THEM, partner).build()
}

pub(super) fn nda(change: impl FnOnce(&mut Terms)) -> PolicySnapshot {
    under([signed(FIRST, Tier::Nda, change)])
}

pub(super) fn asked(
    policy: &PolicySnapshot,
    record: &RecordFacts,
    part: &PartFacts,
    to: &Recipient,
    gate: Gate,
) -> Judgement {
    *decide(policy, record, part, to, NOW).judgement(gate).unwrap()
}

pub(super) fn constituent() -> Recipient {
    Recipient::Constituent { name: "bank".into() }
}

pub(super) fn role() -> Recipient {
    Recipient::LocalRole { role: "duty".into() }
}

pub(super) fn green(record: &mut RecordFacts) -> PartFacts {
    part(record, 1, Section::Summary, Tlp::Green)
}

pub(super) fn received(obligations: Obligations) -> RecordFacts {
    let source = Source::From { economy: OTHER, obligations };
    RecordFacts { origin: OTHER, source, ..incident(Tlp::Clear) }
}

#[test]
fn pap_goes_where_it_is_kept() {
    use Pap::{Amber, Clear, Green, Red};
    for (most, pap, passes) in [
        (Clear, Clear, true),
        (Clear, Green, false),
        (Green, Green, true),
        (Green, Amber, false),
        (Amber, Green, true),
        (Amber, Amber, true),
        (Amber, Red, false),
        (Red, Red, true),
    ] {
        let policy = nda(|terms| terms.max_pap = most);
        let mut record = incident(Tlp::Clear);
        let mut part = green(&mut record);
        part.marking.pap = Some(pap);
        let said = asked(&policy, &record, &part, &them(), Gate::Pap);
        assert_eq!(said.verdict == Verdict::Pass, passes, "{most} {pap}: {said:?}");
        assert_eq!(decide(&policy, &record, &part, &them(), NOW).is_release(), passes);
        for (to, here) in
            [(Recipient::Public, pap == Clear), (constituent(), pap <= Green), (role(), true)]
        {
            let said = asked(&policy, &record, &part, &to, Gate::Pap);
            assert_eq!(said.verdict == Verdict::Pass, here, "{to:?} {pap}: {said:?}");
        }
    }
    // Pairing alone binds nobody.
    let mut record = incident(Tlp::Clear);
    let mut clear = part(&mut record, 1, Section::Summary, Tlp::Clear);
    assert!(decide(&under([]), &record, &clear, &them(), NOW).is_release());
    clear.marking.pap = Some(Green);
    assert!(!decide(&under([]), &record, &clear, &them(), NOW).is_release());
}

#[test]
fn every_category_needs_to_be_covered_and_none_prohibited() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (covered, never, carried, fact) in [
        (&[][..], &[][..], &[][..], Fact::NoCategory),
        (&["energy"], &["energy"], &[], Fact::NoCategory),
        (&["energy"], &[], &["energy"], Fact::CategoriesCovered),
        (&["energy", "health"], &[], &["energy", "health"], Fact::CategoriesCovered),
        (&["energy"], &[], &["energy", "health"], Fact::CategoryNotCovered(Word::new("health"))),
        (&[], &[], &["energy"], Fact::CategoryNotCovered(Word::new("energy"))),
        (&["energy"], &["energy"], &["energy"], Fact::CategoryProhibited(Word::new("energy"))),
        (&["Energy"], &[], &["energy"], Fact::CategoryNotCovered(Word::new("energy"))),
    ] {
        let policy = nda(|terms| {
            terms.categories = names(covered);
            terms.prohibitions.categories = names(never);
        });
        let mut record = incident(Tlp::Clear);
        let mut part = green(&mut record);
        part.marking.categories = names(carried).into_iter().collect();
        let said = asked(&policy, &record, &part, &them(), Gate::Category);
        assert_eq!(said.fact, fact, "{covered:?} {never:?} {carried:?}");
        let passes = matches!(fact, Fact::NoCategory | Fact::CategoriesCovered);
        assert_eq!(said.verdict == Verdict::Pass, passes);
        assert_eq!(decide(&policy, &record, &part, &them(), NOW).is_release(), passes);
        for (to, here) in [
            (Recipient::Public, carried.is_empty()),
            (constituent(), carried.is_empty()),
            (role(), true),
        ] {
            let said = asked(&policy, &record, &part, &to, Gate::Category);
            assert_eq!(said.verdict == Verdict::Pass, here, "{to:?} {carried:?}: {said:?}");
        }
    }
}

#[test]
fn one_agreement_covers_all_and_every_prohibition_applies() {
    let energy = |terms: &mut Terms| terms.categories = vec!["energy".into()];
    let pap = |terms: &mut Terms| terms.max_pap = Pap::Red;
    let mut record = incident(Tlp::Clear);
    let mut part = green(&mut record);
    part.marking.categories = ["energy".to_owned()].into();
    part.marking.pap = Some(Pap::Amber);
    // One admits the category, the other the actions: neither covers both.
    let apart = under([signed(FIRST, Tier::Nda, energy), signed(SECOND, Tier::Nda, pap)]);
    assert!(!decide(&apart, &record, &part, &them(), NOW).is_release());
    let both = |terms: &mut Terms| {
        energy(terms);
        pap(terms);
    };
    let one = under([signed(FIRST, Tier::Nda, energy), signed(SECOND, Tier::Nda, both)]);
    let decision = decide(&one, &record, &part, &them(), NOW);
    assert_eq!((decision.is_release(), decision.covering()), (true, Some(SECOND)));
    let never = |terms: &mut Terms| terms.prohibitions.categories = vec!["energy".into()];
    let forbidden = under([signed(FIRST, Tier::Nda, never), signed(SECOND, Tier::Nda, both)]);
    let decision = decide(&forbidden, &record, &part, &them(), NOW);
    assert_eq!(decision.deciding().map(|one| one.gate), Some(Gate::Category));
    assert_eq!(decision.deciding().and_then(|one| one.cites).map(|one| one.agreement), Some(FIRST));
}

#[test]
fn an_overdue_review_warns_or_stops_as_the_agreement_says() {
    let day = Duration::from_secs(86_400);
    for (review, overdue, does, passes) in [
        (None, false, ReviewOverdue::Warn, true),
        (Some(NOW), false, ReviewOverdue::Stop, true),
        (Some(NOW.saturating_sub(day)), true, ReviewOverdue::Warn, true),
        (Some(NOW.saturating_sub(day)), true, ReviewOverdue::Stop, false),
    ] {
        let policy = nda(|terms| (terms.review, terms.review_overdue) = (review, does));
        let mut record = incident(Tlp::Clear);
        let green = green(&mut record);
        let said = asked(&policy, &record, &green, &them(), Gate::Review);
        let expected = match (overdue, passes) {
            (false, _) => Fact::ReviewNotDue,
            (true, true) => Fact::ReviewOverdue(NOW),
            (true, false) => Fact::ReviewStops(NOW),
        };
        assert_eq!(said.fact, expected);
        assert_eq!(decide(&policy, &record, &green, &them(), NOW).is_release(), passes);
        // CLEAR needs no agreement.
        let clear = part(&mut record, 2, Section::Summary, Tlp::Clear);
        assert!(decide(&policy, &record, &clear, &them(), NOW).is_release());
    }
    // It is decided again at the instant from which it is overdue.
    let soon = nda(|terms| (terms.review, terms.review_overdue) = (Some(NOW), ReviewOverdue::Stop));
    assert_eq!(soon.next_change(NOW), Some(NOW.saturating_add(day)));
    // Another agreement that covers it is none the worse; what the overdue one prohibits still holds.
    let stopped = |terms: &mut Terms| {
        terms.review = Some(NOW.saturating_sub(day));
        terms.review_overdue = ReviewOverdue::Stop;
        terms.prohibitions.sections = [Section::Attribution].into_iter().collect();
    };
    let two = under([signed(FIRST, Tier::Nda, stopped), signed(SECOND, Tier::Mou, |_| {})]);
    let mut record = incident(Tlp::Clear);
    let summary = green(&mut record);
    assert_eq!(decide(&two, &record, &summary, &them(), NOW).covering(), Some(SECOND));
    let attribution = part(&mut record, 2, Section::Attribution, Tlp::Green);
    assert!(!decide(&two, &record, &attribution, &them(), NOW).is_release());
}

#[test]
fn an_exercise_goes_where_it_is_admitted_and_stays_apart() {
    let admits = nda(|terms| terms.exercises = true);
    let not = nda(|_| {});
    let mut record = incident(Tlp::Clear);
    record.floor.exercise = Some("drill".into());
    let drill = green(&mut record);
    for (policy, to, passes) in [
        (&admits, them(), true),
        (&not, them(), false),
        (&admits, Recipient::Public, false),
        (&admits, constituent(), false),
        (&not, role(), true),
    ] {
        let said = asked(policy, &record, &drill, &to, Gate::Exercise);
        assert_eq!(said.verdict == Verdict::Pass, passes, "{to:?}: {said:?}");
    }
    // Not even what is CLEAR, by pairing.
    let clear = part(&mut record, 2, Section::Summary, Tlp::Clear);
    assert!(!decide(&under([]), &record, &clear, &them(), NOW).is_release());
    // A real record with one part of an exercise: that part stays, wherever exercises are admitted.
    let mut real = incident(Tlp::Clear);
    let mut mixed = green(&mut real);
    mixed.marking.exercise = Some("drill".into());
    let said = asked(&admits, &real, &mixed, &them(), Gate::Exercise);
    assert_eq!(said.fact, Fact::Contradiction(Contradiction::ExerciseAmongReal));
    assert!(!decide(&admits, &real, &mixed, &them(), NOW).is_release());
}

/// (tier, class, section, a basis is listed, the record refers to an order): what comes of it.
#[test]
fn a_listed_basis_suffices_for_address_and_time_and_an_order_for_who() {
    use Class::{Evidence, PersonalData};
    use Section::{Detail, Indicators, Sightings, Victim};
    use Tier::{LawEnforcement, Nda};
    let listed = Fact::BasisListed;
    let ordered = Fact::UnderOrder;
    for (tier, class, section, basis, order, fact) in [
        (Nda, PersonalData, Indicators, false, false, Fact::NoLegalBasis(PersonalData)),
        (Nda, PersonalData, Indicators, true, false, listed),
        (Nda, PersonalData, Sightings, true, false, listed),
        (Nda, PersonalData, Victim, true, false, Fact::NoOrderReference(PersonalData)),
        (Nda, PersonalData, Detail, true, false, Fact::NoOrderReference(PersonalData)),
        // An NDA covers no order reference: the recipient would not have it.
        (Nda, PersonalData, Victim, true, true, Fact::NoOrderReference(PersonalData)),
        (Nda, PersonalData, Indicators, false, true, Fact::NoLegalBasis(PersonalData)),
        (LawEnforcement, PersonalData, Indicators, true, false, listed),
        (LawEnforcement, PersonalData, Indicators, false, false, Fact::NoLegalBasis(PersonalData)),
        (LawEnforcement, PersonalData, Indicators, false, true, ordered),
        (LawEnforcement, PersonalData, Victim, true, false, Fact::NoOrderReference(PersonalData)),
        (LawEnforcement, PersonalData, Victim, false, true, ordered),
        (
            LawEnforcement,
            Evidence,
            Section::Evidence,
            true,
            false,
            Fact::NoOrderReference(Evidence),
        ),
        (LawEnforcement, Evidence, Section::Evidence, false, true, ordered),
        (LawEnforcement, Class::Sensitive, Victim, false, false, Fact::NoBasisNeeded),
    ] {
        let policy = under([signed(FIRST, tier, |terms| {
            terms.legal_bases = basis.then(|| "Act 12, s. 4".to_owned()).into_iter().collect();
        })]);
        let mut record = incident(Tlp::Clear);
        let who = classed(&mut record, 1, section, Tlp::Green, &[class]);
        let reference =
            classed(&mut record, 2, Section::Detail, Tlp::Green, &[Class::OrderReference]);
        if !order {
            record.orders.clear();
        }
        let said = asked(&policy, &record, &who, &them(), Gate::LegalBasis);
        assert_eq!(said.fact, fact, "{tier} {class} {section} {basis} {order}");
        let passes = matches!(fact, Fact::BasisListed | Fact::UnderOrder | Fact::NoBasisNeeded);
        assert_eq!(decide(&policy, &record, &who, &them(), NOW).is_release(), passes);
        // What rests on the order goes with it, and not without it.
        let alone = plan(&policy, &record, std::slice::from_ref(&who), &them(), NOW);
        assert_eq!(alone.goes(), passes && fact != ordered, "{alone:?}");
        let with = plan(&policy, &record, &[who.clone(), reference], &them(), NOW);
        assert_eq!(with.releases().contains(&who.digest), passes);
        for (to, here) in [(role(), true), (constituent(), false), (Recipient::Public, false)] {
            let said = asked(&policy, &record, &who, &to, Gate::LegalBasis);
            let here = here || class == Class::Sensitive;
            assert_eq!(said.verdict == Verdict::Pass, here, "{to:?} {class}");
        }
    }
}

#[test]
fn an_order_is_a_part_of_its_own() {
    let mut record = incident(Tlp::Clear);
    let both = [Class::PersonalData, Class::OrderReference];
    let who = classed(&mut record, 1, Section::Victim, Tlp::Green, &both);
    assert!(record.orders.is_empty());
    let policy = under([signed(FIRST, Tier::LawEnforcement, |_| {})]);
    assert!(!decide(&policy, &record, &who, &them(), NOW).is_release());
    let order = classed(&mut record, 2, Section::Detail, Tlp::Green, &[Class::OrderReference]);
    assert_eq!(record.orders, [order.digest]);
    assert!(decide(&policy, &record, &who, &them(), NOW).is_release());
    // An order that is itself marked beyond the recipient takes with it what rests on it.
    let mut beyond = order;
    beyond.marking.tlp = Tlp::Red;
    let parts = [who, beyond];
    let none = plan(&policy, &record, &parts, &them(), NOW);
    assert!(!none.goes());
    assert_eq!(none.parts()[0].decision.deciding().map(|one| one.fact), Some(Fact::OrderWithheld));
}

#[test]
fn purposes_bind_whoever_gets_it() {
    let purposes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (agreed, taken_on, fact) in [
        (&[][..], &[][..], Fact::AnyPurpose),
        (&["response"], &[], Fact::PurposesBind),
        (&[], &["response"], Fact::PurposesBind),
        (&["response"], &["crime", "response"], Fact::PurposesBind),
        (&["response"], &["crime"], Fact::PurposeNotShared),
    ] {
        let policy = nda(|terms| terms.obligations.purposes = purposes(agreed));
        let mut record =
            received(Obligations { purposes: purposes(taken_on), ..Obligations::unbound() });
        let part = green(&mut record);
        let said = asked(&policy, &record, &part, &them(), Gate::Purpose);
        assert_eq!(said.fact, fact, "{agreed:?} {taken_on:?}");
        let passes = fact != Fact::PurposeNotShared;
        assert_eq!(decide(&policy, &record, &part, &them(), NOW).is_release(), passes);
        for (to, here) in
            [(Recipient::Public, taken_on.is_empty()), (constituent(), true), (role(), true)]
        {
            let said = asked(&policy, &record, &part, &to, Gate::Purpose);
            assert_eq!(said.verdict == Verdict::Pass, here, "{to:?} {taken_on:?}");
        }
    }
}

#[test]
fn what_excludes_law_enforcement_leaves_nothing_to_an_agreement_for_it() {
    let excludes = |terms: &mut Terms| terms.no_law_enforcement_use = true;
    let police = || signed(SECOND, Tier::LawEnforcement, |_| {});
    let mut record = incident(Tlp::Clear);
    let sensitive = classed(&mut record, 1, Section::Summary, Tlp::Green, &[Class::Sensitive]);
    let goes = |policy: &PolicySnapshot, record: &RecordFacts| {
        let decision = decide(policy, record, &sensitive, &them(), NOW);
        (decision.is_release(), decision.deciding().map(|one| one.fact))
    };
    let excluded = (false, Some(Fact::NotForLawEnforcement));
    assert_eq!(goes(&under([police()]), &record), (true, None));
    // Of an MoU with the same partner, which does not cover it, the exclusion applies.
    let mou = signed(FIRST, Tier::Mou, excludes);
    assert_eq!(goes(&under([mou, police()]), &record), excluded);
    // An NDA that covers it itself permits it, for other uses.
    let nda = || signed(FIRST, Tier::Nda, excludes);
    assert_eq!(goes(&under([nda(), police()]), &record), (true, None));
    // What was received under such an agreement does not go on to law enforcement, even after its end.
    let source = Partner::new().with(nda().terminated(NOW));
    let policy = under([police()]).to_builder().partner(OTHER, source).build();
    assert_eq!(goes(&policy, &received(Obligations::unbound())), excluded);
}

#[test]
fn what_takes_a_second_person_leaves_by_no_exit_before_one_approves() {
    let why = Word::new("TLP:CLEAR");
    let policy = nda(|_| {});
    for (approval, passes, fact) in [
        (Approval::NotNeeded, true, Fact::NoApprovalNeeded),
        (Approval::Awaited(why), false, Fact::AwaitsApproval(why)),
        (Approval::Refused, false, Fact::ApprovalRefused),
        (Approval::Given, true, Fact::Approved),
    ] {
        let mut record = RecordFacts { approval, ..incident(Tlp::Clear) };
        let part = part(&mut record, 1, Section::Summary, Tlp::Clear);
        for to in [them(), constituent(), Recipient::Public] {
            assert_eq!(asked(&policy, &record, &part, &to, Gate::Approval).fact, fact, "{to:?}");
            let decision = decide(&policy, &record, &part, &to, NOW);
            assert_eq!(decision.is_release(), passes, "{to:?}");
            assert!(passes || decision.deciding().map(|one| one.gate) == Some(Gate::Approval));
        }
        // Whoever is to approve it sees it.
        assert!(decide(&policy, &record, &part, &role(), NOW).is_release());
    }
    assert_eq!(Fact::AwaitsApproval(why).to_string(), "waits for approval (TLP:CLEAR)");
}

/// What would not go anyway says so, and not that it waits.
#[test]
fn another_refusal_tells_more_than_that_it_waits() {
    let approval = Approval::Awaited(Word::new("TLP:RED"));
    let mut record = RecordFacts { approval, ..incident(Tlp::Red) };
    let part = part(&mut record, 1, Section::Summary, Tlp::Red);
    let decision = decide(&nda(|_| {}), &record, &part, &them(), NOW);
    assert_eq!(decision.deciding().map(|one| one.gate), Some(Gate::Tlp));
}

#[test]
fn the_guard_s_word_counts_while_there_are_rules() {
    let rule = Word::new("own-prefixes");
    let (clear, hit) = (Examination::Clear { revision: 7 }, Examination::Hit { revision: 7, rule });
    let stale = Examination::Clear { revision: 6 };
    let free = nda(|_| {});
    let guarded = free.to_builder().guarded(7).build();
    for (policy, examination, fact) in [
        (&free, Examination::NotExamined, Fact::NoGuardRule),
        (&free, hit, Fact::NoGuardRule),
        (&guarded, Examination::NotExamined, Fact::NotExamined),
        (&guarded, stale, Fact::NotExamined),
        (&guarded, clear, Fact::GuardClear),
        (&guarded, hit, Fact::GuardHit(rule)),
    ] {
        let mut record = incident(Tlp::Clear);
        let mut part = part(&mut record, 1, Section::Summary, Tlp::Clear);
        part.guard = examination;
        let passes = matches!(fact, Fact::NoGuardRule | Fact::GuardClear);
        for to in [them(), constituent(), Recipient::Public] {
            assert_eq!(asked(policy, &record, &part, &to, Gate::EgressGuard).fact, fact, "{to:?}");
            assert_eq!(decide(policy, &record, &part, &to, NOW).is_release(), passes, "{to:?}");
        }
        // Our own people see what was held.
        assert!(decide(policy, &record, &part, &role(), NOW).is_release());
    }
    assert_eq!(Fact::GuardHit(rule).to_string(), "held by the egress guard (own-prefixes)");
}
