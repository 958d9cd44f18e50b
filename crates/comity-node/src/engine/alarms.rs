//! What a partner makes us tell the operator: so much a minute, so that no partner drowns what others say.

use std::collections::BTreeMap;
use std::time::Duration;

use comity_core::cbor::is_unfit;
use comity_core::{EconomyId, Timestamp};

use super::{Alarm, Effect, Engine};
use crate::limits::ALARMS_PER_MINUTE;

const MINUTE: Duration = Duration::from_secs(60);

/// Alarms of each kind that each partner has caused in the minute that runs.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<(EconomyId, &'static str), Minute>);

#[derive(Debug)]
struct Minute {
    since: Timestamp,
    count: u32,
}

impl Told {
    /// Counts one more; how many there were, with it, in the minute that runs.
    fn count(&mut self, partner: EconomyId, code: &'static str, now: Timestamp) -> u32 {
        let minute = self.0.entry((partner, code)).or_insert(Minute { since: now, count: 0 });
        if now.since(minute.since) >= MINUTE {
            *minute = Minute { since: now, count: 0 };
        }
        minute.count = minute.count.saturating_add(1);
        minute.count
    }
}

impl Engine {
    /// Tells the operator, unless a partner has caused too much of the same in this minute.
    pub(super) fn alarm(
        &mut self,
        partner: Option<EconomyId>,
        code: &'static str,
        mut text: String,
    ) {
        let count = partner.map_or(0, |partner| self.told.count(partner, code, self.now));
        if count > ALARMS_PER_MINUTE {
            return;
        }
        if count == ALARMS_PER_MINUTE {
            text.push_str("; more of the same is not told within this minute");
        }
        // A partner's own words may be in it, and a line of the log is a line of ours.
        let text = text.chars().map(|one| if is_unfit(one) { '\u{fffd}' } else { one }).collect();
        self.effects.push(Effect::Alarm(Alarm { partner, code, text }));
    }
}
