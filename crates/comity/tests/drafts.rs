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
use sha2::Digest as _;
use world::{Node, path};

const ADVISORY: &str = "examples/data/csaf/icsa-24-165-03.json";

/// What a person sees who types this.
fn words(node: &Node, arguments: &[&str]) -> String {
    let folder = node.folder();
    let typed = [&["--data", folder.to_str().unwrap()], arguments].concat();
    let typed: Vec<_> = typed.into_iter().map(str::to_owned).collect();
    node.screen(&folder, &typed).out
}

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
    let text = "format = 1\nkind = \"incident\"\ntitle = \"A port\"\nmarking = { tlp = \"AMBER\", onward = \"ask\" }\n\
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
    again.refused(73, "cannot-create", "port.record", "name another file");
    // For others there is less in it: nothing of this is for everybody.
    let page = node.folder().join("page.record");
    let page = page.to_str().unwrap();
    let public = node.try_with(&["show", reference, "--out", page, "--for", "public"], "");
    public.refused(77, "nothing-goes", reference, "--to public");
    let theirs = node.data(&["show", reference, "--out", page, "--for", "constituents"]);
    assert_eq!(theirs["file"]["parts"], 1);
    let other = format!("{page}.other");
    let partner = node.try_with(&["show", reference, "--out", &other, "--for", "JP"], "");
    partner.refused(64, "readers", "JP", "over the link");
    in_the_books(&node, reference, page, &theirs["file"]);
    parts_that_were_asked_for(&node);
    // The file would not say that it does not stand any more.
    let back = words(&node, &["withdraw", reference, "--yes"]);
    for whom in ["our own people", "the constituents"] {
        let said = format!("a file of {reference} went to {whom}, at ");
        assert!(back.contains(&said) && back.contains("comity cannot take it back"), "{back}");
    }
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

/// What is not asked for stays; and what replaces a record names the files that left of it.
fn parts_that_were_asked_for(node: &Node) {
    let file = node.folder().join("two.toml");
    let text = "format = 1\nkind = \"advisory\"\ntitle = \"Two\"\nmarking = { tlp = \"CLEAR\" }\n\
        [[part]]\nsection = \"summary\"\ntext = \"one\"\n[[part]]\nsection = \"detail\"\ntext = \"other\"\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let signed = node.data(&["publish", file, "--yes"]);
    let reference = signed["reference"].as_str().unwrap();
    let out = node.folder().join("one.record");
    let show = ["show", reference, "--out", out.to_str().unwrap(), "--part"];
    for number in ["0", "3"] {
        let refused = node.try_with(&[&show[..], &[number]].concat(), "");
        refused.refused(66, "no-part", "2 of", "show");
    }
    let detail = node.data(&["show", reference])["parts"].as_array().unwrap().clone();
    let place = detail.iter().position(|part| part["section"] == "detail").unwrap() + 1;
    assert_eq!(detail[place - 1]["number"], place, "the number that is shown is the one to name");
    let explained = node.data(&["explain", reference, "--to", "public", "--part", "detail"]);
    let parts = explained["partners"][0]["parts"].as_array().unwrap().clone();
    assert_eq!((parts.len(), &parts[0]["number"]), (1, &place.into()), "by its section");
    node.try_with(&[&show[..], &["evidence"]].concat(), "")
        .refused(66, "no-part", "evidence", "show");
    node.try_with(&[&show[..], &["two"]].concat(), "").refused(64, "usage", "neither a number", "");
    let written = node.data(&[&show[..], &[&place.to_string()]].concat());
    assert_eq!(written["file"]["left_out"][0]["why"], "it was not asked for");
    let verified = node.data(&["verify", out.to_str().unwrap()]);
    assert_eq!(sections(&verified[0]["parts"]), ["detail"]);
    std::fs::write(file, format!("supersedes = [\"{reference}\"]\n{text}")).unwrap();
    let replaced = node.data(&["publish", file, "--yes"]);
    assert_eq!(replaced["files"][0]["reference"], reference, "{replaced}");
}

/// Each file that left is in the books, and what its readers take on stands beside it.
fn in_the_books(node: &Node, reference: &str, page: &str, written: &Value) {
    let files = || node.data(&["audit", "who", reference])["files"].as_array().unwrap().clone();
    let readers = |files: &[Value]| {
        files.iter().map(|one| one["readers"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let known = files();
    assert_eq!(readers(&known), ["own", "constituents"]);
    assert_eq!(sections_of(&known[1]), ["summary"]);
    assert_eq!((&known[1]["at"], &known[1]["terms"]), (&written["at"], &written["terms"]));
    let terms = std::fs::read_to_string(format!("{page}.terms")).unwrap();
    let terms: toml::Table = toml::from_str(&terms).unwrap();
    let hash = sha2::Sha256::digest(std::fs::read(page).unwrap());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(terms["sha256"].as_str(), Some(hash.as_str()));
    assert_eq!(terms["readers"].as_str(), Some("constituents"));
    assert_eq!(terms["onward"].as_str(), Some("ask"));
    // A place that is taken is said before anything is entered.
    let other = node.folder().join("other.record");
    let beside = node.folder().join("other.record.terms");
    std::fs::write(&beside, "mine").unwrap();
    let taken = node.try_with(&["show", reference, "--out", other.to_str().unwrap()], "");
    taken.refused(73, "cannot-create", "other.record.terms", "name another file");
    assert!(!other.exists() && files().len() == 2);
    // So is one that cannot be made.
    let nowhere = node.folder().join("missing/other.record");
    let refused = node.try_with(&["show", reference, "--out", nowhere.to_str().unwrap()], "");
    refused.refused(73, "cannot-create", "missing/other.record", "a folder that is there");
    assert_eq!(files().len(), 2);
    // Neither the screen nor the page says that nobody was told.
    let who = words(node, &["audit", "who", reference]);
    assert!(who.contains("Nobody was told over comity."), "{who}");
    assert!(
        who.contains("the constituents") && who.contains("only if its origin says yes"),
        "{who}"
    );
    let html = node.folder().join("who.html");
    node.data(&["audit", "who", reference, "--html", html.to_str().unwrap()]);
    let html = std::fs::read_to_string(html).unwrap();
    assert!(html.contains("<td>the constituents</td>") && !html.contains("Nobody was told."));
    // The page is given away: what an AMBER record is called is not for whoever gets it.
    assert!(!html.contains("A port") && html.contains("<p>(not named here) <span"), "{html}");
    let named = node.folder().join("named.html");
    node.data(&["audit", "who", reference, "--html", named.to_str().unwrap(), "--titles"]);
    assert!(std::fs::read_to_string(named).unwrap().contains("A port"));
    // Asked by what was told: a file that has the part, and none that has it not.
    let by = |value: &str| {
        let found = node.data(&["audit", "who", "--value", value])["found"][0].clone();
        readers(found["files"].as_array().map_or(&[], Vec::as_slice))
    };
    assert_eq!(by("attacked"), ["own", "constituents"]);
    assert_eq!(by("Busan"), [""; 0]);
}

fn sections_of(file: &Value) -> Vec<&str> {
    file["sections"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

#[test]
fn a_script_of_completions_is_data_like_any_other() {
    let node = Node::plain("KR");
    let answer = node.data(&["completions", "bash"]);
    assert_eq!(answer["shell"], "bash");
    assert!(answer["script"].as_str().unwrap().contains("_comity()"), "{answer}");
}
