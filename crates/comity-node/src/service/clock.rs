//! The clock, and a person's word that it is right.

use comity_core::Timestamp;
use comity_core::limits::CLOCK_TOLERANCE;

use super::Service;
use crate::api::ClockState;
use crate::clock::Look;
use crate::error::{ErrorKind, ServiceError};

impl Service {
    /// How the clocks stand.
    pub async fn clock(&self) -> Result<ClockState, ServiceError> {
        let unsure = self.look(|state, engine, _| engine.unsure().map(|_| state.vouched())).await?;
        Ok(state(self.parts.clock.look(), unsure))
    }

    /// A person has seen the system's clock say `time`, and says that it is right.
    pub async fn confirm_clock(&self, time: &str) -> Result<ClockState, ServiceError> {
        let seen = time.parse::<Timestamp>();
        let seen = seen.map_err(|error| ServiceError::usage("time", error.to_string()))?;
        match self.parts.clock.confirm(seen) {
            // A count that is ahead of it is not what was confirmed, and things wait for their time by it.
            Ok(look) if look.node.since(look.system) > CLOCK_TOLERANCE => {
                let message = format!(
                    "the node goes by {}, which is ahead of the clock that you confirm",
                    look.node
                );
                Err(ServiceError::new(ErrorKind::TryLater, "node-ahead", message)
                    .next("start the node anew: it takes the system's clock then"))
            }
            Ok(look) => {
                // What has been kept long enough may go by it.
                let told = self.parts.shell.ask(|engine, _| engine.clock_is_confirmed());
                told.await.ok_or_else(ServiceError::stopped)?;
                tracing::info!(time = %look.node, "the system's clock was confirmed");
                Ok(state(look, None))
            }
            Err(look) => {
                let message = format!("the system's clock says {} by now, not {seen}", look.system);
                Err(ServiceError::new(ErrorKind::TryLater, "clock-moved", message)
                    .next("comity clock show"))
            }
        }
    }
}

/// `unsure`: up to when somebody vouches for the time, where that is too long ago.
fn state(look: Look, unsure: Option<Timestamp>) -> ClockState {
    let doubt = unsure.map(|vouched| {
        let problem = format!("nobody vouches for a time after {vouched}: nothing goes, and nothing is erased, whose time came since");
        (problem, "compare the node's time with another clock: comity clock confirm".to_owned())
    });
    let wrong = look.problem.map(|problem| (problem.to_string(), problem.next().to_owned()));
    let (problem, next) = wrong.or(doubt).unzip();
    ClockState {
        node: look.node.to_string(),
        system: look.system.to_string(),
        held: look.is_held(),
        unsure: unsure.is_some(),
        problem,
        next,
    }
}
