//! Two agreements side by side, field by field, in the words of their texts.

use super::resolve::{onward_name, return_or_destroy_name};
use super::terms::{DAY, Field, Paper, ReviewOverdue, Terms};
use super::values::{Value, ValueSet};
use crate::time::Timestamp;

/// What a difference means for what may go, looked at by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// More may go, or less is asked of whoever receives it.
    Wider,
    /// Less may go, or more is asked.
    Narrower,
    /// Neither is wider than the other, or it is no matter of what goes.
    Other,
}

impl Effect {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wider => "wider",
            Self::Narrower => "narrower",
            Self::Other => "other",
        }
    }
}

/// One field that is not the same in two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field's name in the text: `max-tlp`, `prohibits.sections`, `paper.versions`.
    pub field: &'static str,
    /// What it was, as a text says it. Empty: nothing.
    pub before: String,
    /// What it is.
    pub after: String,
    /// What it means by itself.
    pub effect: Effect,
    /// The article of the later paper, or else of the earlier.
    pub clause: Option<String>,
}

/// What differs between two agreements. What a text does not say counts as what follows from its tier,
/// so that saying the same in more words is no difference.
#[must_use]
pub fn differences(before: &Terms, after: &Terms) -> Vec<Difference> {
    let mut pair = Pair { before, after, found: Vec::new() };
    pair.period();
    pair.scope();
    pair.duties();
    pair.prohibitions();
    pair.paper();
    pair.found
}

struct Pair<'a> {
    before: &'a Terms,
    after: &'a Terms,
    found: Vec<Difference>,
}

impl Pair<'_> {
    fn period(&mut self) {
        self.plain("title", None, |terms| terms.title().to_owned());
        self.plain("name", None, |terms| terms.label().to_owned());
        self.plain("parties", None, |terms| terms.party_names().join(", "));
        self.ordered("tier", Field::Tier, |terms| terms.tier(), |tier| tier.to_string());
        self.plain("starts", Some(Field::Starts), |terms| day(terms.starts()));
        let last = |ends: Option<Timestamp>| {
            ends.map(|ends| day(ends.saturating_sub(DAY))).unwrap_or_default()
        };
        self.ordered(
            "ends",
            Field::Ends,
            |terms| terms.ends().unwrap_or(Timestamp::MAX),
            |ends| last(Some(*ends).filter(|ends| *ends < Timestamp::MAX)),
        );
        self.plain("review", Some(Field::Review), |terms| {
            terms.review().map(day).unwrap_or_default()
        });
        self.ordered(
            "review-overdue",
            Field::ReviewOverdue,
            |terms| std::cmp::Reverse(terms.review_overdue()),
            |overdue| match overdue.0 {
                ReviewOverdue::Warn => "warn".to_owned(),
                ReviewOverdue::Stop => "stop".to_owned(),
            },
        );
        self.plain("notice", Some(Field::Notice), |terms| days(terms.notice_days()));
    }

    fn scope(&mut self) {
        self.ordered("max-tlp", Field::MaxTlp, Terms::max_tlp, ToString::to_string);
        self.ordered("max-pap", Field::MaxPap, Terms::max_pap, ToString::to_string);
        self.set("sections", Field::Sections, |terms| terms.sections, false);
        self.set("sections-at-amber", Field::SectionsAtAmber, |terms| terms.at_amber, false);
        self.set("classes", Field::Classes, Terms::classes, false);
        self.set("kinds", Field::Kinds, Terms::kinds, false);
        self.names("categories", Field::Categories, |terms| terms.categories(), false);
        self.names("legal-bases", Field::LegalBases, |terms| terms.legal_bases(), false);
        self.ordered("exercises", Field::Exercises, Terms::admits_exercises, ToString::to_string);
        self.plain("desk", Some(Field::Desk), |terms| terms.desk().unwrap_or_default().to_owned());
    }

    fn duties(&mut self) {
        self.ordered(
            "onward",
            Field::Onward,
            |terms| std::cmp::Reverse(terms.obligations().onward),
            |onward| onward_name(onward.0).to_owned(),
        );
        self.ordered(
            "retention",
            Field::Retention,
            |terms| terms.obligations().retention_days.unwrap_or(u32::MAX),
            |kept| days(Some(*kept).filter(|kept| *kept < u32::MAX)),
        );
        self.plain("return-or-destroy", Some(Field::ReturnOrDestroy), |terms| {
            terms.return_or_destroy().map(return_or_destroy_name).unwrap_or_default().to_owned()
        });
        self.purposes();
        self.ordered(
            "no-law-enforcement-use",
            Field::NoLawEnforcementUse,
            |terms| !terms.no_law_enforcement_use(),
            |free| (!free).to_string(),
        );
        self.plain(
            "compelled-disclosure-notice",
            Some(Field::CompelledDisclosureNotice),
            |terms| days(terms.compelled_disclosure_notice_days()),
        );
    }

    /// No purpose is every purpose.
    fn purposes(&mut self) {
        let of = |terms: &Terms| terms.obligations().purposes.clone();
        let (before, after) = (of(self.before), of(self.after));
        let effect = match (before.is_empty(), after.is_empty()) {
            (false, true) => Effect::Wider,
            (true, false) => Effect::Narrower,
            (true, true) | (false, false) => of_names(&before, &after),
        };
        let (before, after) = (before.join(", "), after.join(", "));
        self.note("purposes", Some(Field::Purposes), before, after, effect);
    }

    fn prohibitions(&mut self) {
        self.ordered(
            "prohibits.tlp-above",
            Field::Prohibits,
            |terms| terms.prohibitions().tlp_above.map_or((1, None), |label| (0, Some(label))),
            |(_, label)| label.map(|label| label.to_string()).unwrap_or_default(),
        );
        let field = Field::Prohibits;
        self.set("prohibits.sections", field, |terms| terms.prohibitions().sections, true);
        self.set("prohibits.classes", field, |terms| terms.prohibitions().classes, true);
        self.set("prohibits.kinds", field, |terms| terms.prohibitions().kinds, true);
        self.names("prohibits.categories", field, |terms| &terms.prohibitions().categories, true);
    }

    fn paper(&mut self) {
        self.plain("paper.versions", Some(Field::Paper), |terms| {
            let versions = terms.paper().versions.iter().map(|version| {
                let authentic = if version.authentic { ", authentic" } else { "" };
                format!("{} {}{authentic}", version.language, version.sha256)
            });
            versions.collect::<Vec<_>>().join("; ")
        });
        self.plain("paper.signatories", Some(Field::Signatories), |terms| {
            let signed = terms
                .paper()
                .signatories
                .iter()
                .map(|one| format!("{} ({}) for {}", one.name, one.capacity, one.party));
            signed.collect::<Vec<_>>().join("; ")
        });
        self.plain("paper.notices", Some(Field::Notices), |terms| {
            let Paper { notices, .. } = terms.paper();
            notices.clone().unwrap_or_default()
        });
        self.plain("paper.survival", Some(Field::Survival), |terms| {
            days(terms.paper().survival_days)
        });
        for field in Field::ALL {
            let of = |terms: &Terms| terms.clause(*field).unwrap_or_default().to_owned();
            let (before, after) = (of(self.before), of(self.after));
            if before != after {
                let before = format!("{field}: {before}");
                let after = format!("{field}: {after}");
                self.note("clauses", None, before, after, Effect::Other);
            }
        }
    }

    /// A value that is the wider the greater it is.
    fn ordered<T: Ord>(
        &mut self,
        name: &'static str,
        field: Field,
        of: impl Fn(&Terms) -> T,
        words: impl Fn(&T) -> String,
    ) {
        let (before, after) = (of(self.before), of(self.after));
        let effect = if after > before { Effect::Wider } else { Effect::Narrower };
        self.note(name, Some(field), words(&before), words(&after), effect);
    }

    /// A value of which none is wider than another.
    fn plain(&mut self, name: &'static str, field: Option<Field>, of: impl Fn(&Terms) -> String) {
        let (before, after) = (of(self.before), of(self.after));
        self.note(name, field, before, after, Effect::Other);
    }

    fn set<T: Value>(
        &mut self,
        name: &'static str,
        field: Field,
        of: impl Fn(&Terms) -> ValueSet<T>,
        prohibits: bool,
    ) {
        let (before, after) = (of(self.before), of(self.after));
        let (lost, gained) = (!before.without(after).is_empty(), !after.without(before).is_empty());
        let effect = of_sets(lost, gained, prohibits);
        self.note(name, Some(field), before.to_string(), after.to_string(), effect);
    }

    fn names(
        &mut self,
        name: &'static str,
        field: Field,
        of: impl Fn(&Terms) -> &[String],
        prohibits: bool,
    ) {
        let (before, after) = (of(self.before), of(self.after));
        let effect = match of_names(before, after) {
            Effect::Wider if prohibits => Effect::Narrower,
            Effect::Narrower if prohibits => Effect::Wider,
            effect @ (Effect::Wider | Effect::Narrower | Effect::Other) => effect,
        };
        let (before, after) = (before.join(", "), after.join(", "));
        self.note(name, Some(field), before, after, effect);
    }

    fn note(
        &mut self,
        name: &'static str,
        field: Option<Field>,
        before: String,
        after: String,
        effect: Effect,
    ) {
        if before == after {
            return;
        }
        let clause = field.and_then(|field| {
            self.after.clause(field).or_else(|| self.before.clause(field)).map(str::to_owned)
        });
        self.found.push(Difference { field: name, before, after, effect, clause });
    }
}

fn of_names(before: &[String], after: &[String]) -> Effect {
    let lost = before.iter().any(|name| !after.contains(name));
    let gained = after.iter().any(|name| !before.contains(name));
    of_sets(lost, gained, false)
}

fn of_sets(lost: bool, gained: bool, prohibits: bool) -> Effect {
    match (lost, gained, prohibits) {
        (false, true, false) | (true, false, true) => Effect::Wider,
        (true, false, false) | (false, true, true) => Effect::Narrower,
        (true, true, _) | (false, false, _) => Effect::Other,
    }
}

/// `2027-06-30`.
fn day(instant: Timestamp) -> String {
    instant.to_string().chars().take_while(|letter| *letter != 'T').collect()
}

fn days(days: Option<u32>) -> String {
    match days {
        None => String::new(),
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOU: &str = include_str!("../../../../examples/agreements/mou.toml");

    fn found(from: &str, to: &str) -> Vec<(&'static str, String, String, Effect)> {
        assert_eq!(MOU.matches(from).count(), 1, "`{from}` is there once");
        let (before, after) = (Terms::parse(MOU).unwrap(), Terms::parse(&MOU.replace(from, to)));
        let found = differences(&before, &after.unwrap());
        found.into_iter().map(|one| (one.field, one.before, one.after, one.effect)).collect()
    }

    #[test]
    fn each_field_differs_in_its_own_words_and_says_which_way() {
        use Effect::*;
        for (from, to, field, before, after, effect) in [
            ("max-tlp = \"AMBER\"", "max-tlp = \"GREEN\"", "max-tlp", "AMBER", "GREEN", Narrower),
            ("max-pap = \"AMBER\"", "max-pap = \"RED\"", "max-pap", "AMBER", "RED", Wider),
            ("ends = 2028-12-31", "ends = 2029-12-31", "ends", "2028-12-31", "2029-12-31", Wider),
            ("ends = 2028-12-31\n", "", "ends", "2028-12-31", "", Wider),
            (
                "review = 2027-06-30",
                "review = 2027-07-01",
                "review",
                "2027-06-30",
                "2027-07-01",
                Other,
            ),
            ("\"warn\"", "\"stop\"", "review-overdue", "warn", "stop", Narrower),
            ("notice = \"90 days\"", "notice = \"1 day\"", "notice", "90 days", "1 day", Other),
            (
                "\"incident\", ",
                "",
                "kinds",
                "advisory, incident, sightings, request, response, note",
                "advisory, sightings, request, response, note",
                Narrower,
            ),
            ("categories = []", "categories = [\"health\"]", "categories", "", "health", Wider),
            ("exercises = true", "exercises = false", "exercises", "true", "false", Narrower),
            ("onward = \"ask\"", "onward = \"none\"", "onward", "ask", "none", Narrower),
            (
                "retention = \"2 years\"",
                "retention = \"1 year\"",
                "retention",
                "730 days",
                "365 days",
                Narrower,
            ),
            (
                "return-or-destroy = \"destroy\"",
                "return-or-destroy = \"either\"",
                "return-or-destroy",
                "destroy",
                "either",
                Other,
            ),
            (
                "purposes = [\"incident response\", \"protection of constituents\"]",
                "purposes = []",
                "purposes",
                "incident response, protection of constituents",
                "",
                Wider,
            ),
            (
                "sections = [\"attribution\"]",
                "sections = [\"attribution\", \"victim\"]",
                "prohibits.sections",
                "attribution",
                "attribution, victim",
                Narrower,
            ),
            (
                "sections = [\"attribution\"]",
                "tlp-above = \"GREEN\"\nsections = [\"attribution\"]",
                "prohibits.tlp-above",
                "",
                "GREEN",
                Narrower,
            ),
            (
                "survival = \"3 years\"",
                "survival = \"5 years\"",
                "paper.survival",
                "1095 days",
                "1825 days",
                Other,
            ),
            (
                "compelled-disclosure-notice = \"10 days\"",
                "compelled-disclosure-notice = \"5 days\"",
                "compelled-disclosure-notice",
                "10 days",
                "5 days",
                Other,
            ),
        ] {
            let expected = vec![(field, before.to_owned(), after.to_owned(), effect)];
            assert_eq!(found(from, to), expected, "{from} -> {to}");
        }
        let clause = found("tier = \"art. 4\"", "tier = \"art. 5\"");
        assert_eq!(clause[0].0, "clauses");
        assert_eq!((clause[0].1.as_str(), clause[0].2.as_str()), ("tier: art. 4", "tier: art. 5"));
    }

    #[test]
    fn a_difference_cites_the_later_paper_s_article() {
        let before = Terms::parse(MOU).unwrap();
        let text = MOU.replace("max-tlp = \"AMBER\"", "max-tlp = \"GREEN\"");
        let text = text.replace("max-tlp = \"art. 4.1\"", "max-tlp = \"art. 99\"");
        let found = differences(&before, &Terms::parse(&text).unwrap());
        assert_eq!(found[0].clause.as_deref(), Some("art. 99"));
    }

    #[test]
    fn saying_the_same_in_more_words_is_no_difference() {
        let short = "format = 1\ntitle = \"t\"\ntier = \"mou\"\nstarts = 2026-01-01\n";
        let long = format!("{short}max-tlp = \"AMBER\"\nmax-pap = \"CLEAR\"\nonward = \"ask\"\n");
        let terms = |text: &str| Terms::parse(text).unwrap();
        assert_eq!(differences(&terms(short), &terms(&long)), []);
        assert_eq!(differences(&terms(MOU), &terms(MOU)), []);
    }
}
