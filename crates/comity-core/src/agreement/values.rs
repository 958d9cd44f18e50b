//! Sets over the closed vocabularies, small enough to copy.

use std::fmt;
use std::marker::PhantomData;

use crate::vocabulary::{Class, Kind, Section};

/// A value of a closed vocabulary.
pub trait Value: Copy + fmt::Display + 'static {
    /// Every value that this version knows.
    const KNOWN: &'static [Self];

    /// The value's bit; `None` for a value that this version does not know.
    fn bit(self) -> Option<u32>;

    /// The value with this name.
    fn named(name: &str) -> Option<Self>;
}

macro_rules! value {
    ($name:ident) => {
        impl Value for $name {
            const KNOWN: &'static [Self] = Self::ALL;

            fn bit(self) -> Option<u32> {
                let code = u32::try_from(self.code()).ok().filter(|_| self.is_known())?;
                1_u32.checked_shl(code)
            }

            fn named(name: &str) -> Option<Self> {
                Self::from_name(name)
            }
        }
    };
}

value!(Kind);
value!(Section);
value!(Class);

/// A set of known values. An unknown value is in no set.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ValueSet<T> {
    bits: u32,
    of: PhantomData<T>,
}

impl<T: Value> ValueSet<T> {
    /// No value.
    #[must_use]
    pub const fn none() -> Self {
        Self { bits: 0, of: PhantomData }
    }

    /// Every known value.
    #[must_use]
    pub fn all() -> Self {
        T::KNOWN.iter().copied().collect()
    }

    /// Whether `value` is in it.
    #[must_use]
    pub fn contains(self, value: T) -> bool {
        value.bit().is_some_and(|bit| self.bits & bit != 0)
    }

    /// Whether no value is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The values of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { bits: self.bits & other.bits, of: PhantomData }
    }

    /// The values of either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits, of: PhantomData }
    }

    /// The values of this that `other` has not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self { bits: self.bits & !other.bits, of: PhantomData }
    }

    /// The values, in the vocabulary's order.
    pub fn iter(self) -> impl Iterator<Item = T> {
        T::KNOWN.iter().copied().filter(move |value| self.contains(*value))
    }
}

impl<T: Value> FromIterator<T> for ValueSet<T> {
    /// Unknown values are dropped: what asks for one has to look for it itself.
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let bits = values.into_iter().filter_map(T::bit).fold(0, |bits, bit| bits | bit);
        Self { bits, of: PhantomData }
    }
}

/// `summary, mitigation`.
impl<T: Value> fmt::Display for ValueSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{value}")?;
        }
        Ok(())
    }
}

impl<T: Value> fmt::Debug for ValueSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_value_is_in_no_set() {
        assert!(!ValueSet::<Section>::all().contains(Section::Unknown(0)));
        assert!(!ValueSet::<Kind>::all().contains(Kind::Unknown(99)));
        assert!(ValueSet::<Kind>::all().contains(Kind::Acknowledgement));
        assert!([Class::Unknown(7)].into_iter().collect::<ValueSet<_>>().is_empty());
    }

    #[test]
    fn reads_as_a_list() {
        let set: ValueSet<Section> = [Section::Mitigation, Section::Summary].into_iter().collect();
        assert_eq!(set.to_string(), "summary, mitigation");
    }
}
