//! Two nodes, two processes: what the other side sees of a withdrawal, and a backup from before the key of
//! the links was renewed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use serde_json::Value;
use world::{Node, agree, clock, eventually, pair, pair_restricted, text};

fn publish(node: &Node, title: &str) -> String {
    let record = format!(
        "format = 1\nkind = \"note\"\ntitle = \"{title}\"\n[marking]\ntlp = \"CLEAR\"\n\
         [[part]]\nsection = \"summary\"\ntext = \"{title}\"\n"
    );
    let file = node.folder().join("note.toml");
    std::fs::write(&file, record).unwrap();
    let file = file.display().to_string();
    text(&node.data(&["publish", &file, "--yes"]), "reference").to_owned()
}

/// The line of what has this title, once it is there.
fn arrived(node: &Node, title: &str) -> Value {
    let mut found = None;
    eventually(title, || {
        let records = node.data(&["list", "--control"]);
        found = records.as_array().unwrap().iter().find(|one| text(one, "title") == title).cloned();
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn a_withdrawal_is_followed_at_whoever_got_the_record() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    let reference = publish(&kr, "mistaken");
    let record = arrived(&jp, "mistaken");
    let theirs = text(&record, "reference");
    assert_eq!(jp.data(&["show", theirs])["end"], Value::Null);
    kr.data(&["withdraw", &reference, "--yes"]);
    let withdrawal = arrived(&jp, &format!("Withdrawal of {theirs}"));
    let shown = jp.data(&["show", theirs]);
    assert_eq!(text(&shown["end"], "how"), "withdrawn", "{shown}");
    assert_eq!(shown["end"]["by"], withdrawal["reference"]);
    assert_eq!(shown["end"]["entered_at"], withdrawal["entered_at"]);
    assert_eq!(shown["end"]["signed_at"], withdrawal["signed_at"]);
    what_waited_is_seen_before_a_partner_is_taken_up_again(&kr, &jp);
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}

fn what_waited_is_seen_before_a_partner_is_taken_up_again(kr: &Node, jp: &Node) {
    kr.data(&["partner", "suspend", "JP"]);
    publish(kr, "meanwhile");
    let resume = ["partner", "resume", "JP"];
    let would = kr.data(&[&resume[..], &["--dry-run"]].concat());
    assert_eq!(would["effects"][0]["begins"]["records"], 1, "{would}");
    assert_eq!(would["effects"][0]["partner"], "JP", "{would}");
    kr.try_with(&resume, "").refused(64, "not-confirmed", "Take JP up again", "--yes");
    assert_eq!(kr.data(&["partner", "show", "JP"])["partner"]["bond"], "suspended");
    kr.data(&[&resume[..], &["--yes"]].concat());
    arrived(jp, "meanwhile");
}

/// Whoever is away is named with what waits for it, and no more when it has come.
#[test]
fn what_is_due_to_a_partner_that_is_away_is_shown() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    publish(&kr, "while it is here");
    arrived(&jp, "while it is here");
    let line = |kr: &Node| kr.data(&["status"])["partners"][0].clone();
    assert_eq!(line(&kr)["due"], 0);
    assert_eq!(jp.stop(), 0);
    eventually("the link is down", || line(&kr)["connected"] == false);
    let reference = publish(&kr, "while it is away");
    let shown = line(&kr);
    assert_eq!((&shown["due"], &shown["due_or_more"]), (&Value::from(1), &Value::from(false)));
    let due = || kr.data(&["audit", "who", &reference])["due"].clone();
    assert_eq!(due(), serde_json::json!(["JP"]));
    jp.run();
    arrived(&jp, "while it is away");
    eventually("it is known", || line(&kr)["due"] == 0 && due().is_null());
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}

/// What the node of another folder says is not taken for this one's.
#[test]
fn a_copy_of_a_folder_whose_node_runs_is_named() {
    let mut kr = Node::plain("KR");
    let file = kr.folder().join("comity.toml");
    let socket = kr.folder().join("admin.sock");
    let named = format!("\n[admin]\nsocket = \"{}\"\n", socket.display());
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &named).unwrap();
    kr.run();
    assert!(!kr.try_with(&["doctor"], "").out.contains("copy of that one"));
    let copy = kr.home().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(&file, copy.join("comity.toml")).unwrap();
    let asked = ["--data", &copy.display().to_string(), "doctor"].map(str::to_owned);
    let said = kr.screen(&copy, &asked);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("copy of that one"), "{}", said.out);
    assert_eq!(kr.stop(), 0);
}

#[test]
fn a_backup_from_before_the_key_was_renewed_is_restored() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    let backup = kr.folder().join("backup").display().to_string();
    kr.data(&["backup", &backup]);
    publish(&kr, "lost here");
    kr.data(&["key", "rotate", "--yes"]);
    // JP knows the new key, and that the old one is none any more.
    arrived(&jp, "lost here");
    let up = |node: &Node, name: &str| {
        let status = node.data(&["status"]);
        let partners = status["partners"].as_array().unwrap().clone();
        partners.iter().any(|one| text(one, "name") == name && one["connected"] == true)
    };
    eventually("JP has the keyring", || {
        let keyrings = jp.data(&["list", "--control", "--kind", "keyring"]);
        keyrings.as_array().unwrap().iter().any(|one| text(one, "origin") == "KR")
    });
    assert_eq!(kr.stop(), 0);
    kr.data(&["restore", &backup, "--yes"]);

    kr.run();
    eventually("KR is let in", || up(&kr, "JP"));
    eventually("JP gives back what was lost", || {
        !kr.data(&["list"]).as_array().unwrap().is_empty()
    });
    kr.data(&["recover", "confirm", "--yes"]);
    eventually("the recovery ends", || kr.data(&["status"])["recovering"].is_null());
    assert_eq!(kr.data(&["status"])["keyring"], 2);
    publish(&kr, "after it");
    arrived(&jp, "after it");
    let alarms = jp.data(&["status"])["alarms"].clone();
    let codes: Vec<_> = alarms.as_array().unwrap().iter().map(|one| text(one, "code")).collect();
    assert!(
        codes.iter().all(|code| !code.contains("fork") && !code.contains("frozen")),
        "{codes:?}"
    );
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}

/// A machine starts with its clock weeks ahead: what its clock alone has made due is held, and shown so, until a person
/// says that it is right.
#[test]
fn what_waits_for_the_clock_goes_by_the_word_of_a_person() {
    const DAY: i64 = 24 * 60 * 60;
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    let ahead = jiff::SignedDuration::from_secs(10 * DAY);
    let release_at = jiff::Timestamp::now() + ahead;
    let file = kr.folder().join("timed.toml");
    let record = format!(
        "format = 1\nkind = \"note\"\ntitle = \"later\"\n[marking]\ntlp = \"CLEAR\"\nrelease-at = \"{}\"\n\
         [[part]]\nsection = \"summary\"\ntext = \"later\"\n",
        release_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    );
    std::fs::write(&file, record).unwrap();
    let published = kr.data(&["publish", &file.display().to_string(), "--yes"]);
    let reference = text(&published, "reference").to_owned();
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
    kr.set_environment(clock::ahead(40 * DAY));
    kr.run();
    let explained = |kr: &Node| {
        let explained = kr.data(&["explain", &reference, "--to", "JP"]);
        explained["partners"][0]["parts"][0].clone()
    };
    let held = explained(&kr);
    assert_eq!(text(&held, "outcome"), "hold", "{held}");
    assert!(text(&held, "reason").contains("nobody vouches for the clock"), "{held}");
    let tried = kr.data(&["publish", &file.display().to_string(), "--dry-run"]);
    assert_eq!(tried["preview"]["parts"][0]["cells"][0]["outcome"], "hold", "{tried}");
    assert_eq!(kr.data(&["clock", "show"])["unsure"], true);
    kr.try_with(&["clock", "confirm", "--yes"], "").done();
    assert_eq!(text(&explained(&kr), "outcome"), "release");
    assert_eq!(kr.data(&["clock", "show"])["unsure"], false);
    assert_eq!(kr.stop(), 0);
}

/// Under which what is GREEN goes on only if its origin says yes, and real work only.
const BOUND: &str = r#"format = 1
title = "MoU"
tier = "mou"
starts = 2026-01-01
max-pap = "GREEN"
onward = "ask"
retention = "30 days"
purposes = ["incident response"]
"#;

fn green(node: &Node, title: &str, more: &str) -> String {
    let record = format!(
        "format = 1\nkind = \"incident\"\ntitle = \"{title}\"\n[marking]\ntlp = \"GREEN\"\n{more}\n\
         [[part]]\nsection = \"summary\"\ntext = \"{title}\"\n"
    );
    let file = node.folder().join("green.toml");
    std::fs::write(&file, record).unwrap();
    file.display().to_string()
}

/// What stops the first part of a record for the first partner, if anything does.
fn stopped_by(node: &Node, file: &str) -> Option<String> {
    let would = node.data(&["publish", file, "--dry-run"]);
    let cell = &would["preview"]["parts"][0]["cells"][0];
    cell["gate"].as_str().filter(|_| text(cell, "outcome") != "release").map(str::to_owned)
}

/// How a record is marked decides, travels, and is shown to whoever reads it; so is what was agreed with it.
#[test]
fn what_binds_whoever_has_a_record_is_written_and_shown() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair_restricted((&kr, "KR"), (&jp, "JP"));
    let terms = kr.folder().join("mou.toml");
    std::fs::write(&terms, BOUND).unwrap();
    agree((&kr, "KR"), (&jp, "JP"), &terms.display().to_string());

    let act = green(&kr, "Do not touch", "pap = \"AMBER\"");
    assert_eq!(stopped_by(&kr, &act).as_deref(), Some("pap"));
    let seen = kr.screen(&kr.folder(), &["publish", &act, "--dry-run"].map(str::to_owned)).out;
    assert!(seen.contains("Marked GREEN, PAP AMBER: summary."), "{seen}");
    let game = green(&kr, "Not real", "exercise = \"Ghost Net\"");
    let seen = kr.screen(&kr.folder(), &["publish", &game, "--dry-run"].map(str::to_owned)).out;
    assert!(seen.contains("GREEN, EXERCISE"), "{seen}");
    assert_eq!(stopped_by(&kr, &game).as_deref(), Some("exercise"));
    for (wrong, says, next) in [
        ("pap = \"MAUVE\"", "not a label of PAP", "mend line 6"),
        ("exercise = \"\"", "the name of an exercise", "mend line 6"),
    ] {
        let file = green(&kr, "Wrong", wrong);
        kr.try_with(&["publish", &file, "--dry-run"], "").refused(
            65,
            "record-file-invalid",
            says,
            next,
        );
    }
    // What is said without a label is not passed over.
    for said in [
        "pap = \"RED\"",
        "community = \"Nobody\"",
        "release-at = 2036-01-01T00:00:00Z",
        "embargo-until = \"2036-01-01T00:00:00Z\"",
        "expires = 2036-01-01T00:00:00Z",
        "onward = \"none\"",
        "categories = [\"energy\"]",
        "exercise = \"Ghost Net\"",
    ] {
        let file = green(&kr, "Wrong", said);
        let bare = std::fs::read_to_string(&file).unwrap().replace("tlp = \"GREEN\"\n", "");
        std::fs::write(&file, bare + "marking = { tlp = \"CLEAR\" }\n").unwrap();
        let told = "a marking without `tlp`";
        kr.try_with(&["publish", &file, "--dry-run"], "").refused(
            65,
            "record-file-invalid",
            told,
            "mend line 5",
        );
    }
    let over = "release-at = 2036-01-01T00:00:00Z\nexpires = 2035-01-01T00:00:00Z";
    for never in [over, "expires = 2020-01-01T00:00:00Z"] {
        let file = green(&kr, "Never", never);
        kr.try_with(&["publish", &file, "--dry-run"], "").refused(
            65,
            "never-goes",
            "over before it goes",
            "expires",
        );
    }
    let none = green(&kr, "Wrong", "community = \"Nobody\"");
    kr.try_with(&["publish", &none, "--dry-run"], "").refused(
        66,
        "no-group",
        "Nobody",
        "group list",
    );
    let weaker = green(&kr, "Weaker", "pap = \"GREEN\"");
    let text_of = std::fs::read_to_string(&weaker).unwrap() + "marking = { pap = \"CLEAR\" }\n";
    std::fs::write(&weaker, text_of).unwrap();
    kr.try_with(&["publish", &weaker, "--dry-run"], "").refused(
        65,
        "record-file-invalid",
        "PAP:GREEN",
        "mend line",
    );

    let embargo = "pap = \"GREEN\"\nonward = \"none\"\nembargo-until = 2036-01-01T00:00:00Z";
    let file = green(&kr, "Not yet", embargo);
    assert_eq!(stopped_by(&kr, &file), None);
    let would = kr.data(&["publish", &file, "--dry-run"])["preview"].clone();
    let taken = text(&would["takes_on"][0], "obligations");
    assert!(taken.contains("keep 30 days"), "{would}");
    let published = kr.data(&["publish", &file, "--yes"]);
    let own = kr.data(&["show", text(&published, "reference")]);
    let line = arrived(&jp, "Not yet");
    assert_eq!(text(&line, "embargo_until"), "2036-01-01T00:00:00Z");
    let theirs = jp.data(&["show", text(&line, "reference")]);
    let marking = &theirs["parts"][0]["marking"];
    assert_eq!(*marking, own["parts"][0]["marking"]);
    let said = ["tlp", "pap", "onward", "embargo-until"].map(|name| text(marking, name));
    assert_eq!(said, ["GREEN", "GREEN", "none", "2036-01-01T00:00:00Z"]);
    let taken_on = &theirs["parts"][0]["taken_on"];
    assert_eq!(taken_on["retention_days"], 30);
    assert_eq!(taken_on["purposes"], serde_json::json!(["incident response"]));
    assert_eq!(own["parts"][0]["taken_on"], Value::Null, "its origin is bound to nobody");
    let screen = jp.screen(&jp.folder(), &["show", text(&line, "reference")].map(str::to_owned));
    for says in ["PAP GREEN", "embargo-until 2036-01-01", "kept 30 days", "incident response"] {
        assert!(screen.out.contains(says), "{says}: {}", screen.out);
    }
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}

/// Before its time a record is released by a word of its own, and by no other.
#[test]
fn a_time_of_release_is_lifted_by_its_name() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    let file = green(&kr, "Later", "release-at = 2036-01-01T00:00:00Z");
    let clear = std::fs::read_to_string(&file).unwrap().replace("GREEN", "CLEAR");
    std::fs::write(&file, clear).unwrap();
    let published = kr.data(&["publish", &file, "--yes"]);
    let reference = text(&published, "reference");
    kr.try_with(&["embargo", "lift", reference, "--yes"], "").refused(
        65,
        "no-embargo",
        "nobody gets it before 2036",
        "--release",
    );
    let lifted = kr.data(&["embargo", "lift", reference, "--release", "--yes"]);
    assert_eq!(arrived(&jp, "Later")["lifecycle"], "live");
    let lifted = text(&lifted, "reference");
    kr.try_with(&["embargo", "lift", lifted, "--release", "--yes"], "").refused(
        65,
        "no-release-time",
        "still to come",
        "explain",
    );
    // The one does not take the other with it.
    let both = "release-at = 2036-01-01T00:00:00Z\nembargo-until = 2037-01-01T00:00:00Z";
    let file = green(&kr, "Both", both);
    let clear = std::fs::read_to_string(&file).unwrap().replace("GREEN", "CLEAR");
    std::fs::write(&file, clear).unwrap();
    let published = kr.data(&["publish", &file, "--yes"]);
    kr.data(&["embargo", "lift", text(&published, "reference"), "--release", "--yes"]);
    assert_eq!(text(&arrived(&jp, "Both"), "embargo_until"), "2037-01-01T00:00:00Z");
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}

/// Each record that falls out of what is allowed is named, also after the ones before it were recalled.
#[test]
fn every_narrowing_is_told() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair_restricted((&kr, "KR"), (&jp, "JP"));
    let terms = kr.folder().join("mou.toml");
    std::fs::write(&terms, BOUND).unwrap();
    agree((&kr, "KR"), (&jp, "JP"), &terms.display().to_string());
    let mut sent = Vec::new();
    for title in ["First", "Second"] {
        let file = green(&kr, title, "");
        sent.push(text(&kr.data(&["publish", &file, "--yes"]), "reference").to_owned());
        arrived(&jp, title);
    }
    let offered = || {
        let alarms = kr.data(&["status"])["alarms"].as_array().cloned().unwrap_or_default();
        alarms.iter().filter(|one| text(one, "code") == "recall-offered").count()
    };
    let outstays = || kr.data(&["partner", "show", "JP"])["partner"]["outstays"].clone();
    assert_eq!(outstays(), 0);
    kr.data(&["partner", "level", "JP", "public", "--yes"]);
    eventually("both are offered", || outstays() == 2);
    assert_eq!(offered(), 1);
    kr.data(&["recall", &sent[0], "--reason", "agreement", "--yes"]);
    eventually("what was recalled is offered no more", || outstays() == 1);
    kr.data(&["partner", "level", "JP", "restricted", "--yes"]);
    eventually("it may have the rest", || outstays() == 0);
    kr.data(&["partner", "level", "JP", "public", "--yes"]);
    eventually("it may not, again", || outstays() == 1);
    assert_eq!(offered(), 2);
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}
