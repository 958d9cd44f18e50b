//! A second person's word about a record, as the decision knows it.

use super::word::Word;

/// Whether a record of our own waits for a second person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Approval {
    /// It takes one person, or is not ours.
    #[default]
    NotNeeded,
    /// It waits, for this.
    Awaited(Word),
    /// The second person said no.
    Refused,
    /// The second person said yes.
    Given,
}
