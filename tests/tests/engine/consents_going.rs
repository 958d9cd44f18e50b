//! What goes by a consent goes again after a new one, and what needs none does not wait for it; what a consent
//! asks for binds who has something by it.

use std::time::Duration;

use comity_core::consent::{ConsentBody, ConsentGrant, ConsentRefusal};
use comity_core::journal::Standing;
use comity_core::keyring::{Grant, KeyringBuilder};
use comity_core::ledger::Obligations;
use comity_core::policy::{Lifecycle, Recipient, Source, decide};
use comity_core::record::{Draft, Header, Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{Kind, Marking, Onward, PartDigest, RecordId, Section, Tlp};
use comity_node::config::Retention;
use comity_tests::bench::{Answer, Peer, nobody, sign};
use comity_tests::sim::economy::Economy;

use super::consents::{Incident, World, for_fj, says};

/// How often FJ was sent this.
fn times(world: &mut World, record: RecordId) -> usize {
    let [_, fj, _] = world.given();
    fj.iter().filter(|id| **id == record).count()
}

/// FJ holds everything that it was given.
fn fj_holds_all(world: &mut World) {
    world.given();
    let last = world.bench.state().partner(&world.fj.economy.id).unwrap().out.head().number;
    world.bench.control(world.fj.conn(), Peer::ack(last));
    world.given();
}

/// The last number under which FJ was sent this.
fn number_of(world: &World, record: RecordId) -> u64 {
    let out = &world.bench.state().partner(&world.fj.economy.id).unwrap().out;
    let mut lines = out.entries().rev().filter_map(|line| line.entry.as_ref());
    lines.find(|entry| entry.record == record).expect("it was sent").number
}

#[test]
fn what_was_refused_for_want_of_a_consent_goes_again_by_the_next() {
    let mut world = World::new();
    let (incident, ask) = world.asked();
    let id = incident.record.id();
    let first = world.grant(&incident, ask);
    let grant = world.jp_grants(first.clone());
    fj_holds_all(&mut world);
    assert_eq!(times(&mut world, id), 1);
    // JP takes it back, and FJ hears of that before it has the record.
    world.jp_withdraws(grant.id());
    let number = number_of(&world, id);
    world.bench.control(world.fj.conn(), Peer::reject(number));
    fj_holds_all(&mut world);
    assert_eq!(times(&mut world, id), 1, "a refusal is final");
    let until = world.later().saturating_add(Duration::from_secs(1));
    world.jp_grants(ConsentGrant { until, ..first.clone() });
    assert_eq!(times(&mut world, id), 1, "it waits for the new consent");
    fj_holds_all(&mut world);
    assert_eq!(times(&mut world, id), 2);
    // What is refused under this very consent is not sent for ever.
    let number = number_of(&world, id);
    world.bench.control(world.fj.conn(), Peer::reject(number));
    fj_holds_all(&mut world);
    assert_eq!(times(&mut world, id), 2);
    let out = |world: &World| {
        let out = &world.bench.state().partner(&world.fj.economy.id).unwrap().out;
        out.sent(&id)
    };
    assert_eq!(out(&world), Some([incident.one].into()));
    world.bench.restart();
    assert_eq!(out(&world), Some([incident.one].into()));
}

/// JP's record for everybody, with a part that goes to FJ anyway and one that does not.
fn half_open(world: &World) -> (VerifiedRecord, Vec<Part>, [PartDigest; 2]) {
    let mut draft = Draft::new(Kind::Incident);
    for (section, tlp) in [(Section::Summary, Tlp::Clear), (Section::Detail, Tlp::Amber)] {
        let marking = Some(Marking::new(tlp));
        let header = Header { marking, ..Header::new(section, "text/plain") };
        draft.parts.push((header, section.to_string().into_bytes()));
    }
    let (record, parts) = sign(draft, &world.jp.economy, world.bench.now);
    let find = |section| parts.iter().find(|part| part.header.section == section).unwrap().digest;
    let both = [find(Section::Summary), find(Section::Detail)];
    (record, parts, both)
}

#[test]
fn what_needs_no_consent_does_not_wait_for_one() {
    let mut world = World::new();
    let (record, parts, [open, closed]) = half_open(&world);
    let mut given = vec![open, closed];
    given.sort_unstable();
    let grant = ConsentGrant {
        record: record.id(),
        parts: given.clone(),
        asker: world.kr.id,
        grantee: world.fj.economy.id,
        ask: nobody(1),
        until: world.later(),
        terms: Obligations::default(),
    };
    let grant = world.jp_grants(grant);
    world.bench.deliver(&mut world.jp, &record, &parts);
    let sent = |world: &World| {
        let out = &world.bench.state().partner(&world.fj.economy.id).unwrap().out;
        out.sent(&record.id())
    };
    let [_, fj, _] = world.given();
    assert!(fj.contains(&grant.id()), "the consent is shown");
    assert_eq!(sent(&world), Some([open].into()), "the rest waits for it");
    let number = number_of(&world, grant.id());
    world.bench.control(world.fj.conn(), Peer::reject(number));
    assert_eq!(world.bench.alarms("consent-refused").len(), 1, "somebody is told");
    assert_eq!(sent(&world), Some([open].into()));
    // Where it is held, the rest goes as well.
    let until = world.later().saturating_add(Duration::from_secs(1));
    let says = world.bench.state().consents().grant(&grant.id()).unwrap().says.clone();
    world.jp_grants(ConsentGrant { until, ..says });
    fj_holds_all(&mut world);
    world.given();
    assert_eq!(sent(&world), Some(given.into_iter().collect()));
}

#[test]
fn nobody_finds_out_by_consents_which_records_are_here() {
    let mut world = World::new();
    let (incident, _) = world.asked();
    let nz = world.nz.economy.clone();
    let (now, fj) = (world.bench.now, world.fj.economy.id);
    let absent =
        Incident::of(&world.jp.economy, world.kr.id, now.saturating_add(Duration::from_secs(1)));
    let mut answers = Vec::new();
    for record in [&incident.record, &absent.record] {
        let grant = ConsentGrant {
            record: record.id(),
            asker: fj,
            grantee: world.kr.id,
            ..world.grant(&incident, nobody(1))
        };
        let passed_on = ConsentGrant { asker: world.kr.id, grantee: fj, ..grant.clone() };
        let (asker, reason) = (world.kr.id, "no".to_owned());
        let refusal = ConsentRefusal { record: record.id(), asker, ask: nobody(2), reason };
        let words = [
            ConsentBody::Grant(grant),
            ConsentBody::Grant(passed_on),
            ConsentBody::Refusal(refusal),
        ];
        let words = words.map(|body| says(&body, &nz, now));
        let mut tried = Vec::new();
        for word in words.iter().chain([record]) {
            let number = world.bench.deliver(&mut world.nz, word, &[]);
            tried.push(world.bench.answer(&world.nz, number));
        }
        answers.push(tried);
    }
    assert_eq!(answers[0], answers[1], "here, and not here");
    assert_eq!(answers[0].last(), Some(&Answer::Rejected), "a manifest says nothing to anybody");
    assert!(world.fj_may_have(&incident).is_empty(), "and they open nothing");
}

#[test]
fn a_grant_that_its_origin_replaces_opens_nothing_from_then_on() {
    let mut world = World::new();
    let (incident, ask) = world.asked();
    let grant = world.grant(&incident, ask);
    let grant = world.jp_grants(grant);
    assert_eq!(world.fj_may_have(&incident), [incident.one]);
    let mut draft = Draft::new(Kind::Incident);
    draft.supersedes = vec![grant.id()];
    let marking = Some(Marking::new(Tlp::Clear));
    let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"a mistake".to_vec()));
    let (record, parts) = sign(draft, &world.jp.economy, world.bench.now);
    world.bench.deliver(&mut world.jp, &record, &parts);
    let replaced = world.bench.state().record(&grant.id()).unwrap();
    assert_eq!(replaced.facts.lifecycle, Lifecycle::Superseded);
    assert!(world.fj_may_have(&incident).is_empty(), "at once");
    world.restart();
    assert!(world.fj_may_have(&incident).is_empty());
}

#[test]
fn what_a_consent_asks_for_binds_whatever_the_asker_says() {
    let mut world = World::new();
    let (incident, mut grant) = for_fj(&world);
    grant.terms =
        Obligations { onward: Onward::None, retention_days: Some(30), ..Obligations::default() };
    world.jp_grants(grant);
    let (id, one) = (incident.record.id(), incident.only(incident.one));
    assert_eq!(world.fj.obligations, Obligations::unbound(), "FJ leaves it out");
    world.bench.deliver(&mut world.fj, &incident.record, &one);
    for _ in 0..2 {
        let held = world.bench.state().record(&id).expect("it is here");
        let Source::From { obligations, .. } = &held.facts.source else { unreachable!() };
        assert_eq!((obligations.onward, obligations.retention_days), (Onward::None, Some(30)));
        let shown = |to: &Recipient| {
            let policy = world.bench.state().policy();
            decide(policy, &held.facts, &held.parts[0], to, world.bench.now).is_release()
        };
        assert!(shown(&Recipient::LocalRole { role: "duty".to_owned() }));
        assert!(!shown(&Recipient::Constituent { name: "a bank".to_owned() }));
        world.restart();
    }
    // What it brings again is no looser for that.
    world.bench.deliver(&mut world.fj, &incident.record, &one);
    let held = world.bench.state().record(&id).expect("it is here");
    assert!(held.parts.iter().all(|part| part.sources.is_empty()), "nothing new binds");
}

/// Whoever asked brings the record first, and the consent after it: what its origin asks for binds all the same.
#[test]
fn what_a_consent_asks_for_binds_what_came_before_it() {
    for (consent_first, author_last) in [(true, false), (false, false), (false, true)] {
        let mut world = World::new();
        let jp = world.jp.economy.clone();
        // A key of which nobody has heard when the record comes.
        let key = SecretKey::from_seed(&[77; 32]);
        let (since, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
        let grant = Grant::author(jp.id, key.public(), [Kind::Incident], Tlp::Amber, since, until);
        let granted = KeyringBuilder::follow(&jp.keyring).grant(grant).sign(&[&jp.root]).unwrap();
        let author = if author_last { key } else { jp.author.clone() };
        let author = Economy { author, ..jp.clone() };
        let mut draft = Draft::new(Kind::Incident);
        let marking = Some(Marking::new(Tlp::Amber));
        let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
        draft.parts.push((header, b"a flaw".to_vec()));
        let (record, parts) = sign(draft, &author, world.bench.now);
        let (id, part) = (record.id(), parts[0].digest);
        let (asker, grantee) = (world.fj.economy.id, world.kr.id);
        let terms = Obligations {
            onward: Onward::None,
            retention_days: Some(30),
            ..Obligations::default()
        };
        let until = world.later();
        let ask = RecordId([9; 32]);
        let grant =
            ConsentGrant { record: id, parts: vec![part], asker, grantee, ask, until, terms };
        if consent_first {
            world.jp_grants(grant.clone());
        }
        let came = world.bench.now;
        world.bench.deliver(&mut world.fj, &record, &parts);
        if !consent_first {
            world.jp_grants(grant);
        }
        assert_eq!(world.bench.state().record(&id).unwrap().facts.pending, author_last);
        if author_last {
            let body = granted.encoded().to_vec();
            let now = world.bench.now;
            let said = control(Kind::Keyring, body, Tlp::Clear, &jp.author, jp.id, now).unwrap();
            world.bench.deliver(&mut world.jp, &said, &[]);
        }
        assert!(world.bench.state().record(&id).unwrap().is_accepted());
        for _ in 0..2 {
            let held = world.bench.state().record(&id).expect("it is here");
            let bank = Recipient::Constituent { name: "a bank".to_owned() };
            let policy = world.bench.state().policy();
            let shown = decide(policy, &held.facts, &held.parts[0], &bank, world.bench.now);
            assert!(!shown.is_release(), "{consent_first} {author_last}");
            let due = world.bench.state().term_of(held, &held.parts[0], &Retention::default());
            let days = Duration::from_secs(30 * 86_400);
            assert_eq!(
                due.map(|due| due.at),
                Some(came.saturating_add(days)),
                "{consent_first} {author_last}"
            );
            world.restart();
        }
    }
}

#[test]
fn of_what_is_here_no_part_comes_by_a_consent_that_nobody_can_believe() {
    let mut world = World::new();
    let (incident, grant) = for_fj(&world);
    let (jp, id) = (world.jp.economy.clone(), incident.record.id());
    let more = ConsentGrant { parts: vec![incident.two], ..grant.clone() };
    world.jp_grants(grant);
    let (one, two) = (incident.only(incident.one), incident.only(incident.two));
    world.bench.deliver(&mut world.fj, &incident.record, &one);
    assert_eq!(world.bench.state().record(&id).unwrap().standing, Standing::Accepted);
    // One that is made up, and one that comes before its time.
    let invented = Economy { author: SecretKey::from_seed(&[77; 32]), ..jp.clone() };
    let soon = world.bench.now.saturating_add(Duration::from_secs(700));
    for waits in [
        says(&ConsentBody::Grant(more.clone()), &invented, world.bench.now),
        says(&ConsentBody::Grant(more), &jp, soon),
    ] {
        world.bench.deliver(&mut world.fj, &waits, &[]);
        let number = world.bench.deliver(&mut world.fj, &incident.record, &two);
        assert_eq!(world.bench.answer(&world.fj, number), Answer::Rejected);
        assert!(!world.bench.state().record(&id).unwrap().has_part(&incident.two));
        let lacking = world.bench.state().lacking(&world.fj.economy.id, &jp.id);
        assert!(lacking.contains(&number), "it is asked for again");
    }
    world.bench.wait(Duration::from_secs(200));
    let number = world.bench.deliver(&mut world.fj, &incident.record, &two);
    assert_eq!(world.bench.answer(&world.fj, number), Answer::Acked, "it is believed by now");
    assert!(world.bench.state().record(&id).unwrap().has_part(&incident.two));
}
