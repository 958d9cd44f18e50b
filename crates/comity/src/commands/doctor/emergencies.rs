//! Emergency releases that want a person, and the key for the next one.

use std::time::Duration;

use comity_core::Timestamp;
use comity_node::api::Status;
use comity_node::clock;

use super::Finding;
use crate::commands::release;
use crate::screen::times::Zones;

/// Before it ends, somebody has to bring the root keys.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// What makes one.
const MAKE: &str = "key emergency";

pub(super) fn look(status: &Status, zones: &Zones, comity: &str) -> Vec<Finding> {
    let open = status.emergencies.iter().map(|due| {
        let what = release::in_words(due, zones, comity);
        let (what, mend) =
            what.split_once(&format!(": {comity} ")).unwrap_or((&what, "release list"));
        Finding::wrong("emergency", what, format!("{comity} {mend}"))
    });
    open.chain([key(status, zones, comity, clock::now())]).collect()
}

fn key(status: &Status, zones: &Zones, comity: &str, now: Timestamp) -> Finding {
    let make = format!("with the root keys at hand: {comity} {MAKE}");
    let Some(until) = &status.emergency_key_until else {
        let what =
            "there is no emergency key: in an emergency no record goes beyond what is agreed";
        return Finding::note("emergency", what, make);
    };
    let written = zones.written(until);
    match until.parse::<Timestamp>() {
        Ok(until) if until.since(now) > SOON => {
            Finding::fine("emergency", format!("its key is granted until {written}"))
        }
        Ok(_) | Err(_) => Finding::wrong("emergency", format!("its key ends at {written}"), make),
    }
}
