//! `comity import csaf`.

use std::path::{Path, PathBuf};

use comity_admin::{Failure, FailureKind};
use comity_interop::{ImportedDraft, csaf, limits};
use serde_json::json;

use super::input::Input;
use crate::backend::Keys;
use crate::commands::{Context, records};
use crate::screen::printable;

pub(super) fn run(files: &[PathBuf], context: &mut Context<'_>) -> Result<(), Failure> {
    // Every document is read before any is kept: a bad one leaves nothing half done.
    let drafts = {
        let bar = context.screen.progress("reading", Some(files.len() as u64));
        let mut drafts = Vec::new();
        for (index, file) in files.iter().enumerate() {
            drafts.push(read(file)?);
            bar.at(index as u64 + 1);
        }
        drafts
    };
    let notices: Vec<(String, String)> = files
        .iter()
        .zip(&drafts)
        .flat_map(|(file, draft)| {
            draft.notices.iter().map(|notice| (file.display().to_string(), notice.to_string()))
        })
        .collect();
    let (session, _) = context.session(Keys::Shut)?;
    let kept = super::keep(&session, drafts, None)?;
    let comity = context.comity();
    for (file, notice) in &notices {
        context.screen.say(format_args!("{file}: {}", printable(notice)));
    }
    let told: Vec<_> =
        notices.iter().map(|(file, notice)| json!({"file": file, "notice": notice})).collect();
    let data = json!({"drafts": kept, "notices": told});
    context.screen.answer(&data, |out| {
        records::drafts_table(&kept).write(out)?;
        let draft = kept.first().map_or("DRAFT", |draft| &draft.reference);
        writeln!(out, "Nothing was sent. Who would get one: {comity} publish {draft} --dry-run")
    })
}

fn read(path: &Path) -> Result<ImportedDraft, Failure> {
    let bytes = Input::open(path)?.read_all(path, limits::DOCUMENT_BYTES)?;
    csaf::import(&bytes).map_err(|error| {
        let message = format!("`{}` is not taken: {error}", path.display());
        Failure::new(FailureKind::Data, "csaf-refused", message)
            .next("ask its publisher for a valid CSAF 2.0 document")
    })
}
