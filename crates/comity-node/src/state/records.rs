//! What is held of records.

use std::collections::BTreeMap;

use comity_core::control::WithdrawalBody;
use comity_core::entitlement::{Claim, FirstSeen, restricts};
use comity_core::journal::{Source, Standing};
use comity_core::policy::{PartFacts, RecordFacts};
use comity_core::{EconomyId, Kind, PartDigest, RecordId, Timestamp};
use comity_proto::Load;

use super::intake::Ruling;

/// A record that is here.
#[derive(Clone, Debug)]
pub struct Held {
    /// What the decision reads of it.
    pub facts: RecordFacts,
    /// What the decision reads of the parts that are here.
    pub parts: Vec<PartFacts>,
    /// Bytes of each part that is here.
    pub sizes: BTreeMap<PartDigest, u64>,
    /// Names of the files that parts are.
    pub file_names: BTreeMap<PartDigest, String>,
    /// The journal entry that holds its signed form.
    pub seq: u64,
    /// Its place among the arrivals: when it last entered, gained parts, or was accepted.
    pub arrived: u64,
    /// Bytes of its signed form.
    pub signed_bytes: u64,
    /// Where it came from.
    pub source: Source,
    /// Whether its origin itself delivered it, be it the first time or again; or it is our own.
    pub from_origin: bool,
    /// Whether it is believed.
    pub standing: Standing,
    /// Since when.
    pub standing_since: Timestamp,
    /// Whether a person decided that: then no keyring changes it any more.
    pub decided: bool,
    /// What a person decided last, and why.
    pub ruling: Option<Box<Ruling>>,
    /// By the rule for whom it is not taken in without a person. `None`: it came at least once in a way on
    /// which nothing is held back.
    pub review: Option<EconomyId>,
    /// The local short reference.
    pub reference: String,
    /// A title for local screens.
    pub title: String,
    /// When it entered.
    pub entered_at: Timestamp,
    /// When it was signed, by its author's clock.
    pub signed_at: Timestamp,
    /// For a control kind that this version reads: its body.
    pub body: Option<Vec<u8>>,
    /// Records of the same origin that this one replaces.
    pub supersedes: Vec<RecordId>,
}

impl Held {
    /// Whether it came from, or was given back by, this partner.
    #[must_use]
    pub fn came_from(&self, economy: &EconomyId) -> bool {
        match &self.source {
            Source::Own => false,
            Source::Partner(delivered) => delivered.from == *economy,
            Source::Returned { .. } => false,
        }
    }

    /// What it says of its author.
    #[must_use]
    pub fn claim(&self) -> Claim {
        let RecordFacts { id, origin, author, kind, floor, .. } = &self.facts;
        let (signed_at, floor) = (self.signed_at, floor.tlp);
        let restricts = restricts(*kind, self.body.as_deref());
        let (record, origin, author, kind) = (*id, *origin, *author, *kind);
        Claim { record, origin, author, signed_at, kind, floor, restricts }
    }

    /// When it was first seen, and whether its origin itself delivered it, then or later.
    #[must_use]
    pub fn first_seen(&self) -> FirstSeen {
        if self.from_origin {
            FirstSeen::from_origin(self.entered_at)
        } else {
            FirstSeen::relayed(self.entered_at)
        }
    }

    /// Whether it is in quarantine, and nobody has decided that it is to stay there.
    #[must_use]
    pub fn is_set_aside(&self) -> bool {
        self.facts.quarantined && !self.decided
    }

    /// Whether this part is here.
    #[must_use]
    pub fn has_part(&self, part: &PartDigest) -> bool {
        self.sizes.contains_key(part)
    }

    /// What a delivery of these parts weighs on a link.
    #[must_use]
    pub fn load(&self, parts: &[PartDigest]) -> Load {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let parts = parts.iter().filter_map(|part| self.sizes.get(part));
        Load::of(size(self.signed_bytes), parts.copied().map(size))
    }

    /// The records that a withdrawal names; none for any other kind.
    #[must_use]
    pub fn targets(&self) -> Vec<RecordId> {
        let body = self.body.as_deref().filter(|_| self.facts.kind == Kind::Withdrawal);
        body.and_then(|body| WithdrawalBody::decode(body).ok())
            .map(|body| body.records)
            .unwrap_or_default()
    }

    /// The economies alone that a withdrawal concerns; none where it is everybody's.
    #[must_use]
    pub fn withdraws_from(&self) -> Vec<EconomyId> {
        let body = self.body.as_deref().filter(|_| self.facts.kind == Kind::Withdrawal);
        let body = body.and_then(|body| WithdrawalBody::decode(body).ok());
        body.map(|body| body.from).unwrap_or_default()
    }

    /// Whether nothing speaks against it.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.standing == Standing::Accepted
    }
}

/// A target of a withdrawal that has not come, or has come and gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// Who withdrew it: only the record's own origin counts.
    pub origin: EconomyId,
    /// The withdrawal.
    pub by: RecordId,
    /// The first that asks that it be destroyed as well.
    pub recall: Option<RecordId>,
}
