//! A node restored from a backup: what it had sent comes back, and a new epoch opens.

use comity_core::EpochId;
use comity_core::digest::Digest;
use comity_core::ledger::Opening;

use super::node::Node;
use super::pair::Pair;
use super::sample::{Sample, delivery};
use crate::event::{Input, Output};
use crate::load::{Config, Lane, Load};

/// A pair whose small side had sent five deliveries, and was restored to when it had sent two.
fn restored() -> (Pair, Node) {
    let mut pair = Pair::new(1);
    for sample in [Sample::Small, Sample::Medium, Sample::Small, Sample::Large, Sample::Many] {
        pair.nodes[0].publish(sample, Lane::Live);
    }
    pair.settle();
    let before = std::mem::replace(&mut pair.nodes[0], Node::new(0, 3, Config::default()));
    for number in 1..=2 {
        let sent = before.sent[&number].clone();
        pair.nodes[0].head = pair.nodes[0].head.after(sent.entry.digest());
        pair.nodes[0].sent.insert(number, sent);
    }
    pair.nodes[0].recovering = true;
    pair.break_all();
    pair.quiet();
    pair.connect();
    (pair, before)
}

#[test]
fn the_partner_gives_back_what_was_sent_after_the_backup() {
    let (mut pair, before) = restored();
    let hello = pair.nodes[1].hellos.last().unwrap();
    assert!(hello.heads.recovering);
    assert_eq!(hello.heads.out.head.number, 2);
    let back: Vec<u64> = vec![3, 4, 5];
    for number in &back {
        let sent = &before.sent[number];
        assert!(pair.nodes[1].link.room().fits(sent.sample.load()));
        let to = pair.nodes[1].partner();
        let delivery = delivery(sent.sample, to, before.epoch, *number);
        pair.input(1, Input::Return(delivery));
    }
    let digest = Digest([6; 32]);
    pair.input(1, Input::ReturnVoid { number: 6, digest });
    pair.pass(Config::default().batch_delay);
    pair.quiet();
    let mut numbers = Vec::new();
    for output in pair.nodes[0].others.drain(..) {
        if let Output::ReturnedVoid { number, digest: given } = output {
            assert_eq!((number, given), (6, digest));
            numbers.push(number);
            continue;
        }
        let Output::Returned(incoming) = output else { panic!("{output:?}") };
        let sent = &before.sent[&incoming.entry.number];
        assert_eq!(incoming.entry, sent.entry);
        assert_eq!(incoming.parts, sent.sample.bodies());
        numbers.push(incoming.entry.number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [3, 4, 5, 6]);
    assert_ne!(pair.nodes[1].link.room(), Load::LIMIT);
    pair.input(0, Input::ReturnStored { numbers });
    pair.quiet();
    assert_eq!(pair.nodes[1].link.room(), Load::LIMIT);
    let [Output::ReturnAcked { numbers }] = &pair.nodes[1].others[..] else { panic!() };
    assert_eq!(numbers.as_slice(), [(3, 6)]);
    assert!(pair.nodes.iter().all(|node| node.faults.is_empty()));
}

#[test]
fn nothing_is_delivered_in_a_new_epoch_before_the_partner_has_it() {
    let (mut pair, before) = restored();
    let old = pair.nodes[0].epoch;
    let opening = Opening {
        epoch: EpochId([8; 16]),
        previous: old,
        known: before.head,
        first: before.head.number + 1,
    };
    pair.nodes[0].epoch = opening.epoch;
    pair.nodes[0].head = opening.head();
    pair.nodes[0].sent.clear();
    pair.input(0, Input::Recovered(opening));
    assert_eq!(pair.nodes[0].link.room(), Load::default());
    pair.quiet();
    let [Output::EpochAnnounced(told)] = pair.nodes[1].others[..] else { panic!() };
    assert_eq!(told, opening);
    assert_eq!(pair.nodes[0].link.room(), Load::default());
    assert_eq!(pair.nodes[1].arrivals.open(&told), Ok(()));
    pair.input(1, Input::EpochStored(told));
    pair.quiet();
    assert!(
        matches!(pair.nodes[0].others[..], [Output::EpochAccepted(epoch)] if epoch == opening.epoch)
    );
    let number = pair.nodes[0].publish(Sample::Small, Lane::Live);
    assert_eq!(number, 6);
    pair.settle();
    assert_eq!(pair.nodes[1].arrivals.head(), pair.nodes[0].head);
    // And over the next connection too.
    pair.break_all();
    pair.nodes[0].publish(Sample::Small, Lane::Live);
    pair.settle();
}

#[test]
fn an_announcement_that_was_lost_is_made_again() {
    let (mut pair, before) = restored();
    let previous = pair.nodes[0].epoch;
    let first = before.head.number + 1;
    let opening = Opening { epoch: EpochId([8; 16]), previous, known: before.head, first };
    pair.nodes[0].epoch = opening.epoch;
    pair.nodes[0].head = opening.head();
    pair.nodes[0].sent.clear();
    pair.input(0, Input::Recovered(opening));
    pair.break_all();
    pair.quiet();
    pair.connect();
    pair.quiet();
    // The greeting shows that the partner has not heard of it.
    let hello = pair.nodes[0].hellos.last().unwrap();
    assert_eq!(hello.heads.inbound.epoch, Some(previous));
    assert_eq!(pair.nodes[0].link.room(), Load::default());
    pair.input(0, Input::Recovered(opening));
    pair.quiet();
    assert!(matches!(pair.nodes[1].others[..], [Output::EpochAnnounced(_)]));
    // The answer is lost; the partner accepts again without asking its engine.
    pair.nodes[1].arrivals.open(&opening).unwrap();
    pair.input(1, Input::EpochStored(opening));
    pair.break_all();
    pair.quiet();
    pair.connect();
    pair.input(0, Input::Recovered(opening));
    pair.quiet();
    assert_eq!(pair.nodes[1].others.len(), 1);
    assert!(pair.nodes[0].others.iter().any(|one| matches!(one, Output::EpochAccepted(_))));
}

#[test]
fn a_partner_that_has_nothing_yet_waits_for_a_new_epoch_too() {
    let mut pair = Pair::new(1);
    pair.connect();
    pair.quiet();
    assert_eq!(pair.nodes[1].hellos.last().unwrap().heads.out.head.number, 0);
    let old = pair.nodes[0].epoch;
    let opening =
        Opening { epoch: EpochId([8; 16]), previous: old, known: pair.nodes[0].head, first: 1 };
    pair.nodes[0].epoch = opening.epoch;
    pair.nodes[0].head = opening.head();
    pair.input(0, Input::Recovered(opening));
    assert_eq!(pair.nodes[0].link.room(), Load::default(), "it takes numbers of the old one");
    pair.quiet();
    assert!(pair.nodes[1].arrivals.begin(old));
    pair.nodes[1].arrivals.open(&opening).unwrap();
    pair.input(1, Input::EpochStored(opening));
    pair.quiet();
    pair.nodes[0].publish(Sample::Small, Lane::Live);
    pair.settle();
    assert!(pair.nodes.iter().all(|node| node.faults.is_empty()));
}
