//! Does its label let it go there? (TLP 2.0, FIRST, August 2022.)
//!
//! Another economy's CSIRT is neither our organisation nor our client, so what is AMBER or stricter
//! from abroad goes abroad only where its origin addressed it, or consented. Our constituents are our clients.

use super::super::addressing::{Addressing, desks};
use super::super::fact::Fact;
use super::super::facts::{Recipient, Source};
use super::{Finding, Found, Question};
use crate::marking::Tlp;

pub(super) fn judge(asked: &Question<'_>) -> Found {
    let tlp = asked.part.marking.tlp;
    if !asked.part.marking.at_least(&asked.record.floor) {
        return Err(super::Contradiction::LooserThanFloor);
    }
    Ok(match asked.recipient {
        Recipient::Partner { .. } => partner(asked, tlp),
        Recipient::LocalRole { .. } => local(asked, tlp),
        Recipient::Constituent { .. } => match tlp {
            Tlp::Clear | Tlp::Green | Tlp::Amber => Finding::pass(Fact::LabelAdmits(tlp)),
            Tlp::AmberStrict => Finding::deny(Fact::NotForConstituents(tlp)),
            Tlp::Red => Finding::deny(Fact::RedNeverHere),
        },
        Recipient::Public => match tlp {
            Tlp::Clear => Finding::pass(Fact::LabelAdmits(tlp)),
            Tlp::Green | Tlp::Amber | Tlp::AmberStrict => Finding::deny(Fact::NotPublic(tlp)),
            Tlp::Red => Finding::deny(Fact::RedNeverHere),
        },
    })
}

fn partner(asked: &Question<'_>, tlp: Tlp) -> Finding {
    let foreign = asked.record.source != Source::Own;
    match tlp {
        Tlp::Clear | Tlp::Green => Finding::pass(Fact::LabelAdmits(tlp)),
        Tlp::Amber | Tlp::AmberStrict | Tlp::Red if foreign && !asked.is_chosen() => {
            Finding::deny(Fact::AmberFromAbroad(tlp))
        }
        Tlp::Amber | Tlp::AmberStrict => Finding::pass(Fact::LabelAdmits(tlp)),
        Tlp::Red => red(asked),
    }
}

/// Within our organisation all but RED passes, and our own RED is our own.
fn local(asked: &Question<'_>, tlp: Tlp) -> Finding {
    match tlp {
        Tlp::Clear | Tlp::Green | Tlp::Amber | Tlp::AmberStrict => {
            Finding::pass(Fact::LabelAdmits(tlp))
        }
        Tlp::Red if asked.record.source == Source::Own => Finding::pass(Fact::LabelAdmits(tlp)),
        Tlp::Red => red(asked),
    }
}

fn red(asked: &Question<'_>) -> Finding {
    if matches!(asked.addressing, Addressing::Member(_)) {
        return Finding::deny(Fact::RedForGroup);
    }
    let mut named = desks(asked.record, asked.part, asked.recipient, asked.snapshot.us());
    if named.next().is_some() {
        Finding::pass(Fact::LabelAdmits(Tlp::Red))
    } else {
        Finding::deny(Fact::RedWithoutDesk)
    }
}
