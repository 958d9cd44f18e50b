//! How far to believe it, on three nodes: what KR says of sources and records stays at KR and decides nothing, and
//! whoever imported the same public advisory counts once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::path::Path;

use serde_json::{Value, json};
use world::{Node, eventually, pair, path, text};

const ADVISORY: &str = "examples/data/csaf/icsa-24-193-18.json";
/// One of the vulnerabilities of that.
const CVE: &str = "CVE-2024-5989";
const REASON: &str = "their own sensors saw it in the wild";

/// The public advisory, imported and published as it is; its reference.
fn import(node: &Node, code: &str) -> String {
    node.data(&["import", "csaf", &path(ADVISORY)]);
    let published = node.data(&["publish", &format!("{code}-D-0001"), "--yes"]);
    text(&published, "reference").to_owned()
}

/// A record in the economy's own words that everybody may have and pass on; its reference.
fn write(node: &Node, title: &str, says: &str, tlp: &str) -> String {
    let record = format!(
        "format = 1\nkind = \"advisory\"\ntitle = \"{title}\"\n\
         [marking]\ntlp = \"{tlp}\"\nonward = \"within-marking\"\n\
         [[part]]\nsection = \"summary\"\ntext = \"{title}: {says}\"\n"
    );
    let file = node.folder().join("record.toml");
    std::fs::write(&file, record).unwrap();
    text(&node.data(&["publish", &file.display().to_string(), "--yes"]), "reference").to_owned()
}

/// What a node has of content, by origin; the title decides among several.
fn reference(node: &Node, origin: &str, title: &str) -> Option<String> {
    let records = node.data(&["list"]);
    let mut found = records
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| text(one, "origin") == origin && text(one, "title").contains(title));
    found.next().map(|one| text(one, "reference").to_owned())
}

fn counted(node: &Node, record: &str) -> (u64, u64, String) {
    let answer = node.data(&["assess", record]);
    let number = |field: &str| answer[field].as_u64().unwrap();
    (number("records"), number("origins"), text(&answer, "in_words").to_owned())
}

/// Whether a text lies anywhere in a folder.
fn lies_in(folder: &Path, what: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|one| {
        let one = one.unwrap().path();
        match std::fs::metadata(&one) {
            Ok(found) if found.is_dir() => lies_in(&one, what),
            Ok(found) if found.is_file() => {
                let bytes = std::fs::read(&one).unwrap_or_default();
                bytes.windows(what.len()).any(|window| window == what.as_bytes())
            }
            Ok(_) | Err(_) => false,
        }
    })
}

#[test]
fn who_says_it_counts_once_whoever_passes_it_on_or_imports_it_too() {
    let mut nodes = ["KR", "JP", "FJ"].map(Node::plain);
    nodes.iter_mut().for_each(Node::run);
    let [kr, jp, fj] = &mut nodes;
    pair((kr, "KR"), (jp, "JP"));
    pair((kr, "KR"), (fj, "FJ"));
    pair((jp, "JP"), (fj, "FJ"));

    // One advisory of CISA, imported by all three.
    let ours = import(kr, "KR");
    import(jp, "JP");
    import(fj, "FJ");
    let title = "ThinManager";
    let here = |node: &Node, origin: &str| reference(node, origin, title).is_some();
    eventually("all three are at KR", || here(kr, "JP") && here(kr, "FJ"));
    let cisa = counted(kr, &ours);
    assert_eq!((cisa.0, cisa.1), (3, 1), "{}", cisa.2);
    assert!(cisa.2.ends_with("ICSA-24-193-18 imported by FJ, JP and KR"), "{}", cisa.2);

    // JP has seen it itself. FJ passes that on to KR, and later KR has it from JP as well.
    kr.data(&["partner", "suspend", "JP"]);
    write(jp, "Seen here", &format!("somebody uses {CVE}"), "CLEAR");
    eventually("JP's word is at KR", || reference(kr, "JP", "Seen here").is_some());
    assert_eq!(counted(kr, &ours).1, 2);
    kr.data(&["partner", "resume", "JP", "--yes"]);
    let seen = reference(kr, "JP", "Seen here").unwrap();
    let came = |node: &Node| node.data(&["show", &seen])["provenance"]["came"].clone();
    eventually("from FJ, and from JP", || came(kr).as_array().unwrap().len() == 2);
    assert_eq!([text(&came(kr)[0], "partner"), text(&came(kr)[1], "partner")], ["FJ", "JP"]);
    let answer = kr.data(&["assess", &seen]);
    assert_eq!((&answer["records"], &answer["origins"]), (&json!(4), &json!(2)), "{answer:#}");
    assert!(text(&answer, "in_words").starts_with("4 records, 2 origins: JP; the document "));
    assert_eq!(answer["cves"], json!([CVE]));
    let others = answer["others"].as_array().unwrap();
    assert_eq!(others.len(), 3);
    assert!(others.iter().all(|other| other["cves"] == json!([CVE])), "{others:#?}");
    // Of our own we know the same the other way round.
    assert_eq!(counted(kr, &ours).1, 2);
    let shown = kr.data(&["show", &reference(kr, "FJ", title).unwrap()]);
    assert_eq!(shown["provenance"]["imports"][0]["id"], "ICSA-24-193-18");
    assert_eq!(shown["provenance"]["imports"][0]["namespace"], "https://www.cisa.gov/");
    assert_eq!(shown["provenance"]["origin"], "FJ");

    // What does not count is named, and does not count.
    let held = reference(kr, "FJ", title).unwrap();
    let why = ["--by", "Kim", "--reason", "phoned FJ"];
    kr.data(&[&["quarantine", "hold", &held, "--yes"], &why[..]].concat());
    assert_eq!(counted(kr, &seen).0, 3);
    kr.data(&[&["quarantine", "drop", &held, "--yes"], &why[..]].concat());
    assert_eq!(counted(kr, &seen).0, 3);
    let other = |field: &str| {
        let answer = kr.data(&["assess", &seen]);
        let others = answer["others"].as_array().unwrap().clone();
        others.iter().find(|other| other["reference"] == held.as_str()).unwrap()[field].clone()
    };
    assert_eq!(other("does_not_count"), "it was dropped");
    let theirs = reference(jp, "JP", "Seen here").unwrap();
    jp.data(&["withdraw", &theirs, "--yes"]);
    let (records, origins, _) = {
        let gone = || kr.data(&["show", &seen])["line"]["lifecycle"] == "withdrawn";
        eventually("KR honours it", gone);
        counted(kr, &ours)
    };
    assert_eq!((records, origins), (2, 1));
    let answer = kr.data(&["assess", &seen]);
    assert_eq!((&answer["records"], &answer["origins"]), (&json!(2), &json!(1)), "{answer:#}");
    assert_eq!(answer["does_not_count"], "it was taken back");
    for node in nodes.each_mut() {
        assert_eq!(node.stop(), 0);
    }
}

#[test]
fn what_is_said_of_a_source_and_of_a_record_stays_here_and_decides_nothing() {
    let mut nodes = ["KR", "JP", "FJ"].map(Node::plain);
    nodes.iter_mut().for_each(Node::run);
    let [kr, jp, fj] = &mut nodes;
    pair((kr, "KR"), (jp, "JP"));
    pair((kr, "KR"), (fj, "FJ"));
    kr.data(&["partner", "introduce", "JP", "--to", "FJ"]);
    write(jp, "Seen here", &format!("somebody uses {CVE}"), "CLEAR");
    eventually("JP's word is at KR", || reference(kr, "JP", "Seen here").is_some());
    let seen = reference(kr, "JP", "Seen here").unwrap();

    // The grades count for nothing: what goes to whom is what it was.
    let decided = |node: &Node| {
        let explained = node.data(&["explain", &seen, "--to", "FJ"]);
        let parts = explained["partners"][0]["parts"].clone();
        assert!(!parts.as_array().unwrap().is_empty(), "{explained:#}");
        (parts, explained["partners"][0]["goes"].clone(), explained["policy"].clone())
    };
    let before = decided(kr);
    let shown = kr.data(&["show", &seen]);
    assert!(shown.get("assessment").is_none() && shown["line"].get("rating").is_none());
    let said = |grade: &str, value: &str, reason: &str| {
        kr.data(&["assess", &seen, grade, value, "--by", "Kim", "--reason", reason])
    };
    assert_eq!(said("--credibility", "4", REASON)["rating"], "F4");
    let jps = ["partner", "reliability", "JP", "b", "--by", "Kim", "--reason", "right so far"];
    let graded = kr.data(&jps);
    assert_eq!(graded["reliability"], "B");
    assert_eq!(graded["reliability_in_words"], "usually reliable");
    assert_eq!(kr.data(&["show", &seen])["line"]["rating"], "B4");
    said("--credibility", "2", "CERT-FJ phoned");
    assert_eq!(said("--reliability", "E", "this one is hearsay")["rating"], "E2");
    assert_eq!(decided(kr), before);

    // It survives a restart, and everything that was said stays to be read.
    assert_eq!(kr.stop(), 0);
    let shown = kr.data(&["show", &seen]);
    let assessment = &shown["assessment"];
    assert_eq!(text(assessment, "rating"), "E2");
    assert_eq!(assessment["credibility_in_words"], "probably true");
    assert_eq!(assessment["reliability_in_general"], false);
    let said = assessment["said"].as_array().unwrap();
    let reasons: Vec<_> = said.iter().map(|one| text(one, "reason")).collect();
    assert_eq!(reasons, [REASON, "CERT-FJ phoned", "this one is hearsay"]);
    assert!(said.iter().all(|one| text(one, "by") == "Kim" && !text(one, "at").is_empty()));
    assert_eq!(shown["provenance"]["came"][0]["reliability"], "B");
    let listed = kr.data(&["list"]);
    assert_eq!(listed[0]["rating"], "E2");
    assert_eq!(kr.data(&["partner", "show", "JP"])["partner"]["reliability"], "B");
    let review = kr.data(&["partner", "review", "JP"]);
    assert_eq!(review["assessment"]["said"][0]["reason"], "right so far");
    let table = kr.try_with(&["list"], "");
    assert!(table.out.contains("E2"), "{}", table.out);

    // Taken back by assessing anew.
    let taken = ["--credibility", "6", "--reliability", "F", "--reason", "no idea", "--by", "Lee"];
    assert_eq!(kr.data(&[&["assess", &seen], &taken[..]].concat())["rating"], "F6");

    refusals(kr, &seen);
    kr.run();
    eventually("links are up again", || {
        kr.data(&["partner", "show", "JP"])["partner"]["connected"] == true
    });
    exported(kr);
    write(kr, "Something else", "to see that the links are up", "CLEAR");
    eventually("FJ has it", || reference(fj, "KR", "Something else").is_some());
    assert!(lies_in(&kr.folder(), REASON), "the journal keeps it");
    for other in [&jp, &fj] {
        assert!(!lies_in(&other.folder(), REASON) && !lies_in(&other.folder(), "right so far"));
    }
    for node in nodes.each_mut() {
        assert_eq!(node.stop(), 0);
    }
}

fn refusals(kr: &Node, seen: &str) {
    let why = ["--reason", "why", "--by", "Kim"];
    let tried = |arguments: &[&str]| kr.try_with(&[arguments, &why[..]].concat(), "");
    tried(&["assess", seen, "--credibility", "7"]).refused(64, "usage", "credibility", "--help");
    tried(&["assess", seen, "--reliability", "G"]).refused(64, "usage", "reliability", "--help");
    tried(&["assess", "KR-26-9999", "--credibility", "1"]).refused(
        66,
        "no-record",
        "KR-26-9999",
        "comity list",
    );
    tried(&["partner", "reliability", "NZ", "A"]).refused(66, "no-partner", "NZ", "partner list");
    tried(&["partner", "reliability", "KR", "A"]).refused(64, "ourselves", "themselves", "");
    let control = kr.data(&["list", "--control"]);
    let binds = control.as_array().unwrap().iter().find(|one| one["kind"] == "introduction");
    let binds = text(binds.unwrap(), "reference").to_owned();
    let refused = tried(&["assess", &binds, "--credibility", "1"]);
    refused.refused(64, "control-record", "introduction", "partner reliability");
    let refused = kr.try_with(&["assess", &binds], "");
    refused.refused(64, "control-record", "introduction", "partner reliability");
    kr.try_with(&["assess", seen, "--credibility", "1"], "").refused(64, "usage", "reason", "");
}

/// The event says who graded what, and not why; what one partner may be shown has none of it.
fn exported(kr: &Node) {
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let file = kr.folder().join("export.jsonl").display().to_string();
        drop(std::fs::remove_file(&file));
        kr.data(&[&["audit", "export", "--out", &file], arguments].concat());
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(!written.contains(REASON));
        let events = written.lines().map(|line| serde_json::from_str(line).unwrap());
        events.filter(|line: &Value| line["event"] == "assessed").collect()
    };
    let all = lines(&[]);
    assert_eq!(all.len(), 5, "{all:#?}");
    assert_eq!(all[0]["credibility"], 4);
    assert_eq!(all[0]["by"], "Kim");
    assert!(all[0]["of"]["record"].is_string());
    assert_eq!(all[1]["source"]["partner"], "JP");
    assert_eq!(all[1]["reliability"], "B");
    assert_eq!(all[4]["by"], "Lee");
    assert_eq!(lines(&["--partner", "JP"]), Vec::<Value>::new());
}
