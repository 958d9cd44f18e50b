//! Dated heads, good and bad.

use comity_core::digest::domains;

use super::base::{ORIGIN, author, bytes, list, protected, sig_structure, sign, uint};
use super::cbor::Item;
use super::vector::{Of, Vector};

const DIGEST: [u8; 32] = [0x91; 32];
const AT: u64 = 1_800_000_000_000;

pub fn all() -> Vec<Vector> {
    let fields = |rotations, version, at| {
        vec![bytes(&ORIGIN), uint(rotations), uint(version), bytes(&DIGEST), uint(at)]
    };
    let plain = || fields(0, 7, AT);
    let without_time = list(&plain()[..4]).encode();
    let more = [plain(), vec![uint(0)]].concat();
    let mut short = plain();
    short[0] = bytes(&ORIGIN[1..]);
    let mut trailing = list(&plain()).encode();
    trailing.push(0);
    let payload = list(&plain()).encode();
    let mut forged = sign(&message(&payload, domains::SIGN_HEAD));
    forged[9] ^= 1;
    let two = list(&[bytes(&payload), bytes(&author().id().0)]);
    vec![
        head("head", signed(&payload), "ok", "version 7 of the first root set"),
        of("head-rotated", fields(2, 1, AT), "ok", "version 1 of the third root set"),
        of("head-of-no-version", fields(0, 0, AT), "out-of-range", "version 0"),
        of(
            "head-too-many-rotations",
            fields(65, 1, AT),
            "out-of-range",
            "65 root sets after the first",
        ),
        of("head-late", fields(0, 7, 1 << 63), "out-of-range", "past the last instant"),
        of("head-long", more, "over-limit", "a sixth element"),
        of("head-economy-length", short, "out-of-range", "an economy of 31 bytes"),
        head("head-short", signed(&without_time), "missing-field", "no time"),
        head(
            "head-trailing",
            signed(&trailing),
            "trailing-bytes",
            "a byte after the payload's end",
        ),
        head("head-unsigned", two, "missing-field", "no signature"),
        head(
            "head-forged",
            with(&payload, &forged),
            "bad-signature",
            "a bit of the signature turned",
        ),
        head(
            "head-as-receipt",
            with(&payload, &sign(&message(&payload, domains::SIGN_RECEIPT))),
            "bad-signature",
            "signed in the domain of receipts",
        ),
    ]
}

fn message(payload: &[u8], domain: &str) -> Vec<u8> {
    sig_structure(&protected().item().encode(), domain, payload)
}

fn with(payload: &[u8], signature: &[u8]) -> Item {
    list(&[bytes(payload), bytes(&author().id().0), bytes(signature)])
}

fn signed(payload: &[u8]) -> Item {
    with(payload, &sign(&message(payload, domains::SIGN_HEAD)))
}

fn of(name: &str, fields: Vec<Item>, code: &str, about: &str) -> Vector {
    head(name, signed(&list(&fields).encode()), code, about)
}

fn head(name: &str, item: Item, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::Head, item.encode(), code, about)
}
