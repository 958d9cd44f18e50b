//! Agreements that are amended: what goes, and that both sides end with the same.

use std::collections::BTreeMap;
use std::time::Duration;

use comity_core::control::{AcceptanceBody, AgreementBody, TerminationBody};
use comity_core::policy::{Agreement, Place};
use comity_core::record::{Draft, Header, VerifiedRecord, control};
use comity_core::{Kind, Marking, RecordId, Section, Timestamp, Tlp};
use comity_node::engine::{Command, CommandError};
use comity_node::state::Compact;
use comity_tests::bench::{Bench, Peer, sign};
use comity_tests::sim::dice::Dice;
use comity_tests::sim::economy::Economy;

const DAY: Duration = Duration::from_secs(24 * 3600);

const SUMMARY: &str = "sections = [\"summary\"]\n";
const BOTH: &str = "sections = [\"summary\", \"indicators\"]\n";

fn text(starts: &str, more: &str) -> String {
    format!("format = 1\ntitle = \"NDA\"\ntier = \"nda\"\nstarts = {starts}\n{more}")
}

fn speaks(kind: Kind, body: Vec<u8>, by: &Economy, at: Timestamp) -> VerifiedRecord {
    control(kind, body, Tlp::Clear, &by.author, by.id, at).expect("a control record")
}

/// A text that takes the place of another, or of none.
fn proposal(
    by: &Economy,
    to: &Economy,
    amends: &[RecordId],
    text: String,
    at: Timestamp,
) -> VerifiedRecord {
    let body = AgreementBody::between(by.id, to.id, text).expect("two parties");
    let body = body.amending(amends.iter().copied());
    speaks(Kind::Agreement, body.encode(), by, at)
}

fn says(bench: &mut Bench, record: &VerifiedRecord) -> Result<(), CommandError> {
    let record = Box::new(record.clone());
    let publish = Command::Publish { record, parts: vec![], title: String::new(), draft: None };
    bench.command(publish).map(drop)
}

/// One node, and a partner with whom it has agreed on summaries.
struct Agreed {
    bench: Bench,
    peer: Peer,
    first: RecordId,
}

impl Agreed {
    fn new() -> Self {
        let mut bench = Bench::new();
        let mut peer = bench.pair(2);
        bench.connect(&mut peer);
        let first = RecordId([0; 32]);
        let mut agreed = Self { bench, peer, first };
        let first = agreed.ours(&[], &text("2026-01-01", SUMMARY)).expect("a first proposal");
        agreed.theirs_accepts(first);
        agreed.first = first;
        agreed
    }

    fn ours(&mut self, amends: &[RecordId], text: &str) -> Result<RecordId, CommandError> {
        let (us, them) = (&self.bench.node.economy, &self.peer.economy);
        let record = proposal(us, them, amends, text.to_owned(), self.bench.now);
        says(&mut self.bench, &record).map(|()| record.id())
    }

    fn theirs(&mut self, amends: &[RecordId], text: &str) -> RecordId {
        let (us, them) = (&self.bench.node.economy, &self.peer.economy);
        let record = proposal(them, us, amends, text.to_owned(), self.bench.now);
        self.bench.deliver(&mut self.peer, &record, &[]);
        record.id()
    }

    fn theirs_accepts(&mut self, agreement: RecordId) {
        self.theirs_accepts_at(agreement, self.bench.now);
    }

    fn theirs_accepts_at(&mut self, agreement: RecordId, at: Timestamp) {
        let body = AcceptanceBody { agreement }.encode();
        let record = speaks(Kind::Acceptance, body, &self.peer.economy, at);
        self.bench.deliver(&mut self.peer, &record, &[]);
    }

    fn theirs_ends(&mut self, agreement: RecordId, effective: Timestamp) {
        let body = TerminationBody { agreement, effective }.encode();
        let word = speaks(Kind::Termination, body, &self.peer.economy, self.bench.now);
        self.bench.deliver(&mut self.peer, &word, &[]);
    }

    fn ours_ends(&mut self, agreement: RecordId) -> Result<(), CommandError> {
        let body = TerminationBody { agreement, effective: self.bench.now }.encode();
        let word = speaks(Kind::Termination, body, &self.bench.node.economy, self.bench.now);
        says(&mut self.bench, &word)
    }

    /// The texts that permit now, and those that bind.
    fn stand(&self) -> (Vec<RecordId>, Vec<RecordId>) {
        let (now, to) = (self.bench.now, self.peer.economy.id);
        let signed = self.bench.state().policy().partner(&to).expect("a partner");
        let texts = |which: fn(&Agreement, Timestamp) -> bool| {
            let all = signed.agreements.iter().filter(|one| which(one, now));
            let mut texts: Vec<_> = all.map(Agreement::id).collect();
            texts.sort_unstable();
            texts
        };
        (texts(Agreement::in_force), texts(Agreement::binds))
    }

    /// The link comes up anew.
    fn reconnects(&mut self) {
        self.bench.sever(self.peer.conn());
        self.peer.boot();
        self.bench.connect(&mut self.peer);
    }

    fn ours_accepts(&mut self, agreement: RecordId) -> Result<(), CommandError> {
        let body = AcceptanceBody { agreement }.encode();
        let record = speaks(Kind::Acceptance, body, &self.bench.node.economy, self.bench.now);
        says(&mut self.bench, &record)
    }

    /// A GREEN record of ours with a summary and indicators; which of its parts would go.
    fn publish(&mut self) -> RecordId {
        let mut draft = Draft::new(Kind::Incident);
        draft.marking = Some(Marking::new(Tlp::Green));
        draft.parts.push((Header::new(Section::Summary, "text/plain"), b"what happened".to_vec()));
        draft.parts.push((Header::new(Section::Indicators, "text/csv"), b"192.0.2.1".to_vec()));
        let (record, parts) = sign(draft, &self.bench.node.economy, self.bench.now);
        let (id, record) = (record.id(), Box::new(record));
        let publish = Command::Publish { record, parts, title: String::new(), draft: None };
        self.bench.command(publish).expect("a record");
        self.passes();
        id
    }

    /// A moment, in which what may go goes.
    fn passes(&mut self) {
        for _ in 0..2 {
            self.bench.wait(Duration::from_secs(1));
        }
    }

    /// How many parts of a record the partner has a number for.
    fn numbered(&self, record: RecordId) -> usize {
        let partner = self.bench.state().partner(&self.peer.economy.id).expect("a partner");
        partner.out.possibly_held(&record).map_or(0, |parts| parts.len())
    }

    fn goes(&self, record: RecordId) -> Vec<Section> {
        let held = self.bench.state().record(&record).expect("it is here");
        let plan = self.bench.state().plan(held, &self.peer.economy.id, self.bench.now);
        let releases = plan.releases();
        let going = held.parts.iter().filter(|part| releases.contains(&part.digest));
        going.map(|part| part.section).collect()
    }

    fn refused(&mut self, agreement: RecordId, why: &str) {
        match self.ours_accepts(agreement) {
            Err(CommandError::Unfitting(said)) => assert!(said.contains(why), "{said}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_proposal_changes_nothing_and_its_acceptance_everything_at_once() {
    let mut agreed = Agreed::new();
    let record = agreed.publish();
    let conn = agreed.peer.conn();
    assert_eq!(agreed.goes(record), [Section::Summary]);
    let deliveries = |agreed: &Agreed| {
        agreed.bench.delivered(conn).into_iter().filter(|one| *one == record).count()
    };
    assert_eq!(deliveries(&agreed), 1);
    let to = agreed.peer.economy.id;
    let upto = agreed.bench.state().partner(&to).expect("a partner").out.head().number;
    agreed.bench.control(conn, Peer::ack(upto));
    // Long enough to be among what was missed.
    agreed.bench.wait(Duration::from_secs(120));

    let wider = agreed.ours(&[agreed.first], &text("2026-01-01", BOTH)).expect("an amendment");
    assert_eq!(agreed.goes(record), [Section::Summary], "nobody has accepted it");
    agreed.theirs_accepts(wider);
    let accepted = agreed.bench.now;
    agreed.passes();
    assert_eq!(agreed.goes(record), [Section::Summary, Section::Indicators]);
    assert_eq!(deliveries(&agreed), 2, "what it lets go leaves by itself");
    let lanes = agreed.bench.lanes(conn).into_iter().filter(|(one, _)| *one == record);
    let lanes: Vec<_> = lanes.map(|(_, lane)| lane).collect();
    assert_eq!(lanes, [1, 0], "late parts go urgent to whoever has the others");
    let replaced = agreed.bench.state().policy().agreement(&agreed.first).expect("it was signed");
    assert_eq!(replaced.until(), Some(accepted));
    assert_eq!(replaced.replaced().map(|one| one.by), Some(wider));

    let narrower = agreed.theirs(&[wider], &text("2026-01-01", SUMMARY));
    assert_eq!(agreed.goes(record).len(), 2);
    agreed.ours_accepts(narrower).expect("it fits");
    for _ in 0..2 {
        assert_eq!(agreed.goes(record), [Section::Summary], "at once");
        agreed.bench.restart();
    }
}

#[test]
fn an_amendment_that_starts_later_leaves_the_old_text_until_then() {
    let mut agreed = Agreed::new();
    let record = agreed.publish();
    let later = agreed.bench.now.saturating_add(DAY).to_string();
    let day = later.split_once('T').expect("a day").0.to_owned();
    let wider = agreed.ours(&[agreed.first], &text(&day, BOTH)).expect("an amendment");
    agreed.theirs_accepts(wider);
    assert_eq!(agreed.goes(record), [Section::Summary]);
    assert_eq!(agreed.numbered(record), 1);
    agreed.bench.wait(DAY);
    agreed.passes();
    assert_eq!(agreed.goes(record), [Section::Summary, Section::Indicators]);
    assert_eq!(agreed.numbered(record), 2, "it went when it began");
}

fn sorted<const N: usize>(mut texts: [RecordId; N]) -> Vec<RecordId> {
    texts.sort_unstable();
    texts.to_vec()
}

#[test]
fn what_amends_something_that_is_agreed_no_more_is_refused_with_the_reason() {
    let mut agreed = Agreed::new();
    let first = agreed.first;
    let one = agreed.theirs(&[first], &text("2026-01-01", BOTH));
    let other = agreed.theirs(&[first], &text("2026-01-01", "max-tlp = \"GREEN\"\n"));
    let over = agreed.theirs(&[first], &text("2026-01-01", "ends = 2026-02-01\n"));
    agreed.refused(over, "its last day was 2026-02-01");
    agreed.ours_accepts(one).expect("the first of two");
    agreed.refused(other, "another text than the one in force");
    let again = agreed.ours(&[first], &text("2026-01-01", ""));
    assert!(matches!(again, Err(CommandError::Unfitting(_))), "nor is it proposed");

    let never = agreed.theirs(&[RecordId([9; 32])], &text("2026-01-01", ""));
    agreed.refused(never, "not here");
    let open = agreed.theirs(&[one], &text("2026-01-01", SUMMARY));
    let upon = agreed.theirs(&[open], &text("2026-01-01", SUMMARY));
    agreed.refused(upon, "never agreed");
    let rival = agreed.ours(&[one], &text("2026-01-01", "")).expect("an amendment of ours");
    agreed.refused(open, "would take the place of the same text");
    agreed.ours_ends(rival).expect("it is taken back");
    let named = agreed.ours_ends(one).expect_err("both have signed it");
    assert!(named.to_string().contains("first text"), "{named}");

    let effective = agreed.bench.now.saturating_add(DAY);
    agreed.theirs_ends(first, effective);
    agreed.refused(open, "was ended");
    let current = agreed.bench.state().policy().agreement(&one).expect("it is signed");
    assert_eq!(current.until(), Some(effective), "the first text names all of the agreement");
}

/// A partner that accepts what was taken back, or a second one, brings nothing back and sheds nothing, whatever
/// date it writes; and both settle it together.
#[test]
fn no_date_decides_and_what_is_contested_is_settled_by_both() {
    let hours = [0_u32, 1, 23, 25, 48, 24 * 300];
    for back in hours.map(|hours| Duration::from_secs(3600) * hours) {
        let mut agreed = Agreed::new();
        let first = agreed.first;
        let lax = agreed.ours(&[first], &text("2026-01-01", BOTH)).expect("an amendment");
        agreed.ours_ends(lax).expect("it is taken back");
        let strict = agreed.theirs(&[first], &text("2026-01-01", SUMMARY));
        agreed.ours_accepts(strict).expect("it fits");
        assert_eq!(agreed.stand(), (vec![strict], vec![strict]));
        agreed.bench.now = agreed.bench.now.saturating_add(DAY * 301);
        let record = agreed.publish();
        agreed.reconnects();
        agreed.theirs_accepts_at(lax, agreed.bench.now.saturating_sub(back));
        for _ in 0..2 {
            assert_eq!(agreed.goes(record), [], "dated back by {back:?}");
            assert_eq!(agreed.stand(), (vec![], sorted([first, lax, strict])), "{back:?}");
            let place = agreed.bench.state().agreements().with(agreed.peer.economy.id);
            assert_eq!(place.place(&strict), Some(Place::Contested));
            agreed.bench.restart();
        }
        agreed.reconnects();
        let one = agreed.ours(&[strict], &text("2026-01-01", SUMMARY));
        assert!(one.is_err(), "an amendment of one of them settles nothing");
        let heads = sorted([lax, strict]);
        let settled = agreed.ours(&heads, &text("2026-01-01", BOTH)).expect("it names both");
        assert_eq!(agreed.goes(record), []);
        agreed.theirs_accepts(settled);
        assert_eq!(agreed.goes(record), [Section::Summary, Section::Indicators]);
        assert_eq!(agreed.stand(), (vec![settled], vec![settled]));
    }
}

/// An end that is dated back neither drops a text nor shortens a notice.
#[test]
fn whoever_ends_it_sheds_nothing_before_its_notice() {
    let mut agreed = Agreed::new();
    let notice = format!("{SUMMARY}notice = \"90 days\"\n");
    let strict = agreed.theirs(&[agreed.first], &text("2026-01-01", &notice));
    agreed.ours_accepts(strict).expect("it fits");
    agreed.theirs_ends(agreed.first, Timestamp::EPOCH);
    for _ in 0..2 {
        assert_eq!(agreed.stand(), (vec![], vec![strict]));
        agreed.bench.restart();
    }
    agreed.bench.wait(DAY * 89);
    assert_eq!(agreed.stand(), (vec![], vec![strict]));
    agreed.bench.wait(DAY);
    assert_eq!(agreed.stand(), (vec![], vec![]));
}

/// A node of before there were amendments refuses them for good: it is not asked, and nothing goes to it.
#[test]
fn an_amendment_goes_to_nobody_who_does_not_understand_it() {
    let mut agreed = Agreed::new();
    let (first, conn) = (agreed.first, agreed.peer.conn());
    agreed.bench.sever(conn);
    agreed.peer.features = vec![1, 2];
    agreed.peer.boot();
    agreed.bench.connect(&mut agreed.peer);
    let refused = agreed.ours(&[first], &text("2026-01-01", BOTH)).expect_err("not understood");
    assert!(refused.to_string().contains("understands amendments"), "{refused}");

    agreed.peer.features = vec![1, 2, 3];
    agreed.reconnects();
    agreed.bench.sever(agreed.peer.conn());
    let proposed = agreed.ours(&[first], &text("2026-01-01", BOTH)).expect("its last word was yes");
    agreed.peer.features = vec![1, 2];
    agreed.peer.boot();
    let conn = agreed.bench.connect(&mut agreed.peer);
    agreed.passes();
    assert!(!agreed.bench.delivered(conn).contains(&proposed), "it was put back meanwhile");
    agreed.peer.features = vec![1, 2, 3];
    agreed.reconnects();
    agreed.passes();
    assert!(agreed.bench.delivered(agreed.peer.conn()).contains(&proposed));
}

/// Two nodes, and what each has said that the other has not heard.
struct Two {
    nodes: [Bench; 2],
    /// How each of them appears to the other.
    peers: [Peer; 2],
    unheard: [Vec<VerifiedRecord>; 2],
}

impl Two {
    fn new() -> Self {
        let mut nodes = [Bench::of(1), Bench::of(2)];
        let mut peers = [nodes[1].pair(1), nodes[0].pair(2)];
        nodes[1].connect(&mut peers[0]);
        nodes[0].connect(&mut peers[1]);
        Self { nodes, peers, unheard: [Vec::new(), Vec::new()] }
    }

    /// A node says something, if it may.
    fn says(&mut self, node: usize, kind: Kind, body: Vec<u8>) {
        let by = self.nodes[node].node.economy.clone();
        let record = speaks(kind, body, &by, self.nodes[node].now);
        if says(&mut self.nodes[node], &record).is_ok() {
            self.unheard[1 - node].push(record);
        }
    }

    /// A node hears one of the words that wait for it.
    fn hears(&mut self, node: usize, dice: &mut Dice) {
        if self.unheard[node].is_empty() {
            return;
        }
        let place = dice.below(self.unheard[node].len());
        let record = self.unheard[node].swap_remove(place);
        self.nodes[node].deliver(&mut self.peers[1 - node], &record, &[]);
    }

    fn restart(&mut self, node: usize) {
        self.nodes[node].restart();
        self.nodes[node].connect(&mut self.peers[1 - node]);
    }

    fn waits(&mut self, time: Duration) {
        for node in &mut self.nodes {
            node.wait(time);
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        let node = dice.below(2);
        let (us, them) = (self.nodes[node].node.economy.id, self.nodes[1 - node].node.economy.id);
        let state = self.nodes[node].state();
        let trees = state.agreements().with(them);
        let heads = trees.iter().next().map(|tree| tree.heads.clone()).unwrap_or_default();
        let open = || state.agreements().iter().filter(|(_, one)| one.is_open());
        let theirs: Vec<_> =
            open().filter(|(_, one)| one.proposer != us).map(|(id, _)| *id).collect();
        let ours: Vec<_> =
            open().filter(|(_, one)| one.proposer == us).map(|(id, _)| *id).collect();
        match dice.below(14) {
            0..4 => {
                let starts = ["2026-01-01", "2026-01-01", "2026-11-23", "2026-11-25"];
                let starts = dice.choose(&starts).copied().unwrap_or_default();
                let more = ["", "", "notice = \"2 days\"\n", "ends = 2026-11-26\n"];
                let more = dice.choose(&more).copied().unwrap_or_default();
                let body = AgreementBody::between(us, them, text(starts, more)).expect("two");
                self.says(node, Kind::Agreement, body.amending(heads).encode());
            }
            4..8 => {
                if let Some(agreement) = dice.choose(&theirs).copied() {
                    self.says(node, Kind::Acceptance, AcceptanceBody { agreement }.encode());
                }
            }
            8 => {
                // Mostly a proposal is taken back, while it may just be accepted.
                let first = trees.iter().next().map(|tree| tree.first);
                let ended = if dice.percent(85) {
                    dice.choose(&ours).copied()
                } else {
                    first.filter(|_| dice.percent(40))
                };
                if let Some(agreement) = ended {
                    let time = dice.millis(0..=200_000_000);
                    let effective = self.nodes[node].now.saturating_add(time);
                    let body = TerminationBody { agreement, effective }.encode();
                    self.says(node, Kind::Termination, body);
                }
            }
            9 => self.restart(node),
            10 => self.waits(dice.millis(1..=3_600_000)),
            _ => self.hears(node, dice),
        }
    }

    /// The texts that bind on each of the next days.
    fn binds(&self, node: usize) -> Vec<Vec<RecordId>> {
        let bench = &self.nodes[node];
        let partner = bench.state().policy().partner(&self.nodes[1 - node].node.economy.id);
        let signed = partner.map(|one| one.agreements.clone()).unwrap_or_default();
        let at = |day: u32| bench.now.saturating_add(DAY.saturating_mul(day));
        let bind = |now: Timestamp| {
            let mut texts: Vec<_> =
                signed.iter().filter(|one| one.binds(now)).map(Agreement::id).collect();
            texts.sort_unstable();
            texts
        };
        (0..8).map(|day| bind(at(day))).collect()
    }

    /// The texts that permit on each of the next days, and on which day the agreement ends.
    fn applies(&self, node: usize) -> Vec<Vec<RecordId>> {
        let bench = &self.nodes[node];
        let partner = bench.state().policy().partner(&self.nodes[1 - node].node.economy.id);
        let signed = partner.map(|one| one.agreements.clone()).unwrap_or_default();
        let at = |day: u32| bench.now.saturating_add(DAY.saturating_mul(day));
        let permits = |now: Timestamp| {
            signed.iter().filter(|one| one.in_force(now)).map(Agreement::id).collect()
        };
        (0..8).map(|day| permits(at(day))).collect()
    }
}

#[test]
fn both_sides_end_with_the_same_text_whatever_came_first() {
    let mut seen = BTreeMap::new();
    for seed in 0..150 {
        let (mut two, mut dice) = (Two::new(), Dice::new(seed));
        let (one, other) = (two.nodes[0].node.economy.id, two.nodes[1].node.economy.id);
        let body = AgreementBody::between(one, other, text("2026-01-01", "")).expect("two parties");
        two.says(0, Kind::Agreement, body.encode());
        two.hears(1, &mut dice);
        let agreement = *two.nodes[1].state().agreements().iter().next().expect("it came").0;
        two.says(1, Kind::Acceptance, AcceptanceBody { agreement }.encode());
        two.hears(0, &mut dice);
        for _ in 0..80 {
            two.step(&mut dice);
            for node in 0..2 {
                let all = two.applies(node);
                assert!(all.iter().all(|texts| texts.len() <= 1), "seed {seed}: {all:?}");
                let tree = two.nodes[node].state().agreements().tree(&agreement).expect("a tree");
                let text = |id| two.nodes[node].state().agreements().get(id).expect("it is here");
                let settled = tree.texts.iter().map(text).any(|one| {
                    let over = one.terms().is_some_and(|terms| terms.ends().is_some());
                    one.text.amends().len() > 1 || one.text.is_ended() || over
                });
                let over = tree.contested || tree.ends.is_some() || settled;
                assert!(over || all.iter().all(|texts| texts.len() == 1), "seed {seed}");
            }
        }
        while two.unheard.iter().any(|waiting| !waiting.is_empty()) {
            for node in 0..2 {
                two.hears(node, &mut dice);
            }
        }
        for node in 0..2 {
            if dice.percent(50) {
                two.restart(node);
            }
        }
        assert_eq!(two.applies(0), two.applies(1), "seed {seed}");
        assert_eq!(two.binds(0), two.binds(1), "seed {seed}");
        let trees = [(0, other), (1, one)].map(|(node, partner)| {
            let trees = two.nodes[node].state().agreements().with(partner);
            trees.iter().cloned().collect::<Vec<_>>()
        });
        assert_eq!(trees[0], trees[1], "seed {seed}");
        let tree = &trees[0][0];
        *seen.entry("ended").or_insert(0) += usize::from(tree.ends.is_some());
        *seen.entry("amended").or_insert(0) += usize::from(tree.texts.len() > 1);
        *seen.entry("twice").or_insert(0) += usize::from(tree.texts.len() > 2);
        *seen.entry("contested").or_insert(0) += usize::from(tree.contested);
        let text = |id: &RecordId| two.nodes[0].state().agreements().get(id).expect("it is here");
        let settles = |one: &Compact| {
            let taken_back = |named: &RecordId| text(named).text.is_ended();
            one.text.amends().iter().any(|named| *named != tree.first && taken_back(named))
        };
        let settled = tree.texts.iter().map(text).any(settles);
        *seen.entry("settled").or_insert(0) += usize::from(settled);
    }
    // Otherwise it would show nothing.
    assert!(seen.values().all(|times| *times >= 5), "{seen:?}");
}
