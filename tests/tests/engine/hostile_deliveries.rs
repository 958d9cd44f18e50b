//! Deliveries that verify, and are made to harm whoever takes them in.

use std::collections::BTreeSet;

use comity_core::cbor::Writer;
use comity_core::digest::domains;
use comity_core::journal::{DeliveryDecided, JournalEntry};
use comity_core::ledger::{LedgerEntry, Obligations};
use comity_core::limits::{
    CATEGORIES, DELIVERY_BYTES, ENTRY_BYTES, HEADER_BYTES, LIST, PARTS, RELAYS, TEXT_BYTES,
};
use comity_core::record::{Addressee, Draft, Header, Part, VerifiedRecord};
use comity_core::test_util::listing;
use comity_core::{Class, EconomyId, Kind, Marking, Onward, PartDigest, Section, Tlp};
use comity_node::engine::{Command, CommandError, Input};
use comity_store::{Store as _, StoreError};
use comity_tests::bench::{Answer, Bench, Peer, advisory, sign};
use comity_tests::sim::node::new_entry;
use comity_tests::sim::wire::Said;

/// A header of exactly `length` bytes, filled up by an entry that no version knows yet.
fn header_of(length: usize) -> Vec<u8> {
    let marking = Some(Marking::new(Tlp::Clear));
    let known = Header { marking, ..Header::new(Section::Summary, "text/plain") }.encode();
    let with = |filling: usize| {
        let mut pairs = Writer::new();
        pairs.key(200).bytes(&vec![0; filling]);
        let mut bytes = known.clone();
        bytes[0] += 1;
        bytes.extend_from_slice(&pairs.into_bytes());
        bytes
    };
    let over = with(length).len() - length;
    let header = (0..=8).map(|less| with(length - over + less)).find(|one| one.len() == length);
    header.expect("some filling fits")
}

/// An advisory that lists so many parts, all but nothing but header.
fn all_header(
    (count, length): (usize, usize),
    bench: &Bench,
    peer: &Peer,
) -> (VerifiedRecord, Vec<Part>) {
    let header = header_of(length);
    let parts: Vec<_> =
        (0..count).map(|one| sealed(&header, &(one as u64).to_be_bytes())).collect();
    let by = &peer.economy;
    let record = listing(&parts, Marking::new(Tlp::Clear), &by.author, by.id, bench.now);
    (record.expect("a record"), parts)
}

fn sealed(header: &[u8], content: &[u8]) -> Part {
    let mut writer = Writer::new();
    writer.array(4).text(domains::PART).bytes(&[7; 16]).raw(header).bytes(content);
    Part::decode(writer.into_bytes().into()).expect("a part as the format has it")
}

/// A header of as many bytes as one may have, almost all of which this version reads and would write
/// again; the key that it does not know takes a byte more when it is encoded anew.
fn header_that_would_grow(reader: EconomyId, may_have: &[Part]) -> Vec<u8> {
    let relay = |one: u64| EconomyId(one.to_be_bytes().repeat(4).try_into().expect("32 bytes"));
    let mut listed: Vec<_> = may_have.iter().map(|part| part.digest).collect();
    listed.sort_unstable();
    let mut marking = Marking::new(Tlp::Clear);
    marking.categories = (0..CATEGORIES).map(|one| format!("{one:0TEXT_BYTES$}")).collect();
    let with = |desk: usize| {
        let addressee = Addressee {
            economy: Some(reader),
            desk: Some("d".repeat(desk)),
            group: None,
            relays: (0..RELAYS as u64).map(relay).collect(),
            parts: listed.clone(),
        };
        let header = Header {
            classes: (0..LIST as u64).map(|one| Class::from_code(u64::MAX - one)).collect(),
            marking: Some(marking.clone()),
            addressee: Some(addressee),
            ..Header::new(Section::Addressee, &"t".repeat(TEXT_BYTES))
        };
        let mut bytes = header.encode();
        bytes[0] += 1;
        let mut unknown = Writer::new();
        unknown.key(9).uint(0);
        bytes.extend_from_slice(&unknown.into_bytes());
        bytes
    };
    let header = (1..=TEXT_BYTES).map(with).find(|bytes| bytes.len() == HEADER_BYTES);
    header.expect("some desk fits")
}

#[test]
fn a_part_that_is_read_once_is_read_at_every_start() {
    let mut bench = Bench::new();
    let plain = Header::new(Section::Summary, "text/plain").encode();
    let others = (1..PARTS as u64).map(|one| sealed(&plain, &one.to_be_bytes()));
    let others: Vec<_> = others.collect();
    let header = header_that_would_grow(bench.node.economy.id, &others);
    let part = sealed(&header, b"");
    assert!(part.header.encode().len() > HEADER_BYTES, "it would not be read if encoded anew");
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let by = peer.economy.clone();
    let floor = Marking::new(Tlp::Clear);
    let all = [std::slice::from_ref(&part), &others].concat();
    let record = listing(&all, floor, &by.author, by.id, bench.now).expect("a record");
    let number = bench.deliver(&mut peer, &record, std::slice::from_ref(&part));
    assert_eq!(bench.answer(&peer, number), Answer::Acked);
    bench.restart();
    let held = bench.state().record(&record.id()).expect("what was acknowledged");
    assert!(held.parts.iter().all(|part| part.unknown));
}

#[test]
fn whatever_a_delivery_may_bring_the_journal_takes() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    // As much of it header as a link takes: what the journal adds to each part makes the entry larger.
    let (record, parts) = all_header((PARTS, DELIVERY_BYTES / PARTS - 100), &bench, &peer);
    let load: usize = parts.iter().map(|part| part.bytes.len()).sum();
    assert!(record.signed().len() + load <= DELIVERY_BYTES);
    let number = bench.deliver(&mut peer, &record, &parts);
    assert_eq!(bench.answer(&peer, number), Answer::Acked);
    assert!(bench.engine().failed().is_none());
    let entry = bench.node.entries().pop().expect("the record's entry").body.len();
    assert!(entry > DELIVERY_BYTES && entry <= ENTRY_BYTES, "{entry}");
    bench.restart();
    assert_eq!(bench.state().record(&record.id()).unwrap().parts.len(), parts.len());
}

#[test]
fn a_record_of_our_own_that_no_entry_holds_is_refused() {
    let mut bench = Bench::new();
    let us = Peer::of(bench.node.economy.clone());
    let (record, parts) = all_header((PARTS / 2, HEADER_BYTES), &bench, &us);
    let journal = bench.journal();
    let (record, title) = (Box::new(record), String::new());
    let refused = bench.command(Command::Publish { record, parts, title, draft: None });
    assert!(matches!(refused, Err(CommandError::Unfitting(_))), "{refused:?}");
    assert_eq!(bench.journal(), journal);
    let token = bench.publish("a small one");
    assert!(matches!(bench.reply(token), Some(Ok(_))));
}

#[test]
fn a_batch_that_the_store_does_not_take_is_no_broken_disk() {
    for error in [
        StoreError::TooLarge { what: "an entry's bytes", found: 2, bound: 1 },
        StoreError::Erased(PartDigest([1; 32])),
    ] {
        let mut bench = Bench::new();
        bench.slow_disk = true;
        let lost = bench.publish("refused");
        let token = bench.engine().last_unsynced().expect("a batch");
        bench.input(Input::Appended { token, result: Err(error) });
        assert!(matches!(bench.reply(lost), Some(Err(CommandError::Store(_)))));
        assert_eq!(bench.alarms("store-refused").len(), 1);
        assert!(bench.alarms("store-failed").is_empty());
        assert!(bench.engine().is_full(), "the state may be folded anew, and the node goes on");
    }
}

/// A section of more than one chunk, that everybody may have and pass on.
fn large(section: Section, text: &str) -> (Header, Vec<u8>) {
    let mut marking = Marking::new(Tlp::Clear);
    marking.onward = Onward::WithinMarking;
    let header = Header { marking: Some(marking), ..Header::new(section, "text/plain") };
    (header, text.as_bytes().repeat((1 << 20) / text.len() + 1))
}

/// Acknowledges whatever comes until nothing more does; the parts that came of a record.
fn takes(bench: &mut Bench, reader: &Peer, record: &VerifiedRecord) -> BTreeSet<PartDigest> {
    let mut came = BTreeSet::new();
    loop {
        bench.wait(std::time::Duration::from_secs(2));
        let said = bench.heard(reader.conn()).into_iter();
        let lines = said.filter_map(|said| match said {
            Said::Batch { lines, .. } => Some(lines),
            _ => None,
        });
        let lines: Vec<_> = lines.flatten().collect();
        let Some(last) = lines.iter().map(|line| line.entry.number).max() else { return came };
        let of_record = lines.iter().filter(|line| line.entry.record == record.id());
        came.extend(of_record.flat_map(|line| line.entry.parts.iter().copied()));
        bench.control(reader.conn(), Peer::ack(last));
    }
}

#[test]
fn a_delivery_that_no_link_has_room_for_does_not_stand_in_the_way() {
    let mut bench = Bench::new();
    let (mut origin, mut reader) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut origin);
    bench.connect(&mut reader);
    let mut draft = Draft::new(Kind::Incident);
    draft.parts.push(large(Section::Summary, "a summary "));
    draft.parts.push(large(Section::Case, "CASE-1 "));
    draft.parts.push(large(Section::Case, "CASE-2 "));
    let (record, parts) = sign(draft, &origin.economy, bench.now);
    bench.deliver(&mut origin, &record, &parts[..1]);
    assert_eq!(takes(&mut bench, &reader, &record), [parts[0].digest].into());
    // Each case number goes with a part that says something: all three at once no link takes.
    bench.deliver(&mut origin, &record, &parts[1..]);
    let (next, text) = advisory(&origin.economy, "and then", bench.now);
    let number = bench.deliver(&mut origin, &next, &text);
    assert_eq!(bench.answer(&origin, number), Answer::Acked);
    let came = takes(&mut bench, &reader, &record);
    assert_eq!(came, parts.iter().map(|part| part.digest).collect());
    let held = bench.state().record(&next.id()).expect("what was acknowledged");
    let out = &bench.state().partner(&reader.economy.id).unwrap().out;
    assert_eq!(out.outstanding_count(), 0, "{}", held.reference);
}

#[test]
fn a_number_that_no_link_has_room_for_is_taken_back() {
    let mut bench = Bench::new();
    let (mut origin, mut reader) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut origin);
    let mut draft = Draft::new(Kind::Incident);
    for name in ["one ", "two ", "three "] {
        draft.parts.push(large(Section::Detail, name));
    }
    let (record, parts) = sign(draft, &origin.economy, bench.now);
    bench.deliver(&mut origin, &record, &parts[..2]);
    bench.deliver(&mut origin, &record, &parts[2..]);
    // As an earlier version numbered it.
    let mut all: Vec<_> = parts.iter().map(|part| part.digest).collect();
    all.sort_unstable();
    let out = &bench.state().partner(&reader.economy.id).unwrap().out;
    let entry = LedgerEntry {
        epoch: out.epoch(),
        number: out.next_number(),
        record: record.id(),
        parts: all.clone(),
        obligations: Obligations::unbound(),
        salt: [0; 16],
    };
    let decided = DeliveryDecided {
        to: reader.economy.id,
        entry,
        policy: 1,
        covering: None,
        withheld: Vec::new(),
        returned: false,
        at: bench.now,
    };
    let entry = new_entry(&JournalEntry::Delivery(decided), Vec::new());
    bench.node.store.append(vec![entry]).expect("an entry");
    bench.restart();
    reader.holds = (None, comity_core::ledger::Head::START, comity_core::ledger::Ranges::new());
    bench.connect(&mut reader);
    let came = takes(&mut bench, &reader, &record);
    assert_eq!(bench.alarms("too-heavy").len(), 1);
    assert_eq!(came.into_iter().collect::<Vec<_>>(), all, "it goes in several instead");
}
