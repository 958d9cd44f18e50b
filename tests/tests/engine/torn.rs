//! What a node does after the end of its journal was cut.

use std::collections::BTreeSet;
use std::time::Duration;

use comity_core::group::{CharterBody, GroupBody, RosterBody, RosterHead};
use comity_core::journal::{JournalEntry, PartnerChange, RecordEntered, Source, Standing};
use comity_core::keyring::{Grant, KeyringBuilder, Revocation};
use comity_core::ledger::{Head, LedgerEntry, Ranges};
use comity_core::record::{Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{Digest, EpochId, GroupId, Kind, Tlp};
use comity_node::engine::{Command, CommandError, Reply};
use comity_store::{MemoryStore, Store as _};
use comity_tests::bench::{Bench, Peer, advisory};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::node::new_entry;
use comity_tests::sim::world::START;

/// A node and two partners that have met, after a start at which the end of the journal was cut, or not.
fn restarted(cut: bool) -> (Bench, Peer, Peer) {
    let mut bench = Bench::new();
    let (mut one, mut other) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut one);
    bench.connect(&mut other);
    bench.cut = cut.then_some(7);
    bench.restart();
    (bench, one, other)
}

/// The partner says that it holds one delivery more than the node's journal.
fn claim_more(bench: &Bench, peer: &mut Peer) {
    let ledger = &bench.state().partner(&peer.economy.id).unwrap().out;
    let head = Head { number: ledger.head().number + 1, chain: Digest([9; 32]) };
    peer.holds = (Some(EpochId(ledger.epoch().0)), head, Ranges::new());
}

#[test]
fn after_a_cut_nothing_goes_to_a_partner_before_its_head_agrees() {
    let (mut bench, mut one, _) = restarted(true);
    bench.publish("Router flaw");
    let silent = bench.open(&one);
    assert_eq!(bench.delivered(silent), []);
    assert_eq!(bench.alarms("tail-cut").len(), 1);
    // Nobody has to do anything about it.
    let conn = bench.connect(&mut one);
    assert!(!bench.delivered(conn).is_empty());
    assert_eq!(bench.state().recovery(), None);
}

/// A record that the node signs, and that its journal has lost: what a partner gives back of it.
fn lost(bench: &Bench, peer: &Peer, by: &Economy) -> (LedgerEntry, VerifiedRecord, Vec<Part>) {
    let (record, parts) = advisory(by, "lost", bench.now);
    let out = &bench.state().partner(&peer.economy.id).unwrap().out;
    let (epoch, number) = (out.epoch(), out.next_number());
    (LedgerEntry { epoch, ..peer.entry(number, &record, &parts) }, record, parts)
}

#[test]
fn a_bare_claim_after_a_cut_closes_its_own_link_alone() {
    let (mut bench, mut one, mut other) = restarted(true);
    let stands = bench.connect(&mut other);
    claim_more(&bench, &mut one);
    let claims = bench.connect(&mut one);
    assert!(bench.closed.contains_key(&claims));
    assert_eq!(bench.alarms("tail-claimed").len(), 1);
    assert_eq!(bench.state().recovery(), None);
    assert!(!bench.closed.contains_key(&stands));
    bench.publish("Router flaw");
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(stands).len(), 1);

    // It is asked for what it claims, and shows nothing that is ours: neither a record of its own, nor
    // one that somebody signed in our name with another key.
    let (entry, record, parts) = lost(&bench, &one, &one.economy);
    claim_more(&bench, &mut one);
    one.boot();
    let conn = bench.connect(&mut one);
    assert!(!bench.closed.contains_key(&conn));
    let forger = Economy { id: bench.node.economy.id, ..one.economy.clone() };
    let (_, forged, pieces) = lost(&bench, &one, &forger);
    let forged_entry = one.entry(entry.number, &forged, &pieces);
    for (entry, record, parts) in [(&forged_entry, &forged, &pieces), (&entry, &record, &parts)] {
        let stream = one.stream();
        bench.apart(conn, stream, Peer::frame(true, entry, record, parts));
        assert_eq!(bench.state().recovery(), None);
    }
    assert_eq!(bench.alarms("tail-lost"), [""; 0]);
    // All that it claimed is here: its ledger goes on in a new epoch, and nobody else noticed.
    let opening = bench.state().partner(&one.economy.id).unwrap().out.opening().expect("an epoch");
    assert!(opening.first > entry.number);
    assert!(!bench.state().doubted().contains(&one.economy.id));
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(conn), []);
    bench.control(conn, Peer::accepts(&opening));
    bench.wait(Duration::from_secs(1));
    assert!(!bench.delivered(conn).is_empty());
    assert!(!bench.closed.contains_key(&stands));
}

#[test]
fn a_partner_that_gives_back_what_we_signed_and_lost_proves_the_loss() {
    let (mut bench, mut one, mut other) = restarted(true);
    let before = bench.connect(&mut other);
    claim_more(&bench, &mut one);
    bench.connect(&mut one);
    one.boot();
    let conn = bench.connect(&mut one);
    let ours = bench.node.economy.clone();
    let (entry, record, parts) = lost(&bench, &one, &ours);
    let stream = one.stream();
    bench.apart(conn, stream, Peer::frame(true, &entry, &record, &parts));
    assert!(bench.state().recovery().is_some());
    assert_eq!(bench.alarms("tail-lost").len(), 1);
    assert!(bench.closed.contains_key(&before), "the other one greets anew");
    bench.heard(before);
    bench.publish("Router flaw");
    let conn = bench.connect(&mut other);
    assert_eq!((bench.delivered(before), bench.delivered(conn)), (vec![], vec![]));
    // It is written down: another start changes nothing.
    bench.restart();
    assert!(bench.state().recovery().is_some());
}

#[test]
fn the_recovery_that_a_proof_begins_ends_in_the_same_run() {
    let (mut bench, mut one, mut other) = restarted(true);
    claim_more(&bench, &mut one);
    bench.connect(&mut one);
    let ours = bench.node.economy.clone();
    let (entry, record, parts) = lost(&bench, &one, &ours);
    let head = bench.state().partner(&one.economy.id).unwrap().out.head();
    one.holds = (Some(entry.epoch), head.after(entry.digest()), Ranges::new());
    for proved in [false, true] {
        assert_eq!(bench.state().recovery().is_some(), proved);
        one.boot();
        let conn = bench.connect(&mut one);
        let stream = one.stream();
        bench.apart(conn, stream, Peer::frame(true, &entry, &record, &parts));
    }
    assert!(bench.state().record(&record.id()).is_some());
    assert!(!bench.state().awaits_return(&one.economy.id));
    bench.connect(&mut other);
    bench.command(Command::ConfirmPolicy).expect("all is here");
    assert_eq!(bench.state().recovery(), None);
}

#[test]
fn a_partner_that_was_restored_itself_cannot_say_that_nothing_is_missing() {
    let (mut bench, mut one, _) = restarted(true);
    one.recovering = true;
    bench.connect(&mut one);
    assert!(bench.state().doubted().contains(&one.economy.id));
    one.recovering = false;
    one.boot();
    bench.connect(&mut one);
    assert!(!bench.state().doubted().contains(&one.economy.id));
}

/// The next version of the node's keyring, by which another key signs, and one is ended.
fn next_keyring(by: &Economy, key: &SecretKey, revocation: Revocation) -> VerifiedRecord {
    let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let all = Kind::ALL.iter().copied();
    let grant = Grant::author(by.id, key.public(), all, Tlp::Red, from, until);
    let builder = KeyringBuilder::follow(&by.keyring).grant(grant).revoke(revocation);
    let body = builder.sign(&[&by.root]).unwrap().encoded().to_vec();
    control(Kind::Keyring, body, Tlp::AmberStrict, key, by.id, START).expect("a keyring")
}

#[test]
fn in_doubt_no_keyring_is_signed_and_it_is_said_who_is_waited_for() {
    let (mut bench, mut one, other) = restarted(true);
    let by = bench.node.economy.clone();
    let key = SecretKey::from_seed(&[77; 32]);
    let revocation = Revocation { key: by.junior.id(), at: START, compromised: false };
    let keyring = next_keyring(&by, &key, revocation);
    let publish = |bench: &mut Bench| {
        let (record, title) = (Box::new(keyring.clone()), String::new());
        bench.command(Command::Publish { record, parts: Vec::new(), title, draft: None })
    };
    let waits = |result: Result<Reply, CommandError>| match result {
        Err(CommandError::Doubted { what, waits }) => (what, waits),
        other => panic!("{other:?}"),
    };
    let name = |peer: &Peer| format!("N{}", peer.economy.id.short());
    let (what, both) = waits(publish(&mut bench));
    assert_eq!(what, "keyring");
    assert!(both.contains(&name(&one)) && both.contains(&name(&other)), "{both}");
    bench.connect(&mut one);
    assert_eq!(waits(publish(&mut bench)).1, name(&other));
    // Whoever is suspended is not waited for.
    let (economy, change) = (other.economy.id, PartnerChange::Suspended);
    bench.command(Command::Partner { economy, change }).unwrap();
    publish(&mut bench).expect("nobody can hold a later one");
}

#[test]
fn whoever_claims_more_and_shows_nothing_is_waited_for_no_longer_than_a_day() {
    let (mut bench, mut one, mut other) = restarted(true);
    bench.connect(&mut other);
    claim_more(&bench, &mut one);
    bench.connect(&mut one);
    assert_eq!(bench.alarms("tail-claimed").len(), 1);
    let by = bench.node.economy.clone();
    let key = SecretKey::from_seed(&[77; 32]);
    let revocation = Revocation { key: by.junior.id(), at: START, compromised: false };
    let keyring = next_keyring(&by, &key, revocation);
    let publish = |bench: &mut Bench| {
        let (record, title) = (Box::new(keyring.clone()), String::new());
        bench.command(Command::Publish { record, parts: Vec::new(), title, draft: None })
    };
    bench.wait(Duration::from_secs(23 * 60 * 60));
    // That it says so again is no new claim.
    claim_more(&bench, &mut one);
    one.boot();
    bench.connect(&mut one);
    assert!(matches!(publish(&mut bench), Err(CommandError::Doubted { .. })));
    bench.wait(Duration::from_secs(2 * 60 * 60));
    publish(&mut bench).expect("a bare word");
    // It gets nothing all the same before it has shown it.
    assert!(bench.state().doubted().contains(&one.economy.id));
}

#[test]
fn a_person_may_say_that_nothing_was_lost_and_the_doubt_stays() {
    let (mut bench, one, other) = restarted(true);
    let by = bench.node.economy.clone();
    let key = SecretKey::from_seed(&[77; 32]);
    let revocation = Revocation { key: by.author.id(), at: START, compromised: true };
    let record = Box::new(next_keyring(&by, &key, revocation));
    bench.command(Command::PublishAnyway { record, title: String::new() }).expect("a revocation");
    assert_eq!(bench.state().own_keyring_head().0, 2);
    for peer in [&one, &other] {
        assert!(bench.state().doubted().contains(&peer.economy.id));
    }
    // In recovery a later one is known to be possible, and no word helps.
    let restored = new_entry(&JournalEntry::Restored { at: START }, Vec::new());
    let backup = bench.node.store.backup();
    bench.replace(MemoryStore::restore(&backup, restored).unwrap());
    let revocation = Revocation { key: by.junior.id(), at: START, compromised: false };
    let record = Box::new(next_keyring(&by, &key, revocation));
    let refused = bench.command(Command::PublishAnyway { record, title: String::new() });
    assert!(matches!(refused, Err(CommandError::Recovering(_))), "{refused:?}");
}

#[test]
fn that_a_roster_is_not_confirmed_for_a_doubt_is_said_once_a_day() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let by = bench.node.economy.clone();
    let text = "format = 1\nname = \"Islands\"\npurpose = \"Early warning\"\n\
        founders = [\"one\", \"two\"]\nstarts = 2020-01-01\nsponsors = { needed = 1 }\n\
        removal = { by = \"secretariat\" }\nterms = { tier = \"mou\" }\n";
    let founders = BTreeSet::from([by.id, peer.economy.id]);
    let charter = CharterBody { text: text.to_owned(), founders, sponsors: BTreeSet::new() };
    let body = GroupBody::Charter(charter).encode();
    let charter = control(Kind::Group, body, Tlp::AmberStrict, &by.author, by.id, START).unwrap();
    let (record, title) = (Box::new(charter), String::new());
    let publish = Command::Publish { record, parts: Vec::new(), title, draft: None };
    bench.command(publish).unwrap();
    let an_hour = Duration::from_secs(60 * 60);
    bench.cut = Some(7);
    bench.restart();
    bench.wait(an_hour * 23);
    assert_eq!(bench.alarms("roster-unconfirmed").len(), 0, "nobody is late yet");
    bench.wait(an_hour * 3);
    let said = bench.alarms("roster-unconfirmed");
    let name = format!("N{}", peer.economy.id.short());
    assert_eq!(said.len(), 1);
    let text = said[0];
    assert!(
        text.contains("Islands") && text.contains(&name) && text.contains("--anyway"),
        "{text}"
    );
    bench.wait(an_hour * 24);
    assert_eq!(bench.alarms("roster-unconfirmed").len(), 2);
    bench.connect(&mut peer);
    bench.wait(an_hour * 48);
    assert_eq!(bench.alarms("roster-unconfirmed").len(), 2, "its head agrees");
}

/// A restored secretariat, or one in doubt, may have signed a later roster.
#[test]
fn neither_in_doubt_nor_in_recovery_is_a_roster_said_to_be_the_last() {
    let (mut bench, one, _) = restarted(true);
    let head = RosterHead { group: GroupId([1; 32]), epoch: 5, digest: Digest([5; 32]) };
    let body = RosterBody::Head(head).encode();
    let by = bench.node.economy.clone();
    let says = control(Kind::Roster, body, Tlp::AmberStrict, &by.author, by.id, START).unwrap();
    let publish = |bench: &mut Bench| {
        let (record, title) = (Box::new(says.clone()), String::new());
        bench.command(Command::Publish { record, parts: Vec::new(), title, draft: None })
    };
    let name = format!("N{}", one.economy.id.short());
    match publish(&mut bench) {
        Err(CommandError::Doubted { what, waits }) => {
            assert!(what == "roster" && waits.contains(&name), "{what} {waits}");
        }
        other => panic!("{other:?}"),
    }
    let restored = new_entry(&JournalEntry::Restored { at: START }, Vec::new());
    let backup = bench.node.store.backup();
    bench.replace(MemoryStore::restore(&backup, restored).unwrap());
    match publish(&mut bench) {
        Err(CommandError::Recovering(why)) => assert!(why.contains(&name), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_keyring_made_due_is_judged_by_the_real_time_after_a_cut() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let by = bench.node.economy.clone();
    let (record, parts) = advisory(&by, "by a stolen key", bench.now);
    let (id, title) = (record.id(), String::new());
    let publish = Command::Publish { record: Box::new(record), parts, title, draft: None };
    bench.command(publish).unwrap();
    // What finishes an interrupted revocation enters the keyring alone, and ends there.
    let key = SecretKey::from_seed(&[77; 32]);
    let since = START.saturating_sub(Duration::from_secs(3600));
    let revocation = Revocation { key: by.author.id(), at: since, compromised: true };
    let keyring = next_keyring(&by, &key, revocation);
    let entry = JournalEntry::Record(RecordEntered {
        signed: keyring.signed().to_vec(),
        parts: Vec::new(),
        source: Source::Own,
        standing: Standing::Accepted,
        reference: bench.state().next_reference(Kind::Keyring, bench.now),
        title: String::new(),
        at: bench.now,
    });
    bench.node.store.submit(vec![new_entry(&entry, Vec::new())], Box::new(drop));
    bench.node.store.sync();
    bench.cut = Some(7);
    bench.restart();
    assert!(!bench.state().record(&id).unwrap().is_accepted());
}

#[test]
fn a_partners_word_stops_nobody_without_a_cut_or_after_it_has_agreed() {
    let (mut bench, mut one, mut other) = restarted(false);
    let conn = bench.connect(&mut one);
    bench.publish("Router flaw");
    bench.wait(Duration::from_secs(1));
    assert!(!bench.delivered(conn).is_empty());
    bench.sever(conn);
    one.boot();
    claim_more(&bench, &mut one);
    bench.connect(&mut one);
    assert_eq!(bench.state().recovery(), None);
    assert_eq!(bench.alarms("ledger-ahead").len(), 1);

    bench.cut = Some(7);
    bench.restart();
    one.holds = (None, Head::START, Ranges::new());
    bench.connect(&mut one);
    claim_more(&bench, &mut one);
    bench.connect(&mut one);
    assert_eq!(bench.state().recovery(), None);
    let conn = bench.connect(&mut other);
    bench.publish("Another flaw");
    assert!(!bench.delivered(conn).is_empty());
}

#[test]
fn another_start_does_not_forget_a_cut() {
    let (mut bench, mut one, mut other) = restarted(true);
    // It dies before one partner was there; the other one's word is written down.
    bench.connect(&mut other);
    bench.restart();
    claim_more(&bench, &mut other);
    bench.connect(&mut other);
    assert_eq!(bench.state().recovery(), None, "its head had agreed");
    assert_eq!(bench.alarms("tail-claimed"), [""; 0]);
    claim_more(&bench, &mut one);
    bench.connect(&mut one);
    assert_eq!(bench.alarms("tail-claimed").len(), 1);
}
