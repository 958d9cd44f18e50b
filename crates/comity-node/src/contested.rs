//! Agreements under which nothing goes though they bind, for nobody can say which of their texts holds, none of
//! them is in force, or a key that signed is believed no more: what is told, and what to do about it.

use std::collections::BTreeSet;

use comity_core::journal::Standing;
use comity_core::policy::{Agreement, Standstill, Tree, Trees};
use comity_core::{EconomyId, RecordId, Timestamp};

use crate::api::ContestedLine;
use crate::engine::Alarm;
use crate::shell_word::word;
use crate::state::{Compact, State};

/// An agreement that stands still.
pub(crate) struct Still {
    partner: EconomyId,
    tree: Tree,
    why: Standstill,
    /// Whether the last day of its last text is over.
    over: bool,
    /// What is in doubt, besides all that is so already.
    supposed: BTreeSet<RecordId>,
}

impl Still {
    /// How an agreement with a partner stands, if it stands still.
    pub(crate) fn of(
        partner: EconomyId,
        trees: &Trees,
        tree: &Tree,
        supposed: &BTreeSet<RecordId>,
        now: Timestamp,
    ) -> Option<Self> {
        let why = trees.standstill(tree, now)?;
        let last = |one: &&Agreement| tree.heads.contains(&one.id());
        let over = trees.agreements().iter().find(last).is_some_and(|last| last.ended(now));
        Some(Self { partner, tree: tree.clone(), why, over, supposed: supposed.clone() })
    }

    pub(crate) fn why(&self) -> Standstill {
        self.why
    }
}

/// Those that stand still, and that nobody has ended.
fn still(state: &State, now: Timestamp) -> Vec<Still> {
    let mut found = Vec::new();
    let none = BTreeSet::new();
    for (partner, _) in state.partners() {
        let trees = state.agreements().with(*partner);
        let frozen = state.is_frozen(partner);
        for tree in trees.iter() {
            let still = Still::of(*partner, &trees, tree, &none, now);
            // Of whoever is frozen all is in doubt, until its root says which keyring holds: that is told by itself.
            let told = |still: &Still| !frozen || still.why != Standstill::InDoubt;
            found.extend(still.filter(told));
        }
    }
    found
}

/// Why it is contested, in words that name the texts.
fn why(state: &State, tree: &Tree, supposed: &BTreeSet<RecordId>) -> String {
    let named: Vec<String> = tree.heads.iter().map(|head| state.called(head)).collect();
    match &named[..] {
        [one] => {
            let head = tree.heads.first();
            let text = head.and_then(|head| state.agreements().get(head));
            let taken_back = text.is_some_and(|text| text.text.is_ended());
            let unread = text.is_some_and(|text| text.terms().is_none());
            match (taken_back, unread) {
                (true, _) => format!("{one} was accepted and taken back"),
                (false, true) => format!("this version cannot read {one}"),
                (false, false) => head
                    .and_then(|head| doubt(state, head, supposed))
                    .map_or_else(|| in_doubt(one), |doubt| doubt.why),
            }
        }
        several => {
            format!("both have signed {}, each in the place of the same", several.join(" and "))
        }
    }
}

fn in_doubt(text: &str) -> String {
    format!("it is in doubt whether both have signed {text}")
}

/// Which signature under a text is in doubt, and what mends it where it is the only text.
pub(crate) struct Doubt {
    pub(crate) why: String,
    pub(crate) next: String,
    /// Whether it is our acceptance.
    pub(crate) ours: bool,
}

/// `None`: both signatures are believed. `supposed`: what is in doubt besides.
pub(crate) fn doubt(
    state: &State,
    text: &RecordId,
    supposed: &BTreeSet<RecordId>,
) -> Option<Doubt> {
    let compact = state.agreements().get(text)?;
    let (us, reference, partner) =
        (state.us(), state.called(text), state.name_of(&compact.partner));
    let doubted = |one: &RecordId| supposed.contains(one) || state.agreements().is_doubted(one);
    let because = |one: &RecordId| match state.record(one).map(|held| &held.standing) {
        Some(Standing::Quarantined(why)) => format!(": {why}"),
        Some(Standing::Dropped) => ": a person here has dropped it".to_owned(),
        Some(Standing::Accepted | Standing::Pending(_) | Standing::InReview(_)) | None => {
            String::new()
        }
    };
    let ours = compact.proposer == us;
    // Of two keyrings of one version its root keys say which holds: then all of it counts again.
    let waits = state.is_frozen(&compact.partner) && supposed.is_empty();
    let wait =
        || format!("wait for the root keys of {partner}: comity partner show {}", word(&partner));
    if doubted(text) {
        let whose = if ours { "we".to_owned() } else { partner.clone() };
        let why = format!(
            "{}, for the key with which {whose} proposed it is not believed any more{}",
            in_doubt(&reference),
            because(text)
        );
        let propose = format!("comity agreement propose FILE --to {}", word(&partner));
        let end = format!("and end this one: comity agreement terminate {reference}");
        let next = if ours {
            format!("propose it anew: {propose}; {end}")
        } else if waits {
            wait()
        } else {
            format!("have {partner} propose it anew, or do so: {propose}; {end}")
        };
        return Some(Doubt { why, next, ours: false });
    }
    let mut acceptances = compact.text.acceptances().peekable();
    acceptances.peek()?;
    if !compact.text.acceptances().all(doubted) {
        return None;
    }
    let last = acceptances.last()?;
    let whose = if ours { partner.clone() } else { "we".to_owned() };
    let why = format!(
        "{}, for the key with which {whose} accepted it is not believed any more{}",
        in_doubt(&reference),
        because(last)
    );
    let end = format!("or end it: comity agreement terminate {reference}");
    let next = if ours && waits {
        wait()
    } else if ours {
        format!("have {partner} accept it once more; {end}")
    } else {
        format!("accept it once more: comity agreement accept {reference}; {end}")
    };
    Some(Doubt { why, next, ours: !ours })
}

/// Why one stands still, for any reason, and what to do about it.
pub(crate) fn why_still(state: &State, still: &Still) -> (String, String) {
    (said(state, &still.tree, still.why, &still.supposed), line(state, still).next)
}

fn said(state: &State, tree: &Tree, why: Standstill, supposed: &BTreeSet<RecordId>) -> String {
    match why {
        Standstill::Contested | Standstill::InDoubt => self::why(state, tree, supposed),
        Standstill::NoneInForce => "none of its texts is in force".to_owned(),
    }
}

pub(crate) fn line(state: &State, still: &Still) -> ContestedLine {
    let Still { partner, tree, why, over, supposed } = still;
    let reference = state.called(&tree.first);
    let name = state.name_of(partner);
    let said = said(state, tree, *why, supposed);
    let what = match why {
        Standstill::Contested => format!(
            "the agreement {reference} with {name} is contested: {said}; nothing goes under it, and all its texts bind"
        ),
        Standstill::InDoubt => format!(
            "the agreement {reference} with {name} is in doubt: {said}; nothing goes under it, and it binds"
        ),
        Standstill::NoneInForce => format!(
            "nothing goes under the agreement {reference} with {name}: {said}, and it binds"
        ),
    };
    let end = format!("comity agreement terminate {reference}");
    let proposed = proposed(state, *partner, tree).filter(|_| !over);
    let next = match (why, proposed) {
        (Standstill::Contested | Standstill::NoneInForce, Some(next)) => {
            format!("{next}; or end it: {end}")
        }
        (Standstill::Contested, None) => format!(
            "propose a text that settles it, which may be the last one (--again): comity agreement amend {reference} FILE; or end it: {end}"
        ),
        (Standstill::InDoubt, _) => doubt(state, &tree.first, supposed)
            .map_or_else(|| format!("end it: {end}"), |doubt| doubt.next),
        (Standstill::NoneInForce, None) if !over => format!(
            "propose a text that begins now: comity agreement amend {reference} FILE; or end it: {end}"
        ),
        (Standstill::NoneInForce, None) => {
            format!("propose anew: comity agreement propose FILE --to {name}; and end it: {end}")
        }
    };
    ContestedLine { what, next, reference, partner: name }
}

/// Who has to answer, where a text is proposed already that would take the place of all that are last.
fn proposed(state: &State, partner: EconomyId, tree: &Tree) -> Option<String> {
    let name = state.name_of(&partner);
    let fits = |(id, one): &(&RecordId, &Compact)| {
        one.text.amends() == tree.heads && !state.agreements().is_doubted(id)
    };
    let open: Vec<_> = state.agreements().amending(&tree.heads).filter(fits).collect();
    let by = |whose: EconomyId| {
        let mut theirs = open.iter().filter(move |(_, one)| one.proposer == whose);
        theirs.next().map(|(id, _)| state.called(id))
    };
    Some(match (by(state.us()), by(partner)) {
        (None, None) => return None,
        (Some(ours), None) => format!(
            "our proposal {ours} would settle it, and waits for {name} to accept it: comity agreement show {ours}"
        ),
        (None, Some(theirs)) => format!(
            "{theirs} of {name} would settle it, and waits for us to accept it: comity agreement accept {theirs} --dry-run"
        ),
        (Some(ours), Some(theirs)) => format!(
            "our {ours} and {theirs} of {name} would each settle it, and neither can be accepted beside the other: take ours back, comity agreement terminate {ours}, and accept theirs, comity agreement accept {theirs}; or have {name} take theirs back"
        ),
    })
}

/// What is told of the agreements with one partner.
pub(crate) fn with(state: &State, partner: EconomyId, now: Timestamp) -> Vec<ContestedLine> {
    let all = still(state, now);
    all.iter().filter(|one| one.partner == partner).map(|one| line(state, one)).collect()
}

/// As the local interface has them.
pub(crate) fn lines(state: &State, now: Timestamp) -> Vec<ContestedLine> {
    still(state, now).iter().map(|one| line(state, one)).collect()
}

/// What stood still when a running node last looked: each is told once as it turns, and at the start.
#[derive(Debug, Default)]
pub(crate) struct Told {
    seen: BTreeSet<(RecordId, Standstill)>,
    /// The version of the policy that was looked at, and when its agreements say something else.
    looked: Option<(u64, Option<Timestamp>)>,
}

impl Told {
    /// What has to be told since the last look.
    pub(crate) fn alarms(&mut self, state: &State, now: Timestamp) -> Vec<Alarm> {
        let version = state.policy().version();
        let same = |(looked, until): (u64, Option<Timestamp>)| {
            looked == version && until.is_none_or(|until| until > now)
        };
        if self.looked.is_some_and(same) {
            return Vec::new();
        }
        self.looked = Some((version, state.policy().next_change(now)));
        let all = still(state, now);
        let told = |one: &Still| (one.tree.first, one.why);
        let news = all.iter().filter(|one| !self.seen.contains(&told(one)));
        let alarms = news
            .map(|one| {
                let line = line(state, one);
                let text = format!("{}: {}", line.what, line.next);
                let code = match one.why {
                    Standstill::Contested => "agreement-contested",
                    Standstill::InDoubt => "agreement-in-doubt",
                    Standstill::NoneInForce => "agreement-not-in-force",
                };
                Alarm { partner: Some(one.partner), code, text }
            })
            .collect();
        self.seen = all.iter().map(told).collect();
        alarms
    }
}
