//! Who did we tell? Answered from the ledgers, which both sides hold.

use comity_core::journal::JournalEntry;
use comity_core::ledger::{Links, Step};
use comity_core::policy::Lifecycle;
use comity_core::receipt::UnverifiedReceipt;
use comity_core::{EconomyId, PartDigest, RecordId, Timestamp, Tlp};

use super::due::is_due;
use super::records::found;
use super::{Service, consented, emergencies, files, outside, part_names, withdrawals, words};
use crate::api::{
    AuditChain, AuditDelivery, AuditFile, AuditStep, AuditTold, AuditWho, AuditWithheld,
};
use crate::audit_file;
use crate::error::{ErrorKind, ServiceError};
use crate::state::{Held, OutEntry, OutFate, Partner, State};

impl Service {
    /// Who was told what of a record, when, and what they confirmed.
    pub async fn audit_who(&self, record: &str) -> Result<AuditWho, ServiceError> {
        let (text, now, sees) = (record.to_owned(), self.now(), self.sees());
        let (mut audit, seqs) = self
            .look(move |state, engine, seen| {
                let (id, held) = found(state, &text)?;
                let (mut audit, seqs) = audit(state, &id, held, (now, sees));
                let away = state.partners().filter(|(economy, partner)| {
                    partner.is_paired() && !seen.up.contains(*economy)
                });
                let due = away.filter(|other| is_due(state, (&id, held), *other, now));
                audit.due = due.map(|(economy, _)| state.name_of(economy)).collect();
                audit.due.sort_unstable();
                let at = (now, engine.unsure());
                audit.title_leaves = files::title_leaves(state, held, Tlp::Clear, at);
                Ok::<_, ServiceError>((audit, seqs))
            })
            .await??;
        for (delivery, (decided, receipt)) in audit.deliveries.iter_mut().zip(seqs) {
            if let Some(JournalEntry::Delivery(decided)) = self.entry(decided)? {
                delivery.policy = decided.policy;
                let named = withheld(&decided.withheld);
                delivery.withheld = named;
            }
            if let Some(receipt) = receipt
                && let Some(JournalEntry::Receipt { signed, .. }) = self.entry(receipt)?
            {
                self.prove(delivery, &signed).await?;
            }
        }
        let sections = self.sections(record).await?;
        for withheld in audit.deliveries.iter_mut().flat_map(|one| &mut one.withheld) {
            if let Some((_, section, called)) =
                sections.iter().find(|(part, _, _)| *part == withheld.part)
            {
                withheld.section.clone_from(section);
                withheld.called.clone_from(called);
            }
        }
        audit.record = self.discreet(audit.record);
        Ok(audit)
    }

    /// Who was told what of a record, as a file that others can verify: signed with the link key. It says
    /// less than the screen, see [`audit_file`].
    pub async fn audit_file(&self, record: &str) -> Result<AuditFile, ServiceError> {
        let who = self.audit_who(record).await?;
        // A random key stands in for the link key where the keys could not be opened.
        self.keys()?;
        let at = self.now();
        let signed = self.parts.shell.ask(move |engine, _| {
            // Nobody signs for what was never written.
            if let Some(why) = engine.failed().filter(|_| engine.shows_unwritten()) {
                let unwritten = ServiceError::new(ErrorKind::TryLater, "read-only", why);
                return Err(unwritten.next("comity status"));
            }
            let state = engine.state();
            let missing = || ServiceError::data("keyring", "our own keyring is not here");
            let keyring = state.keyring(&state.us()).ok_or_else(missing)?;
            audit_file::write(&who, keyring, engine.link_key(), at)
                .map_err(|error| ServiceError::data("audit-file", error.to_string()))
        });
        let file = signed.await.ok_or_else(ServiceError::stopped)??;
        Ok(AuditFile { file })
    }

    /// Adds a receipt, and the links that lead to what it signs. A receipt to which none lead proves
    /// nothing of the delivery, and stays away.
    async fn prove(&self, delivery: &mut AuditDelivery, signed: &[u8]) -> Result<(), ServiceError> {
        let Ok(economy) = delivery.partner_id.parse::<EconomyId>() else { return Ok(()) };
        let Ok(receipt) = UnverifiedReceipt::parse(signed) else { return Ok(()) };
        let (number, us) = (delivery.number, self.look(|state, _, _| state.us()).await?);
        // It was verified when it came, with the key of that time.
        let Ok(receipt) = receipt.verify(economy, us) else { return Ok(()) };
        let links = self.look(move |state, _, _| {
            let ledger = &state.partner(&economy)?.out;
            ledger.links(number, receipt.epoch, receipt.upto.number)
        });
        if let Some(links) = links.await? {
            delivery.chain = Some(chain(&links));
            delivery.signed_receipt = Some(words::to_base64(signed));
        }
        Ok(())
    }

    pub(super) fn entry(&self, seq: u64) -> Result<Option<JournalEntry>, ServiceError> {
        let entries = self.parts.store.read(seq, 1)?;
        Ok(entries.first().and_then(|entry| JournalEntry::decode(entry.kind, &entry.body).ok()))
    }

    /// Of each part its digest, its section, and what screens call it.
    async fn sections(&self, record: &str) -> Result<Vec<(String, String, String)>, ServiceError> {
        let text = record.to_owned();
        self.look(move |state, _, _| {
            let (_, held) = found(state, &text)?;
            let named = held.parts.iter().map(|part| {
                let section = part.counts_as.to_string();
                let called = part_names::called(held, &part.digest).unwrap_or_default();
                (part.digest.to_string(), section, called)
            });
            Ok(named.collect())
        })
        .await?
    }
}

fn withheld(parts: &[comity_core::journal::Withheld]) -> Vec<AuditWithheld> {
    parts
        .iter()
        .map(|part| AuditWithheld {
            part: part.part.to_string(),
            section: String::new(),
            called: String::new(),
            gate: part.gate.clone(),
            clause: part.clause.clone(),
        })
        .collect()
}

/// Where the entries lie that say more of a delivery: its decision's, and its receipt's.
type Seqs = Vec<(u64, Option<u64>)>;

fn audit(
    state: &State,
    id: &RecordId,
    held: &Held,
    (now, sees): (Timestamp, Option<Tlp>),
) -> (AuditWho, Seqs) {
    let (mut deliveries, mut nothing_sent) = (Vec::new(), Vec::new());
    for (economy, partner) in state.partners() {
        let before = deliveries.len();
        for entry in partner.out.entries() {
            if let Some(line) = entry.entry.as_ref().filter(|one| one.record == *id) {
                let told = delivery(state, held, (economy, partner), entry, line);
                let receipt = partner.out.receipt_for(line.number);
                deliveries.push((entry.at, told, (entry.seq, receipt.map(|(_, seq)| seq))));
            }
        }
        // Whoever made it has it.
        let made = *economy == held.facts.origin;
        if deliveries.len() == before && partner.is_paired() && !made {
            nothing_sent.push(state.name_of(economy));
        }
    }
    deliveries.sort_by_key(|(at, _, _)| *at);
    nothing_sent.sort_unstable();
    let stone = state.tombstone(id, &held.facts.origin);
    let recall = stone.and_then(|stone| stone.recall);
    let successor = successor(state, id, held);
    let reference = |by: RecordId| state.record(&by).map(|by| by.reference.clone());
    let withdrawal = recall.or(stone.map(|stone| stone.by));
    let seqs = deliveries.iter().map(|(_, _, seqs)| *seqs).collect();
    let audit = AuditWho {
        title_leaves: false,
        record: words::record_line(state, id, held, now),
        deliveries: deliveries.into_iter().map(|(_, delivery, _)| delivery).collect(),
        nothing_sent,
        due: Vec::new(),
        consented: consented::lines(state, id, now),
        told_outside: outside::lines(state, id),
        files: files::lines(state, id),
        emergencies: emergencies::lines_about(state, id, sees, now),
        withdrawn_by: stone.and_then(|stone| reference(stone.by)),
        recalled_by: recall.and_then(reference),
        withdrawal_told: withdrawal.map(|by| told(state, id, &by)).unwrap_or_default(),
        superseded_by: successor.and_then(reference),
        superseded_told: successor.map(|by| told(state, id, &by)).unwrap_or_default(),
    };
    (audit, seqs)
}

/// What replaces a record: of several the last that entered.
pub(super) fn successor(state: &State, id: &RecordId, held: &Held) -> Option<RecordId> {
    if held.facts.lifecycle != Lifecycle::Superseded {
        return None;
    }
    let replaces =
        |one: &Held| one.facts.origin == held.facts.origin && one.supersedes.contains(id);
    let successors = state.records().filter(|(_, one)| one.is_accepted() && replaces(one));
    successors.max_by_key(|(_, one)| one.seq).map(|(successor, _)| *successor)
}

/// Whether those who possibly hold something of a record know what took it back, or replaces it, and what
/// they answered.
pub(super) fn told(state: &State, id: &RecordId, by: &RecordId) -> Vec<AuditTold> {
    let recall = state.record(by).is_some_and(withdrawals::is_recall);
    let mut answers = state.answers(by);
    answers.retain(|answer| answer.by != state.us());
    let line = |(economy, partner): (&EconomyId, &Partner)| {
        let mut entries = partner.out.entries();
        let entry = entries.rfind(|one| one.entry.as_ref().is_some_and(|line| line.record == *by));
        let answer = answers.iter().find(|answer| answer.by == *economy);
        if entry.is_none() && answer.is_none() && partner.out.possibly_held(id).is_none() {
            return None;
        }
        let number = entry.and_then(|out| out.entry.as_ref()).map(|line| line.number);
        let receipt = number.and_then(|number| partner.out.receipt_for(number));
        let relay = answer.and_then(|answer| answer.through);
        Some(AuditTold {
            partner: state.name_of(economy),
            partner_id: economy.to_string(),
            state: match (entry, number, relay) {
                (Some(out), Some(number), _) => stands(partner, out, number),
                (_, _, Some(relay)) => format!("told by {}", state.name_of(&relay)),
                (_, _, None) => "not told yet".to_owned(),
            },
            at: entry.map(|out| out.at.to_string()),
            receipt: receipt.map(|(at, _)| at.to_string()),
            answer: answer.map(|answer| withdrawals::line(state, answer, recall)),
        })
    };
    let mut told: Vec<_> = state.partners().filter_map(line).collect();
    told.sort_by(|one, other| one.partner.cmp(&other.partner));
    told
}

/// What became of a numbered delivery, in words.
pub(super) fn stands(partner: &Partner, out: &OutEntry, number: u64) -> String {
    let ledger = &partner.out;
    match &out.fate {
        OutFate::Void { handed: false } => "void".to_owned(),
        OutFate::Void { handed: true } => "void, possibly received".to_owned(),
        OutFate::Refused(reason) => format!("refused: {reason}"),
        OutFate::Live
            if ledger.receipt_for(number).is_some() || ledger.acked().contains(number) =>
        {
            "stored".to_owned()
        }
        OutFate::Live => "on the way".to_owned(),
    }
}

fn delivery(
    state: &State,
    held: &Held,
    (economy, partner): (&EconomyId, &Partner),
    out: &OutEntry,
    line: &comity_core::ledger::LedgerEntry,
) -> AuditDelivery {
    let section = |digest: &PartDigest| {
        held.parts.iter().find(|part| part.digest == *digest).map(|part| part.counts_as.to_string())
    };
    let receipt = partner.out.receipt_for(line.number);
    let state_of = stands(partner, out, line.number);
    // What a partner signs for covers the numbers that were taken back, as such.
    let signed = receipt.filter(|_| out.fate != OutFate::Void { handed: false });
    AuditDelivery {
        partner: state.name_of(economy),
        partner_id: economy.to_string(),
        number: line.number,
        epoch: line.epoch.to_string(),
        at: out.at.to_string(),
        sections: line.parts.iter().filter_map(section).collect(),
        called: line.parts.iter().filter_map(|part| part_names::called(held, part)).collect(),
        parts: line.parts.iter().map(ToString::to_string).collect(),
        withheld: Vec::new(),
        state: state_of,
        receipt: signed.map(|(at, _)| at.to_string()),
        emergency: emergencies::release_of(state, economy, line.number),
        policy: 0,
        obligations: words::obligations(&line.obligations),
        entry: words::to_base64(&line.encode()),
        signed_receipt: None,
        chain: None,
    }
}

fn chain(links: &Links) -> AuditChain {
    let step = |step: &Step| match *step {
        Step::Entry(digest) => AuditStep::Entry(digest.to_string()),
        Step::Epoch { epoch, previous, first } => {
            AuditStep::Epoch { epoch: epoch.to_string(), previous: previous.to_string(), first }
        }
    };
    AuditChain { before: links.before.to_string(), steps: links.steps.iter().map(step).collect() }
}
