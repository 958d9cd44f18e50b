//! What a person should know of a document before publishing it.
//!
//! A selection of the mandatory tests of CSAF 2.0, section 6.1: those whose failure changes what a
//! reader understands. The rest is a validator's work.

use std::collections::{BTreeMap, BTreeSet};

use crate::csaf::products::Products;
use crate::draft::{Notice, one_line};
use crate::json::Json;
use crate::limits;

pub(super) fn of(json: &Json<'_>, bytes: &[u8]) -> Vec<Notice> {
    let mut notices = Notices::default();
    if bytes.starts_with(b"\xef\xbb\xbf") {
        notices.add(
            "",
            "the document begins with a byte order mark, which the standard does not allow",
        );
    }
    marking(json, &mut notices);
    tracking(json, &mut notices);
    category(json, &mut notices);
    products(json, &mut notices);
    notices.0
}

#[derive(Default)]
struct Notices(Vec<Notice>);

impl Notices {
    fn add(&mut self, pointer: impl Into<String>, what: impl Into<String>) {
        if self.0.len() < limits::NOTICES {
            self.0.push(Notice { pointer: pointer.into(), what: what.into() });
        }
    }
}

fn marking(json: &Json<'_>, notices: &mut Notices) {
    let label = json.at(&["document", "distribution", "tlp", "label"]).and_then(Json::as_text);
    match label {
        None => notices.add(
            "/document/distribution/tlp",
            "the document has no marking: it is kept as AMBER+STRICT, and sent to nobody until it is marked",
        ),
        Some("WHITE" | "GREEN" | "AMBER" | "RED") => {}
        Some(label) => notices.add(
            "/document/distribution/tlp/label",
            format!("`{}` is no label of CSAF 2.0; read by its name", one_line(label, 64)),
        ),
    }
    let text = json.at(&["document", "distribution", "text"]).and_then(Json::as_text);
    if let Some(text) = text.filter(|text| !text.trim().is_empty() && label != Some("WHITE")) {
        notices.add(
            "/document/distribution/text",
            format!(
                "the publisher limits distribution in words: {}",
                one_line(text, limits::TITLE_CHARS)
            ),
        );
    }
}

fn tracking(json: &Json<'_>, notices: &mut Notices) {
    let Some(tracking) = json.at(&["document", "tracking"]) else { return };
    let (status, version) = (tracking.text("status"), tracking.text("version"));
    if status == "draft" {
        notices.add(
            "/document/tracking/status",
            "the publisher calls it a draft, not meant for distribution",
        );
    }
    let initial = version == "0" || version.starts_with("0.") || version.contains('-');
    if status == "final" && initial {
        notices.add(
            "/document/tracking/version",
            format!("a final document has the version `{version}` of a draft"),
        );
    }
    let mut revisions: Vec<_> = tracking.list("revision_history").iter().collect();
    revisions.sort_by_cached_key(|revision| {
        (revision.text("date").parse::<jiff::Timestamp>().ok(), order(revision.text("number")))
    });
    let numbers: Vec<&str> = revisions.iter().map(|revision| revision.text("number")).collect();
    if !numbers.is_sorted_by_key(|number| order(number)) {
        notices.add(
            "/document/tracking/revision_history",
            "the revisions' numbers and dates are in different orders",
        );
    }
    match numbers.last() {
        None => notices.add("/document/tracking/revision_history", "there is no revision"),
        Some(number) if bare(number, status) != bare(version, status) => notices.add(
            "/document/tracking/version",
            format!("the version is `{version}`, and the newest revision is `{number}`"),
        ),
        Some(_) => {}
    }
}

/// The numbers of a version, as they count.
fn order(version: &str) -> Vec<u64> {
    let core = version.split(['-', '+']).next().unwrap_or("");
    core.split('.').map(|number| number.parse().unwrap_or(u64::MAX)).collect()
}

/// A version without what section 6.1.16 leaves out: build metadata, and in a draft what comes before a release.
fn bare<'a>(version: &'a str, status: &str) -> &'a str {
    let version = version.split('+').next().unwrap_or("");
    if status == "draft" { version.split('-').next().unwrap_or("") } else { version }
}

/// The profiles of section 4, and what each cannot do without.
const PROFILES: [(&str, &[&str]); 5] = [
    ("csaf_base", &[]),
    ("csaf_security_incident_response", &["/document/notes", "/document/references"]),
    ("csaf_informational_advisory", &["/document/notes", "/document/references"]),
    ("csaf_security_advisory", &["/product_tree", "/vulnerabilities"]),
    ("csaf_vex", &["/product_tree", "/vulnerabilities"]),
];

fn category(json: &Json<'_>, notices: &mut Notices) {
    let category = json.at(&["document", "category"]).and_then(Json::as_text).unwrap_or("");
    let Some((_, needs)) = PROFILES.iter().find(|(name, _)| *name == category) else {
        // Section 6.1.26: other names are free, unless they look like a profile's.
        let plain = |name: &str| -> String {
            name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase()
        };
        let (own, known) = (plain(category), PROFILES.map(|(name, _)| plain(name)));
        let looks_like =
            |name: &String| *name == own || name.strip_prefix("csaf") == Some(own.as_str());
        let what = if category.starts_with("csaf_") || known.iter().any(looks_like) {
            format!("`{category}` looks like a profile of CSAF 2.0, and is none")
        } else {
            return;
        };
        return notices.add("/document/category", what);
    };
    for need in *needs {
        let path: Vec<&str> = need.split('/').skip(1).collect();
        if json.at(&path).is_none() {
            notices.add(*need, format!("missing in a document of category `{category}`"));
        }
    }
    if category == "csaf_informational_advisory" && json.member("vulnerabilities").is_some() {
        notices.add(
            "/vulnerabilities",
            format!("not expected in a document of category `{category}`"),
        );
    }
}

fn products(json: &Json<'_>, notices: &mut Notices) {
    let products = Products::of(json);
    for (pointer, id) in products.repeated() {
        notices
            .add(pointer.as_str(), format!("the product `{}` is defined twice", one_line(id, 64)));
    }
    let mut unknown = BTreeSet::new();
    for (number, vulnerability) in json.list("vulnerabilities").iter().enumerate() {
        let at = format!("/vulnerabilities/{number}");
        for (place, id) in mentions(vulnerability) {
            if !products.knows(id) && unknown.insert(id) {
                let what = format!("the product `{}` is not defined", one_line(id, 64));
                notices.add(format!("{at}/{place}"), what);
            }
        }
        contradiction(vulnerability, &at, notices);
        severities(vulnerability, &at, notices);
    }
}

/// The product ids that a vulnerability names, and the member where.
fn mentions<'a>(vulnerability: &'a Json<'a>) -> impl Iterator<Item = (&'static str, &'a str)> {
    let lists = [
        ("remediations", "product_ids"),
        ("threats", "product_ids"),
        ("flags", "product_ids"),
        ("scores", "products"),
    ];
    let items = lists.into_iter().flat_map(|(place, ids)| {
        vulnerability
            .list(place)
            .iter()
            .flat_map(move |item| item.list(ids))
            .map(move |id| (place, id))
    });
    let statuses =
        statuses(vulnerability).flat_map(|(_, ids)| ids).map(|id| ("product_status", id));
    statuses.chain(items).filter_map(|(place, id)| Some((place, id.as_text()?)))
}

fn statuses<'a>(vulnerability: &'a Json<'a>) -> impl Iterator<Item = (&'a str, &'a [Json<'a>])> {
    let statuses = vulnerability.member("product_status");
    STATUSES.into_iter().filter_map(move |status| Some((status, statuses?.list(status))))
}

const STATUSES: [&str; 8] = [
    "first_affected",
    "first_fixed",
    "fixed",
    "known_affected",
    "known_not_affected",
    "last_affected",
    "recommended",
    "under_investigation",
];

/// Section 6.1.6.
fn contradiction(vulnerability: &Json<'_>, at: &str, notices: &mut Notices) {
    let mut said: BTreeMap<&str, &str> = BTreeMap::new();
    for (status, ids) in statuses(vulnerability) {
        let group = match status {
            "first_affected" | "known_affected" | "last_affected" => "affected",
            "known_not_affected" => "not affected",
            "first_fixed" | "fixed" => "fixed",
            "under_investigation" => "under investigation",
            _ => continue,
        };
        for id in ids.iter().filter_map(Json::as_text) {
            let before = *said.entry(id).or_insert(group);
            if before != group {
                let what =
                    format!("the product `{}` is both {before} and {group}", one_line(id, 64));
                return notices.add(format!("{at}/product_status"), what);
            }
        }
    }
}

/// Section 6.1.9, as far as words go: a screen shows the word beside the number.
fn severities(vulnerability: &Json<'_>, at: &str, notices: &mut Notices) {
    for (index, score) in vulnerability.list("scores").iter().enumerate() {
        let Some(cvss) = score.member("cvss_v3") else { continue };
        let Some(Json::Number(base)) = cvss.member("baseScore") else { continue };
        let word = match *base {
            base if base < 0.1 => "NONE",
            base if base < 4.0 => "LOW",
            base if base < 7.0 => "MEDIUM",
            base if base < 9.0 => "HIGH",
            _ => "CRITICAL",
        };
        let found = cvss.text("baseSeverity");
        if !found.is_empty() && found != word {
            notices.add(
                format!("{at}/scores/{index}/cvss_v3/baseSeverity"),
                format!("a score of {base:.1} is {word}, not `{}`", one_line(found, 64)),
            );
        }
    }
}
