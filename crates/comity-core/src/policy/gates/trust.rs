//! Do we trust the partner that far?

use super::super::fact::Fact;
use super::super::snapshot::TrustLevel;
use super::{Finding, Question};

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    let Some(partner) = asked.partner else { return Finding::pass(Fact::NotMeasured) };
    let tlp = asked.part.marking.tlp;
    if partner.trust.ceiling().is_some_and(|ceiling| tlp <= ceiling) {
        Finding::pass(Fact::WithinTrust(partner.trust))
    } else {
        let above = Finding::deny(Fact::AboveTrust(partner.trust, tlp));
        match partner.trust {
            // Somebody here said that nothing goes there.
            TrustLevel::Blocked => above,
            TrustLevel::Public
            | TrustLevel::Community
            | TrustLevel::Confidential
            | TrustLevel::Restricted => above.unless_emergency(asked),
        }
    }
}
