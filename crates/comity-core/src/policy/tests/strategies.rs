//! Generated partners, records, recipients, and what makes things stricter.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::facts::*;
use crate::agreement::{Prohibitions, ReviewOverdue, Terms, Tier, ValueSet};
use crate::identity::{EconomyId, RecordId};
use crate::keyring::{Confirmation, Place};
use crate::ledger::Obligations;
use crate::limits;
use crate::marking::{Marking, Onward, Pap, Tlp};
use crate::policy::{
    Agreement, Approval, Consent, Examination, Lifecycle, PartFacts, Partner, PolicySnapshot,
    Recipient, RecordFacts, Source, Standing, TrustLevel, Word,
};
use crate::record::{Addressee, Header};
use crate::test_util::policy::terms;
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section};

/// Instants around [`NOW`]: long before, at, soon and long after.
pub(super) fn instants() -> impl Strategy<Value = Timestamp> {
    let now = NOW.as_millis();
    select(vec![now - 1_000_000, now - 1, now, now + 1, now + 1_000_000])
        .prop_map(Timestamp::from_millis)
}

pub(super) fn tlps() -> impl Strategy<Value = Tlp> {
    select(Tlp::ALL.to_vec())
}

pub(super) fn onwards() -> impl Strategy<Value = Onward> {
    select(vec![Onward::WithinMarking, Onward::WithinMarking, Onward::Ask, Onward::None])
}

pub(super) fn obligations() -> impl Strategy<Value = Obligations> {
    let purposes = subsequence(vec!["crime", "protection", "response"], 0..=3);
    (onwards(), option::of(1_u32..400), purposes).prop_map(|(onward, retention_days, purposes)| {
        let purposes = purposes.into_iter().map(str::to_owned).collect();
        Obligations { onward, retention_days, purposes }
    })
}

pub(super) fn sets<T: crate::agreement::Value + PartialEq + std::fmt::Debug>(
    most: usize,
) -> impl Strategy<Value = ValueSet<T>> {
    subsequence(T::KNOWN.to_vec(), 0..=most.min(T::KNOWN.len()))
        .prop_map(|values| values.into_iter().collect())
}

pub(super) fn prohibitions() -> impl Strategy<Value = Prohibitions> {
    (option::weighted(0.2, tlps()), sets(1), sets(1), sets(2), categories(1)).prop_map(
        |(tlp_above, sections, classes, kinds, categories)| Prohibitions {
            tlp_above,
            sections,
            classes,
            kinds,
            categories,
        },
    )
}

pub(super) fn categories(most: usize) -> impl Strategy<Value = Vec<String>> {
    subsequence(vec!["crime", "energy", "health"], 0..=most)
        .prop_map(|names| names.into_iter().map(str::to_owned).collect())
}

/// The fields that came after tier, label, kind, section and class.
#[derive(Clone, Debug)]
pub(super) struct Further {
    max_pap: Pap,
    categories: Vec<String>,
    legal_basis: bool,
    exercises: bool,
    no_law_enforcement_use: bool,
    review: Option<Timestamp>,
    review_overdue: ReviewOverdue,
}

pub(super) fn further() -> impl Strategy<Value = Further> {
    let review = option::weighted(0.2, instants());
    let overdue = select(vec![ReviewOverdue::Warn, ReviewOverdue::Stop]);
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.1));
    (select(Pap::ALL.to_vec()), categories(3), flags, review, overdue).prop_map(
        |(max_pap, categories, flags, review, review_overdue)| Further {
            max_pap,
            categories,
            legal_basis: flags.0,
            exercises: flags.1,
            no_law_enforcement_use: flags.2,
            // A day before: what is overdue is so from the end of the review's day.
            review: review.map(|at| at.saturating_sub(std::time::Duration::from_secs(86_400))),
            review_overdue,
        },
    )
}

impl Further {
    fn write(self, terms: &mut Terms) {
        terms.max_pap = self.max_pap;
        terms.categories = self.categories;
        terms.legal_bases = self.legal_basis.then(|| "Act 12".to_owned()).into_iter().collect();
        terms.exercises = self.exercises;
        // No text of the tier says so.
        terms.no_law_enforcement_use =
            self.no_law_enforcement_use && terms.tier != Tier::LawEnforcement;
        (terms.review, terms.review_overdue) = (self.review, self.review_overdue);
    }

    /// Takes from the terms what these have not, and adds what these forbid.
    pub(super) fn narrow(self, terms: &mut Terms) {
        terms.max_pap = terms.max_pap.min(self.max_pap);
        terms.categories.retain(|one| self.categories.contains(one));
        if !self.legal_basis {
            terms.legal_bases.clear();
        }
        terms.exercises &= self.exercises;
        terms.no_law_enforcement_use |= self.no_law_enforcement_use;
        if self.review_overdue == ReviewOverdue::Stop {
            terms.review_overdue = ReviewOverdue::Stop;
        }
        terms.review = [terms.review, self.review].into_iter().flatten().min();
    }
}

pub(super) fn some_terms() -> impl Strategy<Value = Terms> {
    let tier = select(Tier::SIGNED.to_vec());
    let narrowed = (tlps(), sets::<Section>(3), sets::<Class>(1), sets::<Kind>(3));
    (
        tier,
        [prop::bool::weighted(0.3), prop::bool::weighted(0.3)],
        narrowed,
        obligations(),
        prohibitions(),
        further(),
    )
        .prop_map(
            |(
                tier,
                [narrow, prohibit],
                (max_tlp, sections, classes, kinds),
                obligations,
                never,
                further,
            )| {
                let mut terms = terms(tier);
                further.write(&mut terms);
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

pub(super) fn agreements() -> impl Strategy<Value = Agreement> {
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

/// Consents about the record of [`signed`], most of them by its origin.
pub(super) fn consents() -> impl Strategy<Value = Consent> {
    let parts = subsequence((1_u8..=4).collect::<Vec<_>>(), 0..=4);
    let origin = select(vec![OTHER, OTHER, OTHER, THEM]);
    (any::<u8>(), origin, parts, economies(), instants()).prop_map(
        |(id, origin, parts, grantee, until)| Consent {
            id: RecordId([id; 32]),
            origin,
            record: incident(Tlp::Clear).id,
            parts: parts.into_iter().map(digest).collect(),
            asker: US,
            grantee,
            until,
            terms: Obligations::default(),
        },
    )
}

/// What an economy says of its keyring: lately, up to this very instant, too long ago, and that there is another.
pub(super) fn confirmations() -> impl Strategy<Value = Confirmation> {
    let place = Place { rotations: 0, version: 2 };
    prop_oneof![
        4 => instants().prop_map(Confirmation::At),
        2 => instants().prop_map(|at| Confirmation::At(at.saturating_sub(limits::HEAD_MAX_AGE))),
        2 => instants().prop_map(move |from| Confirmation::Awaited { place, from, confirmed: NOW }),
        1 => Just(Confirmation::Contradicted(place)),
    ]
}

/// Of nobody who ever said anything of its keyring.
pub(super) fn silent_snapshots() -> impl Strategy<Value = PolicySnapshot> {
    let guard = option::weighted(0.1, Just(7));
    (partners(), partners(), vec(consents(), 0..=2), guard).prop_map(
        |(one, other, consents, guard)| {
            let builder = PolicySnapshot::builder(US).partner(THEM, one).partner(OTHER, other);
            let builder = consents.into_iter().fold(builder, |builder, one| builder.consent(one));
            guard.into_iter().fold(builder, |builder, guard| builder.guarded(guard)).build()
        },
    )
}

pub(super) fn snapshots() -> impl Strategy<Value = PolicySnapshot> {
    let said = option::weighted(0.1, (select(vec![US, OTHER, THEM]), confirmations()));
    (silent_snapshots(), said).prop_map(|(snapshot, said)| match said {
        Some((economy, said)) => snapshot.to_builder().confirmed(economy, said).build(),
        None => snapshot,
    })
}

pub(super) fn examinations() -> impl Strategy<Value = Examination> {
    let revision = select(vec![7_u64, 7, 7, 6]);
    prop_oneof![
        4 => revision.clone().prop_map(|revision| Examination::Clear { revision }),
        1 => revision.prop_map(|revision| Examination::Hit { revision, rule: Word::new("own") }),
        1 => Just(Examination::NotExamined),
    ]
}

pub(super) fn some_markings() -> impl Strategy<Value = Marking> {
    let instants = || option::weighted(0.2, instants());
    let pap = option::weighted(0.1, select(Pap::ALL.to_vec()));
    let categories = prop_oneof![9 => Just(Vec::new()), 1 => categories(2)];
    let exercise = option::weighted(0.05, select(vec!["drill", "drill", "other"]));
    (
        tlps(),
        (instants(), instants(), instants()),
        onwards(),
        (pap, categories, exercise),
        prop::bool::weighted(0.02),
    )
        .prop_map(
            |(
                tlp,
                (release_at, embargo_until, expires),
                onward,
                (pap, categories, exercise),
                unknown,
            )| {
                Marking {
                    pap,
                    categories: categories.into_iter().collect(),
                    exercise: exercise.map(str::to_owned),
                    release_at,
                    embargo_until,
                    expires,
                    onward,
                    unknown,
                    ..Marking::new(tlp)
                }
            },
        )
}

pub(super) fn economies() -> impl Strategy<Value = EconomyId> {
    select(vec![US, THEM, THEM, OTHER])
}

pub(super) fn some_headers() -> impl Strategy<Value = Header> {
    let classes = prop_oneof![
        14 => select(vec![vec![Class::General], vec![Class::General, Class::Sensitive]]),
        1 => Just(vec![Class::PersonalData]),
        1 => Just(vec![Class::OrderReference]),
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

pub(super) fn some_addressees() -> impl Strategy<Value = Addressee> {
    let parts = subsequence((1_u8..=4).collect::<Vec<_>>(), 0..=4);
    let desk = option::of(select(vec!["duty", "cyber crime"]));
    (economies(), desk, vec(economies(), 0..=2), parts, prop::bool::weighted(0.1)).prop_map(
        |(economy, desk, relays, parts, group)| Addressee {
            economy: Some(economy),
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
    pub(super) record: RecordFacts,
    pub(super) headers: Vec<(u8, Header)>,
    pub(super) examined: Examination,
}

impl Signed {
    /// The facts that somebody has who holds the parts that `held` says.
    pub(super) fn held(&self, held: impl Fn(u8) -> bool) -> (RecordFacts, Vec<PartFacts>) {
        let mut record = self.record.clone();
        let parts = self.headers.iter().filter(|(number, _)| held(*number));
        let hold = |(number, header): &(u8, Header)| PartFacts {
            guard: self.examined,
            ..record.hold(digest(*number), header)
        };
        let parts = parts.map(hold).collect();
        (record, parts)
    }
}

pub(super) fn sources() -> impl Strategy<Value = Source> {
    let foreign = (select(vec![OTHER, OTHER, THEM]), obligations())
        .prop_map(|(economy, obligations)| Source::From { economy, obligations });
    prop_oneof![Just(Source::Own), foreign]
}

pub(super) fn signed() -> impl Strategy<Value = Signed> {
    let kinds = Kind::ALL.iter().copied().filter(|kind| !kind.is_control()).collect::<Vec<_>>();
    let flags = prop::array::uniform5(prop::bool::weighted(0.02));
    let parts = vec(some_headers(), 0..=4);
    let addressees = vec((some_addressees(), option::weighted(0.1, some_markings())), 0..=3);
    let exercise = option::weighted(0.05, Just("drill".to_owned()));
    let loose = (tlps(), onwards(), exercise).prop_map(|(tlp, onward, exercise)| Marking {
        tlp: tlp.min(Tlp::Amber),
        onward,
        exercise,
        ..Marking::new(tlp)
    });
    let about = (select(kinds), any::<bool>(), examinations(), option::weighted(0.03, instants()));
    (about, sources(), loose, flags, parts, addressees).prop_map(
        |((kind, addressed, examined, unsend_until), source, floor, flags, parts, addressees)| {
            let [unknown, quarantined, pending, unmarked, withdrawn] = flags;
            let origin = if source == Source::Own { US } else { OTHER };
            // Drawn with these, so that no more is withheld for it: the stricter ones are drawn where
            // something is made stricter.
            let approval = match (quarantined, examined) {
                (true, _) => Approval::Awaited(Word::new("TLP:RED")),
                (false, Examination::NotExamined) => Approval::Given,
                (false, Examination::Clear { .. } | Examination::Hit { .. }) => Approval::NotNeeded,
            };
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
                unsend_until,
                approval,
                emergencies: Vec::new(),
                recalled_from: Vec::new(),
                ..incident(Tlp::Clear)
            };
            let content = (1_u8..).zip(parts);
            let named = (100_u8..).zip(addressees).map(|(number, (addressee, marking))| {
                let plain = Header::new(Section::Addressee, "application/cbor");
                (number, Header { addressee: Some(addressee), marking, ..plain })
            });
            Signed { record, headers: content.chain(named).collect(), examined }
        },
    )
}

pub(super) fn recipients() -> impl Strategy<Value = Recipient> {
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
