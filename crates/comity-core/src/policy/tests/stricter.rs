//! What makes a decision stricter, generated and applied.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::facts::*;
use super::strategies::*;
use crate::agreement::{Prohibitions, Terms, ValueSet};
use crate::identity::EconomyId;
use crate::ledger::Obligations;
use crate::marking::{Marking, Tlp};
use crate::policy::{
    Agreement, Approval, Examination, Lifecycle, PartFacts, Partner, PolicySnapshot, Received,
    RecordFacts, Source, Standing, TrustLevel, Word,
};
use crate::vocabulary::{Class, Kind, Section};

/// Something that makes things stricter.
#[derive(Clone, Debug)]
pub(super) enum Stricter {
    Trust(TrustLevel),
    Standing(Standing),
    Prohibit(EconomyId, Index, Prohibitions),
    Narrow(Index, Tlp, ValueSet<Section>, ValueSet<Class>, ValueSet<Kind>),
    Further(Index, Further),
    Guard,
    Examine(Index, Examination),
    TakeConsent,
    TakeOrders,
    Demand(Index, Obligations),
    Received(Obligations),
    Again(Index, EconomyId, Obligations),
    Mark(Index, Marking),
    Raise(Marking),
    Unlist(Index, u8),
    SetAside(u8),
    Unknown(Index),
    Classes(Index, Class),
    Approval(Approval),
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
        (any::<Index>(), further()).prop_map(|(which, less)| Stricter::Further(which, less)),
        Just(Stricter::Guard),
        (any::<Index>(), examinations()).prop_map(|(which, more)| Stricter::Examine(which, more)),
        Just(Stricter::TakeConsent),
        Just(Stricter::TakeOrders),
        (any::<Index>(), obligations()).prop_map(|(which, more)| Stricter::Demand(which, more)),
        obligations().prop_map(Stricter::Received),
        (any::<Index>(), select(vec![OTHER, OTHER, THIRD, THEM]), obligations())
            .prop_map(|(which, economy, more)| Stricter::Again(which, economy, more)),
        (any::<Index>(), some_markings()).prop_map(|(which, own)| Stricter::Mark(which, own)),
        some_markings().prop_map(Stricter::Raise),
        (any::<Index>(), 1_u8..=4).prop_map(|(which, part)| Stricter::Unlist(which, part)),
        (0_u8..5).prop_map(Stricter::SetAside),
        any::<Index>().prop_map(Stricter::Unknown),
        (any::<Index>(), select(Class::ALL.to_vec()))
            .prop_map(|(which, class)| Stricter::Classes(which, class)),
        select(vec![Approval::Awaited(Word::new("TLP:RED")), Approval::Refused])
            .prop_map(Stricter::Approval),
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
                never.categories.extend(more.categories);
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
            Self::Further(which, less) => {
                change(&mut snapshot, THEM, which, |terms| less.narrow(terms));
            }
            Self::Guard if snapshot.guard().is_none() => {
                snapshot = snapshot.to_builder().guarded(7).build();
            }
            Self::Guard => {}
            Self::Examine(which, Examination::Clear { .. }) => one_of(&mut parts, which, |part| {
                part.guard = Examination::NotExamined;
            }),
            Self::Examine(which, worse) => one_of(&mut parts, which, |part| part.guard = worse),
            Self::TakeConsent => snapshot = snapshot.to_builder().without_consents().build(),
            Self::TakeOrders => record.orders.clear(),
            Self::Demand(which, more) => change(&mut snapshot, THEM, which, |terms| {
                if let Some(sum) = terms.obligations.meet(&more) {
                    terms.obligations = sum;
                }
            }),
            Self::Again(which, economy, obligations) => one_of(&mut parts, which, |part| {
                let obligations = obligations.into();
                part.received(&record.source, &Received { economy, obligations });
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
            Self::Approval(approval) => record.approval = approval,
        }
        Restriction { snapshot, record, parts }
    }
}

fn one_of<T>(all: &mut [T], which: Index, change: impl FnOnce(&mut T)) {
    if !all.is_empty() {
        change(which.get_mut(all));
    }
}

pub(super) fn partner(
    snapshot: &mut PolicySnapshot,
    whose: EconomyId,
    change: impl FnOnce(&mut Partner),
) {
    let Some(mut partner) = snapshot.partner(&whose).cloned() else { return };
    change(&mut partner);
    *snapshot = snapshot.to_builder().partner(whose, partner).build();
}

pub(super) fn change(
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
