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
const BODIES: [&str; 4] = [".blob(", "::blob(", "shell::load", "Part::decode("];
const WRITES: [&str; 19] = [
    "fs::write(",
    "fs::copy(",
    "fs::rename(",
    "hard_link(",
    "io::copy(",
    "File::create",
    "File::options(",
    "OpenOptions::new(",
    "write_private(",
    "Reserved::make(",
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
    ("comity-node/src/service/watch.rs", "Delivery {", 1, "the same"),
    ("comity/src/commands/watch.rs", "Delivery {", 2, "the same, on the screen"),
    ("comity/src/commands/demo/exchange.rs", "Delivery {", 2, "the same"),
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
    ("comity-node/src/service/record_file.rs", "shell::load", 1, "what `let_out` takes"),
    (
        "comity-node/src/service/embargo.rs",
        "shell::load",
        1,
        "our own record, signed anew without its embargo",
    ),
    (
        "comity-node/src/service/records.rs",
        "shell::load",
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

/// What says what a record is called. Of others' records that is the first line of what they say.
const NAMERS: &[Place] = &[
    (
        "comity-node/src/service/words.rs",
        "held.title",
        2,
        "our own, and what everybody here may see",
    ),
    ("comity-node/src/service/files.rs", "held.title", 1, "what the egress guard finds in it"),
    ("comity-node/src/service/export_events.rs", "held.title", 1, "where `title_leaves` says so"),
    ("comity-node/src/service/approvals.rs", "held.title", 1, "our own, which waits"),
    (
        "comity-node/src/service/emergencies.rs",
        "held.title",
        1,
        "our own, for which the glass breaks",
    ),
    ("comity-node/src/service/embargo.rs", "held.title", 1, "our own, signed anew"),
    ("comity-node/src/service/key_ends.rs", "held.title", 1, "our own, of which the key ends"),
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
        "OpenOptions::new(",
        1,
        "`Reserved`, through which the command line writes for people",
    ),
    ("comity/src/folder.rs", "Reserved::make(", 1, "the same"),
    ("comity/src/folder.rs", "write_private(", 1, "the same"),
    (
        "comity/src/commands/record_file.rs",
        "Reserved::make(",
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
        "OpenOptions::new(",
        1,
        "what happened: no content; titles where they may leave",
    ),
    ("comity/src/commands/audit/export.rs", "write_private(", 1, "our own keyring"),
    ("comity/src/commands/erasing.rs", "write_private(", 1, "a certificate: digests"),
    (
        "comity/src/commands/quarantine/ask.rs",
        "OpenOptions::new(",
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
    ("comity-node/src/keyfile/mod.rs", "OpenOptions::new(", 1, "keys, sealed"),
    (
        "comity-node/src/outlasting/list.rs",
        "OpenOptions::new(",
        2,
        "digests of what was erased, held and left, and the same anew",
    ),
    ("comity-node/src/outlasting/list.rs", "fs::copy(", 1, "the same, where it was damaged"),
    ("comity-node/src/shell/met.rs", "OpenOptions::new(", 1, "where partners were met: addresses"),
    ("comity-store/src/segment.rs", "OpenOptions::new(", 2, "the journal"),
    ("comity-node/src/private_file.rs", "OpenOptions::new(", 1, "reads"),
    (
        "comity-store/src/file/open.rs",
        "OpenOptions::new(",
        1,
        "what was cut from the journal's end",
    ),
    (
        "comity-store/src/file/summary.rs",
        "OpenOptions::new(",
        1,
        "the journal's summary: digests and places",
    ),
    (
        "comity-store/src/file/unfinished.rs",
        "OpenOptions::new(",
        1,
        "bodies that are still arriving",
    ),
    (
        "comity-store/src/file/maintenance.rs",
        "OpenOptions::new(",
        1,
        "a backup, which is all of it: for whoever holds the node",
    ),
    ("comity-store/src/lock.rs", "OpenOptions::new(", 1, "the lock"),
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
fn records_are_called_by_their_names_where_it_is_decided() {
    let mut found = found(&["held.title"]);
    found.retain(|(file, ..)| !file.starts_with("comity-node/src/state/"));
    assert_listed(&found, NAMERS);
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

fn is_for_tests(path: &Path) -> bool {
    let stem = path.file_stem().unwrap().to_string_lossy();
    stem == "tests" || stem.ends_with("_tests") || stem == "test_util"
}

fn walk(folder: &Path, wanted: &[&str], found: &mut Vec<Found>) {
    for entry in entries(folder) {
        if is_for_tests(&entry) {
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
    let found = places_in(&source, wanted).into_iter();
    found.map(|(what, line)| (name.clone(), what, line)).collect()
}

/// What of this stands in a source, and on which lines.
fn places_in(source: &str, wanted: &[&str]) -> Vec<(String, usize)> {
    // What a type is, and what it does, makes none.
    const DECLARES: [&str; 6] = ["struct ", "enum ", "impl ", "impl<", "for ", "->"];
    let code = Code::of(source).without_tests();
    let mut found = Vec::new();
    for what in wanted {
        let sought = Code::of(what).text;
        let makes = sought.ends_with('{');
        for (at, _) in code.text.match_indices(&sought) {
            let before = &code.text[..at];
            let part_of_a_name = sought.starts_with(is_of_a_name) && before.ends_with(is_of_a_name);
            // `'_ Released {`, `dyn Released {`: none of these stands before a value.
            let declared = makes && DECLARES.iter().any(|word| before.ends_with(word));
            if !part_of_a_name && !declared {
                found.push(((*what).to_owned(), code.lines[at]));
            }
        }
    }
    found
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// A source without comments, without what its strings say, and without the spaces that mean nothing; and the line of
/// each byte.
#[derive(Default)]
struct Code {
    text: String,
    lines: Vec<usize>,
}

impl Code {
    fn of(source: &str) -> Self {
        let (mut code, mut line, mut rest, mut space) = (Self::default(), 1, source, false);
        while let Some(letter) = rest.chars().next() {
            let length = passed(rest).unwrap_or(0);
            let (token, after) = rest.split_at(length.max(letter.len_utf8()));
            rest = after;
            if letter.is_whitespace() || token.starts_with("//") || token.starts_with("/*") {
                space = true;
            } else {
                if space && is_of_a_name(letter) && code.text.ends_with(is_of_a_name) {
                    code.push(' ', line);
                }
                space = false;
                code.push(letter, line);
                if token.len() > letter.len_utf8() {
                    // A string, of which the ends are kept.
                    code.push('"', line);
                }
            }
            line += token.matches('\n').count();
        }
        code
    }

    fn push(&mut self, letter: char, line: usize) {
        self.text.push(letter);
        self.lines.resize(self.text.len(), line);
    }

    /// Without modules that only tests have, wherever in the file they stand.
    fn without_tests(mut self) -> Self {
        const TEST: &str = "#[cfg(test)]";
        let mut from = 0;
        while let Some(at) = self.text[from..].find(TEST).map(|at| from + at) {
            from = at + TEST.len();
            let after = &self.text[from..];
            let Some(begins) = after.find(['{', ';']) else { break };
            let is_module = after[..begins].split(' ').any(|word| word.ends_with("mod"));
            if is_module && after[begins..].starts_with('{') {
                let end = from + begins + block(&after[begins..]);
                self.text.replace_range(at..end, "");
                self.lines.drain(at..end);
                from = at;
            }
        }
        self
    }
}

/// How many bytes a block has that begins here, in code without strings.
fn block(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

/// How many bytes a comment, a string or a character has that begins here.
fn passed(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(rest.find("*/").map_or(rest.len(), |at| at + 2));
    }
    let raw = rest.strip_prefix('b').unwrap_or(rest);
    if let Some(hashes) = raw.strip_prefix('r') {
        let count = hashes.len() - hashes.trim_start_matches('#').len();
        if hashes[count..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(count));
            let begins = rest.len() - hashes.len() + count + 1;
            let ends = rest[begins..].find(&end).map_or(rest.len(), |at| begins + at + end.len());
            return Some(ends);
        }
    }
    if let Some(said) = rest.strip_prefix('"') {
        return Some(1 + closing(said, '"'));
    }
    // A character, and no lifetime.
    let quoted = rest.strip_prefix('\'')?;
    let mut letters = quoted.char_indices();
    match (letters.next()?.1, letters.next()?) {
        ('\\', _) => Some(1 + closing(quoted, '\'')),
        (_, (at, '\'')) => Some(1 + at + 1),
        _ => None,
    }
}

/// Up to and with the end of a string or a character.
fn closing(text: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == end => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Whatever has a test's name is for tests alone, or it would be a place to hide.
#[test]
fn what_is_passed_over_is_for_tests_alone() {
    let mut wrong = Vec::new();
    for one in entries(&crates()) {
        let source = one.join("src");
        if source.is_dir() {
            passed_over(&source, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "in the product's build too: {wrong:?}");
}

fn passed_over(folder: &Path, wrong: &mut Vec<PathBuf>) {
    for entry in entries(folder) {
        if !is_for_tests(&entry) {
            if entry.is_dir() {
                passed_over(&entry, wrong);
            }
            continue;
        }
        let name = entry.file_stem().unwrap().to_string_lossy();
        let declared = format!("mod {name};");
        let parents = ["mod.rs", "lib.rs", "main.rs"].map(|file| folder.join(file));
        let mut parents = parents.into_iter().chain([folder.with_extension("rs")]);
        let for_tests = parents.any(|parent| {
            let Ok(source) = fs::read_to_string(parent) else { return false };
            let code = Code::of(&source).text;
            let Some(at) = code.find(&declared) else { return false };
            let begins = code[..at].rfind([';', '}']).map_or(0, |at| at + 1);
            let attributes = &code[begins..at];
            attributes.contains("#[cfg(test)]") || attributes.contains("#[cfg(any(test,")
        });
        if !for_tests {
            wrong.push(entry);
        }
    }
}

#[test]
fn a_place_is_found_however_it_is_written() {
    let cases = [
        ("store.blob(digest)", ".blob("),
        ("store\n    .blob\n    (digest)", ".blob("),
        ("Store :: blob(&*store, digest)", "::blob("),
        ("let url = \"https://x\"; fs::write(path, url)", "fs::write("),
        ("let quote = '\"'; fs::write(path, quote)", "fs::write("),
        ("let raw = r#\"a \"// b\"#; fs::write(path, raw)", "fs::write("),
        ("/* not this */ std::fs :: rename(one, other)", "fs::rename("),
        ("OpenOptions::new().append(on).open(path)", "OpenOptions::new("),
        ("exit::Released { contents, obligations }", "Released {"),
        ("Ok(Released{contents})", "Released {"),
        ("#[cfg(test)]\nmod a { fn b() {} }\nfn c() { fs::copy(d, e) }", "fs::copy("),
        ("use crate::shell::load;", "shell::load"),
        ("fn a<'a>(b: &'a B) { c.blob('x') }", ".blob("),
    ];
    for (source, what) in cases {
        let found = places_in(source, &[what]);
        assert_eq!(found.len(), 1, "{source}: {found:?}");
    }
    let none = [
        ("// store.blob(digest)", ".blob("),
        ("\"store.blob(digest)\"", ".blob("),
        ("pub struct Released {", "Released {"),
        ("fn let_out() -> Released {", "Released {"),
        ("impl fmt::Debug for Released {", "Released {"),
        ("NotReleased { why }", "Released {"),
        ("#[cfg(test)]\nmod tests {\n fn a() { fs::write(b, \"}\") }\n}", "fs::write("),
    ];
    for (source, what) in none {
        assert_eq!(places_in(source, &[what]), [], "{source}");
    }
    let found = places_in("\n/*\n*/\nfs::write(a, \"\n\");\nfs::write(b, c)", &["fs::write("]);
    assert_eq!(found.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [4, 6]);
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
