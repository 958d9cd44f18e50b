//! The clock, and a person's word that it is right.

use comity_core::Timestamp;

use super::Service;
use crate::api::ClockState;
use crate::clock::Look;
use crate::error::{ErrorKind, ServiceError};

impl Service {
    /// How the clocks stand.
    #[must_use]
    pub fn clock(&self) -> ClockState {
        state(self.parts.clock.look())
    }

    /// A person has seen the system's clock say `time`, and says that it is right.
    pub async fn confirm_clock(&self, time: &str) -> Result<ClockState, ServiceError> {
        let seen = time.parse::<Timestamp>();
        let seen = seen.map_err(|error| ServiceError::usage("time", error.to_string()))?;
        match self.parts.clock.confirm(seen) {
            Ok(look) => {
                // What has been kept long enough may go by it.
                let told = self.parts.shell.ask(|engine, _| engine.clock_is_confirmed());
                told.await.ok_or_else(ServiceError::stopped)?;
                tracing::info!(time = %look.node, "the system's clock was confirmed");
                Ok(state(look))
            }
            Err(look) => {
                let message = format!("the system's clock says {} by now, not {seen}", look.system);
                Err(ServiceError::new(ErrorKind::TryLater, "clock-moved", message)
                    .next("comity clock show"))
            }
        }
    }
}

fn state(look: Look) -> ClockState {
    ClockState {
        node: look.node.to_string(),
        system: look.system.to_string(),
        held: look.is_held(),
        problem: look.problem.map(|problem| problem.to_string()),
        next: look.problem.map(|problem| problem.next().to_owned()),
    }
}
