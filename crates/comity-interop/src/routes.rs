//! The operator's own table: country code to economy.
//!
//! No list of countries is built in. Which economy looks after which code is for each operator to say,
//! and several codes may have one economy.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use comity_core::EconomyId;
use serde::Deserialize;
use toml::Spanned;

use crate::intelmq::columns::{Allowed, NeverGoes};

/// A two-letter country code, upper case (the form of ISO 3166-1 alpha-2; no list is checked).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// How many there can be.
    const COUNT: usize = 26 * 26;

    /// Reads two ASCII letters of either case.
    #[must_use]
    pub const fn new(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                Some(Self([first.to_ascii_uppercase(), second.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    fn index(self) -> usize {
        let [first, second] = self.0.map(|letter| usize::from(letter.saturating_sub(b'A')));
        first * 26 + second
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0.map(char::from);
        write!(f, "{first}{second}")
    }
}

/// The text is no country code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a country code: expected two letters")]
pub struct ParseCountryError(pub String);

impl FromStr for CountryCode {
    type Err = ParseCountryError;

    fn from_str(text: &str) -> Result<Self, ParseCountryError> {
        Self::new(text).ok_or_else(|| ParseCountryError(text.to_owned()))
    }
}

/// Why a table of routes is not read, and the bytes of it that are wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct RoutesError {
    /// What is wrong.
    pub fault: RoutesFault,
    /// Where.
    pub span: Range<usize>,
}

/// What is wrong with a table of routes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoutesFault {
    /// Not TOML, or not the fields of a table of routes. The text has line, column and caret.
    #[error("{0}")]
    Toml(Box<toml::de::Error>),
    /// Another version of the format.
    #[error("routes have format {0}, and format 1 is read: a newer comity may have written them")]
    Format(u64),
    /// A name that is no country code.
    #[error(transparent)]
    Country(ParseCountryError),
    /// One code twice, in different cases.
    #[error("`{0}` is given twice")]
    Twice(CountryCode),
    /// An economy that nobody here knows.
    #[error(
        "`{code}` goes to `{name}`, which is neither a known economy nor an id of 64 hexadecimal digits"
    )]
    Economy {
        /// The code.
        code: CountryCode,
        /// What it goes to.
        name: String,
    },
    /// A column that nobody can let go.
    #[error(transparent)]
    Column(NeverGoes),
}

impl RoutesFault {
    fn at(self, span: Range<usize>) -> RoutesError {
        RoutesError { fault: self, span }
    }
}

/// The only key that is read before the others: in another format they may have other names.
#[derive(Deserialize)]
struct Version {
    format: Spanned<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "format")]
    _format: u64,
    #[serde(default)]
    columns: Vec<Spanned<String>>,
    economies: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// Country code to economy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// Ascending; what parts are made for.
    economies: Vec<EconomyId>,
    /// By [`CountryCode::index`]: a place in `economies`, one-based; 0 is nobody. Looked up per row.
    by_code: Vec<u16>,
    /// Columns that go besides those that always do.
    allowed: Allowed,
}

impl Routes {
    /// A table from pairs; the last of one code counts.
    #[must_use]
    pub fn new(pairs: impl IntoIterator<Item = (CountryCode, EconomyId)>) -> Self {
        let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
        let mut economies: Vec<_> = pairs.values().copied().collect();
        economies.sort_unstable();
        economies.dedup();
        let mut by_code = vec![0; CountryCode::COUNT];
        for (code, economy) in pairs {
            let place =
                economies.binary_search(&economy).ok().and_then(|at| u16::try_from(at + 1).ok());
            if let (Some(slot), Some(place)) = (by_code.get_mut(code.index()), place) {
                *slot = place;
            }
        }
        Self { economies, by_code, allowed: Allowed::default() }
    }

    /// Reads the operator's TOML: `format = 1`, a table `economies` of code = name or id, and, if there
    /// is one, a list `columns` of those that go besides IntelMQ's own. `resolve` gives the economy of a local name.
    ///
    /// # Errors
    /// [`RoutesError`]: nothing is taken of a table with a fault.
    pub fn parse(
        toml: &str,
        resolve: impl Fn(&str) -> Option<EconomyId>,
    ) -> Result<Self, RoutesError> {
        if let Ok(Version { format }) = toml::from_str::<Version>(toml)
            && *format.get_ref() != 1
        {
            return Err(RoutesFault::Format(*format.get_ref()).at(format.span()));
        }
        let raw: Raw = toml::from_str(toml).map_err(|error| {
            let span = error.span().unwrap_or_default();
            RoutesFault::Toml(Box::new(error)).at(span)
        })?;
        let mut pairs = BTreeMap::new();
        // In the order of the text, so that of two that contradict each other the second is wrong.
        let mut economies: Vec<_> = raw.economies.into_iter().collect();
        economies.sort_by_key(|(code, _)| code.span().start);
        for (written, name) in economies {
            let place = written.span();
            let code: CountryCode = written
                .get_ref()
                .parse()
                .map_err(|error| RoutesFault::Country(error).at(place.clone()))?;
            let (span, name) = (name.span(), name.into_inner());
            let economy = resolve(&name).or_else(|| name.parse().ok());
            let economy = economy.ok_or_else(|| RoutesFault::Economy { code, name }.at(span))?;
            if pairs.insert(code, economy).is_some() {
                return Err(RoutesFault::Twice(code).at(place));
            }
        }
        for column in &raw.columns {
            Allowed::new([column.get_ref().clone()])
                .map_err(|error| RoutesFault::Column(error).at(column.span()))?;
        }
        let columns = raw.columns.into_iter().map(Spanned::into_inner);
        let allowed = Allowed::new(columns).map_err(|error| RoutesFault::Column(error).at(0..0))?;
        Ok(Self { allowed, ..Self::new(pairs) })
    }

    /// The economy that looks after a code.
    #[must_use]
    pub fn economy(&self, code: CountryCode) -> Option<EconomyId> {
        self.place(code).and_then(|place| self.economies.get(place).copied())
    }

    /// Every economy of the table, ascending.
    #[must_use]
    pub fn economies(&self) -> &[EconomyId] {
        &self.economies
    }

    /// The columns that go.
    #[must_use]
    pub const fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// The place of a code's economy in [`Self::economies`].
    pub(crate) fn place(&self, code: CountryCode) -> Option<usize> {
        self.by_code.get(code.index()).and_then(|place| usize::from(*place).checked_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(name: &str) -> Option<EconomyId> {
        match name {
            "korea" => Some(EconomyId([1; 32])),
            "fiji" => Some(EconomyId([2; 32])),
            _ => None,
        }
    }

    #[test]
    fn codes_find_their_economy() {
        let id = EconomyId([7; 32]);
        let text = format!(
            "format = 1\n[economies]\nKR = 'korea'\nfj = 'fiji'\nTO = 'fiji'\nJP = '{id}'\n"
        );
        let routes = Routes::parse(&text, resolve).unwrap();
        let economy = |code: &str| routes.economy(code.parse().unwrap());
        assert_eq!(economy("kr"), Some(EconomyId([1; 32])));
        assert_eq!(economy("FJ"), economy("TO"));
        assert_eq!(economy("JP"), Some(id));
        assert_eq!(economy("US"), None);
        assert_eq!(routes.economies().len(), 3);
        assert_eq!(Routes::default().economy("KR".parse().unwrap()), None);
    }

    #[test]
    fn every_fault_of_a_table_is_named() {
        let fault = |text: &str| Routes::parse(text, resolve).unwrap_err().to_string();
        assert!(fault("format = 2\n[economies]\n").contains("format 2"));
        assert!(fault("format = 1\n[economies]\nKOR = 'korea'\n").contains("`KOR`"));
        assert!(
            fault("format = 1\n[economies]\nKR = 'korea'\nkr = 'fiji'\n")
                .contains("`KR` is given twice")
        );
        assert!(fault("format = 1\n[economies]\nKR = 'atlantis'\n").contains("`atlantis`"));
        let column =
            |name: &str| fault(&format!("format = 1\ncolumns = ['{name}']\n[economies]\n"));
        assert!(column("extra.victim_email").contains("`extra.victim_email` names people"));
        assert!(column("raw").contains("`raw`"));
        let unknown = fault("format = 1\n[economics]\n");
        assert!(unknown.contains("line 2") && unknown.contains("economies"), "{unknown}");
    }

    #[test]
    fn every_fault_of_a_table_has_its_place() {
        let table = |economies: &str| format!("format = 1\n[economies]\n{economies}\n");
        for (text, wrong) in [
            (table("KR = 'korea'\nUSA = 'korea'"), "USA"),
            (table("KR = 'korea'\nFJ = 'atlantis'"), "'atlantis'"),
            (table("kr = 'korea'\nKR = 'fiji'"), "KR"),
            (table("KR = 'korea'\nkr = 'fiji'"), "kr"),
            ("format = 1\ncolumns = ['extra.tag', 'raw']\n[economies]\n".to_owned(), "'raw'"),
            ("format = 22\n[countries]\n".to_owned(), "22"),
        ] {
            let error = Routes::parse(&text, resolve).unwrap_err();
            assert_eq!(text.get(error.span.clone()).unwrap(), wrong, "{error}");
        }
    }
}
