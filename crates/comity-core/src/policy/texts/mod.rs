//! Texts that take the place of one another: which of them permits, and which bind.
//!
//! A *tree* is a first text and what amends it, directly or through others. What stands is a function of
//! the set of words that are held, and of the time: in which order they came, and which dates their
//! signers wrote, decide nothing. So both parties come to the same, once they hold the same words; and
//! nobody wins anything by a date.
//!
//! A text that both have signed is *agreed*. It is *founded* when it is a first text, or when every text
//! that it names is founded, all of one tree. *Heads* are founded texts that no founded text names. Where there
//! is one head and nothing is against it, it says what is permitted: itself, once it has begun, and else the text
//! that it takes the place of. Otherwise the tree is *contested*: then nothing is permitted, and every
//! agreed text binds. A party alone can contest a tree, and end it by its notice; it can shed nothing by
//! either, and widen nothing.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::signed::{Agreement, Span};
use crate::identity::RecordId;
use crate::time::Timestamp;

pub use text::{Ending, Text};

/// The end is worked out a moment before the words are signed that say it.
const SIGNING: Duration = Duration::from_secs(60);

/// What became of a text that both have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It belongs to what both have agreed on, now, before or later.
    Stands,
    /// Nobody can say which text of its tree holds: nothing is permitted, and all bind.
    Contested,
    /// What it amends was never agreed, or is not all of one agreement: it permits nothing, and binds.
    Astray,
}

/// Why nothing goes under an agreement that binds all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standstill {
    /// Nobody can say which of its texts holds.
    Contested,
    /// It has one text, and it is in doubt whether both have signed that.
    InDoubt,
    /// It has several texts, and none of them is in force: the last day of the last is over, or something is against those that have
    /// begun, and the last has not.
    NoneInForce,
}

/// A first text, and what amends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The record that proposed the first text.
    pub first: RecordId,
    /// Every founded text, each after those that it names.
    pub texts: Vec<RecordId>,
    /// Those that nothing founded names: an amendment names them all. Ascending.
    pub heads: Vec<RecordId>,
    /// Agreed texts that belong here and are not founded. Ascending.
    pub astray: Vec<RecordId>,
    /// Whether it permits nothing until the two have settled which text holds.
    pub contested: bool,
    /// From when it permits nothing more, as somebody has said who ends it.
    pub ends: Option<Timestamp>,
}

/// Everything that two economies have agreed on with each other, put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trees {
    trees: Vec<Tree>,
    agreements: Vec<Agreement>,
}

impl Trees {
    /// Puts together the `agreed` texts of two economies. `text` knows their proposals too that nobody has
    /// accepted; what is `doubted` is a proposal or an acceptance whose author is in doubt.
    #[must_use]
    pub fn of<'a>(
        agreed: impl IntoIterator<Item = RecordId>,
        text: impl Fn(&RecordId) -> Option<&'a Text>,
        doubted: &BTreeSet<RecordId>,
    ) -> Self {
        let known =
            |id: RecordId| text(&id).filter(|text| text.agreed().is_some()).map(|one| (id, one));
        let agreed: BTreeMap<RecordId, &Text> = agreed.into_iter().filter_map(known).collect();
        let founded = foundations(&agreed);
        let mut groups: BTreeMap<RecordId, Group<'_>> = BTreeMap::new();
        for (id, (first, depth)) in &founded {
            if let Some(one) = agreed.get(id) {
                let member = Member { id: *id, text: one, depth: *depth };
                groups.entry(*first).or_default().members.push(member);
            }
        }
        let astray = agreed.iter().filter(|(id, _)| !founded.contains_key(*id));
        let astray: BTreeMap<_, _> =
            astray.map(|(id, one)| (*id, (*one, reached(one, &text)))).collect();
        for (id, (one, reached)) in &astray {
            for first in &reached.firsts {
                groups.entry(*first).or_default().astray.push((*id, one));
            }
        }
        let mut trees = Self::default();
        let mut ends: BTreeMap<RecordId, End> = BTreeMap::new();
        for (first, mut group) in groups {
            group.members.sort_unstable_by_key(|one| (one.depth, one.id));
            let laid = Laid::of(first, &group, doubted);
            let end = text(&first).and_then(|text| group.end(text));
            ends.extend(end.map(|end| (first, end)));
            laid.lay(&group, end, &mut trees.agreements);
            trees.trees.push(Tree {
                first,
                texts: group.members.iter().map(|one| one.id).collect(),
                heads: laid.heads.iter().copied().collect(),
                astray: group.astray.iter().map(|(id, _)| *id).collect(),
                contested: laid.contested,
                ends: end.map(|end| end.effective),
            });
        }
        for (id, (one, reached)) in &astray {
            trees.agreements.extend(lay_astray(*id, one, reached, &ends));
        }
        trees
    }

    /// What was agreed, as the decision reads it.
    #[must_use]
    pub fn agreements(&self) -> &[Agreement] {
        &self.agreements
    }

    /// As [`Trees::agreements`].
    #[must_use]
    pub fn into_agreements(self) -> Vec<Agreement> {
        self.agreements
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Tree> {
        self.trees.iter()
    }

    /// The one to which this agreed text belongs.
    #[must_use]
    pub fn tree(&self, id: &RecordId) -> Option<&Tree> {
        let founded = self.trees.iter().find(|tree| tree.texts.contains(id));
        founded.or_else(|| self.trees.iter().find(|tree| tree.astray.contains(id)))
    }

    /// Why nothing goes under a tree at `now` that binds. `None`: something may go, it does not bind, its one text
    /// has ended by itself, or somebody has said when it ends.
    #[must_use]
    pub fn standstill(&self, tree: &Tree, now: Timestamp) -> Option<Standstill> {
        if tree.contested {
            return tree.ends.is_none_or(|end| end > now).then_some(Standstill::Contested);
        }
        let texts = || self.agreements.iter().filter(|one| tree.texts.contains(&one.id()));
        if tree.texts.len() == 1 && tree.ends.is_none() && texts().any(|one| one.is_in_doubt(now)) {
            return Some(Standstill::InDoubt);
        }
        let idle = tree.texts.len() > 1
            && tree.ends.is_none()
            && texts().any(|one| one.binds(now))
            && !texts().any(|one| one.in_force(now));
        idle.then_some(Standstill::NoneInForce)
    }

    /// What became of a text. `None`: it is not agreed.
    #[must_use]
    pub fn place(&self, id: &RecordId) -> Option<Place> {
        let place = |tree: &Tree| match (tree.texts.contains(id), tree.contested) {
            (false, _) => Place::Astray,
            (true, true) => Place::Contested,
            (true, false) => Place::Stands,
        };
        let signed = || self.agreements.iter().any(|one| one.id() == *id).then_some(Place::Astray);
        self.tree(id).map(place).or_else(signed)
    }
}

impl Group<'_> {
    /// When the tree ends, as the endings of its first text say: nobody ends it by naming another.
    ///
    /// The period of notice is the longest that any of its texts says, whether that holds or not, so that
    /// neither a word that comes later nor a date shortens it.
    fn end(&self, first: &Text) -> Option<End> {
        let effective = first.ends()?;
        let texts = || {
            let founded = self.members.iter().map(|one| one.text);
            founded.chain(self.astray.iter().map(|(_, text)| *text)).filter_map(Text::terms)
        };
        let over = |ending: &Ending| {
            let notice = texts().map(|terms| terms.earliest_end(ending.given)).max();
            let notice = notice.filter(|end| end.since(ending.effective) > SIGNING);
            notice.unwrap_or(ending.effective).max(ending.effective)
        };
        let bound = first.endings().map(over).min()?;
        Some(End { effective, bound })
    }
}

/// A founded text.
struct Member<'a> {
    id: RecordId,
    text: &'a Text,
    depth: usize,
}

/// The agreed texts of a tree.
#[derive(Default)]
struct Group<'a> {
    members: Vec<Member<'a>>,
    astray: Vec<(RecordId, &'a Text)>,
}

/// When a tree ends.
#[derive(Clone, Copy)]
struct End {
    effective: Timestamp,
    bound: Timestamp,
}

/// How the texts of a tree lie to each other.
struct Laid<'a> {
    heads: BTreeSet<RecordId>,
    contested: bool,
    /// Those that have something against them: they permit nothing, and set nobody free.
    tainted: BTreeSet<RecordId>,
    /// Those of them of which it is in doubt whether both have signed them.
    doubted: BTreeSet<RecordId>,
    /// Of each text, those that amend it, directly or through others, and may set it free.
    freeing: BTreeMap<RecordId, Vec<&'a Member<'a>>>,
}

/// The founded among what is agreed: the first text of each, and how many lie between at most.
fn foundations(agreed: &BTreeMap<RecordId, &Text>) -> BTreeMap<RecordId, (RecordId, usize)> {
    let mut waiting: BTreeMap<RecordId, usize> = BTreeMap::new();
    let mut amending: BTreeMap<RecordId, Vec<RecordId>> = BTreeMap::new();
    let mut founded = BTreeMap::new();
    let mut next = Vec::new();
    for (id, text) in agreed {
        if text.amends().is_empty() {
            founded.insert(*id, (*id, 0));
            next.push(*id);
        }
        waiting.insert(*id, text.amends().len());
        for named in text.amends() {
            amending.entry(*named).or_default().push(*id);
        }
    }
    while let Some(id) = next.pop() {
        for amendment in amending.get(&id).into_iter().flatten() {
            let Some(open) = waiting.get_mut(amendment) else { continue };
            *open = open.saturating_sub(1);
            let Some(text) = agreed.get(amendment).filter(|_| *open == 0) else { continue };
            let below: Vec<(RecordId, usize)> =
                text.amends().iter().filter_map(|named| founded.get(named).copied()).collect();
            let first = below.first().map(|(first, _)| *first);
            if let Some(first) = first
                && below.iter().all(|(other, _)| *other == first)
            {
                let depth = below.iter().map(|(_, depth)| *depth).max().unwrap_or_default();
                founded.insert(*amendment, (first, depth.saturating_add(1)));
                next.push(*amendment);
            }
        }
    }
    founded
}

/// What a text that is not founded rests on.
struct Reached {
    firsts: BTreeSet<RecordId>,
    /// Whether each text on the way is here.
    whole: bool,
}

fn reached<'a>(text: &Text, known: &impl Fn(&RecordId) -> Option<&'a Text>) -> Reached {
    let (mut firsts, mut whole) = (BTreeSet::new(), true);
    let mut seen: BTreeSet<RecordId> = text.amends().iter().copied().collect();
    let mut next: Vec<RecordId> = seen.iter().copied().collect();
    while let Some(id) = next.pop() {
        let Some(text) = known(&id) else {
            whole = false;
            continue;
        };
        if text.amends().is_empty() {
            firsts.insert(id);
        }
        next.extend(text.amends().iter().filter(|named| seen.insert(**named)));
    }
    Reached { firsts, whole }
}

/// It permits nothing, and binds until everything that it rests on has ended.
fn lay_astray(
    id: RecordId,
    text: &Text,
    reached: &Reached,
    ends: &BTreeMap<RecordId, End>,
) -> Option<Agreement> {
    let agreement = Agreement::new(id, text.terms()?.clone(), text.agreed()?).silent();
    let all: Option<Vec<End>> =
        reached.firsts.iter().map(|first| ends.get(first).copied()).collect();
    let all = all.filter(|all| reached.whole && !all.is_empty()).unwrap_or_default();
    let effective = all.iter().map(|end| end.effective).max();
    let bound = all.iter().map(|end| end.bound).max();
    Some(match (effective, bound) {
        (Some(effective), Some(bound)) => agreement.terminated_early(effective, bound).silent(),
        (_, _) => agreement,
    })
}

impl<'a> Laid<'a> {
    fn of(first: RecordId, group: &'a Group<'a>, doubted: &BTreeSet<RecordId>) -> Self {
        let members = &group.members;
        let named: BTreeSet<_> = members.iter().flat_map(|one| one.text.amends()).collect();
        let heads: BTreeSet<_> =
            members.iter().map(|one| one.id).filter(|id| !named.contains(id)).collect();
        let tainted: BTreeSet<_> = members
            .iter()
            .filter(|one| {
                let taken_back = one.id != first && one.text.is_ended();
                taken_back || one.text.terms().is_none() || one.text.is_doubted(&one.id, doubted)
            })
            .map(|one| one.id)
            .collect();
        let doubted = members.iter().filter(|one| one.text.is_doubted(&one.id, doubted));
        let doubted = doubted.map(|one| one.id).collect();
        let sound = heads.len() == 1 && heads.is_disjoint(&tainted);
        // A text that nothing amends is no contest: in doubt it permits nothing, and binds.
        let contested = members.len() > 1 && !sound;
        let mut freeing: BTreeMap<RecordId, Vec<&Member<'_>>> = BTreeMap::new();
        if !contested {
            for one in members.iter().filter(|one| !tainted.contains(&one.id)) {
                for below in below(one, members) {
                    freeing.entry(below).or_default().push(one);
                }
            }
        }
        Self { heads, contested, tainted, doubted, freeing }
    }

    /// Lays the founded texts side by side in time.
    fn lay(&self, group: &Group<'_>, end: Option<End>, agreements: &mut Vec<Agreement>) {
        let mut laid: BTreeMap<RecordId, Agreement> = BTreeMap::new();
        for one in &group.members {
            let (Some(terms), Some(agreed)) = (one.text.terms(), one.text.agreed()) else {
                continue;
            };
            let mut agreement = Agreement::new(one.id, terms.clone(), agreed);
            if let Some(End { effective, bound }) = end {
                agreement = agreement.terminated_early(effective, bound);
            }
            laid.insert(one.id, agreement);
        }
        let replaced = self.replaced(group, &laid);
        // What the head says of the others, it says until its last day.
        let head = self.heads.first().and_then(|head| laid.get(head));
        let last = head.and_then(|head| head.terms().ends());
        for one in &group.members {
            let Some(agreement) = laid.get(&one.id).cloned() else { continue };
            let by = self.freeing.get(&one.id).into_iter().flatten();
            let spans = by.filter_map(|one| span(laid.get(&one.id)?, last));
            let agreement = agreement.freed(spans.collect());
            let agreement = match replaced.get(&one.id) {
                None => agreement,
                Some((by, at)) => agreement.replaced_by(*by, *at),
            };
            agreements.push(match (self.contested, self.tainted.contains(&one.id)) {
                (true, _) => agreement.contested(),
                (false, true) if self.doubted.contains(&one.id) => agreement.in_doubt(),
                (false, true) => agreement.silent(),
                (false, false) => agreement,
            });
        }
    }

    /// Which text takes the place of which, and from when. From the head down along what each names, the first that has
    /// begun is the one that permits. What a contest was about comes back by nothing that settles it: where a
    /// text names several, or one that has something against it, nothing below permits.
    fn replaced(
        &self,
        group: &Group<'_>,
        laid: &BTreeMap<RecordId, Agreement>,
    ) -> BTreeMap<RecordId, (RecordId, Timestamp)> {
        let mut replaced = BTreeMap::new();
        let Some(head) = self.heads.first().filter(|_| !self.contested) else { return replaced };
        // Whatever is not walked to never permits: the head takes its place as it begins.
        replaced.extend(laid.iter().map(|(id, one)| (*id, (*head, one.from()))));
        let texts: BTreeMap<RecordId, &Text> =
            group.members.iter().map(|one| (one.id, one.text)).collect();
        let (mut walked, mut next) = (None::<(RecordId, Timestamp)>, Some(*head));
        while let Some(id) = next {
            // What this version cannot read has begun, for all that it knows.
            let Some(agreement) = laid.get(&id) else { break };
            match walked {
                None => drop(replaced.remove(&id)),
                Some(earlier) => drop(replaced.insert(id, earlier)),
            }
            let from = agreement.from();
            if walked.is_none_or(|(_, at)| from < at) {
                walked = Some((id, from));
            }
            next = match texts.get(&id).map(|text| text.amends()) {
                Some([one]) if !self.tainted.contains(&id) => Some(*one),
                Some(_) | None => None,
            };
        }
        replaced
    }
}

/// While it holds in the place of those before it: from when it has begun to its own last day, or that of the
/// `last` text of all.
fn span(agreement: &Agreement, last: Option<Timestamp>) -> Option<Span> {
    let (from, ends) = (agreement.from(), agreement.terms().ends());
    let ends = ends.into_iter().chain(last).min();
    ends.is_none_or(|ends| ends > from).then_some((from, ends))
}

/// The texts that one amends, directly or through others.
fn below(one: &Member<'_>, members: &[Member<'_>]) -> BTreeSet<RecordId> {
    let texts: BTreeMap<RecordId, &Text> = members.iter().map(|one| (one.id, one.text)).collect();
    let mut found: BTreeSet<RecordId> = one.text.amends().iter().copied().collect();
    let mut next: Vec<RecordId> = found.iter().copied().collect();
    while let Some(id) = next.pop() {
        let named = texts.get(&id).map_or(&[][..], |text| text.amends());
        next.extend(named.iter().filter(|named| found.insert(**named)));
    }
    found
}
