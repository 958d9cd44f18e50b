//! Who may say what about consent.

use std::collections::BTreeSet;

use comity_core::consent::{ConsentAsk, ConsentBody};
use comity_core::receipt::RejectReason;
use comity_core::{EconomyId, PartDigest, RecordId, Section, Timestamp};

use super::State;

impl State {
    /// What a partner says about consent must be its to say, and for us.
    pub(crate) fn check_consent(
        &self,
        from: EconomyId,
        by: EconomyId,
        body: &ConsentBody,
        now: Timestamp,
    ) -> Result<(), RejectReason> {
        let us = self.us;
        match body {
            ConsentBody::Ask(ask) if ask.origin != us => Err(RejectReason::NotAddressed),
            ConsentBody::Ask(ask) => {
                let sound = from == by && !ask.recipients.iter().any(|to| [us, by].contains(to));
                let holds = self.awaits_return(&by) || self.may_hold(&by, ask, now);
                if sound && holds { Ok(()) } else { Err(RejectReason::NotEntitled) }
            }
            ConsentBody::Grant(grant) => {
                let among = [grant.asker, grant.grantee];
                if !among.contains(&us) {
                    return Err(RejectReason::NotAddressed);
                }
                let way = from == by || among.contains(&from);
                // Whose record it is, is not asked here: the answer would say which are here.
                let sound = way && !among.contains(&by) && by != us;
                if sound { Ok(()) } else { Err(RejectReason::NotEntitled) }
            }
            ConsentBody::Refusal(refusal) if refusal.asker != us => Err(RejectReason::NotAddressed),
            ConsentBody::Refusal(refusal) => {
                let ask = self.consents.ask(&refusal.ask);
                let answers = ask.is_none_or(|word| {
                    let ConsentAsk { origin, record, .. } = &word.says;
                    word.by == us && *origin == by && *record == refusal.record
                });
                let sound = from == by && answers;
                if sound { Ok(()) } else { Err(RejectReason::NotEntitled) }
            }
        }
    }

    /// Whether an economy may hold these parts of a record of ours: by our ledger, because we consented
    /// once that it has them from somebody else, or because it would get them now, as whoever has them
    /// through a relay would. Of nothing else we speak with it.
    fn may_hold(&self, economy: &EconomyId, ask: &ConsentAsk, now: Timestamp) -> bool {
        let Some(held) = self.records.get(&ask.record) else { return false };
        if held.facts.origin != self.us || held.facts.kind.is_control() {
            return false;
        }
        let sent = self.partners.get(economy).and_then(|one| one.out.possibly_held(&ask.record));
        let sent = sent.unwrap_or_default();
        // What the egress guard has not looked at is looked at before it goes.
        let plan = self.plan_if_clear(held, economy, now);
        let given = self.consents.about(&ask.record).map(|(_, word)| word);
        let given: BTreeSet<_> = given
            .filter(|word| word.by == self.us && word.says.grantee == *economy)
            .flat_map(|word| &word.says.parts)
            .collect();
        ask.parts.iter().all(|part| {
            let content = held
                .parts
                .iter()
                .any(|one| one.digest == *part && one.section != Section::Addressee);
            let known = sent.contains(part) || given.contains(part);
            content && (known || plan.releases().contains(part))
        })
    }

    /// Whether what we say about consent is ours to say, and of what is here.
    pub(crate) fn may_consent(&self, body: &ConsentBody) -> Result<(), String> {
        let held = self.records.get(&body.record()).ok_or("no such record is here")?;
        let ours = held.facts.origin == self.us;
        let here = |part: &PartDigest| {
            let found = held.parts.iter().find(|one| one.digest == *part);
            found.is_some_and(|one| one.section != Section::Addressee)
        };
        let asked = |id: &RecordId| {
            let word = self.consents.ask(id).filter(|_| self.says_still(id));
            word.ok_or("what it answers is not here, or was taken back")
        };
        match body {
            ConsentBody::Ask(_) if ours => Err("of our own records nobody has to be asked".into()),
            ConsentBody::Ask(ask) => {
                if ask.origin != held.facts.origin || !ask.parts.iter().all(here) {
                    return Err("it asks for what is not here, or is not its to give".into());
                }
                let stranger = |to: &&EconomyId| {
                    **to == ask.origin || !self.partners.get(to).is_some_and(|one| one.is_paired())
                };
                match ask.recipients.iter().find(stranger) {
                    Some(to) => Err(format!("{} is not a partner", self.name_of(to))),
                    None => Ok(()),
                }
            }
            ConsentBody::Grant(_) | ConsentBody::Refusal(_) if !ours => {
                Err("only the origin of a record consents to where it goes".into())
            }
            ConsentBody::Grant(grant) => {
                let word = asked(&grant.ask)?;
                let within = grant.parts.iter().all(|part| word.says.parts.contains(part))
                    && word.says.recipients.contains(&grant.grantee)
                    && (word.by, word.says.record) == (grant.asker, grant.record);
                if within && grant.parts.iter().all(here) {
                    Ok(())
                } else {
                    Err("it gives what was not asked for".into())
                }
            }
            ConsentBody::Refusal(refusal) => {
                let word = asked(&refusal.ask)?;
                if (word.by, word.says.record) != (refusal.asker, refusal.record) {
                    return Err("it answers something else".into());
                }
                match self.answers_to(&refusal.ask).find(|answer| self.says_still(answer)) {
                    Some(_) => Err("it is answered already".into()),
                    None => Ok(()),
                }
            }
        }
    }
}
