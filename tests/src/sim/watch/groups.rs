//! What goes to a group, and to whom what is said about one: by the rosters that the sender holds, and in truth.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comity_core::agreement::Tier;
use comity_core::group::{GroupBody, Roster, RosterBody};
use comity_core::policy;
use comity_core::record::Addressee;
use comity_core::{EconomyId, GroupId, Kind, PartDigest, RecordId, Section, Timestamp, Tlp};

use super::circle::{Circle, Founded, SILENCE};
use super::shadow::Shadow;
use super::{Broken, Watch, broken};
use crate::sim::node::Node;
use crate::sim::truth::{Deed, Piece, Truth};

/// A daily word that comes so soon after another need not be kept.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The charters of a simulation, and what has gone by them.
#[derive(Default)]
pub struct Circles {
    /// What each charter says.
    pub founded: BTreeMap<GroupId, Founded>,
    /// Deliveries that went because their recipient is a member.
    pub delivered: u64,
}

/// The parts that go because their recipient is a member, and what the charter lets go.
pub type Admitted = BTreeMap<PartDigest, (Tier, Timestamp)>;

impl Circles {
    fn read(&self, group: GroupId, shadow: &Shadow, truth: &Truth) -> Option<Circle> {
        let founded = self.founded.get(&group)?;
        if !shadow.records.get(&RecordId(group.0))?.accepted {
            return None;
        }
        let words = truth.deeds().filter(|deed| is_word(deed)).filter_map(|deed| {
            let entered = shadow.records.get(&deed.id).filter(|entered| entered.believed)?;
            Some((deed, !entered.accepted))
        });
        let none = BTreeSet::new();
        let followed = shadow.followed.get(&group).unwrap_or(&none);
        Some(Circle::read(group, founded, followed, words))
    }

    /// Where something new about groups is believed, it notes which rosters follow by it.
    pub(super) fn follow(&self, shadow: &mut Shadow, truth: &Truth) {
        if !std::mem::take(&mut shadow.heard_of_groups) {
            return;
        }
        for group in self.founded.keys() {
            if let Some(circle) = self.read(*group, shadow, truth) {
                let epochs = circle.epochs.iter().map(|epoch| epoch.digest);
                shadow.followed.entry(*group).or_default().extend(epochs);
            }
        }
    }
}

impl Watch {
    /// A group as a node's journal has it, whatever its engine makes of that.
    #[must_use]
    pub fn circle(&self, node: usize, group: GroupId) -> Option<Circle> {
        self.circles.read(group, &self.shadows[node], &self.truth)
    }

    /// A group as it is: by all that was said about it, and that whoever said it has not lost.
    fn circle_in_truth(&self, group: GroupId) -> Option<Circle> {
        let founded = self.circles.founded.get(&group)?;
        let stands = |deed: &&Deed| {
            let own = self.shadows.iter().find(|shadow| shadow.us == Some(deed.origin));
            let entered = own.and_then(|shadow| shadow.records.get(&deed.id));
            is_word(deed) && deed.honest && entered.is_some_and(|entered| entered.accepted)
        };
        let words = self.truth.deeds().filter(stands).map(|deed| (deed, false));
        Some(Circle::read(group, founded, &BTreeSet::new(), words))
    }

    /// Whether what a node hands over may go by the groups that it is addressed to, or that it names. What goes by
    /// them alone.
    pub(super) fn in_circles(
        &self,
        (node, us): (usize, EconomyId),
        to: EconomyId,
        deed: &Deed,
        parts: &[PartDigest],
        now: Timestamp,
    ) -> Result<Admitted, String> {
        let mut admitted = Admitted::new();
        if matches!(deed.kind, Kind::Group | Kind::Roster) {
            return self.tells((node, us), to, deed).map(|()| admitted);
        }
        // A relay does not know whom others name.
        let entered = self.shadows[node].records.get(&deed.id);
        let held = |part: &PartDigest| entered.is_some_and(|one| one.parts.contains_key(part));
        let here = deed.parts.iter().filter(|(part, _)| held(part));
        let here: Vec<_> = here.filter_map(|(_, piece)| piece.addressee.as_ref()).collect();
        for (digest, piece) in parts.iter().filter_map(|part| Some((part, deed.parts.get(part)?))) {
            if let Some(community) = piece.marking.community {
                let circle =
                    self.circle(node, community).ok_or("nobody here knows the community")?;
                if let Some(why) = circle.unusable(now) {
                    return Err(format!("its community is not to be relied on: {why}"));
                }
                if !circle.certain.contains(&to) {
                    return Err("the recipient is not of the community".to_owned());
                }
                self.not_gone(community, to, now)?;
            }
            // An addressee part lists itself.
            let lists = |one: &&Addressee| match &piece.addressee {
                Some(own) => own == *one,
                None => one.parts.contains(digest),
            };
            let by_name = |one: &Addressee| one.economy == Some(to) && one.group.is_none();
            let listed: Vec<_> = here.iter().copied().filter(lists).collect();
            let groups: Vec<_> = listed.iter().filter_map(|one| one.group).collect();
            if groups.is_empty() || listed.iter().any(|one| by_name(one)) {
                continue;
            }
            let mut kept_out = Vec::new();
            for (group, epoch) in groups {
                match self.reaches((node, us), to, deed.origin, (group, epoch), now) {
                    Ok(terms) if piece.marking.tlp < Tlp::Red => {
                        self.not_gone(group, to, now)?;
                        admitted.insert(*digest, terms);
                    }
                    Ok(_) => kept_out.push("RED is for nobody of a group".to_owned()),
                    Err(why) => kept_out.push(why),
                }
            }
            // Who only carries it for others does so under what was agreed with it.
            let relay = listed.iter().any(|one| one.relays.contains(&to));
            if !admitted.contains_key(digest) && !relay && !self.consents_to(deed, digest, to) {
                return Err(kept_out.join("; "));
            }
        }
        Ok(admitted)
    }

    /// Whether an origin ever let somebody have a part by name: then the gate looks at whether it still does.
    fn consents_to(&self, deed: &Deed, digest: &PartDigest, to: EconomyId) -> bool {
        use comity_core::consent::ConsentBody;
        self.truth.deeds().filter(|word| word.kind == Kind::Consent).any(|word| {
            matches!(ConsentBody::decode(&word.body), Ok(ConsentBody::Grant(grant))
                if grant.record == deed.id && grant.grantee == to && grant.parts.contains(digest))
        })
    }

    fn reaches(
        &self,
        (node, us): (usize, EconomyId),
        to: EconomyId,
        origin: EconomyId,
        (group, epoch): (GroupId, u64),
        now: Timestamp,
    ) -> Result<(Tier, Timestamp), String> {
        let circle = self.circle(node, group).ok_or("nobody here knows the group")?;
        if !circle.certain.contains(&us) {
            return Err("the sender is no member".to_owned());
        }
        match circle.keeps_out(to, origin, epoch, now) {
            Some(why) => Err(why.to_owned()),
            None => Ok((circle.founded.tier, circle.founded.starts)),
        }
    }

    /// Whoever was removed gets nothing after so long, whoever has not heard of it.
    fn not_gone(&self, group: GroupId, to: EconomyId, now: Timestamp) -> Result<(), String> {
        let circle = self.circle_in_truth(group);
        let gone = circle.and_then(|circle| circle.gone_since(&to));
        match gone.filter(|gone| gone.saturating_add(SILENCE) < now) {
            Some(gone) => Err(format!("the recipient was removed at {gone}")),
            None => Ok(()),
        }
    }

    /// Whether words about a group are for somebody.
    fn tells(
        &self,
        (node, us): (usize, EconomyId),
        to: EconomyId,
        deed: &Deed,
    ) -> Result<(), String> {
        let group = GroupBody::decode(&deed.body).ok().map(|body| body.group());
        let roster = RosterBody::decode(&deed.body).ok();
        let group = match deed.kind {
            Kind::Roster => roster.as_ref().map(RosterBody::group),
            _ => group.map(|group| group.unwrap_or(GroupId(deed.id.0))),
        };
        let group = group.ok_or("the words cannot be read")?;
        let circle = self.circle(node, group).ok_or("nobody here knows the group")?;
        let member = circle.certain.contains(&to);
        let welcome = circle.welcomes(&to);
        let asked = circle.founded.founders.contains(&to) || circle.invited.contains(&to);
        // A roster goes to whoever stood in the one before, and with it the words by which others went.
        let cites = |roster: &Roster| {
            let changes = roster.changes.values().flatten();
            roster.group == group && changes.chain(&roster.handover).any(|id| *id == deed.id)
        };
        let cited_for = |circle: &Circle| {
            let rosters = self.truth.deeds().filter(|deed| deed.kind == Kind::Roster);
            let mut rosters = rosters.filter_map(|deed| RosterBody::decode(&deed.body).ok());
            rosters.any(|body| {
                matches!(body, RosterBody::Roster(roster)
                    if cites(&roster) && circle.listed(&to, roster.epoch - 1))
            })
        };
        let concerned = match (GroupBody::decode(&deed.body), roster) {
            (_, Some(RosterBody::Roster(roster))) if deed.kind == Kind::Roster => {
                welcome || circle.listed(&to, roster.epoch - 1)
            }
            (_, Some(RosterBody::Head(_))) if deed.kind == Kind::Roster => welcome,
            (Ok(GroupBody::Charter(_)), _) => asked || welcome,
            // One's own application also to whoever asked one in: before the first roster nobody knows more.
            (Ok(GroupBody::Application(_)), _) => deed.origin == us && self.invites(group, to, us),
            (Ok(GroupBody::Sponsorship(body)), _) => {
                self.truth.deed(&body.application).is_some_and(|one| one.origin == to)
            }
            (Ok(GroupBody::Removal(body)), _) => {
                let closes = body.member == deed.origin && circle.head().members.len() == 1;
                body.member == to || cited_for(&circle) || (closes && (asked || welcome))
            }
            (Ok(GroupBody::Invitation(body)), _) => body.to == to,
            (Ok(GroupBody::Handover(_)), _) => cited_for(&circle),
            (Err(_), _) => false,
        };
        if member || concerned {
            return Ok(());
        }
        Err("the words about the group do not concern the partner".to_owned())
    }

    fn invites(&self, group: GroupId, by: EconomyId, to: EconomyId) -> bool {
        self.truth.deeds().filter(|deed| deed.kind == Kind::Group && deed.origin == by).any(
            |deed| {
                matches!(GroupBody::decode(&deed.body), Ok(GroupBody::Invitation(body))
                if body.group == group && body.to == to)
            },
        )
    }

    /// Groups that stand still at somebody because of two rosters of one number.
    #[must_use]
    pub fn frozen(&self, nodes: &[Node]) -> u64 {
        let frozen =
            nodes.iter().enumerate().filter(|(_, of)| !of.hostile).flat_map(|(node, _)| {
                let groups = self.circles.founded.keys();
                groups.filter(move |group| self.circle(node, **group).is_some_and(|one| one.frozen))
            });
        frozen.collect::<BTreeSet<_>>().len() as u64
    }

    /// When nothing is under way any more, all who hold the same words come to the same, members hold what concerns
    /// them, and what was addressed to them by those who may give it.
    pub(super) fn circles_settled(&self, nodes: &[Node], now: Timestamp) -> Result<(), Broken> {
        let honest = || nodes.iter().enumerate().filter(|(_, of)| !of.hostile);
        for (node, of) in honest() {
            self.reads_alike(node, of)?;
        }
        for (from, sender) in honest() {
            for (to, receiver) in honest().filter(|(to, _)| *to != from) {
                let (one, other) = (sender.economy.id, receiver.economy.id);
                let open = |node: usize, of: &EconomyId| {
                    self.shadows[node].partners.get(of).is_some_and(|bond| bond.open)
                };
                if !open(from, &other) || !open(to, &one) {
                    continue;
                }
                for group in self.circles.founded.keys() {
                    let Some(circle) = self.circle(from, *group) else { continue };
                    self.has_rosters(from, (to, other), *group, &circle)?;
                    self.has_records((from, sender), (to, other), *group, &circle, now)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a node has heard the same of a roster from the same within the hour: it need not keep it again.
    pub(super) fn said_lately(&self, node: usize, deed: &Deed) -> bool {
        let about = |deed: &Deed| match RosterBody::decode(&deed.body) {
            Ok(RosterBody::Head(head)) if deed.kind == Kind::Roster => Some(head),
            Ok(RosterBody::Head(_) | RosterBody::Roster(_)) | Err(_) => None,
        };
        let Some(head) = about(deed) else { return false };
        let here = &self.shadows[node].records;
        self.truth.deeds().any(|other| {
            other.origin == deed.origin
                && here.get(&other.id).is_some_and(|entered| entered.accepted)
                && other.signed_at.saturating_add(HOUR) > deed.signed_at
                && about(other) == Some(head)
        })
    }

    /// What a node makes of a group is what its journal says.
    fn reads_alike(&self, node: usize, of: &Node) -> Result<(), Broken> {
        let Some(engine) = &of.engine else { return Ok(()) };
        for group in engine.state().groups().iter() {
            if !engine.state().groups().is_ours(&group.id()) {
                continue;
            }
            let Some(circle) = self.circle(node, group.id()) else {
                return Err(broken(8, format!("node {node} knows a group without its charter")));
            };
            let (head, read) = (group.head(), circle.head());
            let alike = (head.digest, head.secretariat) == (read.digest, read.secretariat)
                && head.members.keys().eq(read.members.keys())
                && group.fork().is_some() == circle.frozen
                && *group.certain() == circle.certain
                && group.confirmed() == circle.confirmed;
            if !alike {
                let how = format!(
                    "node {node} is at roster {} of a group, frozen {}, certain {}, confirmed {}; by what it holds it is at {}, frozen {}, certain {}, confirmed {}",
                    head.epoch,
                    group.fork().is_some(),
                    group.certain().len(),
                    group.confirmed(),
                    circle.epochs.len() - 1,
                    circle.frozen,
                    circle.certain.len(),
                    circle.confirmed,
                );
                return Err(broken(8, how));
            }
        }
        Ok(())
    }

    /// Who stands in a roster that follows, or stood in the one before, has it.
    fn has_rosters(
        &self,
        from: usize,
        (to, other): (usize, EconomyId),
        group: GroupId,
        circle: &Circle,
    ) -> Result<(), Broken> {
        for deed in self.truth.deeds().filter(|deed| deed.kind == Kind::Roster) {
            let Ok(RosterBody::Roster(roster)) = RosterBody::decode(&deed.body) else { continue };
            let follows = usize::try_from(roster.epoch)
                .ok()
                .and_then(|epoch| circle.epochs.get(epoch))
                .is_some_and(|epoch| epoch.digest == roster.digest());
            let here =
                self.shadows[from].records.get(&deed.id).is_some_and(|entered| entered.accepted);
            if roster.group != group || !follows || !here {
                continue;
            }
            let concerned =
                circle.certain.contains(&other) || circle.listed(&other, roster.epoch - 1);
            if concerned && !self.shadows[to].records.contains_key(&deed.id) {
                let how = format!(
                    "node {to} lacks roster {} of a group, which node {from} has and which concerns it",
                    roster.epoch
                );
                return Err(broken(8, how));
            }
        }
        Ok(())
    }

    /// What an economy addressed to a group, its partners have that are members.
    fn has_records(
        &self,
        (from, of): (usize, &Node),
        (to, other): (usize, EconomyId),
        group: GroupId,
        circle: &Circle,
        now: Timestamp,
    ) -> Result<(), Broken> {
        let (one, sender) = (of.economy.id, &self.shadows[from]);
        let reach = match sender.partners.get(&other).map(|bond| bond.level) {
            Some(2) => Tlp::Green,
            Some(3 | 4) => Tlp::Amber,
            Some(_) | None => return Ok(()),
        };
        let own = self.truth.deeds().filter(|deed| deed.origin == one && !deed.kind.is_control());
        for deed in own {
            let mut named = deed.addressees.iter().filter(|addressee| {
                let of = addressee.group.filter(|(id, _)| *id == group);
                of.is_some_and(|(_, epoch)| circle.keeps_out(other, one, epoch, now).is_none())
            });
            let (Some(addressee), true) = (named.next(), circle.certain.contains(&one)) else {
                continue;
            };
            let believed = sender.records.get(&deed.id).is_some_and(|one| one.accepted);
            let gone = sender.withdrawn.contains(&deed.id)
                || self.shadows[to].withdrawn.contains(&deed.id)
                || self.truth.deeds().any(|newer| {
                    newer.supersedes.contains(&deed.id) && sender.records.contains_key(&newer.id)
                });
            let unwanted =
                self.shadows[to].desk.may_lack(&deed.id) || self.stays_in_house(from, deed);
            if !believed || gone || unwanted || circle.founded.starts > now {
                continue;
            }
            let plain = |piece: &Piece| {
                let marking = &piece.marking;
                marking.tlp <= reach
                    && piece.general
                    && piece.section == Section::Summary
                    && piece.destination.is_none()
                    && marking.release_at.is_none_or(|at| at <= now)
                    && marking.expires.is_none()
                    && marking.exercise.is_none()
                    && marking.community.is_none()
            };
            // What reaches it by name goes under what was agreed with it, if anything was.
            let named = |part: &PartDigest| {
                let by_name = |one: &&Addressee| one.economy == Some(other) && one.group.is_none();
                deed.addressees.iter().filter(by_name).any(|one| one.parts.contains(part))
            };
            let listed = addressee.parts.iter().filter(|part| !named(part));
            let listed = listed.filter_map(|part| Some((part, deed.parts.get(part)?)));
            let entered = self.shadows[to].records.get(&deed.id);
            let here = |part: &PartDigest| !sender.erased.contains_key(part);
            for (part, _) in listed.filter(|(part, piece)| plain(piece) && here(part)) {
                if entered.is_none_or(|entered| !entered.parts.contains_key(part)) {
                    let how = format!(
                        "node {to} is a member and lacks part {} of {}, which node {from} addressed to its group: {:?}",
                        part.short(),
                        deed.id.short(),
                        why_not(of, deed, part, other, now),
                    );
                    return Err(broken(8, how));
                }
            }
        }
        Ok(())
    }
}

fn is_word(deed: &Deed) -> bool {
    matches!(deed.kind, Kind::Group | Kind::Roster)
}

/// What the decision says of it.
fn why_not(
    of: &Node,
    deed: &Deed,
    part: &PartDigest,
    to: EconomyId,
    now: Timestamp,
) -> Option<String> {
    let state = of.engine.as_ref()?.state();
    let plan = state.plan(state.record(&deed.id)?, &to, now);
    let decision = plan.parts().iter().find(|one| one.digest == *part)?;
    policy::reason(state.policy(), &decision.decision).map(|reason| format!("{reason:?}"))
}
