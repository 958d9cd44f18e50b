//! `comity init`.

use std::path::Path;

use comity_admin::{Failure, FailureKind};
use comity_node::founding::{Founding, NEXT_ROOT_KEYS, NODE_KEYS, ROOT_KEYS, found};
use comity_node::keyfile::{Passphrase, Seal, WorkFactor};
use comity_node::shell_word::word;
use serde_json::json;

use super::Context;
use crate::cli::Init;
use crate::folder;

pub(super) fn run(init: &Init, context: &mut Context<'_>) -> Result<(), Failure> {
    let folder = folder::data_folder(context.data)?;
    if init.threshold > init.root_keys {
        let message = format!(
            "{} root keys cannot sign together where there are {}",
            init.threshold, init.root_keys
        );
        return Err(Failure::new(FailureKind::Usage, "threshold", message)
            .next("give --root-keys at least as many as --threshold"));
    }
    vacant(&folder)?;
    let founding = Founding {
        code: init.code.clone(),
        name: init.name.clone().unwrap_or_else(|| init.code.clone()),
        timezone: init.timezone.clone(),
        city: init.city.clone(),
        listen: init.listen.clone(),
        public: init.public.clone(),
        root_keys: init.root_keys,
        threshold: init.threshold,
    };
    let passphrase = if init.plain_keys { None } else { Some(passphrase(context)?) };
    let seal = match &passphrase {
        Some(passphrase) => Seal::Passphrase(passphrase, WorkFactor::STANDARD),
        None => Seal::Plain,
    };
    let founded = found(&folder, &founding, seal)?;
    let data = json!({
        "economy": founded.economy.to_string(),
        "code": founding.code,
        "folder": folder,
        "keys": {
            "node": folder.join(NODE_KEYS),
            "root": folder.join(ROOT_KEYS),
            "next-root": founded.next_root,
            "encrypted": passphrase.is_some(),
        },
    });
    let named = folder.display();
    context.screen.answer(&data, |out| {
        writeln!(out, "{} is made in {named}", founding.code)?;
        writeln!(out, "  id  {}", founded.economy)?;
        writeln!(out, "\nNow:")?;
        writeln!(
            out,
            "  1  Move {named}/{NEXT_ROOT_KEYS} to a safe place that is not this machine: after a theft, it alone\n     proves who you are. Copy {named}/{ROOT_KEYS} as well, and remove it here: it is needed\n     only to renew keys."
        )?;
        if passphrase.is_none() {
            writeln!(out, "     The keys are not encrypted: whoever reads this disk has them.")?;
        }
        if founding.public.is_empty() {
            writeln!(
                out,
                "  2  Write where partners find you into {named}/comity.toml: listen.public"
            )?;
        } else {
            writeln!(out, "  2  Let UDP in at {}", founding.public.join(", "))?;
        }
        let typed = word(&folder.display().to_string()).into_owned();
        writeln!(out, "  3  comity --data {typed} run")?;
        writeln!(out, "  4  comity --data {typed} partner invite --as NAME")
    })
}

/// Said before a passphrase is asked for.
fn vacant(folder: &Path) -> Result<(), Failure> {
    let there = folder.join(comity_node::config::FILE_NAME);
    if !there.exists() {
        return folder::unfinished(folder, FailureKind::CannotCreate).map_or(Ok(()), Err);
    }
    let message = format!("there is a node in `{}` already", folder.display());
    Err(Failure::new(FailureKind::CannotCreate, "node-exists", message)
        .next("name another folder with --data; nothing was changed"))
}

fn passphrase(context: &Context<'_>) -> Result<Passphrase, Failure> {
    let typed = context.asker.new_passphrase()?;
    Passphrase::new(typed.to_string()).ok_or_else(|| {
        Failure::new(FailureKind::Usage, "empty-passphrase", "the passphrase is empty")
    })
}
