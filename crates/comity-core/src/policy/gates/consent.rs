//! Where its origin has to be asked before it is passed on, did it say yes?
//!
//! Being named as relay in an addressee part is a yes from the start; a consent is one that was given
//! later, for some parts, one economy and a time. Neither turns a *never* into a yes.

use super::super::addressing::relays_through_us;
use super::super::fact::Fact;
use super::super::facts::{Recipient, Source};
use super::{Finding, Question};
use crate::marking::Onward;

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    if asked.record.source == Source::Own {
        return Finding::pass(Fact::OwnRecord);
    }
    let to = match asked.recipient {
        Recipient::LocalRole { .. } => return Finding::pass(Fact::OwnHouse),
        Recipient::Partner { economy, .. } => Some(*economy),
        Recipient::Constituent { .. } | Recipient::Public => None,
    };
    let onward = asked.onward();
    if onward == Onward::None {
        return Finding::pass(Fact::NotMeasured);
    }
    let relay = to.is_some_and(|to| {
        relays_through_us(asked.snapshot, asked.record, asked.part, to, asked.now)
    });
    if relay {
        return Finding::pass(Fact::RelayNamed);
    }
    if let (Some(_), Some(consent)) = (to, asked.consent) {
        return Finding::pass(Fact::Consented(consent.until));
    }
    let refusal = match onward {
        Onward::Ask => Fact::OnwardAsk,
        Onward::None | Onward::WithinMarking if asked.record.addressed && to.is_some() => {
            Fact::RelayNotNamed
        }
        Onward::None | Onward::WithinMarking => return Finding::pass(Fact::NobodyToAsk),
    };
    let ended = to.and_then(|to| asked.consent_ended(to));
    Finding::deny(ended.map_or(refusal, Fact::ConsentEnded))
}
