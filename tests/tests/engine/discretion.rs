//! What a partner cannot find out from what it is sent: who else a record is for, how many they are, and how far
//! it or anybody else is trusted.

use std::time::Duration;

use comity_core::journal::PartnerChange;
use comity_core::record::{AddresseeDraft, Draft, Header};
use comity_core::{EconomyId, Kind, Marking, Section, Tlp};
use comity_node::engine::Command;
use comity_tests::bench::{Bench, Peer};
use comity_tests::sim::wire::Said;

use super::redaction::{agree, publish, salt};

/// A node with four partners under one agreement each, all connected; the first of them listens.
fn four() -> (Bench, Vec<Peer>) {
    let mut bench = Bench::new();
    let mut peers: Vec<_> = (2..6).map(|number| bench.pair(number)).collect();
    for peer in &mut peers {
        bench.connect(peer);
        agree(&mut bench, peer, "mou");
    }
    (bench, peers)
}

/// What the first partner was sent of a record for these (by place), with everything in it that chance, a digest or a
/// signature decides put to zero.
fn heard(levels: [u64; 4], named: &[usize]) -> (Vec<u8>, Vec<EconomyId>) {
    let (mut bench, peers) = four();
    for (peer, level) in peers.iter().zip(levels) {
        let (economy, change) = (peer.economy.id, PartnerChange::Level(level));
        bench.command(Command::Partner { economy, change }).expect("a level");
    }
    bench.wait(Duration::from_secs(70));
    let conn = peers[0].conn();
    bench.left(conn);
    bench.heard(conn);
    let mut draft = Draft::new(Kind::Incident);
    let marking = Some(Marking::new(Tlp::Green));
    let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"a bank was hit".to_vec()));
    let to = named.iter().map(|place| AddresseeDraft::new(peers[*place].economy.id, vec![0]));
    draft.addressees.extend(to);
    let (record, parts) = publish(&mut bench, draft, 7);
    bench.wait(Duration::from_secs(70));
    let mut left = bench.left(conn);
    assert!(bench.delivered(conn).contains(&record.id()), "it is for the one who listens");
    let mut opaque: Vec<Vec<u8>> = Vec::new();
    for said in bench.heard(conn) {
        match said {
            Said::Receipt(signed) => opaque.push(signed.to_vec()),
            Said::Batch { lines, .. } => {
                opaque.extend(lines.iter().map(|line| line.entry.salt.to_vec()));
            }
            _ => {}
        }
    }
    let digests = record.manifest().parts.iter().map(|entry| entry.digest.0.to_vec());
    opaque.extend(digests);
    opaque.extend(parts.iter().map(|part| salt(part).to_vec()));
    opaque.extend([record.id().0.to_vec(), record.signed()[record.signed().len() - 64..].to_vec()]);
    for opaque in opaque {
        while let Some(at) = left.windows(opaque.len()).position(|window| window == opaque) {
            left[at..at + opaque.len()].fill(0);
        }
    }
    (left, peers[1..].iter().map(|peer| peer.economy.id).collect())
}

/// How many there are is bounded by a power of two, which the number of lines in a manifest says.
#[test]
fn whom_else_a_record_is_for_is_neither_named_nor_counted() {
    const LEVELS: [u64; 4] = [3, 3, 3, 3];
    let (alike, others) = heard(LEVELS, &[0, 1]);
    let is_in = |bytes: &[u8], id: &EconomyId| bytes.windows(32).any(|window| window == id.0);
    for named in [&[0, 2][..], &[0, 3], &[0, 1, 2], &[0, 2, 3]] {
        let (left, _) = heard(LEVELS, named);
        assert!(!left.is_empty());
        assert!(left == alike, "{named:?}");
        assert!(!others.iter().any(|other| is_in(&left, other)), "{named:?}");
    }
    // With one more it is the next power of two, and that this test sees.
    assert!(heard(LEVELS, &[0, 1, 2, 3]).0 != alike);
}

#[test]
fn how_far_anybody_is_trusted_is_told_to_nobody() {
    let (alike, _) = heard([3, 3, 3, 3], &[0, 1]);
    for levels in [[2, 3, 3, 3], [4, 3, 3, 3], [3, 2, 4, 0], [4, 0, 0, 0]] {
        assert!(heard(levels, &[0, 1]).0 == alike, "{levels:?}");
    }
}
