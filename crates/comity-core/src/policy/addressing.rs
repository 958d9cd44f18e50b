//! How a record's addressee parts and a part's destination speak of a recipient.

use super::facts::{AddresseeFacts, PartFacts, Recipient, RecordFacts};
use super::groups::membership;
use super::snapshot::PolicySnapshot;
use crate::group::Exclusion;
use crate::identity::{EconomyId, GroupId};
use crate::time::Timestamp;
use crate::vocabulary::Section;

/// The relation of one part to one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Addressing {
    /// The record is not addressed and the part has no destination.
    Open,
    /// An addressee part names the recipient and lists the part, or the part's destination is the
    /// recipient.
    Named {
        /// By destination alone.
        destined: bool,
    },
    /// An addressee part names the recipient as a relay and lists the part.
    Relay,
    /// An addressee part names a group of which the recipient is a member, and lists the part.
    Member(GroupId),
    /// An addressee part names a group, which does not have the recipient.
    Outside(Exclusion),
    /// Named, but not for this part.
    NotListed,
    /// The part is destined to another economy.
    Elsewhere,
    /// Others are named.
    Others,
    /// The record is addressed and names nobody.
    Nobody,
}

impl Addressing {
    /// How `part` is addressed to the economy `to` and, where given, to its desk; `None`: to the
    /// public, which nothing names.
    pub(super) fn of(
        snapshot: &PolicySnapshot,
        record: &RecordFacts,
        part: &PartFacts,
        to: Option<EconomyId>,
        desk: Option<&str>,
        now: Timestamp,
    ) -> Self {
        if part.destination.is_some_and(|destination| Some(destination) != to) {
            return Self::Elsewhere;
        }
        if !record.addressed {
            let destined = part.destination.is_some();
            return if destined { Self::Named { destined } } else { Self::Open };
        }
        if record.addressees.is_empty() {
            return Self::Nobody;
        }
        let Some(to) = to else { return Self::Others };
        let (mut named, mut relay) = (false, false);
        let (mut member, mut outside) = (None, None);
        for held in &record.addressees {
            match membership(snapshot, record, &held.addressee, to, now) {
                Some(Ok(group)) => {
                    named = true;
                    member = member.or(lists(held, part).then_some(group));
                }
                Some(Err(exclusion)) => outside = outside.or(Some(exclusion)),
                None => {}
            }
            let by_name = names(held, to, desk);
            if !by_name && !held.addressee.relays.contains(&to) {
                continue;
            }
            named = true;
            if lists(held, part) {
                if by_name {
                    return Self::Named { destined: false };
                }
                relay = true;
            }
        }
        match (member, relay, named, outside) {
            (Some(group), _, _, _) => Self::Member(group),
            (None, true, _, _) => Self::Relay,
            (None, false, true, _) if part.section != Section::Addressee => Self::NotListed,
            (None, false, false, Some(exclusion)) => Self::Outside(exclusion),
            (None, false, _, _) => Self::Others,
        }
    }

    /// Whether the origin chose this recipient for this part.
    pub(super) const fn is_addressed(self) -> bool {
        match self {
            Self::Named { .. } | Self::Relay | Self::Member(_) => true,
            Self::Open
            | Self::Outside(_)
            | Self::NotListed
            | Self::Elsewhere
            | Self::Others
            | Self::Nobody => false,
        }
    }
}

/// The desks, at the recipient, to which the record's addressee parts give `part`.
pub(super) fn desks<'a>(
    record: &'a RecordFacts,
    part: &'a PartFacts,
    recipient: &'a Recipient,
    us: EconomyId,
) -> impl Iterator<Item = &'a str> {
    let (to, wanted) = match recipient {
        Recipient::Partner { economy, desk } => (Some(*economy), desk.as_deref()),
        Recipient::LocalRole { role } => (Some(us), Some(role.as_str())),
        Recipient::Constituent { .. } | Recipient::Public => (None, None),
    };
    let fitting = record
        .addressees
        .iter()
        .filter(move |held| to.is_some_and(|to| names(held, to, wanted)) && lists(held, part));
    fitting.filter_map(|held| held.addressee.desk.as_deref())
}

/// Whether the origin named us as a relay of `part` on its way to the economy `to`.
pub(super) fn relays_through_us(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    part: &PartFacts,
    to: EconomyId,
    now: Timestamp,
) -> bool {
    record.addressees.iter().any(|held| {
        let relays = &held.addressee.relays;
        let meant = || {
            names(held, to, None)
                || relays.contains(&to)
                || matches!(membership(snapshot, record, &held.addressee, to, now), Some(Ok(_)))
        };
        lists(held, part) && relays.contains(&snapshot.us()) && meant()
    })
}

fn names(held: &AddresseeFacts, to: EconomyId, desk: Option<&str>) -> bool {
    let addressee = &held.addressee;
    let desk_fits = match (desk, addressee.desk.as_deref()) {
        (Some(wanted), Some(named)) => wanted == named,
        (None, _) | (_, None) => true,
    };
    addressee.economy == Some(to) && addressee.group.is_none() && desk_fits
}

/// An addressee part lists itself. The list is ascending, as its format demands; in one that is not,
/// something may not be found, and stays.
fn lists(held: &AddresseeFacts, part: &PartFacts) -> bool {
    held.part == part.digest || held.addressee.parts.binary_search(&part.digest).is_ok()
}

/// Whether an addressee part that gives `part` to the economy `to`, by name, as relay or as member
/// of a group, is among `going`.
pub(super) fn addressee_goes(
    (snapshot, now): (&PolicySnapshot, Timestamp),
    record: &RecordFacts,
    part: &PartFacts,
    to: EconomyId,
    desk: Option<&str>,
    going: impl Fn(&AddresseeFacts) -> bool,
) -> bool {
    record.addressees.iter().any(|held| {
        let meant = || {
            names(held, to, desk)
                || held.addressee.relays.contains(&to)
                || matches!(membership(snapshot, record, &held.addressee, to, now), Some(Ok(_)))
        };
        lists(held, part) && going(held) && meant()
    })
}
