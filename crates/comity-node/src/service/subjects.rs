//! What the parts that are here speak of, kept once it was read: a part's digest is that of its bytes, so what
//! was read of it never changes. Nothing is decided by it, and the journal has nothing of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use comity_core::policy::PartFacts;
use comity_core::record::Part;
use comity_core::{PartDigest, Section, Tlp};
use comity_interop::Subject;
use comity_store::Store;

use crate::limits::SUBJECTS_BYTES;

/// What was read, within a bound of memory; what does not fit is read again.
#[derive(Default)]
pub(crate) struct Subjects(Mutex<Read>);

#[derive(Default)]
struct Read {
    of: BTreeMap<PartDigest, Arc<Subject>>,
    bytes: usize,
}

/// A part that may say what its record speaks of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaks {
    pub(super) part: PartDigest,
    /// Whether it is an exact copy of something, such as a public document.
    original: bool,
    /// Whether it is marked above TLP:GREEN: whom it is read for is kept.
    pub(super) above_green: bool,
}

impl Speaks {
    /// As which a part speaks, if it does.
    pub(super) fn of(part: &PartFacts) -> Option<Self> {
        let original = part.section == Section::Original;
        let text = matches!(part.section, Section::Summary | Section::Mitigation | Section::Detail);
        let above_green = part.marking.tlp > Tlp::Green;
        (original || text).then_some(Self { part: part.digest, original, above_green })
    }
}

impl Subjects {
    /// What the parts of one record speak of together. Where a document is among them, the texts beside it say
    /// no more. `unreadable` counts those whose bytes are not what was written.
    pub(super) fn of_record(
        &self,
        store: &dyn Store,
        parts: &[Speaks],
        unreadable: &mut u64,
    ) -> Subject {
        let mut subject = Subject::default();
        for originals in [true, false] {
            for part in parts.iter().filter(|part| part.original == originals) {
                match self.of_part(store, *part) {
                    Some(read) => subject.join(&read),
                    None => *unreadable = unreadable.saturating_add(1),
                }
            }
            if !subject.documents.is_empty() {
                break;
            }
        }
        subject
    }

    fn of_part(&self, store: &dyn Store, speaks: Speaks) -> Option<Arc<Subject>> {
        if let Some(known) = self.lock().of.get(&speaks.part) {
            return Some(Arc::clone(known));
        }
        let body = store.blob(&speaks.part).ok().flatten()?;
        let part = Part::decode(body).ok()?;
        let document = speaks.original.then(|| Subject::of_document(&part.content)).flatten();
        let text = || std::str::from_utf8(&part.content).map(Subject::of_text).unwrap_or_default();
        let subject = Arc::new(document.unwrap_or_else(text));
        let mut read = self.lock();
        let bytes = read.bytes.saturating_add(subject.weight());
        if bytes <= SUBJECTS_BYTES && read.of.insert(speaks.part, Arc::clone(&subject)).is_none() {
            read.bytes = bytes;
        }
        Some(subject)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
