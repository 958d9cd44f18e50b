use super::super::{PartnerChange, Source};
use super::*;
use crate::assessment::{Credibility, Reliability};
use crate::intake::Intake;
use crate::ledger::{Head, LedgerEntry, Obligations, Opening};
use crate::marking::Onward;
use crate::staff::{Alone, Roles, StaffRole};
use crate::time::Timestamp;
use crate::{Digest, EconomyId, EpochId, Kind, Marking, Means, PartDigest, RecordId, Tlp};

fn joined_within(alone: Alone) -> JournalEntry {
    let roles = Roles::new([StaffRole::Analyst]).unwrap();
    JournalEntry::Staff(StaffChanged {
        name: "kim".into(),
        change: StaffChange::JoinedWithin(StaffWithin { key: crate::KeyId([9; 32]), roles, alone }),
        by: "lee".into(),
        at: Timestamp::from_secs(9),
    })
}

fn examples() -> Vec<JournalEntry> {
    let (economy, record) = (EconomyId([1; 32]), RecordId([2; 32]));
    let (at, digest) = (Timestamp::from_secs(9), Digest([3; 32]));
    let part = PartHeld { digest: PartDigest([4; 32]), size: 5, header: vec![0xa0] };
    let entry = LedgerEntry {
        epoch: EpochId([6; 16]),
        number: 7,
        record,
        parts: vec![part.digest],
        obligations: crate::ledger::Obligations::default(),
        salt: [5; 16],
    };
    let opening = Opening {
        epoch: EpochId([8; 16]),
        previous: EpochId([6; 16]),
        known: Head::START,
        first: 3,
    };
    let source = Source::Partner(Delivered { from: economy, entry: entry.clone() });
    let partner = |change| JournalEntry::Partner(PartnerChanged { economy, change, at });
    let arrival = |outcome| {
        let entry = Some(entry.clone());
        JournalEntry::Arrival(Arrival { from: economy, number: 7, digest, entry, outcome, at })
    };
    let erased = |cause| {
        JournalEntry::Erased(Erasure {
            record,
            parts: vec![PartDigest([4; 32])],
            beside: vec![PartDigest([5; 32])],
            cause,
            reason: "asked by the person".into(),
            by: String::new(),
            at,
        })
    };
    let exported = |readers, obligations| {
        let (parts, by) = (vec![PartDigest([4; 32]), PartDigest([5; 32])], "kim".into());
        JournalEntry::Exported(Exported { record, parts, readers, obligations, by, at })
    };
    let bound = Obligations {
        onward: Onward::None,
        retention_days: Some(30),
        purposes: vec!["defence".into(), "statistics".into()],
    };
    let hold = LegalHold { record, reason: "a court's order".into(), by: "kim".into(), at };
    let standing = |standing| JournalEntry::Standing(StandingChanged { record, standing, at });
    vec![
        JournalEntry::Founded(Founded { economy, code: "KR".into(), keyring: vec![1], at }),
        JournalEntry::Record(RecordEntered {
            signed: vec![1, 2],
            parts: vec![part.clone()],
            source: source.clone(),
            standing: Standing::Accepted,
            reference: "KR-26-0001".into(),
            title: "flaw".into(),
            at,
        }),
        JournalEntry::Parts(PartsArrived { record, parts: vec![part], source, at }),
        JournalEntry::Parts(PartsArrived { record, parts: vec![], source: Source::Own, at }),
        JournalEntry::Parts(PartsArrived {
            record,
            parts: vec![],
            source: Source::Returned { by: economy },
            at,
        }),
        standing(Standing::Pending("why".into())),
        standing(Standing::Quarantined("why".into())),
        standing(Standing::InReview(economy)),
        standing(Standing::Dropped),
        JournalEntry::Ruled(Ruled {
            record,
            standing: Standing::Dropped,
            by: "Kim".into(),
            reason: "a rumour".into(),
            at,
        }),
        JournalEntry::Staff(StaffChanged {
            name: "kim".into(),
            change: StaffChange::Joined(StaffJoined {
                key: crate::KeyId([9; 32]),
                roles: Roles::new([StaffRole::Analyst, StaffRole::Approver]).unwrap(),
            }),
            by: String::new(),
            at,
        }),
        joined_within(Alone {
            up_to: Some(crate::Tlp::Green),
            kinds: Some([crate::Kind::Advisory, crate::Kind::Note].into()),
            categories: Some(["energy".to_owned()].into()),
            recipients: Some(20),
        }),
        joined_within(Alone::default()),
        JournalEntry::Staff(StaffChanged {
            name: "kim".into(),
            change: StaffChange::Left,
            by: "lee".into(),
            at,
        }),
        JournalEntry::Staff(StaffChanged {
            name: "kim".into(),
            change: StaffChange::Recognised(crate::KeyId([9; 32])),
            by: "lee".into(),
            at,
        }),
        JournalEntry::Read(ContentRead { of: Shown::Record(record), by: "kim".into(), at }),
        JournalEntry::Read(ContentRead { of: Shown::Draft(3), by: "kim".into(), at }),
        JournalEntry::Guarded(Guarded {
            record,
            part: PartDigest([4; 32]),
            passes: vec![digest],
            by: "kim".into(),
            reason: "the word is public".into(),
            at,
        }),
        JournalEntry::Assessed(Assessed {
            subject: AssessedSubject::Source(economy),
            reliability: Some(Reliability::B),
            credibility: None,
            reason: "right about each of the last ten".into(),
            by: "kim".into(),
            at,
        }),
        JournalEntry::Assessed(Assessed {
            subject: AssessedSubject::Record(record),
            reliability: None,
            credibility: Some(Credibility::Doubtful),
            reason: "nobody else has seen it".into(),
            by: "kim".into(),
            at,
        }),
        JournalEntry::Headed { signed: vec![5, 6], from: economy, at },
        JournalEntry::AwaitsApproval(AwaitsApproval {
            record,
            causes: vec![
                ApprovalCause::Label(crate::Tlp::Red),
                ApprovalCause::Category("law-enforcement".into()),
                ApprovalCause::Class(crate::Class::PersonalData),
                ApprovalCause::Recipients(7),
                ApprovalCause::Restored,
                ApprovalCause::Tier(crate::agreement::Tier::LawEnforcement),
                ApprovalCause::Beyond(AuthorLimit::Label(crate::Tlp::Amber)),
                ApprovalCause::Beyond(AuthorLimit::Kind(crate::Kind::Incident)),
                ApprovalCause::Beyond(AuthorLimit::Category("energy".into())),
                ApprovalCause::Beyond(AuthorLimit::Recipients(21)),
            ],
            at,
        }),
        JournalEntry::Emergency(EmergencyOpened {
            word: RecordId([7; 32]),
            record,
            to: economy,
            by: "kim".into(),
            confirm_by: at,
            until: at,
            at,
        }),
        JournalEntry::Judged(Judged {
            records: vec![record, RecordId([8; 32])],
            standing: Standing::Quarantined("why".into()),
            at,
        }),
        partner(PartnerChange::Paired {
            name: "JP".into(),
            keyring: vec![1],
            addresses: vec!["[::1]:4747".into()],
            epoch: EpochId([6; 16]),
            ceremony: Box::new(Ceremony {
                transcript: digest,
                inviter: true,
                our_key: crate::KeyId([1; 32]),
                ours: [2; 64],
                their_key: crate::KeyId([3; 32]),
                theirs: [4; 64],
            }),
        }),
        partner(PartnerChange::Level(4)),
        partner(PartnerChange::Suspended),
        partner(PartnerChange::Resumed),
        partner(PartnerChange::Removed),
        partner(PartnerChange::Addresses(vec![])),
        partner(PartnerChange::Intake { kinds: vec![], rule: Intake::Refuse }),
        partner(PartnerChange::Intake {
            kinds: vec![Kind::Advisory, Kind::Unknown(99)],
            rule: Intake::Review,
        }),
        partner(PartnerChange::Introduced { name: "JP".into(), keyring: vec![1], by: economy }),
        JournalEntry::Delivery(DeliveryDecided {
            to: economy,
            entry: entry.clone(),
            policy: 1,
            covering: Some(record),
            withheld: vec![Withheld {
                part: PartDigest([9; 32]),
                gate: "tlp".into(),
                clause: "art. 1".into(),
            }],
            returned: false,
            at,
        }),
        JournalEntry::Voided { to: economy, number: 7, digest, handed: true, at },
        arrival(ArrivalOutcome::Void),
        arrival(ArrivalOutcome::Known(record)),
        arrival(ArrivalOutcome::Withdrawn(record)),
        arrival(ArrivalOutcome::Rejected(3)),
        arrival(ArrivalOutcome::Unkept(economy)),
        arrival(ArrivalOutcome::Declined(Kind::Note)),
        JournalEntry::Receipt { from: economy, signed: vec![1], at },
        JournalEntry::Refused { by: economy, number: 7, reason: 2, at },
        JournalEntry::Epoch { to: economy, opening, at },
        JournalEntry::PartnerEpoch { from: economy, opening, at },
        JournalEntry::Restored { at },
        JournalEntry::PolicyConfirmed { at },
        JournalEntry::Returned { by: economy, at },
        JournalEntry::Recovered { at },
        JournalEntry::Draft(DraftMade {
            number: 1,
            title: "flaw".into(),
            kind: 0,
            format: "csaf".into(),
            provenance: "x".into(),
            marking: Some(Marking::new(Tlp::Green)),
            parts: vec![DraftPart { content: PartDigest([4; 32]), size: 1, header: vec![0xa0] }],
            at,
        }),
        JournalEntry::DraftGone { draft: 1, record: None, at },
        JournalEntry::Invited(Invited {
            ticket: [7; 16],
            name: "JP".into(),
            addresses: vec!["kr.example:4864".into()],
            salt: [8; 16],
            expires: at,
            at,
        }),
        JournalEntry::InvitationEnded { ticket: [7; 16], at },
        JournalEntry::TailCut { bytes: 7, at },
        JournalEntry::HeadAgreed { by: economy, at },
        JournalEntry::HeldBack { record, until: at, at },
        JournalEntry::Unsent { record, at },
        JournalEntry::ToldOutside(ToldOutside {
            record,
            whom: "the bank's own team".into(),
            means: Means::Phone,
            parts: vec![PartDigest([4; 32])],
            told: at,
            teller: "Kim".into(),
            note: String::new(),
            at,
        }),
        JournalEntry::ToldWrongly { record, word: 1, reason: "another record".into(), at },
        erased(ErasureCause::Person),
        erased(ErasureCause::Term),
        JournalEntry::OnHold(hold.clone()),
        JournalEntry::HoldLifted(hold),
        JournalEntry::BackedUp(BackedUp { folder: "/mnt/one".into(), upto: 7, at }),
        exported(Readers::Own, Obligations::unbound()),
        exported(Readers::Constituents, bound.clone()),
        exported(Readers::Public, bound),
    ]
}

#[test]
fn every_entry_is_read_as_written() {
    for entry in examples() {
        assert_eq!(JournalEntry::decode(entry.kind(), &entry.encode()), Ok(entry));
    }
}

/// An entry that is written and not read again would be the last that a node makes.
#[test]
fn a_text_as_long_as_an_entry_is_read_again() {
    let examples = examples();
    let entered = examples.iter().find_map(|entry| {
        if let JournalEntry::Record(entered) = entry { Some(entered.clone()) } else { None }
    });
    let title = "x".repeat(crate::limits::ENTRY_BYTES - 64 * 1024);
    let entry = JournalEntry::Record(RecordEntered { title, ..entered.unwrap() });
    assert!(entry.encode().len() <= crate::limits::ENTRY_BYTES);
    assert_eq!(JournalEntry::decode(entry.kind(), &entry.encode()), Ok(entry));
}

/// Who may do without the post-quantum key exchange stands in the configuration, and nowhere else.
#[test]
fn a_change_that_nobody_would_heed_is_refused() {
    let (economy, at) = (EconomyId([1; 32]), Timestamp::from_secs(1));
    let change = PartnerChange::Level(1);
    let entry = JournalEntry::Partner(PartnerChanged { economy, change, at });
    let mut body = entry.encode();
    assert_eq!(JournalEntry::decode(entry.kind(), &body), Ok(entry.clone()));
    let level = body.windows(3).position(|bytes| bytes == [0x82, 1, 1]).unwrap();
    body[level + 1..level + 3].copy_from_slice(&[7, 0xf5]);
    assert!(JournalEntry::decode(entry.kind(), &body).is_err());
}

/// Somebody without a role, or in one that is not known, would be let do nothing, or anything.
#[test]
fn nobody_joins_in_roles_that_nobody_has() {
    let joined = |roles: &[u8]| {
        let mut body = vec![0x84, 0x63, b'k', b'i', b'm', 0x82, 0, 0x82, 0x58, 32];
        body.extend([9; 32]);
        body.extend(roles);
        body.extend([0x60, 0x19, 0x23, 0x28]);
        JournalEntry::decode(30, &body)
    };
    assert!(joined(&[0x82, 0, 1]).is_ok());
    assert!(joined(&[0x81, 4]).is_ok());
    for refused in [&[0x80][..], &[0x81, 5], &[0x82, 0, 4]] {
        assert!(joined(refused).is_err(), "{refused:?}");
    }
}

/// Two scales with six grades each: a seventh would be somebody's guess.
#[test]
fn a_grade_that_is_none_is_refused() {
    let graded = |reliability: &[u8], credibility: &[u8]| {
        let mut body = vec![0x86, 0x82, 1, 0x58, 32];
        body.extend([9; 32]);
        body.extend(reliability);
        body.extend(credibility);
        body.extend([0x60, 0x60, 0x19, 0x23, 0x28]);
        JournalEntry::decode(26, &body)
    };
    assert!(graded(&[0x81, 1], &[0x81, 6]).is_ok());
    assert!(graded(&[0x80], &[0x80]).is_ok());
    for grade in [0, 7] {
        assert!(graded(&[0x81, grade], &[0x80]).is_err(), "{grade}");
        assert!(graded(&[0x80], &[0x81, grade]).is_err(), "{grade}");
    }
    assert!(graded(&[0x82, 1, 2], &[0x80]).is_err());
}

/// A part twice, or before another that it comes after, would be two files of one.
#[test]
fn the_parts_of_a_file_are_read_in_their_order_only() {
    let read = |parts: &[u8]| {
        let exported = Exported {
            record: RecordId([3; 32]),
            parts: parts.iter().map(|part| PartDigest([*part; 32])).collect(),
            readers: Readers::Public,
            obligations: Obligations::unbound(),
            by: String::new(),
            at: Timestamp::from_secs(9),
        };
        JournalEntry::decode(41, &JournalEntry::Exported(exported).encode())
    };
    assert!(read(&[4]).is_ok() && read(&[4, 5, 6]).is_ok());
    for refused in [&[][..], &[4, 4], &[5, 4], &[4, 6, 5]] {
        assert!(read(refused).is_err(), "{refused:?}");
    }
}

#[test]
fn a_byte_more_or_less_is_refused() {
    for entry in examples() {
        let (kind, body) = (entry.kind(), entry.encode());
        for end in 0..body.len() {
            assert!(JournalEntry::decode(kind, &body[..end]).is_err(), "{entry:?}");
        }
        assert!(JournalEntry::decode(kind, &[&body[..], &[0]].concat()).is_err());
    }
    assert_eq!(JournalEntry::decode(99, &[]), Err(JournalFault::UnknownKind(99)));
    assert_eq!(JournalEntry::decode(5, &[]), Err(JournalFault::Outdated(5)));
}
