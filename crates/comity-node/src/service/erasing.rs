//! Letting go of what is here, saying so to whoever asked for it, and keeping it on legal grounds.

use std::collections::BTreeMap;

use comity_core::control::{AcknowledgementBody, Answer};
use comity_core::journal::{Erasure, ErasureCause, LegalHold, Source};
use comity_core::{Kind, PartDigest, RecordId, Timestamp};

use super::records::found;
use super::{Service, part_names, words};
use crate::api::{
    Certificate, EraseRequest, ErasedLine, Erasing, ErasingHolder, ErasingPart, LegalHoldLine,
    LegalHoldRequest, PartName,
};
use crate::certificate::{self, ErasedPart, Head};
use crate::engine::{Command, Erase};
use crate::error::{ErrorKind, ServiceError};
use crate::limits::LESSER_ANSWERS;
use crate::state::{Held, State};

impl Service {
    /// Erases bodies of a record here: when this returns, they are gone from the files. A dry run only
    /// tells what would go and who has copies.
    pub async fn erase(&self, request: EraseRequest) -> Result<Erasing, ServiceError> {
        let EraseRequest { record, parts: numbers, reason, dry_run } = request;
        is_said("reason", &reason)?;
        let chosen = self.look(move |state, _, _| {
            let (id, held) = found(state, &record)?;
            let parts = chosen(held, &numbers)?;
            Ok::<_, ServiceError>((id, parts.clone(), lines(state, &id, held, &parts)))
        });
        let (id, parts, would) = chosen.await??;
        if dry_run {
            return Ok(would);
        }
        let left = would.parts.iter().any(|part| part.goes);
        if let (false, Some(gone)) = (left, would.parts.iter().find_map(|it| it.erased.as_ref())) {
            let what = &would.reference;
            let message = format!("{what} was erased on {} because: {}", gone.at, gone.reason);
            return Err(ServiceError::data("erased", message)
                .next(format!("comity erase {what} --certificate FILE")));
        }
        let asked = Erase { record: id, parts: parts.clone(), reason, by: self.caller_name() };
        self.command(Command::Erase(asked)).await?;
        self.overwrite(id).await?;
        let answered = self.answer_erased(id).await?;
        let done = self.look(move |state, _, _| {
            let (_, held) = found(state, &id.to_string())?;
            Ok::<_, ServiceError>(lines(state, &id, held, &parts))
        });
        let done = done.await??;
        let mut parts = done.parts;
        for (part, before) in parts.iter_mut().zip(&would.parts) {
            part.goes = before.goes;
        }
        Ok(Erasing { done: true, parts, beside: would.beside, answered, ..done })
    }

    /// What was written down is carried out before anybody is told that it was.
    async fn overwrite(&self, record: RecordId) -> Result<(), ServiceError> {
        let last = self.look(move |state, _, _| state.erasures().of(&record).last().cloned());
        let Some(erasure) = last.await? else { return Ok(()) };
        let store = self.parts.store.clone();
        let overwritten = tokio::task::spawn_blocking(move || {
            let bodies = erasure.parts.iter().chain(&erasure.beside);
            store.erase(&bodies.copied().collect::<Vec<_>>())
        });
        let overwritten = overwritten.await.map_err(|error| {
            ServiceError::new(ErrorKind::Io, "erase", error.to_string()).next("comity doctor")
        })?;
        overwritten.map_err(|error| {
            let message = format!(
                "it is written down as erased, and its bytes could not be overwritten yet: {error}"
            );
            ServiceError::new(ErrorKind::TryLater, "not-overwritten", message)
                .next("comity doctor; it is tried again, and at the next start")
        })
    }

    /// Whoever recalled it hears that nothing of it is here any more, or that less is.
    async fn answer_erased(&self, record: RecordId) -> Result<Vec<String>, ServiceError> {
        let _one = self.parts.answering.lock().await;
        let at = self.now();
        let due = self.look(move |state, _, _| {
            let held = state.record(&record)?;
            let stone = state.tombstone(&record, &held.facts.origin)?;
            let withdrawal = stone.recall.unwrap_or(stone.by);
            let (to, answer) = state.answer_to(&withdrawal)?;
            let told = state.answers(&withdrawal).into_iter().find(|one| one.by == state.us());
            let told = told.map(|one| one.body.answer);
            // What is said last of it has to fit in as well.
            let room = state.answers_by_us(&withdrawal) < LESSER_ANSWERS;
            let answer = match (answer, told) {
                (Answer::Gone, told) if told != Some(Answer::Gone) => Answer::Gone,
                (Answer::Stopped { parts, .. }, Some(told)) if room => lesser(parts, told)?,
                (Answer::Gone | Answer::Stopped { .. } | Answer::Refused { .. }, _) => return None,
            };
            let reference = state.record(&withdrawal)?.reference.clone();
            Some((AcknowledgementBody { withdrawal, to, at, answer }, reference))
        });
        let Some((body, reference)) = due.await? else { return Ok(Vec::new()) };
        let title = format!("Answer to {reference}: erased");
        match self.publish_control(Kind::Acknowledgement, body.encode(), title).await {
            Ok(_) => Ok(vec![reference]),
            Err(error) => {
                // It is erased all the same.
                tracing::warn!("the recall {reference} was not answered anew: {error}");
                Ok(Vec::new())
            }
        }
    }

    /// What was erased of a record, signed by the link key: for whoever asked that it be.
    pub async fn certificate(&self, record: &str) -> Result<Certificate, ServiceError> {
        // A random key stands in for the link key where the keys could not be opened.
        self.keys()?;
        let (text, at) = (record.to_owned(), self.now());
        let signed = self.parts.shell.ask(move |engine, _| {
            if let Some(why) = engine.failed().filter(|_| engine.shows_unwritten()) {
                return Err(ServiceError::new(ErrorKind::TryLater, "read-only", why));
            }
            let state = engine.state();
            let (id, held) = found(state, &text)?;
            let missing = || ServiceError::data("keyring", "our own keyring is not here");
            let keyring = state.keyring(&state.us()).ok_or_else(missing)?;
            let head = head(state, &id, held, at)?;
            certificate::write(&head, keyring, engine.link_key())
                .map_err(|error| ServiceError::data("certificate", error.to_string()))
        });
        let file = signed.await.ok_or_else(ServiceError::stopped)??;
        Ok(Certificate { file })
    }

    /// Nothing of a record is erased from now on, whoever asks and whatever its term is.
    pub async fn hold(&self, request: LegalHoldRequest) -> Result<LegalHoldLine, ServiceError> {
        let hold = self.said(request).await?;
        let record = hold.record;
        self.command(Command::Hold(hold)).await?;
        let line = self.look(move |state, _, _| {
            state.erasures().hold(&record).map(|hold| hold_line(state, hold))
        });
        line.await?.ok_or_else(|| ServiceError::data("hold", "the hold is not there"))
    }

    /// It may be erased again.
    pub async fn lift_hold(
        &self,
        request: LegalHoldRequest,
    ) -> Result<LegalHoldLine, ServiceError> {
        let lifted = self.said(request).await?;
        let line = lifted.clone();
        self.command(Command::LiftHold(lifted)).await?;
        self.look(move |state, _, _| hold_line(state, &line)).await
    }

    /// Every record that is kept on legal grounds.
    pub async fn holds(&self) -> Result<Vec<LegalHoldLine>, ServiceError> {
        self.look(|state, _, _| {
            state.erasures().holds().map(|hold| hold_line(state, hold)).collect()
        })
        .await
    }

    async fn said(&self, request: LegalHoldRequest) -> Result<LegalHold, ServiceError> {
        let LegalHoldRequest { record, reason } = request;
        is_said("reason", &reason)?;
        let record =
            self.look(move |state, _, _| found(state, &record).map(|(id, _)| id)).await??;
        Ok(LegalHold { record, reason, by: self.caller_name(), at: self.now() })
    }
}

/// What was answered, where fewer parts stay by now.
fn lesser(parts: u64, told: Answer) -> Option<Answer> {
    match told {
        Answer::Refused { parts: before, because, text } => {
            (parts < before).then_some(Answer::Refused { parts, because, text })
        }
        Answer::Stopped { parts: before, because } => {
            (parts < before).then_some(Answer::Stopped { parts, because })
        }
        Answer::Gone => None,
    }
}

fn is_said(what: &'static str, text: &str) -> Result<(), ServiceError> {
    words::short(what, text)?;
    if text.trim().is_empty() {
        return Err(
            ServiceError::usage(what, "it is done for a reason").next("say why: --reason \"...\"")
        );
    }
    Ok(())
}

/// The parts that were named, or all.
fn chosen(held: &Held, names: &[PartName]) -> Result<Vec<PartDigest>, ServiceError> {
    if held.facts.kind.is_control() {
        let (reference, kind) = (&held.reference, held.facts.kind);
        let message = format!("{reference} is a record of kind {kind}: it has no parts to erase");
        return Err(ServiceError::usage("no-parts", message).next("name a record with content"));
    }
    if names.is_empty() {
        return Ok(held.parts.iter().map(|part| part.digest).collect());
    }
    part_names::named(held, names)
}

fn lines(state: &State, id: &RecordId, held: &Held, chosen: &[PartDigest]) -> Erasing {
    let took = |part: &PartDigest| state.erasures().took(part).map(erased_line);
    let parts: Vec<_> = (1..)
        .zip(&held.parts)
        .map(|(number, part)| ErasingPart {
            number,
            part: part.digest.to_string(),
            section: part.counts_as.to_string(),
            tlp: part.marking.tlp.to_string(),
            size: held.sizes.get(&part.digest).copied().unwrap_or_default(),
            goes: !part.erased && chosen.contains(&part.digest),
            erased: took(&part.digest),
        })
        .collect();
    let here = held.parts.iter().filter(|part| !part.erased).map(|part| part.digest);
    let going: Vec<_> = here.filter(|part| chosen.contains(part)).collect();
    let beside = if going.is_empty() { Vec::new() } else { state.beside(held, &going) };
    Erasing {
        record: id.to_string(),
        reference: held.reference.clone(),
        done: false,
        parts,
        beside: beside.len() as u64,
        holders: holders(state, id, held),
        told_outside: state.told_outside(id).iter().filter(|said| said.wrong.is_none()).count()
            as u64,
        files: state.files(id).len() as u64,
        hold: state.erasures().hold(id).map(|hold| hold_line(state, hold)),
        answered: Vec::new(),
    }
}

/// Who has copies: whom we sent it, from whom we have it, and whose it is.
fn holders(state: &State, id: &RecordId, held: &Held) -> Vec<ErasingHolder> {
    let mut holders: BTreeMap<String, ErasingHolder> = BTreeMap::new();
    let mut note = |partner: String, parts: Vec<usize>, how: &str| {
        holders.entry(partner.clone()).or_insert(ErasingHolder {
            partner,
            parts,
            how: how.to_owned(),
        });
    };
    if held.facts.origin != state.us() {
        note(state.name_of(&held.facts.origin), Vec::new(), "origin");
    }
    if let Source::Partner(delivered) = &held.source {
        note(state.name_of(&delivered.from), Vec::new(), "brought");
    }
    for received in held.parts.iter().flat_map(|part| &part.sources) {
        note(state.name_of(&received.economy), Vec::new(), "brought");
    }
    for (economy, partner) in state.partners() {
        let Some(went) = partner.out.possibly_held(id) else { continue };
        let numbered = (1..).zip(&held.parts);
        let parts = numbered.filter(|(_, part)| went.contains(&part.digest));
        note(state.name_of(economy), parts.map(|(number, _)| number).collect(), "sent");
    }
    holders.into_values().collect()
}

pub(super) fn erased_line(erasure: &Erasure) -> ErasedLine {
    ErasedLine {
        at: erasure.at.to_string(),
        cause: cause(erasure.cause).to_owned(),
        reason: erasure.reason.clone(),
        by: erasure.by.clone(),
    }
}

const fn cause(cause: ErasureCause) -> &'static str {
    match cause {
        ErasureCause::Person => "person",
        ErasureCause::Term => "term",
    }
}

/// When and why a body was erased, in a sentence's words.
pub(super) fn in_words(erasure: &Erasure) -> String {
    let because = match erasure.cause {
        ErasureCause::Person => "because",
        ErasureCause::Term => "when its time was over",
    };
    format!("erased on {} {because}: {}", erasure.at, erasure.reason)
}

/// Of a record whose parts are needed whole: one of them was erased.
pub(super) fn is_whole(state: &State, held: &Held) -> Result<(), ServiceError> {
    let mut took = held.parts.iter().filter_map(|part| state.erasures().took(&part.digest));
    took.next().map_or(Ok(()), |erasure| {
        let message = format!("a part of {} was {}", held.reference, in_words(erasure));
        Err(ServiceError::data("erased", message))
    })
}

fn head(state: &State, id: &RecordId, held: &Held, at: Timestamp) -> Result<Head, ServiceError> {
    let erased: Vec<_> = held
        .parts
        .iter()
        .filter_map(|part| Some((part, state.erasures().took(&part.digest)?)))
        .map(|(part, erasure)| ErasedPart {
            part: part.digest.to_string(),
            at: erasure.at.to_string(),
            cause: cause(erasure.cause).to_owned(),
            reason: erasure.reason.clone(),
        })
        .collect();
    if erased.is_empty() {
        let reference = &held.reference;
        return Err(ServiceError::data("not-erased", format!("nothing of {reference} was erased"))
            .next(format!("comity erase {reference} --reason \"...\"")));
    }
    let kept = held.parts.iter().filter(|part| !part.erased);
    let files = state.files(id).len() as u64;
    Ok(Head {
        format: Head::format_with(files),
        files,
        economy: state.us().to_string(),
        written: at.to_string(),
        record: id.to_string(),
        reference: held.reference.clone(),
        origin: held.facts.origin.to_string(),
        erased,
        kept: kept.map(|part| part.digest.to_string()).collect(),
    })
}

fn hold_line(state: &State, hold: &LegalHold) -> LegalHoldLine {
    let held = state.record(&hold.record);
    LegalHoldLine {
        record: hold.record.to_string(),
        reference: held
            .map_or_else(|| hold.record.short().to_string(), |held| held.reference.clone()),
        reason: hold.reason.clone(),
        by: hold.by.clone(),
        since: hold.at.to_string(),
    }
}
