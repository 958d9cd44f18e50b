//! A marking as it travels: `{0 tlp, 1 pap, 2 categories, 3 community, 4 release at, 5 embargo until,
//! 6 expires, 7 onward, 8 exercise}`, each but the first absent when it limits nothing.

use super::{Marking, Onward, Pap, Tlp};
use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::identity::GroupId;
use crate::limits;

/// A key that no version of the format will use. An unknown marking is written with it, so that a
/// marking which was read as unknown is never written as a looser one that is known.
const UNKNOWN: u64 = 255;

impl Marking {
    /// Deterministic CBOR.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.into_bytes()
    }

    /// Appends the map to `writer`.
    pub fn write(&self, writer: &mut Writer) {
        let within = self.onward == Onward::WithinMarking;
        let optional = [
            self.pap.is_some(),
            !self.categories.is_empty(),
            self.community.is_some(),
            self.release_at.is_some(),
            self.embargo_until.is_some(),
            self.expires.is_some(),
            !within,
            self.exercise.is_some(),
            self.unknown,
        ];
        writer.map(1 + optional.iter().filter(|present| **present).count());
        writer.key(0).uint(self.tlp.code());
        if let Some(pap) = self.pap {
            writer.key(1).uint(pap.code());
        }
        if !self.categories.is_empty() {
            writer.key(2).array(self.categories.len());
            for category in &self.categories {
                writer.text(category);
            }
        }
        if let Some(community) = self.community {
            writer.key(3).bytes(community.as_bytes());
        }
        for (key, instant) in [(4, self.release_at), (5, self.embargo_until), (6, self.expires)] {
            if let Some(instant) = instant {
                writer.key(key).uint(instant.as_millis());
            }
        }
        if !within {
            writer.key(7).uint(self.onward.code());
        }
        if let Some(exercise) = &self.exercise {
            writer.key(8).text(exercise);
        }
        if self.unknown {
            writer.key(UNKNOWN).bool(true);
        }
    }

    /// Reads one marking.
    ///
    /// A key or a number of a later version does not fail: it makes the marking `unknown`, with the
    /// strictest value in the place of the one that is not known.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut tlp = None;
        let mut marking = Self::new(Tlp::Red);
        let mut keys = reader.map(limits::LIST)?;
        while let Some(key) = keys.next_key(reader)? {
            match key {
                0 => tlp = Some(Tlp::from_code(reader.uint()?)),
                1 => marking.pap = Some(marking.known(Pap::from_code(reader.uint()?), Pap::Red)),
                2 => marking.categories = read_categories(reader)?,
                3 => marking.community = Some(GroupId(reader.array_of()?)),
                4 => marking.release_at = Some(reader.timestamp()?),
                5 => marking.embargo_until = Some(reader.timestamp()?),
                6 => marking.expires = Some(reader.timestamp()?),
                7 => marking.onward = marking.read_onward(reader)?,
                8 => marking.exercise = Some(reader.label(limits::TEXT_BYTES)?.to_owned()),
                _ => {
                    reader.skip()?;
                    marking.unknown = true;
                }
            }
        }
        let tlp = tlp.ok_or_else(|| reader.fault(Problem::MissingField))?;
        marking.tlp = marking.known(tlp, Tlp::Red);
        Ok(marking)
    }

    /// Reads bytes that are one marking and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes);
        let marking = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(marking)
    }

    fn read_onward(&mut self, reader: &mut Reader<'_>) -> Result<Onward, Fault> {
        let redundant = reader.fault(Problem::Redundant);
        match self.known(Onward::from_code(reader.uint()?), Onward::None) {
            Onward::WithinMarking => Err(redundant),
            onward @ (Onward::Ask | Onward::None) => Ok(onward),
        }
    }

    fn known<T>(&mut self, value: Option<T>, strictest: T) -> T {
        self.unknown |= value.is_none();
        value.unwrap_or(strictest)
    }
}

fn read_categories(reader: &mut Reader<'_>) -> Result<std::collections::BTreeSet<String>, Fault> {
    let categories = reader
        .set(limits::CATEGORIES, |reader| reader.label(limits::TEXT_BYTES).map(str::to_owned))?;
    Ok(categories.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_util::markings;

    proptest! {
        #[test]
        fn a_marking_is_read_as_written(marking in markings()) {
            prop_assert_eq!(Marking::decode(&marking.encode()), Ok(marking));
        }

        #[test]
        fn the_meet_is_the_greatest_lower_bound(
            one in markings(), two in markings(), three in markings(),
        ) {
            let meet = one.meet(&two);
            prop_assert!(one.at_least(&meet) && two.at_least(&meet));
            prop_assert_eq!(&two.meet(&one), &meet);
            let lower = meet.meet(&three);
            prop_assert!(one.at_least(&lower) && two.at_least(&lower));
            if one.at_least(&three) && two.at_least(&three) {
                prop_assert!(meet.at_least(&three));
            }
        }

        #[test]
        fn the_join_is_an_upper_bound(one in markings(), two in markings()) {
            let join = one.join(&two);
            prop_assert!(join.unknown || (join.at_least(&one) && join.at_least(&two)));
        }
    }

    #[test]
    fn later_versions_are_read_as_unknown_and_strict() {
        let cases: [(&[u8], Marking); 4] = [
            (&[0xa1, 0, 9], Marking::new(Tlp::Red)),
            (&[0xa2, 0, 0, 1, 9], Marking { pap: Some(Pap::Red), ..Marking::new(Tlp::Clear) }),
            (&[0xa2, 0, 0, 7, 9], Marking { onward: Onward::None, ..Marking::new(Tlp::Clear) }),
            (&[0xa2, 0, 0, 9, 0x80], Marking::new(Tlp::Clear)),
        ];
        for (bytes, expected) in cases {
            let expected = Marking { unknown: true, ..expected };
            let read = Marking::decode(bytes);
            assert_eq!(read.as_ref(), Ok(&expected));
            let again = read.map(|marking| marking.encode()).unwrap_or_default();
            assert_eq!(Marking::decode(&again), Ok(expected));
        }
    }

    #[test]
    fn a_value_has_one_encoding() {
        let problem = |bytes: &[u8]| Marking::decode(bytes).map_err(|fault| fault.problem);
        assert_eq!(problem(&[0xa2, 0, 0, 7, 0]), Err(Problem::Redundant));
        assert_eq!(problem(&[0xa2, 0, 0, 2, 0x80]), Err(Problem::Empty));
        assert_eq!(problem(&[0xa0]), Err(Problem::MissingField));
        assert_eq!(
            problem(&[0xa2, 0, 0, 2, 0x82, 0x61, b'b', 0x61, b'a']),
            Err(Problem::UnsortedKeys)
        );
        assert_eq!(
            problem(&[0xa2, 0, 0, 2, 0x82, 0x61, b'b', 0x61, b'b']),
            Err(Problem::DuplicateKey)
        );
        assert_eq!(problem(&[0xa2, 0, 0, 8, 0x61, 7]), Err(Problem::BadText));
        let late = [0xa2, 0, 0, 4, 0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(problem(&late), Err(Problem::OutOfRange));
    }
}
