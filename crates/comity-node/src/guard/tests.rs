use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use comity_core::Section;
use comity_core::record::{Header, Part};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::config::Egress;
use crate::limits::{GUARD_RATIO, GUARD_UNPACKED, GUARD_UNPACKED_FREELY};

fn write(path: &Path, text: &[u8]) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A guard with one list.
fn guard(list: List, text: &str) -> Result<Arc<Guard>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt");
    write(&path, text.as_bytes());
    let mut config = Egress::default();
    let named = match list {
        List::Strings => &mut config.strings,
        List::Expressions => &mut config.expressions,
        List::Prefixes => &mut config.prefixes,
        List::Hashes => &mut config.hashes,
    };
    *named = Some(path);
    let guard = Guard::read(&config).map_err(|error| error.to_string())?;
    Ok(guard.expect("a list is named"))
}

/// The lines of the list that match.
fn lines(guard: &Guard, found: &Found) -> Vec<u32> {
    let line = |rule: &u32| match guard.place(*rule) {
        Place::Line(_, line) => line,
        Place::Packed => 0,
    };
    found.rules.iter().map(line).collect()
}

#[track_caller]
fn check(list: List, text: &str, cases: &[(&[u8], &[u32])]) {
    let guard = guard(list, text).unwrap();
    for (content, expected) in cases {
        let found = guard.file("", content);
        assert_eq!(lines(&guard, &found), *expected, "{}", String::from_utf8_lossy(content));
    }
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

#[test]
fn a_string_is_found_in_any_letters_and_encoding() {
    let utf16: Vec<u8> = "project Heron".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(
        List::Strings,
        "# ours\n\nproject heron\r\nSéoul\n",
        &[
            (b"about Project HERON, then", &[3]),
            (b"about project her on", &[]),
            (&utf16, &[3]),
            ("à SÉOUL".as_bytes(), &[4]),
            (br#"{"a": "s\u00e9oul"}"#, &[4]),
            (b"project[.]heron", &[]),
            (b"\xff\xfeproject heron\x00", &[3]),
            (b"# ours", &[]),
        ],
    );
    check(List::Strings, "heron.example", &[(b"hxxp://www.heron[.]example/", &[1])]);
}

#[test]
fn an_expression_is_looked_for_line_by_line() {
    check(
        List::Expressions,
        r"(?i)^internal use only$
\bKR-[0-9]{4}-INT\b",
        &[
            (b"x\nInternal Use Only\ny", &[1]),
            (b"not internal use only", &[]),
            (b"see KR-2026-INT.", &[2]),
            (b"\xff KR-2026-INT", &[2]),
        ],
    );
}

#[test]
fn an_address_of_a_network_of_ours_is_found_however_it_is_written() {
    check(
        List::Prefixes,
        "203.0.113.0/24\n2001:db8::/32\n198.51.100.7",
        &[
            (b"from 203.0.113.9:443 to", &[1]),
            (b"203[.]0[.]113[.]9", &[1]),
            (b"203.0.113[dot]9", &[1]),
            (b"(203.0.113.255).", &[1]),
            (b"203.0.112.255 203.0.114.0", &[]),
            (b"::ffff:203.0.113.9", &[1]),
            (b"[2001:db8:1::7]:443", &[2]),
            (b"address:2001:DB8::1.", &[2]),
            (b"2001:db9::1", &[]),
            (b"198.51.100.7 198.51.100.77", &[3]),
            (b"version 1.203.0.113.9", &[1]),
            (b"12:30:45 00:11:22:33:44:55", &[]),
        ],
    );
}

#[test]
fn a_file_is_found_by_its_digest_packed_or_not() {
    let digest = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592";
    let content = b"The quick brown fox jumps over the lazy dog";
    let shown = format!("{}  fox.txt", digest.to_uppercase());
    check(List::Hashes, &shown, &[(content, &[1]), (&packed(content), &[1]), (b"The quick", &[])]);
}

#[test]
fn what_is_packed_is_looked_into_or_held() {
    let guard = guard(List::Strings, "heron").unwrap();
    let inside = packed(b"the heron");
    assert_eq!(lines(&guard, &guard.file("a.gz", &inside)), [1]);
    assert_eq!(lines(&guard, &guard.file("a", &inside)), [1], "whatever it is called");
    let cut = inside.get(..inside.len() - 4).unwrap();
    assert_eq!(lines(&guard, &guard.file("a.gz", cut)), [0, 1]);
    assert_eq!(lines(&guard, &guard.file("a.gz", b"not packed")), [0]);
    assert_eq!(lines(&guard, &guard.file("a", b"\x1f\x8bnot packed")), [0; 0]);
    let large = packed(&vec![0; GUARD_UNPACKED + 1]);
    assert_eq!(lines(&guard, &guard.file("a.gz", &large)), [0]);
}

/// Few bytes that become many are held before they are; what is named of it besides is from its front.
#[test]
fn what_grows_more_than_so_many_times_is_held_and_takes_no_memory() {
    let guard = guard(List::Strings, "heron").unwrap();
    let many = |count: usize| packed(&[&b"heron"[..], &vec![0; count]].concat());
    let fine = many(GUARD_UNPACKED_FREELY - 5);
    assert_eq!(lines(&guard, &guard.file("a", &fine)), [1]);
    let grows = many(GUARD_UNPACKED_FREELY);
    assert!(grows.len() * GUARD_RATIO < GUARD_UNPACKED_FREELY);
    assert_eq!(lines(&guard, &guard.file("a", &grows)), [0, 1]);
    let inside = unpacked(&grows);
    assert_eq!((inside.end, inside.bytes.len()), (End::TooMuch, GUARD_UNPACKED_FREELY));
    assert_eq!(inside.bytes.capacity(), GUARD_UNPACKED_FREELY);
}

#[test]
fn a_string_is_found_in_whatever_letters_people_read_as_the_same() {
    let utf16 = |text: &str| {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xff, 0xfe].into_iter().chain(units).collect::<Vec<u8>>()
    };
    check(
        List::Strings,
        "Äö-Werk\nStraße 7\nheron\nＫＥＳＴＲＥＬ",
        &[
            ("das äÖ-WERK".as_bytes(), &[1]),
            ("A\u{308}o\u{308}-werk".as_bytes(), &[1]),
            ("STRASSE 7".as_bytes(), &[2]),
            ("ＨＥＲＯＮ".as_bytes(), &[3]),
            ("h\u{200b}er\u{ad}on".as_bytes(), &[3]),
            (b"a kestrel", &[4]),
            (&utf16("das äÖ-WERK"), &[1]),
            (b"\xffhe\xffron", &[]),
        ],
    );
    assert!(guard(List::Strings, "a\u{200b}\u{200b}b").is_err(), "two that are seen");
}

#[test]
fn what_a_part_is_called_is_looked_at_as_well() {
    let guard = guard(List::Strings, "heron").unwrap();
    let header = Header {
        file_name: Some("Heron.txt".to_owned()),
        ..Header::new(Section::Evidence, "text/plain")
    };
    let part = Part::seal(&header, b"a bird", [7; 16]).unwrap();
    let found = guard.part(part.bytes).unwrap();
    assert_eq!(lines(&guard, &found), [1]);
    assert!(guard.part(Bytes::from_static(b"no part")).is_err());
}

/// The byte before a name says how long it is, and is a letter or a digit to whoever reads bytes.
#[test]
fn a_name_is_looked_at_by_itself() {
    let expressions = guard(List::Expressions, r"\bheron\b").unwrap();
    let prefixes = guard(List::Prefixes, "203.0.113.0/24").unwrap();
    for length in 1..=60 {
        for (guard, planted) in [(&expressions, "heron"), (&prefixes, "203.0.113.9")] {
            let name = Some(format!("{planted}{}", " x".repeat(length)));
            let header = Header { file_name: name, ..Header::new(Section::Evidence, "text/plain") };
            let part = Part::seal(&header, b"a bird", [7; 16]).unwrap();
            let found = guard.part(part.bytes).unwrap();
            assert_eq!(lines(guard, &found), [1], "{planted}, {length}");
        }
    }
}

#[test]
fn only_so_many_rules_are_named() {
    let rules: Vec<String> = (100..200).map(|number| format!("word{number}")).collect();
    let guard = guard(List::Strings, &rules.join("\n")).unwrap();
    let found = guard.file("", rules.join(" ").as_bytes());
    assert_eq!((found.rules.len(), found.more), (GUARD_HITS, true));
    let some = rules.get(..GUARD_HITS).unwrap();
    let found = guard.file("", some.join(" ").as_bytes());
    assert_eq!((found.rules.len(), found.more), (GUARD_HITS, false));
}

#[test]
fn what_is_no_rule_is_refused_with_its_place_and_without_its_words() {
    for (list, text, place, what) in [
        (List::Strings, "ab", "line 1:", "at least 3 characters"),
        (List::Expressions, "fine\n\nhidden(", "line 3, column 7:", "unclosed group"),
        (List::Expressions, "hidden\\p{Nope}", "line 1, column", "not found"),
        (List::Expressions, "hidden|", "line 1:", "everything"),
        (List::Expressions, "(hidden{1000}){1000}", "line 1", "KiB"),
        (List::Prefixes, "# x\nhidden", "line 2:", "no address"),
        (List::Prefixes, "203.0.113.1/24", "line 1:", "beyond the length"),
        (List::Prefixes, "203.0.113.0/33", "line 1:", "none of 0 to 32"),
        (List::Hashes, "hidden", "line 1:", "no SHA-256"),
    ] {
        let error = guard(list, text).unwrap_err();
        assert!(error.contains(place) && error.contains(what), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}

#[test]
fn a_list_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("strings.txt");
    let config = Egress { strings: Some(path.clone()), ..Egress::default() };
    assert!(matches!(Guard::read(&config), Err(GuardError::Missing(_))));
    write(&path, b"heron");
    assert!(Guard::read(&config).unwrap().is_some());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = Guard::read(&config).unwrap_err().to_string();
    assert!(error.contains("mode 0640") && error.contains("chmod 600"), "{error}");
    assert!(Guard::read(&Egress::default()).unwrap().is_none());
    let folder = Egress { strings: Some(folder.path().to_owned()), ..Egress::default() };
    assert!(matches!(Guard::read(&folder), Err(GuardError::NotAFile(_))));
}

#[test]
fn lists_are_told_from_others_line_by_line() {
    let revision = |text: &str| guard(List::Strings, text).unwrap().revision();
    assert_eq!(revision("heron\nstork"), revision("heron\nstork\n"));
    assert_ne!(revision("heron\nstork"), revision("stork\nheron"));
    assert_ne!(revision("heron"), revision("heron\nstork"));
    // A rule that moves is the same rule.
    let (one, other) =
        (guard(List::Strings, "heron").unwrap(), guard(List::Strings, "\nheron").unwrap());
    assert_eq!(one.digest(1), other.digest(1));
    assert_ne!(one.place(1), other.place(1));
}

#[test]
fn nothing_shows_what_is_looked_for() {
    let guard = guard(List::Strings, "heron").unwrap();
    assert!(!format!("{guard:?}").contains("heron"));
}
