//! Who was told what.

use serde::{Deserialize, Serialize};

use super::RecordLine;

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
