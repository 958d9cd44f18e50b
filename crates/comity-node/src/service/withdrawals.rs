//! Taking records back, and answering when others do.

use std::sync::Arc;
use std::time::Duration;

use comity_core::control::{
    AcceptanceBody, AcknowledgementBody, Answer, ApprovalBody, WithdrawalBody,
};
use comity_core::{Kind, RecallReason, RecordId, RefusalReason};
use tokio::task::JoinHandle;

use super::{Service, files, find_record, words};
use crate::api::{AnswerLine, Published, RecallLine, RecordLine, RefusalRequest};
use crate::engine::Command;
use crate::error::ServiceError;
use crate::limits::ANSWERED_AT_ONCE;
use crate::state::{Answered, Bond, Held, State, is_withdrawable};

/// After an answer that could not be given, the next try waits so long.
const AGAIN: Duration = Duration::from_secs(60);

impl Service {
    /// Takes back what was just published, as if it had never been: nobody was told of it.
    pub async fn unsend(&self, record: &str) -> Result<RecordLine, ServiceError> {
        let (text, now) = (record.to_owned(), self.now());
        let id = self.look(move |state, _, _| find_record(state, &text)).await??;
        self.command(Command::Unsend { record: id }).await?;
        let line = self.look(move |state, _, _| {
            state.record(&id).map(|held| words::record_line(state, &id, held, now))
        });
        line.await?.ok_or_else(|| ServiceError::no_input("no-record", "the record is gone"))
    }

    /// Takes own records back: everyone who possibly has any part of them is told. `dry_run`: only says who would be.
    pub async fn withdraw(
        &self,
        records: Vec<String>,
        dry_run: bool,
    ) -> Result<Published, ServiceError> {
        self.take_back(records, None, dry_run).await
    }

    /// The same, and asks that they be destroyed. What was withdrawn before can still be recalled.
    pub async fn recall(
        &self,
        records: Vec<String>,
        reason: &str,
        dry_run: bool,
    ) -> Result<Published, ServiceError> {
        let reason = RecallReason::from_name(reason).ok_or_else(|| {
            let known: Vec<_> = RecallReason::ALL.iter().map(ToString::to_string).collect();
            ServiceError::usage("reason", format!("`{reason}` is not a reason for a recall"))
                .next(format!("one of {}", known.join(", ")))
        })?;
        self.take_back(records, Some(reason), dry_run).await
    }

    async fn take_back(
        &self,
        records: Vec<String>,
        recall: Option<RecallReason>,
        dry_run: bool,
    ) -> Result<Published, ServiceError> {
        let (targets, title, (waits_for, nothing_sent)) = self
            .look(move |state, _, _| {
                let found: Result<Vec<_>, _> =
                    records.iter().map(|text| find_record(state, text)).collect();
                let found = found?;
                withdrawable(state, &found)?;
                already_taken_back(state, &found, recall.is_some())?;
                let references: Vec<_> = found
                    .iter()
                    .filter_map(|id| state.record(id))
                    .map(|held| held.reference.clone())
                    .collect();
                let what = if recall.is_some() { "Recall" } else { "Withdrawal" };
                let title = format!("{what} of {}", references.join(", "));
                let waits_for = out_of_reach(state, &found);
                let nothing_sent = nothing_left(state, &found);
                Ok::<_, ServiceError>((found, title, (waits_for, nothing_sent)))
            })
            .await??;
        let body = WithdrawalBody::of(targets.clone()).ok_or_else(|| {
            ServiceError::usage("withdrawal", "name at least one record, each once")
        })?;
        let body = match recall {
            Some(reason) => body.recalling(reason),
            None => body,
        };
        let published =
            self.control_or_try(Kind::Withdrawal, body.encode(), title, dry_run).await?;
        // Whatever was let out before the withdrawal was entered is in the books by now.
        let files = self.look(move |state, _, _| {
            targets.iter().flat_map(|id| files::lines(state, id)).collect()
        });
        Ok(Published { waits_for, nothing_sent, files: files.await?, ..published })
    }

    /// Recalls by others, the last first, and what we answered.
    pub async fn recalls(&self) -> Result<Vec<RecallLine>, ServiceError> {
        self.look(|state, _, _| {
            let foreign = state.records().filter(|(_, held)| {
                held.facts.kind == Kind::Withdrawal && held.facts.origin != state.us()
            });
            let mut lines: Vec<_> = foreign
                .filter_map(|(id, held)| Some((held.seq, recall(state, id, held)?)))
                .collect();
            lines.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
            lines.into_iter().map(|(_, line)| line).collect()
        })
        .await
    }

    /// What was recalled stays here, and its origin is told why. Nobody gets it from here all the same.
    pub async fn refuse_recall(&self, asked: RefusalRequest) -> Result<Published, ServiceError> {
        let RefusalRequest { record, reason, text, dry_run } = asked;
        let because = RefusalReason::from_name(&reason).ok_or_else(|| {
            let known: Vec<_> = RefusalReason::ALL.iter().map(ToString::to_string).collect();
            ServiceError::usage("reason", format!("`{reason}` is not a reason to refuse a recall"))
                .next(format!("one of {}", known.join(", ")))
        })?;
        let text = text.unwrap_or_default();
        words::one_line("text", &text)?;
        if because == RefusalReason::Other && text.is_empty() {
            return Err(ServiceError::usage("text", "`other` tells its origin nothing")
                .next("say why in one line: --text \"...\""));
        }
        let at = self.now();
        let (body, title) = self
            .look(move |state, _, _| {
                let (withdrawal, reference) = recalled(state, &record)?;
                match state.answer_to(&withdrawal) {
                    Some((to, Answer::Stopped { parts, .. })) => {
                        let answer = Answer::Refused { parts, because, text };
                        let body = AcknowledgementBody { withdrawal, to, at, answer };
                        Ok((body, format!("Recall of {reference} refused")))
                    }
                    Some(_) | None => {
                        let message =
                            format!("nothing of {reference} is here: there is nothing to keep");
                        Err(ServiceError::data("nothing-here", message).next("comity recall list"))
                    }
                }
            })
            .await??;
        self.control_or_try(Kind::Acknowledgement, body.encode(), title, dry_run).await
    }

    /// Answers by itself, while the node runs, whatever others withdraw.
    pub(crate) fn answer_withdrawals(&self) -> JoinHandle<()> {
        let (service, mut due) = (Arc::downgrade(&self.parts), self.parts.shell.unanswered());
        tokio::spawn(async move {
            while due.changed().await.is_ok() {
                let Some(parts) = service.upgrade() else { return };
                let answered = Self::by_itself(parts).answer_what_is_open().await;
                if let Err(error) = answered {
                    tracing::warn!("a withdrawal was not answered: {error}");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        })
    }

    async fn answer_what_is_open(&self) -> Result<(), ServiceError> {
        let _one = self.parts.answering.lock().await;
        let at = self.now();
        let due: Vec<_> = self
            .look(move |state, _, _| {
                let open = state.unanswered().take(ANSWERED_AT_ONCE);
                let due = open.filter_map(|withdrawal| {
                    let (to, answer) = state.answer_to(withdrawal)?;
                    let title = format!("Answer to {}", state.record(withdrawal)?.reference);
                    let body = AcknowledgementBody { withdrawal: *withdrawal, to, at, answer };
                    Some((body, title))
                });
                due.collect()
            })
            .await?;
        for (body, title) in due {
            self.publish_control(Kind::Acknowledgement, body.encode(), title).await?;
        }
        Ok(())
    }
}

/// What no withdrawal would change is not withdrawn: people would go by what the screen says.
fn withdrawable(state: &State, targets: &[RecordId]) -> Result<(), ServiceError> {
    let held = targets.iter().filter_map(|id| state.record(id));
    let Some(held) = held.into_iter().find(|held| !is_withdrawable(held.facts.kind)) else {
        return Ok(());
    };
    let (reference, kind) = (&held.reference, held.facts.kind);
    let (why, next) = instead(state, held);
    let message = format!("{reference} is of the kind {kind}, which no withdrawal changes: {why}");
    Err(ServiceError::data("not-withdrawable", message).next(next))
}

/// How that ends which cannot be withdrawn.
fn instead(state: &State, held: &Held) -> (&'static str, String) {
    let reference = &held.reference;
    let body = held.body.as_deref().unwrap_or_default();
    match held.facts.kind {
        Kind::Agreement => (
            "an agreement is ended, and a proposal is taken back, in the same way",
            format!("comity agreement terminate {reference}"),
        ),
        Kind::Acceptance => {
            let agreement = AcceptanceBody::decode(body).ok();
            let agreement = agreement.and_then(|body| state.record(&body.agreement));
            let agreement =
                agreement.map_or_else(|| "REFERENCE".to_owned(), |one| one.reference.clone());
            ("what was accepted is ended", format!("comity agreement terminate {agreement}"))
        }
        Kind::Termination => {
            ("what ended is agreed anew", "comity agreement propose FILE --to NAME".to_owned())
        }
        Kind::Group | Kind::Roster => (
            "a member leaves, and the secretariat removes members or hands its office over",
            "comity group leave NAME; or comity group remove, comity group hand-over".to_owned(),
        ),
        Kind::Keyring => ("a key is revoked", "comity key revoke KEY".to_owned()),
        Kind::Withdrawal => (
            "what was withdrawn stays withdrawn",
            "publish what was withdrawn anew: comity publish FILE".to_owned(),
        ),
        Kind::Acknowledgement => (
            "whoever keeps what was recalled says so in another answer",
            "comity recall list".to_owned(),
        ),
        Kind::Introduction => (
            "whoever was told decides whether to believe it",
            "ask their operator not to confirm it, or to remove it: comity partner dismiss"
                .to_owned(),
        ),
        Kind::Approval => {
            ("the word stands, and what it approved is taken back itself", approved_by(state, held))
        }
        Kind::Contact
        | Kind::Consent
        | Kind::Advisory
        | Kind::Incident
        | Kind::Sightings
        | Kind::Request
        | Kind::Response
        | Kind::Note
        | Kind::Unknown(_) => ("it says nothing that ends", "comity list".to_owned()),
    }
}

/// How that is taken back which a word of a second person is about.
fn approved_by(state: &State, held: &Held) -> String {
    let body = held.body.as_deref().and_then(|body| ApprovalBody::decode(body).ok());
    let about = body.and_then(|body| state.record(&body.record));
    let about = about.map_or("REFERENCE", |about| about.reference.as_str());
    format!("comity withdraw {about}")
}

/// What everybody was told once need not be told again. What was withdrawn may still be recalled.
fn already_taken_back(
    state: &State,
    targets: &[RecordId],
    recall: bool,
) -> Result<(), ServiceError> {
    let before = |id: &RecordId| {
        let held = state.record(id).filter(|held| held.facts.origin == state.us())?;
        let stone = state.tombstone(id, &held.facts.origin)?;
        let by = if recall { stone.recall? } else { stone.by };
        // A word that is set aside, for its key had ended, counts here and reached nobody.
        let word = state.record(&by).filter(|word| !word.is_set_aside())?;
        Some((held.reference.clone(), word.reference.clone()))
    };
    let Some((reference, by)) = targets.iter().find_map(before) else { return Ok(()) };
    let (code, what) =
        if recall { ("recalled-already", "recalled") } else { ("withdrawn-already", "withdrawn") };
    let message = format!("{reference} is {what} already, by {by}");
    Err(ServiceError::data(code, message).next(format!("comity audit who {reference}")))
}

/// Whether nobody approved any of these, and so none of them went to anybody.
fn nothing_left(state: &State, targets: &[RecordId]) -> bool {
    let went = |id: &RecordId| {
        state.partners().any(|(_, partner)| partner.out.possibly_held(id).is_some())
    };
    targets.iter().all(|id| state.is_unapproved(id) && !went(id))
}

/// Suspended partners that may hold a part of one of these.
fn out_of_reach(state: &State, targets: &[RecordId]) -> Vec<String> {
    let suspended = state.partners().filter(|(_, partner)| partner.bond == Bond::Suspended);
    suspended
        .filter(|(_, partner)| targets.iter().any(|id| partner.out.possibly_held(id).is_some()))
        .map(|(economy, _)| state.name_of(economy))
        .collect()
}

/// The recall of others that is meant, by its own reference or by that of what it recalls, and what it
/// recalls.
fn recalled(state: &State, text: &str) -> Result<(RecordId, String), ServiceError> {
    let id = find_record(state, text)?;
    let held = state.record(&id).filter(|held| held.facts.origin != state.us());
    let found = held.and_then(|held| {
        let stone = state.tombstone(&id, &held.facts.origin);
        let by = if held.facts.kind == Kind::Withdrawal { id } else { stone?.recall? };
        let recall = state.record(&by).filter(|recall| is_recall(recall))?;
        Some((by, what(state, recall).join(", ")))
    });
    found.ok_or_else(|| {
        ServiceError::data("not-recalled", format!("nobody has recalled {text}"))
            .next("comity recall list")
    })
}

/// Whether a withdrawal asks that what is held be destroyed.
pub(super) fn is_recall(held: &Held) -> bool {
    reason(held).is_some()
}

fn reason(held: &Held) -> Option<RecallReason> {
    held.body.as_deref().and_then(|body| WithdrawalBody::decode(body).ok())?.recall
}

/// The references of what a withdrawal takes back; of what is not here, ids.
fn what(state: &State, withdrawal: &Held) -> Vec<String> {
    let name = |target: &RecordId| {
        let held = state.record(target).filter(|held| held.facts.origin == withdrawal.facts.origin);
        held.map_or_else(|| target.short().to_string(), |held| held.reference.clone())
    };
    withdrawal.targets().iter().map(name).collect()
}

pub(super) fn recall(state: &State, id: &RecordId, held: &Held) -> Option<RecallLine> {
    let reason = reason(held)?;
    let ours = state.answers(id).into_iter().find(|answer| answer.by == state.us());
    let origin = held.facts.origin;
    let targets = held.targets();
    let of_origin = targets
        .iter()
        .filter(|target| state.record(target).is_none_or(|target| target.facts.origin == origin));
    Some(RecallLine {
        files: of_origin.flat_map(|target| files::lines(state, target)).collect(),
        reference: held.reference.clone(),
        records: what(state, held),
        origin: state.name_of(&held.facts.origin),
        reason: reason.to_string(),
        entered_at: held.entered_at.to_string(),
        answer: ours.map(|answer| line(state, &answer, true)),
    })
}

/// An answer as it is shown. To a withdrawal that stopped is all that is asked.
pub(super) fn line(state: &State, answered: &Answered, recall: bool) -> AnswerLine {
    let (outcome, parts, because, text) = match &answered.body.answer {
        Answer::Gone => ("honoured", 0, None, None),
        Answer::Stopped { parts, because } if recall => {
            ("stopped, not erased", *parts, Some(because.to_string()), None)
        }
        Answer::Stopped { parts, because } => ("honoured", *parts, Some(because.to_string()), None),
        Answer::Refused { parts, because, text } => {
            ("refused", *parts, Some(because.to_string()), Some(text.clone()))
        }
    };
    AnswerLine {
        outcome: outcome.to_owned(),
        at: answered.body.at.to_string(),
        parts,
        because,
        text: text.filter(|text| !text.is_empty()),
        through: answered.through.map(|relay| state.name_of(&relay)),
        record: answered.record.to_string(),
    }
}

/// An answer in words, for whoever looks at its record.
pub(super) fn in_words(answer: &Answer) -> String {
    match answer {
        Answer::Gone => "nothing of it is here".to_owned(),
        Answer::Stopped { parts, because } => {
            format!("nobody gets it from here any more; parts that stay: {parts} ({because})")
        }
        Answer::Refused { parts, because, text } => {
            let text = if text.is_empty() { String::new() } else { format!(": {text}") };
            format!("refused ({because}{text}); parts that stay: {parts}")
        }
    }
}
