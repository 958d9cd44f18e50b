//! What leaves by another way than a link, such as a file.
//!
//! [`let_out`] is the only function that makes a [`Released`], and whatever writes a record anywhere outside the
//! node takes nothing else. It cannot be made by hand:
//!
//! ```compile_fail,E0451
//! fn forge(contents: comity_core::exit::Contents) -> comity_core::exit::Released {
//!     comity_core::exit::Released { contents }
//! }
//! ```
//!
//! nor by a constructor:
//!
//! ```compile_fail,E0599
//! fn forge(contents: comity_core::exit::Contents) -> comity_core::exit::Released {
//!     comity_core::exit::Released::new(contents)
//! }
//! ```
//!
//! nor with a part more, from one that was made:
//!
//! ```compile_fail,E0616
//! fn widen(mut released: comity_core::exit::Released, more: comity_core::exit::Contents) {
//!     released.contents = more;
//! }
//! ```

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;

use crate::delivery::{Refused, is_record, wrong_body};
use crate::identity::{PartDigest, RecordId};
use crate::marking::Tlp;
use crate::policy::{
    Gate, Lifecycle, PartFacts, PolicySnapshot, Recipient, RecordFacts, Verdict, decide, plan,
};
use crate::time::Timestamp;
use crate::vocabulary::Section;

/// The bytes of a record and of some of its parts, and nobody else's.
pub struct Contents {
    record: RecordId,
    signed: Bytes,
    parts: Vec<(PartDigest, Bytes)>,
}

impl Contents {
    /// Hashes the bytes, so that what leaves is what is decided about.
    ///
    /// # Errors
    ///
    /// [`Refused::OtherRecord`] or [`Refused::OtherBytes`], where they are not what they are said to be.
    pub fn new(
        record: RecordId,
        signed: Bytes,
        parts: Vec<(PartDigest, Bytes)>,
    ) -> Result<Self, Refused> {
        if !is_record(&record, &signed) {
            return Err(Refused::OtherRecord);
        }
        let wrong = wrong_body(&parts);
        wrong.map_or(Ok(Self { record, signed, parts }), |part| Err(Refused::OtherBytes(part)))
    }
}

/// Without the bytes.
impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents").field("record", &self.record).finish_non_exhaustive()
    }
}

/// A record that was decided Release for whoever reads what leaves.
///
/// Only [`let_out`] makes one.
#[derive(Debug)]
pub struct Released {
    contents: Contents,
}

impl Released {
    /// The signed form of the record.
    #[must_use]
    pub fn record(&self) -> &Bytes {
        &self.contents.signed
    }

    /// The parts, with their bytes.
    #[must_use]
    pub fn parts(&self) -> &[(PartDigest, Bytes)] {
        &self.contents.parts
    }
}

/// The parts that may leave: those that at least one of the readers may have. TLP:RED is for people who are
/// named, an addressee part names one of them, and neither goes anywhere but over a link.
#[must_use]
pub fn leaving(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    readers: &[Recipient],
    now: Timestamp,
) -> BTreeSet<PartDigest> {
    // What goes in an emergency goes over a link, from where it is recalled: a file is not.
    let record = &RecordFacts { emergencies: Vec::new(), ..record.clone() };
    let leaves =
        |part: &&PartFacts| part.marking.tlp != Tlp::Red && part.section != Section::Addressee;
    // Our own people are shown what the egress guard holds, and what waits for a second person; what they
    // are shown does not leave.
    let kept_in = |part: &PartFacts| {
        let outside = decide(snapshot, record, part, &Recipient::Public, now);
        let passes =
            |gate| outside.judgement(gate).is_some_and(|said| said.verdict == Verdict::Pass);
        !passes(Gate::EgressGuard) || !passes(Gate::Approval)
    };
    let mut leaving = BTreeSet::new();
    for reader in readers {
        match reader {
            Recipient::LocalRole { .. } => {
                let shown = |part: &&PartFacts| {
                    decide(snapshot, record, part, reader, now).is_release() && !kept_in(part)
                };
                let shown = parts.iter().filter(leaves).filter(shown);
                leaving.extend(shown.map(|part| part.digest));
            }
            Recipient::Partner { .. } | Recipient::Constituent { .. } | Recipient::Public => {
                let plan = plan(snapshot, record, parts, reader, now);
                let goes = plan.releases();
                let goes = parts.iter().filter(leaves).filter(|part| goes.contains(&part.digest));
                leaving.extend(goes.map(|part| part.digest));
            }
        }
    }
    leaving
}

/// Decides at the moment at which a record leaves. Nothing leaves that does not stand, for what has left
/// cannot say so later; nor a record without a part.
///
/// # Errors
///
/// [`Refused`], and nothing leaves.
pub fn let_out(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    readers: &[Recipient],
    now: Timestamp,
    contents: Contents,
) -> Result<Released, Refused> {
    if contents.record != record.id {
        return Err(Refused::OtherRecord);
    }
    let stands = record.lifecycle == Lifecycle::Live && !record.pending && !record.quarantined;
    if !stands || contents.parts.is_empty() {
        return Err(Refused::NotReleased);
    }
    let leaving = leaving(snapshot, record, parts, readers, now);
    match contents.parts.iter().all(|(part, _)| leaving.contains(part)) {
        true => Ok(Released { contents }),
        false => Err(Refused::NotReleased),
    }
}
