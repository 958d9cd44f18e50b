//! A node over a data folder: running, with its links; or offline, for one command.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use comity_core::Timestamp;
use comity_core::digest::Digest;
use comity_core::journal::JournalEntry;
use comity_core::keyring::VerifiedKeyring;
use comity_core::sign::SecretKey;
use comity_net::{BindError, Endpoint, EndpointConfig, EndpointSecrets, LinkIdentity, LinkOptions};
use comity_store::{FileStore, OpenReport, Store, StoreError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::clock::NodeClock;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::entropy::OsEntropy;
use crate::error::{ErrorKind, ServiceError};
use crate::founding::{DESK, ENDPOINT, LINK, NODE_KEYS};
use crate::guard::Guard;
use crate::index;
use crate::keyfile::{self, Passphrase};
use crate::limits::{FOLD, NET_EVENTS};
use crate::outlasting;
use crate::rotation;
use crate::service::{OpenKeys, Pairings, Service, ServiceParts, desk_problem, introduction};
use crate::shell;
use crate::state::{FoldError, State, titles};

/// How a node is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With its links.
    Running,
    /// For one command: the lock is taken, nothing is sent.
    Offline,
    /// For one command that changes nothing: as offline, and a damaged journal is read as far as it goes.
    /// Of such a journal nothing is built on: no key is opened, and every change is refused.
    Reading,
}

/// A started node.
pub struct Node {
    service: Service,
    endpoint: Option<Arc<Endpoint>>,
    idle: watch::Receiver<bool>,
    shell: JoinHandle<Arc<dyn Store>>,
    /// What the node does by itself, besides what its shell does.
    by_itself: Vec<JoinHandle<()>>,
    report: OpenReport,
}

impl Node {
    /// Opens the folder's keys and journal, folds the journal, and starts.
    ///
    /// Everything that decides is folded before any link opens. Without keys that can be opened a node
    /// can still be looked at offline; what needs a key then says so.
    pub fn start(
        folder: &Path,
        passphrase: Option<&Passphrase>,
        mode: Mode,
    ) -> Result<Self, ServiceError> {
        let config = Arc::new(Config::read(folder).map_err(|error| config_error(&error))?);
        has_store(&config)?;
        // Before anything is opened that could leave.
        let guard = Guard::read(&config.egress)?;
        let keys = Keys::open(folder, passphrase);
        let keys = match (keys, mode) {
            (Ok(keys), _) => Some(keys),
            (Err(error), Mode::Running) => return Err(error),
            // Whoever gave a passphrase wants the keys.
            (Err(error), Mode::Offline | Mode::Reading) if passphrase.is_some() => {
                return Err(error);
            }
            (Err(_), Mode::Offline | Mode::Reading) => None,
        };
        let (store, report) = open_store(&config, mode)?;
        let keys = keys.filter(|_| report.damage.is_none());
        let files = Arc::new(store);
        let store: Arc<dyn Store> = files.clone();
        let mut state = match (fold(&*store), &report.damage) {
            // What comes before the damage is too little to be a node.
            (Err(_), Some(damage)) => return Err(StoreError::from(damage.clone()).into()),
            (folded, _) => folded?,
        };
        let list = outlasting::path_in(folder);
        let mut list_wrong = None;
        if report.damage.is_none() {
            let settled = outlasting::settle(&list, &*store, &state)?;
            list_wrong = settled.wrong;
            if settled.entered {
                state = fold(&*store)?;
            }
        } else {
            // Nothing is written; what was erased is not shown all the same.
            for entry in outlasting::read(&list)?.entries {
                if !state.erasures().knows(&entry) {
                    state.apply(&entry)?;
                }
            }
        }
        if let Some(keys) = &keys
            && mode == Mode::Running
        {
            rotation::finish(folder, keys, &*store, &mut state, crate::clock::now())?;
        }
        state.set_chain(store.durable().chain);
        if let Some(keys) = &keys
            && mode == Mode::Running
            && let Some((problem, next)) = desk_problem(&state, keys.desk.id(), crate::clock::now())
        {
            tracing::warn!(next, "{problem}");
        }
        let link_key = match &keys {
            Some(keys) => keys.link.clone(),
            // Offline nothing is signed with it.
            None => SecretKey::generate(&mut OsEntropy),
        };
        let clock = Arc::new(NodeClock::new(state.written()));
        let own = state.keyring(&state.us()).cloned();
        let (pairing_sender, pairing_events) = mpsc::channel(64);
        let net = match (mode, &keys, own) {
            (Mode::Running, Some(keys), Some(keyring)) => {
                Some(bind(&config, keys, &keyring, &clock, pairing_sender)?)
            }
            (Mode::Running | Mode::Offline | Mode::Reading, _, _) => None,
        };
        let endpoint = net.as_ref().map(|net| net.endpoint.clone());
        let (us, introduction) = (state.us(), introduction(&config, state.keyring(&state.us())));
        let invited: Vec<_> = state.invitations().open(clock.now()).into_iter().cloned().collect();
        let mut engine = Engine::new(state, link_key, Box::new(OsEntropy))
            .within(&config.limits)
            .holding_back(config.publish.unsend_for)
            .approving(config.approval.clone())
            .guarded_by(guard);
        if mode == Mode::Running {
            engine = match config.retention.automatic {
                true => engine.keeping_for(config.retention),
                false => engine.telling_of(config.retention),
            };
        }
        if let Some(wrong) = list_wrong {
            engine.list_is_wrong(&wrong);
        }
        match report.untold {
            Some(bytes) => engine.tail_was_cut(bytes, crate::clock::now()),
            None => engine.say_doubts(),
        }
        if let Some(damage) = &report.damage {
            engine = engine.of_damaged(damage);
        }
        let parts = shell::Parts {
            engine,
            store: store.clone(),
            folder: config.store.folder.clone(),
            outlasting: Some(list),
            keep_free: config.store.keep_free,
            room: Box::new(shell::free_on_disk),
            clock: clock.clone(),
            net,
        };
        let (handle, idle, shell) = shell::start(parts);
        let pairings = Pairings::default();
        let service = Service::new(ServiceParts {
            shell: handle,
            store,
            files,
            clock,
            config,
            keys: RwLock::new(keys),
            passphrase: passphrase.cloned(),
            endpoint: endpoint.clone(),
            pairings,
            open_keys: OpenKeys::default(),
            rotating: tokio::sync::Mutex::default(),
            signing: tokio::sync::RwLock::default(),
            answering: tokio::sync::Mutex::default(),
            past: tokio::sync::Mutex::default(),
            subjects: Arc::default(),
        });
        let mut by_itself = Vec::new();
        if endpoint.is_some() {
            service.reopen(us, &invited, &introduction);
            by_itself.push(service.attend_pairings(pairing_events));
            by_itself.push(service.confirm_rosters_daily());
            by_itself.push(service.confirm_keyring_daily());
            by_itself.push(service.answer_withdrawals());
            by_itself.push(service.recall_unconfirmed());
        }
        Ok(Self { service, endpoint, idle, shell, by_itself, report })
    }

    /// What can be asked of the node.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service.clone()
    }

    /// What was found when the store was opened.
    #[must_use]
    pub fn report(&self) -> &OpenReport {
        &self.report
    }

    /// Ends: begins nothing new, finishes what is under way within `deadline`, tells the partners, and
    /// closes the store.
    pub async fn stop(mut self, deadline: Duration) {
        if let Some(endpoint) = self.endpoint.take() {
            self.service.drain().await;
            let drained = async {
                // The shell is gone only with a panic, and then there is nothing to wait for.
                drop(self.idle.wait_for(|idle| *idle).await);
            };
            if tokio::time::timeout(deadline, drained).await.is_err() {
                tracing::warn!("some deliveries were still under way; they will be sent again");
            }
            endpoint.close_all(3, "shutting down");
            endpoint.wait_idle().await;
        }
        self.service.end().await;
        let writes = self.report.damage.is_none();
        if let Ok(store) = self.shell.await
            && writes
        {
            // An empty batch returns when everything before it is durable.
            if let Err(error) = store.append(Vec::new()) {
                tracing::warn!("at the end: {error}");
            }
        }
        // Whoever was about to ask the shell something holds the store, and with it its lock.
        for task in self.by_itself {
            task.abort();
            drop(task.await);
        }
    }
}

/// The journal; a damaged one only for whoever changes nothing.
fn open_store(config: &Config, mode: Mode) -> Result<(FileStore, OpenReport), StoreError> {
    let folder = &config.store.folder;
    match FileStore::open(folder, index::options(config)) {
        Err(StoreError::Damage(damage)) if mode == Mode::Reading => {
            let (store, report) = FileStore::open_read_only(folder, index::options(config))?;
            // Only the first opening knows what the indexes know of.
            Ok((store, OpenReport { damage: Some(damage), ..report }))
        }
        opened => opened,
    }
}

/// A node whose store is gone must not begin with an empty one: it would give its numbers twice.
fn has_store(config: &Config) -> Result<(), ServiceError> {
    let folder = &config.store.folder;
    if folder.is_dir() {
        return Ok(());
    }
    let message = format!("the node's data is not in `{}`", folder.display());
    Err(ServiceError::new(ErrorKind::NoInput, "store-missing", message)
        .next("mount its disk, or bring it back from a backup: comity restore DIR"))
}

/// The keys that a running node uses.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) link: SecretKey,
    pub(crate) desk: SecretKey,
    pub(crate) endpoint: SecretKey,
}

impl Keys {
    pub(crate) fn open(
        folder: &Path,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, ServiceError> {
        let path = folder.join(NODE_KEYS);
        let mut set = keyfile::open(&path, passphrase)?;
        let mut take = |name: &str| {
            set.remove(name).ok_or_else(|| {
                let message = format!("`{}` has no key `{name}`", path.display());
                ServiceError::new(ErrorKind::Data, "key-missing", message)
            })
        };
        Ok(Self { link: take(LINK)?, desk: take(DESK)?, endpoint: take(ENDPOINT)? })
    }

    /// What the endpoint keeps over a restart, from its seed.
    fn secrets(&self) -> EndpointSecrets {
        let mut bytes = [0; 40];
        let id = Digest::of("comity/endpoint-id/1", self.endpoint.seed());
        let whole = self.endpoint.seed().iter().chain(id.as_bytes());
        bytes.iter_mut().zip(whole).for_each(|(to, from)| *to = *from);
        EndpointSecrets::from_bytes(&bytes)
    }
}

fn bind(
    config: &Arc<Config>,
    keys: &Keys,
    keyring: &VerifiedKeyring,
    clock: &Arc<NodeClock>,
    pairing: mpsc::Sender<comity_net::pairing::PairingEvent>,
) -> Result<shell::Net, ServiceError> {
    let (sender, events) = mpsc::channel(NET_EVENTS);
    let partners = Arc::new(RwLock::new(comity_core::partners::PartnerSet::new()));
    let mut endpoint = EndpointConfig::new(config.listen.address, keys.secrets());
    endpoint.links = links(config);
    endpoint.rate_cap = config.link.rate.map(|bits| bits / 8);
    let met = shell::met::read(&config.store.folder);
    endpoint.met.clone_from(&met);
    // A grant that has ended by either clock admits nobody.
    let (now, clock) = (clock.latest(), clock.clone());
    endpoint.clock = Arc::new(move || clock.latest());
    let identity = link_identity(&keys.link, keyring, now)?;
    let endpoint = Endpoint::bind(endpoint, identity, partners.clone(), sender);
    let endpoint = endpoint.map_err(|error| {
        let kind = match &error {
            BindError::InUse(_) => ErrorKind::TryLater,
            BindError::Refused { .. } | BindError::Tls(_) => ErrorKind::Unavailable,
        };
        ServiceError::new(kind, "listen", error.to_string())
            .next("change `listen.address` in comity.toml, or end what uses it")
    })?;
    Ok(shell::Net {
        endpoint: Arc::new(endpoint),
        partners,
        events,
        pairing,
        config: config.clone(),
        met,
    })
}

/// The certificate's contents for a link key that the keyring grants.
pub(crate) fn link_identity(
    key: &SecretKey,
    keyring: &VerifiedKeyring,
    now: Timestamp,
) -> Result<LinkIdentity, ServiceError> {
    let evidence = keyring.link_evidence(key.id(), now).ok_or_else(|| {
        let message = "the journal's keyring does not grant this node's link key, or no longer: the journal is another economy's, or older than the key";
        ServiceError::new(ErrorKind::NoPermission, "link-key", message).next(
            "bring back keys/keyring, which was kept beside node.keys, and start the node again; or comity restore DIR, with a backup from after the key was renewed. Whose journal it is, comity doctor says; do not renew the key. Were the root keys stolen, and their thief left the key out: comity key rotate root --stolen, while no node runs",
        )
    })?;
    Ok(LinkIdentity { key: key.clone(), evidence: evidence.encode() })
}

fn links(config: &Config) -> BTreeMap<comity_core::EconomyId, LinkOptions> {
    let options = |economy: comity_core::EconomyId, allow_x25519: bool| LinkOptions {
        allow_x25519,
        rate_cap: config.rate_to(economy).map(|bits| bits / 8),
    };
    config
        .partners
        .iter()
        .map(|(economy, partner)| (*economy, options(*economy, partner.allow_x25519)))
        .collect()
}

/// Folds a journal.
pub fn fold(store: &dyn Store) -> Result<State, ServiceError> {
    let folded = fold_while(store, |_| true)?;
    folded.ok_or_else(|| FoldError::NotFounded.into())
}

/// Folds what a journal held at an instant: up to the last entry that was written by then. `None`: the
/// node was founded later. A clock that was put back leaves entries that are later than those after them.
pub(crate) fn fold_until(store: &dyn Store, at: Timestamp) -> Result<Option<State>, ServiceError> {
    let (mut last, mut newest) = (None, Timestamp::EPOCH);
    pass_over(store, |seq, entry| {
        // What was written down again after a restore says nothing of when the entries before it were.
        let again = entry.outlasts_restore() && entry.at() < newest;
        if entry.at() <= at && !again {
            last = Some(seq);
        }
        newest = newest.max(entry.at());
        Ok(true)
    })?;
    let Some(last) = last else { return Ok(None) };
    fold_while(store, |seq| seq <= last)
}

/// Folds a journal up to the first entry that is not wanted.
fn fold_while(
    store: &dyn Store,
    wanted: impl Fn(u64) -> bool,
) -> Result<Option<State>, ServiceError> {
    let mut folded: Option<State> = None;
    pass_over(store, |seq, entry| {
        if !wanted(seq) {
            return Ok(false);
        }
        match &mut folded {
            Some(state) => state.replay_decoded(entry)?,
            None => folded = Some(State::begin(entry)?),
        }
        Ok(true)
    })?;
    if let Some(state) = &mut folded {
        state.replayed();
    }
    Ok(folded)
}

/// Hands out every entry of a journal in order, until one is enough.
fn pass_over(
    store: &dyn Store,
    mut each: impl FnMut(u64, &JournalEntry) -> Result<bool, FoldError>,
) -> Result<(), ServiceError> {
    let mut next = 1;
    loop {
        let entries = store.read(next, FOLD)?;
        if entries.is_empty() {
            return Ok(());
        }
        for entry in entries {
            let (seq, decoded) = (entry.seq, JournalEntry::decode(entry.kind, &entry.body));
            let mut decoded = decoded.map_err(|fault| FoldError::Entry { seq, fault })?;
            // Of a damaged one people see an empty title.
            titles::put_back(&mut decoded, &entry.blobs, |body| store.blob(body).ok().flatten());
            if !each(seq, &decoded)? {
                return Ok(());
            }
            next = seq.saturating_add(1);
        }
    }
}

fn config_error(error: &ConfigError) -> ServiceError {
    ServiceError::new(ErrorKind::Config, "config", error.to_string()).next("comity config validate")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::net::UdpSocket;

    use comity_core::journal::JournalEntry;

    use super::*;
    use crate::founding::{Founding, found};
    use crate::keyfile::Seal;

    /// A machine boots after a power cut, and its address is still taken.
    #[tokio::test]
    async fn what_was_cut_is_in_the_journal_before_anything_else_can_fail() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node");
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let founding = Founding {
            code: "KR".to_owned(),
            name: "Korea".to_owned(),
            timezone: "UTC".to_owned(),
            city: None,
            listen: taken.local_addr().unwrap().to_string(),
            public: Vec::new(),
            root_keys: 1,
            threshold: 1,
        };
        found(&path, &founding, Seal::Plain).unwrap();
        let config = Config::read(&path).unwrap();
        let last = || {
            let (store, _) =
                FileStore::open(&config.store.folder, index::options(&config)).unwrap();
            let entry = store.read(store.durable().seq, 1).unwrap().remove(0);
            JournalEntry::decode(entry.kind, &entry.body).unwrap()
        };
        assert!(!matches!(last(), JournalEntry::TailCut { .. }));
        let segment = config.store.folder.join("journal/00000001.seg");
        fs::OpenOptions::new().append(true).open(segment).unwrap().write_all(&[7; 40]).unwrap();
        let refused = Node::start(&path, None, Mode::Running).map(drop).unwrap_err();
        assert_eq!(refused.code, "listen");
        assert!(matches!(last(), JournalEntry::TailCut { bytes: 40, .. }));
    }
}
