//! What goes by a consent goes after it: whoever has no consent refuses for good what is addressed to others.

use comity_core::policy::Plan;
use comity_core::{EconomyId, RecordId, Timestamp};

use super::Engine;
use crate::state::Held;

impl Engine {
    /// Whether a partner has yet to hold a consent by which it may have what goes of a record.
    pub(super) fn awaits_consent(
        &self,
        partner: EconomyId,
        held: &Held,
        plan: &Plan,
        now: Timestamp,
    ) -> bool {
        let consents = self.state.consents_behind(held, partner, plan, now);
        consents.iter().any(|consent| !self.has_consent(partner, consent))
    }

    fn has_consent(&self, partner: EconomyId, consent: &RecordId) -> bool {
        let brought = self.state.record(consent).is_some_and(|held| held.came_from(&partner));
        brought || self.state.partner(&partner).is_some_and(|one| one.out.is_held(consent))
    }

    /// The consents go; the record waits until the partner says that it holds them.
    pub(super) fn show_consent_first(
        &mut self,
        partner: EconomyId,
        record: RecordId,
        now: Timestamp,
    ) {
        let Some(held) = self.state.record(&record) else { return };
        let plan = self.state.plan(held, &partner, now);
        let consents = self.state.consents_behind(held, partner, &plan, now);
        for consent in consents {
            if self.has_consent(partner, &consent) {
                continue;
            }
            if let Some(session) = self.sessions.get_mut(&partner) {
                session.unconsented.entry(consent).or_default().insert(record);
            }
            self.consider(partner, consent, now);
        }
    }

    /// Where a partner will not take a consent, what goes by it alone stays here: somebody has to know.
    pub(super) fn consent_refused(&mut self, partner: EconomyId, number: u64) {
        let line = self.state.partner(&partner).and_then(|one| one.out.entry(number));
        let entry = line.and_then(|line| line.entry.as_ref());
        let grant = entry.and_then(|entry| self.state.consents().grant(&entry.record));
        let Some(word) = grant.filter(|word| word.says.grantee == partner) else { return };
        let reference = |id| self.state.record(id).map(|held| held.reference.clone());
        let record = reference(&word.says.record).unwrap_or_else(|| word.says.record.short());
        let text = format!(
            "it does not take the consent of {} to {record}: what goes by that alone stays here (call them; `comity explain {record} --to {}`)",
            self.state.name_of(&word.by),
            self.state.name_of(&partner)
        );
        self.alarm(Some(partner), "consent-refused", text);
    }

    /// The partner holds more than before: what waited for that goes, where it has what it waited for.
    pub(super) fn offer_consented(&mut self, partner: EconomyId, now: Timestamp) {
        let Some(session) = self.sessions.get(&partner).filter(|session| session.up) else {
            return;
        };
        let held = session.unconsented.keys().filter(|consent| self.has_consent(partner, consent));
        for consent in held.copied().collect::<Vec<_>>() {
            let session = self.sessions.get_mut(&partner);
            let records = session.and_then(|session| session.unconsented.remove(&consent));
            for record in records.unwrap_or_default() {
                self.consider(partner, record, now);
            }
        }
    }
}
