//! The daily word about our keyring: that it is still the newest.

use tokio::task::JoinHandle;

use super::Service;
use crate::engine::Command;
use crate::error::ServiceError;

impl Service {
    /// Says it by itself once a day, and of a new keyring within the hour.
    pub(crate) fn confirm_keyring_daily(&self) -> JoinHandle<()> {
        self.hourly("our keyring was not confirmed", |service| async move {
            service.confirm_due_keyring().await
        })
    }

    /// Says it of a keyring that is in force since now, where it was ever said of one.
    pub(super) async fn confirm_new_keyring(&self) {
        let said = self.look(|state, _, _| state.head_of(&state.us()).is_some()).await;
        let confirmed = match said {
            Ok(true) => self.confirm_due_keyring().await,
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        // The hourly look says it otherwise.
        if let Err(error) = confirmed {
            tracing::warn!("our new keyring was not confirmed: {error}");
        }
    }

    /// Says it if it is time.
    pub(super) async fn confirm_due_keyring(&self) -> Result<(), ServiceError> {
        let now = self.now();
        if self.look(move |state, _, _| state.own_head_is_due(now)).await? {
            self.command(Command::ConfirmKeyring).await?;
        }
        Ok(())
    }
}
