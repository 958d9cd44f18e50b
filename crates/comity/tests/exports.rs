//! Everything that happened as a signed file, verified on another machine; and one's own books.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use world::{Node, eventually, pair_restricted, text};

fn publish(node: &Node, title: &str, tlp: &str) -> Value {
    let file = node.folder().join("note.toml");
    let record = format!(
        "format = 1\nkind = \"note\"\ntitle = \"{title}\"\n[marking]\ntlp = \"{tlp}\"\n\
         [[part]]\nsection = \"summary\"\ntext = \"the content of {title}\"\n"
    );
    fs::write(&file, record).unwrap();
    node.data(&["publish", file.to_str().unwrap(), "--yes"])
}

/// An advisory for everybody, of which the first line is what others call it; or for one partner alone.
fn publish_for(node: &Node, said: &str, to: &str) {
    let file = node.folder().join("for.toml");
    let record = format!(
        "format = 1\nkind = \"advisory\"\ntitle = \"{said}\"\n[marking]\ntlp = \"CLEAR\"\n\
         [[part]]\nsection = \"summary\"\ntext = \"{said}\"\n{to}"
    );
    fs::write(&file, record).unwrap();
    node.data(&["publish", file.to_str().unwrap(), "--yes"]);
}

/// The lines of a file, as values.
fn lines(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn what_happened_is_verified_elsewhere_and_what_was_changed_is_found() {
    let (mut kr, mut fj) = (Node::plain("KR"), Node::plain("FJ"));
    kr.run();
    fj.run();
    pair_restricted((&kr, "KR"), (&fj, "FJ"));
    let open = publish(&kr, "a flaw", "CLEAR");
    publish(&kr, "a secret", "AMBER");
    publish(&kr, "a word among us", "GREEN");
    let later = "CLEAR\"\nrelease-at = \"2124-01-01T00:00:00Z";
    publish(&kr, "not before its time", later);
    publish(&kr, "an open matter", "CLEAR");
    publish_for(&fj, "told to everybody", "");
    publish_for(&fj, "told to KR alone", "[[to]]\neconomy = \"KR\"\n");
    publish_for(&fj, "told to a desk", "[[to]]\neconomy = \"KR\"\ndesk = \"duty officer\"\n");
    let reference = text(&open, "reference").to_owned();
    let page = kr.folder().join("page.record");
    kr.data(&["show", &reference, "--out", page.to_str().unwrap(), "--for", "public"]);
    kr.data(&["audit", "told", &reference, "--to", "A Bank", "--by", "phone"]);
    let who = || kr.data(&["audit", "who", &reference]);
    eventually("FJ signs for it", || who()["deliveries"][0]["receipt"].is_string());
    let theirs = || kr.data(&["list", "--from", "FJ"]).as_array().unwrap().len();
    eventually("FJ tells KR", || theirs() == 3);
    let list = kr.data(&["list", "--from", "FJ"]);
    let mut list = list.as_array().unwrap().iter();
    let all = list.find(|one| text(one, "title") == "told to everybody").unwrap();
    let given = kr.folder().join("given.record");
    let given = ["--out", given.to_str().unwrap(), "--for", "constituents"];
    kr.data(&[&["show", text(all, "reference")][..], &given].concat());
    kr.data(&["withdraw", &reference, "--yes"]);
    eventually("FJ answers", || !who()["withdrawal_told"][0]["answer"].is_null());

    let [out, keyring] = ["all.jsonl", "kr.keyring"].map(|name| kr.folder().join(name));
    let (out, keyring) = (out.to_str().unwrap(), keyring.to_str().unwrap());
    let exported = kr.data(&["audit", "export", "--out", out, "--keyring", keyring]);
    let written = lines(out);
    assert_eq!(exported["lines"], written.len());
    assert_eq!(fs::metadata(out).unwrap().permissions().mode() & 0o777, 0o600);
    for event in [
        "node",
        "policy",
        "signed",
        "sent",
        "receipt",
        "told-outside",
        "exported",
        "withdrawn",
        "answered",
    ] {
        assert!(!of(&written, event).is_empty(), "{event}: {written:?}");
    }
    let file = of(&written, "exported")[0];
    assert_eq!((text(file, "readers"), text(file, "reference")), ("public", reference.as_str()));
    assert_eq!(file["sections"], serde_json::json!(["summary"]));
    assert_eq!(file["terms"], serde_json::json!({"onward": "within marking"}));
    let signed = of(&written, "signed");
    let titles: Vec<_> = signed.iter().map(|one| &one["title"]).collect();
    let (nothing, named) = (&Value::Null, Value::from("an open matter"));
    assert_eq!(titles, [nothing, nothing, nothing, nothing, &named]);
    let received: Vec<_> = of(&written, "received").iter().map(|one| &one["title"]).collect();
    assert_eq!(received.iter().filter(|title| **title == "told to everybody").count(), 1);
    assert_eq!(received.iter().filter(|title| title.is_null()).count(), 2, "{received:?}");
    let all = fs::read_to_string(out).unwrap();
    for kept in KEPT {
        assert!(!all.contains(kept), "{kept}: {all}");
    }
    titles_that_were_asked_for(&kr);
    // A file that is there stays.
    let again = kr.try_with(&["audit", "export", "--out", out], "");
    again.refused(73, "cannot-create", "is there already", "another file");
    assert_eq!(fs::read_to_string(out).unwrap(), all);

    // By a partner, who has the keyring; by whoever was given it; by ourselves.
    let events = written.len() - 2;
    let verified = fj.data(&["audit", "verify", "--file", out, "--from", "KR"]);
    assert_eq!((&verified["events"], text(&verified, "name")), (&Value::from(events), "KR"));
    let nobody = Node::vacant();
    let given = nobody.data(&["audit", "verify", "--file", out, "--keyring", keyring]);
    assert_eq!(given["head"]["economy"], verified["head"]["economy"]);
    // What the partner signed is checked where its keyring is, and said not to be elsewhere.
    let ours = kr.data(&["audit", "verify", "--file", out]);
    assert_eq!(text(&ours["witnessed"], "partner"), "FJ", "{ours}");
    assert_eq!(
        (&ours["witness_checked"], &given["witness_checked"]),
        (&true.into(), &false.into())
    );
    let other = fj.try_with(&["audit", "verify", "--file", out, "--from", "FJ"], "");
    other.refused(65, "export-economy", "line 1", "ask for the file again");

    // What was changed is found, with its line.
    let changed = kr.folder().join("changed.jsonl");
    let check = |text: String, code: &str, line: usize| {
        fs::write(&changed, text).unwrap();
        let said = ["audit", "verify", "--file", changed.to_str().unwrap(), "--keyring", keyring];
        let refused = nobody.try_with(&said, "");
        refused.refused(65, code, &format!("line {line}:"), "ask for the file again");
    };
    let each: Vec<&str> = all.lines().collect();
    let told = each.iter().position(|line| line.contains("A Bank")).unwrap();
    check(all.replace("A Bank", "B Bank"), "export-line", told + 1);
    let joined = |lines: Vec<&str>| lines.iter().map(|line| format!("{line}\n")).collect();
    let without =
        each.iter().enumerate().filter(|(place, _)| *place != told).map(|(_, line)| *line);
    check(joined(without.collect()), "export-order", told + 1);
    check(joined(each[..each.len() - 1].to_vec()), "export-cut", each.len() - 1);
    // Where two that follow each other were changed, the second shows it.
    check(all.replace('\n', "\r\n"), "export-line", 2);
    check(format!("{all}\n"), "export-after-end", each.len() + 1);

    // What left of its own concerns a partner.
    let about = kr.folder().join("about.jsonl");
    kr.data(&["audit", "export", "--out", about.to_str().unwrap(), "--partner", "FJ"]);
    let about = lines(about.to_str().unwrap());
    let left: Vec<_> = of(&about, "exported").iter().map(|one| text(one, "readers")).collect();
    assert_eq!((left, of(&written, "exported").len()), (vec!["constituents"], 2));

    // A time, and a partner.
    let some = kr.folder().join("some.jsonl");
    let some = some.to_str().unwrap();
    let now = text(of(&written, "withdrawn")[0], "at").to_owned();
    kr.data(&["audit", "export", "--out", some, "--since", &now, "--partner", "FJ"]);
    let rest = lines(some);
    assert!(of(&rest, "signed").is_empty() && !of(&rest, "sent").is_empty(), "{rest:?}");
    assert_eq!(rest[0]["since"], now.as_str());
    kr.data(&["audit", "verify", "--file", some]);

    let books = kr.data(&["audit", "verify"]);
    assert_eq!(books["faulty"], 0);
    assert!(books["receipts"].as_u64() > Some(0) && books["records"].as_u64() > Some(2), "{books}");
    assert_eq!((kr.stop(), fj.stop()), (0, 0));
    // And without a node that runs.
    assert_eq!(kr.data(&["audit", "verify"])["faulty"], 0);
    fs::remove_file(some).unwrap();
    kr.data(&["audit", "export", "--out", some]);
    kr.data(&["audit", "verify", "--file", some]);
}

/// What no title in an exported audit says: content, what is marked above CLEAR, what waits, what was taken back, what was
/// told to us alone, and what binds economies.
const KEPT: [&str; 8] = [
    "the content of",
    "a secret",
    "a word among us",
    "not before",
    "a flaw",
    "told to KR alone",
    "told to a desk",
    "Withdrawal of",
];

/// Up to GREEN, and never of what waits, was taken back, or was told to us alone.
fn titles_that_were_asked_for(kr: &Node) {
    let out = kr.folder().join("titles.jsonl");
    kr.data(&["audit", "export", "--out", out.to_str().unwrap(), "--titles"]);
    let all = fs::read_to_string(out).unwrap();
    for named in ["an open matter", "a word among us", "told to everybody", "Withdrawal of"] {
        assert!(all.contains(named), "{named}: {all}");
    }
    for kept in KEPT.iter().filter(|kept| !["a word among us", "Withdrawal of"].contains(kept)) {
        assert!(!all.contains(kept), "{kept}: {all}");
    }
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is() {
    let node = Node::plain("KR");
    let out = node.folder().join("x.jsonl");
    let out = out.to_str().unwrap();
    let range = ["--since", "2026-11-02T00:00:00Z", "--until", "2026-11-01T00:00:00Z"];
    let asked = [&["audit", "export", "--out", out][..], &range].concat();
    node.try_with(&asked, "").refused(64, "range", "nothing lies between", "--since");
    let nobody = ["audit", "export", "--out", out, "--partner", "JP"];
    node.try_with(&nobody, "").refused(66, "no-partner", "JP", "partner list");
    assert!(!std::path::Path::new(out).exists());
    fs::write(out, "{\"comity-audit\": 3}\n").unwrap();
    let other = node.try_with(&["audit", "verify", "--file", out], "");
    other.refused(65, "export-format", "line 1", "ask for the file again");
}
