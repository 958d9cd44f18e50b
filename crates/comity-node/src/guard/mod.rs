//! The egress guard: a last look at the bytes of whatever is about to leave, independent of markings,
//! agreements and people.
//!
//! It looks for what the operator's lists name: strings, regular expressions, addresses of prefixes of
//! one's own, files by their digest. What it says of a part, [`Found`], names rules by their place in a
//! list; what they look for is in no log, answer or journal entry.

mod addresses;
mod folding;
mod lists;
mod room;
#[cfg(test)]
mod tests;
mod unpack;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use bytes::Bytes;
use comity_core::cbor::{Fault, Reader};
use comity_core::digest::Digest;
use comity_core::record::{Header, Part};
use regex::bytes::RegexSet;
use sha2::{Digest as _, Sha256};

use crate::limits::GUARD_HITS;
use addresses::{Prefixes, addresses, refanged};
use folding::Folded;
pub use lists::{GuardError, LineFault};
pub(crate) use room::room_for;
use unpack::{End, unpacked};

/// How a gzip stream begins (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The rule that is not the operator's: what is packed and cannot be looked into is held.
const PACKED: u32 = 0;

/// One of the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// Words and phrases, in capitals or small letters.
    Strings,
    /// Regular expressions.
    Expressions,
    /// Networks of one's own.
    Prefixes,
    /// SHA-256 digests of files.
    Hashes,
}

impl List {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Strings, Self::Expressions, Self::Prefixes, Self::Hashes];

    /// As in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strings => "strings",
            Self::Expressions => "expressions",
            Self::Prefixes => "prefixes",
            Self::Hashes => "hashes",
        }
    }
}

/// Where a rule stands. All that is ever said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Line of a list, from 1.
    Line(List, u32),
    /// Nowhere: the part is packed, and cannot be looked into.
    Packed,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(list, line) => write!(f, "list {}, line {line}", list.name()),
            Self::Packed => f.write_str("packed: cannot be looked into"),
        }
    }
}

/// A rule, without what it looks for.
#[derive(Clone, Copy, Debug)]
struct Rule {
    place: Place,
    digest: Digest,
}

/// What was found in a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The rules that match, by their number among those of this guard, ascending.
    pub rules: Vec<u32>,
    /// Whether more match than are named.
    pub more: bool,
}

impl Found {
    /// Whether nothing was.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.rules.is_empty() && !self.more
    }
}

/// The lists, ready to be looked for.
pub struct Guard {
    revision: u64,
    rules: Vec<Rule>,
    /// The strings in each form in which they are looked for, and the rule of each.
    strings: Option<(AhoCorasick, Vec<u32>)>,
    /// The same as letters are compared.
    folded: Option<(Folded, Vec<u32>)>,
    expressions: Option<(RegexSet, Vec<u32>)>,
    prefixes: Prefixes,
    hashes: std::collections::HashMap<[u8; 32], u32>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing of what is looked for.
        f.debug_struct("Guard")
            .field("revision", &self.revision)
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// Reads the lists that the configuration names. `None`: it names none, and there is no guard.
    pub fn read(config: &crate::config::Egress) -> Result<Option<Arc<Self>>, GuardError> {
        if config.is_empty() {
            return Ok(None);
        }
        lists::read(config).map(|guard| Some(Arc::new(guard)))
    }

    /// Tells these lists, line by line, from others.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many rules a list has.
    #[must_use]
    pub fn count(&self, list: List) -> usize {
        let of = |rule: &&Rule| matches!(rule.place, Place::Line(one, _) if one == list);
        self.rules.iter().filter(of).count()
    }

    /// Where a rule stands.
    #[must_use]
    pub fn place(&self, rule: u32) -> Place {
        self.rule(rule).map_or(Place::Packed, |rule| rule.place)
    }

    /// What a rule is known by wherever it stands: a release holds for it as long as it says the same.
    #[must_use]
    pub fn digest(&self, rule: u32) -> Digest {
        self.rule(rule).map_or(Digest::ZERO, |rule| rule.digest)
    }

    fn rule(&self, rule: u32) -> Option<&Rule> {
        usize::try_from(rule).ok().and_then(|rule| self.rules.get(rule))
    }

    /// Looks at a part as it would leave.
    pub fn part(&self, bytes: Bytes) -> Result<Found, String> {
        let part = Part::decode(bytes).map_err(|error| error.to_string())?;
        let front = part.bytes.len().saturating_sub(part.content.len());
        let mut looked = Looked::new(self);
        // The header's own texts: file names, desks, whom it names.
        looked.bytes(part.bytes.get(..front).unwrap_or_default());
        // Each by itself too: the byte before a text says how long it is, and may be a letter.
        for text in texts_of_header(&part.bytes).map_err(|error| error.to_string())? {
            looked.bytes(text.as_bytes());
        }
        looked.content(&part.content, says_packed(&part.header));
        Ok(looked.found())
    }

    /// Looks at words that leave otherwise than in a part.
    #[must_use]
    pub fn words(&self, said: &[u8]) -> Found {
        let mut looked = Looked::new(self);
        looked.bytes(said);
        looked.found()
    }

    /// Looks at a file as if it were the content of a part.
    #[must_use]
    pub fn file(&self, name: &str, content: &[u8]) -> Found {
        let mut looked = Looked::new(self);
        looked.bytes(name.as_bytes());
        looked.content(content, is_packed_name(name));
        looked.found()
    }
}

fn texts_of_header(part: &[u8]) -> Result<Vec<&str>, Fault> {
    let mut reader = Reader::new(part);
    reader.tuple(4)?;
    // What it is, and its salt.
    reader.skip()?;
    reader.skip()?;
    reader.texts()
}

/// Whether a part says that it is packed.
fn says_packed(header: &Header) -> bool {
    let media = ["application/gzip", "application/x-gzip"];
    media.contains(&header.media_type.as_str())
        || header.file_name.as_deref().is_some_and(is_packed_name)
}

fn is_packed_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".gz") || name.ends_with(".tgz")
}

/// One part, and what was found in it so far.
struct Looked<'a> {
    guard: &'a Guard,
    rules: BTreeSet<u32>,
    more: bool,
}

impl<'a> Looked<'a> {
    fn new(guard: &'a Guard) -> Self {
        Self { guard, rules: BTreeSet::new(), more: false }
    }

    fn found(self) -> Found {
        Found { rules: self.rules.into_iter().collect(), more: self.more }
    }

    /// Whether anything more may be named.
    fn hit(&mut self, rule: u32) -> bool {
        if self.rules.len() < GUARD_HITS {
            self.rules.insert(rule);
        } else if !self.rules.contains(&rule) {
            self.more = true;
        }
        !self.more
    }

    /// The content, as it is and unpacked.
    fn content(&mut self, content: &[u8], packed: bool) {
        self.bytes(content);
        self.hash(content);
        if !packed && !content.starts_with(&GZIP) {
            return;
        }
        let inside = unpacked(content);
        match inside.end {
            End::Whole => {}
            // What only begins like a packed file need not be one.
            End::Broken if !packed => {}
            End::Broken | End::TooMuch => {
                self.hit(PACKED);
            }
        }
        self.bytes(&inside.bytes);
        self.hash(&inside.bytes);
    }

    fn hash(&mut self, content: &[u8]) {
        if self.guard.hashes.is_empty() {
            return;
        }
        let digest: [u8; 32] = Sha256::digest(content).into();
        if let Some(rule) = self.guard.hashes.get(&digest) {
            self.hit(*rule);
        }
    }

    /// Bytes as they are, and with the brackets taken out that keep addresses from being clicked on.
    fn bytes(&mut self, bytes: &[u8]) {
        self.text(bytes);
        if let Some(refanged) = refanged(bytes) {
            self.text(&refanged);
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        let guard = self.guard;
        if let Some((strings, rules)) = &guard.strings {
            for found in strings.find_overlapping_iter(bytes) {
                let rule = rules.get(found.pattern().as_usize());
                if rule.is_some_and(|rule| !self.hit(*rule)) {
                    break;
                }
            }
        }
        // What is ASCII alone was compared so already.
        if let Some((folded, rules)) = guard.folded.as_ref().filter(|_| !bytes.is_ascii()) {
            folded.search(bytes, |found| {
                rules.get(found.as_usize()).is_none_or(|rule| self.hit(*rule))
            });
        }
        if let Some((expressions, rules)) = &guard.expressions {
            for found in &expressions.matches(bytes) {
                if let Some(rule) = rules.get(found) {
                    self.hit(*rule);
                }
            }
        }
        if !guard.prefixes.is_empty() {
            addresses(bytes, |address: IpAddr| {
                for rule in guard.prefixes.of(address) {
                    self.hit(rule);
                }
            });
        }
    }
}
