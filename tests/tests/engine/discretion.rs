//! What a partner cannot find out from what it is sent: who else a record is for, how many they are, and how far
//! it or anybody else is trusted. A relay finds out whom it serves, and no more.

use std::collections::BTreeMap;
use std::time::Duration;

use comity_core::journal::PartnerChange;
use comity_core::record::{AddresseeDraft, Draft, Header, Part, VerifiedRecord};
use comity_core::test_util::SeededEntropy;
use comity_core::{EconomyId, Kind, Marking, Section, Timestamp, Tlp};
use comity_node::engine::{Command, Reply};
use comity_tests::bench::{Answer, Bench, Peer};
use comity_tests::sim::dice::Dice;
use comity_tests::sim::economy::Economy;
use comity_tests::sim::wire::Said;

use super::heads::{HEADS, head, says};
use super::redaction::{agree, salt};

/// All that is published here goes to partners at this level, and further up.
const LEVELS: [u64; 4] = [3, 3, 3, 3];

/// Somebody whom a record names, and through whom it may come to them.
type Named = (EconomyId, Vec<EconomyId>);

/// An economy that is no partner.
fn stranger(number: u8) -> EconomyId {
    Economy::found(number).id
}

/// A node with four partners under one agreement each, all connected, each of which has said which keyring is its
/// newest.
fn four(levels: [u64; 4]) -> (Bench, Vec<Peer>) {
    let mut bench = Bench::new();
    let mut peers: Vec<_> = (2..6).map(|number| bench.pair(number)).collect();
    for peer in &mut peers {
        peer.features.push(HEADS);
        bench.connect(peer);
        agree(&mut bench, peer, "mou");
        let newest = head(&peer.economy, bench.now);
        says(&mut bench, peer, &newest);
    }
    for (peer, level) in peers.iter().zip(levels) {
        let (economy, change) = (peer.economy.id, PartnerChange::Level(level));
        bench.command(Command::Partner { economy, change }).expect("a level");
    }
    bench.wait(Duration::from_secs(70));
    (bench, peers)
}

/// A record for these, one of whose parts all may have. Those parts of it come first, and in this order, that are for
/// one of them or go through it: the order of the digests would tell runs apart.
fn compose(by: &Economy, named: &[Named], listens: EconomyId, now: Timestamp) -> Composed {
    let mut draft = Draft::new(Kind::Incident);
    let header = Header {
        marking: Some(Marking::new(Tlp::Green)),
        ..Header::new(Section::Summary, "text/plain")
    };
    draft.parts.push((header, b"a bank was hit".to_vec()));
    draft.addressees.extend(named.iter().map(|(economy, relays)| AddresseeDraft {
        relays: relays.clone(),
        ..AddresseeDraft::new(*economy, vec![0])
    }));
    let tried = (0..).map(|seed: u64| {
        // Apart from the seeds of the node's own randomness, or the salts would be found in its receipts.
        let mut entropy = SeededEntropy::new(seed + (1 << 40));
        draft.clone().sign(&by.author, by.id, now, &mut entropy).expect("a draft")
    });
    let mut tried = tried.map(|composed| (composed.record, composed.parts));
    let in_order = |(_, parts): &Composed| {
        let its = parts.iter().filter(|part| concerns(part, listens));
        its.map(|part| part.digest).is_sorted()
    };
    tried.find(in_order).expect("one of a few")
}

type Composed = (VerifiedRecord, Vec<Part>);

/// Whether a part may go to somebody: it says something, or names it or whom it serves.
fn concerns(part: &Part, to: EconomyId) -> bool {
    let named = part.header.addressee.as_ref();
    named.is_none_or(|one| one.economy == Some(to) || one.relays.contains(&to))
}

/// What has left towards a partner, with everything of it that chance, a digest or a signature decides put to zero.
fn without_chance(bench: &mut Bench, to: &Peer, (record, parts): &Composed) -> Vec<u8> {
    let conn = to.conn();
    assert!(bench.delivered(conn).contains(&record.id()), "it is for the one who listens");
    let mut left = bench.left(conn);
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
    assert!(!left.is_empty());
    left
}

fn is_in(bytes: &[u8], id: &EconomyId) -> bool {
    bytes.windows(32).any(|window| window == id.0)
}

/// What the first partner is sent of a record that the node itself publishes for these.
fn heard_of_origin(levels: [u64; 4], named: &[Named]) -> Vec<u8> {
    let (mut bench, peers) = four(levels);
    bench.left(peers[0].conn());
    bench.heard(peers[0].conn());
    let by = bench.node.economy.clone();
    let composed = compose(&by, named, peers[0].economy.id, bench.now);
    let (record, parts) = (Box::new(composed.0.clone()), composed.1.clone());
    let publish = Command::Publish { record, parts, title: String::new(), draft: None };
    assert!(matches!(bench.command(publish), Ok(Reply::Published { .. })));
    bench.wait(Duration::from_secs(70));
    without_chance(&mut bench, &peers[0], &composed)
}

/// What the first partner is sent of a record that the second one signed and brought to the node, which is to pass it
/// on.
fn heard_of_relay(levels: [u64; 4], named: &[Named]) -> Vec<u8> {
    let (mut bench, mut peers) = four(levels);
    bench.left(peers[0].conn());
    bench.heard(peers[0].conn());
    let us = bench.node.economy.id;
    let (by, now) = (peers[1].economy.clone(), bench.now);
    let composed = compose(&by, named, peers[0].economy.id, now);
    let ours: Vec<_> = composed.1.iter().filter(|part| concerns(part, us)).cloned().collect();
    let number = bench.deliver(&mut peers[1], &composed.0, &ours);
    assert_eq!(bench.answer(&peers[1], number), Answer::Acked);
    bench.wait(Duration::from_secs(70));
    without_chance(&mut bench, &peers[0], &composed)
}

/// The ids of the four partners, and of the node.
fn partners() -> ([EconomyId; 4], EconomyId) {
    ([2, 3, 4, 5].map(stranger), stranger(1))
}

/// Others than those that one already names, so many of them: partners and strangers, through relays or not.
fn others(many: usize, through: EconomyId, of: &[EconomyId], dice: &mut Dice) -> Vec<Named> {
    let mut all: Vec<EconomyId> = of.iter().copied().chain((20..30).map(stranger)).collect();
    let mut one = |dice: &mut Dice| {
        let economy = all.remove(dice.below(all.len()));
        let relays = match dice.below(3) {
            0 => Vec::new(),
            1 if economy != through => vec![through],
            _ => vec![stranger(40)],
        };
        (economy, relays)
    };
    (0..many).map(|_| one(dice)).collect()
}

fn some_levels(dice: &mut Dice) -> [u64; 4] {
    [0; 4].map(|_| dice.within(2..=4))
}

/// How many there are is bounded by a power of two, which the number of lines in a manifest says; and neither who they
/// are, nor how far anybody is trusted, changes a byte.
#[test]
fn whom_else_a_record_is_for_is_neither_named_nor_counted() {
    let (peers, _) = partners();
    let mut dice = Dice::new(1);
    let mut alike: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    for round in 0..24 {
        let many = 1 + round % 6;
        let mut named: Vec<Named> = vec![(peers[0], Vec::new())];
        named.extend(others(many, peers[1], &peers[1..], &mut dice));
        let left = heard_of_origin(some_levels(&mut dice), &named);
        let other = named[1..].iter().flat_map(|(economy, relays)| relays.iter().chain([economy]));
        assert!(!other.into_iter().any(|other| is_in(&left, other)), "{named:?}");
        // A line for what it says, and one for each whom it is for.
        let lines = (1 + named.len()).next_power_of_two();
        assert!(*alike.entry(lines).or_insert_with(|| left.clone()) == left, "{named:?}");
    }
    // With more there are more lines, and that this test sees.
    assert_eq!(alike.keys().copied().collect::<Vec<_>>(), [4, 8]);
    assert!(alike[&4] != alike[&8]);
}

#[test]
fn how_far_anybody_is_trusted_is_told_to_nobody() {
    let (peers, _) = partners();
    let named = [(peers[0], Vec::new()), (peers[1], Vec::new())];
    let alike = heard_of_origin(LEVELS, &named);
    for levels in [[2, 3, 3, 3], [4, 3, 3, 3], [3, 2, 4, 0], [4, 0, 0, 0]] {
        assert!(heard_of_origin(levels, &named) == alike, "{levels:?}");
    }
}

/// A relay is told whom it serves, and of nobody else, nor of how many.
#[test]
fn a_relay_learns_of_those_whom_it_serves_alone() {
    let (peers, _) = partners();
    let served = [stranger(10), stranger(11)];
    let mut dice = Dice::new(2);
    let mut alike: Option<Vec<u8>> = None;
    for round in 0..12 {
        // Two whom it serves, and two to five others: eight lines.
        let mut named: Vec<Named> = served.map(|one| (one, vec![peers[0]])).into();
        named.extend(others(2 + round % 4, peers[1], &peers[1..], &mut dice));
        let left = heard_of_origin(some_levels(&mut dice), &named);
        assert!(served.iter().all(|one| is_in(&left, one)), "whom it serves it is told");
        let other = named[2..].iter().flat_map(|(economy, relays)| relays.iter().chain([economy]));
        assert!(!other.into_iter().any(|other| is_in(&left, other)), "{named:?}");
        assert!(*alike.get_or_insert_with(|| left.clone()) == left, "{named:?}");
    }
    let fewer =
        [(served[0], vec![peers[0]]), (served[1], vec![]), (peers[1], vec![]), (peers[2], vec![])];
    assert!(
        alike != Some(heard_of_origin(LEVELS, &fewer)),
        "whom it does not serve it would hear of"
    );
}

/// Behind a relay nobody learns for whom else that passes the record on, nor for whom else its origin meant it, nor how
/// far the relay trusts anybody.
#[test]
fn behind_a_relay_nobody_is_named_or_counted_either() {
    let (peers, us) = partners();
    let mut dice = Dice::new(3);
    let mut alike: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    for round in 0..24 {
        let many = 1 + round % 6;
        let mut named: Vec<Named> = vec![(peers[0], vec![us])];
        named.extend(others(many, us, &peers[2..], &mut dice));
        let left = heard_of_relay(some_levels(&mut dice), &named);
        assert!(is_in(&left, &peers[1]), "whose it is, it says");
        let other = named[1..].iter().flat_map(|(economy, relays)| relays.iter().chain([economy]));
        let mut other = other.filter(|other| **other != us);
        assert!(!other.any(|other| is_in(&left, other)), "{named:?}");
        let lines = (1 + named.len()).next_power_of_two();
        assert!(*alike.entry(lines).or_insert_with(|| left.clone()) == left, "{named:?}");
    }
    assert_eq!(alike.keys().copied().collect::<Vec<_>>(), [4, 8]);
    assert!(alike[&4] != alike[&8]);
}
