//! What a node can be asked: the one place that the local interface and the command line call.

mod agreements;
mod amending;
mod approvals;
mod assessing;
mod audit;
mod audit_partner;
mod awaited;
mod caller;
mod clock;
mod comparing;
mod compose;
mod consent_answers;
mod consent_lines;
mod consented;
mod consents;
mod corroborating;
mod corroboration_words;
mod drafts;
mod due;
mod embargo;
mod emergencies;
mod erasing;
mod explain;
mod export_events;
mod exporting;
mod files;
mod group_lines;
mod group_words;
mod groups;
mod guard;
mod heads;
mod invitations;
mod key_ends;
mod key_falls;
#[cfg(test)]
mod key_tests;
mod keys;
mod local;
mod markings;
mod names;
mod needle;
mod outside;
mod pairing;
mod part_names;
mod partners;
mod ping;
mod preview_notes;
mod quarantine;
mod recall_due;
mod record_file;
mod records;
mod replacing;
mod reviewing;
mod root_keys;
mod root_stays;
#[cfg(test)]
mod root_tests;
#[cfg(test)]
mod root_theft_tests;
mod searching;
mod staff;
mod staff_keys;
#[cfg(test)]
mod staff_tests;
mod subjects;
mod terms;
mod unaware;
mod watch;
mod withdrawals;
mod words;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use comity_core::journal::BackedUp;
use comity_core::staff::Right;
use comity_core::{EconomyId, RecordId, Timestamp};
use comity_net::Endpoint;
use comity_store::{FileStore, Store, StoreError};
use tokio::task::JoinHandle;

use crate::api::{AlarmLine, Status};
use crate::clock::NodeClock;
use crate::config::Config;
use crate::contested;
use crate::deadlines;
use crate::engine::{Command, Engine, Reply};
use crate::error::{DAMAGED, ErrorKind, ServiceError};
use crate::keyfile::Passphrase;
use crate::limits::AN_HOUR;
use crate::node::Keys;
use crate::outlasting;
use crate::rotation;
use crate::shell::{Handle, Seen};
use crate::state::State;

pub use agreements::End;
use caller::Asks;
pub(crate) use caller::OpenKeys;
pub use caller::staff_key_file;
pub use comparing::{Comparing, line as difference_line};
pub use corroborating::Corroborating;
pub use emergencies::EMERGENCY_KEYS;
pub use exporting::{Exporting, Verifying};
pub(crate) use key_ends::desk_problem;
pub(crate) use pairing::{Pairings, introduction};
use partners::Links;
pub use searching::Searching;
pub(crate) use subjects::Subjects;
pub use words::from_base64;
pub(crate) use words::to_base64;

/// What a node can be asked. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    parts: Arc<ServiceParts>,
    /// Who asks.
    asks: Asks,
}

pub(crate) struct ServiceParts {
    pub(crate) shell: Handle,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: Arc<FileStore>,
    pub(crate) clock: Arc<NodeClock>,
    pub(crate) config: Arc<Config>,
    pub(crate) keys: RwLock<Option<Keys>>,
    pub(crate) passphrase: Option<Passphrase>,
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    pub(crate) pairings: Pairings,
    pub(crate) open_keys: OpenKeys,
    /// Held while the link key is replaced: two at once would each write down a key of their own.
    pub(crate) rotating: tokio::sync::Mutex<()>,
    /// Shared by whoever signs, until what they signed is in the journal; a key ends while nobody does.
    pub(crate) signing: tokio::sync::RwLock<()>,
    /// Held by whoever answers withdrawals: the node by itself, and whoever erases.
    pub(crate) answering: tokio::sync::Mutex<()>,
    /// Held while the journal is folded for a question about the past: each takes as much memory as the
    /// node itself.
    pub(crate) past: tokio::sync::Mutex<()>,
    /// What parts speak of, as far as somebody asked.
    pub(crate) subjects: Arc<Subjects>,
}

impl Service {
    pub(crate) fn new(parts: ServiceParts) -> Self {
        Self::by_itself(Arc::new(parts))
    }

    /// As the node uses it for what it does unasked.
    fn by_itself(parts: Arc<ServiceParts>) -> Self {
        Self { parts, asks: Asks::Anybody }
    }

    /// Does this unasked, now and every hour, until the node ends.
    fn hourly<Work>(
        &self,
        failed: &'static str,
        work: impl Fn(Self) -> Work + Send + 'static,
    ) -> JoinHandle<()>
    where
        Work: Future<Output = Result<(), ServiceError>> + Send,
    {
        let service = Arc::downgrade(&self.parts);
        tokio::spawn(async move {
            let mut hours = tokio::time::interval(AN_HOUR);
            loop {
                hours.tick().await;
                let Some(parts) = service.upgrade() else { return };
                if let Err(error) = work(Self::by_itself(parts)).await {
                    tracing::warn!("{failed}: {error}");
                }
            }
        })
    }

    /// What is in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// How the node is.
    pub async fn status(&self) -> Result<Status, ServiceError> {
        let listening = self.parts.endpoint.as_ref().and_then(|one| one.local_addr().ok());
        let running = self.parts.endpoint.is_some();
        let durable = self.parts.store.durable();
        // A running node was refused without it, and may have renewed it since.
        let link_key = self.keys().ok().map(|keys| keys.link.id());
        let endpoint = self.parts.endpoint.clone();
        let folder = self.parts.config.store.folder.display().to_string();
        let node = self.parts.config.folder.clone();
        let whole = std::fs::canonicalize(&node).unwrap_or_else(|_gone| node.clone());
        let desk = self.keys().ok().map(|keys| keys.desk.id());
        let keyring_changing = self.parts.rotating.try_lock().is_err();
        let (now, clock) = (self.now(), self.parts.clock.look().problem);
        let pairing = self.parts.pairings.digits_wait();
        let shown = (self.takes(Right::See).is_ok(), self.takes(Right::Read).is_ok());
        self.look(move |state, engine, seen| {
            let desk = desk.and_then(|desk| desk_problem(state, desk, now));
            let (desk_problem, desk_next) = desk.unzip();
            let awaited = state.awaiting_approval();
            let awaiting = awaited.len() as u64;
            let for_nobody = awaited
                .iter()
                .filter(|(held, _)| state.approvers_of(&held.facts.id, now).is_empty());
            let (root_problem, root_next) = root_keys::problem(state).unzip();
            Status {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                code: state.code().to_owned(),
                economy: state.us().to_string(),
                folder: whole.display().to_string(),
                running,
                listening: listening.map(|address| address.to_string()),
                records: state.records().filter(|(_, one)| !one.facts.kind.is_control()).count()
                    as u64,
                waiting: state.records().filter(|(_, one)| state.waits(one)).count() as u64,
                asks: state.asks_of_us().count() as u64,
                drafts: state.drafts().count() as u64,
                held_by_guard: state.held_by_guard(),
                awaiting_approval: awaiting,
                waiting_for_nobody: for_nobody.count() as u64,
                unclaimed_keys: state
                    .unclaimed_keys()
                    .values()
                    .filter(|(until, ended)| *until > now && !ended)
                    .count() as u64,
                emergencies: emergencies::due(state, now),
                emergency_key_until: state.emergency_key(now).map(|(_, until)| until.to_string()),
                approvers: (awaiting > 0 || !engine.approval_rules().is_empty())
                    .then(|| state.approvers(now).len() as u64),
                entries: durable.seq,
                chain: durable.chain.to_string(),
                link_key_granted: link_key.map(|key| {
                    running
                        || state.grants_link(key)
                        || rotation::kept_grants(&node, state.us(), key)
                }),
                keyring: state.own_keyring_head().0,
                keyring_changing,
                desk_problem,
                desk_next,
                keyring_unsaid: state.own_head_is_late(now).map(|said| said.to_string()),
                keyring_forgotten: engine.forgotten_keyring().map(|place| place.to_string()),
                root_problem,
                root_next,
                store_problem: engine.failed(),
                store_next: engine.failed().map(|_| {
                    if engine.is_damaged() {
                        DAMAGED.to_owned()
                    } else if engine.is_full() {
                        format!("free some space: df -h {folder}")
                    } else {
                        "look at the disk (dmesg, smartctl), then start the node again".to_owned()
                    }
                }),
                recovering: state.recovery().map(|recovery| recovery.since.to_string()),
                clock_problem: clock.map(|problem| problem.to_string()),
                clock_next: clock.map(|problem| problem.next().to_owned()),
                partners: partners::lines(
                    engine,
                    Links::of(engine, seen, endpoint.as_deref()),
                    now,
                ),
                pairing,
                awaited: awaited::lines(state, shown, now),
                stopped_groups: groups::stopped(state, now),
                deadlines: deadlines::lines(state, now)
                    .into_iter()
                    .filter(|line| shown.0 || line.group.is_none())
                    .collect(),
                contested: contested::lines(state, now),
                alarms: alarms(state, seen),
            }
        })
        .await
    }

    /// Ends when nothing more is begun; see [`crate::Node::stop`].
    pub async fn drain(&self) {
        // A shell that is gone has nothing to drain.
        drop(self.parts.shell.command(Command::Drain).await);
    }

    pub(crate) async fn end(&self) {
        self.parts.shell.stop().await;
    }

    /// Copies the journal to a folder that has none; the node goes on meanwhile.
    pub async fn backup(&self, to: &Path) -> Result<(), ServiceError> {
        let (store, to) = (self.parts.files.clone(), to.to_owned());
        let (beside, at) = (to.clone(), self.now());
        let copied = tokio::task::spawn_blocking(move || store.backup(&to)).await;
        match copied {
            Ok(Err(error @ StoreError::Folder { .. })) => {
                Err(ServiceError::new(ErrorKind::CannotCreate, "backup-folder", error.to_string())
                    .next("name a folder that is empty or new: comity backup DIR"))
            }
            Ok(Err(error @ StoreError::Io { .. })) => Err(ServiceError::from(error)
                .next("name a folder in which the node's user may write: comity backup DIR")),
            Ok(copied) => {
                let upto = copied?.seq;
                outlasting::copy(&self.parts.config.folder, &beside)?;
                let folder = beside.display().to_string();
                let copy = BackedUp { folder, upto, at };
                if let Err(error) = self.command(Command::BackedUp(copy)).await {
                    // It is whole all the same; `doctor` will not know of it.
                    tracing::warn!("that a copy was made is not written down: {error}");
                }
                Ok(())
            }
            Err(error) => Err(ServiceError::new(ErrorKind::Io, "backup", error.to_string())),
        }
    }

    /// The operator confirms local policy after a restore.
    pub async fn confirm_recovery(&self) -> Result<(), ServiceError> {
        self.command(Command::ConfirmPolicy).await.map(drop)
    }

    async fn command(&self, command: Command) -> Result<Reply, ServiceError> {
        match self.parts.shell.command(command).await {
            Some(result) => result.map_err(ServiceError::from),
            None => Err(ServiceError::stopped()),
        }
    }

    /// Looks at the state between two of its steps.
    async fn look<T: Send + 'static>(
        &self,
        question: impl FnOnce(&State, &Engine, &Seen) -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        let answer = self.parts.shell.ask(|engine, seen| question(engine.state(), engine, seen));
        answer.await.ok_or_else(ServiceError::stopped)
    }

    fn keys(&self) -> Result<Keys, ServiceError> {
        let keys = self.parts.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone().ok_or_else(|| {
            let message = "this needs the node's keys, and they could not be opened";
            ServiceError::new(ErrorKind::NoPermission, "keys-locked", message)
                .next("give the passphrase with --passphrase-file, or at the prompt")
        })
    }

    /// The time that the node goes by: what is shown and signed goes by the same as what is sent.
    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }
}

fn alarms(state: &State, seen: &Seen) -> Vec<AlarmLine> {
    seen.alarms
        .iter()
        .map(|(at, alarm)| AlarmLine {
            at: at.to_string(),
            partner: alarm.partner.map(|partner| state.name_of(&partner)),
            code: alarm.code.to_owned(),
            text: alarm.text.clone(),
        })
        .collect()
}

/// A record by reference, id, or the beginning of an id.
fn find_record(state: &State, text: &str) -> Result<RecordId, ServiceError> {
    state.find_record(text).ok_or_else(|| {
        ServiceError::no_input("no-record", format!("no record `{text}` is here"))
            .next("comity list")
    })
}

/// Another economy by name, id, or the beginning of an id.
fn find_partner(state: &State, text: &str) -> Result<EconomyId, ServiceError> {
    state.find_partner(text).ok_or_else(|| {
        ServiceError::no_input("no-partner", format!("`{text}` is not a partner"))
            .next("comity partner list")
    })
}

/// Ourselves, or another economy.
fn find_economy(state: &State, text: &str) -> Result<EconomyId, ServiceError> {
    if text == state.code() || text == state.us().to_string() {
        return Ok(state.us());
    }
    find_partner(state, text)
}
