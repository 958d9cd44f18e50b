//! Signs of life: a question is answered with the partner's clock, and only over a link that is up.

use std::time::Duration;

use super::pair::Pair;
use crate::event::{Input, Output};
use crate::fault::Fault;
use crate::limits;

fn pongs(pair: &Pair, side: usize) -> Vec<(u64, comity_core::Timestamp)> {
    let mut pongs = Vec::new();
    for output in &pair.nodes[side].others {
        if let Output::Pong { nonce, at } = output {
            pongs.push((*nonce, *at));
        }
    }
    pongs
}

/// Enough for a question and its answer to come through.
fn steps(pair: &mut Pair) {
    for _ in 0..20_000 {
        pair.step();
    }
}

#[test]
fn a_question_is_answered_once_with_the_clock_of_the_partner() {
    let mut pair = Pair::new(3);
    pair.connect();
    let asked = pair.now;
    pair.input(0, Input::Ping { nonce: 7 });
    pair.input(1, Input::Ping { nonce: 8 });
    steps(&mut pair);
    for (side, nonce) in [(0, 7), (1, 8)] {
        let [(answered, at)] = pongs(&pair, side)[..] else { panic!("one answer") };
        assert_eq!(answered, nonce);
        assert!(asked <= at && at <= pair.now, "{at}");
    }
    assert!(pair.nodes.iter().all(|node| node.faults.is_empty() && node.told.is_empty()));
}

#[test]
fn nothing_is_asked_while_the_link_is_down() {
    let mut pair = Pair::new(4);
    pair.input(0, Input::Ping { nonce: 7 });
    pair.now = pair.now.saturating_add(Duration::from_secs(1));
    pair.connect();
    steps(&mut pair);
    assert!(pongs(&pair, 0).is_empty());
}

/// Answers that nobody reads pile up here: whoever asks on and on is at fault, and out.
#[test]
fn whoever_asks_without_end_is_not_answered_without_end() {
    let mut pair = Pair::new(5);
    pair.connect();
    let most = u64::from(limits::PINGS);
    for nonce in 0..most {
        pair.input(0, Input::Ping { nonce });
    }
    steps(&mut pair);
    assert_eq!(pongs(&pair, 0).len() as u64, most);
    assert!(pair.nodes[1].faults.is_empty());

    // As many again when their time has passed, and then none.
    pair.now = pair.now.saturating_add(limits::PING_EVERY * limits::PINGS);
    for nonce in 0..most * 2 {
        pair.input(0, Input::Ping { nonce });
    }
    steps(&mut pair);
    assert!(pongs(&pair, 0).len() as u64 <= most * 5 / 2);
    assert!(pair.nodes[1].faults.contains(&Fault::TooManyPings));
}
