//! `comity import csaf`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use comity_admin::{Failure, FailureKind};
use comity_interop::csaf::{self, Fault};
use comity_interop::{ImportedDraft, limits};
use comity_node::api::DraftLine;
use serde::Serialize;
use serde_json::json;

use super::input::Input;
use crate::backend::Keys;
use crate::commands::{Context, records};
use crate::screen::format::{count, counted};
use crate::screen::printable;

/// A file that is not taken.
#[derive(Serialize)]
struct Refused {
    file: String,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

pub(super) fn run(files: &[PathBuf], context: &mut Context<'_>) -> Result<(), Failure> {
    let bar = context.screen.progress("reading", Some(files.len() as u64));
    let (mut drafts, mut notices) = (Vec::new(), Vec::new());
    let (mut refused, mut worst) = (Vec::new(), None);
    for (index, path) in files.iter().enumerate() {
        let file = path.display().to_string();
        match read(path) {
            Ok(draft) => {
                let told = draft.notices.iter();
                notices.extend(told.map(|notice| (file.clone(), notice.to_string())));
                drafts.push(draft);
            }
            Err(failure) => {
                let (what, next) = (failure.message.clone(), failure.next.clone());
                refused.push(Refused { file, what, next });
                // What is wrong with data says more than a file that is not there.
                if worst.is_none() || failure.kind == FailureKind::Data {
                    worst = Some(failure);
                }
            }
        }
        bar.at(index as u64 + 1);
    }
    drop(bar);
    // The only one that was named: a refusal like any other.
    if let Some(failure) = worst.take_if(|_| files.len() == 1) {
        return Err(failure);
    }
    let kept = if drafts.is_empty() {
        Vec::new()
    } else {
        let (session, _) = context.session(Keys::Shut)?;
        super::keep(&session, drafts, None)?
    };
    super::say_repeated(&kept, context);
    let comity = context.comity();
    for (file, notice) in &notices {
        context.screen.say(format_args!("{file}: {}", printable(notice)));
    }
    let told: Vec<_> =
        notices.iter().map(|(file, notice)| json!({"file": file, "notice": notice})).collect();
    let data = json!({"drafts": kept, "notices": told, "refused": refused});
    let people = |out: &mut dyn Write| write(&kept, &refused, &comity, out);
    let Some(worst) = worst else { return context.screen.answer(&data, people) };
    let all = counted(files.len() as u64, "file", "files");
    let message = format!("{} of {all} not taken", count(refused.len() as u64));
    let failure = Failure::new(worst.kind, "some-refused", message)
        .next("look at `refused`; the other files are drafts");
    context.screen.refuse(&data, &failure, people)
}

fn write(
    kept: &[DraftLine],
    refused: &[Refused],
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    if let Some(draft) = kept.first() {
        records::drafts_table(kept).write(out)?;
        let draft = &draft.reference;
        writeln!(out, "Nothing was sent. To read one: {comity} show {draft}")?;
        writeln!(out, "Who would get one: {comity} publish {draft} --dry-run")?;
    }
    if refused.is_empty() {
        return Ok(());
    }
    let gap = if kept.is_empty() { "" } else { "\n" };
    writeln!(out, "{gap}Not taken: {}", counted(refused.len() as u64, "file", "files"))?;
    for one in refused {
        writeln!(out, "  {}", printable(&one.what))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<ImportedDraft, Failure> {
    let bytes = Input::open(path)?.read_all(path, limits::DOCUMENT_BYTES)?;
    csaf::import(&bytes).map_err(|error| {
        let message = format!("`{}` is not taken: {error}", path.display());
        let next = match &error.fault {
            Fault::Syntax(_) | Fault::Foreign(_) => {
                "name files that are CSAF 2.0 documents: comity import csaf FILE..."
            }
            Fault::Version(_) => {
                "if there is none, write a record file and name this document in a part of it: [[part]], section = \"original\", file = \"...\""
            }
            Fault::Encoding(_) | Fault::Compressed => {
                "the same command, with what that makes of it"
            }
            Fault::TooLarge(_)
            | Fault::Duplicate
            | Fault::TooDeep
            | Fault::TooMany
            | Fault::Missing
            | Fault::Type { .. }
            | Fault::Choice { .. }
            | Fault::Form { .. } => "ask its publisher for a valid CSAF 2.0 document",
        };
        Failure::new(FailureKind::Data, "csaf-refused", message).next(next)
    })
}
