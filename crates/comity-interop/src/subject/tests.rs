use comity_core::Section;
use proptest::prelude::*;

use super::*;
use crate::csaf;

/// Real advisories, as their publisher has them.
#[allow(clippy::disallowed_methods, reason = "the tests read what the tree has")]
fn advisories() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/csaf");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let json = files.filter(|file| file.extension().is_some_and(|ending| ending == "json"));
    let all: Vec<_> = json.map(|file| std::fs::read(file).unwrap()).collect();
    assert!(all.len() > 5, "{} advisories", all.len());
    all
}

#[test]
fn a_document_is_known_by_its_publisher_and_id() {
    for bytes in advisories() {
        let document = csaf::read(&bytes).unwrap();
        let subject = Subject::of_document(&bytes).unwrap();
        let provenance = &document.provenance;
        let named = Document::new(&provenance.namespace, &provenance.id);
        let publication = &subject.documents[&named];
        assert_eq!(publication.provenance, *provenance);
        assert_eq!(publication.publisher, document.publisher);
        assert_eq!(subject.documents.len(), 1);
        assert!(!subject.cves.is_empty() && !subject.more, "{}", provenance.id);
        assert!(!publication.addresses.is_empty(), "{}", provenance.id);
        assert!(publication.addresses.is_disjoint(&subject.references));
        assert!(subject.weight() < 1 << 16, "{}", subject.weight());
    }
}

/// What was made of it says whose it is, where the document itself stays away.
#[test]
fn a_summary_that_was_made_from_a_document_is_that_documents() {
    for bytes in advisories() {
        let subject = Subject::of_document(&bytes).unwrap();
        let draft = csaf::import(&bytes).unwrap();
        let summary = draft.sections.iter().find(|(header, _)| header.section == Section::Summary);
        let text = String::from_utf8(summary.unwrap().1.clone()).unwrap();
        let read = Subject::of_text(&text);
        assert!(read.documents.keys().eq(subject.documents.keys()), "{text}");
        let (read, exact) = (&read.documents, &subject.documents);
        let both = read.values().zip(exact.values());
        for (read, exact) in both {
            assert_eq!((&read.provenance, &read.publisher), (&exact.provenance, &exact.publisher));
        }
    }
}

#[test]
fn a_text_of_ones_own_is_no_documents() {
    for text in [
        "",
        "A flaw in a router, version 2 (final) of today",
        "A router, R2, version 2 (final) of 2024\nno namespace",
        "A router, R2, version 2 (last) of 2024\nhttps://example.org",
        "1\n2\n3\n4\n5\n6\nA, B, version 2 (final) of 2024\nhttps://example.org",
    ] {
        assert!(Subject::of_text(text).documents.is_empty(), "{text}");
    }
    let subject = Subject::of_text("Patch CVE-2024-0001");
    assert_eq!(subject.cves, BTreeSet::from([Cve::parse("CVE-2024-0001").unwrap()]));
}

fn csaf(namespace: &str, id: &str, rest: &str) -> String {
    format!(
        r#"{{"document": {{"publisher": {{"namespace": "{namespace}"}}, "tracking": {{"id": "{id}"}}{rest}}}}}"#
    )
}

#[test]
fn what_names_nothing_is_no_document() {
    assert!(Subject::of_document(csaf("https://a.example", "A-1", "").as_bytes()).is_some());
    let long = "x".repeat(SUBJECT_NAME_BYTES + 1);
    for (namespace, id) in [("", "A-1"), (" ", "A-1"), ("https://a.example", ""), (&long, "A-1")] {
        assert!(Subject::of_document(csaf(namespace, id, "").as_bytes()).is_none(), "{namespace}");
    }
    for bytes in [&b""[..], b"{}", b"[]", b"{\"document\": 3}", b"\xff", &[b'['; 100_000]] {
        assert!(Subject::of_document(bytes).is_none());
    }
    // Which of the two counts would be anybody's guess.
    let twice = r#", "tracking": {"id": "A-2"}"#;
    assert!(Subject::of_document(csaf("https://a.example", "A-1", twice).as_bytes()).is_none());
}

#[test]
fn of_too_much_the_first_is_taken() {
    let url = |number: usize| format!(r#"{{"category": "external", "url": "https://a/{number}"}}"#);
    let urls: Vec<_> = (0..=SUBJECT_REFERENCES).map(url).collect();
    let rest = format!(r#", "references": [{}]"#, urls.join(", "));
    let subject = Subject::of_document(csaf("https://a", "A-1", &rest).as_bytes()).unwrap();
    assert_eq!((subject.references.len(), subject.more), (SUBJECT_REFERENCES, true));

    let numbers = |range: std::ops::Range<usize>| -> Subject {
        let text: Vec<_> = range.map(|number| format!("CVE-2024-{number:05}")).collect();
        Subject::of_text(&text.join(" "))
    };
    let mut half = numbers(0..SUBJECT_CVES / 2);
    half.join(&numbers(0..SUBJECT_CVES));
    assert_eq!((half.cves.len(), half.more), (SUBJECT_CVES, false));
    half.join(&numbers(10..20));
    assert!(!half.more);
    half.join(&numbers(SUBJECT_CVES..SUBJECT_CVES + 1));
    assert_eq!((half.cves.len(), half.more), (SUBJECT_CVES, true));
    assert!(numbers(0..SUBJECT_CVES + 1).more);
}

proptest! {
    #[test]
    fn whatever_comes_is_read_without_harm(
        which in 0..6_usize,
        cut in any::<prop::sample::Index>(),
        with in any::<u8>(),
    ) {
        let mut bytes = advisories().swap_remove(which);
        let place = cut.index(bytes.len());
        if let Some(byte) = bytes.get_mut(place) {
            *byte = with;
        }
        drop(Subject::of_document(&bytes));
        drop(Subject::of_text(&String::from_utf8_lossy(&bytes)));
        prop_assert!(Subject::of_document(&bytes[..place]).is_none());
    }
}
