//! What is said about consent has a bound: to the account of who says it, and while nobody can believe it, of
//! who brings it.

use std::time::Duration;

use comity_core::consent::{ConsentAsk, ConsentBody, ConsentGrant, ConsentRefusal};
use comity_core::ledger::Obligations;
use comity_core::policy::Lifecycle;
use comity_core::record::{AddresseeDraft, Draft, Header, Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::work;
use comity_core::{EconomyId, Kind, Marking, PartDigest, RecordId, Section, Timestamp, Tlp};
use comity_node::limits::{ASKS, CONSENT_BYTES, CONSENTS_ABOUT_ONE, CONSENTS_UNBELIEVED};
use comity_node::state::Bound;
use comity_tests::bench::{Answer, Bench, Peer, fill, nobody, sign, signed};
use comity_tests::sim::economy::Economy;

use super::consents::{HOUR, World, enter, ours, says};

const NOBODY: EconomyId = EconomyId([99; 32]);
/// How far ahead of its time what waits is signed, and how long it waits.
const AHEAD: Duration = Duration::from_secs(700);
const LONG: Duration = Duration::from_secs(200);

/// Lets us pass as many parts as there may be on to nobody: 35 KB.
fn large(about: u64, until: Timestamp) -> ConsentGrant {
    let part = |number: u64| PartDigest(nobody(number).0);
    ConsentGrant {
        record: nobody(about),
        parts: (0..1024).map(part).collect(),
        asker: Economy::found(1).id,
        grantee: NOBODY,
        ask: nobody(0),
        until,
        terms: Obligations::default(),
    }
}

fn many() -> u64 {
    let bytes = ConsentBody::Grant(large(0, Timestamp::EPOCH)).encode().len() as u64;
    CONSENT_BYTES.div_ceil(bytes)
}

fn kept(bench: &Bench, of: &Peer) -> u64 {
    bench.state().kept_of(&of.economy.id, Bound::Consents)
}

/// The answer to what a partner brings.
fn brought(bench: &mut Bench, by: &mut Peer, record: &VerifiedRecord) -> Answer {
    let number = bench.deliver(by, record, &[]);
    bench.answer(by, number)
}

fn signed_at(body: &ConsentBody, by: &Economy, key: &SecretKey, at: Timestamp) -> VerifiedRecord {
    control(Kind::Consent, body.encode(), Tlp::AmberStrict, key, by.id, at).unwrap()
}

#[test]
fn words_about_consent_have_a_bound() {
    let make = |by: &Economy, number: u64, bench: &Bench| {
        let body = ConsentBody::Grant(large(number, bench.now.saturating_add(HOUR)));
        signed(Kind::Consent, body.encode(), by, bench)
    };
    let mut bench = Bench::new();
    let (mut hostile, _, over) = fill(&mut bench, Bound::Consents, many(), make);
    assert!(kept(&bench, &hostile) >= CONSENT_BYTES);
    // A day after their time is over they count no more, and say still what they said.
    bench.wait(Duration::from_secs(26 * 3600));
    bench.publish("time goes on");
    assert_eq!(kept(&bench, &hostile), 0);
    bench.restart();
    assert_eq!(kept(&bench, &hostile), 0);
    bench.connect(&mut hostile);
    assert_eq!(brought(&mut bench, &mut hostile, &over.0), Answer::Acked);
    assert_eq!(bench.state().consents().grants().count() as u64, many() + 2);
}

#[test]
fn words_in_another_s_name_are_to_the_account_of_who_brings_them() {
    let mut world = World::new();
    let (jp, invented) = (world.jp.economy.clone(), SecretKey::from_seed(&[77; 32]));
    let (us, fj, later) = (world.kr.id, world.fj.economy.id, world.later());
    for number in 0..=many() {
        let grant = ConsentGrant { asker: fj, grantee: us, ..large(number, later) };
        let forged = signed_at(&ConsentBody::Grant(grant), &jp, &invented, world.bench.now);
        let answer = brought(&mut world.bench, &mut world.fj, &forged);
        let full = number + 1 >= many();
        assert_eq!(answer, if full { Answer::Deferred } else { Answer::Acked }, "{number}");
    }
    for _ in 0..2 {
        assert_eq!(kept(&world.bench, &world.jp), 0);
        assert!(kept(&world.bench, &world.fj) > CONSENT_BYTES / 10 * 9);
        world.restart();
    }
    let (incident, ask) = world.asked();
    let grant = world.grant(&incident, ask);
    world.jp_grants(grant);
    assert_eq!(world.fj_may_have(&incident), [incident.one]);
    assert!(kept(&world.bench, &world.jp) > 0, "its own words are to its own account");
}

/// An AMBER incident of many parts, for FJ.
fn of_many_parts(world: &World, key: &SecretKey) -> (VerifiedRecord, Vec<Part>, Vec<PartDigest>) {
    let mut jp = world.jp.economy.clone();
    jp.author = SecretKey::from_seed(key.seed());
    let mut draft = Draft::new(Kind::Incident);
    for number in 0..200 {
        let marking = Some(Marking::new(Tlp::Amber));
        let header = Header { marking, ..Header::new(Section::Detail, "text/plain") };
        draft.parts.push((header, format!("part {number}").into_bytes()));
    }
    draft.addressees.push(AddresseeDraft::new(world.fj.economy.id, (0..200).collect()));
    let (record, mut parts) = sign(draft, &jp, world.bench.now);
    parts.retain(|part| part.header.section == Section::Detail);
    let mut digests: Vec<_> = parts.iter().map(|part| part.digest).collect();
    digests.sort_unstable();
    (record, parts, digests)
}

#[test]
fn of_grants_that_nobody_can_believe_few_about_one_record_are_kept() {
    let mut world = World::new();
    let (jp, invented) = (world.jp.economy.clone(), SecretKey::from_seed(&[77; 32]));
    let (record, parts, digests) = of_many_parts(&world, &invented);
    let grant = |after: u64| ConsentGrant {
        record: record.id(),
        parts: digests.clone(),
        asker: world.fj.economy.id,
        grantee: world.kr.id,
        ask: nobody(after),
        until: world.later(),
        terms: Obligations::default(),
    };
    let forged: Vec<_> = (0..40).map(|after| ConsentBody::Grant(grant(after))).collect();
    let good = says(&forged[0], &jp, world.bench.now);
    for (number, body) in forged.iter().enumerate() {
        let forged = signed_at(body, &jp, &invented, world.bench.now);
        let answer = brought(&mut world.bench, &mut world.fj, &forged);
        let kept = number < CONSENTS_UNBELIEVED;
        assert_eq!(answer, if kept { Answer::Acked } else { Answer::Rejected }, "{number}");
    }
    assert_eq!(world.bench.state().consents().grants().count(), CONSENTS_UNBELIEVED);
    work::done();
    let number = world.bench.deliver(&mut world.fj, &record, &parts);
    assert_eq!(world.bench.answer(&world.fj, number), Answer::Acked, "it waits");
    let steps = work::done();
    // Whether it is for us, and whether it has to wait.
    let most = 2 * CONSENTS_UNBELIEVED * parts.len();
    assert!(steps <= most as u64, "{steps} steps for {} parts", parts.len());
    // What is believed has nothing to do with them.
    assert_eq!(brought(&mut world.bench, &mut world.jp, &good), Answer::Acked);
    assert!(world.bench.state().says_still(&good.id()));
}

/// How many of these are accepted, and how many wait.
fn counts(bench: &Bench, words: &[RecordId]) -> (usize, usize) {
    let held = || words.iter().filter_map(|id| bench.state().record(id));
    let accepted = held().filter(|held| held.is_accepted()).count();
    (accepted, held().filter(|held| held.facts.pending).count())
}

#[test]
fn asks_that_are_signed_ahead_of_their_time_have_the_same_bound() {
    let mut world = World::new();
    let incident = ours(&mut world);
    let (us, fj, jp) = (world.kr.id, world.fj.economy.id, world.jp.economy.clone());
    let at = world.bench.now.saturating_add(AHEAD);
    let ConsentBody::Ask(ask) = world.ask_of(&incident, us, &[fj]) else { unreachable!() };
    let mut asks = Vec::new();
    for number in 0..ASKS + 6 {
        let ask = ConsentAsk { why: format!("the flaw {number}"), ..ask.clone() };
        let ask = signed_at(&ConsentBody::Ask(ask), &jp, &jp.author, at);
        assert_eq!(brought(&mut world.bench, &mut world.jp, &ask), Answer::Acked);
        asks.push(ask.id());
    }
    let all = usize::try_from(ASKS).unwrap();
    assert_eq!(counts(&world.bench, &asks), (0, all + 6));
    world.bench.wait(LONG);
    for _ in 0..2 {
        assert_eq!(counts(&world.bench, &asks), (all, 6), "no more of them count");
        world.restart();
    }
    // Where one is answered, the next counts.
    let open = world.bench.state().asks_of_us().next().expect("an ask");
    let (record, reason) = (incident.record.id(), "no".to_owned());
    let refusal = ConsentRefusal { record, asker: jp.id, ask: open, reason };
    let refusal = says(&ConsentBody::Refusal(refusal), &world.kr, world.bench.now);
    enter(&mut world.bench, refusal, Vec::new()).unwrap();
    for _ in 0..2 {
        assert_eq!(counts(&world.bench, &asks), (all + 1, 5));
        assert_eq!(world.bench.state().kept_of(&jp.id, Bound::Asks), ASKS);
        world.restart();
    }
}

#[test]
fn grants_that_are_signed_ahead_of_their_time_have_the_same_bounds() {
    let mut world = World::new();
    let (jp, later) = (world.jp.economy.clone(), world.later());
    let at = world.bench.now.saturating_add(AHEAD);
    let mut grants = Vec::new();
    let mut grant = |world: &mut World, grant: ConsentGrant, at: Timestamp| {
        let record = signed_at(&ConsentBody::Grant(grant), &jp, &jp.author, at);
        assert_eq!(brought(&mut world.bench, &mut world.jp, &record), Answer::Acked);
        grants.push(record.id());
    };
    // Some that count at once, and more than there is room for that wait.
    let (now, half) = (world.bench.now, many() / 2);
    for number in 0..half {
        grant(&mut world, large(number, later), now);
    }
    for number in 0..many() - 1 {
        grant(&mut world, large(1000 + number, later), at);
    }
    world.bench.wait(LONG);
    let [all, over] = [many(), half - 1].map(|count| usize::try_from(count).unwrap());
    for _ in 0..2 {
        assert_eq!(counts(&world.bench, &grants), (all, over), "they have room together");
        world.restart();
    }
    // One is taken back, and the next has room.
    world.jp_withdraws(grants[0]);
    for _ in 0..2 {
        assert_eq!(counts(&world.bench, &grants), (all + 1, over - 1));
        world.restart();
    }
}

#[test]
fn consents_about_one_record_have_a_bound_however_they_come() {
    let mut world = World::new();
    let (jp, later) = (world.jp.economy.clone(), world.later());
    let grant = |number: u64| {
        let parts = vec![PartDigest([1; 32])];
        ConsentBody::Grant(ConsentGrant { ask: nobody(number), parts, ..large(1, later) })
    };
    let at = world.bench.now.saturating_add(AHEAD);
    // Of those that wait there are no more than of any that nobody can believe.
    let mut ahead = Vec::new();
    for number in 0..=CONSENTS_UNBELIEVED as u64 {
        let record = signed_at(&grant(number), &jp, &jp.author, at);
        let answer = brought(&mut world.bench, &mut world.jp, &record);
        let waits = number < CONSENTS_UNBELIEVED as u64;
        assert_eq!(answer, if waits { Answer::Acked } else { Answer::Deferred });
        ahead.extend(waits.then(|| record.id()));
    }
    world.jp.take_back(world.jp.head.number - 1);
    let (now, few) = (world.bench.now, 4);
    let mut said = Vec::new();
    for number in 0..CONSENTS_ABOUT_ONE - few {
        let record = signed_at(&grant(1000 + number as u64), &jp, &jp.author, now);
        assert_eq!(brought(&mut world.bench, &mut world.jp, &record), Answer::Acked);
        said.push(record.id());
    }
    world.bench.wait(LONG);
    assert_eq!(counts(&world.bench, &ahead), (few, CONSENTS_UNBELIEVED - few));
    let record = signed_at(&grant(9999), &jp, &jp.author, now);
    assert_eq!(brought(&mut world.bench, &mut world.jp, &record), Answer::Deferred);
    world.jp.take_back(world.jp.head.number - 1);
    world.jp_withdraws(said[0]);
    let lifecycle = |id| world.bench.state().record(id).unwrap().facts.lifecycle;
    assert_eq!(lifecycle(&said[0]), Lifecycle::Withdrawn);
    assert_eq!(counts(&world.bench, &ahead), (few + 1, CONSENTS_UNBELIEVED - few - 1));
}
