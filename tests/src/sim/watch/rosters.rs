//! Who is in a group, by what was said about it: the rules of `docs/src/spec/groups.md` once more, sharing
//! nothing with the node's own reading but the bodies' encoding.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::group::{ApplicationBody, GroupBody, RemovalBody, Roster, RosterBody};
use comity_core::{Digest, EconomyId, GroupId, Kind, RecordId, Timestamp};

use super::circle::{Circle, Epoch, Founded};
use crate::sim::truth::Deed;

/// Something that was said about a group.
pub(super) struct Word {
    by: EconomyId,
    at: Timestamp,
    says: Says,
    /// Whether it is believed no more.
    doubted: bool,
}

enum Says {
    Group(GroupBody),
    Roster(Roster),
    Head(Digest),
}

/// The epochs that follow each other, from the charter on.
#[derive(Clone)]
struct Line {
    epochs: Vec<Epoch>,
    spent: BTreeSet<RecordId>,
    left: BTreeMap<EconomyId, u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Refused,
    Waits,
    Follows,
}

pub(super) fn word(group: GroupId, deed: &Deed, doubted: bool) -> Option<Word> {
    let says = match deed.kind {
        Kind::Group => {
            let body = GroupBody::decode(&deed.body).ok()?;
            (body.group() == Some(group)).then_some(Says::Group(body))?
        }
        Kind::Roster => match RosterBody::decode(&deed.body).ok()? {
            RosterBody::Roster(roster) if roster.group == group => Says::Roster(roster),
            RosterBody::Head(head) if head.group == group => Says::Head(head.digest),
            RosterBody::Roster(_) | RosterBody::Head(_) => return None,
        },
        _ => return None,
    };
    Some(Word { by: deed.origin, at: deed.signed_at, says, doubted })
}

/// Whoever makes a group of what was said about it.
pub(super) struct Reader<'a> {
    pub(super) group: GroupId,
    pub(super) founded: &'a Founded,
    /// The rosters that followed here before.
    pub(super) followed: &'a BTreeSet<Digest>,
    pub(super) words: BTreeMap<RecordId, Word>,
}

impl Reader<'_> {
    pub(super) fn read(&self) -> Circle {
        let mut line = self.charter();
        let (mut frozen, mut steps) = (false, Vec::new());
        while let Some(id) = self.next(&line, &mut frozen) {
            let next = self.pushed(&line, &id);
            steps.push((std::mem::replace(&mut line, next), id));
        }
        let in_doubt = self.in_doubt(&steps);
        let mut certain = self.certain(&line, &mut frozen);
        certain.retain(|member| {
            let since = line.last().members.get(member).copied().unwrap_or_default();
            !in_doubt.contains(&(*member, since))
        });
        let (mut invited, mut applies) = (BTreeSet::new(), BTreeMap::new());
        let head = line.last();
        let open = |(id, one): &(&RecordId, &Word)| !line.spent.contains(*id) && !one.doubted;
        for (id, one) in self.words.iter().filter(open) {
            match &one.says {
                Says::Group(GroupBody::Invitation(body)) if certain.contains(&one.by) => {
                    invited.insert(body.to);
                }
                Says::Group(GroupBody::Application(body))
                    if body.answers.is_empty() && !head.members.contains_key(&one.by) =>
                {
                    *applies.entry(one.by).or_default() |= self.spoken_for(&line, one.by, *id);
                }
                Says::Group(_) | Says::Roster(_) | Says::Head(..) => {}
            }
        }
        let vouched = line.epochs.iter().map(|epoch| self.vouched(epoch)).collect();
        let said = |epoch: &Epoch| {
            let same = self.rosters().filter(|(_, one, roster)| {
                roster.digest() == epoch.digest && one.by == epoch.by && !one.doubted
            });
            same.map(|(_, one, _)| one.at).max()
        };
        let founded = (line.epochs.len() == 1).then_some(head.at);
        let last = said(head).into_iter().chain(self.vouched(head)).chain(founded).max();
        let before = || line.epochs.iter().rev().find(|one| said(one).is_some());
        let confirmed =
            last.unwrap_or_else(|| before().map_or(self.founded.at, |believed| believed.at));
        Circle {
            founded: self.founded.clone(),
            certain,
            frozen,
            confirmed,
            left: line.left.clone(),
            invited,
            applies,
            vouched,
            epochs: line.epochs,
        }
    }

    fn charter(&self) -> Line {
        let by = self.founded.by;
        let members = [(by, 0)].into();
        let digest = Digest(self.group.0);
        let epoch = Epoch { digest, members, secretariat: by, by, at: self.founded.at };
        Line { epochs: vec![epoch], spent: BTreeSet::new(), left: BTreeMap::new() }
    }

    fn rosters(&self) -> impl Iterator<Item = (RecordId, &Word, &Roster)> {
        self.words.iter().filter_map(|(id, word)| match &word.says {
            Says::Roster(roster) => Some((*id, word, roster)),
            Says::Group(_) | Says::Head(..) => None,
        })
    }

    /// When whoever keeps the next roster said last that this one is the last.
    fn vouched(&self, epoch: &Epoch) -> Option<Timestamp> {
        let words = self.words.iter().filter(|(_, word)| {
            matches!(word.says, Says::Head(digest) if digest == epoch.digest)
                && word.by == epoch.secretariat
        });
        // Its last word takes the place of all before, also where nobody believes it any more.
        let last = words.max_by_key(|(id, word)| (word.at, **id));
        last.filter(|(_, word)| !word.doubted).map(|(_, word)| word.at)
    }

    /// Who came in, in which epoch, by what is believed no more.
    fn in_doubt(&self, steps: &[(Line, RecordId)]) -> BTreeSet<(EconomyId, u64)> {
        let mut in_doubt = BTreeSet::new();
        let mut had = BTreeSet::from([self.founded.by]);
        // Once the role was given by a word in doubt: who has it by others.
        let mut rightful: Option<BTreeSet<EconomyId>> = None;
        for (before, id) in steps {
            let Some(Word { by, says: Says::Roster(roster), .. }) = self.words.get(id) else {
                continue;
            };
            let said = |one: &Word, other: &Roster| {
                one.by == *by && other.digest() == roster.digest() && !one.doubted
            };
            let believed = self.rosters().any(|(_, one, other)| said(one, other));
            let shaky = !believed || rightful.as_ref().is_some_and(|all| !all.contains(by));
            let from = before.last();
            for one in roster.members.keys().filter(|one| !from.members.contains_key(*one)) {
                if shaky || !self.still_comes(before, one, roster, &in_doubt) {
                    in_doubt.insert((*one, roster.epoch));
                }
            }
            if let Some(word) = roster.handover.and_then(|word| self.words.get(&word)) {
                if shaky || word.doubted {
                    rightful.get_or_insert_with(|| had.clone());
                } else if let Some(all) = &mut rightful {
                    all.insert(word.by);
                }
                had.insert(word.by);
            }
        }
        in_doubt
    }

    /// Whether what is still believed of the words for somebody would be enough.
    fn still_comes(
        &self,
        before: &Line,
        economy: &EconomyId,
        roster: &Roster,
        in_doubt: &BTreeSet<(EconomyId, u64)>,
    ) -> bool {
        let cited = roster.changes.get(economy).into_iter().flatten();
        let cited: Vec<_> = cited.filter_map(|id| self.cited(id)).collect();
        let mut believed = cited.iter().filter(|word| !word.doubted);
        let sponsors = believed.clone().filter(|word| {
            let since = before.last().members.get(&word.by);
            matches!(word.says, Says::Group(GroupBody::Sponsorship(_)))
                && since.is_some_and(|since| !in_doubt.contains(&(word.by, *since)))
        });
        let enough = sponsors.count() >= self.needed(before, economy);
        enough && believed.any(|word| matches!(word.says, Says::Group(GroupBody::Application(_))))
    }

    /// The one roster that follows; none: there is none, or there are two.
    fn next(&self, line: &Line, frozen: &mut bool) -> Option<RecordId> {
        let number = line.epochs.len() as u64;
        let mut open: BTreeMap<Digest, Vec<(RecordId, bool)>> = BTreeMap::new();
        for (id, word, roster) in self.rosters().filter(|(.., roster)| roster.epoch == number) {
            match self.judge(line, word, roster) {
                Verdict::Refused => {}
                other => {
                    open.entry(roster.digest()).or_default().push((id, other == Verdict::Follows))
                }
            }
        }
        let sound = |all: &[(RecordId, bool)]| all.iter().find(|one| one.1).map(|one| one.0);
        if open.len() > 1 {
            // Two: the one by which the role was handed on, and taken up, if there is no other such.
            let acted: Vec<_> = open
                .values()
                .filter(|all| all.iter().any(|(id, _)| self.may_be_taken_up(line, id)))
                .collect();
            let [one] = acted.as_slice() else {
                *frozen = true;
                return None;
            };
            let taken = sound(one).filter(|id| self.is_taken_up(line, id));
            *frozen = taken.is_none();
            return taken;
        }
        sound(open.values().next()?)
    }

    fn pushed(&self, line: &Line, id: &RecordId) -> Line {
        let mut line = line.clone();
        let Some(Word { by, at, says: Says::Roster(roster), .. }) = self.words.get(id) else {
            return line;
        };
        let last = line.last().clone();
        let since = |member: &EconomyId| last.members.get(member).copied().unwrap_or(roster.epoch);
        let members = roster.members.keys().map(|member| (*member, since(member))).collect();
        let keeper = roster.handover.and_then(|word| self.words.get(&word)).map(|word| word.by);
        line.spent.extend(roster.changes.values().flatten().copied().chain(roster.handover));
        for gone in last.members.keys().filter(|one| !roster.members.contains_key(*one)) {
            line.left.insert(*gone, roster.epoch);
        }
        let secretariat = keeper.unwrap_or(*by);
        let digest = roster.digest();
        line.epochs.push(Epoch { digest, members, secretariat, by: *by, at: *at });
        line
    }

    /// A word that a roster may cite: a daily one is none.
    fn cited(&self, id: &RecordId) -> Option<&Word> {
        self.words.get(id).filter(|word| !matches!(word.says, Says::Head(..)))
    }

    fn judge(&self, line: &Line, signed: &Word, roster: &Roster) -> Verdict {
        let (by, last) = (signed.by, line.last());
        // What has followed once follows, whatever is believed no more.
        let new = !self.followed.contains(&roster.digest());
        if roster.predecessor != last.digest || by != last.secretariat {
            return Verdict::Refused;
        }
        let mut missing = new && signed.doubted;
        if let Some(id) = roster.handover {
            match self.cited(&id) {
                None => missing = true,
                Some(Word {
                    by, says: Says::Group(GroupBody::Handover(body)), doubted, ..
                }) if body.to == *by
                    && body.epoch + 1 == roster.epoch
                    && last.members.contains_key(by)
                    && roster.members.contains_key(by) =>
                {
                    missing |= new && *doubted;
                }
                Some(_) => return Verdict::Refused,
            }
        } else if !roster.members.contains_key(&by) {
            return Verdict::Refused;
        }
        for (economy, cited) in &roster.changes {
            let verdict = match (last.members.get(economy), roster.members.contains_key(economy)) {
                (None, true) => self.comes(line, *economy, cited),
                (Some(since), false) => self.goes(line, *economy, *since, cited),
                (None, false) | (Some(_), true) => Verdict::Refused,
            };
            match verdict {
                Verdict::Refused => return Verdict::Refused,
                Verdict::Waits => missing = true,
                Verdict::Follows => {}
            }
        }
        let both = |one: &EconomyId| {
            last.members.contains_key(one) == roster.members.contains_key(one)
                || roster.changes.contains_key(one)
        };
        if !last.members.keys().chain(roster.members.keys()).all(both) {
            return Verdict::Refused;
        }
        if missing { Verdict::Waits } else { Verdict::Follows }
    }

    /// By its own application, and with as many sponsors as it needs.
    fn comes(&self, line: &Line, economy: EconomyId, cited: &BTreeSet<RecordId>) -> Verdict {
        let (mut applied, mut sponsors, mut away) = (None, BTreeSet::new(), 0);
        for id in cited {
            match self.cited(id).map(|word| (word.by, &word.says)) {
                None => away += 1,
                Some((
                    by,
                    Says::Group(GroupBody::Application(ApplicationBody { answers, .. })),
                )) => {
                    let fits = by == economy && answers.is_empty() && !line.spent.contains(id);
                    if !fits || applied.replace(*id).is_some() {
                        return Verdict::Refused;
                    }
                }
                Some((_, Says::Group(GroupBody::Sponsorship(_)))) => {}
                Some(_) => return Verdict::Refused,
            }
        }
        for id in cited {
            if let Some(Word { by, says: Says::Group(GroupBody::Sponsorship(body)), .. }) =
                self.cited(id)
            {
                let other = applied.is_some_and(|applied| applied != body.application);
                let new = sponsors.insert(*by);
                if other || !new || !self.speaks(line, economy, *by, *id, body.epoch) {
                    return Verdict::Refused;
                }
            }
        }
        if applied.is_none() && away == 0 {
            return Verdict::Refused;
        }
        let may_speak = away - usize::from(applied.is_none());
        if sponsors.len() + may_speak < self.needed(line, &economy) {
            return Verdict::Refused;
        }
        if away > 0 { Verdict::Waits } else { Verdict::Follows }
    }

    fn needed(&self, line: &Line, economy: &EconomyId) -> usize {
        let first = self.founded.founders.contains(economy) && !line.left.contains_key(economy);
        if first { 0 } else { self.founded.sponsors }
    }

    /// Whether a word speaks for an applicant: a member's, of after the applicant's last leaving.
    fn speaks(
        &self,
        line: &Line,
        applicant: EconomyId,
        by: EconomyId,
        id: RecordId,
        epoch: u64,
    ) -> bool {
        let left = line.left.get(&applicant).copied().unwrap_or_default();
        by != applicant
            && line.last().members.contains_key(&by)
            && !line.spent.contains(&id)
            && (left..line.epochs.len() as u64).contains(&epoch)
    }

    fn spoken_for(&self, line: &Line, applicant: EconomyId, application: RecordId) -> bool {
        self.words.iter().any(|(id, word)| match &word.says {
            Says::Group(GroupBody::Sponsorship(body)) => {
                body.application == application
                    && !word.doubted
                    && self.speaks(line, applicant, word.by, *id, body.epoch)
            }
            Says::Group(_) | Says::Roster(_) | Says::Head(..) => false,
        })
    }

    /// By its own word, or by that of those whom the charter names.
    fn goes(
        &self,
        line: &Line,
        economy: EconomyId,
        since: u64,
        cited: &BTreeSet<RecordId>,
    ) -> Verdict {
        let (mut voters, mut leaves, mut away) = (BTreeSet::new(), false, 0);
        let last = line.last();
        for id in cited {
            let Some(word) = self.cited(id) else {
                away += 1;
                continue;
            };
            let Says::Group(GroupBody::Removal(RemovalBody { member, epoch, .. })) = &word.says
            else {
                return Verdict::Refused;
            };
            let own = word.by == economy;
            let may = own
                || (last.members.contains_key(&word.by)
                    && (self.founded.voters.is_some() || word.by == last.secretariat));
            let timely = (since..line.epochs.len() as u64).contains(epoch);
            if *member != economy || !may || !timely || line.spent.contains(id) {
                return Verdict::Refused;
            }
            leaves |= own;
            if !voters.insert(word.by) {
                return Verdict::Refused;
            }
        }
        let needed = self.founded.voters.unwrap_or(1);
        if away > 0 {
            return Verdict::Waits;
        }
        if leaves || voters.len() >= needed { Verdict::Follows } else { Verdict::Refused }
    }

    /// The members whom no roster leaves out that may follow.
    fn certain(&self, line: &Line, frozen: &mut bool) -> BTreeSet<EconomyId> {
        let (head, number) = (line.last(), line.epochs.len() as u64);
        let ahead: Vec<_> = self
            .rosters()
            .filter(|(_, word, roster)| {
                roster.epoch > number
                    || (roster.epoch == number
                        && self.judge(line, word, roster) != Verdict::Refused)
            })
            .collect();
        let mut trusted = BTreeSet::from([head.secretariat]);
        loop {
            let given = ahead.iter().filter(|(_, word, _)| trusted.contains(&word.by));
            let given: BTreeSet<_> = given
                .filter_map(|(.., roster)| match self.cited(&roster.handover?) {
                    Some(Word { by, says: Says::Group(GroupBody::Handover(body)), .. }) => {
                        (body.to == *by).then_some(*by)
                    }
                    Some(_) | None => None,
                })
                .filter(|to| !trusted.contains(to))
                .collect();
            if given.is_empty() {
                break;
            }
            trusted.extend(given);
        }
        let mut certain: BTreeSet<_> = head.members.keys().copied().collect();
        let mut after: BTreeMap<(u64, Digest), BTreeSet<Digest>> = BTreeMap::new();
        for (.., roster) in ahead.iter().filter(|(_, word, _)| trusted.contains(&word.by)) {
            certain.retain(|member| roster.members.contains_key(member));
            after.entry((roster.epoch, roster.predecessor)).or_default().insert(roster.digest());
        }
        *frozen |= after.values().any(|all| all.len() > 1);
        certain
    }

    /// Whether somebody has signed something on a roster.
    fn signs_on(&self, digest: Digest, whom: &dyn Fn(EconomyId) -> bool) -> bool {
        self.words.values().any(|word| {
            let on = match &word.says {
                Says::Head(about) => *about == digest,
                Says::Roster(roster) => roster.predecessor == digest,
                Says::Group(_) => false,
            };
            on && whom(word.by)
        })
    }

    fn after(&self, digest: Digest) -> impl Iterator<Item = RecordId> {
        let after = self.rosters().filter(move |(.., roster)| roster.predecessor == digest);
        after.map(|(id, ..)| id)
    }

    fn may_be_taken_up(&self, line: &Line, id: &RecordId) -> bool {
        let place = line.last();
        let giver = place.secretariat;
        let member = |by: EconomyId| by != giver && place.members.contains_key(&by);
        self.is_acted_upon(giver, *id, &member)
            || (self.is_acted_upon(giver, *id, &|by| by != giver) && self.is_taken_up(line, id))
    }

    fn is_acted_upon(
        &self,
        giver: EconomyId,
        id: RecordId,
        whom: &dyn Fn(EconomyId) -> bool,
    ) -> bool {
        let (mut open, mut seen) = (vec![id], BTreeSet::new());
        while let Some(id) = open.pop() {
            let Some(Word { by, says: Says::Roster(roster), .. }) = self.words.get(&id) else {
                continue;
            };
            let digest = roster.digest();
            if *by != giver || !seen.insert(digest) {
                continue;
            }
            if roster.handover.is_some() && self.signs_on(digest, whom) {
                return true;
            }
            open.extend(self.after(digest));
        }
        false
    }

    fn is_taken_up(&self, line: &Line, id: &RecordId) -> bool {
        let Some(word @ Word { says: Says::Roster(roster), .. }) = self.words.get(id) else {
            return false;
        };
        if roster.epoch != line.epochs.len() as u64
            || self.judge(line, word, roster) != Verdict::Follows
        {
            return false;
        }
        let next = self.pushed(line, id);
        let last = next.last();
        if last.secretariat == line.last().secretariat {
            return self.after(last.digest).any(|id| self.is_taken_up(&next, &id));
        }
        self.signs_on(last.digest, &|by| by == last.secretariat)
    }
}

impl Line {
    fn last(&self) -> &Epoch {
        self.epochs.last().expect("the charter is one")
    }
}
