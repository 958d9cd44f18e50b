//! A stolen key, as both parties of an agreement that it signed are told of it: beforehand, as it is declared, and
//! until the words are said anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use serde_json::Value;
use world::{Node, eventually, pair_restricted, text};

const BEFORE: &str = "2026-01-01T00:00:00Z";

fn terms(node: &Node) -> String {
    let file = node.home().join("nda.toml");
    let text = "format = 1\ntitle = \"NDA\"\ntier = \"nda\"\nstarts = 2026-01-01\n";
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn of(node: &Node, id: &str) -> Option<Value> {
    let all = node.data(&["agreement", "list"]);
    let mut all = all.as_array().unwrap().clone().into_iter();
    all.find(|one| text(one, "agreement") == id)
}

fn state_of(node: &Node, id: &str) -> Option<String> {
    of(node, id).map(|one| text(&one, "state").to_owned())
}

fn propose(node: &Node, file: &str, to: &str) -> String {
    let proposed = node.data(&["agreement", "propose", file, "--to", to, "--yes"]);
    text(&proposed, "record").to_owned()
}

fn agree(one: &Node, other: &Node, file: &str, to: &str) -> String {
    let id = propose(one, file, to);
    eventually("the proposal is there", || state_of(other, &id).is_some());
    other.data(&["agreement", "accept", &id, "--yes"]);
    eventually("the agreement is in force", || state_of(one, &id).as_deref() == Some("in force"));
    id
}

fn stolen<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let asked = ["key", "compromised", "desk", "--from", BEFORE, "--reason", "laptop stolen"];
    asked.iter().chain(more).copied().collect()
}

fn drops(node: &Node, reference: &str) -> world::Ended {
    let asked = ["quarantine", "drop", reference, "--by", "Kim", "--reason", "a thief's", "--yes"];
    node.try_with(&asked, "")
}

/// What waits of words of control is refused one by one, for good; what takes back is not, and waits for nobody.
fn nothing_waits_that_cannot_be_refused(node: &mut Node, withdrawn: &str) {
    let quarantined = node.data(&["quarantine", "list"]);
    let mut dropped = 0;
    for line in quarantined.as_array().unwrap() {
        let reference = text(line, "reference");
        // The screen offers what is not refused, and nothing else.
        let shown = ["quarantine", "show", reference].map(str::to_owned);
        let shown = node.screen(&node.folder(), &shown).out;
        let offered = shown.contains("quarantine drop");
        assert_eq!(offered, line["not_dropped"].is_null(), "{shown}");
        assert_eq!(offered, text(line, "kind") != "withdrawal", "{shown}");
        match text(line, "kind") {
            "withdrawal" => {
                let refused = drops(node, reference);
                refused.refused(64, "not-dropped", "takes something back", "waits for nobody");
            }
            _ => {
                let dry =
                    ["quarantine", "drop", reference, "--by", "Kim", "--reason", "x", "--dry-run"];
                node.data(&dry);
                assert_eq!(
                    text(&node.data(&["show", reference])["line"], "standing"),
                    "quarantined"
                );
                drops(node, reference).done();
                dropped += 1;
            }
        }
    }
    assert!(dropped > 0, "{quarantined}");
    for _ in 0..2 {
        assert_eq!(node.data(&["status"])["waiting"], 0);
        assert_eq!(node.data(&["list", "--waiting"]).as_array().map(Vec::len), Some(0));
        let record = node.data(&["show", withdrawn]);
        assert_eq!(text(&record["line"], "lifecycle"), "withdrawn", "{record}");
        node.stop();
        node.run();
    }
}

fn alarms(node: &Node, code: &str) -> Vec<String> {
    let status = node.data(&["status"]);
    let alarms = status["alarms"].as_array().unwrap().iter();
    let alarms = alarms.filter(|one| text(one, "code") == code);
    alarms.map(|one| text(one, "text").to_owned()).collect()
}

#[test]
fn what_falls_with_a_stolen_key_is_said_before_and_after_and_mended_with_what_is_named() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair_restricted((&kr, "KR"), (&jp, "JP"));
    let file = terms(&kr);
    let first = agree(&kr, &jp, &file, "JP");
    let note = kr.home().join("note.toml");
    let content = "format = 1\nkind = \"note\"\ntitle = \"N\"\n[marking]\ntlp = \"CLEAR\"\n[[part]]\nsection = \"summary\"\ntext = \"N\"\n";
    std::fs::write(&note, content).unwrap();
    let note = kr.data(&["publish", &note.display().to_string(), "--yes"]);
    let note = text(&note, "record").to_owned();
    eventually("JP has it", || jp.try_with(&["show", &note], "").code == 0);
    kr.data(&["withdraw", &note, "--yes"]);
    let lifecycle =
        |node: &Node| text(&node.data(&["show", &note])["line"], "lifecycle").to_owned();
    eventually("it is withdrawn", || lifecycle(&jp) == "withdrawn");
    let open = kr.data(&["agreement", "propose", &file, "--to", "JP", "--again", "--yes"]);
    let reference = text(&of(&kr, &first).unwrap(), "reference").to_owned();

    let would = kr.data(&stolen(&["--dry-run"]));
    let falls = would["falls"].as_array().unwrap();
    let said: Vec<&str> = falls.iter().map(|one| text(one, "what")).collect();
    let has = |what: &str| said.iter().any(|one| one.contains(what));
    assert!(has(&format!("the agreement {reference} with JP is in doubt")), "{said:?}");
    assert!(has("nothing above TLP:CLEAR goes to JP any more"), "{said:?}");
    assert!(!has("but by a group"), "they share none: {said:?}");
    assert!(has(&format!("our proposal {} to JP counts no more", text(&open, "reference"))));
    let next = text(&falls[0], "next");
    assert!(next.contains("agreement propose FILE --to JP"), "{next}");
    assert_eq!(state_of(&kr, &first).as_deref(), Some("in force"), "a dry run changes nothing");

    let done = kr.try_with(&stolen(&["--yes"]), "");
    let told = kr.screen(&kr.folder(), &["agreement".to_owned(), "list".to_owned()]).out;
    assert!(done.json()["data"]["falls"].is_array() && told.contains("IN DOUBT"), "{told}");
    for node in [&kr, &jp] {
        eventually("it is in doubt", || state_of(node, &first).as_deref() == Some("in doubt"));
        eventually("and its operator is told", || !alarms(node, "agreement-in-doubt").is_empty());
        let told = alarms(node, "agreement-in-doubt").concat();
        assert!(told.contains("agreement propose FILE --to"), "{told}");
        let status = node.data(&["status"]);
        assert_eq!(status["contested"].as_array().map(Vec::len), Some(1));
        assert!(of(node, &first).unwrap()["until"].is_null(), "in doubt is no end");
    }
    // What counts no more is neither affirmed, amended nor accepted: each refusal names what mends it.
    let affirm = kr.try_with(&["key", "affirm", &reference, "--yes"], "");
    affirm.refused(64, "signed-after", "no affirmation", "agreement propose FILE --to JP");
    let amend = kr.try_with(&["agreement", "amend", &reference, &file, "--yes"], "");
    amend.refused(65, "in-doubt", "it is in doubt", "agreement propose FILE --to JP");
    let open = text(&open, "record");
    for how in ["--dry-run", "--yes"] {
        let accept = jp.try_with(&["agreement", "accept", open, how], "");
        accept.refused(65, "in-doubt", "not believed any more", "agreement");
    }

    // What is named does mend it: no `--again` is asked for.
    let anew = agree(&kr, &jp, &file, "JP");
    kr.data(&["agreement", "terminate", &first, "--yes"]);
    eventually("nothing is in doubt", || jp.data(&["status"])["contested"].is_null());
    assert_eq!(state_of(&jp, &anew).as_deref(), Some("in force"));
    nothing_waits_that_cannot_be_refused(&mut jp, &note);
    assert_eq!(state_of(&jp, &first).as_deref(), Some("ended"), "it was ended, not shed");
    assert_eq!(state_of(&jp, &anew).as_deref(), Some("in force"));
}

/// Whatever a person decides here about what a stolen key signed, no partner follows.
#[test]
fn what_our_own_stolen_key_signed_is_published_anew_and_not_released() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair_restricted((&kr, "KR"), (&jp, "JP"));
    let note = kr.home().join("note.toml");
    let content = "format = 1\nkind = \"note\"\ntitle = \"N\"\n[marking]\ntlp = \"CLEAR\"\n[[part]]\nsection = \"summary\"\ntext = \"N\"\n";
    std::fs::write(&note, content).unwrap();
    let note = kr.data(&["publish", &note.display().to_string(), "--yes"]);
    let (id, note) = (text(&note, "record"), text(&note, "reference"));
    eventually("JP has it", || jp.try_with(&["show", id], "").code == 0);
    kr.data(&stolen(&["--yes"]));
    let state = |node: &Node| text(&node.data(&["show", id])["line"], "standing").to_owned();
    eventually("it is set aside at both", || {
        state(&kr) == "quarantined" && state(&jp) == "quarantined"
    });

    let explained = kr.data(&["explain", note, "--to", "JP"]);
    let ways = explained["partners"][0]["parts"][0]["would_change"].to_string();
    assert!(ways.contains("publish FILE") && !ways.contains("quarantine release"), "{ways}");
    let ruled = ["quarantine", "release", note, "--by", "Kim", "--reason", "it was ours", "--yes"];
    let said = kr.data(&ruled);
    let why = text(&said, "unheeded");
    assert!(why.contains("no partner counts it") && why.contains("comity publish FILE"), "{said}");
    let explained = kr.data(&["explain", note, "--to", "JP"]);
    assert_eq!(text(&explained, "unheeded"), why, "{explained}");
    assert_eq!((state(&kr).as_str(), state(&jp).as_str()), ("accepted", "quarantined"));
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}

#[test]
fn who_accepted_with_a_stolen_key_accepts_once_more() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair_restricted((&kr, "KR"), (&jp, "JP"));
    let file = terms(&jp);
    let first = agree(&jp, &kr, &file, "KR");
    kr.data(&stolen(&["--yes"]));
    for node in [&kr, &jp] {
        eventually("it is in doubt", || state_of(node, &first).as_deref() == Some("in doubt"));
    }
    let next = |node: &Node| text(&of(node, &first).unwrap()["doubt"], "next").to_owned();
    assert!(next(&jp).contains("have KR accept it once more"), "{}", next(&jp));
    assert!(next(&kr).contains("accept it once more: comity agreement accept"), "{}", next(&kr));
    let would = kr.data(&["agreement", "accept", &first, "--dry-run"]);
    assert!(would["against"].is_null(), "{would}");
    kr.data(&["agreement", "accept", &first, "--yes"]);
    for node in [&kr, &jp] {
        eventually("it is in force", || state_of(node, &first).as_deref() == Some("in force"));
    }
}

#[test]
fn a_group_whose_charter_a_stolen_key_signed_is_named_and_founded_anew() {
    let mut kr = Node::plain("KR");
    kr.run();
    let file = kr.home().join("charter.toml");
    let charter = "format = 1\nname = \"Islands\"\npurpose = \"Early warning\"\nfounders = [\"KR\"]\nstarts = 2026-01-01\n[sponsors]\nneeded = 1\n[removal]\nby = \"secretariat\"\n[terms]\ntier = \"mou\"\n";
    std::fs::write(&file, charter).unwrap();
    let file = file.display().to_string();
    kr.data(&["group", "found", &file, "--yes"]);
    kr.data(&stolen(&["--yes"]));
    assert_eq!(text(&kr.data(&["group", "list"])[0], "state"), "not believed");
    assert_eq!(text(&kr.data(&["status"])["stopped_groups"][0], "state"), "not believed");
    let show = kr.try_with(&["group", "show", "Islands"], "");
    show.refused(65, "group-not-believed", "is none any more", "comity group found");
    kr.data(&["group", "found", &file, "--yes"]);
    assert_eq!(text(&kr.data(&["group", "show", "Islands"])["group"], "state"), "secretariat");
}
