//! The recipient's group, as its records make it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use comity_core::group::{
    ApplicationBody, CharterBody, Founding, Group, GroupBody, InvitationBody, RemovalBody, Roster,
    RosterBody, Says, SponsorshipBody, Statement,
};
use comity_core::keyring::{Confirmation, Place};
use comity_core::limits::ROSTER_MAX_AGE;
use comity_core::policy::PolicyBuilder;
use comity_core::{EconomyId, GroupId, RecordId, Timestamp};

use crate::cell::{Cell, Dimension as D};
use crate::papers::charter;
use crate::world::{NOW, OTHER, PAST, THEM, US};

/// The group that a record is addressed to, or that a community is; and one that never has the recipient.
pub const THEIRS: GroupId = GroupId([5; 32]);
pub const ANOTHER: GroupId = GroupId([6; 32]);
/// Whoever signs the rosters of both.
const SECRETARIAT: EconomyId = EconomyId([7; 32]);

/// The roster that a record names.
pub fn roster_named(cell: &Cell) -> u64 {
    if cell.is(D::Member, &["of a roster that is not here"]) { 9 } else { 1 }
}

/// Groups, each replayed once.
#[derive(Default)]
pub struct Groups(HashMap<(GroupId, usize, String), Arc<Group>>);

impl Groups {
    /// With what is known of both groups.
    pub fn known(&mut self, cell: &Cell, builder: PolicyBuilder) -> PolicyBuilder {
        let never = "never a member";
        let charter = charter(cell);
        let another = (ANOTHER, usize::MAX, String::new());
        let another = self.0.entry(another).or_insert_with(|| group(ANOTHER, never, &charter));
        let builder = builder.group(Arc::clone(another));
        let state = cell.value(D::Member);
        let theirs = (THEIRS, cell.place(D::Member), charter.clone());
        let theirs = self.0.entry(theirs).or_insert_with(|| group(THEIRS, state, &charter));
        let theirs = Arc::clone(theirs);
        match state {
            "not known here" => builder,
            "charter in doubt" => builder.group_in_doubt(theirs),
            "secretariat's keyring contradicted" => {
                let place = Place { rotations: 0, version: 2 };
                builder.group(theirs).confirmed(SECRETARIAT, Confirmation::Contradicted(place))
            }
            _ => builder.group(theirs),
        }
    }
}

fn group(id: GroupId, state: &str, charter: &str) -> Arc<Group> {
    let stale = state == "roster not confirmed lately";
    let old = ROSTER_MAX_AGE + Duration::from_secs(1);
    let at = if stale { NOW.saturating_sub(old) } else { PAST };
    let mut story = Story::begin(id, SECRETARIAT, &[US, THEM, OTHER], charter, at);
    let absent = match state {
        "joined later" | "joined later, where that opens what was before" | "never a member" => {
            Some(THEM)
        }
        "a member; we joined later" => Some(US),
        "a member; another partner was none" => Some(OTHER),
        _ => None,
    };
    let members: Vec<_> =
        [US, THEM, OTHER].into_iter().filter(|one| absent != Some(*one)).collect();
    story.admit(&members, (state == "let in by words in doubt").then_some(THEM));
    match state {
        "joined later" | "joined later, where that opens what was before" => {
            story.admit(&[THEM], None);
        }
        "a member; we joined later" => story.admit(&[US], None),
        "left since" => _ = story.remove(THEM, THEM),
        "a member; we left since" => _ = story.remove(US, US),
        "left out by a roster that waits" => _ = story.without(THEM, RecordId([250; 32])),
        "frozen" => {
            // Two that may follow, neither of which concerns the recipient.
            let vote = story.wants_out(OTHER, OTHER);
            let (one, other) = (story.next(), story.next_without(OTHER, vote));
            story.roster(one);
            story.roster(other);
        }
        _ => {}
    }
    Arc::new(story.group())
}

/// What was said about a group, one word after another.
pub struct Story {
    pub founding: Arc<Founding>,
    pub charter: CharterBody,
    secretariat: EconomyId,
    said: Vec<Statement>,
    at: Timestamp,
}

impl Story {
    /// A charter of `secretariat` and three other founders.
    pub fn begin(
        id: GroupId,
        secretariat: EconomyId,
        others: &[EconomyId],
        text: &str,
        at: Timestamp,
    ) -> Self {
        let charter = CharterBody {
            text: text.to_owned(),
            founders: others.iter().copied().chain([secretariat]).collect(),
            sponsors: BTreeSet::new(),
        };
        let founding = Arc::new(Founding::new(RecordId(id.0), secretariat, at, &charter).unwrap());
        Self { founding, charter, secretariat, said: Vec::new(), at }
    }

    pub fn group(&self) -> Group {
        Group::replay(Arc::clone(&self.founding), self.said.iter().cloned())
    }

    pub fn id(&self) -> GroupId {
        self.founding.group()
    }

    pub fn say(&mut self, by: EconomyId, says: Says) -> RecordId {
        let mut id = [60; 32];
        id[0] = u8::try_from(self.said.len()).unwrap();
        let record = RecordId(id);
        let at = self.at.saturating_add(Duration::from_millis(self.said.len() as u64));
        self.said.push(Statement { record, by, at, says, doubted: false });
        record
    }

    pub fn apply(&mut self, by: EconomyId) -> RecordId {
        let body = ApplicationBody {
            group: self.id(),
            affiliations: BTreeSet::new(),
            answers: Vec::new(),
        };
        self.say(by, Says::Group(GroupBody::Application(body)))
    }

    /// All of them come in with one roster; the application of one may be in doubt.
    pub fn admit(&mut self, all: &[EconomyId], doubted: Option<EconomyId>) {
        let applied: Vec<_> = all.iter().map(|one| (*one, self.apply(*one))).collect();
        for said in &mut self.said {
            said.doubted |= doubted == Some(said.by);
        }
        let mut roster = self.next();
        for (one, application) in applied {
            roster.members.insert(one, BTreeSet::new());
            roster.changes.insert(one, BTreeSet::from([application]));
        }
        self.roster(roster);
    }

    /// Somebody comes in for whom a member speaks: its application.
    pub fn admit_sponsored(&mut self, applicant: EconomyId, by: EconomyId) -> RecordId {
        let application = self.apply(applicant);
        let sponsorship = self.sponsor(by, application);
        let mut roster = self.next();
        roster.members.insert(applicant, BTreeSet::new());
        roster.changes.insert(applicant, BTreeSet::from([application, sponsorship]));
        self.roster(roster);
        application
    }

    pub fn sponsor(&mut self, by: EconomyId, application: RecordId) -> RecordId {
        let (group, epoch) = (self.id(), self.group().head().epoch);
        let body = SponsorshipBody { group, epoch, application };
        self.say(by, Says::Group(GroupBody::Sponsorship(body)))
    }

    pub fn invite(&mut self, by: EconomyId, to: EconomyId) -> RecordId {
        let body = InvitationBody { group: self.id(), to };
        self.say(by, Says::Group(GroupBody::Invitation(body)))
    }

    /// The word on which a member is to go.
    fn wants_out(&mut self, member: EconomyId, by: EconomyId) -> RecordId {
        let (group, epoch) = (self.id(), self.group().head().epoch);
        let body = RemovalBody { group, epoch, member, reason: None };
        self.say(by, Says::Group(GroupBody::Removal(body)))
    }

    /// A member goes, on the word of another, or its own.
    pub fn remove(&mut self, member: EconomyId, by: EconomyId) -> RecordId {
        let word = self.wants_out(member, by);
        self.without(member, word);
        word
    }

    /// The roster that was said last.
    pub fn last_roster(&self) -> (RecordId, Roster) {
        let rosters = self.said.iter().rev().filter_map(|one| match &one.says {
            Says::Roster(RosterBody::Roster(roster)) => Some((one.record, roster.clone())),
            Says::Roster(RosterBody::Head(_)) | Says::Group(_) => None,
        });
        rosters.into_iter().next().unwrap()
    }

    fn without(&mut self, member: EconomyId, cited: RecordId) -> RecordId {
        let roster = self.next_without(member, cited);
        self.roster(roster)
    }

    pub fn roster(&mut self, roster: Roster) -> RecordId {
        self.say(self.secretariat, Says::Roster(RosterBody::Roster(roster)))
    }

    /// The next roster, with nothing changed.
    pub fn next(&self) -> Roster {
        let group = self.group();
        let head = group.head();
        Roster {
            group: self.id(),
            epoch: head.epoch + 1,
            predecessor: head.digest,
            members: head.members.iter().map(|(id, one)| (*id, one.affiliations.clone())).collect(),
            changes: BTreeMap::new(),
            handover: None,
        }
    }

    fn next_without(&self, member: EconomyId, cited: RecordId) -> Roster {
        let mut roster = self.next();
        roster.members.remove(&member);
        roster.changes.insert(member, BTreeSet::from([cited]));
        roster
    }
}
