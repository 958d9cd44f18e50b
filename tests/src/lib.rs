//! What tests several nodes at once, or a node against what it must not do.

pub mod bench;
pub mod sim;
