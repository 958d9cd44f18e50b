//! Real records, released by the real decision.

use std::sync::LazyLock;

use bytes::Bytes;
use comity_core::agreement::Tier;
use comity_core::identity::{EconomyId, EpochId, PartDigest};
use comity_core::ledger::LedgerEntry;
use comity_core::policy::{PolicySnapshot, TrustLevel};
use comity_core::record::{Composed, Draft, Header};
use comity_core::sign::SecretKey;
use comity_core::test_util::SeededEntropy;
use comity_core::test_util::policy::{Line, deliver, pair};
use comity_core::{Delivery, Kind, Marking, Section, Timestamp, Tlp};

use crate::arrival::PartBody;
use crate::load::Load;

/// The small side of the pair, and the large one.
pub(crate) const SIDES: [EconomyId; 2] = [EconomyId([0x11; 32]), EconomyId([0xee; 32])];

/// The time at which every world starts.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_795_298_489);

/// Kinds of records by what they ask of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// One small part, within the batch.
    Small,
    /// One part of one chunk.
    Medium,
    /// Many small parts, too many for one batch.
    Many,
    /// One part of three chunks.
    Large,
    /// Two parts of more than one chunk, and one within the batch.
    Two,
}

impl Sample {
    pub(crate) const ALL: [Self; 5] =
        [Self::Small, Self::Medium, Self::Many, Self::Large, Self::Two];

    /// The lengths of its parts' contents.
    fn lengths(self) -> Vec<usize> {
        match self {
            Self::Small => vec![700],
            Self::Medium => vec![60_000, 300],
            Self::Many => vec![7_500; 40],
            Self::Large => vec![2_500_000],
            Self::Two => vec![1_100_000, 900, 2_200_000],
        }
    }

    fn composed(self) -> &'static Composed {
        static ALL: LazyLock<Vec<Composed>> =
            LazyLock::new(|| Sample::ALL.into_iter().map(compose).collect());
        &ALL[self as usize]
    }

    /// What one delivery of it weighs.
    pub(crate) fn load(self) -> Load {
        let composed = self.composed();
        Load::of(composed.record.signed().len(), composed.parts.iter().map(|part| part.bytes.len()))
    }

    /// Its entry in the ledger.
    pub(crate) fn entry(self, epoch: EpochId, number: u64) -> LedgerEntry {
        static ALL: LazyLock<Vec<LedgerEntry>> = LazyLock::new(|| {
            let entry = |sample| delivery(sample, SIDES[1], EpochId([0; 16]), 1).entry().clone();
            Sample::ALL.into_iter().map(entry).collect()
        });
        LedgerEntry { epoch, number, ..ALL[self as usize].clone() }
    }

    /// The signed record.
    pub(crate) fn signed(self) -> Bytes {
        self.composed().record.signed().clone()
    }

    /// The parts, in the entry's order.
    pub(crate) fn parts(self) -> Vec<(PartDigest, Bytes)> {
        let parts = self.composed().parts.iter();
        let mut parts: Vec<_> = parts.map(|part| (part.digest, part.bytes.clone())).collect();
        parts.sort_by_key(|(digest, _)| *digest);
        parts
    }

    /// The parts as they arrive.
    pub(crate) fn bodies(self) -> Vec<(PartDigest, PartBody)> {
        self.parts().into_iter().map(|(part, bytes)| (part, PartBody::Here(bytes))).collect()
    }
}

fn compose(sample: Sample) -> Composed {
    let mut draft = Draft::new(Kind::Advisory);
    draft.marking = Some(Marking::new(Tlp::Clear));
    for length in sample.lengths() {
        let content = (0..length).map(|at| (at % 251) as u8).collect();
        draft.parts.push((Header::new(Section::Summary, "text/plain"), content));
    }
    let key = SecretKey::from_seed(&[7; 32]);
    let mut entropy = SeededEntropy::new(sample as u64);
    draft.sign(&key, EconomyId([0x77; 32]), START, &mut entropy).unwrap()
}

/// The delivery of `sample` to `to`, decided and released by the other side.
pub(crate) fn delivery(sample: Sample, to: EconomyId, epoch: EpochId, number: u64) -> Delivery {
    static SNAPSHOTS: LazyLock<[PolicySnapshot; 2]> =
        LazyLock::new(|| pair(SIDES[0], SIDES[1], Tier::Paired, TrustLevel::Public));
    let from = usize::from(to == SIDES[0]);
    let Composed { record, parts } = sample.composed();
    deliver(&SNAPSHOTS[from], record, parts, to, Line { epoch, number }, START).unwrap()
}
