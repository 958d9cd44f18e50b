//! `comity key`.

pub(super) mod ends;
mod roots;

use comity_admin::{Failure, FailureKind};
use comity_core::Timestamp;
use comity_node::api::{AffirmRequest, KeyLine, RevokeRequest, RotateRequest, Status};
use comity_node::keyfile::{self, Form};
use serde::Serialize;

use super::{Context, release};
use crate::backend::Keys;
use crate::cli::{KeyCommand, RotateCommand, RotateKey};
use crate::local;
use crate::screen::Table;

/// A file of keys.
#[derive(Serialize)]
struct KeyFile {
    file: String,
    holds: &'static str,
    here: bool,
    encrypted: Option<bool>,
}

pub(super) fn run(command: &KeyCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        KeyCommand::List => list(context),
        KeyCommand::Rotate(RotateKey { what: Some(RotateCommand::Root(root)), .. }) => {
            roots::rotate(root, context)
        }
        KeyCommand::Rotate(link) => rotate(link, context),
        KeyCommand::Emergency { new_passphrase_file, plain_key, yes } => {
            release::new_key(*plain_key, new_passphrase_file.as_deref(), *yes, context)
        }
        KeyCommand::Revoke { key, from, compromised, reason, anyway, dry_run, yes } => {
            if *compromised && reason.is_none() && !dry_run {
                let message =
                    "a stolen key is revoked with a reason, which is kept here and sent to nobody";
                return Err(Failure::new(FailureKind::Usage, "no-reason", message)
                    .next("the same command with --reason TEXT"));
            }
            let asked = RevokeRequest {
                root_passphrase: None,
                key: key.clone(),
                from: from.map(Timestamp::precise),
                compromised: *compromised,
                reason: reason.clone(),
                dry_run: *dry_run,
                anyway: *anyway,
            };
            ends::revoke(asked, *yes, context)
        }
        KeyCommand::Compromised { key, from, reason, anyway, dry_run, yes } => {
            let asked = RevokeRequest {
                root_passphrase: None,
                key: key.clone(),
                from: Some(from.precise()),
                compromised: true,
                reason: reason.clone(),
                dry_run: *dry_run,
                anyway: *anyway,
            };
            ends::revoke(asked, *yes, context)
        }
        KeyCommand::Affirm { records, signed_between, dry_run, yes } => {
            let signed_between = match signed_between.as_slice() {
                [from, to] => Some((from.precise(), to.precise())),
                _ => None,
            };
            let records = records.clone();
            let asked =
                AffirmRequest { records, signed_between, dry_run: *dry_run, root_passphrase: None };
            ends::affirm(asked, *yes, context)
        }
    }
}

fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let folder = context.client()?.folder;
    let mut files = Vec::new();
    for (name, holds) in local::KEY_FILES {
        let path = folder.join(name);
        let encrypted = match path.exists() {
            false => None,
            true => {
                let form = keyfile::inspect(&path).map_err(local::refused)?;
                Some(matches!(form, Form::Encrypted(_)))
            }
        };
        let file = path.display().to_string();
        files.push(KeyFile { file, holds, here: encrypted.is_some(), encrypted });
    }
    let (session, zones) = context.session(Keys::Reading)?;
    let keys: Vec<KeyLine> = session.call("/keys", &())?;
    let data = serde_json::json!({"files": files, "keys": keys});
    context.screen.answer(&data, |out| {
        let mut table = Table::new(&["file", "keys", "state"]);
        for file in &files {
            let state = match file.encrypted {
                None => "not here",
                Some(true) => "encrypted",
                Some(false) => "not encrypted",
            };
            table.row([file.file.as_str(), file.holds, state]);
        }
        table.write(out)?;
        writeln!(out)?;
        ends::table(&keys, &zones).write(out)
    })
}

fn rotate(asked: &RotateKey, context: &mut Context<'_>) -> Result<(), Failure> {
    let RotateKey { compromised, from, yes, .. } = asked;
    let question = match compromised {
        true => "Replace the key of the links, and declare the old one stolen?",
        false => "Replace the key of the links?",
    };
    context.asker.confirmed(*yes, question)?;
    ends::root_is_here(context)?;
    let (session, _) = context.session(Keys::Signing)?;
    let root_passphrase = ends::root_passphrase(&session, context)?;
    let from = from.map(Timestamp::precise);
    let asked = RotateRequest { root_passphrase, compromised: *compromised, from };
    session.call::<_, ()>("/rotate-link", &asked)?;
    let status: Status = session.call("/status", &())?;
    let data = serde_json::json!({"economy": status.economy, "keyring": status.keyring});
    let comity = context.comity();
    context.screen.answer(&data, |out| {
        writeln!(out, "the key of the links is new; keyring version {}", status.keyring)?;
        if asked.compromised {
            writeln!(
                out,
                "nothing that the old one signed counts where this keyring is known: sign exported audits and certificates of erasure anew, and give the keyring to whoever verifies them ({comity} audit export --out FILE --keyring FILE)"
            )?;
        }
        writeln!(out, "partners learn of it when they connect; take the root keys away again")
    })
}
