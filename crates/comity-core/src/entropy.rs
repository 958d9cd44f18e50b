//! Randomness as an argument.

/// A source of unpredictable bytes.
///
/// The node passes the operating system's; the simulator passes a seeded one, so that a run can be
/// repeated. Salts, padding digests and epoch ids are drawn from it.
pub trait Entropy {
    /// Fills `buffer` with unpredictable bytes.
    fn fill(&mut self, buffer: &mut [u8]);
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, buffer: &mut [u8]) {
        (**self).fill(buffer);
    }
}

/// Draws `N` bytes from `entropy`.
pub fn draw<const N: usize>(entropy: &mut (impl Entropy + ?Sized)) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
