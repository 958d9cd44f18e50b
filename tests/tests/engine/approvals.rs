//! Four eyes: what takes a second person leaves by no link before one has approved it, whatever becomes of
//! the node meanwhile; and nobody's word counts but that of an approver with a key of their own.

use std::time::Duration;

use comity_core::agreement::Tier;
use comity_core::control::{ApprovalBody, ApprovalVerdict, WithdrawalBody};
use comity_core::journal::{
    ApprovalCause, AuthorLimit, PartnerChange, StaffChange, StaffJoined, StaffWithin,
};
use comity_core::keyring::{Grant, KeyringBuilder, Revocation, VerifiedKeyring};
use comity_core::policy::{Approval as Said, Gate, Lifecycle};
use comity_core::record::{Draft, Header, control};
use comity_core::sign::SecretKey;
use comity_core::staff::{Alone, HOLDER, Roles, StaffRole};
use comity_core::test_util::{SeededEntropy, TestEconomy};
use comity_core::{Class, Kind, Marking, RecordId, Section, Tlp};
use comity_node::config::Approval;
use comity_node::engine::{Command, CommandError, Reply};
use comity_store::{Store as _, Unsynced};
use comity_tests::bench::{Bench, Peer, sign};
use comity_tests::sim::node::new_entry;

use super::redaction::agree_from;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Two approvers, of whom the first also writes.
const KIM: u8 = 71;
const LEE: u8 = 72;
/// Somebody who does not publish everything alone.
const MAX: u8 = 73;

fn key(person: u8) -> SecretKey {
    SecretKey::from_seed(&[person; 32])
}

/// What takes a second person from this label on.
fn from(label: Tlp) -> Approval {
    Approval { tlp: Some(label), ..Approval::default() }
}

/// The keyring in force, and what the root grants or revokes besides.
fn follow(bench: &Bench) -> KeyringBuilder {
    KeyringBuilder::follow(keyring(bench))
}

fn keyring(bench: &Bench) -> &VerifiedKeyring {
    bench.state().keyring(&bench.node.economy.id).expect("a keyring")
}

fn enter_keyring(bench: &mut Bench, builder: KeyringBuilder) {
    let by = bench.node.economy.clone();
    let keyring = builder.sign(&[&by.root]).expect("a keyring");
    let body = keyring.encoded().to_vec();
    publish_control(bench, Kind::Keyring, body, &by.author).expect("a keyring that follows");
}

/// Somebody joins the staff, whose key the root grants for these kinds.
fn join(bench: &mut Bench, name: &str, person: u8, roles: &[StaffRole], kinds: &[Kind]) {
    join_within(bench, name, person, roles, kinds, Alone::default());
}

fn join_within(
    bench: &mut Bench,
    name: &str,
    person: u8,
    roles: &[StaffRole],
    kinds: &[Kind],
    alone: Alone,
) {
    let (id, public) = (bench.node.economy.id, key(person).public());
    let (since, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let grant = Grant::author(id, public, kinds.iter().copied(), Tlp::Red, since, until);
    let builder = follow(bench).grant(grant.held_by(HOLDER));
    enter_keyring(bench, builder);
    let roles = Roles::new(roles.iter().copied()).expect("roles");
    let change = match alone.is_unlimited() {
        true => StaffChange::Joined(StaffJoined { key: public.id(), roles }),
        false => StaffChange::JoinedWithin(StaffWithin { key: public.id(), roles, alone }),
    };
    let (name, by) = (name.to_owned(), String::new());
    bench.command(Command::Staff { name, change, by }).expect("somebody joins");
}

/// A node where these records take a second person, who is lee or kim, and a partner that is connected.
fn approving(rules: Approval) -> (Bench, Peer) {
    let mut bench = Bench::new();
    bench.approval = rules;
    let mut partner = bench.pair(2);
    bench.restart();
    let content = [Kind::Advisory, Kind::Approval];
    join(&mut bench, "kim", KIM, &[StaffRole::Analyst, StaffRole::Approver], &content);
    join(&mut bench, "lee", LEE, &[StaffRole::Approver], &[Kind::Approval]);
    bench.connect(&mut partner);
    (bench, partner)
}

fn draft(label: Tlp, class: Class) -> Draft {
    let mut draft = Draft::new(Kind::Advisory);
    let marking = Some(Marking::new(label));
    let classes = [class].into_iter().collect();
    let header = Header { marking, classes, ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"a flaw, keep it".to_vec()));
    draft
}

fn publish_draft(bench: &mut Bench, draft: Draft, author: &SecretKey) -> RecordId {
    let (economy, now) = (bench.node.economy.id, bench.now);
    let mut entropy = SeededEntropy::new(now.as_millis());
    let composed = draft.sign(author, economy, now, &mut entropy).expect("a draft that signs");
    let (record, title) = (Box::new(composed.record), String::new());
    let parts = composed.parts;
    let published = bench.command(Command::Publish { record, parts, title, draft: None });
    // What goes, goes in batches.
    bench.wait(SECOND);
    match published {
        Ok(Reply::Published { record, .. }) => record,
        other => unreachable!("{other:?}"),
    }
}

/// What the configuration names waits for a second person whatever the disk did meanwhile.
#[test]
fn a_full_disk_makes_nobody_forget_that_something_waits_for_a_second_person() {
    let (mut bench, mut partner) = approving(from(Tlp::Amber));
    bench.node.store.set_room(Some(10));
    let refused = bench.publish("one too many");
    assert_eq!(bench.reply(refused), Some(Err(CommandError::DiskFull)));
    bench.node.store.set_room(None);
    let state = bench.node.fold(None).expect("the journal folds");
    bench.engine().fall_back(state, Vec::new());
    bench.engine().go_on();
    assert!(bench.engine().failed().is_none());
    bench.connect(&mut partner);
    let record = publish(&mut bench, Tlp::Amber);
    let held = bench.state().record(&record).expect("it is here");
    assert!(matches!(held.facts.approval, Said::Awaited(_)));
    assert!(!bench.delivered(partner.conn()).contains(&record));
}

/// The node's own key signs it.
fn publish(bench: &mut Bench, label: Tlp) -> RecordId {
    let author = bench.node.economy.author.clone();
    publish_draft(bench, draft(label, Class::General), &author)
}

fn publish_control(
    bench: &mut Bench,
    kind: Kind,
    body: Vec<u8>,
    by: &SecretKey,
) -> Result<Reply, CommandError> {
    let record = control(kind, body, Tlp::AmberStrict, by, bench.node.economy.id, bench.now);
    let (record, title) = (Box::new(record.expect("a control record")), String::new());
    bench.command(Command::Publish { record, parts: Vec::new(), title, draft: None })
}

fn say(
    bench: &mut Bench,
    record: RecordId,
    verdict: ApprovalVerdict,
    by: &SecretKey,
) -> Result<Reply, CommandError> {
    let body = ApprovalBody { record, verdict, note: "seen".to_owned() };
    let said = publish_control(bench, Kind::Approval, body.encode(), by);
    bench.wait(SECOND);
    said
}

fn approve(bench: &mut Bench, record: RecordId, by: u8) -> Result<Reply, CommandError> {
    say(bench, record, ApprovalVerdict::Approve, &key(by))
}

fn went(bench: &Bench, partner: &Peer, record: RecordId) -> bool {
    bench.delivered(partner.conn()).contains(&record)
}

fn said(bench: &Bench, record: RecordId) -> Said {
    bench.state().record(&record).expect("a record").facts.approval
}

fn waits(bench: &Bench) -> usize {
    bench.state().awaiting_approval().len()
}

/// What a refused word says.
fn why(refused: Result<Reply, CommandError>) -> String {
    refused.expect_err("a word that does not count").to_string()
}

#[test]
fn what_takes_a_second_person_goes_once_one_has_approved_it() {
    let (mut bench, partner) = approving(from(Tlp::Green));
    let free = publish(&mut bench, Tlp::Clear);
    assert!(went(&bench, &partner, free) && bench.state().awaited(&free).is_none());
    let record = publish(&mut bench, Tlp::Green);
    let clear = {
        bench.approval = from(Tlp::Clear);
        bench.restart();
        let mut partner = partner;
        bench.connect(&mut partner);
        let record = publish(&mut bench, Tlp::Clear);
        bench.wait(HOUR);
        assert!(!went(&bench, &partner, record));
        let numbers = bench.state().partner(&partner.economy.id).unwrap().out.head().number;
        approve(&mut bench, record, LEE).expect("an approver");
        assert!(went(&bench, &partner, record));
        let now = bench.state().partner(&partner.economy.id).unwrap().out.head().number;
        assert_eq!(now, numbers + 1, "the record alone: the word itself stays at home");
        record
    };
    assert_eq!(said(&bench, clear), Said::Given);
    assert!(matches!(said(&bench, record), Said::Awaited(_)));
    assert_eq!(waits(&bench), 1);
    let causes = &bench.state().awaited(&record).unwrap().causes;
    assert_eq!(causes, &[ApprovalCause::Label(Tlp::Green)]);
    let held = bench.state().record(&record).unwrap();
    let partner = bench.state().paired()[0];
    let plan = bench.state().plan(held, &partner, bench.now);
    let judged = plan.parts()[0].decision.judgement(Gate::Approval).unwrap();
    assert_eq!(judged.fact.to_string(), "waits for approval (TLP:GREEN)");
}

/// Whose word does not count is refused, and changes nothing.
#[test]
fn author_and_approver_are_two_keys_and_the_approver_is_one() {
    let (mut bench, partner) = approving(from(Tlp::Clear));
    let by_kim = publish_draft(&mut bench, draft(Tlp::Clear, Class::General), &key(KIM));
    let by_desk = publish(&mut bench, Tlp::Clear);
    let desk = bench.node.economy.author.clone();
    let whoever = |bench: &mut Bench, record, by: &SecretKey| {
        why(say(bench, record, ApprovalVerdict::Approve, by))
    };
    let author = "author and approver are two keys";
    assert!(whoever(&mut bench, by_kim, &key(KIM)).contains(author));
    assert!(whoever(&mut bench, by_desk, &desk).contains(author));
    // The node's own key is granted everything, and is nobody of the staff.
    let refused = whoever(&mut bench, by_kim, &desk);
    assert!(refused.contains("not that of an approver"), "{refused}");
    // An analyst whose key the root grants approvals to is none; nor is an approver whose key it does not.
    join(&mut bench, "ann", 73, &[StaffRole::Analyst], &[Kind::Approval]);
    let refused = whoever(&mut bench, by_kim, &key(73));
    assert!(refused.contains("not that of an approver"), "{refused}");
    join(&mut bench, "abe", 74, &[StaffRole::Approver], &[Kind::Advisory]);
    let refused = whoever(&mut bench, by_kim, &key(74));
    assert!(refused.contains("may not sign"), "{refused}");
    // Whoever comes back under another key is the same person.
    let change = StaffChange::Left;
    let (name, by) = ("kim".to_owned(), String::new());
    bench.command(Command::Staff { name, change, by }).expect("kim leaves");
    let refused = why(approve(&mut bench, by_desk, KIM));
    assert!(refused.contains("not that of an approver"), "{refused}");
    join(&mut bench, "kim", 75, &[StaffRole::Approver], &[Kind::Approval]);
    assert!(whoever(&mut bench, by_kim, &key(75)).contains(author));
    bench.wait(HOUR);
    for record in [by_kim, by_desk] {
        assert!(matches!(said(&bench, record), Said::Awaited(_)));
        assert!(!went(&bench, &partner, record));
    }
    approve(&mut bench, by_desk, 75).expect("somebody else's record");
    approve(&mut bench, by_kim, LEE).expect("an approver");
    assert!(went(&bench, &partner, by_kim) && went(&bench, &partner, by_desk));
}

/// The same where a journal has such words, as one would that a program of somebody else has written: it
/// is asked again where they are folded.
#[test]
fn a_word_that_does_not_count_is_not_counted_when_it_is_read_either() {
    use comity_core::journal::{JournalEntry, RecordEntered, Source, Standing};
    let (mut bench, mut partner) = approving(from(Tlp::Clear));
    let record = publish_draft(&mut bench, draft(Tlp::Clear, Class::General), &key(KIM));
    let (us, now) = (bench.node.economy.id, bench.now);
    let stranger = TestEconomy::found(9).expect("an economy");
    let body = ApprovalBody { record, verdict: ApprovalVerdict::Approve, note: String::new() };
    let word = |by: &SecretKey, economy, source| {
        let kind = Kind::Approval;
        let word = control(kind, body.encode(), Tlp::AmberStrict, by, economy, now).unwrap();
        let entered = RecordEntered {
            signed: word.signed().to_vec(),
            parts: Vec::new(),
            source,
            standing: Standing::Accepted,
            reference: format!("KR-26-C9{}", word.id().short()),
            title: String::new(),
            at: now,
        };
        JournalEntry::Record(entered)
    };
    let given = Source::Returned { by: partner.economy.id };
    let desk = bench.node.economy.author.clone();
    let words = [
        word(&key(KIM), us, Source::Own),
        word(&desk, us, Source::Own),
        word(&key(99), us, Source::Own),
        word(&stranger.author, stranger.id(), Source::Own),
        // Not even an approver's, if it did not begin here: it never leaves.
        word(&key(LEE), us, given),
    ];
    let words = words.iter().map(|entry| new_entry(entry, Vec::new())).collect();
    bench.node.store.append(words).expect("entries");
    bench.node.store.sync();
    bench.restart();
    bench.connect(&mut partner);
    bench.wait(HOUR);
    assert!(matches!(said(&bench, record), Said::Awaited(_)));
    assert!(!went(&bench, &partner, record));
    approve(&mut bench, record, LEE).expect("an approver");
    assert!(went(&bench, &partner, record));
}

#[test]
fn what_was_refused_never_leaves_and_the_first_word_stands() {
    let (mut bench, mut partner) = approving(from(Tlp::Clear));
    let no = publish(&mut bench, Tlp::Clear);
    say(&mut bench, no, ApprovalVerdict::Refuse, &key(LEE)).expect("an approver");
    let refused = why(approve(&mut bench, no, KIM));
    assert!(refused.contains("the first word stands"), "{refused}");
    let yes = publish(&mut bench, Tlp::Clear);
    approve(&mut bench, yes, KIM).expect("an approver");
    why(say(&mut bench, yes, ApprovalVerdict::Refuse, &key(LEE)));
    for _ in 0..2 {
        bench.wait(HOUR);
        assert_eq!((said(&bench, no), said(&bench, yes)), (Said::Refused, Said::Given));
        assert_eq!(waits(&bench), 0);
        let note = &bench.state().awaited(&no).unwrap().said.as_ref().unwrap().note;
        assert_eq!(note, "seen");
        assert!(!went(&bench, &partner, no));
        bench.restart();
        bench.connect(&mut partner);
    }
}

#[test]
fn what_is_said_of_what_waits_for_nobody_is_refused() {
    let (mut bench, _) = approving(from(Tlp::Red));
    let free = publish(&mut bench, Tlp::Clear);
    let refused = why(approve(&mut bench, free, LEE));
    assert!(refused.contains("does not wait"), "{refused}");
    let refused = why(approve(&mut bench, RecordId([5; 32]), LEE));
    assert!(refused.contains("no such record"), "{refused}");
}

/// That it waits is a fact of the journal: what is configured later makes no difference.
#[test]
fn it_waits_on_whatever_is_configured_later_and_whatever_is_lost() {
    let (mut bench, mut partner) = approving(from(Tlp::Clear));
    let record = publish(&mut bench, Tlp::Clear);
    bench.approval = Approval::default();
    bench.restart();
    bench.connect(&mut partner);
    bench.wait(HOUR);
    assert!(!went(&bench, &partner, record));
    // The word is not on the disk when the process dies: nothing has left by it.
    bench.slow_disk = true;
    let body =
        ApprovalBody { record, verdict: ApprovalVerdict::Approve, note: String::new() }.encode();
    let (economy, now) = (bench.node.economy.id, bench.now);
    let word = control(Kind::Approval, body, Tlp::AmberStrict, &key(LEE), economy, now).unwrap();
    let (word, title) = (Box::new(word), String::new());
    bench.give(Command::Publish { record: word, parts: Vec::new(), title, draft: None });
    assert!(!went(&bench, &partner, record), "nothing leaves before its word is durable");
    bench.slow_disk = false;
    bench.restart();
    bench.connect(&mut partner);
    bench.wait(HOUR);
    assert!(matches!(said(&bench, record), Said::Awaited(_)));
    assert!(!went(&bench, &partner, record));
    approve(&mut bench, record, LEE).expect("an approver");
    bench.restart();
    bench.connect(&mut partner);
    bench.wait(SECOND);
    assert_eq!(said(&bench, record), Said::Given);
    assert!(
        bench.state().partner(&partner.economy.id).unwrap().out.possibly_held(&record).is_some()
    );
}

/// Whatever is lost of one write, a record that takes a second person is never there without that.
#[test]
fn a_record_is_never_there_without_the_word_that_it_waits() {
    let (mut bench, _) = approving(from(Tlp::Clear));
    let by = bench.node.economy.clone();
    let before = bench.journal();
    bench.slow_disk = true;
    let (record, parts) = sign(draft(Tlp::Clear, Class::General), &by, bench.now);
    let (id, title) = (record.id(), String::new());
    bench.give(Command::Publish { record: Box::new(record), parts, title, draft: None });
    bench.slow_disk = false;
    // One write: all of it, or nothing.
    let (lost, _) = bench.node.store.crash_with(Unsynced::Dropped, true);
    bench.replace(lost);
    assert_eq!(bench.journal(), before);
    assert!(bench.state().record(&id).is_none() && bench.state().awaited(&id).is_none());
    bench.slow_disk = true;
    let (record, parts) = sign(draft(Tlp::Clear, Class::General), &by, bench.now);
    let title = String::new();
    bench.give(Command::Publish { record: Box::new(record), parts, title, draft: None });
    bench.slow_disk = false;
    let (kept, _) = bench.node.store.crash_with(Unsynced::Kept, true);
    bench.replace(kept);
    assert!(matches!(said(&bench, id), Said::Awaited(_)));
    // And within it the word comes first, where a journal is cut between the two.
    let kinds: Vec<_> = bench.node.entries().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds[before..], [32, 2]);
}

#[test]
fn each_rule_has_its_cause_and_an_audience_is_counted_as_the_preview_shows_it() {
    let (mut bench, partner) = approving(Approval {
        classes: [Class::PersonalData].into_iter().collect(),
        categories: ["law-enforcement".to_owned()].into_iter().collect(),
        recipients_over: Some(1),
        ..Approval::default()
    });
    let author = bench.node.economy.author.clone();
    let one = publish(&mut bench, Tlp::Clear);
    assert!(bench.state().awaited(&one).is_none() && went(&bench, &partner, one));
    bench.wait(SECOND);
    let personal = publish_draft(&mut bench, draft(Tlp::Clear, Class::PersonalData), &author);
    let causes = |bench: &Bench, record| bench.state().awaited(record).unwrap().causes.clone();
    assert_eq!(causes(&bench, &personal), [ApprovalCause::Class(Class::PersonalData)]);
    bench.wait(SECOND);
    let mut marked = draft(Tlp::Clear, Class::General);
    let marking = marked.parts[0].0.marking.as_mut().unwrap();
    marking.categories.insert("law-enforcement".to_owned());
    let police = publish_draft(&mut bench, marked, &author);
    let category = ApprovalCause::Category("law-enforcement".to_owned());
    assert_eq!(causes(&bench, &police), [category]);
    // A second partner: two would get it, also where they would do so later.
    bench.pair(3);
    let mut later = draft(Tlp::Clear, Class::General);
    let ahead = bench.now.saturating_add(HOUR);
    later.parts[0].0.marking.as_mut().unwrap().release_at = Some(ahead);
    let later = publish_draft(&mut bench, later, &author);
    assert_eq!(causes(&bench, &later), [ApprovalCause::Recipients(2)]);
    // Whoever publishes and has the second one suspended meanwhile is one person.
    let second = bench.state().paired().into_iter().find(|one| *one != partner.economy.id);
    let economy = second.expect("a second partner");
    for change in [PartnerChange::Level(0), PartnerChange::Suspended] {
        bench.command(Command::Partner { economy, change }).expect("a partner");
        bench.wait(SECOND);
        let clear = publish(&mut bench, Tlp::Clear);
        let awaited = bench.state().awaited(&clear).expect("it waits");
        assert_eq!(awaited.causes, [ApprovalCause::Recipients(2)]);
    }
    // What nobody gets is for nobody, however many there are.
    let green = publish(&mut bench, Tlp::Green);
    assert!(bench.state().awaited(&green).is_none());
}

/// What goes by an agreement of such a tier, now or from its first day on; what goes without one does not wait.
#[test]
fn a_tier_of_agreements_takes_a_second_person_for_what_goes_by_it() {
    let police = [Tier::LawEnforcement];
    let causes = |tier: &str, starts: &str, label: Tlp| {
        let rules = Approval { tiers: police.into_iter().collect(), ..Approval::default() };
        let (mut bench, mut partner) = approving(rules);
        agree_from(&mut bench, &mut partner, tier, starts);
        let record = publish(&mut bench, label);
        bench.state().awaited(&record).map(|awaited| awaited.causes.clone())
    };
    let waits = Some(vec![ApprovalCause::Tier(Tier::LawEnforcement)]);
    for starts in ["2026-01-01", "2027-01-01"] {
        assert_eq!(causes("law-enforcement", starts, Tlp::Green), waits, "{starts}");
        assert_eq!(causes("law-enforcement", starts, Tlp::Clear), None, "{starts}");
        assert_eq!(causes("nda", starts, Tlp::Green), None, "{starts}");
    }
    // By an agreement of today nothing would wait; by then another one is in force.
    let rules = Approval { tiers: police.into_iter().collect(), ..Approval::default() };
    let (mut bench, mut partner) = approving(rules);
    agree_from(&mut bench, &mut partner, "nda", "2026-01-01");
    agree_from(&mut bench, &mut partner, "law-enforcement", "2027-01-01");
    let author = bench.node.economy.author.clone();
    for (day, expected) in [(1, None), (60, waits)] {
        let mut timed = draft(Tlp::Green, Class::General);
        let at = bench.now.saturating_add(HOUR * 24 * day);
        timed.parts[0].0.marking.as_mut().unwrap().release_at = Some(at);
        let record = publish_draft(&mut bench, timed, &author);
        let causes = bench.state().awaited(&record).map(|awaited| awaited.causes.clone());
        assert_eq!(causes, expected, "{day}");
        bench.wait(SECOND);
    }
}

/// As many partners would get it as its author does not publish to alone; the journal keeps that with the person.
#[test]
fn whoever_publishes_to_few_alone_needs_somebody_for_more() {
    let (mut bench, partner) = approving(Approval::default());
    let max = key(MAX);
    let alone = Alone { recipients: Some(1), ..Alone::default() };
    join_within(&mut bench, "max", MAX, &[StaffRole::Analyst], &[Kind::Advisory], alone);
    let clear = |bench: &mut Bench| publish_draft(bench, draft(Tlp::Clear, Class::General), &max);
    let one = clear(&mut bench);
    bench.wait(SECOND);
    assert!(bench.state().awaited(&one).is_none() && went(&bench, &partner, one));
    bench.pair(3);
    bench.restart();
    let two = clear(&mut bench);
    let awaited = bench.state().awaited(&two).expect("it waits");
    assert_eq!(awaited.causes, [ApprovalCause::Beyond(AuthorLimit::Recipients(2))]);
    let others = publish(&mut bench, Tlp::Clear);
    assert!(bench.state().awaited(&others).is_none(), "it is max's limit alone");
    approve(&mut bench, two, LEE).expect("lee's word counts");
    assert!(bench.state().awaited(&two).unwrap().said.is_some());
}

#[test]
fn what_waits_can_be_unsent_however_late_and_withdrawn_and_tells_nobody() {
    let (mut bench, partner) = approving(from(Tlp::Clear));
    let unsent = publish(&mut bench, Tlp::Clear);
    bench.wait(HOUR);
    let withdrawn = publish(&mut bench, Tlp::Clear);
    bench.wait(HOUR * 48);
    bench.command(Command::Unsend { record: unsent }).expect("nobody was told of it");
    let body = WithdrawalBody::of(vec![withdrawn]).expect("one record").encode();
    let author = bench.node.economy.author.clone();
    publish_control(&mut bench, Kind::Withdrawal, body, &author).expect("a withdrawal");
    bench.wait(HOUR);
    let sent = bench.delivered(partner.conn());
    for record in [unsent, withdrawn] {
        let held = bench.state().record(&record).unwrap();
        assert_eq!(held.facts.lifecycle, Lifecycle::Withdrawn);
        assert!(!sent.contains(&record));
        let refused = why(approve(&mut bench, record, LEE));
        assert!(refused.contains("taken back"), "{refused}");
    }
    assert_eq!(waits(&bench), 0);
    let kinds = sent.iter().filter_map(|id| bench.state().record(id)).map(|one| one.facts.kind);
    assert!(kinds.into_iter().all(|kind| kind == Kind::Keyring), "nothing is told of either");
    // Approved, it has its minute and no more.
    let gone = publish(&mut bench, Tlp::Clear);
    approve(&mut bench, gone, LEE).expect("an approver");
    let refused = bench.command(Command::Unsend { record: gone }).expect_err("it has gone");
    assert!(matches!(refused, CommandError::MayHaveGone(_)), "{refused}");
}

/// A thief of an approver's key approves what the thief wants. Once that is known, it counts no more.
#[test]
fn an_approval_by_a_key_that_was_stolen_counts_no_more() {
    let (mut bench, mut partner) = approving(from(Tlp::Clear));
    let record = publish(&mut bench, Tlp::Clear);
    bench.sever(partner.conn());
    approve(&mut bench, record, LEE).expect("an approver");
    assert_eq!(said(&bench, record), Said::Given);
    let at = bench.now.saturating_sub(HOUR);
    let stolen = Revocation { key: key(LEE).id(), at, compromised: true };
    let builder = follow(&bench).revoke(stolen);
    enter_keyring(&mut bench, builder);
    bench.connect(&mut partner);
    bench.wait(HOUR);
    assert!(matches!(said(&bench, record), Said::Awaited(_)));
    assert!(!went(&bench, &partner, record));
    approve(&mut bench, record, KIM).expect("another approver");
    assert!(went(&bench, &partner, record));
}

#[test]
fn somebody_is_told_that_something_waits() {
    let (mut bench, _) = approving(from(Tlp::Clear));
    let record = publish(&mut bench, Tlp::Clear);
    let reference = bench.state().record(&record).unwrap().reference.clone();
    let told = format!("{reference} waits for a second person: comity approve {reference}");
    assert_eq!(bench.alarms("approval"), [told]);
    let mut alone = Bench::new();
    alone.approval = from(Tlp::Clear);
    alone.restart();
    publish(&mut alone, Tlp::Clear);
    let told = alone.alarms("approval");
    assert!(told[0].ends_with("there is no approver: comity staff add NAME --role approver"));
}
