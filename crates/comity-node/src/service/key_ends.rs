//! The end of an author's key before its time, and the root's word for what it had signed.

use std::collections::BTreeSet;

use comity_core::control::AcceptanceBody;
use comity_core::keyring::{Grant, KeyringBuilder, Revocation, Role, VerifiedKeyring};
use comity_core::sign::SecretKey;
use comity_core::{KeyId, Kind, RecordId, Timestamp, Tlp};

use super::caller::discreet_title;
use super::key_falls::falls;
use super::{Service, find_record};
use crate::api::{AffirmRequest, Affirmed, KeyLine, RevokeRequest, Revoked, SignedLine};
use crate::entropy::OsEntropy;
use crate::error::ServiceError;
use crate::founding::{DESK, grant_span};
use crate::state::{Held, State};

impl Service {
    /// The keys of our keyring.
    pub async fn keyring_keys(&self) -> Result<Vec<KeyLine>, ServiceError> {
        let here = self.keys().ok().map(|keys| keys.desk.id());
        self.look(move |state, _, _| {
            let keyring = state.keyring(&state.us());
            let grants = keyring.into_iter().flat_map(|keyring| {
                keyring.grants().map(move |grant| key_line(state, keyring, grant, here))
            });
            grants.collect()
        })
        .await
    }

    /// Ends an author's key from an instant on. Needs the root keys. Where it is the key with which
    /// this node signs, a new one takes its place in the same step.
    pub async fn revoke_key(&self, asked: RevokeRequest) -> Result<Revoked, ServiceError> {
        let _alone = self.alone_with_keyring()?;
        let _nobody_signs = self.nobody_signs(asked.dry_run).await;
        let keyring = self.own_keyring(asked.anyway).await?;
        // In a hurry one knows the name of whose key it is.
        let front = |grant: &Grant| grant.key.to_string().starts_with(&asked.key);
        let named = asked.key.clone();
        let of = self.look(move |state, _, _| state.staff().member(&named).map(|one| one.key));
        let of = of.await?.filter(|_| asked.key != DESK);
        if of.is_some_and(|of| keyring.grants().any(|grant| grant.key != of && front(grant))) {
            let message = format!(
                "`{}` is a name of the staff, and the front of somebody else's key",
                asked.key
            );
            return Err(ServiceError::usage("ambiguous-key", message).next("comity key list"));
        }
        let key = of.map_or_else(|| asked.key.clone(), |key| key.to_string());
        let grant = self.author_grant(&keyring, &key)?;
        let at = match &asked.from {
            Some(from) => instant(from)?,
            None => self.now(),
        };
        let revocation = Revocation { key: grant.key, at, compromised: asked.compromised };
        let before = keyring.revocation(grant.key).copied();
        let held = before.map_or(revocation, |before| before.join(revocation));
        let desk = self.keys().ok().map(|keys| keys.desk.id());
        let replaced =
            desk.is_some_and(|desk| desk == grant.key || keyring.grants_of(desk).next().is_none());
        // A node that signs with a revoked key gets another all the same.
        if before == Some(held) && !replaced {
            let message = format!("the key was revoked already, from {}", held.at);
            return Err(ServiceError::usage("already-revoked", message).next(
                "a revocation can only be made stricter: an earlier --from, or --compromised",
            ));
        }
        let reach = {
            let (keyring, sees, now) = (keyring.clone(), self.sees(), self.now());
            self.look(move |state, _, _| {
                let after = signed(state, held).0.into_iter().map(|(id, _)| *id).collect();
                (reach(state, &keyring, held, sees), falls(state, &after, now))
            })
            .await?
        };
        let ((takes_back, doubts), falls) = reach;
        let mut revoked = Revoked {
            key: grant.key.to_string(),
            // Whoever asks with it means this very instant, not the second in which it falls.
            from: held.at.precise(),
            compromised: held.compromised,
            replaced,
            keyring: None,
            takes_back,
            falls,
            doubts,
        };
        if asked.dry_run {
            return Ok(revoked);
        }
        super::words::short("reason", asked.reason.as_deref().unwrap_or_default())?;
        let mut builder = KeyringBuilder::follow(&keyring).revoke(revocation);
        let mut desk = self.keys()?.desk;
        if replaced {
            let (new, grant) = next_desk(&keyring, &desk, self.now());
            desk = new;
            builder = builder.grant(grant);
        }
        let next = self.signed_by_root(builder, asked.root_passphrase).await?;
        let why = asked.reason.as_deref().map(|reason| format!(": {reason}"));
        let title = format!("Keyring, version {}{}", next.version(), why.unwrap_or_default());
        let renewed = replaced.then(|| (DESK, desk.clone()));
        let signs = (&desk, asked.anyway);
        self.publish_keyring(&next, title, signs, renewed.as_slice()).await?;
        revoked.keyring = Some(next.version());
        Ok(revoked)
    }

    /// Stands by records of our own whose author's key has ended, or will: they count whoever brings
    /// them. Needs the root keys.
    pub async fn affirm(&self, asked: AffirmRequest) -> Result<Affirmed, ServiceError> {
        let _alone = self.alone_with_keyring()?;
        let keyring = self.own_keyring(false).await?;
        let span = asked.signed_between.as_ref().map(|(from, to)| (instant(from), instant(to)));
        let span = match span {
            None => None,
            Some((from, to)) => Some((from?, to?)),
        };
        let (held, names, now) = (keyring.clone(), asked.records, self.now());
        let chosen = self.look(move |state, _, _| chosen(state, &held, &names, span, now));
        let (ids, sees) = (chosen.await??, self.sees());
        let named = ids.clone();
        let records = self.look(move |state, _, _| {
            let named = oldest_first(state, named.iter()).into_iter();
            let held = named.filter_map(|id| Some((id, state.record(id)?)));
            held.map(|(id, held)| signed_line(state, id, held, sees)).collect()
        });
        let mut affirmed = Affirmed { keyring: None, records: records.await? };
        if asked.dry_run {
            return Ok(affirmed);
        }
        let builder = KeyringBuilder::follow(&keyring).affirm(ids);
        let next = self.signed_by_root(builder, asked.root_passphrase).await?;
        let title = format!("Keyring, version {}: affirms records", next.version());
        let desk = self.keys()?.desk;
        self.publish_keyring(&next, title, (&desk, false), &[]).await?;
        affirmed.keyring = Some(next.version());
        Ok(affirmed)
    }

    /// The author's grant of a key that is named by the front of its id, or as `desk`: the one with which
    /// this node signs. Of several grants, the last to end.
    fn author_grant(&self, keyring: &VerifiedKeyring, text: &str) -> Result<Grant, ServiceError> {
        let desk = || self.keys().map(|keys| keys.desk);
        if text == DESK || desk().is_ok_and(|desk| desk.id().to_string() == text) {
            return Ok(desk_grant(keyring, &desk()?, self.now()));
        }
        let named = |grant: &&Grant| !text.is_empty() && grant.key.to_string().starts_with(text);
        let keys: BTreeSet<KeyId> = keyring.grants().filter(named).map(|grant| grant.key).collect();
        if keys.len() > 1 {
            let message = format!("`{text}` is the front of several keys");
            return Err(ServiceError::usage("ambiguous-key", message).next("comity key list"));
        }
        let key = keys.first().copied().ok_or_else(|| {
            ServiceError::no_input("no-key", format!("our keyring has no key `{text}`"))
                .next("comity key list")
        })?;
        let signs = |grant: &&Grant| matches!(grant.role, Role::Author | Role::Emergency);
        let authors = keyring.grants_of(key).filter(signs);
        authors.max_by_key(|grant| grant.until).cloned().ok_or_else(|| {
            let message =
                "this key signs no records: the key of the links is replaced, not revoked";
            ServiceError::usage("no-author", message).next("comity key rotate")
        })
    }
}

/// What the key with which this node signs may do. One that the keyring does not grant, as after a keyring
/// was lost, is to be replaced like any other: by one that may do what the desk's keys before it could.
pub(super) fn desk_grant(keyring: &VerifiedKeyring, desk: &SecretKey, now: Timestamp) -> Grant {
    let authors = |grant: &&Grant| grant.role == Role::Author && !grant.unknown;
    let own = keyring.grants_of(desk.id()).filter(authors).max_by_key(|grant| grant.until);
    let before = || {
        let desks = keyring.grants().filter(authors).filter(|grant| grant.holder.is_empty());
        desks.max_by_key(|grant| grant.until)
    };
    let known = own.or_else(before).cloned();
    let grant = known.unwrap_or_else(|| full_grant(keyring, desk, now));
    Grant { key: desk.id(), ..grant }
}

/// All that the key with which a node signs may do.
pub(super) fn full_grant(keyring: &VerifiedKeyring, desk: &SecretKey, now: Timestamp) -> Grant {
    let (from, until) = grant_span(now);
    let kinds = Kind::ALL.iter().copied();
    Grant::author(keyring.economy(), desk.public(), kinds, Tlp::Red, from, until)
}

/// A new key for what the node signs, which may do all of it.
pub(super) fn full_desk(keyring: &VerifiedKeyring, now: Timestamp) -> (SecretKey, Grant) {
    let new = SecretKey::generate(&mut OsEntropy);
    let grant = full_grant(keyring, &new, now);
    (new, grant)
}

/// A new key for what the node signs, which may do what the one before might.
pub(super) fn next_desk(
    keyring: &VerifiedKeyring,
    desk: &SecretKey,
    now: Timestamp,
) -> (SecretKey, Grant) {
    let (new, (from, until)) = (SecretKey::generate(&mut OsEntropy), grant_span(now));
    let grant = Grant { key: new.id(), from, until, ..desk_grant(keyring, desk, now) };
    (new, grant)
}

/// What is wrong with the key with which this node signs, and what to do.
pub(crate) fn desk_problem(state: &State, desk: KeyId, now: Timestamp) -> Option<(String, String)> {
    let keyring = state.keyring(&state.us())?;
    if keyring.is_granted(desk, Role::Author, now) {
        return None;
    }
    let revoked = keyring.revocation(desk).filter(|revocation| revocation.at <= now);
    let ends = keyring.grants_of(desk).filter(|grant| grant.role == Role::Author);
    let why = match (revoked, ends.map(|grant| grant.until).max()) {
        (Some(revocation), _) => format!("is revoked from {}", revocation.at),
        (None, Some(until)) if until <= now => format!("was granted until {until}"),
        (None, Some(_)) => "is not granted yet".to_owned(),
        (None, None) => "is not granted".to_owned(),
    };
    let front: String = desk.to_string().chars().take(16).collect();
    let problem = format!(
        "the key {front} in keys/node.keys, with which this node signs, {why} in the keyring (version {}): nothing that it signs counts",
        keyring.version()
    );
    let next = match state.recovery() {
        // A partner may have the keyring that grants it.
        Some(_) => "wait until partners have given back what was lost: comity status",
        None => {
            "with the root keys at hand: comity key revoke desk --reason TEXT, which puts a new one in its place"
        }
    };
    Some((problem, next.to_owned()))
}

pub(super) fn instant(text: &str) -> Result<Timestamp, ServiceError> {
    text.parse().map_err(|error: comity_core::time::ParseTimestampError| {
        ServiceError::usage("time", error.to_string())
    })
}

pub(super) fn key_line(
    state: &State,
    keyring: &VerifiedKeyring,
    grant: &Grant,
    here: Option<KeyId>,
) -> KeyLine {
    let holder = state.staff().holder(grant.key).unwrap_or(&grant.holder);
    let revocation = keyring.revocation(grant.key);
    let author = grant.role == Role::Author;
    KeyLine {
        key: grant.key.to_string(),
        role: grant.role.to_string(),
        holder: Some(holder.to_owned()).filter(|holder| !holder.is_empty()),
        up_to: author.then(|| grant.ceiling.to_string()),
        content: author && grant.kinds.iter().any(|kind| !kind.is_control()),
        from: grant.from.to_string(),
        until: grant.until.to_string(),
        revoked: revocation.map(|revocation| revocation.at.to_string()),
        compromised: revocation.is_some_and(|revocation| revocation.compromised),
        signs_here: author && here == Some(grant.key),
    }
}

/// A record with its id.
type Signed<'a> = (&'a RecordId, &'a Held);

/// What a key signed here that is revoked: since the revocation holds, and before.
fn signed(state: &State, revocation: Revocation) -> (Vec<Signed<'_>>, Vec<Signed<'_>>) {
    let signed = oldest_first(state, state.signed_by(&state.us(), &revocation.key).iter());
    let signed = signed.into_iter().filter_map(|id| Some((id, state.record(id)?)));
    let signed = signed.filter(|(_, held)| held.facts.kind != Kind::Keyring);
    signed.partition(|(_, held)| held.signed_at >= revocation.at)
}

/// What a revocation takes back, and what it leaves in doubt where it came through others: records that
/// somebody else may hold. A keyring is judged by itself.
pub(super) fn reach(
    state: &State,
    keyring: &VerifiedKeyring,
    revocation: Revocation,
    sees: Option<Tlp>,
) -> (Vec<SignedLine>, Vec<SignedLine>) {
    let (after, before) = signed(state, revocation);
    let shown = |(id, held): (&RecordId, &Held)| signed_line(state, id, held, sees);
    // What takes back holds though its key took leave; of a key in foreign hands it may be the thief's.
    let holds = |held: &Held| held.facts.kind == Kind::Withdrawal && !revocation.compromised;
    let doubted = before.into_iter().filter(|(id, held)| !keyring.affirms(id) && !holds(held));
    let doubted = doubted.map(shown).filter(|line| !line.held_by.is_empty()).collect();
    (after.into_iter().map(shown).collect(), doubted)
}

/// In the order in which they say that they were signed; what is not here comes first.
pub(super) fn oldest_first<'a>(
    state: &State,
    records: impl Iterator<Item = &'a RecordId>,
) -> Vec<&'a RecordId> {
    let mut records: Vec<_> = records.collect();
    records.sort_by_key(|id| state.record(id).map(|held| (held.signed_at, held.seq)));
    records
}

/// `sees`: up to which label the title may be shown.
pub(super) fn signed_line(
    state: &State,
    id: &RecordId,
    held: &Held,
    sees: Option<Tlp>,
) -> SignedLine {
    let holders = state.partners().filter(|(_, one)| one.out.possibly_held(id).is_some());
    SignedLine {
        record: id.to_string(),
        reference: held.reference.clone(),
        title: discreet_title(held, sees, held.title.clone()),
        kind: held.facts.kind.to_string(),
        signed_at: held.signed_at.to_string(),
        held_by: holders.map(|(economy, _)| state.name_of(economy)).collect(),
    }
}

/// The records to affirm: those that are named, or those that revoked keys signed in a span of time.
fn chosen(
    state: &State,
    keyring: &VerifiedKeyring,
    names: &[String],
    span: Option<(Timestamp, Timestamp)>,
    now: Timestamp,
) -> Result<BTreeSet<RecordId>, ServiceError> {
    let mut ids = BTreeSet::new();
    for name in names {
        let id = find_record(state, name)?;
        if let Some(held) = state.record(&id) {
            may_affirm(state, keyring, held, now)?;
        }
        ids.insert(id);
    }
    if let Some((from, to)) = span {
        let revoked = keyring.keyring().revocations.iter();
        let signed = revoked.flat_map(|one| state.signed_by(&state.us(), &one.key));
        ids.extend(signed.filter(|id| {
            state.record(id).is_some_and(|held| {
                (from..to).contains(&held.signed_at)
                    && held.facts.kind != Kind::Keyring
                    && may_affirm(state, keyring, held, now).is_ok()
            })
        }));
    }
    ids.retain(|id| !keyring.affirms(id));
    if ids.is_empty() {
        let message = "there is no record to affirm that is not affirmed already";
        return Err(ServiceError::no_input("nothing-to-affirm", message).next("comity list"));
    }
    Ok(ids)
}

/// How what an affirmation does not bring back is said once more, with the new key.
pub(super) fn anew(state: &State, held: &Held) -> String {
    let again = |command: &str| format!("say it again, signed with the new key: {command}");
    let doubt = |text: &RecordId| crate::contested::doubt(state, text, &BTreeSet::new());
    let body = held.body.as_deref().unwrap_or_default();
    match held.facts.kind {
        Kind::Agreement => doubt(&held.facts.id)
            .map_or_else(|| again("comity agreement propose FILE --to NAME"), |doubt| doubt.next),
        Kind::Acceptance => AcceptanceBody::decode(body)
            .ok()
            .and_then(|body| doubt(&body.agreement))
            .map_or_else(|| again("comity agreement accept REFERENCE"), |doubt| doubt.next),
        Kind::Group | Kind::Roster => again("comity group show NAME"),
        Kind::Consent => again("comity consent grant REFERENCE"),
        Kind::Approval => again("comity approve REFERENCE"),
        Kind::Termination if state.waits(held) => again("comity agreement terminate REFERENCE"),
        Kind::Termination => "what it ends stays ended".to_owned(),
        Kind::Withdrawal if state.waits(held) => {
            again("comity withdraw REFERENCE, or comity recall REFERENCE")
        }
        Kind::Withdrawal => "what it took back stays taken back".to_owned(),
        Kind::Keyring
        | Kind::Introduction
        | Kind::Contact
        | Kind::Acknowledgement
        | Kind::Unknown(_) => "nothing has to be said again".to_owned(),
        Kind::Advisory
        | Kind::Incident
        | Kind::Sightings
        | Kind::Request
        | Kind::Response
        | Kind::Note => "publish it again, signed with the new key: comity publish FILE".to_owned(),
    }
}

/// An affirmation speaks for records of ours whose key has ended or is to end, and not for a time at
/// which it was not good.
fn may_affirm(
    state: &State,
    keyring: &VerifiedKeyring,
    held: &Held,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let (reference, author) = (&held.reference, held.facts.author);
    if held.facts.origin != state.us() {
        let message = format!("{reference} is not ours: its own economy affirms it");
        return Err(ServiceError::usage("not-ours", message));
    }
    let revocation = keyring.revocation(author);
    if revocation.is_none() && keyring.grants_of(author).any(|grant| now < grant.until) {
        let message = format!("the key of {reference} has not ended: it counts as it is");
        return Err(ServiceError::usage("key-in-force", message).next("comity key list"));
    }
    match revocation.filter(|revocation| revocation.at <= held.signed_at) {
        None => Ok(()),
        Some(revocation) => {
            let message = format!(
                "{reference} was signed after its key had ended, at {}: no affirmation brings it back",
                revocation.at
            );
            Err(ServiceError::usage("signed-after", message).next(anew(state, held)))
        }
    }
}
