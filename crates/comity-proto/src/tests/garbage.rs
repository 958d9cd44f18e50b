//! A partner that sends anything at all: told, counted, past a limit closed, and never a panic.

use bytes::Bytes;
use comity_core::cbor::Writer;
use comity_core::{EpochId, PartDigest};
use proptest::prelude::*;

use super::pair::Pair;
use super::sample::{SIDES, Sample, delivery};
use crate::batch::{Leaving, Wanted, digest_of, encode_batch};
use crate::event::{Input, Output};
use crate::fault::{CloseReason, Fault};
use crate::frame::{Flow, Frame, framed, kind};
use crate::limits;
use crate::load::Lane;
use crate::transmit::{ConnId, StreamId};

fn up(seed: u64) -> (Pair, ConnId) {
    let mut pair = Pair::new(seed);
    pair.connect();
    pair.quiet();
    pair.dialing = false;
    let conn = pair.nodes[0].up.unwrap();
    (pair, conn)
}

fn hear(pair: &mut Pair, conn: ConnId, stream: u64, bytes: impl Into<Bytes>) {
    let (bytes, stream) = (bytes.into(), StreamId(stream));
    pair.input(0, Input::Received { conn, stream, bytes, fin: stream.0 > 0 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn bytes_of_chance_never_panic(seed: u64, before_use: bool) {
        let mut pair = Pair::new(seed);
        let conn = if before_use {
            pair.dialing = false;
            let conn = pair.dial(0);
            pair.open(0, conn);
            conn
        } else {
            pair.connect();
            pair.nodes[0].up.unwrap()
        };
        for _ in 0..60 {
            let length = pair.chance.below(200);
            let mut bytes = pair.chance.bytes(length);
            if pair.chance.once_in(2) {
                bytes = framed(&bytes).to_vec();
            }
            let stream = StreamId(1_000 + pair.chance.below(6) as u64);
            let stream = if pair.chance.once_in(3) { StreamId::CONTROL } else { stream };
            let fin = pair.chance.once_in(5);
            pair.input(0, Input::Received { conn, stream, bytes: bytes.into(), fin });
        }
    }

    #[test]
    fn real_traffic_with_some_bytes_changed_never_panics(seed: u64) {
        let mut pair = Pair::new(seed);
        for sample in [Sample::Small, Sample::Medium, Sample::Many] {
            for side in [0, 1] {
                pair.nodes[side].publish(sample, Lane::Live);
            }
        }
        pair.settle();
        let heard = std::mem::take(&mut pair.heard);
        let mut link = Pair::new(seed);
        let conn = link.dial(1);
        link.dialing = false;
        link.open(0, conn);
        for (side, stream, bytes) in heard {
            if side == 1 {
                continue;
            }
            let mut bytes = bytes.to_vec();
            for _ in 0..link.chance.below(3) {
                let at = link.chance.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << link.chance.below(8);
                }
            }
            let fin = link.chance.once_in(10);
            link.input(0, Input::Received { conn, stream, bytes: bytes.into(), fin });
        }
    }
}

#[test]
fn faults_are_counted_told_and_in_the_end_close() {
    let (mut pair, conn) = up(1);
    for fault in 1..limits::FAULTS {
        hear(&mut pair, conn, u64::from(fault) + 100, framed(b"nonsense"));
        assert_eq!(pair.nodes[0].faults.len(), fault as usize);
        assert!(pair.nodes[0].closes.is_empty());
    }
    pair.quiet();
    assert_eq!(pair.nodes[1].told.len(), limits::FAULTS as usize - 1);
    assert!(pair.nodes[1].told[0].contains("not a frame"), "{}", pair.nodes[1].told[0]);
    assert_eq!(pair.nodes[0].link.faults(), u64::from(limits::FAULTS) - 1);
    hear(&mut pair, conn, 999, framed(b"nonsense"));
    let [CloseReason::TooManyFaults(limits::FAULTS, _)] = &pair.nodes[0].closes[..] else {
        panic!("{:?}", pair.nodes[0].closes);
    };
    assert!(pair.nodes[0].up.is_none());
    // And the node goes on.
    pair.dialing = true;
    pair.nodes[0].publish(Sample::Small, Lane::Live);
    pair.settle();
}

#[test]
fn a_frame_too_long_for_the_control_stream_ends_the_connection() {
    let (mut pair, conn) = up(2);
    hear(&mut pair, conn, 0, vec![0xff; 8]);
    assert_eq!(pair.nodes[0].faults, [Fault::FrameTooLong(0xffff_ffff)]);
    assert!(pair.nodes[0].up.is_none());
}

#[test]
fn an_answer_about_a_number_never_sent_is_a_fault() {
    let (mut pair, conn) = up(3);
    let ack = Frame::Ack { flow: Flow::Deliver, upto: 7, ranges: Default::default() };
    hear(&mut pair, conn, 0, ack.encode());
    let reason = comity_core::receipt::RejectReason::Malformed;
    hear(&mut pair, conn, 0, Frame::Reject { number: 0, reason }.encode());
    assert_eq!(pair.nodes[0].faults, [Fault::NeverSent(7), Fault::NeverSent(0)]);
    assert!(pair.nodes[0].acked.is_empty());
}

#[test]
fn a_goodbye_out_of_turn_ends_the_connection() {
    let (mut pair, conn) = up(4);
    hear(&mut pair, conn, 0, Frame::Bye.encode());
    assert_eq!(pair.nodes[0].faults, [Fault::OutOfTurn(kind::BYE)]);
    assert!(pair.nodes[0].up.is_none());
}

#[test]
fn a_control_stream_that_ends_is_a_fault() {
    let (mut pair, conn) = up(5);
    let stream = StreamId::CONTROL;
    pair.input(0, Input::Received { conn, stream, bytes: Bytes::new(), fin: true });
    assert_eq!(pair.nodes[0].faults, [Fault::ControlEnded]);
    assert!(pair.nodes[0].up.is_none());
}

#[test]
fn a_stream_holds_one_whole_frame() {
    let (mut pair, conn) = up(6);
    hear(&mut pair, conn, 50, vec![0, 0, 0, 9, 1]);
    let two = [framed(&[0x82, 2, 0xa0]), framed(&[0x82, 2, 0xa0])].concat();
    hear(&mut pair, conn, 51, two);
    assert_eq!(pair.nodes[0].faults, [Fault::NotOneFrame, Fault::NotOneFrame]);
}

#[test]
fn deliveries_outside_the_epoch_are_not_taken() {
    let (mut pair, conn) = up(7);
    let (theirs, other) = (pair.nodes[1].epoch, comity_core::EpochId([9; 16]));
    for (stream, epoch, number) in [(50, other, 1), (51, theirs, 0)] {
        let delivery = Leaving::new(
            delivery(Sample::Small, SIDES[0], epoch, number),
            &mut 0,
            &mut Wanted::new(),
        );
        hear(&mut pair, conn, stream, encode_batch(Flow::Deliver, Lane::Live, &[delivery]));
    }
    assert_eq!(pair.nodes[0].faults, [Fault::WrongEpoch(1), Fault::WrongEpoch(0)]);
    assert!(pair.nodes[0].storing.is_empty());
}

#[test]
fn a_changed_part_is_named_and_rejected() {
    for sample in [Sample::Small, Sample::Medium] {
        let (mut pair, _) = up(8);
        let number = pair.nodes[1].publish(sample, Lane::Live);
        let mut wires = Vec::new();
        pair.nodes[1].pump(pair.now, &mut wires);
        let part = pair.nodes[1].sent[&number].entry.parts[0];
        for wire in wires {
            let super::node::Wire::Send(transmit) = wire else { continue };
            let crate::transmit::OutStream::Uni { id, .. } = transmit.stream() else { continue };
            let (conn, stream, fin) = (transmit.conn(), StreamId(id + 1), transmit.fin());
            let mut bytes = transmit.into_bytes().to_vec();
            // A byte of some part's content, which is a run of ascending bytes: within the batch, or
            // of a chunk only, whose leaf hashes came unchanged.
            let target = sample == Sample::Small || bytes.len() > limits::INLINE_PART_BYTES;
            let run = bytes.windows(4).position(|bytes| bytes == [100, 101, 102, 103]);
            if let Some(at) = run.filter(|_| target) {
                bytes[at] ^= 1;
            }
            pair.input(0, Input::Received { conn, stream, bytes: bytes.into(), fin });
        }
        let [Fault::WrongPart { number: 1, part: wrong }] = pair.nodes[0].faults[..] else {
            panic!("{:?}", pair.nodes[0].faults);
        };
        assert!(pair.nodes[1].sent[&number].entry.parts.contains(&wrong));
        assert!(sample != Sample::Small || wrong == part);
        pair.settle();
        assert!(pair.nodes[1].sent[&number].rejected.is_some());
        assert!(pair.nodes[0].received.is_empty());
    }
}

#[test]
fn more_unfinished_bytes_than_the_bound_end_the_connection() {
    let (mut pair, conn) = up(9);
    let unfinished = framed(&vec![0; limits::FRAME_BYTES]).slice(..limits::FRAME_BYTES);
    let enough = limits::HELD_BYTES / unfinished.len() + 1;
    for stream in 0..enough as u64 {
        let (stream, bytes) = (StreamId(stream + 1), unfinished.clone());
        pair.input(0, Input::Received { conn, stream, bytes, fin: false });
    }
    assert_eq!(pair.nodes[0].faults, [Fault::Overrun]);
    assert!(pair.nodes[0].up.is_none());
}

fn chunk(transfer: u64, index: u64, bytes: &[u8]) -> Bytes {
    let mut writer = Writer::new();
    writer.array(2).uint(kind::CHUNK).map(3);
    writer.key(0).uint(transfer).key(1).uint(index).key(2).bytes(bytes);
    framed(&writer.into_bytes())
}

#[test]
fn small_chunks_without_a_batch_end_the_connection() {
    let (mut pair, conn) = up(11);
    let enough = (limits::HELD_BYTES / limits::EARLY_CHUNK_BYTES) as u64;
    for transfer in 1..=enough {
        hear(&mut pair, conn, 100 + transfer, chunk(transfer, 0, b"x"));
    }
    assert!(pair.nodes[0].faults.is_empty());
    hear(&mut pair, conn, 99, chunk(enough + 1, 0, b"x"));
    assert_eq!(pair.nodes[0].faults, [Fault::Overrun]);
    assert!(pair.nodes[0].up.is_none());
}

#[test]
fn a_chunk_that_no_part_can_have_is_a_fault() {
    let (mut pair, conn) = up(12);
    hear(&mut pair, conn, 70, chunk(1, 0, b""));
    hear(&mut pair, conn, 71, chunk(1, limits::CHUNKS as u64, b"x"));
    let [Fault::Malformed { kind: kind::CHUNK, .. }, Fault::Malformed { kind: kind::CHUNK, .. }] =
        pair.nodes[0].faults[..]
    else {
        panic!("{:?}", pair.nodes[0].faults);
    };
    hear(&mut pair, conn, 72, chunk(1, limits::CHUNKS as u64 - 1, b"x"));
    assert_eq!(pair.nodes[0].faults.len(), 2);
}

#[test]
fn more_than_the_bound_is_put_off() {
    let config = crate::load::Config {
        in_flight: crate::load::Load { deliveries: 2, ..crate::load::Load::LIMIT },
        ..Default::default()
    };
    let mut pair = Pair::with(10, [config.clone(), config]);
    pair.connect();
    pair.quiet();
    let conn = pair.nodes[0].up.unwrap();
    let epoch = pair.nodes[1].epoch;
    let batch: Vec<_> = (1..=3)
        .map(|number| {
            Leaving::new(
                delivery(Sample::Small, SIDES[0], epoch, number),
                &mut 0,
                &mut Wanted::new(),
            )
        })
        .collect();
    // A partner that does not keep to the bound.
    pair.input(
        0,
        Input::Received {
            conn,
            stream: StreamId(70),
            bytes: encode_batch(Flow::Deliver, Lane::Live, &batch),
            fin: true,
        },
    );
    assert_eq!(pair.nodes[0].storing.len(), 2);
    assert!(pair.nodes[0].faults.is_empty());
    // It hears which: numbers that it never used, as it happens, since this batch was made up.
    pair.quiet();
    assert_eq!(pair.nodes[1].faults, [Fault::NeverSent(3)]);
}

/// A delivery without the bytes of the part at this place, which its entry says to be `empty`, or what it is.
fn with_a_gap(
    kind: u64,
    sample: Sample,
    epoch: EpochId,
    (gap, empty): (usize, Option<PartDigest>),
) -> Bytes {
    let mut entry = sample.entry(epoch, 1);
    entry.parts[gap] = empty.unwrap_or(entry.parts[gap]);
    let mut writer = Writer::new();
    writer.array(2).uint(kind).map(2).key(0).uint(1).key(1).array(1).array(3);
    writer.raw(&entry.encode()).bytes(&sample.signed());
    let parts = sample.parts();
    writer.array(parts.len());
    for (place, (_, bytes)) in parts.iter().enumerate() {
        writer.bytes(if place == gap { b"" } else { bytes });
    }
    framed(&writer.into_bytes())
}

/// Whoever gives back what it has erased a part of has no bytes for it. Whoever delivers has them all.
#[test]
fn only_what_is_given_back_may_lack_a_part() {
    for (kind, returned) in [(kind::RETURN, true), (kind::BATCH, false)] {
        let (mut pair, conn) = up(13);
        let (ours, theirs) = (pair.nodes[0].epoch, pair.nodes[1].epoch);
        let epoch = if returned { ours } else { theirs };
        pair.nodes[0].recovering = returned;
        hear(&mut pair, conn, 70, with_a_gap(kind, Sample::Many, epoch, (3, None)));
        let came = pair.nodes[0].others.drain(..).find_map(|output| {
            if let Output::Returned(incoming) = output { Some(incoming.parts) } else { None }
        });
        let parts = Sample::Many.bodies();
        if returned {
            let others = [&parts[..3], &parts[4..]].concat();
            assert_eq!(came, Some(others));
            assert!(pair.nodes[0].faults.is_empty());
        } else {
            assert_eq!(came, None);
            let wrong = Fault::WrongPart { number: 1, part: parts[3].0 };
            assert_eq!(pair.nodes[0].faults, [wrong]);
        }
    }
}

/// Nothing has a digest as well, and is no part of any record.
#[test]
fn a_part_that_is_empty_is_never_delivered() {
    let (mut pair, conn) = up(13);
    let epoch = pair.nodes[1].epoch;
    let empty = digest_of(b"").unwrap();
    // Where the parts stay in their order.
    let parts = Sample::Many.entry(epoch, 1).parts;
    let place = parts.partition_point(|part| *part < empty).min(parts.len() - 1);
    let frame = with_a_gap(kind::BATCH, Sample::Many, epoch, (place, Some(empty)));
    hear(&mut pair, conn, 70, frame);
    assert!(pair.nodes[0].others.is_empty());
    assert_eq!(pair.nodes[0].faults, [Fault::WrongPart { number: 1, part: empty }]);
}
