//! Pieces of large parts that have not come whole: kept on the disk, so that a part goes on after a
//! break where it stopped, and let go when their delivery is settled.

use std::collections::BTreeMap;

use bytes::Bytes;
use comity_core::cbor::{Fault, Reader, Writer};
use comity_core::ledger::Ranges;
use comity_core::{Digest, EconomyId, PartDigest, Timestamp};
use comity_proto::{Fragment, Incoming, Input, Kept, PartBody, Piece};
use comity_store::Unfinished;

use super::{Effect, Engine, Job, PartSource, Token};

/// By what a body that has not come whole is known to the store.
struct Label {
    partner: EconomyId,
    number: u64,
    /// The digest of the ledger entry.
    entry: Digest,
}

impl Label {
    /// `[partner, number, entry]`.
    fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        writer.array(3).bytes(self.partner.as_bytes()).uint(self.number);
        writer.bytes(self.entry.as_bytes());
        writer.into_bytes().into()
    }

    fn decode(label: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(label);
        reader.tuple(3)?;
        let partner = EconomyId(reader.array_of()?);
        let (number, entry) = (reader.uint()?, Digest(reader.array_of()?));
        reader.leave();
        reader.finish()?;
        Ok(Self { partner, number, entry })
    }
}

/// What the store knows a part of a delivery by, until it is whole.
fn unfinished(
    partner: EconomyId,
    number: u64,
    entry: Digest,
    part: PartDigest,
    length: usize,
) -> Unfinished {
    let label = Label { partner, number, entry }.encode();
    Unfinished { label, digest: part, length: length as u64 }
}

/// Where the bytes of each part are.
pub(super) fn sources(partner: EconomyId, incoming: &Incoming) -> Vec<(PartDigest, PartSource)> {
    let (number, entry) = (incoming.entry.number, incoming.entry.digest());
    let parts = incoming.parts.iter().map(|(part, body)| {
        let source = match body {
            PartBody::Here(bytes) => PartSource::Here(bytes.clone()),
            PartBody::Kept { length } => {
                PartSource::Unfinished(unfinished(partner, number, entry, *part, *length))
            }
        };
        (*part, source)
    });
    parts.collect()
}

/// What an earlier run of the process kept, until the first connection with each partner.
pub(super) type Left = BTreeMap<EconomyId, Vec<Kept>>;

impl Engine {
    /// Takes what the store has kept; what nobody waits for is let go.
    pub(super) fn take_unfinished(&mut self, bodies: Vec<(Unfinished, Ranges)>) {
        for (body, leaves) in bodies {
            let length = usize::try_from(body.length).unwrap_or(usize::MAX);
            match Label::decode(&body.label) {
                Ok(Label { partner, number, entry }) if self.is_awaited(partner, number) => {
                    let kept = Kept { number, entry, part: body.digest, length, leaves };
                    self.left.entry(partner).or_default().push(kept);
                }
                Ok(_) | Err(_) => self.let_go(body.label, body.digest),
            }
        }
    }

    /// Whether a delivery may still come from a partner.
    fn is_awaited(&self, partner: EconomyId, number: u64) -> bool {
        let partner = self.state.partner(&partner).filter(|partner| partner.is_paired());
        partner.is_some_and(|partner| partner.inbound.digest(number).is_none())
    }

    /// A verified leaf, to be made durable.
    pub(super) fn keep(&mut self, partner: EconomyId, fragment: Fragment, now: Timestamp) {
        let Fragment { piece, bytes } = fragment;
        if self.space_low {
            return self.session_input(partner, Input::NotKept(piece), now);
        }
        if self.state.is_erased(&piece.part) {
            // It comes to its end, and nothing of it is kept.
            return self.session_input(partner, Input::Kept(piece), now);
        }
        let Piece { number, entry, part, length, leaf } = piece;
        let token = self.token();
        self.jobs.insert(token, Job::Keep { partner, piece });
        let of = unfinished(partner, number, entry, part, length);
        let leaf = u32::try_from(leaf).unwrap_or(u32::MAX);
        self.effects.push(Effect::Keep { token, piece: comity_store::Piece { of, leaf, bytes } });
    }

    /// A leaf is durable, or could not be kept.
    pub(super) fn kept(&mut self, token: Token, result: Result<(), String>, now: Timestamp) {
        let Some(Job::Keep { partner, piece }) = self.jobs.remove(&token) else { return };
        let input = match result {
            Ok(()) => Input::Kept(piece),
            Err(why) => {
                let number = piece.number;
                let text = format!("a piece of delivery {number} could not be kept: {why}");
                self.alarm(Some(partner), "not-kept", text);
                Input::NotKept(piece)
            }
        };
        self.session_input(partner, input, now);
    }

    /// Nothing of these parts is of use any more.
    pub(super) fn discard(
        &mut self,
        partner: EconomyId,
        number: u64,
        entry: Digest,
        parts: Vec<PartDigest>,
    ) {
        let label = Label { partner, number, entry }.encode();
        for part in parts {
            self.let_go(label.clone(), part);
        }
    }

    /// Who is no partner any more finishes nothing.
    pub(super) fn let_go_of(&mut self, partner: EconomyId, now: Timestamp) {
        for Kept { number, entry, part, .. } in self.left.remove(&partner).unwrap_or_default() {
            self.discard(partner, number, entry, vec![part]);
        }
        self.session_input(partner, Input::LetGo, now);
    }

    fn let_go(&mut self, label: Bytes, digest: PartDigest) {
        self.effects.push(Effect::Discard { label, digest });
    }

    /// A partner asks for chunks of a part. They go when that delivery does, if it still may; a part that
    /// it does not have was never offered.
    pub(super) fn wanted(
        &mut self,
        partner: EconomyId,
        number: u64,
        part: PartDigest,
        now: Timestamp,
    ) {
        let ledger = self.state.partner(&partner).map(|partner| &partner.out);
        let entry = ledger.and_then(|out| out.entry(number)).and_then(|line| line.entry.as_ref());
        if entry.is_some_and(|entry| !entry.parts.contains(&part)) {
            self.session_input(partner, Input::NotOffered { number, part }, now);
        }
    }

    /// What was kept of a delivery cannot be read: it is sent again, whole.
    pub(super) fn spoiled(&mut self, partner: EconomyId, number: u64, why: &str, now: Timestamp) {
        let text = format!("what was kept of delivery {number} cannot be read: {why}");
        self.alarm(Some(partner), "unreadable", text);
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.arriving.remove(&number);
        }
        self.session_input(partner, Input::Spoiled { number }, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_written() {
        let (partner, entry) = (EconomyId([1; 32]), Digest([2; 32]));
        let label = Label { partner, number: 300, entry }.encode();
        assert!(label.len() <= comity_store::bounds::LABEL_BYTES);
        let read = Label::decode(&label).unwrap();
        assert_eq!((read.partner, read.number, read.entry), (partner, 300, entry));
        assert!(Label::decode(&label[1..]).is_err());
        assert!(Label::decode(&[&label[..], &[0]].concat()).is_err());
    }
}
