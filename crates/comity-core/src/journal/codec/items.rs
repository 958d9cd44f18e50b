//! Single items, lists of them, and items that may be absent.

use std::collections::BTreeSet;

use super::super::{ApprovalCause, DraftPart, PartHeld, Withheld};
use super::Item;
use crate::agreement::Tier;
use crate::assessment::{Credibility, Reliability};
use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::identity::{EconomyId, EpochId, KeyId, PartDigest, RecordId};
use crate::intake::Intake;
use crate::ledger::{LedgerEntry, Obligations, Opening};
use crate::marking::Tlp;
use crate::sign::Signature;
use crate::staff::{Roles, StaffRole};
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Means};
use crate::{Digest, Marking};

/// The most items in a list of the journal, and the most bytes of a string in it: our own writing,
/// so the bound is against damage only. Whatever fits an entry is read again.
const MOST: usize = crate::limits::ENTRY_BYTES;

macro_rules! ids {
    ($($name:ident),+) => {$(
        impl Item for $name {
            fn write(&self, writer: &mut Writer) {
                writer.bytes(&self.0);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
                reader.array_of().map(Self)
            }
        }
    )+};
}

ids!(EconomyId, RecordId, PartDigest, EpochId, KeyId, Digest);

impl Item for Tier {
    fn write(&self, writer: &mut Writer) {
        writer.text(self.name());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let name = reader.text(MOST)?;
        let known = Self::ALL.into_iter().find(|tier| tier.name() == name);
        known.ok_or_else(|| reader.fault(Problem::OutOfRange))
    }
}

impl Item for Signature {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.array_of()
    }
}

impl Item for [u8; 16] {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.array_of()
    }
}

impl Item for u64 {
    fn write(&self, writer: &mut Writer) {
        writer.uint(*self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.uint()
    }
}

impl Item for bool {
    fn write(&self, writer: &mut Writer) {
        writer.bool(*self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.bool()
    }
}

impl Item for Kind {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.code());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.uint().map(Self::from_code)
    }
}

impl Item for Class {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.code());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.uint().map(Self::from_code)
    }
}

impl Item for Tlp {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.code());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::from_code(reader.uint()?).ok_or_else(|| reader.fault(Problem::OutOfRange))
    }
}

impl Item for Means {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.code());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.uint().map(Self::from_code)
    }
}

impl Item for Intake {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.code());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::from_code(reader.uint()?).ok_or_else(|| reader.fault(Problem::OutOfRange))
    }
}

impl Item for Reliability {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.code());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::from_code(reader.uint()?).ok_or_else(|| reader.fault(Problem::OutOfRange))
    }
}

impl Item for Credibility {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.code());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::from_code(reader.uint()?).ok_or_else(|| reader.fault(Problem::OutOfRange))
    }
}

impl Item for StaffRole {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.code());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::from_code(reader.uint()?).ok_or_else(|| reader.fault(Problem::OutOfRange))
    }
}

impl Item for Roles {
    fn write(&self, writer: &mut Writer) {
        self.iter().collect::<Vec<_>>().write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let roles = Vec::<StaffRole>::read(reader)?;
        Self::new(roles).map_err(|_no_such_person| reader.fault(Problem::OutOfRange))
    }
}

impl Item for Timestamp {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.as_millis());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.uint().map(Self::from_millis)
    }
}

impl Item for String {
    fn write(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.text(MOST).map(str::to_owned)
    }
}

/// Bytes are a byte string; other lists are arrays.
impl Item for Vec<u8> {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.bytes(MOST).map(<[u8]>::to_vec)
    }
}

macro_rules! lists {
    ($($name:ident),+) => {$(
        impl Item for Vec<$name> {
            fn write(&self, writer: &mut Writer) {
                writer.array(self.len());
                for item in self {
                    item.write(writer);
                }
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
                reader.list(MOST, Item::read)
            }
        }
    )+};
}

lists!(
    PartHeld,
    Withheld,
    DraftPart,
    RecordId,
    PartDigest,
    Digest,
    String,
    Kind,
    StaffRole,
    ApprovalCause
);

/// In ascending order, without repetition.
impl<T: Item + Ord> Item for BTreeSet<T> {
    fn write(&self, writer: &mut Writer) {
        writer.array(self.len());
        for item in self {
            item.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let items: Vec<T> = reader.list(MOST, Item::read)?;
        if items.is_sorted_by(|one, next| one < next) {
            return Ok(items.into_iter().collect());
        }
        Err(reader.fault(Problem::OutOfRange))
    }
}

impl<T: Item> Item for Option<T> {
    fn write(&self, writer: &mut Writer) {
        writer.array(usize::from(self.is_some()));
        if let Some(item) = self {
            item.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(reader.list(1, Item::read)?.pop())
    }
}

impl Item for LedgerEntry {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.encode());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        LedgerEntry::read(reader)
    }
}

impl Item for Obligations {
    fn write(&self, writer: &mut Writer) {
        Obligations::write(self, writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Obligations::read(reader)
    }
}

impl Item for Opening {
    fn write(&self, writer: &mut Writer) {
        Opening::write(self, writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Opening::read(reader)
    }
}

impl Item for Marking {
    fn write(&self, writer: &mut Writer) {
        Marking::write(self, writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Marking::read(reader)
    }
}
