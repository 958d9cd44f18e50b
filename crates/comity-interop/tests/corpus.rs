//! Every document of a folder, for those who have one: `COMITY_CORPUS=DIR cargo test -p comity-interop
//! --test corpus -- --ignored --nocapture`. Nothing may panic, and every refusal names its place.

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

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use comity_core::EconomyId;
use comity_interop::intelmq::{Options, split};
use comity_interop::{CountryCode, PrefixTable, Routes, csaf};

fn corpus() -> PathBuf {
    std::env::var_os("COMITY_CORPUS").expect("COMITY_CORPUS names a folder").into()
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

#[test]
#[ignore = "needs a folder of documents"]
fn every_document_is_read_or_refused_with_its_place() {
    let mut paths = Vec::new();
    files(&corpus(), &mut paths);
    paths.sort();
    let (mut read, mut refused, started) = (0, 0, Instant::now());
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
        let bytes = fs::read(path).unwrap();
        match csaf::import(&bytes) {
            Ok(draft) => {
                read += 1;
                assert_eq!(draft.sections[0].1, bytes, "{}", path.display());
                for notice in &draft.notices {
                    println!("{}: {notice}", path.display());
                }
            }
            Err(error) => {
                refused += 1;
                println!("{}: refused: {error}", path.display());
            }
        }
    }
    println!("{read} read, {refused} refused, {:?}", started.elapsed());
}

/// The file at `path`, unpacked if its name says so.
fn open(path: &Path) -> BufReader<Box<dyn Read>> {
    let file = File::open(path).unwrap();
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let inner: Box<dyn Read> =
        if packed { Box::new(flate2::read::GzDecoder::new(file)) } else { Box::new(file) };
    BufReader::with_capacity(256 * 1024, inner)
}

/// Of this thread: others share the machine.
fn processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

#[test]
#[ignore = "needs a file of rows: COMITY_ROWS, and a prefix table: COMITY_PREFIXES"]
fn rows_per_second_beside_the_plain_parse() {
    let rows = std::env::var_os("COMITY_ROWS").expect("COMITY_ROWS names a file");
    let prefixes = std::env::var_os("COMITY_PREFIXES").expect("COMITY_PREFIXES names a file");
    let mut text = Vec::new();
    open(Path::new(&rows)).read_to_end(&mut text).unwrap();
    let mut started = processor_seconds();
    let mut lap = |what: &str, rows: u64| {
        let took = processor_seconds() - started;
        println!("{what}: {took:.3} s of processor, {:.0} rows/s", rows as f64 / took);
        started = processor_seconds();
    };
    let table = PrefixTable::read(open(Path::new(&prefixes))).unwrap();
    lap("table", table.len() as u64);
    for _ in 0..2 {
        let mut count = 0;
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            count += u64::from(value.is_object());
        }
        lap("serde_json::Value", count);
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            serde_json::from_slice::<serde::de::IgnoredAny>(line).unwrap();
        }
        lap("serde_json::IgnoredAny", count);
        let codes = (b'A'..=b'Z').flat_map(|a| (b'A'..=b'Z').map(move |b| [a, b]));
        let routes = Routes::new(codes.map(|code| {
            let text = String::from_utf8(code.to_vec()).unwrap();
            (CountryCode::new(&text).unwrap(), EconomyId([code[1] % 8; 32]))
        }));
        let cut = split(&text[..], &routes, Some(&table), Options::default(), &mut |_| {}).unwrap();
        lap("split", count);
        split(&text[..], &routes, None, Options::default(), &mut |_| {}).unwrap();
        lap("split, no table", count);
        println!(
            "{} owned, {} unowned, {} bad, {} parts",
            cut.owned(),
            cut.unowned,
            cut.bad,
            cut.parts.len()
        );
        assert_eq!(cut.owned() + cut.unowned + cut.bad, count);
    }
}
