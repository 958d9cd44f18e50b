//! What is addressed to a group: its members then and now, as its own charter has it.

use super::facts::{PartFacts, RecordFacts};
use super::snapshot::{Association, PolicySnapshot};
use crate::group::{Exclusion, Group};
use crate::identity::{EconomyId, GroupId};
use crate::record::Addressee;
use crate::time::Timestamp;

/// Whether an addressee part that names a group is for the economy `to`. `None`: it names no group,
/// or another economy in it.
///
/// Both ends of the hop must be members now: the charter binds members only. What was given to us as a
/// member stays ours to read; what we only carry for the others is not for our own people.
pub(super) fn membership(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    named: &Addressee,
    to: EconomyId,
    now: Timestamp,
) -> Option<Result<GroupId, Exclusion>> {
    let (id, epoch) = named.group?;
    if named.economy.is_some_and(|economy| economy != to) {
        return None;
    }
    let us = snapshot.us();
    if to == us {
        let ours = |group: &Group| {
            let later = group.founding().charter().later_joiners_see_earlier_records();
            group.is_listed(us, epoch) || (later && group.head().members.contains_key(&us))
        };
        let Some(association) = snapshot.association(&id) else {
            return Some(Err(Exclusion::UnknownGroup));
        };
        return Some(if ours(association.group()) { Ok(id) } else { Err(Exclusion::NotUs) });
    }
    let Some(association) = snapshot.group(&id) else { return Some(Err(Exclusion::UnknownGroup)) };
    let group = association.group();
    let judge = || {
        group.admits(to, epoch, now)?;
        kept_by(snapshot, group, now)?;
        if !group.certain().contains(&us) {
            return Err(Exclusion::NotUs);
        }
        if group.was_member(record.origin, epoch) { Ok(id) } else { Err(Exclusion::NotTheOrigin) }
    };
    Some(judge())
}

/// Whether a community that a marking names admits the economy `to` now.
pub(super) fn community(
    snapshot: &PolicySnapshot,
    part: &PartFacts,
    to: EconomyId,
    now: Timestamp,
) -> Result<(), Exclusion> {
    let Some(id) = part.marking.community else { return Ok(()) };
    let group = snapshot.group(&id).ok_or(Exclusion::UnknownGroup)?.group();
    group.usable(now)?;
    kept_by(snapshot, group, now)?;
    if group.certain().contains(&to) { Ok(()) } else { Err(Exclusion::NotNow) }
}

/// Whether whoever signs the group's rosters is known to have the key still: a roster under one that was revoked
/// could let anybody in.
fn kept_by(snapshot: &PolicySnapshot, group: &Group, now: Timestamp) -> Result<(), Exclusion> {
    match snapshot.unconfirmed(&group.head().secretariat, now) {
        Some(why) => Err(Exclusion::Unconfirmed(why)),
        None => Ok(()),
    }
}

/// The groups that a record is addressed to, as far as they are known here: what their charters
/// prohibit holds for it wherever it goes.
pub(super) fn addressed<'a>(
    snapshot: &'a PolicySnapshot,
    record: &'a RecordFacts,
) -> impl Iterator<Item = &'a Association> {
    let named = record.addressees.iter().filter_map(|held| held.addressee.group);
    named.filter_map(|(id, _)| snapshot.association(&id))
}
