//! Heads go to whoever understands them, over a link that is up.

use comity_core::digest::Digest;
use comity_core::keyring::{DatedHead, Place, SignedHead};
use comity_core::sign::SecretKey;

use super::pair::Pair;
use super::sample::{SIDES, START};
use crate::event::{Input, Output};
use crate::fault::Fault;
use crate::frame::{Frame, kind};
use crate::hello::{AMENDMENTS, GAPS, HEADS, Hello, KNOWN, RESUME};
use crate::link::Link;
use crate::load::{Config, Load};
use crate::transmit::{ConnId, StreamId};

fn head() -> Box<SignedHead> {
    let place = Place { rotations: 0, version: 7 };
    let head = DatedHead { economy: SIDES[1], place, digest: Digest([3; 32]), at: START };
    Box::new(head.sign(&SecretKey::from_seed(&[1; 32])))
}

/// Our link, up with a partner that has these features; what it says when it is to tell a head.
fn tells(features: Vec<u64>) -> bool {
    let there = Pair::new(17);
    let conn = ConnId(1);
    let mut link = Link::new(SIDES[0], SIDES[1], [1; 16], Config::default());
    let [ours, theirs] = [there.nodes[0].heads(), there.nodes[1].heads()];
    let mut hello = Hello::new([2; 16], Load::LIMIT, theirs);
    hello.features = features;
    let hear = |frame: &Frame| Input::Received {
        conn,
        stream: StreamId::CONTROL,
        bytes: frame.encode(),
        fin: false,
    };
    link.handle(Input::Opened { conn, dialed: true, heads: ours }, START);
    assert!(link.handle(Input::KeyringHead(head()), START).is_empty(), "before it is up");
    link.handle(hear(&Frame::Hello(Box::new(hello))), START);
    link.handle(Input::Admit { conn }, START);
    link.handle(hear(&Frame::Use), START);
    assert_eq!(link.up(), Some(conn));
    !link.handle(Input::KeyringHead(head()), START).is_empty()
}

#[test]
fn a_partner_of_an_older_version_is_never_told() {
    assert!(tells(vec![RESUME, KNOWN, HEADS]));
    assert!(tells(vec![HEADS]));
    assert!(!tells(vec![RESUME, KNOWN]));
    assert!(!tells(vec![RESUME, KNOWN, AMENDMENTS, GAPS]));
}

#[test]
fn what_one_side_tells_the_other_hears() {
    let mut pair = Pair::new(5);
    pair.connect();
    pair.input(0, Input::KeyringHead(head()));
    pair.quiet();
    let heard = |output: &Output| matches!(output, Output::KeyringHead(one) if *one == head());
    assert!(pair.nodes[1].others.iter().any(heard));
    assert!(pair.nodes.iter().all(|node| node.faults.is_empty()));
}

#[test]
fn a_head_before_the_connection_is_in_use_is_a_fault() {
    let there = Pair::new(6);
    let conn = ConnId(1);
    let mut link = Link::new(SIDES[0], SIDES[1], [1; 16], Config::default());
    let heads = there.nodes[0].heads();
    link.handle(Input::Opened { conn, dialed: true, heads }, START);
    let bytes = Frame::KeyringHead(head()).encode();
    let stream = StreamId::CONTROL;
    let said = link.handle(Input::Received { conn, stream, bytes, fin: false }, START);
    let early = |output: &Output| {
        matches!(output, Output::Misbehaved { what: Fault::TooEarly(kind::KEYRING_HEAD), .. })
    };
    assert!(said.iter().any(early), "{said:?}");
}
