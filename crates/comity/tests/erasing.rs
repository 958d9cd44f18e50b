//! What is erased is gone from the files of a node, and comes back neither from a partner nor from a backup.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::path::Path;

use serde_json::Value;
use world::{Node, eventually, pair_restricted, text};

/// In the summary's first line, which lists show, and in another part.
const WORDS: [&str; 2] = ["Zanzibar-Quokka", "Nightjar-Umbrella"];

/// How often a word stands in the files of a folder.
fn found(folder: &Path, word: &str) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count += found(&path, word);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            count += bytes.windows(word.len()).filter(|at| *at == word.as_bytes()).count();
        }
    }
    count
}

fn in_data(node: &Node) -> [usize; 2] {
    WORDS.map(|word| found(&node.folder().join("store"), word))
}

fn publish(node: &Node) -> String {
    let file = node.folder().join("flaw.toml");
    let [one, other] = WORDS;
    let record = format!(
        "format = 1\nkind = \"advisory\"\ntitle = \"{one}\"\n[marking]\ntlp = \"CLEAR\"\n\
         [[part]]\nsection = \"summary\"\ntext = \"{one}\"\n\
         [[part]]\nsection = \"detail\"\ntext = \"called by {other}\"\n"
    );
    std::fs::write(&file, record).unwrap();
    let published = node.data(&["publish", &file.display().to_string(), "--yes"]);
    std::fs::remove_file(file).unwrap();
    text(&published, "reference").to_owned()
}

fn here(node: &Node) -> Option<String> {
    let records = node.data(&["list"]);
    let records = records.as_array().unwrap();
    records.first().map(|one| text(one, "reference").to_owned())
}

/// Of both sections: whether it goes, and whether it is gone.
fn bodies(erasing: &Value) -> [(bool, bool); 2] {
    ["summary", "detail"].map(|section| {
        let part = part(erasing, section);
        (part["goes"] == true, part["erased"].is_object())
    })
}

fn part<'a>(erasing: &'a Value, section: &str) -> &'a Value {
    let mut parts = erasing["parts"].as_array().unwrap().iter();
    parts.find(|part| text(part, "section") == section).unwrap()
}

#[test]
fn what_is_erased_is_gone_from_the_files_and_does_not_come_back() {
    let mut nodes = ["KR", "JP"].map(Node::plain);
    nodes.iter_mut().for_each(Node::run);
    let [kr, jp] = &mut nodes;
    kr.unsend_for("0s");
    assert_eq!(kr.stop(), 0);
    kr.run();
    pair_restricted((kr, "KR"), (jp, "JP"));
    let reference = publish(kr);
    eventually("it arrives", || here(jp).is_some());
    let theirs = here(jp).unwrap();
    assert!(in_data(jp).iter().all(|count| *count > 0) && in_data(kr).iter().all(|c| *c > 0));
    let copy = jp.folder().join("copy");
    jp.data(&["backup", &copy.display().to_string()]);

    // It has no term, and the copy is younger than any.
    let terms = jp.data(&["retention", "show", &theirs]);
    assert_eq!(terms.as_array().unwrap().len(), 2, "{terms}");
    assert!(terms[0]["goes_at"].is_null() && terms[0]["erased"].is_null(), "{terms}");
    assert_eq!(jp.data(&["retention", "due", "--within", "30d"]), serde_json::json!([]));
    jp.try_with(&["retention", "due", "--within", "soon"], "")
        .refused(64, "within", "soon", "days");
    assert!(jp.try_with(&["doctor"], "").out.contains("the last is of"));

    // Nothing is changed, and it says who has it.
    let erase = ["erase", &theirs, "--reason", "asked by the person"];
    let would = jp.data(&erase);
    assert_eq!((&would["done"], bodies(&would)), (&false.into(), [(true, false); 2]), "{would}");
    assert_eq!(text(&would["holders"][0], "partner"), "KR", "{would}");
    let detail = part(&would, "detail")["number"].to_string();
    let before = in_data(jp);
    jp.try_with(&["erase", &theirs], "").refused(64, "usage", "--reason", "");
    jp.try_with(&["erase", &theirs, "--part", "3", "--reason", "x", "--yes"], "").refused(
        66,
        "no-part",
        "no part 3",
        "",
    );
    jp.try_with(&["erase", &theirs, "--certificate", "nowhere"], "").refused(
        65,
        "not-erased",
        "nothing of",
        "erase",
    );

    // A hold keeps it.
    jp.data(&["hold", "add", &theirs, "--reason", "an order"]);
    jp.try_with(&[&erase[..], &["--yes"]].concat(), "").refused(65, "on-hold", "an order", "lift");
    assert_eq!(text(&jp.data(&["hold", "list"])[0], "reference"), theirs);
    assert_eq!(in_data(jp), before);
    jp.data(&["hold", "lift", &theirs, "--reason", "served"]);

    // A file of it left before, which the copy does not know.
    let left = jp.folder().join("left.record").display().to_string();
    jp.data(&["show", &theirs, "--out", &left]);
    std::fs::remove_file(&left).unwrap();
    std::fs::remove_file(format!("{left}.terms")).unwrap();

    // One part, and then the rest.
    let one = jp.data(&[&erase[..], &["--part", &detail, "--yes"]].concat());
    assert_eq!((&one["done"], bodies(&one)), (&true.into(), [(false, false), (true, true)]));
    assert_eq!(in_data(jp)[1], 0, "it is gone from the files");
    assert!(in_data(jp)[0] > 0);
    let certificate = jp.folder().join("erased.json").display().to_string();
    let all = jp.data(&[&erase[..], &["--yes", "--certificate", &certificate]].concat());
    assert_eq!(bodies(&all), [(true, true), (false, true)], "{all}");
    assert_eq!(in_data(jp), [0, 0], "the title too");
    jp.try_with(&[&erase[..], &["--yes"]].concat(), "").refused(65, "erased", "asked by", "");

    // Whoever asked for it verifies that.
    let verified = jp.data(&["verify", &certificate]);
    assert_eq!(verified[0]["content"], "erasure", "{verified}");
    assert_eq!(verified[0]["erased"].as_array().unwrap().len(), 2);
    assert_eq!((&verified[0]["files"], &all["files"]), (&1.into(), &1.into()));
    let said = std::fs::read_to_string(&certificate).unwrap();
    assert!(WORDS.iter().all(|word| !said.contains(word)));
    std::fs::write(&certificate, said.replace("asked by", "asked of")).unwrap();
    jp.try_with(&["verify", &certificate], "").refused(65, "certificate-signature", "signed", "");

    // It is not shown, searched or written to a file; what it was stays to be known.
    let shown = jp.data(&["show", &theirs]);
    let withheld = shown["parts"][0]["withheld"].as_str().unwrap();
    assert!(withheld.starts_with("erased on ") && withheld.contains("asked by"), "{shown}");
    assert_eq!(text(&shown["line"], "record"), text(&would, "record"));
    let out = jp.folder().join("out.record").display().to_string();
    jp.try_with(&["show", &theirs, "--out", &out], "").refused(65, "erased", "erased on", "");
    let sought = jp.data(&["audit", "who", "--value", WORDS[1]]);
    assert!(!sought.to_string().contains(&theirs), "{sought}");
    assert!(jp.try_with(&["explain", &theirs, "--to", "KR"], "").out.contains("erased"));

    // A backup from before has it; what it is restored to has not.
    assert_eq!(jp.stop(), 0);
    assert_eq!(jp.data(&["store", "verify"])["sound"], true);
    assert!(WORDS.iter().all(|word| found(&copy, word) > 0));
    let restored = jp.data(&["restore", &copy.display().to_string(), "--yes"]);
    assert_eq!(restored["erased_again"], 5, "{restored}");
    // No partner has it to give back that a file left.
    let files = jp.data(&["audit", "who", &theirs])["files"].clone();
    assert_eq!((&files[0]["readers"], files.as_array().unwrap().len()), (&"own".into(), 1));
    assert_eq!(in_data(jp), [0, 0]);
    let again = jp.data(&["show", &theirs]);
    assert!(again["parts"][0]["withheld"].as_str().unwrap().starts_with("erased on "), "{again}");
    jp.run();
    jp.data(&["recover", "confirm", "--yes"]);
    eventually("partners have given back what they hold", || {
        jp.data(&["status"])["recovering"].is_null()
    });
    assert_eq!(in_data(jp), [0, 0]);

    // Its origin erases too, and its recall still arrives and is answered truly.
    kr.data(&["erase", &reference, "--reason", "no longer needed", "--yes"]);
    assert_eq!(in_data(kr), [0, 0]);
    kr.data(&["recall", &reference, "--reason", "law", "--yes"]);
    eventually("the recall is answered", || {
        let who = kr.data(&["audit", "who", &reference]);
        who["withdrawal_told"][0]["answer"]["outcome"] == "honoured"
    });
    for node in [kr, jp] {
        assert_eq!(node.stop(), 0);
        assert_eq!(node.data(&["store", "verify"])["sound"], true);
    }
}

/// The process died before the list had what the journal had, or the list is lost or damaged: what is put back
/// has nothing that was erased all the same, and the node starts and says what is wrong.
#[test]
fn neither_a_lost_nor_a_damaged_list_brings_back_what_was_erased() {
    let mut node = Node::plain("KR");
    let reference = publish(&node);
    let copy = node.folder().join("copy").display().to_string();
    node.data(&["backup", &copy]);
    node.data(&["erase", &reference, "--reason", "asked", "--yes"]);
    assert_eq!(in_data(&node), [0, 0]);
    let list = node.folder().join("erasures.list");
    let whole = std::fs::read(&list).unwrap();
    let restore = || node.data(&["restore", &copy, "--yes"]);
    for damage in [None, Some(&b"\xff\xfe nothing that reads\n"[..]), Some(&whole[7..])] {
        match damage {
            None => std::fs::remove_file(&list).unwrap(),
            Some(bytes) => std::fs::write(&list, bytes).unwrap(),
        }
        let restored = restore();
        assert_eq!(restored["erased_again"], 1, "{restored}");
        assert_eq!(restored["list"].as_array().unwrap().len(), usize::from(damage.is_some()));
        assert_eq!(in_data(&node), [0, 0], "{damage:?}");
        assert_eq!(std::fs::read(&list).unwrap(), whole);
    }
    let shown = node.data(&["show", &reference]);
    assert!(shown["parts"][0]["withheld"].as_str().unwrap().starts_with("erased on "), "{shown}");

    let told = |node: &Node| node.data(&["status"])["alarms"].to_string().contains("erasures-list");
    assert!(!told(&node));
    std::fs::write(&list, [&whole[..], b"35 cut\xff"].concat()).unwrap();
    node.run();
    assert!(told(&node));
    assert_eq!(std::fs::read(&list).unwrap(), whole, "it is mended");
    assert_eq!(node.stop(), 0);
}

/// A draft's copy of what it became goes too, and so does its title; unless another draft has the same.
#[test]
fn what_a_record_was_drafted_from_goes_with_it() {
    let node = Node::plain("KR");
    let advisory = world::path("examples/data/csaf/icsa-24-165-03.json");
    let read: Value = serde_json::from_slice(&std::fs::read(&advisory).unwrap()).unwrap();
    let title = read["document"]["title"].as_str().unwrap().to_owned();
    let stands = || found(&node.folder().join("store"), &title);
    for _ in 0..2 {
        node.data(&["import", "csaf", &advisory]);
    }
    assert!(stands() > 0);
    let erase = |draft: &str| {
        let published = node.data(&["publish", draft, "--yes"]);
        let reference = text(&published, "reference").to_owned();
        node.data(&["erase", &reference, "--reason", "no longer needed", "--yes"])
    };
    let first = erase("KR-D-0001");
    assert_eq!(first["beside"], 2, "the titles alone: {first}");
    assert!(
        node.data(&["show", "KR-D-0002"]).to_string().contains(&title),
        "it is still to be read"
    );
    let second = erase("KR-D-0002");
    assert!(second["beside"].as_u64() > Some(2), "{second}");
    assert_eq!(stands(), 0);
    // Whoever imports it again has it again, and erases it again.
    node.data(&["import", "csaf", &advisory]);
    let again = node.data(&["show", "KR-D-0003"]);
    assert!(again.to_string().contains(&title), "{again}");
    let third = erase("KR-D-0003");
    assert!(third["beside"].as_u64() > Some(2), "{third}");
    assert_eq!(stands(), 0);
}
