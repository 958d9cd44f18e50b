//! What a node knows: a fold over its journal, in order.
//!
//! The state runs ahead of the disk by the entries that are being written; whatever the node says to
//! anybody waits until they are durable. If a write fails, the state is thrown away and folded anew.

mod ledgers;

pub use ledgers::{InLedger, OutEntry, OutFate, OutLedger};
