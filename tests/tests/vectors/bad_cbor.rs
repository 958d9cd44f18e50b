//! Rightly signed manifests that are not deterministic CBOR.

use super::base::{Sign1, list, manifest, padding, raw, signed, text, uint};
use super::cbor::Item;
use super::vector::{Of, Vector};

fn bad(name: &str, signed: Vec<u8>, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::Record, signed, code, about)
}

pub fn all() -> Vec<Vector> {
    let urgency = |item: &[u8]| signed(manifest().with(6, raw(item)));
    // An unknown key's value is read as strictly as any other.
    let value = |item: &[u8]| signed(manifest().with(40, raw(item)));
    let body = manifest().item().encode();
    let whole = signed(manifest());
    let deep = |levels: usize| [vec![0x81; levels], vec![0]].concat();
    let mut trailing_payload = body.clone();
    trailing_payload.push(0);
    let indefinite = [&[0xbf][..], &body[1..], &[0xff]].concat();
    vec![
        bad("cbor-integer-1-byte-too-long", urgency(&[0x18, 0]), "long-integer", "0 in two bytes"),
        bad(
            "cbor-integer-2-bytes-too-long",
            urgency(&[0x19, 0, 0]),
            "long-integer",
            "0 in three bytes",
        ),
        bad(
            "cbor-integer-4-bytes-too-long",
            urgency(&[0x1a, 0, 0, 0, 0]),
            "long-integer",
            "0 in five bytes",
        ),
        bad(
            "cbor-integer-8-bytes-too-long",
            urgency(&[0x1b, 0, 0, 0, 0, 0, 0, 0, 0]),
            "long-integer",
            "0 in nine bytes",
        ),
        bad(
            "cbor-length-too-long",
            value(&[0x58, 1, 0]),
            "long-integer",
            "a length of 1 in two bytes",
        ),
        bad(
            "cbor-key-too-long",
            signed(manifest().append(raw(&[0x18, 12]), uint(0))),
            "long-integer",
            "a map key in two bytes",
        ),
        bad("cbor-float-16", value(&[0xf9, 0x3c, 0]), "float", "1.0 in half precision"),
        bad("cbor-float-32", value(&[0xfa, 0x3f, 0x80, 0, 0]), "float", "1.0 in single precision"),
        bad(
            "cbor-float-64",
            value(&[0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]),
            "float",
            "1.0 in double precision",
        ),
        bad(
            "cbor-float-as-time",
            signed(manifest().with(5, raw(&[0xf9, 0x3c, 0]))),
            "float",
            "a float where a time stands",
        ),
        bad("cbor-nan", value(&[0xf9, 0x7e, 0]), "float", "not a number"),
        bad("cbor-tag", value(&[0xc1, 0]), "tag", "a tagged integer"),
        bad("cbor-bignum", value(&[0xc2, 0x41, 1]), "tag", "an integer as a tagged byte string"),
        bad("cbor-undefined", value(&[0xf7]), "simple-value", "the simple value undefined"),
        bad(
            "cbor-simple-value",
            value(&[0xf8, 0x20]),
            "simple-value",
            "an unassigned simple value",
        ),
        bad(
            "cbor-reserved-head",
            value(&[0x1c]),
            "simple-value",
            "a reserved additional information",
        ),
        bad(
            "cbor-indefinite-map",
            Sign1::of(&indefinite).signed(),
            "indefinite-length",
            "the manifest as an indefinite-length map",
        ),
        bad(
            "cbor-indefinite-array",
            value(&[0x9f, 0xff]),
            "indefinite-length",
            "an indefinite-length array",
        ),
        bad(
            "cbor-indefinite-bytes",
            value(&[0x5f, 0x41, 0, 0xff]),
            "indefinite-length",
            "a byte string in chunks",
        ),
        bad(
            "cbor-indefinite-text",
            value(&[0x7f, 0x61, 0x61, 0xff]),
            "indefinite-length",
            "a text in chunks",
        ),
        bad("cbor-break", value(&[0xff]), "indefinite-length", "a break outside of anything"),
        bad(
            "cbor-duplicate-key",
            signed(manifest().append(uint(10), list(&[padding(1, 0)]))),
            "duplicate-key",
            "the part list twice",
        ),
        bad(
            "cbor-duplicate-nested-key",
            value(&[0xa2, 1, 0, 1, 0]),
            "duplicate-key",
            "a duplicate in a map that is passed over",
        ),
        bad(
            "cbor-unsorted-keys",
            signed(manifest().reversed()),
            "unsorted-keys",
            "the keys in descending order",
        ),
        bad(
            "cbor-unsorted-nested-keys",
            value(&[0xa2, 2, 0, 1, 0]),
            "unsorted-keys",
            "unsorted keys in a map that is passed over",
        ),
        bad(
            "cbor-text-key",
            signed(manifest().append(text("note"), uint(0))),
            "unexpected-type",
            "a text as the manifest's key",
        ),
        bad(
            "cbor-negative-key",
            signed(manifest().append(Item::Negative(0), uint(0))),
            "unexpected-type",
            "a negative key",
        ),
        bad(
            "cbor-invalid-utf8",
            value(&[0x62, 0xc3, 0x28]),
            "invalid-utf8",
            "a text that is not UTF-8",
        ),
        bad(
            "cbor-surrogate",
            value(&[0x63, 0xed, 0xa0, 0x80]),
            "invalid-utf8",
            "a surrogate in UTF-8",
        ),
        bad(
            "cbor-overlong-utf8",
            value(&[0x62, 0xc0, 0x80]),
            "invalid-utf8",
            "a zero character in two bytes",
        ),
        bad("cbor-too-deep", value(&deep(16)), "too-deep", "17 levels, the manifest counted"),
        bad(
            "cbor-length-beyond-input",
            value(&[0x5b, 0, 0, 0, 1, 0, 0, 0, 0]),
            "length-beyond-input",
            "4 GiB of bytes that are not there",
        ),
        bad(
            "cbor-array-beyond-input",
            value(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            "length-beyond-input",
            "2^64 - 1 items that are not there",
        ),
        bad(
            "cbor-map-beyond-input",
            value(&[0xa1]),
            "length-beyond-input",
            "a pair that is not there",
        ),
        bad(
            "cbor-trailing-in-manifest",
            Sign1::of(&trailing_payload).signed(),
            "trailing-bytes",
            "a byte after the manifest",
        ),
        bad(
            "cbor-trailing",
            [whole.clone(), vec![0]].concat(),
            "trailing-bytes",
            "a byte after the signed record",
        ),
        bad(
            "cbor-truncated",
            whole[..whole.len() - 1].to_vec(),
            "length-beyond-input",
            "the last byte is missing",
        ),
        bad("cbor-empty", Vec::new(), "truncated", "nothing at all"),
        bad(
            "cbor-truncated-head",
            Sign1::of(&[0x18]).signed(),
            "truncated",
            "the manifest ends within an integer",
        ),
    ]
}
