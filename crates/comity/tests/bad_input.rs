//! What is bad is refused with a reason, what to do, and an exit code of sysexits; nothing is lost.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::os::unix::fs::PermissionsExt as _;

use world::{Node, path};

/// Bytes of the header of a journal's file.
const HEADER: usize = 84;

#[test]
fn a_wrong_passphrase() {
    let node = Node::encrypted("KR", "correct horse");
    let wrong =
        node.try_with(&["publish", &path("examples/records/advisory.toml"), "--yes"], "wrong\n");
    wrong.refused(77, "wrong-passphrase", "wrong passphrase", "again");
    let none = node.try_with(&["publish", &path("examples/records/advisory.toml"), "--yes"], "");
    none.refused(66, "no-answer", "passphrase", "--passphrase-file");
    node.try_with(&["run"], "wrong\n").refused(77, "wrong-passphrase", "wrong passphrase", "again");
    assert_eq!(node.data(&["list"]).as_array().unwrap().len(), 0, "nothing was half done");
    let right = node.try_with(
        &["publish", &path("examples/records/advisory.toml"), "--yes"],
        "correct horse\n",
    );
    right.done();
}

#[test]
fn a_key_file_open_to_others() {
    let node = Node::plain("KR");
    let keys = node.folder().join("keys/node.keys");
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    let sign = node.try_with(&["publish", &path("examples/records/advisory.toml"), "--yes"], "");
    sign.refused(77, "key-open-to-others", "open to others (mode 0644)", "chmod 600");
    node.try_with(&["run"], "").refused(77, "key-open-to-others", "open to others", "chmod 600");
    let found = node.try_with(&["doctor"], "");
    assert_eq!(found.code, 1);
    assert!(found.out.contains("chmod 600"), "{}", found.out);
}

#[test]
fn malformed_toml_of_every_kind() {
    let node = Node::plain("KR");
    let write = |name: &str, text: &str| {
        let file = node.folder().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let record = write("record.toml", "format = 1\nkind = \"note\"\ntitl = \"x\"\n");
    let refused = node.try_with(&["publish", &record, "--dry-run"], "");
    refused.refused(
        65,
        "record-file-invalid",
        "line 3, column 1: unknown key `titl`; did you mean `title`?",
        "line 3",
    );
    assert!(refused.message().contains("^^^^") && refused.message().contains("supersedes"));

    let agreement = std::fs::read_to_string(path("examples/agreements/mou.toml")).unwrap();
    let agreement = write("mou.toml", &agreement.replace("max-tlp =", "max-tpl ="));
    let refused = node.try_with(&["agreement", "propose", &agreement, "--to", "JP"], "");
    refused.refused(65, "agreement-invalid", "max-tpl", "mend line");
    assert!(refused.message().contains('^') && refused.message().contains("valid:"));

    let routes = write("routes.toml", "format = 1\n[economies]\nKR = \"Atlantis\"\n");
    let rows = path("examples/data/sightings-without-countries.jsonl");
    node.try_with(&["import", "intelmq", &rows, "--routes", &routes], "").refused(
        65,
        "routes-invalid",
        "`Atlantis`",
        "partner list",
    );

    write("comity.toml", "format = 1\n[economy]\ncode = \"kr\"\n");
    node.try_with(&["status"], "").refused(78, "config-invalid", "line 3", "mend line 3");
}

#[test]
fn unknown_versions_of_formats() {
    let node = Node::plain("KR");
    let write = |name: &str, text: &[u8]| {
        let file = node.folder().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let record = write("record.toml", b"format = 2\nkind = \"note\"\nbody = \"x\"\n");
    node.try_with(&["publish", &record], "").refused(65, "record-file-format", "format 2", "newer");
    let audit = br#"{"comity-audit": 2, "economy": "", "who": {}}"#;
    let audit = write("who.json", audit);
    node.try_with(&["verify", &audit], "").refused(65, "audit-format", "format 2", "newer");
    let routes = write("routes.toml", b"format = 9\n[economies]\n");
    let rows = path("examples/data/sightings-without-countries.jsonl");
    node.try_with(&["import", "intelmq", &rows, "--routes", &routes], "").refused(
        65,
        "routes-invalid",
        "format 9",
        "mend",
    );
}

#[test]
fn an_unmarked_record() {
    let node = Node::plain("KR");
    let text = std::fs::read_to_string(path("examples/records/advisory.toml")).unwrap();
    let file = node.folder().join("unmarked.toml");
    std::fs::write(&file, text.replace("tlp = \"GREEN\"", "")).unwrap();
    node.try_with(&["publish", &file.display().to_string(), "--yes"], "").refused(
        65,
        "unmarked",
        "has no marking",
        "--tlp",
    );
}

#[test]
fn a_port_in_use() {
    let node = Node::plain("KR");
    let taken = std::net::UdpSocket::bind(node.address()).unwrap();
    node.try_with(&["run"], "").refused(75, "listen", "in use", "listen.address");
    let found = node.try_with(&["doctor"], "");
    assert_eq!(found.code, 1);
    assert!(found.out.contains("ss -lunp"), "{}", found.out);
    drop(taken);
}

#[test]
fn a_full_disk() {
    let node = Node::plain("KR");
    // A file that cannot grow is a disk that is full: 16 blocks of 512 bytes.
    let import =
        node.limited(16, &["import", "csaf", &path("examples/data/csaf/icsa-22-069-09.json")]);
    assert_ne!(import.code, 0, "{}", import.out);
    assert!(import.out.contains("full"), "{}", import.out);
    assert_eq!(node.data(&["list", "--drafts"]).as_array().unwrap().len(), 0);
    node.try_with(&["store", "verify"], "").done();
    node.try_with(&["import", "csaf", &path("examples/data/csaf/icsa-22-069-09.json")], "").done();
}

#[test]
fn a_store_that_is_newer_damaged_or_gone() {
    let node = Node::plain("KR");
    node.try_with(&["import", "csaf", &path("examples/data/csaf/icsa-24-165-03.json")], "").done();
    let journal = node.folder().join("store/journal");
    let segment = std::fs::read_dir(&journal).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&segment).unwrap();

    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(&segment, &flipped).unwrap();
    let verified = node.try_with(&["store", "verify"], "");
    assert_eq!(verified.code, 65, "{}", verified.out);
    assert!(verified.out.contains("damaged at byte"), "{}", verified.out);
    std::fs::write(&segment, &whole).unwrap();
    node.try_with(&["store", "verify"], "").done();

    // The version follows the magic, and a checksum ends the header.
    let mut newer = whole.clone();
    newer[8..12].copy_from_slice(&3_u32.to_le_bytes());
    let checksum = crc32c::crc32c(&newer[..HEADER - 4]);
    newer[HEADER - 4..HEADER].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&segment, &newer).unwrap();
    node.try_with(&["status"], "").refused(78, "store-newer", "use the newer program", "");
    node.try_with(&["store", "verify"], "").refused(78, "store-newer", "format version 3", "");
    std::fs::write(&segment, &whole).unwrap();
    node.try_with(&["status"], "").done();

    std::fs::rename(node.folder().join("store"), node.folder().join("elsewhere")).unwrap();
    node.try_with(&["status"], "").refused(66, "store-missing", "not in", "restore");
}

#[test]
fn a_node_where_there_is_one_already() {
    let node = Node::plain("KR");
    let id = node.data(&["status"])["economy"].clone();
    node.try_with(&["init", "--code", "JP", "--plain-keys"], "").refused(
        73,
        "node-exists",
        "already",
        "nothing was changed",
    );
    assert_eq!(node.data(&["status"])["economy"], id);
}
