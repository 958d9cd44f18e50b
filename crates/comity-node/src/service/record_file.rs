//! A record as a file, which anybody verifies without this node.

use comity_core::delivery::Refused;
use comity_core::exit::{Contents, Released, leaving, let_out};
use comity_core::journal::Shown;
use comity_core::policy::{Lifecycle, PartFacts, Recipient, decide, reason};
use comity_core::{PartDigest, RecordId, Section, Timestamp, Tlp};

use super::explain::exit;
use super::records::found;
use super::{Service, erasing, local, words};
use crate::api::{LeftOut, RecordFile, RecordFileRequest};
use crate::error::{ErrorKind, ServiceError};
use crate::limits::RECORD_FILE_BYTES;
use crate::state::{Held, State};

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
    /// the request names somebody. Of a record of which nothing may go there is no file.
    pub async fn record_file(
        &self,
        request: &RecordFileRequest,
    ) -> Result<RecordFile, ServiceError> {
        let readers = self.readers(request.readers.as_deref())?;
        // A file leaves: what the egress guard has not looked at goes into none.
        self.examine_if_possible(&request.record).await;
        let (text, to) = (request.record.clone(), readers.clone());
        let (desks, now) = (self.parts.config.local.desks.clone(), self.now());
        let sees = self.sees();
        let choice = self
            .look(move |state, engine, _| {
                let (id, held) = found(state, &text)?;
                let surely = engine.unsure();
                let sight = local::sight(state, held, &desks, sees, now);
                if held.parts.iter().all(|part| part.erased) {
                    erasing::is_whole(state, held)?;
                }
                let at = |now| leaving(state.policy(), &held.facts, &held.parts, &to, now);
                let (leaving, then) = (at(now), surely.map(at));
                let hidden = |part: &PartFacts| {
                    let hidden = match sight.get(&part.digest) {
                        Some(Ok(_)) => None,
                        Some(Err(why)) => Some(why.clone()),
                        None => Some("it is not known here".to_owned()),
                    };
                    let early = then.as_ref().is_some_and(|then| !then.contains(&part.digest));
                    let now = surely.filter(|_| early).unwrap_or(now);
                    let stays = early || !leaving.contains(&part.digest);
                    let kept = || stays.then(|| kept(state, held, part, &to, now));
                    hidden.or_else(|| state.kept_by_guard(part)).or_else(kept)
                };
                choose(id, held, hidden)
            })
            .await??;
        if choice.above_green {
            self.note_read(Shown::Record(choice.id)).await?;
        }
        let loaded = crate::shell::load(&*self.parts.store, choice.seq, &choice.taken)
            .map_err(|why| ServiceError::data("unreadable", why))?;
        let contents = Contents::new(choice.id, loaded.signed, loaded.parts)
            .map_err(|why| ServiceError::data("unreadable", why.to_string()))?;
        let (id, now) = (choice.id, self.now());
        let released = self.look(move |state, _, _| {
            let held = state.record(&id).filter(|held| held.is_accepted());
            let held = held.ok_or(Refused::NotReleased)?;
            let_out(state.policy(), &held.facts, &held.parts, &readers, now, contents)
        });
        let released = released.await?.map_err(|why| {
            let message = format!("{} has changed meanwhile: {why}", choice.reference);
            ServiceError::new(ErrorKind::TryLater, "changed-meanwhile", message)
                .next("run the command again")
        })?;
        let file = bytes(&released).ok_or_else(|| {
            let most = RECORD_FILE_BYTES >> 20;
            let message = format!("{} is larger than {most} MiB", choice.reference);
            ServiceError::data("too-large", message)
        })?;
        Ok(RecordFile {
            reference: choice.reference,
            file: words::to_base64(&file),
            parts: released.parts().len() as u64,
            left_out: choice.left_out,
        })
    }

    /// Who reads a file: our own people at this node's desks, or whom the request names.
    fn readers(&self, named: Option<&str>) -> Result<Vec<Recipient>, ServiceError> {
        let Some(named) = named else {
            let desks = self.parts.config.local.desks.iter().cloned();
            // No addressee can name a desk without a name: this is everybody here.
            let roles = std::iter::once(String::new()).chain(desks);
            return Ok(roles.map(|role| Recipient::LocalRole { role }).collect());
        };
        exit(named).map(|(_, reader)| vec![reader]).ok_or_else(|| {
            let message = format!("a file is for `constituents` or `public`, and not for `{named}`");
            ServiceError::usage("readers", message).next(
                "partners get records over the link; leave it out, and the file is for your own people",
            )
        })
    }
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
    why.unwrap_or_else(|| "it does not go without the parts that stay".to_owned())
}

/// The file, unless it would be too large.
fn bytes(released: &Released) -> Option<Vec<u8>> {
    let mut file = released.record().to_vec();
    for (_, body) in released.parts() {
        file.extend_from_slice(body);
        if file.len() > RECORD_FILE_BYTES {
            return None;
        }
    }
    Some(file)
}

fn choose(
    id: RecordId,
    held: &Held,
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
    for part in &held.parts {
        // Whoever reads the file need not know who else was told.
        let named = (part.section == Section::Addressee)
            .then(|| "it names somebody to whom the record goes".to_owned());
        let red = (part.marking.tlp == Tlp::Red)
            .then(|| "TLP:RED is shown, and goes into no file".to_owned());
        match red.or(named).or_else(|| hidden(part)) {
            None => {
                taken.push(part.digest);
                above_green |= part.marking.tlp > Tlp::Green;
            }
            Some(why) => left_out.push(LeftOut {
                part: part.digest.to_string(),
                section: part.section.to_string(),
                why,
            }),
        }
    }
    if taken.is_empty() {
        let why = left_out.first().map_or("no part of it is here", |one| &one.why);
        let message = format!("nothing of {reference} may go into a file: {why}");
        return Err(ServiceError::new(ErrorKind::NoPermission, "nothing-goes", message)
            .next(format!("comity show {reference}, which says why of each part")));
    }
    Ok(Choice { id, reference, seq: held.seq, taken, left_out, above_green })
}
