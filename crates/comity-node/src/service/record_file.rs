//! A record as a file, which anybody verifies without this node.

use comity_core::journal::Shown;
use comity_core::policy::{Lifecycle, PartFacts};
use comity_core::{PartDigest, RecordId, Section, Tlp};

use super::records::found;
use super::{Service, local, words};
use crate::api::{LeftOut, RecordFile};
use crate::error::{ErrorKind, ServiceError};
use crate::limits::RECORD_FILE_BYTES;
use crate::state::Held;

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
    /// The signed record and the parts that whoever uses this node may see. RED is shown, and never
    /// exported. Of a record of which nothing may go there is no file.
    pub async fn record_file(&self, record: &str) -> Result<RecordFile, ServiceError> {
        // A file leaves: what the egress guard has not looked at goes into none.
        self.examine_if_possible(record).await;
        let text = record.to_owned();
        let (desks, now) = (self.parts.config.local.desks.clone(), self.now());
        let sees = self.sees();
        let choice = self
            .look(move |state, _, _| {
                let (id, held) = found(state, &text)?;
                let sight = local::sight(state, held, &desks, sees, now);
                let hidden = |part: &PartFacts| {
                    let unknown = Some("it is not known here".to_owned());
                    let hidden = sight.get(&part.digest).cloned().unwrap_or(unknown);
                    hidden.or_else(|| state.kept_by_guard(part))
                };
                choose(id, held, hidden)
            })
            .await??;
        if choice.above_green {
            self.note_read(Shown::Record(choice.id)).await?;
        }
        let loaded = crate::shell::load(&*self.parts.store, choice.seq, &choice.taken)
            .map_err(|why| ServiceError::data("unreadable", why))?;
        let mut file = loaded.signed.to_vec();
        for (_, bytes) in &loaded.parts {
            file.extend_from_slice(bytes);
            if file.len() > RECORD_FILE_BYTES {
                let most = RECORD_FILE_BYTES >> 20;
                let message = format!("{} is larger than {most} MiB", choice.reference);
                return Err(ServiceError::data("too-large", message));
            }
        }
        Ok(RecordFile {
            reference: choice.reference,
            file: words::to_base64(&file),
            parts: loaded.parts.len() as u64,
            left_out: choice.left_out,
        })
    }
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
        match hidden(part).or(red).or(named) {
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
