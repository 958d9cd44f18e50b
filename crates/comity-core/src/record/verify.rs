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
    pub(crate) fn sign(manifest: &Manifest, key: &SecretKey) -> Result<Self, RecordError> {
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

#[cfg(test)]
mod tests {
    use coset::{CborSerializable as _, CoseSign1, iana};

    use super::*;
    use crate::cbor::Writer;
    use crate::identity::EconomyId;
    use crate::marking::{Marking, Tlp};
    use crate::record::{Draft, control};
    use crate::test_util::SeededEntropy;
    use crate::time::Timestamp;
    use crate::vocabulary::{Kind, Section};

    const ORIGIN: EconomyId = EconomyId([9; 32]);

    fn key() -> SecretKey {
        SecretKey::from_seed(&[1; 32])
    }

    #[test]
    fn another_library_reads_the_envelope_and_rebuilds_what_was_signed() {
        let record =
            control(Kind::Contact, vec![0xa0], Tlp::Green, &key(), ORIGIN, Timestamp::EPOCH)
                .unwrap();
        // Without the form number before it, the rest is an untagged COSE_Sign1.
        let sign1 = CoseSign1::from_slice(record.signed().get(2..).unwrap()).unwrap();
        let algorithm = coset::RegisteredLabelWithPrivate::Assigned(iana::Algorithm::EdDSA);
        assert_eq!(sign1.protected.header.alg, Some(algorithm));
        assert_eq!(sign1.protected.header.key_id, key().id().0);
        assert!(sign1.unprotected.is_empty());
        let signed = crate::sign::sig_structure(
            key().id(),
            domains::SIGN_RECORD,
            sign1.payload.as_deref().unwrap(),
        );
        assert_eq!(sign1.tbs_data(domains::SIGN_RECORD.as_bytes()), signed);
    }

    #[test]
    fn the_id_does_not_depend_on_the_signature() {
        let record =
            control(Kind::Contact, vec![0xa0], Tlp::Green, &key(), ORIGIN, Timestamp::EPOCH)
                .unwrap();
        let mut other = record.signed().to_vec();
        *other.last_mut().unwrap() ^= 1;
        let other = parse(&other).unwrap();
        assert_eq!(other.id(), record.id());
        assert_eq!(other.verify().unwrap_err().code(), "bad-signature");
    }

    #[test]
    fn a_part_is_free_to_stay_behind() {
        let header = |section| Header {
            marking: Some(Marking::new(Tlp::Amber)),
            ..Header::new(section, "text/plain")
        };
        let mut draft = Draft::new(Kind::Incident);
        draft.parts.push((header(Section::Summary), b"short".to_vec()));
        draft.parts.push((header(Section::Detail), b"long".to_vec()));
        let entropy = &mut SeededEntropy::new(7);
        let composed = draft.sign(&key(), ORIGIN, Timestamp::EPOCH, entropy).unwrap();
        let received = parse(composed.record.signed()).unwrap().verify().unwrap();
        let detail = composed.parts.last().unwrap();
        assert_eq!(received.check_part(detail.bytes.clone()).as_ref(), Ok(detail));
    }

    #[test]
    fn an_unknown_header_stays_unknown_when_it_is_written_again() {
        let mut writer = Writer::new();
        writer.map(4).key(0).uint(0).key(1).array(1).uint(0).key(2).text("text/plain");
        writer.key(30).bool(true);
        let header = Header::decode(&writer.into_bytes()).unwrap();
        assert!(header.unknown);
        assert_eq!(Header::decode(&header.encode()), Ok(header));
    }
}
