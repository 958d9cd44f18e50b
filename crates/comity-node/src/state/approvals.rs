//! What waits for a second person, and what was said to it.
//!
//! Whose word counts is asked here, where it is folded, and nowhere later: it was said by somebody who was
//! an approver of the staff then, with a key of their own that was granted for it, and neither by whoever
//! signed the record nor with the node's own key, which signs what the node does by itself. A word that
//! does not count is a record like any other, without effect.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use comity_core::agreement::Tier;
use comity_core::control::{ApprovalBody, ApprovalVerdict};
use comity_core::entitlement::{Claim, Entitlement, FirstSeen};
use comity_core::journal::{ApprovalCause, AuthorLimit, AwaitsApproval, Source};
use comity_core::policy::{
    Agreement, Approval, Lifecycle, Outcome, Partner, PolicyBuilder, Recipient, Standing,
    TrustLevel, Word, plan,
};
use comity_core::staff::{Alone, HOLDER, StaffRole};
use comity_core::{Class, EconomyId, KeyId, Kind, RecordId, Timestamp, Tlp};

use super::{Held, State};
use crate::config;

/// A record of ours that goes to nobody before a second person has approved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// Why it takes one.
    pub causes: Vec<ApprovalCause>,
    /// Since when.
    pub since: Timestamp,
    /// What was said: the first word that counts.
    pub said: Option<Verdict>,
}

/// A second person's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Yes or no.
    pub verdict: ApprovalVerdict,
    /// What the person says about it; may be empty.
    pub note: String,
    /// The record that says it.
    pub by: RecordId,
    /// The key that signed that.
    pub key: KeyId,
    /// When it was entered.
    pub at: Timestamp,
}

impl Awaited {
    fn approval(&self) -> Approval {
        match self.said.as_ref().map(|said| said.verdict) {
            Some(ApprovalVerdict::Approve) => Approval::Given,
            Some(ApprovalVerdict::Refuse | ApprovalVerdict::Emergency { .. }) => Approval::Refused,
            None => {
                let why = self.causes.first().map(ToString::to_string);
                Approval::Awaited(Word::new(why.as_deref().unwrap_or_default()))
            }
        }
    }
}

/// Every record that waited, or waits.
#[derive(Debug, Default)]
pub(super) struct Approvals(BTreeMap<RecordId, Awaited>);

impl Approvals {
    /// A record is about to be entered that waits.
    pub(super) fn about_to(&mut self, awaits: &AwaitsApproval) {
        let AwaitsApproval { record, causes, at } = awaits;
        let awaited = Awaited { causes: causes.clone(), since: *at, said: None };
        self.0.entry(*record).or_insert(awaited);
    }

    /// Whether this record, which is entered, waits.
    pub(super) fn of(&self, record: &RecordId) -> Approval {
        self.0.get(record).map_or(Approval::NotNeeded, Awaited::approval)
    }
}

/// Why somebody's word about a record does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// No such record is here.
    #[error("no such record is here")]
    NoRecord,
    /// It waits for nobody.
    #[error("it does not wait for a second person")]
    NotAwaited,
    /// It was taken back.
    #[error("it was taken back: there is nothing to approve")]
    TakenBack,
    /// Somebody said so before.
    #[error("{0} at {1}: the first word stands")]
    Said(&'static str, Timestamp),
    /// Whoever signed it says it.
    #[error("whoever signed a record does not approve it: author and approver are two keys")]
    Author,
    /// Whoever says it may have signed it.
    #[error(
        "it was signed with a key of the staff ({0}), and nothing here says whose: whoever approves it may be whoever signed it"
    )]
    AuthorUnknown(String),
    /// Nobody of the staff who is an approver.
    #[error("the key is not that of an approver of the staff")]
    NoApprover,
    /// The keyring does not grant it.
    #[error("the key is not granted for approvals now: {0}")]
    NotGranted(String),
}

/// What of a record goes further than its author publishes alone.
fn beyond(
    alone: &Alone,
    held: &Held,
    strictest: Tlp,
    recipients: impl FnOnce() -> u64,
) -> Vec<AuthorLimit> {
    let Alone { up_to, kinds, categories, recipients: most } = alone;
    let mut beyond = Vec::new();
    if up_to.is_some_and(|up_to| strictest > up_to) {
        beyond.push(AuthorLimit::Label(strictest));
    }
    if kinds.as_ref().is_some_and(|kinds| !kinds.contains(&held.facts.kind)) {
        beyond.push(AuthorLimit::Kind(held.facts.kind));
    }
    if let Some(categories) = categories {
        let of_parts = held.parts.iter().flat_map(|part| &part.marking.categories);
        let all: BTreeSet<_> = held.facts.floor.categories.iter().chain(of_parts).collect();
        let others = all.into_iter().filter(|one| !categories.contains(*one));
        beyond.extend(others.cloned().map(AuthorLimit::Category));
    }
    if let Some(most) = most {
        let recipients = recipients();
        if recipients > *most {
            beyond.push(AuthorLimit::Recipients(recipients));
        }
    }
    beyond
}

impl State {
    /// What waits for a second person, or waited, and what was said. `None`: it takes none.
    #[must_use]
    pub fn awaited(&self, record: &RecordId) -> Option<&Awaited> {
        self.approvals.0.get(record)
    }

    /// Every record that waits for a second person's word, the one that has waited longest first. What
    /// was taken back waits for nothing.
    #[must_use]
    pub fn awaiting_approval(&self) -> Vec<(&Held, &Awaited)> {
        let open = self.approvals.0.iter().filter(|(_, awaited)| awaited.said.is_none());
        let here = open.filter_map(|(record, awaited)| Some((self.records.get(record)?, awaited)));
        let mut here: Vec<_> =
            here.filter(|(held, _)| held.facts.lifecycle == Lifecycle::Live).collect();
        here.sort_by_key(|(held, awaited)| (awaited.since, held.seq));
        here
    }

    /// The names of those of the staff who may approve at `now`: approvers with a key that counts.
    #[must_use]
    pub fn approvers(&self, now: Timestamp) -> Vec<String> {
        let may = |key| self.may_sign_approvals(key, RecordId([0; 32]), now).is_ok();
        let staff = self.staff.iter().filter(|(_, member)| may(member.key));
        staff.map(|(name, _)| name.to_owned()).collect()
    }

    /// Why a record of ours takes a second person: by these rules, and by how far its author publishes alone.
    /// Nothing: it takes none.
    #[must_use]
    pub fn approval_causes(
        &self,
        rules: &config::Approval,
        held: &Held,
        now: Timestamp,
    ) -> Vec<ApprovalCause> {
        let mut causes = Vec::new();
        if !self.is_ever_asked_about(held.facts.kind, held.facts.author, rules) {
            return causes;
        }
        let labels = held.parts.iter().map(|part| part.marking.tlp);
        let strictest: Tlp = labels.fold(held.facts.floor.tlp, Tlp::max);
        if rules.tlp.is_some_and(|from| strictest >= from) {
            causes.push(ApprovalCause::Label(strictest));
        }
        for category in &rules.categories {
            let floor = &held.facts.floor.categories;
            let mut parts = held.parts.iter().map(|part| &part.marking.categories);
            if floor.contains(category) || parts.any(|one| one.contains(category)) {
                causes.push(ApprovalCause::Category(category.clone()));
            }
        }
        for class in &rules.classes {
            let has = |class: Class| held.parts.iter().any(|part| part.classes.contains(class));
            if has(*class) {
                causes.push(ApprovalCause::Class(*class));
            }
        }
        let counted = OnceCell::new();
        let who_gets = || counted.get_or_init(|| self.who_gets(held, now));
        let recipients = || who_gets().len() as u64;
        if rules.recipients_over.is_some_and(|most| recipients() > most) {
            causes.push(ApprovalCause::Recipients(recipients()));
        }
        for tier in &rules.tiers {
            if who_gets().values().any(|tiers| tiers.contains(tier)) {
                causes.push(ApprovalCause::Tier(*tier));
            }
        }
        if let Some(alone) = self.staff.alone(held.facts.author) {
            let beyond = beyond(alone, held, strictest, recipients);
            causes.extend(beyond.into_iter().map(ApprovalCause::Beyond));
        }
        causes
    }

    /// Whether a record of this kind and author may take a second person, whatever it is marked.
    pub(crate) fn is_ever_asked_about(
        &self,
        kind: Kind,
        author: KeyId,
        rules: &config::Approval,
    ) -> bool {
        let limited = || self.staff.alone(author).is_some_and(|alone| !alone.is_unlimited());
        !kind.is_control() && (!rules.is_empty() || limited())
    }

    /// Whether nobody here knows whose key this is: neither somebody's of the staff, nor one that the root
    /// granted to the node itself.
    pub(crate) fn is_stranger(&self, author: KeyId) -> bool {
        let keyring = self.keyring(&self.us);
        let mut grants = keyring.into_iter().flat_map(|keyring| keyring.grants_of(author));
        self.staff.ever_held(author).is_none() && !grants.any(|grant| grant.holder != HOLDER)
    }

    /// Which partners get some of its content, now or as soon as a time is past, and by agreements of which tiers:
    /// by the decision that the preview shows, as if nobody had to approve it and the egress guard found nothing; and
    /// as if each partner stood well and were trusted with everything, for that is one person's to change back, and
    /// had said lately which keyring is its newest, for it may do so tomorrow.
    fn who_gets(&self, held: &Held, now: Timestamp) -> BTreeMap<EconomyId, BTreeSet<Tier>> {
        let mut facts = held.facts.clone();
        facts.approval = Approval::NotNeeded;
        let parts = self.as_if_clear(held);
        let trusting = |builder: PolicyBuilder, (economy, partner): (&EconomyId, &Partner)| {
            let partner = Partner { standing: Standing::Paired, ..partner.clone() };
            builder.partner(*economy, partner.at(TrustLevel::Restricted))
        };
        let paired = self.paired();
        let partners = self.policy.partners().filter(|(economy, _)| paired.contains(economy));
        let policy =
            partners.fold(self.policy.to_builder().without_confirmations(), trusting).build();
        let gets = |economy: EconomyId| {
            let plan = plan(&policy, &facts, &parts, &Recipient::partner(economy), now);
            let content = plan.parts().iter().zip(&parts).filter(|(_, part)| part.is_content());
            let going = content.filter(|(planned, _)| match planned.decision.outcome() {
                Outcome::Release(_) | Outcome::HoldUntil(_) => true,
                Outcome::Withhold => false,
            });
            let going: Vec<_> = going.map(|(planned, _)| &planned.decision).collect();
            let covering = going.iter().filter_map(|decision| {
                policy.agreement(&decision.covering()?).map(|one| one.terms().tier())
            });
            // What is held goes by what is in force then: one that begins meanwhile, or for which it waits.
            let held = going.iter().filter_map(|decision| match decision.outcome() {
                Outcome::HoldUntil(until) => Some(*until),
                Outcome::Release(_) | Outcome::Withhold => None,
            });
            let last = held.max();
            let begins = |one: &&Agreement| now < one.from() && last >= Some(one.from());
            let later = policy.partner(&economy).into_iter().flat_map(|one| &one.agreements);
            let later = later.filter(begins);
            let tiers = covering.chain(later.map(|one| one.terms().tier())).collect();
            (!going.is_empty()).then_some((economy, tiers))
        };
        paired.into_iter().filter_map(gets).collect()
    }

    /// Whether somebody may say a word about a record now, with this key. Whoever holds a key that nobody is
    /// known to hold might be the same person.
    pub(crate) fn may_say_of(
        &self,
        record: &RecordId,
        key: KeyId,
        now: Timestamp,
    ) -> Result<(), Unheard> {
        self.may_approve(record, key, now)?;
        let author = self.records.get(record).map(|held| held.facts.author);
        match author.filter(|author| self.is_stranger(*author)) {
            Some(author) => Err(Unheard::AuthorUnknown(author.short())),
            None => Ok(()),
        }
    }

    /// The names of those who may say a word about this record at `now`.
    #[must_use]
    pub fn approvers_of(&self, record: &RecordId, now: Timestamp) -> Vec<String> {
        let may = |key| self.may_say_of(record, key, now).is_ok();
        let staff = self.staff.iter().filter(|(_, member)| may(member.key));
        staff.map(|(name, _)| name.to_owned()).collect()
    }

    /// The keys that the root granted to somebody of the staff, and of which nothing here says to whom: with when
    /// the last of their grants ends, and whether they ended before.
    #[must_use]
    pub fn unclaimed_keys(&self) -> BTreeMap<KeyId, (Timestamp, bool)> {
        let Some(keyring) = self.keyring(&self.us) else { return BTreeMap::new() };
        let staff = keyring.grants().filter(|grant| grant.holder == HOLDER);
        let unclaimed = staff.filter(|grant| self.staff.ever_held(grant.key).is_none());
        let mut keys = BTreeMap::new();
        for grant in unclaimed {
            let ended = keyring.revocation(grant.key).is_some();
            let (until, _) = keys.entry(grant.key).or_insert((grant.until, ended));
            *until = grant.until.max(*until);
        }
        // A keyring of new root keys may have left the grants out: what waits waits all the same for somebody to say.
        for (held, _) in self.awaiting_approval() {
            let (author, signed) = (held.facts.author, held.signed_at);
            if self.is_stranger(author) {
                keys.entry(author).or_insert((signed, true));
            }
        }
        keys
    }

    /// Whether this key's word about a record counts.
    pub(crate) fn may_approve(
        &self,
        record: &RecordId,
        key: KeyId,
        now: Timestamp,
    ) -> Result<(), Unheard> {
        let held = self.records.get(record).ok_or(Unheard::NoRecord)?;
        let awaited = self.approvals.0.get(record).filter(|_| held.facts.origin == self.us);
        let awaited = awaited.ok_or(Unheard::NotAwaited)?;
        if held.facts.lifecycle == Lifecycle::Withdrawn {
            return Err(Unheard::TakenBack);
        }
        if let Some(said) = &awaited.said {
            let what = match said.verdict {
                ApprovalVerdict::Approve => "it was approved",
                ApprovalVerdict::Refuse | ApprovalVerdict::Emergency { .. } => "it was refused",
            };
            return Err(Unheard::Said(what, said.at));
        }
        // One person under two keys, of which one is a former one, is one person.
        let author = self.staff.ever_held(held.facts.author);
        let approver = self.staff.ever_held(key);
        if key == held.facts.author || author.is_some() && author == approver {
            return Err(Unheard::Author);
        }
        self.may_sign_approvals(key, *record, now)
    }

    pub(super) fn may_sign_approvals(
        &self,
        key: KeyId,
        record: RecordId,
        now: Timestamp,
    ) -> Result<(), Unheard> {
        let member = self.staff.iter().find(|(_, member)| member.key == key);
        let approver = member.is_some_and(|(_, member)| {
            member.left.is_none() && member.roles.has(StaffRole::Approver)
        });
        if !approver {
            return Err(Unheard::NoApprover);
        }
        let (kind, floor) = (Kind::Approval, Tlp::AmberStrict);
        let (origin, restricts) = (self.us, true);
        let claim = Claim { record, origin, author: key, signed_at: now, kind, floor, restricts };
        match self.entitlement(&claim, None, FirstSeen::from_origin(now), now) {
            Entitlement::Accepted => Ok(()),
            Entitlement::Pending(why) => Err(Unheard::NotGranted(why.to_string())),
            Entitlement::Quarantined(why) => Err(Unheard::NotGranted(why.to_string())),
            Entitlement::Refused(why) => Err(Unheard::NotGranted(why.to_string())),
        }
    }

    /// A word about a record is taken in. It counts where it was entered here, of our own signing, and by
    /// somebody whose word does.
    pub(super) fn hear_approval(&mut self, id: RecordId, body: ApprovalBody, at: Timestamp) {
        let ApprovalBody { record, verdict, note } = body;
        if let ApprovalVerdict::Emergency { to } = verdict {
            return self.hear_emergency(id, (record, to), note, at);
        }
        let Some(word) = self.records.get(&id) else { return };
        let (key, own) = (word.facts.author, word.source == Source::Own);
        if !own || word.facts.origin != self.us {
            return;
        }
        let said = Verdict { verdict, note, by: id, key, at };
        if self.hear_confirmation(record, said.clone())
            || self.may_approve(&record, key, at).is_err()
        {
            return;
        }
        if let Some(awaited) = self.approvals.0.get_mut(&record) {
            awaited.said = Some(said);
        }
        self.renew_approval(&record);
    }

    /// A word is set aside: what it permitted is permitted no more, and what it refused stays refused.
    pub(super) fn approval_counts_no_more(&mut self, id: &RecordId) {
        let given = |awaited: &Awaited| {
            awaited
                .said
                .as_ref()
                .is_some_and(|said| said.by == *id && said.verdict == ApprovalVerdict::Approve)
        };
        let found = self.approvals.0.iter_mut().find(|(_, awaited)| given(awaited));
        let Some((record, awaited)) = found else { return };
        awaited.said = None;
        let record = *record;
        self.renew_approval(&record);
    }

    /// Parts of a record came that were not here when somebody approved it: that person did not see them.
    pub(super) fn approved_without_these(&mut self, record: &RecordId) {
        let approved = |said: &Verdict| said.verdict == ApprovalVerdict::Approve;
        if let Some(awaited) = self.approvals.0.get_mut(record)
            && awaited.said.as_ref().is_some_and(approved)
        {
            awaited.said = None;
            self.renew_approval(record);
        }
    }

    fn renew_approval(&mut self, record: &RecordId) {
        let approval = self.approvals.of(record);
        let Some(held) = self.records.get_mut(record) else { return };
        held.facts.approval = approval;
        match approval {
            // Whoever was past it looks at it again.
            Approval::Given => self.arrive_again(record),
            Approval::NotNeeded | Approval::Awaited(_) | Approval::Refused => {
                self.turns = self.turns.saturating_add(1);
            }
        }
    }

    /// Whether nobody has approved a record of ours that takes a second person: then it has gone to nobody.
    #[must_use]
    pub fn is_unapproved(&self, record: &RecordId) -> bool {
        match self.approvals.of(record) {
            Approval::Awaited(_) | Approval::Refused => true,
            Approval::NotNeeded | Approval::Given => false,
        }
    }

    /// A record, as if a second person had approved it.
    #[must_use]
    pub fn as_if_approved(&self, held: &Held) -> Held {
        let mut held = held.clone();
        held.facts.approval = Approval::Given;
        held
    }
}
