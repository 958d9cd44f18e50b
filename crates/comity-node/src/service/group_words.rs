//! What records about groups say, in words.

use comity_core::GroupId;
use comity_core::group::{GroupBody, RosterBody};

use crate::state::State;

pub(super) fn group_body(state: &State, body: &GroupBody) -> String {
    match body {
        GroupBody::Charter(charter) => charter.text.clone(),
        GroupBody::Application(body) => {
            let mut lines = vec![format!("applies to {}", group(body.group))];
            lines.extend(body.affiliations.iter().map(|label| format!("belongs to {label}")));
            lines.extend(body.answers.iter().cloned());
            lines.join("\n")
        }
        GroupBody::Sponsorship(body) => {
            let application = state.record(&body.application).map(|held| held.reference.clone());
            let application = application.unwrap_or_else(|| body.application.short());
            format!("speaks for the application {application} to {}", group(body.group))
        }
        GroupBody::Removal(body) => {
            let why = body.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let member = state.name_of(&body.member);
            format!("wants {member} out of {}{why}", group(body.group))
        }
        GroupBody::Handover(body) => {
            format!(
                "offers the secretariat of {} to {}",
                group(body.group),
                state.name_of(&body.to)
            )
        }
        GroupBody::Invitation(body) => {
            format!("shows the charter of {} to {}", group(body.group), state.name_of(&body.to))
        }
    }
}

pub(super) fn roster_body(state: &State, body: &RosterBody) -> String {
    match body {
        RosterBody::Roster(roster) => {
            let members: Vec<_> = roster.members.keys().map(|one| state.name_of(one)).collect();
            let (epoch, members) = (roster.epoch, members.join(", "));
            format!("roster {epoch} of {}: {members}", group(roster.group))
        }
        RosterBody::Head(head) => {
            format!("roster {} is still the last one of {}", head.epoch, group(head.group))
        }
    }
}

fn group(group: GroupId) -> String {
    format!("group {}", group.short())
}
