//! How far what came in is believed: the two scales that the trade uses for sources and for what they say
//! (NATO's AJP-2.1, earlier STANAG 2022, which many call the Admiralty code). Ours alone, never sent, and
//! no part of any decision.

use std::fmt;

/// How reliable a source has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reliability {
    /// Completely reliable.
    A,
    /// Usually reliable.
    B,
    /// Fairly reliable.
    C,
    /// Not usually reliable.
    D,
    /// Unreliable.
    E,
    /// It cannot be judged.
    F,
}

/// How credible it is what a source says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Credibility {
    /// Confirmed by other sources.
    Confirmed,
    /// Probably true.
    Probable,
    /// Possibly true.
    Possible,
    /// Doubtful.
    Doubtful,
    /// Improbable.
    Improbable,
    /// Its truth cannot be judged.
    NotJudged,
}

impl Reliability {
    /// All of them, the most reliable first.
    pub const ALL: [Self; 6] = [Self::A, Self::B, Self::C, Self::D, Self::E, Self::F];

    /// The number in the journal.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::A => 1,
            Self::B => 2,
            Self::C => 3,
            Self::D => 4,
            Self::E => 5,
            Self::F => 6,
        }
    }

    /// The grade with this number.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|grade| grade.code() == code)
    }

    /// The grade with this letter, of either case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grade| grade.letter().eq_ignore_ascii_case(name))
    }

    /// Its letter.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
            Self::E => "E",
            Self::F => "F",
        }
    }

    /// What it means.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::A => "completely reliable",
            Self::B => "usually reliable",
            Self::C => "fairly reliable",
            Self::D => "not usually reliable",
            Self::E => "unreliable",
            Self::F => "reliability cannot be judged",
        }
    }
}

impl fmt::Display for Reliability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.letter())
    }
}

impl Credibility {
    /// All of them, the most credible first.
    pub const ALL: [Self; 6] = [
        Self::Confirmed,
        Self::Probable,
        Self::Possible,
        Self::Doubtful,
        Self::Improbable,
        Self::NotJudged,
    ];

    /// The number, in the journal and as people write it.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Confirmed => 1,
            Self::Probable => 2,
            Self::Possible => 3,
            Self::Doubtful => 4,
            Self::Improbable => 5,
            Self::NotJudged => 6,
        }
    }

    /// The grade with this number.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|grade| grade.code() == code)
    }

    /// What it means.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed by other sources",
            Self::Probable => "probably true",
            Self::Possible => "possibly true",
            Self::Doubtful => "doubtful",
            Self::Improbable => "improbable",
            Self::NotJudged => "truth cannot be judged",
        }
    }
}

impl fmt::Display for Credibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_and_their_numbers_are_one_to_one() {
        for ((grade, letter), number) in Reliability::ALL.into_iter().zip('A'..='F').zip(1..) {
            assert_eq!((grade.code(), grade.to_string()), (number, letter.to_string()));
            assert_eq!(Reliability::from_code(grade.code()), Some(grade));
            assert_eq!(Reliability::from_name(&letter.to_lowercase().to_string()), Some(grade));
        }
        for (grade, number) in Credibility::ALL.into_iter().zip(1..=6) {
            assert_eq!((grade.code(), grade.to_string()), (number, number.to_string()));
            assert_eq!(Credibility::from_code(number), Some(grade));
        }
        for code in [0, 7] {
            assert_eq!((Reliability::from_code(code), Credibility::from_code(code)), (None, None));
        }
        assert_eq!(Reliability::from_name("G"), None);
    }
}
