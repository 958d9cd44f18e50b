//! A partner played by hand.

use bytes::Bytes;
use comity_core::digest::LEAF_SIZE;
use comity_core::keyring::SignedHead;
use comity_core::ledger::{Head, LedgerEntry, Obligations, Opening, Ranges};
use comity_core::receipt::{Receipt, RejectReason, Witness};
use comity_core::record::{Part, VerifiedRecord};
use comity_core::test_util::SeededEntropy;
use comity_core::{Digest, EconomyId, EpochId, Timestamp};
use comity_proto::ConnId;

use super::frames;
use crate::sim::economy::Economy;

/// A partner: its keys, its ledger, and what it says that it holds.
pub struct Peer {
    /// Its keys.
    pub economy: Economy,
    /// The epoch of its ledger.
    pub epoch: EpochId,
    /// Where its ledger stands.
    pub head: Head,
    /// What it says of the node's ledger: its epoch, the head, and ranges beyond.
    pub holds: (Option<EpochId>, Head, Ranges),
    /// Whether it says that it was restored.
    pub recovering: bool,
    /// What it says that it understands: which chunks it is asked for, which origins the node has come to know,
    /// amendments, and what comes back with gaps. It is told no heads unless 5 is added.
    pub features: Vec<u64>,
    /// Where it stood after each number.
    heads: Vec<Head>,
    /// What whoever receives from it takes on.
    pub obligations: Obligations,
    boots: u8,
    conn: Option<ConnId>,
    streams: u64,
    transfers: u64,
}

/// The largest part that travels within its batch, and the most bytes of such parts.
const INLINE: (usize, usize) = (8 * 1024, 256 * 1024);

impl Peer {
    /// A partner that has not connected.
    #[must_use]
    pub fn of(economy: Economy) -> Self {
        let epoch = EpochId([economy.id.as_bytes()[0]; 16]);
        Self {
            economy,
            epoch,
            head: Head::START,
            holds: (None, Head::START, Ranges::new()),
            recovering: false,
            features: vec![1, 2, 3, 4],
            heads: Vec::new(),
            obligations: Obligations::unbound(),
            boots: 1,
            conn: None,
            streams: 1,
            transfers: 0,
        }
    }

    /// The last connection.
    #[must_use]
    pub fn conn(&self) -> ConnId {
        self.conn.expect("a connection")
    }

    pub(super) fn connected(&mut self, conn: ConnId) {
        self.conn = Some(conn);
        (self.streams, self.transfers) = (1, 0);
    }

    /// Numbers after this one are given anew: what was put off goes again.
    pub fn take_back(&mut self, number: u64) {
        self.heads.truncate(usize::try_from(number).expect("a number that was given"));
        self.head = self.heads.last().copied().unwrap_or(Head::START);
    }

    /// Its process starts anew.
    pub fn boot(&mut self) {
        self.boots += 1;
    }

    /// The number of a stream that was not used yet.
    pub fn stream(&mut self) -> u64 {
        self.streams += 1;
        self.streams
    }

    pub(super) fn hello(&self) -> Vec<u8> {
        let hello = frames::Hello {
            boot: [self.boots; 16],
            out: (self.epoch, self.head),
            inbound: self.holds.clone(),
            recovering: self.recovering,
            features: self.features.clone(),
        };
        hello.encode()
    }

    /// A delivery under the next number: number, and the frames of the batch and of its chunks.
    #[must_use]
    pub fn delivery(&mut self, record: &VerifiedRecord, parts: &[Part]) -> (u64, Vec<Vec<u8>>) {
        let entry = self.number(record, parts);
        let mut inline = 0;
        let bodies: Vec<_> = bodies(&entry, parts)
            .map(|body| {
                let apart = body.len() > INLINE.0 || inline + body.len() > INLINE.1;
                inline += if apart { 0 } else { body.len() };
                self.transfers += u64::from(apart);
                (body, apart.then_some(self.transfers))
            })
            .collect();
        let mut frames = vec![frames::batch(false, &entry, record.signed(), &bodies)];
        for (body, transfer) in &bodies {
            frames.extend(transfer.iter().flat_map(|transfer| frames::chunks(*transfer, body)));
        }
        (entry.number, frames)
    }

    /// Gives the next number to a record.
    pub fn number(&mut self, record: &VerifiedRecord, parts: &[Part]) -> LedgerEntry {
        let entry = self.entry(self.head.number + 1, record, parts);
        self.head = self.head.after(entry.digest());
        self.heads.push(self.head);
        entry
    }

    /// A delivery whose parts come in chunks: its batch, and for each part its transfer. Only these
    /// leaves of each come, if not all do.
    pub fn announce(
        &mut self,
        entry: &LedgerEntry,
        record: &VerifiedRecord,
        parts: &[Part],
        coming: Option<&[u64]>,
    ) -> (Vec<u8>, Vec<u64>) {
        let mut announced = Vec::new();
        for digest in &entry.parts {
            let part = parts.iter().find(|part| part.digest == *digest).expect("a part");
            self.transfers += 1;
            let coming = coming.map(|leaves| leaves.iter().map(|leaf| (*leaf, *leaf)).collect());
            announced.push((self.transfers, part.bytes.clone(), coming));
        }
        let transfers = announced.iter().map(|(transfer, ..)| *transfer).collect();
        (frames::announcement(entry, record.signed(), &announced), transfers)
    }

    /// A leaf of a part.
    #[must_use]
    pub fn chunk(transfer: u64, part: &Part, leaf: usize) -> Vec<u8> {
        let bytes = part.bytes.chunks(LEAF_SIZE).nth(leaf).expect("a leaf of the part");
        frames::chunk(transfer, leaf as u64, bytes)
    }

    /// An entry of its ledger.
    #[must_use]
    pub fn entry(&self, number: u64, record: &VerifiedRecord, parts: &[Part]) -> LedgerEntry {
        let mut digests: Vec<_> = parts.iter().map(|part| part.digest).collect();
        digests.sort_unstable();
        LedgerEntry {
            epoch: self.epoch,
            number,
            record: record.id(),
            parts: digests,
            obligations: self.obligations.clone(),
            salt: [0; 16],
        }
    }

    /// The bytes of a delivery, or of something given back, all in one batch.
    #[must_use]
    pub fn frame(
        returned: bool,
        entry: &LedgerEntry,
        record: &VerifiedRecord,
        parts: &[Part],
    ) -> Vec<u8> {
        let bodies: Vec<_> = bodies(entry, parts).map(|body| (body, None)).collect();
        frames::batch(returned, entry, record.signed(), &bodies)
    }

    /// A delivery that it gives back without the parts that are not among these: it has erased them.
    #[must_use]
    pub fn frame_with_gaps(
        entry: &LedgerEntry,
        record: &VerifiedRecord,
        parts: &[Part],
    ) -> Vec<u8> {
        let here = |digest| parts.iter().find(|part| part.digest == digest);
        let bodies = entry.parts.iter().map(|digest| here(*digest).map(|part| part.bytes.clone()));
        let bodies: Vec<_> = bodies.map(|body| (body.unwrap_or_default(), None)).collect();
        frames::batch(true, entry, record.signed(), &bodies)
    }

    /// Says from now on that it holds the node's ledger up to this number.
    pub fn hold(&mut self, bench: &super::Bench, number: u64) {
        let ledger = &bench.state().partner(&self.economy.id).expect("a partner").out;
        let chain = ledger.chain_at(number).expect("a number that was given");
        self.holds = (Some(ledger.epoch()), Head { number, chain }, Ranges::new());
    }

    /// REJECT of a number of the node's ledger.
    #[must_use]
    pub fn reject(number: u64) -> Vec<u8> {
        frames::reject(number, 4)
    }

    /// REJECT: it does not know the origin.
    #[must_use]
    pub fn reject_unknown(number: u64) -> Vec<u8> {
        frames::reject(number, 8)
    }

    /// KEYRING_HEAD.
    #[must_use]
    pub fn keyring_head(head: &SignedHead) -> Vec<u8> {
        frames::keyring_head(&head.encode())
    }

    /// KNOWN: what it refused of this origin under these numbers may come again.
    #[must_use]
    pub fn known(origin: EconomyId, numbers: &[u64]) -> Vec<u8> {
        frames::known(origin, numbers)
    }

    /// VOID of a number of its own ledger, or of one of the node's.
    #[must_use]
    pub fn void(returned: bool, number: u64, digest: Digest) -> Vec<u8> {
        frames::void(returned, number, digest)
    }

    /// ACK: it holds every delivery up to this number.
    #[must_use]
    pub fn ack(upto: u64) -> Vec<u8> {
        frames::ack(upto)
    }

    /// ACK of what the node gives back: it holds these numbers.
    #[must_use]
    pub fn ack_returned(first: u64, last: u64) -> Vec<u8> {
        frames::ack_returned(first, last)
    }

    /// DEFER: there is no room for this number of the node's ledger.
    #[must_use]
    pub fn defer(number: u64) -> Vec<u8> {
        frames::defer(number)
    }

    /// RECEIPT: it holds everything of the node's ledger up to this head.
    #[must_use]
    pub fn receipt(&self, to: EconomyId, epoch: EpochId, upto: Head, at: Timestamp) -> Vec<u8> {
        let mut entropy = SeededEntropy::new(at.as_millis());
        let receipt = Receipt {
            from: self.economy.id,
            to,
            epoch,
            upto,
            rejects: Vec::new(),
            witness: Witness::new(Digest::ZERO, &mut entropy),
            at,
        };
        frames::receipt(&receipt.sign(&self.economy.link))
    }

    /// RECEIPT: the same, except these.
    #[must_use]
    pub fn receipt_except(
        &self,
        bench: &super::Bench,
        rejects: Vec<(u64, RejectReason)>,
    ) -> Vec<u8> {
        let ledger = &bench.state().partner(&self.economy.id).expect("a partner").out;
        let receipt = Receipt {
            from: self.economy.id,
            to: bench.state().us(),
            epoch: ledger.epoch(),
            upto: ledger.head(),
            rejects,
            witness: Witness::new(Digest::ZERO, &mut SeededEntropy::new(7)),
            at: bench.now,
        };
        frames::receipt(&receipt.sign(&self.economy.link))
    }

    /// FAULT: it says that the node has broken the protocol.
    #[must_use]
    pub fn complaint(text: &str) -> Vec<u8> {
        frames::fault(1, text)
    }

    /// EPOCH: its ledger goes on in a new one.
    #[must_use]
    pub fn opening(opening: &Opening) -> Vec<u8> {
        frames::epoch(opening, false)
    }

    /// PONG: what its clock says.
    #[must_use]
    pub fn pong(at: Timestamp) -> Vec<u8> {
        frames::pong(0, at)
    }

    /// EPOCH: it has taken the node's new one in.
    #[must_use]
    pub fn accepts(opening: &Opening) -> Vec<u8> {
        frames::epoch(opening, true)
    }
}

/// The bytes of an entry's parts, in its order.
fn bodies<'a>(entry: &'a LedgerEntry, parts: &'a [Part]) -> impl Iterator<Item = Bytes> {
    entry.parts.iter().map(|digest| {
        let part = parts.iter().find(|part| part.digest == *digest);
        part.expect("a part of the entry").bytes.clone()
    })
}
