//! `comity recall`.

use std::io::{self, Write};

use comity_admin::{Failure, ask};
use comity_node::api::{AnswerLine, DueLine, Published, RecallLine, RecordDetail, RefusalRequest};
use comity_node::shell_word::word;
use serde::Serialize;

use super::{Context, files, records};
use crate::backend::{Keys, Session};
use crate::cli::{Recall, RecallCommand};
use crate::screen::format::counted;
use crate::screen::{Table, printable};

/// Records that a screen names of those that could be recalled.
const SHOWN: usize = 20;

pub(super) fn run(recall: Recall, context: &mut Context<'_>) -> Result<(), Failure> {
    match recall {
        Recall { command: Some(RecallCommand::List), .. } => list(context),
        Recall { command: Some(RecallCommand::Due { name }), .. } => due(&name, context),
        Recall {
            command: Some(RecallCommand::Refuse { record, reason, text, dry_run, yes }),
            ..
        } => {
            let asked = RefusalRequest { record, reason: reason.to_string(), text, dry_run };
            refuse(asked, yes, context)
        }
        Recall { command: None, record, reason, dry_run, yes } => {
            let reason = reason.map(|reason| reason.to_string()).unwrap_or_default();
            ask_back(record.unwrap_or_default(), reason, dry_run, yes, context)
        }
    }
}

fn ask_back(
    record: String,
    reason: String,
    dry_run: bool,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Signing)?;
    let detail: RecordDetail = session.call("/show", &ask::Show { record, content: false })?;
    let line = &detail.line;
    if !yes {
        context.screen.show(|out| records::table(std::slice::from_ref(line), &zones).write(out))?;
    }
    let question = format!("Recall {}? It cannot be taken back.", line.reference);
    context.asker.confirmed(yes || dry_run, &question)?;
    let asked = ask::Recall { records: vec![line.record.clone()], reason, dry_run };
    let published: Published = session.call("/recall", &asked)?;
    let comity = context.comity();
    if dry_run {
        return context.screen.answer(&published, |out| {
            records::write_would_be_told(&published, &zones, &comity, out)
        });
    }
    context.screen.answer(&published, |out| {
        writeln!(
            out,
            "{} is recalled; everyone who may hold a part of it is asked to destroy it",
            line.reference
        )?;
        records::write_waits_for(&published, &comity, out)?;
        files::write_to_tell(&published.files, &zones, out)?;
        writeln!(out, "who answers what: {comity} audit who {}", line.reference)
    })
}

fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let recalls: Vec<RecallLine> = session.call("/recalls", &())?;
    let comity = context.comity();
    context.screen.answer(&recalls, |out| {
        if recalls.is_empty() {
            return writeln!(
                out,
                "Nobody else has recalled anything; what became of a recall of your own: {comity} audit who REFERENCE"
            );
        }
        let mut table = Table::new(&["ref", "recalls", "from", "reason", "entered", "answered"]);
        for line in &recalls {
            table.row([
                line.reference.clone(),
                line.records.join(", "),
                line.origin.clone(),
                line.reason.clone(),
                zones.written(&line.entered_at),
                line.answer.as_ref().map_or_else(|| "not yet".to_owned(), answered),
            ]);
        }
        table.write(out)?;
        recalls.iter().try_for_each(|line| files::write_to_tell(&line.files, &zones, out))
    })
}

fn due(name: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Reading)?;
    let due = due_of(&session, name)?;
    let (name, comity) = (printable(name), context.comity());
    context.screen.answer(&due, |out| {
        if due.is_empty() {
            return writeln!(out, "{name} holds nothing of yours that it would not get now.");
        }
        write_due(&due, &name, &comity, out)
    })
}

pub(super) fn due_of(session: &Session, partner: &str) -> Result<Vec<DueLine>, Failure> {
    session.call("/recall-due", &ask::Named { name: partner.to_owned() })
}

/// What was done, and what that leaves with a partner that would not go there any more.
#[derive(Serialize)]
pub(super) struct Narrowed<'a, T> {
    #[serde(flatten)]
    done: &'a T,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) recall_due: Vec<DueLine>,
}

impl<'a, T> Narrowed<'a, T> {
    /// After it was done, which waits for nothing: `partner` is a name or an id, and of whoever was removed
    /// there is no answer.
    pub(super) fn after(session: &Session, partner: &str, done: &'a T) -> Self {
        Self { done, recall_due: due_of(session, partner).unwrap_or_default() }
    }

    /// The same, without what was so before: what it has nothing to do with.
    pub(super) fn newly(session: &Session, partner: &str, done: &'a T, before: &[DueLine]) -> Self {
        let mut narrowed = Self::after(session, partner, done);
        let known = |line: &DueLine| {
            before.iter().any(|one| (&one.record, &one.sections) == (&line.record, &line.sections))
        };
        narrowed.recall_due.retain(|line| !known(line));
        narrowed
    }

    /// Where nothing was narrowed.
    pub(super) fn not(done: &'a T) -> Self {
        Self { done, recall_due: Vec::new() }
    }
}

/// What a partner holds and would not get now, and how it is recalled.
pub(super) fn write_due(
    due: &[DueLine],
    partner: &str,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    if due.is_empty() {
        return Ok(());
    }
    let records = counted(due.len() as u64, "record", "records");
    writeln!(out, "{partner} may hold parts of {records} that it would not get now:")?;
    let mut table = Table::new(&["ref", "parts", "why", "title"]);
    for line in due.iter().take(SHOWN) {
        let why = line.reason.clone().or_else(|| line.gate.clone()).unwrap_or_default();
        let mut sections = line.sections.clone();
        sections.dedup();
        table.row([line.reference.clone(), sections.join(" "), why, line.title.clone()]);
    }
    table.write(out)?;
    if due.len() > SHOWN {
        writeln!(out, "... {} in all: {comity} recall due {}", due.len(), word(partner))?;
    }
    for line in due.iter().take(SHOWN) {
        writeln!(
            out,
            "to have it destroyed: {comity} recall {} --reason agreement",
            line.reference
        )?;
    }
    Ok(())
}

fn refuse(asked: RefusalRequest, yes: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Signing)?;
    let detail: RecordDetail =
        session.call("/show", &ask::Show { record: asked.record.clone(), content: false })?;
    let reference = detail.line.reference;
    let question = format!("Keep {reference}, and tell its origin so?");
    context.asker.confirmed(yes || asked.dry_run, &question)?;
    let published: Published = session.call("/refuse-recall", &asked)?;
    if asked.dry_run {
        let comity = context.comity();
        return context.screen.answer(&published, |out| {
            records::write_would_be_told(&published, &zones, &comity, out)
        });
    }
    context.screen.answer(&published, |out| {
        writeln!(out, "{reference} is kept, and its origin is told why")?;
        writeln!(out, "nobody gets it from here all the same")
    })
}

/// An answer to a withdrawal or a recall, in a few words.
pub(super) fn answered(answer: &AnswerLine) -> String {
    let because = answer.because.as_deref().unwrap_or_default();
    let kept = counted(answer.parts, "part stays", "parts stay");
    let text = answer.text.as_ref().map(|text| format!(": {}", printable(text)));
    match (answer.outcome.as_str(), answer.parts) {
        (outcome, 0) => format!("{outcome}: nothing of it is there"),
        ("honoured", _) => format!("honoured: nobody gets it from there; {kept}"),
        (outcome, _) => {
            format!("{outcome} ({because}{}); {kept}", text.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_stays_and_why() {
        let answer = |outcome: &str, parts, because: Option<&str>, text: Option<&str>| AnswerLine {
            outcome: outcome.to_owned(),
            at: String::new(),
            parts,
            because: because.map(str::to_owned),
            text: text.map(str::to_owned),
            through: None,
            record: String::new(),
        };
        for (line, words) in [
            (answer("honoured", 0, None, None), "honoured: nothing of it is there"),
            (
                answer("honoured", 1, Some("not-asked"), None),
                "honoured: nobody gets it from there; 1 part stays",
            ),
            (
                answer("stopped, not erased", 3, Some("cannot-erase"), None),
                "stopped, not erased (cannot-erase); 3 parts stay",
            ),
            (
                answer("refused", 2, Some("order"), Some("a\x1b[2Jtrial")),
                "refused (order: a\u{fffd}[2Jtrial); 2 parts stay",
            ),
        ] {
            assert_eq!(answered(&line), words);
        }
    }
}
