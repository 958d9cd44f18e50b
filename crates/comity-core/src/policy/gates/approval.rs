//! Where it takes a second person, did one say yes?
//!
//! Which records do is a fact of the journal, from when they were signed. The decision asks for no
//! signature: whose word counts was settled when it was folded.

use super::super::approval::Approval;
use super::super::fact::Fact;
use super::super::facts::Recipient;
use super::{Finding, Question};

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    match (asked.record.approval, asked.recipient) {
        (Approval::NotNeeded, _) => Finding::pass(Fact::NoApprovalNeeded),
        // Whoever is to approve it has to see it. Nothing leaves.
        (
            Approval::Awaited(_) | Approval::Refused | Approval::Given,
            Recipient::LocalRole { .. },
        ) => Finding::pass(Fact::OwnHouse),
        (Approval::Awaited(why), _) => {
            Finding::deny(Fact::AwaitsApproval(why)).unless_emergency(asked)
        }
        // A second person said no: nobody goes round that.
        (Approval::Refused, _) => Finding::deny(Fact::ApprovalRefused),
        (Approval::Given, _) => Finding::pass(Fact::Approved),
    }
}
