//! Columns without lines.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement};
use comity_core::cbor::is_unfit;

/// Rows under a head. On a terminal long cells wrap to its width; in a pipe every row is one line.
#[derive(Debug)]
pub(crate) struct Table {
    table: comfy_table::Table,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        if let Some(width) = terminal_width() {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        table.set_header(head.iter().map(Cell::new));
        Self { table }
    }

    /// Right-aligned, for numbers.
    pub(crate) fn numbers(mut self, column: usize) -> Self {
        if let Some(column) = self.table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        self
    }

    pub(crate) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.table.add_row(cells.into_iter().map(|cell| Cell::new(printable(cell.as_ref()))));
    }

    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in self.table.lines() {
            // The first column starts at the margin, and no line ends in blanks.
            writeln!(out, "{}", line.strip_prefix(' ').unwrap_or(&line).trim_end())?;
        }
        Ok(())
    }
}

/// Text from elsewhere may not move the cursor, turn the writing direction or ring the bell.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unfit(c) { '\u{fffd}' } else { c }).collect()
}

/// The same of a text of several lines.
pub(crate) fn printable_lines(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' => '\n',
        '\t' => ' ',
        c if is_unfit(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

fn terminal_width() -> Option<u16> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    rustix::termios::tcgetwinsize(&out).ok().map(|size| size.ws_col).filter(|width| *width >= 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align() {
        let mut table = Table::new(&["ref", "rows"]).numbers(1);
        table.row(["KR-26-0001", "7"]);
        table.row(["KR-26-0002", "12,480"]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "ref           rows\nKR-26-0001       7\nKR-26-0002  12,480\n"
        );
    }

    #[test]
    fn a_title_cannot_steer_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\u{202e}c\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
        assert_eq!(printable("a\u{61c}b"), "a\u{fffd}b");
        assert_eq!(printable_lines("a\x1b[2J\n\tb\r\n"), "a\u{fffd}[2J\n b\u{fffd}\n");
    }
}
