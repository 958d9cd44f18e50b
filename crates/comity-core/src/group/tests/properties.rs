//! The order of arrival does not matter, and what is missing never widens.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use super::world::{AU, FJ, GROUP, JP, KR, NZ, T0, World};
use crate::group::*;
use crate::identity::EconomyId;

const ALL: [EconomyId; 5] = [KR, JP, FJ, NZ, AU];

/// Something that somebody does, sensible or not.
#[derive(Clone, Debug)]
struct Act {
    what: u8,
    by: Index,
    whom: Index,
    which: Index,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (0_u8..16, any::<Index>(), any::<Index>(), any::<Index>());
    let act = act.prop_map(|(what, by, whom, which)| Act { what, by, whom, which });
    proptest::collection::vec(act, 0..40)
}

fn play(acts: &[Act]) -> World {
    let mut world = World::founded();
    for act in acts {
        let (by, whom) = (ALL[act.by.index(5)], ALL[act.whom.index(5)]);
        let group = world.group();
        match act.what {
            0 => drop(world.apply(whom)),
            1..=3 => {
                let open: Vec<_> = group.applications().map(|one| one.record).collect();
                if !open.is_empty() {
                    world.sponsor(by, open[act.which.index(open.len())]);
                }
            }
            4 | 5 => drop(world.vote(by, whom)),
            6 | 7 => {
                if let Ok(roster) = group.admitting(whom, group.head().secretariat) {
                    world.roster(group.head().secretariat, roster);
                }
            }
            8 => {
                if let Ok(roster) = group.removing(whom, group.head().secretariat) {
                    world.roster(group.head().secretariat, roster);
                }
            }
            9 => drop(world.ready(whom)),
            10 => {
                let all: Vec<_> = group.ready().into_keys().collect();
                let to = all.get(act.which.index(all.len() + 1));
                let secretariat = group.head().secretariat;
                if let Some(Ok(roster)) = to.map(|to| group.handing_over(*to, secretariat)) {
                    world.roster(secretariat, roster);
                }
            }
            // The daily word of whoever has the role, or of anybody about any roster.
            13 => {
                let (by, head) = (group.head().secretariat, group.head().clone());
                let (epoch, digest) = (head.epoch, head.digest);
                let word = RosterHead { group: GROUP, epoch, digest };
                world.say(by, Says::Roster(RosterBody::Head(word)));
            }
            14 => {
                let rosters: Vec<_> = world.said.iter().filter_map(Statement::roster).collect();
                let roster = rosters[act.which.index(rosters.len())].clone();
                world.confirm(by, &roster);
            }
            // A second roster of an epoch of long ago, which may hand the role over.
            15 => {
                let all: Vec<_> = group.epochs().collect();
                let from = all[act.which.index(all.len())].clone();
                let word = HandoverBody { group: GROUP, epoch: from.epoch, to: whom };
                let gives = act.by.index(2) == 0 && from.members.contains_key(&whom);
                let handover =
                    gives.then(|| world.say(whom, Says::Group(GroupBody::Handover(word))));
                let members = from.members.iter();
                let roster = Roster {
                    epoch: from.epoch + 1,
                    predecessor: from.digest,
                    members: members.map(|(id, one)| (*id, one.affiliations.clone())).collect(),
                    handover,
                    ..world.next()
                };
                world.roster(from.secretariat, roster);
            }
            // A second roster of the last epoch.
            11 if act.which.index(4) == 0 => {
                if let Some(before) = group.epochs().rev().nth(1) {
                    let mut roster = world.next();
                    roster.epoch = before.epoch + 1;
                    roster.predecessor = before.digest;
                    roster.members.retain(|member, _| before.members.contains_key(member));
                    roster.members.extend(
                        before.members.iter().map(|(id, one)| (*id, one.affiliations.clone())),
                    );
                    world.roster(before.secretariat, roster);
                }
            }
            11 => {}
            // A roster that somebody makes up, of records that are there.
            _ => {
                let cited: Vec<_> = (0..3)
                    .map(|step| {
                        let place = (act.which.index(world.said.len()) + step) % world.said.len();
                        world.said[place].record
                    })
                    .collect();
                let member = group.head().members.contains_key(&whom);
                let roster =
                    if member { world.without(whom, &cited) } else { world.with(whom, &cited) };
                world.roster(by, roster);
            }
        }
    }
    world
}

/// An application, a sponsorship, or a vote.
fn justifies(statement: &Statement) -> bool {
    match &statement.says {
        Says::Group(body) => !matches!(body, GroupBody::Handover(_)),
        Says::Roster(_) => false,
    }
}

/// Those who may have anything new at all.
fn audience(group: &Group) -> BTreeSet<EconomyId> {
    let members = ALL.into_iter();
    members.filter(|one| group.admits(*one, group.head().epoch, T0).is_ok()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_order_of_arrival_does_not_matter(
        acts in acts(),
        keys in proptest::collection::vec(any::<u32>(), 120),
    ) {
        let world = play(&acts);
        let mut shuffled: Vec<_> = world.said.iter().cloned().zip(keys.iter().cycle()).collect();
        shuffled.sort_by_key(|(_, key)| **key);
        let said = shuffled.into_iter().map(|(statement, _)| statement);
        // Of several reasons why a roster counts for nothing, it is named the one that was found first.
        let mut groups = [Group::replay(world.founding.clone(), said), world.group()];
        for refusal in groups.iter_mut().flat_map(|group| group.refused.values_mut()) {
            *refusal = Refusal::SecondCharter;
        }
        prop_assert_eq!(&groups[0], &groups[1]);
    }

    /// Without any of the words that justify rosters, nobody gets more.
    #[test]
    fn a_missing_word_never_widens(acts in acts(), drop in any::<Index>(), also in any::<Index>()) {
        let world = play(&acts);
        let whole = world.group();
        let mut less = world.clone();
        for index in [drop, also] {
            let words: Vec<_> = less
                .said
                .iter()
                .filter(|one| justifies(one))
                .map(|one| one.record)
                .collect();
            let gone = words[index.index(words.len())];
            // Whether it does not come, or is believed no more.
            let mut doubting = less.clone();
            doubting.said.iter_mut().for_each(|one| one.doubted |= one.record == gone);
            less.said.retain(|one| one.record != gone);
            prop_assert!(audience(&doubting.group()).is_subset(&audience(&whole)));
            let (some, all) = (audience(&less.group()), audience(&whole));
            prop_assert!(some.is_subset(&all), "{some:?} without {gone:?}, {all:?} with it");
        }
    }

    /// Without rosters or hand-overs, nobody is a member who never was one.
    #[test]
    fn a_missing_roster_makes_no_member(acts in acts(), drop in any::<Index>()) {
        let world = play(&acts);
        let whole = world.group();
        let mut less = world;
        let gone = less.said[drop.index(less.said.len())].record;
        less.said.retain(|one| one.record != gone);
        let group = less.group();
        // Of two rosters of one epoch the other one follows when the first is not here.
        if whole.fork().is_none() && whole.yielded().next().is_none() {
            prop_assert!(group.head().epoch <= whole.head().epoch);
            for epoch in group.epochs() {
                prop_assert_eq!(whole.epoch(epoch.epoch).map(|one| &one.members), Some(&epoch.members));
            }
        }
    }

    /// Who is believed no more takes back what it gave, and gives nobody back what it took.
    #[test]
    fn a_doubt_never_widens(acts in acts(), doubts in proptest::collection::vec(any::<Index>(), 1..4)) {
        let mut world = play(&acts);
        let whole = audience(&world.group());
        for doubt in doubts {
            let place = doubt.index(world.said.len());
            world.said[place].doubted = true;
        }
        let group = world.group();
        prop_assert!(audience(&group).is_subset(&whole), "{group:?}");
    }

    /// The same where it is found out later: what followed goes on, and nobody comes in by it. Believed
    /// again, all is as it was.
    #[test]
    fn a_later_doubt_never_widens_and_never_moves_the_head_back(
        acts in acts(),
        doubts in proptest::collection::vec(any::<Index>(), 1..4),
    ) {
        let world = play(&acts);
        let whole = world.group();
        let mut group = whole.clone();
        let mut doubted = Vec::new();
        for doubt in doubts {
            let (before, head) = (audience(&group), group.head().clone());
            let one = world.said[doubt.index(world.said.len())].clone();
            group.doubt(&one.record);
            doubted.push(one);
            prop_assert!(audience(&group).is_subset(&before));
            prop_assert_eq!(group.head(), &head);
            let all = ALL.into_iter();
            prop_assert!(all.clone().all(|one| group.was_member(one, head.epoch) <= whole.was_member(one, head.epoch)));
        }
        for one in doubted {
            group.take(one);
        }
        group.settle();
        prop_assert_eq!(group, whole);
    }
}
