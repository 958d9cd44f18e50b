//! A record as a file, which anybody verifies without this node.

use std::collections::BTreeSet;
use std::sync::Arc;

use comity_core::exit::{Contents, Readers, Released, kept_in, leaving};
use comity_core::journal::Shown;
use comity_core::policy::{Lifecycle, PartFacts, Recipient, decide, reason, said};
use comity_core::staff::Right;
use comity_core::{PartDigest, RecordId, Section, Timestamp, Tlp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::records::found;
use super::{Service, erasing, files, local, part_names, words};
use crate::api::{LeftOut, PartName, RecordFile, RecordFileRequest, TermsLine};
use crate::engine::{Command, LetOut, Reply};
use crate::error::{ErrorKind, ServiceError};
use crate::limits::RECORD_FILE_BYTES;
use crate::state::{Held, State};

/// The version of what stands beside a file.
const TERMS_FORMAT: u64 = 1;

/// What of a record goes into its file.
struct Choice {
    id: RecordId,
    reference: String,
    seq: comity_store::Seq,
    taken: Vec<PartDigest>,
    left_out: Vec<LeftOut>,
    /// Whether a part goes there that is marked above TLP:GREEN.
    above_green: bool,
}

impl Service {
    /// The signed record and the parts that whoever reads the file may have: whoever uses this node, unless
    /// the request names somebody. Of a record of which nothing may go there is no file. That it left is in the
    /// journal before it is answered.
    pub async fn record_file(
        &self,
        request: &RecordFileRequest,
    ) -> Result<RecordFile, ServiceError> {
        let readers = readers(request.readers.as_deref())?;
        // Who may look may have a file to look at; who tells others takes more.
        if readers != Readers::Own {
            self.takes(Right::Ask)?;
        }
        // A file leaves: what the egress guard has not looked at goes into none.
        self.examine_if_possible(&request.record).await;
        let (desks, now) = (self.parts.config.local.desks.clone(), self.now());
        let (text, to) = (request.record.clone(), readers.recipients(&desks));
        let (sees, names) = (self.sees(), request.parts.clone());
        let choice = self
            .look(move |state, engine, _| {
                let (id, held) = found(state, &text)?;
                let certainly = engine.certainly();
                let sight = local::sight(state, held, &desks, sees, now);
                if held.parts.iter().all(|part| part.erased) {
                    erasing::is_whole(state, held)?;
                }
                let asked = asked_for(held, &names)?;
                let leaves = leaving(state.policy(), &held.facts, &held.parts, &to, now);
                let then = certainly.as_ref().map(|certainly| {
                    let (at, policy, facts) = certainly.of_file(held);
                    (at, leaving(policy, &facts, &held.parts, &to, at))
                });
                let hidden = |part: &PartFacts| {
                    let hidden = match sight.get(&part.digest) {
                        Some(Ok(_)) => None,
                        Some(Err(why)) => Some(why.clone()),
                        None => Some("it is not known here".to_owned()),
                    };
                    let early = then.as_ref().filter(|(_, then)| !then.contains(&part.digest));
                    let now = early.map_or(now, |(at, _)| *at);
                    let stays = early.is_some() || !leaves.contains(&part.digest);
                    let kept = || stays.then(|| kept(state, held, part, &to, now));
                    hidden.or_else(|| state.kept_by_guard(part)).or_else(kept)
                };
                choose(id, held, (&asked, readers), hidden)
            })
            .await??;
        if choice.above_green {
            self.note_read(Shown::Record(choice.id)).await?;
        }
        let (id, seq, taken) = (choice.id, choice.seq, choice.taken);
        let store = Arc::clone(&self.parts.store);
        let read = tokio::task::spawn_blocking(move || {
            let loaded = crate::shell::load(&*store, seq, &taken)?;
            Contents::new(id, loaded.signed, loaded.parts).map_err(|why| why.to_string())
        });
        let read = read.await.map_err(|error| error.to_string()).flatten();
        let contents = read.map_err(|why| ServiceError::data("unreadable", why))?;
        let size = contents.size();
        let (desks, by) = (self.parts.config.local.desks.clone(), self.caller_name());
        let asked = Box::new(LetOut { contents, readers, desks, by });
        let left = self.command(Command::LetOut(asked)).await.map_err(|refused| {
            // It is in the books, and was handed to nobody.
            match refused.code {
                "not-listed" => refused.next("comity doctor; when the disk takes it again, the same command: no file was made"),
                _ => refused,
            }
        });
        let Reply::LetOut(left) = left? else {
            return Err(ServiceError::data("record-file", "the node answered something else"));
        };
        let (released, at) = *left;
        let file = bytes(&released, size);
        let terms = files::terms(released.obligations());
        Ok(RecordFile {
            reference: choice.reference,
            parts: released.parts().len() as u64,
            at: at.to_string(),
            terms_file: terms_file(id, (readers, at), &terms, &file)?,
            terms,
            file: words::to_base64(&file),
            left_out: choice.left_out,
        })
    }
}

/// Who reads a file: whoever uses this node, or whom the request names.
fn readers(named: Option<&str>) -> Result<Readers, ServiceError> {
    match named {
        None => Ok(Readers::Own),
        Some("constituents") => Ok(Readers::Constituents),
        Some("public") => Ok(Readers::Public),
        Some(named) => {
            let message =
                format!("a file is for `constituents` or `public`, and not for `{named}`");
            Err(ServiceError::usage("readers", message).next(
                "partners get records over the link; leave it out, and the file is for your own people",
            ))
        }
    }
}

/// The parts that are asked for.
fn asked_for(held: &Held, names: &[PartName]) -> Result<BTreeSet<PartDigest>, ServiceError> {
    if names.is_empty() {
        return Ok(held.parts.iter().map(|part| part.digest).collect());
    }
    Ok(part_names::named(held, names)?.into_iter().collect())
}

/// Why a part stays that whoever reads the file may not have.
fn kept(
    state: &State,
    held: &Held,
    part: &PartFacts,
    readers: &[Recipient],
    now: Timestamp,
) -> String {
    let decided = readers.first().map(|one| decide(state.policy(), &held.facts, part, one, now));
    let why = decided.and_then(|decision| reason(state.policy(), &decision));
    let own = readers.iter().any(|reader| matches!(reader, Recipient::LocalRole { .. }));
    let held_in = || kept_in(state.policy(), &held.facts, part, now).filter(|_| own);
    let why = why.or_else(|| held_in().map(|one| said(state.policy(), &one)));
    why.unwrap_or_else(|| "it does not go without the parts that stay".to_owned())
}

fn bytes(released: &Released, size: usize) -> Vec<u8> {
    let mut file = Vec::with_capacity(size);
    file.extend_from_slice(released.record());
    for (_, body) in released.parts() {
        file.extend_from_slice(body);
    }
    file
}

/// What stands beside the file. Only what the origin signed is signed in the file itself, and that says nothing
/// of what we took on with it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct TermsFile {
    /// The version of this form.
    comity_terms: u64,
    record: String,
    /// SHA-256 over the file that it stands beside.
    sha256: String,
    readers: String,
    left: String,
    onward: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_days: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purposes: Vec<String>,
}

fn terms_file(
    record: RecordId,
    (readers, at): (Readers, Timestamp),
    terms: &TermsLine,
    file: &[u8],
) -> Result<String, ServiceError> {
    let TermsLine { onward, retention_days, purposes } = terms.clone();
    let hash = Sha256::digest(file);
    let said = TermsFile {
        comity_terms: TERMS_FORMAT,
        record: record.to_string(),
        sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        readers: readers.to_string(),
        left: at.to_string(),
        onward,
        retention_days,
        purposes,
    };
    toml::to_string(&said).map_err(|error| ServiceError::data("terms", error.to_string()))
}

fn choose(
    id: RecordId,
    held: &Held,
    (asked, readers): (&BTreeSet<PartDigest>, Readers),
    hidden: impl Fn(&PartFacts) -> Option<String>,
) -> Result<Choice, ServiceError> {
    let reference = held.reference.clone();
    if held.facts.kind.is_control() {
        let message = format!("{reference} is a record of kind {}, without parts", held.facts.kind);
        return Err(ServiceError::usage("no-parts", message)
            .next(format!("comity show {reference}, which says all that is in it")));
    }
    if !held.is_accepted() || held.facts.lifecycle != Lifecycle::Live {
        let message = format!("{reference} does not stand: a file would not say so");
        return Err(ServiceError::data("not-live", message)
            .next(format!("comity show {reference}, which says why")));
    }
    let (mut taken, mut left_out, mut above_green) = (Vec::new(), Vec::new(), false);
    let mut refused = Vec::new();
    for (number, part) in (1..).zip(&held.parts) {
        let number: usize = number;
        let meant = asked.contains(&part.digest);
        let other = (!meant).then(|| "it was not asked for".to_owned());
        // Whoever reads the file need not know who else was told.
        let named = (part.section == Section::Addressee)
            .then(|| "it names somebody to whom the record goes".to_owned());
        let red = (part.marking.tlp == Tlp::Red)
            .then(|| "TLP:RED is shown, and goes into no file".to_owned());
        match other.or(red).or(named).or_else(|| hidden(part)) {
            None => {
                taken.push(part.digest);
                above_green |= part.marking.tlp > Tlp::Green;
            }
            Some(why) => {
                if meant && part.section != Section::Addressee {
                    refused.push(format!("part {number} {}: {why}", part.section));
                }
                left_out.push(LeftOut {
                    part: part.digest.to_string(),
                    section: part.section.to_string(),
                    why,
                });
            }
        }
    }
    if taken.is_empty() {
        let why = match &refused[..] {
            [] => left_out.first().map_or("no part of it is here", |one| &one.why).to_owned(),
            several => several.join("; "),
        };
        let message = format!("nothing of {reference} may go into a file: {why}");
        let next = match readers {
            Readers::Own => format!("on the screen: comity show {reference}"),
            Readers::Constituents => format!("comity explain {reference} --to constituents"),
            Readers::Public => format!("comity explain {reference} --to public"),
        };
        return Err(ServiceError::new(ErrorKind::NoPermission, "nothing-goes", message).next(next));
    }
    fits(held, &taken)?;
    Ok(Choice { id, reference, seq: held.seq, taken, left_out, above_green })
}

/// Nothing is read that is too large to be answered.
fn fits(held: &Held, taken: &[PartDigest]) -> Result<(), ServiceError> {
    let sizes = taken.iter().filter_map(|part| held.sizes.get(part));
    let size = sizes.fold(held.signed_bytes, |sum, size| sum.saturating_add(*size));
    if size <= RECORD_FILE_BYTES {
        return Ok(());
    }
    let (reference, most) = (&held.reference, RECORD_FILE_BYTES >> 20);
    let message = format!("what may go of {reference} is larger than {most} MiB");
    Err(ServiceError::data("too-large", message).next(format!(
        "one file for some of its parts: comity show {reference} --out FILE --part NUMBER"
    )))
}
