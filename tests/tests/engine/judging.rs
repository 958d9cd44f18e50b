//! Who is believed, and for how long: what a keyring says later reaches what was accepted earlier.

use std::time::Duration;

use comity_core::control::{AcceptanceBody, AgreementBody, IntroductionBody, WithdrawalBody};
use comity_core::journal::{JournalEntry, PartnerChange, Standing};
use comity_core::keyring::{Grant, KeyringBuilder, Revocation, VerifiedKeyring};
use comity_core::ledger::{Head, LedgerEntry, Obligations, Ranges};
use comity_core::policy::Lifecycle;
use comity_core::record::{Draft, Header, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::{SeededEntropy, TestEconomy};
use comity_core::{Kind, Marking, Onward, RecordId, Section, Timestamp, Tlp};
use comity_node::engine::Command;
use comity_store::MemoryStore;
use comity_tests::bench::{Answer, Bench, Peer, sign};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::node::new_entry;
use comity_tests::sim::world::START;

const HOUR: Duration = Duration::from_secs(3600);

fn hours_before(hours: u32) -> Timestamp {
    START.saturating_sub(HOUR * hours)
}

/// An advisory that everybody may have and pass on.
fn passable(text: &str) -> Draft {
    let mut draft = Draft::new(Kind::Advisory);
    let mut marking = Marking::new(Tlp::Clear);
    marking.onward = Onward::WithinMarking;
    let header = Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, text.as_bytes().to_vec()));
    draft
}

fn speaks(kind: Kind, body: Vec<u8>, by: &Economy, key: &SecretKey) -> VerifiedRecord {
    control(kind, body, Tlp::Clear, key, by.id, START).expect("a control record")
}

/// The key that an economy grants after its author's was lost.
fn fresh() -> SecretKey {
    SecretKey::from_seed(&[77; 32])
}

/// The next version of a keyring, by which `fresh` may sign too, as a record.
fn next(
    by: &Economy,
    held: &VerifiedKeyring,
    change: impl FnOnce(KeyringBuilder) -> KeyringBuilder,
) -> (VerifiedKeyring, VerifiedRecord) {
    let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let all = Kind::ALL.iter().copied();
    let grant = Grant::author(by.id, fresh().public(), all, Tlp::Red, from, until);
    let keyring = change(KeyringBuilder::follow(held).grant(grant)).sign(&[&by.root]).unwrap();
    let record = speaks(Kind::Keyring, keyring.encoded().to_vec(), by, &fresh());
    (keyring, record)
}

/// The author's key is declared compromised from this instant on.
fn compromised(by: &Economy, at: Timestamp) -> (VerifiedKeyring, VerifiedRecord) {
    let revocation = Revocation { key: by.author.id(), at, compromised: true };
    next(by, &by.keyring, |builder| builder.revoke(revocation))
}

fn stands(bench: &Bench, record: &VerifiedRecord) -> Standing {
    bench.state().record(&record.id()).expect("a record that is here").standing.clone()
}

fn quarantined(bench: &Bench, record: &VerifiedRecord) -> bool {
    matches!(stands(bench, record), Standing::Quarantined(_))
}

/// A node with a relay, an origin and a reader, all of them partners; the first two are connected.
fn three() -> (Bench, Peer, Peer, Peer) {
    let mut bench = Bench::new();
    let (mut relay, mut origin) = (bench.pair(2), bench.pair(3));
    let reader = bench.pair(4);
    bench.connect(&mut relay);
    bench.connect(&mut origin);
    (bench, relay, origin, reader)
}

/// What a partner that connects now is given.
fn given(bench: &mut Bench, reader: &mut Peer) -> Vec<RecordId> {
    let conn = bench.connect(reader);
    // What is not urgent is gathered for a moment.
    bench.wait(Duration::from_secs(1));
    bench.delivered(conn)
}

/// Entries of the journal that say that something was judged again.
fn judgements(bench: &Bench) -> Vec<Vec<RecordId>> {
    let entries = bench.node.entries().into_iter();
    let entries = entries.map(|entry| JournalEntry::decode(entry.kind, &entry.body).unwrap());
    let judged = entries.filter_map(|entry| match entry {
        JournalEntry::Judged(judged) => Some(judged.records),
        _ => None,
    });
    judged.collect()
}

#[test]
fn a_compromise_declared_later_reaches_what_was_relayed_before() {
    let (mut bench, mut relay, mut origin, mut reader) = three();
    let by = origin.economy.clone();
    let relayed: Vec<_> =
        ["one", "two", "three"].map(|text| sign(passable(text), &by, hours_before(2))).into();
    for (record, parts) in &relayed {
        bench.deliver(&mut relay, record, parts);
    }
    let (direct, parts) = sign(passable("direct"), &by, hours_before(2));
    bench.deliver(&mut origin, &direct, &parts);
    let (other, parts) = sign(passable("of another"), &relay.economy.clone(), hours_before(2));
    bench.deliver(&mut relay, &other, &parts);
    let before = bench.journal();

    let (second, record) = compromised(&by, hours_before(1));
    bench.deliver(&mut origin, &record, &[]);
    // What the keyring does is said before anything else follows from it.
    let kinds: Vec<_> = bench.node.entries()[before..].iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds[..2], [2, 19], "{kinds:?}");
    let mut ids: Vec<_> = relayed.iter().map(|(record, _)| record.id()).collect();
    ids.sort_unstable();
    assert_eq!(judgements(&bench), [ids]);
    assert_eq!(bench.alarms("set-aside").len(), 1);
    let check = |bench: &Bench| {
        assert!(relayed.iter().all(|(record, _)| quarantined(bench, record)));
        // The origin itself brought this one, over a link whose key is granted.
        assert_eq!(stands(bench, &direct), Standing::Accepted);
        assert_eq!(stands(bench, &other), Standing::Accepted);
    };
    check(&bench);

    bench.restart();
    check(&bench);
    let folded = bench.journal();
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.journal(), folded, "a start finds nothing new to say");
    let given = given(&mut bench, &mut reader);
    assert!(given.contains(&direct.id()) && given.contains(&other.id()));
    assert!(relayed.iter().all(|(record, _)| !given.contains(&record.id())), "never passed on");

    // The root stands by one of them.
    bench.connect(&mut origin);
    let affirmed = relayed[1].0.id();
    let (_, record) = next(&by, &second, |builder| builder.affirm([affirmed]));
    bench.deliver(&mut origin, &record, &[]);
    assert_eq!(stands(&bench, &relayed[1].0), Standing::Accepted);
    assert!(quarantined(&bench, &relayed[0].0) && quarantined(&bench, &relayed[2].0));
    bench.wait(Duration::from_secs(1));
    assert!(bench.delivered(reader.conn()).contains(&affirmed));
    bench.restart();
    assert_eq!(stands(&bench, &relayed[1].0), Standing::Accepted);
}

#[test]
fn what_waits_in_a_link_when_a_compromise_is_declared_does_not_leave() {
    let (mut bench, mut relay, mut origin, mut reader) = three();
    let by = origin.economy.clone();
    let conn = bench.connect(&mut reader);
    let (record, parts) = sign(passable("one"), &by, hours_before(2));
    bench.slow_disk = true;
    bench.deliver(&mut relay, &record, &parts);
    // It has its number for the reader, which is being written.
    let ledger = &bench.state().partner(&reader.economy.id).unwrap().out;
    assert!(ledger.sent(&record.id()).is_some());
    let (_, keyring) = compromised(&by, hours_before(1));
    bench.deliver(&mut origin, &keyring, &[]);
    for _ in 0..8 {
        bench.sync();
        bench.wait(Duration::from_secs(1));
    }
    assert!(quarantined(&bench, &record));
    assert!(!bench.delivered(conn).contains(&record.id()));
}

#[test]
fn what_a_person_decided_no_keyring_changes() {
    let (mut bench, mut relay, mut origin, _) = three();
    let by = origin.economy.clone();
    let (record, parts) = sign(passable("one"), &by, hours_before(2));
    bench.deliver(&mut relay, &record, &parts);
    let (second, keyring) = compromised(&by, hours_before(1));
    bench.deliver(&mut origin, &keyring, &[]);
    assert!(quarantined(&bench, &record));
    let judge = Command::Judge { record: record.id(), standing: Standing::Accepted };
    bench.command(judge).unwrap();
    let revocation = Revocation { key: by.author.id(), at: hours_before(3), compromised: true };
    let (_, keyring) = next(&by, &second, |builder| builder.revoke(revocation));
    bench.deliver(&mut origin, &keyring, &[]);
    assert_eq!(stands(&bench, &record), Standing::Accepted);
    bench.restart();
    bench.wait(HOUR);
    assert_eq!(stands(&bench, &record), Standing::Accepted);
}

#[test]
fn a_grant_that_is_left_out_takes_nothing_back() {
    let (mut bench, mut relay, mut origin, _) = three();
    let by = origin.economy.clone();
    let (record, parts) = sign(passable("one"), &by, hours_before(2));
    bench.deliver(&mut relay, &record, &parts);
    let gone = by.author.id();
    let (_, keyring) = next(&by, &by.keyring, |builder| builder.retain(|grant| grant.key != gone));
    bench.deliver(&mut origin, &keyring, &[]);
    assert_eq!(bench.state().keyring(&by.id).unwrap().version(), 2);
    assert_eq!(stands(&bench, &record), Standing::Accepted);
    assert!(judgements(&bench).is_empty());
}

/// An agreement between the node and a partner, which the partner proposes.
fn proposal(bench: &Bench, by: &Economy) -> VerifiedRecord {
    let text = "format = 1\ntitle = \"NDA\"\ntier = \"nda\"\nstarts = 2026-01-01\n".to_owned();
    let body = AgreementBody::between(bench.node.economy.id, by.id, text).unwrap();
    speaks(Kind::Agreement, body.encode(), by, &by.author)
}

fn in_force(bench: &Bench, with: &Economy) -> usize {
    let partner = bench.state().policy().partner(&with.id).unwrap();
    partner.agreements.iter().filter(|one| one.in_force(bench.now)).count()
}

#[test]
fn an_agreement_whose_author_turns_out_compromised_permits_nothing() {
    let (mut bench, _, mut origin, _) = three();
    let by = origin.economy.clone();
    let agreement = proposal(&bench, &by);
    bench.deliver(&mut origin, &agreement, &[]);
    let ours = bench.node.economy.clone();
    let body = AcceptanceBody { agreement: agreement.id() }.encode();
    let record = Box::new(speaks(Kind::Acceptance, body, &ours, &ours.author));
    let accept = Command::Publish { record, parts: vec![], title: String::new(), draft: None };
    bench.command(accept).unwrap();
    assert_eq!(in_force(&bench, &by), 1);
    // Signed after the key was lost: not even the origin's own link makes it good.
    let (_, keyring) = compromised(&by, hours_before(1));
    bench.deliver(&mut origin, &keyring, &[]);
    assert!(quarantined(&bench, &agreement));
    assert_eq!(in_force(&bench, &by), 0);
    bench.restart();
    assert_eq!(in_force(&bench, &by), 0);
    // A person who knows better brings it back.
    let judge = Command::Judge { record: agreement.id(), standing: Standing::Accepted };
    bench.command(judge).unwrap();
    assert_eq!(in_force(&bench, &by), 1);
}

#[test]
fn an_agreement_forged_by_a_partner_during_recovery_is_not_believed() {
    let mut bench = Bench::new();
    let mut partner = bench.pair(2);
    let by = partner.economy.clone();
    let backup = bench.node.store.backup();
    let restored = new_entry(&JournalEntry::Restored { at: START }, Vec::new());
    bench.replace(MemoryStore::restore(&backup, restored).unwrap());
    // The partner's own proposal, and a yes in our name that we never said: under keys of its own.
    let agreement = proposal(&bench, &by);
    let yes = AcceptanceBody { agreement: agreement.id() }.encode();
    let ours = bench.node.economy.clone();
    let forged = speaks(Kind::Acceptance, yes, &ours, &by.author);
    let epoch = bench.state().partner(&by.id).unwrap().out.epoch();
    let entry = |number, record: &VerifiedRecord| LedgerEntry {
        epoch,
        number,
        record: record.id(),
        parts: Vec::new(),
        obligations: Obligations::unbound(),
        salt: [0; 16],
    };
    let entries = [entry(1, &agreement), entry(2, &forged)];
    let head = entries.iter().fold(Head::START, |head, entry| head.after(entry.digest()));
    partner.holds = (Some(epoch), head, Ranges::new());
    let conn = bench.connect(&mut partner);
    for (entry, record) in entries.iter().zip([&agreement, &forged]) {
        let stream = partner.stream();
        bench.apart(conn, stream, Peer::frame(true, entry, record, &[]));
    }
    bench.command(Command::ConfirmPolicy).unwrap();
    assert_eq!(bench.state().recovery(), None, "recovery goes on without it");
    assert_eq!(in_force(&bench, &by), 0);
    let yes = bench.state().record(&forged.id());
    assert!(yes.is_none_or(|held| !held.is_accepted()));
    bench.restart();
    assert_eq!(in_force(&bench, &by), 0);
}

#[test]
fn a_record_of_a_stranger_stays_pending_whatever_keyring_comes_with_it() {
    let mut bench = Bench::new();
    let (mut partner, mut reader) = (bench.pair(2), bench.pair(4));
    bench.connect(&mut partner);
    let stranger = Economy::found(9);
    let keyring =
        speaks(Kind::Keyring, stranger.keyring.encoded().to_vec(), &stranger, &stranger.author);
    let (record, parts) = sign(passable("one"), &stranger, START);
    bench.deliver(&mut partner, &keyring, &[]);
    bench.deliver(&mut partner, &record, &parts);
    // The partner's own word for it is not enough either: the operator has to confirm it.
    let body = IntroductionBody {
        to: bench.node.economy.id,
        economy: stranger.id,
        name: "N9".to_owned(),
        keyring: stranger.keyring.encoded().to_vec(),
    };
    let by = partner.economy.clone();
    let word = speaks(Kind::Introduction, body.encode(), &by, &by.author);
    bench.deliver(&mut partner, &word, &[]);
    let (_, second) = next(&stranger, &stranger.keyring, |builder| builder);
    bench.deliver(&mut partner, &second, &[]);
    bench.wait(HOUR);
    bench.restart();
    for held in [&record, &keyring, &second] {
        assert!(matches!(stands(&bench, held), Standing::Pending(_)));
    }
    assert!(bench.state().keyring(&stranger.id).is_none());
    assert!(!given(&mut bench, &mut reader).contains(&record.id()));

    let change = PartnerChange::Introduced {
        name: "N9".to_owned(),
        keyring: stranger.keyring.encoded().to_vec(),
        by: by.id,
    };
    bench.command(Command::Partner { economy: stranger.id, change }).unwrap();
    for held in [&record, &keyring, &second] {
        assert_eq!(stands(&bench, held), Standing::Accepted);
    }
    assert_eq!(bench.state().keyring(&stranger.id).unwrap().version(), 2);
    bench.wait(Duration::from_secs(1));
    assert!(bench.delivered(reader.conn()).contains(&record.id()));
}

#[test]
fn a_part_above_its_authors_grant_is_refused_though_the_manifest_is_within() {
    let mut bench = Bench::new();
    let mut partner = bench.pair(2);
    bench.connect(&mut partner);
    let by = partner.economy.clone();
    let narrow = SecretKey::from_seed(&[78; 32]);
    let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let kinds = Kind::ALL.iter().copied();
    let grant = Grant::author(by.id, narrow.public(), kinds, Tlp::Clear, from, until);
    let (_, keyring) = next(&by, &by.keyring, |builder| builder.grant(grant));
    bench.deliver(&mut partner, &keyring, &[]);

    let signed = |strictest: Tlp| {
        let mut draft = passable("what everybody may have");
        let marking = Some(Marking::new(strictest));
        let header = Header { marking, ..Header::new(Section::Detail, "text/plain") };
        draft.parts.push((header, b"what only some may have".to_vec()));
        let mut entropy = SeededEntropy::new(7);
        draft.sign(&narrow, by.id, START, &mut entropy).expect("a draft that signs")
    };
    let (within, above) = (signed(Tlp::Clear), signed(Tlp::Red));
    let number = bench.deliver(&mut partner, &above.record, &above.parts);
    assert_eq!(bench.answer(&partner, number), Answer::Rejected);
    assert!(bench.state().record(&above.record.id()).is_none());
    let number = bench.deliver(&mut partner, &within.record, &within.parts);
    assert_eq!(bench.answer(&partner, number), Answer::Acked);
    assert_eq!(stands(&bench, &within.record), Standing::Accepted);
}

#[test]
fn a_supersession_may_come_before_what_it_supersedes() {
    let (mut bench, mut relay, mut origin, mut reader) = three();
    let by = origin.economy.clone();
    let (old, old_parts) = sign(passable("old"), &by, hours_before(2));
    let mut draft = passable("new");
    draft.supersedes.push(old.id());
    let (new, new_parts) = sign(draft, &by, hours_before(1));
    // Somebody else's word that it is replaced counts for nothing.
    let (kept, kept_parts) = sign(passable("kept"), &by, hours_before(2));
    let mut draft = passable("not its to replace");
    draft.supersedes.push(kept.id());
    let (wrong, wrong_parts) = sign(draft, &relay.economy.clone(), hours_before(1));
    bench.deliver(&mut relay, &wrong, &wrong_parts);
    bench.deliver(&mut origin, &new, &new_parts);
    bench.deliver(&mut origin, &kept, &kept_parts);
    let number = bench.deliver(&mut relay, &old, &old_parts);
    assert_eq!(bench.answer(&relay, number), Answer::Acked, "it is kept");
    let lifecycle = |bench: &Bench, record: &VerifiedRecord| {
        bench.state().record(&record.id()).unwrap().facts.lifecycle
    };
    for _ in 0..2 {
        assert_eq!(lifecycle(&bench, &old), Lifecycle::Superseded);
        assert_eq!(lifecycle(&bench, &new), Lifecycle::Live);
        assert_eq!(lifecycle(&bench, &kept), Lifecycle::Live);
        bench.restart();
    }
    let given = given(&mut bench, &mut reader);
    assert!(given.contains(&new.id()) && given.contains(&kept.id()));
    assert!(!given.contains(&old.id()));
}

#[test]
fn the_same_receipt_again_adds_no_entry() {
    let mut bench = Bench::new();
    let mut partner = bench.pair(2);
    let conn = bench.connect(&mut partner);
    bench.publish("one");
    let out = &bench.state().partner(&partner.economy.id).unwrap().out;
    let (epoch, head) = (out.epoch(), out.head());
    assert!(head.number > 0);
    let before = bench.journal();
    let receipt = |partner: &Peer, bench: &Bench| {
        partner.receipt(bench.node.economy.id, epoch, head, bench.now)
    };
    let first = receipt(&partner, &bench);
    bench.control(conn, first.clone());
    assert_eq!(bench.journal(), before + 1);
    bench.control(conn, first);
    assert_eq!(bench.journal(), before + 1, "the same bytes");
    bench.wait(Duration::from_secs(1));
    let later = receipt(&partner, &bench);
    bench.control(conn, later);
    assert_eq!(bench.journal(), before + 1, "signed anew, and covering no more");
    assert!(bench.alarms("misbehaved").is_empty());
    let receipted = bench.state().partner(&partner.economy.id).unwrap().out.receipted();
    assert_eq!(receipted, head.number);
}

#[test]
fn a_withdrawal_of_what_is_anothers_is_passed_on_to_nobody() {
    let (mut bench, mut relay, mut origin, mut reader) = three();
    let (record, parts) = sign(passable("a flaw"), &origin.economy.clone(), hours_before(2));
    bench.deliver(&mut origin, &record, &parts);
    assert!(given(&mut bench, &mut reader).contains(&record.id()));
    let body = || WithdrawalBody::of(vec![record.id()]).unwrap().encode();
    let relays = relay.economy.clone();
    let meddling = speaks(Kind::Withdrawal, body(), &relays, &relays.author);
    assert_eq!(bench.deliver(&mut relay, &meddling, &[]), 1);
    assert_eq!(bench.answer(&relay, 1), Answer::Acked);
    bench.wait(Duration::from_secs(1));
    assert!(!bench.delivered(reader.conn()).contains(&meddling.id()));
    let own = speaks(Kind::Withdrawal, body(), &origin.economy.clone(), &origin.economy.author);
    bench.deliver(&mut origin, &own, &[]);
    bench.wait(Duration::from_secs(1));
    assert!(bench.delivered(reader.conn()).contains(&own.id()));
}

/// The keyring by which the root that was announced takes an economy back, without the one before.
fn taken_back(
    by: &Economy,
    held: &VerifiedKeyring,
    change: impl FnOnce(KeyringBuilder) -> KeyringBuilder,
) -> (VerifiedKeyring, VerifiedRecord) {
    let (root, key) = (by.next_root.clone(), SecretKey::from_seed(&[78; 32]));
    let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let all = Kind::ALL.iter().copied();
    let grant = Grant::author(by.id, key.public(), all, Tlp::Red, from, until);
    let builder = KeyringBuilder::follow(held).rotate(TestEconomy::genesis(&root, &key));
    let keyring = change(builder.grant(grant)).sign(&[&root]).unwrap();
    let record = speaks(Kind::Keyring, keyring.encoded().to_vec(), by, &key);
    (keyring, record)
}

#[test]
fn what_a_stolen_root_granted_dies_with_it_and_nothing_else_then_or_later() {
    let (mut bench, mut relay, mut origin, _) = three();
    let by = origin.economy.clone();
    let (early, parts) = sign(passable("by a key that was tidied away"), &by, hours_before(2));
    bench.deliver(&mut relay, &early, &parts);
    let gone = by.author.id();
    let (second, record) = next(&by, &by.keyring, |one| one.retain(|grant| grant.key != gone));
    bench.deliver(&mut origin, &record, &[]);
    let mut entropy = SeededEntropy::new(3);
    let signed = passable("by the thief's").sign(&fresh(), by.id, START, &mut entropy).unwrap();
    bench.deliver(&mut relay, &signed.record, &signed.parts);
    assert_eq!(stands(&bench, &signed.record), Standing::Accepted);
    let lost = fresh().id();
    let (third, record) = taken_back(&by, &second, |one| one.retain(|grant| grant.key != lost));
    bench.deliver(&mut origin, &record, &[]);
    let key = SecretKey::from_seed(&[78; 32]);
    let signed_then = passable("by the new root's").sign(&key, by.id, START, &mut entropy).unwrap();
    bench.deliver(&mut relay, &signed_then.record, &signed_then.parts);
    // A journal says the same however often it is read.
    for _ in 0..2 {
        assert!(quarantined(&bench, &signed.record));
        assert_eq!(stands(&bench, &early), Standing::Accepted);
        assert_eq!(stands(&bench, &signed_then.record), Standing::Accepted);
        bench.restart();
        bench.wait(HOUR);
    }
    // Tidying up goes on as before: it takes nothing back.
    let fourth = KeyringBuilder::follow(&third).retain(|grant| grant.key != key.id());
    let grant = {
        let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
        let all = Kind::ALL.iter().copied();
        Grant::author(by.id, SecretKey::from_seed(&[79; 32]).public(), all, Tlp::Red, from, until)
    };
    let fourth = fourth.grant(grant).sign(&[&by.next_root]).unwrap();
    let body = fourth.encoded().to_vec();
    let record = speaks(Kind::Keyring, body, &by, &SecretKey::from_seed(&[79; 32]));
    bench.connect(&mut relay);
    bench.deliver(&mut relay, &record, &[]);
    assert_eq!(bench.state().keyring(&by.id).unwrap().version(), 4);
    assert_eq!(stands(&bench, &signed_then.record), Standing::Accepted);
}
