//! The egress guard between two nodes that run: a planted word never leaves.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use world::{Node, eventually, pair_restricted, path, text};

const WORD: &str = "heron-7f3a";

/// Puts lists into a node's folder, and names them.
fn guard(node: &Node, strings: &str) {
    let folder = node.folder().join("guard");
    fs::create_dir_all(&folder).unwrap();
    list(node, strings);
    let file = node.folder().join("comity.toml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{config}\n[egress]\nstrings = \"guard/strings.txt\"\n")).unwrap();
}

fn list(node: &Node, strings: &str) {
    let path = node.folder().join("guard/strings.txt");
    fs::write(&path, strings).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn record(node: &Node, title: &str, parts: &[(&str, &str)]) -> String {
    let parts: Vec<_> = parts
        .iter()
        .map(|(section, text)| format!("[[part]]\nsection = \"{section}\"\ntext = \"{text}\"\n"))
        .collect();
    let text = format!(
        "format = 1\nkind = \"note\"\ntitle = \"{title}\"\n[marking]\ntlp = \"CLEAR\"\n{}",
        parts.concat()
    );
    let file = node.folder().join(format!("{title}.toml"));
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn publish(node: &Node, title: &str, parts: &[(&str, &str)]) -> String {
    let file = record(node, title, parts);
    text(&node.data(&["publish", &file, "--yes"]), "reference").to_owned()
}

/// The texts of all that is here.
fn texts(node: &Node) -> Vec<String> {
    let records = node.data(&["list"]);
    let ids = records.as_array().unwrap().iter().map(|one| text(one, "record").to_owned());
    let shown = ids.map(|id| node.data(&["show", &id]));
    let parts = shown.flat_map(|one| one["parts"].as_array().unwrap().clone());
    parts.map(|part| text(&part, "text").to_owned()).collect()
}

fn has(node: &Node, said: &str) -> bool {
    texts(node).iter().any(|text| text == said)
}

#[test]
fn a_planted_word_never_leaves_over_the_link_nor_into_a_file() {
    let (mut kr, mut fj) = (Node::plain("KR"), Node::plain("FJ"));
    guard(&kr, &format!("# names of operations\n\n{WORD}\n"));
    kr.run();
    fj.run();
    pair_restricted((&kr, "KR"), (&fj, "FJ"));

    // It is said before anything is signed.
    let file = record(&kr, "draft", &[("summary", "about Heron-7F3A")]);
    let dry = kr.data(&["publish", &file, "--dry-run"]);
    let cell = &dry["preview"]["parts"][0]["cells"][0];
    assert_eq!((text(cell, "outcome"), text(cell, "gate")), ("withhold", "egress-guard"));
    assert_eq!(text(cell, "reason"), "held by the egress guard (list strings, line 3)");

    let held = publish(&kr, "held", &[("summary", "a flaw"), ("detail", "about Heron-7F3A")]);
    publish(&kr, "after", &[("summary", "another flaw")]);
    eventually("what is clear arrives", || has(&fj, "a flaw") && has(&fj, "another flaw"));
    assert!(!texts(&fj).iter().any(|text| text.contains("Heron")));

    let status = kr.data(&["status"]);
    assert_eq!(status["held_by_guard"], 1);
    let alarm =
        format!("a part of record {held} is held by the egress guard (list strings, line 3)");
    let alarms = status["alarms"].as_array().unwrap();
    assert!(alarms.iter().any(|one| one["text"] == alarm.as_str()), "{alarms:?}");
    let report = kr.data(&["guard", "list"]);
    assert_eq!(report["lists"][0]["rules"], 1);
    let part = &report["parts"][0];
    assert_eq!((text(part, "reference"), part["number"].as_u64()), (&*held, Some(2)));
    assert_eq!(part["held_by"], serde_json::json!(["list strings, line 3"]));

    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = comity_core::Timestamp::EPOCH.saturating_add(since).precise();
    let then = kr.data(&["explain", &held, "--to", "FJ", "--part", "2", "--at", &now]);
    let shown = &then["partners"][0]["parts"][0];
    assert_ne!(text(shown, "outcome"), "release", "the lists of now hold it: {then}");
    let explained = kr.data(&["explain", &held, "--to", "FJ", "--part", "2"]);
    let shown = &explained["partners"][0]["parts"][0];
    let way = &shown["would_change"][0][0];
    assert_eq!(text(shown, "reason"), "held by the egress guard (list strings, line 3)");
    let release = format!(" guard release {held} --part 2 --reason TEXT");
    assert!(text(way, "command").ends_with(&release), "{way}");
    for said in [&status, &report, &explained, &dry] {
        assert!(!said.to_string().to_lowercase().contains(WORD), "{said}");
    }

    // No file has it either.
    let out = kr.folder().join("held.record");
    let written = kr.data(&["show", &held, "--out", out.to_str().unwrap()]);
    assert_eq!(written["file"]["left_out"][0]["section"], "detail");
    let bytes = fs::read(&out).unwrap();
    let planted = b"Heron-7F3A";
    assert!(!bytes.windows(planted.len()).any(|window| window == planted));

    neither_in_what_is_signed_nor_in_a_title(&kr);
    // A person lets it pass, with a name and a reason.
    let why = ["--part", "2", "--reason", "public since Monday", "--by", "Kim"];
    let asked = [&["guard", "release", &held][..], &why, &["--yes"]].concat();
    let passed = kr.data(&asked);
    assert_eq!((text(&passed["passed"], "by"), &passed["held_by"]), ("Kim", &Value::Array(vec![])));
    eventually("what was let pass arrives", || has(&fj, "about Heron-7F3A"));
    let again = kr.try_with(&asked, "");
    again.refused(64, "not-held", "no rule", "guard list");
    let hold = [&["guard", "hold", &held][..], &why].concat();
    let held_again = kr.data(&hold);
    assert_eq!(held_again["went_to"], serde_json::json!(["FJ"]));
    kr.try_with(&hold, "").refused(64, "not-passed", "nobody let", "guard list");
    assert_eq!((kr.stop(), fj.stop()), (0, 0));
}

/// Words of control have no parts; and a title leaves in an exported audit.
fn neither_in_what_is_signed_nor_in_a_title(kr: &Node) {
    let pact = kr.folder().join("pact.toml");
    let terms =
        "format = 1\ntitle = \"Operation Heron-7F3A\"\ntier = \"mou\"\nstarts = 2026-01-01\n";
    fs::write(&pact, terms).unwrap();
    let pact = pact.to_str().unwrap();
    let proposed = kr.try_with(&["agreement", "propose", pact, "--to", "FJ", "--yes"], "");
    proposed.refused(77, "held-by-guard", "list strings, line 3", "other words");
    assert!(!proposed.message().to_lowercase().contains(WORD));
    // Nor is it said who would get it.
    let charter = fs::read_to_string(path("examples/groups/charter.toml")).unwrap();
    let charter = charter.replace("Early warning", "Operation Heron-7F3A: early warning");
    let charter = charter.replace(" \"JP\",", "");
    let file = kr.folder().join("charter.toml");
    fs::write(&file, charter).unwrap();
    let found = ["group", "found", file.to_str().unwrap()];
    for more in ["--dry-run", "--yes"] {
        let refused = kr.try_with(&[&found[..], &[more]].concat(), "");
        refused.refused(77, "held-by-guard", "list strings, line 3", "other words");
    }
    assert_eq!(kr.data(&["agreement", "list"]), Value::Array(vec![]));
    publish(kr, WORD, &[("summary", "nothing of it")]);
    let out = kr.folder().join("audit.jsonl");
    kr.data(&["audit", "export", "--out", out.to_str().unwrap(), "--titles"]);
    let all = fs::read_to_string(out).unwrap().to_lowercase();
    assert!(all.contains("\"after\"") && !all.contains(WORD), "{all}");
}

#[test]
fn other_lists_are_in_force_without_a_start() {
    let (mut kr, mut fj) = (Node::plain("KR"), Node::plain("FJ"));
    guard(&kr, WORD);
    kr.run();
    fj.run();
    pair_restricted((&kr, "KR"), (&fj, "FJ"));
    publish(&kr, "held", &[("summary", "about heron-7f3a")]);
    assert_eq!(kr.data(&["status"])["held_by_guard"], 1);
    // A line that is no rule changes nothing.
    list(&kr, &format!("{WORD}\nab\n"));
    kr.try_with(&["guard", "reload"], "").refused(78, "guard-list", "line 2", "mend line 2");
    assert_eq!(kr.data(&["guard", "list"])["lists"][0]["rules"], 1);
    list(&kr, "stork-11\n");
    assert_eq!(kr.data(&["guard", "reload"])["parts"], Value::Array(vec![]));
    eventually("what is clear now arrives", || has(&fj, "about heron-7f3a"));
    publish(&kr, "stork", &[("summary", "about stork-11")]);
    publish(&kr, "after", &[("summary", "another flaw")]);
    eventually("what is clear arrives", || has(&fj, "another flaw"));
    assert!(!has(&fj, "about stork-11"));
    assert_eq!((kr.stop(), fj.stop()), (0, 0));
}

#[test]
fn a_file_is_checked_before_it_becomes_a_part() {
    let node = Node::plain("KR");
    let file = node.folder().join("report.txt");
    fs::write(&file, "about Heron-7F3A").unwrap();
    let file = file.to_str().unwrap();
    node.try_with(&["guard", "check", file], "").refused(
        78,
        "no-guard",
        "no list",
        "config schema",
    );
    guard(&node, WORD);
    let found = node.try_with(&["guard", "check", file], "");
    assert_eq!(found.code, 1, "{}", found.out);
    assert!(
        found.out.contains("list strings, line 1") && !found.out.contains(WORD),
        "{}",
        found.out
    );
    let nothing = node.try_with(&["guard", "check", "-"], "a flaw").done();
    assert_eq!(nothing["held_by"], Value::Array(vec![]));
    node.data(&["config", "validate"]);
    let path = node.folder().join("guard/strings.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    for command in [&["guard", "check", file][..], &["config", "validate"], &["list"], &["run"]] {
        node.try_with(command, "").refused(78, "guard-list", "mode 0644", "chmod 600");
    }
}
