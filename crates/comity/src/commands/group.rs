//! `comity group`.

use std::io::{self, Write};
use std::path::Path;

use comity_admin::{Failure, FailureKind, ask};
use comity_core::group::Charter;
use comity_node::api::{
    AffiliateRequest, AffiliationLine, ApplyRequest, GroupDetail, GroupDone, GroupLine,
    GroupRequest, Published, RosterLine,
};
use comity_node::shell_word::word;

use super::Context;
use crate::backend::Keys;
use crate::cli::{About, Affiliations, GroupCommand};
use crate::screen::format::counted;
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

pub(super) fn run(command: GroupCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        GroupCommand::Found { file, again, dry_run } => found(&file, again, dry_run, context),
        GroupCommand::Invite(about) => {
            act("/invite-to-group", about, GroupRequest::default(), "Show the charter to", context)
        }
        GroupCommand::Apply { group, answer, affiliation, again, dry_run } => {
            let (answers, affiliations) = (answer, affiliation);
            let asked = ApplyRequest { group, answers, affiliations, dry_run, again };
            let (session, _) = context.session(Keys::Signing)?;
            let done: GroupDone = session.call("/apply", &asked)?;
            say(&done, context)
        }
        GroupCommand::Sponsor(about) => {
            act("/sponsor", about, GroupRequest::default(), "Speak for", context)
        }
        GroupCommand::Admit(about) => {
            let (group, signed) = (about.group.clone(), !about.dry_run);
            act("/admit", about, GroupRequest::default(), "Admit", context)?;
            if signed {
                let (comity, group) = (context.comity(), word(&group));
                context.screen.say(format_args!(
                    "next:   members that do not know it, and those that it does not know, pair with each other or are introduced, or get nothing of each other's: {comity} group show {group}"
                ));
            }
            Ok(())
        }
        GroupCommand::Remove { about, reason, anyway } => {
            let asked = GroupRequest { reason, anyway, ..GroupRequest::default() };
            act("/remove-member", about, asked, "Remove", context)
        }
        GroupCommand::Leave { group, reason, yes, dry_run } => {
            let question = format!("Leave {group}?");
            let asked = GroupRequest { group, reason, dry_run, ..GroupRequest::default() };
            sign("/leave-group", &asked, yes, &question, context)
        }
        GroupCommand::Affiliations(asked) => affiliations(asked, context),
        GroupCommand::Roster { group, confirm, anyway, dry_run } => {
            let asked = GroupRequest { group, anyway, dry_run, ..GroupRequest::default() };
            if confirm { confirm_roster(&asked, context) } else { rosters(asked.group, context) }
        }
        GroupCommand::List => list(context),
        GroupCommand::Show { group } => show(&group, context),
        GroupCommand::HandOver { group, to, accept, yes, dry_run } => {
            let question = match &to {
                Some(to) => format!("Hand the roster of {group} over to {to}, for good?"),
                None => format!("Say that this economy would keep the roster of {group}?"),
            };
            let economy = to.filter(|_| !accept);
            let asked = GroupRequest { group, economy, dry_run, ..GroupRequest::default() };
            sign("/hand-over", &asked, yes, &question, context)
        }
    }
}

fn found(
    file: &Path,
    again: bool,
    dry_run: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let message = format!("`{}` cannot be read: {error}", file.display());
        Failure::new(FailureKind::NoInput, "no-input", message)
            .next("name a file that is there; examples/groups has one to start from")
    })?;
    Charter::parse(&text).map_err(|error| {
        let message = format!("{}, {error}", file.display());
        let next = match error.line() {
            Some(line) => format!("mend line {line} of {}", file.display()),
            None => format!("mend {}", file.display()),
        };
        Failure::new(FailureKind::Data, "charter-invalid", message).next(next)
    })?;
    let (session, _) = context.session(Keys::Signing)?;
    let done: GroupDone =
        session.call("/found-group", &ask::FoundGroup { text, dry_run, again })?;
    say(&done, context)
}

fn act(
    path: &str,
    about: About,
    asked: GroupRequest,
    verb: &str,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let About { group, economy, yes, dry_run } = about;
    let question = format!("{verb} {economy} ({group})?");
    let asked = GroupRequest { group, economy: Some(economy), dry_run, ..asked };
    sign(path, &asked, yes, &question, context)
}

fn sign(
    path: &str,
    asked: &GroupRequest,
    yes: bool,
    question: &str,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Signing)?;
    if !yes && !asked.dry_run {
        // What would be refused is not asked about.
        let would = GroupRequest { dry_run: true, ..asked.clone() };
        session.call::<_, GroupDone>(path, &would)?;
    }
    context.asker.confirmed(yes || asked.dry_run, &printable(question))?;
    let done: GroupDone = session.call(path, asked)?;
    say(&done, context)
}

fn affiliations(asked: Affiliations, context: &mut Context<'_>) -> Result<(), Failure> {
    let Affiliations { group, of, affiliation, none: _, yes, dry_run } = asked;
    let Some(of) = of else { return show_affiliations(group, context) };
    let (session, _) = context.session(Keys::Signing)?;
    let said = if affiliation.is_empty() { "nothing".to_owned() } else { affiliation.join(", ") };
    let question = format!("Say in the next roster of {group} that {of} belongs to {said}?");
    let asked = AffiliateRequest { group, economy: of, affiliations: affiliation, dry_run };
    if !yes && !dry_run {
        let would = AffiliateRequest { dry_run: true, ..asked.clone() };
        session.call::<_, GroupDone>("/affiliate", &would)?;
    }
    context.asker.confirmed(yes || dry_run, &printable(&question))?;
    let done: GroupDone = session.call("/affiliate", &asked)?;
    say(&done, context)
}

fn show_affiliations(group: String, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Shut)?;
    let asked = ask::Reference { reference: group };
    let lines: Vec<AffiliationLine> = session.call("/affiliations", &asked)?;
    context.screen.answer(&lines, |out| {
        if lines.is_empty() {
            return writeln!(out, "No roster says what a member belongs to.");
        }
        let mut table = Table::new(&["affiliation", "members"]);
        for line in &lines {
            table.row([line.affiliation.clone(), line.members.join(", ")]);
        }
        table.write(out)
    })
}

/// What was signed, who gets it, and how the group stands after it.
fn say(done: &GroupDone, context: &mut Context<'_>) -> Result<(), Failure> {
    context.screen.answer(done, |out| {
        for published in &done.published {
            let signed = published.reference.as_deref().unwrap_or("not signed");
            writeln!(out, "{signed}  {}", recipients(published))?;
        }
        if let Some(group) = &done.group {
            let (name, roster) = (printable(&group.name), group.roster);
            writeln!(
                out,
                "{}  {name}: roster {roster}, {}",
                group.reference,
                counted(group.members, "member", "members")
            )?;
        }
        writeln!(out, "{}", printable(&done.outcome))
    })
}

fn recipients(published: &Published) -> String {
    let parts = published.preview.iter().flat_map(|preview| &preview.parts);
    let going = parts.flat_map(|part| &part.cells).filter(|cell| cell.outcome == "release");
    let mut names: Vec<_> = going.map(|cell| printable(&cell.partner)).collect();
    names.dedup();
    match names.len() {
        0 => "to nobody".to_owned(),
        _ => format!("to {}", names.join(", ")),
    }
}

fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let groups: Vec<GroupLine> = session.call("/groups", &())?;
    let comity = context.comity();
    context.screen.answer(&groups, |out| {
        if groups.is_empty() {
            return writeln!(out, "No groups yet: {comity} group found FILE");
        }
        table(&groups, &zones).write(out)
    })
}

fn table(groups: &[GroupLine], zones: &Zones) -> Table {
    let headings = [
        "ref",
        "group",
        "we are",
        "roster",
        "members",
        "secretariat",
        "founded by",
        "confirmed",
        "good until",
    ];
    let mut table = Table::new(&headings);
    for group in groups {
        table.row([
            group.reference.clone(),
            group.name.clone(),
            group.state.clone(),
            group.roster.to_string(),
            group.members.to_string(),
            group.secretariat.clone(),
            group.founded_by.clone(),
            zones.day(&group.confirmed),
            zones.day(&group.stale_from),
        ]);
    }
    table
}

fn show(group: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let asked = ask::Reference { reference: group.to_owned() };
    let detail: GroupDetail = session.call("/group", &asked)?;
    context.screen.answer(&detail, |out| write_detail(&detail, &zones, out))
}

fn write_detail(detail: &GroupDetail, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    table(std::slice::from_ref(&detail.group), zones).write(out)?;
    writeln!(out, "  {}", printable(&detail.purpose))?;
    for problem in &detail.problems {
        writeln!(out, "  ! {}", printable(problem))?;
    }
    let mut members = Table::new(&["member", "since", "affiliations", ""]);
    for member in &detail.members {
        let note = match (member.partner, member.certain) {
            (_, false) => "perhaps gone, or in doubt: gets nothing",
            (false, true) => "not a partner: gets nothing from us",
            (true, true) => "",
        };
        members.row([
            member.name.clone(),
            format!("roster {}", member.since),
            member.affiliations.join(", "),
            note.to_owned(),
        ]);
    }
    writeln!(out)?;
    members.write(out)?;
    if !detail.founders_awaited.is_empty() {
        let names = detail.founders_awaited.join(", ");
        writeln!(
            out,
            "  founders who have not applied or are not admitted: {}",
            printable(&names)
        )?;
    }
    for one in &detail.applications {
        let (has, needed) = (one.sponsors.len(), one.needed);
        let by = if has == 0 { String::new() } else { format!(": {}", one.sponsors.join(", ")) };
        let line =
            format!("{}  {} applies; {has} of {needed} sponsors{by}", one.reference, one.applicant);
        writeln!(out, "  {}", printable(&line))?;
        for (criterion, answer) in detail.criteria.iter().zip(&one.answers) {
            writeln!(out, "      {}  {}", printable(&criterion.name), printable(answer))?;
        }
    }
    for one in &detail.removals {
        let (by, member) = (one.by.join(", "), &one.member);
        let wants = if one.by.len() == 1 { "wants" } else { "want" };
        let line = match one.by.contains(member) {
            true => format!(
                "{member} leaves: its own word is enough, and the secretariat signs the roster without it"
            ),
            false => format!("{by} {wants} {member} out; it takes {}", one.needed),
        };
        writeln!(out, "  {}", printable(&line))?;
    }
    if !detail.would_keep.is_empty() {
        let names = detail.would_keep.join(", ");
        writeln!(out, "  would keep the roster: {}", printable(&names))?;
    }
    let text: Vec<_> = detail.text.lines().map(printable).collect();
    writeln!(out, "\n{}", text.join("\n"))
}

/// Says that the last roster is the last one, also where the journal is in doubt.
fn confirm_roster(asked: &GroupRequest, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Signing)?;
    let done: GroupDone = session.call("/confirm-roster", asked)?;
    say(&done, context)
}

fn rosters(group: String, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let asked = ask::Reference { reference: group };
    let rosters: Vec<RosterLine> = session.call("/rosters", &asked)?;
    context.screen.answer(&rosters, |out| {
        // Where all are believed, nothing stands of it.
        let doubted = rosters.iter().any(|roster| roster.standing.is_some());
        let mut headings = vec!["roster", "ref", "signed by", "on", "came", "went", "members"];
        headings.extend(doubted.then_some("state"));
        let mut table = Table::new(&headings);
        for roster in &rosters {
            let mut row = vec![
                roster.roster.to_string(),
                roster.reference.clone(),
                roster.secretariat.clone(),
                zones.day(&roster.signed_at),
                roster.came.join(", "),
                roster.went.join(", "),
                roster.members.join(", "),
            ];
            row.extend(roster.standing.clone());
            table.row(row);
        }
        table.write(out)
    })
}
