//! What is known of a partner, for whoever changes how far it is trusted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::assessing::AssessmentLine;
use super::partners::{AgreementLine, DeadlineLine, PartnerLine};

/// What the journal knows of a partner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartnerReview {
    /// The partner as it stands.
    pub partner: PartnerLine,
    /// What went to it.
    pub given: GivenReview,
    /// What came from it.
    pub taken: TakenReview,
    /// What was taken back, by us and by it.
    pub withdrawals: WithdrawalReview,
    /// What we asked of it for other economies, and what it said.
    #[serde(default)]
    pub requests: RequestReview,
    /// Its clock beside ours. None: nothing in the journal says.
    pub clock: Option<ClockReview>,
    /// Agreements with it, whatever became of them.
    pub agreements: Vec<AgreementLine>,
    /// Ends and reviews of agreements that are near.
    pub deadlines: Vec<DeadlineLine>,
    /// Its keys. None: its keyring is not here.
    pub keys: Option<KeysReview>,
    /// How reliable it is as a source, where somebody here said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assessment: Option<AssessmentLine>,
    /// What it brought or signed, and was kept from everybody.
    pub quarantine: QuarantineReview,
    /// What nothing in the journal says, in words.
    pub not_known: Vec<String>,
}

/// What went to a partner.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GivenReview {
    /// Deliveries that were numbered.
    pub deliveries: u64,
    /// Of those, how many its signed receipts cover.
    pub confirmed: u64,
    /// Of those, how many were taken back before they left.
    pub taken_back: u64,
    /// What it refused for good, by reason.
    pub refused: BTreeMap<String, u64>,
    /// The last one.
    pub last: Option<String>,
    /// Milliseconds from a delivery to the receipt that covers it: half of them took no longer.
    pub receipt_half_ms: Option<u64>,
    /// The same for the slowest.
    pub receipt_slowest_ms: Option<u64>,
    /// How often our ledger to it, or its ledger to us, went on in a new series, which is what a restore
    /// from a backup on either side does.
    pub series: u64,
}

/// What came from a partner.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TakenReview {
    /// Deliveries that were received.
    pub deliveries: u64,
    /// Records with content here that it signed.
    pub signed: u64,
    /// Records with content here of others that it brought first.
    pub passed_on: u64,
    /// What was refused for good, by reason; what our own rule refused is not among it.
    pub refused: BTreeMap<String, u64>,
    /// What our own rule refused, by kind.
    pub refused_by_rule: BTreeMap<String, u64>,
    /// Of what was refused, signatures that did not verify and parts that are not those that were signed.
    pub bad_signatures: u64,
    /// The last record that it signed or brought.
    pub last: Option<String>,
}

/// What was taken back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WithdrawalReview {
    /// Withdrawals that went to it.
    pub sent: u64,
    /// Of those, how many its signed receipts cover: it has them, and its node takes the records back.
    pub confirmed: u64,
    /// Milliseconds from a withdrawal to its receipt: half of them took no longer.
    pub half_ms: Option<u64>,
    /// The same for the slowest.
    pub slowest_ms: Option<u64>,
    /// Withdrawals that it has not confirmed, by our references.
    pub open: Vec<String>,
    /// Of those that went to it, how many it has answered itself that nothing of the record is there any more.
    #[serde(default)]
    pub gone: u64,
    /// How many it has answered that parts stay, which its node hands to nobody any more; by why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stopped: BTreeMap<String, u64>,
    /// How many somebody there has refused; by why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, u64>,
    /// Those that it has not answered, by our references.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<String>,
    /// Milliseconds from a withdrawal to its last answer: half of them took no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_half_ms: Option<u64>,
    /// The same for the slowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_slowest_ms: Option<u64>,
    /// Withdrawals that it signed.
    pub its_own: u64,
}

/// A partner's clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClockReview {
    /// When its last receipt came.
    pub at: String,
    /// Milliseconds by which the receipt's time was ahead of ours when it came; below zero, behind it, the
    /// way and waiting included.
    pub ahead_ms: i64,
    /// The most milliseconds by which a record that it signed and brought itself was dated ahead of ours.
    pub signed_ahead_ms: u64,
}

/// A partner's keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeysReview {
    /// The version of its keyring.
    pub version: u64,
    /// How often its root keys were replaced.
    pub root_rotations: u64,
    /// Why it is frozen, if it is: its keyring contradicts itself.
    pub frozen: Option<String>,
    /// Each key.
    pub keys: Vec<KeyReview>,
}

/// A key of a partner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyReview {
    /// The key.
    pub key: String,
    /// What it is for: `link`, `author`, ...; none where only its revocation is known.
    pub role: Option<String>,
    /// Since when it is granted.
    pub from: Option<String>,
    /// Until when.
    pub until: Option<String>,
    /// Since when it is revoked.
    pub revoked: Option<String>,
    /// Whether it was in foreign hands.
    pub compromised: bool,
}

/// What was kept from everybody.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct QuarantineReview {
    /// Records that wait for a person, by cause: `doubt`, `review`, `person`.
    pub waiting: BTreeMap<String, u64>,
    /// Records that cannot be judged yet.
    pub pending: u64,
    /// Records that a person here released.
    pub released: u64,
    /// Records that a person here dropped.
    pub dropped: u64,
}

/// Requests for the partner's consent, which is owed an answer, and what became of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RequestReview {
    /// Requests that stand.
    pub asked: u64,
    /// Of those, granted, in part or whole.
    pub granted: u64,
    /// Of those, refused.
    pub refused: u64,
    /// Of those that were answered, how many only after the time until which the consent was wanted.
    pub late: u64,
    /// The references of those without an answer.
    pub open: Vec<String>,
    /// Of those, how many are past the time until which the consent was wanted.
    pub overdue: u64,
    /// Milliseconds from a request to its answer: half of them took no longer.
    pub half_ms: Option<u64>,
    /// The same for the slowest.
    pub slowest_ms: Option<u64>,
}
