//! The lines of the file, and the seal over them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_admin::{Failure, FailureKind};
use comity_core::digest::domains;
use comity_core::keyring::{SignedKeyring, VerifiedKeyring};
use comity_core::sign::PublicKey;
use comity_core::{EconomyId, KeyId, Timestamp};
use comity_node::audit_file::{Delivery, FORMAT, Head, Seal, line_digest};

use super::Wrong;
use crate::commands::verify::keyrings::judge;

/// What the file says, sealed by the economy's link key.
pub(super) struct Sealed {
    pub(super) head: Head,
    pub(super) economy: EconomyId,
    /// The key that signed.
    pub(super) key: KeyId,
    /// The version of the newest keyring that is known.
    pub(super) keyring: u64,
    pub(super) deliveries: Vec<Delivery>,
}

#[derive(serde::Deserialize)]
struct Mark {
    #[serde(rename = "comity-audit")]
    format: u64,
}

/// The version of the format, if this is an audit at all. A file of another version may not be of lines.
fn format_of(bytes: &[u8]) -> Option<u64> {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mark: Result<Mark, _> =
        serde_json::from_slice(first).or_else(|_not_of_lines| serde_json::from_slice(bytes));
    mark.ok().map(|mark| mark.format)
}

/// Whether a file in JSON says that it is an audit.
pub(in crate::commands::verify) fn is_audit(bytes: &[u8]) -> bool {
    format_of(bytes).is_some()
}

/// Asked before anything else: in another format other fields may be right.
pub(super) fn format(file: &str, bytes: &[u8]) -> Result<(), Failure> {
    match format_of(bytes) {
        Some(FORMAT) | None => Ok(()),
        Some(format) => {
            let message = format!(
                "`{file}` has format {format}, and format {FORMAT} is read: another comity wrote it"
            );
            Err(Failure::new(FailureKind::Data, "audit-format", message)
                .next("verify it with the comity that wrote it, or a newer one"))
        }
    }
}

/// Reads the lines and checks that they are those that the economy's link key signed.
pub(super) fn open(bytes: &[u8], known: &[VerifiedKeyring]) -> Result<Sealed, Wrong> {
    let malformed = |what: String| ("audit-malformed", what);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| malformed(format!("it is not text: {error}")))?;
    let lines: Vec<&str> = text.lines().collect();
    let [first, deliveries @ .., last] = lines.as_slice() else {
        return Err(malformed("it has fewer than two lines: its end is missing".to_owned()));
    };
    let unread = |line: usize| {
        move |error: serde_json::Error| malformed(format!("line {line} cannot be read: {error}"))
    };
    let head: Head = serde_json::from_str(first).map_err(unread(1))?;
    let seal: Seal = serde_json::from_str(last).map_err(|_no_seal| {
        let what = "the last line is not the seal that such a file ends with: its end is missing";
        malformed(what.to_owned())
    })?;
    let economy: EconomyId = head
        .economy
        .parse()
        .map_err(|_not_an_id| malformed("line 1: its economy is no id".to_owned()))?;
    let (key, keyring) = signer(&head, &seal, (economy, known), first)?;
    let signed = head.deliveries.len();
    if signed != deliveries.len() {
        let what = format!(
            "{signed} deliveries were written, and {} are here: a line was removed or added",
            deliveries.len()
        );
        return Err(("audit-lines", what));
    }
    for (place, (line, digest)) in deliveries.iter().zip(&head.deliveries).enumerate() {
        if line_digest(line).to_string() != *digest {
            let what = format!("line {}{} was changed after it was signed", place + 2, named(line));
            return Err(("audit-line", what));
        }
    }
    let deliveries = deliveries.iter().enumerate();
    let deliveries = deliveries
        .map(|(place, line)| serde_json::from_str(line).map_err(unread(place + 2)))
        .collect::<Result<_, _>>()?;
    Ok(Sealed { head, economy, key, keyring, deliveries })
}

/// The delivery that a line is about, as far as it can be read.
fn named(line: &str) -> String {
    let delivery: Result<Delivery, _> = serde_json::from_str(line);
    delivery.map_or_else(
        |_unreadable| String::new(),
        |delivery| format!(", delivery {} to {},", delivery.number, delivery.partner),
    )
}

/// The key that signed the first line, granted by the economy's own keyring when it did; and the version of
/// the newest keyring that is known.
fn signer(
    head: &Head,
    seal: &Seal,
    (economy, known): (EconomyId, &[VerifiedKeyring]),
    first: &str,
) -> Result<(KeyId, u64), Wrong> {
    let wrong = |what: String| ("audit-seal", format!("the last line: {what}"));
    let bytes = |name: &str, text: &str| {
        STANDARD.decode(text).map_err(|error| wrong(format!("its {name} cannot be read: {error}")))
    };
    let keyring = SignedKeyring::decode(&bytes("keyring", &seal.keyring)?)
        .and_then(|signed| signed.verify(Some(economy)))
        .map_err(|error| wrong(format!("its keyring is not believed: {error}")))?;
    let key: KeyId =
        seal.key.parse().map_err(|_not_a_key| wrong("its key cannot be read".to_owned()))?;
    let written: Timestamp = head
        .written
        .parse()
        .map_err(|_not_a_time| ("audit-malformed", "line 1: its time cannot be read".to_owned()))?;
    let version = judge(&keyring, known, key, written).map_err(wrong)?;
    let signature = bytes("signature", &seal.signature)?;
    let signature = signature
        .try_into()
        .map_err(|_length| wrong("its signature has another length".to_owned()))?;
    let public =
        PublicKey::from_id(key).map_err(|fault| wrong(format!("its key is unsound: {fault}")))?;
    public.verify(domains::SIGN_AUDIT, first.as_bytes(), &signature).map_err(|_bad| {
        let what = "line 1 is not what was signed: it, or the signature, was changed";
        ("audit-signature", what.to_owned())
    })?;
    Ok((key, version))
}
