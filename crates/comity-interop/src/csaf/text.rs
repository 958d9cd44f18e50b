//! Readable texts from a CSAF document: plain, bounded, nothing but what the document says.

use std::collections::{BTreeMap, BTreeSet};

use crate::csaf::CsafDocument;
use crate::csaf::page::Page;
use crate::csaf::products::Products;
use crate::json::Json;

/// What it is, from whom, what it says at the top, and one line for each vulnerability.
pub(super) fn summary(document: &CsafDocument<'_>) -> String {
    let mut page = Page::default();
    let Some(head) = document.json().member("document") else { return page.finish() };
    origin(&mut page, document, head);
    for note in head.list("notes").iter().filter(|note| place(note) == Place::Summary) {
        titled(&mut page, note);
    }
    let vulnerabilities = document.json().list("vulnerabilities");
    if !vulnerabilities.is_empty() {
        page.heading(&format!("Vulnerabilities: {}", vulnerabilities.len()));
        for vulnerability in vulnerabilities {
            page.line_after("  - ", &one_liner(vulnerability));
        }
    }
    page.finish()
}

/// What to do: every remediation once, with the vulnerabilities and products that it is for, and what
/// the publisher recommends in general. Empty when the document says nothing of the kind.
pub(super) fn mitigation(document: &CsafDocument<'_>) -> String {
    let mut page = Page::default();
    let products = Products::of(document.json());
    for remedy in remedies(document.json()) {
        if page.is_full() {
            break;
        }
        page.heading(&remedy.title());
        page.indented("", remedy.details);
        for (label, text) in [("See", remedy.url), ("Restart", remedy.restart)] {
            if !text.is_empty() {
                page.line(&format!("{label}: {text}"));
            }
        }
        page.names("Products:", products.names(&remedy.products, &remedy.groups));
    }
    let notes =
        document.json().member("document").map(|head| head.list("notes")).unwrap_or_default();
    let mut last = "";
    for note in notes.iter().filter(|note| place(note) == Place::Mitigation) {
        // A publisher cuts one piece of advice into several notes of one title.
        if note.text("title") == last {
            page.paragraph(note.text("text"));
        } else {
            titled(&mut page, note);
            last = note.text("title");
        }
    }
    page.finish()
}

/// The full account: each vulnerability, then what else the document says.
pub(super) fn detail(document: &CsafDocument<'_>) -> String {
    let mut page = Page::default();
    let products = Products::of(document.json());
    for vulnerability in document.json().list("vulnerabilities") {
        if page.is_full() {
            break;
        }
        describe(&mut page, vulnerability, &products);
    }
    let Some(head) = document.json().member("document") else { return page.finish() };
    for note in head.list("notes").iter().filter(|note| place(note) == Place::Detail) {
        titled(&mut page, note);
    }
    references(&mut page, head);
    credits(&mut page, head);
    let revisions = head.member("tracking").map(|tracking| tracking.list("revision_history"));
    for (index, revision) in revisions.unwrap_or_default().iter().enumerate() {
        if index == 0 {
            page.heading("Revisions");
        }
        let (number, date) = (revision.text("number"), revision.text("date"));
        page.line_after("  - ", &format!("{number}, {date}: {}", revision.text("summary")));
    }
    page.finish()
}

/// In which text a note of the document is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Summary,
    Mitigation,
    Detail,
}

/// By its category; advice is often a `general` note, and told by its title.
fn place(note: &Json<'_>) -> Place {
    match note.text("category") {
        "summary" | "description" => Place::Summary,
        "general" | "details" | "other" => {
            let title = note.text("title").to_lowercase();
            let advice = ["recommend", "mitigation", "workaround", "remediation"];
            if advice.iter().any(|word| title.contains(word)) {
                Place::Mitigation
            } else {
                Place::Detail
            }
        }
        _ => Place::Detail,
    }
}

fn origin(page: &mut Page, document: &CsafDocument<'_>, head: &Json<'_>) {
    page.line(head.text("title"));
    let tracking = |name| head.at(&["tracking", name]).and_then(Json::as_text).unwrap_or("");
    page.heading(&format!(
        "{}, {}, version {} ({}) of {}",
        document.publisher,
        tracking("id"),
        tracking("version"),
        tracking("status"),
        tracking("current_release_date"),
    ));
    page.line(&document.provenance.namespace);
    if let Some(text) = head.at(&["aggregate_severity", "text"]).and_then(Json::as_text) {
        page.line(&format!("Severity, in the publisher's words: {text}"));
    }
    if let Some(text) = head.at(&["distribution", "text"]).and_then(Json::as_text) {
        page.line(&format!("Distribution: {text}"));
    }
}

/// A note under its title.
fn titled(page: &mut Page, note: &Json<'_>) {
    let title = note.text("title");
    page.heading(if title.is_empty() { note.text("category") } else { title });
    page.indented("", note.text("text"));
}

/// `CVE-2026-0001 Title (CWE-79), CVSS 9.8 CRITICAL`.
fn one_liner(vulnerability: &Json<'_>) -> String {
    let cwe = vulnerability.member("cwe");
    let title = match vulnerability.text("title") {
        title if title.is_empty() || title == name(vulnerability) => {
            cwe.map(|cwe| cwe.text("name")).unwrap_or_default()
        }
        title => title,
    };
    let mut line = name(vulnerability).to_owned();
    for text in
        [title.to_owned(), cwe.map(|cwe| format!("({})", cwe.text("id"))).unwrap_or_default()]
    {
        if !text.is_empty() {
            line.push(' ');
            line.push_str(&text);
        }
    }
    let worst = scores(vulnerability).max_by(|one, other| one.base.total_cmp(&other.base));
    if let Some(score) = worst {
        line.push_str(&format!(", CVSS {:.1} {}", score.base, score.severity));
    }
    line.trim_end().to_owned()
}

/// What people call a vulnerability: its CVE, or another id.
fn name<'a>(vulnerability: &'a Json<'a>) -> &'a str {
    match (vulnerability.text("cve"), vulnerability.list("ids").first()) {
        ("", Some(id)) => id.text("text"),
        ("", None) => "(no id)",
        (cve, _) => cve,
    }
}

struct Score<'a> {
    base: f64,
    severity: &'a str,
    version: &'a str,
    vector: &'a str,
}

fn scores<'a>(vulnerability: &'a Json<'a>) -> impl Iterator<Item = Score<'a>> {
    let kinds = |score: &'a Json<'a>| {
        ["cvss_v3", "cvss_v2"].into_iter().filter_map(|kind| score.member(kind))
    };
    vulnerability.list("scores").iter().flat_map(kinds).map(|cvss| Score {
        base: if let Some(Json::Number(base)) = cvss.member("baseScore") { *base } else { 0.0 },
        severity: cvss.text("baseSeverity"),
        version: cvss.text("version"),
        vector: cvss.text("vectorString"),
    })
}

/// The statuses of products, and what people call them.
const STATUSES: [(&str, &str); 8] = [
    ("known_affected", "Affected:"),
    ("first_affected", "Affected from:"),
    ("last_affected", "Affected up to:"),
    ("known_not_affected", "Not affected:"),
    ("first_fixed", "Fixed first in:"),
    ("fixed", "Fixed in:"),
    ("recommended", "Recommended:"),
    ("under_investigation", "Under investigation:"),
];

fn describe(page: &mut Page, vulnerability: &Json<'_>, products: &Products<'_>) {
    page.heading(&one_liner(vulnerability));
    for id in vulnerability.list("ids") {
        page.line(&format!("{}: {}", id.text("system_name"), id.text("text")));
    }
    let mut told = BTreeSet::new();
    for score in scores(vulnerability) {
        if told.insert(score.vector) {
            page.line(&format!(
                "CVSS {}: {:.1} {}, {}",
                score.version, score.base, score.severity, score.vector
            ));
        }
    }
    for (name, label) in [("discovery_date", "Discovered"), ("release_date", "Published")] {
        if !vulnerability.text(name).is_empty() {
            page.line(&format!("{label}: {}", vulnerability.text(name)));
        }
    }
    for note in vulnerability.list("notes") {
        page.paragraph(note.text("text"));
    }
    for threat in vulnerability.list("threats") {
        page.line(&format!(
            "{}: {}",
            threat.text("category").replace('_', " "),
            threat.text("details")
        ));
    }
    if let Some(status) = vulnerability.member("product_status") {
        for (name, label) in STATUSES {
            page.names(
                label,
                status.list(name).iter().filter_map(Json::as_text).map(|id| products.name(id)),
            );
        }
    }
    for flag in vulnerability.list("flags") {
        let ids = |list| flag.list(list).iter().filter_map(Json::as_text).collect();
        let label = flag.text("label").replace('_', " ");
        page.names(&format!("{label}:"), products.names(&ids("product_ids"), &ids("group_ids")));
    }
    for involvement in vulnerability.list("involvements") {
        let (party, status) =
            (involvement.text("party"), involvement.text("status").replace('_', " "));
        page.line(&format!("{party}: {status}. {}", involvement.text("summary")));
    }
    references(page, vulnerability);
    credits(page, vulnerability);
}

fn references(page: &mut Page, item: &Json<'_>) {
    for (index, reference) in item.list("references").iter().enumerate() {
        if index == 0 {
            page.heading("References:");
        }
        page.line_after(
            "  - ",
            &format!("{}: {}", reference.text("summary"), reference.text("url")),
        );
    }
}

/// Thanks, as the publisher gives them.
fn credits(page: &mut Page, item: &Json<'_>) {
    for credit in item.list("acknowledgments") {
        let mut names: Vec<&str> = credit.list("names").iter().filter_map(Json::as_text).collect();
        names.extend(Some(credit.text("organization")).filter(|name| !name.is_empty()));
        page.line(&format!("Thanks to {}: {}", names.join(", "), credit.text("summary")));
    }
}

/// A remediation, and everything that it is for.
struct Remedy<'a> {
    category: &'a str,
    details: &'a str,
    url: &'a str,
    restart: &'a str,
    vulnerabilities: BTreeSet<&'a str>,
    products: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
}

impl Remedy<'_> {
    fn title(&self) -> String {
        let what = match self.category {
            "vendor_fix" => "Fix",
            "mitigation" => "Mitigation",
            "workaround" => "Workaround",
            "none_available" => "No fix available",
            "no_fix_planned" => "No fix planned",
            other => other,
        };
        let some: Vec<&str> = self.vulnerabilities.iter().take(12).copied().collect();
        match self.vulnerabilities.len().saturating_sub(some.len()) {
            0 => format!("{what}, for {}", some.join(", ")),
            more => format!("{what}, for {} and {more} more", some.join(", ")),
        }
    }
}

/// Fixes before workarounds; each text once, in the order of the document. Publishers repeat the same
/// remediation under every vulnerability.
fn remedies<'a>(json: &'a Json<'a>) -> Vec<Remedy<'a>> {
    let mut remedies: Vec<Remedy<'a>> = Vec::new();
    let mut places = BTreeMap::new();
    for vulnerability in json.list("vulnerabilities") {
        for item in vulnerability.list("remediations") {
            let key = (item.text("category"), item.text("details"), item.text("url"));
            let place = *places.entry(key).or_insert(remedies.len());
            if place == remedies.len() {
                remedies.push(Remedy {
                    category: key.0,
                    details: key.1,
                    url: key.2,
                    restart: item
                        .member("restart_required")
                        .map(|it| it.text("category"))
                        .unwrap_or_default(),
                    vulnerabilities: BTreeSet::new(),
                    products: BTreeSet::new(),
                    groups: BTreeSet::new(),
                });
            }
            if let Some(remedy) = remedies.get_mut(place) {
                remedy.vulnerabilities.insert(name(vulnerability));
                remedy.products.extend(item.list("product_ids").iter().filter_map(Json::as_text));
                remedy.groups.extend(item.list("group_ids").iter().filter_map(Json::as_text));
            }
        }
    }
    let order = ["vendor_fix", "mitigation", "workaround", "none_available", "no_fix_planned"];
    remedies.sort_by_key(|remedy| order.iter().position(|category| *category == remedy.category));
    remedies
}
