//! Until when bodies are kept, and whose word keeps them longer: the rules of `docs/src/retention.md` once more, read
//! from the journal and from how things were signed, sharing no code with the node's own reading.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comity_core::agreement::Tier;
use comity_core::consent::ConsentBody;
use comity_core::journal::{Erasure, ErasureCause, Source};
use comity_core::{EconomyId, Kind, PartDigest, RecordId, Timestamp, Tlp};
use comity_node::config::Retention;

use super::gate::stands_below;
use super::groups::Admitted;
use super::shadow::Shadow;
use super::{Broken, Watch, broken};
use crate::sim::node::Node;
use crate::sim::truth::Deed;

/// The days of an agreement.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long after its time something may be here still: a node looks every hour.
const LATE: Duration = Duration::from_secs(2 * 60 * 60);

/// What a journal says of how long what came is kept.
#[derive(Default)]
pub struct Terms {
    parts: BTreeMap<PartDigest, Stay>,
    /// Records that are kept on legal grounds.
    pub holds: BTreeSet<RecordId>,
    /// When somebody said last that a record need not be kept so any more.
    lifted: BTreeMap<RecordId, Timestamp>,
}

impl Terms {
    /// A record need not be kept on legal grounds any more.
    pub(super) fn lift(&mut self, record: RecordId, at: Timestamp) {
        if self.holds.remove(&record) {
            self.lifted.insert(record, at);
        }
    }
}

/// Of one part.
struct Stay {
    of: RecordId,
    came: Timestamp,
    from_origin: bool,
    /// When what was agreed ends, of each who brought it under that.
    lent: BTreeMap<EconomyId, Timestamp>,
}

/// What a node starts with, and whether anybody vouches for it.
#[derive(Clone, Copy, Debug)]
pub struct Doubt {
    /// The newest that its journal can have had when it started.
    pub written: Timestamp,
}

impl Shadow {
    /// Parts came, for the first time or again, at this time.
    pub(super) fn stay(
        &mut self,
        deed: &Deed,
        source: &Source,
        new: impl Iterator<Item = PartDigest>,
        at: Timestamp,
    ) {
        let by_origin = match source {
            Source::Own => true,
            Source::Partner(delivered) => delivered.from == deed.origin,
            Source::Returned { .. } => false,
        };
        let parts = &mut self.terms.parts;
        for part in new {
            let (of, lent) = (deed.id, BTreeMap::new());
            parts.entry(part).or_insert(Stay { of, came: at, from_origin: by_origin, lent });
        }
        let Source::Partner(delivered) = source else { return };
        let days = delivered.entry.obligations.retention_days;
        for part in &delivered.entry.parts {
            let Some(stay) = parts.get_mut(part) else { continue };
            stay.from_origin |= by_origin;
            if let Some(days) = days.filter(|_| self.us != Some(deed.origin)) {
                let ends = at.saturating_add(DAY * days);
                let known = stay.lent.entry(delivered.from).or_insert(ends);
                *known = ends.min(*known);
            }
        }
    }

    /// When the body of a part goes: by the first of the node's own rules, and of what was agreed with whoever brought
    /// it. Of what its origin itself gave, the origin's word alone counts.
    fn goes_at(&self, part: &PartDigest, deed: &Deed, own: &Retention) -> Option<Timestamp> {
        let stay = self.terms.parts.get(part)?;
        let piece = deed.parts.get(part)?;
        let above = own.above_green.filter(|_| piece.marking.tlp > Tlp::Green);
        let personal = own.personal_data.filter(|_| piece.personal);
        // Of its own, nobody had it before its time of release.
        let release = piece.marking.release_at.filter(|_| self.us == Some(deed.origin));
        let since = release.map_or(stay.came, |release| release.max(stay.came));
        let ours = above.into_iter().chain(personal).map(|term| since.saturating_add(term));
        let binding = stay.lent.iter().filter(|(by, _)| !stay.from_origin || **by == deed.origin);
        ours.chain(binding.map(|(_, ends)| *ends)).min()
    }
}

impl Watch {
    /// Whether somebody waits for this node's word about a record of its own.
    fn is_asked(&self, shadow: &Shadow, record: &RecordId) -> bool {
        let here = |word: &Deed| {
            shadow.records.get(&word.id).is_some_and(|one| one.accepted)
                && !shadow.withdrawn.contains(&word.id)
        };
        let words = || self.truth.deeds().filter(|deed| deed.kind == Kind::Consent && here(deed));
        let answers = |ask: &Deed, word: &Deed| {
            Some(word.origin) == shadow.us
                && match ConsentBody::decode(&word.body) {
                    Ok(ConsentBody::Grant(grant)) => grant.ask == ask.id,
                    Ok(ConsentBody::Refusal(refusal)) => refusal.ask == ask.id,
                    Ok(ConsentBody::Ask(_)) | Err(_) => false,
                }
        };
        words().any(|ask| {
            matches!(ConsentBody::decode(&ask.body), Ok(ConsentBody::Ask(asked))
                if asked.record == *record && Some(asked.origin) == shadow.us)
                && !words().any(|word| answers(ask, word))
        })
    }

    /// Whether what a node erases because its time is over may go.
    pub(super) fn may_go(&self, node: usize, erasure: &Erasure) -> Result<(), Broken> {
        if erasure.cause != ErasureCause::Term {
            return Ok(());
        }
        let shadow = &self.shadows[node];
        let short = erasure.record.short();
        let no = |why: &str| Err(broken(13, format!("{short} is erased by its term, {why}")));
        let Some(own) = self.keeps.get(&node).filter(|own| own.automatic) else {
            return no("and nobody in this house wants that");
        };
        if shadow.terms.holds.contains(&erasure.record) {
            return no("and is under a legal hold");
        }
        if shadow.recovering {
            return no("and the node is in recovery");
        }
        if self.doubts.contains_key(&node) {
            return no("by a clock that nobody vouches for");
        }
        if erasure.at > self.latest {
            return no("at a time that has not come");
        }
        let Some(deed) = self.truth.deed(&erasure.record) else {
            return no("and nobody ever signed it");
        };
        if self.is_asked(shadow, &erasure.record) {
            return no("and somebody waits for an answer about it");
        }
        for part in &erasure.parts {
            match shadow.goes_at(part, deed, own) {
                Some(at) if at <= erasure.at => {}
                Some(at) => return no(&format!("at {}, and it has until {at}", erasure.at)),
                None => return no("and it has none"),
            }
        }
        Ok(())
    }

    /// Somebody whose clock agrees has spoken to a node, or a person vouches for it.
    pub fn vouched_for(&mut self, node: usize) {
        self.doubts.remove(&node);
    }

    /// Why what an agreement lets go may not go with so long a term, if so: all that let it go say a shorter one.
    pub(super) fn lends_for_too_long(
        &self,
        (node, us, to): (usize, EconomyId, EconomyId),
        deed: &Deed,
        parts: &[PartDigest],
        (admitted, glass, days): (&Admitted, bool, Option<u32>),
        now: Timestamp,
    ) -> Option<String> {
        if glass || deed.kind.is_control() {
            return None;
        }
        let shadow = &self.shadows[node];
        let pieces = parts.iter().filter(|part| !admitted.contains_key(*part));
        for piece in pieces.filter_map(|part| deed.parts.get(part)) {
            if piece.marking.tlp == Tlp::Clear && piece.general {
                continue;
            }
            let covers = |text: &&Deed| {
                let upto = |tier: Tier| match tier {
                    Tier::Paired => Tlp::Clear,
                    Tier::Mou => Tlp::Amber,
                    Tier::Nda | Tier::LawEnforcement => Tlp::Red,
                };
                let both = text.parties();
                both.is_some_and(|both| both.contains(&us) && both.contains(&to))
                    && text.pact.is_some_and(|(tier, starts)| {
                        starts <= now && piece.marking.tlp <= upto(tier)
                    })
                    && shadow.pacts.get(&text.id).is_some_and(|pact| pact.stands(now))
                    && stands_below(&self.truth, shadow, text, now)
            };
            let texts = self.truth.deeds().filter(|text| text.kind == Kind::Agreement);
            let terms: Option<Vec<u32>> = texts.filter(covers).map(Deed::term).collect();
            let longest = terms.and_then(|terms| terms.into_iter().max());
            if let Some(longest) = longest.filter(|longest| days.is_none_or(|days| days > *longest))
            {
                return Some(format!("it goes for {days:?} days, and {longest} were agreed"));
            }
        }
        None
    }

    /// At the end nothing is here whose time is long over, where it is to go by itself.
    pub(super) fn terms_settled(&self, nodes: &[Node], now: Timestamp) -> Result<(), Broken> {
        for (node, _) in nodes.iter().enumerate().filter(|(_, of)| !of.hostile) {
            let shadow = &self.shadows[node];
            let Some(own) = self.keeps.get(&node).filter(|own| own.automatic) else { continue };
            for (part, stay) in &shadow.terms.parts {
                let Some(deed) = self.truth.deed(&stay.of) else { continue };
                let over = shadow.goes_at(part, deed, own);
                let over = over.max(over.and(shadow.terms.lifted.get(&stay.of).copied()));
                let over = over.is_some_and(|at| at.saturating_add(LATE) <= now);
                let stays = shadow.terms.holds.contains(&stay.of)
                    || shadow.erased.contains_key(part)
                    || !shadow.records.contains_key(&stay.of)
                    || self.is_asked(shadow, &stay.of)
                    || self.is_unanswered(shadow, &stay.of);
                if over && !stays {
                    let (part, of) = (part.short(), stay.of.short());
                    let how =
                        format!("node {node} still has part {part} of {of}, whose time is over");
                    return Err(broken(13, how));
                }
            }
        }
        Ok(())
    }
}
