//! Where records can leave the house, or be shown in it: a written list, of which each place has its reason.
//!
//! The types say that a record goes over a link as a `Delivery`, into a file as a `Released`, and before our own
//! people as a `ShownPart`, and that only the decision makes those. Here the sources are searched for what makes
//! one, for what reads bodies, and for what writes files. A new place fails this test, and is either mended or
//! written down with why it is none.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What is looked for, as it stands in a source.
const BODIES: [&str; 5] = [".blob(", "::blob(", ".blob (", "shell::load(", "Part::decode("];
const WRITES: [&str; 18] = [
    "fs::write(",
    "fs::copy(",
    "fs::rename(",
    "hard_link(",
    "io::copy(",
    "File::create",
    ".write(true)",
    ".append(true)",
    "write_private(",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "Command::new(\"",
    "process::Command",
    "Endpoint::",
    "hyper::",
];
const MADE: [&str; 8] = [
    "Delivery {",
    "Released {",
    "ShownPart {",
    "Sight {",
    "DraftBytes(",
    "Transmit {",
    "Transmit::new(",
    "= control(",
];

/// The modules of those types, in which `Self {` makes one too.
const MODULES: [&str; 4] = [
    "comity-core/src/delivery.rs",
    "comity-core/src/exit.rs",
    "comity-core/src/sight.rs",
    "comity-proto/src/transmit.rs",
];

/// A file, what is looked for, how often it stands there, and why it may.
type Place = (&'static str, &'static str, usize, &'static str);

/// What makes what may leave, or be shown.
const MAKERS: &[Place] = &[
    ("comity-node/src/service/drafts.rs", "DraftBytes(", 1, "a section of a draft"),
    (
        "comity-node/src/service/compose.rs",
        "= control(",
        1,
        "words of control, at which the egress guard has looked",
    ),
    ("comity-node/src/service/emergencies.rs", "= control(", 1, "approvals, which stay at home"),
    ("comity-node/src/rotation.rs", "= control(", 1, "keyrings, without free text"),
    (
        "comity-core/src/delivery.rs",
        "Delivery {",
        2,
        "`release` decides, and `give_back` returns what a restored partner had sent",
    ),
    ("comity-core/src/exit.rs", "Released {", 1, "`let_out` decides"),
    ("comity-core/src/exit.rs", "Self {", 1, "`Contents`: bytes that nobody has decided about yet"),
    ("comity-core/src/sight.rs", "Sight {", 1, "`look_at` decides"),
    ("comity-core/src/sight.rs", "ShownPart {", 1, "`Sight::show` hashes the bytes"),
    (
        "comity-core/src/group/outcome.rs",
        "Sight {",
        1,
        "another type: what the decision reads of a group",
    ),
    ("comity-proto/src/transmit.rs", "Self {", 1, "`Transmit::new`, for the link machine alone"),
    (
        "comity-proto/src/link/mod.rs",
        "Transmit::new(",
        1,
        "frames of the control stream, which carry no record",
    ),
    (
        "comity-proto/src/link/outgoing.rs",
        "Transmit::new(",
        1,
        "pieces of batches, which are made of `Delivery`",
    ),
    ("comity-proto/src/link/receiving/keeping.rs", "Delivery {", 2, "another type: what arrives"),
    ("comity-node/src/api/node.rs", "Delivery {", 1, "a kind of event, without content"),
    (
        "comity/src/commands/demo/report.rs",
        "Delivery {",
        1,
        "another type: a line of the demonstration's report",
    ),
];

/// What reads the bodies of parts.
const READERS: &[Place] = &[
    ("comity-core/src/record/verify.rs", "Part::decode(", 1, "whether parts belong to a record"),
    ("comity-core/src/sight.rs", "Part::decode(", 1, "`Sight::show`"),
    ("comity-node/src/guard/mod.rs", "Part::decode(", 1, "the egress guard"),
    (
        "comity-node/src/service/embargo.rs",
        "Part::decode(",
        1,
        "our own record, signed anew without its embargo",
    ),
    ("comity-node/src/service/record_file.rs", "shell::load(", 1, "what `let_out` takes"),
    (
        "comity-node/src/service/records.rs",
        "shell::load(",
        1,
        "`show`: the signed record, without parts",
    ),
    (
        "comity-node/src/service/records.rs",
        "Part::decode(",
        1,
        "`show`: the header of what is not shown",
    ),
    ("comity/src/commands/verify/vectors.rs", "Part::decode(", 1, "conformance vectors"),
    ("comity-store/src/file/mod.rs", ".blob(", 1, "the store itself"),
    ("comity-node/src/node.rs", ".blob(", 1, "titles, when the journal is read again"),
    (
        "comity-node/src/shell/work.rs",
        ".blob(",
        2,
        "what the egress guard examines; and `load`, whose bytes `release` or `let_out` take",
    ),
    (
        "comity-node/src/service/records.rs",
        ".blob(",
        1,
        "`show`: shown by a `Sight`; of the rest the header is read",
    ),
    (
        "comity-node/src/service/searching.rs",
        ".blob(",
        1,
        "`audit who --value`: looked at by a `Sight`",
    ),
    (
        "comity-node/src/service/subjects.rs",
        ".blob(",
        1,
        "what a part speaks of: read by a `Sight`",
    ),
    (
        "comity-node/src/service/drafts.rs",
        ".blob(",
        1,
        "drafts, which nobody has signed, for those who write them",
    ),
    (
        "comity/src/commands/demo/journal.rs",
        ".blob(",
        1,
        "the demonstration tampers with its own three nodes",
    ),
];

/// What writes files, or opens a way out of the process.
const WRITERS: &[Place] = &[
    ("comity-admin/src/client.rs", "UnixStream", 2, "the command line asks the node"),
    ("comity-admin/src/client.rs", "hyper::", 1, "the same"),
    ("comity-admin/src/server.rs", "UnixListener", 3, "the node answers the local interface"),
    ("comity-admin/src/server.rs", "UnixStream", 1, "the same"),
    ("comity-net/src/endpoint/mod.rs", "UdpSocket", 2, "links, which send what `Transmit` has"),
    ("comity-net/src/endpoint/mod.rs", "Endpoint::", 1, "the same"),
    ("comity-node/src/node.rs", "Endpoint::", 1, "the same"),
    ("comity-node/src/keyfile/mod.rs", "fs::rename(", 1, "keys, sealed"),
    ("comity-node/src/keyfile/mod.rs", "hard_link(", 1, "the same"),
    ("comity-node/src/outlasting/list.rs", "fs::rename(", 1, "digests of what was erased"),
    ("comity-node/src/rotation.rs", "fs::rename(", 1, "keyrings"),
    ("comity-node/src/shell/met.rs", "fs::rename(", 1, "where partners were met: addresses"),
    ("comity-node/src/staged.rs", "fs::rename(", 1, "keys that are about to count"),
    ("comity-store/src/file/maintenance.rs", "fs::rename(", 2, "the journal, and a backup of it"),
    ("comity-store/src/file/maintenance.rs", "io::copy(", 1, "a backup"),
    ("comity-store/src/file/open.rs", "fs::rename(", 1, "what was cut from the journal's end"),
    ("comity-store/src/file/open.rs", "io::copy(", 1, "the same"),
    ("comity-store/src/segment.rs", "fs::rename(", 1, "the journal"),
    ("comity/src/commands/demo/peer.rs", "Endpoint::", 1, "the demonstration's own nodes"),
    ("comity/src/commands/demo/world.rs", "UdpSocket", 1, "a free port for them"),
    ("comity/src/commands/doctor/machine.rs", "UdpSocket", 2, "whether the port is free"),
    ("comity/src/commands/store.rs", "fs::rename(", 2, "the data folder, at a restore"),
    (
        "comity/src/folder.rs",
        ".write(true)",
        1,
        "`write_private`, through which the command line writes for people",
    ),
    ("comity/src/folder.rs", "write_private(", 1, "the same"),
    (
        "comity/src/commands/record_file.rs",
        "write_private(",
        2,
        "a record that was let out as `Released`, and its terms",
    ),
    (
        "comity/src/commands/audit/mod.rs",
        "write_private(",
        2,
        "who was told: no content; titles where they may leave",
    ),
    (
        "comity/src/commands/audit/export.rs",
        ".write(true)",
        1,
        "what happened: no content; titles where they may leave",
    ),
    ("comity/src/commands/audit/export.rs", "write_private(", 1, "our own keyring"),
    ("comity/src/commands/erasing.rs", "write_private(", 1, "a certificate: digests"),
    (
        "comity/src/commands/quarantine/ask.rs",
        ".write(true)",
        1,
        "a draft of a question about a record that is held: digests and names",
    ),
    (
        "comity/src/commands/demo/world.rs",
        "fs::write(",
        1,
        "the configuration of a node of the demonstration",
    ),
    (
        "comity/src/commands/demo/tamper.rs",
        "fs::copy(",
        1,
        "the demonstration copies a node of its own",
    ),
    ("comity-node/src/founding.rs", "File::create", 1, "a new node's configuration and keyring"),
    ("comity-node/src/rotation.rs", "File::create", 2, "keyrings"),
    ("comity-node/src/keyfile/mod.rs", ".write(true)", 1, "keys, sealed"),
    ("comity-node/src/outlasting/list.rs", ".append(true)", 1, "digests of what was erased"),
    ("comity-node/src/outlasting/list.rs", ".write(true)", 1, "the same, anew"),
    ("comity-node/src/outlasting/list.rs", "fs::copy(", 1, "the same, where it was damaged"),
    ("comity-node/src/shell/met.rs", ".write(true)", 1, "where partners were met: addresses"),
    ("comity-store/src/segment.rs", ".write(true)", 1, "the journal"),
    ("comity-store/src/file/open.rs", ".write(true)", 1, "what was cut from the journal's end"),
    (
        "comity-store/src/file/summary.rs",
        ".write(true)",
        1,
        "the journal's summary: digests and places",
    ),
    ("comity-store/src/file/unfinished.rs", ".write(true)", 1, "bodies that are still arriving"),
    (
        "comity-store/src/file/maintenance.rs",
        ".append(true)",
        1,
        "a backup, which is all of it: for whoever holds the node",
    ),
    ("comity-store/src/lock.rs", ".write(true)", 1, "the lock"),
    ("comity-store/src/views.rs", "fs::write(", 1, "a mark that views are stale"),
];

#[test]
fn what_may_leave_or_be_shown_is_made_where_it_is_decided() {
    let mut found = found(&MADE);
    for module in MODULES {
        let selves = places(&crates().join(module), &["Self {"]);
        found.extend(selves);
    }
    assert_listed(&found, MAKERS);
}

#[test]
fn bodies_are_read_where_it_is_written_down_why() {
    assert_listed(&found(&BODIES), READERS);
}

#[test]
fn files_are_written_where_it_is_written_down_what() {
    assert_listed(&found(&WRITES), WRITERS);
}

/// Where something was found: the file, what, and on which line.
type Found = (String, String, usize);

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates")
}

/// Every place in the product's sources.
fn found(wanted: &[&str]) -> Vec<Found> {
    let mut found = Vec::new();
    for one in entries(&crates()) {
        let source = one.join("src");
        if source.is_dir() {
            walk(&source, wanted, &mut found);
        }
    }
    assert!(!found.is_empty(), "no sources were found");
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap();
    let mut entries: Vec<_> = read.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn walk(folder: &Path, wanted: &[&str], found: &mut Vec<Found>) {
    for entry in entries(folder) {
        let stem = entry.file_stem().unwrap().to_string_lossy().into_owned();
        if stem == "tests" || stem.ends_with("_tests") || stem == "test_util" {
            continue;
        }
        if entry.is_dir() {
            walk(&entry, wanted, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.extend(places(&entry, wanted));
        }
    }
}

fn places(file: &Path, wanted: &[&str]) -> Vec<Found> {
    let source = fs::read_to_string(file).unwrap();
    let name = file.strip_prefix(crates()).unwrap().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for (number, line) in product(&source) {
        if !wanted.iter().any(|what| line.contains(what)) {
            continue;
        }
        let code = line.split("//").next().unwrap_or_default();
        // What a type is, and what it does, makes none.
        let declares = ["struct ", "enum ", "impl ", "impl<", "for ", "-> "];
        for what in wanted {
            let made = what.ends_with('{');
            for (at, _) in code.match_indices(what) {
                let before = &code[..at];
                let part_of_a_name = made
                    && before.ends_with(|last: char| {
                        last.is_alphanumeric() || last == '_' || last == ':'
                    });
                let declared = made && declares.iter().any(|word| before.ends_with(word));
                if !part_of_a_name && !declared {
                    found.push((name.clone(), (*what).to_owned(), number));
                }
            }
        }
    }
    found
}

/// The lines without the module of tests, which is the last in a file, and their numbers.
fn product(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<_> = (1..).zip(source.lines()).collect();
    let tests = lines.windows(2).position(|pair| {
        let [(_, one), (_, next)] = pair else { return false };
        one.trim() == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{')
    });
    let most = tests.unwrap_or(lines.len());
    lines.into_iter().take(most)
}

fn assert_listed(found: &[Found], listed: &[Place]) {
    let mut by_place: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (file, what, line) in found {
        by_place.entry((file, what)).or_default().push(*line);
    }
    let mut wrong = String::new();
    for ((file, what), lines) in &by_place {
        let known = listed.iter().find(|(one, other, ..)| one == file && other == what);
        let most = known.map_or(0, |(_, _, times, _)| *times);
        if lines.len() > most {
            let lines: Vec<_> = lines.iter().map(|line| format!("crates/{file}:{line}")).collect();
            let lines = lines.join(", ");
            writeln!(wrong, "`{what}` stands in {lines}: {most} of these are in the list").unwrap();
        }
    }
    for (file, what, times, why) in listed {
        let there = by_place.get(&(*file, *what)).map_or(0, Vec::len);
        if there < *times {
            writeln!(wrong, "`{what}` stood in crates/{file} {times} times, for: {why}").unwrap();
        }
    }
    assert!(
        wrong.is_empty(),
        "\n{wrong}a new place takes a `Released`, a `Delivery` or a `ShownPart`, or is written down here with its reason"
    );
}
