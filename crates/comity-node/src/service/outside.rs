//! Who was told by other means: the half of "who did we tell?" that only people know.

use comity_core::journal::ToldOutside;
use comity_core::{Means, PartDigest, RecordId, Section, Timestamp};

use super::records::found;
use super::{Service, words};
use crate::api::{AuditOutside, ToldRequest, WrongRequest};
use crate::engine::Command;
use crate::error::ServiceError;
use crate::state::{Held, State};

/// What other economies' records name recipients by is for nobody to be told.
const NOT_TOLD: Section = Section::Addressee;

impl Service {
    /// Keeps that somebody was told of a record by other means. All that was said of the record so far.
    pub async fn told_outside(
        &self,
        request: ToldRequest,
    ) -> Result<Vec<AuditOutside>, ServiceError> {
        let now = self.now();
        if request.whom.trim().is_empty() {
            return Err(ServiceError::usage("whom", "nobody is named"));
        }
        let texts = [("whom", &request.whom), ("teller", &request.teller), ("note", &request.note)];
        for (what, text) in texts {
            words::short(what, text)?;
        }
        let means = Means::from_name(&request.by).ok_or_else(|| {
            let known: Vec<_> = Means::ALL.iter().map(ToString::to_string).collect();
            let message = format!("`{}` is no means of telling", request.by);
            ServiceError::usage("means", message).next(format!("one of {}", known.join(", ")))
        })?;
        let told = request.told.as_deref().map(words::instant).transpose()?.unwrap_or(now);
        if told > now {
            let message = format!("{told} is still to come");
            return Err(ServiceError::usage("not-yet", message).next("enter it when it was done"));
        }
        let sections: Result<Vec<_>, _> =
            request.sections.iter().map(|name| words::section(name)).collect();
        let (text, sections) = (request.record.clone(), sections?);
        let chosen = self.look(move |state, _, _| {
            let (id, held) = found(state, &text)?;
            Ok::<_, ServiceError>((id, parts(held, &sections)?))
        });
        let (record, parts) = chosen.await??;
        let told = ToldOutside {
            record,
            whom: request.whom,
            means,
            parts,
            told,
            teller: request.teller,
            note: request.note,
            at: now,
        };
        self.command(Command::TellOutside(Box::new(told))).await?;
        self.look(move |state, _, _| lines(state, &record)).await
    }

    /// Says that such a word was wrong: it stays to be read, with the reason.
    pub async fn told_wrongly(
        &self,
        request: WrongRequest,
    ) -> Result<Vec<AuditOutside>, ServiceError> {
        words::short("reason", &request.reason)?;
        if request.reason.trim().is_empty() {
            return Err(ServiceError::usage("reason", "it was wrong for a reason"));
        }
        let text = request.record.clone();
        let record = self.look(move |state, _, _| found(state, &text).map(|(id, _)| id)).await??;
        let (word, reason) = (request.word, request.reason);
        self.command(Command::ToldWrongly { record, word, reason }).await?;
        self.look(move |state, _, _| lines(state, &record)).await
    }
}

/// The parts of these sections, or all.
fn parts(held: &Held, sections: &[Section]) -> Result<Vec<PartDigest>, ServiceError> {
    if held.facts.kind.is_control() {
        let message = format!("{} is a word of control, without parts", held.reference);
        return Err(ServiceError::usage("no-parts", message).next("name a record with content"));
    }
    let told = held.parts.iter().filter(|part| part.section != NOT_TOLD);
    let told: Vec<_> = told.collect();
    if let Some(missing) =
        sections.iter().find(|section| !told.iter().any(|part| part.counts_as == **section))
    {
        let mut here: Vec<_> = told.iter().map(|part| part.counts_as.to_string()).collect();
        here.dedup();
        let message = format!("{} has no part `{missing}` here", held.reference);
        return Err(
            ServiceError::usage("no-section", message).next(format!("it has {}", here.join(", ")))
        );
    }
    let meant =
        told.into_iter().filter(|part| sections.is_empty() || sections.contains(&part.counts_as));
    Ok(meant.map(|part| part.digest).collect())
}

/// All that was said of a record.
pub(super) fn lines(state: &State, record: &RecordId) -> Vec<AuditOutside> {
    let section = |digest: &PartDigest| {
        let parts = &state.record(record)?.parts;
        parts.iter().find(|part| part.digest == *digest).map(|part| part.counts_as.to_string())
    };
    (1..)
        .zip(state.told_outside(record))
        .map(|(word, said)| AuditOutside {
            word,
            whom: said.told.whom.clone(),
            by: said.told.means.to_string(),
            told: Timestamp::to_string(&said.told.told),
            sections: said.told.parts.iter().filter_map(section).collect(),
            parts: said.told.parts.iter().map(ToString::to_string).collect(),
            teller: said.told.teller.clone(),
            note: said.told.note.clone(),
            entered_at: said.told.at.to_string(),
            wrong: said.wrong.clone(),
        })
        .collect()
}
