//! Entry bodies as deterministic CBOR: every struct is an array of its fields, every choice an array
//! that begins with its number. Closed: a field more or less is another version of the format.

mod choices;
mod items;
#[cfg(test)]
mod tests;

use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::ceremony::Ceremony;
use crate::exit::Readers;
use crate::identity::PartDigest;
use crate::staff::Alone;

use super::{
    ApprovalCause, Arrival, ArrivalOutcome, Assessed, AssessedSubject, AuthorLimit, AwaitsApproval,
    BackedUp, ContentRead, Delivered, DeliveryDecided, DraftMade, DraftPart, EmergencyOpened,
    Erasure, ErasureCause, Exported, Founded, Guarded, Invited, JournalEntry, JournalFault, Judged,
    LegalHold, PartHeld, PartnerChanged, PartsArrived, RecordEntered, Ruled, Shown, StaffChange,
    StaffChanged, StaffJoined, StaffWithin, Standing, StandingChanged, ToldOutside, Withheld,
};

/// What was `Partner` before pairings were kept with both confirmations. A form that changes gets a new
/// kind, and the number of the old one is not used again.
const OUTDATED: u8 = 5;

/// What an entry about a file that left has: the record, its parts, readers, obligations, by whom, when.
const EXPORTED: usize = 6;

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

/// The same, of what a file has: each part once, ascending.
impl Item for Exported {
    fn write(&self, writer: &mut Writer) {
        let Self { record, parts, readers, obligations, by, at } = self;
        writer.array(EXPORTED);
        record.write(writer);
        parts.write(writer);
        readers.write(writer);
        obligations.write(writer);
        by.write(writer);
        at.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        expect_length(reader, EXPORTED)?;
        let record = Item::read(reader)?;
        let parts: Vec<PartDigest> = Item::read(reader)?;
        if parts.is_empty() {
            return Err(reader.fault(Problem::OutOfRange));
        }
        if !parts.is_sorted_by(|one, next| one < next) {
            return Err(reader.fault(Problem::UnsortedKeys));
        }
        let (readers, obligations) = (Item::read(reader)?, Item::read(reader)?);
        let (by, at) = (Item::read(reader)?, Item::read(reader)?);
        reader.leave();
        Ok(Self { record, parts, readers, obligations, by, at })
    }
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
                    OUTDATED => return Err(JournalFault::Outdated(OUTDATED)),
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
    19 = Judged(judged),
    20 = Partner(changed),
    21 = Invited(invited),
    22 = InvitationEnded { ticket, at },
    23 = TailCut { bytes, at },
    24 = HeadAgreed { by, at },
    28 = HeldBack { record, until, at },
    29 = Unsent { record, at },
    32 = AwaitsApproval(awaits),
    33 = ToldOutside(told),
    34 = ToldWrongly { record, word, reason, at },
    35 = Emergency(opened),
    25 = Ruled(ruled),
    26 = Assessed(assessed),
    27 = Headed { signed, from, at },
    30 = Staff(changed),
    31 = Read(read),
    36 = Erased(erasure),
    37 = OnHold(hold),
    38 = HoldLifted(hold),
    39 = BackedUp(copy),
    40 = Guarded(guarded),
    41 = Exported(exported),
}

fields!(ToldOutside { record, whom, means, parts, told, teller, note, at });
fields!(Founded { economy, code, keyring, at });
fields!(RecordEntered { signed, parts, source, standing, reference, title, at });
fields!(PartsArrived { record, parts, source, at });
fields!(Ceremony { transcript, inviter, our_key, ours, their_key, theirs });
fields!(PartHeld { digest, size, header });
fields!(Delivered { from, entry });
fields!(StandingChanged { record, standing, at });
fields!(Ruled { record, standing, by, reason, at });
fields!(Judged { records, standing, at });
fields!(PartnerChanged { economy, change, at });
fields!(DeliveryDecided { to, entry, policy, covering, withheld, returned, at });
fields!(Withheld { part, gate, clause });
fields!(Invited { ticket, name, addresses, salt, expires, at });
fields!(Arrival { from, number, digest, entry, outcome, at });
fields!(DraftMade { number, title, kind, format, provenance, marking, parts, at });
fields!(DraftPart { content, size, header });
fields!(StaffChanged { name, change, by, at });
fields!(StaffJoined { key, roles });
fields!(StaffWithin { key, roles, alone });
fields!(Alone { up_to, kinds, categories, recipients });
fields!(ContentRead { of, by, at });
fields!(Guarded { record, part, passes, by, reason, at });
fields!(Erasure { record, parts, beside, cause, reason, by, at });
fields!(LegalHold { record, reason, by, at });
fields!(BackedUp { folder, upto, at });
fields!(AwaitsApproval { record, causes, at });
fields!(EmergencyOpened { word, record, to, by, confirm_by, until, at });
fields!(Assessed { subject, reliability, credibility, reason, by, at });

choices!(Standing {
    0 = Accepted, 1 = Pending(wait), 2 = Quarantined(doubt), 3 = InReview(of), 4 = Dropped
});
choices!(ArrivalOutcome {
    0 = Void, 1 = Known(record), 2 = Withdrawn(record), 3 = Rejected(code), 4 = Unkept(origin),
    5 = Declined(kind)
});
choices!(ApprovalCause {
    0 = Label(label), 1 = Category(category), 2 = Class(class), 3 = Recipients(many),
    4 = Restored, 5 = Beyond(limit), 6 = Tier(tier)
});
choices!(AuthorLimit {
    0 = Label(label), 1 = Kind(kind), 2 = Category(category), 3 = Recipients(many)
});
choices!(StaffChange {
    0 = Joined(joined), 1 = Left, 2 = JoinedWithin(within), 3 = Recognised(key)
});
choices!(ErasureCause { 0 = Person, 1 = Term });
choices!(Readers { 0 = Own, 1 = Constituents, 2 = Public });
choices!(AssessedSubject { 0 = Source(economy), 1 = Record(record) });
choices!(Shown { 0 = Record(record), 1 = Draft(draft) });

fn expect_length(reader: &mut Reader<'_>, length: usize) -> Result<(), Fault> {
    if reader.array(length)? == length { Ok(()) } else { Err(reader.fault(Problem::MissingField)) }
}
