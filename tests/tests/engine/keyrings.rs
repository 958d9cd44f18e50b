//! What a node makes of keyrings: its partners', and its own.

use std::time::Duration;

use comity_core::control::WithdrawalBody;
use comity_core::journal::{JournalEntry, PartnerChange, Standing};
use comity_core::keyring::{Grant, KeyringBuilder, Revocation, VerifiedKeyring};
use comity_core::partners::AuthenticatedPartner;
use comity_core::policy::Lifecycle;
use comity_core::record::{Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{Kind, Tlp};
use comity_node::engine::{Command, CommandError, Reply};
use comity_store::MemoryStore;
use comity_tests::bench::{Answer, Bench, Peer, advisory};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::node::new_entry;
use comity_tests::sim::wire::Said;
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
    let link = keyring.link_evidence(by.link.id(), START).expect("a link key");
    let itself = let_in(&bench, &by, &link.encode());
    assert!(bench.node.partners.still_admits(&itself, START));
    bench.restart();
    assert!(!bench.node.partners.still_admits(&thief, START));
}

/// A version of the keyring that follows `held`, told apart by `seed`.
fn next(by: &Economy, held: &VerifiedKeyring, seed: u8) -> VerifiedKeyring {
    let key = SecretKey::from_seed(&[seed; 32]).public();
    let grant = Grant::link(by.id, key, TestEconomy::FROM, TestEconomy::UNTIL);
    KeyringBuilder::follow(held).grant(grant).sign(&[&by.root]).expect("its own root")
}

fn publish(bench: &mut Bench, keyring: &VerifiedKeyring) -> Result<Reply, CommandError> {
    let record = Box::new(record(&bench.node.economy.clone(), keyring));
    bench.command(Command::Publish { record, parts: vec![], title: String::new(), draft: None })
}

#[test]
fn a_keyring_of_our_own_follows_the_one_in_force_or_is_refused() {
    let mut bench = Bench::new();
    let us = bench.node.economy.clone();
    let (one, other) = (next(&us, &us.keyring, 80), next(&us, &us.keyring, 81));
    publish(&mut bench, &one).unwrap();
    // Signed at the same moment, from the same version.
    let before = bench.journal();
    assert_eq!(publish(&mut bench, &other), Err(CommandError::KeyringMoved));
    let (third, gap) = (next(&us, &one, 82), next(&us, &next(&us, &one, 82), 83));
    assert_eq!(publish(&mut bench, &gap), Err(CommandError::KeyringMoved));
    assert_eq!(publish(&mut bench, &us.keyring), Err(CommandError::KeyringMoved));
    assert_eq!(bench.journal(), before);
    assert!(!bench.state().is_frozen(&us.id));
    publish(&mut bench, &third).unwrap();
    let root = rescued(&us, &third);
    publish(&mut bench, &root).unwrap();
    assert_eq!(publish(&mut bench, &next(&us, &third, 84)), Err(CommandError::KeyringMoved));
    assert_eq!(bench.state().keyring(&us.id).unwrap().digest(), root.digest());
}

#[test]
fn no_keyring_is_signed_while_partners_may_hold_a_later_one() {
    let mut bench = Bench::new();
    bench.pair(2);
    let us = bench.node.economy.clone();
    let backup = bench.node.store.backup();
    let restored = new_entry(&JournalEntry::Restored { at: START }, Vec::new());
    bench.replace(MemoryStore::restore(&backup, restored).unwrap());
    let second = next(&us, &us.keyring, 80);
    let refused = publish(&mut bench, &second);
    assert!(matches!(refused, Err(CommandError::Recovering(_))), "{refused:?}");
    assert_eq!(bench.state().own_keyring_head().0, 1);
}

#[test]
fn keyrings_that_a_relay_brings_out_of_order_are_learned_when_those_between_come() {
    let mut bench = Bench::new();
    let (mut relay, origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    let by = origin.economy.clone();
    let second = next(&by, &by.keyring, 80);
    let third = next(&by, &second, 81);
    let fourth = next(&by, &third, 82);
    let version = |bench: &Bench| bench.state().keyring(&by.id).unwrap().version();
    for (early, known) in [(&fourth, 1), (&third, 1), (&second, 4)] {
        let number = bench.deliver(&mut relay, &record(&by, early), &[]);
        assert_eq!(bench.answer(&relay, number), Answer::Acked);
        for _ in 0..2 {
            assert_eq!(version(&bench), known);
            bench.restart();
            bench.connect(&mut relay);
        }
    }
    assert!(!bench.state().is_frozen(&by.id));
    // What waited is held against the economy where it contradicts what came between.
    let (other, sixth) = (next(&by, &fourth, 83), next(&by, &next(&by, &fourth, 84), 85));
    for keyring in [&sixth, &other] {
        bench.deliver(&mut relay, &record(&by, keyring), &[]);
    }
    assert!(bench.state().is_frozen(&by.id));
}

#[test]
fn a_link_key_that_time_alone_revokes_is_shut_out() {
    let mut bench = Bench::new();
    let (mut relay, origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    let by = origin.economy.clone();
    let thief = let_in(&bench, &by, &by.evidence);
    // The machine of the root keys is ahead of the time.
    let at = START.saturating_add(Duration::from_secs(11 * 60));
    let keyring = rescued(&by, &by.keyring);
    let body = keyring.encoded().to_vec();
    let ahead = control(Kind::Keyring, body, Tlp::Clear, &by.author, by.id, at).expect("a record");
    let number = bench.deliver(&mut relay, &ahead, &[]);
    assert_eq!(bench.answer(&relay, number), Answer::Acked);
    assert!(bench.node.partners.still_admits(&thief, START));
    bench.wait(Duration::from_secs(60));
    assert!(!bench.node.partners.still_admits(&thief, START), "when its time has come");
    let link = keyring.link_evidence(by.link.id(), START).expect("a link key");
    let itself = let_in(&bench, &by, &link.encode());
    assert!(bench.node.partners.still_admits(&itself, START));
}

#[test]
fn a_keyring_that_a_relay_brought_too_late_counts_when_its_economy_brings_it() {
    let mut bench = Bench::new();
    let (mut relay, mut origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let second = next(&by, &by.keyring, 80);
    let body = second.encoded().to_vec();
    let at = START.saturating_sub(Duration::from_secs(2 * 3600));
    // The grant of the key that signed it has ended since.
    let late = control(Kind::Keyring, body, Tlp::Clear, &by.former, by.id, at).expect("a record");
    bench.deliver(&mut relay, &late, &[]);
    let stands = |bench: &Bench| {
        let held = bench.state().record(&late.id()).expect("it is here");
        (held.is_accepted(), bench.state().keyring(&by.id).expect("its keyring").version())
    };
    assert_eq!(stands(&bench), (false, 1));
    bench.deliver(&mut origin, &late, &[]);
    for _ in 0..2 {
        assert_eq!(stands(&bench), (true, 2));
        bench.restart();
    }
}

/// A partner of which two keyrings of one version were seen; the second of them.
fn frozen(bench: &mut Bench, relay: &mut Peer, by: &Economy) -> VerifiedKeyring {
    let (one, other) = (next(by, &by.keyring, 80), next(by, &by.keyring, 81));
    for keyring in [&one, &other] {
        bench.deliver(relay, &record(by, keyring), &[]);
    }
    assert!(bench.state().is_frozen(&by.id));
    other
}

#[test]
fn a_frozen_partner_may_connect_gets_no_content_and_is_rescued_by_its_next_root() {
    let mut bench = Bench::new();
    let (mut relay, mut origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    let by = origin.economy.clone();
    frozen(&mut bench, &mut relay, &by);
    let thief = let_in(&bench, &by, &by.evidence);
    for _ in 0..2 {
        let conn = bench.connect(&mut origin);
        bench.publish("for partners in good standing");
        let (advisory, parts) = advisory(&by, "whose word is this?", START);
        bench.deliver(&mut origin, &advisory, &parts);
        bench.wait(Duration::from_secs(1));
        let held = bench.state().record(&advisory.id()).unwrap();
        assert!(matches!(held.standing, Standing::Quarantined(_)));
        let kinds = bench.delivered(conn).into_iter();
        let mut kinds = kinds.map(|id| bench.state().record(&id).unwrap().facts.kind);
        assert!(kinds.all(|kind| kind == Kind::Keyring));
        bench.restart();
        bench.connect(&mut relay);
    }

    let keyring = rescued(&by, &by.keyring);
    bench.connect(&mut origin);
    let number = bench.deliver(&mut origin, &record(&by, &keyring), &[]);
    assert_eq!(bench.answer(&origin, number), Answer::Acked);
    bench.wait(Duration::from_secs(1));
    for _ in 0..2 {
        assert!(!bench.state().is_frozen(&by.id));
        assert!(!bench.node.partners.still_admits(&thief, START));
        let itself = keyring.link_evidence(by.link.id(), START).unwrap().encode();
        assert!(bench.node.partners.still_admits(&let_in(&bench, &by, &itself), START));
        bench.restart();
    }
}

#[test]
fn a_frozen_economy_is_paired_anew_with_what_its_next_root_signed_and_nothing_else() {
    let mut bench = Bench::new();
    let (mut relay, origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    let mut by = origin.economy.clone();
    let other = frozen(&mut bench, &mut relay, &by);
    let economy = by.id;
    bench.command(Command::Partner { economy, change: PartnerChange::Removed }).unwrap();
    let root = rescued(&by, &by.keyring);
    for keyring in [by.keyring.clone(), other.clone(), next(&by, &other, 82)] {
        by.keyring = keyring;
        let change = bench.pairing(&by);
        let refused = bench.command(Command::Partner { economy, change });
        assert!(matches!(refused, Err(CommandError::Unfitting(_))), "{refused:?}");
    }
    by.keyring = root;
    let change = bench.pairing(&by);
    bench.command(Command::Partner { economy, change }).unwrap();
    assert!(!bench.state().is_frozen(&economy));
    // And what was replaced is not taken in its place.
    by.keyring = other;
    let change = bench.pairing(&by);
    let refused = bench.command(Command::Partner { economy, change });
    assert!(matches!(refused, Err(CommandError::Unfitting(_))), "{refused:?}");
}

#[test]
fn a_frozen_partner_that_says_it_was_restored_gets_nothing_back() {
    let mut bench = Bench::new();
    let (mut relay, mut origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let (advisory, parts) = advisory(&by, "its own", START);
    bench.deliver(&mut origin, &advisory, &parts);
    frozen(&mut bench, &mut relay, &by);
    bench.sever(origin.conn());
    origin.take_back(0);
    origin.recovering = true;
    origin.boot();
    let conn = bench.connect(&mut origin);
    bench.wait(Duration::from_secs(1));
    assert!(bench.closed.contains_key(&conn));
    let back = bench.heard(conn);
    assert!(!back.iter().any(|said| matches!(said, Said::Batch { .. } | Said::Void { .. })));
}

#[test]
fn of_a_frozen_economy_nothing_is_taken_but_a_later_root() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let by = peer.economy.clone();
    let mut says = |bench: &mut Bench, keyring: &VerifiedKeyring| {
        let number = bench.deliver(&mut peer, &record(&by, keyring), &[]);
        bench.answer(&peer, number)
    };
    let (one, other) = (next(&by, &by.keyring, 50), next(&by, &by.keyring, 51));
    assert_eq!(says(&mut bench, &one), Answer::Acked);
    // A contradiction is kept, and says it all.
    assert_eq!(says(&mut bench, &other), Answer::Acked);
    assert!(bench.state().is_frozen(&by.id));
    let version = bench.state().partners_version();
    for seed in 52..56 {
        assert_eq!(says(&mut bench, &next(&by, &one, seed)), Answer::Rejected);
        assert_eq!(says(&mut bench, &next(&by, &by.keyring, seed)), Answer::Rejected);
    }
    assert_eq!(bench.state().partners_version(), version, "nothing is made anew for them");
    assert_eq!(says(&mut bench, &rescued(&by, &one)), Answer::Acked);
    assert!(!bench.state().is_frozen(&by.id));
}

/// What somebody else signed with the stolen root: a keyring that grants a key of theirs, and a record.
fn thiefs(by: &Economy) -> (VerifiedKeyring, VerifiedRecord, Vec<Part>) {
    let key = SecretKey::from_seed(&[86; 32]);
    let all = Kind::ALL.iter().copied();
    let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let grant = Grant::author(by.id, key.public(), all, Tlp::Red, from, until);
    let keyring = KeyringBuilder::follow(&by.keyring).grant(grant).sign(&[&by.root]);
    let of_thief = Economy { author: key, ..by.clone() };
    let (record, parts) = advisory(&of_thief, "pay here", START);
    (keyring.expect("the stolen root"), record, parts)
}

fn standing(bench: &Bench, record: &VerifiedRecord) -> Standing {
    bench.state().record(&record.id()).expect("it is here").standing.clone()
}

/// A thief of the root has the owner's key revoked, and the owner withdraws a record before it knows: that is not lost
/// where the thief was believed.
#[test]
fn what_is_withdrawn_while_a_thief_has_the_root_is_withdrawn_when_that_is_over() {
    let mut bench = Bench::new();
    let (mut relay, mut origin, mut reader) = (bench.pair(2), bench.pair(3), bench.pair(4));
    for peer in [&mut relay, &mut origin, &mut reader] {
        bench.connect(peer);
    }
    let by = origin.economy.clone();
    let (own, parts) = advisory(&by, "its own", START);
    bench.deliver(&mut origin, &own, &parts);
    bench.wait(Duration::from_secs(1));
    assert!(bench.delivered(reader.conn()).contains(&own.id()));
    let stolen = Revocation { key: by.author.id(), at: TestEconomy::FROM, compromised: true };
    let thief = Economy { author: SecretKey::from_seed(&[86; 32]), ..by.clone() };
    let all = Kind::ALL.iter().copied();
    let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let grant = Grant::author(by.id, thief.author.public(), all, Tlp::Red, from, until);
    let forged = KeyringBuilder::follow(&by.keyring).grant(grant).revoke(stolen);
    let forged = forged.sign(&[&by.root]).expect("the stolen root");
    bench.deliver(&mut relay, &record(&thief, &forged), &[]);
    assert!(matches!(standing(&bench, &own), Standing::Quarantined(_)));

    let taken_back = |target: &VerifiedRecord| {
        let body = WithdrawalBody::of(vec![target.id()]).expect("one record").encode();
        control(Kind::Withdrawal, body, Tlp::Clear, &by.author, by.id, START).unwrap()
    };
    let word = taken_back(&own);
    let number = bench.deliver(&mut origin, &word, &[]);
    assert_eq!(bench.answer(&origin, number), Answer::Acked);
    assert!(matches!(standing(&bench, &word), Standing::Quarantined(_)));
    // From anybody else a word of that key is not taken, whatever it is.
    let other = taken_back(&word);
    let number = bench.deliver(&mut relay, &other, &[]);
    assert_eq!(bench.answer(&relay, number), Answer::Rejected);

    bench.deliver(&mut origin, &record(&by, &rescued(&by, &by.keyring)), &[]);
    assert_eq!(standing(&bench, &word), Standing::Accepted);
    let lifecycle = bench.state().record(&own.id()).expect("it is here").facts.lifecycle;
    assert_eq!(lifecycle, Lifecycle::Withdrawn);
    bench.wait(Duration::from_secs(1));
    assert!(bench.delivered(reader.conn()).contains(&word.id()), "whoever has it hears of it");
    bench.restart();
    let lifecycle = bench.state().record(&own.id()).expect("it is here").facts.lifecycle;
    assert_eq!(lifecycle, Lifecycle::Withdrawn);
}

/// The whole of it at a partner who hears everything through somebody else: as at any further hop.
#[test]
fn a_stolen_root_is_told_of_and_its_next_root_brings_back_the_economy_and_not_the_thief() {
    let mut bench = Bench::new();
    let (mut relay, mut origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let (own, own_parts) = advisory(&by, "its own", START);
    bench.deliver(&mut origin, &own, &own_parts);
    let (forged, record_of_thief, parts) = thiefs(&by);
    bench.deliver(&mut relay, &record(&by, &forged), &[]);
    bench.deliver(&mut relay, &record_of_thief, &parts);
    assert_eq!(standing(&bench, &record_of_thief), Standing::Accepted, "nobody can tell yet");
    assert!(bench.alarms("partner-frozen").is_empty());
    let honest = next(&by, &by.keyring, 80);
    bench.deliver(&mut origin, &record(&by, &honest), &[]);
    let told = bench.alarms("partner-frozen");
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("comity key rotate root --stolen"), "{}", told[0]);
    for record in [&own, &record_of_thief] {
        let set_aside = standing(&bench, record);
        assert!(matches!(set_aside, Standing::Quarantined(why) if why.contains("frozen")));
    }

    // From its own keyring, as its node makes it; it comes through the relay alone.
    bench.sever(origin.conn());
    let keyring = rescued(&by, &honest);
    let number = bench.deliver(&mut relay, &record(&by, &keyring), &[]);
    assert_eq!(bench.answer(&relay, number), Answer::Acked);
    let told = bench.alarms("root-replaced");
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("not frozen any more"), "{}", told[0]);
    let (late, late_parts) = {
        let key = SecretKey::from_seed(&[86; 32]);
        advisory(&Economy { author: key, ..by.clone() }, "pay there", START)
    };
    bench.deliver(&mut relay, &late, &late_parts);
    let again = KeyringBuilder::follow(&forged).sign(&[&by.root]).expect("the stolen root");
    let number = bench.deliver(&mut relay, &record(&by, &again), &[]);
    assert_eq!(bench.answer(&relay, number), Answer::Rejected);
    for _ in 0..2 {
        assert!(!bench.state().is_frozen(&by.id));
        assert_eq!(bench.state().keyring(&by.id).unwrap().digest(), keyring.digest());
        assert_eq!(standing(&bench, &own), Standing::Accepted);
        let thiefs = standing(&bench, &record_of_thief);
        assert!(
            matches!(&thiefs, Standing::Quarantined(why) if !why.contains("frozen")),
            "{thiefs:?}"
        );
        assert!(matches!(standing(&bench, &late), Standing::Pending(_)));
        bench.restart();
    }
    // What was told is told once.
    assert_eq!(bench.alarms("partner-frozen").len() + bench.alarms("root-replaced").len(), 2);
}

/// Without a contradiction nobody was frozen: a rotation without the old root's word is told of all the same,
/// an orderly one is not.
#[test]
fn a_root_that_is_replaced_without_its_word_is_told_of_and_a_renewal_is_not() {
    let mut bench = Bench::new();
    let (mut orderly, mut stolen) = (bench.pair(2), bench.pair(3));
    for peer in [&mut orderly, &mut stolen] {
        bench.connect(peer);
    }
    let by = orderly.economy.clone();
    let set = TestEconomy::genesis(&by.next_root, &SecretKey::from_seed(&[88; 32]));
    let renewed = KeyringBuilder::follow(&by.keyring).rotate(set).sign(&[&by.root, &by.next_root]);
    bench.deliver(&mut orderly, &record(&by, &renewed.expect("both sets")), &[]);
    assert!(bench.alarms("root-replaced").is_empty());
    let by = stolen.economy.clone();
    bench.deliver(&mut stolen, &record(&by, &rescued(&by, &by.keyring)), &[]);
    let told = bench.alarms("root-replaced");
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("without the word of those before"), "{}", told[0]);
}
