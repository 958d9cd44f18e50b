//! What each command needs of whoever asks for it, where the node has staff.

use comity_core::staff::Right;

/// The right that a command takes, by its path without the version. A path that nobody has thought about
/// takes the one that the fewest have.
pub(crate) fn of(path: &str) -> Right {
    match path {
        "/status" | "/clock" | "/keys" | "/staff" | "/unclaimed-keys" | "/partners" => Right::Open,
        "/backup" | "/confirm-recovery" | "/rotate-link" | "/rotate-root" | "/revoke-key"
        | "/affirm" | "/add-staff" | "/leave-staff" | "/recognise-key" | "/emergency-key"
        | "/guard-reload" => Right::Keep,
        "/keep-drafts" => Right::Bring,
        "/list"
        | "/show"
        | "/audit-who"
        | "/audit-file"
        | "/audit-partner"
        | "/audit-search"
        | "/corroboration"
        | "/keyring"
        | "/guard"
        | "/approvals"
        | "/emergencies"
        | "/review-partner"
        | "/ping"
        | "/introductions"
        | "/invitations"
        | "/agreements"
        | "/agreement"
        | "/groups"
        | "/group"
        | "/rosters"
        | "/affiliations"
        | "/holds"
        | "/erasure-certificate"
        | "/retention"
        | "/retention-due"
        | "/backups" => Right::See,
        "/preview" | "/explain" | "/record-file" | "/drafts" | "/show-draft" | "/quarantine"
        | "/recalls" | "/recall-due" | "/diff-agreements" | "/consents" | "/consent" | "/watch" => {
            Right::Read
        }
        "/publish" | "/unsend" | "/lift-embargo" | "/withdraw" | "/recall" | "/refuse-recall"
        | "/drop-draft" => Right::Write,
        "/judge" | "/assess" | "/guard-release" | "/guard-hold" | "/erase" | "/add-hold"
        | "/lift-hold" => Right::Judge,
        "/approve" | "/confirm-emergency" => Right::Approve,
        "/release-emergency" => Right::BreakGlass,
        "/update-partner"
        | "/confirm-introduction"
        | "/dismiss-introduction"
        | "/invite"
        | "/cancel-invitation"
        | "/join"
        | "/ceremony"
        | "/confirm-pairing" => Right::Pair,
        "/introduce" | "/propose" | "/amend" | "/accept" | "/terminate" | "/found-group"
        | "/invite-to-group" | "/apply" | "/sponsor" | "/admit" | "/remove-member"
        | "/leave-group" | "/affiliate" | "/hand-over" | "/confirm-roster" | "/grant-consent"
        | "/refuse-consent" | "/withdraw-consent" => Right::Deal,
        "/ask-consent" | "/told-outside" | "/told-wrongly" => Right::Ask,
        "/reads" | "/audit-export" | "/audit-verify" => Right::Audit,
        // "/confirm-clock", and whatever comes later.
        _ => Right::Operate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What takes the strictest right on purpose.
    const OPERATORS: [&str; 1] = ["/confirm-clock"];

    /// Every path that a source of this crate routes, outside its tests.
    fn routed() -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let mut paths = Vec::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let source = std::fs::read_to_string(file).unwrap();
            let product = source.split("#[cfg(test)]").next().unwrap();
            for found in product.split(".route(").skip(1) {
                paths.push(found.split('"').nth(1).unwrap().to_owned());
            }
        }
        paths
    }

    #[test]
    fn somebody_has_thought_about_every_command() {
        let paths = routed();
        for path in &paths {
            let strictest = of(path) == Right::Operate;
            assert_eq!(strictest, OPERATORS.contains(&path.as_str()), "{path}");
        }
        assert!(paths.len() > 60, "{} commands were found", paths.len());
        assert_eq!(of("/not-thought-about"), Right::Operate);
    }

    /// What signs, or shows content, is nothing for whoever says no name, nor for an auditor.
    #[test]
    fn what_needs_no_name_neither_signs_nor_shows_content() {
        let without: Vec<_> =
            routed().into_iter().filter(|path| of(path).needs_no_name()).collect();
        let mut expected = [
            "/status",
            "/clock",
            "/keys",
            "/staff",
            "/unclaimed-keys",
            "/partners",
            "/backup",
            "/confirm-recovery",
            "/rotate-link",
            "/rotate-root",
            "/revoke-key",
            "/affirm",
            "/add-staff",
            "/leave-staff",
            "/recognise-key",
            "/emergency-key",
            "/guard-reload",
            "/keep-drafts",
        ]
        .map(str::to_owned);
        expected.sort();
        let mut found = without;
        found.sort();
        assert_eq!(found, expected);
    }
}
