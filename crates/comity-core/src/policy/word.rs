//! Short texts within facts, small enough to copy.

use std::fmt;

/// The longest word that is kept whole, in bytes.
const MOST: usize = 30;

/// A category or the name of a rule, cut short where it is long.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word {
    bytes: [u8; MOST],
    length: u8,
    cut: bool,
}

impl Word {
    /// The beginning of `text`, and all of it where it is short.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let length = text.floor_char_boundary(MOST);
        let mut bytes = [0; MOST];
        for (place, byte) in bytes.iter_mut().zip(text.bytes().take(length)) {
            *place = byte;
        }
        let cut = length < text.len();
        Self { bytes, length: u8::try_from(length).unwrap_or_default(), cut }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        f.write_str(std::str::from_utf8(kept).unwrap_or_default())?;
        if self.cut { f.write_str("…") } else { Ok(()) }
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_word_is_cut_between_characters() {
        assert_eq!(Word::new("energy").to_string(), "energy");
        assert_eq!(Word::new("").to_string(), "");
        let long = format!("{}é", "x".repeat(29));
        assert_eq!(Word::new(&long).to_string(), format!("{}…", "x".repeat(29)));
        assert_eq!(Word::new(&"x".repeat(30)).to_string(), "x".repeat(30));
    }
}
