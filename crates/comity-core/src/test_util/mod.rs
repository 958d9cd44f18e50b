//! Strategies and a seeded randomness for the property tests of this crate and of those above it.

mod economy;
mod entropy;
pub mod policy;
mod records;
pub mod work;

pub use economy::TestEconomy;
pub use entropy::SeededEntropy;
pub use records::{
    addressee_drafts, drafts, economies, headers, listing, markings, secret_keys, timestamps,
};
