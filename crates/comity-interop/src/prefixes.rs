//! Address to country, by the most specific entry of a table.
//!
//! A table is CSV of one of two forms, which may be mixed: `start,end,country` (the form of the
//! registries' extracts) or `prefix/length,country`. More columns are ignored. The entry with the
//! fewest addresses wins; of two alike, the later line, so that an operator can append corrections.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufRead};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::draft::one_line;
use crate::limits;
use crate::routes::CountryCode;

/// Why a prefix table is not read.
#[derive(Debug, thiserror::Error)]
pub enum PrefixError {
    /// A line that is neither form.
    #[error("line {line} of the prefix table: {what}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// More than [`limits::PREFIXES`] lines.
    #[error("the prefix table has more than {max} lines", max = limits::PREFIXES)]
    TooMany,
    /// Reading failed.
    #[error("line {line} of the prefix table cannot be read: {error}")]
    Read {
        /// The line, from 1.
        line: u64,
        /// Why.
        error: io::Error,
    },
}

/// Address to country.
#[derive(Clone, Debug, Default)]
pub struct PrefixTable {
    v4: Segments<u32>,
    v6: Segments<u128>,
}

impl PrefixTable {
    /// Reads a table. Blank lines, lines after `#` and one line of headings are skipped; any other line
    /// that is not understood refuses the whole table, because a hole in it would misroute rows.
    ///
    /// # Errors
    /// [`PrefixError`].
    pub fn read(input: impl BufRead) -> Result<Self, PrefixError> {
        Self::merge([input])
    }

    /// Reads one table from several files, such as one for IPv4 and one for IPv6; later files are later lines.
    ///
    /// # Errors
    /// [`PrefixError`], with the line in its own file.
    pub fn merge<R: BufRead>(inputs: impl IntoIterator<Item = R>) -> Result<Self, PrefixError> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for mut input in inputs {
            read_lines(&mut input, &mut v4, &mut v6)?;
        }
        Ok(Self { v4: Segments::build(v4), v6: Segments::build(v6) })
    }

    /// The country of an address. An IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`) counts as IPv4.
    #[must_use]
    pub fn country(&self, address: IpAddr) -> Option<CountryCode> {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.find(address.to_bits()),
            IpAddr::V6(address) => self.v6.find(address.to_bits()),
        }
    }

    /// The country of every address of a network; `None` when its first and last address differ.
    #[must_use]
    pub fn country_of_network(&self, network: &str) -> Option<CountryCode> {
        let (first, last) = cidr(network)?;
        self.country(first).filter(|country| self.country(last) == Some(*country))
    }

    /// Runs of addresses in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.v4.starts.len() + self.v6.starts.len()
    }

    /// Whether the table says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One line of a table: first and last address, country.
type Range<T> = (T, T, CountryCode);

fn read_lines(
    input: &mut impl BufRead,
    v4: &mut Vec<Range<u32>>,
    v6: &mut Vec<Range<u128>>,
) -> Result<(), PrefixError> {
    let mut line = 0;
    let mut headings_may_come = true;
    let mut bytes = Vec::new();
    loop {
        line += 1;
        bytes.clear();
        let read = io::Read::take(&mut *input, 4096).read_until(b'\n', &mut bytes);
        if read.map_err(|error| PrefixError::Read { line, error })? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match entry(text) {
            Ok((IpAddr::V4(first), IpAddr::V4(last), country)) => {
                v4.push((first.to_bits(), last.to_bits(), country));
            }
            Ok((IpAddr::V6(first), IpAddr::V6(last), country)) => {
                v6.push((first.to_bits(), last.to_bits(), country));
            }
            Ok(_) => {
                let what = "one address is IPv4 and the other IPv6".to_owned();
                return Err(PrefixError::Line { line, what });
            }
            Err(_) if headings_may_come && !text.contains(|c: char| c.is_ascii_digit()) => {}
            Err(what) => return Err(PrefixError::Line { line, what }),
        }
        headings_may_come = false;
        if v4.len().saturating_add(v6.len()) > limits::PREFIXES {
            return Err(PrefixError::TooMany);
        }
    }
}

fn entry(text: &str) -> Result<(IpAddr, IpAddr, CountryCode), String> {
    let mut fields = text.split(',').map(|field| field.trim().trim_matches('"'));
    let head = fields.next().unwrap_or("");
    let (first, last) = if head.contains('/') {
        cidr(head).ok_or_else(|| format!("`{}` is not a prefix", one_line(head, 64)))?
    } else {
        let first = address(head)?;
        (first, address(fields.next().unwrap_or(""))?)
    };
    if first > last {
        return Err(format!("the range begins at {first}, after its end {last}"));
    }
    let country = fields.next().unwrap_or("");
    let country = CountryCode::new(country).ok_or_else(|| {
        format!(
            "`{}` is not a country code: expected `start,end,KR` or `prefix/length,KR`",
            one_line(country, 64)
        )
    })?;
    Ok((first, last, country))
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().ok().ok_or_else(|| format!("`{}` is not an address", one_line(text, 64)))
}

/// First and last address of `prefix/length`. Bits beyond the length are ignored, as routers do.
fn cidr(text: &str) -> Option<(IpAddr, IpAddr)> {
    let (address, length) = text.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            let bits = address.to_bits();
            (length <= 32).then(|| {
                (Ipv4Addr::from_bits(bits & !host).into(), Ipv4Addr::from_bits(bits | host).into())
            })
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(length).unwrap_or(0);
            let bits = address.to_bits();
            (length <= 128).then(|| {
                (Ipv6Addr::from_bits(bits & !host).into(), Ipv6Addr::from_bits(bits | host).into())
            })
        }
    }
}

/// What the search needs of an address.
trait Bits: Copy + Ord {
    fn next(self) -> Option<Self>;
    fn previous(self) -> Self;
    fn distance(self, to: Self) -> Self;
}

impl Bits for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn previous(self) -> Self {
        self.saturating_sub(1)
    }

    fn distance(self, to: Self) -> Self {
        to.saturating_sub(self)
    }
}

impl Bits for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn previous(self) -> Self {
        self.saturating_sub(1)
    }

    fn distance(self, to: Self) -> Self {
        to.saturating_sub(self)
    }
}

/// Runs of addresses of one country, ascending and disjoint: overlaps are settled when the table is
/// built, so that a look-up is one binary search.
#[derive(Clone, Debug)]
struct Segments<T> {
    starts: Vec<T>,
    ends: Vec<(T, CountryCode)>,
}

impl<T> Default for Segments<T> {
    fn default() -> Self {
        Self { starts: Vec::new(), ends: Vec::new() }
    }
}

impl<T: Bits> Segments<T> {
    fn find(&self, address: T) -> Option<CountryCode> {
        let after = self.starts.partition_point(|start| *start <= address);
        let (end, country) = self.ends.get(after.checked_sub(1)?)?;
        (address <= *end).then_some(*country)
    }

    /// Sweeps over every place where an entry begins or has ended. The heap's top is the entry that
    /// rules there: the fewest addresses, then the latest line.
    fn build(ranges: Vec<Range<T>>) -> Self {
        let mut edges: Vec<T> = ranges.iter().map(|(first, _, _)| *first).collect();
        edges.extend(ranges.iter().filter_map(|(_, last, _)| last.next()));
        edges.sort_unstable();
        edges.dedup();
        let mut waiting: Vec<_> = ranges.into_iter().enumerate().collect();
        waiting.sort_unstable_by_key(|(_, (first, _, _))| Reverse(*first));
        let mut segments = Self::default();
        let mut active = BinaryHeap::new();
        for (at, edge) in edges.iter().enumerate() {
            while let Some((line, (first, last, country))) =
                waiting.pop_if(|(_, (first, _, _))| *first <= *edge)
            {
                active.push((Reverse(first.distance(last)), line, last, country));
            }
            while active.peek().is_some_and(|(_, _, last, _)| last < edge) {
                active.pop();
            }
            if let Some((_, _, last, country)) = active.peek() {
                let until = edges.get(at + 1).map_or(*last, |next| next.previous());
                segments.push(*edge, until, *country);
            }
        }
        segments
    }

    /// Adds a run, or lengthens the last one of the same country that it touches.
    fn push(&mut self, start: T, end: T, country: CountryCode) {
        match self.ends.last_mut() {
            Some((last, same)) if *same == country && last.next() == Some(start) => *last = end,
            Some(_) | None => {
                self.starts.push(start);
                self.ends.push((end, country));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(text: &str) -> PrefixTable {
        PrefixTable::read(text.as_bytes()).unwrap()
    }

    #[track_caller]
    fn check(table: &PrefixTable, address: &str, country: &str) {
        let found =
            table.country(address.parse().unwrap()).map_or(String::from("-"), |c| c.to_string());
        assert_eq!(found, country, "{address}");
    }

    #[test]
    fn both_forms_and_both_families() {
        let table = table(
            "network,country\n# own\n1.0.0.0,1.0.0.255,au\r\n\"10.0.0.0/8\",\"KR\"\n10.1.2.3/16,JP,x\n\
             2001:db8::/32,FJ\n2001:db8:1::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,NZ\n",
        );
        check(&table, "1.0.0.255", "AU");
        check(&table, "1.0.1.0", "-");
        check(&table, "10.1.255.255", "JP");
        check(&table, "10.2.0.0", "KR");
        check(&table, "::ffff:10.0.0.1", "KR");
        check(&table, "2001:db8::1", "FJ");
        check(&table, "2001:db8:1::1", "NZ");
        assert_eq!(table.country_of_network("10.1.0.0/24"), CountryCode::new("JP"));
        assert_eq!(table.country_of_network("10.0.0.0/8"), CountryCode::new("KR"));
        assert_eq!(table.country_of_network("1.0.0.0/16"), None);
    }

    #[test]
    fn the_ends_of_the_address_space_count() {
        let table = table("0.0.0.0/0,AA\n255.255.255.255/32,ZZ\n::/0,BB\n");
        check(&table, "0.0.0.0", "AA");
        check(&table, "255.255.255.254", "AA");
        check(&table, "255.255.255.255", "ZZ");
        check(&table, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "BB");
    }

    #[test]
    fn a_line_that_is_not_understood_refuses_the_table() {
        let fault = |text: &str| PrefixTable::read(text.as_bytes()).unwrap_err().to_string();
        assert!(fault("1.0.0.0/8,AU\nnonsense\n").starts_with("line 2"));
        assert!(fault("1.0.0.0/33,AU\n").contains("not a prefix"));
        assert!(fault("1.0.0.9,1.0.0.1,AU\n").contains("after its end"));
        assert!(fault("1.0.0.0,::1,AU\n").contains("IPv6"));
        assert!(fault("1.0.0.0/8,Korea\n").contains("`Korea`"));
        assert!(fault("1.0.0.0/8\n").contains("expected"));
    }

    proptest! {
        #[test]
        fn the_most_specific_entry_wins(
            lines in proptest::collection::vec((0u32..60, 0u32..60, 0u8..5), 0..40),
            base in prop_oneof![Just(0u32), Just(u32::MAX - 70)],
        ) {
            let ranges: Vec<Range<u32>> = lines
                .iter()
                .map(|(a, b, c)| {
                    let country = CountryCode::new(&format!("A{}", char::from(b'A' + c))).unwrap();
                    (base + a.min(b), base + a.max(b), country)
                })
                .collect();
            let segments = Segments::build(ranges.clone());
            for address in base..base + 70 {
                let expected = ranges
                    .iter()
                    .enumerate()
                    .filter(|(_, (first, last, _))| (*first..=*last).contains(&address))
                    .min_by_key(|(line, (first, last, _))| (last - first, Reverse(*line)))
                    .map(|(_, (_, _, country))| *country);
                prop_assert_eq!(segments.find(address), expected);
            }
            for pair in segments.starts.windows(2) {
                prop_assert!(pair[0] < pair[1]);
            }
        }
    }
}
