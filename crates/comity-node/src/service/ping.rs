//! Reaching a partner, and how long it takes.

use std::time::Duration;

use comity_core::{EconomyId, Timestamp};
use comity_net::Path;

use super::{Service, find_partner};
use crate::api::{PathLine, Pinged};
use crate::error::{ErrorKind, ServiceError};
use crate::shell::{PATIENCE, Pong, Sign, Trouble};
use crate::shell_word::word;
use crate::state::{Bond, Partner, State};

impl Service {
    /// Asks a partner's node for a sign of life over the link, and tells what it took.
    pub async fn ping(&self, name: &str) -> Result<Pinged, ServiceError> {
        let text = name.to_owned();
        let economy = self.look(move |state, _, _| find_partner(state, &text)).await??;
        let sign = self.parts.shell.ping(economy).await.ok_or_else(ServiceError::stopped)?;
        let pong = match sign {
            Sign::Answered(pong) => pong,
            Sign::NoLink => return Err(self.no_link(economy).await?),
            Sign::Silent => return Err(self.silent(economy).await?),
            Sign::Busy => {
                let message = "too many questions to partners are under way";
                return Err(ServiceError::new(ErrorKind::TryLater, "busy", message));
            }
        };
        let endpoint = self.endpoint()?.clone();
        self.look(move |state, engine, _| Pinged {
            partner: state.name_of(&economy),
            economy: economy.to_string(),
            answer_ms: millis(pong.took),
            clock_ahead_ms: ahead(&pong),
            clock_within_ms: millis(pong.took / 2),
            path: engine.link_with(&economy).and_then(|conn| endpoint.path(conn)).map(path_line),
        })
        .await
    }

    /// Why there is no link, and what to do about it.
    async fn no_link(&self, economy: EconomyId) -> Result<ServiceError, ServiceError> {
        let running = self.parts.endpoint.is_some();
        self.look(move |state, _, seen| {
            let name = state.name_of(&economy);
            let Some(partner) = state.partner(&economy).filter(|_| running) else {
                let message = format!("there is no link to {name}: the node is not running");
                return ServiceError::new(ErrorKind::Unavailable, "node-not-running", message)
                    .next("comity run");
            };
            let trouble = seen.trouble.get(&economy);
            let (why, next) = missing(state, partner, trouble);
            let message = format!("there is no link to {name}: {why}");
            ServiceError::new(ErrorKind::Unavailable, "no-link", message).next(next)
        })
        .await
    }

    async fn silent(&self, economy: EconomyId) -> Result<ServiceError, ServiceError> {
        self.look(move |state, _, _| {
            let name = state.name_of(&economy);
            let seconds = PATIENCE.as_secs();
            let message = format!("{name} is connected, and has not answered within {seconds} s");
            ServiceError::new(ErrorKind::Unavailable, "no-answer", message)
                .next(format!("ask its operator to look; comity partner show {}", word(&name)))
        })
        .await
    }
}

/// Why a link is missing, and the command that mends it.
fn missing(state: &State, partner: &Partner, trouble: Option<&Trouble>) -> (String, String) {
    let name = word(&partner.name);
    if partner.bond == Bond::Paired
        && let Some(trouble) = trouble
        && let Some(mend) = trouble.kind.mend(&name, "comity")
    {
        return (trouble.text.clone(), mend);
    }
    let trouble = trouble.map(|trouble| trouble.text.as_str());
    match partner.bond {
        Bond::Introduced(by) => (
            format!("it is only introduced, by {}", state.name_of(&by)),
            format!("pair with it: comity partner invite --as {name}"),
        ),
        Bond::Removed => (
            "the pairing has ended".to_owned(),
            format!("pair anew: comity partner invite --as {name}"),
        ),
        Bond::Suspended => ("it is suspended".to_owned(), format!("comity partner resume {name}")),
        Bond::Paired if partner.addresses.is_empty() => (
            trouble.unwrap_or("it has no address, and has not dialed").to_owned(),
            format!("comity partner reach {name} HOST:PORT, or let it dial"),
        ),
        Bond::Paired => (
            trouble.unwrap_or("it has not answered yet").to_owned(),
            format!("comity doctor; if it has moved: comity partner reach {name} HOST:PORT"),
        ),
    }
}

/// By how many milliseconds their clock is ahead: the answer is taken to have been made half-way.
fn ahead(pong: &Pong) -> i64 {
    let halfway = pong.asked.saturating_add(pong.took / 2);
    let signed = |at: Timestamp| i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    signed(pong.theirs).saturating_sub(signed(halfway))
}

fn path_line(path: Path) -> PathLine {
    PathLine {
        remote: path.remote.to_string(),
        rtt_ms: millis(path.round_trip),
        shortest_rtt_ms: millis(path.shortest),
        bytes_sent: path.bytes_sent,
        bytes_received: path.bytes_received,
        packets_sent: path.packets_sent,
        packets_lost: path.packets_lost,
        bytes_lost: path.bytes_lost,
        window_bytes: path.window,
        datagram_bytes: path.datagram,
    }
}

/// To the microsecond: what follows is noise.
fn millis(duration: Duration) -> f64 {
    f64::from(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_compared_at_half_the_way() {
        let asked = Timestamp::from_millis(1_000_000);
        let pong = |took: u64, theirs: u64| Pong {
            took: Duration::from_millis(took),
            asked,
            theirs: Timestamp::from_millis(theirs),
        };
        assert_eq!(ahead(&pong(300, 1_000_150)), 0);
        assert_eq!(ahead(&pong(300, 1_060_150)), 60_000);
        assert_eq!(ahead(&pong(0, 400_000)), -600_000);
        assert_eq!(ahead(&pong(0, u64::MAX)), i64::MAX - 1_000_000);
    }
}
