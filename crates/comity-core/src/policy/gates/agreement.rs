//! Is there an agreement in force?
//!
//! Whether it covers this part is asked by the gates of coverage (tier, kind, section, class and the
//! like), all of one and the same agreement: a label admitted by one and a section admitted by another make no
//! permission.

use super::super::basis::Basis;
use super::super::fact::Fact;
use super::{Finding, Question};
use crate::agreement::Field;

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Finding {
    match basis {
        Basis::NotAsked => Finding::pass(Fact::NotMeasured),
        Basis::Covering(candidate) => match candidate.agreement {
            None => Finding::pass(Fact::PairingSuffices),
            agreement @ Some(_) => Finding::pass(Fact::Covered).citing(agreement, Field::Tier),
        },
        // The gate that does not pass says what is missing.
        Basis::Closest(candidate) => {
            Finding::pass(Fact::NoneCovers).citing(candidate.agreement, Field::Tier)
        }
        Basis::Later(candidate, from) => Finding::hold(*from, Fact::NotYetInForce(*from))
            .citing(candidate.agreement, Field::Starts),
        Basis::NotYet(agreement) => Finding::deny(Fact::NotYetInForce(agreement.from()))
            .citing(Some(agreement), Field::Starts),
        Basis::Ended(agreement, until) => {
            Finding::deny(Fact::Ended(*until)).citing(Some(agreement), Field::Ends)
        }
        Basis::Contested(agreement) => {
            Finding::deny(Fact::Contested).citing(Some(agreement), Field::Tier)
        }
        Basis::InDoubt(agreement) => {
            Finding::deny(Fact::SignatureInDoubt).citing(Some(agreement), Field::Tier)
        }
        Basis::Nothing => Finding::deny(Fact::NoAgreement),
        Basis::Emergency(_, instead) => judge(asked, instead).unless_emergency(asked),
    }
}
