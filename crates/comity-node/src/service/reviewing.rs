//! What is known of a partner, laid out for whoever changes how far it is trusted. Facts of the journal
//! and nothing else: what it has nothing about is named as such.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comity_core::control::Answer;
use comity_core::journal::{JournalEntry, Source, Standing};
use comity_core::keyring::VerifiedKeyring;
use comity_core::receipt::{RejectReason, UnverifiedReceipt};
use comity_core::{EconomyId, Kind, Timestamp};

use super::{Links, Service, agreements, assessing, find_partner, partners, quarantine};
use crate::api::{
    ClockReview, GivenReview, KeyReview, KeysReview, PartnerReview, QuarantineReview,
    RequestReview, TakenReview, WithdrawalReview,
};
use crate::deadlines;
use crate::error::ServiceError;
use crate::state::{Held, OutFate, Partner, State};

impl Service {
    /// What is known of a partner.
    pub async fn review_partner(&self, name: &str) -> Result<PartnerReview, ServiceError> {
        let (text, now) = (name.to_owned(), self.now());
        let endpoint = self.parts.endpoint.clone();
        let (mut review, said, last_receipt) = self
            .look(move |state, engine, seen| {
                let economy = find_partner(state, &text)?;
                let links = Links::of(engine, seen, endpoint.as_deref());
                let line = partners::lines(engine, links, now);
                let id = economy.to_string();
                let line = line.into_iter().find(|line| line.economy == id);
                let (Some(partner), Some(line)) = (state.partner(&economy), line) else {
                    return Err(ServiceError::no_input("no-partner", "no such partner"));
                };
                let review = PartnerReview {
                    given: given(partner),
                    taken: taken(state, &economy, partner),
                    withdrawals: withdrawals(state, &economy, partner),
                    requests: requests(state, &economy, now),
                    clock: None,
                    agreements: agreements::with(state, &economy, now),
                    deadlines: deadlines::lines(state, now)
                        .into_iter()
                        .filter(|deadline| deadline.partner == line.name)
                        .collect(),
                    keys: state.keyring(&economy).map(|keyring| keys(state, &economy, keyring)),
                    assessment: None,
                    quarantine: kept_back(state, &economy),
                    not_known: Vec::new(),
                    partner: line,
                };
                let receipt = partner.out.receipt_for(partner.out.receipted());
                let ahead = signed_ahead(state, &economy);
                let said = assessing::Told::of_source(state, &economy);
                Ok((review, said, receipt.map(|receipt| (receipt, ahead))))
            })
            .await??;
        review.assessment = said.map(|said| self.with_reasons(said)).transpose()?;
        if let Some(((came, seq), signed_ahead_ms)) = last_receipt
            && let Some(JournalEntry::Receipt { signed, .. }) = self.entry(seq)?
            && let Ok(receipt) = UnverifiedReceipt::parse(&signed)
        {
            // It was verified before it was entered.
            let ahead_ms = difference(receipt.verified_before().at, came);
            review.clock = Some(ClockReview { at: came.to_string(), ahead_ms, signed_ahead_ms });
        }
        review.not_known = not_known(&review);
        Ok(review)
    }
}

/// What nothing in the journal says.
fn not_known(review: &PartnerReview) -> Vec<String> {
    let mut words = vec![
        "whether records of the kind `request` were answered: nothing ties a response to one".to_owned(),
        "whether its people have read or acted on what it confirmed: a receipt says that its node holds it"
            .to_owned(),
    ];
    if review.withdrawals.sent == 0 {
        words.push("whether it honours withdrawals: none went to it".to_owned());
    }
    if review.given.confirmed == 0 {
        words.push("how long its receipts take: there is none".to_owned());
    }
    if review.clock.is_none() {
        words.push(
            "how its clock stands: there is no receipt; `comity partner ping` compares the clocks"
                .to_owned(),
        );
    }
    words
}

/// Milliseconds from one instant to another.
fn difference(later: Timestamp, earlier: Timestamp) -> i64 {
    let millis = |time: Timestamp| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    millis(later).saturating_sub(millis(earlier))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How long half of them took at most, and the slowest.
fn spread(mut times: Vec<Duration>) -> (Option<u64>, Option<u64>) {
    times.sort_unstable();
    let half = times.get(times.len().saturating_sub(1) / 2).copied();
    (half.map(millis), times.last().copied().map(millis))
}

/// When a delivery was decided, and when the first receipt that covers it came.
fn receipted(partner: &Partner, number: u64, at: Timestamp) -> Option<Duration> {
    partner.out.receipt_for(number).map(|(came, _)| came.since(at))
}

fn given(partner: &Partner) -> GivenReview {
    let mut review =
        GivenReview { deliveries: partner.out.head().number, ..GivenReview::default() };
    let mut times = Vec::new();
    for line in partner.out.entries() {
        match &line.fate {
            OutFate::Void { .. } => review.taken_back = review.taken_back.saturating_add(1),
            OutFate::Refused(reason) => count(&mut review.refused, reason.to_string()),
            OutFate::Live => {
                let number = line.entry.as_ref().map(|entry| entry.number);
                times.extend(number.and_then(|number| receipted(partner, number, line.at)));
            }
        }
        review.last = Some(line.at.to_string());
    }
    review.confirmed = times.len() as u64;
    (review.receipt_half_ms, review.receipt_slowest_ms) = spread(times);
    review.series = partner.out.opened_since(Timestamp::EPOCH) as u64;
    review
}

fn count(counts: &mut BTreeMap<String, u64>, what: String) {
    let count = counts.entry(what).or_default();
    *count = count.saturating_add(1);
}

/// Who brought a record first.
fn brought_by(held: &Held) -> Option<EconomyId> {
    match &held.source {
        Source::Partner(delivered) => Some(delivered.from),
        Source::Own | Source::Returned { .. } => None,
    }
}

fn taken(state: &State, economy: &EconomyId, partner: &Partner) -> TakenReview {
    let mut review =
        TakenReview { deliveries: partner.inbound.durable_head().number, ..TakenReview::default() };
    let mut last = None;
    for (_, held) in state.records().filter(|(_, held)| !held.facts.kind.is_control()) {
        let (signed, brought) = (held.facts.origin == *economy, brought_by(held) == Some(*economy));
        if signed {
            review.signed = review.signed.saturating_add(1);
        } else if brought {
            review.passed_on = review.passed_on.saturating_add(1);
        } else {
            continue;
        }
        last = last.max(Some(held.entered_at));
    }
    for reason in partner.inbound.rejects().values() {
        if matches!(reason, RejectReason::BadSignature | RejectReason::BadPart) {
            review.bad_signatures = review.bad_signatures.saturating_add(1);
        }
        count(&mut review.refused, reason.to_string());
    }
    // What our own rule refused is told to the partner under another name.
    let by_rule = partner.declined.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let told = RejectReason::NotEntitled.to_string();
    if let Some(count) = review.refused.get_mut(&told) {
        *count = count.saturating_sub(by_rule);
    }
    review.refused.retain(|_, count| *count > 0);
    review.refused_by_rule =
        partner.declined.iter().map(|(kind, count)| (kind.to_string(), *count)).collect();
    review.last = last.map(|at| at.to_string());
    review
}

fn withdrawals(state: &State, economy: &EconomyId, partner: &Partner) -> WithdrawalReview {
    let mut review = WithdrawalReview::default();
    let (mut times, mut answered) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for line in partner.out.entries().filter(|line| line.fate == OutFate::Live) {
        let Some(entry) = &line.entry else { continue };
        let held = state.record(&entry.record);
        let Some(held) = held.filter(|held| held.facts.kind == Kind::Withdrawal) else { continue };
        if !seen.insert(entry.record) {
            continue;
        }
        match receipted(partner, entry.number, line.at) {
            Some(time) => times.push(time),
            None => review.open.push(held.reference.clone()),
        }
        let answers = state.answers(&entry.record);
        match answers.into_iter().find(|answer| answer.by == *economy) {
            Some(answer) => {
                let came = state.record(&answer.record).map(|said| said.entered_at);
                answered.extend(came.map(|came| came.since(line.at)));
                match answer.body.answer {
                    Answer::Gone => review.gone = review.gone.saturating_add(1),
                    Answer::Stopped { because, .. } => {
                        count(&mut review.stopped, because.to_string());
                    }
                    Answer::Refused { because, .. } => {
                        count(&mut review.refused, because.to_string());
                    }
                }
            }
            None => review.unanswered.push(held.reference.clone()),
        }
    }
    (review.answer_half_ms, review.answer_slowest_ms) = spread(answered);
    (review.sent, review.confirmed) = (seen.len() as u64, times.len() as u64);
    (review.half_ms, review.slowest_ms) = spread(times);
    let its_own = state.records().filter(|(_, held)| {
        held.facts.kind == Kind::Withdrawal && held.facts.origin == *economy && held.is_accepted()
    });
    review.its_own = its_own.count() as u64;
    review
}

/// What we asked of it about its records, for other economies.
fn requests(state: &State, economy: &EconomyId, now: Timestamp) -> RequestReview {
    let mut review = RequestReview::default();
    let mut times = Vec::new();
    let asks = state.consents().asks();
    let asks = asks.filter(|(_, word)| word.by == state.us() && word.says.origin == *economy);
    for (id, word) in asks.filter(|(id, _)| state.says_still(id)) {
        let Some(held) = state.record(id) else { continue };
        review.asked = review.asked.saturating_add(1);
        let over = |at: Timestamp| u64::from(word.says.until.is_some_and(|until| until < at));
        let answers = state.answers_to(id).filter_map(|answer| state.record(&answer));
        let Some(first) = answers.min_by_key(|answer| answer.entered_at) else {
            review.open.push(held.reference.clone());
            review.overdue = review.overdue.saturating_add(over(now));
            continue;
        };
        let said = match state.consents().refusal(&first.facts.id) {
            Some(_) => &mut review.refused,
            None => &mut review.granted,
        };
        *said = said.saturating_add(1);
        review.late = review.late.saturating_add(over(first.entered_at));
        times.push(first.entered_at.since(held.entered_at));
    }
    (review.half_ms, review.slowest_ms) = spread(times);
    review
}

/// The most milliseconds by which what it signed, and brought itself, was dated ahead of our clock.
fn signed_ahead(state: &State, economy: &EconomyId) -> u64 {
    let own = state
        .records()
        .filter(|(_, held)| held.facts.origin == *economy && brought_by(held) == Some(*economy));
    own.map(|(_, held)| millis(held.signed_at.since(held.entered_at))).max().unwrap_or(0)
}

fn keys(state: &State, economy: &EconomyId, keyring: &VerifiedKeyring) -> KeysReview {
    let fork = state.keyring_history(economy).and_then(|history| history.fork());
    let mut keys: Vec<_> = keyring
        .grants()
        .map(|grant| {
            let revocation = keyring.revocation(grant.key);
            KeyReview {
                key: grant.key.to_string(),
                role: Some(grant.role.to_string()),
                from: Some(grant.from.to_string()),
                until: Some(grant.until.to_string()),
                revoked: revocation.map(|one| one.at.to_string()),
                compromised: revocation.is_some_and(|one| one.compromised),
            }
        })
        .collect();
    let left_out = keyring.keyring().revocations.iter();
    let left_out = left_out.filter(|one| keyring.grants_of(one.key).next().is_none());
    keys.extend(left_out.map(|revocation| KeyReview {
        key: revocation.key.to_string(),
        role: None,
        from: None,
        until: None,
        revoked: Some(revocation.at.to_string()),
        compromised: revocation.compromised,
    }));
    KeysReview {
        version: keyring.version(),
        root_rotations: keyring.chain().rotations().len() as u64,
        frozen: fork.map(|fork| fork.to_string()),
        keys,
    }
}

fn kept_back(state: &State, economy: &EconomyId) -> QuarantineReview {
    let mut review = QuarantineReview::default();
    let concerns =
        |held: &Held| held.facts.origin == *economy || brought_by(held) == Some(*economy);
    for (_, held) in state.records().filter(|(_, held)| concerns(held)) {
        if matches!(held.standing, Standing::Pending(_)) {
            review.pending = review.pending.saturating_add(1);
        } else if held.standing == Standing::Dropped {
            review.dropped = review.dropped.saturating_add(1);
        } else if let Some(line) = quarantine::hold_line(state, held) {
            count(&mut review.waiting, line.cause);
        } else if held.ruling.is_some() {
            review.released = review.released.saturating_add(1);
        }
    }
    review
}
