//! What waits for a word of ours: what was proposed to us, or was turned down, who applies to a group whose roster
//! we keep, and what others have recalled and is still here.

use std::sync::Arc;
use std::time::Duration;

use comity_core::control::Answer;
use comity_core::group::Group;
use comity_core::{EconomyId, Timestamp};

use super::agreements::line;
use super::group_lines::{doubtful, reference, unknown};
use super::withdrawals::recall;
use crate::api::AwaitedLine;
use crate::shell_word::word;
use crate::state::State;

/// How long people are told that a partner has declined what we proposed, unless one of the two proposes anew.
const DECLINED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Whoever may not see partners and records, or read what others recall, hears how many there are.
pub(super) fn lines(
    state: &State,
    (sees, reads): (bool, bool),
    now: Timestamp,
) -> Vec<AwaitedLine> {
    let of = |lines: Vec<AwaitedLine>, may: bool| match (lines.first(), may) {
        (Some(first), false) => vec![unseen(&first.about, lines.len())],
        (_, _) => lines,
    };
    let mut awaited = of(proposals(state, now), sees);
    awaited.extend(of(declined(state, now), sees));
    awaited.extend(of(applications(state), sees));
    awaited.extend(of(shaken(state), sees));
    awaited.extend(of(recalls(state), reads));
    awaited
}

fn unseen(about: &str, many: usize) -> AwaitedLine {
    let (what, next) = match about {
        "agreement" => ("what a partner proposes awaits our answer", "comity agreement list"),
        "declined" => ("a partner has declined what we proposed", "comity agreement list"),
        "membership" => {
            ("of a group somebody is not known here, or is a member in doubt", "comity group list")
        }
        "group" => ("somebody applies to a group whose roster we keep", "comity group list"),
        _ => ("what others have recalled is still here", "comity recall list"),
    };
    let times = if many == 1 { String::new() } else { format!(" ({many} times)") };
    awaits(about, "people".to_owned(), format!("{what}{times}"), format!("{next} --as NAME"))
}

fn awaits(about: &str, with: String, what: String, next: String) -> AwaitedLine {
    AwaitedLine { about: about.to_owned(), with, what, next }
}

fn proposals(state: &State, now: Timestamp) -> Vec<AwaitedLine> {
    let paired = state.partners().filter(|(_, partner)| partner.is_paired());
    let mut awaited = Vec::new();
    for (partner, _) in paired {
        let open = state.agreements().iter().filter(|(id, one)| {
            one.partner == *partner
                && one.proposer == *partner
                && one.is_open()
                && !state.agreements().is_doubted(id)
        });
        let mut open = open.peekable();
        if open.peek().is_none() {
            continue;
        }
        let trees = state.agreements().with(*partner);
        let lines = open.map(|one| line(state, &trees, one, now, false));
        for line in lines.filter(|line| line.state == "awaits our acceptance") {
            let (reference, name) = (&line.reference, &line.partner);
            let amends = match &line.amends[..] {
                [] => String::new(),
                amends => format!(", in the place of {}", amends.join(" and ")),
            };
            let what =
                format!("{reference} ({}) of {name} awaits our acceptance{amends}", line.tier);
            // Of an amendment what matters is what it changes.
            let look = if line.amends.is_empty() { "show" } else { "diff" };
            let next = format!(
                "comity agreement {look} {reference}; comity agreement accept {reference} --dry-run"
            );
            awaited.push(awaits("agreement", name.clone(), what, next));
        }
    }
    awaited.sort_by(|one, other| (&one.with, &one.what).cmp(&(&other.with, &other.what)));
    awaited
}

/// What a partner has turned down, until the two have proposed something else.
fn declined(state: &State, now: Timestamp) -> Vec<AwaitedLine> {
    let us = state.us();
    let mut awaited = Vec::new();
    for (id, one) in state.agreements().iter().filter(|(_, one)| one.proposer == us) {
        let Some(said) = one.declined().filter(|said| now.since(*said) <= DECLINED) else {
            continue;
        };
        let mut others = state.agreements().iter();
        if others.any(|(_, other)| other.partner == one.partner && other.proposed > said) {
            continue;
        }
        let (reference, name) = (state.called(id), state.name_of(&one.partner));
        let anew = match one.text.amends().first() {
            Some(amended) => format!("comity agreement amend {} FILE", state.called(amended)),
            None => format!("comity agreement propose FILE --to {}", word(&name)),
        };
        let what = format!("{name} has declined {reference}, which we proposed");
        let next = format!("comity agreement show {reference}; with other terms: {anew}");
        awaited.push(awaits("declined", name, what, next));
    }
    awaited.sort_by(|one, other| one.what.cmp(&other.what));
    awaited
}

fn applications(state: &State) -> Vec<AwaitedLine> {
    let us = state.us();
    let kept = state.groups().iter().filter(|group| group.head().secretariat == us);
    let mut awaited = Vec::new();
    for group in kept {
        let name = group.founding().charter().name();
        for keeper in group.ready().keys().filter(|one| **one != us) {
            let (keeper, called) =
                (state.name_of(keeper), reference(state, &group.founding().record()));
            let what = format!("{keeper} would keep the roster of {name}");
            let next = format!("comity group hand-over {called} --to {}", word(&keeper));
            awaited.push(awaits("group", keeper, what, next));
        }
        for member in group.head().members.keys().filter(|one| **one != us) {
            if group.votes(*member, us).contains_key(member) {
                let (member, called) =
                    (state.name_of(member), reference(state, &group.founding().record()));
                let what = format!(
                    "{member} has left {name}, and the roster still has it: until one without it is signed, it gets what goes to the group"
                );
                let next = format!("comity group remove {called} {}", word(&member));
                awaited.push(awaits("group", member, what, next));
            }
        }
        for one in group.applications() {
            let applicant = state.name_of(&one.by);
            let sponsors = match one.needed.saturating_sub(one.sponsors.len()) {
                0 => String::new(),
                missing => format!(", and needs {missing} more to sponsor it"),
            };
            let application = reference(state, &one.record);
            let what = format!("{applicant} applies to {name} ({application}){sponsors}");
            let next = format!("comity group show {}", word(name));
            awaited.push(awaits("group", applicant, what, next));
        }
    }
    awaited.sort_by(|one, other| one.what.cmp(&other.what));
    awaited
}

/// Groups with which we have to do whose rosters wait for the word of somebody whom nobody here knows, or some of
/// whose members are in doubt.
fn shaken(state: &State) -> Vec<AwaitedLine> {
    let us = state.us();
    let mut awaited = Vec::new();
    let ours = |group: &&Arc<Group>| state.groups().is_ours(&group.id()) && !group.is_closed();
    for group in state.groups().iter().filter(ours) {
        let (name, head) = (group.founding().charter().name(), group.head());
        let called = reference(state, &group.founding().record());
        let show = format!("comity group show {called}");
        let keeper = state.name_of(&head.secretariat);
        let mut say = |what: String, next: String| {
            awaited.push(awaits("membership", keeper.clone(), what, next));
        };
        let unknown: Vec<String> = unknown(state, group).iter().map(EconomyId::short).collect();
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            say(
                format!(
                    "the roster of {name} waits for words of {unknown}, whom this node does not know: until then nothing of the group's counts that rests on it"
                ),
                format!(
                    "pair with {unknown}, or have a partner introduce it, such as {keeper}: {show}"
                ),
            );
        }
        let listed = head.members.contains_key(&us);
        if listed && !group.certain().contains(&us) {
            say(
                format!(
                    "we are a member of {name} in doubt: nothing of the group's goes to us, nor from us"
                ),
                format!(
                    "leave, and apply and be admitted anew: comity group leave {called}, then {keeper} signs the roster without us; {show}"
                ),
            );
        }
        let doubtful = doubtful(state, group);
        if listed && group.certain().contains(&us) && !doubtful.is_empty() {
            let doubtful = doubtful.join(", ");
            let next = if head.secretariat == us {
                format!(
                    "each leaves at its own node, is then removed by comity group remove {called} NAME, and applies and is admitted anew: {show}"
                )
            } else {
                format!("{keeper} keeps the roster, and has each leave and admits it anew: {show}")
            };
            say(
                format!(
                    "of {name} {doubtful} may be gone, or in doubt: nothing of the group's goes there"
                ),
                next,
            );
        }
    }
    awaited.sort_by(|one, other| one.what.cmp(&other.what));
    awaited
}

/// Until it is erased, or its origin was told why it stays.
fn recalls(state: &State) -> Vec<AwaitedLine> {
    let us = state.us();
    let mut awaited = Vec::new();
    for (id, held) in state.records().filter(|(_, held)| held.facts.origin != us) {
        let Some(line) = recall(state, id, held) else { continue };
        let answers = state.answers(id);
        let ours = answers.iter().find(|answer| answer.by == us).map(|one| &one.body.answer);
        let Some(Answer::Stopped { parts, because }) = ours else { continue };
        if *parts == 0 {
            continue;
        }
        let records = line.records.join(", ");
        let stays = if *parts == 1 { "part stays" } else { "parts stay" };
        let what = format!(
            "{} has recalled {records} ({}), and {parts} {stays} here: {because}",
            line.origin, line.reason
        );
        let next = match &line.records[..] {
            [one] => format!(
                "comity erase {one} --reason TEXT; or say why it stays: comity recall refuse {one} --reason REASON"
            ),
            _ => "comity recall list; comity erase REFERENCE --reason TEXT".to_owned(),
        };
        awaited.push((held.seq, awaits("recall", line.origin.clone(), what, next)));
    }
    awaited.sort_by_key(|(seq, _)| *seq);
    awaited.into_iter().map(|(_, line)| line).collect()
}
