//! What both ends of a ceremony must agree on, and the digits that people compare it by.

use std::fmt;

use comity_core::cbor::Writer;
use comity_core::digest::domains;
use comity_core::{Digest, EconomyId, KeyId};

use super::ticket::Ticket;

/// Which end of the ceremony.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Issued the ticket, and was dialed.
    Inviter,
    /// Was given the ticket, and dialed.
    Joiner,
}

impl Role {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Inviter => Self::Joiner,
            Self::Joiner => Self::Inviter,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Inviter => 0,
            Self::Joiner => 1,
        }
    }
}

/// The channel that a ceremony runs over: what TLS knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Keying material exported from the handshake (RFC 8446 section 7.5): the same at both ends of
    /// one channel, and at nobody else's.
    pub exporter: [u8; 32],
}

/// The label under which the exporter is drawn.
pub(super) const EXPORTER_LABEL: &[u8] = b"EXPORTER-comity-pair-1";

/// That its sender, at this end of this channel, knows the ticket's secret.
///
/// All three are of fixed length; and it is worth nothing on another channel.
pub(super) fn proof(ticket: &Ticket, channel: &Channel, role: Role) -> Digest {
    Digest::of_all(
        domains::PAIRING_PROOF,
        &[ticket.secret(), &channel.exporter, &[role.code()], ticket.digest().as_bytes()],
    )
}

/// Hides a nonce, and binds its sender to it.
pub(super) fn commitment(nonce: &[u8; 32], channel: &Channel, role: Role) -> Digest {
    Digest::of_all(domains::PAIRING_COMMITMENT, &[nonce, &channel.exporter, &[role.code()]])
}

/// One end, as the transcript names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) economy: EconomyId,
    pub(super) keyring: Digest,
    pub(super) link_key: KeyId,
    pub(super) nonce: [u8; 32],
}

/// The digest over everything that both ends must have seen alike.
///
/// `messages` is over every byte that was sent before the digits, so that nothing in them, display
/// names and addresses included, can differ either.
pub(super) fn transcript(
    channel: &Channel,
    ticket: &Ticket,
    inviter: &Party,
    joiner: &Party,
    messages: Digest,
) -> Digest {
    let mut writer = Writer::new();
    writer.array(6).uint(super::message::VERSION);
    writer.bytes(&channel.exporter).bytes(ticket.digest().as_bytes());
    for party in [inviter, joiner] {
        writer.array(4).bytes(party.economy.as_bytes()).bytes(party.keyring.as_bytes());
        writer.bytes(party.link_key.as_bytes()).bytes(&party.nonce);
    }
    writer.bytes(messages.as_bytes());
    Digest::of(domains::PAIRING_TRANSCRIPT, &writer.into_bytes())
}

/// Half of the twelve digits: six, shown on one screen and typed at the other.
#[derive(Clone, PartialEq, Eq)]
pub struct SixDigits([u8; 6]);

impl SixDigits {
    /// Reads what an operator typed: six digits, with spaces, dots or dashes anywhere between them.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let mut digits = Vec::with_capacity(6);
        for character in typed.trim().chars().take(64) {
            match character.to_digit(10) {
                Some(digit) => digits.push(u8::try_from(digit).ok()?),
                None if matches!(character, ' ' | '-' | '.') => {}
                None => return None,
            }
        }
        digits.try_into().ok().map(Self)
    }
}

/// In two groups of three, as they are read aloud: `042 917`.
impl fmt::Display for SixDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digit) in self.0.iter().enumerate() {
            write!(f, "{}{digit}", if at == 3 { " " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for SixDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The six that `role`'s screen shows.
pub(super) fn digits(transcript: &Digest, role: Role) -> SixDigits {
    let (head, _) = transcript.as_bytes().split_first_chunk().unwrap_or((&[0; 16], &[]));
    // Of 2^128 values modulo 10^12 none is likelier than another by more than 2^-88.
    let mut number = u128::from_be_bytes(*head);
    let mut twelve = [0; 12];
    for digit in twelve.iter_mut().rev() {
        *digit = u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    let [a, b, c, d, e, f, g, h, i, j, k, l] = twelve;
    SixDigits(match role {
        Role::Inviter => [a, b, c, d, e, f],
        Role::Joiner => [g, h, i, j, k, l],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_they_are_spoken() {
        let digits = SixDigits([0, 4, 2, 9, 1, 7]);
        assert_eq!(digits.to_string(), "042 917");
        for typed in ["042 917", "042917", " 04-29-17\n", "042.917"] {
            assert_eq!(SixDigits::read(typed), Some(digits.clone()), "{typed}");
        }
        for typed in ["", "04291", "0429177", "04291x", "٠٤٢٩١٧"] {
            assert_eq!(SixDigits::read(typed), None, "{typed}");
        }
    }

    #[test]
    fn the_halves_are_the_last_twelve_digits_of_the_transcript() {
        let mut bytes = [0; 32];
        bytes[8..16].copy_from_slice(&7_123_456_789_012u64.to_be_bytes());
        let transcript = Digest(bytes);
        assert_eq!(digits(&transcript, Role::Inviter).to_string(), "123 456");
        assert_eq!(digits(&transcript, Role::Joiner).to_string(), "789 012");
    }
}
