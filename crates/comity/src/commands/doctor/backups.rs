//! Copies of the journal, against the terms for which anything may be kept.

use comity_admin::Failure;
use comity_node::api::{BackupLine, Backups};
use comity_node::shell_word::word;

use super::Finding;
use crate::backend::Session;
use crate::screen::format::counted;

/// Copies that are older than the shortest term have what should be gone.
pub(super) fn look(session: &Session) -> Result<Vec<Finding>, Failure> {
    let found: Backups = session.call("/backups", &())?;
    Ok(findings(&found))
}

fn findings(found: &Backups) -> Vec<Finding> {
    let (stale, fine): (Vec<_>, Vec<_>) = found.backups.iter().partition(|one| one.stale);
    let days = found.shortest_term_days.unwrap_or_default();
    let term = counted(days, "day", "days");
    let old = |one: &&BackupLine| {
        let what = format!(
            "{} of {} is older than the shortest term, {term}: it has what should be gone",
            one.folder, one.at
        );
        Finding::wrong("backup", what, format!("rm -r {}", word(&one.folder)))
    };
    let mut findings: Vec<_> = stale.iter().map(old).collect();
    if let Some(last) = fine.last() {
        findings.push(Finding::fine(
            "backup",
            format!("the last is of {}, in {}", last.at, last.folder),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_copy_that_is_older_than_a_term_is_named() {
        let line = |folder: &str, stale| BackupLine {
            folder: folder.to_owned(),
            at: "2026-01-01T00:00:00Z".to_owned(),
            stale,
        };
        let found = Backups {
            shortest_term_days: Some(30),
            backups: vec![line("/mnt/an old one", true), line("/mnt/new", false)],
        };
        let findings = findings(&found);
        assert_eq!(findings.len(), 2);
        assert_eq!(findings[0].verdict, Verdict::Wrong);
        assert!(findings[0].what.contains("30 days"), "{}", findings[0].what);
        assert_eq!(findings[0].mend.as_deref(), Some("rm -r '/mnt/an old one'"));
        assert_eq!(findings[1].verdict, Verdict::Fine);
        assert!(super::findings(&Backups { shortest_term_days: None, backups: vec![] }).is_empty());
    }
}
