//! Staff: the people of one economy, what each of them may do at its node, and what the root grants
//! for that.
//!
//! Names and roles stay at home. What partners see is a person's key with its grants, of which they are
//! told that somebody of the staff holds it.

use std::collections::BTreeSet;
use std::fmt;

use crate::identity::EconomyId;
use crate::keyring::Grant;
use crate::marking::Tlp;
use crate::sign::PublicKey;
use crate::time::Timestamp;
use crate::vocabulary::Kind;

/// What stands in place of a name in the grants of a person's key: partners have no use for the name, and
/// it tells such a key from the one with which the node signs.
pub const HOLDER: &str = "staff";

/// Bytes of a person's name at most: it is also that of a key file.
const NAME_BYTES: usize = 32;

/// What somebody is at this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StaffRole {
    /// Writes records, signs them and takes them back.
    Analyst,
    /// Decides what waits for a second person.
    Approver,
    /// Speaks with other economies: pairings, agreements, groups, consents.
    Liaison,
    /// Keeps the node running.
    Operator,
    /// Reads who did what, and no content above TLP:GREEN.
    Auditor,
}

/// What a request needs of whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// How the node is: anybody who reaches it.
    Open,
    /// What whoever has the machine can do anyway: a copy of the data, the end of a recovery, for which nobody
    /// of the staff may be left whose key still counts, and the keys by the root's word.
    Keep,
    /// Drafts from a feed: nothing leaves by it.
    Bring,
    /// Records and partners, as far as the person may see their content.
    See,
    /// Previews, explanations, events: what is not cut to what the person may see.
    Read,
    /// Records: signed, taken back.
    Write,
    /// What stands of a record in quarantine; what is erased, and what is kept on legal grounds.
    Judge,
    /// The second person's word about a record of our own.
    Approve,
    /// One record of our own to one partner in an emergency; the emergency key is needed besides.
    BreakGlass,
    /// Whom this economy pairs with, and how far it trusts it.
    Pair,
    /// What binds the economy: agreements, groups, consents.
    Deal,
    /// The question whether a record may go further, and the word that somebody was told of it by other means.
    Ask,
    /// The clock.
    Operate,
    /// Who read and did what here.
    Audit,
}

impl StaffRole {
    /// Every role.
    pub const ALL: [Self; 5] =
        [Self::Analyst, Self::Approver, Self::Liaison, Self::Operator, Self::Auditor];

    /// The number in the journal.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Analyst => 0,
            Self::Approver => 1,
            Self::Liaison => 2,
            Self::Operator => 3,
            Self::Auditor => 4,
        }
    }

    /// The role with this number.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }

    /// The role with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Analyst => "analyst",
            Self::Approver => "approver",
            Self::Liaison => "liaison",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }

    /// Whether the role has this right.
    #[must_use]
    pub const fn may(self, right: Right) -> bool {
        match right {
            Right::Open | Right::See => true,
            Right::Keep | Right::Operate => matches!(self, Self::Operator),
            Right::Bring | Right::Write => matches!(self, Self::Analyst),
            Right::Read => !matches!(self, Self::Auditor),
            Right::Judge | Right::BreakGlass => matches!(self, Self::Analyst | Self::Approver),
            Right::Approve => matches!(self, Self::Approver),
            Right::Pair => matches!(self, Self::Liaison | Self::Operator),
            Right::Deal => matches!(self, Self::Liaison),
            Right::Ask => matches!(self, Self::Analyst | Self::Liaison),
            Right::Audit => matches!(self, Self::Operator | Self::Auditor),
        }
    }

    /// The kinds without content that somebody in this role signs.
    const fn binds(self) -> &'static [Kind] {
        match self {
            Self::Analyst => &[Kind::Withdrawal, Kind::Consent, Kind::Acknowledgement],
            Self::Approver => &[Kind::Approval],
            Self::Liaison => &[
                Kind::Agreement,
                Kind::Acceptance,
                Kind::Termination,
                Kind::Group,
                Kind::Roster,
                Kind::Consent,
                // Whoever consents can take it back.
                Kind::Withdrawal,
                Kind::Introduction,
                Kind::Contact,
            ],
            Self::Operator | Self::Auditor => &[],
        }
    }
}

impl fmt::Display for StaffRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Right {
    /// Whether a request that names nobody has it, where there is staff.
    #[must_use]
    pub const fn needs_no_name(self) -> bool {
        match self {
            Self::Open | Self::Keep | Self::Bring => true,
            Self::See
            | Self::Read
            | Self::Write
            | Self::Judge
            | Self::Approve
            | Self::BreakGlass
            | Self::Pair
            | Self::Deal
            | Self::Ask
            | Self::Operate
            | Self::Audit => false,
        }
    }

    /// The roles that have it.
    pub fn roles(self) -> impl Iterator<Item = StaffRole> {
        StaffRole::ALL.into_iter().filter(move |role| role.may(self))
    }
}

/// Why these roles are not one person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RolesFault {
    /// No role at all.
    #[error("a person has at least one role")]
    None,
    /// Whoever audits would audit what it did itself.
    #[error("an auditor has no other role: nobody audits what they did themselves")]
    AuditorAndMore,
}

/// The roles of one person: at least one, and an auditor has no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(BTreeSet<StaffRole>);

impl Roles {
    /// These roles, in any order.
    pub fn new(roles: impl IntoIterator<Item = StaffRole>) -> Result<Self, RolesFault> {
        let roles: BTreeSet<_> = roles.into_iter().collect();
        if roles.is_empty() {
            return Err(RolesFault::None);
        }
        if roles.len() > 1 && roles.contains(&StaffRole::Auditor) {
            return Err(RolesFault::AuditorAndMore);
        }
        Ok(Self(roles))
    }

    /// The roles.
    pub fn iter(&self) -> impl Iterator<Item = StaffRole> {
        self.0.iter().copied()
    }

    /// Whether one of the roles is this.
    #[must_use]
    pub fn has(&self, role: StaffRole) -> bool {
        self.0.contains(&role)
    }

    /// Whether one of the roles has this right.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        self.iter().any(|role| role.may(right))
    }

    /// The strictest label whose content the person sees; none is a bound: everything that is shown here.
    #[must_use]
    pub fn sees(&self) -> Option<Tlp> {
        self.has(StaffRole::Auditor).then_some(Tlp::Green)
    }

    /// What the root grants to the person's key: to sign content up to `ceiling`, where one of the roles
    /// writes, and what binds the economy without content, which has no label that would say more.
    ///
    /// Whoever signs nothing gets a grant for nothing: the root's word for who holds the key, by which it
    /// can be revoked like any other.
    #[must_use]
    pub fn grants(&self, person: &Person, ceiling: Tlp) -> Vec<Grant> {
        let Person { economy, key, from, until } = *person;
        let grant = |kinds: BTreeSet<Kind>, ceiling| {
            Grant::author(economy, key, kinds, ceiling, from, until).held_by(HOLDER)
        };
        let mut grants = Vec::new();
        if self.has(StaffRole::Analyst) {
            let content = Kind::ALL.iter().copied().filter(|kind| !kind.is_control());
            grants.push(grant(content.collect(), ceiling));
        }
        let binds: BTreeSet<_> = self.iter().flat_map(StaffRole::binds).copied().collect();
        if !binds.is_empty() {
            grants.push(grant(binds, Tlp::AmberStrict));
        }
        if grants.is_empty() {
            grants.push(grant(BTreeSet::new(), Tlp::Clear));
        }
        grants
    }
}

/// How far somebody publishes alone; beyond it, an approver of the staff says yes first. What is not said is
/// no limit.
///
/// A grant binds at the partners too, which refuse what goes beyond it. This one is kept at home, beside the
/// person's roles: how an economy divides its work is nobody else's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alone {
    /// Up to this label.
    pub up_to: Option<Tlp>,
    /// These kinds.
    pub kinds: Option<BTreeSet<Kind>>,
    /// Marked with these categories, or with none.
    pub categories: Option<BTreeSet<String>>,
    /// To as many partners.
    pub recipients: Option<u64>,
}

impl Alone {
    /// Whether it limits nothing.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// Whose key the root grants, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// The economy that grants.
    pub economy: EconomyId,
    /// The person's key.
    pub key: PublicKey,
    /// From this instant.
    pub from: Timestamp,
    /// Up to this instant.
    pub until: Timestamp,
}

/// Whether a person can be called this: 1 to 32 lower-case letters, digits and hyphens.
#[must_use]
pub fn is_staff_name(name: &str) -> bool {
    (1..=NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entitlement::{Claim, Entitlement, FirstSeen, Refusal, entitlement};
    use crate::identity::RecordId;
    use crate::keyring::KeyringBuilder;
    use crate::sign::SecretKey;
    use crate::test_util::TestEconomy;

    /// Every right, beside the roles that have it; `-`: a request that names nobody has it as well.
    const TABLE: [(Right, &str); 14] = [
        (Right::Open, "- analyst approver liaison operator auditor"),
        (Right::Keep, "- operator"),
        (Right::Bring, "- analyst"),
        (Right::See, "analyst approver liaison operator auditor"),
        (Right::Read, "analyst approver liaison operator"),
        (Right::Write, "analyst"),
        (Right::Judge, "analyst approver"),
        (Right::Approve, "approver"),
        (Right::BreakGlass, "analyst approver"),
        (Right::Pair, "liaison operator"),
        (Right::Deal, "liaison"),
        (Right::Ask, "analyst liaison"),
        (Right::Operate, "operator"),
        (Right::Audit, "operator auditor"),
    ];

    #[test]
    fn each_role_has_its_rights() {
        for (right, expected) in TABLE {
            let nobody = right.needs_no_name().then_some("-");
            let said: Vec<_> =
                nobody.into_iter().chain(right.roles().map(StaffRole::name)).collect();
            assert_eq!(said.join(" "), expected, "{right:?}");
        }
    }

    #[test]
    fn roles_are_read_as_they_are_written() {
        for role in StaffRole::ALL {
            assert_eq!(StaffRole::from_code(role.code()), Some(role));
            assert_eq!(StaffRole::from_name(role.name()), Some(role));
        }
        assert_eq!(StaffRole::from_code(5), None);
        assert_eq!(StaffRole::from_name("Analyst"), None);
    }

    #[test]
    fn an_auditor_is_nothing_else_and_nobody_is_nothing() {
        assert_eq!(Roles::new([]), Err(RolesFault::None));
        let both = Roles::new([StaffRole::Auditor, StaffRole::Analyst]);
        assert_eq!(both, Err(RolesFault::AuditorAndMore));
        let auditor = Roles::new([StaffRole::Auditor, StaffRole::Auditor]).unwrap();
        assert_eq!(auditor.sees(), Some(Tlp::Green));
        assert_eq!(Roles::new([StaffRole::Operator]).unwrap().sees(), None);
    }

    #[test]
    fn a_name_is_short_and_plain() {
        for name in ["kim", "a-7", &"x".repeat(32)] {
            assert!(is_staff_name(name), "{name}");
        }
        for name in ["", "Kim", "../root", "a b", &"x".repeat(33), "kí"] {
            assert!(!is_staff_name(name), "{name}");
        }
    }

    fn roles() -> impl Strategy<Value = Roles> {
        let some = prop::collection::btree_set(prop::sample::select(&StaffRole::ALL[..]), 1..5);
        some.prop_filter_map("no such person", |roles| Roles::new(roles).ok())
    }

    #[test]
    fn whoever_consents_can_take_it_back() {
        let liaison = Roles::new([StaffRole::Liaison]).unwrap();
        for kind in [Kind::Consent, Kind::Withdrawal] {
            let signed = signed(&liaison, Tlp::Clear, kind, Tlp::AmberStrict);
            assert_eq!(signed, Entitlement::Accepted, "{kind}");
        }
    }

    /// What becomes of a record of this kind and floor that a person with these roles signs.
    fn signed(roles: &Roles, ceiling: Tlp, kind: Kind, floor: Tlp) -> Entitlement {
        let economy = TestEconomy::found(1).unwrap();
        let key = SecretKey::from_seed(&[77; 32]);
        let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
        let person = Person { economy: economy.id(), key: key.public(), from, until };
        let grants = roles.grants(&person, ceiling);
        assert!(grants.iter().all(|grant| grant.holder == HOLDER && !grant.unknown));
        let builder = KeyringBuilder::follow(&economy.keyring);
        let builder = grants.into_iter().fold(builder, KeyringBuilder::grant);
        let keyring = builder.sign(&[&economy.root]).unwrap();
        let claim = Claim {
            record: RecordId([1; 32]),
            origin: economy.id(),
            author: key.id(),
            signed_at: from,
            kind,
            floor,
            restricts: false,
        };
        entitlement(Some(&keyring), &claim, FirstSeen::relayed(from), from)
    }

    proptest! {
        #[test]
        fn a_key_signs_what_the_roles_say_and_nothing_above_its_ceiling(
            roles in roles(),
            ceiling in prop::sample::select(&Tlp::ALL[..]),
            floor in prop::sample::select(&Tlp::ALL[..]),
            kind in prop::sample::select(Kind::ALL),
        ) {
            let expected = if kind.is_control() {
                roles.iter().any(|role| role.binds().contains(&kind)) && floor <= Tlp::AmberStrict
            } else {
                roles.has(StaffRole::Analyst) && floor <= ceiling
            };
            let became = signed(&roles, ceiling, kind, floor);
            prop_assert_eq!(became == Entitlement::Accepted, expected, "{:?}", became);
        }
    }

    #[test]
    fn nobody_signs_keyrings_with_a_key_of_their_own() {
        let all = Roles::new(StaffRole::ALL.into_iter().filter(|role| *role != StaffRole::Auditor));
        let became = signed(&all.unwrap(), Tlp::Red, Kind::Keyring, Tlp::AmberStrict);
        assert_eq!(became, Entitlement::Refused(Refusal::Kind));
    }
}
