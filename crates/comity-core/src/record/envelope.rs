//! The signed forms: what a signature is wrapped in when it travels.
//!
//! Form 0 is `[0, COSE_Sign1]` with `COSE_Sign1 = [protected, {}, payload, signature]` (RFC 9052
//! section 4.2, untagged). Only one protected header is accepted for a key, `{1: -8, 4: key}`, so the
//! bytes that were signed can be rebuilt from the key, the domain and the payload.

use std::ops::Range;

use super::RecordError;
use crate::cbor::{Problem, Reader, Writer};
use crate::identity::KeyId;
use crate::limits;
use crate::sign::{Signature, protected_header};

/// EdDSA (RFC 9053 section 2.2).
const EDDSA: i64 = -8;

/// Form 0, taken apart.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) key: KeyId,
    /// Where the payload stands in the signed bytes.
    pub(super) payload: Range<usize>,
    pub(super) signature: Signature,
}

impl Envelope {
    pub(super) fn read(signed: &[u8]) -> Result<Self, RecordError> {
        if signed.len() > limits::SIGNED_BYTES {
            return Err(RecordError::RecordTooLarge);
        }
        let mut reader = Reader::new(signed);
        let length = reader.array(limits::LIST)?;
        let form = reader.uint()?;
        if form != 0 {
            // Strictness comes first, so that bytes that can never be right are not called unsupported.
            for _ in 1..length {
                reader.skip()?;
            }
            reader.finish()?;
            return Err(RecordError::UnsupportedForm(form));
        }
        if length != 2 {
            let problem = if length < 2 { Problem::MissingField } else { Problem::UnknownField };
            return Err(reader.fault(problem).into());
        }
        let envelope = read_sign1(&mut reader)?;
        reader.finish()?;
        Ok(envelope)
    }

    pub(super) fn write(key: KeyId, payload: &[u8], signature: &Signature) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(2).uint(0).array(4);
        writer.bytes(&protected_header(key)).map(0).bytes(payload).bytes(signature);
        writer.into_bytes()
    }
}

fn read_sign1(reader: &mut Reader<'_>) -> Result<Envelope, RecordError> {
    reader.tuple(4)?;
    let key = read_protected(reader.bytes(limits::TEXT_BYTES)?)?;
    let mut unprotected = reader.map(limits::LIST)?;
    if !matches!(unprotected.next_key(reader), Ok(None)) {
        return Err(RecordError::UnprotectedHeader);
    }
    if reader.take_null() {
        return Err(RecordError::NilPayload);
    }
    let length = reader.bytes(usize::MAX)?.len();
    let payload = reader.offset().saturating_sub(length)..reader.offset();
    let signature: &[u8] = reader.bytes(usize::MAX)?;
    let signature = signature.try_into().map_err(|_length| RecordError::SignatureLength)?;
    reader.leave();
    if length > limits::MANIFEST_BYTES {
        return Err(RecordError::ManifestTooLarge);
    }
    Ok(Envelope { key, payload, signature })
}

fn read_protected(bytes: &[u8]) -> Result<KeyId, RecordError> {
    // RFC 9052 section 3: the empty map is encoded as an empty string.
    if bytes.is_empty() {
        return Err(RecordError::MissingAlgorithm);
    }
    let mut reader = Reader::new(bytes);
    let (mut algorithm, mut key) = (None, None);
    let mut labels = reader.map(limits::LIST)?;
    while let Some(label) = labels.next_key(&mut reader)? {
        match label {
            1 => algorithm = Some(reader.int()?),
            4 => key = Some(KeyId(reader.array_of()?)),
            _ => return Err(RecordError::ProtectedHeader(label)),
        }
    }
    reader.finish()?;
    match algorithm {
        None => Err(RecordError::MissingAlgorithm),
        Some(EDDSA) => key.ok_or(RecordError::MissingKeyId),
        Some(other) => Err(RecordError::UnsupportedAlgorithm(other)),
    }
}
