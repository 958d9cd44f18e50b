//! The text as it is laid out: which keys and values it names, and where.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::error::AgreementError;

/// A text with the places of its keys.
pub(super) struct Page<'a> {
    text: &'a str,
    table: DeTable<'a>,
}

impl<'a> Page<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, AgreementError> {
        let table = DeTable::parse(text)
            .map_err(|error| AgreementError::new(text, error.span(), error.message().to_owned()))?;
        Ok(Self { text, table: table.into_inner() })
    }

    /// Whether the text names this key.
    pub(super) fn says(&self, path: &[&str]) -> bool {
        self.find(path).is_some()
    }

    /// The line of this key; where it is missing, of the table that it would be in, or of the tier.
    pub(super) fn line(&self, path: &[&str]) -> usize {
        let parents = (1..=path.len()).rev().filter_map(|depth| path.get(..depth));
        let mut places = parents.chain([&["tier"][..]]).filter_map(|path| self.find(path));
        places.next().map_or(1, |(key, _)| self.line_at(&key))
    }

    /// What a list names, each with its line.
    pub(super) fn items(&self, path: &[&str]) -> Vec<(String, usize)> {
        let list = self.find(path).and_then(|(_, value)| value.get_ref().as_array());
        let named = list.into_iter().flat_map(|list| list.iter());
        named
            .filter_map(|item| {
                Some((item.get_ref().as_str()?.to_owned(), self.line_at(&item.span())))
            })
            .collect()
    }

    /// The keys of a table, each with its line.
    pub(super) fn keys(&self, path: &[&str]) -> Vec<(String, usize)> {
        let table = self.find(path).and_then(|(_, value)| value.get_ref().as_table());
        let keys = table.into_iter().flat_map(|table| table.keys());
        keys.map(|key| (key.get_ref().to_string(), self.line_at(&key.span()))).collect()
    }

    fn find(&self, path: &[&str]) -> Option<(Range<usize>, &Spanned<DeValue<'a>>)> {
        let (first, rest) = path.split_first()?;
        let mut found = entry(&self.table, first)?;
        for key in rest {
            found = entry(found.1.get_ref().as_table()?, key)?;
        }
        Some(found)
    }

    fn line_at(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        before.filter(|byte| **byte == b'\n').count().saturating_add(1)
    }
}

fn entry<'t, 'a>(
    table: &'t DeTable<'a>,
    key: &str,
) -> Option<(Range<usize>, &'t Spanned<DeValue<'a>>)> {
    let mut entries = table.iter();
    entries.find(|(name, _)| name.get_ref() == key).map(|(name, value)| (name.span(), value))
}
