//! What kind of trouble a link has: it says whose turn it is.

use serde::{Deserialize, Serialize};

/// The kind of what went wrong last with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// The partner speaks no version of the link that this node speaks.
    Version,
    /// What answers does not speak the protocol of a link at all, or another one alone.
    Protocol,
    /// The partner has no key exchange that this node takes.
    KeyExchange,
    /// One of the two ended the pairing or the key.
    Ended,
    /// The partner answers, and does not let this node in.
    Refused,
    /// Anything else: most of it is the path between the two.
    Other,
}

impl TroubleKind {
    /// What mends it, where that is known. `partner` as it is typed; `comity` as the program is called.
    #[must_use]
    pub fn mend(self, partner: &str, comity: &str) -> Option<String> {
        match self {
            Self::Version => Some(
                "one of the two needs the newer comity: compare what `comity --version` says at both"
                    .to_owned(),
            ),
            Self::Protocol => Some(format!(
                "ask its operator which comity runs there and at which address: what answers is another version or no node; if it has moved: {comity} partner reach {partner} HOST:PORT"
            )),
            Self::KeyExchange => Some(
                "ask its operator for a newer comity, which has X25519MLKEM768; until then X25519 may be allowed to it alone: allow-x25519 in comity.toml"
                    .to_owned(),
            ),
            Self::Ended => Some(format!(
                "ask its operator: if it has ended the pairing, {comity} partner remove {partner} and pair anew"
            )),
            // It has answered, so the way there is open.
            Self::Refused => Some(
                "ask its operator: it answers and does not let this node in, because it has suspended or ended the pairing, or does not know the key"
                    .to_owned(),
            ),
            Self::Other => None,
        }
    }
}
