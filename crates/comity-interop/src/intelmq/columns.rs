//! Columns: which are read, which go on, and which stay at home.
//!
//! A batch of sightings tells a partner which of its machines are in trouble. It does not have to tell
//! whose account it was, who reported it, or what the password is; and the raw line from the source
//! would carry all of that along in base64. So a column goes only if it is known to be harmless:
//!
//! | goes | why |
//! |---|---|
//! | a field of IntelMQ's event ([`is_field`]) | it says what happened to which machine |
//! | `extra.lists` | how many public lists carry an address, as the feeds of blocklists say it |
//! | a column that the operator names, and what is inside it | the operator has looked at the feed |
//!
//! and besides IntelMQ's own none that names people (`people.rs`), at no level of a nested value, whoever named it.
//! What a feed adds tomorrow, under a name that nobody here has thought of, stays until somebody has.
//! Everything that goes, goes byte for byte, but for URLs (`url.rs`): they go without user, password and
//! query. Free text and names that people gave their machines stay until the operator has looked at the feed:
//! IntelMQ says of `comment` that an analyst wrote it, of `event_description.text` that it has no form, and of
//! `local_hostname` that it is the name of a machine behind somebody's router.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::draft::one_line;
use crate::intelmq::people::names_people;
use crate::limits;

/// Fields of `source` and `destination` in IntelMQ's event (its data format, version 3). `account` and
/// `abuse_contact` are about people, and `local_hostname` often is.
const OF_AN_END: [&str; 23] = [
    "allocated",
    "as_name",
    "asn",
    "domain_suffix",
    "fqdn",
    "geolocation.cc",
    "geolocation.city",
    "geolocation.country",
    "geolocation.cymru_cc",
    "geolocation.geoip_cc",
    "geolocation.latitude",
    "geolocation.longitude",
    "geolocation.region",
    "geolocation.state",
    "ip",
    "local_ip",
    "network",
    "port",
    "registry",
    "reverse_dns",
    "tor_node",
    "url",
    "urlpath",
];

/// Its other fields. Left out: `raw`, `output` and `screenshot_url` are the whole event again, or a
/// picture of it; `event_hash` lets one try values of what stayed home; `feed.url` often holds the key
/// that fetches the feed; `rtir_id` is the sender's own housekeeping; `comment` and
/// `event_description.text` are free text.
const OF_AN_EVENT: [&str; 26] = [
    "classification.identifier",
    "classification.taxonomy",
    "classification.type",
    "event_description.target",
    "event_description.url",
    "feed.accuracy",
    "feed.code",
    "feed.documentation",
    "feed.name",
    "feed.provider",
    "malware.hash",
    "malware.hash.md5",
    "malware.hash.sha1",
    "malware.hash.sha256",
    "malware.name",
    "malware.version",
    "misp.attribute_uuid",
    "misp.event_uuid",
    "product.full_name",
    "product.name",
    "product.vendor",
    "product.version",
    "product.vulnerabilities",
    "protocol.application",
    "protocol.transport",
    "severity",
];

/// And those without a group of their own, or about the time.
const OF_ITS_TIME: [&str; 4] = ["status", "time.observation", "time.source", "tlp"];

/// URLs of `source` and `destination`, and paths of URLs: they go shortened.
const URLS_OF_AN_END: [&str; 2] = ["url", "urlpath"];

/// Links to what somebody has written: they go if they are the address of a page and nothing more.
const LINKS: [&str; 2] = ["event_description.url", "feed.documentation"];

/// Columns of no standard that are harmless in feeds that were looked at.
const HARMLESS: [&str; 1] = ["extra.lists"];

/// Columns that hold the whole event again, or a picture of it: nobody can name them.
const COPIES: [&str; 3] = ["output", "raw", "screenshot_url"];

/// Which columns go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    named: BTreeSet<String>,
}

/// A column that nobody can let go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the column `{0}` names people, or holds the whole event again, and never goes")]
pub struct NeverGoes(pub String);

impl Allowed {
    /// The columns that always go, and those that the operator names; a name stands for everything
    /// inside it as well.
    ///
    /// # Errors
    /// [`NeverGoes`] of the first that cannot be let go.
    pub fn new(named: impl IntoIterator<Item = String>) -> Result<Self, NeverGoes> {
        let named: BTreeSet<String> = named.into_iter().collect();
        let never = named.iter().find(|name| never_goes(name) || *name == EXTRA);
        never.map_or(Ok(()), |name| Err(NeverGoes(name.clone())))?;
        Ok(Self { named })
    }

    /// Whether a column goes as far as its name says. `path` is its full name, such as `source.ip`.
    #[must_use]
    pub fn goes(&self, path: &str) -> bool {
        is_field(path) || (!never_goes(path) && self.is_named(path))
    }

    /// Whether the column, or one that it is inside of, is harmless by itself or by the operator's word.
    fn is_named(&self, path: &str) -> bool {
        let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
        ends.filter_map(|end| path.get(..end))
            .any(|front| HARMLESS.contains(&front) || self.named.contains(front))
    }

    /// Whether some column inside this one may go.
    fn is_above(&self, path: &str) -> bool {
        let below = |name: &str| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        let of_an_end = ["source", "destination"].into_iter().any(|end| {
            let inside = path.strip_prefix(end).and_then(|rest| rest.strip_prefix('.'));
            path == end
                || inside.is_some_and(|inside| {
                    let mut names = OF_AN_END.iter().filter_map(|name| name.strip_prefix(inside));
                    names.any(|rest| rest.starts_with('.'))
                })
        });
        let mut others = OF_AN_EVENT.iter().chain(&OF_ITS_TIME).chain(&HARMLESS);
        of_an_end || others.any(|name| below(name)) || self.named.iter().any(|name| below(name))
    }

    fn role(&self, path: &str) -> Role {
        match path {
            "source.geolocation.cc" => Role::Country,
            "source.ip" => Role::Address,
            "source.local_ip" | "destination.ip" | "destination.local_ip" => Role::OtherAddress,
            "source.network" => Role::Network,
            "time.observation" | "time.source" => Role::Time,
            "tlp" => Role::Tlp,
            "feed.name" => Role::Feed,
            EXTRA => Role::Extra,
            _ if is_url(path) && !self.is_named(path) => Role::Url,
            _ if LINKS.contains(&path) && !self.is_named(path) => Role::Link,
            _ if is_field(path) => Role::Keep,
            _ if never_goes(path) => Role::Drop,
            _ if self.is_named(path) => Role::Named,
            _ if self.is_above(path) => Role::Above,
            _ => Role::Drop,
        }
    }
}

/// The column of what is no field: an object, or a text that holds one.
const EXTRA: &str = "extra";

/// The name of a field of `source` or `destination`.
fn of_an_end(path: &str) -> Option<&str> {
    path.strip_prefix("source.").or_else(|| path.strip_prefix("destination."))
}

fn is_url(path: &str) -> bool {
    of_an_end(path).is_some_and(|name| URLS_OF_AN_END.contains(&name))
}

/// Whether a column is a field of IntelMQ's event that goes.
#[must_use]
pub fn is_field(path: &str) -> bool {
    of_an_end(path).map_or_else(
        || OF_AN_EVENT.contains(&path) || OF_ITS_TIME.contains(&path),
        |name| OF_AN_END.contains(&name),
    )
}

/// Whether nobody can let a column go, by its full name.
fn never_goes(path: &str) -> bool {
    COPIES.iter().any(|copy| path.eq_ignore_ascii_case(copy)) || path.split('.').any(names_people)
}

/// What the cutter does with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Goes on as it is: a field.
    Keep,
    /// Goes on shortened, if it is a text: a URL.
    Url,
    /// Goes on if it is a text that points at a page and no further: a link.
    Link,
    /// Goes on, but for what names people inside it: no field, but known to be harmless.
    Named,
    /// Goes on if it is an object, with what may go inside it.
    Above,
    /// Stays at home.
    Drop,
    /// `source.geolocation.cc`: whose row it is.
    Country,
    /// `source.ip`: whose row it is, when no country says so.
    Address,
    /// Another address: it has to be one.
    OtherAddress,
    /// `source.network`: the same, when there is no address either.
    Network,
    /// A time: it has to be one, with a zone.
    Time,
    /// `tlp`: the row's own marking.
    Tlp,
    /// `feed.name`: for the title.
    Feed,
    /// `extra`: may hold further columns, written as text.
    Extra,
}

/// The columns met so far. Rows of one feed have the same columns in the same order, so that judging a
/// name is one comparison with what stood in its place in the row before.
#[derive(Debug, Default)]
pub(super) struct Columns {
    allowed: Allowed,
    known: Vec<Column>,
    by_name: HashMap<Box<str>, usize>,
    /// The row before: column ids by position.
    order: Vec<usize>,
    row: u64,
    name_bytes: usize,
    gone: Gone,
}

/// What of columns did not go on, and in how many rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gone {
    /// Columns that stayed.
    pub(super) dropped: BTreeMap<String, u64>,
    /// URLs that went without a piece of them.
    pub(super) shortened: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Column {
    name: Box<str>,
    role: Role,
    /// The last row that it was met in: a column twice in one row is a fault.
    met: u64,
    /// Rows that it was dropped from.
    dropped: u64,
    /// Rows in which it was shortened.
    shortened: u64,
}

/// A column as it stands in a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Met {
    pub(super) id: usize,
    pub(super) role: Role,
    /// Whether it was already in this row.
    pub(super) twice: bool,
}

impl Columns {
    pub(super) fn new(allowed: Allowed) -> Self {
        Self { allowed, ..Self::default() }
    }

    /// A new row begins.
    pub(super) fn next_row(&mut self) {
        self.row = self.row.saturating_add(1);
        if self.known.len() > limits::COLUMN_NAMES || self.name_bytes > limits::COLUMN_NAME_BYTES {
            self.forget();
        }
    }

    /// The name of a column.
    pub(super) fn name(&self, id: usize) -> String {
        self.known.get(id).map(|column| column.name.to_string()).unwrap_or_default()
    }

    /// What to say of a column that is twice in a row.
    pub(super) fn twice(&self, id: usize) -> String {
        let name = self.known.get(id).map_or("", |column| &*column.name);
        format!("the column `{}` is given twice", one_line(name, 64))
    }

    /// The column of a name at a position of the row.
    pub(super) fn meet(&mut self, name: &str, position: Option<usize>) -> Met {
        let likely = position.and_then(|at| self.order.get(at)).copied();
        let guess =
            likely.filter(|id| self.known.get(*id).is_some_and(|column| *column.name == *name));
        let id = guess.unwrap_or_else(|| self.look_up(name, position));
        let row = self.row;
        match self.known.get_mut(id) {
            Some(column) => {
                let twice = column.met == row;
                column.met = row;
                Met { id, role: column.role, twice }
            }
            // Every id comes from `look_up`; the name is judged all the same.
            None => Met { id, role: self.allowed.role(name), twice: false },
        }
    }

    /// The role of a column inside a list, where one name may come again and again.
    pub(super) fn role(&mut self, name: &str) -> (usize, Role) {
        let id = self.look_up(name, None);
        (id, self.known.get(id).map_or_else(|| self.allowed.role(name), |column| column.role))
    }

    /// Counts a column of a row that was dropped.
    pub(super) fn count_drop(&mut self, id: usize) {
        if let Some(column) = self.known.get_mut(id) {
            column.dropped = column.dropped.saturating_add(1);
        }
    }

    /// Counts a column of a row that was shortened.
    pub(super) fn count_shortened(&mut self, id: usize) {
        if let Some(column) = self.known.get_mut(id) {
            column.shortened = column.shortened.saturating_add(1);
        }
    }

    /// The columns that were dropped or shortened, and in how many rows each.
    pub(super) fn into_gone(mut self) -> Gone {
        self.forget();
        self.gone
    }

    /// Forgets the names, all but what was dropped.
    fn forget(&mut self) {
        for column in std::mem::take(&mut self.known) {
            count(&mut self.gone.dropped, &column.name, column.dropped);
            count(&mut self.gone.shortened, &column.name, column.shortened);
        }
        self.by_name.clear();
        self.order.clear();
        self.name_bytes = 0;
    }

    fn look_up(&mut self, name: &str, position: Option<usize>) -> usize {
        let id = match self.by_name.get(name) {
            Some(id) => *id,
            None => {
                let id = self.known.len();
                self.known.push(Column {
                    name: name.into(),
                    role: self.allowed.role(name),
                    met: 0,
                    dropped: 0,
                    shortened: 0,
                });
                self.by_name.insert(name.into(), id);
                self.name_bytes = self.name_bytes.saturating_add(name.len());
                id
            }
        };
        if let Some(position) = position {
            match self.order.get_mut(position) {
                Some(slot) => *slot = id,
                None => self.order.push(id),
            }
        }
        id
    }
}

/// Adds to the rows of a column, of which there may be as many as are listed.
fn count(counted: &mut BTreeMap<String, u64>, name: &str, rows: u64) {
    if rows == 0 {
        return;
    }
    let name = one_line(name, 64);
    let room = counted.len() < limits::DROPPED_NAMES || counted.contains_key(&name);
    let sum = counted.entry(if room { name } else { "(others)".to_owned() }).or_default();
    *sum = sum.saturating_add(rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Allowed {
        Allowed::new(names.iter().map(|name| (*name).to_owned())).unwrap()
    }

    #[test]
    fn columns_about_people_stay_home_whoever_names_them() {
        for path in [
            "source.account",
            "destination.account",
            "source.abuse_contact",
            "extra.login",
            "extra.user_name",
            "extra.userName",
            "extra.victimEmail",
            "extra.e-mail",
            "extra.E_Mail",
            "extra.email2.x",
            "extra.mail",
            "reporter",
            "extra.reporter_name",
            "extra.reported-by",
            "extra.first_name",
            "extra.PASSWORD",
            "extra.pass",
            "extra.smb_pwd",
            "extra.passPhrase",
            "extra.session_token",
            "extra.cookie",
            "extra.imei",
            "extra.IMSI",
            "extra.msisdn",
            "extra.dob",
            "extra.passport_no",
            "raw",
            "output",
            "Raw",
            "extra.contact.name",
            "EXTRA.Email",
            "extra.smtp.mail_from",
            "extra.EMAIL_ADDRESS",
        ] {
            let inside = path.rsplit_once('.').map_or("x", |(above, _)| above);
            assert!(!Allowed { named: [inside.to_owned()].into() }.goes(path), "{path}");
            assert_eq!(Allowed::new([path.to_owned()]), Err(NeverGoes(path.to_owned())));
        }
        // Everything that nobody has thought of, at once.
        assert!(Allowed::new([EXTRA.to_owned()]).is_err());
    }

    #[test]
    fn fields_go() {
        for path in [
            "source.ip",
            "source.as_name",
            "destination.geolocation.city",
            "malware.name",
            "malware.hash.sha256",
            "feed.name",
            "source.reverse_dns",
            "source.url",
            "classification.identifier",
            "event_description.url",
            "time.observation",
            "extra.lists",
            "extra.lists.count",
        ] {
            assert!(named(&[]).goes(path), "{path}");
        }
        let of_an_end = OF_AN_END.map(|name| format!("source.{name}"));
        let fields = OF_AN_EVENT.iter().chain(&OF_ITS_TIME).map(|name| (*name).to_owned());
        for field in fields.chain(of_an_end) {
            // A product has a full name as well.
            assert!(!never_goes(&field) || field == "product.full_name", "{field}");
            assert!(named(&[]).goes(&field), "{field}");
        }
    }

    #[test]
    fn what_nobody_has_thought_of_stays_home() {
        for path in [
            "extra.national_id",
            "extra.user_agent",
            "extra.listsize",
            "victim",
            "source.owner",
            "source",
            "extra",
            "Source.IP",
            "destination.",
            "event_hash",
            "feed.url",
            "rtir_id",
            "comment",
            "event_description.text",
            "source.local_hostname",
            "destination.local_hostname",
            "",
        ] {
            assert!(!named(&[]).goes(path), "{path}");
        }
        assert!(named(&["comment"]).goes("comment"));
        let allowed = named(&["extra.user_agent", "extra.device"]);
        assert!(allowed.goes("extra.user_agent") && allowed.goes("extra.device.model"));
        assert!(!allowed.goes("extra.devices") && !allowed.goes("extra.device.user"));
    }

    #[test]
    fn what_is_above_a_column_is_looked_into() {
        let allowed = named(&["extra.os.name"]);
        for path in ["source", "source.geolocation", "time", "extra.os", "malware", "misp"] {
            assert_eq!(allowed.role(path), Role::Above, "{path}");
        }
        for path in ["extra.o", "source.geo", "sourc", "extra.os.version", "source.geolocation.x"] {
            assert_eq!(allowed.role(path), Role::Drop, "{path}");
        }
        assert_eq!(allowed.role("malware.hash"), Role::Keep);
    }

    #[test]
    fn urls_go_shortened_unless_the_operator_names_them() {
        for path in ["source.url", "destination.url", "source.urlpath"] {
            assert_eq!(named(&[]).role(path), Role::Url, "{path}");
            assert_eq!(named(&[path]).role(path), Role::Keep, "{path}");
        }
        for path in ["event_description.url", "feed.documentation"] {
            assert_eq!(named(&[]).role(path), Role::Link, "{path}");
            assert_eq!(named(&[path]).role(path), Role::Keep, "{path}");
        }
    }
}
