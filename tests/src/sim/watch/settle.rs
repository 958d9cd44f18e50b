//! What must be so when faults have ended and nothing is under way any more.

use std::collections::BTreeSet;
use std::time::Duration;

use comity_core::limits::CLOCK_TOLERANCE;
use comity_core::policy::{self, Agreement, Tree, Trees};
use comity_core::receipt::RejectReason;
use comity_core::{EconomyId, Kind, PartDigest, Section, Timestamp, Tlp};
use comity_node::engine::Engine;
use comity_node::state::{OutFate, State};
use comity_store::{BlobState, Store as _};

use super::{Broken, Watch, broken};
use crate::sim::node::Node;
use crate::sim::truth::Deed;

impl Watch {
    /// Checks every pair of honest nodes that are open to each other.
    pub fn settled(&self, nodes: &[Node], now: Timestamp) -> Result<(), Broken> {
        for (node, engine) in
            nodes.iter().enumerate().filter_map(|(n, one)| Some((n, one.engine.as_ref()?)))
        {
            if let Some(recovery) = engine.state().recovery() {
                let waits =
                    engine.state().partners().filter(|(_, one)| one.is_open() && !one.returned);
                let waits: Vec<_> = waits.map(|(_, partner)| &partner.name).collect();
                let how =
                    format!("node {node} is still in recovery: {recovery:?}, waits for {waits:?}");
                return Err(broken(5, how));
            }
        }
        for (node, of) in nodes.iter().enumerate().filter(|(_, of)| !of.hostile) {
            let erased = &self.shadows[node].erased;
            let held = |body: &&PartDigest| of.store.blob_state(body) == BlobState::Held;
            if let Some(part) = erased.keys().find(held) {
                let how = format!("node {node} still has {}, which was erased", part.short());
                return Err(broken(7, how));
            }
            let pieces = of.store.unfinished();
            let piece = pieces.iter().find(|(body, _)| erased.contains_key(&body.digest));
            if let Some((body, _)) = piece {
                let part = body.digest.short();
                let how = format!("node {node} still has pieces of {part}, which was erased");
                return Err(broken(7, how));
            }
        }
        for (node, _) in nodes.iter().enumerate().filter(|(_, of)| !of.hostile) {
            let shadow = &self.shadows[node];
            for (id, entered) in shadow.records.iter().filter(|(_, entered)| entered.accepted) {
                // What a person decided since, no keyring changes.
                if shadow.desk.has_released(id) {
                    continue;
                }
                let doubt = self.truth.deed(id).and_then(|deed| shadow.doubt(deed, entered));
                if let Some(why) = doubt {
                    let how = format!("node {node} still believes {} though {why}", id.short());
                    return Err(broken(3, how));
                }
            }
        }
        self.roots_settled(nodes)?;
        self.desks_settled(nodes, now)?;
        self.terms_settled(nodes, now)?;
        self.circles_settled(nodes, now)?;
        self.glass_settled(nodes, now)?;
        for (from, sender) in nodes.iter().enumerate() {
            for (to, receiver) in nodes.iter().enumerate() {
                if from == to || sender.hostile || receiver.hostile {
                    continue;
                }
                let (Some(one), Some(other)) = (&sender.engine, &receiver.engine) else {
                    return Err(broken(5, format!("node {from} or node {to} does not run")));
                };
                self.sources(from, to, one, other)?;
                let open = |engine: &Engine, id| {
                    engine.state().partner(&id).is_some_and(|partner| partner.is_open())
                };
                if open(one, receiver.economy.id) && open(other, sender.economy.id) {
                    agree(from, to, one.state(), other.state())?;
                    if self.believe_alike((from, one.state().us()), (to, other.state().us())) {
                        agreed(from, to, (one.state(), other.state()), now)?;
                    } else {
                        bound(from, to, (one.state(), other.state()))?;
                    }
                    self.complete(from, to, one.state(), other.state(), now)?;
                }
            }
        }
        Ok(())
    }

    /// Wherever it is known that root keys took others' place, nobody goes by less; and partners go by those that are in
    /// force where they belong.
    fn roots_settled(&self, nodes: &[Node]) -> Result<(), Broken> {
        let honest = || nodes.iter().enumerate().filter(|(_, of)| !of.hostile);
        let states = || honest().filter_map(|(node, of)| Some((node, of.engine.as_ref()?.state())));
        for (node, state) in states() {
            for (economy, rotations, _) in self.shadows[node].keyrings.rooted() {
                let held = state.keyring(economy);
                let at = held.map(|held| held.chain().rotations().len());
                if at != Some(rotations) || state.is_frozen(economy) {
                    let how = format!(
                        "node {node} knows of {rotations} new roots of {}, and goes by {at:?}",
                        economy.short()
                    );
                    return Err(broken(3, how));
                }
            }
            for (other, theirs) in states().filter(|(other, _)| *other != node) {
                let (us, them) = (state.us(), theirs.us());
                let open = |node: usize, of: &EconomyId| {
                    self.shadows[node].partners.get(of).is_some_and(|bond| bond.open)
                };
                let rooted = state.keyring(&us).filter(|own| !own.chain().rotations().is_empty());
                let Some(own) = rooted.filter(|_| open(node, &them) && open(other, &us)) else {
                    continue;
                };
                if theirs.keyring(&us).map(|held| held.digest()) != Some(own.digest()) {
                    let how = format!("node {other} goes by other root keys than node {node} has");
                    return Err(broken(3, how));
                }
            }
        }
        Ok(())
    }

    /// Whether neither has set aside anything that the two have signed about agreements, for what its key says of
    /// it: the other may believe it, and a person decides. By which texts they are bound is the same then too.
    fn believe_alike(&self, one: (usize, EconomyId), other: (usize, EconomyId)) -> bool {
        let parties = [one.1.min(other.1), one.1.max(other.1)];
        let proposal = |deed: &Deed| match deed.agreement() {
            Some((agreement, _)) => self.truth.deed(&agreement).and_then(Deed::parties),
            None => deed.parties(),
        };
        let ours = |deed: &&Deed| {
            parties.contains(&deed.origin) && proposal(deed).as_ref() == Some(&parties)
        };
        let doubted = |deed: &Deed, node: usize| {
            let entered = self.shadows[node].records.get(&deed.id).filter(|one| !one.accepted);
            entered.is_some_and(|entered| self.shadows[node].doubt(deed, entered).is_some())
        };
        let mut words = self.truth.deeds().filter(ours);
        !words.any(|deed| doubted(deed, one.0) || doubted(deed, other.0))
    }

    /// Nothing is held of a partner without its word for it.
    fn sources(&self, from: usize, to: usize, one: &Engine, other: &Engine) -> Result<(), Broken> {
        let (us, partner) = (one.state().us(), other.state().us());
        let (sender, receiver) = (&self.shadows[from], &self.shadows[to]);
        for (record, entered) in &receiver.records {
            let brought = entered.parts.iter().filter(|(_, from)| **from == Some(us));
            for (part, _) in brought {
                let mut lines = sender.out.iter().filter(|((to, _, _), _)| *to == partner);
                if !lines.any(|(_, line)| {
                    line.entry.record == *record && line.entry.parts.contains(part)
                }) {
                    let how = format!(
                        "node {to} holds part {} of {} from node {from}, which has no entry for it",
                        part.short(),
                        record.short()
                    );
                    return Err(broken(5, how));
                }
            }
        }
        Ok(())
    }

    /// Everything that the decision releases is there.
    fn complete(
        &self,
        from: usize,
        to: usize,
        one: &State,
        other: &State,
        now: Timestamp,
    ) -> Result<(), Broken> {
        let (us, partner) = (one.us(), other.us());
        let Some(ledger) = one.partner(&partner).map(|partner| &partner.out) else { return Ok(()) };
        let refused = |record: &comity_core::RecordId| {
            ledger.entries().any(|line| {
                // Everybody is known by now: what was refused for its origin has come again.
                matches!(line.fate, OutFate::Refused(reason) if reason != RejectReason::UnknownOrigin)
                    && line.entry.as_ref().is_some_and(|entry| entry.record == *record)
            })
        };
        for (id, held) in one.records() {
            let Some(deed) = self.truth.deed(id) else { continue };
            let unwanted = self.shadows[to].desk.may_lack(id);
            if held.came_from(&partner) || deed.origin == partner || refused(id) || unwanted {
                continue;
            }
            let gone = self.shadows[to].withdrawn.contains(id);
            let plan = one.plan(held, &partner, now);
            let here = other.record(id);
            let missing =
                |part: &comity_core::PartDigest| here.is_none_or(|here| !here.has_part(part));
            let lacks = if deed.kind.is_control() {
                // A consent whose withdrawal overtook it is not kept.
                plan.goes() && !gone && here.is_none() && !self.said_lately(to, deed)
            } else {
                plan.goes() && !gone && plan.releases().iter().any(missing)
            };
            if lacks {
                let lines = ledger.entries().filter_map(|line| {
                    let entry = line.entry.as_ref().filter(|entry| entry.record == *id)?;
                    Some((entry.number, &entry.parts, &line.fate))
                });
                let lines: Vec<_> = lines.collect();
                let releases = plan.releases();
                let how = format!(
                    "node {to} lacks {:?} {} that node {from} releases to it: {releases:?}, {lines:?}",
                    deed.kind,
                    id.short()
                );
                return Err(broken(5, how));
            }
            // The same, without asking the decision: an economy's own CLEAR parts go to all whom
            // it has not blocked.
            let plain = |piece: &&crate::sim::truth::Piece| {
                piece.marking.tlp == Tlp::Clear
                    && piece.marking.release_at.is_none_or(|at| at <= now)
                    && piece.marking.expires.is_none()
                    && piece.marking.exercise.is_none()
                    && piece.general
                    && !matches!(piece.section, Section::Addressee | Section::Case)
                    && piece.destination.is_none()
            };
            let believed = self.shadows[from].records.get(id).is_some_and(|one| one.accepted);
            let ours = deed.origin == us
                && believed
                && deed.addressees.is_empty()
                && !deed.kind.is_control()
                && !self.stays_in_house(from, deed);
            let trusted = self.shadows[from].partners.get(&partner).is_some_and(|b| b.level > 0);
            let withdrawn = self.shadows[from].withdrawn.contains(id);
            let replaced = self.truth.deeds().any(|newer| {
                newer.supersedes.contains(id) && self.shadows[from].records.contains_key(&newer.id)
            });
            if ours
                && !replaced
                && trusted
                && !withdrawn
                && !gone
                && deed.parts.values().any(|p| plain(&p))
            {
                let gone = &self.shadows[from].erased;
                let mut parts = deed.parts.iter().filter(|(part, _)| !gone.contains_key(*part));
                let lacking = parts.find(|(part, p)| plain(p) && missing(part));
                if let Some((part, _)) = lacking {
                    let why = plan.parts().iter().find(|it| it.digest == *part);
                    let why = why.and_then(|it| policy::reason(one.policy(), &it.decision));
                    let how = format!(
                        "node {to} lacks the CLEAR part {} of {}, published by node {from}: {why:?}",
                        part.short(),
                        id.short()
                    );
                    return Err(broken(5, how));
                }
            }
            // A withdrawal has reached whoever was told.
            let told =
                ledger.possibly_held(id).is_some() || here.is_some_and(|here| here.came_from(&us));
            let everybodys = withdrawn && !self.shadows[from].from_us_alone.contains(id);
            // Of a word that is set aside where it was signed, for its key had ended, nobody hears.
            let stands = |word: &&Deed| {
                word.kind == Kind::Withdrawal
                    && word.targets().contains(id)
                    && one
                        .record(&word.id)
                        .is_none_or(|held| word.origin != us || !held.is_set_aside())
            };
            let everybodys = everybodys && self.truth.deeds().any(|word| stands(&word));
            if everybodys && told && here.is_some() && !gone {
                let how = format!(
                    "node {to} holds {} from node {from}, which knows that it is withdrawn",
                    id.short()
                );
                return Err(broken(6, how));
            }
        }
        Ok(())
    }
}

/// Both have put the same together from what they have signed: what permits, and what binds, now and later.
fn agreed(
    from: usize,
    to: usize,
    (one, other): (&State, &State),
    now: Timestamp,
) -> Result<(), Broken> {
    let (here, there) = (one.agreements().with(other.us()), other.agreements().with(one.us()));
    let stand = |trees: &Trees, at: Timestamp| {
        let texts = |which: fn(&Agreement, Timestamp) -> bool| {
            let all = trees.agreements().iter().filter(|one| which(one, at));
            all.map(Agreement::id).collect::<BTreeSet<_>>()
        };
        (texts(Agreement::in_force), texts(Agreement::binds))
    };
    let days = [0_u64, 1, 2, 3, 30, 400];
    // Each has it from when its own clock said that both had signed.
    let now = now.saturating_add(CLOCK_TOLERANCE);
    let instants = days.map(|days| now.saturating_add(Duration::from_secs(days * 24 * 3600)));
    let alike = instants.iter().all(|at| stand(&here, *at) == stand(&there, *at));
    if alike && here.iter().eq(there.iter()) {
        return Ok(());
    }
    let how = format!("node {from} and node {to} differ in what they agreed: {here:?}; {there:?}");
    Err(broken(5, how))
}

/// Both hold the same texts for signed by both, whatever either thinks of the keys: what the other may have
/// signed binds.
fn bound(from: usize, to: usize, (one, other): (&State, &State)) -> Result<(), Broken> {
    let (us, them) = (one.us(), other.us());
    if one.is_frozen(&them) || other.is_frozen(&us) {
        return Ok(());
    }
    let (here, there) = (one.agreements().with(them), other.agreements().with(us));
    let lie = |trees: &Trees| {
        let tree =
            |one: &Tree| (one.first, one.texts.clone(), one.heads.clone(), one.astray.clone());
        trees.iter().map(tree).collect::<Vec<_>>()
    };
    if lie(&here) == lie(&there) {
        return Ok(());
    }
    let how = format!("node {from} and node {to} are bound by other texts: {here:?}; {there:?}");
    Err(broken(5, how))
}

/// Both sides' chains are one.
fn agree(from: usize, to: usize, one: &State, other: &State) -> Result<(), Broken> {
    let (us, partner) = (one.us(), other.us());
    let Some((out, inbound)) =
        one.partner(&partner).map(|p| &p.out).zip(other.partner(&us).map(|p| &p.inbound))
    else {
        return Ok(());
    };
    let head = inbound.durable_head();
    if out.head() != head {
        let how = format!(
            "node {from}'s ledger to node {to} stands at {}, node {to} has {}, outstanding {:?}",
            out.head().number,
            head.number,
            out.outstanding().collect::<Vec<_>>(),
        );
        // What did not arrive is missing; what arrived otherwise is another chain.
        return Err(broken(if out.head().number == head.number { 4 } else { 5 }, how));
    }
    Ok(())
}
