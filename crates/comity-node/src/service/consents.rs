//! Consents: what was asked and given, and asking an origin.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comity_core::cbor::is_label;
use comity_core::consent::{ConsentAsk, ConsentBody};
use comity_core::ledger::Obligations;
use comity_core::limits::{ANSWER_BYTES, CONSENT_RECIPIENTS};
use comity_core::policy::{self, Consent, Plan, Recipient};
use comity_core::{EconomyId, Kind, PartDigest, RecordId, Section, Timestamp};

use super::compose::Wanted;
use super::consent_answers::{prepare_grant, prepare_refusal, taken_back};
use super::consent_lines as lines;
use super::records::found;
use super::{Service, find_partner, find_record, part_names, words};
use crate::api::{
    ConsentAskRequest, ConsentDone, ConsentGrantRequest, ConsentLine, ConsentOpens,
    ConsentRefuseRequest, ConsentWithdrawRequest, Published,
};
use crate::error::ServiceError;
use crate::shell_word::word;
use crate::state::{Held, Partner, State};

/// For a preview, how long a consent that names no end would last.
pub(super) const SOME_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Something to be signed, and what comes of it.
pub(super) struct Prepared {
    pub(super) bodies: Vec<ConsentBody>,
    pub(super) opens: Vec<ConsentOpens>,
    /// What the screen shows after it: an ask that is here already.
    pub(super) about: Option<RecordId>,
    pub(super) title: String,
}

impl Service {
    /// Everything that was asked and given, with us at one end.
    pub async fn consents(&self) -> Result<Vec<ConsentLine>, ServiceError> {
        let now = self.now();
        self.look(move |state, _, _| lines::all(state, now)).await
    }

    /// One ask with its answers, or one grant.
    pub async fn consent(&self, reference: &str) -> Result<ConsentLine, ServiceError> {
        let (reference, now) = (reference.to_owned(), self.now());
        self.look(move |state, _, _| {
            let id = find_word(state, &reference)?;
            lines::line(state, &id, now).ok_or_else(|| no_word(&reference))
        })
        .await?
    }

    /// Asks a record's origin that others may have parts of it.
    pub async fn ask_consent(&self, asked: ConsentAskRequest) -> Result<ConsentDone, ServiceError> {
        reason("why", &asked.why)?;
        let (now, dry_run) = (self.now(), asked.dry_run);
        let prepared = self.look(move |state, _, _| prepare_ask(state, &asked, now)).await??;
        let outcome = "its origin is asked; the answer comes by itself";
        self.sign_consents(prepared, outcome, dry_run).await
    }

    /// Says yes to an ask, or to some of it: one record for each recipient.
    pub async fn grant_consent(
        &self,
        asked: ConsentGrantRequest,
    ) -> Result<ConsentDone, ServiceError> {
        let (now, dry_run) = (self.now(), asked.dry_run);
        let prepared = self.look(move |state, _, _| prepare_grant(state, &asked, now)).await??;
        self.sign_consents(prepared, "consented to; whoever asked is told", dry_run).await
    }

    /// Says no to an ask.
    pub async fn refuse_consent(
        &self,
        asked: ConsentRefuseRequest,
    ) -> Result<ConsentDone, ServiceError> {
        reason("reason", &asked.reason)?;
        let prepared = self.look(move |state, _, _| prepare_refusal(state, asked)).await??;
        self.sign_consents(prepared, "refused; whoever asked is told", false).await
    }

    /// Takes back what was given, or what was asked.
    pub async fn withdraw_consent(
        &self,
        asked: ConsentWithdrawRequest,
    ) -> Result<ConsentDone, ServiceError> {
        let (targets, about) = self.look(move |state, _, _| taken_back(state, &asked)).await??;
        let published = self.withdraw(targets, false).await?;
        let now = self.now();
        let line = self.look(move |state, _, _| lines::line(state, &about, now)).await?;
        let outcome = "taken back; what has not begun to leave stays".to_owned();
        let (until, conditions) = (None, Vec::new());
        let published = vec![published];
        Ok(ConsentDone { published, opens: Vec::new(), until, conditions, line, outcome })
    }

    async fn sign_consents(
        &self,
        prepared: Prepared,
        outcome: &str,
        dry_run: bool,
    ) -> Result<ConsentDone, ServiceError> {
        let Prepared { bodies, opens, about, title } = prepared;
        let grant = bodies.iter().find_map(|body| match body {
            ConsentBody::Grant(grant) => Some(grant),
            ConsentBody::Ask(_) | ConsentBody::Refusal(_) => None,
        });
        let until = grant.map(|grant| grant.until.to_string());
        let conditions = grant.map(lines::conditions).unwrap_or_default();
        let mut published: Vec<Published> = Vec::new();
        for body in bodies {
            let wanted = Wanted { dry_run, ..Wanted::default() };
            let signed = self.try_control(Kind::Consent, body.encode(), title.clone(), wanted);
            published.push(signed.await?);
        }
        let first = published.first().and_then(|one| one.reference.clone());
        let now = self.now();
        let line = self
            .look(move |state, _, _| {
                let signed = || first.and_then(|reference| state.find_record(&reference));
                let about = about.or_else(signed)?;
                lines::line(state, &about, now)
            })
            .await?;
        let outcome = if dry_run { "nothing was signed" } else { outcome }.to_owned();
        Ok(ConsentDone { published, opens, until, conditions, line, outcome })
    }
}

fn prepare_ask(
    state: &State,
    asked: &ConsentAskRequest,
    now: Timestamp,
) -> Result<Prepared, ServiceError> {
    let (id, held) = found(state, &asked.record)?;
    let reference = held.reference.clone();
    let origin = held.facts.origin;
    may_be_asked(state, held)?;
    let mut recipients = recipients(state, &asked.recipients)?;
    if recipients.contains(&origin) {
        let message = format!("{} made it, and has it", state.name_of(&origin));
        return Err(ServiceError::usage("origin-has-it", message).next("name somebody else: --for"));
    }
    let until = later(asked.until.as_deref(), now)?;
    let content = |(_, section): &(PartDigest, Section)| *section != Section::Addressee;
    let all = held.parts.iter().map(|part| (part.digest, part.section));
    let mut parts: Vec<_> = match asked.parts.as_slice() {
        [] => all.filter(content).map(|(digest, _)| digest).collect(),
        names => part_names::named(held, names)?,
    };
    let opens = opened(
        state,
        held,
        &parts,
        &recipients,
        until.unwrap_or(now.saturating_add(SOME_TIME)),
        now,
    );
    let Opened { lines: opens, going, to } = opens;
    if going.is_empty() {
        return Err(opens_nothing(state, &reference, &recipients, &opens));
    }
    // What it could not open, nobody is asked for; and of those to whom it could give nothing, nobody hears.
    parts.retain(|part| going.contains(part));
    recipients.retain(|one| to.contains(one));
    parts.sort_unstable();
    parts.dedup();
    let why = asked.why.clone();
    let ask = ConsentAsk { record: id, parts, origin, recipients, why, until };
    if !asked.again {
        asked_already(state, &ask)?;
    }
    let title = format!("Consent asked: {reference}");
    Ok(Prepared { bodies: vec![ConsentBody::Ask(ask)], opens, about: None, title })
}

/// The same parts for the same recipients, and nobody has answered.
fn asked_already(state: &State, ask: &ConsentAsk) -> Result<(), ServiceError> {
    let same = |id: &RecordId| {
        let word = state.consents().ask(id).filter(|word| word.by == state.us());
        word.is_some_and(|word| {
            let says = &word.says;
            (says.record, &says.parts, &says.recipients)
                == (ask.record, &ask.parts, &ask.recipients)
        })
    };
    let open = |id: &RecordId| {
        state.says_still(id) && !state.answers_to(id).any(|answer| state.says_still(&answer))
    };
    let ours = state
        .records()
        .filter(|(_, held)| held.facts.kind == Kind::Consent && held.facts.origin == state.us());
    let before = ours.map(|(id, held)| (*id, held)).find(|(id, _)| same(id) && open(id));
    let Some((_, held)) = before else { return Ok(()) };
    let message = format!("the same is asked already, by {}; no answer has come", held.reference);
    Err(ServiceError::data("asked-already", message)
        .next(format!("comity consent show {}; to ask once more: --again", held.reference)))
}

/// Whether its origin can be asked: the ask goes to it alone, over our own link with it.
fn may_be_asked(state: &State, held: &Held) -> Result<(), ServiceError> {
    let (origin, reference) = (held.facts.origin, &held.reference);
    if held.facts.kind.is_control() {
        let message =
            format!("{reference} is a record of kind {}: it has no parts", held.facts.kind);
        return Err(ServiceError::usage("no-content", message).next("comity list"));
    }
    if origin == state.us() {
        let message = format!("{reference} is our own: of it nobody has to be asked");
        return Err(ServiceError::usage("own-record", message)
            .next("publish a version that is addressed to them: comity publish FILE --dry-run"));
    }
    if state.partner(&origin).is_some_and(Partner::is_paired) {
        return Ok(());
    }
    let (name, origin) = (state.name_of(&origin), origin.short());
    let message = format!(
        "{reference} is {name}'s, with whom this node has no link: it came through somebody else, and a request for consent goes to the origin alone, never through others"
    );
    Err(ServiceError::data("origin-not-linked", message).next(format!(
        "pair with it (comity partner invite --as {origin}), or ask whoever passed it on to you to ask"
    )))
}

/// What a consent would open.
#[derive(Default)]
struct Opened {
    /// Each part, for each recipient.
    lines: Vec<ConsentOpens>,
    /// The parts that would go to anybody.
    going: BTreeSet<PartDigest>,
    /// To whom anything would.
    to: BTreeSet<EconomyId>,
}

/// What would go by a consent, to each recipient, and did not before.
fn opened(
    state: &State,
    held: &Held,
    parts: &[PartDigest],
    recipients: &[EconomyId],
    until: Timestamp,
    now: Timestamp,
) -> Opened {
    let mut opened = Opened::default();
    let shown = lines::parts(state, &held.facts.id, parts);
    let shown = shown.into_iter().map(|part| (part.part.parse::<PartDigest>().ok(), part));
    let shown: Vec<_> = shown.collect();
    for to in recipients {
        let consent = Consent {
            id: RecordId([0xff; 32]),
            origin: held.facts.origin,
            record: held.facts.id,
            parts: parts.to_vec(),
            asker: state.us(),
            grantee: *to,
            until,
            terms: Obligations::default(),
        };
        let with = state.policy().to_builder().consent(consent).build();
        let recipient = Recipient::partner(*to);
        let facts = state.facts_for(held, to);
        let clear = state.as_if_clear(held);
        let plan = |policy| policy::plan(policy, &facts, &clear, &recipient, now);
        let (before, after) = (plan(state.policy()), plan(&with));
        let decided = after.parts().iter().map(|one| (one.digest, one));
        let decided: BTreeMap<_, _> = decided.collect();
        for (digest, part) in &shown {
            let Some(digest) = digest else { continue };
            let among = |plan: &Plan| plan.releases().binary_search(digest).is_ok();
            let had = among(&before);
            let goes = among(&after) && !had;
            if goes {
                opened.going.insert(*digest);
                opened.to.insert(*to);
            }
            let why = decided.get(digest).and_then(|one| policy::reason(&with, &one.decision));
            let reason = if had { Some("it may have it without asking".to_owned()) } else { why };
            let (recipient, part) = (state.name_of(to), part.clone());
            let reason = reason.filter(|_| !goes);
            opened.lines.push(ConsentOpens { recipient, part, goes, reason });
        }
    }
    opened
}

fn opens_nothing(
    state: &State,
    reference: &str,
    recipients: &[EconomyId],
    opens: &[ConsentOpens],
) -> ServiceError {
    let why = opens.iter().find_map(|one| one.reason.clone()).unwrap_or_default();
    let name = recipients.first().map(|one| state.name_of(one)).unwrap_or_default();
    let message = format!("no consent would change anything: {why}");
    ServiceError::data("consent-opens-nothing", message)
        .next(format!("comity explain {reference} --to {}", word(&name)))
}

pub(super) fn find_word(state: &State, text: &str) -> Result<RecordId, ServiceError> {
    let id = find_record(state, text).map_err(|_no_record| no_word(text))?;
    let known = state.consents().ask(&id).is_some() || state.consents().grant(&id).is_some();
    // Whoever is shown a refusal means what was refused.
    let refused = state.consents().refusal(&id).map(|word| word.says.ask);
    let refused = refused.filter(|ask| state.consents().ask(ask).is_some());
    if known { Ok(id) } else { refused.ok_or_else(|| no_word(text)) }
}

fn no_word(text: &str) -> ServiceError {
    let message = format!("`{text}` is nothing that was asked or consented to here");
    ServiceError::no_input("no-consent", message).next("comity consent list")
}

fn recipients(state: &State, names: &[String]) -> Result<Vec<EconomyId>, ServiceError> {
    let recipients = recipients_if_any(state, names)?;
    if (1..=CONSENT_RECIPIENTS).contains(&recipients.len()) {
        return Ok(recipients);
    }
    let message = format!("one request is for 1 to {CONSENT_RECIPIENTS} partners");
    Err(ServiceError::usage("recipients", message).next("name them: --for NAME"))
}

/// Partners by name, each once, ascending by id.
fn recipients_if_any(state: &State, names: &[String]) -> Result<Vec<EconomyId>, ServiceError> {
    let paired = |name: &String| {
        let economy = find_partner(state, name)?;
        if state.partner(&economy).is_some_and(Partner::is_paired) {
            return Ok(economy);
        }
        let message = format!("{name} is known here, and no partner: nothing goes to it");
        Err(ServiceError::data("not-paired", message)
            .next(format!("comity partner invite --as {}", word(name))))
    };
    let economies: BTreeSet<_> = names.iter().map(paired).collect::<Result<_, _>>()?;
    Ok(economies.into_iter().collect())
}

pub(super) fn later(text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, ServiceError> {
    let Some(until) = text.map(words::instant).transpose()? else { return Ok(None) };
    if until > now {
        return Ok(Some(until));
    }
    let message = format!("{until} is past");
    Err(ServiceError::usage("until-past", message).next("name an instant to come: --until TIME"))
}

fn reason(what: &'static str, text: &str) -> Result<(), ServiceError> {
    if !text.is_empty() && text.len() <= ANSWER_BYTES && is_label(text) {
        return Ok(());
    }
    let message = format!("it needs a reason in one line of 1 to {ANSWER_BYTES} bytes");
    Err(ServiceError::usage(what, message).next(format!("say it in a sentence: --{what} TEXT")))
}
