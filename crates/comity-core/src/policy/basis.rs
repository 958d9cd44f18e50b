//! Which agreement permits: the one that covers all of a part, or the one that comes closest.

use std::cmp::Reverse;

use super::gates::{COVERAGE, Question, covered, covered_in_emergency};
use super::groups;
use super::signed::Agreement;
use super::snapshot::Association;
use crate::agreement::Terms;
use crate::identity::RecordId;
use crate::ledger::Obligations;
use crate::marking::Tlp;
use crate::time::Timestamp;

/// Terms that may permit: an agreement's, or those of pairing alone.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) terms: &'a Terms,
    pub(super) agreement: Option<&'a Agreement>,
}

/// What the gates of coverage measure against.
pub(super) enum Basis<'a> {
    /// The recipient is no partner: nothing is signed with it.
    NotAsked,
    /// This covers all of it.
    Covering(Candidate<'a>),
    /// This is in force and comes closest.
    Closest(Candidate<'a>),
    /// This covers all of it, once it is in force.
    Later(Candidate<'a>, Timestamp),
    /// This has ended.
    Ended(&'a Agreement, Timestamp),
    /// This is not in force yet, and would not cover it.
    NotYet(&'a Agreement),
    /// Nobody can say which text of this one holds.
    Contested(&'a Agreement),
    /// It is in doubt whether both have signed this one.
    InDoubt(&'a Agreement),
    /// Nothing is signed.
    Nothing,
    /// Nothing covers it, and an emergency release stands in: what that does not pass is measured against
    /// these terms. The basis that there would be otherwise.
    Emergency(Candidate<'a>, Box<Basis<'a>>),
}

impl<'a> Basis<'a> {
    pub(super) fn choose(asked: &Question<'a>) -> Self {
        let basis = Self::signed(asked);
        match (asked.emergency, &basis, asked.partner) {
            (None, _, _) | (Some(_), Self::Covering(_), _) | (Some(_), _, None) => basis,
            (Some(_), _, Some(partner)) => {
                let agreements = asked.permitting(partner).iter();
                let in_force = agreements.filter(|one| one.in_force(asked.now));
                let in_force =
                    in_force.map(|one| Candidate { terms: one.terms(), agreement: Some(one) });
                let pairing = Candidate { terms: asked.snapshot.pairing(), agreement: None };
                // Of equals the first that is signed is named.
                let best = in_force.chain([pairing]).reduce(|best, one| {
                    let further =
                        covered_in_emergency(asked, &one) > covered_in_emergency(asked, &best);
                    if further { one } else { best }
                });
                Self::Emergency(best.unwrap_or(pairing), Box::new(basis))
            }
        }
    }

    fn signed(asked: &Question<'a>) -> Self {
        let Some(partner) = asked.partner else {
            return if asked.recipient.economy().is_some() {
                Self::Nothing
            } else {
                Self::NotAsked
            };
        };
        let pairing = (asked.part.marking.tlp == Tlp::Clear)
            .then(|| Candidate { terms: asked.snapshot.pairing(), agreement: None });
        let signed = |agreement: &'a Agreement| Candidate {
            terms: agreement.terms(),
            agreement: Some(agreement),
        };
        let agreements = asked.permitting(partner);
        let in_force = agreements.iter().filter(|one| one.in_force(asked.now));
        let mut closest: Option<(usize, Candidate<'a>)> = None;
        for candidate in pairing.into_iter().chain(in_force.map(signed)) {
            let score = covered(asked, &candidate);
            if score == COVERAGE {
                return Self::Covering(candidate);
            }
            if closest.is_none_or(|(best, _)| score > best) {
                closest = Some((score, candidate));
            }
        }
        // One that was terminated before its first day never comes into force.
        let mut later = agreements.iter().filter(|one| one.comes_after(asked.now));
        let covering_later = later.clone().find(|one| covered(asked, &signed(one)) == COVERAGE);
        if let Some(agreement) = covering_later {
            return Self::Later(signed(agreement), agreement.from());
        }
        if let Some((_, candidate)) = closest {
            return Self::Closest(candidate);
        }
        if let Some(agreement) = agreements.iter().find(|one| one.is_contested(asked.now)) {
            return Self::Contested(agreement);
        }
        let doubted = agreements.iter().find(|one| one.is_in_doubt(asked.now));
        let ended = agreements.iter().filter_map(|one| Some((one, one.until()?)));
        let ended = ended.filter(|(_, until)| *until <= asked.now);
        // Of those that ended together, the one that began first: what amends it never applied then.
        let ended = ended.max_by_key(|(one, until)| (*until, Reverse(one.from())));
        match (ended, doubted, later.next()) {
            (_, _, Some(agreement)) => Self::NotYet(agreement),
            (_, Some(agreement), None) => Self::InDoubt(agreement),
            (Some((agreement, until)), None, None) => Self::Ended(agreement, until),
            (None, None, None) => Self::Nothing,
        }
    }

    /// The agreement that permits, by the record that proposed it.
    pub(super) fn covering(&self) -> Option<RecordId> {
        self.covering_agreement().map(Agreement::id)
    }

    /// The agreement that permits.
    pub(super) fn covering_agreement(&self) -> Option<&'a Agreement> {
        match self {
            Self::Covering(candidate) => candidate.agreement,
            Self::NotAsked
            | Self::Closest(_)
            | Self::Later(..)
            | Self::Ended(..)
            | Self::NotYet(_)
            | Self::Contested(_)
            | Self::InDoubt(_)
            | Self::Nothing
            | Self::Emergency(..) => None,
        }
    }

    /// The terms that the gates of coverage measure against.
    pub(super) fn candidate(&self) -> Option<&Candidate<'a>> {
        match self {
            Self::Covering(candidate)
            | Self::Closest(candidate)
            | Self::Later(candidate, _)
            | Self::Emergency(candidate, _) => Some(candidate),
            Self::NotAsked
            | Self::Ended(..)
            | Self::NotYet(_)
            | Self::Contested(_)
            | Self::InDoubt(_)
            | Self::Nothing => None,
        }
    }
}

/// What every agreement that binds the recipient demands together, and the charters of the groups that
/// the record is addressed to. `None`: their purposes have none in common, so no use is allowed at all.
pub(super) fn demands(asked: &Question<'_>) -> Option<Obligations> {
    let agreements = asked.partner.into_iter().flat_map(|partner| &partner.agreements);
    let charters = groups::addressed(asked.snapshot, asked.record).map(Association::charter);
    let both = agreements.chain(charters);
    let mut binding = both.filter(|agreement| agreement.binds(asked.now));
    let Some(one) = binding.next() else { return Some(Obligations::unbound()) };
    binding.try_fold(one.terms().obligations().clone(), |sum, agreement| {
        sum.meet(agreement.terms().obligations())
    })
}
