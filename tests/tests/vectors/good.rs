//! Records and parts that must be accepted, those of later versions among them.

use comity_core::digest::{Digest, domains, leaf_hash, node_hash};
use comity_core::limits;

use super::base::{
    ORIGIN, PARTNER, RELAY, SALT, SIGNED_AT, addressee, addressee_header, author, bytes,
    control_manifest, digest, entry, header, list, manifest, manifest_with, map, part, protected,
    raw, sig_structure, sign, signed, text, uint,
};
use super::cbor::{Fields, Item, head};
use super::vector::{Bytes, Of, PartVector, Piece, Vector, hex, unhex};

pub fn all() -> Vec<Vector> {
    [records(), later_records(), parts(), later_parts(), sizes()].concat()
}

/// A record that is accepted, with the id that follows from its manifest.
pub fn record(name: &str, manifest: Fields, unknown: bool, about: &str) -> Vector {
    let id = Digest::of(domains::RECORD_ID, &manifest.clone().item().encode());
    Vector {
        id: Some(id.to_string()),
        unknown: Some(unknown),
        ..Vector::bad(name, Of::Record, signed(manifest), "ok", about)
    }
}

fn part_of(part: &[u8]) -> PartVector {
    PartVector {
        bytes: part.to_vec().into(),
        expect: "ok".to_owned(),
        digest: Some(digest(part).to_string()),
        unknown: Some(false),
    }
}

/// An accepted part that stands alone.
fn alone(name: &str, part: &[u8], unknown: bool, about: &str) -> Vector {
    Vector {
        digest: Some(digest(part).to_string()),
        unknown: Some(unknown),
        ..Vector::bad(name, Of::Part, part.to_vec(), "ok", about)
    }
}

/// A manifest of these parts in the order of their digests.
pub fn sorted_manifest(parts: &[&[u8]]) -> Fields {
    let mut parts = parts.to_vec();
    parts.sort_by_key(|part| digest(part));
    manifest_with(parts.into_iter().map(entry).collect())
}

fn with_parts(name: &str, manifest: Fields, parts: &[&[u8]], about: &str) -> Vector {
    let parts = parts.iter().map(|part| part_of(part)).collect();
    Vector { parts, ..record(name, manifest, false, about) }
}

/// Form 1 over a tree in which `path` leads from the record to the root.
pub fn tree_form(manifest: Fields, index: u64, path: &[[u8; 32]]) -> Vec<u8> {
    let manifest = manifest.item().encode();
    let mut root = leaf_hash(Digest::of(domains::RECORD_ID, &manifest).as_bytes());
    for (level, sibling) in path.iter().enumerate() {
        let left = index >> level & 1 == 1;
        let sibling = Digest(*sibling);
        root = if left { node_hash(sibling, root) } else { node_hash(root, sibling) };
    }
    let head = list(&[bytes(&author().id().0), uint(1 << path.len()), bytes(&root.0)]).encode();
    let header = protected().item().encode();
    let signature = sign(&sig_structure(&header, domains::SIGN_RECORD_TREE, &head));
    let sign1 = list(&[bytes(&header), map(&[]), bytes(&head), bytes(&signature)]);
    let path: Vec<Item> = path.iter().map(|sibling| bytes(sibling)).collect();
    list(&[uint(1), bytes(&manifest), uint(index), Item::Array(path), sign1]).encode()
}

fn records() -> Vec<Vector> {
    let summary = part(header().item(), b"A flaw in a router.");
    let english = header().with(3, text("en")).with(5, text("advisory.json"));
    let original = part(english.with(0, uint(7)).item(), &[b'{'; 3000]);
    let victim = part(
        header()
            .with(0, uint(5))
            .with(1, list(&[uint(1), uint(2)]))
            .with(7, map(&[(0, uint(4))]))
            .item(),
        b"A bank.",
    );
    let addressee = part(addressee_header(&[digest(&summary)]).item(), b"");
    let group = super::base::addressee(&[digest(&victim)])
        .without(1)
        .with(2, list(&[bytes(&[9; 32]), uint(3)]));
    let group = part(addressee_header(&[digest(&victim)]).with(8, group.item()).item(), b"");
    let addressed = sorted_manifest(&[&summary, &victim, &addressee, &group])
        .with(1, uint(1))
        .with(6, uint(2))
        .with(8, Item::Bool(true));
    let floor = map(&[
        (0, uint(1)),
        (1, uint(2)),
        (2, list(&[text("crime"), text("energy")])),
        (3, bytes(&[9; 32])),
        (4, uint(SIGNED_AT)),
        (5, uint(SIGNED_AT + 1)),
        (6, uint(SIGNED_AT + 2)),
        (7, uint(2)),
        (8, text("drill")),
    ]);
    let ids: Vec<Item> = (1..=64).map(|byte| bytes(&[byte; 32])).collect();
    let full: Vec<Item> = (0..1024_u64)
        .map(|index| {
            list(&[bytes(&[&index.to_be_bytes()[..], &[0; 24]].concat()), uint(index % 17)])
        })
        .collect();
    let rows = |economy: &[u8; 32]| {
        let header = header().with(0, uint(8)).with(2, text("application/x-ndjson"));
        part(header.with(6, bytes(economy)).item(), b"{}\n")
    };
    let (first, second) = (rows(&PARTNER), rows(&RELAY));
    let sightings = sorted_manifest(&[&first, &second]).with(1, uint(2));
    let mut vectors = vec![
        record(
            "record-padding-only",
            manifest(),
            false,
            "an advisory none of whose lines need be a part",
        ),
        with_parts(
            "record-one-part",
            sorted_manifest(&[&summary]),
            &[&summary],
            "an advisory with one part",
        ),
        with_parts(
            "record-two-parts",
            sorted_manifest(&[&summary, &original]),
            &[&summary, &original],
            "parts of two size classes",
        ),
        with_parts(
            "record-part-held-back",
            sorted_manifest(&[&summary, &original]),
            &[&original],
            "one of two parts is here",
        ),
        with_parts(
            "record-addressed",
            addressed,
            &[&summary, &victim, &addressee, &group],
            "an urgent incident to a desk and to a group, with a RED part",
        ),
        with_parts(
            "record-sightings",
            sightings,
            &[&first, &second],
            "rows destined to two economies",
        ),
        record("record-full-marking", manifest().with(7, floor), false, "a floor with every key"),
        record("record-clear", manifest().with(7, map(&[(0, uint(0))])), false, "a CLEAR floor"),
        record(
            "record-interim",
            manifest().with(2, uint(0)).with(6, uint(1)),
            false,
            "preliminary, to be read today",
        ),
        record(
            "record-supersedes-64",
            manifest().with(9, Item::Array(ids)),
            false,
            "64 superseded records",
        ),
        record(
            "record-1024-lines",
            manifest_with(full),
            false,
            "as many lines as there may be, of every size class",
        ),
        record(
            "record-last-time",
            manifest().with(5, uint(i64::MAX as u64)),
            false,
            "the last time that there is",
        ),
    ];
    vectors.extend((16..=27).map(|kind| {
        let name = format!("control-kind-{kind}");
        record(&name, control_manifest().with(1, uint(kind)), false, "a record of a control kind")
    }));
    vectors
}

/// What later versions may add: kept, and never released.
fn later_records() -> Vec<Vector> {
    let floor = |pairs: &[(u64, Item)]| manifest().with(7, map(pairs));
    let green = part(header().with(7, map(&[(0, uint(1))])).item(), b"green");
    let known_part = Vector {
        parts: vec![part_of(&green)],
        ..record(
            "later-floor-is-not-compared",
            manifest_with(vec![entry(&green)]).with(7, map(&[(0, uint(9))])),
            true,
            "a part under a floor with a TLP label of a later version",
        )
    };
    vec![
        record("later-kind", manifest().with(1, uint(99)), true, "an unknown kind with parts"),
        record(
            "later-kind-with-body",
            manifest().with(1, uint(99)).with(11, bytes(&[0xa0])),
            true,
            "an unknown kind with parts and a body",
        ),
        record(
            "later-kind-bare",
            manifest().with(1, uint(99)).without(10),
            true,
            "an unknown kind with neither",
        ),
        record("later-state", manifest().with(2, uint(9)), true, "an unknown state"),
        record("later-urgency", manifest().with(6, uint(9)), true, "an unknown urgency"),
        record(
            "later-key",
            manifest().with(12, raw(&[0xf6])),
            true,
            "an unknown key of the manifest",
        ),
        record(
            "later-key-large",
            manifest().with(1 << 40, map(&[(1, text("x"))])),
            true,
            "an unknown key of nine bytes",
        ),
        record(
            "later-key-deep",
            manifest().with(12, raw(&[vec![0x81; 15], vec![0]].concat())),
            true,
            "16 levels, the manifest counted",
        ),
        record(
            "later-key-text-map",
            manifest().with(
                12,
                Item::Map(vec![(text("a"), Item::Negative(9)), (text("aa"), Item::Bool(true))]),
            ),
            true,
            "a map with text keys under an unknown key",
        ),
        record("later-tlp", floor(&[(0, uint(5))]), true, "an unknown TLP label"),
        record("later-pap", floor(&[(0, uint(0)), (1, uint(4))]), true, "an unknown PAP label"),
        record(
            "later-onward",
            floor(&[(0, uint(0)), (7, uint(3))]),
            true,
            "an unknown value for passing on",
        ),
        record(
            "later-marking-key",
            floor(&[(0, uint(0)), (9, uint(1))]),
            true,
            "an unknown key of the marking",
        ),
        known_part,
    ]
}

fn parts() -> Vec<Vector> {
    let full = header()
        .with(1, list(&[uint(0), uint(1), uint(2), uint(3), uint(4)]))
        .with(3, text("ja"))
        .with(5, text("要約.txt"))
        .with(6, bytes(&ORIGIN))
        .with(7, map(&[(0, uint(4))]));
    let translation = header().with(0, uint(9)).with(3, text("ja")).with(4, uint(0));
    let bare = addressee(&[digest(&[])]).without(1).without(3);
    vec![
        alone("part-empty-content", &part(header().item(), b""), false, "no content"),
        alone(
            "part-every-field",
            &part(full.item(), "要約".as_bytes()),
            false,
            "every field of content",
        ),
        alone(
            "part-translation",
            &part(translation.item(), "要約".as_bytes()),
            false,
            "a translation of a summary",
        ),
        alone(
            "part-addressee",
            &part(addressee_header(&[digest(&[])]).item(), b""),
            false,
            "an addressee with desk and relay",
        ),
        alone(
            "part-addressee-bare",
            &part(addressee_header(&[]).with(8, bare.item()).item(), b""),
            false,
            "an addressee that is only an economy",
        ),
        alone(
            "part-dotted-name",
            &part(header().with(5, text("..a")).item(), b""),
            false,
            "a file name that begins with dots",
        ),
    ]
}

fn later_parts() -> Vec<Vector> {
    let of = |header: Fields| part(header.item(), b"text");
    let addressed =
        addressee_header(&[]).with(8, addressee(&[digest(&[])]).with(5, uint(1)).item());
    vec![
        alone("later-section", &of(header().with(0, uint(99))), true, "an unknown section"),
        alone(
            "later-section-any-field",
            &of(header()
                .with(0, uint(99))
                .with(4, uint(0))
                .with(8, addressee(&[digest(&[])]).item())),
            true,
            "an unknown section with fields of others",
        ),
        alone(
            "later-class",
            &of(header().with(1, list(&[uint(0), uint(99)]))),
            true,
            "an unknown class",
        ),
        alone(
            "later-header-key",
            &of(header().with(9, text("x"))),
            true,
            "an unknown key of the header",
        ),
        alone(
            "later-translates",
            &of(header().with(0, uint(9)).with(4, uint(99))),
            true,
            "a translation of an unknown section",
        ),
        alone(
            "later-part-marking",
            &of(header().with(7, map(&[(0, uint(0)), (9, uint(0))]))),
            true,
            "an unknown key of the part's marking",
        ),
        alone(
            "later-addressee-key",
            &part(addressed.item(), b""),
            true,
            "an unknown key of the addressee",
        ),
    ]
}

/// Parts on both sides of the bounds of leaves and size classes.
fn sizes() -> Vec<Vector> {
    const MIB: usize = 1 << 20;
    let sizes = [
        1023,
        1024,
        1025,
        limits::INLINE_PART_BYTES,
        limits::INLINE_PART_BYTES + 1,
        MIB - 1,
        MIB,
        MIB + 1,
        2 * MIB,
        2 * MIB + 1,
        3 * MIB + 5,
        limits::PART_BYTES,
    ];
    sizes
        .into_iter()
        .map(|size| {
            let bytes = large_part(size);
            let whole = bytes.to_vec();
            assert_eq!(whole.len(), size);
            Vector {
                digest: Some(digest(&whole).to_string()),
                unknown: Some(false),
                ..Vector::bad(
                    &format!("part-of-{size}-bytes"),
                    Of::Part,
                    bytes,
                    "ok",
                    "content is the letter a",
                )
            }
        })
        .collect()
}

/// A part of exactly `size` bytes whose content is the letter a, described.
pub fn large_part(size: usize) -> Bytes {
    let mut prefix = Vec::new();
    head(&mut prefix, 4, 4);
    prefix.extend(text(domains::PART).encode());
    prefix.extend(bytes(&SALT).encode());
    prefix.extend(header().item().encode());
    let head_of = |length: usize| {
        let mut bytes = Vec::new();
        head(&mut bytes, 2, length as u64);
        bytes
    };
    let times = (1..10)
        .map(|head| size - prefix.len() - head)
        .find(|times| prefix.len() + head_of(*times).len() + times == size)
        .expect("a length whose head has the rest");
    prefix.extend(head_of(times));
    assert_eq!(unhex(&hex(&prefix)), prefix);
    Bytes::Pieces(vec![Piece::Hex(hex(&prefix)), Piece::Run { repeat: "61".to_owned(), times }])
}
