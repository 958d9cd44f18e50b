//! Records that are wrong in one way each.

use comity_core::limits;

use super::base::{
    Sign1, author, bytes, control_manifest, list, manifest, manifest_with, map, padding, protected,
    raw, signed, text, uint,
};
use super::cbor::{Fields, Item, head};
use super::good;
use super::vector::{Of, Vector};

pub fn all() -> Vec<Vector> {
    [strict(), forms(), headers(), fields(), shapes(), markings()].concat()
}

fn bad(name: &str, signed: Vec<u8>, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::Record, signed, code, about)
}

/// Rightly signed manifests that are not deterministic CBOR.
fn strict() -> Vec<Vector> {
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

/// Values of the wrong type, out of range, or missing.
fn fields() -> Vec<Vector> {
    let with = |key, item| signed(manifest().with(key, item));
    let mut vectors: Vec<Vector> = (0..=8)
        .map(|key| {
            let name = format!("manifest-without-key-{key}");
            bad(
                &name,
                signed(manifest().without(key)),
                "missing-field",
                "a key that must be there is not",
            )
        })
        // Without an author nobody can be named as the signer, and the key id is compared after.
        .collect();
    let ids = |ids: &[u8]| list(&ids.iter().map(|id| bytes(&[*id; 32])).collect::<Vec<_>>());
    let many: Vec<u8> = (0..=64).collect();
    vectors.extend([
        bad("version-0", with(0, uint(0)), "unsupported-version", "version 0"),
        bad("version-2", with(0, uint(2)), "unsupported-version", "version 2"),
        bad("version-text", with(0, text("1")), "unexpected-type", "the version as a text"),
        bad("kind-negative", with(1, Item::Negative(0)), "unexpected-type", "a negative kind"),
        bad("origin-short", with(3, bytes(&[1; 31])), "out-of-range", "an origin of 31 bytes"),
        bad("origin-text", with(3, text("KR")), "unexpected-type", "an origin that is a name"),
        bad(
            "signed-at-negative",
            with(5, Item::Negative(0)),
            "unexpected-type",
            "a time before 1970",
        ),
        bad(
            "signed-at-beyond",
            with(5, uint(1 << 63)),
            "out-of-range",
            "a time after the last that there is",
        ),
        bad("addressed-number", with(8, uint(1)), "unexpected-type", "a number for a truth value"),
        bad("addressed-null", with(8, raw(&[0xf6])), "unexpected-type", "null for a truth value"),
        bad("supersedes-empty", with(9, list(&[])), "empty", "an empty list, which is left out"),
        bad(
            "supersedes-unsorted",
            with(9, ids(&[2, 1])),
            "unsorted-keys",
            "superseded records in descending order",
        ),
        bad(
            "supersedes-twice",
            with(9, ids(&[1, 1])),
            "duplicate-key",
            "one superseded record twice",
        ),
        bad("supersedes-65", with(9, ids(&many)), "over-limit", "65 superseded records"),
        bad(
            "supersedes-short-id",
            with(9, list(&[bytes(&[1; 31])])),
            "out-of-range",
            "a record id of 31 bytes",
        ),
    ]);
    vectors
}

/// What a manifest of its kind must not be.
fn shapes() -> Vec<Vector> {
    let parts = |lines: Vec<Item>| signed(manifest_with(lines));
    let entry_of = |item: Item| parts(vec![item]);
    let mut too_many = Vec::new();
    head(&mut too_many, 4, 1025);
    too_many.extend([0; 1025]);
    let three = vec![padding(1, 0), padding(2, 0), padding(3, 0)];
    let empty_item = map(&[]).encode();
    vec![
        bad(
            "parts-unsorted",
            parts(vec![padding(2, 0), padding(1, 0)]),
            "unsorted-parts",
            "part digests in descending order",
        ),
        bad(
            "parts-twice",
            parts(vec![padding(1, 0), padding(1, 0)]),
            "duplicate-part",
            "one part twice",
        ),
        bad(
            "parts-twice-other-size",
            parts(vec![padding(1, 0), padding(1, 1)]),
            "duplicate-part",
            "one part twice, with two size classes",
        ),
        bad("parts-three", parts(three), "unpadded", "three lines, which is no power of two"),
        bad("parts-empty", parts(Vec::new()), "empty", "an empty part list, which is left out"),
        bad(
            "parts-1025",
            signed(manifest().with(10, raw(&too_many))),
            "too-many-parts",
            "1,025 lines",
        ),
        bad(
            "parts-size-class-17",
            parts(vec![padding(1, 17)]),
            "size-class",
            "a size class of 128 MiB",
        ),
        bad(
            "parts-line-of-three",
            entry_of(list(&[bytes(&[1; 32]), uint(0), uint(0)])),
            "unknown-field",
            "a part line with a third element",
        ),
        bad(
            "parts-line-of-one",
            entry_of(list(&[bytes(&[1; 32])])),
            "missing-field",
            "a part line without size class",
        ),
        bad(
            "parts-short-digest",
            entry_of(list(&[bytes(&[1; 20]), uint(0)])),
            "out-of-range",
            "a digest of 20 bytes",
        ),
        bad(
            "content-without-parts",
            signed(manifest().without(10)),
            "no-parts",
            "an advisory without parts",
        ),
        bad(
            "content-with-body",
            signed(manifest().with(11, bytes(&empty_item))),
            "unexpected-body",
            "an advisory with a body",
        ),
        bad(
            "control-without-body",
            signed(control_manifest().without(11)),
            "missing-body",
            "a contact without a body",
        ),
        bad(
            "control-with-parts",
            signed(control_manifest().with(10, list(&[padding(1, 0)]))),
            "unexpected-parts",
            "a contact with a part",
        ),
        bad(
            "control-addressed",
            signed(control_manifest().with(8, Item::Bool(true))),
            "addressed-control",
            "a contact that says it is addressed",
        ),
        bad(
            "control-body-empty",
            signed(control_manifest().with(11, bytes(&[]))),
            "malformed-body",
            "an empty body",
        ),
        bad(
            "control-body-trailing",
            signed(control_manifest().with(11, bytes(&[0xa0, 0]))),
            "malformed-body",
            "a body of two items",
        ),
        bad(
            "control-body-indefinite",
            signed(control_manifest().with(11, bytes(&[0xbf, 0xff]))),
            "malformed-body",
            "an indefinite-length body",
        ),
        bad(
            "control-body-not-wrapped",
            signed(control_manifest().with(11, map(&[]))),
            "unexpected-type",
            "a body outside of a byte string",
        ),
    ]
}

/// What is wrong with the floor.
fn markings() -> Vec<Vector> {
    let floor = |pairs: &[(u64, Item)]| signed(manifest().with(7, map(pairs)));
    let amber = (0, uint(2));
    let categories = |names: &[&str]| {
        let names: Vec<Item> = names.iter().map(|name| text(name)).collect();
        floor(&[amber.clone(), (2, Item::Array(names))])
    };
    let and = |key, item| floor(&[amber.clone(), (key, item)]);
    vec![
        bad("floor-without-tlp", floor(&[]), "missing-field", "a marking without TLP"),
        bad("floor-tlp-text", floor(&[(0, text("AMBER"))]), "unexpected-type", "TLP as a text"),
        bad(
            "floor-not-a-map",
            signed(manifest().with(7, uint(2))),
            "unexpected-type",
            "a marking that is a number",
        ),
        bad(
            "floor-categories-unsorted",
            categories(&["b", "a"]),
            "unsorted-keys",
            "categories in descending order",
        ),
        bad(
            "floor-categories-twice",
            categories(&["a", "a"]),
            "duplicate-key",
            "one category twice",
        ),
        bad("floor-categories-empty", categories(&[]), "empty", "an empty list of categories"),
        bad("floor-category-empty", categories(&[""]), "empty", "a category without a name"),
        bad("floor-category-newline", categories(&["a\nb"]), "bad-text", "a category of two lines"),
        bad(
            "floor-category-long",
            categories(&["a".repeat(257).as_str()]),
            "over-limit",
            "a category of 257 bytes",
        ),
        bad(
            "floor-community-short",
            and(3, bytes(&[0; 31])),
            "out-of-range",
            "a community of 31 bytes",
        ),
        bad(
            "floor-release-at-beyond",
            and(4, uint(u64::MAX)),
            "out-of-range",
            "a release time after the last that there is",
        ),
        bad(
            "floor-onward-default",
            and(7, uint(0)),
            "redundant-default",
            "the default for passing on, written out",
        ),
        bad(
            "floor-exercise-reversed",
            and(8, text("drill\u{202e}")),
            "bad-text",
            "a mark that turns the reading direction",
        ),
        bad(
            "floor-duplicate-key",
            signed(
                manifest().with(7, Fields::new([amber.clone()]).append(uint(0), uint(4)).item()),
            ),
            "duplicate-key",
            "two TLP labels",
        ),
    ]
}
