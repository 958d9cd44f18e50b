//! What takes a second person, from the moment of its signing.

use comity_core::journal::{ApprovalCause, AwaitsApproval, JournalEntry, Source};
use comity_core::{KeyId, RecordId, Timestamp};

use super::{Checked, Engine};
use crate::config;
use crate::state::Held;

impl Engine {
    /// The same, and these records take a second person.
    #[must_use]
    pub fn approving(mut self, rules: config::Approval) -> Self {
        self.approval = rules;
        self
    }

    /// The rules in force for what takes a second person.
    pub(crate) fn approval_rules(&self) -> &config::Approval {
        &self.approval
    }

    /// A record of ours is about to be entered. If it takes a second person, the journal says so first: who
    /// reads one without the other reads of a record that never came, and never of one that need not wait.
    ///
    /// While the node is in recovery, who would get it cannot be counted: agreements may not be back.
    pub(super) fn await_approval(&mut self, checked: &Checked, now: Timestamp) {
        let uncounted = self.is_uncounted(checked.record.manifest().author);
        self.await_or(checked, uncounted.then_some(ApprovalCause::Restored), now);
    }

    /// Why a record that is about to be signed would wait.
    pub(crate) fn would_await(&self, held: &Held, now: Timestamp) -> Vec<ApprovalCause> {
        let mut causes = self.state.approval_causes(&self.approval, held, now);
        if causes.is_empty() && !held.facts.kind.is_control() {
            let uncounted = self.is_uncounted(held.facts.author);
            causes.extend(uncounted.then_some(ApprovalCause::Restored));
        }
        causes
    }

    /// Whether it would have to be counted who gets what this key signs, and cannot be.
    fn is_uncounted(&self, author: KeyId) -> bool {
        let limit = self.state.staff().alone(author).and_then(|alone| alone.recipients);
        let counted = self.approval.asks_who_gets_it() || limit.is_some();
        self.state.recovery().is_some() && counted
    }

    fn await_or(&mut self, checked: &Checked, otherwise: Option<ApprovalCause>, now: Timestamp) {
        let (kind, author) = (checked.record.manifest().kind, checked.record.manifest().author);
        if kind.is_control()
            || otherwise.is_none() && !self.state.is_ever_asked_about(kind, author, &self.approval)
        {
            return;
        }
        let parts = checked.parts.iter();
        let parts = parts.map(|part| (part.digest, part.header.clone(), part.bytes.len() as u64));
        let held = self.state.as_if_entered(&checked.record, parts, String::new(), now);
        let mut causes = self.state.approval_causes(&self.approval, &held, now);
        if causes.is_empty() {
            causes.extend(otherwise);
        }
        if !causes.is_empty() {
            let awaits = AwaitsApproval { record: checked.record.id(), causes, at: now };
            self.enter(&JournalEntry::AwaitsApproval(awaits), Vec::new());
        }
    }

    /// The same of what comes back after a restore. That somebody approved it may be what was lost; and it may come
    /// in pieces, of which the first says nothing of the others. So where there are rules, all of it waits; and
    /// where somebody does not publish everything alone, what they signed, and whoever joined since the backup.
    pub(super) fn await_approval_again(&mut self, checked: &Checked, now: Timestamp) {
        let (id, manifest) = (checked.record.id(), checked.record.manifest());
        if manifest.origin != self.state.us() || self.state.awaited(&id).is_some() {
            return;
        }
        let (kind, author) = (manifest.kind, manifest.author);
        let staff = self.state.staff();
        // Of a key that was recognised, nobody knows how far its holder published alone.
        let somebodys = staff.ever_held(author).is_some() || self.state.is_stranger(author);
        let unknown = staff.is_anybody_limited() && somebodys && staff.alone(author).is_none();
        if unknown || self.state.is_ever_asked_about(kind, author, &self.approval) {
            self.await_or(checked, Some(ApprovalCause::Restored), now);
        }
    }

    /// Somebody has to know that something waits.
    pub(super) fn say_awaited(&mut self, record: &RecordId) {
        let Some(held) = self.state.record(record) else { return };
        if !self.state.is_unapproved(record) {
            return;
        }
        let reference = held.reference.clone();
        let again = if held.source == Source::Own { "" } else { ", which was given back," };
        let next = if self.state.approvers(self.now).is_empty() {
            "there is no approver: comity staff add NAME --role approver".to_owned()
        } else {
            format!("comity approve {reference}")
        };
        let text = format!("{reference}{again} waits for a second person: {next}");
        self.alarm(None, "approval", text);
    }
}
