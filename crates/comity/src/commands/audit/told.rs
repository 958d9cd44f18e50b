//! `comity audit told`: who was told by other means.

use std::io::{self, Write};

use comity_admin::Failure;
use comity_core::Timestamp;
use comity_node::api::{AuditOutside, ToldRequest, WrongRequest};

use super::people;
use crate::backend::Keys;
use crate::cli::AuditTold;
use crate::commands::Context;
use crate::screen::Table;
use crate::screen::times::Zones;

pub(super) fn run(asked: AuditTold, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Shut)?;
    let record = asked.record;
    let said: Vec<AuditOutside> = match asked.wrong {
        Some(word) => {
            let reason = asked.reason.unwrap_or_default();
            session.call("/told-wrongly", &WrongRequest { record, word, reason })?
        }
        None => {
            let request = ToldRequest {
                record,
                whom: asked.to.unwrap_or_default(),
                by: asked.by.map(|means| means.to_string()).unwrap_or_default(),
                sections: asked.sections,
                told: asked.at.map(Timestamp::precise),
                teller: asked.teller.unwrap_or_default(),
                note: asked.note.unwrap_or_default(),
            };
            session.call("/told-outside", &request)?
        }
    };
    context.screen.answer(&said, |out| write(&said, &zones, out))
}

/// Whatever was said of one record.
pub(super) fn write(said: &[AuditOutside], zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    if said.is_empty() {
        return Ok(());
    }
    table(said, zones).write(out)
}

pub(super) fn table(said: &[AuditOutside], zones: &Zones) -> Table {
    let mut table = Table::new(&["told besides", "no.", "by", "when", "parts", "said"]);
    for one in said {
        table.row([
            one.whom.clone(),
            one.word.to_string(),
            one.by.clone(),
            zones.written(&one.told),
            people(&one.sections),
            remarks(one),
        ]);
    }
    table
}

/// Who told them, what else was said, and whether it was wrong.
pub(super) fn remarks(one: &AuditOutside) -> String {
    let wrong = one.wrong.as_ref().map(|why| format!("wrong: {why}"));
    let teller = Some(one.teller.as_str()).filter(|teller| !teller.is_empty());
    let teller = teller.map(|teller| format!("told by {teller}"));
    let note = Some(one.note.clone()).filter(|note| !note.is_empty());
    [wrong, teller, note].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
