//! The egress guard: what the operator's lists name leaves by no link, whatever was agreed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use comity_core::journal::{Guarded, JournalEntry};
use comity_core::policy::Gate;
use comity_core::record::{Draft, Header};
use comity_core::{EconomyId, Kind, Marking, PartDigest, RecordId, Section, Timestamp, Tlp};
use comity_node::config::Egress;
use comity_node::engine::{Command, Reply};
use comity_node::guard::Guard;
use comity_tests::bench::{Bench, Peer, sign};

const SECOND: Duration = Duration::from_secs(1);
const WORD: &str = "heron-7f3a";

/// A guard that looks for these strings.
fn guard(strings: &str) -> Option<Arc<Guard>> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("strings.txt");
    fs::write(&path, strings).expect("a list");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    let config = Egress { strings: Some(path), ..Egress::default() };
    Guard::read(&config).expect("lists")
}

/// A node that looks for these strings, and a partner that is connected.
fn guarded(strings: &str) -> (Bench, Peer) {
    let mut bench = Bench::new();
    bench.guard = guard(strings);
    let mut partner = bench.pair(2);
    bench.restart();
    bench.connect(&mut partner);
    (bench, partner)
}

/// Publishes a record of which each part says one thing.
fn publish(bench: &mut Bench, texts: &[(Section, &str)]) -> RecordId {
    let mut draft = Draft::new(Kind::Advisory);
    for (section, text) in texts {
        let marking = Some(Marking::new(Tlp::Clear));
        let header = Header { marking, ..Header::new(*section, "text/plain") };
        draft.parts.push((header, text.as_bytes().to_vec()));
    }
    let by = bench.node.economy.clone();
    let (record, parts) = sign(draft, &by, bench.now);
    let (record, title) = (Box::new(record), String::new());
    match bench.command(Command::Publish { record, parts, title, draft: None }) {
        Ok(Reply::Published { record, .. }) => record,
        other => unreachable!("{other:?}"),
    }
}

fn part(bench: &Bench, record: RecordId, section: Section) -> PartDigest {
    let parts = &bench.state().record(&record).expect("a record").parts;
    parts.iter().find(|part| part.section == section).expect("a part").digest
}

fn went(bench: &Bench, partner: &Peer, record: RecordId) -> bool {
    bench.delivered(partner.conn()).contains(&record)
}

fn left(bench: &Bench, partner: &Peer, text: &str) -> bool {
    bench.has_left(partner.conn(), text.as_bytes())
}

/// The gates that kept parts back, as the books say of deliveries to a partner.
fn kept_back(bench: &Bench, partner: EconomyId) -> Vec<String> {
    let decoded = bench.node.entries().into_iter();
    let decoded = decoded.map(|entry| JournalEntry::decode(entry.kind, &entry.body));
    let gates = decoded.filter_map(|entry| match entry {
        Ok(JournalEntry::Delivery(decided)) if decided.to == partner => Some(decided.withheld),
        Ok(_) | Err(_) => None,
    });
    gates.flatten().map(|one| one.gate).collect()
}

fn alarms(bench: &Bench) -> Vec<&str> {
    bench.alarms("egress-guard")
}

fn let_pass(bench: &mut Bench, record: RecordId, part: PartDigest, pass: bool) {
    let guard = bench.state().guard().expect("a guard").clone();
    let passes = if pass { vec![guard.digest(1)] } else { Vec::new() };
    let (by, reason) = ("kim".to_owned(), "it is public".to_owned());
    let guarded = Guarded { record, part, passes, by, reason, at: Timestamp::EPOCH };
    bench.command(Command::LetPass(guarded)).expect("a decision");
}

#[test]
fn a_planted_word_never_leaves() {
    let (mut bench, partner) = guarded(WORD);
    let clean = publish(&mut bench, &[(Section::Summary, "a flaw")]);
    assert!(went(&bench, &partner, clean));
    assert!(left(&bench, &partner, "a flaw"), "what leaves is seen here");
    let held = publish(&mut bench, &[(Section::Summary, "found by Heron-7F3A, keep it")]);
    bench.wait(SECOND * 60);
    assert!(!went(&bench, &partner, held));
    assert!(!left(&bench, &partner, "keep it"));
    let none = bench.state().partner(&partner.economy.id).unwrap().out.head().number;
    assert_eq!(none, 1, "not even a number was given");
    let reference = bench.state().record(&held).unwrap().reference.clone();
    let said =
        format!("a part of record {reference} is held by the egress guard (list strings, line 1)");
    assert_eq!(alarms(&bench), [said]);
    assert_eq!(bench.state().held_by_guard(), 1);
    let facts = bench.state().record(&held).unwrap();
    let plan = bench.state().plan(facts, &partner.economy.id, bench.now);
    let deciding = plan.parts()[0].decision.deciding().unwrap();
    assert_eq!(deciding.gate, Gate::EgressGuard);
    assert_eq!(deciding.fact.to_string(), "held by the egress guard (list strings, line 1)");
}

#[test]
fn the_other_parts_go_and_the_word_stays() {
    let (mut bench, partner) = guarded(WORD);
    let texts = [(Section::Summary, "a flaw"), (Section::Detail, "see heron-7f3a, keep it")];
    let record = publish(&mut bench, &texts);
    assert!(went(&bench, &partner, record));
    assert!(left(&bench, &partner, "a flaw") && !left(&bench, &partner, "keep it"));
    let out = &bench.state().partner(&partner.economy.id).unwrap().out;
    let sent = out.possibly_held(&record).unwrap();
    assert_eq!(sent.len(), 1);
    assert!(!sent.contains(&part(&bench, record, Section::Detail)));
}

/// A part that is looked at by then goes when its time comes, without anybody connecting anew.
#[test]
fn what_waits_for_its_time_is_looked_at_when_it_comes() {
    let (mut bench, partner) = guarded(WORD);
    let mut draft = Draft::new(Kind::Advisory);
    let later = bench.now.saturating_add(SECOND * 30);
    for (section, release_at, text) in [
        (Section::Summary, None, "a flaw"),
        (Section::Detail, Some(later), "where it is"),
        (Section::Mitigation, Some(later), "see heron-7f3a, keep it"),
    ] {
        let marking = Some(Marking { release_at, ..Marking::new(Tlp::Clear) });
        let header = Header { marking, ..Header::new(section, "text/plain") };
        draft.parts.push((header, text.as_bytes().to_vec()));
    }
    let by = bench.node.economy.clone();
    let (record, parts) = sign(draft, &by, bench.now);
    let (record, title) = (Box::new(record), String::new());
    let id = record.id();
    bench.command(Command::Publish { record, parts, title, draft: None }).expect("a record");
    bench.wait(SECOND * 20);
    assert!(left(&bench, &partner, "a flaw") && !left(&bench, &partner, "where it is"));
    // The books say why the rest stayed, and not that nobody had looked at it.
    assert_eq!(kept_back(&bench, partner.economy.id), ["release-time", "release-time"]);
    bench.wait(SECOND * 20);
    // A number and a place in the books, as of whatever has left.
    let out = &bench.state().partner(&partner.economy.id).unwrap().out;
    let gone = out.possibly_held(&id).expect("it went").clone();
    let of = |section| part(&bench, id, section);
    assert!(gone.contains(&of(Section::Summary)) && gone.contains(&of(Section::Detail)));
    assert!(!gone.contains(&of(Section::Mitigation)));
    assert!(!left(&bench, &partner, "keep it"));
    assert_eq!(alarms(&bench).len(), 1);
}

/// The same of a whole record.
#[test]
fn a_record_whose_time_comes_later_is_looked_at_then() {
    let (mut bench, partner) = guarded(WORD);
    let mut draft = Draft::new(Kind::Advisory);
    let release_at = Some(bench.now.saturating_add(SECOND * 30));
    let marking = Some(Marking { release_at, ..Marking::new(Tlp::Clear) });
    let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"a flaw".to_vec()));
    let by = bench.node.economy.clone();
    let (record, parts) = sign(draft, &by, bench.now);
    let (record, title) = (Box::new(record), String::new());
    bench.command(Command::Publish { record, parts, title, draft: None }).expect("a record");
    bench.wait(SECOND * 20);
    assert!(!left(&bench, &partner, "a flaw"));
    bench.wait(SECOND * 20);
    assert!(left(&bench, &partner, "a flaw"));
}

#[test]
fn a_part_is_looked_at_once_whoever_gets_it() {
    let (mut bench, partner) = guarded(WORD);
    let mut other = bench.pair(3);
    bench.connect(&mut other);
    let before = bench.examinations;
    let record = publish(&mut bench, &[(Section::Summary, "a flaw")]);
    assert!(went(&bench, &partner, record) && went(&bench, &other, record));
    assert_eq!(bench.examinations, before + 1);
}

#[test]
fn nothing_goes_while_it_is_not_looked_at() {
    let (mut bench, partner) = guarded(WORD);
    bench.slow_reads = true;
    let record = publish(&mut bench, &[(Section::Summary, "a flaw")]);
    bench.wait(SECOND * 60);
    assert!(!went(&bench, &partner, record));
    bench.slow_reads = false;
    bench.read();
    assert!(went(&bench, &partner, record));
}

/// Whoever is away when the worker ends gets it with the next connection.
#[test]
fn what_is_looked_at_while_a_link_breaks_goes_over_the_next() {
    for fails in [false, true] {
        let (mut bench, mut partner) = guarded(WORD);
        (bench.slow_reads, bench.unreadable) = (true, fails);
        let record = publish(&mut bench, &[(Section::Summary, "a flaw")]);
        bench.sever(partner.conn());
        (bench.slow_reads, bench.unreadable) = (false, false);
        bench.read();
        bench.wait(SECOND * 600);
        bench.connect(&mut partner);
        bench.wait(SECOND);
        assert!(went(&bench, &partner, record), "{fails}");
        let held = publish(&mut bench, &[(Section::Summary, "see heron-7f3a")]);
        assert!(!went(&bench, &partner, held));
    }
}

/// The body is on its way to the disk: whoever looked for it now would not find it.
#[test]
fn a_body_is_looked_at_when_it_is_durable() {
    let (mut bench, partner) = guarded(WORD);
    bench.slow_disk = true;
    let before = bench.examinations;
    bench.publish("a flaw");
    assert_eq!(bench.examinations, before);
    bench.sync();
    assert_eq!(bench.examinations, before + 1);
    bench.sync();
    assert_eq!(bench.delivered(partner.conn()).len(), 1);
}

#[test]
fn what_a_person_lets_pass_goes_and_is_held_again() {
    let (mut bench, mut partner) = guarded(WORD);
    let record = publish(&mut bench, &[(Section::Summary, "heron-7f3a is public")]);
    let summary = part(&bench, record, Section::Summary);
    assert!(!went(&bench, &partner, record));
    let_pass(&mut bench, record, summary, true);
    assert!(went(&bench, &partner, record));
    assert_eq!(bench.state().held_by_guard(), 0);
    // It stands in the journal.
    bench.restart();
    bench.connect(&mut partner);
    let mut other = bench.pair(3);
    bench.connect(&mut other);
    assert!(went(&bench, &other, record));
    assert_eq!(bench.state().let_pass(&summary).unwrap().by, "kim");
    let_pass(&mut bench, record, summary, false);
    let mut third = bench.pair(4);
    bench.connect(&mut third);
    bench.wait(SECOND * 60);
    assert!(!went(&bench, &third, record));
    assert_eq!(bench.state().held_by_guard(), 1);
}

#[test]
fn another_rule_holds_what_was_let_pass() {
    let (mut bench, partner) = guarded(WORD);
    let record = publish(&mut bench, &[(Section::Summary, "heron-7f3a and stork-11")]);
    let summary = part(&bench, record, Section::Summary);
    let_pass(&mut bench, record, summary, true);
    assert!(went(&bench, &partner, record));
    // The same rule further down is the same rule.
    bench.command(Command::Guard(guard(&format!("# ours\n{WORD}")))).expect("other lists");
    let mut other = bench.pair(3);
    bench.connect(&mut other);
    assert!(went(&bench, &other, record));
    bench.command(Command::Guard(guard(&format!("{WORD}\nstork-11")))).expect("other lists");
    let mut third = bench.pair(4);
    bench.connect(&mut third);
    bench.wait(SECOND * 60);
    assert!(!went(&bench, &third, record));
    let last = alarms(&bench).pop().unwrap();
    assert!(last.ends_with("(list strings, line 2)"), "{last}");
}

#[test]
fn other_lists_look_anew_at_what_has_not_left() {
    let (mut bench, mut partner) = guarded(WORD);
    bench.sever(partner.conn());
    let held = publish(&mut bench, &[(Section::Summary, "stork-11 it is")]);
    let freed = publish(&mut bench, &[(Section::Summary, "heron-7f3a it was")]);
    bench.command(Command::Guard(guard("stork-11"))).expect("other lists");
    bench.connect(&mut partner);
    bench.wait(SECOND * 60);
    assert!(!went(&bench, &partner, held) && went(&bench, &partner, freed));
    bench.command(Command::Guard(None)).expect("no lists");
    bench.wait(SECOND * 60);
    assert!(went(&bench, &partner, held));
}

/// Numbered under other lists, and not yet read for its way out when those come.
#[test]
fn what_has_a_number_is_looked_at_anew_before_its_first_byte() {
    let (mut bench, mut partner) = guarded(WORD);
    let first = publish(&mut bench, &[(Section::Summary, "stork-11 it is")]);
    assert!(went(&bench, &partner, first));
    // The partner has not confirmed it: with the next connection it would go again.
    bench.guard = guard("stork-11");
    bench.restart();
    bench.connect(&mut partner);
    bench.wait(SECOND * 60);
    assert!(!went(&bench, &partner, first));
    assert!(!left(&bench, &partner, "stork-11"));
    let out = &bench.state().partner(&partner.economy.id).unwrap().out;
    assert!(
        out.possibly_held(&first).is_some(),
        "it may have left before, and nobody forgets that"
    );
}

/// With the same lists nothing is taken back after a start: it is looked at, and goes on.
#[test]
fn what_was_on_its_way_goes_on_after_a_start() {
    let (mut bench, mut partner) = guarded(WORD);
    let record = publish(&mut bench, &[(Section::Summary, "a flaw")]);
    let entries = bench.journal();
    bench.restart();
    bench.connect(&mut partner);
    bench.wait(SECOND * 60);
    assert!(went(&bench, &partner, record));
    assert_eq!(bench.journal(), entries, "nothing was voided or numbered anew");
}
