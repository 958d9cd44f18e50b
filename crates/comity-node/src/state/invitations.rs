//! Open invitations: everything that a ticket is made of, but for its secret.
//!
//! The secret is in no journal and no file: the node derives it again from a key of its own and the
//! salt that is kept here.

use std::collections::BTreeMap;

use comity_core::Timestamp;
use comity_core::journal::Invited;

/// The invitations that nobody has used up.
#[derive(Debug, Default)]
pub struct Invitations {
    open: BTreeMap<[u8; 16], Invited>,
}

impl Invitations {
    /// Those that still open the door at `now`, in the order in which they were made.
    #[must_use]
    pub fn open(&self, now: Timestamp) -> Vec<&Invited> {
        let mut open: Vec<_> = self.open.values().filter(|one| now < one.expires).collect();
        open.sort_by_key(|one| (one.at, one.ticket));
        open
    }

    /// The one for whoever is to have this name, if it still opens the door.
    #[must_use]
    pub fn named(&self, name: &str, now: Timestamp) -> Option<&Invited> {
        self.open.values().find(|one| one.name == name && now < one.expires)
    }

    /// Whether this ticket has been used up, taken back, or was never ours.
    #[must_use]
    pub fn is_gone(&self, ticket: &[u8; 16]) -> bool {
        !self.open.contains_key(ticket)
    }

    /// Another is made; one for the same name is void from here on.
    pub(super) fn made(&mut self, invited: &Invited) {
        self.settled(&invited.name);
        self.open.retain(|_, one| invited.at < one.expires);
        self.open.insert(invited.ticket, invited.clone());
    }

    /// A ticket opens the door no more.
    pub(super) fn ended(&mut self, ticket: &[u8; 16]) {
        self.open.remove(ticket);
    }

    /// Somebody was paired under this name: what invited them has done its work.
    pub(super) fn settled(&mut self, name: &str) {
        self.open.retain(|_, one| one.name != name);
    }

    /// The journal is older than what has happened: any of them may have been used since.
    pub(super) fn restored(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn invited(ticket: u8, name: &str) -> Invited {
        Invited {
            ticket: [ticket; 16],
            name: name.to_owned(),
            addresses: Vec::new(),
            salt: [0; 16],
            expires: NOW.saturating_add(Duration::from_secs(3_600)),
            at: NOW,
        }
    }

    fn open(invitations: &Invitations, now: Timestamp) -> Vec<u8> {
        invitations.open(now).iter().map(|one| one.ticket[0]).collect()
    }

    #[test]
    fn each_opens_the_door_until_it_is_used_taken_back_or_over() {
        let mut invitations = Invitations::default();
        for (ticket, name) in [(1, "JP"), (2, "FJ"), (3, "NZ")] {
            invitations.made(&invited(ticket, name));
        }
        assert_eq!(open(&invitations, NOW), [1, 2, 3]);
        invitations.settled("JP");
        invitations.ended(&[2; 16]);
        assert_eq!(open(&invitations, NOW), [3]);
        assert!(invitations.is_gone(&[1; 16]) && invitations.is_gone(&[2; 16]));
        assert!(open(&invitations, invited(3, "NZ").expires).is_empty());
    }

    #[test]
    fn another_for_the_same_name_replaces_it() {
        let mut invitations = Invitations::default();
        invitations.made(&invited(1, "JP"));
        invitations.made(&invited(2, "JP"));
        assert_eq!(open(&invitations, NOW), [2]);
        assert_eq!(invitations.named("JP", NOW).map(|one| one.ticket), Some([2; 16]));
    }

    /// What was used after the backup was made must not open the door again.
    #[test]
    fn a_restore_closes_every_door() {
        let mut invitations = Invitations::default();
        invitations.made(&invited(1, "JP"));
        invitations.restored();
        assert!(open(&invitations, NOW).is_empty());
    }
}
