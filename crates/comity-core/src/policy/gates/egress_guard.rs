//! Did the egress guard, which reads the bytes, let them pass?
//!
//! The decision never sees bytes: it is handed what the guard said. Once the operator has a rule, what
//! was not looked at with the present rules does not leave.

use super::super::examination::Examination;
use super::super::fact::Fact;
use super::super::facts::Recipient;
use super::{Finding, Question};

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    let Some(current) = asked.snapshot.guard() else { return Finding::pass(Fact::NoGuardRule) };
    match (asked.recipient, asked.part.guard) {
        // Nothing leaves.
        (Recipient::LocalRole { .. }, _) => Finding::pass(Fact::OwnHouse),
        (
            Recipient::Partner { .. } | Recipient::Constituent { .. } | Recipient::Public,
            examination,
        ) => match examination {
            Examination::Hit { revision, rule } if revision == current => {
                Finding::deny(Fact::GuardHit(rule))
            }
            Examination::Clear { revision } if revision == current => {
                Finding::pass(Fact::GuardClear)
            }
            Examination::Hit { .. } | Examination::Clear { .. } | Examination::NotExamined => {
                Finding::deny(Fact::NotExamined)
            }
        },
    }
}
