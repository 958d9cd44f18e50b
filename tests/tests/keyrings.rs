//! What a node makes of keyrings: its partners', and its own.

use comity_core::keyring::{KeyringBuilder, VerifiedKeyring};
use comity_core::partners::AuthenticatedPartner;
use comity_core::record::{VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{Kind, Tlp};
use comity_tests::bench::{Answer, Bench};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::world::START;

/// A keyring as the record that carries it.
fn record(by: &Economy, keyring: &VerifiedKeyring) -> VerifiedRecord {
    let body = keyring.encoded().to_vec();
    control(Kind::Keyring, body, Tlp::Clear, &by.author, by.id, START).expect("a control record")
}

/// The keyring after `held` under the root that the genesis committed to, without the consent of the
/// first: the root was stolen.
fn rescued(by: &Economy, held: &VerifiedKeyring) -> VerifiedKeyring {
    let set = TestEconomy::genesis(&by.next_root, &SecretKey::from_seed(&[88; 32]));
    KeyringBuilder::follow(held).rotate(set).sign(&[&by.next_root]).expect("the committed root")
}

/// The connection of a partner, as it was let in.
fn let_in(bench: &Bench, by: &Economy, evidence: &[u8]) -> AuthenticatedPartner {
    bench.node.partners.authenticate(by.link.id(), evidence, START).expect("a partner")
}

#[test]
fn a_rotation_that_a_relay_brings_ends_the_links_of_the_stolen_root() {
    let mut bench = Bench::new();
    let (mut relay, origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    let by = origin.economy.clone();
    // The thief holds the link key, or any other that the stolen root has granted.
    let thief = let_in(&bench, &by, &by.evidence);
    let keyring = rescued(&by, &by.keyring);
    let number = bench.deliver(&mut relay, &record(&by, &keyring), &[]);
    assert_eq!(bench.answer(&relay, number), Answer::Acked);
    // The network asks this of every link when it is told who may connect.
    assert!(!bench.node.partners.still_admits(&thief, START));
    let link = keyring.link_evidence(by.link.id()).expect("a link key");
    let itself = let_in(&bench, &by, &link.encode());
    assert!(bench.node.partners.still_admits(&itself, START));
    bench.restart();
    assert!(!bench.node.partners.still_admits(&thief, START));
}
