//! Items made of items: arrays, sets, maps, and whatever is passed over.

use super::{Fault, Head, Problem, Reader};
use crate::limits;

impl<'a> Reader<'a> {
    /// An array of exactly `length` items, which follow; [`Reader::leave`] ends it.
    pub fn tuple(&mut self, length: usize) -> Result<(), Fault> {
        let start = self.offset;
        let problem = match self.array(usize::MAX)?.cmp(&length) {
            std::cmp::Ordering::Less => Problem::MissingField,
            std::cmp::Ordering::Greater => Problem::UnknownField,
            std::cmp::Ordering::Equal => return Ok(()),
        };
        Err(Fault { offset: start, problem })
    }

    /// A set: an array of 1 to `limit` items in strictly ascending order. An empty set is left out
    /// where it may be, so that it has one encoding.
    pub fn set<T: Ord>(
        &mut self,
        limit: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let start = self.offset;
        let mut items: Vec<T> = Vec::new();
        for _ in 0..self.array(limit)? {
            let item_start = self.offset;
            let next = item(self)?;
            let problem = match items.last().map(|last| last.cmp(&next)) {
                Some(std::cmp::Ordering::Equal) => Problem::DuplicateKey,
                Some(std::cmp::Ordering::Greater) => Problem::UnsortedKeys,
                Some(std::cmp::Ordering::Less) | None => {
                    items.push(next);
                    continue;
                }
            };
            return Err(Fault { offset: item_start, problem });
        }
        self.leave();
        if items.is_empty() {
            return Err(Fault { offset: start, problem: Problem::Empty });
        }
        Ok(items)
    }

    /// An array's length, at most `limit`; its items follow and [`Reader::leave`] ends it.
    pub fn array(&mut self, limit: usize) -> Result<usize, Fault> {
        self.container(4, 1, limit)
    }

    /// A map with unsigned keys, of at most `limit` pairs.
    pub fn map(&mut self, limit: usize) -> Result<MapReader, Fault> {
        let remaining = self.container(5, 2, limit)?;
        Ok(MapReader { remaining, last: None })
    }

    /// Ends an array or a map that was entered.
    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Reads one array of at most `limit` items with `item`.
    pub fn list<T>(
        &mut self,
        limit: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let length = self.array(limit)?;
        let mut items = Vec::with_capacity(length.min(limits::LIST));
        for _ in 0..length {
            items.push(item(self)?);
        }
        self.leave();
        Ok(items)
    }

    /// Passes over one item of any type, checking it as strictly as any other, and returns its bytes.
    pub fn skip(&mut self) -> Result<&'a [u8], Fault> {
        let start = self.offset;
        self.skip_item()?;
        self.input
            .get(start..self.offset)
            .ok_or(Fault { offset: start, problem: Problem::Truncated })
    }

    /// Passes over one item of any type, and returns every text string in it, in the order in which they stand.
    pub fn texts(&mut self) -> Result<Vec<&'a str>, Fault> {
        let mut texts = Vec::new();
        self.pass(&mut |text| texts.push(text))?;
        Ok(texts)
    }

    fn skip_item(&mut self) -> Result<(), Fault> {
        self.pass(&mut |_text| {})
    }

    fn pass(&mut self, seen: &mut impl FnMut(&'a str)) -> Result<(), Fault> {
        let start = self.offset;
        let major = self.peek_major()?;
        match major {
            2 => self.bytes(usize::MAX).map(drop),
            3 => self.text(usize::MAX).map(seen),
            4 => {
                for _ in 0..self.array(usize::MAX)? {
                    self.pass(seen)?;
                }
                self.leave();
                Ok(())
            }
            5 => self.pass_map(seen),
            0 | 1 => self.head().map(drop),
            _ => match self.head()? {
                Head { major: 7, value: 20..=22 } => Ok(()),
                _ => Err(Fault { offset: start, problem: Problem::Simple }),
            },
        }
    }

    /// A map with keys of any type: sorted by their encodings (RFC 8949 section 4.2.1).
    fn pass_map(&mut self, seen: &mut impl FnMut(&'a str)) -> Result<(), Fault> {
        let mut last: Option<&'a [u8]> = None;
        for _ in 0..self.container(5, 2, usize::MAX)? {
            let start = self.offset;
            self.pass(seen)?;
            let cut = Fault { offset: start, problem: Problem::Truncated };
            let key = self.input.get(start..self.offset).ok_or(cut)?;
            match last.map(|last| last.cmp(key)) {
                Some(std::cmp::Ordering::Equal) => {
                    return Err(Fault { offset: start, problem: Problem::DuplicateKey });
                }
                Some(std::cmp::Ordering::Greater) => {
                    return Err(Fault { offset: start, problem: Problem::UnsortedKeys });
                }
                Some(std::cmp::Ordering::Less) | None => last = Some(key),
            }
            self.pass(seen)?;
        }
        self.leave();
        Ok(())
    }

    fn container(&mut self, major: u8, items_each: u64, limit: usize) -> Result<usize, Fault> {
        let start = self.offset;
        let wrong = |problem| Fault { offset: start, problem };
        let length = self.expect_major(major)?;
        if self.depth >= limits::DEPTH {
            return Err(wrong(Problem::TooDeep));
        }
        // Every item takes a byte at least, so a length beyond the input is known at once.
        if length.saturating_mul(items_each) > self.left() {
            return Err(wrong(Problem::LengthBeyondInput));
        }
        let length = usize::try_from(length).map_err(|_too_wide| wrong(Problem::OverLimit))?;
        if length > limit {
            return Err(wrong(Problem::OverLimit));
        }
        self.depth += 1;
        Ok(length)
    }
}

/// Walks the keys of a map with unsigned keys, in strictly ascending order.
#[derive(Debug)]
pub struct MapReader {
    remaining: usize,
    last: Option<u64>,
}

impl MapReader {
    /// The next key, whose value the caller reads; `None` after the last, and the map is left.
    pub fn next_key(&mut self, reader: &mut Reader<'_>) -> Result<Option<u64>, Fault> {
        if self.remaining == 0 {
            reader.leave();
            return Ok(None);
        }
        self.remaining -= 1;
        let start = reader.offset;
        let key = reader.uint()?;
        let problem = match self.last {
            Some(last) if last == key => Some(Problem::DuplicateKey),
            Some(last) if last > key => Some(Problem::UnsortedKeys),
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(Fault { offset: start, problem });
        }
        self.last = Some(key);
        Ok(Some(key))
    }
}
