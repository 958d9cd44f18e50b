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
    if reader.array(length)? == length { Ok(()) } else { Err(reader.fault(Problem::MissingField)) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tlp;
    use crate::ledger::Head;

    fn examples() -> Vec<JournalEntry> {
        let (economy, record) = (EconomyId([1; 32]), RecordId([2; 32]));
        let (at, digest) = (Timestamp::from_secs(9), Digest([3; 32]));
        let part = PartHeld { digest: PartDigest([4; 32]), size: 5, header: vec![0xa0] };
        let entry = LedgerEntry {
            epoch: EpochId([6; 16]),
            number: 7,
            record,
            parts: vec![part.digest],
            obligations: crate::ledger::Obligations::default(),
        };
        let opening = Opening {
            epoch: EpochId([8; 16]),
            previous: EpochId([6; 16]),
            known: Head::START,
            first: 3,
        };
        let source = Source::Partner(Delivered { from: economy, entry: entry.clone() });
        let partner = |change| JournalEntry::Partner(PartnerChanged { economy, change, at });
        let arrival = |outcome| {
            let entry = Some(entry.clone());
            JournalEntry::Arrival(Arrival { from: economy, number: 7, digest, entry, outcome, at })
        };
        let standing = |standing| JournalEntry::Standing(StandingChanged { record, standing, at });
        vec![
            JournalEntry::Founded(Founded { economy, code: "KR".into(), keyring: vec![1], at }),
            JournalEntry::Record(RecordEntered {
                signed: vec![1, 2],
                parts: vec![part.clone()],
                source: source.clone(),
                standing: Standing::Accepted,
                reference: "KR-26-0001".into(),
                title: "flaw".into(),
                at,
            }),
            JournalEntry::Parts(PartsArrived { record, parts: vec![part], source, at }),
            JournalEntry::Parts(PartsArrived { record, parts: vec![], source: Source::Own, at }),
            JournalEntry::Parts(PartsArrived {
                record,
                parts: vec![],
                source: Source::Returned { by: economy },
                at,
            }),
            standing(Standing::Pending("why".into())),
            standing(Standing::Quarantined("why".into())),
            partner(PartnerChange::Paired {
                name: "JP".into(),
                keyring: vec![1],
                addresses: vec!["[::1]:4747".into()],
                epoch: EpochId([6; 16]),
            }),
            partner(PartnerChange::Level(4)),
            partner(PartnerChange::Suspended),
            partner(PartnerChange::Resumed),
            partner(PartnerChange::Removed),
            partner(PartnerChange::Addresses(vec![])),
            partner(PartnerChange::Introduced { name: "JP".into(), keyring: vec![1], by: economy }),
            partner(PartnerChange::ClassicalKeyExchange(true)),
            JournalEntry::Delivery(DeliveryDecided {
                to: economy,
                entry: entry.clone(),
                policy: 1,
                covering: Some(record),
                withheld: vec![Withheld {
                    part: PartDigest([9; 32]),
                    gate: "tlp".into(),
                    clause: "art. 1".into(),
                }],
                returned: false,
                at,
            }),
            JournalEntry::Voided { to: economy, number: 7, digest, handed: true, at },
            arrival(ArrivalOutcome::Void),
            arrival(ArrivalOutcome::Known(record)),
            arrival(ArrivalOutcome::Withdrawn(record)),
            arrival(ArrivalOutcome::Rejected(3)),
            JournalEntry::Receipt { from: economy, signed: vec![1], at },
            JournalEntry::Refused { by: economy, number: 7, reason: 2, at },
            JournalEntry::Epoch { to: economy, opening, at },
            JournalEntry::PartnerEpoch { from: economy, opening, at },
            JournalEntry::Restored { at },
            JournalEntry::PolicyConfirmed { at },
            JournalEntry::Returned { by: economy, at },
            JournalEntry::Recovered { at },
            JournalEntry::Draft(DraftMade {
                number: 1,
                title: "flaw".into(),
                kind: 0,
                format: "csaf".into(),
                provenance: "x".into(),
                marking: Some(Marking::new(Tlp::Green)),
                parts: vec![DraftPart {
                    content: PartDigest([4; 32]),
                    size: 1,
                    header: vec![0xa0],
                }],
                at,
            }),
            JournalEntry::DraftGone { draft: 1, record: None, at },
        ]
    }

    #[test]
    fn every_entry_is_read_as_written() {
        for entry in examples() {
            assert_eq!(JournalEntry::decode(entry.kind(), &entry.encode()), Ok(entry));
        }
    }

    #[test]
    fn a_byte_more_or_less_is_refused() {
        for entry in examples() {
            let (kind, body) = (entry.kind(), entry.encode());
            for end in 0..body.len() {
                assert!(JournalEntry::decode(kind, &body[..end]).is_err(), "{entry:?}");
            }
            assert!(JournalEntry::decode(kind, &[&body[..], &[0]].concat()).is_err());
        }
        assert_eq!(JournalEntry::decode(99, &[]), Err(JournalFault::UnknownKind(99)));
    }
}
