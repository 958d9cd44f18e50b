//! Whom we are paired with, and how a link's key proves to be theirs.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cbor::{Problem, Reader, Writer};
use crate::identity::{EconomyId, KeyId};
use crate::keyring::{
    Countersigned, Grant, KeyringError, Role, RootChain, Rotation, SignedGrant, VerifiedKeyring,
};
use crate::limits;
use crate::time::Timestamp;

/// What a certificate's extension carries: the rotations since the genesis, and the link key's grant.
///
/// So a key that was replaced while a partner was away still proves itself to whoever knows the
/// genesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkEvidence {
    /// The root sets that followed the genesis.
    pub rotations: Vec<Countersigned>,
    /// The grant of the link key, signed by the last of them.
    pub grant: SignedGrant,
}

impl LinkEvidence {
    /// Deterministic CBOR: `[[rotation, ...], grant]`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(2).array(self.rotations.len());
        for rotation in &self.rotations {
            rotation.write(&mut writer);
        }
        self.grant.write(&mut writer);
        writer.into_bytes()
    }

    /// Reads what [`LinkEvidence::encode`] writes, without believing it.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyringError> {
        let mut reader = Reader::new(bytes);
        if bytes.len() > limits::LINK_EVIDENCE_BYTES {
            return Err(reader.fault(Problem::OverLimit).into());
        }
        crate::keyring::tuple(&mut reader, 2)?;
        let rotations = Rotation::read_list(&mut reader)?;
        let grant = SignedGrant::read(&mut reader)?;
        reader.leave();
        reader.finish()?;
        Ok(Self { rotations, grant })
    }
}

/// The economies that we are paired with, as far as a link must know them.
///
/// Built anew, or updated, whenever a partner's keyring moves on; the link checks against it.
#[derive(Clone, Debug, Default)]
pub struct PartnerSet {
    partners: BTreeMap<EconomyId, VerifiedKeyring>,
}

impl PartnerSet {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Admits the economy of `keyring`, or takes the keyring in the place of the one held of it.
    ///
    /// The caller has paired with the economy, and has compared the keyring with the one before
    /// ([`KeyringHistory`](crate::keyring::KeyringHistory)).
    pub fn insert(&mut self, keyring: VerifiedKeyring) {
        self.partners.insert(keyring.economy(), keyring);
    }

    /// Admits the economy no longer. Links that are up must be closed by the caller.
    pub fn remove(&mut self, economy: EconomyId) {
        self.partners.remove(&economy);
    }

    /// Whether the economy is admitted.
    #[must_use]
    pub fn contains(&self, economy: EconomyId) -> bool {
        self.partners.contains_key(&economy)
    }

    /// The economies, ascending.
    pub fn economies(&self) -> impl Iterator<Item = EconomyId> {
        self.partners.keys().copied()
    }

    /// Proves that whoever holds `link_key` is one of the partners.
    ///
    /// `link_key` is the key that signed the TLS handshake, `evidence` the bytes of the certificate's
    /// extension. A grant that begins within [`limits::CLOCK_TOLERANCE`] from `now` has begun.
    ///
    /// A grant that the keyring held does not list is believed: it may be newer than the keyring. To
    /// end one, the economy revokes its key; leaving it out of a keyring does not. A frozen economy is
    /// let in, as its next root's keyring may come over this very link; the decision withholds all else.
    pub fn authenticate(
        &self,
        link_key: KeyId,
        evidence: &[u8],
        now: Timestamp,
    ) -> Result<AuthenticatedPartner, AuthenticationError> {
        let evidence = LinkEvidence::decode(evidence)?;
        let economy = evidence.grant.grant().economy;
        let keyring = self.partners.get(&economy).ok_or(AuthenticationError::NotPaired(economy))?;
        let chain = RootChain::follow(&keyring.keyring().genesis, &evidence.rotations)?;
        if !keyring.chain().continued_by(&chain) {
            return Err(AuthenticationError::ReplacedRoot);
        }
        let grant = evidence.grant.verify(economy, chain.current().keys())?;
        check_grant(grant, link_key, now)?;
        // A compromised key is not let in even before the instant from which it is distrusted.
        match keyring.revocation(link_key) {
            Some(revocation) if revocation.compromised || revocation.at <= now => {
                Err(AuthenticationError::Revoked(link_key))
            }
            Some(_) | None => {
                let (granted_until, chain) = (grant.until, Arc::new(chain));
                Ok(AuthenticatedPartner { economy, link_key, granted_until, chain })
            }
        }
    }

    /// Whether a partner that was authenticated earlier still would be: asked of live links when a
    /// keyring or the set has changed, and when a grant's end comes.
    ///
    /// What a root set granted ends with it, so that a thief of the root is put out by the rotation,
    /// whoever brought word of it.
    #[must_use]
    pub fn still_admits(&self, partner: &AuthenticatedPartner, now: Timestamp) -> bool {
        let revoked = |keyring: &VerifiedKeyring| {
            keyring
                .revocation(partner.link_key)
                .is_some_and(|revocation| revocation.compromised || revocation.at <= now)
        };
        // A root set that we have not heard of yet may have granted the key.
        let replaced = |keyring: &VerifiedKeyring| !keyring.chain().continued_by(&partner.chain);
        let keyring = self.partners.get(&partner.economy);
        now < partner.granted_until
            && keyring.is_some_and(|keyring| !revoked(keyring) && !replaced(keyring))
    }
}

fn check_grant(grant: &Grant, link_key: KeyId, now: Timestamp) -> Result<(), AuthenticationError> {
    if grant.key != link_key {
        return Err(AuthenticationError::OtherKey { granted: grant.key, used: link_key });
    }
    if grant.role != Role::Link || grant.unknown {
        return Err(AuthenticationError::NotALinkKey(link_key));
    }
    if grant.from > now.saturating_add(limits::CLOCK_TOLERANCE) {
        return Err(AuthenticationError::NotYet(grant.from));
    }
    if grant.until <= now {
        return Err(AuthenticationError::Ended(grant.until));
    }
    Ok(())
}

/// A paired economy at the other end of a link. Made by [`PartnerSet::authenticate`] only.
///
/// ```compile_fail
/// use comity_core::{EconomyId, KeyId, Timestamp, partners::AuthenticatedPartner};
/// let forged = AuthenticatedPartner {
///     economy: EconomyId([0; 32]),
///     link_key: KeyId([0; 32]),
///     granted_until: Timestamp::MAX,
///     chain: todo!(),
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatedPartner {
    economy: EconomyId,
    link_key: KeyId,
    granted_until: Timestamp,
    /// The root sets up to the one that granted the key.
    chain: Arc<RootChain>,
}

impl AuthenticatedPartner {
    /// The economy.
    #[must_use]
    pub fn economy(&self) -> EconomyId {
        self.economy
    }

    /// The key with which it authenticated, and signs receipts.
    #[must_use]
    pub fn link_key(&self) -> KeyId {
        self.link_key
    }

    /// When the key's grant ends: the link must be made anew by then.
    #[must_use]
    pub fn granted_until(&self) -> Timestamp {
        self.granted_until
    }
}

/// Why a peer is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// The evidence is malformed, or not signed by the economy's root.
    #[error("certificate's evidence is not believed: {0}")]
    Evidence(#[from] KeyringError),
    /// No such partner.
    #[error("economy {0} is not paired with")]
    NotPaired(EconomyId),
    /// The root set that granted the key has been replaced.
    #[error("link key was granted by a root set that has been replaced")]
    ReplacedRoot,
    /// The grant is another key's.
    #[error("handshake is by key {used}, the grant for key {granted}")]
    OtherKey {
        /// The key granted.
        granted: KeyId,
        /// The key of the handshake.
        used: KeyId,
    },
    /// Granted for something else.
    #[error("key {0} is not granted for links")]
    NotALinkKey(KeyId),
    /// Too early: or one of the two clocks is wrong.
    #[error("link key is granted from {0} only: is the clock right?")]
    NotYet(Timestamp),
    /// Too late.
    #[error("link key's grant ended at {0}")]
    Ended(Timestamp),
    /// Revoked, or compromised.
    #[error("link key {0} has been revoked")]
    Revoked(KeyId),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::{KeyringBuilder, RootKeys, RootSet};
    use crate::sign::SecretKey;
    use crate::test_util::TestEconomy;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn world() -> (TestEconomy, PartnerSet) {
        let economy = TestEconomy::found(1).unwrap();
        let mut partners = PartnerSet::new();
        partners.insert(economy.keyring.clone());
        (economy, partners)
    }

    fn evidence(rotations: Vec<Countersigned>, grant: Grant, root: &SecretKey) -> Vec<u8> {
        let grant = SignedGrant::sign(grant, &[root]).unwrap();
        LinkEvidence { rotations, grant }.encode()
    }

    fn link_grant(economy: &TestEconomy, link: &SecretKey) -> Grant {
        Grant::link(economy.id(), link.public(), TestEconomy::FROM, TestEconomy::UNTIL)
    }

    #[test]
    fn a_paired_economy_proves_itself() {
        let (economy, partners) = world();
        let partner = partners.authenticate(economy.link.id(), &economy.evidence(), NOW).unwrap();
        assert_eq!(partner.economy(), economy.id());
        assert_eq!(partner.link_key(), economy.link.id());
        assert_eq!(partner.granted_until(), TestEconomy::UNTIL);
        assert!(partners.still_admits(&partner, NOW));
        assert!(!partners.still_admits(&partner, TestEconomy::UNTIL));
    }

    #[test]
    fn a_link_key_that_was_replaced_meanwhile_proves_itself() {
        let (economy, partners) = world();
        let link = SecretKey::from_seed(&[70; 32]);
        let bytes = evidence(Vec::new(), link_grant(&economy, &link), &economy.root);
        assert!(partners.authenticate(link.id(), &bytes, NOW).is_ok());
        // Under a root set that the partner has not heard of either.
        let set = TestEconomy::genesis(&economy.next_root, &SecretKey::from_seed(&[71; 32]));
        let rotated = KeyringBuilder::follow(&economy.keyring)
            .rotate(set)
            .grant(link_grant(&economy, &link))
            .sign(&[&economy.root, &economy.next_root])
            .unwrap();
        let bytes = rotated.link_evidence(link.id(), NOW).unwrap().encode();
        assert!(partners.authenticate(link.id(), &bytes, NOW).is_ok());
    }

    #[test]
    fn a_replaced_root_grants_no_links() {
        let (economy, mut partners) = world();
        let set = TestEconomy::genesis(&economy.next_root, &SecretKey::from_seed(&[71; 32]));
        let rotated = KeyringBuilder::follow(&economy.keyring)
            .rotate(set)
            .sign(&[&economy.next_root])
            .unwrap();
        partners.insert(rotated);
        assert_eq!(
            partners.authenticate(economy.link.id(), &economy.evidence(), NOW),
            Err(AuthenticationError::ReplacedRoot)
        );
    }

    #[test]
    fn a_rotation_ends_what_the_replaced_root_admitted_and_nothing_else() {
        let (economy, mut partners) = world();
        let link = SecretKey::from_seed(&[70; 32]);
        // The thief of the root grants itself a link key that no keyring ever lists.
        let forged = evidence(Vec::new(), link_grant(&economy, &link), &economy.root);
        let thief = partners.authenticate(link.id(), &forged, NOW).unwrap();
        let old = partners.authenticate(economy.link.id(), &economy.evidence(), NOW).unwrap();
        let last = SecretKey::from_seed(&[71; 32]);
        let set = TestEconomy::genesis(&economy.next_root, &last);
        let rescued = KeyringBuilder::follow(&economy.keyring)
            .rotate(set)
            .sign(&[&economy.next_root])
            .unwrap();
        // The economy itself connects before anybody here has heard of its rotation.
        let bytes = rescued.link_evidence(economy.link.id(), NOW).unwrap().encode();
        let early = partners.authenticate(economy.link.id(), &bytes, NOW).unwrap();
        assert!([&thief, &old, &early].iter().all(|one| partners.still_admits(one, NOW)));

        partners.insert(rescued.clone());
        assert!(!partners.still_admits(&thief, NOW));
        assert!(!partners.still_admits(&old, NOW), "the key is granted anew, by another root");
        assert!(partners.still_admits(&early, NOW));
        // The other successor that the replaced set could have been given is no continuation.
        let set = TestEconomy::genesis(&economy.next_root, &SecretKey::from_seed(&[72; 32]));
        let other = KeyringBuilder::follow(&economy.keyring)
            .rotate(set)
            .sign(&[&economy.next_root])
            .unwrap();
        partners.insert(other);
        assert!(!partners.still_admits(&early, NOW));
    }

    #[test]
    fn every_wrong_grant_has_its_own_name() {
        let (economy, partners) = world();
        let link = SecretKey::from_seed(&[70; 32]);
        let good = link_grant(&economy, &link);
        let refused = |grant: Grant, root: &SecretKey| {
            partners.authenticate(link.id(), &evidence(Vec::new(), grant, root), NOW).unwrap_err()
        };
        let root = &economy.root;
        let thief = SecretKey::from_seed(&[99; 32]);
        assert!(matches!(
            refused(good.clone(), &thief),
            AuthenticationError::Evidence(KeyringError::TooFewSignatures { .. })
        ));
        assert!(matches!(
            refused(link_grant(&economy, &thief), root),
            AuthenticationError::OtherKey { .. }
        ));
        let author = Grant { role: Role::Author, ..good.clone() };
        assert_eq!(refused(author, root), AuthenticationError::NotALinkKey(link.id()));
        let late = NOW.saturating_add(limits::CLOCK_TOLERANCE);
        let later = late.saturating_add(std::time::Duration::from_millis(1));
        let early = Grant { from: later, ..good.clone() };
        assert_eq!(refused(early, root), AuthenticationError::NotYet(later));
        let just = evidence(Vec::new(), Grant { from: late, ..good.clone() }, root);
        assert!(partners.authenticate(link.id(), &just, NOW).is_ok());
        let ended = Grant { until: NOW, ..good.clone() };
        assert_eq!(refused(ended, root), AuthenticationError::Ended(NOW));
        let stranger = EconomyId([9; 32]);
        let other = Grant { economy: stranger, ..good };
        assert_eq!(refused(other, root), AuthenticationError::NotPaired(stranger));
    }

    #[test]
    fn revocation_and_removal_end_what_was_admitted() {
        let (mut economy, mut partners) = world();
        let (link, evidence) = (economy.link.clone(), economy.evidence());
        let partner = partners.authenticate(link.id(), &evidence, NOW).unwrap();
        let later = NOW.saturating_add(std::time::Duration::from_secs(60));
        economy.revoke(&link, later, false).unwrap();
        partners.insert(economy.keyring.clone());
        assert!(partners.still_admits(&partner, NOW));
        assert!(!partners.still_admits(&partner, later));
        assert_eq!(
            partners.authenticate(link.id(), &evidence, later),
            Err(AuthenticationError::Revoked(link.id()))
        );
        economy.revoke(&link, later, true).unwrap();
        partners.insert(economy.keyring.clone());
        assert!(!partners.still_admits(&partner, NOW), "compromised: at once");
        assert!(partners.authenticate(link.id(), &evidence, NOW).is_err());
        partners.remove(economy.id());
        assert_eq!(
            partners.authenticate(link.id(), &evidence, NOW),
            Err(AuthenticationError::NotPaired(economy.id()))
        );
        assert!(!partners.still_admits(&partner, NOW));
    }

    #[test]
    fn evidence_is_read_strictly() {
        let (economy, partners) = world();
        let whole = economy.evidence();
        for length in 0..whole.len() {
            let refused = partners.authenticate(economy.link.id(), &whole[..length], NOW);
            assert!(matches!(refused, Err(AuthenticationError::Evidence(_))), "{length} bytes");
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert!(partners.authenticate(economy.link.id(), &longer, NOW).is_err());
        let huge = vec![0; limits::LINK_EVIDENCE_BYTES + 1];
        assert!(partners.authenticate(economy.link.id(), &huge, NOW).is_err());
    }

    #[test]
    fn the_longest_lasting_grant_goes_into_the_certificate() {
        let (economy, partners) = world();
        let until = TestEconomy::UNTIL.saturating_add(std::time::Duration::from_secs(1));
        let renewed = Grant { until, ..link_grant(&economy, &economy.link) };
        let keyring =
            KeyringBuilder::follow(&economy.keyring).grant(renewed).sign(&[&economy.root]).unwrap();
        let evidence = keyring.link_evidence(economy.link.id(), NOW).unwrap().encode();
        let partner = partners.authenticate(economy.link.id(), &evidence, NOW).unwrap();
        assert_eq!(partner.granted_until(), until);
        assert!(keyring.link_evidence(economy.author.id(), NOW).is_none());
    }

    #[test]
    fn a_chain_of_another_genesis_is_not_followed() {
        let (economy, partners) = world();
        let other = TestEconomy::found(2).unwrap();
        let set = RootSet::new(RootKeys::single(other.next_root.public()), crate::Digest::ZERO);
        let rotated =
            KeyringBuilder::follow(&other.keyring).rotate(set).sign(&[&other.next_root]).unwrap();
        let grant = link_grant(&economy, &other.link);
        let bytes = evidence(rotated.keyring().rotations.clone(), grant, &other.next_root);
        assert!(matches!(
            partners.authenticate(other.link.id(), &bytes, NOW),
            Err(AuthenticationError::Evidence(KeyringError::OtherEconomy { .. }))
        ));
    }
}
