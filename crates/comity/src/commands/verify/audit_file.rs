//! The file of `comity audit who --out`: what the books say, against what the partners signed.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_admin::{Failure, FailureKind};
use comity_core::cbor::Reader;
use comity_core::ledger::LedgerEntry;
use comity_core::receipt::{Receipt, UnverifiedReceipt};
use comity_core::{EconomyId, KeyId};
use comity_node::api::AuditDelivery;
use serde::Serialize;

use crate::commands::audit::{AuditFile, FORMAT};
use crate::screen::{Table, printable};

/// An audit in which everything that is signed says what the file says.
#[derive(Debug, Serialize)]
pub(super) struct Audit {
    record: String,
    reference: String,
    title: String,
    economy: String,
    deliveries: Vec<Checked>,
}

/// One delivery, and what the partner signed for.
#[derive(Debug, Serialize)]
struct Checked {
    partner: String,
    partner_id: String,
    number: u64,
    sections: Vec<String>,
    /// `signed for`, `refused by the partner` or `no receipt`.
    proof: &'static str,
    /// The partner's key that signed, and when, by its clock.
    signed_by: Option<String>,
    signed_at: Option<String>,
}

/// The version of the format, if a file in JSON says that it is an audit.
pub(super) fn format_of(json: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Mark {
        #[serde(rename = "comity-audit")]
        format: u64,
    }
    serde_json::from_slice::<Mark>(json).ok().map(|mark| mark.format)
}

pub(super) fn verify(file: &str, json: &[u8]) -> Result<Audit, Failure> {
    // Asked before anything else: in another format other fields may be right.
    if let Some(format) = format_of(json).filter(|format| *format != FORMAT) {
        let message = format!(
            "`{file}` has format {format}, and format {FORMAT} is read: a newer comity may have written it"
        );
        return Err(Failure::new(FailureKind::Data, "audit-format", message)
            .next("verify it with the newer comity"));
    }
    let audit: AuditFile = serde_json::from_slice(json).map_err(|error| {
        refused(file, "audit-malformed", &format!("it cannot be read: {error}"))
    })?;
    let economy: EconomyId = audit
        .economy
        .parse()
        .map_err(|_not_an_id| refused(file, "audit-malformed", "its economy is no id"))?;
    let record = &audit.who.record.record;
    let deliveries = audit
        .who
        .deliveries
        .iter()
        .map(|delivery| {
            check(delivery, record, economy).map_err(|(code, what)| {
                let what = format!("delivery {} to {}: {what}", delivery.number, delivery.partner);
                refused(file, code, &what)
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Audit {
        record: record.clone(),
        reference: audit.who.record.reference,
        title: audit.who.record.title,
        economy: audit.economy,
        deliveries,
    })
}

type Wrong = (&'static str, String);

fn check(delivery: &AuditDelivery, record: &str, economy: EconomyId) -> Result<Checked, Wrong> {
    let entry = entry_of(delivery)?;
    let differs =
        |what: &str| ("audit-entry-differs", format!("its {what} is not that of its entry"));
    if entry.record.to_string() != record {
        return Err(differs("record"));
    }
    if entry.number != delivery.number || entry.epoch.to_string() != delivery.epoch {
        return Err(differs("number"));
    }
    let mut parts = delivery.parts.clone();
    parts.sort();
    let signed: Vec<String> = entry.parts.iter().map(ToString::to_string).collect();
    if parts != signed {
        return Err(differs("list of parts"));
    }
    let receipt = delivery
        .signed_receipt
        .as_deref()
        .map(|receipt| receipt_of(receipt, &delivery.partner_id, economy))
        .transpose()?;
    let proof = match &receipt {
        None => "no receipt",
        Some((receipt, _)) => proof_of(receipt, &entry)?,
    };
    Ok(Checked {
        partner: delivery.partner.clone(),
        partner_id: delivery.partner_id.clone(),
        number: delivery.number,
        sections: delivery.sections.clone(),
        proof,
        signed_by: receipt.as_ref().map(|(_, key)| key.to_string()),
        signed_at: receipt.as_ref().map(|(receipt, _)| receipt.at.to_string()),
    })
}

fn entry_of(delivery: &AuditDelivery) -> Result<LedgerEntry, Wrong> {
    let malformed =
        |what: String| ("audit-entry-malformed", format!("its entry cannot be read: {what}"));
    let bytes = STANDARD.decode(&delivery.entry).map_err(|error| malformed(error.to_string()))?;
    let mut reader = Reader::new(&bytes);
    let entry = LedgerEntry::read(&mut reader).map_err(|fault| malformed(fault.to_string()))?;
    reader.finish().map_err(|fault| malformed(fault.to_string()))?;
    Ok(entry)
}

fn receipt_of(text: &str, partner: &str, economy: EconomyId) -> Result<(Receipt, KeyId), Wrong> {
    let malformed =
        |what: String| ("audit-receipt-malformed", format!("its receipt cannot be read: {what}"));
    let partner: EconomyId =
        partner.parse().map_err(|_not_an_id| malformed("the partner's id is none".to_owned()))?;
    let bytes = STANDARD.decode(text).map_err(|error| malformed(error.to_string()))?;
    let receipt = UnverifiedReceipt::parse(&bytes).map_err(|error| malformed(error.to_string()))?;
    let key = receipt.key();
    let receipt = receipt.verify(partner, economy).map_err(|error| {
        ("audit-receipt-invalid", format!("its receipt does not verify: {error}"))
    })?;
    Ok((receipt, key))
}

fn proof_of(receipt: &Receipt, entry: &LedgerEntry) -> Result<&'static str, Wrong> {
    if receipt.epoch != entry.epoch || receipt.upto.number < entry.number {
        let what = "its receipt is for other deliveries".to_owned();
        return Err(("audit-receipt-other", what));
    }
    let refused = receipt.rejects.iter().any(|(number, _)| *number == entry.number);
    Ok(if refused { "refused by the partner" } else { "signed for" })
}

fn refused(file: &str, code: &str, what: &str) -> Failure {
    let message = format!("`{file}` does not verify: {what}");
    Failure::new(FailureKind::Data, code, message)
        .next("ask for the file again, from the node that wrote it; do not use this one")
}

impl Audit {
    pub(super) fn write(&self, file: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{file}: verified")?;
        writeln!(out, "  {}  {}", printable(&self.reference), printable(&self.title))?;
        writeln!(out, "  id      {}", printable(&self.record))?;
        writeln!(out, "  books of {}", self.economy)?;
        if self.deliveries.is_empty() {
            return writeln!(out, "  Nobody was told, by these books.");
        }
        let mut table = Table::new(&["", "to", "number", "parts", "proof", "signed at"]).numbers(2);
        for delivery in &self.deliveries {
            table.row([
                "",
                &delivery.partner,
                &delivery.number.to_string(),
                &delivery.sections.join(" "),
                delivery.proof,
                delivery.signed_at.as_deref().unwrap_or_default(),
            ]);
        }
        table.write(out)?;
        writeln!(
            out,
            "  Whether these keys may sign for those partners, a node says that knows them."
        )
    }
}

#[cfg(test)]
mod tests {
    use comity_core::Timestamp;
    use comity_core::digest::Digest;
    use comity_core::identity::{EpochId, PartDigest, RecordId};
    use comity_core::ledger::{Head, Obligations};
    use comity_core::receipt::Witness;
    use comity_core::sign::SecretKey;

    use super::*;

    const KR: EconomyId = EconomyId([1; 32]);
    const JP: EconomyId = EconomyId([2; 32]);

    fn delivery(upto: u64) -> AuditDelivery {
        let entry = LedgerEntry {
            epoch: EpochId([3; 16]),
            number: 2,
            record: RecordId([4; 32]),
            parts: vec![PartDigest([5; 32])],
            obligations: Obligations::default(),
        };
        let receipt = Receipt {
            from: JP,
            to: KR,
            epoch: entry.epoch,
            upto: Head { number: upto, chain: Digest::ZERO },
            rejects: Vec::new(),
            witness: Witness { salt: [0; 16], hash: Digest::ZERO },
            at: Timestamp::from_secs(1_795_000_000),
        };
        let key = SecretKey::from_seed(&[7; 32]);
        AuditDelivery {
            partner: "JP".to_owned(),
            partner_id: JP.to_string(),
            number: 2,
            epoch: entry.epoch.to_string(),
            at: String::new(),
            sections: vec!["summary".to_owned()],
            parts: entry.parts.iter().map(ToString::to_string).collect(),
            withheld: Vec::new(),
            state: "stored".to_owned(),
            receipt: None,
            policy: 1,
            obligations: String::new(),
            entry: STANDARD.encode(entry.encode()),
            signed_receipt: Some(STANDARD.encode(receipt.sign(&key))),
        }
    }

    fn code(delivery: &AuditDelivery, economy: EconomyId) -> &'static str {
        let record = RecordId([4; 32]).to_string();
        check(delivery, &record, economy).map_or_else(|(code, _)| code, |checked| checked.proof)
    }

    #[test]
    fn a_delivery_that_was_signed_for_verifies() {
        assert_eq!(code(&delivery(2), KR), "signed for");
        assert_eq!(code(&AuditDelivery { signed_receipt: None, ..delivery(2) }, KR), "no receipt");
    }

    #[test]
    fn what_differs_from_what_was_signed_is_refused() {
        assert_eq!(code(&AuditDelivery { number: 3, ..delivery(2) }, KR), "audit-entry-differs");
        assert_eq!(
            code(&AuditDelivery { parts: Vec::new(), ..delivery(2) }, KR),
            "audit-entry-differs"
        );
        assert_eq!(code(&delivery(1), KR), "audit-receipt-other");
        assert_eq!(code(&delivery(2), JP), "audit-receipt-invalid");
        let other = AuditDelivery { partner_id: KR.to_string(), ..delivery(2) };
        assert_eq!(code(&other, KR), "audit-receipt-invalid");
        let cut = AuditDelivery { entry: "AAAA".to_owned(), ..delivery(2) };
        assert_eq!(code(&cut, KR), "audit-entry-malformed");
    }
}
