//! Words of control that are set aside are refused by a person, as far as nothing more goes for it.

use std::time::Duration;

use comity_core::control::{AcceptanceBody, AgreementBody, TerminationBody, WithdrawalBody};
use comity_core::journal::Standing;
use comity_core::keyring::{Grant, KeyringBuilder, Revocation, VerifiedKeyring};
use comity_core::policy::Lifecycle;
use comity_core::record::{VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{Kind, RecordId, Timestamp, Tlp};
use comity_node::engine::Command;
use comity_node::state::Undroppable;
use comity_tests::bench::{Answer, Bench, advisory};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::world::START;

pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

fn says(kind: Kind, body: Vec<u8>, by: &Economy, at: Timestamp) -> VerifiedRecord {
    control(kind, body, Tlp::Clear, &by.author, by.id, at).expect("a control record")
}

pub(super) fn proposal(by: &Economy, to: &Economy, at: Timestamp) -> VerifiedRecord {
    let text = "format = 1\ntitle = \"NDA\"\ntier = \"nda\"\nstarts = 2026-01-01\n".to_owned();
    let body = AgreementBody::between(by.id, to.id, text).expect("two parties");
    says(Kind::Agreement, body.encode(), by, at)
}

pub(super) fn acceptance(of: RecordId, by: &Economy, at: Timestamp) -> VerifiedRecord {
    says(Kind::Acceptance, AcceptanceBody { agreement: of }.encode(), by, at)
}

fn withdrawal(of: RecordId, by: &Economy, at: Timestamp) -> VerifiedRecord {
    let body = WithdrawalBody::of(vec![of]).expect("one record");
    says(Kind::Withdrawal, body.encode(), by, at)
}

pub(super) fn publish(bench: &mut Bench, record: &VerifiedRecord) {
    let record = Box::new(record.clone());
    let command = Command::Publish { record, parts: vec![], title: String::new(), draft: None };
    bench.command(command).expect("a word of ours");
}

/// Whether it may be dropped, and whether somebody is waited for about it.
fn asked(bench: &Bench, record: &VerifiedRecord) -> (Result<(), Undroppable>, bool) {
    let held = bench.state().record(&record.id()).expect("a record that is here");
    assert!(held.standing.is_aside(), "{:?}", held.standing);
    (bench.state().may_drop(held), bench.state().waits(held))
}

pub(super) fn dropped(bench: &mut Bench, record: &VerifiedRecord) {
    let (standing, by, reason) = (Standing::Dropped, "Kim".to_owned(), "no".to_owned());
    let rule = Command::Rule { record: record.id(), standing, by, reason };
    bench.command(rule).expect("a ruling");
}

pub(super) fn carried(by: &Economy, keyring: &VerifiedKeyring, key: &SecretKey) -> VerifiedRecord {
    let body = keyring.encoded().to_vec();
    control(Kind::Keyring, body, Tlp::Clear, key, by.id, START).expect("a control record")
}

/// A keyring that follows the first, with another key.
pub(super) fn next(
    by: &Economy,
    seed: u8,
    revocation: Option<Revocation>,
) -> (VerifiedKeyring, SecretKey) {
    let fresh = SecretKey::from_seed(&[seed; 32]);
    let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let kinds = Kind::ALL.iter().copied();
    let grant = Grant::author(by.id, fresh.public(), kinds, Tlp::Red, from, until);
    let builder = KeyringBuilder::follow(&by.keyring).grant(grant);
    let builder = revocation.into_iter().fold(builder, KeyringBuilder::revoke);
    (builder.sign(&[&by.root]).expect("a keyring"), fresh)
}

pub(super) fn permits(bench: &Bench, with: &Economy) -> (bool, bool) {
    let partner = bench.state().policy().partner(&with.id).expect("a partner");
    let any =
        |one: &dyn Fn(&comity_core::policy::Agreement) -> bool| partner.agreements.iter().any(one);
    (any(&|one| one.in_force(bench.now)), any(&|one| one.binds(bench.now)))
}

#[test]
fn what_a_stolen_key_has_said_is_dropped_and_frees_nobody() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let (by, ours) = (peer.economy.clone(), bench.node.economy.clone());
    let agreement = proposal(&by, &ours, bench.now);
    bench.deliver(&mut peer, &agreement, &[]);
    publish(&mut bench, &acceptance(agreement.id(), &ours, START));
    let (record, parts) = advisory(&by, "a flaw", START);
    bench.deliver(&mut peer, &record, &parts);
    let word = withdrawal(record.id(), &by, START);
    bench.deliver(&mut peer, &word, &[]);
    assert_eq!(permits(&bench, &by), (true, true));
    let held = bench.state().record(&agreement.id()).expect("an agreement");
    assert_eq!(bench.state().may_drop(held), Err(Undroppable::Counts));

    let at = START.saturating_sub(DAY);
    let revocation = Revocation { key: by.author.id(), at, compromised: true };
    let (keyring, key) = next(&by, 77, Some(revocation));
    bench.deliver(&mut peer, &carried(&by, &keyring, &key), &[]);
    // What was taken back stays so, and nobody is asked about it.
    assert_eq!(asked(&bench, &word), (Err(Undroppable::TakesBack), false));
    assert_eq!(asked(&bench, &agreement), (Ok(()), true));
    assert_eq!(permits(&bench, &by), (false, true));
    dropped(&mut bench, &agreement);
    for _ in 0..2 {
        let state = bench.state();
        assert!(!state.waits(state.record(&agreement.id()).expect("an agreement")));
        assert_eq!(permits(&bench, &by), (false, true), "it permits nothing, and binds as before");
        let held = state.record(&record.id()).expect("an advisory");
        assert_eq!(held.facts.lifecycle, Lifecycle::Withdrawn);
        bench.restart();
    }
}

/// What a person let out by a slip is no more for good than what they dropped.
#[test]
fn what_was_let_out_is_dropped_again_by_the_same_rules() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let (by, ours) = (peer.economy.clone(), bench.node.economy.clone());
    let agreement = proposal(&by, &ours, bench.now);
    bench.deliver(&mut peer, &agreement, &[]);
    publish(&mut bench, &acceptance(agreement.id(), &ours, START));
    let (record, parts) = advisory(&by, "a flaw", START);
    bench.deliver(&mut peer, &record, &parts);
    let word = withdrawal(record.id(), &by, START);
    bench.deliver(&mut peer, &word, &[]);
    let at = START.saturating_sub(DAY);
    let revocation = Revocation { key: by.author.id(), at, compromised: true };
    let (keyring, key) = next(&by, 77, Some(revocation));
    bench.deliver(&mut peer, &carried(&by, &keyring, &key), &[]);
    let may = |bench: &Bench, word: &VerifiedRecord| {
        bench.state().may_drop(bench.state().record(&word.id()).expect("a word"))
    };
    for word in [&agreement, &word] {
        let (standing, by, reason) = (Standing::Accepted, "Kim".to_owned(), "a slip".to_owned());
        let rule = Command::Rule { record: word.id(), standing, by, reason };
        bench.command(rule).expect("a ruling");
    }
    assert_eq!(permits(&bench, &by), (true, true), "it counts again");
    assert_eq!(may(&bench, &word), Err(Undroppable::TakesBack), "what takes back stays");
    assert_eq!(may(&bench, &agreement), Ok(()));
    dropped(&mut bench, &agreement);
    for _ in 0..2 {
        assert_eq!(permits(&bench, &by), (false, true), "it permits nothing, and binds as before");
        bench.restart();
    }
}

#[test]
fn what_may_come_to_bind_or_to_take_back_is_not_dropped() {
    let mut bench = Bench::new();
    let (mut relay, mut peer) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    let (by, ours) = (peer.economy.clone(), bench.node.economy.clone());
    let offered = proposal(&ours, &by, bench.now);
    publish(&mut bench, &offered);
    let (record, _) = advisory(&by, "a flaw", START);
    // Two keyrings of one version: whatever it says is set aside, until its next root keys speak.
    for seed in [80, 81] {
        let (keyring, _) = next(&by, seed, None);
        bench.deliver(&mut relay, &carried(&by, &keyring, &by.author), &[]);
    }
    assert!(bench.state().is_frozen(&by.id));
    let accepted = acceptance(offered.id(), &by, START);
    let word = withdrawal(record.id(), &by, START);
    let theirs = proposal(&by, &ours, START);
    bench.connect(&mut peer);
    for record in [&accepted, &word, &theirs] {
        let number = bench.deliver(&mut peer, record, &[]);
        assert_eq!(bench.answer(&peer, number), Answer::Acked);
    }
    assert!(matches!(asked(&bench, &accepted), (Err(Undroppable::Accepts(_)), true)));
    assert_eq!(asked(&bench, &word), (Err(Undroppable::TakesBack), true));
    assert_eq!(asked(&bench, &theirs), (Ok(()), true), "what nobody has accepted permits nothing");
    let drop = |record: &VerifiedRecord| Command::Rule {
        record: record.id(),
        standing: Standing::Dropped,
        by: String::new(),
        reason: "no".to_owned(),
    };
    assert!(bench.command(drop(&word)).is_err(), "not by anybody");

    // It counts at whoever signed it, though we have taken the proposal back since.
    let body = TerminationBody { agreement: offered.id(), effective: bench.now }.encode();
    let end = says(Kind::Termination, body, &ours, bench.now);
    publish(&mut bench, &end);
    assert!(matches!(asked(&bench, &accepted), (Err(Undroppable::Accepts(_)), true)));
}
