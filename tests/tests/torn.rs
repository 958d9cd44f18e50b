//! What a node does after the end of its journal was cut.

use std::time::Duration;

use comity_core::ledger::{Head, Ranges};
use comity_core::{Digest, EpochId};
use comity_tests::bench::{Bench, Peer};

/// A node and two partners that have met, after a start at which the end of the journal was cut, or not.
fn restarted(cut: bool) -> (Bench, Peer, Peer) {
    let mut bench = Bench::new();
    let (mut one, mut other) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut one);
    bench.connect(&mut other);
    bench.restart();
    if cut {
        cut_tail(&mut bench);
    }
    (bench, one, other)
}

/// What a start finds out, and writes down.
fn cut_tail(bench: &mut Bench) {
    let now = bench.now;
    bench.engine().tail_was_cut(7, now);
    bench.wait(Duration::ZERO);
}

/// The partner says that it holds one delivery more than the node's journal.
fn claim_more(bench: &Bench, peer: &mut Peer) {
    let ledger = &bench.state().partner(&peer.economy.id).unwrap().out;
    let head = Head { number: ledger.head().number + 1, chain: Digest([9; 32]) };
    peer.holds = (Some(EpochId(ledger.epoch().0)), head, Ranges::new());
}

#[test]
fn after_a_cut_nothing_goes_to_a_partner_before_its_head_agrees() {
    let (mut bench, mut one, _) = restarted(true);
    bench.publish("Router flaw");
    let silent = bench.open(&one);
    assert_eq!(bench.delivered(silent), []);
    assert_eq!(bench.alarms("tail-cut").len(), 1);
    // Nobody has to do anything about it.
    let conn = bench.connect(&mut one);
    assert!(!bench.delivered(conn).is_empty());
    assert_eq!(bench.state().recovery(), None);
}

#[test]
fn a_partner_that_holds_more_than_a_cut_journal_proves_the_loss() {
    let (mut bench, mut one, mut other) = restarted(true);
    let before = bench.connect(&mut other);
    claim_more(&bench, &mut one);
    bench.connect(&mut one);
    assert!(bench.state().recovery().is_some());
    assert_eq!(bench.alarms("tail-lost").len(), 1);
    assert!(bench.closed.contains_key(&before), "the other one greets anew");
    bench.heard(before);
    bench.publish("Router flaw");
    let conn = bench.connect(&mut other);
    assert_eq!((bench.delivered(before), bench.delivered(conn)), (vec![], vec![]));
    // It is written down: another start changes nothing.
    bench.restart();
    assert!(bench.state().recovery().is_some());
}

#[test]
fn a_partners_word_stops_nobody_without_a_cut_or_after_it_has_agreed() {
    let (mut bench, mut one, mut other) = restarted(false);
    claim_more(&bench, &mut one);
    bench.connect(&mut one);
    assert_eq!(bench.state().recovery(), None);
    assert_eq!(bench.alarms("ledger-ahead").len(), 1);

    bench.restart();
    cut_tail(&mut bench);
    one.holds = (None, Head::START, Ranges::new());
    bench.connect(&mut one);
    claim_more(&bench, &mut one);
    bench.connect(&mut one);
    assert_eq!(bench.state().recovery(), None);
    let conn = bench.connect(&mut other);
    bench.publish("Router flaw");
    assert!(!bench.delivered(conn).is_empty());
}

#[test]
fn another_start_does_not_forget_a_cut() {
    let (mut bench, mut one, mut other) = restarted(true);
    // It dies before one partner was there; the other one's word is written down.
    bench.connect(&mut other);
    bench.restart();
    claim_more(&bench, &mut other);
    bench.connect(&mut other);
    assert_eq!(bench.state().recovery(), None, "its head had agreed");
    claim_more(&bench, &mut one);
    bench.connect(&mut one);
    assert!(bench.state().recovery().is_some());
    assert!(bench.state().doubted().is_empty());
}
