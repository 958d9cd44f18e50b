//! Columns: which are read, and which stay at home because they name people.
//!
//! A batch of sightings tells a partner which of its machines are in trouble. It does not have to tell
//! whose account it was, who reported it, or what the password is; and the raw line from the source
//! would carry all of that along in base64. Such columns are dropped from every row, by their name:
//!
//! | dropped | why |
//! |---|---|
//! | a part of the name has the word `account`, `login`, `username`, `email`, `mailbox`, `contact`, `person`, `reporter`, `phone`, `password`, ... (`PEOPLE`) | names a person, a way to reach one, or what one logs in with: `source.account`, `source.abuse_contact`, `extra.victim_email` |
//! | a part of the name is `user`, `mail`, `first_name`, `reported_by`, `mail_from`, ... (`PEOPLE_NAMES`) | the same, said with common words |
//! | `raw`, `output` | the whole event again, with the columns that were dropped from it |
//! | `screenshot_url` | a picture of a screen, and who was logged in on it |
//!
//! A name is taken apart at its dots (and, inside a nested value, at every level), each part into words
//! at whatever is no letter and at a change to upper case; case does not matter. Everything else is kept, byte
//! for byte. Free text (`comment`, `event_description.text`) is kept: it is written to be read.

use std::collections::{BTreeMap, HashMap};

use crate::draft::one_line;
use crate::limits;

/// Words that make a column one about people.
const PEOPLE: [&str; 36] = [
    "account",
    "accounts",
    "contact",
    "contacts",
    "credential",
    "credentials",
    "email",
    "emails",
    "firstname",
    "fullname",
    "lastname",
    "login",
    "logins",
    "logon",
    "mailbox",
    "mailboxes",
    "mobile",
    "nickname",
    "passwd",
    "password",
    "passwords",
    "people",
    "person",
    "persons",
    "phone",
    "phones",
    "realname",
    "recipient",
    "recipients",
    "reporter",
    "reporters",
    "sender",
    "surname",
    "telephone",
    "username",
    "usernames",
];

/// Parts of names that are about people as a whole: `user` is, `user_agent` is not.
const PEOPLE_NAMES: [&str; 22] = [
    "contactname",
    "displayname",
    "emailaddress",
    "familyname",
    "givenname",
    "loginname",
    "mail",
    "mailaddress",
    "mailfrom",
    "mailto",
    "ownername",
    "personname",
    "reportedby",
    "reportername",
    "rcptto",
    "user",
    "userid",
    "userlogin",
    "usermail",
    "users",
    "victimname",
    "whoreported",
];

/// Columns that hold the whole event again, or a picture of it.
const COPIES: [&str; 3] = ["output", "raw", "screenshot_url"];

/// Whether a column stays at home. `path` is its full name, such as `source.account`.
#[must_use]
pub fn stays_home(path: &str) -> bool {
    COPIES.iter().any(|copy| path.eq_ignore_ascii_case(copy)) || path.split('.').any(names_people)
}

fn names_people(part: &str) -> bool {
    let words = words(part);
    let whole = words.concat();
    words.iter().any(|word| PEOPLE.contains(&word.as_str()))
        || PEOPLE.contains(&whole.as_str())
        || PEOPLE_NAMES.contains(&whole.as_str())
        || words.windows(2).any(|pair| *pair == ["e", "mail"])
}

/// `victimEmail_2` is `victim`, `email`.
fn words(part: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for character in part.chars() {
        let new_word = !character.is_alphabetic() || (character.is_uppercase() && lower_before);
        if new_word && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphabetic()) {
            word.extend(character.to_lowercase());
        }
        lower_before = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What the cutter does with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Goes on as it is.
    Keep,
    /// Stays at home.
    Drop,
    /// `source.geolocation.cc`: whose row it is.
    Country,
    /// `source.ip`: whose row it is, when no country says so.
    Address,
    /// `source.network`: the same, when there is no address either.
    Network,
    /// `tlp`: the row's own marking.
    Tlp,
    /// `feed.name`: for the title.
    Feed,
    /// `extra`: may hold further columns, written as text.
    Extra,
}

impl Role {
    fn of(path: &str) -> Self {
        match path {
            "source.geolocation.cc" => Self::Country,
            "source.ip" => Self::Address,
            "source.network" => Self::Network,
            "tlp" => Self::Tlp,
            "feed.name" => Self::Feed,
            "extra" => Self::Extra,
            path if stays_home(path) => Self::Drop,
            _ => Self::Keep,
        }
    }
}

/// The columns met so far. Rows of one feed have the same columns in the same order, so that judging a
/// name is one comparison with what stood in its place in the row before.
#[derive(Debug, Default)]
pub(super) struct Columns {
    known: Vec<Column>,
    by_name: HashMap<Box<str>, usize>,
    /// The row before: column ids by position.
    order: Vec<usize>,
    row: u64,
    name_bytes: usize,
    dropped: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Column {
    name: Box<str>,
    role: Role,
    /// The last row that it was met in: a column twice in one row is a fault.
    met: u64,
    /// Rows that it was dropped from.
    dropped: u64,
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
            None => Met { id, role: Role::of(name), twice: false },
        }
    }

    /// The role of a column inside a list, where one name may come again and again.
    pub(super) fn role(&mut self, name: &str) -> (usize, Role) {
        let id = self.look_up(name, None);
        (id, self.known.get(id).map_or_else(|| Role::of(name), |column| column.role))
    }

    /// Counts a column of a row that was dropped.
    pub(super) fn count_drop(&mut self, id: usize) {
        if let Some(column) = self.known.get_mut(id) {
            column.dropped = column.dropped.saturating_add(1);
        }
    }

    /// The columns that were dropped, and from how many rows each.
    pub(super) fn into_dropped(mut self) -> BTreeMap<String, u64> {
        self.forget();
        self.dropped
    }

    /// Forgets the names, all but what was dropped.
    fn forget(&mut self) {
        for column in
            std::mem::take(&mut self.known).into_iter().filter(|column| column.dropped > 0)
        {
            let name = one_line(&column.name, 64);
            let room =
                self.dropped.len() < limits::DROPPED_NAMES || self.dropped.contains_key(&name);
            let rows =
                self.dropped.entry(if room { name } else { "(others)".to_owned() }).or_default();
            *rows = rows.saturating_add(column.dropped);
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
                    role: Role::of(name),
                    met: 0,
                    dropped: 0,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_about_people_stay_home() {
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
            "raw",
            "output",
            "Raw",
            "extra.contact.name",
            "EXTRA.Email",
            "extra.smtp.mail_from",
            "extra.EMAIL_ADDRESS",
        ] {
            assert!(stays_home(path), "{path}");
        }
    }

    #[test]
    fn other_columns_go() {
        for path in [
            "source.ip",
            "source.as_name",
            "malware.name",
            "feed.name",
            "extra.user_agent",
            "extra.mail_server",
            "source.reverse_dns",
            "source.local_hostname",
            "classification.identifier",
            "extra.raw_size",
            "comment",
            "event_description.text",
            "extra.personality",
            "extra.accounting",
            "time.observation",
            "",
        ] {
            assert!(!stays_home(path), "{path}");
        }
    }
}
