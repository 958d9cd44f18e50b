//! Is its time of release past? Nobody before it.

use super::super::fact::Fact;
use super::super::facts::{Recipient, Source};
use super::{Finding, Question};

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    let ahead = asked.part.marking.release_at.filter(|release_at| *release_at > asked.now);
    match (ahead, asked.recipient, &asked.record.source) {
        // Those who prepare a release have to see it.
        (Some(_), Recipient::LocalRole { .. }, Source::Own) => Finding::pass(Fact::OwnHouse),
        (Some(release_at), _, _) => Finding::hold(release_at, Fact::ReleaseAt(release_at)),
        (None, _, _) => Finding::pass(Fact::Released),
    }
}
