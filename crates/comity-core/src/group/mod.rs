//! Groups: several economies under one charter.
//!
//! * [`Charter`]: TOML, as lawyers wrote it: purpose, criteria, who sponsors and who removes, and the
//!   terms on which members share. The record that carries it founds the group ([`Founding`]) and names
//!   founders and sponsors by id; what the text calls them is display only.
//! * [`GroupBody`] and [`RosterBody`]: what is said about a group, each a signed record of its own.
//! * [`Group::replay`]: who the members are, from all of it, whatever the order of arrival.
//!
//! `docs/src/spec/groups.md` has the format in CDDL and the rules in words.

mod body;
mod charter;
mod epoch;
mod follow;
mod founding;
mod judge;
mod members;
mod outcome;
mod raw;
mod refusal;
mod replay;
mod rivals;
mod roster;
mod statement;

pub use body::{
    ApplicationBody, CharterBody, GroupBody, HandoverBody, InvitationBody, RemovalBody,
    SponsorshipBody,
};
pub use charter::{Charter, Criterion, Removers};
pub use epoch::{Epoch, Membership};
pub use founding::{Founding, FoundingError};
pub use members::{Exclusion, OpenApplication};
pub use outcome::Sight;
pub use refusal::Refusal;
pub use replay::{Group, RosterFork, Taken};
pub use roster::{Roster, RosterBody, RosterHead};
pub use statement::{Says, Statement};

#[cfg(test)]
pub(crate) mod tests;
