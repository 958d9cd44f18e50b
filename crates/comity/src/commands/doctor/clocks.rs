//! Our clock beside those of the partners whose links are up.

use std::time::Duration;

use comity_admin::{Failure, ask};
use comity_node::api::{PartnerLine, Pinged};

use super::Finding;
use crate::backend::Session;
use crate::screen::format::duration;

/// Clocks that differ by less are as good as one.
const LEEWAY: Duration = Duration::from_secs(30);
/// Half of what signing times may lie ahead: from there on a person has to look.
const TOO_FAR: Duration = Duration::from_secs(300);

/// Another clock, beside ours.
#[derive(Clone, Debug, PartialEq)]
struct Other {
    name: String,
    ahead_ms: i64,
    within_ms: f64,
}

impl Other {
    /// By how much it differs for certain.
    fn off(&self) -> Duration {
        let within = Duration::try_from_secs_f64(self.within_ms / 1000.0).unwrap_or_default();
        Duration::from_millis(self.ahead_ms.unsigned_abs()).saturating_sub(within)
    }

    fn agrees(&self) -> bool {
        self.off() < LEEWAY
    }

    fn difference(&self) -> String {
        let by = duration(Duration::from_millis(self.ahead_ms.unsigned_abs()));
        format!("{by} {} ours", if self.ahead_ms > 0 { "ahead of" } else { "behind" })
    }
}

/// Asks every partner whose link is up what time it is.
pub(super) fn look(session: &Session, partners: &[PartnerLine]) -> Result<Vec<Finding>, Failure> {
    let mut others = Vec::new();
    for partner in partners.iter().filter(|partner| partner.connected == Some(true)) {
        let asked = ask::Named { name: partner.economy.clone() };
        // A link that goes down meanwhile is told of elsewhere.
        if let Ok(Pinged { clock_ahead_ms, clock_within_ms, .. }) = session.call("/ping", &asked) {
            let (ahead_ms, within_ms) = (clock_ahead_ms, clock_within_ms);
            others.push(Other { name: partner.name.clone(), ahead_ms, within_ms });
        }
    }
    Ok(judge(&others))
}

fn judge(others: &[Other]) -> Vec<Finding> {
    let (agree, differ): (Vec<_>, Vec<_>) = others.iter().partition(|other| other.agrees());
    let mut findings = Vec::new();
    if !agree.is_empty() {
        let what = format!("agrees with {}", names(&agree));
        findings.push(Finding::fine("clock", what));
    }
    match differ.as_slice() {
        [] => {}
        // Somebody agrees with us, so it is the others.
        _ if !agree.is_empty() => findings.extend(differ.iter().map(|other| {
            let what = format!("its clock is {}, and ours agrees with others", other.difference());
            weigh(&other.name, other, what, format!("ask the operator of {} to set it", other.name))
        })),
        [other] => {
            let what = format!(
                "that of {} is {}: one of the two is wrong{}",
                other.name,
                other.difference(),
                consequence(other)
            );
            let mend = format!(
                "timedatectl set-ntp true; if ours is right, ask the operator of {} to look",
                other.name
            );
            findings.push(weigh("clock", other, what, mend));
        }
        [first, ..] if one_side(&differ) => {
            let differences: Vec<_> = differ
                .iter()
                .map(|other| format!("{} {}", other.name, other.difference()))
                .collect();
            let what = format!("all others differ: {}: ours is wrong", differences.join(", "));
            let nearest = differ.iter().copied().min_by_key(|other| other.off()).unwrap_or(first);
            findings.push(weigh("clock", nearest, what, "timedatectl set-ntp true".to_owned()));
        }
        [_, ..] => findings.extend(differ.iter().map(|other| {
            let what = format!("its clock is {}{}", other.difference(), consequence(other));
            let mend = format!("timedatectl here, and the operator of {} there", other.name);
            weigh(&other.name, other, what, mend)
        })),
    }
    findings
}

fn weigh(about: &str, other: &Other, what: String, mend: String) -> Finding {
    if other.off() >= TOO_FAR {
        Finding::wrong(about, what, mend)
    } else {
        Finding::note(about, what, mend)
    }
}

/// What comes of it, to whom it matters.
fn consequence(other: &Other) -> &'static str {
    if other.off() < TOO_FAR {
        ""
    } else if other.ahead_ms > 0 {
        "; what it signs waits here once the clocks are 10 min apart"
    } else {
        "; what we sign waits there once the clocks are 10 min apart"
    }
}

fn one_side(others: &[&Other]) -> bool {
    let ahead = others.iter().filter(|other| other.ahead_ms > 0).count();
    ahead == 0 || ahead == others.len()
}

fn names(others: &[&Other]) -> String {
    let names: Vec<_> = others.iter().map(|other| other.name.as_str()).collect();
    match names.split_last() {
        Some((last, [])) => format!("that of {last}"),
        Some((last, first)) => format!("those of {} and {last}", first.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn found(others: &[(&str, i64)]) -> Vec<(String, Verdict, String)> {
        let other = |(name, ahead): &(&str, i64)| Other {
            name: (*name).to_owned(),
            ahead_ms: ahead * 1000,
            within_ms: 150.0,
        };
        let others: Vec<_> = others.iter().map(other).collect();
        let finding = |one: Finding| (one.about, one.verdict, one.what);
        judge(&others).into_iter().map(finding).collect()
    }

    #[test]
    fn clocks_that_agree_are_named() {
        assert_eq!(found(&[]), []);
        let [(about, verdict, what)] = &found(&[("JP", 0), ("FJ", -29)])[..] else { panic!("one") };
        assert_eq!((about.as_str(), *verdict), ("clock", Verdict::Fine));
        assert_eq!(what, "agrees with those of JP and FJ");
    }

    #[test]
    fn of_two_clocks_either_may_be_wrong() {
        let [(about, verdict, what)] = &found(&[("JP", 60)])[..] else { panic!("one") };
        assert_eq!((about.as_str(), *verdict), ("clock", Verdict::Note));
        assert!(what.contains("1 min ahead of ours"), "{what}");
        let [(_, verdict, what)] = &found(&[("JP", -420)])[..] else { panic!("one") };
        assert_eq!(*verdict, Verdict::Wrong);
        assert!(what.contains("7 min behind ours") && what.contains("what we sign"), "{what}");
    }

    #[test]
    fn the_one_that_differs_from_all_is_wrong() {
        let [(about, verdict, what)] = &found(&[("JP", 420), ("FJ", 421)])[..] else {
            panic!("one")
        };
        assert_eq!((about.as_str(), *verdict), ("clock", Verdict::Wrong));
        assert!(what.contains("ours is wrong"), "{what}");
        let [_, (about, verdict, _)] = &found(&[("JP", 420), ("FJ", 1)])[..] else { panic!("two") };
        assert_eq!((about.as_str(), *verdict), ("JP", Verdict::Wrong));
        let both = found(&[("JP", 420), ("FJ", -420)]);
        assert_eq!(both.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(), ["JP", "FJ"]);
    }
}
