//! Consents: what was asked of an origin, what it said to that, and what may therefore go further.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comity_core::consent::{ConsentAsk, ConsentBody, ConsentGrant, ConsentRefusal};
use comity_core::entitlement::Scope;
use comity_core::policy::{Consent, Lifecycle, Plan, PlannedPart, PolicyBuilder};
use comity_core::receipt::RejectReason;
use comity_core::record::Manifest;
use comity_core::{EconomyId, Kind, PartDigest, RecordId, Section, Timestamp};

use super::bound::Bound;
use super::records::Held;
use super::{Meant, State};
use crate::limits;

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
    /// Bytes of what each economy has said.
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

impl Consents {
    /// A record of kind `consent` entered.
    pub(super) fn enter(&mut self, id: RecordId, by: EconomyId, at: Timestamp, body: &[u8]) {
        let Ok(read) = ConsentBody::decode(body) else { return };
        let bytes = self.bytes.entry(by).or_default();
        *bytes = bytes.saturating_add(body.len() as u64);
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

    /// Its author took a word back.
    pub(super) fn withdrawn(&mut self, id: &RecordId, by: &EconomyId) {
        if let Some(asked) = self.asked.get_mut(by) {
            asked.remove(id);
        }
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

    /// Whether an ask stands, and its origin has not answered it.
    #[must_use]
    pub fn is_open(&self, ask: &RecordId) -> bool {
        self.says_still(ask) && self.answers_to(ask).next().is_none()
    }

    pub(super) fn asks_open(&self, by: &EconomyId) -> u64 {
        let asks = self.consents.asked.get(by).into_iter().flatten();
        let of_us =
            |id: &&RecordId| self.consents.ask(id).is_some_and(|word| word.says.origin == self.us);
        asks.filter(of_us).filter(|id| self.is_open(id)).count() as u64
    }

    /// The bound over which `manifest` is one word about consent too many, if any.
    pub(super) fn asks_too_much(&self, manifest: &Manifest) -> Option<Bound> {
        if manifest.kind != Kind::Consent {
            return None;
        }
        let body = manifest.body.as_deref().map(ConsentBody::decode);
        if let Some(Ok(ConsentBody::Grant(grant))) = body {
            let about = self.consents.about.get(&grant.record).map_or(0, Vec::len);
            if about >= limits::CONSENTS_ABOUT_ONE {
                return Some(Bound::Consents);
            }
        }
        let over = |bound: &Bound| self.kept_of(&manifest.origin, *bound) >= bound.limit();
        [Bound::Asks, Bound::Consents].into_iter().find(over)
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
        let about = self.consents.about.get(&record).into_iter().flatten();
        let about = about.filter_map(|id| Some((id, self.consents.grant(id)?)));
        let counting = about.filter_map(|(id, word)| self.counting(id, word, since));
        let builder = self.policy.to_builder().version(self.versions.0);
        let builder = builder.without_consents_about(&record);
        self.policy = counting.fold(builder, PolicyBuilder::consent).build();
    }

    /// An accepted word about consent: a grant lets its record go further, or stay here.
    pub(super) fn hear_consent(&mut self, id: &RecordId, body: &ConsentBody) {
        let ConsentBody::Grant(grant) = body else { return };
        self.renew_consents(id);
        let Some(held) = self.records.get(&grant.record) else { return };
        if grant.grantee == self.us && held.facts.pending {
            let records = BTreeSet::from([grant.record]);
            let scope = Scope::Some { authors: BTreeSet::new(), records };
            self.judge_anew(held.facts.origin, scope);
        } else if grant.asker == self.us {
            self.arrive_again(&grant.record);
        }
    }

    /// Whether its origin consented that we have this part of a record: by what it signed that is
    /// believed, or by what waits to be. `from`: who brings it, which has to be the one that asked, or the
    /// origin itself.
    pub(crate) fn consented_to_us(
        &self,
        (record, origin): (&RecordId, EconomyId),
        part: &PartDigest,
        from: Option<EconomyId>,
        now: Timestamp,
    ) -> Meant {
        let given = self.consents.about.get(record).into_iter().flatten();
        let meant = given.filter_map(|id| {
            let word = self.consents.grants.get(id)?;
            let ConsentGrant { asker, grantee, parts, until, .. } = &word.says;
            let by_them = from.is_none_or(|from| from == *asker || from == origin);
            let ours = word.by == origin && *grantee == self.us && by_them && *until > now;
            if !ours || !parts.contains(part) {
                return None;
            }
            let held = self.records.get(id)?;
            let live = held.facts.lifecycle == Lifecycle::Live;
            match (live && held.is_accepted(), live && held.facts.pending) {
                (true, _) => Some(Meant::Yes),
                (false, true) => Some(Meant::Wait),
                (false, false) => None,
            }
        });
        meant.fold(Meant::No, Meant::or)
    }

    /// What a partner says about consent must be its to say, and for us.
    pub(crate) fn check_consent(
        &self,
        from: EconomyId,
        by: EconomyId,
        body: &ConsentBody,
        now: Timestamp,
    ) -> Result<(), RejectReason> {
        let us = self.us;
        let held = self.records.get(&body.record());
        let ours_is = |origin| held.is_none_or(|held| held.facts.origin == origin);
        match body {
            ConsentBody::Ask(ask) if ask.origin != us => Err(RejectReason::NotAddressed),
            ConsentBody::Ask(ask) => {
                let sound = from == by && !ask.recipients.iter().any(|to| [us, by].contains(to));
                let holds = self.awaits_return(&by) || self.may_hold(&by, ask, now);
                if sound && holds { Ok(()) } else { Err(RejectReason::NotEntitled) }
            }
            ConsentBody::Grant(grant) => {
                let among = [grant.asker, grant.grantee];
                if !among.contains(&us) {
                    return Err(RejectReason::NotAddressed);
                }
                let way = from == by || among.contains(&from);
                let sound = way && !among.contains(&by) && by != us && ours_is(by);
                if sound { Ok(()) } else { Err(RejectReason::NotEntitled) }
            }
            ConsentBody::Refusal(refusal) if refusal.asker != us => Err(RejectReason::NotAddressed),
            ConsentBody::Refusal(refusal) => {
                let ask = self.consents.ask(&refusal.ask);
                let answers = ask.is_none_or(|word| {
                    let ConsentAsk { origin, record, .. } = &word.says;
                    word.by == us && *origin == by && *record == refusal.record
                });
                let sound = from == by && ours_is(by) && answers;
                if sound { Ok(()) } else { Err(RejectReason::NotEntitled) }
            }
        }
    }

    /// Whether an economy may hold these parts of a record of ours: by our ledger, because we consented
    /// once that it has them from somebody else, or because it would get them now, as whoever has them
    /// through a relay would. Of nothing else we speak with it.
    fn may_hold(&self, economy: &EconomyId, ask: &ConsentAsk, now: Timestamp) -> bool {
        let Some(held) = self.records.get(&ask.record) else { return false };
        if held.facts.origin != self.us || held.facts.kind.is_control() {
            return false;
        }
        let sent = self.partners.get(economy).and_then(|one| one.out.possibly_held(&ask.record));
        let sent = sent.unwrap_or_default();
        let plan = self.plan(held, economy, now);
        let given = self.consents.about.get(&ask.record).into_iter().flatten();
        let given = given.filter_map(|id| self.consents.grants.get(id));
        let given: BTreeSet<_> = given
            .filter(|word| word.by == self.us && word.says.grantee == *economy)
            .flat_map(|word| &word.says.parts)
            .collect();
        ask.parts.iter().all(|part| {
            let content = held
                .parts
                .iter()
                .any(|one| one.digest == *part && one.section != Section::Addressee);
            let known = sent.contains(part) || given.contains(part);
            content && (known || plan.releases().contains(part))
        })
    }

    /// Whether what we say about consent is ours to say, and of what is here.
    pub(crate) fn may_consent(&self, body: &ConsentBody) -> Result<(), String> {
        let held = self.records.get(&body.record()).ok_or("no such record is here")?;
        let ours = held.facts.origin == self.us;
        let here = |part: &PartDigest| {
            let found = held.parts.iter().find(|one| one.digest == *part);
            found.is_some_and(|one| one.section != Section::Addressee)
        };
        let asked = |id: &RecordId| {
            let word = self.consents.ask(id).filter(|_| self.says_still(id));
            word.ok_or("what it answers is not here, or was taken back")
        };
        match body {
            ConsentBody::Ask(_) if ours => Err("of our own records nobody has to be asked".into()),
            ConsentBody::Ask(ask) => {
                if ask.origin != held.facts.origin || !ask.parts.iter().all(here) {
                    return Err("it asks for what is not here, or is not its to give".into());
                }
                let stranger = |to: &&EconomyId| {
                    **to == ask.origin || !self.partners.get(to).is_some_and(|one| one.is_paired())
                };
                match ask.recipients.iter().find(stranger) {
                    Some(to) => Err(format!("{} is not a partner", self.name_of(to))),
                    None => Ok(()),
                }
            }
            ConsentBody::Grant(_) | ConsentBody::Refusal(_) if !ours => {
                Err("only the origin of a record consents to where it goes".into())
            }
            ConsentBody::Grant(grant) => {
                let word = asked(&grant.ask)?;
                let within = grant.parts.iter().all(|part| word.says.parts.contains(part))
                    && word.says.recipients.contains(&grant.grantee)
                    && (word.by, word.says.record) == (grant.asker, grant.record);
                if within && grant.parts.iter().all(here) {
                    Ok(())
                } else {
                    Err("it gives what was not asked for".into())
                }
            }
            ConsentBody::Refusal(refusal) => {
                let word = asked(&refusal.ask)?;
                if (word.by, word.says.record) != (refusal.asker, refusal.record) {
                    return Err("it answers something else".into());
                }
                match self.answers_to(&refusal.ask).find(|answer| self.says_still(answer)) {
                    Some(_) => Err("it is answered already".into()),
                    None => Ok(()),
                }
            }
        }
    }
}
