//! What leaves as a file.
//!
//! It is decided, and entered, in one step: what takes the record back is entered before, and nothing leaves,
//! or after, and finds in the books that a file went. The bytes are answered when the entry is durable, and written
//! down beside the journal too: after a restore no partner has it to give back.

use std::collections::BTreeSet;

use comity_core::Timestamp;
use comity_core::delivery::Refused;
use comity_core::exit::{Contents, Readers, let_out};
use comity_core::journal::{Exported, JournalEntry};

use super::{CommandError, Engine, Reply};

/// A record that is to leave as a file.
#[derive(Debug)]
pub struct LetOut {
    /// Its bytes.
    pub contents: Contents,
    /// Who reads the file.
    pub readers: Readers,
    /// The desks of this node, whose files our own people read.
    pub desks: BTreeSet<String>,
    /// Who of the staff asks for it; empty where nobody is named.
    pub by: String,
}

impl Engine {
    pub(super) fn let_out(&mut self, asked: LetOut, now: Timestamp) -> Result<Reply, CommandError> {
        // What anybody has still to give back may take the record back, and no file can be called back.
        self.knows_what_was_taken_back()?;
        let LetOut { contents, readers, desks, by } = asked;
        let record = contents.record();
        let missing = || CommandError::NoRecord(record.to_string());
        let held = self.state.record(&record).ok_or_else(missing)?;
        let stays = |why: String| {
            let reference = held.reference.clone();
            CommandError::Stays { reference, why }
        };
        if !held.is_accepted() {
            return Err(stays("it does not stand".to_owned()));
        }
        let (policy, to) = (self.state.policy(), readers.recipients(&desks));
        // By a time that nobody vouches for nothing leaves that would have waited until a time in between.
        if let Some(certainly) = self.certainly() {
            let (contents, (at, policy, facts)) = (contents.clone(), certainly.of_file(held));
            let_out(policy, &facts, &held.parts, &to, at, contents).map_err(|_refused| {
                stays("nobody vouches for the clock, and by a time of which anybody is sure it would not go: comity clock confirm".to_owned())
            })?;
        }
        let released = let_out(policy, &held.facts, &held.parts, &to, now, contents).map_err(
            |why| match why {
                Refused::NoCommonPurpose => CommandError::NoCommonPurpose(held.reference.clone()),
                other @ (Refused::NotAPartner
                | Refused::NotReleased
                | Refused::OtherRecord
                | Refused::OtherParts
                | Refused::OtherObligations
                | Refused::OtherBytes(_)) => stays(other.to_string()),
            },
        )?;
        let mut parts: Vec<_> = released.parts().iter().map(|(part, _)| *part).collect();
        parts.sort_unstable();
        let obligations = released.obligations().clone();
        let exported = Exported { record, parts, readers, obligations, by, at: now };
        self.enter_file(JournalEntry::Exported(exported));
        Ok(Reply::LetOut(Box::new((released, now))))
    }
}
