//! The link key rotates without pairing again: the root grants a new one, and the certificate carries
//! the grant.

use comity_core::Kind;

use super::Service;
use crate::error::ServiceError;
use crate::node::link_identity;
use crate::rotation;

impl Service {
    /// Grants a new link key and ends the old one. Needs the root keys. What is interrupted is finished
    /// at the next start.
    pub async fn rotate_link(&self) -> Result<(), ServiceError> {
        let folder = self.parts.config.folder.clone();
        let passphrase = self.parts.passphrase.clone();
        let now = Self::now();
        let current = self.look(|state, _, _| state.keyring(&state.us()).cloned()).await?;
        let missing = || ServiceError::data("keyring", "our own keyring is not here");
        let current = current.ok_or_else(missing)?;
        let (link, keyring) = rotation::prepare(&folder, passphrase.as_ref(), &current, now)?;
        let encoded = keyring.encoded().to_vec();
        self.publish_control(Kind::Keyring, encoded, rotation::title(&keyring)).await?;
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
