//! The data, and each partner: link, agreement, trust, keys.

use comity_admin::{Failure, ask};
use comity_core::Tlp;
use comity_core::agreement::Terms;
use comity_core::policy::TrustLevel;
use comity_node::api::{
    AgreementLine, ContestedLine, DeadlineLine, DueLine, GroupLine, PartnerLine, Status,
};
use comity_node::shell_word::word;

use super::{Finding, clocks};
use crate::backend::Session;
use crate::screen::format::counted;
use crate::screen::times::Zones;

/// From this step on an end wants a person, and a review that stops what goes.
const PRESSING: u64 = 7;

pub(super) fn look(
    session: &Session,
    status: &Status,
    zones: &Zones,
    running: bool,
    comity: &str,
) -> Result<Vec<Finding>, Failure> {
    let agreements: Vec<AgreementLine> = session.call("/agreements", &())?;
    let mut findings = data(status, zones, comity);
    findings.extend(status.stopped_groups.iter().map(|group| stopped(group, comity)));
    // Of the emergency key its own finding says more.
    let elsewhere = |line: &&DeadlineLine| {
        line.partner.is_empty() && status.emergency_key_until.as_ref() != Some(&line.at)
    };
    findings.extend(status.deadlines.iter().filter(elsewhere).map(deadline));
    findings.extend(clocks::look(session, &status.partners)?);
    let awaited = status.awaited.iter();
    findings.extend(awaited.map(|line| Finding::note(&line.with, &line.what, &line.next)));
    if status.asks > 0 {
        let asks = counted(status.asks, "request for consent waits", "requests for consent wait");
        findings.push(Finding::note(
            "consent",
            format!("{asks} for our answer"),
            format!("{comity} consent list"),
        ));
    }
    let contested = status.contested.iter();
    findings.extend(contested.map(|line| Finding::wrong(&line.partner, &line.what, &line.next)));
    for partner in &status.partners {
        findings.extend(of(partner, status, running, comity));
        findings.extend(unconfirmed(partner, comity));
        if partner.bond == "paired" {
            findings.extend(level(partner, strictest(session, partner, &agreements)?, comity));
            findings.extend(would_stay(session, partner, comity)?);
        }
    }
    for name in &status.pairing {
        let verify = format!("{comity} partner verify {}", word(name));
        findings.push(Finding::note(name, "its digits wait to be typed here", verify));
    }
    if status.partners.is_empty() && status.pairing.is_empty() {
        let invite = format!("{comity} partner invite --as NAME");
        findings.push(Finding::note("partners", "none yet", invite));
    }
    Ok(findings)
}

/// Whether a partner may hold something that it would not get now: whatever narrowed it, an end by the other
/// side, a day that passed, a roster or a consent that was taken back.
fn would_stay(
    session: &Session,
    partner: &PartnerLine,
    comity: &str,
) -> Result<Option<Finding>, Failure> {
    if partner.outstanding == 0 && partner.delivered == 0 {
        return Ok(None);
    }
    let asked = ask::Named { name: partner.economy.clone() };
    let due: Vec<DueLine> = session.call("/recall-due", &asked)?;
    if due.is_empty() {
        return Ok(None);
    }
    let records = counted(due.len() as u64, "record", "records");
    let what = format!("may hold parts of {records} that it would not get now");
    let mend = format!("{comity} recall due {}", word(&partner.name));
    Ok(Some(Finding::note(&partner.name, what, mend)))
}

fn data(status: &Status, zones: &Zones, comity: &str) -> Vec<Finding> {
    let mut findings = vec![match &status.store_problem {
        None => Finding::fine("data", counted(status.entries, "entry", "entries")),
        Some(problem) => {
            let next = status.store_next.clone();
            let next = next.unwrap_or_else(|| format!("{comity} store verify"));
            Finding::wrong("data", problem, next)
        }
    }];
    if let Some(since) = &status.recovering {
        let what = format!("restored {}: nothing is sent", zones.written(since));
        findings.push(Finding::wrong("recovery", what, recovered(&status.partners, comity)));
    }
    if status.waiting > 0 {
        let waiting = counted(status.waiting, "record waits", "records wait");
        findings.push(Finding::note(
            "records",
            format!("{waiting} for a key or for a person"),
            format!("{comity} list --waiting"),
        ));
    }
    findings
}

fn stopped(group: &GroupLine, comity: &str) -> Finding {
    let reference = &group.reference;
    if group.state == "frozen" {
        let what = "frozen, nothing goes to it: there are two rosters of one number";
        let mend = format!(
            "phone {}, which keeps the roster: {comity} group show {reference} names both",
            group.secretariat
        );
        return Finding::wrong(&group.name, what, mend);
    }
    if group.state == "not believed" {
        let what = "no group any more: the key that signed its charter is not believed";
        let mend = format!("{comity} group show {reference} says who founds it anew");
        return Finding::wrong(&group.name, what, mend);
    }
    let what =
        "unconfirmed, nothing goes to it: whoever keeps the roster has been silent for too long";
    let mend = format!(
        "at {}: {comity} group roster {reference} --confirm; a running node does it by itself",
        group.secretariat
    );
    Finding::wrong(&group.name, what, mend)
}

/// Whoever is only reached through others cannot be asked by this node: a person can.
fn unconfirmed(partner: &PartnerLine, comity: &str) -> Option<Finding> {
    let why = partner.unconfirmed.as_ref()?;
    if partner.bond == "removed" {
        return None;
    }
    let what = format!("{why}: nothing of it goes on, and nothing new of it is believed");
    let mend = format!(
        "its running node says daily which keyring is its newest: let it connect, or phone its operator and ask which version it has; {comity} partner show {}",
        word(&partner.name)
    );
    Some(Finding::wrong(&partner.name, what, mend))
}

/// Confirmed too early, what partners have still to return is missing when the node sends again.
fn recovered(partners: &[PartnerLine], comity: &str) -> String {
    let owing: Vec<_> =
        partners.iter().filter(|one| one.owes).map(|one| one.name.as_str()).collect();
    let looked = format!(
        "look at {comity} partner list and at comity.toml, as the restored data has them; then: {comity} recover confirm"
    );
    if owing.is_empty() {
        return looked;
    }
    format!("wait for what {} has still to give back; {looked}", owing.join(", "))
}

/// The strictest label that an agreement in force permits, where the level lets only CLEAR go.
fn strictest(
    session: &Session,
    partner: &PartnerLine,
    agreements: &[AgreementLine],
) -> Result<Option<Tlp>, Failure> {
    let mut strictest = None;
    if partner.level != TrustLevel::Public.number() {
        return Ok(strictest);
    }
    let in_force = |line: &&AgreementLine| line.partner == partner.name && line.state == "in force";
    for line in agreements.iter().filter(in_force) {
        let asked = ask::Reference { reference: line.agreement.clone() };
        let line: AgreementLine = session.call("/agreement", &asked)?;
        let terms = line.text.as_deref().and_then(|text| Terms::parse(text).ok());
        strictest = strictest.max(terms.map(|terms| terms.max_tlp()));
    }
    Ok(strictest)
}

/// A level is a person's own word: what was lowered on purpose is not raised by a hint.
fn level(partner: &PartnerLine, strictest: Option<Tlp>, comity: &str) -> Option<Finding> {
    let name = partner.name.as_str();
    if partner.level == TrustLevel::Blocked.number() {
        let mend = "a person here decided that; ask before it is changed";
        return Some(Finding::note(name, "blocked: nothing leaves", mend));
    }
    let strictest = strictest.filter(|label| *label > Tlp::Clear)?;
    let enough = |level: &TrustLevel| level.ceiling().is_some_and(|ceiling| ceiling >= strictest);
    let lowest = TrustLevel::ALL.into_iter().find(enough)?;
    let what = format!(
        "an agreement in force permits up to {strictest}, but at level public only CLEAR goes"
    );
    let mend = format!(
        "if you trust it so far: {comity} partner level {} {lowest} (the lowest for {strictest})",
        word(name)
    );
    Some(Finding::note(name, what, mend))
}

fn of(partner: &PartnerLine, status: &Status, running: bool, comity: &str) -> Vec<Finding> {
    let name = partner.name.as_str();
    match partner.bond.as_str() {
        "paired" => {}
        "frozen" => {
            let what =
                "it shows two different keyrings of one version: somebody may have its root key";
            let mend = "phone its operator, on a number that you have from before: only a keyring that its next root keys have signed ends this, and comity key rotate root --stolen makes it there; it comes over the link, through another partner, or by removing it and pairing anew; until then only keyrings, withdrawals and ends of agreements go there, and its records wait in quarantine";
            return vec![Finding::wrong(name, what, mend)];
        }
        "suspended" => {
            let mend = "a person here decided that; ask before it is changed";
            let what = if partner.owes {
                "suspended: nothing flows, and it has still to give back what it holds of this node"
            } else {
                "suspended: nothing flows"
            };
            return vec![Finding::note(name, what, mend)];
        }
        _ => return Vec::new(),
    }
    let typed = word(name);
    let mut findings = Vec::new();
    link(partner, running, comity, &mut findings);
    if partner.owes {
        let what = "it has still to give back what it holds of this node, which was restored";
        let mend = format!(
            "it does when it connects; if it stays away, {comity} partner suspend {typed}, and the others need not wait for it"
        );
        findings.push(Finding::note(name, what, mend));
    }
    for full in &partner.full {
        let what = format!("{full}: more of that is put off, nothing is lost");
        let mend = format!(
            "ask its operator; {comity} list --waiting; if it means harm, {comity} partner suspend {typed}"
        );
        findings.push(Finding::wrong(name, what, mend));
    }
    under_agreement(partner, &status.contested, comity, &mut findings);
    findings.extend(status.deadlines.iter().filter(|line| line.partner == name).map(deadline));
    if findings.is_empty() && partner.level != TrustLevel::Blocked.number() {
        findings.push(Finding::fine(name, format!("level {}", partner.level_name)));
    }
    findings
}

fn link(partner: &PartnerLine, running: bool, comity: &str, findings: &mut Vec<Finding>) {
    let name = partner.name.as_str();
    let typed = word(name);
    if partner.addresses.is_empty() {
        let mend = format!("{comity} partner reach {typed} HOST:PORT, or let it dial you");
        findings.push(Finding::note(name, "it has no address", mend));
    }
    if !running || partner.connected == Some(true) {
        return;
    }
    let why = partner.trouble.clone().unwrap_or_else(|| "no answer yet".to_owned());
    let waiting = match partner.outstanding {
        0 => String::new(),
        some => format!("; {} for it", counted(some, "delivery waits", "deliveries wait")),
    };
    let known = partner.trouble_kind.and_then(|kind| kind.mend(&typed, comity));
    let mend = known.unwrap_or_else(|| {
        let addresses = partner.addresses.join(", ");
        format!(
            "let UDP through to {addresses}, and ask its operator; {comity} partner ping {typed}"
        )
    });
    findings.push(Finding::wrong(name, format!("there is no link: {why}{waiting}"), mend));
}

/// Beside an agreement that stands still a second one is not what mends it.
fn under_agreement(
    partner: &PartnerLine,
    contested: &[ContestedLine],
    comity: &str,
    findings: &mut Vec<Finding>,
) {
    let name = partner.name.as_str();
    if !partner.agreements.is_empty() {
        return;
    }
    let still = contested.iter().find(|line| line.partner == partner.name);
    let mend = match still {
        Some(line) => format!("mend {}: {}", line.reference, line.next),
        None => format!("{comity} agreement propose FILE --to {}", word(name)),
    };
    findings.push(Finding::note(name, "no agreement in force: only CLEAR goes", mend));
}

/// An end or a review that is near: once little time is left, whatever stops something is wrong.
fn deadline(line: &DeadlineLine) -> Finding {
    let (what, mend) = (&line.what, &line.next);
    let name = match (&line.group, &line.key) {
        (Some(group), _) => group,
        (None, Some(_)) => "keys",
        (None, None) => &line.partner,
    };
    if line.step <= PRESSING && line.overdue.as_deref() != Some("warn") {
        Finding::wrong(name, what, mend)
    } else {
        Finding::note(name, what, mend)
    }
}

#[cfg(test)]
mod tests {
    use comity_node::api::TroubleKind;

    use super::super::Verdict;
    use super::*;

    fn partner(name: &str, level: TrustLevel, owes: bool) -> PartnerLine {
        serde_json::from_value(serde_json::json!({
            "name": name, "economy": "", "bond": "paired", "introduced_by": null,
            "level": level.number(), "level_name": level.to_string(), "addresses": [],
            "agreements": [], "connected": null, "trouble": null, "rtt_ms": null,
            "delivered": 0, "outstanding": 0, "received": 0, "owes": owes, "since": "",
        }))
        .unwrap()
    }

    #[test]
    fn what_a_person_decided_no_hint_undoes() {
        let blocked = level(&partner("JP", TrustLevel::Blocked, false), None, "comity").unwrap();
        assert!(!blocked.mend.unwrap().contains("comity"));
        let public = partner("New Zealand", TrustLevel::Public, false);
        assert!(level(&public, None, "comity").is_none());
        assert!(level(&public, Some(Tlp::Clear), "comity").is_none());
        for (permitted, lowest) in
            [(Tlp::Green, "community"), (Tlp::Amber, "confidential"), (Tlp::Red, "restricted")]
        {
            let mend = level(&public, Some(permitted), "comity").unwrap().mend.unwrap();
            assert!(mend.contains(&format!("partner level 'New Zealand' {lowest} ")), "{mend}");
        }
    }

    #[test]
    fn a_keyring_that_is_not_confirmed_wants_a_person_whoever_it_is() {
        let mut line = partner("New Zealand", TrustLevel::Public, false);
        assert!(unconfirmed(&line, "comity").is_none());
        line.unconfirmed = Some("its keyring has not been confirmed since then".to_owned());
        for bond in ["paired", "introduced", "suspended", "frozen"] {
            line.bond = bond.to_owned();
            let found = unconfirmed(&line, "comity").unwrap();
            assert_eq!(found.verdict, Verdict::Wrong);
            assert!(found.what.starts_with("its keyring has not been confirmed since then: "));
            assert!(found.mend.unwrap().ends_with("comity partner show 'New Zealand'"));
        }
        line.bond = "removed".to_owned();
        assert!(unconfirmed(&line, "comity").is_none());
    }

    #[test]
    fn a_link_that_is_missing_for_a_reason_is_not_mended_in_the_firewall() {
        let mend = |kind: Option<TroubleKind>| {
            let mut line = partner("JP", TrustLevel::Public, false);
            line.addresses = vec!["jp.example:4864".to_owned()];
            line.connected = Some(false);
            // The same words for each: they are not what decides.
            line.trouble = Some("has ended, refused by the partner, no common version".to_owned());
            line.trouble_kind = kind;
            let mut findings = Vec::new();
            link(&line, true, "comity", &mut findings);
            findings.pop().unwrap().mend.unwrap()
        };
        for (kind, says) in [
            (TroubleKind::Version, "the newer comity"),
            (TroubleKind::Protocol, "comity partner reach JP HOST:PORT"),
            (TroubleKind::KeyExchange, "allow-x25519"),
            (TroubleKind::Ended, "comity partner remove JP"),
            (TroubleKind::Refused, "does not let this node in"),
        ] {
            let mend = mend(Some(kind));
            assert!(mend.contains(says) && !mend.contains("UDP"), "{kind:?}: {mend}");
        }
        for path in [mend(Some(TroubleKind::Other)), mend(None)] {
            assert!(path.starts_with("let UDP through to jp.example:4864"), "{path}");
        }
    }

    #[test]
    fn a_recovery_is_confirmed_when_partners_have_given_back() {
        let partners = [("JP", true), ("FJ", false)]
            .map(|(name, owes)| partner(name, TrustLevel::Public, owes));
        assert!(recovered(&partners, "comity").starts_with("wait for what JP has still to give"));
        assert!(recovered(&partners[1..], "comity").starts_with("look at comity partner list"));
    }

    #[test]
    fn what_stops_something_within_a_week_wants_a_person() {
        let verdict = |step: u64, overdue: Option<&str>| {
            let found = deadline(&super::super::super::status::tests::line(step, overdue));
            assert_eq!(found.about, "JP");
            assert_eq!(found.what, "NDA KR-26-C001 with JP ends in 27 days (last day 2026-12-19)");
            let mend =
                "propose what shall hold from then on: comity agreement amend KR-26-C001 FILE";
            assert_eq!(found.mend.as_deref(), Some(mend));
            found.verdict
        };
        assert_eq!(verdict(90, None), Verdict::Note);
        assert_eq!(verdict(30, Some("stop")), Verdict::Note);
        assert_eq!(verdict(7, None), Verdict::Wrong);
        assert_eq!(verdict(7, Some("stop")), Verdict::Wrong);
        assert_eq!(verdict(0, Some("stop")), Verdict::Wrong);
        assert_eq!(verdict(0, Some("warn")), Verdict::Note, "what it covers still goes");
    }
}
