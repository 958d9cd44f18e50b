//! Whatever is delivered arrives once, through broken and doubled connections.

use std::time::Duration;

use proptest::prelude::*;

use super::node::Wire;
use super::pair::Pair;
use super::sample::{SIDES, Sample, delivery};
use crate::event::{Input, Output, Unsent};
use crate::limits;
use crate::load::{Config, Lane, Load};
use crate::transmit::{OutStream, StreamId, Transmit};

const LANES: [Lane; 3] = [Lane::Urgent, Lane::Live, Lane::Backfill];

fn narrow() -> Config {
    let in_flight = Load { deliveries: 6, bytes: 400_000, large: 1 };
    Config { in_flight, ..Config::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn everything_arrives_once_whatever_happens(seed: u64, bound: bool, defer in 2_usize..6) {
        let config = if bound { narrow() } else { Config::default() };
        let mut pair = Pair::with(seed, [config.clone(), config]);
        pair.nodes[1].defer_once_in = Some(defer);
        for _ in 0..1_500 {
            match pair.chance.below(60) {
                0..4 => {
                    let side = pair.chance.below(2);
                    let large = pair.chance.once_in(12);
                    let most = if bound { 1 } else { 2 };
                    let kind = if large { 3 + pair.chance.below(most) } else { pair.chance.below(3) };
                    let sample = Sample::ALL[kind];
                    let lane = LANES[pair.chance.below(3)];
                    pair.nodes[side].publish(sample, lane);
                }
                4 if pair.chance.once_in(2) => pair.break_all(),
                5 => {
                    let dialer = pair.chance.below(2);
                    pair.dial(dialer);
                }
                6 => {
                    let side = pair.chance.below(2);
                    let sent: Vec<u64> = pair.nodes[side].sent.keys().copied().collect();
                    if let Some(number) = sent.get(pair.chance.below(sent.len())).copied()
                        && !pair.nodes[side].acked.contains(number)
                        && !pair.nodes[side].sent[&number].voided
                    {
                        pair.void(side, number);
                    }
                }
                7 => {
                    let side = pair.chance.below(2);
                    pair.input(side, Input::Reclaim);
                }
                _ => pair.step(),
            }
        }
        pair.nodes[1].defer_once_in = None;
        pair.settle();
        pair.quiet();
        for side in [0, 1] {
            prop_assert_eq!(pair.nodes[side].link.held(), 0);
            let (one, other) = (&pair.nodes[side], &pair.nodes[1 - side]);
            prop_assert!(one.faults.is_empty(), "{:?}", one.faults);
            for (number, sent) in &one.sent {
                let received = other.received.get(number);
                prop_assert!(sent.voided || received.is_some());
                if let Some(incoming) = received {
                    prop_assert_eq!(&incoming.parts, &sent.sample.bodies());
                    prop_assert_eq!(incoming.lane, sent.lane);
                }
            }
        }
    }
}

#[test]
fn what_is_stored_while_the_link_is_down_is_acknowledged_after() {
    let mut pair = Pair::new(1);
    pair.connect();
    let number = pair.nodes[0].publish(Sample::Small, Lane::Live);
    pair.pump(0);
    pair.quiet();
    assert!(pair.nodes[1].storing.contains_key(&number));
    pair.break_all();
    pair.quiet();
    assert!(pair.nodes[0].up.is_none());
    pair.store(1, number);
    assert!(pair.nodes[0].acked.is_empty());
    pair.settle();
    assert_eq!(pair.nodes[1].received.len(), 1);
}

#[test]
fn what_is_stored_between_the_greeting_and_the_agreement_is_acknowledged_at_once() {
    let mut pair = Pair::new(10);
    pair.connect();
    let number = pair.nodes[0].publish(Sample::Small, Lane::Live);
    pair.pump(0);
    pair.quiet();
    pair.break_all();
    pair.quiet();
    let conn = pair.dial(0);
    // The greeting does not know of it yet.
    pair.open(1, conn);
    pair.store(1, number);
    pair.quiet();
    assert_eq!(pair.nodes[0].hellos.last().unwrap().heads.inbound.head.number, 0);
    assert_eq!(pair.nodes[0].acked.as_slice(), [(number, number)]);
}

#[test]
fn what_was_put_off_over_an_earlier_connection_is_sent_once_more_only() {
    let mut pair = Pair::new(8);
    pair.connect();
    let number = pair.nodes[0].publish(Sample::Small, Lane::Live);
    pair.pump(0);
    pair.quiet();
    pair.break_all();
    pair.quiet();
    pair.connect();
    pair.quiet();
    // The engine over there puts off what came before; here it has not been sent again yet.
    pair.nodes[1].storing.remove(&number);
    pair.input(1, Input::Deferred { number });
    pair.quiet();
    assert_eq!(pair.nodes[0].queue, [number]);
    pair.settle();
    assert_eq!(pair.nodes[1].received.len(), 1);
}

#[test]
fn an_answer_is_acknowledged_when_it_is_durable_and_not_before() {
    let mut pair = Pair::new(2);
    pair.connect();
    for _ in 0..3 {
        pair.nodes[0].publish(Sample::Small, Lane::Live);
    }
    pair.pump(0);
    pair.pass(limits::BATCH_DELAY);
    pair.quiet();
    assert_eq!(pair.nodes[1].storing.len(), 3);
    assert!(pair.nodes[0].acked.is_empty());
    pair.store(1, 3);
    pair.quiet();
    assert_eq!(pair.nodes[0].acked.as_slice(), [(3, 3)]);
    pair.store(1, 1);
    pair.quiet();
    assert_eq!(pair.nodes[0].acked.as_slice(), [(1, 1), (3, 3)]);
}

#[test]
fn live_deliveries_share_batches_and_urgent_ones_do_not_wait() {
    let mut pair = Pair::new(3);
    pair.connect();
    // The first goes at once, since nothing else is on its way; those after it wait for company.
    for _ in 0..5 {
        pair.nodes[0].publish(Sample::Small, Lane::Live);
    }
    pair.pump(0);
    pair.quiet();
    assert_eq!(pair.nodes[1].storing.len(), 1);
    pair.nodes[0].publish(Sample::Small, Lane::Urgent);
    pair.pump(0);
    pair.quiet();
    assert_eq!(pair.nodes[1].storing.keys().copied().collect::<Vec<_>>(), [1, 6]);
    pair.pass(limits::BATCH_DELAY - Duration::from_millis(1));
    pair.quiet();
    assert_eq!(pair.nodes[1].storing.len(), 2);
    pair.heard.clear();
    pair.pass(Duration::from_millis(1));
    pair.quiet();
    assert_eq!(pair.nodes[1].storing.len(), 6);
    let streams: std::collections::BTreeSet<_> = pair
        .heard
        .iter()
        .filter(|(side, stream, _)| *side == 1 && stream.0 > 0)
        .map(|(_, stream, _)| *stream)
        .collect();
    assert_eq!(streams.len(), 1, "four deliveries in one batch");
}

#[test]
fn a_full_batch_does_not_wait() {
    let mut pair = Pair::new(4);
    pair.connect();
    pair.nodes[0].publish(Sample::Small, Lane::Live);
    let each = Sample::Small.load().bytes;
    let fill = limits::BATCH_BYTES / each + 2;
    for _ in 0..fill {
        pair.nodes[0].publish(Sample::Small, Lane::Live);
    }
    pair.pump(0);
    pair.quiet();
    assert!(pair.nodes[1].storing.len() > 2, "{}", pair.nodes[1].storing.len());
}

#[test]
fn what_has_not_left_comes_back_when_asked_for() {
    let mut pair = Pair::new(5);
    pair.connect();
    for _ in 0..4 {
        pair.nodes[0].publish(Sample::Small, Lane::Backfill);
    }
    pair.pump(0);
    let before = pair.nodes[0].link.room().deliveries;
    let outputs = pair.nodes[0].link.handle(Input::Reclaim, pair.now);
    let [Output::Unsent { deliveries, why: Unsent::Reclaimed }] = &outputs[..] else {
        panic!("{outputs:?}");
    };
    let numbers: Vec<u64> = deliveries.iter().map(|one| one.entry().number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(pair.nodes[0].link.room().deliveries, before + 4);
    pair.pass(limits::BATCH_DELAY);
    pair.quiet();
    assert!(pair.nodes[1].storing.is_empty());
}

#[test]
fn what_may_not_go_comes_back_with_the_reason() {
    let config = Config { in_flight: Load { bytes: 300_000, ..Load::LIMIT }, ..Config::default() };
    let mut pair = Pair::with(6, [config.clone(), config]);
    let refused = |pair: &mut Pair, sample, to, epoch, number| {
        let delivery = delivery(sample, to, epoch, number);
        let outputs =
            pair.nodes[0].link.handle(Input::Deliver { delivery, lane: Lane::Live }, pair.now);
        match outputs.into_iter().next() {
            Some(Output::Unsent { why, .. }) => Some(why),
            _sent => None,
        }
    };
    let (to, epoch) = (SIDES[1], pair.nodes[0].epoch);
    assert_eq!(refused(&mut pair, Sample::Small, to, epoch, 1), Some(Unsent::NotUp));
    pair.connect();
    let other = comity_core::EpochId([9; 16]);
    assert_eq!(refused(&mut pair, Sample::Small, SIDES[0], epoch, 1), Some(Unsent::WrongPartner));
    assert_eq!(refused(&mut pair, Sample::Small, to, other, 1), Some(Unsent::WrongEpoch));
    assert_eq!(refused(&mut pair, Sample::Many, to, epoch, 1), Some(Unsent::TooLarge));
    assert_eq!(refused(&mut pair, Sample::Small, to, epoch, 1), None);
    assert_eq!(refused(&mut pair, Sample::Small, to, epoch, 1), Some(Unsent::Again));
    for number in 2..=5 {
        assert_eq!(refused(&mut pair, Sample::Medium, to, epoch, number), None);
    }
    assert_eq!(refused(&mut pair, Sample::Medium, to, epoch, 6), Some(Unsent::NoRoom));
}

/// Takes from the wires what side 0 has put on them and hands it to side 1, in another order.
fn carry_reordered(pair: &mut Pair, order: impl FnOnce(&mut Vec<Transmit>)) {
    let mut wires = Vec::new();
    pair.nodes[0].pump(pair.now, &mut wires);
    let mut sent: Vec<Transmit> = wires
        .into_iter()
        .filter_map(|wire| match wire {
            Wire::Send(transmit) => Some(transmit),
            Wire::Close(_) => None,
        })
        .collect();
    order(&mut sent);
    for transmit in sent {
        let OutStream::Uni { id, .. } = transmit.stream() else { continue };
        let (conn, fin) = (transmit.conn(), transmit.fin());
        let (stream, bytes) = (StreamId(id + 1), transmit.into_bytes());
        pair.input(1, Input::Received { conn, stream, bytes, fin });
    }
}

#[test]
fn chunks_of_an_attempt_that_was_put_off_are_not_those_of_the_next() {
    let in_flight = Load { deliveries: 1, ..Load::LIMIT };
    let mut pair = Pair::with(9, [Config::default(), Config { in_flight, ..Config::default() }]);
    pair.connect();
    pair.quiet();
    // One delivery fills the bound of the receiver, from a connection before this one.
    let first = pair.nodes[0].publish(Sample::Small, Lane::Live);
    pair.pump(0);
    pair.quiet();
    pair.break_all();
    pair.quiet();
    pair.dial(0);
    pair.quiet();
    pair.nodes[0].queue.clear();
    let second = pair.nodes[0].publish(Sample::Large, Lane::Live);
    // Put off: there is no room. Half of its chunks come after that.
    carry_reordered(&mut pair, |_| {});
    assert!(!pair.nodes[1].storing.contains_key(&second));
    pair.quiet();
    assert_eq!(pair.nodes[0].queue, [second]);
    pair.store(1, first);
    pair.quiet();
    // The next attempt's chunks all come before its batch.
    carry_reordered(&mut pair, |sent| sent.rotate_left(1));
    assert!(pair.nodes[1].storing.contains_key(&second));
    assert_eq!(pair.nodes[1].link.held(), 0);
    pair.settle();
}

#[test]
fn chunks_that_overtake_their_batch_are_kept() {
    let mut pair = Pair::new(7);
    pair.connect();
    pair.quiet();
    pair.nodes[0].publish(Sample::Large, Lane::Live);
    // The batch comes out first; it arrives last.
    carry_reordered(&mut pair, |sent| sent.rotate_left(1));
    assert!(pair.nodes[1].storing.contains_key(&1));
    assert!(pair.nodes[1].faults.is_empty());
}
