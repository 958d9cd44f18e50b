//! What a partner can do with the numbers of a ledger, and with a restore, its own or ours.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use comity_core::journal::{JournalEntry, PartnerChange};
use comity_core::ledger::{Head, LedgerEntry, Opening, Ranges};
use comity_core::record::{Draft, Header};
use comity_core::{Digest, EpochId, Kind, Marking, Onward, RecordId, Section, Tlp};
use comity_node::engine::{Command, Input};
use comity_node::limits::{
    A_DAY, ALARMS_PER_MINUTE, MOST_AHEAD, MOST_EPOCHS, MOST_GIVEN_BACK, MOST_SKIPPED,
};
use comity_proto::limits::IN_FLIGHT_DELIVERIES;
use comity_store::MemoryStore;
use comity_tests::bench::{Answer, Bench, Peer, advisory, sign};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::node::new_entry;
use comity_tests::sim::wire::Said;

/// A node with a partner that has delivered one record.
pub(super) fn with_a_partner() -> (Bench, Peer) {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let (record, parts) = advisory(&peer.economy, "a flaw", bench.now);
    let number = bench.deliver(&mut peer, &record, &parts);
    assert_eq!(bench.answer(&peer, number), Answer::Acked);
    (bench, peer)
}

/// A new epoch of the partner's ledger that follows from what the node holds.
fn opening(peer: &Peer, epoch: u8, first: u64) -> Opening {
    Opening { epoch: EpochId([epoch; 16]), previous: peer.epoch, known: peer.head, first }
}

/// The partner's process is put back, says so, and has connected.
pub(super) fn put_back(bench: &mut Bench, peer: &mut Peer) {
    bench.sever(peer.conn());
    peer.recovering = true;
    peer.boot();
    bench.connect(peer);
}

/// The partner goes on in a new epoch, after everything else.
pub(super) fn goes_on(bench: &mut Bench, peer: &mut Peer, epoch: u8, skipped: u64) {
    let opening = opening(peer, epoch, peer.head.number + skipped);
    bench.control(peer.conn(), Peer::opening(&opening));
    assert_eq!(taken_in(bench, peer), (Some(opening.epoch), opening.first - 1));
    (peer.epoch, peer.head) = (opening.epoch, opening.head());
}

/// Epoch and last number of what the node holds of the partner's ledger.
fn taken_in(bench: &Bench, peer: &Peer) -> (Option<EpochId>, u64) {
    let inbound = &bench.state().partner(&peer.economy.id).unwrap().inbound;
    (inbound.epoch(), inbound.last())
}

#[test]
fn a_new_epoch_that_skips_too_many_numbers_is_refused() {
    let (mut bench, mut peer) = with_a_partner();
    put_back(&mut bench, &mut peer);
    let before = (taken_in(&bench, &peer), bench.journal());
    let far = opening(&peer, 0xaa, peer.head.number + MOST_SKIPPED + 1);
    bench.control(peer.conn(), Peer::opening(&far));
    assert_eq!((taken_in(&bench, &peer), bench.journal()), before);
    assert_eq!(bench.alarms("ledger-fork").len(), 1);
    assert!(bench.closed.contains_key(&peer.conn()));

    // One that skips as many as it may is taken in.
    bench.connect(&mut peer);
    goes_on(&mut bench, &mut peer, 0xaa, MOST_SKIPPED);
    assert!(!bench.closed.contains_key(&peer.conn()));
}

#[test]
fn an_epoch_that_no_greeting_explains_is_refused() {
    let (mut bench, mut peer) = with_a_partner();
    let before = (taken_in(&bench, &peer), bench.journal());
    let next = opening(&peer, 0xaa, peer.head.number + 1);
    bench.control(peer.conn(), Peer::opening(&next));
    assert_eq!((taken_in(&bench, &peer), bench.journal()), before);
    assert!(bench.closed.contains_key(&peer.conn()));

    // It says that it was restored: one is taken, and no second over the same connection.
    put_back(&mut bench, &mut peer);
    goes_on(&mut bench, &mut peer, 0xaa, 5);
    let before = (taken_in(&bench, &peer), bench.journal());
    let second = opening(&peer, 0xbb, peer.head.number + 5);
    bench.control(peer.conn(), Peer::opening(&second));
    assert_eq!((taken_in(&bench, &peer), bench.journal()), before);
    assert!(bench.closed.contains_key(&peer.conn()));

    // It opened one, and the connection broke before we had it: it greets in it from then on.
    (peer.epoch, peer.head, peer.recovering) = (second.epoch, second.head(), false);
    peer.boot();
    bench.connect(&mut peer);
    bench.control(peer.conn(), Peer::opening(&second));
    assert_eq!(taken_in(&bench, &peer), (Some(second.epoch), second.first - 1));
}

#[test]
fn epochs_that_skip_numbers_take_no_room_and_are_given_back_as_the_link_has_room() {
    let (mut bench, mut peer) = with_a_partner();
    for epoch in 1..=40 {
        put_back(&mut bench, &mut peer);
        goes_on(&mut bench, &mut peer, 0x80 + epoch, MOST_SKIPPED);
        if epoch % 16 == 0 {
            // So many begin in a day, and then no more.
            let before = bench.journal();
            bench.sever(peer.conn());
            peer.boot();
            bench.connect(&mut peer);
            let one_more = opening(&peer, 0xff, peer.head.number + 1);
            bench.control(peer.conn(), Peer::opening(&one_more));
            assert_eq!(bench.journal(), before, "nothing is written");
            assert!(bench.closed.contains_key(&peer.conn()));
            bench.wait(A_DAY);
        }
    }
    assert_eq!(bench.alarms("put-back-often").len(), 2);
    // Nor does a start: it folds what the journal has.
    bench.restart();
    assert_eq!(taken_in(&bench, &peer).1, peer.head.number);

    // It asks for all of it back.
    let all = peer.head;
    peer.take_back(0);
    peer.recovering = true;
    peer.boot();
    let conn = bench.connect(&mut peer);
    let voids = |bench: &mut Bench| -> Vec<u64> {
        let said = bench.heard(conn).into_iter();
        said.filter_map(|said| match said {
            Said::Void { returned: true, number, .. } => Some(number),
            _ => None,
        })
        .collect()
    };
    let first = voids(&mut bench);
    assert!((2..=IN_FLIGHT_DELIVERIES).contains(&first.len()), "{}", first.len());
    assert_eq!(first[0], 2, "the first number is a record");
    // What the partner has taken makes room for what follows.
    bench.control(conn, Peer::ack_returned(first[0], first[9]));
    let more = voids(&mut bench);
    assert_eq!(more.len(), 10);
    assert_eq!(more[0], first[first.len() - 1] + 1);
    assert!(more[9] < all.number);
}

#[test]
fn a_void_far_beyond_the_run_is_not_written() {
    let (mut bench, peer) = with_a_partner();
    let journal = bench.journal();
    let last = peer.head.number;
    for number in [last + MOST_AHEAD + 1, last + MOST_AHEAD + 1000, u64::MAX] {
        bench.control(peer.conn(), Peer::void(false, number, Digest([3; 32])));
        assert_eq!(bench.answer(&peer, number), Answer::Deferred);
    }
    assert_eq!(bench.journal(), journal);
    assert_eq!(bench.alarms("too-far-ahead").len(), 3);
    let near = last + MOST_AHEAD;
    bench.control(peer.conn(), Peer::void(false, near, Digest([3; 32])));
    assert_eq!(bench.answer(&peer, near), Answer::Acked);
    assert_eq!(bench.journal(), journal + 1);
}

#[test]
fn a_delivery_far_beyond_the_run_is_put_off() {
    let (mut bench, mut peer) = with_a_partner();
    let (record, parts) = advisory(&peer.economy, "far away", bench.now);
    let mut send = |bench: &mut Bench, number: u64| {
        let stream = peer.stream();
        let entry = peer.entry(number, &record, &parts);
        bench.apart(peer.conn(), stream, Peer::frame(false, &entry, &record, &parts));
        bench.answer(&peer, number)
    };
    let journal = bench.journal();
    assert_eq!(send(&mut bench, 1_000_000_000_000), Answer::Deferred);
    assert_eq!(send(&mut bench, MOST_AHEAD + 2), Answer::Deferred);
    assert_eq!(bench.journal(), journal);
    // One that leaves as many open as there can be on their way is taken, and counts for the next.
    assert_eq!(send(&mut bench, MOST_AHEAD + 1), Answer::Acked);
    assert_eq!(send(&mut bench, MOST_AHEAD + 2), Answer::Acked);
}

/// The node is put back to what it has now, and says so.
fn restored(bench: &mut Bench) {
    let marker = JournalEntry::Restored { at: bench.now };
    let backup = bench.node.store.backup();
    let store = MemoryStore::restore(&backup, new_entry(&marker, Vec::new())).expect("a restore");
    bench.replace(store);
    bench.command(Command::ConfirmPolicy).expect("a confirmation");
    assert!(bench.state().recovery().is_some());
}

/// What the partner says that it holds of the node's ledger: `beyond` numbers more than there are.
fn claim(bench: &Bench, peer: &mut Peer, beyond: u64) -> u64 {
    let out = &bench.state().partner(&peer.economy.id).unwrap().out;
    let number = out.head().number + beyond;
    peer.holds = (Some(out.epoch()), Head { number, chain: Digest([5; 32]) }, Ranges::new());
    number
}

#[test]
fn a_partner_that_claims_to_hold_too_much_is_not_waited_for() {
    let (mut bench, mut peer) = with_a_partner();
    restored(&mut bench);
    claim(&bench, &mut peer, MOST_GIVEN_BACK + 1);
    bench.connect(&mut peer);
    assert_eq!(bench.alarms("claims-too-much").len(), 1);
    assert!(bench.state().recovery().is_some(), "nor does recovery end on its word");

    // A claim that can be true is waited for, and recovery ends when all of it is here.
    bench.sever(peer.conn());
    let last = claim(&bench, &mut peer, 3);
    // It is another process: what it said before is not held against it.
    peer.boot();
    bench.connect(&mut peer);
    for number in 1..=last {
        assert!(bench.state().recovery().is_some());
        bench.control(peer.conn(), Peer::void(true, number, Digest([9; 32])));
    }
    assert!(bench.state().recovery().is_none());
}

#[test]
fn one_number_given_back_from_far_beyond_is_one_line() {
    let (mut bench, mut peer) = with_a_partner();
    restored(&mut bench);
    let out = &bench.state().partner(&peer.economy.id).unwrap().out;
    let (epoch, head) = (out.epoch(), out.head());
    let lines = out.entries().count();
    let far = head.number + MOST_GIVEN_BACK;
    peer.holds = (Some(epoch), head, [(far, far)].into_iter().collect());
    peer.boot();
    bench.connect(&mut peer);
    bench.control(peer.conn(), Peer::void(true, far, Digest([9; 32])));
    assert!(bench.state().recovery().is_none());
    for _ in 0..2 {
        let out = &bench.state().partner(&peer.economy.id).unwrap().out;
        assert_eq!(out.head().number, far);
        // A void number is here with its digest, and those that nobody holds are not.
        assert_eq!(out.entries().count(), lines + 1);
        assert_eq!(out.entry(far).unwrap().digest, Digest([9; 32]));
        assert!(out.entry(far - 1).is_none() && out.chain_at(far) == Some(out.head().chain));
        bench.restart();
    }
}

#[test]
fn numbers_given_back_from_far_beyond_are_not_kept() {
    let (mut bench, mut peer) = with_a_partner();
    restored(&mut bench);
    let last = claim(&bench, &mut peer, 3);
    bench.connect(&mut peer);
    let economy = peer.economy.id;
    for number in [MOST_GIVEN_BACK + 1, MOST_GIVEN_BACK + 1000, u64::MAX] {
        bench.control(peer.conn(), Peer::void(true, number, Digest([9; 32])));
        let (record, parts) = advisory(&bench.node.economy.clone(), "ours", bench.now);
        let entry = peer.entry(number, &record, &parts);
        let stream = peer.stream();
        bench.apart(peer.conn(), stream, Peer::frame(true, &entry, &record, &parts));
    }
    assert_eq!(bench.engine().waiting_for_turn(&economy), 0);
    // What is within reach waits for its turn.
    bench.control(peer.conn(), Peer::void(true, last, Digest([9; 32])));
    assert_eq!(bench.engine().waiting_for_turn(&economy), 1);
}

#[test]
fn a_rejected_number_draws_out_no_part_that_was_withheld() {
    let mut bench = Bench::new();
    let (mut hostile, mut relay) = (bench.pair(2), bench.pair(3));
    let origin = Economy::found(4);
    bench.pair(4);
    bench.connect(&mut hostile);
    bench.connect(&mut relay);
    let mut draft = Draft::new(Kind::Advisory);
    for (section, tlp) in [(Section::Summary, Tlp::Clear), (Section::Detail, Tlp::AmberStrict)] {
        let mut marking = Marking::new(tlp);
        marking.onward = Onward::WithinMarking;
        let header = Header { marking: Some(marking), ..Header::new(section, "text/plain") };
        draft.parts.push((header, section.to_string().into_bytes()));
    }
    let (record, parts) = sign(draft, &origin, bench.now);
    let (mut open, mut kept) = (parts[0].clone(), parts[1].clone());
    if kept.header.section == Section::Summary {
        std::mem::swap(&mut open, &mut kept);
    }
    // The hostile relay was given one part, the other relay the one that the first may not have.
    let first = bench.deliver(&mut hostile, &record, std::slice::from_ref(&open));
    assert_eq!(bench.answer(&hostile, first), Answer::Acked);
    let number = bench.deliver(&mut relay, &record, std::slice::from_ref(&kept));
    assert_eq!(bench.answer(&relay, number), Answer::Acked);

    // It knows the other part's digest from the manifest, and pretends to deliver it.
    let mut forged = kept.clone();
    forged.bytes = Bytes::from_static(b"not the part that was signed");
    let second = bench.deliver(&mut hostile, &record, &[forged]);
    assert_eq!(bench.answer(&hostile, second), Answer::Rejected);

    // Then it says that it was restored, and wants back what it had sent.
    bench.sever(hostile.conn());
    hostile.take_back(0);
    hostile.recovering = true;
    hostile.boot();
    bench.connect(&mut hostile);
    bench.wait(Duration::from_secs(1));
    let (mut back, mut voided) = (Vec::new(), Vec::new());
    for said in bench.heard(hostile.conn()) {
        match said {
            Said::Batch { returned: true, lines } => back.extend(lines),
            Said::Void { returned: true, number, .. } => voided.push(number),
            _ => {}
        }
    }
    let parts: Vec<_> = back.iter().flat_map(|line| line.entry.parts.clone()).collect();
    assert_eq!(parts, [open.digest], "its own part comes back, and no other");
    assert_eq!(voided, [second]);
}

/// A connection that stands, over which the partner claims what the node's ledger has given it up to now.
fn reconnected(bench: &mut Bench, peer: &mut Peer) {
    let out = &bench.state().partner(&peer.economy.id).unwrap().out;
    peer.holds = (Some(out.epoch()), out.head(), Ranges::new());
    peer.boot();
}

/// Publishes, and lets what is gathered leave; the record.
fn published(bench: &mut Bench, title: &str) -> RecordId {
    let (record, parts) = advisory(&bench.node.economy.clone(), title, bench.now);
    let (id, title) = (record.id(), title.to_owned());
    let command = Command::Publish { record: Box::new(record), parts, title, draft: None };
    bench.command(command).expect("a record that may be published");
    bench.wait(Duration::from_secs(1));
    id
}

#[test]
fn a_partner_suspended_during_recovery_gives_back_when_it_is_resumed() {
    let mut bench = Bench::new();
    let (mut there, mut away) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut there);
    bench.connect(&mut away);
    let backup = bench.node.store.backup();
    let (lost, parts) = advisory(&bench.node.economy.clone(), "lost", bench.now);
    let (record, title) = (Box::new(lost.clone()), "lost".to_owned());
    let command = Command::Publish { record, parts: parts.clone(), title, draft: None };
    bench.command(command).unwrap();
    bench.wait(Duration::from_secs(1));
    let ledger = |bench: &Bench, peer: &Peer| {
        let out = &bench.state().partner(&peer.economy.id).unwrap().out;
        out.entries().map(|line| line.entry.clone().unwrap()).collect::<Vec<_>>()
    };
    let (held_there, held_away) = (ledger(&bench, &there), ledger(&bench, &away));
    assert!(held_away.iter().any(|entry| entry.record == lost.id()));
    reconnected(&mut bench, &mut there);
    reconnected(&mut bench, &mut away);

    // Back to the backup, and the one partner is suspended before it is asked.
    let marker = JournalEntry::Restored { at: bench.now };
    let store = MemoryStore::restore(&backup, new_entry(&marker, Vec::new())).unwrap();
    bench.replace(store);
    let suspend = |change| Command::Partner { economy: away.economy.id, change };
    bench.command(suspend(PartnerChange::Suspended)).unwrap();
    bench.command(Command::ConfirmPolicy).unwrap();
    let give_back = |bench: &mut Bench, peer: &mut Peer, held: &[LedgerEntry]| {
        bench.connect(peer);
        for entry in held {
            let here = bench.state().record(&entry.record).map(|one| one.seq);
            if entry.record == lost.id() {
                let stream = peer.stream();
                bench.apart(peer.conn(), stream, Peer::frame(true, entry, &lost, &parts));
            } else if here.is_some() {
                bench.control(peer.conn(), Peer::void(true, entry.number, entry.digest()));
            }
        }
        bench.state().partner(&peer.economy.id).unwrap().out.opening()
    };
    let opening = give_back(&mut bench, &mut there, &held_there).expect("a new epoch");
    bench.control(there.conn(), Peer::accepts(&opening));
    assert_eq!(bench.state().recovery(), None, "nobody waits for whoever is suspended");
    let since = published(&mut bench, "since");
    assert!(bench.delivered(there.conn()).contains(&since));

    // It is back: nothing goes to it before it has given back what it holds.
    bench.command(suspend(PartnerChange::Resumed)).unwrap();
    assert!(bench.state().awaits_return(&away.economy.id));
    bench.restart();
    assert!(bench.state().awaits_return(&away.economy.id), "also after a start");
    let conn = bench.connect(&mut away);
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(conn), []);
    bench.sever(conn);
    away.boot();
    let opening = give_back(&mut bench, &mut away, &held_away).expect("a new epoch");
    assert!(opening.first > held_away.last().unwrap().number);
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(away.conn()), [], "the new epoch is not accepted yet");
    bench.control(away.conn(), Peer::accepts(&opening));
    bench.wait(Duration::from_secs(1));
    let given = bench.delivered(away.conn());
    assert!(given.contains(&since) && !given.contains(&lost.id()), "{given:?}");
    assert!(bench.alarms("ledger-ahead").is_empty());
}

/// Both were restored, the partner to a state from before the node's own restore.
#[test]
fn a_partner_put_back_to_before_our_restore_gets_what_it_lost() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let first = published(&mut bench, "first");
    reconnected(&mut bench, &mut peer);
    let early = peer.holds.clone();
    let second = published(&mut bench, "second");
    reconnected(&mut bench, &mut peer);
    restored(&mut bench);
    bench.connect(&mut peer);
    let opening = bench.state().partner(&peer.economy.id).unwrap().out.opening().unwrap();
    bench.control(peer.conn(), Peer::accepts(&opening));
    assert!(bench.state().recovery().is_none());
    let third = published(&mut bench, "third");
    assert!(bench.delivered(peer.conn()).contains(&third));

    // The partner knows nothing of the new epoch, nor of the second record.
    peer.holds = early.clone();
    put_back(&mut bench, &mut peer);
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.alarms("ledger-fork"), [""; 0]);
    let out = &bench.state().partner(&peer.economy.id).unwrap().out;
    let opening = out.opening().unwrap();
    assert_eq!((Some(opening.previous), opening.known), (early.0, early.1));
    assert!(opening.first > 3, "no number is used twice");
    assert_eq!(bench.delivered(peer.conn()), [], "it has not taken the epoch in yet");
    bench.control(peer.conn(), Peer::accepts(&opening));
    bench.wait(Duration::from_secs(1));
    let delivered = bench.delivered(peer.conn());
    assert!([second, third].iter().all(|record| delivered.contains(record)), "{delivered:?}");
    assert!(!delivered.contains(&first), "that it still has");
}

#[test]
fn a_partner_that_is_put_back_again_and_again_is_stopped() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let mut places = Vec::new();
    for title in ["one", "two"] {
        published(&mut bench, title);
        reconnected(&mut bench, &mut peer);
        places.push(peer.holds.clone());
    }
    restored(&mut bench);
    bench.connect(&mut peer);
    // It says by turns that it stands here and there.
    for turn in 1..MOST_EPOCHS {
        peer.holds = places[(turn - 1) % 2].clone();
        put_back(&mut bench, &mut peer);
        assert!(bench.alarms("put-back-often").is_empty(), "{turn}");
    }
    // What is void is not void once more with each of them.
    let mut voided = BTreeSet::new();
    for entry in bench.node.entries() {
        if let Ok(JournalEntry::Voided { number, .. }) =
            JournalEntry::decode(entry.kind, &entry.body)
        {
            assert!(voided.insert(number), "{number}");
        }
    }
    assert!(!voided.is_empty());
    let journal = bench.journal();
    peer.holds = places[(MOST_EPOCHS - 1) % 2].clone();
    put_back(&mut bench, &mut peer);
    assert_eq!(bench.alarms("put-back-often").len(), 1);
    assert_eq!(bench.journal(), journal);
    bench.wait(A_DAY);
    put_back(&mut bench, &mut peer);
    assert_eq!(bench.alarms("put-back-often").len(), 1);
}

#[test]
fn what_a_partner_brought_as_the_second_is_given_back_with_its_entry() {
    let mut bench = Bench::new();
    let (mut first, mut second) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut first);
    bench.connect(&mut second);
    let (record, parts) = advisory(&first.economy, "a flaw", bench.now);
    bench.deliver(&mut first, &record, &parts);
    let number = bench.deliver(&mut second, &record, &parts);
    assert_eq!(bench.answer(&second, number), Answer::Acked);
    bench.sever(second.conn());
    second.take_back(number - 1);
    second.recovering = true;
    second.boot();
    let conn = bench.connect(&mut second);
    bench.wait(Duration::from_secs(1));
    let heard = bench.heard(conn);
    let back = heard.iter().find_map(|said| match said {
        Said::Batch { returned: true, lines } => Some(lines),
        _ => None,
    });
    let entry = &back.expect("a delivery, not its digest alone")[0].entry;
    assert_eq!((entry.number, entry.record), (number, record.id()));
}

#[test]
fn a_complaint_of_a_partner_is_one_line_of_a_log() {
    let (mut bench, peer) = with_a_partner();
    let forged = "x\n2026-11-22T03:02:11Z  INFO link partner=JP up=true\r\u{85}\u{202e}";
    bench.control(peer.conn(), Peer::complaint(forged));
    let told = bench.alarms("told")[0];
    assert!(told.contains("INFO link partner=JP"), "{told}");
    assert!(!told.chars().any(comity_core::cbor::is_unfit), "{told:?}");
}

#[test]
fn complaints_of_a_partner_are_told_so_often_a_minute_and_no_more() {
    let (mut bench, peer) = with_a_partner();
    let complain = |bench: &mut Bench| {
        for _ in 0..100 {
            bench.control(peer.conn(), Peer::complaint("you are at fault"));
        }
    };
    complain(&mut bench);
    let most = usize::try_from(ALARMS_PER_MINUTE).unwrap();
    assert_eq!(bench.alarms("told").len(), most);
    assert!(bench.alarms("told")[most - 1].contains("more of the same"));
    bench.wait(Duration::from_secs(59));
    complain(&mut bench);
    assert_eq!(bench.alarms("told").len(), most);
    bench.wait(Duration::from_secs(1));
    complain(&mut bench);
    assert_eq!(bench.alarms("told").len(), 2 * most);
}

#[test]
fn a_void_that_there_is_no_room_for_is_put_off() {
    let (mut bench, peer) = with_a_partner();
    bench.input(Input::Space { low: true });
    let next = peer.head.number + 1;
    let journal = bench.journal();
    bench.control(peer.conn(), Peer::void(false, next, Digest([3; 32])));
    assert_eq!(bench.answer(&peer, next), Answer::Deferred);
    assert_eq!(bench.journal(), journal);
    bench.input(Input::Space { low: false });
    bench.heard(peer.conn());
    bench.control(peer.conn(), Peer::void(false, next, Digest([3; 32])));
    assert_eq!(bench.answer(&peer, next), Answer::Acked);
}

#[test]
fn a_void_that_the_partner_put_off_is_said_again() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    // Numbered, and taken back before it is handed over: the level falls while the disk is slow.
    bench.connect(&mut peer);
    bench.slow_disk = true;
    let token = bench.publish("a flaw");
    let level = comity_core::journal::PartnerChange::Level(0);
    let change = Command::Partner { economy: peer.economy.id, change: level };
    let lowered = bench.give(change);
    bench.sync();
    bench.sync();
    assert!(bench.reply(token).is_some() && bench.reply(lowered).is_some());
    let voids = |bench: &mut Bench| {
        let said = bench.heard(peer.conn()).into_iter();
        said.filter(|said| matches!(said, Said::Void { returned: false, number: 1, .. })).count()
    };
    bench.sync();
    assert_eq!(voids(&mut bench), 1);
    bench.control(peer.conn(), Peer::defer(1));
    bench.wait(Duration::from_secs(6));
    assert_eq!(voids(&mut bench), 1, "after a while it is told again");
}
