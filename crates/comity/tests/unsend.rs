//! What was just published is taken back before anybody is told, with a node that runs and without.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use serde_json::Value;
use world::{Node, text};

fn publish(node: &Node, urgency: &str) -> Value {
    let file = node.folder().join("note.toml");
    let record = format!(
        "format = 1\nkind = \"note\"\ntitle = \"x\"\nurgency = \"{urgency}\"\n\
         [marking]\ntlp = \"CLEAR\"\n[[part]]\nsection = \"summary\"\ntext = \"x\"\n"
    );
    std::fs::write(&file, record).unwrap();
    node.data(&["publish", &file.display().to_string(), "--yes"])
}

#[test]
fn what_was_published_a_moment_ago_can_be_taken_back() {
    let mut node = Node::plain("KR");
    node.unsend_for("1 h");
    for running in [false, true] {
        if running {
            node.run();
        }
        let published = publish(&node, "priority");
        assert!(published["unsend_until"].is_string(), "{published}");
        let reference = text(&published, "reference");
        let unsent = node.data(&["unsend", reference]);
        assert_eq!(text(&unsent, "lifecycle"), "unsent");
        assert_eq!(text(&node.data(&["list"])[0], "lifecycle"), "unsent");
        node.try_with(&["unsend", reference], "").refused(65, "unfitting", "unsent already", "");
        let urgent = publish(&node, "urgent");
        assert!(urgent["unsend_until"].is_null(), "{urgent}");
        node.try_with(&["unsend", text(&urgent, "reference")], "").refused(
            65,
            "may-have-gone",
            "may have gone already",
            " withdraw`",
        );
    }
    assert_eq!(node.stop(), 0);
    // Other times are for what is published then.
    node.unsend_for("0 s");
    let published = publish(&node, "routine");
    assert!(published["unsend_until"].is_null(), "{published}");
    node.unsend_for("25 h");
    let refused = node.try_with(&["list"], "");
    assert_eq!(refused.code, 78, "{}", refused.out);
    assert!(refused.message().contains("more than a day"), "{}", refused.out);
}

/// A correction of a correction, before anybody was told of the first.
#[test]
fn what_another_record_replaces_is_unsent_after_it() {
    let node = Node::plain("KR");
    node.unsend_for("1 h");
    let first = text(&publish(&node, "routine"), "reference").to_owned();
    let correct = |what: &str| -> String {
        let file = node.folder().join("note.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        let (start, rest) = before.split_once("urgency").unwrap();
        let rest = rest.split_once('\n').unwrap().1;
        let supersedes = format!("{start}urgency = \"routine\"\nsupersedes = [\"{what}\"]\n{rest}");
        let corrected = node.folder().join("corrected.toml");
        std::fs::write(&corrected, supersedes).unwrap();
        let published = node.data(&["publish", corrected.to_str().unwrap(), "--yes"]);
        text(&published, "reference").to_owned()
    };
    let second = correct(&first);
    let third = correct(&second);
    let lifecycle = |reference: &str| {
        let records = node.data(&["list"]);
        let mut records = records.as_array().unwrap().iter();
        let record = records.find(|one| text(one, "reference") == reference).unwrap().clone();
        text(&record, "lifecycle").to_owned()
    };
    node.try_with(&["unsend", &second], "").refused(65, "unfitting", &third, "");
    node.data(&["unsend", &third]);
    assert_eq!((&*lifecycle(&first), &*lifecycle(&second)), ("superseded", "live"));
    node.data(&["unsend", &second]);
    assert_eq!(lifecycle(&first), "live");
    let file = node.folder().join("corrected.toml");
    let again = file.to_str().unwrap();
    node.try_with(&["publish", again, "--yes"], "").refused(65, "unsent", &second, "without it");
}
