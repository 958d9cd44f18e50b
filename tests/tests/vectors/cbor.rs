//! CBOR that may be wrong: the library's writer cannot make it.

/// One item, encoded as it stands: nothing is sorted, shortened or checked.
#[derive(Clone, Debug)]
pub enum Item {
    Uint(u64),
    /// The integer -1 - n.
    Negative(u64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Bool(bool),
    /// Bytes that are written as they are.
    Raw(Vec<u8>),
}

impl Item {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Uint(value) => head(out, 0, *value),
            Self::Negative(value) => head(out, 1, *value),
            Self::Bytes(bytes) => {
                head(out, 2, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Self::Text(text) => {
                head(out, 3, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            Self::Array(items) => {
                head(out, 4, items.len() as u64);
                items.iter().for_each(|item| item.write(out));
            }
            Self::Map(pairs) => {
                head(out, 5, pairs.len() as u64);
                for (key, value) in pairs {
                    key.write(out);
                    value.write(out);
                }
            }
            Self::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
            Self::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// The shortest head.
pub fn head(out: &mut Vec<u8>, major: u8, value: u64) {
    let major = major << 5;
    match value {
        0..=23 => out.push(major | value as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, value as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// A map with unsigned keys that a case changes in one place.
#[derive(Clone, Debug)]
pub struct Fields(Vec<(Item, Item)>);

impl Fields {
    pub fn new(pairs: impl IntoIterator<Item = (u64, Item)>) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (Item::Uint(key), value)).collect())
    }

    /// Puts a value in the place of another, or after the last key below.
    pub fn with(mut self, key: u64, value: Item) -> Self {
        let below = |item: &Item| matches!(item, Item::Uint(other) if *other < key);
        let at = self.0.iter().take_while(|(item, _)| below(item)).count();
        let same = matches!(self.0.get(at), Some((Item::Uint(other), _)) if *other == key);
        self.0.splice(at..at + usize::from(same), [(Item::Uint(key), value)]);
        self
    }

    pub fn without(mut self, key: u64) -> Self {
        self.0.retain(|(item, _)| !matches!(item, Item::Uint(other) if *other == key));
        self
    }

    /// Appends a pair, wherever it belongs.
    pub fn append(mut self, key: Item, value: Item) -> Self {
        self.0.push((key, value));
        self
    }

    pub fn reversed(mut self) -> Self {
        self.0.reverse();
        self
    }

    pub fn item(self) -> Item {
        Item::Map(self.0)
    }
}
