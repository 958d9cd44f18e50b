//! Is the recipient a partner in good standing?

use super::super::fact::Fact;
use super::super::facts::Recipient;
use super::super::snapshot::Standing;
use super::{Finding, Question};
use crate::vocabulary::Kind;

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    match (asked.recipient, asked.partner) {
        (Recipient::Partner { .. }, Some(partner)) => match partner.standing {
            Standing::Paired => Finding::pass(Fact::Stands(Standing::Paired)),
            standing @ (Standing::Suspended | Standing::Frozen | Standing::Revoked) => {
                Finding::deny(Fact::Stands(standing))
            }
        },
        (Recipient::Partner { .. }, None) => Finding::deny(Fact::NotPaired),
        (Recipient::Constituent { .. } | Recipient::Public | Recipient::LocalRole { .. }, _) => {
            Finding::pass(Fact::NotMeasured)
        }
    }
}

/// For a control record: it passes to a suspended partner, since it carries no content. A frozen
/// partner's link may be in somebody else's hands: it gets only what ends sharing, or helps to
/// mend the identity.
pub(in crate::policy) fn judge_control(standing: Option<Standing>, kind: Kind) -> Finding {
    let Some(standing) = standing else { return Finding::deny(Fact::NotPaired) };
    let mends = matches!(kind, Kind::Keyring | Kind::Termination | Kind::Withdrawal);
    match standing {
        Standing::Paired | Standing::Suspended => Finding::pass(Fact::Stands(standing)),
        Standing::Frozen if mends => Finding::pass(Fact::Stands(standing)),
        Standing::Frozen | Standing::Revoked => Finding::deny(Fact::Stands(standing)),
    }
}
