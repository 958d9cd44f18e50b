mod audience;
mod bodies;
mod charter;
mod offers;
mod properties;
mod roles;
mod stories;
pub(crate) mod world;
