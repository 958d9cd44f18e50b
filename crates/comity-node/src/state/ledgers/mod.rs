//! Both directions of the ledger with one partner.

mod inbound;
mod lines;
mod out;

#[cfg(test)]
mod tests;

pub use inbound::InLedger;
pub use out::{OutEntry, OutFate, OutLedger};
