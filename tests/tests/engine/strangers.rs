//! Records of economies that nobody at the receiver knows: whoever passes them on is not held up by them,
//! and what was not kept comes when the economy is known.

use std::time::Duration;

use comity_core::control::WithdrawalBody;
use comity_core::journal::PartnerChange;
use comity_core::keyring::{Grant, KeyringBuilder};
use comity_core::receipt::{RejectReason, UnverifiedReceipt};
use comity_core::record::{Draft, Header, Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{Kind, Marking, Onward, RecordId, Section, Tlp};
use comity_node::engine::Command;
use comity_node::limits;
use comity_node::state::{Bound, OutFate};
use comity_tests::bench::{Answer, Bench, Peer, advisory, sign};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::wire::Said;

use super::hostile_ledgers::{goes_on, put_back};

/// An advisory that may be passed on.
fn onward(by: &Economy, text: &str, bench: &Bench) -> (VerifiedRecord, Vec<Part>) {
    let mut marking = Marking::new(Tlp::Clear);
    marking.onward = Onward::WithinMarking;
    let header = Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
    let mut draft = Draft::new(Kind::Advisory);
    draft.parts.push((header, text.as_bytes().to_vec()));
    sign(draft, by, bench.now)
}

fn introduce(bench: &mut Bench, who: &Economy, by: &Peer) {
    let (name, keyring) = ("somebody".to_owned(), who.keyring.encoded().to_vec());
    let change = PartnerChange::Introduced { name, keyring, by: by.economy.id };
    bench.command(Command::Partner { economy: who.id, change }).expect("an introduction");
}

fn held(bench: &Bench, of: &Economy) -> u64 {
    bench.state().records().filter(|(_, held)| held.facts.origin == of.id).count() as u64
}

/// The numbers that the node has asked for again since it was last looked at.
fn asked(bench: &mut Bench, relay: &Peer) -> Vec<u64> {
    let said = bench.heard(relay.conn()).into_iter();
    let numbers = said.filter_map(|said| match said {
        Said::Known { numbers, .. } => Some(numbers),
        _ => None,
    });
    let ranges = numbers.flat_map(|numbers| numbers.as_slice().to_vec());
    ranges.flat_map(|(first, last)| first..=last).collect()
}

#[test]
fn what_nobody_knows_does_not_hold_up_who_passes_it_on() {
    const MORE: u64 = 8;
    let mut bench = Bench::new();
    let mut relay = bench.pair(2);
    bench.connect(&mut relay);
    let stranger = Economy::found(9);
    let mut unkept = Vec::new();
    for number in 0..limits::UNKNOWN_OF_ONE + MORE {
        let record = advisory(&stranger, &format!("{number}"), bench.now);
        let delivered = bench.deliver(&mut relay, &record.0, &record.1);
        let kept = number < limits::UNKNOWN_OF_ONE;
        let expected = if kept { Answer::Acked } else { Answer::Rejected };
        assert_eq!(bench.answer(&relay, delivered), expected, "{number}");
        if !kept {
            unkept.push((delivered, record));
        }
    }
    assert_eq!(held(&bench, &stranger), limits::UNKNOWN_OF_ONE);
    assert_eq!(bench.alarms("unknown-origin").len(), 1, "it is said once");
    assert!(bench.alarms("no-room").is_empty());
    // Nobody else's records wait for theirs, and there is no gap.
    let (record, parts) = advisory(&Economy::found(10), "of another", bench.now);
    let number = bench.deliver(&mut relay, &record, &parts);
    assert_eq!(bench.answer(&relay, number), Answer::Acked);
    let (record, parts) = advisory(&relay.economy, "of its own", bench.now);
    bench.deliver(&mut relay, &record, &parts);
    let head = |bench: &Bench, relay: &Peer| {
        bench.state().partner(&relay.economy.id).expect("a partner").inbound.durable_head()
    };
    assert_eq!(head(&bench, &relay), relay.head);
    bench.heard(relay.conn());
    bench.wait(Duration::from_secs(1));
    let receipt = bench.heard(relay.conn()).into_iter().find_map(|said| match said {
        Said::Receipt(signed) => Some(signed),
        _ => None,
    });
    let receipt = UnverifiedReceipt::parse(&receipt.expect("a receipt")).expect("a receipt");
    let receipt = receipt.verify(bench.node.economy.id, relay.economy.id).expect("of the node");
    let expected: Vec<_> =
        unkept.iter().map(|(number, _)| (*number, RejectReason::UnknownOrigin)).collect();
    assert_eq!((receipt.upto, receipt.rejects), (relay.head, expected));

    // A restart forgets nothing of it.
    bench.restart();
    assert_eq!(head(&bench, &relay), relay.head);
    relay.boot();
    bench.connect(&mut relay);
    assert!(asked(&mut bench, &relay).is_empty(), "nobody knows it yet");
    let last = advisory(&stranger, "one more", bench.now);
    let number = bench.deliver(&mut relay, &last.0, &last.1);
    assert_eq!(bench.answer(&relay, number), Answer::Rejected);
    unkept.push((number, last));

    // It is asked for when somebody does, and with every connection until it is here.
    introduce(&mut bench, &stranger, &relay);
    let numbers: Vec<_> = unkept.iter().map(|(number, _)| *number).collect();
    assert_eq!(asked(&mut bench, &relay), numbers);
    bench.restart();
    relay.boot();
    bench.connect(&mut relay);
    assert_eq!(asked(&mut bench, &relay), numbers);
    for (_, (record, parts)) in &unkept {
        let number = bench.deliver(&mut relay, record, parts);
        assert_eq!(bench.answer(&relay, number), Answer::Acked);
    }
    assert_eq!(held(&bench, &stranger), limits::UNKNOWN_OF_ONE + MORE + 1);
    let accepted = |(_, held): &(&RecordId, &comity_node::state::Held)| held.is_accepted();
    let all = bench.state().records().filter(accepted);
    assert_eq!(
        all.filter(|(_, held)| held.facts.origin == stranger.id).count() as u64,
        held(&bench, &stranger)
    );
    bench.restart();
    relay.boot();
    bench.connect(&mut relay);
    assert!(asked(&mut bench, &relay).is_empty(), "all of it is here");
}

#[test]
fn strangers_leave_room_for_what_is_known() {
    let mut bench = Bench::new();
    let mut relay = bench.pair(2);
    bench.connect(&mut relay);
    // As many as there is room for of all strangers together, 30 of each.
    let mut rejected = 0;
    for number in 0..limits::UNKNOWN + 10 {
        let stranger = Economy::found(u8::try_from(100 + number / 30).expect("few"));
        let (record, parts) = advisory(&stranger, &format!("{number}"), bench.now);
        let delivered = bench.deliver(&mut relay, &record, &parts);
        rejected += u64::from(bench.answer(&relay, delivered) == Answer::Rejected);
        bench.heard(relay.conn());
    }
    assert_eq!(rejected, 10);
    // Withdrawals of what is not here: half of the relay's room for such is its own.
    for number in 0..20 {
        let named = (0..1024_u64).map(|one| {
            let mut id = [number; 32];
            id[..8].copy_from_slice(&one.to_be_bytes());
            RecordId(id)
        });
        let body = WithdrawalBody::of(named.collect()).expect("as many as one names").encode();
        let by = Economy::found(99 - number);
        let record = control(Kind::Withdrawal, body, Tlp::Clear, &by.author, by.id, bench.now);
        let delivered = bench.deliver(&mut relay, &record.expect("a withdrawal"), &[]);
        assert_eq!(bench.answer(&relay, delivered), Answer::Rejected);
    }
    let kept = |bound| bench.state().kept_of(&relay.economy.id, bound);
    assert_eq!((kept(Bound::Unknown), kept(Bound::Pending)), (limits::UNKNOWN, 0));
    assert!(bench.alarms("no-room").is_empty());
}

#[test]
fn what_a_partner_refused_for_its_origin_goes_again_when_it_asks() {
    let mut bench = Bench::new();
    let (mut origin, mut reader) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut origin);
    let conn = bench.connect(&mut reader);
    let mut sent = Vec::new();
    for text in ["one", "two", "three"] {
        let (record, parts) = onward(&origin.economy, text, &bench);
        bench.deliver(&mut origin, &record, &parts);
        sent.push(record.id());
    }
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(conn), sent);
    // Two for the origin, one for another reason.
    bench.control(conn, Peer::reject_unknown(1));
    bench.control(conn, Peer::reject_unknown(2));
    bench.control(conn, Peer::reject(3));
    bench.heard(conn);
    bench.wait(Duration::from_secs(600));
    assert!(bench.delivered(conn).is_empty(), "nobody has asked");
    bench.control(conn, Peer::known(reader.economy.id, &[1, 2]));
    bench.wait(Duration::from_secs(1));
    assert!(bench.delivered(conn).is_empty(), "nothing was refused of that one");

    // It asks, is restarted before anything came of it, and asks again.
    bench.control(conn, Peer::known(origin.economy.id, &[1, 2]));
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(conn), sent[..2]);
    bench.control(conn, Peer::reject_unknown(4));
    bench.control(conn, Peer::ack(5));
    bench.restart();
    let out = &bench.state().partner(&reader.economy.id).expect("a partner").out;
    assert_eq!(out.sent(&sent[0]).expect("it went").len(), 1);
    let head = out.head();
    reader.holds = (Some(out.epoch()), head, comity_core::ledger::Ranges::new());
    let conn = bench.connect(&mut reader);
    bench.wait(Duration::from_secs(1));
    assert!(bench.delivered(conn).is_empty());
    let mut went = 0;
    for round in 0..limits::ASKED_ANEW + 4 {
        bench.control(conn, Peer::known(origin.economy.id, &[1]));
        bench.wait(Duration::from_secs(1));
        let again = bench.delivered(conn);
        bench.heard(conn);
        assert!(again.is_empty() || again == sent[..1], "{again:?}");
        went += again.len();
        let last = head.number + went as u64;
        // Whoever refuses again and again what it asks for gets no more of it.
        assert_eq!(again.len(), usize::from(round < limits::ASKED_ANEW), "{round}");
        bench.control(conn, Peer::reject_unknown(last));
    }
}

#[test]
fn a_refusal_that_was_lost_with_its_connection_is_made_up_for() {
    let mut bench = Bench::new();
    let (mut origin, mut reader) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut origin);
    let conn = bench.connect(&mut reader);
    let (record, parts) = onward(&origin.economy, "a flaw", &bench);
    bench.deliver(&mut origin, &record, &parts);
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(conn), [record.id()]);
    bench.sever(conn);
    // All that the greeting says is that the number is settled.
    let out = &bench.state().partner(&reader.economy.id).expect("a partner").out;
    reader.holds = (Some(out.epoch()), out.head(), comity_core::ledger::Ranges::new());
    let conn = bench.connect(&mut reader);
    // Numbers of other origins are passed over, and none may be made up.
    bench.control(conn, Peer::known(reader.economy.id, &[1]));
    bench.control(conn, Peer::known(origin.economy.id, &[2]));
    bench.wait(Duration::from_secs(1));
    assert!(bench.delivered(conn).is_empty());
    bench.control(conn, Peer::known(origin.economy.id, &[1]));
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(conn), [record.id()]);
}

#[test]
fn what_was_refused_and_forgotten_leaves_no_gap() {
    let mut bench = Bench::new();
    let (mut origin, mut reader) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut origin);
    let conn = bench.connect(&mut reader);
    let (record, parts) = onward(&origin.economy, "a flaw", &bench);
    bench.deliver(&mut origin, &record, &parts);
    bench.wait(Duration::from_secs(1));
    bench.control(conn, Peer::reject_unknown(1));
    bench.sever(conn);
    // The partner was put back to an earlier state, and holds nothing.
    reader.boot();
    let conn = bench.connect(&mut reader);
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(conn), [record.id()]);
    bench.control(conn, Peer::reject_unknown(1));
    let out = &bench.state().partner(&reader.economy.id).expect("a partner").out;
    assert_eq!(out.outstanding_count(), 0);
}

#[test]
fn nobody_learns_of_a_relation_by_what_never_left() {
    let mut bench = Bench::new();
    let (mut origin, mut reader) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let speaks = |kind, body, bench: &Bench| {
        control(kind, body, Tlp::Clear, &by.author, by.id, bench.now).expect("a control record")
    };
    let keyring = speaks(Kind::Keyring, by.keyring.encoded().to_vec(), &bench);
    bench.deliver(&mut origin, &keyring, &[]);
    let conn = bench.connect(&mut reader);
    bench.wait(Duration::from_secs(1));
    assert!(bench.delivered(conn).is_empty(), "it holds nothing of that origin");
    // Numbered, with the keyring, and taken back before its first byte.
    bench.slow_reads = true;
    bench.slow_disk = true;
    let (record, parts) = onward(&by, "a flaw", &bench);
    bench.deliver(&mut origin, &record, &parts);
    let body = WithdrawalBody::of(vec![record.id()]).expect("one").encode();
    let withdrawal = speaks(Kind::Withdrawal, body, &bench);
    bench.deliver(&mut origin, &withdrawal, &[]);
    bench.slow_disk = false;
    for _ in 0..5 {
        bench.sync();
        bench.read();
        bench.wait(Duration::from_secs(2));
    }
    let delivered = bench.delivered(conn);
    assert!(!delivered.contains(&record.id()), "it was withdrawn");
    assert!(!delivered.contains(&keyring.id()), "and its origin's keyring says whose it was");
    assert!(!bench.state().partner(&reader.economy.id).expect("a partner").may_know(&by.id));
    // What leaves takes it along.
    bench.slow_reads = false;
    let (record, parts) = onward(&by, "another flaw", &bench);
    bench.deliver(&mut origin, &record, &parts);
    bench.wait(Duration::from_secs(2));
    let delivered = bench.delivered(conn);
    assert!(delivered.contains(&record.id()) && delivered.contains(&keyring.id()));
}

#[test]
fn of_many_that_were_refused_for_their_origin_the_numbers_alone_are_kept() {
    const MORE: u64 = 8;
    let mut bench = Bench::new();
    let mut relay = bench.pair(2);
    bench.connect(&mut relay);
    let stranger = Economy::found(9);
    let (mut refused, mut all) = (Vec::new(), Vec::new());
    for number in 0..limits::UNKNOWN_OF_ONE + limits::UNKEPT_LINES + MORE {
        let record = advisory(&stranger, &format!("{number}"), bench.now);
        let delivered = bench.deliver(&mut relay, &record.0, &record.1);
        if bench.answer(&relay, delivered) == Answer::Rejected {
            refused.push(delivered);
            all.push(record);
        }
        bench.heard(relay.conn());
    }
    assert_eq!(refused.len() as u64, limits::UNKEPT_LINES + MORE);
    let inbound = |bench: &Bench, number: u64| {
        let ledger = &bench.state().partner(&relay.economy.id).expect("a partner").inbound;
        (ledger.entry(number).is_some(), ledger.rejects().get(&number).copied())
    };
    let (last_line, first_without) = (refused[refused.len() - 9], refused[refused.len() - 8]);
    let unknown = Some(RejectReason::UnknownOrigin);
    for _ in 0..2 {
        assert_eq!(inbound(&bench, last_line), (true, unknown));
        assert_eq!(inbound(&bench, first_without), (false, unknown));
        bench.restart();
    }
    relay.boot();
    bench.connect(&mut relay);
    introduce(&mut bench, &stranger, &relay);
    let with_line = refused[..refused.len() - 8].to_vec();
    assert_eq!(asked(&mut bench, &relay), with_line);
    for (record, parts) in &all {
        let number = bench.deliver(&mut relay, record, parts);
        assert_eq!(bench.answer(&relay, number), Answer::Acked);
        bench.heard(relay.conn());
    }
    // Whether all without a line have come nobody can tell: the partner knows, and is asked.
    for _ in 0..2 {
        bench.restart();
        relay.boot();
        bench.connect(&mut relay);
        assert_eq!(asked(&mut bench, &relay), refused[refused.len() - 1..]);
    }
}

#[test]
fn a_stranger_that_is_met_again_counts_once() {
    let mut bench = Bench::new();
    let mut relay = bench.pair(2);
    bench.connect(&mut relay);
    let strangers = [Economy::found(9), Economy::found(10)];
    let mut number = 0;
    let mut too_many = |bench: &mut Bench, relay: &mut Peer, of: &Economy| {
        for _ in 0..=limits::UNKNOWN_OF_ONE {
            number += 1;
            let (record, parts) = advisory(of, &format!("{number}"), bench.now);
            bench.deliver(relay, &record, &parts);
        }
    };
    let met =
        |bench: &Bench, relay: &Peer| bench.state().kept_of(&relay.economy.id, Bound::Strangers);
    for stranger in &strangers {
        too_many(&mut bench, &mut relay, stranger);
    }
    assert_eq!(met(&bench, &relay), 2);
    let economy = strangers[0].id;
    for _ in 0..3 {
        introduce(&mut bench, &strangers[0], &relay);
        assert_eq!(met(&bench, &relay), 1, "the other");
        bench.command(Command::Partner { economy, change: PartnerChange::Removed }).unwrap();
    }
    too_many(&mut bench, &mut relay, &strangers[0]);
    for _ in 0..2 {
        assert_eq!(met(&bench, &relay), 2);
        bench.restart();
    }
}

#[test]
fn a_receipt_settles_a_refusal_that_was_lost() {
    for lost in [true, false] {
        let mut bench = Bench::new();
        let (mut origin, mut reader) = (bench.pair(2), bench.pair(3));
        bench.connect(&mut origin);
        let conn = bench.connect(&mut reader);
        let (record, parts) = onward(&origin.economy, "a flaw", &bench);
        bench.deliver(&mut origin, &record, &parts);
        bench.wait(Duration::from_secs(1));
        assert_eq!(bench.delivered(conn), [record.id()]);
        bench.heard(conn);
        bench.control(conn, Peer::ack(1));
        let rejects = lost.then_some((1, RejectReason::UnknownOrigin));
        let receipt = reader.receipt_except(&bench, rejects.into_iter().collect());
        bench.control(conn, receipt);
        let fate = |bench: &Bench| {
            let out = &bench.state().partner(&reader.economy.id).expect("a partner").out;
            out.entry(1).expect("a number").fate.clone()
        };
        let expected =
            if lost { OutFate::Refused(RejectReason::UnknownOrigin) } else { OutFate::Live };
        assert_eq!(fate(&bench), expected);
        // What was signed for was not refused, whatever is said of it later.
        bench.control(conn, Peer::known(origin.economy.id, &[1]));
        bench.wait(Duration::from_secs(1));
        assert_eq!(bench.delivered(conn).len(), usize::from(lost));
        assert_eq!(bench.alarms("refused").len(), usize::from(lost));
        bench.restart();
        assert_eq!(fate(&bench), expected);
    }
}

#[test]
fn whose_keyring_contradicts_itself_does_not_hear_whom_we_know() {
    let mut bench = Bench::new();
    let mut relay = bench.pair(2);
    bench.connect(&mut relay);
    let (stranger, by) = (Economy::found(9), relay.economy.clone());
    for number in 0..=limits::UNKNOWN_OF_ONE {
        let (record, parts) = advisory(&stranger, &format!("{number}"), bench.now);
        bench.deliver(&mut relay, &record, &parts);
    }
    for seed in [50, 51] {
        let key = SecretKey::from_seed(&[seed; 32]).public();
        let grant = Grant::link(by.id, key, TestEconomy::FROM, TestEconomy::UNTIL);
        let keyring = KeyringBuilder::follow(&by.keyring).grant(grant).sign(&[&by.root]);
        let body = keyring.expect("a keyring").encoded().to_vec();
        let record = control(Kind::Keyring, body, Tlp::Clear, &by.author, by.id, bench.now);
        bench.deliver(&mut relay, &record.expect("a record"), &[]);
    }
    assert!(bench.state().is_frozen(&by.id));
    bench.heard(relay.conn());
    introduce(&mut bench, &stranger, &relay);
    assert!(asked(&mut bench, &relay).is_empty());
}

/// A partner that recovers does not know yet what it had sent; afterwards there may be no other connection.
#[test]
fn whoever_was_restored_is_asked_as_soon_as_it_has_recovered() {
    let mut bench = Bench::new();
    let mut relay = bench.pair(2);
    bench.connect(&mut relay);
    let stranger = Economy::found(9);
    let mut last = 0;
    for number in 0..=limits::UNKNOWN_OF_ONE {
        let (record, parts) = advisory(&stranger, &format!("{number}"), bench.now);
        last = bench.deliver(&mut relay, &record, &parts);
    }
    assert_eq!(bench.answer(&relay, last), Answer::Rejected);
    put_back(&mut bench, &mut relay);
    introduce(&mut bench, &stranger, &relay);
    let said = bench.heard(relay.conn());
    let asked_or_signed = |said: &Said| matches!(said, Said::Known { .. } | Said::Receipt(_));
    assert!(!said.iter().any(asked_or_signed), "it recovers: {said:?}");
    goes_on(&mut bench, &mut relay, 7, 1);
    bench.wait(Duration::from_secs(1));
    let said = bench.heard(relay.conn());
    let asked = said.iter().any(|said| match said {
        Said::Known { numbers, .. } => numbers.as_slice() == [(last, last)],
        _ => false,
    });
    assert!(asked, "{said:?}");
    let signed = said.into_iter().find_map(|said| match said {
        Said::Receipt(signed) => Some(signed),
        _ => None,
    });
    let signed = UnverifiedReceipt::parse(&signed.expect("a receipt")).expect("a receipt");
    let signed = signed.verify(bench.node.economy.id, relay.economy.id).expect("of the node");
    assert_eq!((signed.epoch, signed.upto), (relay.epoch, relay.head));
}
