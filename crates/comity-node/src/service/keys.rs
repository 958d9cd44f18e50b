//! The link key rotates without pairing again: the root grants a new one, and the certificate carries
//! the grant.

use comity_core::Kind;

use super::Service;
use crate::engine::CommandError;
use crate::error::{ErrorKind, ServiceError};
use crate::node::link_identity;
use crate::rotation;

impl Service {
    /// Grants a new link key and ends the old one. Needs the root keys. What is interrupted is finished
    /// at the next start; where the engine refuses the keyring, the old key comes back.
    pub async fn rotate_link(&self) -> Result<(), ServiceError> {
        let _alone = self.parts.rotating.try_lock().map_err(|_held| {
            let message = "the key of the links is being replaced already";
            ServiceError::new(ErrorKind::TryLater, "rotation-under-way", message)
                .next("when that has ended: comity status")
        })?;
        let folder = self.parts.config.folder.clone();
        let passphrase = self.parts.passphrase.clone();
        let now = self.now();
        let current = self.look(|state, engine, _| {
            engine.may_sign_keyring()?;
            Ok::<_, CommandError>(state.keyring(&state.us()).cloned())
        });
        let missing = || ServiceError::data("keyring", "our own keyring is not here");
        let current = current.await??.ok_or_else(missing)?;
        let before = rotation::link_key(&folder, passphrase.as_ref())?;
        let (link, keyring) = rotation::prepare(&folder, passphrase.as_ref(), &current, now)?;
        let encoded = keyring.encoded().to_vec();
        let published = self.publish_control(Kind::Keyring, encoded, rotation::title(&keyring));
        if let Err(error) = published.await {
            // Where nobody can say what is in the journal, the next start finds out.
            if !matches!(error.code, "store-failed" | "node-stopped") {
                rotation::undo(&folder, passphrase.as_ref(), before.as_ref())?;
            }
            return Err(error);
        }
        rotation::forget(&folder)?;
        if let Some(endpoint) = &self.parts.endpoint {
            let refused = |error: comity_net::tls::TlsError| {
                ServiceError::data("certificate", error.to_string())
            };
            endpoint.replace_identity(link_identity(&link, &keyring)?).map_err(refused)?;
        }
        let swapped = self.parts.shell.ask(move |engine, _| engine.set_link_key(link));
        swapped.await.ok_or_else(ServiceError::stopped)
    }
}
