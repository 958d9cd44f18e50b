//! What has its day, in the words that people are told, ahead and as it passes: ends and reviews of
//! agreements and charters, ends of our own keys, and the daily word about a roster that this node keeps.
//!
//! It follows from what was signed and the time alone: nothing of it is written, and of an agreement both
//! parties see the same.

mod charters;
mod keys;

pub(crate) use charters::stops;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comity_core::agreement::{
    Deadline, DeadlineKind, ReturnOrDestroy, ReviewOverdue, Step, Terms, deadlines,
};
use comity_core::group::Group;
use comity_core::policy::Agreement;
use comity_core::{EconomyId, GroupId, KeyId, RecordId, Timestamp};

use crate::api::DeadlineLine;
use crate::engine::Alarm;
use crate::shell_word::word;
use crate::state::State;

/// That an agreement is over.
pub(crate) const ENDED: &str = "agreement-ended";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A running node confirms the rosters that it keeps each day, within an hour: after this long something
/// holds it up.
const LATE: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// An agreement with a partner, and what is near.
struct Near<'a> {
    partner: EconomyId,
    agreement: &'a Agreement,
    deadlines: Vec<Deadline>,
}

/// Those of agreements in force, as the local interface has them.
pub(crate) fn lines(state: &State, now: Timestamp) -> Vec<DeadlineLine> {
    let in_force = near(state, now).filter(|near| near.agreement.in_force(now));
    let agreements = in_force.flat_map(|near| {
        let line = |deadline: &Deadline| line(state, &near, *deadline, now);
        near.deadlines.iter().map(line).collect::<Vec<_>>()
    });
    // What is over is shown by `group list`, as an agreement that ended is by `agreement list`.
    let charters = charters::near(state, now)
        .filter(|(_, deadline)| !is_over(deadline))
        .map(|(group, deadline)| charters::line(state, group, deadline, now));
    let keys = keys::near(state, now).into_iter().map(|key| keys::line(&key, now));
    agreements.chain(charters).chain(keys).collect()
}

/// What was near when a running node last looked: each step is told once.
#[derive(Debug, Default)]
pub(crate) struct Told {
    agreements: BTreeMap<RecordId, Vec<Deadline>>,
    charters: Option<BTreeSet<(GroupId, Deadline)>>,
    keys: BTreeSet<(KeyId, Deadline)>,
    /// For how many days the rosters that we keep had not been confirmed.
    rosters: BTreeMap<GroupId, u64>,
}

impl Told {
    /// What has to be told since the last look.
    pub(crate) fn alarms(&mut self, state: &State, now: Timestamp) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        let mut seen = BTreeMap::new();
        for near in near(state, now) {
            let id = near.agreement.id();
            for deadline in news(self.agreements.get(&id), &near.deadlines) {
                let DeadlineLine { what, next, .. } = line(state, &near, deadline, now);
                let (partner, code) = (Some(near.partner), code(deadline));
                alarms.push(Alarm { partner, code, text: format!("{what}: {next}") });
            }
            seen.insert(id, near.deadlines);
        }
        self.agreements = seen;
        alarms.extend(self.of_charters(state, now));
        alarms.extend(self.of_keys(state, now));
        alarms.extend(self.unconfirmed(state, now));
        alarms
    }

    fn of_charters(&mut self, state: &State, now: Timestamp) -> Vec<Alarm> {
        let near: Vec<_> = charters::near(state, now).collect();
        let told = near.iter().map(|(group, deadline)| (group.id(), *deadline)).collect();
        let before = self.charters.replace(told);
        // As of agreements: that one ended before the first look is none.
        let old = |group: &Group, one: &Deadline| match &before {
            None => is_over(one),
            Some(before) => before.contains(&(group.id(), *one)),
        };
        let news = near.into_iter().filter(|(group, one)| !old(group, one));
        let alarm = |(group, deadline): (&Group, Deadline)| {
            let DeadlineLine { what, next, .. } = charters::line(state, group, deadline, now);
            Alarm { partner: None, code: code(deadline), text: format!("{what}: {next}") }
        };
        news.map(alarm).collect()
    }

    fn of_keys(&mut self, state: &State, now: Timestamp) -> Vec<Alarm> {
        let near = keys::near(state, now);
        let told = near.iter().map(|one| (one.key, one.deadline)).collect();
        let before = std::mem::replace(&mut self.keys, told);
        let news = near.iter().filter(|one| !before.contains(&(one.key, one.deadline)));
        let alarm = |key: &keys::Near| {
            let DeadlineLine { what, next, .. } = keys::line(key, now);
            Alarm { partner: None, code: "key-ends", text: format!("{what}: {next}") }
        };
        news.map(alarm).collect()
    }

    /// Rosters of which we should have said each day that they are the last, and have not. Told once a day.
    fn unconfirmed(&mut self, state: &State, now: Timestamp) -> Vec<Alarm> {
        let since = now.saturating_sub(LATE);
        let groups = state.groups().unconfirmed(state.us(), since);
        // Whoever has just been given the role has time to say its first word.
        let groups = groups.filter(|group| group.confirmed() <= since);
        let late: BTreeMap<_, _> = groups
            .map(|group| {
                let days = now.since(group.confirmed()).as_secs() / DAY.as_secs();
                (group.id(), (days, group))
            })
            .collect();
        let news = late.iter().filter(|(id, (days, _))| self.rosters.get(*id) != Some(days));
        let alarms = news
            .map(|(_, (days, group))| {
                let name = group.founding().charter().name();
                let text = unconfirmed(name, *days, group.stale_from());
                Alarm { partner: None, code: "roster-unconfirmed", text }
            })
            .collect();
        self.rosters = late.into_iter().map(|(id, (days, _))| (id, days)).collect();
        alarms
    }
}

/// What the members of a group lose when its roster is not confirmed, and what says why it is not.
fn unconfirmed(name: &str, days: u64, stale: Timestamp) -> String {
    format!(
        "this node keeps the roster of {name} and has not said for {days} days that it is the last: from {stale} nothing goes to the group any more, at any member; what holds it up is said by: comity group roster {} --confirm",
        word(name)
    )
}

fn is_over(one: &Deadline) -> bool {
    (one.kind, one.step) == (DeadlineKind::End, Step::Passed)
}

/// What is new since the last look. That an agreement ended before the first one is none.
fn news(before: Option<&Vec<Deadline>>, now: &[Deadline]) -> Vec<Deadline> {
    let old = |one: &Deadline| before.map_or_else(|| is_over(one), |before| before.contains(one));
    now.iter().filter(|one| !old(one)).copied().collect()
}

/// Every agreement with a partner that has begun.
fn near(state: &State, now: Timestamp) -> impl Iterator<Item = Near<'_>> {
    let partners = state.partners().filter(|(_, partner)| partner.is_paired());
    let known = partners.filter_map(|(id, _)| Some((*id, state.policy().partner(id)?)));
    known.flat_map(move |(partner, known)| {
        let all = known.agreements.iter().filter(move |one| began(one, now));
        all.map(move |agreement| {
            let mut deadlines: Vec<_> =
                deadlines(agreement.terms(), agreement.until(), now).collect();
            if has_successor(agreement, &known.agreements) {
                deadlines.retain(|one| one.kind != DeadlineKind::End);
            }
            Near { partner, agreement, deadlines }
        })
    })
}

/// One whose signature is in doubt, that ended before it began, or whose texts contest each other, has no
/// end to be told of.
fn began(agreement: &Agreement, now: Timestamp) -> bool {
    let from = agreement.from();
    from <= now
        && !agreement.is_contested(now)
        && agreement.until().is_none_or(|until| until > from)
}

/// Whether another text takes its place, or another of its tier is in force when it ends.
fn has_successor(agreement: &Agreement, all: &[Agreement]) -> bool {
    let Some(until) = agreement.until() else { return false };
    if let Some(replaced) = agreement.replaced() {
        return all.iter().any(|other| other.id() == replaced.by && other.in_force(until));
    }
    let tier = agreement.terms().tier();
    all.iter().any(|other| {
        other.id() != agreement.id() && other.terms().tier() == tier && other.in_force(until)
    })
}

/// A stable code for alarms.
fn code(deadline: Deadline) -> &'static str {
    match (deadline.kind, deadline.step) {
        (DeadlineKind::End, Step::Passed) => ENDED,
        (DeadlineKind::End, Step::Ninety | Step::Thirty | Step::Seven) => "agreement-ends",
        (DeadlineKind::Review, Step::Passed) => "review-overdue",
        (DeadlineKind::Review, Step::Ninety | Step::Thirty | Step::Seven) => "review-due",
    }
}

fn line(state: &State, near: &Near<'_>, deadline: Deadline, now: Timestamp) -> DeadlineLine {
    let (terms, id) = (near.agreement.terms(), near.agreement.id());
    let reference = state.record(&id).map_or_else(|| id.short(), |held| held.reference.clone());
    let partner = state.name_of(&near.partner);
    let title = format!("{} {reference} with {partner}", terms.label());
    let propose = format!("comity agreement propose FILE --to {}", word(&partner));
    let overdue = terms.review_overdue();
    let amend = format!("comity agreement amend {reference} FILE");
    let (kind, effect, next) = match (deadline.kind, deadline.step) {
        (DeadlineKind::End, Step::Passed) => {
            let theirs = word(&partner);
            let goes = terms.return_or_destroy().map_or_else(String::new, |_| {
                format!("see what is here of theirs (comity list --from {theirs}), and erase what you had under it alone (comity erase REFERENCE); or ")
            });
            ("end", None, format!("{goes}propose its successor: {propose}"))
        }
        // What somebody has ended is not amended.
        (DeadlineKind::End, Step::Ninety | Step::Thirty | Step::Seven)
            if near.agreement.is_terminated() =>
        {
            ("end", None, format!("propose what shall hold from then on: {propose}"))
        }
        (DeadlineKind::End, Step::Ninety | Step::Thirty | Step::Seven) => {
            ("end", None, format!("propose what shall hold from then on: {amend}"))
        }
        (DeadlineKind::Review, _) => {
            ("review", Some(effect(overdue)), format!("propose what the review comes to: {amend}"))
        }
    };
    DeadlineLine {
        agreement: id.to_string(),
        reference,
        partner,
        deadline: kind.to_owned(),
        overdue: effect.map(str::to_owned),
        ..bare(deadline, now, what(&title, deadline, terms, now), next)
    }
}

/// What every line has: when it is, and a sentence of it.
fn bare(deadline: Deadline, now: Timestamp, what: String, next: String) -> DeadlineLine {
    DeadlineLine {
        agreement: String::new(),
        reference: String::new(),
        partner: String::new(),
        group: None,
        key: None,
        deadline: "end".to_owned(),
        at: deadline.at.to_string(),
        day: deadline.day(),
        days: deadline.days_left(now),
        step: deadline.step.days(),
        overdue: None,
        what,
        next,
    }
}

/// How far ahead a day is.
fn when(deadline: Deadline, now: Timestamp) -> String {
    match deadline.days_left(now) {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        days => format!("in {days} days"),
    }
}

/// The word for it in the text of an agreement.
fn effect(overdue: ReviewOverdue) -> &'static str {
    match overdue {
        ReviewOverdue::Warn => "warn",
        ReviewOverdue::Stop => "stop",
    }
}

/// What the text says becomes of what each has of the other at its end; nothing goes by itself.
fn at_end(terms: &Terms) -> &'static str {
    match terms.return_or_destroy() {
        None => "",
        Some(ReturnOrDestroy::Return) => {
            "; what either has of the other under it is to be returned then"
        }
        Some(ReturnOrDestroy::Destroy) => {
            "; what either has of the other under it is to be destroyed then"
        }
        Some(ReturnOrDestroy::Either) => {
            "; what either has of the other under it is to be returned or destroyed then"
        }
    }
}

fn what(title: &str, deadline: Deadline, terms: &Terms, now: Timestamp) -> String {
    let (overdue, end) = (terms.review_overdue(), at_end(terms));
    let day = deadline.day();
    let when = when(deadline, now);
    match (deadline.kind, deadline.step == Step::Passed) {
        (DeadlineKind::End, false) => format!("{title} ends {when} (last day {day}){end}"),
        (DeadlineKind::End, true) => format!("{title} has ended (last day {day}){end}"),
        (DeadlineKind::Review, false) => {
            let then = match overdue {
                ReviewOverdue::Warn => "overdue, it is a warning and no more",
                ReviewOverdue::Stop => "overdue, nothing goes under it",
            };
            format!("{title} is due for review {when} ({day}); {then}")
        }
        (DeadlineKind::Review, true) => {
            let then = match overdue {
                ReviewOverdue::Warn => "a warning, what it covers still goes",
                ReviewOverdue::Stop => "nothing goes under it",
            };
            format!("the review of {title} is overdue (its day was {day}); {then}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn terms(more: &str) -> Terms {
        let begun = "format = 1\ntitle = \"T\"\ntier = \"nda\"\nstarts = 2025-01-01\n";
        Terms::parse(&format!("{begun}{more}")).unwrap()
    }

    fn said(terms: &Terms, now: &str) -> Vec<String> {
        let now = at(now);
        let all = deadlines(terms, terms.ends(), now);
        all.map(|one| what("NDA KR-26-C001 with JP", one, terms, now)).collect()
    }

    #[test]
    fn people_are_told_the_days_and_the_day() {
        let nda = terms("ends = 2026-12-19\n");
        let check = |now: &str, expected: &str| assert_eq!(said(&nda, now), [expected]);
        check(
            "2026-11-22T09:00:00Z",
            "NDA KR-26-C001 with JP ends in 27 days (last day 2026-12-19)",
        );
        check("2026-12-18T09:00:00Z", "NDA KR-26-C001 with JP ends tomorrow (last day 2026-12-19)");
        check("2026-12-19T09:00:00Z", "NDA KR-26-C001 with JP ends today (last day 2026-12-19)");
        check("2026-12-20T00:00:00Z", "NDA KR-26-C001 with JP has ended (last day 2026-12-19)");
    }

    #[test]
    fn whoever_promised_to_destroy_something_is_told_when_it_is_due() {
        for (word, says) in
            [("destroy", "destroyed"), ("return", "returned"), ("either", "returned or destroyed")]
        {
            let nda = terms(&format!("ends = 2026-12-19\nreturn-or-destroy = \"{word}\"\n"));
            for now in ["2026-12-18T09:00:00Z", "2026-12-20T00:00:00Z"] {
                let said = said(&nda, now);
                assert!(said[0].ends_with(&format!("is to be {says} then")), "{said:?}");
            }
        }
    }

    #[test]
    fn a_review_is_told_with_what_it_does_when_it_is_overdue() {
        let check = |overdue: &str, due: &str, late: &str| {
            let nda = terms(&format!("review = 2026-12-19\nreview-overdue = \"{overdue}\"\n"));
            let title = "NDA KR-26-C001 with JP";
            assert_eq!(
                said(&nda, "2026-12-12T00:00:00Z"),
                [format!("{title} is due for review in 7 days (2026-12-19); {due}")]
            );
            assert_eq!(
                said(&nda, "2026-12-20T00:00:00Z"),
                [format!("the review of {title} is overdue (its day was 2026-12-19); {late}")]
            );
        };
        check(
            "warn",
            "overdue, it is a warning and no more",
            "a warning, what it covers still goes",
        );
        check("stop", "overdue, nothing goes under it", "nothing goes under it");
    }

    #[test]
    fn a_roster_that_is_not_confirmed_is_told_with_what_it_will_stop() {
        let said = unconfirmed("Pacific CSIRTs", 2, at("2026-12-06T09:00:00Z"));
        assert!(
            said.contains("for 2 days") && said.contains("from 2026-12-06T09:00:00Z"),
            "{said}"
        );
        assert!(said.ends_with("comity group roster 'Pacific CSIRTs' --confirm"), "{said}");
    }

    #[test]
    fn each_step_is_told_once() {
        let nda = terms("ends = 2026-12-19\nreview = 2026-12-12\n");
        let near = |now: &str| deadlines(&nda, nda.ends(), at(now)).collect::<Vec<_>>();
        let (first, later) = (near("2026-11-22T09:00:00Z"), near("2026-12-12T09:00:00Z"));
        assert_eq!(news(None, &first), first, "at the start");
        assert_eq!(news(Some(&first), &near("2026-11-23T09:00:00Z")), [], "another day, no step");
        assert_eq!(news(Some(&first), &later), later, "both are within their last week");
        let ended = near("2026-12-20T00:00:00Z");
        assert_eq!(news(Some(&later), &ended), ended);
        assert_eq!(news(Some(&ended), &ended), []);
        assert_eq!(news(None, &ended), [], "what ended before the start");
        let late = near("2026-12-14T00:00:00Z");
        assert_eq!(news(None, &late), late, "an overdue review is told at each start");
    }
}
