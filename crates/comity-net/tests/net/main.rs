//! Endpoints over real QUIC on the loopback interface.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "tests may assert with what libraries may not use"
)]

mod admission;
mod engine;
mod gate;
mod link;
mod pairing;
mod streams;
mod world;
