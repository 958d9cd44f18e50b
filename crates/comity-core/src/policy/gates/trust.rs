//! Do we trust the partner that far?

use super::super::fact::Fact;
use super::{Finding, Question};

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    let Some(partner) = asked.partner else { return Finding::pass(Fact::NotMeasured) };
    let tlp = asked.part.marking.tlp;
    if partner.trust.ceiling().is_some_and(|ceiling| tlp <= ceiling) {
        Finding::pass(Fact::WithinTrust(partner.trust))
    } else {
        Finding::deny(Fact::AboveTrust(partner.trust, tlp))
    }
}
