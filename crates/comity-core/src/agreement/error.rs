//! What is wrong with an agreement's text, and where.

use std::fmt;
use std::ops::Range;

/// A fault in an agreement's text: with the line, a caret under it, and the names that are valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementError {
    message: String,
    path: Option<String>,
    valid: Vec<String>,
    place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
    text: String,
    width: usize,
}

impl AgreementError {
    /// What is wrong, in one sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }

    /// The column, from 1, in characters.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.column)
    }

    /// The field, as a dotted path.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The names that would have been valid there; empty when it is not about a name.
    #[must_use]
    pub fn valid(&self) -> &[String] {
        &self.valid
    }

    pub(crate) fn new(source: &str, span: Option<Range<usize>>, message: String) -> Self {
        let place = span.map(|span| Place::find(source, span));
        Self { message, path: None, valid: Vec::new(), place }
    }

    pub(crate) fn with_path(mut self, path: &str) -> Self {
        // A value that knows its place is a struct to serde; that is nothing to show.
        let path = path.replace(".$__serde_spanned_private_value", "");
        self.path = (!path.is_empty() && path != ".").then_some(path);
        self
    }

    pub(crate) fn with_valid<I: IntoIterator<Item = String>>(mut self, valid: I) -> Self {
        self.valid = valid.into_iter().collect();
        self
    }
}

impl Place {
    fn find(source: &str, span: Range<usize>) -> Self {
        let start = floor_boundary(source, span.start);
        let end = floor_boundary(source, span.end.max(start));
        let before = source.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let rest = source.get(line_start..).unwrap_or_default();
        let text = rest.lines().next().unwrap_or_default();
        let lead = source.get(line_start..start).unwrap_or_default().chars().count();
        let marked = source.get(start..end).unwrap_or_default();
        let width = marked.lines().next().unwrap_or_default().chars().count().max(1);
        Self {
            line: before.matches('\n').count().saturating_add(1),
            column: lead.saturating_add(1),
            text: text.to_owned(),
            width,
        }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl fmt::Display for AgreementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "line {}, column {}: ", place.line, place.column)?;
        }
        f.write_str(&self.message)?;
        if let Some(path) = &self.path {
            write!(f, " (at `{path}`)")?;
        }
        if let Some(place) = &self.place {
            let number = place.line.to_string();
            let margin = " ".repeat(number.len());
            let lead = " ".repeat(place.column.saturating_sub(1));
            let caret = "^".repeat(place.width);
            write!(f, "\n {margin} |\n {number} | {}\n {margin} | {lead}{caret}", place.text)?;
        }
        if !self.valid.is_empty() {
            write!(f, "\n   = valid: {}", self.valid.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for AgreementError {}
