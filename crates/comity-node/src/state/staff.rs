//! The people of this economy: who they are, and what they may do at this node.

use std::collections::BTreeMap;

use comity_core::journal::{StaffChange, StaffChanged};
use comity_core::staff::{Alone, Roles};
use comity_core::{KeyId, Timestamp};

/// Everybody who is, or was, of the staff.
#[derive(Debug, Default)]
pub struct Staff {
    people: BTreeMap<String, Member>,
    /// Every key that somebody has or had, by key.
    keys: BTreeMap<KeyId, String>,
    /// How far each of these keys' holders publishes, or published, alone.
    alone: BTreeMap<KeyId, Alone>,
}

/// Somebody of the staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The person's key: the keyring says what it may sign, and whether it ended.
    pub key: KeyId,
    /// What the person is here.
    pub roles: Roles,
    /// How far the person publishes alone.
    pub alone: Alone,
    /// Since when, under this key and in these roles.
    pub since: Timestamp,
    /// When the person left.
    pub left: Option<Timestamp>,
}

impl Staff {
    /// Whether nobody is of the staff now: then whoever reaches the node may ask anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people.values().all(|member| member.left.is_some())
    }

    /// Somebody by name, who may have left.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.people.get(name)
    }

    /// Whose key this is, of those who are or were here, under the last key of each.
    #[must_use]
    pub fn holder(&self, key: KeyId) -> Option<&str> {
        self.iter().find(|(_, member)| member.key == key).map(|(name, _)| name)
    }

    /// Whose key this is or ever was.
    #[must_use]
    pub fn ever_held(&self, key: KeyId) -> Option<&str> {
        self.keys.get(&key).map(String::as_str)
    }

    /// Everybody who is or was, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Member)> {
        self.people.iter().map(|(name, member)| (name.as_str(), member))
    }

    pub(super) fn changed(&mut self, changed: &StaffChanged) {
        match &changed.change {
            StaffChange::Joined(joined) => {
                self.joined(changed, joined.key, &joined.roles, Alone::default());
            }
            StaffChange::JoinedWithin(within) => {
                self.joined(changed, within.key, &within.roles, within.alone.clone());
            }
            // What it permits the keyring says; the person's own key stays what it is.
            StaffChange::Recognised(key) => {
                self.keys.entry(*key).or_insert_with(|| changed.name.clone());
            }
            StaffChange::Left => {
                if let Some(member) = self.people.get_mut(&changed.name) {
                    member.left = Some(changed.at);
                }
            }
        }
    }

    fn joined(&mut self, changed: &StaffChanged, key: KeyId, roles: &Roles, alone: Alone) {
        let roles = roles.clone();
        self.keys.insert(key, changed.name.clone());
        self.alone.insert(key, alone.clone());
        let member = Member { key, roles, alone, since: changed.at, left: None };
        self.people.insert(changed.name.clone(), member);
    }

    /// How far whoever holds or held this key publishes alone; none for a key that nobody of the staff ever had.
    #[must_use]
    pub fn alone(&self, key: KeyId) -> Option<&Alone> {
        self.alone.get(&key)
    }

    /// Whether somebody is here who does not publish everything alone.
    #[must_use]
    pub fn is_anybody_limited(&self) -> bool {
        self.iter().any(|(_, member)| member.left.is_none() && !member.alone.is_unlimited())
    }
}
