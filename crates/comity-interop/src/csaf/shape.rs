//! The shape of a CSAF 2.0 document, as data.
//!
//! Written after the prose of the standard (CSAF 2.0, section 3). The whole document is checked before
//! anything of it is read, so that what is made from it can rely on types; members that the standard
//! does not know are left alone. Empty lists and texts pass where they harm nobody.

use std::borrow::Cow;

use crate::csaf::is_language;
use crate::draft::{one_line, printable};
use crate::json::{Fault, ImportError, Json, Step, pointer};

/// What a value has to look like.
pub(super) enum Shape {
    /// Any text.
    Text,
    /// A text with something in it.
    Name,
    /// One of these texts.
    Word(&'static [&'static str]),
    /// A text of a form.
    Form(fn(&str) -> bool, &'static str),
    /// A CVSS score.
    Score,
    /// A list of one shape.
    List(&'static Shape),
    /// An object: the members that must be there, and the shapes of those that are known.
    Map(&'static [&'static str], &'static [(&'static str, &'static Shape)]),
}

use Shape::{Form, List, Map, Name, Score, Text, Word};

/// A whole document.
pub(super) static DOCUMENT: Shape = Map(
    &["document"],
    &[("document", &HEAD), ("product_tree", &TREE), ("vulnerabilities", &List(&VULNERABILITY))],
);

static HEAD: Shape = Map(
    &["category", "csaf_version", "publisher", "title", "tracking"],
    &[
        ("acknowledgments", &ACKNOWLEDGMENTS),
        ("aggregate_severity", &Map(&["text"], &[("namespace", &Text), ("text", &Text)])),
        ("category", &ID),
        ("csaf_version", &Text),
        ("distribution", &Map(&[], &[("text", &Text), ("tlp", &TLP)])),
        ("lang", &LANGUAGE),
        ("notes", &NOTES),
        ("publisher", &PUBLISHER),
        ("references", &REFERENCES),
        ("source_lang", &LANGUAGE),
        ("title", &Name),
        ("tracking", &TRACKING),
    ],
);

/// The label is judged where the marking is read.
static TLP: Shape = Map(&["label"], &[("label", &Text), ("url", &Text)]);

static PUBLISHER: Shape = Map(
    &["category", "name", "namespace"],
    &[
        (
            "category",
            &Word(&["coordinator", "discoverer", "other", "translator", "user", "vendor"]),
        ),
        ("contact_details", &Text),
        ("issuing_authority", &Text),
        ("name", &Name),
        ("namespace", &ID),
    ],
);

static TRACKING: Shape = Map(
    &[
        "current_release_date",
        "id",
        "initial_release_date",
        "revision_history",
        "status",
        "version",
    ],
    &[
        ("aliases", &TEXTS),
        ("current_release_date", &TIME),
        ("generator", &Map(&["engine"], &[("date", &TIME), ("engine", &ENGINE)])),
        ("id", &ID),
        ("initial_release_date", &TIME),
        ("revision_history", &List(&REVISION)),
        ("status", &Word(&["draft", "final", "interim"])),
        ("version", &VERSION),
    ],
);

static ENGINE: Shape = Map(&["name"], &[("name", &Text), ("version", &Text)]);

static REVISION: Shape = Map(
    &["date", "number", "summary"],
    &[("date", &TIME), ("legacy_version", &Text), ("number", &VERSION), ("summary", &Text)],
);

static TREE: Shape = Map(
    &[],
    &[
        ("branches", &List(&BRANCH)),
        ("full_product_names", &List(&PRODUCT)),
        ("product_groups", &List(&GROUP)),
        ("relationships", &List(&RELATIONSHIP)),
    ],
);

static BRANCH: Shape = Map(
    &["category", "name"],
    &[
        ("branches", &List(&BRANCH)),
        ("category", &Word(&BRANCH_CATEGORIES)),
        ("name", &Name),
        ("product", &PRODUCT),
    ],
);

static BRANCH_CATEGORIES: [&str; 12] = [
    "architecture",
    "host_name",
    "language",
    "legacy",
    "patch_level",
    "product_family",
    "product_name",
    "product_version",
    "product_version_range",
    "service_pack",
    "specification",
    "vendor",
];

static PRODUCT: Shape = Map(
    &["name", "product_id"],
    &[("name", &Name), ("product_id", &Name), ("product_identification_helper", &HELPER)],
);

static HELPER: Shape = Map(
    &[],
    &[
        ("cpe", &Text),
        (
            "hashes",
            &List(&Map(
                &["file_hashes", "filename"],
                &[("file_hashes", &List(&HASH)), ("filename", &Text)],
            )),
        ),
        ("model_numbers", &TEXTS),
        ("purl", &Text),
        ("sbom_urls", &TEXTS),
        ("serial_numbers", &TEXTS),
        ("skus", &TEXTS),
        (
            "x_generic_uris",
            &List(&Map(&["namespace", "uri"], &[("namespace", &Text), ("uri", &Text)])),
        ),
    ],
);

static HASH: Shape = Map(&["algorithm", "value"], &[("algorithm", &Text), ("value", &Text)]);

static GROUP: Shape = Map(
    &["group_id", "product_ids"],
    &[("group_id", &Name), ("product_ids", &TEXTS), ("summary", &Text)],
);

static RELATIONSHIP: Shape = Map(
    &["category", "full_product_name", "product_reference", "relates_to_product_reference"],
    &[
        (
            "category",
            &Word(&[
                "default_component_of",
                "external_component_of",
                "installed_on",
                "installed_with",
                "optional_component_of",
            ]),
        ),
        ("full_product_name", &PRODUCT),
        ("product_reference", &Name),
        ("relates_to_product_reference", &Name),
    ],
);

static VULNERABILITY: Shape = Map(
    &[],
    &[
        ("acknowledgments", &ACKNOWLEDGMENTS),
        ("cve", &Form(is_cve, "a CVE id such as CVE-2026-12345")),
        ("cwe", &Map(&["id", "name"], &[("id", &Text), ("name", &Text)])),
        ("discovery_date", &TIME),
        ("flags", &List(&FLAG)),
        ("ids", &List(&Map(&["system_name", "text"], &[("system_name", &Text), ("text", &Text)]))),
        ("involvements", &List(&INVOLVEMENT)),
        ("notes", &NOTES),
        ("product_status", &STATUS),
        ("references", &REFERENCES),
        ("release_date", &TIME),
        ("remediations", &List(&REMEDIATION)),
        ("scores", &List(&SCORES)),
        ("threats", &List(&THREAT)),
        ("title", &Text),
    ],
);

static FLAG: Shape = Map(
    &["label"],
    &[
        ("date", &TIME),
        ("group_ids", &TEXTS),
        (
            "label",
            &Word(&[
                "component_not_present",
                "inline_mitigations_already_exist",
                "vulnerable_code_cannot_be_controlled_by_adversary",
                "vulnerable_code_not_in_execute_path",
                "vulnerable_code_not_present",
            ]),
        ),
        ("product_ids", &TEXTS),
    ],
);

static INVOLVEMENT: Shape = Map(
    &["party", "status"],
    &[
        ("date", &TIME),
        ("party", &Word(&["coordinator", "discoverer", "other", "user", "vendor"])),
        (
            "status",
            &Word(&[
                "completed",
                "contact_attempted",
                "disputed",
                "in_progress",
                "not_contacted",
                "open",
            ]),
        ),
        ("summary", &Text),
    ],
);

static STATUS: Shape = Map(
    &[],
    &[
        ("first_affected", &TEXTS),
        ("first_fixed", &TEXTS),
        ("fixed", &TEXTS),
        ("known_affected", &TEXTS),
        ("known_not_affected", &TEXTS),
        ("last_affected", &TEXTS),
        ("recommended", &TEXTS),
        ("under_investigation", &TEXTS),
    ],
);

static REMEDIATION: Shape = Map(
    &["category", "details"],
    &[
        (
            "category",
            &Word(&["mitigation", "no_fix_planned", "none_available", "vendor_fix", "workaround"]),
        ),
        ("date", &TIME),
        ("details", &Text),
        ("entitlements", &TEXTS),
        ("group_ids", &TEXTS),
        ("product_ids", &TEXTS),
        ("restart_required", &Map(&["category"], &[("category", &Text), ("details", &Text)])),
        ("url", &Text),
    ],
);

static SCORES: Shape =
    Map(&["products"], &[("cvss_v2", &CVSS), ("cvss_v3", &CVSS), ("products", &TEXTS)]);

/// The members that every version of CVSS has.
static CVSS: Shape = Map(
    &["version", "vectorString", "baseScore"],
    &[("baseScore", &Score), ("baseSeverity", &Text), ("vectorString", &Text), ("version", &Text)],
);

static THREAT: Shape = Map(
    &["category", "details"],
    &[
        ("category", &Word(&["exploit_status", "impact", "target_set"])),
        ("date", &TIME),
        ("details", &Text),
        ("group_ids", &TEXTS),
        ("product_ids", &TEXTS),
    ],
);

static TEXTS: Shape = List(&Text);

static NOTES: Shape = List(&Map(
    &["category", "text"],
    &[
        ("audience", &Text),
        (
            "category",
            &Word(&[
                "description",
                "details",
                "faq",
                "general",
                "legal_disclaimer",
                "other",
                "summary",
            ]),
        ),
        ("text", &Text),
        ("title", &Text),
    ],
));

static REFERENCES: Shape = List(&Map(
    &["summary", "url"],
    &[("category", &Word(&["external", "self"])), ("summary", &Text), ("url", &Text)],
));

static ACKNOWLEDGMENTS: Shape = List(&Map(
    &[],
    &[("names", &TEXTS), ("organization", &Text), ("summary", &Text), ("urls", &TEXTS)],
));

static TIME: Shape = Form(is_time, "a time such as 2026-01-31T09:00:00Z");
static LANGUAGE: Shape = Form(is_language, "a language tag such as `en` or `pt-BR`");
static VERSION: Shape = Form(is_version, "a version: a whole number, or three such as `1.2.3`");
static ID: Shape = Form(is_id, "one line of text without space at its ends");

impl Shape {
    /// Whether a document has this shape.
    ///
    /// # Errors
    /// The first difference, with its pointer.
    pub(super) fn check(&self, json: &Json<'_>) -> Result<(), ImportError> {
        self.check_at(json, &mut Vec::new())
    }

    fn check_at<'a>(
        &self,
        json: &'a Json<'_>,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<(), ImportError> {
        let found = json.type_name();
        let mismatch = |expected| Err(Fault::Type { expected, found });
        let judged = match (self, json) {
            (List(shape), Json::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    steps.push(Step::Index(index));
                    shape.check_at(item, steps)?;
                    steps.pop();
                }
                Ok(())
            }
            (Map(required, fields), Json::Map(members)) => {
                if let Some(missing) = required.iter().find(|name| !members.contains_key(**name)) {
                    steps.push(Step::Name(Cow::Borrowed(missing)));
                    return Err(ImportError { pointer: pointer(steps), fault: Fault::Missing });
                }
                for (name, shape) in *fields {
                    if let Some(member) = members.get(*name) {
                        steps.push(Step::Name(Cow::Borrowed(name)));
                        shape.check_at(member, steps)?;
                        steps.pop();
                    }
                }
                Ok(())
            }
            (Score, Json::Number(score)) if (0.0..=10.0).contains(score) => Ok(()),
            (Score, Json::Number(score)) => {
                Err(Fault::Form { found: score.to_string(), expected: "a score from 0 to 10" })
            }
            (Text | Name | Word(_) | Form(..), Json::Text(text)) => self.check_text(text),
            (List(_), _) => mismatch("a list"),
            (Map(..), _) => mismatch("an object"),
            (Score, _) => mismatch("a number"),
            (Text | Name | Word(_) | Form(..), _) => mismatch("a text"),
        };
        judged.map_err(|fault| ImportError { pointer: pointer(steps), fault })
    }

    fn check_text(&self, text: &str) -> Result<(), Fault> {
        let found = || one_line(text, 64);
        match self {
            Word(words) if !words.contains(&text) => {
                Err(Fault::Choice { found: found(), allowed: words.join(", ") })
            }
            Form(is_form, expected) if !is_form(text) => {
                Err(Fault::Form { found: found(), expected })
            }
            Name if text.trim().is_empty() => {
                Err(Fault::Form { found: found(), expected: "a text with something in it" })
            }
            Text | Name | Word(_) | Form(..) | Score | List(_) | Map(..) => Ok(()),
        }
    }
}

/// RFC 3339, section 5.6, with a zone.
fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

fn is_cve(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix("CVE-").and_then(|rest| rest.split_once('-')).is_some_and(|(year, number)| {
        year.len() == 4 && number.len() >= 4 && digits(year) && digits(number)
    })
}

/// Whole numbers, or semantic versions as far as their three numbers (semver.org, 2.0.0).
fn is_version(text: &str) -> bool {
    let number = |text: &str| {
        !text.is_empty()
            && text.len() <= 20
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'))
    };
    let (core, rest) = text.find(['-', '+']).map_or((text, ""), |at| text.split_at(at));
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
    match core.split('.').collect::<Vec<_>>().as_slice() {
        [whole] => rest.is_empty() && number(whole),
        [major, minor, patch] => {
            [major, minor, patch].iter().all(|part| number(part))
                && rest.len() <= 64
                && rest.chars().all(known)
        }
        _ => false,
    }
}

/// What people and file systems will see as a name: bounded, one line, nothing at its ends.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && text.trim() == text && printable(text, false) == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, is) in [
            ("1", true),
            ("0", true),
            ("01", false),
            ("1.0.0", true),
            ("1.0.0-rc.1", true),
            ("1.0", false),
            ("1-rc", false),
            ("v1", false),
        ] {
            assert_eq!(is_version(text), is, "{text}");
        }
        for (text, is) in
            [("A-1", true), ("a b", true), (" a", false), ("a\nb", false), ("a\u{202e}b", false)]
        {
            assert_eq!(is_id(text), is, "{text:?}");
        }
        for (text, is) in [
            ("CVE-2026-0001", true),
            ("CVE-2026-001", false),
            ("cve-2026-0001", false),
            ("CVE-26-00001", false),
        ] {
            assert_eq!(is_cve(text), is, "{text}");
        }
        for (text, is) in [
            ("2026-01-31T09:00:00Z", true),
            ("2026-01-31T09:00:00.123+09:00", true),
            ("2026-01-31", false),
            ("2026-02-31T09:00:00Z", false),
            ("2026-01-31T09:00:00", false),
        ] {
            assert_eq!(is_time(text), is, "{text}");
        }
    }
}
