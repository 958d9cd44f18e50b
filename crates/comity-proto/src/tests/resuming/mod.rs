//! A large part goes on after a break where it stopped.

mod asking;
mod deferring;

use std::collections::BTreeSet;

use comity_core::identity::PartDigest;
use comity_core::ledger::Ranges;
use proptest::prelude::*;

use crate::event::{Input, Output};
use crate::fault::Fault;
use crate::frame::Frame;
use crate::limits;
use crate::load::Lane;
use crate::tests::node::{Node, Wire};
use crate::tests::pair::Pair;
use crate::tests::sample::Sample;
use crate::transmit::{OutStream, StreamId, Transmit};

/// The part of [`Sample::Large`]: three chunks.
fn large() -> PartDigest {
    Sample::Large.parts()[0].0
}

fn leaves(of: &[u64]) -> Ranges {
    of.iter().map(|leaf| (*leaf, *leaf)).collect()
}

/// Takes what a side hands to the transport, in whole streams: the batch first, then each chunk.
fn taken(pair: &mut Pair, side: usize) -> Vec<Vec<Transmit>> {
    let mut wires = Vec::new();
    pair.nodes[side].pump(pair.now, &mut wires);
    let mut streams: Vec<Vec<Transmit>> = Vec::new();
    for wire in wires {
        let Wire::Send(transmit) = wire else { continue };
        pair.chunks.said(side, &transmit, &pair.nodes);
        let OutStream::Uni { .. } = transmit.stream() else { continue };
        match streams.last_mut().filter(|last| last[0].stream() == transmit.stream()) {
            Some(last) => last.push(transmit),
            None => streams.push(vec![transmit]),
        }
    }
    streams
}

fn hand(pair: &mut Pair, side: usize, stream: Vec<Transmit>) {
    for transmit in stream {
        let OutStream::Uni { id, .. } = transmit.stream() else { unreachable!() };
        let (conn, fin) = (transmit.conn(), transmit.fin());
        let (stream, bytes) = (StreamId(id + 1), transmit.into_bytes());
        pair.input(side, Input::Received { conn, stream, bytes, fin });
    }
}

/// A pair of which side 0 has sent a large part; of its chunks these have arrived when it broke.
fn broken_after(seed: u64, sample: Sample, arrived: &[usize]) -> Pair {
    let mut pair = Pair::new(seed);
    pair.connect();
    pair.quiet();
    pair.nodes[0].publish(sample, Lane::Live);
    let mut streams = taken(&mut pair, 0).into_iter();
    let batch = streams.next().unwrap();
    let mut chunks: Vec<_> = streams.map(Some).collect();
    hand(&mut pair, 1, batch);
    for index in arrived {
        let chunk = chunks[*index].take().unwrap();
        hand(&mut pair, 1, chunk);
    }
    pair.break_all();
    pair.quiet();
    pair
}

fn kept(node: &Node) -> usize {
    node.disk.values().map(|(_, leaves)| leaves.len()).sum()
}

/// The frames that a link has put on the control stream.
fn control(outputs: &[Output]) -> Vec<Frame> {
    let transmits = outputs.iter().filter_map(|output| {
        let Output::Transmit(transmit) = output else { return None };
        (transmit.stream() == OutStream::Control).then_some(transmit)
    });
    transmits.map(|transmit| Frame::decode(&transmit.bytes().slice(4..)).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Connections break, processes die, disks are slow and full, and deliveries are put off; the pair's own
    /// check sees that nothing goes that was durable when a connection came into use.
    #[test]
    fn a_part_arrives_whole_whatever_breaks(seed: u64) {
        let mut pair = Pair::new(seed);
        let mut boot = 9;
        for node in &mut pair.nodes {
            node.slow_disk = true;
            node.defer_once_in = Some(3);
        }
        for _ in 0..4 {
            let side = pair.chance.below(2);
            let sample = [Sample::Large, Sample::Two][pair.chance.below(2)];
            pair.nodes[side].publish(sample, Lane::Live);
        }
        let mut breaks = 0;
        for _ in 0..600 {
            match pair.chance.below(70) {
                0 => {
                    pair.break_all();
                    breaks += 1;
                }
                1 if pair.chance.once_in(3) => {
                    let side = pair.chance.below(2);
                    boot += 1;
                    breaks += 1;
                    pair.restart(side, boot);
                }
                2 => {
                    let side = pair.chance.below(2);
                    pair.run_errand(side, false);
                }
                _ => pair.step(),
            }
        }
        for side in [0, 1] {
            pair.nodes[side].slow_disk = false;
            while !pair.nodes[side].errands.is_empty() {
                pair.run_errand(side, true);
            }
        }
        pair.settle();
        pair.quiet();
        for side in [0, 1] {
            let (one, other) = (&pair.nodes[side], &pair.nodes[1 - side]);
            prop_assert!(one.faults.is_empty(), "{:?}", one.faults);
            prop_assert_eq!(one.link.held(), 0);
            prop_assert!(other.disk.is_empty(), "something is kept of what is settled");
            for (number, sent) in &one.sent {
                let received = &other.received[number];
                prop_assert_eq!(&received.parts, &sent.sample.bodies());
            }
        }
        let most = pair.chunks.times().into_values().max().unwrap_or(0);
        prop_assert!(breaks > 0 || most <= 2, "{most} times without a break");
    }
}

#[test]
fn after_a_break_at_any_chunk_only_the_others_go() {
    for arrived in [&[][..], &[0], &[1], &[2], &[0, 1], &[2, 0], &[1, 2], &[2, 1, 0]] {
        let mut pair = broken_after(1, Sample::Large, arrived);
        // With its last chunk the delivery is whole, and only the engine's answer was lost.
        assert_eq!(kept(&pair.nodes[1]), arrived.len());
        assert_eq!(pair.nodes[1].storing.len(), usize::from(arrived.len() == 3));
        pair.chunks.sent.clear();
        pair.settle();
        pair.quiet();
        let again: BTreeSet<_> = pair.chunks.sent.iter().map(|(_, (.., leaf))| *leaf).collect();
        let others: BTreeSet<_> = (0..3).filter(|leaf| !arrived.contains(leaf)).collect();
        assert_eq!(again, others, "after {arrived:?}");
        assert_eq!(pair.chunks.sent.len(), others.len());
        assert_eq!(pair.nodes[1].received[&1].parts, Sample::Large.bodies());
        assert!(pair.nodes[1].disk.is_empty());
        assert!(pair.nodes.iter().all(|node| node.faults.is_empty()));
    }
}

#[test]
fn each_part_of_a_delivery_goes_on_where_it_stopped() {
    let large: Vec<_> =
        Sample::Two.parts().into_iter().filter(|(_, bytes)| bytes.len() > 1_000_000).collect();
    let of_first = large[0].1.len().div_ceil(limits::CHUNK_BYTES);
    let mut pair = Pair::new(2);
    pair.connect();
    pair.quiet();
    pair.nodes[0].publish(Sample::Two, Lane::Urgent);
    let mut streams = taken(&mut pair, 0);
    assert_eq!(streams.len(), 6);
    // Of each large part the first chunk has come, before the batch.
    for stream in [1 + of_first, 1, 0] {
        let stream = streams.remove(stream);
        hand(&mut pair, 1, stream);
    }
    assert_eq!(pair.nodes[1].disk.len(), 2);
    pair.restart(1, 7);
    pair.chunks.sent.clear();
    pair.settle();
    let again: BTreeSet<_> =
        pair.chunks.sent.iter().map(|(_, (_, part, leaf))| (*part, *leaf)).collect();
    assert_eq!((again.len(), pair.chunks.sent.len()), (3, 3), "{again:?}");
    assert!(again.iter().all(|(_, leaf)| *leaf > 0), "{again:?}");
    assert_eq!(pair.nodes[1].received[&1].parts, Sample::Two.bodies());
}

#[test]
fn a_process_that_begins_anew_goes_on_with_what_is_durable() {
    let mut pair = broken_after(3, Sample::Large, &[2, 0]);
    pair.restart(1, 7);
    pair.restart(0, 8);
    pair.chunks.sent.clear();
    pair.settle();
    assert_eq!(pair.chunks.sent, [(0, (1, large(), 1))]);
    // What an earlier run left of a number that is settled is let go.
    let left = pair.nodes[1].disk.clone();
    assert!(left.is_empty());
}

#[test]
fn nothing_is_handed_on_before_the_last_piece_is_durable() {
    let mut pair = Pair::new(4);
    pair.nodes[1].slow_disk = true;
    pair.connect();
    pair.nodes[0].publish(Sample::Large, Lane::Live);
    pair.pump(0);
    pair.quiet();
    assert_eq!(pair.nodes[1].errands.len(), 3);
    for _ in 0..2 {
        pair.run_errand(1, true);
        assert!(pair.nodes[1].storing.is_empty());
    }
    pair.run_errand(1, true);
    assert!(pair.nodes[1].storing.contains_key(&1));
    assert!(pair.nodes[0].acked.is_empty());
}

#[test]
fn what_cannot_be_read_any_more_is_sent_whole() {
    let mut pair = broken_after(6, Sample::Large, &[0, 1, 2]);
    pair.nodes[1].storing.clear();
    pair.input(1, Input::Spoiled { number: 1 });
    assert!(pair.nodes[1].disk.is_empty());
    pair.chunks.sent.clear();
    pair.settle();
    assert_eq!(pair.chunks.sent.len(), 3);
    assert_eq!(pair.nodes[1].received[&1].parts, Sample::Large.bodies());
}

#[test]
fn what_is_void_is_not_kept_and_never_sent() {
    let mut pair = broken_after(7, Sample::Large, &[0, 1]);
    pair.void(0, 1);
    pair.chunks.sent.clear();
    pair.settle();
    assert!(pair.nodes[1].disk.is_empty());
    assert!(pair.nodes[1].voids.contains(&1));
    assert!(pair.chunks.sent.is_empty());
    assert!(pair.nodes.iter().all(|node| node.faults.is_empty()));
}

#[test]
fn what_is_refused_is_not_kept() {
    let mut pair = broken_after(8, Sample::Large, &[0, 1]);
    pair.connect();
    pair.pump(0);
    pair.quiet();
    pair.nodes[1].storing.remove(&1).unwrap();
    let digest = pair.nodes[0].sent[&1].entry.digest();
    pair.nodes[1].arrivals.insert(1, digest);
    let reason = comity_core::receipt::RejectReason::NotAddressed;
    pair.input(1, Input::Rejected { number: 1, reason });
    pair.quiet();
    assert!(pair.nodes[1].disk.is_empty());
    assert!(pair.nodes[0].sent[&1].rejected.is_some());
}

#[test]
fn a_new_epoch_lets_go_of_what_came_before() {
    let mut pair = broken_after(9, Sample::Large, &[0, 1]);
    let opening = comity_core::ledger::Opening {
        epoch: comity_core::EpochId([8; 16]),
        previous: pair.nodes[0].epoch,
        known: comity_core::ledger::Head::START,
        first: 2,
    };
    pair.input(1, Input::EpochStored(opening));
    assert!(pair.nodes[1].disk.is_empty());
}

#[test]
fn what_is_kept_of_a_partner_is_bounded() {
    let mut pair = Pair::new(10);
    let each = limits::KEPT_PARTS + 3;
    // A partner that begins one part after the other, and finishes none.
    for number in 1..=each as u64 {
        pair.connect();
        pair.quiet();
        pair.nodes[0].publish(Sample::Large, Lane::Live);
        pair.nodes[0].queue = [number].into();
        let streams = taken(&mut pair, 0);
        for stream in streams.into_iter().take(2) {
            hand(&mut pair, 1, stream);
        }
        pair.break_all();
        pair.quiet();
        assert!(pair.nodes[1].disk.len() <= limits::KEPT_PARTS);
    }
    let kept: Vec<u64> = pair.nodes[1].disk.keys().map(|(number, ..)| *number).collect();
    let newest: Vec<u64> = (4..=each as u64).collect();
    assert_eq!(kept, newest, "what came longest ago gives way");
    pair.settle();
    assert!(pair.nodes[1].disk.is_empty());
    assert!(pair.nodes.iter().all(|node| node.faults.is_empty()));
}

#[test]
fn a_wrong_chunk_after_a_break_is_told_and_the_delivery_refused() {
    let mut pair = broken_after(15, Sample::Large, &[0]);
    pair.connect();
    pair.quiet();
    pair.dialing = false;
    let mut streams = taken(&mut pair, 0);
    assert_eq!(streams.len(), 3, "the batch, and the two chunks that are missing");
    let wrong = streams.pop().unwrap();
    for stream in streams {
        hand(&mut pair, 1, stream);
    }
    assert_eq!(kept(&pair.nodes[1]), 2);
    for transmit in wrong {
        let OutStream::Uni { id, .. } = transmit.stream() else { unreachable!() };
        let (conn, stream, fin) = (transmit.conn(), StreamId(id + 1), transmit.fin());
        let mut bytes = transmit.into_bytes().to_vec();
        if fin {
            bytes[9] ^= 1;
        }
        pair.input(1, Input::Received { conn, stream, bytes: bytes.into(), fin });
    }
    assert_eq!(pair.nodes[1].faults, [Fault::WrongPart { number: 1, part: large() }]);
    assert!(pair.nodes[1].disk.is_empty());
    pair.quiet();
    assert_eq!(pair.nodes[0].told.len(), 1);
    pair.store(1, 1);
    pair.quiet();
    assert!(pair.nodes[0].sent[&1].rejected.is_some());
    assert!(pair.nodes[1].received.is_empty());
}
