//! From what the file says to what it means.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use comity_core::agreement::Tier;
use comity_core::{Class, EconomyId, Tlp};
use jiff::tz::TimeZone;
use toml::Spanned;

use crate::limits::{PARTNER_DISK, PARTNER_MEMORY};

use super::raw::{self, At};
use super::units::{self, UnitError};
use super::{
    Address, Admin, Approval, Config, Economy, Egress, FORMAT, Fault, Limits, Link, Listen, Local,
    Log, LogFormat, LogLevel, PORT, Partner, Publish, Retention, Room, Store,
};

const CODE_LENGTH: std::ops::RangeInclusive<usize> = 2..=8;
const NAME_CHARACTERS: usize = 80;
/// How long what is published may be held back.
const LONGEST_HOLD: Duration = Duration::from_secs(24 * 60 * 60);
/// What is written where something is kept for ever.
pub(super) const FOR_EVER: &str = "for ever";
const SHORTEST_TERM: Duration = Duration::from_secs(24 * 60 * 60);
const SEGMENT: std::ops::RangeInclusive<u64> = (1 << 20)..=(4 << 30);
const PARTNERS: std::ops::RangeInclusive<u64> = 1..=4096;
const FAULTS: std::ops::RangeInclusive<u64> = 1..=1_000_000;
/// Of what is bound for one partner, one delivery is no more than a quarter.
const MEMORY: u64 = 256 << 20;
const DISK: u64 = 1 << 30;

pub(super) struct Resolver<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a Path,
    pub(super) folder: &'a Path,
}

impl Resolver<'_> {
    pub(super) fn config(&self, raw: raw::File) -> Result<Config, Fault> {
        self.format(raw.format)?;
        let partners = self.partners(raw.partners)?;
        Ok(Config {
            folder: self.folder.to_owned(),
            economy: self.economy(raw.economy)?,
            local: self.local(raw.local)?,
            listen: self.listen(raw.listen)?,
            admin: Admin { socket: self.path(raw.admin.socket, "admin.sock")? },
            store: self.store(raw.store)?,
            link: self.link(raw.link)?,
            publish: self.publish(raw.publish)?,
            approval: self.approval(raw.approval)?,
            egress: self.egress(raw.egress)?,
            retention: self.retention(raw.retention)?,
            limits: self.limits(raw.limits, &partners)?,
            log: self.log(raw.log)?,
            partners,
        })
    }

    fn retention(&self, raw: raw::Retention) -> Result<Retention, Fault> {
        let default = Retention::default();
        Ok(Retention {
            automatic: raw.automatic.map_or(default.automatic, Spanned::into_inner),
            above_green: self.term(raw.above_green, default.above_green)?,
            personal_data: self.term(raw.personal_data, default.personal_data)?,
        })
    }

    /// For how long something is kept; for ever where that is said.
    fn term(&self, raw: At<String>, default: Option<Duration>) -> Result<Option<Duration>, Fault> {
        let Some(raw) = raw else { return Ok(default) };
        if raw.as_ref() == FOR_EVER {
            return Ok(None);
        }
        let term = self.unit(&raw, units::duration(raw.as_ref()))?;
        if term < SHORTEST_TERM {
            let message = "less than a day: it would be gone before it is read".to_owned();
            return Err(self.fault(raw.span(), message, &[]));
        }
        Ok(Some(term))
    }

    fn limits(
        &self,
        raw: raw::Limits,
        partners: &BTreeMap<EconomyId, Partner>,
    ) -> Result<Limits, Fault> {
        let room = Room {
            memory: self.at_least(raw.memory_per_partner, MEMORY)?.unwrap_or(PARTNER_MEMORY),
            disk: self.at_least(raw.disk_per_partner, DISK)?.unwrap_or(PARTNER_DISK),
        };
        let apart = partners.iter().map(|(economy, partner)| {
            let (memory, disk) = (partner.memory, partner.disk);
            let room =
                Room { memory: memory.unwrap_or(room.memory), disk: disk.unwrap_or(room.disk) };
            (*economy, room)
        });
        Ok(Limits {
            partners: self.within(raw.partners, 64, &PARTNERS)?,
            faults: u32::try_from(self.within(raw.faults, 16, &FAULTS)?).unwrap_or(u32::MAX),
            room,
            apart: apart.collect(),
        })
    }

    fn at_least(&self, raw: At<String>, least: u64) -> Result<Option<u64>, Fault> {
        let Some(raw) = raw else { return Ok(None) };
        let size = self.unit(&raw, units::size(raw.as_ref()))?;
        if size < least {
            let message = format!(
                "less than {}: one delivery could be more than all of it",
                units::WrittenSize(least)
            );
            return Err(self.fault(raw.span(), message, &[]));
        }
        Ok(Some(size))
    }

    fn fault(&self, span: Range<usize>, message: String, valid: &[&str]) -> Fault {
        let valid = valid.iter().map(|name| (*name).to_owned()).collect();
        Fault::at(self.file.to_owned(), self.text, span, message, valid)
    }

    /// A key that has no default, missing from its table.
    fn missing(&self, table: &str, key: &str, example: &str) -> Fault {
        let header = format!("[{table}]");
        let span = self.text.find(&header).map_or(0..0, |start| start..start + header.len());
        self.fault(
            span,
            format!("`{key}` is missing from {header}, such as {key} = {example}"),
            &[],
        )
    }

    fn format(&self, raw: At<u64>) -> Result<(), Fault> {
        let Some(format) = raw else {
            let message =
                format!("the file does not say its format; write format = {FORMAT} on top");
            return Err(self.fault(0..0, message, &[]));
        };
        if *format.as_ref() == FORMAT {
            return Ok(());
        }
        let message = format!(
            "format {} is not known to this program; a newer comity may know it",
            format.as_ref()
        );
        Err(self.fault(format.span(), message, &[&FORMAT.to_string()]))
    }

    fn economy(&self, raw: raw::Economy) -> Result<Economy, Fault> {
        let code = raw.code.ok_or_else(|| self.missing("economy", "code", "\"KR\""))?;
        let letters = code.as_ref();
        if !CODE_LENGTH.contains(&letters.len())
            || !letters.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        {
            let message = format!("`{letters}` is not 2 to 8 capital letters and digits");
            return Err(self.fault(code.span(), message, &[]));
        }
        let id = raw.id.as_ref().map(|id| self.economy_id(id)).transpose()?;
        let name = raw.name.map_or_else(|| Ok(letters.clone()), |name| self.name(name))?;
        let city = raw.city.map(|city| self.name(city)).transpose()?;
        let timezone = match raw.timezone {
            None => TimeZone::UTC,
            Some(zone) => TimeZone::get(zone.as_ref()).map_err(|_not_in_the_database| {
                let message = format!("`{}` is no time zone, such as Asia/Seoul", zone.as_ref());
                self.fault(zone.span(), message, &[])
            })?,
        };
        Ok(Economy { code: code.into_inner(), id, name, timezone, city })
    }

    fn name(&self, raw: Spanned<String>) -> Result<String, Fault> {
        let length = raw.as_ref().chars().count();
        if !(1..=NAME_CHARACTERS).contains(&length)
            || raw.as_ref().len() > comity_core::limits::TEXT_BYTES
            || !comity_core::cbor::is_label(raw.as_ref())
        {
            let message = format!(
                "a name has 1 to {NAME_CHARACTERS} characters on one line, without marks that turn the reading direction"
            );
            return Err(self.fault(raw.span(), message, &[]));
        }
        Ok(raw.into_inner())
    }

    fn local(&self, raw: raw::Local) -> Result<Local, Fault> {
        let mut desks = BTreeSet::new();
        for desk in raw.desks.into_iter().flatten() {
            let span = desk.span();
            // Compared letter by letter with what partners write: a space that nobody sees would differ.
            let name = self.name(desk)?;
            if name.trim() != name {
                let message = "a desk has no space at its ends".to_owned();
                return Err(self.fault(span, message, &[]));
            }
            if !desks.insert(name) {
                return Err(self.fault(span, "this desk is there twice".to_owned(), &[]));
            }
        }
        Ok(Local { desks })
    }

    fn listen(&self, raw: raw::Listen) -> Result<Listen, Fault> {
        let address = match raw.address {
            None => std::net::SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, PORT)),
            Some(address) => address.as_ref().parse().map_err(|_no_address| {
                let message = format!(
                    "`{}` is no address and port, such as [::]:{PORT} or 203.0.113.7:{PORT}",
                    address.as_ref()
                );
                self.fault(address.span(), message, &[])
            })?,
        };
        Ok(Listen { address, public: self.addresses(raw.public)? })
    }

    fn addresses(&self, raw: Option<Vec<Spanned<String>>>) -> Result<Vec<Address>, Fault> {
        raw.into_iter().flatten().map(|address| self.address(&address)).collect()
    }

    fn address(&self, raw: &Spanned<String>) -> Result<Address, Fault> {
        raw.as_ref().parse().map_err(|message| self.fault(raw.span(), message, &[]))
    }

    fn store(&self, raw: raw::Store) -> Result<Store, Fault> {
        let at = raw.segment.as_ref().map_or(0..0, Spanned::span);
        let segment = self.size(raw.segment, 64 << 20)?;
        if !SEGMENT.contains(&segment) {
            return Err(self.fault(at, "a segment has 1 MiB to 4 GiB".to_owned(), &[]));
        }
        Ok(Store {
            folder: self.path(raw.folder, "store")?,
            segment,
            keep_free: self.size(raw.keep_free, 256 << 20)?,
        })
    }

    fn link(&self, raw: raw::Link) -> Result<Link, Fault> {
        let at = raw.redial_last.as_ref().or(raw.redial_first.as_ref()).map_or(0..0, Spanned::span);
        let redial_first = self.duration(raw.redial_first, Duration::from_millis(250))?;
        let redial_last = self.duration(raw.redial_last, Duration::from_secs(60))?;
        if redial_first.is_zero() || redial_first > redial_last {
            let message = "redial-first must be above zero and at most redial-last".to_owned();
            return Err(self.fault(at, message, &[]));
        }
        Ok(Link {
            rate: self.rate(raw.rate)?,
            redial_first,
            redial_last,
            drain: self.duration(raw.drain, Duration::from_secs(30))?,
        })
    }

    fn publish(&self, raw: raw::Publish) -> Result<Publish, Fault> {
        let at = raw.unsend_for.as_ref().map_or(0..0, Spanned::span);
        let unsend_for = self.duration(raw.unsend_for, Duration::from_secs(60))?;
        if unsend_for > LONGEST_HOLD {
            let message =
                "nothing is held back for more than a day; `release-at` in a marking is for that";
            return Err(self.fault(at, message.to_owned(), &[]));
        }
        Ok(Publish { unsend_for })
    }

    fn approval(&self, raw: raw::Approval) -> Result<Approval, Fault> {
        let tlp = raw.tlp.map(|raw| {
            Tlp::from_name(raw.as_ref()).ok_or_else(|| {
                let names: Vec<_> = Tlp::ALL.iter().map(ToString::to_string).collect();
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                self.fault(raw.span(), format!("`{}` is no label", raw.as_ref()), &names)
            })
        });
        let mut categories = BTreeSet::new();
        for category in raw.categories.into_iter().flatten() {
            categories.insert(self.name(category)?);
        }
        let mut classes = BTreeSet::new();
        for raw in raw.classes.into_iter().flatten() {
            let class = Class::from_name(raw.as_ref()).ok_or_else(|| {
                let names: Vec<_> = Class::ALL.iter().map(ToString::to_string).collect();
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                self.fault(raw.span(), format!("`{}` is no class", raw.as_ref()), &names)
            })?;
            classes.insert(class);
        }
        let mut tiers = BTreeSet::new();
        for raw in raw.tiers.into_iter().flatten() {
            let tier = Tier::SIGNED.into_iter().find(|tier| tier.name() == raw.as_ref());
            tiers.insert(tier.ok_or_else(|| {
                let message = format!("`{}` is no tier of agreements", raw.as_ref());
                self.fault(raw.span(), message, &Tier::SIGNED.map(Tier::name))
            })?);
        }
        let recipients_over = raw.recipients_over.map(Spanned::into_inner);
        Ok(Approval { tlp: tlp.transpose()?, categories, classes, recipients_over, tiers })
    }

    fn egress(&self, raw: raw::Egress) -> Result<Egress, Fault> {
        let list = |raw: At<String>| raw.map(|path| self.path(Some(path), "")).transpose();
        Ok(Egress {
            strings: list(raw.strings)?,
            expressions: list(raw.expressions)?,
            prefixes: list(raw.prefixes)?,
            hashes: list(raw.hashes)?,
        })
    }

    fn log(&self, raw: raw::Log) -> Result<Log, Fault> {
        let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug];
        let formats = [LogFormat::Text, LogFormat::Json];
        Ok(Log {
            level: self.one_of(raw.level, LogLevel::Info, &levels, LogLevel::name)?,
            format: self.one_of(raw.format, LogFormat::Text, &formats, LogFormat::name)?,
        })
    }

    fn partners(
        &self,
        raw: BTreeMap<Spanned<String>, raw::Partner>,
    ) -> Result<BTreeMap<EconomyId, Partner>, Fault> {
        raw.into_iter()
            .map(|(id, partner)| Ok((self.economy_id(&id)?, self.partner(partner)?)))
            .collect()
    }

    fn economy_id(&self, raw: &Spanned<String>) -> Result<EconomyId, Fault> {
        raw.as_ref().parse().map_err(|_no_id| {
            let message = format!(
                "`{}` is not an economy's id of 64 hexadecimal digits; `comity partner list` shows them",
                raw.as_ref()
            );
            self.fault(raw.span(), message, &[])
        })
    }

    fn partner(&self, raw: raw::Partner) -> Result<Partner, Fault> {
        Ok(Partner {
            addresses: self.addresses(raw.addresses)?,
            rate: self.rate(raw.rate)?,
            memory: self.at_least(raw.memory, MEMORY)?,
            disk: self.at_least(raw.disk, DISK)?,
            allow_x25519: raw.allow_x25519.is_some_and(Spanned::into_inner),
        })
    }

    fn path(&self, raw: At<String>, default: &str) -> Result<PathBuf, Fault> {
        match raw {
            None => Ok(self.folder.join(default)),
            Some(path) if path.as_ref().is_empty() => {
                Err(self.fault(path.span(), "an empty path".to_owned(), &[]))
            }
            Some(path) => Ok(self.folder.join(path.as_ref())),
        }
    }

    fn unit<T>(&self, raw: &Spanned<String>, value: Result<T, UnitError>) -> Result<T, Fault> {
        value.map_err(|error| self.fault(raw.span(), error.to_string(), error.units()))
    }

    fn duration(&self, raw: At<String>, default: Duration) -> Result<Duration, Fault> {
        match raw {
            None => Ok(default),
            Some(raw) => self.unit(&raw, units::duration(raw.as_ref())),
        }
    }

    fn size(&self, raw: At<String>, default: u64) -> Result<u64, Fault> {
        match raw {
            None => Ok(default),
            Some(raw) => self.unit(&raw, units::size(raw.as_ref())),
        }
    }

    fn rate(&self, raw: At<String>) -> Result<Option<u64>, Fault> {
        let Some(raw) = raw else { return Ok(None) };
        let rate = self.unit(&raw, units::rate(raw.as_ref()))?;
        if rate == 0 {
            let message = "a rate of zero; `comity partner suspend` stops a link".to_owned();
            return Err(self.fault(raw.span(), message, &[]));
        }
        Ok(Some(rate))
    }

    fn within(
        &self,
        raw: At<u64>,
        default: u64,
        range: &std::ops::RangeInclusive<u64>,
    ) -> Result<u64, Fault> {
        let Some(raw) = raw else { return Ok(default) };
        if range.contains(raw.as_ref()) {
            return Ok(*raw.as_ref());
        }
        let message = format!("{} is not {} to {}", raw.as_ref(), range.start(), range.end());
        Err(self.fault(raw.span(), message, &[]))
    }

    fn one_of<T: Copy>(
        &self,
        raw: At<String>,
        default: T,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Result<T, Fault> {
        let Some(raw) = raw else { return Ok(default) };
        all.iter().copied().find(|value| name(*value) == raw.as_ref()).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|value| name(*value)).collect();
            self.fault(raw.span(), format!("`{}` is not known here", raw.as_ref()), &names)
        })
    }
}

impl std::str::FromStr for Address {
    type Err = String;

    /// Reads a host name or an address that can be dialed, and its port.
    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is no host and port, such as csirt.example:{PORT}");
        if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
            let (ip, port) = (socket.ip(), socket.port());
            if ip.is_unspecified() || port == 0 {
                return Err(format!("`{socket}` is no address that a partner could dial"));
            }
            return Ok(Self { host: ip.to_string(), port });
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let port: u16 = port.parse().map_err(|_no_port| refused())?;
        if port == 0 || host.len() > 253 || !host.trim_end_matches('.').split('.').all(label) {
            return Err(refused());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}
