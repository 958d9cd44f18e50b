//! What happens, as it happens.

use comity_core::journal::JournalEntry;
use comity_core::receipt::UnverifiedReceipt;
use comity_core::{RecordId, Timestamp, record};
use tokio::sync::broadcast;

use super::{Service, words};
use crate::api::{AlarmLine, Event};
use crate::limits::EVENTS;
use crate::shell::Happening;
use crate::state::State;

impl Service {
    /// Follows what happens from now on.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Event> {
        let (sender, receiver) = broadcast::channel(EVENTS);
        let mut happenings = self.parts.shell.watch();
        let service = self.clone();
        tokio::spawn(async move {
            loop {
                let happening = match happenings.recv().await {
                    Ok(happening) => happening,
                    Err(broadcast::error::RecvError::Lagged(_)) => continue,
                    Err(broadcast::error::RecvError::Closed) => return,
                };
                let Ok(events) = service.events(happening).await else { return };
                for event in events {
                    if sender.send(event).is_err() {
                        return;
                    }
                }
            }
        });
        receiver
    }

    async fn events(&self, happening: Happening) -> Result<Vec<Event>, crate::ServiceError> {
        let now = self.now();
        let at = now.to_string();
        self.look(move |state, _, _| match happening {
            Happening::Entries(entries) => {
                entries.iter().flat_map(|entry| of_entry(state, entry, now)).collect()
            }
            Happening::Link(partner, up) => {
                vec![Event::Link { at, partner: state.name_of(&partner), up }]
            }
            Happening::Alarm(alarm) => vec![Event::Alarm(AlarmLine {
                at,
                partner: alarm.partner.map(|partner| state.name_of(&partner)),
                code: alarm.code.to_owned(),
                text: alarm.text,
            })],
        })
        .await
    }
}

fn of_entry(state: &State, entry: &JournalEntry, now: Timestamp) -> Vec<Event> {
    if let JournalEntry::Judged(judged) = entry {
        let at = judged.at.to_string();
        judged.records.iter().filter_map(|id| of_record(state, id, at.clone(), now)).collect()
    } else {
        of_one(state, entry, now).into_iter().collect()
    }
}

fn of_record(state: &State, id: &RecordId, at: String, now: Timestamp) -> Option<Event> {
    let held = state.record(id)?;
    Some(Event::Record { at, record: Box::new(words::record_line(state, id, held, now)) })
}

fn of_one(state: &State, entry: &JournalEntry, now: Timestamp) -> Option<Event> {
    let record = |id: &RecordId, at: String| of_record(state, id, at, now);
    match entry {
        JournalEntry::Record(entered) => {
            let id = record::parse(&entered.signed).ok()?.id();
            record(&id, entered.at.to_string())
        }
        JournalEntry::Parts(arrived) => record(&arrived.record, arrived.at.to_string()),
        JournalEntry::Standing(changed) => record(&changed.record, changed.at.to_string()),
        JournalEntry::Delivery(decided) => {
            let held = state.record(&decided.entry.record)?;
            let went = held.parts.iter().filter(|part| decided.entry.parts.contains(&part.digest));
            Some(Event::Delivery {
                at: decided.at.to_string(),
                partner: state.name_of(&decided.to),
                reference: held.reference.clone(),
                sections: went.map(|part| part.counts_as.to_string()).collect(),
            })
        }
        JournalEntry::Receipt { from, signed, at } => {
            // Our own journal has only what was verified.
            let receipt = UnverifiedReceipt::parse(signed).ok()?.verified_before();
            Some(Event::Receipt {
                at: at.to_string(),
                partner: state.name_of(from),
                upto: receipt.upto.number,
            })
        }
        JournalEntry::Founded(_)
        | JournalEntry::Judged(_)
        | JournalEntry::Partner(_)
        | JournalEntry::Voided { .. }
        | JournalEntry::Arrival(_)
        | JournalEntry::Refused { .. }
        | JournalEntry::Epoch { .. }
        | JournalEntry::PartnerEpoch { .. }
        | JournalEntry::Restored { .. }
        | JournalEntry::PolicyConfirmed { .. }
        | JournalEntry::Returned { .. }
        | JournalEntry::Recovered { .. }
        | JournalEntry::TailCut { .. }
        | JournalEntry::HeadAgreed { .. }
        | JournalEntry::Draft(_)
        | JournalEntry::Invited(_)
        | JournalEntry::InvitationEnded { .. }
        | JournalEntry::DraftGone { .. } => None,
    }
}
