//! Who broke the glass, and when that ends.

use crate::identity::{EconomyId, RecordId};
use crate::time::Timestamp;

/// A word is about to be entered by which one record of ours goes to one partner in an emergency. Entered
/// before the word, and in one write with it: a word without it counts for nothing, and it says nothing
/// without the word.
///
/// The times stand here and are not reckoned again: another version, or another clock, makes no difference
/// to what was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyOpened {
    /// The record that says so, signed with the emergency key.
    pub word: RecordId,
    /// The record that goes.
    pub record: RecordId,
    /// To whom.
    pub to: EconomyId,
    /// Who of the staff broke the glass; empty where there is none.
    pub by: String,
    /// Unless a second person has confirmed it by then, what went is recalled.
    pub confirm_by: Timestamp,
    /// The first instant at which nothing goes by it any more, confirmed or not.
    pub until: Timestamp,
    /// When.
    pub at: Timestamp,
}
