//! What people do in groups: found them, ask to come in, speak for others, admit, vote, leave, hand the roster
//! over, say that it is the last, and publish to all of them. A hostile secretariat contradicts itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use comity_core::agreement::Tier;
use comity_core::group::{
    ApplicationBody, CharterBody, Group, GroupBody, HandoverBody, InvitationBody, RemovalBody,
    RosterBody, RosterHead, Says, SponsorshipBody,
};
use comity_core::record::{AddresseeDraft, Draft, VerifiedRecord, control};
use comity_core::{EconomyId, GroupId, Kind, Section, Timestamp, Tlp};

use super::event::Event;
use super::records;
use super::watch::circle::Founded;
use super::watch::{Broken, broken};
use super::world::World;

/// How often a secretariat says that its roster is the last.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Groups of one simulation.
const GROUPS: usize = 4;

impl World {
    /// Something in a group.
    pub(super) fn gather(&mut self, node: usize) -> Result<(), Broken> {
        if self.watch.circles.founded.is_empty() {
            return self.found_group(node);
        }
        match self.dice.below(20) {
            0..=1 if self.watch.circles.founded.len() < GROUPS => self.found_group(node),
            0..=7 => self.publish_to_group(node),
            8 => self.contradict(),
            _ => self.speak_of_group(node),
        }
    }

    /// What somebody does without being asked: whoever keeps a roster says once a day that it is the last; and one
    /// thing more, while anything goes on.
    pub(super) fn keep_up(&mut self, node: usize) -> Result<(), Broken> {
        let us = self.nodes[node].economy.id;
        for group in self.groups_of(node) {
            let due = group.confirmed().saturating_add(DAY) <= self.now || group.awaits_keeper();
            if group.head().secretariat == us && due {
                self.say_in(node, &group, Says::Roster(RosterBody::Head(last(&group))))?;
            }
        }
        if self.acts_left == 0 {
            return Ok(());
        }
        self.speak_of_group(node)
    }

    /// At daybreak, some sooner and some later, and some not at all.
    pub(super) fn chores_at_dawn(&mut self) {
        for node in 0..self.nodes.len() {
            if self.dice.percent(70) {
                let at = self.dawn.saturating_add(self.dice.millis(2_000..=20_000));
                self.at(at, Event::Chore { node });
            }
        }
    }

    /// Those who are to be in a group have a look, and again.
    fn chores_of(&mut self, founder: usize, founders: &BTreeSet<EconomyId>) {
        let founders: Vec<_> = founders.iter().filter_map(|one| self.node_of(one)).collect();
        for node in founders {
            let times = if node == founder { 4 } else { 2 };
            for _ in 0..times {
                let delay = self.dice.millis(500..=8_000);
                self.later(delay, Event::Chore { node });
            }
        }
    }

    fn groups_of(&self, node: usize) -> Vec<Arc<Group>> {
        let engine = self.nodes[node].engine.as_ref();
        let groups = engine.filter(|engine| engine.state().recovery().is_none());
        groups.map_or_else(Vec::new, |one| one.state().groups().iter().cloned().collect())
    }

    fn found_group(&mut self, node: usize) -> Result<(), Broken> {
        let thief = self.nodes.len() - 1;
        let hostile = self.nodes[thief].hostile && self.nodes[thief].engine.is_some();
        let node = if hostile && self.dice.percent(30) { thief } else { node };
        let us = self.nodes[node].economy.id;
        let mut founders: BTreeSet<EconomyId> = [us].into();
        for partner in self.neighbourhood(node).partners {
            if self.dice.percent(60) {
                founders.insert(partner);
            }
        }
        let voters = self.dice.percent(30).then_some(2);
        let later = self.dice.percent(50);
        let (tier, name) =
            if self.dice.percent(70) { (Tier::Nda, "nda") } else { (Tier::Mou, "mou") };
        let midnight = self.dice.percent(15);
        let (day, starts) = if midnight {
            ("2026-11-22", super::pacts::MIDNIGHT)
        } else {
            ("2026-01-01", Timestamp::EPOCH)
        };
        let removal = match voters {
            Some(needed) => format!("{{ by = \"members\", needed = {needed} }}"),
            None => "{ by = \"secretariat\" }".to_owned(),
        };
        let names: Vec<String> = (0..founders.len()).map(|at| format!("\"F{at}\"")).collect();
        let number = self.watch.circles.founded.len();
        let text = format!(
            "format = 1\nname = \"Circle {number}\"\npurpose = \"Early warning\"\nfounders = [{}]\n\
             starts = {day}\nlater-joiners-see-earlier-records = {later}\nsponsors = {{ needed = 1 }}\n\
             removal = {removal}\nterms = {{ tier = \"{name}\", onward = \"within-marking\" }}\n",
            names.join(", "),
        );
        let charter = CharterBody { text, founders: founders.clone(), sponsors: BTreeSet::new() };
        let record = self.word(node, Kind::Group, GroupBody::Charter(charter).encode())?;
        let founded =
            Founded { by: us, at: self.now, founders, sponsors: 1, voters, later, tier, starts };
        let founded_by = founded.founders.clone();
        self.watch.circles.founded.insert(GroupId(record.id().0), founded);
        self.note(|| format!("node {node} founds circle {number}"));
        self.report.groups += 1;
        self.chores_of(node, &founded_by);
        self.enter(node, record, Vec::new())
    }

    /// A record of a word, which is known to be said.
    fn word(&mut self, node: usize, kind: Kind, body: Vec<u8>) -> Result<VerifiedRecord, Broken> {
        let (author, us) = (self.author(node), self.nodes[node].economy.id);
        let record = control(kind, body, Tlp::AmberStrict, &author, us, self.now);
        let record = record.map_err(|error| broken(0, format!("a bad control record: {error}")))?;
        self.watch.truth.note(&record, &[], true, None);
        Ok(record)
    }

    fn say_in(&mut self, node: usize, group: &Group, says: Says) -> Result<(), Broken> {
        let us = self.nodes[node].economy.id;
        if group.may_say(us, &says).is_err() {
            return Ok(());
        }
        let what = describe(&says);
        let short = group.founding().record().short();
        self.note(|| format!("node {node} in the group {short}: {what}"));
        let (kind, body) = match says {
            Says::Group(body) => (Kind::Group, body.encode()),
            Says::Roster(body) => (Kind::Roster, body.encode()),
        };
        let record = self.word(node, kind, body)?;
        self.enter(node, record, Vec::new())
    }

    /// One of the things that may be said in one of the groups.
    fn speak_of_group(&mut self, node: usize) -> Result<(), Broken> {
        let groups = self.groups_of(node);
        let Some(group) = self.dice.choose(&groups).cloned() else { return Ok(()) };
        let us = self.nodes[node].economy.id;
        let id = group.id();
        let epoch = group.head().epoch;
        let head = group.head();
        let member = head.members.contains_key(&us);
        if !member {
            let asked = group.founding().founders().contains(&us) || group.invited().contains(&us);
            if (asked || self.dice.percent(25)) && !group.applications().any(|one| one.by == us) {
                let (affiliations, answers) = (BTreeSet::new(), Vec::new());
                let body = ApplicationBody { group: id, affiliations, answers };
                return self.say_in(node, &group, Says::Group(GroupBody::Application(body)));
            }
            return Ok(());
        }
        let mut open = Vec::new();
        if head.secretariat == us {
            open = self.next_rosters(node, &group);
            if !open.is_empty() && self.dice.percent(80) {
                let next = self.dice.choose(&open).cloned().expect("one at least");
                self.report.removed += u64::from(next.members.len() < head.members.len());
                return self.say_in(node, &group, Says::Roster(RosterBody::Roster(next)));
            }
        }
        let mut words: Vec<Says> =
            open.into_iter().map(|one| Says::Roster(RosterBody::Roster(one))).collect();
        words.push(Says::Roster(RosterBody::Head(last(&group))));
        for one in group.applications() {
            let application = one.record;
            let body = SponsorshipBody { group: id, epoch, application };
            words.extend([
                Says::Group(GroupBody::Sponsorship(body)),
                Says::Group(GroupBody::Sponsorship(body)),
            ]);
        }
        for other in head.members.keys().filter(|other| **other != us) {
            let body = RemovalBody { group: id, epoch, member: *other, reason: None };
            words.push(Says::Group(GroupBody::Removal(body)));
        }
        for to in self.neighbourhood(node).partners {
            if !head.members.contains_key(&to) && !group.has_invited(us, to) {
                words.push(Says::Group(GroupBody::Invitation(InvitationBody { group: id, to })));
            }
        }
        if head.secretariat != us {
            let word = HandoverBody { group: id, epoch, to: us };
            words.push(Says::Group(GroupBody::Handover(word)));
            if self.dice.percent(30) {
                let body = RemovalBody { group: id, epoch, member: us, reason: None };
                words.push(Says::Group(GroupBody::Removal(body)));
            }
        }
        match self.dice.choose(&words).cloned() {
            Some(says) => self.say_in(node, &group, says),
            None => Ok(()),
        }
    }

    /// The rosters that whoever keeps them could sign.
    fn next_rosters(&mut self, node: usize, group: &Group) -> Vec<comity_core::group::Roster> {
        let us = self.nodes[node].economy.id;
        let applicants: BTreeSet<_> = group.applications().map(|one| one.by).collect();
        let admitting = applicants.iter().filter_map(|one| group.admitting(*one, us).ok());
        let members: Vec<_> = group.head().members.keys().copied().collect();
        let removing = members.iter().filter_map(|one| group.removing(*one, us).ok());
        let ready = group.ready();
        let handing = ready.keys().filter_map(|to| group.handing_over(*to, us).ok());
        admitting.chain(removing).chain(handing).collect()
    }

    /// A record for a group, or for whoever is of one.
    fn publish_to_group(&mut self, node: usize) -> Result<(), Broken> {
        let groups = self.groups_of(node);
        let us = self.nodes[node].economy.id;
        let mine: Vec<_> =
            groups.into_iter().filter(|one| one.head().members.contains_key(&us)).collect();
        let Some(group) = self.dice.choose(&mine).cloned() else { return Ok(()) };
        let mut draft = Draft::new(Kind::Incident);
        let tlp = if self.dice.percent(60) { Tlp::Amber } else { Tlp::Green };
        let mut floor = records::marking(tlp, self.now, &mut self.dice);
        let community = self.dice.percent(25);
        if community {
            floor.tlp = Tlp::Green;
            floor.community = Some(group.id());
        }
        for section in [Section::Summary, Section::Mitigation, Section::Indicators, Section::Case] {
            if section == Section::Summary || self.dice.percent(40) {
                draft.parts.push(records::part(
                    section,
                    floor.clone(),
                    self.config.large,
                    &mut self.dice,
                ));
            }
        }
        if !community {
            let given = (0..draft.parts.len()).filter(|at| *at == 0 || self.dice.percent(70));
            let given: Vec<usize> = given.collect();
            let mut addressee = AddresseeDraft::group(group.id(), group.head().epoch, given);
            let partners = self.neighbourhood(node).partners;
            for partner in &partners {
                if group.head().members.contains_key(partner) && self.dice.percent(40) {
                    addressee.relays.push(*partner);
                }
            }
            draft.addressees.push(addressee);
            if self.dice.percent(20)
                && let Some(partner) = self.dice.choose(&partners)
            {
                draft.addressees.push(AddresseeDraft::new(*partner, vec![0]));
            }
        }
        let key = self.author(node);
        let (record, parts) = self.sign(draft, &key, us)?;
        self.watch.truth.note(&record, &parts, true, None);
        self.enter(node, record, parts)
    }

    /// A hostile secretariat signs two rosters of one number: one of them now, the other one later.
    fn contradict(&mut self) -> Result<(), Broken> {
        let node = self.nodes.len() - 1;
        if !self.nodes[node].hostile || self.nodes[node].engine.is_none() {
            return Ok(());
        }
        if let Some(second) = self.contradictions.pop() {
            self.note(|| format!("node {node} contradicts itself with {}", second.id().short()));
            return self.plant(node, &second, Vec::new());
        }
        let us = self.nodes[node].economy.id;
        let kept = self
            .groups_of(node)
            .into_iter()
            .filter(|group| group.head().secretariat == us && group.head().members.len() > 1);
        let kept: Vec<_> = kept.collect();
        let Some(group) = self.dice.choose(&kept).cloned() else { return Ok(()) };
        let open = self.next_rosters(node, &group);
        let labelled =
            |label: &str| group.affiliating(us, BTreeSet::from([label.to_owned()]), us).ok();
        let first = self.dice.choose(&open).cloned().or_else(|| labelled("FIRST"));
        let (Some(first), Some(second)) = (first, labelled("APCERT")) else { return Ok(()) };
        let second = RosterBody::Roster(second).encode();
        let second = self.word(node, Kind::Roster, second)?;
        self.contradictions.push(second);
        self.say_in(node, &group, Says::Roster(RosterBody::Roster(first)))
    }
}

fn last(group: &Group) -> RosterHead {
    let head = group.head();
    RosterHead { group: group.id(), epoch: head.epoch, digest: head.digest }
}

fn describe(says: &Says) -> String {
    match says {
        Says::Group(GroupBody::Charter(_)) => "a charter".to_owned(),
        Says::Group(GroupBody::Application(_)) => "applies".to_owned(),
        Says::Group(GroupBody::Sponsorship(body)) => {
            format!("speaks for {}", body.application.short())
        }
        Says::Group(GroupBody::Removal(body)) => format!("wants {} out", body.member.short()),
        Says::Group(GroupBody::Handover(_)) => "would keep the roster".to_owned(),
        Says::Group(GroupBody::Invitation(body)) => format!("invites {}", body.to.short()),
        Says::Roster(RosterBody::Roster(roster)) => {
            let handed = if roster.handover.is_some() { ", handed over" } else { "" };
            format!("roster {} of {} members{handed}", roster.epoch, roster.members.len())
        }
        Says::Roster(RosterBody::Head(head)) => format!("roster {} is the last", head.epoch),
    }
}
