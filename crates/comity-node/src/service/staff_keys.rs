//! Keys of the staff of which nothing here says whose they are.
//!
//! A journal that was put back does not know who joined since. The keyring, which partners give back, does know the
//! keys: they count, and nobody here answers for them. Whoever has the root says whose such a key was, so that nobody
//! is a second person for their own record, and ends it.

use comity_core::KeyId;
use comity_core::journal::StaffChange;
use comity_core::keyring::{KeyringBuilder, Revocation};

use super::Service;
use super::staff::named;
use crate::api::{RecogniseRequest, Recognised, UnclaimedKey};
use crate::engine::Command;
use crate::error::ServiceError;
use crate::state::State;

impl Service {
    /// The keys of the staff of which nothing here says whose they are.
    pub async fn unclaimed_keys(&self) -> Result<Vec<UnclaimedKey>, ServiceError> {
        self.look(|state, _, _| {
            let keys = state.unclaimed_keys().into_iter();
            let lines = keys.map(|(key, (until, ended))| UnclaimedKey {
                key: key.to_string(),
                until: until.to_string(),
                ended,
                signed: signed(state, key),
            });
            lines.collect()
        })
        .await
    }

    /// Says whose such a key is, or was, and ends it. Needs the root keys.
    ///
    /// Order: the keyring, the entry of the journal. Interrupted between them, the key has ended and is still
    /// nobody's; the same request then finishes it.
    pub async fn recognise_key(&self, asked: RecogniseRequest) -> Result<Recognised, ServiceError> {
        let _alone = self.alone_with_keyring()?;
        let _nobody_signs = self.nobody_signs(asked.dry_run).await;
        let name = named(&asked.name)?;
        let keyring = self.own_keyring(false).await?;
        let text = asked.key;
        let whose = name.clone();
        let (key, ended, signed, known) = self
            .look(move |state, _, _| {
                let (key, ended) = unclaimed(state, &text)?;
                let staff = state.staff();
                let known = staff.iter().filter(|_| staff.member(&whose).is_none());
                let known = known.map(|(name, _)| name.to_owned()).collect();
                Ok::<_, ServiceError>((key, ended, signed(state, key), known))
            })
            .await??;
        let mut recognised =
            Recognised { key: key.to_string(), name: name.clone(), known, signed, keyring: None };
        if asked.dry_run {
            return Ok(recognised);
        }
        let revocation = Revocation { key, at: self.now(), compromised: false };
        let builder = KeyringBuilder::follow(&keyring);
        let granted = keyring.grants_of(key).next().is_some();
        let builder = if granted { builder.revoke(revocation) } else { builder };
        // Also where the key has ended: whose word counts as a second person's is for the root to say.
        let next = self.signed_by_root(builder, asked.root_passphrase).await?;
        if !ended {
            let title = format!("Keyring, version {}: a key of {name} ends", next.version());
            let desk = self.keys()?.desk;
            self.publish_keyring(&next, title, (&desk, false), &[]).await?;
            recognised.keyring = Some(next.version());
        }
        let (change, by) = (StaffChange::Recognised(key), self.caller_name());
        self.command(Command::Staff { name, change, by }).await?;
        Ok(recognised)
    }
}

fn signed(state: &State, key: KeyId) -> u64 {
    state.signed_by(&state.us(), &key).len() as u64
}

/// The one whose id begins so, and whether it has ended.
fn unclaimed(state: &State, text: &str) -> Result<(KeyId, bool), ServiceError> {
    let keys = state.unclaimed_keys();
    let named =
        keys.iter().filter(|(key, _)| !text.is_empty() && key.to_string().starts_with(text));
    let named: Vec<_> = named.map(|(key, (_, ended))| (*key, *ended)).collect();
    match named.as_slice() {
        [one] => Ok(*one),
        [] => {
            let staff = state.staff().iter();
            let mut holders = staff.filter(|(_, member)| member.key.to_string().starts_with(text));
            let message = match holders.next().filter(|_| !text.is_empty()) {
                Some((name, _)) => format!("the key `{text}` is {name}'s already"),
                None => format!("no key of the staff that is nobody's begins with `{text}`"),
            };
            Err(ServiceError::no_input("no-key", message).next("comity staff list"))
        }
        _ => {
            let message = format!("`{text}` is the front of several keys");
            Err(ServiceError::usage("ambiguous-key", message).next("comity staff list"))
        }
    }
}
