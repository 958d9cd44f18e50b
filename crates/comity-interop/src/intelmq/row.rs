//! One row: read once, cut as text.
//!
//! A row is never decoded into a tree and encoded again. Its members are walked, the few that decide
//! its way are read, and a member that stays home is cut out of the text; all others go on byte for byte.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use comity_core::Tlp;
use jiff::tz::TimeZone;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::draft::one_line;
use crate::intelmq::columns::{Allowed, Columns, Gone, Met, Role};
use crate::intelmq::nested;
use crate::intelmq::time::{self, Read};
use crate::intelmq::url::{Shortened, is_plain, shortened};
use crate::limits;
use crate::routes::CountryCode;

/// What decides where a row goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) country: Option<CountryCode>,
    pub(super) address: Option<IpAddr>,
    pub(super) network: Option<String>,
    pub(super) tlp: Option<Tlp>,
}

/// Cuts rows; keeps its memory between them.
#[derive(Debug)]
pub(super) struct Cutter {
    pub(super) columns: Columns,
    /// Spans of members that stay in the row: from the end of the value before to the end of the own.
    kept: Vec<(usize, usize)>,
    /// Replaced members: a place in `kept` and its new text.
    replaced: Vec<(usize, String)>,
    cut: bool,
    members: usize,
    facts: Facts,
    feeds: Vec<String>,
    /// The zone of times that name none.
    zone: Option<TimeZone>,
    zoneless: u64,
}

impl Cutter {
    pub(super) fn new(allowed: Allowed, zone: Option<TimeZone>) -> Self {
        Self {
            columns: Columns::new(allowed),
            kept: Vec::new(),
            replaced: Vec::new(),
            cut: false,
            members: 0,
            facts: Facts::default(),
            feeds: Vec::new(),
            zone,
            zoneless: 0,
        }
    }

    /// Reads one line and writes what goes on of it, without a line end, to the end of `out`.
    ///
    /// # Errors
    /// What is wrong with the row, in words; `out` is as it was.
    pub(super) fn cut(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<Facts, String> {
        let text = std::str::from_utf8(line)
            .map_err(|error| format!("not UTF-8 after byte {}", error.valid_up_to()))?;
        self.columns.next_row();
        self.kept.clear();
        self.replaced.clear();
        self.cut = false;
        self.members = 0;
        self.facts = Facts::default();
        let mut source = serde_json::Deserializer::from_str(text);
        let walk = Members { cutter: self, line: text };
        source
            .deserialize_map(walk)
            .and_then(|()| source.end())
            .map_err(|error| without_place(&error))?;
        if self.cut {
            self.write(text, out);
        } else {
            out.extend_from_slice(line);
        }
        Ok(std::mem::take(&mut self.facts))
    }

    /// Rows that were refused because a time in them has no zone.
    pub(super) fn zoneless(&self) -> u64 {
        self.zoneless
    }

    /// Names of the feeds met, at most [`limits::FEEDS`].
    pub(super) fn feeds(&self) -> &[String] {
        &self.feeds
    }

    /// What of the columns did not go on, and in how many rows.
    pub(super) fn into_gone(self) -> Gone {
        self.columns.into_gone()
    }

    fn write(&self, text: &str, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (from, to)) in self.kept.iter().enumerate() {
            let member = text.get(*from..*to).unwrap_or("");
            let member = member.trim_start_matches([',', ' ', '\t', '\r', '\n']);
            if index > 0 {
                out.extend_from_slice(b", ");
            }
            match self.replaced.iter().find(|(place, _)| *place == index) {
                Some((_, new)) => out.extend_from_slice(new.as_bytes()),
                None => out.extend_from_slice(member.as_bytes()),
            }
        }
        out.push(b'}');
    }

    /// Takes a member at the top of the row.
    fn member(&mut self, met: Met, raw: &str, span: (usize, usize)) -> Result<(), String> {
        self.count()?;
        if met.twice {
            return Err(self.columns.twice(met.id));
        }
        // Only these have their values looked into by name.
        let by_name = matches!(met.role, Role::Extra | Role::Named);
        let path = if by_name { self.columns.name(met.id) } else { String::new() };
        if self.stays(met.role, &path, raw)? {
            self.columns.count_drop(met.id);
            self.cut = true;
            return Ok(());
        }
        self.note(met, raw)?;
        let new = if met.role == Role::Url {
            self.less(met.id, raw)
        } else if met.role == Role::Time {
            self.time(met.id, raw)?
        } else if raw.starts_with(['{', '[']) {
            let path = self.columns.name(met.id);
            nested::cut(self, &path, raw, 1, false)?
        } else {
            None
        };
        if let Some(new) = new {
            let name = serde_json::Value::from(self.columns.name(met.id));
            self.replaced.push((self.kept.len(), format!("{name}: {new}")));
            self.cut = true;
        }
        self.kept.push(span);
        Ok(())
    }

    /// Counts a member, and refuses rows that are nothing but columns.
    pub(super) fn count(&mut self) -> Result<(), String> {
        self.members = self.members.saturating_add(1);
        if self.members > limits::ROW_COLUMNS {
            return Err(format!("more than {} columns", limits::ROW_COLUMNS));
        }
        Ok(())
    }

    /// Reads a member that decides something.
    pub(super) fn note(&mut self, met: Met, raw: &str) -> Result<(), String> {
        if matches!(met.role, Role::Address | Role::OtherAddress) {
            let address = self.address(met.id, raw)?;
            if met.role == Role::Address {
                self.facts.address = address;
            }
            return Ok(());
        }
        let Some(value) = text_of(raw) else { return Ok(()) };
        match met.role {
            Role::Country => self.facts.country = CountryCode::new(value.trim()),
            Role::Network => self.facts.network = Some(value.into_owned()),
            Role::Feed if !value.is_empty() && !self.feeds.iter().any(|feed| *feed == value) => {
                if self.feeds.len() < limits::FEEDS {
                    self.feeds.push(value.into_owned());
                }
            }
            Role::Tlp if !value.trim().is_empty() => {
                let label = Tlp::from_name(value.trim());
                let fault = || format!("`tlp` is `{}`, which is no label", one_line(&value, 32));
                self.facts.tlp = Some(label.ok_or_else(fault)?);
            }
            Role::Keep
            | Role::Url
            | Role::Link
            | Role::Named
            | Role::Above
            | Role::Drop
            | Role::Feed
            | Role::Tlp
            | Role::Time
            | Role::Address
            | Role::OtherAddress
            | Role::Extra => {}
        }
        Ok(())
    }

    /// An address; `None` where the column is empty. What is written as one and is none would find no
    /// owner, or the wrong one by the row's country, and nobody could do anything with it.
    fn address(&self, id: usize, raw: &str) -> Result<Option<IpAddr>, String> {
        if raw == "null" {
            return Ok(None);
        }
        let text = text_of(raw);
        match text.as_deref().map(str::trim) {
            Some("") => Ok(None),
            Some(text) if text.parse::<IpAddr>().is_ok() => Ok(text.parse().ok()),
            _ => Err(self.is_no(id, raw, "which is no address")),
        }
    }

    /// What a time becomes: nothing changes where it has a zone. One without is an instant in the zone
    /// that the operator named for all of them, and otherwise none at all.
    pub(super) fn time(&mut self, id: usize, raw: &str) -> Result<Option<String>, String> {
        if raw == "null" {
            return Ok(None);
        }
        let text = text_of(raw).unwrap_or_default();
        match time::read(text.trim(), self.zone.as_ref()) {
            _ if text.trim().is_empty() && raw.starts_with('"') => Ok(None),
            Read::Instant => Ok(None),
            Read::In(instant) => Ok(Some(serde_json::Value::from(instant).to_string())),
            Read::NoZone => {
                self.zoneless = self.zoneless.saturating_add(1);
                Err(self.is_no(id, raw, "which has no zone"))
            }
            Read::NotOnce => Err(self.is_no(id, raw, "which comes twice or never in that zone")),
            Read::No => Err(self.is_no(id, raw, "which is no time")),
        }
    }

    fn is_no(&self, id: usize, raw: &str, what: &str) -> String {
        let value = text_of(raw).unwrap_or(Cow::Borrowed(raw));
        format!("`{}` is `{}`, {what}", self.columns.name(id), one_line(&value, 48))
    }

    /// Whether a column stays at home, by its role and the form of its value.
    pub(super) fn stays(&mut self, role: Role, path: &str, raw: &str) -> Result<bool, String> {
        match role {
            Role::Drop => Ok(true),
            Role::Above => Ok(!raw.starts_with('{')),
            Role::Extra if raw.starts_with('{') => Ok(false),
            Role::Extra => Ok(!holds_object(raw) || self.text_stays(path, raw)?),
            Role::Named => self.text_stays(path, raw),
            // No URL at all is none that names anybody.
            Role::Url | Role::Link if raw == "null" => Ok(false),
            Role::Url => Ok(text_of(raw).is_none_or(|url| shortened(&url) == Shortened::Nothing)),
            Role::Link => Ok(text_of(raw).is_none_or(|link| !is_plain(&link))),
            Role::Keep
            | Role::Country
            | Role::Address
            | Role::OtherAddress
            | Role::Network
            | Role::Time
            | Role::Tlp
            | Role::Feed => Ok(false),
        }
    }

    /// What goes on of a URL that does not stay, in JSON; `None` where that is all of it.
    pub(super) fn less(&mut self, id: usize, raw: &str) -> Option<String> {
        let Shortened::Cut(left) = shortened(&text_of(raw)?) else { return None };
        self.columns.count_shortened(id);
        Some(serde_json::Value::from(left).to_string())
    }

    /// Whether a text stays at home for the columns that are written in it. It goes on whole or not at
    /// all: a text is never rewritten. One that begins like columns and cannot be read as such stays.
    pub(super) fn text_stays(&mut self, path: &str, raw: &str) -> Result<bool, String> {
        let Some(text) = text_of(raw).filter(|text| text.trim_start().starts_with(['{', '[']))
        else {
            return Ok(false);
        };
        match serde_json::from_str::<&RawValue>(&text) {
            Ok(value) => nested::cut(self, path, value.get(), 1, true).map(|cut| cut.is_some()),
            Err(_) => Ok(true),
        }
    }
}

/// Whether a JSON value is a text that begins like an object.
fn holds_object(raw: &str) -> bool {
    text_of(raw).is_some_and(|text| text.trim_start().starts_with('{'))
}

/// The text that a JSON value is, if it is one.
fn text_of(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// What the parser said, without its idea of line and column: the line is known better by the caller.
pub(super) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let words = text.rfind(" at line ").and_then(|at| text.get(..at)).unwrap_or(&text);
    if error.is_data() && words.starts_with("invalid type") {
        return "not an object".to_owned();
    }
    // What the parser expected next says nothing to whoever named a text that is none of JSON.
    if error.is_syntax() {
        return one_line(&format!("not JSON ({words})"), 160);
    }
    one_line(words, 160)
}

/// Walks the members of a row.
struct Members<'c, 't> {
    cutter: &'c mut Cutter,
    line: &'t str,
}

impl<'de> Visitor<'de> for Members<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut source: M) -> Result<(), M::Error> {
        let Self { cutter, line } = self;
        let start = line.as_ptr().addr();
        let mut before = line.find('{').map_or(0, |at| at + 1);
        let mut position = 0;
        while let Some(met) =
            source.next_key_seed(Name { columns: &mut cutter.columns, position })?
        {
            let raw = source.next_value::<&RawValue>()?.get();
            position += 1;
            // The value is a slice of the line, so that its end is a place in the line.
            let end = raw.as_ptr().addr().saturating_sub(start).saturating_add(raw.len());
            cutter.member(met, raw, (before, end)).map_err(M::Error::custom)?;
            before = end;
        }
        Ok(())
    }
}

/// Reads the name of a column at a position of the row, and finds the column without keeping the name.
struct Name<'c> {
    columns: &'c mut Columns,
    position: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Met;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Met, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Met;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }

    fn visit_str<E>(self, name: &str) -> Result<Met, E> {
        Ok(self.columns.meet(name, Some(self.position)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With some columns that the operator lets go.
    fn cutter() -> Cutter {
        let named = ["x", "y", "z", "extra.a", "extra.c", "extra.n", "extra.user_agent"];
        Cutter::new(Allowed::new(named.map(str::to_owned)).unwrap(), None)
    }

    #[track_caller]
    fn check(line: &str, expected: &str) -> Facts {
        let mut out = b"before".to_vec();
        let facts = cutter().cut(line.as_bytes(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("before{expected}"));
        facts
    }

    #[track_caller]
    fn fault(line: &str, expected: &str) {
        let mut out = Vec::new();
        let fault = cutter().cut(line.as_bytes(), &mut out).unwrap_err();
        assert!(fault.contains(expected), "{fault}");
        assert!(out.is_empty());
    }

    #[test]
    fn a_row_that_loses_nothing_goes_on_byte_for_byte() {
        let line = r#"{ "source.ip" : "192.0.2.1","extra.n": 1e400 ,"x":"\u00e9","y":[{"a":1},{"a":2}]  }"#;
        let facts = check(line, line);
        assert_eq!(facts.address, Some("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn what_stays_home_is_cut_and_the_rest_is_as_it_was() {
        check(r#"{"source.account":"a","x":  1.50}"#, r#"{"x":  1.50}"#);
        check(r#"{"x": 1, "source\u002eaccount": "a" , "\u0079":2}"#, r#"{"x": 1, "\u0079":2}"#);
        check(r#"{"raw": "e30=", "output": {}}"#, "{}");
        check(
            r#"{"extra": {"a": [1, {"email": "x@y", "b": 0.10}], "c": {}}, "z": 1}"#,
            r#"{"extra": {"a": [1, {"b": 0.10}], "c": {}}, "z": 1}"#,
        );
        check(r#"{"extra": "{\"user\": \"x\"}", "z": 1}"#, r#"{"z": 1}"#);
        let kept = r#"{"extra": "{\"user_agent\": \"x\"}", "z": 1}"#;
        check(kept, kept);
    }

    #[test]
    fn what_nobody_let_go_stays_home() {
        check(r#"{"extra.national_id": "7", "x": 1}"#, r#"{"x": 1}"#);
        check(r#"{"extra": {"a": 1, "note": "Kim"}, "z": 1}"#, r#"{"extra": {"a": 1}, "z": 1}"#);
        check(
            r#"{"source": {"ip": "192.0.2.1", "owner": "Kim"}}"#,
            r#"{"source": {"ip": "192.0.2.1"}}"#,
        );
        // Where columns are expected, a value that is none.
        for odd in [r#""Kim""#, r#"["Kim"]"#, "7", r#"[{"ip": "192.0.2.1"}]"#] {
            check(&format!(r#"{{"source": {odd}, "extra": {odd}, "z": 1}}"#), r#"{"z": 1}"#);
        }
    }

    #[test]
    fn a_url_goes_without_what_may_name_somebody() {
        check(
            r#"{"source.url": "http://u:p@h/?email=bob@x.org", "z":1}"#,
            r#"{"source.url": "http://h/", "z":1}"#,
        );
        check(
            r#"{"source": {"ip": "192.0.2.1", "url": "http:\/\/h\/a?b"}}"#,
            r#"{"source": {"ip": "192.0.2.1", "url": "http://h/a"}}"#,
        );
        let kept = r#"{"source.url":  "http://h/\u0061", "source.urlpath": null}"#;
        check(kept, kept);
        for odd in [r#""http://h/bob@x.org""#, r#"["http://h/?a"]"#, r#"{"a": "http://h/"}"#, "7"] {
            check(&format!(r#"{{"source.url": {odd}, "z": 1}}"#), r#"{"z": 1}"#);
            check(&format!(r#"{{"source": {{"url": {odd}}}}}"#), r#"{"source": {}}"#);
        }
        check(r#"{"event_description.url": "http://h/?id=7", "z": 1}"#, r#"{"z": 1}"#);
        let plain = r#"{"event_description.url": "http://h/a#b"}"#;
        check(plain, plain);
    }

    #[test]
    fn columns_written_as_text_are_read_or_stay_home() {
        let kept = r#"{"extra": "{\"a\": {\"b\": [1]}}", "extra.n": "[1, 2]", "z": 1}"#;
        check(kept, kept);
        for text in [
            r#"{\"user\": \"x\"}"#,
            r#"{\"a\": {\"pass\": \"x\"}}"#,
            r#"{\"note\": \"x\"}"#,
            r#" [{\"email\": \"x\"}]"#,
            r#"{\"a\": 1"#,
            r#"{'a': 1}"#,
            r#"[1,]"#,
        ] {
            check(&format!(r#"{{"extra": "{text}", "z": 1}}"#), r#"{"z": 1}"#);
        }
        for text in [r#"{\"user\": \"x\"}"#, r#"[{\"email\": \"x\"}]"#, r#"{'a': 1}"#] {
            check(&format!(r#"{{"extra.n": "{text}", "z": 1}}"#), r#"{"z": 1}"#);
            check(
                &format!(r#"{{"extra": {{"a": [1, "{text}"], "c": "{text}"}}, "z": 1}}"#),
                r#"{"extra": {"a": [1]}, "z": 1}"#,
            );
        }
        let text = r#"{"extra.n": "seen [twice]", "z": 1}"#;
        check(text, text);
    }

    #[test]
    fn facts_are_found_flat_and_nested() {
        let flat =
            r#"{"source.geolocation.cc": "kr", "tlp": "AMBER", "source.network": "192.0.2.0/24"}"#;
        let facts = check(flat, flat);
        assert_eq!((facts.country, facts.tlp), (CountryCode::new("KR"), Some(Tlp::Amber)));
        assert_eq!(facts.network.as_deref(), Some("192.0.2.0/24"));
        let nested = r#"{"source": {"ip": "2001:db8::1", "geolocation": {"cc": "JP"}}}"#;
        assert_eq!(check(nested, nested).country, CountryCode::new("JP"));
        let odd = r#"{"source.geolocation.cc": 7, "source.ip": null, "tlp": ""}"#;
        assert_eq!(check(odd, odd), Facts::default());
    }

    #[test]
    fn a_row_that_may_be_read_two_ways_is_refused() {
        fault(r#"{"source.ip": "192.0.2.1", "source.ip": "192.0.2.2"}"#, "twice");
        fault(r#"{"source.ip": "192.0.2.1", "source": {"ip": "192.0.2.2"}}"#, "twice");
        fault(r#"{"source": {"ip": "192.0.2.1", "i\u0070": "192.0.2.2"}}"#, "twice");
    }

    #[test]
    fn what_is_written_as_an_address_is_one() {
        for column in ["source.ip", "destination.ip", "source.local_ip", "destination.local_ip"] {
            for none in [r#""999.2.3.7""#, r#""192.0.2.1/24""#, r#""host""#, "7", "[]"] {
                fault(&format!("{{\"{column}\": {none}}}"), "which is no address");
            }
            for fine in [r#""192.0.2.1""#, r#"" 2001:db8::1 ""#, r#""""#, "null"] {
                let line = format!("{{\"{column}\": {fine}}}");
                check(&line, &line);
            }
        }
        fault(r#"{"source": {"ip": "999.2.3.7"}}"#, "`source.ip` is `999.2.3.7`");
    }

    #[test]
    fn a_time_has_a_zone() {
        for column in ["time.source", "time.observation"] {
            for none in [r#""2026-08-22 21:01:36""#, r#""2026-08-22T21:01""#, r#""2026-08-22""#] {
                fault(&format!("{{\"{column}\": {none}}}"), "has no zone");
            }
            for none in [r#""yesterday""#, r#""2026-02-30T00:00:00Z""#, "1787432496", "{}", "[]"] {
                fault(&format!("{{\"{column}\": {none}}}"), "is no time");
            }
            for fine in [
                r#""2026-08-22T21:01:36+00:00""#,
                r#""2026-08-22 21:01:36.25+00""#,
                r#""2026-08-22T21:01:36Z""#,
                r#""""#,
                "null",
            ] {
                let line = format!("{{\"{column}\": {fine}}}");
                check(&line, &line);
            }
        }
        fault(r#"{"time": {"source": "2026-08-22 21:01:36"}}"#, "`time.source` is `2026-08-22");
    }

    #[test]
    fn a_zone_that_was_named_makes_an_instant() {
        let allowed = Allowed::new(["x".to_owned()]).unwrap();
        let mut cutter = Cutter::new(allowed, Some(TimeZone::get("Europe/Prague").unwrap()));
        let mut cut = |line: &str| {
            let mut out = Vec::new();
            cutter.cut(line.as_bytes(), &mut out).map(|_| String::from_utf8(out).unwrap())
        };
        assert_eq!(
            cut(r#"{"x": 1.0, "time.source": "2026-08-22 21:01:36.5"}"#).unwrap(),
            r#"{"x": 1.0, "time.source": "2026-08-22T19:01:36.5+00:00"}"#
        );
        assert_eq!(
            cut(r#"{"time": {"observation": "2026-01-22T21:01:36"}}"#).unwrap(),
            r#"{"time": {"observation": "2026-01-22T20:01:36+00:00"}}"#
        );
        // What has a zone keeps it.
        let kept = r#"{"time.source": "2026-08-22T21:01:36+09:00"}"#;
        assert_eq!(cut(kept).unwrap(), kept);
        // The hour that is there twice, and the one that is not.
        for odd in ["2026-10-25T02:30:00", "2026-03-29T02:30:00"] {
            let fault = cut(&format!("{{\"time.source\": \"{odd}\"}}")).unwrap_err();
            assert!(fault.contains("twice or never"), "{fault}");
        }
    }

    #[test]
    fn what_is_no_row_is_refused() {
        fault("[]", "not an object");
        fault("17", "not an object");
        fault("{", "EOF");
        fault(r#"{"a": 1} {"a": 2}"#, "trailing");
        fault(r#"{"tlp": "PURPLE"}"#, "`PURPLE`");
        fault(&format!("{{\"x\": {}1{}}}", "[".repeat(40), "]".repeat(40)), "nested deeper");
        let columns: Vec<String> =
            (0..=limits::ROW_COLUMNS).map(|n| format!("\"c{n}\": 0")).collect();
        fault(&format!("{{{}}}", columns.join(",")), "columns");
        assert!(cutter().cut(b"{\"a\": \"\xff\"}", &mut Vec::new()).unwrap_err().contains("UTF-8"));
    }
}
