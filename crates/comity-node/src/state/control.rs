//! What control records do, and what one must be before it may do it.

use std::sync::Arc;
use std::time::Duration;

use comity_core::agreement::Terms;
use comity_core::ceremony::Ceremony;
use comity_core::control::{AgreementBody, ControlBody};
use comity_core::group::{Says, Statement};
use comity_core::journal::Source;
use comity_core::keyring::{Advance, AdvanceError, SignedKeyring, VerifiedKeyring};
use comity_core::policy::{ControlAudience, Ending, Lifecycle, RecordFacts, Text};
use comity_core::receipt::{Receipt, RejectReason, UnverifiedReceipt};
use comity_core::{EconomyId, GroupId, KeyId, Kind, RecordId, Timestamp};

use super::OutFate;
use super::State;
use super::agreements::{Compact, Heard};
use super::bound::Bound;
use super::doubted::agrees;
use super::groups::Said;
use super::kept::proposed_by;
use crate::limits::PROPOSALS;

/// Characters of a title that are kept beside the terms.
const TITLE: usize = 120;
/// How long notice may be on its way and still count from when it was signed.
const ON_THE_WAY: Duration = Duration::from_secs(24 * 60 * 60);

impl State {
    /// Whom a control record is for. `None`: nobody, for it cannot be read, or speaks of an agreement
    /// that is not here or that its signer is no party to.
    pub(super) fn control_audience(
        &self,
        facts: &RecordFacts,
        body: Option<&[u8]>,
    ) -> Option<ControlAudience> {
        let body = ControlBody::decode(facts.kind, body?).ok()?;
        ControlAudience::of(&body, |agreement| {
            let compact = self.agreements.get(agreement)?;
            let parties = AgreementBody::between(self.us, compact.partner, String::new())?.parties;
            parties.contains(&facts.origin).then_some(parties)
        })
    }

    /// An accepted record does what its kind says.
    pub(super) fn take_effect(&mut self, id: RecordId, at: Timestamp) {
        let Some(held) = self.records.get(&id) else { return };
        let (origin, kind) = (held.facts.origin, held.facts.kind);
        let own_word = match &held.source {
            Source::Own => true,
            Source::Partner(delivered) => delivered.from == origin,
            Source::Returned { .. } => origin == self.us,
        };
        let from = held.source.brought_by();
        let (body, signed_at) = (held.body.clone().unwrap_or_default(), held.signed_at);
        let supersedes = held.supersedes.clone();
        let agreed = agrees(kind).then(|| self.agreements.permitting());
        self.agreements.doubt(id, false);
        let (mut taken_back, mut replaced_here) = (Vec::new(), Vec::new());
        for target in supersedes {
            // What is replaced may come later than what replaces it.
            if !self.records.contains_key(&target) {
                self.replaced.note(origin, target);
            }
            if let Some(replaced) = self.records.get_mut(&target)
                && replaced.facts.origin == origin
                && replaced.facts.lifecycle == Lifecycle::Live
            {
                replaced.facts.lifecycle = Lifecycle::Superseded;
                self.turns = self.turns.saturating_add(1);
                taken_back.extend((replaced.facts.kind == Kind::Consent).then_some(target));
                replaced_here.push(target);
            }
        }
        // Of what we replace ourselves whoever publishes it is told.
        if origin != self.us {
            self.files.taken_back(id, &replaced_here);
        }
        for word in taken_back {
            self.consent_taken_back(&word, &origin);
        }
        let said = |says| Statement { record: id, by: origin, at: signed_at, says, doubted: false };
        match ControlBody::decode(kind, &body) {
            Ok(ControlBody::Keyring(signed)) => {
                if !self.holds_keyring(&origin, &signed)
                    && let Ok(keyring) = self.believed(origin, &signed)
                {
                    // Only the economy itself may skip versions.
                    self.learn_keyring(keyring, own_word, Some(id));
                }
                // It has had its effect. Those to whom it goes get it from the disk.
                if let Some(held) = self.records.get_mut(&id) {
                    held.body = None;
                }
            }
            Ok(ControlBody::Agreement(body)) => self.propose(id, origin, &body, signed_at),
            Ok(ControlBody::Acceptance(body)) => {
                let heard = self.agreements.accept(body.agreement, id, origin, at, from);
                self.heard(body.agreement, heard, from);
                self.bind_in_doubt(body.agreement, at);
            }
            Ok(ControlBody::Termination(body)) => {
                // Notice that is dated back would shorten the period: beyond the time that it may have
                // been on its way, it runs from when we had it.
                let given = if at.since(signed_at) > ON_THE_WAY { at } else { signed_at };
                let (agreement, effective) = (body.agreement, body.effective);
                let ending = Ending { by: origin, given, effective, record: id };
                let heard = self.agreements.terminate(agreement, ending, from);
                self.heard(agreement, heard, from);
                if let Some(partner) = self.agreements.get(&agreement).map(|one| one.partner) {
                    self.let_go_of_proposals(partner);
                }
            }
            Ok(ControlBody::Withdrawal(body)) => self.withdraw(id, origin, body),
            Ok(ControlBody::Acknowledgement(body)) => {
                self.withdrawal_answered((id, origin, signed_at), body.withdrawal, from);
            }
            Ok(ControlBody::Consent(body)) => self.hear_consent(&id, origin, &body),
            Ok(ControlBody::Group(body)) => self.say_of_group(said(Says::Group(body)), from, at),
            Ok(ControlBody::Roster(body)) => self.say_of_group(said(Says::Roster(body)), from, at),
            Ok(ControlBody::Approval(body)) => self.hear_approval(id, body, at),
            Ok(ControlBody::Introduction(_) | ControlBody::Opaque(_)) | Err(_) => {}
        }
        // A mere proposal permits nothing, nor does a termination.
        self.widened.all |= agreed.is_some_and(|before| self.agreements.permitting() > before);
    }

    /// A record that had taken effect is set aside: what it permitted is permitted no more. What it
    /// restricted (a withdrawal, a replacement, a termination) stays, for a doubt never lets more
    /// through.
    pub(super) fn lose_effect(&mut self, id: RecordId) {
        let kind = self.records.get(&id).map(|held| held.facts.kind);
        if kind.is_some_and(agrees) {
            self.agreements.doubt(id, true);
            self.rebuild_policy();
        }
        if kind == Some(Kind::Consent) {
            self.consent_counts_no_more(&id);
            self.renew_consents(&id);
        }
        if kind == Some(Kind::Approval) {
            self.approval_counts_no_more(&id);
            self.emergency_counts_no_more(&id);
        }
        if matches!(kind, Some(Kind::Group | Kind::Roster)) {
            self.groups.doubt(&id);
            self.rebuild_policy();
        }
    }

    fn say_of_group(&mut self, statement: Statement, from: Option<EconomyId>, at: Timestamp) {
        let id = statement.says.group().unwrap_or(GroupId(statement.record.0));
        // Nobody else holds the group then, and it is not copied for a word.
        self.policy.set_down(&id);
        let turned = match self.groups.say(self.us, statement, from, at) {
            Said::Early => {
                self.charge(from, Bound::Early, 1);
                None
            }
            Said::Counted { brought, turned } => {
                for from in brought {
                    self.discharge(from, Bound::Early, 1);
                }
                turned
            }
        };
        let turned = turned.unwrap_or_default();
        self.renew_group(&id, turned.decides);
        if turned.decides {
            self.judge_groups_anew();
        }
        self.widened.some.extend(turned.whom);
    }

    pub(super) fn propose(
        &mut self,
        id: RecordId,
        origin: EconomyId,
        body: &AgreementBody,
        at: Timestamp,
    ) {
        if body.parties.contains(&origin)
            && let Some(partner) = body.other_party(self.us)
        {
            let terms = Terms::parse(&body.text).ok().map(Arc::new);
            let title = terms.as_ref().map(|terms| terms.title().chars().take(TITLE).collect());
            let other = if origin == self.us { partner } else { self.us };
            let compact = Compact {
                proposer: origin,
                us: self.us,
                partner,
                title: title.unwrap_or_default(),
                proposed: at,
                text: Text::new(origin, other, &body.amends, terms),
                accepted: None,
            };
            // Here and not where it enters: what is set aside, or waits, is nothing that anybody could answer.
            if !self.agreements.holds(&id) {
                let from = self.records.get(&id).and_then(|held| proposed_by(held, self.us));
                self.charge(from, Bound::Proposals, 1);
            }
            let heard = self.agreements.propose(id, compact);
            self.heard(id, heard, None);
            self.let_go_of_proposals(partner);
        }
    }

    /// What follows from a word about an agreement. The decision is made anew only where it reads
    /// something else: what nobody has accepted decides nothing.
    pub(super) fn heard(&mut self, agreement: RecordId, heard: Heard, from: Option<EconomyId>) {
        self.charge(from, Bound::Early, u64::from(heard.early));
        for from in heard.brought {
            self.discharge(from, Bound::Early, 1);
        }
        if heard.answered {
            self.answered(&agreement);
        }
        if heard.decides {
            self.rebuild_policy();
        }
    }

    fn answered(&mut self, agreement: &RecordId) {
        let from = self.records.get(agreement).and_then(|held| proposed_by(held, self.us));
        self.discharge(from, Bound::Proposals, 1);
    }

    /// What a partner proposed and was taken back, by it or by us, is nothing that anybody can accept any
    /// more: its text is in the journal only. While the partner has not given back what it holds since we
    /// were restored, an acceptance of ours may be among it.
    pub(super) fn let_go_of_proposals(&mut self, partner: EconomyId) {
        if self.awaits_return(&partner) {
            return;
        }
        for agreement in self.agreements.let_go(partner) {
            self.answered(&agreement);
            if let Some(held) = self.records.get_mut(&agreement) {
                held.body = None;
            }
        }
    }

    /// Whether we may propose something to a partner: it has as narrow a bound for us.
    pub(crate) fn may_propose(&self, partner: EconomyId) -> Result<(), String> {
        if self.agreements.open(partner, self.us) < PROPOSALS {
            return Ok(());
        }
        Err(format!(
            "{PROPOSALS} proposals of ours to {} wait for its answer, and it keeps no more of them: wait for it, or take one back with `comity agreement terminate`",
            self.name_of(&partner)
        ))
    }

    /// Only a party may speak of an agreement.
    pub(crate) fn check_party(
        &self,
        origin: EconomyId,
        agreement: &RecordId,
    ) -> Result<(), RejectReason> {
        match self.agreements.get(agreement) {
            Some(compact) if origin != compact.partner => Err(RejectReason::NotEntitled),
            // The proposal may be on another stream.
            Some(_) | None => Ok(()),
        }
    }

    /// Whether an economy may become a partner, or known, with this keyring.
    pub(crate) fn may_meet(
        &self,
        economy: EconomyId,
        keyring: &[u8],
    ) -> Result<VerifiedKeyring, String> {
        if economy == self.us {
            return Err("this economy cannot be its own partner".to_owned());
        }
        let keyring = SignedKeyring::decode(keyring).and_then(|one| one.verify(Some(economy)));
        let keyring = keyring.map_err(|error| error.to_string())?;
        let Some(history) = self.keyrings.get(&economy) else { return Ok(keyring) };
        match history.clone().jump(keyring.clone()) {
            Ok(Advance::Same | Advance::Newer | Advance::Jumped | Advance::Rotated) => Ok(keyring),
            Err(AdvanceError::Fork(_)) => Err(
                "its keyring contradicts itself: it is frozen until one comes that its next root keys have signed"
                    .to_owned(),
            ),
            Ok(Advance::Earlier) | Err(AdvanceError::Older { .. }) => {
                Err("its keyring is older than the one known here".to_owned())
            }
            Err(
                error @ (AdvanceError::ReplacedRoot
                | AdvanceError::Gap { .. }
                | AdvanceError::RevocationLost(_)
                | AdvanceError::OtherEconomy { .. }),
            ) => Err(error.to_string()),
        }
    }

    /// Whether an economy may become a partner: the operators of both confirmed it, each with a link key
    /// of their side.
    pub(crate) fn is_confirmed(
        &self,
        economy: EconomyId,
        keyring: &[u8],
        ceremony: &Ceremony,
    ) -> Result<(), String> {
        let theirs = self.may_meet(economy, keyring)?;
        let ours = self.keyring(&self.us).ok_or("our own keyring is not here")?;
        ceremony.verify(ours, &theirs).map_err(|error| error.to_string())
    }

    /// Whether a partner's receipt verifies, was signed with the key of its link, and agrees with our
    /// chain. `None`: it speaks of what a restore took from us, and the partner gives back.
    pub(crate) fn check_receipt(
        &self,
        partner: &EconomyId,
        link_key: KeyId,
        signed: &[u8],
    ) -> Result<Option<Receipt>, String> {
        let unverified = UnverifiedReceipt::parse(signed).map_err(|error| error.to_string())?;
        if unverified.key() != link_key {
            return Err("signed with another key than the link's".to_owned());
        }
        let receipt = unverified.verify(*partner, self.us).map_err(|error| error.to_string())?;
        let known = self.partners.get(partner);
        let chain = known.and_then(|one| one.out.chain_at(receipt.upto.number));
        if chain == Some(receipt.upto.chain) {
            Ok(Some(receipt))
        } else if chain.is_none() && known.is_some_and(|one| !one.returned) {
            Ok(None)
        } else {
            Err(format!("does not agree with our ledger at number {}", receipt.upto.number))
        }
    }

    /// Whether a receipt covers more than the last one of this partner.
    pub(crate) fn receipt_is_news(&self, partner: &EconomyId, receipt: &Receipt) -> bool {
        let receipted = self.partners.get(partner).map_or(0, |one| one.out.receipted());
        receipt.upto.number > receipted
    }

    /// A receipt from the journal. It was verified before it was entered, and the journal's chain binds
    /// its bytes, so it is not verified again.
    pub(super) fn receipt_came(&mut self, from: &EconomyId, signed: &[u8], at: Timestamp) {
        let receipt = UnverifiedReceipt::parse(signed).map(UnverifiedReceipt::verified_before);
        let (Ok(receipt), Some(partner)) = (receipt, self.partners.get_mut(from)) else { return };
        self.vouched.signed(*from, receipt.at, at);
        partner.out.receipt((receipt.first(), receipt.upto.number), at, self.seq);
        // A refusal may have been lost with its connection: what the partner signs for, it says once more.
        for (number, reason) in receipt.rejects {
            if self.is_refused_by(from, number, reason) {
                self.settle(from, number, OutFate::Refused(reason));
                self.note_refused(from, number, reason);
            }
        }
    }

    /// Whether a receipt says of a delivery that counts as stored that it was refused.
    pub(crate) fn is_refused_by(
        &self,
        from: &EconomyId,
        number: u64,
        reason: RejectReason,
    ) -> bool {
        let line = self.partners.get(from).and_then(|partner| partner.out.entry(number));
        reason != RejectReason::Void && line.is_some_and(|line| line.fate == OutFate::Live)
    }
}
