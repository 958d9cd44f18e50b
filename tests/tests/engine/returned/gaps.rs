//! What a partner gives back of which it has erased something.

use std::time::Duration;

use comity_core::control::WithdrawalBody;
use comity_core::ledger::{LedgerEntry, Ranges};
use comity_core::record::{AddresseeDraft, Draft, Header, Part, VerifiedRecord, control};
use comity_core::{Kind, Marking, PartDigest, Section, Tlp};
use comity_node::engine::Command;
use comity_proto::ConnId;
use comity_tests::bench::{Peer, advisory, sign};
use comity_tests::sim::wire;
use comity_tests::sim::world::START;

use super::World;

impl World {
    /// The partner has all of this record, and nothing else that went there after the backup.
    pub(super) fn owes(
        &mut self,
        record: &VerifiedRecord,
        parts: &[Part],
    ) -> (ConnId, LedgerEntry) {
        let out = &self.bench.state().partner(&self.holder.economy.id).unwrap().out;
        let (epoch, head) = (out.epoch(), out.head());
        let entry = self.holder.entry(head.number + 1, record, parts);
        let entry = LedgerEntry { epoch, ..entry };
        self.holder.holds = (Some(epoch), head.after(entry.digest()), Ranges::new());
        (self.bench.connect(&mut self.holder), entry)
    }
}

/// A partner that has erased a part of what we sent gives the rest back; so the ledger knows what went there, and
/// what takes it back reaches it.
#[test]
fn what_comes_back_with_gaps_went_whole_and_is_taken_back_from_whoever_has_the_rest() {
    let mut world = World::new();
    let mut draft = Draft::new(Kind::Advisory);
    for (section, text) in [(Section::Summary, "a flaw"), (Section::Detail, "how")] {
        let header = Header {
            marking: Some(Marking::new(Tlp::Clear)),
            ..Header::new(section, "text/plain")
        };
        draft.parts.push((header, text.as_bytes().to_vec()));
    }
    let (record, parts) = sign(draft, &world.by, START);
    let (conn, entry) = world.owes(&record, &parts);
    let stream = world.holder.stream();
    let frame = Peer::frame_with_gaps(&entry, &record, &parts[..1]);
    world.bench.apart(conn, stream, frame);
    assert!(!world.bench.state().awaits_return(&world.holder.economy.id), "all of it is here");
    for _ in 0..2 {
        let state = world.bench.state();
        let held = state.record(&record.id()).expect("it is here again");
        assert!(held.has_part(&parts[0].digest) && !held.has_part(&parts[1].digest));
        let out = &state.partner(&world.holder.economy.id).unwrap().out;
        let went = out.possibly_held(&record.id()).expect("it went there");
        assert_eq!(went.len(), 2, "both went");
        world.bench.restart();
    }
    world.confirm().expect("nothing to be told of");
    let out = &world.bench.state().partner(&world.holder.economy.id).unwrap().out;
    let opening = out.opening().expect("a new epoch");
    let conn = world.bench.connect(&mut world.holder);
    world.bench.control(conn, Peer::accepts(&opening));
    let by = world.by.clone();
    let body = WithdrawalBody::of(vec![record.id()]).expect("one record").encode();
    let withdrawal = control(Kind::Withdrawal, body, Tlp::Clear, &by.author, by.id, START)
        .expect("a withdrawal");
    let publish = Command::Publish {
        record: Box::new(withdrawal.clone()),
        parts: Vec::new(),
        title: String::new(),
        draft: None,
    };
    world.bench.command(publish).unwrap();
    world.bench.wait(Duration::from_secs(1));
    let said = world.bench.heard(conn);
    let told = |one: &wire::Said| match one {
        wire::Said::Batch { returned: false, lines } => {
            lines.iter().any(|line| line.entry.record == withdrawal.id())
        }
        _ => false,
    };
    assert!(said.iter().any(told), "{said:?}");
}

/// Of what it says it erased it shows no bytes; so it says nothing that cannot be seen to be the record's.
#[test]
fn what_is_named_without_bytes_is_a_part_of_the_record() {
    let mut world = World::new();
    let (record, parts) = advisory(&world.by, "whole", START);
    let other = Part { digest: PartDigest([0xbd; 32]), ..parts[0].clone() };
    let named = [parts[0].clone(), other];
    let (conn, entry) = world.owes(&record, &named);
    let stream = world.holder.stream();
    let frame = Peer::frame_with_gaps(&entry, &record, &parts[..1]);
    world.bench.apart(conn, stream, frame);
    for _ in 0..2 {
        let state = world.bench.state();
        assert!(state.record(&record.id()).is_none(), "nothing of it is believed");
        let out = &state.partner(&world.holder.economy.id).unwrap().out;
        assert!(out.possibly_held(&record.id()).is_none());
        world.bench.restart();
    }
    assert_eq!(world.bench.alarms("return-invalid").len(), 1);
}

/// What says that it is for us may be what was erased there: then it is not taken in, and nobody is accused.
#[test]
fn whoever_erased_the_part_that_addressed_it_to_us_is_not_accused() {
    let mut origin = None;
    let mut world = World::after(|bench| origin = Some(bench.pair(3).economy));
    let origin = origin.expect("an economy that is known");
    let mut draft = Draft::new(Kind::Advisory);
    let marking = Some(Marking::new(Tlp::Clear));
    let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"for one alone".to_vec()));
    draft.addressees.push(AddresseeDraft::new(world.by.id, vec![0]));
    let (record, parts) = sign(draft, &origin, START);
    let is_addressee = |part: &&Part| part.header.section == Section::Addressee;
    assert_eq!(parts.iter().filter(is_addressee).count(), 1);
    let left: Vec<_> = parts.iter().filter(|part| !is_addressee(part)).cloned().collect();
    let (conn, entry) = world.owes(&record, &parts);
    let stream = world.holder.stream();
    world.bench.apart(conn, stream, Peer::frame_with_gaps(&entry, &record, &left));
    assert!(!world.bench.state().awaits_return(&world.holder.economy.id), "it is not waited for");
    assert!(world.bench.state().record(&record.id()).is_none());
    assert!(world.bench.alarms("return-invalid").is_empty());
}
