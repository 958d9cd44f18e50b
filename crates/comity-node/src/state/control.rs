//! What control records do, and what one must be before it may do it.

use std::sync::Arc;

use comity_core::agreement::Terms;
use comity_core::control::{
    AcceptanceBody, AgreementBody, IntroductionBody, TerminationBody, WithdrawalBody,
};
use comity_core::keyring::{AdvanceError, SignedKeyring};
use comity_core::policy::{ControlAudience, Lifecycle, RecordFacts};
use comity_core::receipt::{Receipt, RejectReason, UnverifiedReceipt};
use comity_core::record::Manifest;
use comity_core::{EconomyId, KeyId, Kind, RecordId, Timestamp};

use super::State;
use super::agreements::Compact;
use super::records::Tombstone;

impl State {
    /// Whom a control record is for. `None`: nobody, for it cannot be read.
    pub(super) fn control_audience(
        &self,
        facts: &RecordFacts,
        body: Option<&[u8]>,
    ) -> Option<ControlAudience> {
        let body = body?;
        match facts.kind {
            Kind::Keyring => Some(ControlAudience::Partners),
            Kind::Agreement => {
                Some(ControlAudience::Parties(AgreementBody::decode(body).ok()?.parties))
            }
            Kind::Acceptance => {
                self.parties(&AcceptanceBody::decode(body).ok()?.agreement, facts.origin)
            }
            Kind::Termination => {
                self.parties(&TerminationBody::decode(body).ok()?.agreement, facts.origin)
            }
            Kind::Introduction => {
                Some(ControlAudience::To(IntroductionBody::decode(body).ok()?.to))
            }
            Kind::Withdrawal => Some(ControlAudience::Holders),
            Kind::Group
            | Kind::Roster
            | Kind::Consent
            | Kind::Approval
            | Kind::Contact
            | Kind::Acknowledgement
            | Kind::Advisory
            | Kind::Incident
            | Kind::Sightings
            | Kind::Request
            | Kind::Response
            | Kind::Note
            | Kind::Unknown(_) => None,
        }
    }

    fn parties(&self, agreement: &RecordId, signer: EconomyId) -> Option<ControlAudience> {
        let compact = self.agreements.get(agreement)?;
        let parties = AgreementBody::between(self.us, compact.partner, String::new())?.parties;
        parties.contains(&signer).then_some(ControlAudience::Parties(parties))
    }

    /// An accepted record does what its kind says.
    pub(super) fn take_effect(&mut self, id: RecordId, at: Timestamp) {
        let Some(held) = self.records.get(&id) else { return };
        let (origin, kind) = (held.facts.origin, held.facts.kind);
        let (body, signed_at) = (held.body.clone().unwrap_or_default(), held.signed_at);
        for replaced in held.supersedes.clone() {
            if let Some(replaced) = self.records.get_mut(&replaced)
                && replaced.facts.origin == origin
                && replaced.facts.lifecycle == Lifecycle::Live
            {
                replaced.facts.lifecycle = Lifecycle::Superseded;
                self.turns = self.turns.saturating_add(1);
            }
        }
        match kind {
            Kind::Keyring => {
                let signed = SignedKeyring::decode(&body).ok();
                let new = signed.filter(|signed| !self.holds_keyring(&origin, signed));
                if let Some(Ok(keyring)) = new.map(|signed| signed.verify(Some(origin))) {
                    self.learn_keyring(keyring, true);
                }
            }
            Kind::Agreement => {
                if let Ok(body) = AgreementBody::decode(&body)
                    && let Some(partner) = body.other_party(self.us)
                {
                    let terms = Terms::parse(&body.text).ok().map(Arc::new);
                    let compact = Compact {
                        proposer: origin,
                        us: self.us,
                        partner,
                        text: body.text,
                        terms,
                        proposed: signed_at,
                        accepted: None,
                        terminated: None,
                    };
                    self.agreements.propose(id, compact);
                    self.rebuild_policy();
                }
            }
            Kind::Acceptance => {
                if let Ok(body) = AcceptanceBody::decode(&body) {
                    self.agreements.accept(body.agreement, origin, at);
                    self.rebuild_policy();
                }
            }
            Kind::Termination => {
                if let Ok(body) = TerminationBody::decode(&body) {
                    self.agreements.terminate(body.agreement, origin, body.effective);
                    self.rebuild_policy();
                }
            }
            Kind::Withdrawal => self.withdraw(id, origin, &body),
            Kind::Group
            | Kind::Roster
            | Kind::Consent
            | Kind::Approval
            | Kind::Introduction
            | Kind::Contact
            | Kind::Acknowledgement
            | Kind::Advisory
            | Kind::Incident
            | Kind::Sightings
            | Kind::Request
            | Kind::Response
            | Kind::Note
            | Kind::Unknown(_) => {}
        }
    }

    /// Only the origin withdraws. A target that is not here leaves a tombstone.
    fn withdraw(&mut self, by: RecordId, origin: EconomyId, body: &[u8]) {
        let Ok(body) = WithdrawalBody::decode(body) else { return };
        for target in body.records {
            if let Some(held) = self.records.get_mut(&target) {
                if held.facts.origin != origin {
                    continue;
                }
                held.facts.lifecycle = Lifecycle::Withdrawn;
                self.turns = self.turns.saturating_add(1);
            }
            // Somebody else's withdrawal of a record that is not here must not shadow the origin's.
            self.tombstones.entry((target, origin)).or_insert(Tombstone { origin, by });
        }
    }

    /// Whether a keyring that came for `origin` may be taken in.
    pub(crate) fn check_keyring(
        &self,
        origin: EconomyId,
        keyring: &SignedKeyring,
    ) -> Result<(), RejectReason> {
        if self.holds_keyring(&origin, keyring) {
            return Ok(());
        }
        let verified =
            keyring.verify(Some(origin)).map_err(|_not_believed| RejectReason::NotEntitled)?;
        // An older one is refused. A contradiction is taken in: it freezes the economy, and the
        // operator is told why.
        match self.keyrings.get(&origin).map(|history| history.clone().jump(verified)) {
            None | Some(Ok(_) | Err(AdvanceError::Fork(_))) => Ok(()),
            Some(Err(_)) => Err(RejectReason::NotEntitled),
        }
    }

    /// Only a party may speak of an agreement.
    pub(crate) fn check_party(&self, manifest: &Manifest) -> Result<(), RejectReason> {
        let body = manifest.body.as_deref().unwrap_or_default();
        let agreement = if manifest.kind == Kind::Acceptance {
            AcceptanceBody::decode(body).map(|body| body.agreement)
        } else {
            TerminationBody::decode(body).map(|body| body.agreement)
        };
        let agreement = agreement.map_err(|_malformed| RejectReason::Malformed)?;
        match self.agreements.get(&agreement) {
            Some(compact) if manifest.origin != compact.partner => Err(RejectReason::NotEntitled),
            // The proposal may be on another stream.
            Some(_) | None => Ok(()),
        }
    }

    /// Whether we may accept this proposal now.
    pub(crate) fn may_accept(&self, agreement: &RecordId) -> Result<(), String> {
        let compact = self.agreements.get(agreement).ok_or("no such proposal is here")?;
        if compact.proposer == self.us {
            return Err("only the other party can accept what we proposed".to_owned());
        }
        if compact.terms.is_none() {
            return Err("this version cannot read the proposal's text".to_owned());
        }
        match (compact.accepted, compact.terminated) {
            (_, Some(_)) => Err("the proposal was taken back".to_owned()),
            (Some(_), None) => Err("the agreement is accepted already".to_owned()),
            (None, None) => Ok(()),
        }
    }

    /// Whether we may terminate this agreement.
    pub(crate) fn may_terminate(&self, agreement: &RecordId) -> Result<(), String> {
        let compact = self.agreements.get(agreement).ok_or("no such agreement is here")?;
        match compact.terminated {
            Some(effective) => {
                Err(format!("the agreement is terminated already, from {effective}"))
            }
            None => Ok(()),
        }
    }

    /// Whether an economy may become a partner, or known, with this keyring.
    pub(crate) fn may_meet(&self, economy: EconomyId, keyring: &[u8]) -> Result<(), String> {
        if economy == self.us {
            return Err("this economy cannot be its own partner".to_owned());
        }
        let keyring = SignedKeyring::decode(keyring).and_then(|one| one.verify(Some(economy)));
        let keyring = keyring.map_err(|error| error.to_string())?;
        match self.keyrings.get(&economy) {
            Some(history) if history.fork().is_some() => {
                Err("its keyring contradicts itself; it is frozen".to_owned())
            }
            Some(history) if history.current().version() > keyring.version() => {
                Err("its keyring is older than the one known here".to_owned())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a partner's receipt verifies, was signed with the key of its link, and agrees with our
    /// chain.
    pub(crate) fn check_receipt(
        &self,
        partner: &EconomyId,
        link_key: KeyId,
        signed: &[u8],
    ) -> Result<Receipt, String> {
        let unverified = UnverifiedReceipt::parse(signed).map_err(|error| error.to_string())?;
        if unverified.key() != link_key {
            return Err("signed with another key than the link's".to_owned());
        }
        let receipt = unverified.verify(*partner, self.us).map_err(|error| error.to_string())?;
        let known =
            self.partners.get(partner).and_then(|one| one.out.chain_at(receipt.upto.number));
        if known == Some(receipt.upto.chain) {
            Ok(receipt)
        } else {
            Err(format!("does not agree with our ledger at number {}", receipt.upto.number))
        }
    }

    /// A receipt from the journal: it was checked before it was entered.
    pub(super) fn receipt_came(&mut self, from: &EconomyId, signed: &[u8], at: Timestamp) {
        let receipt = UnverifiedReceipt::parse(signed).map(UnverifiedReceipt::verified_before);
        if let (Ok(receipt), Some(partner)) = (receipt, self.partners.get_mut(from)) {
            partner.out.receipt(receipt.upto.number, at, self.seq);
        }
    }
}
