//! From bytes to a record that its author signed, and to the parts that belong to it.

use std::ops::Range;

use bytes::Bytes;

use super::envelope::Envelope;
use super::{Header, Manifest, Part, PartEntry, RecordError, SizeClass};
use crate::digest::{Digest, domains};
use crate::identity::{PartDigest, RecordId};
use crate::sign::{PublicKey, SecretKey, Signature};

/// A record of the right shape whose signature nobody has checked.
#[derive(Clone, Debug)]
pub struct UnverifiedRecord {
    record: VerifiedRecord,
    signature: Signature,
}

/// A record that is of the right shape and that its author's key signed.
///
/// Whether the author was entitled to sign it is another question, which the keyring answers.
/// [`UnverifiedRecord::verify`] and [`super::Draft::sign`] are the only ways to one:
///
/// ```compile_fail,E0451
/// # fn made(manifest: comity_core::record::Manifest) -> comity_core::record::VerifiedRecord {
/// comity_core::record::VerifiedRecord { manifest, ..todo!() }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct VerifiedRecord {
    id: RecordId,
    manifest: Manifest,
    signed: Bytes,
    payload: Range<usize>,
}

/// Reads a signed record: its form, its limits, its CBOR and the rules of its kind, all but the signature.
pub fn parse(signed: &[u8]) -> Result<UnverifiedRecord, RecordError> {
    let Envelope { key, payload, signature } = Envelope::read(signed)?;
    let bytes = signed.get(payload.clone()).unwrap_or_default();
    let manifest = Manifest::decode(bytes)?;
    if manifest.author != key {
        return Err(RecordError::KeyIdMismatch);
    }
    let id = Digest::of(domains::RECORD_ID, bytes).into();
    let record = VerifiedRecord { id, manifest, signed: Bytes::copy_from_slice(signed), payload };
    Ok(UnverifiedRecord { record, signature })
}

impl UnverifiedRecord {
    /// The digest of the manifest's bytes.
    #[must_use]
    pub fn id(&self) -> RecordId {
        self.record.id
    }

    /// What the record claims.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.record.manifest
    }

    /// Checks the author's key and signature.
    pub fn verify(self) -> Result<VerifiedRecord, RecordError> {
        PublicKey::from_id(self.record.manifest.author)?.verify(
            domains::SIGN_RECORD,
            self.record.manifest_bytes(),
            &self.signature,
        )?;
        Ok(self.record)
    }
}

impl VerifiedRecord {
    /// Signs a manifest. It goes through [`parse`] like any other, so that nothing is ever signed that
    /// a partner would refuse.
    pub(super) fn sign(manifest: &Manifest, key: &SecretKey) -> Result<Self, RecordError> {
        let payload = manifest.encode();
        let signature = key.sign(domains::SIGN_RECORD, &payload);
        parse(&Envelope::write(key.id(), &payload, &signature)).map(|signed| signed.record)
    }

    /// The digest of the manifest's bytes.
    #[must_use]
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// What the author signed.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The manifest as it was signed.
    #[must_use]
    pub fn manifest_bytes(&self) -> &[u8] {
        self.signed.get(self.payload.clone()).unwrap_or_default()
    }

    /// The signed form, as it travels.
    #[must_use]
    pub fn signed(&self) -> &Bytes {
        &self.signed
    }

    /// The manifest's line for a part, or for padding.
    #[must_use]
    pub fn entry(&self, digest: &PartDigest) -> Option<&PartEntry> {
        let parts = &self.manifest.parts;
        parts.binary_search_by_key(digest, |entry| entry.digest).ok().and_then(|at| parts.get(at))
    }

    /// Reads a part and checks that it belongs to this record: listed, of the size class that the
    /// manifest says, marked no looser than the floor, and, if it names an addressee, with a list of
    /// parts of this record.
    pub fn check_part(&self, bytes: Bytes) -> Result<Part, RecordError> {
        let part = Part::decode(bytes)?;
        self.check(&part)?;
        Ok(part)
    }

    pub(super) fn check(&self, part: &Part) -> Result<(), RecordError> {
        let entry = self.entry(&part.digest).ok_or(RecordError::UnlistedPart)?;
        if SizeClass::of(part.bytes.len()) != Some(entry.size) {
            return Err(RecordError::WrongSizeClass);
        }
        self.check_marking(&part.header)?;
        let Some(addressee) = &part.header.addressee else { return Ok(()) };
        if !self.manifest.addressed {
            return Err(RecordError::NotAddressed);
        }
        if addressee.parts.iter().any(|digest| self.entry(digest).is_none()) {
            return Err(RecordError::AddresseeLists);
        }
        Ok(())
    }

    fn check_marking(&self, header: &Header) -> Result<(), RecordError> {
        let Some(own) = &header.marking else { return Ok(()) };
        let floor = &self.manifest.floor;
        // Two markings cannot be compared where one says something that is not known here. Neither is
        // ever released.
        if own.unknown || floor.unknown || own.at_least(floor) {
            return Ok(());
        }
        Err(RecordError::BelowFloor)
    }
}
