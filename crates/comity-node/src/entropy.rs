//! The operating system's randomness.

use comity_core::Entropy;

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// # Panics
    ///
    /// Where the operating system gives none: nothing may be signed, salted or numbered then.
    #[expect(clippy::expect_used, reason = "a node without randomness must not go on")]
    fn fill(&mut self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives randomness");
    }
}
