//! Receipts: what we sign for, and what partners have signed for.

use std::time::Duration;

use bytes::Bytes;
use comity_core::journal::JournalEntry;
use comity_core::ledger::Head;
use comity_core::receipt::{REJECTS, Receipt, Witness};
use comity_core::{EconomyId, EpochId, Timestamp};
use comity_proto::Outbound;

use super::Engine;
use crate::state::Weight;

/// How long arrivals are gathered before a receipt is signed for them.
const RECEIPT_DELAY: Duration = Duration::from_millis(50);
/// Arrivals after which a receipt is signed at once.
const RECEIPT_EVERY: u64 = 512;
/// Rejects with which a receipt is long: each lists the last of them again, and goes into a journal.
const LONG_RECEIPT: usize = 64;
/// How long a long one waits.
const LONG_RECEIPT_DELAY: Duration = Duration::from_secs(60);

impl Engine {
    /// A receipt falls due.
    pub(super) fn owe_receipt(&mut self, economy: EconomyId, now: Timestamp) {
        let Some(partner) = self.state.partner(&economy) else { return };
        let Some(session) = self.sessions.get_mut(&economy) else { return };
        if partner.inbound.durable_head().number == 0 {
            return;
        }
        let rejects = partner.inbound.rejects().len();
        let delay = match session.unreceipted {
            RECEIPT_EVERY.. => Duration::ZERO,
            _ if rejects >= LONG_RECEIPT => LONG_RECEIPT_DELAY,
            _ => RECEIPT_DELAY,
        };
        let due = now.saturating_add(delay);
        session.receipt_due = Some(session.receipt_due.map_or(due, |before| before.min(due)));
    }

    /// A link has come up, over which the partner speaks of its ledger. Receipts are not acknowledged:
    /// those of the last connection may be lost with it, so what they said is said once more.
    pub(super) fn owe_receipt_again(&mut self, economy: EconomyId, of: Outbound, now: Timestamp) {
        let Some(partner) = self.state.partner(&economy) else { return };
        let upto = partner.inbound.durable_head().number;
        let Some(session) = self.sessions.get_mut(&economy) else { return };
        let before = session.receipted_before.replace(session.receipted.unwrap_or(upto));
        session.receipted = before;
        // Of another epoch, or of what the partner does not know any more, the two have to speak first.
        if partner.inbound.epoch() == Some(of.epoch) && upto <= of.head.number {
            self.owe_receipt(economy, now);
        }
    }

    /// Signs for what is durable of a partner's ledger.
    pub(super) fn sign_receipt(&mut self, economy: EconomyId, now: Timestamp) {
        let Some(session) = self.sessions.get_mut(&economy) else { return };
        session.receipt_due = None;
        if session.own_key != self.link_key.id() {
            // The partner would count it as a fault. As soon as it hears of the new key it ends this connection, and
            // over the next one all that was not said is said.
            return;
        }
        let before = session.receipted;
        let Some(partner) = self.state.partner(&economy) else { return };
        // Nothing but void numbers has come: there is nothing to give a receipt for yet.
        let Some(epoch) = partner.inbound.epoch() else { return };
        for upto in partner.inbound.heads_to_sign(before) {
            self.sign_receipt_for(economy, (epoch, upto), now);
        }
    }

    fn sign_receipt_for(
        &mut self,
        economy: EconomyId,
        (epoch, upto): (EpochId, Head),
        now: Timestamp,
    ) {
        let Some(partner) = self.state.partner(&economy) else { return };
        let rejects = partner.inbound.rejects().range(..=upto.number).rev().take(REJECTS);
        let mut rejects: Vec<_> = rejects.map(|(number, reason)| (*number, *reason)).collect();
        rejects.reverse();
        let receipt = Receipt {
            from: self.state.us(),
            to: economy,
            epoch,
            upto,
            rejects,
            witness: Witness::new(self.state.chain(), &mut *self.entropy),
            at: now,
        };
        let signed = receipt.sign(&self.link_key);
        if let Some(session) = self.sessions.get_mut(&economy) {
            session.unreceipted = 0;
            session.receipted = Some(upto.number);
        }
        self.session_input(economy, comity_proto::Input::Receipt(signed.into()), now);
    }

    /// A partner's receipt: kept when it verifies and agrees with our chain.
    pub(super) fn receipt(&mut self, partner: EconomyId, signed: &Bytes, now: Timestamp) {
        let Some(session) = self.sessions.get(&partner) else { return };
        let receipt = match self.state.check_receipt(&partner, session.link_key, signed) {
            Ok(Some(receipt)) => receipt,
            Ok(None) => return,
            Err(why) => {
                return self.session_input(partner, comity_proto::Input::BadReceipt { why }, now);
            }
        };
        self.clock_is_witnessed(partner, receipt.at, now);
        // A receipt that says no more than the last one is not worth an entry.
        if self.space_low || !self.state.receipt_is_news(&partner, &receipt) {
            return;
        }
        let weight = Weight::of_receipt(signed.len());
        if let Some(bound) = self.too_heavy(&partner, weight) {
            return self.say_full(partner, bound);
        }
        for (number, reason) in &receipt.rejects {
            if self.state.is_refused_by(&partner, *number, *reason) {
                let text = format!("delivery {number} was refused: {reason}");
                self.alarm(Some(partner), "refused", text);
            }
        }
        let entry = JournalEntry::Receipt { from: partner, signed: signed.to_vec(), at: now };
        self.enter(&entry, Vec::new());
    }
}
