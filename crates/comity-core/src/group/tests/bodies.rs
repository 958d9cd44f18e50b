//! Bodies are read as they are written, and nothing else is read.

use std::collections::BTreeSet;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use crate::cbor::{Problem, Writer};
use crate::control::ControlBody;
use crate::digest::Digest;
use crate::group::*;
use crate::identity::{EconomyId, GroupId, RecordId};
use crate::vocabulary::Kind;

fn economy() -> impl Strategy<Value = EconomyId> {
    any::<[u8; 32]>().prop_map(EconomyId)
}

fn record() -> impl Strategy<Value = RecordId> {
    any::<[u8; 32]>().prop_map(RecordId)
}

fn labels() -> impl Strategy<Value = BTreeSet<String>> {
    btree_set("[A-Z]{1,8}", 0..3)
}

fn group_bodies() -> impl Strategy<Value = GroupBody> {
    let group = any::<[u8; 32]>().prop_map(GroupId);
    let about = (group, 0_u64..1000, economy(), record(), option::of("[a-z]{1,20}"));
    let more = (labels(), vec("[a-z]{1,9}", 0..3), btree_set(economy(), 1..4), ".{0,40}");
    (0_u8..6, about, more).prop_map(|(what, about, more)| {
        let (group, epoch, economy, application, reason) = about;
        let (affiliations, answers, founders, text) = more;
        match what {
            0 => {
                let sponsors = founders.iter().skip(1).copied().collect();
                GroupBody::Charter(CharterBody { text, founders, sponsors })
            }
            1 => GroupBody::Application(ApplicationBody { group, affiliations, answers }),
            2 => GroupBody::Sponsorship(SponsorshipBody { group, epoch, application }),
            3 => GroupBody::Removal(RemovalBody { group, epoch, member: economy, reason }),
            4 => GroupBody::Handover(HandoverBody { group, epoch, to: economy }),
            _ => GroupBody::Invitation(InvitationBody { group, to: economy }),
        }
    })
}

fn roster_bodies() -> impl Strategy<Value = RosterBody> {
    let members = btree_map(economy(), labels(), 1..5);
    let changes = btree_map(economy(), btree_set(record(), 1..4), 0..3);
    let ids = any::<([u8; 32], [u8; 32])>();
    (any::<bool>(), ids, 1_u64..1000, members, changes, option::of(record())).prop_map(
        |(head, (group, digest), epoch, members, changes, handover)| {
            let (group, digest) = (GroupId(group), Digest(digest));
            if head {
                return RosterBody::Head(RosterHead { group, epoch, digest });
            }
            let predecessor = digest;
            RosterBody::Roster(Roster { group, epoch, predecessor, members, changes, handover })
        },
    )
}

proptest! {
    #[test]
    fn bodies_are_read_as_written(body in group_bodies(), roster in roster_bodies()) {
        let read = ControlBody::decode(Kind::Group, &body.encode());
        prop_assert_eq!(read, Ok(ControlBody::Group(body)));
        let read = ControlBody::decode(Kind::Roster, &roster.encode());
        prop_assert_eq!(read, Ok(ControlBody::Roster(roster)));
    }

    #[test]
    fn one_byte_less_or_more_is_refused(body in group_bodies(), roster in roster_bodies()) {
        for (kind, bytes) in [(Kind::Group, body.encode()), (Kind::Roster, roster.encode())] {
            prop_assert!(ControlBody::decode(kind, &bytes[..bytes.len() - 1]).is_err());
            prop_assert!(ControlBody::decode(kind, &[&bytes[..], &[0]].concat()).is_err());
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..120)) {
        GroupBody::decode(&bytes).ok();
        RosterBody::decode(&bytes).ok();
    }
}

#[test]
fn what_a_later_version_says_is_not_acted_on() {
    let mut writer = Writer::new();
    writer.map(2).key(0).uint(6).key(1).bytes(&[1; 32]);
    let fault = GroupBody::decode(&writer.into_bytes()).unwrap_err();
    assert_eq!(fault.problem, Problem::OutOfRange);
    let mut writer = Writer::new();
    writer.map(1).key(1).uint(0);
    assert_eq!(
        RosterBody::decode(&writer.into_bytes()).unwrap_err().problem,
        Problem::MissingField
    );
}

#[test]
fn a_digest_depends_on_every_field_and_on_nothing_else() {
    let roster = Roster {
        group: GroupId([1; 32]),
        epoch: 1,
        predecessor: Digest([1; 32]),
        members: [(EconomyId([1; 32]), BTreeSet::new())].into(),
        changes: [].into(),
        handover: None,
    };
    assert_eq!(roster.digest(), roster.clone().digest());
    let mut other = roster.clone();
    other.members.insert(EconomyId([1; 32]), BTreeSet::from(["FIRST".to_owned()]));
    assert_ne!(roster.digest(), other.digest());
    assert_ne!(roster.digest(), Roster { epoch: 2, ..roster.clone() }.digest());
}
