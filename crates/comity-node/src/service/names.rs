//! What economies may be called here.

use comity_core::EconomyId;
use comity_core::cbor::{is_invisible, is_label};

use crate::error::ServiceError;
use crate::state::{Bond, State};

/// A name is display only, but people and tables of routes say whom they mean by it: two that look
/// alike, one that reads like an id, or one that a screen shows otherwise would be a trap.
pub(super) fn check_name(
    state: &State,
    name: &str,
    economy: &EconomyId,
) -> Result<(), ServiceError> {
    // Whoever was removed has lost its name.
    let others =
        state.partners().filter(|(one, partner)| *one != economy && partner.bond != Bond::Removed);
    let taken = others.map(|(_, partner)| partner.name.as_str()).chain([state.code()]);
    name_problem(name, taken).map_or(Ok(()), |problem| {
        let message = format!("the name `{}` {problem}", name.escape_debug());
        Err(ServiceError::usage("name", message).next("choose another name"))
    })
}

/// Characters of a name.
const NAME_CHARACTERS: usize = 64;
/// As many hexadecimal digits mean an id where an economy is asked for.
const ID_FRONT: usize = 6;
/// What a list of records calls ourselves.
const OURSELVES: &str = "us";

fn name_problem<'a>(name: &str, mut taken: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let looks = appearance(name);
    if name.is_empty() || name.chars().count() > NAME_CHARACTERS {
        Some("is none: a name has 1 to 64 characters")
    } else if !is_label(name) || name.trim() != name || name.chars().any(is_invisible) {
        Some("has characters that a screen does not show as they are")
    } else if name.starts_with('-') {
        Some("begins like an option of a command")
    } else if name == OURSELVES || taken.any(|other| appearance(other) == looks) {
        Some("is ours or another partner's, or looks like it")
    } else if name.len() >= ID_FRONT && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Some("reads like the beginning of an economy's id")
    } else {
        None
    }
}

/// What a name looks like: capitals, in which Greek and Cyrillic letters that are drawn like Latin ones,
/// and the wide forms of East Asian sets, are those (after Unicode Technical Standard 39, section 4).
fn appearance(name: &str) -> String {
    let narrow = |wide: char| match wide {
        '\u{3000}' | '\u{a0}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(wide).saturating_sub(0xfee0)).unwrap_or(wide)
        }
        other => other,
    };
    let shown = name.chars().filter(|one| !is_invisible(*one));
    shown.map(narrow).flat_map(char::to_uppercase).map(as_latin).collect()
}

fn as_latin(capital: char) -> char {
    match capital {
        'Α' | 'А' => 'A',
        'Β' | 'В' => 'B',
        'С' | 'Ϲ' => 'C',
        'Ε' | 'Е' => 'E',
        'Ԍ' => 'G',
        'Η' | 'Н' => 'H',
        'Ι' | 'І' | 'Ӏ' => 'I',
        'Ј' | 'Ϳ' => 'J',
        'Κ' | 'К' => 'K',
        'Μ' | 'М' => 'M',
        'Ν' => 'N',
        'Ο' | 'О' => 'O',
        'Ρ' | 'Р' => 'P',
        'Ԛ' => 'Q',
        'Ѕ' => 'S',
        'Τ' | 'Т' => 'T',
        'Ѵ' => 'V',
        'Ԝ' => 'W',
        'Χ' | 'Х' => 'X',
        'Υ' | 'У' | 'Ү' => 'Y',
        'Ζ' => 'Z',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, problem: Option<&str>) {
        let found = name_problem(name, ["KR", "Fiji", "Québec"].into_iter());
        match (found, problem) {
            (None, None) => {}
            (Some(found), Some(problem)) => assert!(found.contains(problem), "{name}: {found}"),
            (found, _) => panic!("{name}: {found:?}"),
        }
    }

    #[test]
    fn a_name_means_one_economy_however_it_is_typed() {
        check("JP", None);
        check("US", None);
        check("Republic of Somewhere", None);
        for taken in ["KR", "kr", "FIJI", "QUÉBEC", "us"] {
            check(taken, Some("ours or another partner's"));
        }
        check("abcdef", Some("reads like"));
        check(&"A1".repeat(32), Some("reads like"));
        check("", Some("is none"));
        check(&"가".repeat(64), None);
        check(&"x".repeat(65), Some("is none"));
    }

    #[test]
    fn a_name_is_shown_as_it_is() {
        for name in ["a\u{1b}[2J", "a\nb", "a\u{202e}b", " JP", "JP\u{a0}"] {
            check(name, Some("does not show"));
        }
    }

    /// An introducer chooses the name that is proposed.
    #[test]
    fn a_name_that_looks_like_another_is_that_name() {
        for invisible in ["KR\u{200b}", "K\u{2060}R", "\u{feff}KR", "KR\u{e0020}", "K\u{ad}R"] {
            check(invisible, Some("does not show"));
        }
        for alike in ["КR", "Κr", "ＫＲ", "ｆｉｊｉ", "FІJI", "fiјi"] {
            check(alike, Some("looks like it"));
        }
        check("Корея", None);
        check("-KR", Some("like an option"));
    }
}
