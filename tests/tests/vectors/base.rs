//! One good record and its pieces, which every case changes in one place.

use comity_core::PartDigest;
use comity_core::digest::domains;
use comity_core::sign::SecretKey;

use super::cbor::{Fields, Item};

pub const ORIGIN: [u8; 32] = [0xa1; 32];
pub const PARTNER: [u8; 32] = [0xb2; 32];
pub const RELAY: [u8; 32] = [0xc3; 32];
pub const SALT: [u8; 16] = [0x5a; 16];
pub const SIGNED_AT: u64 = 1_795_298_489_000;

pub fn uint(value: u64) -> Item {
    Item::Uint(value)
}

pub fn bytes(value: &[u8]) -> Item {
    Item::Bytes(value.to_vec())
}

pub fn text(value: &str) -> Item {
    Item::Text(value.to_owned())
}

pub fn list(items: &[Item]) -> Item {
    Item::Array(items.to_vec())
}

/// A map with unsigned keys.
pub fn map(pairs: &[(u64, Item)]) -> Item {
    Fields::new(pairs.to_vec()).item()
}

pub fn raw(value: &[u8]) -> Item {
    Item::Raw(value.to_vec())
}

/// The author of every vector: the key of RFC 8032 section 7.1, test 1.
pub fn author() -> SecretKey {
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    SecretKey::from_seed(&comity_core::digest::read_hex(seed).unwrap())
}

/// A header of a summary.
pub fn header() -> Fields {
    Fields::new([(0, uint(0)), (1, list(&[uint(0)])), (2, text("text/plain"))])
}

/// A header of an addressee part that gives PARTNER `parts` through RELAY.
pub fn addressee_header(parts: &[PartDigest]) -> Fields {
    Fields::new([
        (0, uint(11)),
        (1, list(&[uint(0)])),
        (2, text("application/vnd.comity.addressee")),
        (8, addressee(parts).item()),
    ])
}

pub fn addressee(parts: &[PartDigest]) -> Fields {
    let parts: Vec<Item> = parts.iter().map(|part| bytes(&part.0)).collect();
    Fields::new([
        (0, bytes(&PARTNER)),
        (1, text("duty")),
        (3, list(&[bytes(&RELAY)])),
        (4, Item::Array(parts)),
    ])
}

/// A part with this header and content.
pub fn part(header: Item, content: &[u8]) -> Vec<u8> {
    list(&[text(domains::PART), bytes(&SALT), header, bytes(content)]).encode()
}

pub fn digest(part: &[u8]) -> PartDigest {
    PartDigest::of(part)
}

/// Size class of a part, by the definition in the specification.
pub fn size_class(length: usize) -> u64 {
    (0..).find(|class| 1024_usize << class >= length).unwrap()
}

pub fn entry(part: &[u8]) -> Item {
    list(&[bytes(&digest(part).0), uint(size_class(part.len()))])
}

/// A line of padding.
pub fn padding(byte: u8, class: u64) -> Item {
    list(&[bytes(&[byte; 32]), uint(class)])
}

/// The manifest of an advisory with the given part lines.
pub fn manifest_with(parts: Vec<Item>) -> Fields {
    Fields::new([
        (0, uint(1)),
        (1, uint(0)),
        (2, uint(1)),
        (3, bytes(&ORIGIN)),
        (4, bytes(&author().id().0)),
        (5, uint(SIGNED_AT)),
        (6, uint(0)),
        (7, map(&[(0, uint(2))])),
        (8, Item::Bool(false)),
        (10, Item::Array(parts)),
    ])
}

/// The manifest of an advisory with two lines of padding, which look like any part.
pub fn manifest() -> Fields {
    manifest_with(vec![padding(1, 0), padding(2, 3)])
}

/// The manifest of a contact record.
pub fn control_manifest() -> Fields {
    manifest().with(1, uint(26)).without(10).with(11, bytes(&map(&[(0, text("duty"))]).encode()))
}

/// The protected header of the author.
pub fn protected() -> Fields {
    Fields::new([(1, Item::Negative(7)), (4, bytes(&author().id().0))])
}

/// `COSE_Sign1` with everything to be chosen.
pub struct Sign1 {
    pub protected: Vec<u8>,
    pub unprotected: Item,
    pub payload: Item,
    pub signature: Vec<u8>,
}

impl Sign1 {
    /// Rightly signed by the author, whatever the payload is.
    pub fn of(payload: &[u8]) -> Self {
        Self::under(protected().item().encode(), payload)
    }

    /// Rightly signed by the author over this protected header.
    pub fn under(protected: Vec<u8>, payload: &[u8]) -> Self {
        let signature = sign(&sig_structure(&protected, domains::SIGN_RECORD, payload));
        Self { protected, unprotected: map(&[]), payload: bytes(payload), signature }
    }

    pub fn item(self) -> Item {
        list(&[bytes(&self.protected), self.unprotected, self.payload, bytes(&self.signature)])
    }

    pub fn signed(self) -> Vec<u8> {
        list(&[uint(0), self.item()]).encode()
    }
}

pub fn sig_structure(protected: &[u8], domain: &str, payload: &[u8]) -> Vec<u8> {
    list(&[text("Signature1"), bytes(protected), bytes(domain.as_bytes()), bytes(payload)]).encode()
}

/// A plain Ed25519 signature by the author.
pub fn sign(message: &[u8]) -> Vec<u8> {
    use ed25519_dalek::Signer as _;
    ed25519_dalek::SigningKey::from_bytes(author().seed()).sign(message).to_bytes().to_vec()
}

/// The signed form of a manifest, with nothing wrong about the signature.
pub fn signed(manifest: Fields) -> Vec<u8> {
    Sign1::of(&manifest.item().encode()).signed()
}
