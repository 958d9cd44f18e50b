//! A good file, and every way to change one. Some are changed after they were sealed; others are sealed
//! by whoever wrote them, and contradict what the partner signed.

use comity_core::Timestamp;
use comity_core::digest::Digest;
use comity_core::identity::{EpochId, PartDigest, RecordId};
use comity_core::keyring::{Grant, KeyringBuilder, Revocation, RootKeys, RootSet, VerifiedKeyring};
use comity_core::ledger::{Head, Obligations};
use comity_core::receipt::{REJECTS, RejectReason, Witness};
use comity_core::sign::SecretKey;
use comity_node::api::{AuditDelivery, AuditStep, AuditWho, AuditWithheld, RecordLine};

use super::*;

const JP: EconomyId = EconomyId([2; 32]);
const FJ: EconomyId = EconomyId([3; 32]);
const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
const OURS: RecordId = RecordId([4; 32]);

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// KR, its keyring, and its link key.
pub(in crate::commands::verify) fn kr() -> (VerifiedKeyring, SecretKey) {
    let (root, next, link) = (key(10), key(11), key(12));
    let genesis =
        RootSet::new(RootKeys::single(root.public()), RootKeys::single(next.public()).commitment());
    let builder = KeyringBuilder::found(genesis);
    let (from, until) = (Timestamp::from_secs(1_790_000_000), Timestamp::from_secs(1_800_000_000));
    let grant = Grant::link(builder.economy(), link.public(), from, until);
    (builder.grant(grant).sign(&[&root]).unwrap(), link)
}

/// The keyring after KR's, in which its link key has ended since.
pub(in crate::commands::verify) fn link_ended(compromised: bool) -> VerifiedKeyring {
    let (keyring, link) = kr();
    let ended = Revocation { key: link.id(), at: Timestamp::from_secs(1_799_000_000), compromised };
    KeyringBuilder::follow(&keyring).revoke(ended).sign(&[&key(10)]).unwrap()
}

/// A keyring beside that one, as it is only where somebody else has the root key.
pub(in crate::commands::verify) fn rival() -> VerifiedKeyring {
    let (keyring, _) = kr();
    let (from, until) = (Timestamp::from_secs(1_790_000_000), Timestamp::from_secs(1_800_000_000));
    let grant = Grant::link(keyring.economy(), key(13).public(), from, until);
    KeyringBuilder::follow(&keyring).grant(grant).sign(&[&key(10)]).unwrap()
}

/// KR's next root has taken its place without its word, and does not grant the link key.
pub(in crate::commands::verify) fn rescued() -> VerifiedKeyring {
    let following = RootKeys::single(key(14).public()).commitment();
    let set = RootSet::new(RootKeys::single(key(11).public()), following);
    KeyringBuilder::follow(&kr().0).retain(|_| false).rotate(set).sign(&[&key(11)]).unwrap()
}

/// KR's next root has taken its place with the word of the one before, and everything that was granted stays.
fn renewed() -> VerifiedKeyring {
    let following = RootKeys::single(key(14).public()).commitment();
    let set = RootSet::new(RootKeys::single(key(11).public()), following);
    KeyringBuilder::follow(&kr().0).rotate(set).sign(&[&key(10), &key(11)]).unwrap()
}

/// The ledger to JP: five deliveries, of which the second is of our record.
fn ledger() -> Vec<LedgerEntry> {
    let entry = |number: u64| LedgerEntry {
        epoch: EpochId([3; 16]),
        number,
        record: if number == 2 { OURS } else { RecordId([0xb0 + number as u8; 32]) },
        parts: vec![PartDigest([0xc0 + number as u8; 32])],
        obligations: Obligations::default(),
        salt: [number as u8; 16],
    };
    (1..=5).map(entry).collect()
}

fn head(upto: usize) -> Head {
    ledger().iter().take(upto).fold(Head::START, |head, entry| head.after(entry.digest()))
}

fn receipt(from: EconomyId, upto: Head) -> Receipt {
    Receipt {
        from,
        to: kr().0.economy(),
        epoch: EpochId([3; 16]),
        upto,
        rejects: Vec::new(),
        witness: Witness { salt: [0; 16], hash: Digest::ZERO },
        at: NOW,
    }
}

fn signed(receipt: &Receipt) -> Option<String> {
    Some(STANDARD.encode(receipt.sign(&key(7))))
}

/// The books: the second delivery, with JP's receipt up to the fourth.
fn books() -> AuditWho {
    let ledger = ledger();
    let entry = ledger[1].clone();
    let steps = ledger[2..4].iter().map(|entry| AuditStep::Entry(entry.digest().to_string()));
    let delivery = AuditDelivery {
        partner: "JP".to_owned(),
        partner_id: JP.to_string(),
        number: 2,
        epoch: entry.epoch.to_string(),
        at: "2026-11-18T13:06:40Z".to_owned(),
        sections: vec!["summary".to_owned()],
        called: Vec::new(),
        parts: entry.parts.iter().map(ToString::to_string).collect(),
        withheld: Vec::new(),
        state: "stored".to_owned(),
        receipt: None,
        emergency: None,
        policy: 1,
        obligations: String::new(),
        entry: STANDARD.encode(entry.encode()),
        signed_receipt: signed(&receipt(JP, head(4))),
        chain: Some(AuditChain { before: head(1).chain.to_string(), steps: steps.collect() }),
    };
    AuditWho {
        record: RecordLine {
            record: OURS.to_string(),
            reference: "KR-26-0001".to_owned(),
            kind: "incident".to_owned(),
            title: "Ransomware, bank".to_owned(),
            tlp: "AMBER".to_owned(),
            origin: "KR".to_owned(),
            origin_id: kr().0.economy().to_string(),
            source: "own".to_owned(),
            introduced_by: None,
            standing: "accepted".to_owned(),
            standing_reason: None,
            lifecycle: "live".to_owned(),
            addressed: false,
            embargo_until: None,
            exercise: None,
            signed_at: "2026-11-18T13:06:40Z".to_owned(),
            entered_at: "2026-11-18T13:06:40Z".to_owned(),
            rating: None,
        },
        title_leaves: false,
        deliveries: vec![delivery],
        consented: Vec::new(),
        told_outside: Vec::new(),
        files: Vec::new(),
        emergencies: Vec::new(),
        nothing_sent: vec!["FJ".to_owned()],
        due: Vec::new(),
        withdrawn_by: None,
        recalled_by: None,
        withdrawal_told: Vec::new(),
        superseded_by: None,
        superseded_told: Vec::new(),
    }
}

/// As KR's node writes it.
fn sealed(who: &AuditWho) -> String {
    let (keyring, link) = kr();
    audit_file::write(who, &keyring, &link, NOW).unwrap()
}

/// What whoever wrote the file changes before it is sealed.
fn written(change: impl FnOnce(&mut AuditDelivery)) -> String {
    let mut who = books();
    change(&mut who.deliveries[0]);
    sealed(&who)
}

fn refused(file: &str, code: &str, says: &str) {
    let (found, what) = read(file.as_bytes(), &[]).expect_err(says);
    assert_eq!(found, code, "{what}");
    assert!(what.contains(says), "{what}");
}

/// Whoever stole the partner's key signs for what never came there, and dates it back.
#[test]
fn a_receipt_by_a_key_that_its_partner_declared_stolen_is_refused() {
    let audit = read(sealed(&books()).as_bytes(), &[]).unwrap();
    let ended = |compromised| {
        let end = Revocation { key: key(7).id(), at: NOW, compromised };
        KeyringBuilder::follow(&kr().0).revoke(end).sign(&[&key(10)]).unwrap()
    };
    assert_eq!(by_its_own(&audit.deliveries[0], &[ended(false)]), Ok(()));
    let (code, what) = by_its_own(&audit.deliveries[0], &[ended(false), ended(true)]).unwrap_err();
    assert_eq!(code, "audit-receipt-invalid");
    assert!(what.contains("delivery 2 to JP") && what.contains("keyring version 2"), "{what}");
}

#[test]
fn a_delivery_that_was_signed_for_verifies() {
    let file = sealed(&books());
    let audit = read(file.as_bytes(), &[]).unwrap();
    assert_eq!(audit.deliveries[0].proof, "signed for");
    assert_eq!(audit.signed_by, kr().1.id().to_string());
    let last = written(|one| {
        one.signed_receipt = signed(&receipt(JP, head(2)));
        one.chain.as_mut().unwrap().steps.clear();
    });
    assert_eq!(read(last.as_bytes(), &[]).unwrap().deliveries[0].proof, "signed for");
    let none = written(|one| (one.signed_receipt, one.chain) = (None, None));
    assert_eq!(read(none.as_bytes(), &[]).unwrap().deliveries[0].proof, "no receipt");
    let rejected = Receipt { rejects: vec![(2, RejectReason::Erased)], ..receipt(JP, head(4)) };
    let rejected = written(|one| one.signed_receipt = signed(&rejected));
    assert_eq!(
        read(rejected.as_bytes(), &[]).unwrap().deliveries[0].proof,
        "refused by the partner"
    );
}

/// Whoever has the link key can write any time, and bring along the keyring of that time.
#[test]
fn what_a_thief_of_the_link_key_dates_back_is_refused_by_whoever_knows_a_newer_keyring() {
    let forged = sealed(&books());
    for (known, says) in [
        (vec![], None),
        (vec![link_ended(false)], None),
        (vec![link_ended(true)], Some("declared compromised in keyring version 2")),
        (vec![kr().0, link_ended(true)], Some("declared compromised")),
        (vec![rescued()], Some("root keys that have been replaced")),
        (vec![rival(), link_ended(false)], Some("contradict each other")),
    ] {
        match (read(forged.as_bytes(), &known), says) {
            (Ok(audit), None) => {
                assert_eq!(audit.keyring, if known.is_empty() { 1 } else { 2 });
            }
            (Err((code, what)), Some(says)) => {
                assert_eq!(code, "audit-seal");
                assert!(what.contains(says), "{what}");
            }
            (read, says) => panic!("{says:?}: {:?}", read.map(|audit| audit.keyring)),
        }
    }
    // Nor does it help to bring along the keyring that says so.
    let (_, link) = kr();
    let file = audit_file::write(&books(), &link_ended(true), &link, NOW).unwrap();
    let (code, what) = read(file.as_bytes(), &[]).map(|audit| audit.keyring).unwrap_err();
    assert_eq!(code, "audit-seal");
    assert!(what.contains("declared compromised"), "{what}");
}

/// Whoever finds root keys that were replaced can grant what they like, and nobody guards them any more.
#[test]
fn what_root_keys_grant_that_were_replaced_counts_for_nothing() {
    let forged = audit_file::write(&books(), &rival(), &key(13), NOW).unwrap();
    assert_eq!(read(forged.as_bytes(), &[]).unwrap().keyring, 2, "nobody can tell by it alone");
    for newest in [renewed(), rescued()] {
        let (code, what) = read(forged.as_bytes(), &[newest]).map(|_| ()).unwrap_err();
        assert_eq!(code, "audit-seal");
        assert!(what.contains("root keys that have been replaced"), "{what}");
    }
    // What they granted before, and those after them stand by, counts as ever.
    let audit = read(sealed(&books()).as_bytes(), &[renewed()]).unwrap();
    assert_eq!(audit.keyring, 2);
}

/// The partner's chain goes over it, but the partner has no more of it than 32 bytes.
#[test]
fn a_delivery_that_was_taken_back_is_not_signed_for_whatever_the_books_say() {
    let void = Receipt { rejects: vec![(2, RejectReason::Void)], ..receipt(JP, head(4)) };
    for state in ["void", "stored"] {
        let file = written(|one| {
            one.state = state.to_owned();
            one.signed_receipt = signed(&void);
        });
        let audit = read(file.as_bytes(), &[]).unwrap();
        assert_eq!(audit.deliveries[0].proof, "taken back");
        let mut screen = Vec::new();
        audit.write("who.json", &mut screen).unwrap();
        let screen = String::from_utf8(screen).unwrap();
        assert!(screen.contains(state) && !screen.contains("signed for"), "{screen}");
    }
}

#[test]
fn it_tells_neither_titles_nor_trust_nor_who_got_nothing() {
    let mut who = books();
    who.nothing_sent = vec!["NEW ZEALAND".to_owned()];
    who.record.standing_reason = Some("a person looks first at what comes from FJ".to_owned());
    who.record.source = "CK".to_owned();
    who.withdrawn_by = Some("KR-26-C009".to_owned());
    who.deliveries[0].withheld = vec![AuditWithheld {
        part: PartDigest([0xee; 32]).to_string(),
        called: String::new(),
        section: "victim".to_owned(),
        gate: "trust".to_owned(),
        clause: "trust level 3 (confidential) reaches AMBER, not RED".to_owned(),
    }];
    let file = sealed(&who);
    for told in
        ["Ransomware", "trust", "level", "victim", "eeeeeeee", "NEW ZEALAND", "looks", "\"CK\""]
    {
        assert!(!file.contains(told), "{told}: {file}");
    }
    let audit = read(file.as_bytes(), &[]).unwrap();
    let mut screen = Vec::new();
    audit.write("who.json", &mut screen).unwrap();
    let screen = String::from_utf8(screen).unwrap();
    for said in ["KR-26-0001  incident, AMBER", "withdrawn by KR-26-C009", "signed for"] {
        assert!(screen.contains(said), "{said}: {screen}");
    }
}

#[test]
fn it_tells_nothing_of_other_deliveries() {
    let file = sealed(&books());
    for other in ledger().iter().filter(|entry| entry.record != OURS) {
        let (entry, record) = (STANDARD.encode(other.encode()), other.record.to_string());
        assert!(!file.contains(&record) && !file.contains(&other.parts[0].to_string()));
        assert!(!file.contains(&entry));
    }
}

#[test]
fn another_record_is_refused() {
    let other = RecordId([9; 32]).to_string();
    let changed = sealed(&books()).replacen(&OURS.to_string(), &other, 1);
    refused(&changed, "audit-signature", "line 1 is not what was signed");
    let mut who = books();
    who.record.record = other;
    refused(&sealed(&who), "audit-entry-differs", "delivery 2 to JP: its record");
}

#[test]
fn another_time_is_refused() {
    let text = sealed(&books());
    let (first, rest) = text.split_once('\n').unwrap();
    let decided = rest.replacen("13:06:40Z", "13:06:41Z", 1);
    refused(&format!("{first}\n{decided}"), "audit-line", "line 2, delivery 2 to JP, was changed");
    let entered = first.replacen("13:06:40Z", "13:06:41Z", 1);
    refused(&format!("{entered}\n{rest}"), "audit-signature", "line 1");
    // The partner's own time is under the partner's own signature.
    let later = written(|one| {
        let mut bytes = STANDARD.decode(one.signed_receipt.as_ref().unwrap()).unwrap();
        let at = u8::try_from(NOW.as_millis() & 0xff).unwrap();
        let place = bytes.len() - 64 - 2 - 34 - 1;
        assert_eq!(bytes[place], at, "the last byte of the time");
        bytes[place] ^= 1;
        one.signed_receipt = Some(STANDARD.encode(bytes));
    });
    refused(&later, "audit-receipt-invalid", "delivery 2 to JP: its receipt does not verify");
}

#[test]
fn a_link_that_is_missing_or_another_is_refused() {
    let gone = written(|one| drop(one.chain.as_mut().unwrap().steps.pop()));
    refused(&gone, "audit-chain", "lead to number 3, and its receipt is for number 4");
    let other = written(|one| {
        one.chain.as_mut().unwrap().steps[0] = AuditStep::Entry(Digest([8; 32]).to_string());
    });
    refused(&other, "audit-chain", "do not lead to what the partner signed at number 4");
    let before = written(|one| one.chain.as_mut().unwrap().before = head(2).chain.to_string());
    refused(&before, "audit-chain", "do not lead");
    let none = written(|one| one.chain = None);
    refused(&none, "audit-chain", "delivery 2 to JP: the links from it to its receipt are missing");
    let epoch = written(|one| {
        let text = |byte: u8| EpochId([byte; 16]).to_string();
        let step = AuditStep::Epoch { epoch: text(5), previous: text(6), first: 9 };
        one.chain.as_mut().unwrap().steps.insert(0, step);
    });
    refused(&epoch, "audit-chain", "link 1 does not follow");
    let short = written(|one| {
        one.chain.as_mut().unwrap().steps[1] = AuditStep::Entry("00".to_owned());
    });
    refused(&short, "audit-chain-malformed", "link 2 after it cannot be read");
}

#[test]
fn what_was_not_delivered_is_not_signed_for() {
    // Another entry under the number that JP signed for.
    let forged = written(|one| {
        let mut entry = ledger()[1].clone();
        entry.parts.push(PartDigest([0xff; 32]));
        one.parts = entry.parts.iter().map(ToString::to_string).collect();
        one.entry = STANDARD.encode(entry.encode());
    });
    refused(&forged, "audit-chain", "its entry or a link was changed");
    let parts = written(|one| one.parts.clear());
    refused(&parts, "audit-entry-differs", "list of parts");
    let number = written(|one| one.number = 3);
    refused(&number, "audit-entry-differs", "number");
    let cut = written(|one| one.entry = "AAAA".to_owned());
    refused(&cut, "audit-entry-malformed", "its entry cannot be read");
}

#[test]
fn a_receipt_of_another_partner_or_for_others_is_refused() {
    let of_fiji = written(|one| one.signed_receipt = signed(&receipt(FJ, head(4))));
    refused(&of_fiji, "audit-receipt-invalid", "delivery 2 to JP: its receipt does not verify");
    let to_fiji = written(|one| one.partner_id = FJ.to_string());
    refused(&to_fiji, "audit-receipt-invalid", "its receipt does not verify");
    let earlier = written(|one| one.signed_receipt = signed(&receipt(JP, head(3))));
    refused(&earlier, "audit-chain", "lead to number 4, and its receipt is for number 3");
    // So many rejects that those before may not all be listed: what is before them is not signed for.
    let rejects = (3..).take(REJECTS).map(|number| (number, RejectReason::NotEntitled)).collect();
    let full = Receipt { rejects, ..receipt(JP, head(4)) };
    let full = written(|one| one.signed_receipt = signed(&full));
    refused(&full, "audit-receipt-invalid", "says nothing of numbers before 3");
    let elsewhere = Head { number: 4, chain: Digest([6; 32]) };
    let elsewhere = written(|one| one.signed_receipt = signed(&receipt(JP, elsewhere)));
    refused(&elsewhere, "audit-chain", "do not lead to what the partner signed");
}

#[test]
fn lines_are_neither_lost_nor_added() {
    let mut who = books();
    who.deliveries.push(who.deliveries[0].clone());
    let text = sealed(&who);
    let lines: Vec<&str> = text.lines().collect();
    let [head, one, two, seal] = lines[..] else { panic!("four lines") };
    refused(&[head, one, seal].join("\n"), "audit-lines", "2 deliveries were written, and 1");
    refused(&[head, one, two, one, seal].join("\n"), "audit-lines", "and 3 are here");
    refused(&[head, one, two].join("\n"), "audit-malformed", "its end is missing");
    refused(head, "audit-malformed", "its end is missing");
}

#[test]
fn the_seal_is_by_a_key_of_the_economy() {
    let (keyring, _) = kr();
    let stranger = audit_file::write(&books(), &keyring, &key(99), NOW).unwrap();
    refused(&stranger, "audit-seal", "its key was not the economy's");
    let (keyring, link) = kr();
    let late = Timestamp::from_secs(1_900_000_000);
    let late = audit_file::write(&books(), &keyring, &link, late).unwrap();
    refused(&late, "audit-seal", "its key was not the economy's");
    let text = sealed(&books());
    let economy = kr().0.economy().to_string();
    let other =
        text.replacen(&format!("\"economy\":\"{economy}"), &format!("\"economy\":\"{JP}"), 1);
    refused(&other, "audit-seal", "its keyring is not believed");
}

#[test]
fn a_file_of_another_format_is_left_alone() {
    let old = b"{\n \"comity-audit\": 1, \"economy\": \"\"}";
    assert!(lines::is_audit(old));
    assert_eq!(lines::format("who.json", old).unwrap_err().code, "audit-format");
    assert!(!lines::is_audit(b"{\"a\": 1}"));
}
