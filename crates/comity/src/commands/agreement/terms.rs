//! What an agreement lets through and asks for, in words: what follows from its tier as well, which the
//! text does not say.

use std::io::{self, Write};

use comity_core::Tlp;
use comity_core::agreement::{Field, Terms};

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

fn lines(terms: &Terms, zones: &Zones) -> Vec<(&'static str, Option<Field>, String)> {
    let (most, open) = (terms.max_tlp(), terms.unaddressed_tlp());
    let up_to = match most > open {
        true => format!("{most} where it is addressed, else {open}"),
        false => most.to_string(),
    };
    let mut lines = vec![("lets through", Some(Field::MaxTlp), format!("up to {up_to}"))];
    let below = terms.sections_at(Tlp::Clear);
    lines.push(("sections", Some(Field::Sections), below.to_string()));
    if most >= Tlp::Amber {
        let above = terms.sections_at(Tlp::Amber);
        if above != below {
            lines.push(("from AMBER", Some(Field::SectionsAtAmber), above.to_string()));
        }
    }
    lines.push(("classes", Some(Field::Classes), terms.classes().to_string()));
    let obligations = terms.obligations();
    lines.push(("passing on", Some(Field::Onward), obligations.onward.to_string()));
    if !obligations.purposes.is_empty() {
        let purposes = obligations.purposes.join(", ");
        lines.push(("only for", Some(Field::Purposes), purposes));
    }
    if let Some(days) = obligations.retention_days {
        lines.push(("kept for", Some(Field::Retention), format!("{days} days")));
    }
    let starts = zones.day(&terms.starts().to_string());
    let until = terms.ends().map(|ends| format!(" until {}", zones.last_day(&ends.to_string())));
    let notice = match terms.notice_days() {
        Some(days) => format!(", notice of {days} days"),
        None => ", without notice".to_owned(),
    };
    let term = format!("from {starts}{}{notice}", until.unwrap_or_default());
    lines.push(("in force", Some(Field::Notice), term));
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
}
