//! What a node is asked and what it answers, as data: the shapes of the local interface and of the
//! command line's `--json`.
//!
//! Ids are hexadecimal, times are RFC 3339 in UTC, labels and kinds are the words that people use.
//! Times and ids are strings here; [`crate::service`] reads them.

use serde::{Deserialize, Serialize};

/// A record to be signed and published, or a draft to be published.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublishRequest {
    /// Publish this draft; `parts` must be empty then.
    pub draft: Option<u64>,
    /// `advisory`, `incident`, `sightings`, `request`, `response`, `note`; a draft has its own.
    pub kind: Option<String>,
    /// For local screens.
    pub title: String,
    /// `routine`, `priority` or `urgent`.
    pub urgency: Option<String>,
    /// Whether more is to come.
    pub interim: bool,
    /// The marking of every part that has none of its own.
    pub marking: MarkingFields,
    /// The parts.
    pub parts: Vec<PartRequest>,
    /// To whom it is addressed. Empty: to nobody by name.
    pub to: Vec<AddresseeRequest>,
    /// Own records that it replaces: references or ids.
    pub supersedes: Vec<String>,
    /// Only tell who would get what.
    pub dry_run: bool,
}

/// A marking, as far as it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MarkingFields {
    /// `CLEAR`, `GREEN`, `AMBER`, `AMBER+STRICT`, `RED`.
    pub tlp: Option<String>,
    /// Nobody before this time.
    pub release_at: Option<String>,
    /// Partners at once, nobody else before this time.
    pub embargo_until: Option<String>,
    /// Nobody from this time on.
    pub expires: Option<String>,
    /// `within-marking`, `ask` or `none`.
    pub onward: Option<String>,
}

/// A part to be sealed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartRequest {
    /// `summary`, `mitigation`, `detail`, `indicators`, `attribution`, `victim`, `evidence`, ...
    pub section: String,
    /// `general`, `sensitive`, ...; none is `general`.
    pub classes: Vec<String>,
    /// The media type; `text/plain` unless given.
    pub media_type: Option<String>,
    /// BCP 47.
    pub language: Option<String>,
    /// For a translation: the section that it translates.
    pub translates: Option<String>,
    /// The name of the file.
    pub file_name: Option<String>,
    /// The only economy that it is for: a name or an id.
    pub destination: Option<String>,
    /// What differs from the record's marking.
    pub marking: MarkingFields,
    /// The content as text.
    pub text: Option<String>,
    /// The content in base 64 (RFC 4648 section 4), if it is no text.
    pub base64: Option<String>,
}

/// An addressee.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddresseeRequest {
    /// A name or an id.
    pub economy: String,
    /// The desk or person there.
    pub desk: Option<String>,
    /// Economies through which it may come: names or ids.
    pub relays: Vec<String>,
    /// Sections that it may have. Empty: all.
    pub sections: Vec<String>,
}

/// What became of a publication, or would.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Published {
    /// The id; of a dry run that of a record that was thrown away.
    pub record: String,
    /// The short reference; none of a dry run.
    pub reference: Option<String>,
    /// Who gets what.
    pub preview: Preview,
}

/// Who gets which part of a record, and why not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Preview {
    /// The record.
    pub record: RecordLine,
    /// The partners, in the order of the columns.
    pub partners: Vec<String>,
    /// The rows.
    pub parts: Vec<PreviewPart>,
    /// Under which policy.
    pub policy: u64,
    /// When it was computed.
    pub at: String,
}

/// One part, for every partner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviewPart {
    /// The digest; `manifest` for a control record.
    pub part: String,
    /// What it says.
    pub section: String,
    /// Its label.
    pub tlp: String,
    /// Bytes.
    pub size: u64,
    /// The file name, if it has one.
    pub file_name: Option<String>,
    /// The economy that it is destined to, if any.
    pub destination: Option<String>,
    /// One for each partner.
    pub cells: Vec<Cell>,
}

/// One part for one partner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// The partner's name.
    pub partner: String,
    /// `release`, `withhold` or `hold`.
    pub outcome: String,
    /// Until when it is held.
    pub until: Option<String>,
    /// The gate that keeps it.
    pub gate: Option<String>,
    /// Why it stays, with the clause: `MoU art. 4.2: ...`.
    pub reason: Option<String>,
}

/// A record in one line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordLine {
    /// The id.
    pub record: String,
    /// The short reference.
    pub reference: String,
    /// What it is.
    pub kind: String,
    /// A title for local screens.
    pub title: String,
    /// The strictest label among the parts that are here.
    pub tlp: String,
    /// What this node calls its origin.
    pub origin: String,
    /// The origin's id.
    pub origin_id: String,
    /// How it came: `own`, or the partner's name.
    pub source: String,
    /// `introduced by KR` where the origin is not paired.
    pub introduced_by: Option<String>,
    /// `accepted`, `pending` or `quarantined`.
    pub standing: String,
    /// Why it is pending or quarantined.
    pub standing_reason: Option<String>,
    /// `live`, `withdrawn` or `superseded`.
    pub lifecycle: String,
    /// Whether it is for those only whom it names.
    pub addressed: bool,
    /// When it was signed, by its author's clock.
    pub signed_at: String,
    /// When it entered here.
    pub entered_at: String,
}

/// A record whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordDetail {
    /// The line.
    pub line: RecordLine,
    /// The key that signed it.
    pub author: String,
    /// `routine`, `priority` or `urgent`.
    pub urgency: String,
    /// `interim` or `final`.
    pub state: String,
    /// The lines of the manifest that are not here: parts withheld from us, or padding.
    pub not_here: u64,
    /// The parts that are here.
    pub parts: Vec<PartDetail>,
    /// A control record's body, in words.
    pub body: Option<String>,
}

/// A part that is here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartDetail {
    /// The digest.
    pub part: String,
    /// What it says.
    pub section: String,
    /// Its label.
    pub tlp: String,
    /// How sensitive it is in law.
    pub classes: Vec<String>,
    /// Bytes.
    pub size: u64,
    /// The media type.
    pub media_type: String,
    /// The file name.
    pub file_name: Option<String>,
    /// The economy that it is destined to.
    pub destination: Option<String>,
    /// Whom an addressee part names, in words.
    pub addressee: Option<String>,
    /// The content, where it is text and asked for.
    pub text: Option<String>,
}

/// Which records.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ListRequest {
    /// Of this kind.
    pub kind: Option<String>,
    /// From this origin: a name or an id.
    pub from: Option<String>,
    /// Entered since.
    pub since: Option<String>,
    /// Those that await a person: pending or in quarantine.
    pub waiting: bool,
    /// Control records as well.
    pub control: bool,
    /// At most; newest first.
    pub limit: usize,
}

/// A draft.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DraftLine {
    /// `KR-D-0003`.
    pub reference: String,
    /// The number.
    pub number: u64,
    /// The title.
    pub title: String,
    /// What it would become.
    pub kind: String,
    /// The format that it was read from.
    pub format: String,
    /// Publisher and id in that format.
    pub provenance: String,
    /// The label; none where a person must mark it first.
    pub tlp: Option<String>,
    /// Its sections.
    pub sections: Vec<String>,
    /// Bytes of content.
    pub size: u64,
    /// When it was made.
    pub at: String,
}

/// Drafts to be kept: what an import made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DraftsRequest {
    /// Each becomes a draft.
    pub drafts: Vec<NewDraft>,
}

/// A draft to be kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewDraft {
    /// The title.
    pub title: String,
    /// What it would become.
    pub kind: String,
    /// Whether more is to come.
    pub interim: bool,
    /// `csaf`, `intelmq`.
    pub format: String,
    /// Publisher and id in that format.
    pub provenance: String,
    /// The label; none where a person must mark it first.
    pub tlp: Option<String>,
    /// Each section: its header as encoded, and its content, both in base 64.
    pub sections: Vec<(String, String)>,
}

/// Why a partner may, or may not, have a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// The record.
    pub record: RecordLine,
    /// For each partner asked about.
    pub partners: Vec<ExplainedPartner>,
    /// Under which policy.
    pub policy: u64,
}

/// Why one partner may, or may not, have each part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExplainedPartner {
    /// The partner's name.
    pub partner: String,
    /// Whether anything goes.
    pub goes: bool,
    /// The agreement that covers it: its title.
    pub covered_by: Option<String>,
    /// Whether anything was sent already.
    pub sent: bool,
    /// Each part.
    pub parts: Vec<ExplainedPart>,
}

/// Why one part goes or stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExplainedPart {
    /// The digest; `manifest` for a control record.
    pub part: String,
    /// What it says.
    pub section: String,
    /// Its label.
    pub tlp: String,
    /// `release`, `withhold` or `hold`.
    pub outcome: String,
    /// Until when it is held.
    pub until: Option<String>,
    /// Every gate, in order.
    pub gates: Vec<ExplainedGate>,
    /// What would change the answer, one change at a time.
    pub would_change: Vec<String>,
}

/// What one gate says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExplainedGate {
    /// The gate.
    pub gate: String,
    /// `pass`, `deny` or `hold`.
    pub verdict: String,
    /// Why.
    pub sentence: String,
    /// The article that it cites.
    pub clause: Option<String>,
}

/// Who was told what of a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditWho {
    /// The record.
    pub record: RecordLine,
    /// Every delivery, in order.
    pub deliveries: Vec<AuditDelivery>,
    /// Partners to whom nothing of it was sent.
    pub nothing_sent: Vec<String>,
    /// Withdrawals of it, by reference.
    pub withdrawn_by: Option<String>,
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
    /// The parts that went, by digest.
    pub parts: Vec<String>,
    /// Parts that stayed, with gate and clause.
    pub withheld: Vec<AuditWithheld>,
    /// `on the way`, `stored`, `void`, `void, possibly received`, or `refused: ...`.
    pub state: String,
    /// When a signed receipt that covers it came.
    pub receipt: Option<String>,
    /// The policy that decided it.
    pub policy: u64,
    /// What the partner took on.
    pub obligations: String,
    /// The ledger entry and the signed receipt that covers it, in base 64: verifiable offline.
    pub entry: String,
    /// See `entry`.
    pub signed_receipt: Option<String>,
}

/// A part that stayed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditWithheld {
    /// The digest.
    pub part: String,
    /// What it says.
    pub section: String,
    /// The gate.
    pub gate: String,
    /// Why.
    pub clause: String,
}

/// A partner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartnerLine {
    /// What this node calls it.
    pub name: String,
    /// The id.
    pub economy: String,
    /// `paired`, `suspended`, `removed`, `frozen` or `introduced`.
    pub bond: String,
    /// Who introduced it.
    pub introduced_by: Option<String>,
    /// The trust level, 0 to 4.
    pub level: u8,
    /// The level's name.
    pub level_name: String,
    /// Where it can be reached.
    pub addresses: Vec<String>,
    /// Titles of the agreements in force.
    pub agreements: Vec<String>,
    /// Whether the link is up. None when the node is not running.
    pub connected: Option<bool>,
    /// The last thing that went wrong with the link.
    pub trouble: Option<String>,
    /// Round trip of the link in milliseconds, if it is up.
    pub rtt_ms: Option<f64>,
    /// Deliveries numbered so far.
    pub delivered: u64,
    /// Of those, how many the partner has not acknowledged.
    pub outstanding: u64,
    /// Deliveries received from it.
    pub received: u64,
    /// Since when.
    pub since: String,
}

/// A change of a partner.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum PartnerUpdate {
    /// Set the trust level.
    Level {
        /// 0 to 4.
        level: u8,
    },
    /// Nothing flows until it is resumed.
    Suspend,
    /// It flows again.
    Resume,
    /// End the pairing.
    Remove,
    /// Where it can be reached.
    Addresses {
        /// `host:port` each.
        addresses: Vec<String>,
    },
}

/// An agreement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgreementLine {
    /// The record that proposed it.
    pub agreement: String,
    /// Its short reference.
    pub reference: String,
    /// Its title.
    pub title: String,
    /// `mou`, `nda`, ...
    pub tier: String,
    /// The other party.
    pub partner: String,
    /// Who proposed it.
    pub proposed_by: String,
    /// `proposed by us`, `awaits our acceptance`, `in force`, `starts later`, `ended`, `unreadable`.
    pub state: String,
    /// From when it is in force.
    pub from: Option<String>,
    /// Until when.
    pub until: Option<String>,
    /// The exact text, where asked for.
    pub text: Option<String>,
}

/// How the node is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The front of short references.
    pub code: String,
    /// The economy's id.
    pub economy: String,
    /// Whether a node is running, or only the folder was read.
    pub running: bool,
    /// Where it listens.
    pub listening: Option<String>,
    /// Records that are here, control records not counted.
    pub records: u64,
    /// Records that await a person or a keyring.
    pub waiting: u64,
    /// Drafts.
    pub drafts: u64,
    /// Entries in the journal.
    pub entries: u64,
    /// The journal's chain, so far as it is durable.
    pub chain: String,
    /// Version of our own keyring.
    pub keyring: u64,
    /// What is wrong with the store, if anything.
    pub store_problem: Option<String>,
    /// In recovery since, after a restore.
    pub recovering: Option<String>,
    /// The partners.
    pub partners: Vec<PartnerLine>,
    /// The latest alarms, newest first.
    pub alarms: Vec<AlarmLine>,
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

/// An open invitation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invitation {
    /// The line to give to the other operator, over a channel that you trust.
    pub ticket: String,
    /// What this node will call the partner.
    pub name: String,
    /// Until when it is good.
    pub expires: String,
}

/// A pairing ceremony under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ceremony {
    /// What this node will call the partner.
    pub name: String,
    /// `waiting`, `compare`, `confirmed here`, `paired` or `failed`.
    pub state: String,
    /// What our operator reads aloud: six digits.
    pub digits: Option<String>,
    /// The other economy's id, once it is proven.
    pub economy: Option<String>,
    /// What went wrong.
    pub problem: Option<String>,
}

/// An introduction by a partner that awaits the operator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IntroductionLine {
    /// The record that carries it.
    pub reference: String,
    /// Who introduces.
    pub by: String,
    /// What they call the economy.
    pub name: String,
    /// The economy's id.
    pub economy: String,
    /// Whether it was confirmed.
    pub confirmed: bool,
}
