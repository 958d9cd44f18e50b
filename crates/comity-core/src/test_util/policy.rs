//! Real snapshots and real deliveries, for the tests of the crates above.

use std::sync::Arc;

use bytes::Bytes;

use crate::agreement::{Terms, Tier};
use crate::delivery::Delivery;
use crate::identity::{EconomyId, EpochId, PartDigest, RecordId};
use crate::ledger::{LedgerEntry, Obligations};
use crate::policy::{
    Agreement, ControlAudience, Partner, Payload, PolicySnapshot, Recipient, RecordFacts, Refused,
    Source, TrustLevel, plan, release,
};
use crate::record::{Part, VerifiedRecord};
use crate::time::Timestamp;

/// The only desk of the law-enforcement agreements made here.
pub const LAW_ENFORCEMENT_DESK: &str = "cyber crime";

/// The tier's terms, with nothing narrowed, in force from the epoch on and for ever.
#[must_use]
pub fn terms(tier: Tier) -> Terms {
    let mut terms = Terms::preset(tier, Timestamp::EPOCH);
    if tier == Tier::LawEnforcement {
        terms.desk = Some(LAW_ENFORCEMENT_DESK.to_owned());
    }
    terms
}

/// An agreement of `tier` between two economies. Its id follows from them and from the tier, and is
/// the same on both sides.
#[must_use]
pub fn agreement(one: EconomyId, other: EconomyId, tier: Tier) -> Agreement {
    let mut id = [tier as u8; 32];
    for ((byte, one), other) in id.iter_mut().zip(one.as_bytes()).zip(other.as_bytes()) {
        *byte ^= one ^ other;
    }
    Agreement::new(RecordId(id), Arc::new(terms(tier)), Timestamp::EPOCH)
}

/// What `us` has signed with a partner, and what it thinks of it. [`Tier::Paired`]: nothing signed.
pub type Relation = (EconomyId, Tier, TrustLevel);

/// The snapshot of `us`, version 1, with these partners.
#[must_use]
pub fn snapshot(us: EconomyId, partners: &[Relation]) -> PolicySnapshot {
    let builder = PolicySnapshot::builder(us).version(1);
    let builder = partners.iter().fold(builder, |builder, (economy, tier, trust)| {
        let partner = Partner::new().at(*trust);
        let partner = match tier {
            Tier::Paired => partner,
            Tier::Mou | Tier::Nda | Tier::LawEnforcement => {
                partner.with(agreement(us, *economy, *tier))
            }
        };
        builder.partner(*economy, partner)
    });
    builder.build()
}

/// The snapshots of two economies that are paired, with one agreement and one level both ways.
#[must_use]
pub fn pair(
    one: EconomyId,
    other: EconomyId,
    tier: Tier,
    trust: TrustLevel,
) -> [PolicySnapshot; 2] {
    [snapshot(one, &[(other, tier, trust)]), snapshot(other, &[(one, tier, trust)])]
}

/// The snapshots of three economies, each of which is paired with both others.
#[must_use]
pub fn triangle(economies: [EconomyId; 3], tier: Tier, trust: TrustLevel) -> [PolicySnapshot; 3] {
    economies.map(|us| {
        let others = economies.iter().filter(|other| **other != us);
        let relations: Vec<Relation> = others.map(|other| (*other, tier, trust)).collect();
        snapshot(us, &relations)
    })
}

/// A line of a ledger, before what it stands for is known.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The ledger's epoch.
    pub epoch: EpochId,
    /// The number.
    pub number: u64,
}

/// Delivers to `to` what the snapshot lets go of one of our own records, through [`release`].
///
/// # Errors
///
/// [`Refused::NotReleased`] when nothing goes.
pub fn deliver(
    snapshot: &PolicySnapshot,
    record: &VerifiedRecord,
    parts: &[Part],
    to: EconomyId,
    line: Line,
    now: Timestamp,
) -> Result<Delivery, Refused> {
    let held = parts.iter().map(|part| (part.digest, &part.header));
    let (facts, part_facts) =
        RecordFacts::with_parts(record.id(), record.manifest(), Source::Own, held);
    let recipient = Recipient::partner(to);
    let plan = plan(snapshot, &facts, &part_facts, &recipient, now);
    let obligations = plan.obligations().cloned().ok_or(Refused::NotReleased)?;
    let body = |digest: &PartDigest| {
        let part = parts.iter().find(|part| part.digest == *digest)?;
        Some((*digest, part.bytes.clone()))
    };
    let bodies: Vec<(PartDigest, Bytes)> = plan.releases().iter().filter_map(body).collect();
    let entry = LedgerEntry {
        epoch: line.epoch,
        number: line.number,
        record: record.id(),
        parts: plan.releases().to_vec(),
        obligations,
        salt: [0; 16],
    };
    let payload = Payload { entry, signed: record.signed().clone(), bodies };
    release(snapshot, &facts, &part_facts, &recipient, now, payload)
}

/// Delivers to `to` one of our own control records, whose audience is `audience`, through
/// [`release`].
///
/// # Errors
///
/// [`Refused::NotReleased`] when it does not concern `to`.
pub fn deliver_control(
    snapshot: &PolicySnapshot,
    record: &VerifiedRecord,
    audience: ControlAudience,
    to: EconomyId,
    line: Line,
    now: Timestamp,
) -> Result<Delivery, Refused> {
    let mut facts = RecordFacts::new(record.id(), record.manifest(), Source::Own);
    facts.released_before = audience == ControlAudience::Holders;
    facts.control = Some(audience);
    let entry = LedgerEntry {
        epoch: line.epoch,
        number: line.number,
        record: record.id(),
        parts: Vec::new(),
        obligations: Obligations::unbound(),
        salt: [0; 16],
    };
    let payload = Payload { entry, signed: record.signed().clone(), bodies: Vec::new() };
    release(snapshot, &facts, &[], &Recipient::partner(to), now, payload)
}
