//! What a node says of its ledgers when a connection opens.

use comity_tests::bench::Bench;
use comity_tests::sim::wire::Said;

/// The last number of its own ledger that the node names in its greeting.
fn named(bench: &mut Bench, conn: comity_proto::ConnId) -> u64 {
    let said = bench.heard(conn);
    let named = said.iter().find_map(|said| match said {
        Said::Hello { out, .. } => Some(out.number),
        _ => None,
    });
    named.expect("a greeting")
}

#[test]
fn a_greeting_names_no_number_that_is_not_synced() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    // Whatever pairing gave the partner is settled before.
    let before = bench.state().partner(&peer.economy.id).unwrap().out.head().number;
    bench.slow_disk = true;
    let token = bench.publish("Router flaw");
    let ledger = &bench.state().partner(&peer.economy.id).unwrap().out;
    assert_eq!(ledger.head().number, before + 1, "the delivery has its number");
    let conn = bench.open(&peer);
    assert_eq!(named(&mut bench, conn), before, "which is not on the disk yet");
    assert!(bench.reply(token).is_none());

    bench.sync();
    assert!(bench.reply(token).is_some());
    let conn = bench.open(&peer);
    assert_eq!(named(&mut bench, conn), before + 1);
    // A partner that was told may hold all that it was told of.
    bench.restart();
    let conn = bench.open(&peer);
    assert_eq!(named(&mut bench, conn), before + 1);
}
