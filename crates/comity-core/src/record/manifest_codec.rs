//! A manifest as it is signed.

use super::{Manifest, PartEntry, RecordError, SizeClass};
use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::identity::{EconomyId, KeyId, PartDigest, RecordId};
use crate::limits;
use crate::marking::Marking;
use crate::time::Timestamp;
use crate::vocabulary::{Kind, State, Urgency};

/// The version of the manifest that is written and read.
const VERSION: u64 = 1;

impl Manifest {
    /// Deterministic CBOR. Received bytes are kept as they are; this is for signing only.
    pub(super) fn encode(&self) -> Vec<u8> {
        let optional = [!self.supersedes.is_empty(), !self.parts.is_empty(), self.body.is_some()];
        let mut writer = Writer::new();
        writer.map(9 + optional.iter().filter(|present| **present).count());
        writer.key(0).uint(VERSION);
        writer.key(1).uint(self.kind.code());
        writer.key(2).uint(self.state.code());
        writer.key(3).bytes(self.origin.as_bytes());
        writer.key(4).bytes(self.author.as_bytes());
        writer.key(5).uint(self.signed_at.as_millis());
        writer.key(6).uint(self.urgency.code());
        self.floor.write(writer.key(7));
        writer.key(8).bool(self.addressed);
        if !self.supersedes.is_empty() {
            writer.key(9).array(self.supersedes.len());
            for record in &self.supersedes {
                writer.bytes(record.as_bytes());
            }
        }
        if !self.parts.is_empty() {
            writer.key(10).array(self.parts.len());
            for part in &self.parts {
                writer.array(2).bytes(part.digest.as_bytes()).uint(part.size.code());
            }
        }
        if let Some(body) = &self.body {
            writer.key(11).bytes(body);
        }
        writer.into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(bytes);
        let manifest = Fields::read(&mut reader)?.complete(&reader)?;
        reader.finish()?;
        manifest.check_shape()?;
        Ok(manifest)
    }

    /// What a manifest of its kind must and must not have.
    fn check_shape(&self) -> Result<(), RecordError> {
        if let Some(body) = &self.body {
            let mut reader = Reader::new(body);
            reader.skip().and_then(|_| reader.finish()).map_err(RecordError::MalformedBody)?;
        }
        if !self.parts.is_empty() && !self.parts.len().is_power_of_two() {
            return Err(RecordError::Unpadded);
        }
        // What a kind of a later version needs is not known here; it is never released.
        if !self.kind.is_known() {
            return Ok(());
        }
        match (self.kind.is_control(), &self.body, self.parts.is_empty()) {
            (false, Some(_), _) => Err(RecordError::UnexpectedBody),
            (false, None, true) => Err(RecordError::NoParts),
            (true, None, _) => Err(RecordError::MissingBody),
            (true, Some(_), false) => Err(RecordError::UnexpectedParts),
            (true, Some(_), true) if self.addressed => Err(RecordError::AddressedControl),
            (false, None, false) | (true, Some(_), true) => Ok(()),
        }
    }
}

/// The map's values, before it is known that all are there.
#[derive(Default)]
struct Fields {
    versioned: bool,
    kind: Option<Kind>,
    state: Option<State>,
    origin: Option<EconomyId>,
    author: Option<KeyId>,
    signed_at: Option<Timestamp>,
    urgency: Option<Urgency>,
    floor: Option<Marking>,
    addressed: Option<bool>,
    supersedes: Vec<RecordId>,
    parts: Vec<PartEntry>,
    body: Option<Vec<u8>>,
    unknown: bool,
}

impl Fields {
    fn read(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let mut fields = Self::default();
        let mut keys = reader.map(limits::LIST)?;
        while let Some(key) = keys.next_key(reader)? {
            match key {
                0 => fields.versioned = read_version(reader)?,
                1 => fields.kind = Some(Kind::from_code(reader.uint()?)),
                2 => fields.state = Some(State::from_code(reader.uint()?)),
                3 => fields.origin = Some(EconomyId(reader.array_of()?)),
                4 => fields.author = Some(KeyId(reader.array_of()?)),
                5 => fields.signed_at = Some(reader.timestamp()?),
                6 => fields.urgency = Some(Urgency::from_code(reader.uint()?)),
                7 => fields.floor = Some(Marking::read(reader)?),
                8 => fields.addressed = Some(reader.bool()?),
                9 => fields.supersedes = read_supersedes(reader)?,
                10 => fields.parts = read_parts(reader)?,
                11 => fields.body = Some(reader.bytes(limits::MANIFEST_BYTES)?.to_vec()),
                _ => {
                    reader.skip()?;
                    fields.unknown = true;
                }
            }
        }
        Ok(fields)
    }

    fn complete(self, reader: &Reader<'_>) -> Result<Manifest, Fault> {
        let missing = || reader.fault(Problem::MissingField);
        if !self.versioned {
            return Err(missing());
        }
        let kind = self.kind.ok_or_else(missing)?;
        let state = self.state.ok_or_else(missing)?;
        let urgency = self.urgency.ok_or_else(missing)?;
        let floor = self.floor.ok_or_else(missing)?;
        let known = kind.is_known() && state.is_known() && urgency.is_known() && !floor.unknown;
        Ok(Manifest {
            kind,
            state,
            origin: self.origin.ok_or_else(missing)?,
            author: self.author.ok_or_else(missing)?,
            signed_at: self.signed_at.ok_or_else(missing)?,
            urgency,
            floor,
            addressed: self.addressed.ok_or_else(missing)?,
            supersedes: self.supersedes,
            parts: self.parts,
            body: self.body,
            unknown: self.unknown || !known,
        })
    }
}

/// The version is the first key, so that nothing of another version is read wrongly before it.
fn read_version(reader: &mut Reader<'_>) -> Result<bool, RecordError> {
    match reader.uint()? {
        VERSION => Ok(true),
        other => Err(RecordError::UnsupportedVersion(other)),
    }
}

fn read_supersedes(reader: &mut Reader<'_>) -> Result<Vec<RecordId>, Fault> {
    reader.set(limits::SUPERSEDES, |reader| reader.array_of().map(RecordId))
}

fn read_parts(reader: &mut Reader<'_>) -> Result<Vec<PartEntry>, RecordError> {
    let empty = reader.fault(Problem::Empty);
    let length = reader.array(usize::MAX)?;
    if length == 0 {
        return Err(empty.into());
    }
    if length > limits::PARTS {
        return Err(RecordError::TooManyParts);
    }
    let mut parts: Vec<PartEntry> = Vec::with_capacity(length);
    for _ in 0..length {
        reader.tuple(2)?;
        let digest = PartDigest(reader.array_of()?);
        let size = SizeClass::from_code(reader.uint()?).ok_or(RecordError::SizeClass)?;
        reader.leave();
        match parts.last().map(|last| last.digest.cmp(&digest)) {
            Some(std::cmp::Ordering::Equal) => return Err(RecordError::DuplicatePart),
            Some(std::cmp::Ordering::Greater) => return Err(RecordError::UnsortedParts),
            Some(std::cmp::Ordering::Less) | None => parts.push(PartEntry { digest, size }),
        }
    }
    reader.leave();
    Ok(parts)
}
