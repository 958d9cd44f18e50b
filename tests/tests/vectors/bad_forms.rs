//! Records with something wrong around the manifest, one thing each.

use comity_core::limits;

use super::base::{Sign1, author, bytes, list, manifest, map, protected, raw, signed, text, uint};
use super::cbor::{Fields, Item};
use super::good;
use super::vector::{Of, Vector};

pub fn all() -> Vec<Vector> {
    [forms(), headers()].concat()
}

fn bad(name: &str, signed: Vec<u8>, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::Record, signed, code, about)
}

/// What is wrong around the manifest.
fn forms() -> Vec<Vector> {
    let sign1 = || Sign1::of(&manifest().item().encode());
    let tagged = [&[0x82, 0, 0xd2][..], &sign1().item().encode()].concat();
    let path = [[7; 32], [8; 32]];
    let tree = |index, path: &[[u8; 32]]| good::tree_form(manifest(), index, path);
    let mut broken_tree = tree(1, &path);
    broken_tree.push(0);
    let large = signed(manifest().with(40, bytes(&[0; limits::MANIFEST_BYTES])));
    let larger = signed(manifest().with(40, bytes(&[0; limits::SIGNED_BYTES])));
    vec![
        bad("form-1-single", tree(0, &[]), "unsupported-form", "form 1 over a tree of one record"),
        bad(
            "form-1-first-of-four",
            tree(0, &path),
            "unsupported-form",
            "form 1, the first of four records",
        ),
        bad(
            "form-1-second-of-four",
            tree(1, &path),
            "unsupported-form",
            "form 1, the second of four records",
        ),
        bad("form-1-trailing", broken_tree, "trailing-bytes", "form 1 with a byte after it"),
        bad(
            "form-1-float",
            list(&[uint(1), raw(&[0xf9, 0, 0])]).encode(),
            "float",
            "form 1 with a float in it",
        ),
        bad(
            "form-2",
            list(&[uint(2), bytes(&[])]).encode(),
            "unsupported-form",
            "a form that no version has",
        ),
        bad("form-missing", list(&[]).encode(), "truncated", "an empty array"),
        bad(
            "form-bare-sign1",
            sign1().item().encode(),
            "unexpected-type",
            "COSE_Sign1 without a form",
        ),
        bad("form-tagged-sign1", tagged, "tag", "COSE_Sign1 with its tag 18"),
        bad(
            "form-0-longer",
            list(&[uint(0), sign1().item(), uint(0)]).encode(),
            "unknown-field",
            "form 0 with a third element",
        ),
        bad(
            "form-0-shorter",
            list(&[uint(0)]).encode(),
            "missing-field",
            "form 0 without the signature",
        ),
        bad(
            "form-is-text",
            list(&[text("0"), sign1().item()]).encode(),
            "unexpected-type",
            "the form as a text",
        ),
        bad(
            "sign1-of-three",
            list(&[uint(0), list(&[bytes(&[]), map(&[]), bytes(&[])])]).encode(),
            "missing-field",
            "COSE_Sign1 without signature",
        ),
        bad(
            "sign1-of-five",
            list(&[uint(0), list(&[bytes(&[]), map(&[]), bytes(&[]), bytes(&[]), uint(0)])])
                .encode(),
            "unknown-field",
            "COSE_Sign1 with a fifth element",
        ),
        bad(
            "payload-nil",
            Sign1 { payload: raw(&[0xf6]), ..sign1() }.signed(),
            "nil-payload",
            "a detached payload",
        ),
        bad(
            "payload-map",
            Sign1 { payload: manifest().item(), ..sign1() }.signed(),
            "unexpected-type",
            "the manifest not wrapped in a byte string",
        ),
        bad("payload-empty", Sign1::of(&[]).signed(), "truncated", "an empty payload"),
        bad(
            "signature-short",
            Sign1 { signature: vec![0; 63], ..sign1() }.signed(),
            "signature-length",
            "63 bytes of signature",
        ),
        bad(
            "signature-long",
            Sign1 { signature: vec![0; 65], ..sign1() }.signed(),
            "signature-length",
            "65 bytes of signature",
        ),
        bad("manifest-too-large", large, "manifest-too-large", "a manifest of more than 64 KiB"),
        bad("record-too-large", larger, "record-too-large", "a signed form of more than 68 KiB"),
    ]
}

/// What is wrong in the headers of the signature, which is right over them.
fn headers() -> Vec<Vector> {
    let payload = manifest().item().encode();
    let under = |header: Fields| Sign1::under(header.item().encode(), &payload).signed();
    let unprotected = |item: Item| Sign1 { unprotected: item, ..Sign1::of(&payload) }.signed();
    let key = bytes(&author().id().0);
    let long_alg = [&[0xa2, 1, 0x38, 7, 4][..], &key.encode()].concat();
    vec![
        bad("alg-absent", under(protected().without(1)), "missing-algorithm", "no algorithm"),
        bad(
            "alg-absent-empty-header",
            Sign1::under(Vec::new(), &payload).signed(),
            "missing-algorithm",
            "an empty protected header",
        ),
        bad(
            "alg-es256",
            under(protected().with(1, Item::Negative(6))),
            "unsupported-algorithm",
            "ES256 named over an Ed25519 signature",
        ),
        bad(
            "alg-none",
            under(protected().with(1, uint(0))),
            "unsupported-algorithm",
            "the reserved algorithm 0",
        ),
        bad(
            "alg-text",
            under(protected().with(1, text("EdDSA"))),
            "unexpected-type",
            "the algorithm as a text",
        ),
        bad(
            "alg-not-shortest",
            Sign1::under(long_alg, &payload).signed(),
            "long-integer",
            "the algorithm in two bytes",
        ),
        bad(
            "alg-unprotected-only",
            Sign1 {
                unprotected: map(&[(1, Item::Negative(7))]),
                ..Sign1::under(protected().without(1).item().encode(), &payload)
            }
            .signed(),
            "missing-algorithm",
            "the algorithm in the unprotected header alone",
        ),
        bad(
            "alg-contradicted",
            unprotected(map(&[(1, Item::Negative(6))])),
            "unprotected-header",
            "another algorithm in the unprotected header",
        ),
        bad(
            "alg-repeated",
            unprotected(map(&[(1, Item::Negative(7))])),
            "unprotected-header",
            "the same algorithm in the unprotected header",
        ),
        bad(
            "unprotected-text-label",
            unprotected(Item::Map(vec![(text("x"), uint(0))])),
            "unprotected-header",
            "a text label in the unprotected header",
        ),
        bad(
            "unprotected-not-a-map",
            unprotected(list(&[])),
            "unexpected-type",
            "an array as the unprotected header",
        ),
        bad("key-id-absent", under(protected().without(4)), "missing-key-id", "no key id"),
        bad(
            "key-id-short",
            under(protected().with(4, bytes(&[1; 31]))),
            "out-of-range",
            "a key id of 31 bytes",
        ),
        bad(
            "key-id-other",
            under(protected().with(4, bytes(&[1; 32]))),
            "key-id-mismatch",
            "a key id that is not the author",
        ),
        bad(
            "key-id-unprotected",
            unprotected(map(&[(4, key)])),
            "unprotected-header",
            "a key id in the unprotected header",
        ),
        bad(
            "protected-critical",
            under(Fields::new([
                (1, Item::Negative(7)),
                (2, list(&[uint(1)])),
                (4, bytes(&author().id().0)),
            ])),
            "protected-header",
            "a critical-headers label",
        ),
        bad(
            "protected-content-type",
            under(protected().without(4).with(3, uint(60)).with(4, bytes(&author().id().0))),
            "protected-header",
            "a content type",
        ),
        bad(
            "protected-duplicate",
            under(protected().append(uint(4), bytes(&[0; 32]))),
            "duplicate-key",
            "two key ids",
        ),
        bad(
            "protected-trailing",
            Sign1::under([protected().item().encode(), vec![0]].concat(), &payload).signed(),
            "trailing-bytes",
            "a byte after the protected header",
        ),
        bad(
            "protected-not-wrapped",
            list(&[
                uint(0),
                list(&[protected().item(), map(&[]), bytes(&payload), bytes(&[0; 64])]),
            ])
            .encode(),
            "unexpected-type",
            "the protected header as a map",
        ),
    ]
}
