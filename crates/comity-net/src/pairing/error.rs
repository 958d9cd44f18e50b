//! Why a ceremony does not go on.

use comity_core::Timestamp;
use comity_core::cbor::Fault;
use comity_core::keyring::KeyringError;
use comity_core::partners::AuthenticationError;

/// Why a ceremony ended without a pairing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairingError {
    /// The other end speaks another version.
    #[error("the other node speaks version {0} of the pairing ceremony, this one version 1")]
    Version(u64),
    /// No such ticket: never issued, used up, or withdrawn.
    #[error("the ticket is unknown or used up: ask for a new invitation")]
    UnknownTicket,
    /// Past its end.
    #[error("the ticket ended at {0}: ask for a new invitation")]
    Expired(Timestamp),
    /// The other end does not know the ticket's secret, or not on this channel.
    #[error("the other end does not hold the ticket")]
    Proof,
    /// The nonce is not the one committed to.
    #[error("the other end changed its nonce")]
    Commitment,
    /// The keyring is not believed, or is not that of the ticket's issuer.
    #[error("the other end's keyring is not believed: {0}")]
    Keyring(#[from] KeyringError),
    /// The keyring does not grant the key of the channel.
    #[error("the other end's link key is not believed: {0}")]
    LinkKey(#[from] AuthenticationError),
    /// Both ends are one economy.
    #[error("the ticket is our own: it is for a partner to use")]
    Ourselves,
    /// The digits that were typed are not those that the other screen must show.
    #[error(
        "the digits do not match: the ticket is used up. If they were typed as they were read, \
         somebody is in the middle"
    )]
    Mismatch,
    /// The confirmation is not by the link key over this ceremony.
    #[error("the other end's confirmation does not verify")]
    Confirmation,
    /// Not a message of the ceremony.
    #[error("the other end sent a malformed message: {0}")]
    Malformed(Fault),
    /// A message out of its turn.
    #[error("the other end sent a message out of turn")]
    OutOfTurn,
    /// Our operator gave up.
    #[error("given up")]
    GivenUp,
    /// The other end hung up, with this code of its own.
    #[error("the other end hung up: {}", describe(*.0))]
    HungUp(Option<u32>),
    /// It took too long.
    #[error("the ceremony took too long")]
    TooLong,
    /// As many others pair, or try to.
    #[error("too many are pairing: try again in a minute")]
    Busy,
}

impl PairingError {
    /// The code with which the connection is closed.
    #[must_use]
    pub const fn code(&self) -> u32 {
        match self {
            Self::Version(_) => 0x101,
            Self::UnknownTicket => 0x102,
            Self::Expired(_) => 0x103,
            Self::Proof => 0x104,
            Self::Commitment => 0x105,
            Self::Keyring(_) => 0x106,
            Self::LinkKey(_) => 0x107,
            Self::Ourselves => 0x108,
            Self::Mismatch => 0x109,
            Self::Confirmation => 0x10a,
            Self::Malformed(_) => 0x10b,
            Self::OutOfTurn => 0x10c,
            Self::GivenUp => 0x10d,
            Self::HungUp(_) => 0x10e,
            Self::TooLong => 0x10f,
            Self::Busy => 0x110,
        }
    }
}

fn describe(code: Option<u32>) -> &'static str {
    match code {
        Some(0x101) => "it speaks another version of the ceremony",
        Some(0x102) => "the ticket is unknown to it or used up: ask for a new invitation",
        Some(0x103) => "the ticket has ended: ask for a new invitation",
        Some(0x104) => "it does not believe that we hold the ticket",
        Some(0x106 | 0x107) => "it does not believe our keyring or link key",
        Some(0x108) => "the ticket is its own",
        Some(0x109) => "the digits typed there do not match: ask for a new invitation",
        Some(0x10d) => "its operator gave up",
        Some(0x10f) => "the ceremony took too long",
        Some(0x110) => "too many are pairing with it: try again in a minute",
        Some(_) => "it refused what we sent",
        None => "the connection was lost",
    }
}

/// What an operator typed is not taken, or the ceremony is not where it could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ConfirmError {
    /// Not six digits: nothing has happened, ask again.
    #[error("type the six digits that the other operator reads from their screen")]
    NotSixDigits,
    /// The digits of this screen: nothing has happened, ask again.
    #[error("these are the digits of this screen: type those that the other operator reads")]
    OwnDigits,
    /// Confirmed already.
    #[error("the digits are confirmed already")]
    Already,
    /// There is nothing to compare, yet or any more.
    #[error("there are no digits to compare")]
    NotComparing,
    /// Not the digits of the other screen: the ceremony has failed and the ticket is used up.
    #[error("the digits do not match: the ticket is used up, make a new invitation")]
    Mismatch,
}
