//! The audit of a time as a signed file, line by line, and the check of one's own books.
//!
//! Both read the journal beside the engine, some entries at a time, and look at the state for names only.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use comity_core::digest::Digest;
use comity_core::journal::JournalEntry;
use comity_core::keyring::Role;
use comity_core::receipt::{Receipt, UnverifiedReceipt};
use comity_core::sign::SecretKey;
use comity_core::{EconomyId, Timestamp, Tlp, record};
use comity_store::{Entry, Store, chain_next};

use super::export_events::events;
use super::{Service, find_economy, find_partner, words};
use crate::api::{BooksFault, BooksLine, BooksVerified, ExportLine, ExportRequest, KeyringFile};
use crate::audit_export::{FORMAT, Head, Writing};
use crate::error::{ErrorKind, ServiceError};
use crate::limits::{BOOK_FAULTS, FOLD};

/// An export on its way through the journal.
pub struct Exporting {
    service: Service,
    range: Range,
    writing: Option<Writing>,
    /// The key that the first line names.
    key: SecretKey,
    /// The last entry that belongs to it.
    last: u64,
    next: u64,
    lines: VecDeque<ExportLine>,
}

/// What of the journal is wanted.
#[derive(Clone, Copy)]
pub(super) struct Range {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    pub(super) partner: Option<EconomyId>,
    /// The strictest label of which titles are told.
    pub(super) titles: Tlp,
    /// When the file is written; and where nobody vouches for the clock, up to when time has certainly come.
    pub(super) at: (Timestamp, Option<Timestamp>),
}

impl Range {
    fn has(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }
}

impl Service {
    /// Begins to write everything that happened in a time: a first line, a line for each event in the order
    /// of the journal, and a last one that signs them.
    pub async fn export_audit(&self, request: ExportRequest) -> Result<Exporting, ServiceError> {
        let instant = |text: &Option<String>| text.as_deref().map(words::instant).transpose();
        let (since, until) = (instant(&request.since)?, instant(&request.until)?);
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            let message = format!("nothing lies between {since} and {until}");
            return Err(ServiceError::usage("range", message).next("--since before --until"));
        }
        // Not an author's key, of which everybody of the staff may have one.
        let (key, now, durable) = (self.keys()?.link, self.now(), self.parts.store.durable());
        let id = key.id();
        let found = self.look(move |state, engine, _| {
            // Nobody signs for what was never written.
            if let Some(why) = engine.failed().filter(|_| engine.shows_unwritten()) {
                let unwritten = ServiceError::new(ErrorKind::TryLater, "read-only", why);
                return Err(unwritten.next("comity status"));
            }
            let granted = state
                .keyring(&state.us())
                .is_some_and(|keyring| keyring.is_granted(id, Role::Link, now));
            if !granted {
                let message =
                    "the node's own key is not granted now, so its signature would count nowhere";
                return Err(ServiceError::new(ErrorKind::NoPermission, "not-granted", message)
                    .next("comity doctor, which names the command that mends it"));
            }
            let partner = request.partner.as_deref();
            let partner = partner.map(|name| find_partner(state, name)).transpose()?;
            // A clock that was wrong once has left entries of a time that has not come.
            let ahead = Some(state.newest()).filter(|newest| *newest > now);
            Ok((state.us(), state.code().to_owned(), (partner, engine.unsure()), ahead))
        });
        let (us, code, (partner, surely), ahead) = found.await??;
        let head = Head {
            format: FORMAT,
            economy: us.to_string(),
            code,
            written: now.to_string(),
            ahead: ahead.map(|at| at.to_string()),
            by: self.caller_name(),
            since: since.map(|at| at.to_string()),
            until: until.map(|at| at.to_string()),
            partner: partner.map(|economy| economy.to_string()),
            entries: durable.seq,
            chain: durable.chain.to_string(),
            key: id.to_string(),
        };
        let (writing, first) = Writing::begin(&head).map_err(unwritable)?;
        // A file is read by others: what not everybody may have has no title in it, unless that was asked for,
        // and what partners may not pass on freely never has.
        let most = if request.titles { Tlp::Green } else { Tlp::Clear };
        let titles = self.sees().map_or(most, |sees| sees.min(most));
        Ok(Exporting {
            service: self.clone(),
            range: Range { since, until, partner, titles, at: (now, surely) },
            writing: Some(writing),
            key,
            last: durable.seq,
            next: 1,
            lines: VecDeque::from([ExportLine::Line(first)]),
        })
    }

    /// An economy's keyring as it is held here: it proves itself, and others verify with it what the economy
    /// signed. Our own where none is named.
    pub async fn keyring_file(&self, economy: &str) -> Result<KeyringFile, ServiceError> {
        let name = economy.to_owned();
        self.look(move |state, _, _| {
            let economy = if name.is_empty() { state.us() } else { find_economy(state, &name)? };
            let keyring = state.keyring(&economy).ok_or_else(|| {
                ServiceError::no_input("no-keyring", format!("no keyring of `{name}` is here"))
            })?;
            Ok(KeyringFile {
                economy: economy.to_string(),
                version: keyring.version(),
                keyring: words::to_base64(keyring.encoded()),
            })
        })
        .await?
    }

    /// Begins to verify one's own books: the chain, every signature, and every receipt against the ledger.
    pub async fn verify_books(&self) -> Result<Verifying, ServiceError> {
        let us = self.look(|state, _, _| state.us()).await?;
        let durable = self.parts.store.durable();
        Ok(Verifying {
            service: self.clone(),
            us,
            last: durable.seq,
            head: durable.chain,
            next: 1,
            chain: Digest::ZERO,
            found: BooksVerified::default(),
            ended: false,
        })
    }
}

fn unwritable(error: serde_json::Error) -> ServiceError {
    ServiceError::data("audit-export", error.to_string())
}

fn interrupted<E>(_stopped: E) -> ServiceError {
    ServiceError::new(ErrorKind::TryLater, "interrupted", "the reading was interrupted")
}

/// Some entries of the journal, up to the last that is wanted.
async fn read(store: Arc<dyn Store>, next: u64, last: u64) -> Result<Vec<Entry>, ServiceError> {
    let reading = tokio::task::spawn_blocking(move || store.read(next, FOLD));
    let mut entries = reading.await.map_err(interrupted)??;
    entries.retain(|entry| entry.seq <= last);
    Ok(entries)
}

impl Exporting {
    /// The next line of the answer. `None`: all was said.
    pub async fn next(&mut self) -> Result<Option<ExportLine>, ServiceError> {
        while self.lines.is_empty() && self.writing.is_some() {
            self.go_on().await?;
        }
        Ok(self.lines.pop_front())
    }

    async fn go_on(&mut self) -> Result<(), ServiceError> {
        let entries = read(Arc::clone(&self.service.parts.store), self.next, self.last).await?;
        let Some(last) = entries.last().map(|entry| entry.seq) else { return self.end() };
        self.next = last.saturating_add(1);
        let range = self.range;
        let mut wanted = Vec::new();
        for entry in entries {
            let seq = entry.seq;
            let decoded = JournalEntry::decode(entry.kind, &entry.body).map_err(|fault| {
                ServiceError::data("journal", format!("journal entry {seq}: {fault}"))
            })?;
            if range.has(decoded.at()) {
                wanted.push(decoded);
            }
        }
        let told = self.service.look(move |state, _, _| {
            // Many entries are about one record.
            let named = RefCell::default();
            let told = wanted.iter().filter_map(|entry| events(state, entry, range, &named));
            told.collect::<Vec<_>>()
        });
        for event in told.await? {
            if let Some(writing) = &mut self.writing {
                let line = writing.line(&event).map_err(unwritable)?;
                self.lines.push_back(ExportLine::Line(line));
            }
        }
        self.lines.push_back(ExportLine::Progress { done: last, total: self.last });
        Ok(())
    }

    fn end(&mut self) -> Result<(), ServiceError> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        let last = writing.seal(&self.key).map_err(unwritable)?;
        self.lines.extend([ExportLine::Line(last), ExportLine::Done]);
        Ok(())
    }
}

/// A check of one's own books on its way through the journal.
pub struct Verifying {
    service: Service,
    us: EconomyId,
    last: u64,
    /// The chain's head as the store keeps it.
    head: Digest,
    next: u64,
    /// The chain as it was worked out so far.
    chain: Digest,
    found: BooksVerified,
    ended: bool,
}

impl Verifying {
    /// The next line of the answer. `None`: all was said.
    pub async fn next(&mut self) -> Result<Option<BooksLine>, ServiceError> {
        if self.ended {
            return Ok(None);
        }
        let entries = read(Arc::clone(&self.service.parts.store), self.next, self.last).await?;
        let Some(last) = entries.last().map(|entry| entry.seq) else {
            self.ended = true;
            return Ok(Some(BooksLine::Done(Box::new(self.end()))));
        };
        self.next = last.saturating_add(1);
        let (chain, us) = (self.chain, self.us);
        let looked = tokio::task::spawn_blocking(move || look(&entries, chain, us));
        let looked = looked.await.map_err(interrupted)?;
        self.chain = looked.chain;
        self.found.entries = last;
        self.found.records = self.found.records.saturating_add(looked.records);
        for (seq, what) in looked.faults {
            self.fault(seq, what);
        }
        let receipts = looked.receipts;
        let judged = self.service.look(move |state, _, _| {
            let judge = |(seq, from, receipt): (u64, EconomyId, Receipt)| {
                let partner = state.partner(&from)?;
                let stood = partner.out.was_at(Some(receipt.epoch), receipt.upto);
                Some((seq, state.name_of(&from), receipt.upto.number, stood))
            };
            receipts.into_iter().filter_map(judge).collect::<Vec<_>>()
        });
        for (seq, name, number, stood) in judged.await? {
            self.found.receipts = self.found.receipts.saturating_add(1);
            if !stood {
                let what = format!(
                    "a receipt of {name} up to {number} is over another ledger than the one that is here"
                );
                self.fault(seq, what);
            }
        }
        Ok(Some(BooksLine::Progress { done: last, total: self.last }))
    }

    fn fault(&mut self, entry: u64, what: String) {
        self.found.faulty = self.found.faulty.saturating_add(1);
        if self.found.faults.len() < BOOK_FAULTS {
            self.found.faults.push(BooksFault { entry, what });
        }
    }

    fn end(&mut self) -> BooksVerified {
        if self.chain != self.head {
            let what = "the chain does not lead to the head that the store keeps".to_owned();
            self.fault(self.last, what);
        }
        self.found.chain = self.chain.to_string();
        std::mem::take(&mut self.found)
    }
}

/// What was found in some entries.
struct Looked {
    chain: Digest,
    records: u64,
    receipts: Vec<(u64, EconomyId, Receipt)>,
    faults: Vec<(u64, String)>,
}

fn look(entries: &[Entry], chain: Digest, us: EconomyId) -> Looked {
    let mut looked = Looked { chain, records: 0, receipts: Vec::new(), faults: Vec::new() };
    for entry in entries {
        let blobs = entry.blobs.iter().copied();
        looked.chain = chain_next(looked.chain, entry.seq, entry.kind, blobs, &entry.body);
        let seq = entry.seq;
        if looked.chain != entry.chain {
            looked.faults.push((seq, "it does not follow from the entry before it".to_owned()));
            // What follows is held against what stands here, so that each fault is named once.
            looked.chain = entry.chain;
        }
        match JournalEntry::decode(entry.kind, &entry.body) {
            Err(fault) => looked.faults.push((seq, fault.to_string())),
            Ok(JournalEntry::Record(entered)) => {
                looked.records = looked.records.saturating_add(1);
                let verified = record::parse(&entered.signed).and_then(|record| record.verify());
                if let Err(error) = verified {
                    looked.faults.push((seq, format!("record {}: {error}", entered.reference)));
                }
            }
            Ok(JournalEntry::Receipt { from, signed, .. }) => {
                let receipt = UnverifiedReceipt::parse(&signed);
                match receipt.and_then(|receipt| receipt.verify(from, us)) {
                    Ok(receipt) => looked.receipts.push((seq, from, receipt)),
                    Err(error) => {
                        let what = format!("a receipt of {}: {error}", from.short());
                        looked.faults.push((seq, what));
                    }
                }
            }
            Ok(_) => {}
        }
    }
    looked
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn entry(seq: u64, before: Digest, body: &[u8]) -> Entry {
        let none = std::iter::empty();
        let chain = chain_next(before, seq, 12, none, body);
        Entry { seq, kind: 12, body: Bytes::copy_from_slice(body), chain, blobs: Vec::new() }
    }

    /// Entries of a journal that say that it was restored.
    fn journal() -> Vec<Entry> {
        let mut before = Digest::ZERO;
        (1..=4)
            .map(|seq| {
                let body = JournalEntry::Restored { at: Timestamp::from_secs(seq) }.encode();
                let entry = entry(seq, before, &body);
                before = entry.chain;
                entry
            })
            .collect()
    }

    fn faulty(entries: &[Entry]) -> Vec<u64> {
        let us = EconomyId([1; 32]);
        look(entries, Digest::ZERO, us).faults.into_iter().map(|(seq, _)| seq).collect()
    }

    #[test]
    fn an_entry_that_was_changed_removed_or_moved_is_named() {
        let whole = journal();
        assert_eq!(faulty(&whole), [0; 0]);
        let mut changed = whole.clone();
        changed[1].body = JournalEntry::Restored { at: Timestamp::from_secs(9) }.encode().into();
        assert_eq!(faulty(&changed), [2]);
        let mut removed = whole.clone();
        removed.remove(1);
        assert_eq!(faulty(&removed), [3]);
        let mut moved = whole;
        moved.swap(1, 2);
        assert_eq!(faulty(&moved), [3, 2, 4]);
    }

    #[test]
    fn a_signature_that_does_not_hold_is_named() {
        let receipt = JournalEntry::Receipt {
            from: EconomyId([2; 32]),
            signed: vec![1, 2, 3],
            at: Timestamp::from_secs(1),
        };
        let body = receipt.encode();
        let chain = chain_next(Digest::ZERO, 1, receipt.kind(), std::iter::empty(), &body);
        let (seq, kind, blobs) = (1, receipt.kind(), Vec::new());
        assert_eq!(faulty(&[Entry { seq, kind, body: body.into(), chain, blobs }]), [1]);
    }
}
