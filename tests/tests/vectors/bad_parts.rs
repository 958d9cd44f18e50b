//! Parts that are wrong in one way each, alone or against their record.

use comity_core::digest::domains;
use comity_core::limits;

use super::base::{
    PARTNER, SALT, addressee, addressee_header, bytes, digest, entry, header, list, manifest_with,
    map, padding, part, raw, size_class, text, uint,
};
use super::cbor::{Fields, Item};
use super::good::{self, large_part};
use super::vector::{Of, PartVector, Vector};

pub fn all() -> Vec<Vector> {
    [shapes(), headers(), addressees(), against_their_record()].concat()
}

fn bad(name: &str, part: Vec<u8>, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::Part, part, code, about)
}

fn shapes() -> Vec<Vector> {
    let of = |items: &[Item]| list(items).encode();
    let (domain, salt, head, content) =
        (text(domains::PART), bytes(&SALT), header().item(), bytes(b"text"));
    let good = part(header().item(), b"text");
    let wide = header().with(40, bytes(&[0; limits::HEADER_BYTES])).item();
    vec![
        bad(
            "part-other-domain",
            of(&[text("comity/part/2"), salt.clone(), head.clone(), content.clone()]),
            "part-domain",
            "the domain string of another version",
        ),
        bad(
            "part-domain-bytes",
            of(&[bytes(domains::PART.as_bytes()), salt.clone(), head.clone(), content.clone()]),
            "unexpected-type",
            "the domain string as bytes",
        ),
        bad(
            "part-salt-short",
            of(&[domain.clone(), bytes(&[0; 15]), head.clone(), content.clone()]),
            "salt-length",
            "a salt of 15 bytes",
        ),
        bad(
            "part-salt-long",
            of(&[domain.clone(), bytes(&[0; 17]), head.clone(), content.clone()]),
            "salt-length",
            "a salt of 17 bytes",
        ),
        bad(
            "part-content-text",
            of(&[domain.clone(), salt.clone(), head.clone(), text("text")]),
            "unexpected-type",
            "the content as a text string",
        ),
        bad(
            "part-without-content",
            of(&[domain.clone(), salt.clone(), head.clone()]),
            "missing-field",
            "no content",
        ),
        bad(
            "part-of-five",
            of(&[domain, salt, head, content.clone(), content]),
            "unknown-field",
            "a fifth element",
        ),
        bad(
            "part-trailing",
            [good.clone(), vec![0]].concat(),
            "trailing-bytes",
            "a byte after the part",
        ),
        bad(
            "part-truncated",
            good[..good.len() - 1].to_vec(),
            "length-beyond-input",
            "the last byte is missing",
        ),
        bad(
            "part-header-too-large",
            part(wide, b""),
            "header-too-large",
            "a header of more than 48 KiB",
        ),
        Vector::bad(
            "part-too-large",
            Of::Part,
            large_part(limits::PART_BYTES + 1),
            "part-too-large",
            "one byte more than 64 MiB",
        ),
    ]
}

fn headers() -> Vec<Vector> {
    let of = |header: Fields| part(header.item(), b"text");
    let named = |name: &str| of(header().with(5, text(name)));
    let long = "n".repeat(257);
    vec![
        bad("header-without-section", of(header().without(0)), "missing-field", "no section"),
        bad("header-without-classes", of(header().without(1)), "missing-field", "no classes"),
        bad("header-without-media-type", of(header().without(2)), "missing-field", "no media type"),
        bad(
            "header-classes-empty",
            of(header().with(1, list(&[]))),
            "empty",
            "an empty set of classes",
        ),
        bad(
            "header-classes-unsorted",
            of(header().with(1, list(&[uint(2), uint(1)]))),
            "unsorted-keys",
            "classes in descending order",
        ),
        bad(
            "header-classes-twice",
            of(header().with(1, list(&[uint(1), uint(1)]))),
            "duplicate-key",
            "one class twice",
        ),
        bad(
            "header-media-type-empty",
            of(header().with(2, text(""))),
            "empty",
            "an empty media type",
        ),
        bad(
            "header-media-type-control",
            of(header().with(2, text("text/plain\r\nx: y"))),
            "bad-text",
            "a media type of two lines",
        ),
        bad(
            "header-duplicate-key",
            of(header().append(uint(2), text("text/html"))),
            "duplicate-key",
            "two media types",
        ),
        bad(
            "header-destination-name",
            of(header().with(6, text("JP"))),
            "unexpected-type",
            "a destination that is a name",
        ),
        bad(
            "header-marking-empty",
            of(header().with(7, map(&[]))),
            "missing-field",
            "a marking without TLP",
        ),
        bad(
            "header-float",
            of(header().with(40, raw(&[0xfb, 0, 0, 0, 0, 0, 0, 0, 0]))),
            "float",
            "a float under an unknown key",
        ),
        bad(
            "file-name-folder",
            named("../report.pdf"),
            "file-name",
            "a file name that leaves its folder",
        ),
        bad(
            "file-name-backslash",
            named("..\\report.pdf"),
            "file-name",
            "a file name that leaves its folder elsewhere",
        ),
        bad("file-name-parent", named(".."), "file-name", "the folder above"),
        bad(
            "file-name-zero",
            named("report\0.pdf"),
            "bad-text",
            "a file name with a zero character",
        ),
        bad(
            "file-name-escape",
            named("report\u{1b}[2J"),
            "bad-text",
            "a file name that clears a terminal",
        ),
        bad(
            "file-name-reversed",
            named("report\u{202e}fdp.exe"),
            "bad-text",
            "a file name that reads as another",
        ),
        bad("file-name-empty", named(""), "empty", "an empty file name"),
        bad("file-name-long", named(&long), "over-limit", "a file name of 257 bytes"),
        bad(
            "translation-of-nothing",
            of(header().with(0, uint(9))),
            "missing-translates",
            "a translation that does not say of what",
        ),
        bad(
            "translation-of-translation",
            of(header().with(0, uint(9)).with(4, uint(9))),
            "missing-translates",
            "a translation of a translation",
        ),
        bad(
            "translation-of-addressee",
            of(header().with(0, uint(9)).with(4, uint(11))),
            "missing-translates",
            "a translation of an addressee",
        ),
        bad(
            "summary-translates",
            of(header().with(4, uint(2))),
            "unexpected-translates",
            "a summary that says it translates",
        ),
    ]
}

fn addressees() -> Vec<Vector> {
    let listed = digest(&part(header().item(), b"text"));
    let whole = |header: Fields| part(header.item(), b"");
    let of = |addressee: Fields| whole(addressee_header(&[listed]).with(8, addressee.item()));
    let base = || addressee(&[listed]);
    let group = list(&[bytes(&[9; 32]), uint(1)]);
    let relays =
        |relays: &[u8]| list(&relays.iter().map(|relay| bytes(&[*relay; 32])).collect::<Vec<_>>());
    vec![
        bad(
            "addressee-absent",
            whole(addressee_header(&[listed]).without(8)),
            "missing-addressee",
            "an addressee part that names nobody",
        ),
        bad(
            "addressee-in-summary",
            whole(header().with(8, base().item())),
            "unexpected-addressee",
            "a summary that names an addressee",
        ),
        bad(
            "addressee-with-content",
            part(addressee_header(&[listed]).item(), b"x"),
            "addressee-content",
            "an addressee part with content",
        ),
        bad(
            "addressee-with-destination",
            whole(addressee_header(&[listed]).with(6, bytes(&PARTNER))),
            "addressee-content",
            "an addressee part with a destination",
        ),
        bad(
            "addressee-with-file-name",
            whole(addressee_header(&[listed]).with(5, text("a.txt"))),
            "addressee-content",
            "an addressee part with a file name",
        ),
        bad(
            "addressee-without-economy",
            of(base().without(0)),
            "missing-field",
            "an addressee without an economy",
        ),
        bad(
            "addressee-without-parts",
            of(base().without(4)),
            "missing-field",
            "an addressee that may have nothing",
        ),
        bad(
            "addressee-empty-parts",
            of(base().with(4, list(&[]))),
            "empty",
            "an addressee with an empty list of parts",
        ),
        bad(
            "addressee-parts-unsorted",
            of(base().with(4, relays(&[2, 1]))),
            "unsorted-keys",
            "parts in descending order",
        ),
        bad("addressee-desk-empty", of(base().with(1, text(""))), "empty", "a desk without a name"),
        bad(
            "addressee-desk-and-group",
            of(base().with(2, group.clone())),
            "desk-and-group",
            "a desk and a group",
        ),
        bad(
            "addressee-group-without-epoch",
            of(base().without(1).with(2, list(&[bytes(&[9; 32])]))),
            "missing-field",
            "a group without an epoch",
        ),
        bad(
            "addressee-relays-unsorted",
            of(base().with(3, relays(&[2, 1]))),
            "unsorted-keys",
            "relays in descending order",
        ),
        bad(
            "addressee-relays-twice",
            of(base().with(3, relays(&[1, 1]))),
            "duplicate-key",
            "one relay twice",
        ),
        bad(
            "addressee-relays-17",
            of(base().with(3, relays(&(101..=117).collect::<Vec<u8>>()))),
            "over-limit",
            "17 relays",
        ),
        bad(
            "addressee-relays-empty",
            of(base().with(3, list(&[]))),
            "empty",
            "an empty list of relays",
        ),
        bad(
            "addressee-is-relay",
            of(base().with(3, list(&[bytes(&PARTNER)]))),
            "relay-is-addressee",
            "an addressee that is its own relay",
        ),
    ]
}

/// Good records with a part that does not belong to them.
fn against_their_record() -> Vec<Vector> {
    let summary = part(header().item(), b"text");
    let other = part(header().item(), b"other");
    let green = part(header().with(7, map(&[(0, uint(1))])).item(), b"green");
    let late = part(header().with(7, map(&[(0, uint(2)), (6, uint(2_000))])).item(), b"late");
    let to_partner = part(addressee_header(&[digest(&summary)]).item(), b"");
    let stranger = part(addressee_header(&[digest(&other)]).item(), b"");
    let one = |part: &[u8]| manifest_with(vec![entry(part)]);
    let record = |name: &str, manifest: Fields, part: Vec<u8>, code: &str, about: &str| {
        let refused =
            PartVector { bytes: part.into(), expect: code.to_owned(), ..PartVector::default() };
        Vector { parts: vec![refused], ..good::record(name, manifest, false, about) }
    };
    let class = |class: u64| {
        let line = list(&[bytes(&digest(&summary).0), uint(class)]);
        manifest_with(vec![line])
    };
    assert_eq!(size_class(summary.len()), 0);
    let floor = one(&late).with(7, map(&[(0, uint(2)), (6, uint(1_000))]));
    let mut changed = summary.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    vec![
        record(
            "part-of-another-record",
            one(&summary),
            other.clone(),
            "unlisted-part",
            "a part that the manifest does not list",
        ),
        record(
            "part-changed",
            one(&summary),
            changed,
            "unlisted-part",
            "a listed part with one bit changed",
        ),
        record(
            "part-padding",
            manifest_with(vec![padding(1, 0)]),
            summary.clone(),
            "unlisted-part",
            "a part of a record that has only padding",
        ),
        record(
            "part-wrong-size-class",
            class(1),
            summary.clone(),
            "wrong-size-class",
            "a small part said to be large",
        ),
        record(
            "part-below-floor",
            one(&green),
            green.clone(),
            "below-floor",
            "a GREEN part under an AMBER floor",
        ),
        record(
            "part-outlives-floor",
            floor,
            late.clone(),
            "below-floor",
            "a part that expires after its record",
        ),
        record(
            "addressee-in-open-record",
            good::sorted_manifest(&[&summary, &to_partner]),
            to_partner.clone(),
            "not-addressed",
            "an addressee part in a record that is not addressed",
        ),
        record(
            "addressee-lists-stranger",
            one(&stranger).with(8, Item::Bool(true)),
            stranger.clone(),
            "addressee-lists",
            "an addressee part that lists another record's part",
        ),
        record(
            "part-malformed-of-record",
            one(&summary),
            [summary.clone(), vec![0]].concat(),
            "trailing-bytes",
            "a listed part with a byte after it",
        ),
    ]
}
