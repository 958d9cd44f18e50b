//! What our own people are shown: what the decision lets them see, and no other bytes than those of it.

use bytes::Bytes;

use crate::ledger::Obligations;
use crate::marking::{Marking, Tlp};
use crate::policy::{Gate, RecordFacts, Source};
use crate::record::{Draft, Header, Part};
use crate::sight::{NotShown, look_at};
use crate::sign::SecretKey;
use crate::test_util::SeededEntropy;
use crate::test_util::policy::snapshot;
use crate::vocabulary::{Kind, Section};

use super::facts::{NOW, THEM, US};

#[test]
fn what_is_shown_is_what_was_decided_about() {
    let mut draft = Draft::new(Kind::Advisory);
    for (tlp, text) in [(Tlp::Clear, "for everybody"), (Tlp::Amber, "for a few")] {
        let header = Header {
            marking: Some(Marking::new(tlp)),
            ..Header::new(Section::Summary, "text/plain")
        };
        draft.parts.push((header, text.as_bytes().to_vec()));
    }
    let key = SecretKey::from_seed(&[4; 32]);
    let composed = draft.sign(&key, US, NOW, &mut SeededEntropy::new(1)).unwrap();
    let held = composed.parts.iter().map(|part| (part.digest, &part.header));
    let (id, manifest) = (composed.record.id(), composed.record.manifest());
    let (record, parts) = RecordFacts::with_parts(id, manifest, Source::Own, held);
    let policy = snapshot(US, &[]);
    let seen = |number: usize| look_at(&policy, &record, &parts[number], "", NOW).unwrap();
    let bytes = |number: usize| {
        let found = composed.parts.iter().find(|part| part.digest == parts[number].digest);
        found.map(|part: &Part| part.bytes.clone()).unwrap()
    };
    let shown = seen(0).show(bytes(0)).unwrap();
    assert_eq!((shown.part().digest, shown.part().bytes.clone()), (parts[0].digest, bytes(0)));
    assert_eq!(shown.content(), &shown.part().content[..]);
    assert_eq!(seen(0).show(bytes(1)).unwrap_err(), NotShown::Other(parts[0].digest));
    let none = seen(0).show(Bytes::from_static(b"for everybody")).unwrap_err();
    assert!(matches!(none, NotShown::NoPart(_)), "{none}");
    // What has expired is its author's to see, and nobody else's.
    let mut foreign = record.clone();
    foreign.origin = THEM;
    foreign.source = Source::From { economy: THEM, obligations: Obligations::unbound() };
    let mut part = parts[0].clone();
    part.marking.expires = Some(NOW);
    let refused = look_at(&policy, &foreign, &part, "", NOW).unwrap_err();
    assert_eq!(refused.deciding().map(|one| one.gate), Some(Gate::Expiry));
}
