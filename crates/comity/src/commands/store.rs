//! `comity store`, `backup`, `restore`, `recover`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use comity_admin::{Failure, FailureKind, ask};
use comity_core::journal::JournalEntry;
use comity_node::config::Economy;
use comity_node::founding::founder;
use comity_node::{ServiceError, clock, index, outlasting};
use comity_store::{FileStore, Lock, NewEntry, Store as _, StoreError, ViewsState};
use serde_json::json;

use super::Context;
use crate::backend::{Backend, Keys};
use crate::cli::{RecoverCommand, StoreCommand};
use crate::folder;
use crate::screen::format::{count, counted, size};

pub(super) fn run(command: &StoreCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        StoreCommand::Verify => verify(context),
        StoreCommand::Rebuild => rebuild(context),
    }
}

/// A failure of the store, with the command that mends it.
fn refused(error: StoreError) -> Failure {
    ServiceError::from(error).into()
}

/// What looks at files that a node writes wants the node to rest.
fn at_rest(backend: &Backend, what: &str) -> Result<(), Failure> {
    if backend.running()?.is_none() {
        return Ok(());
    }
    let message = format!("a node is running over `{}`: {what}", backend.folder.display());
    Err(Failure::new(FailureKind::TryAgain, "node-running", message)
        .next("stop the node, run the command again, and start it"))
}

fn verify(context: &mut Context<'_>) -> Result<(), Failure> {
    let backend = context.backend()?;
    at_rest(&backend, "its data changes while it is read")?;
    let options = index::options(&backend.config);
    let report = comity_store::verify(&backend.config.store.folder, &options).map_err(refused)?;
    let damage: Vec<String> = report.damage.iter().map(ToString::to_string).collect();
    let data = json!({
        "sound": report.is_sound(),
        "segments": report.segments,
        "entries": report.entries,
        "parts": report.blobs,
        "erased": report.erased,
        "arriving": report.unfinished,
        "arriving-bytes": report.unfinished_bytes,
        "bytes": report.bytes,
        "chain": report.head.chain.to_string(),
        "unfinished-bytes": report.tail.as_ref().map(|tail| tail.bytes),
        "damage": damage,
        "indexes": report.views,
    });
    let comity = context.comity();
    let people = |out: &mut dyn Write| -> io::Result<()> {
        let verdict = if report.is_sound() { "sound" } else { "DAMAGED" };
        writeln!(
            out,
            "{verdict}: {}, {}, {} in {}",
            counted(report.entries, "entry", "entries"),
            counted(report.blobs as u64, "part", "parts"),
            size(report.bytes),
            counted(report.segments as u64, "file", "files"),
        )?;
        writeln!(out, "  head  {}", report.head.chain)?;
        if report.unfinished > 0 {
            let parts = counted(report.unfinished as u64, "part", "parts");
            let bytes = size(report.unfinished_bytes);
            writeln!(out, "  arriving: {bytes} of {parts}; partners send the rest")?;
        }
        if let Some(tail) = &report.tail {
            let bytes = count(tail.bytes);
            writeln!(
                out,
                "  {bytes} bytes at the end were never finished; the next start cuts them off"
            )?;
        }
        for what in &damage {
            writeln!(out, "  {what}")?;
        }
        if let Some(what) = &report.views {
            writeln!(out, "  indexes: {what}. {comity} store rebuild")?;
        }
        if !report.is_sound() {
            writeln!(
                out,
                "Bring back a backup: {comity} restore DIR. Partners return what came after it."
            )?;
        }
        Ok(())
    };
    if report.is_sound() {
        return context.screen.answer(&data, people);
    }
    // Damage has its own exit code, which keeps systemd from starting the node again and again.
    let message = "the journal is not what was written";
    let damaged = Failure::new(FailureKind::Data, "store-damaged", message)
        .next(format!("{comity} restore DIR"));
    context.screen.refuse(&data, &damaged, people)
}

fn rebuild(context: &mut Context<'_>) -> Result<(), Failure> {
    let backend = context.backend()?;
    at_rest(&backend, "it uses the indexes")?;
    let options = index::options(&backend.config);
    let report = comity_store::rebuild(&backend.config.store.folder, options).map_err(refused)?;
    let entries = report.durable.seq;
    let in_memory = match &report.views {
        ViewsState::InMemory { why } => Some(why.clone()),
        ViewsState::Kept { .. } | ViewsState::Rebuilt { .. } => None,
    };
    let data = json!({"entries": entries, "in-memory": in_memory});
    context.screen.answer(&data, |out| {
        writeln!(out, "the indexes are new: {}", counted(entries, "entry", "entries"))?;
        match &in_memory {
            Some(why) => writeln!(out, "they are held in memory only: {why}"),
            None => Ok(()),
        }
    })
}

pub(super) fn backup(to: &Path, context: &mut Context<'_>) -> Result<(), Failure> {
    let backend = context.backend()?;
    // The node may have another working folder than this command.
    let to = std::path::absolute(to).map_err(|error| {
        let message = format!("`{}` is no path: {error}", to.display());
        Failure::new(FailureKind::Usage, "path", message)
    })?;
    let session = backend.session(Keys::Shut, &context.asker)?;
    session.call::<_, ()>("/backup", &ask::Folder { folder: to.clone() })?;
    let data = json!({"folder": to});
    let keys = backend.folder.join("keys");
    context.screen.answer(&data, |out| {
        writeln!(out, "copied to {}", to.display())?;
        writeln!(
            out,
            "Keys and configuration are not in it: keep {} and comity.toml apart",
            keys.display()
        )
    })
}

pub(super) fn restore(
    from: Option<&Path>,
    here: bool,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let backend = context.backend()?;
    at_rest(&backend, "its data cannot be put back under it")?;
    let store = backend.config.store.folder.clone();
    if let Some(from) = from {
        same_economy(from, &backend, context)?;
    }
    let question = format!(
        "Put the data in {} back to an earlier state? Nothing but control records is sent until partners have returned the rest.",
        store.display()
    );
    context.asker.confirmed(yes, &question)?;
    let restored = JournalEntry::Restored { at: clock::now() };
    let body = restored.encode().into();
    let marker = NewEntry { kind: restored.kind(), body, blobs: Vec::new() };
    let options = || index::options(&backend.config);
    // First, so that nothing that is known here goes aside with the data; and it is so in what is put back
    // before that gets its name.
    let gathered = outlasting::before_restore(&backend.folder, from, &store, options())?;
    let mut again = 0;
    let mut once_more = |store: &dyn comity_store::Store| {
        again = outlasting::into_restored(store, &gathered.entries)?;
        Ok::<_, ServiceError>(())
    };
    let aside = match from {
        Some(from) => {
            let aside = put_aside(&store)?;
            let outcome =
                comity_store::restore_with(from, &store, marker, options(), &mut once_more);
            if let (Err(_), Some(aside)) = (&outcome, &aside) {
                put_back(&aside.folder, &store)?;
            }
            outcome?;
            aside.map(|aside| aside.folder)
        }
        None => {
            debug_assert!(here, "the command line asks for one of them");
            let (store, _) = FileStore::open(&store, options()).map_err(refused)?;
            store.append(vec![marker]).map_err(refused)?;
            once_more(&store)?;
            None
        }
    };
    for wrong in &gathered.wrong {
        context.screen.warn(format_args!("{wrong}"));
    }
    let comity = context.comity();
    let data =
        json!({"folder": store, "aside": aside, "erased_again": again, "list": gathered.wrong});
    context.screen.answer(&data, |out| {
        writeln!(out, "{} is restored, and knows it", store.display())?;
        if again > 0 {
            let words = counted(again as u64, "erasure, hold or file", "erasures, holds and files");
            writeln!(out, "{words} that it did not have count again: {}", outlasting::FILE_NAME)?;
        }
        if let Some(aside) = &aside {
            writeln!(
                out,
                "what was there before lies in {}; delete it when all is well",
                aside.display()
            )?;
        }
        writeln!(
            out,
            "Now: {comity} run, wait for partners ({comity} status), {comity} recover confirm"
        )
    })
}

/// A backup of another economy would make this node speak for it with keys that are not its own.
fn same_economy(from: &Path, backend: &Backend, context: &Context<'_>) -> Result<(), Failure> {
    let options = index::options(&backend.config);
    let theirs = founder(from, &options).map_err(|error| match error.code {
        "store-folder" => Failure::from(error).next("name a folder that `comity backup` wrote"),
        _ => error.into(),
    })?;
    let Economy { code, id, .. } = &backend.config.economy;
    // A journal that is lost or damaged names nobody, and one that was put there by hand may be another's.
    let known = id.map(|id| (code.clone(), id)).or_else(|| {
        let ours = founder(&backend.config.store.folder, &options).ok()?;
        Some((ours.code, ours.economy))
    });
    let (same, ours) = match known {
        Some((code, id)) => (id == theirs.economy, format!("{code} ({id})")),
        // Of a node from before the id was written down. A code is anybody's.
        None => (*code == theirs.code, code.clone()),
    };
    if same && id.is_none() {
        context.screen.say(format_args!(
            "comity.toml does not say this economy's id. If {} is what partners know it by, write below [economy]:\n  id = \"{0}\"",
            theirs.economy
        ));
    }
    if same {
        return Ok(());
    }
    let message = format!(
        "the backup in `{}` is {}'s ({}), and this node is {ours}",
        from.display(),
        theirs.code,
        theirs.economy
    );
    Err(Failure::new(FailureKind::Data, "other-economy", message).next(format!(
        "restore a backup of this node; for {} name its own folder: --data DIR",
        theirs.code
    )))
}

/// The data that was there before a restore.
struct Aside {
    folder: PathBuf,
    /// It lies in the folder and goes with it: until the restore is done nobody writes there.
    _lock: Lock,
}

/// What is there now is kept: nothing is deleted by a restore. A process that has it open would go on
/// writing into what was put aside, and tell its callers that it is kept.
fn put_aside(store: &Path) -> Result<Option<Aside>, Failure> {
    let vacant = std::fs::read_dir(store).map_or(true, |mut found| found.next().is_none());
    if vacant {
        return Ok(None);
    }
    let lock = Lock::take(store).map_err(refused)?;
    let stamp = clock::now().as_millis();
    let name = store.file_name().unwrap_or_default().to_string_lossy();
    let folder = store.with_file_name(format!("{name}.before-restore-{stamp}"));
    std::fs::rename(store, &folder).map_err(|error| moved(store, &folder, &error))?;
    Ok(Some(Aside { folder, _lock: lock }))
}

fn put_back(aside: &Path, store: &Path) -> Result<(), Failure> {
    // The refused restore leaves a folder with a lock in it and no journal.
    if store.exists() {
        std::fs::remove_dir_all(store).map_err(|error| moved(aside, store, &error))?;
    }
    std::fs::rename(aside, store).map_err(|error| moved(aside, store, &error))
}

fn moved(from: &Path, to: &Path, error: &std::io::Error) -> Failure {
    let message = format!("`{}` cannot become `{}`: {error}", from.display(), to.display());
    Failure::new(FailureKind::Io, "cannot-move", message)
}

pub(super) fn recover(command: &RecoverCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    let RecoverCommand::Confirm { yes } = command;
    let comity = context.comity();
    let backend = context.backend()?;
    let folder = folder::data_folder(context.data)?;
    let session = backend.session(Keys::Shut, &context.asker)?;
    let before: comity_node::api::Status = session.call("/status", &())?;
    if before.recovering.is_none() {
        let data = json!({"confirmed": false, "recovering": null});
        return context.screen.answer(&data, |out| {
            writeln!(out, "nothing waits to be confirmed: the node is not in recovery")
        });
    }
    let question =
        format!("Have you looked at `{comity} partner list` and {}/comity.toml?", folder.display());
    context.asker.confirmed(*yes, &question)?;
    session.call::<_, ()>("/confirm-recovery", &())?;
    let status: comity_node::api::Status = session.call("/status", &())?;
    let data = json!({"confirmed": true, "recovering": status.recovering});
    context.screen.answer(&data, |out| match &status.recovering {
        Some(_) => writeln!(out, "confirmed; still waiting for partners: {comity} status"),
        None => writeln!(out, "confirmed; the node sends again"),
    })
}
