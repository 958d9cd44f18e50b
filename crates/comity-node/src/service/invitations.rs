//! Invitations: tickets that open the door once, also after a restart of the node.
//!
//! What a ticket is made of stands in the journal, but for its secret: that is derived from a key of the
//! node, which is encrypted at rest, and from a salt of each invitation's own. So neither the journal
//! nor a backup of it opens the door.

use comity_core::digest::{Digest, domains};
use comity_core::entropy::draw;
use comity_core::journal::Invited;
use comity_core::sign::SecretKey;
use comity_core::{EconomyId, Timestamp};
use comity_net::limits::TICKET_LIFE;
use comity_net::pairing::{Introduction, Ticket, TicketError, TicketId};

use super::Service;
use crate::api::{Invitation, InvitationLine};
use crate::engine::Command;
use crate::entropy::OsEntropy;
use crate::error::{ErrorKind, ServiceError};
use crate::shell_word::word;
use crate::state::State;

impl Service {
    /// Invites somebody to pair. The ticket opens the door once, for a day; an earlier one for the same
    /// name opens it no more.
    pub async fn invite(&self, name: &str) -> Result<Invitation, ServiceError> {
        let endpoint = self.endpoint()?;
        let key = self.keys()?.endpoint;
        let introduction = self.introduction(name).await?;
        if introduction.addresses.is_empty() {
            let message = "nobody can be told where this node is: it has no public address";
            return Err(ServiceError::new(ErrorKind::Config, "no-address", message)
                .next("set `listen.public` in comity.toml"));
        }
        let _one_at_a_time = self.parts.pairings.inviting.lock().await;
        self.parts.pairings.may_begin(name, self.now())?;
        if self.parts.pairings.is_comparing(name) {
            let message = format!("a pairing with `{name}` is under way");
            return Err(ServiceError::new(ErrorKind::TryLater, "pairing-under-way", message)
                .next(format!("comity partner verify {}", word(name))));
        }
        let (text, now) = (name.to_owned(), self.now());
        let (us, earlier) = self
            .look(move |state, _, _| {
                (state.us(), state.invitations().named(&text, now).map(|one| one.ticket))
            })
            .await?;
        let (invited, ticket) = make(&key, us, name, introduction.addresses.clone(), now)
            .map_err(|error| ServiceError::usage("ticket", error.to_string()))?;
        // Written down before anybody has the ticket, and before the earlier one opens the door no more: a
        // restart finds the doors that are open now.
        self.command(Command::Invite(invited)).await?;
        if let Some(earlier) = earlier {
            endpoint.withdraw_invite(TicketId(earlier));
        }
        if let Err(error) = endpoint.invite(ticket.clone(), introduction) {
            self.write_off(ticket.id()).await;
            return Err(ServiceError::new(ErrorKind::TryLater, "invite", error.to_string()));
        }
        self.parts.pairings.begin(name, &ticket, true);
        Ok(Invitation {
            ticket: ticket.to_line().as_str().to_owned(),
            name: name.to_owned(),
            expires: ticket.expires().to_string(),
        })
    }

    /// The invitations that open the door, and those whose ticket was used: digits are being compared.
    pub async fn invitations(&self) -> Result<Vec<InvitationLine>, ServiceError> {
        let (pairings, now) = (self.parts.pairings.clone(), self.now());
        let mut lines: Vec<_> = self
            .look(move |state, _, _| {
                let open = state.invitations().open(now).into_iter();
                open.map(|invited| line(invited, pairings.state_of(&invited.name))).collect()
            })
            .await?;
        let comparing = self.parts.pairings.comparing().into_iter();
        lines.extend(comparing.map(|(_, name, state, expires)| used(name, state, expires)));
        Ok(lines)
    }

    /// Takes an invitation back; a ceremony that has begun with it ends.
    pub async fn cancel_invitation(&self, name: &str) -> Result<InvitationLine, ServiceError> {
        let (text, now) = (name.to_owned(), self.now());
        let found = self.look(move |state, _, _| named(state, &text, now)).await?;
        let Some(invited) = found else { return self.cancel_ceremony(name) };
        self.command(Command::EndInvitation { ticket: invited.ticket }).await?;
        let pairing = self.parts.pairings.forget(name, TicketId(invited.ticket));
        if let Some(endpoint) = &self.parts.endpoint {
            endpoint.withdraw_invite(TicketId(invited.ticket));
            if let Some(pairing) = pairing {
                endpoint.abort_pairing(pairing);
            }
        }
        Ok(line(&invited, "cancelled".to_owned()))
    }

    /// Ends a ceremony whose ticket is used up already.
    fn cancel_ceremony(&self, name: &str) -> Result<InvitationLine, ServiceError> {
        let mut comparing = self.parts.pairings.comparing().into_iter();
        let (ticket, name, _, expires) = comparing.find(|one| one.1 == name).ok_or_else(|| {
            ServiceError::no_input("no-invitation", format!("no invitation for `{name}` is open"))
                .next("comity partner invite --list")
        })?;
        if let Some(pairing) = self.parts.pairings.forget(&name, ticket) {
            self.give_up(pairing);
        }
        Ok(used(name, "cancelled".to_owned(), expires))
    }

    /// Opens the door again for those who were invited before the node was started.
    pub(crate) fn reopen(&self, us: EconomyId, invited: &[Invited], introduction: &Introduction) {
        let (Some(endpoint), Ok(keys)) = (&self.parts.endpoint, self.keys()) else { return };
        for invited in invited {
            let opened = match ticket_of(&keys.endpoint, us, invited) {
                Ok(ticket) if ticket.id() == TicketId(invited.ticket) => {
                    let opened = endpoint.invite(ticket.clone(), introduction.clone());
                    opened.map(|()| ticket).map_err(|error| error.to_string())
                }
                Ok(_) => Err("it was made with a key that this node no longer has".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            match opened {
                Ok(ticket) => self.parts.pairings.begin(&invited.name, &ticket, true),
                Err(why) => {
                    let name = &invited.name;
                    tracing::warn!(name, "an invitation opens the door no more: {why}");
                    self.forget_ticket(invited.ticket);
                }
            }
        }
    }

    /// Writes down that a ticket is worth nothing any more, without waiting for it.
    fn forget_ticket(&self, ticket: [u8; 16]) {
        let shell = self.parts.shell.clone();
        tokio::spawn(async move {
            if shell.command(Command::EndInvitation { ticket }).await.is_none() {
                tracing::debug!("the node has stopped");
            }
        });
    }
}

fn named(state: &State, name: &str, now: Timestamp) -> Option<Invited> {
    state.invitations().named(name, now).cloned()
}

fn line(invited: &Invited, state: String) -> InvitationLine {
    InvitationLine {
        name: invited.name.clone(),
        state,
        since: invited.at.to_string(),
        expires: invited.expires.to_string(),
    }
}

/// One whose ticket is used up: the journal has it no more.
fn used(name: String, state: String, expires: Timestamp) -> InvitationLine {
    let since = expires.saturating_sub(TICKET_LIFE).to_string();
    InvitationLine { name, state, since, expires: expires.to_string() }
}

fn make(
    key: &SecretKey,
    us: EconomyId,
    name: &str,
    addresses: Vec<String>,
    now: Timestamp,
) -> Result<(Invited, Ticket), TicketError> {
    let mut invited = Invited {
        ticket: [0; 16],
        name: name.to_owned(),
        addresses,
        salt: draw(&mut OsEntropy),
        expires: now.saturating_add(TICKET_LIFE),
        at: now,
    };
    let ticket = ticket_of(key, us, &invited)?;
    invited.ticket = ticket.id().0;
    Ok((invited, ticket))
}

fn ticket_of(key: &SecretKey, us: EconomyId, invited: &Invited) -> Result<Ticket, TicketError> {
    let secret = secret(key, &invited.salt);
    Ticket::with_secret(us, invited.addresses.clone(), invited.expires, secret)
}

fn secret(key: &SecretKey, salt: &[u8; 16]) -> [u8; 16] {
    let Digest(derived) = Digest::of_all(domains::TICKET_SECRET, &[key.seed(), salt]);
    derived.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use comity_core::journal::JournalEntry;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn made(key: u8) -> (SecretKey, Invited, Ticket) {
        let key = SecretKey::from_seed(&[key; 32]);
        let addresses = vec!["kr.example:4864".to_owned()];
        let (invited, ticket) = make(&key, EconomyId([1; 32]), "JP", addresses, NOW).unwrap();
        (key, invited, ticket)
    }

    #[test]
    fn the_same_ticket_is_made_again_from_what_is_written_down() {
        let (key, invited, ticket) = made(1);
        assert_eq!(ticket_of(&key, EconomyId([1; 32]), &invited), Ok(ticket));
        let other = SecretKey::from_seed(&[2; 32]);
        let other = ticket_of(&other, EconomyId([1; 32]), &invited).unwrap();
        assert_ne!(other.id(), TicketId(invited.ticket), "another key makes another ticket");
    }

    #[test]
    fn what_is_written_down_does_not_open_the_door() {
        let (key, invited, _) = made(1);
        let secret = secret(&key, &invited.salt);
        let entry = JournalEntry::Invited(invited).encode();
        assert!(!entry.windows(secret.len()).any(|bytes| bytes == secret));
        assert!(!entry.windows(32).any(|bytes| bytes == key.seed()));
    }
}
