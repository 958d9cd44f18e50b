//! Breaking the glass: who said so is entered with the word, and somebody is told of it, each time.

use comity_core::control::{ApprovalBody, ApprovalVerdict, ControlBody};
use comity_core::journal::{EmergencyOpened, JournalEntry, Source, Standing};
use comity_core::limits::{EMERGENCY_CONFIRMED_WITHIN, EMERGENCY_LASTS};
use comity_core::record::VerifiedRecord;
use comity_core::{Kind, RecordId, Timestamp};

use super::command::{CommandError, Reply};
use super::{Checked, Engine};
use crate::limits::A_DAY;
use crate::state::{Glass, GlassStands, Partner};

impl Engine {
    /// A word enters by which one record of ours goes to one partner in an emergency, and before it, in one
    /// write with it, who said so and when it ends.
    pub(super) fn break_glass(
        &mut self,
        record: VerifiedRecord,
        (title, by): (String, String),
        now: Timestamp,
    ) -> Result<Reply, CommandError> {
        let checked = Checked::new(record, Vec::new());
        let (word, manifest) = (checked.record.id(), checked.record.manifest());
        if manifest.origin != self.state.us() {
            return Err(CommandError::NotOurs);
        }
        if let Some(held) = self.state.record(&word) {
            return Err(CommandError::Known(held.reference.clone()));
        }
        let unfitting = |why: &dyn std::fmt::Display| CommandError::Unfitting(why.to_string());
        let body = manifest.body.as_deref().unwrap_or_default();
        let body = ControlBody::decode(manifest.kind, body).map_err(|fault| unfitting(&fault))?;
        let ControlBody::Approval(ApprovalBody {
            record,
            verdict: ApprovalVerdict::Emergency { to },
            ..
        }) = body
        else {
            return Err(unfitting(&"it is not the word of an emergency release"));
        };
        let entitled = self.state.may_author(&checked.record, &[], checked.carried(), now);
        entitled.map_err(CommandError::NotEntitled)?;
        let may = self.state.may_break_glass(&record, &to, manifest.author, now);
        may.map_err(|why| unfitting(&why))?;
        let confirm_by = now.saturating_add(EMERGENCY_CONFIRMED_WITHIN);
        let until = now.saturating_add(EMERGENCY_LASTS);
        let opened = EmergencyOpened { word, record, to, by, confirm_by, until, at: now };
        self.enter(&JournalEntry::Emergency(opened), Vec::new());
        let entered = self.enter_titled(checked, Source::Own, Standing::Accepted, title, now);
        let reference = entered.map_err(|unfit| unfitting(&unfit))?;
        self.say_broken(&word);
        // It does not wait behind what is on its way to that partner.
        if self.sessions.get(&to).is_some_and(|session| session.up) {
            self.consider(to, record, now);
        }
        Ok(Reply::Published { record: word, reference })
    }

    /// Whoever watches has to see it at once.
    fn say_broken(&mut self, word: &RecordId) {
        let Some(glass) = self.state.emergency(word) else { return };
        let (by, to) = (glass.by().to_owned(), glass.opened.to);
        let (what, word) = (self.reference(&glass.opened.record), self.reference(word));
        let name = self.state.name_of(&to);
        let confirm_by = glass.opened.confirm_by;
        let text = format!(
            "{by} broke the glass: {what} goes to {name}, whatever agreements and trust say; unless a second person confirms it before {confirm_by}, it is recalled from there: comity release confirm {word}"
        );
        self.alarm(None, "emergency", text);
    }

    /// The same of what was said of one: by a second person, or by a recall.
    pub(super) fn say_of_glass(&mut self, entered: &RecordId) {
        let said = |glass: &Glass| glass.said.as_ref().is_some_and(|said| said.by == *entered);
        let about = |(_, glass): &(&RecordId, &Glass)| {
            said(glass) || glass.recall.as_ref() == Some(entered)
        };
        let found: Vec<_> = self.state.emergencies().filter(about).map(|(word, _)| *word).collect();
        for word in found {
            let Some(glass) = self.state.emergency(&word) else { continue };
            let (what, name) =
                (self.reference(&glass.opened.record), self.state.name_of(&glass.opened.to));
            let text = match (&glass.said, said(glass)) {
                (Some(said), true) => {
                    let who = self.state.staff().ever_held(said.key).unwrap_or("somebody");
                    match said.verdict {
                        ApprovalVerdict::Approve => {
                            format!("{who} confirmed that {what} went to {name} in an emergency")
                        }
                        ApprovalVerdict::Refuse | ApprovalVerdict::Emergency { .. } => {
                            format!("{who} refused that {what} goes to {name} in an emergency")
                        }
                    }
                }
                (_, _) => {
                    let hears = self.state.partner(&glass.opened.to).is_some_and(Partner::is_open);
                    let when = if hears {
                        ""
                    } else {
                        ": it hears of that when it is a partner again, or resumed; tell it by other means"
                    };
                    format!("{what} is recalled from {name}, which had it in an emergency{when}")
                }
            };
            self.alarm(None, "emergency", text);
        }
    }

    /// A time has passed by which somebody should have confirmed one: what went is recalled, and whoever
    /// watches is told, once while this process runs.
    pub(super) fn tell_lapsed(&mut self, now: Timestamp) {
        let lapsed = |(word, glass): &(&RecordId, &Glass)| {
            glass.stands(now) == GlassStands::Lapsed
                && glass.recall.is_none()
                && !self.lapsed.contains(*word)
        };
        let found: Vec<_> =
            self.state.emergencies().filter(lapsed).map(|(word, _)| *word).collect();
        for word in found {
            self.lapsed.insert(word);
            let Some(glass) = self.state.emergency(&word) else { continue };
            let (what, name) =
                (self.reference(&glass.opened.record), self.state.name_of(&glass.opened.to));
            let text = if self.state.owed_recalls(now).contains(&word) {
                format!(
                    "nobody confirmed that {what} went to {name} in an emergency: it is recalled"
                )
            // That nothing went is old news at a later start.
            } else if self.state.went(glass) || now.since(glass.opened.confirm_by) >= A_DAY {
                continue;
            } else {
                format!(
                    "nobody confirmed that {what} goes to {name} in an emergency, and nothing went"
                )
            };
            self.alarm(None, "emergency-unconfirmed", text);
        }
    }

    fn reference(&self, record: &RecordId) -> String {
        self.state.record(record).map_or_else(|| record.short(), |held| held.reference.clone())
    }

    /// Whether what was entered may have been said of an emergency release.
    pub(super) fn may_say_of_glass(kind: Kind) -> bool {
        matches!(kind, Kind::Approval | Kind::Withdrawal)
    }
}
