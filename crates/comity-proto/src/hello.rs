//! The greeting: versions, who we are in this run, what we take, and where our ledgers stand.

use comity_core::cbor::{Fault, Problem, Reader, Writer};
use comity_core::digest::Digest;
use comity_core::identity::EpochId;
use comity_core::ledger::{Head, Ranges};

use crate::limits;
use crate::load::Load;

/// The version of the protocol.
pub const VERSION: u64 = 1;

/// The feature of a side that is told which chunks of a part are asked for.
pub(crate) const RESUME: u64 = 1;
/// The feature of a side that is told which origins the other has come to know.
pub(crate) const KNOWN: u64 = 2;
/// The feature of a side that understands agreements which take the place of others.
pub(crate) const AMENDMENTS: u64 = 3;
/// The feature of a side that takes back deliveries of which the other has erased some parts since.
pub(crate) const GAPS: u64 = 4;
/// The feature of a side that is told which keyring of an economy is the newest.
pub(crate) const HEADS: u64 = 5;

/// Where our ledgers with a partner stand, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// What we delivered.
    pub out: Outbound,
    /// What we received.
    pub inbound: Inbound,
    /// Our keyring's newest version; none before the first.
    pub keyring: Option<KeyringHead>,
    /// We were restored from a backup and have not recovered yet.
    pub recovering: bool,
}

/// Our ledger towards a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Its epoch.
    pub epoch: EpochId,
    /// Its last entry.
    pub head: Head,
}

/// The partner's ledger towards us, as far as we hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// Its epoch; none before the partner's first greeting.
    pub epoch: Option<EpochId>,
    /// The head of what arrived without a gap.
    pub head: Head,
    /// What arrived after a gap.
    pub ranges: Ranges,
}

/// The newest version of a keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyringHead {
    /// The version.
    pub version: u64,
    /// Its digest.
    pub digest: Digest,
}

/// What a partner says of itself when a connection opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Versions of the protocol that it speaks, ascending.
    pub versions: Vec<u64>,
    /// Optional features that it has, ascending.
    pub features: Vec<u64>,
    /// Drawn at random when its process started.
    pub boot: [u8; 16],
    /// What may be on its way to it, unanswered.
    pub in_flight: Load,
    /// Where its ledgers stand.
    pub heads: Heads,
}

/// Why a HELLO was not understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HelloError {
    /// No version in common. Nothing else of it was looked at.
    Version(Vec<u64>),
    /// Malformed.
    Malformed(Fault),
}

impl From<Fault> for HelloError {
    fn from(fault: Fault) -> Self {
        Self::Malformed(fault)
    }
}

impl Inbound {
    /// Every number that is held.
    #[must_use]
    pub fn held(&self) -> Ranges {
        let mut held = self.ranges.clone();
        if self.head.number > 0 {
            held.insert_range(1..=self.head.number);
        }
        held
    }

    fn write(&self, writer: &mut Writer) {
        let ranges: Ranges = self
            .ranges
            .above(self.head.number)
            .as_slice()
            .iter()
            .take(limits::RANGES)
            .copied()
            .collect();
        writer.array(3).bytes(self.epoch.as_ref().map_or(&[], |epoch| epoch.as_bytes()));
        self.head.write(writer);
        ranges.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        expect_array(reader, 3)?;
        let epoch = match reader.bytes(16)? {
            [] => None,
            bytes => Some(EpochId(
                bytes.try_into().map_err(|_length| reader.fault(Problem::OutOfRange))?,
            )),
        };
        let head = Head::read(reader)?;
        let ranges = Ranges::read(reader, limits::RANGES)?;
        reader.leave();
        let beyond = |(start, _): &(u64, u64)| *start > head.number;
        if !ranges.as_slice().iter().all(beyond) || (epoch.is_none() && head != Head::START) {
            return Err(reader.fault(Problem::OutOfRange));
        }
        Ok(Self { epoch, head, ranges })
    }
}

impl Hello {
    pub(crate) fn new(boot: [u8; 16], in_flight: Load, heads: Heads) -> Self {
        Self {
            versions: vec![VERSION],
            features: vec![RESUME, KNOWN, AMENDMENTS, GAPS, HEADS],
            boot,
            in_flight,
            heads,
        }
    }

    /// Whether it understands which chunks of a part it is asked for.
    pub(crate) fn resumes(&self) -> bool {
        self.features.contains(&RESUME)
    }

    /// Whether it understands agreements that take the place of others. Whoever does not refuses them for
    /// good.
    #[must_use]
    pub fn takes_amendments(&self) -> bool {
        self.features.contains(&AMENDMENTS)
    }

    /// Whether it takes back deliveries of which some parts were erased. To others only their digest is given.
    #[must_use]
    pub fn takes_gaps(&self) -> bool {
        self.features.contains(&GAPS)
    }

    /// Whether it is to be told which origins the other side has come to know. One that was restored may not
    /// have the numbers of which that speaks, and considers everything anew.
    pub(crate) fn hears_of_origins(&self) -> bool {
        self.features.contains(&KNOWN) && !self.heads.recovering
    }

    /// Whether it is told which keyring of an economy is the newest.
    pub(crate) fn hears_heads(&self) -> bool {
        self.features.contains(&HEADS)
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        let heads = &self.heads;
        writer.map(7 + usize::from(heads.keyring.is_some()));
        writer.key(0).array(self.versions.len());
        for version in &self.versions {
            writer.uint(*version);
        }
        writer.key(1).array(self.features.len());
        for feature in &self.features {
            writer.uint(*feature);
        }
        writer.key(2).bytes(&self.boot);
        writer.key(3).array(3);
        for bound in [self.in_flight.deliveries, self.in_flight.bytes, self.in_flight.large] {
            writer.uint(bound as u64);
        }
        writer.key(4).array(2).bytes(heads.out.epoch.as_bytes());
        heads.out.head.write(writer);
        writer.key(5);
        heads.inbound.write(writer);
        writer.key(6).bool(heads.recovering);
        if let Some(keyring) = &heads.keyring {
            writer.key(7).array(2).uint(keyring.version).bytes(keyring.digest.as_bytes());
        }
    }

    /// Reads a HELLO. Versions come first, and where none is common nothing else is looked at;
    /// unknown keys are passed over, so that a later version can greet us.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, HelloError> {
        let mut map = reader.map(limits::HELLO_KEYS)?;
        if map.next_key(reader)? != Some(0) {
            return Err(reader.fault(Problem::MissingField).into());
        }
        let versions = reader.list(limits::VERSIONS, Reader::uint)?;
        if !versions.contains(&VERSION) {
            return Err(HelloError::Version(versions));
        }
        let (mut features, mut boot, mut in_flight) = (None, None, None);
        let (mut out, mut inbound, mut recovering, mut keyring) = (None, None, None, None);
        while let Some(key) = map.next_key(reader)? {
            match key {
                1 => features = Some(reader.list(limits::FEATURES, Reader::uint)?),
                2 => boot = Some(reader.array_of()?),
                3 => in_flight = Some(read_load(reader)?),
                4 => out = Some(read_outbound(reader)?),
                5 => inbound = Some(Inbound::read(reader)?),
                6 => recovering = Some(reader.bool()?),
                7 => keyring = Some(read_keyring(reader)?),
                _later => {
                    reader.skip()?;
                }
            }
        }
        let missing = reader.fault(Problem::MissingField);
        let (Some(features), Some(boot), Some(in_flight)) = (features, boot, in_flight) else {
            return Err(missing.into());
        };
        let (Some(out), Some(inbound), Some(recovering)) = (out, inbound, recovering) else {
            return Err(missing.into());
        };
        Ok(Self {
            versions,
            features,
            boot,
            in_flight,
            heads: Heads { out, inbound, keyring, recovering },
        })
    }
}

pub(crate) fn expect_array(reader: &mut Reader<'_>, length: usize) -> Result<(), Fault> {
    match reader.array(length)? {
        read if read == length => Ok(()),
        _shorter => Err(reader.fault(Problem::MissingField)),
    }
}

fn read_load(reader: &mut Reader<'_>) -> Result<Load, Fault> {
    expect_array(reader, 3)?;
    let mut bound = || reader.uint().map(|bound| usize::try_from(bound).unwrap_or(usize::MAX));
    let load = Load { deliveries: bound()?, bytes: bound()?, large: bound()? };
    reader.leave();
    Ok(load)
}

fn read_outbound(reader: &mut Reader<'_>) -> Result<Outbound, Fault> {
    expect_array(reader, 2)?;
    let out = Outbound { epoch: EpochId(reader.array_of()?), head: Head::read(reader)? };
    reader.leave();
    Ok(out)
}

fn read_keyring(reader: &mut Reader<'_>) -> Result<KeyringHead, Fault> {
    expect_array(reader, 2)?;
    let head = KeyringHead { version: reader.uint()?, digest: Digest(reader.array_of()?) };
    reader.leave();
    Ok(head)
}
