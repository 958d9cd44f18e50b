//! What is done on purpose: by hostile nodes, which the others must withstand, and by mutations,
//! which the watcher must catch.

use std::time::Duration;

use bytes::Bytes;
use comity_core::cbor::Writer;
use comity_core::control::{AcceptanceBody, WithdrawalBody};
use comity_core::journal::{
    Delivered, JournalEntry, PartHeld, PartnerChange, RecordEntered, Source, Standing,
};
use comity_core::ledger::{LedgerEntry, Obligations};
use comity_core::record::{Draft, Header, Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::{EconomyId, Kind, Marking, Onward, PartDigest, Section, Tlp};
use comity_proto::OutStream;
use comity_store::Store as _;

use super::event::Event;
use super::mutation::Mutation;
use super::node::new_entry;
use super::records::draft;
use super::watch::{Broken, broken};
use super::wire::Said;
use super::world::World;

impl World {
    /// A mutation: a record lands in a journal as if a partner had delivered it.
    pub(super) fn smuggle(&mut self) -> Result<(), Broken> {
        let (Some(&(from, to)), false) = (self.edges.first(), self.mutated) else { return Ok(()) };
        if self.acts_left > 10 || self.nodes[to].engine.is_none() {
            return Ok(());
        }
        self.mutated = true;
        let (key, origin) = (self.nodes[from].economy.author.clone(), self.nodes[from].economy.id);
        let (record, parts) = self.forged(&key, origin)?;
        self.watch.truth.note(&record, &parts, true, None);
        let entry = LedgerEntry {
            epoch: self.nodes[from].epoch_with(&self.nodes[to].economy),
            number: 1_000_000,
            record: record.id(),
            parts: parts.iter().map(|part| part.digest).collect(),
            obligations: Obligations::unbound(),
            salt: [0; 16],
        };
        let source = Source::Partner(Delivered { from: origin, entry });
        self.insert(to, &record, parts, source)
    }

    /// A hostile node puts something into its journal that it may not sign or pass on, as if it
    /// were its own, and starts again.
    pub(super) fn forge(&mut self, node: usize) -> Result<(), Broken> {
        if self.nodes[node].engine.is_none() {
            return Ok(());
        }
        let victim = self.dice.below(self.nodes.len() - self.config.hostile);
        let victim_economy = self.nodes[victim].economy.clone();
        let own = self.nodes[node].economy.clone();
        let stranger = SecretKey::from_seed(&[99; 32]);
        let around = self.neighbourhood(node);
        let (record, parts) = match self.dice.below(6) {
            // In another's name, with keys that were never, no longer or not for this granted.
            0 => self.forged(&own.author, victim_economy.id)?,
            1 => self.forged(&stranger, own.id)?,
            2 => self.forged(&victim_economy.former, victim_economy.id)?,
            3 => {
                let draft = draft(&around, self.now, &mut self.dice);
                let draft = Draft { kind: Kind::Incident, ..draft };
                self.sign(draft, &victim_economy.junior, victim_economy.id)?
            }
            // A withdrawal of what is not its own: honest, and of no effect.
            4 => {
                let Some(target) = self.own_content(victim) else { return Ok(()) };
                let body = WithdrawalBody::of(vec![target]).expect("one record").encode();
                let forged = self.dice.percent(50);
                let (key, origin) =
                    if forged { (&own.author, victim_economy.id) } else { (&own.author, own.id) };
                let record = control(Kind::Withdrawal, body, Tlp::Clear, key, origin, self.now);
                let record = record.map_err(|error| broken(0, error.to_string()))?;
                (record, Vec::new())
            }
            _ => {
                let Some(agreement) =
                    self.watch.truth.deeds().find(|deed| deed.parties().is_some())
                else {
                    return Ok(());
                };
                let body = AcceptanceBody { agreement: agreement.id }.encode();
                let record = control(
                    Kind::Acceptance,
                    body,
                    Tlp::Clear,
                    &stranger,
                    victim_economy.id,
                    self.now,
                );
                (record.map_err(|error| broken(0, error.to_string()))?, Vec::new())
            }
        };
        let honest =
            record.manifest().origin == own.id && record.manifest().author == own.author.id();
        self.watch.truth.note(&record, &parts, honest, None);
        let id = record.id();
        self.note(|| format!("node {node} forges {} {}", record.manifest().kind, id.short()));
        self.insert(node, &record, parts, Source::Own)
    }

    /// A hostile node has a record that somebody signed for it.
    pub(super) fn plant(
        &mut self,
        node: usize,
        record: &VerifiedRecord,
        parts: Vec<Part>,
    ) -> Result<(), Broken> {
        self.insert(node, record, parts, Source::Own)
    }

    /// Puts a record into a node's journal behind its back, and starts it again.
    fn insert(
        &mut self,
        node: usize,
        record: &VerifiedRecord,
        parts: Vec<Part>,
        source: Source,
    ) -> Result<(), Broken> {
        let entry = JournalEntry::Record(RecordEntered {
            signed: record.signed().to_vec(),
            parts: parts
                .iter()
                .map(|part| PartHeld {
                    digest: part.digest,
                    size: part.bytes.len() as u64,
                    header: part.encoded_header.to_vec(),
                })
                .collect(),
            source,
            standing: Standing::Accepted,
            reference: format!("XX-26-{}", self.now.as_millis()),
            title: String::new(),
            at: self.now,
        });
        let blobs = parts.into_iter().map(|part| (part.digest, part.bytes)).collect();
        self.insert_entry(node, &entry, blobs)
    }

    /// Puts an entry into a node's journal behind its back, and starts it again.
    pub(super) fn insert_entry(
        &mut self,
        node: usize,
        entry: &JournalEntry,
        blobs: Vec<(PartDigest, Bytes)>,
    ) -> Result<(), Broken> {
        self.kill(node);
        self.nodes[node].sync();
        let mark = self.nodes[node].store.durable();
        self.watch.synced(node, mark);
        let appended = self.nodes[node].store.append(vec![new_entry(entry, blobs)]);
        if appended.is_err() {
            let (store, _report) = self.nodes[node].store.crash(0);
            self.nodes[node].store = store;
        }
        self.later(Duration::from_millis(100), Event::Restart { node });
        Ok(())
    }

    fn forged(
        &mut self,
        key: &SecretKey,
        origin: EconomyId,
    ) -> Result<(VerifiedRecord, Vec<Part>), Broken> {
        let mut draft = Draft::new(Kind::Advisory);
        let mut marking = Marking::new(Tlp::Clear);
        marking.onward = Onward::WithinMarking;
        let header =
            Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
        draft.parts.push((header, self.dice.bytes(100)));
        self.sign(draft, key, origin)
    }

    /// What a hostile node does to its own bytes: now and then one is another.
    pub(super) fn tamper(&mut self, node: usize, stream: OutStream, bytes: Bytes) -> Bytes {
        let apart = matches!(stream, OutStream::Uni { .. });
        if !self.nodes[node].hostile || !apart || bytes.len() < 8 || !self.dice.percent(5) {
            return bytes;
        }
        let mut changed = bytes.to_vec();
        let at = 4 + self.dice.below(changed.len() - 4);
        changed[at] ^= 1 << self.dice.below(8);
        changed.into()
    }

    /// A mutation: a node says too much, in words for the operator of its partner.
    pub(super) fn blurt(
        &mut self,
        (node, to): (usize, usize),
        stream: OutStream,
        bytes: Bytes,
    ) -> Bytes {
        let late = self.acts_left < self.config.acts / 2;
        if self.mutated || !late || stream != OutStream::Control || self.nodes[node].hostile {
            return bytes;
        }
        let (us, partner) = (self.nodes[node].economy.id, self.nodes[to].economy.id);
        let said = match self.config.mutation {
            Some(Mutation::NameOthers) => {
                let mut others = self.watch.economies.iter();
                let other = others.find(|one| ![us, partner].contains(one));
                other.map(|other| format!("as {} has it", other.short()))
            }
            Some(Mutation::TellLevel) => {
                let bond = self.watch.shadows[node].partners.get(&partner);
                bond.map(|bond| format!("you are at level {}", bond.level))
            }
            _ => None,
        };
        let Some(said) = said else { return bytes };
        self.mutated = true;
        let mut writer = Writer::new();
        writer.array(2).uint(13).map(2).key(0).uint(1).key(1).text(&said);
        let frame = writer.into_bytes();
        let length = u32::try_from(frame.len()).expect("a frame is short");
        [&bytes, &length.to_be_bytes()[..], &frame].concat().into()
    }

    /// What the mutations do when something goes over a wire.
    pub(super) fn meddle(&mut self, node: usize, to: usize, said: &Said) -> Result<(), Broken> {
        let Said::Batch { returned: false, lines } = said else { return Ok(()) };
        if self.mutated {
            return Ok(());
        }
        match self.config.mutation {
            Some(Mutation::HandOverLate) => {
                self.mutated = true;
                self.bond(node, to, PartnerChange::Suspended)
            }
            Some(Mutation::ReuseNumber) => {
                let Some(first) = lines.iter().find(|line| !line.entry.parts.is_empty()) else {
                    return Ok(());
                };
                self.mutated = true;
                let partner = self.nodes[to].economy.id;
                let now = self.now;
                self.watch.latest = now;
                let again = Said::Batch { returned: false, lines: vec![first.clone()] };
                let mut other = first.clone();
                other.entry.parts.clear();
                let other = Said::Batch { returned: false, lines: vec![other] };
                let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
                self.watch.said((node, engine.state()), partner, &again, now)?;
                self.watch.said((node, engine.state()), partner, &other, now)
            }
            _ => Ok(()),
        }
    }

    /// Whether a mutation lets these bytes vanish: all deliveries from one node to another.
    pub(super) fn vanishes<'a>(
        &mut self,
        node: usize,
        to: usize,
        mut said: impl Iterator<Item = &'a Said>,
    ) -> bool {
        if self.config.mutation != Some(Mutation::LoseDelivery) {
            return false;
        }
        self.mutated = true;
        let delivery = said.any(|said| matches!(said, Said::Batch { .. }));
        delivery && self.edges.first() == Some(&(node, to))
    }
}
