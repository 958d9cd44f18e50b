mod bodies;
mod charter;
mod properties;
mod stories;
mod world;
