//! A comity node: the engine, and the shell that runs it.

pub mod api;
pub mod audit_export;
pub mod audit_file;
pub mod certificate;
pub mod clock;
pub mod config;
mod contested;
mod deadlines;
pub mod engine;
pub mod entropy;
pub mod error;
pub mod founding;
pub mod guard;
pub mod index;
pub mod keyfile;
pub mod limits;
pub mod node;
pub mod outlasting;
mod outstays;
mod private_file;
mod rotation;
pub mod service;
mod shell;
pub mod shell_word;
mod staged;
pub mod state;

pub use error::{DAMAGED, ErrorKind, ServiceError};
pub use node::{Mode, Node};
