//! A comity node: the engine, and the shell that runs it.

pub mod config;
pub mod keyfile;
