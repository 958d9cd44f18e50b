//! Bodies of proposed agreements, good and bad.

use super::base::{PARTNER, bytes, list, text, uint};
use super::cbor::{Fields, Item};
use super::vector::{Of, Vector};

const FIRST: [u8; 32] = [0x10; 32];

pub fn all() -> Vec<Vector> {
    let proposal = || {
        let parties = list(&[bytes(&FIRST), bytes(&PARTNER)]);
        Fields::new([(0, text("format = 1")), (1, parties)])
    };
    let amending = |texts: &[u8]| {
        let texts: Vec<Item> = texts.iter().map(|text| bytes(&[*text; 32])).collect();
        proposal().with(2, list(&texts))
    };
    let nine: Vec<u8> = (1..=9).collect();
    vec![
        of("agreement", proposal(), "ok", "a first text"),
        of("amendment", amending(&[0x61]), "ok", "in the place of one text"),
        of("amendment-of-several", amending(&[0x61, 0x62]), "ok", "which settles a contest"),
        of("amendment-of-nothing", amending(&[]), "out-of-range", "no text is named"),
        of("amendment-unsorted", amending(&[0x62, 0x61]), "unsorted-keys", "the larger id first"),
        of("amendment-twice", amending(&[0x61, 0x61]), "unsorted-keys", "the same text twice"),
        of("amendment-of-nine", amending(&nine), "over-limit", "more texts than eight"),
        of(
            "agreement-unknown-field",
            proposal().with(3, uint(1)),
            "unknown-field",
            "a field of a later version, which may be a restriction",
        ),
    ]
}

fn of(name: &str, body: Fields, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::AgreementBody, body.item().encode(), code, about)
}
