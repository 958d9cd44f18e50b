//! Consents in one node, in each of the three places: who asks, whose record it is, who is to have it.

use std::time::Duration;

use comity_core::consent::{ConsentAsk, ConsentBody, ConsentGrant, ConsentRefusal};
use comity_core::control::{AcceptanceBody, AgreementBody, WithdrawalBody};
use comity_core::journal::Standing;
use comity_core::keyring::{Grant, KeyringBuilder, Revocation};
use comity_core::ledger::Obligations;
use comity_core::record::{AddresseeDraft, Draft, Header, Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{EconomyId, Kind, Marking, PartDigest, RecordId, Section, Timestamp, Tlp};
use comity_node::engine::{Command, CommandError};
use comity_node::limits::ASKS;
use comity_node::state::Bound;
use comity_tests::bench::{Answer, Bench, Peer, sign};
use comity_tests::sim::economy::Economy;

pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// KR is the node; the others are its partners, and connected.
pub(super) struct World {
    pub(super) bench: Bench,
    pub(super) kr: Economy,
    pub(super) jp: Peer,
    pub(super) fj: Peer,
    pub(super) nz: Peer,
}

/// An AMBER incident with two parts, for somebody.
pub(super) struct Incident {
    pub(super) record: VerifiedRecord,
    pub(super) parts: Vec<Part>,
    pub(super) one: PartDigest,
    pub(super) two: PartDigest,
}

impl Incident {
    pub(super) fn of(by: &Economy, to: EconomyId, now: Timestamp) -> Self {
        let mut draft = Draft::new(Kind::Incident);
        for section in [Section::Summary, Section::Detail] {
            let marking = Some(Marking::new(Tlp::Amber));
            let header = Header { marking, ..Header::new(section, "text/plain") };
            draft.parts.push((header, section.to_string().into_bytes()));
        }
        draft.addressees.push(AddresseeDraft::new(to, vec![0, 1]));
        let (record, parts) = sign(draft, by, now);
        let find = |section| parts.iter().find(|part| part.header.section == section).unwrap();
        let (one, two) = (find(Section::Summary).digest, find(Section::Detail).digest);
        Self { record, parts, one, two }
    }

    /// The part with this digest alone.
    pub(super) fn only(&self, digest: PartDigest) -> Vec<Part> {
        self.parts.iter().filter(|part| part.digest == digest).cloned().collect()
    }
}

pub(super) fn says(body: &ConsentBody, by: &Economy, at: Timestamp) -> VerifiedRecord {
    control(Kind::Consent, body.encode(), Tlp::AmberStrict, &by.author, by.id, at).unwrap()
}

fn agree(bench: &mut Bench, peer: &mut Peer) {
    let text = "format = 1\ntitle = \"NDA\"\ntier = \"nda\"\nstarts = 2026-01-01\n".to_owned();
    let (by, ours) = (peer.economy.clone(), bench.node.economy.clone());
    let body = AgreementBody::between(ours.id, by.id, text).unwrap().encode();
    let proposal = control(Kind::Agreement, body, Tlp::Clear, &by.author, by.id, bench.now);
    let proposal = proposal.unwrap();
    bench.deliver(peer, &proposal, &[]);
    let body = AcceptanceBody { agreement: proposal.id() }.encode();
    let record = control(Kind::Acceptance, body, Tlp::Clear, &ours.author, ours.id, bench.now);
    enter(bench, record.unwrap(), Vec::new()).unwrap();
}

pub(super) fn enter(
    bench: &mut Bench,
    record: VerifiedRecord,
    parts: Vec<Part>,
) -> Result<RecordId, CommandError> {
    let id = record.id();
    let (record, title) = (Box::new(record), String::new());
    bench.command(Command::Publish { record, parts, title, draft: None }).map(|_| id)
}

impl World {
    pub(super) fn new() -> Self {
        let mut bench = Bench::new();
        let kr = bench.node.economy.clone();
        let [mut jp, mut fj, mut nz] = [2, 3, 4].map(|number| bench.pair(number));
        for peer in [&mut jp, &mut fj, &mut nz] {
            bench.connect(peer);
            agree(&mut bench, peer);
        }
        Self { bench, kr, jp, fj, nz }
    }

    pub(super) fn later(&self) -> Timestamp {
        self.bench.now.saturating_add(HOUR)
    }

    pub(super) fn given(&mut self) -> [Vec<RecordId>; 3] {
        self.bench.wait(Duration::from_secs(1));
        [&self.jp, &self.fj, &self.nz].map(|peer| self.bench.delivered(peer.conn()))
    }

    /// What FJ may have of a record now.
    pub(super) fn fj_may_have(&self, incident: &Incident) -> Vec<PartDigest> {
        self.may_have(incident, &self.fj)
    }

    pub(super) fn may_have(&self, incident: &Incident, who: &Peer) -> Vec<PartDigest> {
        let held = self.bench.state().record(&incident.record.id()).expect("it is here");
        self.bench.state().plan(held, &who.economy.id, self.bench.now).releases().to_vec()
    }

    /// JP's incident for KR, which asks that FJ may have it.
    pub(super) fn asked(&mut self) -> (Incident, RecordId) {
        let jp = self.jp.economy.clone();
        let incident = Incident::of(&jp, self.kr.id, self.bench.now);
        self.bench.deliver(&mut self.jp, &incident.record, &incident.parts);
        let ask = self.ask_of(&incident, jp.id, &[self.fj.economy.id]);
        let ask = says(&ask, &self.kr, self.bench.now);
        let id = enter(&mut self.bench, ask, Vec::new()).unwrap();
        (incident, id)
    }

    pub(super) fn ask_of(
        &self,
        incident: &Incident,
        origin: EconomyId,
        to: &[EconomyId],
    ) -> ConsentBody {
        let mut parts = vec![incident.one, incident.two];
        parts.sort_unstable();
        let mut recipients = to.to_vec();
        recipients.sort_unstable();
        let (record, why) = (incident.record.id(), "the same flaw".to_owned());
        ConsentBody::Ask(ConsentAsk { record, parts, origin, recipients, why, until: None })
    }

    /// What lets FJ have the first part by KR, until in an hour.
    pub(super) fn grant(&self, incident: &Incident, ask: RecordId) -> ConsentGrant {
        ConsentGrant {
            record: incident.record.id(),
            parts: vec![incident.one],
            asker: self.kr.id,
            grantee: self.fj.economy.id,
            ask,
            until: self.later(),
            terms: Obligations::default(),
        }
    }

    /// JP says it.
    pub(super) fn jp_grants(&mut self, grant: ConsentGrant) -> VerifiedRecord {
        let jp = self.jp.economy.clone();
        let record = says(&ConsentBody::Grant(grant), &jp, self.bench.now);
        self.bench.deliver(&mut self.jp, &record, &[]);
        record
    }

    pub(super) fn jp_withdraws(&mut self, target: RecordId) -> RecordId {
        let jp = self.jp.economy.clone();
        let body = WithdrawalBody::of(vec![target]).unwrap().encode();
        let record = control(Kind::Withdrawal, body, Tlp::Clear, &jp.author, jp.id, self.bench.now);
        let record = record.unwrap();
        self.bench.deliver(&mut self.jp, &record, &[]);
        record.id()
    }

    pub(super) fn restart(&mut self) {
        self.bench.restart();
        for peer in [&mut self.jp, &mut self.fj, &mut self.nz] {
            self.bench.connect(peer);
        }
    }
}

#[test]
fn the_record_follows_its_consent_and_nothing_else_goes_or_stays_longer() {
    let mut world = World::new();
    let (incident, ask) = world.asked();
    let id = incident.record.id();
    let [jp, fj, nz] = world.given();
    assert!(jp.contains(&ask), "the origin is asked");
    assert!(!fj.contains(&ask) && !nz.contains(&ask), "and nobody else hears of it");
    assert!(world.fj_may_have(&incident).is_empty());

    let grant = world.grant(&incident, ask);
    let grant = world.jp_grants(grant);
    assert_eq!(world.fj_may_have(&incident), [incident.one], "as it will go");
    assert!(world.may_have(&incident, &world.nz).is_empty());
    let [_, fj, nz] = world.given();
    assert!(fj.contains(&grant.id()), "it can see that we were let");
    assert!(!fj.contains(&id), "it would refuse it before");
    assert!(nz.iter().all(|one| ![grant.id(), id].contains(one)));
    let number = fj.len() as u64;
    world.bench.control(world.fj.conn(), Peer::ack(number));
    let [_, fj, _] = world.given();
    assert!(fj.contains(&id));
    let out = &world.bench.state().partner(&world.fj.economy.id).unwrap().out;
    assert_eq!(out.sent(&id), Some([incident.one].into()), "what was foreseen, part by part");

    // The journal alone has all of it.
    world.restart();
    assert_eq!(world.fj_may_have(&incident), [incident.one]);
    let held = world.bench.state().record(&id).unwrap();
    let plan = |now| world.bench.state().plan(held, &world.fj.economy.id, now).goes();
    assert!(!plan(world.later()), "not an instant longer");
}

#[test]
fn what_was_taken_back_stops_and_does_not_come_again() {
    let mut world = World::new();
    let (incident, ask) = world.asked();
    let grant = world.grant(&incident, ask);
    let grant = world.jp_grants(grant);
    world.given();
    let withdrawal = world.jp_withdraws(grant.id());
    assert!(world.fj_may_have(&incident).is_empty());
    let [_, fj, nz] = world.given();
    assert!(fj.contains(&withdrawal), "who was shown the consent learns that it ended");
    assert!(!nz.contains(&withdrawal));
    world.bench.control(world.fj.conn(), Peer::ack(fj.len() as u64));
    let [_, fj, _] = world.given();
    assert!(!fj.contains(&incident.record.id()), "it had not begun to leave");
    // Played again, by the origin and by somebody else.
    world.bench.deliver(&mut world.jp, &grant, &[]);
    world.bench.deliver(&mut world.fj, &grant, &[]);
    assert!(world.fj_may_have(&incident).is_empty());
    world.restart();
    assert!(world.fj_may_have(&incident).is_empty());
    // A withdrawal that comes first is as good.
    let mut early = World::new();
    let (incident, ask) = early.asked();
    let jp = early.jp.economy.clone();
    let grant = says(&ConsentBody::Grant(early.grant(&incident, ask)), &jp, early.bench.now);
    early.jp_withdraws(grant.id());
    early.bench.deliver(&mut early.jp, &grant, &[]);
    assert!(early.fj_may_have(&incident).is_empty());
}

#[test]
fn a_grant_that_is_not_its_signer_s_to_give_opens_nothing() {
    let mut world = World::new();
    let (incident, ask) = world.asked();
    let good = world.grant(&incident, ask);
    let now = world.bench.now;
    let [jp, fj, nz] = [&world.jp, &world.fj, &world.nz].map(|peer| peer.economy.clone());
    let record = |grant: ConsentGrant, by: &Economy| says(&ConsentBody::Grant(grant), by, now);
    // Signed by whom it names, whoever brings it; or brought by somebody whom it does not name.
    let [own, others] = [&fj, &nz].map(|by| record(good.clone(), by));
    for peer in [&mut world.jp, &mut world.fj, &mut world.nz] {
        let number = world.bench.deliver(peer, &own, &[]);
        assert_eq!(world.bench.answer(peer, number), Answer::Rejected);
    }
    let number = world.bench.deliver(&mut world.jp, &others, &[]);
    assert_eq!(world.bench.answer(&world.jp, number), Answer::Rejected);
    // Signed by somebody else than the origin: it says nothing about that, and has no effect.
    let number = world.bench.deliver(&mut world.nz, &others, &[]);
    assert_eq!(world.bench.answer(&world.nz, number), Answer::Acked);
    assert!(world.fj_may_have(&incident).is_empty());
    // Brought by somebody whom it does not concern, or for somebody else's asking.
    let real = record(good.clone(), &jp);
    let number = world.bench.deliver(&mut world.nz, &real, &[]);
    assert_eq!(world.bench.answer(&world.nz, number), Answer::Rejected);
    let others = record(ConsentGrant { asker: nz.id, ..good.clone() }, &jp);
    let number = world.bench.deliver(&mut world.jp, &others, &[]);
    assert_eq!(world.bench.answer(&world.jp, number), Answer::Rejected, "it is not for us");
    // Taken in, without any effect: over, of another record, of a part that it does not have, or signed
    // by a key that may not.
    for harmless in [
        ConsentGrant { until: now, ..good.clone() },
        ConsentGrant { record: RecordId([7; 32]), ..good.clone() },
        ConsentGrant { parts: vec![PartDigest([7; 32])], ..good.clone() },
    ] {
        world.jp_grants(harmless);
    }
    let junior = control(
        Kind::Consent,
        ConsentBody::Grant(good.clone()).encode(),
        Tlp::AmberStrict,
        &jp.junior,
        jp.id,
        now,
    );
    let number = world.bench.deliver(&mut world.jp, &junior.unwrap(), &[]);
    assert_eq!(world.bench.answer(&world.jp, number), Answer::Rejected, "not granted that kind");
    assert!(world.fj_may_have(&incident).is_empty());
    // What says *never* is opened by nobody, and what was said to NZ is not said to FJ.
    world.jp_grants(ConsentGrant { grantee: nz.id, ..good });
    assert!(world.fj_may_have(&incident).is_empty());
    assert_eq!(world.may_have(&incident, &world.nz), [incident.one]);
}

#[test]
fn a_consent_dies_with_the_key_that_signed_it() {
    let mut world = World::new();
    let (incident, ask) = world.asked();
    let grant = world.grant(&incident, ask);
    let grant = world.jp_grants(grant);
    assert_eq!(world.fj_may_have(&incident), [incident.one]);
    let ends = Some(world.later());
    assert_eq!(world.bench.state().policy().next_change(world.bench.now), ends);
    let (jp, fresh) = (world.jp.economy.clone(), SecretKey::from_seed(&[77; 32]));
    let all = Kind::ALL.iter().copied();
    let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let author = Grant::author(jp.id, fresh.public(), all, Tlp::Red, from, until);
    let at = world.bench.now.saturating_sub(HOUR);
    let revocation = Revocation { key: jp.author.id(), at, compromised: true };
    let keyring = KeyringBuilder::follow(&jp.keyring).grant(author).revoke(revocation);
    let keyring = keyring.sign(&[&jp.root]).unwrap().encoded().to_vec();
    let record = control(Kind::Keyring, keyring, Tlp::Clear, &fresh, jp.id, world.bench.now);
    world.bench.deliver(&mut world.jp, &record.unwrap(), &[]);
    let standing = &world.bench.state().record(&grant.id()).unwrap().standing;
    assert!(matches!(standing, Standing::Quarantined(_)), "{standing:?}");
    assert_ne!(world.bench.state().policy().next_change(world.bench.now), ends, "it is gone");
    assert!(world.fj_may_have(&incident).is_empty());
    world.restart();
    assert!(world.fj_may_have(&incident).is_empty());
}

/// KR's own incident for JP.
pub(super) fn ours(world: &mut World) -> Incident {
    let kr = world.kr.clone();
    let incident = Incident::of(&kr, world.jp.economy.id, world.bench.now);
    enter(&mut world.bench, incident.record.clone(), incident.parts.clone()).unwrap();
    world.given();
    incident
}

#[test]
fn whoever_holds_it_may_ask_and_nobody_learns_who_else_was_asked_for() {
    let mut world = World::new();
    let incident = ours(&mut world);
    let (us, now) = (world.kr.id, world.bench.now);
    let [jp, fj, nz] = [&world.jp, &world.fj, &world.nz].map(|peer| peer.economy.clone());
    // NZ was given nothing of it: we do not even say that it is here.
    let ask = world.ask_of(&incident, us, &[fj.id]);
    let curious = says(&ask, &nz, now);
    let number = world.bench.deliver(&mut world.nz, &curious, &[]);
    assert_eq!(world.bench.answer(&world.nz, number), Answer::Rejected);
    // Nor may one ask in another's name, or for what it has not.
    let ask = world.ask_of(&incident, us, &[fj.id, nz.id]);
    let asked = says(&ask, &jp, now);
    let number = world.bench.deliver(&mut world.nz, &asked, &[]);
    assert_eq!(world.bench.answer(&world.nz, number), Answer::Rejected);
    let ConsentBody::Ask(all) = ask else { unreachable!() };
    let more = ConsentAsk { parts: vec![PartDigest([1; 32])], ..all.clone() };
    let number = world.bench.deliver(&mut world.jp, &says(&ConsentBody::Ask(more), &jp, now), &[]);
    assert_eq!(world.bench.answer(&world.jp, number), Answer::Rejected);
    world.bench.deliver(&mut world.jp, &asked, &[]);
    assert_eq!(world.bench.state().asks_of_us().collect::<Vec<_>>(), [asked.id()]);

    let grant = |grantee| ConsentGrant {
        record: incident.record.id(),
        parts: all.parts.clone(),
        asker: jp.id,
        grantee,
        ask: asked.id(),
        until: now.saturating_add(HOUR),
        terms: Obligations::default(),
    };
    let wider = ConsentGrant { parts: vec![PartDigest([1; 32])], ..grant(fj.id) };
    let stranger = grant(EconomyId([99; 32]));
    for more_than_asked in [wider, stranger] {
        let record = says(&ConsentBody::Grant(more_than_asked), &world.kr, now);
        enter(&mut world.bench, record, Vec::new()).unwrap_err();
    }
    let [to_fj, to_nz] = [fj.id, nz.id].map(|to| {
        let record = says(&ConsentBody::Grant(grant(to)), &world.kr, now);
        enter(&mut world.bench, record, Vec::new()).unwrap()
    });
    let [at_jp, at_fj, at_nz] = world.given();
    assert!(at_jp.contains(&to_fj) && at_jp.contains(&to_nz), "who asked is told of each");
    assert!(at_fj.contains(&to_fj) && !at_fj.contains(&to_nz));
    assert!(at_nz.contains(&to_nz) && !at_nz.contains(&to_fj));
    assert_eq!(world.bench.state().asks_of_us().count(), 0, "it is answered");
    // Who has it by a consent may ask in its turn.
    let further = says(&world.ask_of(&incident, us, &[EconomyId([99; 32])]), &fj, now);
    let number = world.bench.deliver(&mut world.fj, &further, &[]);
    assert_eq!(world.bench.answer(&world.fj, number), Answer::Acked);
    // Ours goes to nobody by our own consent: of it we say by addressing.
    assert!(world.fj_may_have(&incident).is_empty());
    let reason = "no".to_owned();
    let (record, ask) = (incident.record.id(), asked.id());
    let refusal = ConsentRefusal { record, asker: jp.id, ask, reason };
    let record = says(&ConsentBody::Refusal(refusal), &world.kr, now);
    enter(&mut world.bench, record, Vec::new()).unwrap_err();
}

#[test]
fn asks_beyond_the_bound_are_put_off_until_somebody_answers() {
    let mut world = World::new();
    let incident = ours(&mut world);
    let (us, fj, jp) = (world.kr.id, world.fj.economy.id, world.jp.economy.clone());
    let body = world.ask_of(&incident, us, &[fj]);
    let asks: Vec<_> = (0..=ASKS)
        .map(|after| says(&body, &jp, world.bench.now.saturating_sub(Duration::from_secs(after))))
        .collect();
    let mut last = 0;
    for ask in &asks {
        last = world.bench.deliver(&mut world.jp, ask, &[]);
    }
    assert_eq!(world.bench.answer(&world.jp, last), Answer::Deferred);
    assert_eq!(world.bench.state().kept_of(&jp.id, Bound::Asks), ASKS);
    let (record, reason) = (incident.record.id(), "no".to_owned());
    let refusal = ConsentRefusal { record, asker: jp.id, ask: asks[0].id(), reason };
    let refusal = says(&ConsentBody::Refusal(refusal), &world.kr, world.bench.now);
    let refusal = enter(&mut world.bench, refusal, Vec::new()).unwrap();
    assert_eq!(world.bench.state().kept_of(&jp.id, Bound::Asks), ASKS - 1);
    let [at_jp, at_fj, at_nz] = world.given();
    assert!(at_jp.contains(&refusal) && !at_fj.contains(&refusal) && !at_nz.contains(&refusal));
}

/// JP's incident for FJ, which may let KR have the first part.
pub(super) fn for_fj(world: &World) -> (Incident, ConsentGrant) {
    let jp = world.jp.economy.clone();
    let incident = Incident::of(&jp, world.fj.economy.id, world.bench.now);
    let grant = ConsentGrant {
        asker: world.fj.economy.id,
        grantee: world.kr.id,
        ..world.grant(&incident, RecordId([5; 32]))
    };
    (incident, grant)
}

#[test]
fn what_is_others_comes_in_by_a_consent_alone_and_goes_no_further() {
    let mut world = World::new();
    let (incident, grant) = for_fj(&world);
    let (jp, id) = (world.jp.economy.clone(), incident.record.id());
    let (one, two) = (incident.only(incident.one), incident.only(incident.two));
    let brought = |world: &mut World, parts: &[Part]| {
        let number = world.bench.deliver(&mut world.fj, &incident.record, parts);
        world.bench.answer(&world.fj, number)
    };
    assert_eq!(brought(&mut world, &one), Answer::Rejected, "no consent is here");
    let over = ConsentGrant { until: world.bench.now, ..grant.clone() };
    world.jp_grants(over);
    assert_eq!(brought(&mut world, &one), Answer::Rejected, "one that is over is none");
    // The asker shows it, for its origin may have no link with us.
    let consent = says(&ConsentBody::Grant(grant), &jp, world.bench.now);
    world.bench.deliver(&mut world.fj, &consent, &[]);
    let number = world.bench.deliver(&mut world.nz, &incident.record, &one);
    assert_eq!(world.bench.answer(&world.nz, number), Answer::Rejected, "NZ was not let");
    assert_eq!(brought(&mut world, &two), Answer::Rejected, "nor that part");
    assert!(world.bench.state().record(&id).is_none());
    assert_eq!(brought(&mut world, &one), Answer::Acked);
    let held = world.bench.state().record(&id).unwrap();
    assert!(held.is_accepted());
    assert!(world.may_have(&incident, &world.nz).is_empty(), "it was for us");
    let [_, _, nz] = world.given();
    assert!(!nz.contains(&id) && !nz.contains(&consent.id()));
    assert_eq!(brought(&mut world, &two), Answer::Rejected, "also once the record is here");
}

/// The consent may be of an economy that nobody here has confirmed yet.
#[test]
fn what_came_by_a_consent_that_waits_to_be_believed_waits_with_it() {
    let mut world = World::new();
    let stranger = Economy::found(9);
    let incident = Incident::of(&stranger, world.fj.economy.id, world.bench.now);
    let grant = ConsentGrant {
        asker: world.fj.economy.id,
        grantee: world.kr.id,
        ..world.grant(&incident, RecordId([5; 32]))
    };
    let consent = says(&ConsentBody::Grant(grant), &stranger, world.bench.now);
    world.bench.deliver(&mut world.fj, &consent, &[]);
    let one = incident.only(incident.one);
    world.bench.deliver(&mut world.fj, &incident.record, &one);
    let standing = |world: &World| {
        let held = world.bench.state().record(&incident.record.id()).expect("it is kept");
        held.standing.clone()
    };
    assert!(matches!(standing(&world), Standing::Pending(_)));
    let change = world.bench.pairing(&stranger);
    let economy = stranger.id;
    world.bench.command(Command::Partner { economy, change }).unwrap();
    assert_eq!(standing(&world), Standing::Accepted);
    world.restart();
    assert_eq!(standing(&world), Standing::Accepted);
}
