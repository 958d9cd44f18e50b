//! Bodies of records of kind `roster`: who the members are, and that they still are.

use std::collections::{BTreeMap, BTreeSet};

use super::body::{labels, read_labels, says};
use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::control::{fields, missing, set};
use crate::digest::{Digest, domains};
use crate::identity::{EconomyId, GroupId, RecordId};
use crate::limits;

/// What a record of kind `roster` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RosterBody {
    /// The members from one epoch on.
    Roster(Roster),
    /// That an epoch is still the last one. Signed daily.
    Head(RosterHead),
}

/// The members of one epoch, and what justifies each change since the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// The group.
    pub group: GroupId,
    /// From 1 on: epoch 0 is the charter itself, with its author as the only member.
    pub epoch: u64,
    /// The digest of the epoch before: for epoch 1 the group's id.
    pub predecessor: Digest,
    /// The members, each with its affiliations.
    pub members: BTreeMap<EconomyId, BTreeSet<String>>,
    /// For each economy that came or went: the records that justify it.
    pub changes: BTreeMap<EconomyId, BTreeSet<RecordId>>,
    /// The word of a member that it would keep the roster: with this one it does.
    pub handover: Option<RecordId>,
}

/// The secretariat's word that an epoch is still the last one, at the time of its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RosterHead {
    /// The group.
    pub group: GroupId,
    /// The epoch.
    pub epoch: u64,
    /// Its digest.
    pub digest: Digest,
}

const ROSTER: u64 = 0;
const HEAD: u64 = 1;

impl RosterBody {
    /// The group that it is about.
    #[must_use]
    pub const fn group(&self) -> GroupId {
        match self {
            Self::Roster(roster) => roster.group,
            Self::Head(head) => head.group,
        }
    }

    /// Deterministic CBOR: a map whose key 0 says what it is.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Roster(roster) => roster.encode(),
            Self::Head(head) => {
                let mut writer = Writer::new();
                writer.map(4).key(0).uint(HEAD).key(1).bytes(head.group.as_bytes());
                writer.key(2).uint(head.epoch).key(3).bytes(head.digest.as_bytes());
                writer.into_bytes()
            }
        }
    }

    /// Reads what [`RosterBody::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        match says(body)? {
            ROSTER => Roster::read(body).map(Self::Roster),
            HEAD => RosterHead::read(body).map(Self::Head),
            // Of a later version, which this one must not act on.
            _ => Err(Fault { offset: 0, problem: Problem::OutOfRange }),
        }
    }
}

impl Roster {
    /// What the next epoch names it by. Signed again it stays the same roster.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(domains::ROSTER, &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let optional = [!self.changes.is_empty(), self.handover.is_some()];
        writer.map(5 + optional.iter().filter(|present| **present).count());
        writer.key(0).uint(ROSTER).key(1).bytes(self.group.as_bytes());
        writer.key(2).uint(self.epoch).key(3).bytes(self.predecessor.as_bytes());
        writer.key(4).array(self.members.len());
        for (member, affiliations) in &self.members {
            writer.array(1 + usize::from(!affiliations.is_empty())).bytes(member.as_bytes());
            if !affiliations.is_empty() {
                labels(&mut writer, affiliations);
            }
        }
        if !self.changes.is_empty() {
            writer.key(5).array(self.changes.len());
        }
        for (economy, records) in &self.changes {
            writer.array(2).bytes(economy.as_bytes()).array(records.len());
            for record in records {
                writer.bytes(record.as_bytes());
            }
        }
        if let Some(handover) = &self.handover {
            writer.key(6).bytes(handover.as_bytes());
        }
        writer.into_bytes()
    }

    fn read(body: &[u8]) -> Result<Self, Fault> {
        let (mut group, mut epoch, mut predecessor, mut members) = (None, None, None, None);
        let (mut changes, mut handover) = (None, None);
        fields(body, |key, reader| match key {
            0 => reader.uint().map(drop),
            1 => set(&mut group, reader.array_of().map(GroupId)),
            2 => set(&mut epoch, read_epoch(reader)),
            3 => set(&mut predecessor, reader.array_of().map(Digest)),
            4 => set(&mut members, by_economy(reader, read_member)),
            5 => set(&mut changes, by_economy(reader, read_change)),
            6 => set(&mut handover, reader.array_of().map(RecordId)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        Ok(Self {
            group: group.ok_or(missing.clone())?,
            epoch: epoch.ok_or(missing.clone())?,
            predecessor: predecessor.ok_or(missing.clone())?,
            members: members.ok_or(missing)?,
            changes: changes.unwrap_or_default(),
            handover,
        })
    }
}

impl RosterHead {
    fn read(body: &[u8]) -> Result<Self, Fault> {
        let (mut group, mut epoch, mut digest) = (None, None, None);
        fields(body, |key, reader| match key {
            0 => reader.uint().map(drop),
            1 => set(&mut group, reader.array_of().map(GroupId)),
            2 => set(&mut epoch, reader.uint()),
            3 => set(&mut digest, reader.array_of().map(Digest)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        Ok(Self {
            group: group.ok_or(missing.clone())?,
            epoch: epoch.ok_or(missing.clone())?,
            digest: digest.ok_or(missing)?,
        })
    }
}

fn read_epoch(reader: &mut Reader<'_>) -> Result<u64, Fault> {
    let first = reader.fault(Problem::OutOfRange);
    match reader.uint()? {
        0 => Err(first),
        epoch => Ok(epoch),
    }
}

/// A list of arrays that begin with an economy, strictly ascending by it, at least one.
fn by_economy<T>(
    reader: &mut Reader<'_>,
    mut rest: impl FnMut(&mut Reader<'_>, usize) -> Result<T, Fault>,
) -> Result<BTreeMap<EconomyId, T>, Fault> {
    let empty = reader.fault(Problem::Empty);
    let mut last = None;
    let pairs = reader.list(limits::MEMBERS, |reader| {
        let start = reader.fault(Problem::MissingField);
        let length = reader.array(usize::MAX)?;
        if length == 0 {
            return Err(start);
        }
        let economy = EconomyId(reader.array_of()?);
        let problem = match last.map(|last: EconomyId| last.cmp(&economy)) {
            Some(std::cmp::Ordering::Equal) => Some(Problem::DuplicateKey),
            Some(std::cmp::Ordering::Greater) => Some(Problem::UnsortedKeys),
            Some(std::cmp::Ordering::Less) | None => None,
        };
        if let Some(problem) = problem {
            return Err(Fault { problem, ..start });
        }
        last = Some(economy);
        let rest = rest(reader, length)?;
        reader.leave();
        Ok((economy, rest))
    })?;
    if pairs.is_empty() { Err(empty) } else { Ok(pairs.into_iter().collect()) }
}

fn read_member(reader: &mut Reader<'_>, length: usize) -> Result<BTreeSet<String>, Fault> {
    match length {
        1 => Ok(BTreeSet::new()),
        2 => read_labels(reader),
        _ => Err(reader.fault(Problem::UnknownField)),
    }
}

fn read_change(reader: &mut Reader<'_>, length: usize) -> Result<BTreeSet<RecordId>, Fault> {
    match length {
        1 => Err(reader.fault(Problem::MissingField)),
        2 => {
            let records =
                reader.set(limits::JUSTIFICATIONS, |item| item.array_of().map(RecordId))?;
            Ok(records.into_iter().collect())
        }
        _ => Err(reader.fault(Problem::UnknownField)),
    }
}
