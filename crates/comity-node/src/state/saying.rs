//! Words about groups and consent have a bound, to the account of who says them: asked for when they come,
//! and again when one that waited would count.

use std::collections::BTreeMap;

use comity_core::consent::{ConsentBody, ConsentGrant};
use comity_core::entitlement::Claim;
use comity_core::group::Says;
use comity_core::policy::Lifecycle;
use comity_core::record::Manifest;
use comity_core::{EconomyId, Kind, RecordId};

use super::State;
use super::bound::Bound;
use super::kept::says_of_group;
use super::records::Held;
use crate::limits::{CONSENTS_ABOUT_ONE, CONSENTS_UNBELIEVED};

/// Words that are about to count, and do not yet.
#[derive(Debug, Default)]
pub(super) struct AboutTo {
    of_groups: BTreeMap<EconomyId, u64>,
    asks: BTreeMap<EconomyId, u64>,
    bytes: BTreeMap<EconomyId, u64>,
    grants: BTreeMap<(EconomyId, RecordId), usize>,
}

impl AboutTo {
    /// One more.
    pub(super) fn add(&mut self, claim: &Claim, body: Option<&[u8]>) {
        let by = claim.origin;
        let more = |counts: &mut BTreeMap<EconomyId, u64>, count: u64| {
            let counted = counts.entry(by).or_default();
            *counted = counted.saturating_add(count);
        };
        if says_of_group(claim.kind) {
            more(&mut self.of_groups, 1);
        }
        let Some(body) = body.filter(|_| claim.kind == Kind::Consent) else { return };
        more(&mut self.bytes, body.len() as u64);
        match ConsentBody::decode(body) {
            Ok(ConsentBody::Ask(_)) => more(&mut self.asks, 1),
            Ok(ConsentBody::Grant(grant)) => {
                let grants = self.grants.entry((by, grant.record)).or_default();
                *grants = grants.saturating_add(1);
            }
            Ok(ConsentBody::Refusal(_)) | Err(_) => {}
        }
    }
}

impl State {
    /// The bound over which an accepted record is one word about groups or consent too many, if any. It counts
    /// for its origin, whoever brings it: nobody can fill the account of who passes words on.
    #[must_use]
    pub(crate) fn says_too_much(&self, record: RecordId, manifest: &Manifest) -> Option<Bound> {
        let body = manifest.body.as_deref();
        self.speaks_too_much(&Claim::of(record, manifest), body, &AboutTo::default())
    }

    /// The same where some words of the origins are about to count, and do not yet.
    pub(super) fn speaks_too_much(
        &self,
        claim: &Claim,
        body: Option<&[u8]>,
        about_to: &AboutTo,
    ) -> Option<Bound> {
        if claim.kind == Kind::Consent {
            return self.consents_too_much(&claim.origin, body?, about_to);
        }
        if !says_of_group(claim.kind) {
            return None;
        }
        let more = about_to.of_groups.get(&claim.origin).copied().unwrap_or(0);
        let (idle, rosters) = (self.groups.idle(&claim.origin), self.groups.rosters(&claim.origin));
        if claim.kind == Kind::Roster && rosters.saturating_add(more) >= Bound::Rosters.limit() {
            return Some(Bound::Rosters);
        }
        // Whoever keeps the roster goes on, however much it has said in vain.
        let rests = || {
            let says = body.and_then(|body| Says::decode(claim.kind, body))?.ok()?;
            Some(self.groups.rests(claim, &says))
        };
        let over = idle.saturating_add(more) >= Bound::GroupWords.limit();
        (over && rests() != Some(true)).then_some(Bound::GroupWords)
    }

    fn consents_too_much(&self, by: &EconomyId, body: &[u8], about_to: &AboutTo) -> Option<Bound> {
        let more = |counts: &BTreeMap<EconomyId, u64>| counts.get(by).copied().unwrap_or(0);
        let bytes = self.consents.bytes(by).saturating_add(more(&about_to.bytes));
        if bytes >= Bound::Consents.limit() {
            return Some(Bound::Consents);
        }
        match ConsentBody::decode(body).ok()? {
            ConsentBody::Ask(_) => {
                let open = self.asks_open(by).saturating_add(more(&about_to.asks));
                (open >= Bound::Asks.limit()).then_some(Bound::Asks)
            }
            ConsentBody::Grant(grant) => {
                let soon = about_to.grants.get(&(*by, grant.record)).copied().unwrap_or(0);
                let about = self.consents.counted_about(&grant.record, by).saturating_add(soon);
                (about >= CONSENTS_ABOUT_ONE).then_some(Bound::Consents)
            }
            ConsentBody::Refusal(_) => None,
        }
    }

    pub(super) fn asks_open(&self, by: &EconomyId) -> u64 {
        let of_us =
            |id: &&RecordId| self.consents.ask(id).is_some_and(|word| word.says.origin == self.us);
        let asks = self.consents.asked(by).filter(of_us);
        asks.filter(|id| self.is_open(id)).count() as u64
    }

    /// The bound over which a grant that is not believed is one too many, if any: whoever is named in it may
    /// have made it up, and whatever comes of its record looks at it.
    pub(crate) fn doubts_too_much(&self, manifest: &Manifest) -> Option<Bound> {
        let body = manifest.body.as_deref().filter(|_| manifest.kind == Kind::Consent)?;
        let Ok(ConsentBody::Grant(grant)) = ConsentBody::decode(body) else { return None };
        let between = |one: &ConsentGrant| (one.asker, one.grantee);
        let about = self.consents.about(&grant.record);
        let same = about.filter(|(_, word)| {
            word.by == manifest.origin && between(&word.says) == between(&grant)
        });
        let doubted = |held: &Held| !held.is_accepted() && held.facts.lifecycle == Lifecycle::Live;
        let doubted = same.filter(|(id, _)| self.record(id).is_some_and(doubted));
        (doubted.count() >= CONSENTS_UNBELIEVED).then_some(Bound::Consents)
    }

    /// How much is kept of what an economy says about consent, or of such words that it has brought and that
    /// wait: whichever is more, for each has the bound to itself.
    pub(super) fn consent_bytes(&self, economy: &EconomyId) -> u64 {
        let waiting = self.kept.get(economy).map_or(0, |kept| kept.of(Bound::Consents));
        self.consents.bytes(economy).max(waiting)
    }
}
