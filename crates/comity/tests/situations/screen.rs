//! What a screen says, and what the page says that it says.

/// A screen without what is drawn anew each time: minutes and seconds (`02:..:..Z`) and keys.
///
/// A time on the hour stays: nodes are started seconds after one, so it was meant by somebody.
pub(crate) fn settled(screen: &str) -> Vec<String> {
    let lines: Vec<_> = screen
        .lines()
        .map(|line| without_keys(&without_minutes(line)).trim_end().to_owned())
        .collect();
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    lines[..end].to_vec()
}

/// Whether a screen is as the page has it.
pub(crate) fn fits(expected: &[&str], screen: &[String]) -> bool {
    match (expected, screen) {
        ([], []) => true,
        (["...", rest @ ..], _) => (0..=screen.len()).any(|from| fits(rest, &screen[from..])),
        ([first, rest @ ..], [line, screen @ ..]) => alike(first, line) && fits(rest, screen),
        _ => false,
    }
}

/// How they differ, line by line.
pub(crate) fn difference(expected: &[&str], screen: &[String]) -> String {
    // The longest common lines from each place on.
    let (rows, columns) = (expected.len(), screen.len());
    let mut common = vec![vec![0_usize; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row][column] = if alike(expected[row], &screen[column]) {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut said = String::new();
    while row < rows || column < columns {
        if row < rows && column < columns && alike(expected[row], &screen[column]) {
            said += &format!("   {}\n", screen[column]);
            (row, column) = (row + 1, column + 1);
        } else if row < rows
            && (column == columns || common[row + 1][column] >= common[row][column + 1])
        {
            said += &format!("-  {}\n", expected[row]);
            row += 1;
        } else {
            said += &format!("+  {}\n", screen[column]);
            column += 1;
        }
    }
    said
}

/// A line of a page fits a line of a screen, `[..]` being anything.
fn alike(expected: &str, line: &str) -> bool {
    let Some((before, after)) = expected.split_once("[..]") else { return expected == line };
    let Some(rest) = line.strip_prefix(before) else { return false };
    let mut froms = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    froms.any(|from| alike(after, &rest[from..]))
}

fn without_minutes(line: &str) -> String {
    let mut said = line.to_owned();
    for at in (0..said.len().saturating_sub(8)).rev() {
        let Some(time) = said.get(at..at + 9) else { continue };
        let shape = time.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
        if shape.eq(*b"00:00:00Z") && !time.ends_with(":00:00Z") {
            said.replace_range(at + 3..at + 8, "..:..");
        }
    }
    said
}

/// Ids and keys are hexadecimal, and longer than any word.
fn without_keys(line: &str) -> String {
    const SHORTEST: usize = 8;
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut said = String::new();
    let mut rest = line;
    while let Some(from) = rest.find(is_hex) {
        let end = rest[from..].find(|c| !is_hex(c)).map_or(rest.len(), |end| from + end);
        let inside = rest[..from].ends_with(|c: char| c.is_alphanumeric())
            || rest[end..].starts_with(|c: char| c.is_alphanumeric());
        said += &rest[..from];
        said += if end - from >= SHORTEST && !inside { "[..]" } else { &rest[from..end] };
        rest = &rest[end..];
    }
    said + rest
}

#[test]
fn what_is_drawn_anew_does_not_count() {
    let key = "5f2b6a2c5b1f6f0a3f5f0b9a7b6e1f9d";
    let screen =
        format!("at 2026-11-23 02:07:41Z by {key}  \nuntil 2026-12-01 00:00:00Z, facade1\n\n");
    assert_eq!(
        settled(&screen),
        ["at 2026-11-23 02:..:..Z by [..]", "until 2026-12-01 00:00:00Z, facade1"]
    );
}

#[test]
fn a_screen_fits_or_is_told_apart() {
    let screen: Vec<_> = ["one", "two 2", "three"].map(str::to_owned).into();
    for fitting in
        [&["one", "two 2", "three"][..], &["one", "two [..]", "three"], &["...", "three"], &["..."]]
    {
        assert!(fits(fitting, &screen), "{fitting:?}");
    }
    for other in [&["one", "three"][..], &["one", "two", "three"], &["...", "two 2"], &[]] {
        assert!(!fits(other, &screen), "{other:?}");
    }
    assert_eq!(difference(&["one", "2", "three"], &screen), "   one\n-  2\n+  two 2\n   three\n");
}
