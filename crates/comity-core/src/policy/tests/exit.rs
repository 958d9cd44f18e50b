//! What leaves by another way than a link: what its readers may have, and nothing else.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::delivery::Refused;
use crate::exit::{Contents, Readers, Released, kept_in, leaving, let_out, may_be_named};
use crate::identity::{PartDigest, RecordId};
use crate::keyring::Confirmation;
use crate::ledger::Obligations;
use crate::limits;
use crate::marking::{Marking, Onward, Tlp};
use crate::policy::{
    Approval, Examination, Gate, Lifecycle, PartFacts, PolicySnapshot, Received, Recipient,
    RecordFacts, Source, Word,
};
use crate::record::{Composed, Draft, Header};
use crate::sign::SecretKey;
use crate::test_util::SeededEntropy;
use crate::test_util::policy::snapshot;
use crate::vocabulary::{Kind, Section};

use super::facts::{NOW, OTHER, THEM, US};

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);
const LABELS: [Tlp; 4] = [Tlp::Clear, Tlp::Green, Tlp::Amber, Tlp::Red];

struct Leaving {
    policy: PolicySnapshot,
    record: RecordFacts,
    parts: Vec<PartFacts>,
    composed: Composed,
}

impl Leaving {
    /// A part of each label.
    fn new() -> Self {
        let mut draft = Draft::new(Kind::Advisory);
        for tlp in LABELS {
            let marking = Some(Marking::new(tlp));
            let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
            draft.parts.push((header, format!("{tlp}").into_bytes()));
        }
        let key = SecretKey::from_seed(&[4; 32]);
        let composed = draft.sign(&key, US, NOW, &mut SeededEntropy::new(1)).unwrap();
        let held = composed.parts.iter().map(|part| (part.digest, &part.header));
        let (id, manifest) = (composed.record.id(), composed.record.manifest());
        let (record, parts) = RecordFacts::with_parts(id, manifest, Source::Own, held);
        Self { policy: snapshot(US, &[]), record, parts, composed }
    }

    fn bodies(&self, labels: &[Tlp]) -> Vec<(PartDigest, Bytes)> {
        let wanted = |digest: &PartDigest| {
            let facts = self.parts.iter().find(|facts| facts.digest == *digest);
            facts.is_some_and(|facts| labels.contains(&facts.marking.tlp))
        };
        let parts = self.composed.parts.iter().filter(|part| wanted(&part.digest));
        parts.map(|part| (part.digest, part.bytes.clone())).collect()
    }

    fn leaving(&self, reader: Recipient) -> BTreeSet<Tlp> {
        let leaving = leaving(&self.policy, &self.record, &self.parts, &[reader], NOW);
        let parts = self.parts.iter().filter(|part| leaving.contains(&part.digest));
        parts.map(|part| part.marking.tlp).collect()
    }

    fn let_out(&self, labels: &[Tlp], reader: Recipient) -> Result<Released, Refused> {
        let signed = self.composed.record.signed().clone();
        let contents = Contents::new(self.composed.record.id(), signed, self.bodies(labels))?;
        let_out(&self.policy, &self.record, &self.parts, &[reader], NOW, contents)
    }
}

fn role() -> Recipient {
    Recipient::LocalRole { role: String::new() }
}

fn constituent() -> Recipient {
    Recipient::Constituent { name: String::new() }
}

#[test]
fn each_reader_gets_what_it_may_have_and_nobody_what_is_red() {
    let record = Leaving::new();
    assert_eq!(record.leaving(Recipient::Public), BTreeSet::from([Tlp::Clear]));
    let all = BTreeSet::from([Tlp::Clear, Tlp::Green, Tlp::Amber]);
    assert_eq!(record.leaving(constituent()), all);
    assert_eq!(record.leaving(role()), all);
    for reader in [Recipient::Public, constituent(), role()] {
        let labels: Vec<_> = record.leaving(reader.clone()).into_iter().collect();
        let released = record.let_out(&labels, reader.clone()).unwrap();
        assert_eq!(released.record(), record.composed.record.signed());
        assert_eq!(released.parts(), record.bodies(&labels));
        for label in LABELS.iter().filter(|label| !labels.contains(label)) {
            let more = [&labels[..], &[*label]].concat();
            assert_eq!(record.let_out(&more, reader.clone()).unwrap_err(), Refused::NotReleased);
        }
    }
}

#[test]
fn nothing_leaves_that_does_not_stand_or_that_somebody_holds() {
    let clear = [Tlp::Clear];
    let refused = |spoil: fn(&mut Leaving)| {
        let mut record = Leaving::new();
        spoil(&mut record);
        record.let_out(&clear, role()).unwrap_err()
    };
    let spoils: [fn(&mut Leaving); 7] = [
        |it| it.record.lifecycle = Lifecycle::Withdrawn,
        |it| it.record.lifecycle = Lifecycle::Superseded,
        |it| it.record.quarantined = true,
        |it| it.record.pending = true,
        |it| it.record.approval = Approval::Awaited(Word::new("TLP:RED")),
        |it| it.record.approval = Approval::Refused,
        |it| {
            it.policy = it.policy.to_builder().guarded(7).build();
            for part in &mut it.parts {
                part.guard = Examination::Hit { revision: 7, rule: Word::new("list strings") };
            }
        },
    ];
    for spoil in spoils {
        assert_eq!(refused(spoil), Refused::NotReleased);
    }
    assert_eq!(refused(|it| it.record.id = RecordId([9; 32])), Refused::OtherRecord);
    assert_eq!(Leaving::new().let_out(&[], role()).unwrap_err(), Refused::NotReleased);
}

#[test]
fn other_bytes_are_no_contents() {
    let record = Leaving::new();
    let (id, signed) = (record.composed.record.id(), record.composed.record.signed().clone());
    let mut bodies = record.bodies(&LABELS);
    assert!(Contents::new(id, signed.clone(), bodies.clone()).is_ok());
    let of_another = Contents::new(RecordId([9; 32]), signed.clone(), bodies.clone());
    assert_eq!(of_another.unwrap_err(), Refused::OtherRecord);
    let (first, second) = (bodies[0].0, bodies[1].1.clone());
    bodies[0].1 = second;
    assert_eq!(Contents::new(id, signed, bodies).unwrap_err(), Refused::OtherBytes(first));
}

fn terms(onward: Onward, retention_days: Option<u32>, purposes: &[&str]) -> Obligations {
    let purposes = purposes.iter().map(|&purpose| purpose.to_owned()).collect();
    Obligations { onward, retention_days, purposes }
}

/// The parts of the record came from others, each on terms of its own.
fn brought(clear: Obligations, green: Obligations) -> Leaving {
    let mut record = Leaving::new();
    record.record.origin = THEM;
    let first = Source::From { economy: THEM, obligations: Obligations::unbound() };
    record.record.source = first.clone();
    for (label, obligations) in [(Tlp::Clear, clear), (Tlp::Green, green)] {
        let mut parts = record.parts.iter_mut();
        let part = parts.find(|part| part.marking.tlp == label).unwrap();
        part.arrived(&first, Received { economy: OTHER, obligations: obligations.into() });
    }
    record
}

#[test]
fn what_leaves_carries_the_strictest_of_all_that_its_parts_carry() {
    let mut own = Leaving::new();
    let left = own.let_out(&[Tlp::Clear], Recipient::Public).unwrap();
    assert_eq!(*left.obligations(), Obligations::unbound());
    for part in &mut own.parts {
        part.marking.onward = Onward::Ask;
    }
    let left = own.let_out(&[Tlp::Clear], Recipient::Public).unwrap();
    assert_eq!(*left.obligations(), terms(Onward::Ask, None, &[]), "the marking's own");
    let mut record = brought(
        terms(Onward::WithinMarking, Some(90), &["defence", "statistics"]),
        terms(Onward::None, Some(30), &["defence", "research"]),
    );
    for part in record.parts.iter_mut().filter(|part| part.marking.tlp == Tlp::Clear) {
        part.marking.onward = Onward::Ask;
    }
    let one = record.let_out(&[Tlp::Clear], role()).unwrap();
    assert_eq!(*one.obligations(), terms(Onward::Ask, Some(90), &["defence", "statistics"]));
    let both = record.let_out(&[Tlp::Clear, Tlp::Green], role()).unwrap();
    assert_eq!(*both.obligations(), terms(Onward::None, Some(30), &["defence"]));
    // There are no terms that bind to both: each leaves alone.
    let apart = brought(terms(Onward::Ask, None, &["defence"]), terms(Onward::Ask, None, &["law"]));
    let together = apart.let_out(&[Tlp::Clear, Tlp::Green], role());
    assert_eq!(together.unwrap_err(), Refused::NoCommonPurpose);
    assert_eq!(apart.let_out(&[Tlp::Green], role()).unwrap().obligations().purposes, ["law"]);
}

#[test]
fn our_own_people_are_those_at_every_desk_of_ours() {
    let desks = BTreeSet::from(["duty officer".to_owned()]);
    let roles = |name: &str| Recipient::LocalRole { role: name.to_owned() };
    assert_eq!(Readers::Own.recipients(&desks), [roles(""), roles("duty officer")]);
    assert_eq!(Readers::Public.recipients(&desks), [Recipient::Public]);
    assert_eq!(Readers::Constituents.recipients(&desks), [constituent()]);
}

impl Leaving {
    /// The same with these labels alone.
    fn only(labels: &[Tlp]) -> Self {
        let mut record = Self::new();
        record.parts.retain(|part| labels.contains(&part.marking.tlp));
        record
    }

    fn named(&self, most: Tlp) -> bool {
        may_be_named(&self.policy, &self.record, &self.parts, most, NOW)
    }
}

#[test]
fn a_record_is_called_by_its_name_where_all_of_it_may_go() {
    assert!(Leaving::only(&[Tlp::Clear]).named(Tlp::Clear));
    assert!(!Leaving::only(&[Tlp::Clear, Tlp::Green]).named(Tlp::Clear));
    assert!(Leaving::only(&[Tlp::Clear, Tlp::Green]).named(Tlp::Green), "it was asked for");
    assert!(!Leaving::only(&[Tlp::Clear, Tlp::Amber]).named(Tlp::Green));
    assert!(!Leaving::only(&[]).named(Tlp::Green), "of which nothing is here");
    let from_them = |it: &mut Leaving| {
        it.record.origin = THEM;
        it.record.source = Source::From { economy: THEM, obligations: Obligations::unbound() };
    };
    let mut theirs = Leaving::only(&[Tlp::Clear]);
    from_them(&mut theirs);
    assert!(theirs.named(Tlp::Clear));
    // Whatever keeps it from everybody keeps its name too, whatever label is asked for.
    let changes: [fn(&mut Leaving); 12] = [
        |it| it.record.unsend_until = Some(NOW.saturating_add(MINUTE)),
        |it| it.parts[0].marking.release_at = Some(NOW.saturating_add(MINUTE)),
        |it| it.parts[0].marking.embargo_until = Some(NOW.saturating_add(MINUTE)),
        |it| it.record.approval = Approval::Awaited(Word::new("TLP:RED")),
        |it| it.policy = it.policy.to_builder().guarded(7).build(),
        |it| it.parts[0].marking.onward = Onward::None,
        |it| it.parts[0].marking.expires = Some(NOW),
        |it| it.record.addressed = true,
        |it| it.record.lifecycle = Lifecycle::Withdrawn,
        |it| it.record.lifecycle = Lifecycle::Superseded,
        |it| it.record.quarantined = true,
        |it| it.record.pending = true,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        for label in [Tlp::Clear, Tlp::Green] {
            let mut record = Leaving::only(&[label]);
            from_them(&mut record);
            change(&mut record);
            assert!(!record.named(Tlp::Green), "{number}, {label}");
        }
    }
}

#[test]
fn what_our_own_people_see_before_its_time_goes_into_no_file() {
    let mut record = Leaving::new();
    assert_eq!(kept_in(&record.policy, &record.record, &record.parts[0], NOW), None);
    record.record.unsend_until = Some(NOW.saturating_add(MINUTE));
    let kept = kept_in(&record.policy, &record.record, &record.parts[0], NOW);
    assert_eq!(kept.map(|one| one.gate), Some(Gate::ReleaseTime));
    assert!(record.leaving(role()).is_empty());
    assert_eq!(record.let_out(&[Tlp::Clear], role()).unwrap_err(), Refused::NotReleased);
    record.record.unsend_until = Some(NOW);
    assert!(record.let_out(&[Tlp::Clear], role()).is_ok());
}

#[test]
fn what_rests_on_a_keyring_that_is_not_confirmed_is_shown_and_goes_into_no_file() {
    let mut record = Leaving::only(&[Tlp::Clear]);
    record.record.origin = OTHER;
    let said = |at| {
        let builder = PolicySnapshot::builder(US);
        builder.confirmed(OTHER, Confirmation::At(at)).build()
    };
    record.policy = said(NOW);
    assert!(!record.leaving(role()).is_empty());
    record.policy = said(NOW.saturating_sub(limits::HEAD_MAX_AGE));
    assert!(record.leaving(role()).is_empty());
    let kept = kept_in(&record.policy, &record.record, &record.parts[0], NOW);
    assert_eq!(kept.map(|one| one.gate), Some(Gate::Quarantine));
}
