//! Properties of the decision over generated partners, records and recipients.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::facts::*;
use super::strategies::*;
use super::stricter::*;
use crate::agreement::{Prohibitions, Tier, ValueSet};
use crate::ledger::Obligations;
use crate::marking::{Marking, Onward, Tlp};
use crate::policy::{
    Agreement, Comparison, Consent, Decision, Fact, Gate, Outcome, PartFacts, Partner, Plan,
    PolicySnapshot, Received, Recipient, RecordFacts, Shared, Source, Verdict, decide, plan,
};
use crate::test_util::policy::terms;
use crate::time::Timestamp;
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

/// What any of the agreements prohibits, and whether any excludes use for law enforcement.
fn all_prohibitions(agreements: &[Agreement]) -> (Prohibitions, bool) {
    let mut all = Prohibitions::nothing();
    for never in agreements.iter().map(|one| one.terms().prohibitions()) {
        all.tlp_above = match (all.tlp_above, never.tlp_above) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        all.sections = all.sections.or(never.sections);
        all.classes = all.classes.or(never.classes);
        all.kinds = all.kinds.or(never.kinds);
        all.categories.extend(never.categories.iter().cloned());
    }
    (all, agreements.iter().any(|one| one.terms().no_law_enforcement_use()))
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
    fn a_further_source_never_widens_and_binds_whoever_gets_it(
        snapshot in snapshots(),
        signed in signed(),
        recipient in recipients(),
        which in any::<Index>(),
        more in vec((select(vec![OTHER, THIRD, THEM]), obligations()), 1..4),
    ) {
        let (record, parts) = signed.held(|_| true);
        if parts.is_empty() {
            return Ok(());
        }
        let part = which.get(&parts);
        let before = decide(&snapshot, &record, part, &recipient, NOW);
        let (mut again, mut contrary) = (part.clone(), false);
        for (economy, obligations) in &more {
            contrary |= again
                .taken_from(&record.source, *economy)
                .is_some_and(|before| before.meet(obligations).is_none());
            let (economy, obligations) = (*economy, obligations.clone().into());
            again.received(&record.source, &Received { economy, obligations });
        }
        let after = decide(&snapshot, &record, &again, &recipient, NOW);
        prop_assert!(no_wider(before.outcome(), after.outcome()), "{before:#?}\n{after:#?}");
        if record.source == Source::Own {
            prop_assert_eq!(before.outcome(), after.outcome());
            return Ok(());
        }
        if let (Outcome::Release(taken), Recipient::Partner { economy: to, .. }) =
            (after.outcome(), &recipient)
        {
            for (economy, obligations) in &more {
                prop_assert_ne!(economy, to);
                prop_assert!(taken.onward >= obligations.onward);
                prop_assert!(obligations.onward < Onward::None);
            }
        }
        // In whatever order they came, unless one contradicts itself, or our own people are left what
        // several disagree about: then the first word counts.
        let local = matches!(recipient, Recipient::LocalRole { .. });
        if contrary || (local && share_none(&record, &again)) {
            return Ok(());
        }
        let mut turned = part.clone();
        for (economy, obligations) in more.into_iter().rev() {
            let obligations = obligations.into();
            turned.received(&record.source, &Received { economy, obligations });
        }
        let turned = decide(&snapshot, &record, &turned, &recipient, NOW);
        prop_assert!(
            no_wider(after.outcome(), turned.outcome())
                && no_wider(turned.outcome(), after.outcome()),
            "{after:#?}\n{turned:#?}"
        );
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

    /// A head holds back or does nothing. It never releases what went nowhere without it.
    #[test]
    fn a_head_only_ever_holds_back(
        policy in snapshots(),
        record in signed(),
        recipient in recipients(),
        said in confirmations(),
        again in confirmations(),
        whose in select(vec![US, OTHER, THEM]),
    ) {
        let origin = record.record.origin;
        let without = policy.to_builder().unheard(&whose).build();
        let with = |said| policy.to_builder().confirmed(whose, said).build();
        let (record, parts) = record.held(|_| true);
        for part in &parts {
            let ask = |policy: &PolicySnapshot| decide(policy, &record, part, &recipient, NOW);
            let (before, after) = (ask(&without), ask(&with(said)));
            let later = ask(&with(again));
            prop_assert!(no_wider(before.outcome(), after.outcome()));
            let lacks = said.lacks(NOW).filter(|_| whose != US);
            let to = recipient.economy() == Some(whose);
            let hangs = lacks.is_some_and(|why| whose == origin || to && why.doubts_link());
            if lacks.is_none() {
                prop_assert_eq!(before.outcome(), after.outcome());
            } else if hangs && !matches!(recipient, Recipient::LocalRole { .. }) {
                prop_assert!(!after.is_release());
            }
            // What one more head lets go, went before there was any.
            prop_assert!(!later.is_release() || before.is_release());
        }
    }

    /// In whatever order parts, addressees, orders and consents are read.
    #[test]
    fn the_order_in_which_things_are_known_does_not_matter(
        snapshot in snapshots(),
        more in prop::collection::vec(consents(), 2..=3),
        signed in signed(),
        recipient in recipients(),
    ) {
        let (record, parts) = signed.held(|_| true);
        let mut ids = std::collections::BTreeSet::new();
        let more: Vec<_> = more.into_iter().filter(|one| ids.insert(one.id)).collect();
        let with = |consents: Vec<&Consent>| {
            let builder = snapshot.to_builder();
            consents.into_iter().fold(builder, |all, one| all.consent(one.clone())).build()
        };
        let straight = with(more.iter().collect());
        let back = with(more.iter().rev().collect());
        prop_assert_eq!(&straight, &back);
        let mut turned = record.clone();
        turned.addressees.reverse();
        turned.orders.reverse();
        let mut reversed = parts.clone();
        reversed.reverse();
        let one = plan(&straight, &record, &parts, &recipient, NOW);
        let other = plan(&back, &turned, &reversed, &recipient, NOW);
        prop_assert_eq!(one.releases(), other.releases());
        prop_assert_eq!(one.obligations(), other.obligations());
        prop_assert_eq!(one.holds(), other.holds());
        for (part, again) in one.parts().iter().zip(other.parts().iter().rev()) {
            prop_assert_eq!(part, again);
        }
    }

    /// One agreement permits, by itself; what any of them prohibits, and what all of them demand,
    /// applies to each.
    #[test]
    fn permissions_are_a_union_and_so_are_prohibitions(
        snapshot in snapshots(),
        signed in signed(),
        recipient in recipients(),
    ) {
        let Some(them) = snapshot.partner(&THEM) else { return Ok(()) };
        let in_force: Vec<_> =
            them.agreements.iter().filter(|one| one.in_force(NOW)).cloned().collect();
        let under = |agreements: Vec<Agreement>| {
            let partner = Partner { agreements, ..them.clone() };
            snapshot.to_builder().partner(THEM, partner).build()
        };
        let (never, excluded) = all_prohibitions(&in_force);
        let demanded = in_force.iter().try_fold(Obligations::unbound(), |sum, one| {
            sum.meet(one.terms().obligations())
        });
        let alone = |agreement: &Agreement| {
            let mut terms = agreement.terms().clone();
            terms.prohibitions = never.clone();
            terms.no_law_enforcement_use = excluded;
            terms.obligations = demanded.clone()?;
            Some(under(vec![Agreement::new(agreement.id(), Arc::new(terms), Timestamp::EPOCH)]))
        };
        // Pairing permits as well, and is bound by what is prohibited.
        let mut nothing = terms(Tier::Mou);
        (nothing.kinds, nothing.prohibitions) = (ValueSet::none(), never.clone());
        let nothing = Agreement::new(crate::RecordId([99; 32]), Arc::new(nothing), Timestamp::EPOCH);
        let each: Vec<_> =
            in_force.iter().filter_map(alone).chain([under(vec![nothing])]).collect();
        let all = under(in_force.clone());
        let (record, parts) = signed.held(|_| true);
        for part in &parts {
            let goes = |snapshot: &PolicySnapshot| {
                decide(snapshot, &record, part, &recipient, NOW).is_release()
            };
            prop_assert_eq!(goes(&all), each.iter().any(goes), "{:#?}", all);
        }
    }

    /// Remembered or not, the answer is the same, with what every gate says: also about parts that
    /// differ in one thing only, and when time goes back.
    #[test]
    fn a_shared_decision_is_the_decision(
        snapshot in snapshots(),
        signed in prop::collection::vec(signed(), 1..=2),
        recipients in prop::collection::vec(recipients(), 1..=2),
        stricter in prop::collection::vec(restrictions(), 0..=3),
        moments in prop::collection::vec(instants(), 1..=3),
    ) {
        let mut asked = Vec::new();
        for (record, parts) in signed.iter().map(|one| one.held(|_| true)) {
            for one in &stricter {
                let changed = one.clone().apply(&snapshot, &record, &parts);
                asked.push((changed.record, changed.parts));
            }
            asked.push((record, parts));
        }
        let mut shared = Shared::new(snapshot.clone());
        // Twice, so that what was remembered the first time is what is answered the second.
        for now in moments.iter().chain(&moments).copied() {
            for (record, part) in asked.iter().flat_map(|(record, parts)| parts.iter().map(move |part| (record, part))) {
                let classed = shared.classify(record, part, now);
                for recipient in &recipients {
                    let direct = decide(&snapshot, record, part, recipient, now);
                    prop_assert_eq!(&*shared.decide(&classed, recipient), &direct);
                    prop_assert_eq!(&*shared.decide(&classed, recipient), &direct);
                    let answer = shared.answer(&classed, recipient);
                    prop_assert_eq!(&answer.outcome, direct.outcome());
                    prop_assert_eq!(answer.covering, direct.covering());
                    prop_assert_eq!(answer.rests_on_order, direct.rests_on_order());
                }
            }
        }
    }

    /// What a comparison says changes is what two plans differ in, and it says it again.
    #[test]
    fn a_comparison_is_the_difference_of_two_plans(
        before in snapshots(),
        after in snapshots(),
        signed in prop::collection::vec(signed(), 1..=3),
        recipient in recipients(),
        moments in prop::collection::vec(instants(), 1..=2),
    ) {
        // Only what is agreed differs.
        let after = after.partners().fold(before.to_builder(), |builder, (economy, partner)| {
            builder.partner(*economy, partner.clone())
        });
        let after = after.build();
        let mut comparison = Comparison::new(before.clone(), after.clone());
        for now in moments.iter().chain(&moments).copied() {
            for (record, parts) in signed.iter().map(|one| one.held(|_| true)) {
                let goes = |snapshot: &PolicySnapshot| {
                    plan(snapshot, &record, &parts, &recipient, now).releases().to_vec()
                };
                let (old, new) = (goes(&before), goes(&after));
                let shift = comparison.shift(&record, &parts, &recipient, now);
                prop_assert_eq!(shift.is_some(), old != new);
                let shift = shift.unwrap_or_default();
                let begins: Vec<_> = new.iter().filter(|part| !old.contains(part)).collect();
                let stops: Vec<_> = old.iter().filter(|part| !new.contains(part)).collect();
                prop_assert_eq!(shift.begins.iter().collect::<Vec<_>>(), begins);
                prop_assert_eq!(shift.stops.iter().collect::<Vec<_>>(), stops);
            }
        }
    }

    /// Whatever is asked, every gate has an answer, and nothing panics.
    #[test]
    fn every_question_has_an_answer(
        snapshot in snapshots(),
        signed in signed(),
        kind in 0_u64..40,
        to in prop::sample::select(vec![US, THEM, OTHER, crate::EconomyId([9; 32])]),
        now in any::<u64>(),
        classes in prop::collection::vec(0_u64..8, 0..3),
    ) {
        let mut signed = signed;
        signed.record.kind = Kind::from_code(kind);
        for (_, header) in &mut signed.headers {
            header.classes.extend(classes.iter().copied().map(Class::from_code));
        }
        let (record, parts) = signed.held(|_| true);
        let now = Timestamp::from_millis(now);
        for recipient in [
            Recipient::partner(to),
            Recipient::Public,
            Recipient::Constituent { name: String::new() },
            Recipient::LocalRole { role: String::new() },
        ] {
            for part in &parts {
                let decision = decide(&snapshot, &record, part, &recipient, now);
                prop_assert_eq!(decision.judgements().len(), Gate::ALL.len());
                prop_assert!(!decision.judgements().iter().any(|one| one.fact.to_string().is_empty()));
            }
            let all = plan(&snapshot, &record, &parts, &recipient, now);
            prop_assert!(!record.kind.is_control() || all.releases().is_empty());
        }
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
        let tree = (silent_snapshots(), signed(), recipients()).new_tree(&mut runner).unwrap();
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

/// Whether those who brought a part name no common purpose.
fn share_none(record: &RecordFacts, part: &PartFacts) -> bool {
    let first = match &record.source {
        Source::Own => Some(Obligations::unbound()),
        Source::From { obligations, .. } => Some(obligations.clone()),
    };
    let all = part.sources.iter().fold(first, |sum, more| sum?.meet(&more.obligations));
    all.is_none()
}
