//! Nothing leaves by a time that nobody vouches for.

use std::time::Duration;

use comity_core::group::{RosterBody, RosterHead};
use comity_core::keyring::DatedHead;
use comity_core::record::{Draft, Header, control};
use comity_core::{Digest, GroupId, Kind, Marking, RecordId, Section, Timestamp, Tlp};
use comity_node::engine::{Command, Reply};
use comity_tests::bench::{Bench, Peer, advisory, sign};
use comity_tests::sim::wire::Said;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The type of the frame that asks for a sign of life.
const PING: u64 = 14;

fn publish(bench: &mut Bench, title: &str, release_at: Option<Timestamp>) -> RecordId {
    let token = bench.publish_marked(title, Marking { release_at, ..Marking::new(Tlp::Clear) });
    match bench.reply(token) {
        Some(Ok(Reply::Published { record, .. })) => record,
        other => unreachable!("{other:?}"),
    }
}

/// A node with two records, one for now and one that nobody may have for ten days. It starts once more, and its clock is
/// so many days ahead.
fn started_ahead(days: u32) -> (Bench, Peer, [RecordId; 2]) {
    let mut bench = Bench::new();
    let partner = bench.pair(2);
    let at = bench.now.saturating_add(DAY * 10);
    let (open, timed) = (publish(&mut bench, "now", None), publish(&mut bench, "later", Some(at)));
    bench.now = bench.now.saturating_add(DAY * days);
    bench.doubts_clock = true;
    bench.restart();
    (bench, partner, [open, timed])
}

fn went(bench: &Bench, partner: &Peer) -> Vec<RecordId> {
    bench.delivered(partner.conn())
}

fn was_asked(bench: &mut Bench, partner: &Peer) -> usize {
    let heard = bench.heard(partner.conn());
    heard.iter().filter(|said| matches!(said, Said::Other(PING))).count()
}

/// At a start nobody can tell a clock that is wrong from a node that rested: a partner's clock can, and is asked.
#[test]
fn what_a_clock_makes_due_over_a_restart_waits_until_a_partner_agrees() {
    let (mut bench, mut partner, [open, timed]) = started_ahead(11);
    let conn = bench.connect(&mut partner);
    bench.wait(MINUTE);
    assert_eq!(went(&bench, &partner), [open], "what has no time goes");
    assert_eq!(bench.alarms("clock-unsure").len(), 1);
    assert_eq!(was_asked(&mut bench, &partner), 1, "once an hour");
    bench.wait(DAY / 24);
    assert_eq!(was_asked(&mut bench, &partner), 1);
    // One whose clock says something else vouches for nothing.
    bench.control(conn, Peer::pong(bench.now.saturating_sub(DAY * 11)));
    bench.wait(SECOND);
    assert_eq!(went(&bench, &partner), []);
    // Nor does one whose clock agrees, against as many others.
    let mut other = bench.pair(3);
    let second = bench.connect(&mut other);
    bench.control(second, Peer::pong(bench.now));
    bench.wait(SECOND);
    assert_eq!(went(&bench, &partner), []);
    bench.control(conn, Peer::pong(bench.now));
    bench.wait(SECOND);
    assert_eq!(went(&bench, &partner), [timed]);
}

/// What is published meanwhile has its minute, by the count of the process, and waits for nothing else.
#[test]
fn what_is_published_now_goes_whatever_nobody_vouches_for() {
    let (mut bench, mut partner, [open, _]) = started_ahead(100);
    bench.hold_back = MINUTE;
    bench.restart();
    bench.connect(&mut partner);
    let new = publish(&mut bench, "new", None);
    bench.wait(SECOND);
    assert_eq!(went(&bench, &partner), [open]);
    bench.wait(MINUTE);
    bench.wait(SECOND);
    assert_eq!(went(&bench, &partner), [open, new]);
}

/// One partner does not vouch for months; a person does.
#[test]
fn one_partner_does_not_make_due_what_is_far_ahead() {
    let (mut bench, mut partner, [open, timed]) = started_ahead(100);
    let conn = bench.connect(&mut partner);
    bench.control(conn, Peer::pong(bench.now));
    bench.wait(SECOND);
    assert_eq!(went(&bench, &partner), [open]);
    bench.engine().clock_is_confirmed();
    bench.wait(SECOND);
    bench.wait(SECOND);
    assert_eq!(went(&bench, &partner), [open, timed]);
}

/// What nobody is in doubt of asks for nothing: a start within the day, or a node that runs.
#[test]
fn a_short_rest_and_a_node_that_runs_ask_nobody() {
    let (mut bench, mut partner, [open, timed]) = started_ahead(0);
    bench.connect(&mut partner);
    bench.wait(SECOND);
    assert_eq!(went(&bench, &partner), [open]);
    bench.wait(DAY * 10);
    bench.wait(SECOND);
    assert_eq!(went(&bench, &partner), [open, timed]);
    assert!(bench.alarms("clock-unsure").is_empty());
    assert_eq!(was_asked(&mut bench, &partner), 0);
}

/// A record of which one part may go since weeks is not kept by the other, of which nobody knows.
#[test]
fn what_is_free_goes_without_what_waits_for_the_clock() {
    let mut bench = Bench::new();
    let mut partner = bench.pair(2);
    let now = bench.now;
    let mut draft = Draft::new(Kind::Advisory);
    let later = Some(now.saturating_add(DAY * 10));
    for (section, release_at) in [(Section::Summary, None), (Section::Detail, later)] {
        let marking = Some(Marking { release_at, ..Marking::new(Tlp::Clear) });
        let header = Header { marking, ..Header::new(section, "text/plain") };
        draft.parts.push((header, section.to_string().into_bytes()));
    }
    let (record, parts) = sign(draft, &bench.node.economy.clone(), now);
    let id = record.id();
    let publish =
        Command::Publish { record: Box::new(record), parts, title: String::new(), draft: None };
    bench.command(publish).expect("published");
    bench.now = now.saturating_add(DAY * 11);
    bench.doubts_clock = true;
    bench.restart();
    let conn = bench.connect(&mut partner);
    bench.wait(SECOND);
    let sent = |bench: &Bench| {
        let out = &bench.state().partner(&partner.economy.id).expect("paired").out;
        out.sent(&id).map_or(0, |parts| parts.len())
    };
    assert_eq!((went(&bench, &partner), sent(&bench)), (vec![id], 1));
    bench.control(conn, Peer::pong(bench.now));
    bench.wait(SECOND);
    assert_eq!((went(&bench, &partner), sent(&bench)), (vec![id, id], 2));
}

/// That a keyring is confirmed today says nothing of any other time; asked of the last sure one, it is "ahead".
#[test]
fn what_is_relayed_goes_on_while_the_clock_is_in_doubt() {
    let mut bench = Bench::new();
    let (mut relay, mut partner) = (bench.pair(2), bench.pair(4));
    let origin = bench.pair(3).economy;
    bench.now = bench.now.saturating_add(DAY * 100);
    bench.doubts_clock = true;
    bench.restart();
    let conn = bench.connect(&mut relay);
    bench.connect(&mut partner);
    let head = DatedHead::of(&origin.keyring, bench.now).sign(&origin.link);
    bench.control(conn, Peer::keyring_head(&head));
    let (record, parts) = advisory(&origin, "news", bench.now);
    bench.deliver(&mut relay, &record, &parts);
    bench.wait(SECOND);
    assert!(bench.state().head_of(&origin.id).is_some());
    assert_eq!(went(&bench, &partner), [record.id()]);
}

/// That a roster is the last one would be believed for a fortnight after a day that is still to come, whoever was
/// removed since.
#[test]
fn no_roster_is_confirmed_by_a_clock_that_nobody_vouches_for() {
    let (mut bench, mut partner, _) = started_ahead(20);
    let head = RosterHead { group: GroupId([1; 32]), epoch: 5, digest: Digest([5; 32]) };
    let (body, by) = (RosterBody::Head(head).encode(), bench.node.economy.clone());
    let refused = |bench: &mut Bench| {
        let (body, now) = (body.clone(), bench.now);
        let word = control(Kind::Roster, body, Tlp::AmberStrict, &by.author, by.id, now);
        let (record, title) = (Box::new(word.expect("a word")), String::new());
        let publish = Command::Publish { record, parts: Vec::new(), title, draft: None };
        bench.command(publish).expect_err("there is no such group").to_string()
    };
    let why = refused(&mut bench);
    assert!(why.contains("nobody vouches for the clock"), "{why}");
    let conn = bench.connect(&mut partner);
    bench.control(conn, Peer::pong(bench.now));
    let why = refused(&mut bench);
    assert!(why.contains("no such group"), "{why}");
}
