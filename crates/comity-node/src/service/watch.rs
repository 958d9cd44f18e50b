//! What happens, as it happens.

use std::sync::Arc;

use comity_core::journal::{AssessedSubject, JournalEntry};
use comity_core::receipt::UnverifiedReceipt;
use comity_core::staff::Right;
use comity_core::{RecordId, Timestamp, record};
use tokio::sync::broadcast;

use super::caller::Asks;
use super::{Service, words};
use crate::api::{AlarmLine, Event};
use crate::clock::NodeClock;
use crate::engine::Engine;
use crate::limits::EVENTS;
use crate::shell::{Handle, Happening, Seen};
use crate::state::State;

impl Service {
    /// Follows what happens from now on, until the node stops or whoever asked may not see it any more.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Event> {
        let (sender, receiver) = broadcast::channel(EVENTS);
        let (shell, clock) = (self.parts.shell.clone(), self.parts.clock.clone());
        let happenings = shell.watch();
        let asks = self.asks.clone();
        tokio::spawn(Watcher { shell, clock, asks }.run(happenings, sender));
        receiver
    }
}

/// Puts what happens into words. It has neither the service nor its store, which would stay locked for as
/// long as somebody watches a node that has stopped.
struct Watcher {
    shell: Handle,
    clock: Arc<NodeClock>,
    asks: Asks,
}

impl Watcher {
    /// Until the node stops, nobody listens any more, or whoever listens may not.
    async fn run(
        self,
        mut happenings: broadcast::Receiver<Happening>,
        listeners: broadcast::Sender<Event>,
    ) {
        loop {
            let happening = tokio::select! {
                happening = happenings.recv() => happening,
                () = listeners.closed() => return,
            };
            let happening = match happening {
                Ok(happening) => happening,
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return,
            };
            let Some(events) = self.events(happening).await else { return };
            for event in events {
                if listeners.send(event).is_err() {
                    return;
                }
            }
        }
    }

    /// None once the node has stopped, or whoever listens may not any more.
    async fn events(&self, happening: Happening) -> Option<Vec<Event>> {
        let (now, asks) = (self.clock.now(), self.asks.clone());
        let words = move |engine: &mut Engine, _: &Seen| {
            let may = asks.may_still(engine.state(), Right::Read, now);
            may.then(|| of(engine.state(), happening, now))
        };
        self.shell.ask(words).await.flatten()
    }
}

fn of(state: &State, happening: Happening, now: Timestamp) -> Vec<Event> {
    let at = now.to_string();
    match happening {
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
        JournalEntry::Unsent { record: unsent, at } => record(unsent, at.to_string()),
        JournalEntry::Erased(erasure) => record(&erasure.record, erasure.at.to_string()),
        JournalEntry::Ruled(ruled) => record(&ruled.record, ruled.at.to_string()),
        JournalEntry::Assessed(assessed) => match &assessed.subject {
            AssessedSubject::Record(of) => record(of, assessed.at.to_string()),
            AssessedSubject::Source(_) => None,
        },
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
        | JournalEntry::HeldBack { .. }
        | JournalEntry::ToldOutside(_)
        | JournalEntry::Exported(_)
        | JournalEntry::ToldWrongly { .. }
        | JournalEntry::DraftGone { .. }
        | JournalEntry::Staff(_)
        | JournalEntry::Read(_)
        | JournalEntry::Guarded(_)
        | JournalEntry::OnHold(_)
        | JournalEntry::HoldLifted(_)
        | JournalEntry::AwaitsApproval(_)
        | JournalEntry::Emergency(_)
        | JournalEntry::Headed { .. }
        | JournalEntry::BackedUp(_) => None,
    }
}
