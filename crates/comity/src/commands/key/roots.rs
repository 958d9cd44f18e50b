//! `comity key rotate root`: the next root keys take the place of the present ones.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use comity_admin::{Failure, FailureKind};
use comity_core::Timestamp;
use comity_node::api::{
    Hears, NextRootFile, RootPartner, RootPassphrase, RootRotated, RotateRootRequest, SealedKeys,
};
use comity_node::founding::{NEXT_ROOT_KEYS, ROOT_KEYS};
use comity_node::keyfile::{self, KeyFileError};
use zeroize::Zeroizing;

use super::super::Context;
use super::ends;
use crate::backend::{Keys, Session};
use crate::cli::RotateRoot;
use crate::local;
use crate::screen::format::counted;
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

pub(super) fn rotate(root: &RotateRoot, context: &mut Context<'_>) -> Result<(), Failure> {
    let folder = context.client()?.folder;
    let files = match root.next.is_empty() {
        true => vec![folder.join(NEXT_ROOT_KEYS)],
        false => root.next.clone(),
    };
    let next = files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    if !root.stolen {
        present(&folder.join(ROOT_KEYS))?;
    }
    let (session, zones) = context.session(Keys::Signing)?;
    let asked = RotateRootRequest {
        stolen: root.stolen,
        from: root.from.map(Timestamp::precise),
        next,
        root_passphrase: None,
        new_passphrase: None,
        dry_run: true,
        anyway: root.anyway,
    };
    let tried: RootRotated = session.call("/rotate-root", &asked)?;
    if root.dry_run {
        return context.screen.answer(&tried, |out| {
            write_tried(&tried, &files, &zones, out)?;
            writeln!(out, "Nothing was signed or sent.")
        });
    }
    context.screen.show(|out| write_tried(&tried, &files, &zones, out))?;
    let question = match root.stolen {
        true => "Replace the stolen root keys?",
        false => "Replace the root keys?",
    };
    context.asker.confirmed(root.yes, question)?;
    let asked = opened(RotateRootRequest { dry_run: false, ..asked }, root, &session, context)?;
    let rotated: RootRotated = session.call("/rotate-root", &asked)?;
    context.screen.answer(&rotated, |out| write_done(&rotated, &root.next, out))
}

/// A file of the next root keys, as it is.
fn read(file: &Path) -> Result<NextRootFile, Failure> {
    match keyfile::sealed(file) {
        Ok(bytes) => Ok(NextRootFile {
            name: file.display().to_string(),
            keys: SealedKeys::new(bytes),
            passphrase: None,
        }),
        Err(KeyFileError::Missing(_)) => {
            let message = format!("the next root keys are not in `{}`", file.display());
            Err(Failure::new(FailureKind::NoInput, "next-root-missing", message).next(
                "bring the file back from the safe, or name it: comity key rotate root --next FILE",
            ))
        }
        Err(error) => Err(local::refused(error)),
    }
}

/// Said before anything is asked of a node: it would refuse as well.
fn present(file: &Path) -> Result<(), Failure> {
    match keyfile::inspect(file) {
        Ok(_) => Ok(()),
        Err(KeyFileError::Missing(_)) => {
            let message = format!("the present root keys are not in `{}`", file.display());
            Err(Failure::new(FailureKind::NoInput, "root-keys", message).next(
                "bring them back, so that they consent; were they stolen or lost: comity key rotate root --stolen",
            ))
        }
        Err(error) => Err(local::refused(error)),
    }
}

/// The same with what opens the files: the last questions before the work.
fn opened(
    mut asked: RotateRootRequest,
    root: &RotateRoot,
    session: &Session,
    context: &Context<'_>,
) -> Result<RotateRootRequest, Failure> {
    // Most have one passphrase for all their keys, and type it once.
    let first = session.typed().map(|typed| Zeroizing::new(typed.to_owned()));
    let mut typed: Vec<Zeroizing<String>> = first.into_iter().collect();
    let mut opens = |file: &Path| -> Result<Option<RootPassphrase>, Failure> {
        let form = keyfile::inspect(file).map_err(local::refused)?;
        let known = typed.iter().find(|typed| local::opens(file, typed)).cloned();
        let passphrase =
            ends::opening(file, form, known.as_ref().map(|typed| typed.as_str()), context)?;
        typed.extend(passphrase.as_ref().map(|one| Zeroizing::new(one.text().to_owned())));
        Ok(passphrase)
    };
    for next in &mut asked.next {
        next.passphrase = opens(Path::new(&next.name))?;
    }
    if !asked.stolen {
        asked.root_passphrase = opens(&context.client()?.folder.join(ROOT_KEYS))?;
    }
    if let Some(file) = &root.new_passphrase_file {
        let new = context.asker.new_staff("the new root keys", Some(file))?;
        asked.new_passphrase = Some(RootPassphrase::new(new.to_string()));
    }
    ends::root_signs(context);
    Ok(asked)
}

fn write_tried(
    tried: &RootRotated,
    files: &[PathBuf],
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let named: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    let named = named.join(", ");
    let without = if tried.stolen { "out" } else { "" };
    writeln!(
        out,
        "The keys in {named} become the root keys, with{without} the word of the present ones."
    )?;
    if !tried.checked {
        writeln!(
            out,
            "They are encrypted: whether they are the right ones shows when they are opened."
        )?;
    }
    if let Some(from) = &tried.from {
        write_left_out(tried, &zones.written(from), zones, out)?;
    }
    if !tried.anew.is_empty() {
        writeln!(out, "Granted again by the new ones, besides the keys of this node:")?;
        ends::table(&tried.anew, zones).write(out)?;
        writeln!(
            out,
            "Is one of them not yours, say since when with --from, and nothing granted since stays."
        )?;
    }
    if !tried.affirmed.is_empty() {
        writeln!(out, "Affirmed by the present ones, and by the new ones again:")?;
        ends::lines(&tried.affirmed, zones).write(out)?;
        writeln!(
            out,
            "Is one of them not yours, say since when with --from, and nothing affirmed since stays."
        )?;
    }
    for key in &tried.renewed {
        writeln!(
            out,
            "The {key} key of this node was revoked, left out or narrowed; a new one takes its place."
        )?;
    }
    if tried.partners.is_empty() {
        return writeln!(out, "There is no partner that has to hear of it.");
    }
    let mut table = Table::new(&["partner", "hears of it"]);
    for RootPartner { name, hears } in &tried.partners {
        table.row([printable(name).to_string().as_str(), when(*hears)]);
    }
    table.write(out)?;
    if tried.stolen {
        writeln!(
            out,
            "From then on nothing counts there that the old ones signed: no keyring, no key, no link. Before, it does."
        )?;
    }
    Ok(())
}

fn write_left_out(
    tried: &RootRotated,
    from: &str,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    if tried.left_out.is_empty() {
        writeln!(out, "They have granted nothing here since {from} that would be left out.")?;
    } else {
        writeln!(out, "Granted since {from}, and left out:")?;
        ends::table(&tried.left_out, zones).write(out)?;
    }
    if !tried.takes_back.is_empty() {
        writeln!(out, "Counts no more, signed with these keys:")?;
        ends::lines(&tried.takes_back, zones).write(out)?;
    }
    if tried.unaffirmed > 0 {
        let records = counted(tried.unaffirmed, "record", "records");
        writeln!(out, "Affirmed since, and in doubt again: {records}.")?;
    }
    Ok(())
}

const fn when(hears: Hears) -> &'static str {
    match hears {
        Hears::AtOnce => "at once; its link closes and opens again",
        Hears::WhenItConnects => {
            "when it connects; until then it goes by the root keys that it knows"
        }
        Hears::WhenResumed => {
            "when you resume it; until then it goes by the root keys that it knows"
        }
        Hears::ThroughOthers => "from whoever passes your records on to it",
    }
}

fn write_done(rotated: &RootRotated, named: &[PathBuf], out: &mut dyn Write) -> io::Result<()> {
    let version = rotated.keyring.unwrap_or_default();
    writeln!(out, "the root keys are new; keyring version {version}")?;
    writeln!(out, "  {}  the root keys: take them away again", rotated.root_file)?;
    writeln!(
        out,
        "  {}  the next ones: into the safe, in the place of those that are root keys now",
        rotated.next_file
    )?;
    for file in named.iter().filter(|file| **file != Path::new(&rotated.next_file)) {
        writeln!(out, "  {}  is a copy of the root keys now", file.display())?;
    }
    writeln!(out, "partners learn of it when they connect")
}
