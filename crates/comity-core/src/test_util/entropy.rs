//! Randomness that can be repeated.

use crate::digest::Digest;
use crate::entropy::Entropy;

/// Bytes that follow from a seed: SHA-256 over it and a counter. For tests and simulations only.
#[derive(Clone, Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: u64,
}

impl SeededEntropy {
    /// The same seed gives the same bytes.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let pieces = [&self.seed.to_be_bytes()[..], &self.drawn.to_be_bytes()];
            let block = Digest::of_all("comity/seeded-entropy/1", &pieces);
            self.drawn = self.drawn.wrapping_add(1);
            for (byte, random) in chunk.iter_mut().zip(block.as_bytes()) {
                *byte = *random;
            }
        }
    }
}
