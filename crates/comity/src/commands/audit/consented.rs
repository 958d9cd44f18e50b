//! Who has a record by our consent.

use std::io::{self, Write};

use comity_node::api::AuditConsent;

use super::people;
use crate::screen::Table;
use crate::screen::times::Zones;

pub(super) const HEAD: [&str; 6] = ["may have it", "from", "parts", "until", "by", "state"];

/// One line, in the columns of [`HEAD`].
pub(super) fn row(one: &AuditConsent, zones: &Zones) -> [String; 6] {
    [
        one.to.clone(),
        one.from.clone(),
        people(&one.called),
        zones.written(&one.until),
        one.consent.clone(),
        one.state.clone(),
    ]
}

pub(super) fn write(
    consented: &[AuditConsent],
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    if consented.is_empty() {
        return Ok(());
    }
    writeln!(out, "By our consent, from others:")?;
    let mut table = Table::new(&HEAD);
    for one in consented {
        table.row(row(one, zones));
    }
    table.write(out)
}
