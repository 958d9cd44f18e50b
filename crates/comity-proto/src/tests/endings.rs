//! Draining, and the ends of connections.

use proptest::prelude::*;

use super::pair::Pair;
use super::sample::Sample;
use crate::event::Input;
use crate::fault::CloseReason;
use crate::limits;
use crate::load::{Lane, Load};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_drain_loses_nothing(seed: u64, asked in 1_usize..4) {
        let mut pair = Pair::new(seed);
        pair.connect();
        for _ in 0..pair.chance.below(200) {
            let side = pair.chance.below(2);
            if pair.chance.once_in(6) {
                let sample = Sample::ALL[pair.chance.below(3)];
                pair.nodes[side].publish(sample, Lane::Live);
            }
            pair.step();
        }
        pair.dialing = false;
        for side in [0, 1] {
            if asked & (1 << side) != 0 {
                pair.input(side, Input::Drain);
                prop_assert_eq!(pair.nodes[side].link.room(), Load::default());
            }
        }
        let handed: Vec<Vec<u64>> =
            pair.nodes.iter().map(|node| node.flying.keys().copied().collect()).collect();
        // Long before the time is up.
        let end = pair.now.saturating_add(limits::DRAIN_TIMEOUT / 2);
        while pair.nodes.iter().any(|node| node.up.is_some()) {
            prop_assert!(pair.now < end, "never drained");
            pair.step();
        }
        for side in [0, 1] {
            let node = &pair.nodes[side];
            prop_assert_eq!(&node.downs, &[CloseReason::Drained]);
            prop_assert_eq!(node.drained, asked & (1 << side) != 0);
            for number in &handed[side] {
                prop_assert!(node.acked.contains(*number), "{} was not answered", number);
            }
            prop_assert!(node.storing.is_empty());
            prop_assert!(node.faults.is_empty());
        }
        // A drain ends a connection, not a link.
        pair.dialing = true;
        pair.settle();
    }
}

#[test]
fn without_a_connection_a_drain_ends_at_once() {
    let mut pair = Pair::new(1);
    pair.input(0, Input::Drain);
    assert!(pair.nodes[0].drained);
}

#[test]
fn a_partner_who_never_answers_does_not_hold_a_drain_up() {
    let mut pair = Pair::new(2);
    pair.connect();
    pair.nodes[0].publish(Sample::Small, Lane::Live);
    pair.pump(0);
    pair.quiet();
    pair.input(0, Input::Drain);
    pair.quiet();
    assert!(!pair.nodes[0].drained);
    pair.pass(limits::DRAIN_TIMEOUT);
    assert!(pair.nodes[0].drained);
    assert_eq!(pair.nodes[0].closes.last(), Some(&CloseReason::DrainTimeout));
}

#[test]
fn a_lost_connection_ends_a_drain() {
    let mut pair = Pair::new(3);
    pair.connect();
    pair.nodes[0].publish(Sample::Small, Lane::Live);
    pair.pump(0);
    pair.input(0, Input::Drain);
    pair.dialing = false;
    pair.break_all();
    pair.quiet();
    assert!(pair.nodes[0].drained);
    assert_eq!(pair.nodes[0].downs, [CloseReason::Lost]);
}

#[test]
fn a_receipt_said_before_the_drain_arrives() {
    let mut pair = Pair::new(4);
    pair.connect();
    for side in [0, 1] {
        pair.input(side, Input::Receipt(bytes::Bytes::from_static(b"receipt")));
        pair.input(side, Input::Drain);
    }
    pair.dialing = false;
    pair.quiet();
    for node in &pair.nodes {
        let receipts = node.others.iter();
        let receipts = receipts.filter(|one| matches!(one, crate::event::Output::Receipt(_)));
        assert_eq!(receipts.count(), 1);
        assert_eq!(node.downs, [CloseReason::Drained]);
    }
}
