//! The hand-over: nothing but what is decided at that moment becomes a delivery.

use bytes::Bytes;

use crate::agreement::Tier;
use crate::delivery::Delivery;
use crate::identity::{EconomyId, EpochId, PartDigest, RecordId};
use crate::ledger::LedgerEntry;
use crate::marking::{Marking, Onward, Tlp};
use crate::policy::{
    ControlAudience, PartFacts, Partner, Payload, PolicySnapshot, Recipient, RecordFacts, Refused,
    Source, Standing, TrustLevel, give_back, plan, release,
};
use crate::record::{AddresseeDraft, Composed, Draft, Header, control};
use crate::sign::SecretKey;
use crate::test_util::SeededEntropy;
use crate::test_util::policy::{Line, deliver, deliver_control, snapshot};
use crate::vocabulary::{Kind, Section};

use super::facts::{NOW, OTHER, THEM, US};

const LINE: Line = Line { epoch: EpochId([1; 16]), number: 1 };

/// An addressed AMBER incident: a summary and indicators for them.
fn incident() -> Composed {
    let part = |section| Header {
        marking: Some(Marking::new(Tlp::Amber)),
        ..Header::new(section, "text/plain")
    };
    let mut draft = Draft::new(Kind::Incident);
    draft.parts = vec![
        (part(Section::Summary), b"what happened".to_vec()),
        (part(Section::Indicators), b"192.0.2.1".to_vec()),
    ];
    draft.addressees = vec![AddresseeDraft::new(THEM, vec![0, 1])];
    let key = SecretKey::from_seed(&[4; 32]);
    draft.sign(&key, US, NOW, &mut SeededEntropy::new(1)).unwrap()
}

fn policy(tier: Tier) -> PolicySnapshot {
    snapshot(US, &[(THEM, tier, TrustLevel::Restricted)])
}

struct HandOver {
    policy: PolicySnapshot,
    record: RecordFacts,
    parts: Vec<PartFacts>,
    recipient: Recipient,
    payload: Payload,
}

impl HandOver {
    fn of(composed: &Composed, policy: PolicySnapshot) -> Self {
        let held = composed.parts.iter().map(|part| (part.digest, &part.header));
        let (id, manifest) = (composed.record.id(), composed.record.manifest());
        let (record, parts) = RecordFacts::with_parts(id, manifest, Source::Own, held);
        let recipient = Recipient::partner(THEM);
        let plan = plan(&policy, &record, &parts, &recipient, NOW);
        let body = |digest: &PartDigest| {
            let part = composed.parts.iter().find(|part| part.digest == *digest).unwrap();
            (*digest, part.bytes.clone())
        };
        let entry = LedgerEntry {
            epoch: LINE.epoch,
            number: LINE.number,
            record: id,
            parts: plan.releases().to_vec(),
            obligations: plan.obligations().cloned().unwrap(),
            salt: [0; 16],
        };
        let bodies = plan.releases().iter().map(body).collect();
        let payload = Payload { entry, signed: composed.record.signed().clone(), bodies };
        Self { policy, record, parts, recipient, payload }
    }

    fn release(self) -> Result<Delivery, Refused> {
        release(&self.policy, &self.record, &self.parts, &self.recipient, NOW, self.payload)
    }

    fn refused(mut self, spoil: impl FnOnce(&mut Self)) -> Refused {
        spoil(&mut self);
        self.release().unwrap_err()
    }
}

#[test]
fn what_is_decided_goes() {
    let composed = incident();
    let under_nda = deliver(&policy(Tier::Nda), &composed.record, &composed.parts, THEM, LINE, NOW);
    let under_nda = under_nda.unwrap();
    assert_eq!(under_nda.to(), THEM);
    assert_eq!(under_nda.parts().len(), 3);
    assert_eq!(under_nda.record(), composed.record.signed());
    assert_eq!(under_nda.entry().obligations.onward, Onward::Ask);
    // Under an MoU the indicators stay, and the signature still holds.
    let under_mou = deliver(&policy(Tier::Mou), &composed.record, &composed.parts, THEM, LINE, NOW);
    let under_mou = under_mou.unwrap();
    assert_eq!(under_mou.parts().len(), 2);
    let verified = crate::record::parse(under_mou.record()).unwrap().verify().unwrap();
    for (digest, bytes) in under_mou.parts() {
        assert_eq!(verified.check_part(bytes.clone()).unwrap().digest, *digest);
    }
}

#[test]
fn what_is_not_decided_does_not_go() {
    let composed = incident();
    for (us, to) in [(Tier::Paired, THEM), (Tier::Nda, OTHER), (Tier::Nda, US)] {
        let refused = deliver(&policy(us), &composed.record, &composed.parts, to, LINE, NOW);
        assert_eq!(refused.unwrap_err(), Refused::NotReleased);
    }
}

#[test]
fn each_way_to_hand_over_something_else_is_refused() {
    let composed = incident();
    let fresh = || HandOver::of(&composed, policy(Tier::Nda));
    assert!(fresh().release().is_ok());
    let refused = |spoil: fn(&mut HandOver)| fresh().refused(spoil);
    // The decision has turned since.
    let turned = refused(|it| {
        let suspended = Partner::new().standing(Standing::Suspended);
        it.policy = it.policy.to_builder().partner(THEM, suspended).build();
    });
    assert_eq!(turned, Refused::NotReleased);
    let narrower = refused(|it| it.policy = policy(Tier::Mou));
    assert_eq!(narrower, Refused::OtherParts);
    assert_eq!(refused(|it| it.record.quarantined = true), Refused::NotReleased);
    // Another recipient, another record, other parts, other obligations, other bytes.
    let stranger = refused(|it| it.recipient = Recipient::partner(EconomyId([77; 32])));
    assert_eq!(stranger, Refused::NotReleased);
    assert_eq!(refused(|it| it.recipient = Recipient::Public), Refused::NotAPartner);
    let other = refused(|it| it.payload.entry.record = RecordId([0; 32]));
    assert_eq!(other, Refused::OtherRecord);
    let unsigned = refused(|it| it.payload.signed = Bytes::from_static(b"other"));
    assert_eq!(unsigned, Refused::OtherRecord);
    let mut mixed_up = fresh();
    let key = SecretKey::from_seed(&[4; 32]);
    let body = crate::control::TerminationBody { agreement: RecordId([3; 32]), effective: NOW };
    let other = control(Kind::Termination, body.encode(), Tlp::Clear, &key, US, NOW).unwrap();
    mixed_up.payload.signed = other.signed().clone();
    assert_eq!(mixed_up.release().unwrap_err(), Refused::OtherRecord);
    let unknown = refused(|it| it.payload.entry.parts.push(PartDigest([255; 32])));
    assert_eq!(unknown, Refused::OtherParts);
    let looser = refused(|it| it.payload.entry.obligations.onward = Onward::WithinMarking);
    assert_eq!(looser, Refused::OtherObligations);
    let missing = refused(|it| drop(it.payload.bodies.pop()));
    assert_eq!(missing, Refused::OtherParts);
    let more = refused(|it| {
        let (_, bytes) = it.payload.bodies[0].clone();
        it.payload.bodies.push((PartDigest([255; 32]), bytes));
    });
    assert_eq!(more, Refused::OtherParts);
    let tampered = refused(|it| it.payload.bodies[0].1 = Bytes::from_static(b"other"));
    assert!(matches!(tampered, Refused::OtherBytes(_)));
    // Nothing but addressees.
    let bare = refused(|it| {
        let addressees: Vec<_> = it.record.addressees.iter().map(|held| held.part).collect();
        it.payload.entry.parts.retain(|digest| addressees.contains(digest));
        it.payload.bodies.retain(|(digest, _)| addressees.contains(digest));
    });
    assert_eq!(bare, Refused::NotReleased);
}

#[test]
fn a_late_part_goes_with_its_addressee_part_or_not_at_all() {
    let composed = incident();
    let only = |sections: &[Section]| {
        let mut it = HandOver::of(&composed, policy(Tier::Nda));
        let named = composed.parts.iter().filter(|part| sections.contains(&part.header.section));
        let named: Vec<_> = named.map(|part| part.digest).collect();
        it.payload.entry.parts.retain(|digest| named.contains(digest));
        it.payload.bodies.retain(|(digest, _)| named.contains(digest));
        it.release()
    };
    assert!(only(&[Section::Indicators, Section::Addressee]).is_ok());
    assert_eq!(only(&[Section::Indicators]).unwrap_err(), Refused::NotReleased);
}

#[test]
fn a_control_record_goes_without_parts() {
    let key = SecretKey::from_seed(&[4; 32]);
    let body = crate::control::TerminationBody { agreement: RecordId([3; 32]), effective: NOW };
    let record = control(Kind::Termination, body.encode(), Tlp::Clear, &key, US, NOW);
    let record = record.unwrap();
    let parties = ControlAudience::Parties([US, THEM]);
    let sent = deliver_control(&policy(Tier::Paired), &record, parties.clone(), THEM, LINE, NOW);
    assert!(sent.unwrap().parts().is_empty());
    let elsewhere = deliver_control(&policy(Tier::Paired), &record, parties, OTHER, LINE, NOW);
    assert_eq!(elsewhere.unwrap_err(), Refused::NotReleased);
}

#[test]
fn what_is_given_back_may_lack_what_was_erased_and_nothing_is_put_in_its_place() {
    let back = |spoil: fn(&mut Payload)| {
        let mut handed = HandOver::of(&incident(), policy(Tier::Nda));
        spoil(&mut handed.payload);
        give_back(&handed.policy, &handed.record, THEM, handed.payload, NOW)
    };
    let given = back(|payload| payload.bodies[0].1 = Bytes::new()).unwrap();
    assert!(given.parts()[0].1.is_empty() && given.parts().len() == 3);
    assert_eq!(given.entry().parts.len(), 3);
    let other = back(|payload| payload.bodies[0].1 = Bytes::from_static(b"other")).unwrap_err();
    let part = HandOver::of(&incident(), policy(Tier::Nda)).payload.bodies[0].0;
    assert_eq!(other, Refused::OtherBytes(part));
    assert_eq!(back(|payload| drop(payload.bodies.pop())).unwrap_err(), Refused::OtherParts);
    // To be delivered, everything is there.
    let none = HandOver::of(&incident(), policy(Tier::Nda))
        .refused(|handed| handed.payload.bodies[0].1 = Bytes::new());
    assert_eq!(none, Refused::OtherBytes(part));
}
