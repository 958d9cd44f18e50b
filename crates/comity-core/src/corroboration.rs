//! How many stand behind what several records say.
//!
//! A record is its origin's word, whoever passed it on; one that imports a public document is the
//! publisher's, whoever imported it. So relays of one origin, and several economies that import one document,
//! are one source each. Nothing is decided by it: it is an aid for whoever judges.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::identity::{EconomyId, RecordId};

/// A vulnerability by its number in the list that all share: `CVE-2026-0001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cve {
    year: u16,
    number: u64,
}

impl Cve {
    /// Digits of its number at most.
    const DIGITS: usize = 16;

    /// Reads the whole text as one, in any case of letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (found, rest) = Self::begins(text)?;
        rest.is_empty().then_some(found)
    }

    /// One at the beginning of a text, and what follows it.
    fn begins(text: &str) -> Option<(Self, &str)> {
        let (prefix, rest) = text.split_at_checked(4)?;
        let (year, rest) = rest.split_at_checked(4)?;
        let rest = rest.strip_prefix('-').filter(|_| prefix.eq_ignore_ascii_case("CVE-"))?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = rest.split_at_checked(digits)?;
        // What is longer is no number of anybody.
        let fits = (4..=Self::DIGITS).contains(&digits);
        let whole = year.bytes().all(|digit| digit.is_ascii_digit()) && fits;
        let year = year.parse().ok().filter(|_| whole)?;
        Some((Self { year, number: number.parse().ok()? }, rest))
    }

    /// Those that stand in a text, of which `most` are taken, and whether there are more.
    #[must_use]
    pub fn all_in(text: &str, most: usize) -> (BTreeSet<Self>, bool) {
        let mut found = BTreeSet::new();
        let mut before = None;
        for (place, character) in text.char_indices() {
            let begins = matches!(character, 'C' | 'c')
                && !before.is_some_and(|before: char| before.is_ascii_alphanumeric());
            before = Some(character);
            let one = begins.then(|| text.get(place..).and_then(Self::begins)).flatten();
            let Some((one, _)) = one else { continue };
            if found.len() >= most && !found.contains(&one) {
                return (found, true);
            }
            found.insert(one);
        }
        (found, false)
    }
}

impl fmt::Display for Cve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CVE-{:04}-{:04}", self.year, self.number)
    }
}

/// An address on the web, without what is written now this way and now that: what may be two ways to write
/// one is one, which lowers a count and never raises it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebAddress(String);

impl WebAddress {
    /// The address that this text names.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        let scheme = ["https://", "http://"];
        let bare = scheme.into_iter().find_map(|scheme| text.strip_prefix(scheme));
        let bare = bare.unwrap_or(&text);
        let bare = bare.strip_prefix("www.").unwrap_or(bare).trim_end_matches('/');
        Self(bare.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A public document: whose, and under which name there. Nobody here signed either.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Document {
    publisher: WebAddress,
    id: String,
}

impl Document {
    /// The document that the publisher of this namespace has under this id.
    #[must_use]
    pub fn new(namespace: &str, id: &str) -> Self {
        Self { publisher: WebAddress::new(namespace), id: id.trim().to_lowercase() }
    }

    /// The publisher's namespace.
    #[must_use]
    pub fn publisher(&self) -> &WebAddress {
        &self.publisher
    }
}

/// A record that speaks of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The record.
    pub record: RecordId,
    /// The economy that signed it.
    pub origin: EconomyId,
    /// The public documents that it imports, and where each says that it is itself to be found: a publisher
    /// that takes over another's document names the other's address so. None: it is its origin's own word.
    pub imports: BTreeMap<Document, BTreeSet<WebAddress>>,
}

/// Who stands behind some statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// Economies in their own words, and the records.
    pub economies: BTreeMap<EconomyId, BTreeSet<RecordId>>,
    /// Documents, and who imported each.
    pub documents: BTreeMap<Document, BTreeSet<EconomyId>>,
    /// Their publishers; those of whom one takes over documents of another are one.
    pub publishers: Vec<BTreeSet<WebAddress>>,
    /// Everybody who signed one of them. What a publisher says is here by the word of these alone.
    pub signers: BTreeSet<EconomyId>,
}

impl Origins {
    /// Who stands behind these, in whatever order they come, and however often each.
    #[must_use]
    pub fn of<'a>(statements: impl IntoIterator<Item = &'a Statement>) -> Self {
        let mut origins = Self::default();
        let mut found_at: BTreeMap<&WebAddress, BTreeSet<&WebAddress>> = BTreeMap::new();
        for Statement { record, origin, imports } in statements {
            origins.signers.insert(*origin);
            if imports.is_empty() {
                origins.economies.entry(*origin).or_default().insert(*record);
            }
            for (document, addresses) in imports {
                origins.documents.entry(document.clone()).or_default().insert(*origin);
                for address in addresses {
                    found_at.entry(address).or_default().insert(&document.publisher);
                }
            }
        }
        origins.publishers = joined(origins.documents.keys().map(Document::publisher), &found_at);
        origins
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.economies.len().saturating_add(self.publishers.len())
    }
}

/// The publishers, those together that are found at one address. Whoever signs documents chooses both: the work
/// grows no faster than what they wrote.
fn joined<'a>(
    each: impl Iterator<Item = &'a WebAddress>,
    found_at: &BTreeMap<&WebAddress, BTreeSet<&WebAddress>>,
) -> Vec<BTreeSet<WebAddress>> {
    let each: BTreeSet<_> = each.collect();
    let place: BTreeMap<_, _> = each.iter().enumerate().map(|(place, one)| (*one, place)).collect();
    // Of each, another that it is together with; of one in each group, itself.
    let mut with: Vec<usize> = (0..each.len()).collect();
    for shared in found_at.values() {
        let mut places = shared.iter().filter_map(|one| place.get(*one));
        let Some(first) = places.next() else { continue };
        for other in places {
            let (one, other) = (first_of(&mut with, *first), first_of(&mut with, *other));
            if let Some(with) = with.get_mut(one.max(other)) {
                *with = one.min(other);
            }
        }
    }
    let mut groups: BTreeMap<usize, BTreeSet<WebAddress>> = BTreeMap::new();
    for (place, one) in each.into_iter().enumerate() {
        groups.entry(first_of(&mut with, place)).or_default().insert(one.clone());
    }
    let mut publishers: Vec<_> = groups.into_values().collect();
    publishers.sort();
    publishers
}

/// The one of its group that is with itself; on the way there, each comes to be with whom the next is with.
fn first_of(with: &mut [usize], mut place: usize) -> usize {
    while let Some(next) = with.get(place).copied().filter(|next| *next != place) {
        let beyond = with.get(next).copied().unwrap_or(next);
        if let Some(with) = with.get_mut(place) {
            *with = beyond;
        }
        place = beyond;
    }
    place
}

#[cfg(test)]
mod tests;
