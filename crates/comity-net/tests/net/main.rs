//! Endpoints over real QUIC on the loopback interface.

mod gate;
mod link;
mod pairing;
mod world;
