//! Every key of the configuration, with what it means: for `comity config`, `init` and the book.

use std::fmt::Write as _;

use comity_core::EconomyId;

use super::resolve::FOR_EVER;
use super::units::{WrittenDuration, WrittenRate, WrittenSize};
use super::{Config, FORMAT};
use crate::founding::Founding;
use crate::guard::List;

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The table it stands in; empty at the top.
    pub table: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What is written when nobody says otherwise, as TOML. Empty: nothing.
    pub default: &'static str,
    /// A value to show, as TOML.
    pub example: &'static str,
    /// What it means.
    pub what: &'static str,
}

const fn key(
    table: &'static str,
    name: &'static str,
    default: &'static str,
    example: &'static str,
    what: &'static str,
) -> Key {
    Key { table, name, default, example, what }
}

/// Every key, in the order of the file.
pub const KEYS: &[Key] = &[
    key("", "format", "", "1", "Version of this file's format. Required."),
    key(
        "economy",
        "code",
        "",
        "\"KR\"",
        "Front of short references such as KR-26-0412: 2 to 8 capital letters and digits. Display only, never an identity. Required.",
    ),
    key(
        "economy",
        "id",
        "",
        "\"1f8e4d2c7b6a59483726150f9e8d7c6b5a49382716050f1e2d3c4b5a69788796\"",
        "This economy's id, written by `comity init`: `comity restore` takes no other economy's backup, also where the journal is lost.",
    ),
    key("economy", "name", "the code", "\"Republic of Korea\"", "For screens. Display only."),
    key(
        "economy",
        "timezone",
        "\"UTC\"",
        "\"Asia/Seoul\"",
        "Times are shown in UTC and in this zone (IANA name).",
    ),
    key(
        "economy",
        "city",
        "the city in the zone's name",
        "\"Seoul\"",
        "What screens call that zone. Display only.",
    ),
    key(
        "local",
        "desks",
        "[]",
        "[\"duty officer\"]",
        "Desks, roles and persons that whoever uses this node is: what a partner gives to one desk only, as all TLP:RED is, is shown here if that desk is among them.",
    ),
    key("listen", "address", "\"[::]:4864\"", "\"[::]:4864\"", "UDP address that partners reach."),
    key(
        "listen",
        "public",
        "[]",
        "[\"comity.csirt.example:4864\"]",
        "Where partners find this node from outside: what invitations carry. Empty: the listening address, if it is a definite one.",
    ),
    key(
        "admin",
        "socket",
        "\"admin.sock\"",
        "\"admin.sock\"",
        "Unix socket that the command line speaks to; only this user may. Relative to the data folder.",
    ),
    key(
        "store",
        "folder",
        "\"store\"",
        "\"store\"",
        "Where the journal lies. Relative to the data folder.",
    ),
    key(
        "store",
        "segment",
        "\"64 MiB\"",
        "\"64 MiB\"",
        "Size at which a file of the journal is full: 1 MiB to 4 GiB.",
    ),
    key(
        "store",
        "keep-free",
        "\"256 MiB\"",
        "\"256 MiB\"",
        "With less free on the disk, nothing is taken in: partners are asked to wait.",
    ),
    key("link", "rate", "no cap", "\"50 Mbit/s\"", "Cap on what is sent to each partner."),
    key(
        "link",
        "redial-first",
        "\"250 ms\"",
        "\"250 ms\"",
        "Wait before the first new attempt to reach a partner; it doubles each time.",
    ),
    key("link", "redial-last", "\"1 min\"", "\"1 min\"", "Longest wait between two attempts."),
    key(
        "link",
        "drain",
        "\"30 s\"",
        "\"30 s\"",
        "How long deliveries under way may take when the node stops.",
    ),
    key(
        "publish",
        "unsend-for",
        "\"1 min\"",
        "\"1 min\"",
        "How long what is published here and is not urgent goes to nobody, so that `comity unsend` can take it back; 0 s: not at all. At most a day.",
    ),
    key(
        "approval",
        "tlp",
        "",
        "\"RED\"",
        "Records signed here of which a part has this label, or a stricter one, leave only once a second person has approved them: somebody of the staff in the role `approver`. Without any key of this table nothing waits.",
    ),
    key(
        "approval",
        "categories",
        "",
        "[\"law-enforcement\"]",
        "The same of records that are marked with one of these categories.",
    ),
    key(
        "approval",
        "classes",
        "",
        "[\"personal-data\"]",
        "The same of records of which a part is of one of these classes: general, sensitive, personal-data, evidence, order-reference.",
    ),
    key(
        "approval",
        "recipients-over",
        "",
        "20",
        "The same of records that more partners than this would get, counted when the record is signed.",
    ),
    key(
        "approval",
        "tiers",
        "",
        "[\"law-enforcement\"]",
        "The same of records of which something goes by an agreement of one of these tiers, as that stands when the record is signed: mou, nda, law-enforcement.",
    ),
    key(
        "egress",
        "strings",
        "",
        "\"guard/strings.txt\"",
        "List of words and phrases, one a line: a part with one of them leaves by no exit until a person lets it pass. Relative to the data folder; only its owner may read it.",
    ),
    key(
        "egress",
        "expressions",
        "",
        "\"guard/expressions.txt\"",
        "The same of regular expressions, which are looked for line by line.",
    ),
    key(
        "egress",
        "prefixes",
        "",
        "\"guard/prefixes.txt\"",
        "The same of networks such as 203.0.113.0/24: addresses that belong to them.",
    ),
    key(
        "egress",
        "hashes",
        "",
        "\"guard/hashes.txt\"",
        "The same of files, by SHA-256 in hexadecimal, as sha256sum writes it.",
    ),
    key(
        "retention",
        "automatic",
        "true",
        "true",
        "Whether a running node erases by itself what is due. Otherwise `comity retention due` lists it, and a person erases.",
    ),
    key(
        "retention",
        "above-green",
        "\"365 days\"",
        "\"365 days\"",
        "How long bodies of parts above TLP:GREEN are kept after they came, your own too; then they are erased, or `for ever`. What was agreed with whoever gave them may end before.",
    ),
    key(
        "retention",
        "personal-data",
        "\"90 days\"",
        "\"90 days\"",
        "The same for parts of the class personal-data, whatever their label.",
    ),
    key("limits", "partners", "64", "64", "Paired partners, 1 to 4096."),
    key(
        "limits",
        "faults",
        "16",
        "16",
        "Faulty frames on one connection before it is closed, 1 to 1000000.",
    ),
    key(
        "limits",
        "memory-per-partner",
        "\"1 GiB\"",
        "\"1 GiB\"",
        "Memory that the records of one partner may take here, as it is reckoned (a short advisory is 4 KiB), at least 256 MiB. Past it the partner is asked to wait.",
    ),
    key(
        "limits",
        "disk-per-partner",
        "\"16 GiB\"",
        "\"16 GiB\"",
        "Disk that the records of one partner may take here, at least 1 GiB. Past it the partner is asked to wait.",
    ),
    key("log", "level", "\"info\"", "\"info\"", "error, warn, info or debug."),
    key("log", "format", "\"text\"", "\"text\"", "text, or json: one object a line."),
    key(
        "partners.ID",
        "addresses",
        "[]",
        "[\"192.0.2.7:4864\"]",
        "Where to find this partner, instead of what its invitation said. ID: as `comity partner list` shows it.",
    ),
    key(
        "partners.ID",
        "rate",
        "link.rate",
        "\"20 Mbit/s\"",
        "Cap on what is sent to this partner.",
    ),
    key(
        "partners.ID",
        "memory",
        "limits.memory-per-partner",
        "\"4 GiB\"",
        "Memory that the records of this partner may take here.",
    ),
    key(
        "partners.ID",
        "disk",
        "limits.disk-per-partner",
        "\"64 GiB\"",
        "Disk that the records of this partner may take here.",
    ),
    key(
        "partners.ID",
        "allow-x25519",
        "false",
        "false",
        "Lets this partner come without a post-quantum key exchange.",
    ),
];

/// All keys as a commented file in which every default is written out.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    let mut table = "";
    for key in KEYS {
        if key.table != table {
            table = key.table;
            text.push_str("\n[");
            text.push_str(table);
            text.push_str("]\n");
        }
        let default = match key.default {
            "" => String::new(),
            default => format!(" Default: {default}."),
        };
        text.push_str(&format!("# {}{default}\n{} = {}\n", key.what, key.name, key.example));
    }
    text
}

/// A new node's file: what was chosen, and the rest left to its defaults.
#[must_use]
pub fn initial(founding: &Founding, economy: Option<EconomyId>) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let public: Vec<String> = founding.public.iter().map(|address| quoted(address)).collect();
    let id = economy.map(|id| format!("id = \"{id}\"\n")).unwrap_or_default();
    let city = founding.city.as_ref().map(|city| format!("city = {}\n", quoted(city)));
    format!(
        "# The configuration of a comity node. `comity config schema` lists every key.\n\
         format = {FORMAT}\n\n\
         [economy]\ncode = {}\n{id}name = {}\ntimezone = {}\n{}\n\
         [listen]\naddress = {}\npublic = [{}]\n",
        quoted(&founding.code),
        quoted(&founding.name),
        quoted(&founding.timezone),
        city.unwrap_or_default(),
        quoted(&founding.listen),
        public.join(", "),
    )
}

/// The configuration in force as a file that means the same, defaults written out.
#[must_use]
pub fn in_force(config: &Config) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let path = |path: &std::path::Path| {
        quoted(&path.strip_prefix(&config.folder).unwrap_or(path).to_string_lossy())
    };
    let list = |addresses: &[super::Address]| {
        let quoted: Vec<_> = addresses.iter().map(|address| quoted(&address.to_string())).collect();
        format!("[{}]", quoted.join(", "))
    };
    let zone = config.economy.timezone.iana_name().unwrap_or("UTC");
    let mut text = format!("format = {FORMAT}\n\n[economy]\n");
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        // Writing to a `String` does not fail.
        text.write_fmt(arguments).ok();
        text.push('\n');
    };
    line(format_args!("code = {}", quoted(&config.economy.code)));
    if let Some(id) = config.economy.id {
        line(format_args!("id = \"{id}\""));
    }
    line(format_args!("name = {}", quoted(&config.economy.name)));
    line(format_args!("timezone = {}", quoted(zone)));
    if let Some(city) = &config.economy.city {
        line(format_args!("city = {}", quoted(city)));
    }
    let desks: Vec<_> = config.local.desks.iter().map(|desk| quoted(desk)).collect();
    line(format_args!("\n[local]\ndesks = [{}]", desks.join(", ")));
    line(format_args!("\n[listen]\naddress = {}", quoted(&config.listen.address.to_string())));
    line(format_args!("public = {}", list(&config.listen.public)));
    line(format_args!("\n[admin]\nsocket = {}", path(&config.admin.socket)));
    line(format_args!("\n[store]\nfolder = {}", path(&config.store.folder)));
    line(format_args!("segment = \"{}\"", WrittenSize(config.store.segment)));
    line(format_args!("keep-free = \"{}\"", WrittenSize(config.store.keep_free)));
    line(format_args!("\n[link]"));
    if let Some(rate) = config.link.rate {
        line(format_args!("rate = \"{}\"", WrittenRate(rate)));
    }
    line(format_args!("redial-first = \"{}\"", WrittenDuration(config.link.redial_first)));
    line(format_args!("redial-last = \"{}\"", WrittenDuration(config.link.redial_last)));
    line(format_args!("drain = \"{}\"", WrittenDuration(config.link.drain)));
    line(format_args!(
        "\n[publish]\nunsend-for = \"{}\"",
        WrittenDuration(config.publish.unsend_for)
    ));
    let approval = &config.approval;
    if !approval.is_empty() {
        line(format_args!("\n[approval]"));
    }
    if let Some(label) = approval.tlp {
        line(format_args!("tlp = \"{label}\""));
    }
    let names = |names: &mut dyn Iterator<Item = String>| {
        names.map(|name| quoted(&name)).collect::<Vec<_>>().join(", ")
    };
    if !approval.categories.is_empty() {
        let categories = names(&mut approval.categories.iter().cloned());
        line(format_args!("categories = [{categories}]"));
    }
    if !approval.classes.is_empty() {
        let classes = names(&mut approval.classes.iter().map(ToString::to_string));
        line(format_args!("classes = [{classes}]"));
    }
    if let Some(most) = approval.recipients_over {
        line(format_args!("recipients-over = {most}"));
    }
    if !approval.tiers.is_empty() {
        let tiers = names(&mut approval.tiers.iter().map(|tier| tier.name().to_owned()));
        line(format_args!("tiers = [{tiers}]"));
    }
    if !config.egress.is_empty() {
        line(format_args!("\n[egress]"));
    }
    for list in List::ALL {
        if let Some(file) = config.egress.of(list) {
            line(format_args!("{} = {}", list.name(), path(file)));
        }
    }
    let term = |term: Option<std::time::Duration>| {
        term.map_or_else(|| FOR_EVER.to_owned(), |term| WrittenDuration(term).to_string())
    };
    line(format_args!("\n[retention]\nautomatic = {}", config.retention.automatic));
    line(format_args!("above-green = \"{}\"", term(config.retention.above_green)));
    line(format_args!("personal-data = \"{}\"", term(config.retention.personal_data)));
    line(format_args!("\n[limits]\npartners = {}", config.limits.partners));
    line(format_args!("faults = {}", config.limits.faults));
    let room = config.limits.room;
    line(format_args!("memory-per-partner = \"{}\"", WrittenSize(room.memory)));
    line(format_args!("disk-per-partner = \"{}\"", WrittenSize(room.disk)));
    line(format_args!("\n[log]\nlevel = \"{}\"", config.log.level.name()));
    line(format_args!("format = \"{}\"", config.log.format.name()));
    for (economy, partner) in &config.partners {
        line(format_args!("\n[partners.{economy}]"));
        line(format_args!("addresses = {}", list(&partner.addresses)));
        if let Some(rate) = partner.rate {
            line(format_args!("rate = \"{}\"", WrittenRate(rate)));
        }
        if let Some(memory) = partner.memory {
            line(format_args!("memory = \"{}\"", WrittenSize(memory)));
        }
        if let Some(disk) = partner.disk {
            line(format_args!("disk = \"{}\"", WrittenSize(disk)));
        }
        line(format_args!("allow-x25519 = {}", partner.allow_x25519));
    }
    text
}
