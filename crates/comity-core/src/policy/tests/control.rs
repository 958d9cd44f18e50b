//! Control records: a list of their own, which nothing widens.

use proptest::prelude::*;
use proptest::sample::select;

use super::facts::*;
use super::strategies::partners;
use super::stricter::{Restriction, restrictions};
use crate::identity::EconomyId;
use crate::keyring::{Confirmation, Place};
use crate::ledger::Obligations;
use crate::limits;
use crate::marking::Tlp;
use crate::policy::{
    ControlAudience, Gate, Partner, PolicySnapshot, Recipient, RecordFacts, Source, Standing,
    TrustLevel, Verdict, decide, decide_control, plan,
};
use crate::vocabulary::{Kind, Section};

fn control(kind: Kind, audience: ControlAudience) -> RecordFacts {
    RecordFacts { kind, control: Some(audience), ..incident(Tlp::Clear) }
}

fn from_abroad(record: RecordFacts) -> RecordFacts {
    let source = Source::From { economy: OTHER, obligations: Obligations::default() };
    RecordFacts { origin: OTHER, source, ..record }
}

fn standing(standing: Standing) -> PolicySnapshot {
    let partner = Partner::new().standing(standing);
    PolicySnapshot::builder(US).partner(THEM, partner).partner(OTHER, Partner::new()).build()
}

fn goes(policy: &PolicySnapshot, record: &RecordFacts) -> bool {
    decide_control(policy, record, &them(), NOW).is_release()
}

/// A stolen link key may be revoked in the keyring that is known of and not here: to whoever has it goes what
/// ends sharing, and what mends the identity.
#[test]
fn to_whose_keyring_is_not_the_newest_nothing_goes_that_is_for_it_alone() {
    let place = Place { rotations: 0, version: 2 };
    let stale = NOW.saturating_sub(limits::HEAD_MAX_AGE);
    let keyring = control(Kind::Keyring, ControlAudience::Partners);
    let agreement = control(Kind::Agreement, ControlAudience::Parties([US, THEM]));
    let mut record = incident(Tlp::Clear);
    let content = part(&mut record, 1, Section::Summary, Tlp::Clear);
    for (said, open) in [
        (Confirmation::At(NOW), true),
        // Who is merely silent speaks for itself as soon as it connects.
        (Confirmation::At(stale), true),
        (Confirmation::Awaited { place, from: NOW, confirmed: NOW }, false),
        (Confirmation::Contradicted(place), false),
    ] {
        for standing in [Standing::Paired, Standing::Suspended] {
            let partner = Partner::new().standing(standing).at(TrustLevel::Restricted);
            let policy = PolicySnapshot::builder(US).partner(THEM, partner);
            let policy = policy.confirmed(THEM, said).build();
            assert!(goes(&policy, &keyring));
            assert_eq!(goes(&policy, &agreement), open);
            let decision = decide(&policy, &record, &content, &them(), NOW);
            let passes = decision.judgement(Gate::Standing).map(|one| one.verdict == Verdict::Pass);
            assert_eq!(passes, Some(open && standing == Standing::Paired));
        }
    }
}

#[test]
fn each_kind_goes_to_those_whom_it_concerns() {
    let policy = standing(Standing::Paired);
    let held = |record: RecordFacts| RecordFacts { released_before: true, ..record };
    let keyring = control(Kind::Keyring, ControlAudience::Partners);
    let withdrawal = control(Kind::Withdrawal, ControlAudience::Holders);
    let contact = control(Kind::Contact, ControlAudience::Partners);
    let introduction = control(Kind::Introduction, ControlAudience::To(THEM));
    for (record, expected) in [
        (keyring.clone(), true),
        (from_abroad(keyring.clone()), false),
        (held(from_abroad(keyring)), true),
        (control(Kind::Agreement, ControlAudience::Parties([US, THEM])), true),
        (control(Kind::Agreement, ControlAudience::Parties([US, OTHER])), false),
        (control(Kind::Acceptance, ControlAudience::Parties([US, THEM])), true),
        (control(Kind::Termination, ControlAudience::Parties([THEM, OTHER])), false),
        (control(Kind::Termination, ControlAudience::Parties([US, THEM])), true),
        (withdrawal.clone(), false),
        (held(withdrawal.clone()), true),
        (held(from_abroad(withdrawal)), true),
        (introduction.clone(), true),
        (from_abroad(introduction), false),
        (control(Kind::Introduction, ControlAudience::To(OTHER)), false),
        (contact.clone(), true),
        (from_abroad(contact), false),
        (control(Kind::Consent, ControlAudience::Named(vec![THEM])), true),
        (control(Kind::Consent, ControlAudience::Named(vec![])), false),
        (from_abroad(control(Kind::Consent, ControlAudience::Named(vec![US, THEM]))), true),
        (control(Kind::Consent, ControlAudience::To(THEM)), true),
        (control(Kind::Consent, ControlAudience::To(OTHER)), false),
        // What was asked of one is passed on by nobody.
        (from_abroad(control(Kind::Consent, ControlAudience::To(THEM))), false),
        (control(Kind::Acknowledgement, ControlAudience::To(THEM)), false),
        (held(control(Kind::Acknowledgement, ControlAudience::To(THEM))), true),
        (held(control(Kind::Acknowledgement, ControlAudience::To(OTHER))), true),
        (from_abroad(control(Kind::Acknowledgement, ControlAudience::To(THEM))), true),
        (from_abroad(control(Kind::Acknowledgement, ControlAudience::To(US))), false),
        (control(Kind::Group, ControlAudience::Partners), false),
        (control(Kind::Roster, ControlAudience::Partners), false),
        // What its own people said to each other is for nobody else.
        (control(Kind::Approval, ControlAudience::Partners), false),
        (control(Kind::Approval, ControlAudience::To(THEM)), false),
        (held(control(Kind::Approval, ControlAudience::Holders)), false),
        // An audience of another kind, none at all, and a kind that has parts.
        (control(Kind::Withdrawal, ControlAudience::Partners), false),
        (control(Kind::Agreement, ControlAudience::Partners), false),
        (RecordFacts { control: None, ..control(Kind::Contact, ControlAudience::Partners) }, false),
        (control(Kind::Incident, ControlAudience::Partners), false),
        (control(Kind::Unknown(99), ControlAudience::Partners), false),
    ] {
        let decision = decide_control(&policy, &record, &them(), NOW);
        assert_eq!(decision.is_release(), expected, "{record:?}: {decision:?}");
    }
}

#[test]
fn a_withdrawal_passes_to_suspended_and_frozen_partners_never_to_revoked_ones() {
    let mut record = control(Kind::Withdrawal, ControlAudience::Holders);
    record.released_before = true;
    for (held, expected) in [
        (Standing::Paired, true),
        (Standing::Suspended, true),
        (Standing::Frozen, true),
        (Standing::Revoked, false),
    ] {
        assert_eq!(goes(&standing(held), &record), expected, "{held}");
    }
    let contact = control(Kind::Contact, ControlAudience::Partners);
    assert!(goes(&standing(Standing::Suspended), &contact));
    assert!(!goes(&standing(Standing::Frozen), &contact));
}

#[test]
fn what_is_set_aside_or_unknown_does_not_go() {
    let policy = standing(Standing::Paired);
    let sound = control(Kind::Contact, ControlAudience::Partners);
    assert!(goes(&policy, &sound));
    assert!(!goes(&policy, &RecordFacts { quarantined: true, ..sound.clone() }));
    assert!(!goes(&policy, &RecordFacts { pending: true, ..sound.clone() }));
    assert!(!goes(&policy, &RecordFacts { unknown: true, ..sound.clone() }));
    assert!(!goes(&policy, &RecordFacts { addressed: true, ..sound }));
}

#[test]
fn what_binds_in_doubt_goes_to_the_other_party_and_to_nobody_else() {
    let policy = standing(Standing::Paired);
    let aside = |record| RecordFacts { quarantined: true, binds_in_doubt: true, ..record };
    for kind in Kind::ALL.iter().copied() {
        let agrees = matches!(kind, Kind::Agreement | Kind::Acceptance);
        let between = |other| aside(control(kind, ControlAudience::Parties([US, other])));
        assert_eq!(goes(&policy, &between(THEM)), agrees, "{kind:?}");
        assert!(!goes(&policy, &between(OTHER)), "{kind:?}");
        assert!(!goes(
            &policy,
            &RecordFacts { pending: true, quarantined: false, ..between(THEM) }
        ));
        assert!(!goes(&policy, &RecordFacts { binds_in_doubt: false, ..between(THEM) }));
    }
    let withdrawal = aside(control(Kind::Withdrawal, ControlAudience::Holders));
    assert!(!goes(&policy, &RecordFacts { released_before: true, ..withdrawal }));
}

#[test]
fn it_goes_to_partners_and_our_own_house_only() {
    let policy = standing(Standing::Paired);
    let record = control(Kind::Contact, ControlAudience::Partners);
    let decide = |recipient| decide_control(&policy, &record, &recipient, NOW).is_release();
    assert!(decide(Recipient::LocalRole { role: "duty".into() }));
    assert!(!decide(Recipient::Public));
    assert!(!decide(Recipient::Constituent { name: "bank".into() }));
    assert!(!decide(Recipient::partner(EconomyId([77; 32]))));
}

#[test]
fn a_control_record_has_no_parts() {
    let policy = standing(Standing::Paired);
    let mut record = control(Kind::Contact, ControlAudience::Partners);
    let part = part(&mut record, 1, crate::Section::Summary, Tlp::Clear);
    let decision = decide(&policy, &record, &part, &them(), NOW);
    assert_eq!(decision.deciding().map(|one| one.gate), Some(Gate::Kind));
    let plan = plan(&policy, &record, &[part], &them(), NOW);
    assert!(plan.goes() && plan.releases().is_empty());
}

fn audiences() -> impl Strategy<Value = Option<ControlAudience>> {
    let economies = || select(vec![US, THEM, OTHER]);
    prop_oneof![
        Just(Some(ControlAudience::Partners)),
        Just(Some(ControlAudience::Holders)),
        Just(None),
        (economies(), economies())
            .prop_map(|(one, other)| Some(ControlAudience::Parties([one, other]))),
        economies().prop_map(|to| Some(ControlAudience::To(to))),
        prop::collection::vec(economies(), 0..3)
            .prop_map(|named| Some(ControlAudience::Named(named))),
    ]
}

proptest! {
    #[test]
    fn nothing_but_standing_and_audience_moves_it(
        kind in select(Kind::ALL.to_vec()),
        control in audiences(),
        released_before in any::<bool>(),
        abroad in any::<bool>(),
        one in partners(),
        other in partners(),
        restriction in restrictions(),
    ) {
        let record = RecordFacts { kind, control, released_before, ..incident(Tlp::Clear) };
        let record = if abroad { from_abroad(record) } else { record };
        let policy = |partner: Partner| {
            PolicySnapshot::builder(US).partner(THEM, partner).partner(OTHER, Partner::new()).build()
        };
        let (bare, before) = (policy(Partner::new().standing(one.standing)), policy(one.clone()));
        // Trust and agreements make no difference, whatever they are.
        prop_assert_eq!(goes(&bare, &record), goes(&before, &record));
        let swapped = Partner { standing: one.standing, ..other };
        prop_assert_eq!(goes(&policy(swapped), &record), goes(&before, &record));
        // A revoked partner gets nothing, a kind with parts goes nowhere.
        let revoked = policy(Partner { standing: Standing::Revoked, ..one });
        prop_assert!(!goes(&revoked, &record));
        prop_assert!(kind.is_control() || !goes(&before, &record));
        // A restriction never lets through what did not pass.
        let Restriction { snapshot, record: stricter, .. } =
            restriction.apply(&before, &record, &[]);
        prop_assert!(goes(&before, &record) || !goes(&snapshot, &stricter));
    }
}
