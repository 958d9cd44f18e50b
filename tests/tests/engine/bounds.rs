//! What a partner can make a node keep has a bound. At the bound and one more: the partner is told,
//! nothing that was acknowledged is lost, the node goes on, and other partners are unaffected.

use std::time::Duration;

use comity_core::cbor::Writer;
use comity_core::control::{AcceptanceBody, AgreementBody, IntroductionBody, TerminationBody};
use comity_core::journal::{JournalEntry, PartnerChange};
use comity_core::keyring::{Grant, KeyringBuilder};
use comity_core::record::{Draft, Header, Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{Kind, Marking, Onward, RecordId, Section, Tlp};
use comity_node::config::Limits;
use comity_node::engine::{Command, CommandError};
use comity_node::limits;
use comity_node::state::Bound;
use comity_tests::bench::{Answer, Bench, Make, Peer, advisory, fill, nobody, sign, signed};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::world::START;

/// A key that its economy grants later.
fn fresh() -> SecretKey {
    SecretKey::from_seed(&[77; 32])
}

#[test]
fn records_that_cannot_be_judged_have_a_bound() {
    let unknown_key = |by: &Economy, number: u64, bench: &Bench| {
        let by = Economy { author: fresh(), ..by.clone() };
        advisory(&by, &format!("by a new key {number}"), bench.now)
    };
    let mut bench = Bench::new();
    let (mut hostile, _, over) = fill(&mut bench, Bound::Pending, limits::PENDING, unknown_key);
    let waiting =
        |bench: &Bench| bench.state().records().filter(|(_, held)| held.facts.pending).count();
    assert_eq!(waiting(&bench) as u64, limits::PENDING + 1);

    // Once the key is granted, all that waited is judged, and there is room again.
    let by = hostile.economy.clone();
    let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let kinds = Kind::ALL.iter().copied();
    let grant = Grant::author(by.id, fresh().public(), kinds, Tlp::Red, from, until);
    let keyring = KeyringBuilder::follow(&by.keyring).grant(grant).sign(&[&by.root]);
    let body = keyring.expect("a keyring").encoded().to_vec();
    let (record, parts) = signed(Kind::Keyring, body, &by, &bench);
    bench.deliver(&mut hostile, &record, &parts);
    assert_eq!(waiting(&bench), 1, "that of the other partner");
    assert!(bench.state().reached(&by.id).next().is_none());
    bench.wait(Duration::from_secs(1));
    assert!(bench.engine().full(&by.id).next().is_none());
    let number = bench.deliver(&mut hostile, &over.0, &over.1);
    assert_eq!(bench.answer(&hostile, number), Answer::Acked);
}

#[test]
fn keyrings_that_cannot_be_judged_have_a_narrower_bound() {
    const AHEAD: Duration = Duration::from_secs(3600);
    let keyring = |by: &Economy, number: u64, bench: &Bench| {
        let at = bench.now.saturating_add(AHEAD + Duration::from_millis(number));
        let body = by.keyring.encoded().to_vec();
        let record = control(Kind::Keyring, body, Tlp::Clear, &by.author, by.id, at);
        (record.expect("a control record"), Vec::new())
    };
    let taken = limits::PENDING / limits::PENDING_KEYRING;
    let mut bench = Bench::new();
    let (hostile, ..) = fill(&mut bench, Bound::Pending, taken, keyring);
    bench.wait(AHEAD);
    assert!(bench.state().reached(&hostile.economy.id).next().is_none(), "they are judged");
}

#[test]
fn words_about_agreements_that_are_not_here_have_a_bound() {
    let acceptance = |by: &Economy, number: u64, bench: &Bench| {
        let body = AcceptanceBody { agreement: nobody(number) }.encode();
        signed(Kind::Acceptance, body, by, bench)
    };
    let mut bench = Bench::new();
    let (_, mut other, over) = fill(&mut bench, Bound::Early, limits::EARLY, acceptance);
    // Whoever passes on what others say does not wait for room that may never come.
    for number in 1..limits::EARLY {
        let (record, parts) = acceptance(&Economy::found(2), 1000 + number, &bench);
        let delivered = bench.deliver(&mut other, &record, &parts);
        assert_eq!(bench.answer(&other, delivered), Answer::Acked, "{number}");
    }
    let number = bench.deliver(&mut other, &over.0, &over.1);
    assert_eq!(bench.answer(&other, number), Answer::Rejected);
}

fn proposes(by: &Economy, number: u64, bench: &Bench) -> (VerifiedRecord, Vec<Part>) {
    let text =
        format!("format = 1\ntitle = \"Draft {number}\"\ntier = \"nda\"\nstarts = 2026-01-01\n");
    let body = AgreementBody::between(bench.node.economy.id, by.id, text).expect("two parties");
    signed(Kind::Agreement, body.encode(), by, bench)
}

fn says(bench: &mut Bench, kind: Kind, body: Vec<u8>) -> Result<RecordId, CommandError> {
    let (record, parts) = signed(kind, body, &bench.node.economy.clone(), bench);
    let (id, record) = (record.id(), Box::new(record));
    bench.command(Command::Publish { record, parts, title: String::new(), draft: None })?;
    Ok(id)
}

#[test]
fn proposals_that_nobody_answers_have_a_bound() {
    let mut bench = Bench::new();
    let (mut hostile, _, over) = fill(&mut bench, Bound::Proposals, limits::PROPOSALS, proposes);
    let by = hostile.economy.clone();
    let kept = |bench: &Bench| bench.state().kept_of(&by.id, Bound::Proposals);
    let open: Vec<_> = bench.state().agreements().iter().map(|(id, _)| *id).collect();

    // Whatever is answered makes room: accepted, declined, or taken back.
    let mine = bench.state().agreements().iter().filter(|(_, one)| one.partner == by.id);
    let mine: Vec<_> = mine.map(|(id, _)| *id).collect();
    let [accepted, declined, taken_back, ..] = mine[..] else { panic!("{open:?}") };
    let body = AcceptanceBody { agreement: accepted }.encode();
    says(&mut bench, Kind::Acceptance, body).expect("an acceptance");
    assert_eq!(kept(&bench), limits::PROPOSALS - 1);
    let ends = |agreement| TerminationBody { agreement, effective: START }.encode();
    says(&mut bench, Kind::Termination, ends(declined)).expect("an answer");
    let (record, parts) = signed(Kind::Termination, ends(taken_back), &by, &bench);
    bench.deliver(&mut hostile, &record, &parts);
    for _ in 0..2 {
        assert_eq!(kept(&bench), limits::PROPOSALS - 3);
        let agreements = bench.state().agreements();
        assert!(agreements.get(&accepted).expect("it is here").terms().is_some());
        for gone in [declined, taken_back] {
            let compact = agreements.get(&gone).expect("it is listed");
            assert!(compact.terms().is_none() && compact.title.starts_with("Draft"));
            assert!(bench.state().record(&gone).expect("it is here").body.is_none());
        }
        bench.restart();
    }
    bench.connect(&mut hostile);
    // Its end makes no further room: it was answered when it was accepted.
    says(&mut bench, Kind::Termination, ends(accepted)).expect("an end");
    assert_eq!(kept(&bench), limits::PROPOSALS - 3);
    let number = bench.deliver(&mut hostile, &over.0, &over.1);
    assert_eq!(bench.answer(&hostile, number), Answer::Acked);
}

#[test]
fn what_nobody_has_accepted_decides_nothing() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let by = peer.economy.clone();
    let before = bench.state().partners_version();
    let (proposal, parts) = proposes(&by, 1, &bench);
    bench.deliver(&mut peer, &proposal, &parts);
    let (declined, parts) = proposes(&by, 2, &bench);
    bench.deliver(&mut peer, &declined, &parts);
    let ends = TerminationBody { agreement: declined.id(), effective: START }.encode();
    says(&mut bench, Kind::Termination, ends).expect("an answer");
    assert_eq!(bench.state().partners_version(), before, "the policy is made anew");
    let body = AcceptanceBody { agreement: proposal.id() }.encode();
    says(&mut bench, Kind::Acceptance, body).expect("an acceptance");
    assert!(bench.state().partners_version() > before);
    let agreements = |bench: &Bench| {
        bench.state().policy().partner(&by.id).map_or(0, |partner| partner.agreements.len())
    };
    assert_eq!(agreements(&bench), 1);
    bench.restart();
    assert_eq!(agreements(&bench), 1);
}

#[test]
fn nobody_proposes_more_than_a_partner_keeps() {
    let mut bench = Bench::new();
    let peer = bench.pair(2);
    let (us, them) = (bench.node.economy.id, peer.economy.id);
    let propose = |bench: &mut Bench, number: u64| {
        let text =
            format!("format = 1\ntitle = \"{number}\"\ntier = \"nda\"\nstarts = 2026-01-01\n");
        let body = AgreementBody::between(us, them, text).expect("two parties");
        says(bench, Kind::Agreement, body.encode())
    };
    let mut first = None;
    for number in 0..limits::PROPOSALS {
        let proposed = propose(&mut bench, number).expect("there is room");
        first.get_or_insert(proposed);
    }
    let refused = propose(&mut bench, limits::PROPOSALS).expect_err("one too many").to_string();
    assert!(
        refused.contains("64 proposals") && refused.contains("agreement terminate"),
        "{refused}"
    );
    let agreement = first.expect("a proposal");
    says(&mut bench, Kind::Termination, TerminationBody { agreement, effective: START }.encode())
        .expect("it is taken back");
    propose(&mut bench, limits::PROPOSALS).expect("room again");
}

#[test]
fn whoever_is_put_off_again_hears_of_it() {
    let mut bench = Bench::new();
    let mut reader = bench.pair(2);
    bench.connect(&mut reader);
    bench.publish("a flaw");
    bench.wait(Duration::from_secs(1));
    for told in [0, 1, 1] {
        bench.control(reader.conn(), Peer::defer(1));
        assert_eq!(bench.alarms("put-off").len(), told);
        for _ in 0..2 {
            bench.wait(Duration::from_secs(60));
        }
    }
    assert!(bench.alarms("put-off")[0].contains("comity status"));
}

#[test]
fn what_this_version_does_not_read_has_a_bound() {
    const BYTES: usize = 60_000;
    let contact = |by: &Economy, number: u64, bench: &Bench| {
        let mut body = Writer::new();
        let mut content = vec![0; BYTES - 3];
        content[..8].copy_from_slice(&number.to_be_bytes());
        body.bytes(&content);
        signed(Kind::Contact, body.into_bytes(), by, bench)
    };
    let mut bench = Bench::new();
    let taken = limits::UNREAD_BYTES / BYTES as u64;
    fill_unread(&mut bench, taken, contact);
    let unread = bench.state().records().filter(|(_, held)| held.facts.kind == Kind::Contact);
    assert!(unread.into_iter().all(|(_, held)| held.body.is_none()), "it is on the disk only");
}

#[test]
fn introductions_that_nobody_confirms_have_a_bound() {
    const NAME: usize = 200;
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let by = peer.economy.clone();
    let introduces = |bench: &Bench, who: &Economy, number: u64| {
        let name = format!("{number:0NAME$}");
        let (keyring, to) = (who.keyring.encoded().to_vec(), bench.node.economy.id);
        let body = IntroductionBody { to, economy: who.id, keyring, name }.encode();
        signed(Kind::Introduction, body, &by, bench)
    };
    let kept = |bench: &Bench| bench.state().kept_of(&by.id, Bound::Unread);
    let known = Economy::found(8);
    let (mut number, mut taken) = (0, 0);
    loop {
        // Those of one economy add up like those of many.
        let who =
            if number % 2 == 0 { known.clone() } else { Economy::found(20 + (number % 200) as u8) };
        let (record, parts) = introduces(&bench, &who, number);
        let delivered = bench.deliver(&mut peer, &record, &parts);
        match bench.answer(&peer, delivered) {
            Answer::Acked => taken += record.manifest().body.as_ref().map_or(0, Vec::len) as u64,
            answer => break assert_eq!(answer, Answer::Deferred),
        }
        bench.heard(peer.conn());
        assert_eq!(kept(&bench), taken);
        number += 1;
    }
    assert!(taken > limits::UNREAD_BYTES / 10 * 9 && taken <= limits::UNREAD_BYTES);
    bench.restart();
    assert_eq!(kept(&bench), taken);
    // What the operator confirms had its effect.
    let change = PartnerChange::Introduced {
        name: "N8".to_owned(),
        keyring: known.keyring.encoded().to_vec(),
        by: by.id,
    };
    bench.command(Command::Partner { economy: known.id, change }).expect("an introduction");
    assert!(kept(&bench) < taken / 3 * 2, "{}", kept(&bench));
}

/// The bound is not hit exactly, so only what was put off says that it is reached.
fn fill_unread(bench: &mut Bench, taken: u64, make: Make) {
    let mut hostile = bench.pair(2);
    bench.connect(&mut hostile);
    for number in 0..=taken {
        let (record, parts) = make(&hostile.economy, number, bench);
        let delivered = bench.deliver(&mut hostile, &record, &parts);
        let answer = bench.answer(&hostile, delivered);
        let expected = if number < taken { Answer::Acked } else { Answer::Deferred };
        assert_eq!(answer, expected, "{number}");
    }
    let full: Vec<_> = bench.engine().full(&hostile.economy.id).collect();
    assert_eq!(full, [Bound::Unread]);
    let mut other = bench.pair(3);
    bench.connect(&mut other);
    let (record, parts) = make(&other.economy, 0, bench);
    let number = bench.deliver(&mut other, &record, &parts);
    assert_eq!(bench.answer(&other, number), Answer::Acked);
    bench.restart();
    bench.connect(&mut hostile);
    hostile.take_back(taken);
    let (record, parts) = make(&hostile.economy, taken, bench);
    let number = bench.deliver(&mut hostile, &record, &parts);
    assert_eq!(bench.answer(&hostile, number), Answer::Deferred);
}

#[test]
fn no_more_partners_are_paired_than_the_configuration_allows() {
    let mut bench = Bench::new();
    bench.limits = Some(Limits { partners: 2, ..Limits::default() });
    bench.restart();
    let first = bench.pair(2);
    bench.pair(3);
    let refused = bench.try_to_pair(4).err();
    assert_eq!(refused, Some(CommandError::TooManyPartners(2)));
    let text = refused.map(|error| error.to_string()).unwrap_or_default();
    assert!(text.contains("limits.partners") && text.contains("comity.toml"), "{text}");
    // A suspended partner is one, and one that is known may be paired anew.
    let economy = first.economy.id;
    let change = PartnerChange::Suspended;
    bench.command(Command::Partner { economy, change }).expect("a suspension");
    assert!(bench.try_to_pair(4).is_err());
    assert!(bench.try_to_pair(2).is_ok());
    bench.restart();
    assert!(bench.try_to_pair(4).is_err());
    let change = PartnerChange::Removed;
    bench.command(Command::Partner { economy, change }).expect("a removal");
    assert!(bench.try_to_pair(4).is_ok());
}

#[test]
fn a_partner_is_disconnected_after_as_many_faults_as_the_configuration_says() {
    for faults in [1, 3, 40] {
        let mut bench = Bench::new();
        bench.limits = Some(Limits { partners: 8, faults, ..Limits::default() });
        bench.restart();
        let (mut clumsy, mut other) = (bench.pair(2), bench.pair(3));
        let conn = bench.connect(&mut clumsy);
        let theirs = bench.connect(&mut other);
        for fault in 1..=faults {
            assert!(!bench.closed.contains_key(&conn), "after {fault} of {faults}");
            // A type that this version does not have.
            bench.control(conn, vec![0x82, 0x18, 0x63, 0xa0]);
        }
        let why = bench.closed.get(&conn).map(ToString::to_string).unwrap_or_default();
        assert!(bench.closed.contains_key(&conn), "{faults}");
        assert!(why.contains(&faults.to_string()), "{why}");
        assert!(!bench.closed.contains_key(&theirs));
        // It may come back.
        bench.connect(&mut clumsy);
        let (record, parts) = advisory(&clumsy.economy, "a flaw", bench.now);
        let number = bench.deliver(&mut clumsy, &record, &parts);
        assert_eq!(bench.answer(&clumsy, number), Answer::Acked);
    }
}

/// The last arrivals that the journal speaks of, and whether each has its line of the ledger.
fn lines(bench: &Bench) -> Vec<bool> {
    let entries = bench.node.entries().into_iter();
    let entries = entries.map(|entry| JournalEntry::decode(entry.kind, &entry.body).unwrap());
    let arrivals = entries.filter_map(|entry| match entry {
        JournalEntry::Arrival(arrival) => Some(arrival.entry.is_some()),
        _ => None,
    });
    arrivals.collect()
}

#[test]
fn what_comes_again_and_again_leaves_its_number_and_no_gap() {
    let mut bench = Bench::new();
    let mut hostile = bench.pair(2);
    bench.connect(&mut hostile);
    let (record, parts) = advisory(&hostile.economy, "once more", bench.now);
    for _ in 0..limits::REPEATS + 4 {
        let number = bench.deliver(&mut hostile, &record, &parts);
        assert_eq!(bench.answer(&hostile, number), Answer::Acked);
    }
    let kept = lines(&bench);
    assert_eq!(kept.len() as u64, limits::REPEATS + 3);
    assert_eq!(kept.iter().filter(|line| **line).count() as u64, limits::REPEATS);
    bench.restart();
    bench.connect(&mut hostile);
    let number = bench.deliver(&mut hostile, &record, &parts);
    assert_eq!(bench.answer(&hostile, number), Answer::Acked);
    assert_eq!(lines(&bench).last(), Some(&false));
    assert!(bench.alarms("no-room").is_empty());
}

#[test]
fn a_second_way_of_a_record_in_many_parts_is_no_repetition() {
    const PARTS: u64 = limits::REPEATS + 8;
    let mut bench = Bench::new();
    let (mut origin, mut relay) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut origin);
    bench.connect(&mut relay);
    let mut draft = Draft::new(Kind::Advisory);
    for number in 0..PARTS {
        let marking = Some(Marking::new(Tlp::Clear));
        let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
        draft.parts.push((header, format!("part {number}").into_bytes()));
    }
    let (record, parts) = sign(draft, &origin.economy, bench.now);
    bench.deliver(&mut origin, &record, &parts);
    for part in &parts {
        let number = bench.deliver(&mut relay, &record, std::slice::from_ref(part));
        assert_eq!(bench.answer(&relay, number), Answer::Acked);
    }
    assert_eq!(lines(&bench).iter().filter(|line| **line).count() as u64, PARTS);
}

#[test]
fn a_record_that_grows_part_by_part_has_one_place_among_the_arrivals() {
    const PARTS: usize = 40;
    let mut bench = Bench::new();
    let (mut slow, mut other) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut slow);
    let conn = bench.connect(&mut other);
    let mut draft = Draft::new(Kind::Advisory);
    let mut marking = Marking::new(Tlp::Clear);
    marking.onward = Onward::WithinMarking;
    for number in 0..PARTS {
        let marking = Some(marking.clone());
        let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
        draft.parts.push((header, format!("part {number}").into_bytes()));
    }
    let (record, parts) = sign(draft, &slow.economy, bench.now);
    for part in &parts {
        let number = bench.deliver(&mut slow, &record, std::slice::from_ref(part));
        assert_eq!(bench.answer(&slow, number), Answer::Acked);
    }
    let mut places = 0;
    let mut place = 0;
    while let Some((at, arrived)) = bench.state().arrival(place) {
        places += usize::from(arrived == record.id());
        place = at + 1;
    }
    assert_eq!(places, 1);
    // And yet every part was passed on.
    bench.wait(Duration::from_secs(1));
    let passed = bench.delivered(conn);
    assert_eq!(passed.iter().filter(|one| **one == record.id()).count(), PARTS);
}
