//! Groups: charters, members, applications, rosters.

use serde::{Deserialize, Serialize};

use super::Published;

/// A group in one line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupLine {
    /// The id.
    pub group: String,
    /// The short reference of its charter.
    pub reference: String,
    /// What the charter calls it.
    pub name: String,
    /// How we stand in it: `secretariat`, `member`, `in doubt` where it is in doubt what let us in or we may be gone, `applied`, `invited`, `left`, `removed`, `no part of it`; or `frozen`, `closed`, `not believed` when
    /// the key that signed its charter is not, or `unconfirmed` when its secretariat has been silent for too long.
    pub state: String,
    /// The number of its last roster; 0 is the charter's own.
    pub roster: u64,
    /// How many members it has.
    pub members: u64,
    /// Who keeps the roster.
    pub secretariat: String,
    /// Who signed the charter, and so chose its name.
    pub founded_by: String,
    /// When the secretariat last said that the roster is the last one.
    pub confirmed: String,
    /// From when on nothing is released to the group: unless it says so again, or because the charter ends or a review stops it.
    pub stale_from: String,
}

/// A group with its members and what is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupDetail {
    /// In one line.
    pub group: GroupLine,
    /// What it is for.
    pub purpose: String,
    /// Whether who joins later may have what was addressed to it before.
    pub later_joiners_see_earlier_records: bool,
    /// What an applicant answers to.
    pub criteria: Vec<CriterionLine>,
    /// How many sponsors an applicant needs.
    pub sponsors_needed: u64,
    /// `the secretariat`, `2 of the sponsors`, `3 members`.
    pub removal: String,
    /// Those in the last roster.
    pub members: Vec<MemberLine>,
    /// Founders who have not joined.
    pub founders_awaited: Vec<String>,
    /// Those who want to come in.
    pub applications: Vec<ApplicationLine>,
    /// Those whom somebody wants out.
    pub removals: Vec<VoteLine>,
    /// Members that have said they would keep the next roster: the secretariat may hand it over to them.
    pub would_keep: Vec<String>,
    /// What does not count, waits, or contradicts, in sentences.
    pub problems: Vec<String>,
    /// The exact text of the charter.
    pub text: String,
}

/// What an applicant answers to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CriterionLine {
    /// In a word.
    pub name: String,
    /// The question.
    pub text: String,
}

/// A member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemberLine {
    /// What this node calls it.
    pub name: String,
    /// Its id.
    pub economy: String,
    /// The roster with which it came in.
    pub since: u64,
    /// What else it belongs to.
    pub affiliations: Vec<String>,
    /// Whether it is a partner: to others nothing is sent.
    pub partner: bool,
    /// Whether it is certain that it is a member still; a roster that waits may leave it out.
    pub certain: bool,
}

/// An application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplicationLine {
    /// Its short reference.
    pub reference: String,
    /// Who applies.
    pub applicant: String,
    /// When it was signed.
    pub at: String,
    /// What it says that it belongs to.
    pub affiliations: Vec<String>,
    /// One for each criterion.
    pub answers: Vec<String>,
    /// Who speaks for it.
    pub sponsors: Vec<String>,
    /// How many it needs.
    pub needed: u64,
}

/// Who wants a member out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VoteLine {
    /// The member.
    pub member: String,
    /// Those who want it out; the member itself: it leaves.
    pub by: Vec<String>,
    /// How many it takes.
    pub needed: u64,
}

/// A roster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RosterLine {
    /// Its number; 0 is the charter's own.
    pub roster: u64,
    /// The short reference of the record that carries it.
    pub reference: String,
    /// What the next one names it by.
    pub digest: String,
    /// Who signed it.
    pub secretariat: String,
    /// When.
    pub signed_at: String,
    /// The members.
    pub members: Vec<String>,
    /// Who came with it.
    pub came: Vec<String>,
    /// Who went with it.
    pub went: Vec<String>,
    /// `dropped`, `quarantined` or `pending`, where it is not believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<String>,
}

/// What was signed, or would be, and what has come of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupDone {
    /// The records.
    pub published: Vec<Published>,
    /// The group after it; none of a dry run of its charter.
    pub group: Option<GroupLine>,
    /// In a sentence.
    pub outcome: String,
}

/// An application to be signed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApplyRequest {
    /// The group: its name, the reference of its charter, or its id.
    pub group: String,
    /// One answer for each criterion, in order.
    pub answers: Vec<String>,
    /// What we belong to.
    pub affiliations: Vec<String>,
    /// Only tell who would get it.
    pub dry_run: bool,
    /// Although an application is open.
    pub again: bool,
}

/// What some members belong to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AffiliationLine {
    /// Its name, as the roster has it: `FIRST`.
    pub affiliation: String,
    /// The members that belong to it.
    pub members: Vec<String>,
}

/// What a member belongs to, to be said anew.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AffiliateRequest {
    /// The group: its name, the reference of its charter, or its id.
    pub group: String,
    /// The member: its name or its id.
    pub economy: String,
    /// Everything that it belongs to.
    pub affiliations: Vec<String>,
    /// Only tell who would get it.
    pub dry_run: bool,
}

/// Something about an economy in a group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupRequest {
    /// The group: its name, the reference of its charter, or its id.
    pub group: String,
    /// The economy, by name or id; none: see each command.
    pub economy: Option<String>,
    /// Why, for a removal.
    pub reason: Option<String>,
    /// Only tell who would get it.
    pub dry_run: bool,
    /// Sign a roster, or that it is the last one, though a later one may have been lost with the end of the
    /// journal that was cut.
    pub anyway: bool,
}
