//! Broken glass: one record goes to one partner, as long as the journal says and no longer, by no key but its
//! own; and what nobody confirms is recalled, whatever becomes of the node meanwhile.

use std::time::Duration;

use comity_core::control::{ApprovalBody, ApprovalVerdict, WithdrawalBody};
use comity_core::journal::{
    EmergencyOpened, JournalEntry, PartnerChange, RecordEntered, Source, StaffChange, StaffJoined,
    Standing,
};
use comity_core::keyring::{Grant, KeyringBuilder, Revocation};
use comity_core::limits::{EMERGENCIES_OPEN, EMERGENCY_CONFIRMED_WITHIN, EMERGENCY_LASTS};
use comity_core::policy::{Lifecycle, Recipient, plan};
use comity_core::record::{Draft, Header, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::staff::{HOLDER, Roles, StaffRole};
use comity_core::test_util::{SeededEntropy, TestEconomy};
use comity_core::{EconomyId, Kind, Marking, RecallReason, RecordId, Section, Tlp};
use comity_node::config::Approval;
use comity_node::engine::{Command, CommandError, Reply};
use comity_node::state::GlassStands;
use comity_store::{MemoryStore, Store as _, Unsynced};
use comity_tests::bench::{Bench, Peer, advisory};
use comity_tests::sim::node::new_entry;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// An analyst who approves too, and two more approvers.
const KIM: u8 = 71;
const LEE: u8 = 72;
const ANN: u8 = 73;
/// Somebody's whose name the node has lost.
const FORGOTTEN: u8 = 75;
/// The emergency key.
const GLASS: u8 = 79;

fn key(person: u8) -> SecretKey {
    SecretKey::from_seed(&[person; 32])
}

fn enter_keyring(
    bench: &mut Bench,
    change: impl FnOnce(EconomyId, KeyringBuilder) -> KeyringBuilder,
) {
    let by = bench.node.economy.clone();
    let builder = KeyringBuilder::follow(bench.state().keyring(&by.id).expect("a keyring"));
    let keyring = change(by.id, builder).sign(&[&by.root]).expect("a keyring");
    let body = keyring.encoded().to_vec();
    publish_control(bench, Kind::Keyring, body, &by.author).expect("a keyring that follows");
}

fn join(bench: &mut Bench, name: &str, person: u8, roles: &[StaffRole], kinds: &[Kind]) {
    let public = key(person).public();
    let (since, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    enter_keyring(bench, |id, builder| {
        let grant = Grant::author(id, public, kinds.iter().copied(), Tlp::Red, since, until);
        builder.grant(grant.held_by(HOLDER))
    });
    let roles = Roles::new(roles.iter().copied()).expect("roles");
    let change = StaffChange::Joined(StaffJoined { key: public.id(), roles });
    let (name, by) = (name.to_owned(), String::new());
    bench.command(Command::Staff { name, change, by }).expect("somebody joins");
}

/// A node with staff and an emergency key, and a partner that is connected and with which nothing is signed.
fn world() -> (Bench, Peer) {
    let mut bench = Bench::new();
    let mut partner = bench.pair(2);
    let content = [Kind::Advisory, Kind::Approval];
    join(&mut bench, "kim", KIM, &[StaffRole::Analyst, StaffRole::Approver], &content);
    join(&mut bench, "lee", LEE, &[StaffRole::Approver], &[Kind::Approval]);
    join(&mut bench, "ann", ANN, &[StaffRole::Approver], &[Kind::Approval]);
    enter_keyring(&mut bench, |id, builder| {
        let (since, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
        builder.grant(Grant::emergency(id, key(GLASS).public(), since, until))
    });
    bench.connect(&mut partner);
    (bench, partner)
}

fn publish_as(bench: &mut Bench, label: Tlp, author: &SecretKey) -> RecordId {
    let mut draft = Draft::new(Kind::Advisory);
    let header = Header {
        marking: Some(Marking::new(label)),
        ..Header::new(Section::Summary, "text/plain")
    };
    draft.parts.push((header, b"the same ransomware runs there".to_vec()));
    let (economy, now) = (bench.node.economy.id, bench.now);
    let mut entropy = SeededEntropy::new(now.as_millis());
    let composed = draft.sign(author, economy, now, &mut entropy).expect("a draft that signs");
    let (record, parts, title) = (Box::new(composed.record), composed.parts, String::new());
    let published = bench.command(Command::Publish { record, parts, title, draft: None });
    bench.wait(SECOND);
    match published {
        Ok(Reply::Published { record, .. }) => record,
        other => unreachable!("{other:?}"),
    }
}

/// The node's own key signs it.
fn publish(bench: &mut Bench, label: Tlp) -> RecordId {
    let author = bench.node.economy.author.clone();
    publish_as(bench, label, &author)
}

fn publish_control(
    bench: &mut Bench,
    kind: Kind,
    body: Vec<u8>,
    by: &SecretKey,
) -> Result<Reply, CommandError> {
    let record = control(kind, body, Tlp::AmberStrict, by, bench.node.economy.id, bench.now);
    let (record, title) = (Box::new(record.expect("a control record")), String::new());
    let done = bench.command(Command::Publish { record, parts: Vec::new(), title, draft: None });
    bench.wait(SECOND);
    done
}

fn word(bench: &Bench, record: RecordId, to: EconomyId, by: &SecretKey) -> VerifiedRecord {
    let verdict = ApprovalVerdict::Emergency { to };
    let body = ApprovalBody { record, verdict, note: "a hospital is down".to_owned() };
    let (us, now) = (bench.node.economy.id, bench.now);
    control(Kind::Approval, body.encode(), Tlp::AmberStrict, by, us, now).expect("a word")
}

fn break_as(
    bench: &mut Bench,
    (record, to): (RecordId, EconomyId),
    by: &SecretKey,
    name: &str,
) -> Result<RecordId, CommandError> {
    let record = Box::new(word(bench, record, to, by));
    let (title, by) = (String::new(), name.to_owned());
    let done = bench.command(Command::BreakGlass { record, title, by });
    bench.wait(SECOND);
    done.map(|reply| match reply {
        Reply::Published { record, .. } => record,
        other => unreachable!("{other:?}"),
    })
}

/// Kim breaks the glass.
fn broken(bench: &mut Bench, record: RecordId, to: EconomyId) -> Result<RecordId, CommandError> {
    break_as(bench, (record, to), &key(GLASS), "kim")
}

fn say(
    bench: &mut Bench,
    word: RecordId,
    verdict: ApprovalVerdict,
    by: u8,
) -> Result<Reply, CommandError> {
    let body = ApprovalBody { record: word, verdict, note: "seen".to_owned() };
    publish_control(bench, Kind::Approval, body.encode(), &key(by))
}

fn confirm(bench: &mut Bench, word: RecordId, by: u8) -> Result<Reply, CommandError> {
    say(bench, word, ApprovalVerdict::Approve, by)
}

fn why<T: std::fmt::Debug>(refused: Result<T, CommandError>) -> String {
    refused.expect_err("it is refused").to_string()
}

fn went(bench: &Bench, partner: &Peer, record: RecordId) -> bool {
    bench.delivered(partner.conn()).contains(&record)
}

fn goes(bench: &Bench, partner: &Peer, record: RecordId) -> bool {
    let (state, to) = (bench.state(), Recipient::partner(partner.economy.id));
    let held = state.record(&record).expect("a record");
    plan(state.policy(), &held.facts, &held.parts, &to, bench.now).goes()
}

fn owed(bench: &Bench) -> Vec<RecordId> {
    bench.state().owed_recalls(bench.now)
}

fn stands(bench: &Bench, word: RecordId) -> GlassStands {
    bench.state().emergency(&word).expect("a release").stands(bench.now)
}

/// What the node signs by itself for what it owes.
fn recall(bench: &mut Bench, word: RecordId) -> Result<RecordId, CommandError> {
    let opened = bench.state().emergency(&word).expect("a release").opened.clone();
    let body = WithdrawalBody::of(vec![opened.record]).expect("one record");
    let body = body.recalling(RecallReason::SentInError).from_only(opened.to);
    let author = bench.node.economy.author.clone();
    publish_control(bench, Kind::Withdrawal, body.encode(), &author).map(|reply| match reply {
        Reply::Published { record, .. } => record,
        other => unreachable!("{other:?}"),
    })
}

#[test]
fn one_record_goes_to_one_partner_until_nobody_confirmed_it() {
    let (mut bench, partner) = world();
    let mut other = bench.pair(3);
    bench.connect(&mut other);
    let [record, another] = [(); 2].map(|()| publish(&mut bench, Tlp::Amber));
    assert!(!went(&bench, &partner, record));
    let word = broken(&mut bench, record, partner.economy.id).expect("the glass breaks");
    assert!(went(&bench, &partner, record));
    assert!(!went(&bench, &other, record), "it is for one partner");
    assert!(!went(&bench, &partner, another), "it is for one record");
    assert!(!bench.delivered(partner.conn()).contains(&word), "the word stays at home");
    let alarm = bench.alarms("emergency").join("\n");
    assert!(alarm.starts_with("kim broke the glass: "), "{alarm}");
    assert_eq!(stands(&bench, word), GlassStands::Unconfirmed);
    bench.wait(EMERGENCY_CONFIRMED_WITHIN - 2 * SECOND);
    assert!(goes(&bench, &partner, record) && owed(&bench).is_empty());
    bench.wait(2 * SECOND);
    assert!(!goes(&bench, &partner, record));
    assert_eq!(owed(&bench), [word]);
    assert_eq!(bench.alarms("emergency-unconfirmed").len(), 1);
}

#[test]
fn what_nobody_confirmed_is_recalled_from_there_alone_and_once() {
    let (mut bench, mut partner) = world();
    let mut other = bench.pair(3);
    bench.connect(&mut other);
    let clear = publish(&mut bench, Tlp::Clear);
    let record = publish(&mut bench, Tlp::Green);
    assert!(went(&bench, &other, clear));
    let word = broken(&mut bench, record, partner.economy.id).expect("the glass breaks");
    // The node is down when it is due, and the partner is not there when it starts again.
    bench.now = bench.now.saturating_add(2 * EMERGENCY_LASTS);
    bench.restart();
    assert_eq!(owed(&bench), [word]);
    assert!(!goes(&bench, &partner, record));
    let by = recall(&mut bench, word).expect("a recall");
    assert!(owed(&bench).is_empty());
    assert!(why(recall(&mut bench, word)).contains("recalled from there already"));
    bench.connect(&mut partner);
    bench.connect(&mut other);
    bench.wait(SECOND);
    assert!(went(&bench, &partner, by), "whoever got it is told");
    assert!(!went(&bench, &other, by), "and nobody else");
    let held = bench.state().record(&record).expect("a record");
    assert_eq!(held.facts.lifecycle, Lifecycle::Live, "for others it stands");
    assert!(bench.state().tombstone(&record, &bench.node.economy.id).is_none());
    bench.restart();
    assert!(owed(&bench).is_empty());
    let refused = why(broken(&mut bench, record, partner.economy.id));
    assert!(refused.contains("recalled from there"), "{refused}");
}

/// What nobody got need not be recalled.
#[test]
fn where_nothing_went_nothing_is_recalled() {
    let (mut bench, partner) = world();
    bench.sever(partner.conn());
    let record = publish(&mut bench, Tlp::Green);
    let word = broken(&mut bench, record, partner.economy.id).expect("the glass breaks");
    bench.wait(EMERGENCY_LASTS);
    assert_eq!(stands(&bench, word), GlassStands::Lapsed);
    assert!(owed(&bench).is_empty());
    let mut partner = partner;
    bench.connect(&mut partner);
    bench.wait(SECOND);
    assert!(!went(&bench, &partner, record), "late it goes no more");
    // It is said, also at the next start, and not at those of later days.
    for (days, said) in [(0, 2), (2, 2)] {
        bench.wait(EMERGENCY_LASTS * days);
        bench.restart();
        bench.wait(SECOND);
        assert_eq!(bench.alarms("emergency-unconfirmed").len(), said, "{days}");
    }
}

#[test]
fn a_second_person_confirms_it_and_it_ends_after_its_day() {
    let (mut bench, mut partner) = world();
    let record = publish_as(&mut bench, Tlp::Green, &key(KIM));
    bench.sever(partner.conn());
    let word = break_as(&mut bench, (record, partner.economy.id), &key(GLASS), "ann").unwrap();
    let refused = why(confirm(&mut bench, word, ANN));
    assert!(refused.contains("whoever broke the glass"), "{refused}");
    let refused = why(confirm(&mut bench, word, KIM));
    assert!(refused.contains("whoever signed the record"), "{refused}");
    let refused = why(confirm(&mut bench, word, GLASS));
    assert!(refused.contains("whoever broke the glass"), "{refused}");
    let refused = why(confirm(&mut bench, word, 90));
    assert!(refused.contains("signing key may not sign"), "{refused}");
    confirm(&mut bench, word, LEE).expect("an approver");
    assert_eq!(stands(&bench, word), GlassStands::Confirmed);
    let refused = why(say(&mut bench, word, ApprovalVerdict::Refuse, LEE));
    assert!(refused.contains("the first word stands"), "{refused}");
    bench.wait(EMERGENCY_CONFIRMED_WITHIN + HOUR);
    bench.restart();
    bench.connect(&mut partner);
    bench.wait(SECOND);
    assert!(bench.state().partner(&partner.economy.id).unwrap().out.sent(&record).is_some());
    assert!(goes(&bench, &partner, record));
    bench.wait(EMERGENCY_LASTS);
    assert!(!goes(&bench, &partner, record) && owed(&bench).is_empty());
}

#[test]
fn a_no_recalls_it_at_once_and_a_late_yes_changes_nothing() {
    let (mut bench, partner) = world();
    let record = publish(&mut bench, Tlp::Green);
    let word = broken(&mut bench, record, partner.economy.id).expect("the glass breaks");
    say(&mut bench, word, ApprovalVerdict::Refuse, LEE).expect("an approver");
    assert_eq!(stands(&bench, word), GlassStands::Refused);
    assert!(!goes(&bench, &partner, record));
    assert_eq!(owed(&bench), [word]);
    let another = publish(&mut bench, Tlp::Green);
    let late = broken(&mut bench, another, partner.economy.id).expect("the glass breaks");
    bench.wait(EMERGENCY_CONFIRMED_WITHIN);
    let refused = why(confirm(&mut bench, late, LEE));
    assert!(refused.contains("nobody confirmed it before"), "{refused}");
    assert!(owed(&bench).contains(&late));
}

#[test]
fn no_other_key_breaks_it_and_its_key_signs_nothing_else() {
    let (mut bench, partner) = world();
    let record = publish(&mut bench, Tlp::Green);
    let desk = bench.node.economy.author.clone();
    for by in [&desk, &key(KIM), &key(LEE)] {
        let refused = why(break_as(&mut bench, (record, partner.economy.id), by, "kim"));
        assert!(refused.contains("not granted as the emergency key"), "{refused}");
    }
    assert!(!went(&bench, &partner, record));
    // Nor does its word without who said so.
    let verdict = ApprovalVerdict::Emergency { to: partner.economy.id };
    let body = ApprovalBody { record, verdict, note: "now".to_owned() }.encode();
    let refused = why(publish_control(&mut bench, Kind::Approval, body, &key(GLASS)));
    assert!(refused.contains("by its own command"), "{refused}");
    let body = WithdrawalBody::of(vec![record]).unwrap().encode();
    let refused = why(publish_control(&mut bench, Kind::Withdrawal, body, &key(GLASS)));
    assert!(refused.contains("may not sign"), "{refused}");
    // An approval with it is nobody's.
    bench.approval = Approval { tlp: Some(Tlp::Clear), ..Approval::default() };
    bench.restart();
    let waits = publish(&mut bench, Tlp::Clear);
    let body = ApprovalBody { record: waits, verdict: ApprovalVerdict::Approve, note: "x".into() };
    let refused = why(publish_control(&mut bench, Kind::Approval, body.encode(), &key(GLASS)));
    assert!(refused.contains("not that of an approver"), "{refused}");
    // A key that ended breaks nothing.
    let at = bench.now;
    enter_keyring(&mut bench, |_, builder| {
        builder.revoke(Revocation { key: key(GLASS).id(), at, compromised: false })
    });
    bench.wait(SECOND);
    let refused = why(broken(&mut bench, record, partner.economy.id));
    assert!(refused.contains("may not sign"), "{refused}");
}

/// However it came into the journal: a word that the emergency key did not sign, or that nothing says when it
/// ends, or about a record of others, lets nothing go.
#[test]
fn a_word_that_does_not_count_has_no_effect_where_it_is_read() {
    let (mut bench, mut partner) = world();
    let mut other = bench.pair(3);
    bench.connect(&mut other);
    let (theirs, parts) = advisory(&other.economy, "a flaw", bench.now);
    bench.deliver(&mut other, &theirs, &parts);
    let record = publish(&mut bench, Tlp::Green);
    let (desk, to) = (bench.node.economy.author.clone(), partner.economy.id);
    let forged = [
        (word(&bench, record, to, &desk), record, true),
        (word(&bench, record, to, &key(LEE)), record, true),
        (word(&bench, record, to, &key(GLASS)), record, false),
        (word(&bench, theirs.id(), to, &key(GLASS)), theirs.id(), true),
        // Of another record than the journal says.
        (word(&bench, record, to, &key(GLASS)), theirs.id(), true),
    ];
    for (place, (word, about, says_who)) in forged.iter().enumerate() {
        let at = bench.now;
        let (confirm_by, until) =
            (at.saturating_add(EMERGENCY_CONFIRMED_WITHIN), at.saturating_add(EMERGENCY_LASTS));
        let (word_id, by) = (word.id(), "kim".to_owned());
        let opened =
            EmergencyOpened { word: word_id, record: *about, to, by, confirm_by, until, at };
        let entered = RecordEntered {
            signed: word.signed().to_vec(),
            parts: Vec::new(),
            source: Source::Own,
            standing: Standing::Accepted,
            reference: format!("KR-26-C9{place}"),
            title: String::new(),
            at,
        };
        let mut entries = Vec::new();
        if *says_who {
            entries.push(JournalEntry::Emergency(opened));
        }
        entries.push(JournalEntry::Record(entered));
        let entries = entries.iter().map(|entry| new_entry(entry, Vec::new())).collect();
        bench.node.store.append(entries).expect("entries");
        bench.node.store.sync();
        bench.restart();
        assert!(bench.state().record(&word_id).is_some(), "{place}: it is there to be read");
        assert!(bench.state().emergency(&word_id).is_none(), "{place}");
        bench.now = bench.now.saturating_add(SECOND);
    }
    bench.connect(&mut partner);
    bench.wait(HOUR);
    assert!(!went(&bench, &partner, record));
}

#[test]
fn nothing_of_others_nothing_refused_and_nobody_suspended() {
    let (mut bench, mut partner) = world();
    let mut other = bench.pair(3);
    bench.connect(&mut other);
    let (theirs, parts) = advisory(&other.economy, "a flaw", bench.now);
    bench.deliver(&mut other, &theirs, &parts);
    let refused = why(broken(&mut bench, theirs.id(), partner.economy.id));
    assert!(refused.contains("another economy's"), "{refused}");
    let record = publish(&mut bench, Tlp::Green);
    let refused = why(broken(&mut bench, record, EconomyId([9; 32])));
    assert!(refused.contains("suspended, frozen or blocked"), "{refused}");
    let economy = partner.economy.id;
    for change in [PartnerChange::Suspended, PartnerChange::Resumed, PartnerChange::Level(0)] {
        let resumed = matches!(change, PartnerChange::Resumed);
        bench.command(Command::Partner { economy, change }).expect("a partner");
        if !resumed {
            let refused = why(broken(&mut bench, record, economy));
            assert!(refused.contains("suspended, frozen or blocked"), "{refused}");
        }
    }
    let change = PartnerChange::Level(4);
    bench.command(Command::Partner { economy, change }).expect("a partner");
    // One that is suspended meanwhile gets nothing either.
    let word = broken(&mut bench, record, economy).expect("the glass breaks");
    bench.command(Command::Partner { economy, change: PartnerChange::Suspended }).unwrap();
    assert!(!goes(&bench, &partner, record));
    bench.command(Command::Partner { economy, change: PartnerChange::Resumed }).unwrap();
    bench.connect(&mut partner);
    let refused = why(broken(&mut bench, record, economy));
    assert!(refused.contains("already, until"), "{refused}");
    // What a second person refused, nobody goes round.
    bench.approval = Approval { tlp: Some(Tlp::Green), ..Approval::default() };
    bench.restart();
    let waits = publish(&mut bench, Tlp::Green);
    let body = ApprovalBody { record: waits, verdict: ApprovalVerdict::Refuse, note: "no".into() };
    publish_control(&mut bench, Kind::Approval, body.encode(), &key(LEE)).expect("an approver");
    let refused = why(broken(&mut bench, waits, economy));
    assert!(refused.contains("a second person refused it"), "{refused}");
    assert!(bench.state().emergency(&word).is_some());
}

/// Confirming it approves nothing for others.
#[test]
fn what_waits_goes_to_that_partner_and_waits_on_for_everybody_else() {
    let (mut bench, partner) = world();
    bench.approval = Approval { tlp: Some(Tlp::Clear), ..Approval::default() };
    bench.restart();
    let mut partner = partner;
    let mut other = bench.pair(3);
    bench.connect(&mut partner);
    bench.connect(&mut other);
    let record = publish(&mut bench, Tlp::Clear);
    let word = broken(&mut bench, record, partner.economy.id).expect("the glass breaks");
    confirm(&mut bench, word, LEE).expect("an approver");
    assert!(went(&bench, &partner, record) && !went(&bench, &other, record));
    assert!(bench.state().is_unapproved(&record));
}

#[test]
fn so_many_at_once_are_a_habit() {
    let (mut bench, partner) = world();
    let mut words = Vec::new();
    for _ in 0..EMERGENCIES_OPEN {
        let record = publish(&mut bench, Tlp::Green);
        words.push(broken(&mut bench, record, partner.economy.id).expect("the glass breaks"));
    }
    let record = publish(&mut bench, Tlp::Green);
    let refused = why(broken(&mut bench, record, partner.economy.id));
    assert!(refused.contains("no more are at once"), "{refused}");
    // One that is owed a recall still counts; one that is recalled does not.
    say(&mut bench, words[0], ApprovalVerdict::Refuse, LEE).expect("an approver");
    assert!(why(broken(&mut bench, record, partner.economy.id)).contains("no more"));
    recall(&mut bench, words[0]).expect("a recall");
    broken(&mut bench, record, partner.economy.id).expect("the glass breaks");
}

/// What is lost of one write: never the word without who said so, and nothing leaves before both are durable.
#[test]
fn nothing_leaves_before_its_word_is_durable() {
    let (mut bench, mut partner) = world();
    let record = publish(&mut bench, Tlp::Green);
    let before = bench.journal();
    bench.slow_disk = true;
    let give = |bench: &mut Bench| {
        let word = Box::new(word(bench, record, partner.economy.id, &key(GLASS)));
        let id = word.id();
        let (title, by) = (String::new(), "kim".to_owned());
        bench.give(Command::BreakGlass { record: word, title, by });
        id
    };
    let id = give(&mut bench);
    assert!(!went(&bench, &partner, record));
    bench.slow_disk = false;
    let (lost, _) = bench.node.store.crash_with(Unsynced::Dropped, true);
    bench.replace(lost);
    assert_eq!(bench.journal(), before);
    assert!(bench.state().emergency(&id).is_none());
    bench.slow_disk = true;
    let id = give(&mut bench);
    bench.slow_disk = false;
    let (kept, _) = bench.node.store.crash_with(Unsynced::Kept, true);
    bench.replace(kept);
    assert_eq!(bench.state().emergency(&id).expect("a release").opened.by, "kim");
    let kinds: Vec<_> = bench.node.entries().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds[before..][..2], [35, 2]);
    bench.connect(&mut partner);
    bench.wait(SECOND);
    assert!(bench.state().partner(&partner.economy.id).unwrap().out.sent(&record).is_some());
}

/// What a thief of the emergency key released is recalled once that is known; and what a thief of an
/// approver's key confirmed is confirmed no more.
#[test]
fn a_stolen_key_lets_nothing_go_and_confirms_nothing() {
    for stolen in [GLASS, LEE] {
        let (mut bench, partner) = world();
        let record = publish(&mut bench, Tlp::Green);
        let word = broken(&mut bench, record, partner.economy.id).expect("the glass breaks");
        confirm(&mut bench, word, LEE).expect("an approver");
        assert!(owed(&bench).is_empty());
        bench.wait(EMERGENCY_CONFIRMED_WITHIN);
        let at = bench.now.saturating_sub(2 * EMERGENCY_LASTS);
        enter_keyring(&mut bench, |_, builder| {
            builder.revoke(Revocation { key: key(stolen).id(), at, compromised: true })
        });
        bench.wait(SECOND);
        assert_eq!(owed(&bench), [word], "{stolen}");
        assert!(!goes(&bench, &partner, record));
    }
}

/// After a restore nobody knows what is lost.
#[test]
fn a_node_in_recovery_breaks_no_glass() {
    let (mut bench, partner) = world();
    let record = publish(&mut bench, Tlp::Green);
    let backup = bench.node.store.backup();
    let restored = new_entry(&JournalEntry::Restored { at: bench.now }, Vec::new());
    bench.replace(MemoryStore::restore(&backup, restored).expect("a copy"));
    let refused = why(broken(&mut bench, record, partner.economy.id));
    assert!(refused.contains("in recovery"), "{refused}");
}

/// It does not wait behind what is on its way.
#[test]
fn it_goes_first() {
    let (mut bench, partner) = world();
    let record = publish(&mut bench, Tlp::Green);
    bench.wait(HOUR);
    broken(&mut bench, record, partner.economy.id).expect("the glass breaks");
    let lanes = bench.lanes(partner.conn());
    let lane = lanes.iter().find(|(went, _)| *went == record).map(|(_, lane)| *lane);
    assert_eq!(lane, Some(0));
}

/// A no is no reason to ask again, and takes no second person.
#[test]
fn what_was_refused_is_not_broken_again() {
    let (mut bench, partner) = world();
    let to = partner.economy.id;
    // Nobody is there: nothing goes, and nothing is owed.
    bench.sever(partner.conn());
    let record = publish_as(&mut bench, Tlp::Green, &key(KIM));
    let word = broken(&mut bench, record, to).expect("the glass breaks");
    say(&mut bench, word, ApprovalVerdict::Refuse, KIM)
        .expect("whoever broke it thinks better of it");
    assert_eq!(stands(&bench, word), GlassStands::Refused);
    assert!(owed(&bench).is_empty());
    broken(&mut bench, record, to).expect_err("somebody said no");
    bench.restart();
    broken(&mut bench, record, to).expect_err("and it is written down");
}

/// Who refuses the record refuses that it goes in an emergency too.
#[test]
fn a_record_that_is_refused_comes_back_at_once() {
    let (mut bench, mut partner) = world();
    bench.approval = Approval { tlp: Some(Tlp::Clear), ..Approval::default() };
    bench.restart();
    bench.connect(&mut partner);
    let record = publish(&mut bench, Tlp::Clear);
    let word = broken(&mut bench, record, partner.economy.id).expect("the glass breaks");
    assert!(went(&bench, &partner, record) && owed(&bench).is_empty());
    say(&mut bench, record, ApprovalVerdict::Refuse, ANN).expect("an approver");
    assert_eq!(owed(&bench), [word]);
    let refused = why(confirm(&mut bench, word, LEE));
    assert!(refused.contains("the record was refused"), "{refused}");
}

/// Where nobody said who it was, nobody is known to be somebody else.
#[test]
fn what_nobody_of_the_staff_broke_nobody_confirms() {
    let (mut bench, partner) = world();
    let record = publish(&mut bench, Tlp::Green);
    let to = partner.economy.id;
    let word = break_as(&mut bench, (record, to), &key(GLASS), "").expect("the glass breaks");
    let refused = why(confirm(&mut bench, word, LEE));
    assert!(refused.contains("it takes a second person"), "{refused}");
    bench.wait(EMERGENCY_CONFIRMED_WITHIN);
    assert_eq!(owed(&bench), [word]);
}

/// Whose key signed the record nobody knows: it may be whoever confirms.
#[test]
fn what_nobody_is_known_to_have_signed_nobody_confirms() {
    let (mut bench, partner) = world();
    let (public, span) = (key(FORGOTTEN).public(), (TestEconomy::FROM, TestEconomy::UNTIL));
    enter_keyring(&mut bench, |id, builder| {
        let grant = Grant::author(id, public, [Kind::Advisory], Tlp::Red, span.0, span.1);
        builder.grant(grant.held_by(HOLDER))
    });
    let record = publish_as(&mut bench, Tlp::Green, &key(FORGOTTEN));
    let word = broken(&mut bench, record, partner.economy.id).expect("the glass breaks");
    why(confirm(&mut bench, word, LEE));
    assert_eq!(stands(&bench, word), GlassStands::Unconfirmed);
    say(&mut bench, word, ApprovalVerdict::Refuse, LEE).expect("a no takes nobody else");
    assert_eq!(owed(&bench), [word]);
}

/// What had a number by an earlier release does not go by a later one under that number: nobody would recall it.
#[test]
fn what_goes_by_a_release_goes_under_a_number_of_its_own() {
    let (mut bench, mut partner) = world();
    let to = partner.economy.id;
    let record = publish(&mut bench, Tlp::Green);
    // Its body is at hand no more, and is read slowly: it has a number and has not gone when the link breaks.
    bench.restart();
    bench.connect(&mut partner);
    bench.slow_reads = true;
    let first = broken(&mut bench, record, to).expect("the glass breaks");
    confirm(&mut bench, first, LEE).expect("an approver");
    assert!(!went(&bench, &partner, record));
    bench.sever(partner.conn());
    bench.slow_reads = false;
    bench.wait(EMERGENCY_LASTS);
    let second = broken(&mut bench, record, to).expect("the glass breaks");
    bench.connect(&mut partner);
    bench.wait(5 * SECOND);
    assert!(went(&bench, &partner, record));
    let glass = bench.state().emergency(&second).expect("a release");
    assert!(bench.state().went(glass), "it went by the second");
    bench.wait(EMERGENCY_CONFIRMED_WITHIN);
    assert_eq!(owed(&bench), [second]);
}
