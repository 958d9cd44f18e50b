//! A strict JSON tree that knows where it is.
//!
//! `serde_json` reads the text; on top of it this refuses what two readers may understand differently
//! (a name twice in one object: which `label` of a marking counts?) or what outgrows its text in
//! memory, and every fault carries the JSON pointer (RFC 6901) of the place.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::draft::one_line;
use crate::limits;

/// A value of a JSON document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Map(BTreeMap<Cow<'a, str>, Json<'a>>),
}

/// Why a document is not read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{fault}", Place(pointer))]
pub struct ImportError {
    /// A JSON pointer (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// More bytes than [`limits::DOCUMENT_BYTES`].
    #[error("the document has {0} bytes, and at most {max} are read", max = limits::DOCUMENT_BYTES)]
    TooLarge(usize),
    /// Not UTF-8, by its first bytes.
    #[error("the document is {0}: convert it first, `iconv -f {0} -t UTF-8 FILE`")]
    Encoding(&'static str),
    /// A gzip stream.
    #[error(
        "the document is compressed: give its file name an ending of `.gz`, or unpack it first"
    )]
    Compressed,
    /// No JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// A name twice in one object.
    #[error("given twice, and which one counts is anybody's guess")]
    Duplicate,
    /// Deeper than [`limits::DOCUMENT_DEPTH`].
    #[error("nested deeper than {max} levels", max = limits::DOCUMENT_DEPTH)]
    TooDeep,
    /// More values than [`limits::DOCUMENT_VALUES`].
    #[error("more than {max} values in one document", max = limits::DOCUMENT_VALUES)]
    TooMany,
    /// Not there, and needed.
    #[error("missing")]
    Missing,
    /// Of another type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What should be there.
        expected: &'static str,
        /// What is.
        found: &'static str,
    },
    /// A text that is none of the allowed ones.
    #[error("`{found}` is none of {allowed}")]
    Choice {
        /// What is there.
        found: String,
        /// What may be.
        allowed: String,
    },
    /// A text that does not have its form.
    #[error("`{found}` is not {expected}")]
    Form {
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// Another version of the format.
    #[error("this is CSAF {0}, and CSAF 2.0 is read: take the publisher's 2.0 document")]
    Version(String),
    /// Another format.
    #[error("{0}")]
    Foreign(&'static str),
}

struct Place<'a>(&'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "at `{}`: ", self.0) }
    }
}

impl<'a> Json<'a> {
    /// Reads a whole document: UTF-8, with or without a byte order mark.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, ImportError> {
        let text =
            undressed(bytes).map_err(|fault| ImportError { pointer: String::new(), fault })?;
        let trail = Trail::default();
        let mut source = serde_json::Deserializer::from_slice(text);
        let read = Seed(&trail).deserialize(&mut source);
        read.and_then(|json| source.end().map(|()| json)).map_err(|error| ImportError {
            pointer: pointer(&trail.steps.borrow()),
            fault: trail.fault.take().unwrap_or_else(|| Fault::Syntax(error.to_string())),
        })
    }

    /// The member of an object; `None` for anything else.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        if let Self::Map(members) = self { members.get(name) } else { None }
    }

    /// The member at the end of a path of names.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |json, name| json.member(name))
    }

    /// The text; `None` for anything else.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The text of a member, or an empty one.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.member(name).and_then(Self::as_text).unwrap_or("")
    }

    /// The items of a member that is a list, or none.
    pub(crate) fn list(&self, name: &str) -> &[Self] {
        if let Some(Self::List(items)) = self.member(name) { items } else { &[] }
    }

    /// The name of the type, as people say it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

/// The bytes without a byte order mark; a fault for what is certainly no UTF-8 text.
fn undressed(bytes: &[u8]) -> Result<&[u8], Fault> {
    if bytes.len() > limits::DOCUMENT_BYTES {
        return Err(Fault::TooLarge(bytes.len()));
    }
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Ok(rest),
        [0x1f, 0x8b, ..] => Err(Fault::Compressed),
        [0xff, 0xfe, 0, 0, ..] | [b'{', 0, 0, 0, ..] => Err(Fault::Encoding("UTF-32LE")),
        [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, b'{', ..] => Err(Fault::Encoding("UTF-32BE")),
        [0xff, 0xfe, ..] | [b'{', 0, ..] => Err(Fault::Encoding("UTF-16LE")),
        [0xfe, 0xff, ..] | [0, b'{', ..] => Err(Fault::Encoding("UTF-16BE")),
        _ => Ok(bytes),
    }
}

/// One step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Name(Cow<'a, str>),
    Index(usize),
}

/// The steps as a JSON pointer. Long or unprintable names are cut: a pointer ends on a terminal.
pub(crate) fn pointer(steps: &[Step<'_>]) -> String {
    let mut pointer = String::new();
    for step in steps {
        pointer.push('/');
        match step {
            Step::Name(name) => {
                pointer.push_str(&one_line(name, 64).replace('~', "~0").replace('/', "~1"));
            }
            Step::Index(index) => pointer.push_str(&index.to_string()),
        }
    }
    pointer
}

/// Where the reader is. A step is taken back only after its value was read, so that after a fault the
/// steps lead to it.
#[derive(Default)]
struct Trail<'a> {
    steps: RefCell<Vec<Step<'a>>>,
    fault: Cell<Option<Fault>>,
    values: Cell<usize>,
}

impl<'a> Trail<'a> {
    fn enter(&self, step: Step<'a>) {
        self.steps.borrow_mut().push(step);
    }

    fn leave(&self) {
        self.steps.borrow_mut().pop();
    }

    fn fail<E: serde::de::Error>(&self, fault: Fault) -> E {
        let error = E::custom(&fault);
        self.fault.set(Some(fault));
        error
    }

    /// Counts a value, and refuses what is too deep or too much.
    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        self.values.set(self.values.get().saturating_add(1));
        if self.values.get() > limits::DOCUMENT_VALUES {
            return Err(self.fail(Fault::TooMany));
        }
        if self.steps.borrow().len() > limits::DOCUMENT_DEPTH {
            return Err(self.fail(Fault::TooDeep));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Seed<'t, 'a>(&'t Trail<'a>);

impl<'a> DeserializeSeed<'a> for Seed<'_, 'a> {
    type Value = Json<'a>;

    fn deserialize<D: Deserializer<'a>>(self, source: D) -> Result<Json<'a>, D::Error> {
        self.0.count()?;
        source.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Seed<'_, 'a> {
    type Value = Json<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json<'a>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'a>, E> {
        Ok(Json::Bool(value))
    }

    // Only scores are read as numbers; integers beyond 2^53 lose digits in the tree, never in the original.
    #[allow(clippy::cast_precision_loss, reason = "no integer of the format is read")]
    fn visit_u64<E>(self, value: u64) -> Result<Json<'a>, E> {
        Ok(Json::Number(value as f64))
    }

    #[allow(clippy::cast_precision_loss, reason = "no integer of the format is read")]
    fn visit_i64<E>(self, value: i64) -> Result<Json<'a>, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'a>, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'a>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Json<'a>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut source: S) -> Result<Json<'a>, S::Error> {
        let mut items = Vec::new();
        loop {
            self.0.enter(Step::Index(items.len()));
            let item = source.next_element_seed(self)?;
            self.0.leave();
            match item {
                Some(item) => items.push(item),
                None => return Ok(Json::List(items)),
            }
        }
    }

    fn visit_map<M: MapAccess<'a>>(self, mut source: M) -> Result<Json<'a>, M::Error> {
        let mut members = BTreeMap::new();
        while let Some(name) = source.next_key_seed(NameSeed)? {
            self.0.enter(Step::Name(name.clone()));
            if members.contains_key(&name) {
                return Err(self.0.fail(Fault::Duplicate));
            }
            let value = source.next_value_seed(self)?;
            self.0.leave();
            members.insert(name, value);
        }
        Ok(Json::Map(members))
    }
}

/// Reads a member's name without copying it, when it has no escapes.
pub(crate) struct NameSeed;

impl<'a> DeserializeSeed<'a> for NameSeed {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, source: D) -> Result<Cow<'a, str>, D::Error> {
        source.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for NameSeed {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], at: &str, fault: impl Fn(&Fault) -> bool) {
        let error = Json::read(text).unwrap_err();
        assert_eq!(error.pointer, at, "{error}");
        assert!(fault(&error.fault), "{error}");
    }

    #[test]
    fn a_fault_names_its_place() {
        check(br#"{"a": [1, {"b/c": tru}]}"#, "/a/1/b~1c", |f| matches!(f, Fault::Syntax(_)));
        check(br#"{"a": {"b": 1, "b": 2}}"#, "/a/b", |f| *f == Fault::Duplicate);
        check(br#"{"a": {"b": 1, "\u0062": 2}}"#, "/a/b", |f| *f == Fault::Duplicate);
        check(b"{\"a\": [\"x\", \"\xff\"]}", "/a/1", |f| matches!(f, Fault::Syntax(_)));
        check(br#"{"a": 1} x"#, "", |f| matches!(f, Fault::Syntax(_)));
        check(b"", "", |f| matches!(f, Fault::Syntax(_)));
    }

    #[test]
    fn other_encodings_are_named() {
        check(b"\xff\xfe{\0}\0", "", |f| *f == Fault::Encoding("UTF-16LE"));
        check(b"\0{\0}", "", |f| *f == Fault::Encoding("UTF-16BE"));
        check(b"\x1f\x8b\x08", "", |f| *f == Fault::Compressed);
        assert_eq!(Json::read(b"\xef\xbb\xbf{}"), Ok(Json::Map(BTreeMap::new())));
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = "[".repeat(200_000);
        check(deep.as_bytes(), &"/0".repeat(limits::DOCUMENT_DEPTH + 1), |f| *f == Fault::TooDeep);
        let wide = format!("[{}0]", "0,".repeat(limits::DOCUMENT_VALUES));
        let at = format!("/{}", limits::DOCUMENT_VALUES - 1);
        check(wide.as_bytes(), &at, |f| *f == Fault::TooMany);
        check(&vec![b' '; limits::DOCUMENT_BYTES + 1], "", |f| matches!(f, Fault::TooLarge(_)));
    }
}
