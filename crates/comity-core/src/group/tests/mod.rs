mod audience;
mod bodies;
mod charter;
mod offers;
mod properties;
mod stories;
pub(crate) mod world;
