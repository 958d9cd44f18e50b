//! Grants: what the root lets a key do; and their end.

use std::collections::BTreeSet;
use std::fmt;

use super::countersigned::tuple;
use super::{Countersigned, KeyringError, RootKeys};
use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::digest::domains;
use crate::identity::{EconomyId, KeyId};
use crate::limits;
use crate::marking::Tlp;
use crate::sign::{PublicKey, SecretKey};
use crate::time::Timestamp;
use crate::vocabulary::Kind;

/// Bytes of a grant's payload at most.
const GRANT_BYTES: usize = 4096;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// TLS on the links, and receipts.
    Link,
    /// Signs records.
    Author,
    /// Says the second yes.
    Approver,
    /// Signs the daily dated head.
    Head,
    /// Breaks the glass: signs that a record goes to a partner in an emergency, and nothing else.
    Emergency,
    /// A role of a later version: grants nothing here.
    Unknown(u64),
}

impl Role {
    /// The number in the format.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Link => 0,
            Self::Author => 1,
            Self::Approver => 2,
            Self::Head => 3,
            Self::Emergency => 4,
            Self::Unknown(code) => code,
        }
    }

    /// The role with this number.
    #[must_use]
    pub const fn from_code(code: u64) -> Self {
        match code {
            0 => Self::Link,
            1 => Self::Author,
            2 => Self::Approver,
            3 => Self::Head,
            4 => Self::Emergency,
            code => Self::Unknown(code),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("link"),
            Self::Author => f.write_str("author"),
            Self::Approver => f.write_str("approver"),
            Self::Head => f.write_str("head"),
            Self::Emergency => f.write_str("emergency"),
            Self::Unknown(code) => write!(f, "unknown-{code}"),
        }
    }
}

/// What a key may do, for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The economy that grants.
    pub economy: EconomyId,
    /// The key.
    pub key: KeyId,
    /// What it is for.
    pub role: Role,
    /// The kinds of record that it may sign. Empty for a link key.
    pub kinds: BTreeSet<Kind>,
    /// The strictest marking that it may sign.
    pub ceiling: Tlp,
    /// From this instant.
    pub from: Timestamp,
    /// Up to this instant, which is no longer granted.
    pub until: Timestamp,
    /// Who holds the key: display only.
    pub holder: String,
    /// Whether a field was met that this version does not know. It may be a limit, so such a grant
    /// grants nothing.
    pub unknown: bool,
}

impl Grant {
    /// A grant to a link key.
    #[must_use]
    pub fn link(economy: EconomyId, key: PublicKey, from: Timestamp, until: Timestamp) -> Self {
        Self {
            economy,
            key: key.id(),
            role: Role::Link,
            kinds: BTreeSet::new(),
            ceiling: Tlp::Clear,
            from,
            until,
            holder: String::new(),
            unknown: false,
        }
    }

    /// A grant to sign records of `kinds` up to `ceiling`.
    #[must_use]
    pub fn author(
        economy: EconomyId,
        key: PublicKey,
        kinds: impl IntoIterator<Item = Kind>,
        ceiling: Tlp,
        from: Timestamp,
        until: Timestamp,
    ) -> Self {
        let kinds = kinds.into_iter().collect();
        let link = Self::link(economy, key, from, until);
        Self { role: Role::Author, kinds, ceiling, ..link }
    }

    /// A grant to break the glass.
    #[must_use]
    pub fn emergency(
        economy: EconomyId,
        key: PublicKey,
        from: Timestamp,
        until: Timestamp,
    ) -> Self {
        let kinds = [Kind::Approval].into_iter().collect();
        let link = Self::link(economy, key, from, until);
        Self { role: Role::Emergency, kinds, ceiling: Tlp::Red, ..link }
    }

    /// Whether records of this kind may be signed under it at `at`. What a key is for bounds what its grant
    /// may list: an emergency key signs neither content nor agreements, whatever the root wrote.
    #[must_use]
    pub fn signs(&self, kind: Kind, at: Timestamp) -> bool {
        match self.role {
            Role::Author => self.covers(Role::Author, at),
            Role::Emergency => kind == Kind::Approval && self.covers(Role::Emergency, at),
            Role::Link | Role::Approver | Role::Head | Role::Unknown(_) => false,
        }
    }

    /// The same with a name for people to see.
    #[must_use]
    pub fn held_by(self, holder: &str) -> Self {
        Self { holder: holder.to_owned(), ..self }
    }

    /// Whether the grant is for `role` and in force at `at`. Revocations stand apart.
    #[must_use]
    pub fn covers(&self, role: Role, at: Timestamp) -> bool {
        !self.unknown && self.role == role && self.from <= at && at < self.until
    }

    /// Deterministic CBOR: a map of 0 economy, 1 key, 2 role, 3 kinds (absent when empty), 4 ceiling,
    /// 5 from, 6 until, 7 holder (absent when empty).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let optional = usize::from(!self.kinds.is_empty()) + usize::from(!self.holder.is_empty());
        let mut writer = Writer::new();
        writer.map(6 + optional);
        writer.key(0).bytes(self.economy.as_bytes());
        writer.key(1).bytes(self.key.as_bytes());
        writer.key(2).uint(self.role.code());
        if !self.kinds.is_empty() {
            let codes: BTreeSet<u64> = self.kinds.iter().map(|kind| kind.code()).collect();
            writer.key(3).array(codes.len());
            for code in codes {
                writer.uint(code);
            }
        }
        writer.key(4).uint(self.ceiling.code());
        writer.key(5).uint(self.from.as_millis());
        writer.key(6).uint(self.until.as_millis());
        if !self.holder.is_empty() {
            writer.key(7).text(&self.holder);
        }
        writer.into_bytes()
    }

    /// Reads what [`Grant::encode`] writes. Fields of a later version are passed over and noted.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyringError> {
        let mut reader = Reader::new(bytes);
        let mut fields = Fields::default();
        let mut map = reader.map(limits::LIST)?;
        while let Some(key) = map.next_key(&mut reader)? {
            fields.read(key, &mut reader)?;
        }
        let missing = reader.fault(Problem::MissingField);
        reader.finish()?;
        fields.grant(missing)
    }

    fn check(&self) -> Result<(), KeyringError> {
        PublicKey::from_id(self.key)
            .map_err(|fault| KeyringError::WeakKey { key: self.key, fault })?;
        if self.from >= self.until {
            return Err(KeyringError::EmptyGrant(self.key));
        }
        if self.holder.len() > limits::TEXT_BYTES {
            return Err(KeyringError::HolderTooLong);
        }
        Ok(())
    }
}

#[derive(Default)]
struct Fields {
    economy: Option<EconomyId>,
    key: Option<KeyId>,
    role: Option<Role>,
    kinds: BTreeSet<Kind>,
    ceiling: Option<Tlp>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    holder: String,
    unknown: bool,
}

impl Fields {
    fn read(&mut self, key: u64, reader: &mut Reader<'_>) -> Result<(), Fault> {
        match key {
            0 => self.economy = Some(EconomyId(reader.array_of()?)),
            1 => self.key = Some(KeyId(reader.array_of()?)),
            2 => self.role = Some(Role::from_code(reader.uint()?)),
            3 => self.kinds = read_kinds(reader)?,
            4 => {
                let ceiling = Tlp::from_code(reader.uint()?);
                self.unknown |= ceiling.is_none();
                self.ceiling = Some(ceiling.unwrap_or(Tlp::Clear));
            }
            5 => self.from = Some(timestamp(reader)?),
            6 => self.until = Some(timestamp(reader)?),
            7 => self.holder = filled_text(reader)?,
            _later => {
                reader.skip()?;
                self.unknown = true;
            }
        }
        Ok(())
    }

    fn grant(self, missing: Fault) -> Result<Grant, KeyringError> {
        let (Some(economy), Some(key), Some(role), Some(ceiling), Some(from), Some(until)) =
            (self.economy, self.key, self.role, self.ceiling, self.from, self.until)
        else {
            return Err(missing.into());
        };
        let (kinds, holder, unknown) = (self.kinds, self.holder, self.unknown);
        let grant = Grant { economy, key, role, kinds, ceiling, from, until, holder, unknown };
        grant.check()?;
        Ok(grant)
    }
}

/// Kinds as ascending codes; an empty list has no field.
fn read_kinds(reader: &mut Reader<'_>) -> Result<BTreeSet<Kind>, Fault> {
    let unsorted = reader.fault(Problem::UnsortedKeys);
    let codes = reader.list(limits::LIST, Reader::uint)?;
    if codes.is_empty() {
        return Err(Fault { problem: Problem::OutOfRange, ..unsorted });
    }
    if codes.windows(2).any(|pair| matches!(pair, [one, next] if one >= next)) {
        return Err(unsorted);
    }
    Ok(codes.into_iter().map(Kind::from_code).collect())
}

/// A text whose field is absent when it is empty.
fn filled_text(reader: &mut Reader<'_>) -> Result<String, Fault> {
    let empty = reader.fault(Problem::OutOfRange);
    let text = reader.text(limits::TEXT_BYTES)?;
    if text.is_empty() { Err(empty) } else { Ok(text.to_owned()) }
}

/// An instant within [`Timestamp::MAX`].
pub(crate) fn timestamp(reader: &mut Reader<'_>) -> Result<Timestamp, Fault> {
    let late = reader.fault(Problem::OutOfRange);
    let millis = reader.uint()?;
    let instant = Timestamp::from_millis(millis);
    if instant.as_millis() == millis { Ok(instant) } else { Err(late) }
}

/// A grant as the root signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedGrant {
    grant: Grant,
    signed: Countersigned,
}

impl SignedGrant {
    /// Signs `grant` with root keys.
    pub fn sign(grant: Grant, keys: &[&SecretKey]) -> Result<Self, KeyringError> {
        grant.check()?;
        let signed = Countersigned::sign(domains::SIGN_GRANT, grant.encode(), keys);
        Ok(Self { grant, signed })
    }

    /// What it says; believed only after [`SignedGrant::verify`].
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Checks that `root` granted it, as the root of the grant's economy.
    pub fn verify(&self, economy: EconomyId, root: &RootKeys) -> Result<&Grant, KeyringError> {
        if self.grant.economy != economy {
            return Err(KeyringError::OtherEconomy {
                expected: economy,
                found: self.grant.economy,
            });
        }
        self.signed.verify(domains::SIGN_GRANT, root)?;
        Ok(&self.grant)
    }

    /// Writes it as a [`Countersigned`].
    pub fn write(&self, writer: &mut Writer) {
        self.signed.write(writer);
    }

    /// Reads one from `reader`.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, KeyringError> {
        let signed = Countersigned::read(reader, GRANT_BYTES)?;
        Ok(Self { grant: Grant::decode(&signed.payload)?, signed })
    }
}

/// The end of a key before its grants end. It is never taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The key.
    pub key: KeyId,
    /// From this instant it is granted nothing.
    pub at: Timestamp,
    /// Whether somebody else may have signed with it since.
    pub compromised: bool,
}

impl Revocation {
    /// Both said of one key: the earlier instant, and compromised if either says so.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self {
            key: self.key,
            at: self.at.min(other.at),
            compromised: self.compromised || other.compromised,
        }
    }

    /// Writes `[key, at, compromised]`.
    pub fn write(&self, writer: &mut Writer) {
        writer.array(3).bytes(self.key.as_bytes());
        writer.uint(self.at.as_millis()).bool(self.compromised);
    }

    /// Reads what [`Revocation::write`] writes.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        tuple(reader, 3)?;
        let read = Self {
            key: KeyId(reader.array_of()?),
            at: timestamp(reader)?,
            compromised: reader.bool()?,
        };
        reader.leave();
        Ok(read)
    }
}
