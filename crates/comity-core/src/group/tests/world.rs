//! A group under the sample charter, one statement after another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::group::*;
use crate::identity::{EconomyId, GroupId, RecordId};
use crate::time::Timestamp;

pub(crate) const CHARTER: &str = include_str!("../../../../../examples/groups/charter.toml");

pub(crate) const KR: EconomyId = EconomyId([1; 32]);
pub(crate) const JP: EconomyId = EconomyId([2; 32]);
pub(crate) const FJ: EconomyId = EconomyId([3; 32]);
pub(crate) const NZ: EconomyId = EconomyId([4; 32]);
pub(crate) const AU: EconomyId = EconomyId([5; 32]);

pub(crate) const FOUNDERS: [EconomyId; 3] = [KR, JP, FJ];
pub(crate) const GROUP: GroupId = GroupId([200; 32]);
pub(crate) const T0: Timestamp = Timestamp::from_secs(1_795_000_000);

/// The charter of KR, JP and FJ, as KR signed it.
pub(crate) fn founding(text: &str) -> Arc<Founding> {
    let sponsors = text.contains("economies = [\"KR\"");
    let body = CharterBody {
        text: text.to_owned(),
        founders: BTreeSet::from(FOUNDERS),
        sponsors: if sponsors { BTreeSet::from(FOUNDERS) } else { BTreeSet::new() },
    };
    Arc::new(Founding::new(RecordId(GROUP.0), KR, T0, &body).unwrap())
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) founding: Arc<Founding>,
    pub(crate) said: Vec<Statement>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::under(CHARTER)
    }

    pub(crate) fn under(text: &str) -> Self {
        Self { founding: founding(text), said: Vec::new() }
    }

    pub(crate) fn group(&self) -> Group {
        Group::replay(self.founding.clone(), self.said.iter().cloned())
    }

    /// Says something an hour after what was said before; the record's id is its place.
    pub(crate) fn say(&mut self, by: EconomyId, says: Says) -> RecordId {
        let place = u16::try_from(self.said.len() + 1).unwrap();
        let mut id = [7; 32];
        id[..2].copy_from_slice(&place.to_be_bytes());
        let record = RecordId(id);
        let at = T0.saturating_add(std::time::Duration::from_secs(3600 * u64::from(place)));
        self.said.push(Statement { record, by, at, says, doubted: false });
        record
    }

    pub(crate) fn apply(&mut self, by: EconomyId) -> RecordId {
        let answers = self.founding.charter().criteria().iter().map(|one| one.name.clone());
        self.say(
            by,
            Says::Group(GroupBody::Application(ApplicationBody {
                group: GROUP,
                affiliations: BTreeSet::from(["FIRST".to_owned()]),
                answers: answers.collect(),
            })),
        )
    }

    pub(crate) fn sponsor(&mut self, by: EconomyId, application: RecordId) -> RecordId {
        let epoch = self.group().head().epoch;
        let body = SponsorshipBody { group: GROUP, epoch, application };
        self.say(by, Says::Group(GroupBody::Sponsorship(body)))
    }

    pub(crate) fn vote(&mut self, by: EconomyId, member: EconomyId) -> RecordId {
        let epoch = self.group().head().epoch;
        let body = RemovalBody { group: GROUP, epoch, member, reason: None };
        self.say(by, Says::Group(GroupBody::Removal(body)))
    }

    /// A member would keep the roster.
    pub(crate) fn ready(&mut self, by: EconomyId) -> RecordId {
        let epoch = self.group().head().epoch;
        let word = HandoverBody { group: GROUP, epoch, to: by };
        self.say(by, Says::Group(GroupBody::Handover(word)))
    }

    /// The role goes from one to the other: the roster.
    pub(crate) fn hand_over(&mut self, from: EconomyId, to: EconomyId) -> RecordId {
        self.ready(to);
        let roster = self.group().handing_over(to, from).unwrap();
        self.roster(from, roster)
    }

    /// The daily word about a roster.
    pub(crate) fn confirm(&mut self, by: EconomyId, roster: &Roster) -> RecordId {
        let (epoch, digest) = (roster.epoch, roster.digest());
        self.say(by, Says::Roster(RosterBody::Head(RosterHead { group: GROUP, epoch, digest })))
    }

    pub(crate) fn roster(&mut self, by: EconomyId, roster: Roster) -> RecordId {
        self.say(by, Says::Roster(RosterBody::Roster(roster)))
    }

    /// The next roster, with nothing changed.
    pub(crate) fn next(&self) -> Roster {
        let group = self.group();
        let head = group.head();
        Roster {
            group: GROUP,
            epoch: head.epoch + 1,
            predecessor: head.digest,
            members: head.members.iter().map(|(id, one)| (*id, one.affiliations.clone())).collect(),
            changes: BTreeMap::new(),
            handover: None,
        }
    }

    /// The next roster with one more member, on the strength of these records.
    pub(crate) fn with(&self, economy: EconomyId, cited: &[RecordId]) -> Roster {
        let mut roster = self.next();
        roster.members.insert(economy, BTreeSet::new());
        roster.changes.insert(economy, cited.iter().copied().collect());
        roster
    }

    /// The next roster without a member, on the strength of these records.
    pub(crate) fn without(&self, economy: EconomyId, cited: &[RecordId]) -> Roster {
        let mut roster = self.next();
        roster.members.remove(&economy);
        roster.changes.insert(economy, cited.iter().copied().collect());
        roster
    }

    /// KR, JP and FJ are members: epoch 2.
    pub(crate) fn founded() -> Self {
        Self::founded_under(CHARTER)
    }

    pub(crate) fn founded_under(text: &str) -> Self {
        let mut world = Self::under(text);
        for founder in [JP, FJ] {
            let application = world.apply(founder);
            let roster = world.with(founder, &[application]);
            world.roster(KR, roster);
        }
        world
    }

    /// NZ comes in, for whom JP and FJ speak.
    pub(crate) fn admit_nz(&mut self) -> RecordId {
        let application = self.apply(NZ);
        let sponsors = [JP, FJ].map(|sponsor| self.sponsor(sponsor, application));
        let roster = self.with(NZ, &[application, sponsors[0], sponsors[1]]);
        self.roster(KR, roster)
    }

    pub(crate) fn members(&self) -> Vec<EconomyId> {
        self.group().certain().iter().copied().collect()
    }

    /// Why the last thing that was said counts for nothing.
    pub(crate) fn refused(&self) -> Option<Refusal> {
        let last = self.said.last().unwrap().record;
        self.group().refused().get(&last).copied()
    }
}
