//! Endpoints over real QUIC on the loopback interface.

mod gate;
mod world;
