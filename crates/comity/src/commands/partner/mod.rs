//! `comity partner`.

mod pairing;
pub(super) mod ping;
mod review;

use std::io::{self, Write};

use comity_admin::{Failure, FailureKind, ask};
use comity_core::assessment::Reliability;
use comity_node::api::{
    AgreementDiff, AgreementLine, AssessRequest, DiffRequest, DiffSide, IntroductionLine,
    PartnerLine, PartnerUpdate, Published, Status,
};
use comity_node::shell_word::word;
use serde_json::json;

use super::agreement::{EXAMPLES, diff};
use super::recall::{self, Narrowed};
use super::{Context, assessing};
use crate::backend::{Keys, Session};
use crate::cli::PartnerCommand;
use crate::screen::format::{count, counted};
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

pub(super) fn run(command: PartnerCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        PartnerCommand::Invite { name: Some(name), .. } => pairing::invite(&name, context),
        PartnerCommand::Invite { cancel: Some(name), .. } => pairing::cancel(&name, context),
        PartnerCommand::Invite { .. } => pairing::invitations(context),
        PartnerCommand::Join { ticket, name } => pairing::join(&ticket, &name, context),
        PartnerCommand::Verify { name, show } => pairing::verify(&name, show, context),
        PartnerCommand::Introduce { name, to, dry_run } => introduce(&name, &to, dry_run, context),
        PartnerCommand::Confirm { name, called, yes } => confirm(&name, called, yes, context),
        PartnerCommand::Dismiss { name } => dismiss(&name, context),
        PartnerCommand::List => list(context),
        PartnerCommand::Show { name } => show(&name, context),
        PartnerCommand::Review { name } => review::review(&name, context),
        PartnerCommand::Ping { name, count } => ping::ping(&name, count, context),
        PartnerCommand::Level { name, level, dry_run, yes } => {
            set_level(&name, level.number(), dry_run, yes, context)
        }
        PartnerCommand::Intake { name, rule, kinds } => {
            let kinds = kinds.into_iter().map(|kind| kind.name().to_owned()).collect();
            intake(&name, PartnerUpdate::Intake { rule: rule.name().to_owned(), kinds }, context)
        }
        PartnerCommand::Reliability { name, grade, reason, by } => {
            let request = AssessRequest {
                source: Some(name),
                reliability: Some(grade.to_string()),
                reason,
                ..AssessRequest::default()
            };
            assessing::say(request, by, context)
        }
        PartnerCommand::Reach { name, addresses } => reach(&name, addresses, context),
        PartnerCommand::Suspend { name } => update(&name, PartnerUpdate::Suspend, context),
        PartnerCommand::Resume { name, dry_run, yes } => resume(&name, dry_run, yes, context),
        PartnerCommand::Remove { name, yes } => {
            known(&name, context)?;
            context.asker.confirmed(yes, &format!("End the pairing with {name}?"))?;
            update(&name, PartnerUpdate::Remove, context)
        }
    }
}

/// Partners, one a line.
pub(super) fn table(partners: &[PartnerLine]) -> Table {
    let mut table = Table::new(&[
        "partner",
        "standing",
        "trust",
        "agreements",
        "link",
        "sent",
        "waiting",
        "received",
    ])
    .numbers(5)
    .numbers(6)
    .numbers(7);
    for partner in partners {
        let agreements = match partner.agreements.as_slice() {
            [] => "none".to_owned(),
            titles => titles.join(", "),
        };
        let trust = match partner.bond.as_str() {
            // Nothing goes to whoever is not paired.
            "introduced" => "-".to_owned(),
            _ => format!("{} {}", partner.level, partner.level_name),
        };
        table.row([
            partner.name.clone(),
            standing(partner),
            trust,
            agreements,
            link(partner),
            count(partner.delivered),
            count(partner.outstanding),
            count(partner.received),
        ]);
    }
    table
}

fn standing(partner: &PartnerLine) -> String {
    match &partner.introduced_by {
        Some(by) => format!("introduced by {by}"),
        None => partner.bond.clone(),
    }
}

fn link(partner: &PartnerLine) -> String {
    if partner.bond == "introduced" {
        return "-".to_owned();
    }
    match (partner.connected, partner.rtt_ms) {
        (None, _) => "-".to_owned(),
        (Some(false), _) => "down".to_owned(),
        (Some(true), None) => "up".to_owned(),
        (Some(true), Some(rtt)) => format!("up, {rtt:.1} ms"),
    }
}

fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Reading)?;
    let partners: Vec<PartnerLine> = session.call("/partners", &())?;
    let introductions: Vec<IntroductionLine> = session.call("/introductions", &())?;
    let open: Vec<_> = introductions.into_iter().filter(|line| !line.confirmed).collect();
    let comity = context.comity();
    let data = json!({"partners": partners, "introductions": open});
    let pairing = match partners.is_empty() {
        true => session.call::<_, Status>("/status", &())?.pairing,
        false => Vec::new(),
    };
    context.screen.answer(&data, |out| {
        for name in &pairing {
            let typed = word(name);
            writeln!(
                out,
                "{}: the digits wait to be typed: {comity} partner verify {typed}",
                printable(name)
            )?;
        }
        if partners.is_empty() && pairing.is_empty() {
            writeln!(out, "No partners yet: {comity} partner invite --as NAME")?;
        } else if !partners.is_empty() {
            table(&partners).write(out)?;
        }
        for line in &open {
            let name = printable(&line.name);
            let by = printable(&line.by);
            writeln!(
                out,
                "{by} introduces {name} ({}): {comity} partner confirm {} --as NAME",
                line.economy, line.reference
            )?;
        }
        Ok(())
    })
}

/// The partner with this name or front of an id.
pub(super) fn find(session: &Session, name: &str, comity: &str) -> Result<PartnerLine, Failure> {
    let partners: Vec<PartnerLine> = session.call("/partners", &())?;
    let named = partners.iter().filter(|line| line.name == name);
    // The name of one that was removed may be another's by now.
    let named = named.min_by_key(|line| line.bond == "removed");
    let by_id = |line: &PartnerLine| {
        name.len() >= ID_FRONT && line.economy.starts_with(&name.to_ascii_lowercase())
    };
    let found = named.or_else(|| {
        let mut found = partners.iter().filter(|line| by_id(line));
        found.next().filter(|_| found.next().is_none())
    });
    found.cloned().ok_or_else(|| {
        let message = format!("`{name}` is not a partner");
        Failure::new(FailureKind::NoInput, "no-partner", message)
            .next(format!("{comity} partner list"))
    })
}

/// Whether anybody is called so: nothing is asked about nobody.
fn known(name: &str, context: &Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Shut)?;
    find(&session, name, &context.comity()).map(drop)
}

/// Digits of an id that are enough to mean it.
const ID_FRONT: usize = 6;

fn show(name: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let comity = context.comity();
    let partner = find(&session, name, &comity)?;
    let agreements: Vec<AgreementLine> = session.call("/agreements", &())?;
    let agreements: Vec<_> =
        agreements.into_iter().filter(|line| line.partner == partner.name).collect();
    let data = json!({"partner": partner, "agreements": agreements});
    context.screen.answer(&data, |out| {
        write_partner(&partner, &zones, out)?;
        if agreements.is_empty() {
            return writeln!(
                out,
                "  agreements  none: only CLEAR goes. {comity} agreement propose FILE --to {}",
                printable(&partner.name)
            );
        }
        writeln!(out)?;
        super::agreement::table(&agreements, &zones).write(out)
    })
}

fn write_partner(partner: &PartnerLine, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{}  {}, since {}",
        printable(&partner.name),
        printable(&standing(partner)),
        zones.written(&partner.since)
    )?;
    writeln!(out, "  id          {}", partner.economy)?;
    writeln!(out, "  trust       {} {}", partner.level, partner.level_name)?;
    writeln!(out, "  intake      {}", rules(partner))?;
    if let Some(grade) = partner.reliability.as_deref().and_then(Reliability::from_name) {
        writeln!(out, "  reliability {grade}, {}", grade.in_words())?;
    }
    if !partner.intake.refused.is_empty() {
        let refused = partner.intake.refused.iter();
        let refused: Vec<_> = refused.map(|(kind, n)| format!("{} {kind}", count(*n))).collect();
        writeln!(out, "  refused     {}", refused.join(", "))?;
    }
    writeln!(out, "  addresses   {}", printable(&partner.addresses.join(", ")))?;
    writeln!(out, "  link        {}", link(partner))?;
    // What went wrong before the link came up is over.
    if let Some(trouble) = partner.trouble.as_ref().filter(|_| partner.connected != Some(true)) {
        writeln!(out, "  trouble     {}", printable(trouble))?;
    }
    writeln!(
        out,
        "  deliveries  {} sent, {} of them not confirmed yet; {} received",
        count(partner.delivered),
        count(partner.outstanding),
        count(partner.received)
    )?;
    if let Some(due) = due(partner) {
        writeln!(out, "  due         {due}")?;
    }
    if partner.outstays > 0 {
        let records = counted(partner.outstays, "record", "records");
        writeln!(out, "  outstays    parts of {records} that it would not get now: recall due")?;
    }
    match &partner.unconfirmed {
        Some(why) => writeln!(
            out,
            "  keyring     {}: nothing of it goes on, and nothing new of it is believed",
            printable(why)
        ),
        None => match &partner.keyring_confirmed {
            Some(at) => {
                writeln!(out, "  keyring     confirmed by its own word of {}", zones.written(at))
            }
            None => Ok(()),
        },
    }
}

/// What a partner gets that is away.
pub(super) fn due(partner: &PartnerLine) -> Option<String> {
    let records = counted(partner.due, "record", "records");
    match (partner.due, partner.due_or_more) {
        (0, _) => None,
        (_, false) => Some(format!("{records}, sent when it connects")),
        (_, true) => Some(format!("{records} of the latest or more, sent when it connects")),
    }
}

fn update(name: &str, change: PartnerUpdate, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Shut)?;
    let asked = ask::Update { name: name.to_owned(), change };
    let partner: PartnerLine = session.call("/update-partner", &asked)?;
    context.screen.answer(&partner, |out| table(std::slice::from_ref(&partner)).write(out))
}

fn intake(name: &str, change: PartnerUpdate, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Shut)?;
    let asked = ask::Update { name: name.to_owned(), change };
    let partner: PartnerLine = session.call("/update-partner", &asked)?;
    context
        .screen
        .answer(&partner, |out| writeln!(out, "{}: {}", printable(&partner.name), rules(&partner)))
}

/// What is taken in from a partner: `review; advisory: accept`.
fn rules(partner: &PartnerLine) -> String {
    let exceptions = partner.intake.kinds.iter().map(|(kind, rule)| format!("{kind}: {rule}"));
    let all = std::iter::once(partner.intake.rule.clone()).chain(exceptions);
    all.collect::<Vec<_>>().join("; ")
}

/// What had been held back goes at once, and cannot be taken back: whoever raises a level sees it first.
fn set_level(
    name: &str,
    level: u8,
    dry_run: bool,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Shut)?;
    let before = find(&session, name, &context.comity())?.level;
    let widens = level > before;
    if dry_run || (widens && !yes) {
        let diff = otherwise(&session, name, DiffSide::Level(level), context)?;
        if dry_run {
            return context.screen.answer(&diff, |out| diff::write_effects(&diff, &zones, out));
        }
        let question = format!("Set {} to {}?", name, diff.after.title);
        may_begin(&diff, &question, yes, &zones, context)?;
    }
    let asked = ask::Update { name: name.to_owned(), change: PartnerUpdate::Level { level } };
    let partner: PartnerLine = session.call("/update-partner", &asked)?;
    let narrowed = match level < before {
        true => Narrowed::after(&session, name, &partner),
        false => Narrowed::not(&partner),
    };
    let (name, comity) = (printable(&partner.name), context.comity());
    context.screen.answer(&narrowed, |out| {
        table(std::slice::from_ref(&partner)).write(out)?;
        recall::write_due(&narrowed.recall_due, &name, &comity, out)
    })
}

/// What it would do if a partner stood otherwise.
fn otherwise(
    session: &Session,
    name: &str,
    after: DiffSide,
    context: &Context<'_>,
) -> Result<AgreementDiff, Failure> {
    let with = Some(name.to_owned());
    let request = DiffRequest { before: None, after, with, besides: false, examples: EXAMPLES };
    diff::compare(session, &request, context)
}

/// Whoever lets something begin to go sees it first.
fn may_begin(
    diff: &AgreementDiff,
    question: &str,
    yes: bool,
    zones: &Zones,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    if !diff::begins(diff) {
        return Ok(());
    }
    context.screen.show(|out| diff::write_effects(diff, zones, out))?;
    let question = format!("{question} What begins goes at once.");
    context.asker.confirmed(yes, &printable(&question))
}

/// What waited for a partner while it was suspended goes at once.
fn resume(name: &str, dry_run: bool, yes: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Shut)?;
    let suspended = find(&session, name, &context.comity())?.bond == "suspended";
    if dry_run || (suspended && !yes) {
        let diff = otherwise(&session, name, DiffSide::Resumed, context)?;
        if dry_run {
            return context.screen.answer(&diff, |out| diff::write_effects(&diff, &zones, out));
        }
        may_begin(&diff, &format!("Take {name} up again?"), yes, &zones, context)?;
    }
    update(name, PartnerUpdate::Resume, context)
}

fn reach(name: &str, addresses: Vec<String>, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Shut)?;
    let change = PartnerUpdate::Addresses { addresses };
    let asked = ask::Update { name: name.to_owned(), change };
    let partner: PartnerLine = session.call("/update-partner", &asked)?;
    context.screen.answer(&partner, |out| {
        writeln!(out, "{} is dialed at {}", partner.name, partner.addresses.join(", "))
    })
}

fn introduce(
    name: &str,
    to: &str,
    dry_run: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Signing)?;
    let asked = ask::Introduce { economy: name.to_owned(), to: to.to_owned(), dry_run };
    let published: Published = session.call("/introduce", &asked)?;
    if dry_run {
        let comity = context.comity();
        return context.screen.answer(&published, |out| {
            super::records::write_would_be_told(&published, &zones, &comity, out)
        });
    }
    context.screen.answer(&published, |out| {
        writeln!(out, "{name} is introduced to {to}; the operator there confirms it or not")
    })
}

/// The introduction that nobody has answered yet, by the name it gives or the front of the id.
fn introduction(name: &str, session: &Session, comity: &str) -> Result<IntroductionLine, Failure> {
    let open: Vec<IntroductionLine> = session.call("/introductions", &())?;
    let meant = |line: &IntroductionLine| {
        line.name == name
            || line.reference.eq_ignore_ascii_case(name)
            || (name.len() >= ID_FRONT && line.economy.starts_with(&name.to_ascii_lowercase()))
    };
    let mut found = open.into_iter().filter(|line| !line.confirmed && meant(line));
    let Some(line) = found.next() else {
        let message = format!("nobody has introduced `{name}`, or it is confirmed already");
        return Err(Failure::new(FailureKind::NoInput, "no-introduction", message)
            .next(format!("{comity} partner list")));
    };
    if found.any(|other| other.economy != line.economy) {
        let message = format!("partners have introduced several economies as `{name}`");
        return Err(Failure::new(FailureKind::Usage, "introductions-differ", message)
            .next("name one by the front of its id"));
    }
    Ok(line)
}

fn dismiss(name: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Shut)?;
    let line = introduction(name, &session, &context.comity())?;
    let asked = ask::Reference { reference: line.reference.clone() };
    session.call::<_, ()>("/dismiss-introduction", &asked)?;
    context.screen.answer(&line, |out| {
        let (name, by) = (printable(&line.name), printable(&line.by));
        writeln!(out, "{name}, introduced by {by}, is not believed; {by} is not told")
    })
}

fn confirm(
    name: &str,
    called: Option<String>,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Shut)?;
    let line = introduction(name, &session, &context.comity())?;
    let name = called.unwrap_or_else(|| line.name.clone());
    let question = format!(
        "{} says that {} is {}. Believe it, and call it {name}?",
        line.by, line.economy, line.name
    );
    context.asker.confirmed(yes, &printable(&question))?;
    let asked = ask::ConfirmIntroduction { reference: line.reference.clone(), name };
    let partner: PartnerLine = session.call("/confirm-introduction", &asked)?;
    context.screen.answer(&partner, |out| {
        writeln!(
            out,
            "{}, introduced by {}: its records are verified from now on. It gets nothing from you",
            printable(&partner.name),
            printable(&line.by)
        )
    })
}
