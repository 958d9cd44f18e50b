//! What an exported audit says of each entry of the journal: who, what and when, by ids and digests; no content.

use std::cell::RefCell;
use std::collections::BTreeMap;

use comity_core::control::{AcknowledgementBody, Answer, WithdrawalBody};
use comity_core::journal::{
    Arrival, ArrivalOutcome, Assessed, AssessedSubject, JournalEntry, LegalHold, PartHeld,
    PartnerChange, Shown, Source, StaffChange, Standing,
};
use comity_core::policy::TrustLevel;
use comity_core::receipt::{RejectReason, UnverifiedReceipt};
use comity_core::record::Manifest;
use comity_core::{EconomyId, Kind, PartDigest, RecordId, Timestamp, record};

use super::exporting::Range;
use super::files::{self, title_leaves};
use super::words;
use crate::api::{ExportEvent, ExportPartner, ExportRecord, ExportWhat};
use crate::state::State;

/// Whether records are called by their names: decided once for all entries that are told in one step.
pub(super) type Named = RefCell<BTreeMap<RecordId, bool>>;

/// The event of an entry, where it is one and belongs to what is wanted.
pub(super) fn events(
    state: &State,
    entry: &JournalEntry,
    range: Range,
    named: &Named,
) -> Option<ExportEvent> {
    let about = Telling { state, range, named };
    let (what, partner) = about.of(entry)?;
    let wanted = range.partner.is_none_or(|only| partner == Some(only));
    wanted.then(|| ExportEvent { at: Timestamp::to_string(&entry.at()), what })
}

/// What happened, and the partner that it concerns.
type Told = (ExportWhat, Option<EconomyId>);

struct Telling<'a> {
    state: &'a State,
    range: Range,
    named: &'a Named,
}

impl Telling<'_> {
    #[expect(clippy::too_many_lines, reason = "one event for each kind of entry")]
    fn of(&self, entry: &JournalEntry) -> Option<Told> {
        let alone = |what: ExportWhat| Some((what, None));
        match entry {
            JournalEntry::Founded(_) => alone(node("founded", None)),
            JournalEntry::Record(entered) => {
                let record = record::parse(&entered.signed).ok()?;
                let (id, manifest) = (record.id(), record.manifest());
                self.entered(id, manifest, &entered.source, &entered.parts)
            }
            JournalEntry::Parts(arrived) => {
                let by = arrived.source.brought_by()?;
                let what = ExportWhat::Received {
                    record: self.record(&arrived.record),
                    from: self.partner(&by),
                    number: number(&arrived.source),
                    parts: digests(&arrived.parts),
                };
                Some((what, Some(by)))
            }
            JournalEntry::Standing(changed) => {
                alone(decided(&[changed.record], &changed.standing, ""))
            }
            JournalEntry::Ruled(ruled) => {
                alone(decided(&[ruled.record], &ruled.standing, &ruled.by))
            }
            JournalEntry::Judged(judged) => alone(decided(&judged.records, &judged.standing, "")),
            JournalEntry::Partner(changed) => {
                let (change, value) = change(&changed.change);
                let with = Some(self.partner(&changed.economy));
                let what = ExportWhat::Policy { change: change.to_owned(), value, with, by: None };
                Some((what, Some(changed.economy)))
            }
            JournalEntry::Delivery(delivered) => {
                let line = &delivered.entry;
                let what = ExportWhat::Sent {
                    record: self.record(&line.record),
                    to: self.partner(&delivered.to),
                    number: line.number,
                    epoch: line.epoch.to_string(),
                    parts: line.parts.iter().map(ToString::to_string).collect(),
                    sections: self.sections(&line.record, &line.parts),
                };
                Some((what, Some(delivered.to)))
            }
            JournalEntry::Voided { to, number, handed, .. } => {
                let (number, possibly_received) = (*number, *handed);
                let what = ExportWhat::Void { to: self.partner(to), number, possibly_received };
                Some((what, Some(*to)))
            }
            JournalEntry::Arrival(arrival) => {
                let what = ExportWhat::NotTaken {
                    from: self.partner(&arrival.from),
                    number: arrival.number,
                    why: outcome(arrival),
                };
                Some((what, Some(arrival.from)))
            }
            JournalEntry::Receipt { from, signed, .. } => {
                // Our own journal has only what was verified.
                let receipt = UnverifiedReceipt::parse(signed).ok()?.verified_before();
                let what = ExportWhat::Receipt {
                    from: self.partner(from),
                    upto: receipt.upto.number,
                    signed: words::to_base64(signed),
                };
                Some((what, Some(*from)))
            }
            JournalEntry::Refused { by, number, reason, .. } => {
                let what = ExportWhat::Refused {
                    by: self.partner(by),
                    number: *number,
                    reason: RejectReason::from_code(*reason).to_string(),
                };
                Some((what, Some(*by)))
            }
            JournalEntry::Epoch { to: with, .. }
            | JournalEntry::PartnerEpoch { from: with, .. } => {
                Some((node("epoch", Some(self.partner(with))), Some(*with)))
            }
            JournalEntry::Restored { .. } => alone(node("restored", None)),
            JournalEntry::PolicyConfirmed { .. } => alone(node("policy-confirmed", None)),
            JournalEntry::Returned { by, .. } => {
                Some((node("given-back", Some(self.partner(by))), Some(*by)))
            }
            JournalEntry::Recovered { .. } => alone(node("recovered", None)),
            JournalEntry::TailCut { .. } => alone(node("tail-cut", None)),
            JournalEntry::HeadAgreed { by, .. } => {
                Some((node("head-agreed", Some(self.partner(by))), Some(*by)))
            }
            JournalEntry::Unsent { record, .. } => {
                alone(ExportWhat::Unsent { record: self.record(record) })
            }
            JournalEntry::ToldOutside(told) => alone(ExportWhat::ToldOutside {
                record: self.record(&told.record),
                whom: told.whom.clone(),
                by: told.means.to_string(),
                told: Timestamp::to_string(&told.told),
                teller: told.teller.clone(),
                parts: told.parts.iter().map(ToString::to_string).collect(),
            }),
            JournalEntry::Exported(exported) => {
                let what = ExportWhat::Exported {
                    record: self.record(&exported.record),
                    readers: exported.readers.to_string(),
                    parts: exported.parts.iter().map(ToString::to_string).collect(),
                    sections: self.sections(&exported.record, &exported.parts),
                    terms: files::terms(&exported.obligations),
                    by: exported.by.clone(),
                };
                // It concerns whose it is.
                let held = self.state.record(&exported.record);
                Some((what, held.map(|held| held.facts.origin)))
            }
            JournalEntry::ToldWrongly { record, word, .. } => {
                alone(ExportWhat::ToldWrongly { record: self.record(record), word: *word })
            }
            JournalEntry::Guarded(guarded) => alone(ExportWhat::Guard {
                record: self.record(&guarded.record),
                part: guarded.part.to_string(),
                passed: !guarded.passes.is_empty(),
                by: guarded.by.clone(),
            }),
            JournalEntry::Assessed(assessed) => Some(self.assessed(assessed)),
            JournalEntry::AwaitsApproval(awaits) => alone(ExportWhat::AwaitsApproval {
                record: self.record(&awaits.record),
                causes: awaits.causes.iter().map(ToString::to_string).collect(),
            }),
            JournalEntry::Emergency(opened) => {
                let what = ExportWhat::Emergency {
                    record: self.record(&opened.record),
                    to: self.partner(&opened.to),
                    word: opened.word.to_string(),
                    by: opened.by.clone(),
                    confirm_by: opened.confirm_by.to_string(),
                    until: opened.until.to_string(),
                };
                Some((what, Some(opened.to)))
            }
            JournalEntry::Staff(changed) => {
                let here = match &changed.change {
                    StaffChange::Joined(joined) => Some((&joined.roles, joined.key)),
                    StaffChange::JoinedWithin(within) => Some((&within.roles, within.key)),
                    StaffChange::Recognised(_) | StaffChange::Left => None,
                };
                let recognised = match &changed.change {
                    StaffChange::Recognised(key) => Some(key.to_string()),
                    StaffChange::Joined(_) | StaffChange::JoinedWithin(_) | StaffChange::Left => {
                        None
                    }
                };
                let roles = here.iter().flat_map(|(roles, _)| roles.iter());
                let roles = roles.map(|role| role.to_string()).collect();
                let (joined, key) = (here.is_some(), here.map(|(_, key)| key.to_string()));
                let (name, by) = (changed.name.clone(), changed.by.clone());
                alone(ExportWhat::Staff { name, joined, roles, key, recognised, by })
            }
            JournalEntry::Read(read) => {
                let (record, draft) = match read.of {
                    Shown::Record(record) => (Some(record.to_string()), None),
                    Shown::Draft(draft) => (None, Some(draft)),
                };
                alone(ExportWhat::Read { record, draft, by: read.by.clone() })
            }
            JournalEntry::Erased(erasure) => alone(ExportWhat::Erased {
                record: self.record(&erasure.record),
                parts: erasure.parts.iter().map(ToString::to_string).collect(),
                by: erasure.by.clone(),
            }),
            JournalEntry::OnHold(hold) => alone(self.hold(hold, true)),
            JournalEntry::HoldLifted(hold) => alone(self.hold(hold, false)),
            JournalEntry::BackedUp(_) => alone(node("backed-up", None)),
            // Drafts are nobody's business yet; tickets open a door that a pairing goes through or not; how
            // long a record waits is shown by when it was sent; what economies say of their keyrings, by
            // `partner show --json`.
            JournalEntry::Invited(_)
            | JournalEntry::InvitationEnded { .. }
            | JournalEntry::Draft(_)
            | JournalEntry::DraftGone { .. }
            | JournalEntry::HeldBack { .. }
            | JournalEntry::Headed { .. } => None,
        }
    }

    /// A record entered.
    fn entered(
        &self,
        id: RecordId,
        manifest: &Manifest,
        source: &Source,
        parts: &[PartHeld],
    ) -> Option<Told> {
        let by = source.brought_by();
        let told = self.named(id, Some(manifest));
        let body = manifest.body.as_deref().unwrap_or_default();
        let kind = manifest.kind;
        let withdrawal =
            (kind == Kind::Withdrawal).then(|| WithdrawalBody::decode(body).ok()).flatten();
        let answer =
            (kind == Kind::Acknowledgement).then(|| AcknowledgementBody::decode(body).ok());
        let what = match (withdrawal, answer.flatten()) {
            (Some(body), _) => ExportWhat::Withdrawn {
                record: told,
                records: body.records.iter().map(ToString::to_string).collect(),
                recall: body.recall.map(|reason| reason.to_string()),
            },
            (None, Some(body)) => {
                let answer = match body.answer {
                    Answer::Gone => "gone",
                    Answer::Stopped { .. } => "stopped",
                    Answer::Refused { .. } => "refused",
                };
                let (withdrawal, answer) = (body.withdrawal.to_string(), answer.to_owned());
                ExportWhat::Answered { record: told, withdrawal, answer }
            }
            (None, None) => self.brought(kind, told, manifest, source, parts),
        };
        Some((what, by))
    }

    /// A record that takes nothing back, and answers nothing.
    fn brought(
        &self,
        kind: Kind,
        record: ExportRecord,
        manifest: &Manifest,
        source: &Source,
        parts: &[PartHeld],
    ) -> ExportWhat {
        let from = source.brought_by().map(|by| self.partner(&by));
        if kind.is_control() {
            let (change, by) = (kind.to_string(), Some(record));
            return ExportWhat::Policy { change, value: None, with: from, by };
        }
        let parts = digests(parts);
        match from {
            None => ExportWhat::Signed { record, author: manifest.author.to_string(), parts },
            Some(from) => ExportWhat::Received { record, from, number: number(source), parts },
        }
    }

    /// What people here think is nobody else's: it is not in what is exported about one partner.
    fn assessed(&self, assessed: &Assessed) -> Told {
        let Assessed { subject, reliability, credibility, reason: _, by, at: _ } = assessed;
        let (of, source) = match subject {
            AssessedSubject::Record(record) => (Some(self.record(record)), None),
            AssessedSubject::Source(economy) => (None, Some(self.partner(economy))),
        };
        let reliability = reliability.map(|grade| grade.to_string());
        let (credibility, by) = (credibility.map(|grade| grade.code()), by.clone());
        (ExportWhat::Assessed { of, source, reliability, credibility, by }, None)
    }

    fn hold(&self, hold: &LegalHold, stands: bool) -> ExportWhat {
        let (record, by) = (self.record(&hold.record), hold.by.clone());
        ExportWhat::LegalHold { record, stands, by }
    }

    fn partner(&self, economy: &EconomyId) -> ExportPartner {
        let (partner, partner_id) = (self.state.name_of(economy), economy.to_string());
        ExportPartner { partner, partner_id }
    }

    fn record(&self, id: &RecordId) -> ExportRecord {
        self.named(*id, None)
    }

    fn named(&self, id: RecordId, manifest: Option<&Manifest>) -> ExportRecord {
        let Some(held) = self.state.record(&id) else {
            return ExportRecord {
                record: id.to_string(),
                kind: manifest.map(|one| one.kind.to_string()).unwrap_or_default(),
                tlp: manifest.map(|one| one.floor.tlp.to_string()).unwrap_or_default(),
                origin: manifest.map(|one| one.origin.to_string()).unwrap_or_default(),
                ..ExportRecord::default()
            };
        };
        let strictest = held.parts.iter().map(|part| part.marking.tlp).max();
        let strictest = strictest.unwrap_or(held.facts.floor.tlp);
        let leaves = || title_leaves(self.state, held, self.range.titles, self.range.at);
        let told = *self.named.borrow_mut().entry(id).or_insert_with(leaves);
        ExportRecord {
            record: id.to_string(),
            reference: held.reference.clone(),
            kind: held.facts.kind.to_string(),
            tlp: strictest.to_string(),
            origin: held.facts.origin.to_string(),
            title: told.then(|| held.title.clone()).filter(|title| !title.is_empty()),
        }
    }

    fn sections(&self, id: &RecordId, parts: &[PartDigest]) -> Vec<String> {
        let held = self.state.record(id);
        let known = held.into_iter().flat_map(|held| &held.parts);
        let went = known.filter(|part| parts.contains(&part.digest));
        went.map(|part| part.counts_as.to_string()).collect()
    }
}

fn node(what: &str, with: Option<ExportPartner>) -> ExportWhat {
    ExportWhat::Node { what: what.to_owned(), with }
}

fn decided(records: &[RecordId], standing: &Standing, by: &str) -> ExportWhat {
    let standing = match standing {
        Standing::Accepted => "accepted",
        Standing::Pending(_) => "pending",
        Standing::Quarantined(_) => "quarantined",
        Standing::InReview(_) => "in-review",
        Standing::Dropped => "dropped",
    };
    ExportWhat::Decided {
        records: records.iter().map(ToString::to_string).collect(),
        standing: standing.to_owned(),
        by: by.to_owned(),
    }
}

fn digests(parts: &[PartHeld]) -> Vec<String> {
    parts.iter().map(|part| part.digest.to_string()).collect()
}

/// The number in the ledger of whoever brought it.
fn number(source: &Source) -> Option<u64> {
    match source {
        Source::Partner(delivered) => Some(delivered.entry.number),
        Source::Own | Source::Returned { .. } => None,
    }
}

fn outcome(arrival: &Arrival) -> String {
    match arrival.outcome {
        ArrivalOutcome::Void => "void".to_owned(),
        ArrivalOutcome::Known(_) => "known".to_owned(),
        ArrivalOutcome::Withdrawn(_) => "withdrawn".to_owned(),
        ArrivalOutcome::Rejected(code) => RejectReason::from_code(code).to_string(),
        ArrivalOutcome::Unkept(_) => "unknown-origin".to_owned(),
        ArrivalOutcome::Declined(_) => "declined".to_owned(),
    }
}

/// What changed about a partner, and to what.
fn change(change: &PartnerChange) -> (&'static str, Option<String>) {
    match change {
        PartnerChange::Paired { .. } => ("paired", None),
        PartnerChange::Level(number) => {
            let level = u8::try_from(*number).ok().and_then(TrustLevel::from_number);
            ("level", Some(level.map_or_else(|| number.to_string(), |level| level.to_string())))
        }
        PartnerChange::Suspended => ("suspended", None),
        PartnerChange::Resumed => ("resumed", None),
        PartnerChange::Removed => ("removed", None),
        PartnerChange::Addresses(_) => ("addresses", None),
        PartnerChange::Introduced { .. } => ("introduced", None),
        PartnerChange::Intake { kinds, rule } => {
            let kinds: Vec<_> = kinds.iter().map(ToString::to_string).collect();
            let rule = rule.to_string();
            let value =
                if kinds.is_empty() { rule } else { format!("{rule}: {}", kinds.join(", ")) };
            ("intake", Some(value))
        }
    }
}
