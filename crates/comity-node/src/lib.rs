//! A comity node: the engine, and the shell that runs it.

pub mod api;
pub mod config;
pub mod engine;
pub mod keyfile;
pub mod state;
