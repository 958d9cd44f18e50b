//! The link key rotates without pairing again: the root grants a new one, and the certificate carries
//! the grant. What every change of the keyring shares stands here as well.

use std::sync::PoisonError;

use comity_core::Timestamp;
use comity_core::keyring::{KeyringBuilder, VerifiedKeyring};
use comity_core::sign::SecretKey;
use tokio::sync::{MutexGuard, RwLockWriteGuard};

use super::Service;
use super::key_ends::instant;
use crate::api::{RootPassphrase, RotateRequest};
use crate::engine::CommandError;
use crate::error::{ErrorKind, ServiceError};
use crate::founding::{DESK, LINK};
use crate::node::link_identity;
use crate::{rotation, staged};

impl Service {
    /// Grants a new link key and ends the old one. Needs the root keys. What is interrupted is finished
    /// at the next start; where the engine refuses the keyring, the old key comes back.
    pub async fn rotate_link(&self, asked: RotateRequest) -> Result<(), ServiceError> {
        let stolen = self.stolen_since(&asked)?;
        let _alone = self.alone_with_keyring()?;
        let current = self.own_keyring(false).await?;
        let (link, builder) = rotation::next_link(&current, stolen, self.now());
        let keyring = self.signed_by_root(builder, asked.root_passphrase).await?;
        let title = rotation::title(&keyring);
        let desk = self.keys()?.desk;
        self.publish_keyring(&keyring, title, (&desk, false), &[(LINK, link)]).await
    }

    /// Since when the link key is in foreign hands, if it is.
    fn stolen_since(&self, asked: &RotateRequest) -> Result<Option<Timestamp>, ServiceError> {
        let now = self.now();
        let from = asked.from.as_deref().map(instant).transpose()?;
        match (asked.compromised, from) {
            // The one that was stolen may have been replaced since, and its place may be another's.
            (true, None) => {
                let message = "since when the key was stolen decides which of them it was";
                Err(ServiceError::usage("no-from", message)
                    .next("comity key rotate --compromised --from TIME: the last instant at which it was certainly yours alone"))
            }
            (true, Some(from)) if from <= now => Ok(Some(from)),
            (true, Some(from)) => {
                let message = format!("{from} is still to come");
                Err(ServiceError::usage("not-yet", message)
                    .next("--from is the last instant at which the key was certainly yours alone"))
            }
            (false, None) => Ok(None),
            (false, Some(_)) => {
                let message = "only a stolen key ends at another time than now";
                Err(ServiceError::usage("not-stolen", message)
                    .next("comity key rotate --compromised --from TIME"))
            }
        }
    }

    /// From now on links show what this keyring says of the key.
    fn renew_certificate(
        &self,
        link: &SecretKey,
        keyring: &VerifiedKeyring,
    ) -> Result<(), ServiceError> {
        let Some(endpoint) = &self.parts.endpoint else { return Ok(()) };
        let refused =
            |error: comity_net::tls::TlsError| ServiceError::data("certificate", error.to_string());
        endpoint.replace_identity(link_identity(link, keyring, self.now())?).map_err(refused)
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
        self.settle_root_files().await?;
        // An encrypted file takes a second of hard work to open: other requests do not wait for it.
        let signing = tokio::task::spawn_blocking(move || {
            let passphrase = root.as_ref().and_then(RootPassphrase::typed);
            rotation::signed_by_root(&folder, passphrase.as_ref(), builder)
        });
        signing.await.unwrap_or_else(|error| {
            Err(ServiceError::new(ErrorKind::Io, "root-keys", error.to_string()))
        })
    }

    /// What a change of keys that was interrupted after its keyring had been entered left to do.
    pub(super) async fn settle_root_files(&self) -> Result<(), ServiceError> {
        let current = self.look(|state, _, _| state.keyring(&state.us()).cloned()).await?;
        match current {
            Some(keyring) => staged::settle_root(&self.parts.config.folder, &keyring),
            None => Ok(()),
        }
    }

    /// Enters our next keyring, signed with the `desk` key that it grants, and puts these keys in the place
    /// of those of their names, and the files that were staged for it in theirs.
    pub(super) async fn publish_keyring(
        &self,
        keyring: &VerifiedKeyring,
        title: String,
        (desk, anyway): (&SecretKey, bool),
        renewed: &[(&str, SecretKey)],
    ) -> Result<(), ServiceError> {
        let (folder, passphrase) = (&self.parts.config.folder, self.parts.passphrase.as_ref());
        let before = rotation::keys(folder, passphrase, renewed.iter().map(|(name, _)| *name))?;
        if let Err(error) = rotation::begin(folder, passphrase, keyring, renewed) {
            // Of a keyring that was half written nobody can say whether the next start reads it.
            if error.code == rotation::UNFINISHED {
                staged::discard(folder, keyring)?;
            }
            return Err(error);
        }
        if let Err(error) = self.enter_keyring(keyring, title, desk, anyway).await {
            // Where nobody can say what is in the journal, the next start finds out.
            if !matches!(error.code, "store-failed" | "node-stopped") {
                rotation::undo(folder, passphrase, &before)?;
                staged::discard(folder, keyring)?;
            }
            return Err(error);
        }
        let filed = rotation::keep(folder, keyring).and_then(|()| staged::settle(folder, keyring));
        // It holds, whatever became of the files: with a key that it ended nothing is signed from here on.
        self.go_by(keyring, renewed).await?;
        filed
    }

    /// From now on these keys are the node's, and links show what the keyring says of theirs.
    async fn go_by(
        &self,
        keyring: &VerifiedKeyring,
        renewed: &[(&str, SecretKey)],
    ) -> Result<(), ServiceError> {
        if let Some(keys) = &mut *self.parts.keys.write().unwrap_or_else(PoisonError::into_inner) {
            for (name, key) in renewed {
                match *name {
                    DESK => keys.desk = key.clone(),
                    // What else it signs, exported audits and certificates of erasure, it signs with the new one as well.
                    LINK => keys.link = key.clone(),
                    _ => {}
                }
            }
        }
        let link = self.keys()?.link;
        // In this order: a connection that shows the new key is one of after it, and its receipts are signed with it.
        let signs = link.clone();
        let swapped = self.parts.shell.ask(move |engine, _| engine.set_link_key(signs));
        swapped.await.ok_or_else(ServiceError::stopped)?;
        self.renew_certificate(&link, keyring)?;
        // With a key that it ended nothing could be said of it.
        self.confirm_new_keyring().await;
        Ok(())
    }
}
