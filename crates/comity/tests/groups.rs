//! Four nodes, four processes, one group: founded, joined, shared with, left, and contradicted.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::io::Write as _;
use std::time::Duration;

use serde_json::Value;
use world::{Node, clock, eventually, pair, text};

const CHARTER: &str = r#"
format = 1
name = "Islands"
purpose = "Early warning"
founders = ["KR", "JP", "FJ"]
starts = 2026-01-01

[[criteria]]
name = "mandate"
text = "By which act are you the national CSIRT?"

[sponsors]
needed = 1

[removal]
by = "secretariat"

[terms]
tier = "mou"
"#;

fn to_group(node: &Node, name: &str, tlp: &str) -> String {
    let file = node.folder().join(format!("{name}.toml"));
    let record = format!(
        "format = 1\nkind = \"incident\"\ntitle = \"{name}\"\n[marking]\ntlp = \"{tlp}\"\n\
         [[part]]\nsection = \"summary\"\ntext = \"{name}\"\n[[to]]\ngroup = \"Islands\"\n"
    );
    std::fs::write(&file, record).unwrap();
    file.display().to_string()
}

/// What is for no partner outside the group, though it is CLEAR and addressed to nobody.
fn for_community(node: &Node) -> String {
    let file = node.folder().join("community.toml");
    let record = "format = 1\nkind = \"note\"\ntitle = \"Among us\"\n[marking]\ntlp = \"CLEAR\"\n\
                  community = \"Islands\"\n[[part]]\nsection = \"summary\"\ntext = \"Among us\"\n";
    std::fs::write(&file, record).unwrap();
    file.display().to_string()
}

/// How a node stands in the group, and with which roster.
fn stands(node: &Node) -> (String, u64) {
    let groups = node.data(&["group", "list"]);
    let group = &groups[0];
    (text(group, "state").to_owned(), group["roster"].as_u64().unwrap_or(99))
}

fn applicants(node: &Node) -> Vec<String> {
    let detail = node.data(&["group", "show", "Islands"]);
    let open = detail["applications"].as_array().unwrap();
    open.iter().map(|one| text(one, "applicant").to_owned()).collect()
}

fn titles(node: &Node) -> Vec<String> {
    let records = node.data(&["list"]);
    records.as_array().unwrap().iter().map(|one| text(one, "title").to_owned()).collect()
}

fn reached(preview: &Value) -> Vec<String> {
    let cells = preview["preview"]["parts"][0]["cells"].as_array().unwrap();
    let going = cells.iter().filter(|cell| text(cell, "outcome") == "release");
    let mut names: Vec<_> = going.map(|cell| text(cell, "partner").to_owned()).collect();
    // Cells are in the order of the ids, which are drawn anew each time.
    names.sort_unstable();
    names
}

fn note(node: &Node, title: &str) {
    let file = node.folder().join("note.toml");
    let text = format!(
        "format = 1\nkind = \"note\"\ntitle = \"{title}\"\n[marking]\ntlp = \"CLEAR\"\n\
         [[part]]\nsection = \"summary\"\ntext = \"{title}\"\n"
    );
    std::fs::write(&file, text).unwrap();
    node.data(&["publish", &file.display().to_string(), "--yes"]);
}

/// Publishes to the group; whom the audit names in the end.
fn share(node: &Node, title: &str, with: &[(&str, &Node)]) {
    let file = to_group(node, title, "AMBER");
    let names: Vec<_> = with.iter().map(|(name, _)| *name).collect();
    assert_eq!(reached(&node.data(&["publish", &file, "--dry-run"])), names);
    let published = node.data(&["publish", &file, "--yes"]);
    for (name, member) in with {
        eventually(&format!("{name} has `{title}`"), || titles(member).contains(&title.to_owned()));
    }
    let who = node.data(&["audit", "who", text(&published, "reference")]);
    let told = who["deliveries"].as_array().unwrap().iter().map(|one| text(one, "partner"));
    let mut told: Vec<_> = told.collect();
    told.sort_unstable();
    assert_eq!(told, names, "exactly its members");
}

/// A partner chooses what the charters that it signs are called.
#[test]
fn a_partner_s_charter_stands_in_front_of_no_other_group() {
    let mut nodes = ["KR", "JP"].map(Node::plain);
    nodes.iter_mut().for_each(Node::run);
    let [kr, jp] = &nodes;
    pair((kr, "KR"), (jp, "JP"));
    let found = |node: &Node, name: &str, founders: &str| {
        let charter = node.folder().join("charter.toml").display().to_string();
        let text = CHARTER.replace("\"Islands\"", &format!("\"{name}\""));
        let text = text.replace("[\"KR\", \"JP\", \"FJ\"]", founders);
        std::fs::write(&charter, text).unwrap();
        node.data(&["group", "found", &charter])
    };
    let ours = found(kr, "Islands", "[\"KR\"]")["group"].clone();
    let (reference, id) = (text(&ours, "reference"), text(&ours, "group"));
    for name in ["Islands", reference, id] {
        found(jp, name, "[\"KR\", \"JP\"]");
    }
    let all = || kr.data(&["group", "list"]).as_array().unwrap().clone();
    eventually("their charters are here", || all().len() == 4);
    for name in ["Islands", reference, id] {
        let shown = kr.data(&["group", "show", name])["group"].clone();
        assert_eq!(text(&shown, "group"), id, "{name}");
        assert_eq!(text(&shown, "founded_by"), "KR");
    }
    assert_eq!(all().iter().filter(|one| text(one, "founded_by") == "JP").count(), 3);
}

/// A power cut has torn the end of the journal, and a partner is away.
#[test]
fn what_cannot_wait_is_signed_by_a_person_s_word_where_the_journal_is_in_doubt() {
    let mut nodes = ["KR", "JP"].map(Node::plain);
    nodes.iter_mut().for_each(Node::run);
    let [kr, jp] = &mut nodes;
    pair((kr, "KR"), (jp, "JP"));
    let charter = kr.folder().join("charter.toml").display().to_string();
    std::fs::write(&charter, CHARTER.replace("\"KR\", \"JP\", \"FJ\"", "\"KR\", \"JP\"")).unwrap();
    kr.data(&["group", "found", &charter]);
    eventually("the charter arrives", || stands(jp).0 == "invited");
    jp.data(&["group", "apply", "Islands", "--answer", "The Act of 2004"]);
    eventually("the application arrives", || applicants(kr) == ["JP"]);
    kr.data(&["group", "admit", "Islands", "JP", "--yes"]);
    eventually("the roster arrives", || stands(jp) == ("member".to_owned(), 1));
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
    let journal = kr.folder().join("store/journal");
    let segment = std::fs::read_dir(&journal).unwrap().next().unwrap().unwrap().path();
    let mut torn = std::fs::OpenOptions::new().append(true).open(segment).unwrap();
    torn.write_all(b"torn").unwrap();
    kr.run();
    let confirm = ["group", "roster", "Islands", "--confirm"];
    let remove = ["group", "remove", "Islands", "JP", "--yes"];
    let revoke = ["key", "revoke", "desk", "--reason", "a new desk", "--yes"];
    for asked in [&confirm[..], &remove, &revoke] {
        kr.try_with(asked, "").refused(75, "tail-doubted", "JP", "partner list");
        kr.data(&[asked, &["--anyway"]].concat());
    }
    assert_eq!(stands(kr), ("secretariat".to_owned(), 2));
    assert_eq!(kr.data(&["status"])["keyring"], 2);
    assert_eq!(kr.stop(), 0);
}

#[test]
fn a_group_from_its_charter_to_a_contradiction() {
    let mut nodes = ["KR", "JP", "FJ", "NZ"].map(Node::plain);
    nodes.iter_mut().for_each(Node::run);
    let [kr, jp, fj, nz] = &nodes;
    pair((kr, "KR"), (jp, "JP"));
    pair((kr, "KR"), (fj, "FJ"));
    pair((jp, "JP"), (fj, "FJ"));
    pair((kr, "KR"), (nz, "NZ"));
    pair((jp, "JP"), (nz, "NZ"));
    pair((fj, "FJ"), (nz, "NZ"));
    for partner in ["JP", "FJ", "NZ"] {
        kr.data(&["partner", "level", partner, "restricted"]);
    }
    found(kr, jp, fj);
    share(kr, "For the three of us", &[("FJ", fj), ("JP", jp)]);
    assert_eq!(stands(nz).0, "", "who is not invited hears nothing");
    assert_eq!(reached(&kr.data(&["publish", &for_community(kr), "--dry-run"])), ["FJ", "JP"]);
    nz.try_with(&["publish", &for_community(nz), "--dry-run"], "").refused(
        66,
        "no-group",
        "Islands",
        "group list",
    );
    join(kr, jp, nz);
    let all = ["FJ", "JP", "NZ"];
    assert_eq!(reached(&kr.data(&["publish", &for_community(kr), "--dry-run"])), all);
    share(kr, "For all of us", &[("FJ", fj), ("JP", jp), ("NZ", nz)]);
    let red = to_group(kr, "For nobody", "RED");
    assert!(reached(&kr.data(&["publish", &red, "--dry-run"])).is_empty());
    affiliations(kr, jp);
    remove(kr, jp, fj, nz);
    hand_over(kr, jp);
    let [kr, jp, fj, nz] = &mut nodes;
    assert_eq!(nz.stop(), 0);
    rebuild(kr);
    contradict(kr, jp, fj);
    for node in [kr, fj] {
        assert_eq!(node.stop(), 0);
    }
}

fn found(kr: &Node, jp: &Node, fj: &Node) {
    let charter = kr.folder().join("charter.toml").display().to_string();
    std::fs::write(&charter, CHARTER).unwrap();
    let would = kr.data(&["group", "found", &charter, "--dry-run"]);
    assert_eq!(reached(&would["published"][0]), ["FJ", "JP"], "founders get the charter");
    assert_eq!(kr.data(&["group", "list"]), Value::Array(Vec::new()), "nothing was signed");
    kr.data(&["group", "found", &charter]);
    assert_eq!(stands(kr), ("secretariat".to_owned(), 0));
    for node in [jp, fj] {
        eventually("the charter arrives", || stands(node).0 == "invited");
    }
    let shown = jp.data(&["group", "show", "Islands"]);
    assert_eq!(text(&shown, "text"), CHARTER, "word by word");
    jp.try_with(&["group", "apply", "Islands"], "").refused(64, "unanswered", "1", "mandate");
    let answer = ["group", "apply", "Islands", "--answer", "The Act of 2004"];
    jp.data(&[&answer[..], &["--affiliation", "FIRST"]].concat());
    jp.try_with(&answer, "").refused(65, "applied-already", "by JP-", "--again");
    jp.try_with(&["group", "admit", "Islands", "JP", "--yes"], "").refused(
        65,
        "self-admission",
        "JP",
        "group show",
    );
    fj.data(&answer);
    for (founder, node, roster) in [("JP", jp, 1), ("FJ", fj, 2)] {
        eventually("the application arrives", || applicants(kr).contains(&founder.to_owned()));
        kr.data(&["group", "admit", "Islands", founder, "--yes"]);
        eventually("the roster arrives", || stands(node) == ("member".to_owned(), roster));
    }
    eventually("members hear of members", || stands(jp).1 == 2);
}

fn join(kr: &Node, jp: &Node, nz: &Node) {
    jp.data(&["group", "invite", "Islands", "NZ", "--yes"]);
    eventually("the charter arrives", || stands(nz).0 == "invited");
    assert_eq!(nz.data(&["group", "roster", "Islands"]).as_array().unwrap().len(), 1);
    nz.data(&["group", "apply", "Islands", "--answer", "The Decree of 2019"]);
    eventually("the application arrives", || applicants(kr) == ["NZ"] && applicants(jp) == ["NZ"]);
    // Whoever keeps the roster is told that somebody waits for it, and nobody else is.
    let awaited = |node: &Node| node.data(&["status"])["awaited"][0].clone();
    let said = awaited(kr);
    assert_eq!((text(&said, "about"), text(&said, "with")), ("group", "NZ"), "{said}");
    assert!(text(&said, "what").contains("needs 1 more to sponsor it"), "{said}");
    assert!(awaited(jp).is_null());
    kr.try_with(&["group", "admit", "Islands", "NZ", "--yes"], "").refused(
        65,
        "missing-sponsor",
        "NZ has 0 of the 1 sponsors",
        "group sponsor",
    );
    jp.data(&["group", "sponsor", "Islands", "NZ", "--yes"]);
    eventually("the sponsor's word arrives", || {
        let shown = kr.data(&["group", "show", "Islands"]);
        shown["applications"][0]["sponsors"] == serde_json::json!(["JP"])
    });
    kr.data(&["group", "admit", "Islands", "NZ", "--yes"]);
    for node in [jp, nz] {
        eventually("the roster arrives", || stands(node) == ("member".to_owned(), 3));
    }
    let earlier = titles(nz);
    assert!(!earlier.contains(&"For the three of us".to_owned()), "{earlier:?}");
}

fn affiliations(kr: &Node, jp: &Node) {
    let shown = || jp.data(&["group", "affiliations", "Islands"]);
    assert_eq!(shown(), serde_json::json!([{ "affiliation": "FIRST", "members": ["JP"] }]));
    let set = |node: &Node| {
        let asked = ["group", "affiliations", "Islands", "--of", "NZ", "--affiliation", "FIRST"];
        node.try_with(&[&asked[..], &["--yes"]].concat(), "")
    };
    set(jp).refused(65, "not-secretariat", "JP", "ask KR");
    set(kr).done();
    set(kr).refused(65, "said-already", "already", "");
    eventually("the next roster arrives", || {
        shown() == serde_json::json!([{ "affiliation": "FIRST", "members": ["JP", "NZ"] }])
    });
    // Ids are random, and what is shown is in an order that people know.
    for node in [kr, jp] {
        let shown = node.data(&["group", "show", "Islands"]);
        let members = shown["members"].as_array().unwrap();
        let members: Vec<_> = members.iter().map(|one| text(one, "name")).collect();
        assert_eq!(members, ["KR", "JP", "FJ", "NZ"], "as they came in");
        let rosters = node.data(&["group", "roster", "Islands"]);
        let last = rosters.as_array().unwrap().last().unwrap();
        assert_eq!(last["members"], serde_json::json!(["FJ", "JP", "KR", "NZ"]), "by name");
    }
}

fn remove(kr: &Node, jp: &Node, fj: &Node, nz: &Node) {
    let done = kr.data(&["group", "remove", "Islands", "NZ", "--reason", "Dissolved", "--yes"]);
    assert_eq!(done["published"].as_array().unwrap().len(), 2, "the vote, and the roster");
    share(kr, "For those who stayed", &[("FJ", fj), ("JP", jp)]);
    eventually("who is removed learns it", || stands(nz) == ("removed".to_owned(), 5));
    // What comes after it arrives, so what came before it is not under way.
    note(kr, "To everybody");
    eventually("a later note arrives", || titles(nz).contains(&"To everybody".to_owned()));
    assert!(!titles(nz).contains(&"For those who stayed".to_owned()), "nothing new");
}

fn hand_over(kr: &Node, jp: &Node) {
    jp.try_with(&["group", "roster", "Islands", "--confirm"], "").refused(
        65,
        "not-secretariat",
        "JP",
        "ask KR",
    );
    kr.data(&["group", "roster", "Islands", "--confirm"]);
    kr.try_with(&["group", "leave", "Islands", "--yes"], "").refused(
        65,
        "without-secretariat",
        "",
        "group hand-over",
    );
    kr.try_with(&["group", "hand-over", "Islands", "--to", "JP", "--yes"], "").refused(
        65,
        "not-ready",
        "JP",
        "--accept",
    );
    jp.data(&["group", "hand-over", "Islands", "--accept", "--yes"]);
    jp.try_with(&["group", "hand-over", "Islands", "--accept", "--yes"], "").refused(
        65,
        "said-already",
        "",
        "",
    );
    eventually("what JP said arrives", || {
        kr.data(&["group", "show", "Islands"])["would_keep"] == serde_json::json!(["JP"])
    });
    let awaited = kr.data(&["status"])["awaited"].to_string();
    assert!(awaited.contains("JP would keep the roster of Islands"), "{awaited}");
    kr.data(&["group", "hand-over", "Islands", "--to", "JP", "--yes"]);
    assert_eq!(stands(kr), ("member".to_owned(), 6));
    eventually("the role has moved", || stands(jp) == ("secretariat".to_owned(), 6));
}

/// Rosters are read from the journal and from nothing else.
fn rebuild(node: &mut Node) {
    let known = |node: &Node| {
        let shown = ["list", "show Islands", "roster Islands", "affiliations Islands"];
        shown.map(|what| {
            let words: Vec<_> = ["group"].into_iter().chain(what.split(' ')).collect();
            node.data(&words)
        })
    };
    let before = known(node);
    assert_eq!(node.stop(), 0);
    node.data(&["store", "rebuild"]);
    assert_eq!(known(node), before);
    node.run();
    assert_eq!(known(node), before);
}

/// A copy of the secretariat's folder runs as well: each of the two signs a roster.
fn contradict(kr: &mut Node, jp: &mut Node, fj: &mut Node) {
    eventually("everybody has the last roster", || stands(fj).1 == 6);
    assert_eq!(jp.stop(), 0);
    let mut twin = jp.twin();
    let sign = |node: &Node, label: &str| {
        let asked = ["group", "affiliations", "Islands", "--of", "KR", "--affiliation", label];
        node.data(&[&asked[..], &["--yes"]].concat());
    };
    assert_eq!(fj.stop(), 0);
    jp.run();
    sign(jp, "APCERT");
    eventually("one of them has the one", || stands(kr).1 == 7);
    assert_eq!((jp.stop(), kr.stop()), (0, 0));
    fj.run();
    twin.run();
    sign(&twin, "FIRST");
    eventually("the other has the other", || stands(fj).1 == 7);
    assert_eq!(twin.stop(), 0);
    let alarmed = |node: &Node| {
        let status = node.data(&["status"]);
        status["alarms"].as_array().unwrap().iter().any(|one| text(one, "code") == "group-frozen")
    };
    assert!(!alarmed(fj), "alone it cannot know");
    kr.run();
    for node in [&*kr, &*fj] {
        eventually("both are told", || stands(node).0 == "frozen" && alarmed(node));
        let shown = node.data(&["group", "show", "Islands"]);
        assert!(shown["problems"][0].as_str().unwrap().contains("two rosters 7"), "{shown}");
        let status = node.data(&["status"]);
        assert_eq!(text(&status["stopped_groups"][0], "name"), "Islands");
    }
    let file = to_group(kr, "Never", "AMBER");
    assert!(reached(&kr.data(&["publish", &file, "--dry-run"])).is_empty());
    let doctor = kr.try_with(&["doctor"], "");
    assert!(doctor.code == 1 && doctor.out.contains("two rosters of one number"), "{}", doctor.out);
    // It stays so: what an operator sees is not only what an alarm said once.
    assert_eq!(kr.stop(), 0);
    kr.run();
    assert_eq!(stands(kr).0, "frozen");
}

/// NZ is asked in by KR and does not know JP; later JP's key is in foreign hands. Whoever looks is told what is missing.
#[test]
fn what_is_missing_between_members_is_said_where_people_look() {
    let mut nodes = ["KR", "JP", "NZ"].map(Node::plain);
    nodes.iter_mut().for_each(Node::run);
    let [kr, jp, nz] = &nodes;
    pair((kr, "KR"), (jp, "JP"));
    pair((kr, "KR"), (nz, "NZ"));
    let charter = kr.folder().join("charter.toml").display().to_string();
    std::fs::write(&charter, CHARTER.replace(", \"FJ\"", "")).unwrap();
    kr.data(&["group", "found", &charter]);
    eventually("the charter arrives", || stands(jp).0 == "invited");
    jp.data(&["group", "apply", "Islands", "--answer", "The Act of 2004"]);
    eventually("the application arrives", || applicants(kr) == ["JP"]);
    kr.data(&["group", "admit", "Islands", "JP", "--yes"]);
    eventually("the roster arrives", || stands(jp) == ("member".to_owned(), 1));
    kr.data(&["group", "invite", "Islands", "NZ", "--yes"]);
    eventually("the charter arrives", || stands(nz).0 == "invited");
    nz.data(&["group", "apply", "Islands", "--answer", "The Decree of 2019"]);
    eventually("the application arrives", || applicants(kr) == ["NZ"]);
    kr.data(&["group", "sponsor", "Islands", "NZ", "--yes"]);
    let admit = ["group", "admit", "Islands", "NZ", "--yes"].map(str::to_owned);
    let said = kr.screen(&kr.folder(), &admit);
    let said = said.out + &said.talk;
    assert!(said.contains("those that it does not know"), "{said}");

    // NZ does not know who signed what the rosters cite, and JP not whom they let in.
    let missing = |node: &Node| {
        let status = node.data(&["status"]);
        let awaited = status["awaited"].as_array().cloned().unwrap_or_default();
        awaited.into_iter().find(|one| text(one, "about") == "membership")
    };
    for node in [nz, jp] {
        eventually("it is told", || missing(node).is_some());
        let missing = missing(node).unwrap();
        assert!(text(&missing, "what").contains("whom this node does not know"), "{missing}");
        assert!(text(&missing, "next").contains("have a partner introduce it"), "{missing}");
    }
    assert!(nz.try_with(&["doctor"], "").out.contains("whom this node does not know"));
    let waiting = ["list", "--waiting"].map(str::to_owned);
    let waiting = nz.screen(&nz.folder(), &waiting).out;
    assert!(waiting.contains("origin is not known yet"), "{waiting}");
    for (node, name, other) in [(nz, "NZ", "JP"), (jp, "JP", "NZ")] {
        let would = kr.data(&["partner", "introduce", other, "--to", name, "--dry-run"]);
        assert!(would["reference"].is_null(), "{would}");
        kr.data(&["partner", "introduce", other, "--to", name]);
        eventually("the introduction arrives", || {
            node.try_with(&["partner", "confirm", other, "--as", other, "--yes"], "").code == 0
        });
        eventually("it is a member", || stands(node) == ("member".to_owned(), 2));
        assert!(missing(node).is_none());
    }
    who_is_no_partner_is_named_beforehand(jp);
    let would = kr.data(&["group", "roster", "Islands", "--confirm", "--dry-run"]);
    assert!(text(&would, "outcome").contains("nothing was signed"), "{would}");
    who_is_in_doubt_is_told_and_named(kr, jp, missing);
    for node in &mut nodes {
        assert_eq!(node.stop(), 0);
    }
}

fn who_is_no_partner_is_named_beforehand(node: &Node) {
    let file = to_group(node, "For all members", "AMBER");
    let would = node.data(&["publish", &file, "--dry-run"]);
    let without = &would["preview"]["no_partners"];
    assert_eq!((text(&without[0], "member"), text(&without[0], "group")), ("NZ", "Islands"));
    let screen = ["publish", &file, "--dry-run"].map(str::to_owned);
    let screen = node.screen(&node.folder(), &screen).out;
    assert!(screen.contains("- NZ: a member of Islands, introduced, and not paired"), "{screen}");
}

/// A member's key is in foreign hands, with all that it has signed.
fn who_is_in_doubt_is_told_and_named(
    keeper: &Node,
    member: &Node,
    missing: impl Fn(&Node) -> Option<Value>,
) {
    let stolen = ["key", "compromised", "desk", "--from", "2026-01-01T00:00:00Z", "--reason", "x"];
    let would = member.data(&[&stolen[..], &["--dry-run"]].concat());
    let falls = would["falls"].as_array().unwrap();
    let fall = falls.iter().find(|one| text(one, "what").contains("of the group Islands")).unwrap();
    let next = text(fall, "next");
    assert!(next.contains("comity group remove GROUP NAME at KR"), "{next}");
    assert!(!next.contains("--confirm"), "what lets nobody in again mends nothing: {next}");
    member.data(&[&stolen[..], &["--yes"]].concat());
    assert_eq!(stands(member).0, "in doubt");
    let said = missing(member).unwrap();
    assert!(text(&said, "what").contains("we are a member of Islands in doubt"), "{said}");
    eventually("who keeps the roster is told", || missing(keeper).is_some());
    let said = missing(keeper).unwrap();
    assert!(text(&said, "what").contains("of Islands JP may be gone, or in doubt"), "{said}");
    assert!(text(&said, "next").contains("comity group remove"), "{said}");
}

/// Two groups of one name, one of them by mistake: it is closed, at the founder and at who was asked in.
#[test]
fn a_group_that_was_founded_twice_is_closed_once() {
    let (mut kr, mut jp) = (Node::plain("KR"), Node::plain("JP"));
    kr.run();
    jp.run();
    pair((&kr, "KR"), (&jp, "JP"));
    let charter = kr.folder().join("charter.toml");
    let two = CHARTER.replace(", \"FJ\"", "");
    std::fs::write(&charter, two).unwrap();
    let charter = charter.display().to_string();
    let meant = kr.data(&["group", "found", &charter]);
    let meant = text(&meant["group"], "group").to_owned();
    let mistake = kr.data(&["group", "found", &charter, "--again"]);
    let mistake = text(&mistake["group"], "group").to_owned();
    kr.try_with(&["group", "show", "Islands"], "").refused(
        64,
        "group-ambiguous",
        "several",
        "group leave REFERENCE",
    );
    eventually("JP has both", || jp.data(&["group", "list"]).as_array().unwrap().len() == 2);

    let would = kr.data(&["group", "leave", &mistake, "--dry-run"]);
    assert!(text(&would, "outcome").contains("nothing was signed"), "{would}");
    let done = kr.data(&["group", "leave", &mistake, "--yes"]);
    assert_eq!(text(&done, "outcome"), "the group is closed", "{done}");
    let of = |node: &Node, group: &str| {
        let shown = node.try_with(&["group", "show", group], "");
        (shown.code == 0).then(|| {
            let shown = shown.done();
            (text(&shown["group"], "group").to_owned(), text(&shown["group"], "state").to_owned())
        })
    };
    assert_eq!(of(&kr, "Islands"), Some((meant.clone(), "secretariat".to_owned())));
    assert_eq!(of(&kr, &mistake), Some((mistake.clone(), "closed".to_owned())));
    eventually("JP knows", || of(&jp, &mistake).is_some_and(|(_, state)| state == "closed"));
    assert_eq!(of(&jp, "Islands"), Some((meant.clone(), "invited".to_owned())));
    let again = ["group", "leave", &mistake, "--yes"];
    kr.try_with(&again, "").refused(65, "closed", "has left it", "group show");
    let apply = ["group", "apply", &mistake, "--answer", "The Act"];
    jp.try_with(&apply, "").refused(65, "closed", "has left it", "group show");

    // The other one goes on, and is not closed while somebody else is in it.
    jp.data(&["group", "apply", "Islands", "--answer", "The Act"]);
    eventually("JP applies", || !applicants(&kr).is_empty());
    kr.data(&["group", "admit", "Islands", "JP", "--yes"]);
    kr.try_with(&["group", "leave", "Islands", "--yes"], "").refused(
        65,
        "without-secretariat",
        "hand the role over",
        "hand-over",
    );
    assert_eq!((kr.stop(), jp.stop()), (0, 0));
}

/// What permits has its day, and so has what signs: both are named before it comes.
#[test]
fn the_end_of_a_charter_and_of_a_key_is_told_ahead() {
    const DAY: u64 = 24 * 60 * 60;
    let mut kr = Node::plain("KR");
    let charter = kr.folder().join("charter.toml");
    let ends = comity_node::clock::now().saturating_add(Duration::from_secs(705 * DAY)).to_string();
    let alone = CHARTER.replace("[\"KR\", \"JP\", \"FJ\"]", "[\"KR\"]");
    let dated = format!("starts = 2026-01-01\nends = {}\n", ends.get(..10).unwrap());
    std::fs::write(&charter, alone.replace("starts = 2026-01-01\n", &dated)).unwrap();
    kr.data(&["group", "found", &charter.display().to_string()]);
    let told =
        |node: &Node| node.data(&["status"])["deadlines"].as_array().cloned().unwrap_or_default();
    assert!(told(&kr).is_empty());

    kr.set_environment(clock::ahead(700 * DAY as i64));
    let lines = told(&kr);
    let of = |name: &str| lines.iter().find(|one| text(one, "what").contains(name));
    let charter = of("of Islands ends in 5 days").unwrap_or_else(|| panic!("{lines:#?}"));
    assert_eq!((text(charter, "group"), &charter["step"]), ("Islands", &Value::from(7)));
    for (name, next) in [("key of the links", "key rotate"), ("this node signs", "key revoke desk")]
    {
        let key = of(name).unwrap_or_else(|| panic!("{name}: {lines:#?}"));
        assert_eq!(key["step"], 30, "{key}");
        assert!(text(key, "next").contains(next), "{key}");
    }
    let doctor = kr.try_with(&["doctor"], "");
    assert!(doctor.out.contains("of Islands ends in 5 days"), "{}", doctor.out);

    // After it the group is shown as what it is, whatever was said of the roster.
    kr.set_environment(clock::ahead(706 * DAY as i64));
    let group = kr.data(&["group", "list"])[0].clone();
    assert!(text(&group, "stale_from") < &*ends, "{group}");
    assert!(!told(&kr).iter().any(|one| text(one, "what").contains("Islands")), "it is over");
}
