//! Tests of the decision as a whole.

mod control;
mod facts;
mod properties;
mod release;
mod stories;
mod table;
