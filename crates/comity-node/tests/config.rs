//! The configuration, as an operator meets it.

#![allow(clippy::panic, reason = "helpers of tests assert")]

use std::path::Path;

use comity_node::config::{self, Config, ConfigError, Fault};
use comity_node::founding::Founding;

const EXAMPLE: &str = include_str!("../../../examples/comity.toml");
const SMALLEST: &str = "format = 1\n[economy]\ncode = \"KR\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("comity.toml"), Path::new("/data"))
}

fn fault(text: &str) -> Fault {
    match parse(text) {
        Err(ConfigError::Wrong(fault)) => *fault,
        other => panic!("expected a fault in {text:?}, got {other:?}"),
    }
}

#[test]
fn the_example_is_a_configuration() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.economy.code, "KR");
    assert_eq!(config.economy.timezone.iana_name(), Some("Asia/Seoul"));
    assert_eq!(config.admin.socket, Path::new("/data/admin.sock"));
    assert_eq!(config.reachable_at()[0].to_string(), "comity.csirt.example:4864");
    assert_eq!(config.partners.len(), 1);
    let partner = *config.partners.keys().next().unwrap();
    assert_eq!(config.rate_to(partner), Some(20_000_000));
    assert_eq!(config.rate_to(comity_core::EconomyId([0; 32])), Some(50_000_000));
    assert!(config.x25519_allowed().is_empty());
}

#[test]
fn the_defaults_are_those_of_the_reference() {
    let smallest = parse(SMALLEST).unwrap();
    let mut text = String::from(SMALLEST);
    for key in config::KEYS.iter().filter(|key| !key.default.is_empty()) {
        let written = key.default.starts_with(['"', '[']) || key.default.parse::<u64>().is_ok();
        if written && key.table != "economy" && !key.table.starts_with("partners") {
            if !text.contains(&format!("[{}]", key.table)) {
                text.push_str(&format!("[{}]\n", key.table));
            }
            text.push_str(&format!("{} = {}\n", key.name, key.default));
        }
    }
    assert_eq!(parse(&text).unwrap(), smallest, "{text}");
}

#[test]
fn the_reference_is_a_configuration_with_every_key() {
    let id = "ab".repeat(32);
    let text = config::reference().replace("partners.ID", &format!("partners.{id}"));
    parse(&text).unwrap();
    for table in ["", "economy", "local", "listen", "admin", "store", "link", "limits", "log"] {
        let header = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
        let mut valid = fault(&format!("{header}no-such-key = 1\n")).valid;
        if table.is_empty() {
            // The tables themselves.
            valid.retain(|name| name == "format");
        }
        let known: Vec<_> =
            config::KEYS.iter().filter(|key| key.table == table).map(|key| key.name).collect();
        assert_eq!(valid.len(), known.len(), "{table}: {valid:?} and {known:?}");
        assert!(valid.iter().all(|name| known.contains(&name.as_str())), "{table}: {valid:?}");
    }
}

#[test]
fn what_is_in_force_means_the_same() {
    for text in [EXAMPLE, SMALLEST] {
        let config = parse(text).unwrap();
        let shown = config::in_force(&config);
        assert_eq!(parse(&shown).unwrap(), config, "{shown}");
    }
}

#[test]
fn a_partner_may_have_more_room_than_the_others() {
    let id = "ab".repeat(32);
    let text = format!(
        "format = 1\n[economy]\ncode = \"KR\"\n[limits]\nmemory-per-partner = \"512 MiB\"\n\
         [partners.{id}]\nmemory = \"4 GiB\"\ndisk = \"32 GiB\"\n"
    );
    let config = parse(&text).unwrap();
    assert_eq!(parse(&config::in_force(&config)).unwrap(), config);
    let room = |id: u8| config.limits.room_of(&comity_core::EconomyId([id; 32]));
    assert_eq!((room(0xab).memory, room(0xab).disk), (4 << 30, 32 << 30));
    assert_eq!((room(1).memory, room(1).disk), (512 << 20, 16 << 30));
}

#[test]
fn a_new_node_starts_from_a_file_that_is_read() {
    let founding = Founding {
        code: "FJ".to_owned(),
        name: "Fiji \"test\"".to_owned(),
        timezone: "Pacific/Fiji".to_owned(),
        city: Some("Suva".to_owned()),
        listen: "127.0.0.1:0".to_owned(),
        public: vec!["fj.example:4864".to_owned()],
        root_keys: 1,
        threshold: 1,
    };
    let id = comity_core::EconomyId([0xab; 32]);
    let config = parse(&config::initial(&founding, Some(id))).unwrap();
    assert_eq!(config.economy.id, Some(id));
    assert_eq!(parse(&config::in_force(&config)).unwrap(), config);
    assert_eq!(config.economy.city.as_deref(), Some("Suva"));
    let cityless = Founding { city: None, ..founding };
    assert_eq!(parse(&config::initial(&cityless, None)).unwrap().economy.city, None);
    assert_eq!(config.economy.name, "Fiji \"test\"");
    assert_eq!(config.listen.public[0].to_string(), "fj.example:4864");
}

#[test]
fn an_unknown_key_is_shown_with_its_place_and_the_valid_names() {
    let fault = fault("format = 1\n[economy]\ncode = \"KR\"\n[listen]\nadress = \"[::]:1\"\n");
    assert_eq!(
        fault.to_string(),
        "comity.toml, line 5, column 1: unknown key `adress`; did you mean `address`?\n  \
         |\n5 | adress = \"[::]:1\"\n  | ^^^^^^\n  = valid here: address, public"
    );
}

#[test]
fn each_wrong_value_is_named_where_it_stands() {
    let id = "ab".repeat(32);
    let cases: &[(&str, usize, &str)] = &[
        ("", 1, "format"),
        ("format = 2\n[economy]\ncode = \"KR\"\n", 1, "format 2 is not known"),
        ("format = \"1\"\n", 1, "invalid type"),
        ("format = 1\n", 1, "`code` is missing from [economy]"),
        ("format = 1\n[economy]\nname = \"x\"\n", 2, "`code` is missing"),
        ("format = 1\n[economy]\ncode = \"kr\"\n", 3, "capital letters"),
        ("format = 1\n[economy]\ncode = \"KR\"\ntimezone = \"Seoul\"\n", 4, "no time zone"),
        ("format = 1\n[economy]\ncode = \"KR\"\ncity = \"\"\n", 4, "a name has"),
        (
            "format = 1\n[economy]\ncode = \"KR\"\n[limits]\nmemory-per-partner = \"1 MiB\"\n",
            5,
            "less than 256 MiB",
        ),
        (
            "format = 1\n[economy]\ncode = \"KR\"\n[limits]\ndisk-per-partner = \"16\"\n",
            5,
            "has no unit",
        ),
        ("format = 1\n[economy]\ncode = \"KR\"\nid = \"KR\"\n", 4, "not an economy's id"),
        (
            "format = 1\n[economy]\ncode = \"KR\"\n[local]\ndesks = [\"duty \"]\n",
            5,
            "no space at its ends",
        ),
        (
            "format = 1\n[economy]\ncode = \"KR\"\n[local]\ndesks = [\"duty\", \"duty\"]\n",
            5,
            "twice",
        ),
        ("format = 1\n[economy]\ncode = \"KR\"\nname = \"a\\nb\"\n", 4, "one line"),
        (
            "format = 1\n[economy]\ncode = \"KR\"\n[listen]\naddress = \"4864\"\n",
            5,
            "address and port",
        ),
        (
            "format = 1\n[economy]\ncode = \"KR\"\n[listen]\npublic = [\"a b:1\"]\n",
            5,
            "host and port",
        ),
        (
            "format = 1\n[economy]\ncode = \"KR\"\n[listen]\npublic = [\"0.0.0.0:1\"]\n",
            5,
            "could dial",
        ),
        ("format = 1\n[economy]\ncode = \"KR\"\n[store]\nsegment = \"64\"\n", 5, "no unit"),
        (
            "format = 1\n[economy]\ncode = \"KR\"\n[store]\nsegment = \"1 KiB\"\n",
            5,
            "1 MiB to 4 GiB",
        ),
        ("format = 1\n[economy]\ncode = \"KR\"\n[link]\nrate = \"0 bit/s\"\n", 5, "suspend"),
        (
            "format = 1\n[economy]\ncode = \"KR\"\n[link]\nredial-first = \"1 h\"\n",
            5,
            "redial-last",
        ),
        ("format = 1\n[economy]\ncode = \"KR\"\n[limits]\npartners = 0\n", 5, "1 to 4096"),
        ("format = 1\n[economy]\ncode = \"KR\"\n[log]\nlevel = \"loud\"\n", 5, "not known here"),
        ("format = 1\n[economy]\ncode = \"KR\"\n[partners.JP]\n", 4, "64 hexadecimal digits"),
        ("format = 1\n[economy]\ncode = \"KR\"\n[economy\n", 4, ""),
    ];
    for (text, line, message) in cases {
        let fault = fault(text);
        assert_eq!(fault.line, *line, "{text:?}: {fault}");
        assert!(fault.message.contains(message), "{text:?}: {fault}");
    }
    let twice = format!("{SMALLEST}[partners.{id}]\nallow_x25519 = true\n");
    assert!(fault(&twice).to_string().contains("did you mean `allow-x25519`?"));
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Config::read(folder.path()).unwrap_err();
    assert!(matches!(&error, ConfigError::Missing(path) if path.ends_with("comity.toml")));
}

#[test]
fn the_book_lists_every_key() {
    let chapter = include_str!("../../../docs/src/configuration.md");
    assert!(
        chapter.contains(&format!("```toml\n{}```", config::reference().trim_start())),
        "docs/src/configuration.md is behind; `comity config schema` prints what belongs there"
    );
}
