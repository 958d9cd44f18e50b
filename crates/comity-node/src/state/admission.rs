//! Whom we know, by which keyring, and what the decision is made from.

use comity_core::entitlement::Scope;
use comity_core::journal::{PartnerChange, PartnerChanged};
use comity_core::keyring::SignedKeyring;
use comity_core::partners::PartnerSet;
use comity_core::policy::{self, PolicyBuilder, PolicySnapshot, TrustLevel};
use comity_core::{EconomyId, EpochId, GroupId};

use super::ledgers::OutLedger;
use super::partners::{Bond, Partner};
use super::{FoldError, State};

/// Of a ledger that nobody has begun: nothing is numbered for whom was only ever introduced.
const NO_EPOCH: EpochId = EpochId([0; 16]);

impl State {
    pub(super) fn partner_changed(&mut self, changed: &PartnerChanged) -> Result<(), FoldError> {
        let economy = changed.economy;
        let new = !self.knows(&economy);
        match &changed.change {
            PartnerChange::Paired { name, keyring, addresses, epoch, ceremony: _ } => {
                self.invitations.settled(name);
                let keyring = self.believed(economy, &SignedKeyring::decode(keyring)?)?;
                self.learn_keyring(keyring, true, None);
                // A partner that comes back after its removal goes on in the same ledgers: no number
                // may be used twice.
                let partner = self.partners.entry(economy).or_insert_with(|| {
                    let out = OutLedger::new(*epoch);
                    Partner::new(name.clone(), Bond::Paired, out, changed.at)
                });
                if partner.out.epoch() == NO_EPOCH {
                    partner.out = OutLedger::new(*epoch);
                }
                partner.name.clone_from(name);
                partner.addresses.clone_from(addresses);
                partner.bond = Bond::Paired;
                partner.since = changed.at;
                partner.level = TrustLevel::default();
                self.introduced(economy, new);
                self.judge_anew(economy, Scope::Everything);
            }
            PartnerChange::Introduced { name, keyring, by } => {
                let keyring = self.believed(economy, &SignedKeyring::decode(keyring)?)?;
                self.learn_keyring(keyring, false, None);
                let partner = self.partners.entry(economy).or_insert_with(|| {
                    let out = OutLedger::new(NO_EPOCH);
                    Partner::new(name.clone(), Bond::Introduced(*by), out, changed.at)
                });
                if partner.bond == Bond::Removed {
                    partner.name.clone_from(name);
                    partner.bond = Bond::Introduced(*by);
                    partner.since = changed.at;
                }
                self.introduced(economy, new);
                self.judge_anew(economy, Scope::Everything);
            }
            PartnerChange::Level(level) => {
                let level = u8::try_from(*level).ok().and_then(TrustLevel::from_number);
                if let (Some(partner), Some(level)) = (self.partners.get_mut(&economy), level) {
                    partner.level = level;
                }
            }
            PartnerChange::Suspended => self.rebond(economy, Bond::Suspended),
            PartnerChange::Resumed => self.rebond(economy, Bond::Paired),
            PartnerChange::Removed => {
                // Also one that was only introduced: nobody answers for it any longer.
                if let Some(partner) = self.partners.get_mut(&economy) {
                    partner.bond = Bond::Removed;
                }
            }
            PartnerChange::Addresses(addresses) => {
                if let Some(partner) = self.partners.get_mut(&economy) {
                    partner.addresses.clone_from(addresses);
                }
            }
            PartnerChange::Intake { kinds, rule } => {
                if let Some(partner) = self.partners.get_mut(&economy) {
                    partner.intake.set(kinds, *rule);
                }
                // It decides nothing about what leaves.
                return Ok(());
            }
        }
        self.rebuild_policy();
        Ok(())
    }

    fn rebond(&mut self, economy: EconomyId, bond: Bond) {
        if let Some(partner) = self.partners.get_mut(&economy)
            && partner.is_paired()
        {
            partner.bond = bond;
        }
    }

    /// Makes the snapshot and the set of those who may connect anew.
    pub(super) fn rebuild_policy(&mut self) {
        self.turns = self.turns.saturating_add(1);
        let (policy, admitted) = self.versions;
        self.versions = (policy.saturating_add(1), admitted.saturating_add(1));
        if self.reading {
            return;
        }
        let mut builder = PolicySnapshot::builder(self.us).version(self.versions.0);
        let mut partner_set = PartnerSet::new();
        for (economy, partner) in &self.partners {
            let history = self.keyrings.get(economy);
            let frozen = history.is_none_or(|history| history.fork().is_some());
            let agreements = self.agreements.with(*economy).into_agreements();
            // What we received under an agreement stays under its prohibitions, whatever became of the
            // partner since: that it was introduced anew makes it no partner, and frees nothing.
            let signed = (!agreements.is_empty()).then_some(policy::Standing::Revoked);
            let Some(standing) = partner.standing(frozen).or(signed) else { continue };
            builder = builder
                .partner(*economy, policy::Partner { standing, trust: partner.level, agreements });
            // A frozen one too: over its link the keyring may come that ends it. The decision lets
            // nothing else go there.
            if partner.is_open()
                && let Some(history) = history
            {
                partner_set.insert(history.current().clone());
            }
        }
        builder = self.groups.iter().cloned().fold(builder, PolicyBuilder::group);
        let in_doubt = self.groups.in_doubt().cloned();
        let builder = in_doubt.fold(builder, PolicyBuilder::group_in_doubt);
        let builder = match self.guarding.revision() {
            Some(revision) => builder.guarded(revision),
            None => builder.unguarded(),
        };
        self.policy = self.with_confirmations(self.with_consents(builder)).build();
        self.partner_set = partner_set;
    }
}

impl State {
    /// A word about a group was taken in. Whether it decides anything or not, it is known from now on.
    pub(super) fn renew_group(&mut self, id: &GroupId, decides: bool) {
        if decides {
            self.turns = self.turns.saturating_add(1);
        }
        self.versions.0 = self.versions.0.saturating_add(1);
        if !self.reading {
            let builder = self.policy.to_builder().version(self.versions.0);
            let builder = match self.groups.get(id) {
                Some(group) => builder.group(group.clone()),
                None => {
                    let in_doubt = self.groups.in_doubt().find(|group| group.id() == *id);
                    in_doubt.into_iter().cloned().fold(builder, PolicyBuilder::group_in_doubt)
                }
            };
            self.policy = builder.build();
        }
    }
}
