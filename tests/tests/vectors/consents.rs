//! Bodies of records of kind `consent`, good and bad.

use comity_core::limits;

use super::base::{ORIGIN, PARTNER, RELAY, SIGNED_AT, bytes, list, text, uint};
use super::cbor::{Fields, Item};
use super::vector::{Of, Vector};

const RECORD: [u8; 32] = [0x71; 32];
const ASK: [u8; 32] = [0x72; 32];
const ONE: [u8; 32] = [0x73; 32];
const OTHER: [u8; 32] = [0x74; 32];

pub fn all() -> Vec<Vector> {
    [good(), asks(), grants(), refusals()].concat()
}

fn ask() -> Fields {
    Fields::new([
        (0, uint(0)),
        (1, bytes(&RECORD)),
        (2, list(&[bytes(&ONE), bytes(&OTHER)])),
        (3, bytes(&ORIGIN)),
        (4, list(&[bytes(&PARTNER), bytes(&RELAY)])),
        (5, text("The same flaw is exploited there.")),
        (6, uint(SIGNED_AT)),
    ])
}

fn grant() -> Fields {
    Fields::new([
        (0, uint(1)),
        (1, bytes(&RECORD)),
        (2, list(&[bytes(&ONE)])),
        (3, bytes(&PARTNER)),
        (4, bytes(&RELAY)),
        (5, bytes(&ASK)),
        (6, uint(SIGNED_AT)),
    ])
}

fn refusal() -> Fields {
    Fields::new([
        (0, uint(2)),
        (1, bytes(&RECORD)),
        (3, bytes(&PARTNER)),
        (5, bytes(&ASK)),
        (6, text("The victim does not want it.")),
    ])
}

fn terms(onward: u64, days: u64, purposes: &[&str]) -> Item {
    let purposes: Vec<_> = purposes.iter().map(|purpose| text(purpose)).collect();
    list(&[uint(onward), uint(days), list(&purposes)])
}

fn consent(name: &str, body: Fields, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::ConsentBody, body.item().encode(), code, about)
}

fn good() -> Vec<Vector> {
    let bound = grant().with(7, terms(2, 30, &["defence"]));
    vec![
        consent("consent-ask", ask(), "ok", "asks for two economies until a day"),
        consent("consent-ask-open", ask().without(6), "ok", "asks without an end"),
        consent("consent-grant", grant(), "ok", "one part to one economy"),
        consent("consent-grant-terms", bound, "ok", "on further terms"),
        consent("consent-refusal", refusal(), "ok", "a no, with its reason"),
    ]
}

fn asks() -> Vec<Vector> {
    let many: Vec<_> = (0..=limits::CONSENT_RECIPIENTS).map(numbered).collect();
    let long = "y".repeat(limits::ANSWER_BYTES + 1);
    vec![
        consent("consent-empty", Fields::new([]), "missing-field", "an empty map"),
        consent("consent-nameless", ask().without(0), "missing-field", "not said what it is"),
        consent(
            "consent-later",
            ask().with(0, uint(3)),
            "out-of-range",
            "what a later version says",
        ),
        consent("consent-ask-of-nothing", ask().without(1), "missing-field", "for no record"),
        consent("consent-ask-partless", ask().without(2), "missing-field", "for no part"),
        consent("consent-ask-parts-empty", ask().with(2, list(&[])), "empty", "an empty list"),
        consent(
            "consent-ask-parts-unsorted",
            ask().with(2, list(&[bytes(&OTHER), bytes(&ONE)])),
            "unsorted-keys",
            "parts in another order",
        ),
        consent(
            "consent-ask-parts-twice",
            ask().with(2, list(&[bytes(&ONE), bytes(&ONE)])),
            "duplicate-key",
            "a part twice",
        ),
        consent("consent-ask-of-nobody", ask().without(3), "missing-field", "asks nobody"),
        consent("consent-ask-for-nobody", ask().without(4), "missing-field", "for nobody"),
        consent(
            "consent-ask-for-many",
            ask().with(4, list(&many)),
            "over-limit",
            "for more economies than one record asks for",
        ),
        consent("consent-ask-whyless", ask().without(5), "missing-field", "without a reason"),
        consent("consent-ask-why-empty", ask().with(5, text("")), "empty", "an empty reason"),
        consent("consent-ask-why-long", ask().with(5, text(&long)), "over-limit", "a long reason"),
        consent(
            "consent-ask-why-steers",
            ask().with(5, text("fine\u{1b}[2J")),
            "bad-text",
            "a reason that steers a screen",
        ),
        consent(
            "consent-ask-until-never",
            ask().with(6, uint(u64::MAX)),
            "out-of-range",
            "until an instant that no clock shows",
        ),
        consent(
            "consent-ask-later-field",
            ask().with(7, uint(0)),
            "unknown-field",
            "a later field",
        ),
    ]
}

fn grants() -> Vec<Vector> {
    let of = |name, terms, code, about| consent(name, grant().with(7, terms), code, about);
    vec![
        consent("consent-grant-of-nothing", grant().without(1), "missing-field", "of no record"),
        consent("consent-grant-partless", grant().without(2), "missing-field", "of no part"),
        consent("consent-grant-parts-empty", grant().with(2, list(&[])), "empty", "an empty list"),
        consent(
            "consent-grant-askerless",
            grant().without(3),
            "missing-field",
            "to an unnamed asker",
        ),
        consent("consent-grant-to-nobody", grant().without(4), "missing-field", "for nobody"),
        consent(
            "consent-grant-to-two",
            grant().with(4, list(&[bytes(&PARTNER), bytes(&RELAY)])),
            "unexpected-type",
            "for two economies, who would learn of each other",
        ),
        consent(
            "consent-grant-to-asker",
            grant().with(4, bytes(&PARTNER)),
            "out-of-range",
            "for whom has it already",
        ),
        consent("consent-grant-unasked", grant().without(5), "missing-field", "answers nothing"),
        consent("consent-grant-endless", grant().without(6), "missing-field", "without an end"),
        of("consent-grant-loose", terms(0, 0, &[]), "out-of-range", "to be passed on freely"),
        of("consent-grant-plain", terms(1, 0, &[]), "redundant-default", "terms that say nothing"),
        of("consent-grant-onward", terms(3, 0, &[]), "out-of-range", "an unknown word on onward"),
        of(
            "consent-grant-purposes",
            terms(1, 0, &["research", "defence"]),
            "unsorted-keys",
            "purposes in another order",
        ),
        of(
            "consent-grant-purpose-steers",
            terms(1, 0, &["\u{202e}ecnefed"]),
            "bad-text",
            "a purpose that turns the reading direction",
        ),
        of(
            "consent-grant-terms-short",
            list(&[uint(1), uint(5)]),
            "missing-field",
            "terms without purposes",
        ),
        consent(
            "consent-grant-later-field",
            grant().with(8, uint(0)),
            "unknown-field",
            "a later field",
        ),
    ]
}

fn refusals() -> Vec<Vector> {
    vec![
        consent("consent-refusal-of-nothing", refusal().without(1), "missing-field", "no record"),
        consent("consent-refusal-to-nobody", refusal().without(3), "missing-field", "to nobody"),
        consent(
            "consent-refusal-unasked",
            refusal().without(5),
            "missing-field",
            "answers nothing",
        ),
        consent("consent-refusal-reasonless", refusal().without(6), "missing-field", "no reason"),
        consent(
            "consent-refusal-parts",
            refusal().with(2, list(&[])),
            "unknown-field",
            "with parts",
        ),
    ]
}

fn numbered(last: usize) -> Item {
    let mut economy = PARTNER;
    economy[31] = u8::try_from(last).unwrap();
    bytes(&economy)
}
