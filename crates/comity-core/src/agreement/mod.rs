//! Agreements: what two economies have signed, as typed terms.
//!
//! The text on disk is TOML as lawyers wrote it; [`Terms::parse`] compiles it or says, with line and
//! caret, what is wrong. Who the parties are is never read from the text: names are display only,
//! and the record that carries the text names both economies by id.

mod deadline;
mod difference;
mod error;
mod lint;
pub(crate) mod raw;
pub(crate) mod resolve;
mod terms;
mod tier;
mod values;

pub use deadline::{Deadline, DeadlineKind, Step, deadlines, last_day};
pub use difference::{Difference, Effect, differences};
pub use error::AgreementError;
pub use lint::{Finding, Flaw, Severity, lint};
pub use terms::{
    Field, Paper, PaperVersion, Prohibitions, ReturnOrDestroy, ReviewOverdue, Signatory, Terms,
};
pub use tier::{ClassCondition, Preset, Tier, tier_table};
pub use values::{Value, ValueSet};

#[cfg(test)]
mod tests;
