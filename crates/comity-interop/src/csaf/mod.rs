//! CSAF 2.0 (OASIS, Common Security Advisory Framework) to a draft advisory.
//!
//! The draft's parts are the exact document (`original`), and readable texts made from it: `summary`
//! (what it is about, and what it says at the top), `mitigation` (what to do) and `detail` (each
//! vulnerability, and the products). The texts are plain, never markup: a foreign document puts no link
//! and no control character on anybody's screen.
//!
//! Two kinds of trouble are told apart. A document whose *shape* is wrong is refused, with the pointer
//! of the place. A document whose *content* breaks a rule of the standard (section 6.1) is taken, with a
//! notice: real advisories do, and their readers need them all the same.

mod notices;
mod page;
mod products;
mod shape;
mod text;

use comity_core::limits::TEXT_BYTES;
use comity_core::record::Header;
use comity_core::{Kind, Marking, Section, State, Tlp, Urgency};

use crate::draft::{ImportedDraft, Notice, Provenance, one_line};
use crate::json::Json;
pub use crate::json::{Fault, ImportError};
use crate::limits;

/// A CSAF 2.0 document that has been read.
#[derive(Clone, Debug)]
pub struct CsafDocument<'a> {
    /// `/document/title`, as one printable line.
    pub title: String,
    /// Publisher's namespace, `/document/tracking/id` and version.
    pub provenance: Provenance,
    /// `/document/publisher/name`, as one printable line.
    pub publisher: String,
    /// `/document/category`: the profile, such as `csaf_security_advisory`.
    pub category: String,
    /// `/document/tracking/status`: a draft counts as interim.
    pub state: State,
    /// `/document/distribution/tlp/label`; `None` when the document has none.
    pub tlp: Option<Tlp>,
    /// `/document/lang`.
    pub language: Option<String>,
    /// What a person should know before publishing.
    pub notices: Vec<Notice>,
    bytes: &'a [u8],
    json: Json<'a>,
}

/// Reads a CSAF 2.0 document.
///
/// # Errors
/// [`ImportError`] names the place as a JSON pointer.
pub fn read(bytes: &[u8]) -> Result<CsafDocument<'_>, ImportError> {
    let json = Json::read(bytes)?;
    check_format(&json)?;
    shape::DOCUMENT.check(&json)?;
    let text = |path: &[&str]| json.at(path).and_then(Json::as_text).unwrap_or("");
    let tlp = tlp(&json)?;
    let provenance = Provenance {
        namespace: text(&["document", "publisher", "namespace"]).to_owned(),
        id: text(&["document", "tracking", "id"]).to_owned(),
        version: text(&["document", "tracking", "version"]).to_owned(),
    };
    let state = match text(&["document", "tracking", "status"]) {
        "final" => State::Final,
        _ => State::Interim,
    };
    Ok(CsafDocument {
        title: one_line(text(&["document", "title"]), limits::TITLE_CHARS),
        provenance,
        publisher: one_line(text(&["document", "publisher", "name"]), limits::TITLE_CHARS),
        category: text(&["document", "category"]).to_owned(),
        state,
        tlp,
        language: json.at(&["document", "lang"]).and_then(Json::as_text).map(str::to_owned),
        notices: notices::of(&json, bytes),
        bytes,
        json,
    })
}

/// Reads a CSAF 2.0 document and makes a draft of it.
///
/// # Errors
/// [`ImportError`] names the place as a JSON pointer.
pub fn import(bytes: &[u8]) -> Result<ImportedDraft, ImportError> {
    read(bytes).map(|document| document.draft())
}

impl CsafDocument<'_> {
    /// The draft: the original, and the texts made from it that have something in them.
    #[must_use]
    pub fn draft(&self) -> ImportedDraft {
        let mut original = Header::new(Section::Original, "application/json");
        original.file_name =
            Some(file_name(&self.provenance.id)).filter(|name| name.len() <= TEXT_BYTES);
        original.language.clone_from(&self.language);
        let texts = [
            (Section::Summary, text::summary(self)),
            (Section::Mitigation, text::mitigation(self)),
            (Section::Detail, text::detail(self)),
        ];
        let mut sections = vec![(original, self.bytes.to_vec())];
        for (section, text) in texts {
            if !text.is_empty() {
                let mut header = Header::new(section, "text/plain; charset=utf-8");
                header.language.clone_from(&self.language);
                sections.push((header, text.into_bytes()));
            }
        }
        ImportedDraft {
            title: self.title.clone(),
            kind: Kind::Advisory,
            state: self.state,
            urgency: Urgency::Routine,
            source: "csaf",
            provenance: Some(self.provenance.clone()),
            marking: self.tlp.map(Marking::new),
            sections,
            notices: self.notices.clone(),
        }
    }

    /// The document.
    fn json(&self) -> &Json<'_> {
        &self.json
    }
}

/// The name that a document with this tracking id has as a file (CSAF 2.0, section 5.1): lower case, and
/// one `_` for every run of characters other than `a-z`, `0-9`, `+` and `-`.
#[must_use]
pub fn file_name(tracking_id: &str) -> String {
    let mut name = String::with_capacity(tracking_id.len() + 5);
    for character in tracking_id.to_lowercase().chars() {
        if matches!(character, 'a'..='z' | '0'..='9' | '+' | '-') {
            name.push(character);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    name.push_str(".json");
    name
}

/// Whether a text looks like a language tag (BCP 47: subtags of one to eight letters or digits).
pub(crate) fn is_language(text: &str) -> bool {
    let subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    text.len() <= 64
        && text.split('-').all(subtag)
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Tells other formats and versions by their marks, before the shape is looked at: "`/document` is
/// missing" helps nobody who has taken the wrong file.
fn check_format(json: &Json<'_>) -> Result<(), ImportError> {
    let fail = |pointer: &str, fault| Err(ImportError { pointer: pointer.to_owned(), fault });
    let foreign = [
        (
            "feed",
            "this is a ROLIE feed, a list of advisories: import the documents that it links to",
        ),
        (
            "service",
            "this is a ROLIE service document: import the advisories that its feeds link to",
        ),
        (
            "aggregator",
            "this is a CSAF aggregator's list of providers: import the documents that they publish",
        ),
        (
            "public_openpgp_keys",
            "this is a CSAF provider's metadata: import the documents of its distributions",
        ),
        ("Event", "this is a MISP event, and only CSAF 2.0 is read here"),
        ("spec_version", "this is a STIX object, and only CSAF 2.0 is read here"),
        ("objects", "this is a STIX bundle, and only CSAF 2.0 is read here"),
    ];
    let Json::Map(members) = json else {
        return fail(
            "",
            Fault::Type { expected: "an object, as a CSAF document is", found: json.type_name() },
        );
    };
    if !members.contains_key("document") {
        return match foreign.iter().find(|(name, _)| members.contains_key(*name)) {
            Some((name, what)) => fail(&format!("/{name}"), Fault::Foreign(what)),
            None => fail("/document", Fault::Foreign("missing: this is no CSAF document")),
        };
    }
    match json.at(&["document", "csaf_version"]) {
        Some(Json::Text(version)) if version == "2.0" => Ok(()),
        Some(Json::Text(version)) => {
            fail("/document/csaf_version", Fault::Version(one_line(version, 16)))
        }
        Some(_) | None => Ok(()),
    }
}

/// The label. TLP 1 of the standard, and TLP 2.0, which publishers write there as well; in any case of
/// letters, because a label that is not understood would leave the document unmarked.
fn tlp(json: &Json<'_>) -> Result<Option<Tlp>, ImportError> {
    let Some(label) =
        json.at(&["document", "distribution", "tlp", "label"]).and_then(Json::as_text)
    else {
        return Ok(None);
    };
    Tlp::from_name(label).map(Some).ok_or_else(|| ImportError {
        pointer: "/document/distribution/tlp/label".to_owned(),
        fault: Fault::Choice {
            found: one_line(label, 64),
            allowed: "WHITE, GREEN, AMBER, RED, or CLEAR, AMBER+STRICT of TLP 2.0".to_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_follow_the_standard() {
        assert_eq!(file_name("ICSA-22-069-09"), "icsa-22-069-09.json");
        assert_eq!(
            file_name("Example Company - 2019-YH3234"),
            "example_company_-_2019-yh3234.json"
        );
        assert_eq!(file_name("RHBA-2019:0024"), "rhba-2019_0024.json");
        assert_eq!(file_name("2022 #01-A"), "2022_01-a.json");
        assert_eq!(file_name("../../etc/passwd"), "_etc_passwd.json");
    }

    #[test]
    fn language_tags() {
        assert!(["en", "pt-BR", "zh-Hant-TW", "qdq", "x-klingon"].into_iter().all(is_language));
        assert!(["", "-", "en_US", "en-", "1a", "en\n"].into_iter().all(|tag| !is_language(tag)));
    }
}
