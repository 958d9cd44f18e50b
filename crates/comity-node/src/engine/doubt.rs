//! After the end of the journal was cut: perhaps the machine was put back to an earlier state.
//!
//! A killed process leaves an unfinished write often, and nothing is lost with it: the partners' heads
//! agree one by one as they connect, and that is all. A partner that says it holds more than the journal
//! may be right, but its word alone stops nobody: it is asked to give that back, over its own link and
//! with its own ledger, as after a restore. Only what it then shows proves a loss: a record that we
//! signed, and that is not here. With that the node goes into recovery, before anything leaves that a lost
//! withdrawal or a lost narrowing would have kept.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use comity_core::entitlement::{Claim, Entitlement, FirstSeen};
use comity_core::group::Group;
use comity_core::journal::JournalEntry;
use comity_core::ledger::Head;
use comity_core::{EconomyId, Timestamp};
use comity_proto::CloseReason;

use super::{Checked, CommandError, Effect, Engine};
use crate::limits::{A_DAY, AN_HOUR};
use crate::state::Partner;

/// A node confirms a roster when its last word is a day old, and tries every hour.
const SILENT: Duration = A_DAY.saturating_add(AN_HOUR);

impl Engine {
    /// So many bytes were cut from the end of the journal before this start, and the disk had no room to
    /// say so. Called before any input.
    pub fn tail_was_cut(&mut self, bytes: u64, now: Timestamp) {
        // What a keyring made due before the last restart is judged with this entry.
        self.now = now;
        self.tail_cut = bytes;
        self.enter(&JournalEntry::TailCut { bytes, at: now }, Vec::new());
        self.say_doubts();
    }

    /// At a start: whose heads have not agreed since the end of the journal was cut.
    pub fn say_doubts(&mut self) {
        let waits = self.names(&self.doubters());
        if !waits.is_empty() {
            let text = format!(
                "an unfinished write was cut from the end of the journal and kept in `torn/`; whether more is missing, the ledgers of these tell as they connect: {waits}"
            );
            self.alarm(None, "tail-cut", text);
        }
    }

    /// Whoever may connect, and has not agreed with the journal since its end was cut.
    pub(super) fn doubters(&self) -> BTreeSet<EconomyId> {
        let doubted = self.state.doubted().iter().copied();
        let open = |economy: &EconomyId| self.state.partner(economy).is_some_and(Partner::is_open);
        doubted.filter(open).collect()
    }

    /// What these are called.
    pub(super) fn names(&self, economies: &BTreeSet<EconomyId>) -> String {
        let names: Vec<_> = economies.iter().map(|economy| self.state.name_of(economy)).collect();
        names.join(", ")
    }

    /// The partner's head agrees with the journal: nothing that it knows of was lost.
    pub(super) fn head_agreed(&mut self, economy: &EconomyId, now: Timestamp) {
        self.claimants.remove(economy);
        if self.state.doubted().contains(economy) {
            self.enter(&JournalEntry::HeadAgreed { by: *economy, at: now }, Vec::new());
        }
    }

    /// After a full disk: the entry that speaks of the cut may be among those that were not written.
    pub(super) fn doubt_anew(&mut self) {
        if std::mem::take(&mut self.cut_unwritten) {
            let cut = JournalEntry::TailCut { bytes: self.tail_cut, at: self.now };
            self.enter(&cut, Vec::new());
        }
    }

    /// Whether a partner has to give back what it holds of ours before anything goes to it: since we were
    /// restored, or since it claimed to hold more than the journal does.
    pub(super) fn awaits_return(&self, economy: &EconomyId) -> bool {
        self.state.awaits_return(economy) || self.claimants.contains_key(economy)
    }

    /// A partner says that it holds more than the journal. Whether it has not agreed since the end was
    /// cut, and so is asked to show it.
    pub(super) fn claims_more(&mut self, economy: EconomyId) -> bool {
        let asked = self.state.doubted().contains(&economy);
        if asked && self.claims(economy) {
            let text = "the partner says that it holds deliveries that this node's journal does not have, whose end was cut: it is asked to give them back, and gets nothing before it has; with others everything goes on";
            self.alarm(Some(economy), "tail-claimed", text.to_owned());
        }
        asked
    }

    /// A partner says that it holds deliveries of a ledger in which nothing was ever numbered here: it was
    /// paired before, and the backup is from before that. It gives back what it holds, and the ledger goes
    /// on from there. That shows nothing about what others hold.
    pub(super) fn met_before(&mut self, economy: EconomyId) -> bool {
        let out = self.state.partner(&economy).map(|partner| &partner.out);
        let begins = out.is_some_and(|out| out.head() == Head::START && out.opening().is_none());
        if begins && self.claims(economy) {
            let text = "the partner says that it holds deliveries from before it was paired here: it is asked to give them back, and gets nothing before it has";
            self.alarm(Some(economy), "paired-before", text.to_owned());
        }
        begins
    }

    /// Whether this is the first time: what counts is how long it has had to show it.
    fn claims(&mut self, economy: EconomyId) -> bool {
        let first = !self.claimants.contains_key(&economy);
        self.claimants.entry(economy).or_insert(self.now);
        first
    }

    /// Whether this shows that something of ours was lost: we signed it, and it is not here.
    pub(super) fn is_lost(&self, checked: &Checked, now: Timestamp) -> bool {
        let (id, manifest) = (checked.record.id(), checked.record.manifest());
        if manifest.origin != self.state.us() || self.state.record(&id).is_some() {
            return false;
        }
        let (claim, seen) = (Claim::of(id, manifest), FirstSeen::relayed(now));
        let judged = self.state.entitlement(&claim, checked.carried(), seen, now);
        judged == Entitlement::Accepted
            && self.judge_returned(manifest.origin, checked, now).is_ok()
    }

    /// A partner has shown that more is missing than the end that was cut.
    pub(super) fn loss_is_proved(&mut self, economy: EconomyId, now: Timestamp) {
        let text = "the partner gives back what this node signed, and what was lost with the cut end of its journal; the node is in recovery, as after a restore";
        self.alarm(Some(economy), "tail-lost", text.to_owned());
        self.enter(&JournalEntry::Restored { at: now }, Vec::new());
        self.claimants.clear();
        // What was said in greetings does not hold any more: every partner greets anew, a node in recovery.
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.down(partner);
        }
        for conn in self.conns.keys() {
            let reason = CloseReason::Refused("in recovery; connect again".to_owned());
            self.effects.push(Effect::Close { conn: *conn, reason });
        }
    }

    /// Whether nothing that we signed can be missing: a second keyring of one version, or a second roster
    /// of one number, would freeze us, or the group, everywhere. `what` we are asked to sign; `anyway`: a
    /// person says that nothing is, though not everybody has agreed with a journal whose end was cut.
    pub(super) fn may_sign(&self, what: &str, anyway: bool) -> Result<(), CommandError> {
        let owing = |one: &&EconomyId| {
            let partner = self.state.partner(one);
            partner.is_some_and(|partner| partner.is_open() && !partner.returned)
        };
        let economies = self.state.partners().map(|(economy, _)| economy);
        let owing: BTreeSet<_> = economies.filter(owing).copied().collect();
        if self.state.recovery().is_some() {
            let waits = if owing.is_empty() {
                "it waits for: comity recover confirm".to_owned()
            } else {
                format!("it waits for {}", self.names(&owing))
            };
            let why = format!("partners may hold a later {what} of ours, and {waits}");
            return Err(CommandError::Recovering(why));
        }
        let doubters = self.waited_for();
        if !doubters.is_empty() && !anyway {
            let (what, waits) = (what.to_owned(), self.names(&doubters));
            return Err(CommandError::Doubted { what, waits });
        }
        Ok(())
    }

    /// Whether no withdrawal can be missing, nor anything else by which less may leave than is known here.
    pub(super) fn knows_what_was_taken_back(&self) -> Result<(), CommandError> {
        if self.state.recovery().is_some() {
            let why = "what partners have still to give back may be a withdrawal, and no file is made until it is over";
            return Err(CommandError::Recovering(why.to_owned()));
        }
        if let Some(place) = self.forgotten_keyring() {
            let why = format!(
                "this economy has said that its keyring is version {place}, which is not here: the journal was put back (comity restore --here), or the key of the links is stolen (comity key rotate --compromised), and no file is made until that is known"
            );
            return Err(CommandError::Recovering(why));
        }
        let doubters = self.waited_for();
        match doubters.is_empty() {
            true => Ok(()),
            false => Err(CommandError::NoFile { waits: self.names(&doubters) }),
        }
    }

    /// The doubters but those who say that they hold more and have not shown it for a day: a bare word must
    /// not keep us from signing for ever.
    fn waited_for(&self) -> BTreeSet<EconomyId> {
        let shows_nothing = |economy: &EconomyId| {
            let since = self.claimants.get(economy);
            since.is_some_and(|since| since.saturating_add(A_DAY) <= self.now)
        };
        let mut doubters = self.doubters();
        doubters.retain(|economy| !shows_nothing(economy));
        doubters
    }

    /// When the rosters that we keep are to be looked at, if the journal is in doubt.
    pub(super) fn looks_at_rosters(&self) -> Option<Timestamp> {
        (!self.state.doubted().is_empty()).then_some(self.rosters_due)
    }

    /// While the journal is in doubt no roster is confirmed, and after a fortnight nothing goes to its group
    /// any more: once a day a person is told what to do about it.
    pub(super) fn tell_unconfirmed(&mut self, now: Timestamp) {
        if self.looks_at_rosters().is_none_or(|due| now < due) {
            return;
        }
        let waits = self.waited_for();
        let silent = self.state.groups().unconfirmed(self.state.us(), now.saturating_sub(SILENT));
        let silent = silent.filter(|_| !waits.is_empty());
        let name = |group: &Arc<Group>| group.founding().charter().name().to_owned();
        let silent: Vec<_> = silent.map(name).collect();
        let again = if silent.is_empty() { AN_HOUR } else { A_DAY };
        self.rosters_due = now.saturating_add(again);
        for name in silent {
            let text = format!(
                "the roster of {name} is not confirmed, for a later one may have been lost with the cut end of the journal: {} must connect first, or be suspended; or say that there is none (comity group roster GROUP --confirm --anyway). A fortnight after its last word nothing goes to the group any more",
                self.names(&waits)
            );
            self.alarm(None, "roster-unconfirmed", text);
        }
    }
}
