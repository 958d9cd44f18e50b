//! What a part speaks of, as far as it can be read from its bytes: vulnerabilities by their numbers, and the
//! public document that it is, or was made from.
//!
//! A document is read here as far as these go and no further: what no rule of its standard allows still names
//! its publisher. Nothing else is kept of it, so that a large one takes no memory.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use comity_core::corroboration::{Cve, Document, WebAddress};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::draft::{Provenance, one_line};
use crate::limits::{
    DOCUMENT_BYTES, SUBJECT_ADDRESSES, SUBJECT_CVES, SUBJECT_NAME_BYTES, SUBJECT_REFERENCES,
    TITLE_CHARS,
};

/// What some bytes speak of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The public documents, each as it names itself, and where each says that it is to be found.
    pub documents: BTreeMap<Document, Publication>,
    /// The vulnerabilities.
    pub cves: BTreeSet<Cve>,
    /// Where the documents send their readers.
    pub references: BTreeSet<WebAddress>,
    /// Whether there is more than what is here.
    pub more: bool,
}

/// A document as it names itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    /// Publisher's namespace, id and version; each one printable line.
    pub provenance: Provenance,
    /// The publisher's name, as one printable line.
    pub publisher: String,
    /// Its own addresses.
    pub addresses: BTreeSet<WebAddress>,
}

impl Subject {
    /// What a document speaks of that is CSAF, of whatever version; `None` for anything else.
    #[must_use]
    pub fn of_document(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > DOCUMENT_BYTES {
            return None;
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let Csaf { document, vulnerabilities } = serde_json::from_slice(bytes).ok()?;
        let Csaf2 { publisher, tracking, references } = document;
        if [&publisher.namespace, &tracking.id].into_iter().any(|name| is_no_name(name)) {
            return None;
        }
        let mut subject = Self { more: references.more || vulnerabilities.more, ..Self::default() };
        let mut addresses = BTreeSet::new();
        for Reference { category, url } in &references.items {
            let url = url.as_deref().unwrap_or_default();
            match category.as_deref() {
                _ if is_no_name(url) => {}
                Some("self") if addresses.len() >= SUBJECT_ADDRESSES => {
                    subject.more |= !addresses.contains(&WebAddress::new(url));
                }
                Some("self") => drop(addresses.insert(WebAddress::new(url))),
                Some(_) | None => drop(subject.references.insert(WebAddress::new(url))),
            }
        }
        let cves = vulnerabilities.items.iter().filter_map(|one| one.cve.as_deref());
        subject.cves = cves.filter_map(Cve::parse).collect();
        let line = |text: &str| one_line(text, TITLE_CHARS);
        let publication = Publication {
            provenance: Provenance {
                namespace: line(&publisher.namespace),
                id: line(&tracking.id),
                version: line(tracking.version.as_deref().unwrap_or_default()),
            },
            publisher: line(publisher.name.as_deref().unwrap_or_default()),
            addresses,
        };
        let document = Document::new(&publisher.namespace, &tracking.id);
        subject.documents.insert(document, publication);
        Some(subject)
    }

    /// What a text speaks of. One that was made here from a document says so in a line of its own, and is
    /// that document's, where the document itself was not sent along.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let (cves, more) = Cve::all_in(text, SUBJECT_CVES);
        let documents = made_from(text).into_iter().collect();
        Self { documents, cves, references: BTreeSet::new(), more }
    }

    /// Both together, within the same bounds.
    pub fn join(&mut self, other: &Self) {
        for (document, publication) in &other.documents {
            let known = self.documents.entry(document.clone());
            let known = known.or_insert_with(|| publication.clone());
            known.addresses.extend(publication.addresses.iter().cloned());
        }
        let room = SUBJECT_CVES.saturating_sub(self.cves.len());
        let new: Vec<_> = other.cves.difference(&self.cves).copied().collect();
        self.more |= other.more || new.len() > room;
        self.cves.extend(new.into_iter().take(room));
        self.references.extend(other.references.iter().cloned());
    }

    /// Bytes of memory that it takes, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        /// Of one thing in a set, beside its text.
        const ONE: usize = 64;
        let address = |one: &WebAddress| one.as_str().len().saturating_add(ONE);
        let document = |one: &Publication| {
            let named = &one.provenance;
            let texts = [&named.namespace, &named.id, &named.version, &one.publisher];
            let texts: usize = texts.iter().map(|text| text.len().saturating_mul(2)).sum();
            texts.saturating_add(one.addresses.iter().map(address).sum()).saturating_add(4 * ONE)
        };
        let documents: usize = self.documents.values().map(document).sum();
        let references: usize = self.references.iter().map(address).sum();
        let cves = self.cves.len().saturating_mul(2 * size_of::<Cve>());
        documents.saturating_add(references).saturating_add(cves).saturating_add(ONE)
    }
}

/// Whether a text names nothing, or is longer than any name.
fn is_no_name(text: &str) -> bool {
    text.trim().is_empty() || text.len() > SUBJECT_NAME_BYTES
}

/// The document that a summary was made from: see [`crate::csaf`]. It stands under the title.
fn made_from(text: &str) -> Option<(Document, Publication)> {
    /// Lines in which it stands.
    const HEAD: usize = 5;
    let lines = || text.lines().take(HEAD);
    lines().zip(lines().skip(1)).find_map(|(line, namespace)| named(line, namespace.trim()))
}

/// `Publisher, ID, version 1 (final) of 2024-01-30`, and the publisher's namespace.
fn named(line: &str, namespace: &str) -> Option<(Document, Publication)> {
    let (front, rest) = line.rsplit_once(", version ")?;
    let (publisher, id) = front.rsplit_once(", ")?;
    let (version, rest) = rest.split_once(" (")?;
    let (status, _) = rest.split_once(") of ")?;
    let whole = ["draft", "interim", "final"].contains(&status) && namespace.contains("://");
    if !whole || [namespace, id].into_iter().any(is_no_name) {
        return None;
    }
    let short = |text: &str| one_line(text, TITLE_CHARS);
    let provenance =
        Provenance { namespace: short(namespace), id: short(id), version: short(version) };
    let publication =
        Publication { provenance, publisher: short(publisher), addresses: BTreeSet::new() };
    Some((Document::new(namespace, id), publication))
}

#[derive(Deserialize)]
struct Csaf<'a> {
    #[serde(borrow)]
    document: Csaf2<'a>,
    #[serde(borrow, default)]
    vulnerabilities: Few<Vulnerability<'a>, SUBJECT_CVES>,
}

#[derive(Deserialize)]
struct Csaf2<'a> {
    #[serde(borrow)]
    publisher: Publisher<'a>,
    #[serde(borrow)]
    tracking: Tracking<'a>,
    #[serde(borrow, default)]
    references: Few<Reference<'a>, SUBJECT_REFERENCES>,
}

#[derive(Deserialize)]
struct Publisher<'a> {
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Tracking<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    version: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow)]
    category: Option<Cow<'a, str>>,
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow)]
    cve: Option<Cow<'a, str>>,
}

/// The first items of a list, and whether there are more.
struct Few<T, const MOST: usize> {
    items: Vec<T>,
    more: bool,
}

impl<T, const MOST: usize> Default for Few<T, MOST> {
    fn default() -> Self {
        Self { items: Vec::new(), more: false }
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Few<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_seq(FewOf(PhantomData))
    }
}

struct FewOf<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for FewOf<T, MOST> {
    type Value = Few<T, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut source: S) -> Result<Self::Value, S::Error> {
        let mut few = Few::default();
        while few.items.len() < MOST {
            match source.next_element()? {
                Some(item) => few.items.push(item),
                None => return Ok(few),
            }
        }
        while source.next_element::<IgnoredAny>()?.is_some() {
            few.more = true;
        }
        Ok(few)
    }
}

#[cfg(test)]
mod tests;
