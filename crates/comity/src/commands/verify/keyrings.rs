//! What is known of an economy's keys beside the keyring in a file that it signed.
//!
//! Such a file brings its keyring along, as it was when the file was written, or as whoever wrote it wants
//! it to be. So it is judged by every keyring of the economy that is at hand, and by the newest of them:
//! one that says that the key was stolen ends all that it ever signed, whatever time that says.

use comity_admin::{Failure, ask};
use comity_core::keyring::{AdvanceError, KeyringHistory, Role, VerifiedKeyring};
use comity_core::{EconomyId, KeyId, Timestamp};
use comity_node::api::KeyringFile;

use super::super::Context;
use super::super::audit::keyring_file;
use crate::backend::Keys;
use crate::cli::Verify;

/// Keyrings that are at hand, and the node that is to be asked for others.
#[derive(Default)]
pub(super) struct Known<'a> {
    given: Vec<VerifiedKeyring>,
    node: Option<&'a Context<'a>>,
}

impl<'a> Known<'a> {
    /// Those that the command names, and what a node in the folder that it names holds.
    pub(super) fn at_hand(verify: &Verify, context: &'a Context<'a>) -> Result<Self, Failure> {
        let given = verify.keyring.iter().map(|path| keyring_file::read(path));
        let node = context.data.is_some().then_some(context);
        Ok(Self { given: given.collect::<Result<_, _>>()?, node })
    }

    /// The keyrings of the economy that a file in JSON says it is of; none, if it says none. Of an economy that
    /// the node does not know it has none either.
    pub(super) fn of_signer(&self, bytes: &[u8]) -> Result<Vec<VerifiedKeyring>, Failure> {
        signer(bytes).map_or_else(|| Ok(Vec::new()), |economy| self.of(economy))
    }

    /// The keyrings of an economy.
    pub(super) fn of(&self, economy: EconomyId) -> Result<Vec<VerifiedKeyring>, Failure> {
        let given = self.given.iter().filter(|keyring| keyring.economy() == economy);
        let mut keyrings: Vec<_> = given.cloned().collect();
        if let Some(context) = self.node {
            let (session, _) = context.session(Keys::Reading)?;
            let asked = ask::Named { name: economy.to_string() };
            match session.call::<_, KeyringFile>("/keyring", &asked) {
                Ok(found) => keyrings.push(keyring_file::decoded(&found.keyring, "the node")?),
                Err(failure) if failure.code == "no-partner" => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(keyrings)
    }
}

/// The version of the keyring, if one of these says that the key was stolen.
pub(super) fn stolen_by(keyrings: &[VerifiedKeyring], key: KeyId) -> Option<u64> {
    let stolen = |keyring: &&VerifiedKeyring| {
        keyring.revocation(key).is_some_and(|revocation| revocation.compromised)
    };
    keyrings.iter().filter(stolen).map(VerifiedKeyring::version).max()
}

#[derive(serde::Deserialize)]
struct Signed {
    economy: String,
}

/// The economy that the first line names.
fn signer(bytes: &[u8]) -> Option<EconomyId> {
    let first = bytes.split(|byte| *byte == b'\n').next()?;
    serde_json::from_slice::<Signed>(first).ok()?.economy.parse().ok()
}

/// Whether the economy's link key signed something at `written`: by the keyring that came with it, and by
/// what is known besides. The version of the newest.
pub(super) fn judge(
    came: &VerifiedKeyring,
    known: &[VerifiedKeyring],
    key: KeyId,
    written: Timestamp,
) -> Result<u64, String> {
    if !came.is_granted(key, Role::Link, written) {
        return Err(format!("its key was not the economy's at {written}"));
    }
    let keyrings = known.iter().filter(|keyring| keyring.economy() == came.economy());
    let mut history = KeyringHistory::start(came.clone());
    for keyring in std::iter::once(came).chain(keyrings) {
        let ended = keyring.revocation(key);
        if ended.is_some_and(|revocation| revocation.compromised) {
            return Err(format!(
                "its key was declared compromised in keyring version {}: whoever has it can date back what it signs",
                keyring.version()
            ));
        }
        if ended.is_some_and(|revocation| revocation.at <= written) {
            let version = keyring.version();
            return Err(format!(
                "its key had ended before {written}, by keyring version {version}"
            ));
        }
        match history.jump(keyring.clone()) {
            // What is older than another says no more than that one.
            Ok(_) | Err(AdvanceError::Older { .. } | AdvanceError::ReplacedRoot) => {}
            Err(
                error @ (AdvanceError::Fork(_)
                | AdvanceError::RevocationLost(_)
                | AdvanceError::Gap { .. }
                | AdvanceError::OtherEconomy { .. }),
            ) => {
                return Err(format!(
                    "its keyring and another one of that economy contradict each other: {error}"
                ));
            }
        }
    }
    let newest = history.current();
    // Nobody guards root keys that have been replaced: what they grant counts as far as those after them stand by it.
    let replaced = newest.chain().rotations().len() > came.chain().rotations().len();
    if replaced && !newest.is_granted(key, Role::Link, written) {
        return Err(format!(
            "its key was granted by root keys that have been replaced, and keyring version {} does not grant it for {written}",
            newest.version()
        ));
    }
    Ok(newest.version())
}
