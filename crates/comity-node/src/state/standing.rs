//! What stands of a record: judged by the keyring of its origin when it comes, and again whenever that
//! keyring goes on, with the moment at which it was first seen and the way by which it came.

use std::collections::BTreeSet;

use comity_core::entitlement::{
    Claim, Doubt, Entitlement, FirstSeen, Refusal, Scope, Wait, author_ceiling, entitlement,
};
use comity_core::journal::{Judged, Standing};
use comity_core::keyring::{SignedKeyring, VerifiedKeyring};
use comity_core::limits::CLOCK_TOLERANCE;
use comity_core::record::{Addressee, Manifest, Part, VerifiedRecord};
use comity_core::{EconomyId, KeyId, Kind, RecordId, Timestamp, Tlp};

use super::kept::says_of_group;
use super::records::Held;
use super::saying::AboutTo;
use super::{Meant, State};
use crate::limits::JUDGED_AT_ONCE;

impl State {
    /// Whether the author of a record was entitled, as far as we can tell now. A keyring bears witness
    /// for itself: `carried` is the one that the record carries.
    #[must_use]
    pub fn entitlement(
        &self,
        claim: &Claim,
        carried: Option<&VerifiedKeyring>,
        seen: FirstSeen,
        now: Timestamp,
    ) -> Entitlement {
        // Whom nobody here has paired with, or confirmed an introduction of, is not believed: a partner
        // could invent economies otherwise.
        if !self.knows(&claim.origin) {
            return Entitlement::Pending(Wait::UnknownOrigin);
        }
        // The one that is held already bears no other witness than it does.
        let carried = carried.filter(|keyring| {
            self.keyring(&claim.origin).is_none_or(|held| held.digest() != keyring.digest())
        });
        let judged = match (carried, self.keyrings.get(&claim.origin)) {
            (Some(keyring), _) => entitlement(Some(keyring), claim, seen, now),
            (None, Some(history)) => history.entitlement(claim, seen, now),
            (None, None) => entitlement(None, claim, seen, now),
        };
        judged.under(claim.restricts, self.unconfirmed(&claim.origin, now))
    }

    /// Whether nothing but its origin's word about the newest keyring is missing for a record to be believed: it
    /// was verified, and is known to be the origin's.
    pub(crate) fn waits_for_head(&self, claim: &Claim, seen: FirstSeen, now: Timestamp) -> bool {
        let judged = self.entitlement(claim, None, seen, now);
        matches!(judged, Entitlement::Pending(Wait::Unconfirmed(_)))
    }

    /// Whether this is the very keyring that was verified before: its digest is over all that it says.
    pub(crate) fn holds_keyring(&self, economy: &EconomyId, signed: &SignedKeyring) -> bool {
        self.keyring(economy).is_some_and(|held| held.digest() == signed.digest())
    }

    /// Whether these labels are within what the author was granted for. An author that is not known
    /// yet is judged when its keyring comes.
    #[must_use]
    pub fn within_ceiling(&self, claim: &Claim, labels: impl Iterator<Item = Tlp>) -> bool {
        let Some(keyring) = self.keyring(&claim.origin).filter(|_| !claim.kind.is_control()) else {
            return true;
        };
        if keyring.grants_of(claim.author).next().is_none() {
            return true;
        }
        let ceiling = author_ceiling(keyring, claim);
        labels.max().is_none_or(|label| ceiling.is_some_and(|ceiling| label <= ceiling))
    }

    /// Whether the key that signed a record of ours was entitled to: the kind, every label, and when. Why
    /// not, otherwise.
    pub(crate) fn may_author(
        &self,
        record: &VerifiedRecord,
        parts: &[Part],
        carried: Option<&VerifiedKeyring>,
        now: Timestamp,
    ) -> Result<(), String> {
        let manifest = record.manifest();
        let claim = Claim::of(record.id(), manifest);
        match self.entitlement(&claim, carried, FirstSeen::from_origin(now), now) {
            Entitlement::Accepted => {}
            Entitlement::Pending(why) => return Err(why.to_string()),
            Entitlement::Quarantined(why) => return Err(why.to_string()),
            Entitlement::Refused(why) => return Err(why.to_string()),
        }
        let own =
            |part: &Part| part.header.marking.as_ref().map_or(manifest.floor.tlp, |own| own.tlp);
        if !self.within_ceiling(&claim, parts.iter().map(own)) {
            return Err("a part is marked above what this key is granted for".to_owned());
        }
        Ok(())
    }

    /// When the passing of time alone may settle a pending record.
    #[must_use]
    pub fn next_pending(&self) -> Option<Timestamp> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// The records of an economy that one key signed.
    #[must_use]
    pub fn signed_by(&self, economy: &EconomyId, key: &KeyId) -> &[RecordId] {
        let signed = self.authored.get(economy).and_then(|keys| keys.get(key));
        signed.map_or(&[], Vec::as_slice)
    }

    /// Files a record under its author's key, by which it is found when that key ends.
    pub(super) fn note_author(&mut self, held: &Held, manifest: &Manifest) {
        let facts = &held.facts;
        let signed = self.authored.entry(facts.origin).or_default();
        signed.entry(facts.author).or_default().push(facts.id);
        if !held.facts.pending {
            return;
        }
        self.charge_pending(held, manifest);
        let due = Self::due(held, held.entered_at);
        self.waiting.extend(due.map(|due| (due, held.facts.id)));
    }

    /// When time alone may settle a record that is pending.
    fn due(held: &Held, now: Timestamp) -> Option<Timestamp> {
        let ahead = held.signed_at > now.saturating_add(CLOCK_TOLERANCE);
        (held.facts.pending && ahead).then(|| held.signed_at.saturating_sub(CLOCK_TOLERANCE))
    }

    /// The keyring of an economy went on, or whether it is known at all changed: what depends on that is
    /// to be judged again.
    pub(super) fn judge_anew(&mut self, economy: EconomyId, scope: Scope) {
        let Some(signed) = self.authored.get(&economy) else { return };
        let scope = match scope {
            Scope::Some { mut authors, mut records } => {
                authors.retain(|author| signed.contains_key(author));
                records.retain(|record| self.records.contains_key(record));
                if authors.is_empty() && records.is_empty() {
                    return;
                }
                Scope::Some { authors, records }
            }
            Scope::Everything => Scope::Everything,
        };
        let scope = match self.anew.remove(&economy) {
            Some(before) => before.join(scope),
            None => scope,
        };
        self.anew.insert(economy, scope);
    }

    /// Judges again whatever is due: the entries that say what stands from now on.
    ///
    /// The records of a key are found by that key, so that a keyring's step costs what it touches. What
    /// a person decided stays as decided.
    pub(crate) fn judged_anew(&mut self, now: Timestamp) -> Vec<Judged> {
        let mut due = Vec::new();
        let seized = std::mem::take(&mut self.seized);
        for (economy, scope) in std::mem::take(&mut self.anew) {
            let Some(signed) = self.authored.get(&economy) else { continue };
            // A keyring that is set aside is verified anew to be judged, so only where it is named itself.
            let by_author = |id: &&RecordId| {
                let held = self.records.get(*id);
                held.is_some_and(|held| held.facts.kind != Kind::Keyring || !held.facts.quarantined)
            };
            match scope {
                Scope::Everything => due.extend(signed.values().flatten().filter(by_author)),
                Scope::Some { authors, records } => {
                    let theirs = authors.iter().filter_map(|author| signed.get(author)).flatten();
                    due.extend(theirs.filter(by_author));
                    due.extend(records);
                }
            }
        }
        while self.waiting.first().is_some_and(|(at, _)| *at <= now) {
            due.extend(self.waiting.pop_first().map(|(_, record)| record));
        }
        due.sort_unstable();
        due.dedup();
        let mut judged: Vec<Judged> = Vec::new();
        let mut about_to = AboutTo::default();
        for record in due {
            let Some(held) = self.records.get(&record) else { continue };
            let seized = seized.contains(&held.facts.origin);
            let Some(standing) = self.judge(held, seized, now) else {
                let due = Self::due(held, now);
                self.waiting.extend(due.map(|due| (due, record)));
                continue;
            };
            if standing == Standing::Accepted && held.facts.pending {
                let (claim, body) = (held.claim(), held.body.as_deref());
                // It waits on, to the account of whoever brought it.
                if self.speaks_too_much(&claim, body, &about_to).is_some() {
                    continue;
                }
                about_to.add(&claim, body);
            }
            let open = judged.iter_mut().rfind(|one| one.standing == standing);
            match open.filter(|one| one.records.len() < JUDGED_AT_ONCE) {
                Some(one) => one.records.push(record),
                None => judged.push(Judged { records: vec![record], standing, at: now }),
            }
        }
        judged
    }

    /// What is to stand of a record from now on, if something else than before. `seized`: because its
    /// origin's root was replaced without consent.
    fn judge(&self, held: &Held, seized: bool, now: Timestamp) -> Option<Standing> {
        // A keyring is judged by what it says itself, and that does not change. One that a relay brought
        // late is in doubt until the economy brings it itself.
        let settled_keyring = held.facts.kind == Kind::Keyring && held.is_accepted();
        if held.decided || settled_keyring {
            return None;
        }
        let claim = held.claim();
        let labels = held.parts.iter().map(|part| part.marking.tlp);
        let carried = self.carried(held);
        let judged = self.entitlement(&claim, carried.as_ref(), held.first_seen(), now);
        let judged = match judged {
            Entitlement::Accepted if !self.within_ceiling(&claim, labels) => {
                Entitlement::Refused(Refusal::Marking)
            }
            // What was taken in as addressed to us is not asked again.
            Entitlement::Accepted if held.facts.pending => self.addressed(held, now),
            judged @ (Entitlement::Accepted
            | Entitlement::Pending(_)
            | Entitlement::Quarantined(_)
            | Entitlement::Refused(_)) => judged,
        };
        if let (Entitlement::Accepted, Some(whose)) = (&judged, held.review) {
            let standing = Standing::InReview(whose);
            return (standing != held.standing).then_some(standing);
        }
        // Of a root that was replaced without its word nobody waits for a keyring any more.
        let waits_on = !seized || !held.facts.quarantined;
        let standing = match judged {
            _ if held.is_accepted() && !takes_back(seized, &judged) => return None,
            Entitlement::Accepted => Standing::Accepted,
            Entitlement::Pending(
                Wait::UnknownOrigin
                | Wait::UnknownRoster
                | Wait::Consent
                | Wait::Unconfirmed(_)
                | Wait::SignedAhead(_),
            ) => return None,
            Entitlement::Pending(Wait::UnknownKey) if !held.is_accepted() && waits_on => {
                return None;
            }
            Entitlement::Pending(wait) => Standing::Quarantined(wait.to_string()),
            Entitlement::Quarantined(doubt) => Standing::Quarantined(doubt.to_string()),
            Entitlement::Refused(fault) => Standing::Quarantined(fault.to_string()),
        };
        (standing != held.standing).then_some(standing)
    }

    /// The keyring that a record carries, if it verifies and is not the one that is held.
    fn carried(&self, held: &Held) -> Option<VerifiedKeyring> {
        let (kind, origin) = (held.facts.kind, held.facts.origin);
        let body = held.body.as_deref().filter(|_| kind == Kind::Keyring)?;
        let signed = SignedKeyring::decode(body).ok()?;
        if self.holds_keyring(&origin, &signed) { None } else { signed.verify(Some(origin)).ok() }
    }

    /// Whether a record that waits is for us, as far as the groups that it names and the consents that it
    /// came by are known.
    fn addressed(&self, held: &Held, now: Timestamp) -> Entitlement {
        if held.facts.addressed && held.facts.addressees.is_empty() {
            let (of, from) = ((&held.facts.id, held.facts.origin), held.source.brought_by());
            let consented = self.consented_to_us(of, from, now);
            let meant = held.parts.iter().map(|part| consented.meant(&part.digest));
            let meant: Vec<_> = meant.collect();
            return if meant.contains(&Meant::No) {
                Entitlement::Refused(Refusal::NotAddressed)
            } else if meant.contains(&Meant::Wait) {
                Entitlement::Pending(Wait::Consent)
            } else {
                Entitlement::Accepted
            };
        }
        let named = held.facts.addressees.iter().map(|facts| &facts.addressee);
        match self.meant(held.facts.origin, named) {
            Meant::Yes => Entitlement::Accepted,
            Meant::Wait => Entitlement::Pending(Wait::UnknownRoster),
            Meant::No => Entitlement::Refused(Refusal::NotAddressed),
        }
    }

    /// Whether a record of `origin` with these addressee parts is for us. Without any it is for
    /// everybody.
    pub(crate) fn meant<'a>(
        &self,
        origin: EconomyId,
        mut named: impl Iterator<Item = &'a Addressee>,
    ) -> Meant {
        let Some(first) = named.next() else { return Meant::Yes };
        let meant = |one| self.groups.meant(self.us, origin, one);
        named.map(meant).fold(meant(first), Meant::or)
    }

    /// A roster came: what is addressed to its group is judged again, and words about groups for which there
    /// was no room.
    pub(super) fn judge_groups_anew(&mut self) {
        let waits = |record: &&RecordId| {
            let held = self.records.get(record);
            if held.is_some_and(|held| says_of_group(held.facts.kind)) {
                return true;
            }
            let mut addressees = held.into_iter().flat_map(|held| &held.facts.addressees);
            addressees.any(|facts| facts.addressee.group.is_some())
        };
        let waiting: Vec<RecordId> = self.pending.keys().filter(waits).copied().collect();
        for record in waiting {
            if let Some(origin) = self.records.get(&record).map(|held| held.facts.origin) {
                let scope =
                    Scope::Some { authors: BTreeSet::new(), records: BTreeSet::from([record]) };
                self.judge_anew(origin, scope);
            }
        }
    }

    /// A person decided what is to stand of a record; no keyring changes that any more.
    pub(super) fn decided(&mut self, record: RecordId, standing: &Standing, at: Timestamp) {
        if let Some(held) = self.records.get_mut(&record) {
            held.decided = true;
        }
        self.stands(record, standing, at);
    }

    /// From now on this stands of a record.
    pub(super) fn stands(&mut self, record: RecordId, standing: &Standing, at: Timestamp) {
        let Some(held) = self.records.get_mut(&record) else { return };
        self.turns = self.turns.saturating_add(1);
        let was_accepted = held.is_accepted();
        held.standing = standing.clone();
        held.facts.pending = matches!(standing, Standing::Pending(_));
        held.facts.quarantined = standing.is_aside();
        held.standing_since = at;
        let accepted = held.is_accepted();
        self.discharge_pending(&record);
        match (was_accepted, accepted) {
            (false, true) => {
                self.arrive_again(&record);
                self.take_effect(record, at);
            }
            (true, false) => self.lose_effect(record),
            (false, false) => self.bind_in_doubt(record, at),
            (true, true) => {}
        }
    }
}

/// Whether a judgement takes back what was accepted under an earlier keyring.
///
/// A revocation does, and a contradiction. That a keyring leaves a grant out does not: grants that ended
/// are left out to make room. Only where this very step replaced the root without its own consent does
/// what it granted die with it.
fn takes_back(seized: bool, judged: &Entitlement) -> bool {
    match judged {
        Entitlement::Quarantined(Doubt::KeyRevoked | Doubt::KeyCompromised | Doubt::Forked(_))
        | Entitlement::Refused(Refusal::SignedAfterRevocation) => true,
        Entitlement::Quarantined(Doubt::KeyEnded)
        | Entitlement::Pending(Wait::UnknownKey)
        | Entitlement::Refused(
            Refusal::NotAnAuthor
            | Refusal::NotGrantedThen
            | Refusal::Kind
            | Refusal::Marking
            | Refusal::OtherEconomy,
        ) => seized,
        Entitlement::Accepted
        | Entitlement::Refused(Refusal::NotAddressed)
        | Entitlement::Pending(
            Wait::UnknownOrigin
            | Wait::UnknownRoster
            | Wait::Consent
            | Wait::Unconfirmed(_)
            | Wait::SignedAhead(_),
        ) => false,
    }
}
