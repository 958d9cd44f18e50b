//! Letting go of bodies, and keeping them on legal grounds.
//!
//! The entry that says so is durable first; then it is written beside the journal, where a restore does
//! not reach it; and then the bytes are overwritten. A crash in between leaves the rest to the next start.
//! Whoever asked for it hears that it is done when it is written in both places.

use std::collections::BTreeMap;

use comity_core::journal::{Erasure, ErasureCause, JournalEntry, LegalHold};
use comity_core::{EconomyId, PartDigest, RecordId, Timestamp};

use super::{CommandError, Effect, Engine, Reply, Then, Token};

/// What is being written down beside the journal, and the answers that wait for it.
pub(super) type Remembering = BTreeMap<Token, Vec<(Token, Result<Reply, CommandError>)>>;

/// What somebody wants erased.
#[derive(Clone, Debug)]
pub struct Erase {
    /// The record.
    pub record: RecordId,
    /// Parts of it; those that are gone already are passed over.
    pub parts: Vec<PartDigest>,
    /// Why, in a person's words.
    pub reason: String,
    /// Who of the staff asks; empty where nobody is named.
    pub by: String,
}

impl Engine {
    /// A person lets go of parts of a record.
    pub(super) fn erase(&mut self, asked: Erase, now: Timestamp) -> Result<Reply, CommandError> {
        let Erase { record, parts, reason, by } = asked;
        let held =
            self.state.record(&record).ok_or_else(|| CommandError::NoRecord(record.to_string()))?;
        if let Some(hold) = self.state.erasures().hold(&record) {
            let (reference, why) = (held.reference.clone(), hold.reason.clone());
            return Err(CommandError::OnHold { reference, why });
        }
        let here = held.parts.iter().filter(|part| !part.erased && parts.contains(&part.digest));
        let parts: Vec<_> = here.map(|part| part.digest).collect();
        if parts.is_empty() {
            let why = format!("nothing of that is here of {}", held.reference);
            return Err(CommandError::Unfitting(why));
        }
        if let Some(other) = self.state.shared_with(&record, &parts.iter().copied().collect()) {
            let other = self
                .state
                .record(&other)
                .map_or_else(|| other.short(), |one| one.reference.clone());
            let why = format!(
                "{other} has a part of it as well, which would be lost to it: nothing was erased"
            );
            return Err(CommandError::Unfitting(why));
        }
        let beside = self.state.beside(held, &parts);
        let cause = ErasureCause::Person;
        self.enter_erasure(Erasure { record, parts, beside, cause, reason, by, at: now });
        Ok(Reply::Done)
    }

    /// The bodies are neither handed over nor kept again from here on.
    pub(super) fn enter_erasure(&mut self, erasure: Erasure) {
        let bodies: Vec<_> = erasure.parts.iter().chain(&erasure.beside).copied().collect();
        self.fresh.forget(&bodies);
        let entry = JournalEntry::Erased(erasure);
        self.enter(&entry, Vec::new());
        self.then.push(Then::Remember(Box::new(entry)));
        self.then.push(Then::Erase(bodies));
    }

    /// A person keeps a record from being erased; saying so again gives another reason.
    pub(super) fn hold(&mut self, hold: LegalHold) -> Result<Reply, CommandError> {
        let missing = || CommandError::NoRecord(hold.record.to_string());
        self.state.record(&hold.record).ok_or_else(missing)?;
        let at = self.state.after_words_about(&hold.record, hold.at);
        self.enter_word(JournalEntry::OnHold(LegalHold { at, ..hold }));
        Ok(Reply::Done)
    }

    /// It may be erased again.
    pub(super) fn lift_hold(&mut self, lifted: LegalHold) -> Result<Reply, CommandError> {
        if self.state.erasures().hold(&lifted.record).is_none() {
            let held = self.state.record(&lifted.record);
            let name = held.map_or_else(|| lifted.record.to_string(), |one| one.reference.clone());
            return Err(CommandError::Unfitting(format!("there is no hold on {name}")));
        }
        let at = self.state.after_words_about(&lifted.record, lifted.at);
        self.enter_word(JournalEntry::HoldLifted(LegalHold { at, ..lifted }));
        Ok(Reply::Done)
    }

    /// Enters what is to outlast a restore.
    pub(super) fn enter_word(&mut self, entry: JournalEntry) {
        self.enter(&entry, Vec::new());
        self.then.push(Then::Remember(Box::new(entry)));
    }

    /// Enters that a file left. Where a word that is written down says as much already, it is not written down again.
    pub(super) fn enter_file(&mut self, entry: JournalEntry) {
        let waits = |step: &Then| matches!(step, Then::Remember(_));
        let mut steps = self.then.iter().chain(self.commits.values().flatten());
        let under_way = steps.any(waits) || !self.remembering.is_empty();
        if !under_way && !self.unlisted && self.state.erasures().knows(&entry) {
            self.enter(&entry, Vec::new());
        } else {
            self.enter_word(entry);
        }
    }

    /// What these say is to outlast a restore: under way from here on, before anything that follows from it.
    pub(super) fn remember(&mut self, then: &[Then]) -> Option<Token> {
        let said = then.iter().filter_map(|step| match step {
            Then::Remember(entry) => Some((**entry).clone()),
            Then::Reply { .. }
            | Then::Admit(_)
            | Then::AskFor(_)
            | Then::TellHead(_)
            | Then::Numbered { .. }
            | Then::Stored { .. }
            | Then::Rejected { .. }
            | Then::HandOver { .. }
            | Then::Void { .. }
            | Then::ReturnStored { .. }
            | Then::Announce { .. }
            | Then::EpochStored { .. }
            | Then::Erase(_)
            | Then::Examine { .. } => None,
        });
        let entries: Vec<_> = said.collect();
        if entries.is_empty() {
            return None;
        }
        let token = self.token();
        self.remembering.insert(token, Vec::new());
        self.effects.push(Effect::Remember { token, entries });
        Some(token)
    }

    /// It is written down there, or is not: whoever waited is told.
    pub(super) fn remembered(&mut self, token: Token, result: Result<(), String>) {
        let waiting = self.remembering.remove(&token).unwrap_or_default();
        if let Err(why) = &result {
            self.unlisted = true;
            let text = format!(
                "what was erased, held or left as a file is not written down beside the journal yet, and a restore would not know it: {why}"
            );
            self.alarm(None, "erasures-list", text);
        }
        for (token, reply) in waiting {
            let reply = match &result {
                Ok(()) => reply,
                Err(why) => reply.and_then(|_| Err(CommandError::NotListed(why.clone()))),
            };
            self.effects.push(Effect::Reply { token, reply });
        }
    }

    /// At a start: what outlasts a restore could not be read or written as it should be.
    pub fn list_is_wrong(&mut self, wrong: &str) {
        self.unlisted = true;
        self.alarm(None, "erasures-list", wrong.to_owned());
    }

    /// What is durable now is carried out.
    pub(super) fn carry_out_erasure(&mut self, bodies: Vec<PartDigest>) {
        self.effects.push(Effect::Erase { bodies });
    }

    /// A delivery of which a body was erased while it was read will not go.
    pub(super) fn gone_meanwhile(
        &mut self,
        partner: EconomyId,
        number: u64,
        now: Timestamp,
    ) -> bool {
        let line = self.state.partner(&partner).and_then(|one| one.out.due(number));
        let Some((entry, digest)) =
            line.and_then(|line| line.entry.as_ref().map(|entry| (entry, line.digest)))
        else {
            return false;
        };
        let gone = entry.parts.iter().any(|part| self.state.is_erased(part));
        if gone {
            self.take_back(partner, number, digest, now);
        }
        gone
    }
}
