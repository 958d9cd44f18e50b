//! What people and programs here ask of the engine. Signing happened before: the engine holds no
//! author's key.

use comity_core::consent::{ConsentAsk, ConsentBody, ConsentGrant, ConsentRefusal};
use comity_core::control::{ApprovalBody, ApprovalVerdict, ControlBody};
use comity_core::digest::{leaf_hashes, tree_root};
use comity_core::entropy::draw;
use comity_core::exit::Released;
use comity_core::group::{Founding, GroupBody, Says};
use comity_core::journal::{
    Assessed, BackedUp, ContentRead, DraftMade, Guarded, Invited, JournalEntry, LegalHold,
    PartnerChange, PartnerChanged, Ruled, Shown, Source, StaffChange, StaffChanged, Standing,
    StandingChanged, ToldOutside,
};
use comity_core::keyring::{Advance, AdvanceError};
use comity_core::limits::{ENTRY_BYTES, PART_BYTES};
use comity_core::record::{Part, VerifiedRecord};
use comity_core::{EconomyId, PartDigest, RecordId, Timestamp};

use std::sync::Arc;

use bytes::Bytes;

use super::{Checked, Engine, Erase, LetOut, Then, Token};
use crate::guard::Guard;
use crate::limits::DRAFT_SALT;
use crate::state::{Bond, Partner, titles};

/// A change that somebody here asks for.
#[derive(Debug)]
pub enum Command {
    /// A record that was signed here enters.
    Publish {
        /// The record.
        record: Box<VerifiedRecord>,
        /// All its parts.
        parts: Vec<Part>,
        /// A title for local screens.
        title: String,
        /// The draft that it was made from, which goes.
        draft: Option<u64>,
    },
    /// A keyring of ours, or a word about a roster that we keep, enters though not everybody has agreed with
    /// the journal since its end was cut: a person says that no later one was lost with it.
    PublishAnyway {
        /// The record.
        record: Box<VerifiedRecord>,
        /// A title for local screens.
        title: String,
    },
    /// The word of an emergency release, which was signed here with the emergency key, enters.
    BreakGlass {
        /// The word.
        record: Box<VerifiedRecord>,
        /// A title for local screens.
        title: String,
        /// Who of the staff says it; empty where there is none.
        by: String,
    },
    /// Something about a partner changes.
    Partner {
        /// The partner.
        economy: EconomyId,
        /// What changes.
        change: PartnerChange,
    },
    /// We say that our keyring is still the newest.
    ConfirmKeyring,
    /// Somebody says how far a source, or a record, is to be believed.
    Assess(Box<Assessed>),
    /// Somebody was told of a record by other means.
    TellOutside(Box<ToldOutside>),
    /// A record leaves as a file.
    LetOut(Box<LetOut>),
    /// A word about who was told was wrong.
    ToldWrongly {
        /// The record.
        record: RecordId,
        /// Which word about it, from 1 on.
        word: u64,
        /// Why.
        reason: String,
    },
    /// A record that was just published goes to nobody.
    Unsend {
        /// The record.
        record: RecordId,
    },
    /// Drafts are kept.
    Draft {
        /// The drafts; their numbers are given here.
        drafts: Vec<(DraftMade, Vec<(PartDigest, Bytes)>)>,
    },
    /// A draft is thrown away.
    DropDraft {
        /// Its number.
        draft: u64,
    },
    /// A person decides about a record in quarantine.
    Judge {
        /// The record.
        record: RecordId,
        /// What is to stand of it.
        standing: Standing,
    },
    /// A person decides about a record, gives a name and says why.
    Rule {
        /// The record.
        record: RecordId,
        /// What is to stand of it.
        standing: Standing,
        /// Who decides.
        by: String,
        /// Why.
        reason: String,
    },
    /// Somebody is invited to pair.
    Invite(Invited),
    /// A ticket is to open the door no more; one that does not anyway is left alone.
    EndInvitation {
        /// The ticket.
        ticket: [u8; 16],
    },
    /// Somebody joins the staff, or leaves it.
    Staff {
        /// Who.
        name: String,
        /// What changes.
        change: StaffChange,
        /// Who of the staff does it; empty where the root keys alone speak.
        by: String,
    },
    /// Somebody of the staff is about to be shown content.
    Read {
        /// Of what.
        of: Shown,
        /// Who.
        by: String,
    },
    /// Have the egress guard look at every part of a record that it has not looked at.
    Examine {
        /// The record.
        record: RecordId,
    },
    /// Other lists of the egress guard are in force.
    Guard(Option<Arc<Guard>>),
    /// A person lets a part pass that the egress guard held, or holds it again.
    LetPass(Guarded),
    /// Parts of a record are let go.
    Erase(Erase),
    /// A record is kept on legal grounds.
    Hold(LegalHold),
    /// That ends.
    LiftHold(LegalHold),
    /// The journal was copied.
    BackedUp(BackedUp),
    /// The operator confirms local policy after a restore.
    ConfirmPolicy,
    /// No more deliveries are begun; links end when what is under way is through.
    Drain,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A record entered.
    Published {
        /// Its id.
        record: RecordId,
        /// Its short reference.
        reference: String,
    },
    /// Drafts were kept under these numbers.
    Drafts(Vec<u64>),
    /// What was let out, and when: that it left is durable.
    LetOut(Box<(Released, Timestamp)>),
    /// Done.
    Done,
}

/// Why a command was not carried out. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The record's author may not sign it by our own keyring.
    #[error("the signing key may not sign this: {0}")]
    NotEntitled(String),
    /// The record is of another economy.
    #[error("the record is not this economy's own")]
    NotOurs,
    /// No such record.
    #[error("no record `{0}` is here")]
    NoRecord(String),
    /// No such partner.
    #[error("`{0}` is not a partner")]
    NoPartner(String),
    /// As many partners are paired as the configuration allows.
    #[error(
        "{0} partners are paired, and `limits.partners` allows no more: raise it in comity.toml and start the node again, or remove a partner"
    )]
    TooManyPartners(u64),
    /// No such draft.
    #[error("no draft {0} is here")]
    NoDraft(u64),
    /// The record refers to something that is not as it must be.
    #[error("{0}")]
    Unfitting(String),
    /// The time in which it could be unsent is over.
    #[error("{0} may have gone already")]
    MayHaveGone(String),
    /// The same record is here already.
    #[error("record is here already as {0}")]
    Known(String),
    /// Our own keyring went on after this one was begun. Two of one version would freeze us everywhere.
    #[error("this economy's keyring has gone on meanwhile: nothing was changed, try again")]
    KeyringMoved,
    /// A hold on legal grounds keeps it.
    #[error("{reference} is under a legal hold and is not erased: {why}")]
    OnHold {
        /// The record.
        reference: String,
        /// Why it is.
        why: String,
    },
    /// The journal has it, and what outlasts a restore has it not.
    #[error(
        "it is in the journal and counts, and could not be written down beside it, so that a restore would not know it yet: {0}"
    )]
    NotListed(String),
    /// The same was erased here.
    #[error("a section of it was erased here on {at} because: {why}. It is not taken in again")]
    Erased {
        /// When.
        at: Timestamp,
        /// Why.
        why: String,
    },
    /// What was to leave may not, by what is known now.
    #[error("nothing of {reference} leaves: {why}")]
    Stays {
        /// The record.
        reference: String,
        /// Why.
        why: String,
    },
    /// Little room is left on the disk.
    #[error("the disk is nearly full: nothing more is taken until there is room")]
    DiskLow,
    /// The disk is full. Nothing of it was written.
    #[error(
        "the disk is full: nothing was written, and nothing is taken until there is room; then the node goes on by itself"
    )]
    DiskFull,
    /// The node is in recovery after a restore.
    #[error("the node is in recovery after a restore: {0}")]
    Recovering(String),
    /// The end of the journal was cut, and not everybody has said that nothing more is missing.
    #[error(
        "an unfinished write was cut from the end of the journal, and a later {what} of ours may have been lost with it: {waits} may hold it, and must connect first, or be suspended; if you know that none was signed, a key is revoked, a member removed and a roster confirmed with --anyway"
    )]
    Doubted {
        /// What was to be signed.
        what: String,
        /// Who is waited for.
        waits: String,
    },
    /// The same, of what is about to leave as a file.
    #[error(
        "an unfinished write was cut from the end of the journal, and a withdrawal may have been lost with it: no file is made until {waits} has connected, or is suspended"
    )]
    NoFile {
        /// Who is waited for.
        waits: String,
    },
    /// Its parts may each be used for some purposes, and none of these is common to all.
    #[error(
        "the parts of {0} came for purposes of which none is common to all, and leave in no file together"
    )]
    NoCommonPurpose(String),
    /// Records of ours that partners gave back are set aside.
    #[error(
        "records of ours came back, and are set aside because of their key: {0}. Look at them, release what is ours (comity quarantine list), then confirm again"
    )]
    SetAside(String),
    /// The journal is damaged.
    #[error("the journal is damaged, and nothing is built on it: {0}")]
    Damaged(String),
    /// The store failed.
    #[error("the journal takes no more entries: {0}")]
    Store(String),
}

impl Engine {
    pub(super) fn command(&mut self, token: Token, command: Command, now: Timestamp) {
        // The answer waits for whoever looks.
        if let Command::Examine { record } = command {
            if let Some(refused) = self.examine(token, record) {
                self.effects.push(super::Effect::Reply { token, reply: Err(refused) });
            }
            return;
        }
        let before = self.then.len();
        let result = self.carry_out(command, now);
        let remembers = |step: &Then| matches!(step, Then::Remember(_));
        let listed = self.then.iter().skip(before).any(remembers);
        // What was refused entered nothing; the answer need not wait.
        match result {
            Ok(reply) if !self.batch.is_empty() => {
                self.then.push(Then::Reply { token, reply: Ok(reply), listed });
            }
            reply => self.effects.push(super::Effect::Reply { token, reply }),
        }
    }

    fn carry_out(&mut self, command: Command, now: Timestamp) -> Result<Reply, CommandError> {
        match command {
            Command::Publish { record, parts, title, draft } => {
                self.publish(Checked::new(*record, parts), (title, draft), false, now)
            }
            Command::PublishAnyway { record, title } => {
                self.publish(Checked::new(*record, Vec::new()), (title, None), true, now)
            }
            Command::BreakGlass { record, title, by } => {
                self.break_glass(*record, (title, by), now)
            }
            Command::Partner { economy, change } => self.change_partner(economy, change, now),
            Command::ConfirmKeyring => self.confirm_keyring(now),
            Command::Unsend { record } => self.unsend(record, now),
            Command::Assess(assessed) => self.assess(*assessed, now),
            Command::TellOutside(told) => self.tell_outside(*told, now),
            Command::LetOut(asked) => self.let_out(*asked, now),
            Command::ToldWrongly { record, word, reason } => {
                self.told_wrongly(record, word, reason, now)
            }
            Command::Draft { drafts } => self.keep_drafts(drafts),
            Command::DropDraft { draft } => {
                self.state.draft(draft).ok_or(CommandError::NoDraft(draft))?;
                self.enter(&JournalEntry::DraftGone { draft, record: None, at: now }, Vec::new());
                Ok(Reply::Done)
            }
            Command::Judge { record, standing } => {
                let missing = || CommandError::NoRecord(record.to_string());
                self.state.record(&record).ok_or_else(missing)?;
                let changed = StandingChanged { record, standing, at: now };
                self.enter(&JournalEntry::Standing(changed), Vec::new());
                self.widen();
                Ok(Reply::Done)
            }
            Command::Rule { record, standing, by, reason } => {
                let missing = || CommandError::NoRecord(record.to_string());
                let held = self.state.record(&record).ok_or_else(missing)?;
                if standing == Standing::Dropped {
                    let may = self.state.may_drop(held);
                    may.map_err(|why| {
                        CommandError::Unfitting(format!("{} {why}", held.reference))
                    })?;
                }
                let ruled = Ruled { record, standing, by, reason, at: now };
                self.enter(&JournalEntry::Ruled(ruled), Vec::new());
                self.widen();
                Ok(Reply::Done)
            }
            Command::Invite(invited) => {
                self.enter(&JournalEntry::Invited(invited), Vec::new());
                Ok(Reply::Done)
            }
            Command::EndInvitation { ticket } => {
                if !self.state.invitations().is_gone(&ticket) {
                    self.enter(&JournalEntry::InvitationEnded { ticket, at: now }, Vec::new());
                }
                Ok(Reply::Done)
            }
            Command::Staff { name, change, by } => {
                let changed = StaffChanged { name, change, by, at: now };
                self.enter(&JournalEntry::Staff(changed), Vec::new());
                Ok(Reply::Done)
            }
            Command::Read { of, by } => {
                let read = ContentRead { of, by, at: now };
                self.enter(&JournalEntry::Read(read), Vec::new());
                Ok(Reply::Done)
            }
            Command::Examine { .. } => Ok(Reply::Done),
            Command::Guard(guard) => Ok(self.change_guard(guard)),
            Command::LetPass(guarded) => self.let_pass(guarded, now),
            Command::Erase(asked) => self.erase(asked, now),
            Command::Hold(hold) => self.hold(LegalHold { at: now, ..hold }),
            Command::BackedUp(copy) => {
                self.enter(&JournalEntry::BackedUp(copy), Vec::new());
                Ok(Reply::Done)
            }
            Command::LiftHold(lifted) => self.lift_hold(LegalHold { at: now, ..lifted }),
            Command::ConfirmPolicy => {
                if self.state.recovery().is_some() {
                    self.name_what_is_set_aside()?;
                    self.enter(&JournalEntry::PolicyConfirmed { at: now }, Vec::new());
                }
                Ok(Reply::Done)
            }
            Command::Drain => {
                for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
                    self.session_input(partner, comity_proto::Input::Drain, now);
                }
                Ok(Reply::Done)
            }
        }
    }

    fn publish(
        &mut self,
        checked: Checked,
        (title, draft): (String, Option<u64>),
        anyway: bool,
        now: Timestamp,
    ) -> Result<Reply, CommandError> {
        let id = checked.record.id();
        let manifest = checked.record.manifest();
        // What takes back, ends or revokes is small, and what the last room is for.
        if self.space_low && !manifest.kind.is_control() {
            return Err(CommandError::DiskLow);
        }
        if let Some(number) = draft {
            self.state.draft(number).ok_or(CommandError::NoDraft(number))?;
        }
        if manifest.origin != self.state.us() {
            return Err(CommandError::NotOurs);
        }
        if let Some(held) = self.state.record(&id) {
            return Err(CommandError::Known(held.reference.clone()));
        }
        let entitled =
            self.state.may_author(&checked.record, &checked.parts, checked.carried(), now);
        entitled.map_err(CommandError::NotEntitled)?;
        self.fits(&checked, anyway, now)?;
        let kind = manifest.kind;
        self.await_approval(&checked, now);
        self.hold_back(id, checked.record.manifest(), now);
        let entered = self.enter_titled(checked, Source::Own, Standing::Accepted, title, now);
        let reference = entered.map_err(|unfit| CommandError::Unfitting(unfit.to_string()))?;
        if let Some(draft) = draft {
            let gone = JournalEntry::DraftGone { draft, record: Some(id), at: now };
            self.enter(&gone, Vec::new());
        }
        self.say_awaited(&id);
        if kind == comity_core::Kind::Keyring {
            self.speak_of_new_keyring(now);
        }
        if Self::may_say_of_glass(kind) {
            self.say_of_glass(&id);
        }
        Ok(Reply::Published { record: id, reference })
    }

    /// What a control record of ours refers to must be here and be ours to speak of.
    fn fits(&self, checked: &Checked, anyway: bool, now: Timestamp) -> Result<(), CommandError> {
        let manifest = checked.record.manifest();
        if !manifest.kind.is_control() {
            return Ok(());
        }
        let body = manifest.body.as_deref().unwrap_or_default();
        let body = ControlBody::decode(manifest.kind, body);
        match body.map_err(|error| CommandError::Unfitting(error.to_string()))? {
            ControlBody::Withdrawal(body) => {
                for target in &body.records {
                    let missing = || CommandError::NoRecord(target.to_string());
                    let held = self.state.record(target).ok_or_else(missing)?;
                    if held.facts.origin != self.state.us() {
                        return Err(CommandError::NotOurs);
                    }
                    let told = self.state.recalled_from(target);
                    if told.is_some_and(|told| body.from.iter().any(|one| told.contains_key(one))) {
                        let why = format!("{} is recalled from there already", held.reference);
                        return Err(CommandError::Unfitting(why));
                    }
                }
                Ok(())
            }
            ControlBody::Acknowledgement(body) => {
                let missing = || CommandError::NoRecord(body.withdrawal.to_string());
                let (origin, _) = self.state.answer_to(&body.withdrawal).ok_or_else(missing)?;
                if origin == body.to { Ok(()) } else { Err(CommandError::NotOurs) }
            }
            ControlBody::Agreement(body) => {
                let us = self.state.us();
                let other = body.other_party(us).ok_or_else(|| {
                    CommandError::Unfitting("this economy is no party to the agreement".to_owned())
                })?;
                self.paired(other)?;
                if !body.amends.is_empty() {
                    self.may_amend(&body.amends, other).map_err(CommandError::Unfitting)?;
                }
                self.state.may_propose(other).map_err(CommandError::Unfitting)
            }
            ControlBody::Acceptance(body) => {
                self.state.may_accept(&body.agreement, now).map_err(CommandError::Unfitting)
            }
            ControlBody::Termination(body) => {
                let allowed = self.state.may_terminate(&body.agreement, body.effective);
                allowed.map_err(CommandError::Unfitting)
            }
            ControlBody::Introduction(body) => {
                self.paired(body.to)?;
                self.paired(body.economy)
            }
            ControlBody::Consent(body) => {
                let (ConsentBody::Ask(ConsentAsk { origin: to, .. })
                | ConsentBody::Grant(ConsentGrant { asker: to, .. })
                | ConsentBody::Refusal(ConsentRefusal { asker: to, .. })) = &body;
                self.paired(*to)?;
                self.state.may_consent(&body).map_err(CommandError::Unfitting)
            }
            ControlBody::Group(GroupBody::Charter(charter)) => {
                let (record, at) = (checked.record.id(), manifest.signed_at);
                Founding::new(record, self.state.us(), at, &charter)
                    .map(drop)
                    .map_err(|error| CommandError::Unfitting(error.to_string()))
            }
            ControlBody::Group(body) => self.fits_group(&Says::Group(body), anyway),
            ControlBody::Roster(body) => self.fits_group(&Says::Roster(body), anyway),
            ControlBody::Keyring(_) => self.continues(checked, anyway),
            ControlBody::Approval(ApprovalBody {
                verdict: ApprovalVerdict::Emergency { .. },
                ..
            }) => {
                // Who says so has to be entered with it.
                let why = "the glass is broken by its own command".to_owned();
                Err(CommandError::Unfitting(why))
            }
            ControlBody::Approval(body) if self.state.emergency(&body.record).is_some() => {
                let heard = self.state.may_confirm_now(
                    &body.record,
                    (manifest.author, body.verdict),
                    self.now,
                );
                heard.map_err(|why| CommandError::Unfitting(why.to_string()))
            }
            ControlBody::Approval(body) => {
                let heard = self.state.may_say_of(&body.record, manifest.author, self.now);
                heard.map_err(|why| CommandError::Unfitting(why.to_string()))
            }
            ControlBody::Opaque(_) => Ok(()),
        }
    }

    /// Whether the keyring in force is known: a later one may be among what a backup, or the end of the
    /// journal, lost.
    pub(crate) fn may_sign_keyring(&self, anyway: bool) -> Result<(), CommandError> {
        self.may_sign("keyring", anyway)
    }

    /// A keyring of ours must follow the one in force.
    fn continues(&self, checked: &Checked, anyway: bool) -> Result<(), CommandError> {
        self.may_sign_keyring(anyway)?;
        let us = self.state.us();
        let unfitting = |error: &dyn std::fmt::Display| CommandError::Unfitting(error.to_string());
        let (Some(keyring), Some(history)) = (&checked.keyring, self.state.keyring_history(&us))
        else {
            return Err(CommandError::NotOurs);
        };
        let keyring = keyring.as_ref().map_err(|error| unfitting(error))?;
        match history.clone().advance(keyring.clone()) {
            Ok(Advance::Earlier) => Err(CommandError::KeyringMoved),
            Ok(Advance::Same | Advance::Newer | Advance::Jumped | Advance::Rotated) => Ok(()),
            // What froze us before, nothing but a later root's keyring ends.
            Err(error @ AdvanceError::Fork(_)) if history.fork().is_some() => {
                Err(unfitting(&error))
            }
            Err(
                AdvanceError::Fork(_)
                | AdvanceError::Older { .. }
                | AdvanceError::Gap { .. }
                | AdvanceError::ReplacedRoot,
            ) => Err(CommandError::KeyringMoved),
            Err(error @ (AdvanceError::RevocationLost(_) | AdvanceError::OtherEconomy { .. })) => {
                Err(unfitting(&error))
            }
        }
    }

    /// What we say about a group must count.
    fn fits_group(&self, says: &Says, anyway: bool) -> Result<(), CommandError> {
        // A later roster may be among what partners give back, and two of one number freeze the group.
        // Nor is the last one that is here known to be the last.
        if matches!(says, Says::Roster(_)) {
            self.may_sign("roster", anyway)?;
            // With a time that is to come it would still confirm the roster when somebody was removed since.
            self.is_vouched_for()?;
        }
        let group = says.group().and_then(|group| self.state.groups().get(&group));
        let unknown = || CommandError::Unfitting("no such group is here".to_owned());
        let may = group.ok_or_else(unknown)?.may_say(self.state.us(), says);
        may.map_err(|refusal| CommandError::Unfitting(refusal.to_string()))
    }

    fn paired(&self, economy: EconomyId) -> Result<(), CommandError> {
        let partner = self.state.partner(&economy).filter(|partner| partner.is_paired());
        partner.map(drop).ok_or_else(|| CommandError::NoPartner(economy.to_string()))
    }

    fn change_partner(
        &mut self,
        economy: EconomyId,
        change: PartnerChange,
        now: Timestamp,
    ) -> Result<Reply, CommandError> {
        match &change {
            PartnerChange::Paired { keyring, ceremony, .. } => {
                if !self.state.partner(&economy).is_some_and(Partner::is_paired) {
                    self.may_pair()?;
                }
                let confirmed = self.state.is_confirmed(economy, keyring, ceremony);
                confirmed.map_err(CommandError::Unfitting)?;
            }
            PartnerChange::Introduced { keyring, .. } => {
                self.state.may_meet(economy, keyring).map_err(CommandError::Unfitting)?;
            }
            PartnerChange::Level(level) if *level > 4 => {
                return Err(CommandError::Unfitting(format!("level {level} is not one of 0 to 4")));
            }
            PartnerChange::Removed => {
                let partner = self.state.partner(&economy).filter(|one| one.bond != Bond::Removed);
                partner.ok_or_else(|| CommandError::NoPartner(economy.to_string()))?;
            }
            // Of whom a partner has only introduced, records come as well.
            PartnerChange::Intake { .. } => {
                let known = self.state.knows(&economy) && economy != self.state.us();
                known.then_some(()).ok_or_else(|| CommandError::NoPartner(economy.to_string()))?;
            }
            PartnerChange::Level(_)
            | PartnerChange::Suspended
            | PartnerChange::Resumed
            | PartnerChange::Addresses(_) => self.paired(economy)?,
        }
        if matches!(change, PartnerChange::Removed) {
            self.let_go_of(economy, now);
        }
        let known =
            matches!(change, PartnerChange::Paired { .. } | PartnerChange::Introduced { .. });
        let entry = JournalEntry::Partner(PartnerChanged { economy, change, at: now });
        self.enter(&entry, Vec::new());
        if known {
            self.then.push(Then::AskFor(economy));
        }
        self.widen();
        self.drop_links(now);
        Ok(Reply::Done)
    }

    /// Connections of those who are no longer partners, or are suspended, end at once.
    fn drop_links(&mut self, now: Timestamp) {
        let gone: Vec<_> = self
            .conns
            .iter()
            .filter(|(_, economy)| {
                self.state.partner(economy).is_none_or(|partner| !partner.is_open())
            })
            .map(|(conn, economy)| (*conn, *economy))
            .collect();
        for (conn, economy) in gone {
            let reason = "not-paired".to_owned();
            self.session_input(economy, comity_proto::Input::Refuse { conn, reason }, now);
        }
    }

    fn keep_drafts(
        &mut self,
        drafts: Vec<(DraftMade, Vec<(PartDigest, Bytes)>)>,
    ) -> Result<Reply, CommandError> {
        if self.space_low {
            return Err(CommandError::DiskLow);
        }
        let too_large = |(draft, _): &(DraftMade, _)| {
            JournalEntry::Draft(DraftMade::clone(draft)).encode().len() > ENTRY_BYTES
        };
        if drafts.iter().any(too_large) {
            let why = "a draft has more in its headers than one journal entry may have";
            return Err(CommandError::Unfitting(why.to_owned()));
        }
        let too_long = |body: &Bytes| body.len() > PART_BYTES.saturating_sub(DRAFT_SALT);
        let contents =
            drafts.iter().flat_map(|(_, blobs)| blobs).filter(|(_, body)| too_long(body));
        let erased = contents.filter_map(|(content, _)| self.state.erasures().took(content));
        if let Some(erasure) = erased.into_iter().next() {
            return Err(CommandError::Erased { at: erasure.at, why: erasure.reason.clone() });
        }
        let mut numbers = Vec::new();
        for (mut draft, mut blobs) in drafts {
            self.salt_what_was_erased(&mut draft, &mut blobs);
            draft.number = self.state.next_draft();
            numbers.push(draft.number);
            let (number, title) = (draft.number, std::mem::take(&mut draft.title));
            if !title.is_empty() {
                blobs.extend(titles::of_draft(number, &title));
            }
            self.enter(&JournalEntry::Draft(draft), blobs);
            self.state.call_draft(number, title);
        }
        Ok(Reply::Drafts(numbers))
    }

    /// The same bytes were erased here once, from another draft, and are not kept again as they are: with a
    /// salt before them they are another body, which nothing keeps out.
    fn salt_what_was_erased(&mut self, draft: &mut DraftMade, blobs: &mut [(PartDigest, Bytes)]) {
        for (part, (digest, body)) in draft.parts.iter_mut().zip(blobs) {
            if !self.state.is_erased(digest) {
                continue;
            }
            let salt: [u8; DRAFT_SALT] = draw(&mut *self.entropy);
            let salted = Bytes::from([&salt[..], body].concat());
            if let Some(salted_digest) = tree_root(&leaf_hashes(&salted)).map(PartDigest::from) {
                (part.content, *digest, *body) = (salted_digest, salted_digest, salted);
            }
        }
    }
}
