//! Cases with one answer, put together into rows that a person can read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::cell::{Cell, Dimension};
use crate::scopes::{Of, Scope};
use crate::world::Said;

/// For each column, the values that the row stands for, as bits.
type Row = Vec<u32>;

/// The table, under its heading.
pub fn section(scope: &Scope, cases: Vec<(Cell, Said)>) -> String {
    let columns = scope.reads;
    let mut domain = vec![0; columns.len()];
    let mut rows: Vec<(Row, Said)> = cases
        .into_iter()
        .map(|(cell, said)| {
            let bits = columns.iter().map(|column| 1 << cell.place(*column));
            (bits.collect(), said)
        })
        .collect();
    let count = rows.len();
    for (row, _) in &rows {
        for (all, bits) in domain.iter_mut().zip(row) {
            *all |= bits;
        }
    }
    loop {
        let before = rows.len();
        // The last columns first: what a reader looks for first stays apart the longest.
        for column in (0..columns.len()).rev() {
            rows = merged(rows, column);
        }
        if rows.len() == before {
            break;
        }
    }
    rows.sort();
    let Scope { gate, asks, .. } = scope;
    let mut text = match (scope.further, scope.of) {
        (true, _) => format!("\n### {gate}: {}\n\n{count} cases.\n\n|", lower(asks)),
        (false, Of::Part) => format!("\n## {gate}\n\n{asks} {count} cases.\n\n|"),
        (false, Of::Control) => {
            format!("\n## {gate} of control records\n\n{asks} {count} cases.\n\n|")
        }
    };
    let shown = |column: usize| rows.iter().any(|(row, _)| row[column] != domain[column]);
    let shown: Vec<usize> = (0..columns.len()).filter(|column| shown(*column)).collect();
    for column in &shown {
        write!(text, " {} |", columns[*column].title()).unwrap();
    }
    text.push_str(" answer | because |\n|");
    text.push_str(&"---|".repeat(shown.len() + 2));
    text.push('\n');
    for (row, said) in &rows {
        text.push('|');
        for column in &shown {
            write!(text, " {} |", words(columns[*column], row[*column], domain[*column])).unwrap();
        }
        writeln!(text, " {} | {} |", said.verdict, said.because).unwrap();
    }
    text
}

/// Rows that differ in this column alone become one.
fn merged(rows: Vec<(Row, Said)>, column: usize) -> Vec<(Row, Said)> {
    let mut by_rest: BTreeMap<(Row, Said), u32> = BTreeMap::new();
    for (mut row, said) in rows {
        let bits = std::mem::take(&mut row[column]);
        *by_rest.entry((row, said)).or_default() |= bits;
    }
    by_rest
        .into_iter()
        .map(|((mut row, said), bits)| {
            row[column] = bits;
            (row, said)
        })
        .collect()
}

fn words(column: Dimension, bits: u32, domain: u32) -> String {
    let named = |bits: u32| {
        let values = column.values().iter().enumerate();
        let values = values.filter(move |(place, _)| bits & (1 << place) != 0);
        values.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    let missing = named(domain & !bits);
    let there = named(bits);
    match (there.len(), missing.len()) {
        (_, 0) => "any".to_owned(),
        (there, missing_count) if there > 2 && missing_count < there => {
            format!("all but {}", missing.join(" / "))
        }
        _ => there.join(" / "),
    }
}

/// As it stands within a line.
fn lower(title: &str) -> String {
    let mut letters = title.chars();
    let first = letters.next().into_iter().flat_map(char::to_lowercase);
    first.chain(letters).collect()
}
