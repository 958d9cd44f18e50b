//! What the records of a partner take, of memory and of the disk, has a bound that the configuration sets.
//! Past it the partner waits; what takes something back does not.

use std::collections::BTreeSet;
use std::time::Duration;

use comity_core::control::{AcceptanceBody, AgreementBody, TerminationBody, WithdrawalBody};
use comity_core::group::{CharterBody, GroupBody, RosterBody, RosterHead};
use comity_core::keyring::KeyringBuilder;
use comity_core::policy::Lifecycle;
use comity_core::record::{Draft, Header, Part, VerifiedRecord, control};
use comity_core::test_util::TestEconomy;
use comity_core::{Digest, EconomyId, GroupId, Kind, Marking, RecordId, Section, Timestamp, Tlp};
use comity_node::config::{Limits, Room};
use comity_node::engine::Command;
use comity_node::limits;
use comity_node::state::Bound;
use comity_tests::bench::{Answer, Bench, Peer, advisory, nobody, sign, signed};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::world::START;

const PLENTY: u64 = 1 << 30;

/// A record of so many parts, each of so many bytes.
fn in_parts(
    by: &Economy,
    text: &str,
    (parts, bytes): (usize, usize),
    bench: &Bench,
) -> (VerifiedRecord, Vec<Part>) {
    let mut draft = Draft::new(Kind::Advisory);
    for number in 0..parts {
        let marking = Some(Marking::new(Tlp::Clear));
        let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
        let mut content = format!("{text} {number}").into_bytes();
        content.resize(bytes, b'.');
        draft.parts.push((header, content));
    }
    sign(draft, by, bench.now)
}

fn bench(memory: u64, disk: u64) -> Bench {
    let mut bench = Bench::new();
    bench.limits = Some(Limits { room: Room { memory, disk }, ..Limits::default() });
    bench.restart();
    bench
}

/// Delivers something; its number is given anew if it was put off.
fn brings(
    bench: &mut Bench,
    peer: &mut Peer,
    (record, parts): &(VerifiedRecord, Vec<Part>),
) -> Answer {
    let before = peer.head.number;
    let number = bench.deliver(peer, record, parts);
    let answer = bench.answer(peer, number);
    if answer == Answer::Deferred {
        peer.take_back(before);
    }
    answer
}

/// Delivers records until there is no room for more: those that were taken, and the first that was not.
fn fill(
    bench: &mut Bench,
    peer: &mut Peer,
    shape: (usize, usize),
) -> (Vec<RecordId>, (VerifiedRecord, Vec<Part>)) {
    let mut taken = Vec::new();
    loop {
        let record = in_parts(&peer.economy, &taken.len().to_string(), shape, bench);
        match brings(bench, peer, &record) {
            Answer::Acked => taken.push(record.0.id()),
            answer => {
                assert_eq!(answer, Answer::Deferred);
                return (taken, record);
            }
        }
        bench.heard(peer.conn());
        assert!(taken.len() < 1000, "nothing is put off");
    }
}

fn kept(bench: &Bench, of: &Peer, bound: Bound) -> u64 {
    bench.state().kept_of(&of.economy.id, bound)
}

/// How much of everything.
fn all_kept(bench: &Bench, of: &Peer) -> Vec<u64> {
    let bounds = Bound::COUNTED.into_iter().chain([Bound::Memory, Bound::Disk]);
    bounds.map(|bound| kept(bench, of, bound)).collect()
}

/// The node starts again, and this partner connects.
fn again(bench: &mut Bench, peer: &mut Peer) {
    bench.restart();
    peer.boot();
    bench.connect(peer);
}

#[test]
fn the_memory_of_a_partners_records_has_a_bound() {
    const MOST: u64 = 1 << 20;
    let mut bench = bench(MOST, PLENTY);
    let (mut hostile, mut other) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut hostile);
    bench.connect(&mut other);
    let (taken, over) = fill(&mut bench, &mut hostile, (200, 20));
    let used = kept(&bench, &hostile, Bound::Memory);
    assert!(used <= MOST && used > MOST / 2, "{used}");
    // Two hundred parts of a few bytes each are small on the wire.
    assert!(kept(&bench, &hostile, Bound::Disk) < used / 2);
    assert!((2..20).contains(&taken.len()), "{}", taken.len());

    // It is said once, with what to do, and nothing is written for it.
    let journal = bench.journal();
    for _ in 0..3 {
        assert_eq!(brings(&mut bench, &mut hostile, &over), Answer::Deferred);
        bench.wait(std::time::Duration::from_secs(1));
    }
    assert_eq!(bench.journal(), journal);
    let told = bench.alarms("no-room");
    assert!(matches!(told[..], [text] if text.contains("`limits.memory-per-partner`")), "{told:?}");
    let full: Vec<_> = bench.engine().full(&hostile.economy.id).collect();
    assert_eq!(full, [Bound::Memory]);
    let words = bench.engine().full_in_words(&hostile.economy.id, Bound::Memory);
    assert!(words.contains("1 MiB") && words.contains("comity.toml"), "{words}");
    // Nobody else waits for it.
    let theirs = in_parts(&other.economy, "a flaw", (10, 20), &bench);
    assert_eq!(brings(&mut bench, &mut other, &theirs), Answer::Acked);

    // What was acknowledged is here, and with more room the rest comes.
    let before = all_kept(&bench, &hostile);
    for memory in [MOST, MOST / 4, 2 * MOST] {
        bench.limits = Some(Limits { room: Room { memory, disk: PLENTY }, ..Limits::default() });
        again(&mut bench, &mut hostile);
        assert_eq!(all_kept(&bench, &hostile), before);
        assert!(
            taken.iter().all(|id| bench.state().record(id).is_some_and(|one| one.is_accepted()))
        );
        let full: Vec<_> = bench.engine().full(&hostile.economy.id).collect();
        let too_much = kept(&bench, &hostile, Bound::Memory) >= memory;
        assert_eq!(full, too_much.then_some(Bound::Memory).into_iter().collect::<Vec<_>>());
        let answer = brings(&mut bench, &mut hostile, &over);
        assert_eq!(answer, if memory > MOST { Answer::Acked } else { Answer::Deferred });
    }
}

/// What is taken back passes the bound, and leaves something by which it passes once; what others alone are to
/// give up leaves nothing, and waits like everything else.
#[test]
fn a_withdrawal_from_somebody_else_waits_for_room() {
    let mut bench = bench(1 << 20, PLENTY);
    let mut hostile = bench.pair(2);
    bench.connect(&mut hostile);
    let (taken, over) = fill(&mut bench, &mut hostile, (200, 20));
    assert_eq!(brings(&mut bench, &mut hostile, &over), Answer::Deferred);
    let by = hostile.economy.clone();
    let withdraws = |from: Vec<EconomyId>, number: u64, bench: &Bench| {
        let body = WithdrawalBody { from, ..WithdrawalBody::of(vec![taken[0]]).unwrap() };
        let at = bench.now.saturating_sub(std::time::Duration::from_millis(number));
        let body = body.encode();
        let record = control(Kind::Withdrawal, body, Tlp::Clear, &by.author, by.id, at);
        (record.expect("a withdrawal"), Vec::new())
    };
    // They take what room is left, and that is all.
    let somebody = EconomyId([9; 32]);
    let put_off = (0..1000).find(|number| {
        let elsewhere = withdraws(vec![somebody], *number, &bench);
        brings(&mut bench, &mut hostile, &elsewhere) == Answer::Deferred
    });
    assert!(put_off.is_some());
    let ours = withdraws(Vec::new(), 0, &bench);
    assert_eq!(brings(&mut bench, &mut hostile, &ours), Answer::Acked);
    let again = withdraws(Vec::new(), 1, &bench);
    assert_eq!(brings(&mut bench, &mut hostile, &again), Answer::Deferred);
}

#[test]
fn the_disk_of_a_partners_records_has_a_bound() {
    const MOST: u64 = 108_000;
    let mut bench = bench(PLENTY, MOST);
    let mut hostile = bench.pair(2);
    bench.connect(&mut hostile);
    let (taken, over) = fill(&mut bench, &mut hostile, (2, 5000));
    assert!((8..12).contains(&taken.len()), "{}", taken.len());
    assert!(kept(&bench, &hostile, Bound::Disk) <= MOST);
    assert!(bench.alarms("no-room")[0].contains("`limits.disk-per-partner`"));
    // Something small finds its place; parts that come later count as well.
    let small = in_parts(&hostile.economy, "small", (2, 1000), &bench);
    let (record, parts) = &small;
    assert_eq!(
        brings(&mut bench, &mut hostile, &(record.clone(), parts[..1].to_vec())),
        Answer::Acked
    );
    let before = kept(&bench, &hostile, Bound::Disk);
    assert_eq!(brings(&mut bench, &mut hostile, &small), Answer::Acked);
    let more = kept(&bench, &hostile, Bound::Disk) - before;
    assert!((1000..2000).contains(&more), "{more}");
    let before = all_kept(&bench, &hostile);
    again(&mut bench, &mut hostile);
    assert_eq!(all_kept(&bench, &hostile), before);
    assert_eq!(brings(&mut bench, &mut hostile, &over), Answer::Deferred);
}

#[test]
fn one_partner_may_have_more_room_than_the_others() {
    let mut bench = bench(64 << 10, PLENTY);
    let (mut small, mut large) = (bench.pair(2), bench.pair(3));
    let room = Room { memory: 256 << 10, disk: PLENTY };
    if let Some(limits) = &mut bench.limits {
        limits.apart.insert(large.economy.id, room);
    }
    bench.restart();
    bench.connect(&mut small);
    bench.connect(&mut large);
    let (few, _) = fill(&mut bench, &mut small, (1, 100));
    let (many, _) = fill(&mut bench, &mut large, (1, 100));
    assert!(many.len() > 3 * few.len(), "{} and {}", many.len(), few.len());
}

#[test]
fn what_takes_something_back_does_not_wait_for_room() {
    let mut bench = bench(96 << 10, PLENTY);
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let by = peer.economy.clone();
    let text = "format = 1\ntitle = \"An agreement\"\ntier = \"nda\"\nstarts = 2026-01-01\n";
    let body = AgreementBody::between(bench.node.economy.id, by.id, text.to_owned());
    let proposal = signed(Kind::Agreement, body.expect("two parties").encode(), &by, &bench);
    brings(&mut bench, &mut peer, &proposal);
    let agreement = proposal.0.id();
    let us = bench.node.economy.clone();
    let (record, parts) =
        signed(Kind::Acceptance, AcceptanceBody { agreement }.encode(), &us, &bench);
    let (record, title) = (Box::new(record), String::new());
    bench.command(Command::Publish { record, parts, title, draft: None }).expect("an acceptance");

    let (taken, _) = fill(&mut bench, &mut peer, (1, 100));
    let withdraws = |records: Vec<RecordId>, bench: &Bench| {
        let body = WithdrawalBody::of(records).expect("a few").encode();
        signed(Kind::Withdrawal, body, &by, bench)
    };
    let first = withdraws(vec![taken[0], nobody(1)], &bench);
    assert_eq!(brings(&mut bench, &mut peer, &first), Answer::Acked);
    let held = bench.state().record(&taken[0]).expect("it is here");
    assert_eq!(held.facts.lifecycle, Lifecycle::Withdrawn);
    // The same once more takes nothing back, nor does a withdrawal of what is somebody else's.
    bench.wait(std::time::Duration::from_secs(1));
    let same = withdraws(vec![taken[0], nobody(1)], &bench);
    assert_eq!(brings(&mut bench, &mut peer, &same), Answer::Deferred);
    let foreign = withdraws(vec![record_of_ours(&mut bench)], &bench);
    assert_eq!(brings(&mut bench, &mut peer, &foreign), Answer::Deferred);

    let keyring = KeyringBuilder::follow(&by.keyring).sign(&[&by.root]).expect("a keyring");
    let keyring = signed(Kind::Keyring, keyring.encoded().to_vec(), &by, &bench);
    assert_eq!(brings(&mut bench, &mut peer, &keyring), Answer::Acked);
    assert_eq!(bench.state().keyring(&by.id).expect("its keyring").version(), 2);

    let ends = |bench: &Bench| {
        let body = TerminationBody { agreement, effective: START };
        signed(Kind::Termination, body.encode(), &by, bench)
    };
    let end = ends(&bench);
    assert_eq!(brings(&mut bench, &mut peer, &end), Answer::Acked);
    assert!(bench.state().agreements().get(&agreement).expect("it is here").terminated().is_some());
    bench.wait(std::time::Duration::from_secs(1));
    let end = ends(&bench);
    assert_eq!(brings(&mut bench, &mut peer, &end), Answer::Deferred);
}

/// Whoever signs says when it did: of what may pass over the bound there is no more for dates that it made up.
#[test]
fn what_takes_something_back_has_an_end_too() {
    let mut bench = bench(96 << 10, PLENTY);
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let (by, us) = (peer.economy.clone(), bench.node.economy.id);
    let text = "format = 1\ntitle = \"An agreement\"\ntier = \"nda\"\nstarts = 2026-01-01\n";
    let body = AgreementBody::between(us, by.id, text.to_owned()).expect("two parties");
    let proposal = signed(Kind::Agreement, body.encode(), &by, &bench);
    assert_eq!(brings(&mut bench, &mut peer, &proposal), Answer::Acked);
    let text = "format = 1\nname = \"Islands\"\npurpose = \"None\"\nfounders = [\"one\", \"two\"]\n\
        starts = 2020-01-01\nsponsors = { needed = 1 }\nremoval = { by = \"secretariat\" }\n\
        terms = { tier = \"mou\" }\n";
    let founders = BTreeSet::from([by.id, us]);
    let charter = CharterBody { text: text.to_owned(), founders, sponsors: BTreeSet::new() };
    let charter = signed(Kind::Group, GroupBody::Charter(charter).encode(), &by, &bench);
    assert_eq!(brings(&mut bench, &mut peer, &charter), Answer::Acked);
    fill(&mut bench, &mut peer, (1, 100));

    let agreement = proposal.0.id();
    let mut passed = 0;
    for days in 0..200 {
        let last = Timestamp::from_millis(i64::MAX.cast_unsigned());
        let effective = last.saturating_sub(Duration::from_secs(days * 86_400));
        let end = TerminationBody { agreement, effective }.encode();
        let end = signed(Kind::Termination, end, &by, &bench);
        passed += u64::from(brings(&mut bench, &mut peer, &end) == Answer::Acked);
        bench.heard(peer.conn());
    }
    assert_eq!(passed, 1, "each leaves hardly less than the one before");
    let group = GroupId(charter.0.id().0);
    let head = RosterHead { group, epoch: 0, digest: Digest(group.0) };
    let word = |at| {
        let body = RosterBody::Head(head).encode();
        let record = control(Kind::Roster, body, Tlp::Clear, &by.author, by.id, at);
        (record.expect("a daily word"), Vec::new())
    };
    let mut passed = 0;
    for hours in 0..200 {
        let at = TestEconomy::FROM.saturating_add(Duration::from_secs(hours * 3600));
        passed += u64::from(brings(&mut bench, &mut peer, &word(at)) == Answer::Acked);
        bench.heard(peer.conn());
    }
    assert_eq!(passed, 0, "all of them are old");
    // That of today is heard, and another one in an hour.
    let today = word(bench.now);
    assert_eq!(brings(&mut bench, &mut peer, &today), Answer::Acked);
    assert!(bench.state().records().any(|(id, _)| *id == today.0.id()));
    bench.restart();
    peer.boot();
    bench.connect(&mut peer);
    bench.wait(Duration::from_secs(60));
    let soon = word(bench.now.saturating_add(Duration::from_secs(300)));
    brings(&mut bench, &mut peer, &soon);
    assert!(!bench.state().records().any(|(id, _)| *id == soon.0.id()), "the next is due later");
}

fn record_of_ours(bench: &mut Bench) -> RecordId {
    bench.publish("ours");
    let ours = bench.node.economy.id;
    let mut records = bench.state().records();
    let (id, _) = records
        .find(|(_, held)| held.facts.origin == ours && held.facts.kind == Kind::Advisory)
        .expect("a record of ours");
    *id
}

/// Every number of a partner's ledger takes some room, whatever became of it.
#[test]
fn numbers_that_bring_nothing_have_the_same_bound() {
    const MOST: u64 = 64 << 10;
    let shapes: [fn(&mut Bench, &mut Peer, u64) -> Answer; 3] = [
        // Taken back by their sender.
        |bench, peer, number| {
            let digest = Digest([number as u8; 32]);
            bench.control(peer.conn(), Peer::void(false, number, digest));
            bench.answer(peer, number)
        },
        // Known already.
        |bench, peer, _| {
            let record = advisory(&peer.economy, "once more", START);
            brings(bench, peer, &record)
        },
        // Refused for good.
        |bench, peer, number| {
            let body = TerminationBody { agreement: nobody(number), effective: START }.encode();
            let us = bench.node.economy.id;
            let by = Economy { id: us, ..peer.economy.clone() };
            let record = signed(Kind::Termination, body, &by, bench);
            brings(bench, peer, &record)
        },
    ];
    for (shape, brings) in shapes.into_iter().enumerate() {
        let mut bench = bench(MOST, PLENTY);
        let mut peer = bench.pair(2);
        bench.connect(&mut peer);
        let mut settled = 0;
        let last = (1..1000).find(|number| {
            let answer = brings(&mut bench, &mut peer, *number);
            settled += u64::from(answer != Answer::Deferred);
            bench.heard(peer.conn());
            answer == Answer::Deferred
        });
        assert!(last.is_some(), "{shape}: nothing is put off");
        assert!(settled > 50, "{shape}: {settled}");
        assert!(kept(&bench, &peer, Bound::Memory) <= MOST);
        let before = all_kept(&bench, &peer);
        again(&mut bench, &mut peer);
        assert_eq!(all_kept(&bench, &peer), before, "{shape}");
    }
}

#[test]
fn the_defaults_hold_years_of_advisories() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let before = kept(&bench, &peer, Bound::Memory);
    let record = in_parts(&peer.economy, "an advisory", (1, 400), &bench);
    assert_eq!(brings(&mut bench, &mut peer, &record), Answer::Acked);
    let one = kept(&bench, &peer, Bound::Memory) - before;
    assert!(limits::PARTNER_MEMORY / one > 250_000, "{one}");
}

#[test]
fn what_is_passed_on_weighs_on_whoever_signed_it() {
    const MOST: u64 = 1 << 20;
    let mut bench = bench(MOST, PLENTY);
    let (origin, mut relay) = (bench.pair(2), bench.pair(3));
    let conn = bench.connect(&mut relay);
    let by = origin.economy.clone();
    let mut taken = Vec::new();
    let settled = loop {
        let record = in_parts(&by, &taken.len().to_string(), (200, 20), &bench);
        match brings(&mut bench, &mut relay, &record) {
            Answer::Acked => taken.push(record.0.id()),
            answer => break answer,
        }
        bench.heard(conn);
        assert!(taken.len() < 20, "there is no end of room");
    };
    // Its number is settled, so that the relay gets its receipts.
    assert_eq!(settled, Answer::Rejected);
    let (used, passed) =
        (kept(&bench, &origin, Bound::Memory), kept(&bench, &relay, Bound::Memory));
    assert!(used > MOST / 2 && passed < MOST / 4, "{used} {passed}");
    let told = bench.alarms("no-room");
    assert!(matches!(told[..], [text] if text.contains("`limits.memory-per-partner`")), "{told:?}");
    assert!(bench.engine().full(&relay.economy.id).next().is_none());
    // What the relay says itself is heard, and what takes something of the origin back as well.
    let theirs = in_parts(&relay.economy, "a flaw", (10, 20), &bench);
    assert_eq!(brings(&mut bench, &mut relay, &theirs), Answer::Acked);
    let body = WithdrawalBody::of(vec![taken[0]]).expect("one").encode();
    let back = signed(Kind::Withdrawal, body, &by, &bench);
    assert_eq!(brings(&mut bench, &mut relay, &back), Answer::Acked);
    let before = [&origin, &relay].map(|of| all_kept(&bench, of));
    bench.restart();
    assert_eq!([&origin, &relay].map(|of| all_kept(&bench, of)), before);
}

/// Who has signed it is not sure as long as it waits.
#[test]
fn what_waits_weighs_on_whoever_brought_it() {
    let mut bench = bench(PLENTY, PLENTY);
    let (origin, mut relay) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    let ids = [origin.economy.id, relay.economy.id];
    let weight = |bench: &Bench| ids.map(|of| bench.state().kept_of(&of, Bound::Memory));
    let now = bench.now;
    bench.now = now.saturating_add(std::time::Duration::from_secs(700));
    let ahead = in_parts(&origin.economy, "ahead", (100, 20), &bench);
    bench.now = now;
    let [signed, brought] = weight(&bench);
    assert_eq!(brings(&mut bench, &mut relay, &ahead), Answer::Acked);
    let [still, waits] = weight(&bench);
    assert!(still == signed && waits > brought + 50_000, "{signed} {still} {brought} {waits}");
    bench.wait(std::time::Duration::from_secs(200));
    for _ in 0..2 {
        let [believed, number] = weight(&bench);
        assert!(believed > signed + 50_000 && number < brought + 10_000, "{believed} {number}");
        bench.restart();
    }
}
