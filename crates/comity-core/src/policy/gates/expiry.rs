//! Is it still valid? Nobody from its expiry on.

use super::super::fact::Fact;
use super::super::facts::{Recipient, Source};
use super::{Finding, Question};

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    match asked.part.marking.expires {
        Some(expires) if expires <= asked.now && own_house(asked) => Finding::pass(Fact::OwnHouse),
        Some(expires) if expires <= asked.now => Finding::deny(Fact::Expired(expires)),
        Some(_) | None => Finding::pass(Fact::NotExpired),
    }
}

/// What we wrote ourselves stays ours to read.
fn own_house(asked: &Question<'_>) -> bool {
    let local = matches!(asked.recipient, Recipient::LocalRole { .. });
    local && asked.record.source == Source::Own
}
