//! What an agreement prohibits and demands outlives whatever a partner does to be rid of it.

use std::time::Duration;

use comity_core::control::{AcceptanceBody, AgreementBody, TerminationBody};
use comity_core::journal::PartnerChange;
use comity_core::keyring::{Grant, KeyringBuilder, Revocation};
use comity_core::policy::{Agreement, Standing};
use comity_core::record::{Draft, Header, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{Kind, Marking, Onward, RecordId, Section, Timestamp, Tlp};
use comity_node::engine::Command;
use comity_tests::bench::{Bench, Peer, sign};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::world::START;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn speaks(kind: Kind, body: Vec<u8>, by: &Economy, at: Timestamp) -> VerifiedRecord {
    control(kind, body, Tlp::Clear, &by.author, by.id, at).expect("a control record")
}

/// An agreement that the partner proposes and the node accepts, with this besides.
pub(super) fn agree(bench: &mut Bench, peer: &mut Peer, more: &str) -> RecordId {
    let text = format!("format = 1\ntitle = \"NDA\"\ntier = \"nda\"\nstarts = 2026-01-01\n{more}");
    let (by, ours) = (peer.economy.clone(), bench.node.economy.clone());
    let body = AgreementBody::between(ours.id, by.id, text).expect("two parties");
    let agreement = speaks(Kind::Agreement, body.encode(), &by, bench.now);
    bench.deliver(peer, &agreement, &[]);
    let body = AcceptanceBody { agreement: agreement.id() }.encode();
    let record = Box::new(speaks(Kind::Acceptance, body, &ours, bench.now));
    let accept = Command::Publish { record, parts: vec![], title: String::new(), draft: None };
    bench.command(accept).expect("an acceptance");
    agreement.id()
}

fn signed(bench: &Bench, with: &Economy) -> Vec<Agreement> {
    let partner = bench.state().policy().partner(&with.id);
    partner.map(|partner| partner.agreements.clone()).unwrap_or_default()
}

/// Indicators that everybody may have, as far as their marking goes.
fn indicators(by: &Economy) -> (VerifiedRecord, Vec<comity_core::record::Part>) {
    let mut marking = Marking::new(Tlp::Clear);
    marking.onward = Onward::WithinMarking;
    let header = Header { marking: Some(marking), ..Header::new(Section::Indicators, "text/csv") };
    let mut draft = Draft::new(Kind::Incident);
    draft.parts.push((header, b"192.0.2.1".to_vec()));
    sign(draft, by, START)
}

const NO_INDICATORS: &str = "[prohibits]\nsections = [\"indicators\"]\n";

fn goes(bench: &Bench, record: &VerifiedRecord, to: &Economy) -> bool {
    let held = bench.state().record(&record.id()).expect("a record that is here");
    bench.state().plan(held, &to.id, bench.now).goes()
}

#[test]
fn nobody_sheds_a_prohibition_by_revoking_the_key_that_signed_it() {
    let mut bench = Bench::new();
    let (mut peer, reader) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut peer);
    agree(&mut bench, &mut peer, NO_INDICATORS);
    let by = peer.economy.clone();
    let (record, parts) = indicators(&by);
    bench.deliver(&mut peer, &record, &parts);
    assert!(!goes(&bench, &record, &reader.economy));

    // Its new key speaks; the one that signed is declared lost from before.
    let fresh = SecretKey::from_seed(&[77; 32]);
    let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let kinds = Kind::ALL.iter().copied();
    let grant = Grant::author(by.id, fresh.public(), kinds, Tlp::Red, from, until);
    let at = START.saturating_sub(DAY);
    let revocation = Revocation { key: by.author.id(), at, compromised: true };
    let keyring = KeyringBuilder::follow(&by.keyring).grant(grant).revoke(revocation);
    let keyring = keyring.sign(&[&by.root]).expect("a keyring").encoded().to_vec();
    let keyring = control(Kind::Keyring, keyring, Tlp::Clear, &fresh, by.id, START);
    bench.deliver(&mut peer, &keyring.expect("a record"), &[]);
    for _ in 0..2 {
        let [agreement] = &signed(&bench, &by)[..] else { panic!("the agreement is gone") };
        assert!(!agreement.in_force(bench.now), "it permits nothing");
        assert!(agreement.binds(bench.now), "and prohibits what it did");
        bench.restart();
    }
}

#[test]
fn removed_and_introduced_again_frees_nothing() {
    let mut bench = Bench::new();
    let (mut peer, reader) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut peer);
    agree(&mut bench, &mut peer, NO_INDICATORS);
    let by = peer.economy.clone();
    let (record, parts) = indicators(&by);
    bench.deliver(&mut peer, &record, &parts);
    assert!(!goes(&bench, &record, &reader.economy));
    let economy = by.id;
    bench.command(Command::Partner { economy, change: PartnerChange::Removed }).expect("removed");
    assert!(!goes(&bench, &record, &reader.economy));
    let change = PartnerChange::Introduced {
        name: "N2".to_owned(),
        keyring: by.keyring.encoded().to_vec(),
        by: reader.economy.id,
    };
    bench.command(Command::Partner { economy, change }).expect("an introduction");
    for _ in 0..2 {
        assert!(!goes(&bench, &record, &reader.economy));
        let partner = bench.state().policy().partner(&economy).expect("its agreements");
        assert_eq!(partner.standing, Standing::Revoked, "and it is no partner for that");
        bench.restart();
    }
}

/// A proposal that is taken back was never in force: nothing ends.
#[test]
fn that_a_proposal_is_taken_back_is_no_end() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let (by, us) = (peer.economy.clone(), bench.node.economy.id);
    let text = "format = 1\ntitle = \"NDA\"\ntier = \"nda\"\nstarts = 2026-01-01\n".to_owned();
    let body = AgreementBody::between(us, by.id, text).expect("two parties").encode();
    let proposal = speaks(Kind::Agreement, body, &by, bench.now);
    bench.deliver(&mut peer, &proposal, &[]);
    let body = TerminationBody { agreement: proposal.id(), effective: bench.now }.encode();
    let word = speaks(Kind::Termination, body, &by, bench.now);
    bench.deliver(&mut peer, &word, &[]);
    assert!(bench.state().record(&word.id()).is_some_and(|held| held.is_accepted()));
    assert!(bench.alarms("agreement-terminated").is_empty());
}

#[test]
fn a_day_of_notice_is_a_day() {
    let terminated = |short: Duration, late: Duration| {
        let mut bench = Bench::new();
        let mut peer = bench.pair(2);
        bench.connect(&mut peer);
        let agreement = agree(&mut bench, &mut peer, "notice = \"1 day\"\n");
        let by = peer.economy.clone();
        let effective = bench.now.saturating_add(DAY).saturating_sub(short);
        let body = TerminationBody { agreement, effective }.encode();
        let word = speaks(Kind::Termination, body, &by, bench.now);
        bench.wait(late);
        bench.deliver(&mut peer, &word, &[]);
        assert_eq!(bench.alarms("agreement-terminated").len(), 1, "it is told at once");
        let [agreement] = &signed(&bench, &by)[..] else { panic!("one agreement") };
        assert!(agreement.is_terminated());
        assert_eq!(agreement.until(), Some(effective));
        agreement.bound_until().expect("an end").since(effective)
    };
    let hour = Duration::from_secs(3600);
    assert_eq!(terminated(Duration::ZERO, Duration::ZERO), Duration::ZERO);
    // At once, or cut short: it binds until its notice would have been over.
    assert_eq!(terminated(DAY, Duration::ZERO), DAY);
    assert_eq!(terminated(hour, Duration::ZERO), hour);
    // The time that the word was on its way is not held against whoever gave it; a date of long ago is.
    assert_eq!(terminated(Duration::ZERO, 20 * hour), Duration::ZERO);
    assert_eq!(terminated(Duration::ZERO, 30 * hour), 30 * hour);
}
