//! What the parts that are here speak of, kept once it was read: a part's digest is that of its bytes, so what
//! was read of it never changes. Nothing is decided by it, and the journal has nothing of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use comity_core::policy::PartFacts;
use comity_core::sight::Sight;
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
#[derive(Clone, Debug)]
pub(super) struct Speaks {
    sight: Sight,
    /// Whether it is an exact copy of something, such as a public document.
    original: bool,
    /// Whether it is marked above TLP:GREEN: whom it is read for is kept.
    pub(super) above_green: bool,
}

impl Speaks {
    /// Whether a part is one that speaks.
    pub(super) fn may(part: &PartFacts) -> bool {
        use Section::{Detail, Mitigation, Original, Summary};
        matches!(part.section, Original | Summary | Mitigation | Detail)
    }

    /// As which a part speaks, if it does, to whoever may see it.
    pub(super) fn of(part: &PartFacts, sight: &Sight) -> Option<Self> {
        let original = part.section == Section::Original;
        let above_green = part.marking.tlp > Tlp::Green;
        let speaks = Self::may(part) && sight.part() == part.digest;
        speaks.then(|| Self { sight: sight.clone(), original, above_green })
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
                match self.of_part(store, part) {
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

    fn of_part(&self, store: &dyn Store, speaks: &Speaks) -> Option<Arc<Subject>> {
        let digest = speaks.sight.part();
        if let Some(known) = self.lock().of.get(&digest) {
            return Some(Arc::clone(known));
        }
        let shown = speaks.sight.show(store.blob(&digest).ok().flatten()?).ok()?;
        let document = speaks.original.then(|| Subject::of_document(shown.content())).flatten();
        let text =
            || std::str::from_utf8(shown.content()).map(Subject::of_text).unwrap_or_default();
        let subject = Arc::new(document.unwrap_or_else(text));
        let mut read = self.lock();
        let bytes = read.bytes.saturating_add(subject.weight());
        if bytes <= SUBJECTS_BYTES && read.of.insert(digest, Arc::clone(&subject)).is_none() {
            read.bytes = bytes;
        }
        Some(subject)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
