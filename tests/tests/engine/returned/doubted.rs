//! What two have agreed on by a key that is believed no more binds both after a restore as it did before.

use comity_core::RecordId;
use comity_core::keyring::Revocation;
use comity_core::record::VerifiedRecord;
use comity_core::sign::SecretKey;
use comity_tests::bench::{Bench, Peer};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::world::START;

use super::World;
use crate::dropping::{DAY, acceptance, carried, dropped, next, permits, proposal, publish};

/// A keyring by which everything was signed after the theft of the author's key.
fn theft(by: &Economy) -> VerifiedRecord {
    let at = START.saturating_sub(DAY);
    let revocation = Revocation { key: by.author.id(), at, compromised: true };
    let (keyring, key): (_, SecretKey) = next(by, 77, Some(revocation));
    carried(by, &keyring, &key)
}

/// What both have: whether it permits, and whether it binds; the same after a restart.
fn stands(bench: &mut Bench, with: &Economy) -> (bool, bool) {
    let before = permits(bench, with);
    bench.restart();
    assert_eq!(permits(bench, with), before, "a restart changes nothing");
    before
}

impl World {
    /// The partner gives this back, which is all that it has; before or after that it says the rest anew.
    fn hears(&mut self, returned: &VerifiedRecord, anew: &[VerifiedRecord], first: bool) {
        let (conn, entry) = self.owes(returned, &[]);
        let say = |world: &mut Self| {
            for word in anew {
                world.bench.deliver(&mut world.holder, word, &[]);
            }
        };
        if !first {
            say(self);
        }
        let stream = self.holder.stream();
        self.bench.apart(conn, stream, Peer::frame(true, &entry, returned, &[]));
        assert!(!self.bench.state().awaits_return(&self.holder.economy.id), "all of it is here");
        if first {
            say(self);
        }
    }

    fn is_aside(&self, record: RecordId) -> bool {
        self.bench.state().record(&record).expect("it is kept").standing.is_aside()
    }
}

#[test]
fn what_the_partner_had_signed_with_a_stolen_key_binds_as_before() {
    for first in [true, false] {
        let mut world = World::new();
        let (by, ours) = (world.holder.economy.clone(), world.by.clone());
        let agreement = proposal(&by, &ours, START);
        let accepted = acceptance(agreement.id(), &ours, START);
        world.hears(&accepted, &[theft(&by), agreement.clone()], first);
        assert!(world.is_aside(agreement.id()), "nobody believes it");
        assert_eq!(stands(&mut world.bench, &by), (false, true), "given back first: {first}");
    }
}

#[test]
fn what_we_had_signed_with_a_stolen_key_binds_as_before() {
    let mut world = World::new();
    let (by, ours) = (world.holder.economy.clone(), world.by.clone());
    let agreement = proposal(&by, &ours, START);
    let accepted = acceptance(agreement.id(), &ours, START);
    world.give_back(&[(&theft(&ours), &[]), (&accepted, &[])]);
    world.bench.deliver(&mut world.holder, &agreement, &[]);
    assert!(world.is_aside(accepted.id()), "nobody believes it");
    assert_eq!(stands(&mut world.bench, &by), (false, true));
}

/// A thief can propose what it likes, and accept what we have proposed; it opens nothing by either.
#[test]
fn what_nobody_else_has_accepted_binds_nobody() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let (by, ours) = (peer.economy.clone(), bench.node.economy.clone());
    let offered = proposal(&ours, &by, bench.now);
    publish(&mut bench, &offered);
    let theirs = proposal(&by, &ours, START);
    for word in [theft(&by), theirs.clone(), acceptance(theirs.id(), &by, START)] {
        bench.deliver(&mut peer, &word, &[]);
    }
    assert_eq!(stands(&mut bench, &by), (false, false), "its own word twice is not two");
    bench.connect(&mut peer);
    let accepted = acceptance(offered.id(), &by, START);
    bench.deliver(&mut peer, &accepted, &[]);
    assert_eq!(stands(&mut bench, &by), (false, true), "what we offered ourselves binds");
    // That it is refused for good frees nobody, and lets nothing through.
    dropped(&mut bench, &accepted);
    assert_eq!(stands(&mut bench, &by), (false, true));
}

/// Whoever is no party brings a thief's word, dated back: it says nothing about an agreement of others.
#[test]
fn what_somebody_else_brings_binds_nobody() {
    let mut bench = Bench::new();
    let (peer, mut relay) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    let (by, ours) = (peer.economy.clone(), bench.node.economy.clone());
    let offered = proposal(&ours, &by, bench.now);
    publish(&mut bench, &offered);
    // It says that it was signed before the theft.
    let revocation = Revocation { key: by.author.id(), at: START, compromised: true };
    let (keyring, key) = next(&by, 77, Some(revocation));
    let accepted = acceptance(offered.id(), &by, START.saturating_sub(DAY));
    for word in [carried(&by, &keyring, &key), accepted.clone()] {
        bench.deliver(&mut relay, &word, &[]);
    }
    let held = bench.state().record(&accepted.id()).expect("it is kept for a person");
    assert!(held.standing.is_aside());
    assert_eq!(stands(&mut bench, &by), (false, false));
}

/// A ruling before the acceptance is given back is no way out either.
#[test]
fn what_was_dropped_before_our_acceptance_came_back_binds() {
    let mut world = World::new();
    let (by, ours) = (world.holder.economy.clone(), world.by.clone());
    let agreement = proposal(&by, &ours, START);
    let accepted = acceptance(agreement.id(), &ours, START);
    let (conn, entry) = world.owes(&accepted, &[]);
    for word in [theft(&by), agreement.clone()] {
        world.bench.deliver(&mut world.holder, &word, &[]);
    }
    dropped(&mut world.bench, &agreement);
    let stream = world.holder.stream();
    world.bench.apart(conn, stream, Peer::frame(true, &entry, &accepted, &[]));
    assert_eq!(stands(&mut world.bench, &by), (false, true));
}

/// What waits for the other party goes to it, though its key was declared stolen since: both bind themselves
/// by it, and a proposal that nobody has accepted goes nowhere.
#[test]
fn the_other_party_gets_what_binds_though_its_key_was_stolen() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    let conn = bench.connect(&mut peer);
    let (by, ours) = (peer.economy.clone(), bench.node.economy.clone());
    let agreement = proposal(&by, &ours, bench.now);
    bench.deliver(&mut peer, &agreement, &[]);
    bench.sever(conn);
    let accepted = acceptance(agreement.id(), &ours, START);
    let offered = proposal(&ours, &by, START);
    for word in [&accepted, &offered, &theft(&ours)] {
        publish(&mut bench, word);
    }
    assert_eq!(stands(&mut bench, &by), (false, true));
    let conn = bench.connect(&mut peer);
    bench.wait(std::time::Duration::from_secs(1));
    let went = bench.delivered(conn);
    assert!(went.contains(&accepted.id()), "{went:?}");
    assert!(!went.contains(&offered.id()), "{went:?}");
}
