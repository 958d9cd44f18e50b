//! Files of keyrings: whoever has one needs no node to judge what its economy signed.

use std::fs::File;
use std::io;
use std::path::Path;

use comity_admin::{Failure, FailureKind};
use comity_core::keyring::{SignedKeyring, VerifiedKeyring};

use crate::folder;

/// Bytes of a keyring's file at most.
const KEYRING_BYTES: u64 = 16 << 20;

/// A keyring as `audit export --keyring` writes it, or as it lies beside a node's keys.
pub(in crate::commands) fn read(path: &Path) -> Result<VerifiedKeyring, Failure> {
    let unreadable = |error: io::Error| folder::unreadable(path, &error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    io::Read::read_to_end(&mut io::Read::take(file, KEYRING_BYTES), &mut bytes)
        .map_err(unreadable)?;
    let shown = path.display().to_string();
    match std::str::from_utf8(&bytes) {
        Ok(text) => decoded(text.trim(), &shown),
        Err(_binary) => proved(&bytes, &shown),
    }
}

/// One in base 64, as the node gives it.
pub(in crate::commands) fn decoded(text: &str, from: &str) -> Result<VerifiedKeyring, Failure> {
    let bytes = comity_node::service::from_base64(text);
    let bytes = bytes.map_err(|_no_base64| no_keyring(from, "it is no base 64"))?;
    proved(&bytes, from)
}

/// A keyring proves by itself of which economy it is.
fn proved(bytes: &[u8], from: &str) -> Result<VerifiedKeyring, Failure> {
    let keyring = SignedKeyring::decode(bytes).and_then(|keyring| keyring.verify(None));
    keyring.map_err(|error| no_keyring(from, &error.to_string()))
}

fn no_keyring(from: &str, why: &str) -> Failure {
    Failure::new(FailureKind::Data, "no-keyring", format!("`{from}` has no keyring: {why}"))
        .next("ask the economy for it: comity audit export --keyring FILE writes it")
}
