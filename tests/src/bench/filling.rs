//! A partner that brings so much of something, and then more.

use comity_core::record::{Part, VerifiedRecord, control};
use comity_core::{Kind, RecordId, Tlp};
use comity_node::state::Bound;

use super::{Answer, Bench, Peer, advisory};
use crate::sim::economy::Economy;

/// An id that no record has.
#[must_use]
pub fn nobody(number: u64) -> RecordId {
    let mut id = [0xee; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    RecordId(id)
}

/// A control record.
#[must_use]
pub fn signed(
    kind: Kind,
    body: Vec<u8>,
    by: &Economy,
    bench: &Bench,
) -> (VerifiedRecord, Vec<Part>) {
    let record = control(kind, body, Tlp::Clear, &by.author, by.id, bench.now);
    (record.expect("a control record"), Vec::new())
}

/// Makes a record of an economy, told apart by a number.
pub type Make = fn(&Economy, u64, &Bench) -> (VerifiedRecord, Vec<Part>);

/// Delivers so many records, all of which are taken, then one that is over the bound; and looks at
/// everything that must hold then. What was put off, and the numbers taken.
pub fn fill(
    bench: &mut Bench,
    bound: Bound,
    taken: u64,
    make: Make,
) -> (Peer, Peer, (VerifiedRecord, Vec<Part>)) {
    let (mut hostile, mut other) = (bench.pair(2), bench.pair(3));
    let conn = bench.connect(&mut hostile);
    bench.connect(&mut other);
    let before = bench.state().records().count();
    for number in 0..taken {
        let (record, parts) = make(&hostile.economy, number, bench);
        let delivered = bench.deliver(&mut hostile, &record, &parts);
        assert_eq!(bench.answer(&hostile, delivered), Answer::Acked, "{number}");
        bench.heard(conn);
    }
    assert_eq!(bench.state().records().count() - before, usize::try_from(taken).unwrap());
    assert!(bench.alarms("no-room").is_empty());

    let journal = bench.journal();
    let over = make(&hostile.economy, taken, bench);
    for _ in 0..3 {
        let again = hostile.head.number;
        let number = bench.deliver(&mut hostile, &over.0, &over.1);
        assert_eq!(bench.answer(&hostile, number), Answer::Deferred);
        // The same number comes again.
        hostile.take_back(again);
    }
    assert_eq!(bench.alarms("no-room").len(), 1, "it is said once");
    assert_eq!(bench.journal(), journal, "and nothing is written for it");
    let full: Vec<_> = bench.engine().full(&hostile.economy.id).collect();
    assert_eq!(full, [bound]);

    // The node goes on with everything else, and with everybody else.
    let (record, parts) = advisory(&hostile.economy, "a flaw", bench.now);
    let number = bench.deliver(&mut hostile, &record, &parts);
    assert_eq!(bench.answer(&hostile, number), Answer::Acked);
    let (record, parts) = make(&other.economy, taken + 1, bench);
    let number = bench.deliver(&mut other, &record, &parts);
    assert_eq!(bench.answer(&other, number), Answer::Acked);

    // A restart changes nothing of it, and loses nothing.
    bench.restart();
    assert!(bench.state().records().count() >= usize::try_from(taken).unwrap() + 2);
    let reached: Vec<_> = bench.state().reached(&hostile.economy.id).collect();
    let spoken: Vec<_> = bench.engine().full(&hostile.economy.id).collect();
    assert_eq!(reached, spoken);
    bench.connect(&mut hostile);
    bench.connect(&mut other);
    let number = bench.deliver(&mut hostile, &over.0, &over.1);
    assert_eq!(bench.answer(&hostile, number), Answer::Deferred);
    hostile.take_back(number - 1);
    (hostile, other, over)
}
