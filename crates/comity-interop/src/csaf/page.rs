//! A bounded page of plain text.

use crate::draft::{one_line, printable};
use crate::limits;

/// What is put where a text ends early.
const CUT: &str = "\n[cut here: the rest is in the original document]\n";

/// Text of at most [`limits::TEXT_BYTES`]: a document may name one long text a million times.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    full: bool,
}

impl Page {
    /// Whether nothing more fits.
    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    /// A line, made printable.
    pub(super) fn line(&mut self, text: &str) {
        if self.full {
            return;
        }
        self.write(&one_line(text, limits::TEXT_BYTES));
        self.write("\n");
    }

    /// A paragraph as its author broke it into lines, with an empty line before it.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.gap();
        self.indented("", text);
    }

    /// Lines with something before each.
    pub(super) fn indented(&mut self, indent: &str, text: &str) {
        for line in text.trim().lines() {
            if self.full {
                return;
            }
            self.write(printable(&format!("{indent}{line}"), true).trim_end());
            self.write("\n");
        }
    }

    /// A heading, with an empty line before it.
    pub(super) fn heading(&mut self, text: &str) {
        self.gap();
        self.line(text);
    }

    /// Names after a title, as many as are worth reading.
    pub(super) fn names<'a>(&mut self, title: &str, names: impl Iterator<Item = &'a str>) {
        let mut more = 0_usize;
        for (index, name) in names.take(limits::PRODUCTS_COUNTED).enumerate() {
            if self.full {
                return;
            }
            if index == 0 {
                self.line(title);
            }
            if index < limits::PRODUCTS_LISTED {
                self.line_after("  - ", name);
            } else {
                more = more.saturating_add(1);
            }
        }
        if more > 0 {
            let least = if more + limits::PRODUCTS_LISTED < limits::PRODUCTS_COUNTED {
                ""
            } else {
                "at least "
            };
            self.line_after("  ", &format!("and {least}{more} more, in the original document"));
        }
    }

    /// A line with something before it that stays as it is.
    pub(super) fn line_after(&mut self, indent: &str, text: &str) {
        self.write(indent);
        self.line(text);
    }

    /// The text. Empty when nothing was written.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.write("\n");
        }
    }

    fn write(&mut self, text: &str) {
        if self.full {
            return;
        }
        let room = limits::TEXT_BYTES.saturating_sub(CUT.len()).saturating_sub(self.text.len());
        let fits = text.get(..text.floor_char_boundary(room)).unwrap_or("");
        self.text.push_str(fits);
        if fits.len() < text.len() {
            self.full = true;
            self.text.push_str(CUT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_once_and_says_so() {
        let mut page = Page::default();
        for _ in 0..3 {
            page.paragraph(&"가\n".repeat(limits::TEXT_BYTES / 8));
        }
        assert!(page.is_full());
        let text = page.finish();
        assert!(text.len() <= limits::TEXT_BYTES && text.ends_with(CUT));
        assert_eq!(text.matches(CUT).count(), 1);
    }

    #[test]
    fn long_lists_are_counted() {
        let mut page = Page::default();
        page.names("Products:", std::iter::repeat_n("x", limits::PRODUCTS_LISTED + 7));
        assert!(page.finish().ends_with("  and 7 more, in the original document\n"));
        let mut page = Page::default();
        page.names("Products:", std::iter::empty());
        assert_eq!(page.finish(), "");
    }
}
