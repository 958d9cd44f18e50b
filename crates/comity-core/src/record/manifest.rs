//! The manifest: what is signed, and travels whole.

use crate::identity::{EconomyId, KeyId, PartDigest, RecordId};
use crate::limits;
use crate::marking::Marking;
use crate::time::Timestamp;
use crate::vocabulary::{Kind, State, Urgency};

/// The signed face of a record. It names no case, no title and no recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What the record is.
    pub kind: Kind,
    /// Whether more is to come.
    pub state: State,
    /// The economy that it comes from.
    pub origin: EconomyId,
    /// The key that signs it.
    pub author: KeyId,
    /// When it was signed, by the author's clock.
    pub signed_at: Timestamp,
    /// How soon it should be read.
    pub urgency: Urgency,
    /// The loosest marking that any part has.
    pub floor: Marking,
    /// Whether it is for those only whom addressee parts name.
    pub addressed: bool,
    /// Records of the same origin that this one replaces, ascending.
    pub supersedes: Vec<RecordId>,
    /// The parts and the padding, ascending by digest; a power of two of them, or none for a control kind.
    pub parts: Vec<PartEntry>,
    /// The body of a control kind: one item of deterministic CBOR.
    pub body: Option<Vec<u8>>,
    /// Whether anything was met that this version does not know, the kind, the state, the urgency or a
    /// value of the floor included: such a record is stored and never released.
    pub unknown: bool,
}

/// One line of a manifest: a part or padding, which look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartEntry {
    /// The part's digest, or random bytes.
    pub digest: PartDigest,
    /// The size that the part has at most.
    pub size: SizeClass,
}

/// A power of two from 1 KiB: a part's size rounded up. Class `c` stands for 2^(10+c) bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SizeClass(u8);

impl SizeClass {
    /// The largest class: [`limits::PART_BYTES`].
    pub const MAX: Self = Self(16);

    /// The class of a part of `length` bytes; `None` above the limit.
    #[must_use]
    pub fn of(length: usize) -> Option<Self> {
        if length > limits::PART_BYTES {
            return None;
        }
        let rounded = length.max(limits::SMALLEST_SIZE_CLASS).next_power_of_two();
        u8::try_from(rounded.trailing_zeros().saturating_sub(10)).ok().map(Self)
    }

    /// The number in the format.
    #[must_use]
    pub const fn code(self) -> u64 {
        self.0 as u64
    }

    /// The class with this number.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        u8::try_from(code).ok().filter(|code| *code <= Self::MAX.0).map(Self)
    }

    /// The most bytes that a part of this class has.
    #[must_use]
    pub const fn bytes(self) -> usize {
        limits::SMALLEST_SIZE_CLASS << self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_what_is_rounded_up_to_it() {
        assert_eq!(SizeClass::of(0), SizeClass::of(1024));
        assert_eq!(SizeClass::of(1025).map(SizeClass::bytes), Some(2048));
        assert_eq!(SizeClass::of(limits::PART_BYTES), Some(SizeClass::MAX));
        assert_eq!(SizeClass::of(limits::PART_BYTES + 1), None);
    }
}
