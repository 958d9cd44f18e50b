//! Rows to parts, one economy each.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::net::IpAddr;

use comity_core::record::Header;
use comity_core::{EconomyId, Kind, Marking, Section, State, Tlp, Urgency};
use jiff::tz::TimeZone;

use crate::draft::{ImportedDraft, Notice, one_line};
use crate::intelmq::row::{Cutter, Facts};
use crate::limits;
use crate::prefixes::PrefixTable;
use crate::routes::{CountryCode, Routes};

/// The media type of a part of sightings: one JSON object a line.
pub const MEDIA_TYPE: &str = "application/x-ndjson";

/// How a file is cut.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rows of one part. Default 5,000: a part is then one to two megabytes.
    pub rows_per_part: u64,
    /// Bytes of one part; at most [`limits::PART_CONTENT_BYTES`], and at least one line.
    pub bytes_per_part: usize,
    /// Bad rows after which the file is given up as something else. Default 10,000.
    pub bad_rows: u64,
    /// Bytes of rows in all parts. Default [`limits::IMPORT_BYTES`].
    pub bytes: usize,
    /// The zone of times that name none. Default none: such a row is bad, for nobody can know when it was.
    pub zone: Option<TimeZone>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rows_per_part: 5_000,
            bytes_per_part: limits::PART_CONTENT_BYTES,
            bad_rows: 10_000,
            bytes: limits::IMPORT_BYTES,
            zone: None,
        }
    }
}

/// How far a split has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read, uncompressed.
    pub bytes: u64,
    /// Rows read, of every kind.
    pub rows: u64,
}

/// Why a file is given up.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// Reading failed, a damaged compressed stream included. Nothing was made of the file.
    #[error("line {line} cannot be read: {error}")]
    Read {
        /// The line, from 1.
        line: u64,
        /// Why.
        error: io::Error,
    },
    /// The file is compressed.
    #[error("the rows are compressed: give the file name an ending of `.gz`, or unpack it first")]
    Compressed,
    /// The file is one JSON array.
    #[error(
        "the file is one JSON list, and one event a line is read: `jq -c '.[]' FILE` makes lines of it"
    )]
    List,
    /// More bad rows than [`Options::bad_rows`].
    #[error("more than {limit} bad rows, the first in line {}: {}", first.line, first.what)]
    TooManyBad {
        /// How many were allowed.
        limit: u64,
        /// The first of them.
        first: BadRow,
        /// How many of them had a time without a zone.
        zoneless: u64,
    },
    /// More bytes of rows than [`Options::bytes`].
    #[error(
        "at line {line} the rows are more than one import takes, {limit} bytes: split the file, or import fewer at a time"
    )]
    TooMuch {
        /// The line that is one too many.
        line: u64,
        /// How many bytes were allowed.
        limit: usize,
    },
}

/// A line that is no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: String,
}

/// A row that no economy of the table looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnownedRow {
    /// The line, from 1.
    pub line: u64,
    /// The country, as far as it is known.
    pub country: Option<CountryCode>,
    /// The address, as far as it is known.
    pub address: Option<IpAddr>,
}

/// Rows of one economy and one marking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SightingsPart {
    /// Whose rows they are.
    pub economy: EconomyId,
    /// The marking that each of the rows carries itself (`tlp`).
    pub tlp: Option<Tlp>,
    /// How many.
    pub rows: u64,
    /// The rows, each with a line end.
    pub content: Vec<u8>,
}

impl SightingsPart {
    /// The header of the part: section `sightings`, destined to its economy.
    #[must_use]
    pub fn header(&self) -> Header {
        let mut header = Header::new(Section::Sightings, MEDIA_TYPE);
        header.destination = Some(self.economy);
        header.marking = self.tlp.map(Marking::new);
        header
    }
}

/// What a file came to. `owned() + unowned + bad` is the number of its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The parts, ascending by economy, marking and order of rows.
    pub parts: Vec<SightingsPart>,
    /// Rows that no economy of the table looks after.
    pub unowned: u64,
    /// The first [`limits::ROWS_LISTED`] of them.
    pub unowned_rows: Vec<UnownedRow>,
    /// All of them by country; `None` where none is known.
    pub unowned_by_country: BTreeMap<Option<CountryCode>, u64>,
    /// Lines that are no rows.
    pub bad: u64,
    /// The first [`limits::ROWS_LISTED`] of them.
    pub bad_rows: Vec<BadRow>,
    /// Those among the bad whose time has no zone: [`Options::zone`] makes rows of them.
    pub zoneless: u64,
    /// Columns that stayed at home, and in how many rows.
    pub dropped: BTreeMap<String, u64>,
    /// Columns of URLs that went without user, password or query, and in how many rows.
    pub shortened: BTreeMap<String, u64>,
    /// Feeds that the rows name, at most [`limits::FEEDS`].
    pub feeds: Vec<String>,
}

impl Split {
    /// Rows in parts.
    #[must_use]
    pub fn owned(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// Bytes of rows in parts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.content.len()).sum()
    }

    /// Rows in parts, by economy.
    #[must_use]
    pub fn owned_by(&self) -> BTreeMap<EconomyId, u64> {
        let mut rows = BTreeMap::new();
        for part in &self.parts {
            *rows.entry(part.economy).or_insert(0_u64) += part.rows;
        }
        rows
    }

    /// The drafts: one, or several when there are more than [`limits::DRAFT_PARTS`] parts; none without
    /// parts. The marking is the loosest of the rows' own, if every row has one.
    #[must_use]
    pub fn into_drafts(self) -> Vec<ImportedDraft> {
        let notices = self.notices();
        let feeds = one_line(&self.feeds.join(", "), limits::TITLE_CHARS / 2);
        let mut parts = self.parts;
        let mut drafts = Vec::new();
        while !parts.is_empty() {
            let rest = parts.split_off(parts.len().min(limits::DRAFT_PARTS));
            let some = std::mem::replace(&mut parts, rest);
            drafts.push(draft(some, &feeds, notices.clone()));
        }
        drafts
    }

    fn notices(&self) -> Vec<Notice> {
        let unowned =
            format!("{} rows are owned by no economy of the table, and go nowhere", self.unowned);
        let bad = format!("{} lines are no rows", self.bad);
        let columns: Vec<&str> = self.dropped.keys().map(String::as_str).collect();
        let dropped = format!("columns that stay home: {}", columns.join(", "));
        let urls: Vec<&str> = self.shortened.keys().map(String::as_str).collect();
        let shortened = format!("URLs that go without user and query: {}", urls.join(", "));
        let told = [
            (self.unowned > 0, unowned),
            (self.bad > 0, bad),
            (!columns.is_empty(), dropped),
            (!urls.is_empty(), shortened),
        ];
        told.into_iter()
            .filter_map(|(told, what)| told.then_some(Notice { pointer: String::new(), what }))
            .collect()
    }
}

fn draft(parts: Vec<SightingsPart>, feeds: &str, notices: Vec<Notice>) -> ImportedDraft {
    let rows: u64 = parts.iter().map(|part| part.rows).sum();
    let own: Option<Vec<Tlp>> = parts.iter().map(|part| part.tlp).collect();
    let from = if feeds.is_empty() { String::new() } else { format!(" from {feeds}") };
    ImportedDraft {
        title: format!("{rows} sightings{from}"),
        kind: Kind::Sightings,
        state: State::Final,
        urgency: Urgency::Routine,
        source: "intelmq",
        provenance: None,
        marking: own.and_then(|own| own.into_iter().min()).map(Marking::new),
        sections: parts.into_iter().map(|part| (part.header(), part.content)).collect(),
        notices,
    }
}

/// Cuts a whole file. `progress` is called about every thousand rows, and at the end.
///
/// # Errors
/// [`SplitError`]; nothing is made of the file then.
pub fn split(
    mut input: impl BufRead,
    routes: &Routes,
    prefixes: Option<&PrefixTable>,
    options: Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Split, SplitError> {
    let mut splitter = Splitter::new(routes, prefixes, options);
    let mut line = Vec::new();
    let mut told = 0;
    loop {
        line.clear();
        let limit = limits::LINE_BYTES as u64 + 1;
        let read = |error| SplitError::Read { line: splitter.line + 1, error };
        let bytes = input.by_ref().take(limit).read_until(b'\n', &mut line).map_err(read)?;
        if bytes == 0 {
            break;
        }
        let mut skipped = 0;
        if line.last() != Some(&b'\n') && line.len() > limits::LINE_BYTES {
            skipped = skip_line(&mut input).map_err(read)?;
        }
        splitter.push(&line)?;
        splitter.progress.bytes += skipped;
        if splitter.progress.rows >= told + 1024 {
            told = splitter.progress.rows;
            progress(splitter.progress);
        }
    }
    progress(splitter.progress);
    Ok(splitter.finish())
}

/// Passes over the rest of a line that is too long to be kept.
fn skip_line(input: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |at| at + 1);
        input.consume(length);
        skipped += length as u64;
        if end.is_some() || length == 0 {
            return Ok(skipped);
        }
    }
}

/// Cuts rows that come one by one.
#[derive(Debug)]
pub struct Splitter<'a> {
    routes: &'a Routes,
    prefixes: Option<&'a PrefixTable>,
    options: Options,
    cutter: Cutter,
    /// By economy (its place in the table) and marking: what is not yet a whole part.
    open: BTreeMap<(usize, Option<Tlp>), SightingsPart>,
    /// A row before it is known whose it is.
    row: Vec<u8>,
    /// Bytes of rows in all parts.
    kept: usize,
    line: u64,
    progress: Progress,
    split: Split,
}

impl<'a> Splitter<'a> {
    /// Cuts by a table of routes and, for rows without a country, by a prefix table.
    #[must_use]
    pub fn new(routes: &'a Routes, prefixes: Option<&'a PrefixTable>, options: Options) -> Self {
        let options = Options {
            rows_per_part: options.rows_per_part.max(1),
            bytes_per_part: options
                .bytes_per_part
                .clamp(limits::LINE_BYTES + 1, limits::PART_CONTENT_BYTES),
            ..options
        };
        Self {
            routes,
            prefixes,
            cutter: Cutter::new(routes.allowed().clone(), options.zone.clone()),
            options,
            open: BTreeMap::new(),
            row: Vec::new(),
            kept: 0,
            line: 0,
            progress: Progress::default(),
            split: Split::default(),
        }
    }

    /// Takes one line, with or without its end. Empty lines are no rows and no faults.
    ///
    /// # Errors
    /// [`SplitError`] when this is clearly another kind of file, or there are too many bad rows.
    pub fn push(&mut self, line: &[u8]) -> Result<(), SplitError> {
        self.line += 1;
        self.progress.bytes += line.len() as u64;
        let mut text = line;
        if self.line == 1 {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            match text.trim_ascii() {
                [0x1f, 0x8b, ..] => return Err(SplitError::Compressed),
                [b'['] | [b'[', b'{' | b' ', ..] => return Err(SplitError::List),
                _ => {}
            }
        }
        let text = text.trim_ascii();
        if text.is_empty() {
            return Ok(());
        }
        self.progress.rows += 1;
        if text.len() > limits::LINE_BYTES {
            return self.bad(format!("longer than {} bytes", limits::LINE_BYTES));
        }
        self.row.clear();
        match self.cutter.cut(text, &mut self.row) {
            Ok(facts) => self.own(&facts),
            Err(what) => self.bad(what),
        }
    }

    /// What the rows came to.
    #[must_use]
    pub fn finish(self) -> Split {
        let mut split = self.split;
        split.parts.extend(self.open.into_values());
        // Stable: the parts of one economy and marking stay in the order of their rows.
        split.parts.sort_by_key(|part| (part.economy, part.tlp));
        split.feeds = self.cutter.feeds().to_vec();
        split.zoneless = self.cutter.zoneless();
        let gone = self.cutter.into_gone();
        (split.dropped, split.shortened) = (gone.dropped, gone.shortened);
        split
    }

    fn own(&mut self, facts: &Facts) -> Result<(), SplitError> {
        let country = facts.country.or_else(|| self.look_up(facts));
        let place = country.and_then(|country| self.routes.place(country));
        let economy = place.and_then(|place| Some((place, *self.routes.economies().get(place)?)));
        match economy {
            Some((place, economy)) => self.add(place, economy, facts.tlp),
            None => {
                self.leave_unowned(country, facts.address);
                Ok(())
            }
        }
    }

    fn look_up(&self, facts: &Facts) -> Option<CountryCode> {
        let table = self.prefixes?;
        match (facts.address, &facts.network) {
            (Some(address), _) => table.country(address),
            (None, Some(network)) => table.country_of_network(network),
            (None, None) => None,
        }
    }

    fn add(
        &mut self,
        place: usize,
        economy: EconomyId,
        tlp: Option<Tlp>,
    ) -> Result<(), SplitError> {
        self.kept += self.row.len() + 1;
        if self.kept > self.options.bytes {
            return Err(SplitError::TooMuch { line: self.line, limit: self.options.bytes });
        }
        let empty = || SightingsPart { economy, tlp, rows: 0, content: Vec::new() };
        let part = self.open.entry((place, tlp)).or_insert_with(empty);
        let full = part.rows >= self.options.rows_per_part
            || part.content.len() + self.row.len() + 1 > self.options.bytes_per_part;
        if full {
            self.split.parts.push(std::mem::replace(part, empty()));
        }
        part.content.extend_from_slice(&self.row);
        part.content.push(b'\n');
        part.rows += 1;
        Ok(())
    }

    fn leave_unowned(&mut self, country: Option<CountryCode>, address: Option<IpAddr>) {
        self.split.unowned += 1;
        *self.split.unowned_by_country.entry(country).or_insert(0) += 1;
        if self.split.unowned_rows.len() < limits::ROWS_LISTED {
            self.split.unowned_rows.push(UnownedRow { line: self.line, country, address });
        }
    }

    fn bad(&mut self, what: String) -> Result<(), SplitError> {
        self.split.bad += 1;
        if self.split.bad_rows.len() < limits::ROWS_LISTED {
            self.split.bad_rows.push(BadRow { line: self.line, what });
        }
        match self.split.bad_rows.first() {
            Some(first) if self.split.bad > self.options.bad_rows => {
                let (first, zoneless) = (first.clone(), self.cutter.zoneless());
                Err(SplitError::TooManyBad { limit: self.options.bad_rows, first, zoneless })
            }
            Some(_) | None => Ok(()),
        }
    }
}
