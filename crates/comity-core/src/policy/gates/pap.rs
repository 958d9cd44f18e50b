//! Does the recipient keep to its Permissible Actions Protocol label?
//!
//! PAP says what may be done with a part, so it goes only to those who undertook to keep to it: a
//! partner by an agreement, our own people by being ours. Constituents block and watch, which
//! PAP:GREEN allows; nothing binds the public.

use super::super::basis::{Basis, Candidate};
use super::super::fact::Fact;
use super::super::facts::Recipient;
use super::{Finding, Question, Refusal};
use crate::agreement::Field;
use crate::marking::Pap;

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Finding {
    let Some(pap) = asked.part.marking.pap else { return Finding::pass(Fact::NoPap) };
    if let Some(candidate) = basis.candidate() {
        return match refusal(asked, candidate) {
            Some((fact, field)) => Finding::deny(fact).citing(candidate.agreement, field),
            None => Finding::pass(Fact::PapKept(pap)).citing(candidate.agreement, Field::MaxPap),
        };
    }
    let most = match asked.recipient {
        Recipient::LocalRole { .. } => return Finding::pass(Fact::OwnHouse),
        Recipient::Partner { .. } => return Finding::pass(Fact::NotMeasured),
        Recipient::Constituent { .. } => Pap::Green,
        Recipient::Public => Pap::Clear,
    };
    if pap <= most {
        Finding::pass(Fact::PapKept(pap))
    } else {
        Finding::deny(Fact::PapAbove(pap, most))
    }
}

pub(super) fn refusal(asked: &Question<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    let (pap, most) = (asked.part.marking.pap?, candidate.terms.max_pap());
    (pap > most).then_some((Fact::PapAbove(pap, most), Field::MaxPap))
}
