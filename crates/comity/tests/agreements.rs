//! Two nodes, two processes: what `agreement diff` says beforehand is what comes of it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use comity_admin::{Client, Failure, ask};
use serde_json::Value;
use world::{Node, eventually, pair, text};

fn file(node: &Node, name: &str, content: &str) -> String {
    let file = node.folder().join(name);
    std::fs::write(&file, content).unwrap();
    file.display().to_string()
}

const ENDED: &str =
    "format = 1\ntitle = \"MoU\"\ntier = \"mou\"\nstarts = 2020-01-01\nends = 2021-01-01\n";

fn agreement(more: &str) -> String {
    format!("format = 1\ntitle = \"MoU\"\ntier = \"mou\"\nstarts = 2026-01-01\n{more}")
}

/// A GREEN record with these sections; its reference.
fn publish(node: &Node, title: &str, sections: &[&str]) -> String {
    let mut record = format!(
        "format = 1\nkind = \"incident\"\ntitle = \"{title}\"\n[marking]\ntlp = \"GREEN\"\n"
    );
    for section in sections {
        record += &format!("[[part]]\nsection = \"{section}\"\ntext = \"{title}\"\n");
    }
    let file = file(node, &format!("{title}.toml"), &record);
    text(&node.data(&["publish", &file, "--yes"]), "reference").to_owned()
}

/// The sections of a record that go to a partner.
fn going(node: &Node, record: &str) -> Vec<String> {
    let explained = node.data(&["explain", record, "--to", "JP"]);
    let parts = explained["partners"][0]["parts"].as_array().unwrap().clone();
    let going = parts.iter().filter(|part| text(part, "outcome") == "release");
    going.map(|part| text(part, "section").to_owned()).collect()
}

/// What is told of a partner: records and parts that begin, and that stop, and how many are there already.
fn told(diff: &Value) -> [u64; 6] {
    let effect = &diff["effects"][0];
    let of = |what: &str, field: &str| effect[what][field].as_u64().unwrap_or_default();
    [
        of("begins", "records"),
        of("begins", "parts"),
        of("begins", "sent"),
        of("stops", "records"),
        of("stops", "parts"),
        of("stops", "sent"),
    ]
}

fn agree(one: &Node, other: &Node, terms: &str) {
    let proposed = one.data(&["agreement", "propose", terms, "--to", "JP", "--yes"]);
    let id = text(&proposed, "record").to_owned();
    let twice = ["agreement", "propose", terms, "--to", "JP", "--yes"];
    one.try_with(&twice, "").refused(65, "proposed-already", "proposed by us", "--again");
    let state = |node: &Node| {
        let all = node.data(&["agreement", "list"]);
        let mut all = all.as_array().unwrap().iter();
        let found = all.find(|one| text(one, "agreement") == id);
        found.map(|one| text(one, "state").to_owned())
    };
    eventually("the proposal is there", || state(other).is_some());
    let would = other.data(&["agreement", "accept", &id, "--dry-run"]);
    assert_eq!(text(&would, "with"), "KR", "{would}");
    assert_eq!(state(other).as_deref(), Some("awaits our acceptance"));
    other.data(&["agreement", "accept", &id, "--yes"]);
    eventually("the agreement is in force", || state(one).as_deref() == Some("in force"));
}

/// Neither what was agreed, nor that it was accepted: it ends, and both are told how.
fn nothing_agreed_is_withdrawn(kr: &Node, jp: &Node) {
    let agreement = kr.data(&["agreement", "list"])[0].clone();
    let reference = text(&agreement, "reference");
    kr.try_with(&["withdraw", reference, "--yes"], "").refused(
        65,
        "not-withdrawable",
        "no withdrawal changes",
        &format!("agreement terminate {reference}"),
    );
    let control = jp.data(&["list", "--control"]);
    let mut control = control.as_array().unwrap().iter();
    let acceptance = control.find(|one| text(one, "kind") == "acceptance").unwrap();
    let recall = ["recall", text(acceptance, "reference"), "--reason", "sent-in-error", "--yes"];
    let agreed = jp.data(&["agreement", "list"])[0].clone();
    jp.try_with(&recall, "").refused(
        65,
        "not-withdrawable",
        "what was accepted is ended",
        &format!("agreement terminate {}", text(&agreed, "reference")),
    );
    for node in [kr, jp] {
        assert_eq!(text(&node.data(&["agreement", "list"])[0], "state"), "in force");
        let control = node.data(&["list", "--control"]);
        assert!(control.as_array().unwrap().iter().all(|one| text(one, "lifecycle") == "live"));
    }
}

#[test]
fn what_a_diff_says_beforehand_is_what_comes_of_it() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    kr.data(&["partner", "level", "JP", "restricted"]);
    let old = file(&kr, "old.toml", &agreement("sections = [\"summary\", \"indicators\"]\n"));
    agree(&kr, &jp, &old);
    nothing_agreed_is_withdrawn(&kr, &jp);
    let both = publish(&kr, "both", &["summary", "indicators"]);
    let detail = publish(&kr, "detail", &["detail"]);
    eventually("the summary is there", || {
        let records = jp.data(&["list"]);
        records.as_array().unwrap().iter().any(|one| text(one, "title") == "both")
    });

    let new = file(
        &kr,
        "new.toml",
        &agreement(
            "sections = [\"summary\", \"detail\"]\n[prohibits]\nsections = [\"indicators\"]\n",
        ),
    );
    // Receipts may come meanwhile: what is here, and what is agreed, is compared.
    // When an agreement without notice could end moves with the clock.
    let head = |node: &Node| {
        let mut agreements = node.data(&["agreement", "list"]);
        agreements[0]["earliest_end"].take();
        (node.data(&["list", "--control"]), agreements)
    };
    let before = head(&kr);
    let diff = kr.data(&["agreement", "diff", &new, "--with", "JP"]);
    assert_eq!(told(&diff), [1, 1, 0, 1, 1, 1], "{diff:#}");
    assert_eq!(diff["records"], 2);
    assert_eq!(diff["before"]["title"], "MoU");
    assert_eq!(
        diff["effects"][0]["begins"]["examples"][0]["reference"],
        Value::from(detail.clone())
    );
    assert_eq!(diff["effects"][0]["stops"]["sections"]["indicators"], 1);
    let fields: Vec<_> =
        diff["terms"].as_array().unwrap().iter().map(|one| text(one, "field")).collect();
    assert_eq!(fields, ["sections", "prohibits.sections"]);
    // Besides what is in force only the prohibition has an effect; between the two, none is needed.
    let besides = kr.data(&["agreement", "diff", &new, "--with", "JP", "--besides"]);
    assert_eq!(told(&besides), [1, 1, 0, 1, 1, 1], "{besides:#}");
    assert!(besides["before"].is_null());
    let texts = kr.data(&["agreement", "diff", &old, &new]);
    assert_eq!(
        (&texts["terms"], &texts["effects"]),
        (&diff["terms"], &Value::from(Vec::<Value>::new()))
    );

    // The same with no node running, and nothing was changed by asking.
    assert_eq!(head(&kr), before);
    assert_eq!(kr.stop(), 0);
    let resting = kr.data(&["agreement", "diff", &new, "--with", "JP"]);
    assert_eq!((told(&resting), &resting["terms"]), (told(&diff), &diff["terms"]));
    kr.run();

    // It comes so: the old one ends, the new one is accepted.
    assert_eq!(going(&kr, &both), ["summary", "indicators"]);
    assert_eq!(going(&kr, &detail), Vec::<String>::new());
    let all = kr.data(&["agreement", "list"]);
    kr.data(&["agreement", "terminate", text(&all[0], "reference"), "--immediately", "--yes"]);
    agree(&kr, &jp, &new);
    assert_eq!(going(&kr, &both), ["summary"]);
    assert_eq!(going(&kr, &detail), ["detail"]);
    // What cannot do what it is for is signed by whoever means it.
    let ended = file(&kr, "ended.toml", ENDED);
    kr.try_with(&["agreement", "propose", &ended, "--to", "JP", "--yes"], "").refused(
        65,
        "agreement-flawed",
        "1 error",
        "--anyway",
    );
    kr.data(&["agreement", "propose", &ended, "--to", "JP", "--yes", "--anyway"]);
    let mut waiting = String::new();
    eventually("JP has it", || {
        let all = jp.data(&["agreement", "list"]);
        let mut all = all.as_array().unwrap().iter();
        let last = all.find(|one| text(one, "state") == "awaits our acceptance");
        last.map(|one| text(one, "reference")).unwrap_or_default().clone_into(&mut waiting);
        !waiting.is_empty()
    });
    jp.try_with(&["agreement", "accept", &waiting, "--yes"], "").refused(
        65,
        "has-ended",
        "the last day of",
        "propose one",
    );
    let over = text(&all[0], "reference");
    kr.try_with(&["agreement", "terminate", over, "--yes"], "").refused(
        65,
        "has-ended",
        over,
        "agreement show",
    );
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}

/// How an agreement stands at a node, by its id.
fn state_of(node: &Node, id: &str) -> String {
    let all = node.data(&["agreement", "list"]);
    let mut all = all.as_array().unwrap().iter();
    let found = all.find(|one| text(one, "agreement") == id);
    found.map(|one| text(one, "state").to_owned()).unwrap_or_default()
}

/// Proposes a text once the partner's node has said that it understands it: its id.
fn amend(node: &Node, agreement: &str, file: &str) -> String {
    let mut id = String::new();
    eventually("it is proposed", || {
        let said = node.try_with(&["agreement", "amend", agreement, file, "--yes"], "");
        if said.code == 0 {
            text(&said.done(), "record").clone_into(&mut id);
        }
        !id.is_empty()
    });
    id
}

#[test]
fn an_amendment_takes_the_place_of_what_is_agreed_when_it_is_accepted() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    kr.data(&["partner", "level", "JP", "restricted"]);
    let old = file(&kr, "old.toml", &agreement("sections = [\"summary\", \"indicators\"]\n"));
    agree(&kr, &jp, &old);
    let first = text(&kr.data(&["agreement", "list"])[0], "reference").to_owned();
    let both = publish(&kr, "both", &["summary", "indicators"]);
    let detail = publish(&kr, "detail", &["detail"]);
    eventually("JP has the first", || jp.data(&["list"]).as_array().unwrap().len() == 1);

    // It says what it would do, and the same to whoever is to accept it.
    let new = file(&kr, "new.toml", &agreement("sections = [\"summary\", \"detail\"]\n"));
    let dry = kr.data(&["agreement", "amend", &first, &new, "--dry-run"]);
    assert_eq!(told(&dry["diff"]), [1, 1, 0, 1, 1, 1], "{dry:#}");
    assert_eq!(dry["amends"], serde_json::json!([first]));
    let id = amend(&kr, &first, &new);
    assert_eq!(state_of(&kr, &id), "proposed by us");
    assert_eq!(going(&kr, &both), ["summary", "indicators"], "nobody has accepted it");
    let twice = file(&kr, "twice.toml", &agreement("sections = [\"summary\"]\n"));
    kr.try_with(&["agreement", "amend", &first, &twice, "--yes"], "").refused(
        65,
        "proposed-already",
        "is not answered",
        "takes it back",
    );
    // What signing would be refused for is said beforehand.
    let dry = kr.try_with(&["agreement", "amend", &first, &twice, "--dry-run"], "");
    assert_eq!(dry.code, 1, "the answer is no: {}", dry.out);
    let dry = dry.json()["data"].clone();
    assert_eq!(dry["diff"]["against"]["code"], "proposed-already", "{dry:#}");
    let reference = text(&kr.data(&["agreement", "show", &id]), "reference").to_owned();
    let open = &kr.data(&["agreement", "show", &first])["open_amendments"];
    assert_eq!(*open, serde_json::json!([reference]), "whoever ends it hears of it");
    eventually("JP has it", || state_of(&jp, &id) == "awaits our acceptance");
    let would = jp.data(&["agreement", "accept", &id, "--dry-run"]);
    assert_eq!(would["before"]["title"], "MoU", "it is compared with what it amends: {would}");
    what_an_amendment_changes_is_seen_before_it_is_accepted(&jp, &id);
    eventually("it applies", || state_of(&kr, &id) == "in force");
    assert_eq!(
        (going(&kr, &both), going(&kr, &detail)),
        (vec!["summary".into()], vec!["detail".into()])
    );
    eventually("what it lets go is there", || jp.data(&["list"]).as_array().unwrap().len() == 2);

    // Of what went before, the command says what could be recalled; the old text is kept.
    let due = kr.data(&["recall", "due", "JP"]);
    assert_eq!(due[0]["reference"], Value::from(both.clone()), "{due}");
    eventually("it says so by itself", || {
        kr.data(&["partner", "show", "JP"])["partner"]["outstays"] == 1
    });
    let alarms = kr.data(&["status"])["alarms"].clone();
    let alarms = alarms.as_array().unwrap().iter();
    let offered: Vec<_> = alarms.filter(|one| text(one, "code") == "recall-offered").collect();
    assert_eq!(offered.len(), 1, "{offered:?}");
    assert!(text(offered[0], "text").contains("comity recall due JP"), "{offered:?}");
    let shown = kr.data(&["agreement", "show", &first]);
    assert_eq!(text(&shown, "state"), "amended");
    let texts: Vec<_> =
        shown["versions"].as_array().unwrap().iter().map(|one| text(one, "text")).collect();
    assert!(texts[0].contains("indicators") && texts[1].contains("detail"), "{texts:?}");
    assert_eq!(shown["until"], kr.data(&["agreement", "show", &id])["from"], "no gap");
    let history = ["agreement", "show", &first, "--history"].map(str::to_owned);
    let history = kr.screen(&kr.folder(), &history).out;
    assert!(history.contains("indicators") && history.contains("detail"), "{history}");
    what_was_shown_is_what_is_amended(&kr, &first, &twice);

    what_is_taken_back_and_accepted_is_contested_and_settled((&mut kr, &mut jp), &first, &twice);

    // Whichever text is named, the agreement ends.
    kr.data(&["agreement", "terminate", &id, "--yes"]);
    eventually("it ends at both", || {
        let ended = |node: &Node| {
            let shown = node.data(&["agreement", "show", &id]);
            shown["texts"]["ends"].is_string()
        };
        ended(&kr) && ended(&jp)
    });
    kr.try_with(&["agreement", "amend", &first, &twice, "--yes"], "").refused(
        65,
        "has-ended",
        "ended",
        "agreement propose",
    );
    kr.try_with(&["agreement", "terminate", &first, "--yes"], "").refused(
        65,
        "has-ended",
        "has ended already",
        "agreement show",
    );
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}

/// The terms that differ, on every screen on the way.
fn what_an_amendment_changes_is_seen_before_it_is_accepted(jp: &Node, id: &str) {
    let differ = "sections  detail indicators".split_whitespace().collect::<Vec<_>>();
    let status = jp.data(&["status"]);
    let next = text(&status["awaited"][0], "next");
    assert!(next.starts_with("comity agreement diff"), "{next}");
    for how in ["--dry-run", "--yes"] {
        let asked = ["agreement", "accept", id, how].map(str::to_owned);
        let said = jp.screen(&jp.folder(), &asked);
        let said = format!("{}{}", said.out, said.talk);
        let row =
            said.lines().find(|line| line.starts_with("sections ") && line.contains("indicators"));
        let row = row.unwrap_or_else(|| panic!("{how}: {said}"));
        assert!(differ.iter().all(|word| row.contains(word)), "{row}");
    }
}

/// Somebody looked when the first text was the last one, and signs when another is.
fn what_was_shown_is_what_is_amended(node: &Node, first: &str, file: &str) {
    let words = std::fs::read_to_string(file).unwrap();
    let asked = ask::Amend {
        reference: first.to_owned(),
        text: words,
        again: false,
        shown: vec![first.to_owned()],
    };
    let client = Client::to_node(&node.folder().join("admin.sock")).unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let said: Result<Value, Failure> = runtime.block_on(client.call("/amend", &asked));
    assert_eq!(said.unwrap_err().code, "amended-meanwhile");
}

/// KR takes a proposal back while JP, without a link, accepts it.
fn what_is_taken_back_and_accepted_is_contested_and_settled(
    (kr, jp): (&mut Node, &mut Node),
    first: &str,
    settles: &str,
) {
    let wide = file(kr, "wide.toml", &agreement("sections = [\"summary\", \"victim\"]\n"));
    let crossed = amend(kr, first, &wide);
    eventually("JP has it", || state_of(jp, &crossed) == "awaits our acceptance");
    jp.stop();
    kr.data(&["agreement", "terminate", &crossed, "--yes"]);
    jp.data(&["agreement", "accept", &crossed, "--yes"]);
    jp.run();
    for node in [&*kr, &*jp] {
        eventually("it is contested", || state_of(node, &crossed) == "contested");
        let status = node.data(&["status"]);
        let what = text(&status["contested"][0], "what").to_owned();
        assert!(what.contains("was accepted and taken back"), "{what}");
        eventually("there is an alarm", || {
            let status = node.data(&["status"]);
            let alarms = status["alarms"].as_array().unwrap();
            alarms.iter().any(|one| text(one, "code") == "agreement-contested")
        });
        let listed = ["agreement", "list"].map(str::to_owned);
        assert!(node.screen(&node.folder(), &listed).out.contains("CONTESTED"));
    }
    let record = publish(kr, "contested", &["summary"]);
    assert_eq!(going(kr, &record), [] as [String; 0]);
    // Every screen advises the same: no second agreement beside the one that is contested.
    let next = |node: &Node| text(&node.data(&["status"])["contested"][0], "next").to_owned();
    assert!(next(kr).starts_with("propose a text that settles it"), "{}", next(kr));
    a_contested_agreement_is_mended_and_not_doubled(kr, &record, &next(kr));

    let settled = amend(kr, first, settles);
    eventually("JP has what settles it", || state_of(jp, &settled) == "awaits our acceptance");
    let called =
        |node: &Node| text(&node.data(&["agreement", "show", &settled]), "reference").to_owned();
    let waits = format!("our proposal {} would settle it, and waits for JP", called(kr));
    assert!(next(kr).starts_with(&waits), "{}", next(kr));
    let waits = format!("{} of KR would settle it, and waits for us to accept it", called(jp));
    assert!(next(jp).starts_with(&waits), "{}", next(jp));
    a_contested_agreement_is_mended_and_not_doubled(kr, &record, &next(kr));
    for node in [&*kr, &*jp] {
        let shown = node.data(&["agreement", "show", &crossed]);
        assert_eq!(text(&shown["texts"], "next"), next(node), "{shown}");
    }
    jp.data(&["agreement", "accept", &settled, "--yes"]);
    eventually("it is settled", || state_of(kr, &settled) == "in force");
    assert_eq!(going(kr, &record), ["summary"]);
    assert!(kr.data(&["status"])["contested"].is_null(), "nothing is contested any more");
}

/// `explain` and `doctor` advise what `status` does.
fn a_contested_agreement_is_mended_and_not_doubled(node: &Node, record: &str, next: &str) {
    let explained = node.data(&["explain", record, "--to", "JP"]);
    let ways = explained["partners"][0]["parts"][0]["would_change"].clone();
    let command =
        text(&ways[0][0], "command").replace(&format!("--data {} ", node.folder().display()), "");
    assert_eq!(command, next, "{ways}");
    let found = node.try_with(&["doctor"], "").json()["data"].clone();
    let said = found.to_string();
    assert!(!said.contains("agreement propose FILE"), "{found}");
    assert!(said.contains("no agreement in force: only CLEAR goes"), "{found}");
}

#[test]
fn who_goes_on_with_what_was_replaced_is_named() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    kr.data(&["partner", "level", "JP", "restricted"]);
    let mou = file(&kr, "mou.toml", &agreement("sections = [\"summary\", \"indicators\"]\n"));
    agree(&kr, &jp, &mou);
    let both = publish(&kr, "both", &["summary", "indicators"]);
    eventually("JP has it", || jp.data(&["list"]).as_array().unwrap().len() == 1);
    let all = kr.data(&["agreement", "list"]);
    kr.data(&["agreement", "terminate", text(&all[0], "reference"), "--immediately", "--yes"]);
    a_question_about_what_is_held_is_written_down(&jp);
    who_keeps_the_old_one_is_named(&kr, &jp, &both);
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}

/// What would not go any more before either is no matter of the agreement that is accepted.
#[test]
fn what_an_acceptance_stops_is_named_and_nothing_else() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    kr.data(&["partner", "level", "JP", "restricted"]);
    agree(
        &kr,
        &jp,
        &file(&kr, "mou.toml", &agreement("sections = [\"summary\", \"indicators\"]\n")),
    );
    let record = |title: &str, tlp: &str, section: &str| {
        let text = format!(
            "format = 1\nkind = \"incident\"\ntitle = \"{title}\"\n[marking]\ntlp = \"{tlp}\"\n\
             [[part]]\nsection = \"{section}\"\ntext = \"{title}\"\n"
        );
        let file = file(&kr, &format!("{title}.toml"), &text);
        text_of(&kr.data(&["publish", &file, "--yes"]), "reference")
    };
    record("ended", "GREEN", "summary");
    let clear = record("stopped", "CLEAR", "indicators");
    eventually("JP has both", || jp.data(&["list"]).as_array().unwrap().len() == 2);
    let all = kr.data(&["agreement", "list"]);
    kr.data(&["agreement", "terminate", text(&all[0], "reference"), "--immediately", "--yes"]);
    let due = |found: &Value| -> Vec<String> {
        found.as_array().into_iter().flatten().map(|one| text_of(one, "reference")).collect()
    };
    assert_eq!(due(&kr.data(&["recall", "due", "JP"])).len(), 1, "the first, for the end");
    let narrow = agreement("sections = [\"victim\"]\n[prohibits]\nsections = [\"indicators\"]\n");
    let narrow = file(&jp, "narrow.toml", &narrow);
    let proposed = jp.data(&["agreement", "propose", &narrow, "--to", "KR", "--yes"]);
    let id = text(&proposed, "record").to_owned();
    eventually("KR has it", || state_of(&kr, &id) == "awaits our acceptance");
    let accepted = kr.data(&["agreement", "accept", &id, "--yes"]);
    assert_eq!(due(&accepted["recall_due"]), [clear], "{accepted}");
    assert_eq!(due(&kr.data(&["recall", "due", "JP"])).len(), 2);
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}

fn text_of(line: &Value, field: &str) -> String {
    text(line, field).to_owned()
}

/// JP doubts a record of KR's: it writes a question down, which `publish` takes, and sends nothing.
fn a_question_about_what_is_held_is_written_down(jp: &Node) {
    let held = jp.data(&["list"])[0]["reference"].as_str().unwrap().to_owned();
    let path = jp.home().join("question.toml").display().to_string();
    let ask = |record: &str| {
        let why = "is this yours?";
        let words = ["quarantine", "ask", record, "--to", "KR", "--desk", "duty", "--why", why];
        jp.try_with(&[&words[..], &["--out", &path]].concat(), "")
    };
    ask(&held).refused(64, "not-in-quarantine", "not in quarantine", "show");
    jp.data(&["quarantine", "hold", &held, "--reason", "doubtful", "--by", "kim", "--yes"]);
    let before = jp.data(&["list", "--control"]).as_array().unwrap().len();
    let written = ask(&held).done();
    assert_eq!(written["to_who_brought_it"], true, "{written}");
    ask(&held).refused(73, "file", "question.toml", "--out");
    assert_eq!(
        jp.data(&["list", "--control"]).as_array().unwrap().len(),
        before,
        "nothing was signed or sent"
    );
    let asked = std::fs::read_to_string(&path).unwrap();
    assert!(asked.contains("held by a person") && asked.contains("is this yours?"), "{asked}");
    assert!(!asked.contains("doubtful"), "what is thought here stays here: {asked}");
    let would = jp.data(&["publish", &path, "--dry-run"]);
    assert!(would["record"].is_string(), "{would}");
    jp.data(&["quarantine", "release", &held, "--reason", "it is", "--by", "kim", "--yes"]);
}

/// The agreement has ended: what replaces a record goes no more to whoever has the record.
fn who_keeps_the_old_one_is_named(kr: &Node, jp: &Node, old: &str) {
    let record = format!(
        "format = 1\nkind = \"incident\"\ntitle = \"mended\"\nsupersedes = [\"{old}\"]\n\
         [marking]\ntlp = \"GREEN\"\n[[part]]\nsection = \"summary\"\ntext = \"mended\"\n"
    );
    let new = file(kr, "mended.toml", &record);
    let clear = file(kr, "clear.toml", &record.replace("GREEN", "CLEAR"));
    let would = kr.data(&["publish", &clear, "--dry-run"]);
    assert!(would["unaware"].is_null(), "whoever gets it knows: {would}");
    for how in ["--dry-run", "--yes"] {
        let published = kr.data(&["publish", &new, how]);
        let unaware = &published["unaware"];
        assert_eq!(text(&unaware[0], "partner"), "JP", "{published}");
        assert_eq!(unaware[0]["records"], serde_json::json!([old]));
        assert!(text(&unaware[0], "reason").contains("ended"), "{unaware}");
    }
    let lifecycle = || {
        let all = jp.data(&["list"]);
        let mut all = all.as_array().unwrap().iter();
        let found = all.find(|one| text(one, "title") == "both").unwrap();
        text(found, "lifecycle").to_owned()
    };
    assert_eq!(lifecycle(), "live");
    kr.data(&["withdraw", old, "--yes"]);
    eventually("JP knows that it stands no more", || lifecycle() == "withdrawn");
    kr.try_with(&["publish", &new, "--dry-run"], "").refused(
        65,
        "replaced-already",
        "both would stand",
        "KR-26-0002",
    );
    let last = record.replace(&format!("\"{old}\""), &format!("\"{old}\", \"KR-26-0002\""));
    let last = file(kr, "last.toml", &last);
    let would = kr.data(&["publish", &last, "--dry-run"]);
    assert!(would["unaware"].is_null(), "it is told: {would}");
}

#[test]
fn what_cannot_be_compared_is_said_with_the_way_out() {
    let kr = Node::plain("KR");
    let terms = file(&kr, "terms.toml", &agreement(""));
    let refused = |arguments: &[&str], code: i32, name: &str, says: &str, next: &str| {
        kr.try_with(arguments, "").refused(code, name, says, next);
    };
    refused(&["agreement", "diff", &terms], 64, "partner", "open with whom", "--with NAME");
    refused(
        &["agreement", "diff", &terms, "--with", "JP"],
        66,
        "no-partner",
        "`JP`",
        "partner list",
    );
    refused(
        &["agreement", "diff", "KR-26-C001"],
        66,
        "no-agreement",
        "KR-26-C001",
        "agreement list",
    );
    let absent = kr.folder().join("absent.toml").display().to_string();
    refused(&["agreement", "diff", &absent, &terms], 66, "no-input", "cannot be read", "examples");
    let broken = file(&kr, "broken.toml", &agreement("max-tpl = \"RED\"\n"));
    refused(
        &["agreement", "diff", &broken, "--with", "JP"],
        65,
        "agreement-invalid",
        "line 5",
        "mend line 5",
    );
    refused(&["agreement", "lint", &broken], 65, "agreement-invalid", "line 5", "mend line 5");
}

#[test]
fn what_lint_calls_an_error_is_not_proposed_by_oversight() {
    let kr = Node::plain("KR");
    let ended = file(&kr, "ended.toml", ENDED);
    for how in ["--yes", "--dry-run"] {
        let refused = kr.try_with(&["agreement", "propose", &ended, "--to", "JP", how], "");
        refused.refused(65, "agreement-flawed", "1 error", "--anyway");
        assert!(refused.out.contains("\"code\":\"ended\""), "{}", refused.out);
    }
    let meant =
        kr.try_with(&["agreement", "propose", &ended, "--to", "JP", "--dry-run", "--anyway"], "");
    meant.refused(66, "no-partner", "JP", "partner list");
}

#[test]
fn what_has_no_effect_or_would_be_refused_is_said_before_it_is_signed() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    let long = file(&kr, "long.toml", &agreement("notice = \"180 days\"\n"));
    let short = file(&kr, "short.toml", &agreement("notice = \"30 days\"\n"));
    agree(&kr, &jp, &long);
    let first = text(&kr.data(&["agreement", "list"])[0], "agreement").to_owned();

    // Of all texts of an agreement the longest notice counts.
    let would = jp.data(&["agreement", "amend", &first, &short, "--dry-run"]);
    let said = text(&would["diff"], "without_effect");
    assert!(said.contains("180 days") && said.contains("has no effect"), "{would}");
    assert_eq!(text(&would["diff"]["terms"][0], "effect"), "none");
    let findings = would["review"]["findings"].as_array().unwrap();
    let dead = |one: &Value| text(one, "code") == "dead-clause" && text(one, "field") == "notice";
    assert!(findings.iter().any(dead), "{would}");
    let longer = jp.data(&["agreement", "amend", &first, &long, "--dry-run"]);
    assert!(longer["diff"]["without_effect"].is_null(), "{longer}");

    // While theirs is open, a second one is not proposed: neither could be accepted any more.
    let theirs = amend(&jp, &first, &short);
    eventually("KR has it", || state_of(&kr, &theirs) == "awaits our acceptance");
    let lint = kr.try_with(&["agreement", "lint", &theirs], "");
    assert!(lint.out.contains("dead-clause"), "{}", lint.out);
    let wide = file(&kr, "wide.toml", &agreement("sections = [\"summary\"]\n"));
    let would = kr.try_with(&["agreement", "amend", &first, &wide, "--dry-run"], "");
    assert_eq!(would.code, 1, "the answer is no: {}", would.out);
    let would = would.json()["data"].clone();
    assert_eq!(text(&would["diff"]["against"], "code"), "proposed-already", "{would}");
    let said = "has proposed";
    let mine = kr.try_with(&["agreement", "amend", &first, &wide, "--yes"], "");
    mine.refused(65, "proposed-already", said, "agreement terminate");
    let would = kr.data(&["agreement", "accept", &theirs, "--dry-run"]);
    assert!(would["against"].is_null(), "{would}");
    what_is_declined_is_called_so_at_both_ends(&kr, &jp, &theirs);
    amend(&kr, &first, &wide);
    eventually("what was declined is answered by another proposal", || {
        jp.data(&["status"])["awaited"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| text(one, "about") != "declined")
    });
}

/// One delivery carries one set of obligations: who publishes is told, as long as two records would mend it.
#[test]
fn what_is_for_everybody_binds_with_what_goes_with_it_and_that_is_said() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    kr.data(&["partner", "level", "JP", "restricted"]);
    agree(&kr, &jp, &file(&kr, "mou.toml", &agreement("retention = \"30 days\"\n")));
    let record = |tlp: &str| {
        let text = format!(
            "format = 1\nkind = \"incident\"\ntitle = \"Both\"\n[marking]\ntlp = \"CLEAR\"\n\
             [[part]]\nsection = \"summary\"\ntext = \"For all\"\n\
             [[part]]\nsection = \"detail\"\ntext = \"For some\"\nmarking = {{ tlp = \"{tlp}\" }}\n"
        );
        let file = file(&kr, &format!("{tlp}.toml"), &text);
        kr.data(&["publish", &file, "--dry-run"])["preview"].clone()
    };
    let bound = &record("GREEN")["bound_together"];
    assert_eq!((text(&bound[0], "partner"), &bound[0]["sections"][0]), ("JP", &"summary".into()));
    assert!(text(&bound[0], "obligations").contains("keep 30 days"), "{bound}");
    assert!(!text(&bound[0], "alone").contains("30 days"), "{bound}");
    let alike = record("CLEAR");
    assert!(alike["bound_together"].is_null(), "{alike}");
}

/// Nobody reads that JP took back what KR has turned down.
fn what_is_declined_is_called_so_at_both_ends(kr: &Node, jp: &Node, theirs: &str) {
    let dry = ["agreement", "terminate", theirs, "--dry-run"].map(str::to_owned);
    let would = kr.screen(&kr.folder(), &dry).out;
    assert!(would.contains("Decline MoU, which JP proposes?"), "{would}");
    assert!(would.contains("It would be told to JP. Nothing was signed or sent."), "{would}");
    assert_eq!(state_of(kr, theirs), "awaits our acceptance", "nothing was done");
    let asked = ["agreement", "terminate", theirs, "--yes"].map(str::to_owned);
    let said = kr.screen(&kr.folder(), &asked).out;
    assert!(said.contains("declined; JP is told"), "{said}");
    assert_eq!(state_of(kr, theirs), "declined");
    eventually("its proposer reads the same", || state_of(jp, theirs) == "declined");
    let status = jp.data(&["status"]);
    let reference = text(&jp.data(&["agreement", "show", theirs]), "reference").to_owned();
    let awaited = status["awaited"].as_array().unwrap();
    let told = awaited.iter().find(|one| text(one, "about") == "declined").unwrap();
    assert_eq!(text(told, "what"), format!("KR has declined {reference}, which we proposed"));
    assert!(text(told, "next").contains("agreement amend"), "{told}");
    let alarms = status["alarms"].as_array().unwrap();
    let alarm = alarms.iter().find(|one| text(one, "code") == "agreement-declined").unwrap();
    assert!(text(alarm, "text").starts_with(&format!("KR declines {reference}")), "{alarm}");
    assert!(kr.data(&["status"])["awaited"].is_null(), "whoever declined knows it");
}
