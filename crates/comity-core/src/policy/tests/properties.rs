//! Properties of the decision over generated partners, records and recipients.

use proptest::prelude::*;
use proptest::sample::Index;

use super::facts::*;
use super::strategies::*;
use crate::agreement::{Prohibitions, ValueSet};
use crate::ledger::Obligations;
use crate::marking::{Marking, Tlp};
use crate::policy::{
    Decision, Fact, Gate, Outcome, PartFacts, Plan, PolicySnapshot, Verdict, decide, plan,
};
use crate::vocabulary::{Class, Kind, Section, State};

/// Whether what `after` gives away is at most what `before` does.
fn no_wider(before: &Outcome, after: &Outcome) -> bool {
    match (before, after) {
        (_, Outcome::Withhold) => true,
        (Outcome::Withhold, Outcome::HoldUntil(_) | Outcome::Release(_))
        | (Outcome::HoldUntil(_), Outcome::Release(_)) => false,
        (Outcome::HoldUntil(before), Outcome::HoldUntil(after)) => before <= after,
        (Outcome::Release(_), Outcome::HoldUntil(_)) => true,
        (Outcome::Release(before), Outcome::Release(after)) => {
            before.meet(after).is_some_and(|sum| {
                let same = |one: &Obligations| {
                    let mut purposes = one.purposes.clone();
                    purposes.sort();
                    (one.onward, one.retention_days, purposes)
                };
                same(&sum) == same(after)
            })
        }
    }
}

fn releases(plan: &Plan) -> std::collections::BTreeSet<crate::PartDigest> {
    plan.releases().iter().copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn adding_a_restriction_never_widens(
        snapshot in snapshots(),
        signed in signed(),
        recipient in recipients(),
        stricter in restrictions(),
    ) {
        let (record, parts) = signed.held(|_| true);
        let after = stricter.apply(&snapshot, &record, &parts);
        for (part, stricter) in parts.iter().zip(&after.parts) {
            let before = decide(&snapshot, &record, part, &recipient, NOW);
            let after = decide(&after.snapshot, &after.record, stricter, &recipient, NOW);
            prop_assert!(
                no_wider(before.outcome(), after.outcome()), "{before:#?}\n{after:#?}"
            );
        }
        let before = plan(&snapshot, &record, &parts, &recipient, NOW);
        let after = plan(&after.snapshot, &after.record, &after.parts, &recipient, NOW);
        prop_assert!(releases(&after).is_subset(&releases(&before)));
        prop_assert!(before.goes() || !after.goes());
    }

    #[test]
    fn withholding_any_parts_never_widens(
        snapshot in snapshots(),
        signed in signed(),
        recipient in recipients(),
        kept in prop::collection::btree_set(prop_oneof![1_u8..=4, 100_u8..=102], 0..=7),
    ) {
        let (record, parts) = signed.held(|_| true);
        let all = plan(&snapshot, &record, &parts, &recipient, NOW);
        let (record, parts) = signed.held(|number| kept.contains(&number));
        let some = plan(&snapshot, &record, &parts, &recipient, NOW);
        prop_assert!(releases(&some).is_subset(&releases(&all)));
        prop_assert!(all.goes() || !some.goes());
    }

    #[test]
    fn ending_the_only_agreement_never_widens(
        snapshot in snapshots(),
        signed in signed(),
        which in any::<Index>(),
        until in instants(),
    ) {
        if snapshot.partner(&THEM).is_none_or(|one| one.agreements.len() != 1) {
            return Ok(());
        }
        let (record, parts) = signed.held(|_| true);
        // CLEAR goes by pairing: where an agreement prohibited it, the end of the one is the end of the
        // other. That is not asked here.
        let mut before = snapshot.clone();
        change(&mut before, THEM, which, |terms| {
            terms.prohibitions = Prohibitions::nothing();
        });
        let mut after = before.clone();
        partner(&mut after, THEM, |one| {
            let agreements = std::mem::take(&mut one.agreements);
            one.agreements = agreements.into_iter().map(|one| one.terminated(until)).collect();
        });
        for part in &parts {
            let before = decide(&before, &record, part, &them(), NOW);
            let after = decide(&after, &record, part, &them(), NOW);
            prop_assert!(before.is_release() || !after.is_release(), "{before:#?}\n{after:#?}");
        }
    }

    #[test]
    fn an_error_is_a_denial(
        snapshot in snapshots(),
        signed in signed(),
        recipient in recipients(),
        which in any::<Index>(),
        error in 0_u8..4,
    ) {
        let (record, mut parts) = signed.held(|_| true);
        if parts.is_empty() {
            return Ok(());
        }
        let part = which.get_mut(&mut parts);
        match error {
            0 => part.classes = ValueSet::none(),
            1 => {
                part.section = Section::Translation;
                part.counts_as = Section::Translation;
            }
            2 => {
                part.section = Section::Addressee;
                part.digest = digest(250);
            }
            _ => part.marking = Marking {
                unknown: part.marking.unknown,
                ..Marking::new(Tlp::Clear)
            },
        }
        let looser = error == 3 && !part.marking.at_least(&record.floor);
        if error < 3 || looser {
            let decision = decide(&snapshot, &record, part, &recipient, NOW);
            prop_assert_eq!(decision.outcome(), &Outcome::Withhold);
            let errors = |one: &&crate::policy::Judgement| matches!(one.fact, Fact::Contradiction(_));
            let error = decision.judgements().iter().find(errors);
            prop_assert_eq!(error.map(|one| one.verdict), Some(Verdict::Deny));
        }
    }

    #[test]
    fn the_same_question_has_the_same_answer(
        one in partners(),
        other in partners(),
        signed in signed(),
        recipient in recipients(),
    ) {
        let (record, parts) = signed.held(|_| true);
        let there = PolicySnapshot::builder(US).partner(THEM, one.clone()).partner(OTHER, other.clone());
        // Folded in another order.
        let mut turned = one;
        let mut seen = std::collections::BTreeSet::new();
        turned.agreements.retain(|agreement| seen.insert(agreement.id()));
        let first = PolicySnapshot::builder(US).partner(OTHER, other.clone());
        let straight = first.clone().partner(THEM, turned.clone()).build();
        turned.agreements.reverse();
        let back = first.partner(THEM, turned).build();
        let ask = |snapshot: &PolicySnapshot| plan(snapshot, &record, &parts, &recipient, NOW);
        prop_assert_eq!(ask(&straight), ask(&back));
        let there = there.build();
        prop_assert_eq!(ask(&there), ask(&there));
    }

    #[test]
    fn a_plan_is_never_wider_than_its_decisions(
        snapshot in snapshots(),
        signed in signed(),
        recipient in recipients(),
    ) {
        let (record, parts) = signed.held(|_| true);
        let plan = plan(&snapshot, &record, &parts, &recipient, NOW);
        let goes = |part: &PartFacts| plan.releases().contains(&part.digest);
        for part in parts.iter().filter(|part| goes(part)) {
            let decision: Decision = decide(&snapshot, &record, part, &recipient, NOW);
            prop_assert!(decision.is_release());
            let Outcome::Release(obligations) = decision.outcome() else { unreachable!() };
            let sum = plan.obligations().and_then(|all| all.meet(obligations));
            prop_assert_eq!(sum.as_ref().map(|sum| sum.onward), plan.obligations().map(|all| all.onward));
        }
        prop_assert_eq!(plan.goes(), parts.iter().any(|part| part.is_content() && goes(part)));
        // Every gate has spoken, and what it says adds up.
        for part in plan.parts() {
            prop_assert_eq!(part.decision.judgements().len(), Gate::ALL.len());
            let denied = part.decision.judgements().iter().any(|one| one.verdict == Verdict::Deny);
            prop_assert_eq!(denied, part.decision.outcome() == &Outcome::Withhold);
            prop_assert_eq!(part.decision.deciding().is_none(), part.decision.is_release());
        }
    }

    #[test]
    fn what_is_unknown_never_goes(
        snapshot in snapshots(),
        signed in signed(),
        recipient in recipients(),
        what in 0_u8..6,
    ) {
        let mut signed = signed;
        match what {
            0 => signed.record.kind = Kind::Unknown(40),
            1 => signed.record.state = State::Unknown(7),
            2 => signed.record.unknown = true,
            3 => signed.record.floor.unknown = true,
            4 => for (_, header) in &mut signed.headers { header.unknown = true; },
            _ => for (_, header) in &mut signed.headers {
                header.classes.insert(Class::Unknown(9));
            },
        }
        let (record, parts) = signed.held(|_| true);
        prop_assert!(!plan(&snapshot, &record, &parts, &recipient, NOW).goes());
    }
}

/// The strategies above would prove nothing if nearly everything were withheld.
#[test]
fn a_good_part_of_what_is_asked_goes() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut goes, mut held, mut asked) = (0, 0, 0);
    for _ in 0..2000 {
        let tree = (snapshots(), signed(), recipients()).new_tree(&mut runner).unwrap();
        let (snapshot, signed, recipient) = tree.current();
        let (record, parts) = signed.held(|_| true);
        let plan = plan(&snapshot, &record, &parts, &recipient, NOW);
        asked += 1;
        goes += i32::from(plan.goes());
        held += i32::from(plan.holds().is_some());
    }
    assert!(goes * 10 > asked, "{goes} of {asked} go");
    assert!(held * 200 > asked, "{held} of {asked} are held");
}
