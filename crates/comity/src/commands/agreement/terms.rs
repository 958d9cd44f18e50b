//! What an agreement lets through and asks for, in words: what follows from its tier as well, which the
//! text does not say.

use std::io::{self, Write};

use comity_core::Tlp;
use comity_core::agreement::{Field, Prohibitions, ReturnOrDestroy, ReviewOverdue, Terms};

use crate::screen::printable;
use crate::screen::times::Zones;

/// Writes what these terms come to.
pub(super) fn write(terms: &Terms, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    for (name, field, value) in lines(terms, zones) {
        let article = field.and_then(|field| terms.clause(field));
        let article = article.map(|article| format!("  ({})", printable(article)));
        writeln!(out, "  {name:<13}{}{}", printable(&value), article.unwrap_or_default())?;
    }
    Ok(())
}

type Line = (&'static str, Option<Field>, String);

/// What lets through first, then what restricts that, then for how long.
fn lines(terms: &Terms, zones: &Zones) -> Vec<Line> {
    let mut lines = scope(terms);
    lines.extend(restrictions(terms));
    lines.extend(duties(terms));
    lines.extend(period(terms, zones));
    lines
}

fn scope(terms: &Terms) -> Vec<Line> {
    let never = terms.prohibitions();
    let most = |label: Tlp| never.tlp_above.map_or(label, |above| label.min(above));
    let (most, open) = (most(terms.max_tlp()), most(terms.unaddressed_tlp()));
    let up_to = match most > open {
        true => format!("{most} where it is addressed, else {open}"),
        false => most.to_string(),
    };
    let mut lines = vec![("lets through", Some(Field::MaxTlp), format!("up to {up_to}"))];
    let below = terms.sections_at(Tlp::Clear).without(never.sections);
    lines.push(("sections", Some(Field::Sections), below.to_string()));
    if most >= Tlp::Amber {
        let above = terms.sections_at(Tlp::Amber).without(never.sections);
        if above != below {
            lines.push(("from AMBER", Some(Field::SectionsAtAmber), above.to_string()));
        }
    }
    let classes = terms.classes().without(never.classes);
    lines.push(("classes", Some(Field::Classes), classes.to_string()));
    let kinds = terms.kinds().without(never.kinds);
    lines.push(("kinds", Some(Field::Kinds), kinds.to_string()));
    if !terms.categories().is_empty() {
        lines.push(("categories", Some(Field::Categories), terms.categories().join(", ")));
    }
    if terms.admits_exercises() {
        lines.push(("exercises", Some(Field::Exercises), "covered".to_owned()));
    }
    lines
}

fn restrictions(terms: &Terms) -> Vec<Line> {
    let mut lines = Vec::new();
    let never = prohibited(terms.prohibitions());
    if !never.is_empty() {
        lines.push(("prohibits", Some(Field::Prohibits), never.join("; ")));
    }
    lines.push(("actions", Some(Field::MaxPap), format!("up to PAP:{}", terms.max_pap())));
    if !terms.legal_bases().is_empty() {
        let bases = terms.legal_bases().join(", ");
        lines.push(("legal bases", Some(Field::LegalBases), bases));
    }
    if let Some(desk) = terms.desk() {
        lines.push(("desk", Some(Field::Desk), desk.to_owned()));
    }
    lines
}

/// What never goes, whatever any agreement with the same partner permits.
fn prohibited(never: &Prohibitions) -> Vec<String> {
    let lists = [
        ("sections", never.sections.to_string()),
        ("classes", never.classes.to_string()),
        ("kinds", never.kinds.to_string()),
        ("categories", never.categories.join(", ")),
    ];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let above = never.tlp_above.map(|label| format!("everything above {label}"));
    above.into_iter().chain(lists.map(|(name, list)| format!("{name} {list}"))).collect()
}

fn duties(terms: &Terms) -> Vec<Line> {
    let obligations = terms.obligations();
    let mut lines = vec![("passing on", Some(Field::Onward), obligations.onward.to_string())];
    if !obligations.purposes.is_empty() {
        let purposes = obligations.purposes.join(", ");
        lines.push(("only for", Some(Field::Purposes), purposes));
    }
    if terms.no_law_enforcement_use() {
        let never = "law enforcement".to_owned();
        lines.push(("never for", Some(Field::NoLawEnforcementUse), never));
    }
    if let Some(days) = obligations.retention_days {
        lines.push(("kept for", Some(Field::Retention), format!("{days} days")));
    }
    if let Some(what) = terms.return_or_destroy() {
        let what = match what {
            ReturnOrDestroy::Return => "everything is returned",
            ReturnOrDestroy::Destroy => "everything is destroyed, and that is certified",
            ReturnOrDestroy::Either => "everything is returned or destroyed",
        };
        lines.push(("at its end", Some(Field::ReturnOrDestroy), what.to_owned()));
    }
    if let Some(days) = terms.compelled_disclosure_notice_days() {
        let notice = format!("notice of {days} days before a disclosure that a law compels");
        lines.push(("disclosure", Some(Field::CompelledDisclosureNotice), notice));
    }
    lines
}

fn period(terms: &Terms, zones: &Zones) -> Vec<Line> {
    let starts = zones.day(&terms.starts().to_string());
    let until = terms.ends().map(|ends| format!(" until {}", zones.last_day(&ends.to_string())));
    let notice = match terms.notice_days() {
        Some(days) => format!(", notice of {days} days"),
        None => ", without notice".to_owned(),
    };
    let term = format!("from {starts}{}{notice}", until.unwrap_or_default());
    let mut lines = vec![("in force", Some(Field::Notice), term)];
    if let Some(review) = terms.review() {
        let overdue = match terms.review_overdue() {
            ReviewOverdue::Warn => "both sides are told when it is overdue",
            ReviewOverdue::Stop => "nothing goes under it while it is overdue",
        };
        let day = zones.day(&review.to_string());
        lines.push(("review", Some(Field::Review), format!("{day}; {overdue}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use crate::screen::times::Place;

    use super::*;

    #[test]
    fn what_follows_from_the_tier_is_said_as_well() {
        let text = "format = 1\ntitle = \"M\"\ntier = \"mou\"\nparties = [\"A\", \"B\"]\nstarts = 2026-04-01\nends = 2027-03-31\nnotice = \"90 days\"\nmax-tlp = \"AMBER\"\n[clauses]\nmax-tlp = \"art. 4\"\n";
        let terms = Terms::parse(text).unwrap();
        let mut out = Vec::new();
        write(&terms, &Zones::ours(Place::new(TimeZone::UTC, None)), &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(
            out.contains("lets through up to AMBER where it is addressed, else GREEN  (art. 4)\n"),
            "{out}"
        );
        assert!(out.contains("from AMBER   summary, mitigation, "), "{out}");
        assert!(
            out.contains("in force     from 2026-04-01 until 2027-03-31, notice of 90 days\n"),
            "{out}"
        );
    }

    #[test]
    fn whatever_restricts_is_said_before_anybody_signs() {
        let text = r#"
format = 1
title = "N"
tier = "law-enforcement"
parties = ["A", "B"]
starts = 2026-04-01
review = 2027-03-01
review-overdue = "stop"
max-pap = "GREEN"
categories = ["ransomware"]
legal-bases = ["Act 12"]
exercises = true
return-or-destroy = "either"
compelled-disclosure-notice = "5 days"
desk = "cyber crime"
[prohibits]
tlp-above = "AMBER"
sections = ["attribution"]
[clauses]
prohibits = "art. 9"
"#;
        let terms = Terms::parse(text).unwrap();
        let mut out = Vec::new();
        write(&terms, &Zones::ours(Place::new(TimeZone::UTC, None)), &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        for said in [
            "  prohibits    everything above AMBER; sections attribution  (art. 9)\n",
            "  lets through up to AMBER\n",
            "  actions      up to PAP:GREEN\n",
            "  categories   ransomware\n",
            "  legal bases  Act 12\n",
            "  exercises    covered\n",
            "  at its end   everything is returned or destroyed\n",
            "  disclosure   notice of 5 days before a disclosure that a law compels\n",
            "  desk         cyber crime\n",
            "  review       2027-03-01; nothing goes under it while it is overdue\n",
        ] {
            assert!(out.contains(said), "{said}{out}");
        }
        assert_eq!(out.matches("attribution").count(), 1, "{out}");
    }
}
