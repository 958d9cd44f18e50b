//! The daily word about our keyring: that it is still the newest.

use std::sync::Arc;
use std::time::Duration;

use comity_core::Timestamp;
use comity_core::keyring::DatedHead;
use tokio::task::JoinHandle;

use super::Service;
use crate::engine::Command;
use crate::error::ServiceError;
use crate::limits::A_DAY;
use crate::state::State;

impl Service {
    /// Says it by itself once a day, and of a new keyring within the hour.
    pub(crate) fn confirm_keyring_daily(&self) -> JoinHandle<()> {
        let service = Arc::downgrade(&self.parts);
        tokio::spawn(async move {
            let mut hours = tokio::time::interval(Duration::from_secs(60 * 60));
            loop {
                hours.tick().await;
                let Some(parts) = service.upgrade() else { return };
                if let Err(error) = Self::by_itself(parts).confirm_due_keyring().await {
                    tracing::warn!("our keyring was not confirmed: {error}");
                }
            }
        })
    }

    async fn confirm_due_keyring(&self) -> Result<(), ServiceError> {
        let now = self.now();
        if self.look(move |state, _, _| is_due(state, now)).await? {
            self.command(Command::ConfirmKeyring).await?;
        }
        Ok(())
    }
}

/// Whether our last word is a day old, or of another keyring than the one in force.
fn is_due(state: &State, now: Timestamp) -> bool {
    let us = state.us();
    let Some(keyring) = state.keyring(&us) else { return false };
    state.head_of(&us).is_none_or(|said| {
        let said = *said.head();
        said.at.saturating_add(A_DAY) <= now || said != DatedHead::of(keyring, said.at)
    })
}
