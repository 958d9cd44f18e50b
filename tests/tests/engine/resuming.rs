//! A large part goes on after a break where it stopped: one node, its partner played by hand.

use comity_core::journal::PartnerChange;
use comity_core::record::{Draft, Header, Part, VerifiedRecord};
use comity_core::{Kind, Marking, PartDigest, Section, Tlp};
use comity_node::engine::{Command, CommandError};
use comity_proto::ConnId;
use comity_store::{Store as _, Unsynced};
use comity_tests::bench::{Answer, Bench, Peer, sign};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::wire::Said;

/// Bytes of a part of three leaves.
const LARGE: usize = 2_500_000;

/// A record with parts of these lengths, each under its label.
fn composed(by: &Economy, bench: &Bench, parts: &[(Tlp, usize)]) -> (VerifiedRecord, Vec<Part>) {
    let mut draft = Draft::new(Kind::Advisory);
    for (number, (tlp, length)) in parts.iter().enumerate() {
        let header = Header {
            marking: Some(Marking::new(*tlp)),
            ..Header::new(Section::Original, "text/plain")
        };
        draft.parts.push((header, vec![u8::try_from(number).unwrap(); *length]));
    }
    sign(draft, by, bench.now)
}

fn large(by: &Economy, bench: &Bench) -> (VerifiedRecord, Vec<Part>) {
    composed(by, bench, &[(Tlp::Clear, LARGE)])
}

fn publish(bench: &mut Bench, (record, parts): (VerifiedRecord, Vec<Part>)) {
    let title = "Router flaw".to_owned();
    let command = Command::Publish { record: Box::new(record), parts, title, draft: None };
    bench.command(command).unwrap();
}

/// The number and the part that are asked for, and the ranges of its leaves.
type Want = (u64, PartDigest, Vec<(u64, u64)>);

/// What the node asks for on a connection.
fn wants(bench: &mut Bench, conn: ConnId) -> Vec<Want> {
    let said = bench.heard(conn).into_iter();
    let wants = said.filter_map(|said| match said {
        Said::Wants { number, part, leaves } => Some((number, part, leaves.as_slice().to_vec())),
        _ => None,
    });
    wants.collect()
}

/// The leaves that the node has sent on a connection, and the numbers that it has delivered or voided.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sent {
    leaves: Vec<u64>,
    delivered: Vec<u64>,
    voided: Vec<u64>,
    faults: usize,
}

fn sent(bench: &mut Bench, conn: ConnId) -> Sent {
    let mut sent = Sent::default();
    for said in bench.heard(conn) {
        match said {
            Said::Chunk { leaf, .. } => sent.leaves.push(leaf),
            Said::Batch { lines, .. } => {
                sent.delivered.extend(lines.iter().map(|line| line.entry.number));
            }
            Said::Void { number, .. } => sent.voided.push(number),
            Said::Other(13) => sent.faults += 1,
            _ => {}
        }
    }
    sent.leaves.sort_unstable();
    sent
}

/// A node to which a partner has begun to deliver a large part; these leaves have arrived.
fn begun(arrived: &[usize]) -> (Bench, Peer, (VerifiedRecord, Vec<Part>)) {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let (record, parts) = large(&peer.economy, &bench);
    let entry = peer.number(&record, &parts);
    let (batch, transfers) = peer.announce(&entry, &record, &parts, None);
    let (conn, stream) = (peer.conn(), peer.stream());
    bench.apart(conn, stream, batch);
    for leaf in arrived {
        let stream = peer.stream();
        bench.apart(conn, stream, Peer::chunk(transfers[0], &parts[0], *leaf));
    }
    (bench, peer, (record, parts))
}

fn kept(bench: &Bench) -> Vec<Vec<(u64, u64)>> {
    let bodies = bench.node.store.unfinished();
    bodies.into_iter().map(|(_, leaves)| leaves.as_slice().to_vec()).collect()
}

#[test]
fn a_node_that_crashed_asks_for_what_is_missing_and_acknowledges_the_whole() {
    let (mut bench, mut peer, (record, parts)) = begun(&[2, 0]);
    let number = peer.head.number;
    assert_eq!(bench.answer(&peer, number), Answer::Silence);
    assert_eq!(kept(&bench), [[(0, 0), (2, 2)]]);
    assert!(bench.node.store.blob(&parts[0].digest).unwrap().is_none(), "no part is seen");

    bench.restart();
    let conn = bench.connect(&mut peer);
    assert_eq!(wants(&mut bench, conn), [(number, parts[0].digest, vec![(1, 1)])]);
    let entry = peer.entry(number, &record, &parts);
    let (batch, transfers) = peer.announce(&entry, &record, &parts, Some(&[1]));
    let stream = peer.stream();
    bench.apart(conn, stream, batch);
    assert_eq!(bench.answer(&peer, number), Answer::Silence);
    let stream = peer.stream();
    bench.apart(conn, stream, Peer::chunk(transfers[0], &parts[0], 1));
    assert_eq!(bench.answer(&peer, number), Answer::Acked);
    assert_eq!(bench.node.store.blob(&parts[0].digest).unwrap(), Some(parts[0].bytes.clone()));
    assert!(kept(&bench).is_empty());
    assert!(bench.alarms.is_empty(), "{:?}", bench.alarms);
}

#[test]
fn what_is_whole_but_not_in_the_journal_is_asked_for_in_no_part() {
    let (mut bench, mut peer, (record, parts)) = begun(&[0, 1]);
    let number = peer.head.number;
    // The last leaf is durable, and the process dies before the journal has the record.
    bench.slow_disk = true;
    let stream = peer.stream();
    bench.apart(peer.conn(), stream, Peer::chunk(1, &parts[0], 2));
    bench.restart();
    bench.slow_disk = false;
    assert_eq!(kept(&bench), [[(0, 2)]]);
    let conn = bench.connect(&mut peer);
    assert_eq!(wants(&mut bench, conn), [(number, parts[0].digest, vec![])]);
    let entry = peer.entry(number, &record, &parts);
    let (batch, _) = peer.announce(&entry, &record, &parts, Some(&[]));
    let stream = peer.stream();
    bench.apart(conn, stream, batch);
    assert_eq!(bench.answer(&peer, number), Answer::Acked);
    assert!(kept(&bench).is_empty());
}

#[test]
fn what_is_settled_or_whose_sender_is_gone_is_let_go_at_the_start() {
    // It came whole, and only the letting go was lost.
    let (mut bench, mut peer, (_, parts)) = begun(&[0, 1]);
    let before = bench.node.store.unfinished();
    let number = peer.head.number;
    let digest = {
        let (record, parts) = large(&peer.economy, &bench);
        peer.entry(number, &record, &parts).digest()
    };
    bench.control(peer.conn(), Peer::void(false, number, digest));
    assert_eq!(bench.answer(&peer, number), Answer::Acked);
    assert!(kept(&bench).is_empty(), "what is void is not kept");
    let bytes = parts[0].bytes.slice(..1 << 20);
    let (of, leaf) = (before[0].0.clone(), 0);
    bench.node.store.keep(&[comity_store::Piece { of, leaf, bytes }]).unwrap();
    bench.restart();
    assert!(kept(&bench).is_empty());
    let conn = bench.connect(&mut peer);
    assert!(wants(&mut bench, conn).is_empty());

    let (mut bench, peer, _) = begun(&[0]);
    let change = PartnerChange::Removed;
    bench.command(Command::Partner { economy: peer.economy.id, change }).unwrap();
    assert!(kept(&bench).is_empty(), "nothing is kept of who is no partner");
}

#[test]
fn a_full_disk_puts_a_delivery_off_and_keeps_what_it_has() {
    let (mut bench, mut peer, (record, parts)) = begun(&[0]);
    let number = peer.head.number;
    bench.node.store.set_room(Some(0));
    let stream = peer.stream();
    bench.apart(peer.conn(), stream, Peer::chunk(1, &parts[0], 1));
    assert_eq!(bench.answer(&peer, number), Answer::Deferred);
    assert_eq!(bench.alarms("not-kept").len(), 1);
    let conn = peer.conn();
    assert_eq!(wants(&mut bench, conn), [(number, parts[0].digest, vec![(1, 2)])]);
    bench.node.store.set_room(None);
    let entry = peer.entry(number, &record, &parts);
    let (batch, transfers) = peer.announce(&entry, &record, &parts, Some(&[1, 2]));
    let stream = peer.stream();
    bench.apart(conn, stream, batch);
    for leaf in [1, 2] {
        let stream = peer.stream();
        bench.apart(conn, stream, Peer::chunk(transfers[0], &parts[0], leaf));
    }
    assert_eq!(bench.answer(&peer, number), Answer::Acked);
}

#[test]
fn a_node_that_goes_on_after_a_full_disk_asks_for_what_is_missing() {
    let (mut bench, mut peer, (record, parts)) = begun(&[0, 2]);
    let number = peer.head.number;
    bench.slow_disk = true;
    let refused = bench.publish(&"a large one ".repeat(1000));
    bench.node.store.set_room(Some(16));
    bench.sync();
    assert_eq!(bench.reply(refused), Some(Err(CommandError::DiskFull)));
    bench.slow_disk = false;
    bench.node.store.set_room(None);
    let state = bench.node.fold(None).expect("the journal folds");
    let unfinished = bench.node.store.unfinished();
    bench.engine().fall_back(state, unfinished);
    bench.engine().go_on();
    let conn = bench.connect(&mut peer);
    assert_eq!(wants(&mut bench, conn), [(number, parts[0].digest, vec![(1, 1)])]);
    let entry = peer.entry(number, &record, &parts);
    let (batch, transfers) = peer.announce(&entry, &record, &parts, Some(&[1]));
    for frame in [batch, Peer::chunk(transfers[0], &parts[0], 1)] {
        let stream = peer.stream();
        bench.apart(conn, stream, frame);
    }
    assert_eq!(bench.answer(&peer, number), Answer::Acked);
}

#[test]
fn what_can_no_longer_be_read_is_asked_for_whole() {
    let (mut bench, mut peer, (record, parts)) = begun(&[0, 1]);
    let number = peer.head.number;
    // The disk lost what it had kept, behind the node's back.
    let of = bench.node.store.unfinished()[0].0.clone();
    bench.node.store.discard(&of.label, &of.digest).unwrap();
    let stream = peer.stream();
    bench.apart(peer.conn(), stream, Peer::chunk(1, &parts[0], 2));
    assert_eq!(bench.answer(&peer, number), Answer::Deferred, "it is not the partner's fault");
    assert_eq!(bench.alarms("unreadable").len(), 1);
    let conn = peer.conn();
    assert!(wants(&mut bench, conn).is_empty());
    let entry = peer.entry(number, &record, &parts);
    let (batch, transfers) = peer.announce(&entry, &record, &parts, None);
    let stream = peer.stream();
    bench.apart(conn, stream, batch);
    for leaf in [2, 1, 0] {
        let stream = peer.stream();
        bench.apart(conn, stream, Peer::chunk(transfers[0], &parts[0], leaf));
    }
    assert_eq!(bench.answer(&peer, number), Answer::Acked);
}

#[test]
fn a_wrong_chunk_is_told_counted_and_the_delivery_refused() {
    let (mut bench, mut peer, (record, parts)) = begun(&[0, 1]);
    let number = peer.head.number;
    bench.restart();
    let conn = bench.connect(&mut peer);
    let entry = peer.entry(number, &record, &parts);
    let (batch, transfers) = peer.announce(&entry, &record, &parts, Some(&[2]));
    let stream = peer.stream();
    bench.apart(conn, stream, batch);
    let mut wrong = Peer::chunk(transfers[0], &parts[0], 2);
    *wrong.last_mut().unwrap() ^= 1;
    let stream = peer.stream();
    bench.apart(conn, stream, wrong);
    assert_eq!(bench.answer(&peer, number), Answer::Rejected);
    assert_eq!(sent(&mut bench, conn).faults, 1);
    assert_eq!(bench.alarms("misbehaved").len(), 1);
    assert_eq!(bench.alarms("bad-part").len(), 1);
    assert!(kept(&bench).is_empty());
    assert!(bench.state().record(&record.id()).is_none());
}

/// A node that has sent a partner a large part, and lost the connection before any answer; the number.
fn broken_off() -> (Bench, Peer, PartDigest, u64) {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    let conn = bench.connect(&mut peer);
    let economy = bench.node.economy.clone();
    let (record, parts) = large(&economy, &bench);
    let part = parts[0].digest;
    let before = sent(&mut bench, conn);
    peer.hold(&bench, before.delivered.iter().copied().max().unwrap_or(0));
    publish(&mut bench, (record, parts));
    let after = sent(&mut bench, conn);
    assert_eq!(after.leaves, [0, 1, 2]);
    let number = *after.delivered.last().unwrap();
    bench.sever(conn);
    (bench, peer, part, number)
}

#[test]
fn a_node_sends_what_is_asked_for_and_nothing_else() {
    for asked in [&[1][..], &[0, 2], &[]] {
        let (mut bench, mut peer, part, number) = broken_off();
        bench.restart();
        let conn = bench.connect_wanting(&mut peer, &[(number, part, asked)]);
        let again = sent(&mut bench, conn);
        assert_eq!((again.leaves.as_slice(), again.delivered.as_slice()), (asked, &[number][..]));
        assert_eq!(again.faults, 0);
    }
}

#[test]
fn it_is_decided_again_before_anything_more_of_it_goes() {
    // The partner has lost its standing meanwhile: what it lacks, it does not get.
    let (mut bench, mut peer, part, number) = broken_off();
    let economy = peer.economy.id;
    bench.command(Command::Partner { economy, change: PartnerChange::Level(0) }).unwrap();
    let conn = bench.connect_wanting(&mut peer, &[(number, part, &[1])]);
    let again = sent(&mut bench, conn);
    assert_eq!((again.leaves.len(), again.delivered.len(), again.faults), (0, 0, 0));
    assert_eq!(again.voided, [number]);
    // Asking again, of a number that is void by now, moves nothing either.
    bench.want(conn, number, part, &[1]);
    assert_eq!(sent(&mut bench, conn), Sent::default());
}

#[test]
fn a_delivery_that_was_refused_is_not_sent_again_whoever_asks() {
    let (mut bench, mut peer, part, number) = broken_off();
    let conn = bench.connect_wanting(&mut peer, &[(number, part, &[1])]);
    bench.control(conn, Peer::reject(number));
    sent(&mut bench, conn);
    bench.want(conn, number, part, &[0, 1, 2]);
    assert_eq!(sent(&mut bench, conn), Sent::default());
    bench.sever(conn);
    let conn = bench.connect_wanting(&mut peer, &[(number, part, &[0])]);
    let again = sent(&mut bench, conn);
    assert!(again.leaves.is_empty() && again.delivered.is_empty(), "{again:?}");
}

#[test]
fn whoever_asks_for_a_part_that_was_withheld_gets_nothing_and_is_counted() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    let conn = bench.connect(&mut peer);
    let economy = bench.node.economy.clone();
    let given = composed(&economy, &bench, &[(Tlp::Clear, LARGE), (Tlp::Red, LARGE)]);
    let [clear, red] = [0, 1].map(|part: usize| {
        let of = |part: &&Part| part.header.marking.as_ref().is_some_and(|own| own.tlp == Tlp::Red);
        given.1.iter().find(|one| of(one) == (part == 1)).unwrap().digest
    });
    sent(&mut bench, conn);
    publish(&mut bench, given);
    let before = sent(&mut bench, conn);
    assert_eq!(before.leaves, [0, 1, 2], "of the one part, and nothing of the other");
    let number = *before.delivered.last().unwrap();
    bench.sever(conn);
    // It knows the digest from the manifest.
    let wants: [(u64, PartDigest, &[u64]); 2] = [(number, red, &[0, 1, 2]), (number, clear, &[2])];
    let conn = bench.connect_wanting(&mut peer, &wants);
    let again = sent(&mut bench, conn);
    assert_eq!((again.leaves, again.delivered), (vec![2], vec![number]));
    assert_eq!(again.faults, 1);
    assert_eq!(bench.alarms("misbehaved").len(), 1, "{:?}", bench.alarms);
    // And of a number that it holds.
    bench.want(conn, 1, red, &[0]);
    let again = sent(&mut bench, conn);
    assert_eq!((again.leaves.len(), again.delivered.len(), again.faults), (0, 0, 1));
}

#[test]
fn a_backup_has_none_of_it() {
    let (bench, ..) = begun(&[0, 1]);
    let (copy, _) = bench.node.store.crash_with(Unsynced::Dropped, true);
    assert_eq!(copy.unfinished().len(), 1, "a crash loses none");
    let marker = comity_store::NewEntry::default();
    let restored = comity_store::MemoryStore::restore(&copy.backup(), marker).unwrap();
    assert!(restored.unfinished().is_empty());
}
