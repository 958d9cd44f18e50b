//! The texts of a case: what was agreed with the recipient and with others, and the charter of its group.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use comity_core::agreement::Terms;
use comity_core::policy::{Agreement, Text, Trees};
use comity_core::{RecordId, Section, Timestamp};

use crate::cell::{Cell, Dimension as D};
use crate::part::section;
use crate::world::{AHEAD, DESK, PAST, THEM, US};

/// Texts, each read once.
#[derive(Default)]
pub struct Papers(HashMap<String, Arc<Terms>>);

/// In force since long before the moment, so that the first of several is the one that is measured.
const HEADER: &str = "format = 1\ntitle = \"t\"\nstarts = 2020-01-01\n";
/// What covers nothing for which pairing alone does not suffice.
const LEAST: &str = "tier = \"mou\"\nmax-tlp = \"CLEAR\"\n";

const MEASURED: RecordId = RecordId([11; 32]);

impl Papers {
    /// The agreement that is measured against, and others that cover nothing and only restrict.
    pub fn with_the_recipient(&mut self, cell: &Cell) -> Vec<Agreement> {
        let mut signed = Vec::new();
        let own = cell.is(D::Whose, &["that agreement"]);
        let text = text(cell, own);
        let in_force =
            |papers: &mut Self| Agreement::new(MEASURED, papers.read(&text), Timestamp::EPOCH);
        match cell.value(D::Agreement) {
            "in force" => signed.push(in_force(self)),
            "from T" => signed.push(Agreement::new(MEASURED, self.read(&text), AHEAD)),
            "ended" => signed.push(in_force(self).terminated(PAST)),
            "ended, its notice runs" => signed.push(in_force(self).terminated_early(PAST, AHEAD)),
            "in doubt" => signed.push(in_force(self).in_doubt()),
            "contested" => {
                let (terms, least) = (self.read(&text), self.least());
                signed.extend(amended(MEASURED, &terms, &[(12, &terms), (13, &least)]));
            }
            _ => {}
        }
        if cell.is(D::Whose, &["a text that was amended"]) {
            let (terms, least) = (self.prohibiting(cell), self.least());
            signed.extend(amended(RecordId([21; 32]), &terms, &[(22, &least)]));
        }
        if !cell.is(D::Agreement, &["in force"]) {
            return signed;
        }
        if cell.is(D::NoLawEnforcement, &["with the recipient"]) {
            signed.push(self.excluding(31));
        }
        if cell.is(D::Purposes, &["two agreements apart"]) {
            let terms = self.read(&format!("{HEADER}{LEAST}purposes = [\"b\"]\n"));
            signed.push(Agreement::new(RecordId([32; 32]), terms, Timestamp::EPOCH));
        }
        signed
    }

    /// What we have agreed with the other partner, from whom the record may come.
    pub fn with_the_other(&mut self, cell: &Cell) -> Vec<Agreement> {
        let mut signed = Vec::new();
        if cell.is(D::NoLawEnforcement, &["with whom it came from"]) {
            signed.push(self.excluding(33));
        }
        let whose = cell.value(D::Whose);
        if whose.starts_with("one with whom it came from") {
            let prohibiting =
                Agreement::new(RecordId([34; 32]), self.prohibiting(cell), Timestamp::EPOCH);
            let ended = whose.ends_with("ended");
            signed.push(if ended { prohibiting.terminated(PAST) } else { prohibiting });
        }
        signed
    }

    fn excluding(&mut self, id: u8) -> Agreement {
        let terms = self.read(&format!("{HEADER}{LEAST}no-law-enforcement-use = true\n"));
        Agreement::new(RecordId([id; 32]), terms, Timestamp::EPOCH)
    }

    fn prohibiting(&mut self, cell: &Cell) -> Arc<Terms> {
        self.read(&format!("{HEADER}{LEAST}[prohibits]\n{}", prohibited(cell)))
    }

    fn least(&mut self) -> Arc<Terms> {
        self.read(&format!("{HEADER}{LEAST}"))
    }

    fn read(&mut self, text: &str) -> Arc<Terms> {
        let read = || Arc::new(Terms::parse(text).unwrap_or_else(|error| panic!("{error}")));
        Arc::clone(self.0.entry(text.to_owned()).or_insert_with(read))
    }
}

/// A text and those that amend it, all agreed: of several none holds.
fn amended(first: RecordId, terms: &Arc<Terms>, by: &[(u8, &Arc<Terms>)]) -> Vec<Agreement> {
    let agreed = |amends: &[RecordId], terms: &Arc<Terms>| {
        let mut text = Text::new(THEM, US, amends, Some(Arc::clone(terms)));
        assert!(text.accept(US, RecordId([99; 32]), Timestamp::EPOCH));
        text
    };
    let mut texts = BTreeMap::from([(first, agreed(&[], terms))]);
    texts.extend(by.iter().map(|(id, terms)| (RecordId([*id; 32]), agreed(&[first], terms))));
    let all: Vec<RecordId> = texts.keys().copied().collect();
    Trees::of(all, |id| texts.get(id), &BTreeSet::new()).into_agreements()
}

fn text(cell: &Cell, prohibits: bool) -> String {
    let mut text = format!("{HEADER}tier = \"{}\"\n", cell.value(D::Tier));
    let mut say = |line: &str| writeln!(text, "{line}").unwrap();
    if cell.is(D::Tier, &["law-enforcement"]) {
        say(&format!("desk = \"{DESK}\""));
    }
    if cell.is(D::Ceiling, &["GREEN"]) {
        say("max-tlp = \"GREEN\"");
    }
    say(&format!("max-pap = \"{}\"", cell.value(D::MaxPap)));
    if !cell.is(D::Kind, &["covered"]) {
        say("kinds = [\"advisory\"]");
    }
    match cell.value(D::SectionsNarrowed) {
        "the case alone" => say("sections = [\"case\"]"),
        "from AMBER on the case alone" => say("sections-at-amber = [\"case\"]"),
        _ => {}
    }
    say("categories = [\"covered\", \"prohibited\"]");
    match cell.value(D::Purposes) {
        "any" | "received" => {}
        "agreed" | "two agreements apart" => say("purposes = [\"a\"]"),
        _ => say("purposes = [\"a\", \"c\"]"),
    }
    if cell.is(D::Bases, &["listed"]) {
        say("legal-bases = [\"Act 12\"]");
    }
    say(&format!("exercises = {}", cell.value(D::ExercisesAdmitted)));
    // The moment is 2026-11-21T22:26:40Z.
    match cell.value(D::Review) {
        "ahead (stop)" => say("review = 2026-11-21\nreview-overdue = \"stop\""),
        "overdue (warn)" => say("review = 2026-11-20\nreview-overdue = \"warn\""),
        "overdue (stop)" => say("review = 2026-11-20\nreview-overdue = \"stop\""),
        _ => {}
    }
    if prohibits {
        say(&format!("[prohibits]\n{}", prohibited(cell)));
    }
    text
}

/// What some agreement prohibits.
fn prohibited(cell: &Cell) -> String {
    let mut text = String::from("categories = [\"prohibited\"]\n");
    let mut say = |line: &str| writeln!(text, "{line}").unwrap();
    if cell.is(D::ProhibitsAbove, &["above GREEN"]) {
        say("tlp-above = \"GREEN\"");
    }
    if cell.is(D::Kind, &["prohibited"]) {
        say("kinds = [\"incident\"]");
    }
    if cell.is(D::ProhibitsSection, &["the section"]) {
        say(&format!("sections = {:?}", named(cell)));
    }
    if cell.is(D::ProhibitsClass, &["the class"]) {
        say(&format!("classes = {:?}", classes(cell)));
    }
    text
}

/// The section, as agreements name it, if they can.
fn named(cell: &Cell) -> Vec<String> {
    let (section, counts_as) = section(cell);
    let named = if section == Section::Translation { counts_as } else { section };
    named.is_known().then(|| named.to_string()).into_iter().collect()
}

/// The classes of the part that have a name.
pub fn classes(cell: &Cell) -> Vec<&'static str> {
    match cell.value(D::Class) {
        "no class" | "unknown" => Vec::new(),
        "personal-data and evidence" => vec!["personal-data", "evidence"],
        class => vec![class],
    }
}

/// The charter of the group. What it says of `it` is what this case has.
pub fn charter(cell: &Cell) -> String {
    let later = cell.is(D::Member, &["joined later, where that opens what was before"]);
    let mut text = format!(
        "format = 1\nname = \"g\"\npurpose = \"p\"\nfounders = [\"a\", \"b\", \"c\", \"d\"]\n\
        starts = 2020-01-01\nlater-joiners-see-earlier-records = {later}\n\
        sponsors = {{ needed = 1 }}\nremoval = {{ by = \"secretariat\" }}\n[terms]\n"
    );
    let mut say = |line: &str| writeln!(text, "{line}").unwrap();
    if cell.is(D::Charter, &["covers less"]) {
        say("tier = \"mou\"\nmax-tlp = \"GREEN\"\nkinds = [\"advisory\"]\nsections = [\"case\"]");
        return text;
    }
    say("tier = \"nda\"\nmax-pap = \"RED\"\ncategories = [\"covered\", \"one\", \"prohibited\"]");
    say("legal-bases = [\"Act 12\"]\nexercises = true");
    match cell.value(D::Charter) {
        "is for another purpose" => say("purposes = [\"b\"]"),
        "excludes law enforcement" => say("no-law-enforcement-use = true"),
        "prohibits it" => {
            say("[terms.prohibits]\ntlp-above = \"GREEN\"\nkinds = [\"incident\"]");
            say("categories = [\"covered\"]");
            say(&format!("sections = {:?}", named(cell)));
            say(&format!("classes = {:?}", classes(cell)));
        }
        _ => {}
    }
    text
}
