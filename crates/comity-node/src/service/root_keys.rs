//! New root keys: those to which the present ones committed take their place, with their consent or, after
//! a theft, without it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use comity_core::keyring::{
    Grant, KeyringBuilder, KeyringError, RootKeys, RootSet, VerifiedKeyring,
};
use comity_core::sign::SecretKey;
use comity_core::{KeyId, Kind, RecordId, Timestamp, Tlp, limits};

use super::Service;
use super::key_ends::{instant, key_line, oldest_first, signed_line};
use super::partners::{self, Links};
use super::root_stays::{
    Stays, ended, ever_ours, may_count, nobody_else_links, with_keys_that_count,
};
use crate::api::{
    Hears, NextRootFile, PartnerLine, RootPartner, RootPassphrase, RootRotated, RotateRootRequest,
    SignedLine,
};
use crate::entropy::OsEntropy;
use crate::error::{ErrorKind, ServiceError};
use crate::founding::{NEXT_ROOT_KEYS, ROOT_KEYS, numbered};
use crate::keyfile::{self, Form, KeyFileError, Passphrase, Seal, WorkFactor};
use crate::node::fold_until;
use crate::rotation;
use crate::staged::{self, Place};
use crate::state::State;

/// What ends the theft of the root.
const STOLEN: &str = "comity key rotate root --stolen";

impl Service {
    /// Puts the keys to which the root keys in force committed in their place, and makes those that follow.
    /// Of stolen ones nothing is needed but these. An interruption loses nothing: what was entered is
    /// finished at the next start, and what was not is begun anew.
    pub async fn rotate_root(&self, asked: RotateRootRequest) -> Result<RootRotated, ServiceError> {
        if asked.from.is_some() && !asked.stolen {
            let message = "only what stolen root keys granted is left out";
            return Err(ServiceError::usage("not-stolen", message).next(STOLEN));
        }
        let _alone = self.alone_with_keyring()?;
        let _nobody_signs = self.nobody_signs(asked.dry_run).await;
        if !asked.dry_run {
            self.settle_root_files().await?;
        }
        let keyring = self.own_keyring(asked.anyway).await?;
        if asked.stolen && asked.from.is_none() {
            nobody_else_links(&keyring, self.keys()?.link.id(), self.now())?;
        }
        let stays = self.what_stays(&keyring, (asked.stolen, asked.from.as_deref())).await?;
        let mut rotated = self.as_it_would_be(&keyring, &stays, &asked).await?;
        let opening = (asked.next.clone(), keyring.clone(), asked.dry_run);
        let opened = apart(move || opened(&opening.0, &opening.1, opening.2)).await?;
        rotated.checked = opened.is_some();
        let Some(opened) = opened.filter(|_| !asked.dry_run) else { return Ok(rotated) };
        let (anyway, now) = (asked.anyway, self.now());
        let builder = KeyringBuilder::follow(&keyring)
            .retain(|grant| stays.grants(grant))
            .affirm_only(|record| stays.affirms(record))
            .affirm(stays.affirmed_then());
        let builder = stays.left_out_since(&keyring).fold(builder, KeyringBuilder::grant);
        let (builder, keys, renewed) =
            with_keys_that_count(builder, &keyring, &stays, &self.keys()?, now);
        let builder = match asked.stolen {
            true => {
                let known = self.look(|state, _, _| ever_ours(state)).await?;
                builder.revoke_only(|end| known.contains(&end.key))
            }
            false => builder,
        };
        let folder = self.parts.config.folder.clone();
        let signing = Signing { keyring, builder, opened, link: keys.link.id(), now };
        let next = apart(move || signing.sign(&folder, &asked)).await?;
        let why = if rotated.stolen { ", without the old ones" } else { "" };
        let title = format!("Keyring, version {}: new root keys{why}", next.version());
        self.publish_keyring(&next, title, (&keys.desk, anyway), &renewed).await?;
        rotated.keyring = Some(next.version());
        Ok(rotated)
    }

    /// What of our keyring stays, where something that its root granted since an instant is not to.
    async fn what_stays(
        &self,
        keyring: &VerifiedKeyring,
        (stolen, from): (bool, Option<&str>),
    ) -> Result<Stays, ServiceError> {
        let Some(from) = from.map(instant).transpose()? else {
            return Ok(if stolen { Stays::WhateverAThiefDid } else { Stays::Everything });
        };
        if from > self.now() {
            let message = format!("{from} is still to come");
            return Err(ServiceError::usage("not-yet", message).next(
                "--from is the last instant at which the root keys were certainly yours alone",
            ));
        }
        let keys = self.keys()?;
        let _alone = self.parts.past.lock().await;
        let store = Arc::clone(&self.parts.store);
        let then = apart(move || {
            let state = fold_until(&*store, from)?;
            Ok(state.and_then(|state| state.keyring(&state.us()).cloned()))
        });
        let then = then.await?.ok_or_else(|| {
            let message = format!("at {from} there was no node here yet");
            ServiceError::no_input("before-founding", message)
        })?;
        let ours = [keys.desk.id(), keys.link.id()];
        debug_assert_eq!(then.economy(), keyring.economy());
        Ok(Stays::Since { from, then, ours })
    }

    /// What it would do, as far as it shows without the keys.
    async fn as_it_would_be(
        &self,
        keyring: &VerifiedKeyring,
        stays: &Stays,
        asked: &RotateRootRequest,
    ) -> Result<RootRotated, ServiceError> {
        let (sees, now) = (self.sees(), self.now());
        let here = self.keys().ok().map(|keys| keys.desk.id());
        let endpoint = self.parts.endpoint.clone();
        let (held, kept) = (keyring.clone(), stays.clone());
        let own = self.keys().map(|keys| [keys.desk.id(), keys.link.id()])?;
        let theft = asked.stolen;
        let look = self.look(move |state, engine, seen| {
            let out = |grant: &&Grant| !kept.grants(grant);
            let left: Vec<_> = held.grants().filter(out).collect();
            let left_out = left.iter().map(|grant| key_line(state, &held, grant, here)).collect();
            let stay: BTreeSet<KeyId> =
                held.grants().filter(|grant| !out(grant)).map(|grant| grant.key).collect();
            let others = |grant: &&Grant| theft && !out(grant) && !own.contains(&grant.key);
            let anew = held.grants().filter(others).cloned().chain(kept.left_out_since(&held));
            let anew = anew.filter(|grant| may_count(&held, grant, now));
            let anew = anew.map(|grant| key_line(state, &held, &grant, here)).collect();
            let gone: BTreeSet<KeyId> = left.iter().map(|grant| grant.key).collect();
            let taken = gone.difference(&stay).flat_map(|key| signed_by(state, key));
            let takes_back = oldest_first(state, taken)
                .into_iter()
                .filter_map(|id| Some(signed_line(state, id, state.record(id)?, sees)))
                .collect();
            let doubted = matches!(kept, Stays::WhateverAThiefDid);
            let affirmed = held.keyring().affirmed.iter().filter(|_| doubted);
            let affirmed = oldest_first(state, affirmed).into_iter();
            let affirmed = affirmed.map(|id| affirmed_line(state, id, sees)).collect();
            let links = Links::of(engine, seen, endpoint.as_deref());
            let partners = partners::lines(engine, links, now);
            let partners = partners.into_iter().filter_map(partner).collect();
            (left_out, (anew, affirmed), takes_back, partners)
        });
        let (left_out, (anew, stays_affirmed), takes_back, partners) = look.await?;
        let affirmed = &keyring.keyring().affirmed;
        let folder = &self.parts.config.folder;
        let from = match stays {
            Stays::Everything | Stays::WhateverAThiefDid => None,
            Stays::Since { from, .. } => Some(from.precise()),
        };
        Ok(RootRotated {
            stolen: asked.stolen,
            checked: false,
            times: (keyring.chain().rotations().len() as u64).saturating_add(1),
            keyring: None,
            root_file: folder.join(ROOT_KEYS).display().to_string(),
            next_file: folder.join(NEXT_ROOT_KEYS).display().to_string(),
            from,
            left_out,
            anew,
            affirmed: stays_affirmed,
            renewed: ended(keyring, stays, &self.keys()?, now)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            takes_back,
            unaffirmed: affirmed.iter().filter(|record| !stays.affirms(record)).count() as u64,
            partners,
        })
    }
}

/// Whether somebody else has signed with our root keys, and what to do.
pub(super) fn problem(state: &State) -> Option<(String, String)> {
    let fork = state.keyring_history(&state.us())?.fork()?;
    let problem = format!(
        "two keyrings of version {} are signed with the root keys of this economy, which somebody else may have: nothing that this node signs counts",
        fork.version
    );
    Some((problem, format!("with the next root keys at hand: {STOLEN}")))
}

/// What is affirmed; it may be here or not.
fn affirmed_line(state: &State, id: &RecordId, sees: Option<Tlp>) -> SignedLine {
    let unknown = || SignedLine {
        record: id.to_string(),
        reference: id.short(),
        title: "(not here)".to_owned(),
        kind: String::new(),
        signed_at: String::new(),
        held_by: Vec::new(),
    };
    state.record(id).map_or_else(unknown, |held| signed_line(state, id, held, sees))
}

/// The records of ours that a key signed; keyrings are judged by themselves.
fn signed_by<'a>(state: &'a State, key: &KeyId) -> impl Iterator<Item = &'a RecordId> {
    let signed = state.signed_by(&state.us(), key).iter();
    signed.filter(|id| state.record(id).is_some_and(|held| held.facts.kind != Kind::Keyring))
}

/// How a partner comes to hear of it; whoever was removed does not.
fn partner(line: PartnerLine) -> Option<RootPartner> {
    let hears = match line.bond.as_str() {
        "removed" => return None,
        "suspended" => Hears::WhenResumed,
        "introduced" => Hears::ThroughOthers,
        // `paired`, and `frozen`: a keyring goes there all the same.
        _ if line.connected == Some(true) => Hears::AtOnce,
        _ => Hears::WhenItConnects,
    };
    Some(RootPartner { name: line.name, hears })
}

/// The keys that take the place, and what sealed them.
pub(super) struct Opened {
    set: RootKeys,
    keys: Vec<SecretKey>,
    form: Form,
    passphrase: Option<Passphrase>,
}

/// The keys in these files, if they are those to which the root keys in force committed. `None`: a dry run
/// did not open them.
pub(super) fn opened(
    files: &[NextRootFile],
    current: &VerifiedKeyring,
    dry_run: bool,
) -> Result<Option<Opened>, ServiceError> {
    let (mut keys, mut sealed): (Vec<SecretKey>, _) = (Vec::new(), (Form::Plain, None));
    for file in files {
        let (name, bytes) = (Path::new(&file.name), file.keys.as_bytes());
        let form = keyfile::inspect_sealed(name, bytes)?;
        let passphrase = file.passphrase.as_ref().and_then(RootPassphrase::typed);
        if let (Form::Encrypted(_), None, true) = (form, &passphrase, dry_run) {
            return Ok(None);
        }
        let set = keyfile::open_sealed(name, bytes, passphrase.as_ref()).map_err(of_next)?;
        for (_, key) in set.iter() {
            if keys.iter().all(|one| one.id() != key.id()) {
                keys.push(key.clone());
            }
        }
        if let Form::Encrypted(_) = form {
            sealed = (form, passphrase);
        }
    }
    if keys.is_empty() {
        let message =
            "the next root keys are needed: nothing else takes the place of the root keys";
        return Err(ServiceError::no_input("next-root-missing", message)
            .next("bring keys/next-root.keys back from the safe, or name it: --next FILE"));
    }
    let ids: Vec<_> = keys.iter().map(SecretKey::id).collect();
    let set = RootKeys::committed(&ids, current.chain().current().next())
        .ok_or_else(|| not_committed(files, &ids, current))?;
    let (form, passphrase) = sealed;
    Ok(Some(Opened { set, keys, form, passphrase }))
}

fn of_next(error: KeyFileError) -> ServiceError {
    let is_passphrase = matches!(error, KeyFileError::PassphraseNeeded(_));
    let failed = ServiceError::from(error);
    if is_passphrase {
        failed.next("give it in `passphrase` of that file in `next`")
    } else {
        failed
    }
}

/// Why keys do not take the place of the root keys in force.
fn not_committed(
    files: &[NextRootFile],
    keys: &[KeyId],
    current: &VerifiedKeyring,
) -> ServiceError {
    let names: Vec<_> = files.iter().map(|file| format!("`{}`", file.name)).collect();
    let named = names.join(", ");
    let chain = current.chain();
    let all_of = |set: &RootKeys| keys.iter().all(|key| set.contains(*key));
    if all_of(chain.current().keys()) {
        let message = format!("the keys in {named} are the root keys in force already");
        return ServiceError::usage("root-in-force", message).next(
            "their place was taken before, perhaps by a command that was interrupted: comity status; those that follow them were written to keys/next-root.keys then",
        );
    }
    let genesis = &current.keyring().genesis;
    let before = chain.rotations().iter().map(|rotation| &rotation.set);
    if std::iter::once(genesis).chain(before).any(|set| all_of(set.keys())) {
        let message = format!("the keys in {named} were root keys once, and have been replaced");
        return ServiceError::usage("root-replaced", message)
            .next("bring those that were written to keys/next-root.keys when the root keys in force took their place");
    }
    let message = format!(
        "the keys in {named} are not those to which the root keys in force committed, or not all of them: nobody would believe what they sign"
    );
    ServiceError::data("not-the-next-root", message).next(
        "name the file that was written as keys/next-root.keys when the root keys in force were made: --next FILE",
    )
}

/// All that it takes to sign the keyring.
pub(super) struct Signing {
    /// The one in force.
    pub(super) keyring: VerifiedKeyring,
    /// What the next one says.
    pub(super) builder: KeyringBuilder,
    /// Whose keys sign it.
    pub(super) opened: Opened,
    /// The key of the links.
    pub(super) link: KeyId,
    /// When.
    pub(super) now: Timestamp,
}

impl Signing {
    /// The keyring that the new root signs; its files lie beside those whose places they are to take.
    pub(super) fn sign(
        self,
        folder: &Path,
        asked: &RotateRootRequest,
    ) -> Result<VerifiedKeyring, ServiceError> {
        let Self { keyring, builder, opened, link, now } = self;
        let mut signers = opened.keys.clone();
        if !asked.stolen {
            let passphrase = asked.root_passphrase.as_ref().and_then(RootPassphrase::typed);
            signers.extend(rotation::root_keys(folder, passphrase.as_ref())?);
        }
        let follow: Vec<_> =
            opened.keys.iter().map(|_| SecretKey::generate(&mut OsEntropy)).collect();
        let following = follow.iter().map(SecretKey::id).collect();
        let following = RootKeys::new(following, opened.set.threshold())
            .map_err(|error| ServiceError::data("root-keys", error.to_string()))?;
        let set = RootSet::new(opened.set.clone(), following.commitment());
        let next = builder.rotate(set).sign(&signers.iter().collect::<Vec<_>>());
        let next = next.map_err(|error| match (error, asked.stolen && asked.from.is_none()) {
            (error @ KeyringError::TooLarge(_), true) => rotation::unsigned(error)
                .next("leave out what the thief filled it with: comity key rotate root --stolen --from TIME"),
            (error, _) => rotation::unsigned(error),
        })?;
        if !asked.stolen && next.chain().is_seized_since(keyring.chain()) {
            let message =
                "keys/root.keys does not hold enough of the root keys in force to consent";
            return Err(ServiceError::new(ErrorKind::NoPermission, "root-keys", message)
                .next(format!("bring them back, whole; were they stolen or lost: {STOLEN}")));
        }
        let evidence = next.link_evidence(link, now).map_or(0, |evidence| evidence.encode().len());
        if evidence > limits::LINK_EVIDENCE_BYTES {
            let message = format!(
                "the root keys were replaced {} times: no partner would take a certificate with all of them",
                next.chain().rotations().len()
            );
            return Err(ServiceError::data("too-many-rotations", message));
        }
        stage(folder, asked, opened, follow, staged::root_tag(following.commitment()))?;
        Ok(next)
    }
}

fn stage(
    folder: &Path,
    asked: &RotateRootRequest,
    opened: Opened,
    follow: Vec<SecretKey>,
    tag: String,
) -> Result<(), ServiceError> {
    let new = asked.new_passphrase.as_ref().map(|typed| {
        typed.typed().ok_or_else(|| {
            let message = "the new passphrase is empty";
            ServiceError::usage("empty-passphrase", message)
                .next("give one, or none: then the new files open with that of the next root keys")
        })
    });
    let new = new.transpose()?;
    let seal = match (opened.form, new.as_ref(), opened.passphrase.as_ref()) {
        (Form::Encrypted(work), Some(new), _) => Seal::Passphrase(new, work),
        (Form::Plain, Some(new), _) => Seal::Passphrase(new, WorkFactor::STANDARD),
        (Form::Encrypted(work), None, Some(passphrase)) => Seal::Passphrase(passphrase, work),
        (Form::Plain, None, _) => Seal::Plain,
        (Form::Encrypted(_), None, None) => {
            return Err(ServiceError::usage("no-passphrase", "the next root keys are encrypted"));
        }
    };
    let place = |place| (place, tag.as_str());
    staged::stage(folder, place(Place::NextRoot), &numbered("next-root", follow)?, seal)?;
    staged::stage(folder, place(Place::Root), &numbered("root", opened.keys)?, seal)
}

/// Works it out on a thread of its own: an encrypted file takes a second of hard work to open.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
) -> Result<T, ServiceError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(ServiceError::new(ErrorKind::Io, "root-keys", error.to_string()))
    })
}
