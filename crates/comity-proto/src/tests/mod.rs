//! Tests of the link in a world of two nodes.

mod chance;
mod chunks;
mod delivered;
mod endings;
mod frames;
mod garbage;
mod greetings;
mod heads;
mod node;
mod pair;
mod recovery;
mod resuming;
pub(crate) mod sample;
mod signs;
