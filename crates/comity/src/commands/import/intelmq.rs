//! `comity import intelmq`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use comity_admin::{Failure, FailureKind};
use comity_core::{EconomyId, Tlp};
use comity_interop::intelmq::{Options, Split, SplitError, split};
use comity_interop::prefixes::PrefixError;
use comity_interop::routes::{RoutesError, RoutesFault};
use comity_interop::{PrefixTable, Routes};
use comity_node::api::{DraftLine, PartnerLine, Status};
use comity_node::config::Fault;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::input::{Input, has_ending, unreadable};
use crate::backend::{Backend, Keys, Session};
use crate::commands::{Context, records};
use crate::screen::format::{count, counted};
use crate::screen::{Screen, Table, printable};

/// The operator's own table, in the data folder.
const ROUTES: &str = "routes.toml";
/// What to do about times without a zone.
const NAME_A_ZONE: &str =
    "if you know which zone the file is in, import it again with --zone, such as --zone UTC";
/// Rows that an answer names one by one; their numbers are always whole.
const NAMED: usize = 20;

/// What the files came to.
#[derive(Serialize)]
struct Imported {
    drafts: Vec<DraftLine>,
    rows: u64,
    owned: Vec<Owned>,
    unowned: u64,
    unowned_by_country: Vec<(Option<String>, u64)>,
    /// The first of them.
    unowned_rows: Vec<Unowned>,
    bad: u64,
    /// The first of them.
    bad_rows: Vec<Bad>,
    /// How many of the bad have a time without a zone.
    zoneless: u64,
    /// Columns that stayed here, and in how many rows they stood.
    stayed_home: Vec<(String, u64)>,
    /// Columns of URLs that went without what stands before the host or after the path, and in how many rows.
    shortened: Vec<(String, u64)>,
}

#[derive(Serialize)]
struct Owned {
    economy: String,
    id: String,
    rows: u64,
}

#[derive(Serialize)]
struct Unowned {
    file: String,
    line: u64,
    country: Option<String>,
    address: Option<String>,
}

#[derive(Serialize)]
struct Bad {
    file: String,
    line: u64,
    what: String,
}

pub(super) fn run(
    files: &[PathBuf],
    routes: &[PathBuf],
    zone: Option<TimeZone>,
    tlp: Option<Tlp>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let backend = context.backend()?;
    let session = backend.session(Keys::Shut, &context.asker)?;
    let names = Names::of(&session)?;
    let (routes, prefixes) = tables(&backend, routes, &names)?;
    // Every file is cut before anything is kept: a bad one leaves nothing half done.
    let mut splits: Vec<Split> = Vec::with_capacity(files.len());
    for file in files {
        let mut options = Options { zone: zone.clone(), ..Options::default() };
        options.bytes -= splits.iter().map(Split::bytes).sum::<usize>();
        splits.push(cut(file, &routes, prefixes.as_ref(), options, context.screen)?);
    }
    let mut imported = Imported::of(files, &splits, &names);
    let drafts = splits.into_iter().flat_map(Split::into_drafts).collect();
    imported.drafts = super::keep(&session, drafts, tlp)?;
    super::say_repeated(&imported.drafts, context);
    let comity = context.comity();
    if imported.drafts.is_empty() {
        let failure = imported.nothing();
        return context.screen.refuse(&imported, &failure, |out| imported.write(&comity, out));
    }
    context.screen.answer(&imported, |out| imported.write(&comity, out))
}

/// What economies are called here.
struct Names(Vec<(String, EconomyId)>);

impl Names {
    fn of(session: &Session) -> Result<Self, Failure> {
        let status: Status = session.call("/status", &())?;
        let partners: Vec<PartnerLine> = session.call("/partners", &())?;
        let known = |name: &str, id: &str| Some((name.to_owned(), id.parse().ok()?));
        let us = known(&status.code, &status.economy);
        let partners = partners.iter().filter_map(|line| known(&line.name, &line.economy));
        Ok(Self(us.into_iter().chain(partners).collect()))
    }

    /// The economy of this very name: what is nearly a name, or the name of two, sends rows to nobody.
    fn id(&self, name: &str) -> Option<EconomyId> {
        let mut found = self.0.iter().filter(|(known, _)| known == name).map(|(_, id)| *id);
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }

    fn name(&self, id: EconomyId) -> String {
        let found = self.0.iter().find(|(_, known)| *known == id);
        found.map_or_else(|| id.to_string(), |(name, _)| name.clone())
    }
}

/// The tables that were named, told apart by their endings: codes to economies, prefixes to codes.
fn tables(
    backend: &Backend,
    given: &[PathBuf],
    names: &Names,
) -> Result<(Routes, Option<PrefixTable>), Failure> {
    let (mut codes, mut prefixes) = (Vec::new(), Vec::new());
    for file in given {
        let shown = file.to_string_lossy().to_ascii_lowercase();
        if shown.ends_with(".csv") || shown.ends_with(".csv.gz") {
            prefixes.push(file.clone());
        } else if has_ending(file, "toml") {
            codes.push(file.clone());
        } else {
            let message = format!("`{}` ends neither in .toml nor in .csv", file.display());
            return Err(Failure::new(FailureKind::Usage, "routes-ending", message)
                .next("a table of codes is TOML, a table of prefixes is CSV: comity import intelmq --help"));
        }
    }
    let routes = match codes.as_slice() {
        [] => backend.folder.join(ROUTES),
        [one] => one.clone(),
        [_, second, ..] => {
            let message = format!("a second table of codes, `{}`", second.display());
            return Err(Failure::new(FailureKind::Usage, "routes-twice", message)
                .next("give one .toml, and as many .csv as you like"));
        }
    };
    let routes = read_routes(&routes, names)?;
    let prefixes = if prefixes.is_empty() { None } else { Some(read_prefixes(&prefixes)?) };
    Ok((routes, prefixes))
}

fn read_routes(path: &Path, names: &Names) -> Result<Routes, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        unreadable(path, &error)
            .next("write your table from country codes to economies: examples/routes.toml shows the form; --routes names it")
    })?;
    Routes::parse(&text, |name| names.id(name)).map_err(|error| wrong_routes(path, &text, &error))
}

/// What is wrong with a table of codes, where it stands.
fn wrong_routes(path: &Path, text: &str, error: &RoutesError) -> Failure {
    let file = path.to_owned();
    let fault = if let RoutesFault::Toml(error) = &error.fault {
        Fault::from_toml(file, text, error)
    } else {
        Fault::at(file, text, error.span.clone(), error.fault.to_string(), Vec::new())
    };
    let mend = format!("mend line {} of {}", fault.line, path.display());
    let next = match &error.fault {
        RoutesFault::Economy { .. } => format!("{mend}; comity partner list has the names"),
        RoutesFault::Format(_) => "use the newer comity, or write the table anew".to_owned(),
        RoutesFault::Toml(_)
        | RoutesFault::Country(_)
        | RoutesFault::Twice(_)
        | RoutesFault::Column(_) => mend,
    };
    Failure::new(FailureKind::Data, "routes-invalid", fault).next(next)
}

fn read_prefixes(files: &[PathBuf]) -> Result<PrefixTable, Failure> {
    let inputs = files.iter().map(|file| Input::open(file)).collect::<Result<Vec<_>, _>>()?;
    let readers = inputs.into_iter().map(|input| input.reader);
    PrefixTable::merge(readers).map_err(|error| {
        let shown: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        let message = format!("`{}`: {error}", shown.join("`, `"));
        let kind = match error {
            PrefixError::Line { .. } | PrefixError::TooMany => FailureKind::Data,
            PrefixError::Read { .. } => FailureKind::NoInput,
        };
        Failure::new(kind, "prefixes-invalid", message)
    })
}

fn cut(
    path: &Path,
    routes: &Routes,
    prefixes: Option<&PrefixTable>,
    options: Options,
    screen: &Screen,
) -> Result<Split, Failure> {
    let input = Input::open(path)?;
    let bar = screen.progress("reading", input.size);
    let done = input.done;
    let mut progress = |_| bar.at(done.load(Ordering::Relaxed));
    split(input.reader, routes, prefixes, options, &mut progress).map_err(|error| {
        let message = format!("`{}` is not taken: {error}", path.display());
        let failure = Failure::new(FailureKind::Data, "intelmq-refused", message);
        let zoneless = matches!(&error, SplitError::TooManyBad { zoneless: 1.., .. });
        if zoneless { failure.next(NAME_A_ZONE) } else { failure }
    })
}

impl Imported {
    fn of(files: &[PathBuf], splits: &[Split], names: &Names) -> Self {
        let mut owned = std::collections::BTreeMap::new();
        let mut countries = std::collections::BTreeMap::new();
        let mut columns = std::collections::BTreeMap::new();
        let mut shortened = std::collections::BTreeMap::new();
        for split in splits {
            for (economy, rows) in split.owned_by() {
                *owned.entry(economy).or_insert(0) += rows;
            }
            for (country, rows) in &split.unowned_by_country {
                *countries.entry(country.map(|country| country.to_string())).or_insert(0) += rows;
            }
            for (column, rows) in &split.dropped {
                *columns.entry(column.clone()).or_insert(0) += rows;
            }
            for (column, rows) in &split.shortened {
                *shortened.entry(column.clone()).or_insert(0) += rows;
            }
        }
        let unowned: u64 = splits.iter().map(|split| split.unowned).sum();
        let bad: u64 = splits.iter().map(|split| split.bad).sum();
        let lines = files.iter().map(|file| file.display().to_string()).zip(splits);
        let unowned_rows = lines.clone().flat_map(|(file, split)| {
            split.unowned_rows.iter().map(move |row| Unowned {
                file: file.clone(),
                line: row.line,
                country: row.country.map(|country| country.to_string()),
                address: row.address.map(|address| address.to_string()),
            })
        });
        let bad_rows = lines.flat_map(|(file, split)| {
            split.bad_rows.iter().map(move |row| Bad {
                file: file.clone(),
                line: row.line,
                what: row.what.clone(),
            })
        });
        let economy = |(id, rows): (EconomyId, u64)| Owned {
            economy: names.name(id),
            id: id.to_string(),
            rows,
        };
        Self {
            drafts: Vec::new(),
            rows: owned.values().sum::<u64>() + unowned + bad,
            owned: owned.into_iter().map(economy).collect(),
            unowned,
            unowned_by_country: countries.into_iter().collect(),
            unowned_rows: unowned_rows.take(NAMED * 50).collect(),
            bad,
            bad_rows: bad_rows.take(NAMED * 50).collect(),
            zoneless: splits.iter().map(|split| split.zoneless).sum(),
            stayed_home: columns.into_iter().collect(),
            shortened: shortened.into_iter().collect(),
        }
    }

    /// Of rows none was of use: the files are not what they were taken for, or nobody looks after the rows.
    fn nothing(&self) -> Failure {
        if self.unowned == 0 && self.zoneless > 0 {
            let message =
                "no row can be used, most of all for times without a zone, so there is no draft";
            return Failure::new(FailureKind::Data, "no-zone", message).next(NAME_A_ZONE);
        }
        if self.unowned == 0 {
            let message = "there is no row of IntelMQ in what was named, so there is no draft";
            return Failure::new(FailureKind::Data, "no-rows", message)
                .next("name files of IntelMQ events, one JSON object a line");
        }
        let message = "no row has an owner, so there is no draft";
        Failure::new(FailureKind::Negative, "no-owner", message)
            .next("add what is missing to the table of codes, or a table of prefixes: --routes")
    }

    fn write(&self, comity: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", counted(self.rows, "row", "rows"))?;
        let mut table = Table::new(&["for", "rows"]).numbers(1);
        for owned in &self.owned {
            table.row([&owned.economy, &count(owned.rows)]);
        }
        table.row(["unowned, stay here", &count(self.unowned)]);
        table.row(["bad, not read", &count(self.bad)]);
        table.write(out)?;
        if self.unowned > 0 {
            let by = |(country, rows): &(Option<String>, u64)| {
                format!("{} {}", country.as_deref().unwrap_or("unknown"), count(*rows))
            };
            let countries: Vec<_> = self.unowned_by_country.iter().map(by).collect();
            writeln!(out, "\nUnowned, by country: {}", countries.join(", "))?;
            for row in self.unowned_rows.iter().take(NAMED) {
                let country = row.country.as_deref().unwrap_or("--");
                let address = row.address.as_deref().unwrap_or("no address");
                writeln!(out, "  {} line {}: {country} {address}", row.file, row.line)?;
            }
            more(self.unowned, out)?;
        }
        if self.bad > 0 {
            writeln!(out, "\nBad:")?;
            for row in self.bad_rows.iter().take(NAMED) {
                writeln!(out, "  {} line {}: {}", row.file, row.line, printable(&row.what))?;
            }
            more(self.bad, out)?;
        }
        if self.zoneless > 0 {
            let rows = counted(self.zoneless, "row has", "rows have");
            writeln!(out, "{rows} a time without a zone: {NAME_A_ZONE}")?;
        }
        if !self.stayed_home.is_empty() {
            writeln!(out, "\nColumns that stay here: {}", columns(&self.stayed_home))?;
            writeln!(out, "One that names nobody goes if `columns` in the table of codes has it.")?;
        }
        if !self.shortened.is_empty() {
            let columns = columns(&self.shortened);
            writeln!(out, "\nURLs that go without user and query: {columns}")?;
            writeln!(out, "They go whole if `columns` in the table of codes has them.")?;
        }
        let Some(draft) = self.drafts.first() else {
            let Failure { message, next, .. } = self.nothing();
            writeln!(out, "\nNothing is kept: {message}")?;
            return writeln!(out, "-> {}", next.unwrap_or_default());
        };
        writeln!(out)?;
        records::drafts_table(&self.drafts).write(out)?;
        let reference = &draft.reference;
        writeln!(
            out,
            "Nothing was sent. To read it: {comity} show {reference} --full\nWho would get it: {comity} publish {reference} --tlp amber --dry-run"
        )
    }
}

/// Columns, each with its rows.
fn columns(counted: &[(String, u64)]) -> String {
    let shown =
        |(column, rows): &(String, u64)| format!("{} ({})", printable(column), count(*rows));
    counted.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn more(rows: u64, out: &mut dyn Write) -> io::Result<()> {
    match rows.saturating_sub(NAMED as u64) {
        0 => Ok(()),
        rest => writeln!(out, "  and {} more: --json names them", count(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_name_of_one_economy_finds_it() {
        let id = |byte| EconomyId([byte; 32]);
        let known = [("KR", 1), ("jp", 2), ("JP", 3), ("twice", 4), ("twice", 5)];
        let names = Names(known.map(|(name, byte)| (name.to_owned(), id(byte))).to_vec());
        assert_eq!(names.id("JP"), Some(id(3)), "not `jp`, though it stands before");
        assert_eq!(names.id("jp"), Some(id(2)));
        assert_eq!(names.id("kr"), None);
        assert_eq!(names.id("twice"), None);
        assert_eq!(names.id("us"), None, "no name but those that the list of partners shows");
    }
}
