//! Properties of the decision over generated partners, records and recipients.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::facts::*;
use crate::agreement::{Prohibitions, Terms, Tier, ValueSet};
use crate::identity::{EconomyId, RecordId};
use crate::ledger::Obligations;
use crate::marking::{Marking, Onward, Tlp};
use crate::policy::{
    Agreement, Decision, Fact, Gate, Lifecycle, Outcome, PartFacts, Partner, Plan, PolicySnapshot,
    Recipient, RecordFacts, Source, Standing, TrustLevel, Verdict, decide, plan,
};
use crate::record::{Addressee, Header};
use crate::test_util::policy::terms;
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section, State};

/// Instants around [`NOW`]: long before, at, soon and long after.
fn instants() -> impl Strategy<Value = Timestamp> {
    let now = NOW.as_millis();
    select(vec![now - 1_000_000, now - 1, now, now + 1, now + 1_000_000])
        .prop_map(Timestamp::from_millis)
}

fn tlps() -> impl Strategy<Value = Tlp> {
    select(Tlp::ALL.to_vec())
}

fn onwards() -> impl Strategy<Value = Onward> {
    select(vec![Onward::WithinMarking, Onward::WithinMarking, Onward::Ask, Onward::None])
}

fn obligations() -> impl Strategy<Value = Obligations> {
    let purposes = subsequence(vec!["crime", "protection", "response"], 0..=3);
    (onwards(), option::of(1_u32..400), purposes).prop_map(|(onward, retention_days, purposes)| {
        let purposes = purposes.into_iter().map(str::to_owned).collect();
        Obligations { onward, retention_days, purposes }
    })
}

fn sets<T: crate::agreement::Value + PartialEq + std::fmt::Debug>(
    most: usize,
) -> impl Strategy<Value = ValueSet<T>> {
    subsequence(T::KNOWN.to_vec(), 0..=most.min(T::KNOWN.len()))
        .prop_map(|values| values.into_iter().collect())
}

fn prohibitions() -> impl Strategy<Value = Prohibitions> {
    (option::weighted(0.2, tlps()), sets(1), sets(1), sets(2)).prop_map(
        |(tlp_above, sections, classes, kinds)| Prohibitions {
            tlp_above,
            sections,
            classes,
            kinds,
        },
    )
}

fn some_terms() -> impl Strategy<Value = Terms> {
    let tier = select(Tier::SIGNED.to_vec());
    let narrowed = (tlps(), sets::<Section>(3), sets::<Class>(1), sets::<Kind>(3));
    (
        tier,
        [prop::bool::weighted(0.3), prop::bool::weighted(0.3)],
        narrowed,
        obligations(),
        prohibitions(),
    )
        .prop_map(
            |(
                tier,
                [narrow, prohibit],
                (max_tlp, sections, classes, kinds),
                obligations,
                never,
            )| {
                let mut terms = terms(tier);
                terms.obligations = obligations;
                if narrow {
                    terms.max_tlp = terms.max_tlp.min(max_tlp);
                    terms.sections = terms.sections.without(sections);
                    terms.classes = terms.classes.without(classes);
                    terms.kinds = terms.kinds.without(kinds);
                }
                if prohibit {
                    terms.prohibitions = never;
                }
                terms
            },
        )
}

fn agreements() -> impl Strategy<Value = Agreement> {
    let until = option::weighted(0.3, instants());
    (any::<u8>(), some_terms(), prop::bool::weighted(0.65), instants(), until).prop_map(
        |(id, terms, started, from, until)| {
            let accepted = if started { Timestamp::EPOCH } else { from };
            let agreement = Agreement::new(RecordId([id; 32]), Arc::new(terms), accepted);
            match until {
                Some(until) => agreement.terminated(until),
                None => agreement,
            }
        },
    )
}

/// Partners, mostly in good standing and well trusted, so that a good part of what is asked passes.
pub(super) fn partners() -> impl Strategy<Value = Partner> {
    use Standing::{Frozen, Paired, Revoked, Suspended};
    let standings = vec![Paired, Paired, Paired, Paired, Paired, Suspended, Frozen, Revoked];
    let trust =
        prop_oneof![3 => Just(TrustLevel::Restricted), 1 => select(TrustLevel::ALL.to_vec())];
    (select(standings), trust, vec(agreements(), 0..=3))
        .prop_map(|(standing, trust, agreements)| Partner { standing, trust, agreements })
}

fn snapshots() -> impl Strategy<Value = PolicySnapshot> {
    (partners(), partners()).prop_map(|(one, other)| {
        PolicySnapshot::builder(US).partner(THEM, one).partner(OTHER, other).build()
    })
}

fn some_markings() -> impl Strategy<Value = Marking> {
    let instants = || option::weighted(0.25, instants());
    (tlps(), instants(), instants(), instants(), onwards(), prop::bool::weighted(0.02)).prop_map(
        |(tlp, release_at, embargo_until, expires, onward, unknown)| Marking {
            release_at,
            embargo_until,
            expires,
            onward,
            unknown,
            ..Marking::new(tlp)
        },
    )
}

fn economies() -> impl Strategy<Value = EconomyId> {
    select(vec![US, THEM, THEM, OTHER])
}

fn some_headers() -> impl Strategy<Value = Header> {
    let classes = prop_oneof![
        8 => select(vec![vec![Class::General], vec![Class::General, Class::Sensitive]]),
        1 => subsequence(Class::ALL.to_vec(), 1..=3),
    ];
    (
        select(Section::ALL.to_vec()),
        classes,
        option::weighted(0.2, economies()),
        option::of(some_markings()),
    )
        .prop_map(|(section, classes, destination, marking)| Header {
            translates: (section == Section::Translation).then_some(Section::Summary),
            section: if section == Section::Addressee { Section::Summary } else { section },
            classes: classes.into_iter().collect(),
            destination,
            marking,
            ..Header::new(Section::Summary, "text/plain")
        })
}

fn some_addressees() -> impl Strategy<Value = Addressee> {
    let parts = subsequence((1_u8..=4).collect::<Vec<_>>(), 0..=4);
    let desk = option::of(select(vec!["duty", "cyber crime"]));
    (economies(), desk, vec(economies(), 0..=2), parts, prop::bool::weighted(0.1)).prop_map(
        |(economy, desk, relays, parts, group)| Addressee {
            economy,
            desk: desk.map(str::to_owned),
            group: group.then_some((crate::GroupId([5; 32]), 1)),
            relays,
            parts: parts.into_iter().map(digest).collect(),
        },
    )
}

/// A record as it was signed: facts about it, and the headers of its parts.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    record: RecordFacts,
    headers: Vec<(u8, Header)>,
}

impl Signed {
    /// The facts that somebody has who holds the parts that `held` says.
    fn held(&self, held: impl Fn(u8) -> bool) -> (RecordFacts, Vec<PartFacts>) {
        let mut record = self.record.clone();
        let parts = self.headers.iter().filter(|(number, _)| held(*number));
        let parts = parts.map(|(number, header)| record.hold(digest(*number), header)).collect();
        (record, parts)
    }
}

fn sources() -> impl Strategy<Value = Source> {
    let foreign = (select(vec![OTHER, OTHER, THEM]), obligations())
        .prop_map(|(economy, obligations)| Source::From { economy, obligations });
    prop_oneof![Just(Source::Own), foreign]
}

pub(super) fn signed() -> impl Strategy<Value = Signed> {
    let kinds = Kind::ALL.iter().copied().filter(|kind| !kind.is_control()).collect::<Vec<_>>();
    let flags = prop::array::uniform5(prop::bool::weighted(0.02));
    let parts = vec(some_headers(), 0..=4);
    let addressees = vec((some_addressees(), option::weighted(0.1, some_markings())), 0..=3);
    let loose = (tlps(), onwards()).prop_map(|(tlp, onward)| Marking {
        tlp: tlp.min(Tlp::Amber),
        onward,
        ..Marking::new(tlp)
    });
    (select(kinds), any::<bool>(), sources(), loose, flags, parts, addressees).prop_map(
        |(kind, addressed, source, floor, flags, parts, addressees)| {
            let [unknown, quarantined, pending, unmarked, withdrawn] = flags;
            let origin = if source == Source::Own { US } else { OTHER };
            let lifecycle = if withdrawn { Lifecycle::Withdrawn } else { Lifecycle::Live };
            let record = RecordFacts {
                kind,
                addressed,
                origin,
                source,
                floor,
                unknown,
                quarantined,
                pending,
                unmarked,
                lifecycle,
                ..incident(Tlp::Clear)
            };
            let content = (1_u8..).zip(parts);
            let named = (100_u8..).zip(addressees).map(|(number, (addressee, marking))| {
                let plain = Header::new(Section::Addressee, "application/cbor");
                (number, Header { addressee: Some(addressee), marking, ..plain })
            });
            Signed { record, headers: content.chain(named).collect() }
        },
    )
}

fn recipients() -> impl Strategy<Value = Recipient> {
    let desk = option::weighted(0.3, select(vec!["duty", "cyber crime"]));
    let partner =
        desk.prop_map(|desk| Recipient::Partner { economy: THEM, desk: desk.map(str::to_owned) });
    prop_oneof![
        8 => partner,
        1 => Just(Recipient::Public),
        1 => Just(Recipient::Constituent { name: "bank".into() }),
        1 => Just(Recipient::LocalRole { role: "duty".into() }),
    ]
}

/// Something that makes things stricter.
#[derive(Clone, Debug)]
pub(super) enum Stricter {
    Trust(TrustLevel),
    Standing(Standing),
    Prohibit(EconomyId, Index, Prohibitions),
    Narrow(Index, Tlp, ValueSet<Section>, ValueSet<Class>, ValueSet<Kind>),
    Demand(Index, Obligations),
    Received(Obligations),
    Mark(Index, Marking),
    Raise(Marking),
    Unlist(Index, u8),
    SetAside(u8),
    Unknown(Index),
    Classes(Index, Class),
}

/// What [`Stricter::apply`] makes.
pub(super) struct Restriction {
    pub(super) snapshot: PolicySnapshot,
    pub(super) record: RecordFacts,
    pub(super) parts: Vec<PartFacts>,
}

pub(super) fn restrictions() -> impl Strategy<Value = Stricter> {
    let narrow = (any::<Index>(), tlps(), sets(4), sets(1), sets(3));
    prop_oneof![
        select(TrustLevel::ALL.to_vec()).prop_map(Stricter::Trust),
        select(vec![Standing::Suspended, Standing::Frozen, Standing::Revoked])
            .prop_map(Stricter::Standing),
        (select(vec![THEM, OTHER]), any::<Index>(), prohibitions())
            .prop_map(|(whose, which, never)| Stricter::Prohibit(whose, which, never)),
        narrow.prop_map(|(which, tlp, sections, classes, kinds)| {
            Stricter::Narrow(which, tlp, sections, classes, kinds)
        }),
        (any::<Index>(), obligations()).prop_map(|(which, more)| Stricter::Demand(which, more)),
        obligations().prop_map(Stricter::Received),
        (any::<Index>(), some_markings()).prop_map(|(which, own)| Stricter::Mark(which, own)),
        some_markings().prop_map(Stricter::Raise),
        (any::<Index>(), 1_u8..=4).prop_map(|(which, part)| Stricter::Unlist(which, part)),
        (0_u8..5).prop_map(Stricter::SetAside),
        any::<Index>().prop_map(Stricter::Unknown),
        (any::<Index>(), select(Class::ALL.to_vec()))
            .prop_map(|(which, class)| Stricter::Classes(which, class)),
    ]
}

impl Stricter {
    pub(super) fn apply(
        self,
        snapshot: &PolicySnapshot,
        record: &RecordFacts,
        parts: &[PartFacts],
    ) -> Restriction {
        let (mut record, mut parts) = (record.clone(), parts.to_vec());
        let mut snapshot = snapshot.clone();
        match self {
            Self::Trust(level) => partner(&mut snapshot, THEM, |partner| {
                partner.trust = partner.trust.min(level);
            }),
            Self::Standing(standing) => partner(&mut snapshot, THEM, |partner| {
                partner.standing = partner.standing.max(standing);
            }),
            Self::Prohibit(whose, which, more) => change(&mut snapshot, whose, which, |terms| {
                let never = &mut terms.prohibitions;
                never.tlp_above = match (never.tlp_above, more.tlp_above) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
                never.sections = never.sections.or(more.sections);
                never.classes = never.classes.or(more.classes);
                never.kinds = never.kinds.or(more.kinds);
            }),
            Self::Narrow(which, tlp, sections, classes, kinds) => {
                change(&mut snapshot, THEM, which, |terms| {
                    terms.max_tlp = terms.max_tlp.min(tlp);
                    terms.sections = terms.sections.without(sections);
                    terms.at_amber = terms.at_amber.without(sections);
                    terms.classes = terms.classes.without(classes);
                    terms.kinds = terms.kinds.without(kinds);
                });
            }
            Self::Demand(which, more) => change(&mut snapshot, THEM, which, |terms| {
                if let Some(sum) = terms.obligations.meet(&more) {
                    terms.obligations = sum;
                }
            }),
            Self::Received(more) => {
                if let Source::From { obligations, .. } = &mut record.source
                    && let Some(sum) = obligations.meet(&more)
                {
                    *obligations = sum;
                }
            }
            Self::Mark(which, own) => one_of(&mut parts, which, |part| {
                part.marking = part.marking.join(&own);
            }),
            Self::Raise(floor) => {
                record.floor = record.floor.join(&floor);
                for part in &mut parts {
                    part.marking = part.marking.join(&floor);
                }
            }
            Self::Unlist(which, number) => one_of(&mut record.addressees, which, |held| {
                held.addressee.parts.retain(|listed| *listed != digest(number));
            }),
            Self::SetAside(0) => record.quarantined = true,
            Self::SetAside(1) => record.pending = true,
            Self::SetAside(2) => record.unmarked = true,
            Self::SetAside(3) => record.lifecycle = Lifecycle::Withdrawn,
            Self::SetAside(_) => record.lifecycle = Lifecycle::Superseded,
            Self::Unknown(which) => {
                if parts.is_empty() {
                    record.unknown = true;
                }
                one_of(&mut parts, which, |part| part.unknown = true);
            }
            Self::Classes(which, class) => one_of(&mut parts, which, |part| {
                part.classes = part.classes.or([class].into_iter().collect());
            }),
        }
        Restriction { snapshot, record, parts }
    }
}

fn one_of<T>(all: &mut [T], which: Index, change: impl FnOnce(&mut T)) {
    if !all.is_empty() {
        change(which.get_mut(all));
    }
}

fn partner(snapshot: &mut PolicySnapshot, whose: EconomyId, change: impl FnOnce(&mut Partner)) {
    let Some(mut partner) = snapshot.partner(&whose).cloned() else { return };
    change(&mut partner);
    *snapshot = snapshot.to_builder().partner(whose, partner).build();
}

fn change(
    snapshot: &mut PolicySnapshot,
    whose: EconomyId,
    which: Index,
    change: impl FnOnce(&mut Terms),
) {
    partner(snapshot, whose, |partner| {
        one_of(&mut partner.agreements, which, |agreement| {
            let mut terms = agreement.terms().clone();
            change(&mut terms);
            let changed = Agreement::new(agreement.id(), Arc::new(terms), agreement.from());
            *agreement = match agreement.until() {
                Some(until) => changed.terminated(until),
                None => changed,
            };
        });
    });
}

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
