//! `comity audit partner`: what one partner was told.

use std::io::{self, Write};

use comity_admin::Failure;
use comity_core::Timestamp;
use comity_node::api::{About, AuditPartner, AuditPartnerRequest, AuditSent};

use super::told::remarks;
use super::{people, with_emergency};
use crate::backend::Keys;
use crate::commands::Context;
use crate::screen::format::counted;
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

pub(super) fn run(
    partner: &str,
    since: Option<Timestamp>,
    control: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let mut request = AuditPartnerRequest {
        partner: partner.to_owned(),
        since: since.map(Timestamp::precise),
        control,
        after: 0,
    };
    let mut whole: AuditPartner = session.call("/audit-partner", &request)?;
    while let Some(after) = whole.next.take() {
        // By its id: the name may be another's by the next page.
        request.partner.clone_from(&whole.partner_id);
        request.after = after;
        let page: AuditPartner = session.call("/audit-partner", &request)?;
        whole.sent.extend(page.sent);
        whole.control = whole.control.saturating_add(page.control);
        whole.next = page.next;
    }
    context.screen.answer(&whole, |out| {
        let name = printable(&whole.partner);
        let since = since.map(|at| format!(" since {}", zones.show(at))).unwrap_or_default();
        if whole.sent.is_empty() && whole.told_outside.is_empty() {
            writeln!(out, "{name} was told of no record{since}.")?;
        } else if whole.sent.is_empty() {
            writeln!(out, "{name} was told of no record over comity{since}.")?;
        } else {
            table(&whole.sent, false, &zones).write(out)?;
        }
        write_besides(&whole, &zones, out)?;
        if whole.control > 0 {
            let words = counted(whole.control, "word", "words");
            writeln!(out, "{words} of control (agreements, keyrings, ...): --control lists them")?;
        }
        Ok(())
    })
}

/// What it may know that no delivery brought.
fn write_besides(whole: &AuditPartner, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    if !whole.consented.is_empty() {
        let mut table = Table::new(&["by our consent", "title", "from", "parts", "since", "state"]);
        for About { reference, title, said } in &whole.consented {
            let parts = if said.called.is_empty() { &said.sections } else { &said.called };
            table.row([
                reference.clone(),
                title.clone(),
                said.from.clone(),
                people(parts),
                zones.written(&said.at),
                said.state.clone(),
            ]);
        }
        table.write(out)?;
    }
    if !whole.told_outside.is_empty() {
        let mut table = Table::new(&["told besides", "title", "by", "when", "parts", "said"]);
        for About { reference, title, said } in &whole.told_outside {
            table.row([
                reference.clone(),
                title.clone(),
                said.by.clone(),
                zones.written(&said.told),
                people(&said.sections),
                remarks(said),
            ]);
        }
        table.write(out)?;
    }
    Ok(())
}

/// Deliveries of many records, or to many partners.
pub(super) fn table(sent: &[AuditSent], to: bool, zones: &Zones) -> Table {
    let first = if to { "to" } else { "record" };
    let mut head = vec![first, "decided", "parts", "state", "receipt"];
    if !to {
        head.insert(1, "title");
    }
    let mut table = Table::new(&head);
    for one in sent {
        let receipt = one.receipt.as_deref().map(|at| zones.written(at));
        let parts = if one.parts.is_empty() { one.kind.clone() } else { people(&one.sections) };
        let mut row = vec![
            zones.written(&one.at),
            parts,
            with_emergency(&one.state, one.emergency.as_deref()),
            receipt.unwrap_or_else(|| "none yet".to_owned()),
        ];
        if to {
            row.insert(0, one.partner.clone());
        } else {
            row.insert(0, one.title.clone());
            row.insert(0, one.reference.clone());
        }
        table.row(row);
    }
    table
}
