//! Control records: of which kind, for whom by their body, and what is known of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use comity_core::group::{
    ApplicationBody, GroupBody, HandoverBody, InvitationBody, RemovalBody, RosterBody, RosterHead,
    Says, SponsorshipBody,
};
use comity_core::ledger::Obligations;
use comity_core::policy::{ControlAudience, PolicyBuilder, RecordFacts, Source};
use comity_core::{EconomyId, GroupId, Kind, RecordId};

use crate::cell::{Cell, Dimension as D};
use crate::groups::Story;
use crate::papers::charter;
use crate::part;
use crate::world::{OTHER, PAST, THEM, US};

/// The group that words are about.
const ABOUT: GroupId = GroupId([15; 32]);
/// An economy that applies, and one that has no say.
const APPLICANT: EconomyId = EconomyId([16; 32]);
const STRANGER: EconomyId = EconomyId([17; 32]);

/// The record, and the partners with what is known of its group.
pub fn record(cell: &Cell, builder: PolicyBuilder) -> (RecordFacts, PolicyBuilder) {
    let (mut record, _) = part::record(cell);
    record.kind = match cell.value(D::ControlKind) {
        "content" => Kind::Incident,
        "unknown" => Kind::Unknown(99),
        name => Kind::from_name(name).unwrap(),
    };
    // Its marking is its floor.
    record.floor.unknown = cell.is(D::Unknown, &["an unknown marking"]);
    record.released_before = cell.is(D::Held, &["yes"]);
    record.binds_in_doubt = cell.is(D::Binds, &["yes"]);
    if matches!(record.kind, Kind::Group | Kind::Roster) {
        return word(cell, record, builder);
    }
    record.control = match cell.value(D::ControlFor) {
        "every partner" => Some(ControlAudience::Partners),
        "us and the recipient" => Some(ControlAudience::Parties([US, THEM])),
        "us and another" => Some(ControlAudience::Parties([OTHER, US])),
        "the recipient and another" => Some(ControlAudience::Parties([THEM, OTHER])),
        "the recipient" => Some(ControlAudience::To(THEM)),
        "another" => Some(ControlAudience::To(OTHER)),
        "some, the recipient among them" => Some(ControlAudience::Named(vec![OTHER, THEM])),
        "some others" => Some(ControlAudience::Named(vec![US, OTHER])),
        "whoever holds it" => Some(ControlAudience::Holders),
        _ => None,
    };
    (record, builder)
}

/// A word about a group that we keep, or that we want to come into.
fn word(
    cell: &Cell,
    mut record: RecordFacts,
    builder: PolicyBuilder,
) -> (RecordFacts, PolicyBuilder) {
    let ours = cell.is(D::Word, &["our own application"]);
    let keeper = if ours { OTHER } else { US };
    let founds = cell.is(D::Relation, &["founds it, and is not in yet"]);
    let third = if founds { THEM } else { EconomyId([18; 32]) };
    let founders = [if ours { US } else { OTHER }, third, EconomyId([19; 32])];
    let mut story = Story::begin(ABOUT, keeper, &founders, &charter(&Cell::PLAIN), PAST);
    if !ours {
        story.admit(&[OTHER], None);
    }
    let before = relate(cell, &mut story, keeper);
    let said = say(cell, &mut story, &before);
    record.id = said.record;
    record.origin = said.by;
    record.source = if said.by == US {
        Source::Own
    } else {
        Source::From { economy: OTHER, obligations: Obligations::default() }
    };
    record.kind = if matches!(said.says, Says::Group(_)) { Kind::Group } else { Kind::Roster };
    record.control = Some(ControlAudience::Group(Arc::new(said.says)));
    let known = !cell.is(D::Counts, &["is of a group that is not known here"]);
    let builder = if known { builder.group(Arc::new(story.group())) } else { builder };
    (record, builder)
}

/// What the recipient, and others about it, said before.
#[derive(Default)]
struct Before {
    application: Option<RecordId>,
    removal: Option<RecordId>,
}

fn relate(cell: &Cell, story: &mut Story, keeper: EconomyId) -> Before {
    let mut before = Before::default();
    let relation = cell.value(D::Relation);
    if relation.starts_with("is asked in") {
        story.invite(keeper, THEM);
    }
    match relation {
        "is asked in, and applies" | "applies unasked" => {
            before.application = Some(story.apply(THEM));
        }
        "applies, and a member speaks for it" => {
            let application = story.apply(THEM);
            story.sponsor(keeper, application);
            before.application = Some(application);
        }
        "is a member" | "was removed by the last roster" => {
            before.application = Some(story.admit_sponsored(THEM, keeper));
        }
        "has asked us in" => {
            story.invite(THEM, US);
        }
        _ => {}
    }
    if relation == "was removed by the last roster" {
        before.removal = Some(story.remove(THEM, keeper));
    }
    before
}

struct Said {
    record: RecordId,
    by: EconomyId,
    says: Says,
}

fn say(cell: &Cell, story: &mut Story, before: &Before) -> Said {
    let counts = !cell.is(D::Counts, &["counts for nothing"]);
    let recipient = cell.is(D::About, &["the recipient"]);
    let (group, epoch) = (story.id(), story.group().head().epoch);
    let by = if counts { US } else { STRANGER };
    let body = match cell.value(D::Word) {
        "charter" => {
            let says = Says::Group(GroupBody::Charter(story.charter.clone()));
            return Said { record: story.founding.record(), by: US, says };
        }
        "application" => {
            let answers = if counts { vec![] } else { vec!["an answer to no question".to_owned()] };
            let body = ApplicationBody { group, affiliations: BTreeSet::new(), answers };
            let says = Says::Group(GroupBody::Application(body));
            return Said { record: RecordId([45; 32]), by: APPLICANT, says };
        }
        "our own application" => {
            let answers = if counts { vec![] } else { vec!["an answer to no question".to_owned()] };
            let body = ApplicationBody { group, affiliations: BTreeSet::new(), answers };
            let says = Says::Group(GroupBody::Application(body));
            return Said { record: RecordId([46; 32]), by: US, says };
        }
        "sponsorship" => {
            let of = if recipient { before.application } else { Some(story.apply(APPLICANT)) };
            let application = of.unwrap_or(RecordId([240; 32]));
            GroupBody::Sponsorship(SponsorshipBody { group, epoch, application })
        }
        "vote to remove" => {
            let member = if recipient { THEM } else { OTHER };
            let body = GroupBody::Removal(RemovalBody { group, epoch, member, reason: None });
            if let Some(record) = before.removal.filter(|_| recipient && counts) {
                return Said { record, by, says: Says::Group(body) };
            }
            body
        }
        "offer to keep the roster" => GroupBody::Handover(HandoverBody { group, epoch, to: by }),
        "invitation" => {
            let to = if recipient { THEM } else { APPLICANT };
            GroupBody::Invitation(InvitationBody { group, to })
        }
        "roster" if counts => {
            let (record, roster) = story.last_roster();
            return Said { record, by, says: Says::Roster(RosterBody::Roster(roster)) };
        }
        "roster" => {
            let says = Says::Roster(RosterBody::Roster(story.next()));
            return Said { record: story.say(by, says.clone()), by, says };
        }
        _ => {
            let digest = story.group().head().digest;
            let says = Says::Roster(RosterBody::Head(RosterHead { group, epoch, digest }));
            return Said { record: story.say(by, says.clone()), by, says };
        }
    };
    let says = Says::Group(body);
    Said { record: story.say(by, says.clone()), by, says }
}
