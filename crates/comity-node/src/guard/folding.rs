//! Letters as strings are compared by: whether small or capital, composed or not, wide or narrow, and
//! without what is not seen.
//!
//! A text is folded as it is read, a window at a time: whatever its length, it takes no more memory.

use aho_corasick::{AhoCorasick, PatternID};
use unicode_normalization::UnicodeNormalization as _;

/// Bytes of a text that are searched at once, unless a string is longer than a quarter of that.
const WINDOW: usize = 64 * 1024;

/// As it is compared: compatibility forms composed (NFKC, UAX #15), then in capitals and then in small
/// letters, which folds what has no capital of its own (`ß`, `ς`).
pub(super) fn folded(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.filter(is_seen)
        .stream_safe()
        .nfkc()
        .filter(is_seen)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

/// Soft hyphens, joiners, marks of direction and selectors of variants change nothing that people read.
fn is_seen(one: &char) -> bool {
    !matches!(
        one,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The letters of bytes: UTF-16 where they begin with its mark, else UTF-8, in which whatever is none
/// parts two words.
pub(super) fn letters(bytes: &[u8]) -> Box<dyn Iterator<Item = char> + '_> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => Box::new(utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Box::new(utf16(rest, u16::from_be_bytes)),
        _ => Box::new(bytes.utf8_chunks().flat_map(|chunk| {
            let broken = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
            chunk.valid().chars().chain(broken)
        })),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> impl Iterator<Item = char> {
    let units = bytes.as_chunks::<2>().0.iter().copied().map(unit);
    char::decode_utf16(units).map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// Strings as they are compared.
pub(super) struct Folded {
    strings: AhoCorasick,
    longest: usize,
}

impl Folded {
    pub(super) fn of(strings: &[String]) -> Result<Self, aho_corasick::BuildError> {
        let longest = strings.iter().map(String::len).max().unwrap_or_default();
        Ok(Self { strings: AhoCorasick::new(strings)?, longest })
    }

    /// Every one that is in a text, as often as it is, until `found` has enough.
    pub(super) fn search(&self, bytes: &[u8], mut found: impl FnMut(PatternID) -> bool) {
        let most = WINDOW.max(self.longest.saturating_mul(4));
        let mut window = String::with_capacity(most.saturating_add(4));
        for one in folded(letters(bytes)) {
            window.push(one);
            if window.len() < most {
                continue;
            }
            if !self.look(&window, &mut found) {
                return;
            }
            // What ends behind here may have begun in what is kept.
            let mut from = window.len().saturating_sub(self.longest);
            while !window.is_char_boundary(from) {
                from = from.saturating_sub(1);
            }
            window.drain(..from);
        }
        self.look(&window, &mut found);
    }

    fn look(&self, window: &str, found: &mut impl FnMut(PatternID) -> bool) -> bool {
        self.strings.find_overlapping_iter(window).all(|one| found(one.pattern()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(text: &str) -> String {
        folded(text.chars()).collect()
    }

    #[test]
    fn letters_that_people_read_as_one_are_one() {
        for (one, other) in [
            ("ÄÖ-Werk", "Äö-WERK"),
            ("Straße", "STRASSE"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("Se\u{301}oul", "SÉOUL"),
            ("ＨＥＲＯＮ", "heron"),
            ("he\u{200b}r\u{ad}on", "Heron"),
            ("ﬁnance", "FINANCE"),
            ("\u{1112}\u{1161}\u{11ab}국", "한국"),
        ] {
            assert_eq!(fold(one), fold(other));
        }
        assert_ne!(fold("heron"), fold("hér on"));
    }

    /// Wherever a window ends, what is across its end is found.
    #[test]
    fn a_string_is_found_across_the_end_of_a_window() {
        let word = "äöü-projekt-geheim";
        let strings = Folded::of(&[fold(word)]).unwrap();
        for before in (WINDOW - 40..WINDOW + 4).chain(WINDOW * 2 - 60..WINDOW * 2) {
            let text = format!("{}{} and so on", "a".repeat(before), word.to_uppercase());
            let mut count = 0;
            strings.search(text.as_bytes(), |_| {
                count += 1;
                true
            });
            assert!(count > 0, "{before}");
        }
    }
}
