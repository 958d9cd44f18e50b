//! Bodies that were appended lately, at hand for the deliveries that follow.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use comity_core::PartDigest;
use comity_store::Seq;

use super::Loaded;
use crate::limits::FRESH_BYTES;

/// Bytes up to which a body is copied.
const SMALL: usize = 64 * 1024;

/// Bodies that were appended lately, oldest dropped first.
#[derive(Default)]
pub(super) struct Fresh {
    parts: HashMap<PartDigest, Bytes>,
    records: HashMap<Seq, Bytes>,
    order: VecDeque<FreshKey>,
    bytes: usize,
}

enum FreshKey {
    Part(PartDigest),
    Record(Seq),
}

impl Fresh {
    pub(super) fn keep_part(&mut self, digest: PartDigest, body: Bytes) {
        let length = body.len();
        // What is small may be a slice of something large, which is not counted here.
        let body = if length <= SMALL { Bytes::copy_from_slice(&body) } else { body };
        if length <= FRESH_BYTES / 4 && self.parts.insert(digest, body).is_none() {
            self.kept(FreshKey::Part(digest), length);
        }
    }

    pub(super) fn keep_record(&mut self, seq: Seq, signed: Bytes) {
        let length = signed.len();
        if self.records.insert(seq, signed).is_none() {
            self.kept(FreshKey::Record(seq), length);
        }
    }

    fn kept(&mut self, key: FreshKey, length: usize) {
        self.bytes += length;
        self.order.push_back(key);
        while self.bytes > FRESH_BYTES {
            let dropped = match self.order.pop_front() {
                Some(FreshKey::Part(digest)) => self.parts.remove(&digest),
                Some(FreshKey::Record(seq)) => self.records.remove(&seq),
                None => return,
            };
            self.bytes = self.bytes.saturating_sub(dropped.map_or(0, |body| body.len()));
        }
    }

    /// Nothing of these is at hand any more.
    pub(super) fn forget(&mut self, bodies: &[PartDigest]) {
        for body in bodies {
            let gone = self.parts.remove(body).map_or(0, |bytes| bytes.len());
            self.bytes = self.bytes.saturating_sub(gone);
        }
    }

    /// Everything that a hand-over needs, if all of it is at hand.
    pub(super) fn load(&self, seq: Seq, parts: &[PartDigest]) -> Option<Loaded> {
        let signed = self.records.get(&seq)?.clone();
        let parts = parts
            .iter()
            .map(|digest| self.parts.get(digest).map(|body| (*digest, body.clone())))
            .collect::<Option<Vec<_>>>()?;
        Some(Loaded { signed, parts })
    }
}
