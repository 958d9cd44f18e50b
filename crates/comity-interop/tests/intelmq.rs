//! Real rows and made-up ones, cut by owner.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests read files, and may assert with what libraries may not use"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};

use comity_core::{EconomyId, Kind, Section, Tlp};
use comity_interop::intelmq::columns::{self, Allowed};
use comity_interop::intelmq::{Options, Progress, Split, SplitError, split};
use comity_interop::{CountryCode, PrefixTable, Routes};
use proptest::prelude::*;
use serde_json::Value;

const KR: EconomyId = EconomyId([1; 32]);
const JP: EconomyId = EconomyId([2; 32]);
const FJ: EconomyId = EconomyId([3; 32]);

fn example(name: &str) -> String {
    format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn routes() -> Routes {
    let table = fs::read_to_string(example("routes.toml")).unwrap();
    let known = BTreeMap::from([("KR", KR), ("JP", JP), ("FJ", FJ)]);
    Routes::parse(&table, |name| known.get(name).copied()).unwrap()
}

fn prefixes() -> PrefixTable {
    PrefixTable::read(BufReader::new(File::open(example("data/prefixes.csv")).unwrap())).unwrap()
}

fn cut(rows: &[u8], options: Options) -> Result<Split, SplitError> {
    split(rows, &routes(), None, options, &mut |_| {})
}

fn lines(split: &Split) -> Vec<&[u8]> {
    let lines = split.parts.iter().flat_map(|part| part.content.split_inclusive(|b| *b == b'\n'));
    lines.map(|line| line.strip_suffix(b"\n").unwrap()).collect()
}

#[test]
fn the_example_file_is_shared_out() {
    let file = File::open(example("data/sightings.intelmq.jsonl.gz")).unwrap();
    let mut rows = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut rows).unwrap();
    let mut told = Vec::new();
    let split =
        split(&rows[..], &routes(), None, Options::default(), &mut |p| told.push(p)).unwrap();
    assert_eq!(split.owned_by(), BTreeMap::from([(KR, 1522), (JP, 8092), (FJ, 2859)]));
    assert_eq!((split.unowned, split.bad), (17, 0));
    assert_eq!(split.unowned_rows.len(), 17);
    assert_eq!(split.unowned_by_country.get(&None), Some(&5));
    assert_eq!(split.dropped, BTreeMap::new());
    assert_eq!(split.feeds, ["maltrail-static", "ipsum"]);
    assert_eq!(told.last(), Some(&Progress { bytes: rows.len() as u64, rows: 12_490 }));
    assert!(told.is_sorted_by_key(|progress| progress.bytes));

    // Nothing is dropped from these rows, so that every line goes on as it is.
    let unowned: Vec<u64> = split.unowned_rows.iter().map(|row| row.line).collect();
    let mut whole: Vec<&[u8]> = rows.trim_ascii_end().split(|byte| *byte == b'\n').collect();
    for line in unowned.iter().rev() {
        whole.remove(usize::try_from(line - 1).unwrap());
    }
    whole.sort_unstable();
    let mut parts = lines(&split);
    parts.sort_unstable();
    assert_eq!(parts, whole);

    let drafts = split.into_drafts();
    assert_eq!(drafts.len(), 1);
    assert_eq!(drafts[0].title, "12473 sightings from maltrail-static, ipsum");
    assert_eq!((drafts[0].kind, &drafts[0].marking), (Kind::Sightings, &None));
    let headers: Vec<_> = drafts[0].sections.iter().map(|(header, _)| header).collect();
    assert!(headers.iter().all(|header| header.section == Section::Sightings));
    let owners: Vec<_> = headers.iter().map(|header| header.destination).collect();
    assert_eq!(owners, [Some(KR), Some(JP), Some(JP), Some(FJ)]);
}

#[test]
fn rows_without_a_country_find_it_by_their_address() {
    let rows = fs::read(example("data/sightings-without-countries.jsonl")).unwrap();
    let alone = cut(&rows, Options::default()).unwrap();
    assert_eq!((alone.owned(), alone.unowned), (0, 188));
    let table = prefixes();
    let found = split(&rows[..], &routes(), Some(&table), Options::default(), &mut |_| {}).unwrap();
    assert_eq!(found.owned_by(), BTreeMap::from([(KR, 40), (JP, 40), (FJ, 28)]));
    // Latvia and Australia are not in the table of the examples.
    assert_eq!(found.unowned_by_country, BTreeMap::from([(None, 80)]));
    assert!(found.unowned_rows.iter().all(|row| row.address.is_some()));
}

#[test]
fn a_country_that_is_given_counts_before_the_address() {
    let table = PrefixTable::read(&b"192.0.2.0/24,JP\n2001:db8::/32,FJ\n"[..]).unwrap();
    let rows = br#"{"source.ip": "192.0.2.1", "source.geolocation.cc": "KR"}
{"source.ip": "192.0.2.1"}
{"source.ip": "2001:db8::5", "source.geolocation.cc": ""}
{"source.network": "192.0.2.128/25"}
{"source.network": "192.0.0.0/16"}
{"source.ip": "192.0.2.1", "source.geolocation.cc": "US"}
{}
"#;
    let split = split(&rows[..], &routes(), Some(&table), Options::default(), &mut |_| {}).unwrap();
    assert_eq!(split.owned_by(), BTreeMap::from([(KR, 1), (JP, 2), (FJ, 1)]));
    let unowned: Vec<u64> = split.unowned_rows.iter().map(|row| row.line).collect();
    assert_eq!(unowned, [5, 6, 7]);
    assert_eq!(split.unowned_by_country[&CountryCode::new("US")], 1);
}

#[test]
fn bad_lines_are_named_and_the_others_go_on() {
    let rows = b"\xef\xbb\xbf{\"source.geolocation.cc\": \"KR\"}\r\n\r\nnot json\n[]\n{\"tlp\": \"BLUE\"}\n{\"a\": \"\xff\"}\n{\"source.geolocation.cc\": \"KR\"}";
    let split = cut(rows, Options::default()).unwrap();
    assert_eq!((split.owned(), split.bad), (2, 4));
    let places: Vec<u64> = split.bad_rows.iter().map(|row| row.line).collect();
    assert_eq!(places, [3, 4, 5, 6]);
    let error = cut(rows, Options { bad_rows: 3, ..Options::default() }).unwrap_err();
    assert!(error.to_string().contains("line 3"), "{error}");
}

#[test]
fn another_kind_of_file_is_told_what_to_do() {
    assert!(matches!(cut(b"\x1f\x8b\x08\0", Options::default()), Err(SplitError::Compressed)));
    assert!(matches!(cut(b"[\n{}\n]", Options::default()), Err(SplitError::List)));
    assert_eq!(cut(b"[]\n{}\n", Options::default()).unwrap().bad, 1);
    assert_eq!(cut(b"", Options::default()).unwrap(), Split::default());
}

#[test]
fn a_line_without_end_does_not_fill_the_memory() {
    let mut rows = vec![b'x'; 3 * comity_interop::limits::LINE_BYTES];
    rows.extend(b"\n{\"source.geolocation.cc\": \"KR\"}\n");
    let split = cut(&rows, Options::default()).unwrap();
    assert_eq!((split.owned(), split.bad), (1, 1));
    assert!(split.bad_rows[0].what.contains("longer than"));
}

/// As a small compressed file would give them: more rows than there is memory for.
#[test]
fn a_file_without_end_does_not_fill_the_memory() {
    struct Endless(usize);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            const ROW: &[u8] = b"{\"source.geolocation.cc\": \"KR\"}\n";
            for byte in &mut *buffer {
                *byte = ROW[self.0 % ROW.len()];
                self.0 += 1;
            }
            // Were it read to the end, the test would still end.
            Ok(if self.0 > 1 << 26 { 0 } else { buffer.len() })
        }
    }
    let options = Options { bytes: 1 << 20, ..Options::default() };
    let mut read = 0;
    let endless = BufReader::new(Endless(0));
    let error = split(endless, &routes(), None, options, &mut |progress| read = progress.bytes)
        .unwrap_err();
    assert!(matches!(error, SplitError::TooMuch { limit: 1_048_576, .. }), "{error}");
    assert!(read < 2 << 20, "{read} bytes were read");
    assert!(Options::default().bytes <= 1 << 30);
}

#[test]
fn a_broken_stream_makes_nothing() {
    let file = fs::read(example("data/sightings.intelmq.jsonl.gz")).unwrap();
    let torn = BufReader::new(flate2::read::GzDecoder::new(&file[..file.len() / 2]));
    let error = split(torn, &routes(), None, Options::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, SplitError::Read { line, .. } if line > 1000), "{error}");
}

#[test]
fn a_row_keeps_its_own_marking() {
    let rows = b"{\"source.geolocation.cc\": \"KR\", \"tlp\": \"GREEN\"}\n{\"source.geolocation.cc\": \"KR\", \"tlp\": \"RED\"}\n";
    let split = cut(rows, Options::default()).unwrap();
    let labels: Vec<_> = split.parts.iter().map(|part| part.tlp).collect();
    assert_eq!(labels, [Some(Tlp::Green), Some(Tlp::Red)]);
    let draft = split.into_drafts().remove(0);
    assert_eq!(draft.marking.unwrap().tlp, Tlp::Green);
    let own = draft.sections[1].0.marking.as_ref().unwrap();
    assert_eq!(own.tlp, Tlp::Red);
}

#[test]
fn what_may_name_somebody_is_counted_and_said() {
    let rows = br#"{"source.geolocation.cc": "KR", "source.url": "http://u:p@h/?email=bob@x.org"}
{"source.geolocation.cc": "KR", "source.url": "http://h/", "comment": "call Bob"}
{"source.geolocation.cc": "KR", "source": {"url": "http://h/?b", "local_hostname": "bobs-pc"}}
"#;
    let split = cut(rows, Options::default()).unwrap();
    let counted = |name: &str, rows: u64| BTreeMap::from([(name.to_owned(), rows)]);
    assert_eq!(split.shortened, counted("source.url", 2));
    let mut dropped = counted("comment", 1);
    dropped.extend(counted("source.local_hostname", 1));
    assert_eq!(split.dropped, dropped);
    let text = String::from_utf8(split.parts[0].content.clone()).unwrap();
    for told in ["bob", "Bob", "u:p", "?"] {
        assert!(!text.contains(told), "{text}");
    }
    let notices = split.into_drafts()[0].notices.clone();
    assert!(notices.iter().any(|notice| notice.what.contains("source.url")), "{notices:?}");
}

#[test]
fn many_parts_become_several_drafts() {
    let rows = b"{\"source.geolocation.cc\": \"KR\"}\n".repeat(1200);
    let split = cut(&rows, Options { rows_per_part: 1, ..Options::default() }).unwrap();
    assert_eq!(split.parts.len(), 1200);
    let sizes: Vec<usize> = split.into_drafts().iter().map(|draft| draft.sections.len()).collect();
    assert_eq!(sizes, [512, 512, 176]);
}

/// A column of a row: about people or not, flat or nested.
fn column() -> impl Strategy<Value = (String, Value)> {
    let words =
        ["account", "email", "login", "reporter_name", "user", "ip", "port", "as_name", "x"];
    let name = (prop_oneof!["source", "extra", "destination"], 0..words.len());
    let name = name.prop_map(move |(first, at)| format!("{first}.{}", words[at]));
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        "\\PC{0,4}".prop_map(Value::from),
        Just(Value::Null),
    ];
    let value = leaf.prop_recursive(2, 8, 3, move |inner| {
        let key = (0..words.len()).prop_map(move |at| words[at].to_owned());
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    (name, value)
}

fn row() -> impl Strategy<Value = String> {
    let country = prop_oneof![Just(""), Just("KR"), Just("JP"), Just("XX"), Just("fj")];
    let members = proptest::collection::vec(column(), 0..6);
    let good = (country, members).prop_map(|(country, members)| {
        let mut row: serde_json::Map<String, Value> = members.into_iter().collect();
        row.insert("source.geolocation.cc".to_owned(), country.into());
        Value::Object(row).to_string()
    });
    prop_oneof![9 => good, 1 => "[a-z{\"][a-z{\"\\[]{0,5}"]
}

/// A table of routes whose operator lets some columns go.
fn with_columns() -> Routes {
    let known = BTreeMap::from([("KR", KR), ("JP", JP), ("FJ", FJ)]);
    let table = fs::read_to_string(example("routes.toml")).unwrap();
    let table = table
        .replace("\n[economies]", "\ncolumns = ['extra.port', 'extra.x', 'source.x']\n[economies]");
    Routes::parse(&table, |name| known.get(name).copied()).unwrap()
}

/// What goes on of a row, by the simplest means.
fn what_goes(value: Value, path: &str, allowed: &Allowed) -> Option<Value> {
    let join =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let inside = |value: Value| match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter_map(|(name, value)| {
                    let value = what_goes(value, &join(&name), allowed)?;
                    Some((name, value))
                })
                .collect(),
        ),
        Value::Array(items) => {
            items.into_iter().filter_map(|item| what_goes(item, path, allowed)).collect()
        }
        leaf @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => leaf,
    };
    if path.is_empty() {
        return Some(inside(value));
    }
    if !allowed.goes(path) {
        return None;
    }
    if let Value::String(text) = &value
        && !columns::is_field(path)
        && text.trim_start().starts_with(['{', '['])
    {
        let written = serde_json::from_str::<Value>(text).ok()?;
        return (inside(written.clone()) == written).then_some(value);
    }
    Some(inside(value))
}

proptest! {
    #[test]
    fn no_row_is_lost_and_only_what_may_go_goes(
        rows in proptest::collection::vec(row(), 0..40),
        rows_per_part in 1u64..10,
    ) {
        let text = rows.join("\n");
        let options = Options { rows_per_part, ..Options::default() };
        let routes = with_columns();
        let split = split(text.as_bytes(), &routes, None, options, &mut |_| {}).unwrap();
        prop_assert_eq!(split.owned() + split.unowned + split.bad, rows.len() as u64);
        prop_assert_eq!(lines(&split).len() as u64, split.owned());
        for part in &split.parts {
            prop_assert!(part.rows <= rows_per_part && part.rows > 0);
        }

        let gone: Vec<u64> = split.unowned_rows.iter().map(|row| row.line)
            .chain(split.bad_rows.iter().map(|row| row.line)).collect();
        let mut expected: Vec<String> = rows.iter().zip(1..)
            .filter(|(_, line)| !gone.contains(line))
            .map(|(row, _)| {
                let row = serde_json::from_str(row).unwrap();
                what_goes(row, "", routes.allowed()).unwrap().to_string()
            })
            .collect();
        let mut found: Vec<String> = lines(&split).iter()
            .map(|line| serde_json::from_slice::<Value>(line).unwrap().to_string()).collect();
        expected.sort();
        found.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn noise_is_counted_and_never_worse(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
        match cut(&noise, Options::default()) {
            Ok(split) => {
                let rows = noise.split(|byte| *byte == b'\n')
                    .filter(|line| !line.trim_ascii().is_empty()).count() as u64;
                prop_assert!(split.owned() + split.unowned + split.bad <= rows);
            }
            Err(SplitError::Compressed | SplitError::List) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}

#[test]
fn rows_without_a_zone_are_counted_and_a_named_zone_makes_rows_of_them() {
    let rows = b"{\"source.geolocation.cc\": \"KR\", \"time.source\": \"2026-08-22 21:01:36\"}\n{\"source.geolocation.cc\": \"KR\", \"source.ip\": \"999.2.3.7\"}\n{\"source.geolocation.cc\": \"KR\", \"time.source\": \"2026-08-22T21:01:36+00:00\"}\n";
    let split = cut(rows, Options::default()).unwrap();
    assert_eq!((split.owned(), split.bad, split.zoneless), (1, 2, 1));
    assert_eq!(split.bad_rows[0].what, "`time.source` is `2026-08-22 21:01:36`, which has no zone");
    assert_eq!(split.bad_rows[1].what, "`source.ip` is `999.2.3.7`, which is no address");
    let few = Options { bad_rows: 0, ..Options::default() };
    let error = cut(rows, few).unwrap_err();
    assert!(matches!(error, SplitError::TooManyBad { zoneless: 1, .. }), "{error}");
    let zone = Some(jiff::tz::TimeZone::UTC);
    let split = cut(rows, Options { zone, ..Options::default() }).unwrap();
    assert_eq!((split.owned(), split.bad, split.zoneless), (2, 1, 0));
    let text = String::from_utf8(split.parts[0].content.clone()).unwrap();
    let times = text.matches("\"time.source\": \"2026-08-22T21:01:36+00:00\"").count();
    assert_eq!(times, 2, "{text}");
}
