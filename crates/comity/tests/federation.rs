//! Two nodes, two processes, real QUIC: from strangers to "who did we tell?", and back from a backup.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use world::{Node, digits, eventually, path, text};

/// The names of the invitations that are open.
fn open_invitations(node: &Node) -> Vec<String> {
    let open = node.data(&["partner", "invite", "--list"]);
    open.as_array().unwrap().iter().map(|line| text(line, "name").to_owned()).collect()
}

/// A ticket that was made before the node was restarted. One that was taken back stays so.
fn invited(kr: &mut Node) -> String {
    kr.data(&["partner", "invite", "--as", "FJ"]);
    assert_eq!(open_invitations(kr), ["FJ"]);
    kr.data(&["partner", "invite", "--cancel", "FJ"]);
    kr.try_with(&["partner", "invite", "--cancel", "FJ"], "").refused(
        66,
        "no-invitation",
        "FJ",
        "partner invite --list",
    );
    kr.data(&["partner", "invite", "--as", "JP"]);
    let invitation = kr.data(&["partner", "invite", "--as", "JP"]);
    kr.try_with(&["partner", "join", "--as", "JP"], text(&invitation, "ticket")).refused(
        64,
        "own-ticket",
        "our own",
        "partner join",
    );
    assert_eq!(text(&kr.data(&["partner", "verify", "--show", "JP"]), "state"), "waiting");
    assert_eq!(kr.stop(), 0);
    assert_eq!(open_invitations(kr), ["JP"], "also while the node rests");
    kr.run();
    assert_eq!(open_invitations(kr), ["JP"]);
    text(&invitation, "ticket").to_owned()
}

/// What has paired somebody pairs nobody else, nor after a restart.
fn used_up(kr: &mut Node, jp: &Node, ticket: &str) {
    assert!(open_invitations(kr).is_empty());
    assert_eq!(kr.stop(), 0);
    kr.run();
    assert!(open_invitations(kr).is_empty());
    let again = jp.try_with(&["partner", "join", "--as", "again"], ticket);
    assert_ne!(again.code, 0, "{}", again.out);
    assert!(again.message().contains("no invitation open"), "{}", again.out);
}

fn pair(kr: &Node, jp: &Node, ticket: &str) {
    jp.try_with(&["partner", "join", "--as", "KR"], "comity-pair-half-of-it").refused(
        64,
        "ticket",
        "",
        "the whole line",
    );
    let joined = jp.try_with(&["partner", "join", "--as", "KR"], ticket).done();
    assert_eq!(text(&joined, "state"), "compare", "it says so when the other node is reached");
    let (ours, theirs) = (digits(kr, "JP"), digits(jp, "KR"));
    assert!(ours.len() == 6 && ours.bytes().all(|digit| digit.is_ascii_digit()), "{ours}");
    kr.try_with(&["partner", "verify", "JP"], "\n").refused(
        64,
        "not-six-digits",
        "no digits were given",
        "again",
    );
    kr.try_with(&["partner", "verify", "JP"], "12345\n").refused(
        64,
        "not-six-digits",
        "12345",
        "again",
    );
    std::thread::scope(|scope| {
        let kr = scope.spawn(|| kr.try_with(&["partner", "verify", "JP"], &theirs).done());
        let jp = jp.try_with(&["partner", "verify", "KR"], &ours).done();
        assert_eq!(text(&jp, "state"), "paired");
        assert_eq!(text(&kr.join().unwrap(), "state"), "paired");
    });
}

fn agree(kr: &Node, jp: &Node) {
    let nda = path("examples/agreements/nda.toml");
    let unasked = kr.try_with(&["agreement", "propose", &nda, "--to", "JP"], "");
    unasked.refused(64, "not-confirmed", "binds once they accept", "--yes");
    let would = kr.data(&["agreement", "propose", &nda, "--to", "JP", "--dry-run"]);
    assert_eq!(text(&would, "text"), std::fs::read_to_string(&nda).unwrap());
    assert_eq!(kr.data(&["agreement", "list"]).as_array().unwrap().len(), 0, "nothing was sent");
    kr.data(&["agreement", "propose", &nda, "--to", "JP", "--yes"]);
    let mut reference = String::new();
    eventually("the proposal arrives", || {
        let agreements = jp.data(&["agreement", "list"]);
        text(&agreements[0], "reference").clone_into(&mut reference);
        !reference.is_empty()
    });
    let shown = jp.data(&["agreement", "show", &reference]);
    assert_eq!(text(&shown, "text"), std::fs::read_to_string(nda).unwrap());
    jp.data(&["agreement", "accept", &reference, "--yes"]);
    eventually("the acceptance arrives", || {
        text(&kr.data(&["agreement", "list"])[0], "state") == "in force"
    });
    kr.data(&["partner", "level", "JP", "restricted"]);
    jp.data(&["partner", "level", "KR", "restricted"]);
}

/// The partner's node answers, its transport is measured, and its clock is ours.
fn reached(kr: &Node) {
    let pinged = kr.data(&["partner", "ping", "JP", "--count", "2"]);
    assert_eq!(pinged["answers_ms"].as_array().unwrap().len(), 2);
    assert!(pinged["answer_ms"].as_f64().unwrap() > 0.0, "{pinged}");
    assert!(pinged["clock_ahead_ms"].as_i64().unwrap().abs() < 5_000, "{pinged}");
    let path = &pinged["path"];
    assert!(path["rtt_ms"].as_f64().unwrap() > 0.0, "{pinged}");
    assert!(path["bytes_sent"].as_u64().unwrap() > 1_000, "{pinged}");
    assert!(path["packets_lost"].as_u64() <= path["packets_sent"].as_u64(), "{pinged}");
    let partners = kr.data(&["partner", "list"]);
    assert!(partners["partners"][0]["rtt_ms"].as_f64().unwrap() > 0.0, "{partners}");
    let doctor = kr.try_with(&["doctor"], "").out;
    assert!(doctor.contains("agrees with that of JP"), "{doctor}");
    kr.try_with(&["partner", "ping", "FJ"], "").refused(66, "no-partner", "FJ", "partner list");
    kr.data(&["partner", "suspend", "JP"]);
    kr.try_with(&["partner", "ping", "JP"], "").refused(
        69,
        "no-link",
        "suspended",
        "partner resume JP",
    );
    kr.data(&["partner", "resume", "JP"]);
    eventually("the link is up again", || kr.try_with(&["partner", "ping", "JP"], "").code == 0);
}

/// The incident of the examples, for JP alone.
fn incident(kr: &Node) -> String {
    let example = std::fs::read_to_string(path("examples/records/incident.toml")).unwrap();
    let (for_jp, _) = example.split_once("[[to]]\neconomy = \"FJ\"").unwrap();
    let file = kr.folder().join("incident.toml");
    std::fs::write(&file, for_jp).unwrap();
    std::fs::copy(path("examples/records/indicators.csv"), kr.folder().join("indicators.csv"))
        .unwrap();
    file.display().to_string()
}

#[test]
fn from_strangers_to_who_did_we_tell() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    kr.try_with(&["run"], "").refused(75, "node-running", "already running", "status");
    let ticket = invited(&mut kr);
    pair(&kr, &jp, &ticket);
    used_up(&mut kr, &jp, &ticket);
    agree(&kr, &jp);
    reached(&kr);

    let file = incident(&kr);
    let would = kr.data(&["publish", &file, "--dry-run"]);
    let published = kr.data(&["publish", &file, "--yes"]);
    let outcomes = |preview: &Value| -> Vec<(String, String)> {
        let parts = preview["preview"]["parts"].as_array().unwrap().iter();
        parts
            .map(|part| {
                (text(part, "section").to_owned(), text(&part["cells"][0], "outcome").to_owned())
            })
            .collect()
    };
    assert_eq!(outcomes(&would), outcomes(&published), "the preview is what is done");
    let reference = text(&published, "reference");
    let mut who = Value::Null;
    eventually("the receipt comes", || {
        who = kr.data(&["audit", "who", reference]);
        let delivery = &who["deliveries"][0];
        text(delivery, "state") == "stored" && delivery["signed_receipt"].is_string()
    });
    let mut sections: Vec<_> = who["deliveries"][0]["sections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|section| section.as_str().unwrap())
        .collect();
    sections.sort_unstable();
    assert_eq!(
        sections,
        ["addressee", "addressee", "indicators", "mitigation", "summary", "victim"]
    );

    let proof = kr.folder().join("who.json").display().to_string();
    kr.data(&["audit", "who", reference, "--out", &proof]);
    let verified = jp.data(&["verify", &proof]);
    assert_eq!(text(&verified[0]["deliveries"][0], "proof"), "signed for");
    let forged = std::fs::read_to_string(&proof).unwrap().replace("\"number\":", "\"number\":1");
    let forgery = kr.folder().join("forged.json").display().to_string();
    std::fs::write(&forgery, forged).unwrap();
    jp.try_with(&["verify", &forgery], "").refused(65, "audit-line", "line 2", "do not use");
    kr.try_with(&["audit", "who", reference, "--out", &proof], "").refused(
        73,
        "cannot-create",
        "who.json",
        "name another file",
    );

    asked_by_what_was_told(&kr, &jp, reference);
    red_at_the_named_desk(&kr, &mut jp, &who, reference);
    back_from_a_backup(&mut kr, &jp, reference);
    withdrawn_while_suspended(&kr, &jp);
    the_end_of_an_agreement(&kr);
    an_end_is_told_ahead(&kr, &jp);
    where_a_partner_is(&kr, &jp);
    the_name_of_a_removed_partner(&kr);
    assert_eq!(kr.stop(), 0);
    at_rest(&kr);
    let who = kr.data(&["audit", "who", reference]);
    assert_eq!(who["told_outside"].as_array().unwrap().len(), 3, "kept through it all");
    assert_eq!(jp.stop(), 0);
}

/// What the partner signed for does not wait because nobody asks it now.
fn at_rest(kr: &Node) {
    let partner = kr.data(&["partner", "show", "JP"])["partner"].clone();
    let number = |name: &str| partner[name].as_u64().unwrap();
    assert!(number("outstanding") < number("delivered"), "{partner}");
}

/// Who was told, asked by a value, by a file and by a partner.
fn asked_by_what_was_told(kr: &Node, jp: &Node, reference: &str) {
    let asked = |node: &Node, value: &str| node.data(&["audit", "who", "--value", value]);
    let told = |found: &Value| -> Vec<String> {
        let sent = found["found"][0]["sent"].as_array().unwrap().iter();
        sent.map(|one| text(one, "partner").to_owned()).collect()
    };
    let address = asked(kr, "198.51.100.4");
    assert_eq!(text(&address["found"][0]["record"], "reference"), reference);
    assert_eq!(text(&address["found"][0]["parts"][0], "section"), "indicators");
    assert_eq!(told(&address), ["JP"]);
    assert_eq!(told(&asked(kr, "EXAMPLE.NET")), ["JP"], "in either case, as the end of a name");
    let kept = asked(kr, "legal channel");
    assert_eq!(text(&kept["found"][0]["parts"][0], "section"), "evidence");
    assert!(told(&kept).is_empty(), "the part that has it stayed");
    assert_eq!(asked(kr, "98.51.100.4")["found"], serde_json::json!([]), "no word of its own");
    let red = asked(jp, "Example Bank");
    assert_eq!(red["found"], serde_json::json!([]), "what is not shown here is not looked at");
    assert!(red["looked_at"]["hidden"].as_u64().unwrap() > 0, "{red}");

    let file = path("examples/records/indicators.csv");
    let whole = kr.data(&["audit", "who", "--file", &file]);
    assert_eq!(told(&whole), ["JP"]);
    let other = path("examples/records/incident.toml");
    assert_eq!(kr.data(&["audit", "who", "--file", &other])["found"], serde_json::json!([]));

    let partner = kr.data(&["audit", "partner", "JP"]);
    let sent = partner["sent"].as_array().unwrap();
    assert_eq!(sent.len(), 1, "{partner}");
    assert_eq!((text(&sent[0], "reference"), text(&sent[0], "state")), (reference, "stored"));
    let control = partner["control"].as_u64().unwrap();
    assert!(control > 0, "an agreement went");
    let whole = kr.data(&["audit", "partner", "JP", "--control"]);
    assert_eq!(whole["sent"].as_array().unwrap().len() as u64, control + 1);
    let later = kr.data(&["audit", "partner", "JP", "--since", "2099-01-01T00:00:00Z"]);
    assert_eq!(later["sent"], serde_json::json!([]));

    told_by_telephone(kr, reference);
    kr.data(&["audit", "told", reference, "--to", "jp", "--by", "meeting"]);
    let besides = kr.data(&["audit", "partner", "JP"])["told_outside"].clone();
    assert_eq!(besides.as_array().unwrap().len(), 1, "the banks are no partner: {besides}");
    assert_eq!((text(&besides[0], "reference"), text(&besides[0], "by")), (reference, "meeting"));
    let page = kr.folder().join("who.html").display().to_string();
    kr.data(&["audit", "who", reference, "--html", &page]);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<td>JP</td>") && page.contains(reference), "{page}");
    assert!(page.contains("<td>&lt;Example&gt; Bank</td>"), "{page}");
}

/// What only people know is kept as well, and what was wrong in it stays to be read.
fn told_by_telephone(kr: &Node, reference: &str) {
    let told = |more: &[&str]| kr.try_with(&[&["audit", "told", reference], more].concat(), "");
    let to = ["--to", "<Example> Bank", "--by", "phone"];
    told(&[&to[..], &["--section", "attribution"]].concat()).refused(
        64,
        "no-section",
        "attribution",
        "summary",
    );
    told(&[&to[..], &["--at", "2099-01-01T00:00:00Z"]].concat())
        .refused(64, "not-yet", "2099", "was done");
    let first = told(&["--to", "Other Bank", "--by", "mail"]).done();
    assert!(first[0]["sections"].as_array().unwrap().len() > 3, "all that is here: {first}");
    told(&["--wrong", "2", "--reason", "x"]).refused(65, "unfitting", "number 2", "");
    told(&["--wrong", "1", "--reason", "another record"]).done();
    told(&["--wrong", "1", "--reason", "x"]).refused(65, "unfitting", "already", "");
    told(&[&to[..], &["--section", "indicators", "--teller", "Kim"]].concat()).done();
    let who = kr.data(&["audit", "who", reference])["told_outside"].clone();
    assert_eq!((text(&who[0], "wrong"), text(&who[1], "teller")), ("another record", "Kim"));
    let whom = |value: &str| {
        let found = kr.data(&["audit", "who", "--value", value])["found"][0].clone();
        let said = found["told_outside"].as_array().cloned().unwrap_or_default();
        said.iter().map(|one| text(one, "whom").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(whom("198.51.100.4"), ["<Example> Bank"]);
    assert!(whom("legal channel").is_empty(), "not that part, and what was wrong does not count");
}

/// RED of a partner is shown at the desk that it names, by every way to ask; its author sees it anyway.
fn red_at_the_named_desk(kr: &Node, jp: &mut Node, who: &Value, reference: &str) {
    let part = |node: &Node, section: &str| -> Value {
        let shown = node.data(&["show", text(&who["record"], "record"), "--full"]);
        let mut parts = shown["parts"].as_array().unwrap().iter();
        parts.find(|part| text(part, "section") == section).unwrap().clone()
    };
    let words = text(&part(kr, "victim"), "text").to_owned();
    assert!(words.len() > 10 && part(kr, "victim")["withheld"].is_null(), "{reference}");

    let withheld = part(jp, "victim");
    assert!(withheld["text"].is_null(), "{withheld}");
    assert!(text(&withheld, "withheld").contains("`duty officer`"), "{withheld}");
    let said = jp.try_with(&["show", text(&who["record"], "record"), "--full"], "").out;
    assert!(!said.contains(&words), "{said}");
    assert!(!text(&part(jp, "summary"), "text").is_empty(), "what no desk was named for");

    let file = jp.folder().join("comity.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    assert_eq!(jp.stop(), 0);
    for (desks, shown) in [("[\"press\"]", false), ("[\"press\", \"duty officer\"]", true)] {
        std::fs::write(&file, format!("{before}\n[local]\ndesks = {desks}\n")).unwrap();
        assert_eq!(text(&part(jp, "victim"), "text") == words, shown, "{desks}");
    }
    std::fs::write(&file, before).unwrap();
    jp.run();
}

fn back_from_a_backup(kr: &mut Node, jp: &Node, reference: &str) {
    let backup = kr.folder().join("backup").display().to_string();
    kr.data(&["backup", &backup]);
    kr.data(&["withdraw", reference, "--yes"]);
    eventually("the withdrawal arrives", || {
        text(&jp.data(&["list"])[0], "lifecycle") == "withdrawn"
    });
    kr.try_with(&["restore", &backup, "--yes"], "").refused(
        75,
        "node-running",
        "running",
        "stop the node",
    );
    assert_eq!(kr.stop(), 0);
    kr.data(&["store", "verify"]);
    kr.data(&["restore", &backup, "--yes"]);
    assert_eq!(text(&kr.data(&["list"])[0], "lifecycle"), "live", "the backup is older");
    assert!(kr.data(&["status"])["recovering"].is_string());
    kr.run();
    eventually("the partner returns the withdrawal", || {
        text(&kr.data(&["list"])[0], "lifecycle") == "withdrawn"
    });
    kr.data(&["recover", "confirm", "--yes"]);
    eventually("the recovery is over", || kr.data(&["status"])["recovering"].is_null());
}

fn withdrawn_while_suspended(kr: &Node, jp: &Node) {
    let file = kr.folder().join("note.toml");
    let note = "format = 1\nkind = \"note\"\ntitle = \"x\"\nmarking = { tlp = \"CLEAR\" }\n";
    let part = "[[part]]\nsection = \"summary\"\ntext = \"x\"\n";
    std::fs::write(&file, format!("{note}{part}")).unwrap();
    let published = kr.data(&["publish", &file.display().to_string(), "--yes"]);
    let reference = text(&published, "reference");
    eventually("the note arrives", || text(&jp.data(&["list"])[0], "lifecycle") == "live");
    kr.data(&["partner", "suspend", "JP"]);
    let withdrawn = kr.data(&["withdraw", reference, "--yes"]);
    assert_eq!(withdrawn["waits_for"], serde_json::json!(["JP"]));
    kr.try_with(&["withdraw", reference, "--yes"], "").refused(
        65,
        "withdrawn-already",
        "withdrawn already, by KR-",
        "audit who",
    );
    assert_eq!(text(&jp.data(&["list"])[0], "lifecycle"), "live");
    let told = || kr.data(&["audit", "who", reference])["withdrawal_told"][0].clone();
    assert_eq!((text(&told(), "partner"), text(&told(), "state")), ("JP", "not told yet"));
    kr.data(&["partner", "resume", "JP"]);
    eventually("the withdrawal arrives after all", || {
        text(&jp.data(&["list"])[0], "lifecycle") == "withdrawn"
    });
    eventually("JP has signed for the withdrawal", || {
        text(&told(), "state") == "stored" && told()["receipt"].is_string()
    });
}

const NOTE: &str = r#"
format = 1
kind = "note"
title = "What is under an agreement"

[marking]
tlp = "GREEN"

[[part]]
section = "summary"
text = "For our partners."
"#;

fn the_end_of_an_agreement(kr: &Node) {
    let line = || kr.data(&["agreement", "list"])[0].clone();
    let reference = text(&line(), "reference").to_owned();
    assert_eq!(text(&line(), "notice"), "180 days (art. 12.3)");
    let terminate = |more: &[&str]| {
        let arguments = [&["agreement", "terminate", reference.as_str(), "--yes"], more].concat();
        kr.try_with(&arguments, "")
    };
    terminate(&["--on", "2026-11-22T00:00:00Z"]).refused(64, "notice", "notice", "--immediately");
    terminate(&[]).done();
    let by_notice = line();
    assert_eq!(text(&by_notice, "state"), "in force", "{by_notice}");
    assert!(by_notice["until"].is_string() && by_notice["bound_until"].is_null(), "{by_notice}");
    terminate(&[]).refused(65, "unfitting", "terminated already", "");
    let note = kr.folder().join("note.toml");
    std::fs::write(&note, NOTE).unwrap();
    let published = kr.data(&["publish", &note.display().to_string(), "--yes"]);
    let note = text(&published, "reference").to_owned();
    let explained = |more: &[&str]| {
        kr.data(&[&["explain", note.as_str(), "--to", "JP", "--part", "1"], more].concat())
    };
    let outcome =
        |explained: &Value| text(&explained["partners"][0]["parts"][0], "outcome").to_owned();
    assert_eq!(outcome(&explained(&[])), "release");
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let while_in_force = comity_core::Timestamp::EPOCH.saturating_add(since).precise();
    terminate(&["--immediately"]).done();
    let now = explained(&[]);
    assert_eq!(outcome(&now), "withhold");
    let ways = &now["partners"][0]["parts"][0]["would_change"];
    assert_eq!(ways[0][0]["what"], "sign an agreement of the tier mou that covers it", "{ways}");
    // What was decided is decided again with what was known then.
    let then = explained(&["--at", &while_in_force]);
    assert_eq!(outcome(&then), "release", "{then}");
    assert_ne!(then["policy"], now["policy"]);
    kr.try_with(&["explain", &note, "--at", "2020-01-01T00:00:00Z"], "").refused(
        66,
        "before-founding",
        "no node here yet",
        "",
    );
    let ended = line();
    assert_eq!(text(&ended, "state"), "ended");
    assert_eq!(ended["bound_until"], by_notice["until"], "its duties outlive a breach");
}

/// Both parties know what they signed, so both are told; each step of it once while the node runs.
fn an_end_is_told_ahead(kr: &Node, jp: &Node) {
    let last = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let last = last.saturating_add(jiff::Span::new().days(5));
    let file = kr.folder().join("mou.toml");
    let mou = "format = 1\ntitle = \"MoU\"\ntier = \"mou\"\nstarts = 2026-01-01\n";
    std::fs::write(&file, format!("{mou}ends = {last}\n")).unwrap();
    kr.data(&["agreement", "propose", &file.display().to_string(), "--to", "JP", "--yes"]);
    eventually("the proposal is accepted", || {
        let agreements = jp.data(&["agreement", "list"]);
        let mut known = agreements.as_array().unwrap().iter();
        let Some(open) = known.find(|line| text(line, "state") == "awaits our acceptance") else {
            return false;
        };
        jp.data(&["agreement", "accept", text(open, "reference"), "--yes"]);
        true
    });
    for (node, partner) in [(kr, "JP"), (jp, "KR")] {
        let mut status = Value::Null;
        eventually("the end is told", || {
            status = node.data(&["status"]);
            let alarms = status["alarms"].as_array().unwrap();
            alarms.iter().any(|alarm| text(alarm, "code") == "agreement-ends")
        });
        let alarms = status["alarms"].as_array().unwrap();
        let told = |code: &str| alarms.iter().filter(|alarm| text(alarm, "code") == code).count();
        // The NDA was terminated before.
        assert_eq!((told("agreement-ends"), told("agreement-ended")), (1, 1), "{alarms:?}");
        let lines = status["deadlines"].as_array().unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        assert_eq!((text(line, "deadline"), line["step"].as_u64()), ("end", Some(7)), "{line}");
        assert_eq!((text(line, "partner"), text(line, "day")), (partner, &*last.to_string()));
        let doctor = node.try_with(&["doctor"], "");
        assert_eq!(doctor.code, 1, "{}", doctor.out);
        assert!(doctor.out.contains(text(line, "what")), "{}", doctor.out);
    }
}

fn where_a_partner_is(kr: &Node, jp: &Node) {
    for nonsense in ["nonsense", "host:port", "0.0.0.0:4864"] {
        kr.try_with(&["partner", "reach", "JP", nonsense], "").refused(64, "address", "", "reach");
    }
    let address = jp.address().to_string();
    let reached = kr.data(&["partner", "reach", "JP", &address]);
    assert_eq!(reached["addresses"], serde_json::json!([address]));
}

fn the_name_of_a_removed_partner(kr: &Node) {
    kr.try_with(&["partner", "invite", "--as", "JP"], "").refused(64, "name", "JP", "");
    kr.data(&["partner", "remove", "JP", "--yes"]);
    kr.data(&["partner", "invite", "--as", "JP"]);
}
