//! How far something is believed: kept, found again after a restart, and read by no decision.

use comity_core::assessment::{Credibility, Reliability};
use comity_core::journal::{Assessed, AssessedSubject};
use comity_core::record::{Draft, Header};
use comity_core::{EconomyId, Kind, Marking, Onward, RecordId, Section, Timestamp, Tlp};
use comity_node::engine::{Command, CommandError, Reply};
use comity_node::limits::ASSESSMENTS_HELD;
use comity_tests::bench::{Bench, sign};
use comity_tests::sim::economy::Economy;

fn assess(
    bench: &mut Bench,
    subject: AssessedSubject,
    reliability: Option<Reliability>,
    credibility: Option<Credibility>,
) -> Result<Reply, CommandError> {
    let (reason, by) = ("looked at it".to_owned(), "Kim".to_owned());
    let at = Timestamp::EPOCH;
    let assessed = Assessed { subject, reliability, credibility, reason, by, at };
    bench.command(Command::Assess(Box::new(assessed)))
}

/// A record that everybody may have and pass on.
fn passable(
    by: &Economy,
    now: Timestamp,
) -> (comity_core::record::VerifiedRecord, Vec<comity_core::record::Part>) {
    let mut draft = Draft::new(Kind::Advisory);
    let mut marking = Marking::new(Tlp::Clear);
    marking.onward = Onward::WithinMarking;
    let header = Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"A flaw, CVE-2024-0001".to_vec()));
    sign(draft, by, now)
}

/// What goes of a record to a partner, with every gate's verdict.
fn decided(bench: &Bench, record: &RecordId, to: &EconomyId) -> String {
    let held = bench.state().record(record).expect("a record that is here");
    let plan = bench.state().plan(held, to, bench.now);
    format!("{plan:?}")
}

#[test]
fn no_gate_reads_a_grade() {
    let mut bench = Bench::new();
    let (mut jp, mut fj) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut jp);
    let conn = bench.connect(&mut fj);
    let (record, parts) = passable(&jp.economy, bench.now);
    bench.deliver(&mut jp, &record, &parts);
    let id = record.id();
    assert_eq!(bench.delivered(conn), [id], "it goes on to FJ");
    drop(bench.left(conn));

    let (before, policy) = (decided(&bench, &id, &fj.economy.id), bench.state().policy().version());
    for (source, said) in Reliability::ALL.into_iter().zip(Credibility::ALL) {
        let of_record = AssessedSubject::Record(id);
        assess(&mut bench, of_record, Some(source), Some(said)).expect("a grade");
        for economy in [jp.economy.id, fj.economy.id] {
            let of_source = AssessedSubject::Source(economy);
            assess(&mut bench, of_source, Some(source), None).expect("a grade");
        }
        assert_eq!(decided(&bench, &id, &fj.economy.id), before);
        assert_eq!(bench.state().policy().version(), policy);
        assert_eq!(bench.state().rating(&id), Some((source, said)));
    }
    assert!(bench.left(conn).is_empty(), "nothing left for it");
    bench.restart();
    assert_eq!(decided(&bench, &id, &fj.economy.id), before);
    assert_eq!(bench.state().rating(&id), Some((Reliability::F, Credibility::NotJudged)));
}

#[test]
fn the_last_word_counts_and_every_one_is_counted() {
    let mut bench = Bench::new();
    let mut jp = bench.pair(2);
    bench.connect(&mut jp);
    let (record, parts) = passable(&jp.economy, bench.now);
    bench.deliver(&mut jp, &record, &parts);
    let (id, source) = (record.id(), AssessedSubject::Source(jp.economy.id));
    let of_record = AssessedSubject::Record(id);
    assert_eq!(bench.state().rating(&id), None);
    assess(&mut bench, source, Some(Reliability::B), None).expect("a grade");
    assert_eq!(bench.state().rating(&id), Some((Reliability::B, Credibility::NotJudged)));
    assess(&mut bench, of_record, Some(Reliability::D), None).expect("a grade");
    for _ in 0..ASSESSMENTS_HELD {
        assess(&mut bench, of_record, None, Some(Credibility::Doubtful)).expect("a grade");
    }
    assess(&mut bench, of_record, None, Some(Credibility::Probable)).expect("a grade");
    let check = |bench: &Bench| {
        // The word about the source is no more among those that are held, and counts.
        assert_eq!(bench.state().rating(&id), Some((Reliability::D, Credibility::Probable)));
        let known = bench.state().assessment(&of_record).expect("something was said");
        assert_eq!((known.said.len(), known.earlier), (ASSESSMENTS_HELD, 2));
        let last = known.said.back().expect("a last word");
        assert_eq!((last.credibility, last.by.as_str()), (Some(Credibility::Probable), "Kim"));
        assert!(last.at > Timestamp::EPOCH, "the node's own time counts");
        assert_eq!(bench.state().reliability(&jp.economy.id), Some(Reliability::B));
    };
    check(&bench);
    bench.restart();
    check(&bench);
}

#[test]
fn what_says_nothing_to_be_believed_is_not_graded() {
    let mut bench = Bench::new();
    let (jp, nobody) = (bench.pair(2), EconomyId([9; 32]));
    let grade = (Some(Reliability::A), Some(Credibility::Confirmed));
    let refused = |bench: &mut Bench, subject, (source, said): (_, _)| {
        let before = bench.journal();
        assert!(assess(bench, subject, source, said).is_err(), "{subject:?}");
        assert_eq!(bench.journal(), before, "nothing of it is written");
    };
    refused(&mut bench, AssessedSubject::Source(nobody), (grade.0, None));
    refused(&mut bench, AssessedSubject::Source(jp.economy.id), grade);
    refused(&mut bench, AssessedSubject::Source(jp.economy.id), (None, None));
    refused(&mut bench, AssessedSubject::Record(RecordId([9; 32])), grade);
    let binds = bench.state().records().find(|(_, held)| held.facts.kind.is_control());
    if let Some(id) = binds.map(|(id, _)| *id) {
        refused(&mut bench, AssessedSubject::Record(id), grade);
    }
}

#[test]
fn each_partner_that_brought_a_record_is_known_once_with_the_first_time() {
    let mut bench = Bench::new();
    let (mut jp, mut fj) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut jp);
    bench.connect(&mut fj);
    let (record, parts) = passable(&jp.economy, bench.now);
    let mut times = Vec::new();
    for turn in 0..4 {
        times.push(bench.now);
        let by = if turn % 2 == 0 { &mut fj } else { &mut jp };
        bench.deliver(by, &record, &parts);
        bench.wait(std::time::Duration::from_secs(60));
    }
    let expected = vec![(fj.economy.id, times[0]), (jp.economy.id, times[1])];
    assert_eq!(bench.state().came_by(&record.id()), expected);
    bench.restart();
    assert_eq!(bench.state().came_by(&record.id()), expected);
}
