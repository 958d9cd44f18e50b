//! Bodies of records about groups, good and bad, and addressees that are groups.

use comity_core::limits;

use super::base::{
    PARTNER, RELAY, addressee, addressee_header, bytes, digest, list, part, text, uint,
};
use super::cbor::{Fields, Item};
use super::vector::{Of, Vector};

const GROUP: [u8; 32] = [0x60; 32];
const RECORD: [u8; 32] = [0x71; 32];

pub fn all() -> Vec<Vector> {
    [good(), addressees(), charters(), words(), rosters()].concat()
}

fn charter() -> Fields {
    let founders = list(&[bytes(&PARTNER), bytes(&RELAY)]);
    Fields::new([(0, uint(0)), (1, uint(1)), (2, text("format = 1\n")), (3, founders)])
}

fn application() -> Fields {
    let affiliations = list(&[text("APCERT"), text("FIRST")]);
    let answers = list(&[text("The Act of 2019."), text("The duty officer.")]);
    Fields::new([(0, uint(1)), (1, bytes(&GROUP)), (2, affiliations), (3, answers)])
}

fn about(what: u64) -> Fields {
    Fields::new([(0, uint(what)), (1, bytes(&GROUP)), (2, uint(3)), (3, bytes(&RECORD))])
}

fn invitation() -> Fields {
    about(5).without(2)
}

fn roster() -> Fields {
    let member = |economy: &[u8; 32]| list(&[bytes(economy)]);
    let affiliated = list(&[bytes(&RELAY), list(&[text("FIRST")])]);
    Fields::new([
        (0, uint(0)),
        (1, bytes(&GROUP)),
        (2, uint(1)),
        (3, bytes(&GROUP)),
        (4, list(&[member(&PARTNER), affiliated])),
        (5, list(&[list(&[bytes(&RELAY), list(&[bytes(&RECORD)])])])),
    ])
}

fn head() -> Fields {
    Fields::new([(0, uint(1)), (1, bytes(&GROUP)), (2, uint(0)), (3, bytes(&GROUP))])
}

fn group(name: &str, body: Fields, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::GroupBody, body.item().encode(), code, about)
}

fn of_roster(name: &str, body: Fields, code: &str, about: &str) -> Vector {
    Vector::bad(name, Of::RosterBody, body.item().encode(), code, about)
}

fn good() -> Vec<Vector> {
    let one = list(&[bytes(&PARTNER)]);
    vec![
        group("group-charter", charter(), "ok", "a charter whose members may all sponsor"),
        group(
            "group-charter-sponsors",
            charter().with(4, one),
            "ok",
            "a charter that names sponsors",
        ),
        group("group-application", application(), "ok", "an application with two answers"),
        group(
            "group-application-plain",
            application().without(2).without(3),
            "ok",
            "an application where nothing is asked",
        ),
        group("group-sponsorship", about(2), "ok", "a sponsor's word"),
        group("group-removal", about(3), "ok", "a vote without a reason"),
        group(
            "group-removal-reason",
            about(3).with(4, text("Left.")),
            "ok",
            "a vote with a reason",
        ),
        group("group-handover", about(4), "ok", "a member would keep the roster"),
        group("group-invitation", invitation(), "ok", "a charter is shown"),
        of_roster("roster", roster(), "ok", "two members, one of whom came in"),
        of_roster("roster-unchanged", roster().without(5), "ok", "nobody came or went"),
        of_roster(
            "roster-handover",
            roster().with(6, bytes(&RECORD)),
            "ok",
            "the role goes to another member",
        ),
        of_roster("roster-head", head(), "ok", "the charter's epoch is the last one"),
    ]
}

fn addressees() -> Vec<Vector> {
    let listed = digest(b"x");
    let of =
        |addressee: Fields| part(addressee_header(&[listed]).with(8, addressee.item()).item(), b"");
    let to_group = || {
        let named = list(&[bytes(&GROUP), uint(3)]);
        addressee(&[listed]).without(0).without(1).with(2, named)
    };
    let whole = of(to_group());
    vec![
        Vector {
            digest: Some(digest(&whole).to_string()),
            unknown: Some(false),
            ..Vector::bad(
                "addressee-group-alone",
                Of::Part,
                whole,
                "ok",
                "for every member of a group, through a relay",
            )
        },
        Vector::bad(
            "addressee-group-with-desk",
            Of::Part,
            of(to_group().with(1, text("duty"))),
            "desk-and-group",
            "a desk of nobody in a group",
        ),
        Vector::bad(
            "addressee-relay-only",
            Of::Part,
            of(to_group().without(2)),
            "missing-field",
            "neither an economy nor a group",
        ),
    ]
}

fn charters() -> Vec<Vector> {
    let long = "#".repeat(limits::CHARTER_BYTES + 1);
    let many: Vec<Item> = (0..=limits::MEMBERS as u64)
        .map(|index| bytes(&[&index.to_be_bytes()[..], &[0; 24]].concat()))
        .collect();
    vec![
        group("group-empty", Fields::new([]), "missing-field", "an empty map"),
        group("group-nameless", charter().without(0), "missing-field", "not said what it is"),
        group("group-later", about(6), "out-of-range", "what a later version says"),
        group("charter-later", charter().with(1, uint(2)), "out-of-range", "of a later version"),
        group("charter-versionless", charter().without(1), "missing-field", "without a version"),
        group("charter-textless", charter().without(2), "missing-field", "without its text"),
        group(
            "charter-too-long",
            charter().with(2, text(&long)),
            "over-limit",
            "over 32 KiB of text",
        ),
        group("charter-founderless", charter().without(3), "missing-field", "without founders"),
        group(
            "charter-no-founders",
            charter().with(3, list(&[])),
            "empty",
            "an empty set of founders",
        ),
        group(
            "charter-founders-unsorted",
            charter().with(3, list(&[bytes(&RELAY), bytes(&PARTNER)])),
            "unsorted-keys",
            "founders out of order",
        ),
        group(
            "charter-founder-twice",
            charter().with(3, list(&[bytes(&RELAY), bytes(&RELAY)])),
            "duplicate-key",
            "one founder twice",
        ),
        group(
            "charter-too-many",
            charter().with(3, Item::Array(many)),
            "over-limit",
            "257 founders",
        ),
        group(
            "charter-no-sponsors",
            charter().with(4, list(&[])),
            "empty",
            "an empty set of sponsors",
        ),
        group(
            "charter-more",
            charter().with(9, uint(0)),
            "unknown-field",
            "a field of a later version",
        ),
    ]
}

fn words() -> Vec<Vector> {
    let answers = |count: usize| Item::Array(vec![text("yes"); count]);
    vec![
        group("application-groupless", application().without(1), "missing-field", "to no group"),
        group(
            "application-affiliation-twice",
            application().with(2, list(&[text("FIRST"), text("FIRST")])),
            "duplicate-key",
            "one affiliation twice",
        ),
        group(
            "application-affiliations-empty",
            application().with(2, list(&[])),
            "empty",
            "an empty set of affiliations",
        ),
        group(
            "application-affiliation-turned",
            application().with(2, list(&[text("FI\u{202e}RST")])),
            "bad-text",
            "an affiliation that turns the reading direction",
        ),
        group("application-answers-empty", application().with(3, list(&[])), "empty", "no answer"),
        group(
            "application-answer-empty",
            application().with(3, list(&[text("")])),
            "empty",
            "an answer without a word",
        ),
        group(
            "application-answers-many",
            application().with(3, answers(limits::CRITERIA + 1)),
            "over-limit",
            "33 answers",
        ),
        group(
            "application-answer-long",
            application().with(3, list(&[text(&"a".repeat(limits::ANSWER_BYTES + 1))])),
            "over-limit",
            "an answer of more than 1,024 bytes",
        ),
        group("sponsorship-epochless", about(2).without(2), "missing-field", "without an epoch"),
        group("sponsorship-of-nothing", about(2).without(3), "missing-field", "of no application"),
        group(
            "sponsorship-reason",
            about(2).with(4, text("Good people.")),
            "unknown-field",
            "with a reason, which only a removal has",
        ),
        group(
            "sponsorship-short",
            about(2).with(3, bytes(&[1; 31])),
            "out-of-range",
            "a record of 31 bytes",
        ),
        group("removal-reason-empty", about(3).with(4, text("")), "empty", "an empty reason"),
        group(
            "removal-reason-lines",
            about(3).with(4, text("one\ntwo")),
            "bad-text",
            "a reason of two lines",
        ),
        group("handover-to-nobody", about(4).without(3), "missing-field", "to nobody"),
        group("invitation-epoch", about(5), "unknown-field", "an invitation with an epoch"),
    ]
}

fn rosters() -> Vec<Vector> {
    let member = |economy: &[u8; 32]| list(&[bytes(economy)]);
    let change = |records: Item| list(&[list(&[bytes(&RELAY), records])]);
    let many: Vec<Item> = (0..=limits::JUSTIFICATIONS as u64)
        .map(|index| bytes(&[&index.to_be_bytes()[..], &[0; 24]].concat()))
        .collect();
    let of = of_roster;
    vec![
        of("roster-nameless", roster().without(0), "missing-field", "not said what it is"),
        of("roster-later", head().with(0, uint(2)), "out-of-range", "what a later version says"),
        of("roster-epoch-0", roster().with(2, uint(0)), "out-of-range", "the charter's own epoch"),
        of("roster-orphan", roster().without(3), "missing-field", "without a predecessor"),
        of("roster-memberless", roster().without(4), "missing-field", "without members"),
        of("roster-no-members", roster().with(4, list(&[])), "empty", "an empty list of members"),
        of(
            "roster-member-empty",
            roster().with(4, list(&[list(&[])])),
            "missing-field",
            "a member without a name",
        ),
        of(
            "roster-member-twice",
            roster().with(4, list(&[member(&PARTNER), member(&PARTNER)])),
            "duplicate-key",
            "one member twice",
        ),
        of(
            "roster-members-unsorted",
            roster().with(4, list(&[member(&RELAY), member(&PARTNER)])),
            "unsorted-keys",
            "members out of order",
        ),
        of(
            "roster-member-longer",
            roster().with(4, list(&[list(&[bytes(&PARTNER), list(&[text("FIRST")]), uint(0)])])),
            "unknown-field",
            "a third element of a member",
        ),
        of(
            "roster-affiliations-empty",
            roster().with(4, list(&[list(&[bytes(&PARTNER), list(&[])])])),
            "empty",
            "an empty set of affiliations",
        ),
        of("roster-no-changes", roster().with(5, list(&[])), "empty", "an empty list of changes"),
        of(
            "roster-change-unjustified",
            roster().with(5, list(&[list(&[bytes(&RELAY)])])),
            "missing-field",
            "a change without records",
        ),
        of(
            "roster-change-by-nothing",
            roster().with(5, change(list(&[]))),
            "empty",
            "a change with an empty set of records",
        ),
        of(
            "roster-change-record-twice",
            roster().with(5, change(list(&[bytes(&RECORD), bytes(&RECORD)]))),
            "duplicate-key",
            "one record cited twice",
        ),
        of(
            "roster-change-too-many",
            roster().with(5, change(Item::Array(many))),
            "over-limit",
            "33 records for one change",
        ),
        of("roster-more", roster().with(9, uint(0)), "unknown-field", "a field of a later version"),
        of("roster-reversed", roster().reversed(), "missing-field", "its last key first"),
        of("head-digestless", head().without(3), "missing-field", "a head without a digest"),
        of("head-more", head().with(4, uint(0)), "unknown-field", "a head with a field too many"),
    ]
}
