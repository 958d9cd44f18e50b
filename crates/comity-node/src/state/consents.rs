//! Consents: what was asked of an origin, what it said to that, and what may therefore go further.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use comity_core::consent::{ConsentAsk, ConsentBody, ConsentGrant, ConsentRefusal};
use comity_core::entitlement::Scope;
use comity_core::journal::{Delivered, Source};
use comity_core::ledger::Obligations;
use comity_core::policy::{
    Consent, Lifecycle, PartFacts, Plan, PlannedPart, PolicyBuilder, Received,
};
use comity_core::{EconomyId, Kind, Onward, PartDigest, RecordId, Timestamp, Tlp};

use super::records::Held;
use super::{Meant, State};
use crate::limits::CONSENT_COUNTS;

/// How long after its end a consent still says why something stays.
const NAMED_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Every word about consent that is here, whether it is believed or not: that its record says.
#[derive(Debug, Default)]
pub struct Consents {
    asks: BTreeMap<RecordId, Word<ConsentAsk>>,
    grants: BTreeMap<RecordId, Word<ConsentGrant>>,
    refusals: BTreeMap<RecordId, Word<ConsentRefusal>>,
    /// What each economy asks, and has not taken back.
    asked: BTreeMap<EconomyId, BTreeSet<RecordId>>,
    /// The grants about each record.
    about: BTreeMap<RecordId, Vec<RecordId>>,
    /// The answers to each ask.
    answers: BTreeMap<RecordId, Vec<RecordId>>,
    /// What is believed and counts for whoever said it: its bytes.
    counted: BTreeMap<RecordId, (EconomyId, u64)>,
    /// When it counts no more, where its time comes to an end.
    ending: BTreeSet<(Timestamp, RecordId)>,
    /// Bytes of what counts of each economy.
    bytes: BTreeMap<EconomyId, u64>,
}

/// A word about consent, and whose it is.
#[derive(Clone, Debug)]
pub struct Word<T> {
    /// Who signed it.
    pub by: EconomyId,
    /// When, by its author's clock.
    pub at: Timestamp,
    /// What it says.
    pub says: T,
}

/// The consents by which we may have something of a record, each with whether it is believed: looked for once,
/// however many parts there are.
#[derive(Debug)]
pub(crate) struct ConsentedToUs<'a>(Vec<(&'a ConsentGrant, Meant)>);

impl ConsentedToUs<'_> {
    /// Whether we may have this part.
    pub(crate) fn meant(&self, part: &PartDigest) -> Meant {
        let mut meant = Meant::No;
        for (grant, standing) in &self.0 {
            // One that is believed suffices.
            if meant == Meant::Yes {
                break;
            }
            if grant.gives(part) {
                meant = meant.or(*standing);
            }
        }
        meant
    }
}

impl Consents {
    /// A record of kind `consent` entered.
    pub(super) fn enter(&mut self, id: RecordId, by: EconomyId, at: Timestamp, body: &[u8]) {
        let Ok(read) = ConsentBody::decode(body) else { return };
        match read {
            ConsentBody::Ask(says) => {
                self.asked.entry(by).or_default().insert(id);
                self.asks.insert(id, Word { by, at, says });
            }
            ConsentBody::Grant(says) => {
                self.about.entry(says.record).or_default().push(id);
                self.answers.entry(says.ask).or_default().push(id);
                self.grants.insert(id, Word { by, at, says });
            }
            ConsentBody::Refusal(says) => {
                self.answers.entry(says.ask).or_default().push(id);
                self.refusals.insert(id, Word { by, at, says });
            }
        }
    }

    /// An ask waits for no answer any more.
    fn settled(&mut self, ask: &RecordId, by: &EconomyId) {
        if let Some(asked) = self.asked.get_mut(by) {
            asked.remove(ask);
        }
    }

    /// Nothing asks any more what a grant said.
    fn forget(&mut self, grant: &RecordId) {
        let about = self.grants.get(grant).map(|word| word.says.record);
        if let Some(about) = about.and_then(|record| self.about.get_mut(&record)) {
            about.retain(|one| one != grant);
        }
    }

    /// From now on a word counts for who said it, until a time if it has one.
    fn count(&mut self, id: RecordId, by: EconomyId, bytes: u64, end: Option<Timestamp>) {
        if self.counted.insert(id, (by, bytes)).is_some() {
            return;
        }
        self.ending.extend(end.map(|end| (end, id)));
        let counted = self.bytes.entry(by).or_default();
        *counted = counted.saturating_add(bytes);
    }

    /// It counts no more. For whom it did.
    fn discount(&mut self, id: &RecordId) -> Option<EconomyId> {
        let (by, bytes) = self.counted.remove(id)?;
        if let Some(counted) = self.bytes.get_mut(&by) {
            *counted = counted.saturating_sub(bytes);
        }
        Some(by)
    }

    /// An ask.
    #[must_use]
    pub fn ask(&self, id: &RecordId) -> Option<&Word<ConsentAsk>> {
        self.asks.get(id)
    }

    /// Every ask.
    pub fn asks(&self) -> impl Iterator<Item = (&RecordId, &Word<ConsentAsk>)> {
        self.asks.iter()
    }

    /// A grant.
    #[must_use]
    pub fn grant(&self, id: &RecordId) -> Option<&Word<ConsentGrant>> {
        self.grants.get(id)
    }

    /// Every grant.
    pub fn grants(&self) -> impl Iterator<Item = (&RecordId, &Word<ConsentGrant>)> {
        self.grants.iter()
    }

    /// A refusal.
    #[must_use]
    pub fn refusal(&self, id: &RecordId) -> Option<&Word<ConsentRefusal>> {
        self.refusals.get(id)
    }

    /// The grants about a record, but those of others that were taken back.
    pub(super) fn about(
        &self,
        record: &RecordId,
    ) -> impl Iterator<Item = (&RecordId, &Word<ConsentGrant>)> {
        let about = self.about.get(record).into_iter().flatten();
        about.filter_map(|id| Some((id, self.grants.get(id)?)))
    }

    /// How many of those count for who signed them.
    pub(super) fn counted_about(&self, record: &RecordId, by: &EconomyId) -> usize {
        let by_them = self.about(record).filter(|(_, word)| word.by == *by);
        by_them.filter(|(id, _)| self.counted.contains_key(id)).count()
    }

    /// What an economy asks, and nobody has answered or taken back.
    pub(super) fn asked(&self, by: &EconomyId) -> impl Iterator<Item = &RecordId> {
        self.asked.get(by).into_iter().flatten()
    }

    fn answers(&self, ask: &RecordId) -> &[RecordId] {
        self.answers.get(ask).map_or(&[], Vec::as_slice)
    }

    pub(super) fn bytes(&self, by: &EconomyId) -> u64 {
        self.bytes.get(by).copied().unwrap_or(0)
    }
}

impl State {
    /// Every word about consent that is here.
    #[must_use]
    pub fn consents(&self) -> &Consents {
        &self.consents
    }

    /// What we consented to about a record, taken back since or not.
    pub(crate) fn consents_by_us(
        &self,
        record: &RecordId,
    ) -> impl Iterator<Item = (&RecordId, &Word<ConsentGrant>)> {
        let by_us = self.consents.about(record).filter(|(_, word)| word.by == self.us);
        by_us.filter(|(id, _)| self.records.get(id).is_some_and(Held::is_accepted))
    }

    /// Whether a word about consent is believed, and not taken back.
    #[must_use]
    pub fn says_still(&self, word: &RecordId) -> bool {
        let held = self.records.get(word).filter(|held| held.is_accepted());
        held.is_some_and(|held| held.facts.lifecycle == Lifecycle::Live)
    }

    /// What the origin of the record said to an ask, taken back since or not: grants and refusals.
    pub fn answers_to(&self, ask: &RecordId) -> impl Iterator<Item = RecordId> + use<'_> {
        let origin = self.consents.ask(ask).map(|word| word.says.origin);
        let about = self.consents.ask(ask).map(|word| (word.by, word.says.record));
        let by_origin = move |answer: &&RecordId| {
            let grant = self.consents.grant(answer);
            let grant = grant.map(|one| (one.by, (one.says.asker, one.says.record)));
            let refusal = self.consents.refusal(answer);
            let refusal = refusal.map(|one| (one.by, (one.says.asker, one.says.record)));
            let said = grant.or(refusal);
            said.map(|(by, _)| by) == origin && said.map(|(_, about)| about) == about
        };
        let answers = self.consents.answers(ask).iter().filter(by_origin).copied();
        answers.filter(|answer| self.records.get(answer).is_some_and(Held::is_accepted))
    }

    /// Asks that wait for our answer.
    pub fn asks_of_us(&self) -> impl Iterator<Item = RecordId> + use<'_> {
        let ours = self.consents.asks().filter(|(_, word)| word.says.origin == self.us);
        let open = ours.filter(|(id, _)| self.is_open(id));
        open.map(|(id, _)| *id)
    }

    /// The record that an ask is about.
    pub(super) fn asks_about(&self, ask: &RecordId) -> Option<RecordId> {
        self.consents.ask(ask).map(|word| word.says.record)
    }

    /// Whether an ask stands, and its origin has not answered it.
    #[must_use]
    pub fn is_open(&self, ask: &RecordId) -> bool {
        self.says_still(ask) && self.answers_to(ask).next().is_none()
    }

    /// The consents by which a partner may have what goes of a record.
    pub(crate) fn consents_behind(
        &self,
        held: &Held,
        partner: EconomyId,
        plan: &Plan,
        now: Timestamp,
    ) -> BTreeSet<RecordId> {
        let by_consent =
            |part: &&PlannedPart| part.decision.is_release() && part.decision.rests_on_consent();
        let going = plan.parts().iter().filter(by_consent);
        let parts =
            going.filter_map(|going| held.parts.iter().find(|one| one.digest == going.digest));
        let given = parts.filter_map(|part| self.policy.consent(&held.facts, part, partner, now));
        given.map(|consent| consent.id).collect()
    }

    /// With every consent that counts here: of those that ended, those that ended lately.
    pub(super) fn with_consents(&self, builder: PolicyBuilder) -> PolicyBuilder {
        let since = self.written.saturating_sub(NAMED_AFTER);
        let named = |(id, word): (&RecordId, &Word<ConsentGrant>)| self.counting(id, word, since);
        self.consents.grants.iter().filter_map(named).fold(builder, PolicyBuilder::consent)
    }

    /// What a grant permits, where it is about us, believed, and ended after `since` if at all.
    fn counting(
        &self,
        id: &RecordId,
        word: &Word<ConsentGrant>,
        since: Timestamp,
    ) -> Option<Consent> {
        let ConsentGrant { record, parts, asker, grantee, until, terms, .. } = &word.says;
        let counts = [*asker, *grantee].contains(&self.us) && *until > since && self.says_still(id);
        counts.then(|| Consent {
            id: *id,
            origin: word.by,
            record: *record,
            parts: parts.clone(),
            asker: *asker,
            grantee: *grantee,
            until: *until,
            terms: terms.clone(),
        })
    }

    /// A word about consent counts from now on, or no more: what is consented about its record is looked at
    /// anew.
    pub(super) fn renew_consents(&mut self, word: &RecordId) {
        self.turns = self.turns.saturating_add(1);
        self.versions.0 = self.versions.0.saturating_add(1);
        let Some(grant) = self.consents.grant(word).filter(|_| !self.reading) else { return };
        let (record, since) = (grant.says.record, self.written.saturating_sub(NAMED_AFTER));
        let counting =
            self.consents.about(&record).filter_map(|(id, word)| self.counting(id, word, since));
        let builder = self.policy.to_builder().version(self.versions.0);
        let builder = builder.without_consents_about(&record);
        self.policy = counting.fold(builder, PolicyBuilder::consent).build();
    }

    /// An accepted word about consent: a grant lets its record go further, or stay here.
    pub(super) fn hear_consent(&mut self, id: &RecordId, by: EconomyId, body: &ConsentBody) {
        self.consent_counts(id, by, body);
        let ConsentBody::Grant(grant) = body else { return };
        let held = self.records.get(&grant.record);
        if held.is_some_and(|held| held.facts.origin != by) {
            return;
        }
        self.renew_consents(id);
        let Some(held) = self.records.get(&grant.record) else { return };
        if grant.grantee == self.us {
            // What waits is bound as well: nothing asks again when it is believed.
            if held.facts.pending {
                let records = BTreeSet::from([grant.record]);
                let scope = Scope::Some { authors: BTreeSet::new(), records };
                self.judge_anew(held.facts.origin, scope);
            }
            self.bind_by(grant);
        } else if grant.asker == self.us {
            if let Some(partner) = self.partners.get_mut(&grant.grantee) {
                partner.out.consented(grant.record);
            }
            self.arrive_again(&grant.record);
        }
    }

    /// An origin's consent that we have something came after it, which whoever asked had brought already: what it
    /// asks for binds us as if it had come before.
    fn bind_by(&mut self, grant: &ConsentGrant) {
        let Some(held) = self.records.get(&grant.record) else { return };
        let ours = self.by_consent_alone(held);
        let mut bound = Vec::new();
        for part in held.parts.iter().filter(|part| grant.gives(&part.digest)) {
            let taken = part.taken_from(&held.facts.source, grant.asker);
            if taken.is_some_and(|taken| ours(part, taken.onward)) {
                bound.push((part.digest, self.came_at(held, &part.digest)));
            }
        }
        let Some(held) = self.records.get_mut(&grant.record) else { return };
        let obligations = Arc::new(grant.terms.clone());
        let more = Received { economy: grant.asker, obligations };
        let mut binds = false;
        for part in &mut held.parts {
            if bound.iter().any(|(one, _)| *one == part.digest) {
                binds |= part.received(&held.facts.source, &more);
            }
        }
        if binds {
            self.turns = self.turns.saturating_add(1);
        }
        for (part, at) in grant.terms.retention_days.into_iter().flat_map(|_| &bound) {
            let days = grant.terms.retention_days.unwrap_or_default();
            self.lend(grant.asker, &[*part], days, *at);
        }
    }

    /// Which parts of a record we may have only because its origin consents, where whoever brought them says so
    /// much of passing them on.
    fn by_consent_alone(&self, held: &Held) -> impl Fn(&PartFacts, Onward) -> bool + use<> {
        let (addressed, origin) = (held.facts.addressed, held.facts.origin);
        let named = held.facts.addressees.iter().map(|facts| &facts.addressee);
        let ours = named.filter(|named| self.meant(origin, std::iter::once(*named)) != Meant::No);
        let ours: Vec<_> = ours.flat_map(|named| named.parts.iter().copied()).collect();
        move |part: &PartFacts, onward: Onward| {
            let ask = part.marking.onward.max(onward) >= Onward::Ask;
            !ours.contains(&part.digest) && (addressed || ask || part.marking.tlp >= Tlp::Amber)
        }
    }

    /// A word that stands counts for who said it, until its time is over; an ask, until we answer it.
    fn consent_counts(&mut self, id: &RecordId, by: EconomyId, body: &ConsentBody) {
        if by == self.us {
            let answered = match body {
                ConsentBody::Grant(ConsentGrant { ask, .. })
                | ConsentBody::Refusal(ConsentRefusal { ask, .. }) => Some(*ask),
                ConsentBody::Ask(_) => None,
            };
            let asked = answered.filter(|ask| !self.is_open(ask));
            if let Some((ask, by)) = asked.and_then(|ask| Some((ask, self.consents.ask(&ask)?.by)))
            {
                self.consents.settled(&ask, &by);
                self.consent_counts_no_more(&ask);
            }
            return;
        }
        if !self.says_still(id) {
            return;
        }
        let until = match body {
            // Our answer was quicker.
            ConsentBody::Ask(ask) if ask.origin == self.us && !self.is_open(id) => {
                self.consents.settled(id, &by);
                return;
            }
            ConsentBody::Ask(ask) => ask.until,
            ConsentBody::Grant(grant) => Some(grant.until),
            ConsentBody::Refusal(_) => None,
        };
        // A day at least: whoever says what is over already would have no bound.
        let end = until.map(|until| until.max(self.written).saturating_add(CONSENT_COUNTS));
        let held = self.records.get(id).and_then(|held| held.body.as_ref());
        self.consents.count(*id, by, held.map_or(0, |body| body.len() as u64), end);
    }

    /// A word about consent counts no more for who said it: what waited for that may count now.
    pub(super) fn consent_counts_no_more(&mut self, id: &RecordId) {
        let Some(by) = self.consents.discount(id) else { return };
        let waits = |record: &&RecordId| {
            let held = self.records.get(*record);
            held.is_some_and(|held| held.facts.origin == by && held.facts.kind == Kind::Consent)
        };
        let records: BTreeSet<_> = self.pending.keys().filter(waits).copied().collect();
        if !records.is_empty() {
            self.judge_anew(by, Scope::Some { authors: BTreeSet::new(), records });
        }
    }

    /// The time of some is over.
    pub(super) fn end_consents(&mut self) {
        while self.consents.ending.first().is_some_and(|(end, _)| *end <= self.written) {
            if let Some((_, id)) = self.consents.ending.pop_first() {
                self.consent_counts_no_more(&id);
            }
        }
    }

    /// Its author took a word about consent back, or replaced it.
    pub(super) fn consent_taken_back(&mut self, id: &RecordId, by: &EconomyId) {
        self.consents.settled(id, by);
        self.consent_counts_no_more(id);
        self.renew_consents(id);
        // Whoever has something of ours by it may have it still.
        if *by != self.us {
            self.consents.forget(id);
        }
    }

    /// What its origin consented that we have of a record, by what it signed that is believed, or by what waits
    /// to be. `from`: who brings it, which has to be the one that asked, or the origin itself.
    pub(crate) fn consented_to_us(
        &self,
        (record, origin): (&RecordId, EconomyId),
        from: Option<EconomyId>,
        now: Timestamp,
    ) -> ConsentedToUs<'_> {
        let ours = self.consents.about(record).filter(|(_, word)| {
            let ConsentGrant { asker, grantee, until, .. } = &word.says;
            let by_them = from.is_none_or(|from| from == *asker || from == origin);
            word.by == origin && *grantee == self.us && by_them && *until > now
        });
        let standing = ours.filter_map(|(id, word)| {
            let held = self.records.get(id)?;
            match held.facts.lifecycle {
                Lifecycle::Live if held.is_accepted() => Some((&word.says, Meant::Yes)),
                Lifecycle::Live if held.facts.pending => Some((&word.says, Meant::Wait)),
                Lifecycle::Live | Lifecycle::Superseded | Lifecycle::Withdrawn => None,
            }
        });
        ConsentedToUs(standing.collect())
    }

    /// What its origin asks of us where we have any of this by its consent alone: it binds us, whatever whoever
    /// brought it has said. What needs nobody's word binds nobody.
    pub(super) fn consented_terms(
        &self,
        held: &Held,
        source: &Source,
        came: impl Fn(&PartDigest) -> bool,
    ) -> Option<Obligations> {
        let Source::Partner(Delivered { from, entry }) = source else { return None };
        let (facts, origin) = (&held.facts, held.facts.origin);
        if *from == origin {
            return None;
        }
        let consented = self.consented_to_us((&facts.id, origin), Some(*from), self.written);
        let alone = self.by_consent_alone(held);
        let onward = entry.obligations.onward;
        let parts = held.parts.iter().filter(|part| came(&part.digest) && alone(part, onward));
        let parts: Vec<_> = parts.collect();
        let gives = |grant: &ConsentGrant| parts.iter().any(|part| grant.gives(&part.digest));
        let terms = consented.0.iter().filter(|(grant, _)| gives(grant));
        terms.map(|(grant, _)| grant.terms.clone()).reduce(|sum, terms| sum.and_later(&terms))
    }
}
