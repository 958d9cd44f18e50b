//! Groups: founding, applying, speaking for somebody, admitting, removing, handing over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use comity_core::group::{
    ApplicationBody, Charter, CharterBody, Group, GroupBody, HandoverBody, InvitationBody, Refusal,
    RemovalBody, RosterBody, RosterHead, Says, SponsorshipBody,
};
use comity_core::{EconomyId, Kind, RecordId, Timestamp};
use tokio::task::JoinHandle;

use super::compose::Wanted;
use super::group_lines as lines;
use super::{Service, find_economy, find_record};
use crate::api::{
    AffiliateRequest, AffiliationLine, ApplyRequest, GroupDetail, GroupDone, GroupLine,
    GroupRequest, Published, RosterLine,
};
use crate::error::ServiceError;
use crate::state::State;

/// How often the secretariat says that its roster is the last one.
const CONFIRMED_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

impl Service {
    /// Every group whose charter is here.
    pub async fn groups(&self) -> Result<Vec<GroupLine>, ServiceError> {
        let now = self.now();
        self.look(move |state, _, _| {
            let doubted = state.groups().in_doubt().filter(|group| is_ours(state, group));
            let mut groups: Vec<_> = state.groups().iter().chain(doubted).collect();
            groups.sort_by_key(|group| {
                let founding = group.founding();
                (founding.charter().name(), founding.at(), group.id())
            });
            groups.into_iter().map(|group| lines::group(state, group, now)).collect()
        })
        .await
    }

    /// One group, with its members and what is under way.
    pub async fn group(&self, group: &str) -> Result<GroupDetail, ServiceError> {
        let now = self.now();
        self.of_group(group, move |state, group| Ok(lines::detail(state, group, now))).await
    }

    /// Its rosters from the charter on.
    pub async fn rosters(&self, group: &str) -> Result<Vec<RosterLine>, ServiceError> {
        self.of_group(group, |state, group| Ok(lines::rosters(state, group))).await
    }

    /// Founds a group under a charter, exactly as it is written.
    /// A second one of a name is founded `again` only where that is meant.
    pub async fn found_group(
        &self,
        text: &str,
        dry_run: bool,
        again: bool,
    ) -> Result<GroupDone, ServiceError> {
        let charter = Charter::parse(text)
            .map_err(|error| ServiceError::data("charter-invalid", error.to_string()))?;
        let name = charter.name().to_owned();
        let (text, called) = (text.to_owned(), name.clone());
        let body = self
            .look(move |state, _, _| {
                if !again {
                    name_is_free(state, &called)?;
                }
                let economies = |names: &[String]| -> Result<BTreeSet<EconomyId>, ServiceError> {
                    names.iter().map(|name| find_economy(state, name)).collect()
                };
                let founders = economies(charter.founders())?;
                if !founders.contains(&state.us()) {
                    let message = "the charter's founders do not include this economy";
                    return Err(ServiceError::data("not-a-founder", message)
                        .next(format!("add `{}` to its founders", state.code())));
                }
                if founders.len() != charter.founders().len() {
                    let message = "two of the charter's founders are one economy";
                    return Err(ServiceError::data("founder-twice", message));
                }
                let sponsors = economies(charter.sponsors().unwrap_or_default())?;
                Ok(GroupBody::Charter(CharterBody { text, founders, sponsors }))
            })
            .await??;
        let title = format!("Charter: {name}");
        let wanted = Wanted { dry_run, ..Wanted::default() };
        let published = self.try_control(Kind::Group, body.encode(), title, wanted).await?;
        let group = match &published.reference {
            Some(reference) => Some(self.group(reference).await?.group),
            None => None,
        };
        let outcome = match &group {
            Some(_) => format!("{name} is founded; its founders may join"),
            None => format!("{name} would be founded"),
        };
        Ok(GroupDone { published: vec![published], group, outcome })
    }

    /// Shows the charter to an economy, which may then apply.
    pub async fn invite_to_group(&self, asked: GroupRequest) -> Result<GroupDone, ServiceError> {
        let says = self.with_economy(&asked, |_, group, to| {
            Ok(GroupBody::Invitation(InvitationBody { group: group.id(), to }))
        });
        let says = says.await?;
        self.act(&asked, says, "Invitation", "is shown the charter").await
    }

    /// Asks to be a member.
    pub async fn apply(&self, asked: ApplyRequest) -> Result<GroupDone, ServiceError> {
        let ApplyRequest { group, answers, affiliations, dry_run, again } = asked;
        let affiliations: BTreeSet<String> = affiliations.into_iter().collect();
        let says = self
            .of_group(&group, move |state, group| {
                if !again {
                    not_applied(state, group)?;
                }
                let criteria = group.founding().charter().criteria();
                if criteria.len() != answers.len() {
                    let (needs, has) = (criteria.len(), answers.len());
                    let names: Vec<_> = criteria.iter().map(|one| one.name.as_str()).collect();
                    let message = format!("the charter asks {needs} questions; {has} are answered");
                    return Err(ServiceError::usage("unanswered", message)
                        .next(format!("give --answer once for each: {}", names.join(", "))));
                }
                let body = ApplicationBody { group: group.id(), affiliations, answers };
                Ok(GroupBody::Application(body))
            })
            .await?;
        let asked = GroupRequest { group, dry_run, ..GroupRequest::default() };
        self.act(&asked, says, "Application", "the members are asked").await
    }

    /// Speaks for an applicant.
    pub async fn sponsor(&self, asked: GroupRequest) -> Result<GroupDone, ServiceError> {
        let says = self.with_economy(&asked, |state, group, applicant| {
            let open = group.applications().filter(|one| one.by == applicant);
            let last = open.max_by_key(|one| (one.at, one.record));
            let application = last
                .map(|one| one.record)
                .ok_or_else(|| refused(state, group, Refusal::NoApplication(applicant)))?;
            let (group, epoch) = (group.id(), group.head().epoch);
            Ok(GroupBody::Sponsorship(SponsorshipBody { group, epoch, application }))
        });
        let says = says.await?;
        self.act(&asked, says, "Sponsorship", "is spoken for").await
    }

    /// Puts an applicant into the next roster.
    pub async fn admit(&self, asked: GroupRequest) -> Result<GroupDone, ServiceError> {
        let roster = self.with_economy(&asked, |state, group, applicant| {
            let roster = group.admitting(applicant, state.us());
            roster.map_err(|refusal| refused(state, group, refusal))
        });
        let roster = RosterBody::Roster(roster.await?);
        self.put(&asked, roster, "is a member").await
    }

    /// Wants a member out, or leaves; the secretariat also puts it into the next roster, as soon as
    /// enough say so.
    pub async fn remove_member(&self, asked: GroupRequest) -> Result<GroupDone, ServiceError> {
        let reason = asked.reason.clone();
        let vote = self
            .with_economy(&asked, move |state, group, member| {
                let us = state.us();
                if group.votes(member, us).contains_key(&us) {
                    return Ok(None);
                }
                let (id, epoch) = (group.id(), group.head().epoch);
                let vote = GroupBody::Removal(RemovalBody { group: id, epoch, member, reason });
                let may = group.may_say(us, &Says::Group(vote.clone()));
                // Whoever has no say still keeps the roster for those who have.
                match may {
                    Ok(()) => Ok(Some(vote)),
                    Err(Refusal::MayNotRemove(_)) if group.head().secretariat == us => Ok(None),
                    Err(refusal) => Err(refused(state, group, refusal)),
                }
            })
            .await?;
        let voted = match vote {
            Some(vote) => Some(self.act(&asked, vote, "Removal", "the members are told").await?),
            None => None,
        };
        if asked.dry_run
            && let Some(voted) = voted
        {
            return Ok(voted);
        }
        let roster = self
            .with_economy(&asked, |state, group, member| {
                if group.head().secretariat != state.us() {
                    return Ok(Err(None));
                }
                match group.removing(member, state.us()) {
                    Ok(roster) => Ok(Ok(roster)),
                    Err(refusal @ Refusal::TooFewVotes { .. }) => {
                        Ok(Err(Some(refused(state, group, refusal))))
                    }
                    Err(refusal) => Err(refused(state, group, refusal)),
                }
            })
            .await?;
        match (roster, voted) {
            (Ok(roster), voted) => {
                let body = RosterBody::Roster(roster);
                let mut done = self.put(&asked, body, "is a member no more").await?;
                let before = voted.into_iter().flat_map(|voted| voted.published);
                done.published = before.chain(done.published).collect();
                Ok(done)
            }
            (Err(Some(few)), Some(voted)) => {
                Ok(GroupDone { outcome: format!("{}: {}", voted.outcome, few.message), ..voted })
            }
            (Err(None), Some(voted)) => Ok(voted),
            (Err(Some(few)), None) => Err(few),
            (Err(None), None) => {
                let message = "this economy has said so already; the secretariat keeps the roster";
                Err(ServiceError::data("said-already", message))
            }
        }
    }

    /// Leaves: our own word suffices. Whoever keeps the roster hands it over before; where it is the only
    /// member, its word closes the group.
    pub async fn leave_group(&self, asked: GroupRequest) -> Result<GroupDone, ServiceError> {
        let reason = asked.reason.clone();
        let (us, closing) = self
            .of_group(&asked.group, |state, group| {
                let (us, head) = (state.us(), group.head());
                if group.is_closed() {
                    return Err(refused(state, group, Refusal::Closed));
                }
                if head.secretariat != us {
                    return Ok((state.code().to_owned(), None));
                }
                if head.members.len() > 1 {
                    return Err(refused(state, group, Refusal::WithoutSecretariat));
                }
                let (group, epoch) = (group.id(), head.epoch);
                let word = RemovalBody { group, epoch, member: us, reason };
                Ok((state.code().to_owned(), Some(GroupBody::Removal(word))))
            })
            .await?;
        match closing {
            Some(word) => self.act(&asked, word, "Closed", "the group is closed").await,
            None => self.remove_member(GroupRequest { economy: Some(us), ..asked }).await,
        }
    }

    /// What the members belong to, as the last roster has it.
    pub async fn affiliations(&self, group: &str) -> Result<Vec<AffiliationLine>, ServiceError> {
        self.of_group(group, |state, group| Ok(lines::affiliations(state, group))).await
    }

    /// Says anew what a member belongs to, in the next roster.
    pub async fn affiliate(&self, asked: AffiliateRequest) -> Result<GroupDone, ServiceError> {
        let AffiliateRequest { group, economy, affiliations, dry_run } = asked;
        let affiliations: BTreeSet<String> = affiliations.into_iter().collect();
        let asked =
            GroupRequest { group, economy: Some(economy), dry_run, ..GroupRequest::default() };
        let roster = self.with_economy(&asked, move |state, group, member| {
            let now = group.head().members.get(&member).map(|one| &one.affiliations);
            if now == Some(&affiliations) {
                let message = "the roster says so already";
                return Err(ServiceError::data("said-already", message));
            }
            let roster = group.affiliating(member, affiliations, state.us());
            roster.map_err(|refusal| refused(state, group, refusal))
        });
        let roster = RosterBody::Roster(roster.await?);
        self.put(&asked, roster, "its affiliations are in the roster").await
    }

    /// Hands the secretariat over to a member that would keep it; without one, says that we would.
    pub async fn hand_over(&self, asked: GroupRequest) -> Result<GroupDone, ServiceError> {
        if asked.economy.is_some() {
            let roster = self.with_economy(&asked, |state, group, to| {
                let roster = group.handing_over(to, state.us());
                roster.map_err(|refusal| refused(state, group, refusal))
            });
            let roster = RosterBody::Roster(roster.await?);
            return self.put(&asked, roster, "keeps the roster now").await;
        }
        let says = self.of_group(&asked.group, |state, group| {
            let (us, head) = (state.us(), group.head());
            if head.secretariat == us || group.ready().contains_key(&us) {
                let message = if head.secretariat == us {
                    "this economy keeps the roster already"
                } else {
                    "this economy has said so already; the secretariat hands the roster over"
                };
                return Err(ServiceError::data("said-already", message));
            }
            let (group, epoch) = (group.id(), head.epoch);
            Ok(GroupBody::Handover(HandoverBody { group, epoch, to: us }))
        });
        let says = says.await?;
        self.act(&asked, says, "Hand-over", "the secretariat may hand the roster over").await
    }

    /// Says that the roster is still the last one.
    pub async fn confirm_roster(&self, asked: GroupRequest) -> Result<GroupDone, ServiceError> {
        let head = self.of_group(&asked.group, |_, group| Ok(head(group))).await?;
        self.put(&asked, head, "the roster is confirmed").await
    }

    /// Says it by itself once a day, for every group whose roster we keep.
    pub(crate) fn confirm_rosters_daily(&self) -> JoinHandle<()> {
        self.hourly("a roster was not confirmed", |service| async move {
            service.confirm_due_rosters().await
        })
    }

    async fn confirm_due_rosters(&self) -> Result<(), ServiceError> {
        let since = self.now().saturating_sub(CONFIRMED_EVERY);
        let due: Vec<_> = self
            .look(move |state, _, _| {
                let due = state.groups().unconfirmed(state.us(), since);
                due.map(|group| (head(group), group.founding().charter().name().to_owned()))
                    .collect()
            })
            .await?;
        // That one is refused keeps no other from being confirmed.
        let mut refused = Ok(());
        for (head, name) in due {
            let title = format!("Roster confirmed: {name}");
            let done = self.publish_control(Kind::Roster, head.encode(), title).await;
            refused = refused.and(done.map(drop));
        }
        refused
    }

    /// Looks at a group.
    async fn of_group<T: Send + 'static>(
        &self,
        group: &str,
        look: impl FnOnce(&State, &Arc<Group>) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let group = group.to_owned();
        self.look(move |state, _, _| look(state, find_group(state, &group)?)).await?
    }

    /// Looks at a group and an economy.
    async fn with_economy<T: Send + 'static>(
        &self,
        asked: &GroupRequest,
        look: impl FnOnce(&State, &Group, EconomyId) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let economy = asked.economy.clone().unwrap_or_default();
        self.of_group(&asked.group, move |state, group| {
            look(state, group, find_economy(state, &economy)?)
        })
        .await
    }

    /// Signs words about a group.
    async fn act(
        &self,
        asked: &GroupRequest,
        body: GroupBody,
        what: &str,
        then: &str,
    ) -> Result<GroupDone, ServiceError> {
        self.say(asked, Kind::Group, Says::Group(body), Some(what), then).await
    }

    /// Signs a roster, or that it is the last one.
    async fn put(
        &self,
        asked: &GroupRequest,
        body: RosterBody,
        then: &str,
    ) -> Result<GroupDone, ServiceError> {
        self.say(asked, Kind::Roster, Says::Roster(body), None, then).await
    }

    async fn say(
        &self,
        asked: &GroupRequest,
        kind: Kind,
        says: Says,
        what: Option<&str>,
        then: &str,
    ) -> Result<GroupDone, ServiceError> {
        let body = match &says {
            Says::Group(body) => body.encode(),
            Says::Roster(body) => body.encode(),
        };
        let what = match (&says, what) {
            (Says::Roster(RosterBody::Roster(roster)), _) => format!("Roster {}", roster.epoch),
            (Says::Roster(RosterBody::Head(_)), _) => "Roster confirmed".to_owned(),
            (Says::Group(_), what) => what.unwrap_or("Group").to_owned(),
        };
        let title = self
            .of_group(&asked.group, move |state, group| {
                group
                    .may_say(state.us(), &says)
                    .map_err(|refusal| refused(state, group, refusal))?;
                Ok(format!("{what}: {}", group.founding().charter().name()))
            })
            .await?;
        let (dry_run, anyway) = (asked.dry_run, asked.anyway && kind == Kind::Roster);
        let wanted = Wanted { dry_run, anyway, ..Wanted::default() };
        let published = self.try_control(kind, body, title, wanted).await?;
        let group = self.group(&asked.group).await?.group;
        let outcome = outcome(asked, &published, then);
        Ok(GroupDone { published: vec![published], group: Some(group), outcome })
    }
}

/// Groups of ours to which nothing goes.
pub(super) fn stopped(state: &State, now: Timestamp) -> Vec<GroupLine> {
    let ours = state.groups().iter().filter(|group| {
        let member = group.head().members.contains_key(&state.us());
        member && group.usable(now).is_err() && !group.is_closed()
    });
    let doubted = state
        .groups()
        .in_doubt()
        .filter(|group| group.head().members.contains_key(&state.us()) && !group.is_closed());
    ours.chain(doubted).map(|group| lines::group(state, group, now)).collect()
}

fn outcome(asked: &GroupRequest, published: &Published, then: &str) -> String {
    let subject = asked.economy.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
    match &published.reference {
        Some(_) => format!("{subject}{then}"),
        None => format!("{subject}nothing was signed; with it, {then}"),
    }
}

fn head(group: &Arc<Group>) -> RosterBody {
    let head = group.head();
    let (epoch, digest) = (head.epoch, head.digest);
    RosterBody::Head(RosterHead { group: group.id(), epoch, digest })
}

/// A group by the name in its charter, by the reference of a record about it, or by its id.
pub(super) fn find_group<'a>(state: &'a State, text: &str) -> Result<&'a Arc<Group>, ServiceError> {
    let missing = || {
        not_believed(state, text).unwrap_or_else(|| {
            ServiceError::no_input("no-group", format!("`{text}` is not a group"))
                .next("comity group list")
        })
    };
    // Whoever founds a group chooses its name, and could choose another one's reference or id.
    let record = find_record(state, text).ok();
    if let Some(group) = record.and_then(|record| state.groups().of_record(&record)) {
        return Ok(group);
    }
    let called = |group: &&Arc<Group>| group.founding().charter().name() == text;
    // One that is closed has a name only where no other has it.
    let closed = !state.groups().iter().filter(called).any(|group| !group.is_closed());
    let named = || {
        let fits = move |group: &&Arc<Group>| called(group) && (closed || !group.is_closed());
        state.groups().iter().filter(fits)
    };
    // In which we are, before those that somebody else says we found or are asked to join; and of a group
    // with which we have nothing to do the name is none.
    let in_it = |group: &&Arc<Group>| group.head().members.contains_key(&state.us());
    let asked = |group: &&Arc<Group>| is_ours(state, group);
    let (inside, around): (Vec<_>, Vec<_>) =
        (named().filter(in_it).collect(), named().filter(asked).collect());
    match (inside.as_slice(), around.as_slice()) {
        ([group], _) | ([], [group]) => Ok(group),
        ([], []) => Err(missing()),
        _ => {
            let message = format!("several groups are called `{text}`");
            Err(ServiceError::usage("group-ambiguous", message).next(
                "name it by its reference: comity group list. One that you founded by mistake, and in which nobody else is, you close: comity group leave REFERENCE",
            ))
        }
    }
}

/// Whether we have anything to do with a group whose charter is believed no more.
fn is_ours(state: &State, group: &Group) -> bool {
    state.groups().is_ours(&group.id())
}

/// A group that is none, for the key that signed its charter is believed no more.
fn not_believed(state: &State, text: &str) -> Option<ServiceError> {
    let record = find_record(state, text).ok();
    let mut doubted = state.groups().in_doubt().filter(|group| is_ours(state, group));
    let group = doubted.find(|group| {
        let charter = group.founding();
        Some(charter.record()) == record || charter.charter().name() == text
    })?;
    let (charter, by) = (charter_of(state, group), state.name_of(&group.founding().by()));
    let message = format!(
        "the group `{}` is none any more: the key with which {by} signed its charter, {charter}, is not believed",
        group.founding().charter().name()
    );
    let found = "found it anew: comity group found FILE";
    Some(ServiceError::data("group-not-believed", message).next(
        if group.founding().by() == state.us() {
            found.to_owned()
        } else {
            format!("ask {by} to found it anew; where the charter is {by}'s word all the same: comity quarantine release {charter} --reason TEXT")
        },
    ))
}

/// Two groups of one name cannot be told apart by it, in a record neither.
fn name_is_free(state: &State, name: &str) -> Result<(), ServiceError> {
    let called = |group: &&Arc<Group>| group.founding().charter().name() == name;
    let mut open = state.groups().iter().filter(|group| !group.is_closed());
    let Some(group) = open.find(called) else { return Ok(()) };
    let reference = charter_of(state, group);
    let message = format!("a group `{name}` is here already, by the charter {reference}");
    Err(ServiceError::data("group-exists", message).next(format!(
        "comity group show {reference}; give the new one another name, or found it all the same: --again"
    )))
}

/// What was said once need not be said again.
fn not_applied(state: &State, group: &Group) -> Result<(), ServiceError> {
    let open = group.applications().filter(|one| one.by == state.us());
    let Some(last) = open.max_by_key(|one| (one.at, one.record)) else { return Ok(()) };
    let reference = state.record(&last.record).map(|held| held.reference.clone());
    let reference = reference.unwrap_or_else(|| last.record.short());
    let message = format!("we have applied already, by {reference}; nobody has decided yet");
    Err(ServiceError::data("applied-already", message).next(format!(
        "comity group show {}; to answer its questions anew: --again",
        charter_of(state, group)
    )))
}

fn charter_of(state: &State, group: &Group) -> String {
    let id = RecordId(group.id().0);
    state.record(&id).map_or_else(|| id.short(), |held| held.reference.clone())
}

/// A refusal with the names that this node gives to economies, and what to do about it.
fn refused(state: &State, group: &Group, refusal: Refusal) -> ServiceError {
    let reference = lines::reference(state, &group.founding().record());
    let next = if matches!(refusal, Refusal::NotReady(_)) {
        format!("it says first that it would: comity group hand-over {reference} --accept, there")
    } else if refusal == Refusal::WithoutSecretariat {
        format!("hand the roster over: comity group hand-over {reference} --to NAME")
    } else if matches!(refusal, Refusal::NotSecretariat(_)) {
        let keeper = state.name_of(&group.head().secretariat);
        format!("ask {keeper}, which keeps the roster: comity group show {reference}")
    } else if matches!(refusal, Refusal::NoApplication(_)) {
        format!("it applies first: comity group apply {reference}")
    } else if matches!(refusal, Refusal::MissingSponsor { .. }) {
        format!("members speak for it: comity group sponsor {reference} NAME")
    } else {
        format!("comity group show {reference}")
    };
    ServiceError::data(refusal.code(), lines::in_words(state, refusal)).next(next)
}
