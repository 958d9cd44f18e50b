//! How the node is, and what happens in it.

use serde::{Deserialize, Serialize};

use super::{ContestedLine, DeadlineLine, EmergencyDue, GroupLine, PartnerLine, RecordLine};

/// How the node is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The front of short references.
    pub code: String,
    /// The economy's id.
    pub economy: String,
    /// The data folder that it is over, without links and detours.
    #[serde(default)]
    pub folder: String,
    /// Whether a node is running, or only the folder was read.
    pub running: bool,
    /// Where it listens.
    pub listening: Option<String>,
    /// Records that are here, control records not counted.
    pub records: u64,
    /// Records that await a person or a keyring.
    pub waiting: u64,
    /// Requests for our consent that nobody has answered.
    #[serde(default)]
    pub asks: u64,
    /// Drafts.
    pub drafts: u64,
    /// Parts that the egress guard holds.
    #[serde(default)]
    pub held_by_guard: u64,
    /// Records that wait for a second person.
    #[serde(default)]
    pub awaiting_approval: u64,
    /// Where some records take a second person: how many of the staff may be that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvers: Option<u64>,
    /// How many of those wait that nobody who is here may approve.
    #[serde(default)]
    pub waiting_for_nobody: u64,
    /// How many keys of the staff count, of which nothing here says whose they are.
    #[serde(default)]
    pub unclaimed_keys: u64,
    /// Emergency releases that nobody has confirmed, and those whose recall is due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emergencies: Vec<EmergencyDue>,
    /// Until when the emergency key is granted; none: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency_key_until: Option<String>,
    /// Entries in the journal.
    pub entries: u64,
    /// The journal's chain, so far as it is durable.
    pub chain: String,
    /// Whether the journal's keyring, or a later one that was kept beside the keys, grants the node's link
    /// key. None: the keys are closed.
    pub link_key_granted: Option<bool>,
    /// Version of our own keyring.
    pub keyring: u64,
    /// Whether a command is changing it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keyring_changing: bool,
    /// What is wrong with the key that signs records, if anything: what it signs counts nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk_problem: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk_next: Option<String>,
    /// When it was last said that our keyring is the newest, where that is too long ago or still to come: partners
    /// will pass on nothing that this node signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring_unsaid: Option<String>,
    /// The version of a keyring of ours of which partners have heard, and that is not here: this journal was put back,
    /// or somebody else has the key of the links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring_forgotten: Option<String>,
    /// What is wrong with the root keys, if anything: somebody else has signed with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_problem: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_next: Option<String>,
    /// What is wrong with the store, if anything.
    pub store_problem: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_next: Option<String>,
    /// What is wrong with the system's clock, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_problem: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_next: Option<String>,
    /// In recovery since, after a restore.
    pub recovering: Option<String>,
    /// The partners.
    pub partners: Vec<PartnerLine>,
    /// Those to be: their digits wait to be typed here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairing: Vec<String>,
    /// What waits for a word of ours: proposed agreements, applications to groups whose roster we keep, and what
    /// others have recalled and is still here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaited: Vec<AwaitedLine>,
    /// Groups to which nothing goes: frozen, or their roster is not confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopped_groups: Vec<GroupLine>,
    /// Ends and reviews of agreements in force, from 90 days ahead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deadlines: Vec<DeadlineLine>,
    /// Agreements under which nothing goes until both have settled which text holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contested: Vec<ContestedLine>,
    /// The latest alarms, newest first.
    pub alarms: Vec<AlarmLine>,
}

/// Something that waits for a word of ours.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AwaitedLine {
    /// `agreement`, `group` or `recall`; `declined`, of what we proposed; `membership`, where members of a group are in doubt
    /// or not known here.
    pub about: String,
    /// Who waits for it.
    pub with: String,
    /// What it is, in a sentence.
    pub what: String,
    /// What to do about it.
    pub next: String,
}

/// How the clocks stand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClockState {
    /// The time that the node goes by.
    pub node: String,
    /// What the system's clock says.
    pub system: String,
    /// Whether the system's clock waits for a person to confirm it.
    pub held: bool,
    /// Whether nobody vouches for the node's time, so that what waits for a time in between waits on.
    #[serde(default)]
    pub unsure: bool,
    /// What is wrong with it, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Something that an operator should know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AlarmLine {
    /// When.
    pub at: String,
    /// The partner that it is about.
    pub partner: Option<String>,
    /// A stable code.
    pub code: String,
    /// A sentence.
    pub text: String,
}

/// Something that happened, for `watch`: one JSON object a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A record entered, gained parts, or was accepted.
    Record {
        /// When.
        at: String,
        /// The record.
        record: Box<RecordLine>,
    },
    /// Something was numbered for a partner.
    Delivery {
        /// When.
        at: String,
        /// The partner.
        partner: String,
        /// The record's reference.
        reference: String,
        /// The sections that go.
        sections: Vec<String>,
    },
    /// A signed receipt came.
    Receipt {
        /// When.
        at: String,
        /// The partner.
        partner: String,
        /// Everything up to this number is stored there.
        upto: u64,
    },
    /// A link came up or went down.
    Link {
        /// When.
        at: String,
        /// The partner.
        partner: String,
        /// Whether it is up.
        up: bool,
    },
    /// Something that an operator should know.
    Alarm(AlarmLine),
}
