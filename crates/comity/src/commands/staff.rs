//! `comity staff`, and `comity audit reads`.

use std::io::{self, Write};

use comity_admin::{Failure, FailureKind};
use comity_core::staff::StaffRole;
use comity_node::api::{
    AloneFields, ReadLine, ReadsRequest, RecogniseRequest, Recognised, StaffAddRequest, StaffAdded,
    StaffLeaveRequest, StaffLeft, StaffLine, StaffPassphrase, UnclaimedKey,
};

use super::Context;
use super::key::ends::{front, lines, root_is_here, root_passphrase};
use crate::backend::Keys;
use crate::cli::{ReadsArgs, StaffAdd, StaffCommand};
use crate::screen::format::counted;
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

pub(super) fn run(command: StaffCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        StaffCommand::Add(add) => join(&add, context),
        StaffCommand::List => list(context),
        StaffCommand::Leave { name, dry_run, yes } => leave(name, dry_run, yes, context),
        StaffCommand::Recognise { key, name, dry_run, yes } => {
            let asked = RecogniseRequest { key, name, dry_run, root_passphrase: None };
            recognise(asked, yes, context)
        }
    }
}

fn join(add: &StaffAdd, context: &mut Context<'_>) -> Result<(), Failure> {
    if add.up_to.is_some() && !add.roles.contains(&StaffRole::Analyst) {
        let message = "only an analyst signs content, so that --up-to would bind nothing";
        return Err(Failure::new(FailureKind::Usage, "up-to", message)
            .next("leave --up-to out, or add --role analyst"));
    }
    root_is_here(context)?;
    let (session, zones) = context.session(Keys::Signing)?;
    let passphrase = match add.plain_key {
        true => None,
        false => {
            let typed = context.asker.new_staff(&add.name, add.new_passphrase_file.as_deref())?;
            Some(StaffPassphrase::new(typed.to_string()))
        }
    };
    let root_passphrase = root_passphrase(&session, context)?;
    let asked = StaffAddRequest {
        name: add.name.clone(),
        roles: add.roles.iter().map(ToString::to_string).collect(),
        up_to: add.up_to.map(|label| label.to_string()),
        alone: AloneFields {
            up_to: add.alone_up_to.map(|label| label.to_string()),
            kinds: add.alone_kinds.iter().map(ToString::to_string).collect(),
            categories: add.alone_categories.clone(),
            recipients: add.alone_recipients,
        },
        passphrase,
        root_passphrase,
    };
    let added: StaffAdded = session.call("/add-staff", &asked)?;
    let comity = context.comity();
    context.screen.answer(&added, |out| {
        let StaffAdded { line, file, keyring, nobody_may } = &added;
        writeln!(
            out,
            "{} is {} here; keyring version {keyring}",
            line.name,
            line.roles.join(", ")
        )?;
        if let Some(label) = &line.up_to {
            let until = line.until.as_deref().map(|until| zones.written(until));
            let until = until.unwrap_or_default();
            writeln!(out, "  signs content up to TLP:{label}, until {until}")?;
        }
        for limit in limits(&line.alone) {
            writeln!(out, "  alone, {limit}; beyond it, an approver says yes first")?;
        }
        writeln!(out, "  the key lies in {file}: back the keys folder up")?;
        if add.plain_key {
            writeln!(out, "  it is not encrypted: whoever reaches the node can be {}", line.name)?;
        }
        for what in nobody_may {
            let what = what.replace("comity staff", &format!("{comity} staff"));
            writeln!(out, "  from now on {}", printable(&what))?;
        }
        let begins = if line.up_to.is_some() { "publish FILE" } else { "list" };
        writeln!(out, "{}: {comity} --staff {} {begins}", line.name, line.name)?;
        writeln!(out, "partners learn of it when they connect; take the root keys away again")
    })
}

fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let staff: Vec<StaffLine> = session.call("/staff", &())?;
    let unclaimed: Vec<UnclaimedKey> = session.call("/unclaimed-keys", &())?;
    let comity = context.comity();
    context.screen.answer(&staff, |out| {
        if staff.is_empty() {
            writeln!(out, "Nobody is of the staff: whoever reaches this node may do anything.")?;
            writeln!(out, "Somebody joins: {comity} staff add NAME --role operator")?;
            return nobodys(&unclaimed, &comity, &zones, out);
        }
        table(&staff, &zones).write(out)?;
        for line in staff.iter().filter(|line| line.left.is_none() && !line.alone.is_unlimited()) {
            let limits = limits(&line.alone).join("; ");
            writeln!(out, "  {} publishes alone: {limits}", line.name)?;
        }
        nobodys(&unclaimed, &comity, &zones, out)
    })
}

/// Keys of the staff of which nothing here says whose they are.
fn nobodys(
    keys: &[UnclaimedKey],
    comity: &str,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    for UnclaimedKey { key, until, ended, signed } in keys {
        let (key, records) = (front(key), counted(*signed, "record", "records"));
        let state = match ended {
            true => "it has ended".to_owned(),
            false => format!("granted until {}", zones.written(until)),
        };
        writeln!(
            out,
            "key {key} is of the staff, and nothing here says whose: {records} signed with it, {state}"
        )?;
        writeln!(out, "  -> {comity} staff recognise {key} NAME")?;
    }
    Ok(())
}

fn recognise(asked: RecogniseRequest, yes: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let only = asked.dry_run;
    if !only {
        root_is_here(context)?;
    }
    let keys = if only { Keys::Shut } else { Keys::Signing };
    let (session, _) = context.session(keys)?;
    let asked = RecogniseRequest { dry_run: true, ..asked };
    let would: Recognised = session.call("/recognise-key", &asked)?;
    let records = counted(would.signed, "record", "records");
    let shown = |out: &mut dyn Write| {
        let (key, name) = (front(&would.key), &would.name);
        writeln!(out, "{records} here signed with {key} are {name}'s, and the key ends")?;
        if would.known.is_empty() {
            return Ok(());
        }
        let known: Vec<_> = would.known.iter().map(|name| printable(name).to_string()).collect();
        writeln!(out, "Nobody was ever here as {name}; who was: {}", known.join(", "))
    };
    if only {
        return context.screen.answer(&would, |out| {
            shown(out)?;
            writeln!(out, "Nothing was signed or sent.")
        });
    }
    context.screen.show(shown)?;
    let question = format!("Is {} the key of {}?", front(&would.key), would.name);
    context.asker.confirmed(yes, &question)?;
    let root_passphrase = root_passphrase(&session, context)?;
    let asked = RecogniseRequest { dry_run: false, root_passphrase, ..asked };
    let done: Recognised = session.call("/recognise-key", &asked)?;
    context.screen.answer(&done, |out| {
        let (key, name) = (front(&done.key), &done.name);
        match done.keyring {
            Some(version) => {
                writeln!(out, "{key} was {name}'s; keyring version {version} ends it")?
            }
            None => writeln!(out, "{key} was {name}'s; it had ended before")?,
        }
        writeln!(out, "partners learn of it when they connect; take the root keys away again")
    })
}

/// How far somebody publishes alone, a line for each limit.
fn limits(alone: &AloneFields) -> Vec<String> {
    let AloneFields { up_to, kinds, categories, recipients } = alone;
    let listed = |what: &str, names: &[String]| {
        let names: Vec<_> = names.iter().map(|name| printable(name).to_string()).collect();
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    let partners = recipients.map(|most| format!("to {}", counted(most, "partner", "partners")));
    let limits = [
        up_to.as_ref().map(|label| format!("up to TLP:{label}")),
        listed("only of kind", kinds),
        listed("without a category, or with", categories),
        partners.map(|partners| format!("{partners} at most")),
    ];
    limits.into_iter().flatten().collect()
}

fn table(staff: &[StaffLine], zones: &Zones) -> Table {
    let mut table =
        Table::new(&["name", "roles", "signs up to", "signed", "key", "state"]).numbers(3);
    for line in staff {
        table.row([
            line.name.clone(),
            line.roles.join(" "),
            line.up_to.clone().unwrap_or_else(|| "no content".to_owned()),
            line.signed.to_string(),
            front(&line.key).to_owned(),
            state(line, zones),
        ]);
    }
    table
}

fn state(line: &StaffLine, zones: &Zones) -> String {
    let StaffLine { left, revoked, until, compromised, .. } = line;
    match (left, revoked, until) {
        (Some(left), _, _) => format!("left {}", zones.written(left)),
        (None, Some(at), _) if *compromised => {
            format!("key stolen, revoked from {}", zones.written(at))
        }
        (None, Some(at), _) => format!("key revoked from {}", zones.written(at)),
        (None, None, None) => "key not granted: add anew".to_owned(),
        (None, None, Some(until)) => format!("granted until {}", zones.written(until)),
    }
}

fn leave(name: String, dry_run: bool, yes: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    if !dry_run {
        root_is_here(context)?;
    }
    let keys = if dry_run { Keys::Shut } else { Keys::Signing };
    let (session, zones) = context.session(keys)?;
    let asked = StaffLeaveRequest { name, dry_run: true, root_passphrase: None };
    let tried: StaffLeft = session.call("/leave-staff", &asked)?;
    let shown = |out: &mut dyn std::io::Write| {
        writeln!(out, "{}: key {} ends", tried.name, front(&tried.key))?;
        for open in &tried.open {
            writeln!(out, "  {}", printable(open))?;
        }
        if tried.doubts.is_empty() {
            return Ok(());
        }
        writeln!(out, "Signed before; set aside where it is first seen later, through others:")?;
        lines(&tried.doubts, &zones).write(out)
    };
    if dry_run {
        return context.screen.answer(&tried, |out| {
            shown(out)?;
            writeln!(out, "Nothing was signed or sent.")
        });
    }
    context.screen.show(shown)?;
    context.asker.confirmed(yes, &format!("Does {} leave?", tried.name))?;
    let root_passphrase = root_passphrase(&session, context)?;
    let asked = StaffLeaveRequest { dry_run: false, root_passphrase, ..asked };
    let left: StaffLeft = session.call("/leave-staff", &asked)?;
    let comity = context.comity();
    context.screen.answer(&left, |out| {
        match left.keyring {
            Some(version) => writeln!(out, "{} left; keyring version {version}", left.name)?,
            None => writeln!(out, "{} left; the key had ended before", left.name)?,
        }
        if !left.doubts.is_empty() {
            writeln!(out, "what you stand by: {comity} key affirm REFERENCE...")?;
        }
        writeln!(out, "partners learn of it when they connect; take the root keys away again")
    })
}

pub(super) fn reads(args: ReadsArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let asked = ReadsRequest { record: args.record, by: args.reader };
    let reads: Vec<ReadLine> = session.call("/reads", &asked)?;
    context.screen.answer(&reads, |out| {
        if reads.is_empty() {
            return writeln!(out, "Nobody of the staff was shown content above TLP:GREEN.");
        }
        let mut table = Table::new(&["at", "who", "record"]);
        for read in &reads {
            table.row([
                zones.written(&read.at),
                printable(&read.by).to_string(),
                read.reference.clone(),
            ]);
        }
        table.write(out)?;
        writeln!(out, "{}", counted(reads.len() as u64, "reading", "readings"))
    })
}
