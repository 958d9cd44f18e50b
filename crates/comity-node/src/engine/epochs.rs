//! A ledger that goes on in a new epoch: ours with a partner, and a partner's with us.

use comity_core::entropy::draw;
use comity_core::journal::JournalEntry;
use comity_core::ledger::{Head, Opening};
use comity_core::{EconomyId, EpochId, Timestamp};
use comity_proto::Inbound;

use super::{Engine, Then};
use crate::limits::{A_DAY, MOST_EPOCHS};
use crate::state::OutFate;

impl Engine {
    /// A partner has given back all that it holds of ours: our ledger with it goes on.
    pub(super) fn open_epoch(&mut self, economy: EconomyId, now: Timestamp) {
        let (Some(partner), Some(regaining)) = (
            self.state.partner(&economy),
            self.sessions.get_mut(&economy).and_then(|session| session.regaining.take()),
        ) else {
            return;
        };
        let previous = regaining.epoch.unwrap_or(partner.out.epoch());
        self.begin_epoch(economy, previous, regaining.known, now);
        self.enter(&JournalEntry::Returned { by: economy, at: now }, Vec::new());
        // Of the end that was cut, nothing that it holds shows more.
        self.head_agreed(&economy, now);
    }

    /// A partner was put back to before the epoch in which our ledger with it is: no epoch that it knows
    /// leads there, so the ledger goes on in one that follows from what it holds.
    pub(super) fn follow_back(&mut self, economy: EconomyId, inbound: &Inbound, now: Timestamp) {
        let Some(partner) = self.state.partner_mut(&economy) else { return };
        let since = now.saturating_sub(A_DAY);
        if partner.out.opened_since(since) >= MOST_EPOCHS {
            let text = format!(
                "the partner was put back to before the last new ledger again and again: no more than {MOST_EPOCHS} begin in a day"
            );
            self.alarm(Some(economy), "put-back-often", text);
            let reason = "put back too often; connect again tomorrow".to_owned();
            return self.refuse_all(economy, &reason, now);
        }
        let text = "the partner says that it was put back to before deliveries that it had acknowledged: what it does not hold is decided and sent anew";
        self.alarm(Some(economy), "put-back", text.to_owned());
        let Some(partner) = self.state.partner_mut(&economy) else { return };
        partner.out.put_back(inbound.held());
        let previous = inbound.epoch.unwrap_or(partner.out.epoch());
        self.begin_epoch(economy, previous, inbound.head, now);
        self.widen();
    }

    /// Our ledger with a partner goes on in a new epoch. What the partner does not hold is void, and is
    /// decided anew under new numbers.
    fn begin_epoch(&mut self, economy: EconomyId, previous: EpochId, known: Head, now: Timestamp) {
        let Some(partner) = self.state.partner(&economy) else { return };
        let outstanding = partner.out.outstanding();
        let lines = outstanding.filter_map(|number| Some((number, partner.out.entry(number)?)));
        // What is void is: to say so again would also make it count as possibly received.
        let lost: Vec<_> = lines
            .filter(|(_, line)| !matches!(line.fate, OutFate::Void { .. }))
            .map(|(number, line)| (number, line.digest))
            .collect();
        let first = partner.out.first_unmet();
        let epoch = EpochId(draw(&mut *self.entropy));
        let opening = Opening { epoch, previous, known, first };
        for (number, digest) in lost {
            let voided =
                JournalEntry::Voided { to: economy, number, digest, handed: true, at: now };
            self.enter(&voided, Vec::new());
        }
        self.enter(&JournalEntry::Epoch { to: economy, opening, at: now }, Vec::new());
        // Whatever it gave back left in an earlier run.
        self.numbered_from.insert(economy, first);
        self.then.push(Then::Announce { partner: economy, opening });
        if let Some(session) = self.sessions.get_mut(&economy) {
            session.epoch_awaited = true;
        }
    }

    /// The ledger goes on in a new epoch: of a partner that was restored, or because we were.
    pub(super) fn epoch_announced(&mut self, partner: EconomyId, opening: Opening, now: Timestamp) {
        let Some(state) = self.state.partner(&partner) else { return };
        if state.inbound.epoch() == Some(opening.epoch) {
            return self.when_synced(Then::EpochStored { partner, opening }, now);
        }
        if self.space_low {
            let reason = "there is little room on the disk; connect again";
            return self.refuse_all(partner, reason, now);
        }
        if !self.may_open(&partner, &opening) {
            let text = "the partner opens a new ledger, and nobody was restored";
            self.alarm(Some(partner), "ledger-fork", text.to_owned());
            return self.refuse_all(partner, "a new epoch that nothing explains", now);
        }
        let Some(state) = self.state.partner(&partner) else { return };
        if state.opened_since(now.saturating_sub(A_DAY)) >= MOST_EPOCHS {
            let text = format!(
                "the partner opens new ledgers again and again: no more than {MOST_EPOCHS} are taken in a day"
            );
            self.alarm(Some(partner), "put-back-often", text);
            let reason = "too many new ledgers; connect again tomorrow";
            return self.refuse_all(partner, reason, now);
        }
        let Some(state) = self.state.partner(&partner) else { return };
        if !state.inbound.follows(&opening) || !state.inbound.is_within_reach(&opening) {
            let text = "the partner opens a new ledger that does not follow from what we hold";
            self.alarm(Some(partner), "ledger-fork", text.to_owned());
            return self.refuse_all(partner, "the new epoch does not follow from our head", now);
        }
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.epoch_taken = true;
        }
        let entry = JournalEntry::PartnerEpoch { from: partner, opening, at: now };
        self.enter(&entry, Vec::new());
        self.then.push(Then::EpochStored { partner, opening });
        // What it knew of our ledger before, it does not know any more.
        self.head_agreed(&partner, now);
    }

    /// Whether what both sides said on this connection explains a new epoch of the partner, and none has
    /// come over it: it greeted as one that was restored, or in that epoch, which we have not taken in
    /// yet; or we did, and hold less than its ledger builds on.
    fn may_open(&self, partner: &EconomyId, opening: &Opening) -> bool {
        let Some(session) = self.sessions.get(partner) else { return false };
        let conn = session.link.up();
        let greeting = conn.and_then(|conn| session.greetings.get(&conn));
        let theirs = greeting
            .is_some_and(|hello| hello.heads.recovering || hello.heads.out.epoch == opening.epoch);
        let ours =
            conn.and_then(|conn| session.told.get(&conn)).is_some_and(|told| told.recovering);
        !session.epoch_taken && (theirs || ours)
    }

    fn refuse_all(&mut self, partner: EconomyId, reason: &str, now: Timestamp) {
        for conn in self.connections(partner) {
            let reason = reason.to_owned();
            self.session_input(partner, comity_proto::Input::Refuse { conn, reason }, now);
        }
    }
}
