//! Groups as screens show them. Ids are random, so everything is in an order that people know: by name, or
//! by time.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::group::{Group, OpenApplication, Refusal, Removers};
use comity_core::journal::Standing;
use comity_core::{EconomyId, RecordId, Timestamp};

use crate::api::{
    AffiliationLine, ApplicationLine, CriterionLine, GroupDetail, GroupLine, MemberLine,
    RosterLine, VoteLine,
};
use crate::deadlines::stops;
use crate::state::State;

pub(super) fn group(state: &State, group: &Group, now: Timestamp) -> GroupLine {
    let head = group.head();
    GroupLine {
        group: group.id().to_string(),
        reference: reference(state, &group.founding().record()),
        name: group.founding().charter().name().to_owned(),
        founded_by: state.name_of(&group.founding().by()),
        state: standing(state, group, now).to_owned(),
        roster: head.epoch,
        members: head.members.len() as u64,
        secretariat: state.name_of(&head.secretariat),
        confirmed: group.confirmed().to_string(),
        stale_from: stops(group)
            .map_or(group.stale_from(), |stops| stops.min(group.stale_from()))
            .to_string(),
    }
}

fn standing(state: &State, group: &Group, now: Timestamp) -> &'static str {
    let (us, head) = (state.us(), group.head());
    if state.groups().is_in_doubt(&group.id()) {
        "not believed"
    } else if group.fork().is_some() {
        "frozen"
    } else if group.is_closed() {
        "closed"
    } else if head.members.contains_key(&us) && group.usable(now).is_err() {
        "unconfirmed"
    } else if head.secretariat == us {
        "secretariat"
    } else if head.members.contains_key(&us) {
        if group.certain().contains(&us) { "member" } else { "in doubt" }
    } else if group.applications().any(|one| one.by == us) {
        "applied"
    } else if let Some(itself) = group.left_itself(us) {
        if itself { "left" } else { "removed" }
    } else if state.groups().is_ours(&group.id()) {
        "invited"
    } else {
        "no part of it"
    }
}

pub(super) fn detail(state: &State, group: &Group, now: Timestamp) -> GroupDetail {
    let charter = group.founding().charter();
    let founders = group.founding().founders().iter();
    let head = group.head();
    let body = state.record(&group.founding().record()).and_then(|held| held.body.clone());
    let text = body.and_then(|body| comity_core::group::GroupBody::decode(&body).ok());
    GroupDetail {
        group: self::group(state, group, now),
        purpose: charter.purpose().to_owned(),
        later_joiners_see_earlier_records: charter.later_joiners_see_earlier_records(),
        criteria: charter
            .criteria()
            .iter()
            .map(|one| CriterionLine { name: one.name.clone(), text: one.text.clone() })
            .collect(),
        sponsors_needed: charter.sponsors_needed() as u64,
        removal: match charter.removal() {
            Removers::Secretariat => "the secretariat".to_owned(),
            Removers::Sponsors(needed) => format!("{needed} of the sponsors"),
            Removers::Members(needed) => format!("{needed} members"),
        },
        members: members(state, group),
        founders_awaited: names(state, founders.filter(|one| !head.members.contains_key(one))),
        applications: applications(state, group),
        removals: removals(state, group),
        would_keep: names(state, group.ready().keys()),
        problems: problems(state, group),
        text: match text {
            Some(comity_core::group::GroupBody::Charter(charter)) => charter.text,
            Some(_) | None => String::new(),
        },
    }
}

fn members(state: &State, group: &Group) -> Vec<MemberLine> {
    let members = group.head().members.iter();
    let mut lines: Vec<_> = members
        .map(|(economy, member)| MemberLine {
            name: state.name_of(economy),
            economy: economy.to_string(),
            since: member.since,
            affiliations: member.affiliations.iter().cloned().collect(),
            partner: *economy == state.us()
                || state.partner(economy).is_some_and(crate::state::Partner::is_paired),
            certain: group.certain().contains(economy),
        })
        .collect();
    lines.sort_by(|one, other| (one.since, &one.name).cmp(&(other.since, &other.name)));
    lines
}

pub(super) fn affiliations(state: &State, group: &Group) -> Vec<AffiliationLine> {
    let mut lines: BTreeMap<&str, Vec<&EconomyId>> = BTreeMap::new();
    for (economy, member) in &group.head().members {
        for affiliation in &member.affiliations {
            lines.entry(affiliation).or_default().push(economy);
        }
    }
    let line = |(affiliation, members): (&str, Vec<&EconomyId>)| AffiliationLine {
        affiliation: affiliation.to_owned(),
        members: names(state, members),
    };
    lines.into_iter().map(line).collect()
}

fn applications(state: &State, group: &Group) -> Vec<ApplicationLine> {
    let mut open: Vec<_> = group.applications().collect();
    open.sort_by_cached_key(|one| (one.at, state.name_of(&one.by), one.record));
    let line = |one: &OpenApplication<'_>| ApplicationLine {
        reference: reference(state, &one.record),
        applicant: state.name_of(&one.by),
        at: one.at.to_string(),
        affiliations: one.body.affiliations.iter().cloned().collect(),
        answers: one.body.answers.clone(),
        sponsors: names(state, one.sponsors.keys()),
        needed: one.needed as u64,
    };
    open.iter().map(line).collect()
}

fn removals(state: &State, group: &Group) -> Vec<VoteLine> {
    let head = group.head();
    let voted = head.members.keys().map(|member| (member, group.votes(*member, head.secretariat)));
    let mut lines: Vec<_> = voted
        .filter(|(_, votes)| !votes.is_empty())
        .map(|(member, votes)| VoteLine {
            member: state.name_of(member),
            by: names(state, votes.keys()),
            needed: group.founding().charter().removal().needed() as u64,
        })
        .collect();
    lines.sort_by(|one, other| one.member.cmp(&other.member));
    lines
}

fn names<'a>(state: &State, economies: impl IntoIterator<Item = &'a EconomyId>) -> Vec<String> {
    let mut names: Vec<_> = economies.into_iter().map(|one| state.name_of(one)).collect();
    names.sort();
    names
}

/// These records as they were signed, one after the other.
fn by_time<'a, T>(
    group: &Group,
    records: impl IntoIterator<Item = (&'a RecordId, T)>,
) -> Vec<(&'a RecordId, T)> {
    let mut records: Vec<_> = records.into_iter().collect();
    let signed = |record: &RecordId| group.statement(record).map(|one| one.at);
    records.sort_by_key(|(record, _)| (signed(record), **record));
    records
}

/// What an operator should know: contradictions first.
fn problems(state: &State, group: &Group) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(fork) = group.fork() {
        let rosters: Vec<_> = fork.rosters.values().map(|one| reference(state, one)).collect();
        let (rosters, epoch) = (rosters.join(" and "), fork.epoch);
        problems.push(format!("there are two rosters {epoch}, {rosters}: nothing is released"));
    }
    for (roster, missing) in by_time(group, group.waiting()) {
        let roster = reference(state, roster);
        problems.push(match missing.len() {
            0 => format!("roster {roster} waits for the ones before it"),
            count => {
                let count =
                    if count == 1 { "a record".to_owned() } else { format!("{count} records") };
                format!(
                    "roster {roster} waits for {count} that it cites{}",
                    strangers(state, missing)
                )
            }
        });
    }
    for (record, refusal) in by_time(group, group.refused()) {
        let record = reference(state, record);
        problems.push(format!("{record} counts for nothing: {}", in_words(state, *refusal)));
    }
    problems
}

/// What a roster waits for may be here, and of an economy that is not known.
fn strangers(state: &State, missing: &BTreeSet<RecordId>) -> String {
    let unknown = unknown_among(state, missing);
    if unknown.is_empty() {
        return String::new();
    }
    let names: Vec<_> = unknown.iter().map(EconomyId::short).collect();
    format!(
        ": of {}, whom this node does not know; pair, or have a partner introduce them",
        names.join(", ")
    )
}

pub(super) fn rosters(state: &State, group: &Group) -> Vec<RosterLine> {
    let mut before = None;
    let mut lines = Vec::new();
    for epoch in group.epochs() {
        let earlier: Option<&comity_core::group::Epoch> = before.replace(epoch);
        let earlier = earlier.map(|earlier| &earlier.members);
        let came = |one: &&EconomyId| earlier.is_none_or(|members| !members.contains_key(*one));
        let went = |one: &&EconomyId| !epoch.members.contains_key(*one);
        lines.push(RosterLine {
            roster: epoch.epoch,
            reference: reference(state, &epoch.record),
            digest: epoch.digest.to_string(),
            secretariat: state.name_of(&epoch.secretariat),
            signed_at: epoch.at.to_string(),
            members: names(state, epoch.members.keys()),
            came: names(state, epoch.members.keys().filter(came)),
            went: names(state, earlier.into_iter().flat_map(|all| all.keys()).filter(went)),
            standing: state.record(&epoch.record).and_then(|held| not_believed(&held.standing)),
        });
    }
    lines
}

/// How what was signed stands, where it is not believed.
fn not_believed(standing: &Standing) -> Option<String> {
    match standing {
        Standing::Accepted => None,
        Standing::Dropped => Some("dropped".to_owned()),
        Standing::Pending(_) => Some("pending".to_owned()),
        Standing::Quarantined(_) | Standing::InReview(_) => Some("quarantined".to_owned()),
    }
}

/// Members that may be gone, or of which it is in doubt what let them in: by name.
pub(super) fn doubtful(state: &State, group: &Group) -> Vec<String> {
    let listed = group.head().members.keys();
    names(state, listed.filter(|one| !group.certain().contains(one) && **one != state.us()))
}

/// Economies that this node does not know, and whose words rosters of the group wait for.
pub(super) fn unknown(state: &State, group: &Group) -> BTreeSet<EconomyId> {
    group.waiting().values().flat_map(|missing| unknown_among(state, missing)).collect()
}

fn unknown_among(state: &State, missing: &BTreeSet<RecordId>) -> BTreeSet<EconomyId> {
    let pending = missing.iter().filter_map(|one| state.record(one));
    let pending = pending.filter(|held| held.facts.pending).map(|held| held.facts.origin);
    pending.filter(|origin| state.keyring(origin).is_none()).collect()
}

/// A refusal with the names that this node gives to economies.
pub(super) fn in_words(state: &State, refusal: Refusal) -> String {
    let known = state.partners().map(|(economy, _)| *economy).chain([state.us()]);
    known.fold(refusal.to_string(), |text, economy| {
        text.replace(&economy.short(), &state.name_of(&economy))
    })
}

pub(super) fn reference(state: &State, record: &RecordId) -> String {
    state.record(record).map_or_else(|| record.short(), |held| held.reference.clone())
}
