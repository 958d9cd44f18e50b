//! Partners, agreements with them, pairing, introductions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::trouble::TroubleKind;

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
    /// What is taken in from it.
    #[serde(default)]
    pub intake: IntakeLine,
    /// How reliable it is as a source, `A` to `F`, by the last word of a person here. Never sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<String>,
    /// Where it can be reached.
    pub addresses: Vec<String>,
    /// Titles of the agreements in force.
    pub agreements: Vec<String>,
    /// Whether the link is up. None when the node is not running.
    pub connected: Option<bool>,
    /// The last thing that went wrong with the link.
    pub trouble: Option<String>,
    /// What kind of trouble that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble_kind: Option<TroubleKind>,
    /// Round trip of the link in milliseconds, if it is up.
    pub rtt_ms: Option<f64>,
    /// Deliveries numbered so far.
    pub delivered: u64,
    /// Of those, how many the partner has not acknowledged; with the link down, has not signed for either.
    pub outstanding: u64,
    /// Records that it gets when it connects, where its link is down.
    #[serde(default)]
    pub due: u64,
    /// Whether there may be more: only the latest records were looked at.
    #[serde(default)]
    pub due_or_more: bool,
    /// Records of ours of which it may hold parts that it would not get now, as the running node last counted.
    #[serde(default)]
    pub outstays: u64,
    /// Deliveries received from it.
    pub received: u64,
    /// Whether it has still to give back what it holds of ours, since this node was restored: until then
    /// nothing goes to it.
    #[serde(default)]
    pub owes: bool,
    /// What it has brought too much of: more of that is put off until there is room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub full: Vec<String>,
    /// When it last said that the keyring which is here is its newest; none where it never has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring_confirmed: Option<String>,
    /// Why nothing of it goes on, and nothing new of it is believed: a newer keyring of it may be kept from us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<String>,
    /// Since when.
    pub since: String,
}

/// What is taken in from a partner: ours alone, never sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeLine {
    /// `accept`, `review` or `refuse`: for every kind of content that is not named below.
    pub rule: String,
    /// Kinds for which another rule holds.
    pub kinds: BTreeMap<String, String>,
    /// Deliveries that were not taken by such a rule, by kind.
    pub refused: BTreeMap<String, u64>,
}

/// A partner's sign of life, and the way to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pinged {
    /// What this node calls it.
    pub partner: String,
    /// The id.
    pub economy: String,
    /// Milliseconds from the question to the answer of the partner's node.
    pub answer_ms: f64,
    /// Milliseconds by which the partner's clock is ahead of ours; below zero, behind it.
    pub clock_ahead_ms: i64,
    /// By how many milliseconds that may be wrong, either way.
    pub clock_within_ms: f64,
    /// The way to it. None: the link went down just now.
    pub path: Option<PathLine>,
}

/// What the transport has measured since the connection opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PathLine {
    /// The partner's address.
    pub remote: String,
    /// The smoothed round trip, in milliseconds.
    pub rtt_ms: f64,
    /// The shortest round trip, in milliseconds.
    pub shortest_rtt_ms: f64,
    /// Bytes that were sent.
    pub bytes_sent: u64,
    /// Bytes that were received.
    pub bytes_received: u64,
    /// Packets that were sent.
    pub packets_sent: u64,
    /// Of those, how many are believed lost.
    pub packets_lost: u64,
    /// Bytes in lost packets.
    pub bytes_lost: u64,
    /// Bytes that may be on their way at once.
    pub window_bytes: u64,
    /// Bytes of the largest datagram.
    pub datagram_bytes: u16,
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
    /// What is taken in from it.
    Intake {
        /// `accept`, `review` or `refuse`.
        rule: String,
        /// The kinds that are meant; all kinds of content where none is named.
        #[serde(default)]
        kinds: Vec<String>,
    },
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
    /// `proposed by us`, `awaits our acceptance`, `in force`, `starts later`, `ended`, `taken back`,
    /// `declined`, `unreadable`, `in doubt`; and where texts amend one another: `amended`, `overtaken`, `without effect`,
    /// `contested`.
    pub state: String,
    /// From when it is in force.
    pub from: Option<String>,
    /// Until when.
    pub until: Option<String>,
    /// Until when its prohibitions and duties hold, where it was ended without the notice agreed.
    pub bound_until: Option<String>,
    /// The period of notice, and its article: the longest that any text of the agreement says.
    pub notice: Option<String>,
    /// The same in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_days: Option<u32>,
    /// The earliest end that this notice allows, if it were given now.
    pub earliest_end: String,
    /// The exact text, where asked for.
    pub text: Option<String>,
    /// The references of the texts whose place it takes, or would.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amends: Vec<String>,
    /// The reference of the text that takes its place: at `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amended_by: Option<String>,
    /// Proposals of ours that nobody has answered, and that would take the place of a text of its agreement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_amendments: Vec<String>,
    /// How it stands with the other texts of its agreement, where both have signed several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<AgreementTexts>,
    /// Why it is in doubt whether both have signed it, where nothing goes under it for that reason though it binds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<AgreementDoubt>,
    /// Every text of the agreement with its words, from the first to the last, where one agreement is asked
    /// for and there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<AgreementLine>,
}

/// An agreement of one text, of which a key that signed is believed no more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgreementDoubt {
    /// Which signature, and why.
    pub why: String,
    /// What to do about it.
    pub next: String,
    /// Whether it is our acceptance: we may accept once more.
    #[serde(default)]
    pub ours: bool,
}

/// The texts of one agreement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgreementTexts {
    /// The reference of the first: whoever ends the agreement names it.
    pub first: String,
    /// The references of the last: an amendment takes the place of all of them.
    pub last: Vec<String>,
    /// Whether nobody can say which of them holds: nothing goes under any, and all bind.
    pub contested: bool,
    /// Why nothing goes under it though it binds, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// From when the agreement ends, where somebody has ended it.
    pub ends: Option<String>,
    /// Until when any of it binds, where that is known.
    pub bound_until: Option<String>,
}

/// An agreement under which nothing goes though it binds, for nobody can say which of its texts holds, or none of
/// them is in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContestedLine {
    /// The reference of its first text.
    pub reference: String,
    /// The other party.
    pub partner: String,
    /// What it is, in a sentence.
    pub what: String,
    /// What to do about it.
    pub next: String,
}

/// An end or a review of an agreement, told ahead.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadlineLine {
    /// The record that proposed the agreement, or is the charter; empty of a key.
    pub agreement: String,
    /// Its short reference.
    pub reference: String,
    /// The other party; empty of a charter or a key.
    pub partner: String,
    /// Of a charter: what it calls the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Of a key of ours: its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `end` or `review`.
    pub deadline: String,
    /// The first instant after it.
    pub at: String,
    /// Its day in UTC, the last one before that: `2026-12-19`.
    pub day: String,
    /// Days until that day.
    pub days: u64,
    /// The step that was passed: 90, 30 or 7 days ahead; 0: it is over.
    pub step: u64,
    /// Of a review, what it does when it is overdue: `warn` or `stop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue: Option<String>,
    /// A sentence.
    pub what: String,
    /// What to do about it.
    pub next: String,
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

/// An invitation that opens the door.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InvitationLine {
    /// What this node will call the partner.
    pub name: String,
    /// How far the pairing is: see [`Ceremony::state`]; `cancelled` once it was taken back.
    pub state: String,
    /// Since when it is open.
    pub since: String,
    /// Until when it is good.
    pub expires: String,
}

/// A pairing ceremony under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ceremony {
    /// What this node will call the partner.
    pub name: String,
    /// Whether the ticket is ours; else it is the other side's.
    #[serde(default)]
    pub invited: bool,
    /// `waiting`, `compare`, `confirmed here`, `paired` or `failed`.
    pub state: String,
    /// Of a failure: whether the ticket is used up. Else it may be tried again.
    #[serde(default)]
    pub used_up: bool,
    /// Of a failure: whether the other node answered, and has no invitation open for the ticket.
    #[serde(default)]
    pub not_open: bool,
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
