//! What is withdrawn or replaced before it came has a bound: it counts for its origin, and nobody waits for
//! what others say.

use comity_core::control::WithdrawalBody;
use comity_core::policy::Lifecycle;
use comity_core::record::{Draft, Header, Part, VerifiedRecord};
use comity_core::{Kind, Marking, RecordId, Section, Tlp};
use comity_node::limits;
use comity_node::state::Bound;
use comity_tests::bench::{Answer, Bench, advisory, fill, nobody, sign, signed};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::world::START;

#[test]
fn withdrawals_of_what_is_not_here_have_a_bound() {
    const NAMED: u64 = 1024;
    let withdrawal = |by: &Economy, number: u64, bench: &Bench| {
        let named = (0..NAMED).map(|one| nobody(number * NAMED + one)).collect();
        let body = WithdrawalBody::of(named).expect("as many as one names").encode();
        signed(Kind::Withdrawal, body, by, bench)
    };
    let mut bench = Bench::new();
    let taken = limits::TOMBSTONES / NAMED;
    let (hostile, ..) = fill(&mut bench, Bound::Tombstones, taken, withdrawal);
    // What was acknowledged has its effect.
    assert!(bench.state().tombstone(&nobody(0), &hostile.economy.id).is_some());
    assert!(bench.state().tombstone(&nobody(taken * NAMED), &hostile.economy.id).is_none());
}

#[test]
fn nobody_waits_for_what_others_withdraw_and_what_is_here_is_withdrawn() {
    const NAMED: u64 = 1024;
    let mut bench = Bench::new();
    let (mut relay, mut origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let live = advisory(&by, "to be withdrawn", bench.now);
    bench.deliver(&mut origin, &live.0, &live.1);
    let withdraws = |mut named: Vec<RecordId>, bench: &Bench| {
        named.sort_unstable();
        let body = WithdrawalBody::of(named).expect("as many as one names").encode();
        signed(Kind::Withdrawal, body, &by, bench)
    };
    let many = |place: u64| (0..NAMED).map(|one| nobody(place * NAMED + one)).collect::<Vec<_>>();
    let full = limits::TOMBSTONES / NAMED;
    for place in 0..full {
        let (record, parts) = withdraws(many(place), &bench);
        let number = bench.deliver(&mut relay, &record, &parts);
        assert_eq!(bench.answer(&relay, number), Answer::Acked, "{place}");
    }
    let kept = |bench: &Bench, of: &Economy| bench.state().kept_of(&of.id, Bound::Tombstones);
    assert_eq!((kept(&bench, &relay.economy), kept(&bench, &by)), (0, limits::TOMBSTONES));
    // More of it is put off where its origin brings it, and settled where somebody else does.
    let (record, parts) = withdraws(many(full), &bench);
    let number = bench.deliver(&mut relay, &record, &parts);
    assert_eq!(bench.answer(&relay, number), Answer::Rejected);
    let before = origin.head.number;
    let number = bench.deliver(&mut origin, &record, &parts);
    assert_eq!(bench.answer(&origin, number), Answer::Deferred);
    origin.take_back(before);
    // What takes back something here does not wait, whatever else it names.
    let mut named = many(full + 1);
    named[0] = live.0.id();
    let (record, parts) = withdraws(named, &bench);
    let number = bench.deliver(&mut relay, &record, &parts);
    assert_eq!(bench.answer(&relay, number), Answer::Acked);
    for _ in 0..2 {
        let held = bench.state().record(&live.0.id()).expect("it is here");
        assert_eq!(held.facts.lifecycle, Lifecycle::Withdrawn);
        assert!(kept(&bench, &by) <= limits::TOMBSTONES);
        bench.restart();
    }
}

fn replacing(by: &Economy, text: &str, replaced: Vec<RecordId>) -> (VerifiedRecord, Vec<Part>) {
    let mut draft = Draft::new(Kind::Advisory);
    draft.supersedes = replaced;
    let marking = Some(Marking::new(Tlp::Clear));
    let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, text.as_bytes().to_vec()));
    sign(draft, by, START)
}

#[test]
fn of_what_is_replaced_and_not_here_the_last_are_remembered() {
    const NAMED: u64 = 64;
    let mut bench = Bench::new();
    let (mut relay, mut origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let old = [advisory(&by, "the first", START), advisory(&by, "the second", START)];
    let count = |bench: &Bench| bench.state().replaced().count(&by.id);
    for place in 0..=limits::SUPERSEDED / NAMED {
        let mut named: Vec<_> = (1..NAMED).map(|one| nobody(place * NAMED + one)).collect();
        named.push(match place {
            0 => old[0].0.id(),
            1 => old[1].0.id(),
            _ => nobody(place * NAMED),
        });
        named.sort_unstable();
        let (record, parts) = replacing(&by, &format!("revision {place}"), named);
        // An update of what never came is nothing unusual: nobody waits for it.
        let number = bench.deliver(&mut relay, &record, &parts);
        assert_eq!(bench.answer(&relay, number), Answer::Acked, "{place}");
        bench.heard(relay.conn());
    }
    assert_eq!(count(&bench), limits::SUPERSEDED);
    assert!(bench.alarms("no-room").is_empty());
    bench.restart();
    assert_eq!(count(&bench), limits::SUPERSEDED);
    bench.connect(&mut origin);
    for ((record, parts), expected) in old.iter().zip([Lifecycle::Live, Lifecycle::Superseded]) {
        bench.deliver(&mut origin, record, parts);
        let held = bench.state().record(&record.id()).expect("it is here");
        assert_eq!(held.facts.lifecycle, expected);
    }
    assert_eq!(count(&bench), limits::SUPERSEDED - 1);
}

#[test]
fn what_was_named_before_it_came_takes_no_room_once_it_is_here() {
    let mut bench = Bench::new();
    let (mut origin, mut relay) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut origin);
    bench.connect(&mut relay);
    let by = origin.economy.clone();
    let old = advisory(&by, "first revision", bench.now);
    let new = replacing(&by, "second revision", vec![old.0.id()]);
    let count = |bench: &Bench| bench.state().replaced().count(&by.id);
    // Whoever brings the new one, it counts for its origin.
    bench.deliver(&mut relay, &new.0, &new.1);
    assert_eq!(count(&bench), 1);
    assert!(bench.state().replaced().has(&by.id, &old.0.id()));
    bench.deliver(&mut origin, &old.0, &old.1);
    for _ in 0..2 {
        let held = bench.state().record(&old.0.id()).expect("the old one");
        assert_eq!(held.facts.lifecycle, Lifecycle::Superseded);
        assert_eq!(count(&bench), 0);
        bench.restart();
    }
}
