//! Markings: what an originator allows others to do with a part.

mod codec;

use std::collections::BTreeSet;
use std::fmt;

use crate::identity::GroupId;
use crate::time::Timestamp;

/// Traffic Light Protocol 2.0 (FIRST, August 2022), from the loosest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tlp {
    /// No limit on disclosure.
    Clear,
    /// Limited to the community.
    Green,
    /// Limited to the recipient's organisation and its clients, by need to know.
    Amber,
    /// Limited to the recipient's organisation.
    AmberStrict,
    /// For the eyes of the named recipients only.
    Red,
}

impl Tlp {
    /// From the loosest to the strictest.
    pub const ALL: [Self; 5] =
        [Self::Clear, Self::Green, Self::Amber, Self::AmberStrict, Self::Red];

    /// The number in the format.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Clear => 0,
            Self::Green => 1,
            Self::Amber => 2,
            Self::AmberStrict => 3,
            Self::Red => 4,
        }
    }

    /// The label with this number; `None` when a later version of the format uses it.
    #[must_use]
    pub const fn from_code(code: u64) -> Option<Self> {
        match code {
            0 => Some(Self::Clear),
            1 => Some(Self::Green),
            2 => Some(Self::Amber),
            3 => Some(Self::AmberStrict),
            4 => Some(Self::Red),
            _ => None,
        }
    }

    /// Reads `amber`, `AMBER+STRICT`, `TLP:RED`; `WHITE` of TLP 1 is CLEAR.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        match upper.strip_prefix("TLP:").unwrap_or(&upper) {
            "CLEAR" | "WHITE" => Some(Self::Clear),
            "GREEN" => Some(Self::Green),
            "AMBER" => Some(Self::Amber),
            "AMBER+STRICT" | "AMBER-STRICT" => Some(Self::AmberStrict),
            "RED" => Some(Self::Red),
            _ => None,
        }
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Clear => "CLEAR",
            Self::Green => "GREEN",
            Self::Amber => "AMBER",
            Self::AmberStrict => "AMBER+STRICT",
            Self::Red => "RED",
        })
    }
}

/// Permissible Actions Protocol, from the loosest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pap {
    /// Any action.
    Clear,
    /// Active actions are allowed.
    Green,
    /// Passive cross-checks only.
    Amber,
    /// Non-detectable actions only.
    Red,
}

impl Pap {
    /// The number in the format.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Clear => 0,
            Self::Green => 1,
            Self::Amber => 2,
            Self::Red => 3,
        }
    }

    /// The label with this number.
    #[must_use]
    pub const fn from_code(code: u64) -> Option<Self> {
        match code {
            0 => Some(Self::Clear),
            1 => Some(Self::Green),
            2 => Some(Self::Amber),
            3 => Some(Self::Red),
            _ => None,
        }
    }

    /// From the loosest to the strictest.
    pub const ALL: [Self; 4] = [Self::Clear, Self::Green, Self::Amber, Self::Red];

    /// Reads `amber`, `PAP:RED`; `WHITE` of PAP 1 is CLEAR.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        match upper.strip_prefix("PAP:").unwrap_or(&upper) {
            "CLEAR" | "WHITE" => Some(Self::Clear),
            "GREEN" => Some(Self::Green),
            "AMBER" => Some(Self::Amber),
            "RED" => Some(Self::Red),
            _ => None,
        }
    }
}

impl fmt::Display for Pap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Clear => "CLEAR",
            Self::Green => "GREEN",
            Self::Amber => "AMBER",
            Self::Red => "RED",
        })
    }
}

/// What a recipient may do about passing a part on, from the loosest to the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Onward {
    /// As far as the marking goes.
    WithinMarking,
    /// After the origin's consent.
    #[default]
    Ask,
    /// Never.
    None,
}

impl Onward {
    /// The number in the format.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::WithinMarking => 0,
            Self::Ask => 1,
            Self::None => 2,
        }
    }

    /// The value with this number.
    #[must_use]
    pub const fn from_code(code: u64) -> Option<Self> {
        match code {
            0 => Some(Self::WithinMarking),
            1 => Some(Self::Ask),
            2 => Some(Self::None),
            _ => None,
        }
    }
}

impl fmt::Display for Onward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WithinMarking => "within marking",
            Self::Ask => "ask",
            Self::None => "none",
        })
    }
}

/// A marking: the manifest's floor, or a part's own, which is only ever stricter.
///
/// In each dimension there is a stricter-than order; [`Marking::join`] is the least upper bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Marking {
    /// How far it may go.
    pub tlp: Tlp,
    /// What may be done with it. Absent: no limit.
    pub pap: Option<Pap>,
    /// Subject categories, each of which an agreement must admit. More are stricter.
    pub categories: BTreeSet<String>,
    /// The community of TLP:GREEN. Absent: partners whose agreement admits GREEN.
    pub community: Option<GroupId>,
    /// Nobody before this instant.
    pub release_at: Option<Timestamp>,
    /// Partners at once; no onward, public or constituent exit before this instant.
    pub embargo_until: Option<Timestamp>,
    /// Nobody from this instant on.
    pub expires: Option<Timestamp>,
    /// Passing on.
    pub onward: Onward,
    /// Name of the exercise that this belongs to.
    pub exercise: Option<String>,
    /// Whether a key or a value was met that this version does not know: such a marking is never released.
    pub unknown: bool,
}

impl Marking {
    /// Only a TLP label; passing on within it.
    #[must_use]
    pub fn new(tlp: Tlp) -> Self {
        Self {
            tlp,
            pap: None,
            categories: BTreeSet::new(),
            community: None,
            release_at: None,
            embargo_until: None,
            expires: None,
            onward: Onward::WithinMarking,
            exercise: None,
            unknown: false,
        }
    }

    /// The loosest marking that is at least as strict as both. Two different communities or exercises
    /// have none: the result then keeps `self`'s and is `unknown`.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let clash = clash(self.community.as_ref(), other.community.as_ref())
            || clash(self.exercise.as_ref(), other.exercise.as_ref());
        Self {
            tlp: self.tlp.max(other.tlp),
            pap: self.pap.max(other.pap),
            categories: self.categories.union(&other.categories).cloned().collect(),
            community: self.community.or(other.community),
            release_at: self.release_at.max(other.release_at),
            embargo_until: self.embargo_until.max(other.embargo_until),
            expires: [self.expires, other.expires].into_iter().flatten().min(),
            onward: self.onward.max(other.onward),
            exercise: self.exercise.clone().or_else(|| other.exercise.clone()),
            unknown: self.unknown || other.unknown || clash,
        }
    }

    /// The strictest marking that is at most as strict as both: what a manifest may say of all its parts.
    ///
    /// A limit that only one of the two has is dropped, as are two different communities or exercises.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            tlp: self.tlp.min(other.tlp),
            pap: self.pap.min(other.pap),
            categories: self.categories.intersection(&other.categories).cloned().collect(),
            community: self.community.filter(|own| other.community == Some(*own)),
            release_at: self.release_at.min(other.release_at),
            embargo_until: self.embargo_until.min(other.embargo_until),
            expires: self.expires.zip(other.expires).map(|(one, two)| one.max(two)),
            onward: self.onward.min(other.onward),
            exercise: self.exercise.clone().filter(|own| other.exercise.as_ref() == Some(own)),
            unknown: self.unknown && other.unknown,
        }
    }

    /// Whether this is at least as strict as `floor` in every dimension.
    #[must_use]
    pub fn at_least(&self, floor: &Self) -> bool {
        self.join(floor) == *self
    }
}

fn clash<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_release_and_earlier_expiry_are_stricter() {
        let floor = Marking {
            release_at: Some(Timestamp::from_secs(10)),
            expires: Some(Timestamp::from_secs(20)),
            ..Marking::new(Tlp::Green)
        };
        let own = Marking {
            release_at: Some(Timestamp::from_secs(11)),
            expires: Some(Timestamp::from_secs(19)),
            ..Marking::new(Tlp::Amber)
        };
        assert!(own.at_least(&floor));
        assert!(!floor.at_least(&own));
        assert!(!Marking::new(Tlp::Red).at_least(&floor));
    }

    #[test]
    fn white_of_tlp_1_is_clear() {
        assert_eq!(Tlp::from_name("TLP:WHITE"), Some(Tlp::Clear));
        assert_eq!(Tlp::from_name("amber+strict"), Some(Tlp::AmberStrict));
        assert_eq!(Tlp::from_name("mauve"), None);
        assert_eq!(Pap::from_name("PAP:WHITE"), Some(Pap::Clear));
        for pap in Pap::ALL {
            assert_eq!(Pap::from_name(&pap.to_string()), Some(pap));
        }
        assert_eq!(Pap::from_name("AMBER+STRICT"), None);
    }
}
