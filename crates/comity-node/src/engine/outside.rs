//! What people say of whom they told by other means.

use comity_core::journal::{JournalEntry, ToldOutside};
use comity_core::{RecordId, Timestamp};

use super::{CommandError, Engine, Reply};

impl Engine {
    pub(super) fn tell_outside(
        &mut self,
        told: ToldOutside,
        now: Timestamp,
    ) -> Result<Reply, CommandError> {
        let missing = || CommandError::NoRecord(told.record.to_string());
        let held = self.state.record(&told.record).ok_or_else(missing)?;
        let known = |part| held.parts.iter().any(|one| one.digest == part);
        if !told.parts.iter().copied().all(known) {
            let why = format!("{} has no such part here", held.reference);
            return Err(CommandError::Unfitting(why));
        }
        self.enter(&JournalEntry::ToldOutside(ToldOutside { at: now, ..told }), Vec::new());
        Ok(Reply::Done)
    }

    pub(super) fn told_wrongly(
        &mut self,
        record: RecordId,
        word: u64,
        reason: String,
        now: Timestamp,
    ) -> Result<Reply, CommandError> {
        let missing = || CommandError::NoRecord(record.to_string());
        let held = self.state.record(&record).ok_or_else(missing)?;
        let words = self.state.told_outside(&record);
        let place = word.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let why = match place.and_then(|place| words.get(place)) {
            None => format!("nothing with number {word} was said of {}", held.reference),
            Some(said) if said.wrong.is_some() => format!("number {word} is taken back already"),
            Some(_) => {
                let entry = JournalEntry::ToldWrongly { record, word, reason, at: now };
                self.enter(&entry, Vec::new());
                return Ok(Reply::Done);
            }
        };
        Err(CommandError::Unfitting(why))
    }
}
