//! A certificate of erasure: who says that what was erased, when and why.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_admin::{Failure, FailureKind};
use comity_core::digest::domains;
use comity_core::keyring::{SignedKeyring, VerifiedKeyring};
use comity_core::sign::PublicKey;
use comity_core::{EconomyId, KeyId, Timestamp};
use comity_node::audit_file::Seal;
use comity_node::certificate::{FORMAT, FORMAT_WITH_FILES, Head};
use serde::Serialize;

use super::keyrings::{Known, judge};
use crate::screen::format::counted;
use crate::screen::{Table, printable};

/// A certificate that its economy signed.
#[derive(Debug, Serialize)]
pub(super) struct Erasure {
    #[serde(flatten)]
    head: Head,
    /// The key that signed.
    signed_by: String,
    /// The version of the newest keyring by which it was judged.
    keyring: u64,
}

#[derive(serde::Deserialize)]
struct Mark {
    #[serde(rename = "comity-erasure")]
    format: u64,
}

fn format_of(bytes: &[u8]) -> Option<u64> {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<Mark>(first).ok().map(|mark| mark.format)
}

/// What is wrong: a stable code, and a sentence.
type Wrong = (&'static str, String);

/// Whether a file in JSON says that it is such a certificate.
pub(super) fn is_certificate(bytes: &[u8]) -> bool {
    format_of(bytes).is_some()
}

pub(super) fn verify(file: &str, bytes: &[u8], known: &Known<'_>) -> Result<Erasure, Failure> {
    let read_here = [FORMAT, FORMAT_WITH_FILES];
    if let Some(format) = format_of(bytes).filter(|format| !read_here.contains(format)) {
        let message = format!(
            "`{file}` has format {format}, and formats {FORMAT} and {FORMAT_WITH_FILES} are read: another comity wrote it"
        );
        return Err(Failure::new(FailureKind::Data, "certificate-format", message)
            .next("verify it with the comity that wrote it, or a newer one"));
    }
    read(bytes, &known.of_signer(bytes)?).map_err(|(code, what)| {
        let message = format!("`{file}` does not verify: {what}");
        Failure::new(FailureKind::Data, code, message)
            .next("ask for the file again, from the node that wrote it; do not use this one")
    })
}

fn read(bytes: &[u8], known: &[VerifiedKeyring]) -> Result<Erasure, Wrong> {
    let malformed = |what: String| ("certificate-malformed", what);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| malformed(format!("it is not text: {error}")))?;
    let lines: Vec<&str> = text.lines().collect();
    let [first, last] = lines.as_slice() else {
        return Err(malformed("it has other than two lines".to_owned()));
    };
    let unread = |line: usize| {
        move |error: serde_json::Error| malformed(format!("line {line} cannot be read: {error}"))
    };
    let head: Head = serde_json::from_str(first).map_err(unread(1))?;
    if head.format != Head::format_with(head.files) {
        return Err(malformed("it is of another format than it says".to_owned()));
    }
    let seal: Seal = serde_json::from_str(last).map_err(unread(2))?;
    let (key, keyring) = signer(&head, &seal, first, known)?;
    Ok(Erasure { head, signed_by: key.to_string(), keyring })
}

/// The key that signed the first line, granted by the economy's own keyring when it did; and the version of
/// the newest keyring that is known.
fn signer(
    head: &Head,
    seal: &Seal,
    first: &str,
    known: &[VerifiedKeyring],
) -> Result<(KeyId, u64), Wrong> {
    let wrong = |what: String| ("certificate-seal", format!("its seal: {what}"));
    let bytes = |name: &str, text: &str| {
        STANDARD.decode(text).map_err(|error| wrong(format!("its {name} cannot be read: {error}")))
    };
    let economy: EconomyId =
        head.economy.parse().map_err(|_not_an_id| wrong("the economy is no id".to_owned()))?;
    let written: Timestamp =
        head.written.parse().map_err(|_no_time| wrong("its time cannot be read".to_owned()))?;
    let keyring = SignedKeyring::decode(&bytes("keyring", &seal.keyring)?)
        .and_then(|signed| signed.verify(Some(economy)))
        .map_err(|error| wrong(format!("its keyring is not believed: {error}")))?;
    let key: KeyId =
        seal.key.parse().map_err(|_not_a_key| wrong("its key cannot be read".to_owned()))?;
    let version = judge(&keyring, known, key, written).map_err(wrong)?;
    let signature = bytes("signature", &seal.signature)?
        .try_into()
        .map_err(|_length| wrong("its signature has another length".to_owned()))?;
    let public =
        PublicKey::from_id(key).map_err(|fault| wrong(format!("its key is unsound: {fault}")))?;
    public.verify(domains::SIGN_ERASURE, first.as_bytes(), &signature).map_err(|_bad| {
        ("certificate-signature", "its first line is not what was signed".to_owned())
    })?;
    Ok((key, version))
}

impl Erasure {
    pub(super) fn write(&self, file: &str, out: &mut dyn Write) -> io::Result<()> {
        let Head { economy, written, record, reference, erased, kept, files, .. } = &self.head;
        writeln!(out, "{file}: a certificate of erasure, as it was signed")?;
        writeln!(out, "  by      {economy}")?;
        writeln!(out, "  key     {}, by keyring version {}", self.signed_by, self.keyring)?;
        writeln!(out, "  signed  {written}, by its clock")?;
        writeln!(out, "  record  {record} ({})", printable(reference))?;
        let mut table = Table::new(&["part", "erased", "by", "why"]);
        for part in erased {
            let front: String = part.part.chars().take(16).collect();
            table.row([front, part.at.clone(), part.cause.clone(), part.reason.clone()]);
        }
        table.write(out)?;
        if !kept.is_empty() {
            writeln!(out, "Still there: {} of its parts.", kept.len())?;
        }
        if *files > 0 {
            let left = counted(*files, "file", "files");
            writeln!(out, "Not erased by it: {left} of the record that left before.")?;
        }
        writeln!(out, "That economy says so; nobody else can prove that bytes are gone.")
    }
}

#[cfg(test)]
mod tests {
    use comity_node::certificate::{self, ErasedPart};

    use super::super::audit_file::tests::{kr, link_ended, rescued, rival};
    use super::*;

    fn written(at: &str) -> String {
        with_files(at, 0)
    }

    fn with_files(at: &str, files: u64) -> String {
        let (keyring, link) = kr();
        let economy = keyring.economy().to_string();
        let head = Head {
            format: Head::format_with(files),
            files,
            economy: economy.clone(),
            written: at.to_owned(),
            record: "aa".repeat(32),
            reference: "KR-26-0001".to_owned(),
            origin: economy,
            erased: vec![ErasedPart {
                part: "bb".repeat(32),
                at: at.to_owned(),
                cause: "person".to_owned(),
                reason: "asked".to_owned(),
            }],
            kept: Vec::new(),
        };
        certificate::write(&head, &keyring, &link).unwrap()
    }

    fn code(text: &str) -> &'static str {
        code_by(text, Vec::new())
    }

    fn code_by(text: &str, known: Vec<VerifiedKeyring>) -> &'static str {
        read(text.as_bytes(), &known).err().map_or("sound", |(code, _)| code)
    }

    /// Whoever has the link key can write any time, and bring along the keyring of that time.
    #[test]
    fn what_a_thief_of_the_link_key_dates_back_is_refused_by_whoever_knows_a_newer_keyring() {
        let forged = written("2026-11-22T00:00:00Z");
        assert_eq!(code(&forged), "sound", "without a newer keyring nobody can tell");
        for (known, says) in [
            (vec![link_ended(true)], "certificate-seal"),
            (vec![link_ended(false)], "sound"),
            (vec![link_ended(false), link_ended(true)], "certificate-seal"),
            (vec![kr().0], "sound"),
            (vec![rescued()], "certificate-seal"),
            (vec![rival()], "sound"),
            (vec![link_ended(false), rival()], "certificate-seal"),
        ] {
            assert_eq!(code_by(&forged, known), says);
        }
    }

    /// What a certificate does not reach it says, and whoever reads the first format alone does not read it.
    #[test]
    fn a_certificate_says_how_many_files_left_before() {
        let two = with_files("2026-11-22T00:00:00Z", 2);
        assert!(two.starts_with("{\"comity-erasure\":2,"), "{two}");
        let erasure = verify("file", two.as_bytes(), &Known::default()).unwrap();
        let mut screen = Vec::new();
        erasure.write("file", &mut screen).unwrap();
        let screen = String::from_utf8(screen).unwrap();
        assert!(screen.contains("Not erased by it: 2 files of the record"), "{screen}");
        assert!(!written("2026-11-22T00:00:00Z").contains("files"));
        assert_eq!(code(&two.replace("erasure\":2", "erasure\":1")), "certificate-malformed");
        assert_eq!(code(&two.replace("files\":2", "files\":3")), "certificate-signature");
    }

    #[test]
    fn what_was_changed_does_not_verify() {
        let sound = written("2026-11-22T00:00:00Z");
        assert!(is_certificate(sound.as_bytes()));
        assert_eq!(code(&sound), "sound");
        assert_eq!(code(&sound.replace("asked", "basked")), "certificate-signature");
        assert_eq!(code(&sound.replace("KR-26", "KR-27")), "certificate-signature");
        assert_eq!(code(sound.lines().next().unwrap()), "certificate-malformed");
        assert_eq!(code(&written("1971-01-01T00:00:00Z")), "certificate-seal");
        let newer = sound.replace("\"comity-erasure\":1", "\"comity-erasure\":3");
        assert_eq!(
            verify("file", newer.as_bytes(), &Known::default()).unwrap_err().code,
            "certificate-format"
        );
    }
}
