//! The egress guard's look at a part's bytes, as the decision knows it.

use super::word::Word;

/// What the guard, which reads bytes as the decision does not, said of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Examination {
    /// The bytes were not looked at.
    #[default]
    NotExamined,
    /// No rule of this revision matched.
    Clear {
        /// The rules that were looked for.
        revision: u64,
    },
    /// A rule of this revision matched.
    Hit {
        /// The rules that were looked for.
        revision: u64,
        /// The name of the rule. Never what it looks for, nor what it found.
        rule: Word,
    },
}
