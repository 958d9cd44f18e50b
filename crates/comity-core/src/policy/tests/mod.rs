//! Tests of the decision as a whole.

mod control;
mod facts;
mod gates;
mod groups;
mod properties;
mod release;
mod stories;
mod strategies;
mod table;
