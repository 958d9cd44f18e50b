//! What is put off goes again, but for what is here.

use comity_core::ledger::Ranges;

use super::{broken_after, control, hand, kept, large, taken};
use crate::event::Input;
use crate::frame::{Flow, Frame, Key};
use crate::load::Lane;
use crate::tests::pair::Pair;
use crate::tests::sample::Sample;

/// The link is up again, and nothing has been sent over it.
fn reconnect(pair: &mut Pair) {
    pair.dial(0);
    pair.quiet();
    assert!(pair.nodes.iter().all(|node| node.up.is_some()));
}

#[test]
fn what_the_disk_does_not_take_is_put_off_and_the_rest_is_not_sent_again() {
    let mut pair = Pair::new(5);
    pair.nodes[1].slow_disk = true;
    pair.connect();
    pair.nodes[0].publish(Sample::Large, Lane::Live);
    pair.pump(0);
    pair.quiet();
    pair.run_errand(1, true);
    pair.run_errand(1, false);
    pair.quiet();
    assert_eq!(pair.nodes[0].queue, [1]);
    pair.run_errand(1, true);
    pair.chunks.sent.clear();
    pair.nodes[1].slow_disk = false;
    pair.settle();
    // The third was on its way to the disk when the partner was told.
    let again = pair.chunks.sent.len();
    assert!((1..=2).contains(&again), "{again}");
    assert_eq!(pair.nodes[1].received[&1].parts, Sample::Large.bodies());
}

/// What is put off after a break had come over another connection. Told of it, the partner would take that
/// for an answer to what it has sent over this one, and send it twice.
#[test]
fn what_came_before_a_break_is_put_off_silently_until_it_comes_again() {
    let mut pair = broken_after(18, Sample::Large, &[0, 1, 2]);
    reconnect(&mut pair);
    assert!(pair.nodes[1].storing.remove(&1).is_some());
    let deferred = |pair: &mut Pair| {
        let outputs = pair.nodes[1].link.handle(Input::Deferred { number: 1 }, pair.now);
        control(&outputs)
    };
    assert_eq!(deferred(&mut pair), []);
    pair.pump(0);
    pair.quiet();
    assert!(pair.nodes[1].storing.remove(&1).is_some(), "all of it was here already");
    let want = Frame::ChunkWant { number: 1, part: large(), leaves: Ranges::new() };
    let defer = Frame::Defer(Key { flow: Flow::Deliver, number: 1 });
    assert_eq!(deferred(&mut pair), [want, defer.clone()]);

    // The same where the engine has it all the while: what comes again waits for the same answer.
    let mut pair = broken_after(19, Sample::Large, &[0, 1, 2]);
    reconnect(&mut pair);
    pair.pump(0);
    pair.quiet();
    assert!(pair.nodes[1].storing.remove(&1).is_some());
    assert_eq!(deferred(&mut pair).last(), Some(&defer));
}

/// The partner that agrees last sends at once, and its batch may overtake its word.
#[test]
fn what_is_put_off_before_the_link_is_up_goes_on_where_it_stopped() {
    let mut pair = Pair::new(20);
    pair.connect();
    pair.quiet();
    pair.nodes[1].publish(Sample::Large, Lane::Live);
    for stream in taken(&mut pair, 1).into_iter().take(2) {
        hand(&mut pair, 0, stream);
    }
    pair.break_all();
    pair.quiet();
    assert_eq!(kept(&pair.nodes[0]), 1);
    // Up at the side that sends, and not yet at the other.
    pair.dialing = false;
    let conn = pair.dial(1);
    pair.open(0, conn);
    pair.open(1, conn);
    while pair.nodes[1].up.is_none() {
        assert!(pair.deliver_some());
    }
    assert_eq!(pair.nodes[0].up, None);
    pair.nodes[0].slow_disk = true;
    for stream in taken(&mut pair, 1) {
        hand(&mut pair, 0, stream);
    }
    pair.run_errand(0, true);
    pair.run_errand(0, false);
    pair.nodes[0].slow_disk = false;
    assert_eq!((kept(&pair.nodes[0]), pair.nodes[0].up), (2, None));
    pair.quiet();
    assert_eq!(pair.nodes[1].queue, [1], "put off");
    pair.chunks.sent.clear();
    pair.settle();
    assert_eq!(pair.chunks.sent, [(1, (1, large(), 2))]);
    assert_eq!(pair.nodes[0].received[&1].parts, Sample::Large.bodies());
}

#[test]
fn what_gave_way_after_it_was_asked_for_is_put_off_and_comes_whole() {
    let mut pair = broken_after(11, Sample::Large, &[0]);
    pair.connect();
    pair.quiet();
    // The sender knows that it need not send the first chunk; now that one is gone.
    pair.nodes[1].storing.clear();
    pair.input(1, Input::Spoiled { number: 1 });
    pair.settle();
    assert_eq!(pair.nodes[1].received[&1].parts, Sample::Large.bodies());
    assert!(pair.nodes.iter().all(|node| node.faults.is_empty()));
}
