//! `comity key revoke` and `comity key affirm`: the end of a key before its time, and the root's word for
//! what it had signed.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use comity_admin::Failure;
use comity_core::Kind;
use comity_node::api::{
    AffirmRequest, Affirmed, FallLine, KeyLine, RevokeRequest, Revoked, RootPassphrase, SignedLine,
};
use comity_node::founding::{DESK, ROOT_KEYS};
use comity_node::keyfile::{self, Form};

use super::Context;
use crate::backend::{Keys, Session};
use crate::local;
use crate::screen::format::counted;
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

/// Characters of an id that a screen shows.
const FRONT: usize = 16;

pub(super) fn table(keys: &[KeyLine], zones: &Zones) -> Table {
    let mut table = Table::new(&["key", "for", "until", "state"]);
    for key in keys {
        let state = match (&key.revoked, key.compromised) {
            (Some(at), true) => format!("stolen, revoked from {}", zones.written(at)),
            (Some(at), false) => format!("revoked from {}", zones.written(at)),
            (None, _) if key.signs_here => "signs here".to_owned(),
            (None, _) => "granted".to_owned(),
        };
        let role = match &key.holder {
            // Whoever signs both has a grant for each, of one key.
            Some(holder) if key.role == "author" => {
                let what = if key.content { "content" } else { "words" };
                format!("{} ({}), {what}", key.role, printable(holder))
            }
            Some(holder) => format!("{} ({})", key.role, printable(holder)),
            None => key.role.clone(),
        };
        table.row([front(&key.key).to_owned(), role, zones.written(&key.until), state]);
    }
    table
}

pub(super) fn revoke(
    asked: RevokeRequest,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    if !asked.dry_run {
        root_is_here(context)?;
    }
    // The node knows its own key only when its file is open.
    let shut = asked.dry_run && asked.key != DESK;
    let keys = if shut { Keys::Shut } else { Keys::Signing };
    let (session, zones) = context.session(keys)?;
    let tried: Revoked =
        session.call("/revoke-key", &RevokeRequest { dry_run: true, ..asked.clone() })?;
    let comity = context.comity();
    if asked.dry_run {
        return context.screen.answer(&tried, |out| {
            write_reach(&tried, &comity, &zones, out)?;
            writeln!(out, "Nothing was signed or sent.")
        });
    }
    context.screen.show(|out| write_reach(&tried, &comity, &zones, out))?;
    context.asker.confirmed(yes, &format!("Revoke the key {}?", front(&tried.key)))?;
    // What was shown is what is done: not a later instant, and no other key that is the desk's by then.
    let root_passphrase = root_passphrase(&session, context)?;
    let (key, from) = (tried.key.clone(), Some(tried.from.clone()));
    let asked = RevokeRequest { key, from, root_passphrase, ..asked };
    let revoked: Revoked = session.call("/revoke-key", &asked)?;
    let shown: BTreeSet<&str> = tried.takes_back.iter().map(|line| line.record.as_str()).collect();
    let since = revoked.takes_back.iter().filter(|line| !shown.contains(line.record.as_str()));
    let since: Vec<_> = since.cloned().collect();
    context.screen.answer(&revoked, |out| {
        let version = revoked.keyring.unwrap_or_default();
        writeln!(out, "the key {} is revoked; keyring version {version}", front(&revoked.key))?;
        if revoked.replaced {
            writeln!(out, "this node signs with a new key from now on: back the keys folder up")?;
        }
        if !since.is_empty() {
            writeln!(out, "signed since that was shown, and counts no more either:")?;
            lines(&since, &zones).write(out)?;
        }
        again(&revoked, &comity, out)?;
        if !revoked.doubts.is_empty() {
            writeln!(out, "what you stand by: {comity} key affirm REFERENCE...")?;
        }
        writeln!(out, "partners learn of it when they connect; take the root keys away again")
    })
}

pub(super) fn affirm(
    asked: AffirmRequest,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    if !asked.dry_run {
        root_is_here(context)?;
    }
    let keys = if asked.dry_run { Keys::Shut } else { Keys::Signing };
    let (session, zones) = context.session(keys)?;
    let tried: Affirmed =
        session.call("/affirm", &AffirmRequest { dry_run: true, ..asked.clone() })?;
    if asked.dry_run {
        return context.screen.answer(&tried, |out| {
            lines(&tried.records, &zones).write(out)?;
            writeln!(out, "Nothing was signed or sent.")
        });
    }
    context.screen.show(|out| lines(&tried.records, &zones).write(out))?;
    let count = counted(tried.records.len() as u64, "record", "records");
    context.asker.confirmed(yes, &format!("Stand by {count}?"))?;
    let root_passphrase = root_passphrase(&session, context)?;
    // Those that were shown, and none that the same span has by now.
    let records = tried.records.iter().map(|line| line.record.clone()).collect();
    let asked = AffirmRequest { records, signed_between: None, root_passphrase, ..asked };
    let affirmed: Affirmed = session.call("/affirm", &asked)?;
    context.screen.answer(&affirmed, |out| {
        let version = affirmed.keyring.unwrap_or_default();
        writeln!(out, "{count} affirmed; keyring version {version}")?;
        writeln!(out, "partners learn of it when they connect; take the root keys away again")
    })
}

/// Said before anything is asked of a node: it would refuse as well.
pub(in super::super) fn root_is_here(context: &Context<'_>) -> Result<(), Failure> {
    let folder = context.client()?.folder;
    keyfile::inspect(&folder.join(ROOT_KEYS)).map(drop).map_err(local::refused)
}

/// What opens the root keys, if their file is encrypted: whoever reaches the node's socket is not the root.
/// The last question before the work, so that this says as well that it has begun.
pub(in super::super) fn root_passphrase(
    session: &Session,
    context: &Context<'_>,
) -> Result<Option<RootPassphrase>, Failure> {
    let file = context.client()?.folder.join(ROOT_KEYS);
    let form = keyfile::inspect(&file).map_err(local::refused)?;
    // Most have one passphrase for all their keys, and have just typed it.
    let typed = session.typed().filter(|typed| local::opens(&file, typed));
    let passphrase = opening(&file, form, typed, context)?;
    root_signs(context);
    Ok(passphrase)
}

/// What opens a file of root keys, if it is encrypted: what was typed for another, or what is asked for.
pub(super) fn opening(
    file: &Path,
    form: Form,
    typed: Option<&str>,
    context: &Context<'_>,
) -> Result<Option<RootPassphrase>, Failure> {
    match (form, typed) {
        (Form::Plain, _) => Ok(None),
        (Form::Encrypted(_), Some(typed)) => Ok(Some(RootPassphrase::new(typed.to_owned()))),
        (Form::Encrypted(_), None) => {
            let typed = context.asker.passphrase(&format!("the keys in {}", file.display()))?;
            Ok(Some(RootPassphrase::new(typed.to_string())))
        }
    }
}

/// Nothing more is asked.
pub(super) fn root_signs(context: &Context<'_>) {
    context
        .screen
        .say("The root signs a new keyring, and the node enters it; that may take a while ...");
}

/// What has to be said again, and by which command.
fn again(revoked: &Revoked, comity: &str, out: &mut dyn Write) -> io::Result<()> {
    let has = |kinds: &[Kind]| {
        let names: Vec<String> = kinds.iter().map(ToString::to_string).collect();
        revoked.takes_back.iter().any(|line| names.contains(&line.kind))
    };
    let content: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| !kind.is_control()).collect();
    if has(&content) {
        writeln!(out, "what counts no more: publish it again, once you have looked at it")?;
    }
    if has(&[Kind::Agreement, Kind::Acceptance]) {
        writeln!(
            out,
            "agreements that fell with it, and what to do about each: {comity} status (propose: {comity} agreement propose FILE --to NAME; settle: {comity} agreement amend REFERENCE FILE --again; accept: {comity} agreement accept REFERENCE)"
        )?;
    }
    if has(&[Kind::Group, Kind::Roster]) {
        writeln!(out, "groups: {comity} group show NAME says who is missing")?;
    }
    if has(&[Kind::Consent]) {
        writeln!(out, "consents count no more: {comity} consent list, and grant them again")?;
    }
    if has(&[Kind::Approval]) {
        writeln!(out, "approvals count no more: {comity} approvals, and approve again")?;
    }
    Ok(())
}

/// A sentence of the node with the commands as they are typed here.
fn hint(text: &str, comity: &str) -> String {
    ["agreement", "group"].iter().fold(text.to_owned(), |said, command| {
        said.replace(&format!("comity {command} "), &format!("{comity} {command} "))
    })
}

fn write_reach(
    revoked: &Revoked,
    comity: &str,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let stolen = if revoked.compromised { ", as stolen" } else { "" };
    writeln!(out, "key {} ends at {}{stolen}", revoked.key, zones.written(&revoked.from))?;
    if revoked.replaced {
        writeln!(out, "this node signs with it: a new key takes its place")?;
    }
    if revoked.takes_back.is_empty() {
        writeln!(out, "It has signed nothing since that would count no more.")?;
    } else {
        writeln!(out, "Counts no more, signed since:")?;
        lines(&revoked.takes_back, zones).write(out)?;
    }
    if !revoked.falls.is_empty() {
        writeln!(out, "What falls with it:")?;
        for FallLine { what, next } in &revoked.falls {
            writeln!(out, "  {}", printable(what))?;
            if let Some(next) = next {
                writeln!(out, "    -> {}", printable(&hint(next, comity)))?;
            }
        }
    }
    if !revoked.doubts.is_empty() {
        writeln!(out, "Signed before; set aside where it is first seen later, through others:")?;
        lines(&revoked.doubts, zones).write(out)?;
    }
    Ok(())
}

pub(in super::super) fn lines(records: &[SignedLine], zones: &Zones) -> Table {
    let mut table = Table::new(&["ref", "signed", "held by", "title"]);
    for line in records {
        let held = match line.held_by.as_slice() {
            [] => "nobody else".to_owned(),
            names => names.join(", "),
        };
        let signed = zones.written(&line.signed_at);
        table.row([&line.reference, &signed, &held, &line.title]);
    }
    table
}

pub(in super::super) fn front(id: &str) -> &str {
    id.get(..FRONT).unwrap_or(id)
}
