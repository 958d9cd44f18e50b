//! The four messages of the ceremony and the confirmation, as deterministic CBOR `[type, map]`.

use comity_core::Digest;
use comity_core::cbor::{Fault, Problem, Reader, Writer};
use comity_core::sign::Signature;

use super::ticket::{TicketId, read_addresses};
use crate::limits;

/// The version of the ceremony that this node speaks.
pub(super) const VERSION: u64 = 1;

/// What each side tells about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// What the economy calls itself: for the screen, never believed.
    pub name: String,
    /// Its signed keyring, encoded. Its genesis makes the economy's id.
    pub keyring: Vec<u8>,
    /// Where it listens, as `host:port`; may be empty for one that only dials.
    pub addresses: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Joiner: I hold this ticket, and have chosen my nonce.
    Claim { version: u64, ticket: TicketId, proof: Digest, commitment: Digest },
    /// Inviter: I issued it, have chosen mine, and am this economy.
    Offer { proof: Digest, commitment: Digest, introduction: Introduction },
    /// Joiner: I am this economy, and this was my nonce.
    Answer { introduction: Introduction, nonce: [u8; 32] },
    /// Inviter: this was mine.
    Reveal { nonce: [u8; 32] },
    /// Either: my operator has compared the digits.
    Confirm { signature: Signature },
}

impl Message {
    const fn number(&self) -> u64 {
        match self {
            Self::Claim { .. } => 1,
            Self::Offer { .. } => 2,
            Self::Answer { .. } => 3,
            Self::Reveal { .. } => 4,
            Self::Confirm { .. } => 5,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(2).uint(self.number());
        match self {
            Self::Claim { version, ticket, proof, commitment } => {
                writer.map(4).key(0).uint(*version).key(1).bytes(&ticket.0);
                writer.key(2).bytes(proof.as_bytes()).key(3).bytes(commitment.as_bytes());
            }
            Self::Offer { proof, commitment, introduction } => {
                writer.map(3).key(2).bytes(proof.as_bytes()).key(3).bytes(commitment.as_bytes());
                introduction.write(writer.key(4));
            }
            Self::Answer { introduction, nonce } => {
                introduction.write(writer.map(2).key(4));
                writer.key(5).bytes(nonce);
            }
            Self::Reveal { nonce } => {
                writer.map(1).key(5).bytes(nonce);
            }
            Self::Confirm { signature } => {
                writer.map(1).key(6).bytes(signature);
            }
        }
        writer.into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes);
        if reader.array(2)? != 2 {
            return Err(reader.fault(Problem::MissingField));
        }
        let number = reader.uint()?;
        let fields = Fields::read(&mut reader)?;
        reader.leave();
        let end = reader.fault(Problem::MissingField);
        reader.finish()?;
        fields.message(number).ok_or(end)
    }
}

/// Every field that any message has.
#[derive(Default)]
struct Fields {
    version: Option<u64>,
    ticket: Option<TicketId>,
    proof: Option<Digest>,
    commitment: Option<Digest>,
    introduction: Option<Introduction>,
    nonce: Option<[u8; 32]>,
    signature: Option<Signature>,
}

impl Fields {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut fields = Self::default();
        let mut map = reader.map(7)?;
        while let Some(key) = map.next_key(reader)? {
            match key {
                0 => fields.version = Some(reader.uint()?),
                1 => fields.ticket = Some(TicketId(reader.array_of()?)),
                2 => fields.proof = Some(Digest(reader.array_of()?)),
                3 => fields.commitment = Some(Digest(reader.array_of()?)),
                4 => fields.introduction = Some(Introduction::read(reader)?),
                5 => fields.nonce = Some(reader.array_of()?),
                6 => fields.signature = Some(reader.array_of()?),
                _ => return Err(reader.fault(Problem::UnknownField)),
            }
        }
        Ok(fields)
    }

    /// `None` unless exactly the fields of the message are there.
    fn message(self, number: u64) -> Option<Message> {
        let Self { version, ticket, proof, commitment, introduction, nonce, signature } = self;
        match (number, version, ticket, proof, commitment, introduction, nonce, signature) {
            (1, Some(version), Some(ticket), Some(proof), Some(commitment), None, None, None) => {
                Some(Message::Claim { version, ticket, proof, commitment })
            }
            (2, None, None, Some(proof), Some(commitment), Some(introduction), None, None) => {
                Some(Message::Offer { proof, commitment, introduction })
            }
            (3, None, None, None, None, Some(introduction), Some(nonce), None) => {
                Some(Message::Answer { introduction, nonce })
            }
            (4, None, None, None, None, None, Some(nonce), None) => Some(Message::Reveal { nonce }),
            (5, None, None, None, None, None, None, Some(signature)) => {
                Some(Message::Confirm { signature })
            }
            _ => None,
        }
    }
}

impl Introduction {
    fn write(&self, writer: &mut Writer) {
        writer.array(3).text(&self.name).bytes(&self.keyring).array(self.addresses.len());
        for address in &self.addresses {
            writer.text(address);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        if reader.array(3)? != 3 {
            return Err(reader.fault(Problem::MissingField));
        }
        let introduction = Self {
            name: reader.label(comity_core::limits::TEXT_BYTES)?.to_owned(),
            keyring: reader.bytes(limits::PAIRING_MESSAGE_BYTES)?.to_vec(),
            addresses: read_addresses(reader)?,
        };
        reader.leave();
        Ok(introduction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn samples() -> Vec<Message> {
        let introduction = Introduction {
            name: "KR".into(),
            keyring: vec![1, 2],
            addresses: vec!["kr.example:4433".into()],
        };
        let (proof, commitment) = (Digest([1; 32]), Digest([2; 32]));
        vec![
            Message::Claim { version: 1, ticket: TicketId([3; 16]), proof, commitment },
            Message::Offer { proof, commitment, introduction: introduction.clone() },
            Message::Answer { introduction, nonce: [4; 32] },
            Message::Reveal { nonce: [5; 32] },
            Message::Confirm { signature: [6; 64] },
        ]
    }

    #[test]
    fn every_message_is_read_as_written() {
        for message in samples() {
            assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn a_name_or_an_address_that_steers_a_terminal_is_refused() {
        let (name, address) = ("KR".to_owned(), "kr.example:4433".to_owned());
        let answer = |name: &str, address: &str| {
            let (name, addresses) = (name.to_owned(), vec![address.to_owned()]);
            let introduction = Introduction { name, keyring: vec![1, 2], addresses };
            Message::decode(&Message::Answer { introduction, nonce: [4; 32] }.encode())
        };
        assert!(answer(&name, &address).is_ok());
        for mark in ["\u{1b}[2J", "\n", "\u{202e}"] {
            assert!(answer(&format!("{name}{mark}"), &address).is_err(), "{mark:?}");
            assert!(answer(&name, &format!("{mark}{address}")).is_err(), "{mark:?}");
        }
        assert!(answer("", &address).is_err());
    }

    #[test]
    fn a_message_with_another_ones_fields_is_refused() {
        for message in samples() {
            let mut bytes = message.encode();
            bytes[1] = bytes[1] % 5 + 1;
            assert!(Message::decode(&bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn noise_is_refused_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Message::decode(&bytes).is_err());
        }
    }
}
