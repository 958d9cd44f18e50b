//! What is read before it is signed, and what is written of it afterwards.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use world::{Node, path};

const ADVISORY: &str = "examples/data/csaf/icsa-24-165-03.json";

fn sections(parts: &Value) -> Vec<&str> {
    parts.as_array().unwrap().iter().map(|part| part["section"].as_str().unwrap()).collect()
}

#[test]
fn a_draft_is_read_whole_before_it_is_signed() {
    let node = Node::plain("KR");
    node.data(&["import", "csaf", &path(ADVISORY)]);
    let draft = node.data(&["show", "KR-D-0001"]);
    assert_eq!(draft["reference"], "KR-D-0001");
    assert_eq!(draft["state"], "final");
    assert_eq!(sections(&draft["parts"]), ["original", "summary", "mitigation", "detail"]);
    let text = std::fs::read_to_string(path(ADVISORY)).unwrap();
    assert_eq!(draft["parts"][0]["text"], text, "byte for byte, before anybody signs it");
    assert!(draft["parts"].as_array().unwrap().iter().all(|part| part["tlp"] == "CLEAR"));

    // What was shown is what is signed.
    let signed = node.data(&["publish", "KR-D-0001", "--yes"]);
    let record = node.data(&["show", signed["reference"].as_str().unwrap()]);
    for part in draft["parts"].as_array().unwrap() {
        let same = |other: &&Value| other["section"] == part["section"];
        let found = record["parts"].as_array().unwrap().iter().find(same).unwrap();
        assert_eq!(found["text"], part["text"]);
    }
    node.try_with(&["show", "KR-D-0001"], "").refused(66, "no-draft", "KR-D-0001", "list --drafts");
}

#[test]
fn a_document_comes_by_standard_input_packed_or_not() {
    let node = Node::plain("KR");
    let text = std::fs::read_to_string(path(ADVISORY)).unwrap();
    let read = node.try_with(&["import", "csaf", "-"], &text).done();
    assert_eq!(read["drafts"][0]["reference"], "KR-D-0001");
    assert_eq!(read["drafts"][0].get("same_as"), None);
    let packed = std::fs::read(path("tests/cli/bad-files.in/packed.json.gz")).unwrap();
    let again = node.try_with(&["import", "csaf", "-"], &packed).done();
    assert_eq!(again["drafts"][0]["same_as"], "KR-D-0001");
    let table = path("tests/cli/bad-files.in/routes.toml");
    let rows = "{\"source.geolocation.cc\": \"KR\"}\n";
    let read = node.try_with(&["import", "intelmq", "-", "--routes", &table], rows).done();
    assert_eq!((&read["rows"], &read["unowned"]), (&Value::from(1), &Value::from(0)));
}

#[test]
fn a_record_becomes_a_file_that_verifies_without_what_is_red() {
    let node = Node::plain("KR");
    let file = node.folder().join("secret.toml");
    let text = "format = 1\nkind = \"incident\"\ntitle = \"A port\"\nmarking = { tlp = \"AMBER\" }\n\
        [[part]]\nsection = \"summary\"\ntext = \"A port was attacked.\"\n\
        [[part]]\nsection = \"victim\"\ntext = \"Port of Busan\"\nmarking = { tlp = \"RED\" }\n";
    std::fs::write(&file, text).unwrap();
    let signed = node.data(&["publish", file.to_str().unwrap(), "--yes"]);
    let reference = signed["reference"].as_str().unwrap();
    let out = node.folder().join("port.record");
    let out = out.to_str().unwrap();
    let shown = node.data(&["show", reference, "--out", out]);
    assert_eq!(shown["file"]["parts"], 1);
    assert_eq!(sections(&shown["file"]["left_out"]), ["victim"]);
    let mode = std::fs::metadata(out).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = std::fs::read(out).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("A port was attacked.") && !holds("Busan"));

    let verified = node.data(&["verify", out]);
    assert_eq!(verified[0]["id"], shown["line"]["record"]);
    assert_eq!(sections(&verified[0]["parts"]), ["summary"]);
    let again = node.try_with(&["show", reference, "--out", out], "");
    again.refused(73, "cannot-create", "port.record", "not there yet");
    // For others there is less in it: nothing of this is for everybody.
    let page = node.folder().join("page.record");
    let page = page.to_str().unwrap();
    let public = node.try_with(&["show", reference, "--out", page, "--for", "public"], "");
    public.refused(77, "nothing-goes", reference, "show");
    let theirs = node.data(&["show", reference, "--out", page, "--for", "constituents"]);
    assert_eq!(theirs["file"]["parts"], 1);
    let partner = node.try_with(&["show", reference, "--out", page, "--for", "JP"], "");
    partner.refused(64, "readers", "JP", "over the link");
    // The file would not say that it does not stand any more.
    node.data(&["withdraw", reference, "--yes"]);
    let late = node.folder().join("late.record");
    let withdrawn = node.try_with(&["show", reference, "--out", late.to_str().unwrap()], "");
    withdrawn.refused(65, "not-live", reference, "show");
    assert!(!late.exists());

    // Of what is RED altogether nothing is written, not even that it is there.
    std::fs::write(&file, text.replace("AMBER", "RED")).unwrap();
    let red = node.data(&["publish", file.to_str().unwrap(), "--yes"]);
    let red = red["reference"].as_str().unwrap();
    let other = node.folder().join("red.record");
    let refused = node.try_with(&["show", red, "--out", other.to_str().unwrap()], "");
    refused.refused(77, "nothing-goes", red, "comity");
    assert!(!Path::new(&other).exists());
    let draft = node.data(&["import", "csaf", &path(ADVISORY)]);
    let draft = draft["drafts"][0]["reference"].as_str().unwrap();
    let unsigned = node.try_with(&["show", draft, "--out", other.to_str().unwrap()], "");
    unsigned.refused(64, "unsigned", draft, "publish");
}

#[test]
fn a_script_of_completions_is_data_like_any_other() {
    let node = Node::plain("KR");
    let answer = node.data(&["completions", "bash"]);
    assert_eq!(answer["shell"], "bash");
    assert!(answer["script"].as_str().unwrap().contains("_comity()"), "{answer}");
}
