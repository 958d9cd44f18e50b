//! Three nodes, three processes: what a relay passed on is recalled through it, past the end of every agreement,
//! and each of them answers; what it keeps to itself under an embargo goes on when the origin lifts that.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use serde_json::Value;
use world::{Node, eventually, pair_restricted, text};

const MOU: &str = r#"
format = 1
title = "MoU"
tier = "mou"
starts = 2026-01-01
onward = "within-marking"
"#;

/// The agreement with a partner that is in this state.
fn agreement(node: &Node, partner: &str, state: &str) -> Option<String> {
    let agreements = node.data(&["agreement", "list"]);
    let mut agreements = agreements.as_array().unwrap().iter();
    let found =
        agreements.find(|one| text(one, "partner") == partner && text(one, "state") == state);
    found.map(|one| text(one, "reference").to_owned())
}

fn agree((one, here): (&Node, &str), (other, there): (&Node, &str)) {
    let file = one.folder().join("mou.toml");
    std::fs::write(&file, MOU).unwrap();
    one.data(&["agreement", "propose", &file.display().to_string(), "--to", there, "--yes"]);
    eventually("the proposal is accepted", || {
        let open = agreement(other, here, "awaits our acceptance");
        open.map(|open| other.data(&["agreement", "accept", &open, "--yes"])).is_some()
    });
    eventually("it is in force", || agreement(one, there, "in force").is_some());
}

/// Over at once, at both ends.
fn end((one, here): (&Node, &str), (other, there): (&Node, &str)) -> Value {
    let reference = agreement(one, there, "in force").unwrap();
    let ended = one.data(&["agreement", "terminate", &reference, "--immediately", "--yes"]);
    eventually("both know that it ended", || agreement(other, here, "ended").is_some());
    ended
}

/// Who is told of whom, by the one that is the partner of both.
fn introduce(relay: &Node, (node, name): (&Node, &str), other: &str) {
    relay.data(&["partner", "introduce", other, "--to", name]);
    eventually("the introduction arrives", || {
        node.try_with(&["partner", "confirm", other, "--as", other, "--yes"], "").code == 0
    });
}

fn line(node: &Node, title: &str) -> Option<Value> {
    let records = node.data(&["list"]);
    records.as_array().unwrap().iter().find(|one| text(one, "title") == title).cloned()
}

fn publish(node: &Node, title: &str) -> String {
    publish_marked(node, title, "")
}

fn publish_marked(node: &Node, title: &str, marking: &str) -> String {
    let file = node.folder().join("flaw.toml");
    let record = format!(
        "format = 1\nkind = \"advisory\"\ntitle = \"{title}\"\n\
         [marking]\ntlp = \"GREEN\"\nonward = \"within-marking\"\n{marking}\n\
         [[part]]\nsection = \"summary\"\ntext = \"{title}\"\n"
    );
    std::fs::write(&file, record).unwrap();
    text(&node.data(&["publish", &file.display().to_string(), "--yes"]), "reference").to_owned()
}

/// What the audit says that a partner answered: outcome, why, words, through whom, and how it was told.
fn answer(node: &Node, reference: &str, partner: &str) -> Option<[String; 5]> {
    let who = node.data(&["audit", "who", reference]);
    let told = who["withdrawal_told"].as_array().cloned().unwrap_or_default();
    let told = told.into_iter().find(|one| text(one, "partner") == partner)?;
    let answer = &told["answer"];
    answer.is_object().then(|| {
        [
            text(answer, "outcome"),
            text(answer, "because"),
            text(answer, "text"),
            text(answer, "through"),
            text(&told, "state"),
        ]
        .map(str::to_owned)
    })
}

/// Of what was refused some is erased all the same: its origin does not go on with a count that was true once. And two parts of
/// one section have a name that is the same at both ends.
#[test]
fn what_stays_after_a_refusal_is_counted_anew() {
    let mut nodes = ["KR", "JP"].map(Node::plain);
    nodes.iter_mut().for_each(Node::run);
    let [kr, jp] = &nodes;
    pair_restricted((kr, "KR"), (jp, "JP"));
    let file = kr.folder().join("three.toml");
    let part = |section: &str, text: &str| {
        format!("[[part]]\nsection = \"{section}\"\ntext = \"{text}\"\n")
    };
    let record = format!(
        "format = 1\nkind = \"advisory\"\ntitle = \"Three\"\n[marking]\ntlp = \"CLEAR\"\n{}{}{}",
        part("summary", "Three"),
        part("mitigation", "Stop it"),
        part("mitigation", "Update it")
    );
    std::fs::write(&file, record).unwrap();
    let published = kr.data(&["publish", &file.display().to_string(), "--yes"]);
    let reference = text(&published, "reference").to_owned();
    eventually("JP has it", || line(jp, "Three").is_some());
    let here = text(&line(jp, "Three").unwrap(), "reference").to_owned();

    let delivered = || kr.data(&["audit", "who", &reference])["deliveries"][0].clone();
    let called: Vec<String> = serde_json::from_value(delivered()["called"].clone()).unwrap();
    let numbered = called.iter().filter(|name| name.starts_with("mitigation(")).count();
    assert_eq!((numbered, called.contains(&"summary".to_owned())), (2, true), "{called:?}");
    let several =
        jp.try_with(&["erase", &here, "--part", "mitigation", "--reason", "x", "--yes"], "");
    several.refused(64, "several-parts", "several parts", "the same at every node");
    let shown = kr.data(&["show", &reference]);
    let parts = shown["parts"].as_array().unwrap();
    let mitigation = parts.iter().find(|one| text(one, "section") == "mitigation").unwrap();
    let front = text(mitigation, "part").chars().take(8).collect::<String>();
    assert!(several.out.contains(&front), "{}", several.out);

    for asked in [&["withdraw", &reference][..], &["recall", &reference, "--reason", "law"]] {
        let would = kr.data(&[asked, &["--dry-run"]].concat());
        assert!(would["reference"].is_null(), "nothing is signed: {would}");
        let cells = would["preview"]["parts"][0]["cells"].as_array().unwrap().clone();
        assert!(
            cells
                .iter()
                .any(|cell| text(cell, "partner") == "JP" && text(cell, "outcome") == "release")
        );
    }
    assert_eq!(text(&kr.data(&["show", &reference])["line"], "lifecycle"), "live");
    kr.data(&["recall", &reference, "--reason", "law", "--yes"]);
    let answered = || {
        let who = kr.data(&["audit", "who", &reference]);
        let answer = who["withdrawal_told"][0]["answer"].clone();
        (
            text(&answer, "outcome").to_owned(),
            answer["parts"].as_u64(),
            text(&answer, "text").to_owned(),
        )
    };
    eventually("JP has answered", || answered().0 == "stopped, not erased");
    let asked =
        ["recall", "refuse", &here, "--reason", "order", "--text", "until the trial", "--yes"];
    let all = || jp.data(&["recall", "list"]);
    let before = all();
    let tried = jp.data(&[&asked[..asked.len() - 1], &["--dry-run"]].concat());
    assert!(tried["reference"].is_null(), "nothing is signed: {tried}");
    assert_eq!(all(), before, "nor entered");
    jp.data(&asked);
    assert_ne!(all(), before, "as it is, where it is signed");
    let refused = |parts: u64| ("refused".to_owned(), Some(parts), "until the trial".to_owned());
    eventually("it is refused", || answered() == refused(3));
    jp.data(&["erase", &here, "--part", &front, "--reason", "x", "--yes"]);
    eventually("one stays less, for the same reason", || answered() == refused(2));
    jp.data(&["erase", &here, "--reason", "x", "--yes"]);
    eventually("none stays", || answered().0 == "honoured");
    for node in &mut nodes {
        assert_eq!(node.stop(), 0);
    }
}

/// KR, and FJ, which is no partner of it, and JP between them: what may be passed on is.
fn in_a_row() -> [Node; 3] {
    let mut nodes = ["KR", "JP", "FJ"].map(Node::plain);
    nodes.iter_mut().for_each(Node::run);
    let [kr, jp, fj] = &nodes;
    pair_restricted((kr, "KR"), (jp, "JP"));
    pair_restricted((jp, "JP"), (fj, "FJ"));
    agree((kr, "KR"), (jp, "JP"));
    agree((jp, "JP"), (fj, "FJ"));
    introduce(jp, (fj, "FJ"), "KR");
    introduce(jp, (kr, "KR"), "FJ");
    nodes
}

/// What `status` and `doctor` go on saying of what others have recalled.
fn recalls_that_wait(node: &Node) -> Vec<String> {
    let status = node.data(&["status"]);
    let awaited = status["awaited"].as_array().cloned().unwrap_or_default();
    let recalls = awaited.iter().filter(|one| text(one, "about") == "recall");
    let said: Vec<_> = recalls.map(|one| text(one, "what").to_owned()).collect();
    let doctor = node.try_with(&["doctor"], "").out;
    assert!(said.iter().all(|what| doctor.contains(what)), "{doctor}");
    said
}

#[test]
fn a_relay_passes_on_what_was_under_embargo_once_the_origin_lifts_it() {
    let [kr, jp, fj] = &in_a_row();
    let title = "Under embargo";
    let embargoed = publish_marked(kr, title, "embargo-until = \"2124-01-01T00:00:00Z\"");
    let free = publish(kr, "Under none");
    eventually("the relay has both", || {
        line(jp, title).is_some() && line(jp, "Under none").is_some()
    });
    eventually("what is under none is passed on", || line(fj, "Under none").is_some());
    assert!(line(fj, title).is_none(), "the embargo holds");

    let at_relay = text(&line(jp, title).unwrap(), "reference").to_owned();
    let lift =
        |node: &Node, reference: &str| node.try_with(&["embargo", "lift", reference, "--yes"], "");
    lift(jp, &at_relay).refused(65, "not-ours", "only its origin", "consent ask");
    lift(kr, &free).refused(65, "no-embargo", "under no embargo", "explain");
    let would = kr.data(&["embargo", "lift", &embargoed, "--dry-run"]);
    assert!(would["reference"].is_null() && would["preview"].is_object(), "{would}");
    let lifted = kr.data(&["embargo", "lift", &embargoed, "--yes"]);
    eventually("it is passed on", || line(fj, title).is_some());
    assert_eq!(text(&line(fj, title).unwrap(), "record"), text(&lifted, "record"));
    let lifecycle = |node: &Node, reference: &str| {
        let detail = node.data(&["show", reference]);
        text(&detail["line"], "lifecycle").to_owned()
    };
    for (node, reference) in [(kr, &embargoed), (jp, &at_relay)] {
        assert_eq!(lifecycle(node, reference), "superseded");
    }
    lift(kr, &embargoed).refused(65, "not-live", "is superseded", "");
}

#[test]
fn a_recall_goes_through_a_relay_past_expired_agreements_and_everybody_answers() {
    let mut nodes = in_a_row();
    let [kr, jp, fj] = &mut nodes;

    let reference = publish(kr, "A flaw");
    let withdrawn = publish(kr, "Another flaw");
    for title in ["A flaw", "Another flaw"] {
        eventually("the relay has passed it on", || line(fj, title).is_some());
    }
    assert_eq!(kr.data(&["recall", "due", "JP"]), serde_json::json!([]));
    let file = jp.folder().join("flaw.record").display().to_string();
    let at_relay = text(&line(jp, "A flaw").unwrap(), "reference").to_owned();
    jp.data(&["show", &at_relay, "--out", &file, "--for", "constituents"]);
    let lowered = kr.data(&["partner", "level", "JP", "public"]);
    let due = |answer: &Value| -> Vec<String> {
        let lines = answer["recall_due"].as_array().cloned().unwrap_or_default();
        lines.iter().map(|one| text(one, "reference").to_owned()).collect()
    };
    assert_eq!(due(&lowered), [reference.clone(), withdrawn.clone()], "{lowered}");
    assert_eq!(text(&lowered["recall_due"][0], "gate"), "trust", "{lowered}");
    assert_eq!(text(&lowered, "name"), "JP");
    let raise = ["partner", "level", "JP", "restricted"];
    let asked = kr.try_with(&raise, "");
    asked.refused(64, "not-confirmed", "goes at once", "--yes");
    let preview = kr.data(&[&raise[..], &["--dry-run"]].concat());
    let begins = &preview["effects"][0]["begins"];
    assert_eq!((text(&preview["effects"][0], "partner"), &begins["records"]), ("JP", &2.into()));
    assert_eq!(begins["examples"][1]["reference"], serde_json::json!(reference), "{preview}");
    let raised = kr.data(&[&raise[..], &["--yes"]].concat());
    assert!(raised["recall_due"].is_null(), "{raised}");
    let ended = end((kr, "KR"), (jp, "JP"));
    assert_eq!(due(&ended), [reference.clone(), withdrawn.clone()], "{ended}");
    let still = kr.data(&["recall", "due", "JP"]);
    assert_eq!(still.as_array().unwrap().len(), 2);
    assert_eq!(still[0]["sections"], serde_json::json!(["summary"]));
    end((jp, "JP"), (fj, "FJ"));
    publish(kr, "Under no agreement");

    // It is taken back while the last of them is away.
    assert_eq!(fj.stop(), 0);
    kr.try_with(&["recall", &reference, "--yes"], "").refused(64, "usage", "--reason", "");
    kr.try_with(&["recall", &reference, "--reason", "error", "--yes"], "").refused(
        64,
        "usage",
        "sent-in-error",
        "",
    );
    kr.try_with(&["recall", &reference, "--reason", "law"], "").refused(
        64,
        "not-confirmed",
        "cannot be taken back",
        "--yes",
    );
    kr.data(&["recall", &reference, "--reason", "law", "--yes"]);
    kr.data(&["withdraw", &withdrawn, "--yes"]);
    kr.try_with(&["recall", &reference, "--reason", "law", "--yes"], "").refused(
        65,
        "recalled-already",
        "recalled already, by KR-",
        "audit who",
    );
    let expected = |parts: [&str; 5]| Some(parts.map(str::to_owned));
    let stopped = "stopped, not erased";
    eventually("the relay has answered", || {
        answer(kr, &reference, "JP") == expected([stopped, "not-yet", "", "", "stored"])
            && answer(kr, &withdrawn, "JP") == expected(["honoured", "not-asked", "", "", "stored"])
    });
    assert_eq!(answer(kr, &reference, "FJ"), None, "it knows nothing of it yet");
    assert_eq!(text(&line(jp, "A flaw").unwrap(), "lifecycle"), "recalled");
    // Its origin cannot reach whoever has the file: people here tell them.
    let files = &jp.data(&["recall", "list"])[0]["files"];
    assert_eq!(
        (&files[0]["readers"], &files[0]["reference"]),
        (&"constituents".into(), &Value::from(&*at_relay))
    );
    let alarms = jp.data(&["status"])["alarms"].to_string();
    assert!(alarms.contains("files-left") && alarms.contains(&at_relay), "{alarms}");
    assert_eq!(text(&line(jp, "Another flaw").unwrap(), "lifecycle"), "withdrawn");
    // Until it is erased or refused it is said: an alarm passes.
    assert_eq!(recalls_that_wait(jp).len(), 1);
    fj.run();
    eventually("its reader has answered through it", || {
        answer(kr, &reference, "FJ") == expected([stopped, "not-yet", "", "JP", "told by JP"])
    });
    assert!(line(jp, "Under no agreement").is_none(), "nothing else passes");

    // Whoever must keep it says why, and it stays withdrawn.
    let recalls = fj.data(&["recall", "list"]);
    let recall = &recalls.as_array().unwrap()[0];
    assert_eq!((text(recall, "origin"), text(recall, "reason")), ("KR", "law"), "{recalls}");
    assert_eq!(text(&recall["answer"], "outcome"), stopped, "{recalls}");
    assert_eq!(recalls.as_array().unwrap().len(), 1, "a withdrawal is none");
    let here = text(&line(fj, "A flaw").unwrap(), "reference").to_owned();
    assert_eq!(recall["records"], serde_json::json!([here]));
    let refuse = |more: &[&str]| {
        fj.try_with(&[&["recall", "refuse", here.as_str(), "--yes"], more].concat(), "")
    };
    refuse(&["--reason", "other"]).refused(64, "text", "tells its origin nothing", "--text");
    refuse(&["--reason", "no"]).refused(64, "usage", "investigation", "");
    assert!(recalls_that_wait(fj)[0].contains(&format!("recalled {here}")));
    refuse(&["--reason", "order", "--text", "until the trial is over"]).done();
    assert!(recalls_that_wait(fj).is_empty(), "its origin was told why");
    let another = text(&line(fj, "Another flaw").unwrap(), "reference").to_owned();
    fj.try_with(&["recall", "refuse", &another, "--reason", "law", "--yes"], "").refused(
        65,
        "not-recalled",
        "nobody has recalled",
        "recall list",
    );
    eventually("the origin knows why", || {
        answer(kr, &reference, "FJ")
            == expected(["refused", "order", "until the trial is over", "JP", "told by JP"])
    });
    assert_eq!(text(&line(fj, "A flaw").unwrap(), "lifecycle"), "recalled");

    // It is the same in the books of a node that rests.
    assert_eq!(kr.stop(), 0);
    let told = answer(kr, &reference, "FJ").unwrap();
    assert_eq!((told[0].as_str(), told[1].as_str()), ("refused", "order"));
    assert_eq!(answer(kr, &reference, "JP").unwrap()[0], stopped);
    assert!(kr.data(&["recall", "list"]).as_array().unwrap().is_empty());
}
