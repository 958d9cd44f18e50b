//! Consents as data: what was asked of an origin, and what it said.

use serde::{Deserialize, Serialize};

use super::{PartName, Published};

/// Something that was asked of an origin, or, where the ask went to somebody else, what it consented to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsentLine {
    /// Its id: of the ask, or of the grant where the ask is not here.
    pub consent: String,
    /// Its short reference.
    pub reference: String,
    /// The short reference of the record that it is about, or the front of its id.
    pub record: String,
    /// The record's title, where it is here and on lists.
    pub title: String,
    /// `asked by us`, `awaits our answer`, `granted`, `refused`, `run out`, `taken back`, `not believed`.
    pub state: String,
    /// Who asked.
    pub asked_by: String,
    /// Whose record it is.
    pub origin: String,
    /// For whom.
    pub recipients: Vec<String>,
    /// The parts.
    pub parts: Vec<ConsentPart>,
    /// What for; empty where the ask is not here.
    pub why: String,
    /// Until when it is wanted, if the asker says so.
    pub wanted_until: Option<String>,
    /// When it was signed.
    pub at: String,
    /// What the origin gave, one for each recipient.
    pub grants: Vec<GrantedLine>,
    /// Why the origin refused, if it did.
    pub refused: Option<String>,
}

/// A part of which somebody speaks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsentPart {
    /// Its number, as `comity explain` counts; none where it is not here.
    pub number: Option<u64>,
    /// Its digest.
    pub part: String,
    /// What it says, where it is here.
    pub section: Option<String>,
    /// Its label, where it is here.
    pub tlp: Option<String>,
}

/// What an origin gave.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GrantedLine {
    /// Its id.
    pub consent: String,
    /// Its short reference.
    pub reference: String,
    /// To whom.
    pub to: String,
    /// Which parts.
    pub parts: Vec<ConsentPart>,
    /// The first instant at which it no longer holds.
    pub until: String,
    /// `in force`, `run out`, `taken back`, `not believed`.
    pub state: String,
    /// What the recipient takes on besides everything else, in words.
    pub conditions: Vec<String>,
}

/// A question to an origin.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentAskRequest {
    /// The record: its reference, or its id.
    pub record: String,
    /// Parts, by number as `comity show` counts or by section. Empty: all that it could open.
    pub parts: Vec<PartName>,
    /// For whom: names or ids of partners.
    pub recipients: Vec<String>,
    /// What for.
    pub why: String,
    /// Until when it is wanted.
    pub until: Option<String>,
    /// Only tell what would be asked.
    pub dry_run: bool,
    /// Although the same is asked, and not answered.
    pub again: bool,
}

/// A yes to an ask.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentGrantRequest {
    /// The ask: its reference, or its id.
    pub ask: String,
    /// Parts, by number here or by section, of those that were asked for. Empty: all of these.
    pub parts: Vec<PartName>,
    /// To whom, of those for whom it was asked. Empty: all of these.
    pub recipients: Vec<String>,
    /// Until when; none: what was asked for.
    pub until: Option<String>,
    /// That it is never passed on, whoever is asked.
    pub never_onward: bool,
    /// Days after which the recipient erases it.
    pub retention_days: Option<u32>,
    /// The only purposes for which it may be used. Empty: any.
    pub purposes: Vec<String>,
    /// Only tell what would be given.
    pub dry_run: bool,
    /// Although the same is given.
    pub again: bool,
}

/// A no to an ask.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentRefuseRequest {
    /// The ask: its reference, or its id.
    pub ask: String,
    /// Why, for the asker.
    pub reason: String,
}

/// Taking back what was asked or given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentWithdrawRequest {
    /// A grant, or an ask: then everything that was given on it.
    pub consent: String,
    /// Only what was given to these, of several: names or ids. Empty: all.
    pub recipients: Vec<String>,
}

/// What was signed about consent, or would be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsentDone {
    /// The records.
    pub published: Vec<Published>,
    /// For each recipient and part, what comes of it.
    pub opens: Vec<ConsentOpens>,
    /// Of a grant: until when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Of a grant: what it asks of whoever gets something by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// What it is about, after it.
    pub line: Option<ConsentLine>,
    /// In a sentence.
    pub outcome: String,
}

/// What a consent does, or would do, for one part and one recipient.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsentOpens {
    /// The recipient.
    pub recipient: String,
    /// The part.
    pub part: ConsentPart,
    /// Whether it goes with the consent.
    pub goes: bool,
    /// Why it stays even so.
    pub reason: Option<String>,
}
