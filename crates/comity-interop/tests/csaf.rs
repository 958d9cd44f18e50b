//! Real advisories, whole and damaged.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests read files, and may assert with what libraries may not use"
)]

use std::fs;

use comity_core::{Kind, Section, State, Tlp};
use comity_interop::csaf::{self, Fault, ImportError};
use proptest::prelude::*;
use serde_json::{Value, json};

fn bytes(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/csaf/");
    fs::read(format!("{folder}{name}")).unwrap()
}

fn document() -> Value {
    serde_json::from_slice(&bytes("icsma-24-249-01.json")).unwrap()
}

fn refusal(document: &Value) -> ImportError {
    csaf::read(document.to_string().as_bytes()).unwrap_err()
}

/// The text of a section of a draft.
fn text(name: &str, section: Section) -> String {
    let draft = csaf::import(&bytes(name)).unwrap();
    let found = draft.sections.iter().find(|(header, _)| header.section == section);
    String::from_utf8(found.unwrap().1.clone()).unwrap()
}

#[test]
fn a_real_advisory_becomes_a_draft() {
    let original = bytes("icsa-24-193-18.json");
    let draft = csaf::import(&original).unwrap();
    assert_eq!(draft.title, "Rockwell Automation ThinManager ThinServer");
    assert_eq!((draft.kind, draft.state), (Kind::Advisory, State::Final));
    assert_eq!(draft.marking.map(|marking| marking.tlp), Some(Tlp::Clear));
    let provenance = draft.provenance.unwrap();
    assert_eq!(provenance.namespace, "https://www.cisa.gov/");
    assert_eq!((provenance.id.as_str(), provenance.version.as_str()), ("ICSA-24-193-18", "1"));
    let sections: Vec<Section> = draft.sections.iter().map(|(header, _)| header.section).collect();
    let all = [Section::Original, Section::Summary, Section::Mitigation, Section::Detail];
    assert_eq!(sections, all);
    let (header, content) = &draft.sections[0];
    assert_eq!(*content, original);
    assert_eq!(header.media_type, "application/json");
    assert_eq!(header.file_name.as_deref(), Some("icsa-24-193-18.json"));
    assert!(draft.sections.iter().all(|(header, _)| header.language.as_deref() == Some("en-US")));
    assert_eq!(draft.notices, []);
}

#[test]
fn every_example_is_read_without_a_notice() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/csaf");
    let mut read = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let draft = csaf::import(&bytes(&name)).unwrap();
        assert_eq!(draft.notices, [], "{name}");
        assert_eq!(draft.sections[0].0.file_name.as_ref(), Some(&name));
        read += 1;
    }
    assert_eq!(read, 9);
}

#[test]
fn the_summary_says_what_it_is_about() {
    let text = text("icsma-24-249-01.json", Section::Summary);
    let expected = "\
Baxter Connex Health Portal

CISA, ICSMA-24-249-01, version 1 (final) of 2024-09-05T06:00:00.000000Z
https://www.cisa.gov/
Distribution: Disclosure is not limited

Risk evaluation
Successful exploitation of these vulnerabilities could lead to malicious code injection, shutdown of database service, or the ability to access, modify, or delete sensitive data from the database.

Vulnerabilities: 2
  - CVE-2024-6795 Improper Neutralization of Special Elements used in an SQL Command ('SQL Injection') (CWE-89), CVSS 10.0 CRITICAL
  - CVE-2024-6796 Improper Access Control (CWE-284), CVSS 8.2 HIGH
";
    assert_eq!(text, expected);
}

#[test]
fn a_remediation_is_said_once() {
    let text = text("icsa-24-102-08.json", Section::Mitigation);
    // Forty-seven vulnerabilities share their remediations.
    assert_eq!(text.matches("Update to V3.1.2 or later version").count(), 1, "{text}");
    assert!(text.starts_with("Fix, for CVE-"), "{text}");
    assert!(text.contains(" and 35 more\n"), "{text}");
    assert!(text.contains("Recommended Practices\n"), "{text}");
}

#[test]
fn the_detail_names_products_and_not_their_ids() {
    let text = text("icsa-24-261-01.json", Section::Detail);
    assert!(text.contains("Affected:\n  - SIMATIC S7-200 SMART CPU"), "{text}");
    assert!(text.contains("CVSS 3.1: 7.5 HIGH, CVSS:3.1/AV:N"), "{text}");
    assert!(!text.contains("CSAFPID"), "{text}");
}

#[test]
fn labels_of_both_generations_are_read() {
    for (label, tlp) in [
        ("WHITE", Tlp::Clear),
        ("CLEAR", Tlp::Clear),
        ("GREEN", Tlp::Green),
        ("AMBER", Tlp::Amber),
        ("AMBER+STRICT", Tlp::AmberStrict),
        ("RED", Tlp::Red),
    ] {
        let mut document = document();
        document["document"]["distribution"]["tlp"]["label"] = json!(label);
        let text = document.to_string();
        assert_eq!(csaf::read(text.as_bytes()).unwrap().tlp, Some(tlp));
    }
    let mut document = document();
    document["document"]["distribution"]["tlp"]["label"] = json!("MAUVE");
    assert_eq!(refusal(&document).pointer, "/document/distribution/tlp/label");
}

#[test]
fn a_document_without_a_marking_stays_unmarked_and_says_so() {
    let mut document = document();
    document["document"].as_object_mut().unwrap().remove("distribution");
    let draft = csaf::import(document.to_string().as_bytes()).unwrap();
    assert_eq!(draft.marking, None);
    assert_eq!(draft.notices[0].pointer, "/document/distribution/tlp");
}

#[test]
fn two_labels_are_no_label() {
    let text = String::from_utf8(bytes("icsma-24-249-01.json")).unwrap();
    let twice =
        text.replacen("\"label\": \"WHITE\"", "\"label\": \"RED\", \"label\": \"WHITE\"", 1);
    let error = csaf::read(twice.as_bytes()).unwrap_err();
    assert_eq!(error.pointer, "/document/distribution/tlp/label");
    assert_eq!(error.fault, Fault::Duplicate);
}

#[test]
fn other_versions_and_formats_are_told_what_to_do() {
    let mut document = document();
    document["document"]["csaf_version"] = json!("2.1");
    document["document"]["distribution"] = json!(7);
    let error = refusal(&document);
    assert_eq!(error.pointer, "/document/csaf_version");
    assert!(error.to_string().contains("CSAF 2.1") && error.to_string().contains("2.0 document"));
    for (document, pointer, word) in [
        (json!({"feed": {}}), "/feed", "ROLIE"),
        (json!({"aggregator": {}}), "/aggregator", "aggregator"),
        (json!({"type": "bundle", "objects": []}), "/objects", "STIX"),
        (json!({"Event": {}}), "/Event", "MISP"),
        (json!({}), "/document", "no CSAF document"),
        (json!([1]), "", "a list"),
    ] {
        let error = refusal(&document);
        assert_eq!(error.pointer, pointer);
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_byte_order_mark_is_passed_over_and_kept() {
    let mut marked = b"\xef\xbb\xbf".to_vec();
    marked.extend(bytes("icsma-24-249-01.json"));
    let draft = csaf::import(&marked).unwrap();
    assert_eq!(draft.sections[0].1, marked);
    assert!(draft.notices[0].what.contains("byte order mark"));
    let wide: Vec<u8> = String::from_utf8(bytes("icsma-24-249-01.json"))
        .unwrap()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(csaf::read(&wide).unwrap_err().fault, Fault::Encoding("UTF-16LE"));
}

#[test]
fn a_draft_of_its_publisher_is_interim() {
    let mut document = document();
    document["document"]["tracking"]["status"] = json!("draft");
    let draft = csaf::import(document.to_string().as_bytes()).unwrap();
    assert_eq!(draft.state, State::Interim);
    assert_eq!(draft.notices[0].pointer, "/document/tracking/status");
    assert_eq!(csaf::import(&bytes("icsa-23-166-03.json")).unwrap().state, State::Interim);
}

#[test]
fn nothing_in_a_text_commands_a_terminal() {
    let mut document = document();
    document["document"]["title"] = json!("a\u{1b}]0;owned\u{7}b\u{202e}c");
    document["document"]["notes"][0]["text"] = json!("x\u{1b}[2J\ny");
    let draft = csaf::import(document.to_string().as_bytes()).unwrap();
    assert_eq!(draft.title, "a\u{fffd}]0;owned\u{fffd}b\u{fffd}c");
    for (_, content) in &draft.sections[1..] {
        let text = std::str::from_utf8(content).unwrap();
        assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
    }
}

#[test]
fn a_small_document_does_not_become_a_large_text() {
    let mut document = document();
    let name = "n".repeat(100_000);
    document["product_tree"] = json!({"full_product_names": [{"name": name, "product_id": "A"}]});
    let ids: Vec<&str> = std::iter::repeat_n("A", 50_000).collect();
    let vulnerability = json!({"product_status": {"known_affected": ids}});
    document["vulnerabilities"] = json!(vec![vulnerability; 4]);
    let draft = csaf::import(document.to_string().as_bytes()).unwrap();
    for (_, content) in &draft.sections[1..] {
        assert!(content.len() <= comity_interop::limits::TEXT_BYTES);
    }
    let mut deep = json!({"category": "vendor", "name": "x"});
    for _ in 0..60 {
        deep = json!({"category": "vendor", "name": "x", "branches": [deep]});
    }
    document["product_tree"] = json!({"branches": [deep]});
    assert_eq!(refusal(&document).fault, Fault::TooDeep);
}

/// Every place of a document, as a pointer.
fn places(json: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match json {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{at}/{name}"), into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate().take(2) {
                places(item, &format!("{at}/{index}"), into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_wrong_type_anywhere_is_refused_with_its_place() {
    let document = document();
    let mut all = Vec::new();
    places(&document, "", &mut all);
    assert!(all.len() > 150);
    for place in all {
        for wrong in [json!(null), json!(true), json!([[7]]), json!({"x": 1})] {
            let mut damaged = document.clone();
            *damaged.pointer_mut(&place).unwrap() = wrong.clone();
            let error = refusal_at(&damaged, &place, &wrong);
            assert!(error.pointer.starts_with(&place), "{place}: {error}");
        }
    }
}

/// What a document is refused for. An object where no member is needed may stand for another.
fn refusal_at(document: &Value, place: &str, wrong: &Value) -> ImportError {
    match csaf::read(document.to_string().as_bytes()) {
        Err(error) => error,
        Ok(_) => {
            let free = ["/acknowledgments/", "/vulnerabilities/", "/product_status", "_helper"];
            let free = free.iter().any(|part| place.contains(part))
                || ["/product_tree", "/document/distribution"].contains(&place);
            assert!(wrong.is_object() && free, "{place}");
            ImportError { pointer: place.to_owned(), fault: Fault::Missing }
        }
    }
}

#[test]
fn what_is_needed_is_missed() {
    for place in [
        "/document/category",
        "/document/publisher/namespace",
        "/document/title",
        "/document/tracking/id",
        "/document/tracking/revision_history/0/number",
        "/vulnerabilities/0/remediations/0/details",
        "/product_tree/branches/0/category",
    ] {
        let mut damaged = document();
        let (parent, name) = place.rsplit_once('/').unwrap();
        damaged.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
        let error = refusal(&damaged);
        assert_eq!((error.pointer.as_str(), &error.fault), (place, &Fault::Missing));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_document_is_read_or_refused_and_never_worse(
        cuts in proptest::collection::vec((0usize..12_900, any::<u8>()), 1..6),
        end in 0usize..12_908,
    ) {
        let mut damaged = bytes("icsma-24-249-01.json");
        for (at, byte) in cuts {
            damaged[at] = byte;
        }
        if end % 3 == 0 {
            damaged.truncate(end);
        }
        if let Ok(draft) = csaf::import(&damaged) {
            prop_assert_eq!(&draft.sections[0].1, &damaged);
        }
    }
}
