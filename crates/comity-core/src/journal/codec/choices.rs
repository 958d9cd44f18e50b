//! Choices whose contents differ in more than one item.

use super::super::{PartnerChange, Source};
use super::Item;
use crate::cbor::{Fault, Problem, Reader, Writer};

impl Item for Source {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Own => drop(writer.array(1).uint(0)),
            Self::Partner(delivered) => delivered.write(writer.array(2).uint(1)),
            Self::Returned { by } => by.write(writer.array(2).uint(2)),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let length = reader.array(2)?;
        let source = match (reader.uint()?, length) {
            (0, 1) => Self::Own,
            (1, 2) => Self::Partner(Item::read(reader)?),
            (2, 2) => Self::Returned { by: Item::read(reader)? },
            _ => return Err(reader.fault(Problem::OutOfRange)),
        };
        reader.leave();
        Ok(source)
    }
}

impl Item for PartnerChange {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Paired { name, keyring, addresses, epoch, ceremony } => {
                name.write(writer.array(6).uint(0));
                keyring.write(writer);
                addresses.write(writer);
                epoch.write(writer);
                ceremony.write(writer);
            }
            Self::Level(level) => level.write(writer.array(2).uint(1)),
            Self::Suspended => drop(writer.array(1).uint(2)),
            Self::Resumed => drop(writer.array(1).uint(3)),
            Self::Removed => drop(writer.array(1).uint(4)),
            Self::Addresses(addresses) => addresses.write(writer.array(2).uint(5)),
            Self::Introduced { name, keyring, by } => {
                name.write(writer.array(4).uint(6));
                keyring.write(writer);
                by.write(writer);
            }
            Self::Intake { kinds, rule } => {
                kinds.write(writer.array(3).uint(7));
                rule.write(writer);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let length = reader.array(6)?;
        let change = match (reader.uint()?, length) {
            (0, 6) => Self::Paired {
                name: Item::read(reader)?,
                keyring: Item::read(reader)?,
                addresses: Item::read(reader)?,
                epoch: Item::read(reader)?,
                ceremony: Box::new(Item::read(reader)?),
            },
            (1, 2) => Self::Level(Item::read(reader)?),
            (2, 1) => Self::Suspended,
            (3, 1) => Self::Resumed,
            (4, 1) => Self::Removed,
            (5, 2) => Self::Addresses(Item::read(reader)?),
            (6, 4) => Self::Introduced {
                name: Item::read(reader)?,
                keyring: Item::read(reader)?,
                by: Item::read(reader)?,
            },
            (7, 3) => Self::Intake { kinds: Item::read(reader)?, rule: Item::read(reader)? },
            _ => return Err(reader.fault(Problem::OutOfRange)),
        };
        reader.leave();
        Ok(change)
    }
}
