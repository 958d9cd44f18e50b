//! What has been here for as long as it may goes by itself, and nothing before.

use std::time::Duration;

use comity_core::journal::{ErasureCause, LegalHold};
use comity_core::ledger::Obligations;
use comity_core::record::{Draft, Header, Part, VerifiedRecord};
use comity_core::{Class, Kind, Marking, Onward, RecordId, Section, Timestamp, Tlp};
use comity_node::config::Retention;
use comity_node::engine::{Command, Reply};
use comity_store::{BlobState, Store as _};
use comity_tests::bench::{Answer, Bench, ListDisk, Peer, sign};
use comity_tests::sim::economy::Economy;

use super::redaction::publish;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SECOND: Duration = Duration::from_secs(1);

/// A node that lets go by itself, and a partner whose records it takes.
fn keeping() -> (Bench, Peer) {
    let mut bench = Bench::new();
    let mut origin = bench.pair(2);
    bench.retention = Some(Retention::default());
    bench.doubts_clock = true;
    bench.restart();
    bench.connect(&mut origin);
    (bench, origin)
}

/// One part of each kind that a rule knows: GREEN, above, and about persons.
fn record(by: &Economy, bench: &Bench, text: &str) -> (VerifiedRecord, Vec<Part>) {
    let mut draft = Draft::new(Kind::Incident);
    let parts = [
        (Section::Summary, Tlp::Green, Class::General),
        (Section::Detail, Tlp::Amber, Class::General),
        (Section::Victim, Tlp::Green, Class::PersonalData),
    ];
    for (section, tlp, class) in parts {
        let mut marking = Marking::new(tlp);
        marking.onward = Onward::WithinMarking;
        let classes = [class].into_iter().collect();
        let header =
            Header { marking: Some(marking), classes, ..Header::new(section, "text/plain") };
        draft.parts.push((header, format!("{text}: {section}").into_bytes()));
    }
    sign(draft, by, bench.now)
}

fn takes(bench: &mut Bench, from: &mut Peer, text: &str) -> (RecordId, Vec<Part>) {
    let (record, parts) = record(&from.economy.clone(), bench, text);
    let number = bench.deliver(from, &record, &parts);
    assert_eq!(bench.answer(from, number), Answer::Acked);
    (record.id(), parts)
}

/// Which sections are gone.
fn gone(bench: &Bench, record: RecordId) -> Vec<Section> {
    let held = bench.state().record(&record).expect("a record");
    let mut gone: Vec<_> =
        held.parts.iter().filter(|part| part.erased).map(|part| part.section).collect();
    gone.sort_unstable();
    let store = &bench.node.store;
    assert!(
        held.parts
            .iter()
            .all(|part| { part.erased == (store.blob_state(&part.digest) == BlobState::Erased) })
    );
    gone
}

/// Where a person erases, nothing goes, and it is said once a day what is here for longer than it may.
#[test]
fn what_is_over_is_told_where_nothing_goes_by_itself() {
    let mut bench = Bench::new();
    let mut origin = bench.pair(2);
    bench.overdue = Some(Retention::default());
    bench.restart();
    bench.connect(&mut origin);
    let (id, _) = takes(&mut bench, &mut origin, "a");
    bench.wait(DAY * 89);
    assert!(bench.alarms("retention-due").is_empty());
    bench.wait(DAY + SECOND);
    let told = bench.alarms("retention-due");
    assert!(matches!(told[..], [text] if text.starts_with("1 part is here")), "{told:?}");
    for (days, times) in [(0, 1), (1, 2)] {
        bench.wait(DAY * days + Duration::from_secs(3600));
        assert_eq!(bench.alarms("retention-due").len(), times, "{days}");
    }
    assert_eq!(gone(&bench, id), []);
    assert!(bench.alarms("clock-unsure").is_empty());
}

#[test]
fn each_part_goes_when_its_own_time_is_over_and_not_before() {
    let (mut bench, mut origin) = keeping();
    let (id, _) = takes(&mut bench, &mut origin, "a");
    bench.wait(DAY * 89);
    assert_eq!(gone(&bench, id), []);
    bench.wait(DAY + SECOND);
    assert_eq!(gone(&bench, id), [Section::Victim]);
    let erasure = bench.state().erasures().of(&id)[0].clone();
    assert_eq!(erasure.cause, ErasureCause::Term);
    assert_eq!(erasure.reason, "90 days, personal data");
    bench.wait(DAY * 274);
    assert_eq!(gone(&bench, id), [Section::Victim]);
    bench.wait(DAY * 2);
    assert_eq!(gone(&bench, id), [Section::Detail, Section::Victim]);
    bench.wait(DAY * 4000);
    assert_eq!(gone(&bench, id), [Section::Detail, Section::Victim], "GREEN has no term");
    assert!(bench.alarms("clock-unsure").is_empty());
}

/// What was agreed ends before our own rule; of a part that its origin gave us, a relay's word does not count.
#[test]
fn the_shorter_term_of_an_agreement_wins_and_only_of_whom_it_binds_to() {
    let (mut bench, mut origin) = keeping();
    let mut relay = bench.pair(3);
    bench.connect(&mut relay);
    let days = |days| Obligations { retention_days: Some(days), ..Obligations::unbound() };
    origin.obligations = days(30);
    relay.obligations = days(7);
    let (record, parts) = record(&origin.economy.clone(), &bench, "b");
    let id = record.id();
    bench.deliver(&mut origin, &record, &parts);
    bench.wait(SECOND);
    let number = bench.deliver(&mut relay, &record, &parts);
    assert_eq!(bench.answer(&relay, number), Answer::Acked);
    let held = bench.state().record(&id).expect("a record").clone();
    let own = Retention::default();
    for part in &held.parts {
        let due = bench.state().term_of(&held, part, &own).expect("a term");
        assert_eq!(due.at, held.entered_at.saturating_add(DAY * 30));
    }
    assert_eq!(bench.state().shortest_term(&own), Some(DAY * 7));
    bench.wait(DAY * 29);
    assert_eq!(gone(&bench, id), []);
    bench.wait(DAY + SECOND);
    assert_eq!(gone(&bench, id).len(), 3);
    assert!(bench.state().erasures().of(&id)[0].reason.starts_with("30 days, agreed with "));
}

#[test]
fn a_hold_keeps_what_is_due_and_a_restart_forgets_no_term() {
    let (mut bench, mut origin) = keeping();
    let (kept, _) = takes(&mut bench, &mut origin, "c");
    let (other, _) = takes(&mut bench, &mut origin, "d");
    let (reason, by, at) = ("an order".to_owned(), String::new(), Timestamp::EPOCH);
    let hold = LegalHold { record: kept, reason, by, at };
    bench.command(Command::Hold(hold.clone())).expect("a hold");
    bench.wait(DAY * 89);
    bench.connect(&mut origin);
    takes(&mut bench, &mut origin, "e");
    bench.restart();
    bench.connect(&mut origin);
    // The journal's last days are this machine's word alone.
    bench.engine().clock_is_confirmed();
    bench.wait(DAY + SECOND);
    assert_eq!(gone(&bench, other), [Section::Victim]);
    assert_eq!(gone(&bench, kept), []);
    bench.command(Command::LiftHold(hold)).expect("lifted");
    bench.wait(Duration::from_secs(2 * 60 * 60));
    assert_eq!(gone(&bench, kept), [Section::Victim]);
}

/// A clock that is years ahead at a start erases nothing: a person, or a partner, has to say that it is right.
#[test]
fn a_clock_that_jumps_ahead_over_a_restart_erases_nothing_early() {
    let (mut bench, mut origin) = keeping();
    let (id, _) = takes(&mut bench, &mut origin, "f");
    bench.now = bench.now.saturating_add(DAY * 400);
    bench.restart();
    bench.wait(DAY);
    assert_eq!(gone(&bench, id), []);
    assert_eq!(bench.alarms("clock-unsure").len(), 1);
    bench.engine().clock_is_confirmed();
    bench.wait(SECOND);
    assert_eq!(gone(&bench, id), [Section::Detail, Section::Victim]);
}

/// What a wrong clock has entered says nothing for it: neither at the second start nor at the third.
#[test]
fn a_clock_that_stays_wrong_is_not_believed_at_the_next_start() {
    let (mut bench, mut origin) = keeping();
    let (id, _) = takes(&mut bench, &mut origin, "g");
    bench.now = bench.now.saturating_add(DAY * 95);
    for _ in 0..3 {
        bench.restart();
        bench.connect(&mut origin);
        let note = format!("at {}", bench.now);
        takes(&mut bench, &mut origin, &note);
        bench.wait(DAY / 2);
        assert_eq!(gone(&bench, id), []);
    }
    assert_eq!(bench.alarms("clock-unsure").len(), 3);
    // One partner's clock is not enough for so much at once.
    signs(&mut bench, &origin);
    bench.wait(SECOND);
    assert_eq!(gone(&bench, id), []);
    bench.engine().clock_is_confirmed();
    bench.wait(SECOND);
    assert_eq!(gone(&bench, id), [Section::Victim]);
}

/// Something goes by its term in the step in which somebody publishes, and the list is full: whoever publishes has
/// published, and hears nothing of it.
#[test]
fn what_is_erased_in_the_same_step_is_nobody_else_s_answer() {
    let (mut bench, mut origin) = keeping();
    let (id, _) = takes(&mut bench, &mut origin, "i");
    bench.now = bench.now.saturating_add(DAY * 91);
    bench.list = ListDisk::Full;
    let token = bench.publish("a note");
    assert_eq!(gone(&bench, id), [Section::Victim]);
    assert_eq!(bench.alarms("erasures-list").len(), 1);
    assert!(matches!(bench.reply(token), Some(Ok(Reply::Published { .. }))));
}

/// After a rest that is not long, a partner's clock is enough, and the next start knows.
#[test]
fn a_partner_whose_clock_agrees_vouches_for_a_rest() {
    let (mut bench, mut origin) = keeping();
    let (id, _) = takes(&mut bench, &mut origin, "h");
    for day in [DAY * 29, DAY * 29, DAY * 29] {
        bench.now = bench.now.saturating_add(day);
        bench.restart();
        bench.connect(&mut origin);
        signs(&mut bench, &origin);
    }
    assert_eq!(bench.alarms("clock-unsure").len(), 3);
    assert_eq!(bench.state().vouched(), bench.now);
    bench.wait(DAY * 2);
    assert_eq!(gone(&bench, id), []);
    bench.wait(DAY + SECOND);
    assert_eq!(gone(&bench, id), [Section::Victim]);
}

/// A partner signs, by its clock and now, for what it was just sent.
fn signs(bench: &mut Bench, partner: &Peer) {
    bench.publish("a note");
    let out = &bench.state().partner(&partner.economy.id).expect("a partner").out;
    let (epoch, head) = (out.epoch(), out.head());
    assert!(head.number > 0);
    let receipt = partner.receipt(bench.node.economy.id, epoch, head, bench.now);
    bench.control(partner.conn(), receipt);
}

/// More than one step takes: each step ends soon, and all of it goes.
#[test]
fn what_is_due_goes_a_few_records_at_a_time() {
    let (mut bench, mut origin) = keeping();
    let many: Vec<_> =
        (0..100).map(|one| takes(&mut bench, &mut origin, &format!("{one}")).0).collect();
    bench.wait(DAY * 91);
    for id in many {
        assert_eq!(gone(&bench, id), [Section::Victim]);
    }
}

/// What nobody may have yet has not begun to be here for too long: its term runs from its time of release.
#[test]
fn what_is_of_our_own_and_not_released_yet_is_kept() {
    let (mut bench, _) = keeping();
    let mut draft = Draft::new(Kind::Incident);
    let release_at = Some(bench.now.saturating_add(DAY * 400));
    let marking = Some(Marking { release_at, ..Marking::new(Tlp::Amber) });
    let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"next year".to_vec()));
    let (record, _) = publish(&mut bench, draft, 7);
    let days = |bench: &mut Bench, days: u32| {
        for _ in 0..days {
            bench.wait(DAY / 2);
            bench.wait(DAY / 2);
        }
    };
    days(&mut bench, 399);
    assert_eq!(gone(&bench, record.id()), []);
    days(&mut bench, 300);
    assert_eq!(gone(&bench, record.id()), [], "its year has begun with its release");
    days(&mut bench, 67);
    assert_eq!(gone(&bench, record.id()), [Section::Summary]);
}
