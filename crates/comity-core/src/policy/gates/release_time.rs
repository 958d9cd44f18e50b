//! Is its time of release past, and that in which it can be unsent? Nobody before.

use super::super::fact::Fact;
use super::super::facts::{Recipient, Source};
use super::{Finding, Question};

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    let (release_at, unsend_until) = (asked.part.marking.release_at, asked.record.unsend_until);
    // The later of the two says why.
    let reason = if release_at >= unsend_until { Fact::ReleaseAt } else { Fact::CanBeUnsent };
    let ahead = release_at.max(unsend_until).filter(|instant| *instant > asked.now);
    match (ahead, asked.recipient, &asked.record.source) {
        // Those who prepare a release have to see it.
        (Some(_), Recipient::LocalRole { .. }, Source::Own) => Finding::pass(Fact::OwnHouse),
        (Some(instant), _, _) => Finding::hold(instant, reason(instant)),
        (None, _, _) => Finding::pass(Fact::Released),
    }
}
