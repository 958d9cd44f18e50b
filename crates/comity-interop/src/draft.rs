//! What an import gives: an unsigned draft that releases nothing.

use std::fmt;

use comity_core::cbor::is_unfit;
use comity_core::record::Header;
use comity_core::{Kind, Marking, State, Urgency};

/// A record to be, made from a foreign document. A person reads it, marks it and publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedDraft {
    /// One line for lists and screens, safe to print. It is not part of the record.
    pub title: String,
    /// What the record will be.
    pub kind: Kind,
    /// Whether more is to come.
    pub state: State,
    /// Always routine: a foreign score wakes nobody; the person who publishes may raise it.
    pub urgency: Urgency,
    /// The format that it came in: `csaf`, `intelmq`.
    pub source: &'static str,
    /// Where the document says that it comes from.
    pub provenance: Option<Provenance>,
    /// The document's own marking. `None` when it has none: it is then kept as AMBER+STRICT, and sent
    /// to nobody until a person marks it. A section's own marking is in its header.
    pub marking: Option<Marking>,
    /// The parts to be: header and content.
    pub sections: Vec<(Header, Vec<u8>)>,
    /// What a person should know before publishing.
    pub notices: Vec<Notice>,
}

/// Where a document says that it comes from. Nothing here is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Provenance {
    /// Who gives out the ids: a publisher's URL.
    pub namespace: String,
    /// The publisher's id of the document.
    pub id: String,
    /// The publisher's version of it.
    pub version: String,
}

/// Something in a document that does not keep it from being read, and that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Where: a JSON pointer (RFC 6901), empty for the whole document.
    pub pointer: String,
    /// What.
    pub what: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.what)
        } else {
            write!(f, "at `{}`: {}", self.pointer, self.what)
        }
    }
}

/// `text` as it may be shown on a terminal: control characters and those that turn the direction of
/// writing become a visible mark. Line ends and tabs stay when `lines` is set, and become spaces otherwise.
pub(crate) fn printable(text: &str, lines: bool) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' if lines => character,
            '\n' | '\r' | '\t' => ' ',
            other if is_unfit(other) => '\u{fffd}',
            other => other,
        })
        .collect()
}

/// One printable line of at most `limit` characters.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = printable(&words.join(" "), false);
    if line.chars().count() <= limit {
        return line;
    }
    let mut cut: String = line.chars().take(limit.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shown_commands_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\n", true), "a\u{fffd}[2Jb\u{fffd}c\n");
        assert_eq!(one_line("  a\r\n b\u{7} ", 20), "a b\u{fffd}");
        assert_eq!(one_line("가나다라", 3), "가나…");
    }
}
