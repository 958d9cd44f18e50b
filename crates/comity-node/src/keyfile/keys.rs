//! What a key file holds.

use std::collections::BTreeMap;

use comity_core::digest::read_hex;
use comity_core::sign::SecretKey;
use zeroize::Zeroizing;

use super::KeyFileError;

/// Keys of one file at most.
pub(super) const KEYS: usize = 64;
/// Bytes of a key's name at most.
const NAME_BYTES: usize = 32;

/// Named secret keys, erased from memory when dropped.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: BTreeMap<String, SecretKey>,
}

impl KeySet {
    /// No keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key, or puts it in the place of the one with that name. A name is 1 to 32 lower-case
    /// letters, digits and hyphens.
    pub fn insert(&mut self, name: &str, key: SecretKey) -> Result<(), KeyFileError> {
        if !is_name(name) {
            return Err(KeyFileError::Name(name.to_owned()));
        }
        if self.keys.len() >= KEYS && !self.keys.contains_key(name) {
            return Err(KeyFileError::TooManyKeys);
        }
        self.keys.insert(name.to_owned(), key);
        Ok(())
    }

    /// Takes a key out.
    pub fn remove(&mut self, name: &str) -> Option<SecretKey> {
        self.keys.remove(name)
    }

    /// The key with this name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&SecretKey> {
        self.keys.get(name)
    }

    /// The keys and their names, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretKey)> {
        self.keys.iter().map(|(name, key)| (name.as_str(), key))
    }

    pub(super) fn encode(&self) -> Zeroizing<String> {
        // Room for all from the start: a string that grows leaves copies of itself behind.
        let line = NAME_BYTES + 1 + 64 + 1;
        let mut text = Zeroizing::new(String::with_capacity(self.keys.len() * line));
        for (name, key) in &self.keys {
            text.push_str(name);
            text.push(' ');
            for byte in key.seed() {
                for digit in [byte >> 4, byte & 0xf] {
                    text.extend(char::from_digit(u32::from(digit), 16));
                }
            }
            text.push('\n');
        }
        text
    }

    pub(super) fn decode(text: &[u8]) -> Option<Self> {
        let mut set = Self::new();
        for line in std::str::from_utf8(text).ok()?.lines() {
            let (name, seed) = line.split_once(' ')?;
            let seed = Zeroizing::new(read_hex::<32>(seed)?);
            if set.keys.contains_key(name) {
                return None;
            }
            set.insert(name, SecretKey::from_seed(&seed)).ok()?;
        }
        Some(set)
    }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}
