//! What the operators of both ends of a pairing ceremony confirmed, as it is written down.

use crate::digest::{Digest, domains};
use crate::identity::KeyId;
use crate::keyring::{Role, VerifiedKeyring};
use crate::sign::{PublicKey, SecretKey, Signature};

/// Both confirmations of a pairing ceremony. They stand in the journal before a link exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceremony {
    /// The digest over everything that both ends saw: the channel, the ticket, both keyrings and keys.
    pub transcript: Digest,
    /// Whether our side had issued the ticket.
    pub inviter: bool,
    /// The link key of our side.
    pub our_key: KeyId,
    /// Its signature: our operator typed the right digits.
    pub ours: Signature,
    /// The partner's link key.
    pub their_key: KeyId,
    /// Its signature: the partner's operator did.
    pub theirs: Signature,
}

/// Why a ceremony is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CeremonyError {
    /// A signature is not that of its key over the transcript, in its role.
    #[error("a confirmation of the pairing does not verify")]
    Confirmation,
    /// A key is not granted as a link key by the keyring of its side, or was revoked.
    #[error("key {0}, which confirmed the pairing, is not a link key of its economy")]
    NotALinkKey(KeyId),
}

impl Ceremony {
    /// The confirmation of one side: its role is signed too, so that one sent back to its maker is not
    /// the other end's.
    #[must_use]
    pub fn confirm(key: &SecretKey, transcript: &Digest, inviter: bool) -> Signature {
        key.sign(domains::SIGN_PAIRING, &confirmed(transcript, inviter))
    }

    /// Whether a side's confirmation is that of its key.
    pub fn check(
        key: KeyId,
        transcript: &Digest,
        inviter: bool,
        signature: &Signature,
    ) -> Result<(), CeremonyError> {
        PublicKey::from_id(key)
            .map_err(|_unsound| CeremonyError::Confirmation)?
            .verify(domains::SIGN_PAIRING, &confirmed(transcript, inviter), signature)
            .map_err(|_opaque| CeremonyError::Confirmation)
    }

    /// Whether both sides confirmed, each with a link key of its own.
    pub fn verify(
        &self,
        ours: &VerifiedKeyring,
        theirs: &VerifiedKeyring,
    ) -> Result<(), CeremonyError> {
        for (key, keyring) in [(self.our_key, ours), (self.their_key, theirs)] {
            let granted = keyring.grants_of(key).any(|grant| grant.role == Role::Link);
            if !granted || keyring.revocation(key).is_some() {
                return Err(CeremonyError::NotALinkKey(key));
            }
        }
        Self::check(self.our_key, &self.transcript, self.inviter, &self.ours)?;
        Self::check(self.their_key, &self.transcript, !self.inviter, &self.theirs)
    }
}

fn confirmed(transcript: &Digest, inviter: bool) -> Vec<u8> {
    let mut payload = transcript.as_bytes().to_vec();
    payload.push(u8::from(!inviter));
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::TestEconomy;

    #[test]
    fn both_must_have_confirmed_the_same_each_with_its_own_key_in_its_own_role() {
        let [ours, theirs] = [1, 2].map(|seed| TestEconomy::found(seed).unwrap());
        let transcript = Digest([7; 32]);
        let good = Ceremony {
            transcript,
            inviter: true,
            our_key: ours.link.id(),
            ours: Ceremony::confirm(&ours.link, &transcript, true),
            their_key: theirs.link.id(),
            theirs: Ceremony::confirm(&theirs.link, &transcript, false),
        };
        let verify = |ceremony: &Ceremony| ceremony.verify(&ours.keyring, &theirs.keyring);
        assert_eq!(verify(&good), Ok(()));
        let wrong = Err(CeremonyError::Confirmation);
        assert_eq!(verify(&Ceremony { transcript: Digest([8; 32]), ..good.clone() }), wrong);
        assert_eq!(verify(&Ceremony { inviter: false, ..good.clone() }), wrong);
        assert_eq!(verify(&Ceremony { theirs: [0; 64], ..good.clone() }), wrong);
        // Our own confirmation, sent back to us.
        let mirrored = Ceremony { theirs: good.ours, ..good.clone() };
        assert_eq!(verify(&mirrored), wrong);
        let strange = theirs.author.id();
        let other = Ceremony {
            their_key: strange,
            theirs: Ceremony::confirm(&theirs.author, &transcript, false),
            ..good.clone()
        };
        assert_eq!(verify(&other), Err(CeremonyError::NotALinkKey(strange)));
    }
}
