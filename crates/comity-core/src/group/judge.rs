//! Whether a roster follows from the one before it and from what it cites.

use std::collections::{BTreeMap, BTreeSet};

use super::body::{ApplicationBody, GroupBody, HandoverBody, RemovalBody, SponsorshipBody};
use super::charter::Removers;
use super::epoch::{Chain, Epoch, Membership};
use super::founding::Founding;
use super::refusal::Refusal;
use super::roster::{Roster, RosterBody};
use super::statement::{Says, Statement, Statements};
use crate::digest::Digest;
use crate::identity::{EconomyId, RecordId};
use crate::time::Timestamp;

/// What is to be said of a roster.
#[derive(Clone, Debug)]
pub(super) enum Judged {
    /// It follows.
    Sound,
    /// It may follow: these records, which it cites, are not here.
    Waits(BTreeSet<RecordId>),
    /// It does not follow, whatever else comes.
    Refused(Refusal),
}

/// A roster as it was signed.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) record: RecordId,
    pub(super) by: EconomyId,
    pub(super) at: Timestamp,
    pub(super) roster: &'a Roster,
    pub(super) doubted: bool,
}

/// What rosters are judged by.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) founding: &'a Founding,
    pub(super) chain: &'a Chain,
    pub(super) statements: &'a Statements,
    /// The epoch after which a roster is to follow.
    pub(super) from: &'a Epoch,
}

impl<'a> Judge<'a> {
    /// Judges a roster as the next one after the epoch.
    pub(super) fn next(&self, signed: Signed<'_>) -> Judged {
        #[cfg(any(test, feature = "test-util"))]
        crate::test_util::work::add(1);
        self.follows(signed).unwrap_or_else(Judged::Refused)
    }

    fn follows(&self, signed: Signed<'_>) -> Result<Judged, Refusal> {
        let (from, roster) = (self.from, signed.roster);
        if roster.predecessor != from.digest {
            return Err(Refusal::WrongPredecessor);
        }
        self.has_the_role(signed)?;
        let mut missing = BTreeSet::new();
        // Whoever is to keep the roster stands in it.
        let keeper = self.keeper(signed, &mut missing)?;
        if keeper.is_some_and(|keeper| !roster.members.contains_key(&keeper)) {
            return Err(Refusal::WithoutSecretariat);
        }
        let came = roster.members.keys().filter(|one| !from.members.contains_key(one));
        for economy in came {
            self.admission(*economy, cited(roster, *economy)?, &mut missing)?;
        }
        let went = from.members.keys().filter(|one| !roster.members.contains_key(one));
        for economy in went {
            self.removal(*economy, signed.by, cited(roster, *economy)?, &mut missing)?;
        }
        let idle = roster.changes.keys().find(|economy| {
            from.members.contains_key(economy) == roster.members.contains_key(economy)
        });
        if let Some(economy) = idle {
            return Err(Refusal::NoChange(*economy));
        }
        if signed.doubted {
            missing.insert(signed.record);
        }
        if missing.is_empty() {
            return Ok(Judged::Sound);
        }
        Ok(Judged::Waits(missing))
    }

    /// The epoch that a roster makes which follows.
    pub(super) fn epoch(&self, signed: Signed<'_>, digest: Digest) -> Epoch {
        let (from, roster) = (self.from, signed.roster);
        let members = roster.members.iter().map(|(member, affiliations)| {
            let since = from.members.get(member).map_or(roster.epoch, |before| before.since);
            (*member, Membership { since, affiliations: affiliations.clone() })
        });
        let handover = roster.handover.and_then(|word| self.statements.get(&word));
        Epoch {
            epoch: roster.epoch,
            digest,
            by: signed.by,
            secretariat: handover.map_or(signed.by, |word| word.by),
            members: members.collect(),
            record: signed.record,
            at: signed.at,
        }
    }

    /// The secretariat signs, and nobody else.
    fn has_the_role(&self, signed: Signed<'_>) -> Result<(), Refusal> {
        let (from, by) = (self.from, signed.by);
        if by == from.secretariat {
            return Ok(());
        }
        let brings_itself =
            !from.members.contains_key(&by) && signed.roster.members.contains_key(&by);
        Err(if brings_itself { Refusal::SelfAdmission(by) } else { Refusal::NotSecretariat(by) })
    }

    /// Who keeps the roster from this one on: a member that has said that it would, or the signer. `None`:
    /// what it said is not here.
    fn keeper(
        &self,
        signed: Signed<'_>,
        missing: &mut BTreeSet<RecordId>,
    ) -> Result<Option<EconomyId>, Refusal> {
        let Some(id) = signed.roster.handover else { return Ok(Some(signed.by)) };
        let Some(statement) = self.here(&id) else {
            missing.insert(id);
            return Ok(None);
        };
        let Says::Group(GroupBody::Handover(word)) = &statement.says else {
            return Err(Refusal::BesideThePoint(id));
        };
        if !self.would_keep(statement.by, word) {
            return Err(Refusal::UnfitHandover(id));
        }
        if statement.doubted {
            missing.insert(id);
        }
        Ok(Some(statement.by))
    }

    /// Whether a member says, with the last roster before it, that it would keep the next.
    pub(super) fn would_keep(&self, by: EconomyId, word: &HandoverBody) -> bool {
        word.to == by && word.epoch == self.from.epoch && self.from.members.contains_key(&by)
    }

    /// An economy comes in: by its own application, and with sponsors unless it founds the group.
    fn admission(
        &self,
        economy: EconomyId,
        cited: &BTreeSet<RecordId>,
        missing: &mut BTreeSet<RecordId>,
    ) -> Result<(), Refusal> {
        let (here, away) = self.present(cited);
        let mut application = None;
        for statement in &here {
            if let Says::Group(GroupBody::Application(body)) = &statement.says {
                let known = application.replace(statement.record).is_some();
                self.application(economy, statement, body)?;
                if known {
                    return Err(Refusal::Doubled(economy));
                }
            }
        }
        let mut sponsors = BTreeSet::new();
        for statement in &here {
            match &statement.says {
                Says::Group(GroupBody::Application(_)) => {}
                Says::Group(GroupBody::Sponsorship(body)) => {
                    self.sponsorship(economy, statement, body, application)?;
                    if !sponsors.insert(statement.by) {
                        return Err(Refusal::Doubled(statement.by));
                    }
                }
                Says::Group(_) | Says::Roster(_) => {
                    return Err(Refusal::BesideThePoint(statement.record));
                }
            }
        }
        // One of those that are not here may be the application, no more than one.
        if application.is_none() && away.is_empty() {
            return Err(Refusal::NoApplication(economy));
        }
        let needed = self.sponsors_needed(economy);
        let may_sponsor = away.len() - usize::from(application.is_none());
        let has = sponsors.len() + may_sponsor;
        if has < needed {
            return Err(Refusal::MissingSponsor { economy, has, needed });
        }
        missing.extend(away);
        Ok(())
    }

    /// How many sponsors an economy needs now: a founder none for the first time.
    pub(super) fn sponsors_needed(&self, economy: EconomyId) -> usize {
        let founds = self.founding.founders().contains(&economy);
        if founds && self.chain.left(&economy, self.from.epoch).is_none() {
            0
        } else {
            self.founding.charter().sponsors_needed()
        }
    }

    pub(super) fn application(
        &self,
        economy: EconomyId,
        statement: &Statement,
        body: &ApplicationBody,
    ) -> Result<(), Refusal> {
        self.unspent(statement)?;
        if statement.by != economy {
            return Err(Refusal::NoApplication(economy));
        }
        let (has, criteria) = (body.answers.len(), self.founding.charter().criteria().len());
        if has == criteria { Ok(()) } else { Err(Refusal::Unanswered { economy, has, criteria }) }
    }

    pub(super) fn sponsorship(
        &self,
        economy: EconomyId,
        statement: &Statement,
        body: &SponsorshipBody,
        application: Option<RecordId>,
    ) -> Result<(), Refusal> {
        self.unspent(statement)?;
        let sponsor = statement.by;
        if sponsor == economy {
            return Err(Refusal::SelfAdmission(economy));
        }
        self.may_sponsor(sponsor)?;
        if application.is_some_and(|application| application != body.application) {
            return Err(Refusal::BesideThePoint(statement.record));
        }
        let left = self.chain.left(&economy, self.from.epoch).unwrap_or_default();
        self.timely(statement.record, body.epoch, left)
    }

    pub(super) fn may_sponsor(&self, sponsor: EconomyId) -> Result<(), Refusal> {
        let member = self.from.members.contains_key(&sponsor);
        if member && self.founding.may_sponsor(sponsor) {
            Ok(())
        } else {
            Err(Refusal::NotASponsor(sponsor))
        }
    }

    /// A member goes: by its own word, or by that of those whom the charter names.
    fn removal(
        &self,
        economy: EconomyId,
        signer: EconomyId,
        cited: &BTreeSet<RecordId>,
        missing: &mut BTreeSet<RecordId>,
    ) -> Result<(), Refusal> {
        let (here, away) = self.present(cited);
        let mut voters = BTreeSet::new();
        let mut leaves = false;
        for statement in here {
            let Says::Group(GroupBody::Removal(body)) = &statement.says else {
                return Err(Refusal::BesideThePoint(statement.record));
            };
            self.vote(economy, signer, statement, body)?;
            leaves |= statement.by == economy;
            if !voters.insert(statement.by) {
                return Err(Refusal::Doubled(statement.by));
            }
        }
        let needed = self.founding.charter().removal().needed();
        let has = voters.len() + away.len();
        // One that is not here may be the member's own word.
        if !leaves && has < needed && away.is_empty() {
            return Err(Refusal::TooFewVotes { economy, has, needed });
        }
        missing.extend(away);
        Ok(())
    }

    pub(super) fn vote(
        &self,
        economy: EconomyId,
        signer: EconomyId,
        statement: &Statement,
        body: &RemovalBody,
    ) -> Result<(), Refusal> {
        self.unspent(statement)?;
        if body.member != economy {
            return Err(Refusal::BesideThePoint(statement.record));
        }
        if statement.by != economy {
            self.may_remove(statement.by, signer)?;
        }
        let since = self.from.members.get(&economy).map_or(0, |member| member.since);
        self.timely(statement.record, body.epoch, since)
    }

    /// Whether `voter` has a say in removals that the secretariat `signer` puts into a roster.
    pub(super) fn may_remove(&self, voter: EconomyId, signer: EconomyId) -> Result<(), Refusal> {
        let head = self.from;
        let may = head.members.contains_key(&voter)
            && match self.founding.charter().removal() {
                Removers::Secretariat => voter == head.secretariat || voter == signer,
                Removers::Sponsors(_) => self.founding.may_sponsor(voter),
                Removers::Members(_) => true,
            };
        if may { Ok(()) } else { Err(Refusal::MayNotRemove(voter)) }
    }

    fn unspent(&self, statement: &Statement) -> Result<(), Refusal> {
        if self.chain.is_spent(&statement.record, self.from.epoch) {
            return Err(Refusal::Spent(statement.record));
        }
        Ok(())
    }

    /// Signed with a roster before it in which the matter stood as it does now.
    fn timely(&self, record: RecordId, epoch: u64, since: u64) -> Result<(), Refusal> {
        if (since..=self.from.epoch).contains(&epoch) {
            Ok(())
        } else {
            Err(Refusal::AnotherTime(record))
        }
    }

    /// What is here and what is not. What is believed no more is here: it says what it said, and what
    /// it permitted is taken away from those whom it let in, not from the roster.
    fn present(&self, cited: &BTreeSet<RecordId>) -> (Vec<&'a Statement>, Vec<RecordId>) {
        let away = cited.iter().filter(|id| self.here(id).is_none()).copied().collect();
        (cited.iter().filter_map(|id| self.here(id)).collect(), away)
    }

    /// What a roster may cite. A daily word is none of it, and only the last of an author is kept: whether
    /// it is here depends on what came first, and so it never is.
    fn here(&self, id: &RecordId) -> Option<&'a Statement> {
        let statement = self.statements.get(id).map(|statement| &**statement)?;
        (!matches!(statement.says, Says::Roster(RosterBody::Head(_)))).then_some(statement)
    }
}

fn cited(roster: &Roster, economy: EconomyId) -> Result<&BTreeSet<RecordId>, Refusal> {
    roster.changes.get(&economy).ok_or(Refusal::Unjustified(economy))
}

/// Every record that a roster cites.
pub(super) fn citations(roster: &Roster) -> impl Iterator<Item = RecordId> + '_ {
    let changes: &BTreeMap<_, BTreeSet<RecordId>> = &roster.changes;
    changes.values().flatten().copied().chain(roster.handover)
}
