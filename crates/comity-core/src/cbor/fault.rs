//! What can be wrong with an encoding.

/// What was wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {offset}")]
pub struct Fault {
    /// Bytes before the item that was refused.
    pub offset: usize,
    /// What was wrong with it.
    pub problem: Problem,
}

/// A way for bytes not to be what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Problem {
    /// The input ends within an item.
    #[error("input ends too soon")]
    Truncated,
    /// A length that the rest of the input cannot hold.
    #[error("length beyond the input")]
    LengthBeyondInput,
    /// More input after the last item.
    #[error("bytes after the end")]
    TrailingBytes,
    /// An integer or a length in more bytes than it needs.
    #[error("integer longer than shortest")]
    LongInteger,
    /// An indefinite length.
    #[error("indefinite length")]
    IndefiniteLength,
    /// A float.
    #[error("float")]
    Float,
    /// A tag.
    #[error("tag")]
    Tag,
    /// A simple value other than false, true and null, or a reserved head.
    #[error("reserved or simple value")]
    Simple,
    /// Text that is not UTF-8.
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// A key met twice in one map.
    #[error("duplicate key")]
    DuplicateKey,
    /// Keys, or members of a set, out of order.
    #[error("unsorted keys")]
    UnsortedKeys,
    /// Arrays and maps nested deeper than [`limits::DEPTH`](crate::limits::DEPTH).
    #[error("nested too deep")]
    TooDeep,
    /// An item of another type than expected.
    #[error("unexpected type")]
    UnexpectedType,
    /// A key or an element that must be there is not.
    #[error("missing field")]
    MissingField,
    /// A key, in a closed map, that the format does not have.
    #[error("unknown field")]
    UnknownField,
    /// A value of the right type that the format does not allow here.
    #[error("value out of range")]
    OutOfRange,
    /// More bytes, elements or text than the format allows here.
    #[error("over the limit")]
    OverLimit,
    /// An empty list or text that has to be left out or filled.
    #[error("empty where something must stand")]
    Empty,
    /// A default written out: every value has one encoding.
    #[error("default written out")]
    Redundant,
    /// Text with control characters, or not of the alphabet that it needs.
    #[error("characters that do not belong here")]
    BadText,
}

impl Problem {
    /// A stable name, as the conformance vectors use it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::LengthBeyondInput => "length-beyond-input",
            Self::TrailingBytes => "trailing-bytes",
            Self::LongInteger => "long-integer",
            Self::IndefiniteLength => "indefinite-length",
            Self::Float => "float",
            Self::Tag => "tag",
            Self::Simple => "simple-value",
            Self::InvalidUtf8 => "invalid-utf8",
            Self::DuplicateKey => "duplicate-key",
            Self::UnsortedKeys => "unsorted-keys",
            Self::TooDeep => "too-deep",
            Self::UnexpectedType => "unexpected-type",
            Self::MissingField => "missing-field",
            Self::UnknownField => "unknown-field",
            Self::OutOfRange => "out-of-range",
            Self::OverLimit => "over-limit",
            Self::Empty => "empty",
            Self::Redundant => "redundant-default",
            Self::BadText => "bad-text",
        }
    }
}
