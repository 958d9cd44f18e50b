//! The ticket: one copyable line by which a partner finds us, once.

use std::fmt;
use std::str::FromStr;

use comity_core::cbor::{Fault, Problem, Reader, Writer, is_label};
use comity_core::digest::domains;
use comity_core::entropy::draw;
use comity_core::{Digest, EconomyId, Entropy, Timestamp};
use zeroize::Zeroizing;

use super::base32;
use crate::limits;

/// What every ticket's line begins with; the number is the version of the format.
const PREFIX: &str = "comity-pair-";
const VERSION: &str = "1";
const CHECKSUM_BYTES: usize = 4;

/// A ticket's name, which is not its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(pub [u8; 16]);

/// An invitation to pair: whom to reach, where, until when, and the secret that opens the door.
///
/// Whoever holds the line can *start* a ceremony; only the digits that both operators compare can
/// finish it.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    economy: EconomyId,
    addresses: Vec<String>,
    secret: Zeroizing<[u8; 16]>,
    expires: Timestamp,
}

impl Ticket {
    /// A new ticket of `economy`, reachable at `addresses` (`host:port`, at most
    /// [`limits::ADDRESSES`]), good for [`limits::TICKET_LIFE`] from `now`.
    pub fn issue(
        economy: EconomyId,
        addresses: Vec<String>,
        now: Timestamp,
        entropy: &mut (impl Entropy + ?Sized),
    ) -> Result<Self, TicketError> {
        Self::with_secret(
            economy,
            addresses,
            now.saturating_add(limits::TICKET_LIFE),
            draw(entropy),
        )
    }

    /// The ticket of `economy` with this secret, as it was issued: for an issuer that was restarted.
    pub fn with_secret(
        economy: EconomyId,
        addresses: Vec<String>,
        expires: Timestamp,
        secret: [u8; 16],
    ) -> Result<Self, TicketError> {
        check_addresses(&addresses)?;
        Ok(Self { economy, addresses, secret: Zeroizing::new(secret), expires })
    }

    /// Who issued it.
    #[must_use]
    pub fn economy(&self) -> EconomyId {
        self.economy
    }

    /// Where the issuer listens, as `host:port`.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// When it ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Its name: for look-ups, logs and the first message of the ceremony.
    #[must_use]
    pub fn id(&self) -> TicketId {
        let Digest(digest) = Digest::of(domains::PAIRING_TICKET, &self.encode());
        let (id, _) = digest.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        TicketId(*id)
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of(domains::PAIRING_TICKET, &self.encode())
    }

    pub(super) fn secret(&self) -> &[u8; 16] {
        &self.secret
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::new();
        writer.array(4).bytes(self.economy.as_bytes());
        writer.array(self.addresses.len());
        for address in &self.addresses {
            writer.text(address);
        }
        writer.bytes(self.secret.as_slice()).uint(self.expires.as_millis());
        Zeroizing::new(writer.into_bytes())
    }

    fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes);
        if reader.array(4)? != 4 {
            return Err(reader.fault(Problem::MissingField));
        }
        let ticket = Self {
            economy: EconomyId(reader.array_of()?),
            addresses: read_addresses(&mut reader)?,
            secret: Zeroizing::new(reader.array_of()?),
            expires: Timestamp::from_millis(reader.uint()?),
        };
        reader.leave();
        reader.finish()?;
        Ok(ticket)
    }

    /// The line to hand over: by any way on which nobody but the partner reads along.
    #[must_use]
    pub fn to_line(&self) -> Zeroizing<String> {
        let mut bytes = self.encode();
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        Zeroizing::new(format!("{PREFIX}{VERSION}-{}", base32::encode(&bytes)))
    }
}

/// Reads a line as people paste it: in any case, with white space and line breaks anywhere.
impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        if text.len() > limits::TICKET_CHARACTERS {
            return Err(TicketError::NotATicket);
        }
        let line = Zeroizing::new(
            text.chars()
                .filter(|character| !character.is_whitespace())
                .map(|character| character.to_ascii_lowercase())
                .collect::<String>(),
        );
        let (version, body) = line
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('-'))
            .ok_or(TicketError::NotATicket)?;
        if version != VERSION {
            let version = version.chars().take(8).collect();
            return Err(TicketError::Version(version));
        }
        let bytes = Zeroizing::new(base32::decode(body).ok_or(TicketError::Damaged)?);
        let (bytes, sum) = bytes.split_last_chunk().ok_or(TicketError::Damaged)?;
        if *sum != checksum(bytes) {
            return Err(TicketError::Damaged);
        }
        Self::decode(bytes).map_err(TicketError::Malformed)
    }
}

/// Never the secret.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("economy", &self.economy)
            .field("addresses", &self.addresses)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// A line is not a ticket that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Something else was pasted.
    #[error("this is no pairing ticket: a ticket is one line that begins with `comity-pair-1-`")]
    NotATicket,
    /// Made by a node of another version.
    #[error(
        "the ticket has format `{0}`, this node reads format `1`: ask for a ticket of that format"
    )]
    Version(String),
    /// A character is missing or wrong.
    #[error("the ticket is damaged: copy the whole line again")]
    Damaged,
    /// Whole, and yet not what a ticket holds.
    #[error("the ticket is malformed: {0}")]
    Malformed(#[source] Fault),
    /// No address, too many, or one that is too long or no line of text.
    #[error("a ticket takes 1 to {most} addresses of one line and at most 256 characters", most = limits::ADDRESSES)]
    Addresses,
}

pub(super) fn check_addresses(addresses: &[String]) -> Result<(), TicketError> {
    let fits =
        |address: &String| address.len() <= comity_core::limits::TEXT_BYTES && is_label(address);
    if addresses.is_empty() || addresses.len() > limits::ADDRESSES || !addresses.iter().all(fits) {
        return Err(TicketError::Addresses);
    }
    Ok(())
}

pub(super) fn read_addresses(reader: &mut Reader<'_>) -> Result<Vec<String>, Fault> {
    reader.list(limits::ADDRESSES, |reader| {
        reader.label(comity_core::limits::TEXT_BYTES).map(str::to_owned)
    })
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let Digest(digest) = Digest::of(domains::PAIRING_TICKET, bytes);
    digest.last_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Counter(u8);
    impl Entropy for Counter {
        fn fill(&mut self, buffer: &mut [u8]) {
            for byte in buffer {
                self.0 = self.0.wrapping_add(1);
                *byte = self.0;
            }
        }
    }

    fn ticket() -> Ticket {
        let addresses = vec!["kr.example:4433".to_owned(), "[2001:db8::1]:4433".to_owned()];
        Ticket::issue(EconomyId([7; 32]), addresses, Timestamp::from_secs(5), &mut Counter(0))
            .unwrap()
    }

    #[test]
    fn a_line_is_read_as_written_and_as_people_paste_it() {
        let ticket = ticket();
        let line = ticket.to_line();
        assert!(line.starts_with("comity-pair-1-"));
        assert_eq!(line.parse(), Ok(ticket.clone()));
        let (head, tail) = line.split_at(40);
        assert_eq!(format!("  {}\r\n {tail}\n", head.to_uppercase()).parse(), Ok(ticket));
    }

    #[test]
    fn every_way_to_be_no_ticket_has_its_own_error() {
        assert_eq!("hello".parse::<Ticket>(), Err(TicketError::NotATicket));
        assert_eq!("x".repeat(9_000).parse::<Ticket>(), Err(TicketError::NotATicket));
        let line = ticket().to_line().replace("comity-pair-1-", "comity-pair-2-");
        assert_eq!(line.parse::<Ticket>(), Err(TicketError::Version("2".to_owned())));
        assert_eq!("comity-pair-1-".parse::<Ticket>(), Err(TicketError::Damaged));
        let short = ticket().to_line().chars().take(60).collect::<String>();
        assert_eq!(short.parse::<Ticket>(), Err(TicketError::Damaged));
        let mut bytes = vec![0x80];
        bytes.extend_from_slice(&checksum(&[0x80]));
        let line = format!("comity-pair-1-{}", base32::encode(&bytes));
        assert!(matches!(line.parse::<Ticket>(), Err(TicketError::Malformed(_))));
        let two_lines = vec!["kr.example:4433\n".to_owned()];
        let two = Ticket::issue(EconomyId([7; 32]), two_lines, Timestamp::EPOCH, &mut Counter(0));
        assert_eq!(two.map(drop), Err(TicketError::Addresses));
        let none = Ticket::issue(EconomyId([7; 32]), vec![], Timestamp::EPOCH, &mut Counter(0));
        assert_eq!(none.map(drop), Err(TicketError::Addresses));
    }

    #[test]
    fn an_address_that_steers_a_terminal_is_refused() {
        let mut steering = ticket();
        steering.addresses.push("\u{1b}[2Jkr.example:4433".to_owned());
        let read = steering.to_line().parse::<Ticket>();
        assert!(
            matches!(&read, Err(TicketError::Malformed(fault))
            if fault.problem == comity_core::cbor::Problem::BadText),
            "{read:?}"
        );
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert!(!format!("{:?}", ticket()).contains("secret"));
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_noticed(at in 14usize..200, letter in 0usize..32) {
            let line = ticket().to_line();
            prop_assume!(at < line.len());
            let mut bytes = line.as_bytes().to_vec();
            let wrong = b"abcdefghijklmnopqrstuvwxyz234567"[letter];
            prop_assume!(bytes[at] != wrong);
            bytes[at] = wrong;
            prop_assert!(String::from_utf8(bytes).unwrap().parse::<Ticket>().is_err());
        }
    }
}
