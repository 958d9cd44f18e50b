//! `comity quarantine ask`: a question about a record, written down for a person to publish.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use comity_admin::{Failure, FailureKind, ask as admin};
use comity_node::api::{HoldLine, RecordDetail};
use comity_node::shell_word::word;
use serde::Serialize;

use super::super::{Context, partner};
use crate::backend::Keys;
use crate::cli::Question;
use crate::screen::printable;

/// What was written, and for whom.
#[derive(Serialize)]
struct Written {
    file: String,
    record: String,
    to: String,
    desk: String,
    /// Whether whoever is asked brought the record.
    to_who_brought_it: bool,
}

pub(super) fn run(question: &Question, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Reading)?;
    let comity = context.comity();
    let asked = admin::Show { record: question.record.clone(), content: false };
    let detail: RecordDetail = session.call("/show", &asked)?;
    let Some(held) = &detail.held else {
        let message = format!("{} is not in quarantine", detail.line.reference);
        return Err(Failure::new(FailureKind::Usage, "not-in-quarantine", message)
            .next(format!("{comity} show {}", detail.line.reference)));
    };
    let partner = partner::find(&session, &question.to, &comity)?;
    let named = format!("question-{}.toml", detail.line.reference);
    let file = question.out.clone().unwrap_or_else(|| PathBuf::from(named));
    write(&file, &text(&detail, held, &partner.economy, question))?;
    let written = Written {
        file: file.display().to_string(),
        record: detail.line.record.clone(),
        to: partner.name.clone(),
        desk: question.desk.clone(),
        to_who_brought_it: held.brought_by.contains(&partner.name),
    };
    context.screen.answer(&written, |out| {
        let (to, desk) = (printable(&written.to), printable(&written.desk));
        writeln!(out, "{}  a question for {desk} at {to}; nothing was sent", written.file)?;
        if written.to_who_brought_it {
            writeln!(out, "{to} brought the record, and would learn by it that you hold it back")?;
        }
        writeln!(out, "look at it, and ask: {comity} publish {}", word(&written.file))
    })
}

/// A note to one desk, in the format of `comity publish`. Of the record it says what a person needs to find
/// it there, and none of its content.
fn text(detail: &RecordDetail, held: &HoldLine, economy: &str, question: &Question) -> String {
    let line = &detail.line;
    let why = line.standing_reason.as_deref().unwrap_or(&held.cause);
    let body = format!(
        "We hold a record back until you have said whether it is yours.\n\nrecord   {}\norigin   {}\nentered  {}\nwhy      {why}\n\n{}\n",
        line.record, line.origin_id, line.entered_at, question.why
    );
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let lines = [
        "format = 1".to_owned(),
        "kind = \"note\"".to_owned(),
        format!("title = {}", quoted(&format!("A question about {}", line.reference))),
        "marking = { tlp = \"RED\" }".to_owned(),
        String::new(),
        "[[part]]".to_owned(),
        "section = \"summary\"".to_owned(),
        format!("text = {}", quoted(&body)),
        String::new(),
        "[[to]]".to_owned(),
        format!("economy = {}", quoted(economy)),
        format!("desk = {}", quoted(&question.desk)),
    ];
    lines.join("\n") + "\n"
}

/// For nobody else's eyes, and never in the place of another file.
fn write(file: &std::path::Path, text: &str) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let written = opened.and_then(|mut opened| opened.write_all(text.as_bytes()));
    written.map_err(|error: io::Error| {
        let message = format!("`{}` cannot be written: {error}", file.display());
        Failure::new(FailureKind::CannotCreate, "file", message).next("another name: --out FILE")
    })
}
