//! Tests of the link in a world of two nodes.

mod chance;
mod delivered;
mod endings;
mod frames;
mod garbage;
mod greetings;
mod node;
mod pair;
mod recovery;
pub(crate) mod sample;
mod signs;
