//! Breaking the glass between two nodes that run: with its key and nothing else, loud everywhere, and recalled
//! by a no.

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

/// A note for nobody without an agreement.
fn record(node: &Node, title: &str) -> String {
    let text = format!(
        "format = 1\nkind = \"note\"\nurgency = \"urgent\"\ntitle = \"{title}\"\n[marking]\ntlp = \"GREEN\"\n[[part]]\nsection = \"summary\"\ntext = \"{title}\"\n"
    );
    let file = node.folder().join(format!("{title}.toml"));
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn secret(node: &Node, name: &str, text: &str) -> String {
    let file = node.folder().join(name);
    fs::write(&file, format!("{text}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}

fn publish(node: &Node, title: &str) -> String {
    let published = node.try_with(&["publish", &record(node, title), "--yes"], "").done();
    text(&published, "reference").to_owned()
}

fn arrived(node: &Node, title: &str) -> bool {
    let records = node.data(&["list"]);
    records.as_array().unwrap().iter().any(|one| text(one, "title") == title)
}

fn findings(node: &Node) -> Vec<Value> {
    let ended = node.try_with(&["doctor"], "");
    let found: Value = serde_json::from_str(ended.out.trim()).unwrap();
    let found = found["data"].as_array().unwrap().clone();
    found.into_iter().filter(|one| one["about"] == "emergency").collect()
}

#[test]
fn the_glass_breaks_by_its_key_and_what_a_second_person_refuses_is_recalled() {
    let (mut kr, mut fj) = (Node::plain("KR"), Node::plain("FJ"));
    kr.run();
    fj.run();
    pair_restricted((&kr, "KR"), (&fj, "FJ"));
    let reference = publish(&kr, "night");
    let emergency = |node: &Node, reference: &str, more: &[&str]| {
        let words = ["release", "emergency", reference, "--to", "FJ", "--reason", "a hospital"];
        node.try_with(&[&words, more].concat(), "")
    };

    // Without the key nothing is broken, and doctor notes that there is none.
    assert_eq!(findings(&kr)[0]["verdict"], "note");
    let refused = emergency(&kr, &reference, &["--yes"]);
    refused.refused(77, "no-emergency-key", "no emergency key", "comity key emergency");
    let right = secret(&kr, "right", "open sesame");
    let wrong = secret(&kr, "wrong", "open barley");
    let made = ["key", "emergency", "--new-passphrase-file", &right, "--yes"];
    let made = kr.try_with(&made, "").done();
    assert!(text(&made, "file").ends_with("keys/emergency.keys"));
    assert_eq!(findings(&kr)[0]["verdict"], "fine");
    for (name, role) in [("kim", "analyst"), ("lee", "approver"), ("ann", "liaison")] {
        kr.try_with(&["staff", "add", name, "--role", role, "--plain-key"], "").done();
    }
    kr.set_staff("ann");
    let refused = emergency(&kr, &reference, &["--yes"]);
    refused.refused(77, "not-in-role", "`ann` is liaison", "comity staff list");
    kr.set_staff("kim");
    let would = emergency(&kr, &reference, &["--dry-run"]).done();
    assert_eq!(text(&would["parts"][0], "outcome"), "by it");
    assert!(would["release"].is_null());
    let refused = emergency(&kr, &reference, &["--key-passphrase-file", &wrong, "--yes"]);
    assert_ne!(refused.code, 0, "{}", refused.out);
    assert!(!arrived(&fj, "night"));
    let broken = emergency(&kr, &reference, &["--key-passphrase-file", &right, "--yes"]).done();
    let release = text(&broken["release"], "release").to_owned();
    assert_eq!(broken["confirmers"], serde_json::json!(["lee"]));
    eventually("it arrives", || arrived(&fj, "night"));

    // Whoever looks sees it.
    let status = kr.data(&["status"]);
    assert_eq!(text(&status["emergencies"][0], "release"), release);
    assert!(status["alarms"].to_string().contains("kim broke the glass"), "{status}");
    let found = findings(&kr);
    assert_eq!(found[0]["verdict"], "wrong");
    assert!(text(&found[0], "mend").contains(&format!("release confirm {release}")));
    let waits = kr.data(&["approvals"]);
    assert_eq!(text(&waits["emergencies"][0], "by"), "kim");
    let shown = kr.data(&["show", &reference]);
    assert_eq!(text(&shown["emergencies"][0], "reason"), "a hospital");
    let who = kr.data(&["audit", "who", &reference]);
    assert_eq!(text(&who["deliveries"][0], "emergency"), release);
    let partner = kr.data(&["audit", "partner", "FJ"]);
    let sent = partner["sent"].as_array().unwrap();
    assert!(sent.iter().any(|one| one["emergency"] == release.as_str()), "{partner}");
    let explained = kr.data(&["explain", &reference, "--to", "FJ"]).to_string();
    assert!(explained.contains("passed by the emergency release of kim until"), "{explained}");
    // A file has nothing of it, and the word stays here.
    let out = kr.folder().join("night.record").display().to_string();
    let file = kr.try_with(&["show", &reference, "--out", &out, "--for", "public"], "");
    assert_ne!(file.code, 0, "{}", file.out);
    assert!(!fj.data(&["list", "--control"]).to_string().contains("approval"));
    let refused = emergency(&kr, &reference, &["--key-passphrase-file", &right, "--yes"]);
    refused.refused(65, "open-already", "already, until", "comity release list");

    // Another economy's record is not ours to release.
    let theirs = kr.data(&["list", "--from", "FJ"]);
    assert_eq!(theirs, serde_json::json!([]));
    let back = fj.data(&["list"]);
    let foreign = text(&back[0], "reference").to_owned();
    let words = ["release", "emergency", &foreign, "--to", "KR", "--reason", "x", "--yes"];
    let refused = fj.try_with(&words, "");
    assert_eq!(refused.code, 77, "{}", refused.out);

    kr.set_staff("lee");
    let refuse = ["release", "confirm", &release, "--refuse", "--reason", "not them", "--yes"];
    let done = kr.try_with(&refuse, "").done();
    assert_eq!(text(&done, "state"), "refused");
    eventually("it is recalled by itself", || {
        fj.data(&["recall", "list"]).as_array().is_some_and(|recalls| recalls.len() == 1)
    });
    let recalled = || kr.data(&["release", "list"])[0]["recalled_by"].clone();
    eventually("the recall is known here", || recalled().is_string());
    assert_eq!(kr.data(&["status"])["emergencies"], Value::Null);
    assert_eq!(findings(&kr)[0]["verdict"], "fine");
    let state = kr.data(&["show", &reference]);
    assert!(!state.to_string().contains("withdrawn"), "for others it stands: {state}");
}
