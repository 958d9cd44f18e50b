//! What the file says, before anything is believed.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A value with its place in the file, so that a complaint can point at it.
pub(super) type At<T> = Option<Spanned<T>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) format: At<u64>,
    #[serde(default)]
    pub(super) economy: Economy,
    #[serde(default)]
    pub(super) local: Local,
    #[serde(default)]
    pub(super) listen: Listen,
    #[serde(default)]
    pub(super) admin: Admin,
    #[serde(default)]
    pub(super) store: Store,
    #[serde(default)]
    pub(super) link: Link,
    #[serde(default)]
    pub(super) publish: Publish,
    #[serde(default)]
    pub(super) approval: Approval,
    #[serde(default)]
    pub(super) egress: Egress,
    #[serde(default)]
    pub(super) retention: Retention,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) log: Log,
    #[serde(default)]
    pub(super) partners: BTreeMap<Spanned<String>, Partner>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Economy {
    pub(super) code: At<String>,
    pub(super) id: At<String>,
    pub(super) name: At<String>,
    pub(super) timezone: At<String>,
    pub(super) city: At<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Local {
    pub(super) desks: Option<Vec<Spanned<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listen {
    pub(super) address: At<String>,
    pub(super) public: Option<Vec<Spanned<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) socket: At<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Store {
    pub(super) folder: At<String>,
    pub(super) segment: At<String>,
    pub(super) keep_free: At<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Link {
    pub(super) rate: At<String>,
    pub(super) redial_first: At<String>,
    pub(super) redial_last: At<String>,
    pub(super) drain: At<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Publish {
    pub(super) unsend_for: At<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Approval {
    pub(super) tlp: At<String>,
    pub(super) categories: Option<Vec<Spanned<String>>>,
    pub(super) classes: Option<Vec<Spanned<String>>>,
    pub(super) recipients_over: At<u64>,
    pub(super) tiers: Option<Vec<Spanned<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Egress {
    pub(super) strings: At<String>,
    pub(super) expressions: At<String>,
    pub(super) prefixes: At<String>,
    pub(super) hashes: At<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Retention {
    pub(super) automatic: At<bool>,
    pub(super) above_green: At<String>,
    pub(super) personal_data: At<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Limits {
    pub(super) partners: At<u64>,
    pub(super) faults: At<u64>,
    pub(super) memory_per_partner: At<String>,
    pub(super) disk_per_partner: At<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Log {
    pub(super) level: At<String>,
    pub(super) format: At<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Partner {
    pub(super) addresses: Option<Vec<Spanned<String>>>,
    pub(super) rate: At<String>,
    pub(super) memory: At<String>,
    pub(super) disk: At<String>,
    pub(super) allow_x25519: At<bool>,
}
