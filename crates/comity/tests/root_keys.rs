//! Keys under attack, at the command line: the root keys are replaced, and what a thief of the link key signs
//! is refused by whoever knows a newer keyring.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use world::{Node, eventually, pair, text};

/// A file of the node's folder.
fn at(node: &Node, name: &str) -> String {
    node.folder().join(name).display().to_string()
}

fn version(node: &Node) -> u64 {
    node.data(&["status"])["keyring"].as_u64().unwrap()
}

const ROOT: [&str; 3] = ["key", "rotate", "root"];

fn rotate(node: &Node, more: &[&str], input: &str) -> world::Ended {
    node.try_with(&[&ROOT, more].concat(), input)
}

#[test]
fn root_keys_are_replaced_with_those_from_the_safe_and_each_refusal_says_what_to_do() {
    let node = Node::plain("KR");
    let (safe, root) = (at(&node, "safe.keys"), at(&node, "keys/root.keys"));
    let next = at(&node, "keys/next-root.keys");
    fs::rename(&next, &safe).unwrap();
    rotate(&node, &["--yes"], "").refused(66, "next-root-missing", "next-root.keys", "--next FILE");
    rotate(&node, &["--next", &root, "--yes"], "").refused(
        64,
        "root-in-force",
        "root keys in force already",
        "comity status",
    );
    let other = at(&node, "keys/node.keys");
    rotate(&node, &["--next", &other, "--yes"], "").refused(
        65,
        "not-the-next-root",
        "not those to which",
        "--next FILE",
    );
    rotate(&node, &["--next", &safe], "").refused(64, "not-confirmed", "root keys", "--yes");
    let away = at(&node, "away.keys");
    fs::rename(&root, &away).unwrap();
    rotate(&node, &["--next", &safe, "--yes"], "").refused(
        66,
        "root-keys",
        "root.keys",
        "--stolen",
    );
    let tried = rotate(&node, &["--next", &safe, "--stolen", "--dry-run"], "").done();
    assert_eq!(
        (tried["checked"].as_bool(), &tried["keyring"]),
        (Some(true), &serde_json::Value::Null)
    );
    assert_eq!(version(&node), 1, "nothing was signed");
    fs::rename(&away, &root).unwrap();
    let done = rotate(&node, &["--next", &safe, "--yes"], "").done();
    assert_eq!((done["keyring"].as_u64(), done["times"].as_u64()), (Some(2), Some(1)));
    assert!(fs::exists(&next).unwrap());
    // The same command once more: the keys from the safe are the root keys now.
    rotate(&node, &["--next", &safe, "--yes"], "").refused(64, "root-in-force", "already", "");
    fs::remove_file(&root).unwrap();
    let done = rotate(&node, &["--stolen", "--yes"], "").done();
    assert_eq!((done["keyring"].as_u64(), done["times"].as_u64()), (Some(3), Some(2)));
    node.data(&["key", "rotate", "--yes"]);
}

#[test]
fn a_passphrase_of_the_safes_own_is_asked_for_and_seals_what_is_written() {
    let node = Node::encrypted("KR", "of the node");
    let new = at(&node, "new");
    fs::write(&new, "of the safe\n").unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    // One passphrase opens all three.
    let more = ["--new-passphrase-file", &new, "--yes"];
    assert_eq!(rotate(&node, &more, "of the node\n").done()["keyring"], 2);
    let wrong = rotate(&node, &["--yes"], "of the node\nof the node\nof the safe\n");
    wrong.refused(77, "wrong-passphrase", "next-root.keys", "");
    let typed = rotate(&node, &["--yes"], "of the node\nof the safe\n");
    assert_eq!(typed.done()["keyring"], 3, "{}", typed.talk);
}

#[test]
fn what_a_thief_of_the_link_key_dates_back_is_refused_by_whoever_knows_a_newer_keyring() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    let note = at(&kr, "note.toml");
    let draft = "format = 1\nkind = \"note\"\ntitle = \"x\"\nmarking = { tlp = \"CLEAR\" }\n[[part]]\nsection = \"summary\"\ntext = \"x\"\n";
    fs::write(&note, draft).unwrap();
    let published = kr.data(&["publish", &note, "--yes"]);
    let reference = text(&published, "reference").to_owned();
    eventually("it has arrived", || !jp.data(&["list"]).as_array().unwrap().is_empty());
    assert_eq!(kr.stop(), 0);
    let thief = kr.twin();
    let forged = at(&thief, "forged.json");
    thief.data(&["audit", "who", &reference, "--out", &forged]);
    kr.run();
    let stranger = Node::vacant();
    let plainly = |more: &[&str]| {
        stranger.screen(
            stranger.home(),
            &[&["verify", &forged, "--json"], more]
                .concat()
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let from = kr.try_with(&["key", "rotate", "--from", "2026-01-01T00:00:00Z", "--yes"], "");
    assert_eq!(from.code, 64, "{}", from.out);
    kr.try_with(&["key", "rotate", "--compromised", "--yes"], "").refused(
        64,
        "no-from",
        "since when",
        "--from TIME",
    );
    assert_eq!(version(&kr), 1, "nothing was signed");
    kr.data(&["key", "rotate", "--compromised", "--from", "2026-01-01T00:00:00Z", "--yes"]);
    let (books, keyring) = (at(&kr, "books.jsonl"), at(&kr, "kr.keyring"));
    kr.data(&["audit", "export", "--out", &books, "--keyring", &keyring]);
    // By what the thief brings along it is sound, and nobody can tell.
    assert_eq!(plainly(&[]).done()[0]["keyring"], 1);
    plainly(&["--keyring", &keyring]).refused(65, "audit-seal", "declared compromised", "");
    eventually("JP has heard of it", || jp.try_with(&["verify", &forged], "").code == 65);
    jp.try_with(&["verify", &forged], "").refused(65, "audit-seal", "keyring version 2", "");
    // And what is written anew counts.
    let anew = at(&kr, "anew.json");
    kr.data(&["audit", "who", &reference, "--out", &anew]);
    assert_eq!(jp.data(&["verify", &anew])[0]["keyring"], 2);
}
