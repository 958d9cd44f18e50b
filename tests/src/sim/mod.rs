//! A simulated federation: many engines in one thread, on virtual time, with everything that goes
//! wrong between and beneath them.
//!
//! [`World`] drives the nodes' [`Engine`](comity_node::engine::Engine)s, the same that the daemon
//! runs: it carries their bytes over a network that reorders, delays and breaks ([`net`]), keeps their
//! journals in stores that crash as disks do ([`node`]), and does what people do ([`acts`]). A seed
//! decides everything; the same seed gives the same run. [`watch`] checks the invariants after every
//! step, and [`Mutation`]s break them on purpose.

pub mod acts;
pub mod clocks;
pub mod config;
mod consents;
pub mod dice;
pub mod economy;
mod effects;
mod event;
mod groups;
pub mod guarded;
mod intake;
mod keys;
mod links;
pub mod mischief;
pub mod mutation;
pub mod net;
mod nights;
pub mod node;
mod pacts;
pub mod records;
pub mod roots;
mod terms;
pub mod traffic;
pub mod truth;
pub mod watch;
pub mod wire;
pub mod world;

pub use config::{Config, Report};
pub use mutation::Mutation;
pub use watch::Broken;
pub use world::World;

/// Runs one seed; on failure, what broke, when, and how to repeat it.
pub fn run(config: &Config) -> Result<Report, String> {
    let mut world = World::new(config.clone());
    world.run().map_err(|broken| world.account(&broken))
}
