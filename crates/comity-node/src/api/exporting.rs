//! The audit of a time as a file, and the check of one's own books.

use serde::{Deserialize, Serialize};

use super::TermsLine;

/// What of the journal is wanted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportRequest {
    /// Only what happened from then on (RFC 3339, with a zone).
    pub since: Option<String>,
    /// Only what happened before.
    pub until: Option<String>,
    /// Only what concerns this partner: a name or an id.
    pub partner: Option<String>,
    /// What records are called up to TLP:GREEN; else only of those of which all is TLP:CLEAR.
    pub titles: bool,
}

/// A line of the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportLine {
    /// A line of the file, without its end.
    Line(String),
    /// How far it has come.
    Progress {
        /// Entries of the journal that were read.
        done: u64,
        /// All that are to be read.
        total: u64,
    },
    /// The file is whole.
    Done,
}

/// An economy's keyring.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyringFile {
    /// The economy, by id.
    pub economy: String,
    /// Its version.
    pub version: u64,
    /// The keyring, in base 64.
    pub keyring: String,
}

/// A line of the answer to a check of one's own books.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BooksLine {
    /// How far it has come.
    Progress {
        /// Entries of the journal that were read.
        done: u64,
        /// All that are to be read.
        total: u64,
    },
    /// All of it was read.
    Done(Box<BooksVerified>),
}

/// What was found in one's own books.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BooksVerified {
    /// Entries of the journal, each of which follows from the one before.
    pub entries: u64,
    /// The chain's head.
    pub chain: String,
    /// Records whose signatures were verified.
    pub records: u64,
    /// Receipts that were verified, and held against the ledger.
    pub receipts: u64,
    /// How much is wrong.
    pub faulty: u64,
    /// The first of it.
    pub faults: Vec<BooksFault>,
}

/// Something in one's own books that is wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BooksFault {
    /// The entry of the journal.
    pub entry: u64,
    /// What is wrong.
    pub what: String,
}

/// Something that happened, as an exported audit has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExportEvent {
    /// When it was entered.
    pub at: String,
    /// What.
    #[serde(flatten)]
    pub what: ExportWhat,
}

/// A record, as far as an exported audit names it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ExportRecord {
    /// Its id.
    pub record: String,
    /// Its reference here, if it is here.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The strictest label among its parts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tlp: String,
    /// Its origin, by id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub origin: String,
    /// Its title, where nothing of it is marked above what was asked for, and nothing of it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// Another economy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ExportPartner {
    /// What this node calls it. Display only.
    pub partner: String,
    /// Its id.
    pub partner_id: String,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ExportWhat {
    /// A record of our own entered.
    Signed {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
        /// The key that signed it.
        author: String,
        /// Its parts, by digest.
        parts: Vec<String>,
    },
    /// A partner delivered a record, or more parts of one.
    Received {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
        /// Who brought it.
        #[serde(flatten)]
        from: ExportPartner,
        /// The number in its ledger to us; none where it was given back after a restore.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u64>,
        /// The parts that came, by digest.
        parts: Vec<String>,
    },
    /// A record of our own is signed that waits for a second person.
    AwaitsApproval {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
        /// Why.
        causes: Vec<String>,
    },
    /// The glass was broken: a record of our own goes to a partner whatever agreements and trust say.
    Emergency {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
        /// To whom.
        #[serde(flatten)]
        to: ExportPartner,
        /// The record that says so.
        word: String,
        /// Who of the staff; empty where there is none.
        by: String,
        /// Before which a second person has to confirm it.
        confirm_by: String,
        /// The first instant at which nothing goes by it any more.
        until: String,
    },
    /// Something was numbered for a partner.
    Sent {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
        /// To whom.
        #[serde(flatten)]
        to: ExportPartner,
        /// The number in the ledger to that partner.
        number: u64,
        /// The ledger's epoch.
        epoch: String,
        /// The parts that go, by digest.
        parts: Vec<String>,
        /// The sections that go, as far as they are known here.
        sections: Vec<String>,
    },
    /// A number was taken back.
    Void {
        /// Of whose ledger.
        #[serde(flatten)]
        to: ExportPartner,
        /// The number.
        number: u64,
        /// Whether it may have been received all the same.
        possibly_received: bool,
    },
    /// A partner signed for what it holds.
    Receipt {
        /// Who.
        #[serde(flatten)]
        from: ExportPartner,
        /// Up to this number.
        upto: u64,
        /// The receipt, in base 64.
        signed: String,
    },
    /// A partner refused a delivery for good.
    Refused {
        /// Who.
        #[serde(flatten)]
        by: ExportPartner,
        /// The number in the ledger to it.
        number: u64,
        /// Why.
        reason: String,
    },
    /// A delivery to us brought nothing in.
    NotTaken {
        /// Whose.
        #[serde(flatten)]
        from: ExportPartner,
        /// The number in its ledger to us.
        number: u64,
        /// `void`, `known`, `withdrawn`, `unknown-origin`, `declined`, or why it was rejected.
        why: String,
    },
    /// A withdrawal, or a recall, of ours or of another.
    Withdrawn {
        /// The withdrawal.
        #[serde(flatten)]
        record: ExportRecord,
        /// What it takes back, by id.
        records: Vec<String>,
        /// Of a recall: why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recall: Option<String>,
    },
    /// An answer to a withdrawal, ours or another's.
    Answered {
        /// The answer.
        #[serde(flatten)]
        record: ExportRecord,
        /// The withdrawal, by id.
        withdrawal: String,
        /// `gone`, `stopped` or `refused`.
        answer: String,
    },
    /// A record of ours was taken back before anybody was told.
    Unsent {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
    },
    /// Somebody was told by other means, as people here say.
    ToldOutside {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
        /// Who was told.
        whom: String,
        /// `phone`, `mail`, `chat`, `meeting`, `paper` or `other`.
        by: String,
        /// When.
        told: String,
        /// Who told them, where it was said.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        teller: String,
        /// The parts, by digest.
        parts: Vec<String>,
    },
    /// A record left as a file.
    Exported {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
        /// Who reads it: `own` people, `constituents` or `public`.
        readers: String,
        /// The parts that are in it, by digest.
        parts: Vec<String>,
        /// The sections that are in it, as far as they are known here.
        sections: Vec<String>,
        /// What whoever has it takes on.
        terms: TermsLine,
        /// Who of the staff made it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
    },
    /// A word about who was told by other means was wrong.
    ToldWrongly {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
        /// Which word about it, from 1.
        word: u64,
    },
    /// Somebody said how far a record, or a source, is to be believed.
    Assessed {
        /// The record; none where it was said of a source.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<ExportRecord>,
        /// The source; none where it was said of a record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<ExportPartner>,
        /// How reliable the source is, `A` to `F`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reliability: Option<String>,
        /// How credible the record is, 1 to 6.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credibility: Option<u64>,
        /// Who.
        by: String,
    },
    /// It was decided what stands of records: by a person, or by a keyring that went on.
    Decided {
        /// The records, by id.
        records: Vec<String>,
        /// `accepted`, `pending`, `quarantined`, `in-review` or `dropped`.
        standing: String,
        /// Who; empty where no person did by name.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
    },
    /// A person let a part pass that the egress guard held, or holds it again.
    Guard {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
        /// The part, by digest.
        part: String,
        /// Whether it was let pass.
        passed: bool,
        /// Who.
        by: String,
    },
    /// Bodies of a record were erased here.
    Erased {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
        /// The parts, by digest.
        parts: Vec<String>,
        /// Who asked for it; empty where a term was over, or nobody is named.
        by: String,
    },
    /// A record was kept on legal grounds, or is kept no more.
    LegalHold {
        /// The record.
        #[serde(flatten)]
        record: ExportRecord,
        /// Whether nothing of it is erased from now on.
        stands: bool,
        /// Who.
        by: String,
    },
    /// Somebody joined the staff, or left it.
    Staff {
        /// Who.
        name: String,
        /// Whether somebody joined.
        joined: bool,
        /// In which roles.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        roles: Vec<String>,
        /// Under which key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Nobody joined or left: this key of the staff is, or was, this person's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recognised: Option<String>,
        /// Who did it; empty where the root alone spoke.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
    },
    /// Somebody of the staff was shown content above TLP:GREEN.
    Read {
        /// The record, by id; none: a draft.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<String>,
        /// The draft, by number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        draft: Option<u64>,
        /// Who.
        by: String,
    },
    /// Something changed that decides what goes, or what is taken: a partner, or a record of control
    /// (agreement, group, consent, keyring).
    Policy {
        /// What changed, in a word: `paired`, `level`, `suspended`, ..., or the kind of the record.
        change: String,
        /// Its value, where it has one: a level, a rule.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
        /// With whom, or who brought it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<ExportPartner>,
        /// The record that says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<ExportRecord>,
    },
    /// Something about the node itself: `founded`, `restored`, `policy-confirmed`, `given-back`,
    /// `recovered`, `tail-cut`, `head-agreed`, `epoch`.
    Node {
        /// What.
        what: String,
        /// With whom.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<ExportPartner>,
    },
}
