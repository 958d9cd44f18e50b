//! The bodies of journal entries: everything that happened, in the node's own words.
//!
//! The journal is the truth; what a node knows is a fold over these entries in order. An entry's body
//! is deterministic CBOR `[kind-specific fields]`; its kind is a number of its own in the frame, so
//! that a store can carry entries that it cannot read. Part bodies lie beside the entries that name
//! them.

mod approving;
mod assessing;
mod codec;
mod common;
mod emergency;
mod erasing;
mod exporting;

use crate::cbor::Fault;
use crate::ceremony::Ceremony;
use crate::identity::{EconomyId, EpochId, KeyId, PartDigest, RecordId};
use crate::intake::Intake;
use crate::ledger::{LedgerEntry, Opening};
use crate::staff::{Alone, Roles};
use crate::time::Timestamp;
use crate::vocabulary::{Kind, Means};
use crate::{Digest, Marking};

pub use approving::{ApprovalCause, AuthorLimit, AwaitsApproval};
pub use assessing::{Assessed, AssessedSubject};
pub use emergency::EmergencyOpened;
pub use erasing::{BackedUp, Erasure, ErasureCause, LegalHold};
pub use exporting::Exported;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalEntry {
    /// The node was made, for this economy.
    Founded(Founded),
    /// A record entered.
    Record(RecordEntered),
    /// Parts of a record that is here already arrived.
    Parts(PartsArrived),
    /// A person decided what stands of a record, without giving a name.
    Standing(StandingChanged),
    /// A person decided what stands of a record, and says why.
    Ruled(Ruled),
    /// Records were judged again, because their origin's keyring went on or a time had come.
    Judged(Judged),
    /// The operator changed something about a partner, or paired.
    Partner(PartnerChanged),
    /// A delivery was decided Release and given a number.
    Delivery(DeliveryDecided),
    /// A delivery that was numbered will never be handed over.
    Voided {
        /// Whose ledger.
        to: EconomyId,
        /// The number.
        number: u64,
        /// The entry's digest, which the chain keeps.
        digest: Digest,
        /// Whether bytes of it may have left before: then it still counts as possibly received.
        handed: bool,
        /// When.
        at: Timestamp,
    },
    /// A partner's number was used up without a record entering: void, rejected, or known already.
    Arrival(Arrival),
    /// A partner's signed receipt.
    Receipt {
        /// Who signed it.
        from: EconomyId,
        /// The receipt as it came.
        signed: Vec<u8>,
        /// When.
        at: Timestamp,
    },
    /// A partner said that it will never take a delivery.
    Refused {
        /// The partner.
        by: EconomyId,
        /// The delivery's number.
        number: u64,
        /// Why: the number of a [`RejectReason`](crate::receipt::RejectReason).
        reason: u64,
        /// When.
        at: Timestamp,
    },
    /// The ledger to a partner goes on in a new epoch.
    Epoch {
        /// Whose ledger.
        to: EconomyId,
        /// The new epoch, and how it follows from the old one.
        opening: Opening,
        /// When.
        at: Timestamp,
    },
    /// A partner that was restored goes on in a new epoch.
    PartnerEpoch {
        /// The partner.
        from: EconomyId,
        /// The new epoch, and how it follows from what we hold.
        opening: Opening,
        /// When.
        at: Timestamp,
    },
    /// The store was restored from a backup: in recovery from here.
    Restored {
        /// When.
        at: Timestamp,
    },
    /// The operator confirmed local policy after a restore.
    PolicyConfirmed {
        /// When.
        at: Timestamp,
    },
    /// A partner has given back all that it held of ours.
    Returned {
        /// The partner.
        by: EconomyId,
        /// When.
        at: Timestamp,
    },
    /// Recovery is over.
    Recovered {
        /// When.
        at: Timestamp,
    },
    /// The end of the journal was cut at a start: an unfinished write, or the machine was put back. Until
    /// each partner's head has agreed nobody can tell.
    TailCut {
        /// Bytes that were cut.
        bytes: u64,
        /// When.
        at: Timestamp,
    },
    /// After such a cut, a partner's head agreed with the journal: nothing that it knows of was lost.
    HeadAgreed {
        /// The partner.
        by: EconomyId,
        /// When.
        at: Timestamp,
    },
    /// Somebody was invited to pair.
    Invited(Invited),
    /// An invitation opens the door no more: it was taken back, or wrong digits used it up. One that a
    /// pairing used up, or time, needs no word.
    InvitationEnded {
        /// Its ticket.
        ticket: [u8; 16],
        /// When.
        at: Timestamp,
    },
    /// An unsigned draft was made.
    Draft(DraftMade),
    /// A draft was published or thrown away.
    DraftGone {
        /// Which.
        draft: u64,
        /// The record that it became.
        record: Option<RecordId>,
        /// When.
        at: Timestamp,
    },
    /// A record of our own, which is entered next, goes to nobody before an instant: until then it can be
    /// unsent.
    HeldBack {
        /// The record.
        record: RecordId,
        /// From when on it may go.
        until: Timestamp,
        /// When.
        at: Timestamp,
    },
    /// A record of our own that nobody was told of is never sent.
    Unsent {
        /// The record.
        record: RecordId,
        /// When.
        at: Timestamp,
    },
    /// A person says that somebody was told of a record by other means.
    ToldOutside(ToldOutside),
    /// A person says that such a word was wrong. Both stay to be read.
    ToldWrongly {
        /// The record.
        record: RecordId,
        /// Which word about it, from 1 on.
        word: u64,
        /// Why it was wrong.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// Somebody joined the staff, or left it.
    Staff(StaffChanged),
    /// Somebody of the staff was shown content above TLP:GREEN.
    Read(ContentRead),
    /// A person let a part pass that the egress guard held, or holds it again.
    Guarded(Guarded),
    /// Bodies of a record were erased.
    Erased(Erasure),
    /// Nothing of a record is erased until this is lifted.
    OnHold(LegalHold),
    /// Such a hold was lifted.
    HoldLifted(LegalHold),
    /// The journal was copied.
    BackedUp(BackedUp),
    /// A record of ours is about to be entered that waits for a second person.
    AwaitsApproval(AwaitsApproval),
    /// The glass is about to be broken: the word that says so is entered next.
    Emergency(EmergencyOpened),
    /// Somebody said how far a source, or a record, is to be believed.
    Assessed(Assessed),
    /// An economy said which of its keyrings is the newest: our own word, or one that was verified and says more
    /// than those before it.
    Headed {
        /// Its signed head.
        signed: Vec<u8>,
        /// Who brought it: ourselves, where it is our own.
        from: EconomyId,
        /// When.
        at: Timestamp,
    },
    /// A record left as a file.
    Exported(Exported),
}

/// A person decided about a part that the egress guard held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// The record.
    pub record: RecordId,
    /// The part.
    pub part: PartDigest,
    /// The rules that may match it from now on, by digest: never what they look for. None: it is held
    /// again by whatever matches.
    pub passes: Vec<Digest>,
    /// Who decided, as that person is called here.
    pub by: String,
    /// Why, in that person's words. Kept here and sent to nobody.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Somebody was told of a record by other means than comity: what a person says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldOutside {
    /// The record.
    pub record: RecordId,
    /// Who was told, in the words of whoever says so.
    pub whom: String,
    /// How.
    pub means: Means,
    /// What of it.
    pub parts: Vec<PartDigest>,
    /// When they were told.
    pub told: Timestamp,
    /// Who told them; empty where it was not said.
    pub teller: String,
    /// Anything else.
    pub note: String,
    /// When it was entered.
    pub at: Timestamp,
}

/// The first entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founded {
    /// The economy.
    pub economy: EconomyId,
    /// What its short references begin with: `KR`.
    pub code: String,
    /// Its first keyring, signed by its root.
    pub keyring: Vec<u8>,
    /// When.
    pub at: Timestamp,
}

/// A record with the parts that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEntered {
    /// The record's signed form.
    pub signed: Vec<u8>,
    /// The parts that are here.
    pub parts: Vec<PartHeld>,
    /// Where it came from.
    pub source: Source,
    /// Whether it is believed.
    pub standing: Standing,
    /// The local short reference: `KR-26-0412`.
    pub reference: String,
    /// A title for local screens.
    pub title: String,
    /// When.
    pub at: Timestamp,
}

/// Parts that came after their record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartsArrived {
    /// The record.
    pub record: RecordId,
    /// The parts.
    pub parts: Vec<PartHeld>,
    /// Where they came from.
    pub source: Source,
    /// When.
    pub at: Timestamp,
}

/// A part that is here: its body lies beside the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHeld {
    /// The part.
    pub digest: PartDigest,
    /// Bytes of its body.
    pub size: u64,
    /// Its header, as it came.
    pub header: Vec<u8>,
}

/// Where a record or a part came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Made here.
    Own,
    /// Delivered by a partner.
    Partner(Delivered),
    /// Given back by a partner after a restore.
    Returned {
        /// The partner.
        by: EconomyId,
    },
}

impl Source {
    /// The partner who brought it, where one did.
    #[must_use]
    pub const fn brought_by(&self) -> Option<EconomyId> {
        match self {
            Self::Own => None,
            Self::Partner(delivered) => Some(delivered.from),
            Self::Returned { by } => Some(*by),
        }
    }
}

/// A partner's delivery, as its ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The partner.
    pub from: EconomyId,
    /// The line in its ledger to us: its number, and what we took on.
    pub entry: LedgerEntry,
}

/// Whether a record is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its author was entitled.
    Accepted,
    /// Not to be judged yet; the code says what is awaited.
    Pending(String),
    /// In doubt; the code says why. Never released until a person decides.
    Quarantined(String),
    /// Nothing speaks against it, but what comes from this economy is looked at by a person before it counts.
    InReview(EconomyId),
    /// A person decided that it is not to count. It is kept, and does not come back.
    Dropped,
}

impl Standing {
    /// Whether it is kept from everybody until a person decides, or because a person has decided.
    #[must_use]
    pub const fn is_aside(&self) -> bool {
        match self {
            Self::Quarantined(_) | Self::InReview(_) | Self::Dropped => true,
            Self::Accepted | Self::Pending(_) => false,
        }
    }
}

/// A person decided what stands of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingChanged {
    /// The record.
    pub record: RecordId,
    /// From now on.
    pub standing: Standing,
    /// When.
    pub at: Timestamp,
}

/// A person decided what stands of a record: who, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruled {
    /// The record.
    pub record: RecordId,
    /// From now on.
    pub standing: Standing,
    /// Who decided, as that person is called here.
    pub by: String,
    /// Why, in that person's words. Kept here and sent to nobody.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Records of which something else stands than before, by the keyring of their origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The records.
    pub records: Vec<RecordId>,
    /// From now on.
    pub standing: Standing,
    /// When.
    pub at: Timestamp,
}

/// A change of what we hold of a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerChanged {
    /// The partner.
    pub economy: EconomyId,
    /// What changed.
    pub change: PartnerChange,
    /// When.
    pub at: Timestamp,
}

/// What changed about a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartnerChange {
    /// Both operators compared the digits and confirmed.
    Paired {
        /// What this node calls it. Display only.
        name: String,
        /// Its keyring, signed by its root.
        keyring: Vec<u8>,
        /// Where it can be reached.
        addresses: Vec<String>,
        /// The ledger's first epoch.
        epoch: EpochId,
        /// What both operators confirmed.
        ceremony: Box<Ceremony>,
    },
    /// How far we trust it, 0 to 4.
    Level(u64),
    /// Nothing flows until it is resumed.
    Suspended,
    /// It flows again.
    Resumed,
    /// The pairing is over.
    Removed,
    /// Where it can be reached.
    Addresses(Vec<String>),
    /// The operator confirmed a partner's introduction of it.
    Introduced {
        /// What this node calls it. Display only.
        name: String,
        /// Its keyring, signed by its root.
        keyring: Vec<u8>,
        /// Who introduced it.
        by: EconomyId,
    },
    /// What is taken in from it from now on.
    Intake {
        /// Of these kinds; of all where none is named.
        kinds: Vec<Kind>,
        /// What becomes of them.
        rule: Intake,
    },
}

/// Somebody was invited to pair: everything that the ticket is made of, but for its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// The ticket's id.
    pub ticket: [u8; 16],
    /// What this node will call whoever comes. Display only.
    pub name: String,
    /// Where the ticket says that we are.
    pub addresses: Vec<String>,
    /// What the secret is derived from, with a key of the node.
    pub salt: [u8; 16],
    /// Until when it opens the door.
    pub expires: Timestamp,
    /// When.
    pub at: Timestamp,
}

/// A delivery that was decided Release, with what stays with the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryDecided {
    /// To whom.
    pub to: EconomyId,
    /// What both chains hold.
    pub entry: LedgerEntry,
    /// The policy that decided it.
    pub policy: u64,
    /// The agreement that covered it; none for TLP:CLEAR and control kinds.
    pub covering: Option<RecordId>,
    /// Parts that stayed, with the gate and the clause that kept them.
    pub withheld: Vec<Withheld>,
    /// Whether it was learned again from the partner after a restore.
    pub returned: bool,
    /// When.
    pub at: Timestamp,
}

/// A part that stayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// The part.
    pub part: PartDigest,
    /// The gate's name.
    pub gate: String,
    /// The clause, in people's words.
    pub clause: String,
}

/// A number of a partner's ledger that brought nothing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The partner.
    pub from: EconomyId,
    /// The number in its ledger to us.
    pub number: u64,
    /// The ledger entry's digest.
    pub digest: Digest,
    /// The entry itself; a void number comes without.
    pub entry: Option<LedgerEntry>,
    /// What became of it.
    pub outcome: ArrivalOutcome,
    /// When.
    pub at: Timestamp,
}

/// What became of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArrivalOutcome {
    /// The sender took it back before it left.
    Void,
    /// The record and these parts were here already.
    Known(RecordId),
    /// The record was withdrawn by its origin.
    Withdrawn(RecordId),
    /// It is wrong for good, for the [`RejectReason`](crate::receipt::RejectReason) with this number.
    Rejected(u64),
    /// This is its origin, which nobody here knows, and of which as much waits as may: not kept, and asked
    /// for again when the origin is known.
    Unkept(EconomyId),
    /// By our own rule we take nothing of this kind from this partner, or of this origin.
    Declined(Kind),
}

/// Somebody joined the staff, or left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffChanged {
    /// Who.
    pub name: String,
    /// What changed.
    pub change: StaffChange,
    /// Who of the staff did it; empty where the root keys alone spoke.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What changed about somebody of the staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaffChange {
    /// Somebody is here from now on, or under another key and in other roles than before.
    Joined(StaffJoined),
    /// Not any more.
    Left,
    /// Somebody is here from now on, and publishes alone no further than this.
    JoinedWithin(StaffWithin),
    /// A key of the staff, of which nothing here said whose it is, is or was this person's.
    Recognised(KeyId),
}

/// Somebody of the staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffJoined {
    /// The person's key.
    pub key: KeyId,
    /// What the person is here.
    pub roles: Roles,
}

/// Somebody of the staff who does not publish everything alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffWithin {
    /// The person's key.
    pub key: KeyId,
    /// What the person is here.
    pub roles: Roles,
    /// How far the person publishes alone.
    pub alone: Alone,
}

/// Somebody of the staff was shown content above TLP:GREEN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentRead {
    /// What was shown.
    pub of: Shown,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What has content that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// This record.
    Record(RecordId),
    /// The draft with this number.
    Draft(u64),
}

/// An unsigned draft: local, and never released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftMade {
    /// Its number, from 1.
    pub number: u64,
    /// A title for local screens.
    pub title: String,
    /// The kind of record that it would become.
    pub kind: u64,
    /// The format that it was read from, if any.
    pub format: String,
    /// The document's own identity in that format: publisher and id.
    pub provenance: String,
    /// The marking that it carries. Absent: somebody must mark it before it can be published.
    pub marking: Option<Marking>,
    /// The sections, whose contents lie beside the entry.
    pub parts: Vec<DraftPart>,
    /// When.
    pub at: Timestamp,
}

/// A section of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftPart {
    /// The digest of the body by which the content is found: it is the content, or the content behind a salt.
    pub content: PartDigest,
    /// Bytes of content. What the body has more, in front, is the salt.
    pub size: u64,
    /// The header that the part would have, as encoded.
    pub header: Vec<u8>,
}

/// The entry could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// A kind that this version does not know: the journal was written by a newer one.
    #[error("entry kind {0} is not known to this version")]
    UnknownKind(u8),
    /// A kind in the form of an earlier version: pairings were kept without their confirmations.
    #[error(
        "entry kind {0} is of an earlier form, without the confirmations of pairings; found the node anew with `comity init` and pair again"
    )]
    Outdated(u8),
    /// The body is not as this version writes it.
    #[error("entry body: {0}")]
    Malformed(#[from] Fault),
}
