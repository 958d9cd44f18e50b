//! What is told to others waits until the entries that it is about are durable.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::journal::JournalEntry;
use comity_core::ledger::{Head, Opening};
use comity_core::receipt::RejectReason;
use comity_core::{Digest, EconomyId, EpochId, PartDigest, RecordId, Timestamp};
use comity_store::StoreError;

use super::{CommandError, Effect, Engine, Reply, Token};

/// What waits until the entries of a batch are durable.
#[derive(Debug)]
pub(super) enum Then {
    Reply {
        token: Token,
        reply: Result<Reply, CommandError>,
        /// Whether it says that something is written down where a restore does not reach it.
        listed: bool,
    },
    Admit(BTreeSet<EconomyId>),
    AskFor(EconomyId),
    TellHead(EconomyId),
    Numbered {
        partner: EconomyId,
        epoch: EpochId,
        head: Head,
    },
    Stored {
        partner: EconomyId,
        number: u64,
    },
    Rejected {
        partner: EconomyId,
        number: u64,
        reason: RejectReason,
    },
    HandOver {
        partner: EconomyId,
        number: u64,
    },
    Void {
        partner: EconomyId,
        number: u64,
        digest: Digest,
    },
    ReturnStored {
        partner: EconomyId,
        number: u64,
    },
    Announce {
        partner: EconomyId,
        opening: Opening,
    },
    EpochStored {
        partner: EconomyId,
        opening: Opening,
    },
    /// Write it down where a restore does not reach it.
    Remember(Box<JournalEntry>),
    Erase(Vec<PartDigest>),
    Examine {
        record: RecordId,
        parts: Vec<PartDigest>,
    },
}

impl Engine {
    /// A batch is durable: now others may know.
    pub(super) fn appended(
        &mut self,
        token: Token,
        result: Result<Digest, StoreError>,
        now: Timestamp,
    ) {
        match (self.commits.remove(&token), result) {
            (Some(then), Ok(chain)) => {
                self.state.set_chain(chain);
                self.carry_on(then, now);
            }
            (Some(then), Err(error)) => self.fail(then, &error),
            // It was given up before the node went on.
            (None, _) => {}
        }
    }

    /// A consequence of entries that are durable, are being written, or were made in this step: it
    /// waits for whichever is the last of them.
    pub(super) fn when_synced(&mut self, step: Then, now: Timestamp) {
        if !self.batch.is_empty() {
            self.then.push(step);
        } else if let Some(mut last) = self.commits.last_entry() {
            last.get_mut().push(step);
        } else {
            self.carry_on(vec![step], now);
        }
    }

    /// Says what waited for its entries.
    fn carry_on(&mut self, then: Vec<Then>, now: Timestamp) {
        let mut stored: BTreeMap<EconomyId, Vec<u64>> = BTreeMap::new();
        let remembered = self.remember(&then);
        for step in then {
            match step {
                Then::Reply { token, reply, listed } => match remembered.filter(|_| listed) {
                    Some(of) => self.remembering.entry(of).or_default().push((token, reply)),
                    None => self.effects.push(Effect::Reply { token, reply }),
                },
                Then::Admit(partners) => self.admit(partners),
                Then::AskFor(origin) => self.ask_for(origin, now),
                Then::TellHead(economy) => self.tell_head(economy, now),
                Then::Numbered { partner, epoch, head } => {
                    if let Some(state) = self.state.partner_mut(&partner) {
                        state.out.settle_head(epoch, head);
                    }
                }
                Then::Stored { partner, number } => stored.entry(partner).or_default().push(number),
                Then::Rejected { partner, number, reason } => {
                    self.state.arrival_durable(&partner, number);
                    self.session_input(
                        partner,
                        comity_proto::Input::Rejected { number, reason },
                        now,
                    );
                }
                Then::HandOver { partner, number } => self.ready(partner, number),
                Then::Void { partner, number, digest } => {
                    self.session_input(partner, comity_proto::Input::Void { number, digest }, now);
                }
                Then::ReturnStored { partner, number } => {
                    let numbers = vec![number];
                    let input = comity_proto::Input::ReturnStored { numbers };
                    self.session_input(partner, input, now);
                }
                Then::Announce { partner, opening } => {
                    self.session_input(partner, comity_proto::Input::Recovered(opening), now);
                }
                Then::EpochStored { partner, opening } => {
                    self.session_input(partner, comity_proto::Input::EpochStored(opening), now);
                    // While it recovered it could neither be asked for anything nor read a receipt.
                    self.ask_for_unkept(partner, now);
                    self.owe_receipt(partner, now);
                }
                Then::Examine { record, parts } => self.begin_examining(record, parts),
                // All of them are under way, before anything is overwritten.
                Then::Remember(_) => {}
                Then::Erase(bodies) => self.carry_out_erasure(bodies),
            }
        }
        for (partner, numbers) in stored {
            self.arrivals_durable(partner, numbers, now);
        }
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.pump(partner, now);
        }
    }
}
