//! What becomes of a verified delivery.

use comity_core::control::{AcceptanceBody, AcknowledgementBody, ControlBody, TerminationBody};
use comity_core::entitlement::{Claim, Entitlement, FirstSeen, Refusal, Wait};
use comity_core::intake::Intake;
use comity_core::journal::Standing;
use comity_core::receipt::RejectReason;
use comity_core::record::Addressee;
use comity_core::{EconomyId, Kind, PartDigest, Section, Timestamp};
use comity_proto::Incoming;

use super::{Checked, Engine};
use crate::state::{Bound, Meant, agrees, is_withdrawable};

/// What becomes of a verified delivery.
pub(super) enum Verdict {
    Enter(Standing),
    More,
    Known,
    Withdrawn,
    Reject(RejectReason),
    /// By our own rule it is not taken.
    Declined(Kind),
    /// There is no room for it.
    PutOff(Bound),
    /// Its number is settled without it, for who brings it did nothing wrong: nobody here knows its origin, and
    /// as much of it waits as may, or its origin has no room left.
    Unkept {
        /// Whether it is the first.
        first: bool,
        /// What its origin has no room for.
        full: Option<Bound>,
    },
}

impl Engine {
    pub(super) fn judge(
        &self,
        partner: EconomyId,
        incoming: &Incoming,
        checked: &Checked,
        now: Timestamp,
    ) -> Verdict {
        let manifest = checked.record.manifest();
        let id = checked.record.id();
        if id != incoming.entry.record {
            return Verdict::Reject(RejectReason::BadPart);
        }
        let tombstone = self.state.tombstone(&id, &manifest.origin).is_some();
        let addressed = self.addressed_to_us(Some(partner), checked, now);
        if let Some(held) = self.state.record(&id) {
            // Asked in the order in which it is of what is not here: no answer says which it is.
            if let Err(reason) = addressed {
                return Verdict::Reject(reason);
            }
            let (rule, _) = self.state.intake(partner, manifest.origin, manifest.kind);
            if rule == Intake::Refuse {
                return Verdict::Declined(manifest.kind);
            }
            // What a person has dropped gets no more parts, and nobody is told.
            let dropped = held.standing == Standing::Dropped;
            let new = checked.parts.iter().any(|part| !held.has_part(&part.digest));
            if dropped || !new {
                return Verdict::Known;
            }
            // What is here is believed already, and a part has no standing of its own.
            if !held.facts.pending && self.waits_for_consent(partner, checked, now) {
                return Verdict::Unkept { first: false, full: None };
            }
            return match (tombstone, self.within_ceiling(checked)) {
                (true, _) => Verdict::Known,
                (false, true) => Verdict::More,
                (false, false) => Verdict::Reject(RejectReason::NotEntitled),
            };
        }
        // What we signed we have; only recovery brings it back.
        if manifest.origin == self.state.us() {
            return Verdict::Reject(RejectReason::NotEntitled);
        }
        if let Err(reason) = addressed {
            return Verdict::Reject(reason);
        }
        if tombstone && is_withdrawable(manifest.kind) {
            return Verdict::Withdrawn;
        }
        if let Err(reason) = self.judge_body(partner, checked, now) {
            return Verdict::Reject(reason);
        }
        if let Err(reason) = self.judge_answer(partner, checked) {
            return Verdict::Reject(reason);
        }
        let (rule, whose) = self.state.intake(partner, manifest.origin, manifest.kind);
        if rule == Intake::Refuse {
            return Verdict::Declined(manifest.kind);
        }
        let seen = if manifest.origin == partner {
            FirstSeen::from_origin(now)
        } else {
            FirstSeen::relayed(now)
        };
        let claim = Claim::of(id, manifest);
        let mut entitlement = self.state.entitlement(&claim, checked.carried(), seen, now);
        if entitlement == Entitlement::Accepted && self.waits_for_roster(checked) {
            entitlement = Entitlement::Pending(Wait::UnknownRoster);
        }
        if entitlement == Entitlement::Accepted && self.waits_for_consent(partner, checked, now) {
            entitlement = Entitlement::Pending(Wait::Consent);
        }
        // A contradiction freezes the economy; it is kept as evidence, and alarms.
        match entitlement {
            Entitlement::Accepted if !self.within_ceiling(checked) => {
                Verdict::Reject(RejectReason::NotEntitled)
            }
            // Nothing that is kept comes of it.
            Entitlement::Accepted if self.state.says_again(manifest) => Verdict::Known,
            Entitlement::Accepted if rule == Intake::Review => {
                Verdict::Enter(Standing::InReview(whose))
            }
            Entitlement::Accepted => Verdict::Enter(Standing::Accepted),
            Entitlement::Pending(wait) => Verdict::Enter(Standing::Pending(wait.to_string())),
            Entitlement::Quarantined(doubt) => {
                Verdict::Enter(Standing::Quarantined(doubt.to_string()))
            }
            // The other party says itself that its word is in doubt, and binds us both. What takes back waits: a thief of
            // the root may have revoked the key, and nobody would say it again when that is over.
            Entitlement::Refused(why @ Refusal::SignedAfterRevocation)
                if manifest.origin == partner
                    && (agrees(manifest.kind) || takes_back(manifest.kind)) =>
            {
                Verdict::Enter(Standing::Quarantined(why.to_string()))
            }
            Entitlement::Refused(_) => Verdict::Reject(RejectReason::NotEntitled),
        }
    }

    /// An addressed record must name us, and each part must be listed for us; or its origin consented that
    /// we have it, from whoever brings it.
    fn addressed_to_us(
        &self,
        from: Option<EconomyId>,
        checked: &Checked,
        now: Timestamp,
    ) -> Result<(), RejectReason> {
        if !checked.record.manifest().addressed {
            return Ok(());
        }
        let origin = checked.record.manifest().origin;
        // What names a group whose roster has not come yet may be for us.
        let ours =
            |named: &Addressee| self.state.meant(origin, std::iter::once(named)) != Meant::No;
        let here = self.state.addressees(&checked.record.id());
        let came = || checked.parts.iter().filter_map(|part| part.header.addressee.as_ref());
        let foreign = came().any(|named| !ours(named));
        let ours: Vec<_> = here.into_iter().chain(came().cloned()).filter(ours).collect();
        // Ascending, as their format demands.
        let listed =
            |part: &PartDigest| ours.iter().any(|named| named.parts.binary_search(part).is_ok());
        let of = (&checked.record.id(), origin);
        let consented = self.state.consented_to_us(of, from, now);
        let mut came = checked.parts.iter();
        let unlisted = came.any(|part| {
            part.header.section != Section::Addressee
                && !listed(&part.digest)
                && consented.meant(&part.digest) == Meant::No
        });
        // A manifest alone is nobody's, whether more of it is here or not: that nobody finds out.
        let for_nobody = checked.parts.is_empty();
        if unlisted || foreign || for_nobody { Err(RejectReason::NotAddressed) } else { Ok(()) }
    }

    /// Whether nothing but a consent that waits to be believed says that a record is for us.
    fn waits_for_consent(&self, from: EconomyId, checked: &Checked, now: Timestamp) -> bool {
        let manifest = checked.record.manifest();
        if !manifest.addressed || checked.parts.iter().any(|part| part.header.addressee.is_some()) {
            return false;
        }
        let of = (&checked.record.id(), manifest.origin);
        let consented = self.state.consented_to_us(of, Some(from), now);
        let is_ours = |named: &Addressee| {
            self.state.meant(manifest.origin, std::iter::once(named)) != Meant::No
        };
        let mut ours = self.state.addressees(&checked.record.id());
        ours.retain(|named| is_ours(named));
        let listed =
            |part: &PartDigest| ours.iter().any(|named| named.parts.binary_search(part).is_ok());
        checked
            .parts
            .iter()
            .any(|part| !listed(&part.digest) && consented.meant(&part.digest) == Meant::Wait)
    }

    /// Whether nothing but a group whose roster is not here says that a record is for us.
    fn waits_for_roster(&self, checked: &Checked) -> bool {
        let came = checked.parts.iter().filter_map(|part| part.header.addressee.as_ref());
        self.state.meant(checked.record.manifest().origin, came) == Meant::Wait
    }

    /// No part may be marked above what its author was granted for. An author that is not known yet
    /// is judged when its keyring comes.
    fn within_ceiling(&self, checked: &Checked) -> bool {
        let manifest = checked.record.manifest();
        let labels = checked
            .parts
            .iter()
            .map(|part| part.header.marking.as_ref().map_or(manifest.floor.tlp, |own| own.tlp));
        self.state.within_ceiling(&Claim::of(checked.record.id(), manifest), labels)
    }

    /// What was given back after a restore is judged as everything else is, but that it may be ours.
    pub(super) fn judge_returned(
        &self,
        partner: EconomyId,
        checked: &Checked,
        now: Timestamp,
    ) -> Result<(), RejectReason> {
        let manifest = checked.record.manifest();
        let ours = manifest.origin == self.state.us();
        if !ours {
            // A consent may have ended since; that we were let have it then, it says still.
            self.addressed_to_us(None, checked, Timestamp::EPOCH)?;
        }
        let speaks_of_agreement = matches!(manifest.kind, Kind::Acceptance | Kind::Termination);
        let for_others = matches!(manifest.kind, Kind::Introduction | Kind::Consent);
        if !(ours && (speaks_of_agreement || for_others)) {
            self.judge_body(partner, checked, now)?;
        }
        if self.within_ceiling(checked) { Ok(()) } else { Err(RejectReason::NotEntitled) }
    }

    /// A control kind's body must say what its kind promises.
    fn judge_body(
        &self,
        partner: EconomyId,
        checked: &Checked,
        now: Timestamp,
    ) -> Result<(), RejectReason> {
        let manifest = checked.record.manifest();
        let us = self.state.us();
        if !manifest.kind.is_control() {
            return Ok(());
        }
        let body = manifest.body.as_deref().unwrap_or_default();
        let body = ControlBody::decode(manifest.kind, body);
        match body.map_err(|_malformed| RejectReason::Malformed)? {
            ControlBody::Keyring(_) => match checked.carried() {
                Some(keyring) => self.state.check_keyring(keyring),
                None => Err(RejectReason::NotEntitled),
            },
            ControlBody::Agreement(body) => {
                let ours = body.parties.contains(&us) && body.parties.contains(&manifest.origin);
                if ours { Ok(()) } else { Err(RejectReason::NotEntitled) }
            }
            ControlBody::Acceptance(AcceptanceBody { agreement })
            | ControlBody::Termination(TerminationBody { agreement, .. }) => {
                self.state.check_party(manifest.origin, &agreement)
            }
            ControlBody::Introduction(body) if body.to == us => Ok(()),
            ControlBody::Introduction(_) => Err(RejectReason::NotAddressed),
            ControlBody::Consent(body) => {
                self.state.check_consent(partner, manifest.origin, &body, now)
            }
            // What it answers, and who brings it, is judged apart: what is given back had its judgement.
            ControlBody::Acknowledgement(_)
            | ControlBody::Withdrawal(_)
            | ControlBody::Group(_)
            | ControlBody::Roster(_)
            | ControlBody::Approval(_)
            | ControlBody::Opaque(_) => Ok(()),
        }
    }

    /// An answer to a withdrawal comes from where that went, or from whoever passed it on there.
    fn judge_answer(&self, partner: EconomyId, checked: &Checked) -> Result<(), RejectReason> {
        let manifest = checked.record.manifest();
        let body = manifest.body.as_deref().filter(|_| manifest.kind == Kind::Acknowledgement);
        let Some(body) = body else { return Ok(()) };
        let body =
            AcknowledgementBody::decode(body).map_err(|_malformed| RejectReason::Malformed)?;
        self.state.may_answer(&partner, &manifest.origin, &body)
    }
}

/// Whether a word of this kind ends something, and lets nothing more through.
const fn takes_back(kind: Kind) -> bool {
    matches!(kind, Kind::Withdrawal | Kind::Termination)
}
