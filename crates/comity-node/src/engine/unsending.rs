//! A moment between publishing and sending, in which a record can be taken back as if it had never been.

use comity_core::journal::JournalEntry;
use comity_core::record::Manifest;
use comity_core::{RecordId, Timestamp, Urgency};

use super::{CommandError, Engine, Reply};

impl Engine {
    /// What somebody here publishes waits, unless it is urgent. Entered before the record: whoever reads one
    /// without the other reads of a record that never came.
    pub(super) fn hold_back(&mut self, record: RecordId, manifest: &Manifest, now: Timestamp) {
        let waits = !manifest.kind.is_control() && manifest.urgency != Urgency::Urgent;
        if waits && !self.unsend_for.is_zero() {
            let until = now.saturating_add(self.unsend_for);
            self.enter(&JournalEntry::HeldBack { record, until, at: now }, Vec::new());
        }
    }

    /// A record goes to nobody, if nobody was told of it.
    pub(super) fn unsend(
        &mut self,
        record: RecordId,
        now: Timestamp,
    ) -> Result<Reply, CommandError> {
        let missing = || CommandError::NoRecord(record.to_string());
        let held = self.state.record(&record).ok_or_else(missing)?;
        if held.facts.origin != self.state.us() {
            return Err(CommandError::NotOurs);
        }
        let reference = held.reference.clone();
        if self.state.is_unsent(&record) {
            return Err(CommandError::Unfitting(format!("{reference} is unsent already")));
        }
        if let Some(by) = self.state.replaced_by(&record) {
            let why = format!("{reference} is replaced by {by} already: unsend that first");
            return Err(CommandError::Unfitting(why));
        }
        // What nobody approved has not gone either, however long ago it was signed.
        let waits = self.state.unsend_until(&record).is_some_and(|until| until > now)
            || self.state.is_unapproved(&record);
        // A clock that was put back makes nothing unsaid.
        let told = self.state.partners().any(|(_, one)| one.out.possibly_held(&record).is_some());
        let has_file = !self.state.files(&record).is_empty();
        let by_phone = self.state.told_outside(&record).iter().any(|word| word.wrong.is_none());
        if told || has_file || by_phone || !waits {
            return Err(CommandError::MayHaveGone(reference));
        }
        self.enter(&JournalEntry::Unsent { record, at: now }, Vec::new());
        Ok(Reply::Done)
    }
}
