//! Entry bodies as deterministic CBOR: every struct is an array of its fields, every choice an array
//! that begins with its number. Closed: a field more or less is another version of the format.

use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::identity::{EconomyId, EpochId, PartDigest, RecordId};
use crate::ledger::{LedgerEntry, Opening};
use crate::time::Timestamp;
use crate::{Digest, Marking};

use super::{
    Arrival, ArrivalOutcome, Delivered, DeliveryDecided, DraftMade, DraftPart, Founded,
    JournalEntry, JournalFault, PartHeld, PartnerChange, PartnerChanged, PartsArrived,
    RecordEntered, Source, Standing, StandingChanged, Withheld,
};

/// The most items in a list of the journal, and the most bytes of a string in it: our own writing,
/// so the bound is against damage only.
const MOST: usize = 1 << 20;

trait Item: Sized {
    fn write(&self, writer: &mut Writer);
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault>;
}

/// A struct is the array of its fields, in this order.
macro_rules! fields {
    ($name:ident { $($field:ident),+ }) => {
        impl Item for $name {
            fn write(&self, writer: &mut Writer) {
                writer.array([$(stringify!($field)),+].len());
                $(self.$field.write(writer);)+
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
                expect_length(reader, [$(stringify!($field)),+].len())?;
                let item = Self { $($field: Item::read(reader)?),+ };
                reader.leave();
                Ok(item)
            }
        }
    };
}

/// A choice is the array of its number and its content, if it has any.
macro_rules! choices {
    ($name:ident { $($code:literal = $variant:ident $(($content:ident))?),+ }) => {
        impl Item for $name {
            fn write(&self, writer: &mut Writer) {
                match self {
                    $(Self::$variant $(($content))? => {
                        writer.array(1 $(+ choices!(@one $content))?).uint($code);
                        $($content.write(writer);)?
                    })+
                }
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
                let length = reader.array(2)?;
                let code = reader.uint()?;
                let item = match (code, length) {
                    $(($code, length) if length == 1 $(+ choices!(@one $content))? => {
                        Self::$variant $((choices!(@read $content reader)))?
                    })+
                    _ => return Err(reader.fault(Problem::OutOfRange)),
                };
                reader.leave();
                Ok(item)
            }
        }
    };
    (@one $content:ident) => { 1 };
    (@read $content:ident $reader:ident) => { Item::read($reader)? };
}

macro_rules! entries {
    ($($code:literal = $variant:ident $(($content:ident))? $({ $($field:ident),+ })?),+ $(,)?) => {
        impl JournalEntry {
            /// The entry's kind in the frame.
            #[must_use]
            pub fn kind(&self) -> u8 {
                match self {
                    $(Self::$variant $(($content))? $({ $($field: _),+ })? => {
                        $(let _ = $content;)?
                        $code
                    })+
                }
            }

            /// The entry's body.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                let mut writer = Writer::new();
                match self {
                    $(Self::$variant $(($content))? $({ $($field),+ })? => {
                        $($content.write(&mut writer);)?
                        $(
                            writer.array([$(stringify!($field)),+].len());
                            $($field.write(&mut writer);)+
                        )?
                    })+
                }
                writer.into_bytes()
            }

            /// Reads a body of this kind.
            pub fn decode(kind: u8, body: &[u8]) -> Result<Self, JournalFault> {
                let mut reader = Reader::new(body);
                let entry = match kind {
                    $($code => entries!(@decode reader $variant $(($content))? $({ $($field),+ })?),)+
                    unknown => return Err(JournalFault::UnknownKind(unknown)),
                };
                reader.finish()?;
                Ok(entry)
            }
        }
    };
    (@decode $reader:ident $variant:ident ($content:ident)) => {
        JournalEntry::$variant(Item::read(&mut $reader)?)
    };
    (@decode $reader:ident $variant:ident { $($field:ident),+ }) => {{
        expect_length(&mut $reader, [$(stringify!($field)),+].len())?;
        let entry = JournalEntry::$variant { $($field: Item::read(&mut $reader)?),+ };
        $reader.leave();
        entry
    }};
}

entries! {
    1 = Founded(founded),
    2 = Record(entered),
    3 = Parts(arrived),
    4 = Standing(changed),
    5 = Partner(changed),
    6 = Delivery(decided),
    7 = Voided { to, number, digest, handed, at },
    8 = Arrival(arrival),
    9 = Receipt { from, signed, at },
    10 = Refused { by, number, reason, at },
    11 = Epoch { to, opening, at },
    12 = Restored { at },
    13 = PolicyConfirmed { at },
    14 = Returned { by, at },
    15 = Recovered { at },
    16 = Draft(draft),
    17 = DraftGone { draft, record, at },
    18 = PartnerEpoch { from, opening, at },
}

fields!(Founded { economy, code, keyring, at });
fields!(RecordEntered { signed, parts, source, standing, reference, title, at });
fields!(PartsArrived { record, parts, source, at });
fields!(PartHeld { digest, size, header });
fields!(Delivered { from, entry });
fields!(StandingChanged { record, standing, at });
fields!(PartnerChanged { economy, change, at });
fields!(DeliveryDecided { to, entry, policy, covering, withheld, returned, at });
fields!(Withheld { part, gate, clause });
fields!(Arrival { from, number, digest, entry, outcome, at });
fields!(DraftMade { number, title, kind, format, provenance, marking, parts, at });
fields!(DraftPart { content, size, header });

choices!(Standing { 0 = Accepted, 1 = Pending(wait), 2 = Quarantined(doubt) });
choices!(ArrivalOutcome { 0 = Void, 1 = Known(record), 2 = Withdrawn(record), 3 = Rejected(code) });

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
            Self::Paired { name, keyring, addresses, epoch } => {
                name.write(writer.array(5).uint(0));
                keyring.write(writer);
                addresses.write(writer);
                epoch.write(writer);
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
            Self::ClassicalKeyExchange(allowed) => {
                writer.array(2).uint(7).bool(*allowed);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let length = reader.array(5)?;
        let change = match (reader.uint()?, length) {
            (0, 5) => Self::Paired {
                name: Item::read(reader)?,
                keyring: Item::read(reader)?,
                addresses: Item::read(reader)?,
                epoch: Item::read(reader)?,
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
            (7, 2) => Self::ClassicalKeyExchange(reader.bool()?),
            _ => return Err(reader.fault(Problem::OutOfRange)),
        };
        reader.leave();
        Ok(change)
    }
}

fn expect_length(reader: &mut Reader<'_>, length: usize) -> Result<(), Fault> {
    if reader.array(length)? == length {
        Ok(())
    } else {
        Err(reader.fault(Problem::MissingField))
    }
}

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

ids!(EconomyId, RecordId, PartDigest, EpochId, Digest);

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

lists!(PartHeld, Withheld, DraftPart, String);

macro_rules! options {
    ($($name:ident),+) => {$(
        impl Item for Option<$name> {
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
    )+};
}

options!(RecordId, Marking, LedgerEntry);

impl Item for LedgerEntry {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.encode());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        LedgerEntry::read(reader)
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
