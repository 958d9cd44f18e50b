//! The configuration of a node: `comity.toml` in its data folder.
//!
//! Two steps: the raw file, in which an unknown key is an error, and then resolved types. What is
//! wrong is shown with its line, a caret, and the names that would have been right.

mod fault;
mod raw;
mod resolve;
mod schema;
pub mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use comity_core::agreement::Tier;
use comity_core::{Class, EconomyId, Tlp};
use jiff::tz::TimeZone;

use crate::guard::List;
use crate::limits;
pub use fault::{ConfigError, Fault};
pub use schema::{KEYS, Key, in_force, initial, reference};

/// The version of the format that this program reads and writes.
pub const FORMAT: u64 = 1;
/// The name of the file in a data folder.
pub const FILE_NAME: &str = "comity.toml";
/// The UDP port that a node listens on unless told otherwise.
pub const PORT: u16 = 4864;

/// A node's configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The data folder: what relative paths start from.
    pub folder: PathBuf,
    /// What people call us.
    pub economy: Economy,
    /// Who we are at our own node.
    pub local: Local,
    /// Where partners find us.
    pub listen: Listen,
    /// Where the command line finds us.
    pub admin: Admin,
    /// Where the journal lies.
    pub store: Store,
    /// All links.
    pub link: Link,
    /// What is published here.
    pub publish: Publish,
    /// What takes a second person.
    pub approval: Approval,
    /// What leaves by no exit.
    pub egress: Egress,
    /// For how long bodies are kept.
    pub retention: Retention,
    /// Bounds on what others can make us hold.
    pub limits: Limits,
    /// What the log says.
    pub log: Log,
    /// Links that differ. Those partners need not be paired yet.
    pub partners: BTreeMap<EconomyId, Partner>,
}

/// Display only, but for the id: never sent as identity, looked up or trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Economy {
    /// The front of short references, as `KR` in `KR-26-0412`.
    pub code: String,
    /// Who we are: only a backup of this economy is restored. The journal says it as well; what is here
    /// says it where that is lost. None: in the folder of a node from before this was written down.
    pub id: Option<EconomyId>,
    /// For screens.
    pub name: String,
    /// The zone of "your time".
    pub timezone: TimeZone,
    /// What screens call that zone, if not by the city in its name.
    pub city: Option<String>,
}

/// Who we are at our own node: whoever may use its socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// The desks, roles and persons for which is shown here what partners give to one of them only. Ascending, each once.
    pub desks: BTreeSet<String>,
}

/// Where partners find us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The UDP socket.
    pub address: SocketAddr,
    /// What invitations carry. Empty: the listening address, if it is a definite one.
    pub public: Vec<Address>,
}

/// Where the command line finds us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The Unix socket.
    pub socket: PathBuf,
}

/// Where the journal lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The folder of the segments and the views.
    pub folder: PathBuf,
    /// Bytes at which a segment is full.
    pub segment: u64,
    /// Bytes of the disk below which nothing is taken in.
    pub keep_free: u64,
}

/// All links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Bits per second to each partner. None: no cap.
    pub rate: Option<u64>,
    /// Wait before the first new attempt.
    pub redial_first: Duration,
    /// Longest wait between two attempts.
    pub redial_last: Duration,
    /// How long deliveries under way may take at shutdown.
    pub drain: Duration,
}

/// What is published here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// How long what is not urgent goes to nobody, so that it can be unsent.
    pub unsend_for: Duration,
}

/// Which records signed here take a second person before they leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// Those of which a part has this label, or a stricter one.
    pub tlp: Option<Tlp>,
    /// Those of one of these categories.
    pub categories: BTreeSet<String>,
    /// Those of which a part is of one of these classes.
    pub classes: BTreeSet<Class>,
    /// Those that more partners than this would get.
    pub recipients_over: Option<u64>,
    /// Those of which an agreement of one of these tiers lets something go.
    pub tiers: BTreeSet<Tier>,
}

impl Approval {
    /// Whether nothing does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { tlp, categories, classes, recipients_over: _, tiers: _ } = self;
        tlp.is_none() && categories.is_empty() && classes.is_empty() && !self.asks_who_gets_it()
    }

    /// Whether it depends on who would get a record.
    #[must_use]
    pub fn asks_who_gets_it(&self) -> bool {
        self.recipients_over.is_some() || !self.tiers.is_empty()
    }
}

/// The lists of the egress guard: what leaves by no exit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// Words and phrases.
    pub strings: Option<PathBuf>,
    /// Regular expressions.
    pub expressions: Option<PathBuf>,
    /// Networks of one's own.
    pub prefixes: Option<PathBuf>,
    /// SHA-256 digests of files.
    pub hashes: Option<PathBuf>,
}

impl Egress {
    /// Whether no list is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        List::ALL.iter().all(|list| self.of(*list).is_none())
    }

    /// Where a list lies, if it is named.
    #[must_use]
    pub fn of(&self, list: List) -> Option<&Path> {
        match list {
            List::Strings => self.strings.as_deref(),
            List::Expressions => self.expressions.as_deref(),
            List::Prefixes => self.prefixes.as_deref(),
            List::Hashes => self.hashes.as_deref(),
        }
    }
}

/// For how long bodies are kept here. What was agreed with whoever gave it may end before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Whether what is due is erased by itself.
    pub automatic: bool,
    /// Those above TLP:GREEN. None: for ever.
    pub above_green: Option<Duration>,
    /// Those about persons, whatever their label. None: for ever.
    pub personal_data: Option<Duration>,
}

impl Retention {
    const DAYS: fn(u64) -> Option<Duration> =
        |days| Some(Duration::from_secs(days.saturating_mul(24 * 60 * 60)));
}

impl Default for Retention {
    fn default() -> Self {
        Self { automatic: true, above_green: Self::DAYS(365), personal_data: Self::DAYS(90) }
    }
}

/// Bounds on what others can make us hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Paired partners.
    pub partners: u64,
    /// Faulty frames on one connection before it is closed.
    pub faults: u32,
    /// What the records of each partner may take here.
    pub room: Room,
    /// The same of partners that have something else.
    pub apart: BTreeMap<EconomyId, Room>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { partners: 64, faults: 16, room: Room::default(), apart: BTreeMap::new() }
    }
}

impl Limits {
    /// What the records of this partner may take here.
    #[must_use]
    pub fn room_of(&self, partner: &EconomyId) -> Room {
        self.apart.get(partner).copied().unwrap_or(self.room)
    }
}

/// What the records of a partner may take here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes of memory, as they are reckoned.
    pub memory: u64,
    /// Bytes of the disk.
    pub disk: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self { memory: limits::PARTNER_MEMORY, disk: limits::PARTNER_DISK }
    }
}

/// What the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// From what level on.
    pub level: LogLevel,
    /// In what form.
    pub format: LogFormat,
}

/// How much the log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// What needs a person.
    Error,
    /// What may need one.
    Warn,
    /// What a node does.
    Info,
    /// Why it does it.
    Debug,
}

impl LogLevel {
    /// As it is written in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl LogFormat {
    /// As it is written in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// A link that differs from the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partner {
    /// Where to find it, instead of what its invitation said.
    pub addresses: Vec<Address>,
    /// Bits per second, instead of `link.rate`.
    pub rate: Option<u64>,
    /// Bytes of memory, instead of `limits.memory-per-partner`.
    pub memory: Option<u64>,
    /// Bytes of the disk, instead of `limits.disk-per-partner`.
    pub disk: Option<u64>,
    /// Whether it may come without a post-quantum key exchange.
    pub allow_x25519: bool,
}

/// A host name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// A name to be resolved at each dial, or an address without brackets.
    pub host: String,
    /// UDP.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// What is said of the economy.
const CLIENT_ECONOMY: [&str; 5] = ["code", "id", "name", "timezone", "city"];

impl Config {
    /// Reads `comity.toml` in the data folder.
    pub fn read(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join(FILE_NAME);
        let text = std::fs::read_to_string(&path).map_err(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                ConfigError::Missing(path.clone())
            } else {
                ConfigError::Unreadable { path: path.clone(), source }
            }
        })?;
        Self::parse(&text, &path, folder)
    }

    /// What a client of a node that runs needs of `comity.toml`: whose node it is, and its socket. Whatever else
    /// stands there is the node's, which has read it, and may be wrong by now.
    pub fn read_as_client(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join(FILE_NAME);
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let whole = without_wrong_lines(&text).map_err(|error| {
            ConfigError::Wrong(Box::new(Fault::from_toml(path.clone(), &text, &error)))
        })?;
        let read = [("economy", &CLIENT_ECONOMY[..]), ("admin", &["socket"][..])];
        let mut kept = toml::Table::new();
        kept.extend(whole.get("format").map(|format| ("format".to_owned(), format.clone())));
        for (section, keys) in read {
            let Some(toml::Value::Table(table)) = whole.get(section) else { continue };
            let known = table.iter().filter(|(key, _)| keys.contains(&key.as_str()));
            let known: toml::Table =
                known.map(|(key, value)| (key.clone(), value.clone())).collect();
            kept.insert(section.to_owned(), toml::Value::Table(known));
        }
        Self::parse(&kept.to_string(), &path, folder)
    }

    /// Reads `text`, which lies at `file`; relative paths start from `folder`.
    pub fn parse(text: &str, file: &Path, folder: &Path) -> Result<Self, ConfigError> {
        let raw: raw::File = toml::from_str(text).map_err(|error| {
            ConfigError::Wrong(Box::new(Fault::from_toml(file.to_owned(), text, &error)))
        })?;
        resolve::Resolver { text, file, folder }
            .config(raw)
            .map_err(|fault| ConfigError::Wrong(Box::new(fault)))
    }

    /// The partners that may come with a classical key exchange only.
    #[must_use]
    pub fn x25519_allowed(&self) -> BTreeSet<EconomyId> {
        self.partners
            .iter()
            .filter(|(_, partner)| partner.allow_x25519)
            .map(|(economy, _)| *economy)
            .collect()
    }

    /// The cap of the link to this partner, in bits per second.
    #[must_use]
    pub fn rate_to(&self, partner: EconomyId) -> Option<u64> {
        self.partners.get(&partner).and_then(|partner| partner.rate).or(self.link.rate)
    }

    /// What invitations carry: the public addresses, or the listening address if it is a definite one.
    #[must_use]
    pub fn reachable_at(&self) -> Vec<Address> {
        let listening = self.listen.address;
        if self.listen.public.is_empty() && !listening.ip().is_unspecified() {
            vec![Address { host: listening.ip().to_string(), port: listening.port() }]
        } else {
            self.listen.public.clone()
        }
    }
}

/// Lines without which a text is read as TOML.
const WRONG_LINES: usize = 16;

/// What a text says but for the lines that cannot be read.
fn without_wrong_lines(text: &str) -> Result<toml::Table, toml::de::Error> {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut left = WRONG_LINES;
    loop {
        let read = lines.join("\n");
        let error = match toml::from_str(&read) {
            Ok(table) => return Ok(table),
            Err(error) => error,
        };
        let before = error.span().and_then(|span| read.get(..span.start));
        let place = before.map(|before| before.matches('\n').count());
        let line = place.and_then(|place| lines.get_mut(place)).filter(|line| !line.is_empty());
        match line {
            Some(line) if left > 0 => *line = "",
            Some(_) | None => return Err(error),
        }
        left -= 1;
    }
}
