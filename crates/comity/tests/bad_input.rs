//! What is bad is refused with a reason, what to do, and an exit code of sysexits; nothing is lost.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests assert"
)]

mod world;

use std::os::unix::fs::PermissionsExt as _;

use comity_core::sign::SecretKey;
use comity_node::keyfile::{self, Passphrase, Seal, WorkFactor};
use world::{Node, path, text};

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

/// The keys of the root lie beside a node that runs without a passphrase of its own.
#[test]
fn root_keys_of_a_running_node() {
    let mut node = Node::plain("KR");
    let file = node.folder().join("keys/root.keys");
    let keys = keyfile::open(&file, None).unwrap();
    let right = Passphrase::new("correct horse".to_owned()).unwrap();
    keyfile::replace(&file, &keys, Seal::Passphrase(&right, WorkFactor::LOWEST)).unwrap();
    node.run();
    for command in
        [&["key", "rotate", "--yes"][..], &["key", "revoke", "desk", "--reason", "test", "--yes"]]
    {
        let none = node.try_with(command, "");
        none.refused(66, "no-answer", "a passphrase is needed", "--passphrase-file");
        let wrong = node.try_with(command, "wrong\n");
        wrong.refused(77, "wrong-passphrase", "root.keys", "again");
    }
    assert_eq!(node.data(&["status"])["keyring"], 1, "nothing was signed");
    node.try_with(&["key", "rotate", "--yes"], "correct horse\n").done();
    assert_eq!(node.data(&["status"])["keyring"], 2);
    assert_eq!(node.stop(), 0);
}

/// A node that signs with a key that counts nowhere says so, and `desk` means that key.
#[test]
fn a_desk_key_that_is_not_granted() {
    let node = Node::plain("KR");
    let file = node.folder().join("keys/node.keys");
    let mut keys = keyfile::open(&file, None).unwrap();
    keys.insert("desk", SecretKey::from_seed(&[7; 32])).unwrap();
    keyfile::replace(&file, &keys, Seal::Plain).unwrap();
    let found = node.try_with(&["doctor"], "");
    assert_eq!(found.code, 1, "{}", found.out);
    assert!(found.out.contains("key revoke desk --reason"), "{}", found.out);
    node.data(&["key", "revoke", "desk", "--reason", "not granted", "--yes"]);
    let found = node.try_with(&["doctor"], "");
    assert_eq!(found.code, 0, "{}", found.out);
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
    let refused = node.try_with(&["agreement", "propose", &agreement, "--to", "JP", "--yes"], "");
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
    let audit = br#"{"comity-audit": 4, "economy": "", "who": {}}"#;
    let audit = write("who.json", audit);
    node.try_with(&["verify", &audit], "").refused(65, "audit-format", "format 4", "newer");
    let routes = write("routes.toml", b"format = 9\n[economies]\n");
    let rows = path("examples/data/sightings-without-countries.jsonl");
    node.try_with(&["import", "intelmq", &rows, "--routes", &routes], "").refused(
        65,
        "routes-invalid",
        "format 9",
        "newer",
    );
}

#[test]
fn an_unmarked_record() {
    let node = Node::plain("KR");
    let record = std::fs::read_to_string(path("examples/records/advisory.toml")).unwrap();
    let file = node.folder().join("unmarked.toml");
    std::fs::write(&file, record.replace("tlp = \"GREEN\"", "")).unwrap();
    node.try_with(&["publish", &file.display().to_string(), "--yes"], "").refused(
        65,
        "record-file-invalid",
        "without `tlp`",
        "mend line",
    );
    let labelled = ["publish", &file.display().to_string(), "--tlp", "green", "--dry-run"];
    let marking = &node.data(&labelled)["preview"]["parts"][0]["marking"];
    assert_eq!(text(marking, "tlp"), "GREEN", "the rest of the marking stands: {marking}");
    assert!(marking["release-at"].is_string(), "{marking}");
    let bare = "format = 1\nkind = \"note\"\ntitle = \"x\"\n[[part]]\nsection = \"summary\"\ntext = \"x\"\n";
    std::fs::write(&file, bare).unwrap();
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
    verified.refused(65, "store-damaged", "not what was written", "restore");
    std::fs::write(&segment, &whole).unwrap();
    node.try_with(&["store", "verify"], "").done();

    // The version follows the magic, and a checksum ends the header.
    let mut newer = whole.clone();
    newer[8..12].copy_from_slice(&3_u32.to_le_bytes());
    let checksum = crc32c::crc32c(&newer[..HEADER - 4]);
    newer[HEADER - 4..HEADER].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&segment, &newer).unwrap();
    node.try_with(&["status"], "").refused(78, "store-newer", "use the newer program", "newer one");
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

#[test]
fn a_backup_of_another_economy() {
    let (kr, jp) = (Node::plain("KR"), Node::plain("JP"));
    let backup = jp.folder().join("backup").display().to_string();
    jp.data(&["backup", &backup]);
    jp.try_with(&["backup", &backup], "").refused(73, "backup-folder", "not empty", "new");
    let nothing = kr.folder().join("keys").display().to_string();
    kr.try_with(&["restore", &nothing, "--yes"], "").refused(
        66,
        "store-folder",
        "no store",
        "backup` wrote",
    );
    let refused = kr.try_with(&["restore", &backup, "--yes"], "");
    refused.refused(65, "other-economy", "is JP's", "of this node");
    assert_eq!(kr.data(&["status"])["code"], "KR", "nothing was changed");
    // Where the node's own journal is lost, what it is called has to do.
    std::fs::remove_dir_all(kr.folder().join("store")).unwrap();
    kr.try_with(&["restore", &backup, "--yes"], "").refused(65, "other-economy", "JP", "--data");

    // Whoever puts it there by hand is told by the doctor.
    std::fs::rename(jp.folder().join("backup"), kr.folder().join("store")).unwrap();
    let found = kr.try_with(&["doctor"], "");
    assert_eq!(found.code, 1, "{}", found.out);
    assert!(found.out.contains("the journal is that of JP"), "{}", found.out);
    kr.try_with(&["run"], "").refused(77, "link-key", "another economy's", "doctor");
}

#[test]
fn a_store_that_another_command_has_open() {
    let node = Node::plain("KR");
    let backup = node.folder().join("backup").display().to_string();
    node.data(&["backup", &backup]);
    let store = node.folder().join("store");
    let held = std::fs::File::open(store.join("lock")).unwrap();
    held.lock().unwrap();
    let refused = node.try_with(&["restore", &backup, "--yes"], "");
    refused.refused(75, "store-locked", "in use", "ps -p");
    let found = std::fs::read_dir(node.folder()).unwrap();
    let names = found.map(|one| one.unwrap().file_name().into_string().unwrap());
    assert!(!names.into_iter().any(|name| name.contains("before-restore")), "nothing was moved");
    drop(held);
    node.try_with(&["restore", &backup, "--yes"], "").done();
}

#[test]
fn keys_that_are_not_the_journals() {
    let (kr, other) = (Node::plain("KR"), Node::plain("KR"));
    let keys = |node: &Node| node.folder().join("keys/node.keys");
    std::fs::remove_file(keys(&kr)).unwrap();
    std::fs::copy(keys(&other), keys(&kr)).unwrap();
    let found = kr.try_with(&["doctor"], "");
    assert_eq!(found.code, 1, "{}", found.out);
    assert!(found.out.contains("not those of the journal"), "{}", found.out);
    assert!(!found.out.contains("key rotate"), "{}", found.out);
}

/// A test node and the real one are called the same.
#[test]
fn a_backup_of_a_namesake() {
    let (kr, other) = (Node::plain("KR"), Node::plain("KR"));
    let theirs = other.folder().join("backup").display().to_string();
    other.data(&["backup", &theirs]);
    let ours = kr.folder().join("backup").display().to_string();
    kr.data(&["backup", &ours]);
    std::fs::remove_dir_all(kr.folder().join("store")).unwrap();
    let refused = kr.try_with(&["restore", &theirs, "--yes"], "");
    refused.refused(65, "other-economy", "this node is KR (", "of this node");
    assert!(!kr.folder().join("store").exists(), "nothing was changed");
    // One from before the id was written down goes by the code, as it did.
    let file = kr.folder().join("comity.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let id = text.lines().find(|line| line.starts_with("id = ")).unwrap();
    std::fs::write(&file, text.replace(&format!("{id}\n"), "")).unwrap();
    kr.data(&["restore", &ours, "--yes"]);
    let found = kr.try_with(&["doctor"], "");
    assert!(!found.out.contains("\"identity\""), "{}", found.out);
}

/// Another key over the old keyring would be a second one of its version, at every partner.
#[test]
fn a_backup_from_before_the_key_was_renewed() {
    let node = Node::plain("KR");
    let backup = |name: &str| node.folder().join(name).display().to_string();
    node.data(&["backup", &backup("before")]);
    node.data(&["key", "rotate", "--yes"]);
    node.data(&["backup", &backup("after")]);
    node.data(&["restore", &backup("before"), "--yes"]);
    let found = node.try_with(&["doctor"], "");
    assert!(!found.out.contains("older than the link key"), "{}", found.out);
    // Without the keyring that was kept beside the keys.
    std::fs::remove_file(node.folder().join("keys/keyring")).unwrap();
    let found = node.try_with(&["doctor"], "");
    assert!(found.out.contains("older than the link key"), "{}", found.out);
    assert!(found.out.contains("from after the key was renewed"), "{}", found.out);
    assert!(!found.out.contains("key rotate"), "{}", found.out);
    let refused = node.try_with(&["run"], "");
    refused.refused(77, "link-key", "older than the key", "do not renew the key");
    node.data(&["restore", &backup("after"), "--yes"]);
    let found = node.try_with(&["doctor"], "");
    assert!(!found.out.contains("link key in"), "{}", found.out);
}

#[test]
fn a_part_weaker_than_its_record() {
    let node = Node::plain("KR");
    let record = |of: &str, part: &str| {
        let text = format!(
            "format = 1\nkind = \"note\"\ntitle = \"x\"\nmarking = {{ {of} }}\n\n[[part]]\nsection = \"summary\"\ntext = \"x\"\nmarking = {{ {part} }}\n"
        );
        let file = node.folder().join("record.toml");
        std::fs::write(&file, text).unwrap();
        node.try_with(&["publish", &file.display().to_string(), "--dry-run"], "")
    };
    let amber = "tlp = \"AMBER\"";
    let weaker = record(amber, "tlp = \"GREEN\"");
    weaker.refused(65, "record-file-invalid", "line 9, column 19: weaker", "line 9");
    assert!(weaker.message().contains("record's AMBER"), "{}", weaker.out);
    let expires = format!("{amber}, expires = \"2030-01-01T00:00:00Z\"");
    let later = record(&expires, "expires = \"2031-01-01T00:00:00Z\"");
    later.refused(65, "record-file-invalid", "weaker", "line 9");
    record(amber, "tlp = \"RED\"").done();
    record(&expires, "expires = \"2029-01-01T00:00:00Z\"").done();
}

/// Whoever made a document says how far it may go; who passes it on does not loosen that.
#[test]
fn a_draft_marked_weaker_than_its_document() {
    let node = Node::plain("KR");
    let text = std::fs::read_to_string(path("examples/data/csaf/va-24-262-01.json")).unwrap();
    let file = node.folder().join("amber.json");
    std::fs::write(&file, text.replace("\"label\": \"WHITE\"", "\"label\": \"AMBER\"")).unwrap();
    node.try_with(&["import", "csaf", &file.display().to_string()], "").done();
    let publish =
        |tlp: &str| node.try_with(&["publish", "KR-D-0001", "--tlp", tlp, "--dry-run"], "");
    publish("green").refused(64, "weaker-marking", "marked AMBER, and GREEN is weaker", "strictly");
    publish("red").done();
}

/// A record that somebody sent must not take along what else lies on this machine.
#[test]
fn a_part_whose_file_is_elsewhere() {
    let node = Node::plain("KR");
    let sent = node.folder().join("sent");
    std::fs::create_dir_all(sent.join("logs")).unwrap();
    std::fs::write(sent.join("logs/log.txt"), "a log").unwrap();
    let publish = |file: &str| {
        let text = format!(
            "format = 1\nkind = \"note\"\ntitle = \"x\"\nmarking = {{ tlp = \"CLEAR\" }}\n\n[[part]]\nsection = \"summary\"\nfile = \"{file}\"\n"
        );
        std::fs::write(sent.join("record.toml"), text).unwrap();
        node.try_with(
            &["publish", &sent.join("record.toml").display().to_string(), "--dry-run"],
            "",
        )
    };
    let refused = |file: &str, what: &str| {
        publish(file).refused(65, "record-file-invalid", what, "line 8");
    };
    refused("../keys/node.keys", "leads out");
    std::os::unix::fs::symlink("../keys/node.keys", sent.join("log.txt")).unwrap();
    refused("log.txt", "is a link");
    std::os::unix::fs::symlink("../keys", sent.join("more")).unwrap();
    refused("more/node.keys", "behind one");
    std::fs::File::create(sent.join("large.bin")).unwrap().set_len(1 << 40).unwrap();
    refused("large.bin", "larger than a part");
    assert!(
        std::process::Command::new("mkfifo").arg(sent.join("pipe")).status().unwrap().success()
    );
    refused("pipe", "is no file");
    refused("logs", "is no file");
    publish("logs/none.txt").refused(66, "no-input", "none.txt", "that is there");
    publish("./logs/log.txt").done();
}

#[test]
fn an_option_of_init() {
    let node = Node::vacant();
    let init = |more: &[&str]| node.try_with(&[&["init", "--plain-keys"], more].concat(), "");
    init(&["--code", "kr"]).refused(64, "config", "--code: ", "--code");
    init(&["--code", "KR", "--timezone", "Asia/Seul"]).refused(64, "config", "--timezone: ", "");
    init(&["--code", "KR", "--public", "nowhere"]).refused(64, "config", "--public: ", "");
    assert!(!node.folder().join("comity.toml").exists());
}

#[test]
fn a_configuration_that_is_no_text() {
    let node = Node::plain("KR");
    std::fs::write(node.folder().join("comity.toml"), b"format = 1\n# \xff\n").unwrap();
    node.try_with(&["status"], "").refused(78, "config-invalid", "UTF-8", "UTF-8");
}

#[test]
fn whom_nobody_knows() {
    let node = Node::plain("KR");
    for arguments in [
        &["partner", "show", "JP"][..],
        &["partner", "level", "JP", "public"],
        &["partner", "introduce", "JP", "--to", "FJ"],
        &["list", "--from", "JP"],
    ] {
        node.try_with(arguments, "").refused(66, "no-partner", "`JP` is not a partner", "--data");
    }
    node.try_with(&["partner", "dismiss", "JP"], "").refused(66, "no-introduction", "JP", "list");
}

#[test]
fn files_that_are_not_there() {
    let node = Node::plain("KR");
    node.try_with(&["publish", "none.toml"], "").refused(66, "no-input", "none.toml", "a file");
    let propose = node.try_with(&["agreement", "propose", "none.toml", "--to", "JP", "--yes"], "");
    propose.refused(66, "no-input", "none.toml", "examples");
    let sealed = Node::encrypted("KR", "correct horse");
    let advisory = path("examples/records/advisory.toml");
    let publish = ["publish", &advisory, "--yes", "--passphrase-file", "none"];
    sealed.try_with(&publish, "").refused(66, "passphrase-file", "none", "a file");
}

#[test]
fn what_there_is_nothing_to_do_about() {
    let node = Node::plain("KR");
    let confirmed = node.data(&["recover", "confirm", "--yes"]);
    assert_eq!(confirmed["confirmed"], false);
    let advisory = path("examples/records/advisory.toml");
    let published = node.data(&["publish", &advisory, "--yes"]);
    let reference = published["reference"].as_str().unwrap();
    node.data(&["withdraw", reference, "--yes"]);
    let control = node.data(&["list", "--control", "--kind", "withdrawal"]);
    let withdrawal = control[0]["reference"].as_str().unwrap();
    let why = ["--reason", "a test", "--by", "Kim"];
    let rule = |verb: &str, record: &str, more: &[&str]| {
        node.try_with(&[&["quarantine", verb, record], &why[..], more].concat(), "")
    };
    let held = rule("hold", withdrawal, &["--yes"]);
    held.refused(64, "control-record", "kind `withdrawal`", "suspend");
    let again = node.data(&["publish", &advisory, "--yes"]);
    let reference = again["reference"].as_str().unwrap();
    // What counts is undone by another word, and which one depends on what it is.
    let dropped = rule("drop", withdrawal, &["--yes"]);
    dropped.refused(64, "control-record", "counts", "publish FILE");
    let judged = |verb: &str, record: &str| rule(verb, record, &["--yes"]);
    let released = judged("release", reference);
    released.refused(64, "nothing-to-decide", "is not in quarantine", "quarantine list");
    rule("release", "NOPE", &[]).refused(66, "no-record", "NOPE", "list");
    let nobody = ["quarantine", "hold", reference, "--reason", "x", "--by", " ", "--yes"];
    node.try_with(&nobody, "").refused(64, "name", "empty", "--by");
    let shown = node.try_with(&["quarantine", "show", reference], "");
    shown.refused(64, "not-in-quarantine", "not in quarantine", "show");
    let asked = rule("hold", reference, &[]);
    asked.refused(64, "not-confirmed", "send it to nobody", "--yes");
    judged("hold", reference).done();
    judged("hold", reference).refused(64, "nothing-to-decide", "in quarantine already", "list");
    let held = node.data(&["quarantine", "list"]);
    assert_eq!(held[0]["standing_reason"], "held by a person here");
    assert_eq!(held[0]["cause"], "person");
    judged("release", reference).done();
    assert_eq!(node.data(&["quarantine", "list"]).as_array().unwrap().len(), 0);
    judged("drop", reference).done();
    judged("drop", reference).refused(64, "nothing-to-decide", "dropped already", "list");
    judged("hold", reference).refused(64, "nothing-to-decide", "dropped already", "list");
    assert_eq!(node.data(&["quarantine", "list"]).as_array().unwrap().len(), 0);
    let dropped = node.data(&["quarantine", "list", "--dropped"]);
    assert_eq!(dropped[0]["standing"], "dropped");
    let shown = node.data(&["quarantine", "show", reference]);
    assert_eq!(shown["ruling"]["by"], "Kim");
    assert_eq!(shown["ruling"]["reason"], "a test");
    let wrong = node.try_with(&["partner", "intake", "JP", "review"], "");
    wrong.refused(66, "no-partner", "JP", "partner list");
}

#[test]
fn rows_that_say_no_zone() {
    let node = Node::plain("KR");
    let write = |name: &str, text: &str| {
        let file = node.folder().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let routes = write("routes.toml", "format = 1\n[economies]\nKR = \"KR\"\n");
    let row = "{\"source.geolocation.cc\": \"KR\", \"time.source\": \"2026-08-22 21:01:36\"}\n";
    let rows = write("rows.jsonl", row);
    let import = ["import", "intelmq", &rows, "--routes", &routes];
    let none = node.try_with(&import, "");
    none.refused(65, "no-zone", "without a zone", "--zone UTC");
    assert!(none.out.contains("`time.source` is `2026-08-22 21:01:36`, which has no zone"));
    let many = write("many.jsonl", &row.repeat(10_001));
    let import = ["import", "intelmq", &many, "--routes", &routes];
    node.try_with(&import, "").refused(65, "intelmq-refused", "has no zone", "--zone UTC");
    let named =
        node.data(&["import", "intelmq", &rows, "--routes", &routes, "--zone", "Asia/Seoul"]);
    assert_eq!((&named["owned"][0]["rows"], &named["zoneless"]), (&1.into(), &0.into()));
    let wrong = ["import", "intelmq", &rows, "--routes", &routes, "--zone", "Atlantis"];
    node.try_with(&wrong, "").refused(64, "usage", "such as UTC", "");
}

/// A script says it always.
#[test]
fn yes_is_taken_where_nothing_is_asked() {
    let node = Node::plain("KR");
    node.data(&["import", "csaf", &path("examples/data/csaf/icsa-22-069-09.json"), "--yes"]);
    node.data(&["discard", "KR-D-0001", "--yes"]);
    node.data(&["--yes", "list"]);
    let charter = path("examples/groups/charter.toml");
    for (command, code) in [
        (&["unsend", "none", "--yes"][..], "no-record"),
        (&["consent", "ask", "none", "--for", "JP", "--why", "x", "--yes"], "no-record"),
        (&["group", "found", &charter, "--yes"], "no-partner"),
        (&["group", "apply", "none", "--yes"], "no-group"),
        (&["partner", "introduce", "JP", "--to", "FJ", "--yes"], "no-partner"),
        (&["--yes", "withdraw", "none"], "no-record"),
    ] {
        node.try_with(command, "").refused(66, code, "", "");
    }
}

#[test]
fn nothing_is_asked_about_what_is_not_here() {
    let node = Node::plain("KR");
    for (command, code) in [
        (&["group", "admit", "none", "FIJI"][..], "no-group"),
        (&["group", "leave", "none"], "no-group"),
        (&["group", "affiliations", "none", "--of", "JP", "--affiliation", "FIRST"], "no-group"),
        (&["group", "hand-over", "none", "--to", "JP"], "no-group"),
        (&["partner", "remove", "none"], "no-partner"),
        (&["consent", "withdraw", "none"], "no-consent"),
    ] {
        node.try_with(command, "").refused(66, code, "", "");
    }
}

/// The node goes on with what it has read of its configuration; what is wrong with the file since is no reason not
/// to take something back.
#[test]
fn a_wrong_line_in_the_configuration_stops_no_command_to_a_node_that_runs() {
    let mut node = Node::plain("KR");
    node.run();
    let note = node.home().join("note.toml");
    let content = "format = 1\nkind = \"note\"\ntitle = \"N\"\n[marking]\ntlp = \"GREEN\"\n[[part]]\nsection = \"summary\"\ntext = \"N\"\n";
    std::fs::write(&note, content).unwrap();
    let note = node.data(&["publish", &note.display().to_string(), "--yes"]);
    let reference = text(&note, "reference");
    let file = node.folder().join("comity.toml");
    let right = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{right}\ntipo = 1\n")).unwrap();
    let done = node.try_with(&["withdraw", reference, "--yes"], "");
    done.done();
    assert!(done.talk.contains("tipo") && done.talk.contains("goes on"), "{}", done.talk);
    assert_eq!(text(&node.data(&["show", reference])["line"], "lifecycle"), "withdrawn");
    // One that is no TOML at all, somewhere in the file.
    assert!(right.contains("address = \""), "{right}");
    std::fs::write(&file, right.replacen("address = \"", "address = ", 1)).unwrap();
    node.try_with(&["recall", reference, "--reason", "sent-in-error", "--yes"], "").done();
    std::fs::write(&file, format!("{right}\ntipo = 1\n")).unwrap();
    let strict = |node: &Node, words: &[&str]| {
        node.try_with(words, "").refused(78, "config-invalid", "tipo", "mend line");
    };
    strict(&node, &["config", "validate"]);
    // Where none runs the command would be the node, which does not start so.
    node.stop();
    strict(&node, &["status"]);
    std::fs::write(&file, right).unwrap();
    node.data(&["status"]);
}
