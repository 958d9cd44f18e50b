//! Writes what goes over the wire, as `docs/src/spec/link.md` says it, sharing nothing with the link's
//! own writer but CBOR.

use bytes::Bytes;
use comity_core::cbor::Writer;
use comity_core::digest::{LEAF_SIZE, leaf_hashes};
use comity_core::ledger::{Head, LedgerEntry, Opening, Ranges};
use comity_core::{Digest, EconomyId, EpochId, PartDigest, Timestamp};

/// A frame with its length before it.
pub(super) fn framed(frame: &[u8]) -> Bytes {
    let length = u32::try_from(frame.len()).expect("a frame is short");
    [&length.to_be_bytes(), frame].concat().into()
}

/// A frame that says nothing but its type.
pub(super) fn bare(kind: u64) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(kind).map(0);
    writer.into_bytes()
}

/// PONG.
pub(super) fn pong(nonce: u64, at: Timestamp) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(15).map(2).key(0).uint(nonce).key(1).uint(at.as_millis());
    writer.into_bytes()
}

/// HELLO.
pub(super) struct Hello {
    pub(super) boot: [u8; 16],
    pub(super) out: (EpochId, Head),
    pub(super) inbound: (Option<EpochId>, Head, Ranges),
    pub(super) recovering: bool,
    pub(super) features: Vec<u64>,
}

impl Hello {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(2).uint(0).map(7);
        writer.key(0).array(1).uint(1);
        writer.key(1).array(self.features.len());
        for feature in &self.features {
            writer.uint(*feature);
        }
        writer.key(2).bytes(&self.boot);
        writer.key(3).array(3).uint(1024).uint(16 << 20).uint(2);
        writer.key(4).array(2).bytes(self.out.0.as_bytes());
        self.out.1.write(&mut writer);
        let (epoch, head, ranges) = &self.inbound;
        writer.key(5).array(3).bytes(epoch.as_ref().map_or(&[], |epoch| epoch.as_bytes()));
        head.write(&mut writer);
        ranges.write(&mut writer);
        writer.key(6).bool(self.recovering);
        writer.into_bytes()
    }
}

/// KEYRING_HEAD.
pub(super) fn keyring_head(signed: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(21).map(1).key(0).bytes(signed);
    writer.into_bytes()
}

/// CHUNK_WANT.
pub(super) fn want(number: u64, part: PartDigest, leaves: &[u64]) -> Vec<u8> {
    let leaves: Ranges = leaves.iter().map(|leaf| (*leaf, *leaf)).collect();
    let mut writer = Writer::new();
    writer.array(2).uint(19).map(3);
    writer.key(0).uint(number).key(1).bytes(part.as_bytes());
    leaves.write(writer.key(2));
    writer.into_bytes()
}

/// BATCH of one delivery whose parts all come in chunks, each under its transfer; of each only these
/// leaves, if not all come.
pub(super) fn announcement(
    entry: &LedgerEntry,
    signed: &[u8],
    parts: &[(u64, Bytes, Option<Ranges>)],
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(2).map(2);
    writer.key(0).uint(1).key(1).array(1).array(3);
    writer.raw(&entry.encode()).bytes(signed).array(parts.len());
    for (transfer, bytes, coming) in parts {
        let leaves: Vec<u8> = leaf_hashes(bytes).iter().flat_map(|leaf| leaf.0).collect();
        writer.array(3 + usize::from(coming.is_some())).uint(*transfer);
        writer.uint(bytes.len() as u64).bytes(&leaves);
        if let Some(coming) = coming {
            coming.write(&mut writer);
        }
    }
    writer.into_bytes()
}

/// CHUNK.
pub(super) fn chunk(transfer: u64, leaf: u64, bytes: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(3).map(3);
    writer.key(0).uint(transfer).key(1).uint(leaf).key(2).bytes(bytes);
    writer.into_bytes()
}

/// BATCH, or RETURN: one delivery. Each part travels within it, or by the transfer that it names.
pub(super) fn batch(
    returned: bool,
    entry: &LedgerEntry,
    signed: &[u8],
    parts: &[(Bytes, Option<u64>)],
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(if returned { 9 } else { 2 }).map(2);
    writer.key(0).uint(1).key(1).array(1).array(3);
    writer.raw(&entry.encode()).bytes(signed).array(parts.len());
    for (part, transfer) in parts {
        let Some(transfer) = transfer else {
            writer.bytes(part);
            continue;
        };
        let leaves: Vec<u8> = leaf_hashes(part).iter().flat_map(|leaf| leaf.0).collect();
        writer.array(3).uint(*transfer).uint(part.len() as u64).bytes(&leaves);
    }
    writer.into_bytes()
}

/// CHUNK: every leaf of a part.
pub(super) fn chunks(transfer: u64, part: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let leaves = part.chunks(LEAF_SIZE).enumerate();
    leaves.map(move |(index, leaf)| chunk(transfer, index as u64, leaf))
}

/// REJECT, for this reason.
pub(super) fn reject(number: u64, reason: u64) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(5).map(2);
    writer.key(0).uint(number).key(1).uint(reason);
    writer.into_bytes()
}

/// KNOWN: these numbers were refused for this origin, and may come again.
pub(super) fn known(origin: EconomyId, numbers: &[u64]) -> Vec<u8> {
    let numbers: Ranges = numbers.iter().map(|number| (*number, *number)).collect();
    let mut writer = Writer::new();
    writer.array(2).uint(20).map(2).key(0).bytes(origin.as_bytes());
    numbers.write(writer.key(1));
    writer.into_bytes()
}

/// VOID.
pub(super) fn void(returned: bool, number: u64, digest: Digest) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(7).map(3);
    writer.key(0).uint(u64::from(returned)).key(1).uint(number);
    writer.key(2).bytes(digest.as_bytes());
    writer.into_bytes()
}

/// ACK of deliveries.
pub(super) fn ack(upto: u64) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(4).map(3).key(0).uint(0).key(1).uint(upto);
    Ranges::new().write(writer.key(2));
    writer.into_bytes()
}

/// ACK of what is given back.
pub(super) fn ack_returned(first: u64, last: u64) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(4).map(3).key(0).uint(1).key(1).uint(0);
    let numbers: Ranges = [(first, last)].into_iter().collect();
    numbers.write(writer.key(2));
    writer.into_bytes()
}

/// DEFER of a delivery.
pub(super) fn defer(number: u64) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(6).map(2).key(0).uint(0).key(1).uint(number);
    writer.into_bytes()
}

/// RECEIPT.
pub(super) fn receipt(signed: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(8).map(1).key(0).bytes(signed);
    writer.into_bytes()
}

/// FAULT: what the other side is said to have done.
pub(super) fn fault(code: u64, text: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(13).map(2).key(0).uint(code).key(1).text(text);
    writer.into_bytes()
}

/// EPOCH: announced, or accepted.
pub(super) fn epoch(opening: &Opening, accepted: bool) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(10).map(2);
    opening.write(writer.key(0));
    writer.key(1).bool(accepted);
    writer.into_bytes()
}
