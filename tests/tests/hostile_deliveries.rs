//! Deliveries that verify, and are made to harm whoever takes them in.

use comity_core::cbor::Writer;
use comity_core::digest::domains;
use comity_core::limits::HEADER_BYTES;
use comity_core::record::{Header, Part};
use comity_core::test_util::listing;
use comity_core::{Marking, Section, Tlp};
use comity_tests::bench::{Answer, Bench};

/// A header of exactly `length` bytes, filled up with categories, that ends in `more` entries.
fn header_of(length: usize, more: &[(u64, u64)]) -> Vec<u8> {
    let mut pairs = Writer::new();
    for (key, value) in more {
        pairs.key(*key).uint(*value);
    }
    let pairs = pairs.into_bytes();
    let with = |categories: usize, last: usize| {
        let mut marking = Marking::new(Tlp::Clear);
        marking.categories = (0..categories).map(|one| format!("{one:0>200}")).collect();
        marking.categories.push("z".repeat(last));
        let header =
            Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
        let mut bytes = header.encode();
        bytes[0] += u8::try_from(more.len()).expect("few pairs");
        bytes.extend_from_slice(&pairs);
        bytes
    };
    let categories = length.saturating_sub(400) / 202;
    let header = (1..=256).flat_map(|last| [with(categories, last), with(categories + 1, last)]);
    header.into_iter().find(|header| header.len() == length).expect("some filling fits")
}

fn sealed(header: &[u8], content: &[u8]) -> Part {
    let mut writer = Writer::new();
    writer.array(4).text(domains::PART).bytes(&[7; 16]).raw(header).bytes(content);
    Part::decode(writer.into_bytes().into()).expect("a part as the format has it")
}

#[test]
fn a_part_that_is_read_once_is_read_at_every_start() {
    // Encoded anew, a key that this version does not know takes a byte more than this one.
    let part = sealed(&header_of(HEADER_BYTES, &[(9, 0)]), b"a flaw");
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let by = peer.economy.clone();
    let floor = Marking::new(Tlp::Clear);
    let record = listing(std::slice::from_ref(&part), floor, &by.author, by.id, bench.now);
    let number = bench.deliver(&mut peer, &record, std::slice::from_ref(&part));
    assert_eq!(bench.answer(&peer, number), Answer::Acked);
    bench.restart();
    let held = bench.state().record(&record.id()).expect("what was acknowledged");
    assert!(held.parts.iter().all(|part| part.unknown));
}
