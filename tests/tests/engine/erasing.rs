//! What is erased is gone, is not kept again, goes to nobody, and stays so.

use std::time::Duration;

use comity_core::control::{AcknowledgementBody, Answer as Says, WithdrawalBody};
use comity_core::journal::{JournalEntry, LegalHold};
use comity_core::record::{Draft, Header, Part, VerifiedRecord, control};
use comity_core::{
    KeptBecause, Kind, Marking, Onward, PartDigest, RecallReason, RecordId, Section, Timestamp, Tlp,
};
use comity_node::engine::{Command, CommandError, Erase, Reply};
use comity_store::{BlobState, MemoryStore, Store as _};
use comity_tests::bench::{Answer, Bench, ListDisk, Peer, sign};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::node::new_entry;
use comity_tests::sim::wire::Said;

const SECOND: Duration = Duration::from_secs(1);

/// An advisory of two parts that everybody may have and pass on.
fn passable(by: &Economy, bench: &Bench) -> (VerifiedRecord, Vec<Part>) {
    about("Example Bank", by, bench)
}

fn about(whom: &str, by: &Economy, bench: &Bench) -> (VerifiedRecord, Vec<Part>) {
    let (summary, detail) = (format!("a flaw at {whom}"), format!("at {whom}"));
    let mut draft = Draft::new(Kind::Advisory);
    let mut marking = Marking::new(Tlp::Clear);
    marking.onward = Onward::WithinMarking;
    for (section, text) in [(Section::Summary, summary), (Section::Detail, detail)] {
        let header =
            Header { marking: Some(marking.clone()), ..Header::new(section, "text/plain") };
        draft.parts.push((header, text.as_bytes().to_vec()));
    }
    sign(draft, by, bench.now)
}

fn publish(bench: &mut Bench, record: &VerifiedRecord, parts: &[Part]) -> RecordId {
    let (record, parts) = (Box::new(record.clone()), parts.to_vec());
    match bench.command(Command::Publish { record, parts, title: "a flaw".to_owned(), draft: None })
    {
        Ok(Reply::Published { record, .. }) => record,
        other => unreachable!("{other:?}"),
    }
}

fn erase(bench: &mut Bench, record: RecordId, parts: &[PartDigest]) -> Result<Reply, CommandError> {
    let (parts, reason, by) = (parts.to_vec(), "asked".to_owned(), String::new());
    bench.command(Command::Erase(Erase { record, parts, reason, by }))
}

fn digests(parts: &[Part]) -> Vec<PartDigest> {
    parts.iter().map(|part| part.digest).collect()
}

fn kept(bench: &Bench, parts: &[Part]) -> Vec<BlobState> {
    parts.iter().map(|part| bench.node.store.blob_state(&part.digest)).collect()
}

/// What was ever delivered to a partner of a record, by part.
fn went(bench: &Bench, partner: &Peer, record: RecordId) -> Vec<PartDigest> {
    let out = &bench.state().partner(&partner.economy.id).expect("a partner").out;
    out.possibly_held(&record).map(|parts| parts.into_iter().collect()).unwrap_or_default()
}

const GONE: BlobState = BlobState::Erased;
const HELD: BlobState = BlobState::Held;

#[test]
fn what_is_erased_is_gone_from_the_store_and_everything_about_it_stays() {
    let mut bench = Bench::new();
    let mut partner = bench.pair(2);
    bench.connect(&mut partner);
    let us = bench.node.economy.clone();
    let (record, parts) = passable(&us, &bench);
    let id = publish(&mut bench, &record, &parts);
    bench.wait(SECOND);
    let before = went(&bench, &partner, id);
    assert_eq!(before.len(), 2);
    let head = bench.state().partner(&partner.economy.id).unwrap().out.head();

    erase(&mut bench, id, &digests(&parts)[1..]).expect("a part");
    for _ in 0..2 {
        let mut held = bench.state().record(&id).unwrap().parts.clone();
        held.sort_by_key(|part| part.section != Section::Summary);
        assert_eq!(held.iter().map(|part| part.erased).collect::<Vec<_>>(), [false, true]);
        assert_eq!(kept(&bench, &parts), [HELD, GONE]);
        assert_eq!(went(&bench, &partner, id), before, "the ledger says who has it still");
        assert_eq!(bench.state().partner(&partner.economy.id).unwrap().out.head(), head);
        bench.restart();
    }
    let again = erase(&mut bench, id, &digests(&parts)[1..]).expect_err("it is gone");
    assert!(matches!(again, CommandError::Unfitting(_)), "{again}");

    // The title is the first line of the summary, and goes with it.
    erase(&mut bench, id, &digests(&parts)).expect("the rest");
    assert_eq!(kept(&bench, &parts), [GONE, GONE]);
    assert_eq!(bench.state().record(&id).unwrap().title, "erased");
    for entry in bench.node.entries() {
        let body = String::from_utf8_lossy(&entry.body).into_owned();
        assert!(!body.contains("a flaw") && !body.contains("Example Bank"), "{}", entry.seq);
        for blob in &entry.blobs {
            assert_eq!(bench.node.store.blob_state(blob), GONE);
        }
    }
}

#[test]
fn what_is_erased_before_it_went_goes_to_nobody() {
    let mut bench = Bench::new();
    let (mut partner, mut later) = (bench.pair(2), bench.pair(3));
    let us = bench.node.economy.clone();
    let (record, parts) = passable(&us, &bench);
    let id = publish(&mut bench, &record, &parts);
    erase(&mut bench, id, &digests(&parts)[1..]).expect("a part");
    bench.connect(&mut partner);
    bench.wait(SECOND);
    assert_eq!(went(&bench, &partner, id), digests(&parts)[..1]);
    erase(&mut bench, id, &digests(&parts)).expect("the rest");
    bench.connect(&mut later);
    bench.wait(SECOND);
    assert!(!bench.delivered(later.conn()).contains(&id));
    assert!(bench.alarms("unreadable").is_empty());
}

/// Nobody hears that something is erased, or kept, before a restore would know it too.
#[test]
fn the_answer_waits_until_what_outlasts_a_restore_has_it() {
    let mut bench = Bench::new();
    let us = bench.node.economy.clone();
    let (record, parts) = passable(&us, &bench);
    let id = publish(&mut bench, &record, &parts);
    bench.list = ListDisk::Slow;
    let (reason, by, at) = ("an order".to_owned(), String::new(), Timestamp::EPOCH);
    let hold = LegalHold { record: id, reason, by, at };
    for command in [Command::Hold(hold.clone()), Command::LiftHold(hold)] {
        let token = bench.give(command);
        assert_eq!(bench.reply(token), None);
        bench.write_list();
        assert_eq!(bench.reply(token), Some(Ok(Reply::Done)));
    }
    let part = |at: usize| {
        let (parts, reason, by) =
            (digests(&parts)[at..=at].to_vec(), "a".to_owned(), String::new());
        Command::Erase(Erase { record: id, parts, reason, by })
    };
    let token = bench.give(part(1));
    assert!(bench.state().is_erased(&parts[1].digest));
    assert_eq!(bench.reply(token), None);
    bench.write_list();
    assert_eq!(bench.reply(token), Some(Ok(Reply::Done)));
    // It is erased all the same, and nobody is told that all is well.
    bench.list = ListDisk::Full;
    let refused = bench.command(part(0)).expect_err("it is not written down");
    assert!(matches!(refused, CommandError::NotListed(_)), "{refused}");
    assert_eq!(bench.alarms("erasures-list").len(), 1);
    assert_eq!(kept(&bench, &parts), [GONE, GONE]);
}

/// The disk is slow: the body is erased between the number and the hand-over.
#[test]
fn what_is_erased_while_it_is_read_is_taken_back() {
    let mut bench = Bench::new();
    let mut partner = bench.pair(2);
    let us = bench.node.economy.clone();
    let (record, parts) = passable(&us, &bench);
    let id = publish(&mut bench, &record, &parts);
    // What was appended lately is at hand: not after a restart.
    bench.restart();
    bench.slow_reads = true;
    bench.connect(&mut partner);
    bench.wait(SECOND);
    erase(&mut bench, id, &digests(&parts)).expect("all of it");
    bench.slow_reads = false;
    bench.read();
    bench.wait(SECOND * 5);
    assert!(!bench.delivered(partner.conn()).contains(&id));
    assert_eq!(went(&bench, &partner, id), [], "it is void");
    assert!(bench.alarms("unreadable").is_empty());
}

#[test]
fn what_is_erased_is_acknowledged_and_not_kept_when_it_comes_again() {
    let mut bench = Bench::new();
    let (mut origin, mut relay) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut origin);
    bench.connect(&mut relay);
    let (record, parts) = passable(&origin.economy.clone(), &bench);
    bench.deliver(&mut origin, &record, &parts[..1]);
    bench.wait(SECOND);
    erase(&mut bench, record.id(), &digests(&parts)).expect("what is here");
    assert_eq!(kept(&bench, &parts)[0], GONE);
    for _ in 0..2 {
        let number = bench.deliver(&mut relay, &record, &parts[..1]);
        assert_eq!(bench.answer(&relay, number), Answer::Acked);
        assert_eq!(kept(&bench, &parts)[0], GONE);
    }
    // What had not come yet was not erased.
    let number = bench.deliver(&mut origin, &record, &parts);
    assert_eq!(bench.answer(&origin, number), Answer::Acked);
    assert_eq!(kept(&bench, &parts), [GONE, HELD]);
    let entries = bench.journal();
    bench.restart();
    bench.connect(&mut origin);
    bench.wait(SECOND);
    assert_eq!(kept(&bench, &parts), [GONE, HELD]);
    assert!(bench.journal() <= entries + 2, "nothing goes round");
    assert!(bench.alarms("store-refused").is_empty());
}

/// The copy is from before the record came; the list beside the journal is not restored.
#[test]
fn a_restore_erases_again_what_the_copy_does_not_know() {
    let mut bench = Bench::new();
    let mut origin = bench.pair(2);
    bench.connect(&mut origin);
    let (early, early_parts) = passable(&origin.economy.clone(), &bench);
    bench.deliver(&mut origin, &early, &early_parts);
    bench.wait(SECOND);
    let backup = bench.node.store.backup();
    let (late, late_parts) = about("Another Bank", &origin.economy.clone(), &bench);
    bench.deliver(&mut origin, &late, &late_parts);
    bench.wait(SECOND);
    erase(&mut bench, early.id(), &digests(&early_parts)).expect("one");
    erase(&mut bench, late.id(), &digests(&late_parts)[1..]).expect("part of another");
    hold(&mut bench, late.id()).expect("a hold");

    let marker = new_entry(&JournalEntry::Restored { at: bench.now }, Vec::new());
    let store = MemoryStore::restore(&backup, marker).expect("a copy");
    assert_eq!(store.blob_state(&early_parts[0].digest), HELD, "the copy has it");
    bench.replace(store);
    for _ in 0..2 {
        assert_eq!(kept(&bench, &early_parts), [GONE, GONE]);
        assert!(bench.state().record(&early.id()).unwrap().parts.iter().all(|part| part.erased));
        assert!(bench.state().record(&late.id()).is_none());
        assert!(bench.state().erasures().hold(&late.id()).is_some());
        bench.restart();
    }
    // It comes once more, and only what may be kept is.
    origin.boot();
    bench.connect(&mut origin);
    let number = bench.deliver(&mut origin, &late, &late_parts);
    assert_eq!(bench.answer(&origin, number), Answer::Acked);
    assert_eq!(kept(&bench, &late_parts), [HELD, GONE]);
    let held = bench.state().record(&late.id()).expect("the record").clone();
    assert_eq!(held.parts.iter().filter(|part| part.erased).count(), 1);
}

/// Whoever has a part can sign it into a record of their own. What is done with that takes nothing from ours.
#[test]
fn what_another_record_has_as_well_is_not_erased() {
    let mut bench = Bench::new();
    let mut partner = bench.pair(2);
    bench.connect(&mut partner);
    let us = bench.node.economy.clone();
    let (ours, parts) = passable(&us, &bench);
    let ours = publish(&mut bench, &ours, &parts);
    let (theirs, same) = passable(&partner.economy, &bench);
    assert_eq!(digests(&parts), digests(&same));
    let number = bench.deliver(&mut partner, &theirs, &same);
    assert_eq!(bench.answer(&partner, number), Answer::Acked);
    for record in [theirs.id(), ours] {
        let refused = erase(&mut bench, record, &digests(&parts)).unwrap_err();
        assert!(matches!(refused, CommandError::Unfitting(_)), "{refused:?}");
    }
    assert_eq!(kept(&bench, &parts), [HELD, HELD]);
}

fn hold(bench: &mut Bench, record: RecordId) -> Result<Reply, CommandError> {
    let (reason, by, at) = ("an order".to_owned(), "kim".to_owned(), Timestamp::EPOCH);
    bench.command(Command::Hold(LegalHold { record, reason, by, at }))
}

fn lift(bench: &mut Bench, record: RecordId) -> Result<Reply, CommandError> {
    let (reason, by, at) = ("over".to_owned(), "kim".to_owned(), Timestamp::EPOCH);
    bench.command(Command::LiftHold(LegalHold { record, reason, by, at }))
}

/// After a restore words may be entered in any order: the last that was said counts, and of one instant the hold.
#[test]
fn the_last_word_about_a_hold_counts_in_whatever_order_they_come() {
    let word = |record, seconds: u64| LegalHold {
        record,
        reason: "an order".to_owned(),
        by: String::new(),
        at: Timestamp::from_secs(1_795_000_000 + seconds),
    };
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for (last, held) in [(3, true), (2, true), (1, false)] {
            let mut bench = Bench::new();
            let us = bench.node.economy.clone();
            let (record, parts) = passable(&us, &bench);
            let id = publish(&mut bench, &record, &parts);
            let words = [
                JournalEntry::OnHold(word(id, 1)),
                JournalEntry::HoldLifted(word(id, 2)),
                JournalEntry::OnHold(word(id, last)),
            ];
            bench.node.remembered = order.iter().map(|at| words[*at].clone()).collect();
            for _ in 0..2 {
                bench.restart();
                assert_eq!(bench.state().erasures().hold(&id).is_some(), held, "{order:?} {last}");
            }
            // What is said now comes after them, whatever their times are.
            hold(&mut bench, id).expect("a hold");
            assert!(bench.state().erasures().hold(&id).is_some());
            lift(&mut bench, id).expect("lifted");
            bench.restart();
            assert!(bench.state().erasures().hold(&id).is_none());
        }
    }
}

#[test]
fn a_legal_hold_keeps_a_record_until_it_is_lifted() {
    let mut bench = Bench::new();
    let us = bench.node.economy.clone();
    let (record, parts) = passable(&us, &bench);
    let id = publish(&mut bench, &record, &parts);
    let missing = hold(&mut bench, RecordId([9; 32])).expect_err("nothing is there");
    assert!(matches!(missing, CommandError::NoRecord(_)), "{missing}");
    assert!(lift(&mut bench, id).is_err(), "there is none");
    hold(&mut bench, id).expect("a hold");
    for _ in 0..2 {
        let refused = erase(&mut bench, id, &digests(&parts)).expect_err("it is kept");
        assert!(refused.to_string().contains("an order"), "{refused}");
        assert_eq!(kept(&bench, &parts), [HELD, HELD]);
        bench.restart();
    }
    lift(&mut bench, id).expect("it is over");
    bench.restart();
    erase(&mut bench, id, &digests(&parts)).expect("it may go now");
    assert_eq!(kept(&bench, &parts), [GONE, GONE]);
}

fn withdrawal(record: RecordId, by: &Economy, bench: &Bench) -> VerifiedRecord {
    let body = WithdrawalBody::of(vec![record]).expect("one record");
    let body = body.recalling(RecallReason::Law).encode();
    control(Kind::Withdrawal, body, Tlp::Clear, &by.author, by.id, bench.now).expect("a withdrawal")
}

#[test]
fn the_withdrawal_of_what_was_erased_still_reaches_whoever_has_it() {
    let mut bench = Bench::new();
    let (mut holder, mut other) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut holder);
    let us = bench.node.economy.clone();
    let (record, parts) = passable(&us, &bench);
    let id = publish(&mut bench, &record, &parts);
    bench.wait(SECOND);
    erase(&mut bench, id, &digests(&parts)).expect("all of it");
    bench.connect(&mut other);
    bench.wait(SECOND);
    let recall = withdrawal(id, &us, &bench);
    publish(&mut bench, &recall, &[]);
    bench.wait(SECOND);
    assert!(bench.delivered(holder.conn()).contains(&recall.id()));
    assert!(!bench.delivered(other.conn()).contains(&recall.id()), "it never had it");
}

#[test]
fn what_is_true_to_answer_to_a_recall_follows_what_is_here() {
    let mut bench = Bench::new();
    let mut origin = bench.pair(2);
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let (record, parts) = passable(&by, &bench);
    bench.deliver(&mut origin, &record, &parts);
    let recall = withdrawal(record.id(), &by, &bench);
    bench.deliver(&mut origin, &recall, &[]);
    let answer = |bench: &Bench| bench.state().answer_to(&recall.id()).expect("an answer").1;
    let stopped = |parts, because| Says::Stopped { parts, because };
    assert_eq!(answer(&bench), stopped(2, KeptBecause::NotYet));
    hold(&mut bench, record.id()).expect("a hold");
    assert_eq!(answer(&bench), stopped(2, KeptBecause::LegalHold));
    lift(&mut bench, record.id()).expect("lifted");
    erase(&mut bench, record.id(), &digests(&parts)[..1]).expect("one");
    assert_eq!(answer(&bench), stopped(1, KeptBecause::NotYet));
    erase(&mut bench, record.id(), &digests(&parts)).expect("the other");
    assert_eq!(answer(&bench), Says::Gone);
    let told = bench.alarms("recalled");
    assert!(told.len() == 1 && told[0].contains("comity erase"), "{told:?}");
}

/// The rest of it went by its term, or the node died before it could say so: whoever recalled it hears of it.
#[test]
fn a_recall_is_answered_anew_whatever_erased_the_rest() {
    let mut bench = Bench::new();
    let mut origin = bench.pair(2);
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let (record, parts) = passable(&by, &bench);
    bench.deliver(&mut origin, &record, &parts);
    let recall = withdrawal(record.id(), &by, &bench);
    bench.deliver(&mut origin, &recall, &[]);
    let open = |bench: &Bench| bench.state().unanswered().copied().collect::<Vec<_>>();
    let says = |bench: &mut Bench| {
        let us = bench.node.economy.clone();
        let (to, answer) = bench.state().answer_to(&recall.id()).expect("a recall");
        bench.wait(SECOND);
        let body = AcknowledgementBody {
            withdrawal: recall.id(),
            to,
            at: bench.now,
            answer: answer.clone(),
        };
        let signed = control(
            Kind::Acknowledgement,
            body.encode(),
            Tlp::AmberStrict,
            &us.author,
            us.id,
            bench.now,
        );
        publish(bench, &signed.expect("an answer"), &[]);
        answer
    };
    assert_eq!(open(&bench), [recall.id()]);
    assert!(matches!(says(&mut bench), Says::Stopped { .. }));
    assert_eq!(open(&bench), []);
    erase(&mut bench, record.id(), &digests(&parts)[..1]).expect("one");
    assert_eq!(open(&bench), [], "a part is here still");
    erase(&mut bench, record.id(), &digests(&parts)).expect("the other");
    for _ in 0..2 {
        assert_eq!(open(&bench), [recall.id()]);
        bench.restart();
    }
    assert_eq!(says(&mut bench), Says::Gone);
    for _ in 0..2 {
        assert_eq!(open(&bench), []);
        bench.restart();
    }
}

/// A partner delivered two parts, of which these were erased here; it was put back to before that, with a node
/// that understands these features. What it hears.
fn given_back(features: &[u64], gone: &[usize]) -> (Vec<Said>, Vec<Part>, u64) {
    let mut bench = Bench::new();
    let mut origin = bench.pair(2);
    origin.features = features.to_vec();
    let conn = bench.connect(&mut origin);
    let (record, parts) = passable(&origin.economy.clone(), &bench);
    let number = bench.deliver(&mut origin, &record, &parts);
    bench.wait(SECOND);
    let some: Vec<_> = gone.iter().map(|at| parts[*at].digest).collect();
    erase(&mut bench, record.id(), &some).expect("it was here");
    bench.sever(conn);
    // It has forgotten that it ever sent anything, and asks for it.
    origin.take_back(0);
    origin.recovering = true;
    origin.boot();
    let conn = bench.connect(&mut origin);
    bench.wait(SECOND);
    assert!(bench.alarms("unreadable").is_empty());
    (bench.heard(conn), parts, number)
}

/// A partner that was put back gets what it lost from us, but not what we erased; and its ledger knows again all
/// that went here.
#[test]
fn what_is_erased_is_not_given_back_and_the_rest_is() {
    for gone in [&[1][..], &[0, 1][..]] {
        let (said, parts, number) = given_back(&[1, 2, 3, 4], gone);
        let returned = said.iter().find_map(|one| match one {
            Said::Batch { returned: true, lines } => Some(lines.clone()),
            _ => None,
        });
        let lines = returned.unwrap_or_else(|| panic!("{said:?}"));
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((line.entry.number, line.entry.parts.len()), (number, 2));
        for (part, body) in line.entry.parts.iter().zip(&line.bodies) {
            let erased = gone.iter().any(|at| parts[*at].digest == *part);
            assert_eq!(*body, if erased { PartDigest([0; 32]) } else { *part }, "{gone:?}");
        }
    }
}

/// One that takes no delivery with gaps hears only that it came, and does not wait for it.
#[test]
fn what_is_erased_is_told_of_by_its_digest_to_a_node_that_takes_no_gaps() {
    let (said, _, number) = given_back(&[1, 2, 3], &[1]);
    let returned =
        |one: &Said| matches!(one, Said::Void { returned: true, number: it, .. } if *it == number);
    assert!(said.iter().any(returned), "{said:?}");
    assert!(!said.iter().any(|one| matches!(one, Said::Batch { returned: true, .. })), "{said:?}");
}
