//! The audit of a time as a file: a line of JSON for everything that happened, each bound to the one before
//! it, and a signature at the end. Whoever has the economy's keyring verifies it, and finds the first line that
//! is not what was written.

use std::io;

use comity_core::digest::Digest;
use comity_core::keyring::{Role, VerifiedKeyring};
use comity_core::limits::CLOCK_TOLERANCE;
use comity_core::receipt::UnverifiedReceipt;
use comity_core::sign::{PublicKey, SecretKey};
use comity_core::{EconomyId, KeyId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The version of the format.
pub const FORMAT: u64 = 2;

/// The domain of the digest of a line.
const LINE: &str = "comity/audit-export-line/1";
/// The domain of the digest of all lines but the last.
const ALL: &str = "comity/audit-export/1";
/// The domain of the link key's signature over that.
const SIGN: &str = "comity/sign/audit-export/2";

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`FORMAT`].
    #[serde(rename = "comity-audit-export")]
    pub format: u64,
    /// The economy whose books these are.
    pub economy: String,
    /// What its references begin with. Display only.
    pub code: String,
    /// When it was written, by its clock.
    pub written: String,
    /// The latest instant of an entry, where that is later: the clock was wrong when it was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<String>,
    /// Who asked for it; empty where nobody is named.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Only what happened from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Only what happened before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Only what concerns this economy, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// Entries of the journal when it was written.
    pub entries: u64,
    /// The journal's chain after them.
    pub chain: String,
    /// The key that signs the last line: the node's own, of its links, which nobody of the staff has.
    pub key: String,
}

/// What every further line begins with.
#[derive(Debug, Serialize)]
struct Bound<'a, T> {
    /// The line, from 1.
    n: u64,
    /// The digest of the line before it.
    before: String,
    #[serde(flatten)]
    said: &'a T,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    n: u64,
    before: String,
    /// The digest of all lines before this one, with their ends.
    digest: String,
    /// The key's signature over that, in base 64.
    signature: String,
}

#[derive(Serialize)]
struct Sealing {
    digest: String,
    signature: String,
}

/// Lines on their way into a file.
pub struct Writing {
    lines: u64,
    before: Digest,
    all: Sha256,
}

impl Writing {
    /// Begins with the first line, which it gives back without its end.
    pub fn begin(head: &Head) -> Result<(Self, String), serde_json::Error> {
        let first = serde_json::to_string(head)?;
        let mut writing = Self { lines: 0, before: Digest::ZERO, all: all() };
        writing.wrote(&first);
        Ok((writing, first))
    }

    /// The next line.
    pub fn line(&mut self, said: &impl Serialize) -> Result<String, serde_json::Error> {
        let n = self.lines.saturating_add(1);
        let line = serde_json::to_string(&Bound { n, before: self.before.to_string(), said })?;
        self.wrote(&line);
        Ok(line)
    }

    /// The last line.
    pub fn seal(mut self, key: &SecretKey) -> Result<String, serde_json::Error> {
        let digest = Digest(self.all.clone().finalize().into());
        let signature = key.sign(SIGN, digest.as_bytes());
        let signature = crate::service::to_base64(&signature);
        self.line(&Sealing { digest: digest.to_string(), signature })
    }

    fn wrote(&mut self, line: &str) {
        self.lines = self.lines.saturating_add(1);
        self.before = line_digest(line);
        count_in(&mut self.all, line);
    }
}

fn all() -> Sha256 {
    let mut all = Sha256::new();
    all.update(ALL.as_bytes());
    all.update([0]);
    all
}

fn count_in(all: &mut Sha256, line: &str) {
    all.update(line.as_bytes());
    all.update(b"\n");
}

fn line_digest(line: &str) -> Digest {
    Digest::of(LINE, line.as_bytes())
}

/// What the first line says of times.
#[derive(Clone, Copy, Debug)]
struct Dated {
    written: Timestamp,
    /// Up to when lines may be dated: until then, or as far ahead as it says that entries are.
    latest: Timestamp,
}

/// The first line that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Fault {
    /// The line, from 1.
    pub line: u64,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong.
    pub what: String,
}

/// A file that is what its economy wrote.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// The first line.
    pub head: Head,
    /// What happened, in lines.
    pub events: u64,
    /// The key that signed it.
    pub signed: Signed,
    /// The last time that a partner signed for: the file was written after it, whatever it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witnessed: Option<Witnessed>,
}

/// The key of a file, and for how long the economy's keyring grants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The key.
    pub key: String,
    /// What it is granted for.
    pub role: &'static str,
    /// From then.
    pub from: String,
    /// Until then, or until it was replaced.
    pub until: String,
}

/// A partner's receipt in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    /// What the file calls the partner.
    pub partner: String,
    /// Its id.
    pub partner_id: String,
    /// The key that signed the receipt, for whoever has that partner's keyring.
    pub key: String,
    /// When, by the partner's clock.
    pub at: String,
}

/// Reads the economy that a file says it is of: whoever verifies it asks for that economy's keyring.
pub fn economy(first: &str) -> Result<EconomyId, Fault> {
    let head = head(first)?;
    head.economy.parse().map_err(|_no_id| fault(1, "export-malformed", "`economy` is no id"))
}

fn fault(line: u64, code: &'static str, what: impl Into<String>) -> Fault {
    Fault { line, code, what: what.into() }
}

fn head(first: &str) -> Result<Head, Fault> {
    let value: Value = serde_json::from_str(first)
        .map_err(|error| fault(1, "export-malformed", format!("it cannot be read: {error}")))?;
    match value.get("comity-audit-export").and_then(Value::as_u64) {
        Some(FORMAT) => {}
        Some(other) => {
            let what = format!("format {other} is not known to this program");
            return Err(fault(1, "export-format", what));
        }
        None => {
            let what = "it is not the first line of an exported audit";
            return Err(fault(1, "export-format", what));
        }
    }
    serde_json::from_value(value)
        .map_err(|error| fault(1, "export-malformed", format!("it cannot be read: {error}")))
}

/// Verifies a file, given as its lines without their ends, by the keyring of its economy.
pub fn verify(
    lines: impl Iterator<Item = io::Result<String>>,
    keyring: &VerifiedKeyring,
) -> Result<Verified, Fault> {
    let mut reading = Reading::default();
    for (number, line) in (1_u64..).zip(lines) {
        let line = line.map_err(|error| {
            fault(number, "export-malformed", format!("it cannot be read: {error}"))
        })?;
        reading.line(number, &line, keyring)?;
    }
    reading.end()
}

/// A file as far as it was read.
struct Reading {
    head: Option<Head>,
    lines: u64,
    before: Digest,
    all: Sha256,
    /// The line before the last does not lead to the last: one of the two was changed, and the next line
    /// says which.
    suspects: Option<u64>,
    /// What the first line says of the file, and its key.
    written: Option<(Dated, Signed)>,
    /// The first line that speaks against it, if the signature does not.
    against: Option<Fault>,
    witnessed: Option<(Timestamp, Witnessed)>,
    sealed: Option<Verified>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            head: None,
            lines: 0,
            before: Digest::ZERO,
            all: all(),
            suspects: None,
            written: None,
            against: None,
            witnessed: None,
            sealed: None,
        }
    }
}

const CHANGED: &str = "it is not what was written";

impl Reading {
    fn line(&mut self, number: u64, line: &str, keyring: &VerifiedKeyring) -> Result<(), Fault> {
        if self.sealed.is_some() {
            return Err(fault(number, "export-after-end", "nothing follows the signature"));
        }
        let Some(head) = self.head.clone() else {
            let (head, written, signed) = first(line, keyring)?;
            (self.head, self.written) = (Some(head), Some((written, signed)));
            self.read(line);
            return Ok(());
        };
        let value: Value = serde_json::from_str(line).map_err(|error| {
            fault(number, "export-malformed", format!("it cannot be read: {error}"))
        })?;
        let is_seal = value.get("signature").is_some_and(|_| value.get("event").is_none());
        let n = value
            .get("n")
            .and_then(Value::as_u64)
            .ok_or_else(|| fault(number, "export-malformed", "it does not say which line it is"))?;
        let follows = value.get("before").and_then(Value::as_str) == Some(&self.before.to_string());
        if let Some(suspect) = self.suspects {
            // The line between leads on to this one, so it was the one before that.
            let line = if follows { suspect } else { self.lines };
            return Err(fault(line, "export-line", CHANGED));
        }
        if is_seal {
            self.sealed = Some(self.seal(number, n, follows, value, &head)?);
            return Ok(());
        }
        if n != number {
            let what = if n > number {
                format!("it says that it is line {n}: what was before it is missing, or was moved")
            } else {
                format!("it says that it is line {n}: it was doubled, or moved")
            };
            return Err(fault(number, "export-order", what));
        }
        if !follows {
            self.suspects = Some(number.saturating_sub(1));
        }
        // A changed line is named as such: what speaks against the first one counts under a signature.
        if self.against.is_none()
            && let Err(against) = self.fits(number, &value, &head)
        {
            self.against = Some(against);
        }
        self.read(line);
        Ok(())
    }

    /// Nothing in a file may be later than the file: whoever dates one back leaves out what came since.
    fn fits(&mut self, number: u64, event: &Value, head: &Head) -> Result<(), Fault> {
        let Some((Dated { written, latest }, _)) = &self.written else { return Ok(()) };
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let at: Timestamp = text("at")
            .parse()
            .map_err(|_no_time| fault(number, "export-malformed", "`at` is no time"))?;
        if at > *latest {
            let what = format!("it is of {at}, later than the first line says that anything is");
            return Err(fault(number, "export-time", what));
        }
        if text("event") != "receipt" {
            return Ok(());
        }
        let invalid = |what: String| fault(number, "export-receipt", what);
        let ids = (text("partner_id").parse(), head.economy.parse());
        let (Ok(from), Ok(to)) = ids else { return Err(invalid("it names no partner".to_owned())) };
        let bytes = crate::service::from_base64(text("signed"));
        let bytes = bytes.map_err(|_no_base64| invalid("`signed` is no base 64".to_owned()))?;
        let receipt = UnverifiedReceipt::parse(&bytes).map_err(|why| invalid(why.to_string()))?;
        let key = receipt.key();
        let receipt = receipt.verify(from, to).map_err(|why| invalid(why.to_string()))?;
        if receipt.at.since(*written) > CLOCK_TOLERANCE {
            let what = format!(
                "the partner signed this receipt at {}, after the file was written by its first line",
                receipt.at
            );
            return Err(fault(number, "export-time", what));
        }
        if self.witnessed.as_ref().is_none_or(|(last, _)| receipt.at > *last) {
            let witnessed = Witnessed {
                partner: text("partner").to_owned(),
                partner_id: from.to_string(),
                key: key.to_string(),
                at: receipt.at.to_string(),
            };
            self.witnessed = Some((receipt.at, witnessed));
        }
        Ok(())
    }

    fn read(&mut self, line: &str) {
        self.lines = self.lines.saturating_add(1);
        self.before = line_digest(line);
        count_in(&mut self.all, line);
    }

    fn seal(
        &self,
        number: u64,
        n: u64,
        follows: bool,
        value: Value,
        head: &Head,
    ) -> Result<Verified, Fault> {
        let malformed = |what: String| fault(number, "export-malformed", what);
        let seal: Seal = serde_json::from_value(value)
            .map_err(|error| malformed(format!("it cannot be read: {error}")))?;
        let digest = Digest(self.all.clone().finalize().into());
        let signature = crate::service::from_base64(&seal.signature)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| malformed("`signature` is none".to_owned()))?;
        let key: KeyId =
            head.key.parse().map_err(|_no_key| fault(1, "export-malformed", "`key` is none"))?;
        let key = PublicKey::from_id(key)
            .map_err(|error| fault(1, "export-key", format!("`key`: {error}")))?;
        let signed = key.verify(SIGN, digest.as_bytes(), &signature).is_ok();
        match (signed, n == number && follows && seal.digest == digest.to_string()) {
            (true, true) => {}
            // What was signed is what stands here, so it is this line.
            (true, false) => return Err(fault(number, "export-line", CHANGED)),
            (false, _) if n > number => {
                let what = format!("it says that it is line {n}: what was before it is missing");
                return Err(fault(number, "export-order", what));
            }
            (false, _) if n == number && !follows => {
                return Err(fault(number.saturating_sub(1), "export-line", CHANGED));
            }
            (false, _) => {
                let what = "the signature is not the economy's over these lines";
                return Err(fault(number, "export-signature", what));
            }
        }
        if let Some(against) = &self.against {
            return Err(against.clone());
        }
        let missing = || fault(1, "export-malformed", "it does not say when it was written");
        let signed = self.written.clone().ok_or_else(missing)?.1;
        let witnessed = self.witnessed.clone().map(|(_, witnessed)| witnessed);
        Ok(Verified { head: head.clone(), events: number.saturating_sub(2), signed, witnessed })
    }

    fn end(self) -> Result<Verified, Fault> {
        let last = self.lines.max(1);
        self.sealed.ok_or_else(|| {
            let what = "the file ends here, without a signature: its end was cut off";
            fault(last, "export-cut", what)
        })
    }
}

/// The first line, whose key the keyring grants for links; when it was written; and the key.
///
/// An author's key does not count, nor does one that somebody else may have: whoever has it can write any
/// time into the first line.
fn first(line: &str, keyring: &VerifiedKeyring) -> Result<(Head, Dated, Signed), Fault> {
    let head = head(line)?;
    if head.economy != keyring.economy().to_string() {
        let what = "the file is of another economy than the keyring";
        return Err(fault(1, "export-economy", what));
    }
    let malformed = |what| fault(1, "export-malformed", what);
    let key: KeyId = head.key.parse().map_err(|_no_key| malformed("`key` is none"))?;
    let written: Timestamp =
        head.written.parse().map_err(|_no_time| malformed("`written` is no time"))?;
    let ahead = head.ahead.as_deref().map(str::parse::<Timestamp>).transpose();
    let ahead = ahead.map_err(|_no_time| malformed("`ahead` is no time"))?;
    let dated = Dated { written, latest: ahead.map_or(written, |ahead| ahead.max(written)) };
    if keyring.revocation(key).is_some_and(|revocation| revocation.compromised) {
        let what = "its key was declared compromised: whoever has it can date back what it signs";
        return Err(fault(1, "export-key", what));
    }
    let mut granted = keyring.grants_of(key).filter(|grant| grant.covers(Role::Link, written));
    match granted.next().filter(|_| keyring.is_granted(key, Role::Link, written)) {
        Some(grant) => {
            let signed = Signed {
                key: key.to_string(),
                role: "link",
                from: grant.from.to_string(),
                until: grant.until.to_string(),
            };
            Ok((head, dated, signed))
        }
        None => {
            let what = "its key was not granted for the links of the economy's node when it was written, by the keyring that it is verified with";
            Err(fault(1, "export-key", what))
        }
    }
}

#[cfg(test)]
mod tests;
