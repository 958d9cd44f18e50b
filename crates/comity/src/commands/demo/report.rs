//! What the demonstration found out: one object for programs, one screen for people.

use std::collections::BTreeMap;

use comity_node::api::{AuditDelivery, AuditWho, Preview};
use serde::Serialize;

/// Everything, measured.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) records: Vec<Record>,
    pub(super) partners: Vec<Partner>,
    pub(super) predicted: Vec<Predicted>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) checks: Vec<Check>,
    pub(super) rows: Rows,
    pub(super) told: Vec<Told>,
    pub(super) measured: Measured,
}

#[derive(Debug, Serialize)]
pub(super) struct Record {
    pub(super) record: String,
    /// As its origin calls it.
    pub(super) reference: String,
    pub(super) from: String,
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) tlp: String,
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
pub(super) struct Part {
    pub(super) part: String,
    pub(super) section: String,
    pub(super) tlp: String,
    pub(super) size: u64,
    pub(super) destination: Option<String>,
}

/// Two economies, and what is signed between them.
#[derive(Debug, Serialize)]
pub(super) struct Partner {
    pub(super) of: String,
    pub(super) partner: String,
    pub(super) economy: String,
    pub(super) bond: String,
    pub(super) introduced_by: Option<String>,
    pub(super) level: u8,
    pub(super) agreements: Vec<String>,
}

/// What the sender's preview said of one part for one partner.
#[derive(Debug, Serialize)]
pub(super) struct Predicted {
    pub(super) record: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) part: String,
    pub(super) section: String,
    pub(super) outcome: String,
    pub(super) until: Option<String>,
    pub(super) gate: Option<String>,
    pub(super) clause: Option<String>,
    /// Whether the books say the same.
    pub(super) came_true: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Delivery {
    pub(super) record: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) number: u64,
    pub(super) parts_released: Vec<String>,
    pub(super) parts_withheld: Vec<Withheld>,
    pub(super) signature_valid: bool,
    pub(super) receipt_valid: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Withheld {
    pub(super) part: String,
    pub(super) gate: String,
    pub(super) clause: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) what: String,
    pub(super) ok: bool,
    pub(super) detail: String,
}

/// How the rows of the feed were shared out.
#[derive(Debug, Default, Serialize)]
pub(super) struct Rows {
    pub(super) by_code: BTreeMap<&'static str, u64>,
    pub(super) total: u64,
    pub(super) unowned: u64,
}

/// One line of the answer to "who did we tell?".
#[derive(Debug, Serialize)]
pub(super) struct Told {
    pub(super) partner: String,
    pub(super) at: String,
    pub(super) sections: Vec<String>,
    pub(super) state: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    pub(super) bytes: u64,
    /// From the command to publish until the partner has it durably.
    pub(super) p99_stored_ms: f64,
    /// From the command to publish until the partner's signed receipt is kept here.
    pub(super) p99_receipt_ms: f64,
    pub(super) samples: usize,
}

/// Control parts of an addressed record: who is named.
pub(super) const ADDRESSEE: &str = "addressee";

impl Report {
    /// Takes note of a record and of what its sender's preview says.
    pub(super) fn predict(&mut self, from: &str, preview: &Preview) {
        let line = &preview.record;
        if line.source == "own" {
            let parts = preview.parts.iter().map(|part| Part {
                part: part.part.clone(),
                section: part.section.clone(),
                tlp: part.tlp.clone(),
                size: part.size,
                destination: part.destination.clone(),
            });
            self.records.push(Record {
                record: line.record.clone(),
                reference: line.reference.clone(),
                from: from.to_owned(),
                kind: line.kind.clone(),
                title: line.title.clone(),
                tlp: line.tlp.clone(),
                parts: parts.collect(),
            });
        }
        let cells =
            preview.parts.iter().flat_map(|part| part.cells.iter().map(move |cell| (part, cell)));
        // What came from a partner is not offered to it again.
        let cells = cells.filter(|(_, cell)| cell.partner != line.origin);
        self.predicted.extend(cells.map(|(part, cell)| Predicted {
            record: line.record.clone(),
            from: from.to_owned(),
            to: cell.partner.clone(),
            part: part.part.clone(),
            section: part.section.clone(),
            outcome: cell.outcome.clone(),
            until: cell.until.clone(),
            gate: cell.gate.clone(),
            clause: cell.reason.clone(),
            came_true: false,
        }));
    }

    /// Who is to get any of a record from `from`.
    pub(super) fn recipients(&self, record: &str, from: &str) -> Vec<String> {
        let going = self.predicted.iter().filter(|one| one.record == record && one.from == from);
        let mut names: Vec<_> =
            going.filter(|one| one.outcome == "release").map(|one| one.to.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Holds what was predicted of a record against the sender's books.
    pub(super) fn compare(&mut self, from: &str, audit: &AuditWho) {
        let record = &audit.record.record;
        let here = |one: &&mut Predicted| one.record == *record && one.from == from;
        for one in self.predicted.iter_mut().filter(here) {
            let went = audit.deliveries.iter().any(|told| {
                told.partner == one.to && told.state == "stored" && told.parts.contains(&one.part)
            });
            let touched = audit
                .deliveries
                .iter()
                .any(|told| told.partner == one.to && told.parts.contains(&one.part));
            one.came_true = if one.outcome == "release" { went } else { !touched };
        }
    }

    /// Takes note of a delivery as the sender's books have it.
    pub(super) fn delivered(
        &mut self,
        from: &str,
        record: &str,
        told: &AuditDelivery,
        receipt_valid: bool,
    ) {
        let withheld = told.withheld.iter().map(|part| Withheld {
            part: part.part.clone(),
            gate: part.gate.clone(),
            clause: part.clause.clone(),
        });
        self.deliveries.push(Delivery {
            record: record.to_owned(),
            from: from.to_owned(),
            to: told.partner.clone(),
            number: told.number,
            parts_released: told.parts.clone(),
            parts_withheld: withheld.collect(),
            signature_valid: false,
            receipt_valid,
        });
    }

    /// Takes note of a check.
    pub(super) fn check(&mut self, name: &'static str, what: &str, done: anyhow::Result<String>) {
        let (ok, detail) = match done {
            Ok(detail) => (true, detail),
            Err(error) => (false, format!("{error:#}")),
        };
        self.checks.push(Check { name, what: what.to_owned(), ok, detail });
    }

    /// Releases that came true, and all; then the same of what stays.
    pub(super) fn counts(&self) -> [usize; 4] {
        let of = |release: bool| {
            let meant = move |one: &&Predicted| (one.outcome == "release") == release;
            let all = self.predicted.iter().filter(meant);
            (all.clone().filter(|one| one.came_true).count(), all.count())
        };
        let ((released, releases), (stayed, stays)) = (of(true), of(false));
        [released, releases, stayed, stays]
    }

    /// Whether every delivery verifies.
    pub(super) fn receipts_valid(&self) -> bool {
        self.deliveries.iter().all(|one| one.receipt_valid)
    }

    /// Whether everything is as it should be.
    pub(super) fn is_good(&self) -> bool {
        let signed = self.deliveries.iter().all(|one| one.signature_valid);
        self.predicted.iter().all(|one| one.came_true)
            && !self.deliveries.is_empty()
            && signed
            && self.receipts_valid()
            && self.checks.iter().all(|one| one.ok)
    }
}
