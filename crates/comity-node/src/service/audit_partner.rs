//! What one partner was told, from the ledger to it.

use std::collections::BTreeSet;

use comity_core::{EconomyId, RecordId, Timestamp, Tlp};

use super::audit::stands;
use super::caller::discreet_title;
use super::{Service, consented, emergencies, find_partner, outside, words};
use crate::api::{About, AuditPartner, AuditPartnerRequest, AuditSent};
use crate::error::ServiceError;
use crate::limits::{AUDITED_AT_ONCE, AUDITED_ON_A_PAGE};
use crate::state::{OutEntry, Partner, State};

impl Service {
    /// A page of what one partner was told.
    pub async fn audit_partner(
        &self,
        request: AuditPartnerRequest,
    ) -> Result<AuditPartner, ServiceError> {
        let since = request.since.as_deref().map(words::instant).transpose()?;
        let (now, sees) = (self.now(), self.sees());
        let page = self
            .look(move |state, _, _| page(state, &request, (since.unwrap_or_default(), now), sees));
        page.await?
    }
}

fn page(
    state: &State,
    request: &AuditPartnerRequest,
    (since, now): (Timestamp, Timestamp),
    sees: Option<Tlp>,
) -> Result<AuditPartner, ServiceError> {
    let economy = find_partner(state, &request.partner)?;
    let Some(partner) = state.partner(&economy) else {
        return Err(ServiceError::no_input("no-partner", "no such partner"));
    };
    let mut page = AuditPartner {
        partner: state.name_of(&economy),
        partner_id: economy.to_string(),
        sent: Vec::new(),
        control: 0,
        consented: Vec::new(),
        told_outside: Vec::new(),
        next: None,
    };
    if request.after == 0 {
        besides(state, &economy, &mut page, (since, now), sees);
    }
    let mut looked_at = 0_usize;
    for (number, line) in partner.out.entries_from(request.after.saturating_add(1)) {
        if page.sent.len() >= AUDITED_ON_A_PAGE || looked_at >= AUDITED_AT_ONCE {
            page.next = Some(number.saturating_sub(1));
            break;
        }
        looked_at = looked_at.saturating_add(1);
        if line.at < since {
            continue;
        }
        let record = line.entry.as_ref().map(|entry| entry.record);
        let control = record
            .and_then(|record| state.record(&record))
            .is_some_and(|held| held.facts.kind.is_control());
        if control && !request.control {
            page.control = page.control.saturating_add(1);
        } else {
            page.sent.extend(sent(state, (&economy, partner), line, (now, sees)));
        }
    }
    Ok(page)
}

/// What the partner may know that stands in no ledger to it.
fn besides(
    state: &State,
    economy: &EconomyId,
    page: &mut AuditPartner,
    (since, now): (Timestamp, Timestamp),
    sees: Option<Tlp>,
) {
    let about = |record: &RecordId| {
        let held = state.record(record)?;
        let line = words::record_line(state, record, held, now);
        Some((line.reference, discreet_title(held, sees, line.title)))
    };
    let grants = state.consents().grants();
    let ours = grants.filter(|(_, word)| word.by == state.us() && word.says.grantee == *economy);
    let records: BTreeSet<_> = ours.map(|(_, word)| word.says.record).collect();
    let id = economy.to_string();
    let begun = |at: &str| at.parse::<Timestamp>().is_ok_and(|at| at >= since);
    for record in &records {
        let Some((reference, title)) = about(record) else { continue };
        let lines = consented::lines(state, record, now).into_iter();
        let to_it = lines.filter(|line| line.to_id == id && begun(&line.at));
        page.consented.extend(to_it.map(|said| About {
            reference: reference.clone(),
            title: title.clone(),
            said,
        }));
    }
    let named = |whom: &str| whom.eq_ignore_ascii_case(&page.partner) || whom == id;
    let mut told = Vec::new();
    for record in state.told_of_outside() {
        let Some((reference, title)) = about(record) else { continue };
        let lines = outside::lines(state, record).into_iter();
        let to_it = lines.filter(|line| named(&line.whom) && begun(&line.told));
        told.extend(to_it.map(|said| About {
            reference: reference.clone(),
            title: title.clone(),
            said,
        }));
    }
    page.told_outside = told;
}

/// A delivery in a list of many; nothing of a number that carried nothing.
pub(super) fn sent(
    state: &State,
    (economy, partner): (&EconomyId, &Partner),
    line: &OutEntry,
    (now, sees): (Timestamp, Option<Tlp>),
) -> Option<AuditSent> {
    let entry = line.entry.as_ref()?;
    let held = state.record(&entry.record);
    let section = |digest| {
        let part = held?.parts.iter().find(|part| part.digest == digest)?;
        Some(part.counts_as.to_string())
    };
    let shown = held.map(|held| words::record_line(state, &entry.record, held, now));
    let receipt = partner.out.receipt_for(entry.number);
    let mut told = AuditSent {
        partner: state.name_of(economy),
        partner_id: economy.to_string(),
        number: entry.number,
        reference: entry.record.to_string(),
        kind: String::new(),
        title: String::new(),
        at: line.at.to_string(),
        sections: entry.parts.iter().filter_map(|digest| section(*digest)).collect(),
        parts: entry.parts.iter().map(ToString::to_string).collect(),
        state: stands(partner, line, entry.number),
        receipt: receipt.map(|(at, _)| at.to_string()),
        emergency: emergencies::release_of(state, economy, entry.number),
    };
    if let (Some(held), Some(shown)) = (held, shown) {
        (told.reference, told.kind) = (shown.reference, shown.kind);
        told.title = discreet_title(held, sees, shown.title);
    }
    Some(told)
}
