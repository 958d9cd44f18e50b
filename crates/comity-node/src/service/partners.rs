//! Partners: looking at them, changing them, introducing them to one another.

use comity_core::control::IntroductionBody;
use comity_core::intake::Intake;
use comity_core::journal::{PartnerChange, Source, Standing};
use comity_core::keyring::Confirmation;
use comity_core::{EconomyId, Kind, RecordId, Timestamp};
use comity_net::Endpoint;

use super::due::{Due, due};
use super::names::check_name;
use super::{Service, find_partner, find_record};
use crate::api::{IntakeLine, IntroductionLine, PartnerLine, PartnerUpdate, Published};
use crate::config::Address;
use crate::engine::{Command, Engine};
use crate::error::ServiceError;
use crate::shell::Seen;
use crate::shell_word::word;
use crate::state::{Bond, Partner, State};

impl Service {
    /// Every other economy that is known.
    pub async fn partners(&self) -> Result<Vec<PartnerLine>, ServiceError> {
        let (endpoint, now) = (self.parts.endpoint.clone(), self.now());
        self.look(move |_, engine, seen| {
            lines(engine, Links::of(engine, seen, endpoint.as_deref()), now)
        })
        .await
    }

    /// Changes something about a partner.
    pub async fn update_partner(
        &self,
        name: &str,
        update: PartnerUpdate,
    ) -> Result<PartnerLine, ServiceError> {
        let text = name.to_owned();
        let economy = self.look(move |state, _, _| find_partner(state, &text)).await??;
        let change = match update {
            PartnerUpdate::Level { level } => PartnerChange::Level(u64::from(level)),
            PartnerUpdate::Suspend => PartnerChange::Suspended,
            PartnerUpdate::Resume => PartnerChange::Resumed,
            PartnerUpdate::Remove => PartnerChange::Removed,
            PartnerUpdate::Intake { rule, kinds } => intake_change(&rule, &kinds)?,
            PartnerUpdate::Addresses { addresses } => {
                PartnerChange::Addresses(dialable(addresses)?)
            }
        };
        self.command(Command::Partner { economy, change }).await?;
        self.partner_line(economy).await
    }

    /// Signs, for the partner `to`, who `economy` is.
    pub async fn introduce(
        &self,
        economy: &str,
        to: &str,
        dry_run: bool,
    ) -> Result<Published, ServiceError> {
        let (economy, to) = (economy.to_owned(), to.to_owned());
        let body = self
            .look(move |state, _, _| {
                let (economy, to) = (find_partner(state, &economy)?, find_partner(state, &to)?);
                if economy == to {
                    let message = format!("{0} cannot be introduced to {0}", state.name_of(&to));
                    return Err(ServiceError::usage("same-partner", message)
                        .next("name two partners: comity partner introduce NAME --to NAME"));
                }
                introduced_already(state, economy, to)?;
                let unknown = || ServiceError::data("keyring", "its keyring is not known here");
                let keyring = state.keyring(&economy).ok_or_else(unknown)?.encoded().to_vec();
                let name = state.partner(&economy).map(|known| known.name.clone());
                let name = name.unwrap_or_else(|| state.name_of(&economy));
                Ok::<_, ServiceError>(IntroductionBody { to, economy, name, keyring })
            })
            .await??;
        let title = format!("Introduction of {}", body.name);
        self.control_or_try(Kind::Introduction, body.encode(), title, dry_run).await
    }

    /// Introductions that partners made to us.
    pub async fn introductions(&self) -> Result<Vec<IntroductionLine>, ServiceError> {
        self.look(|state, _, _| introductions(state).map(|one| one.line).collect()).await
    }

    /// The operator confirms an introduction; `name` is what this node calls the economy from now on.
    pub async fn confirm_introduction(
        &self,
        reference: &str,
        name: &str,
    ) -> Result<PartnerLine, ServiceError> {
        let (text, name) = (reference.to_owned(), name.to_owned());
        let (economy, change) = self
            .look(move |state, _, _| {
                let id = find_record(state, &text)?;
                let found = introductions(state).find(|one| one.record == id);
                let Made { line, body, by, .. } = found.ok_or_else(|| {
                    let message = format!("`{text}` is not an introduction made to us");
                    ServiceError::no_input("no-introduction", message)
                        .next("comity partner confirm")
                })?;
                if line.confirmed {
                    return Err(ServiceError::data("known", "that economy is known here already"));
                }
                check_name(state, &name, &body.economy)?;
                let change = PartnerChange::Introduced { name, keyring: body.keyring, by };
                Ok((body.economy, change))
            })
            .await??;
        self.command(Command::Partner { economy, change }).await?;
        self.partner_line(economy).await
    }

    /// The operator does not believe an introduction: it is set aside, and no longer asked about.
    pub async fn dismiss_introduction(&self, reference: &str) -> Result<(), ServiceError> {
        let text = reference.to_owned();
        let record = self
            .look(move |state, _, _| {
                let id = find_record(state, &text)?;
                let mut open = introductions(state).filter(|one| !one.line.confirmed);
                open.find(|one| one.record == id).map(|one| one.record).ok_or_else(|| {
                    let message = format!("`{text}` is not an introduction that waits for us");
                    ServiceError::no_input("no-introduction", message).next("comity partner list")
                })
            })
            .await??;
        let standing = Standing::Quarantined("dismissed by a person here".to_owned());
        self.command(Command::Judge { record, standing }).await.map(drop)
    }

    pub(super) async fn partner_line(
        &self,
        economy: EconomyId,
    ) -> Result<PartnerLine, ServiceError> {
        let lines = self.partners().await?;
        let id = economy.to_string();
        let line = lines.into_iter().find(|line| line.economy == id);
        line.ok_or_else(|| ServiceError::no_input("no-partner", "no such partner"))
    }
}

/// What is taken in from now on. What takes back, revokes or ends is always taken.
fn intake_change(rule: &str, kinds: &[String]) -> Result<PartnerChange, ServiceError> {
    let names = Intake::ALL.map(|rule| rule.to_string()).join(", ");
    let rule = Intake::from_name(rule).ok_or_else(|| {
        ServiceError::usage("intake", format!("`{rule}` is not one of {names}"))
            .next("comity partner intake NAME review")
    })?;
    let content = || Kind::ALL.iter().filter(|kind| !kind.is_control());
    let read = |name: &String| {
        let kind = Kind::from_name(name).filter(|kind| !kind.is_control());
        kind.ok_or_else(|| {
            let names: Vec<_> = content().map(ToString::to_string).collect();
            let message = format!("`{name}` is not a kind of record with content");
            ServiceError::usage("kind", message).next(format!(
                "one of {}; keyrings, agreements, withdrawals and their like are always taken",
                names.join(", ")
            ))
        })
    };
    let kinds = kinds.iter().map(read).collect::<Result<_, _>>()?;
    Ok(PartnerChange::Intake { kinds, rule })
}

fn intake_line(partner: &Partner) -> IntakeLine {
    let words = |(kind, rule): (Kind, Intake)| (kind.to_string(), rule.to_string());
    IntakeLine {
        rule: partner.intake.otherwise().to_string(),
        kinds: partner.intake.exceptions().map(words).collect(),
        refused: partner.declined.iter().map(|(kind, count)| (kind.to_string(), *count)).collect(),
    }
}

/// Addresses in one form. One that nobody can dial would take the place of one that works.
fn dialable(addresses: Vec<String>) -> Result<Vec<String>, ServiceError> {
    let read = |address: &String| {
        let read = address.parse::<Address>().map(|address| address.to_string());
        read.map_err(|message| {
            ServiceError::usage("address", message).next("comity partner reach NAME HOST:PORT")
        })
    };
    addresses.iter().map(read).collect()
}

/// What a partner was told once need not be told again.
fn introduced_already(
    state: &State,
    economy: EconomyId,
    to: EconomyId,
) -> Result<(), ServiceError> {
    let keyring = state.keyring(&economy).map(|one| one.encoded());
    let same = state.records().find(|(_, held)| {
        let body = held
            .body
            .as_deref()
            .filter(|_| held.facts.kind == Kind::Introduction && held.source == Source::Own);
        let body = body.and_then(|body| IntroductionBody::decode(body).ok());
        // With a newer keyring it is news.
        body.is_some_and(|body| {
            body.to == to && body.economy == economy && keyring == Some(body.keyring.as_slice())
        })
    });
    let Some((_, held)) = same else { return Ok(()) };
    let (name, to) = (state.name_of(&economy), state.name_of(&to));
    let message = format!("{name} is introduced to {to} already, by {}", held.reference);
    Err(ServiceError::data("introduced-already", message).next(format!(
        "ask the operator of {to} to confirm it (`partner confirm {}` there)",
        word(&name)
    )))
}

/// An introduction that was made to us.
struct Made {
    record: RecordId,
    /// Whoever signed it: names change hands.
    by: EconomyId,
    body: IntroductionBody,
    line: IntroductionLine,
}

/// Those made by partners: the word of one that was removed is nobody's any more.
fn introductions(state: &State) -> impl Iterator<Item = Made> + '_ {
    state.records().filter_map(|(id, held)| {
        let by = held.facts.origin;
        let is_ours = held.facts.kind == Kind::Introduction && by != state.us();
        let body = held.body.as_deref().filter(|_| is_ours && held.is_accepted())?;
        state.partner(&by).filter(|partner| partner.is_paired())?;
        let body = IntroductionBody::decode(body).ok().filter(|body| body.to == state.us())?;
        let line = IntroductionLine {
            reference: held.reference.clone(),
            by: state.name_of(&by),
            name: body.name.clone(),
            economy: body.economy.to_string(),
            confirmed: state.partner(&body.economy).is_some_and(|one| one.bond != Bond::Removed),
        };
        Some(Made { record: *id, by, body, line })
    })
}

/// What is known of links, where the node is running.
#[derive(Clone, Copy)]
pub(super) struct Links<'a> {
    engine: &'a Engine,
    seen: &'a Seen,
    endpoint: &'a Endpoint,
}

impl<'a> Links<'a> {
    pub(super) fn of(
        engine: &'a Engine,
        seen: &'a Seen,
        endpoint: Option<&'a Endpoint>,
    ) -> Option<Self> {
        endpoint.map(|endpoint| Self { engine, seen, endpoint })
    }

    /// The round trip to a partner whose link is up, in milliseconds.
    fn round_trip(&self, economy: &EconomyId) -> Option<f64> {
        let path = self.endpoint.path(self.engine.link_with(economy)?)?;
        Some(path.round_trip.as_secs_f64() * 1000.0)
    }
}

/// Every other economy; what is known of links only where the node is running.
pub(super) fn lines(engine: &Engine, links: Option<Links<'_>>, now: Timestamp) -> Vec<PartnerLine> {
    let is_up = |economy: &EconomyId| links.is_some_and(|links| links.seen.up.contains(economy));
    let partners = || engine.state().partners();
    let is_away =
        |(economy, partner): &(&EconomyId, &Partner)| partner.is_paired() && !is_up(economy);
    let away = partners().filter(is_away).count();
    let mut lines: Vec<_> = partners()
        .map(|(economy, partner)| {
            let due = match is_away(&(economy, partner)) {
                true => due(engine.state(), (economy, partner), away, now),
                false => Due::default(),
            };
            line(engine, (economy, partner), links, due, now)
        })
        .collect();
    lines.sort_by(|one, other| one.name.cmp(&other.name));
    lines
}

fn line(
    engine: &Engine,
    (economy, partner): (&EconomyId, &Partner),
    links: Option<Links<'_>>,
    due: Due,
    now: Timestamp,
) -> PartnerLine {
    let state = engine.state();
    let frozen = state.is_frozen(economy);
    let (bond, introduced_by) = match partner.bond {
        Bond::Paired | Bond::Suspended if frozen => ("frozen", None),
        Bond::Paired => ("paired", None),
        Bond::Suspended => ("suspended", None),
        Bond::Removed => ("removed", None),
        Bond::Introduced(by) => ("introduced", Some(state.name_of(&by))),
    };
    let agreements = state.policy().partner(economy).into_iter().flat_map(|one| &one.agreements);
    let connected = links.map(|links| links.seen.up.contains(economy));
    let trouble = links.and_then(|links| links.seen.trouble.get(economy));
    PartnerLine {
        name: partner.name.clone(),
        economy: economy.to_string(),
        bond: bond.to_owned(),
        introduced_by,
        level: partner.level.number(),
        level_name: partner.level.to_string(),
        intake: intake_line(partner),
        reliability: state.reliability(economy).map(|grade| grade.to_string()),
        addresses: partner.addresses.clone(),
        agreements: agreements
            .filter(|agreement| agreement.in_force(now))
            .map(|agreement| agreement.terms().title().to_owned())
            .collect(),
        connected,
        trouble: trouble.map(|trouble| trouble.text.clone()),
        trouble_kind: trouble.map(|trouble| trouble.kind),
        rtt_ms: links.and_then(|links| links.round_trip(economy)),
        delivered: partner.out.head().number,
        // A link that is up knows best: what a partner confirmed once, it may have lost.
        outstanding: match connected {
            Some(true) => partner.out.outstanding_count(),
            Some(false) | None => partner.out.unconfirmed_count(),
        },
        due: due.records,
        due_or_more: due.more,
        outstays: links.map_or(0, |links| links.seen.outstays.counted(economy)),
        received: partner.inbound.durable_head().number,
        owes: partner.is_paired() && !partner.returned,
        full: engine.full(economy).map(|bound| engine.full_in_words(economy, bound)).collect(),
        keyring_confirmed: confirmed_at(state, economy).map(|at| at.to_string()),
        unconfirmed: state.unconfirmed(economy, now).map(|why| format!("its {why}")),
        since: partner.since.to_string(),
    }
}

fn confirmed_at(state: &State, economy: &EconomyId) -> Option<Timestamp> {
    match state.confirmation(economy)? {
        Confirmation::At(at) | Confirmation::Awaited { confirmed: at, .. } => Some(at),
        Confirmation::Contradicted(_) => None,
    }
}
