mod bodies;
mod charter;
mod properties;
mod stories;
pub(crate) mod world;
