//! The link key rotates without pairing again: the root grants a new one, and the certificate carries
//! the grant.

use comity_core::Kind;
use comity_core::keyring::{Grant, KeyringBuilder, Revocation, Role};
use comity_core::sign::SecretKey;

use super::Service;
use crate::entropy::OsEntropy;
use crate::error::{ErrorKind, ServiceError};
use crate::founding::{LINK, NODE_KEYS, ROOT_KEYS, grant_span};
use crate::keyfile::{self, Form, Seal};
use crate::node::link_identity;

impl Service {
    /// Grants a new link key and ends the old one. Needs the root keys.
    ///
    /// Order: the new key is on disk before anybody is told of it; a crash in between leaves a key that
    /// is not granted yet, and the rotation is begun again.
    pub async fn rotate_link(&self) -> Result<(), ServiceError> {
        let folder = self.parts.config.folder.clone();
        let passphrase = self.parts.passphrase.clone();
        let now = Self::now();
        let current = self.look(|state, _, _| state.keyring(&state.us()).cloned()).await?;
        let missing = || ServiceError::data("keyring", "our own keyring is not here");
        let current = current.ok_or_else(missing)?;
        let roots =
            keyfile::open(&folder.join(ROOT_KEYS), passphrase.as_ref()).map_err(|error| {
                ServiceError::new(ErrorKind::NoPermission, "root-keys", error.to_string())
                    .next("bring the root keys back to keys/root.keys for the rotation")
            })?;
        let link = SecretKey::generate(&mut OsEntropy);
        let (from, until) = grant_span(now);
        let economy = current.economy();
        // Every other link key ends, also one that an interrupted rotation left behind.
        let others: Vec<_> = current
            .grants()
            .filter(|grant| grant.role == Role::Link && current.revocation(grant.key).is_none())
            .map(|grant| grant.key)
            .collect();
        let builder = KeyringBuilder::follow(&current).grant(Grant::link(
            economy,
            link.public(),
            from,
            until,
        ));
        let keyring = others
            .into_iter()
            .fold(builder, |builder, key| {
                builder.revoke(Revocation { key, at: now, compromised: false })
            })
            .sign(&roots.iter().map(|(_, key)| key).collect::<Vec<_>>())
            .map_err(|error| ServiceError::data("keyring", error.to_string()))?;

        let path = folder.join(NODE_KEYS);
        let mut keys = keyfile::open(&path, passphrase.as_ref())?;
        keys.remove(LINK);
        keys.insert(LINK, link.clone())?;
        let seal = match (keyfile::inspect(&path)?, &passphrase) {
            (Form::Encrypted(work), Some(passphrase)) => Seal::Passphrase(passphrase, work),
            (Form::Encrypted(_) | Form::Plain, _) => Seal::Plain,
        };
        keyfile::replace(&path, &keys, seal)?;
        let title = format!("Keyring, version {}", keyring.version());
        self.publish_control(Kind::Keyring, keyring.encoded().to_vec(), title).await?;
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
