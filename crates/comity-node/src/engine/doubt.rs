//! After the end of the journal was cut: perhaps the machine was put back to an earlier state.
//!
//! A killed process leaves an unfinished write often, and nothing is lost with it: the partners' heads
//! agree one by one as they connect, and that is all. A partner that holds more than the journal is,
//! together with the cut, what a restore looks like. By its word alone it could stop nobody, see
//! [`Engine::greeted`]; here its word explains what the store has seen, so the node goes into recovery
//! before anything leaves that a lost withdrawal or a lost narrowing would have kept.

use comity_core::journal::JournalEntry;
use comity_core::{EconomyId, Timestamp};
use comity_proto::CloseReason;

use super::{Effect, Engine};

impl Engine {
    /// So many bytes were cut from the end of the journal before this start. Called before any input.
    ///
    /// It is written down: what was cut is not there to be seen at the next start.
    pub fn tail_was_cut(&mut self, bytes: u64, now: Timestamp) {
        self.tail_cut = bytes;
        self.enter(&JournalEntry::TailCut { bytes, at: now }, Vec::new());
        let text = format!(
            "an unfinished write of {bytes} bytes was cut from the end of the journal and kept in `torn/`; each partner's ledger tells whether more is missing"
        );
        self.alarm(None, "tail-cut", text);
    }

    /// The partner's head agrees with the journal: nothing that it knows of was lost.
    pub(super) fn head_agreed(&mut self, economy: &EconomyId, now: Timestamp) {
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

    /// A partner holds more than the journal, and had not agreed with it since its end was cut. Whether
    /// the node is in recovery now.
    pub(super) fn more_is_missing(&mut self, economy: EconomyId, now: Timestamp) -> bool {
        if !self.state.doubted().contains(&economy) {
            return false;
        }
        let text = "the partner holds deliveries that were lost with the cut end of this node's journal; the node is in recovery, as after a restore";
        self.alarm(Some(economy), "tail-lost", text.to_owned());
        self.enter(&JournalEntry::Restored { at: now }, Vec::new());
        // What was said in greetings does not hold any more: every partner greets anew, a node in recovery.
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.down(partner);
        }
        for conn in self.conns.keys() {
            let reason = CloseReason::Refused("in recovery; connect again".to_owned());
            self.effects.push(Effect::Close { conn: *conn, reason });
        }
        true
    }
}
