//! Control records: keyrings, agreements, withdrawals and the like have a gate list of their own.
//!
//! They carry no content. The partner must be paired and not revoked, and the record must concern
//! it; trust, agreement, tier and label do not apply, so that a withdrawal or a termination still
//! arrives after everything else has ended.

use super::decision::{Decision, Gate, Judgement};
use super::fact::Fact;
use super::facts::{ControlAudience, Recipient, RecordFacts, Source};
use super::gates::{self, Finding};
use super::snapshot::PolicySnapshot;
use crate::group::{GroupBody, Says};
use crate::identity::{EconomyId, GroupId};
use crate::ledger::Obligations;
use crate::time::Timestamp;
use crate::vocabulary::Kind;

/// Decides whether a control record may go to one recipient.
///
/// Time turns nothing but how the recipient's keyring is confirmed.
#[must_use]
pub fn decide_control(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    recipient: &Recipient,
    now: Timestamp,
) -> Decision {
    let judgements = match recipient {
        Recipient::Partner { economy, .. } => to_partner(snapshot, record, *economy, now),
        Recipient::LocalRole { .. } => {
            [(Gate::Standing, Fact::OwnHouse), (Gate::Audience, Fact::OwnHouse)]
                .map(|(gate, fact)| Finding::pass(fact).by(gate))
                .into_iter()
                .chain(in_itself(record))
                .collect()
        }
        Recipient::Constituent { .. } | Recipient::Public => {
            vec![Finding::deny(Fact::ControlForOthers(record.kind)).by(Gate::Audience)]
        }
    };
    Decision::of(&judgements, None, || Some(Obligations::unbound()))
}

fn to_partner(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    to: EconomyId,
    now: Timestamp,
) -> Vec<Judgement> {
    let mut judgements = vec![
        gates::control_standing(snapshot, &to, record.kind, now).by(Gate::Standing),
        audience(snapshot, record, to).by(Gate::Audience),
    ];
    judgements.extend(in_itself(record));
    judgements
}

/// What does not depend on the recipient.
fn in_itself(record: &RecordFacts) -> [Judgement; 3] {
    let shape = if record.kind.is_control() && !record.addressed {
        Finding::pass(Fact::ControlFor(record.kind))
    } else {
        Finding::deny(Fact::WrongShape(record.kind))
    };
    [
        shape.by(Gate::Kind),
        sound(record).by(Gate::Quarantine),
        gates::control_unbuilt(record).by(Gate::Unbuilt),
    ]
}

/// Whether it counts. What binds both parties of an agreement though its key is believed no more goes to the other
/// all the same: it permits nothing there either, and without it the two would go by different texts.
fn sound(record: &RecordFacts) -> Finding {
    let agrees = matches!(record.kind, Kind::Agreement | Kind::Acceptance);
    if agrees && record.quarantined && record.binds_in_doubt {
        return Finding::pass(Fact::BindsInDoubt);
    }
    gates::set_aside(record).map_or(Finding::pass(Fact::Sound), Finding::deny)
}

/// Whom each kind is for. An audience that does not fit the kind is nobody.
fn audience(snapshot: &PolicySnapshot, record: &RecordFacts, to: EconomyId) -> Finding {
    let (us, kind) = (snapshot.us(), record.kind);
    // What its own people said to each other is for nobody else, whoever brought it.
    if kind == Kind::Approval {
        return Finding::deny(Fact::StaysAtHome(kind));
    }
    if to == record.origin
        || matches!(&record.source, Source::From { economy, .. } if *economy == to)
    {
        return Finding::deny(Fact::CameFromThere);
    }
    let own = record.source == Source::Own;
    let concerns = match (kind, &record.control) {
        // A foreign keyring follows the records that need it.
        (Kind::Keyring, Some(ControlAudience::Partners)) => own || record.released_before,
        (
            Kind::Agreement | Kind::Acceptance | Kind::Termination,
            Some(ControlAudience::Parties(parties)),
        ) => parties.contains(&to) && parties.contains(&us),
        (Kind::Withdrawal, Some(ControlAudience::Holders)) => record.released_before,
        (Kind::Introduction, Some(ControlAudience::To(made_to))) => own && *made_to == to,
        // An answer goes back on the way on which the question came; others help it on to the origin.
        (Kind::Acknowledgement, Some(ControlAudience::To(origin))) => {
            record.released_before || (!own && *origin == to)
        }
        // Whoever holds a consent shows it to whom it also concerns: that is how somebody learns of it who
        // has no link with the origin.
        (Kind::Consent, Some(ControlAudience::Named(named))) => named.contains(&to),
        (Kind::Consent, Some(ControlAudience::To(made_to))) => own && *made_to == to,
        (Kind::Contact, Some(ControlAudience::Partners)) => own,
        // Members pass on what concerns others: the originator's signature stays what it was.
        (Kind::Group | Kind::Roster, Some(ControlAudience::Group(says))) => {
            in_group(snapshot, record, says, to)
        }
        (
            Kind::Keyring
            | Kind::Agreement
            | Kind::Acceptance
            | Kind::Termination
            | Kind::Withdrawal
            | Kind::Introduction
            | Kind::Acknowledgement
            | Kind::Consent
            | Kind::Contact
            | Kind::Group
            | Kind::Roster
            | Kind::Approval
            | Kind::Advisory
            | Kind::Incident
            | Kind::Sightings
            | Kind::Request
            | Kind::Response
            | Kind::Note
            | Kind::Unknown(_),
            _,
        ) => return Finding::deny(Fact::ControlForOthers(kind)),
    };
    if concerns {
        return Finding::pass(Fact::ControlFor(kind));
    }
    Finding::deny(match kind {
        Kind::Withdrawal => Fact::HoldsNothing(kind),
        Kind::Keyring => Fact::HoldsNothing(kind),
        Kind::Introduction | Kind::Contact if !own => Fact::OnlyFromOrigin(kind),
        Kind::Agreement
        | Kind::Acceptance
        | Kind::Termination
        | Kind::Group
        | Kind::Roster
        | Kind::Consent
        | Kind::Approval
        | Kind::Introduction
        | Kind::Contact
        | Kind::Acknowledgement
        | Kind::Advisory
        | Kind::Incident
        | Kind::Sightings
        | Kind::Request
        | Kind::Response
        | Kind::Note
        | Kind::Unknown(_) => Fact::ControlForOthers(kind),
    })
}

/// Whom words about a group concern. A charter that is not entered yet is for its founders; our own
/// application also goes to whoever asked us, as long as no roster is here by which anybody else is known.
fn in_group(snapshot: &PolicySnapshot, record: &RecordFacts, says: &Says, to: EconomyId) -> bool {
    let id = says.group().unwrap_or(GroupId(record.id.0));
    match (snapshot.group(&id), says) {
        (Some(association), Says::Group(GroupBody::Application(_)))
            if record.origin == snapshot.us() =>
        {
            let group = association.group();
            group.concerns(&record.id, record.origin, says, to)
                || (group.head().epoch == 0 && group.has_invited(to, record.origin))
        }
        (Some(association), _) => association.group().concerns(&record.id, record.origin, says, to),
        (None, Says::Group(GroupBody::Charter(charter))) => charter.founders.contains(&to),
        (None, Says::Group(_) | Says::Roster(_)) => false,
    }
}
