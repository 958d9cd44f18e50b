//! Does an embargo hold this exit?
//!
//! The origin's partners have it at once, and their own people; no onward, public or constituent
//! exit before its end.

use super::super::fact::Fact;
use super::super::facts::{Recipient, Source};
use super::{Finding, Question};

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    let ahead = asked.part.marking.embargo_until.filter(|until| *until > asked.now);
    let Some(until) = ahead else { return Finding::pass(Fact::NoEmbargo) };
    match (asked.recipient, &asked.record.source) {
        (Recipient::LocalRole { .. }, _) => Finding::pass(Fact::OwnHouse),
        (Recipient::Partner { .. }, Source::Own) => {
            Finding::pass(Fact::EmbargoAdmitsPartners(until))
        }
        (Recipient::Partner { .. }, Source::From { .. })
        | (Recipient::Constituent { .. } | Recipient::Public, _) => {
            Finding::hold(until, Fact::EmbargoUntil(until))
        }
    }
}
