//! The link key rotates without pairing again: the root grants a new one, and the certificate carries
//! the grant. What every change of the keyring shares stands here as well.

use std::sync::PoisonError;

use comity_core::keyring::{KeyringBuilder, VerifiedKeyring};
use comity_core::sign::SecretKey;
use tokio::sync::{MutexGuard, RwLockWriteGuard};

use super::Service;
use crate::api::{RootPassphrase, RotateRequest};
use crate::engine::CommandError;
use crate::error::{ErrorKind, ServiceError};
use crate::founding::LINK;
use crate::node::link_identity;
use crate::rotation;

impl Service {
    /// Grants a new link key and ends the old one. Needs the root keys. What is interrupted is finished
    /// at the next start; where the engine refuses the keyring, the old key comes back.
    pub async fn rotate_link(&self, asked: RotateRequest) -> Result<(), ServiceError> {
        let _alone = self.alone_with_keyring()?;
        let current = self.own_keyring(false).await?;
        let (link, builder) = rotation::next_link(&current, self.now());
        let keyring = self.signed_by_root(builder, asked.root_passphrase).await?;
        let title = rotation::title(&keyring);
        let desk = self.keys()?.desk;
        self.publish_keyring(&keyring, title, (&desk, false), &[(LINK, link.clone())]).await?;
        if let Some(endpoint) = &self.parts.endpoint {
            let refused = |error: comity_net::tls::TlsError| {
                ServiceError::data("certificate", error.to_string())
            };
            endpoint.replace_identity(link_identity(&link, &keyring)?).map_err(refused)?;
        }
        let swapped = self.parts.shell.ask(move |engine, _| engine.set_link_key(link));
        swapped.await.ok_or_else(ServiceError::stopped)
    }

    /// Whoever signs our next keyring is alone: two of one version would freeze this economy.
    pub(super) fn alone_with_keyring(&self) -> Result<MutexGuard<'_, ()>, ServiceError> {
        self.parts.rotating.try_lock().map_err(|_held| {
            let message = "our keyring is being changed already";
            ServiceError::new(ErrorKind::TryLater, "rotation-under-way", message)
                .next("comity status shows when that has ended; then run the command again")
        })
    }

    /// What is signed with a key while it ends would count nowhere: whoever wants to sign waits, and then signs
    /// with the one that takes its place, or hears that there is none.
    pub(super) async fn nobody_signs(&self, dry_run: bool) -> Option<RwLockWriteGuard<'_, ()>> {
        if dry_run { None } else { Some(self.parts.signing.write().await) }
    }

    /// Our keyring, if another may follow it now; `anyway`: also where the journal is in doubt.
    pub(super) async fn own_keyring(&self, anyway: bool) -> Result<VerifiedKeyring, ServiceError> {
        let current = self.look(move |state, engine, _| {
            engine.may_sign_keyring(anyway)?;
            Ok::<_, CommandError>(state.keyring(&state.us()).cloned())
        });
        let missing = || ServiceError::data("keyring", "our own keyring is not here");
        current.await??.ok_or_else(missing)
    }

    /// The next version of our keyring, signed with the root keys.
    pub(super) async fn signed_by_root(
        &self,
        builder: KeyringBuilder,
        root: Option<RootPassphrase>,
    ) -> Result<VerifiedKeyring, ServiceError> {
        let folder = self.parts.config.folder.clone();
        // An encrypted file takes a second of hard work to open: other requests do not wait for it.
        let signing = tokio::task::spawn_blocking(move || {
            let passphrase = root.as_ref().and_then(RootPassphrase::typed);
            rotation::signed_by_root(&folder, passphrase.as_ref(), builder)
        });
        signing.await.unwrap_or_else(|error| {
            Err(ServiceError::new(ErrorKind::Io, "root-keys", error.to_string()))
        })
    }

    /// Enters our next keyring, signed with the `desk` key that it grants, and puts these keys in the place
    /// of those of their names.
    pub(super) async fn publish_keyring(
        &self,
        keyring: &VerifiedKeyring,
        title: String,
        (desk, anyway): (&SecretKey, bool),
        renewed: &[(&str, SecretKey)],
    ) -> Result<(), ServiceError> {
        let (folder, passphrase) = (&self.parts.config.folder, self.parts.passphrase.as_ref());
        let before = rotation::keys(folder, passphrase, renewed.iter().map(|(name, _)| *name))?;
        rotation::begin(folder, passphrase, keyring, renewed)?;
        if let Err(error) = self.enter_keyring(keyring, title, desk, anyway).await {
            // Where nobody can say what is in the journal, the next start finds out.
            if !matches!(error.code, "store-failed" | "node-stopped") {
                rotation::undo(folder, passphrase, &before)?;
            }
            return Err(error);
        }
        rotation::keep(folder, keyring)
    }

    /// From now on the node signs records with this key.
    pub(super) fn set_desk(&self, desk: SecretKey) {
        let mut keys = self.parts.keys.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &mut *keys {
            keys.desk = desk;
        }
    }
}
