//! What may leave: a record's manifest and those of its parts that are decided Release for one partner.
//!
//! [`release`] is the only function that makes a [`Delivery`], and a `Delivery` is the only thing that
//! carries a record to a link.
//!
//! It can be read:
//!
//! ```
//! # use comity_core::{Delivery, EconomyId, EpochId, RecordId, Urgency};
//! # use comity_core::ledger::{LedgerEntry, Obligations};
//! # let entry = LedgerEntry { epoch: EpochId([0; 16]), number: 1, record: RecordId([0; 32]),
//! #     parts: vec![], obligations: Obligations::default(), salt: [0; 16] };
//! fn read(delivery: &Delivery) -> (EconomyId, &LedgerEntry, Urgency, &bytes::Bytes) {
//!     (delivery.to(), delivery.entry(), delivery.urgency(), delivery.record())
//! }
//! ```
//!
//! It cannot be made by hand:
//!
//! ```compile_fail,E0451
//! # use comity_core::{Delivery, EconomyId, EpochId, RecordId, Urgency};
//! # use comity_core::ledger::{LedgerEntry, Obligations};
//! # let entry = LedgerEntry { epoch: EpochId([0; 16]), number: 1, record: RecordId([0; 32]),
//! #     parts: vec![], obligations: Obligations::default(), salt: [0; 16] };
//! let forged = Delivery {
//!     to: EconomyId([0; 32]),
//!     entry,
//!     urgency: Urgency::Routine,
//!     record: bytes::Bytes::new(),
//!     parts: vec![],
//! };
//! ```
//!
//! nor by a constructor:
//!
//! ```compile_fail,E0599
//! # use comity_core::{Delivery, EconomyId, EpochId, RecordId, Urgency};
//! # use comity_core::ledger::{LedgerEntry, Obligations};
//! # let entry = LedgerEntry { epoch: EpochId([0; 16]), number: 1, record: RecordId([0; 32]),
//! #     parts: vec![], obligations: Obligations::default(), salt: [0; 16] };
//! let forged = Delivery::new(EconomyId([0; 32]), entry, Urgency::Routine, bytes::Bytes::new(), vec![]);
//! ```
//!
//! nor by default:
//!
//! ```compile_fail,E0277
//! fn forge<T: Default>() -> T { T::default() }
//! let forged: comity_core::Delivery = forge();
//! ```
//!
//! nor from another one, for another recipient or with another part:
//!
//! ```compile_fail,E0616
//! fn redirect(mut delivery: comity_core::Delivery) -> comity_core::Delivery {
//!     delivery.to = comity_core::EconomyId([0; 32]);
//!     delivery
//! }
//! ```

use std::fmt;

use bytes::Bytes;

use crate::digest::{leaf_hashes, tree_root};
use crate::identity::{EconomyId, PartDigest, RecordId};
use crate::ledger::LedgerEntry;
use crate::policy::{PartFacts, PolicySnapshot, Recipient, RecordFacts, Standing, plan};
use crate::time::Timestamp;
use crate::vocabulary::Urgency;

/// A delivery that was decided Release at hand-over.
///
/// Only [`release`] makes one; the link protocol's only record-bearing input takes it.
pub struct Delivery {
    to: EconomyId,
    entry: LedgerEntry,
    urgency: Urgency,
    record: Bytes,
    parts: Vec<(PartDigest, Bytes)>,
}

impl Delivery {
    /// The partner that it is for, and nobody else.
    #[must_use]
    pub fn to(&self) -> EconomyId {
        self.to
    }

    /// Its line in the ledger, durable already.
    #[must_use]
    pub fn entry(&self) -> &LedgerEntry {
        &self.entry
    }

    /// How soon it should arrive.
    #[must_use]
    pub fn urgency(&self) -> Urgency {
        self.urgency
    }

    /// The signed form of the record.
    #[must_use]
    pub fn record(&self) -> &Bytes {
        &self.record
    }

    /// The parts, in the entry's order, with their bytes.
    #[must_use]
    pub fn parts(&self) -> &[(PartDigest, Bytes)] {
        &self.parts
    }
}

/// Without the bytes: what partners tell each other is not for logs.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("to", &self.to)
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

/// What is to be handed over: a line of the ledger and the bytes that it stands for.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The line, durable already.
    pub entry: LedgerEntry,
    /// The signed form of the record.
    pub signed: Bytes,
    /// The parts' bytes, in the entry's order. To be given back, a part that was erased here has none.
    pub bodies: Vec<(PartDigest, Bytes)>,
}

/// Why something is not handed over. Whatever it is, the number in the ledger is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Links lead to partners only.
    #[error("the recipient is not a partner")]
    NotAPartner,
    /// The decision has turned since the ledger's line was written.
    #[error("the decision is no longer to release it")]
    NotReleased,
    /// The line, or the signed bytes, are another record's.
    #[error("the ledger entry or the signed bytes are another record's")]
    OtherRecord,
    /// The line's parts are not those that are decided Release.
    #[error("the ledger entry's parts are not those that are released")]
    OtherParts,
    /// The line's obligations are not those that the decision imposes.
    #[error("the ledger entry's obligations are not those of the decision")]
    OtherObligations,
    /// Its parts may each be used for some purposes, and none of these is common to all.
    #[error("its parts may be used for purposes of which none is common to all")]
    NoCommonPurpose,
    /// The bytes are not those of the line's parts.
    #[error("the bytes are not those of part {}", .0.short())]
    OtherBytes(PartDigest),
}

/// Decides once more, at the moment of hand-over, and makes the delivery.
///
/// `payload.entry` may list all that is released, or, when parts arrive late, some of it; what it
/// lists must stand on its own: planned alone, exactly these parts go. The bytes are hashed here, so
/// that what goes is what was decided.
///
/// # Errors
///
/// [`Refused`], and nothing goes.
pub fn release(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    recipient: &Recipient,
    now: Timestamp,
    payload: Payload,
) -> Result<Delivery, Refused> {
    let to = recipient.economy().ok_or(Refused::NotAPartner)?;
    let Payload { entry, signed, bodies } = payload;
    if entry.record != record.id || !is_record(&record.id, &signed) {
        return Err(Refused::OtherRecord);
    }
    let listed: Vec<PartFacts> = parts
        .iter()
        .filter(|part| entry.parts.binary_search(&part.digest).is_ok())
        .cloned()
        .collect();
    let plan = plan(snapshot, record, &listed, recipient, now);
    let obligations = plan.obligations().ok_or(Refused::NotReleased)?;
    if plan.releases() != entry.parts {
        return Err(Refused::OtherParts);
    }
    if *obligations != entry.obligations {
        return Err(Refused::OtherObligations);
    }
    check_bodies(&entry, &bodies)?;
    Ok(Delivery { to, entry, urgency: record.urgency, record: signed, parts: bodies })
}

/// Recovery: makes the delivery that gives a partner back what it had sent us before it was restored
/// from a backup.
///
/// What a partner delivered to us is no news to it, whoever brought the same before: with the entry, its
/// own, came the record and every part that it names. Nothing else is given back. Of parts that were erased
/// since the body is empty, as no part is.
///
/// # Errors
///
/// [`Refused`], and nothing goes.
pub fn give_back(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    to: EconomyId,
    payload: Payload,
    now: Timestamp,
) -> Result<Delivery, Refused> {
    let Payload { entry, signed, bodies } = payload;
    let paired = snapshot.partner(&to).is_some_and(|one| one.standing == Standing::Paired);
    let doubted = snapshot.unconfirmed(&to, now).is_some_and(|why| why.doubts_link());
    if !paired || doubted {
        return Err(Refused::NotAPartner);
    }
    if entry.record != record.id || !is_record(&record.id, &signed) {
        return Err(Refused::OtherRecord);
    }
    check_returned(&entry, &bodies)?;
    Ok(Delivery { to, entry, urgency: record.urgency, record: signed, parts: bodies })
}

/// A mix-up of bytes would hand over a manifest about which nobody decided. The signature was checked
/// when the record came in; its bytes are named by the id.
pub(crate) fn is_record(record: &RecordId, signed: &[u8]) -> bool {
    crate::record::parse(signed).is_ok_and(|parsed| parsed.id() == *record)
}

fn check_bodies(entry: &LedgerEntry, bodies: &[(PartDigest, Bytes)]) -> Result<(), Refused> {
    if !entry.parts.iter().eq(bodies.iter().map(|(digest, _)| digest)) {
        return Err(Refused::OtherParts);
    }
    wrong_body(bodies).map_or(Ok(()), |part| Err(Refused::OtherBytes(part)))
}

fn check_returned(entry: &LedgerEntry, bodies: &[(PartDigest, Bytes)]) -> Result<(), Refused> {
    let here: Vec<_> = bodies.iter().filter(|(_, bytes)| !bytes.is_empty()).cloned().collect();
    if !entry.parts.iter().eq(bodies.iter().map(|(digest, _)| digest)) {
        return Err(Refused::OtherParts);
    }
    wrong_body(&here).map_or(Ok(()), |part| Err(Refused::OtherBytes(part)))
}

/// The first part whose bytes are not its own.
pub(crate) fn wrong_body(bodies: &[(PartDigest, Bytes)]) -> Option<PartDigest> {
    let wrong = bodies.iter().find(|(digest, bytes)| {
        tree_root(&leaf_hashes(bytes)).map(PartDigest::from) != Some(*digest)
    });
    wrong.map(|(digest, _)| *digest)
}
