use std::path::{Path, PathBuf};

use super::*;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/records").join(name)
}

fn refused(text: &str) -> Failure {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.toml");
    std::fs::write(&path, text).unwrap();
    record_file::read(&path, None).unwrap_err()
}

#[test]
fn the_examples_are_read_and_marked() {
    for (name, kind, parts, addressees) in [
        ("advisory.toml", "advisory", 2, 0),
        ("incident.toml", "incident", 5, 3),
        ("sightings.toml", "sightings", 2, 0),
    ] {
        let request = record_file::read(&example(name), None).unwrap();
        assert_eq!(request.kind.as_deref(), Some(kind), "{name}");
        assert_eq!((request.parts.len(), request.to.len()), (parts, addressees), "{name}");
        marked(name, &request, "comity").unwrap();
    }
}

#[test]
fn a_label_that_is_asked_for_may_be_stricter_than_the_files_and_not_weaker() {
    let file = example("incident.toml");
    assert!(record_file::read(&file, Some(comity_core::Tlp::AmberStrict)).is_ok());
    let refused = record_file::read(&file, Some(comity_core::Tlp::Clear)).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.kind.exit_code()), ("weaker-marking", 64));
}

#[test]
fn an_example_loses_its_marking_and_is_refused() {
    let mut request = record_file::read(&example("advisory.toml"), None).unwrap();
    request.marking.tlp = None;
    let failure = marked("advisory.toml", &request, "comity").unwrap_err();
    assert_eq!((failure.code.as_str(), failure.kind.exit_code()), ("unmarked", 65));
}

#[test]
fn a_wrong_name_is_shown_with_the_right_ones() {
    let failure = refused("format = 1\nkind = 'note'\ntitl = 'x'\n");
    assert_eq!((failure.code.as_str(), failure.kind.exit_code()), ("record-file-invalid", 65));
    for said in ["line 3, column 1", "^^^^", "did you mean `title`?", "supersedes"] {
        assert!(failure.message.contains(said), "{said}: {}", failure.message);
    }
}

#[test]
fn categories_are_read_and_a_part_keeps_those_of_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.toml");
    let record = |category: &str| {
        format!(
            "format = 1\nkind = 'note'\ntitle = 'x'\n[marking]\ntlp = 'GREEN'\ncategories = [\"{category}\"]\n[[part]]\nsection = 'summary'\ntext = 'a'\nmarking = {{ categories = ['energy'] }}\n"
        )
    };
    std::fs::write(&path, record("law-enforcement")).unwrap();
    let request = record_file::read(&path, None).unwrap();
    assert_eq!(request.marking.categories, ["law-enforcement"]);
    assert_eq!(request.parts[0].marking.categories, ["energy"]);
    let failure = refused(&record("two\\nlines"));
    for said in ["line 6", "a category is one line"] {
        assert!(failure.message.contains(said), "{said}: {}", failure.message);
    }
}

#[test]
fn every_other_fault_is_named() {
    let with = |part: &str| refused(&format!("format = 1\nkind = 'note'\ntitle = 'x'\n{part}"));
    assert!(with("").message.contains("no parts"));
    assert!(with("[[part]]\nsection = 'summary'\n").message.contains("part 1 (summary): it needs"));
    let both = with("[[part]]\nsection = 'summary'\ntext = 'a'\nfile = 'b'\n");
    assert!(both.message.contains("both"));
    let missing = with("[[part]]\nsection = 'evidence'\nfile = 'none.pcap'\n");
    assert_eq!(missing.kind.exit_code(), 66);
    let newer = refused("format = 2\nkind = 'note'\ntitle = 'x'\n");
    assert_eq!(newer.code, "record-file-format");
}

#[test]
fn a_wrong_value_is_shown_at_its_place() {
    let with = |of: &str, part: &str| {
        refused(&format!(
            "format = 1\nkind = 'note'\ntitle = 'x'\n{of}\n[[part]]\ntext = 'x'\n{part}\n"
        ))
    };
    let section = "section = 'summary'\n";
    for (of, part, place, says) in [
        ("urgency = 'soon'", section.to_owned(), "line 4, column 11", "priority"),
        ("marking = { tlp = 'PURPLE' }", section.to_owned(), "line 4, column 19", "AMBER+STRICT"),
        (
            "marking = { tlp = 'RED', release-at = '2026-12-01' }",
            section.to_owned(),
            "line 4, column 39",
            "2026-12-01",
        ),
        ("", "section = 'sumary'".to_owned(), "line 7, column 11", "summary"),
        ("", format!("{section}classes = ['general', 'secret']"), "line 8, column 23", "sensitive"),
        (
            "",
            format!("{section}marking = {{ onward = 'no' }}"),
            "line 8, column 22",
            "within-marking",
        ),
        (
            "marking = { tlp = 'AMBER', onward = 'none' }",
            format!("{section}marking = {{ tlp = 'RED', onward = 'ask' }}"),
            "line 8, column 35",
            "weaker than the record's none",
        ),
    ] {
        let failure = with(of, &part);
        assert_eq!((failure.code.as_str(), failure.kind.exit_code()), ("record-file-invalid", 65));
        for said in [place, says, "^"] {
            assert!(failure.message.contains(said), "{said}: {}", failure.message);
        }
    }
}

#[test]
fn a_part_lies_beside_its_record() {
    for file in ["../etc/hostname", "/etc/hostname", "a/../../b"] {
        let text = format!(
            "format = 1\nkind = 'note'\ntitle = 'x'\n[[part]]\nsection = 'summary'\nfile = '{file}'\n"
        );
        let failure = refused(&text);
        assert_eq!(failure.code, "record-file-invalid", "{file}");
        assert!(failure.message.contains("line 6, column 8: leads out"), "{}", failure.message);
    }
}

#[test]
fn a_label_that_is_asked_for_is_the_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.toml");
    let part = "[[part]]\nsection = 'summary'\ntext = 'x'\nmarking = { tlp = 'AMBER' }\n";
    let text =
        format!("format = 1\nkind = 'note'\ntitle = 'x'\nmarking = {{ tlp = 'GREEN' }}\n{part}");
    std::fs::write(&path, text).unwrap();
    assert!(record_file::read(&path, None).is_ok());
    assert!(record_file::read(&path, Some(comity_core::Tlp::Red)).is_err());
}
