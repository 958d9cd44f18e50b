//! The file of `comity audit who --out`: what the books say, against what the partners signed.

mod lines;
#[cfg(test)]
pub(super) mod tests;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_admin::{Failure, FailureKind};
use comity_core::cbor::Reader;
use comity_core::keyring::VerifiedKeyring;
use comity_core::ledger::LedgerEntry;
use comity_core::receipt::{Receipt, RejectReason, UnverifiedReceipt};
use comity_core::{EconomyId, KeyId};
use comity_node::api::AuditChain;
use comity_node::audit_file::{self, Delivery};
use serde::Serialize;

use super::keyrings::{Known, stolen_by};
use crate::screen::{Table, printable};
pub(super) use lines::is_audit;

/// An audit in which everything that is signed says what the file says.
#[derive(Debug, Serialize)]
pub(super) struct Audit {
    record: String,
    reference: String,
    kind: String,
    tlp: String,
    /// Its withdrawal, by reference.
    withdrawn_by: Option<String>,
    economy: String,
    /// When the economy wrote it, by its clock, and the key that signed it.
    written: String,
    signed_by: String,
    /// The version of the newest keyring by which that key was judged.
    keyring: u64,
    deliveries: Vec<Checked>,
}

/// One delivery, and what the partner signed for.
#[derive(Debug, Serialize)]
struct Checked {
    partner: String,
    partner_id: String,
    number: u64,
    /// When it was decided, as the books say.
    at: String,
    sections: Vec<String>,
    /// What became of it, as the books say.
    state: String,
    /// `signed for`, `taken back`, `refused by the partner` or `no receipt`.
    proof: &'static str,
    /// The partner's key that signed, and when, by its clock.
    signed_by: Option<String>,
    signed_at: Option<String>,
}

/// What is wrong: a stable code, and a sentence.
type Wrong = (&'static str, String);

pub(super) fn verify(file: &str, bytes: &[u8], known: &Known<'_>) -> Result<Audit, Failure> {
    lines::format(file, bytes)?;
    let refused = |(code, what): Wrong| {
        let message = format!("`{file}` does not verify: {what}");
        Failure::new(FailureKind::Data, code, message)
            .next("ask for the file again, from the node that wrote it; do not use this one")
    };
    let audit = read(bytes, &known.of_signer(bytes)?).map_err(refused)?;
    for delivery in &audit.deliveries {
        let Ok(partner) = delivery.partner_id.parse() else { continue };
        if delivery.signed_by.is_some() {
            by_its_own(delivery, &known.of(partner)?).map_err(refused)?;
        }
    }
    Ok(audit)
}

/// A receipt is the partner's, unless a keyring of it that is at hand says that the key was stolen.
fn by_its_own(delivery: &Checked, keyrings: &[VerifiedKeyring]) -> Result<(), Wrong> {
    let key = delivery.signed_by.as_ref().and_then(|key| key.parse().ok());
    match key.and_then(|key| stolen_by(keyrings, key)) {
        None => Ok(()),
        Some(version) => Err((
            "audit-receipt-invalid",
            format!(
                "delivery {} to {}: the key of its receipt was declared compromised in keyring version {version} of the partner: whoever has it can date back what it signs",
                delivery.number, delivery.partner
            ),
        )),
    }
}

/// The seal first: it says whether the lines are those that were written. Then each delivery, against
/// what its partner signed, which whoever wrote the file could not.
fn read(bytes: &[u8], known: &[VerifiedKeyring]) -> Result<Audit, Wrong> {
    let lines::Sealed { head, economy, key, keyring, deliveries } = lines::open(bytes, known)?;
    let record = &head.record.record;
    let deliveries = deliveries
        .iter()
        .map(|delivery| {
            check(delivery, record, economy).map_err(|(code, what)| {
                (code, format!("delivery {} to {}: {what}", delivery.number, delivery.partner))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Audit {
        record: record.clone(),
        reference: head.record.reference,
        kind: head.record.kind,
        tlp: head.record.tlp,
        withdrawn_by: head.withdrawn_by,
        economy: head.economy,
        written: head.written,
        signed_by: key.to_string(),
        keyring,
        deliveries,
    })
}

fn check(delivery: &Delivery, record: &str, economy: EconomyId) -> Result<Checked, Wrong> {
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
        Some((receipt, _)) => proof_of(receipt, &entry, delivery.chain.as_ref())?,
    };
    Ok(Checked {
        partner: delivery.partner.clone(),
        partner_id: delivery.partner_id.clone(),
        number: delivery.number,
        at: delivery.at.clone(),
        sections: delivery.sections.clone(),
        state: delivery.state.clone(),
        proof,
        signed_by: receipt.as_ref().map(|(_, key)| key.to_string()),
        signed_at: receipt.as_ref().map(|(receipt, _)| receipt.at.to_string()),
    })
}

fn entry_of(delivery: &Delivery) -> Result<LedgerEntry, Wrong> {
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

/// The receipt signs a head. That the delivery's entry is under it, the links between them show.
fn proof_of(
    receipt: &Receipt,
    entry: &LedgerEntry,
    chain: Option<&AuditChain>,
) -> Result<&'static str, Wrong> {
    let broken = |what: String| ("audit-chain", what);
    let missing = || broken("the links from it to its receipt are missing".to_owned());
    let links = audit_file::links(chain.ok_or_else(missing)?).map_err(|place| {
        let place = match place {
            0 => "the chain before it".to_owned(),
            place => format!("link {place} after it"),
        };
        ("audit-chain-malformed", format!("{place} cannot be read"))
    })?;
    let led = links.lead(entry);
    let (epoch, head) =
        led.map_err(|error| broken(format!("on the way to its receipt, {error}")))?;
    let upto = receipt.upto;
    if epoch != receipt.epoch || head.number != upto.number {
        return Err(broken(format!(
            "its links lead to number {}, and its receipt is for number {}: a link was removed or added, or the receipt is another's",
            head.number, upto.number
        )));
    }
    if head.chain != upto.chain {
        return Err(broken(format!(
            "its links do not lead to what the partner signed at number {}: its entry or a link was changed",
            upto.number
        )));
    }
    if entry.number < receipt.first() {
        let what = format!("its receipt says nothing of numbers before {}", receipt.first());
        return Err(("audit-receipt-invalid", what));
    }
    // The links lead over a number that was taken back too; then the partner has only its digest.
    Ok(match receipt.rejects.iter().find(|(number, _)| *number == entry.number) {
        Some((_, RejectReason::Void)) => "taken back",
        Some(_) => "refused by the partner",
        None => "signed for",
    })
}

impl Audit {
    pub(super) fn write(&self, file: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{file}: verified")?;
        let (kind, tlp) = (printable(&self.kind), printable(&self.tlp));
        writeln!(out, "  {}  {kind}, {tlp}", printable(&self.reference))?;
        writeln!(out, "  id        {}", printable(&self.record))?;
        writeln!(out, "  books of  {}", self.economy)?;
        writeln!(out, "  written   {}, signed by {}", printable(&self.written), self.signed_by)?;
        writeln!(out, "  judged    by keyring version {}", self.keyring)?;
        if let Some(withdrawal) = &self.withdrawn_by {
            writeln!(out, "  withdrawn by {}", printable(withdrawal))?;
        }
        if self.deliveries.is_empty() {
            return writeln!(out, "  Nobody was told, by these books.");
        }
        let mut table =
            Table::new(&["", "to", "number", "decided", "parts", "state", "proof", "signed at"])
                .numbers(2);
        for delivery in &self.deliveries {
            table.row([
                "",
                &delivery.partner,
                &delivery.number.to_string(),
                &delivery.at,
                &delivery.sections.join(" "),
                &delivery.state,
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
