//! What a search looks for, and whether bytes have it.

use comity_core::Section;
use comity_core::digest::read_hex;
use memchr::memmem::Finder;
use sha2::{Digest as _, Sha256};

use crate::api::{FileDigest, SearchRequest};
use crate::error::ServiceError;

/// Characters of a value at least: of fewer, everything has it.
const SHORTEST: usize = 3;
/// Bytes of a value at most.
const LONGEST: usize = 1024;
/// Files at most: one as it is, and one unpacked.
const FILES: usize = 8;

/// What is looked for.
#[derive(Debug)]
pub(super) enum Needle {
    /// A word, in small letters.
    Value(Box<Finder<'static>>),
    /// The same, in the parts alone that say to which case a record belongs.
    Case(Box<Finder<'static>>),
    /// Contents, by length and digest.
    Files(Vec<(u64, [u8; 32])>),
}

impl Needle {
    pub(super) fn read(request: &SearchRequest) -> Result<Self, ServiceError> {
        match request {
            SearchRequest::Value(value) => finder(value.trim()).map(Self::Value),
            SearchRequest::Case(case) => finder(case.trim()).map(Self::Case),
            SearchRequest::File(files) => Self::files(files),
        }
    }

    fn files(files: &[FileDigest]) -> Result<Self, ServiceError> {
        if files.is_empty() || files.len() > FILES {
            let message = format!("one to {FILES} files, by their digests");
            return Err(ServiceError::usage("file", message));
        }
        let read = |file: &FileDigest| {
            let digest = read_hex(&file.sha256).ok_or_else(|| {
                let message = format!("`{}` is not a SHA-256 digest in hexadecimal", file.sha256);
                ServiceError::usage("sha256", message)
            })?;
            Ok((file.bytes, digest))
        };
        files.iter().map(read).collect::<Result<_, _>>().map(Self::Files)
    }

    /// Whether it may be in parts of this section.
    pub(super) fn looks_at(&self, section: Section) -> bool {
        match self {
            Self::Value(_) | Self::Files(_) => true,
            Self::Case(_) => section == Section::Case,
        }
    }

    /// Whether a record that has it is meant as a whole.
    pub(super) fn is_of_records(&self) -> bool {
        matches!(self, Self::Case(_))
    }

    /// Whether a part's content has it.
    pub(super) fn is_in(&self, content: &[u8]) -> bool {
        match self {
            Self::Value(finder) | Self::Case(finder) => {
                let small = content.to_ascii_lowercase();
                finder.find_iter(&small).any(|at| stands_alone(&small, at, finder.needle()))
            }
            Self::Files(files) => {
                let length = content.len() as u64;
                files.iter().any(|(bytes, _)| *bytes == length) && {
                    let digest: [u8; 32] = Sha256::digest(content).into();
                    files.contains(&(length, digest))
                }
            }
        }
    }
}

/// What finds a word, in small letters.
fn finder(value: &str) -> Result<Box<Finder<'static>>, ServiceError> {
    if value.chars().count() < SHORTEST || value.len() > LONGEST {
        let message = format!("a value has {SHORTEST} characters to {LONGEST} bytes");
        return Err(
            ServiceError::usage("value", message).next("give the whole address, name or number")
        );
    }
    let small = value.to_ascii_lowercase();
    Ok(Box::new(Finder::new(small.as_bytes()).into_owned()))
}

/// Whether what was found is no piece of a longer word: `10.1.2.3` is not in `10.1.2.34`. What belongs
/// to a name is in an address that has it: `example.org` is in `http://www.example.org/a`.
fn stands_alone(content: &[u8], at: usize, needle: &[u8]) -> bool {
    let before = at.checked_sub(1).and_then(|at| content.get(at));
    let after = at.checked_add(needle.len()).and_then(|at| content.get(at));
    let splits = |inner: Option<&u8>, outer: Option<&u8>| {
        inner.is_some_and(u8::is_ascii_alphanumeric) && outer.is_some_and(u8::is_ascii_alphanumeric)
    };
    !splits(needle.first(), before) && !splits(needle.last(), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(value: &str) -> Needle {
        Needle::read(&SearchRequest::Value(value.to_owned())).unwrap()
    }

    #[test]
    fn a_value_is_found_as_a_word_of_its_own() {
        for (sought, content, there) in [
            ("10.1.2.3", "from 10.1.2.3:443", true),
            ("10.1.2.3", "from 10.1.2.34", false),
            ("10.1.2.3", "from 110.1.2.3", false),
            ("10.1.2.3", "110.1.2.3, then 10.1.2.3", true),
            ("Example.ORG", "http://www.example.org/a", true),
            ("example.org", "http://badexample.org/", false),
            ("example.org", "EXAMPLE.ORG", true),
            ("(secret)", "a(secret)b", true),
            (" 10.1.2.3 ", "10.1.2.3", true),
            ("naïve", "so naïve", true),
            ("10.1.2.3", "", false),
        ] {
            assert_eq!(value(sought).is_in(content.as_bytes()), there, "`{sought}` in `{content}`");
        }
    }

    #[test]
    fn a_file_is_found_by_all_that_it_contains() {
        let digest = |content: &[u8]| FileDigest {
            bytes: content.len() as u64,
            sha256: Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        let request = SearchRequest::File(vec![digest(b"packed"), digest(b"the file")]);
        let needle = Needle::read(&request).unwrap();
        assert!(needle.is_in(b"the file"));
        assert!(!needle.is_in(b"the fil"));
        assert!(!needle.is_in(b"the filE"));
    }

    #[test]
    fn what_says_nothing_is_refused() {
        let refused = |request: SearchRequest| Needle::read(&request).unwrap_err().code;
        assert_eq!(refused(SearchRequest::Value("ab".to_owned())), "value");
        assert_eq!(refused(SearchRequest::Value("  a  ".to_owned())), "value");
        assert_eq!(refused(SearchRequest::Value("a".repeat(1025))), "value");
        assert_eq!(refused(SearchRequest::File(Vec::new())), "file");
        let short = FileDigest { bytes: 1, sha256: "00".to_owned() };
        assert_eq!(refused(SearchRequest::File(vec![short])), "sha256");
    }
}
