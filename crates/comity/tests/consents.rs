//! Three nodes, three processes, one record: asked about, consented to, refused, taken back.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use serde_json::Value;
use world::{Node, agree, eventually, pair_restricted, path, text};

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Both sign the agreement of the examples.
/// KR's incident for JP alone; its reference at KR.
fn publish(kr: &Node, title: &str) -> String {
    let file = kr.folder().join("incident.toml");
    let record = format!(
        "format = 1\nkind = \"incident\"\ntitle = \"{title}\"\n[marking]\ntlp = \"AMBER\"\n\
         [[part]]\nsection = \"summary\"\ntext = \"{title}\"\n\
         [[part]]\nsection = \"detail\"\ntext = \"All of {title}\"\n[[to]]\neconomy = \"JP\"\n"
    );
    std::fs::write(&file, record).unwrap();
    let published = kr.data(&["publish", &file.display().to_string(), "--yes"]);
    text(&published, "reference").to_owned()
}

/// The reference of a record with this title, once it is here.
fn arrives(node: &Node, title: &str) -> String {
    let mut found = None;
    eventually(&format!("`{title}` arrives"), || {
        let records = node.data(&["list"]);
        let record = list(&records).iter().find(|one| text(one, "title") == title);
        found = record.map(|one| text(one, "reference").to_owned());
        found.is_some()
    });
    found.unwrap()
}

fn titles(node: &Node) -> Vec<String> {
    let records = node.data(&["list"]);
    list(&records).iter().map(|one| text(one, "title").to_owned()).collect()
}

/// Which parts a partner may have, by section, and by which consents.
fn foreseen(node: &Node, record: &str, to: &str) -> (Vec<String>, Value) {
    let explained = node.data(&["explain", record, "--to", to]);
    let partner = &explained["partners"][0];
    let going = list(&partner["parts"]).iter().filter(|part| text(part, "outcome") == "release");
    (going.map(|part| text(part, "part").to_owned()).collect(), partner["consented_by"].clone())
}

/// Which parts a partner was sent.
fn told(node: &Node, record: &str, to: &str) -> Vec<String> {
    let who = node.data(&["audit", "who", record]);
    let to = list(&who["deliveries"]).iter().filter(|one| text(one, "partner") == to);
    let parts = to.flat_map(|one| list(&one["parts"]));
    parts.map(|part| part.as_str().unwrap_or_else(|| text(part, "part")).to_owned()).collect()
}

fn state_of(node: &Node, record: &str) -> Vec<String> {
    let lines = node.data(&["consent", "list"]);
    let about = list(&lines).iter().filter(|line| text(line, "record") == record);
    about.map(|line| text(line, "state").to_owned()).collect()
}

/// The ask about a record that waits for an answer here.
fn waiting(node: &Node, record: &str) -> String {
    let mut found = String::new();
    eventually("the ask arrives", || {
        let lines = node.data(&["consent", "list"]);
        let line = list(&lines).iter().find(|line| {
            text(line, "record") == record && text(line, "state") == "awaits our answer"
        });
        line.map(|line| text(line, "reference")).unwrap_or_default().clone_into(&mut found);
        !found.is_empty()
    });
    found
}

#[test]
fn a_record_goes_as_far_as_its_origin_said_and_no_further() {
    let mut nodes = ["KR", "JP", "FJ"].map(Node::plain);
    nodes.iter_mut().for_each(Node::run);
    {
        let [kr, jp, fj] = &nodes;
        pair_restricted((kr, "KR"), (jp, "JP"));
        pair_restricted((jp, "JP"), (fj, "FJ"));
        pair_restricted((kr, "KR"), (fj, "FJ"));
        let nda = path("examples/agreements/nda.toml");
        agree((kr, "KR"), (jp, "JP"), &nda);
        agree((jp, "JP"), (fj, "FJ"), &nda);
        consented(kr, jp, fj);
        refused(kr, jp, fj);
        let requests = &jp.data(&["partner", "review", "KR"])["requests"];
        assert_eq!(
            (&requests["granted"], &requests["refused"]),
            (&Value::from(1), &Value::from(1))
        );
        assert_eq!(
            (&requests["open"], &requests["late"]),
            (&Value::Array(vec![]), &Value::from(0))
        );
        assert!(requests["slowest_ms"].is_u64(), "{requests}");
        asked_by_case(kr, jp);
    }
    let [kr, jp, fj] = &mut nodes;
    taken_back(kr, jp, fj);
    for node in [kr, jp, fj] {
        assert_eq!(node.stop(), 0);
    }
}

fn consented(kr: &Node, jp: &Node, fj: &Node) {
    let title = "A flaw that is exploited";
    let at_kr = publish(kr, title);
    let at_jp = arrives(jp, title);
    assert_eq!(foreseen(jp, &at_jp, "FJ"), (vec![], Value::Null));
    let explained = jp.data(&["explain", &at_jp, "--to", "FJ"]);
    assert!(explained.to_string().contains(" consent ask JP-"), "it says what would change it");

    let ask = ["consent", "ask", &at_jp, "--for", "FJ", "--why", "The same flaw is exploited"];
    kr.try_with(&["consent", "ask", &at_kr, "--for", "FJ", "--why", "x"], "").refused(
        64,
        "own-record",
        "our own",
        "publish",
    );
    jp.try_with(&["consent", "ask", &at_jp, "--for", "KR", "--why", "x"], "").refused(
        64,
        "origin-has-it",
        "KR",
        "--for",
    );
    jp.try_with(&["consent", "ask", &at_jp, "--for", "FJ", "--why", ""], "")
        .refused(64, "why", "a reason", "--why");
    let would = jp.data(&[&ask[..], &["--dry-run"]].concat());
    assert!(list(&would["opens"]).iter().all(|one| one["goes"] == true), "{would}");
    assert_eq!(jp.data(&["consent", "list"]), serde_json::json!([]), "nothing was signed");
    let asked = jp.data(&ask);
    assert_eq!(text(&asked["line"], "state"), "asked by us");
    let reference = text(&asked["line"], "reference");
    jp.try_with(&ask, "").refused(65, "asked-already", reference, "--again");

    let ask = waiting(kr, &at_kr);
    let shown = kr.data(&["consent", "show", &ask]);
    assert_eq!(text(&shown, "why"), "The same flaw is exploited");
    assert_eq!(text(&shown, "asked_by"), "JP");
    assert_eq!(shown["recipients"], serde_json::json!(["FJ"]));
    jp.try_with(&["consent", "grant", text(&asked["line"], "reference"), "--yes"], "").refused(
        65,
        "not-ours-to-answer",
        "KR",
        "consent list",
    );
    kr.try_with(&["consent", "grant", &ask, "--yes"], "").refused(
        64,
        "until-missing",
        "",
        "--until",
    );
    let one = ["consent", "grant", &ask, "--part", "1", "--until", "2099-01-01T00:00:00Z"];
    let condition = ["--condition", "retention=30"];
    let grant = [&one[..], &condition].concat();
    kr.try_with(&grant, "").refused(64, "not-confirmed", "FJ", "--yes");
    kr.data(&[&grant[..], &["--dry-run"]].concat());
    assert_eq!(state_of(kr, &at_kr), ["awaits our answer"], "nothing was signed");
    assert!(!titles(fj).contains(&title.to_owned()), "who is asked for hears nothing");
    assert_eq!(fj.data(&["consent", "list"]), serde_json::json!([]));
    let granted = kr.data(&[&grant[..], &["--yes"]].concat());
    let given = text(&granted["line"]["grants"][0], "reference");
    let twice = [&grant[..], &["--yes"]].concat();
    kr.try_with(&twice, "").refused(65, "granted-already", given, "--again");
    let conditions = &granted["line"]["grants"][0]["conditions"];
    assert_eq!(*conditions, serde_json::json!(["erased after 30 days"]));

    let at_fj = arrives(fj, title);
    assert_eq!(state_of(jp, &at_jp), ["granted"]);
    let (parts, by) = foreseen(jp, &at_jp, "FJ");
    assert_eq!(list(&by).len(), 1, "it names the consent");
    assert_eq!(parts.len(), 1);
    assert_eq!(told(jp, &at_jp, "FJ"), parts, "what was foreseen is what went");
    let detail = fj.data(&["show", &at_fj]);
    let here = list(&detail["parts"]);
    assert_eq!(here.len(), 1, "the other part and whom it was for stay hidden");
    assert_eq!(text(&here[0], "part"), parts[0]);
    assert!(here[0]["withheld"].is_null(), "{detail}");
    assert_eq!(state_of(fj, &at_fj), ["granted"], "it can show that it was let");
    let (from_fj, _) = foreseen(fj, &at_fj, "KR");
    assert!(from_fj.is_empty());
    // Its origin sent FJ nothing, and knows who may have it all the same.
    let who = kr.data(&["audit", "who", &at_kr]);
    let consented = &list(&who["consented"])[0];
    assert_eq!((text(consented, "to"), text(consented, "from")), ("FJ", "JP"));
    assert_eq!((text(consented, "consent"), text(consented, "state")), (given, "in force"));
    let found = kr.data(&["audit", "who", "--value", "exploited"]);
    assert!(found["found"].to_string().contains("\"to\":\"FJ\""), "{found:#}");
    let partner = kr.data(&["audit", "partner", "FJ"]);
    let said = &list(&partner["consented"])[0];
    assert_eq!((text(said, "reference"), text(said, "from")), (at_kr.as_str(), "JP"));
    // The page of a search has each record, and names neither what was looked for nor the records, unless asked to.
    let page = |more: &[&str]| {
        let file = kr.folder().join("found.html");
        std::fs::remove_file(&file).ok();
        let name = file.display().to_string();
        kr.data(&[&["audit", "who", "--value", "exploited", "--html", &name], more].concat());
        std::fs::read_to_string(file).unwrap()
    };
    let bare = page(&[]);
    assert!(bare.contains("<td>JP</td>") && bare.contains("<td>FJ</td>"), "{bare}");
    assert!(bare.matches("<section>").count() == list(&found["found"]).len(), "{bare}");
    assert!(!bare.contains("exploited"), "{bare}");
    assert!(page(&["--titles"]).contains("Who was told of `exploited`"));
}

/// Who was told of a case: whoever has anything of a record that names it, and nobody by what merely speaks of it.
fn asked_by_case(kr: &Node, jp: &Node) {
    let file = kr.folder().join("case.toml");
    let record = "format = 1\nkind = \"incident\"\ntitle = \"Of a case\"\n[marking]\ntlp = \"AMBER\"\n\
        [[part]]\nsection = \"summary\"\ntext = \"Like CASE-2026-18\"\n\
        [[part]]\nsection = \"case\"\ntext = \"CASE-2026-17, the bank\"\n\
        [[to]]\neconomy = \"JP\"\nsections = [\"summary\"]\n";
    std::fs::write(&file, record).unwrap();
    kr.data(&["publish", &file.display().to_string(), "--yes"]);
    arrives(jp, "Like CASE-2026-18");
    let asked = |case: &str| kr.data(&["audit", "who", "--case", case]);
    let found = asked("case-2026-17");
    assert_eq!(list(&found["found"]).len(), 1, "{found:#}");
    let found = &found["found"][0];
    assert_eq!(text(&found["parts"][0], "section"), "case");
    assert_eq!(text(&found["sent"][0], "partner"), "JP", "who has another part was told as well");
    for other in ["CASE-2026-18", "CASE-2026-1"] {
        assert!(list(&asked(other)["found"]).is_empty(), "{other}");
    }
}

fn refused(kr: &Node, jp: &Node, fj: &Node) {
    let title = "What a victim told us";
    let at_kr = publish(kr, title);
    let at_jp = arrives(jp, title);
    jp.data(&["consent", "ask", &at_jp, "--for", "FJ", "--why", "They may know the actor"]);
    let ask = waiting(kr, &at_kr);
    kr.try_with(&["consent", "refuse", &ask], "").refused(64, "usage", "--reason", "");
    kr.data(&["consent", "refuse", &ask, "--reason", "The victim does not want it"]);
    kr.try_with(&["consent", "refuse", &ask, "--reason", "again"], "").refused(
        65,
        "answered-already",
        "refused",
        "consent",
    );
    eventually("who asked is told", || state_of(jp, &at_jp) == ["refused"]);
    let lines = jp.data(&["consent", "list"]);
    let line = list(&lines).iter().find(|line| text(line, "record") == at_jp).unwrap();
    assert_eq!(text(line, "refused"), "The victim does not want it");
    assert!(foreseen(jp, &at_jp, "FJ").0.is_empty());
    assert!(!titles(fj).contains(&title.to_owned()));
}

/// FJ is away while it is consented to, and back after it was taken back.
fn taken_back(kr: &Node, jp: &mut Node, fj: &mut Node) {
    let title = "What was taken back in time";
    assert_eq!(fj.stop(), 0);
    let at_kr = publish(kr, title);
    let at_jp = arrives(jp, title);
    let until = ["--until", "2099-01-01T00:00:00Z"];
    let ask = ["consent", "ask", &at_jp, "--for", "FJ", "--why", "They may know the actor"];
    jp.data(&[&ask[..], &until].concat());
    let asked = waiting(kr, &at_kr);
    kr.data(&["consent", "grant", &asked, "--yes"]);
    eventually("who asked is told", || state_of(jp, &at_jp) == ["granted"]);
    assert_eq!(foreseen(jp, &at_jp, "FJ").0.len(), 2);
    // Also while the node rests.
    assert_eq!(jp.stop(), 0);
    assert_eq!(state_of(jp, &at_jp), ["granted"]);
    jp.run();
    kr.try_with(&["consent", "withdraw", &asked], "").refused(64, "not-confirmed", "", "--yes");
    kr.data(&["consent", "withdraw", &asked, "--yes"]);
    assert_eq!(state_of(kr, &at_kr), ["taken back"]);
    kr.try_with(&["consent", "withdraw", &asked, "--yes"], "").refused(
        65,
        "nothing-to-withdraw",
        "",
        "consent show",
    );
    eventually("who asked is told", || state_of(jp, &at_jp) == ["taken back"]);
    assert!(foreseen(jp, &at_jp, "FJ").0.is_empty());
    fj.run();
    let note = jp.folder().join("note.toml");
    let record = "format = 1\nkind = \"note\"\ntitle = \"To everybody\"\n[marking]\n\
                  tlp = \"CLEAR\"\n[[part]]\nsection = \"summary\"\ntext = \"To everybody\"\n";
    std::fs::write(&note, record).unwrap();
    jp.data(&["publish", &note.display().to_string(), "--yes"]);
    // What comes after it arrives, so what came before it is not under way.
    arrives(fj, "To everybody");
    assert!(!titles(fj).contains(&title.to_owned()), "it had not begun to leave");
    assert!(told(jp, &at_jp, "FJ").is_empty());
}
