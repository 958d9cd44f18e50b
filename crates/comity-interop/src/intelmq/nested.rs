//! Columns inside columns: events written as a tree, and `extra` as an object.
//!
//! Rarely met, and so written for clarity: what is inside is built again when something stays home.

use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::draft::one_line;
use crate::intelmq::columns::Role;
use crate::intelmq::row::{Cutter, without_place};
use crate::json::NameSeed;
use crate::limits;

/// What goes on of an object or a list; `None` when all of it does, as it is.
///
/// Inside a list one name may come again and again; there it decides nothing about the row.
pub(super) fn cut(
    cutter: &mut Cutter,
    path: &str,
    raw: &str,
    depth: usize,
    in_list: bool,
) -> Result<Option<String>, String> {
    if depth > limits::ROW_DEPTH {
        return Err(format!(
            "`{}` is nested deeper than {} levels",
            one_line(path, 64),
            limits::ROW_DEPTH
        ));
    }
    let inside = Inside { cutter, path, depth, in_list };
    serde_json::Deserializer::from_str(raw)
        .deserialize_any(inside)
        .map_err(|error| without_place(&error))
}

struct Inside<'c> {
    cutter: &'c mut Cutter,
    path: &'c str,
    depth: usize,
    in_list: bool,
}

impl Inside<'_> {
    /// What goes on of a value further in.
    fn further(&mut self, path: &str, raw: &str, in_list: bool) -> Result<Option<String>, String> {
        if raw.starts_with(['{', '[']) {
            cut(self.cutter, path, raw, self.depth + 1, in_list)
        } else {
            Ok(None)
        }
    }

    /// Whether an item of a list goes on.
    fn item_goes(&mut self, raw: &str) -> Result<bool, String> {
        let (_, role) = self.cutter.columns.role(self.path);
        Ok(!(role == Role::Named && self.cutter.text_stays(self.path, raw)?))
    }

    /// The column and the role of a member, if it goes on; reads it if it decides something.
    fn goes(&mut self, path: &str, raw: &str) -> Result<Option<(usize, Role)>, String> {
        self.cutter.count()?;
        let (id, role) = if self.in_list {
            self.cutter.columns.role(path)
        } else {
            let met = self.cutter.columns.meet(path, None);
            if met.twice {
                return Err(self.cutter.columns.twice(met.id));
            }
            self.cutter.note(met, raw)?;
            (met.id, met.role)
        };
        let stays = self.cutter.stays(role, path, raw)?;
        if stays {
            self.cutter.columns.count_drop(id);
        }
        Ok((!stays).then_some((id, role)))
    }
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<M: MapAccess<'de>>(mut self, mut source: M) -> Result<Option<String>, M::Error> {
        let mut text = String::from("{");
        let mut cut = false;
        while let Some(name) = source.next_key_seed(NameSeed)? {
            let raw = source.next_value::<&RawValue>()?.get();
            let path = format!("{}.{name}", self.path);
            let Some((id, role)) = self.goes(&path, raw).map_err(M::Error::custom)? else {
                cut = true;
                continue;
            };
            let in_list = self.in_list;
            let new = if role == Role::Url {
                self.cutter.less(id, raw)
            } else if role == Role::Time {
                self.cutter.time(id, raw).map_err(M::Error::custom)?
            } else {
                self.further(&path, raw, in_list).map_err(M::Error::custom)?
            };
            cut |= new.is_some();
            if text.len() > 1 {
                text.push_str(", ");
            }
            text.push_str(&serde_json::Value::from(name).to_string());
            text.push_str(": ");
            text.push_str(new.as_deref().unwrap_or(raw));
        }
        text.push('}');
        Ok(cut.then_some(text))
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut source: S) -> Result<Option<String>, S::Error> {
        let mut text = String::from("[");
        let mut cut = false;
        while let Some(raw) = source.next_element::<&RawValue>()? {
            let path = self.path;
            if !self.item_goes(raw.get()).map_err(S::Error::custom)? {
                cut = true;
                continue;
            }
            let new = self.further(path, raw.get(), true).map_err(S::Error::custom)?;
            cut |= new.is_some();
            if text.len() > 1 {
                text.push_str(", ");
            }
            text.push_str(new.as_deref().unwrap_or(raw.get()));
        }
        text.push(']');
        Ok(cut.then_some(text))
    }
}
