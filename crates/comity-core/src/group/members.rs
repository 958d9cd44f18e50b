//! Who may have what is addressed to a group, and what an economy may say about it.

use std::collections::{BTreeMap, BTreeSet};

use super::body::{ApplicationBody, GroupBody, HandoverBody, RemovalBody, SponsorshipBody};
use super::epoch::Membership;
use super::judge::Judged;
use super::refusal::Refusal;
use super::replay::Group;
use super::roster::{Roster, RosterBody, RosterHead};
use super::statement::{Says, Statement};
use crate::identity::{EconomyId, RecordId};
use crate::keyring::Unconfirmed;
use crate::limits;
use crate::time::Timestamp;

/// Why an economy may not have what was addressed to a group at some epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Exclusion {
    /// The charter of the group is not here.
    #[error("the group is not known here")]
    UnknownGroup,
    /// Two rosters of one epoch exist.
    #[error("the group is frozen: there are two rosters of one number")]
    Frozen,
    /// The secretariat has not confirmed the roster for too long.
    #[error("its secretariat last confirmed the roster at {0}")]
    Stale(Timestamp),
    /// A newer keyring of its secretariat may exist, in which the key is revoked that signs the rosters.
    #[error("its secretariat's {0}")]
    Unconfirmed(Unconfirmed),
    /// The roster that the record names is not here.
    #[error("roster {0} of the group is not here")]
    NoSuchEpoch(u64),
    /// We are no member now.
    #[error("we are not a member of the group now")]
    NotUs,
    /// The origin was no member then.
    #[error("its origin was not a member of the group")]
    NotTheOrigin,
    /// Not a member now.
    #[error("not a member of the group now")]
    NotNow,
    /// Not a member then, and the charter keeps earlier records from later joiners.
    #[error("joined the group after it was signed")]
    NotThen,
}

/// An application that has not led to a membership yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenApplication<'a> {
    /// The record.
    pub record: RecordId,
    /// Who applies.
    pub by: EconomyId,
    /// When.
    pub at: Timestamp,
    /// With what.
    pub body: &'a ApplicationBody,
    /// Who speaks for it, each with its record.
    pub sponsors: BTreeMap<EconomyId, RecordId>,
    /// How many it needs.
    pub needed: usize,
}

impl Group {
    /// Whether `economy` may have now what was addressed to the group at `epoch`: a member then, or
    /// later where the charter says so, and a member now.
    ///
    /// # Errors
    ///
    /// The first thing that is in the way.
    pub fn admits(&self, economy: EconomyId, epoch: u64, now: Timestamp) -> Result<(), Exclusion> {
        self.usable(now)?;
        self.epoch(epoch).ok_or(Exclusion::NoSuchEpoch(epoch))?;
        if !self.certain().contains(&economy) {
            return Err(Exclusion::NotNow);
        }
        let charter = self.founding().charter();
        if self.was_member(economy, epoch) || charter.later_joiners_see_earlier_records() {
            Ok(())
        } else {
            Err(Exclusion::NotThen)
        }
    }

    /// Whether `economy` was a member at `epoch`.
    #[must_use]
    pub fn was_member(&self, economy: EconomyId, epoch: u64) -> bool {
        let member = self.epoch(epoch).and_then(|then| then.members.get(&economy));
        member.is_some_and(|member| self.is_sound(economy, member))
    }

    /// Whether `economy` stands in the roster of `epoch`, whatever is in doubt.
    #[must_use]
    pub fn is_listed(&self, economy: EconomyId, epoch: u64) -> bool {
        self.epoch(epoch).is_some_and(|then| then.members.contains_key(&economy))
    }

    /// Whether what let it in is believed.
    pub(super) fn is_sound(&self, economy: EconomyId, member: &Membership) -> bool {
        !self.outcome.in_doubt.contains(&(economy, member.since))
    }

    /// Whether the group may be relied on at all.
    ///
    /// # Errors
    ///
    /// It is frozen, or its secretariat has been silent for too long.
    pub fn usable(&self, now: Timestamp) -> Result<(), Exclusion> {
        if self.fork().is_some() {
            return Err(Exclusion::Frozen);
        }
        if self.stale_from() <= now { Err(Exclusion::Stale(self.confirmed())) } else { Ok(()) }
    }

    /// From when on nothing is released, unless the secretariat says a word before.
    #[must_use]
    pub fn stale_from(&self) -> Timestamp {
        self.confirmed().saturating_add(limits::ROSTER_MAX_AGE)
    }

    /// Whether a record about this group, signed by `by`, is for `to`: members, applicants whom the group
    /// has asked or speaks for, and those whom it concerns. What does not count is for nobody.
    #[must_use]
    pub fn concerns(&self, record: &RecordId, by: EconomyId, says: &Says, to: EconomyId) -> bool {
        // Whom a roster that waits leaves out may be gone.
        let member = self.certain().contains(&to);
        let welcome = self.welcome().contains(&to);
        if !self.counts(record, by, says) {
            return false;
        }
        member
            || match says {
                Says::Group(GroupBody::Charter(charter)) => {
                    charter.founders.contains(&to) || self.invited().contains(&to) || welcome
                }
                Says::Roster(RosterBody::Roster(roster)) => {
                    // Who is removed learns it.
                    let before = roster.epoch.checked_sub(1);
                    welcome || before.is_some_and(|before| self.is_listed(to, before))
                }
                Says::Roster(RosterBody::Head(_)) => welcome,
                Says::Group(GroupBody::Sponsorship(body)) => {
                    self.statement(&body.application).is_some_and(|one| one.by == to)
                }
                Says::Group(GroupBody::Removal(body)) => {
                    // Whoever was asked in learns that there is nothing to join any more.
                    let asked = self.founding().founders().contains(&to)
                        || self.invited().contains(&to)
                        || welcome;
                    body.member == to
                        || self.goes_with_a_roster(record, to)
                        || (asked && self.closes(by, body))
                }
                Says::Group(GroupBody::Invitation(body)) => body.to == to,
                Says::Group(GroupBody::Handover(_)) => self.goes_with_a_roster(record, to),
                Says::Group(GroupBody::Application(_)) => false,
            }
    }

    /// Whether the roster that cites a record is for `to` because it stood in the one before, though it may be in
    /// doubt by now: without what it cites the roster would wait there for ever, and each later one with it.
    fn goes_with_a_roster(&self, record: &RecordId, to: EconomyId) -> bool {
        let cited = self.chain.spent_in(record, self.head().epoch);
        let before = cited.and_then(|epoch| epoch.checked_sub(1));
        before.is_some_and(|before| self.is_listed(to, before))
    }

    /// Whether a record counts, or may: a roster cites it, or may cite it now. Nobody passes on what
    /// somebody says of a group who has no say in it.
    fn counts(&self, record: &RecordId, by: EconomyId, says: &Says) -> bool {
        let (head, judge) = (self.head(), self.judge());
        let Says::Roster(roster) = says else {
            let Says::Group(body) = says else { return false };
            if matches!(body, GroupBody::Charter(_)) || self.chain.is_spent(record, head.epoch) {
                return true;
            }
            let statement =
                Statement { record: *record, by, at: head.at, says: says.clone(), doubted: false };
            return match body {
                GroupBody::Charter(_) => true,
                GroupBody::Application(body) => {
                    !head.members.contains_key(&by)
                        && judge.application(by, &statement, body).is_ok()
                }
                GroupBody::Sponsorship(body) => {
                    // Whom it is about is not known before the application is here.
                    let applicant = self.statement(&body.application).map(|one| one.by);
                    judge.may_sponsor(by).is_ok()
                        && applicant.is_none_or(|applicant| {
                            let application = Some(body.application);
                            judge.sponsorship(applicant, &statement, body, application).is_ok()
                        })
                }
                GroupBody::Removal(body) => {
                    judge.vote(body.member, head.secretariat, &statement, body).is_ok()
                        && head.members.contains_key(&body.member)
                }
                GroupBody::Handover(body) => judge.would_keep(by, body),
                GroupBody::Invitation(_) => self.certain().contains(&by),
            };
        };
        match roster {
            // A roster that waits may follow elsewhere, and of two everybody has to know.
            RosterBody::Roster(_) => !self.refused().contains_key(record),
            // A later word has taken the place of one that is kept no more.
            RosterBody::Head(word) => {
                let of = self.epoch(word.epoch);
                let right = of.map(|one| one.digest == word.digest && one.secretariat == by);
                // Of two rosters it says which is acted upon.
                let not_yet = || by == head.secretariat || self.may_be_roster(word);
                right.unwrap_or_else(not_yet)
                    && self.heads.get(&(word.digest, by)).is_none_or(|(_, last)| last == record)
            }
        }
    }

    /// Whether a daily word is about a roster that is here and may follow.
    fn may_be_roster(&self, word: &RosterHead) -> bool {
        let mut all = self.rosters.get(&word.epoch).into_iter().flatten();
        all.any(|(record, digest)| *digest == word.digest && !self.refused.contains_key(record))
    }

    /// Whether a statement would be rested on as soon as it is taken in: it is the next roster, or its
    /// secretariat's word that an epoch is what it is.
    #[must_use]
    pub fn would_rest(&self, statement: &Statement) -> bool {
        match &statement.says {
            Says::Group(_) => false,
            Says::Roster(RosterBody::Head(word)) => self.epoch(word.epoch).is_some_and(|epoch| {
                epoch.digest == word.digest && epoch.secretariat == statement.by
            }),
            Says::Roster(RosterBody::Roster(roster)) => {
                let next = self.head().epoch.saturating_add(1);
                let signed = statement.signed().filter(|_| roster.epoch == next);
                signed.is_some_and(|signed| matches!(self.judge().next(signed), Judged::Sound))
            }
        }
    }

    /// Whether `by` says that it is a member and has shown `to` the charter: all that an economy knows
    /// of the members before it is one.
    #[must_use]
    pub fn has_invited(&self, by: EconomyId, to: EconomyId) -> bool {
        self.idle_words().any(|one| match &one.says {
            Says::Group(GroupBody::Invitation(body)) => {
                one.by == by && body.to == to && !one.doubted
            }
            Says::Group(_) | Says::Roster(_) => false,
        })
    }

    /// The applicants who may see who the members are. To ask is not enough, or whoever was removed
    /// would only have to apply again: a founder or somebody invited who never was a member, or
    /// somebody for whom a member speaks now.
    pub(super) fn welcome_applicants(&self) -> BTreeSet<EconomyId> {
        let asked = |economy: &EconomyId| {
            let founds = self.founding().founders().contains(economy);
            let left = self.chain.left(economy, self.head().epoch);
            (founds || self.invited().contains(economy)) && left.is_none()
        };
        let open = self.applications();
        open.filter(|one| asked(&one.by) || !one.sponsors.is_empty()).map(|one| one.by).collect()
    }

    pub(super) fn invitations(&self) -> impl Iterator<Item = EconomyId> + '_ {
        let believed = self.idle_words().filter(|one| !one.doubted);
        believed.filter(|one| self.certain().contains(&one.by)).filter_map(|one| match &one.says {
            Says::Group(GroupBody::Invitation(body)) => Some(body.to),
            Says::Group(_) | Says::Roster(_) => None,
        })
    }

    /// The applications that have not led to a membership yet, by record.
    pub fn applications(&self) -> impl Iterator<Item = OpenApplication<'_>> {
        let mut words: BTreeMap<RecordId, Vec<(&Statement, &SponsorshipBody)>> = BTreeMap::new();
        for one in self.idle_words().filter(|one| !one.doubted) {
            if let Says::Group(GroupBody::Sponsorship(body)) = &one.says {
                words.entry(body.application).or_default().push((one, body));
            }
        }
        let believed = self.idle_words().filter(|one| !one.doubted);
        believed.filter_map(move |statement| {
            let Says::Group(GroupBody::Application(body)) = &statement.says else { return None };
            let (record, by, at) = (statement.record, statement.by, statement.at);
            let (judge, member) = (self.judge(), self.head().members.contains_key(&by));
            if member || judge.application(by, statement, body).is_err() {
                return None;
            }
            // Those who speak for it, and may.
            let fits = |(one, body): &&(&Statement, &SponsorshipBody)| {
                judge.sponsorship(by, one, body, Some(record)).is_ok()
            };
            let sponsors = words.get(&record).into_iter().flatten().filter(fits);
            let sponsors = sponsors.map(|(one, _)| (one.by, one.record)).collect();
            let needed = judge.sponsors_needed(by);
            Some(OpenApplication { record, by, at, body, sponsors, needed })
        })
    }

    /// Those who want a member out, and may, or the member itself.
    #[must_use]
    pub fn votes(&self, member: EconomyId, signer: EconomyId) -> BTreeMap<EconomyId, RecordId> {
        let since = self.head().members.get(&member).map_or(0, |one| one.since);
        let judge = self.judge();
        let votes = self.idle_words().filter(|one| match &one.says {
            Says::Group(GroupBody::Removal(body)) => {
                body.member == member
                    && body.epoch >= since
                    && !one.doubted
                    && (one.by == member || judge.may_remove(one.by, signer).is_ok())
            }
            Says::Group(_) | Says::Roster(_) => false,
        });
        votes.map(|one| (one.by, one.record)).collect()
    }

    /// Whether an economy that was a member and is none any more went by its own word. `None`: it is one, or never was.
    #[must_use]
    pub fn left_itself(&self, economy: EconomyId) -> Option<bool> {
        let listed = |epoch: &super::Epoch| epoch.members.contains_key(&economy);
        if listed(self.head()) {
            return None;
        }
        let last = self.epochs().filter(|epoch| listed(epoch)).map(|epoch| epoch.epoch).max()?;
        let gone = self.epoch(last.saturating_add(1))?;
        let roster = self.statement(&gone.record).and_then(Statement::roster);
        let words = roster.and_then(|roster| roster.changes.get(&economy));
        let own = |word: &RecordId| self.statement(word).is_some_and(|said| said.by == economy);
        Some(words.is_some_and(|words| words.iter().any(own)))
    }

    /// Whether the group is closed: whoever keeps the roster is alone in it, and has said with this roster
    /// that it leaves. There is nobody to keep it, and nobody to whom anything could go. Should it admit
    /// somebody all the same, the next roster is none that this was said with.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.head().members.len() == 1
            && self.idle_words().any(|one| match &one.says {
                Says::Group(GroupBody::Removal(body)) => !one.doubted && self.closes(one.by, body),
                Says::Group(_) | Says::Roster(_) => false,
            })
    }

    /// Whether these are the words by which the last member closes the group.
    fn closes(&self, by: EconomyId, word: &RemovalBody) -> bool {
        let head = self.head();
        let alone = head.members.len() == 1 && head.members.contains_key(&by);
        alone && head.secretariat == by && word.member == by && word.epoch == head.epoch
    }

    /// The roster that admits an applicant, with as many sponsors as there are.
    ///
    /// # Errors
    ///
    /// Why it would count for nothing.
    pub fn admitting(&self, applicant: EconomyId, by: EconomyId) -> Result<Roster, Refusal> {
        if self.head().members.contains_key(&applicant) {
            return Err(Refusal::AlreadyMember(applicant));
        }
        if self.is_closed() {
            return Err(Refusal::Closed);
        }
        // The one with the most sponsors; of several the last.
        let best = self
            .applications()
            .filter(|one| one.by == applicant)
            .max_by_key(|one| (one.sponsors.len(), one.at, one.record));
        let best = best.ok_or(Refusal::NoApplication(applicant))?;
        let most = limits::JUSTIFICATIONS - 1;
        let cited = best.sponsors.values().take(most).copied().chain([best.record]).collect();
        let mut roster = self.next_roster();
        roster.members.insert(applicant, best.body.affiliations.clone());
        roster.changes.insert(applicant, cited);
        self.check(by, &roster)?;
        Ok(roster)
    }

    /// The roster without a member.
    ///
    /// # Errors
    ///
    /// Why it would count for nothing.
    pub fn removing(&self, member: EconomyId, by: EconomyId) -> Result<Roster, Refusal> {
        let mut roster = self.next_roster();
        if roster.members.remove(&member).is_none() {
            return Err(Refusal::NotAMember(member));
        }
        let votes = self.votes(member, by);
        if votes.is_empty() {
            let needed = self.founding().charter().removal().needed();
            return Err(Refusal::TooFewVotes { economy: member, has: 0, needed });
        }
        let cited = votes.values().take(limits::JUSTIFICATIONS).copied().collect();
        roster.changes.insert(member, cited);
        self.check(by, &roster)?;
        Ok(roster)
    }

    /// The roster that says anew what else a member belongs to.
    ///
    /// # Errors
    ///
    /// Why it would count for nothing.
    pub fn affiliating(
        &self,
        member: EconomyId,
        affiliations: BTreeSet<String>,
        by: EconomyId,
    ) -> Result<Roster, Refusal> {
        let mut roster = self.next_roster();
        let before = roster.members.get_mut(&member).ok_or(Refusal::NotAMember(member))?;
        *before = affiliations;
        self.check(by, &roster)?;
        Ok(roster)
    }

    /// The roster by which `by` hands the secretariat over to a member that has said it would keep it.
    ///
    /// # Errors
    ///
    /// Why it would count for nothing.
    pub fn handing_over(&self, to: EconomyId, by: EconomyId) -> Result<Roster, Refusal> {
        if by != self.head().secretariat {
            return Err(Refusal::NotSecretariat(by));
        }
        if !self.head().members.contains_key(&to) {
            return Err(Refusal::NotAMember(to));
        }
        let word = self.ready().get(&to).copied().ok_or(Refusal::NotReady(to))?;
        let roster = Roster { handover: Some(word), ..self.next_roster() };
        self.check(by, &roster)?;
        Ok(roster)
    }

    /// The members that have said, with the last roster, that they would keep the next ones.
    #[must_use]
    pub fn ready(&self) -> BTreeMap<EconomyId, RecordId> {
        let judge = self.judge();
        let words = self.idle_words().filter(|one| match &one.says {
            Says::Group(GroupBody::Handover(word)) => {
                !one.doubted && judge.would_keep(one.by, word)
            }
            Says::Group(_) | Says::Roster(_) => false,
        });
        words.map(|one| (one.by, one.record)).collect()
    }

    fn next_roster(&self) -> Roster {
        let head = self.head();
        let members = head.members.iter().map(|(id, one)| (*id, one.affiliations.clone()));
        Roster {
            group: self.id(),
            epoch: head.epoch.saturating_add(1),
            predecessor: head.digest,
            members: members.collect(),
            changes: BTreeMap::new(),
            handover: None,
        }
    }

    /// Whether `by` may say this now: what it would sign must not count for nothing.
    ///
    /// # Errors
    ///
    /// Why it would.
    pub fn may_say(&self, by: EconomyId, says: &Says) -> Result<(), Refusal> {
        let head = self.head();
        let member = |economy: EconomyId| {
            let known = head.members.contains_key(&economy);
            if known { Ok(()) } else { Err(Refusal::NotAMember(economy)) }
        };
        if says.group() != Some(self.id()) {
            return Err(says.group().map_or(Refusal::SecondCharter, |_| Refusal::OtherGroup));
        }
        if self.is_closed() {
            return Err(Refusal::Closed);
        }
        match says {
            Says::Group(GroupBody::Charter(_)) => Err(Refusal::SecondCharter),
            Says::Group(GroupBody::Application(body)) => {
                if member(by).is_ok() {
                    return Err(Refusal::AlreadyMember(by));
                }
                let (has, criteria) = (body.answers.len(), self.founding().charter().criteria());
                let criteria = criteria.len();
                if has == criteria {
                    return Ok(());
                }
                Err(Refusal::Unanswered { economy: by, has, criteria })
            }
            Says::Group(GroupBody::Sponsorship(body)) => self.may_say_sponsorship(by, body),
            Says::Group(GroupBody::Removal(RemovalBody { member: gone, .. })) => {
                member(*gone)?;
                if by == *gone { Ok(()) } else { self.judge().may_remove(by, head.secretariat) }
            }
            Says::Group(GroupBody::Handover(HandoverBody { to, epoch, .. })) => {
                member(by)?;
                if by != *to {
                    return Err(Refusal::NotReady(*to));
                }
                let (epoch, head) = (*epoch, head.epoch);
                if epoch == head { Ok(()) } else { Err(Refusal::StaleEpoch { epoch, head }) }
            }
            Says::Group(GroupBody::Invitation(body)) => {
                member(by)?;
                if member(body.to).is_ok() { Err(Refusal::AlreadyMember(body.to)) } else { Ok(()) }
            }
            Says::Roster(RosterBody::Roster(roster)) => self.check(by, roster),
            Says::Roster(RosterBody::Head(word)) => {
                if by != head.secretariat {
                    return Err(Refusal::NotSecretariat(by));
                }
                let same = word.epoch == head.epoch && word.digest == head.digest;
                if same { Ok(()) } else { Err(Refusal::WrongPredecessor) }
            }
        }
    }

    fn may_say_sponsorship(&self, by: EconomyId, body: &SponsorshipBody) -> Result<(), Refusal> {
        let missing = Refusal::NotHere(body.application);
        let application: &Statement = self.statement(&body.application).ok_or(missing)?;
        if application.by == by {
            return Err(Refusal::SelfAdmission(by));
        }
        self.judge().may_sponsor(by)?;
        let open = self.applications().find(|one| one.record == body.application);
        let open = open.ok_or(Refusal::AlreadyMember(application.by))?;
        if open.sponsors.contains_key(&by) { Err(Refusal::Doubled(by)) } else { Ok(()) }
    }

    /// The members whom nobody here knows: they stay members, and nothing can be sent to them.
    pub fn strangers(&self, known: impl Fn(EconomyId) -> bool) -> BTreeSet<EconomyId> {
        let members = self.head().members.keys().copied();
        members.filter(|member| !known(*member)).collect()
    }
}
