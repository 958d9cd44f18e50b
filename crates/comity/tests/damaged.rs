//! A damaged journal is read as far as it goes, with the damage said, and nothing is built on it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::path::PathBuf;

use comity_core::PartDigest;
use serde_json::Value;
use world::{Node, text};

fn publish(node: &Node, title: &str, body: &str) -> Value {
    let file = node.folder().join("note.toml");
    let record = format!(
        "format = 1\nkind = \"note\"\ntitle = \"{title}\"\n\
         [marking]\ntlp = \"CLEAR\"\n[[part]]\nsection = \"summary\"\ntext = \"{body}\"\n"
    );
    std::fs::write(&file, record).unwrap();
    node.data(&["publish", &file.display().to_string(), "--yes"])
}

/// A node with three notes, a backup of it, and the file of its journal.
fn node_with_three_notes() -> (Node, String, PathBuf) {
    let node = Node::plain("KR");
    publish(&node, "title of the first", "body of the first");
    publish(&node, "title of the second", "body of the second");
    publish(&node, "title of the third", "body of the third");
    let backup = node.folder().join("backup").display().to_string();
    node.data(&["backup", &backup]);
    let segment = node.folder().join("store/journal/00000001.seg");
    (node, backup, segment)
}

fn flip(segment: &PathBuf, at: &[u8]) {
    let mut bytes = std::fs::read(segment).unwrap();
    let place = bytes.windows(at.len()).position(|window| window == at).unwrap();
    bytes[place] ^= 1;
    std::fs::write(segment, bytes).unwrap();
}

/// Whatever would change something, sign something or leave the house is refused, and changes nothing.
fn changes_are_refused(node: &Node, segment: &PathBuf) {
    let before = std::fs::read(segment).unwrap();
    let note = node.folder().join("note.toml").display().to_string();
    let out = node.folder().join("out").display().to_string();
    let refused: [&[&str]; 9] = [
        &["publish", &note, "--yes"],
        &["withdraw", "KR-26-0001", "--yes"],
        &["unsend", "KR-26-0001"],
        &["recover", "confirm", "--yes"],
        &["import", "csaf", &world::path("examples/data/csaf/icsa-22-069-09.json")],
        &["show", "KR-26-0001", "--out", &out],
        &["audit", "who", "KR-26-0001", "--out", &out],
        &["backup", &out],
        &["run"],
    ];
    for command in refused {
        node.try_with(command, "").refused(65, "store-damaged", "damaged at byte", "restore DIR");
    }
    assert!(!std::path::Path::new(&out).exists());
    assert_eq!(std::fs::read(segment).unwrap(), before);
}

fn titles(answer: &Value) -> Vec<&str> {
    answer.as_array().unwrap().iter().map(|line| line["title"].as_str().unwrap()).collect()
}

#[test]
fn with_a_damaged_body_the_rest_is_read_and_nothing_written() {
    let (node, backup, segment) = node_with_three_notes();
    flip(&segment, b"body of the first");

    let listed = node.try_with(&["list"], "");
    assert_eq!(titles(&listed.done()).len(), 3);
    assert!(listed.talk.contains("damaged at byte"), "{}", listed.talk);
    assert!(listed.talk.contains("restore DIR"), "{}", listed.talk);
    // A program reads it where it reads the rest.
    let damage = &listed.json()["damage"];
    assert_eq!(damage["code"], "store-damaged", "{damage}");
    assert!(damage["message"].as_str().unwrap().contains("damaged at byte"), "{damage}");
    assert!(damage["next"].as_str().unwrap().contains("restore DIR"), "{damage}");

    let first = node.data(&["show", "KR-26-0001"]);
    let part = &first["parts"][0];
    assert!(part["withheld"].as_str().unwrap().contains("damaged at byte"), "{part}");
    assert_eq!((&part["section"], &part["text"]), (&Value::from("summary"), &Value::Null));
    let second = node.data(&["show", "KR-26-0002"]);
    assert_eq!(second["parts"][0]["text"], "body of the second");

    let status = node.data(&["status"]);
    assert_eq!(status["records"], 3);
    assert!(status["store_problem"].as_str().unwrap().contains("damaged at byte"), "{status}");
    assert!(status["store_next"].as_str().unwrap().contains("restore DIR"), "{status}");
    assert_eq!(
        node.data(&["audit", "who", "KR-26-0002"])["record"]["title"],
        "title of the second"
    );
    let found = node.try_with(&["doctor"], "");
    assert!(found.out.contains("damaged at byte"), "{}", found.out);
    node.try_with(&["store", "verify"], "").refused(65, "store-damaged", "not what", "restore DIR");

    changes_are_refused(&node, &segment);
    node.data(&["restore", &backup, "--yes"]);
    let restored = node.try_with(&["list"], "");
    assert_eq!(titles(&restored.done()).len(), 3);
    assert_eq!(restored.talk, "");
    assert!(restored.json()["damage"].is_null());
}

#[test]
fn with_a_damaged_entry_what_stands_before_it_is_read() {
    let (node, backup, segment) = node_with_three_notes();
    // The record names its parts, in the entry; what they say, and the title, lies beside it.
    let second = node.data(&["show", "KR-26-0002"]);
    let part: PartDigest = text(&second["parts"][0], "part").parse().unwrap();
    flip(&segment, part.as_bytes());
    let listed = node.try_with(&["list"], "");
    assert_eq!(titles(&listed.done()), ["title of the first"]);
    assert!(listed.talk.contains("such as a withdrawal"), "{}", listed.talk);
    assert_eq!(node.data(&["show", "KR-26-0001"])["parts"][0]["text"], "body of the first");
    let lost = node.try_with(&["show", "KR-26-0002"], "");
    lost.refused(66, "no-record", "KR-26-0002", "list");
    assert_eq!(lost.json()["damage"]["code"], "store-damaged", "it may be there all the same");
    changes_are_refused(&node, &segment);
    node.data(&["restore", &backup, "--yes"]);
    assert_eq!(titles(&node.data(&["list"])).len(), 3);
}

/// The indexes know that there was more than the journal has.
#[test]
fn a_journal_that_lost_its_end_is_read_and_not_written() {
    let (node, _, segment) = node_with_three_notes();
    let bytes = std::fs::read(&segment).unwrap();
    let title = b"title of the third";
    let place = bytes.windows(title.len()).position(|window| window == title).unwrap();
    std::fs::write(&segment, &bytes[..place]).unwrap();
    let listed = node.try_with(&["list"], "");
    assert_eq!(titles(&listed.done()), ["title of the second", "title of the first"]);
    assert!(listed.talk.contains("was acknowledged"), "{}", listed.talk);
    node.try_with(&["withdraw", "KR-26-0001", "--yes"], "").refused(
        65,
        "store-damaged",
        "was acknowledged",
        "restore DIR",
    );
}
