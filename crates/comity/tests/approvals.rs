//! Two people, two keys, between two nodes that run: nothing leaves before the second yes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::fs;

use serde_json::Value;
use world::{Node, eventually, pair_restricted, text};

/// A note that takes a second person.
fn record(node: &Node, title: &str) -> String {
    let text = format!(
        "format = 1\nkind = \"note\"\ntitle = \"{title}\"\n[marking]\ntlp = \"CLEAR\"\n[[part]]\nsection = \"summary\"\ntext = \"{title}\"\n"
    );
    let file = node.folder().join(format!("{title}.toml"));
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn titles(node: &Node) -> Vec<String> {
    let records = node.data(&["list"]);
    records.as_array().unwrap().iter().map(|one| text(one, "title").to_owned()).collect()
}

fn arrived(node: &Node, title: &str) -> bool {
    titles(node).iter().any(|one| one == title)
}

fn finding<'a>(findings: &'a Value, about: &str) -> &'a Value {
    findings.as_array().unwrap().iter().find(|one| one["about"] == about).unwrap()
}

#[test]
fn what_takes_a_second_person_leaves_by_no_exit_before_one_has_approved_it() {
    let (mut kr, mut fj) = (Node::plain("KR"), Node::plain("FJ"));
    let file = kr.folder().join("comity.toml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{config}\n[approval]\nrecipients-over = 0\n")).unwrap();
    kr.run();
    fj.run();
    pair_restricted((&kr, "KR"), (&fj, "FJ"));

    let file = record(&kr, "waits");
    let dry = kr.data(&["publish", &file, "--dry-run"]);
    let cell = &dry["preview"]["parts"][0]["cells"][0];
    assert_eq!((text(cell, "outcome"), text(cell, "gate")), ("withhold", "approval"));
    assert_eq!(text(cell, "once_approved"), "release", "who would get it then");
    assert_eq!(dry["approval"]["causes"], serde_json::json!(["1 recipient"]));
    let reference = text(&kr.data(&["publish", &file, "--yes"]), "reference").to_owned();

    // There is nobody who could say the second yes.
    let wrong = kr.try_with(&["doctor"], "");
    let found = &serde_json::from_str::<Value>(wrong.out.trim()).unwrap()["data"];
    assert_eq!(finding(found, "approval")["verdict"], "wrong", "{found}");
    assert!(text(finding(found, "approval"), "mend").contains("staff add NAME --role approver"));
    let refused = kr.try_with(&["approve", &reference, "--yes"], "");
    refused.refused(77, "no-approver", "second person", "staff add NAME --role approver");

    let out = kr.folder().join("waits.record").display().to_string();
    let file = kr.try_with(&["show", &reference, "--out", &out], "");
    assert_ne!(file.code, 0, "nothing leaves in a file either: {}", file.out);
    let explained = kr.data(&["explain", &reference, "--to", "FJ"]);
    assert!(explained.to_string().contains(&format!("comity approve {reference}")), "{explained}");
    assert_eq!(kr.data(&["status"])["awaiting_approval"], 1);

    let joins = ["staff", "add", "lee", "--role", "approver", "--plain-key"];
    kr.try_with(&joins, "").done();
    kr.set_staff("lee");
    let ended = kr.try_with(&["approve", &reference, "--yes"], "\n");
    let said = &ended.done()["line"]["said"];
    assert_eq!((text(said, "verdict"), text(said, "by")), ("approved", "lee"));
    eventually("what was approved arrives", || arrived(&fj, "waits"));
    // The word itself stays here.
    let control = fj.data(&["list", "--control"]);
    assert!(!control.to_string().contains("approval"), "{control}");
}
