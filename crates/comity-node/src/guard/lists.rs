//! The lists as they lie on the disk: one rule a line, and what is wrong with a line without the line.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use comity_core::digest::{Digest, read_hex};
use regex::bytes::{RegexBuilder, RegexSetBuilder};

use super::addresses::Prefixes;
use super::folding::{Folded, folded};
use super::{Guard, List, Place, Rule};
use crate::config::Egress;
use crate::limits::{
    GUARD_EXPRESSION_BYTES, GUARD_EXPRESSIONS, GUARD_EXPRESSIONS_BYTES, GUARD_LIST_BYTES,
    GUARD_RULES,
};
use crate::private_file::{self, NotRead};

/// Characters of a string at least: of fewer, everything has it.
const SHORTEST: usize = 3;
/// Bytes of a line at most.
const LONGEST: usize = 4096;
/// What a rule is known by wherever it stands.
const RULE: &str = "comity/guard-rule/1";
/// What lists are told from others by.
const REVISION: &str = "comity/guard-revision/1";

/// Why the lists are not taken. It never repeats what a line says: it goes to the log.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// No such file.
    #[error("the egress guard's list `{}` does not exist", .0.display())]
    Missing(PathBuf),
    /// A folder, a device, a pipe.
    #[error("the egress guard's list `{}` is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Others may read or write it.
    #[error(
        "the egress guard's list `{}` is open to others (mode {mode:04o}): run `chmod 600 {}`", .path.display(), .path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// More than is read.
    #[error("the egress guard's list `{}` is too large: {what}", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What it may have.
        what: String,
    },
    /// What the system said.
    #[error("the egress guard's list `{}` cannot be read: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line that is no rule.
    #[error(transparent)]
    Line(#[from] LineFault),
}

/// A line that is no rule, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the egress guard's list `{}`, line {line}{}: {what}", .path.display(), at_column(*.column))]
pub struct LineFault {
    /// The file.
    pub path: PathBuf,
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1, where it is known.
    pub column: Option<usize>,
    /// What is wrong.
    pub what: String,
}

fn at_column(column: Option<usize>) -> String {
    column.map(|column| format!(", column {column}")).unwrap_or_default()
}

pub(super) fn read(config: &Egress) -> Result<Guard, GuardError> {
    let mut making = Making::default();
    for list in List::ALL {
        if let Some(path) = config.of(list) {
            making.read(list, path)?;
        }
    }
    making.made(config)
}

/// The rules so far.
struct Making {
    rules: Vec<Rule>,
    strings: (Vec<Vec<u8>>, Vec<u32>),
    folded: (Vec<String>, Vec<u32>),
    expressions: (Vec<String>, Vec<u32>),
    prefixes: Prefixes,
    hashes: HashMap<[u8; 32], u32>,
}

impl Default for Making {
    fn default() -> Self {
        let packed = Rule { place: Place::Packed, digest: Digest::of(RULE, b"packed") };
        Self {
            rules: vec![packed],
            strings: Default::default(),
            folded: Default::default(),
            expressions: Default::default(),
            prefixes: Prefixes::default(),
            hashes: HashMap::new(),
        }
    }
}

impl Making {
    fn read(&mut self, list: List, path: &Path) -> Result<(), GuardError> {
        let owned = || path.to_owned();
        let bytes = private_file::read(path, GUARD_LIST_BYTES).map_err(|why| match why {
            NotRead::Missing => GuardError::Missing(owned()),
            NotRead::NotAFile => GuardError::NotAFile(owned()),
            NotRead::OpenToOthers(mode) => GuardError::OpenToOthers { path: owned(), mode },
            NotRead::TooLarge => {
                let what = format!("at most {} MiB", GUARD_LIST_BYTES >> 20);
                GuardError::TooLarge { path: owned(), what }
            }
            NotRead::Io(source) => GuardError::Unreadable { path: owned(), source },
        })?;
        let most = if list == List::Expressions { GUARD_EXPRESSIONS } else { GUARD_RULES };
        let mut count = 0_usize;
        for (line, bytes) in (1_u32..).zip(bytes.split(|byte| *byte == b'\n')) {
            let fault = |column, what| LineFault { path: owned(), line, column, what };
            if bytes.len() > LONGEST {
                let what = format!("a line has at most {LONGEST} bytes");
                return Err(fault(None, what).into());
            }
            let text = std::str::from_utf8(bytes).map_err(|error| {
                fault(None, format!("no UTF-8 after byte {}", error.valid_up_to()))
            })?;
            let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { text }.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            count = count.saturating_add(1);
            if count > most {
                let what = format!("at most {most} rules");
                return Err(GuardError::TooLarge { path: owned(), what });
            }
            let rule = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
            let said = [list.name().as_bytes(), &[0], text.as_bytes()];
            let digest = Digest::of_all(RULE, &said);
            self.rules.push(Rule { place: Place::Line(list, line), digest });
            self.rule(list, text, rule).map_err(|(column, what)| fault(column, what))?;
        }
        Ok(())
    }

    fn rule(&mut self, list: List, text: &str, rule: u32) -> Result<(), (Option<usize>, String)> {
        match list {
            List::Strings => {
                if text.chars().count() < SHORTEST {
                    let what = format!("a string has at least {SHORTEST} characters");
                    return Err((None, what));
                }
                let folded: String = folded(text.chars()).collect();
                if folded.chars().count() < SHORTEST {
                    let what = format!("a string has at least {SHORTEST} characters that are seen");
                    return Err((None, what));
                }
                self.strings.0.push(folded.clone().into_bytes());
                self.strings.1.push(rule);
                self.folded.0.push(folded);
                self.folded.1.push(rule);
                for form in forms(text) {
                    self.strings.0.push(form);
                    self.strings.1.push(rule);
                }
            }
            List::Expressions => {
                expression(text)?;
                self.expressions.0.push(text.to_owned());
                self.expressions.1.push(rule);
            }
            List::Prefixes => self.prefixes.insert(text, rule).map_err(|what| (None, what))?,
            List::Hashes => {
                // As `sha256sum` writes it: the digest, and the file's name.
                let digest = text.split_ascii_whitespace().next().unwrap_or_default();
                let digest = read_hex(&digest.to_ascii_lowercase()).ok_or_else(|| {
                    (None, "no SHA-256 digest of 64 hexadecimal digits".to_owned())
                })?;
                self.hashes.entry(digest).or_insert(rule);
            }
        }
        Ok(())
    }

    fn made(self, config: &Egress) -> Result<Guard, GuardError> {
        let too_large = |list: List, what: &str| {
            let path = config.of(list).map(Path::to_owned).unwrap_or_default();
            GuardError::TooLarge { path, what: what.to_owned() }
        };
        let (forms, rules) = self.strings;
        let strings = (!forms.is_empty()).then(|| {
            let built = AhoCorasick::builder().ascii_case_insensitive(true).build(&forms);
            built.map(|built| (built, rules)).map_err(|_its_message_is_about_numbers_of_states| {
                too_large(List::Strings, "its strings are too many, or too long")
            })
        });
        let (strings_folded, rules) = self.folded;
        let folded = (!strings_folded.is_empty()).then(|| {
            let built = Folded::of(&strings_folded);
            built.map(|built| (built, rules)).map_err(|_its_message_is_about_numbers_of_states| {
                too_large(List::Strings, "its strings are too many, or too long")
            })
        });
        let (patterns, rules) = self.expressions;
        let expressions = (!patterns.is_empty()).then(|| {
            let built = RegexSetBuilder::new(&patterns)
                .multi_line(true)
                .size_limit(GUARD_EXPRESSIONS_BYTES)
                .build();
            built.map(|built| (built, rules)).map_err(|_it_repeats_the_expressions| {
                too_large(List::Expressions, "its expressions are too large together")
            })
        });
        let mut said = Vec::new();
        for rule in &self.rules {
            said.extend_from_slice(rule.place.to_string().as_bytes());
            said.push(0);
            said.extend_from_slice(rule.digest.as_bytes());
        }
        let revision = Digest::of(REVISION, &said);
        let front = revision.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
        Ok(Guard {
            revision: u64::from_be_bytes(front),
            rules: self.rules,
            strings: strings.transpose()?,
            folded: folded.transpose()?,
            expressions: expressions.transpose()?,
            prefixes: self.prefixes,
            hashes: self.hashes,
        })
    }
}

/// The bytes by which a string is found: as it is written, in capitals and in small letters, in UTF-8 and
/// UTF-16, and as JSON may write what is not ASCII.
fn forms(text: &str) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    for text in [text.to_owned(), text.to_lowercase(), text.to_uppercase()] {
        forms.insert(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        forms.insert(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
        if !text.is_ascii() {
            let escaped = |one: char| {
                let mut units = [0; 2];
                if one.is_ascii() {
                    one.to_string()
                } else {
                    one.encode_utf16(&mut units)
                        .iter()
                        .map(|unit| format!("\\u{unit:04x}"))
                        .collect()
                }
            };
            forms.insert(text.chars().map(escaped).collect::<String>().into_bytes());
        }
        forms.insert(text.into_bytes());
    }
    // One of ASCII is found in any mixture of letters by itself.
    forms
}

/// Whether an expression is one: what is wrong, and where, without the expression.
fn expression(text: &str) -> Result<(), (Option<usize>, String)> {
    let mut parser = regex_syntax::ParserBuilder::new();
    if let Err(error) = parser.utf8(false).multi_line(true).build().parse(text) {
        let (column, what) = match &error {
            regex_syntax::Error::Parse(error) => {
                (Some(error.span().start.column), error.kind().to_string())
            }
            regex_syntax::Error::Translate(error) => {
                (Some(error.span().start.column), error.kind().to_string())
            }
            _ => (None, "no regular expression".to_owned()),
        };
        return Err((column, what));
    }
    let built = RegexBuilder::new(text).multi_line(true).size_limit(GUARD_EXPRESSION_BYTES).build();
    let built = built.map_err(|_it_repeats_the_expression| {
        (None, format!("it compiles to more than {} KiB", GUARD_EXPRESSION_BYTES >> 10))
    })?;
    if built.is_match(b"") {
        return Err((None, "it matches an empty text, and so everything".to_owned()));
    }
    Ok(())
}
