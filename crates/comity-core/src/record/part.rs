//! Parts: sealed, salted, and each free to travel or to stay.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::identity::{EconomyId, GroupId, PartDigest};
use crate::marking::Marking;
use crate::vocabulary::{Class, Section};

/// A part as it was hashed: its bytes, their digest, and what they say.
///
/// The bytes are never re-encoded; the header is read from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `[domain, salt, header, content]`, deterministic CBOR.
    pub bytes: Bytes,
    /// The RFC 6962 root over `bytes`.
    pub digest: PartDigest,
    /// What the part says of itself.
    pub header: Header,
    /// The header as it came: a slice of `bytes`. Whoever keeps a header keeps this, for encoded anew
    /// it may be another, and larger.
    pub encoded_header: Bytes,
    /// The content: a slice of `bytes`.
    pub content: Bytes,
}

/// What a part says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it says; a translation counts as the section that it translates.
    pub section: Section,
    /// How sensitive it is in law; never empty.
    pub classes: BTreeSet<Class>,
    /// The media type of the content.
    pub media_type: String,
    /// The language of the content (BCP 47).
    pub language: Option<String>,
    /// For a translation, the section that it translates.
    pub translates: Option<Section>,
    /// The name of the file that the content is.
    pub file_name: Option<String>,
    /// The only economy that this part is for: a row's owner in a batch of sightings.
    pub destination: Option<EconomyId>,
    /// A marking of its own, at least as strict as the floor.
    pub marking: Option<Marking>,
    /// In an addressee part, whom it names.
    pub addressee: Option<Addressee>,
    /// Whether anything was met that this version does not know, the section, a class or a value of the
    /// marking included: such a part is never released.
    pub unknown: bool,
}

impl Header {
    /// A header with a section, the class `general` and a media type.
    #[must_use]
    pub fn new(section: Section, media_type: &str) -> Self {
        Self {
            section,
            classes: BTreeSet::from([Class::General]),
            media_type: media_type.to_owned(),
            language: None,
            translates: None,
            file_name: None,
            destination: None,
            marking: None,
            addressee: None,
            unknown: false,
        }
    }

    /// The section that an agreement must admit: for a translation, the one that it translates.
    #[must_use]
    pub fn counts_as(&self) -> Section {
        match (self.section, self.translates) {
            (Section::Translation, Some(translated)) => translated,
            (section, _) => section,
        }
    }
}

/// Whom an addressee part names, and what they may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    /// The economy. `None`: every member of the group.
    pub economy: Option<EconomyId>,
    /// The desk or person there; TLP:RED needs one.
    pub desk: Option<String>,
    /// A group and the epoch of its roster.
    pub group: Option<(GroupId, u64)>,
    /// Economies through which it may come, ascending.
    pub relays: Vec<EconomyId>,
    /// The parts that it may have, ascending.
    pub parts: Vec<PartDigest>,
}
