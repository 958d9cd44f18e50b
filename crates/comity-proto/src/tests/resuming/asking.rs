//! Who asks for chunks of what, and what comes of it.

use comity_core::identity::PartDigest;

use super::{control, large, leaves};
use crate::arrival::Kept;
use crate::batch::{Leaving, Wanted, encode_batch};
use crate::event::{Input, Output};
use crate::fault::Fault;
use crate::frame::{Flow, Frame, kind};
use crate::hello::{Hello, RESUME};
use crate::limits;
use crate::link::Link;
use crate::load::{Config, Lane, Load};
use crate::tests::pair::Pair;
use crate::tests::sample::{SIDES, START, Sample, delivery};
use crate::transmit::{ConnId, StreamId};

/// What side 1 says over the control stream, as a partner that keeps to no rule.
fn say(pair: &mut Pair, frame: &Frame) {
    let conn = pair.nodes[0].up.unwrap();
    let (stream, bytes) = (StreamId::CONTROL, frame.encode());
    pair.input(0, Input::Received { conn, stream, bytes, fin: false });
}

/// A pair of which side 0 has a large part to send again, because there was no room for it.
fn put_off(seed: u64) -> (Pair, u64) {
    let mut pair = Pair::new(seed);
    pair.connect();
    pair.quiet();
    let number = pair.nodes[0].publish(Sample::Large, Lane::Live);
    pair.pump(0);
    pair.quiet();
    pair.nodes[1].storing.clear();
    pair.input(1, Input::Spoiled { number });
    pair.quiet();
    assert_eq!(pair.nodes[0].queue, [number]);
    pair.chunks.sent.clear();
    (pair, number)
}

#[test]
fn whoever_asks_for_a_part_that_was_withheld_gets_nothing_and_is_told() {
    let (mut pair, number) = put_off(12);
    let withheld = PartDigest([5; 32]);
    let want = |number, part| Frame::ChunkWant { number, part, leaves: leaves(&[0]) };
    // Of a number that waits to be sent, and of one that never was.
    say(&mut pair, &want(number, withheld));
    say(&mut pair, &want(77, withheld));
    let not_offered = Fault::NotOffered { number, part: withheld };
    assert_eq!(pair.nodes[0].faults, [not_offered.clone(), Fault::NeverSent(77)]);
    pair.quiet();
    assert!(pair.chunks.sent.is_empty(), "asking alone moves nothing");
    assert_eq!(pair.nodes[1].told.len(), 2);
    assert_eq!(pair.nodes[0].link.faults(), 2);
    // A part of the delivery, but not a leaf of it.
    let beyond = Frame::ChunkWant { number, part: large(), leaves: leaves(&[0, 3]) };
    say(&mut pair, &beyond);
    pair.settle();
    let fault = Fault::NotOffered { number, part: large() };
    assert_eq!(pair.nodes[0].faults.last(), Some(&fault));
    assert_eq!(pair.chunks.sent.len(), 3, "the request counts for nothing");
    // Of one that was acknowledged nothing goes again, whatever is asked for.
    pair.chunks.sent.clear();
    say(&mut pair, &want(number, large()));
    say(&mut pair, &want(number, withheld));
    pair.quiet();
    assert!(pair.chunks.sent.is_empty());
    assert_eq!(pair.nodes[0].faults.last(), Some(&not_offered));
}

#[test]
fn asking_before_the_greeting_ends_the_connection() {
    let mut pair = Pair::new(13);
    pair.dialing = false;
    let conn = pair.dial(1);
    pair.open(0, conn);
    let frame = Frame::ChunkWant { number: 1, part: large(), leaves: leaves(&[0]) };
    let (stream, bytes) = (StreamId::CONTROL, frame.encode());
    pair.input(0, Input::Received { conn, stream, bytes, fin: false });
    assert_eq!(pair.nodes[0].faults, [Fault::TooEarly(kind::CHUNK_WANT)]);
    assert_eq!(pair.nodes[0].closes.len(), 1);
}

#[test]
fn requests_are_remembered_up_to_a_bound() {
    let (mut pair, number) = put_off(14);
    pair.dialing = false;
    for part in 0..=limits::WANTS {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&(part as u64).to_be_bytes());
        let part = PartDigest(digest);
        // Not to be told of each, or the connection would end.
        let frame = Frame::ChunkWant { number, part, leaves: leaves(&[0]) };
        let conn = pair.nodes[0].up.unwrap();
        let (stream, bytes) = (StreamId::CONTROL, frame.encode());
        let input = Input::Received { conn, stream, bytes, fin: false };
        let outputs = pair.nodes[0].link.handle(input, pair.now);
        assert!(matches!(outputs[..], [Output::Wanted { .. }]), "{outputs:?}");
    }
    pair.pump(0);
    assert!(pair.nodes[0].up.is_none(), "more than is borne was asked for");
    let faults = pair.nodes[0].faults.len();
    assert!(faults <= limits::WANTS, "{faults}");
}

#[test]
fn leaving_out_what_nobody_has_is_a_fault() {
    let mut pair = Pair::new(16);
    pair.connect();
    pair.quiet();
    pair.dialing = false;
    let conn = pair.nodes[0].up.unwrap();
    let mut wanted: Wanted = [(large(), leaves(&[1]))].into();
    let delivery = delivery(Sample::Large, SIDES[0], pair.nodes[1].epoch, 1);
    let leaving = Leaving::new(delivery, &mut 0, &mut wanted);
    let bytes = encode_batch(Flow::Deliver, Lane::Live, &[leaving]);
    pair.input(0, Input::Received { conn, stream: StreamId(90), bytes, fin: true });
    assert_eq!(pair.nodes[0].faults, [Fault::PartsContradict(1)]);
}

#[test]
fn a_partner_is_asked_before_the_connection_is_used_if_it_understands() {
    let mut there = Pair::new(17);
    there.nodes[1].publish(Sample::Large, Lane::Live);
    let (theirs, part) = (there.nodes[1].heads(), large());
    let entry = there.nodes[1].sent[&1].entry.digest();
    for (features, recovering, asked) in
        [(vec![RESUME], false, true), (vec![], false, false), (vec![RESUME], true, false)]
    {
        let mut link = Link::new(SIDES[0], SIDES[1], [1; 16], Config::default());
        let kept = Kept {
            number: 1,
            entry,
            part,
            length: Sample::Large.parts()[0].1.len(),
            leaves: leaves(&[1]),
        };
        link.handle(Input::Resume(vec![kept]), START);
        let mut ours = there.nodes[0].heads();
        ours.inbound.epoch = Some(theirs.out.epoch);
        let conn = ConnId(1);
        link.handle(Input::Opened { conn, dialed: true, heads: ours }, START);
        let mut hello = Hello::new([2; 16], Load::LIMIT, theirs.clone());
        hello.features = features;
        hello.heads.recovering = recovering;
        let bytes = Frame::Hello(Box::new(hello)).encode();
        let stream = StreamId::CONTROL;
        link.handle(Input::Received { conn, stream, bytes, fin: false }, START);
        let said = control(&link.handle(Input::Admit { conn }, START));
        let want = Frame::ChunkWant { number: 1, part, leaves: leaves(&[0, 2]) };
        let expected = if asked { vec![want, Frame::Use] } else { vec![Frame::Use] };
        assert_eq!(said, expected);
    }
}
