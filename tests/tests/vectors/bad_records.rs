//! Manifests with a wrong value, or of a wrong shape, one thing each.

use super::base::{
    bytes, control_manifest, list, manifest, manifest_with, map, padding, raw, signed, text, uint,
};
use super::cbor::{Fields, Item, head};
use super::vector::{Of, Vector};

pub fn all() -> Vec<Vector> {
    [fields(), shapes(), markings()].concat()
}

fn bad(name: &str, signed: Vec<u8>, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::Record, signed, code, about)
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
        bad(
            "floor-categories-17",
            categories(
                &"abcdefghijklmnopq".split("").filter(|one| !one.is_empty()).collect::<Vec<_>>(),
            ),
            "over-limit",
            "17 categories",
        ),
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
