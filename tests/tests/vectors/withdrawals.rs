//! Bodies of withdrawals and of the answers to them, good and bad.

use super::base::{PARTNER, bytes, list, text, uint};
use super::cbor::{Fields, Item};
use super::vector::{Of, Vector};

const ONE: [u8; 32] = [0x61; 32];
const OTHER: [u8; 32] = [0x62; 32];
const WITHDRAWAL: [u8; 32] = [0x63; 32];

pub fn all() -> Vec<Vector> {
    [good(), withdrawals(), answers()].concat()
}

fn withdrawal(records: &[[u8; 32]]) -> Fields {
    let records: Vec<Item> = records.iter().map(|record| bytes(record)).collect();
    Fields::new([(0, list(&records))])
}

/// What was done, and nothing more.
fn answer(code: u64) -> Fields {
    let (about, to) = (bytes(&WITHDRAWAL), bytes(&PARTNER));
    Fields::new([(0, about), (1, to), (2, uint(1_800_000_000_000)), (3, uint(code))])
}

fn kept(code: u64, because: u64) -> Fields {
    answer(code).with(4, uint(3)).with(5, uint(because))
}

fn of_withdrawal(name: &str, body: Fields, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::WithdrawalBody, body.item().encode(), code, about)
}

fn of_answer(name: &str, body: Fields, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::AcknowledgementBody, body.item().encode(), code, about)
}

fn good() -> Vec<Vector> {
    vec![
        of_withdrawal("withdrawal", withdrawal(&[ONE, OTHER]), "ok", "two records"),
        of_withdrawal("recall", withdrawal(&[ONE]).with(1, uint(2)), "ok", "as a law demands"),
        of_withdrawal(
            "recall-unknown-reason",
            withdrawal(&[ONE]).with(1, uint(77)),
            "ok",
            "for a reason of a later version",
        ),
        of_withdrawal(
            "recall-from-one",
            withdrawal(&[ONE]).with(1, uint(0)).with(2, list(&[bytes(&OTHER)])),
            "ok",
            "from one economy alone",
        ),
        of_withdrawal(
            "withdrawal-unknown-field",
            withdrawal(&[ONE]).with(9, list(&[text("later"), uint(1)])),
            "ok",
            "with a field of a later version, which takes back all the same",
        ),
        of_answer("answer-gone", answer(0), "ok", "nothing is there"),
        of_answer("answer-stopped", kept(1, 1), "ok", "three parts stay"),
        of_answer("answer-refused", kept(2, 1), "ok", "without words"),
        of_answer(
            "answer-refused-text",
            kept(2, 4).with(6, text("Until the trial is over.")),
            "ok",
            "with words",
        ),
        of_answer("answer-unknown-reason", kept(2, 77), "ok", "a reason of a later version"),
    ]
}

fn withdrawals() -> Vec<Vector> {
    vec![
        of_withdrawal("withdrawal-of-nothing", withdrawal(&[]), "out-of-range", "no record"),
        of_withdrawal(
            "withdrawal-unsorted",
            withdrawal(&[OTHER, ONE]),
            "unsorted-keys",
            "the larger id first",
        ),
        of_withdrawal(
            "withdrawal-twice",
            withdrawal(&[ONE, ONE]),
            "unsorted-keys",
            "the same record twice",
        ),
        of_withdrawal(
            "withdrawal-without-records",
            withdrawal(&[ONE]).with(1, uint(0)).without(0),
            "missing-field",
            "a reason alone",
        ),
        of_withdrawal(
            "recall-from-nobody",
            withdrawal(&[ONE]).with(2, list(&[])),
            "out-of-range",
            "from none of nobody",
        ),
        of_withdrawal(
            "recall-from-unsorted",
            withdrawal(&[ONE]).with(2, list(&[bytes(&OTHER), bytes(&ONE)])),
            "unsorted-keys",
            "the larger id first",
        ),
        of_withdrawal(
            "recall-reason-in-words",
            withdrawal(&[ONE]).with(1, text("law")),
            "unexpected-type",
            "the reason is no number",
        ),
    ]
}

fn answers() -> Vec<Vector> {
    vec![
        of_answer("answer-none", answer(0).without(3), "missing-field", "it says nothing"),
        of_answer("answer-to-nobody", answer(0).without(1), "missing-field", "for no economy"),
        of_answer("answer-unknown", answer(3), "out-of-range", "an answer of a later version"),
        of_answer(
            "answer-gone-and-kept",
            kept(0, 0),
            "unknown-field",
            "nothing is there, and parts stay",
        ),
        of_answer(
            "answer-stopped-unexplained",
            kept(1, 0).without(5),
            "missing-field",
            "parts stay, and it does not say why",
        ),
        of_answer(
            "answer-stopped-nothing",
            answer(1).with(4, uint(0)).with(5, uint(0)),
            "out-of-range",
            "no parts stay: then it is gone",
        ),
        of_answer(
            "answer-stopped-text",
            kept(1, 0).with(6, text("Words.")),
            "unknown-field",
            "words are for refusals",
        ),
        of_answer(
            "answer-refused-two-lines",
            kept(2, 4).with(6, text("One.\nTwo.")),
            "bad-text",
            "words of two lines",
        ),
        of_answer(
            "answer-refused-no-words",
            kept(2, 4).with(6, text("")),
            "empty",
            "words that say nothing",
        ),
        of_answer(
            "answer-unknown-field",
            kept(2, 4).with(7, uint(1)),
            "unknown-field",
            "a field of a later version",
        ),
    ]
}
