//! What workers bring back to the engine, and where they find it.

use bytes::Bytes;
use comity_core::keyring::{KeyringError, SignedKeyring, VerifiedKeyring};
use comity_core::record::{Part, RecordError, VerifiedRecord};
use comity_core::{Kind, PartDigest};
use comity_store::Unfinished;

/// What was read for [`Effect::Load`](super::Effect::Load).
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The record's signed form.
    pub signed: Bytes,
    /// The parts, in the order asked for.
    pub parts: Vec<(PartDigest, Bytes)>,
}

/// What [`Effect::Verify`](super::Effect::Verify) established.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The record, its signature verified.
    pub record: VerifiedRecord,
    /// The parts, each listed in the manifest.
    pub parts: Vec<Part>,
    /// The keyring that a keyring's record carries, or why it is not believed.
    pub(super) keyring: Option<Result<VerifiedKeyring, KeyringError>>,
}

impl Checked {
    /// A record with these parts of it. Verifies the keyring that it carries, if it carries one: up to
    /// thousands of signatures, so not on the engine's own thread where a partner sent it.
    #[must_use]
    pub fn new(record: VerifiedRecord, parts: Vec<Part>) -> Self {
        let manifest = record.manifest();
        let body = manifest.body.as_deref().filter(|_| manifest.kind == Kind::Keyring);
        let keyring = body.map(|body| SignedKeyring::decode(body)?.verify(Some(manifest.origin)));
        Self { record, parts, keyring }
    }

    /// The keyring that it carries, if that is believed.
    pub(super) fn carried(&self) -> Option<&VerifiedKeyring> {
        self.keyring.as_ref().and_then(|keyring| keyring.as_ref().ok())
    }
}

/// Where the bytes of a part are that is to be verified.
#[derive(Clone, Debug)]
pub enum PartSource {
    /// Here.
    Here(Bytes),
    /// In the store, every piece of it.
    Unfinished(Unfinished),
}

/// Why [`Effect::Verify`](super::Effect::Verify) established nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unverified {
    /// The record, or a part, is not what it should be.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What was kept of a part cannot be read.
    #[error("{0}")]
    Spoiled(String),
}
