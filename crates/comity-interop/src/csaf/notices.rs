//! What a person should know of a document before publishing it.
//!
//! A selection of the mandatory tests of CSAF 2.0, section 6.1: those whose failure changes what a
//! reader understands. The rest is a validator's work.

use std::collections::BTreeSet;

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
    let newest = tracking.list("revision_history").iter().max_by_key(|revision| {
        revision.text("date").parse::<jiff::Timestamp>().unwrap_or(jiff::Timestamp::MIN)
    });
    match newest.map(|revision| revision.text("number")) {
        None => notices.add("/document/tracking/revision_history", "there is no revision"),
        Some(number) if !number.starts_with(version) && !version.starts_with(number) => notices
            .add(
                "/document/tracking/version",
                format!(
                    "the version is `{version}`, and the newest revision is `{}`",
                    one_line(number, 64)
                ),
            ),
        Some(_) => {}
    }
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
    let mut told = BTreeSet::new();
    for (number, vulnerability) in json.list("vulnerabilities").iter().enumerate() {
        let Some(Json::Map(statuses)) = vulnerability.member("product_status") else { continue };
        let mut affected: BTreeSet<&str> = BTreeSet::new();
        let mut unaffected: BTreeSet<&str> = BTreeSet::new();
        for (status, ids) in statuses {
            let Json::List(ids) = ids else { continue };
            for (index, id) in ids.iter().filter_map(Json::as_text).enumerate() {
                if !products.knows(id) && told.insert(id) {
                    notices.add(
                        format!(
                            "/vulnerabilities/{number}/product_status/{}/{index}",
                            one_line(status, 64)
                        ),
                        format!("the product `{}` is not defined", one_line(id, 64)),
                    );
                }
                match status.as_ref() {
                    "first_affected" | "known_affected" | "last_affected" => affected.insert(id),
                    "known_not_affected" | "first_fixed" | "fixed" => unaffected.insert(id),
                    _ => false,
                };
            }
        }
        if let Some(id) = affected.intersection(&unaffected).next() {
            notices.add(
                format!("/vulnerabilities/{number}/product_status"),
                format!("the product `{}` is both affected and not", one_line(id, 64)),
            );
        }
    }
}
