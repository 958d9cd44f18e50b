//! Bodies of records of kind `approval`, good and bad.

use super::base::{bytes, text, uint};
use super::cbor::Fields;
use super::vector::{Of, Vector};

const RECORD: [u8; 32] = [0x81; 32];
const TO: [u8; 32] = [0x82; 32];

pub fn all() -> Vec<Vector> {
    let long = "x".repeat(1025);
    vec![
        approval("approval", word(0), "ok", "a yes without a note"),
        approval("approval-note", word(0).with(2, text("Checked with the court.")), "ok", "a yes"),
        approval("approval-refused", word(1).with(2, text("It names a victim.")), "ok", "a no"),
        approval("approval-verdict", word(2), "out-of-range", "a verdict that nobody knows"),
        approval("approval-emergency", emergency(), "ok", "to one partner, and why"),
        approval(
            "approval-emergency-to-nobody",
            emergency().without(3),
            "missing-field",
            "an emergency for nobody",
        ),
        approval(
            "approval-emergency-without-why",
            emergency().without(2),
            "missing-field",
            "an emergency without a reason",
        ),
        approval(
            "approval-to",
            word(0).with(3, bytes(&TO)),
            "unknown-field",
            "a yes for one partner, which is none",
        ),
        approval("approval-of-nothing", word(0).without(0), "missing-field", "no record"),
        approval("approval-no-verdict", word(0).without(1), "missing-field", "no verdict"),
        approval("approval-empty-note", word(0).with(2, text("")), "empty", "a note of nothing"),
        approval(
            "approval-note-lines",
            word(0).with(2, text("one\ntwo")),
            "bad-text",
            "a note of two lines",
        ),
        approval("approval-note-long", word(0).with(2, text(&long)), "over-limit", "1,025 bytes"),
        approval(
            "approval-unknown-field",
            word(0).with(9, uint(1)),
            "unknown-field",
            "a field of a later version, which may restrict",
        ),
    ]
}

fn emergency() -> Fields {
    word(3).with(2, text("A hospital is down.")).with(3, bytes(&TO))
}

fn word(verdict: u64) -> Fields {
    Fields::new([(0, bytes(&RECORD)), (1, uint(verdict))])
}

fn approval(name: &str, body: Fields, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::ApprovalBody, body.item().encode(), code, about)
}
