//! Broken glass: one record of ours to one partner in an emergency, signed with a key of its own, confirmed
//! by a second person or recalled by the node itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use comity_core::control::{ApprovalBody, ApprovalVerdict, WithdrawalBody};
use comity_core::keyring::{Grant, KeyringBuilder, Revocation, Role};
use comity_core::limits::{EMERGENCY_CONFIRMED_WITHIN, EMERGENCY_LASTS};
use comity_core::policy::{self, Emergency, Plan, Verdict, Word};
use comity_core::record::control;
use comity_core::sign::SecretKey;
use comity_core::{EconomyId, Kind, RecallReason, RecordId, Timestamp, Tlp};
use tokio::task::JoinHandle;

use super::records::found;
use super::{Service, approvals, audit, caller, find_partner, find_record, words};
use crate::api::{
    EmergencyAnswer, EmergencyConfirmRequest, EmergencyDue, EmergencyKeyMade, EmergencyKeyRequest,
    EmergencyLine, EmergencyPart, EmergencyRequest, StaffPassphrase,
};
use crate::engine::{Command, Reply};
use crate::entropy::OsEntropy;
use crate::error::{ErrorKind, ServiceError};
use crate::founding::{NODE_KEYS, grant_span};
use crate::keyfile::{self, Form, KeySet, Seal, WorkFactor};
use crate::staged::{self, Place};
use crate::state::{Glass, GlassStands, Held, State, Unbroken, Unconfirmed};

/// The file of the emergency key, in the data folder.
pub const EMERGENCY_KEYS: &str = "keys/emergency.keys";
/// The name of the key in it.
const EMERGENCY: &str = "emergency";
/// After a recall that could not be signed, the next try waits so long.
const AGAIN: Duration = Duration::from_secs(60);
/// What makes the key.
const MAKE_KEY: &str = "with the root keys at hand: comity key emergency";

impl Service {
    /// Makes a new emergency key, which the root grants; those before it end. Needs the root keys.
    pub async fn new_emergency_key(
        &self,
        asked: EmergencyKeyRequest,
    ) -> Result<EmergencyKeyMade, ServiceError> {
        let _alone = self.alone_with_keyring()?;
        let (keyring, now) = (self.own_keyring(false).await?, self.now());
        let key = SecretKey::generate(&mut OsEntropy);
        let (from, until) = grant_span(now);
        let before: Vec<_> = keyring
            .grants()
            .filter(|grant| keyring.is_granted(grant.key, Role::Emergency, now))
            .map(|grant| grant.key)
            .collect();
        let ends = |key| Revocation { key, at: now, compromised: false };
        let builder = KeyringBuilder::follow(&keyring);
        let builder = before.iter().fold(builder, |builder, key| builder.revoke(ends(*key)));
        let grant = Grant::emergency(keyring.economy(), key.public(), from, until);
        let next = self.signed_by_root(builder.grant(grant), asked.root_passphrase).await?;
        let id = key.id();
        self.stage_emergency(key, asked.passphrase).await?;
        let title = format!("Keyring, version {}: a new emergency key", next.version());
        let desk = self.keys()?.desk;
        self.publish_keyring(&next, title, (&desk, false), &[]).await?;
        Ok(EmergencyKeyMade {
            key: id.to_string(),
            file: self.parts.config.folder.join(EMERGENCY_KEYS).display().to_string(),
            until: until.to_string(),
            ended: before.iter().map(ToString::to_string).collect(),
            keyring: next.version(),
        })
    }

    /// Beside the file that is in force, until the keyring that grants the key has been entered.
    async fn stage_emergency(
        &self,
        key: SecretKey,
        passphrase: Option<StaffPassphrase>,
    ) -> Result<(), ServiceError> {
        let work = match keyfile::inspect(&self.parts.config.folder.join(NODE_KEYS)) {
            Ok(Form::Encrypted(work)) => work,
            Ok(Form::Plain) | Err(_) => WorkFactor::STANDARD,
        };
        let passphrase = passphrase.map(|typed| {
            typed.typed().ok_or_else(|| {
                let message = "the passphrase of the emergency key is empty";
                ServiceError::usage("empty-passphrase", message)
                    .next("give one; --plain-key leaves the key unencrypted")
            })
        });
        let passphrase = passphrase.transpose()?;
        let tag = staged::key_tag(key.id());
        let mut keys = KeySet::new();
        keys.insert(EMERGENCY, key)?;
        let folder = self.parts.config.folder.clone();
        let sealing = tokio::task::spawn_blocking(move || {
            let seal = passphrase.as_ref().map_or(Seal::Plain, |one| Seal::Passphrase(one, work));
            staged::stage(&folder, (Place::Emergency, &tag), &keys, seal)
        });
        sealing.await.map_err(no_thread)?
    }

    /// One record of ours goes to one partner whatever agreements and trust say; or only what the partner
    /// would get by it. Needs the emergency key.
    pub async fn release_in_emergency(
        &self,
        asked: EmergencyRequest,
    ) -> Result<EmergencyAnswer, ServiceError> {
        let EmergencyRequest { record, to, reason, dry_run, passphrase } = asked;
        words::one_line("reason", &reason)?;
        if reason.is_empty() {
            return Err(ServiceError::usage("reason", "whoever breaks the glass says why")
                .next("say why in one line: --reason \"...\""));
        }
        self.examine_if_possible(&record).await;
        let (now, by, sees) = (self.now(), self.caller_name(), self.sees());
        let known = self
            .look(move |state, _, _| {
                let (id, held) = found(state, &record)?;
                let economy = find_partner(state, &to)?;
                let key = state.emergency_key(now);
                let may = match key {
                    Some((key, _)) => state.may_break_glass(&id, &economy, key, now),
                    None => Err(Unbroken::NotTheKey),
                };
                may.map_err(|why| refused(state, held, &economy, &why))?;
                let name = if by.is_empty() { "you" } else { &by };
                let answer = would(state, held, economy, name, now)?;
                Ok::<_, ServiceError>((id, economy, held.reference.clone(), answer))
            })
            .await??;
        let (record, to, reference, mut answer) = known;
        answer.record = self.discreet(answer.record);
        if dry_run {
            return Ok(answer);
        }
        let key = self.open_emergency_key(passphrase).await?;
        let body =
            ApprovalBody { record, verdict: ApprovalVerdict::Emergency { to }, note: reason };
        let title = format!("Emergency release of {reference} to {}", answer.to);
        let _signs = self.parts.signing.read().await;
        let us = self.look(|state, _, _| state.us()).await?;
        let word = control(Kind::Approval, body.encode(), Tlp::AmberStrict, &key, us, self.now())
            .map_err(|error| ServiceError::data("control", error.to_string()))?;
        let (by, record) = (self.caller_name(), Box::new(word));
        let Reply::Published { record: word, .. } =
            self.command(Command::BreakGlass { record, title, by }).await?
        else {
            return Err(ServiceError::data("emergency", "the release was not entered"));
        };
        let now = self.now();
        answer.release = self.look(move |state, _, _| line_of(state, &word, sees, now)).await?;
        answer.confirmers = self.look(move |state, _, _| state.confirmers(&word, now)).await?;
        Ok(answer)
    }

    /// The emergency key, which is opened for each release and not kept.
    async fn open_emergency_key(
        &self,
        passphrase: Option<StaffPassphrase>,
    ) -> Result<SecretKey, ServiceError> {
        let file = self.parts.config.folder.join(EMERGENCY_KEYS);
        let missing = |file: &Path| {
            let message = format!("`{}` is not here", file.display());
            ServiceError::no_input("emergency-key-missing", message)
                .next(format!("bring it back from where you keep it, or {MAKE_KEY}"))
        };
        if !file.exists() {
            return Err(missing(&file));
        }
        let opening = tokio::task::spawn_blocking(move || {
            let passphrase = passphrase.as_ref().and_then(StaffPassphrase::typed);
            let mut keys = keyfile::open(&file, passphrase.as_ref())?;
            keys.remove(EMERGENCY).ok_or_else(|| missing(&file))
        });
        let (key, now) = (opening.await.map_err(no_thread)??, self.now());
        let id = key.id();
        if self.look(move |state, _, _| state.is_emergency_key(id, now)).await? {
            return Ok(key);
        }
        let message = "the key in the file is not the one that the keyring grants";
        Err(ServiceError::new(ErrorKind::NoPermission, "other-key", message)
            .next(format!("bring the right file back, or {MAKE_KEY}")))
    }

    /// Every emergency release, the last first.
    pub async fn emergencies(&self) -> Result<Vec<EmergencyLine>, ServiceError> {
        let (now, sees) = (self.now(), self.sees());
        self.look(move |state, _, _| {
            let mut all: Vec<_> = state.emergencies().collect();
            all.sort_by_key(|(word, glass)| (std::cmp::Reverse(glass.opened.at), **word));
            all.into_iter().filter_map(|(word, _)| line_of(state, word, sees, now)).collect()
        })
        .await
    }

    /// A second person's word about an emergency release, signed with their own key.
    pub async fn confirm_emergency(
        &self,
        asked: EmergencyConfirmRequest,
    ) -> Result<EmergencyLine, ServiceError> {
        let EmergencyConfirmRequest { release, refuse, note, dry_run } = asked;
        words::one_line("note", &note)?;
        if refuse && note.is_empty() {
            return Err(ServiceError::usage(
                "note",
                "a refusal says why, for whoever broke the glass",
            )
            .next("say why in one line: --reason \"...\""));
        }
        let key = match self.caller() {
            Some(_) => self.signer()?.id(),
            None => return Err(approvals::nobody_approves()),
        };
        let (now, sees) = (self.now(), self.sees());
        let (word, line) = self
            .look(move |state, _, _| {
                let word = meant(state, &release)?;
                let verdict =
                    if refuse { ApprovalVerdict::Refuse } else { ApprovalVerdict::Approve };
                let may = state.may_confirm_now(&word, (key, verdict), now);
                may.map_err(|why| unconfirmed(state, &word, &why))?;
                let line = line_of(state, &word, sees, now).ok_or_else(gone)?;
                Ok::<_, ServiceError>((word, line))
            })
            .await??;
        if dry_run {
            return Ok(line);
        }
        let (verdict, title) = if refuse {
            (ApprovalVerdict::Refuse, format!("Refusal of {}", line.release))
        } else {
            (ApprovalVerdict::Approve, format!("Confirmation of {}", line.release))
        };
        let body = ApprovalBody { record: word, verdict, note };
        self.publish_control(Kind::Approval, body.encode(), title).await?;
        let now = self.now();
        let line = self.look(move |state, _, _| line_of(state, &word, sees, now)).await?;
        line.ok_or_else(gone)
    }

    /// Recalls by itself, while the node runs, what went in an emergency and nobody confirmed.
    pub(crate) fn recall_unconfirmed(&self) -> JoinHandle<()> {
        let (service, mut due) = (Arc::downgrade(&self.parts), self.parts.shell.overdue());
        tokio::spawn(async move {
            while due.changed().await.is_ok() {
                let Some(parts) = service.upgrade() else { return };
                let recalled = Self::by_itself(parts).recall_what_is_due().await;
                if let Err(error) = recalled {
                    tracing::warn!("an emergency release was not recalled: {error}");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        })
    }

    /// Signed with the node's own key, since nobody asked for it but the time.
    pub(super) async fn recall_what_is_due(&self) -> Result<(), ServiceError> {
        let _one = self.parts.answering.lock().await;
        let now = self.now();
        let due: Vec<_> = self
            .look(move |state, _, _| {
                if state.recovery().is_some() {
                    return Vec::new();
                }
                let owed = state.owed_recalls(now).into_iter();
                let glasses = owed.filter_map(|word| Some(state.emergency(&word)?.opened.clone()));
                let body = |record, to| {
                    let body = WithdrawalBody::of(vec![record])?;
                    Some(body.recalling(RecallReason::SentInError).from_only(to))
                };
                let due = glasses.filter_map(|opened| {
                    let reference = &state.record(&opened.record)?.reference;
                    let title = format!("Recall of {reference} from {}", state.name_of(&opened.to));
                    Some((body(opened.record, opened.to)?, title))
                });
                due.collect()
            })
            .await?;
        // One that cannot be said holds up no other.
        let mut said = Ok(());
        for (body, title) in due {
            let one = self.publish_control(Kind::Withdrawal, body.encode(), title).await;
            said = said.and(one.map(drop));
        }
        said
    }
}

fn no_thread(error: tokio::task::JoinError) -> ServiceError {
    ServiceError::new(ErrorKind::Io, "emergency-key", error.to_string())
}

fn gone() -> ServiceError {
    ServiceError::no_input("no-record", "the record is gone")
}

/// What the partner gets by it, what anyway, and what stays.
fn would(
    state: &State,
    held: &Held,
    to: EconomyId,
    by: &str,
    now: Timestamp,
) -> Result<EmergencyAnswer, ServiceError> {
    let confirm_by = now.saturating_add(EMERGENCY_CONFIRMED_WITHIN);
    let mut with = held.clone();
    let word = held.facts.id;
    with.facts.emergencies.push(Emergency { word, to, by: Word::new(by), until: confirm_by });
    let at = |when| (state.plan(held, &to, when), state.plan(&with, &to, when));
    let (mut before, mut after) = at(now);
    let mut not_before = None;
    // What can be unsent still goes as soon as it cannot.
    if !gains(&before, &after)
        && let Some(held_until) = after.holds().filter(|until| *until < confirm_by)
    {
        (before, after) = at(held_until);
        not_before = Some(held_until);
    }
    let author = state.staff().ever_held(held.facts.author);
    let confirmers = state.approvers(now).into_iter();
    // Where nobody is of the staff, nobody is two.
    let confirmers = confirmers.filter(|_| !state.staff().is_empty());
    let confirmers = confirmers.filter(|name| name != by && Some(name.as_str()) != author);
    let name = state.name_of(&to);
    if !gains(&before, &after) {
        let reference = &held.reference;
        let message =
            format!("{name} gets nothing of {reference} by it that it does not get anyway");
        return Err(ServiceError::data("nothing-to-release", message)
            .next(format!("comity explain {reference} --to {name}")));
    }
    let onward = after.obligations().map(|terms| {
        let keep = terms.retention_days.map(|days| format!(", keep {days} days"));
        format!("onward: {}{}", terms.onward, keep.unwrap_or_default())
    });
    let parts = held.parts.iter().zip(after.parts()).map(|(part, planned)| {
        let goes = after.releases().contains(&part.digest);
        let anyway = before.releases().contains(&part.digest);
        let snapshot = state.policy();
        let decision = &planned.decision;
        let because = if goes && !anyway {
            let passed = decision.judgements().iter().filter(|said| said.passed);
            passed.map(|said| format!("{}: {}", said.gate, policy::said(snapshot, said))).collect()
        } else if goes {
            Vec::new()
        } else {
            let stays = decision.judgements().iter().filter(|one| one.verdict != Verdict::Pass);
            stays.map(|said| format!("{}: {}", said.gate, policy::said(snapshot, said))).collect()
        };
        let outcome = match (goes, anyway) {
            (true, true) => "anyway",
            (true, false) => "by it",
            (false, _) => "stays",
        };
        EmergencyPart {
            part: part.digest.to_string(),
            section: part.counts_as.to_string(),
            tlp: part.marking.tlp.to_string(),
            size: held.sizes.get(&part.digest).copied().unwrap_or_default(),
            outcome: outcome.to_owned(),
            because,
        }
    });
    Ok(EmergencyAnswer {
        record: words::record_line(state, &held.facts.id, held, now),
        to: name,
        parts: parts.collect(),
        obligations: onward.unwrap_or_default(),
        confirm_by: confirm_by.to_string(),
        confirmers: confirmers.collect(),
        until: now.saturating_add(EMERGENCY_LASTS).to_string(),
        not_before: not_before.map(|at| at.to_string()),
        release: None,
    })
}

fn gains(before: &Plan, after: &Plan) -> bool {
    after.releases().iter().any(|part| !before.releases().contains(part))
}

/// Why the glass is not broken, and what to do instead.
fn refused(state: &State, held: &Held, to: &EconomyId, why: &Unbroken) -> ServiceError {
    let (reference, name) = (&held.reference, state.name_of(to));
    let message = format!("{reference}: {why}");
    let not_permitted = |code| ServiceError::new(ErrorKind::NoPermission, code, message.clone());
    match why {
        Unbroken::NoRecord => gone(),
        Unbroken::NotOurs => not_permitted("not-ours").next(format!(
            "ask its originator: comity consent ask {reference} --for {name} --why TEXT"
        )),
        Unbroken::Control => ServiceError::usage("control", message).next("comity list"),
        Unbroken::TakenBack => {
            ServiceError::data("taken-back", message).next(format!("comity show {reference}"))
        }
        Unbroken::Refused => not_permitted("refused").next(format!("comity show {reference}")),
        Unbroken::Partner => not_permitted("partner").next(format!("comity partner show {name}")),
        Unbroken::Recalled => ServiceError::data("recalled", message).next("comity publish FILE"),
        Unbroken::Open(_) => {
            ServiceError::data("open-already", message).next("comity release list")
        }
        Unbroken::TooMany => not_permitted("too-many").next("comity release list"),
        Unbroken::NotTheKey => {
            let message = "no emergency key is granted now";
            ServiceError::new(ErrorKind::NoPermission, "no-emergency-key", message).next(MAKE_KEY)
        }
        Unbroken::Recovering => {
            ServiceError::new(ErrorKind::TryLater, "recovering", message).next("comity status")
        }
    }
}

/// The release that is meant: by its own reference, or by that of its record where one of it waits.
fn meant(state: &State, text: &str) -> Result<RecordId, ServiceError> {
    let id = find_record(state, text)?;
    if state.emergency(&id).is_some() {
        return Ok(id);
    }
    let open = state.emergencies_about(&id).filter(|(_, glass)| glass.said.is_none());
    let open: Vec<_> = open.map(|(word, _)| *word).collect();
    match open.as_slice() {
        [word] => Ok(*word),
        [] => {
            let message = format!("{text} is no emergency release, and none of it waits");
            Err(ServiceError::usage("no-release", message).next("comity release list"))
        }
        _ => {
            let message = format!("{text} is released to several partners in an emergency");
            Err(ServiceError::usage("several", message)
                .next("name the release: comity release list"))
        }
    }
}

fn unconfirmed(state: &State, word: &RecordId, why: &Unconfirmed) -> ServiceError {
    let reference = state.record(word).map(|held| held.reference.clone()).unwrap_or_default();
    let message = format!("{reference}: {why}");
    let not_permitted =
        |code, next| ServiceError::new(ErrorKind::NoPermission, code, message.clone()).next(next);
    match why {
        Unconfirmed::NoGlass => {
            ServiceError::usage("no-release", message).next("comity release list")
        }
        Unconfirmed::Said(..) => {
            ServiceError::data("said-already", message).next("comity release list")
        }
        Unconfirmed::TooLate(_) | Unconfirmed::RecordRefused => {
            ServiceError::data("too-late", message).next("comity release list")
        }
        Unconfirmed::Author => {
            not_permitted("own-record", "ask another approver: comity staff list")
        }
        Unconfirmed::SamePerson => {
            not_permitted("same-person", "ask another approver: comity staff list")
        }
        Unconfirmed::Approver(_) => {
            not_permitted("no-approver", "comity staff add NAME --role approver")
        }
    }
}

fn state_in_words(stands: GlassStands) -> &'static str {
    match stands {
        GlassStands::Unconfirmed => "not confirmed",
        GlassStands::Confirmed => "confirmed",
        GlassStands::Refused => "refused",
        GlassStands::Lapsed => "not confirmed in time",
        GlassStands::Doubted => "its key was stolen",
    }
}

/// An emergency release, as far as whoever asks may see it (`sees`).
pub(super) fn line_of(
    state: &State,
    word: &RecordId,
    sees: Option<Tlp>,
    now: Timestamp,
) -> Option<EmergencyLine> {
    let glass = state.emergency(word)?;
    let held = state.record(&glass.opened.record)?;
    let reference =
        |id: &RecordId| state.record(id).map_or_else(|| id.short(), |one| one.reference.clone());
    let (to, to_id) = (glass.opened.to, glass.opened.to.to_string());
    let strictest = held.parts.iter().map(|part| part.marking.tlp).max();
    let told = glass.recall.and_then(|by| {
        let told = audit::told(state, &held.facts.id, &by);
        told.into_iter().find(|told| told.partner_id == to_id)
    });
    Some(EmergencyLine {
        release: reference(word),
        record: held.reference.clone(),
        title: caller::discreet_title(held, sees, held.title.clone()),
        tlp: strictest.unwrap_or(held.facts.floor.tlp).to_string(),
        to: state.name_of(&to),
        to_id,
        by: glass.by().to_owned(),
        // It may say what the record says.
        reason: caller::discreet_title(held, sees, glass.reason.clone()),
        at: glass.opened.at.to_string(),
        confirm_by: glass.opened.confirm_by.to_string(),
        until: glass.opened.until.to_string(),
        state: state_in_words(glass.stands(now)).to_owned(),
        open: glass.is_open(now),
        went: state.went(glass),
        recall_due: state.owed_recalls(now).contains(word),
        said: glass.said.as_ref().map(|said| approvals::said(state, held, said, sees)),
        recalled_by: glass.recall.as_ref().map(reference),
        recall_told: told,
    })
}

/// Those about one record, the first of them first.
pub(super) fn lines_about(
    state: &State,
    record: &RecordId,
    sees: Option<Tlp>,
    now: Timestamp,
) -> Vec<EmergencyLine> {
    let mut about: Vec<_> = state.emergencies_about(record).collect();
    about.sort_by_key(|(word, glass)| (glass.opened.at, **word));
    about.into_iter().filter_map(|(word, _)| line_of(state, word, sees, now)).collect()
}

/// Those that want a person, for `status`.
pub(super) fn due(state: &State, now: Timestamp) -> Vec<EmergencyDue> {
    let line = |(word, glass): (&RecordId, &Glass)| {
        let reference = |id: &RecordId| {
            state.record(id).map_or_else(|| id.short(), |one| one.reference.clone())
        };
        EmergencyDue {
            release: reference(word),
            record: reference(&glass.opened.record),
            to: state.name_of(&glass.opened.to),
            state: state_in_words(glass.stands(now)).to_owned(),
            due: glass.opened.confirm_by.to_string(),
            recall_due: state.owed_recalls(now).contains(word),
        }
    };
    state.unsettled_emergencies(now).into_iter().map(line).collect()
}

/// The word by which a delivery goes, by reference.
pub(super) fn release_of(state: &State, to: &EconomyId, number: u64) -> Option<String> {
    let (word, _) = state.by_emergency(to, number)?;
    Some(state.record(word)?.reference.clone())
}
