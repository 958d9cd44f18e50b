//! What people say of how far something is to be believed.

use comity_core::Timestamp;
use comity_core::journal::{Assessed, AssessedSubject, JournalEntry};

use super::{CommandError, Engine, Reply};

impl Engine {
    pub(super) fn assess(
        &mut self,
        assessed: Assessed,
        now: Timestamp,
    ) -> Result<Reply, CommandError> {
        match assessed.subject {
            AssessedSubject::Record(record) => {
                let missing = || CommandError::NoRecord(record.to_string());
                let held = self.state.record(&record).ok_or_else(missing)?;
                if held.facts.kind.is_control() {
                    let (reference, kind) = (&held.reference, held.facts.kind);
                    let why =
                        format!("{reference} is a record of kind `{kind}`, which is not graded");
                    return Err(CommandError::Unfitting(why));
                }
            }
            AssessedSubject::Source(economy) => {
                let missing = || CommandError::NoPartner(economy.to_string());
                self.state.partner(&economy).ok_or_else(missing)?;
                if assessed.credibility.is_some() {
                    let why =
                        "credibility is a record's: of a source it is said how reliable it is";
                    return Err(CommandError::Unfitting(why.to_owned()));
                }
            }
        }
        if assessed.reliability.is_none() && assessed.credibility.is_none() {
            return Err(CommandError::Unfitting("no grade is given".to_owned()));
        }
        self.enter(&JournalEntry::Assessed(Assessed { at: now, ..assessed }), Vec::new());
        Ok(Reply::Done)
    }
}
