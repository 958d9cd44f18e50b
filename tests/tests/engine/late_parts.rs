//! Parts that come late go before everything else, to whoever has others of their record.

use std::time::Duration;

use comity_core::control::{AcceptanceBody, AgreementBody};
use comity_core::record::{Draft, Header, control};
use comity_core::{Kind, Marking, RecordId, Section, Tlp};
use comity_node::engine::{Command, Reply};
use comity_tests::bench::{Bench, Peer, sign};

/// An agreement of these sections, that the partner proposes and the node accepts.
fn agree(bench: &mut Bench, peer: &mut Peer, sections: &str) {
    let (by, ours) = (peer.economy.clone(), bench.node.economy.clone());
    let text = format!(
        "format = 1\ntitle = \"MoU\"\ntier = \"mou\"\nstarts = 2026-01-01\nsections = [{sections}]\n"
    );
    let body = AgreementBody::between(ours.id, by.id, text).expect("two parties").encode();
    let agreement = control(Kind::Agreement, body, Tlp::Clear, &by.author, by.id, bench.now);
    let agreement = agreement.expect("a proposal");
    bench.deliver(peer, &agreement, &[]);
    let body = AcceptanceBody { agreement: agreement.id() }.encode();
    let record = control(Kind::Acceptance, body, Tlp::Clear, &ours.author, ours.id, bench.now);
    let record = Box::new(record.expect("an acceptance"));
    let accept = Command::Publish { record, parts: vec![], title: String::new(), draft: None };
    bench.command(accept).expect("an acceptance");
}

fn publish(bench: &mut Bench) -> RecordId {
    let mut draft = Draft::new(Kind::Incident);
    for section in [Section::Summary, Section::Indicators] {
        let marking = Some(Marking::new(Tlp::Green));
        let header = Header { marking, ..Header::new(section, "text/plain") };
        draft.parts.push((header, section.to_string().into_bytes()));
    }
    let by = bench.node.economy.clone();
    let (record, parts) = sign(draft, &by, bench.now);
    let (record, title) = (Box::new(record), String::new());
    match bench.command(Command::Publish { record, parts, title, draft: None }) {
        Ok(Reply::Published { record, .. }) => record,
        other => unreachable!("{other:?}"),
    }
}

fn lanes(bench: &Bench, peer: &Peer, records: &[RecordId]) -> Vec<u64> {
    let lanes = bench.lanes(peer.conn()).into_iter();
    lanes.filter(|(one, _)| records.contains(one)).map(|(_, lane)| lane).collect()
}

fn acknowledge(bench: &mut Bench, peer: &Peer) {
    let upto = bench.state().partner(&peer.economy.id).expect("a partner").out.head().number;
    bench.control(peer.conn(), Peer::ack(upto));
}

#[test]
fn late_parts_go_before_everything_else_to_whoever_has_the_others() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    agree(&mut bench, &mut peer, "\"summary\"");
    let record = publish(&mut bench);
    bench.wait(Duration::from_secs(1));
    assert_eq!(lanes(&bench, &peer, &[record]), [1]);
    acknowledge(&mut bench, &peer);
    // Long enough to be among what was missed.
    bench.wait(Duration::from_secs(120));
    agree(&mut bench, &mut peer, "\"summary\", \"indicators\"");
    bench.wait(Duration::from_secs(1));
    assert_eq!(lanes(&bench, &peer, &[record]), [1, 0]);
}

/// Where an agreement widens what goes of a hundred records, what is urgent today does not stand behind all of
/// them.
#[test]
fn only_so_many_late_parts_a_minute_overtake() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    agree(&mut bench, &mut peer, "\"summary\"");
    let records: Vec<_> = (0..100)
        .map(|_| {
            // Apart in time, or two would be one record.
            bench.wait(Duration::from_millis(1));
            publish(&mut bench)
        })
        .collect();
    bench.wait(Duration::from_secs(1));
    assert_eq!(lanes(&bench, &peer, &records).len(), 100);
    acknowledge(&mut bench, &peer);
    bench.wait(Duration::from_secs(120));
    agree(&mut bench, &mut peer, "\"summary\", \"indicators\"");
    bench.wait(Duration::from_secs(1));
    let late = lanes(&bench, &peer, &records).split_off(100);
    let urgent = late.iter().filter(|lane| **lane == 0).count();
    assert_eq!((urgent, late.len()), (60, 100));
}
