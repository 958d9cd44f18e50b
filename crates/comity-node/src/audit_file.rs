//! An audit as a file: lines of JSON, of which the first is signed and names the others by digest, so
//! that whatever was changed later is found, and where.

use comity_core::digest::{Digest, domains, read_hex};
use comity_core::keyring::VerifiedKeyring;
use comity_core::ledger::{Links, Step};
use comity_core::sign::SecretKey;
use comity_core::{EpochId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::api::{AuditChain, AuditDelivery, AuditStep, AuditWho, RecordLine};

/// The version of the format.
pub const FORMAT: u64 = 3;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    /// [`FORMAT`].
    #[serde(rename = "comity-audit")]
    pub format: u64,
    /// The economy whose books these are.
    pub economy: String,
    /// When it was written, by its clock.
    pub written: String,
    /// The record.
    pub record: Record,
    /// Its withdrawal, by reference.
    pub withdrawn_by: Option<String>,
    /// For each delivery, in order: the digest of its line.
    pub deliveries: Vec<String>,
}

/// The record, as far as it is for others. A title is for the lists of whoever gave it; how the record came
/// in, and why it is set aside, is their own affair.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The id.
    pub record: String,
    /// The short reference, of whoever wrote the file.
    pub reference: String,
    /// What it is.
    pub kind: String,
    /// The strictest label among its parts.
    pub tlp: String,
    /// What whoever wrote the file calls its origin.
    pub origin: String,
    /// The origin's id.
    pub origin_id: String,
    /// When it was signed, by its author's clock.
    pub signed_at: String,
    /// When it entered the books.
    pub entered_at: String,
}

impl From<&RecordLine> for Record {
    fn from(line: &RecordLine) -> Self {
        Self {
            record: line.record.clone(),
            reference: line.reference.clone(),
            kind: line.kind.clone(),
            tlp: line.tlp.clone(),
            origin: line.origin.clone(),
            origin_id: line.origin_id.clone(),
            signed_at: line.signed_at.clone(),
            entered_at: line.entered_at.clone(),
        }
    }
}

/// A delivery, as far as it is for others: what went. What stayed, and by which rule, tells how far its
/// recipient is trusted and what is agreed with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
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
    /// What became of it, in words.
    pub state: String,
    /// When a signed receipt that covers it came.
    pub receipt: Option<String>,
    /// What the partner took on.
    pub obligations: String,
    /// The ledger's entry, in base 64.
    pub entry: String,
    /// The partner's receipt, in base 64.
    pub signed_receipt: Option<String>,
    /// How the ledger leads from the one to the other.
    pub chain: Option<AuditChain>,
}

impl From<&AuditDelivery> for Delivery {
    fn from(delivery: &AuditDelivery) -> Self {
        Self {
            partner: delivery.partner.clone(),
            partner_id: delivery.partner_id.clone(),
            number: delivery.number,
            epoch: delivery.epoch.clone(),
            at: delivery.at.clone(),
            sections: delivery.sections.clone(),
            parts: delivery.parts.clone(),
            state: delivery.state.clone(),
            receipt: delivery.receipt.clone(),
            obligations: delivery.obligations.clone(),
            entry: delivery.entry.clone(),
            signed_receipt: delivery.signed_receipt.clone(),
            chain: delivery.chain.clone(),
        }
    }
}

/// The last line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The economy's keyring, in base 64: it proves itself, and that the key was granted.
    pub keyring: String,
    /// The link key that signed.
    pub key: String,
    /// Its signature over the first line, without the line's end, in base 64.
    pub signature: String,
}

/// The links of a delivery, or the place of the first that cannot be read: 0 for the chain before it.
pub fn links(chain: &AuditChain) -> Result<Links, usize> {
    let digest = |text: &str| read_hex(text).map(Digest);
    let epoch = |text: &str| text.parse::<EpochId>().ok();
    let before = digest(&chain.before).ok_or(0_usize)?;
    let mut steps = Vec::with_capacity(chain.steps.len());
    for (place, step) in chain.steps.iter().enumerate() {
        let read = match step {
            AuditStep::Entry(text) => digest(text).map(Step::Entry),
            AuditStep::Epoch { epoch: next, previous, first } => epoch(next)
                .zip(epoch(previous))
                .map(|(epoch, previous)| Step::Epoch { epoch, previous, first: *first }),
        };
        steps.push(read.ok_or(place.saturating_add(1))?);
    }
    Ok(Links { before, steps })
}

/// The digest of a line, without its end.
#[must_use]
pub fn line_digest(line: &str) -> Digest {
    Digest::of(domains::AUDIT_LINE, line.as_bytes())
}

/// Writes the books about one record: a head, a line for each delivery, and a seal.
pub fn write(
    who: &AuditWho,
    keyring: &VerifiedKeyring,
    link_key: &SecretKey,
    at: Timestamp,
) -> Result<String, serde_json::Error> {
    let deliveries = who.deliveries.iter().map(Delivery::from);
    let deliveries: Vec<String> =
        deliveries.map(|one| serde_json::to_string(&one)).collect::<Result<_, _>>()?;
    let head = Head {
        format: FORMAT,
        economy: keyring.economy().to_string(),
        written: at.to_string(),
        record: Record::from(&who.record),
        withdrawn_by: who.withdrawn_by.clone(),
        deliveries: deliveries.iter().map(|line| line_digest(line).to_string()).collect(),
    };
    let head = serde_json::to_string(&head)?;
    let signature = link_key.sign(domains::SIGN_AUDIT, head.as_bytes());
    let seal = Seal {
        keyring: crate::service::to_base64(keyring.encoded()),
        key: link_key.id().to_string(),
        signature: crate::service::to_base64(&signature),
    };
    let mut lines = vec![head];
    lines.extend(deliveries);
    lines.push(serde_json::to_string(&seal)?);
    let mut text = lines.join("\n");
    text.push('\n');
    Ok(text)
}
