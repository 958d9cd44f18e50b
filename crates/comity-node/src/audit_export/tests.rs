use comity_core::EpochId;
use comity_core::keyring::{Grant, KeyringBuilder, Revocation, RootKeys, RootSet, VerifiedKeyring};
use comity_core::ledger::Head as LedgerHead;
use comity_core::receipt::{Receipt, Witness};
use comity_core::sign::SecretKey;
use comity_core::{Kind, Tlp};
use serde_json::json;

use super::*;

const AT: Timestamp = Timestamp::from_secs(1_795_000_000);
const UNTIL: Timestamp = Timestamp::from_secs(1_800_000_000);

/// An economy with a key for links and one that signs.
struct Economy {
    keyring: VerifiedKeyring,
    link: SecretKey,
    author: SecretKey,
}

impl Economy {
    fn found(seed: u8) -> Self {
        let key = |role: u8| SecretKey::from_seed(&[seed.wrapping_mul(16).wrapping_add(role); 32]);
        let (root, next, link, author) = (key(1), key(2), key(3), key(4));
        let [root_keys, next_keys] = [&root, &next].map(|key| RootKeys::single(key.public()));
        let builder = KeyringBuilder::found(RootSet::new(root_keys, next_keys.commitment()));
        let (economy, from) = (builder.economy(), Timestamp::from_secs(1_790_000_000));
        let kinds = Kind::ALL.iter().copied();
        let keyring = builder
            .grant(Grant::link(economy, link.public(), from, UNTIL))
            .grant(Grant::author(economy, author.public(), kinds, Tlp::Red, from, UNTIL))
            .sign(&[&root])
            .unwrap();
        Self { keyring, link, author }
    }
}

fn kr() -> Economy {
    Economy::found(7)
}

fn head_of(kr: &Economy) -> Head {
    Head {
        format: FORMAT,
        economy: kr.keyring.economy().to_string(),
        code: "KR".to_owned(),
        written: AT.to_string(),
        ahead: None,
        by: String::new(),
        since: None,
        until: None,
        partner: None,
        entries: 40,
        chain: Digest::ZERO.to_string(),
        key: kr.link.id().to_string(),
    }
}

/// A file with so many events.
fn file(kr: &Economy, events: u64) -> Vec<String> {
    let (mut writing, first) = Writing::begin(&head_of(kr)).unwrap();
    let mut lines = vec![first];
    for event in 1..=events {
        let said = json!({"at": AT.to_string(), "event": "sent", "number": event});
        lines.push(writing.line(&said).unwrap());
    }
    lines.push(writing.seal(&kr.link).unwrap());
    lines
}

fn verified(lines: &[String]) -> Result<Verified, Fault> {
    verify(lines.iter().map(|line| Ok(line.clone())), &kr().keyring)
}

#[track_caller]
fn refused(lines: &[String], line: u64, what: &str) {
    let fault = verified(lines).map(|verified| verified.events).unwrap_err();
    assert_eq!(fault.line, line, "{what}: {fault}");
}

const EVENTS: u64 = 5;

#[test]
fn what_was_written_verifies() {
    for events in [0, 1, EVENTS] {
        let lines = file(&kr(), events);
        assert_eq!(economy(&lines[0]).unwrap(), kr().keyring.economy());
        assert_eq!(verified(&lines).unwrap().events, events);
    }
}

#[test]
fn a_line_that_was_changed_is_named_wherever_in_it() {
    let whole = file(&kr(), EVENTS);
    for place in 0..whole.len() {
        for at in 0..whole[place].len() {
            let mut changed = whole.clone();
            let mut bytes = changed[place].clone().into_bytes();
            // Another digit, letter or bracket; what cannot be read any more is named as well.
            bytes[at] ^= 1;
            changed[place] = String::from_utf8(bytes).unwrap();
            let said = format!("byte {at} of line {}: {}", place + 1, changed[place]);
            refused(&changed, place as u64 + 1, &said);
        }
    }
}

#[test]
fn a_line_that_was_dropped_is_missed() {
    let whole = file(&kr(), EVENTS);
    for place in 0..whole.len() {
        let mut dropped = whole.clone();
        dropped.remove(place);
        // What stands in its place says so; at the end nothing does.
        let line = (place as u64 + 1).min(dropped.len() as u64);
        refused(&dropped, line, &format!("without line {}", place + 1));
    }
}

#[test]
fn two_lines_that_changed_places_are_named() {
    let whole = file(&kr(), EVENTS);
    for one in 0..whole.len() {
        for other in one + 1..whole.len() {
            let mut swapped = whole.clone();
            swapped.swap(one, other);
            refused(&swapped, one as u64 + 1, &format!("{one} and {other}"));
        }
    }
}

#[test]
fn a_line_that_was_doubled_is_named() {
    let whole = file(&kr(), EVENTS);
    for place in 0..whole.len() {
        let mut doubled = whole.clone();
        doubled.insert(place, whole[place].clone());
        refused(&doubled, place as u64 + 2, &format!("line {} twice", place + 1));
    }
}

#[test]
fn an_end_that_was_cut_off_is_missed() {
    let whole = file(&kr(), EVENTS);
    for kept in 1..whole.len() {
        let fault = verified(&whole[..kept]).map(|one| one.events).unwrap_err();
        assert_eq!((fault.line, fault.code), (kept as u64, "export-cut"));
    }
    assert_eq!(verified(&[]).map(|one| one.events).unwrap_err().code, "export-cut");
}

/// Whoever changes a line and makes all that follows fit has no key to sign it with.
#[test]
fn a_file_that_was_made_to_fit_is_not_signed() {
    let (kr, other) = (kr(), Economy::found(8));
    let (mut writing, first) = Writing::begin(&head_of(&kr)).unwrap();
    let event = writing.line(&json!({"at": AT.to_string(), "event": "sent", "number": 9})).unwrap();
    let seal = writing.seal(&other.link).unwrap();
    let fault = verified(&[first, event, seal]).map(|one| one.events).unwrap_err();
    assert_eq!((fault.line, fault.code), (3, "export-signature"));
    // With a key that the economy never granted, and with one that signs records, as its people have.
    for key in [&other.link, &kr.author] {
        let head = Head { key: key.id().to_string(), ..head_of(&kr) };
        let (writing, first) = Writing::begin(&head).unwrap();
        let seal = writing.seal(key).unwrap();
        let fault = verified(&[first, seal]).map(|one| one.events).unwrap_err();
        assert_eq!((fault.line, fault.code), (1, "export-key"));
    }
    // Another economy's file is none of this one's.
    let fault = verified(&file(&other, 1)).map(|one| one.events).unwrap_err();
    assert_eq!((fault.line, fault.code), (1, "export-economy"));
}

#[test]
fn the_key_must_have_been_granted_when_it_was_written() {
    let kr = kr();
    let late = Head { written: UNTIL.to_string(), ..head_of(&kr) };
    let (writing, first) = Writing::begin(&late).unwrap();
    let seal = writing.seal(&kr.link).unwrap();
    let fault = verified(&[first, seal]).map(|one| one.events).unwrap_err();
    assert_eq!((fault.line, fault.code), (1, "export-key"));
}

/// Whoever took the key can write any time into the first line.
#[test]
fn a_key_that_was_declared_compromised_signs_nothing_whenever_it_says_it_did() {
    let kr = kr();
    let file = file(&kr, 1);
    let verify = |compromised| {
        let root = SecretKey::from_seed(&[7 * 16 + 1; 32]);
        let revoked = Revocation {
            key: kr.link.id(),
            at: AT.saturating_add(std::time::Duration::from_secs(60)),
            compromised,
        };
        let keyring = KeyringBuilder::follow(&kr.keyring).revoke(revoked).sign(&[&root]).unwrap();
        verify(file.iter().map(|line| Ok(line.clone())), &keyring)
    };
    assert_eq!(verify(false).unwrap().signed.key, kr.link.id().to_string());
    let fault = verify(true).map(|one| one.events).unwrap_err();
    assert_eq!((fault.line, fault.code), (1, "export-key"));
}

fn sealed(said: &[serde_json::Value]) -> Vec<String> {
    let kr = kr();
    let (mut writing, first) = Writing::begin(&head_of(&kr)).unwrap();
    let mut lines = vec![first];
    lines.extend(said.iter().map(|said| writing.line(said).unwrap()));
    lines.push(writing.seal(&kr.link).unwrap());
    lines
}

/// A file that was dated back has something in it that is later.
#[test]
fn nothing_in_a_file_is_later_than_the_file() {
    let later = |seconds| AT.saturating_add(std::time::Duration::from_secs(seconds));
    let sent = |at: Timestamp| json!({"at": at.to_string(), "event": "sent", "number": 1});
    let fault = verified(&sealed(&[sent(AT), sent(later(1))])).map(|one| one.events).unwrap_err();
    assert_eq!((fault.line, fault.code), (3, "export-time"));
    // Unless the first line says that a clock was wrong.
    let head = Head { ahead: Some(later(9).to_string()), ..head_of(&kr()) };
    for (seconds, line) in [(9, None), (10, Some(2))] {
        let (mut writing, first) = Writing::begin(&head).unwrap();
        let event = writing.line(&sent(later(seconds))).unwrap();
        let lines = [first, event, writing.seal(&kr().link).unwrap()];
        assert_eq!(verified(&lines).err().map(|fault| fault.line), line);
    }
    let undated = json!({"event": "sent", "number": 1});
    let fault = verified(&sealed(&[undated])).map(|one| one.events).unwrap_err();
    assert_eq!((fault.line, fault.code), (2, "export-malformed"));

    let jp = Economy::found(9);
    let receipt = |at: Timestamp, key: &SecretKey| {
        let receipt = Receipt {
            from: jp.keyring.economy(),
            to: kr().keyring.economy(),
            epoch: EpochId([1; 16]),
            upto: LedgerHead::START,
            rejects: Vec::new(),
            witness: Witness { salt: [0; 16], hash: Digest::ZERO },
            at,
        };
        let signed = crate::service::to_base64(&receipt.sign(key));
        json!({
            "at": AT.to_string(), "event": "receipt", "partner": "JP",
            "partner_id": receipt.from.to_string(), "upto": 0, "signed": signed,
        })
    };
    let known = verified(&sealed(&[receipt(later(60), &jp.link), receipt(AT, &jp.link)])).unwrap();
    let seen = known.witnessed.unwrap();
    assert_eq!((seen.at, seen.partner), (later(60).to_string(), "JP".to_owned()));
    assert_eq!(seen.key, jp.link.id().to_string());
    assert!(verified(&sealed(&[sent(AT)])).unwrap().witnessed.is_none());
    let fault = verified(&sealed(&[receipt(later(3600), &jp.link)])).map(|one| one.events);
    assert_eq!(fault.unwrap_err().code, "export-time");
    let mut forged = receipt(AT, &jp.link);
    forged["partner_id"] = kr().keyring.economy().to_string().into();
    let fault = verified(&sealed(&[forged])).map(|one| one.events).unwrap_err();
    assert_eq!((fault.line, fault.code), (2, "export-receipt"));
}

#[test]
fn what_is_no_export_is_said_to_be_none() {
    for (first, code) in [
        ("", "export-malformed"),
        ("{}", "export-format"),
        ("{\"comity-audit\":3}", "export-format"),
        ("{\"comity-audit-export\":1}", "export-format"),
        ("{\"comity-audit-export\":3}", "export-format"),
        ("{\"comity-audit-export\":2}", "export-malformed"),
    ] {
        assert_eq!(economy(first).unwrap_err().code, code, "{first}");
    }
}
