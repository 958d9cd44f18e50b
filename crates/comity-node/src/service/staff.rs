//! The people of this economy: who joins, who leaves, and who read what.
//!
//! Whoever joins gets a key, and the root grants it; whoever leaves has it revoked. Both take the root
//! keys, so that nobody makes a person of the staff by reaching the socket.

use std::collections::BTreeSet;

use comity_core::journal::{
    ContentRead, JournalEntry, Shown, StaffChange, StaffJoined, StaffWithin,
};
use comity_core::keyring::{Grant, KeyringBuilder, Revocation, Role, VerifiedKeyring};
use comity_core::sign::SecretKey;
use comity_core::staff::{Alone, Person, Right, Roles, StaffRole, is_staff_name};
use comity_core::{Kind, Timestamp, Tlp};

use super::caller::{own_key, staff_key_file};
use super::key_ends::reach;
use super::{Service, drafts, find_record, markings, words};
use crate::api::{
    AloneFields, ReadLine, ReadsRequest, StaffAddRequest, StaffAdded, StaffLeaveRequest, StaffLeft,
    StaffLine,
};
use crate::engine::Command;
use crate::entropy::OsEntropy;
use crate::error::{ErrorKind, ServiceError};
use crate::founding::{NODE_KEYS, grant_span};
use crate::keyfile::{self, Form, Seal, WorkFactor};
use crate::limits::{FOLD, STAFF};
use crate::state::{Member, State};

/// What somebody may sign up to where nothing else is said.
const USUAL: Tlp = Tlp::Amber;

impl Service {
    /// Everybody who is, or was, of the staff.
    pub async fn staff(&self) -> Result<Vec<StaffLine>, ServiceError> {
        self.look(|state, _, _| {
            state.staff().iter().map(|(name, member)| line(state, name, member)).collect()
        })
        .await
    }

    /// Somebody joins, under a new key. Needs the root keys.
    ///
    /// Order: the key's file, the entry of the journal, the keyring. Interrupted before the last, the
    /// person is named and has no key that counts; the same request then finishes it.
    pub async fn add_staff(&self, asked: StaffAddRequest) -> Result<StaffAdded, ServiceError> {
        let _alone = self.alone_with_keyring()?;
        let name = named(&asked.name)?;
        let roles = roles(&asked.roles)?;
        let ceiling = asked.up_to.as_deref().map_or(Ok(USUAL), words::tlp)?;
        let alone = alone(&asked.alone, &roles, ceiling)?;
        let keyring = self.own_keyring(false).await?;
        let (who, before, now) = (name.clone(), keyring.clone(), self.now());
        self.look(move |state, _, _| may_join(state, &before, &who, now)).await??;
        let key = SecretKey::generate(&mut OsEntropy);
        let (from, until) = grant_span(now);
        let (economy, public) = (keyring.economy(), key.public());
        let person = Person { economy, key: public, from, until };
        let grants = roles.grants(&person, ceiling);
        let builder = KeyringBuilder::follow(&keyring);
        let builder = grants.into_iter().fold(builder, KeyringBuilder::grant);
        let next = self.signed_by_root(builder, asked.root_passphrase).await?;
        let file = staff_key_file(&self.parts.config.folder, &name);
        self.seal(&name, key, asked.passphrase).await?;
        let joined = if alone.is_unlimited() {
            StaffChange::Joined(StaffJoined { key: public.id(), roles })
        } else {
            StaffChange::JoinedWithin(StaffWithin { key: public.id(), roles, alone })
        };
        let by = self.caller_name();
        self.command(Command::Staff { name: name.clone(), change: joined, by }).await?;
        let title = format!("Keyring, version {}: {name} joins", next.version());
        let desk = self.keys()?.desk;
        self.publish_keyring(&next, title, (&desk, false), &[]).await?;
        self.parts.open_keys.shut(&name).await;
        let line = self.staff_line(name).await?;
        let nobody_may = self.look(|state, engine, _| {
            // Before the first of the staff, whoever reached the node could do it all.
            let here = state.staff().iter().filter(|(_, member)| member.left.is_none());
            match here.count() {
                1 => nobody_may(state, !engine.approval_rules().is_empty(), None),
                _ => Vec::new(),
            }
        });
        Ok(StaffAdded {
            line,
            file: file.display().to_string(),
            keyring: next.version(),
            nobody_may: nobody_may.await?,
        })
    }

    /// Somebody leaves: the person's key is revoked from now on, and its file goes. Needs the root keys.
    pub async fn leave_staff(&self, asked: StaffLeaveRequest) -> Result<StaffLeft, ServiceError> {
        let _alone = self.alone_with_keyring()?;
        let _nobody_signs = self.nobody_signs(asked.dry_run).await;
        let (name, keyring) = (asked.name.clone(), self.own_keyring(false).await?);
        let who = name.clone();
        let member = self.look(move |state, _, _| present(state, &who)).await??;
        let now = self.now();
        let revocation = Revocation { key: member.key, at: now, compromised: false };
        let before = keyring.revocation(member.key).copied();
        // One that was revoked before, or never granted, ends no earlier for its holder going.
        let revoked = before.is_some_and(|before| before.at <= now)
            || keyring.grants_of(member.key).next().is_none();
        let held = before.map_or(revocation, |before| before.join(revocation));
        let (_, doubts) = {
            let (keyring, sees) = (keyring.clone(), self.sees());
            self.look(move |state, _, _| reach(state, &keyring, held, sees)).await?
        };
        let mut left = StaffLeft {
            name: name.clone(),
            key: member.key.to_string(),
            from: held.at.to_string(),
            keyring: None,
            doubts,
            open: {
                let who = name.clone();
                self.look(move |state, engine, _| {
                    let mut open = left_undone(state, &who, now);
                    let approval = !engine.approval_rules().is_empty();
                    open.extend(nobody_may(state, approval, Some(&who)));
                    open
                })
                .await?
            },
        };
        if asked.dry_run {
            return Ok(left);
        }
        if !revoked {
            let builder = KeyringBuilder::follow(&keyring).revoke(revocation);
            let next = self.signed_by_root(builder, asked.root_passphrase).await?;
            let title = format!("Keyring, version {}: {name} leaves", next.version());
            let desk = self.keys()?.desk;
            self.publish_keyring(&next, title, (&desk, false), &[]).await?;
            left.keyring = Some(next.version());
        }
        let by = self.caller_name();
        self.command(Command::Staff { name: name.clone(), change: StaffChange::Left, by }).await?;
        self.parts.open_keys.shut(&name).await;
        let file = staff_key_file(&self.parts.config.folder, &name);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                // It opens nothing any more.
                tracing::warn!(file = %file.display(), %error, "cannot remove a key file");
            }
            Ok(()) | Err(_) => {}
        }
        Ok(left)
    }

    /// Who of the staff was shown content above TLP:GREEN, the latest first.
    pub async fn reads(&self, asked: ReadsRequest) -> Result<Vec<ReadLine>, ServiceError> {
        let of = match asked.record {
            Some(text) => Some(self.look(move |state, _, _| shown(state, &text)).await??),
            None => None,
        };
        let store = self.parts.store.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let (mut found, mut next) = (Vec::new(), 1);
            loop {
                let entries = store.read(next, FOLD)?;
                let Some(last) = entries.last() else { return Ok::<_, ServiceError>(found) };
                next = last.seq.saturating_add(1);
                for entry in entries {
                    if let Ok(JournalEntry::Read(read)) =
                        JournalEntry::decode(entry.kind, &entry.body)
                        && of.is_none_or(|of| of == read.of)
                        && asked.by.as_ref().is_none_or(|by| *by == read.by)
                    {
                        found.push(read);
                    }
                }
            }
        });
        let found = reading.await.unwrap_or_else(|error| {
            Err(ServiceError::new(ErrorKind::Io, "reads", error.to_string()))
        })?;
        self.look(move |state, _, _| {
            found.into_iter().rev().map(|read| read_line(state, read)).collect()
        })
        .await
    }

    async fn staff_line(&self, name: String) -> Result<StaffLine, ServiceError> {
        let found = self.look(move |state, _, _| {
            let member = state.staff().member(&name)?;
            Some(line(state, &name, member))
        });
        found.await?.ok_or_else(|| ServiceError::data("staff", "the person is not here"))
    }

    /// Writes the file of a person's key, as hard to open as that of the node's keys.
    async fn seal(
        &self,
        name: &str,
        key: SecretKey,
        passphrase: Option<crate::api::StaffPassphrase>,
    ) -> Result<(), ServiceError> {
        let folder = &self.parts.config.folder;
        let file = staff_key_file(folder, name);
        let work = match keyfile::inspect(&folder.join(NODE_KEYS)) {
            Ok(Form::Encrypted(work)) => work,
            Ok(Form::Plain) | Err(_) => WorkFactor::STANDARD,
        };
        let passphrase = passphrase.map(|typed| {
            typed.typed().ok_or_else(|| {
                let message = "the passphrase of the new key is empty";
                ServiceError::usage("empty-passphrase", message)
                    .next("give one; --plain-key leaves the key unencrypted")
            })
        });
        let (passphrase, keys) = (passphrase.transpose()?, own_key(key)?);
        let sealing = tokio::task::spawn_blocking(move || {
            let seal = passphrase.as_ref().map_or(Seal::Plain, |one| Seal::Passphrase(one, work));
            keyfile::replace(&file, &keys, seal)
        });
        let sealed = sealing
            .await
            .map_err(|error| ServiceError::new(ErrorKind::Io, "staff-key", error.to_string()))?;
        Ok(sealed?)
    }
}

/// A record, or a draft, which may be gone since it was shown.
fn shown(state: &State, text: &str) -> Result<Shown, ServiceError> {
    let number = text.rsplit('-').next().and_then(|digits| digits.parse().ok());
    match number.filter(|number| drafts::reference(state, *number).eq_ignore_ascii_case(text)) {
        Some(number) => Ok(Shown::Draft(number)),
        None => find_record(state, text).map(Shown::Record),
    }
}

fn read_line(state: &State, read: ContentRead) -> ReadLine {
    let (record, reference) = match read.of {
        Shown::Record(id) => {
            let held = state.record(&id);
            (Some(id.to_string()), held.map_or_else(|| id.short(), |held| held.reference.clone()))
        }
        Shown::Draft(number) => (None, drafts::reference(state, number)),
    };
    ReadLine { at: read.at.to_string(), by: read.by, record, reference }
}

pub(super) fn named(name: &str) -> Result<String, ServiceError> {
    if is_staff_name(name) {
        return Ok(name.to_owned());
    }
    let message = format!("`{name}` is no name: 1 to 32 lower-case letters, digits and hyphens");
    Err(ServiceError::usage("staff-name", message).next("choose another"))
}

fn roles(names: &[String]) -> Result<Roles, ServiceError> {
    let role = |name: &String| {
        StaffRole::from_name(name).ok_or_else(|| {
            let known: Vec<_> = StaffRole::ALL.into_iter().map(StaffRole::name).collect();
            ServiceError::usage("role", format!("`{name}` is not a role"))
                .next(format!("one of {}", known.join(", ")))
        })
    };
    let roles: Result<Vec<_>, _> = names.iter().map(role).collect();
    Roles::new(roles?).map_err(|fault| ServiceError::usage("roles", fault.to_string()))
}

/// How far the person is to publish alone. A limit that can never be met is a mistake.
fn alone(fields: &AloneFields, roles: &Roles, ceiling: Tlp) -> Result<Alone, ServiceError> {
    let AloneFields { up_to, kinds, categories, recipients } = fields;
    let refused = |message: String, next: &str| ServiceError::usage("alone", message).next(next);
    if !fields.is_unlimited() && !roles.may(Right::Write) {
        let message = "only an analyst publishes, alone or with a second person".to_owned();
        return Err(refused(message, "leave the limits out, or add the role analyst"));
    }
    let up_to = up_to.as_deref().map(words::tlp).transpose()?;
    if let Some(up_to) = up_to.filter(|up_to| *up_to >= ceiling) {
        let message = format!("TLP:{up_to} is as far as the key may sign at all (TLP:{ceiling})");
        return Err(refused(message, "give a stricter --up-to, or a lower limit"));
    }
    let kind = |name: &String| {
        let kind = Kind::from_name(name).filter(|kind| !kind.is_control());
        kind.ok_or_else(|| {
            let known = Kind::ALL.iter().filter(|kind| !kind.is_control());
            let known: Vec<_> = known.map(ToString::to_string).collect();
            let message = format!("`{name}` is no kind of record with content");
            refused(message, &format!("one of {}", known.join(", ")))
        })
    };
    let kinds: BTreeSet<Kind> = kinds.iter().map(kind).collect::<Result<_, _>>()?;
    let categories = markings::categories(categories)?;
    Ok(Alone {
        up_to,
        kinds: Some(kinds).filter(|kinds| !kinds.is_empty()),
        categories: Some(categories).filter(|categories| !categories.is_empty()),
        recipients: *recipients,
    })
}

fn alone_line(alone: &Alone) -> AloneFields {
    let Alone { up_to, kinds, categories, recipients } = alone;
    AloneFields {
        up_to: up_to.map(|label| label.to_string()),
        kinds: kinds.iter().flatten().map(ToString::to_string).collect(),
        categories: categories.iter().flatten().cloned().collect(),
        recipients: *recipients,
    }
}

/// Nobody joins twice: whoever has a key that counts leaves first, which ends it.
fn may_join(
    state: &State,
    keyring: &VerifiedKeyring,
    name: &str,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let member = state.staff().member(name);
    if member.is_none() && state.staff().iter().count() >= STAFF {
        let message = format!("{STAFF} people are, or were, of the staff, and no more fit");
        return Err(ServiceError::data("staff-full", message)
            .next("give somebody who left before the name of somebody new"));
    }
    let here = member.filter(|member| member.left.is_none());
    if here.is_some_and(|member| keyring.is_granted(member.key, Role::Author, now)) {
        let message = format!("`{name}` is of the staff already");
        return Err(ServiceError::usage("staff-member", message).next(format!(
            "for another role or a new key: comity staff leave {name}, then add anew"
        )));
    }
    Ok(())
}

/// What waits for somebody in a role that nobody has when this person has left.
fn left_undone(state: &State, leaver: &str, now: Timestamp) -> Vec<String> {
    let nobody = |names: Vec<String>| names.iter().all(|name| name == leaver);
    let mut open = Vec::new();
    for (held, _) in state.awaiting_approval() {
        let may = state.approvers_of(&held.facts.id, now);
        if may.iter().any(|name| name == leaver) && nobody(may) {
            open.push(format!(
                "{} waits for a second person, and nobody else may approve it: comity staff add NAME --role approver",
                held.reference
            ));
        }
    }
    let staff = |right| {
        let members = state
            .staff()
            .iter()
            .filter(move |(_, member)| member.left.is_none() && member.roles.may(right));
        members.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    let is_last = |right| {
        let able = staff(right);
        able.iter().any(|name| name == leaver) && nobody(able)
    };
    if !state.unsettled_emergencies(now).is_empty() && is_last(Right::Approve) {
        open.push("an emergency release waits to be confirmed, and nobody else may: comity staff add NAME --role approver".to_owned());
    }
    let asks = state.asks_of_us().count();
    if asks > 0 && is_last(Right::Deal) {
        open.push(format!("{asks} asked for our consent, and nobody else may answer: comity staff add NAME --role liaison"));
    }
    open
}

/// What nobody of the staff may do: now, or once somebody has left, as far as that is who does it. `approval`: whether
/// something takes a second person here.
fn nobody_may(state: &State, approval: bool, leaver: Option<&str>) -> Vec<String> {
    let here = state.staff().iter().filter(|(_, member)| member.left.is_none());
    let here: Vec<(&str, &Member)> = here.collect();
    if here.iter().all(|(name, _)| Some(*name) == leaver) {
        return Vec::new();
    }
    let able = |right, leaves: bool| {
        let mut of = here.iter().filter(|(name, _)| leaves == (Some(*name) == leaver));
        of.any(|(_, member)| member.roles.may(right))
    };
    let all = [
        (Right::Write, "publish or withdraw anything", "analyst"),
        (
            Right::Approve,
            "approve what takes a second person, which then goes to nobody",
            "approver",
        ),
        (Right::Deal, "sign agreements, answer for consent, or speak in groups", "liaison"),
        (Right::Pair, "pair with anybody, or set levels", "liaison"),
        (Right::Operate, "confirm the clock", "operator"),
    ];
    let asked = all.iter().filter(|(right, _, _)| *right != Right::Approve || approval);
    let nobody = asked
        .filter(|(right, _, _)| !able(*right, false) && (leaver.is_none() || able(*right, true)));
    let line = |(_, what, role): &(Right, &str, &str)| {
        format!("nobody of the staff may {what}: comity staff add NAME --role {role}")
    };
    nobody.map(line).collect()
}

fn present(state: &State, name: &str) -> Result<Member, ServiceError> {
    let member = state.staff().member(name).filter(|member| member.left.is_none());
    member.cloned().ok_or_else(|| {
        ServiceError::no_input("no-staff", format!("`{name}` is not of the staff"))
            .next("comity staff list")
    })
}

fn line(state: &State, name: &str, member: &Member) -> StaffLine {
    let keyring = state.keyring(&state.us());
    let grants: Vec<&Grant> =
        keyring.into_iter().flat_map(|keyring| keyring.grants_of(member.key)).collect();
    let content = |grant: &&&Grant| grant.kinds.iter().any(|kind: &Kind| !kind.is_control());
    let up_to = grants.iter().filter(content).map(|grant| grant.ceiling).max();
    let revocation = keyring.and_then(|keyring| keyring.revocation(member.key));
    StaffLine {
        name: name.to_owned(),
        roles: member.roles.iter().map(|role| role.to_string()).collect(),
        key: member.key.to_string(),
        up_to: up_to.map(|label| label.to_string()),
        alone: alone_line(&member.alone),
        since: member.since.to_string(),
        until: grants.iter().map(|grant| grant.until).max().map(|until| until.to_string()),
        left: member.left.map(|left| left.to_string()),
        revoked: revocation.map(|revocation| revocation.at.to_string()),
        compromised: revocation.is_some_and(|revocation| revocation.compromised),
        signed: state.signed_by(&state.us(), &member.key).len() as u64,
    }
}
