//! One node: an engine over a store that crashes as a disk does.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use comity_core::ceremony::Ceremony;
use comity_core::journal::{Founded, JournalEntry, PartnerChange};
use comity_core::partners::PartnerSet;
use comity_core::record::{self, RecordError, VerifiedRecord};
use comity_core::test_util::SeededEntropy;
use comity_core::{Digest, EpochId, PartDigest, RecordId, Timestamp};
use comity_node::config::Retention;
use comity_node::engine::{Checked, Engine, Loaded, PartSource, Token, Unverified};
use comity_node::outlasting::enter_again;
use comity_node::state::{State, put_back_title};
use comity_store::{
    Appended, MemoryBackup, MemoryStore, NewEntry, Piece, Seq, Store, StoreError, Syncing,
};

use super::clocks::Clock;
use super::economy::Economy;
use super::guarded::House;
use super::links::Beside;
use super::mutation::Mutation;
use super::roots::Robbed;

type Finished = Arc<Mutex<Vec<(Token, Result<Appended, StoreError>)>>>;

/// What a command's reply promises.
#[derive(Clone, Debug)]
pub enum Promise {
    /// The record is in the journal.
    Published(RecordId),
    /// Our next keyring is.
    Keyring(RecordId),
    /// Something else is.
    Done,
}

/// One node.
pub struct Node {
    /// Its keys.
    pub economy: Economy,
    /// Its journal.
    pub store: MemoryStore,
    /// The engine, while the process runs.
    pub engine: Option<Engine>,
    /// Those who may connect, as the engine said last.
    pub partners: PartnerSet,
    /// How often the process was started.
    pub life: u64,
    /// Whether it does what its rules forbid; what it does is then not held against it.
    pub hostile: bool,
    /// The instant for which a timer event is queued.
    pub timer: Option<Timestamp>,
    /// How often in a row it asked for a time that had passed.
    pub late: u32,
    /// Whether a sync is queued.
    pub syncing: bool,
    /// When the last completion of an append is handed in: they come in order.
    pub appended_by: Timestamp,
    /// When the last of what is to be done with pieces is done.
    pub errands_by: Timestamp,
    /// What was promised for each command that is not answered.
    pub promises: BTreeMap<Token, Promise>,
    /// What was written down beside the journal, and outlasts a restore.
    pub remembered: Vec<JournalEntry>,
    /// A backup, and how many entries it holds.
    pub backup: Option<(MemoryBackup, u64)>,
    /// Its clocks.
    pub clock: Clock,
    /// The newest that its journal had when it started.
    pub written: Timestamp,
    /// What else there is in its house.
    pub house: House,
    /// What lies beside its journal of its keys.
    pub beside: Beside,
    /// Whether a thief has spoken with the key of its links, and it has not ended that yet.
    pub misled: bool,
    /// What has become of its root keys.
    pub robbed: Robbed,
    /// For how long bodies are kept here, where anybody says so.
    pub keeps: Option<Retention>,
    /// The latest that it has written down since it was founded, by its own clock.
    pub wrote: Timestamp,
    finished: Finished,
    next_token: u64,
}

impl Node {
    /// A node that has just been set up.
    pub fn found(economy: Economy, code: String, at: Timestamp, hostile: bool) -> Self {
        let store = MemoryStore::new(|_| Vec::new(), Syncing::OnCall);
        let founded = JournalEntry::Founded(Founded {
            economy: economy.id,
            code,
            keyring: economy.keyring.encoded().to_vec(),
            at,
        });
        store.append(vec![new_entry(&founded, Vec::new())]).expect("an empty store takes it");
        Self {
            economy,
            store,
            engine: None,
            partners: PartnerSet::new(),
            life: 0,
            hostile,
            timer: None,
            late: 0,
            syncing: false,
            appended_by: at,
            errands_by: at,
            promises: BTreeMap::new(),
            remembered: Vec::new(),
            backup: None,
            clock: Clock::default(),
            written: at,
            house: House::default(),
            beside: Beside::default(),
            misled: false,
            robbed: Robbed::default(),
            keeps: None,
            wrote: at,
            finished: Finished::default(),
            // Far from the engine's own tokens.
            next_token: 1 << 32,
        }
    }

    /// Folds what the journal holds.
    pub fn fold(&self, mutation: Option<Mutation>) -> Result<State, String> {
        let entries = self.entries();
        let mut state: Option<State> = None;
        for entry in &entries {
            let (kind, body) = match mutation {
                Some(mutation) => mutation.replayed(entry.kind, &entry.body),
                None => (entry.kind, entry.body.clone()),
            };
            let body = self.with_title(kind, body, &entry.blobs);
            match &mut state {
                None => {
                    let first = JournalEntry::decode(kind, &body).map_err(|e| e.to_string())?;
                    state = Some(State::begin(&first).map_err(|error| error.to_string())?);
                }
                Some(state) => {
                    state.replay(entry.seq, kind, &body).map_err(|error| error.to_string())?;
                }
            }
        }
        let mut state = state.ok_or("an empty journal")?;
        state.replayed();
        state.set_chain(self.store.durable().chain);
        Ok(state)
    }

    /// Starts the process over what the journal holds.
    pub fn start(&mut self, seed: u64, mutation: Option<Mutation>) -> Result<(), String> {
        self.settle_erasures()?;
        let state = self.fold(mutation)?;
        self.partners = state.partner_set().clone();
        let entropy = Box::new(SeededEntropy::new(seed));
        self.written = state.written();
        let mut engine = Engine::new(state, self.economy.link.clone(), entropy);
        if !self.house.rules.is_empty() {
            engine = engine.approving(self.house.rules.clone());
        }
        if let Some(own) = self.keeps {
            engine = if own.automatic { engine.keeping_for(own) } else { engine.telling_of(own) };
        }
        if self.house.guard.is_some() {
            engine = engine.guarded_by(self.house.guard.clone());
        }
        self.engine = Some(engine);
        self.life += 1;
        self.timer = None;
        self.syncing = false;
        self.promises.clear();
        self.finished = Finished::default();
        Ok(())
    }

    /// The title of a record lies beside its entry.
    fn with_title(&self, kind: u8, body: Bytes, beside: &[PartDigest]) -> Bytes {
        let Ok(mut entry) = JournalEntry::decode(kind, &body) else { return body };
        put_back_title(&mut entry, beside, |body| self.store.blob(body).ok().flatten());
        entry.encode().into()
    }

    /// As every start and every restore does: what was erased stays so.
    pub fn settle_erasures(&mut self) -> Result<(), String> {
        let state = self.fold(None)?;
        if state.erasures().words().is_empty() && self.remembered.is_empty() {
            return Ok(());
        }
        let here = |entry: &&JournalEntry| !self.remembered.contains(entry);
        let more: Vec<_> = state.erasures().words().iter().filter(here).cloned().collect();
        self.remembered.extend(more);
        enter_again(&self.remembered, &self.store, &state)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    /// Everything durable.
    pub fn entries(&self) -> Vec<comity_store::Entry> {
        let mut entries = Vec::new();
        while let Ok(more) = self.store.read(entries.len() as u64 + 1, 4096)
            && !more.is_empty()
        {
            entries.extend(more);
        }
        entries
    }

    /// Hands entries to the store.
    pub fn submit(&mut self, token: Token, first: Option<Seq>, entries: Vec<NewEntry>) {
        let finished = Arc::clone(&self.finished);
        let done = Box::new(move |result| {
            finished.lock().expect("one thread").push((token, result));
        });
        match first {
            Some(first) => self.store.submit_at(first, entries, done),
            None => self.store.submit(entries, done),
        }
    }

    /// Syncs, and returns what became of each batch, in order.
    pub fn sync(&mut self) -> Vec<(Token, Result<Digest, StoreError>)> {
        self.store.sync();
        self.syncing = false;
        let finished = std::mem::take(&mut *self.finished.lock().expect("one thread"));
        finished
            .into_iter()
            .map(|(token, result)| (token, result.map(|appended| appended.head)))
            .collect()
    }

    /// A token for a command.
    pub fn token(&mut self) -> Token {
        self.next_token += 1;
        Token(self.next_token)
    }

    /// Keeps a piece, as the node's worker does.
    pub fn keep(&self, piece: Piece) -> Result<(), String> {
        self.store.keep(&[piece]).map_err(|error| error.to_string())
    }

    /// The bytes of each part that is to be verified.
    pub fn sources(
        &self,
        parts: Vec<(PartDigest, PartSource)>,
    ) -> Result<Vec<(PartDigest, Bytes)>, Unverified> {
        let bytes = |(part, source)| match source {
            PartSource::Here(bytes) => Ok((part, bytes)),
            PartSource::Unfinished(body) => {
                let whole = self.store.gather(&body).ok().flatten();
                let whole = whole.ok_or_else(|| Unverified::Spoiled("not whole".to_owned()))?;
                Ok((part, whole))
            }
        };
        parts.into_iter().map(bytes).collect()
    }

    /// Reads what a hand-over needs.
    pub fn load(&self, seq: Seq, parts: &[PartDigest]) -> Result<Loaded, String> {
        let entries = self.store.read(seq, 1).map_err(|error| error.to_string())?;
        let entry = entries.first().filter(|entry| entry.seq == seq).ok_or("no such entry")?;
        let entry = JournalEntry::decode(entry.kind, &entry.body).map_err(|e| e.to_string())?;
        let JournalEntry::Record(entered) = entry else {
            return Err(format!("entry {seq} is no record"));
        };
        let mut bodies = Vec::new();
        for part in parts {
            let body = self.store.blob(part).map_err(|error| error.to_string())?;
            bodies.push((*part, body.ok_or("no such body")?));
        }
        Ok(Loaded { signed: entered.signed.into(), parts: bodies })
    }

    /// What pairing it with another economy changes, both operators having confirmed.
    pub fn pairing(&self, other: &Economy, name: String) -> PartnerChange {
        let (us, them) = (&self.economy, other);
        let inviter = us.id < them.id;
        let (first, second) = if inviter { (us.id, them.id) } else { (them.id, us.id) };
        let transcript =
            Digest::of_all("comity/simulated-pairing/1", &[first.as_bytes(), second.as_bytes()]);
        PartnerChange::Paired {
            name,
            keyring: them.keyring.encoded().to_vec(),
            addresses: Vec::new(),
            epoch: self.epoch_with(them),
            ceremony: Box::new(Ceremony {
                transcript,
                inviter,
                our_key: us.link.id(),
                ours: Ceremony::confirm(&us.link, &transcript, inviter),
                their_key: them.link.id(),
                theirs: Ceremony::confirm(&them.link, &transcript, !inviter),
            }),
        }
    }

    /// The economy's first epoch with another, as pairing draws it.
    pub fn epoch_with(&self, other: &Economy) -> EpochId {
        let digest = Digest::of_all(
            "comity/simulated-epoch/1",
            &[self.economy.id.as_bytes(), other.id.as_bytes()],
        );
        EpochId(*digest.as_bytes().first_chunk().expect("32 bytes hold 16"))
    }
}

/// An entry as the store takes it.
pub fn new_entry(entry: &JournalEntry, blobs: Vec<(PartDigest, Bytes)>) -> NewEntry {
    NewEntry { kind: entry.kind(), body: entry.encode().into(), blobs }
}

/// Verifies a record and its parts, as the node's workers do. The same bytes verify once for all.
pub fn verify(
    known: &mut HashMap<Bytes, VerifiedRecord>,
    signed: &Bytes,
    parts: &[(PartDigest, Bytes)],
) -> Result<Box<Checked>, RecordError> {
    let record = match known.get(signed) {
        Some(record) => record.clone(),
        None => record::parse(signed)?.verify()?,
    };
    known.insert(signed.clone(), record.clone());
    let parts = parts.iter().map(|(_, bytes)| record.check_part(bytes.clone()));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    Ok(Box::new(Checked::new(record, parts)))
}
