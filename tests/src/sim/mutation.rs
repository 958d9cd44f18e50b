//! Deliberate breakage: what the checker must catch.

use bytes::Bytes;
use comity_core::Kind;
use comity_core::group::RosterBody;
use comity_core::journal::{JournalEntry, PartHeld, Standing};
use comity_core::record::{self, Header, Manifest, UnverifiedRecord};
use comity_store::NewEntry;

/// A way in which the simulated nodes, or what is between them, are made to break an invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Bytes that were decided for a partner reach the wire after it was suspended.
    HandOverLate,
    /// A restart finds the journal as it was some time ago, and nobody says so.
    LoseAcknowledged,
    /// A reply is given before the sync.
    ReplyBeforeSync,
    /// A record is journaled a second time.
    EnterTwice,
    /// A record whose author may not sign it is journaled as accepted.
    AcceptForged,
    /// A record by a key that ended is journaled as accepted.
    BelieveDoubted,
    /// A record by a key that a thief granted itself is journaled as accepted, whatever is known of the theft.
    BelieveRobber,
    /// Deliveries are handed over before their entries are synced.
    HandOverBeforeSync,
    /// A number goes over the wire a second time with another entry.
    ReuseNumber,
    /// What one node delivers to another vanishes though the connection stands.
    LoseDelivery,
    /// A record reaches a partner beside the ledger.
    SmuggleRecord,
    /// A withdrawal is forgotten at restart.
    Resurrect,
    /// A roster that leaves somebody out is forgotten at restart.
    ForgetRemoval,
    /// A node follows the system's clock wherever it goes.
    FollowClock,
    /// That a record takes a second person is forgotten at restart.
    ForgetAwaited,
    /// A piece of a large part is said to be durable, and is not.
    LosePieces,
    /// Whoever was let in once is let in until the next start, whatever was heard of its key.
    LeaveDoorOpen,
    /// That a record waits for a person is forgotten at restart.
    ForgetReview,
    /// What is kept for some days goes after a quarter of them.
    EraseEarly,
    /// That a record is kept on legal grounds is forgotten at restart.
    ForgetHold,
    /// A node tells a partner, in words for its operator, of another partner.
    NameOthers,
    /// Two of a record's recipients are taken for each other after a restart.
    SwapRecipients,
    /// A node tells each partner how far it is trusted.
    TellLevel,
}

impl Mutation {
    /// Every mutation that a run by itself shows, and the invariant that it breaks.
    pub const ALL: [(Self, u8); 22] = [
        (Self::HandOverLate, 1),
        (Self::LoseAcknowledged, 2),
        (Self::ReplyBeforeSync, 2),
        (Self::EnterTwice, 2),
        (Self::AcceptForged, 3),
        (Self::BelieveDoubted, 3),
        (Self::BelieveRobber, 3),
        (Self::HandOverBeforeSync, 4),
        (Self::ReuseNumber, 4),
        (Self::LoseDelivery, 5),
        (Self::SmuggleRecord, 5),
        (Self::Resurrect, 6),
        (Self::ForgetRemoval, 8),
        (Self::FollowClock, 9),
        (Self::ForgetAwaited, 10),
        (Self::LosePieces, 2),
        (Self::LeaveDoorOpen, 11),
        (Self::ForgetReview, 12),
        (Self::EraseEarly, 13),
        (Self::ForgetHold, 13),
        (Self::NameOthers, 14),
        (Self::SwapRecipients, 14),
    ];

    /// An entry as a restart reads it.
    pub(super) fn replayed(self, kind: u8, body: &Bytes) -> (u8, Bytes) {
        let untouched = (kind, body.clone());
        if self == Self::ForgetAwaited
            && let Ok(JournalEntry::AwaitsApproval(waits)) = JournalEntry::decode(kind, body)
        {
            let nothing = JournalEntry::PolicyConfirmed { at: waits.at };
            return (nothing.kind(), nothing.encode().into());
        }
        if self == Self::ForgetHold
            && let Ok(JournalEntry::OnHold(hold)) = JournalEntry::decode(kind, body)
        {
            let nothing = JournalEntry::PolicyConfirmed { at: hold.at };
            return (nothing.kind(), nothing.encode().into());
        }
        if !matches!(
            self,
            Self::Resurrect | Self::ForgetRemoval | Self::ForgetReview | Self::SwapRecipients
        ) {
            return untouched;
        }
        let Ok(JournalEntry::Record(mut entered)) = JournalEntry::decode(kind, body) else {
            return untouched;
        };
        if self == Self::SwapRecipients {
            swap_recipients(&mut entered.parts);
            return (kind, JournalEntry::Record(entered).encode().into());
        }
        if self == Self::ForgetReview {
            if matches!(entered.standing, Standing::InReview(_)) {
                entered.standing = Standing::Accepted;
            }
            return (kind, JournalEntry::Record(entered).encode().into());
        }
        let read = record::parse(&entered.signed);
        let forgets = |read: &UnverifiedRecord| match self {
            Self::Resurrect => read.manifest().kind == Kind::Withdrawal,
            _ => leaves_somebody_out(read.manifest()),
        };
        if read.as_ref().is_ok_and(forgets) {
            entered.standing = Standing::Quarantined("forgotten".to_owned());
        }
        let entry = JournalEntry::Record(entered);
        (entry.kind(), entry.encode().into())
    }

    /// Entries as the store gets them.
    pub(super) fn appended(self, entries: &mut Vec<NewEntry>) {
        let record = |entry: &NewEntry| match JournalEntry::decode(entry.kind, &entry.body) {
            Ok(JournalEntry::Record(entered)) => Some(entered),
            Ok(_) | Err(_) => None,
        };
        match self {
            Self::EnterTwice => {
                if let Some(entry) = entries.iter().find(|entry| record(entry).is_some()).cloned() {
                    entries.push(entry);
                }
            }
            Self::AcceptForged | Self::BelieveDoubted | Self::BelieveRobber => {
                for entry in entries {
                    if let Some(mut entered) = record(entry)
                        && entered.standing != Standing::Accepted
                    {
                        entered.standing = Standing::Accepted;
                        entry.body = JournalEntry::Record(entered).encode().into();
                    }
                }
            }
            Self::HandOverLate
            | Self::LoseAcknowledged
            | Self::ReplyBeforeSync
            | Self::HandOverBeforeSync
            | Self::ReuseNumber
            | Self::LoseDelivery
            | Self::SmuggleRecord
            | Self::Resurrect
            | Self::ForgetRemoval
            | Self::FollowClock
            | Self::ForgetAwaited
            | Self::LosePieces
            | Self::LeaveDoorOpen
            | Self::ForgetReview
            | Self::EraseEarly
            | Self::ForgetHold
            | Self::NameOthers
            | Self::SwapRecipients
            | Self::TellLevel => {}
        }
    }
}

/// The first two whom parts name get each other's.
fn swap_recipients(parts: &mut [PartHeld]) {
    let mut named: Vec<_> = parts
        .iter_mut()
        .filter_map(|part| {
            let header = Header::decode(&part.header).ok()?;
            header.addressee.as_ref()?.economy?;
            Some((part, header))
        })
        .collect();
    let [(one, first), (other, second), ..] = named.as_mut_slice() else { return };
    if let (Some(first), Some(second)) = (&mut first.addressee, &mut second.addressee) {
        std::mem::swap(&mut first.economy, &mut second.economy);
    }
    (one.header, other.header) = (first.encode(), second.encode());
}

fn leaves_somebody_out(manifest: &Manifest) -> bool {
    let body = manifest.body.as_deref().filter(|_| manifest.kind == Kind::Roster);
    let Some(Ok(RosterBody::Roster(roster))) = body.map(RosterBody::decode) else { return false };
    roster.changes.keys().any(|economy| !roster.members.contains_key(economy))
}
