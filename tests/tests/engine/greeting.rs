//! Who may open a connection, and what a node says of its ledgers when one opens.

use comity_core::EpochId;
use comity_core::ceremony::Ceremony;
use comity_core::journal::PartnerChange;
use comity_node::engine::{Command, CommandError, Effect, Input};
use comity_tests::bench::Bench;
use comity_tests::sim::economy::Economy;
use comity_tests::sim::wire::Said;
use comity_tests::sim::world::START;

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

/// The epoch that a pairing drew.
const DRAWN: EpochId = EpochId([9; 16]);

/// What pairing with an economy changes.
fn pairing(bench: &Bench, economy: &Economy) -> PartnerChange {
    let mut change = bench.pairing(economy);
    if let PartnerChange::Paired { epoch, .. } = &mut change {
        *epoch = DRAWN;
    }
    change
}

#[test]
fn whoever_was_introduced_before_gets_the_epoch_that_the_pairing_drew() {
    for removed_between in [false, true] {
        let mut bench = Bench::new();
        let by = bench.pair(2).economy.id;
        let economy = Economy::found(3);
        let keyring = economy.keyring.encoded().to_vec();
        let introduced = PartnerChange::Introduced { name: "N3".to_owned(), keyring, by };
        let mut changes = vec![introduced];
        changes.extend(removed_between.then_some(PartnerChange::Removed));
        changes.push(pairing(&bench, &economy));
        for change in changes {
            bench.command(Command::Partner { economy: economy.id, change }).unwrap();
        }
        bench.restart();
        let ledger = &bench.state().partner(&economy.id).unwrap().out;
        assert_eq!(ledger.epoch(), DRAWN);
    }
}

#[test]
fn a_partner_that_was_removed_goes_on_in_the_ledger_that_it_knows() {
    let mut bench = Bench::new();
    let (partner, by) = (bench.pair(2).economy, bench.pair(3).economy.id);
    let before = bench.state().partner(&partner.id).unwrap().out.epoch();
    let keyring = partner.keyring.encoded().to_vec();
    let introduced = PartnerChange::Introduced { name: "N2".to_owned(), keyring, by };
    let again = pairing(&bench, &partner);
    for change in [PartnerChange::Removed, introduced, again] {
        bench.command(Command::Partner { economy: partner.id, change }).unwrap();
    }
    let ledger = &bench.state().partner(&partner.id).unwrap().out;
    assert_eq!(ledger.epoch(), before);
    assert_ne!(before, DRAWN);
}

#[test]
fn nobody_connects_before_the_pairing_is_durable() {
    let mut bench = Bench::new();
    bench.slow_disk = true;
    let economy = Economy::found(2);
    let change = bench.pairing(&economy);
    let token = bench.give(Command::Partner { economy: economy.id, change });
    let admits = |bench: &Bench| bench.node.partners.contains(economy.id);
    assert!(!admits(&bench));
    assert!(bench.reply(token).is_none());
    // Whoever gets past the door all the same is turned away.
    let everybody = bench.state().partner_set();
    let evidence = everybody.authenticate(economy.link.id(), &economy.evidence, START).unwrap();
    let conn = comity_proto::ConnId(99);
    let opened = Input::Opened { partner: evidence, conn, dialed: false };
    let effects = bench.engine().handle(opened, START);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Close { .. })));
    bench.sync();
    assert!(admits(&bench));
    assert!(matches!(bench.reply(token), Some(Ok(_))));
    // Who goes is out at once, whatever the disk does.
    let change = PartnerChange::Suspended;
    bench.give(Command::Partner { economy: economy.id, change });
    assert!(!admits(&bench));
    bench.sync();
    assert!(!admits(&bench));
}

#[test]
fn nobody_is_paired_without_both_confirmations() {
    let mut bench = Bench::new();
    let (economy, other) = (Economy::found(2), Economy::found(3));
    let before = bench.journal();
    let refused = |bench: &mut Bench, spoil: fn(&mut Ceremony)| {
        let mut change = bench.pairing(&economy);
        let PartnerChange::Paired { ceremony, .. } = &mut change else { unreachable!() };
        spoil(ceremony);
        let reply = bench.command(Command::Partner { economy: economy.id, change });
        assert!(matches!(reply, Err(CommandError::Unfitting(_))), "{reply:?}");
        assert_eq!(bench.journal(), before);
        assert!(!bench.node.partners.contains(economy.id));
    };
    refused(&mut bench, |ceremony| ceremony.theirs = [0; 64]);
    refused(&mut bench, |ceremony| ceremony.ours = ceremony.theirs);
    refused(&mut bench, |ceremony| ceremony.theirs = ceremony.ours);
    refused(&mut bench, |ceremony| ceremony.transcript = comity_core::Digest([9; 32]));
    // A ceremony with somebody else.
    let mut change = bench.pairing(&economy);
    let of_other = bench.pairing(&other);
    if let (
        PartnerChange::Paired { ceremony, .. },
        PartnerChange::Paired { ceremony: strange, .. },
    ) = (&mut change, of_other)
    {
        *ceremony = strange;
    }
    let reply = bench.command(Command::Partner { economy: economy.id, change });
    assert!(matches!(reply, Err(CommandError::Unfitting(_))), "{reply:?}");
    let change = bench.pairing(&economy);
    bench.command(Command::Partner { economy: economy.id, change }).unwrap();
    bench.restart();
    assert!(bench.node.partners.contains(economy.id));
}
