//! Is it meant for the recipient?

use super::super::addressing::Addressing;
use super::super::fact::{Contradiction, Fact};
use super::super::facts::{Recipient, Source};
use super::super::groups::community;
use super::{Finding, Found, Question};
use crate::group::Exclusion;
use crate::identity::EconomyId;
use crate::vocabulary::Section;

pub(super) fn judge(asked: &Question<'_>) -> Found {
    let is_addressee = asked.part.section == Section::Addressee;
    if is_addressee && !asked.record.addressed {
        return Err(Contradiction::AddresseeOfUnaddressed);
    }
    let mut held = asked.record.addressees.iter().map(|addressee| addressee.part);
    if is_addressee && !held.any(|digest| digest == asked.part.digest) {
        return Err(Contradiction::AddresseeUnknown);
    }
    let addressing = match (asked.recipient, asked.addressing) {
        // What we carry for others is not for our own people.
        (Recipient::LocalRole { .. } | Recipient::Constituent { .. }, Addressing::Relay) => {
            Addressing::Others
        }
        (_, addressing) => addressing,
    };
    // A consent gives what was not addressed; the marking holds for it as for everything.
    if let Some(exclusion) = outside_community(asked) {
        return Ok(Finding::deny(Fact::OutsideCommunity(exclusion)));
    }
    if let Some(consent) = asked.consent
        && matches!(
            addressing,
            Addressing::NotListed
                | Addressing::Others
                | Addressing::Outside(_)
                | Addressing::Nobody
        )
    {
        return Ok(Finding::pass(Fact::Consented(consent.until)));
    }
    Ok(match asked.recipient {
        // TLP binds those whom the originator tells, not the originator's own house.
        Recipient::LocalRole { .. } if asked.record.source == Source::Own => {
            Finding::pass(Fact::OwnHouse)
        }
        Recipient::Partner { economy, .. } => {
            or_ended(asked, named(addressing, is_addressee), addressing, *economy)
        }
        Recipient::LocalRole { .. } => {
            or_ended(asked, named(addressing, is_addressee), addressing, asked.snapshot.us())
        }
        Recipient::Constituent { .. } => named(addressing, is_addressee),
        Recipient::Public if asked.part.destination.is_some() => {
            Finding::deny(Fact::DestinedElsewhere)
        }
        Recipient::Public => named(addressing, is_addressee),
    })
}

/// What was given by a consent alone is named so when that has ended: nobody had to be addressed.
fn or_ended(
    asked: &Question<'_>,
    found: Finding,
    addressing: Addressing,
    to: EconomyId,
) -> Finding {
    match addressing {
        Addressing::NotListed
        | Addressing::Others
        | Addressing::Outside(_)
        | Addressing::Nobody => {
            asked.consent_ended(to).map_or(found, |when| Finding::deny(Fact::ConsentEnded(when)))
        }
        Addressing::Open
        | Addressing::Named { .. }
        | Addressing::Relay
        | Addressing::Member(_)
        | Addressing::Elsewhere => found,
    }
}

/// A community is of economies: neither whom one of them serves is in it, nor the public. At home it
/// hides nothing.
fn outside_community(asked: &Question<'_>) -> Option<Exclusion> {
    match asked.recipient {
        Recipient::Partner { economy, .. } => {
            community(asked.snapshot, asked.part, *economy, asked.now).err()
        }
        Recipient::Constituent { .. } | Recipient::Public => {
            asked.part.marking.community.map(|_| Exclusion::NotNow)
        }
        Recipient::LocalRole { .. } => None,
    }
}

fn named(addressing: Addressing, is_addressee: bool) -> Finding {
    match addressing {
        Addressing::Open => Finding::pass(Fact::Unaddressed),
        Addressing::Named { destined: true } => Finding::pass(Fact::Destined),
        Addressing::Named { destined: false } => Finding::pass(Fact::Addressed),
        Addressing::Relay => Finding::pass(Fact::AddressedAsRelay),
        Addressing::Member(_) => Finding::pass(Fact::AddressedToGroup),
        Addressing::Outside(exclusion) => Finding::deny(Fact::OutsideGroup(exclusion)),
        Addressing::NotListed => Finding::deny(Fact::NotListed),
        Addressing::Elsewhere => Finding::deny(Fact::DestinedElsewhere),
        Addressing::Others if is_addressee => Finding::deny(Fact::OthersAddressee),
        Addressing::Others => Finding::deny(Fact::NotAddressed),
        Addressing::Nobody => Finding::deny(Fact::AddressedToNobody),
    }
}
