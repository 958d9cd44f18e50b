//! The pairing ceremony as operators live it: two screens, twelve digits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use comity_core::entropy::draw;
use comity_core::journal::PartnerChange;
use comity_core::keyring::VerifiedKeyring;
use comity_core::{EconomyId, EpochId, Timestamp};
use comity_net::pairing::{
    ConfirmError, Introduction, Paired, PairingEvent, PairingFailure, PairingId, Ticket, TicketId,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Service;
use super::names::check_name;
use crate::api::Ceremony;
use crate::config::Config;
use crate::engine::Command;
use crate::entropy::OsEntropy;
use crate::error::{ErrorKind, ServiceError};
use crate::limits::CEREMONIES;
use crate::shell_word::word;
use crate::state::{Bond, Partner};

/// The state of a ceremony whose digits wait for a person.
const COMPARE: &str = "compare";

/// Ceremonies under way, by the name that the partner is to have.
#[derive(Clone, Default)]
pub(crate) struct Pairings {
    known: Arc<Mutex<BTreeMap<String, Known>>>,
    /// Held while an invitation is made: of two at once for one name, the journal has one.
    pub(super) inviting: Arc<tokio::sync::Mutex<()>>,
}

struct Known {
    ticket: TicketId,
    /// When the ticket ends, and with it what is remembered.
    expires: Timestamp,
    pairing: Option<PairingId>,
    ceremony: Ceremony,
}

impl Known {
    /// Whether this is about a ceremony: the one that it is known for, or the first with its ticket.
    fn is_of(&self, pairing: PairingId, ticket: TicketId) -> bool {
        self.pairing.map_or(self.ticket == ticket, |known| known == pairing)
    }
}

impl Pairings {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Known>) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets ceremonies whose ticket has ended; past the bound, also those that have come to an end.
    fn sweep(all: &mut BTreeMap<String, Known>, now: Timestamp) {
        all.retain(|_, known| known.expires > now);
        if all.len() >= CEREMONIES {
            all.retain(|_, known| !matches!(known.ceremony.state.as_str(), "paired" | "failed"));
        }
    }

    /// Whether one more ceremony may begin.
    pub(super) fn may_begin(&self, name: &str, now: Timestamp) -> Result<(), ServiceError> {
        self.with(|all| {
            Self::sweep(all, now);
            if all.len() < CEREMONIES || all.contains_key(name) {
                return Ok(());
            }
            let message = format!("{CEREMONIES} pairings are under way already");
            Err(ServiceError::new(ErrorKind::TryLater, "pairings", message)
                .next("finish one of them, or wait until its ticket has ended"))
        })
    }

    fn note(&self, which: impl Fn(&Known) -> bool, change: impl FnOnce(&mut Known)) {
        self.with(|all| {
            if let Some(known) = all.values_mut().find(|known| which(known)) {
                change(known);
            }
        });
    }

    pub(super) fn begin(&self, name: &str, ticket: &Ticket, invited: bool) {
        let ceremony = Ceremony {
            name: name.to_owned(),
            invited,
            used_up: false,
            not_open: false,
            state: "waiting".to_owned(),
            digits: None,
            economy: None,
            problem: None,
        };
        let (expires, ticket) = (ticket.expires(), ticket.id());
        let known = Known { ticket, expires, pairing: None, ceremony };
        self.with(|all| all.insert(name.to_owned(), known));
    }

    /// Whether operators are at it with digits.
    pub(super) fn is_comparing(&self, name: &str) -> bool {
        is_comparing(&self.state_of(name))
    }

    /// Under which other name a ceremony with this ticket is under way.
    fn using(&self, ticket: TicketId, name: &str) -> Option<String> {
        self.with(|all| {
            let known = all.values().find(|known| {
                let Ceremony { name: other, state, .. } = &known.ceremony;
                known.ticket == ticket
                    && other != name
                    && (state == "waiting" || is_comparing(state))
            });
            known.map(|known| known.ceremony.name.clone())
        })
    }

    /// Those with a ticket of ours that have digits to compare: the ticket, which is used up, the name,
    /// how far it is, and when the ticket would have ended.
    pub(super) fn comparing(&self) -> Vec<(TicketId, String, String, Timestamp)> {
        self.with(|all| {
            let under_way = all
                .values()
                .filter(|known| known.ceremony.invited && is_comparing(&known.ceremony.state));
            let line = |known: &Known| {
                let Ceremony { name, state, .. } = &known.ceremony;
                (known.ticket, name.clone(), state.clone(), known.expires)
            };
            under_way.map(line).collect()
        })
    }

    /// Those whose digits wait to be typed here, whoever made the ticket.
    pub(super) fn digits_wait(&self) -> Vec<String> {
        self.with(|all| {
            let waiting = all.values().filter(|known| known.ceremony.state == COMPARE);
            waiting.map(|known| known.ceremony.name.clone()).collect()
        })
    }

    /// How far a pairing is, if one is known.
    pub(super) fn state_of(&self, name: &str) -> String {
        let state = self.with(|all| all.get(name).map(|one| one.ceremony.state.clone()));
        state.unwrap_or_else(|| "waiting".to_owned())
    }

    /// Forgets the pairing of a ticket that was taken back; its ceremony, if one runs.
    pub(super) fn forget(&self, name: &str, ticket: TicketId) -> Option<PairingId> {
        self.with(|all| {
            let known = all.get(name).filter(|known| known.ticket == ticket)?;
            let pairing = known.pairing;
            all.remove(name);
            pairing
        })
    }
}

fn is_comparing(state: &str) -> bool {
    matches!(state, COMPARE | "confirmed here")
}

impl Service {
    /// Goes to whoever issued a ticket.
    pub async fn join(&self, ticket: &str, name: &str) -> Result<Ceremony, ServiceError> {
        let ticket: Ticket =
            ticket.trim().parse().map_err(|error: comity_net::pairing::TicketError| {
                ServiceError::usage("ticket", error.to_string())
                    .next("paste the whole line that the other operator's `partner invite` printed")
            })?;
        let endpoint = self.endpoint()?;
        // Before anything is noted: the ceremony under this name may be that of our own invitation.
        if ticket.economy() == self.look(|state, _, _| state.us()).await? {
            let message = "this ticket is our own: the other side joins with it";
            return Err(ServiceError::usage("own-ticket", message).next(
                "send it to the other operator, who joins with it: `partner join --as NAME` there",
            ));
        }
        if let Some(other) = self.parts.pairings.using(ticket.id(), name) {
            let message = format!("this ticket is in use already, for the pairing with `{other}`");
            return Err(ServiceError::new(ErrorKind::TryLater, "ticket-in-use", message)
                .next(format!("comity partner verify {}", word(&other))));
        }
        let introduction = self.introduction(name).await?;
        self.parts.pairings.may_begin(name, self.now())?;
        self.parts.pairings.begin(name, &ticket, false);
        endpoint
            .join(ticket, introduction)
            .map_err(|error| ServiceError::new(ErrorKind::TryLater, "join", error.to_string()))?;
        self.ceremony(name).await
    }

    /// How a ceremony stands.
    pub async fn ceremony(&self, name: &str) -> Result<Ceremony, ServiceError> {
        let found = self.parts.pairings.with(|all| {
            Pairings::sweep(all, self.now());
            all.get(name).map(|one| one.ceremony.clone())
        });
        found.ok_or_else(|| {
            let message = format!("no pairing with `{name}` is under way");
            ServiceError::no_input("no-pairing", message).next("comity partner invite")
        })
    }

    /// Gives the digits of the *other* screen to a ceremony. Wrong ones burn the ticket.
    pub async fn confirm_pairing(
        &self,
        name: &str,
        digits: &str,
    ) -> Result<Ceremony, ServiceError> {
        let endpoint = self.endpoint()?;
        let pairing = self.parts.pairings.with(|all| all.get(name).and_then(|one| one.pairing));
        let pairing = pairing.ok_or_else(|| {
            let message = format!("the pairing with `{name}` shows no digits yet");
            ServiceError::new(ErrorKind::TryLater, "not-yet", message)
        })?;
        endpoint.confirm_pairing(pairing, digits).await.map_err(|error| {
            let next = match error {
                // Nothing was compared: the ceremony goes on, and whoever slipped tries again.
                ConfirmError::NotSixDigits | ConfirmError::OwnDigits | ConfirmError::Already => {
                    format!("comity partner verify {}", word(name))
                }
                ConfirmError::NotComparing | ConfirmError::Mismatch => {
                    format!("comity partner invite --as {}", word(name))
                }
            };
            ServiceError::data("digits", error.to_string()).next(next)
        })?;
        // The other side may have confirmed before us, and the pairing may be over by now.
        self.parts.pairings.note(
            |known| known.pairing == Some(pairing) && known.ceremony.state == COMPARE,
            |known| "confirmed here".clone_into(&mut known.ceremony.state),
        );
        self.ceremony(name).await
    }

    /// Follows the ceremonies of the endpoint until the node ends.
    pub(crate) fn attend_pairings(
        &self,
        mut events: mpsc::Receiver<PairingEvent>,
    ) -> JoinHandle<()> {
        let service = self.clone_for_desk();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let Some(service) = service.upgrade() else { return };
                Service::by_itself(service).attend(event).await;
            }
        })
    }

    /// The desk must not keep the node alive.
    fn clone_for_desk(&self) -> std::sync::Weak<super::ServiceParts> {
        Arc::downgrade(&self.parts)
    }

    async fn attend(&self, event: PairingEvent) {
        match event {
            PairingEvent::Compare { pairing, ticket, comparison, .. } => {
                // The other end may know the digits by now: whatever becomes of this, and whenever we
                // stop, nobody may try again with the ticket.
                let problem = match self.end_ticket(ticket).await {
                    Ok(()) => self.stranger(pairing, ticket, comparison.economy).await,
                    Err(error) => Some(format!("the ticket could not be written off: {error}")),
                };
                if let Some(problem) = problem {
                    self.give_up(pairing);
                    self.parts.pairings.note(
                        |known| known.is_of(pairing, ticket),
                        |known| {
                            "failed".clone_into(&mut known.ceremony.state);
                            known.ceremony.problem = Some(problem);
                        },
                    );
                    return;
                }
                self.parts.pairings.note(
                    |known| known.is_of(pairing, ticket),
                    |known| {
                        known.pairing = Some(pairing);
                        COMPARE.clone_into(&mut known.ceremony.state);
                        let digits = comparison.show.to_string();
                        let digits = digits.chars().filter(char::is_ascii_digit).collect();
                        known.ceremony.digits = Some(digits);
                        known.ceremony.economy = Some(comparison.economy.to_string());
                    },
                );
            }
            PairingEvent::Paired { pairing, paired } => {
                let name = self.parts.pairings.with(|all| {
                    let found = all.iter().find(|(_, known)| known.pairing == Some(pairing));
                    found.map(|(name, known)| (name.clone(), known.ticket))
                });
                let Some((name, ticket)) = name else { return };
                let result = self.write_down(&name, &paired).await;
                if result.is_err() {
                    self.write_off(ticket).await;
                }
                self.parts.pairings.note(
                    |known| known.pairing == Some(pairing),
                    |known| match result {
                        Ok(()) => "paired".clone_into(&mut known.ceremony.state),
                        Err(error) => {
                            "failed".clone_into(&mut known.ceremony.state);
                            known.ceremony.problem = Some(error.to_string());
                        }
                    },
                );
            }
            PairingEvent::Failed { pairing, ticket, failure, used_up } => {
                if used_up {
                    self.write_off(ticket).await;
                }
                self.parts.pairings.note(
                    // What we gave up ourselves has its reason already.
                    |known| known.is_of(pairing, ticket) && known.ceremony.state != "failed",
                    |known| {
                        // A ticket that is not used up may begin another ceremony.
                        known.pairing = known.pairing.filter(|_| used_up);
                        "failed".clone_into(&mut known.ceremony.state);
                        known.ceremony.used_up = used_up;
                        known.ceremony.not_open = matches!(failure, PairingFailure::NoInvitation);
                        let again = if used_up { "; the ticket is used up" } else { "" };
                        known.ceremony.problem = Some(format!("{failure}{again}"));
                    },
                );
            }
        }
    }

    /// Written down before the partner is let in: the set of those who may connect changes with the
    /// entry.
    async fn write_down(&self, name: &str, paired: &Paired) -> Result<(), ServiceError> {
        let (text, economy) = (name.to_owned(), paired.economy);
        // Another ceremony, or an introduction, may have taken the name since this one began.
        self.look(move |state, _, _| check_name(state, &text, &economy)).await??;
        let change = PartnerChange::Paired {
            name: name.to_owned(),
            keyring: paired.keyring.encoded().to_vec(),
            addresses: paired.addresses.clone(),
            epoch: EpochId(draw(&mut OsEntropy)),
            ceremony: Box::new(paired.ceremony.clone()),
        };
        self.command(Command::Partner { economy, change }).await.map(drop)
    }

    /// What is wrong when the economy that answers is not the one that its name was given to.
    async fn stranger(
        &self,
        pairing: PairingId,
        ticket: TicketId,
        economy: EconomyId,
    ) -> Option<String> {
        let name = self.parts.pairings.with(|all| {
            let found = all.iter().find(|(_, known)| known.is_of(pairing, ticket));
            found.map(|(name, _)| name.clone())
        })?;
        let checked = self.look(move |state, _, _| {
            check_name(state, &name, &economy).err().map(|_taken| {
                format!(
                    "{economy} answers, and `{name}` is another economy here: choose another name"
                )
            })
        });
        checked.await.ok().flatten()
    }

    /// A ticket of ours is used up without a pairing: it opens the door no more, nor after a restart.
    pub(super) async fn write_off(&self, ticket: TicketId) {
        if let Err(error) = self.end_ticket(ticket).await {
            tracing::warn!("a ticket that is used up could not be written off: {error}");
        }
    }

    async fn end_ticket(&self, ticket: TicketId) -> Result<(), ServiceError> {
        self.command(Command::EndInvitation { ticket: ticket.0 }).await.map(drop)
    }

    pub(super) fn give_up(&self, pairing: PairingId) {
        if let Some(endpoint) = &self.parts.endpoint {
            endpoint.abort_pairing(pairing);
        }
    }

    pub(super) fn endpoint(&self) -> Result<&Arc<comity_net::Endpoint>, ServiceError> {
        self.parts.endpoint.as_ref().ok_or_else(|| {
            ServiceError::new(ErrorKind::Unavailable, "node-not-running", "the node is not running")
                .next("comity run")
        })
    }

    pub(super) async fn introduction(&self, name: &str) -> Result<Introduction, ServiceError> {
        let config = self.parts.config.clone();
        let name = name.to_owned();
        self.look(move |state, engine, _| {
            engine.may_pair()?;
            // Whoever was only introduced may be paired under its name; the ceremony then shows whether
            // it is the same economy.
            let introduced =
                |one: &Partner| matches!(one.bond, Bond::Introduced(_)) && one.name == name;
            let known = state.partners().find(|(_, one)| introduced(one)).map(|(id, _)| *id);
            check_name(state, &name, &known.unwrap_or(EconomyId([0; 32])))?;
            Ok(introduction(&config, state.keyring(&state.us())))
        })
        .await?
    }
}

/// What we say of ourselves to whoever pairs with us.
pub(crate) fn introduction(config: &Config, keyring: Option<&VerifiedKeyring>) -> Introduction {
    Introduction {
        name: config.economy.name.clone(),
        keyring: keyring.map(|one| one.encoded().to_vec()).unwrap_or_default(),
        addresses: config.reachable_at().iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ticket(now: Timestamp) -> Ticket {
        let addresses = vec!["127.0.0.1:4864".to_owned()];
        Ticket::issue(comity_core::EconomyId([7; 32]), addresses, now, &mut OsEntropy).unwrap()
    }

    #[test]
    fn a_ticket_has_one_name_at_a_time() {
        let pairings = Pairings::default();
        let one = ticket(Timestamp::from_secs(1_800_000_000));
        pairings.begin("KR", &one, false);
        assert_eq!(pairings.using(one.id(), "again").as_deref(), Some("KR"));
        assert_eq!(pairings.using(one.id(), "KR"), None, "that is the same pairing");
        pairings.note(|_| true, |known| "failed".clone_into(&mut known.ceremony.state));
        assert_eq!(pairings.using(one.id(), "again"), None);
    }

    #[test]
    fn ceremonies_are_forgotten_when_their_ticket_ends_and_have_a_bound() {
        let pairings = Pairings::default();
        let now = Timestamp::from_secs(1_800_000_000);
        for number in 0..CEREMONIES {
            let name = format!("N{number}");
            pairings.may_begin(&name, now).unwrap();
            pairings.begin(&name, &ticket(now), true);
        }
        let refused = pairings.may_begin("one more", now).unwrap_err();
        assert_eq!((refused.kind, refused.code), (ErrorKind::TryLater, "pairings"));
        // One that is under way may be begun anew; one that has ended makes room.
        pairings.may_begin("N3", now).unwrap();
        pairings.note(
            |known| known.ceremony.name == "N5",
            |known| "failed".clone_into(&mut known.ceremony.state),
        );
        pairings.may_begin("one more", now).unwrap();
        assert!(pairings.with(|all| !all.contains_key("N5") && all.contains_key("N6")));
        let day = Duration::from_secs(25 * 3600);
        pairings.may_begin("one more", now.saturating_add(day)).unwrap();
        assert!(pairings.with(|all| all.is_empty()));
    }
}
