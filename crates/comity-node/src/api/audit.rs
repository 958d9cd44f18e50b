//! Who was told what.

use serde::{Deserialize, Serialize};

use super::{AnswerLine, EmergencyLine, RecordLine};

/// Who was told what of a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditWho {
    /// The record.
    pub record: RecordLine,
    /// Whether what it is called may stand in a file for others: all of it is TLP:CLEAR, and nothing of it waits.
    #[serde(default)]
    pub title_leaves: bool,
    /// Every delivery, in order.
    pub deliveries: Vec<AuditDelivery>,
    /// Partners to whom nothing of it was sent.
    pub nothing_sent: Vec<String>,
    /// Partners whose link is down and that get more of it when they connect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub due: Vec<String>,
    /// Whom our consents let have it from others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consented: Vec<AuditConsent>,
    /// Who was told by other means, as people here say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told_outside: Vec<AuditOutside>,
    /// The files that left of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileLine>,
    /// Emergency releases of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emergencies: Vec<EmergencyLine>,
    /// Its withdrawal, by reference.
    pub withdrawn_by: Option<String>,
    /// Its recall, by reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled_by: Option<String>,
    /// Whoever is to know of the withdrawal, or of the recall if there is one, whether they do, and what
    /// they answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawal_told: Vec<AuditTold>,
    /// What replaces it, by reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
    /// Whoever possibly holds something of it, and whether they were told what replaces it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded_told: Vec<AuditTold>,
}

/// A consent of ours, by which somebody has something of a record from whoever asked, or may have it. Whether
/// it was sent, the asker knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditConsent {
    /// Our consent, by reference.
    pub consent: String,
    /// Who may have it: the name.
    pub to: String,
    /// Who may have it: the id.
    pub to_id: String,
    /// Who asked, and passes it on: the name.
    pub from: String,
    /// Who asked, and passes it on: the id.
    pub from_id: String,
    /// The sections of its parts.
    pub sections: Vec<String>,
    /// The same as screens call them: see [`AuditDelivery::called`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub called: Vec<String>,
    /// Its parts, by digest.
    pub parts: Vec<String>,
    /// When we consented.
    pub at: String,
    /// The first instant at which it no longer holds.
    pub until: String,
    /// `in force`, `ended` or `taken back`: what was passed on before stays where it is.
    pub state: String,
}

/// A partner that possibly holds something of a record that no longer stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditTold {
    /// Its name.
    pub partner: String,
    /// Its id.
    pub partner_id: String,
    /// As [`AuditDelivery::state`], of the withdrawal, or of what replaces it; `not told yet`, or `told by`
    /// a relay.
    pub state: String,
    /// When it was decided to tell it.
    pub at: Option<String>,
    /// When a signed receipt for that came.
    pub receipt: Option<String>,
    /// What it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerLine>,
}

/// One delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditDelivery {
    /// To whom: the name.
    pub partner: String,
    /// To whom: the id.
    pub partner_id: String,
    /// The number in the ledger to that partner.
    pub number: u64,
    /// The ledger's epoch.
    pub epoch: String,
    /// When it was decided.
    pub at: String,
    /// The sections that went.
    pub sections: Vec<String>,
    /// The same as screens call them: `mitigation(2)`, with its number as `comity show` has it, where several parts of the
    /// record have one section.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub called: Vec<String>,
    /// The parts that went, by digest.
    pub parts: Vec<String>,
    /// Parts that stayed, with gate and clause.
    pub withheld: Vec<AuditWithheld>,
    /// `on the way`, `stored`, `void`, `void, possibly received`, or `refused: ...`.
    pub state: String,
    /// When a signed receipt that covers it came.
    pub receipt: Option<String>,
    /// The emergency release by which it went, by reference: no agreement let it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<String>,
    /// The policy that decided it.
    pub policy: u64,
    /// What the partner took on.
    pub obligations: String,
    /// The ledger entry and the signed receipt that covers it, in base 64: verifiable offline.
    pub entry: String,
    /// See `entry`.
    pub signed_receipt: Option<String>,
    /// How the ledger leads from the entry to the head that the receipt signs.
    pub chain: Option<AuditChain>,
}

/// How a ledger leads from a delivery's entry to a later head. Of other deliveries it has digests only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditChain {
    /// The chain before the entry, in hexadecimal.
    pub before: String,
    /// What follows the entry, in order.
    pub steps: Vec<AuditStep>,
}

/// One step of a ledger's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum AuditStep {
    /// Another delivery: the digest of its entry, in hexadecimal.
    Entry(String),
    /// A new epoch of the ledger, after a restore from a backup.
    Epoch {
        /// The new epoch.
        epoch: String,
        /// The epoch before it.
        previous: String,
        /// The first number of the new epoch.
        first: u64,
    },
}

/// An audit as a file that others can verify.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditFile {
    /// Its contents: lines of JSON.
    pub file: String,
}

/// Somebody who was told by other means.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditOutside {
    /// Which word about this record, from 1 on.
    pub word: u64,
    /// Who was told.
    pub whom: String,
    /// `phone`, `mail`, `chat`, `meeting`, `paper` or `other`.
    pub by: String,
    /// When.
    pub told: String,
    /// The sections that were told.
    pub sections: Vec<String>,
    /// The parts, by digest.
    pub parts: Vec<String>,
    /// Who told them, where it was said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub teller: String,
    /// Anything else.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When that was entered.
    pub entered_at: String,
    /// Why it was wrong, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
}

/// A file that left of a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileLine {
    /// The record's reference.
    pub reference: String,
    /// Who reads it: `own` people, `constituents` or `public`.
    pub readers: String,
    /// When it left.
    pub at: String,
    /// The sections that are in it.
    pub sections: Vec<String>,
    /// The parts, by digest.
    pub parts: Vec<String>,
    /// What whoever has it takes on.
    pub terms: TermsLine,
    /// Who of the staff made it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
}

/// What whoever has something takes on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsLine {
    /// Passing on: `within-marking`, `ask` (its origin first) or `none`.
    pub onward: String,
    /// Days after which it is to be erased; none: by the holder's own rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// The only purposes for which it may be used; none: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<String>,
}

/// Somebody was told of a record by other means.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldRequest {
    /// A reference, or the front of an id.
    pub record: String,
    /// Who.
    pub whom: String,
    /// `phone`, `mail`, `chat`, `meeting`, `paper` or `other`.
    pub by: String,
    /// The sections that were told; none: all that are here.
    #[serde(default)]
    pub sections: Vec<String>,
    /// When (RFC 3339, with a zone); none: now.
    #[serde(default)]
    pub told: Option<String>,
    /// Who told them.
    #[serde(default)]
    pub teller: String,
    /// Anything else.
    #[serde(default)]
    pub note: String,
}

/// A word about who was told was wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrongRequest {
    /// A reference, or the front of an id.
    pub record: String,
    /// Which word about it, from 1 on.
    pub word: u64,
    /// Why it was wrong.
    pub reason: String,
}

/// A part that stayed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditWithheld {
    /// The digest.
    pub part: String,
    /// What it says.
    pub section: String,
    /// The same as screens call it: see [`AuditDelivery::called`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub called: String,
    /// The gate.
    pub gate: String,
    /// Why.
    pub clause: String,
}
