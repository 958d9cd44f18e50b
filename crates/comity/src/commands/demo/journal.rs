//! What lies in the journal of a node that has ended: read and verified from the bytes on disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use comity_core::journal::JournalEntry;
use comity_core::ledger::Head;
use comity_core::{EconomyId, KeyId, PartDigest, RecordId, record};
use comity_node::config::Config;
use comity_node::state::State;
use comity_node::{index, node};
use comity_store::{FileStore, Store};

/// Entries read at once.
const PAGE: usize = 1024;

/// A journal, and what it folds to.
pub(super) struct Journal {
    store: Arc<dyn Store>,
    /// What the node would know.
    pub(super) state: State,
    records: BTreeMap<RecordId, OnDisk>,
}

/// A record as it lies there.
#[derive(Default)]
struct OnDisk {
    signed: Vec<u8>,
    parts: Vec<PartDigest>,
    entered: usize,
}

impl Journal {
    /// Reads the whole journal of a node that is not running.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let config = Config::read(folder)?;
        let (store, _report) = FileStore::open(&config.store.folder, index::options(&config))?;
        let store: Arc<dyn Store> = Arc::new(store);
        let mut records: BTreeMap<RecordId, OnDisk> = BTreeMap::new();
        let mut from = 1;
        loop {
            let entries = store.read(from, PAGE)?;
            let Some(last) = entries.last() else { break };
            from = last.seq + 1;
            for entry in &entries {
                match JournalEntry::decode(entry.kind, &entry.body) {
                    Ok(JournalEntry::Record(entered)) => {
                        let id = record::parse(&entered.signed)?.id();
                        let held = records.entry(id).or_default();
                        held.entered += 1;
                        held.signed = entered.signed;
                        held.parts.extend(entered.parts.iter().map(|part| part.digest));
                    }
                    Ok(JournalEntry::Parts(arrived)) => {
                        let held = records.entry(arrived.record).or_default();
                        held.parts.extend(arrived.parts.iter().map(|part| part.digest));
                    }
                    Ok(_) | Err(_) => {}
                }
            }
        }
        let state = node::fold(&*store)?;
        Ok(Self { store, state, records })
    }

    /// The signed form of a record, and the bytes of its parts.
    pub(super) fn bytes(&self, id: &RecordId) -> anyhow::Result<(Bytes, Vec<(PartDigest, Bytes)>)> {
        let held =
            self.records.get(id).ok_or_else(|| anyhow!("record {} is not there", id.short()))?;
        let parts = held.parts.iter().map(|digest| {
            let body = self.store.blob(digest)?;
            Ok((*digest, body.with_context(|| format!("part {} is not there", digest.short()))?))
        });
        Ok((held.signed.clone().into(), parts.collect::<anyhow::Result<_>>()?))
    }

    /// Verifies a record and its parts from their bytes: who signed it, and that each part is one that
    /// was signed. How many parts there are.
    pub(super) fn verify(&self, id: &RecordId, author: KeyId) -> anyhow::Result<usize> {
        let (signed, parts) = self.bytes(id)?;
        let verified = record::parse(&signed)?.verify()?;
        ensure!(verified.id() == *id, "another record lies there");
        ensure!(verified.manifest().author == author, "another key signed record {}", id.short());
        let count = parts.len();
        for (_, body) in parts {
            verified.check_part(body)?;
        }
        Ok(count)
    }

    /// How often a record entered.
    pub(super) fn entered(&self, id: &RecordId) -> usize {
        self.records.get(id).map_or(0, |held| held.entered)
    }

    /// Whether what `other` holds of our ledger to it is what we sent, up to its last number.
    pub(super) fn agrees(&self, other: &EconomyId, theirs: &Self, us: &EconomyId) -> bool {
        let (Some(out), Some(inbound)) = (self.state.partner(other), theirs.state.partner(us))
        else {
            return true;
        };
        let held = inbound.inbound.durable_head();
        let sent = if held.number == out.out.head().number {
            Some(out.out.head().chain)
        } else {
            out.out.chain_at(held.number)
        };
        held == Head::START || sent == Some(held.chain)
    }
}
