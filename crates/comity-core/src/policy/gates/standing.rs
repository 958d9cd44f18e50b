//! Is the recipient a partner in good standing, and its link its own?

use super::super::fact::Fact;
use super::super::facts::Recipient;
use super::super::snapshot::{PolicySnapshot, Standing};
use super::{Finding, Question};
use crate::identity::EconomyId;
use crate::keyring::Unconfirmed;
use crate::time::Timestamp;
use crate::vocabulary::Kind;

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    match (asked.recipient, asked.partner) {
        (Recipient::Partner { economy, .. }, Some(partner)) => match partner.standing {
            Standing::Paired => match link_in_doubt(asked.snapshot, economy, asked.now) {
                Some(why) => Finding::deny(Fact::RecipientUnconfirmed(why)),
                None => Finding::pass(Fact::Stands(Standing::Paired)),
            },
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

/// Why a partner's link may be in foreign hands, if so: it is known that it has another keyring than the one by
/// which its link was let in, and there its key may be revoked.
fn link_in_doubt(
    snapshot: &PolicySnapshot,
    economy: &EconomyId,
    now: Timestamp,
) -> Option<Unconfirmed> {
    snapshot.unconfirmed(economy, now).filter(Unconfirmed::doubts_link)
}

/// For a control record: it passes to a suspended partner, since it carries no content. A frozen
/// partner's link may be in somebody else's hands, and that of one whose newest keyring is not here: it gets
/// only what ends sharing, or helps to mend the identity.
pub(in crate::policy) fn judge_control(
    snapshot: &PolicySnapshot,
    economy: &EconomyId,
    kind: Kind,
    now: Timestamp,
) -> Finding {
    let Some(partner) = snapshot.partner(economy) else { return Finding::deny(Fact::NotPaired) };
    let standing = partner.standing;
    let mends = matches!(kind, Kind::Keyring | Kind::Termination | Kind::Withdrawal);
    match standing {
        Standing::Paired | Standing::Suspended => match link_in_doubt(snapshot, economy, now) {
            Some(why) if !mends => Finding::deny(Fact::RecipientUnconfirmed(why)),
            Some(_) | None => Finding::pass(Fact::Stands(standing)),
        },
        Standing::Frozen if mends => Finding::pass(Fact::Stands(standing)),
        Standing::Frozen | Standing::Revoked => Finding::deny(Fact::Stands(standing)),
    }
}
