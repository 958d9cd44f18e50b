//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file does not exist.
    #[error("there is no configuration at `{}`", .0.display())]
    Missing(PathBuf),
    /// The file is there and cannot be read.
    #[error("the configuration at `{}` cannot be read: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error(transparent)]
    Wrong(Box<Fault>),
}

/// One thing that is wrong in a file, shown with its line and a caret below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// How many characters are wrong; at least 1.
    pub width: usize,
    /// The whole line.
    pub text: String,
    /// What is wrong.
    pub message: String,
    /// What would have been right here. Empty where that is no short list.
    pub valid: Vec<String>,
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gutter = " ".repeat(self.line.to_string().len());
        writeln!(
            f,
            "{}, line {}, column {}: {}",
            self.file.display(),
            self.line,
            self.column,
            self.message
        )?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{} | {}", self.line, self.text)?;
        let indent = " ".repeat(self.column.saturating_sub(1));
        write!(f, "{gutter} | {indent}{}", "^".repeat(self.width.max(1)))?;
        if !self.valid.is_empty() {
            write!(f, "\n{gutter} = valid here: {}", self.valid.join(", "))?;
        }
        Ok(())
    }
}

impl Fault {
    /// Finds the line and the column of `span`, a range of bytes in `source`.
    #[must_use]
    pub fn at(
        file: PathBuf,
        source: &str,
        span: Range<usize>,
        message: String,
        valid: Vec<String>,
    ) -> Self {
        let start = floor_boundary(source, span.start);
        let end = floor_boundary(source, span.end).max(start);
        let before = source.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = source.get(line_start..).unwrap_or_default();
        let text = rest.lines().next().unwrap_or_default().to_owned();
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let spanned = source.get(start..end).unwrap_or_default();
        Self {
            file,
            line: before.matches('\n').count() + 1,
            column,
            width: spanned.lines().next().unwrap_or_default().chars().count().max(1),
            text,
            message,
            valid,
        }
    }

    /// What the TOML reader says, in words of ours where it is about a name.
    #[must_use]
    pub fn from_toml(file: PathBuf, source: &str, error: &toml::de::Error) -> Self {
        let span = error.span().unwrap_or(0..0);
        let (message, valid) = reword(error.message());
        Self::at(file, source, span, message, valid)
    }
}

fn floor_boundary(source: &str, at: usize) -> usize {
    (0..=at.min(source.len())).rev().find(|index| source.is_char_boundary(*index)).unwrap_or(0)
}

/// serde says "unknown field `x`, expected one of `a`, `b`"; anything else stays as it is.
fn reword(message: &str) -> (String, Vec<String>) {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if let (true, [unknown, valid @ ..]) = (message.starts_with("unknown field"), names.as_slice())
    {
        let near = nearest(unknown, valid);
        let hint = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        let valid = valid.iter().map(|name| (*name).to_owned()).collect();
        return (format!("unknown key `{unknown}`{hint}"), valid);
    }
    if let (true, [missing, ..]) = (message.starts_with("missing field"), names.as_slice()) {
        return (format!("`{missing}` is missing"), Vec::new());
    }
    (message.to_owned(), Vec::new())
}

/// The valid name that the fewest changes turn this one into, if they are few.
fn nearest<'a>(name: &str, valid: &[&'a str]) -> Option<&'a str> {
    valid
        .iter()
        .map(|candidate| (distance(name, candidate), *candidate))
        .filter(|(distance, candidate)| *distance * 3 <= candidate.len().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let changed = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = changed.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters() {
        let source = "a = 1\nö = \"ü\"\n";
        let start = source.find('"').unwrap();
        let fault =
            Fault::at("x.toml".into(), source, start..start + 4, "wrong".into(), vec!["a".into()]);
        assert_eq!(
            fault.to_string(),
            "x.toml, line 2, column 5: wrong\n  |\n2 | ö = \"ü\"\n  |     ^^^\n  = valid here: a"
        );
    }

    #[test]
    fn a_span_beyond_the_text_is_harmless() {
        let fault = Fault::at("x".into(), "é", 1..99, "m".into(), Vec::new());
        assert_eq!((fault.line, fault.column, fault.width), (1, 1, 1));
    }

    #[test]
    fn names_the_nearest() {
        assert_eq!(distance("adress", "address"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(nearest("adress", &["public", "address"]), Some("address"));
        assert_eq!(nearest("zzz", &["public", "address"]), None);
    }
}
