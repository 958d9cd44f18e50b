//! What is said about groups has a bound, to the account of who says it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comity_core::group::{
    ApplicationBody, CharterBody, GroupBody, Roster, RosterBody, SponsorshipBody,
};
use comity_core::limits::EPOCHS;
use comity_core::record::{Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::{GroupId, Kind, Timestamp, Tlp};
use comity_node::engine::Command;
use comity_node::limits;
use comity_node::state::Bound;
use comity_tests::bench::{Answer, Bench, Peer, fill, signed};
use comity_tests::sim::economy::Economy;

/// The node founds a group with somebody who is no partner.
fn founds_a_group(bench: &mut Bench) -> GroupId {
    let us = bench.node.economy.clone();
    let text = "format = 1\nname = \"Islands\"\npurpose = \"Early warning\"\n\
        founders = [\"one\", \"two\"]\nstarts = 2020-01-01\nsponsors = { needed = 1 }\n\
        removal = { by = \"secretariat\" }\nterms = { tier = \"mou\" }\n";
    let founders = BTreeSet::from([us.id, Economy::found(8).id]);
    let charter = CharterBody { text: text.to_owned(), founders, sponsors: BTreeSet::new() };
    let (record, parts) = signed(Kind::Group, GroupBody::Charter(charter).encode(), &us, bench);
    let id = GroupId(record.id().0);
    let (record, title) = (Box::new(record), String::new());
    bench.command(Command::Publish { record, parts, title, draft: None }).expect("a charter");
    id
}

fn says(bench: &mut Bench, kind: Kind, body: Vec<u8>) {
    let (record, parts) = signed(kind, body, &bench.node.economy.clone(), bench);
    let (record, title) = (Box::new(record), String::new());
    bench.command(Command::Publish { record, parts, title, draft: None }).expect("a word");
}

fn applies(by: &Economy, number: u64, bench: &Bench) -> (VerifiedRecord, Vec<Part>) {
    let group = bench.state().groups().iter().next().expect("a group").id();
    let (affiliations, answers) = (BTreeSet::from([number.to_string()]), Vec::new());
    let body = GroupBody::Application(ApplicationBody { group, affiliations, answers });
    signed(Kind::Group, body.encode(), by, bench)
}

#[test]
fn words_about_groups_that_lead_to_nothing_have_a_bound() {
    let mut bench = Bench::new();
    let group = founds_a_group(&mut bench);
    let (hostile, mut other, over) =
        fill(&mut bench, Bound::GroupWords, limits::GROUP_WORDS, applies);
    // Who passes on what is too much does not wait for it, and has its own room; it is asked again.
    let number = bench.deliver(&mut other, &over.0, &over.1);
    assert_eq!(bench.answer(&other, number), Answer::Rejected);
    assert_eq!(bench.state().lacking(&other.economy.id, &hostile.economy.id), [number]);
    let (record, parts) = applies(&other.economy, 0, &bench);
    let number = bench.deliver(&mut other, &record, &parts);
    assert_eq!(bench.answer(&other, number), Answer::Acked);
    let said = |by: &Peer| {
        let group = bench.state().groups().get(&group).expect("a group");
        group.idle().get(&by.economy.id).copied().unwrap_or(0)
    };
    assert_eq!((said(&hostile), said(&other)), (limits::GROUP_WORDS, 2));
}

/// The same body, by another key or at another time.
fn said_again(
    record: &VerifiedRecord,
    by: &Economy,
    key: &SecretKey,
    at: Timestamp,
) -> VerifiedRecord {
    let manifest = record.manifest();
    let body = manifest.body.clone().expect("a body");
    control(manifest.kind, body, Tlp::Clear, key, by.id, at).expect("a control record")
}

/// Nobody has shown yet that these are the words of whom they name, so they are to the account of who
/// brings them; and the bound holds for them when they would be taken in.
#[test]
fn words_about_groups_that_wait_are_to_the_account_of_who_brings_them() {
    const BROUGHT: u64 = limits::GROUP_WORDS + 8;
    let mut bench = Bench::new();
    let group = founds_a_group(&mut bench);
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let by = peer.economy.clone();
    let (soon, mut first) = (bench.now.saturating_add(Duration::from_secs(700)), None);
    for number in 0..BROUGHT {
        let (record, parts) = applies(&by, number, &bench);
        let record = said_again(&record, &by, &by.author, soon);
        let delivered = bench.deliver(&mut peer, &record, &parts);
        assert_eq!(bench.answer(&peer, delivered), Answer::Acked, "{number}");
        first.get_or_insert(record.id());
    }
    let counts = |bench: &Bench| {
        let kept = |bound| bench.state().kept_of(&by.id, bound);
        (kept(Bound::GroupWords), kept(Bound::Pending))
    };
    assert_eq!(counts(&bench), (0, BROUGHT));
    bench.wait(Duration::from_secs(200));
    for _ in 0..2 {
        assert_eq!(counts(&bench), (limits::GROUP_WORDS, 8), "no more of them count");
        bench.restart();
    }
    // Where one leads to something, the next counts.
    let taken = bench.state().groups().get(&group).expect("a group").applications();
    let application = taken.map(|one| one.record).next().expect("an application");
    let speaks = SponsorshipBody { group, epoch: 0, application };
    says(&mut bench, Kind::Group, GroupBody::Sponsorship(speaks).encode());
    let us = bench.node.economy.id;
    let roster = bench.state().groups().get(&group).expect("a group").admitting(by.id, us);
    let roster = RosterBody::Roster(roster.expect("a roster")).encode();
    says(&mut bench, Kind::Roster, roster);
    assert_eq!(counts(&bench), (limits::GROUP_WORDS, 7));
    bench.restart();
    assert_eq!(counts(&bench), (limits::GROUP_WORDS, 7));
}

/// The next roster of a group that it founded with the node, as long as that may have one; else a charter.
fn goes_on(by: &Economy, number: u64, bench: &Bench) -> (VerifiedRecord, Vec<Part>) {
    let own = bench.state().groups().iter().filter(|group| group.founding().by() == by.id);
    let Some(group) = own.into_iter().find(|group| group.head().epoch < EPOCHS) else {
        return founds(by, number, bench);
    };
    let roster = Roster {
        group: group.id(),
        epoch: group.head().epoch + 1,
        predecessor: group.head().digest,
        members: [(by.id, BTreeSet::new())].into(),
        changes: BTreeMap::new(),
        handover: None,
    };
    signed(Kind::Roster, RosterBody::Roster(roster).encode(), by, bench)
}

#[test]
fn rosters_have_a_bound() {
    let charters =
        limits::ROSTERS.div_ceil(EPOCHS) + u64::from(limits::ROSTERS.is_multiple_of(EPOCHS));
    let taken = limits::ROSTERS + charters;
    let mut bench = Bench::new();
    let (hostile, ..) = fill(&mut bench, Bound::Rosters, taken, goes_on);
    let kept = |bound| bench.state().kept_of(&hostile.economy.id, bound);
    assert_eq!(kept(Bound::Rosters), limits::ROSTERS);
    assert_eq!(kept(Bound::GroupWords), charters, "they all followed");
}

fn founds(by: &Economy, number: u64, bench: &Bench) -> (VerifiedRecord, Vec<Part>) {
    let text = format!(
        "format = 1\nname = \"Group {number}\"\npurpose = \"None\"\n\
         founders = [\"one\", \"two\"]\nstarts = 2020-01-01\nsponsors = {{ needed = 1 }}\n\
         removal = {{ by = \"secretariat\" }}\nterms = {{ tier = \"mou\" }}\n"
    );
    let founders = BTreeSet::from([by.id, bench.node.economy.id]);
    let charter = CharterBody { text, founders, sponsors: BTreeSet::new() };
    signed(Kind::Group, GroupBody::Charter(charter).encode(), by, bench)
}

#[test]
fn charters_have_a_bound() {
    fill(&mut Bench::new(), Bound::GroupWords, limits::GROUP_WORDS, founds);
}
