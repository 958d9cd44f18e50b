//! The values of a record file: each is understood where it stands, so that what is wrong is shown there.

use std::fmt::Display;
use std::ops::Range;
use std::path::Path;

use comity_admin::{Failure, FailureKind};
use comity_core::cbor::is_label;
use comity_core::limits::TEXT_BYTES;
use comity_core::time::ParseTimestampError;
use comity_core::{Marking, Onward, Pap, Timestamp, Tlp};
use comity_node::api::MarkingFields;
use comity_node::config::Fault;
use serde::Deserialize;
use toml::Spanned;

/// A value with its place.
pub(super) type At = Spanned<String>;

/// What passing on is called, from the loosest on.
const ONWARD: [(&str, Onward); 3] =
    [("within-marking", Onward::WithinMarking), ("ask", Onward::Ask), ("none", Onward::None)];

/// An instant, in quotes or as TOML has it: what it is, is said by the one place that reads instants.
#[derive(Clone, Deserialize)]
#[serde(from = "Written")]
struct Moment(String);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a time, such as 2027-01-31T09:00:00Z")]
enum Written {
    Text(String),
    Time(toml::value::Datetime),
}

impl From<Written> for Moment {
    fn from(written: Written) -> Self {
        match written {
            Written::Text(text) => Self(text),
            Written::Time(time) => Self(time.to_string()),
        }
    }
}

/// A marking as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct MarkingFile {
    tlp: Option<At>,
    pap: Option<At>,
    community: Option<At>,
    release_at: Option<Spanned<Moment>>,
    embargo_until: Option<Spanned<Moment>>,
    expires: Option<Spanned<Moment>>,
    onward: Option<At>,
    categories: Vec<At>,
    exercise: Option<At>,
}

/// The text that places are in.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// A refusal that shows its place.
    pub(super) fn wrong(
        &self,
        at: Range<usize>,
        what: impl Display,
        valid: Vec<String>,
    ) -> Failure {
        let fault = Fault::at(self.path.to_owned(), self.text, at, what.to_string(), valid);
        self.refused(fault)
    }

    /// The same, of what the TOML reader found.
    pub(super) fn unread(&self, error: &toml::de::Error) -> Failure {
        self.refused(Fault::from_toml(self.path.to_owned(), self.text, error))
    }

    fn refused(&self, fault: Fault) -> Failure {
        let next = format!("mend line {} of {}", fault.line, self.path.display());
        Failure::new(FailureKind::Data, "record-file-invalid", fault).next(next)
    }

    /// Understands a name, or shows those that are valid.
    pub(super) fn name<T: Display>(
        &self,
        given: &At,
        what: &str,
        read: impl Fn(&str) -> Option<T>,
        valid: impl IntoIterator<Item = T>,
    ) -> Result<T, Failure> {
        read(given.get_ref()).ok_or_else(|| {
            let message = format!("`{}` is not {what}", given.get_ref());
            let valid = valid.into_iter().map(|name| name.to_string()).collect();
            self.wrong(given.span(), message, valid)
        })
    }

    fn instant(&self, given: Option<&Spanned<Moment>>) -> Result<Option<Timestamp>, Failure> {
        let read = |given: &Spanned<Moment>| {
            let wrong = |error: ParseTimestampError| self.wrong(given.span(), error, Vec::new());
            given.get_ref().0.parse().map_err(wrong)
        };
        given.map(read).transpose()
    }

    /// What is written, and the marking that it makes of `default`. `None`: there is no label.
    pub(super) fn marking(
        &self,
        file: &MarkingFile,
        default: Option<&Marking>,
    ) -> Result<Option<Marking>, Failure> {
        let label = file.tlp.as_ref();
        let label = label
            .map(|given| self.name(given, "a label of TLP 2.0", Tlp::from_name, Tlp::ALL))
            .transpose()?;
        let (release_at, embargo_until, expires) = (
            self.instant(file.release_at.as_ref())?,
            self.instant(file.embargo_until.as_ref())?,
            self.instant(file.expires.as_ref())?,
        );
        let pap = file.pap.as_ref();
        let pap = pap
            .map(|given| self.name(given, "a label of PAP", Pap::from_name, Pap::ALL))
            .transpose()?;
        let exercise = file.exercise.as_ref();
        let exercise = exercise.map(|given| self.label(given, "the name of an exercise"));
        let exercise = exercise.transpose()?;
        let onward = file.onward.as_ref().map(|given| self.onward(given)).transpose()?;
        let begun = match (label, default) {
            (Some(tlp), Some(default)) => Marking { tlp, ..default.clone() },
            (Some(tlp), None) => Marking::new(tlp),
            (None, Some(default)) => default.clone(),
            (None, None) => {
                return match file.first() {
                    None => Ok(None),
                    Some(at) => {
                        let message = "a marking without `tlp`: name the label of the record, as loose as its loosest part, here or with --tlp";
                        Err(self.wrong(at, message, Vec::new()))
                    }
                };
            }
        };
        let mut categories = begun.categories.clone();
        for given in &file.categories {
            categories.insert(self.label(given, "a category")?);
        }
        // Which group a community is, the node knows.
        Ok(Some(Marking {
            categories,
            pap: pap.or(begun.pap),
            exercise: exercise.or(begun.exercise),
            release_at: release_at.or(begun.release_at),
            embargo_until: embargo_until.or(begun.embargo_until),
            expires: expires.or(begun.expires),
            onward: onward.unwrap_or(begun.onward),
            ..begun
        }))
    }

    fn label(&self, given: &At, what: &str) -> Result<String, Failure> {
        let text = given.get_ref();
        if !is_label(text) || text.len() > TEXT_BYTES {
            let message = format!("{what} is one line of 1 to {TEXT_BYTES} bytes");
            return Err(self.wrong(given.span(), message, Vec::new()));
        }
        Ok(text.clone())
    }

    fn onward(&self, given: &At) -> Result<Onward, Failure> {
        let found = ONWARD.iter().find(|(name, _)| name == given.get_ref());
        found.map(|(_, onward)| *onward).ok_or_else(|| {
            let message = format!("`{}` is not an answer to whether it goes on", given.get_ref());
            let valid = ONWARD.iter().map(|(name, _)| (*name).to_owned()).collect();
            self.wrong(given.span(), message, valid)
        })
    }

    /// A part is only ever stricter than its record: one that is not was meant otherwise.
    pub(super) fn stricter(&self, part: &MarkingFile, of: &Marking) -> Result<(), Failure> {
        let Some(own) = self.marking(part, Some(of))? else { return Ok(()) };
        let weaker = |own: &Marking| !own.at_least(of);
        // Each value alone, so that the one which is weaker is shown.
        let named = |given: &Option<At>| given.as_ref().map(Spanned::span);
        let timed = |given: &Option<Spanned<Moment>>| given.as_ref().map(Spanned::span);
        let alone = [
            (named(&part.tlp), Marking { tlp: own.tlp, ..of.clone() }, of.tlp.to_string()),
            (named(&part.pap), Marking { pap: own.pap, ..of.clone() }, pap(of.pap)),
            (
                timed(&part.release_at),
                Marking { release_at: own.release_at, ..of.clone() },
                time(of.release_at),
            ),
            (
                timed(&part.embargo_until),
                Marking { embargo_until: own.embargo_until, ..of.clone() },
                time(of.embargo_until),
            ),
            (
                timed(&part.expires),
                Marking { expires: own.expires, ..of.clone() },
                time(of.expires),
            ),
            (
                named(&part.onward),
                Marking { onward: own.onward, ..of.clone() },
                of.onward.to_string(),
            ),
        ];
        for (given, changed, whole) in alone {
            if let Some(given) = given.filter(|_| weaker(&changed)) {
                let message =
                    format!("weaker than the record's {whole}: a part is only ever stricter");
                return Err(self.wrong(given, message, Vec::new()));
            }
        }
        Ok(())
    }
}

fn pap(label: Option<Pap>) -> String {
    label.map_or_else(|| "none".to_owned(), |label| format!("PAP:{label}"))
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "none".to_owned(), |at| at.to_string())
}

impl MarkingFile {
    /// Where its first value stands.
    fn first(&self) -> Option<Range<usize>> {
        let named = [&self.tlp, &self.pap, &self.community, &self.onward, &self.exercise];
        let timed = [&self.release_at, &self.embargo_until, &self.expires];
        let named = named.into_iter().flatten().map(Spanned::span);
        let timed = timed.into_iter().flatten().map(Spanned::span);
        let categories = self.categories.iter().map(Spanned::span);
        named.chain(timed).chain(categories).min_by_key(|span| span.start)
    }

    /// As it is asked of a node.
    pub(super) fn fields(self) -> MarkingFields {
        let plain = |given: Option<At>| given.map(Spanned::into_inner);
        let time = |given: Option<Spanned<Moment>>| given.map(|given| given.into_inner().0);
        MarkingFields {
            tlp: plain(self.tlp),
            pap: plain(self.pap),
            community: plain(self.community),
            release_at: time(self.release_at),
            embargo_until: time(self.embargo_until),
            expires: time(self.expires),
            onward: plain(self.onward),
            categories: self.categories.into_iter().map(Spanned::into_inner).collect(),
            exercise: plain(self.exercise),
        }
    }
}
