//! Records that are taken back: who is told, who answers, and whose answer counts.

use std::time::Duration;

use comity_core::control::{AcknowledgementBody, AgreementBody, Answer as Says, WithdrawalBody};
use comity_core::journal::PartnerChange;
use comity_core::policy::Lifecycle;
use comity_core::record::{Draft, Header, Part, VerifiedRecord, control};
use comity_core::{
    EconomyId, KeptBecause, Kind, Marking, Onward, RecallReason, RecordId, RefusalReason, Section,
    Timestamp, Tlp,
};
use comity_node::engine::{Command, CommandError, Reply};
use comity_node::limits::ANSWERS;
use comity_tests::bench::{Answer, Bench, Peer, sign};
use comity_tests::sim::economy::Economy;

const SECOND: Duration = Duration::from_secs(1);

/// An advisory that everybody may have and pass on.
fn passable(by: &Economy, bench: &Bench) -> (VerifiedRecord, Vec<Part>) {
    let mut draft = Draft::new(Kind::Advisory);
    let mut marking = Marking::new(Tlp::Clear);
    marking.onward = Onward::WithinMarking;
    let header = Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"a flaw".to_vec()));
    sign(draft, by, bench.now)
}

fn withdrawal(
    record: RecordId,
    recall: Option<RecallReason>,
    by: &Economy,
    bench: &Bench,
) -> VerifiedRecord {
    let body = WithdrawalBody { recall, ..WithdrawalBody::of(vec![record]).expect("one record") };
    let body = body.encode();
    control(Kind::Withdrawal, body, Tlp::Clear, &by.author, by.id, bench.now).expect("a withdrawal")
}

fn answer(
    withdrawal: RecordId,
    to: EconomyId,
    says: Says,
    by: &Economy,
    at: Timestamp,
) -> VerifiedRecord {
    let body = AcknowledgementBody { withdrawal, to, at, answer: says }.encode();
    control(Kind::Acknowledgement, body, Tlp::Clear, &by.author, by.id, at).expect("an answer")
}

fn publishes(bench: &mut Bench, record: &VerifiedRecord, parts: &[Part]) -> RecordId {
    let (record, parts) = (Box::new(record.clone()), parts.to_vec());
    let command = Command::Publish { record, parts, title: String::new(), draft: None };
    match bench.command(command) {
        Ok(Reply::Published { record, .. }) => record,
        other => unreachable!("{other:?}"),
    }
}

/// A record of ours went to the first of three partners, and to neither of the others, and was recalled.
fn recalled() -> (Bench, Peer, Peer, RecordId) {
    let mut bench = Bench::new();
    let (mut holder, mut other) = (bench.pair(2), bench.pair(3));
    let blocked = PartnerChange::Level(0);
    bench
        .command(Command::Partner { economy: other.economy.id, change: blocked })
        .expect("a level");
    bench.connect(&mut holder);
    bench.connect(&mut other);
    let us = bench.node.economy.clone();
    let (record, parts) = passable(&us, &bench);
    let record = publishes(&mut bench, &record, &parts);
    bench.wait(SECOND);
    let recall = withdrawal(record, Some(RecallReason::Law), &us, &bench);
    let recall = publishes(&mut bench, &recall, &[]);
    bench.wait(SECOND);
    assert!(bench.delivered(holder.conn()).contains(&recall));
    assert!(!bench.delivered(other.conn()).contains(&recall));
    (bench, holder, other, recall)
}

fn brings(bench: &mut Bench, peer: &mut Peer, record: &VerifiedRecord) -> Answer {
    let number = bench.deliver(peer, record, &[]);
    bench.answer(peer, number)
}

/// Who answered what, and through whom.
fn answered(bench: &Bench, withdrawal: &RecordId) -> Vec<(EconomyId, Says, Option<EconomyId>)> {
    let answers = bench.state().answers(withdrawal).into_iter();
    answers.map(|one| (one.by, one.body.answer, one.through)).collect()
}

fn refused(text: &str) -> Says {
    let text = text.to_owned();
    Says::Refused { parts: 1, because: RefusalReason::Order, text }
}

#[test]
fn an_answer_counts_from_whoever_may_hold_something_and_from_nobody_else() {
    let (mut bench, mut holder, mut other, recall) = recalled();
    let (us, now) = (bench.node.economy.id, bench.now);
    let (they, nobody) = (holder.economy.clone(), other.economy.clone());
    let honoured = answer(recall, us, Says::Gone, &they, now);
    // From whom nothing went to, and from somebody else's hands.
    let of_nobody = answer(recall, us, Says::Gone, &nobody, now);
    assert_eq!(brings(&mut bench, &mut other, &of_nobody), Answer::Rejected);
    // About what is no withdrawal of ours, and for somebody else.
    let (own, _) = bench.state().records().find(|(_, one)| !one.facts.kind.is_control()).unwrap();
    let own = *own;
    for wrong in [
        answer(own, us, Says::Gone, &they, now),
        answer(RecordId([9; 32]), us, Says::Gone, &they, now),
        answer(recall, nobody.id, Says::Gone, &they, now),
    ] {
        assert_eq!(brings(&mut bench, &mut holder, &wrong), Answer::Rejected);
    }
    assert_eq!(answered(&bench, &recall), []);
    // In another's name.
    let forger = Economy { author: nobody.author.clone(), ..they.clone() };
    let forged = answer(recall, us, Says::Gone, &forger, now);
    brings(&mut bench, &mut holder, &forged);
    assert_eq!(answered(&bench, &recall), []);

    assert_eq!(brings(&mut bench, &mut holder, &honoured), Answer::Acked);
    assert_eq!(answered(&bench, &recall), [(they.id, Says::Gone, None)]);
    // The same again says nothing more.
    assert_eq!(brings(&mut bench, &mut holder, &honoured), Answer::Acked);
    assert_eq!(answered(&bench, &recall), [(they.id, Says::Gone, None)]);
    // Whoever has it may have passed it on, and brings the answer.
    let passed_on = answer(recall, us, refused("evidence"), &nobody, now);
    assert_eq!(brings(&mut bench, &mut holder, &passed_on), Answer::Acked);
    let mut expected =
        [(they.id, Says::Gone, None), (nobody.id, refused("evidence"), Some(they.id))];
    expected.sort_by_key(|(by, ..)| *by);
    for _ in 0..2 {
        assert_eq!(answered(&bench, &recall), expected);
        bench.restart();
    }
}

#[test]
fn of_several_answers_the_last_signed_counts_and_their_number_has_a_bound() {
    let (mut bench, mut holder, _, recall) = recalled();
    let (us, they) = (bench.node.economy.id, holder.economy.clone());
    let at = |seconds: u32| bench.now.saturating_add(SECOND * seconds);
    let last = answer(recall, us, refused("evidence"), &they, at(90));
    let earlier: Vec<_> =
        (0..8).map(|one| answer(recall, us, Says::Gone, &they, at(one))).collect();
    assert_eq!(brings(&mut bench, &mut holder, &last), Answer::Acked);
    for (count, one) in earlier.iter().enumerate() {
        let room = count + 1 < ANSWERS;
        let expected = if room { Answer::Acked } else { Answer::Rejected };
        assert_eq!(brings(&mut bench, &mut holder, one), expected, "{count}");
    }
    assert_eq!(answered(&bench, &recall), [(they.id, refused("evidence"), None)]);
}

/// The node with an origin whose record it holds, and another partner.
fn holds() -> (Bench, Peer, Peer, RecordId) {
    let mut bench = Bench::new();
    let (mut origin, mut other) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut origin);
    bench.connect(&mut other);
    let (record, parts) = passable(&origin.economy.clone(), &bench);
    bench.deliver(&mut origin, &record, &parts);
    bench.wait(SECOND);
    assert!(bench.delivered(other.conn()).contains(&record.id()), "it is passed on");
    (bench, origin, other, record.id())
}

fn unanswered(bench: &Bench) -> Vec<RecordId> {
    bench.state().unanswered().copied().collect()
}

fn answers_it(bench: &mut Bench, withdrawal: RecordId) -> Result<RecordId, CommandError> {
    let us = bench.node.economy.clone();
    let (to, says) = bench.state().answer_to(&withdrawal).expect("somebody else's withdrawal");
    let record = Box::new(answer(withdrawal, to, says, &us, bench.now));
    let (parts, title) = (Vec::new(), String::new());
    match bench.command(Command::Publish { record, parts, title, draft: None })? {
        Reply::Published { record, .. } => Ok(record),
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn what_others_take_back_waits_for_one_answer_that_only_they_get() {
    let (mut bench, mut origin, other, record) = holds();
    let by = origin.economy.clone();
    let says = |because| Says::Stopped { parts: 1, because };
    let plain = withdrawal(record, None, &by, &bench);
    assert_eq!(brings(&mut bench, &mut origin, &plain), Answer::Acked);
    for _ in 0..2 {
        assert_eq!(unanswered(&bench), [plain.id()]);
        let stopped = Some((by.id, says(KeptBecause::NotAsked)));
        assert_eq!(bench.state().answer_to(&plain.id()), stopped);
        bench.restart();
        bench.connect(&mut origin);
    }
    let mut other = other;
    bench.connect(&mut other);
    let answer = answers_it(&mut bench, plain.id()).expect("an answer");
    bench.wait(SECOND);
    assert!(bench.delivered(origin.conn()).contains(&answer));
    assert!(!bench.delivered(other.conn()).contains(&answer), "nobody else's business");
    assert_eq!(unanswered(&bench), []);
    bench.restart();
    assert_eq!(unanswered(&bench), [], "it is not answered again");

    // The same once more asks for nothing; a recall does.
    bench.connect(&mut origin);
    let again = withdrawal(record, None, &by, &bench);
    bench.wait(SECOND);
    let again_later = withdrawal(record, None, &by, &bench);
    for repeated in [again, again_later] {
        assert_eq!(brings(&mut bench, &mut origin, &repeated), Answer::Acked);
        assert_eq!(unanswered(&bench), []);
    }
    assert!(bench.alarms("recalled").is_empty());
    let recall = withdrawal(record, Some(RecallReason::Unknown(77)), &by, &bench);
    assert_eq!(brings(&mut bench, &mut origin, &recall), Answer::Acked);
    assert_eq!(unanswered(&bench), [recall.id()]);
    let stopped = Some((by.id, says(KeptBecause::NotYet)));
    assert_eq!(bench.state().answer_to(&recall.id()), stopped);
    let told = bench.alarms("recalled");
    assert!(told.len() == 1 && told[0].contains("comity recall list"), "{told:?}");
    bench.restart();
    assert_eq!(bench.alarms("recalled").len(), 1, "it is told once");
}

#[test]
fn what_never_came_is_gone_and_foreign_withdrawals_ask_nothing() {
    let (mut bench, mut origin, mut other, record) = holds();
    let never = withdrawal(RecordId([7; 32]), None, &origin.economy.clone(), &bench);
    assert_eq!(brings(&mut bench, &mut origin, &never), Answer::Acked);
    assert_eq!(bench.state().answer_to(&never.id()), Some((origin.economy.id, Says::Gone)));
    // Only the origin takes back.
    let meddling = withdrawal(record, None, &other.economy.clone(), &bench);
    assert_eq!(brings(&mut bench, &mut other, &meddling), Answer::Acked);
    assert_eq!(unanswered(&bench), [never.id()]);
}

#[test]
fn an_answer_goes_back_as_the_withdrawal_came() {
    let mut bench = Bench::new();
    let (mut relay, mut origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let (record, parts) = passable(&by, &bench);
    bench.deliver(&mut relay, &record, &parts);
    let recall = withdrawal(record.id(), Some(RecallReason::Law), &by, &bench);
    assert_eq!(brings(&mut bench, &mut relay, &recall), Answer::Acked);
    let through = answers_it(&mut bench, recall.id()).expect("an answer");
    bench.wait(SECOND);
    assert!(bench.delivered(relay.conn()).contains(&through));
    assert!(!bench.delivered(origin.conn()).contains(&through), "it did not tell us");
    // Now it has.
    assert_eq!(brings(&mut bench, &mut origin, &recall), Answer::Acked);
    bench.wait(SECOND);
    let direct = answers_it(&mut bench, recall.id()).expect("an answer");
    bench.wait(SECOND);
    assert!(bench.delivered(origin.conn()).contains(&direct));
    assert!(!bench.delivered(relay.conn()).contains(&direct));
}

#[test]
fn a_relay_passes_on_the_answers_of_those_to_whom_it_passed_the_record_on() {
    let (mut bench, mut origin, mut reader, record) = holds();
    let mut stranger = bench.pair(4);
    let blocked = PartnerChange::Level(0);
    bench
        .command(Command::Partner { economy: stranger.economy.id, change: blocked })
        .expect("a level");
    bench.connect(&mut stranger);
    let by = origin.economy.clone();
    let recall = withdrawal(record, Some(RecallReason::Law), &by, &bench);
    assert_eq!(brings(&mut bench, &mut origin, &recall), Answer::Acked);
    bench.wait(SECOND);
    assert!(bench.delivered(reader.conn()).contains(&recall.id()));
    let says = answer(recall.id(), by.id, Says::Gone, &reader.economy.clone(), bench.now);
    assert_eq!(brings(&mut bench, &mut reader, &says), Answer::Acked);
    let false_word = answer(recall.id(), by.id, Says::Gone, &stranger.economy.clone(), bench.now);
    assert_eq!(brings(&mut bench, &mut stranger, &false_word), Answer::Rejected);
    bench.wait(SECOND);
    assert!(bench.delivered(origin.conn()).contains(&says.id()));
    assert!(!bench.delivered(stranger.conn()).contains(&says.id()));
}

/// What is not urgent is gathered for a moment, and what is late comes after everything else.
#[test]
fn a_withdrawal_does_not_wait_however_late_it_is() {
    let mut bench = Bench::new();
    let mut holder = bench.pair(2);
    bench.connect(&mut holder);
    let us = bench.node.economy.clone();
    let (record, parts) = passable(&us, &bench);
    let record = publishes(&mut bench, &record, &parts);
    bench.wait(SECOND);
    let last = bench.state().partner(&holder.economy.id).unwrap().out.head().number;
    holder.hold(&bench, last);
    bench.sever(holder.conn());
    for title in ["one", "two"] {
        bench.publish(title);
    }
    let taken_back = withdrawal(record, None, &us, &bench);
    let taken_back = publishes(&mut bench, &taken_back, &[]);
    bench.wait(SECOND * 600);
    let conn = bench.connect(&mut holder);
    let given = bench.delivered(conn);
    assert!(given.contains(&taken_back), "at once");
    bench.wait(SECOND);
    assert!(bench.delivered(conn).len() > given.len(), "the others are gathered first");
}

/// An agreement ends by its termination, whoever says that it is withdrawn, and whichever of the two comes
/// first.
#[test]
fn an_agreement_stands_whatever_withdrawal_names_it() {
    for first in [false, true] {
        let mut bench = Bench::new();
        let mut peer = bench.pair(2);
        bench.connect(&mut peer);
        let by = peer.economy.clone();
        let text = "format = 1\ntitle = \"MoU\"\ntier = \"mou\"\nstarts = 2026-01-01\n";
        let body = AgreementBody::between(bench.node.economy.id, by.id, text.to_owned());
        let body = body.expect("two parties").encode();
        let agreement = control(Kind::Agreement, body, Tlp::Clear, &by.author, by.id, bench.now);
        let agreement = agreement.expect("a proposal");
        let withdrawal = withdrawal(agreement.id(), None, &by, &bench);
        let order = if first { [&withdrawal, &agreement] } else { [&agreement, &withdrawal] };
        for record in order {
            assert_eq!(brings(&mut bench, &mut peer, record), Answer::Acked, "{first}");
        }
        for _ in 0..2 {
            let held = bench.state().record(&agreement.id()).expect("it is here");
            assert_eq!(held.facts.lifecycle, Lifecycle::Live, "{first}");
            assert_eq!(bench.state().tombstone(&agreement.id(), &by.id), None);
            assert!(bench.state().agreements().get(&agreement.id()).is_some());
            bench.restart();
        }
    }
}
