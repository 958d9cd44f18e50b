//! Three nodes, three processes: the situation of `docs/src/inbound.md`. What JP brings is looked at first
//! at KR; FJ gets of it what a person at KR has let out, and JP hears of nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use serde_json::Value;
use world::{Node, eventually, pair, text};

/// A record that everybody may have and pass on; its reference where it was signed.
fn publish(node: &Node, kind: &str, title: &str) -> String {
    let record = format!(
        "format = 1\nkind = \"{kind}\"\ntitle = \"{title}\"\n\
         [marking]\ntlp = \"CLEAR\"\nonward = \"within-marking\"\n\
         [[part]]\nsection = \"summary\"\ntext = \"{title}\"\n"
    );
    let file = node.folder().join("record.toml");
    std::fs::write(&file, record).unwrap();
    let published = node.data(&["publish", &file.display().to_string(), "--yes"]);
    text(&published, "reference").to_owned()
}

/// The record of this title as a node has it.
fn found(node: &Node, title: &str) -> Option<Value> {
    let records = node.data(&["list"]);
    records.as_array().unwrap().iter().find(|one| text(one, "title") == title).cloned()
}

fn quarantine(node: &Node) -> Vec<Value> {
    node.data(&["quarantine", "list"]).as_array().unwrap().clone()
}

/// How many deliveries a partner has confirmed of all that there are.
fn confirmed(node: &Node, partner: &str) -> (u64, u64) {
    let shown = node.data(&["partner", "show", partner]);
    let count = |field: &str| shown["partner"][field].as_u64().unwrap();
    (count("delivered"), count("outstanding"))
}

/// What KR's journal says of the two.
fn reviewed(kr: &Node) {
    let review = kr.data(&["partner", "review", "JP"]);
    assert_eq!(review["taken"]["refused_by_rule"]["note"], 1, "{review:#}");
    assert_eq!(review["taken"]["refused"], serde_json::json!({}));
    assert_eq!(review["taken"]["bad_signatures"], 0);
    assert_eq!(review["taken"]["signed"], 2);
    assert_eq!(review["quarantine"]["dropped"], 1);
    assert_eq!(review["quarantine"]["waiting"]["person"], 1);
    assert_eq!(review["withdrawals"]["its_own"], 1);
    assert_eq!(review["keys"]["version"], 1);
    assert!(review["keys"]["frozen"].is_null());
    let roles: Vec<_> = review["keys"]["keys"].as_array().unwrap().iter().collect();
    assert!(roles.iter().any(|key| text(key, "role") == "link"), "{roles:?}");
    // FJ had the withdrawal from KR, and its signed receipt says so.
    eventually("FJ has confirmed", || {
        let review = kr.data(&["partner", "review", "FJ"]);
        review["withdrawals"]["confirmed"] == 1
    });
    let review = kr.data(&["partner", "review", "FJ"]);
    assert_eq!(review["withdrawals"]["sent"], 1);
    assert_eq!(review["withdrawals"]["open"], serde_json::json!([]));
    assert!(review["withdrawals"]["slowest_ms"].as_u64().is_some());
    assert!(review["clock"]["ahead_ms"].as_i64().is_some(), "{review:#}");
    let not_known = review["not_known"].to_string();
    assert!(not_known.contains("`request`") && !not_known.contains("withdrawals"), "{not_known}");
    kr.try_with(&["partner", "review", "NZ"], "").refused(66, "no-partner", "NZ", "partner list");
}

const WHY: [&str; 4] = ["--by", "Kim", "--reason", "phoned JP"];

#[test]
fn what_a_partner_brings_is_looked_at_first() {
    let mut nodes = ["KR", "JP", "FJ"].map(Node::plain);
    nodes.iter_mut().for_each(Node::run);
    let [kr, jp, fj] = &mut nodes;
    pair((kr, "KR"), (jp, "JP"));
    pair((kr, "KR"), (fj, "FJ"));
    // FJ verifies what JP has signed, by KR's word.
    kr.data(&["partner", "introduce", "JP", "--to", "FJ"]);
    eventually("JP is introduced", || {
        let listed = fj.data(&["partner", "list"]);
        !listed["introductions"].as_array().unwrap().is_empty()
    });
    fj.data(&["partner", "confirm", "JP", "--as", "JP", "--yes"]);

    // Without a node running as well: the next command takes the folder's lock.
    assert_eq!(kr.stop(), 0);
    let set = kr.data(&["partner", "intake", "JP", "review"]);
    assert_eq!(set["intake"]["rule"], "review");
    kr.run();
    let set = kr.data(&["partner", "intake", "JP", "refuse", "--kind", "note"]);
    assert_eq!(set["intake"]["kinds"]["note"], "refuse");

    publish(jp, "advisory", "Flaw in a router");
    publish(jp, "advisory", "A rumour");
    let note = publish(jp, "note", "Greetings");
    eventually("both wait for a person", || quarantine(kr).len() == 2);
    let waiting = quarantine(kr);
    assert!(waiting.iter().all(|one| text(one, "cause") == "review"), "{waiting:#?}");
    assert_eq!(waiting[0]["brought_by"], serde_json::json!(["JP"]));
    assert!(text(&waiting[0], "standing_reason").contains("JP"));
    let reference = |title: &str| text(&found(kr, title).unwrap(), "reference").to_owned();
    let (flaw, rumour) = (reference("Flaw in a router"), reference("A rumour"));
    let shown = kr.data(&["quarantine", "show", &flaw]);
    assert_eq!(shown["held"]["went_to"], serde_json::json!([]));
    assert_eq!(shown["parts"][0]["text"], "Flaw in a router", "who decides has to see it");
    // JP is told nothing: everything but the note is confirmed.
    eventually("JP has its receipts", || confirmed(jp, "KR").1 == 0);
    let who = jp.data(&["audit", "who", &note]);
    assert!(who["deliveries"][0].to_string().contains("not entitled"), "{who:#}");
    let refused = kr.data(&["partner", "show", "JP"]);
    assert_eq!(refused["partner"]["intake"]["refused"]["note"], 1);
    assert!(found(kr, "Greetings").is_none());
    // Nobody gets any of it from KR, and `explain` says why.
    let explained = kr.data(&["explain", &flaw, "--to", "FJ"]);
    assert!(explained.to_string().contains("in quarantine"), "{explained:#}");

    kr.data(&[&["quarantine", "release", &flaw, "--yes"], &WHY[..]].concat());
    kr.data(&[&["quarantine", "drop", &rumour, "--yes"], &WHY[..]].concat());
    eventually("FJ has what was let out", || found(fj, "Flaw in a router").is_some());
    assert!(quarantine(kr).is_empty());
    let dropped = kr.data(&["quarantine", "list", "--dropped"]);
    assert_eq!(text(&dropped[0], "reference"), rumour);
    let who = kr.data(&["audit", "who", &rumour]);
    assert!(who["deliveries"].as_array().unwrap().is_empty(), "{who:#}");

    // A file for others says nothing of what is kept back.
    kr.data(&[&["quarantine", "hold", &flaw, "--yes"], &WHY[..]].concat());
    let file = kr.folder().join("audit.cbor").display().to_string();
    kr.data(&["audit", "who", &flaw, "--out", &file]);
    let file = std::fs::read(&file).unwrap();
    let flaws = "Flaw in a router".as_bytes();
    assert!(!file.windows(flaws.len()).any(|window| window == flaws));

    // A withdrawal is taken whatever the rule, and the decisions survive a restart.
    let flaw_there = text(&found(jp, "Flaw in a router").unwrap(), "reference").to_owned();
    jp.data(&["withdraw", &flaw_there, "--yes"]);
    let lifecycle =
        |node: &Node| text(&found(node, "Flaw in a router").unwrap(), "lifecycle").to_owned();
    eventually("KR honours it", || lifecycle(kr) == "withdrawn");
    eventually("FJ honours it", || lifecycle(fj) == "withdrawn");
    assert_eq!(kr.stop(), 0);
    kr.run();
    let shown = kr.data(&["show", &rumour]);
    assert_eq!(shown["line"]["standing"], "dropped");
    assert_eq!(shown["ruling"]["by"], "Kim");
    assert_eq!(shown["ruling"]["reason"], "phoned JP");
    let shown = kr.data(&["partner", "show", "JP"]);
    assert_eq!(shown["partner"]["intake"]["rule"], "review");
    assert!(found(fj, "A rumour").is_none());
    reviewed(kr);
    for node in [kr, jp, fj] {
        assert_eq!(node.stop(), 0);
    }
}
