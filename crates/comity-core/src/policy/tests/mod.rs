//! Tests of the decision as a whole.

mod consents;
mod control;
mod emergency;
mod examples;
mod exit;
mod facts;
mod gates;
mod groups;
mod properties;
mod release;
mod shared;
mod sight;
mod stories;
mod strategies;
mod stricter;
mod table;
mod texts;
mod times;
mod turning;
mod unilateral;
mod words;
