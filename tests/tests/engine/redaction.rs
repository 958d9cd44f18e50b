//! What is withheld cannot be found in what left: no byte of its content, of what it says of itself, or of its
//! salt.

use std::collections::HashSet;
use std::time::Duration;

use comity_core::control::{AcceptanceBody, AgreementBody};
use comity_core::record::{Draft, Part, VerifiedRecord, control};
use comity_core::test_util::SeededEntropy;
use comity_core::{Kind, PartDigest, Timestamp, Tlp};
use comity_node::engine::{Command, Reply};
use comity_tests::bench::{Bench, Peer};
use comity_tests::sim::dice::Dice;
use comity_tests::sim::economy::Economy;
use comity_tests::sim::records::{Neighbourhood, draft};
use comity_tests::sim::wire::Said;

/// As many bytes as a salt has: whatever is longer is looked for in all of its pieces of this length.
const PIECE: usize = 16;

/// An agreement that the partner proposes and the node accepts.
pub(super) fn agree(bench: &mut Bench, peer: &mut Peer, tier: &str) {
    agree_from(bench, peer, tier, "2026-01-01");
}

/// The same, from this day on.
pub(super) fn agree_from(bench: &mut Bench, peer: &mut Peer, tier: &str, starts: &str) {
    let (by, ours) = (peer.economy.clone(), bench.node.economy.clone());
    let mut text = format!("format = 1\ntitle = \"t\"\ntier = \"{tier}\"\nstarts = {starts}\n");
    if tier == "law-enforcement" {
        text.push_str("desk = \"cyber\"\n");
    }
    let speaks = |kind, body, by: &Economy, at: Timestamp| {
        control(kind, body, Tlp::Clear, &by.author, by.id, at).expect("a control record")
    };
    let body = AgreementBody::between(ours.id, by.id, text).expect("two parties");
    let agreement = speaks(Kind::Agreement, body.encode(), &by, bench.now);
    bench.deliver(peer, &agreement, &[]);
    let body = AcceptanceBody { agreement: agreement.id() }.encode();
    let record = Box::new(speaks(Kind::Acceptance, body, &ours, bench.now));
    let accept = Command::Publish { record, parts: vec![], title: String::new(), draft: None };
    bench.command(accept).expect("an acceptance");
}

pub(super) fn publish(bench: &mut Bench, draft: Draft, seed: u64) -> (VerifiedRecord, Vec<Part>) {
    let by = bench.node.economy.clone();
    // Apart from the seeds of the node's own randomness, or the salts would be found in its receipts.
    let mut entropy = SeededEntropy::new(seed + (1 << 40));
    let composed = draft.sign(&by.author, by.id, bench.now, &mut entropy).expect("a draft");
    let (record, parts) = (Box::new(composed.record.clone()), composed.parts.clone());
    let publish = Command::Publish { record, parts, title: String::new(), draft: None };
    assert!(matches!(bench.command(publish), Ok(Reply::Published { .. })));
    (composed.record, composed.parts)
}

fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.windows(PIECE)
}

/// The salt of a part: what stands before its header, behind a head of one byte.
pub(super) fn salt(part: &Part) -> &[u8] {
    let place = part.bytes.windows(part.encoded_header.len());
    let header = place.into_iter().position(|window| window == part.encoded_header.as_ref());
    &part.bytes[header.expect("a header") - PIECE..][..PIECE]
}

/// Digests of the bodies that a partner was handed.
fn handed(bench: &mut Bench, peer: &Peer) -> HashSet<PartDigest> {
    let said = bench.heard(peer.conn()).into_iter();
    let lines = said.filter_map(|said| match said {
        Said::Batch { lines, .. } => Some(lines),
        _ => None,
    });
    lines.flatten().flat_map(|line| line.entry.parts.clone()).collect()
}

#[test]
fn nothing_of_what_is_withheld_is_among_the_bytes_that_left() {
    let (mut released, mut withheld) = (0, 0);
    for seed in 0..48_u64 {
        let mut bench = Bench::new();
        let (mut mou, mut nda) = (bench.pair(2), bench.pair(3));
        for (peer, tier) in [(&mut mou, "mou"), (&mut nda, "nda")] {
            bench.connect(peer);
            agree(&mut bench, peer, tier);
        }
        let mut dice = Dice::new(seed);
        let partners = vec![mou.economy.id, nda.economy.id];
        let around = Neighbourhood { partners, beyond: Vec::new(), large: 1 };
        let mut sealed = Vec::new();
        for number in 0..6 {
            let mut draft = draft(&around, bench.now, &mut dice);
            for (header, content) in &mut draft.parts {
                header.file_name = Some(hex(&dice.bytes(PIECE)));
                // Of large parts the first leaves are enough.
                content.truncate(200_000);
            }
            sealed.extend(publish(&mut bench, draft, seed * 1000 + number).1);
        }
        bench.wait(Duration::from_secs(70));
        for peer in [&mou, &nda] {
            let handed = handed(&mut bench, peer);
            let left = bench.left(peer.conn());
            let left: HashSet<&[u8]> = pieces(&left).collect();
            for part in &sealed {
                let name = part.header.file_name.as_deref().unwrap_or_default();
                let secret =
                    || pieces(&part.content).chain(pieces(name.as_bytes())).chain([salt(part)]);
                if handed.contains(&part.digest) {
                    released += 1;
                    // Seen, so that a leak would be; large parts wait to be asked for.
                    let small = part.bytes.len() <= 8 * 1024;
                    assert!(!small || secret().all(|piece| left.contains(piece)), "seed {seed}");
                } else {
                    withheld += 1;
                    let found = secret().find(|piece| left.contains(piece));
                    let section = part.header.section;
                    assert!(
                        found.is_none(),
                        "seed {seed}: {section} is withheld: {found:02x?} left"
                    );
                }
            }
        }
    }
    assert!(released > 200 && withheld > 200, "{released} released, {withheld} withheld");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
