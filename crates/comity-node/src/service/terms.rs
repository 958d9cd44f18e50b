//! When what is here goes, and by which rule.

use std::path::Path;

use comity_core::{RecordId, Timestamp, Tlp};

use super::caller::discreet_title;
use super::records::found;
use super::{Service, words};
use crate::api::{BackupLine, Backups, RetentionDueRequest, RetentionLine};
use crate::config::units;
use crate::engine::term_in_words;
use crate::error::ServiceError;
use crate::limits::{A_DAY, COMPARED_AT_ONCE};
use crate::state::{Held, Rule, State, Stays};

impl Service {
    /// For each part of a record: until when its body is kept, and by which rule.
    pub async fn retention(&self, record: &str) -> Result<Vec<RetentionLine>, ServiceError> {
        let (text, own, now) = (record.to_owned(), self.config().retention, self.now());
        let sees = self.sees();
        self.look(move |state, _, _| {
            let (id, held) = found(state, &text)?;
            Ok::<_, ServiceError>(lines(state, &id, held, &own, (now, sees)))
        })
        .await?
    }

    /// What goes within a time from now, the first first.
    pub async fn retention_due(
        &self,
        request: RetentionDueRequest,
    ) -> Result<Vec<RetentionLine>, ServiceError> {
        let within = units::duration(&request.within).map_err(|error| {
            ServiceError::usage("within", error.to_string()).next("such as \"30 days\"")
        })?;
        let (own, now, sees) = (self.config().retention, self.now(), self.sees());
        let until = now.saturating_add(within);
        let (mut after, mut due): (Option<RecordId>, Vec<(Timestamp, RetentionLine)>) =
            (None, Vec::new());
        loop {
            // The engine goes on in between.
            let step = self.look(move |state, _, _| {
                let (mut looked, mut found, mut last) = (0_usize, Vec::new(), None);
                for (id, held) in state.records_after(after) {
                    looked = looked.saturating_add(1).saturating_add(held.parts.len());
                    for (place, part) in held.parts.iter().enumerate() {
                        let due = state.term_of(held, part, &own).filter(|due| due.at <= until);
                        let Some(due) = due else { continue };
                        let mut lines = lines(state, id, held, &own, (now, sees));
                        found.push((due.at, lines.swap_remove(place)));
                    }
                    if looked >= COMPARED_AT_ONCE {
                        last = Some(*id);
                        break;
                    }
                }
                (found, last)
            });
            let (found, last) = step.await?;
            due.extend(found);
            after = last;
            if after.is_none() {
                break;
            }
        }
        due.sort_by(|one, other| (one.0, &one.1.reference).cmp(&(other.0, &other.1.reference)));
        Ok(due.into_iter().map(|(_, line)| line).collect())
    }
}

impl Service {
    /// The copies of the journal that were made here and are still there, and which of them have what should
    /// be gone.
    pub async fn backups(&self) -> Result<Backups, ServiceError> {
        let (own, now) = (self.config().retention, self.now());
        let (term, copies) = self
            .look(move |state, _, _| {
                let copies: Vec<_> = state.copies().cloned().collect();
                (state.shortest_term(&own), copies)
            })
            .await?;
        let there = copies.into_iter().filter(|copy| Path::new(&copy.folder).exists());
        let mut backups: Vec<_> = there
            .map(|copy| BackupLine {
                at: copy.at.to_string(),
                stale: term.is_some_and(|term| now.since(copy.at) > term),
                folder: copy.folder,
            })
            .collect();
        backups.sort_by(|one, other| one.at.cmp(&other.at));
        let days = term.map(|term| term.as_secs() / A_DAY.as_secs());
        Ok(Backups { shortest_term_days: days, backups })
    }
}

fn lines(
    state: &State,
    id: &RecordId,
    held: &Held,
    own: &crate::config::Retention,
    (now, sees): (Timestamp, Option<Tlp>),
) -> Vec<RetentionLine> {
    let stays = state.stays(id).map(|stays| match stays {
        Stays::OnHold => "legal-hold",
        Stays::Asked => "asked",
        Stays::AwaitsApproval => "awaits-approval",
    });
    let title = discreet_title(held, sees, words::record_line(state, id, held, now).title);
    (1..)
        .zip(&held.parts)
        .map(|(number, part)| {
            let due = state.term_of(held, part, own);
            RetentionLine {
                record: id.to_string(),
                reference: held.reference.clone(),
                title: title.clone(),
                number,
                part: part.digest.to_string(),
                section: part.counts_as.to_string(),
                tlp: part.marking.tlp.to_string(),
                goes_at: due.map(|due| due.at.to_string()),
                rule: due.map(|due| term_in_words(state, &due)),
                agreed: due.is_some_and(|due| matches!(due.rule, Rule::Lent { .. })),
                stays: stays.filter(|_| due.is_some()).map(str::to_owned),
                erased: state.erasures().took(&part.digest).map(super::erasing::erased_line),
            }
        })
        .collect()
}
