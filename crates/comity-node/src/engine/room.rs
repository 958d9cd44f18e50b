//! Room for what a partner brings: past a bound it is put off, unacknowledged, and said once.

use comity_core::entitlement::{Claim, FirstSeen};
use comity_core::journal::{Arrival, ArrivalOutcome, JournalEntry, Standing};
use comity_core::receipt::RejectReason;
use comity_core::record::Part;
use comity_core::{EconomyId, Timestamp};
use comity_proto::Incoming;

use super::judging::Verdict;
use super::{Checked, Engine, Then};
use crate::config::units::WrittenSize;
use crate::state::{Bound, Stranger, Weight};

impl Engine {
    /// The verdict on a delivery, or that there is no room for it.
    pub(super) fn if_room(
        &self,
        partner: EconomyId,
        (incoming, checked): (&Incoming, &Checked),
        verdict: Verdict,
        now: Timestamp,
    ) -> Verdict {
        let manifest = checked.record.manifest();
        // Before anything is settled: what is settled takes room as well.
        let number = Weight::of_number(Some(&incoming.entry));
        let content = self.weigh(checked, &verdict);
        let account = self.account(partner, checked, &verdict, now);
        let (brought, signed) = if account == partner {
            (self.too_heavy(&partner, number.and(content)), None)
        } else {
            (self.too_heavy(&partner, number), self.too_heavy(&account, content))
        };
        if let Some(bound) = brought.or(signed) {
            let stands =
                matches!(verdict, Verdict::Enter(Standing::Accepted | Standing::Pending(_)));
            if !(stands && self.state.is_taking_back(manifest, checked.carried(), now)) {
                return match brought {
                    Some(bound) => Verdict::PutOff(bound),
                    // Who passes it on did nothing wrong.
                    None => Verdict::Unkept { first: false, full: Some(bound) },
                };
            }
        }
        if matches!(verdict, Verdict::Enter(_)) && !self.state.knows(&manifest.origin) {
            return match self.state.room_for_stranger(&partner, manifest) {
                Stranger::Waits => verdict,
                Stranger::Unkept { first } => Verdict::Unkept { first, full: None },
                Stranger::PutOff => Verdict::PutOff(Bound::Strangers),
            };
        }
        if let (Verdict::Enter(standing), Some(keyring)) = (&verdict, checked.carried()) {
            let set_aside = *standing != Standing::Accepted;
            // It may be what fills the gap later: the partner is asked for it anew when it connects.
            if manifest.origin != partner && self.state.waits_in_vain(keyring, set_aside) {
                return Verdict::Unkept { first: false, full: None };
            }
            match self.state.over_keyrings(keyring, now) {
                Some(bound) if manifest.origin == partner => return Verdict::PutOff(bound),
                Some(bound) => return Verdict::Unkept { first: false, full: Some(bound) },
                None => {}
            }
        }
        let over = match &verdict {
            Verdict::Enter(standing) => {
                let pending = matches!(standing, Standing::Pending(_));
                let said = if *standing == Standing::Accepted {
                    self.state.says_too_much(checked.record.id(), manifest)
                } else {
                    self.state.doubts_too_much(manifest)
                };
                // What waits for its origin's head is known to be the origin's.
                let by = if pending { &account } else { &partner };
                let over = said.or_else(|| self.state.over(by, manifest, pending));
                // Who passes it on did nothing wrong, and must not wait for its origin; it is asked again,
                // for there may be room by then.
                let settled = said.is_some()
                    || over == Some(Bound::Early)
                    || over == Some(Bound::Tombstones) && !pending;
                if pending && account != partner && over.is_some() {
                    return Verdict::Unkept { first: false, full: over };
                }
                if settled && manifest.origin != partner {
                    return Verdict::Unkept { first: false, full: None };
                }
                over
            }
            Verdict::Known
            | Verdict::Withdrawn
            | Verdict::More
            | Verdict::Reject(_)
            | Verdict::Declined(_)
            | Verdict::Unkept { .. }
            | Verdict::PutOff(_) => None,
        };
        over.map_or(verdict, Verdict::PutOff)
    }

    /// To whose account the content of a delivery would go.
    fn account(
        &self,
        partner: EconomyId,
        checked: &Checked,
        verdict: &Verdict,
        now: Timestamp,
    ) -> EconomyId {
        let held = self.state.record(&checked.record.id());
        let standing = match verdict {
            Verdict::Enter(standing) => Some(standing),
            Verdict::More => held.map(|held| &held.standing),
            Verdict::Known
            | Verdict::Withdrawn
            | Verdict::Reject(_)
            | Verdict::Declined(_)
            | Verdict::Unkept { .. }
            | Verdict::PutOff(_) => None,
        };
        let origin = checked.record.manifest().origin;
        let (id, manifest) = (checked.record.id(), checked.record.manifest());
        let seen =
            if origin == partner { FirstSeen::from_origin(now) } else { FirstSeen::relayed(now) };
        let verified = match held {
            Some(_) => self.state.waits_verified(&id),
            None => self.state.waits_for_head(&Claim::of(id, manifest), seen, now),
        };
        let account = standing
            .map(|standing| self.state.weighed_to(Some(partner), origin, (standing, verified)));
        account.flatten().unwrap_or(partner)
    }

    /// What the content of a delivery would take here.
    pub(super) fn weigh(&self, checked: &Checked, verdict: &Verdict) -> Weight {
        let manifest = checked.record.manifest();
        let held = self.state.record(&checked.record.id());
        let new = |part: &&Part| held.is_none_or(|held| !held.has_part(&part.digest));
        let parts = checked.parts.iter().filter(new).map(|part| {
            let (header, size) = (part.encoded_header.len(), part.bytes.len() as u64);
            Weight::of_part(&manifest.floor, header, size)
        });
        match verdict {
            Verdict::Enter(_) => {
                let record = Weight::of_record(manifest, checked.record.signed().len());
                parts.fold(record, Weight::and)
            }
            Verdict::More => parts.fold(Weight::default(), Weight::and),
            Verdict::Known
            | Verdict::Withdrawn
            | Verdict::Reject(_)
            | Verdict::Declined(_)
            | Verdict::Unkept { .. }
            | Verdict::PutOff(_) => Weight::default(),
        }
    }

    /// The bound over which a partner would go with so much more, if any.
    pub(super) fn too_heavy(&self, partner: &EconomyId, more: Weight) -> Option<Bound> {
        let weights = [(Bound::Memory, more.memory), (Bound::Disk, more.disk)];
        let over = |(bound, more): &(Bound, u64)| {
            let kept = self.state.kept_of(partner, *bound);
            kept.saturating_add(*more) > self.most(partner, *bound)
        };
        weights.into_iter().find(over).map(|(bound, _)| bound)
    }

    /// How much of something is kept of this partner.
    fn most(&self, partner: &EconomyId, bound: Bound) -> u64 {
        if bound == Bound::Memory {
            self.limits.room_of(partner).memory
        } else if bound == Bound::Disk {
            self.limits.room_of(partner).disk
        } else {
            bound.limit()
        }
    }

    /// What there is too much of, in words.
    #[must_use]
    pub fn full_in_words(&self, partner: &EconomyId, bound: Bound) -> String {
        let (all, one) = if bound == Bound::Memory {
            ("memory-per-partner", "memory")
        } else if bound == Bound::Disk {
            ("disk-per-partner", "disk")
        } else {
            return bound.to_string();
        };
        let most = WrittenSize(self.most(partner, bound));
        format!(
            "{bound}, {most} (raise `limits.{all}` in comity.toml, or `{one}` of this partner, and start the node anew)"
        )
    }

    /// Nothing is acknowledged, so nothing is lost: the partner tries again later.
    pub(super) fn put_off(
        &mut self,
        partner: EconomyId,
        number: u64,
        (bound, origin): (Bound, EconomyId),
        now: Timestamp,
    ) {
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.arriving.remove(&number);
        }
        self.say_full(bound.account(partner, origin), bound);
        self.session_input(partner, comity_proto::Input::Deferred { number }, now);
    }

    /// Said once, until there is room again.
    pub(super) fn say_full(&mut self, account: EconomyId, bound: Bound) {
        if self.full.entry(account).or_default().insert(bound) {
            let what = self.full_in_words(&account, bound);
            let text = format!("more of that is put off until there is room again: {what}");
            self.alarm(Some(account), "no-room", text);
        }
    }

    /// The number is settled, so that no gap keeps back the receipts of all that follows: an honest partner
    /// cannot know whom we know. What it brought is asked for when the origin is known.
    pub(super) fn settle_unkept(
        &mut self,
        partner: EconomyId,
        incoming: &Incoming,
        (origin, first, full): (EconomyId, bool, Option<Bound>),
        now: Timestamp,
    ) {
        if let Some(bound) = full {
            self.say_full(origin, bound);
        }
        let (number, reason) = (incoming.entry.number, RejectReason::UnknownOrigin);
        if first {
            let text = format!(
                "it passes on more of {}, whom nobody here knows, than is kept of such: the rest comes when an introduction is confirmed (`comity partner confirm`)",
                self.state.name_of(&origin)
            );
            self.alarm(Some(partner), "unknown-origin", text);
        }
        let arrival = Arrival {
            from: partner,
            number,
            digest: incoming.entry.digest(),
            entry: self.state.keeps_unkept_line(&partner).then(|| incoming.entry.clone()),
            outcome: ArrivalOutcome::Unkept(origin),
            at: now,
        };
        self.enter(&JournalEntry::Arrival(arrival), Vec::new());
        self.then.push(Then::Rejected { partner, number, reason });
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.arriving.remove(&number);
        }
    }

    /// A bound that was reached is spoken of anew only after a quarter of the room is free again.
    pub(super) fn note_room(&mut self) {
        let mut full = std::mem::take(&mut self.full);
        full.retain(|partner, bounds| {
            let kept = |bound| self.state.kept_of(partner, bound);
            bounds.retain(|bound| kept(*bound) > self.most(partner, *bound) / 4 * 3);
            !bounds.is_empty()
        });
        self.full = full;
    }

    /// What there is no room for from this partner.
    pub fn full(&self, partner: &EconomyId) -> impl Iterator<Item = Bound> + '_ {
        let mut full = self.full.get(partner).cloned().unwrap_or_default();
        full.extend(self.state.reached(partner));
        let weights = [Bound::Memory, Bound::Disk].into_iter();
        let kept = |bound| self.state.kept_of(partner, bound);
        full.extend(weights.filter(|bound| kept(*bound) >= self.most(partner, *bound)));
        full.into_iter()
    }
}
