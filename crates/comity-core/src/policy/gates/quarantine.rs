//! Is it verified, marked, and not set aside? Does it still stand, is it still here, and is its origin's keyring
//! known to be the newest?

use super::super::fact::Fact;
use super::super::facts::{Lifecycle, Recipient, RecordFacts};
use super::{Finding, Question};

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    let record = asked.record;
    if asked.part.erased {
        // For whomever: there is nothing left of it.
        return Finding::deny(Fact::Erased);
    }
    if matches!(asked.recipient, Recipient::LocalRole { .. }) {
        // Whoever judges what was set aside, or follows what was taken back, has to see it.
        return Finding::pass(Fact::OwnHouse);
    }
    let fact = match record.lifecycle {
        Lifecycle::Withdrawn => Some(Fact::Withdrawn),
        Lifecycle::Superseded => Some(Fact::Superseded),
        Lifecycle::Live => set_aside(record)
            .or(record.unmarked.then_some(Fact::Unmarked))
            .or_else(|| unconfirmed(asked))
            .or(recalled_there(asked).then_some(Fact::RecalledThere)),
    };
    fact.map_or(Finding::pass(Fact::Sound), Finding::deny)
}

/// Whether a newer keyring of its origin may be kept from us, in which the key that signed it is revoked.
fn unconfirmed(asked: &Question<'_>) -> Option<Fact> {
    let lacks = asked.snapshot.unconfirmed(&asked.record.origin, asked.now);
    lacks.map(Fact::KeyringUnconfirmed)
}

/// Whether the recipient alone was told to destroy it: it is told of it no more.
fn recalled_there(asked: &Question<'_>) -> bool {
    asked.recipient.economy().is_some_and(|to| asked.record.recalled_from.contains(&to))
}

/// Why a record, of content or of control, is not believed.
pub(in crate::policy) fn set_aside(record: &RecordFacts) -> Option<Fact> {
    if record.quarantined {
        Some(Fact::Quarantined)
    } else if record.pending {
        Some(Fact::PendingAuthor)
    } else {
        None
    }
}
