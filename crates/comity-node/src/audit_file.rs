//! An audit as a file: lines of JSON, of which the first is signed and names the others by digest, so
//! that whatever was changed later is found, and where.

use comity_core::digest::{Digest, domains, read_hex};
use comity_core::keyring::VerifiedKeyring;
use comity_core::ledger::{Links, Step};
use comity_core::sign::SecretKey;
use comity_core::{EpochId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::api::{AuditChain, AuditStep, AuditWho, RecordLine};

/// The version of the format.
pub const FORMAT: u64 = 2;

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
    pub record: RecordLine,
    /// Partners to whom nothing of it was sent.
    pub nothing_sent: Vec<String>,
    /// Its withdrawal, by reference.
    pub withdrawn_by: Option<String>,
    /// For each delivery, in order: the digest of its line.
    pub deliveries: Vec<String>,
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
    let deliveries: Vec<String> =
        who.deliveries.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let head = Head {
        format: FORMAT,
        economy: keyring.economy().to_string(),
        written: at.to_string(),
        record: who.record.clone(),
        nothing_sent: who.nothing_sent.clone(),
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
