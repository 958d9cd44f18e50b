//! From an open connection to a link that is up.

use std::time::Duration;

use comity_core::cbor::Writer;
use proptest::prelude::*;

use super::node::Node;
use super::pair::Pair;
use super::sample::{START, Sample};
use crate::event::{Input, Output};
use crate::fault::{CloseReason, Fault};
use crate::frame::{Frame, framed, kind};
use crate::hello::Hello;
use crate::limits;
use crate::load::{Config, Lane};
use crate::transmit::{ConnId, StreamId};

const CONN: ConnId = ConnId(1);

/// A node of one side, greeted by nobody yet.
fn opened(side: usize) -> Node {
    let mut node = Node::new(side, 1, Config::default());
    open(&mut node, CONN);
    node
}

fn open(node: &mut Node, conn: ConnId) {
    let heads = node.heads();
    node.input(Input::Opened { conn, dialed: true, heads }, START, &mut Vec::new());
}

fn hear(node: &mut Node, conn: ConnId, bytes: bytes::Bytes) {
    let input = Input::Received { conn, stream: StreamId::CONTROL, bytes, fin: false };
    node.input(input, START, &mut Vec::new());
}

fn hello_of(node: &Node, boot: u8) -> Frame {
    Frame::Hello(Box::new(Hello::new([boot; 16], Config::default().in_flight, node.heads())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_sides_settle_on_one_connection(seed: u64, dialers in prop::collection::vec(0_usize..2, 1..4)) {
        let mut pair = Pair::new(seed);
        pair.dialing = false;
        for dialer in dialers {
            pair.dial(dialer);
        }
        pair.quiet();
        let ups: Vec<_> = pair.nodes.iter().map(|node| node.up).collect();
        prop_assert!(ups[0].is_some());
        prop_assert_eq!(ups[0], ups[1]);
        prop_assert!(pair.nodes.iter().all(|node| node.ups == 1 && node.faults.is_empty()));
    }
}

#[test]
fn nothing_but_a_hello_travels_before_both_engines_have_said_yes() {
    let mut pair = Pair::new(1);
    pair.dialing = false;
    pair.nodes[1].refuse = Some("ledger heads disagree".into());
    pair.nodes[0].publish(Sample::Small, Lane::Urgent);
    pair.dial(0);
    for _ in 0..500 {
        pair.step();
    }
    assert!(pair.nodes[0].up.is_none() && pair.nodes[1].up.is_none());
    assert!(pair.nodes[1].storing.is_empty());
    let reason = CloseReason::Refused("ledger heads disagree".into());
    assert_eq!(pair.nodes[1].closes, std::slice::from_ref(&reason));
    assert_eq!(reason.to_string(), "refused: ledger heads disagree");
}

#[test]
fn another_version_is_named_with_ours() {
    for side in [0, 1] {
        let mut node = opened(side);
        let mut writer = Writer::new();
        // A later version may say anything after its versions, as long as it is deterministic.
        writer.array(2).uint(kind::HELLO).map(2).key(0).array(2).uint(2).uint(3);
        writer.key(1).text("something new");
        hear(&mut node, CONN, framed(&writer.into_bytes()));
        assert_eq!(node.closes, [CloseReason::Version { theirs: vec![2, 3] }]);
        assert_eq!(
            node.closes[0].to_string(),
            "no common version: we speak comity/1, the partner speaks comity/2, comity/3"
        );
    }
}

#[test]
fn a_hello_with_keys_of_a_later_version_is_understood() {
    let mut node = opened(0);
    let hello = hello_of(&Node::new(1, 2, Config::default()), 2);
    let bytes = hello.encode();
    // [0, {.. 7 keys ..}] gains the key 40.
    let mut body = bytes[4..].to_vec();
    assert_eq!(body[2], 0xa7);
    body[2] = 0xa8;
    body.extend_from_slice(&[0x18, 40, 0x61, b'x']);
    hear(&mut node, CONN, framed(&body));
    assert_eq!(node.hellos.len(), 1);
}

#[test]
fn frames_before_their_time_break_the_connection() {
    let early = [Frame::Drain, Frame::Bye, Frame::Receipt(bytes::Bytes::new())];
    for frame in early {
        let mut node = opened(1);
        hear(&mut node, CONN, frame.encode());
        assert_eq!(node.closes, [CloseReason::Broken(Fault::TooEarly(frame.kind()))]);
    }
    let mut node = opened(1);
    hear(&mut node, CONN, Frame::Use.encode());
    assert_eq!(node.closes, [CloseReason::Broken(Fault::TooEarly(kind::USE))]);
    let mut node = opened(0);
    let hello = hello_of(&Node::new(1, 2, Config::default()), 2);
    hear(&mut node, CONN, hello.encode());
    hear(&mut node, CONN, hello.encode());
    assert_eq!(node.closes, [CloseReason::Broken(Fault::OutOfTurn(kind::HELLO))]);
    let mut node = opened(1);
    let stream = StreamId(1);
    let input = Input::Received { conn: CONN, stream, bytes: vec![0; 9].into(), fin: false };
    node.input(input, START, &mut Vec::new());
    assert_eq!(node.closes, [CloseReason::Broken(Fault::TooEarly(kind::BATCH))]);
}

#[test]
fn the_larger_side_does_not_choose() {
    // The smaller id never hears USE before it has said it.
    let mut node = Node::new(0, 1, Config::default());
    open(&mut node, CONN);
    node.refuse = None;
    let hello = hello_of(&Node::new(1, 2, Config::default()), 2);
    let outputs = node.link.handle(
        Input::Received {
            conn: CONN,
            stream: StreamId::CONTROL,
            bytes: hello.encode(),
            fin: false,
        },
        START,
    );
    assert!(matches!(outputs[..], [Output::Greeted { .. }]));
    hear(&mut node, CONN, Frame::Use.encode());
    assert_eq!(node.closes, [CloseReason::Broken(Fault::OutOfTurn(kind::USE))]);
}

#[test]
fn silence_after_opening_ends_the_connection() {
    let mut node = opened(0);
    let due = START.saturating_add(limits::GREETING_TIMEOUT);
    assert_eq!(node.link.next_timer(), Some(due));
    node.input(Input::Timer, due, &mut Vec::new());
    assert_eq!(node.closes, [CloseReason::GreetingTimeout]);
    assert_eq!(node.link.next_timer(), None);
}

#[test]
fn too_many_connections_at_once_are_closed() {
    let mut node = opened(0);
    for conn in 2..=5 {
        open(&mut node, ConnId(conn));
    }
    assert_eq!(node.closes, [CloseReason::TooManyConnections]);
}

#[test]
fn a_restarted_partner_takes_over_at_once() {
    let mut pair = Pair::new(5);
    pair.dialing = false;
    pair.dial(0);
    pair.quiet();
    let old = pair.nodes[0].up;
    assert!(old.is_some());
    // The partner's process is new; our side has not noticed that the old one is gone.
    pair.nodes[1] = Node::new(1, 9, Config::default());
    pair.dial(1);
    pair.quiet();
    assert!(pair.nodes[0].up.is_some() && pair.nodes[0].up != old);
    assert_eq!(pair.nodes[0].up, pair.nodes[1].up);
    assert_eq!(pair.nodes[0].downs, [CloseReason::Superseded]);
}

#[test]
fn a_connection_in_use_yields_only_after_silence() {
    let mut pair = Pair::new(6);
    pair.dialing = false;
    pair.dial(0);
    pair.quiet();
    let first = pair.nodes[0].up;
    pair.dial(1);
    pair.quiet();
    assert_eq!(pair.nodes[0].up, first);
    assert!(pair.nodes[0].closes.contains(&CloseReason::Duplicate));
    pair.pass(limits::SILENCE + Duration::from_secs(1));
    pair.dial(1);
    pair.quiet();
    assert!(pair.nodes[0].up.is_some() && pair.nodes[0].up != first);
    assert_eq!(pair.nodes[0].up, pair.nodes[1].up);
}

#[test]
fn a_greeting_that_was_overtaken_is_refused() {
    let mut node = opened(1);
    let mut partner = Node::new(0, 2, Config::default());
    partner.publish(Sample::Small, Lane::Live);
    hear(&mut node, CONN, hello_of(&partner, 2).encode());
    assert_eq!(node.hellos.len(), 1);
    open(&mut node, ConnId(2));
    let older = Node::new(0, 2, Config::default());
    hear(&mut node, ConnId(2), hello_of(&older, 2).encode());
    assert_eq!(node.closes, [CloseReason::Stale]);
    // A process that was started anew may well be behind: that is for the engine to judge.
    open(&mut node, ConnId(3));
    hear(&mut node, ConnId(3), hello_of(&older, 3).encode());
    assert_eq!(node.hellos.len(), 2);
}

#[test]
fn boot_ids_that_take_turns_raise_an_alarm() {
    let mut node = Node::new(1, 1, Config::default());
    let partner = Node::new(0, 2, Config::default());
    let mut alarms = Vec::new();
    for (turn, boot) in [7, 8, 7, 8, 8].into_iter().enumerate() {
        let conn = ConnId(turn as u64 + 1);
        open(&mut node, conn);
        hear(&mut node, conn, hello_of(&partner, boot).encode());
        node.input(Input::Closed { conn }, START, &mut Vec::new());
        let alarm = node.others.iter().filter(|one| matches!(one, Output::TwoNodes)).count();
        alarms.push(alarm);
    }
    assert_eq!(alarms, [0, 0, 0, 1, 1]);
}
