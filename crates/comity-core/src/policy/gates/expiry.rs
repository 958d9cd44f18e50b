//! Is it still valid? Nobody from its expiry on.

use super::super::fact::Fact;
use super::{Finding, Question};

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    match asked.part.marking.expires {
        Some(expires) if expires <= asked.now => Finding::deny(Fact::Expired(expires)),
        Some(_) | None => Finding::pass(Fact::NotExpired),
    }
}
