//! Receipts: what a node signs for, and what it believes of its partners'.

use std::time::Duration;

use comity_core::ledger::Head;
use comity_core::receipt::{REJECTS, Receipt, RejectReason, UnverifiedReceipt};
use comity_core::record::{Draft, Header};
use comity_core::sign::SecretKey;
use comity_core::test_util::SeededEntropy;
use comity_core::{Digest, Kind, Marking, Section, Tlp};
use comity_node::limits::ALARMS_PER_MINUTE;
use comity_tests::bench::{Answer, Bench, Peer, advisory};
use comity_tests::sim::wire::Said;

use super::hostile_ledgers::with_a_partner;

/// Of one that was lost the partner has nothing: its operator would see for ever that none came.
#[test]
fn a_receipt_that_was_lost_with_its_connection_is_signed_again() {
    let (mut bench, mut peer) = with_a_partner();
    let first = receipt(&mut bench, &peer);
    assert_eq!(first.upto, peer.head);
    bench.sever(peer.conn());
    bench.connect(&mut peer);
    assert_eq!(receipt(&mut bench, &peer).upto, peer.head, "over the next connection");

    // Nor does it die with the process that signed it.
    bench.restart();
    peer.boot();
    bench.connect(&mut peer);
    assert_eq!(receipt(&mut bench, &peer).upto, peer.head);

    // Of what the partner does not say that it has sent, nothing is signed.
    let mut other = bench.pair(3);
    bench.connect(&mut other);
    bench.wait(Duration::from_secs(1));
    let said = bench.heard(other.conn());
    assert!(!said.iter().any(|said| matches!(said, Said::Receipt(_))), "{said:?}");
}

/// Another one than the key that a connection was opened with the partner does not know yet, and counts as a fault.
#[test]
fn with_a_new_link_key_receipts_are_signed_over_connections_that_have_shown_it() {
    let (mut bench, mut peer) = with_a_partner();
    receipt(&mut bench, &peer);
    let new = SecretKey::from_seed(&[90; 32]);
    bench.engine().set_link_key(new.clone());
    let (record, parts) = advisory(&peer.economy, "in the meantime", bench.now);
    bench.deliver(&mut peer, &record, &parts);
    bench.wait(Duration::from_secs(60));
    assert_eq!(receipts(&mut bench, &peer).len(), 0, "over the connection of before nothing more");

    bench.sever(peer.conn());
    bench.connect(&mut peer);
    bench.wait(Duration::from_secs(1));
    let said = receipts(&mut bench, &peer);
    assert!(said.iter().all(|receipt| receipt.key() == new.id()), "{said:?}");
    let upto = said.into_iter().next_back().map(|last| last.verified_before().upto);
    assert_eq!(upto, Some(peer.head), "and nothing of it is lost");
}

fn receipts(bench: &mut Bench, peer: &Peer) -> Vec<UnverifiedReceipt> {
    let said = bench.heard(peer.conn()).into_iter();
    let signed = said.filter_map(|said| match said {
        Said::Receipt(signed) => Some(signed),
        _ => None,
    });
    signed.map(|signed| UnverifiedReceipt::parse(&signed).expect("one that reads")).collect()
}

/// The last receipt that the node has signed for a partner.
fn receipt(bench: &mut Bench, peer: &Peer) -> Receipt {
    bench.wait(Duration::from_secs(1));
    let us = bench.state().us();
    let receipt = receipts(bench, peer).pop().expect("a receipt");
    receipt.verify(us, peer.economy.id).expect("one that verifies")
}

/// A partner that numbers a record and takes it back has 32 bytes signed, and no word of the record.
#[test]
fn a_receipt_names_the_numbers_of_which_only_a_digest_came() {
    let (mut bench, mut peer) = with_a_partner();
    let (record, parts) = advisory(&peer.economy, "never sent", bench.now);
    let (number, _) = peer.delivery(&record, &parts);
    let digest = peer.entry(number, &record, &parts).digest();
    bench.control(peer.conn(), Peer::void(false, number, digest));
    assert_eq!(bench.answer(&peer, number), Answer::Acked);
    let signed = receipt(&mut bench, &peer);
    assert_eq!(signed.upto, peer.head, "the chain goes over it");
    assert_eq!(signed.rejects, [(number, RejectReason::Void)]);

    // A restart knows it from the journal.
    bench.restart();
    bench.connect(&mut peer);
    let (record, parts) = advisory(&peer.economy, "sent", bench.now);
    bench.deliver(&mut peer, &record, &parts);
    let signed = receipt(&mut bench, &peer);
    assert_eq!((signed.upto, signed.rejects), (peer.head, vec![(number, RejectReason::Void)]));
}

#[test]
fn void_numbers_alone_leave_no_receipt_overdue() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    bench.control(peer.conn(), Peer::void(false, 1, Digest([3; 32])));
    assert_eq!(bench.answer(&peer, 1), Answer::Acked);
    bench.wait(Duration::from_secs(1));
    let now = bench.now;
    assert!(
        bench.engine().next_timer().is_none_or(|at| at > now),
        "asked for a time that has passed"
    );
}

#[test]
fn receipts_are_believed_however_much_was_rejected_before() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    let conn = bench.connect(&mut peer);
    let by = peer.economy.clone();
    // The author may sign advisories and nothing else.
    let mut draft = Draft::new(Kind::Incident);
    let marking = Some(Marking::new(Tlp::Clear));
    let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"not its to sign".to_vec()));
    let forged = draft.sign(&by.junior, by.id, bench.now, &mut SeededEntropy::new(1)).unwrap();
    for _ in 0..=REJECTS {
        let number = bench.deliver(&mut peer, &forged.record, &forged.parts);
        assert_eq!(bench.answer(&peer, number), Answer::Rejected);
    }
    let (good, parts) = advisory(&by, "a flaw", bench.now);
    bench.heard(conn);
    let number = bench.deliver(&mut peer, &good, &parts);
    let mut receipts = [1, 60].into_iter().flat_map(|seconds| {
        bench.wait(Duration::from_secs(seconds));
        let receipts = bench.heard(conn).into_iter().filter_map(|said| match said {
            Said::Receipt(signed) => Some((seconds, signed)),
            _ => None,
        });
        receipts.collect::<Vec<_>>()
    });
    // Each lists the last of them anew, so that there is one in a minute.
    let (after, last) = receipts.next().unwrap();
    assert_eq!((after, receipts.next()), (60, None));
    let last = UnverifiedReceipt::parse(&last).unwrap();
    let last = last.verify(bench.node.economy.id, by.id).unwrap();
    assert_eq!((last.first(), last.upto), (2, peer.head));
    assert_eq!((last.rejects.len(), number), (REJECTS, peer.head.number));
    // Alarms say of it what one can read, and that there is more.
    let alarms = bench.alarms("rejected");
    assert_eq!(alarms.len(), usize::try_from(ALARMS_PER_MINUTE).unwrap());
    assert!(alarms.last().unwrap().contains("more of the same"), "{alarms:?}");
}

#[test]
fn receipts_that_contradict_the_ledger_are_faults() {
    let (mut bench, peer) = with_a_partner();
    bench.publish("one");
    let out = &bench.state().partner(&peer.economy.id).unwrap().out;
    let (epoch, head) = (out.epoch(), Head { chain: Digest([5; 32]), ..out.head() });
    let before = bench.journal();
    for sent in 1..=comity_proto::limits::FAULTS {
        assert!(!bench.closed.contains_key(&peer.conn()), "after {sent}");
        let receipt = peer.receipt(bench.node.economy.id, epoch, head, bench.now);
        bench.control(peer.conn(), receipt);
    }
    assert!(bench.closed.contains_key(&peer.conn()));
    assert_eq!(bench.journal(), before);
    assert!(bench.alarms("misbehaved")[0].contains("does not agree with our ledger"));
}
