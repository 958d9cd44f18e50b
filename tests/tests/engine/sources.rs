//! One record from several partners: what was taken on with each delivery of a part binds it.

use std::time::Duration;

use comity_core::journal::Standing;
use comity_core::ledger::Obligations;
use comity_core::record::{Draft, Header, Part, VerifiedRecord};
use comity_core::{Kind, Marking, Onward, PartDigest, Section, Tlp};
use comity_tests::bench::{Bench, Peer, sign};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::wire::Said;
use comity_tests::sim::world::START;

fn bound(onward: Onward, purposes: &[&str]) -> Obligations {
    let purposes = purposes.iter().map(|&purpose| purpose.to_owned()).collect();
    Obligations { onward, retention_days: None, purposes }
}

/// A summary and a detail that everybody may have and pass on.
fn two_parts(by: &Economy) -> (VerifiedRecord, Part, Part) {
    let mut draft = Draft::new(Kind::Advisory);
    let mut marking = Marking::new(Tlp::Clear);
    marking.onward = Onward::WithinMarking;
    for section in [Section::Summary, Section::Detail] {
        let header =
            Header { marking: Some(marking.clone()), ..Header::new(section, "text/plain") };
        draft.parts.push((header, section.to_string().into_bytes()));
    }
    let (record, parts) = sign(draft, by, START);
    let find = |section| parts.iter().find(|part| part.header.section == section).unwrap().clone();
    (record, find(Section::Summary), find(Section::Detail))
}

/// Two relays that are connected, an origin and a reader that are not.
fn world() -> (Bench, [Peer; 2], Peer, Peer) {
    let mut bench = Bench::new();
    let mut relays = [bench.pair(2), bench.pair(3)];
    let (origin, reader) = (bench.pair(4), bench.pair(5));
    for relay in &mut relays {
        bench.connect(relay);
    }
    (bench, relays, origin, reader)
}

/// The parts that a partner that connects now is given.
fn given(bench: &mut Bench, reader: &mut Peer) -> Vec<PartDigest> {
    let conn = bench.connect(reader);
    bench.wait(Duration::from_secs(1));
    let said = bench.heard(conn).into_iter();
    let lines = said.filter_map(|said| match said {
        Said::Batch { lines, .. } => Some(lines),
        _ => None,
    });
    lines.flatten().flat_map(|line| line.entry.parts).collect()
}

#[test]
fn each_part_goes_as_far_as_those_who_brought_it_let_it() {
    let (mut bench, [mut free, mut strict], origin, mut reader) = world();
    let (record, summary, detail) = two_parts(&origin.economy);
    bench.deliver(&mut free, &record, std::slice::from_ref(&summary));
    strict.obligations = bound(Onward::None, &[]);
    bench.deliver(&mut strict, &record, std::slice::from_ref(&detail));
    assert!(bench.state().record(&record.id()).unwrap().has_part(&detail.digest));
    bench.restart();
    assert_eq!(given(&mut bench, &mut reader), [summary.digest]);
}

#[test]
fn a_second_copy_under_stricter_terms_binds_what_was_here() {
    let (mut bench, [mut free, mut strict], origin, mut reader) = world();
    let (record, summary, detail) = two_parts(&origin.economy);
    let both = [summary.clone(), detail.clone()];
    bench.deliver(&mut free, &record, &both);
    strict.obligations = bound(Onward::None, &[]);
    // Nothing of it is new but the terms.
    bench.deliver(&mut strict, &record, std::slice::from_ref(&detail));
    assert_eq!(given(&mut bench, &mut reader), [summary.digest]);
    bench.restart();
    let held = bench.state().record(&record.id()).unwrap();
    let plan = bench.state().plan(held, &reader.economy.id, bench.now);
    assert_eq!(plan.releases(), [summary.digest]);
}

#[test]
fn two_who_share_no_purpose_leave_no_use() {
    let (mut bench, [mut one, mut other], origin, mut reader) = world();
    let (record, summary, detail) = two_parts(&origin.economy);
    one.obligations = bound(Onward::WithinMarking, &["response"]);
    other.obligations = bound(Onward::WithinMarking, &["prosecution"]);
    bench.deliver(&mut one, &record, &[summary.clone(), detail.clone()]);
    bench.deliver(&mut other, &record, std::slice::from_ref(&detail));
    assert_eq!(given(&mut bench, &mut reader), [summary.digest]);
}

#[test]
fn what_its_origin_brings_again_is_believed() {
    let (mut bench, [mut relay, _], mut origin, _) = world();
    let by = origin.economy.clone();
    let (record, summary, _) = two_parts(&by);
    let key = by.former.clone();
    // Signed while the key was granted, and seen after: from a relay that may be backdated.
    let mut draft = Draft::new(Kind::Advisory);
    draft.marking = Some(Marking::new(Tlp::Clear));
    draft.parts.push((Header::new(Section::Summary, "text/plain"), b"late".to_vec()));
    let signed_at = START.saturating_sub(Duration::from_secs(7200));
    let mut entropy = comity_core::test_util::SeededEntropy::new(1);
    let late = draft.sign(&key, by.id, signed_at, &mut entropy).unwrap();
    bench.deliver(&mut relay, &late.record, &late.parts);
    bench.deliver(&mut relay, &record, std::slice::from_ref(&summary));
    let stands = |bench: &Bench| bench.state().record(&late.record.id()).unwrap().standing.clone();
    assert!(matches!(stands(&bench), Standing::Quarantined(_)));
    bench.connect(&mut origin);
    bench.deliver(&mut origin, &late.record, &late.parts);
    assert_eq!(stands(&bench), Standing::Accepted);
    bench.restart();
    assert_eq!(stands(&bench), Standing::Accepted);
}

#[test]
fn a_stranger_takes_nothing_from_us_that_the_origin_gave() {
    let (mut bench, [mut stranger, _], mut origin, mut reader) = world();
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let (record, summary, detail) = two_parts(&by);
    let both = [summary.clone(), detail.clone()];
    // A copy came first through somebody else, who then says that it may be used for nothing.
    for purpose in ["response", "prosecution"] {
        stranger.obligations = bound(Onward::None, &[purpose]);
        bench.deliver(&mut stranger, &record, &both);
    }
    assert_eq!(bench.alarms("purposes-contradict").len(), 1);
    bench.deliver(&mut origin, &record, std::slice::from_ref(&summary));
    assert_eq!(given(&mut bench, &mut reader), [summary.digest]);
    // Nor afterwards, nor after a restart; and a part that the origin did not give is bound as before.
    stranger.obligations = bound(Onward::None, &["war"]);
    bench.deliver(&mut stranger, &record, &both);
    bench.restart();
    let held = bench.state().record(&record.id()).unwrap();
    let plan = bench.state().plan(held, &reader.economy.id, bench.now);
    assert_eq!(plan.releases(), [summary.digest]);
    // Whoever has it is not given it again, though its word does not bind.
    let plan = bench.state().plan(held, &stranger.economy.id, bench.now);
    assert!(plan.releases().is_empty());
}

#[test]
fn a_part_that_the_origin_brings_later_goes_on_at_once() {
    let (mut bench, [mut stranger, _], mut origin, mut reader) = world();
    let (record, summary, _) = two_parts(&origin.economy);
    stranger.obligations = bound(Onward::None, &[]);
    bench.deliver(&mut stranger, &record, std::slice::from_ref(&summary));
    let conn = bench.connect(&mut reader);
    bench.wait(Duration::from_secs(1));
    assert!(bench.delivered(conn).is_empty());
    bench.connect(&mut origin);
    bench.deliver(&mut origin, &record, std::slice::from_ref(&summary));
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(conn), [record.id()]);
}
