//! A moment between publishing and sending, in which a record can be taken back.

use std::time::Duration;

use comity_core::control::WithdrawalBody;
use comity_core::policy::Lifecycle;
use comity_core::record::{Draft, Header, VerifiedRecord, control};
use comity_core::{Kind, Marking, RecordId, Section, Tlp, Urgency};
use comity_node::engine::{Command, CommandError, Reply};
use comity_tests::bench::{Bench, Peer, sign};

const SECOND: Duration = Duration::from_secs(1);
const HELD: Duration = Duration::from_secs(60);

/// A node that holds back what it publishes for a minute, and a partner that is connected.
fn holding() -> (Bench, Peer) {
    let mut bench = Bench::new();
    bench.hold_back = HELD;
    let mut partner = bench.pair(2);
    bench.restart();
    bench.connect(&mut partner);
    (bench, partner)
}

fn draft(urgency: Urgency, supersedes: Vec<RecordId>) -> Draft {
    let mut draft = Draft::new(Kind::Advisory);
    let marking = Some(Marking::new(Tlp::Clear));
    let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"a flaw".to_vec()));
    (draft.urgency, draft.supersedes) = (urgency, supersedes);
    draft
}

fn publish(bench: &mut Bench, draft: Draft) -> RecordId {
    let by = bench.node.economy.clone();
    let (record, parts) = sign(draft, &by, bench.now);
    enter(bench, record, parts)
}

fn enter(
    bench: &mut Bench,
    record: VerifiedRecord,
    parts: Vec<comity_core::record::Part>,
) -> RecordId {
    let (record, title) = (Box::new(record), String::new());
    match bench.command(Command::Publish { record, parts, title, draft: None }) {
        Ok(Reply::Published { record, .. }) => record,
        other => unreachable!("{other:?}"),
    }
}

fn routine(bench: &mut Bench) -> RecordId {
    publish(bench, draft(Urgency::Routine, Vec::new()))
}

fn unsend(bench: &mut Bench, record: RecordId) -> Result<Reply, CommandError> {
    bench.command(Command::Unsend { record })
}

fn went(bench: &Bench, partner: &Peer, record: RecordId) -> bool {
    bench.delivered(partner.conn()).contains(&record)
}

/// 0 urgent, 1 live, 2 what was missed.
fn lane(bench: &Bench, partner: &Peer, record: RecordId) -> Option<u64> {
    bench.lanes(partner.conn()).into_iter().find_map(|(one, lane)| (one == record).then_some(lane))
}

fn lifecycle(bench: &Bench, record: RecordId) -> Lifecycle {
    bench.state().record(&record).expect("a record").facts.lifecycle
}

#[test]
fn what_is_not_urgent_waits_until_it_can_no_longer_be_unsent() {
    let (mut bench, mut partner) = holding();
    let record = routine(&mut bench);
    assert_eq!(bench.state().unsend_until(&record), Some(bench.now.saturating_add(HELD)));
    bench.wait(SECOND * 30);
    assert!(!went(&bench, &partner, record));
    // The time runs on over a restart, whatever is configured now.
    bench.hold_back = Duration::ZERO;
    bench.restart();
    bench.connect(&mut partner);
    bench.wait(SECOND * 29);
    assert!(!went(&bench, &partner, record));
    let none = bench.state().partner(&partner.economy.id).unwrap().out.head().number;
    assert_eq!(none, 0, "not even a number was given");
    bench.wait(SECOND);
    bench.wait(SECOND);
    assert!(went(&bench, &partner, record));
}

#[test]
fn what_is_urgent_and_what_takes_back_do_not_wait() {
    let (mut bench, partner) = holding();
    let urgent = publish(&mut bench, draft(Urgency::Urgent, Vec::new()));
    assert!(went(&bench, &partner, urgent));
    assert_eq!(bench.state().unsend_until(&urgent), None);
    let by = bench.node.economy.clone();
    let body = WithdrawalBody::of(vec![urgent]).expect("one record").encode();
    let record = control(Kind::Withdrawal, body, Tlp::Clear, &by.author, by.id, bench.now);
    let withdrawal = enter(&mut bench, record.expect("a withdrawal"), Vec::new());
    assert!(went(&bench, &partner, withdrawal));
    let refused = unsend(&mut bench, urgent).expect_err("it has gone");
    assert!(matches!(refused, CommandError::MayHaveGone(_)), "{refused}");
}

#[test]
fn what_was_unsent_is_never_told_to_anybody() {
    let (mut bench, mut partner) = holding();
    let record = routine(&mut bench);
    bench.wait(SECOND * 59);
    unsend(&mut bench, record).expect("it is time yet");
    for _ in 0..2 {
        assert!(bench.state().is_unsent(&record));
        assert_eq!(lifecycle(&bench, record), Lifecycle::Withdrawn);
        bench.wait(HELD * 10);
        assert!(!went(&bench, &partner, record));
        bench.restart();
        bench.connect(&mut partner);
    }
    let twice = unsend(&mut bench, record).expect_err("once is enough").to_string();
    assert!(twice.contains("unsent already"), "{twice}");
    // What it was withdrawn from, in case somebody does that as well, is nobody.
    let by = bench.node.economy.clone();
    let body = WithdrawalBody::of(vec![record]).expect("one record").encode();
    let word = control(Kind::Withdrawal, body, Tlp::Clear, &by.author, by.id, bench.now);
    let withdrawal = enter(&mut bench, word.expect("a withdrawal"), Vec::new());
    bench.wait(SECOND);
    assert!(!went(&bench, &partner, withdrawal));
}

#[test]
fn it_is_too_late_when_the_time_is_over_or_anything_may_have_gone() {
    let (mut bench, partner) = holding();
    let record = routine(&mut bench);
    bench.wait(HELD);
    bench.wait(SECOND);
    assert!(went(&bench, &partner, record));
    let late = unsend(&mut bench, record).expect_err("it has gone");
    assert!(matches!(late, CommandError::MayHaveGone(_)), "{late}");
    // The clock is put back: what was said stays said.
    bench.now = bench.now.saturating_sub(SECOND * 30);
    let late = unsend(&mut bench, record).expect_err("it has gone");
    assert!(matches!(late, CommandError::MayHaveGone(_)), "{late}");
    // Nobody was there to be told, and the time is over all the same.
    bench.sever(partner.conn());
    let record = routine(&mut bench);
    bench.wait(HELD);
    let late = unsend(&mut bench, record).expect_err("the time is over");
    assert!(matches!(late, CommandError::MayHaveGone(_)), "{late}");
    let unknown = unsend(&mut bench, RecordId([9; 32])).expect_err("no such record");
    assert!(matches!(unknown, CommandError::NoRecord(_)), "{unknown}");
}

#[test]
fn only_what_is_ours_is_unsent() {
    let (mut bench, mut partner) = holding();
    let by = partner.economy.clone();
    let (record, parts) = sign(draft(Urgency::Routine, Vec::new()), &by, bench.now);
    bench.deliver(&mut partner, &record, &parts);
    assert_eq!(bench.state().unsend_until(&record.id()), None);
    let theirs = unsend(&mut bench, record.id()).expect_err("it is not ours");
    assert_eq!(theirs, CommandError::NotOurs);
}

#[test]
fn what_it_replaced_stands_again() {
    let (mut bench, mut partner) = holding();
    bench.sever(partner.conn());
    let first = routine(&mut bench);
    let kept = publish(&mut bench, draft(Urgency::Priority, Vec::new()));
    bench.wait(HELD);
    let second = publish(&mut bench, draft(Urgency::Routine, vec![first]));
    let third = publish(&mut bench, draft(Urgency::Priority, vec![first, kept]));
    assert_eq!(lifecycle(&bench, first), Lifecycle::Superseded);
    unsend(&mut bench, third).expect("it is time yet");
    for _ in 0..2 {
        // Something else still replaces the first.
        assert_eq!(lifecycle(&bench, first), Lifecycle::Superseded);
        assert_eq!(lifecycle(&bench, kept), Lifecycle::Live);
        bench.restart();
    }
    unsend(&mut bench, second).expect("it is time yet");
    assert_eq!(lifecycle(&bench, first), Lifecycle::Live);
    bench.connect(&mut partner);
    bench.wait(SECOND);
    assert!(went(&bench, &partner, first) && went(&bench, &partner, kept));
    bench.wait(HELD);
    bench.wait(SECOND);
    assert!(!went(&bench, &partner, second) && !went(&bench, &partner, third));
}

#[test]
fn what_had_to_wait_is_not_late_and_what_replaces_is_urgent_for_whoever_has_what_it_replaces() {
    let (mut bench, partner) = holding();
    let first = routine(&mut bench);
    let mut later = draft(Urgency::Routine, Vec::new());
    for (header, _) in &mut later.parts {
        let release_at = Some(bench.now.saturating_add(HELD * 3));
        header.marking = header.marking.take().map(|marking| Marking { release_at, ..marking });
    }
    let later = publish(&mut bench, later);
    bench.wait(HELD);
    bench.wait(SECOND);
    assert_eq!(lane(&bench, &partner, first), Some(1), "it could not go before");
    let second = publish(&mut bench, draft(Urgency::Routine, vec![first]));
    bench.wait(HELD);
    bench.wait(SECOND);
    assert_eq!(lane(&bench, &partner, second), Some(0));
    assert_eq!(lane(&bench, &partner, later), None);
    bench.wait(HELD);
    bench.wait(SECOND);
    assert_eq!(lane(&bench, &partner, later), Some(1), "nor this");
    let mut other = bench.pair(3);
    bench.connect(&mut other);
    bench.wait(HELD * 2);
    assert_eq!(lane(&bench, &other, second), Some(2), "it has nothing that this replaces");
    assert_eq!(lane(&bench, &other, first), None);
}
