//! Reads deterministic CBOR and nothing else.

mod compound;

use super::{Fault, Problem};
use crate::time::Timestamp;

pub use compound::MapReader;

/// A cursor over deterministic CBOR.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    input: &'a [u8],
    offset: usize,
    depth: usize,
}

#[derive(Clone, Copy)]
struct Head {
    major: u8,
    value: u64,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `input`.
    #[must_use]
    pub fn new(input: &'a [u8]) -> Self {
        Self { input, offset: 0, depth: 0 }
    }

    /// Bytes read so far.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// A fault at the current position.
    #[must_use]
    pub fn fault(&self, problem: Problem) -> Fault {
        Fault { offset: self.offset, problem }
    }

    /// Ends the reading: nothing may follow.
    pub fn finish(self) -> Result<(), Fault> {
        if self.offset == self.input.len() {
            Ok(())
        } else {
            Err(self.fault(Problem::TrailingBytes))
        }
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64, Fault> {
        self.expect_major(0)
    }

    /// A signed integer that fits 64 bits.
    pub fn int(&mut self) -> Result<i64, Fault> {
        let start = self.offset;
        let head = self.head()?;
        let wrong = |problem| Fault { offset: start, problem };
        let value = i64::try_from(head.value).map_err(|_too_wide| wrong(Problem::OutOfRange))?;
        match head.major {
            0 => Ok(value),
            1 => Ok(-1 - value),
            _ => Err(wrong(Problem::UnexpectedType)),
        }
    }

    /// A boolean.
    pub fn bool(&mut self) -> Result<bool, Fault> {
        let start = self.offset;
        match self.head()? {
            Head { major: 7, value: 20 } => Ok(false),
            Head { major: 7, value: 21 } => Ok(true),
            _ => Err(Fault { offset: start, problem: Problem::UnexpectedType }),
        }
    }

    /// A byte string of at most `limit` bytes.
    pub fn bytes(&mut self, limit: usize) -> Result<&'a [u8], Fault> {
        let start = self.offset;
        let length = self.expect_major(2)?;
        self.take(start, length, limit)
    }

    /// A byte string of exactly `N` bytes.
    pub fn array_of<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let start = self.offset;
        let bytes = self.bytes(usize::MAX)?;
        bytes
            .try_into()
            .map_err(|_other_length| Fault { offset: start, problem: Problem::OutOfRange })
    }

    /// A text string of at most `limit` bytes.
    pub fn text(&mut self, limit: usize) -> Result<&'a str, Fault> {
        let start = self.offset;
        let length = self.expect_major(3)?;
        let bytes = self.take(start, length, limit)?;
        std::str::from_utf8(bytes)
            .map_err(|_invalid| Fault { offset: start, problem: Problem::InvalidUtf8 })
    }

    /// A text of one line for people or programs: not empty, at most `limit` bytes, without control
    /// characters and without the marks that turn the reading direction (they make names look like others).
    pub fn label(&mut self, limit: usize) -> Result<&'a str, Fault> {
        let start = self.offset;
        let text = self.text(limit)?;
        let problem = match text {
            "" => Problem::Empty,
            _ if !is_label(text) => Problem::BadText,
            _ => return Ok(text),
        };
        Err(Fault { offset: start, problem })
    }

    /// An instant: unsigned milliseconds, at most [`Timestamp::MAX`].
    pub fn timestamp(&mut self) -> Result<Timestamp, Fault> {
        let start = self.offset;
        let milliseconds = self.uint()?;
        if milliseconds > Timestamp::MAX.as_millis() {
            return Err(Fault { offset: start, problem: Problem::OutOfRange });
        }
        Ok(Timestamp::from_millis(milliseconds))
    }

    /// Passes over a null, if the next item is one; whether it was.
    pub fn take_null(&mut self) -> bool {
        let null = self.input.get(self.offset) == Some(&0xf6);
        self.offset += usize::from(null);
        null
    }

    fn expect_major(&mut self, major: u8) -> Result<u64, Fault> {
        let start = self.offset;
        let head = self.head()?;
        if head.major == major {
            Ok(head.value)
        } else {
            Err(Fault { offset: start, problem: Problem::UnexpectedType })
        }
    }

    fn peek_major(&self) -> Result<u8, Fault> {
        self.input.get(self.offset).map(|byte| byte >> 5).ok_or(self.fault(Problem::Truncated))
    }

    fn left(&self) -> u64 {
        self.input.len().saturating_sub(self.offset) as u64
    }

    fn take(&mut self, start: usize, length: u64, limit: usize) -> Result<&'a [u8], Fault> {
        let wrong = |problem| Fault { offset: start, problem };
        if length > self.left() {
            return Err(wrong(Problem::LengthBeyondInput));
        }
        let length = usize::try_from(length).map_err(|_too_wide| wrong(Problem::OverLimit))?;
        if length > limit {
            return Err(wrong(Problem::OverLimit));
        }
        let end = self.offset.saturating_add(length);
        let bytes = self.input.get(self.offset..end).ok_or(wrong(Problem::Truncated))?;
        self.offset = end;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = *self.input.get(self.offset).ok_or(self.fault(Problem::Truncated))?;
        self.offset += 1;
        Ok(byte)
    }

    fn argument<const N: usize>(&mut self) -> Result<u64, Fault> {
        let end = self.offset.saturating_add(N);
        let bytes = self.input.get(self.offset..end).ok_or(self.fault(Problem::Truncated))?;
        self.offset = end;
        Ok(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// RFC 8949 section 3: the initial byte and its argument, in the shortest form only.
    fn head(&mut self) -> Result<Head, Fault> {
        let start = self.offset;
        let wrong = |problem| Fault { offset: start, problem };
        let initial = self.byte()?;
        let (major, info) = (initial >> 5, initial & 0x1f);
        match (major, info) {
            (6, _) => return Err(wrong(Problem::Tag)),
            (7, 25..=27) => return Err(wrong(Problem::Float)),
            (2..=5 | 7, 31) => return Err(wrong(Problem::IndefiniteLength)),
            (7, 20..=22) => return Ok(Head { major, value: u64::from(info) }),
            (7, _) | (_, 28..=31) => return Err(wrong(Problem::Simple)),
            _ => {}
        }
        let (value, least) = match info {
            24 => (self.argument::<1>()?, 24),
            25 => (self.argument::<2>()?, 0x100),
            26 => (self.argument::<4>()?, 0x1_0000),
            27 => (self.argument::<8>()?, 0x1_0000_0000),
            _ => (u64::from(info), 0),
        };
        if value < least {
            return Err(wrong(Problem::LongInteger));
        }
        Ok(Head { major, value })
    }
}

/// Whether a text can stand on one line of a screen as it is; [`Reader::label`] reads nothing else.
#[must_use]
pub fn is_label(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(is_unfit)
}

/// Controls, and the marks that turn the reading direction (Unicode Bidirectional Algorithm, section 2):
/// what may not reach a screen in a text from elsewhere.
#[must_use]
pub fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Default_Ignorable_Code_Point of the Unicode Character Database (version 16), but for what
/// [`is_label`] refuses: a screen shows nothing for them, and two names look alike.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use super::*;

    fn refused(bytes: &[u8]) -> Problem {
        let mut reader = Reader::new(bytes);
        match reader.skip().and_then(|_| reader.finish()) {
            Err(fault) => fault.problem,
            Ok(()) => unreachable!("{bytes:02x?} was read"),
        }
    }

    #[test]
    fn every_way_to_be_wrong_has_its_own_name() {
        assert_eq!(refused(&[]), Problem::Truncated);
        assert_eq!(refused(&[0x18]), Problem::Truncated);
        assert_eq!(refused(&[0x18, 23]), Problem::LongInteger);
        assert_eq!(refused(&[0x19, 0, 24]), Problem::LongInteger);
        assert_eq!(refused(&[0x58, 1, 0]), Problem::LongInteger);
        assert_eq!(refused(&[0x42, 0]), Problem::LengthBeyondInput);
        assert_eq!(
            refused(&[0x9b, 255, 255, 255, 255, 255, 255, 255, 255]),
            Problem::LengthBeyondInput
        );
        assert_eq!(refused(&[0x9f, 0xff]), Problem::IndefiniteLength);
        assert_eq!(refused(&[0xf9, 0x3c, 0]), Problem::Float);
        assert_eq!(refused(&[0xc0, 0]), Problem::Tag);
        assert_eq!(refused(&[0xf7]), Problem::Simple);
        assert_eq!(refused(&[0x61, 0xff]), Problem::InvalidUtf8);
        assert_eq!(refused(&[0xa2, 1, 0, 1, 0]), Problem::DuplicateKey);
        assert_eq!(refused(&[0xa2, 2, 0, 1, 0]), Problem::UnsortedKeys);
        assert_eq!(refused(&[0, 0]), Problem::TrailingBytes);
        assert_eq!(refused(&[[0x81; 16].as_slice(), &[0x81, 0]].concat()), Problem::TooDeep);
    }

    #[test]
    fn reads_what_the_writer_writes() {
        for value in [0, 23, 24, 255, 256, 65_535, 65_536, 1 << 32, u64::MAX] {
            let mut writer = Writer::new();
            writer.uint(value);
            let bytes = writer.into_bytes();
            assert_eq!(Reader::new(&bytes).uint(), Ok(value));
        }
        let mut writer = Writer::new();
        writer.int(-8).bool(true).text("ü").bytes(&[1]);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.int(), Ok(-8));
        assert_eq!(reader.bool(), Ok(true));
        assert_eq!(reader.text(2), Ok("ü"));
        assert_eq!(reader.bytes(1), Ok(&[1][..]));
        assert_eq!(reader.finish(), Ok(()));
    }
    #[test]
    fn finds_every_text_without_the_bytes_around_it() {
        let mut writer = Writer::new();
        writer.map(3).key(0).text("heron").key(1).array(2).text("").text("of the marsh");
        writer.key(2).bytes(b"no text");
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.texts(), Ok(vec!["heron", "", "of the marsh"]));
        assert_eq!(reader.finish(), Ok(()));
        // A name is a text as well.
        assert_eq!(Reader::new(&[0xa1, 0x61, b'a', 0x61, b'b']).texts(), Ok(vec!["a", "b"]));
        let cut = Reader::new(&[0x82, 0x61, b'a']).texts().unwrap_err();
        assert_eq!(cut.problem, Problem::Truncated);
    }
}
