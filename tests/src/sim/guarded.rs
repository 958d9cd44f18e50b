//! What a house does before anything leaves it: a second person looks, or nobody does; a guard reads the bytes; and
//! in an emergency the glass is broken for one record and one partner, and somebody confirms it, or says no, or sleeps.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use comity_core::control::{ApprovalBody, ApprovalVerdict, WithdrawalBody};
use comity_core::journal::{Guarded, StaffChange, StaffJoined};
use comity_core::keyring::Grant;
use comity_core::record::{Draft, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::staff::{HOLDER, Roles, StaffRole};
use comity_core::test_util::TestEconomy;
use comity_core::{Kind, PartDigest, RecallReason, RecordId, Section, Timestamp, Tlp};
use comity_node::config::{Approval, Egress};
use comity_node::engine::{Command, Input, Token};
use comity_node::guard::Guard;

use super::event::Event;
use super::node::Promise;
use super::records;
use super::watch::{Broken, broken};
use super::world::World;

/// What is on the lists.
pub const WORD: &[u8] = b"heron-7f3a";

/// What a node's house has besides its node.
#[derive(Clone, Debug, Default)]
pub struct House {
    /// What takes a second person.
    pub rules: Approval,
    /// The lists in force.
    pub guard: Option<Arc<Guard>>,
}

/// The lists that a guard reads.
fn lists() -> Result<Option<Arc<Guard>>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("strings.txt");
    fs::write(&path, WORD).map_err(|error| error.to_string())?;
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&path, mode).map_err(|error| error.to_string())?;
    let lists = Egress { strings: Some(path), ..Egress::default() };
    Guard::read(&lists).map_err(|error| error.to_string())
}

/// The key of whoever approves, and the one that breaks the glass.
pub(super) fn house_keys(node: usize) -> [SecretKey; 2] {
    let number = u8::try_from(node + 1).expect("at most 255 nodes");
    [7, 8].map(|role| {
        let mut seed = [number; 32];
        seed[0] = role;
        SecretKey::from_seed(&seed)
    })
}

impl World {
    /// Before anybody starts: what takes a second person, and which lists there are.
    pub(super) fn furnish(&mut self) -> Result<(), Broken> {
        if !self.config.guarded {
            return Ok(());
        }
        let lists = lists().map_err(|why| broken(0, format!("no lists: {why}")))?;
        for node in 0..self.nodes.len() {
            let rules = match node % 3 {
                0 => Approval { tlp: Some(Tlp::Green), ..Approval::default() },
                1 => Approval { recipients_over: Some(1), ..Approval::default() },
                _ => Approval::default(),
            };
            let guard = lists.clone().filter(|_| node % 2 == 0);
            self.watch.houses.insert(
                self.nodes[node].economy.id,
                super::watch::guarded::House {
                    approver: house_keys(node)[0].id(),
                    guard: guard.is_some(),
                },
            );
            self.nodes[node].house = House { rules, guard };
        }
        Ok(())
    }

    /// Somebody approves in each house, and a key lies there that breaks the glass.
    pub(super) fn move_in(&mut self) -> Result<(), Broken> {
        let houses = if self.config.guarded { self.nodes.len() } else { 0 };
        for node in 0..houses {
            let us = self.nodes[node].economy.id;
            let [approver, glass] = house_keys(node);
            let (since, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
            let (by, breaks) = (approver.public(), glass.public());
            self.keyring_goes_on(node, false, move |builder, _| {
                let approves = Grant::author(us, by, [Kind::Approval], Tlp::Red, since, until);
                let breaks = Grant::emergency(us, breaks, since, until);
                builder.grant(approves.held_by(HOLDER)).grant(breaks)
            })?;
            let roles = Roles::new([StaffRole::Approver]).expect("one role");
            let change = StaffChange::Joined(StaffJoined { key: approver.id(), roles });
            let (name, by) = ("lee".to_owned(), String::new());
            self.command(node, Command::Staff { name, change, by }, Promise::Done)?;
        }
        Ok(())
    }

    /// Something that a house does.
    pub(super) fn keep_house(&mut self, node: usize) -> Result<(), Broken> {
        self.recall_what_is_due(node)?;
        match self.dice.below(20) {
            0..=6 => self.publish_perhaps_planted(node),
            7..=11 => self.approve_or_refuse(node),
            12..=13 => self.let_pass(node),
            14 => self.change_lists(node),
            15..=17 if self.nights_left > 0 => self.break_glass(node),
            _ => self.confirm_or_refuse(node),
        }
    }

    fn publish_perhaps_planted(&mut self, node: usize) -> Result<(), Broken> {
        let tlp = *self.dice.choose(&[Tlp::Clear, Tlp::Green, Tlp::Amber]).expect("three");
        let mut draft = Draft::new(Kind::Advisory);
        for section in [Section::Summary, Section::Mitigation] {
            let floor = records::marking(tlp, self.now, &mut self.dice);
            let (header, mut content) =
                records::part(section, floor, self.config.large, &mut self.dice);
            if self.dice.percent(30) {
                content.extend_from_slice(WORD);
            }
            draft.parts.push((header, content));
        }
        let (key, origin) = (self.author(node), self.nodes[node].economy.id);
        let (record, parts) = self.sign(draft, &key, origin)?;
        self.watch.truth.note(&record, &parts, true, None);
        self.enter(node, record, parts)
    }

    /// A word of somebody in the house.
    fn house_word(
        &mut self,
        node: usize,
        body: &ApprovalBody,
        by: &SecretKey,
    ) -> Result<VerifiedRecord, Broken> {
        let (us, now) = (self.nodes[node].economy.id, self.now);
        let record = control(Kind::Approval, body.encode(), Tlp::AmberStrict, by, us, now);
        let record = record.map_err(|error| broken(0, format!("a bad word: {error}")))?;
        self.watch.truth.note(&record, &[], true, None);
        Ok(record)
    }

    fn verdict(&mut self, node: usize, record: RecordId, yes: bool) -> Result<(), Broken> {
        let verdict = if yes { ApprovalVerdict::Approve } else { ApprovalVerdict::Refuse };
        // Now and then whoever signed it says it: that counts for nothing.
        let author = self.dice.percent(10);
        let [approver, _] = house_keys(node);
        let by = if author { self.author(node) } else { approver };
        let body = ApprovalBody { record, verdict, note: "seen".to_owned() };
        let word = self.house_word(node, &body, &by)?;
        self.note(|| format!("node {node} says {verdict:?} of {}", record.short()));
        self.enter(node, word, Vec::new())
    }

    fn approve_or_refuse(&mut self, node: usize) -> Result<(), Broken> {
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let state = engine.state();
        let waits = state.records().map(|(id, _)| *id);
        let waits = waits.filter(|id| state.awaited(id).is_some_and(|one| one.said.is_none()));
        let waits: Vec<_> = waits.collect();
        let Some(record) = self.dice.choose(&waits).copied() else { return Ok(()) };
        let yes = self.dice.percent(75);
        *(if yes { &mut self.report.approved } else { &mut self.report.refused }) += 1;
        self.verdict(node, record, yes)
    }

    /// A person lets a part pass that is on the lists, or holds it again.
    fn let_pass(&mut self, node: usize) -> Result<(), Broken> {
        let Some(guard) = self.nodes[node].house.guard.clone() else { return Ok(()) };
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let planted = |(id, held): (&RecordId, &comity_node::state::Held)| {
            let deed = self.watch.truth.deed(id)?;
            let part = held.parts.iter().find(|part| deed.is_planted(&part.digest))?;
            Some((*id, part.digest))
        };
        let planted: Vec<(RecordId, PartDigest)> =
            engine.state().records().filter_map(planted).collect();
        let Some((record, part)) = self.dice.choose(&planted).copied() else { return Ok(()) };
        let pass = self.dice.percent(70);
        let passes = if pass { vec![guard.digest(1)] } else { Vec::new() };
        let (by, reason) = ("kim".to_owned(), "it is public".to_owned());
        let said = Guarded { record, part, passes, by, reason, at: Timestamp::EPOCH };
        self.note(|| {
            format!("node {node} lets {} of {} pass: {pass}", part.short(), record.short())
        });
        self.report.let_pass += u64::from(pass);
        self.command(node, Command::LetPass(said), Promise::Done)
    }

    /// The lists are taken away, or are there again.
    fn change_lists(&mut self, node: usize) -> Result<(), Broken> {
        let guard = match &self.nodes[node].house.guard {
            Some(_) => None,
            None => lists().map_err(|why| broken(0, format!("no lists: {why}")))?,
        };
        let (us, guarded) = (self.nodes[node].economy.id, guard.is_some());
        self.note(|| format!("node {node} has lists: {guarded}"));
        if let Some(house) = self.watch.houses.get_mut(&us) {
            house.guard = guarded;
        }
        self.nodes[node].house.guard.clone_from(&guard);
        self.command(node, Command::Guard(guard), Promise::Done)
    }

    fn break_glass(&mut self, node: usize) -> Result<(), Broken> {
        let partners = self.neighbourhood(node).partners;
        let (Some(to), Some(record)) =
            (self.dice.choose(&partners).copied(), self.own_content(node))
        else {
            return Ok(());
        };
        let [_, glass] = house_keys(node);
        let verdict = ApprovalVerdict::Emergency { to };
        let body = ApprovalBody { record, verdict, note: "a hospital is down".to_owned() };
        let word = self.house_word(node, &body, &glass)?;
        self.note(|| {
            format!("node {node} breaks the glass of {} for {}", record.short(), to.short())
        });
        let (record, title, by) = (Box::new(word), String::new(), "kim".to_owned());
        self.report.glasses += 1;
        self.command(node, Command::BreakGlass { record, title, by }, Promise::Done)
    }

    fn confirm_or_refuse(&mut self, node: usize) -> Result<(), Broken> {
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let open = engine.state().emergencies().filter(|(_, glass)| glass.said.is_none());
        let open: Vec<_> = open.map(|(word, _)| *word).collect();
        let Some(word) = self.dice.choose(&open).copied() else { return Ok(()) };
        let yes = self.dice.percent(70);
        self.verdict(node, word, yes)
    }

    /// As a running node does by itself: what nobody confirmed is recalled from whom it went to.
    pub(super) fn recall_what_is_due(&mut self, node: usize) -> Result<(), Broken> {
        let now = self.time_of(node);
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let state = engine.state();
        if state.recovery().is_some() {
            return Ok(());
        }
        let owed = state.owed_recalls(now).into_iter();
        let owed: Vec<_> = owed
            .filter_map(|word| state.emergency(&word).map(|glass| glass.opened.clone()))
            .collect();
        for opened in owed {
            let body = WithdrawalBody::of(vec![opened.record]).expect("one record");
            let body = body.recalling(RecallReason::SentInError).from_only(opened.to);
            self.report.recalled += 1;
            self.speak(node, Kind::Withdrawal, body.encode(), None)?;
        }
        Ok(())
    }

    /// A worker reads what is to leave.
    pub(super) fn examine(
        &mut self,
        node: usize,
        token: Token,
        guard: &Guard,
        parts: &[PartDigest],
    ) -> Result<(), Broken> {
        use comity_store::Store as _;
        let store = &self.nodes[node].store;
        let look = |part: &PartDigest| {
            let bytes = store.blob(part).map_err(|error| error.to_string())?;
            Ok((*part, guard.part(bytes.ok_or("no such body")?)?))
        };
        let result = parts.iter().map(look).collect();
        self.input(node, Input::Examined { token, result })
    }

    /// A while later, and again: nobody is asked to.
    pub(super) fn housework(&mut self) {
        for node in 0..self.nodes.len() {
            let at = self.dawn.saturating_add(self.dice.millis(500..=20_000));
            self.at(at, Event::Chore { node });
            self.at(at.saturating_add(Duration::from_secs(30)), Event::Chore { node });
        }
    }
}
